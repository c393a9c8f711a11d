// SPDX-License-Identifier: MIT
// gic.c - the interrupt controller: Arm's GIC, version 2 or 3.
//
// Both have a distributor, where each line is masked or not and has its
// registers at the same place (GICv2: IHI 0048, GICv3: IHI 0069). They differ
// in how a CPU takes an interrupt: by memory-mapped registers in version 2, by
// system registers in version 3, where a CPU's own lines also moved out of the
// distributor into its redistributor.

#include "gic.h"
#include "gicregs.h"
#include "machine.h"
#include "mmio.h"
#include "panic.h"
#include "registers.h"
#include "sysreg.h"

// The redistributors lie one behind the other, and each says whose it is.
static uintptr_t find_redistributor(void)
{
    uint64_t mpidr = sysreg_read(mpidr_el1);
    uint64_t self = FIELD(mpidr, 39, 32) << 24 | FIELD(mpidr, 23, 0);
    uintptr_t frame = machine.gic[1].address;
    while (mmio_read32(frame + GICR_TYPER_AFFINITY) != self) {
        uint32_t type = mmio_read32(frame + GICR_TYPER);
        if (type & TYPER_LAST)
            panic("GIC: no redistributor for this CPU");
        frame += type & TYPER_VIRTUAL ? 4 * GICR_FRAME : 2 * GICR_FRAME;
    }
    return frame;
}

// The registers of a line: the distributor's, or, for a CPU's own in version 3,
// those of its redistributor.
static uintptr_t registers_of(unsigned line)
{
    if (line < GIC_FIRST_SHARED && machine.gic_version == 3)
        return this_cpu()->redistributor + GICR_SGI_BASE;
    return machine.gic[0].address;
}

// Version 3: what was written to mask lines, or to CTLR, counts from now on.
static void wait_for_writes(void)
{
    while (mmio_read32(machine.gic[0].address + GICD_CTLR) & CTLR_WRITES ||
           mmio_read32(this_cpu()->redistributor + GICR_CTLR) & GICR_WRITES)
        asm volatile("yield");
}

unsigned gic_line_count(void)
{
    uint32_t type = mmio_read32(machine.gic[0].address + GICD_TYPER);
    unsigned count = 32 * ((unsigned)FIELD(type, 4, 0) + 1);
    return count < GIC_LINES ? count : GIC_LINES;
}

// Writes the same value for 32 lines from `first` on, `bits` wide, in the
// registers at `offset`.
static void write_all(unsigned first, unsigned offset, unsigned bits,
                      uint32_t value)
{
    for (unsigned line = first; line < first + 32; line += 32 / bits)
        mmio_write32(registers_of(line) + offset + line * bits / 8, value);
}

static void init_lines(unsigned first)
{
    write_all(first, GICD_ICENABLER, 1, UINT32_MAX);
    write_all(first, GICD_ICPENDR, 1, UINT32_MAX);
    write_all(first, GICD_ICACTIVER, 1, UINT32_MAX);
    write_all(first, GICD_IPRIORITYR, 8, GIC_PRIORITY * UINT32_C(0x01010101));
    write_all(first, GICD_IGROUPR, 1,
              machine.gic_version == 3 ? UINT32_MAX : 0);
}

static void init_shared_lines(void)
{
    for (unsigned line = GIC_FIRST_SHARED; line < gic_line_count(); line += 32)
        init_lines(line);
}

static void init_v2(void)
{
    uintptr_t distributor = machine.gic[0].address;
    mmio_write32(distributor + GICD_CTLR, 0);
    init_shared_lines();
    // Shared lines interrupt the CPU that we run on: each CPU reads its own
    // mask in the targets of its own lines.
    uint32_t self = mmio_read32(distributor + GICD_ITARGETSR);
    for (unsigned line = GIC_FIRST_SHARED; line < gic_line_count(); line += 4)
        mmio_write32(distributor + GICD_ITARGETSR + line, self);
    mmio_write32(distributor + GICD_CTLR, 1);
}

static void init_cpu_v2(void)
{
    this_cpu()->target =
        mmio_read32(machine.gic[0].address + GICD_ITARGETSR) & 0xff;
    init_lines(0);
    mmio_write32(machine.gic[1].address + GICC_APR, 0);
    mmio_write32(machine.gic[1].address + GICC_PMR, 0xff);
    mmio_write32(machine.gic[1].address + GICC_CTLR, 1);
}

static void init_v3(void)
{
    uintptr_t distributor = machine.gic[0].address;
    this_cpu()->redistributor = find_redistributor();
    mmio_write32(distributor + GICD_CTLR, CTLR_ARE);
    wait_for_writes();
    init_shared_lines();
    wait_for_writes();
    uint64_t self = sysreg_read(mpidr_el1) & MPIDR_AFFINITY;
    for (unsigned line = GIC_FIRST_SHARED; line < gic_line_count(); line++) {
        mmio_write32(distributor + GICD_IROUTER + 8 * line, (uint32_t)self);
        mmio_write32(distributor + GICD_IROUTER + 8 * line + 4,
                     (uint32_t)(self >> 32));
    }
    mmio_write32(distributor + GICD_CTLR, CTLR_ARE | CTLR_GROUP1);
}

static void init_cpu_v3(void)
{
    uintptr_t redistributor = find_redistributor();
    this_cpu()->redistributor = redistributor;
    mmio_write32(redistributor + GICR_WAKER, 0);
    while (mmio_read32(redistributor + GICR_WAKER) & WAKER_CHILDREN_ASLEEP)
        asm volatile("yield");
    init_lines(0);
    wait_for_writes();
    sysreg_write(icc_sre_el1, ICC_SRE_SRE);
    sysreg_write(icc_ctlr_el1, 0);  // gic_end is all that there is to do
    sysreg_write(icc_ap1r0_el1, 0); // no interrupt is being served
    sysreg_write(icc_pmr_el1, 0xff);
    sysreg_write(icc_igrpen1_el1, 1);
}

void gic_init(void)
{
    if (machine.gic_version == 2)
        init_v2();
    else if (machine.gic_version == 3)
        init_v3();
    else
        panic("device tree: no interrupt controller that we know");
    gic_init_cpu();
}

void gic_init_cpu(void)
{
    if (machine.gic_version == 2)
        init_cpu_v2();
    else
        init_cpu_v3();
    gic_unmask(GIC_RESCHEDULE);
}

// GICv3: an affinity as ICC_SGI1R_EL1 wants it: the lowest field, below 16, as
// one bit of a list.
static uint64_t target_of(uint64_t affinity)
{
    return FIELD(affinity, 39, 32) << 48 | FIELD(affinity, 23, 16) << 32 |
           FIELD(affinity, 15, 8) << 16 | BIT(FIELD(affinity, 3, 0)) |
           FIELD(affinity, 7, 4) << 44;
}

void gic_send(const struct cpu *cpu)
{
    asm volatile("dsb ishst" : : : "memory");
    if (machine.gic_version == 3)
        sysreg_write(icc_sgi1r_el1,
                     target_of(cpu->affinity) | GIC_RESCHEDULE << 24);
    else
        mmio_write32(machine.gic[0].address + GICD_SGIR,
                     cpu->target << 16 | GIC_RESCHEDULE);
    asm volatile("isb"); // a system register's write is done by now
}

void gic_unmask(unsigned line)
{
    mmio_write32(registers_of(line) + GICD_ISENABLER + line / 32 * 4,
                 (uint32_t)BIT(line % 32));
}

void gic_mask(unsigned line)
{
    mmio_write32(registers_of(line) + GICD_ICENABLER + line / 32 * 4,
                 (uint32_t)BIT(line % 32));
    if (machine.gic_version == 3)
        wait_for_writes();
}

unsigned gic_acknowledge(void)
{
    uint64_t taken = machine.gic_version == 3
                         ? sysreg_read(icc_iar1_el1)
                         : mmio_read32(machine.gic[1].address + GICC_IAR);
    this_cpu()->acknowledged = (uint32_t)taken;
    return taken & IAR_INTID;
}

void gic_end(unsigned line)
{
    if (machine.gic_version == 3)
        sysreg_write(icc_eoir1_el1, line);
    else
        mmio_write32(machine.gic[1].address + GICC_EOIR,
                     this_cpu()->acknowledged); // with who sent it
}
