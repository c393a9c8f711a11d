// SPDX-License-Identifier: MIT
// psci.h - asking the firmware to switch the machine off.
#ifndef STRATA_PSCI_H
#define STRATA_PSCI_H

// Says how the firmware is called: the device tree's "method" of the PSCI
// node, "hvc" or "smc". Anything else, NULL too, means that there is none.
void psci_init(const char *method);

// Switches the machine off. Where that can't be done it says so and stops.
_Noreturn void psci_power_off(void);

#endif
