// SPDX-License-Identifier: MIT
// pipeline.c - four threads, each passing on to the next: numbers, their
// squares, the odd ones of these, their sum. A stage that has nothing to do
// waits; one that is too fast waits too. Nobody planned that: it is what a
// rendezvous does.

#include "demo.h"

enum { STAGES = 4, COUNT = 10 };
enum label { NUMBER, END };

static cap_t before[STAGES]; // the endpoint at which a stage receives

static void pass_on(unsigned stage, enum label label, uint64_t number)
{
    struct message message = {label, {number}, 0};
    send(before[stage + 1], &message);
}

static void numbers(void *unused)
{
    (void)unused;
    for (uint64_t i = 1; i <= COUNT; i++)
        pass_on(0, NUMBER, i);
    pass_on(0, END, 0);
}

static void squares(void *unused)
{
    (void)unused;
    struct message message;
    while (recv(before[1], CAP_NONE, &message) == OK && message.label != END)
        pass_on(1, NUMBER, message.words[0] * message.words[0]);
    pass_on(1, END, 0);
}

static void odd_ones(void *unused)
{
    (void)unused;
    struct message message;
    while (recv(before[2], CAP_NONE, &message) == OK && message.label != END)
        if (message.words[0] % 2)
            pass_on(2, NUMBER, message.words[0]);
    pass_on(2, END, 0);
}

static void sum(void *unused)
{
    (void)unused;
    uint64_t total = 0;
    struct message message;
    while (recv(before[3], CAP_NONE, &message) == OK && message.label != END) {
        total += message.words[0];
        printf("sum: %lu, now %lu\n", message.words[0], total);
    }
    printf("result: the odd squares up to %u add up to %lu\n", COUNT * COUNT,
           total);
}

void demo_pipeline(void)
{
    static void (*const stages[STAGES])(void *) = {numbers, squares, odd_ones,
                                                   sum};
    static const char *const names[STAGES] = {"numbers", "squares", "odd ones",
                                              "sum"};
    cap_t threads[STAGES];
    for (unsigned i = 0; i < STAGES; i++) {
        threads[i] = spawn(names[i], stages[i], NULL);
        before[i] = make_endpoint(threads[i]);
    }
    for (unsigned i = 0; i < STAGES; i++)
        join(threads[i]);
}
