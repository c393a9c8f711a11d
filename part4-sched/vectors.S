// SPDX-License-Identifier: MIT
// vectors.S - where the CPU goes on an exception.
//
// The table has 16 entries of 128 bytes each (Arm ARM, "Exception vectors"):
//
//      synchronous  IRQ  FIQ  SError
//           0        1    2     3      from EL1 while it was on SP_EL0
//           4        5    6     7      from EL1 while it was on SP_EL1
//           8        9   10    11      from EL0 in AArch64
//          12       13   14    15      from EL0 in AArch32
//
// Each saves its number and goes on in common code.

#include "smp.h"
#include "thread.h"

// vector KIND: one entry. An exception always begins on SP_EL1, except that at
// KIND 4 to 7 it was already in use.
.macro vector kind
    .balign 0x80
    sub     sp, sp, #FRAME_SIZE
    stp     x0, x1, [sp, #FRAME_X]
    mov     x0, #\kind
    b       save_frame
.endm

    .text
    .balign 0x800                   // VBAR_EL1 demands it
    .global vectors
vectors:
    vector  0
    .balign 0x80                    // 1: an interrupt of a thread
    stp     x0, x1, [sp, #-16]!
    b       interrupted
    .irp kind, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vector  \kind
    .endr

// The rest of a struct trap_frame, then exception(frame).
// In:  x0 = kind; x0 and x1 as interrupted are in the frame already.
save_frame:
    registers_2_to_29 stp, sp

    mrs     x1, sp_el0
    stp     x30, x1, [sp, #(FRAME_X + 240)]
    mrs     x1, elr_el1
    mrs     x2, spsr_el1
    stp     x1, x2, [sp, #FRAME_PC]
    mrs     x1, esr_el1
    mrs     x2, far_el1
    stp     x1, x2, [sp, #FRAME_ESR]
    str     x0, [sp, #FRAME_KIND]

    mov     x0, sp
    mov     x29, xzr                // a backtrace from here ends here
    bl      exception               // exception(frame), which never returns

// The current thread was interrupted. It did not expect that, and so has put
// nothing aside: all registers go into its frame. Then C picks the thread that
// goes on.
// In:  x0 and x1 as interrupted are on the kernel's stack.
interrupted:
    mrs     x0, tpidr_el1
    ldr     x0, [x0, #CPU_THREAD]
    registers_2_to_29 stp, x0
    ldp     x2, x3, [sp], #16       // the kernel's stack is empty again
    stp     x2, x3, [x0, #FRAME_X]
    mrs     x1, sp_el0
    stp     x30, x1, [x0, #(FRAME_X + 240)]
    mrs     x1, elr_el1
    mrs     x2, spsr_el1
    stp     x1, x2, [x0, #FRAME_PC]
    mov     x2, #1                  // KIND: all registers count
    str     x2, [x0, #FRAME_KIND]
    stp     x29, x1, [sp, #-16]!    // for the backtrace, as in gate.S
    mov     x29, sp
    bl      interrupt               // interrupt(): the thread that goes on
    b       resume
