// SPDX-License-Identifier: MIT
// calc.c - a server that calculates for three clients. Each has a running total
// there; the badge says whose. The server trusts it, since no client writes it.

#include "demo.h"

enum { CLIENTS = 3, NUMBERS = 4 };

enum label { ADD, ADD_SQUARE, TOTAL };

static cap_t endpoint, reply_object;

static uint64_t calculate(uint64_t total, const struct message *message)
{
    switch (message->label) {
    case ADD:
        return total + message->words[0];
    case ADD_SQUARE:
        return total + message->words[0] * message->words[0];
    default:
        return total;
    }
}

static void serve(void *unused)
{
    (void)unused;
    uint64_t totals[CLIENTS + 1] = {0};
    struct message message;
    int error = recv(endpoint, reply_object, &message);
    while (error == OK) {
        uint64_t *total = &totals[message.badge];
        *total = calculate(*total, &message);
        message.words[0] = *total;
        error = reply_recv(endpoint, reply_object, &message);
    }
}

struct client {
    const char *name;
    cap_t calculator; // the endpoint, with this client's badge
    enum label what;
    uint64_t total;
};

static void use(void *argument)
{
    struct client *client = argument;
    for (uint64_t number = 1; number <= NUMBERS; number++) {
        struct message message = {client->what, {number}, 0};
        call(client->calculator, &message);
        printf("%s: %lu\n", client->name, message.words[0]);
    }
    struct message message = {TOTAL, {0}, 0};
    call(client->calculator, &message);
    client->total = message.words[0];
}

void demo_calc(void)
{
    static struct client clients[CLIENTS] = {
        {"adder", CAP_NONE, ADD, 0},
        {"squarer", CAP_NONE, ADD_SQUARE, 0},
        {"second adder", CAP_NONE, ADD, 0},
    };
    cap_t threads[CLIENTS];
    reply_object = make_reply();
    cap_t server = spawn("calculator", serve, NULL);
    endpoint = make_endpoint(server);
    for (unsigned i = 0; i < CLIENTS; i++) {
        mint(endpoint, i + 1, &clients[i].calculator);
        threads[i] = spawn(clients[i].name, use, &clients[i]);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        join(threads[i]);
    printf("result: totals %lu, %lu and %lu\n", clients[0].total,
           clients[1].total, clients[2].total);
    destroy(endpoint);
    join(server);
}
