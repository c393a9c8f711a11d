// SPDX-License-Identifier: MIT
// bench.c - what the kernel's calls cost, in instructions: everything between
// two readings of the counter, less what the readings cost. A line is
//
//   bench: KEY THREADS MEAN MIN MAX COUNT
//
// for tools/bench.py; THREADS is how many there are in the system, and nearly
// all wait at an endpoint of their own. It is meant for -icount, where the
// counter is exact: no cache, no alignment and no chance has a say. In a line
// of alarm_set and alarm_wake THREADS is how many alarms are set, in one of
// call_chain how long the chain is, in one of queue_behind how many wait there.
// Of 1,000 threads most have no capability, nor an endpoint of their own.

#include "demo.h"

enum { COUNT = 1000, MOST_THREADS = 64, WARM_UP = 10 };
enum { SWITCHES = 200, MOST_ALARMS = 400, DESTROYED = 50, LINES = 1020 };
enum { URGENT = 48, LOW = 16, CHAIN = 8, MOST_IN_LINE = 32 };
enum { ALL_THREADS = 1000 };

static cap_t echo_endpoint, sink_endpoint, idle_endpoints[MOST_THREADS];
static cap_t idle_threads[MOST_THREADS + 1]; // behind the last one: CAP_NONE
static unsigned idle_count;
static cap_t echo_reply;
static unsigned thread_count = 1; // main
static uint64_t overhead;         // of two readings
static unsigned alarm_count;      // 0: it is not about alarms
static unsigned length;           // of a chain, or a queue, if it is about one
static bool is_about_length;

struct figure {
    uint64_t sum, min, max;
};

static void add_up(struct figure *figure, uint64_t took)
{
    figure->sum += took;
    if (took < figure->min)
        figure->min = took;
    if (took > figure->max)
        figure->max = took;
}

static void add(struct figure *figure, uint64_t begin, uint64_t end)
{
    add_up(figure, end - begin - overhead);
}

static void print(const char *key, const struct figure *figure, unsigned count)
{
    printf("bench: %-16s %4u %5lu %5lu %5lu %5u\n", key,
           is_about_length ? length
           : alarm_count   ? alarm_count
                           : thread_count,
           (figure->sum + count / 2) / count, figure->min, figure->max, count);
}

static struct message message;

static void nothing(void)
{
}

static void call_empty_message(void)
{
    message = (struct message){0};
    call(echo_endpoint, &message);
}

static void call_four_words(void)
{
    message = (struct message){1, {2, 3, 4, 5}, 0};
    call(echo_endpoint, &message);
}

static void call_nobody(void)
{
    call(CAP_NONE, &message);
}

static void receive_nothing(void)
{
    nbrecv(echo_endpoint, CAP_NONE, &message);
}

static void send_to_sink(void)
{
    send(sink_endpoint, &message);
}

// Measures `operation`; in between all others go on until they wait. It is
// compiled into whoever measures, and the operation into it: so a figure has no
// call of the operation in it.
static inline __attribute__((always_inline)) void
measure(const char *key, void (*operation)(void))
{
    struct figure figure = {0, UINT64_MAX, 0};
    for (unsigned n = 0; n < COUNT + WARM_UP; n++) {
        yield();
        uint64_t begin = instructions();
        operation();
        uint64_t end = instructions();
        if (n >= WARM_UP)
            add(&figure, begin, end);
    }
    print(key, &figure, COUNT);
}

static void echo(void *unused)
{
    (void)unused;
    struct message request;
    recv(echo_endpoint, echo_reply, &request);
    for (;;)
        reply_recv(echo_endpoint, echo_reply, &request);
}

// Always waits for the next message, when the sender has yielded.
static void sink(void *unused)
{
    (void)unused;
    struct message request;
    for (;;)
        recv(sink_endpoint, CAP_NONE, &request);
}

static struct figure switching;
static uint64_t switched; // the counter, as the last thread read it
static unsigned turns;    // that an idle thread takes before it waits

static void switch_often(struct figure *figure, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        yield();
        uint64_t now = instructions();
        add(figure, switched, now);
        switched = instructions();
    }
}

enum { STAND_IN_LINE = 1 };
static cap_t crowded; // the endpoint where those stand who were told to

// Is there, and waits: until a message comes, and then for the end of the one
// behind it. (The message may also send it to stand in line.)
static void idle(void *argument)
{
    cap_t *endpoint = argument;
    struct message request;
    switch_often(&switching, turns);
    recv(*endpoint, CAP_NONE, &request);
    while (request.label == STAND_IN_LINE) {
        send(crowded, &request);
        recv(*endpoint, CAP_NONE, &request);
    }
    join(idle_threads[endpoint - idle_endpoints + 1]);
}

static void make_idle(unsigned priority)
{
    cap_t *endpoint = &idle_endpoints[idle_count];
    cap_t thread = spawn_at(priority, "idle", idle, endpoint);
    idle_threads[idle_count++] = thread;
    *endpoint = make_endpoint(thread);
}

static cap_t silent; // where those wait who have none: no message comes

// Threads of `priority`, or, with a step, of many priorities below main's. They
// do not run yet.
static void add_idle(unsigned wanted, unsigned priority, unsigned step)
{
    for (; thread_count < wanted; thread_count++) {
        if (thread_count < MOST_THREADS)
            make_idle(priority);
        else
            spawn_nameless(priority, idle, &silent);
        if (step)
            priority = (priority + step) % PRIORITY_NORMAL;
    }
}

static void add_threads(unsigned wanted)
{
    add_idle(wanted, PRIORITY_NORMAL, 0);
    yield();
}

static void bench_calls(void)
{
    measure("call_reply_0", call_empty_message);
    measure("call_reply_4", call_four_words);
    measure("send_waiting", send_to_sink);
    measure("call_empty", call_nobody);
    measure("nbrecv_empty", receive_nothing);
    measure("yield_alone", yield);
}

static void switch_back(void *figure)
{
    switch_often(figure, COUNT);
}

// From before the yield of one thread to behind that of the other.
static void bench_switch(void)
{
    struct figure figure = {0, UINT64_MAX, 0};
    cap_t first = spawn("first", switch_back, &figure);
    cap_t second = spawn("second", switch_back, &figure);
    yield();
    figure = (struct figure){0, UINT64_MAX, 0}; // forget the beginning
    switched = instructions();
    join(first);
    join(second);
    thread_count += 2;
    print("yield_switch", &figure, 2 * COUNT);
}

// --- Signals ---

static cap_t quiet, watched, ping, pong; // notifications

static void poll_nothing(void)
{
    uint64_t bits;
    poll(quiet, &bits);
}

static void signal_nobody(void)
{
    signal(quiet, 1);
}

static void signal_watcher(void)
{
    signal(watched, 1);
}

static void ping_and_wait(void)
{
    uint64_t bits;
    signal(ping, 1);
    wait(pong, &bits);
}

// Always waits for the next signal, until the notification is destroyed.
static void watch(void *notification)
{
    uint64_t bits;
    while (wait(*(cap_t *)notification, &bits) == OK)
        ;
}

static void answer_pings(void *unused)
{
    (void)unused;
    uint64_t bits;
    while (wait(ping, &bits) == OK)
        signal(pong, 1);
}

static void bench_signals(void)
{
    quiet = make_notification();
    watched = make_notification();
    ping = make_notification();
    pong = make_notification();
    spawn("watcher", watch, &watched);
    spawn("ponger", answer_pings, NULL);
    thread_count += 2;
    measure("null_syscall", poll_nothing);
    measure("signal", signal_nobody);
    measure("signal_waiting", signal_watcher);
    measure("ntfn_pingpong", ping_and_wait);
}

// --- Interrupts ---

static cap_t interrupts, done;
static unsigned line;
static uint64_t raising, unmasking; // what raise_spare_line takes, and
                                    // unmask_interrupts, while none is pending
static uint64_t raised;             // the counter before the interrupt
static struct figure to_driver;

static inline __attribute__((always_inline)) uint64_t
cost_of(void (*operation)(void))
{
    uint64_t begin = instructions();
    operation();
    return instructions() - begin - overhead;
}

// Measures an interrupt, from the last instruction of the thread before it to
// the first one behind it. `make_pending` makes one while they are masked, so
// it comes right behind the instruction that unmasks them.
static inline __attribute__((always_inline)) void
measure_interrupt(const char *key, void (*make_pending)(void))
{
    struct figure figure = {0, UINT64_MAX, 0};
    for (unsigned n = 0; n < COUNT + WARM_UP; n++) {
        yield();
        mask_interrupts();
        make_pending();
        uint64_t begin = instructions();
        unmask_interrupts();
        uint64_t end = instructions();
        if (n >= WARM_UP)
            add(&figure, begin + unmasking, end);
    }
    print(key, &figure, COUNT);
}

static void end_line(void)
{
    end_interrupt(line);
}

static void raise_line(void)
{
    end_interrupt(line); // which the interrupt before it has masked
    raise_spare_line();
}

static void drive(void *unused)
{
    (void)unused;
    uint64_t bits;
    while (wait(interrupts, &bits) == OK) {
        uint64_t now = instructions();
        add(&to_driver, raised + raising, now);
        end_interrupt(line);
        signal(done, 1);
    }
}

// Whoever is interrupted goes on, until it waits; then the driver runs.
static void bench_driver(void)
{
    uint64_t bits;
    poll(interrupts, &bits); // those from before
    end_interrupt(line);
    spawn("driver", drive, NULL);
    thread_count++;
    for (unsigned n = 0; n < COUNT + WARM_UP; n++) {
        if (n == WARM_UP)
            to_driver = (struct figure){0, UINT64_MAX, 0};
        yield();
        raised = instructions();
        raise_spare_line();
        wait(done, &bits);
    }
    print("irq_to_driver", &to_driver, COUNT);
}

// Whoever is interrupted by something more urgent does not go on. It is
// measured from the instruction that unmasks interrupts, which one waits for.
static void bench_urgent_driver(void)
{
    uint64_t bits;
    end_interrupt(line);
    spawn_at(URGENT, "urgent driver", drive, NULL);
    thread_count++;
    raising = 1;
    for (unsigned n = 0; n < COUNT + WARM_UP; n++) {
        if (n == WARM_UP)
            to_driver = (struct figure){0, UINT64_MAX, 0};
        mask_interrupts();
        raise_spare_line();
        raised = instructions();
        asm volatile("msr daifclr, #2" : : : "memory");
        wait(done, &bits);
    }
    print("irq_to_urgent_driver", &to_driver, COUNT);
}

static void bench_interrupts(void)
{
    line = spare_line();
    interrupts = make_notification();
    done = make_notification();
    unmasking = cost_of(unmask_interrupts);
    raising = cost_of(raise_spare_line); // not bound: no interrupt comes yet
    bind_interrupt(line, interrupts, 1);
    measure("irq_ack", end_line);
    measure_interrupt("interrupt", raise_line);
    bench_driver();
}

// --- Preemption ---

// Two threads read the counter all the time. One is interrupted, after it has
// read it for the last time, and later the other reads it for the first time.
static struct spinner {
    uint64_t returned; // the counter, when the other was interrupted
    cap_t notification;
} spinners[2];
static struct figure preemption;
static unsigned switches;

// Waits until the slice, which has just begun, is nearly over.
static void skip_slice(cap_t notification)
{
    alarm(notification, 1, now() + ticks_per_second() / 100 - 100);
    asm volatile("wfi");
}

// Once around the loop is `turn` instructions. Where in the loop one stops
// and the other goes on is not seen; but what the first has left of its turn
// around, it does when it comes back. So one figure is up to `turn` too
// small or too large, and their mean is exact.
static void spin(void *argument)
{
    struct spinner *self = argument, *other = &spinners[self == spinners];
    while (switches < SWITCHES) {
        skip_slice(self->notification);
        uint64_t before, turn = 0, now = instructions(), took = 0;
        do {
            turn = took;
            before = now;
            now = instructions();
            took = now - before;
        } while (took < 10000 && switches < SWITCHES);
        if (other->returned > before && switches < SWITCHES) {
            add_up(&preemption, other->returned - before - turn);
            switches++;
        }
        self->returned = now;
    }
}

static void bench_preemption(void)
{
    cap_t threads[2];
    preemption = (struct figure){0, UINT64_MAX, 0};
    for (unsigned i = 0; i < 2; i++) {
        spinners[i].notification = make_notification();
        threads[i] = spawn("spinner", spin, &spinners[i]);
    }
    thread_count += 2;
    join(threads[0]);
    join(threads[1]);
    print("tick_switch", &preemption, switches);
}

// --- Alarms ---

static cap_t alarms[MOST_ALARMS];
static uint64_t far; // when they are due: not while we measure

// Behind all others.
static void set_last_alarm(void)
{
    alarm(alarms[alarm_count - 1], 1, far + alarm_count);
}

// Before all others, and due.
static void set_due_alarm(void)
{
    alarm(alarms[0], 1, 0);
}

static void bench_alarms(void)
{
    static const unsigned counts[] = {10, 100, MOST_ALARMS};
    far = now() + 3600 * ticks_per_second();
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        while (alarm_count < counts[i]) {
            alarms[alarm_count++] = make_notification();
            set_last_alarm();
        }
        if (i == 0)
            spawn("sleeper", watch, &alarms[0]);
        measure("alarm_set", set_last_alarm);
        measure_interrupt("alarm_wake", set_due_alarm);
        alarm(alarms[0], 1, far); // as before
    }
    for (; alarm_count > 0; alarm_count--)
        destroy(alarms[alarm_count - 1]);
    thread_count++;
}

// --- Priorities ---

static cap_t clock; // by which main sleeps

// All others run until they wait.
static void let_others_run(void)
{
    sleep_until(clock, now() + ticks_per_second() / 1000);
}

static cap_t hurried, watched_by_low; // notifications
static uint64_t arrived;              // the counter, when the urgent thread ran

static void hurry(void *unused)
{
    (void)unused;
    uint64_t bits;
    while (wait(hurried, &bits) == OK)
        arrived = instructions();
}

// A more urgent thread runs at once: to its first instruction, and there and
// back. What else is ready stays so.
static void bench_wake(const char *there, const char *and_back)
{
    struct figure to, whole;
    for (unsigned n = 0; n < COUNT + WARM_UP; n++) {
        if (n == WARM_UP)
            to = whole = (struct figure){0, UINT64_MAX, 0};
        uint64_t begin = instructions();
        signal(hurried, 1);
        uint64_t end = instructions();
        add(&to, begin, arrived);
        add(&whole, begin + overhead, end); // less the reading in between
    }
    print(there, &to, COUNT);
    print(and_back, &whole, COUNT);
}

// A less urgent one does not run before all others wait.
static void bench_signal_lower(void)
{
    struct figure figure = {0, UINT64_MAX, 0};
    for (unsigned n = 0; n < COUNT; n++) {
        let_others_run();
        uint64_t begin = instructions();
        signal(watched_by_low, 1);
        add(&figure, begin, instructions());
    }
    print("signal_lower", &figure, COUNT);
}

// Main and another one: there is nobody else yet.
static void bench_two(void)
{
    hurried = make_notification();
    spawn_at(URGENT, "hurrier", hurry, NULL);
    thread_count++;
    bench_wake("preempt_wake", "wake_block");
    measure("yield_alone", yield);
}

static void bench_wakes(void)
{
    yield(); // the sleeper sees that its notification is gone
    clock = make_notification();
    watched_by_low = make_notification();
    spawn_at(LOW, "low watcher", watch, &watched_by_low);
    thread_count++;
    let_others_run();
    bench_signal_lower();
    add_idle(thread_count + 1, PRIORITY_NORMAL, 0);
    bench_wake("preempt_ready", "wake_ready"); // main shares its priority
}

static struct server {
    cap_t endpoint, reply, next; // the server that it calls, or CAP_NONE
} passive, urgent, low, chain[CHAIN];

static void serve(void *argument)
{
    const struct server *self = argument;
    struct message request;
    recv(self->endpoint, self->reply, &request);
    for (;;) {
        if (self->next)
            call(self->next, &request);
        reply_recv(self->endpoint, self->reply, &request);
    }
}

// It is made passive: it must not run before it has its endpoint.
static void make_server(struct server *server, unsigned priority, cap_t next)
{
    cap_t thread = spawn_at(PASSIVE, "server", serve, server);
    *server = (struct server){make_endpoint(thread), make_reply(), next};
    if (priority != PASSIVE)
        bind_context(make_context(priority), thread);
    thread_count++;
}

static void call_passive(void)
{
    message = (struct message){0};
    call(passive.endpoint, &message);
}

static void call_urgent(void)
{
    message = (struct message){0};
    call(urgent.endpoint, &message);
}

static void call_low(void)
{
    message = (struct message){0};
    call(low.endpoint, &message);
}

static void call_chain(void)
{
    message = (struct message){0};
    call(chain[length - 1].endpoint, &message);
}

// Each server of a chain calls the one before it.
static void bench_servers(void)
{
    make_server(&passive, PASSIVE, CAP_NONE);
    make_server(&urgent, URGENT, CAP_NONE);
    make_server(&low, LOW, CAP_NONE);
    for (unsigned i = 0; i < CHAIN; i++)
        make_server(&chain[i], PRIORITY_NORMAL,
                    i > 0 ? chain[i - 1].endpoint : CAP_NONE);
    let_others_run();
    measure("call_passive_0", call_passive);
    measure("call_urgent_0", call_urgent);
    measure("call_low_0", call_low);
    is_about_length = true;
    for (length = 1; length <= CHAIN; length *= 2)
        measure("call_chain", call_chain);
    is_about_length = false;
}

static cap_t pushed; // a notification
static uint64_t pushing;

static void push(void *unused)
{
    (void)unused;
    uint64_t bits;
    struct message own = {0};
    while (wait(pushed, &bits) == OK) {
        pushing = instructions();
        send(crowded, &own);
    }
}

// An urgent thread sends where others wait: from before its send until main,
// which has woken it, goes on.
static void bench_queue(void)
{
    struct message any;
    unsigned waiting = 0;
    crowded = make_endpoint(CAP_NONE);
    pushed = make_notification();
    spawn_at(URGENT, "pusher", push, NULL);
    thread_count++;
    is_about_length = true;
    for (length = 0; length <= MOST_IN_LINE; length += MOST_IN_LINE / 2) {
        message = (struct message){STAND_IN_LINE, {0}, 0};
        for (; waiting < length; waiting++)
            send(idle_endpoints[waiting], &message);
        let_others_run();
        struct figure figure = {0, UINT64_MAX, 0};
        for (unsigned n = 0; n < COUNT; n++) {
            signal(pushed, 1);
            add(&figure, pushing, instructions());
            recv(crowded, CAP_NONE, &any);
        }
        print("queue_behind", &figure, COUNT);
    }
    is_about_length = false;
    while (waiting-- > 0)
        recv(crowded, CAP_NONE, &any);
    let_others_run();
}

// Half of those that are new are ready at lower priorities, and half at that of
// main. These soon wait, and at last all do.
static void bench_many_ready(unsigned wanted)
{
    add_idle((thread_count + wanted) / 2, 0, 3);
    unsigned lower = thread_count, rounds = COUNT / 10;
    add_idle(wanted, PRIORITY_NORMAL, 0);
    bench_wake("preempt_ready", "wake_ready");
    turns = rounds;
    switch_often(&switching, WARM_UP);
    switching = (struct figure){0, UINT64_MAX, 0}; // forget the beginning
    switched = instructions();
    rounds -= 2 * WARM_UP; // main is the first to end
    switch_often(&switching, rounds);
    print("yield_switch", &switching, rounds * (thread_count - lower + 1));
    turns = 0; // for those who have not run yet
    // While it warms up the others take their last turns.
    measure("yield_ready", yield);
    let_others_run();
}

// --- How long interrupts are masked ---

// The costliest call: all lines that can be are bound to what it destroys.
static cap_t make_costly(void)
{
    cap_t notification = make_notification();
    for (unsigned any = 0; any < LINES; any++)
        bind_interrupt(any, notification, 1);
    return notification;
}

static void bench_destroy(void)
{
    struct figure figure = {0, UINT64_MAX, 0};
    for (unsigned n = 0; n < COUNT / 50; n++) {
        cap_t notification = make_costly();
        uint64_t begin = instructions();
        destroy(notification);
        add(&figure, begin, instructions());
    }
    print("destroy_bound", &figure, COUNT / 50);
}

static uint64_t longest;

static void print_masked(const char *key, uint64_t wait, unsigned calls)
{
    if (wait > longest)
        longest = wait;
    print(key, &(struct figure){wait * calls, wait, wait}, calls);
}

// No entry is free: all are looked at.
static unsigned mint_in_vain(void)
{
    cap_t cap;
    while (mint(echo_endpoint, 1, &cap) == OK)
        ;
    for (unsigned n = 0; n < COUNT; n++)
        mint(echo_endpoint, 1, &cap);
    return COUNT;
}

static unsigned destroy_often(cap_t notification)
{
    for (unsigned n = 0; n < DESTROYED; n++) {
        destroy(notification);
        notification = make_costly();
    }
    return DESTROYED;
}

// Each idle thread waits for the end of the next, from the last one on. Then
// the last one ends, and so all do.
static unsigned end_one_by_one(void)
{
    unsigned last = idle_count - 1;
    message = (struct message){0};
    for (unsigned i = last; i > 0; i--)
        send(idle_endpoints[i - 1], &message);
    send(idle_endpoints[last], &message);
    join(idle_threads[0]);
    return 2 * last + 1;
}

// `instructions` does not count any more from here on.
static void bench_masked(void)
{
    begin_torture(1);
    cap_t notification = make_costly();
    unsigned minted = mint_in_vain();
    print_masked("masked_mint", longest_wait(), minted);
    unsigned destroyed = destroy_often(notification);
    print_masked("masked_destroy", longest_wait(), destroyed);
    unsigned ended = end_one_by_one();
    print_masked("masked_exit", longest_wait(), ended);
    print_masked("masked_longest", longest, minted + destroyed + ended);
}

void demo_bench(void)
{
    for (unsigned n = 0; n < WARM_UP; n++) {
        uint64_t begin = instructions();
        nothing();
        overhead = instructions() - begin;
    }
    bench_two();
    echo_reply = make_reply();
    cap_t echo_thread = spawn("echo", echo, NULL);
    echo_endpoint = make_endpoint(echo_thread);
    cap_t sink_thread = spawn("sink", sink, NULL);
    sink_endpoint = make_endpoint(sink_thread);
    thread_count += 2;
    yield();
    bench_calls();
    bench_switch();
    bench_signals();
    bench_interrupts();
    bench_preemption();
    bench_alarms();
    bench_wakes();
    add_threads(16);
    bench_calls();
    bench_urgent_driver();
    bench_servers();
    bench_many_ready(MOST_THREADS - 1); // and the pusher
    bench_queue();
    bench_wake("preempt_wake", "wake_block");
    bench_signal_lower();
    bench_calls();
    silent = make_endpoint(CAP_NONE);
    bench_many_ready(ALL_THREADS);
    bench_wake("preempt_wake", "wake_block");
    bench_signal_lower();
    bench_calls();
    destroy(interrupts); // its line is bound to another from here on
    let_others_run();    // the drivers end
    bench_destroy();
    bench_masked();
    printf("result: measured\n");
}
