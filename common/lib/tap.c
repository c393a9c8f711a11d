// SPDX-License-Identifier: MIT
// tap.c - results of self-tests in the Test Anything Protocol, version 14.
#include "tap.h"
#include "printf.h"

static unsigned points; // printed so far
static unsigned failed; // of these

void tap_begin(void)
{
    points = 0;
    failed = 0;
    printf("TAP version 14\n");
}

bool tap_point(bool passed, const char *name, ...)
{
    va_list arguments;

    points++;
    if (!passed)
        failed++;
    printf("%s %u - ", passed ? "ok" : "not ok", points);
    va_start(arguments, name);
    vprintf(name, arguments);
    va_end(arguments);
    printf("\n");
    return passed;
}

bool tap_end(void)
{
    printf("1..%u\n", points);
    return points > 0 && failed == 0;
}
