// SPDX-License-Identifier: MIT
// gic.h - the interrupt controller, whichever of the two kinds it is.
//
// A line is named by its INTID: 16 to 31 are this CPU's own (PPIs), 32 to 1019
// are shared by all CPUs (SPIs).
#ifndef STRATA_GIC_H
#define STRATA_GIC_H

#include "smp.h"

#include <stdint.h>

enum {
    GIC_RESCHEDULE = 0,  // sent by gic_send
    GIC_FIRST = 16,      // those below this one are sent by CPUs
    GIC_LINES = 1020,    // INTIDs below this one name lines
    GIC_SPURIOUS = 1023, // no interrupt is pending, after all
};

// Brings the controller of this machine into a known state: all lines masked,
// none pending, all with the same priority. Panics if there is none that we
// know.
void gic_init(void);

// The same for what the calling CPU has of its own.
void gic_init_cpu(void);

// Interrupts another CPU, which takes GIC_RESCHEDULE. It sees all that we wrote
// before.
void gic_send(const struct cpu *cpu);

// How many lines this one has, those below GIC_FIRST included; at most
// GIC_LINES.
unsigned gic_line_count(void);

// Lets a line interrupt, or not. What is pending stays so. A line that there is
// not is ignored.
void gic_unmask(unsigned line);
void gic_mask(unsigned line);

// Takes the interrupt that is pending: its line is active now, and does not
// interrupt again before gic_end. GIC_SPURIOUS if there is none.
unsigned gic_acknowledge(void);

// The line that gic_acknowledge returned (not GIC_SPURIOUS) was served.
void gic_end(unsigned line);

#endif
