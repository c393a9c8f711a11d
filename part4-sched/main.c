// SPDX-License-Identifier: MIT
// main.c - the kernel begins: it finds out what machine this is, says so, and
// runs a demo.

#include "demos/demo.h"
#include "bits.h"
#include "gic.h"
#include "guard.h"
#include "machine.h"
#include "mmu.h"
#include "psci.h"
#include "smp.h"
#include "sysreg.h"
#include "thread.h"
#include "timer.h"

// The name behind a value of MIDR_EL1: its implementer (bits 31:24) and part
// number (bits 15:4).
static const char *cpu_name(uint64_t midr)
{
    uint64_t model = FIELD(midr, 31, 24) << 12 | FIELD(midr, 15, 4);
    return model == 0x41d03   ? "cortex-a53"
           : model == 0x41d08 ? "cortex-a72"
           : model == 0x00051 ? "max"
                              : "unknown";
}

static void print_banner(unsigned level)
{
    uint64_t midr = sysreg_read(midr_el1);
    printf("strata part4-sched\n");
    printf("cpu: %s (MIDR 0x%08lx)\n", cpu_name(midr), midr);
    printf("cpus: %u\n", machine.cpu_count);
    printf("entered at: EL%u\n", level);
    printf("ram:");
    for (unsigned i = 0; i < machine.ram_count; i++)
        printf("%s %lu MiB at 0x%lx", i ? " +" : "", machine.ram[i].size >> 20,
               machine.ram[i].address);
    printf("\ngic: %s\n", machine.gic_version == 3   ? "v3"
                          : machine.gic_version == 2 ? "v2"
                                                     : "none");
    printf("timer: %lu Hz\n", sysreg_read(cntfrq_el0));
    printf("dtb: %p, %s\n", machine.tree, machine.model);
    printf("args: %s\n", machine.args);
}

// Called by boot.S with the device tree's address and the exception level (1 or
// 2) that the CPU was entered at.
_Noreturn void kernel_main(const void *tree, unsigned level);

void kernel_main(const void *tree, unsigned level)
{
    extern char stack_bottom[]; // from kernel.ld
    guard_set((uintptr_t)stack_bottom);
    machine_init(tree);
    psci_init(machine.psci_method);
    print_banner(level);
    mmu_init();
    thread_init_main((uintptr_t)stack_bottom);
    gic_init();
    timer_init();
    smp_start();
    gic_unmask(machine.uart_line); // for Ctrl-T
    demo_run(machine.args);
    psci_power_off();
}
