// SPDX-License-Identifier: MIT
// trace.c - what happens, in order: the log that tests hold against a model.
//
// A ring of the latest events. Nothing in the kernel reads it; whoever looks
// at the machine's memory from outside does.

#include "trace.h"

bool tracing;

struct trace_ring {
    uint64_t count; // events so far; the next one goes to count % TRACE_EVENTS
    struct trace_event events[TRACE_EVENTS];
} trace_ring;

void trace_record(enum trace_kind kind, const struct thread *thread)
{
    struct trace_event *event =
        &trace_ring.events[trace_ring.count++ % TRACE_EVENTS];
    event->time = sysreg_read(cntvct_el0);
    event->kind = (uint16_t)kind;
    event->cpu = (uint16_t)this_cpu()->number;
    event->thread = thread ? thread->number : TRACE_NOBODY;
    for (unsigned i = 0; thread && i < 8; i++) // memcpy goes byte by byte
        event->x[i] = thread->frame.x[i];
}
