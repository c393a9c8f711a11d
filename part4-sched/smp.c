// SPDX-License-Identifier: MIT
// smp.c - the CPUs: how they begin, how they keep out of each other's way, and
// how they stop.

#include "smp.h"
#include "backtrace.h"
#include "gic.h"
#include "gicregs.h"
#include "guard.h"
#include "irq.h"
#include "panic.h"
#include "printf.h"
#include "psci.h"
#include "sched.h"
#include "timer.h"
#include "torture.h"

enum {
    KERNEL_STACK = 16384, // bytes, as in kernel.ld
    PATIENCE = 1,         // seconds that a CPU may take to begin, or to stop
};

struct cpu cpus[MACHINE_CPUS];
unsigned cpu_count;

struct spinlock big_lock;
static struct cpu *stopper; // who wants all others to stop; NULL: nobody

static void init(struct cpu *cpu, uint64_t affinity)
{
    extern char kernel_stack_top[]; // of the first one; from kernel.ld
    cpu->number = cpu_count;
    cpu->affinity = affinity;
    cpu->stack = (uintptr_t)kernel_stack_top + cpu->number * KERNEL_STACK;
    for (unsigned i = 0; i < PRIORITIES; i++)
        list_init(&cpu->run_queues[i]);
    list_init(&cpu->exhausted);
    list_init(&cpu->alarm_queue);
    cpu->slice_end = cpu->budget_due = UINT64_MAX;
    cpu_count++;
}

void smp_init(void)
{
    init(&cpus[0], sysreg_read(mpidr_el1) & MPIDR_AFFINITY);
    cpus[0].online = true;
}

// Waits until `done` is true, or for so long. Returns whether it is.
static bool wait_for(const bool *done)
{
    uint64_t end = sysreg_read(cntvct_el0) + PATIENCE * sysreg_read(cntfrq_el0);
    while (!__atomic_load_n(done, __ATOMIC_ACQUIRE)) {
        if (sysreg_read(cntvct_el0) > end)
            return false;
        asm volatile("yield");
    }
    return true;
}

void smp_start(void)
{
    for (unsigned i = 0; i < machine.cpu_count; i++) {
        if (machine.cpus[i] == cpus[0].affinity || cpu_count == MACHINE_CPUS)
            continue;
        struct cpu *cpu = &cpus[cpu_count];
        kernel_lock(); // those that have begun look at all
        init(cpu, machine.cpus[i]);
        kernel_unlock();
        int64_t error =
            psci_cpu_on(cpu->affinity, (uintptr_t)secondary, (uintptr_t)cpu);
        if (error)
            printf("cpu 0x%lx does not start: PSCI error %ld\n", cpu->affinity,
                   error);
        else if (!wait_for(&cpu->online))
            printf("cpu 0x%lx does not begin\n", cpu->affinity);
    }
}

struct thread *smp_main(struct cpu *cpu)
{
    extern char stack_bottom[];         // from kernel.ld
    guard_set((uintptr_t)stack_bottom); // each thread has its own soon
    gic_init_cpu();
    timer_init_cpu();
    torture_init_cpu();
    kernel_lock();
    __atomic_store_n(&cpu->online, true, __ATOMIC_RELEASE);
    irq_idle();
    sched_offer();
    torture_arm();
    kernel_unlock();
    return current;
}

// This CPU stops. Where it was is still to be seen on its stack.
static _Noreturn void stop(void)
{
    struct cpu *cpu = this_cpu();
    cpu->last_record = __builtin_frame_address(0);
    __atomic_store_n(&cpu->stopped, true, __ATOMIC_RELEASE);
    for (;;)
        asm volatile("wfe");
}

void kernel_wait(uint32_t ticket)
{
    ASSERT(!this_cpu()->is_holder); // it would wait for itself
    while (!spin_is_turn(&big_lock, ticket)) {
        if (__atomic_load_n(&stopper, __ATOMIC_RELAXED))
            stop();
        asm volatile("wfe"); // an SEV since we looked ends it at once
    }
}

bool smp_is_alone(void)
{
    return cpu_count < 2 || stopper == this_cpu();
}

void smp_stop_others(void)
{
    // Our own interrupts would stop us, too; or let us go on on another CPU.
    asm volatile("msr daifset, %0" : : "i"(DAIF_I) : "memory");
    if (smp_is_alone())
        return; // in the beginning the MMU is not even on
    struct cpu *nobody = NULL;
    if (!__atomic_compare_exchange_n(&stopper, &nobody, this_cpu(), false,
                                     __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        stop();             // somebody else was first
    spin_ticket(&big_lock); // never given back: nobody comes in any more,
    asm volatile("dsb ish\n\tsev" : : : "memory"); // and who waits stops
    for_each_cpu(cpu) {
        if (cpu == this_cpu() || !cpu->online)
            continue;
        gic_send(cpu);
        wait_for(&cpu->stopped);
    }
}

void smp_print_others(void)
{
    for_each_cpu(cpu) {
        if (cpu == this_cpu() || !cpu->online)
            continue;
        printf("cpu %u: %s%s\n", cpu->number,
               cpu->thread ? cpu->thread->name : "idle",
               cpu->stopped ? "" : ", does not stop");
        backtrace_from(cpu->last_record);
    }
}
