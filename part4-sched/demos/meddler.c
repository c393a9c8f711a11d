// SPDX-License-Identifier: MIT
// meddler.c - a villain: two programs that update one counter by plain loads
// and stores. Each reads in one turn and writes in the next; what the other one
// wrote in between is lost. With fix=1 the counter belongs to a server, and
// they ask it.

#include "demo.h"

enum { UPDATES = 1000 };

static uint64_t counter; // shared

struct meddler {
    unsigned made;   // updates so far
    bool has_read;   // in the middle of an update
    uint64_t copied; // what it read
};

static bool update(void *argument)
{
    struct meddler *meddler = argument;
    if (!meddler->has_read) {
        meddler->copied = counter;
    } else {
        counter = meddler->copied + 1;
        meddler->made++;
    }
    meddler->has_read = !meddler->has_read;
    return meddler->made < UPDATES;
}

static cap_t endpoint, reply_object;

// The counter's owner: nobody else touches it. It yields in the middle of each
// update too, and that does no harm.
static void own(void *unused)
{
    (void)unused;
    struct message message;
    int error = recv(endpoint, reply_object, &message);
    while (error == OK) {
        uint64_t copied = counter;
        yield();
        counter = copied + 1;
        error = reply_recv(endpoint, reply_object, &message);
    }
}

static bool ask(void *argument)
{
    struct meddler *meddler = argument;
    struct message message = {0};
    call(endpoint, &message);
    meddler->made++;
    return meddler->made < UPDATES;
}

void demo_meddler(void)
{
    static struct meddler first, second;
    bool is_fixed = demo_number("fix", 0);
    if (is_fixed) {
        reply_object = make_reply();
        endpoint = make_endpoint(spawn("owner", own, NULL));
    }
    take_turns("first", is_fixed ? ask : update, &first);
    take_turns("second", is_fixed ? ask : update, &second);
    run_all();
    unsigned made = first.made + second.made;
    printf("result: %u updates made, %lu lost\n", made, made - counter);
}
