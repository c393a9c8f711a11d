// SPDX-License-Identifier: MIT
// irq.c - what an interrupt does. The timer's is the kernel's own; another
// becomes a signal for the thread that drives the device.
//
// The line of such an interrupt stays masked until its driver is done. So the
// kernel waits for no driver, and a device that never stops asking stops nobody
// else.

#include "irq.h"
#include "check.h"
#include "deadlock.h"
#include "gic.h"
#include "machine.h"
#include "sched.h"
#include "timer.h"
#include "torture.h"
#include "trace.h"
#include "uart.h"

uint64_t unexpected_interrupts, spurious_interrupts;

struct binding bindings[GIC_LINES];
static unsigned bound_lines;

static void serve_line(unsigned line)
{
    if (line == machine.uart_line && uart_poll(CTRL_T))
        threads_print();
    if (line == machine.timer_line) {
        timer_interrupt();
    } else if (torture_is_line(line)) {
        torture();
    } else if (irq_is_bound(line)) {
        gic_mask(line);
        notification_signal(bindings[line].notification, bindings[line].bits);
    } else if (line != machine.uart_line) {
        unexpected_interrupts++;
        gic_mask(line); // or it would come again at once
    }
    gic_end(line);
}

struct thread *interrupt(void)
{
    bool idle = !current;
    trace(TRACE_INTERRUPT, current);
    unsigned line = gic_acknowledge();
    if (line < GIC_LINES)
        serve_line(line);
    else
        spurious_interrupts++;
    if (current && reschedule)
        sched_next();
    if (!current && !idle)
        irq_idle(); // the last budget is used up
    if (checking)
        check();
    torture_arm();
    return current;
}

void irq_idle(void)
{
    do {
        if (list_empty(&alarms) && list_empty(&exhausted) && !bound_lines)
            deadlock();
        torture_pause();
        // A masked interrupt wakes the CPU too (Arm ARM, "Wait For Interrupt").
        // It is served from here: there is no thread that it could interrupt.
        // WFI orders nothing: the barrier has all stores done before it.
        asm volatile("dsb sy\n\twfi" : : : "memory");
        interrupt();
        sched_next();
    } while (!current);
}

int irq_bind(uint64_t line, struct notification *notification, uint64_t bits)
{
    if (line < GIC_FIRST || line >= gic_line_count() || !bits ||
        line == machine.timer_line || torture_is_line(line) ||
        bindings[line].notification)
        return ERROR_ARGUMENT;
    bindings[line] = (struct binding){notification, bits};
    bound_lines++;
    gic_unmask((unsigned)line);
    return OK;
}

int irq_end(uint64_t line)
{
    if (line >= GIC_LINES || !bindings[line].notification)
        return ERROR_ARGUMENT;
    gic_unmask((unsigned)line);
    return OK;
}

void irq_unbind(const struct notification *notification)
{
    for (unsigned line = gic_line_count(); line-- > GIC_FIRST;) {
        if (bindings[line].notification != notification)
            continue;
        bindings[line].notification = NULL;
        bound_lines--;
        if (line == machine.uart_line) // which still has Ctrl-T
            gic_unmask(line);
        else
            gic_mask(line);
    }
}
