// SPDX-License-Identifier: MIT
// backtrace.h - who called whom.
#ifndef STRATA_BACKTRACE_H
#define STRATA_BACKTRACE_H

#include "trapframe.h"

// Prints the calls that led to the code which `frame` interrupted, innermost
// first; NULL: to the caller of this function.
void backtrace(const struct trap_frame *frame);

// Prints the calls that led to the one which pushed `record`.
void backtrace_from(const void *record);

#endif
