// SPDX-License-Identifier: MIT
// selftest_ipc.c - messages: what arrives, in which order, what each call makes
// of each state of an endpoint, every error.
//
// Workers are threads that make one call at a time, when they are told to. What
// a call did is seen from three sides: what it returned, what it wrote, and
// what the kernel then says about the thread and the endpoint.

#include "selftest_ipc.h"
#include "cap.h"
#include "demos/demo.h"
#include "endpoint.h"
#include "tap.h"

enum {
    WORKERS = 6,
    WAITS = 1, // instead of an error: the call has not returned yet
    BADGE = 4711,
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct worker {
    bool told; // to make this call
    enum syscall number;
    cap_t endpoint;
    struct message message;
    int error; // what the call returned, or WAITS

    cap_t thread;
    cap_t reply;
} workers[WORKERS];

static const char *const call_names[] = {
    [SYS_SEND] = "send",       [SYS_NBSEND] = "nbsend",
    [SYS_CALL] = "call",       [SYS_RECV] = "recv",
    [SYS_NBRECV] = "nbrecv",   [SYS_REPLY_RECV] = "reply_recv",
    [SYS_MINT] = "mint",       [SYS_REPLY] = "reply",
    [SYS_JOIN] = "join",       [SYS_CREATE_ENDPOINT] = "create_endpoint",
    [SYS_DESTROY] = "destroy",
};

// --- Messages that show what became of them ---

static uint64_t word_of(uint64_t label, unsigned number)
{
    return (label + 1) * (0x9e3779b97f4a7c15 + 2 * number);
}

static struct message message_of(uint64_t label)
{
    struct message message = {.label = label};
    for (unsigned i = 0; i < 4; i++)
        message.words[i] = word_of(label, i);
    return message;
}

// Is it the message with this label, whole, and has it this badge?
static bool is_message(const struct message *message, uint64_t label,
                       uint64_t badge)
{
    bool whole = message->label == label && message->badge == badge;
    for (unsigned i = 0; i < 4; i++)
        whole = whole && message->words[i] == word_of(label, i);
    return whole;
}

// --- Workers ---

// Makes one of the calls that take a message or a capability.
static int make_call(enum syscall number, cap_t cap, cap_t reply_cap,
                     struct message *message)
{
    switch (number) {
    case SYS_SEND:
        return send(cap, message);
    case SYS_NBSEND:
        return nbsend(cap, message);
    case SYS_CALL:
        return call(cap, message);
    case SYS_RECV:
        return recv(cap, reply_cap, message);
    case SYS_NBRECV:
        return nbrecv(cap, reply_cap, message);
    case SYS_REPLY_RECV:
        return reply_recv(cap, reply_cap, message);
    case SYS_REPLY:
        return reply(reply_cap, message);
    case SYS_EXIT:
        exit();
    default:
        return ERROR_CALL;
    }
}

static void work_for_ever(void *argument)
{
    struct worker *worker = argument;
    for (;;) {
        if (worker->told) {
            worker->told = false;
            worker->error = make_call(worker->number, worker->endpoint,
                                      worker->reply, &worker->message);
        }
        yield();
    }
}

static void start_worker(struct worker *worker)
{
    *worker = (struct worker){.error = OK};
    worker->reply = make_reply();
    worker->thread = spawn("worker", work_for_ever, worker);
}

// Is there a worker whose call has not returned, and does not wait?
static bool is_busy(void)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        const struct thread *thread = cap_object(workers[i].thread, CAP_THREAD);
        if (workers[i].error == WAITS && thread->state == THREAD_READY)
            return true;
    }
    return false;
}

// Everybody goes on as far as possible.
static void settle(void)
{
    for (unsigned i = 0; i < 3 || is_busy(); i++)
        yield();
}

// The worker makes this call, with the message of this label; what it returns,
// or WAITS.
static int tell(unsigned number, enum syscall syscall, cap_t endpoint,
                uint64_t label)
{
    struct worker *worker = &workers[number];
    worker->number = syscall;
    worker->endpoint = endpoint;
    worker->message = message_of(label);
    worker->error = WAITS;
    worker->told = true;
    settle();
    return worker->error;
}

// The worker's call has returned this error, and written nothing.
static bool has_failed(unsigned number, int error, uint64_t label)
{
    const struct worker *worker = &workers[number];
    return worker->error == error && is_message(&worker->message, label, 0);
}

static bool has_received(unsigned number, uint64_t label, uint64_t badge)
{
    const struct worker *worker = &workers[number];
    return worker->error == OK && is_message(&worker->message, label, badge);
}

static enum thread_state state_of(unsigned number)
{
    const struct thread *thread =
        cap_object(workers[number].thread, CAP_THREAD);
    return thread->state;
}

// How many are in a queue; 1000 if they are more than there can be.
static int length_of(const struct list_node *queue)
{
    int length = 0;
    list_for_each(node, queue) {
        if (++length > WORKERS)
            return 1000;
    }
    return length;
}

// How many wait at the endpoint: senders, or, with a minus, receivers. 1000 if
// there are both.
static int waiting_at(cap_t endpoint)
{
    const struct endpoint *object = cap_object(endpoint, CAP_ENDPOINT);
    int senders = length_of(&object->senders);
    int receivers = length_of(&object->receivers);
    return senders && receivers ? 1000 : senders - receivers;
}

// Ends all waits: nobody is at the endpoint, no caller without an answer.
static void end_waits(cap_t endpoint)
{
    struct message message = message_of(0);
    destroy(endpoint);
    for (unsigned i = 0; i < WORKERS; i++)
        reply(workers[i].reply, &message);
    settle();
}

// --- What arrives ---

// Does the message arrive by these two calls, whoever comes first?
static void test_arrival(enum syscall sends, enum syscall receives)
{
    cap_t endpoint = make_endpoint(CAP_NONE), minted = CAP_NONE;
    mint(endpoint, BADGE, &minted);
    if (sends != SYS_NBSEND) {
        tell(0, sends, minted, 11);
        tell(1, receives, endpoint, 12);
        tap_point(has_received(1, 11, BADGE), "%s, then %s: it arrives whole",
                  call_names[sends], call_names[receives]);
        reply(workers[1].reply, &workers[1].message);
    }
    if (receives != SYS_NBRECV) {
        tell(1, receives, endpoint, 13);
        tell(0, sends, minted, 14);
        tap_point(has_received(1, 14, BADGE), "%s, then %s: it arrives whole",
                  call_names[receives], call_names[sends]);
    }
    end_waits(endpoint);
}

static void test_badges(void)
{
    cap_t endpoint = make_endpoint(CAP_NONE), once = CAP_NONE, twice = CAP_NONE;
    mint(endpoint, ~UINT64_C(0), &once);
    mint(once, 2, &twice);
    cap_t sent_by[] = {endpoint, once, twice};
    uint64_t badges[] = {0, ~UINT64_C(0), 2};
    for (unsigned i = 0; i < 3; i++) {
        tell(0, SYS_SEND, sent_by[i], i);
        tell(1, SYS_RECV, twice, 99);
        tap_point(has_received(1, i, badges[i]), "the badge 0x%lx arrives",
                  badges[i]);
    }
    end_waits(endpoint);
}

// --- Order ---

static void test_order_of_senders(void)
{
    static const enum syscall ways[] = {SYS_CALL, SYS_SEND, SYS_SEND, SYS_CALL};
    cap_t endpoint = make_endpoint(CAP_NONE);
    for (unsigned i = 0; i < 4; i++)
        tell(i, ways[i], endpoint, i);
    bool good = waiting_at(endpoint) == 4;
    for (unsigned i = 0; i < 4; i++) {
        tell(4, i == 2 ? SYS_NBRECV : SYS_RECV, endpoint, 99);
        good =
            good && has_received(4, i, 0) && waiting_at(endpoint) == 3 - (int)i;
    }
    tap_point(good, "four senders are received in the order they came");
    end_waits(endpoint);
}

static void test_order_of_receivers(void)
{
    static const enum syscall ways[] = {SYS_SEND, SYS_CALL, SYS_NBSEND,
                                        SYS_SEND};
    cap_t endpoint = make_endpoint(CAP_NONE);
    for (unsigned i = 0; i < 4; i++)
        tell(i, SYS_RECV, endpoint, 99);
    bool good = waiting_at(endpoint) == -4;
    for (unsigned i = 0; i < 4; i++) {
        tell(i == 1 ? 5 : 4, ways[i], endpoint, i);
        good =
            good && has_received(i, i, 0) && waiting_at(endpoint) == (int)i - 3;
    }
    tap_point(good, "four receivers get messages in the order they came");
    end_waits(endpoint);
}

// A sender in the middle of the queue is received on its own account: those
// before and behind it keep their places when somebody else comes and goes.
static void test_order_after_coming_back(void)
{
    cap_t endpoint = make_endpoint(CAP_NONE);
    tell(0, SYS_SEND, endpoint, 0);
    tell(1, SYS_SEND, endpoint, 1);
    tell(4, SYS_RECV, endpoint, 99); // takes 0
    tell(0, SYS_SEND, endpoint, 2);  // which comes again, behind 1
    bool good = waiting_at(endpoint) == 2;
    tell(4, SYS_RECV, endpoint, 99);
    good = good && has_received(4, 1, 0);
    tell(4, SYS_RECV, endpoint, 99);
    tap_point(good && has_received(4, 2, 0),
              "a sender that comes again is the last one");
    end_waits(endpoint);
}

// --- Answers ---

// Worker 0 is the server. It has waited to send by a badge itself, before: that
// badge is none of its answers'.
static void test_answers(void)
{
    cap_t endpoint = make_endpoint(CAP_NONE), minted = CAP_NONE;
    mint(endpoint, BADGE, &minted);
    tell(0, SYS_SEND, minted, 18);
    tell(1, SYS_RECV, endpoint, 19);
    tell(0, SYS_RECV, endpoint, 20);
    tell(1, SYS_CALL, minted, 21);
    tap_point(state_of(1) == THREAD_AWAITING_REPLY &&
                  tell(0, SYS_REPLY, endpoint, 22) == OK &&
                  has_received(1, 22, 0),
              "reply: the answer arrives whole");
    tell(1, SYS_CALL, minted, 23);
    tell(2, SYS_CALL, endpoint, 24);
    tell(0, SYS_RECV, endpoint, 25);
    bool first = has_received(0, 23, BADGE);
    tell(0, SYS_REPLY_RECV, endpoint, 26);
    tap_point(first && has_received(1, 26, 0),
              "reply_recv: the answer arrives whole");
    tap_point(has_received(0, 24, 0),
              "reply_recv: the next message arrives whole");
    tell(0, SYS_REPLY_RECV, endpoint, 27);
    tell(1, SYS_CALL, minted, 28);
    tap_point(has_received(2, 27, 0) && has_received(0, 28, BADGE),
              "reply_recv: one that comes later does");
    end_waits(endpoint);
}

// Three callers, answered in another order than they came.
static void test_late_answers(void)
{
    static const unsigned order[] = {4, 3, 5};
    cap_t endpoint = make_endpoint(CAP_NONE);
    for (unsigned i = 0; i < 3; i++) {
        tell(i, SYS_RECV, endpoint, 30);
        tell(3 + i, SYS_CALL, endpoint, 31 + i);
    }
    for (unsigned i = 0; i < 3; i++) {
        unsigned client = order[i];
        bool waits = state_of(client) == THREAD_AWAITING_REPLY;
        struct message message = message_of(40 + client);
        int error = reply(workers[client - 3].reply, &message);
        settle();
        tap_point(waits && error == OK && has_received(client, 40 + client, 0),
                  "of three callers number %u is answered", client - 2);
    }
    end_waits(endpoint);
}

static void test_passing(void)
{
    test_arrival(SYS_SEND, SYS_RECV);
    test_arrival(SYS_SEND, SYS_NBRECV);
    test_arrival(SYS_NBSEND, SYS_RECV);
    test_arrival(SYS_CALL, SYS_RECV);
    test_arrival(SYS_CALL, SYS_NBRECV);
    test_badges();
    test_order_of_senders();
    test_order_of_receivers();
    test_order_after_coming_back();
    test_answers();
    test_late_answers();
}

// --- What each call makes of each state of an endpoint ---

static const struct step {
    enum syscall number;
    int before, after; // as waiting_at returns it
    int error;
    enum thread_state state;
} steps[] = {
    {SYS_SEND, 0, 1, WAITS, THREAD_SENDING},
    {SYS_SEND, 1, 2, WAITS, THREAD_SENDING},
    {SYS_SEND, -1, 0, OK, THREAD_READY},
    {SYS_NBSEND, 0, 0, ERROR_WOULD_BLOCK, THREAD_READY},
    {SYS_NBSEND, 1, 1, ERROR_WOULD_BLOCK, THREAD_READY},
    {SYS_NBSEND, -1, 0, OK, THREAD_READY},
    {SYS_CALL, 0, 1, WAITS, THREAD_CALLING},
    {SYS_CALL, 1, 2, WAITS, THREAD_CALLING},
    {SYS_CALL, -1, 0, WAITS, THREAD_AWAITING_REPLY},
    {SYS_RECV, 0, -1, WAITS, THREAD_RECEIVING},
    {SYS_RECV, 1, 0, OK, THREAD_READY},
    {SYS_RECV, -1, -2, WAITS, THREAD_RECEIVING},
    {SYS_NBRECV, 0, 0, ERROR_WOULD_BLOCK, THREAD_READY},
    {SYS_NBRECV, 1, 0, OK, THREAD_READY},
    {SYS_NBRECV, -1, -1, ERROR_WOULD_BLOCK, THREAD_READY},
    {SYS_REPLY_RECV, 0, -1, WAITS, THREAD_RECEIVING},
    {SYS_REPLY_RECV, 1, 0, OK, THREAD_READY},
    {SYS_REPLY_RECV, -1, -2, WAITS, THREAD_RECEIVING},
};

static const char *who_waits(int waiting)
{
    return waiting == 0  ? "nobody waits"
           : waiting > 0 ? "a sender waits"
                         : "a receiver waits";
}

// Worker 0 makes the call; worker 1 waits before; worker 2 is the caller whom
// reply_recv answers.
static void test_step(const struct step *step)
{
    cap_t endpoint = make_endpoint(CAP_NONE);
    if (step->before)
        tell(1, step->before > 0 ? SYS_SEND : SYS_RECV, endpoint, 1);
    bool ready = waiting_at(endpoint) == step->before;
    if (step->number == SYS_REPLY_RECV) {
        cap_t aside = make_endpoint(CAP_NONE);
        tell(2, SYS_CALL, aside, 2);
        ready = ready && tell(0, SYS_RECV, aside, 0) == OK;
    }
    int error = tell(0, step->number, endpoint, 3);
    tap_point(ready && error == step->error && state_of(0) == step->state &&
                  waiting_at(endpoint) == step->after,
              "%s where %s: %s", call_names[step->number],
              who_waits(step->before),
              step->error == WAITS ? "it waits" : error_name(step->error));
    end_waits(endpoint);
}

static void test_destroy(enum syscall number, int waiting)
{
    cap_t endpoint = make_endpoint(CAP_NONE), minted = CAP_NONE;
    mint(endpoint, BADGE, &minted);
    for (unsigned i = 0; i < 3; i++)
        tell(i, number, i == 1 ? minted : endpoint, i);
    bool good = waiting_at(endpoint) == waiting;
    good = destroy(minted) == OK && good;
    settle();
    for (unsigned i = 0; i < 3; i++)
        good = good && has_failed(i, ERROR_DESTROYED, i) &&
               state_of(i) == THREAD_READY;
    tap_point(good, "destroy where three wait by %s: ERROR_DESTROYED",
              call_names[number]);
    struct message message = message_of(0);
    tap_point(nbsend(endpoint, &message) == ERROR_CAP &&
                  nbsend(minted, &message) == ERROR_CAP,
              "after it both capabilities for %s are gone", call_names[number]);
}

// The caller gets its answer, and the server waits in vain.
static void test_destroy_under_server(void)
{
    cap_t endpoint = make_endpoint(CAP_NONE);
    tell(1, SYS_CALL, endpoint, 1);
    tell(0, SYS_RECV, endpoint, 2);
    tell(0, SYS_REPLY_RECV, endpoint, 3);
    bool answered = has_received(1, 3, 0);
    destroy(endpoint);
    settle();
    tap_point(answered && has_failed(0, ERROR_DESTROYED, 3),
              "destroy where a server waits by reply_recv: ERROR_DESTROYED");
    tell(2, SYS_CALL, make_endpoint(CAP_NONE), 4);
    tap_point(tell(0, SYS_RECV, workers[2].endpoint, 5) == OK &&
                  destroy(workers[2].endpoint) == OK &&
                  tell(0, SYS_REPLY, CAP_NONE, 6) == OK &&
                  has_received(2, 6, 0),
              "a caller whose message was received gets its answer still");
}

static void test_transitions(void)
{
    for (unsigned i = 0; i < COUNT_OF(steps); i++)
        test_step(&steps[i]);
    test_destroy(SYS_SEND, 3);
    test_destroy(SYS_CALL, 3);
    test_destroy(SYS_RECV, -3);
    test_destroy_under_server();
}

// --- Errors of calls that can't be ---

// Makes the call with a capability that it can't have; its error, or WAITS if
// it has written something all the same.
static int call_in_vain(enum syscall number, cap_t cap, cap_t reply_cap)
{
    static struct endpoint unused;
    struct message message = message_of(50);
    cap_t made = BADGE;
    int error =
        number == SYS_MINT              ? mint(cap, 1, &made)
        : number == SYS_JOIN            ? join(cap)
        : number == SYS_CREATE_ENDPOINT ? create_endpoint(&unused, cap, &made)
        : number == SYS_DESTROY         ? destroy(cap)
                                : make_call(number, cap, reply_cap, &message);
    return made == BADGE && is_message(&message, 50, 0) ? error : WAITS;
}

// Capabilities of the wrong kind, by name. One of them may be right for a call.
static struct bad_cap {
    const char *name;
    cap_t cap;
    enum cap_type type;
} bad_caps[] = {
    {"no capability", CAP_NONE, CAP_EMPTY},
    {"a thread", CAP_NONE, CAP_THREAD},
    {"an endpoint", CAP_NONE, CAP_ENDPOINT},
    {"a reply object", CAP_NONE, CAP_REPLY},
    {"a capability not in the table", CAPS, CAP_EMPTY},
    {"2^32 and an endpoint", CAP_NONE, CAP_EMPTY},
    {"2^63 and a thread", CAP_NONE, CAP_EMPTY},
    {"a destroyed endpoint", CAP_NONE, CAP_EMPTY},
    {"a destroyed reply object", CAP_NONE, CAP_EMPTY},
};

static void make_bad_caps(void)
{
    cap_t endpoint = make_endpoint(CAP_NONE), gone = make_endpoint(CAP_NONE);
    cap_t gone_reply = make_reply();
    bad_caps[1].cap = workers[0].thread;
    bad_caps[2].cap = endpoint;
    bad_caps[3].cap = workers[0].reply;
    bad_caps[5].cap = (UINT64_C(1) << 32) + endpoint;
    bad_caps[6].cap = (UINT64_C(1) << 63) + workers[0].thread;
    bad_caps[7].cap = gone;
    bad_caps[8].cap = gone_reply;
    destroy(gone);
    destroy(gone_reply);
}

// What the call's first capability must be.
static bool is_right(enum syscall number, const struct bad_cap *bad)
{
    if (number == SYS_JOIN || number == SYS_CREATE_ENDPOINT)
        return bad->type == CAP_THREAD ||
               (number == SYS_CREATE_ENDPOINT && bad->cap == CAP_NONE);
    if (number == SYS_DESTROY)
        return bad->type == CAP_ENDPOINT || bad->type == CAP_REPLY;
    return bad->type == CAP_ENDPOINT;
}

static void test_bad_caps(void)
{
    static const enum syscall calls[] = {
        SYS_SEND,    SYS_NBSEND, SYS_CALL,
        SYS_RECV,    SYS_NBRECV, SYS_REPLY_RECV,
        SYS_MINT,    SYS_JOIN,   SYS_CREATE_ENDPOINT,
        SYS_DESTROY,
    };
    for (unsigned i = 0; i < COUNT_OF(calls); i++) {
        for (unsigned j = 0; j < COUNT_OF(bad_caps); j++) {
            const struct bad_cap *bad = &bad_caps[j];
            if (is_right(calls[i], bad))
                continue;
            int error = call_in_vain(calls[i], bad->cap, workers[0].reply);
            tap_point(error == ERROR_CAP, "%s on %s: ERROR_CAP",
                      call_names[calls[i]], bad->name);
        }
    }
}

static void test_bad_replies(void)
{
    static const enum syscall calls[] = {SYS_RECV, SYS_NBRECV, SYS_REPLY_RECV,
                                         SYS_REPLY};
    cap_t endpoint = bad_caps[2].cap;
    for (unsigned i = 0; i < COUNT_OF(calls); i++) {
        for (unsigned j = 0; j < COUNT_OF(bad_caps); j++) {
            const struct bad_cap *bad = &bad_caps[j];
            bool may_be_none = calls[i] == SYS_RECV || calls[i] == SYS_NBRECV;
            if (bad->type == CAP_REPLY || (may_be_none && bad->cap == CAP_NONE))
                continue;
            int error = call_in_vain(calls[i], endpoint, bad->cap);
            tap_point(error == ERROR_CAP, "%s with %s: ERROR_CAP",
                      call_names[calls[i]], bad->name);
        }
    }
}

static void test_unknown_calls(void)
{
    static const uint64_t numbers[] = {SYSCALLS, UINT64_C(1) << 32,
                                       ~UINT64_C(0)};
    for (unsigned i = 0; i < COUNT_OF(numbers); i++) {
        uint64_t x[8] = {1, 2, 3, 4, 5, 6, 7, numbers[i]};
        bool good = enter_kernel(x) == ERROR_CALL;
        for (unsigned j = 1; j < 7; j++)
            good = good && x[j] == j + 1;
        tap_point(good, "call number 0x%lx: ERROR_CALL", numbers[i]);
    }
}

static void test_bad_stacks(void)
{
    static struct thread memory;
    static char stack[2 * STACK_SMALLEST] __attribute__((aligned(GUARD_SIZE)));
    cap_t cap = BADGE;
    tap_point(create_thread(&memory, "no", work_for_ever, NULL, stack + 16,
                            STACK_SMALLEST, &cap) == ERROR_ARGUMENT &&
                  cap == BADGE,
              "a stack at no multiple of 1024: ERROR_ARGUMENT");
    tap_point(create_thread(&memory, "no", work_for_ever, NULL, stack,
                            STACK_SMALLEST - 16, &cap) == ERROR_ARGUMENT &&
                  cap == BADGE,
              "a stack that is too small: ERROR_ARGUMENT");
    tap_point(create_thread(&memory, "no", work_for_ever, NULL, stack,
                            STACK_SMALLEST + 8, &cap) == ERROR_ARGUMENT &&
                  cap == BADGE,
              "a size of no multiple of 16: ERROR_ARGUMENT");
}

// Has nobody written to this memory since it was filled with 0x5a?
static bool is_filled(const void *memory, size_t size)
{
    const char *bytes = memory;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0x5a)
            return false;
    }
    return true;
}

// With nothing left in the table, each call that wants an entry says so, and
// makes nothing. Destroying the endpoint gives all back.
static void test_full_table(void)
{
    static struct thread thread;
    static struct endpoint endpoint;
    static struct reply reply_memory;
    static char stack[STACK_SMALLEST] __attribute__((aligned(GUARD_SIZE)));
    memset(&thread, 0x5a, sizeof(thread));
    memset(&endpoint, 0x5a, sizeof(endpoint));
    memset(&reply_memory, 0x5a, sizeof(reply_memory));
    cap_t many = make_endpoint(CAP_NONE), cap = BADGE, minted;
    unsigned made = 0;
    while (mint(many, BADGE, &minted) == OK)
        made++;
    tap_point(made > 0 && mint(many, 1, &cap) == ERROR_FULL && cap == BADGE,
              "mint, after all that fit: ERROR_FULL");
    tap_point(create_thread(&thread, "no", work_for_ever, NULL, stack,
                            sizeof(stack), &cap) == ERROR_FULL &&
                  cap == BADGE,
              "create_thread: ERROR_FULL");
    tap_point(create_endpoint(&endpoint, CAP_NONE, &cap) == ERROR_FULL &&
                  cap == BADGE,
              "create_endpoint: ERROR_FULL");
    tap_point(create_reply(&reply_memory, &cap) == ERROR_FULL && cap == BADGE,
              "create_reply: ERROR_FULL");
    tap_point(is_filled(&thread, sizeof(thread)) &&
                  is_filled(&endpoint, sizeof(endpoint)) &&
                  is_filled(&reply_memory, sizeof(reply_memory)),
              "after ERROR_FULL the memory is as it was");
    tap_point(destroy(many) == OK && create_reply(&reply_memory, &cap) == OK &&
                  cap == many,
              "destroy gives the entries back");
    destroy(cap);
}

// --- Errors of callers and servers ---

// Worker 1's message has been received by worker 0, with its reply object.
static cap_t have_caller(uint64_t label)
{
    cap_t endpoint = make_endpoint(CAP_NONE);
    tell(0, SYS_RECV, endpoint, 99);
    tell(1, SYS_CALL, endpoint, label);
    return endpoint;
}

static void test_no_caller(void)
{
    cap_t endpoint = have_caller(60);
    bool first = tell(0, SYS_REPLY, endpoint, 61) == OK;
    tap_point(first && has_received(1, 61, 0) &&
                  tell(0, SYS_REPLY, endpoint, 62) == ERROR_NO_CALLER &&
                  is_message(&workers[1].message, 61, 0),
              "a second answer: ERROR_NO_CALLER");
    tell(2, SYS_SEND, endpoint, 63);
    tell(0, SYS_REPLY_RECV, endpoint, 64);
    tap_point(has_failed(0, ERROR_NO_CALLER, 64) &&
                  state_of(2) == THREAD_SENDING && waiting_at(endpoint) == 1,
              "reply_recv without a caller: it receives nothing");
    tell(0, SYS_RECV, endpoint, 65);
    tap_point(has_received(0, 63, 0) &&
                  tell(0, SYS_REPLY, endpoint, 66) == ERROR_NO_CALLER &&
                  workers[2].error == OK,
              "an answer to one who only sends: ERROR_NO_CALLER");
    tell(0, SYS_RECV, endpoint, 67);
    struct message message = message_of(68);
    tap_point(reply(workers[0].reply, &message) == ERROR_NO_CALLER &&
                  state_of(0) == THREAD_RECEIVING && workers[0].error == WAITS,
              "an answer to one who receives: ERROR_NO_CALLER");
    tap_point(reply_recv(endpoint, workers[0].reply, &message) ==
                      ERROR_NO_CALLER &&
                  is_message(&message, 68, 0) && waiting_at(endpoint) == -1,
              "the same by reply_recv: ERROR_NO_CALLER");
    end_waits(endpoint);
}

// The endpoint's end does not touch a caller that was received; the reply
// object's end does.
static void test_stale_answers(void)
{
    cap_t endpoint = have_caller(70);
    destroy(workers[0].reply);
    settle();
    tap_point(has_failed(1, ERROR_DROPPED, 70),
              "the reply object is destroyed: ERROR_DROPPED");
    tap_point(tell(0, SYS_REPLY, endpoint, 71) == ERROR_CAP &&
                  is_message(&workers[1].message, 70, 0),
              "an answer by it after that: ERROR_CAP");
    workers[0].reply = make_reply();
    tap_point(tell(0, SYS_REPLY, endpoint, 72) == ERROR_NO_CALLER,
              "an answer by a new one: ERROR_NO_CALLER");
    tell(1, SYS_SEND, endpoint, 73);
    tap_point(tell(0, SYS_REPLY, endpoint, 74) == ERROR_NO_CALLER &&
                  state_of(1) == THREAD_SENDING,
              "the same while the old caller sends: ERROR_NO_CALLER");
    end_waits(endpoint);
}

// The reply object is given to `number`, a call that receives, while it still
// holds worker 1.
static void test_reused_reply(enum syscall number)
{
    cap_t endpoint = have_caller(80);
    tell(2, SYS_CALL, endpoint, 81);
    tell(0, number, endpoint, 82);
    tap_point(has_failed(1, ERROR_DROPPED, 80) && has_received(0, 81, 0),
              "a reply object that holds a caller is given to %s: "
              "ERROR_DROPPED",
              call_names[number]);
    tap_point(tell(0, SYS_REPLY, endpoint, 83) == OK && has_received(2, 83, 0),
              "after it the answer goes to the second caller of %s",
              call_names[number]);
    end_waits(endpoint);
}

static void test_nbrecv_keeps_caller(void)
{
    cap_t endpoint = have_caller(84);
    tell(0, SYS_NBRECV, endpoint, 85);
    tap_point(has_failed(0, ERROR_WOULD_BLOCK, 85) &&
                  tell(0, SYS_REPLY, endpoint, 86) == OK &&
                  has_received(1, 86, 0),
              "nbrecv that receives nothing drops nobody");
    end_waits(endpoint);
}

static void test_without_reply_object(void)
{
    cap_t endpoint = make_endpoint(CAP_NONE), own = workers[0].reply;
    workers[0].reply = CAP_NONE;
    tell(1, SYS_CALL, endpoint, 90);
    tell(0, SYS_RECV, endpoint, 91);
    tap_point(has_received(0, 90, 0) && has_failed(1, ERROR_DROPPED, 90),
              "a caller is received without a reply object: ERROR_DROPPED");
    tell(0, SYS_RECV, endpoint, 92);
    tell(1, SYS_CALL, endpoint, 93);
    tap_point(has_received(0, 93, 0) && has_failed(1, ERROR_DROPPED, 93),
              "it calls one who waits without one: ERROR_DROPPED");
    tell(1, SYS_CALL, endpoint, 94);
    tell(0, SYS_NBRECV, endpoint, 95);
    tap_point(has_received(0, 94, 0) && has_failed(1, ERROR_DROPPED, 94),
              "nbrecv without a reply object: ERROR_DROPPED");
    workers[0].reply = own;
    end_waits(endpoint);
}

// A reply object that one receiver waits with is taken away from it.
static void test_taken_from_receiver(void)
{
    cap_t endpoint = make_endpoint(CAP_NONE), own = workers[0].reply;
    tell(0, SYS_RECV, endpoint, 100);
    destroy(own);
    settle();
    tap_point(has_failed(0, ERROR_DROPPED, 100) && waiting_at(endpoint) == 0,
              "its reply object is destroyed while one receives: "
              "ERROR_DROPPED");
    workers[0].reply = make_reply();
    cap_t others = workers[2].reply;
    workers[2].reply = workers[0].reply;
    tell(0, SYS_RECV, endpoint, 101);
    tell(2, SYS_RECV, endpoint, 102);
    tap_point(has_failed(0, ERROR_DROPPED, 101) && waiting_at(endpoint) == -1,
              "another one receives with it: ERROR_DROPPED");
    tell(1, SYS_CALL, endpoint, 103);
    tap_point(has_received(2, 103, 0) &&
                  tell(2, SYS_REPLY, endpoint, 104) == OK &&
                  has_received(1, 104, 0),
              "who took it has the caller, and answers");
    workers[2].reply = others;
    end_waits(endpoint);
}

// Worker 5 ends with a caller in hand, another one in front of its door.
static void test_end_of_holder(void)
{
    cap_t endpoint = make_endpoint(CAP_NONE);
    tell(5, SYS_RECV, endpoint, 110);
    tell(1, SYS_CALL, endpoint, 111);
    cap_t held = workers[5].reply;
    workers[5].reply = make_reply();
    tell(5, SYS_RECV, endpoint, 112);
    tell(2, SYS_CALL, endpoint, 113);
    tell(3, SYS_CALL, endpoint, 114);
    tell(5, SYS_EXIT, endpoint, 115);
    tap_point(has_failed(1, ERROR_DROPPED, 111) &&
                  has_failed(2, ERROR_DROPPED, 113),
              "the server ends with two callers in hand: ERROR_DROPPED");
    tap_point(state_of(3) == THREAD_CALLING && waiting_at(endpoint) == 1,
              "one that was not received goes on waiting");
    struct message message = message_of(116);
    tap_point(reply(held, &message) == ERROR_NO_CALLER &&
                  reply(workers[5].reply, &message) == ERROR_NO_CALLER,
              "answers by the objects it left: ERROR_NO_CALLER");
    tap_point(join(workers[5].thread) == OK, "who joins the server gets OK");
    start_worker(&workers[5]);
    end_waits(endpoint);
}

static void test_errors(void)
{
    test_unknown_calls();
    make_bad_caps();
    test_bad_caps();
    test_bad_replies();
    test_bad_stacks();
    test_full_table();
    test_no_caller();
    test_stale_answers();
    test_reused_reply(SYS_RECV);
    test_reused_reply(SYS_NBRECV);
    test_nbrecv_keeps_caller();
    test_without_reply_object();
    test_taken_from_receiver();
    test_end_of_holder();
}

void selftest_ipc(void)
{
    for (unsigned i = 0; i < WORKERS; i++)
        start_worker(&workers[i]);
    test_passing();
    test_transitions();
    test_errors();
    bool idle = true;
    for (unsigned i = 0; i < WORKERS; i++)
        idle = idle && workers[i].error != WAITS && state_of(i) == THREAD_READY;
    tap_point(idle, "after all this nobody waits");
}
