// SPDX-License-Identifier: MIT
// sched.h - which thread runs next.
#ifndef STRATA_SCHED_H
#define STRATA_SCHED_H

#include "thread.h"

// `thread`, which is in no queue, is ready: it goes to the end of the run
// queue.
void sched_append(struct thread *thread);

// Takes the first thread out of the run queue, and makes it the one that runs
// when the kernel is left. If there is none, nothing will ever happen again:
// panics.
void sched_next(void);

#endif
