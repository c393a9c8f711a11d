// SPDX-License-Identifier: MIT
// budget.c - three threads that may use 10, 20 and 30 % of the time, and want
// all of it; the least urgent one, without a limit, gets the rest.

#include "demo.h"

enum { THREADS = 4, PERIODS = 50, PERIOD = 10 /* ms */, GAP = 20 /* ticks */ };

static const struct {
    const char *name;
    unsigned priority, percent; // 0: no limit
} plan[THREADS] = {
    {"Ada", 40, 10}, {"Edsger", 39, 20}, {"Grace", 38, 30}, {"hog", 10, 0}};

static uint64_t begin, period; // in ticks
static uint64_t used[THREADS]; // the same

// Adds up the time in which it runs: if its clock jumps, somebody else did.
static void compute(void *argument)
{
    uint64_t *sum = argument;
    uint64_t last = now();
    while (last - begin < PERIODS * period) {
        uint64_t time = now();
        if (time - last < GAP)
            *sum += time - last;
        last = time;
    }
}

void demo_budget(void)
{
    cap_t threads[THREADS];
    period = ticks_per_second() * PERIOD / 1000;
    begin = now();
    for (unsigned i = 0; i < THREADS; i++) {
        cap_t context = make_context(plan[i].priority);
        if (plan[i].percent)
            limit_context(context, period * plan[i].percent / 100, period);
        threads[i] = spawn_at(PASSIVE, plan[i].name, compute, &used[i]);
        bind_context(context, threads[i]);
    }
    for (unsigned i = 0; i < THREADS; i++)
        join(threads[i]);
    for (unsigned i = 0; i < THREADS; i++)
        printf("%s: %lu of 1000\n", plan[i].name,
               used[i] * 1000 / (PERIODS * period));
    printf("result: done\n");
}
