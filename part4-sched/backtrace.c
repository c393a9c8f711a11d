// SPDX-License-Identifier: MIT
// backtrace.c - who called whom.
//
// Every C function of ours begins by pushing a frame record, its caller's frame
// pointer (x29) and its return address (x30), and points x29 at it (Procedure
// Call Standard for AArch64, IHI 0055, section 6.4.6). So x29 is the head of a
// list of all calls under way.

#include "backtrace.h"
#include "printf.h"
#include "symbols.h"

#include <stdbool.h>

#define BACKTRACE_DEPTH 16 // at most so many entries are printed

struct frame_record {
    const struct frame_record *caller;
    uint64_t return_address;
};

// Prints an entry. A return address is the one behind the call, and where that
// was its function's last instruction, it already belongs to the next function:
// so we look up the byte before it.
static void print_entry(unsigned number, uint64_t address, bool is_return)
{
    uint64_t offset;
    const char *name = symbol_name(address - is_return, &offset);
    printf("  #%-2u 0x%016lx", number, address);
    if (name)
        printf(" %s+0x%lx", name, offset + is_return);
    printf("\n");
}

// Can there be a frame record at this address? They lie on our stacks.
static bool is_sound(const struct frame_record *record)
{
    extern const char bss_end[], image_end[]; // from kernel.ld
    uintptr_t address = (uintptr_t)record;
    return address % sizeof(uint64_t) == 0 && address >= (uintptr_t)bss_end &&
           address <= (uintptr_t)image_end - sizeof(*record);
}

// Prints the calls from `record` on as entries from `number` on. Repeated calls
// from the same place, as in a recursion, are counted.
static void print_calls(const struct frame_record *record, unsigned number)
{
    while (is_sound(record) && number < BACKTRACE_DEPTH) {
        uint64_t address = record->return_address;
        unsigned times = 0;
        do {
            times++;
            // Callers' records lie further up: anything else is not a list.
            record = record->caller > record ? record->caller : NULL;
        } while (is_sound(record) && record->return_address == address);
        print_entry(number++, address, true);
        if (times > 1)
            printf("      ... and %u times more\n", times - 1);
    }
}

void backtrace_from(const void *record)
{
    print_calls(record, 0);
}

void backtrace(const struct trap_frame *frame)
{
    unsigned number = 0;
    const struct frame_record *record = __builtin_frame_address(0);
    printf("backtrace:\n");
    if (frame) {
        uint64_t offset;
        record = (const struct frame_record *)frame->x[29];
        print_entry(number++, frame->pc, false);
        // A jump to nowhere pushed no record: who jumped is still in x30.
        if (!symbol_name(frame->pc, &offset))
            print_entry(number++, frame->x[30], true);
    }
    print_calls(record, number);
}
