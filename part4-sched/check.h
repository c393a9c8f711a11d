// SPDX-License-Identifier: MIT
// check.h - the kernel's invariants, checked after every call if the command
// line says so: check=1.
#ifndef STRATA_CHECK_H
#define STRATA_CHECK_H

#include <stdbool.h>

extern bool checking;

// Panics if something is not as it must be whenever the kernel is left.
void check(void);

#endif
