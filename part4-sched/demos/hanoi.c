// SPDX-License-Identifier: MIT
// hanoi.c - three threads, each deep in a recursion of its own: they solve the
// towers of Hanoi, and let the others go first after every move. As programs
// that work in turns (polite.c) they would have to come back out of the
// recursion for that, and find the way in again; a thread keeps its stack.

#include "demo.h"

enum { SOLVERS = 3, MOST_DISKS = 8, PEGS = 3 };

struct solver {
    const char *name;
    unsigned pegs[PEGS][MOST_DISKS]; // the disks on each peg, from the ground
    unsigned height[PEGS];
    unsigned moves, wrong_moves;
};

static struct solver solvers[SOLVERS] = {
    {.name = "Ada"}, {.name = "Edsger"}, {.name = "Per"}};
static uint64_t disks;

// Moves the upper disk of a peg. It must not come to lie on a smaller one.
static void move(struct solver *solver, unsigned from, unsigned to)
{
    unsigned disk = solver->pegs[from][--solver->height[from]];
    unsigned *height = &solver->height[to];
    solver->wrong_moves += *height && solver->pegs[to][*height - 1] < disk;
    solver->pegs[to][(*height)++] = disk;
    solver->moves++;
    printf("%s: disk %u from %u to %u\n", solver->name, disk, from, to);
    yield();
}

static void solve(struct solver *solver, unsigned count, unsigned from,
                  unsigned to)
{
    if (count == 0)
        return;
    unsigned other = PEGS - from - to;
    solve(solver, count - 1, from, other);
    move(solver, from, to);
    solve(solver, count - 1, other, to);
}

static void play(void *argument)
{
    struct solver *solver = argument;
    for (unsigned disk = (unsigned)disks; disk > 0; disk--)
        solver->pegs[0][solver->height[0]++] = disk;
    solve(solver, (unsigned)disks, 0, 2);
}

void demo_hanoi(void)
{
    cap_t threads[SOLVERS];
    disks = demo_number("disks", 2);
    if (disks < 1 || disks > MOST_DISKS) {
        printf("disks= must be 1 to %u\n", MOST_DISKS);
        return;
    }
    for (unsigned i = 0; i < SOLVERS; i++)
        threads[i] = spawn(solvers[i].name, play, &solvers[i]);
    unsigned moves = 0, wrong = 0;
    for (unsigned i = 0; i < SOLVERS; i++) {
        join(threads[i]);
        moves += solvers[i].moves;
        wrong += solvers[i].wrong_moves;
    }
    printf("result: %u moves, %u against the rules\n", moves, wrong);
}
