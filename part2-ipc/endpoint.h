// SPDX-License-Identifier: MIT
// endpoint.h - where threads meet to pass a message, and how the answer finds
// its way back.
#ifndef STRATA_ENDPOINT_H
#define STRATA_ENDPOINT_H

#include "thread.h"

// Whoever comes first waits for the other side: at least one queue is empty.
struct endpoint {
    struct list_node senders;   // threads that are SENDING or CALLING
    struct list_node receivers; // threads that are RECEIVING
    struct thread *server;      // who will receive here; NULL: not known
};

// What stands for a caller until it is answered.
struct reply {
    struct thread *thread; // RECEIVING with it, or AWAITING_REPLY; or NULL
};

// Makes an endpoint where nobody waits. `server` may be NULL: it only tells
// whom a sender waits for.
static inline void endpoint_init(struct endpoint *endpoint,
                                 struct thread *server)
{
    list_init(&endpoint->senders);
    list_init(&endpoint->receivers);
    endpoint->server = server;
}

// Makes a reply object that holds nobody.
static inline void reply_init(struct reply *reply)
{
    reply->thread = NULL;
}

// The calls of strata.h, made by the current thread. Each returns the error
// that the thread gets if it does not have to wait; if it has, whoever ends the
// wait gives it one.

// send, or call: `as` is THREAD_SENDING or THREAD_CALLING.
int endpoint_send(struct endpoint *endpoint, uint64_t badge,
                  enum thread_state as);

// recv. `reply` holds nobody, or is NULL: nobody can call then. `next` is in no
// queue, or NULL. If the current thread has to wait, `next` runs, or, if it is
// NULL, the first in the run queue; otherwise `next` is made ready.
int endpoint_recv(struct endpoint *endpoint, struct reply *reply,
                  struct thread *next);

// reply; and reply_recv, if `endpoint` is not NULL.
int endpoint_reply(struct endpoint *endpoint, struct reply *reply);

// Wakes everyone who waits at the endpoint, with ERROR_DESTROYED.
void endpoint_destroy(struct endpoint *endpoint);

// Wakes the thread that waits with, or for, this reply object, if there is
// one, with ERROR_DROPPED.
void reply_drop(struct reply *reply);

#endif
