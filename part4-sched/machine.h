// SPDX-License-Identifier: MIT
// machine.h - what the device tree says about the machine.
#ifndef STRATA_MACHINE_H
#define STRATA_MACHINE_H

#include "fdt.h"

enum {
    MACHINE_BANKS = 8, // of RAM; more are left unused
    MACHINE_CPUS = 8,  // more are left unused
};

struct machine {
    const void *tree;
    const char *model;
    const char *args;                    // the command line; "" if none
    struct fdt_range ram[MACHINE_BANKS]; // in the tree's order
    unsigned ram_count;
    uint64_t cpus[MACHINE_CPUS]; // each CPU's affinity, as in MPIDR_EL1
    unsigned cpu_count;
    uintptr_t uart;
    unsigned gic_version;    // 2 or 3; 0: there is no GIC
    struct fdt_range gic[2]; // distributor; CPU interface or redistributors
    const char *psci_method; // "hvc" or "smc"; NULL: none
    struct fdt_range initrd; // size 0: none
    unsigned uart_line;      // where the UART interrupts, by INTID; 0: nowhere
    unsigned timer_line;     // and the timer's virtual channel
    unsigned pmu_line;       // and the performance monitors; 0: nowhere
};

extern struct machine machine;

// Reads the tree at `tree` into `machine`, and starts the UART that it names.
// Panics, in words, if the tree is malformed or lacks what the kernel needs.
void machine_init(const void *tree);

#endif
