// SPDX-License-Identifier: MIT
// mailbox.c - a bounded buffer, as a server. The kernel stores no messages;
// who wants them stored writes a server, and decides there how many, and what
// happens when there is no room. Here whoever puts a letter into a full box
// waits, and whoever asks an empty box for one waits too: the server keeps
// their reply objects and answers later.

#include "demo.h"

enum { ROOM = 4, PRODUCERS = 3, LETTERS = 8, WAITERS = PRODUCERS + 1 };

enum label { PUT, GET };

// A caller whose answer must wait.
struct waiter {
    cap_t reply;
    uint64_t letter; // what it wants to put
};

struct mailbox {
    uint64_t letters[ROOM]; // a ring, from `first` on
    unsigned first, count;
    struct waiter waiters[WAITERS]; // all of one kind: full, or empty, box
    unsigned waiting;
    cap_t spare[WAITERS + 1]; // reply objects that hold nobody
    unsigned spares;
};

static cap_t endpoint;
static unsigned most_waiting;

static void put_in(struct mailbox *box, uint64_t letter)
{
    box->letters[(box->first + box->count++) % ROOM] = letter;
}

static uint64_t take_out(struct mailbox *box)
{
    uint64_t letter = box->letters[box->first];
    box->first = (box->first + 1) % ROOM;
    box->count--;
    return letter;
}

static void answer(struct mailbox *box, cap_t cap, uint64_t letter)
{
    struct message message = {0, {letter}, 0};
    reply(cap, &message);
    box->spare[box->spares++] = cap;
}

static struct waiter first_waiter(struct mailbox *box)
{
    struct waiter first = box->waiters[0];
    memmove(box->waiters, box->waiters + 1,
            --box->waiting * sizeof(struct waiter));
    return first;
}

static void defer(struct mailbox *box, cap_t cap, uint64_t letter)
{
    box->waiters[box->waiting++] = (struct waiter){cap, letter};
    if (box->waiting > most_waiting)
        most_waiting = box->waiting;
}

static void put(struct mailbox *box, cap_t cap, uint64_t letter)
{
    if (box->count == ROOM) {
        defer(box, cap, letter);
        return;
    }
    if (box->waiting > 0) // for a letter: the box is empty
        answer(box, first_waiter(box).reply, letter);
    else
        put_in(box, letter);
    answer(box, cap, 0);
}

static void get(struct mailbox *box, cap_t cap)
{
    if (box->count == 0) {
        defer(box, cap, 0);
        return;
    }
    answer(box, cap, take_out(box));
    if (box->waiting > 0) { // for room: the box was full
        struct waiter producer = first_waiter(box);
        put_in(box, producer.letter);
        answer(box, producer.reply, 0);
    }
}

static void serve(void *argument)
{
    struct mailbox *box = argument;
    struct message message;
    cap_t cap = box->spare[--box->spares];
    while (recv(endpoint, cap, &message) == OK) {
        if (message.label == PUT)
            put(box, cap, message.words[0]);
        else
            get(box, cap);
        cap = box->spare[--box->spares];
    }
}

static void produce(void *argument)
{
    uint64_t number = *(uint64_t *)argument;
    for (uint64_t i = 1; i <= LETTERS; i++) {
        struct message message = {PUT, {number * 100 + i}, 0};
        call(endpoint, &message);
    }
}

// Takes all letters. Those of one producer must come in the order in which they
// were put in.
static void consume(void *argument)
{
    unsigned *in_order = argument;
    uint64_t last[PRODUCERS + 1] = {0};
    for (unsigned i = 0; i < PRODUCERS * LETTERS; i++) {
        struct message message = {GET, {0}, 0};
        call(endpoint, &message);
        uint64_t letter = message.words[0];
        *in_order += letter % 100 == last[letter / 100] + 1;
        last[letter / 100] = letter % 100;
        yield();
    }
}

void demo_mailbox(void)
{
    static struct mailbox box;
    static uint64_t numbers[PRODUCERS];
    static unsigned in_order;
    for (unsigned i = 0; i <= WAITERS; i++)
        box.spare[box.spares++] = make_reply();
    cap_t server = spawn("mailbox", serve, &box);
    endpoint = make_endpoint(server);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        numbers[i] = i + 1;
        spawn("producer", produce, &numbers[i]);
    }
    join(spawn("consumer", consume, &in_order));
    printf("result: %u letters in order, room for %u, up to %u waited\n",
           in_order, ROOM, most_waiting);
    destroy(endpoint);
    join(server);
}
