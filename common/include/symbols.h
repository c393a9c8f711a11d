// SPDX-License-Identifier: MIT
// symbols.h - the names of the kernel's functions, for those who read a report.
#ifndef STRATA_SYMBOLS_H
#define STRATA_SYMBOLS_H

#include <stdint.h>

// The name of the function that `address` lies in, and how many bytes behind
// its start that is; NULL if it lies in none.
const char *symbol_name(uint64_t address, uint64_t *offset);

#endif
