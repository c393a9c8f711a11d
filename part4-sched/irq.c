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

static void serve(void)
{
    trace(TRACE_INTERRUPT, current);
    unsigned line = gic_acknowledge();
    if (line >= GIC_LINES)
        spurious_interrupts++;
    // Another CPU's call says no more than `reschedule` does. CPUs that call
    // each other without a pause keep nothing else waiting.
    while (line == GIC_RESCHEDULE) {
        gic_end(line);
        line = gic_acknowledge();
    }
    if (line < GIC_LINES)
        serve_line(line);
}

struct thread *interrupt(void)
{
    kernel_lock();
    serve();
    if (this_cpu()->reschedule)
        sched_next();
    if (!current)
        irq_idle(); // the last budget is used up, say
    sched_offer();
    if (checking)
        check();
    torture_arm();
    kernel_unlock();
    return current;
}

// Can anything come that would let a thread run?
static bool is_hopeless(void)
{
    for_each_cpu(cpu) {
        if (cpu->occupied || !list_empty(&cpu->alarm_queue) ||
            !list_empty(&cpu->exhausted))
            return false;
    }
    return !bound_lines;
}

void irq_idle(void)
{
    uint64_t self = BIT(this_cpu()->number);
    do {
        if (is_hopeless())
            deadlock();
        if (checking)
            check();
        torture_pause();
        idle_cpus |= self;
        kernel_unlock();
        // A masked interrupt wakes the CPU too (Arm ARM, "Wait For Interrupt").
        // It is served from here: there is no thread that it could interrupt.
        // WFI orders nothing: the barrier has all stores done before it.
        asm volatile("dsb sy\n\twfi" : : : "memory");
        kernel_lock();
        serve();
        sched_next();
    } while (!current);
    idle_cpus &= ~self;
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
