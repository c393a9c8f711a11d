// SPDX-License-Identifier: MIT
// sched.c - which thread runs next: the one that has waited longest.
//
// The run queue holds the threads that are ready, but not the one that runs.

#include "sched.h"
#include "panic.h"

struct thread *current;
static struct list_node run_queue = {&run_queue, &run_queue};

void sched_append(struct thread *thread)
{
    thread->state = THREAD_READY;
    list_append(&run_queue, &thread->node);
}

void sched_next(void)
{
    struct list_node *first = list_take_first(&run_queue);
    if (!first)
        panic("no thread can run");
    current = container_of(first, struct thread, node);
}
