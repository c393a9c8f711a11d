// SPDX-License-Identifier: MIT
// mp.cpp - message passing (page 4e): who sees the flag sees the data.
#include "model.h"

static void instructions(const char *)
{
}

struct mp : rl::test_suite<mp, 2> {
    rl::atomic<unsigned> cells[2];
    uint32_t data, flag;

    void before()
    {
        data.share(cells[0]);
        flag.share(cells[1]);
    }

    void thread(unsigned cpu)
    {
        if (cpu == 0) {
            __atomic_store_n(&data, 1, __ATOMIC_RELAXED);
            __atomic_store_n(&flag, 1, __ATOMIC_RELEASE);
        } else {
            bool has_flag = __atomic_load_n(&flag, __ATOMIC_ACQUIRE);
            bool has_data = __atomic_load_n(&data, __ATOMIC_RELAXED);
            RL_ASSERT(has_data || !has_flag);
        }
    }
};

int main(int, char **arguments)
{
    return search<mp>(arguments);
}
