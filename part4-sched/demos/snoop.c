// SPDX-License-Identifier: MIT
// snoop.c - a villain: a program that reads its neighbor's secret. All that it
// needs is the address, and addresses can be guessed.

#include "demo.h"

struct vault {
    uint64_t secret;
};

static bool fill(void *argument)
{
    struct vault *vault = argument;
    vault->secret = demo_number("seed", 1) * 6364136223846793005u;
    return false;
}

static bool snoop(void *argument)
{
    const volatile uint64_t *address = argument;
    printf("result: the snoop has read 0x%016lx\n", *address);
    return false;
}

void demo_snoop(void)
{
    static struct vault vault;
    take_turns("vault", fill, &vault);
    take_turns("snoop", snoop, &vault.secret);
    run_all();
}
