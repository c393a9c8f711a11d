// SPDX-License-Identifier: MIT
// undefined.c - a crasher whose mistakes the CPU does not mind, but C does. Each
// stands in a line that ends with the word HERE and its name.

#include "demo.h"

static volatile int large = 0x7fffffff, one = 1, zero, forty = 40;
static int array[4];

static int addition(void)
{
    return large + one; // HERE addition
}

static int subtraction(void)
{
    return -large - 1 - one; // HERE subtraction
}

static int multiplication(void)
{
    return large * 2; // HERE multiplication
}

static int negation(void)
{
    int smallest = -large - 1;
    return -smallest; // HERE negation
}

static int division(void)
{
    return one / zero; // HERE division
}

static int shift(void)
{
    return one << forty; // HERE shift
}

static int bounds(void)
{
    return array[forty]; // HERE bounds
}

static int null(void)
{
    int *nothing = (int *)(uintptr_t)zero;
    return *nothing; // HERE null
}

static int misaligned(void)
{
    int *odd = (int *)((uintptr_t)array + (unsigned)one);
    return *odd; // HERE misaligned
}

static int truth(void)
{
    uint8_t two = 2;
    return *(volatile bool *)&two; // HERE truth
}

static int unreachable(void)
{
    __builtin_unreachable(); // HERE unreachable
}

static const struct {
    const char *name;
    int (*make)(void);
} mistakes[] = {
    {"addition", addition},
    {"subtraction", subtraction},
    {"multiplication", multiplication},
    {"negation", negation},
    {"division", division},
    {"shift", shift},
    {"bounds", bounds},
    {"null", null},
    {"misaligned", misaligned},
    {"truth", truth},
    {"unreachable", unreachable},
};

void demo_crasher(void)
{
    const char *how = demo_string("how", "none");
    for (unsigned i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        if (strcmp(mistakes[i].name, how) == 0)
            printf("result: %d\n", mistakes[i].make());
    }
}
