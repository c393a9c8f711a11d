// SPDX-License-Identifier: MIT
// sched.c - which thread runs next: the one that has waited longest.

#include "sched.h"
#include "deadlock.h"
#include "trace.h"
#include "uart.h"

struct thread *current;
struct list_node run_queue = {&run_queue, &run_queue};

void sched_append(struct thread *thread)
{
    thread->state = THREAD_READY;
    list_append(&run_queue, &thread->node);
    trace(TRACE_APPEND, thread);
}

void sched_next(void)
{
    if (uart_poll(CTRL_T))
        threads_print();
    current = thread_take_first(&run_queue);
    if (!current)
        deadlock();
    trace(TRACE_TAKE, current);
}

void sched_wait(enum thread_state state, struct thread *target,
                struct list_node *queue)
{
    thread_block(current, state, target);
    list_append(queue, &current->node);
    deadlock_check(current);
    sched_next();
}
