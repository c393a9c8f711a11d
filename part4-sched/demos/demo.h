// SPDX-License-Identifier: MIT
// demo.h - what a demo may use besides the kernel's own calls.
#ifndef STRATA_DEMO_H
#define STRATA_DEMO_H

#include "fdt.h"
#include "printf.h"
#include "strata.h"
#include "string.h"

#include <stdbool.h>
#include <stdint.h>

// Runs the demo that the command line picks with "demo=NAME", or the default
// one. If there is none of that name, prints those that there are.
void demo_run(const char *args);

// The value of the parameter "key=value" on the command line, or `otherwise`
// if it is not there (or not a number). A string is good until the next call.
const char *demo_string(const char *key, const char *otherwise);
uint64_t demo_number(const char *key, uint64_t otherwise);

// Adds a program that works in turns: a thread of its own calls
// `turn(argument)` again and again, which does a little, and returns whether it
// wants another turn; in between the thread yields. At most 8.
void take_turns(const char *name, bool (*turn)(void *argument), void *argument);

// Runs all programs that were added, until none wants another turn.
void run_all(void);

// Ends the run, whatever else is still going on.
_Noreturn void demo_end(void);

// The same with status 2: an argument can't be, and a line has said so.
_Noreturn void demo_refuse(void);

// The address where the kernel's own memory begins.
uintptr_t kernel_address(void);

// Reads a line that is typed at `prompt`, and copies at most `size` bytes of
// it, the closing NUL included, to `text`. Ctrl-C gives the line up and begins
// again. Returns false at the end of input, Ctrl-D.
bool read_line(const char *prompt, char *text, size_t size);

// Makes a thread that runs function(argument), on a stack of 8 KiB; CAP_NONE if
// there is no room for one more.
cap_t spawn(const char *name, void (*function)(void *), void *argument);

enum { PASSIVE = 64 }; // instead of a priority: no context

// The same, with a context of this priority.
cap_t spawn_at(unsigned priority, const char *name, void (*function)(void *),
               void *argument);

// The same, without capabilities, for more threads than the table has room for.
// It is not more urgent than the caller, and has a stack of 2 KiB. False if
// there is no room for one more.
bool spawn_nameless(unsigned priority, void (*function)(void *),
                    void *argument);

// Makes a context that is nobody's. CAP_NONE if there is no room for one more,
// or no such priority.
cap_t make_context(unsigned priority);

// Makes an endpoint; `server` is the thread that will receive there, or
// CAP_NONE. Makes a reply object. CAP_NONE if there is no room for one more.
cap_t make_endpoint(cap_t server);
cap_t make_reply(void);

// Makes a notification; CAP_NONE if there is no room for one more.
cap_t make_notification(void);

// No interrupt comes to the calling thread, and so no other thread runs; they
// come again.
void mask_interrupts(void);
void unmask_interrupts(void);

// How many CPUs there are, and on which one the caller runs: just now, unless
// it is pinned there.
unsigned cpus_online(void);
unsigned cpu_number(void);

// The value of cpus=, on how many CPUs a program is to run, or 1 if it is not
// there. Ends the run if there are not so many.
unsigned demo_cpus(void);

// Adds to a number that other CPUs add to as well: nothing comes between the
// load and the store. Returns what it was before.
uint64_t add_atomically(uint64_t *number, uint64_t more);

// The serial line, for its driver: by which line it interrupts (0: by none),
// and what was typed, or -1. A character is written by device_write. After
// device_storm it interrupts without end.
unsigned device_line(void);
int device_read(void);
void device_write(char c);
void device_storm(void);

// A line that no device uses, and an interrupt of it, made by hand.
unsigned spare_line(void);
void raise_spare_line(void);

// The name of an error, "ERROR_CAP".
const char *error_name(int error);

// How many instructions this machine has executed so far, counted from the
// first call on. (Exact under -icount; without it, cycles.)
uint64_t instructions(void);

// From now on whatever runs is interrupted at random, again and again, as by
// torture=SEED (torture.h). `instructions` counts no more.
void begin_torture(uint64_t seed);

// The longest time, in instructions, that such an interrupt had to wait since
// this was asked for the last time.
uint64_t longest_wait(void);

// Opens the device tree of the machine that we run on.
void open_device_tree(struct fdt *tree);

#endif
