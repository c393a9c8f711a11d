// SPDX-License-Identifier: MIT
// boot.S - the first instructions that run, and the way into C.
//
// The loader (QEMU, or a boot loader on a board) finds the header below at the
// start of the image, puts the image where the header asks for it and jumps to
// its first byte.

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
// Uses: x1, x2.
enter:
    adr     x1, stack_top           // a stack, before the first C function
    mov     sp, x1

    // C expects its zero-initialized variables to be zero.
    adr     x1, bss_start           // both ends are multiples of 16
    adr     x2, bss_end
1:  cmp     x1, x2
    b.eq    2f
    stp     xzr, xzr, [x1], #16
    b       1b

2:  bl      kernel_main             // kernel_main(tree), which never returns
