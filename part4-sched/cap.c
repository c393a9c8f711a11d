// SPDX-License-Identifier: MIT
// cap.c - the table that says which object a capability names.
//
// There is one for all: whoever guesses a number may use it. (Part 5 gives each
// thread its own.)

#include "cap.h"

struct cap caps[CAPS];

int cap_add(enum cap_type type, void *object, uint64_t badge, cap_t *cap)
{
    for (cap_t i = 1; i < CAPS; i++)
        if (caps[i].type == CAP_EMPTY) {
            caps[i] = (struct cap){object, badge, type};
            *cap = i;
            return OK;
        }
    return ERROR_FULL;
}

void cap_remove(const void *object)
{
    for (cap_t i = 1; i < CAPS; i++)
        if (caps[i].object == object)
            caps[i] = (struct cap){0};
}
