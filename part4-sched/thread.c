// SPDX-License-Identifier: MIT
// thread.c - threads begin, wait and end.
//
// A thread is in one queue at most, the one that its state names (thread.h).
// Whoever changes the state moves the thread.

#include "thread.h"
#include "endpoint.h"
#include "notification.h"
#include "printf.h"
#include "registers.h"
#include "sched.h"
#include "string.h"

struct list_node threads = {&threads, &threads};

static void prepare(struct thread *thread, const char *name, uintptr_t stack)
{
    static unsigned count;
    memset(thread, 0, sizeof(*thread));
    list_init(&thread->node);
    list_init(&thread->joiners);
    list_init(&thread->parked);
    list_append(&threads, &thread->all);
    thread->number = count++;
    thread->stack = stack;
    snprintf(thread->name, sizeof(thread->name), "%s", name);
}

void thread_init_main(uintptr_t stack)
{
    static struct thread main;
    static struct sched_context context;
    smp_init();
    prepare(&main, "main", stack);
    schedcontext_init(&context, PRIORITY_NORMAL);
    schedcontext_bind(&context, &main);
    current = &main;
    main.cpu = this_cpu();
    this_cpu()->running = &context;
}

void thread_init(struct thread *thread, const char *name,
                 void (*function)(void *), void *argument, uintptr_t stack,
                 size_t size)
{
    prepare(thread, name, stack);
    // As if it had entered the kernel just before thread_start.
    thread->frame.x[0] = (uintptr_t)argument;
    thread->frame.x[19] = (uintptr_t)function;
    thread->frame.x[20] = (uintptr_t)exit;
    thread->frame.x[30] = (uintptr_t)thread_start;
    thread->frame.sp = stack + size;
    thread->frame.spsr = SPSR_F; // interrupts may come
    sched_append(thread);
}

void thread_wake(struct thread *thread, int error)
{
    list_remove(&thread->node);
    if (thread->reply)
        thread->reply->thread = NULL;
    thread->reply = NULL;
    thread->frame.x[0] = (uint64_t)error;
    sched_append(thread);
}

void thread_exit(struct thread *thread)
{
    struct thread *joiner;
    while ((joiner = thread_take_first(&thread->joiners)))
        thread_wake(joiner, OK);
    // Nobody who waits for its answer waits for ever.
    for_each_thread(client) {
        if (client->state == THREAD_AWAITING_REPLY && client->target == thread)
            thread_wake(client, ERROR_DROPPED);
    }
    if (thread->bound)
        notification_unbind(thread);
    thread_block(thread, THREAD_ENDED, NULL);
    sched_next();
}

int thread_join(struct thread *target)
{
    if (target->state != THREAD_ENDED)
        sched_wait(THREAD_JOINING, target, &target->joiners);
    return OK;
}
