// SPDX-License-Identifier: MIT
// alarm.c - many sleepers, each with a time of its own: they wake in order, at
// the right time, and while all sleep the machine does nothing at all.

#include "demo.h"

enum { SLEEPERS = 8 };

struct sleeper {
    unsigned number;
    uint64_t milliseconds;
    cap_t notification;
};

static uint64_t begin;
static unsigned woken, on_time;

static void rest(void *argument)
{
    struct sleeper *sleeper = argument;
    sleep_until(sleeper->notification,
                begin + sleeper->milliseconds * ticks_per_second() / 1000);
    uint64_t slept = (now() - begin) * 1000 / ticks_per_second();
    printf("sleeper %u: %lu ms\n", sleeper->number, slept);
    woken++;
    on_time += slept == sleeper->milliseconds;
}

void demo_alarm(void)
{
    static struct sleeper sleepers[SLEEPERS];
    cap_t threads[SLEEPERS];
    begin = now();
    for (unsigned i = 0; i < SLEEPERS; i++) {
        sleepers[i] = (struct sleeper){i, (i * 5 % SLEEPERS + 1) * 100,
                                       make_notification()};
        threads[i] = spawn("sleeper", rest, &sleepers[i]);
    }
    for (unsigned i = 0; i < SLEEPERS; i++)
        join(threads[i]);
    printf("result: %u woke, %u on time\n", woken, on_time);
}
