// SPDX-License-Identifier: MIT
// storm.c - a villain among devices: its line asks for an interrupt all the
// time, and the driver never makes it stop. The line is masked from the
// interrupt until the driver says that it is done; so the storm takes the
// driver's share of the CPU, and nobody else's.

#include "demo.h"

enum { BEATS = 5, MILLISECONDS = 20 };

static unsigned interrupts, beats;

static void drive(void *unused)
{
    (void)unused;
    cap_t notification = make_notification();
    uint64_t bits;
    unsigned line = device_line();
    bind_interrupt(line, notification, 1);
    device_storm();
    while (wait(notification, &bits) == OK) {
        interrupts++;
        end_interrupt(line); // and the device asks again, at once
    }
}

static void beat(void *unused)
{
    (void)unused;
    cap_t notification = make_notification();
    for (uint64_t time = now(); beats < BEATS; beats++) {
        uint64_t bits;
        time += ticks_per_second() * MILLISECONDS / 1000;
        alarm(notification, 1, time);
        wait(notification, &bits);
        uint64_t late = (now() - time) * 1000000 / ticks_per_second();
        printf("beat %u, %lu us late\n", beats + 1, late);
    }
}

void demo_storm(void)
{
    spawn("driver", drive, NULL);
    join(spawn("heart", beat, NULL));
    printf("result: %u beats beside %s interrupts\n", beats,
           interrupts > 1000 ? "thousands of" : "too few");
    demo_end();
}
