// SPDX-License-Identifier: MIT
// sync.c - locks, and how to do without, for programs.

#include "sync.h"
#include "demo.h"

// --- A ticket lock ---

// The kernel's lock waits by WFE, for the event that is sent when the lock is
// given back. That is no good here: while the holder is preempted there is
// none, and we would sleep where it could run.
uint64_t ticket_lock(struct ticket_lock *lock)
{
    uint32_t ticket = spin_ticket(&lock->spin);
    uint64_t looks = 0;
    while (!spin_is_turn(&lock->spin, ticket)) {
        spin_hint();
        if (looks++ >= lock->patience)
            yield();
    }
    return looks;
}

void ticket_unlock(struct ticket_lock *lock)
{
    spin_unlock(&lock->spin);
}

// --- A mutex that lends ---

static void serve(void *argument)
{
    const struct mutex *mutex = argument;
    struct message message;
    int error = recv(mutex->endpoint, mutex->reply, &message);
    while (error == OK) {
        void (*function)(void *) = (void (*)(void *))message.words[0];
        function((void *)message.words[1]);
        error = reply_recv(mutex->endpoint, mutex->reply, &message);
    }
}

// The endpoint names its server: so whoever waits there lends to it, too.
bool mutex_init(struct mutex *mutex)
{
    mutex->reply = make_reply();
    cap_t server = spawn_at(PASSIVE, "mutex", serve, mutex);
    mutex->endpoint = make_endpoint(server);
    return mutex->reply && server && mutex->endpoint;
}

int mutex_run(const struct mutex *mutex, void (*function)(void *),
              void *argument)
{
    struct message message = {0, {(uintptr_t)function, (uintptr_t)argument}, 0};
    return call(mutex->endpoint, &message);
}

// --- A semaphore ---

bool semaphore_init(struct semaphore *semaphore, unsigned count)
{
    *semaphore = (struct semaphore){count, make_endpoint(CAP_NONE)};
    return semaphore->line;
}

// Acquire: what comes after is not done before. It is paired with the release
// of whoever let us in; in line the kernel's lock does the same.
void semaphore_down(struct semaphore *semaphore)
{
    struct message message;
    if (__atomic_fetch_sub(&semaphore->count, 1, __ATOMIC_ACQUIRE) <= 0)
        recv(semaphore->line, CAP_NONE, &message);
}

// Somebody has said that it will wait, and is perhaps not in line yet: `send`
// waits for it. So no wake-up is lost, and none is left over.
void semaphore_up(struct semaphore *semaphore)
{
    struct message message = {0};
    if (__atomic_fetch_add(&semaphore->count, 1, __ATOMIC_RELEASE) < 0)
        send(semaphore->line, &message);
}

// --- A stack without a lock ---

#define TAG (UINT64_C(0xffffffff) << 32)

void stack_init(struct stack *stack, uint32_t *below, bool has_tags)
{
    *stack = (struct stack){NO_NODE, below, has_tags ? UINT64_C(1) << 32 : 0};
}

// Release: what was written to the node is seen by whoever takes it.
void stack_push(struct stack *stack, uint32_t node)
{
    uint64_t head = __atomic_load_n(&stack->head, __ATOMIC_RELAXED);
    uint64_t next;
    do {
        __atomic_store_n(&stack->below[node], (uint32_t)head, __ATOMIC_RELAXED);
        next = ((head & TAG) + stack->step) | node;
    } while (!__atomic_compare_exchange_n(&stack->head, &head, next, true,
                                          __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

// The ABA problem: we read that node A is first, and B below it. Before we
// exchange, others take A and B, and put A back. The head is A, as we know it;
// we make B the first one, which is not ours to give. With tags the head is not
// as we know it: an A that was put back has another tag. (Until the tag has
// come round, after 2^32 times in between.)
uint32_t stack_pop(struct stack *stack)
{
    uint64_t head = __atomic_load_n(&stack->head, __ATOMIC_ACQUIRE);
    uint64_t next;
    do {
        if ((uint32_t)head == NO_NODE)
            return NO_NODE;
        next = (head & TAG) |
               __atomic_load_n(&stack->below[(uint32_t)head], __ATOMIC_RELAXED);
    } while (!__atomic_compare_exchange_n(&stack->head, &head, next, true,
                                          __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
    return (uint32_t)head;
}
