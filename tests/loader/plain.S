// SPDX-License-Identifier: MIT
// plain.S - a loader of the tests that enters the kernel with x0 = TREE, on
// one CPU. If the machine begins at EL3 it goes down to EL2 first.

// SCR_EL3: what is below is non-secure AArch64, and HVC works.
#define SCR_VALUE ((1 << 10) | (1 << 8) | (3 << 4) | 1)
#define SPSR_EL2H 0x3c9
#define ICC_SRE_EL3 S3_6_C12_C12_5

    .text
    .global _start
_start:
    ldr     x0, =TREE
    mrs     x1, CurrentEL
    cmp     x1, #(3 << 2)
    b.eq    1f
    b       kernel                  // given to the linker
1:  mov     x1, #SCR_VALUE
    msr     scr_el3, x1
    msr     cptr_el3, xzr
    msr     mdcr_el3, xzr
    mov     x1, #0xf                // EL2 reaches the GIC's registers too
    msr     ICC_SRE_EL3, x1
    isb
    ldr     x1, =kernel
    msr     elr_el3, x1
    mov     x1, #SPSR_EL2H
    msr     spsr_el3, x1
    eret
