// SPDX-License-Identifier: MIT
// gicregs.h - the registers of the interrupt controller, as offsets from their
// base addresses, and their bits. GICv2: IHI 0048; GICv3: IHI 0069.
#ifndef STRATA_GICREGS_H
#define STRATA_GICREGS_H

#include "bits.h"

// The distributor. From IGROUPR to IPRIORITYR: one bit, or one byte, a line; in
// GICv3 a CPU's own lines have theirs at GICR_SGI_BASE in its redistributor.
#define GICD_CTLR       0x000
#define GICD_TYPER      0x004 // bits 4:0: 32 * (n + 1) lines
#define GICD_IGROUPR    0x080
#define GICD_ISENABLER  0x100
#define GICD_ICENABLER  0x180
#define GICD_ISPENDR    0x200
#define GICD_ICPENDR    0x280
#define GICD_ICACTIVER  0x380
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR  0x800  // GICv2: a byte a line, a bit a CPU
#define GICD_SGIR       0xf00  // GICv2: interrupts CPUs; bits 23:16: which
#define GICD_IROUTER    0x6000 // GICv3: eight bytes a line, a CPU's affinity

#define CTLR_GROUP1 BIT(1)  // GICv3: lines of group 1 are forwarded
#define CTLR_ARE    BIT(4)  // GICv3: routing by affinity
#define CTLR_WRITES BIT(31) // GICv3: a write is under way (RWP)

#define GIC_FIRST_SHARED 32 // the first line that is not a CPU's own

// GICv2: a CPU's interface.
#define GICC_CTLR 0x00
#define GICC_PMR  0x04 // only what is more urgent than this comes through
#define GICC_IAR  0x0c
#define GICC_EOIR 0x10
#define GICC_APR  0xd0 // which priorities are being served

// GICv3: a CPU's redistributor.
#define GICR_CTLR           0x00
#define GICR_TYPER          0x08
#define GICR_TYPER_AFFINITY 0x0c // its upper half: whose it is
#define GICR_WAKER          0x14
#define GICR_FRAME          0x10000 // the size of one frame: there are 2 or 4
#define GICR_SGI_BASE       0x10000 // the second: a CPU's own lines

#define GICR_WRITES   BIT(3) // of GICR_CTLR: a write is under way (RWP)
#define TYPER_VIRTUAL BIT(1) // of GICR_TYPER: it has four frames (VLPIS)
#define TYPER_LAST    BIT(4) // of GICR_TYPER: no other comes behind it

#define WAKER_CHILDREN_ASLEEP BIT(2)

#define GIC_PRIORITY 0xa0 // of all lines; less is more urgent

#define IAR_INTID 0x3ff // the bits of an acknowledge register that we need

#define MPIDR_AFFINITY UINT64_C(0xff00ffffff)

#endif
