// SPDX-License-Identifier: MIT
// glutton.c - a villain: a program that takes all there is. The memory that
// objects are made of is everybody's, and so is the table of capabilities; so
// they are nobody's, and nobody stops it.

#include "demo.h"

static unsigned endpoints, capabilities;

static void eat(void *unused)
{
    (void)unused;
    cap_t endpoint = CAP_NONE, cap;
    while ((cap = make_endpoint(CAP_NONE)) != CAP_NONE) {
        endpoint = cap;
        endpoints++;
    }
    while (mint(endpoint, 1, &cap) == OK)
        capabilities++;
}

static void be_modest(void *ran)
{
    *(bool *)ran = true;
}

void demo_glutton(void)
{
    static bool ran;
    join(spawn("glutton", eat, NULL));
    printf("the glutton has %u endpoints, and %u more names for one of them\n",
           endpoints, capabilities);
    join(spawn("modest", be_modest, &ran));
    printf("result: a modest program %s\n",
           ran ? "ran" : "could not even begin");
}
