// SPDX-License-Identifier: MIT
// psci.h - asking the firmware to start CPUs, and to switch the machine off.
#ifndef STRATA_PSCI_H
#define STRATA_PSCI_H

#include <stdint.h>

#define PSCI_NOT_SUPPORTED (-1)

// Says how the firmware is called: the device tree's "method" of the PSCI
// node, "hvc" or "smc". Anything else, NULL too, means that there is none.
void psci_init(const char *method);

// Starts the CPU whose name in MPIDR_EL1 is `affinity`: with `argument` in x0
// it begins at `entry`, in the state that boot.S expects. 0, or PSCI's error
// (DEN 0022, "Return codes").
int64_t psci_cpu_on(uint64_t affinity, uintptr_t entry, uint64_t argument);

// Switches the machine off. Where that can't be done it says so and stops.
_Noreturn void psci_power_off(void);

#endif
