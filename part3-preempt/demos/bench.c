// SPDX-License-Identifier: MIT
// bench.c - what the kernel's calls cost, in instructions: everything between
// two readings of the counter, less what the readings cost. A line is
//
//   bench: KEY THREADS MEAN MIN MAX COUNT
//
// for tools/bench.py; THREADS is how many there are in the system, and nearly
// all wait at an endpoint of their own. It is meant for -icount, where the
// counter is exact: no cache, no alignment and no chance has a say.

#include "demo.h"

enum { COUNT = 1000, MOST_THREADS = 64, WARM_UP = 10 };

static cap_t echo_endpoint, sink_endpoint, idle_endpoints[MOST_THREADS];
static cap_t echo_reply;
static unsigned thread_count = 1; // main
static uint64_t overhead;         // of two readings

struct figure {
    uint64_t sum, min, max;
};

static void add(struct figure *figure, uint64_t begin, uint64_t end)
{
    uint64_t took = end - begin - overhead;
    figure->sum += took;
    if (took < figure->min)
        figure->min = took;
    if (took > figure->max)
        figure->max = took;
}

static void print(const char *key, const struct figure *figure, unsigned count)
{
    printf("bench: %-16s %2u %5lu %5lu %5lu %5u\n", key, thread_count,
           (figure->sum + count / 2) / count, figure->min, figure->max, count);
}

static struct message message;

static void nothing(void)
{
}

static void call_empty_message(void)
{
    message = (struct message){0};
    call(echo_endpoint, &message);
}

static void call_four_words(void)
{
    message = (struct message){1, {2, 3, 4, 5}, 0};
    call(echo_endpoint, &message);
}

static void call_nobody(void)
{
    call(CAP_NONE, &message);
}

static void receive_nothing(void)
{
    nbrecv(echo_endpoint, CAP_NONE, &message);
}

static void send_to_sink(void)
{
    send(sink_endpoint, &message);
}

// Measures `operation`; in between all others go on until they wait.
static void measure(const char *key, void (*operation)(void))
{
    struct figure figure = {0, UINT64_MAX, 0};
    for (unsigned n = 0; n < COUNT + WARM_UP; n++) {
        yield();
        uint64_t begin = instructions();
        operation();
        uint64_t end = instructions();
        if (n >= WARM_UP)
            add(&figure, begin, end);
    }
    print(key, &figure, COUNT);
}

static void echo(void *unused)
{
    (void)unused;
    struct message request;
    recv(echo_endpoint, echo_reply, &request);
    for (;;)
        reply_recv(echo_endpoint, echo_reply, &request);
}

// Always waits for the next message, when the sender has yielded.
static void sink(void *unused)
{
    (void)unused;
    struct message request;
    for (;;)
        recv(sink_endpoint, CAP_NONE, &request);
}

// Is there, and waits.
static void idle(void *argument)
{
    struct message request;
    recv(*(cap_t *)argument, CAP_NONE, &request);
}

static void add_threads(unsigned wanted)
{
    while (thread_count < wanted) {
        cap_t *endpoint = &idle_endpoints[thread_count++];
        *endpoint = make_endpoint(spawn("idle", idle, endpoint));
    }
    yield();
}

static void bench_calls(void)
{
    measure("call_reply_0", call_empty_message);
    measure("call_reply_4", call_four_words);
    measure("send_waiting", send_to_sink);
    measure("call_empty", call_nobody);
    measure("nbrecv_empty", receive_nothing);
    measure("yield_alone", yield);
}

static uint64_t switched; // the counter, as the last thread read it

static void switch_back(void *figure)
{
    for (unsigned n = 0; n < COUNT; n++) {
        yield();
        uint64_t now = instructions();
        add(figure, switched, now);
        switched = instructions();
    }
}

// From before the yield of one thread to behind that of the other.
static void bench_switch(void)
{
    struct figure figure = {0, UINT64_MAX, 0};
    cap_t first = spawn("first", switch_back, &figure);
    cap_t second = spawn("second", switch_back, &figure);
    yield();
    figure = (struct figure){0, UINT64_MAX, 0}; // forget the beginning
    switched = instructions();
    join(first);
    join(second);
    thread_count += 2;
    print("yield_switch", &figure, 2 * COUNT);
}

void demo_bench(void)
{
    for (unsigned n = 0; n < WARM_UP; n++) {
        uint64_t begin = instructions();
        nothing();
        overhead = instructions() - begin;
    }
    echo_reply = make_reply();
    cap_t echo_thread = spawn("echo", echo, NULL);
    echo_endpoint = make_endpoint(echo_thread);
    cap_t sink_thread = spawn("sink", sink, NULL);
    sink_endpoint = make_endpoint(sink_thread);
    thread_count = 3;
    yield();
    bench_calls();
    bench_switch();
    add_threads(16);
    bench_calls();
    add_threads(MOST_THREADS);
    bench_calls();
    printf("result: measured\n");
}
