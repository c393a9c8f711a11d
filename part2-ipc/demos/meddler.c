// SPDX-License-Identifier: MIT
// meddler.c - a villain: two programs that update one counter by plain loads
// and stores. Each reads in one turn and writes in the next; what the other one
// wrote in between is lost.

#include "demo.h"

enum { UPDATES = 1000 };

static uint64_t counter; // shared

struct meddler {
    unsigned made;   // updates so far
    bool has_read;   // in the middle of an update
    uint64_t copied; // what it read
};

static bool update(void *argument)
{
    struct meddler *meddler = argument;
    if (!meddler->has_read) {
        meddler->copied = counter;
    } else {
        counter = meddler->copied + 1;
        meddler->made++;
    }
    meddler->has_read = !meddler->has_read;
    return meddler->made < UPDATES;
}

void demo_meddler(void)
{
    static struct meddler first, second;
    take_turns("first", update, &first);
    take_turns("second", update, &second);
    run_all();
    unsigned made = first.made + second.made;
    printf("result: %u updates made, %lu lost\n", made, made - counter);
}
