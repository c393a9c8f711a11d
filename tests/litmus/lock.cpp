// SPDX-License-Identifier: MIT
// lock.cpp - the kernel's lock, spinlock.h. One CPU at a time is inside, and
// sees what all before it have written there; and each gets in.
#include "model.h"
#include "spinlock.h"

#define CPUS 3

static rl::atomic<bool> *events; // the CPUs' event registers

// Only a DSB orders SEV with the stores before it. A WFE that finds no event
// waits for one; then it is gone.
static void instructions(const char *text)
{
    if (strstr(text, "sev"))
        for (unsigned i = 0; i < CPUS; i++)
            events[i].exchange(true,
                               has_barrier(text, "dsb ish") ? rl::mo_release
                                                            : rl::mo_relaxed,
                               $);
    if (strstr(text, "wfe"))
        while (!events[rl::thread_index()].exchange(false, rl::mo_acquire, $))
            rl::yield(1, $);
}

struct lock : rl::test_suite<lock, CPUS> {
    rl::atomic<unsigned> cells[3];
    rl::atomic<bool> event_registers[CPUS];
    struct spinlock lock;
    uint32_t count;          // how many have been inside
    unsigned real_count = 0; // the same; all see it at once

    void before()
    {
        lock.next.share(cells[0]);
        lock.owner.share(cells[1]);
        count.share(cells[2]);
        events = event_registers;
        for (auto &event : event_registers)
            event.store(false, rl::mo_relaxed, $);
    }

    void thread(unsigned)
    {
        spin_lock(&lock);
        RL_ASSERT(count == real_count);
        __atomic_store_n(&count, ++real_count, __ATOMIC_RELAXED);
        spin_unlock(&lock);
    }
};

int main(int, char **arguments)
{
    return search<lock>(arguments);
}
