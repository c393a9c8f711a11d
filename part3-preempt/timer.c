// SPDX-License-Identifier: MIT
// timer.c - the CPU's own timer, the generic timer's virtual channel.
//
// It is tickless: set to the moment when the slice ends, and off where nobody
// else is ready. It goes by CNTVCT_EL0, which has 64 bits and begins near 0: at
// 62.5 MHz it wraps after 9,000 years (Arm ARM, "The Generic Timer").

#include "timer.h"
#include "gic.h"
#include "machine.h"
#include "sysreg.h"

#define CNTV_ENABLE 1 // CNTV_CTL_EL0: the timer is on, and not masked

static uint64_t slice; // its length in ticks

void timer_init(void)
{
    slice = sysreg_read(cntfrq_el0) * SLICE / 1000000;
    gic_unmask(machine.timer_line);
}

void timer_begin_slice(void)
{
    sysreg_write(cntv_cval_el0, sysreg_read(cntvct_el0) + slice);
    sysreg_write(cntv_ctl_el0, CNTV_ENABLE);
}

void timer_end_slice(void)
{
    sysreg_write(cntv_ctl_el0, 0);
}
