// SPDX-License-Identifier: MIT
// deadlock.c - who waits for whom, and what it means if nobody can go on.
//
// A thread waits for one other at most. So the wait-for graph has one edge a
// thread, and to look for a cycle is to follow the edges.

#include "deadlock.h"
#include "panic.h"
#include "printf.h"

static const char *const state_names[] = {
    [THREAD_READY] = "ready",           [THREAD_SENDING] = "sending",
    [THREAD_CALLING] = "calling",       [THREAD_RECEIVING] = "receiving",
    [THREAD_AWAITING_REPLY] = "called", [THREAD_JOINING] = "joining",
    [THREAD_ENDED] = "ended",           [THREAD_WAITING] = "waiting",
};

static void print_thread(const struct thread *thread)
{
    const struct thread *other = waits_for(thread);
    printf("%-15s %-9s", thread->name, state_names[thread->state]);
    if (thread->state != THREAD_READY) // its call is still in its registers
        printf(" %3lu %-15s %lu us", thread->frame.x[0],
               other ? other->name : "-",
               thread->since * 1000 / (sysreg_read(cntfrq_el0) / 1000));
    printf("\n");
}

void threads_print(void)
{
    printf("\nthread          is        cap waits for       since\n");
    for_each_thread(thread)
        print_thread(thread);
}

void deadlock_check(const struct thread *thread)
{
    const struct thread *other = waits_for(thread);
    while (other && other != thread)
        other = waits_for(other);
    if (!other)
        return;
    smp_stop_others();
    printf("\ndeadlock: %s", thread->name);
    do {
        other = waits_for(other);
        printf(" waits for %s", other->name);
    } while (other != thread);
    printf("\n");
    threads_print();
    halt(1);
}

_Noreturn void deadlock(void)
{
    printf("\ndeadlock: no thread can run\n");
    threads_print();
    halt(1);
}
