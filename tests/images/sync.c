// SPDX-License-Identifier: MIT
// sync.c - stands in for demos/crasher.c: what locks, mutexes, semaphores and
// stacks promise, looked at more closely than by the demo locks. how= picks
// what happens.

#include "sync.h"
#include "demo.h"

enum {
    LOW = 10,
    MIDDLE = 20,
    HIGH = 30,
    CALLS = 6,   // of the urgent thread, one every 20 ms
    MOST = 16,   // threads
    ROUNDS = 20, // of each thread
    NODES = 50,
    STEPS = 5000, // of the stack's model
};

static struct mutex mutex;
static struct semaphore semaphore;
static struct ticket_lock lock; // yields at once

static uint64_t read_atomically(uint64_t *number)
{
    return add_atomically(number, 0);
}

static uint64_t milliseconds(uint64_t count)
{
    return ticks_per_second() * count / 1000;
}

// Computes so much, however often somebody else runs meanwhile, and lets the
// other CPUs go on.
static void work(uint64_t microseconds)
{
    while (microseconds-- > 0) {
        uint64_t n = 500; // an instruction is a nanosecond
        asm volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(n) : : "cc");
        spin_hint();
    }
}

static void work_until(uint64_t time)
{
    while (now() < time)
        work(1);
}

static cap_t threads[MOST];
static unsigned thread_count;

// Two threads a CPU, pinned there.
static void spawn_on_all(void (*function)(void *))
{
    thread_count = 2 * cpus_online();
    for (unsigned i = 0; i < thread_count; i++) {
        threads[i] = spawn("worker", function, (void *)(uintptr_t)i);
        pin_thread(threads[i], i / 2);
    }
}

static void join_all(void)
{
    for (unsigned i = 0; i < thread_count; i++)
        join(threads[i]);
}

// --- how=inversion: the bully, with a lock in place of the server ---

static char with[16]; // "mutex", "semaphore" or "ticket"
static uint64_t worst, made;

// At most so many threads are inside the semaphore.
static void make_locks(uint64_t inside)
{
    snprintf(with, sizeof(with), "%s", demo_string("with", "mutex"));
    mutex_init(&mutex);
    semaphore_init(&semaphore, inside);
}

static void be_inside(void *unused)
{
    (void)unused;
    work(1000);
}

static void go_inside(void)
{
    if (strcmp(with, "mutex") == 0) {
        mutex_run(&mutex, be_inside, NULL);
    } else if (strcmp(with, "semaphore") == 0) {
        semaphore_down(&semaphore);
        be_inside(NULL);
        semaphore_up(&semaphore);
    } else {
        ticket_lock(&lock);
        be_inside(NULL);
        ticket_unlock(&lock);
    }
}

static void be_low(void *unused)
{
    (void)unused;
    for (;;)
        go_inside();
}

static void be_urgent(void *unused)
{
    (void)unused;
    cap_t timer = make_notification();
    uint64_t time = now();
    for (unsigned i = 0; i < CALLS; i++) {
        time += milliseconds(20);
        sleep_until(timer, time);
        uint64_t begin = now();
        go_inside();
        made++;
        if (now() - begin > worst)
            worst = now() - begin;
    }
}

// Comes when the low one is inside, and computes nine tenths of the time.
static void bully(void *unused)
{
    (void)unused;
    cap_t timer = make_notification();
    for (;;) {
        sleep_until(timer, now() + ticks_per_second() * 105 / 10000);
        work_until(now() + milliseconds(90));
    }
}

static void invert(void)
{
    make_locks(1);
    spawn_at(LOW, "low", be_low, NULL);
    spawn_at(MIDDLE, "bully", bully, NULL);
    cap_t urgent = spawn_at(HIGH, "urgent", be_urgent, NULL);
    pin_thread(urgent, demo_number("urgent", 0));
    sleep_until(make_notification(),
                now() + milliseconds(demo_number("after", 400)));
    printf("result: %lu of %u times, waited %lu us at most\n", made, CALLS,
           worst * 1000000 / ticks_per_second());
    demo_end();
}

// --- how=most: so many are inside, and no more ---

static uint64_t inside, most, entries;

static void enter_often(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < ROUNDS; i++) {
        semaphore_down(&semaphore);
        uint64_t others = add_atomically(&inside, 1);
        uint64_t seen = read_atomically(&most);
        while (others + 1 > seen &&
               !__atomic_compare_exchange_n(&most, &seen, others + 1, false,
                                            __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            ;
        yield();
        add_atomically(&inside, UINT64_MAX);
        add_atomically(&entries, 1);
        semaphore_up(&semaphore);
    }
}

static void count_most(void)
{
    semaphore_init(&semaphore, (unsigned)demo_number("count", 1));
    spawn_on_all(enter_often);
    join_all();
    printf("result: %lu entries, at most %lu inside, count %ld\n", entries,
           most, (long)semaphore.count);
}

// --- how=ups: an up lets one in, now or later ---

static uint64_t passed;

static void pass(void *unused)
{
    (void)unused;
    semaphore_down(&semaphore);
    add_atomically(&passed, 1);
}

// Gives all who may pass the time to.
static void wait_for_passed(uint64_t count)
{
    cap_t timer = make_notification();
    do
        sleep_until(timer, now() + milliseconds(1));
    while (read_atomically(&passed) < count);
}

static void count_ups(void)
{
    uint64_t before = demo_number("before", 0), wrong = 0;
    semaphore_init(&semaphore, 0);
    for (uint64_t i = 0; i < before; i++)
        semaphore_up(&semaphore); // nobody waits yet
    spawn_on_all(pass);
    wait_for_passed(before);
    wrong += passed != before;
    for (uint64_t ups = before + 1; ups <= thread_count; ups++) {
        semaphore_up(&semaphore);
        wait_for_passed(ups);
        wrong += passed != ups;
    }
    join_all();
    printf("result: %lu passed, %lu times not as many as ups, count %ld\n",
           passed, wrong, (long)semaphore.count);
}

// --- how=order: whoever comes first is first ---

static char order[64];

static void note(void *number)
{
    size_t length = strlen(order);
    snprintf(order + length, sizeof(order) - length, " %lu", (uintptr_t)number);
}

static void enter_once(void *number)
{
    if (strcmp(with, "mutex") == 0) {
        mutex_run(&mutex, note, number);
        return;
    }
    bool is_ticket = strcmp(with, "ticket") == 0;
    if (is_ticket)
        ticket_lock(&lock);
    else
        semaphore_down(&semaphore);
    note(number);
    if (is_ticket)
        ticket_unlock(&lock);
    else
        semaphore_up(&semaphore);
}

static void hold(void *unused)
{
    (void)unused;
    // 5 to 1 come while we are inside; 2 is more urgent (but not with a ticket:
    // it would never let us go on).
    for (uint64_t i = 5; i >= 1; i--) {
        threads[thread_count++] =
            spawn_at(i == 2 && strcmp(with, "ticket") != 0 ? PRIORITY_NORMAL + 1
                                                           : PRIORITY_NORMAL,
                     "comer", enter_once, (void *)i);
        sleep_until(make_notification(), now() + milliseconds(1));
    }
}

static void show_order(void)
{
    make_locks(0);
    if (strcmp(with, "mutex") == 0) {
        mutex_run(&mutex, hold, NULL);
    } else {
        ticket_lock(&lock);
        hold(NULL);
        ticket_unlock(&lock);
        semaphore_up(&semaphore);
    }
    join_all();
    printf("result: order%s\n", order);
}

// --- how=again: a function that asks for its own mutex ---

static void ask_again(void *unused)
{
    (void)unused;
    mutex_run(&mutex, be_inside, NULL);
}

static void ask_twice(void)
{
    mutex_init(&mutex);
    mutex_run(&mutex, ask_again, NULL);
}

// --- how=stack: against a model, one thread ---

static void check_stack(void)
{
    static uint32_t below[NODES], model[NODES];
    struct stack stack;
    bool has_tags = demo_number("tags", 1);
    uint64_t random = demo_number("seed", 1);
    unsigned depth = 0, wrong = 0, pops = 0;
    bool out[NODES];
    memset(out, true, sizeof(out));
    stack_init(&stack, below, has_tags);
    if (has_tags) // about to come round
        stack.head |= UINT64_C(0xfffffffe) << 32;
    for (unsigned i = 0; i < STEPS; i++) {
        random = random * 6364136223846793005 + 1442695040888963407;
        uint32_t node = (uint32_t)(random >> 33) % NODES;
        if (out[node]) {
            stack_push(&stack, node);
            model[depth++] = node;
            out[node] = false;
        } else {
            uint32_t got = stack_pop(&stack);
            wrong += got != model[--depth];
            out[model[depth]] = true;
            pops++;
        }
    }
    while (depth > 0)
        wrong += stack_pop(&stack) != model[--depth];
    wrong += stack_pop(&stack) != NO_NODE;
    printf("result: %u nodes taken, %u wrong\n", pops, wrong);
}

void demo_crasher(void)
{
    char how[16];
    snprintf(how, sizeof(how), "%s", demo_string("how", ""));
    if (strcmp(how, "inversion") == 0)
        invert();
    else if (strcmp(how, "most") == 0)
        count_most();
    else if (strcmp(how, "ups") == 0)
        count_ups();
    else if (strcmp(how, "order") == 0)
        show_order();
    else if (strcmp(how, "again") == 0)
        ask_twice();
    else if (strcmp(how, "stack") == 0)
        check_stack();
}
