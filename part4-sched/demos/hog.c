// SPDX-License-Identifier: MIT
// hog.c - a villain: a program that computes for ever and never gives its turn
// back. The clock beside it has five things to say.

#include "demo.h"

enum { TICKS = 5 };

static bool tick(void *argument)
{
    unsigned *ticks = argument;
    ++*ticks;
    printf("tick %u\n", *ticks);
    if (*ticks < TICKS)
        return true;
    printf("result: the clock ticked %u times beside the hog\n", *ticks);
    demo_end();
}

static bool hog(void *argument)
{
    volatile uint64_t *sum = argument;
    for (uint64_t i = 1;; i++)
        *sum += i;
}

void demo_hog(void)
{
    static unsigned ticks;
    static uint64_t sum;
    take_turns("clock", tick, &ticks);
    take_turns("hog", hog, &sum);
    run_all();
}
