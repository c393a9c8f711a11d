// SPDX-License-Identifier: MIT
// demo.c - picks a demo, and lets its programs share the machine.

#include "demo.h"
#include "../psci.h"
#include "args.h"

void demo_crasher(void);
void demo_hog(void);
void demo_meddler(void);
void demo_polite(void);
void demo_scribbler(void);
void demo_snoop(void);

struct demo {
    const char *name;
    void (*run)(void);
    const char *about;
    const char *missing; // what a kernel would do, and the part that has it
    bool returns;        // false: nothing can be said after it
};

static const struct demo demos[] = {
    // the first one is the default
    {"polite", demo_polite, "two programs that share because both are polite",
     "who owns the serial line? Nobody: both wrote to it. Part 3: a driver.\n"
     "All went well because all were polite. Now let a villain loose:\n"
     "  make part0 run DEMO=hog       (or crasher, meddler, scribbler, snoop)",
     true},
    {"crasher", demo_crasher, "a program that makes a mistake",
     "who tells what went wrong? Part 1: the panic report.", false},
    {"hog", demo_hog, "a program that never gives its turn back",
     "who shares out the time? Part 3: the timer takes the CPU away.", false},
    {"meddler", demo_meddler, "two programs that update one counter",
     "how do programs talk? Part 2: by messages.", true},
    {"scribbler", demo_scribbler, "a program that writes where it likes",
     "who guards memory? Part 5: an address space for each program.", true},
    {"snoop", demo_snoop, "a program that reads another one's secret",
     "who guards memory? Part 5: an address space for each program.", true},
};

enum {
    DEMOS = sizeof(demos) / sizeof(demos[0]),
    PROGRAMS = 8,
};

static const char *command_line;

static struct program {
    const char *name;
    bool (*turn)(void *argument); // NULL once it wants no more turns
    void *argument;
} programs[PROGRAMS];
static unsigned program_count;

const char *demo_string(const char *key, const char *otherwise)
{
    static char value[512];
    return args_string(command_line, key, value, sizeof(value)) ? value
                                                                : otherwise;
}

uint64_t demo_number(const char *key, uint64_t otherwise)
{
    uint64_t value = otherwise;
    args_number(command_line, key, &value);
    return value;
}

void take_turns(const char *name, bool (*turn)(void *argument), void *argument)
{
    if (program_count == PROGRAMS) {
        printf("no room for the program '%s'\n", name);
        demo_end();
    }
    programs[program_count++] = (struct program){name, turn, argument};
}

void run_all(void)
{
    unsigned running = program_count;
    while (running > 0) {
        for (unsigned i = 0; i < program_count; i++) {
            struct program *program = &programs[i];
            if (program->turn && !program->turn(program->argument)) {
                program->turn = NULL;
                running--;
            }
        }
    }
    program_count = 0;
}

_Noreturn void demo_end(void)
{
    psci_power_off();
}

uintptr_t kernel_address(void)
{
    extern char image_start[]; // from kernel.ld
    return (uintptr_t)image_start;
}

static void run(const struct demo *demo)
{
    printf("demo: %s - %s\n", demo->name, demo->about);
    if (!demo->returns)
        printf("missing: %s\n"
               "(Said first: nothing here can say it later. If no more lines "
               "appear, that is the demo;\nleave QEMU with Ctrl-A X.)\n",
               demo->missing);
    demo->run();
    if (demo->returns)
        printf("missing: %s\n", demo->missing);
}

void demo_run(const char *args)
{
    command_line = args;
    const char *name = demo_string("demo", demos[0].name);
    for (unsigned i = 0; i < DEMOS; i++) {
        if (strcmp(demos[i].name, name) == 0) {
            run(&demos[i]);
            return;
        }
    }
    printf("no demo '%s'; there are:\n", name);
    for (unsigned i = 0; i < DEMOS; i++)
        printf("  %-12s %s\n", demos[i].name, demos[i].about);
}
