// SPDX-License-Identifier: MIT
// torture.c - preemption at any instruction, again and again: a test that does
// not wait for the timer to come at the worst moment.
//
// The cycle counter of the performance monitors interrupts when it overflows.
// Under -icount a cycle is an instruction, so a counter that is n short of the
// overflow interrupts after exactly n instructions.

#include "torture.h"
#include "gic.h"
#include "machine.h"
#include "panic.h"
#include "registers.h"
#include "sched.h"

// A shot comes after 1 to 256 instructions. One that comes before the thread
// has begun waits for its first instruction; most come later, so the thread
// gets on.
#define SPREAD 256

int64_t torture_longest_wait;
uint64_t torture_state;

void torture_begin(uint64_t seed)
{
    if (!machine.pmu_line)
        panic("device tree: no performance monitors (arm,armv8-pmuv3)");
    torture_state = seed;
    torture_init_cpu();
}

void torture_init_cpu(void)
{
    if (!machine.pmu_line)
        return;
    sysreg_write(pmccfiltr_el0, 0); // all instructions of EL1 count
    sysreg_write(pmintenset_el1, PMCNTEN_C);
    sysreg_write(pmcr_el0, PMCR_E | PMCR_C | PMCR_LC);
    gic_unmask(machine.pmu_line);
}

void torture_pause(void)
{
    if (!torture_state)
        return;
    sysreg_write(pmcntenclr_el0, PMCNTEN_C);
    sysreg_write(pmovsclr_el0, PMCNTEN_C);
}

// A counter that has overflowed goes on from 0: so long has its shot waited.
static void note_wait(void)
{
    int64_t wait = (int64_t)sysreg_read(pmccntr_el0);
    if (wait > torture_longest_wait)
        torture_longest_wait = wait;
}

void torture_load(void)
{
    note_wait(); // a shot that came in the kernel is over
    torture_pause();
    // Another interrupt comes first. (QEMU's GIC would let the shot go before
    // the timer's, every time.)
    if (sysreg_read(isr_el1) & ISR_I)
        return;
    // Knuth, "The Art of Computer Programming", volume 2, section 3.3.4.
    torture_state = torture_state * 6364136223846793005 + 1442695040888963407;
    sysreg_write(pmccntr_el0, -(1 + (torture_state >> 33) % SPREAD));
    sysreg_write(pmcntenset_el0, PMCNTEN_C);
}

void torture(void)
{
    note_wait();
    if (current) // else it came as the CPU fell asleep
        sched_yield();
}

bool torture_is_line(unsigned line)
{
    return torture_state && line == machine.pmu_line;
}
