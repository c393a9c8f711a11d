// SPDX-License-Identifier: MIT
// semihost.S - a guest that tries to reach out of the machine: it asks the
// semihosting interface to create a file, to remove one, and to run a command
// on the host; then it prints what it was answered. CREATE, REMOVE and COMMAND
// are given when this is assembled.

// SYS_ calls of "Semihosting for AArch32 and AArch64": the number in w0, the
// address of the parameters in x1, the answer in x0.
#define SYS_OPEN   0x01
#define SYS_REMOVE 0x0e
#define SYS_SYSTEM 0x12
#define OPEN_WRITE 4

#define UART 0x09000000
#define PSCI_SYSTEM_OFF 0x84000008

    .text
    .global _start
_start:
    b       begin                   // the header of an arm64 image
    .word   0
    .quad   0
    .quad   0x10000
    .quad   2
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .word   0

.macro ask number, parameters
    mov     w0, #\number
    adr     x1, \parameters
    hlt     #0xf000
    bl      answer
.endm

begin:
    ask     SYS_OPEN, open
    ask     SYS_REMOVE, remove
    ask     SYS_SYSTEM, system
    ldr     w0, =PSCI_SYSTEM_OFF
    hvc     #0
    b       .

// Prints x0: a line of sixteen hexadecimal digits.
answer:
    ldr     x2, =UART
    mov     w3, #16
1:  ror     x0, x0, #60
    and     w4, w0, #15
    add     w5, w4, #'0'
    add     w6, w4, #('a' - 10)
    cmp     w4, #10
    csel    w4, w5, w6, lo
    str     w4, [x2]
    subs    w3, w3, #1
    b.ne    1b
    mov     w4, #'\n'
    str     w4, [x2]
    ret

    .balign 8
open:
    .quad   create_name, OPEN_WRITE, create_end - create_name - 1
remove:
    .quad   remove_name, remove_end - remove_name - 1
system:
    .quad   command, command_end - command - 1
create_name:
    .asciz  CREATE
create_end:
remove_name:
    .asciz  REMOVE
remove_end:
command:
    .asciz  COMMAND
command_end:
