// SPDX-License-Identifier: MIT
// thread.h - what the kernel knows about a thread.
#ifndef STRATA_THREAD_H
#define STRATA_THREAD_H

#include "trapframe.h"

#define THREAD_STACK FRAME_SIZE // the offset of `stack`, for gate.S

#ifndef __ASSEMBLER__

#include "guard.h"
#include "list.h"
#include "strata.h"

enum {
    THREAD_NAME = 16, // bytes of a name, the closing NUL included
    STACK_SMALLEST = 2 * GUARD_SIZE, // bytes, the guard included
};

// What a thread does, and in which queue its node is then.
enum thread_state {
    THREAD_READY,   // it runs, or is in the run queue
    THREAD_JOINING, // waits for the end of another: its joiners
    THREAD_ENDED,   // for ever: in no queue
};

struct thread {
    struct trap_frame frame; // its registers while it does not run
    uintptr_t stack;         // the lowest address, where the guard is
    enum thread_state state;
    struct list_node node;    // in the queue that the state names
    struct list_node joiners; // who waits for its end
    char name[THREAD_NAME];
};

_Static_assert(offsetof(struct thread, frame) == 0, "gate.S relies on it");
_Static_assert(offsetof(struct thread, stack) == THREAD_STACK, "THREAD_STACK");

// The thread that runs, or on whose behalf the kernel does.
extern struct thread *current;

// Makes the code that calls this the first thread, "main". Its stack begins at
// `stack`. Call it once, before anything else here.
void thread_init_main(uintptr_t stack);

// Where a new thread begins (gate.S), and its first function.
void thread_start(void);
_Noreturn void thread_run(void (*function)(void *), void *argument);

// Makes a thread that will run function(argument) on the `size` bytes at
// `stack`, and puts it into the run queue. `stack` is a multiple of GUARD_SIZE,
// `size` one of 16 and at least STACK_SMALLEST.
void thread_init(struct thread *thread, const char *name,
                 void (*function)(void *), void *argument, uintptr_t stack,
                 size_t size);

// Ends `thread`, which runs.
void thread_exit(struct thread *thread);

// `thread`, which runs, waits for the end of `target`. Returns OK.
int thread_join(struct thread *thread, struct thread *target);

#endif
#endif
