// SPDX-License-Identifier: MIT
// scribbler.c - a villain: a program that writes over its neighbor's memory,
// and over the kernel.

#include "demo.h"

static char diary[] = "the neighbor's diary";

static bool scribble(void *argument)
{
    char *victim = argument;
    memcpy(victim, "scribble", 8);
    return false;
}

void demo_scribbler(void)
{
    char *kernel = (char *)kernel_address();
    uint32_t before;
    memcpy(&before, kernel, sizeof(before));

    take_turns("scribbler", scribble, diary);
    take_turns("scribbler", scribble, kernel);
    run_all();
    printf("the diary now reads: %s\n", diary);
    printf("result: the diary is %s, the kernel is %s\n",
           strcmp(diary, "the neighbor's diary") ? "spoiled" : "whole",
           memcmp(&before, kernel, sizeof(before)) ? "spoiled" : "whole");
}
