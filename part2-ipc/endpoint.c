// SPDX-License-Identifier: MIT
// endpoint.c - the rendezvous: a message passes when both sides are there.
//
// No message is ever stored: it goes from the sender's registers, where they
// were saved, to the receiver's. At an endpoint senders wait or receivers,
// never both. A caller whose message was received is in no queue; the reply
// object alone leads to it.

#include "endpoint.h"
#include "sched.h"

// The label and the words are in x1 to x5, of the sender as of the receiver.
// x0 tells the receiver that all is well, x6 has the badge.
static void deliver(const struct thread *restrict from,
                    struct thread *restrict to, uint64_t badge)
{
    to->frame.x[0] = OK;
    for (unsigned i = 1; i <= 5; i++)
        to->frame.x[i] = from->frame.x[i];
    to->frame.x[6] = badge;
}

// `receiver` has the message of `caller`, who now waits for the answer.
static void await_reply(struct thread *caller, struct reply *reply,
                        struct thread *receiver)
{
    thread_block(caller, THREAD_AWAITING_REPLY, receiver);
    caller->reply = reply;
    reply->thread = caller;
}

int endpoint_send(struct endpoint *endpoint, uint64_t badge,
                  enum thread_state as)
{
    struct thread *receiver = thread_take_first(&endpoint->receivers);
    if (!receiver) {
        current->badge = badge;
        sched_wait(as, endpoint->server, &endpoint->senders);
        return OK;
    }
    struct reply *reply = receiver->reply;
    deliver(current, receiver, badge);
    if (as == THREAD_CALLING && reply) {
        receiver->reply = NULL;
        await_reply(current, reply, receiver);
        sched_switch(receiver);
        return OK;
    }
    thread_wake(receiver, OK);
    return as == THREAD_SENDING ? OK : ERROR_DROPPED; // nobody could answer
}

int endpoint_recv(struct endpoint *endpoint, struct reply *reply,
                  struct thread *next)
{
    struct thread *sender = thread_take_first(&endpoint->senders);
    if (!sender) {
        current->reply = reply;
        if (reply)
            reply->thread = current;
        thread_block(current, THREAD_RECEIVING, NULL);
        list_append(&endpoint->receivers, &current->node);
        if (next)
            sched_switch(next);
        else
            sched_next();
        return OK;
    }
    if (next)
        sched_append(next);
    deliver(sender, current, sender->badge);
    if (sender->state == THREAD_CALLING && reply)
        await_reply(sender, reply, current);
    else
        thread_wake(sender,
                    sender->state == THREAD_SENDING ? OK : ERROR_DROPPED);
    return OK;
}

int endpoint_reply(struct endpoint *endpoint, struct reply *reply)
{
    struct thread *caller = reply->thread;
    if (!caller || caller->state != THREAD_AWAITING_REPLY)
        return ERROR_NO_CALLER;
    caller->reply = NULL;
    reply->thread = NULL;
    deliver(current, caller, 0);
    if (endpoint)
        return endpoint_recv(endpoint, reply, caller);
    sched_append(caller);
    return OK;
}

void endpoint_destroy(struct endpoint *endpoint)
{
    struct thread *thread;
    while ((thread = thread_take_first(&endpoint->senders)) ||
           (thread = thread_take_first(&endpoint->receivers)))
        thread_wake(thread, ERROR_DESTROYED);
}

void reply_drop(struct reply *reply)
{
    if (reply->thread)
        thread_wake(reply->thread, ERROR_DROPPED);
}
