// SPDX-License-Identifier: MIT
// schedcontext.h - a scheduling context: the right to run, at a priority.
#ifndef STRATA_SCHEDCONTEXT_H
#define STRATA_SCHEDCONTEXT_H

#include "thread.h"

enum {
    PRIORITIES = 64, // 0 to 63; the higher one goes first
};

struct sched_context {
    unsigned priority;
    struct thread *owner;  // whose it is; NULL: nobody's yet
    struct list_node node; // in its run queue, or in `parked` of the thread at
                           // the end of its owner's chain of calls
    uint64_t left;         // of its slice, in ticks, if it was preempted; or 0
};

// Makes a context that is nobody's. The priority is less than PRIORITIES.
void schedcontext_init(struct sched_context *context, unsigned priority);

// Gives a context to a thread, which can run on it from now on. OK, or
// ERROR_ARGUMENT: it is somebody's already, or the thread has one.
int schedcontext_bind(struct sched_context *context, struct thread *thread);

#endif
