// SPDX-License-Identifier: MIT
// sched.c - which thread runs next: the one that has waited longest.

#include "sched.h"
#include "deadlock.h"
#include "irq.h"
#include "machine.h"
#include "panic.h"
#include "timer.h"
#include "trace.h"
#include "uart.h"

struct thread *current;
struct list_node run_queue = {&run_queue, &run_queue};

void sched_append(struct thread *thread)
{
    ASSERT(interrupts_masked());
    thread->state = THREAD_READY;
    if (list_empty(&run_queue))
        timer_begin_slice();
    list_append(&run_queue, &thread->node);
    trace(TRACE_APPEND, thread);
}

void sched_next(void)
{
    ASSERT(interrupts_masked());
    if (!irq_is_bound(machine.uart_line) && uart_poll(CTRL_T))
        threads_print();
    current = thread_take_first(&run_queue);
    if (list_empty(&run_queue))
        timer_end_slice();
    else
        timer_begin_slice();
    if (current)
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
