// SPDX-License-Identifier: MIT
// latency.c - how long it takes from an interrupt to the thread that drives the
// device, in instructions. The device is a line that a program raises by hand,
// samples=N times; busy=N programs compute meanwhile.

#include "demo.h"

enum { MOST = 2000 };

static uint64_t raised, latencies[MOST];
static cap_t interrupts, done;
static unsigned samples;

static void drive(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < samples; i++) {
        uint64_t bits;
        wait(interrupts, &bits);
        latencies[i] = instructions() - raised;
        end_interrupt(spare_line());
        signal(done, 1);
    }
}

static void raise_often(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < samples; i++) {
        uint64_t bits;
        raised = instructions();
        raise_spare_line();
        wait(done, &bits);
    }
}

static void compute_for_ever(void *unused)
{
    (void)unused;
    for (;;)
        ;
}

static void sort_latencies(void)
{
    for (unsigned i = 1; i < samples; i++) {
        uint64_t latency = latencies[i];
        unsigned j = i;
        for (; j > 0 && latencies[j - 1] > latency; j--)
            latencies[j] = latencies[j - 1];
        latencies[j] = latency;
    }
}

void demo_latency(void)
{
    samples = (unsigned)demo_number("samples", MOST);
    if (samples == 0 || samples > MOST) {
        printf("latency: samples is 1 to %u\n", MOST);
        return;
    }
    interrupts = make_notification();
    done = make_notification();
    bind_interrupt(spare_line(), interrupts, 1);
    cap_t driver = spawn("driver", drive, NULL);
    cap_t raiser = spawn("raiser", raise_often, NULL);
    for (uint64_t i = demo_number("busy", 0); i > 0; i--)
        spawn("hog", compute_for_ever, NULL);
    join(raiser);
    join(driver);
    sort_latencies();
    printf("result: %u interrupts; least %lu, median %lu, most %lu "
           "instructions\n",
           samples, latencies[0], latencies[samples / 2],
           latencies[samples - 1]);
    demo_end();
}
