// SPDX-License-Identifier: MIT
// spinlock.h - a lock for which CPUs wait in line.
//
// Each who comes takes a ticket, and waits until its number is called. So
// nobody is overtaken (Mellor-Crummey and Scott, "Algorithms for Scalable
// Synchronization on Shared-Memory Multiprocessors", 1991, section 2.2).
//
// A load with acquire is done before all that comes after it, a store with
// release after all that came before it (Arm ARM, "Load-Acquire, Load-AcquirePC
// and Store-Release"): what is done under the lock stays between the two.
#ifndef STRATA_SPINLOCK_H
#define STRATA_SPINLOCK_H

#include <stdbool.h>
#include <stdint.h>

// All zeros: free.
struct spinlock {
    uint32_t next;  // the ticket of whoever comes next
    uint32_t owner; // the ticket of whoever has the lock
};

// Takes a ticket.
static inline uint32_t spin_ticket(struct spinlock *lock)
{
    return __atomic_fetch_add(&lock->next, 1, __ATOMIC_RELAXED);
}

// Is it this ticket's turn? If so, all is seen that was written under the lock.
static inline bool spin_is_turn(const struct spinlock *lock, uint32_t ticket)
{
    return __atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE) == ticket;
}

// Takes the lock, once all who came before have given it back. Interrupts are
// masked: one that wants the lock that its own CPU has would wait for ever.
static inline void spin_lock(struct spinlock *lock)
{
    uint32_t ticket = spin_ticket(lock);
    while (!spin_is_turn(lock, ticket))
        asm volatile("wfe"); // an SEV since we looked ends it at once
}

// Gives it back.
static inline void spin_unlock(struct spinlock *lock)
{
    __atomic_store_n(&lock->owner, lock->owner + 1, __ATOMIC_RELEASE);
    // The store is seen before those who wait are woken (Arm ARM, "Wait for
    // Event").
    asm volatile("dsb ishst\n\tsev" : : : "memory");
}

#endif
