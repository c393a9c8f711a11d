// SPDX-License-Identifier: MIT
// thread.c - threads begin, wait and end.
//
// A thread is in one queue at most, the one that its state names (thread.h).
// Whoever changes the state moves the thread.

#include "thread.h"
#include "printf.h"
#include "sched.h"
#include "string.h"

static void prepare(struct thread *thread, const char *name, uintptr_t stack)
{
    memset(thread, 0, sizeof(*thread));
    list_init(&thread->node);
    list_init(&thread->joiners);
    thread->stack = stack;
    snprintf(thread->name, sizeof(thread->name), "%s", name);
}

void thread_init_main(uintptr_t stack)
{
    static struct thread main;
    prepare(&main, "main", stack);
    current = &main;
}

// The first function of a new thread: the program's own, and then the end.
_Noreturn void thread_run(void (*function)(void *), void *argument)
{
    function(argument);
    exit();
}

void thread_init(struct thread *thread, const char *name,
                 void (*function)(void *), void *argument, uintptr_t stack,
                 size_t size)
{
    prepare(thread, name, stack);
    // As if it had entered the kernel just before thread_start.
    thread->frame.x[0] = (uintptr_t)function;
    thread->frame.x[1] = (uintptr_t)argument;
    thread->frame.x[30] = (uintptr_t)thread_start;
    thread->frame.sp = stack + size;
    sched_append(thread);
}

void thread_exit(struct thread *thread)
{
    struct list_node *node;
    while ((node = list_take_first(&thread->joiners)))
        sched_append(container_of(node, struct thread, node));
    thread->state = THREAD_ENDED;
    sched_next();
}

int thread_join(struct thread *thread, struct thread *target)
{
    if (target->state == THREAD_ENDED)
        return OK;
    thread->state = THREAD_JOINING;
    list_append(&target->joiners, &thread->node);
    sched_next();
    return OK;
}
