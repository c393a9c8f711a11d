// SPDX-License-Identifier: MIT
// irq.h - what an interrupt does.
//
// Calls and interrupts change the same data: the run queue, the states of
// threads, endpoints, notifications, alarms, and what is bound to which line.
// One rule keeps them apart: from the gate's first instruction to its last no
// interrupt is taken. So the kernel itself is never interrupted, and whatever
// it does is done in one piece. sched.c asserts it.
#ifndef STRATA_IRQ_H
#define STRATA_IRQ_H

#include "gic.h"
#include "notification.h"
#include "registers.h"

// Does no interrupt come?
static inline bool interrupts_masked(void)
{
    return sysreg_read(daif) & PSTATE_I;
}

// Serves the interrupt that is pending, and returns the thread that goes on.
// vectors.S calls it when the current thread was interrupted.
struct thread *interrupt(void);

// Interrupts that came and nobody had asked for, and such that were gone when
// we looked. For whoever looks from outside.
extern uint64_t unexpected_interrupts, spurious_interrupts;

// Whom an interrupt signals, by its line.
extern struct binding {
    struct notification *notification; // NULL: the line is not bound
    uint64_t bits;
} bindings[GIC_LINES];

// Does a thread drive the device at `line`? Then only its interrupt, which
// tells the thread, may take anything out of it.
static inline bool irq_is_bound(unsigned line)
{
    return bindings[line].notification;
}

// From now on an interrupt of `line` (an INTID) masks it, and signals `bits`.
// OK, or ERROR_ARGUMENT: there is no such line, it is the kernel's or bound
// already, or there are no bits.
int irq_bind(uint64_t line, struct notification *notification, uint64_t bits);

// Unmasks a line again. OK, or ERROR_ARGUMENT: it is not bound.
int irq_end(uint64_t line);

// Masks all lines that are bound to `notification`, and ends that.
void irq_unbind(const struct notification *notification);

// To be called when no thread can run, last in a call: whoever made it may be
// the one that runs then. Sleeps until an interrupt lets a thread run. Does not
// return if nothing can come that would: a deadlock.
void irq_idle(void);

#endif
