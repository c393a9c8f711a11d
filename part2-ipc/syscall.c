// SPDX-License-Identifier: MIT
// syscall.c - what happens between the gate's two halves: the call is looked
// at, its capabilities are looked up, and the function that does the work is
// called.
//
// No function of the kernel waits. One that makes its thread wait changes the
// thread's state and picks another one (`current`); then it returns, and the
// gate lets that other one go on.

#include "syscall.h"
#include "cap.h"
#include "sched.h"

// Makes a thread of a program's memory, and a capability for it in x1.
static int new_thread(uint64_t *x)
{
    struct thread *thread = (struct thread *)x[0];
    cap_t cap;
    if (x[4] % GUARD_SIZE != 0 || x[5] % 16 != 0 || x[5] < STACK_SMALLEST)
        return ERROR_ARGUMENT;
    if (cap_add(CAP_THREAD, thread, &cap) != OK)
        return ERROR_FULL;
    thread_init(thread, (const char *)x[1], (void (*)(void *))x[2],
                (void *)x[3], x[4], x[5]);
    x[1] = cap;
    return OK;
}

static int serve(struct thread *thread, uint64_t *x)
{
    const struct cap *cap;
    switch (x[7]) {
    case SYS_YIELD:
        sched_append(thread);
        sched_next();
        return OK;
    case SYS_EXIT:
        thread_exit(thread);
        return OK;
    case SYS_JOIN:
        cap = cap_find(x[0], CAP_THREAD);
        return cap ? thread_join(thread, cap->object) : ERROR_CAP;
    case SYS_CREATE_THREAD:
        return new_thread(x);
    default:
        return ERROR_CALL;
    }
}

struct thread *syscall(struct thread *thread)
{
    thread->frame.x[0] = (uint64_t)serve(thread, thread->frame.x);
    return current;
}
