// SPDX-License-Identifier: MIT
// names.c - the first server that a system needs: the one that knows where the
// others are. A server registers under a name; a client, which knows nothing
// but the name server's own endpoint, asks for it.

#include "demo.h"

enum label { REGISTER, LOOK_UP, FOUND, UNKNOWN, TAKEN };

enum { NAMES = 8 };

// How a name travels: 24 characters in three words. The capability goes in the
// fourth: a number, which means the same to all as long as they share a table.
struct entry {
    uint64_t name[3];
    cap_t cap;
};

static cap_t name_server; // all that clients and servers know at first
static cap_t name_reply;
static unsigned found;

static bool is_same(const struct entry *entry, const struct message *message)
{
    return memcmp(entry->name, message->words, sizeof(entry->name)) == 0;
}

static void answer(struct entry *entries, unsigned *count,
                   struct message *message)
{
    struct entry *entry = entries;
    while (entry < entries + *count && !is_same(entry, message))
        entry++;
    bool is_known = entry < entries + *count;
    if (message->label == LOOK_UP) {
        message->label = is_known ? FOUND : UNKNOWN;
        message->words[3] = is_known ? entry->cap : CAP_NONE;
    } else if (is_known || *count == NAMES) {
        message->label = TAKEN;
    } else {
        memcpy(entry, message->words, sizeof(*entry));
        ++*count;
        message->label = FOUND;
    }
}

static void serve_names(void *unused)
{
    (void)unused;
    static struct entry entries[NAMES];
    unsigned count = 0;
    struct message message;
    int error = recv(name_server, name_reply, &message);
    while (error == OK) {
        answer(entries, &count, &message);
        error = reply_recv(name_server, name_reply, &message);
    }
}

// Asks the name server about `name`; the label of its answer.
static enum label ask(enum label what, const char *name, cap_t *cap)
{
    struct message message = {what, {0, 0, 0, *cap}, 0};
    memcpy(message.words, name, strnlen(name, 24));
    call(name_server, &message);
    *cap = message.words[3];
    return (enum label)message.label;
}

struct server {
    const char *name;
    uint64_t factor;
    cap_t endpoint;
    cap_t reply;
};

static void serve(void *argument)
{
    struct server *server = argument;
    cap_t cap = server->endpoint;
    if (ask(REGISTER, server->name, &cap) == TAKEN)
        printf("%s: the name is taken\n", server->name);
    struct message message;
    int error = recv(server->endpoint, server->reply, &message);
    while (error == OK) {
        message.words[0] *= server->factor;
        error = reply_recv(server->endpoint, server->reply, &message);
    }
}

static void use(void *argument)
{
    const char *name = argument;
    cap_t cap = CAP_NONE;
    if (ask(LOOK_UP, name, &cap) == UNKNOWN) {
        printf("client: nobody is called %s\n", name);
        return;
    }
    found++;
    struct message message = {0, {21}, 0};
    call(cap, &message);
    printf("client: %s makes %lu of 21\n", name, message.words[0]);
}

void demo_names(void)
{
    static struct server servers[] = {
        {"doubler", 2, CAP_NONE, CAP_NONE},
        {"tripler", 3, CAP_NONE, CAP_NONE},
        {"doubler", 4, CAP_NONE, CAP_NONE}, // a name that is taken
    };
    static const char *const asked[] = {"doubler", "tripler", "halver"};
    name_reply = make_reply();
    name_server = make_endpoint(spawn("names", serve_names, NULL));
    for (unsigned i = 0; i < 3; i++) {
        servers[i].reply = make_reply();
        cap_t thread = spawn(servers[i].name, serve, &servers[i]);
        servers[i].endpoint = make_endpoint(thread);
    }
    for (unsigned i = 0; i < 3; i++)
        join(spawn("client", use, (void *)asked[i]));
    printf("result: %u of 3 names were found\n", found);
}
