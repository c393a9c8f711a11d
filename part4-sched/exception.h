// SPDX-License-Identifier: MIT
// exception.h - what the kernel does on an exception.
#ifndef STRATA_EXCEPTION_H
#define STRATA_EXCEPTION_H

#include "trapframe.h"

// Called by vectors.S for every exception. So far each of them is a mistake,
// and ends in the report of it.
_Noreturn void exception(struct trap_frame *frame);

// Prints in two lines which kind of exception `frame` is about and where it
// came from, and its syndrome (ESR_EL1) in words.
void exception_describe(const struct trap_frame *frame);

#endif
