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

uint64_t idle_cpus;
unsigned unpinned;
bool lending = true;

// A slice is the context's that runs. One that is alone at its priority needs
// none. `last`, which ran before, keeps what is left of its own.
static void renew_slice(struct cpu *cpu, struct sched_context *last)
{
    struct sched_context *running = cpu->running;
    bool was_shared = cpu->is_shared;
    if (was_shared && last != running)
        last->left = timer_slice_left();
    cpu->is_shared = running && running->node.next != running->node.previous;
    if (cpu->is_shared && (last != running || !was_shared)) {
        timer_begin_slice(running->left);
        running->left = 0;
    } else if (!cpu->is_shared && was_shared) {
        timer_end_slice();
    }
}

// The CPU is to look whom it runs. Another one is told by an interrupt.
static void kick(struct cpu *cpu)
{
    cpu->reschedule = true;
    idle_cpus &= ~BIT(cpu->number);
    if (cpu != this_cpu())
        gic_send(cpu);
}

static struct sched_context *context_of(struct list_node *node)
{
    return container_of(node, struct sched_context, node);
}

void sched_enqueue(struct sched_context *context)
{
    struct cpu *cpu = context->cpu;
    list_append(&cpu->run_queues[context->priority], &context->node);
    context->left = 0; // its turn is over
    cpu->occupied |= BIT(context->priority);
    if (!cpu->running || context->priority > cpu->running->priority) {
        kick(cpu);
        return;
    }
    if (cpu == this_cpu())
        renew_slice(cpu, cpu->running);
    else if (context->priority == cpu->running->priority)
        kick(cpu); // a slice begins
}

static void dequeue(struct sched_context *context)
{
    struct cpu *cpu = context->cpu;
    list_remove(&context->node);
    if (list_empty(&cpu->run_queues[context->priority]))
        cpu->occupied &= ~BIT(context->priority);
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

void sched_unpark(struct thread *thread)
{
    struct list_node *node;
    thread->awaited = false;
    while ((node = list_take_first(&thread->parked)))
        sched_enqueue(context_of(node));
}

void sched_leave_chain(struct thread *thread)
{
    struct thread *end = sched_end_of_chain(thread);
    sched_unpark(end);
    if (end->cpu) // perhaps it ran on the context of `thread`
        kick(end->cpu);
}

void sched_append(struct thread *thread)
{
    ASSERT(this_cpu()->is_holder);
    sched_leave_chain(thread);
    thread->state = THREAD_READY;
    trace(TRACE_APPEND, thread);
}

// Puts a context, which is in no queue and has nothing left, where it waits for
// its first refill.
static void wait_for_refill(struct sched_context *context)
{
    struct list_node *queue = &context->cpu->exhausted;
    struct list_node *position = queue->next;
    while (position != queue &&
           context_of(position)->refills[0].time <= context->refills[0].time)
        position = position->next;
    list_insert_before(position, &context->node);
}

// The context may not run before its first refill.
static void exhaust(struct sched_context *context)
{
    dequeue(context);
    wait_for_refill(context);
    sched_leave_chain(context->owner); // others may have to run whom it ran
    trace(TRACE_EXHAUST, context->owner);
}

void sched_charge(struct cpu *cpu, uint64_t now)
{
    if (now <= cpu->charged)
        return; // the counter was read before we had the lock
    if (cpu->running && cpu->running->budget)
        schedcontext_charge(cpu->running, cpu->charged, now);
    cpu->charged = now;
}

// Charges the running context until now, and lets those run whose budget has
// come back.
static void account(struct cpu *cpu, uint64_t now)
{
    struct sched_context *running = cpu->running;
    sched_charge(cpu, now);
    if (running && running->budget && running->refills[0].time > now)
        exhaust(running);
    while (!list_empty(&cpu->exhausted) &&
           context_of(cpu->exhausted.next)->refills[0].time <= now) {
        struct sched_context *context =
            context_of(list_take_first(&cpu->exhausted));
        sched_enqueue(context);
        trace(TRACE_REFILL, context->owner);
    }
}

// When a budget ends, or comes back, if nothing else happens; UINT64_MAX:
// never.
static uint64_t budget_due(const struct cpu *cpu)
{
    const struct sched_context *running = cpu->running;
    uint64_t due = UINT64_MAX;
    if (running && running->budget)
        due = cpu->charged + running->refills[0].amount;
    if (!list_empty(&cpu->exhausted) &&
        context_of(cpu->exhausted.next)->refills[0].time < due)
        due = context_of(cpu->exhausted.next)->refills[0].time;
    return due;
}

void sched_restart(struct sched_context *context)
{
    dequeue(context);
    sched_enqueue(context);
    kick(context->cpu);
}

// The home of a context, which runs nobody, is `cpu` from now on.
static void move(struct sched_context *context, struct cpu *cpu)
{
    sched_leave_chain(context->owner); // others have to run whom it ran
    dequeue(context);
    context->cpu = cpu;
    if (context->budget && context->refills[0].time > sysreg_read(cntvct_el0)) {
        wait_for_refill(context);
        kick(cpu); // its timer is not set for this one
    } else {
        sched_enqueue(context);
    }
}

void sched_pin(struct sched_context *context, struct cpu *cpu)
{
    unpinned += (unsigned)!cpu - (unsigned)!context->pin;
    context->pin = cpu;
    if (context->cpu == cpu)
        return;
    if (context->cpu->running == context)
        kick(context->cpu); // which moves it, when nobody runs on it
    else if (context->owner)
        move(context, cpu ? cpu : context->cpu); // it is parked no longer
}

static struct sched_context *first_context(const struct cpu *cpu)
{
    if (!cpu->occupied)
        return NULL;
    unsigned priority = 63 - (unsigned)__builtin_clzl(cpu->occupied);
    return context_of(cpu->run_queues[priority].next);
}

// Makes the first context that can run somebody the one that runs. Returns
// whom; NULL: there is none. Somebody who runs on another CPU can't run here.
static struct thread *pick(struct cpu *cpu)
{
    struct sched_context *context;
    while ((context = cpu->running = first_context(cpu))) {
        struct thread *end = sched_end_of_chain(context->owner);
        if (end->state == THREAD_READY && (!end->cpu || end->cpu == cpu))
            return end;
        end->awaited |= end->cpu && end->cpu != cpu;
        dequeue(context);
        list_append(&end->parked, &context->node);
    }
    return NULL;
}

// Can another CPU take this context over?
static bool is_free(const struct sched_context *context)
{
    const struct thread *owner = context->owner;
    return !context->pin && context != context->cpu->running &&
           owner->state == THREAD_READY && !owner->cpu;
}

// The most urgent context on `cpu`, which is busy, that is free; NULL: there is
// none.
static struct sched_context *first_free(const struct cpu *cpu)
{
    uint64_t queues = cpu->thread ? cpu->occupied : 0;
    while (queues) {
        unsigned priority = 63 - (unsigned)__builtin_clzl(queues);
        list_for_each(node, &cpu->run_queues[priority]) {
            if (is_free(context_of(node)))
                return context_of(node);
        }
        queues &= ~BIT(priority);
    }
    return NULL;
}

// The same of all CPUs.
static struct sched_context *find_free(void)
{
    struct sched_context *most_urgent = NULL;
    for_each_cpu(cpu) {
        struct sched_context *context = first_free(cpu);
        if (context &&
            (!most_urgent || context->priority > most_urgent->priority))
            most_urgent = context;
    }
    return most_urgent;
}

void sched_wake_idle(void)
{
    if (find_free())
        kick(&cpus[__builtin_ctzl(idle_cpus)]);
}

// A CPU that has nothing to do takes over what is free. Returns whom it runs
// now, or NULL.
static struct thread *steal(struct cpu *cpu)
{
    struct sched_context *context = find_free();
    if (context)
        move(context, cpu);
    return pick(cpu);
}

static void trace_lender(const struct cpu *cpu)
{
    if (cpu->running && cpu->running->owner != cpu->thread)
        trace(TRACE_LEND, cpu->running->owner);
}

// `thread` is the one that runs on `cpu` from now on.
static void set_current(struct cpu *cpu, struct thread *thread)
{
    if (cpu->thread)
        cpu->thread->cpu = NULL;
    if (thread)
        thread->cpu = cpu;
    cpu->thread = thread;
}

// `thread` does not run here any more, but it could elsewhere: on the context
// of another CPU, or on its own.
static void leave(struct thread *thread)
{
    trace(TRACE_APPEND, thread);
    if (thread->awaited || (thread->context && !thread->context->pin))
        sched_unpark(thread);
}

void sched_next(void)
{
    ASSERT(this_cpu()->is_holder);
    if (!irq_is_bound(machine.uart_line) && uart_poll(CTRL_T))
        threads_print();
    struct cpu *cpu = this_cpu();
    struct thread *last = cpu->thread;
    struct sched_context *last_context = cpu->running;
    account(cpu, sysreg_read(cntvct_el0));
    if (last_context && last_context->pin && last_context->pin != cpu)
        move(last_context, last_context->pin);
    struct thread *next = pick(cpu);
    renew_slice(cpu, last_context);
    if (next != last) {
        set_current(cpu, next);
        if (last && last->state == THREAD_READY)
            leave(last); // it was preempted
    }
    if (!next)
        set_current(cpu, next = steal(cpu));
    cpu->reschedule = false;
    timer_set_budget(budget_due(cpu));
    if (next == last && cpu->running == last_context)
        return;
    trace(TRACE_TAKE, next);
    trace_lender(cpu);
}

// Is a context parked at `thread` more urgent than the one that runs? Those of
// other CPUs don't count, they wait on.
static bool is_more_urgent(const struct cpu *cpu, struct thread *thread)
{
    list_for_each(node, &thread->parked) {
        const struct sched_context *context = context_of(node);
        if (context->cpu != cpu)
            thread->awaited = true;
        else if (context->priority > cpu->running->priority)
            return true;
    }
    return false;
}

void sched_switch(struct thread *thread)
{
    struct cpu *cpu = this_cpu();
    if (sched_end_of_chain(cpu->running->owner) != thread ||
        is_more_urgent(cpu, thread)) {
        sched_append(thread);
        sched_next();
        return;
    }
    thread->state = THREAD_READY;
    set_current(cpu, thread);
    trace_lender(cpu);
}

void sched_yield(void)
{
    struct sched_context *last = this_cpu()->running;
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
    current->priority = this_cpu()->running->priority;
    struct list_node *position = queue;
    while (position->previous != queue &&
           priority_of(position->previous) < current->priority)
        position = position->previous;
    list_insert_before(position, &current->node);
    deadlock_check(current);
    sched_next();
}
