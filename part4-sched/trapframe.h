// SPDX-License-Identifier: MIT
// trapframe.h - what vectors.S saves of the code that an exception interrupted.
#ifndef STRATA_TRAPFRAME_H
#define STRATA_TRAPFRAME_H

// Offsets in bytes, for assembly; asserted below to be those of the
// structure.
#define FRAME_X    0
#define FRAME_SP   248
#define FRAME_PC   256
#define FRAME_SPSR 264
#define FRAME_ESR  272
#define FRAME_FAR  280
#define FRAME_KIND 288
#define FRAME_SIZE 304 // a multiple of 16, as the stack pointer must be

#ifndef __ASSEMBLER__

#include <stddef.h>
#include <stdint.h>

struct trap_frame {
    uint64_t x[31];
    uint64_t sp;   // SP_EL0. (KIND 4 to 7 were on SP_EL1: that is our end.)
    uint64_t pc;   // where it was interrupted (ELR_EL1)
    uint64_t spsr; // its PSTATE
    uint64_t esr;  // why
    uint64_t far;  // at which address, where there is one
    uint64_t kind; // which of the 16 vectors
    uint64_t unused;
};

_Static_assert(offsetof(struct trap_frame, x) == FRAME_X, "FRAME_X");
_Static_assert(offsetof(struct trap_frame, sp) == FRAME_SP, "FRAME_SP");
_Static_assert(offsetof(struct trap_frame, pc) == FRAME_PC, "FRAME_PC");
_Static_assert(offsetof(struct trap_frame, spsr) == FRAME_SPSR, "FRAME_SPSR");
_Static_assert(offsetof(struct trap_frame, esr) == FRAME_ESR, "FRAME_ESR");
_Static_assert(offsetof(struct trap_frame, far) == FRAME_FAR, "FRAME_FAR");
_Static_assert(offsetof(struct trap_frame, kind) == FRAME_KIND, "FRAME_KIND");
_Static_assert(sizeof(struct trap_frame) == FRAME_SIZE, "FRAME_SIZE");

#else

// registers_2_to_29 OP, FRAME: saves them (stp) in the frame at FRAME, or loads
// them from there (ldp).
// clang-format off
.macro registers_2_to_29 op, frame
    \op    x2, x3, [\frame, #(FRAME_X + 16)]
    \op    x4, x5, [\frame, #(FRAME_X + 32)]
    \op    x6, x7, [\frame, #(FRAME_X + 48)]
    \op    x8, x9, [\frame, #(FRAME_X + 64)]
    \op    x10, x11, [\frame, #(FRAME_X + 80)]
    \op    x12, x13, [\frame, #(FRAME_X + 96)]
    \op    x14, x15, [\frame, #(FRAME_X + 112)]
    \op    x16, x17, [\frame, #(FRAME_X + 128)]
    \op    x18, x19, [\frame, #(FRAME_X + 144)]
    \op    x20, x21, [\frame, #(FRAME_X + 160)]
    \op    x22, x23, [\frame, #(FRAME_X + 176)]
    \op    x24, x25, [\frame, #(FRAME_X + 192)]
    \op    x26, x27, [\frame, #(FRAME_X + 208)]
    \op    x28, x29, [\frame, #(FRAME_X + 224)]
.endm

// registers_19_to_28 OP, FRAME: the same for those that a function keeps.
.macro registers_19_to_28 op, frame
    \op    x19, x20, [\frame, #(FRAME_X + 152)]
    \op    x21, x22, [\frame, #(FRAME_X + 168)]
    \op    x23, x24, [\frame, #(FRAME_X + 184)]
    \op    x25, x26, [\frame, #(FRAME_X + 200)]
    \op    x27, x28, [\frame, #(FRAME_X + 216)]
.endm
// clang-format on

#endif
#endif
