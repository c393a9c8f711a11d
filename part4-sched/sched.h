// SPDX-License-Identifier: MIT
// sched.h - which thread runs next.
//
// Run queues hold scheduling contexts, not threads. One rule says whom a
// context runs: the thread at the end of its owner's chain of calls. That is
// the owner itself, or, if the owner waits for a server's answer, the server,
// or the server that this one waits for, and so on.
#ifndef STRATA_SCHED_H
#define STRATA_SCHED_H

#include "schedcontext.h"

// Bit n: cpus[n] sleeps, and nobody has woken it yet.
extern uint64_t idle_cpus;

// Does a caller lend its context to the server? (No: only to show why.)
extern bool lending;

// The thread at the end of the chain of calls that begins with `thread`: itself
// if it waits for no server's answer.
struct thread *sched_end_of_chain(struct thread *thread);

// A link of a chain goes: `thread` will wait for somebody else than now, or for
// nobody; or it is the current one, and works for its last client no longer.
// What is parked at the end of its chain may run again.
void sched_leave_chain(struct thread *thread);

// The contexts that are parked at `thread` may run again.
void sched_unpark(struct thread *thread);

// `thread`, which is in no queue, is ready.
void sched_append(struct thread *thread);

// Puts a context, which is in no queue, at the end of its run queue.
void sched_enqueue(struct sched_context *context);

// Charges the context that runs on `cpu`, if it has a budget, for the time
// until `now`.
void sched_charge(struct cpu *cpu, uint64_t now);

// Something about a context has changed: it goes to the end of its run queue,
// wherever it is.
void sched_restart(struct sched_context *context);

// The home of a context is `cpu` and no other, from now on. NULL: any that has
// time for it, beginning where it is.
void sched_pin(struct sched_context *context, struct cpu *cpu);

// Makes the thread that the first context of the highest priority runs the one
// that runs when the kernel is left. If there is none, `current` is NULL.
void sched_next(void);

// How many contexts may move: as long as there is none, nobody has to look.
extern unsigned unpinned;

// Wakes a CPU that sleeps if there is something that it could take over.
void sched_wake_idle(void);

// To be called before the kernel is left.
static inline void sched_offer(void)
{
    if (idle_cpus && unpinned)
        sched_wake_idle();
}

// The running context goes to the end of its run queue.
void sched_yield(void);

// The current thread waits in `queue`, behind all that are as urgent, for
// `target` if that is known (see struct thread); somebody else runs when the
// kernel is left. Does not return if the thread now waits, by way of others,
// for itself: a deadlock.
void sched_wait(enum thread_state state, struct thread *target,
                struct list_node *queue);

// `thread`, which is in no queue, is ready, and the current thread waits: the
// direct switch. If the context that runs leads to `thread`, nothing else has
// to be looked at: what is parked there stays parked, unless it is more urgent.
void sched_switch(struct thread *thread);

#endif
