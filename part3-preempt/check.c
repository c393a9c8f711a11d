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
        ASSERT(occurrences(&run_queue, node) == (thread != current));
        ASSERT(thread != current || list_empty(node));
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

void check(void)
{
    ASSERT(!current || current->state == THREAD_READY);
    list_for_each(node, &run_queue) {
        ASSERT(container_of(node, struct thread, node)->state == THREAD_READY);
    }
    for_each_thread(thread)
        check_thread(thread);
    for (cap_t i = 0; i < CAPS; i++)
        check_object(&caps[i]);
    ASSERT(waiting == 0); // who waits at an endpoint is in one of its queues
    ASSERT(interrupts_masked());
    list_for_each(node, &alarms) {
        ASSERT(node->next == &alarms ||
               alarm_of(node)->alarm_time <= alarm_of(node->next)->alarm_time);
    }
}
