// SPDX-License-Identifier: MIT
// race.c - two threads update one counter, and the timer comes between the load
// and the store of an update: what the other one has added meanwhile is lost.
// fix=mask keeps interrupts out of the update; fix=server leaves the counter to
// one thread, and the others ask it; fix=atomic makes load and store one. With
// cpus= the threads run on so many CPUs, where a mask helps no more.

#include "demo.h"

enum { THREADS = 2, UPDATES = 300000 };

static volatile uint64_t counter; // shared
static uint64_t seed;
static cap_t endpoint, reply_object;

// Some work of a length that depends on the seed.
static void work(uint64_t *state)
{
    *state = *state * 6364136223846793005 + 1442695040888963407;
    for (volatile uint64_t i = *state >> 58; i > 0; i--)
        ;
}

static void update(uint64_t *state)
{
    uint64_t value = counter;
    work(state);
    counter = value + 1;
}

static void update_plainly(void *argument)
{
    uint64_t state = seed + *(uint64_t *)argument;
    for (unsigned i = 0; i < UPDATES; i++)
        update(&state);
}

static void update_masked(void *argument)
{
    uint64_t state = seed + *(uint64_t *)argument;
    for (unsigned i = 0; i < UPDATES; i++) {
        mask_interrupts();
        update(&state);
        unmask_interrupts();
    }
}

static void update_atomically(void *argument)
{
    uint64_t state = seed + *(uint64_t *)argument;
    for (unsigned i = 0; i < UPDATES; i++) {
        work(&state);
        add_atomically((uint64_t *)&counter, 1);
    }
}

static void ask(void *argument)
{
    (void)argument;
    struct message message = {0};
    for (unsigned i = 0; i < UPDATES; i++)
        call(endpoint, &message);
}

static void own(void *unused)
{
    (void)unused;
    uint64_t state = seed;
    struct message message;
    int error = recv(endpoint, reply_object, &message);
    while (error == OK) {
        update(&state);
        error = reply_recv(endpoint, reply_object, &message);
    }
}

void demo_race(void)
{
    static uint64_t numbers[THREADS] = {1, 2};
    cap_t threads[THREADS];
    const char *fix = demo_string("fix", "none");
    void (*way)(void *) = strcmp(fix, "mask") == 0     ? update_masked
                          : strcmp(fix, "server") == 0 ? ask
                          : strcmp(fix, "atomic") == 0 ? update_atomically
                                                       : update_plainly;
    seed = demo_number("seed", 1);
    reply_object = make_reply();
    endpoint = make_endpoint(spawn("owner", own, NULL));
    unsigned cpus = demo_cpus();
    for (unsigned i = 0; i < THREADS; i++)
        threads[i] = spawn("updater", way, &numbers[i]);
    for (unsigned i = 0; cpus > 1 && i < THREADS; i++)
        pin_thread(threads[i], i % cpus);
    for (unsigned i = 0; i < THREADS; i++)
        join(threads[i]);
    printf("result: %u updates made, %lu lost\n", THREADS * UPDATES,
           THREADS * UPDATES - counter);
}
