// SPDX-License-Identifier: MIT
// selftest.c - what can only be tested on the machine itself.

#include "gic.h"
#include "gicregs.h"
#include "guard.h"
#include "machine.h"
#include "mmio.h"
#include "panic.h"
#include "printf.h"
#include "registers.h"
#include "selftest_ipc.h"
#include "selftest_notify.h"
#include "string.h"
#include "symbols.h"
#include "sysreg.h"
#include "tap.h"
#include "uart.h"

void demo_selftest(void);

#define TEST_REGISTER(name, expected)                             \
    tap_point(sysreg_read(name) == (expected), #name " is 0x%lx", \
              (uint64_t)(expected))

// Every control register that cpu_setup in boot.S promises to set, as far as
// EL1 can read it.
static void test_registers(void)
{
    extern const char vectors[];
    TEST_REGISTER(sctlr_el1, SCTLR_EL1_VALUE | SCTLR_M | SCTLR_C | SCTLR_I);
    TEST_REGISTER(cpacr_el1, CPACR_VALUE);
    TEST_REGISTER(cntkctl_el1, CNTKCTL_VALUE);
    TEST_REGISTER(mdscr_el1, MDSCR_VALUE);
    TEST_REGISTER(vbar_el1, (uintptr_t)vectors);
    TEST_REGISTER(cntv_ctl_el0, 0);
    TEST_REGISTER(currentel, CURRENTEL_EL1);
    TEST_REGISTER(spsel, 0);
    TEST_REGISTER(daif, SPSR_DAIF & ~((DAIF_D | DAIF_A) << 6));
    tap_point((sysreg_read(oslsr_el1) & BIT(1)) == 0, "the OS lock is open");
    tap_point((sysreg_read(mpidr_el1) & 0xff00ffffff) == machine.cpus[0],
              "we run on the first CPU of the tree");
}

// Breakpoints and watchpoints: all off, but for the guard's.
static void test_debug_registers(void)
{
    tap_point(!(sysreg_read(dbgbcr0_el1) & 1) &&
                  !(sysreg_read(dbgbcr1_el1) & 1),
              "no breakpoint is on");
    tap_point(!(sysreg_read(dbgwcr1_el1) & 1), "one watchpoint is on");
    extern const char stack_bottom[];
    uintptr_t bottom = (uintptr_t)stack_bottom;
    tap_point(guard_covers(bottom) && guard_covers(bottom + GUARD_SIZE - 1) &&
                  !guard_covers(bottom - 1) &&
                  !guard_covers(bottom + GUARD_SIZE),
              "the guard covers the stack's lowest KiB");
}

// EL2 decides what EL1 may; none of these accesses may trap.
static void test_access(void)
{
    uint64_t a = sysreg_read(cntvct_el0), b = sysreg_read(cntpct_el0);
    tap_point(a <= b && b - a < 1000000, "virtual time is physical time");
    sysreg_read(cntp_ctl_el0);
    tap_point(true, "the physical timer does not trap");
    uint64_t pmu = FIELD(sysreg_read(id_aa64dfr0_el1), 11, 8);
    if (pmu != 0 && pmu != 15)
        tap_point(FIELD(sysreg_read(pmcr_el0), 15, 11) > 0, "EL1 has counters");
    else
        tap_point(true, "EL1 has counters # SKIP no PMU");
}

static void test_machine(void)
{
    tap_point(uart_probe(machine.uart), "a PL011 answers at 0x%lx",
              machine.uart);
    uint64_t ram = 0;
    for (unsigned i = 0; i < machine.ram_count; i++)
        ram += machine.ram[i].size;
    tap_point(ram >= UINT64_C(64) << 20, "there are %lu MiB of RAM", ram >> 20);
    tap_point(machine.gic_version == 0 || machine.gic[1].size > 0,
              "the GIC has two ranges, the first one at 0x%lx",
              machine.gic[0].address);
    tap_point(machine.psci_method != NULL, "firmware is called by %s",
              machine.psci_method ? machine.psci_method : "nothing");
    if (machine.initrd.size)
        tap_point(*(const volatile uint8_t *)machine.initrd.address != 0,
                  "the initrd has %lu bytes", machine.initrd.size);
    else
        tap_point(true, "the initrd # SKIP there is none");
}

static void test_symbols(void)
{
    uint64_t offset = 99;
    const char *name = symbol_name((uintptr_t)demo_selftest, &offset);
    tap_point(name && strcmp(name, "demo_selftest") == 0 && offset == 0,
              "a function's first byte has its name");
    name = symbol_name((uintptr_t)demo_selftest + 4, &offset);
    tap_point(name && strcmp(name, "demo_selftest") == 0 && offset == 4,
              "so does the next instruction");
    tap_point(!symbol_name(0, &offset), "address 0 has none");
}

// Is this line of the CPU's own let through?
static bool is_unmasked(unsigned line)
{
    uintptr_t base = machine.gic_version == 3
                         ? machine.gic[1].address + GICR_SGI_BASE
                         : machine.gic[0].address;
    return mmio_read32(base + GICD_ISENABLER) & BIT(line);
}

// Interrupts: this thread, main, has them masked, so none comes meanwhile.
static void test_interrupts(void)
{
    enum { SPARE = 22 };         // a line that nobody uses
    gic_mask(machine.uart_line); // somebody may type
    tap_point(is_unmasked(machine.timer_line), "the timer's line is unmasked");
    gic_unmask(SPARE);
    tap_point(is_unmasked(SPARE) && is_unmasked(machine.timer_line),
              "a line is unmasked, and the timer's still");
    gic_mask(SPARE);
    tap_point(!is_unmasked(SPARE) && is_unmasked(machine.timer_line),
              "it is masked again, and the timer's is not");
    gic_unmask(GIC_LINES - 1); // that there is none is no harm
    gic_mask(GIC_LINES - 1);
    tap_point(gic_acknowledge() == GIC_SPURIOUS, "no interrupt is pending");
    tap_point(sysreg_read(cntv_ctl_el0) == 0, "the timer is off");
}

void demo_selftest(void)
{
    tap_begin();
    test_registers();
    test_debug_registers();
    test_access();
    test_machine();
    test_symbols();
    test_interrupts();
    selftest_ipc();
    selftest_notify();
    if (!tap_end())
        halt(1);
}
