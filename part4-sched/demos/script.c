// SPDX-License-Identifier: MIT
// script.c - threads that do what the command line says, to try out any
// sequence of calls:
//
//   program=c0,c0/r00,y,a0,r00   two threads, 0 and 1, and what each does
//   servers=1-                   endpoint 0 names thread 1, endpoint 1 nobody
//   replies=1                    there is one reply object, 0
//   notifications=0              there is no notification
//   priorities=40,-,10           of the threads, which begin when all objects
//                                are made; - is passive, none: PRIORITY_NORMAL
//
// An operation is a letter and its operands, each a digit: E an endpoint, R a
// reply object (- for none), T a thread, N a notification.
//
//   sE send    SE nbsend    cE call   rER recv   RER nbrecv
//   aR reply   wER reply_recv   y yield   jT join   dE, xR, zN destroy
//   gNB signal (bit B)   tN wait   pN poll   bN bind_notification
//   lND alarm (bit 16, D times 100 us from now; - takes it back)
//
// The message of a thread's operation n has the label 1000 * T + n and four
// words made from it; who gets it checks them. The badge is T + 1.

#include "demo.h"

enum { THREADS = 8, OBJECTS = 10, BYTES = 512, ALARM_BIT = 1 << 16 };

struct actor {
    unsigned number;
    char *operations;
    cap_t thread;
    cap_t endpoints[OBJECTS]; // with this thread's badge
};

static struct actor actors[THREADS];
static unsigned actor_count, reply_count, notification_count;
static cap_t replies[OBJECTS], notifications[OBJECTS];
static unsigned done, spoiled;

static void fill(struct message *message, unsigned thread, unsigned operation)
{
    message->label = 1000 * thread + operation;
    for (unsigned i = 0; i < 4; i++)
        message->words[i] = message->label * 10 + i;
}

static void inspect(const struct message *message)
{
    for (unsigned i = 0; i < 4; i++)
        spoiled += message->words[i] != message->label * 10 + i;
}

static cap_t endpoint_of(const struct actor *actor, char digit)
{
    return (unsigned)(digit - '0') < OBJECTS ? actor->endpoints[digit - '0']
                                             : CAP_NONE;
}

static cap_t reply_of(char digit)
{
    return (unsigned)(digit - '0') < OBJECTS ? replies[digit - '0'] : CAP_NONE;
}

static cap_t thread_of(char digit)
{
    return (unsigned)(digit - '0') < THREADS ? actors[digit - '0'].thread
                                             : CAP_NONE;
}

static cap_t notification_of(char digit)
{
    return (unsigned)(digit - '0') < OBJECTS ? notifications[digit - '0']
                                             : CAP_NONE;
}

// Does one operation on a notification. Is it one?
static bool perform_signal(const char *operation)
{
    cap_t notification = notification_of(operation[1]);
    uint64_t bits, step = ticks_per_second() / 10000;
    switch (operation[0]) {
    case 'g':
        signal(notification, 1UL << (operation[2] - '0'));
        return true;
    case 't':
        wait(notification, &bits);
        return true;
    case 'p':
        poll(notification, &bits);
        return true;
    case 'b':
        bind_notification(notification);
        return true;
    case 'l':
        if (operation[2] == '-')
            alarm(notification, 0, 0);
        else
            alarm(notification, ALARM_BIT,
                  now() + (uint64_t)(operation[2] - '0') * step);
        return true;
    case 'z':
        destroy(notification);
        return true;
    default:
        return false;
    }
}

// Does one operation. Did a message come in by it?
static bool perform(const struct actor *actor, const char *operation,
                    struct message *message)
{
    cap_t endpoint = endpoint_of(actor, operation[1]);
    switch (operation[0]) {
    case 's':
        send(endpoint, message);
        return false;
    case 'S':
        nbsend(endpoint, message);
        return false;
    case 'c':
        return call(endpoint, message) == OK;
    case 'r':
        return recv(endpoint, reply_of(operation[2]), message) == OK;
    case 'R':
        return nbrecv(endpoint, reply_of(operation[2]), message) == OK;
    case 'a':
        reply(reply_of(operation[1]), message);
        return false;
    case 'w':
        return reply_recv(endpoint, reply_of(operation[2]), message) == OK;
    case 'y':
        yield();
        return false;
    case 'j':
        join(thread_of(operation[1]));
        return false;
    case 'd':
        destroy(endpoint);
        return false;
    case 'x':
        destroy(reply_of(operation[1]));
        return false;
    default:
        if (perform_signal(operation))
            return false;
        printf("script: no operation '%c'\n", operation[0]);
        demo_end();
    }
}

// An operation ends at a comma, a thread's operations at a slash.
static void act(void *argument)
{
    struct actor *actor = argument;
    const char *next = actor->operations;
    for (unsigned n = 0; *next && *next != '/'; n++) {
        struct message message;
        fill(&message, actor->number, n);
        if (perform(actor, next, &message))
            inspect(&message);
        done++;
        while (*next && *next != ',' && *next != '/')
            next++;
        if (*next == ',')
            next++;
    }
}

static void make_objects(const char *servers)
{
    for (unsigned i = 0; i < reply_count; i++)
        replies[i] = make_reply();
    for (unsigned e = 0; servers[e] && e < OBJECTS; e++) {
        cap_t endpoint = make_endpoint(thread_of(servers[e]));
        for (unsigned t = 0; t < actor_count; t++)
            mint(endpoint, t + 1, &actors[t].endpoints[e]);
    }
    for (unsigned i = 0; i < notification_count; i++)
        notifications[i] = make_notification();
}

// The next number in a list, and what is behind its comma.
static unsigned next_priority(const char **list)
{
    const char *next = *list;
    unsigned priority = 0;
    for (; *next && *next != ','; next++)
        priority =
            *next == '-' ? PASSIVE : 10 * priority + (unsigned)(*next - '0');
    bool is_empty = next == *list;
    *list = *next ? next + 1 : next;
    return is_empty ? PRIORITY_NORMAL : priority;
}

// Whoever is more urgent than we are runs from here on.
static void give_contexts(const char *priorities)
{
    for (unsigned i = 0; i < actor_count; i++) {
        unsigned priority = next_priority(&priorities);
        if (priority < PASSIVE)
            bind_context(make_context(priority), actors[i].thread);
    }
}

void demo_script(void)
{
    static char program[BYTES];
    snprintf(program, sizeof(program), "%s", demo_string("program", ""));
    reply_count = demo_number("replies", 1);
    if (reply_count > OBJECTS)
        reply_count = OBJECTS;
    notification_count = demo_number("notifications", 0);
    if (notification_count > OBJECTS)
        notification_count = OBJECTS;
    for (char *next = program; *next; next++) {
        if (actor_count == THREADS) {
            printf("script: more than %u threads\n", THREADS);
            demo_end();
        }
        struct actor *actor = &actors[actor_count];
        char name[16];
        snprintf(name, sizeof(name), "actor %u", actor_count);
        *actor = (struct actor){.number = actor_count, .operations = next};
        actor->thread = spawn_at(PASSIVE, name, act, actor);
        actor_count++;
        while (*next && *next != '/')
            next++;
        if (!*next)
            break;
    }
    make_objects(demo_string("servers", "-"));
    give_contexts(demo_string("priorities", ""));
    for (unsigned i = 0; i < actor_count; i++)
        join(actors[i].thread);
    printf("result: %u operations done, %u words spoiled\n", done, spoiled);
}
