// SPDX-License-Identifier: MIT
// smp_more.c - stands in for demos/crasher.c: what goes wrong on other CPUs
// only, or only where contexts may move. how= picks one.

#include "../panic.h"
#include "../sched.h"
#include "../smp.h"
#include "demo.h"

enum { LOW = 10, CALM = 20, HIGH = 28 }; // priorities; main's is 32

static uint64_t start;
static cap_t alarm_of_main, bell;

static uint64_t ticks(uint64_t microseconds)
{
    return ticks_per_second() * microseconds / 1000000;
}

static uint64_t elapsed(void)
{
    return (now() - start) * 1000000 / ticks_per_second();
}

static void main_until(uint64_t microseconds)
{
    sleep_until(alarm_of_main, start + ticks(microseconds));
}

// (The hint lets another CPU go on, under -icount.)
static void compute_until(uint64_t microseconds)
{
    while (elapsed() < microseconds) {
        for (unsigned i = 0; i < 100; i++)
            asm volatile("" : : : "memory");
        asm volatile("yield");
    }
}

static void compute(void *end)
{
    compute_until((uintptr_t)end);
}

static void note(const char *text, uint64_t number)
{
    printf("%s: %lu\n", text, number);
}

static cap_t spawn_on(uint64_t cpu, unsigned priority, const char *name,
                      void (*function)(void *), void *argument)
{
    cap_t thread = spawn_at(priority, name, function, argument);
    pin_thread(thread, cpu);
    return thread;
}

// --- Stacks ---

// Looked at before anybody else is woken, who may not survive it.
static void stacks(void)
{
    extern char kernel_stack_top[]; // of the first one; from kernel.ld
    for_each_cpu(cpu)
        printf("stack %u: %lu\n", cpu->number,
               cpu->stack - (uintptr_t)kernel_stack_top);
}

static unsigned fall(unsigned depth)
{
    volatile unsigned deeper = depth + 1;
    return deeper == 0 ? 0 : fall(deeper) + deeper;
}

static void overflow(void *argument)
{
    (void)argument;
    fall(0);
}

// --- Equals of another CPU ---

static void begin_late(void *argument)
{
    (void)argument;
    note("begins at", elapsed());
    compute_until(40000);
}

static void share_elsewhere(void)
{
    cap_t first = spawn_on(1, CALM, "first", compute, (void *)40000);
    main_until(1000);
    cap_t second = spawn_on(1, CALM, "second", begin_late, NULL);
    compute_until(35000); // no interrupt here is about them
    join(first);
    join(second);
}

// --- What is unpinned by birth ---

static void wait_for_bell(void *argument)
{
    (void)argument;
    uint64_t bits;
    note("waits on", cpu_number());
    if (strcmp(demo_string("by", ""), "alarm") == 0)
        alarm(bell, 1, start + ticks(4000));
    wait(bell, &bits);
    note("woken on", cpu_number());
}

// Main makes a thread while it may move itself, and is pinned then: CPU 1,
// which sleeps, has to be told of the thread all the same.
static void inherit(void)
{
    spawn_on(1, CALM, "hog", compute, (void *)2000);
    pin_thread(CAP_NONE, ANY_CPU);
    cap_t heir = spawn_at(CALM, "heir", wait_for_bell, NULL);
    main_until(1000);
    pin_thread(CAP_NONE, 0);
    main_until(3000);
    if (strcmp(demo_string("by", ""), "signal") == 0)
        signal(bell, 1);
    unmask_interrupts(); // main begins with them masked
    compute_until(6000); // without a call
    join(heir);
}

// --- What is left of a slice ---

static cap_t endpoint, reply_object;

static void serve(void *argument)
{
    (void)argument;
    struct message message;
    recv(endpoint, reply_object, &message);
    note("server begins at", elapsed());
    compute_until(40000);
    reply(reply_object, &message);
}

static void ask(void *argument)
{
    (void)argument;
    struct message message = {0};
    call(endpoint, &message);
}

static void interrupt_often(void *argument)
{
    (void)argument;
    cap_t mine = make_notification();
    for (uint64_t n = 1; n < 13; n++) {
        sleep_until(mine, start + ticks(3000 * n));
        compute_until(3000 * n + 100);
    }
}

// A server with a context of its own that may move, but less urgent, computes
// on its client's, and is preempted every 3 ms. The client has an equal.
static void preempt_a_server(void)
{
    reply_object = make_reply();
    cap_t server = spawn_at(PASSIVE, "server", serve, NULL);
    endpoint = make_endpoint(server);
    bind_context(make_context(LOW), server);
    pin_thread(server, ANY_CPU);
    spawn_at(HIGH, "urgent", interrupt_often, NULL);
    main_until(1000);
    cap_t client = spawn_at(CALM, "client", ask, NULL);
    cap_t equal = spawn_at(CALM, "equal", begin_late, NULL);
    join(client);
    join(equal);
}

// --- A server that may move once it is preempted ---

static uint64_t served_on;

static void serve_briefly(void *argument)
{
    (void)argument;
    struct message message;
    recv(endpoint, reply_object, &message);
    compute_until(4000);
    served_on = cpu_number();
    reply(reply_object, &message);
}

// The server, which has a context of its own, is preempted on its client's, by
// main. CPU 1 sleeps.
static void free_a_server(void)
{
    served_on = ANY_CPU;
    reply_object = make_reply();
    cap_t server = spawn_at(LOW, "server", serve_briefly, NULL);
    endpoint = make_endpoint(server);
    main_until(1000);
    spawn_at(CALM, "client", ask, NULL);
    main_until(2000);
    pin_thread(server, ANY_CPU);
    compute_until(6000); // without a call
    note("served on", served_on);
}

// --- The timer and a reschedule interrupt, both pending ---

static void sleep_shortly(void *argument)
{
    (void)argument;
    sleep_until(make_notification(), start + ticks(4000));
}

static void stay_masked(void *argument)
{
    (void)argument;
    mask_interrupts();
    compute_until(6000);
    unmask_interrupts();
}

// CPU 1 takes no interrupt while an alarm of its own comes, and then main wakes
// somebody there.
static void let_both_wait(void)
{
    cap_t sleeper = spawn_on(1, HIGH, "sleeper", sleep_shortly, NULL);
    cap_t woken = spawn_on(1, HIGH - 1, "woken", wait_for_bell, NULL);
    main_until(1000);
    cap_t masked = spawn_on(1, CALM, "masked", stay_masked, NULL);
    main_until(5000);
    signal(bell, 1);
    join(masked);
    join(woken);
    join(sleeper);
}

// --- Memory that was a stack ---

static void run_on(void *where)
{
    *(unsigned *)where = cpu_number();
}

// What `block` points to becomes a thread of CPU 1, which ends.
static void run_there(struct thread *block, char *stack)
{
    unsigned where = 0;
    cap_t thread;
    create_thread(block, "short", run_on, &where, stack, 4096, &thread);
    bind_context(make_context(CALM), thread);
    pin_thread(thread, 1);
    join(thread);
    note("ran on", where);
}

// Where the guard of the first one's stack was, the second one's control block
// is. CPU 1 has run nobody else in between.
static void use_a_stack_again(void)
{
    static struct thread block;
    static char memory[8192] __attribute__((aligned(4096)));
    run_there(&block, memory);
    main_until(1000);
    run_there((struct thread *)memory, memory + 4096);
}

// --- A CPU that the tree has and the machine has not ---

static void pin_everywhere(void)
{
    for (unsigned i = 0; i < 4; i++)
        printf("cpu %u: %s\n", i, error_name(pin_thread(CAP_NONE, i)));
    note("main is on", cpu_number());
}

void demo_crasher(void)
{
    static char how[16];
    snprintf(how, sizeof(how), "%s", demo_string("how", ""));
    alarm_of_main = make_notification();
    bell = make_notification();
    start = now();
    if (strcmp(how, "stacks") == 0)
        stacks();
    if (strcmp(how, "overflow") == 0)
        join(spawn_on(demo_number("cpu", 0), CALM, "deep", overflow, NULL));
    if (strcmp(how, "equals") == 0)
        share_elsewhere();
    if (strcmp(how, "heir") == 0)
        inherit();
    if (strcmp(how, "absent") == 0)
        pin_everywhere();
    if (strcmp(how, "slice") == 0)
        preempt_a_server();
    if (strcmp(how, "free") == 0)
        free_a_server();
    if (strcmp(how, "both") == 0)
        let_both_wait();
    if (strcmp(how, "again") == 0)
        use_a_stack_again();
    printf("result: done\n");
    demo_end();
}
