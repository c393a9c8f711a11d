// SPDX-License-Identifier: MIT
// selftest_notify.c - signals: what each call makes of each state of a
// notification, who is woken by what, and when; every error.
//
// Workers are threads that make one call at a time, when they are told to, as
// in selftest_ipc.c. This thread, main, has interrupts masked: one that is
// pending comes while main yields, to a worker.

#include "selftest_notify.h"
#include "cap.h"
#include "check.h"
#include "demos/demo.h"
#include "endpoint.h"
#include "gic.h"
#include "gicregs.h"
#include "machine.h"
#include "mmio.h"
#include "notification.h"
#include "tap.h"
#include "timer.h"

enum {
    WORKERS = 4,
    WAITS = 99,     // instead of an error: the call has not returned yet
    UNTOUCHED = 77, // bits that nobody wrote
};

// Ticks that are more than a few turns of everybody take. Where they were not
// (on a busy host, or with check=1), a test begins again with more.
static uint64_t soon = 2000;

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct worker {
    bool told; // to make this call
    enum syscall number;
    cap_t cap;
    uint64_t bits;
    struct message message;
    int error; // what the call returned, or WAITS

    cap_t thread;
    cap_t reply;
} workers[WORKERS];

static const char *const call_names[SYSCALLS] = {
    [SYS_SEND] = "send",
    [SYS_CALL] = "call",
    [SYS_RECV] = "recv",
    [SYS_NBRECV] = "nbrecv",
    [SYS_REPLY_RECV] = "reply_recv",
    [SYS_MINT] = "mint",
    [SYS_REPLY] = "reply",
    [SYS_JOIN] = "join",
    [SYS_CREATE_ENDPOINT] = "create_endpoint",
    [SYS_SIGNAL] = "signal",
    [SYS_WAIT] = "wait",
    [SYS_POLL] = "poll",
    [SYS_BIND_NOTIFICATION] = "bind_notification",
    [SYS_ALARM] = "alarm",
    [SYS_BIND_INTERRUPT] = "bind_interrupt",
};

// --- Workers ---

static int make_call(struct worker *worker)
{
    switch (worker->number) {
    case SYS_SEND:
        return send(worker->cap, &worker->message);
    case SYS_CALL:
        return call(worker->cap, &worker->message);
    case SYS_RECV:
        return recv(worker->cap, worker->reply, &worker->message);
    case SYS_NBRECV:
        return nbrecv(worker->cap, worker->reply, &worker->message);
    case SYS_REPLY_RECV:
        return reply_recv(worker->cap, worker->reply, &worker->message);
    case SYS_SIGNAL:
        return signal(worker->cap, worker->bits);
    case SYS_WAIT:
        return wait(worker->cap, &worker->bits);
    case SYS_POLL:
        return poll(worker->cap, &worker->bits);
    case SYS_BIND_NOTIFICATION:
        return bind_notification(worker->cap);
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
            worker->error = make_call(worker);
        }
        yield();
    }
}

static void start_worker(struct worker *worker)
{
    *worker = (struct worker){.reply = make_reply()};
    worker->thread = spawn("worker", work_for_ever, worker);
}

static struct thread *thread_of(unsigned number)
{
    return cap_object(workers[number].thread, CAP_THREAD);
}

// Is there a worker whose call has not returned, and does not wait?
static bool is_busy(void)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        if (workers[i].error == WAITS && thread_of(i)->state == THREAD_READY)
            return true;
    }
    return false;
}

// Interrupts that are pending come, and everybody goes on as far as possible.
static void settle(void)
{
    for (unsigned i = 0; i < 3 || is_busy(); i++)
        yield();
}

static void pass_time(uint64_t until)
{
    while (now() <= until)
        yield();
    settle();
}

// The worker makes this call; what it returns, or WAITS. Its message has the
// label UNTOUCHED.
static int tell_bits(unsigned number, enum syscall syscall, cap_t cap,
                     uint64_t bits)
{
    struct worker *worker = &workers[number];
    worker->number = syscall;
    worker->cap = cap;
    worker->bits = bits;
    worker->message = (struct message){UNTOUCHED, {1, 2, 3, 4}, 5};
    worker->error = WAITS;
    worker->told = true;
    settle();
    return worker->error;
}

static int tell(unsigned number, enum syscall syscall, cap_t cap)
{
    return tell_bits(number, syscall, cap, UNTOUCHED);
}

// The worker's call has returned this error, and written nothing.
static bool has_failed(unsigned number, int error)
{
    const struct worker *worker = &workers[number];
    const struct message *message = &worker->message;
    bool untouched = worker->bits == UNTOUCHED && message->label == UNTOUCHED &&
                     message->badge == 5;
    for (unsigned i = 0; i < 4; i++)
        untouched = untouched && message->words[i] == i + 1;
    return worker->error == error && untouched;
}

static bool has_bits(unsigned number, uint64_t bits)
{
    return workers[number].error == OK && workers[number].bits == bits;
}

// The worker's recv has ended with these signals.
static bool has_signals(unsigned number, uint64_t bits)
{
    return workers[number].error == SIGNALED &&
           workers[number].message.label == bits;
}

static enum thread_state state_of(unsigned number)
{
    return thread_of(number)->state;
}

static struct notification *object_of(cap_t notification)
{
    return cap_object(notification, CAP_NOTIFICATION);
}

// Bits that are set in it, or, with a minus, threads that wait; 1000 if there
// are both.
static int state_at(cap_t notification)
{
    const struct notification *object = object_of(notification);
    int bits = __builtin_popcountl(object->bits), waiting = 0;
    list_for_each(node, &object->waiters) {
        waiting++;
    }
    return bits && waiting ? 1000 : bits - waiting;
}

// What poll says: all bits, 0 if there are none, or UNTOUCHED after an error.
static uint64_t bits_of(cap_t notification)
{
    uint64_t bits = UNTOUCHED;
    int error = poll(notification, &bits);
    if (error == ERROR_WOULD_BLOCK)
        return bits == UNTOUCHED ? 0 : UNTOUCHED;
    return error == OK ? bits : UNTOUCHED;
}

// --- What each call makes of each state of a notification ---

static const struct step {
    enum syscall number;
    int before, after; // as state_at returns it
    int error;
    enum thread_state state;
} steps[] = {
    {SYS_SIGNAL, 0, 1, OK, THREAD_READY},
    {SYS_SIGNAL, 1, 2, OK, THREAD_READY},
    {SYS_SIGNAL, -1, 0, OK, THREAD_READY},
    {SYS_WAIT, 0, -1, WAITS, THREAD_WAITING},
    {SYS_WAIT, 1, 0, OK, THREAD_READY},
    {SYS_WAIT, -1, -2, WAITS, THREAD_WAITING},
    {SYS_POLL, 0, 0, ERROR_WOULD_BLOCK, THREAD_READY},
    {SYS_POLL, 1, 0, OK, THREAD_READY},
    {SYS_POLL, -1, -1, ERROR_WOULD_BLOCK, THREAD_READY},
};

// Worker 0 makes the call; worker 1 waits before.
static void test_step(const struct step *step)
{
    cap_t notification = make_notification();
    if (step->before > 0)
        signal(notification, 4);
    else if (step->before < 0)
        tell(1, SYS_WAIT, notification);
    bool ready = state_at(notification) == step->before;
    int error = tell_bits(0, step->number, notification,
                          step->number == SYS_SIGNAL ? 8 : UNTOUCHED);
    bool good = step->number == SYS_SIGNAL ? step->before >= 0 || has_bits(1, 8)
                : error == OK              ? has_bits(0, 4)
                                           : has_failed(0, step->error);
    tap_point(ready && good && error == step->error &&
                  state_of(0) == step->state &&
                  state_at(notification) == step->after,
              "%s where %s: %s", call_names[step->number],
              step->before == 0  ? "there is nothing"
              : step->before > 0 ? "a bit is set"
                                 : "a thread waits",
              step->error == WAITS ? "it waits" : error_name(step->error));
    destroy(notification);
    settle();
}

static void test_bits(void)
{
    cap_t notification = make_notification();
    tap_point(bits_of(notification) == 0, "a new notification has no bits");
    signal(notification, 1);
    signal(notification, UINT64_C(1) << 63);
    signal(notification, 6);
    tap_point(bits_of(notification) == (UINT64_C(1) << 63 | 7),
              "bits accumulate, the highest one too");
    tap_point(bits_of(notification) == 0, "once taken they are gone");
    signal(notification, 2);
    signal(notification, 2);
    tap_point(bits_of(notification) == 2 && bits_of(notification) == 0,
              "a signal twice is a signal once");
    signal(notification, 2);
    tap_point(signal(notification, 0) == ERROR_ARGUMENT &&
                  bits_of(notification) == 2,
              "signal without bits: ERROR_ARGUMENT, and no bit is lost");
    tell(0, SYS_WAIT, notification);
    tap_point(signal(notification, 0) == ERROR_ARGUMENT &&
                  state_at(notification) == -1,
              "signal without bits wakes nobody");
    destroy(notification);
    settle();
}

// One signal wakes one thread, which gets all bits.
static void test_order_of_waiters(void)
{
    cap_t notification = make_notification();
    for (unsigned i = 0; i < 3; i++)
        tell(i, SYS_WAIT, notification);
    bool good = state_at(notification) == -3;
    for (unsigned i = 0; i < 3; i++) {
        signal(notification, 3 + i);
        settle();
        good = good && has_bits(i, 3 + i) && state_of(i) == THREAD_READY &&
               state_at(notification) == (int)i - 2;
    }
    tap_point(good, "three threads that wait are woken in the order they came");
    tell(0, SYS_WAIT, notification);
    tell(1, SYS_WAIT, notification);
    signal(notification, 1); // nobody runs between the two
    signal(notification, 6);
    settle();
    tap_point(has_bits(0, 1) && has_bits(1, 6),
              "of two signals in a row each wakes one");
    tell(0, SYS_WAIT, notification);
    signal(notification, 1);
    signal(notification, 6);
    settle();
    tap_point(has_bits(0, 1) && bits_of(notification) == 6,
              "what comes after who waited was woken stays");
    destroy(notification);
}

// --- A thread bound to a notification ---

static void test_bound(void)
{
    static struct endpoint memory;
    cap_t notification = make_notification(), another = make_notification();
    cap_t endpoint = CAP_NONE;
    create_endpoint(&memory, CAP_NONE, &endpoint);
    tap_point(tell(0, SYS_BIND_NOTIFICATION, notification) == OK,
              "bind_notification: OK");
    tap_point(tell(0, SYS_BIND_NOTIFICATION, another) == ERROR_ARGUMENT &&
                  tell(0, SYS_BIND_NOTIFICATION, notification) ==
                      ERROR_ARGUMENT,
              "a second one for the thread: ERROR_ARGUMENT");
    tap_point(tell(1, SYS_BIND_NOTIFICATION, notification) == ERROR_ARGUMENT,
              "a second thread for it: ERROR_ARGUMENT");
    tap_point(tell(1, SYS_BIND_NOTIFICATION, another) == OK,
              "each error has bound nothing");
    destroy(another);

    tap_point(tell(0, SYS_NBRECV, endpoint) == ERROR_WOULD_BLOCK &&
                  has_failed(0, ERROR_WOULD_BLOCK),
              "nbrecv without signals: ERROR_WOULD_BLOCK");
    static const enum syscall calls[] = {SYS_RECV, SYS_NBRECV};
    for (unsigned i = 0; i < COUNT_OF(calls); i++) {
        signal(notification, 5);
        tell(0, calls[i], endpoint);
        tap_point(has_signals(0, 5) && state_at(notification) == 0,
                  "%s takes signals that are there", call_names[calls[i]]);
        signal(notification, 9);
        tell(1, SYS_SEND, endpoint);
        tell(0, calls[i], endpoint);
        bool first = has_signals(0, 9) && state_of(1) == THREAD_SENDING;
        tell(0, calls[i], endpoint);
        tap_point(first && workers[0].error == OK && workers[1].error == OK &&
                      workers[0].message.words[3] == 4,
                  "%s takes signals first, and then messages",
                  call_names[calls[i]]);
    }
    tell(0, SYS_RECV, endpoint);
    bool waits = state_of(0) == THREAD_RECEIVING;
    signal(notification, 3);
    settle();
    tap_point(waits && has_signals(0, 3) && state_at(notification) == 0,
              "recv that waits ends with the signals that come");
    tell(2, SYS_CALL, endpoint);
    tap_point(state_of(2) == THREAD_CALLING,
              "whose recv has ended so receives nothing");
    tell(0, SYS_RECV, endpoint);
    tap_point(workers[0].error == OK && state_of(2) == THREAD_AWAITING_REPLY,
              "its next recv does");

    // Worker 0 holds worker 2.
    signal(notification, 6);
    tell(0, SYS_REPLY_RECV, endpoint);
    tap_point(has_signals(0, 6) && workers[2].error == OK &&
                  workers[2].message.badge == 0,
              "reply_recv takes signals, and the answer has gone out");
    signal(notification, 6);
    tap_point(tell(0, SYS_REPLY_RECV, endpoint) == ERROR_NO_CALLER &&
                  has_failed(0, ERROR_NO_CALLER) && bits_of(notification) == 6,
              "reply_recv that answers nobody takes no signals");
    tell(0, SYS_RECV, endpoint);
    tell(2, SYS_CALL, endpoint);
    tell(0, SYS_REPLY_RECV, endpoint);
    bool answered = workers[2].error == OK && state_of(0) == THREAD_RECEIVING;
    tell_bits(1, SYS_SIGNAL, notification, 12);
    tap_point(answered && has_signals(0, 12),
              "reply_recv that waits ends with the signals that come");
    const struct reply *object = cap_object(workers[0].reply, CAP_REPLY);
    tap_point(!object->thread && !thread_of(0)->reply,
              "and nobody holds anybody then");

    tell(0, SYS_RECV, endpoint);
    tell(1, SYS_WAIT, notification);
    signal(notification, 1);
    settle();
    tap_point(has_bits(1, 1) && state_of(0) == THREAD_RECEIVING,
              "who waits goes before who is bound");
    tell(2, SYS_SEND, endpoint);
    tap_point(workers[0].error == OK, "who is bound gets a message still");
    tell(0, SYS_SEND, endpoint);
    signal(notification, 2);
    settle();
    tap_point(state_of(0) == THREAD_SENDING && state_at(notification) == 1,
              "a send does not end with signals: they stay");
    tell(1, SYS_RECV, endpoint);
    tap_point(workers[0].error == OK && tell(0, SYS_RECV, endpoint) == SIGNALED,
              "the next recv has them");

    tell(0, SYS_RECV, endpoint);
    tap_point(destroy(notification) == OK && state_of(0) == THREAD_RECEIVING,
              "destroy wakes nobody who is only bound");
    tell(1, SYS_SEND, endpoint);
    another = make_notification();
    tap_point(workers[0].error == OK &&
                  tell(0, SYS_BIND_NOTIFICATION, another) == OK,
              "it unbinds the thread");
    destroy(another);
    destroy(endpoint);
    settle();
}

static void test_end_of_bound(void)
{
    cap_t notification = make_notification();
    tell(3, SYS_BIND_NOTIFICATION, notification);
    tell(3, SYS_EXIT, CAP_NONE);
    bool ended = state_of(3) == THREAD_ENDED;
    tap_point(ended && signal(notification, 1) == OK &&
                  bits_of(notification) == 1 &&
                  tell(2, SYS_BIND_NOTIFICATION, notification) == OK,
              "a thread's end unbinds its notification");
    destroy(notification);
    start_worker(&workers[3]);
}

static void test_destroy(void)
{
    cap_t notification = make_notification();
    for (unsigned i = 0; i < 3; i++)
        tell(i, SYS_WAIT, notification);
    bool good = destroy(notification) == OK;
    settle();
    for (unsigned i = 0; i < 3; i++)
        good = good && has_failed(i, ERROR_DESTROYED) &&
               state_of(i) == THREAD_READY;
    tap_point(good, "destroy where three wait: ERROR_DESTROYED");
    tap_point(signal(notification, 1) == ERROR_CAP &&
                  destroy(notification) == ERROR_CAP,
              "after it the capability is gone");
}

// --- Alarms ---

static void test_alarms(void)
{
    cap_t notification = make_notification();
    uint64_t time, early, late, first;
    bool good, in_time, waits;
    do {
        time = now() + (soon *= 2);
        good = alarm(notification, 5, time) == OK;
        settle();
        early = bits_of(notification);
        in_time = now() < time;
        pass_time(time);
        late = bits_of(notification);
    } while (!in_time);
    tap_point(good && early == 0 && late == 5,
              "an alarm signals, and not before its time");
    pass_time(time + soon);
    tap_point(bits_of(notification) == 0 && list_empty(&alarms), "once");

    do {
        time = now() + (soon *= 2);
        alarm(notification, 2, time);
        tell(0, SYS_WAIT, notification);
        waits = state_of(0) == THREAD_WAITING;
        in_time = now() < time;
        pass_time(time);
    } while (!in_time);
    tap_point(waits && has_bits(0, 2), "an alarm wakes who waits");

    alarm(notification, 1, now());
    settle();
    tap_point(bits_of(notification) == 1, "an alarm for now comes at once");
    alarm(notification, 1, 0);
    settle();
    tap_point(bits_of(notification) == 1, "so does one for time 0");

    do {
        time = now() + (soon *= 2);
        alarm(notification, 1, time);
        alarm(notification, 2, time + soon);
        in_time = now() < time;
        pass_time(time);
        first = bits_of(notification);
        in_time = in_time && now() < time + soon;
        pass_time(time + soon);
        late = bits_of(notification);
    } while (!in_time);
    tap_point(first == 0 && late == 2, "a later alarm replaces one");
    time = now() + soon;
    alarm(notification, 1, time + soon);
    alarm(notification, 2, time);
    pass_time(time);
    first = bits_of(notification);
    pass_time(time + soon);
    tap_point(first == 2 && bits_of(notification) == 0,
              "an earlier alarm replaces one");
    do {
        time = now() + (soon *= 2);
        alarm(notification, 1, time);
        good = alarm(notification, 0, time) == OK && list_empty(&alarms);
        in_time = now() < time;
        pass_time(time);
        late = bits_of(notification);
    } while (!in_time);
    tap_point(good && late == 0, "bits 0 take an alarm back");
    tap_point(alarm(notification, 0, 0) == OK, "also where none is set");
    alarm(notification, 1, UINT64_MAX);
    settle();
    tap_point(bits_of(notification) == 0 && !list_empty(&alarms),
              "an alarm for the end of time does not come");
    uint64_t bits = UNTOUCHED;
    time = now() + soon;
    cap_t aside = make_notification();
    good = sleep_until(aside, time) == OK && now() >= time;
    tap_point(good && poll(aside, &bits) == ERROR_WOULD_BLOCK,
              "sleep_until sleeps until then");
    destroy(aside);
    destroy(notification);
    tap_point(list_empty(&alarms), "destroy takes an alarm back");
}

// Alarms stand in the order of their times; of two with one time the one that
// was set first comes first.
static void test_order_of_alarms(void)
{
    static const unsigned delays[] = {3, 1, 2, 1, 3, 0};
    static const unsigned order[] = {5, 1, 3, 2, 0, 4};
    cap_t made[COUNT_OF(delays)];
    uint64_t time = now() + 1000 * soon;
    for (unsigned i = 0; i < COUNT_OF(delays); i++) {
        made[i] = make_notification();
        alarm(made[i], 1, time + delays[i]);
    }
    const struct list_node *node = alarms.next;
    bool good = true;
    for (unsigned i = 0; i < COUNT_OF(order); i++, node = node->next)
        good = good && node == &object_of(made[order[i]])->alarm_node;
    tap_point(good && node == &alarms,
              "alarms stand in the order of their times, and of being set");
    time = now() + soon;
    for (unsigned i = 0; i < COUNT_OF(delays); i++)
        alarm(made[i], i + 1, time);
    pass_time(time);
    good = list_empty(&alarms);
    for (unsigned i = 0; i < COUNT_OF(delays); i++)
        good = bits_of(made[i]) == i + 1 && good;
    tap_point(good, "six alarms at one time all come");
    for (unsigned i = 0; i < COUNT_OF(delays); i++)
        destroy(made[i]);
}

// --- Interrupts ---

// Is this shared line let through?
static bool is_unmasked(unsigned line)
{
    uintptr_t enabled = machine.gic[0].address + GICD_ISENABLER;
    return mmio_read32(enabled + line / 32 * 4) & BIT(line % 32);
}

static void test_bind_interrupt(cap_t notification)
{
    static const struct {
        const char *what;
        unsigned line;
    } bad[] = {{"line 0", 0},
               {"line 15", 15},
               {"line 1020", GIC_LINES},
               {"line 2^32 - 1", UINT32_MAX}};
    for (unsigned i = 0; i < COUNT_OF(bad); i++) {
        tap_point(bind_interrupt(bad[i].line, notification, 1) ==
                          ERROR_ARGUMENT &&
                      end_interrupt(bad[i].line) == ERROR_ARGUMENT,
                  "%s: ERROR_ARGUMENT", bad[i].what);
    }
    unsigned timer = machine.timer_line, spare = spare_line();
    tap_point(bind_interrupt(timer, notification, 1) == ERROR_ARGUMENT &&
                  end_interrupt(timer) == ERROR_ARGUMENT,
              "the timer's line: ERROR_ARGUMENT");
    uint64_t x[8] = {notification, 1,
                     (UINT64_C(1) << 32) + spare, [7] = SYS_BIND_INTERRUPT};
    tap_point(enter_kernel(x) == ERROR_ARGUMENT,
              "line 2^32 and a good one: ERROR_ARGUMENT");
    tap_point(bind_interrupt(spare, notification, 0) == ERROR_ARGUMENT &&
                  !is_unmasked(spare),
              "no bits: ERROR_ARGUMENT");
    tap_point(end_interrupt(spare) == ERROR_ARGUMENT && !is_unmasked(spare),
              "end_interrupt of a line that is not bound: ERROR_ARGUMENT");
}

static void test_interrupts(void)
{
    cap_t notification = make_notification(), another = make_notification();
    unsigned line = spare_line();
    test_bind_interrupt(notification);
    tap_point(bind_interrupt(line, notification, 4) == OK && is_unmasked(line),
              "bind_interrupt unmasks the line");
    tap_point(bind_interrupt(line, notification, 4) == ERROR_ARGUMENT &&
                  bind_interrupt(line, another, 4) == ERROR_ARGUMENT,
              "a line that is bound already: ERROR_ARGUMENT");
    raise_spare_line();
    settle();
    tap_point(!is_unmasked(line) && bits_of(notification) == 4,
              "an interrupt signals the bits, and masks the line");
    raise_spare_line();
    settle();
    tap_point(bits_of(notification) == 0, "the next one has to wait");
    bool good = end_interrupt(line) == OK && is_unmasked(line);
    settle();
    tap_point(good && bits_of(notification) == 4,
              "until end_interrupt unmasks the line");
    good = end_interrupt(line) == OK;
    settle();
    tap_point(good && bits_of(notification) == 0 && is_unmasked(line),
              "end_interrupt with nothing pending: nothing comes");
    tell(0, SYS_WAIT, notification);
    raise_spare_line();
    settle();
    tap_point(has_bits(0, 4), "an interrupt wakes who waits");
    tap_point(end_interrupt(line) == OK && destroy(notification) == OK &&
                  !is_unmasked(line) && end_interrupt(line) == ERROR_ARGUMENT,
              "destroy masks the line and frees it");
    raise_spare_line();
    settle();
    good = bind_interrupt(line, another, 8) == OK;
    settle();
    tap_point(good && bits_of(another) == 8,
              "an interrupt from before it was bound comes then");
    good = bind_interrupt(device_line(), another, 16) == OK;
    tap_point(good &&
                  bind_interrupt(device_line(), another, 1) == ERROR_ARGUMENT,
              "the serial line can be bound, once");
    tap_point(destroy(another) == OK && !is_unmasked(line) &&
                  is_unmasked(device_line()),
              "destroy frees both lines; the kernel still hears the serial "
              "one");
}

// --- Errors ---

static int call_in_vain(enum syscall number, cap_t cap)
{
    static struct endpoint unused;
    struct message message = {UNTOUCHED, {0}, 0};
    uint64_t bits = UNTOUCHED;
    cap_t made = UNTOUCHED;
    int error =
        number == SYS_SIGNAL              ? signal(cap, 1)
        : number == SYS_WAIT              ? wait(cap, &bits)
        : number == SYS_POLL              ? poll(cap, &bits)
        : number == SYS_BIND_NOTIFICATION ? bind_notification(cap)
        : number == SYS_ALARM             ? alarm(cap, 1, 0)
        : number == SYS_SEND              ? send(cap, &message)
        : number == SYS_CALL              ? call(cap, &message)
        : number == SYS_RECV              ? recv(cap, CAP_NONE, &message)
        : number == SYS_NBRECV            ? nbrecv(cap, CAP_NONE, &message)
        : number == SYS_REPLY_RECV ? reply_recv(cap, workers[0].reply, &message)
        : number == SYS_MINT       ? mint(cap, 1, &made)
        : number == SYS_REPLY      ? reply(cap, &message)
        : number == SYS_JOIN       ? join(cap)
        : number == SYS_CREATE_ENDPOINT ? create_endpoint(&unused, cap, &made)
                                        : bind_interrupt(spare_line(), cap, 1);
    return bits == UNTOUCHED && made == UNTOUCHED && message.label == UNTOUCHED
               ? error
               : WAITS;
}

static void test_bad_caps(void)
{
    static const enum syscall calls[] = {SYS_SIGNAL, SYS_WAIT,
                                         SYS_POLL,   SYS_BIND_NOTIFICATION,
                                         SYS_ALARM,  SYS_BIND_INTERRUPT};
    static const enum syscall others[] = {
        SYS_SEND, SYS_CALL,  SYS_RECV, SYS_NBRECV,         SYS_REPLY_RECV,
        SYS_MINT, SYS_REPLY, SYS_JOIN, SYS_CREATE_ENDPOINT};
    static struct endpoint memory;
    cap_t endpoint = CAP_NONE, gone = make_notification();
    cap_t notification = make_notification();
    create_endpoint(&memory, CAP_NONE, &endpoint);
    destroy(gone);
    const struct {
        const char *name;
        cap_t cap;
    } bad[] = {{"no capability", CAP_NONE},
               {"a thread", workers[0].thread},
               {"an endpoint", endpoint},
               {"a reply object", workers[0].reply},
               {"a capability not in the table", CAPS},
               {"2^32 and a notification", (UINT64_C(1) << 32) + notification},
               {"a destroyed notification", gone}};
    for (unsigned i = 0; i < COUNT_OF(calls); i++) {
        for (unsigned j = 0; j < COUNT_OF(bad); j++)
            tap_point(call_in_vain(calls[i], bad[j].cap) == ERROR_CAP,
                      "%s on %s: ERROR_CAP", call_names[calls[i]], bad[j].name);
    }
    for (unsigned i = 0; i < COUNT_OF(others); i++)
        tap_point(call_in_vain(others[i], notification) == ERROR_CAP,
                  "%s on a notification: ERROR_CAP", call_names[others[i]]);
    struct message message;
    tap_point(recv(endpoint, notification, &message) == ERROR_CAP &&
                  reply_recv(endpoint, notification, &message) == ERROR_CAP,
              "recv and reply_recv with a notification: ERROR_CAP");
    tap_point(sleep_until(endpoint, 0) == ERROR_CAP,
              "sleep_until on an endpoint: ERROR_CAP");
    tap_point(!is_unmasked(spare_line()) && list_empty(&alarms) &&
                  state_at(notification) == 0,
              "none of them has done anything");
    destroy(notification);
    destroy(endpoint);
}

static void test_full_table(void)
{
    static struct notification memory;
    static struct endpoint endpoint_memory;
    memset(&memory, 0x5a, sizeof(memory));
    cap_t many = CAP_NONE, cap = UNTOUCHED, minted;
    create_endpoint(&endpoint_memory, CAP_NONE, &many);
    while (mint(many, 0, &minted) == OK)
        ;
    bool good = create_notification(&memory, &cap) == ERROR_FULL;
    const char *bytes = (const char *)&memory;
    for (size_t i = 0; i < sizeof(memory); i++)
        good = good && bytes[i] == 0x5a;
    tap_point(good && cap == UNTOUCHED,
              "create_notification with a full table: ERROR_FULL, and the "
              "memory is as it was");
    destroy(many);
    tap_point(create_notification(&memory, &cap) == OK && bits_of(cap) == 0,
              "with room in the table: OK, and no bit is set");
    destroy(cap);
}

void selftest_notify(void)
{
    for (unsigned i = 0; i < WORKERS; i++)
        start_worker(&workers[i]);
    for (unsigned i = 0; i < COUNT_OF(steps); i++)
        test_step(&steps[i]);
    test_bits();
    test_order_of_waiters();
    test_bound();
    test_end_of_bound();
    test_destroy();
    test_alarms();
    test_order_of_alarms();
    test_interrupts();
    test_bad_caps();
    test_full_table();
    bool idle = true;
    for (unsigned i = 0; i < WORKERS; i++)
        idle = idle && workers[i].error != WAITS && state_of(i) == THREAD_READY;
    tap_point(idle, "after all signals nobody waits");
}
