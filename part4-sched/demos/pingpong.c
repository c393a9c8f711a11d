// SPDX-License-Identifier: MIT
// pingpong.c - two threads and a message to and fro: the smallest client, the
// smallest server.

#include "demo.h"

enum { ROUNDS = 3 };

static cap_t endpoint, reply_object;

static void pong(void *unused)
{
    (void)unused;
    struct message message;
    int error = recv(endpoint, reply_object, &message);
    while (error == OK) {
        printf("pong: got %lu\n", message.words[0]);
        message.words[0]++;
        error = reply_recv(endpoint, reply_object, &message);
    }
    printf("pong: %s\n", error_name(error));
}

static void ping(void *rounds)
{
    struct message message = {0};
    for (uint64_t i = 0; i < *(uint64_t *)rounds; i++) {
        printf("ping: sends %lu\n", message.words[0]);
        call(endpoint, &message);
    }
    printf("result: %lu after %lu round trips\n", message.words[0],
           *(uint64_t *)rounds);
}

void demo_pingpong(void)
{
    static uint64_t rounds;
    rounds = demo_number("rounds", ROUNDS);
    reply_object = make_reply();
    cap_t server = spawn("pong", pong, NULL);
    endpoint = make_endpoint(server);
    join(spawn("ping", ping, &rounds));
    destroy(endpoint); // which ends the server's wait, and the server
    join(server);
}
