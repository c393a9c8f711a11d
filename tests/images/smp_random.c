// SPDX-License-Identifier: MIT
// smp_random.c - stands in for demos/crasher.c: random programs on all CPUs.
// Threads, pinned and free, call, answer at once or later, send, signal, wait,
// pin and limit each other, destroy what others use, and end, as seed= says.
// Whatever they do, nobody waits for ever: a server calls only those with a
// higher number, and who keeps a caller sets an alarm. So all must end.

#include "../deadlock.h"
#include "../panic.h"
#include "../sched.h"
#include "demo.h"

enum {
    SERVERS = 5,
    PASSIVE_ONES = 2, // the first so many have no context of their own
    ENDPOINTS = 3,    // of each: one after the other is destroyed
    KEPT = 4,         // reply objects of each
    CLIENTS = 24,
    AT_ONCE = 8,
    PATIENCE = 60, // seconds until we give up, if patience= says nothing else
};

enum label { REQUEST, ANSWER, STRANGE };

struct server {
    unsigned number;
    cap_t thread, notification;
    cap_t endpoints[ENDPOINTS], replies[KEPT];
    volatile unsigned gone; // how many of its endpoints are
    uint64_t random;
};

struct client {
    unsigned number;
    cap_t thread, notification;
    uint64_t random;
};

static struct server servers[SERVERS];
static struct client clients[CLIENTS];
static cap_t contexts[SERVERS + CLIENTS];
static unsigned context_count, steps, used_cpus;
static uint64_t answers, errors, wrong, limits;
static volatile bool closing;

// Knuth, "The Art of Computer Programming", volume 2, section 3.3.4.
static unsigned draw(uint64_t *random, unsigned below)
{
    *random = *random * 6364136223846793005 + 1442695040888963407;
    return (unsigned)(*random >> 33) % below;
}

static void compute(uint64_t n)
{
    asm volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(n) : : "cc");
}

static uint64_t soon(uint64_t *random)
{
    return now() + 50 + draw(random, 3000);
}

// Now and then another one: no thread is sure of its CPU.
static uint64_t some_cpu(uint64_t *random)
{
    unsigned cpu = draw(random, used_cpus + 2);
    return cpu < used_cpus ? cpu : ANY_CPU;
}

static cap_t some_thread(uint64_t *random)
{
    unsigned n = draw(random, SERVERS + CLIENTS + 2);
    return n < SERVERS             ? servers[n].thread
           : n < SERVERS + CLIENTS ? clients[n - SERVERS].thread
                                   : CAP_NONE;
}

// Asks one of the servers from `first` on, and looks at the answer.
static void ask(unsigned first, uint64_t *random, bool destroyed)
{
    if (first >= SERVERS)
        return;
    const struct server *server =
        &servers[first + draw(random, SERVERS - first)];
    cap_t endpoint = server->endpoints[server->gone % ENDPOINTS];
    uint64_t word = draw(random, 1 << 30);
    struct message message = {.label = REQUEST, .words = {word}};
    unsigned how = draw(random, 8);
    int error = how == 0   ? send(endpoint, &message)
                : how == 1 ? nbsend(endpoint, &message)
                           : call(endpoint, &message);
    if (error != OK)
        add_atomically(&errors, 1);
    else if (how > 1 && message.label == ANSWER)
        add_atomically(message.words[0] == word * 3 + server->number ? &answers
                                                                     : &wrong,
                       1);
    if (destroyed && draw(random, 24) == 0)
        destroy(endpoint);
}

// What anybody may do to anybody.
static void meddle(uint64_t *random)
{
    struct server *server = &servers[draw(random, SERVERS)];
    struct message strange = {.label = STRANGE};
    switch (draw(random, 9)) {
    case 0:
    case 1:
    case 2:
        pin_thread(some_thread(random), some_cpu(random));
        break;
    case 3:
        pin_thread(CAP_NONE, some_cpu(random));
        break;
    case 4:
        if (limits) {
            uint64_t budget = 20000 + draw(random, 40000);
            limit_context(contexts[draw(random, context_count)], budget,
                          budget + draw(random, 60000));
        }
        break;
    case 5:
        signal(clients[draw(random, CLIENTS)].notification, 4);
        break;
    case 6:
        signal(server->notification, 2);
        break;
    case 7:
        if (draw(random, 4) == 0)
            reply(server->replies[draw(random, KEPT)], &strange);
        break;
    default:
        if (draw(random, 8) == 0)
            destroy(server->replies[draw(random, KEPT)]);
    }
}

// --- Servers ---

static void answer_to(const struct server *server, struct message *message)
{
    message->words[0] = message->words[0] * 3 + server->number;
    message->label = ANSWER;
}

// A server of a context may keep some callers for later. It holds them in all
// its reply objects but the one that it receives by.
static void serve(void *argument)
{
    struct server *server = argument;
    uint64_t *random = &server->random;
    struct message kept[KEPT] = {0}, message = {0};
    bool full[KEPT] = {false};
    unsigned at = 0, held = 0;
    bool patient = server->number >= PASSIVE_ONES;
    bind_notification(server->notification);
    while (server->gone < ENDPOINTS) {
        cap_t endpoint = server->endpoints[server->gone];
        if (held)
            alarm(server->notification, 1, soon(random));
        int result;
        if (held < KEPT - 1 && draw(random, 8) == 0) {
            result = nbrecv(endpoint, server->replies[at], &message);
            if (result == ERROR_WOULD_BLOCK && draw(random, 2))
                yield();
        } else {
            result = recv(endpoint, server->replies[at], &message);
        }
    received:
        if (result == ERROR_CAP && !closing) // the reply object, perhaps
            result = recv(endpoint, CAP_NONE, &message);
        if (result == ERROR_DESTROYED || result == ERROR_CAP)
            server->gone++;
        if (result == OK) {
            compute(1 + draw(random, 600));
            if (draw(random, 3) == 0)
                ask(server->number + 1, random, false);
            if (draw(random, 4) == 0)
                meddle(random);
            answer_to(server, &message);
            if (patient && held < KEPT - 1 && draw(random, 3) == 0) {
                kept[at] = message;
                full[at] = true;
                held++;
                while (full[at])
                    at = (at + 1) % KEPT;
            } else if (draw(random, 4)) {
                result = reply_recv(endpoint, server->replies[at], &message);
                if (result != ERROR_NO_CALLER)
                    goto received;
            } else {
                reply(server->replies[at], &message);
            }
        } else if (held) {
            unsigned one = draw(random, KEPT);
            while (!full[one])
                one = (one + 1) % KEPT;
            reply(server->replies[one], &kept[one]);
            full[one] = false;
            held--;
        }
    }
}

// --- Clients ---

static void rest(struct client *client)
{
    uint64_t bits;
    if (alarm(client->notification, 1, soon(&client->random)) == OK)
        wait(client->notification, &bits);
}

static void act(void *argument)
{
    struct client *client = argument;
    uint64_t *random = &client->random;
    for (unsigned i = 0; i < steps; i++) {
        switch (draw(random, 8)) {
        case 0:
            rest(client);
            break;
        case 1:
            yield();
            break;
        case 2:
        case 3:
            meddle(random);
            break;
        case 4:
            compute(1 + draw(random, 2000));
            break;
        default:
            ask(0, random, true);
        }
    }
}

// --- All of it ---

static cap_t make_one(uint64_t *random, const char *name,
                      void (*function)(void *), void *argument, bool passive)
{
    cap_t thread = spawn_at(PASSIVE, name, function, argument);
    if (passive)
        return thread;
    cap_t context = make_context(30 + draw(random, 5));
    contexts[context_count] = context;
    bind_context(context, thread);
    context_count++;
    pin_thread(thread, some_cpu(random));
    return thread;
}

static void watch(void *unused)
{
    (void)unused;
    sleep_until(make_notification(),
                now() + demo_number("patience", PATIENCE) * ticks_per_second());
    mask_interrupts();
    kernel_lock();
    threads_print();
    for_each_cpu(cpu)
        printf("cpu %u: %s, occupied 0x%lx, reschedule %u, idle 0x%lx\n",
               cpu->number, cpu->thread ? cpu->thread->name : "-",
               cpu->occupied, cpu->reschedule, idle_cpus);
    panic("they do not end");
}

static void make_servers(uint64_t *random)
{
    for (unsigned i = 0; i < SERVERS; i++) {
        struct server *server = &servers[i];
        char name[16];
        snprintf(name, sizeof(name), "server %u", i);
        server->number = i;
        server->random = draw(random, 1 << 30);
        server->notification = make_notification();
        for (unsigned j = 0; j < KEPT; j++)
            server->replies[j] = make_reply();
        server->thread = spawn_at(PASSIVE, name, serve, server);
        for (unsigned j = 0; j < ENDPOINTS; j++)
            server->endpoints[j] = make_endpoint(
                i < PASSIVE_ONES || draw(random, 4) ? server->thread
                                                    : CAP_NONE);
    }
}

// Gives a server what it runs on.
static void start(uint64_t *random, struct server *server)
{
    cap_t context = make_context(30 + draw(random, 5));
    contexts[context_count++] = context;
    bind_context(context, server->thread);
    pin_thread(server->thread, some_cpu(random));
}

static void make_client(uint64_t *random, unsigned number)
{
    struct client *client = &clients[number];
    char name[16];
    snprintf(name, sizeof(name), "client %u", number);
    client->number = number;
    client->random = draw(random, 1 << 30);
    client->thread = make_one(random, name, act, client, false);
}

void demo_crasher(void)
{
    uint64_t random = demo_number("seed", 1) * 1000003;
    steps = (unsigned)demo_number("steps", 20);
    limits = demo_number("limits", 1);
    used_cpus = (unsigned)demo_number("cpus", cpus_online());
    spawn_at(63, "watch", watch, NULL);
    for (unsigned i = 0; i < CLIENTS; i++)
        clients[i].notification = make_notification();
    make_servers(&random);
    for (unsigned i = PASSIVE_ONES; i < SERVERS; i++)
        start(&random, &servers[i]);
    unsigned count = (unsigned)demo_number("clients", CLIENTS); // at most
    for (unsigned i = 0; i < count; i++) {
        if (i >= AT_ONCE)
            join(clients[i - AT_ONCE].thread);
        make_client(&random, i);
    }
    for (unsigned i = count < AT_ONCE ? 0 : count - AT_ONCE; i < count; i++)
        join(clients[i].thread);
    closing = true;
    for (unsigned i = 0; i < SERVERS; i++) {
        for (unsigned j = 0; j < ENDPOINTS; j++)
            destroy(servers[i].endpoints[j]);
    }
    for (unsigned i = 0; i < PASSIVE_ONES; i++)
        start(&random, &servers[i]);
    for (unsigned i = 0; i < SERVERS; i++)
        join(servers[i].thread);
    printf("result: %lu answers, %lu errors, %lu wrong\n", answers, errors,
           wrong);
    demo_end();
}
