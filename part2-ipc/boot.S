// SPDX-License-Identifier: MIT
// boot.S - the first instructions that run, and the way into C.
//
// The loader (QEMU, or a boot loader on a board) finds the header below at the
// start of the image, puts the image where the header asks for it and jumps to
// its first byte.

#include "registers.h"

// The header of a Linux arm64 kernel image
// (Documentation/arch/arm64/booting.rst in Linux). A loader that knows it
// hands over the device tree's address in x0.
    .section .text.boot, "ax"
    .global _start
_start:
    b       enter                   // code0: executable
    .word   0                       // code1
    .quad   0                       // text_offset: 0 from a multiple of 2 MiB
    .quad   image_size              // how much memory we need, zeros included
    .quad   0x2                     // flags: little-endian, 4 KiB pages
    .quad   0, 0, 0                 // reserved
    .ascii  "ARM\x64"               // the magic number
    .word   0                       // reserved

// void enter(paddr_t tree) - where the machine begins to be ours.
// In:   x0 = address of the device tree; the MMU is off.
// Uses: x1, x2, and what cpu_setup uses.
enter:
    // The CPU whose affinity fields are all 0 boots; any other that arrives
    // here is parked until part 4 has work for it.
    mrs     x1, mpidr_el1
    mov     x2, #0xffffff           // Aff2, Aff1, Aff0
    movk    x2, #0xff, lsl #32      // Aff3
    tst     x1, x2
    b.ne    park

    bl      cpu_setup               // from here on we are at EL1

    // Exceptions run on SP_EL1, everything else on SP_EL0: so the report of a
    // stack overflow has a stack to stand on.
    adr     x1, kernel_stack_top
    mov     sp, x1
    msr     spsel, #0
    adr     x1, stack_top           // a stack, before the first C function
    mov     sp, x1

    // C expects its zero-initialized variables to be zero.
    adr     x1, bss_start           // both ends are multiples of 16
    adr     x2, bss_end
1:  cmp     x1, x2
    b.eq    2f
    stp     xzr, xzr, [x1], #16
    b       1b

2:  mov     x1, x9                  // the exception level that we came in at
    mov     x29, xzr                // the backtrace ends here
    msr     daifclr, #(DAIF_D | DAIF_A) // watchpoints and SErrors may come
    bl      kernel_main             // kernel_main(tree, level), never returns

// Where a CPU waits that has nothing to do. Its timer is off, so that it leaves
// no interrupt pending for whoever wakes the CPU one day.
park:
    msr     daifset, #0xf
    msr     cntv_ctl_el0, xzr
    isb
1:  wfe
    b       1b

// set_register: a constant of up to 48 bits into a system register, by x1. It
// is made of instructions alone: a load from memory would depend on
// SCTLR_ELx.EE, big-endian data, which is not set yet.
.macro set_register register, value
    movz    x1, #((\value) & 0xffff)
    movk    x1, #(((\value) >> 16) & 0xffff), lsl #16
    movk    x1, #(((\value) >> 32) & 0xffff), lsl #32
    msr     \register, x1
.endm

// unsigned cpu_setup(void) - brings the calling CPU, at EL1 or EL2, into the
// state that the kernel counts on: EL1 on SP_EL1, MMU and caches off, all
// exceptions masked, every control register that matters at a value given
// here. What reset or the loader left in a register is never assumed.
// Out:  x9 = the exception level that we were entered at, 1 or 2.
// Uses: x1, x2, x3. Touches no memory.
cpu_setup:
    msr     daifset, #0xf           // nothing may interrupt this
    msr     spsel, #1
    mrs     x1, CurrentEL
    ubfx    x9, x1, #2, #2
    cmp     x1, #CURRENTEL_EL2
    b.ne    setup_el1

    // EL2 first decides what EL1 is. HCR_EL2 comes before all else: while its
    // bit E2H is 1, CPTR_EL2 and CNTHCTL_EL2 have another layout, and names
    // that end in _EL1 mean registers of EL2 (Arm ARM, "Virtualization
    // Host Extensions"). The ISB makes the change count for what follows.
    set_register hcr_el2, HCR_VALUE
    isb
    set_register sctlr_el2, SCTLR_EL2_RES1 // EL2's own MMU and caches are off
    set_register cptr_el2, CPTR_EL2_VALUE
    set_register cnthctl_el2, CNTHCTL_VALUE
    msr     cntvoff_el2, xzr        // virtual time is physical time
    msr     hstr_el2, xzr           // no traps of the old coprocessors
    msr     vttbr_el2, xzr          // translations are tagged with VMID 0
    mrs     x1, midr_el1            // the identification that EL1 reads is
    msr     vpidr_el2, x1           // that of the real CPU
    mrs     x1, mpidr_el1
    msr     vmpidr_el2, x1

    // MDCR_EL2: no debug or counter access traps. Its field HPMN says how many
    // event counters EL1 has: all, that is PMCR_EL0.N, if there is a PMU.
    mov     x2, xzr
    mrs     x1, id_aa64dfr0_el1
    ubfx    x1, x1, #8, #4          // PMUVer: 0 none, 15 not the standard one
    add     x1, x1, #1              // so 1 and 16, which have none of
    tst     x1, #0xe                // the bits 1 to 3
    b.eq    1f
    mrs     x2, pmcr_el0
    ubfx    x2, x2, #11, #5         // N
1:  msr     mdcr_el2, x2

    // The GIC's system registers, where the CPU has them.
    mrs     x1, id_aa64pfr0_el1
    ubfx    x1, x1, #24, #4         // GIC
    cbz     x1, 1f
    set_register ICC_SRE_EL2, ICC_SRE_EL2_VALUE
    isb                             // SRE is on before the next register
    msr     ICH_HCR_EL2, xzr        // no virtual interrupts
1:
    // The trap registers of newer CPUs, where they are present: no traps.
    mrs     x1, id_aa64mmfr0_el1
    ubfx    x1, x1, #56, #4         // FGT, fine-grained traps
    cbz     x1, 1f
    .irp traps, HFGRTR_EL2, HFGWTR_EL2, HFGITR_EL2, HDFGRTR_EL2, HDFGWTR_EL2
    msr     \traps, xzr
    .endr
1:  mrs     x1, id_aa64mmfr1_el1
    ubfx    x1, x1, #40, #4         // HCX, the extended HCR
    cbz     x1, setup_el1
    msr     HCRX_EL2, xzr

setup_el1:
    // EL1's registers have the same names at EL1 and, with E2H 0, at EL2.
    set_register sctlr_el1, SCTLR_EL1_VALUE
    isb                             // at EL1: little-endian and strict now
    msr     cpacr_el1, xzr          // floating point and SVE trap: unused
    msr     cntkctl_el1, xzr        // EL0 reaches no counter and no timer
    msr     cntv_ctl_el0, xzr       // our own timer is off
    adr     x1, vectors
    msr     vbar_el1, x1

    // The debug registers are locked after a reset, and the breakpoints and
    // watchpoints behind the lock hold anything. A CPU has BRPs + 1 of one and
    // WRPs + 1 of the other, 2 to 16. A register's number is part of the
    // instruction, so there is no loop: we jump into a row of sixteen, as far
    // before its end as there are registers.
    msr     mdscr_el1, xzr
    msr     osdlr_el1, xzr
    msr     oslar_el1, xzr
    isb                             // unlocked before the next write
    mrs     x2, id_aa64dfr0_el1
    ubfx    x1, x2, #12, #4         // BRPs
    adr     x3, 1f - 4              // the last of the row
    sub     x3, x3, x1, lsl #2
    br      x3
    .irp n, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0
    msr     dbgbcr\n\()_el1, xzr
    .endr
1:  ubfx    x1, x2, #20, #4         // WRPs
    adr     x3, 1f - 4
    sub     x3, x3, x1, lsl #2
    br      x3
    .irp n, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0
    msr     dbgwcr\n\()_el1, xzr
    .endr
1:  set_register mdscr_el1, MDSCR_VALUE
    isb

    // Back to the caller, which finds itself at EL1 in either case: what was
    // set up at EL2 comes into force with the ERET.
    cmp     x9, #1
    b.ne    1f
    ret
1:  msr     elr_el2, x30
    set_register spsr_el2, (SPSR_DAIF | SPSR_EL1H)
    eret
