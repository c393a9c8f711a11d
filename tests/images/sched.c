// SPDX-License-Identifier: MIT
// sched.c - stands in for demos/crasher.c: threads of many priorities, that
// preempt each other, queue up, and lend each other their contexts. how= picks
// what happens. What the threads note comes out at the end, in order.

#include "../cap.h"
#include "../sched.h"
#include "demo.h"

enum {
    SETUP = 5000,  // microseconds: when the threads begin
    RUNGS = 50,    // of the ladder, see `level`
    BUSY = 200,    // microseconds that a server works, see `serve`
    LONGEST = 8,   // chain of servers
    MOST = 1000,   // threads, see `measure`
};

// --- Time ---

static uint64_t start;
static uint64_t pace = 1; // all takes so much longer

static uint64_t ticks(uint64_t microseconds)
{
    return ticks_per_second() * microseconds / 1000000;
}

// Waits until so long after the start.
static void until(uint64_t microseconds)
{
    sleep_until(make_notification(), start + ticks(microseconds * pace));
}

// Computes until then. (Looks at the clock now and then only: for QEMU that is
// a long way.)
static void compute_until(uint64_t time)
{
    while (now() < time) {
        uint64_t n = 500;
        asm volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(n) : : "cc");
    }
}

// Computes so much, however often somebody else runs meanwhile.
static void work(uint64_t microseconds)
{
    uint64_t n = microseconds * 500; // an instruction is a nanosecond
    asm volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(n) : : "cc");
}

// --- Notes ---

static char notes[4096];
static size_t noted;

// Nobody else runs in between.
#define note(...)                                                     \
    do {                                                              \
        mask_interrupts();                                            \
        noted += (size_t)snprintf(notes + noted, sizeof(notes) - noted, \
                                  __VA_ARGS__);                       \
        noted += (size_t)snprintf(notes + noted, sizeof(notes) - noted, \
                                  ", ");                              \
        unmask_interrupts();                                          \
    } while (0)

static void note_name(void *name)
{
    note("%s", (const char *)name);
}

// --- The ladder: at which priority do we run? ---

static cap_t rungs[RUNGS + 1];
static volatile bool ran[RUNGS + 1];

static void be_rung(void *number)
{
    uint64_t bits;
    while (wait(rungs[(uintptr_t)number], &bits) == OK)
        ran[(uintptr_t)number] = true;
}

static void make_ladder(void)
{
    pace = 20; // with check=1 it takes its time to look
    for (uintptr_t p = 1; p <= RUNGS; p++) {
        rungs[p] = make_notification();
        spawn_at((unsigned)p, "rung", be_rung, (void *)p);
    }
}

// Wakes a thread of each priority, from the highest down: who is more urgent
// than we are has run when `signal` returns.
static unsigned level(void)
{
    for (unsigned p = RUNGS; p > 0; p--) {
        ran[p] = false;
        signal(rungs[p], 1);
        if (!ran[p])
            return p;
    }
    return 0;
}

// --- In order ---

// prios= has a character for each thread: '0' + priority. All are made by one
// to whom the others don't matter.
static void note_own(void *number)
{
    note("%lu", (uint64_t)(uintptr_t)number);
}

static void make_all(void *unused)
{
    (void)unused;
    char prios[128];
    snprintf(prios, sizeof(prios), "%s", demo_string("prios", ""));
    for (uintptr_t i = 0; prios[i]; i++)
        spawn_at((unsigned)(prios[i] - '0'), "one", note_own, (void *)i);
    note("made");
}

static void run_in_order(void)
{
    join(spawn_at(PRIORITIES - 1, "maker", make_all, NULL));
}

// --- Who wakes whom ---

// by= says how "actor", of priority 20, wakes "woken", of priority `than`;
// "equal" is ready then, behind the actor.
static const char *by;
static cap_t endpoint, second_endpoint, reply_object, second_reply;
static cap_t notification, woken_thread, spare_context;

static bool is(const char *what)
{
    return strcmp(by, what) == 0;
}

static void be_woken(void *unused)
{
    (void)unused;
    struct message message = {0};
    uint64_t bits;
    if (is("signal") || is("destroy"))
        wait(notification, &bits);
    if (is("alarm"))
        until(1700);
    if (is("send") || is("nbsend"))
        recv(endpoint, CAP_NONE, &message);
    if (is("reply"))
        call(endpoint, &message);
    note("woken");
}

static void wake(void)
{
    struct message message = {0};
    if (is("signal"))
        signal(notification, 1);
    if (is("destroy"))
        destroy(notification);
    if (is("bind"))
        bind_context(spare_context, woken_thread);
    if (is("send"))
        send(endpoint, &message);
    if (is("nbsend"))
        nbsend(endpoint, &message);
    if (is("reply"))
        reply(reply_object, &message);
}

static void act(void *unused)
{
    (void)unused;
    struct message message;
    if (is("reply"))
        recv(endpoint, reply_object, &message);
    until(1000);
    note("before");
    compute_until(start + ticks(1500));
    wake();
    compute_until(start + ticks(2000));
    note("after");
}

static void be_equal(void *unused)
{
    (void)unused;
    until(1200);
    note("equal");
}

static void wake_another(void)
{
    unsigned than = (unsigned)demo_number("than", 21);
    notification = make_notification();
    reply_object = make_reply();
    spare_context = make_context(than);
    woken_thread = spawn_at(is("bind") ? PASSIVE : than, "woken", be_woken,
                            NULL);
    cap_t actor = spawn_at(20, "actor", act, NULL);
    endpoint = make_endpoint(is("reply") ? actor : CAP_NONE);
    spawn_at(20, "equal", be_equal, NULL);
}

// --- Yield ---

static void yield_and_note(void *name)
{
    until(1000);
    for (unsigned i = 1; i <= 3; i++) {
        note("%s%u", (const char *)name, i);
        yield();
    }
}

static void yield_to_equals(void)
{
    spawn_at(19, "less", yield_and_note, "C");
    spawn_at(20, "one", yield_and_note, "A");
    spawn_at(20, "other", yield_and_note, "B");
    spawn_at(21, "more", yield_and_note, "D");
}

// --- Slices ---

static void work_and_note(void *name)
{
    until(0);
    work(*(const char *)name == 'a' ? 35000 : 25000);
    note("%s", (const char *)name);
}

// Takes a little of the others' time, far more often than a slice ends.
static void interrupt_others(void *unused)
{
    (void)unused;
    cap_t timer = make_notification();
    for (unsigned i = 1; i <= 40; i++) {
        sleep_until(timer, start + ticks(1000 * i));
        work(100);
    }
    note("urgent");
}

static void be_less_urgent(void *unused)
{
    (void)unused;
    until(0);
    note("less");
}

static void share_slices(void)
{
    static char *const names[] = {"a", "b", "c"};
    uint64_t equals = demo_number("equals", 1);
    for (unsigned i = 0; i < equals; i++)
        spawn_at(20, names[i], work_and_note, names[i]);
    spawn_at(19, "less", be_less_urgent, NULL);
    if (demo_number("urgent", 0))
        spawn_at(21, "urgent", interrupt_others, NULL);
}

// --- Queues ---

// what= says where the threads wait, take= how they are taken out. prios= is
// as above. Each comes a little later than the one before.
static const char *what, *take;
static char queue_prios[32];

static bool they(const char *wait_to)
{
    return strcmp(what, wait_to) == 0;
}

static void queue_up(void *number)
{
    struct message message = {.label = (uintptr_t)number};
    uint64_t bits;
    until(1000 + 100 * (uintptr_t)number);
    if (they("send"))
        send(endpoint, &message);
    if (they("call"))
        call(endpoint, &message);
    if (they("wait"))
        wait(notification, &bits);
    if (they("join"))
        join(woken_thread);
    if (they("wait") || they("join"))
        note("%lu", (uint64_t)(uintptr_t)number);
}

static void take_all(void *unused)
{
    (void)unused;
    struct message message = {0};
    until(6000);
    for (unsigned i = 0; queue_prios[i] && !they("join"); i++) {
        if (they("wait")) {
            signal(notification, 1);
            until(6000 + 100 * (i + 1));
            continue;
        }
        if (strcmp(take, "nbrecv") == 0)
            nbrecv(endpoint, reply_object, &message);
        else if (strcmp(take, "reply_recv") == 0 && i > 0)
            reply_recv(endpoint, reply_object, &message);
        else
            recv(endpoint, reply_object, &message);
        note("%lu", message.label);
    }
}

static void take_from_queue(void)
{
    notification = make_notification();
    reply_object = make_reply();
    endpoint = make_endpoint(CAP_NONE);
    woken_thread = spawn_at(40, "taker", take_all, NULL);
    for (uintptr_t i = 0; queue_prios[i]; i++)
        spawn_at((unsigned)(queue_prios[i] - '0'), "one", queue_up, (void *)i);
}

// A server that is not urgent sends on behalf of a client that is, behind a
// sender in between.
static void send_plainly(void *label)
{
    struct message message = {.label = (uintptr_t)label};
    until(1000);
    send(second_endpoint, &message);
}

static void send_for_client(void *unused)
{
    (void)unused;
    struct message message;
    recv(endpoint, reply_object, &message);
    message.label = 2;
    send(second_endpoint, &message);
}

static void call_at(void *when)
{
    struct message message = {0};
    until((uintptr_t)when);
    call(endpoint, &message);
}

static void take_two(void *unused)
{
    (void)unused;
    struct message message;
    until(6000);
    for (unsigned i = 0; i < 2; i++) {
        recv(second_endpoint, CAP_NONE, &message);
        note("%lu", message.label);
    }
}

static void queue_for_client(void)
{
    reply_object = make_reply();
    spawn_at(30, "plain", send_plainly, (void *)1);
    cap_t server = spawn_at(5, "server", send_for_client, NULL);
    endpoint = make_endpoint(server);
    second_endpoint = make_endpoint(CAP_NONE);
    spawn_at(40, "client", call_at, (void *)2000);
    spawn_at(45, "taker", take_two, NULL);
}

// --- Chains ---

// Server n calls server n + 1; the last one, `length`, none.
static struct link {
    unsigned number;
    cap_t endpoint, reply;
} links[LONGEST + 2];

static struct client {
    unsigned enters;
    uint64_t when, waited;
    struct message message;
    int error;
} clients[2];

static unsigned length;

static void serve(void *argument)
{
    const struct link *link = argument;
    struct message message;
    int error = recv(link->endpoint, link->reply, &message);
    while (error == OK) {
        work(BUSY);
        if (link->number < length)
            call(links[link->number + 1].endpoint, &message);
        message.words[0]++;
        error = reply_recv(link->endpoint, link->reply, &message);
    }
}

static void enter_chain(void *argument)
{
    struct client *client = argument;
    until(client->when);
    uint64_t begin = now();
    client->error = call(links[client->enters].endpoint, &client->message);
    client->waited = now() - begin;
}

static void stand_by(void *unused)
{
    (void)unused;
    until(1050);
    work(2000);
}

// The client "other", of priority `other`, enters at server `enters`, and then
// "urgent", of priority 60, at the first one.
static void call_along_chain(void)
{
    length = (unsigned)demo_number("length", 1);
    unsigned other = (unsigned)demo_number("other", 30);
    bool passive = demo_number("passive", 0);
    for (unsigned i = 1; i <= length; i++) {
        links[i] = (struct link){.number = i, .reply = make_reply()};
        cap_t server = spawn_at(passive ? PASSIVE : 1 + 5 * i % 8, "server",
                                serve, &links[i]);
        links[i].endpoint = make_endpoint(server);
    }
    for (unsigned p = 10; p < 50; p++)
        spawn_at(p, "bystander", stand_by, NULL);
    clients[0] = (struct client){.enters = (unsigned)demo_number("enters", 1),
                                 .when = 1000};
    clients[1] = (struct client){.enters = 1,
                                 .when = 1000 + demo_number("delay", 100)};
    spawn_at(other, "other", enter_chain, &clients[0]);
    spawn_at(60, "urgent", enter_chain, &clients[1]);
}

static void tell_chain(void)
{
    for (unsigned i = 0; i < 2; i++)
        printf("%s: %s, %lu servers, %lu us\n", i ? "urgent" : "other",
               error_name(clients[i].error), clients[i].message.words[0],
               clients[i].waited * 1000000 / ticks_per_second());
}

// Two branches, and the level at each step.
static void climb_second(void *unused)
{
    (void)unused;
    struct message message;
    recv(second_endpoint, second_reply, &message);
    note("second %u", level());
    until(3000);
    note("second %u", level()); // the urgent client helps
    reply(second_reply, &message);
    note("second %u", level()); // and still does
    recv(second_endpoint, second_reply, &message);
    note("second %u", level());
    until(4000);
    note("second %u", level());
    reply(second_reply, &message);
    note("second %u", level());
}

static void climb_first(void *unused)
{
    (void)unused;
    struct message message;
    recv(endpoint, reply_object, &message);
    note("first %u", level());
    call(second_endpoint, &message);
    note("first %u", level());
    reply(reply_object, &message);
    note("first %u", level());
}

static void call_and_note(cap_t where, const char *name)
{
    struct message message = {0};
    int error = call(where, &message);
    note("%s %s %u", name, error_name(error), level());
}

static void call_second(void *unused)
{
    (void)unused;
    until(1000);
    call_and_note(second_endpoint, "other");
}

static void call_first(void *unused)
{
    (void)unused;
    until(2000);
    call_and_note(endpoint, "urgent");
}

static void climb(void)
{
    reply_object = make_reply();
    second_reply = make_reply();
    make_ladder();
    cap_t first = spawn_at(10, "first", climb_first, NULL);
    cap_t second = spawn_at(5, "second", climb_second, NULL);
    endpoint = make_endpoint(first);
    second_endpoint = make_endpoint(second);
    spawn_at(20, "other", call_second, NULL);
    spawn_at(40, "urgent", call_first, NULL);
}

// --- How lending ends ---

// by= says how. The client has priority 30, the server `own`.
static void meet_end(struct message *message)
{
    if (is("reply"))
        reply(reply_object, message);
    if (is("reply_recv"))
        reply_recv(endpoint, reply_object, message); // a message of `tell`
    if (is("dropped"))
        recv(endpoint, reply_object, message); // the same
    if (is("destroyed"))
        destroy(reply_object);
    if (is("taken"))
        until(5000); // see `take_away`
    if (is("ended"))
        exit();
    if (is("deferred")) {
        recv(endpoint, second_reply, message); // of the second client
        note("server %u", level());
        until(4000);
        note("server %u", level());
        reply(second_reply, message);
        note("server %u", level());
        reply(reply_object, message);
    }
}

static void serve_once(void *unused)
{
    (void)unused;
    struct message message;
    until(500); // the endpoint is there
    recv(endpoint, is("none") ? CAP_NONE : reply_object, &message);
    if (!is("none")) {
        note("server %u", level());
        if (demo_number("nap", 1))
            until(2500);
        note("server %u", level());
        meet_end(&message);
    }
    note("server %u", level());
}

// Receives nothing while its client queues.
static void be_busy(void *unused)
{
    (void)unused;
    until(1500);
    note("server %u", level());
    if (is("endpoint"))
        destroy(endpoint);
    else
        until(5000); // see `take_away`
    note("server %u", level());
}

static void be_client(void *unused)
{
    (void)unused;
    until(1000);
    call_and_note(endpoint, "client");
}

static void tell(void *unused)
{
    (void)unused;
    until(3000);
    if (is("deferred")) {
        call_and_note(endpoint, "second");
    } else {
        struct message message = {0};
        send(endpoint, &message);
    }
}

static void take_away(void *unused)
{
    (void)unused;
    until(4000);
    destroy(is("taken") ? reply_object : endpoint);
}

static void lend_and_end(void)
{
    reply_object = make_reply();
    second_reply = make_reply();
    make_ladder();
    bool busy = is("endpoint") || is("elsewhere");
    cap_t server = spawn_at((unsigned)demo_number("own", 10), "server",
                            busy ? be_busy : serve_once, NULL);
    endpoint = make_endpoint(server);
    spawn_at(30, "client", be_client, NULL);
    if (is("reply_recv") || is("dropped") || is("deferred"))
        spawn_at(20, "teller", tell, NULL);
    if (is("taken") || is("elsewhere"))
        spawn_at(45, "taker", take_away, NULL);
}

// A caller at an endpoint that names no server, or one that receives no more,
// helps nobody.
static void ignore_client(void *unused)
{
    (void)unused;
    struct message message;
    until(2000);
    note("server %u", level());
    recv(endpoint, reply_object, &message);
    note("server %u", level());
    reply(reply_object, &message);
    note("server %u", level());
}

static void call_nameless(void)
{
    reply_object = make_reply();
    make_ladder();
    spawn_at(10, "server", ignore_client, NULL);
    endpoint = make_endpoint(CAP_NONE);
    spawn_at(30, "client", be_client, NULL);
}

// --- Passive servers ---

static void be_passive(void *unused)
{
    (void)unused;
    struct message message;
    uint64_t bits;
    wait(notification, &bits);
    note("signaled");
    recv(endpoint, reply_object, &message);
    note("serves at %u", level());
    until(8000);
    note("serves at %u", level());
    reply(reply_object, &message);
    note("never"); // nobody waits for it any more
}

static void be_patron(void *unused)
{
    (void)unused;
    until(1000);
    signal(notification, 1);
    note("signals");
    until(5000);
    note("calls");
    call_and_note(endpoint, "client");
}

static void be_passive_for_one(void)
{
    make_ladder();
    notification = make_notification();
    reply_object = make_reply();
    cap_t server = spawn_at(PASSIVE, "passive", be_passive, NULL);
    endpoint = make_endpoint(server);
    spawn_at(30, "client", be_patron, NULL);
    cap_t context = make_context(25); // passive threads get there, too
    until(1500);
    bind_context(context, spawn_at(PASSIVE, "late", note_name, "late"));
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

static struct sched_context some_context;

static void refuse_priorities(void)
{
    static const struct {
        const char *name;
        uint64_t priority;
    } bad[] = {{"priority 64", 64},
               {"priority 2^32", UINT64_C(1) << 32},
               {"priority 2^32 + 63", (UINT64_C(1) << 32) + 63},
               {"priority 2^63", UINT64_C(1) << 63},
               {"priority 2^64 - 1", ~UINT64_C(0)}};
    cap_t cap = 4711, before = make_context(1);
    memset(&some_context, 0x55, sizeof(some_context));
    struct sched_context copy = some_context;
    for (unsigned i = 0; i < 5; i++) {
        expect(bad[i].name, create_context(&some_context, bad[i].priority,
                                           &cap), ERROR_ARGUMENT);
        expect("cap and memory are as they were",
               cap == 4711 && memcmp(&copy, &some_context, sizeof(copy)) == 0,
               1);
    }
    expect("no entry is used", (int64_t)make_context(1), (int64_t)before + 1);
    expect("priority 0", create_context(&some_context, 0, &cap), OK);
    static struct sched_context most_urgent;
    expect("priority 63", create_context(&most_urgent, 63, &cap), OK);
}

static volatile unsigned turns;

static void count_turns(void *bits)
{
    while (wait(notification, bits) == OK)
        turns++;
}

static void refuse_types(cap_t context, cap_t thread)
{
    const struct {
        const char *name;
        cap_t cap;
    } bad[] = {{"no capability", CAP_NONE},
               {"an empty entry", CAPS - 1},
               {"512", CAPS},
               {"2^60 and a good one", (UINT64_C(1) << 60) + context},
               {"2^64 - 1", ~UINT64_C(0)},
               {"an endpoint", endpoint},
               {"a reply object", reply_object},
               {"a notification", notification}};
    for (unsigned i = 0; i < 8; i++) {
        printf("%s, ", bad[i].name);
        expect("as the context", bind_context(bad[i].cap, thread), ERROR_CAP);
        printf("%s, ", bad[i].name);
        expect("as the thread", bind_context(context, bad[i].cap), ERROR_CAP);
    }
    expect("a thread as the context", bind_context(thread, thread), ERROR_CAP);
    expect("a context as the thread", bind_context(context, context),
           ERROR_CAP);
    expect("one for the other", bind_context(thread, context), ERROR_CAP);
}

// A context where something else belongs.
static void refuse_contexts(cap_t context)
{
    struct message message = {0};
    uint64_t bits;
    cap_t cap;
    static struct endpoint *no_memory;
    expect("send", send(context, &message), ERROR_CAP);
    expect("nbsend", nbsend(context, &message), ERROR_CAP);
    expect("call", call(context, &message), ERROR_CAP);
    expect("recv", recv(context, CAP_NONE, &message), ERROR_CAP);
    expect("recv with", recv(endpoint, context, &message), ERROR_CAP);
    expect("nbrecv", nbrecv(context, CAP_NONE, &message), ERROR_CAP);
    expect("reply", reply(context, &message), ERROR_CAP);
    expect("reply_recv", reply_recv(context, reply_object, &message),
           ERROR_CAP);
    expect("mint", mint(context, 1, &cap), ERROR_CAP);
    expect("join", join(context), ERROR_CAP);
    expect("destroy", destroy(context), ERROR_CAP);
    expect("create_endpoint", create_endpoint(no_memory, context, &cap),
           ERROR_CAP);
    expect("signal", signal(context, 1), ERROR_CAP);
    expect("wait", wait(context, &bits), ERROR_CAP);
    expect("poll", poll(context, &bits), ERROR_CAP);
    expect("alarm", alarm(context, 1, now()), ERROR_CAP);
    expect("bind_notification", bind_notification(context), ERROR_CAP);
    expect("bind_interrupt", bind_interrupt(spare_line(), context, 1),
           ERROR_CAP);
}

static void refuse_second(cap_t context, cap_t thread)
{
    static uint64_t bits;
    cap_t other_context = make_context(62);
    cap_t other = spawn_at(PASSIVE, "other", count_turns, &bits);
    expect("the first time", bind_context(context, thread), OK);
    expect("again", bind_context(context, thread), ERROR_ARGUMENT);
    expect("the context to another", bind_context(context, other),
           ERROR_ARGUMENT);
    expect("another to the thread", bind_context(other_context, thread),
           ERROR_ARGUMENT);
    signal(notification, 1);
    expect("the thread runs on it", turns, 1);
    expect("what was refused is free", bind_context(other_context, other), OK);
    signal(notification, 1);
    signal(notification, 1);
    expect("both run", turns, 3);
}

static void refuse_when_full(void)
{
    static struct sched_context last;
    struct sched_context copy = last;
    cap_t cap, doomed = make_endpoint(CAP_NONE);
    while (mint(endpoint, 1, &cap) == OK)
        ;
    cap = 4711;
    expect("full", create_context(&last, 62, &cap), ERROR_FULL);
    expect("cap is as it was", (int64_t)cap, 4711);
    expect("memory is as it was", memcmp(&copy, &last, sizeof(copy)), 0);
    destroy(doomed);
    expect("room for one", create_context(&last, 62, &cap), OK);
    expect("in its place", cap == doomed, 1);
    expect("full again", create_context(&some_context, 62, &cap), ERROR_FULL);
}

static void refuse(void *unused)
{
    static uint64_t bits;
    endpoint = make_endpoint(CAP_NONE);
    reply_object = make_reply();
    notification = make_notification();
    (void)unused;
    refuse_priorities();
    cap_t context = make_context(61);
    cap_t thread = spawn_at(PASSIVE, "counter", count_turns, &bits);
    refuse_types(context, thread);
    yield();
    expect("no turn so far", turns, 0);
    refuse_contexts(context);
    refuse_second(context, thread);
    refuse_when_full();
    printf("points: %u\n", point);
}

// --- What it costs ---

// The threads are made by the kernel's functions: there are not that many
// capabilities.
static struct thread many[MOST];
static struct sched_context many_contexts[MOST];
static char many_stacks[MOST][STACK_SMALLEST]
    __attribute__((section(".thread_stacks"), aligned(GUARD_SIZE)));
static cap_t crowd;
static volatile uint64_t stamp;

static void yield_for_ever(void *unused)
{
    (void)unused;
    for (;;)
        yield();
}

static void wait_for_ever(void *unused)
{
    (void)unused;
    uint64_t bits;
    wait(crowd, &bits);
    stamp = instructions();
    for (;;)
        wait(notification, &bits);
}

// We are main, and so have interrupts masked, as the kernel has: with its lock
// its functions can be called.
static void make_crowd(uint64_t count)
{
    bool blocked = is("blocked"), same = is("same");
    kernel_lock();
    for (uint64_t i = 0; i < count; i++) {
        unsigned below = (unsigned)(i % 14) + 1;
        thread_init(&many[i], "one of many",
                    blocked ? wait_for_ever : yield_for_ever, NULL,
                    (uintptr_t)many_stacks[i], STACK_SMALLEST);
        schedcontext_init(&many_contexts[i],
                          blocked ? 45 + (unsigned)(i % 5) : same ? 20 : below);
        schedcontext_bind(&many_contexts[i], &many[i]);
    }
    kernel_unlock();
}

static void answer(void *unused)
{
    (void)unused;
    struct message message;
    int error = recv(endpoint, reply_object, &message);
    while (error == OK)
        error = reply_recv(endpoint, reply_object, &message);
}

// More urgent than `measure`: is woken by it, and waits again.
static void be_more_urgent(void *unused)
{
    (void)unused;
    for (;;) {
        uint64_t bits;
        wait(second_endpoint, &bits); // a notification, here
        stamp = instructions();
    }
}

static void measure(void *unused)
{
    (void)unused;
    struct message message = {0};
    uint64_t before, after;
    until(20000); // the others are where they want to be
    mask_interrupts();
    for (unsigned i = 0; i < 2; i++) { // the first time is for practice
        before = instructions();
        signal(second_endpoint, 1);
        after = instructions();
    }
    printf("waking and picking: %lu\n", stamp - before);
    printf("blocking and picking: %lu\n", after - stamp);
    for (unsigned i = 0; i < 2; i++) {
        before = instructions();
        call(endpoint, &message);
        after = instructions();
    }
    printf("call and answer: %lu\n", after - before);
    if (is("blocked")) {
        before = instructions();
        signal(crowd, 1);
        printf("waking the first: %lu\n", stamp - before);
    }
    if (is("same")) {
        yield();
        before = instructions();
        yield();
        after = instructions();
        printf("yields: %lu\n", after - before); // of all in turn
    }
    unmask_interrupts();
}

static void measure_all(void)
{
    notification = make_notification();
    crowd = make_notification();
    second_endpoint = make_notification();
    reply_object = make_reply();
    cap_t server = spawn_at(15, "server", answer, NULL);
    endpoint = make_endpoint(server);
    spawn_at(41, "more urgent", be_more_urgent, NULL);
    cap_t measures = spawn_at(20, "measures", measure, NULL);
    make_crowd(demo_number("count", 2));
    join(measures);
}

void demo_crasher(void)
{
    char how[32], texts[3][32];
    snprintf(how, sizeof(how), "%s", demo_string("how", ""));
    snprintf(texts[0], sizeof(texts[0]), "%s", demo_string("by", ""));
    snprintf(texts[1], sizeof(texts[1]), "%s", demo_string("what", ""));
    snprintf(texts[2], sizeof(texts[2]), "%s", demo_string("take", ""));
    snprintf(queue_prios, sizeof(queue_prios), "%s", demo_string("prios", ""));
    by = texts[0];
    what = texts[1];
    take = texts[2];
    start = now() + ticks(SETUP);
    if (strcmp(how, "order") == 0)
        run_in_order();
    if (strcmp(how, "wake") == 0)
        wake_another();
    if (strcmp(how, "yield") == 0)
        yield_to_equals();
    if (strcmp(how, "slices") == 0)
        share_slices();
    if (strcmp(how, "queue") == 0)
        take_from_queue();
    if (strcmp(how, "lent") == 0)
        queue_for_client();
    if (strcmp(how, "chain") == 0)
        call_along_chain();
    if (strcmp(how, "climb") == 0)
        climb();
    if (strcmp(how, "end") == 0)
        lend_and_end();
    if (strcmp(how, "nameless") == 0)
        call_nameless();
    if (strcmp(how, "passive") == 0)
        be_passive_for_one();
    if (strcmp(how, "bad") == 0)
        join(spawn_at(60, "refuser", refuse, NULL));
    if (strcmp(how, "cost") == 0)
        measure_all();
    until(150000); // all have come to their end
    printf("notes: %s\n", notes);
    if (strcmp(how, "chain") == 0)
        tell_chain();
    printf("result: done\n");
    demo_end();
}
