// SPDX-License-Identifier: MIT
// polite.c - two programs that share the machine because both are polite: each
// does a little and then gives the CPU back.

#include "demo.h"

enum { ROUNDS = 3 };

struct speaker {
    const char *word;
    unsigned said;
};

static bool speak(void *argument)
{
    struct speaker *speaker = argument;
    speaker->said++;
    printf("%s %u\n", speaker->word, speaker->said);
    return speaker->said < ROUNDS;
}

void demo_polite(void)
{
    static struct speaker tick = {"tick", 0};
    static struct speaker tock = {"tock", 0};
    take_turns("tick", speak, &tick);
    take_turns("tock", speak, &tock);
    run_all();
    printf("result: tick spoke %u times, tock %u times\n", tick.said,
           tock.said);
}
