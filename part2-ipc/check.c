// SPDX-License-Identifier: MIT
// check.c - the kernel's invariants. Everything here costs time, changes
// nothing, and could be left out.

#include "check.h"
#include "cap.h"
#include "endpoint.h"
#include "panic.h"
#include "sched.h"

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

// How many threads wait at endpoints?
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
    }
}

void check(void)
{
    ASSERT(current->state == THREAD_READY);
    list_for_each(node, &run_queue) {
        ASSERT(container_of(node, struct thread, node)->state == THREAD_READY);
    }
    for_each_thread(thread)
        check_thread(thread);
    for (cap_t i = 0; i < CAPS; i++)
        check_object(&caps[i]);
    ASSERT(waiting == 0); // who waits at an endpoint is in one of its queues
}
