// SPDX-License-Identifier: MIT
// smp.c - work for all CPUs: threads that may run anywhere, each with pieces of
// work to do, and a note of where each piece was done. An idle CPU takes over
// what is ready on another.

#include "demo.h"

enum { WORKERS = 16, PIECES = 25, MOST_CPUS = 8 };

static uint64_t pieces[MOST_CPUS]; // done, by CPU

// A piece of work: how many primes are below 2,000?
static unsigned count_primes(void)
{
    unsigned count = 0;
    for (unsigned n = 2; n < 2000; n++) {
        unsigned divisor = 2;
        while (divisor * divisor <= n && n % divisor != 0)
            divisor++;
        count += divisor * divisor > n;
    }
    return count;
}

static void work(void *wrong)
{
    for (unsigned i = 0; i < PIECES; i++) {
        if (count_primes() != 303)
            add_atomically((uint64_t *)wrong, 1);
        add_atomically(&pieces[cpu_number()], 1);
    }
}

void demo_smp(void)
{
    static uint64_t wrong;
    cap_t threads[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++) {
        threads[i] = spawn("worker", work, &wrong);
        pin_thread(threads[i], ANY_CPU);
    }
    for (unsigned i = 0; i < WORKERS; i++)
        join(threads[i]);
    uint64_t sum = 0;
    for (unsigned i = 0; i < MOST_CPUS; i++) {
        if (pieces[i])
            printf("cpu %u: %lu pieces\n", i, pieces[i]);
        sum += pieces[i];
    }
    printf("result: %lu pieces of work, %lu wrong\n", sum, wrong);
}
