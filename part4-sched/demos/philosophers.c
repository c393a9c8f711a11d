// SPDX-License-Identifier: MIT
// philosophers.c - who waits for whom. Five philosophers sit around a table.
// Each owns the fork at the left of the plate, and to eat borrows the right
// neighbor's: by asking the neighbor. All ask at once, and nobody is left to
// answer.
//
// With fix=1 the last one lends before asking. Then each waits only for meals
// that come earlier in the order 3, 2, 1, 0, 4, and no circle can close. With
// cpus= they sit on so many CPUs.

#include "demo.h"

enum { PHILOSOPHERS = 5, MEALS = 3 };
enum label { TAKE, GIVE_BACK };

struct philosopher {
    unsigned number;
    unsigned meals;
    cap_t endpoint; // where this one is asked for the fork
    cap_t reply;
};

static struct philosopher philosophers[PHILOSOPHERS];
static bool is_fixed;

static struct philosopher *right_of(const struct philosopher *philosopher)
{
    return &philosophers[(philosopher->number + 1) % PHILOSOPHERS];
}

// The left neighbor takes our fork, and gives it back.
static void lend(const struct philosopher *philosopher)
{
    struct message message;
    recv(philosopher->endpoint, philosopher->reply, &message);
    reply(philosopher->reply, &message);
    recv(philosopher->endpoint, philosopher->reply, &message);
    reply(philosopher->reply, &message);
}

static void eat(struct philosopher *philosopher)
{
    struct message take = {TAKE, {0}, 0}, give_back = {GIVE_BACK, {0}, 0};
    cap_t neighbor = right_of(philosopher)->endpoint;
    call(neighbor, &take);
    philosopher->meals++;
    printf("philosopher %u eats\n", philosopher->number);
    call(neighbor, &give_back);
}

static void live(void *argument)
{
    struct philosopher *philosopher = argument;
    bool lends_first =
        is_fixed && right_of(philosopher)->number < philosopher->number;
    while (philosopher->meals < MEALS) {
        if (lends_first)
            lend(philosopher);
        eat(philosopher);
        if (!lends_first)
            lend(philosopher);
    }
}

void demo_philosophers(void)
{
    cap_t threads[PHILOSOPHERS];
    is_fixed = demo_number("fix", 0);
    for (unsigned i = 0; i < PHILOSOPHERS; i++) {
        char name[16];
        snprintf(name, sizeof(name), "philosopher %u", i);
        threads[i] = spawn(name, live, &philosophers[i]);
        philosophers[i] =
            (struct philosopher){i, 0, make_endpoint(threads[i]), make_reply()};
    }
    unsigned cpus = demo_cpus();
    for (unsigned i = 0; cpus > 1 && i < PHILOSOPHERS; i++)
        pin_thread(threads[i], i % cpus);
    unsigned meals = 0;
    for (unsigned i = 0; i < PHILOSOPHERS; i++) {
        join(threads[i]);
        meals += philosophers[i].meals;
    }
    printf("result: %u meals\n", meals);
}
