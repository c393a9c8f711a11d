// SPDX-License-Identifier: MIT
// smp.h - the CPUs, what each has of its own, and the lock that keeps them from
// being in the kernel at the same time.
#ifndef STRATA_SMP_H
#define STRATA_SMP_H

#define CPU_THREAD 0 // offsets in struct cpu, for assembly
#define CPU_STACK  8

#ifndef __ASSEMBLER__

#include "list.h"
#include "machine.h"
#include "spinlock.h"
#include "strata.h"
#include "sysreg.h"

#include <stdbool.h>
#include <stddef.h>

struct cpu {
    struct thread *thread; // that runs, or on whose behalf the kernel does;
                           // NULL: no thread can run here
    uintptr_t stack;       // the kernel's: its upper end
    unsigned number;       // the index in `cpus`
    uint64_t affinity;     // its name, as in MPIDR_EL1
    bool online;           // it has begun
    bool is_holder;        // of the kernel's lock

    struct sched_context *running; // that `thread` runs on
    bool reschedule;   // perhaps another thread has to run: whoever leaves the
                       // kernel looks at it
    uint64_t occupied; // bit p: run_queues[p] is not empty
    struct list_node run_queues[PRIORITIES]; // the contexts that may run, first
                                             // come, first served; the one
                                             // that runs stays where it is
    struct list_node exhausted; // the contexts that have used up their budget,
                                // in the order in which it comes back
    uint64_t charged;           // until when `running` was charged
    bool is_shared;             // is the slice on?

    uint64_t slice_end;  // when something is due, in ticks of CNTVCT;
    uint64_t budget_due; // UINT64_MAX: never
    struct list_node alarm_queue;

    uintptr_t redistributor; // GICv3: where its own lines are
    uint32_t target;         // GICv2: its bit as a target of interrupts
    uint32_t acknowledged;   // what gic_end has to give back

    bool stopped;            // because another one panics:
    const void *last_record; // then its last frame record is here
};

_Static_assert(offsetof(struct cpu, thread) == CPU_THREAD, "CPU_THREAD");
_Static_assert(offsetof(struct cpu, stack) == CPU_STACK, "CPU_STACK");

// Those that have begun or will; the first one is the one that booted.
extern struct cpu cpus[MACHINE_CPUS];
extern unsigned cpu_count;

#define for_each_cpu(each) \
    for (struct cpu *each = cpus; each < cpus + cpu_count; each++)

// The CPU that we run on. Nothing moves the kernel to another one on the way.
static inline struct cpu *this_cpu(void)
{
    struct cpu *cpu;
    asm("mrs %0, tpidr_el1" : "=r"(cpu));
    return cpu;
}

// The thread that runs here, or on whose behalf the kernel does.
#define current (this_cpu()->thread)

// Makes the CPU that booted the first one. Call it once, before all else here.
void smp_init(void);

// Starts the other CPUs. One that does not start is reported.
void smp_start(void);

// Where another CPU begins (boot.S), and its first C function, on its kernel's
// stack. It has nothing to do, until it finds some. Returns the first thread
// that runs here.
void secondary(void);
struct thread *smp_main(struct cpu *cpu);

// Only one CPU is in the kernel at a time: it has this lock from the gate to
// the gate, or from an interrupt to its end.
extern struct spinlock big_lock;

// Waits for its turn.
void kernel_wait(uint32_t ticket);

static inline void kernel_lock(void)
{
    uint32_t ticket = spin_ticket(&big_lock);
    if (!spin_is_turn(&big_lock, ticket))
        kernel_wait(ticket);
    this_cpu()->is_holder = true;
}

static inline void kernel_unlock(void)
{
    this_cpu()->is_holder = false;
    spin_unlock(&big_lock);
}

// Is no other CPU there, or none that goes on? Then no lock is needed.
bool smp_is_alone(void);

// For a report: all other CPUs stop, when their interrupts are not masked. Does
// not return if another one wants the same.
void smp_stop_others(void);

// Prints where they were.
void smp_print_others(void);

#endif
#endif
