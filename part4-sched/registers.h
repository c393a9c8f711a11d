// SPDX-License-Identifier: MIT
// registers.h - the bits of the system registers that we set or read, by their
// names in the Arm Architecture Reference Manual for A-profile (DDI 0487),
// "AArch64 System Register Descriptions". Used by C and by assembly.
#ifndef STRATA_REGISTERS_H
#define STRATA_REGISTERS_H

#include "bits.h"

// CurrentEL: the exception level, in bits 3:2.
#define CURRENTEL_EL1 (1 << 2)
#define CURRENTEL_EL2 (2 << 2)

// HCR_EL2: what EL2 traps and routes.
#define HCR_HCD   BIT(29) // HVC is undefined, where there is no EL3
#define HCR_RW    BIT(31) // EL1 is AArch64
#define HCR_APK   BIT(40) // pointer authentication keys are not trapped
#define HCR_API   BIT(41) // pointer authentication is not trapped
#define HCR_VALUE (HCR_HCD | HCR_RW | HCR_APK | HCR_API) // E2H and TGE are 0

// CPTR_EL2, as laid out while E2H is 0: bits that are 1 by definition, and
// traps of SVE (TZ) and SME (TSM). Floating point is not trapped (TFP is 0).
#define CPTR_EL2_RES1  (BIT(13) | BIT(9) | 0xff)
#define CPTR_EL2_TZ    BIT(8)
#define CPTR_EL2_TSM   BIT(12)
#define CPTR_EL2_VALUE (CPTR_EL2_RES1 | CPTR_EL2_TZ | CPTR_EL2_TSM)

// CNTHCTL_EL2, as laid out while E2H is 0: EL1 may use the physical counter
// and timer.
#define CNTHCTL_EL1PCTEN BIT(0)
#define CNTHCTL_EL1PCEN  BIT(1)
#define CNTHCTL_VALUE    (CNTHCTL_EL1PCTEN | CNTHCTL_EL1PCEN)

// ICC_SRE_EL2: the GIC is reached by system registers, from EL1 too.
#define ICC_SRE_SRE    BIT(0)
#define ICC_SRE_DFB    BIT(1)
#define ICC_SRE_DIB    BIT(2)
#define ICC_SRE_ENABLE BIT(3)
#define ICC_SRE_EL2_VALUE \
    (ICC_SRE_SRE | ICC_SRE_DFB | ICC_SRE_DIB | ICC_SRE_ENABLE)

// Registers that the assembler does not know by name without an extension.
#define ICC_SRE_EL2 S3_4_C12_C9_5
#define ICH_HCR_EL2 S3_4_C12_C11_0
#define HCRX_EL2    S3_4_C1_C2_2
#define HFGRTR_EL2  S3_4_C1_C1_4
#define HFGWTR_EL2  S3_4_C1_C1_5
#define HFGITR_EL2  S3_4_C1_C1_6
#define HDFGRTR_EL2 S3_4_C3_C1_4
#define HDFGWTR_EL2 S3_4_C3_C1_5

// SPSR_ELx: the state that ERET returns to.
#define PSTATE_I  BIT(7) // DAIF: interrupts masked
#define SPSR_F    BIT(6) // FIQs masked: nobody sends any
#define SPSR_EL1H 0x5    // EL1, on SP_EL1
#define SPSR_DAIF 0x3c0  // all four kinds of exceptions masked

// SCTLR_EL1 and SCTLR_EL2. Off, among others: MMU (M), caches (C and I),
// big-endian data (EE).
#define SCTLR_A   BIT(1) // unaligned accesses fault
#define SCTLR_SA  BIT(3) // so does a stack pointer that is no multiple of 16
#define SCTLR_SA0 BIT(4) // the same for EL0
#define SCTLR_EL1_RES1 \
    (BIT(11) | BIT(20) | BIT(22) | BIT(23) | BIT(28) | BIT(29))
#define SCTLR_EL1_VALUE (SCTLR_EL1_RES1 | SCTLR_A | SCTLR_SA | SCTLR_SA0)
#define SCTLR_EL2_RES1                                                   \
    (BIT(4) | BIT(5) | BIT(11) | BIT(16) | BIT(18) | BIT(22) | BIT(23) | \
     BIT(28) | BIT(29))

#define SCTLR_M BIT(0)  // the MMU is on (mmu_enable)
#define SCTLR_C BIT(2)  // data is cached
#define SCTLR_I BIT(12) // so are instructions

// MAIR_EL1: two kinds of memory, and in a table's entry the number of its kind
// (Arm ARM, "VMSAv8-64 translation table format descriptors"). Device memory is
// never executed: the CPU would fetch from it ahead of time. Whatever all CPUs
// share is inner shareable.
#define MAIR_VALUE   0xff04 // 0: Device-nGnRE; 1: Normal, write-back
#define ENTRY_TABLE  0x3
#define ENTRY_BLOCK  0x1
#define ENTRY_AF     BIT(10) // it may be used (the access flag)
#define ENTRY_SHARED (3 << 8)
#define ENTRY_NEVER  (BIT(53) | BIT(54)) // is executed, at EL1 and at EL0
#define ENTRY_DEVICE (ENTRY_BLOCK | ENTRY_AF | ENTRY_NEVER)
#define ENTRY_NORMAL (ENTRY_BLOCK | ENTRY_AF | ENTRY_SHARED | 1 << 2)

// TCR_EL1: addresses of 39 bits, so that tables begin at level 1, in pages of
// 4 KiB, by TTBR0 alone; the walk goes through the caches. IPS is the size of a
// physical address.
#define TCR_T0SZ      (64 - 39)
#define TCR_CACHED    ((1 << 8) | (1 << 10) | (3 << 12))
#define TCR_EPD1      BIT(23)
#define TCR_VALUE     (TCR_T0SZ | TCR_CACHED | TCR_EPD1)
#define TCR_IPS_SHIFT 32
#define IPS_48        5

// CPACR_EL1: floating point and SVE trap, the kernel uses neither.
#define CPACR_VALUE 0
// CNTKCTL_EL1: EL0 reaches neither counters nor timers.
#define CNTKCTL_VALUE 0

// MDSCR_EL1: watchpoints and breakpoints work, in the kernel too.
#define MDSCR_KDE   BIT(13)
#define MDSCR_MDE   BIT(15)
#define MDSCR_VALUE (MDSCR_KDE | MDSCR_MDE)

// DBGWCR<n>_EL1: what a watchpoint watches.
#define DBGWCR_E       BIT(0)          // it is on
#define DBGWCR_PAC_EL1 (1 << 1)        // accesses made at EL1
#define DBGWCR_LSC     (3 << 3)        // loads and stores
#define DBGWCR_BAS     (0xff << 5)     // all eight bytes of a word
#define DBGWCR_MASK(n) (BIT(24) * (n)) // 2^n bytes, n from 3 to 31

// ISR_EL1: what is pending.
#define ISR_I BIT(7) // an interrupt

// The performance monitors: PMCR_EL0 and PMCNTENSET_EL0.
#define PMCR_E    BIT(0)  // counters count
#define PMCR_C    BIT(2)  // the cycle counter begins at 0
#define PMCR_LC   BIT(6)  // it has 64 bits
#define PMCNTEN_C BIT(31) // the cycle counter is on

// PSTATE.D, A and I as MSR DAIFClr and DAIFSet take them.
#define DAIF_D 8 // debug exceptions: watchpoints
#define DAIF_A 4 // SError interrupts
#define DAIF_I 2 // interrupts

// ESR_ELx: why an exception was taken. EC is the class, ISS the details.
#define ESR_EC(esr)        FIELD(esr, 31, 26)
#define ESR_IL             BIT(25)           // the instruction had 32 bits
#define ESR_STATUS(esr)    FIELD(esr, 5, 0)  // of an abort: DFSC or IFSC
#define ESR_WNR            BIT(6)            // of a data abort: a write
#define ESR_IMMEDIATE(esr) FIELD(esr, 15, 0) // of BRK, SVC, HVC: its operand

// ESR_EC: the classes that have a meaning for us.
#define EC_UNKNOWN           0x00
#define EC_FP                0x07
#define EC_ILLEGAL_STATE     0x0e
#define EC_SVC               0x15
#define EC_INSTRUCTION_ABORT 0x21
#define EC_PC_ALIGNMENT      0x22
#define EC_DATA_ABORT        0x25
#define EC_SP_ALIGNMENT      0x26
#define EC_SERROR            0x2f
#define EC_WATCHPOINT        0x35
#define EC_BRK               0x3c

// ESR_STATUS: how an abort came about.
#define STATUS_ADDRESS_SIZE 0x00
#define STATUS_TRANSLATION  0x04
#define STATUS_ACCESS_FLAG  0x08
#define STATUS_PERMISSION   0x0c
#define STATUS_EXTERNAL     0x10 // no level
#define STATUS_WALK         0x14
#define STATUS_ALIGNMENT    0x21
#define STATUS_TLB_CONFLICT 0x30

// Do bits 1:0 say at which level of the table walk, 0 to 3?
#define STATUS_HAS_LEVEL(status) \
    ((status) < STATUS_EXTERNAL || ((status)&0x3c) == STATUS_WALK)

#endif
