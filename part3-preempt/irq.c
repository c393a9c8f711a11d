// SPDX-License-Identifier: MIT
// irq.c - what an interrupt does. So far there is one that we asked for: the
// timer's, at the end of a slice.

#include "irq.h"
#include "check.h"
#include "gic.h"
#include "machine.h"
#include "sched.h"
#include "trace.h"

uint64_t unexpected_interrupts, spurious_interrupts;

static void serve_line(unsigned line)
{
    if (line == machine.timer_line) {
        sched_append(current); // its slice is over
        sched_next();
    } else {
        unexpected_interrupts++;
        gic_mask(line); // or it would come again at once
    }
}

struct thread *interrupt(void)
{
    trace(TRACE_INTERRUPT, current);
    unsigned line = gic_acknowledge();
    if (line < GIC_LINES) {
        serve_line(line);
        gic_end(line);
    } else {
        spurious_interrupts++;
    }
    if (checking)
        check();
    return current;
}
