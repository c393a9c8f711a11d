// SPDX-License-Identifier: MIT
// demo.c - picks a demo, and lets its programs share the machine.

#include "demo.h"
#include "../check.h"
#include "../endpoint.h"
#include "../gic.h"
#include "../gicregs.h"
#include "../machine.h"
#include "../notification.h"
#include "../panic.h"
#include "../sched.h"
#include "../pl011.h"
#include "../psci.h"
#include "../registers.h"
#include "../torture.h"
#include "../trace.h"
#include "../uart.h"
#include "args.h"
#include "line.h"
#include "mmio.h"

void demo_alarm(void);
void demo_bench(void);
void demo_budget(void);
void demo_bully(void);
void demo_calc(void);
void demo_crasher(void);
void demo_drivers(void);
void demo_echo(void);
void demo_forger(void);
void demo_glutton(void);
void demo_hanoi(void);
void demo_hog(void);
void demo_latency(void);
void demo_locks(void);
void demo_mailbox(void);
void demo_meddler(void);
void demo_names(void);
void demo_philosophers(void);
void demo_pingpong(void);
void demo_pipeline(void);
void demo_polite(void);
void demo_race(void);
void demo_scribbler(void);
void demo_script(void);
void demo_selftest(void);
void demo_share(void);
void demo_smp(void);
void demo_snoop(void);
void demo_storm(void);
void demo_tree(void);
void demo_ways(void);

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
    {"pingpong", demo_pingpong, "two threads and a message to and fro"},
    {"calc", demo_calc, "a server that calculates for three clients"},
    {"names", demo_names, "a server that knows where the others are"},
    {"mailbox", demo_mailbox, "a bounded buffer, as a server"},
    {"pipeline", demo_pipeline, "four threads, each passing on to the next"},
    {"philosophers", demo_philosophers, "who waits for whom: fix=1 helps them"},
    {"ways", demo_ways, "three ways to pass a message, counted"},
    {"forger", demo_forger, "a program that uses a name it was not given"},
    {"glutton", demo_glutton, "a program that takes all there is"},
    {"share", demo_share, "three programs that never yield"},
    {"race", demo_race, "updates that an interrupt tears apart"},
    {"alarm", demo_alarm, "many sleepers, woken in order"},
    {"drivers", demo_drivers, "a driver as a thread, and its clients"},
    {"latency", demo_latency, "from an interrupt to its driver"},
    {"storm", demo_storm, "a device that interrupts without end"},
    {"bully", demo_bully, "an inversion of priorities"},
    {"budget", demo_budget, "so much of each period"},
    {"smp", demo_smp, "work for all CPUs"},
    {"locks", demo_locks, "four ways to keep out of each other's way"},
    {"script", demo_script, "threads that do what the command line says"},
    {"bench", demo_bench, "what the kernel's calls cost"},
    {"selftest", demo_selftest, "the kernel's tests of itself"},
};

enum {
    DEMOS = sizeof(demos) / sizeof(demos[0]),
    PROGRAMS = 8,
    THREADS = 72,
    ENDPOINTS = 96,
    REPLIES = 96,
    NOTIFICATIONS = 512,
    STACK_SIZE = 8192,
    NAMELESS = 936,
};

static const char *command_line;

static struct program {
    bool (*turn)(void *argument);
    void *argument;
    cap_t thread;
} programs[PROGRAMS];
static unsigned program_count;

// What objects are made of. It is everybody's: whoever asks gets some, until
// it is used up.
static struct thread threads_memory[THREADS];
static struct endpoint endpoints_memory[ENDPOINTS];
static struct reply replies_memory[REPLIES];
static unsigned threads_used, endpoints_used, replies_used;
static struct notification notifications_memory[NOTIFICATIONS];
static unsigned notifications_used;
static struct sched_context contexts_memory[THREADS];
static unsigned contexts_used;
static char stacks[THREADS][STACK_SIZE]
    __attribute__((section(".thread_stacks"), aligned(STACK_SIZE)));

static struct nameless {
    char stack[STACK_SMALLEST] __attribute__((aligned(GUARD_SIZE)));
    struct thread thread;
    struct sched_context context;
} nameless[NAMELESS] __attribute__((section(".thread_stacks"))); // not cleared
static unsigned nameless_used;

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
    return spawn_at(PRIORITY_NORMAL, name, function, argument);
}

cap_t spawn_at(unsigned priority, const char *name, void (*function)(void *),
               void *argument)
{
    cap_t context = CAP_NONE;
    if (priority != PASSIVE) {
        context = make_context(priority);
        if (context == CAP_NONE)
            return CAP_NONE;
    }
    cap_t cap;
    if (threads_used == THREADS ||
        create_thread(&threads_memory[threads_used], name, function, argument,
                      stacks[threads_used], STACK_SIZE, &cap) != OK)
        return CAP_NONE;
    threads_used++;
    if (context != CAP_NONE)
        bind_context(context, cap);
    return cap;
}

bool spawn_nameless(unsigned priority, void (*function)(void *), void *argument)
{
    if (nameless_used == NAMELESS)
        return false;
    struct nameless *one = &nameless[nameless_used++];
    uint64_t masks = sysreg_read(daif);
    mask_interrupts(); // as in the kernel
    kernel_lock();
    thread_init(&one->thread, "nameless", function, argument,
                (uintptr_t)one->stack, STACK_SMALLEST);
    schedcontext_init(&one->context, priority);
    schedcontext_bind(&one->context, &one->thread);
    kernel_unlock();
    asm volatile("msr daif, %0" : : "r"(masks) : "memory");
    return true;
}

cap_t make_context(unsigned priority)
{
    cap_t cap;
    if (contexts_used == THREADS ||
        create_context(&contexts_memory[contexts_used], priority, &cap) != OK)
        return CAP_NONE;
    contexts_used++;
    return cap;
}

cap_t make_endpoint(cap_t server)
{
    cap_t cap;
    if (endpoints_used == ENDPOINTS ||
        create_endpoint(&endpoints_memory[endpoints_used], server, &cap) != OK)
        return CAP_NONE;
    endpoints_used++;
    return cap;
}

cap_t make_reply(void)
{
    cap_t cap;
    if (replies_used == REPLIES ||
        create_reply(&replies_memory[replies_used], &cap) != OK)
        return CAP_NONE;
    replies_used++;
    return cap;
}

cap_t make_notification(void)
{
    cap_t cap;
    if (notifications_used == NOTIFICATIONS ||
        create_notification(&notifications_memory[notifications_used], &cap) !=
            OK)
        return CAP_NONE;
    notifications_used++;
    return cap;
}

void mask_interrupts(void)
{
    asm volatile("msr daifset, %0" : : "i"(DAIF_I) : "memory");
}

void unmask_interrupts(void)
{
    asm volatile("msr daifclr, %0" : : "i"(DAIF_I) : "memory");
}

unsigned cpus_online(void)
{
    unsigned count = 0;
    for_each_cpu(cpu)
        count += cpu->online;
    return count;
}

unsigned cpu_number(void)
{
    return this_cpu()->number;
}

unsigned demo_cpus(void)
{
    uint64_t count = demo_number("cpus", 1);
    if (count == 0 || count > cpus_online()) {
        printf("cpus= is 1 to %u on this machine\n", cpus_online());
        demo_refuse();
    }
    return (unsigned)count;
}

uint64_t add_atomically(uint64_t *number, uint64_t more)
{
    return __atomic_fetch_add(number, more, __ATOMIC_RELAXED);
}

unsigned device_line(void)
{
    return machine.uart_line;
}

int device_read(void)
{
    return uart_getc();
}

void device_write(char c)
{
    console_putc(c);
}

// "There is room to send": true from the first character on.
void device_storm(void)
{
    mmio_write32(machine.uart + UART_IMSC, IMSC_TX);
}

unsigned spare_line(void)
{
    return 32 + 200;
}

void raise_spare_line(void)
{
    mmio_write32(machine.gic[0].address + GICD_ISPENDR + spare_line() / 32 * 4,
                 (uint32_t)BIT(spare_line() % 32));
}

const char *error_name(int error)
{
    static const char *const names[] = {
        "OK",
        "ERROR_CALL",
        "ERROR_CAP",
        "ERROR_ARGUMENT",
        "ERROR_FULL",
        "ERROR_WOULD_BLOCK",
        "ERROR_DESTROYED",
        "ERROR_NO_CALLER",
        "ERROR_DROPPED",
    };
    return error == SIGNALED ? "SIGNALED" : names[-error];
}

uint64_t instructions(void)
{
    static bool started;
    if (!started) {
        sysreg_write(pmccfiltr_el0, 0);
        sysreg_write(pmcntenset_el0, PMCNTEN_C);
        sysreg_write(pmcr_el0, PMCR_E | PMCR_C | PMCR_LC);
        started = true;
    }
    asm volatile("isb"); // what came before is counted
    return sysreg_read(pmccntr_el0);
}

void begin_torture(uint64_t seed)
{
    torture_begin(seed);
    yield(); // the first shot is on its way when the kernel is left
}

uint64_t longest_wait(void)
{
    uint64_t wait = (uint64_t)torture_longest_wait;
    torture_longest_wait = 0;
    return wait;
}

_Noreturn void demo_end(void)
{
    psci_power_off();
}

_Noreturn void demo_refuse(void)
{
    halt(2);
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
    tracing = demo_number("trace", 0) != 0;
    lending = demo_number("lending", 1) != 0;
    checking = demo_number("check", 0) != 0;
    uint64_t torture_seed = demo_number("torture", 0);
    if (torture_seed)
        torture_begin(torture_seed);
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
