// SPDX-License-Identifier: MIT
// crasher.c - a villain: a program that makes a mistake. "how=" on the command
// line picks which one. The mistakes are spelled out as instructions, so that
// no compiler can reason them away.

#include "demo.h"

// So that each mistake has a name in the backtrace.
#define NOINLINE __attribute__((noinline))

// An instruction that no CPU will ever have.
NOINLINE static void undefined(void)
{
    asm volatile("udf #0");
}

// A call through a function pointer that was never set right.
NOINLINE static void nowhere(void)
{
    asm volatile("blr %0" : : "r"(UINT64_C(0xdead0000)) : "x30", "memory");
}

// A load from an address where there is nothing.
NOINLINE static void absent(void)
{
    asm volatile("ldr x0, [%0]" : : "r"(UINT64_C(0x0bad0000)) : "x0", "memory");
}

// A load of four bytes from an address that is no multiple of four.
NOINLINE static void unaligned(void)
{
    static uint32_t words[2];
    asm volatile("ldr w0, [%0]" : : "r"((char *)words + 1) : "x0", "memory");
}

// What a debugger puts in place of an instruction to stop there.
NOINLINE static void breakpoint(void)
{
    asm volatile("brk #7");
}

// A recursion that ends only after four billion calls.
static unsigned overflow(unsigned depth)
{
    volatile unsigned deeper = depth + 1;
    return deeper == 0 ? 0 : overflow(deeper) + deeper;
}

static bool crash(void *argument)
{
    const char *how = argument;
    if (strcmp(how, "undefined") == 0)
        undefined();
    else if (strcmp(how, "nowhere") == 0)
        nowhere();
    else if (strcmp(how, "absent") == 0)
        absent();
    else if (strcmp(how, "unaligned") == 0)
        unaligned();
    else if (strcmp(how, "breakpoint") == 0)
        breakpoint();
    else if (strcmp(how, "overflow") == 0)
        overflow(0);
    else
        printf("how= is one of: undefined nowhere absent unaligned breakpoint "
               "overflow\n");
    return false;
}

void demo_crasher(void)
{
    const char *how = demo_string("how", "undefined");
    printf("now: %s\n", how);
    take_turns("crasher", crash, (void *)how);
    run_all();
    printf("result: the crasher came back\n");
}
