// SPDX-License-Identifier: MIT
// main.c - a machine without a kernel.
//
// There are a few programs, and whoever has the CPU has the machine. The one
// thing we read is the device tree: it carries the command line, and how the
// machine is switched off.

#include "demos/demo.h"
#include "fdt.h"
#include "psci.h"

// Called by boot.S with the device tree's address.
_Noreturn void kernel_main(const void *tree);

void kernel_main(const void *tree)
{
    struct fdt fdt;
    const char *args = NULL;
    if (!fdt_open(&fdt, tree, FDT_MAX_SIZE)) {
        args = fdt_string(&fdt, fdt_find(&fdt, "/chosen"), "bootargs");
        psci_init(fdt_string(&fdt, fdt_find(&fdt, "/psci"), "method"));
    }
    printf("strata part0-why\n");
    demo_run(args ? args : "");
    psci_power_off();
}
