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
    ERROR_CALL = -1,     // there is no call of this number
    ERROR_CAP = -2,      // the capability names no object of the right kind
    ERROR_ARGUMENT = -3, // another argument can't be
    ERROR_FULL = -4,     // the table of capabilities is full
};

// The calls, by the number in x7.
enum syscall {
    SYS_YIELD,
    SYS_EXIT,
    SYS_JOIN,
    SYS_CREATE_THREAD,
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

// Lets the others go first: the caller goes to the end of the run queue.
static inline void yield(void)
{
    uint64_t x[8] = {[7] = SYS_YIELD};
    enter_kernel(x);
}

// Ends the calling thread.
static inline _Noreturn void exit(void)
{
    uint64_t x[8] = {[7] = SYS_EXIT};
    enter_kernel(x);
    __builtin_unreachable();
}

// Waits until `thread` has ended. ERROR_CAP: it names no thread.
static inline int join(cap_t thread)
{
    uint64_t x[8] = {thread, [7] = SYS_JOIN};
    return enter_kernel(x);
}

struct thread;

// Makes a thread of `memory`, which is the caller's, who leaves it alone from
// now on. It runs function(argument) on a stack of `size` bytes at `stack`, a
// multiple of 1024, and is ready at once; when the function returns, the thread
// ends. Of the name 15 characters are kept. Its capability is written to `cap`.
// ERROR_ARGUMENT: no such stack; ERROR_FULL: no capability is left.
static inline int create_thread(struct thread *memory, const char *name,
                                void (*function)(void *), void *argument,
                                void *stack, size_t size, cap_t *cap)
{
    uint64_t x[8] = {(uintptr_t)memory,      (uintptr_t)name,
                     (uintptr_t)function,    (uintptr_t)argument,
                     (uintptr_t)stack,       size,
                     [7] = SYS_CREATE_THREAD};
    int error = enter_kernel(x);
    if (error == OK)
        *cap = x[1];
    return error;
}

#endif
