// SPDX-License-Identifier: MIT
// panic.c - when the kernel can't go on: say why, and stop.
//
// A report must come out even where much is broken. It takes no memory and
// trusts nothing that it prints; a mistake on the way ends the run at once.

#include "panic.h"
#include "backtrace.h"
#include "exception.h"
#include "printf.h"
#include "psci.h"
#include "semihosting.h"
#include "thread.h"
#include "uart.h"

#include <stdbool.h>

static unsigned panics; // reports that have begun
static bool halting;    // the run is about to end

_Noreturn void halt(unsigned status)
{
    // Where nobody answers, a semihosting request is an undefined instruction:
    // the exception that it raises finds `halting` set, and we are here again.
    if (!halting) {
        halting = true;
        semihosting_exit(status);
    }
    psci_power_off();
}

// First thing in a report: is it about a mistake in a report?
static void begin(void)
{
    smp_stop_others(); // whoever is not the first one stops here
    if (++panics == 2 && !halting)
        printf("\npanic: again, while reporting; giving up\n");
    if (panics > 1 || halting)
        halt(1);
    uart_fall_back();
}

// To whom it happened; before there are threads, to nobody.
static void print_thread(void)
{
    if (current)
        printf("thread: %s\n", current->name);
}

_Noreturn void panic(const char *reason, ...)
{
    begin();
    va_list arguments;
    va_start(arguments, reason);
    printf("\npanic: ");
    vprintf(reason, arguments);
    printf("\n");
    va_end(arguments);
    print_thread();
    backtrace(NULL);
    smp_print_others();
    halt(1);
}

static void print_registers(const struct trap_frame *frame)
{
    for (unsigned i = 0; i < 31; i++)
        printf("  x%-3u0x%016lx%s", i, frame->x[i], i % 3 == 2 ? "\n" : "");
    printf("  sp  0x%016lx\n",
           frame->kind / 4 == 1 ? (uintptr_t)(frame + 1) : frame->sp);
    printf("  pc  0x%016lx  psr 0x%016lx\n", frame->pc, frame->spsr);
    printf("  esr 0x%016lx  far 0x%016lx\n", frame->esr, frame->far);
}

_Noreturn void panic_at(const struct trap_frame *frame, const char *reason)
{
    begin();
    printf("\npanic: %s\n", reason);
    print_thread();
    print_registers(frame);
    exception_describe(frame);
    backtrace(frame);
    smp_print_others();
    halt(1);
}
