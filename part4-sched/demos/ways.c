// SPDX-License-Identifier: MIT
// ways.c - three ways to pass a message, on the same work: a producer hands
// numbers to a consumer, who adds them up. By rendezvous; by a queue that the
// two share; by a structure that the two share. Each is counted.

#include "demo.h"

enum { ITEMS = 1000, ROOM = 16 };

static cap_t endpoint;
static uint64_t sum;

// --- By rendezvous: the kernel hands the message over. Nobody shares memory.

static void send_all(void *unused)
{
    (void)unused;
    for (uint64_t i = 1; i <= ITEMS; i++) {
        struct message message = {0, {i, i, i, i}, 0};
        send(endpoint, &message);
    }
}

static void receive_all(void *unused)
{
    (void)unused;
    struct message message;
    for (unsigned i = 0; i < ITEMS; i++) {
        recv(endpoint, CAP_NONE, &message);
        sum += message.words[0];
    }
}

// --- By a queue in shared memory: the two meet only when it is full or empty.

static struct message queue[ROOM];
static volatile unsigned put_in, taken_out;

static void put_all(void *unused)
{
    (void)unused;
    for (uint64_t i = 1; i <= ITEMS; i++) {
        while (put_in - taken_out == ROOM)
            yield();
        queue[put_in % ROOM] = (struct message){0, {i, i, i, i}, 0};
        put_in++;
    }
}

static void take_all(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < ITEMS; i++) {
        while (put_in == taken_out)
            yield();
        sum += queue[taken_out % ROOM].words[0];
        taken_out++;
    }
}

// --- By one structure in shared memory, and a flag that says whose turn it is.

static struct message shared;
static volatile bool is_full;

static void write_all(void *unused)
{
    (void)unused;
    for (uint64_t i = 1; i <= ITEMS; i++) {
        while (is_full)
            yield();
        shared = (struct message){0, {i, i, i, i}, 0};
        is_full = true;
    }
}

static void read_all(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < ITEMS; i++) {
        while (!is_full)
            yield();
        sum += shared.words[0];
        is_full = false;
    }
}

// Runs the two sides; instructions for each item.
static uint64_t cost(void (*consumer)(void *), void (*producer)(void *))
{
    sum = 0;
    cap_t first = spawn("consumer", consumer, NULL);
    cap_t second = spawn("producer", producer, NULL);
    uint64_t begin = instructions();
    join(first);
    join(second);
    uint64_t each = (instructions() - begin) / ITEMS;
    return sum == ITEMS * (ITEMS + 1) / 2 ? each : 0;
}

void demo_ways(void)
{
    endpoint = make_endpoint(CAP_NONE);
    uint64_t rendezvous = cost(receive_all, send_all);
    uint64_t by_queue = cost(take_all, put_all);
    uint64_t by_structure = cost(read_all, write_all);
    printf("instructions for each of %u messages:\n", ITEMS);
    printf("  rendezvous         %4lu\n", rendezvous);
    printf("  shared queue of %u %4lu\n", ROOM, by_queue);
    printf("  shared structure   %4lu\n", by_structure);
    printf("result: %s\n", rendezvous && by_queue && by_structure
                               ? "all three sums are right"
                               : "a message was lost");
}
