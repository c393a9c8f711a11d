// SPDX-License-Identifier: MIT
// trace.h - what happens, in order, for those who look at it from outside.
#ifndef STRATA_TRACE_H
#define STRATA_TRACE_H

#include "thread.h"

enum {
    TRACE_EVENTS = 4096, // in the ring; the oldest are written over
    TRACE_NOBODY = -1,   // the thread's number, where no thread can run
};

enum trace_kind {
    TRACE_ENTER = 1, // a thread enters the kernel: x is its call
    TRACE_LEAVE,     // a thread goes on: x is what it gets
    TRACE_APPEND,    // a thread is ready, and does not run
    TRACE_TAKE,      // a thread is picked to run; or nobody
    TRACE_INTERRUPT, // a thread is interrupted, or a CPU that has none
    TRACE_LEND,      // the thread on whose context the next one runs
    TRACE_EXHAUST,   // the budget of a thread's context is used up
    TRACE_REFILL,    // some of it is back
};

struct trace_event {
    uint64_t time;   // in ticks of CNTVCT
    uint16_t kind;   // enum trace_kind
    uint16_t cpu;    // its number
    uint32_t thread; // its number
    uint64_t x[8];   // its registers x0 to x7, as they were saved
};

// Are events recorded? The command line says so: trace=1.
extern bool tracing;

void trace_record(enum trace_kind kind, const struct thread *thread);

// Records an event, if events are recorded.
static inline void trace(enum trace_kind kind, const struct thread *thread)
{
    if (tracing)
        trace_record(kind, thread);
}

#endif
