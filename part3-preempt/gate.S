// SPDX-License-Identifier: MIT
// gate.S - the one way into the kernel, and out of it.
//
// The thread that enters is not always the one that leaves: between the two
// halves the kernel may have picked another.

#include "registers.h"
#include "thread.h"

    .text

// void gate(void) - what a program calls by the stubs in strata.h.
// In:   x0 to x7 = the call's arguments; on SP_EL0, the thread's stack.
// Out:  x0 to x6 = its results, when this thread goes on: at once, or after
//       others have run.
// Keeps x19 to x29 and the stack pointer, as any function does (Procedure Call
// Standard, IHI 0055, section 6.1.1). x8 to x18 are the caller's to save, and
// x30 is where we return to.
    .global gate
gate:
    mrs     x10, daif
    msr     daifset, #DAIF_I        // no interrupt while we are in the kernel
    ldr     x9, current
    str     x10, [x9, #FRAME_SPSR]  // the thread's own masks
    stp     x0, x1, [x9, #FRAME_X]
    stp     x2, x3, [x9, #(FRAME_X + 16)]
    stp     x4, x5, [x9, #(FRAME_X + 32)]
    stp     x6, x7, [x9, #(FRAME_X + 48)]
    registers_19_to_28 stp, x9
    mov     x10, sp
    stp     x29, x30, [x9, #(FRAME_X + 232)]
    str     x10, [x9, #FRAME_SP]
    str     xzr, [x9, #FRAME_KIND]  // the others do not count

    // The kernel's stack is empty whenever we come here: nothing of the kernel
    // waits on it for anything. A frame record joins it to the thread's stack,
    // for the backtrace.
    msr     spsel, #1
    stp     x29, x30, [sp, #-16]!
    mov     x29, sp
    mov     x0, x9
    bl      syscall                 // syscall(thread): the one that goes on

    // void resume(thread) - lets x0 go on; the kernel's stack holds one frame
    // record.
    .global resume
resume:
    add     sp, sp, #16
    ldr     x9, [x0, #FRAME_KIND]
    ldr     x11, [x0, #THREAD_STACK]
    msr     dbgwvr0_el1, x11        // the guard moves to this thread's stack,
    cbnz    x9, resume_interrupted
    msr     spsel, #0
    ldr     x10, [x0, #FRAME_SP]
    mov     sp, x10
    isb                             // and is there before the thread goes on
    registers_19_to_28 ldp, x0
    ldp     x29, x30, [x0, #(FRAME_X + 232)]
    ldp     x2, x3, [x0, #(FRAME_X + 16)]
    ldp     x4, x5, [x0, #(FRAME_X + 32)]
    ldr     x6, [x0, #(FRAME_X + 48)]
    ldr     x9, [x0, #FRAME_SPSR]
    ldp     x0, x1, [x0, #FRAME_X]
    msr     daif, x9
    ret

// A thread that was interrupted gets all its registers back, and goes on at the
// instruction that was to be the next. The exception return orders what was
// written, as an isb would.
resume_interrupted:
    ldr     x10, [x0, #FRAME_SP]
    msr     sp_el0, x10
    ldp     x10, x11, [x0, #FRAME_PC]
    msr     elr_el1, x10
    msr     spsr_el1, x11
    registers_2_to_29 ldp, x0
    ldr     x30, [x0, #(FRAME_X + 240)]
    ldp     x0, x1, [x0, #FRAME_X]
    eret

// void thread_start(void) - where a new thread begins.
// In:  x0 = its argument; x19 = its function, x20 = exit; x29 = 0, where
//      backtraces end.
    .global thread_start
thread_start:
    blr     x19                     // function(argument)
    blr     x20                     // exit(), if the function returns
