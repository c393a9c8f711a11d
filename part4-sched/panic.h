// SPDX-License-Identifier: MIT
// panic.h - when the kernel can't go on.
#ifndef STRATA_PANIC_H
#define STRATA_PANIC_H

#include "trapframe.h"

// Prints "panic: " and the reason (by printf's rules), then the backtrace, and
// ends the run with QEMU's exit status 1.
_Noreturn void panic(const char *reason, ...)
    __attribute__((format(printf, 1, 2)));

// The same for an exception: with the registers and the syndrome in between.
_Noreturn void panic_at(const struct trap_frame *frame, const char *reason);

// Ends the run with the exit status `status` (0 to 255) of QEMU.
_Noreturn void halt(unsigned status);

// States what can't be otherwise.
#define ASSERT(condition)                                               \
    do {                                                                \
        if (!(condition))                                               \
            panic("assertion failed: %s (%s:%d)", #condition, __FILE__, \
                  __LINE__);                                            \
    } while (0)

#endif
