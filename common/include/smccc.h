// SPDX-License-Identifier: MIT
// smccc.h - calls to the firmware, by the SMC Calling Convention (DEN 0028).
#ifndef STRATA_SMCCC_H
#define STRATA_SMCCC_H

#include <stdint.h>

// Calls the firmware's function `function` with up to three arguments, by an
// HVC or an SMC instruction. Returns its result; negative values are errors.
int64_t smccc_hvc(uint32_t function, uint64_t a, uint64_t b, uint64_t c);
int64_t smccc_smc(uint32_t function, uint64_t a, uint64_t b, uint64_t c);

#endif
