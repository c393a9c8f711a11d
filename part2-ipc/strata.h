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
    if (out && error == OK)
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

static inline __attribute__((always_inline)) int create(uint64_t x[static 8],
                                                        cap_t *cap)
{
    int error = enter_kernel(x);
    if (error == OK)
        *cap = x[6];
    return error;
}

// A thread that runs function(argument) on a stack of `size` bytes at `stack`,
// a multiple of 1024; it is ready at once. Of the name 15 characters are kept.
// ERROR_ARGUMENT: no such stack.
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
// is the caller's again. ERROR_CAP: neither of the two.
static inline int destroy(cap_t object)
{
    return transfer(SYS_DESTROY, object, 0, NULL, NULL);
}

#endif
