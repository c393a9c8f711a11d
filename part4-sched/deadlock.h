// SPDX-License-Identifier: MIT
// deadlock.h - who waits for whom.
#ifndef STRATA_DEADLOCK_H
#define STRATA_DEADLOCK_H

#include "thread.h"

#define CTRL_T 0x14 // the key that asks for threads_print

// Prints a table of all threads: who, doing what, by which capability, for whom
// and since when.
void threads_print(void);

// To be called when `thread` begins to wait. If it now waits, by way of others,
// for itself, says so and ends the run with status 1.
void deadlock_check(const struct thread *thread);

// Says that no thread can run, and ends the run with status 1.
_Noreturn void deadlock(void);

#endif
