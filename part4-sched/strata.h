// SPDX-License-Identifier: MIT
// strata.h - all that a program may ask of the kernel.
//
// Each call puts its arguments into registers, x0 to x7, and enters the kernel
// by the gate (gate.S). Page 2a of the book tells the story.
#ifndef STRATA_STRATA_H
#define STRATA_STRATA_H

#include <stddef.h>
#include <stdint.h>

// A capability: the name of a kernel object. It is an index into a table.
typedef uint64_t cap_t;

#define CAP_NONE ((cap_t)0) // names no object, ever

// What a call returns: OK, or the reason why it did nothing.
enum error {
    OK = 0,
    ERROR_CALL = -1,        // there is no call of this number
    ERROR_CAP = -2,         // the capability names no object of the right kind
    ERROR_ARGUMENT = -3,    // another argument can't be
    ERROR_FULL = -4,        // the table of capabilities is full
    ERROR_WOULD_BLOCK = -5, // nobody waits at the other end
    ERROR_DESTROYED = -6,   // the endpoint was destroyed while we waited
    ERROR_NO_CALLER = -7,   // the reply object holds no caller
    ERROR_DROPPED = -8,     // the reply object was taken away while we waited
    SIGNALED = 1,           // no message, but signals: bind_notification
};

// The calls, by the number in x7.
enum syscall {
    SYS_SEND,
    SYS_NBSEND,
    SYS_CALL,
    SYS_RECV,
    SYS_NBRECV,
    SYS_REPLY_RECV,
    SYS_MINT, // the calls up to here are on an endpoint
    SYS_REPLY,
    SYS_YIELD,
    SYS_EXIT,
    SYS_JOIN,
    SYS_CREATE_THREAD,
    SYS_CREATE_ENDPOINT,
    SYS_CREATE_REPLY,
    SYS_DESTROY,
    SYS_CREATE_NOTIFICATION,
    SYS_END_INTERRUPT,
    SYS_SIGNAL, // the calls from here on are on a notification
    SYS_WAIT,
    SYS_POLL,
    SYS_BIND_NOTIFICATION,
    SYS_ALARM,
    SYS_BIND_INTERRUPT, // up to here
    SYS_CREATE_CONTEXT,
    SYS_BIND_CONTEXT,
    SYS_LIMIT_CONTEXT,
    SYS_PIN_THREAD,
    SYSCALLS, // how many there are
};

// A message. The label says what it is about, the words are its contents; what
// they mean is between sender and receiver. The kernel adds the badge of the
// capability that the message was sent by.
struct message {
    uint64_t label;
    uint64_t words[4];
    uint64_t badge; // written by the kernel; 0 in a reply
};

// In: x[0] to x[7] as the call's arguments. Out: x[0] is the error, and x[1] to
// x[6] are the results. To the compiler the gate is a function like any other:
// x8 to x18 may have changed behind it, x19 to x29 and sp have not.
static inline __attribute__((always_inline)) int
enter_kernel(uint64_t x[static 8])
{
    register uint64_t x0 asm("x0") = x[0];
    register uint64_t x1 asm("x1") = x[1];
    register uint64_t x2 asm("x2") = x[2];
    register uint64_t x3 asm("x3") = x[3];
    register uint64_t x4 asm("x4") = x[4];
    register uint64_t x5 asm("x5") = x[5];
    register uint64_t x6 asm("x6") = x[6];
    register uint64_t x7 asm("x7") = x[7];
    asm volatile("bl gate"
                 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5),
                   "+r"(x6), "+r"(x7)
                 :
                 : "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16",
                   "x17", "x18", "x30", "cc", "memory");
    x[1] = x1;
    x[2] = x2;
    x[3] = x3;
    x[4] = x4;
    x[5] = x5;
    x[6] = x6;
    return (int)x0;
}

// A call that sends `in`, if there is one, and receives into `out`, if there is
// one and no error.
static inline __attribute__((always_inline)) int
transfer(enum syscall number, cap_t cap, cap_t reply, const struct message *in,
         struct message *out)
{
    uint64_t x[8] = {[0] = cap, [6] = reply, [7] = number};
    if (in) {
        x[1] = in->label;
        x[2] = in->words[0];
        x[3] = in->words[1];
        x[4] = in->words[2];
        x[5] = in->words[3];
    }
    int error = enter_kernel(x);
    if (out && error >= OK)
        *out = (struct message){x[1], {x[2], x[3], x[4], x[5]}, x[6]};
    return error;
}

// --- Messages ---
//
// Each call returns OK or an error: ERROR_CAP if a capability is not of the
// right kind, and those named below. After an error a message that was to be
// written is as it was before.

// Sends a message; waits until somebody receives it. ERROR_DESTROYED.
static inline int send(cap_t endpoint, const struct message *message)
{
    return transfer(SYS_SEND, endpoint, 0, message, NULL);
}

// Sends a message if somebody waits for one. ERROR_WOULD_BLOCK.
static inline int nbsend(cap_t endpoint, const struct message *message)
{
    return transfer(SYS_NBSEND, endpoint, 0, message, NULL);
}

// Sends a message, waits for the answer, and writes it over the message.
// ERROR_DESTROYED before, ERROR_DROPPED after the message was received.
static inline int call(cap_t endpoint, struct message *message)
{
    return transfer(SYS_CALL, endpoint, 0, message, message);
}

// Waits for a message. If it comes by `call`, `reply` then holds the caller,
// until it is answered; without a reply object (CAP_NONE) such a caller gets
// ERROR_DROPPED, and so does one that `reply` still held. ERROR_DESTROYED;
// ERROR_DROPPED if the reply object is taken away meanwhile.
static inline int recv(cap_t endpoint, cap_t reply, struct message *message)
{
    return transfer(SYS_RECV, endpoint, reply, NULL, message);
}

// Receives a message if somebody waits to send one. ERROR_WOULD_BLOCK; `reply`
// keeps the caller that it holds then.
static inline int nbrecv(cap_t endpoint, cap_t reply, struct message *message)
{
    return transfer(SYS_NBRECV, endpoint, reply, NULL, message);
}

// Answers the caller that `reply` holds, and lets go of it. ERROR_NO_CALLER.
static inline int reply(cap_t reply, const struct message *message)
{
    return transfer(SYS_REPLY, 0, reply, message, NULL);
}

// Answers and receives in one go: what a server does all day. If the answer
// fails (ERROR_NO_CALLER) nothing is received; otherwise errors as of recv.
static inline int reply_recv(cap_t endpoint, cap_t reply,
                             struct message *message)
{
    return transfer(SYS_REPLY_RECV, endpoint, reply, message, message);
}

// --- Threads ---

// Lets the others go first: the caller goes to the end of the run queue.
static inline void yield(void)
{
    transfer(SYS_YIELD, 0, 0, NULL, NULL);
}

// Ends the calling thread. Callers whose reply it still holds get
// ERROR_DROPPED.
static inline _Noreturn void exit(void)
{
    transfer(SYS_EXIT, 0, 0, NULL, NULL);
    __builtin_unreachable();
}

// Waits until `thread` has ended.
static inline int join(cap_t thread)
{
    return transfer(SYS_JOIN, thread, 0, NULL, NULL);
}

// --- Objects ---
//
// Memory becomes an object, and the object gets a capability, which is written
// to `cap` (not after an error). The memory is the caller's, who leaves it
// alone from now on. ERROR_FULL.

struct thread;
struct endpoint;
struct reply;
struct notification;
struct sched_context;

static inline __attribute__((always_inline)) int create(uint64_t x[static 8],
                                                        cap_t *cap)
{
    int error = enter_kernel(x);
    if (error == OK)
        *cap = x[6];
    return error;
}

// A thread that runs function(argument) on a stack of `size` bytes at `stack`,
// a multiple of 1024; it runs once it has a context, or a client that lends it
// one. Of the name 15 characters are kept. ERROR_ARGUMENT: no such stack.
static inline int create_thread(struct thread *memory, const char *name,
                                void (*function)(void *), void *argument,
                                void *stack, size_t size, cap_t *cap)
{
    uint64_t x[8] = {(uintptr_t)memory,      (uintptr_t)name,
                     (uintptr_t)function,    (uintptr_t)argument,
                     (uintptr_t)stack,       size,
                     [7] = SYS_CREATE_THREAD};
    return create(x, cap);
}

// An endpoint. `server` is the thread that will receive there, or CAP_NONE; the
// kernel only uses it to tell who waits for whom. ERROR_CAP: no thread.
static inline int create_endpoint(struct endpoint *memory, cap_t server,
                                  cap_t *cap)
{
    uint64_t x[8] = {(uintptr_t)memory, server, [7] = SYS_CREATE_ENDPOINT};
    return create(x, cap);
}

// A reply object.
static inline int create_reply(struct reply *memory, cap_t *cap)
{
    uint64_t x[8] = {(uintptr_t)memory, [7] = SYS_CREATE_REPLY};
    return create(x, cap);
}

// A second capability for an endpoint: messages sent by it carry `badge`.
static inline int mint(cap_t endpoint, uint64_t badge, cap_t *cap)
{
    uint64_t x[8] = {endpoint, badge, [7] = SYS_MINT};
    return create(x, cap);
}

// Ends an endpoint (whoever waits there gets ERROR_DESTROYED) or a reply object
// (whom it holds gets ERROR_DROPPED), and all capabilities for it. Its memory
// is the caller's again. ERROR_CAP: neither of the two. A notification, too
// (ERROR_DESTROYED).
static inline int destroy(cap_t object)
{
    return transfer(SYS_DESTROY, object, 0, NULL, NULL);
}

// A notification: a word of bits, all 0.
static inline int create_notification(struct notification *memory, cap_t *cap)
{
    uint64_t x[8] = {(uintptr_t)memory, [7] = SYS_CREATE_NOTIFICATION};
    return create(x, cap);
}

// --- Contexts ---

enum {
    PRIORITIES = 64,      // 0 to 63; the higher one goes first
    PRIORITY_NORMAL = 32, // main's
};

// Makes a scheduling context, the right to run at a priority: 0 to 63, the
// higher one goes first. ERROR_ARGUMENT: there is no such priority.
static inline int create_context(struct sched_context *memory,
                                 uint64_t priority, cap_t *cap)
{
    uint64_t x[8] = {(uintptr_t)memory, priority, [7] = SYS_CREATE_CONTEXT};
    return create(x, cap);
}

// Gives a context to a thread. A thread that has none is passive: it runs on
// the contexts of those who wait for its answer, and not otherwise.
// ERROR_ARGUMENT: the context is somebody's already, or the thread has one.
static inline int bind_context(cap_t context, cap_t thread)
{
    uint64_t x[8] = {context, thread, [7] = SYS_BIND_CONTEXT};
    return enter_kernel(x);
}

// Lets a context run for `budget` ticks of each `period`, and no longer,
// whoever runs on it. ERROR_ARGUMENT: the budget is larger than the period, or
// too small to be of use (less than 100 ticks).
static inline int limit_context(cap_t context, uint64_t budget, uint64_t period)
{
    uint64_t x[8] = {context, budget, period, [7] = SYS_LIMIT_CONTEXT};
    return enter_kernel(x);
}

#define ANY_CPU (~UINT64_C(0))

// A thread's context, with whomever it runs, runs on this CPU from now on, and
// on no other. ANY_CPU: on any that has time for it. CAP_NONE: the caller's
// own. A context is pinned from the start, as its maker's is, and main's is to
// CPU 0: a program has to say that it can do with several. ERROR_ARGUMENT:
// there is no such CPU, or the thread has no context.
static inline int pin_thread(cap_t thread, uint64_t cpu)
{
    uint64_t x[8] = {thread, cpu, [7] = SYS_PIN_THREAD};
    return enter_kernel(x);
}

// --- Signals ---
//
// A signal is a bit that somebody will find. It carries nothing else, nobody
// waits to give it, and given twice before it is taken it counts once.
// ERROR_CAP: no notification.

// Sets `bits` in a notification. ERROR_ARGUMENT: they are 0.
static inline int signal(cap_t notification, uint64_t bits)
{
    uint64_t x[8] = {notification, bits, [7] = SYS_SIGNAL};
    return enter_kernel(x);
}

static inline __attribute__((always_inline)) int
take_bits(enum syscall number, cap_t notification, uint64_t *bits)
{
    uint64_t x[8] = {notification, [7] = number};
    int error = enter_kernel(x);
    if (error == OK)
        *bits = x[1];
    return error;
}

// Takes all bits that are set, and waits for some if there are none. Of several
// threads that wait the first gets all. ERROR_DESTROYED.
static inline int wait(cap_t notification, uint64_t *bits)
{
    return take_bits(SYS_WAIT, notification, bits);
}

// Takes all bits that are set. ERROR_WOULD_BLOCK: there are none.
static inline int poll(cap_t notification, uint64_t *bits)
{
    return take_bits(SYS_POLL, notification, bits);
}

// From now on recv, nbrecv and reply_recv of the calling thread take signals
// too: they return SIGNALED, the message's label has the bits, and the rest of
// it means nothing. Signals go before messages. It lasts until the thread ends
// or the notification is destroyed. ERROR_ARGUMENT: one of the two is bound
// already.
static inline int bind_notification(cap_t notification)
{
    return transfer(SYS_BIND_NOTIFICATION, notification, 0, NULL, NULL);
}

// --- Time ---
//
// A time is a number of ticks since the machine was switched on; it never
// wraps. How long a tick is, the machine says.

static inline uint64_t ticks_per_second(void)
{
    uint64_t frequency;
    asm("mrs %0, cntfrq_el0" : "=r"(frequency));
    return frequency;
}

// The time now. The barrier keeps the CPU from reading the counter earlier than
// it is this instruction's turn (Arm ARM, "The Generic Timer").
static inline uint64_t now(void)
{
    uint64_t ticks;
    asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
    return ticks;
}

// At `time`, or at once if that has passed, signals `bits`. A notification has
// one alarm: this one replaces it, and bits 0 take it back. ERROR_CAP.
static inline int alarm(cap_t notification, uint64_t bits, uint64_t time)
{
    uint64_t x[8] = {notification, bits, time, [7] = SYS_ALARM};
    return enter_kernel(x);
}

// Waits until `time`. Uses a notification for it, which nobody else signals.
// ERROR_CAP, ERROR_DESTROYED.
static inline int sleep_until(cap_t notification, uint64_t time)
{
    uint64_t bits;
    int error = alarm(notification, 1, time);
    return error == OK ? wait(notification, &bits) : error;
}

// --- Interrupts ---

// From now on an interrupt of `line` (an INTID, see gic.h) signals `bits`, and
// masks the line until end_interrupt. It lasts until the notification is
// destroyed. ERROR_CAP; ERROR_ARGUMENT: there is no such line, it is the
// kernel's or bound already, or bits is 0. Each CPU has lines below 32 of its
// own: a driver of such a line is pinned.
static inline int bind_interrupt(unsigned line, cap_t notification,
                                 uint64_t bits)
{
    uint64_t x[8] = {notification, bits, line, [7] = SYS_BIND_INTERRUPT};
    return enter_kernel(x);
}

// The driver is done: the line may interrupt again. ERROR_ARGUMENT: it is not
// bound.
static inline int end_interrupt(unsigned line)
{
    uint64_t x[8] = {line, [7] = SYS_END_INTERRUPT};
    return enter_kernel(x);
}

#endif
