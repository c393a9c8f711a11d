// SPDX-License-Identifier: MIT
// bully.c - an inversion of priorities. An urgent client calls a server that
// nobody thought of as urgent; a bully in the middle, which has nothing to do
// with either, computes. With lending=0 the client waits for the server, and
// the server for the bully: so it was on Mars Pathfinder in 1997. With lending
// the server runs at the priority of its client.

#include "demo.h"

enum {
    LOW = 10,
    MIDDLE = 20,
    HIGH = 30,
    CALLS = 6, // of the client, one every 20 ms, of 1 ms each
};

static cap_t endpoint, reply_object;
static uint64_t worst; // in ticks

static uint64_t milliseconds(uint64_t count)
{
    return ticks_per_second() * count / 1000;
}

static void compute(uint64_t ticks)
{
    for (uint64_t end = now() + ticks; now() < end;)
        ;
}

static void serve(void *unused)
{
    (void)unused;
    struct message message;
    int error = recv(endpoint, reply_object, &message);
    while (error == OK) {
        compute(milliseconds(1));
        error = reply_recv(endpoint, reply_object, &message);
    }
}

static void be_urgent(void *unused)
{
    (void)unused;
    struct message message = {0};
    cap_t timer = make_notification();
    uint64_t time = now();
    for (unsigned i = 0; i < CALLS; i++) {
        time += milliseconds(20);
        sleep_until(timer, time);
        uint64_t begin = now();
        if (call(endpoint, &message) == OK && now() - begin > worst)
            worst = now() - begin;
    }
}

// Computes nine tenths of the time.
static void bully(void *unused)
{
    (void)unused;
    cap_t timer = make_notification();
    for (;;) {
        compute(milliseconds(90));
        sleep_until(timer, now() + milliseconds(10));
    }
}

void demo_bully(void)
{
    reply_object = make_reply();
    cap_t server = spawn_at(LOW, "server", serve, NULL);
    endpoint = make_endpoint(server);
    spawn_at(MIDDLE, "bully", bully, NULL);
    join(spawn_at(HIGH, "urgent", be_urgent, NULL));
    printf("result: the urgent client waited %lu us at most\n",
           worst * 1000000 / ticks_per_second());
    demo_end();
}
