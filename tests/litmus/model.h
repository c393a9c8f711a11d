// SPDX-License-Identifier: MIT
// model.h - another meaning for the kernel's C. Relacy runs a few CPUs in one
// order of steps after the other, and lets a load give either of the last two
// values of its word, wherever C's memory model allows the older one.
//
// So the kernel's code is included as it is. Its words become Relacy's atomics,
// and GCC's builtins what Relacy has in their place. A plain access is a
// relaxed one, as it is on Arm.
//
// It finds less than there is: a load is never done after a store that follows
// it. (So whether `typed_out` needs its release it can't tell.)
#ifndef STRATA_LITMUS_MODEL_H
#define STRATA_LITMUS_MODEL_H

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <relacy/relacy.hpp> // where $ means "this line"

// What the command line says: a mistake to make, and how many preemptions.
static char **options;

static inline bool has_option(const char *name)
{
    for (char **option = options; *option; option++)
        if (strcmp(*option, name) == 0)
            return true;
    return false;
}

#undef __ATOMIC_RELAXED
#undef __ATOMIC_ACQUIRE
#undef __ATOMIC_RELEASE
#define __ATOMIC_RELAXED rl::mo_relaxed
#define __ATOMIC_ACQUIRE \
    (has_option("no-acquire") ? rl::mo_relaxed : rl::mo_acquire)
#define __ATOMIC_RELEASE \
    (has_option("no-release") ? rl::mo_relaxed : rl::mo_release)

// A number: one CPU's own, until it is shared.
template <typename number> struct word {
    number own;
    rl::atomic<number> *cell = nullptr;

    word(number own = 0) : own(own)
    {
    }
    void share(rl::atomic<number> &with)
    {
        with.store(own, rl::mo_relaxed, $);
        cell = &with;
    }
    operator number() const
    {
        return cell ? cell->load(rl::mo_relaxed, $) : own;
    }
};

#define uint32_t word<unsigned>
#define uint64_t word<unsigned long>

#define __atomic_load_n(p, order)         (p)->cell->load(order, $)
#define __atomic_store_n(p, value, order) (p)->cell->store(value, order, $)
#define __atomic_fetch_add(p, value, order) \
    (p)->cell->fetch_add(value, order, $)
#define __atomic_compare_exchange_n(p, old, value, weak, order, order_else) \
    (p)->cell->compare_exchange_weak((old)->own, value, order, $, order_else, $)

// asm volatile("wfe") becomes instructions("\"wfe\""): each model has its own.
#define asm
#define volatile(...) instructions(#__VA_ARGS__)
[[maybe_unused]] static void instructions(const char *text);

static inline bool has_barrier(const char *text, const char *name)
{
    return strstr(text, name) && !has_option("no-barrier");
}

// Tries every order of steps; with "switches=N" those in which at most N times
// a CPU is held up that could go on. 0: nothing has gone wrong.
template <typename test> static int search(char **arguments)
{
    rl::test_params params;
    params.search_type = rl::sched_full;
    params.iteration_count = 10000000; // is not reached, if all was tried
    for (options = arguments + 1; *arguments; arguments++)
        if (sscanf(*arguments, "switches=%u", &params.context_bound) == 1)
            params.search_type = rl::sched_bound;
    return rl::simulate<test>(params) ? 0 : 1;
}

#endif
