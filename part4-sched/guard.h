// SPDX-License-Identifier: MIT
// guard.h - a guard at the end of a stack.
#ifndef STRATA_GUARD_H
#define STRATA_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#define GUARD_BITS 10                // log2 of
#define GUARD_SIZE (1 << GUARD_BITS) // the guarded bytes

// From now on any access to the lowest GUARD_SIZE bytes of the stack that
// begins at `bottom` (a multiple of GUARD_SIZE) is an exception. There is one
// guard: the one set before is off.
void guard_set(uintptr_t bottom);

// Is `address` in the guarded bytes?
bool guard_covers(uint64_t address);

#endif
