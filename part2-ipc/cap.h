// SPDX-License-Identifier: MIT
// cap.h - the table that says which object a capability names.
#ifndef STRATA_CAP_H
#define STRATA_CAP_H

#include "strata.h"

enum {
    CAPS = 256, // in the table; number 0 stays empty
};

enum cap_type {
    CAP_EMPTY,
    CAP_THREAD,
};

struct cap {
    void *object;
    enum cap_type type;
};

extern struct cap caps[CAPS];

// What the capability `cap` of a program names; NULL if it is not of this type.
static inline struct cap *cap_find(cap_t cap, enum cap_type type)
{
    return cap < CAPS && caps[cap].type == type ? &caps[cap] : NULL;
}

// Puts an entry for `object` into the table, and its number into `cap`. OK or
// ERROR_FULL.
int cap_add(enum cap_type type, void *object, cap_t *cap);

#endif
