// SPDX-License-Identifier: MIT
// sync.h - what programs that share memory may use to keep out of each other's
// way: a ticket lock, a mutex, a semaphore, and a stack that needs no lock. All
// of it is made of atomic instructions and the kernel's calls: the kernel knows
// nothing of locks.
#ifndef STRATA_SYNC_H
#define STRATA_SYNC_H

#include "../spinlock.h"
#include "strata.h"

// Tells the CPU that this is a loop that waits for another one. (QEMU under
// -icount runs one CPU at a time, and here lets the next one go on.)
static inline void spin_hint(void)
{
    asm volatile("yield");
}

// --- A ticket lock ---
//
// As the kernel's own (spinlock.h), and as fair: in the order of the tickets.
// But programs are preempted, with the lock or with a ticket in their hands,
// and then all who come later wait as well. Whoever only spins keeps a CPU that
// the preempted one could use; so after some looks in vain the waiter yields.
//
// That helps among equals. A waiter that is more urgent than the holder, on the
// same CPU, yields to nobody and waits for ever: see the mutex.

// All zeros: free, and whoever waits yields at once.
struct ticket_lock {
    struct spinlock spin;
    uint64_t patience; // how often it looks again before it yields
};

// Takes the lock. Returns how often it looked in vain.
uint64_t ticket_lock(struct ticket_lock *lock);

// Gives it back.
void ticket_unlock(struct ticket_lock *lock);

// --- A mutex that lends ---
//
// A passive server, which runs what its callers ask for, one after the other,
// on their contexts. So lending comes from the kernel's rule: as long as
// somebody urgent waits, whoever is inside is as urgent, wherever it runs.
//
// There is no lock() and unlock(). They could be two calls to a server that
// answers a lock() late, when it is the caller's turn. But whoever has its
// answer runs on its own context again, and whoever waits would wait for the
// server, which waits for the unlock(): nothing tells the kernel who has the
// lock, and there is nobody to whom it could lend. What runs under this mutex
// is what the callers wait for.

struct mutex {
    cap_t endpoint; // of the server
    cap_t reply;    // the server's
};

// Makes a mutex. False if there is no room for one more.
bool mutex_init(struct mutex *mutex);

// Runs function(argument) while nobody else runs one by this mutex; waits until
// it has returned. One that asks for its own mutex is reported as a deadlock.
// Errors as of `call`: then it was not run.
int mutex_run(const struct mutex *mutex, void (*function)(void *),
              void *argument);

// --- A semaphore ---
//
// As long as nobody has to wait the kernel is not called. Whoever waits does so
// in line at an endpoint, and lends to nobody: who will come up is not known.

struct semaphore {
    int64_t count; // how many may still come in; below 0: how many wait
    cap_t line;    // an endpoint
};

// Makes a semaphore that lets `count` in. False if there is no room for one
// more.
bool semaphore_init(struct semaphore *semaphore, unsigned count);

// Comes in, or waits in line until it may.
void semaphore_down(struct semaphore *semaphore);

// Lets one more in. If one waits, it is there when this returns.
void semaphore_up(struct semaphore *semaphore);

// --- A stack without a lock ---
//
// Treiber's ("Systems Programming: Coping with Parallelism", 1986). Nodes are
// numbers, of things in an array, say. A thread that is preempted in the middle
// keeps nobody waiting: some other one has got on, or it would not have to try
// again.

#define NO_NODE UINT32_MAX

struct stack {
    uint64_t head;   // the first node, and a tag in the upper half
    uint32_t *below; // of each node the next one
    uint64_t step;   // by which the tag grows
};

// Makes an empty stack for nodes 0 to n - 1; `below` has room for n. Without
// tags it has the ABA problem, see stack_pop.
void stack_init(struct stack *stack, uint32_t *below, bool has_tags);

// Puts a node, which is nobody else's, on top.
void stack_push(struct stack *stack, uint32_t node);

// Takes the first node. It is the caller's, and all is seen that was written to
// it before it was pushed. NO_NODE: the stack is empty.
uint32_t stack_pop(struct stack *stack);

#endif
