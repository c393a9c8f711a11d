// SPDX-License-Identifier: MIT
// cap.h - the table that says which object a capability names.
#ifndef STRATA_CAP_H
#define STRATA_CAP_H

#include "strata.h"

enum {
    CAPS = 512, // in the table; number 0 stays empty
};

enum cap_type {
    CAP_EMPTY,
    CAP_THREAD,
    CAP_ENDPOINT,
    CAP_REPLY,
    CAP_NOTIFICATION,
    CAP_CONTEXT,
};

struct cap {
    void *object;
    uint64_t badge; // of an endpoint's; 0 unless it was minted
    enum cap_type type;
} __attribute__((aligned(32))); // so that an index is a shift

extern struct cap caps[CAPS];

// What the capability `cap` of a program names; NULL if it is not of this type.
static inline struct cap *cap_find(cap_t cap, enum cap_type type)
{
    return cap < CAPS && caps[cap].type == type ? &caps[cap] : NULL;
}

// The object that the capability `cap` of a program names; NULL if it is not of
// this type.
static inline void *cap_object(cap_t cap, enum cap_type type)
{
    const struct cap *found = cap_find(cap, type);
    return found ? found->object : NULL;
}

// Puts an entry for `object` into the table, and its number into `cap`. OK or
// ERROR_FULL.
int cap_add(enum cap_type type, void *object, uint64_t badge, cap_t *cap);

// Takes all entries for `object` out of the table.
void cap_remove(const void *object);

#endif
