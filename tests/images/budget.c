// SPDX-License-Identifier: MIT
// budget.c - stands in for demos/crasher.c: threads whose contexts have
// budgets. how= picks what happens. What the threads note comes out at the end,
// in order; what they used, and when, is in the trace.

#include "../cap.h"
#include "../schedcontext.h"
#include "demo.h"

enum {
    SETUP = 60000, // microseconds until the start: longer than all periods
    MOST = 8,      // tasks of how=random
};

// --- Time: all in microseconds, from the start on ---

static uint64_t start;

static uint64_t ticks(uint64_t microseconds)
{
    return ticks_per_second() * microseconds / 1000000;
}

static uint64_t elapsed(void)
{
    return (now() - start) * 1000000 / ticks_per_second();
}

// Nobody else makes a notification meanwhile.
static void until(uint64_t microseconds)
{
    mask_interrupts();
    cap_t notification = make_notification();
    unmask_interrupts();
    sleep_until(notification, start + ticks(microseconds));
}

// Computes so much, however often somebody else runs meanwhile.
static void work(uint64_t microseconds)
{
    uint64_t n = microseconds * 500; // an instruction is a nanosecond
    if (n)
        asm volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(n) : : "cc");
}

static void compute_until(uint64_t microseconds)
{
    while (elapsed() < microseconds)
        work(1);
}

// --- Notes ---

static char notes[2048];
static size_t noted;

// Nobody else runs in between.
static void note(const char *what, uint64_t number)
{
    mask_interrupts();
    noted += (size_t)snprintf(notes + noted, sizeof(notes) - noted, "%s %lu, ",
                              what, number);
    unmask_interrupts();
}

// --- Threads ---

// A thread whose context may run for `budget` microseconds of each `period`; 0:
// as long as it wants. Returns the context.
static cap_t spawn_limited(unsigned priority, const char *name,
                           void (*function)(void *), void *argument,
                           uint64_t budget, uint64_t period)
{
    cap_t context = make_context(priority);
    if (budget)
        limit_context(context, ticks(budget), ticks(period));
    bind_context(context, spawn_at(PASSIVE, name, function, argument));
    return context;
}

// What does as the command line says with key=.
static uint64_t parameter(const char *key)
{
    return demo_number(key, 0);
}

static void hog(void *end)
{
    until(0);
    compute_until((uintptr_t)end);
}

// Answers requests that each take as many microseconds as the word says.
struct server {
    cap_t endpoint, reply;
};

static void serve(void *argument)
{
    struct server *server = argument;
    struct message message;
    recv(server->endpoint, server->reply, &message);
    for (;;) {
        work(message.words[0]);
        reply_recv(server->endpoint, server->reply, &message);
    }
}

static struct server servers[2];

static void make_server(unsigned number, unsigned priority)
{
    servers[number].reply = make_reply();
    cap_t thread = spawn_at(PASSIVE, "server", serve, &servers[number]);
    servers[number].endpoint = make_endpoint(thread);
    if (priority != PASSIVE)
        bind_context(make_context(priority), thread);
}

static void request(unsigned number, uint64_t microseconds)
{
    struct message message = {.words = {microseconds}};
    call(servers[number].endpoint, &message);
}

// --- Random tasks ---

// prios= has a character for each task, '0' + priority; b0=, p0= and so on are
// its budget and its period. What each does comes from seed=, and ends at end=.
static struct task {
    uint64_t random, scale;
    cap_t alarm;
} tasks[MOST];

static uint64_t end;

static uint64_t pick(struct task *task, uint64_t below)
{
    // Knuth, "The Art of Computer Programming", volume 2, section 3.3.4.
    task->random = task->random * 6364136223846793005 + 1442695040888963407;
    return (task->random >> 33) % below;
}

static void act_at_random(void *argument)
{
    struct task *task = argument;
    until(0);
    while (elapsed() < end) {
        uint64_t length = 20 + pick(task, task->scale);
        switch (pick(task, 5)) {
        case 0:
        case 1:
            work(length);
            break;
        case 2:
            sleep_until(task->alarm, now() + ticks(length));
            break;
        case 3:
            work(length / 2);
            yield();
            work(length / 2);
            break;
        default:
            request((unsigned)pick(task, 2), length / 2);
        }
    }
}

static void run_at_random(void)
{
    char prios[MOST + 1], key[8];
    snprintf(prios, sizeof(prios), "%s", demo_string("prios", ""));
    end = parameter("end");
    make_server(0, 8);
    make_server(1, PASSIVE);
    for (unsigned i = 0; prios[i]; i++) {
        snprintf(key, sizeof(key), "b%u", i);
        uint64_t budget = parameter(key);
        snprintf(key, sizeof(key), "p%u", i);
        uint64_t period = parameter(key);
        tasks[i] = (struct task){parameter("seed") * MOST + i, period / 3,
                                 make_notification()};
        spawn_limited((unsigned)(prios[i] - '0'), "task", act_at_random,
                      &tasks[i], budget, period);
    }
    until(end + 40000);
}

// --- Overload ---

// Does 2 ms of work every 10 ms, and notes how long that takes.
static void be_victim(void *unused)
{
    (void)unused;
    for (uint64_t due = 0; due < 100000; due += 10000) {
        until(due);
        work(2000);
        note("took", elapsed() - due);
    }
}

static void overload(void)
{
    spawn_limited((unsigned)parameter("prio"), "greedy", hog, (void *)100000,
                  parameter("budget"), 10000);
    spawn_limited(30, "victim", be_victim, NULL, 3000, 10000);
    until(120000);
}

// --- A budget that ends inside a server ---

static void be_payer(void *unused)
{
    (void)unused;
    until(0);
    request(0, 5000);
    note("payer", elapsed());
}

static void be_next(void *unused)
{
    (void)unused;
    until(1000);
    request(0, 5000);
    note("next", elapsed());
}

// The payer may use 2 ms of 20 ms. own= is the server's priority.
static void end_in_server(void)
{
    make_server(0, (unsigned)parameter("own"));
    spawn_limited(40, "payer", be_payer, NULL, 2000, 20000);
    if (parameter("next"))
        spawn_limited(30, "next", be_next, NULL, 0, 0);
    if (parameter("hog"))
        spawn_limited(20, "hog", hog, (void *)70000, 0, 0);
    until(80000);
}

// --- A budget that ends at the end of a chain ---

// Asks the other server for what its own clients want, and notes what it is
// told.
static void forward(void *unused)
{
    (void)unused;
    struct message message;
    for (;;) {
        int error = recv(servers[1].endpoint, servers[1].reply, &message);
        if (error == OK)
            error = call(servers[0].endpoint, &message);
        if (error != OK)
            note(error_name(error), elapsed());
        reply(servers[1].reply, &message);
    }
}

// Answers once, or ends instead.
static void serve_once(void *unused)
{
    (void)unused;
    struct message message;
    recv(servers[0].endpoint, servers[0].reply, &message);
    work(message.words[0]);
}

struct client {
    const char *name;
    unsigned server;
    uint64_t begin;
};

static void be_client(void *argument)
{
    const struct client *client = argument;
    struct message message = {.words = {5000}};
    until(client->begin);
    int error = call(servers[client->server].endpoint, &message);
    note(error == OK ? client->name : error_name(error), elapsed());
}

static void drop(void *unused)
{
    (void)unused;
    until(3000);
    cap_t old = servers[1].reply;
    servers[1].reply = make_reply();
    destroy(old);
}

// The payer may use 2 ms of 20 ms, for 5 ms of work at the end of a chain.
// next= comes the same way, branch= goes to the last one. what=: "drop", the
// payer is forgotten at 3 ms; "exit", the last one ends without an answer.
static void end_in_chain(void)
{
    static const struct client payer = {"payer", 1, 0},
                               next = {"next", 1, 1000},
                               branch = {"branch", 0, 1500};
    unsigned own = (unsigned)parameter("own");
    char what[8];
    snprintf(what, sizeof(what), "%s", demo_string("what", ""));
    cap_t last =
        spawn_at(own, "last", strcmp(what, "exit") == 0 ? serve_once : serve,
                 &servers[0]);
    servers[0] = (struct server){make_endpoint(last), make_reply()};
    cap_t first =
        spawn_at(parameter("alone") ? PASSIVE : own, "first", forward, NULL);
    servers[1] = (struct server){make_endpoint(first), make_reply()};
    spawn_limited(40, "payer", be_client, (void *)&payer, 2000, 20000);
    if (parameter("next"))
        spawn_at(30, "next", be_client, (void *)&next);
    if (parameter("branch"))
        spawn_at(25, "branch", be_client, (void *)&branch);
    if (strcmp(what, "drop") == 0)
        spawn_at(50, "drop", drop, NULL);
    spawn_at(20, "hog", hog, (void *)70000);
    until(80000);
}

// --- Just before the end ---

// Computes until its budget of 1 ms is used up but for gap= ticks, does what
// act= says, and goes on computing: again and again, each time after a break.
static void act_at_the_edge(void *unused)
{
    (void)unused;
    enum { BREAK = 10000 }; // ticks; longer than whatever it does
    char act[8];
    snprintf(act, sizeof(act), "%s", demo_string("act", ""));
    uint64_t budget = ticks(1000), gap = parameter("gap");
    cap_t notification = make_notification();
    until(0);
    while (elapsed() < 100000) {
        uint64_t last = now(), time;
        while ((time = now()) - last < BREAK)
            last = time;
        while (now() - time < budget - gap)
            ;
        if (strcmp(act, "yield") == 0)
            yield();
        if (strcmp(act, "sleep") == 0)
            sleep_until(notification, now() + 100);
        if (strcmp(act, "call") == 0)
            request(0, 1);
    }
}

static void play_at_the_edge(void)
{
    make_server(0, PASSIVE);
    spawn_limited(30, "edge", act_at_the_edge, NULL, 1000, 10000);
    spawn_limited(10, "hog", hog, (void *)100000, 0, 0);
    until(120000);
}

// --- All the time ---

static char act[8];
static cap_t bell;

// Does what act= says, as often as it can: each takes a few ticks.
static void act_always(void *unused)
{
    (void)unused;
    cap_t notification = make_notification();
    uint64_t acts = 0;
    until(0);
    for (; elapsed() < end; acts++) {
        if (strcmp(act, "yield") == 0)
            yield();
        if (strcmp(act, "sleep") == 0)
            sleep_until(notification, now() + 200);
        if (strcmp(act, "call") == 0)
            request(0, 0);
        if (strcmp(act, "signal") == 0)
            signal(bell, 1);
    }
    note("acts", acts);
}

// More urgent, but it never does anything.
static void be_woken(void *unused)
{
    (void)unused;
    uint64_t bits;
    for (;;)
        wait(bell, &bits);
}

// The same, woken by its own alarm.
static void wake_often(void *unused)
{
    (void)unused;
    for (uint64_t n = 0; n < end; n += 100)
        sleep_until(bell, start + ticks(n));
}

// How much of the time is somebody else's? It computes, and looks at its
// clock: if that jumps, somebody else ran.
static void measure_others(void *unused)
{
    (void)unused;
    enum { GAP = 20 }; // ticks
    uint64_t others = 0, longest = 0, last = start, time;
    until(0);
    while ((time = now()) < start + ticks(end)) {
        if (time - last >= GAP)
            others += time - last;
        if (time - last > longest)
            longest = time - last;
        last = time;
    }
    note("others", others);
    note("longest", longest);
}

// One that may run for budget= microseconds of 2 ms, and one less urgent that
// measures.
static void act_all_the_time(void)
{
    end = parameter("end");
    snprintf(act, sizeof(act), "%s", demo_string("act", ""));
    make_server(0, PASSIVE);
    bell = make_notification();
    if (strcmp(act, "signal") == 0)
        spawn_at(40, "woken", be_woken, NULL);
    if (strcmp(act, "wake") == 0)
        spawn_at(40, "often", wake_often, NULL);
    spawn_limited(30, "always", act_always, NULL, parameter("budget"), 2000);
    spawn_at(10, "others", measure_others, NULL);
    until(end + 20000);
}

// --- Back to back, and in many pieces ---

// Sleeps, and then wants all at once.
static void burst(void *unused)
{
    (void)unused;
    until(parameter("sleeps"));
    compute_until(60000);
}

// Uses its budget of 3 ms in pieces of 100 us.
static void nibble(void *unused)
{
    (void)unused;
    for (uint64_t n = 0; n < 25; n++) {
        until(n * 200);
        work(100);
    }
    compute_until(60000);
}

// Uses most of its 3 ms in many pieces, rests until all are back, and does
// 2.5 ms of work at once.
static void rest(void *unused)
{
    (void)unused;
    for (uint64_t n = 0; n < parameter("pieces"); n++) {
        until(n * 200);
        work(50);
    }
    until(2000);
    work(2500);
    until(40000);
    work(2500);
    note("rested", elapsed() - 40000);
}

// Does 2.8 ms of work every 10 ms, while somebody is woken again and again.
static void be_interrupted(void *unused)
{
    (void)unused;
    spawn_at(40, "often", wake_often, NULL);
    for (uint64_t due = 0; due < end; due += 10000) {
        until(due);
        work(2800);
        note("took", elapsed() - due);
    }
}

// No interrupt comes for 3 ms.
static void be_late(void *unused)
{
    (void)unused;
    until(0);
    mask_interrupts();
    work(3000);
    unmask_interrupts();
    compute_until(60000);
}

static void use(void (*function)(void *), uint64_t budget)
{
    spawn_limited(30, "one", function, NULL, budget, 10000);
    until(80000);
}

// Two of one priority, and one has a limit.
static void take_turns_with_a_limit(void)
{
    spawn_limited(30, "limited", hog, (void *)50000, 1000, 10000);
    spawn_at(30, "other", hog, (void *)50000);
    until(60000);
}

// --- All exhausted ---

static void labor(void *microseconds)
{
    until(0);
    work((uintptr_t)microseconds);
    note("done", elapsed());
}

// Only these threads, which main waits for: nobody has an alarm.
static void exhaust_all(void)
{
    cap_t both[2];
    for (unsigned i = 0; i < 2; i++) {
        cap_t context = make_context(30 - i * (unsigned)parameter("apart"));
        limit_context(context, ticks(1000), ticks(i ? 17000 : 10000));
        both[i] = spawn_at(PASSIVE, "labor", labor, (void *)4500);
        bind_context(context, both[i]);
    }
    join(both[0]);
    join(both[1]);
    note("all", elapsed());
}

// Somebody waits for ever while the only other context is exhausted: that is
// found out once its budget has come back.
static void end_in_deadlock(void)
{
    cap_t thread = spawn_at(PASSIVE, "labor", labor, (void *)1500);
    cap_t context = make_context(30);
    limit_context(context, ticks(1000), ticks(10000));
    bind_context(context, thread);
    uint64_t bits;
    wait(make_notification(), &bits);
}

// --- Limited anew ---

static cap_t context_anew;

static void limit_anew(void)
{
    note("limit", elapsed());
    limit_context(context_anew, ticks(2000), ticks(20000));
}

static void manage(void *unused)
{
    (void)unused;
    until(3000);
    limit_anew();
}

static void be_limited(void *how)
{
    until(strcmp(how, "parked") == 0 ? 6000 : 0);
    if (strcmp(how, "running") == 0) {
        compute_until(3000);
        limit_anew();
    }
    compute_until(60000);
}

// when=: as the context is 3 ms after the start. before= is its budget then.
static void change_limit(void)
{
    static char when[16];
    snprintf(when, sizeof(when), "%s", demo_string("when", ""));
    context_anew = spawn_limited(30, "limited", be_limited, when,
                                 parameter("before"), 50000);
    if (strcmp(when, "queued") == 0)
        spawn_limited(31, "hog", hog, (void *)4000, 0, 0);
    if (strcmp(when, "running") != 0)
        spawn_limited(40, "manager", manage, NULL, 0, 0);
    until(80000);
}

// --- Bad calls ---

static unsigned point;

static void expect(const char *about, int64_t got, int64_t wanted)
{
    point++;
    printf("%s: %s", about, got == wanted ? "ok" : "not ok");
    if (got != wanted)
        printf(", %ld", got);
    printf("\n");
}

static struct sched_context memory, copy;

static void refuse_numbers(cap_t context)
{
    static const struct {
        const char *name;
        uint64_t budget, period;
    } bad[] = {{"nothing", 0, 0},
               {"no budget", 0, 1000},
               {"99 ticks", PIECE - 1, 1000},
               {"no period", 1000, 0},
               {"more than the period", 1001, 1000},
               {"a period of 2^63", 1000, UINT64_C(1) << 63},
               {"a period of 2^64 - 1", 1000, ~UINT64_C(0)},
               {"all of 2^63", UINT64_C(1) << 63, UINT64_C(1) << 63},
               {"all of 2^64 - 1", ~UINT64_C(0), ~UINT64_C(0)},
               {"a budget of 2^64 - 1", ~UINT64_C(0), 1000}};
    copy = memory;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        expect(bad[i].name,
               limit_context(context, bad[i].budget, bad[i].period),
               ERROR_ARGUMENT);
        expect("nothing has changed", memcmp(&copy, &memory, sizeof(copy)), 0);
    }
}

static void refuse_type(const char *name, cap_t cap)
{
    expect(name, limit_context(cap, 1000, 1000), ERROR_CAP);
    expect("and bad numbers, too", limit_context(cap, 0, 0), ERROR_CAP);
}

static void allow(cap_t context)
{
    uint64_t most = (UINT64_C(1) << 63) - 1;
    expect("the least", limit_context(context, PIECE, PIECE), OK);
    expect("the most", limit_context(context, most, most), OK);
    expect("a tenth", limit_context(context, ticks(1000), ticks(10000)), OK);
}

static void refuse(void)
{
    cap_t context, thread = spawn_at(PASSIVE, "thread", hog, NULL);
    create_context(&memory, 20, &context);
    refuse_numbers(context);
    refuse_type("no capability", CAP_NONE);
    refuse_type("an empty entry", CAPS - 1);
    refuse_type("512", CAPS);
    refuse_type("2^60 and a good one", (UINT64_C(1) << 60) + context);
    refuse_type("2^64 - 1", ~UINT64_C(0));
    refuse_type("a thread", thread);
    refuse_type("an endpoint", make_endpoint(CAP_NONE));
    refuse_type("a reply object", make_reply());
    refuse_type("a notification", make_notification());
    allow(context);
    refuse_numbers(context);
    expect("bound", bind_context(context, thread), OK);
    refuse_numbers(context);
    allow(context);
    printf("points: %u\n", point);
}

void demo_crasher(void)
{
    char how[16];
    snprintf(how, sizeof(how), "%s", demo_string("how", ""));
    start = now() + ticks(SETUP);
    if (strcmp(how, "random") == 0)
        run_at_random();
    if (strcmp(how, "overload") == 0)
        overload();
    if (strcmp(how, "server") == 0)
        end_in_server();
    if (strcmp(how, "chain") == 0)
        end_in_chain();
    if (strcmp(how, "always") == 0)
        act_all_the_time();
    if (strcmp(how, "edge") == 0)
        play_at_the_edge();
    if (strcmp(how, "burst") == 0)
        use(burst, 3000);
    if (strcmp(how, "nibble") == 0)
        use(nibble, 3000);
    if (strcmp(how, "rest") == 0)
        use(rest, 3000);
    if (strcmp(how, "often") == 0) {
        bell = make_notification();
        end = 50000;
        use(be_interrupted, 3000);
    }
    if (strcmp(how, "late") == 0)
        use(be_late, 1000);
    if (strcmp(how, "turns") == 0)
        take_turns_with_a_limit();
    if (strcmp(how, "spent") == 0)
        exhaust_all();
    if (strcmp(how, "deadlock") == 0)
        end_in_deadlock();
    if (strcmp(how, "anew") == 0)
        change_limit();
    if (strcmp(how, "bad") == 0)
        refuse();
    printf("start: %lu\n", start);
    printf("notes: %s\n", notes);
    printf("result: done\n");
    demo_end();
}
