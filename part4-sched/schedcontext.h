// SPDX-License-Identifier: MIT
// schedcontext.h - a scheduling context: the right to run, at a priority, and,
// if it has a budget, for so much of each period.
#ifndef STRATA_SCHEDCONTEXT_H
#define STRATA_SCHEDCONTEXT_H

#include "thread.h"

enum {
    REFILLS = 8, // in so many pieces a budget comes back, at most
    PIECE = 100, // ticks of CNTVCT: less is no use by itself
};

// Some of a budget, and from when on it may be used.
struct refill {
    uint64_t time, amount; // in ticks of CNTVCT
};

struct sched_context {
    unsigned priority;
    struct thread *owner;  // whose it is; NULL: nobody's yet
    struct cpu *cpu;       // its home, where whomever it runs runs
    struct cpu *pin;       // the only one; NULL: it may move
    struct list_node node; // in its run queue, or in `parked` of the thread at
                           // the end of its owner's chain of calls, or, while
                           // its budget is used up, in `exhausted`
    uint64_t left;         // of its slice, in ticks, if it was preempted; or 0
    uint64_t budget;       // in ticks of a period; 0: it has no limit
    uint64_t period;       // in ticks
    struct refill refills[REFILLS]; // in the order of time; together the budget
    unsigned refill_count;
};

// Makes a context that is nobody's, pinned to this CPU. The priority is less
// than PRIORITIES.
void schedcontext_init(struct sched_context *context, unsigned priority);

// Gives a context to a thread, which can run on it from now on. OK, or
// ERROR_ARGUMENT: it is somebody's already, or the thread has one.
int schedcontext_bind(struct sched_context *context, struct thread *thread);

// From now on the context may use `budget` ticks of each period. OK, or
// ERROR_ARGUMENT: not PIECE <= budget <= period < 2^63.
int schedcontext_limit(struct sched_context *context, uint64_t budget,
                       uint64_t period);

// Takes what was used from `begin` to `end` off a limited context's budget. It
// comes back a period after it was begun to be used.
void schedcontext_charge(struct sched_context *context, uint64_t begin,
                         uint64_t end);

#endif
