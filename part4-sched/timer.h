// SPDX-License-Identifier: MIT
// timer.h - the CPU's timer: how long a thread may run, and
// when it wakes.
#ifndef STRATA_TIMER_H
#define STRATA_TIMER_H

#include "notification.h"

// How long a thread may run while others are ready, in microseconds.
#define SLICE 10000

// The notifications whose alarm is set, by their alarm_node: what is due first
// comes first.
#define alarms (this_cpu()->alarm_queue)

static inline struct notification *alarm_of(struct list_node *node)
{
    return container_of(node, struct notification, alarm_node);
}

// Lets the timer interrupt. Call it once, after gic_init.
void timer_init(void);

// The same for another CPU's timer.
void timer_init_cpu(void);

// A slice begins, from now on: of `left` ticks, or a whole one if that is 0.
// How much of it is left, 1 at least; there is none any more.
void timer_begin_slice(uint64_t left);
uint64_t timer_slice_left(void);
void timer_end_slice(void);

// At `time`, in ticks of CNTVCT, sched_next is to look at the budgets;
// UINT64_MAX: never.
void timer_set_budget(uint64_t time);

// At `time`, in ticks of CNTVCT, or at once if that has passed, `bits` are
// signaled. A notification has one alarm: this one replaces it, and bits 0 take
// it back.
void timer_set_alarm(struct notification *notification, uint64_t bits,
                     uint64_t time);

// The timer has interrupted: does what is due.
void timer_interrupt(void);

#endif
