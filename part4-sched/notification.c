// SPDX-License-Identifier: MIT
// notification.c - a word of bits: signal, wait, poll.
//
// A sender waits for its receiver. Whoever signals must not, since it may be an
// interrupt: it leaves a bit, and goes. The same bit twice is one bit, so who
// takes it looks for itself how much there is to do.

#include "notification.h"
#include "irq.h"
#include "sched.h"
#include "timer.h"

// All bits, for `thread`, which waits for some.
static void hand_over(struct notification *notification, struct thread *thread,
                      int result)
{
    thread->frame.x[1] = notification->bits;
    notification->bits = 0;
    thread_wake(thread, result);
}

int notification_signal(struct notification *notification, uint64_t bits)
{
    if (!bits)
        return ERROR_ARGUMENT;
    notification->bits |= bits;
    struct thread *waiter = thread_take_first(&notification->waiters);
    struct thread *bound = notification->bound;
    if (waiter)
        hand_over(notification, waiter, OK);
    else if (bound && bound->state == THREAD_RECEIVING)
        hand_over(notification, bound, SIGNALED);
    return OK;
}

bool notification_take(struct notification *notification)
{
    if (!notification->bits)
        return false;
    current->frame.x[1] = notification->bits;
    notification->bits = 0;
    return true;
}

int notification_wait(struct notification *notification)
{
    if (!notification_take(notification))
        sched_wait(THREAD_WAITING, NULL, &notification->waiters);
    return OK;
}

int notification_bind(struct notification *notification)
{
    if (notification->bound || current->bound)
        return ERROR_ARGUMENT;
    notification->bound = current;
    current->bound = notification;
    return OK;
}

void notification_destroy(struct notification *notification)
{
    struct thread *waiter;
    while ((waiter = thread_take_first(&notification->waiters)))
        thread_wake(waiter, ERROR_DESTROYED);
    if (notification->bound)
        notification_unbind(notification->bound);
    timer_set_alarm(notification, 0, 0);
    irq_unbind(notification);
}
