// SPDX-License-Identifier: MIT
// psci.c - asking the firmware to switch the machine off.
//
// Firmware answers calls made by one of two instructions; which one, the
// device tree says (Arm Power State Coordination Interface, DEN 0022).

#include "psci.h"
#include "printf.h"
#include "smccc.h"
#include "string.h"

#define PSCI_SYSTEM_OFF 0x84000008 // DEN 0022, "SYSTEM_OFF"

// Calls the firmware's `function` with three arguments. NULL: there is none.
static int64_t (*psci_call)(uint32_t, uint64_t, uint64_t, uint64_t);

void psci_init(const char *method)
{
    if (method && strcmp(method, "hvc") == 0)
        psci_call = smccc_hvc;
    else if (method && strcmp(method, "smc") == 0)
        psci_call = smccc_smc;
}

_Noreturn void psci_power_off(void)
{
    if (psci_call)
        psci_call(PSCI_SYSTEM_OFF, 0, 0, 0);
    printf("the machine has no firmware that switches it off\n");
    for (;;)
        asm volatile("wfe");
}
