// SPDX-License-Identifier: MIT
// replies.c - stands in for demos/crasher.c: a server with eight clients, all
// of whose callers it holds at once. how= picks what it does with them.
//
//   how=permute seed=N rounds=N   answers in another order each round
//   how=errors                    answers twice, drops, answers too late
//   how=keys tables=N             shows what is typed, after so many tables

#include "demo.h"

enum { CLIENTS = 8 };

static cap_t endpoint, badged[CLIENTS], replies[CLIENTS];
static cap_t clients[CLIENTS];
static uint64_t numbers[CLIENTS];
static struct message held[CLIENTS]; // by the reply object of the same number
static uint64_t rounds, seed;

// A pseudo-random number below `limit` (xorshift64*).
static uint64_t draw(uint64_t limit)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return ((seed * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % limit;
}

// Receives from all clients; each reply object then holds one.
static void hold_all(void)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        recv(endpoint, replies[i], &held[i]);
}

// The answer to a request: of each word another multiple, and who it was.
static struct message answer_to(const struct message *request)
{
    struct message message = {request->label + 1, {0}, 0};
    for (unsigned i = 0; i < 4; i++)
        message.words[i] = (2 + i) * request->words[i] + request->badge;
    return message;
}

static void answer_in_order(const unsigned *order)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct message message = answer_to(&held[order[i]]);
        reply(replies[order[i]], &message);
    }
}

// Fisher and Yates.
static void shuffle(unsigned *order)
{
    for (unsigned i = 0; i < CLIENTS; i++)
        order[i] = i;
    for (unsigned i = CLIENTS - 1; i > 0; i--) {
        unsigned j = (unsigned)draw(i + 1), other = order[i];
        order[i] = order[j];
        order[j] = other;
    }
}

static void permute(void *unused)
{
    (void)unused;
    for (uint64_t round = 0; round < rounds; round++) {
        unsigned order[CLIENTS];
        hold_all();
        printf("held:");
        for (unsigned i = 0; i < CLIENTS; i++)
            printf(" %lu", held[i].badge);
        printf("\n");
        shuffle(order);
        answer_in_order(order);
    }
}

// Each round a request that no other client and no other round has.
static void ask(void *argument)
{
    uint64_t number = *(uint64_t *)argument;
    for (uint64_t round = 0; round < rounds; round++) {
        struct message message = {100 * round, {0}, 7};
        for (unsigned i = 0; i < 4; i++)
            message.words[i] = 1000 * round + 100 * number + i;
        int error = call(badged[number], &message);
        printf("client %lu: %s %lu: %lu %lu %lu %lu, %lu\n", number,
               error_name(error), message.label, message.words[0],
               message.words[1], message.words[2], message.words[3],
               message.badge);
    }
}

// --- Answers that can't be ---

static void answer(const char *what, unsigned which)
{
    struct message message = answer_to(&held[which]);
    int error = reply(replies[which], &message);
    printf("%s %u: %s\n", what, which, error_name(error));
}

static cap_t aside; // where a stranger sends

static void send_aside(void *unused)
{
    (void)unused;
    struct message message = {0};
    for (unsigned i = 0; i < CLIENTS; i++)
        send(aside, &message);
}

static void err(void *unused)
{
    (void)unused;
    hold_all();
    for (unsigned i = 0; i < CLIENTS; i++)
        answer("answer", CLIENTS - 1 - i);
    for (unsigned i = 0; i < CLIENTS; i++)
        answer("double answer", i);
    hold_all();
    for (unsigned i = 0; i < CLIENTS; i += 2) // drops these, by their end
        destroy(replies[i]);
    struct message message;
    for (unsigned i = 1; i < CLIENTS; i += 2) // and these, by new use
        recv(aside, replies[i], &message);
    for (unsigned i = 0; i < CLIENTS; i++)
        answer("stale answer", i);
}

// --- Keys ---

static uint64_t one = 1, two = 2, three = 3;

// Holds a caller, and waits for a message that never comes.
static void wait_aside(void *unused)
{
    (void)unused;
    struct message message;
    recv(endpoint, replies[0], &message);
    printf("server: got %lu\n", message.words[0]);
    recv(aside, CAP_NONE, &message);
}

static void call_there(void *number)
{
    struct message message = {0, {*(uint64_t *)number}, 0};
    call(endpoint, &message);
}

static void send_there(void *number)
{
    struct message message = {0, {*(uint64_t *)number}, 0};
    send(endpoint, &message);
}

static void wait_for_server(void *server)
{
    join(*(cap_t *)server);
}

static void do_nothing(void *unused)
{
    (void)unused;
}

// The threads do what they can, and then wait, each in another way. Nobody
// reads a key before so many tables were printed (a pass of the scheduler that
// prints one takes long). Then everything is read.
static void show_keys(uint64_t tables)
{
    char line[80];
    static cap_t server;
    server = spawn("server", wait_aside, NULL);
    endpoint = make_endpoint(server);
    spawn("caller", call_there, &one);
    spawn("late caller", call_there, &two);
    spawn("sender", send_there, &three);
    spawn("joiner", wait_for_server, &server);
    spawn("short", do_nothing, NULL);
    for (unsigned i = 0; i < 10; i++)
        yield();
    printf("endpoints %lu and %lu, server %lu: type\n", endpoint, aside,
           server);
    while (tables > 0) {
        uint64_t begin = instructions();
        yield();
        tables -= instructions() - begin > 5000;
    }
    while (read_line("> ", line, sizeof(line)))
        printf("read '%s'\n", line);
    printf("result: all read\n");
}

void demo_crasher(void)
{
    const char *how = demo_string("how", "");
    bool errors = strcmp(how, "errors") == 0;
    bool keys = strcmp(how, "keys") == 0;
    rounds = demo_number("rounds", 2);
    seed = demo_number("seed", 1);
    aside = make_endpoint(CAP_NONE);
    for (unsigned i = 0; i < CLIENTS; i++)
        replies[i] = make_reply();
    if (keys) {
        show_keys(demo_number("tables", 1));
        return;
    }
    if (errors)
        spawn("stranger", send_aside, NULL);
    cap_t server = spawn("server", errors ? err : permute, NULL);
    endpoint = make_endpoint(server);
    for (uint64_t i = 0; i < CLIENTS; i++) {
        numbers[i] = i;
        mint(endpoint, i, &badged[i]);
        clients[i] = spawn("client", ask, &numbers[i]);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        join(clients[i]);
    join(server);
    printf("result: done\n");
}
