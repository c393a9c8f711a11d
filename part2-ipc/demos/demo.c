// SPDX-License-Identifier: MIT
// demo.c - picks a demo, and lets its programs share the machine.

#include "demo.h"
#include "../machine.h"
#include "../panic.h"
#include "../psci.h"
#include "../thread.h"
#include "../uart.h"
#include "args.h"
#include "line.h"

void demo_crasher(void);
void demo_echo(void);
void demo_hanoi(void);
void demo_hog(void);
void demo_meddler(void);
void demo_polite(void);
void demo_scribbler(void);
void demo_selftest(void);
void demo_snoop(void);
void demo_tree(void);

struct demo {
    const char *name;
    void (*run)(void);
    const char *about;
};

static const struct demo demos[] = {
    // the first one is the default
    {"echo", demo_echo, "says what you type"},
    {"tree", demo_tree, "what stands in the device tree"},
    {"crasher", demo_crasher, "a program that makes a mistake"},
    {"hog", demo_hog, "a program that never gives its turn back"},
    {"meddler", demo_meddler, "two programs that update one counter"},
    {"polite", demo_polite, "two programs that share because both are polite"},
    {"scribbler", demo_scribbler, "a program that writes where it likes"},
    {"snoop", demo_snoop, "a program that reads another one's secret"},
    {"hanoi", demo_hanoi, "three threads, each deep in a recursion"},
    {"selftest", demo_selftest, "the kernel's tests of itself"},
};

enum {
    DEMOS = sizeof(demos) / sizeof(demos[0]),
    PROGRAMS = 8,
    THREADS = 16,
    STACK_SIZE = 8192,
};

static const char *command_line;

static struct program {
    bool (*turn)(void *argument);
    void *argument;
    cap_t thread;
} programs[PROGRAMS];
static unsigned program_count;

// What threads are made of.
static struct thread threads_memory[THREADS];
static unsigned threads_used;
static char stacks[THREADS][STACK_SIZE]
    __attribute__((section(".thread_stacks"), aligned(STACK_SIZE)));

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

static void run_program(void *argument)
{
    const struct program *program = argument;
    while (program->turn(program->argument))
        yield();
}

void take_turns(const char *name, bool (*turn)(void *argument), void *argument)
{
    if (program_count == PROGRAMS) {
        printf("no room for the program '%s'\n", name);
        demo_end();
    }
    struct program *program = &programs[program_count++];
    *program = (struct program){turn, argument, CAP_NONE};
    program->thread = spawn(name, run_program, program);
}

void run_all(void)
{
    for (unsigned i = 0; i < program_count; i++)
        join(programs[i].thread);
    program_count = 0;
}

cap_t spawn(const char *name, void (*function)(void *), void *argument)
{
    cap_t cap;
    if (threads_used == THREADS ||
        create_thread(&threads_memory[threads_used], name, function, argument,
                      stacks[threads_used], STACK_SIZE, &cap) != OK)
        return CAP_NONE;
    threads_used++;
    return cap;
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

bool read_line(const char *prompt, char *text, size_t size)
{
    struct line line;
    enum line_event event;
    do {
        printf("%s", prompt);
        line_begin(&line);
        do {
            int c = uart_getc();
            if (c < 0)
                yield();
            event = c < 0 ? LINE_MORE : line_put(&line, (char)c, console_putc);
        } while (event == LINE_MORE);
    } while (event == LINE_CANCEL);
    if (event == LINE_END)
        printf("\n");
    snprintf(text, size, "%s", line.text);
    return event == LINE_DONE;
}

void open_device_tree(struct fdt *tree)
{
    const char *error = fdt_open(tree, machine.tree, FDT_MAX_SIZE);
    ASSERT(!error);
}

static void run(const struct demo *demo)
{
    printf("demo: %s - %s\n", demo->name, demo->about);
    demo->run();
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
    halt(2);
}
