// SPDX-License-Identifier: MIT
// share.c - three programs that compute and never yield. Each gets its share
// of the CPU, whether it wants the others to have theirs or not.

#include "demo.h"

enum { PROGRAMS = 3, INSTRUCTIONS = 120000000 };

static uint64_t begin;

static void compute(void *argument)
{
    uint64_t *rounds = argument;
    while (instructions() - begin < INSTRUCTIONS)
        ++*rounds;
}

void demo_share(void)
{
    static uint64_t rounds[PROGRAMS];
    static const char *const names[PROGRAMS] = {"Ada", "Edsger", "Per"};
    cap_t threads[PROGRAMS];
    begin = instructions();
    for (unsigned i = 0; i < PROGRAMS; i++)
        threads[i] = spawn(names[i], compute, &rounds[i]);
    uint64_t sum = 0;
    for (unsigned i = 0; i < PROGRAMS; i++) {
        join(threads[i]);
        sum += rounds[i];
    }
    for (unsigned i = 0; i < PROGRAMS; i++)
        printf("%s: %lu %%\n", names[i], (100 * rounds[i] + sum / 2) / sum);
    printf("result: three programs shared the CPU\n");
}
