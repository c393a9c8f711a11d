// SPDX-License-Identifier: MIT
// sysreg.h - reading and writing the CPU's system registers by name.
#ifndef STRATA_SYSREG_H
#define STRATA_SYSREG_H

#include <stdint.h>

// The value of a system register: sysreg_read(esr_el1).
#define sysreg_read(name)                                    \
    ({                                                       \
        uint64_t sysreg_value;                               \
        asm volatile("mrs %0, " #name : "=r"(sysreg_value)); \
        sysreg_value;                                        \
    })

// Writes a system register. What follows already sees its effect: a direct
// write takes effect at the next context synchronization event, and the ISB
// is one (Arm ARM, "Synchronization requirements for AArch64 System
// registers").
#define sysreg_write(name, value)           \
    asm volatile("msr " #name ", %0\n\tisb" \
                 :                          \
                 : "r"((uint64_t)(value))   \
                 : "memory")

#endif
