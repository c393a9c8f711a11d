// SPDX-License-Identifier: MIT
// notification.h - a word of bits: signals accumulate in it until somebody
// takes them.
#ifndef STRATA_NOTIFICATION_H
#define STRATA_NOTIFICATION_H

#include "thread.h"

struct notification {
    uint64_t bits;               // signaled, and not yet taken
    struct list_node waiters;    // threads that are WAITING; none if bits != 0
    struct thread *bound;        // whose recv a signal ends too; or NULL
    struct list_node alarm_node; // in the queue of alarms, if one is set
    uint64_t alarm_time;         // when, in ticks of CNTVCT
    uint64_t alarm_bits;         // what is signaled then
};

// Makes a notification without bits, and without an alarm.
static inline void notification_init(struct notification *notification)
{
    *notification = (struct notification){0};
    list_init(&notification->waiters);
    list_init(&notification->alarm_node);
}

// Are there signals that a recv of `thread` ends with?
static inline bool notification_pending(const struct thread *thread)
{
    return thread->bound && thread->bound->bits;
}

// `thread` is not bound any more.
static inline void notification_unbind(struct thread *thread)
{
    thread->bound->bound = NULL;
    thread->bound = NULL;
}

// Sets bits. Who has waited longest gets all that there are; if nobody waits,
// they stay. OK, or ERROR_ARGUMENT if there are no bits to set.
int notification_signal(struct notification *notification, uint64_t bits);

// Gives all bits to the current thread, in x1. False, and nothing is done, if
// there are none.
bool notification_take(struct notification *notification);

// The same, but if there are none the current thread waits for some. OK.
int notification_wait(struct notification *notification);

// From now on a signal ends a recv of the current thread, too. OK, or
// ERROR_ARGUMENT if the thread or the notification is bound already.
int notification_bind(struct notification *notification);

// Wakes everyone who waits, with ERROR_DESTROYED. Neither an alarm, nor an
// interrupt, nor a thread knows this notification afterwards.
void notification_destroy(struct notification *notification);

#endif
