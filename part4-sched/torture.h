// SPDX-License-Identifier: MIT
// torture.h - preemption at any instruction, again and again: torture=SEED.
#ifndef STRATA_TORTURE_H
#define STRATA_TORTURE_H

#include <stdbool.h>
#include <stdint.h>

// From now on whatever runs is preempted after 1 to 256 instructions, as the
// seed (not 0) decides, and again and again. Exact under -icount only. Takes
// the cycle counter away from programs.
void torture_begin(uint64_t seed);

// Makes the calling CPU ready for it.
void torture_init_cpu(void);

// The state of the random numbers; 0: there is no torture.
extern uint64_t torture_state;

// Decides when the next shot comes.
void torture_load(void);

// To be called last before the kernel is left: the next shot is on its way.
static inline void torture_arm(void)
{
    if (torture_state)
        torture_load();
}

// No shot comes until torture_arm: the CPU is to sleep.
void torture_pause(void);

// A shot came: another thread runs.
void torture(void);

// Is an interrupt of this line a shot?
bool torture_is_line(unsigned line);

// The longest time, in instructions, that a shot had to wait until the kernel
// looked at it.
extern int64_t torture_longest_wait;

#endif
