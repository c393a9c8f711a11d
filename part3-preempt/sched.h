// SPDX-License-Identifier: MIT
// sched.h - which thread runs next.
#ifndef STRATA_SCHED_H
#define STRATA_SCHED_H

#include "thread.h"

// The threads that are ready, but for the one that runs: first come, first
// served.
extern struct list_node run_queue;

// `thread`, which is in no queue, is ready: it goes to the end of the run
// queue.
void sched_append(struct thread *thread);

// Takes the first thread out of the run queue, and makes it the one that runs
// when the kernel is left. If there is none, `current` is NULL.
void sched_next(void);

// The current thread goes to the end of the run queue, and the first one runs.
static inline void sched_yield(void)
{
    sched_append(current);
    sched_next();
}

// The current thread waits in `queue`, for `target` if that is known (see
// struct thread); the first in the run queue runs when the kernel is left. Does
// not return if the thread now waits, by way of others, for itself: a deadlock.
void sched_wait(enum thread_state state, struct thread *target,
                struct list_node *queue);

// Makes `thread`, which is in no queue, the one that runs when the kernel is
// left: the direct switch.
static inline void sched_switch(struct thread *thread)
{
    thread->state = THREAD_READY;
    current = thread;
}

#endif
