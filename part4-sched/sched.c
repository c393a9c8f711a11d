// SPDX-License-Identifier: MIT
// sched.c - which thread runs next: the one at the end of the chain of calls
// of the first context of the highest priority.
//
// So whoever is waited for runs at the priority of those who wait, and nothing
// has to be raised, or lowered again: the chain is looked up when a context is
// picked. A context whose chain ends at a thread that waits is parked there.

#include "sched.h"
#include "deadlock.h"
#include "irq.h"
#include "machine.h"
#include "panic.h"
#include "timer.h"
#include "trace.h"
#include "uart.h"

struct thread *current;
struct list_node run_queues[PRIORITIES];
uint64_t occupied;
struct list_node exhausted = {&exhausted, &exhausted};
struct sched_context *running;
bool reschedule;
bool lending = true;

static uint64_t charged; // until when the running context was charged

void sched_init(void)
{
    for (unsigned i = 0; i < PRIORITIES; i++)
        list_init(&run_queues[i]);
}

// A slice is the context's that runs. One that is alone at its priority needs
// none. `last`, which ran before, keeps what is left of its own.
static void renew_slice(struct sched_context *last)
{
    static bool is_shared;
    bool was_shared = is_shared;
    if (was_shared && last != running)
        last->left = timer_slice_left();
    is_shared = running && running->node.next != running->node.previous;
    if (is_shared && (last != running || !was_shared)) {
        timer_begin_slice(running->left);
        running->left = 0;
    } else if (!is_shared && was_shared) {
        timer_end_slice();
    }
}

void sched_enqueue(struct sched_context *context)
{
    list_append(&run_queues[context->priority], &context->node);
    context->left = 0; // its turn is over
    occupied |= BIT(context->priority);
    if (!running || context->priority > running->priority)
        reschedule = true;
    else
        renew_slice(running);
}

static void dequeue(struct sched_context *context)
{
    list_remove(&context->node);
    if (list_empty(&run_queues[context->priority]))
        occupied &= ~BIT(context->priority);
}

// The server for whose answer `thread` waits, and which is to work for it;
// NULL: there is none. A server that went on without answering does not.
static struct thread *server_of(const struct thread *thread)
{
    switch (lending ? thread->state : THREAD_READY) {
    case THREAD_SENDING:
    case THREAD_CALLING:
        return thread->target;
    case THREAD_AWAITING_REPLY:
        return thread->target->client == thread ? thread->target : NULL;
    default:
        return NULL;
    }
}

struct thread *sched_end_of_chain(struct thread *thread)
{
    struct thread *server;
    while ((server = server_of(thread)))
        thread = server;
    return thread;
}

static struct sched_context *context_of(struct list_node *node)
{
    return container_of(node, struct sched_context, node);
}

void sched_unpark(struct thread *thread)
{
    struct list_node *node;
    while ((node = list_take_first(&thread->parked)))
        sched_enqueue(context_of(node));
}

void sched_leave_chain(struct thread *thread)
{
    struct thread *end = sched_end_of_chain(thread);
    sched_unpark(end);
    if (end == current) // perhaps it ran on the context of `thread`
        reschedule = true;
}

void sched_append(struct thread *thread)
{
    ASSERT(interrupts_masked());
    sched_leave_chain(thread);
    thread->state = THREAD_READY;
    trace(TRACE_APPEND, thread);
}

// The context may not run before its first refill.
static void exhaust(struct sched_context *context)
{
    dequeue(context);
    struct list_node *position = exhausted.next;
    while (position != &exhausted &&
           context_of(position)->refills[0].time <= context->refills[0].time)
        position = position->next;
    list_insert_before(position, &context->node);
    sched_leave_chain(context->owner); // others may have to run whom it ran
    trace(TRACE_EXHAUST, context->owner);
}

void sched_charge(uint64_t now)
{
    if (running && running->budget)
        schedcontext_charge(running, charged, now);
    charged = now;
}

// Charges the running context until now, and lets those run whose budget has
// come back.
static void account(uint64_t now)
{
    sched_charge(now);
    if (running && running->budget && running->refills[0].time > now)
        exhaust(running);
    while (!list_empty(&exhausted) &&
           context_of(exhausted.next)->refills[0].time <= now) {
        struct sched_context *context = context_of(list_take_first(&exhausted));
        sched_enqueue(context);
        trace(TRACE_REFILL, context->owner);
    }
}

// When a budget ends, or comes back, if nothing else happens; UINT64_MAX:
// never.
static uint64_t budget_due(void)
{
    uint64_t due = UINT64_MAX;
    if (running && running->budget)
        due = charged + running->refills[0].amount;
    if (!list_empty(&exhausted) &&
        context_of(exhausted.next)->refills[0].time < due)
        due = context_of(exhausted.next)->refills[0].time;
    return due;
}

void sched_restart(struct sched_context *context)
{
    dequeue(context);
    sched_enqueue(context);
    reschedule = true;
}

static struct sched_context *first_context(void)
{
    if (!occupied)
        return NULL;
    unsigned priority = 63 - (unsigned)__builtin_clzl(occupied);
    return context_of(run_queues[priority].next);
}

// Makes the first context that can run somebody the one that runs. Returns
// whom; NULL: there is none.
static struct thread *pick(void)
{
    while ((running = first_context())) {
        struct thread *end = sched_end_of_chain(running->owner);
        if (end->state == THREAD_READY)
            return end;
        dequeue(running);
        list_append(&end->parked, &running->node);
    }
    return NULL;
}

static void trace_lender(void)
{
    if (running && running->owner != current)
        trace(TRACE_LEND, running->owner);
}

void sched_next(void)
{
    ASSERT(interrupts_masked());
    if (!irq_is_bound(machine.uart_line) && uart_poll(CTRL_T))
        threads_print();
    struct thread *last = current;
    struct sched_context *last_context = running;
    account(sysreg_read(cntvct_el0));
    reschedule = false;
    current = pick();
    renew_slice(last_context);
    timer_set_budget(budget_due());
    if (current == last && running == last_context)
        return;
    if (current != last && last && last->state == THREAD_READY)
        trace(TRACE_APPEND, last); // it was preempted
    trace(TRACE_TAKE, current);
    trace_lender();
}

// Is a context parked at `thread` more urgent than the one that runs?
static bool is_more_urgent(const struct thread *thread)
{
    list_for_each(node, &thread->parked)
    {
        if (context_of(node)->priority > running->priority)
            return true;
    }
    return false;
}

void sched_switch(struct thread *thread)
{
    if (sched_end_of_chain(running->owner) != thread ||
        is_more_urgent(thread)) {
        sched_append(thread);
        sched_next();
        return;
    }
    thread->state = THREAD_READY;
    current = thread;
    trace_lender();
}

void sched_yield(void)
{
    struct sched_context *last = running;
    dequeue(last);
    sched_enqueue(last);
    sched_next();
    last->left = 0; // it has given back the rest of its slice
}

static unsigned priority_of(const struct list_node *node)
{
    return container_of(node, struct thread, node)->priority;
}

void sched_wait(enum thread_state state, struct thread *target,
                struct list_node *queue)
{
    sched_unpark(current); // they may have to run whom it waits for
    thread_block(current, state, target);
    current->priority = running->priority;
    struct list_node *position = queue;
    while (position->previous != queue &&
           priority_of(position->previous) < current->priority)
        position = position->previous;
    list_insert_before(position, &current->node);
    deadlock_check(current);
    sched_next();
}
