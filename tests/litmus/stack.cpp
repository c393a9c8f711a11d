// SPDX-License-Identifier: MIT
// stack.cpp - the stack without a lock, by demos/sync.c's own functions. A node
// is one CPU's at a time, and that one sees what was last written to it.
#include "model.h"

static void instructions(const char *)
{
}

#include "sync_stack.h" // struct stack, stack_init, stack_push, stack_pop

#define NODES 2

struct stack_test : rl::test_suite<stack_test, 2> {
    rl::atomic<unsigned long> head;
    rl::atomic<unsigned> cells[2 * NODES];
    struct stack stack;
    uint32_t below[NODES], text[NODES];
    unsigned real_text[NODES] = {}; // the same; all see it at once
    bool is_taken[NODES] = {};      // and this

    void before()
    {
        stack_init(&stack, below, !has_option("no-tags"));
        stack.head.share(head);
        for (unsigned node = 0; node < NODES; node++) {
            below[node].share(cells[node]);
            text[node].share(cells[NODES + node]);
            stack_push(&stack, node);
        }
    }

    unsigned take()
    {
        unsigned node = stack_pop(&stack);
        if (node == NO_NODE)
            return node;
        RL_ASSERT(!is_taken[node]);
        is_taken[node] = true;
        RL_ASSERT(text[node] == real_text[node]);
        return node;
    }

    void put(unsigned node)
    {
        __atomic_store_n(&text[node], ++real_text[node], __ATOMIC_RELAXED);
        is_taken[node] = false;
        stack_push(&stack, node);
    }

    // CPU 1 takes two, and puts the first one back.
    void thread(unsigned cpu)
    {
        unsigned node = take();
        if (cpu == 1 && node != NO_NODE) {
            take();
            put(node);
        }
    }

    void after()
    {
        while (take() != NO_NODE)
            ;
    }
};

int main(int, char **arguments)
{
    return search<stack_test>(arguments);
}
