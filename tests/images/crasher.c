// SPDX-License-Identifier: MIT
// crasher.c - stands in for the demo of this name in a kernel of the tests, and
// makes mistakes whose reports are known to the last register. "how=" picks
// one.

#include "../panic.h"
#include "demo.h"
#include "sysreg.h"

#define NOINLINE __attribute__((noinline))

enum {
    GUARD = 1024, // bytes at the stack's lower end
};

// Where nothing is on any of our machines.
#define ABSENT "0x0bad0000"

// Every register holds its number and a mark; sp is in x28 too; then an
// undefined instruction.
void fill_registers(void);
asm("    .text\n"
    "    .global fill_registers, fill_registers_udf\n"
    "fill_registers:\n"
    "    mov     x0, #0xa0000000\n"
    "    msr     nzcv, x0\n"
    "    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, "
    "18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30\n"
    "    movz    x\\n, #(0x100 + \\n)\n"
    "    movk    x\\n, #(0xab00 + \\n), lsl #48\n"
    "    .endr\n"
    "    mov     x28, sp\n"
    "fill_registers_udf:\n"
    "    udf     #0\n");

// Loads and stores of each size where nothing is.
NOINLINE static void access(uint64_t number)
{
    register uint64_t x0 asm("x0") = 0x0bad0000;
#define CASE(n, instruction)                                           \
    case n:                                                            \
        asm volatile(instruction : "+r"(x0) : : "x1", "x2", "memory"); \
        break
    switch (number) {
        CASE(0, "ldrb w1, [x0]");
        CASE(1, "ldrsh x1, [x0, #2]");
        CASE(2, "ldr w1, [x0]");
        CASE(3, "ldur x1, [x0, #8]");
        CASE(4, "ldp w1, w2, [x0]");
        CASE(5, "ldp x1, x2, [x0], #16");
        CASE(6, "strb w1, [x0, #1]!");
        CASE(7, "strh w1, [x0]");
        CASE(8, "str w1, [x0], #4");
        CASE(9, "str x1, [x0]");
        CASE(10, "stp w1, w2, [x0, #8]!");
        CASE(11, "stp x1, x2, [x0]");
    }
}

// Enters the vector table at entry `kind` as an exception would, with this
// syndrome and fault address, from the address 0x40000000 with its PSTATE.
NOINLINE static void vector(uint64_t kind, uint64_t esr)
{
    sysreg_write(elr_el1, 0x40000000);
    sysreg_write(spsr_el1, 0x600003c5);
    sysreg_write(esr_el1, esr);
    sysreg_write(far_el1, 0x123456789abcdef0);
    asm volatile("msr   daifset, #0xf\n"
                 "mov   x28, sp\n"
                 "msr   spsel, #1\n"
                 "mov   x27, sp\n"
                 "mov   x29, xzr\n"
                 "mrs   x1, vbar_el1\n"
                 "add   x1, x1, %0, lsl #7\n"
                 "br    x1\n"
                 :
                 : "r"(kind));
}

// Uses the stack down to `above` bytes above the guard's end, by a pair that
// is pushed there, and comes back.
NOINLINE static void reach(uint64_t above)
{
    uint64_t top = sysreg_read(dbgwvr0_el1) + GUARD + above + 16;
    asm volatile("mov   x9, sp\n"
                 "mov   sp, %0\n"
                 "stp   x29, x30, [sp, #-16]!\n"
                 "ldp   xzr, xzr, [sp], #16\n"
                 "mov   sp, x9\n"
                 :
                 : "r"(top)
                 : "x9", "memory");
    printf("back from the brink\n");
}

// Functions of many sizes that call each other in the order of the letters of
// a path. It ends with a digit: 0 panics, 1 is an undefined instruction.
static void alder(const char *path), birch(const char *path),
    cedar(const char *path), elm(const char *path), fir(const char *path),
    hazel(const char *path), larch(const char *path), maple(const char *path);
#define TO(name)           \
    if (*path == *#name) { \
        name(path + 1);    \
    } else
#define GO                                                  \
    TO(alder)                                               \
    TO(birch) TO(cedar) TO(elm) TO(fir) TO(hazel) TO(larch) \
        TO(maple) if (*path == '1') asm volatile("udf #0"); \
    else panic("the end of the path")
#define TREE(name, size)                        \
    NOINLINE static void name(const char *path) \
    {                                           \
        volatile char room[size];               \
        room[0] = *path;                        \
        GO;                                     \
        room[size - 1] = *path;                 \
    }
TREE(alder, 1)
TREE(birch, 16)
TREE(cedar, 40)
TREE(elm, 100)
TREE(fir, 200)
TREE(hazel, 300)
TREE(larch, 400)
TREE(maple, 7)

NOINLINE static void walk(const char *path)
{
    GO;
}

// Recursions with frames of about 500 bytes; the second one touches nothing
// in them but what every call does.
static unsigned wide(unsigned depth)
{
    volatile char room[440];
    room[0] = (char)depth;
    return depth == UINT32_MAX ? 0 : wide(depth + 1) + (unsigned)room[0];
}

static unsigned hollow(unsigned depth)
{
    volatile char room[440];
    unsigned found = depth == UINT32_MAX ? 0 : hollow(depth + 1);
    if (found == 12345)
        room[0] = 1;
    return found + 1;
}

void demo_crasher(void)
{
    char how[64];
    snprintf(how, sizeof(how), "%s", demo_string("how", ""));
    uint64_t number = demo_number("number", 0);
    if (strcmp(how, "registers") == 0)
        fill_registers();
    else if (strcmp(how, "access") == 0)
        access(number);
    else if (strcmp(how, "vector") == 0)
        vector(number, demo_number("esr", 0));
    else if (strcmp(how, "reach") == 0)
        reach(number);
    else if (strcmp(how, "path") == 0)
        walk(demo_string("path", ""));
    else if (strcmp(how, "wide") == 0)
        wide(0);
    else if (strcmp(how, "hollow") == 0)
        hollow(0);
    else if (strcmp(how, "nested") == 0)
        panic("%s", (const char *)0x0bad0000);
    else
        panic("no way to crash like '%s'", how);
    printf("result: came back\n");
}
