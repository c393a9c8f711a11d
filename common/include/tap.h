// SPDX-License-Identifier: MIT
// tap.h - results of self-tests in the Test Anything Protocol, version 14.
#ifndef STRATA_TAP_H
#define STRATA_TAP_H

#include <stdbool.h>

// Prints the version line and starts counting from 1.
void tap_begin(void);

// Prints one test point, "ok 1 - NAME" or "not ok 1 - NAME", with a name made
// by printf's rules. Returns `passed`.
bool tap_point(bool passed, const char *name, ...)
    __attribute__((format(printf, 2, 3)));

// Prints the plan ("1..N"). Returns true if there was a point and none failed.
bool tap_end(void);

#endif
