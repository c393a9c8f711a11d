// SPDX-License-Identifier: MIT
// check.c - the kernel's invariants. Everything here costs time, changes
// nothing, and could be left out.

#include "check.h"
#include "cap.h"
#include "endpoint.h"
#include "irq.h"
#include "notification.h"
#include "panic.h"
#include "sched.h"
#include "timer.h"

bool checking;

// How often is `node` in the queue at `head`? Its links must fit together.
static unsigned occurrences(const struct list_node *head,
                            const struct list_node *node)
{
    unsigned count = 0;
    list_for_each(entry, head) {
        ASSERT(entry->next->previous == entry);
        count += entry == node;
    }
    return count;
}

// How many threads wait at endpoints and notifications?
static unsigned waiting;

// The invariants of thread.h: what its state says about a thread.
static void check_thread(const struct thread *thread)
{
    const struct list_node *node = &thread->node;
    switch (thread->state) {
    case THREAD_READY:
        ASSERT(list_empty(node));
        ASSERT(!thread->reply);
        break;
    case THREAD_SENDING:
    case THREAD_CALLING:
        waiting++;
        ASSERT(!thread->reply);
        break;
    case THREAD_RECEIVING:
        waiting++;
        ASSERT(!thread->reply || thread->reply->thread == thread);
        break;
    case THREAD_AWAITING_REPLY:
        ASSERT(list_empty(node));
        ASSERT(thread->reply && thread->reply->thread == thread);
        ASSERT(thread->target->state != THREAD_ENDED);
        break;
    case THREAD_JOINING:
        ASSERT(occurrences(&thread->target->joiners, node) == 1);
        ASSERT(thread->target->state != THREAD_ENDED);
        break;
    case THREAD_ENDED:
        ASSERT(list_empty(node) && list_empty(&thread->joiners));
        ASSERT(!thread->bound);
        break;
    case THREAD_WAITING:
        waiting++;
        break;
    }
    for_each_cpu(cpu) // it runs on one CPU at most, and knows on which
        ASSERT((cpu->thread == thread) == (thread->cpu == cpu));
}

// All threads in a queue of an endpoint wait on that side, each once.
static void check_queue(const struct list_node *queue, bool receivers)
{
    list_for_each(node, queue) {
        const struct thread *thread = container_of(node, struct thread, node);
        ASSERT(occurrences(queue, node) == 1);
        ASSERT(receivers ? thread->state == THREAD_RECEIVING
                         : thread->state == THREAD_SENDING ||
                               thread->state == THREAD_CALLING);
        waiting--;
    }
}

// Other entries may name the same object: the first one counts.
static bool is_first(const struct cap *cap)
{
    for (const struct cap *other = caps; other < cap; other++) {
        if (other->object == cap->object)
            return false;
    }
    return true;
}

static void check_notification(const struct notification *notification)
{
    const struct thread *bound = notification->bound;
    ASSERT(!bound || bound->bound == notification);
    ASSERT(!notification->bits || list_empty(&notification->waiters));
    ASSERT(!notification->bits || !bound || bound->state != THREAD_RECEIVING);
    list_for_each(node, &notification->waiters) {
        ASSERT(occurrences(&notification->waiters, node) == 1);
        ASSERT(container_of(node, struct thread, node)->state ==
               THREAD_WAITING);
        waiting--;
    }
}

static void check_object(const struct cap *cap)
{
    const struct endpoint *endpoint = cap->object;
    const struct reply *reply = cap->object;
    if (cap->type == CAP_ENDPOINT && is_first(cap)) {
        ASSERT(list_empty(&endpoint->senders) ||
               list_empty(&endpoint->receivers));
        check_queue(&endpoint->senders, false);
        check_queue(&endpoint->receivers, true);
    } else if (cap->type == CAP_REPLY && reply->thread) {
        ASSERT(reply->thread->reply == reply);
    } else if (cap->type == CAP_NOTIFICATION) {
        check_notification(cap->object);
    }
}

// Can `thread` run at this priority, or a higher one?
static bool has_priority(const struct cpu *cpu, const struct thread *thread,
                         unsigned priority)
{
    for (; priority < PRIORITIES; priority++) {
        list_for_each(node, &cpu->run_queues[priority]) {
            if (sched_end_of_chain(
                    container_of(node, struct sched_context, node)->owner) ==
                thread)
                return true;
        }
    }
    return false;
}

// A context is in its run queue, or parked where its owner's chain of calls
// ends: at a thread that waits, or that needs it no more than another one.
static void check_context(const struct sched_context *context)
{
    const struct list_node *node = &context->node;
    const struct thread *end = sched_end_of_chain(context->owner);
    unsigned parked = occurrences(&end->parked, node);
    const struct cpu *cpu = context->cpu;
    unsigned spent = occurrences(&cpu->exhausted, node);
    ASSERT(occurrences(&cpu->run_queues[context->priority], node) + parked +
               spent ==
           1);
    uint64_t sum = 0;
    for (unsigned i = 0; i < context->refill_count; i++)
        sum += context->refills[i].amount;
    ASSERT(sum == context->budget);
    ASSERT(!parked || end->state != THREAD_READY ||
           (end->cpu && end->cpu != cpu && end->awaited) ||
           has_priority(cpu, end, context->priority));
    ASSERT(!parked || context->pin || context->owner->state != THREAD_READY ||
           context->owner->cpu); // others could take it over
}

// Could another CPU take this context, which is in its run queue, over?
static bool is_free(const struct sched_context *context)
{
    return !context->pin && context != context->cpu->running &&
           context->owner->state == THREAD_READY && !context->owner->cpu;
}

// Was a CPU that slept told to look again, and has not yet?
static bool somebody_looks(void)
{
    for_each_cpu(cpu) {
        if (!cpu->thread && cpu->reschedule)
            return true;
    }
    return false;
}

// A CPU that has nothing to run sleeps, unless it was told to look again. No
// CPU sleeps while another one has a context that it could take over.
static void check_queues(const struct cpu *cpu)
{
    bool sleeps = idle_cpus >> cpu->number & 1;
    ASSERT(!sleeps || (!cpu->thread && !cpu->reschedule));
    ASSERT(cpu->thread || cpu->reschedule || !cpu->occupied);
    ASSERT(!cpu->thread == !cpu->running);
    for (unsigned i = 0; i < PRIORITIES; i++) {
        list_for_each(node, &cpu->run_queues[i]) {
            const struct sched_context *context =
                container_of(node, struct sched_context, node);
            ASSERT(context->cpu == cpu && context->priority == i);
            ASSERT(!idle_cpus || cpu->reschedule || !is_free(context) ||
                   somebody_looks());
        }
    }
}

// Whoever runs has the first context of the highest priority.
static void check_current(const struct cpu *cpu)
{
    const struct sched_context *running = cpu->running;
    ASSERT(cpu->thread->cpu == cpu);
    ASSERT(cpu->thread->state == THREAD_READY);
    ASSERT(cpu->thread == sched_end_of_chain(running->owner));
    ASSERT(cpu->run_queues[running->priority].next == &running->node);
    ASSERT(cpu->occupied >> running->priority == 1);
    ASSERT(running->cpu == cpu && (!running->pin || running->pin == cpu));
}

static void check_cpu(const struct cpu *cpu)
{
    // Another one may be on its way here, to look whom it runs.
    if (cpu->thread && (cpu == this_cpu() || !cpu->reschedule))
        check_current(cpu);
    check_queues(cpu);
    ASSERT(cpu->is_holder == (cpu == this_cpu()));
    for (unsigned i = 0; i < PRIORITIES; i++)
        ASSERT((cpu->occupied >> i & 1) == !list_empty(&cpu->run_queues[i]));
    list_for_each(node, &cpu->alarm_queue) {
        ASSERT(node->next == &cpu->alarm_queue ||
               alarm_of(node)->alarm_time <= alarm_of(node->next)->alarm_time);
    }
}

void check(void)
{
    for_each_thread(thread) {
        check_thread(thread);
        if (thread->context)
            check_context(thread->context);
    }
    for_each_cpu(cpu)
        check_cpu(cpu);
    for (cap_t i = 0; i < CAPS; i++)
        check_object(&caps[i]);
    ASSERT(waiting == 0); // who waits at an endpoint is in one of its queues
    ASSERT(interrupts_masked());
}
