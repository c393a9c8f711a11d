// SPDX-License-Identifier: MIT
// ring.cpp - the ring of typed characters, by uart.c's own functions. It is
// full. One CPU has an interrupt, for the next character; the other one looks
// twice if there is one to take out.
#include "model.h"

enum { UART_IMSC, IMSC_RX, IMSC_RT };

static uint32_t typed_in, typed_out, place, mask;
static uintptr_t uart_base;
static const char *line; // what is still in the UART

// A ring with one place (which is the size of what holds nothing).
static struct {
    struct slot {
        operator char() const
        {
            return (char)(unsigned)place;
        }
        void operator=(char c) const
        {
            __atomic_store_n(&place, (unsigned)c, __ATOMIC_RELAXED);
        }
    };
    slot operator[](unsigned) const
    {
        return {};
    }
} typed;

static int receive_character()
{
    return *line ? *line++ : -1;
}

static void mmio_write32(uintptr_t, unsigned value)
{
    __atomic_store_n(&mask, value, __ATOMIC_RELAXED);
}

static void instructions(const char *text)
{
    if (has_barrier(text, "dmb sy"))
        rl::atomic_thread_fence(rl::mo_seq_cst, $);
}

#include "uart_ring.h" // uart_getc, has_room, uart_poll

struct ring : rl::test_suite<ring, 2> {
    rl::atomic<unsigned> cells[4];

    void before()
    {
        typed_in = 1;
        typed_out = 0;
        place = 'a';
        mask = IMSC_RX | IMSC_RT;
        line = "b";
        typed_in.share(cells[0]);
        typed_out.share(cells[1]);
        place.share(cells[2]);
        mask.share(cells[3]);
    }

    void thread(unsigned cpu)
    {
        if (cpu == 0) {
            uart_poll('\0');
        } else {
            RL_ASSERT(uart_getc() == 'a');
            int next = uart_getc();
            RL_ASSERT(next == 'b' || next == -1);
        }
    }

    // There is room: so all is taken in, or the UART interrupts again.
    void after()
    {
        RL_ASSERT(*line == '\0' || mask);
    }
};

int main(int, char **arguments)
{
    return search<ring>(arguments);
}
