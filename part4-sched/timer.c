// SPDX-License-Identifier: MIT
// timer.c - the CPU's own timer, the generic timer's virtual channel.
//
// It is tickless: set to the moment when something is due, a slice's end or an
// alarm, and off where nothing is. It goes by CNTVCT_EL0, which has 64 bits and
// begins near 0: at 62.5 MHz it wraps after 9,000 years (Arm ARM, "The Generic
// Timer").

#include "timer.h"
#include "gic.h"
#include "machine.h"
#include "panic.h"
#include "sched.h"

#define CNTV_ENABLE 1 // CNTV_CTL_EL0: the timer is on, and not masked

static uint64_t slice; // its length in ticks

static struct notification *first_alarm(void)
{
    return list_empty(&alarms) ? NULL : alarm_of(alarms.next);
}

// Sets the timer to what is due first.
static void set_timer(void)
{
    const struct cpu *cpu = this_cpu();
    struct notification *first = first_alarm();
    uint64_t due =
        cpu->slice_end < cpu->budget_due ? cpu->slice_end : cpu->budget_due;
    if (first && first->alarm_time < due)
        due = first->alarm_time;
    sysreg_write(cntv_cval_el0, due);
    sysreg_write(cntv_ctl_el0, due == UINT64_MAX ? 0 : CNTV_ENABLE);
}

void timer_init(void)
{
    slice = sysreg_read(cntfrq_el0) * SLICE / 1000000;
    if (!slice)
        panic("the timer's frequency is not set");
    timer_init_cpu();
}

void timer_init_cpu(void)
{
    gic_unmask(machine.timer_line);
}

void timer_begin_slice(uint64_t left)
{
    this_cpu()->slice_end = sysreg_read(cntvct_el0) + (left ? left : slice);
    set_timer();
}

uint64_t timer_slice_left(void)
{
    uint64_t now = sysreg_read(cntvct_el0);
    uint64_t end = this_cpu()->slice_end;
    return end > now ? end - now : 1;
}

void timer_end_slice(void)
{
    this_cpu()->slice_end = UINT64_MAX;
    set_timer();
}

void timer_set_budget(uint64_t time)
{
    if (time == this_cpu()->budget_due)
        return;
    this_cpu()->budget_due = time;
    set_timer();
}

void timer_set_alarm(struct notification *notification, uint64_t bits,
                     uint64_t time)
{
    list_remove(&notification->alarm_node);
    notification->alarm_time = time;
    notification->alarm_bits = bits;
    if (bits) {
        // Behind all that are due before it, or with it.
        struct list_node *position = alarms.next;
        while (position != &alarms && alarm_of(position)->alarm_time <= time)
            position = position->next;
        list_insert_before(position, &notification->alarm_node);
    }
    set_timer();
}

void timer_interrupt(void)
{
    uint64_t now = sysreg_read(cntvct_el0);
    struct notification *due;
    while ((due = first_alarm()) && due->alarm_time <= now) {
        list_remove(&due->alarm_node);
        notification_signal(due, due->alarm_bits);
    }
    if (this_cpu()->budget_due <= now)
        this_cpu()->reschedule = true;
    if (this_cpu()->slice_end <= now)
        sched_yield();
    set_timer();
}
