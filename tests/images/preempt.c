// SPDX-License-Identifier: MIT
// preempt.c - stands in for demos/crasher.c: threads that are interrupted, and
// interrupts that nobody expects. how= picks what happens.

#include "../gic.h"
#include "../gicregs.h"
#include "../irq.h"
#include "../machine.h"
#include "../pl011.h"
#include "../registers.h"
#include "demo.h"
#include "mmio.h"
#include "sysreg.h"

enum {
    SPARE = 232,          // a line that leads to no device
    SPARE_OWN = 22,       // such a line of the CPU's own
    CLOCK = 0x09010000,
    CLOCK_MATCH = 0x04,
    CLOCK_IMSC = 0x10,
    CLOCK_LINE = 34,
};

static uint64_t ticks(unsigned milliseconds)
{
    return sysreg_read(cntfrq_el0) * milliseconds / 1000;
}

// Computes for so long, and does nothing else. (Looks at the clock now and then
// only: for QEMU that is a long way.)
static void compute(unsigned milliseconds)
{
    uint64_t end = sysreg_read(cntvct_el0) + ticks(milliseconds);
    while (sysreg_read(cntvct_el0) < end) {
        uint64_t n = 10000;
        asm volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(n) : : "cc");
    }
}

// --- Registers ---

// Fills all registers with values made of `base`, the flags N, Z, C and V with
// its bits 31 to 28, and looks at them again and again until the time `end`.
// Returns the number of the first register that has changed (31 is sp, 32 the
// flags), or 33 if none has. Needs four registers for itself; `low` takes other
// ones than `high`, so each register is looked at by one of the two.
uint64_t spin_low(uint64_t base, uint64_t end);
uint64_t spin_high(uint64_t base, uint64_t end);
asm("    .text\n"
    "    .macro  spin name, scratch, base, stack, end\n"
    "    .global \\name\n"
    "\\name:\n"
    "    stp     x29, x30, [sp, #-96]!\n"
    "    stp     x19, x20, [sp, #16]\n"
    "    stp     x21, x22, [sp, #32]\n"
    "    stp     x23, x24, [sp, #48]\n"
    "    stp     x25, x26, [sp, #64]\n"
    "    stp     x27, x28, [sp, #80]\n"
    "    mov     x5, x0\n"
    "    mov     x6, x1\n"
    "    msr     nzcv, x5\n"
    "    mov     x\\base, x5\n"
    "    mov     x\\end, x6\n"
    "    mov     x\\stack, sp\n"
    "    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,"
    " 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30\n"
    "    .if     (\\n != \\base) && (\\n != \\stack) && (\\n != \\end)\n"
    "    add     x\\n, x\\base, #\\n\n"
    "    .endif\n"
    "    .endr\n"
    // None of what follows changes the flags.
    "1:\n"
    "    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,"
    " 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30\n"
    "    .if     (\\n != \\scratch) && (\\n != \\base) && (\\n != \\stack) &&"
    " (\\n != \\end)\n"
    "    sub     x\\scratch, x\\n, x\\base\n"
    "    sub     x\\scratch, x\\scratch, #\\n\n"
    "    cbnz    x\\scratch, \\name\\()_lost_\\n\n"
    "    .endif\n"
    "    .endr\n"
    "    mov     x\\scratch, sp\n"
    "    sub     x\\scratch, x\\scratch, x\\stack\n"
    "    cbnz    x\\scratch, \\name\\()_lost_31\n"
    "    mrs     x\\scratch, nzcv\n"
    "    eor     x\\scratch, x\\scratch, x\\base\n"
    "    ubfx    x\\scratch, x\\scratch, #28, #4\n"
    "    cbnz    x\\scratch, \\name\\()_lost_32\n"
    "    mrs     x\\scratch, cntvct_el0\n"
    "    sub     x\\scratch, x\\scratch, x\\end\n"
    "    tbnz    x\\scratch, #63, 1b\n"
    "    mov     x\\scratch, #33\n"
    "2:  mov     sp, x\\stack\n"
    "    mov     x0, x\\scratch\n"
    "    ldp     x19, x20, [sp, #16]\n"
    "    ldp     x21, x22, [sp, #32]\n"
    "    ldp     x23, x24, [sp, #48]\n"
    "    ldp     x25, x26, [sp, #64]\n"
    "    ldp     x27, x28, [sp, #80]\n"
    "    ldp     x29, x30, [sp], #96\n"
    "    ret\n"
    "    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,"
    " 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32\n"
    "\\name\\()_lost_\\n:\n"
    "    mov     x\\scratch, #\\n\n"
    "    b       2b\n"
    "    .endr\n"
    "    .endm\n"
    "    spin    spin_low, 0, 1, 2, 3\n"
    "    spin    spin_high, 30, 29, 28, 27\n");

struct spinner {
    uint64_t base, low, high;
};

static void spin(void *argument)
{
    struct spinner *spinner = argument;
    uint64_t now = sysreg_read(cntvct_el0);
    spinner->low = spin_low(spinner->base, now + ticks(80));
    now = sysreg_read(cntvct_el0);
    spinner->high = spin_high(spinner->base, now + ticks(80));
}

static void check_registers(void)
{
    // Flags: Z and V; N and C; none.
    static struct spinner spinners[] = {{.base = 0x11111111500aa000},
                                        {.base = 0x22222222a00bb000},
                                        {.base = 0x33333333000cc000}};
    cap_t spawned[3];
    for (unsigned i = 0; i < 3; i++)
        spawned[i] = spawn("spinner", spin, &spinners[i]);
    for (unsigned i = 0; i < 3; i++) {
        join(spawned[i]);
        printf("changed in thread %u: %lu, %lu\n", i, spinners[i].low,
               spinners[i].high);
    }
}

// --- The mask ---

static volatile uint64_t rounds;
static volatile bool over;

static void count(void *argument)
{
    *(uint64_t *)argument = sysreg_read(daif);
    while (!over)
        rounds++;
}

static void say_mask(const char *when)
{
    printf("%s: %s\n", when,
           sysreg_read(daif) & PSTATE_I ? "masked" : "not masked");
}

static void mask(void *argument)
{
    (void)argument;
    say_mask("at first");
    asm volatile("msr daifset, #2" : : : "memory");
    say_mask("after daifset");
    yield();
    say_mask("after a yield");
    uint64_t before = rounds;
    printf("the other has run: %u\n", before > 0);
    compute(50);
    printf("it ran in 50 ms masked: %u\n", rounds > before);
    asm volatile("msr daifclr, #2" : : : "memory");
    say_mask("after daifclr");
    before = rounds;
    compute(50);
    printf("it ran in 50 ms not masked: %u\n", rounds > before);
    say_mask("after slices");
    over = true;
}

static void check_mask(void)
{
    static uint64_t seen;
    cap_t first = spawn("masks", mask, NULL);
    cap_t second = spawn("counts", count, &seen);
    join(first);
    join(second);
    printf("in the other thread: %s\n",
           seen & PSTATE_I ? "masked" : "not masked");
    say_mask("main");
}

// --- Interrupts that nobody expects ---

static void say_counts(const char *when)
{
    printf("%s: %lu unexpected, %lu spurious\n", when, unexpected_interrupts,
           spurious_interrupts);
}

// Makes a line pending, as a device would.
static void raise_line(unsigned line)
{
    uintptr_t base = line < GIC_FIRST_SHARED && machine.gic_version == 3
                         ? machine.gic[1].address + GICR_SGI_BASE
                         : machine.gic[0].address;
    mmio_write32(base + GICD_ISPENDR + line / 32 * 4, 1u << line % 32);
    compute(1);
}

static void raise_spare(unsigned line)
{
    raise_line(line);
    say_counts("pending, masked");
    gic_unmask(line);
    compute(1);
    say_counts("unmasked");
    raise_line(line);
    raise_line(line);
    say_counts("raised again");
    gic_unmask(line);
    compute(1);
    say_counts("unmasked again");
}

static void unexpected(void *argument)
{
    (void)argument;
    raise_spare(SPARE);
    raise_spare(SPARE_OWN);
    // The clock's line is high from now on: its alarm is at the present second,
    // and nobody serves it (PL031, DDI 0224; where `virt` has it).
    mmio_write32(CLOCK + CLOCK_MATCH, mmio_read32(CLOCK));
    mmio_write32(CLOCK + CLOCK_IMSC, 1);
    gic_unmask(CLOCK_LINE);
    compute(1);
    say_counts("high level");
}

// void interrupt_by_hand(void) - what the CPU does when it takes an interrupt
// of a thread, which goes on at the label 1. No line is pending.
void interrupt_by_hand(void);
asm("    .text\n"
    "    .global interrupt_by_hand\n"
    "interrupt_by_hand:\n"
    "    mrs     x0, daif\n"
    "    orr     x0, x0, #4\n" // EL1, on SP_EL0
    "    msr     daifset, #0xf\n"
    "    msr     spsr_el1, x0\n"
    "    adr     x0, 1f\n"
    "    msr     elr_el1, x0\n"
    "    adrp    x0, vectors\n"
    "    add     x0, x0, :lo12:vectors\n"
    "    msr     spsel, #1\n"
    "    add     x0, x0, #0x80\n"
    "    br      x0\n"
    "1:  ret\n");

static void spurious(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < 3; i++) {
        interrupt_by_hand();
        say_counts("by hand");
    }
    say_mask("afterwards");
}

// --- A thread alone; and the guard ---

static void alone(void *argument)
{
    *(uint64_t *)argument = sysreg_read(cntv_ctl_el0);
    compute(60);
    yield();
    compute(60);
    *(uint64_t *)argument |= sysreg_read(cntv_ctl_el0);
}

// One thread that computes while main waits for it; then two; then one again.
static void check_alone(void)
{
    static uint64_t timer[4];
    join(spawn("alone", alone, &timer[0]));
    cap_t second = spawn("second", alone, &timer[1]);
    cap_t third = spawn("third", alone, &timer[2]);
    join(second);
    join(third);
    join(spawn("alone again", alone, &timer[3]));
    for (unsigned i = 0; i < 4; i++)
        printf("timer %u: %lu\n", i, timer[i]);
}

static unsigned overflow(unsigned depth)
{
    volatile unsigned deeper = depth + 1;
    return deeper == 0 ? 0 : overflow(deeper) + deeper;
}

// Is preempted for a while, and then goes too deep, if it is its lot.
static void walk(void *argument)
{
    const char *who = argument;
    char here;
    printf("%s stands at 0x%lx\n", who, (uintptr_t)&here);
    compute(45);
    if (strcmp(demo_string("who", ""), who) == 0)
        overflow(0);
    compute(45);
}

void demo_crasher(void)
{
    const char *how = demo_string("how", "");
    if (strcmp(how, "registers") == 0)
        check_registers();
    if (strcmp(how, "mask") == 0)
        check_mask();
    if (strcmp(how, "unexpected") == 0)
        join(spawn("unexpected", unexpected, NULL));
    if (strcmp(how, "spurious") == 0)
        join(spawn("spurious", spurious, NULL));
    if (strcmp(how, "alone") == 0)
        check_alone();
    if (strcmp(how, "guard") == 0) {
        static const char *const names[] = {"first", "second", "third"};
        cap_t spawned[3];
        for (unsigned i = 0; i < 3; i++)
            spawned[i] = spawn(names[i], walk, (void *)(uintptr_t)names[i]);
        for (unsigned i = 0; i < 3; i++)
            join(spawned[i]);
    }
    printf("result: done\n");
}
