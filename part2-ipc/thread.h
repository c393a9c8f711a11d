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
#include "sysreg.h"

enum {
    THREAD_NAME = 16, // bytes of a name, the closing NUL included
    STACK_SMALLEST = 2 * GUARD_SIZE, // bytes, the guard included
};

// What a thread does, and in which queue its node is then.
enum thread_state {
    THREAD_READY,          // it runs, or is in the run queue
    THREAD_SENDING,        // waits to be received: endpoint->senders
    THREAD_CALLING,        // the same, and wants an answer: endpoint->senders
    THREAD_RECEIVING,      // waits for a message: endpoint->receivers
    THREAD_AWAITING_REPLY, // its message was received: in no queue
    THREAD_JOINING,        // waits for the end of another: target->joiners
    THREAD_ENDED,          // for ever: in no queue
};

struct thread {
    struct trap_frame frame; // its registers while it does not run
    uintptr_t stack;         // the lowest address, where the guard is
    enum thread_state state;
    struct list_node node;    // in the queue that the state names
    struct list_node joiners; // who waits for its end
    struct thread *target;    // if it waits: for whom, or NULL: not known.
                              // AWAITING_REPLY: who received its message
    struct reply *reply;      // RECEIVING: given to recv, or NULL;
                              // AWAITING_REPLY: by which the answer comes;
                              // otherwise NULL
    uint64_t badge;           // SENDING, CALLING: of its capability
    uint64_t since;           // when the state began, in ticks of CNTVCT; of a
                              // thread that is not READY
    struct list_node all;     // in the list of all threads
    unsigned number;          // 0, 1, 2, ... as they were made
    char name[THREAD_NAME];
};

_Static_assert(offsetof(struct thread, frame) == 0, "gate.S relies on it");
_Static_assert(offsetof(struct thread, stack) == THREAD_STACK, "THREAD_STACK");

// The thread that runs, or on whose behalf the kernel does.
extern struct thread *current;

// All threads that were made, linked by `all`.
extern struct list_node threads;

// Visits them in the order in which they were made.
#define for_each_thread(entry)                               \
    for (struct thread *entry =                              \
             container_of(threads.next, struct thread, all); \
         &entry->all != &threads;                            \
         entry = container_of(entry->all.next, struct thread, all))

// Makes the code that calls this the first thread, "main". Its stack begins at
// `stack`. Call it once, before anything else here.
void thread_init_main(uintptr_t stack);

// Where a new thread begins (gate.S).
void thread_start(void);

// Makes a thread that will run function(argument) on the `size` bytes at
// `stack`, and puts it into the run queue. `stack` is a multiple of GUARD_SIZE,
// `size` one of 16 and at least STACK_SMALLEST.
void thread_init(struct thread *thread, const char *name,
                 void (*function)(void *), void *argument, uintptr_t stack,
                 size_t size);

// Whom `thread` waits for; NULL: for nobody, or nobody that the kernel knows.
static inline const struct thread *waits_for(const struct thread *thread)
{
    return thread->state == THREAD_READY ? NULL : thread->target;
}

// Takes the thread that has waited longest out of a queue; NULL if there is
// none.
static inline struct thread *thread_take_first(struct list_node *queue)
{
    struct list_node *node = list_take_first(queue);
    return node ? container_of(node, struct thread, node) : NULL;
}

// `thread` is not READY any more. The caller puts it into the queue that
// `state` names, if there is one.
static inline void thread_block(struct thread *thread, enum thread_state state,
                                struct thread *target)
{
    thread->state = state;
    thread->target = target;
    thread->since = sysreg_read(cntvct_el0);
}

// Ends the wait of `thread`, whatever it waits for: its call returns `error`.
void thread_wake(struct thread *thread, int error);

// Ends `thread`, which runs.
void thread_exit(struct thread *thread);

// The current thread waits for the end of `target`. Returns OK.
int thread_join(struct thread *target);

#endif
#endif
