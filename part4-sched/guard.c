// SPDX-License-Identifier: MIT
// guard.c - a guard at the end of a stack.
//
// Without an MMU no page can be left out below a stack. But the CPU has
// watchpoints, made for debuggers: one of them watches the stack's lowest KiB
// (Arm ARM, "Watchpoint exceptions"). No function's frame is larger than
// that (the compiler warns from 512 bytes on), so none can step over it. While
// an exception is handled PSTATE.D masks watchpoints.

#include "guard.h"
#include "registers.h"
#include "sysreg.h"

void guard_set(uintptr_t bottom)
{
    sysreg_write(dbgwvr0_el1, bottom);
    sysreg_write(dbgwcr0_el1, DBGWCR_MASK(GUARD_BITS) | DBGWCR_BAS |
                                  DBGWCR_LSC | DBGWCR_PAC_EL1 | DBGWCR_E);
}

bool guard_covers(uint64_t address)
{
    uint64_t bottom = sysreg_read(dbgwvr0_el1);
    return address >= bottom && address - bottom < GUARD_SIZE;
}
