// SPDX-License-Identifier: MIT
// junk.S - a loader of the tests: enters the kernel on every CPU at once, with
// x0 = TREE and the registers named in junk.inc filled with what the test put
// there. The kernel is in memory already.
//
// The test gives, when this is assembled: TREE, its address; CPUS, their
// number; DELAY, for how long the first one lets the others go ahead; DAIF,
// what is masked at the kernel's first instruction; SPSEL and STACK, which
// stack pointer is in use there, and the value of both.

#define PSCI_CPU_ON 0xc4000003

// set REGISTER, VALUE: by instructions alone, since a load from memory would
// depend on the byte order, which is part of the junk.
.macro set register, value
    movz    x0, #((\value) & 0xffff)
    movk    x0, #(((\value) >> 16) & 0xffff), lsl #16
    movk    x0, #(((\value) >> 32) & 0xffff), lsl #32
    movk    x0, #(((\value) >> 48) & 0xffff), lsl #48
    msr     \register, x0
.endm

    .text
    .global _start
_start:
#if CPUS > 1
    mov     x19, #1
1:  ldr     x0, =PSCI_CPU_ON
    mov     x1, x19                 // which CPU: those of `virt` count up
    adr     x2, secondary           // where it begins
    mov     x3, xzr
    mrs     x4, CurrentEL
    cmp     x4, #(2 << 2)
    b.eq    2f
    hvc     #0
    b       3f
2:  smc     #0
3:  cbnz    x0, died
    add     x19, x19, #1
    cmp     x19, #CPUS
    b.ne    1b
    // Wait until all are there, then let everyone go.
    adr     x1, arrived
1:  ldr     w0, [x1]
    cmp     w0, #(CPUS - 1)
    b.ne    1b
    str     w0, [x1, #4]
    sev
    mov     x1, #(DELAY + 1)        // the others go first
1:  yield
    subs    x1, x1, #1
    b.ne    1b
    b       junk
secondary:
    adr     x1, arrived
    // One comes after the other: exclusives need a cache, so count by number.
    mrs     x2, mpidr_el1
    and     w2, w2, #0xff
1:  ldr     w0, [x1]
    add     w0, w0, #1
    cmp     w0, w2
    b.ne    1b
    str     w0, [x1]
1:  ldr     w0, [x1, #4]
    cbnz    w0, junk
    wfe
    b       1b
#endif

junk:
    // What the kernel fails to set right may bring the CPU back here.
    adr     x0, vectors
    msr     vbar_el1, x0
    mrs     x1, CurrentEL
    cmp     x1, #(2 << 2)
    b.ne    1f
    msr     vbar_el2, x0
1:  mov     x0, #(STACK & 0xffff)
    movk    x0, #(STACK >> 16), lsl #16
    msr     spsel, #0
    mov     sp, x0
    msr     spsel, #1
    mov     sp, x0
    b.ne    1f
    msr     sp_el1, x0
1:  msr     spsel, #SPSEL

    .include "junk.inc"

    isb
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, \
            20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
    movz    x\n, #(0x101 * \n)
    movk    x\n, #0xdead, lsl #32
    .endr
    movz    x0, #(TREE & 0xffff)
    movk    x0, #(TREE >> 16), lsl #16
    movk    x0, #(TREE >> 32), lsl #32
    msr     daifset, #DAIF
    msr     daifclr, #(DAIF ^ 15)
    b       kernel                  // given to the linker

// An exception that the kernel did not take: ends the run with status 77
// (semihosting SYS_EXIT_EXTENDED, ADP_Stopped_ApplicationExit).
died:
    msr     daifset, #15
    mov     w0, #0x20
    adr     x1, parameters
    hlt     #0xf000
    b       .

    .balign 0x800
vectors:
    .rept   16
    .balign 0x80
    b       died
    .endr

    .balign 8
parameters:
    .quad   0x20026, 77
arrived:
    .word   0, 0                    // how many are here; may they go?
