// SPDX-License-Identifier: MIT
// syscall.h - what happens between the gate's two halves.
#ifndef STRATA_SYSCALL_H
#define STRATA_SYSCALL_H

#include "thread.h"

// Does what `thread`, whose registers the gate has saved in its frame, asks
// for. Returns the thread that is to run now.
struct thread *syscall(struct thread *thread);

#endif
