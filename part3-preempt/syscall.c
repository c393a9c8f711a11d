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
#include "check.h"
#include "endpoint.h"
#include "irq.h"
#include "notification.h"
#include "sched.h"
#include "timer.h"
#include "torture.h"
#include "trace.h"

// Makes an object of a program's memory, and a capability for it in x6.
static int new_thread(uint64_t *x)
{
    if (x[4] % GUARD_SIZE != 0 || x[5] % 16 != 0 || x[5] < STACK_SMALLEST)
        return ERROR_ARGUMENT;
    if (cap_add(CAP_THREAD, (void *)x[0], 0, &x[6]) != OK)
        return ERROR_FULL;
    thread_init((struct thread *)x[0], (const char *)x[1],
                (void (*)(void *))x[2], (void *)x[3], x[4], x[5]);
    return OK;
}

static int new_endpoint(uint64_t *x)
{
    struct thread *server = cap_object(x[1], CAP_THREAD);
    if (!server && x[1] != CAP_NONE)
        return ERROR_CAP;
    if (cap_add(CAP_ENDPOINT, (void *)x[0], 0, &x[6]) != OK)
        return ERROR_FULL;
    endpoint_init((struct endpoint *)x[0], server);
    return OK;
}

static int destroy_object(cap_t cap)
{
    void *object = cap_object(cap, CAP_ENDPOINT);
    if (object)
        endpoint_destroy(object);
    else if ((object = cap_object(cap, CAP_REPLY)))
        reply_drop(object);
    else if ((object = cap_object(cap, CAP_NOTIFICATION)))
        notification_destroy(object);
    else
        return ERROR_CAP;
    cap_remove(object);
    return OK;
}

// The calls on an endpoint.
static int serve_endpoint(uint64_t *x)
{
    const struct cap *cap = cap_find(x[0], CAP_ENDPOINT);
    if (!cap)
        return ERROR_CAP;
    struct endpoint *endpoint = cap->object;
    if (x[7] == SYS_CALL)
        return endpoint_send(endpoint, cap->badge, THREAD_CALLING);
    if (x[7] == SYS_NBSEND && list_empty(&endpoint->receivers))
        return ERROR_WOULD_BLOCK;
    if (x[7] == SYS_SEND || x[7] == SYS_NBSEND)
        return endpoint_send(endpoint, cap->badge, THREAD_SENDING);
    if (x[7] == SYS_MINT)
        return cap_add(CAP_ENDPOINT, endpoint, x[1], &x[6]);

    struct reply *reply = cap_object(x[6], CAP_REPLY);
    if (x[7] == SYS_REPLY_RECV)
        return reply ? endpoint_reply(endpoint, reply) : ERROR_CAP;
    if (!reply && x[6] != CAP_NONE)
        return ERROR_CAP;
    if (x[7] == SYS_NBRECV && list_empty(&endpoint->senders) &&
        !notification_pending(current))
        return ERROR_WOULD_BLOCK;
    if (reply)
        reply_drop(reply);
    return endpoint_recv(endpoint, reply, NULL);
}

// The calls on a notification.
static int serve_notification(uint64_t *x)
{
    struct notification *notification = cap_object(x[0], CAP_NOTIFICATION);
    if (!notification)
        return ERROR_CAP;
    switch (x[7]) {
    case SYS_SIGNAL:
        return notification_signal(notification, x[1]);
    case SYS_WAIT:
        return notification_wait(notification);
    case SYS_POLL:
        return notification_take(notification) ? OK : ERROR_WOULD_BLOCK;
    case SYS_BIND_NOTIFICATION:
        return notification_bind(notification);
    case SYS_ALARM:
        timer_set_alarm(notification, x[1], x[2]);
        return OK;
    default: // SYS_BIND_INTERRUPT
        return irq_bind(x[2], notification, x[1]);
    }
}

// All other calls.
static int serve(struct thread *thread, uint64_t *x)
{
    void *object;
    switch (x[7]) {
    case SYS_REPLY:
        object = cap_object(x[6], CAP_REPLY);
        return object ? endpoint_reply(NULL, object) : ERROR_CAP;
    case SYS_YIELD:
        sched_yield();
        return OK;
    case SYS_EXIT:
        thread_exit(thread);
        return OK;
    case SYS_JOIN:
        object = cap_object(x[0], CAP_THREAD);
        return object ? thread_join(object) : ERROR_CAP;
    case SYS_CREATE_THREAD:
        return new_thread(x);
    case SYS_CREATE_ENDPOINT:
        return new_endpoint(x);
    case SYS_CREATE_REPLY:
        if (cap_add(CAP_REPLY, (void *)x[0], 0, &x[6]) != OK)
            return ERROR_FULL;
        reply_init((struct reply *)x[0]);
        return OK;
    case SYS_DESTROY:
        return destroy_object(x[0]);
    case SYS_CREATE_NOTIFICATION:
        if (cap_add(CAP_NOTIFICATION, (void *)x[0], 0, &x[6]) != OK)
            return ERROR_FULL;
        notification_init((struct notification *)x[0]);
        return OK;
    case SYS_END_INTERRUPT:
        return irq_end(x[0]);
    default:
        return x[7] < SYSCALLS ? serve_notification(x) : ERROR_CALL;
    }
}

struct thread *syscall(struct thread *thread)
{
    uint64_t *x = thread->frame.x;
    trace(TRACE_ENTER, thread);
    int error = x[7] <= SYS_MINT ? serve_endpoint(x) : serve(thread, x);
    if (thread->state == THREAD_READY) // else whoever ends its wait tells it
        x[0] = (uint64_t)error;
    if (!current)
        irq_idle();
    if (checking)
        check();
    trace(TRACE_LEAVE, current);
    torture_arm();
    return current;
}
