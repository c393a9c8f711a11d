/* SPDX-License-Identifier: MIT
 * rendezvous.pml - part 2's endpoint and reply objects, for the model checker
 * Spin: book/spin.md says how to run it.
 *
 * A call of the kernel is one indivisible step (d_step), because no function of
 * the kernel blocks halfway: it changes states and returns. Between two calls
 * any thread that is READY may go on: every order of the run queue is in here.
 */
#define SENDER  2   /* the threads: clients 0 and 1, one that only sends, ... */
#define SERVER  3   /* ... and the server, who receives, ... */
#define REPLIES 2   /* ... with two reply objects */
#define NONE    9   /* no thread; no reply object */
#define ANSWER  8   /* the answer to the message m is ANSWER + m */

mtype = { READY, SENDING, CALLING, RECEIVING, AWAITING_REPLY }
mtype = { OK, NO_CALLER, DROPPED }

mtype state[4] = READY;
mtype error[4] = OK;            /* the registers: what a call returned, ... */
byte message[4];                /* ... and the message */
byte reply_of[4] = NONE;        /* thread->reply */
byte thread_of[REPLIES] = NONE; /* reply->thread */
chan senders = [6] of { byte }; /* the endpoint's two queues */
chan receivers = [1] of { byte };
byte who, caller, object;       /* what the kernel's functions work with */

/* --- The kernel, as in endpoint.c --- */

inline wake(thread, result) {   /* out of its queue, if it is in one */
    if :: senders ?? [eval(thread)] -> senders ?? eval(thread) :: else fi;
    object = reply_of[thread];
    if :: object != NONE -> thread_of[object] = NONE :: else fi;
    reply_of[thread] = NONE; error[thread] = result; state[thread] = READY
}
inline await_reply(thread, reply) {
    reply_of[thread] = reply; thread_of[reply] = thread;
    state[thread] = AWAITING_REPLY
}
inline endpoint_send(me, as) {
    if
    :: empty(receivers) -> state[me] = as; senders ! me
    :: nempty(receivers) ->
        receivers ? who;
        message[who] = message[me];
        wake(who, OK);          /* its reply object is in `object` now */
        if :: as == CALLING -> await_reply(me, object)
           :: else -> error[me] = OK
        fi
    fi
}
inline endpoint_recv(reply) {
    if
    :: empty(senders) ->
        reply_of[SERVER] = reply; thread_of[reply] = SERVER;
        state[SERVER] = RECEIVING; receivers ! SERVER
    :: nempty(senders) ->
#ifdef NOT_UNLINKED             /* mistake: it stays in the queue */
        senders ? <who>;
#else
        senders ? who;
#endif
        message[SERVER] = message[who]; error[SERVER] = OK;
        if :: state[who] == CALLING -> await_reply(who, reply)
           :: else -> wake(who, OK)
        fi
    fi
}
inline make_ready(thread) {
#ifdef NOT_WOKEN                /* mistake: it is answered, and waits on */
    skip
#else
    if :: thread != NONE -> state[thread] = READY :: else fi
#endif
}
inline endpoint_reply(reply, and_receives) {
    caller = thread_of[reply];
    if
    :: caller != NONE && state[caller] == AWAITING_REPLY ->
        reply_of[caller] = NONE;
#ifndef NOT_CLEARED             /* mistake: the reply object keeps its caller */
        thread_of[reply] = NONE;
#endif
        message[caller] = message[SERVER]; error[caller] = OK;
        error[SERVER] = OK;
        if :: and_receives -> endpoint_recv(reply) :: else fi;
        make_ready(caller)
    :: else -> error[SERVER] = NO_CALLER
    fi
}

/* --- The programs: thread t sends the messages 2t, 2t + 1, 2t, 2t + 1, ... */

#define enter(me, call) d_step { state[me] == READY -> call; \
                                 who = 0; caller = 0; object = 0 }
/* What the server may ask for. (serve_endpoint looks who is still held.) */
inline call_recv(reply) {
    caller = thread_of[reply];  /* who is still held is dropped */
    if :: caller != NONE -> wake(caller, DROPPED) :: else fi;
    endpoint_recv(reply)
}
inline call_reply(reply) { endpoint_reply(reply, false) }
inline call_reply_recv(reply) { endpoint_reply(reply, true) }

byte next[3];                   /* by thread: 0 if its 2t comes next, or 1 */
byte request[REPLIES];          /* what came with this reply object */
bool forgotten[3];              /* the server will not answer this thread */

proctype program(byte me; mtype as) {
    byte n;
    do
    :: enter(me, message[me] = 2 * me + n; endpoint_send(me, as);
                 printf("%d: %e %d\n", me, as, 2 * me + n));
       d_step {
           state[me] == READY ->        /* the call has come back */
           printf("%d: %e %d\n", me, error[me], message[me]);
           assert(error[me] == (forgotten[me] -> DROPPED : OK));
           if
           :: as == SENDING || forgotten[me]
           :: else -> assert(message[me] == ANSWER + 2 * me + n) /* for me */
           fi;
           assert(as == SENDING || next[me] == 1 - n); /* it was received */
           n = 1 - n; message[me] = 0; error[me] = OK; forgotten[me] = false
       }
    od
}
inline received(reply) {        /* is it the one that its sender sent next? */
    d_step {
        state[SERVER] == READY -> from = message[SERVER] / 2;
        printf("server: has %d, reply object %d\n", message[SERVER], reply);
        assert(error[SERVER] == OK && from <= SENDER &&
               message[SERVER] == 2 * from + next[from]);
        next[from] = 1 - next[from];
        request[reply] = message[SERVER]
    }
}
#define respond(r, call) \
    enter(SERVER, message[SERVER] = ANSWER + request[r]; \
                  printf("server: answers %d, reply object %d\n", \
                         message[SERVER], r); \
                  request[r] = 0; call(r))

proctype server() { /* all that a server may do; nobody is put off for ever */
    byte from;
    do
    :: enter(SERVER, call_recv(0)); received(0);
       do
       :: from != SENDER -> respond(0, call_reply_recv); received(0)
       :: break
       od;
       if
       :: from == SENDER
       :: from != SENDER -> forgotten[from] = true /* the next recv drops it */
       :: from != SENDER ->             /* the second answer goes nowhere */
           respond(0, call_reply); assert(error[SERVER] == OK);
           respond(0, call_reply); assert(error[SERVER] == NO_CALLER)
       :: from != SENDER && nempty(senders) -> /* put off by one message */
           enter(SERVER, call_recv(1)); received(1);
           if
           :: respond(0, call_reply); respond(1, call_reply)
           :: respond(1, call_reply); respond(0, call_reply)
           fi
       fi
    od
}

init {
    atomic { run program(0, CALLING); run program(1, CALLING);
             run program(SENDER, SENDING); run server() }
}
/* Who calls goes on one day. (Client 1 is like client 0.) */
ltl answered { [] (state[0] != READY -> <> (state[0] == READY)) }
