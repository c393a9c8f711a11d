// SPDX-License-Identifier: MIT
// timer.h - the CPU's timer: how long a thread may run.
#ifndef STRATA_TIMER_H
#define STRATA_TIMER_H

#include <stdint.h>

// How long a thread may run while others are ready, in microseconds.
#define SLICE 10000

// Lets the timer interrupt. Call it once, after gic_init.
void timer_init(void);

// A slice begins, from now on; there is none any more, and the timer is off.
void timer_begin_slice(void);
void timer_end_slice(void);

#endif
