// SPDX-License-Identifier: MIT
// irq.h - what an interrupt does.
#ifndef STRATA_IRQ_H
#define STRATA_IRQ_H

#include "thread.h"

// Serves the interrupt that is pending, and returns the thread that goes on.
// vectors.S calls it when the current thread was interrupted.
struct thread *interrupt(void);

// Interrupts that came and nobody had asked for, and such that were gone when
// we looked. For whoever looks from outside.
extern uint64_t unexpected_interrupts, spurious_interrupts;

#endif
