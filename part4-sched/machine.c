// SPDX-License-Identifier: MIT
// machine.c - what the device tree says about the machine.
//
// Nothing is known about the machine but what stands in the tree: where RAM is,
// which UART is ours, how many CPUs there are (Devicetree Specification v0.4,
// chapter 3). The tree comes from outside; fdt.c checks its form, and this file
// whether it makes sense.

#include "machine.h"
#include "gic.h"
#include "panic.h"
#include "string.h"
#include "uart.h"

struct machine machine;
static struct fdt tree;

// The INTID of a node's interrupt; 0 if it has no sound one. Three cells each:
// 0 for a shared line or 1 for a CPU's own, its number there, and flags (Linux,
// bindings/interrupt-controller/arm,gic.yaml).
static unsigned line_of(fdt_node node, unsigned index)
{
    uint32_t length;
    const uint8_t *cells = fdt_property(&tree, node, "interrupts", &length);
    if (!cells || length < 12 * (index + 1))
        return 0;
    cells += 12 * index;
    unsigned line = (cells[3] ? 16 : 32) + (unsigned)(cells[6] << 8 | cells[7]);
    return line < GIC_LINES ? line : 0;
}

static void find_uart(void)
{
    // The one that the firmware talks on, or else the first one.
    const char *path =
        fdt_string(&tree, fdt_find(&tree, "/chosen"), "stdout-path");
    fdt_node node = path ? fdt_find(&tree, path) : FDT_NONE;
    if (!fdt_is_compatible(&tree, node, "arm,pl011"))
        node = fdt_find_compatible(&tree, FDT_NONE, "arm,pl011");
    struct fdt_range range;
    if (!fdt_reg(&tree, node, 0, &range) || !uart_probe(range.address))
        panic("device tree: no UART (arm,pl011) with an address");
    machine.uart = range.address;
    machine.uart_line = line_of(node, 0);
    uart_init(machine.uart);
}

static void add_ram(fdt_node node)
{
    for (unsigned i = 0; i < fdt_reg_count(&tree, node); i++) {
        struct fdt_range bank;
        if (!fdt_reg(&tree, node, i, &bank))
            panic("device tree: a bank of RAM has no sound address");
        if (bank.size && machine.ram_count < MACHINE_BANKS)
            machine.ram[machine.ram_count++] = bank;
    }
}

static void add_cpu(fdt_node node)
{
    if (machine.cpu_count == MACHINE_CPUS)
        return;
    if (!fdt_number(&tree, node, "reg", &machine.cpus[machine.cpu_count]))
        panic("device tree: a CPU has no number");
    machine.cpu_count++;
}

static bool find_gic(const char *compatible, unsigned version)
{
    fdt_node node = fdt_find_compatible(&tree, FDT_NONE, compatible);
    if (!fdt_reg(&tree, node, 0, &machine.gic[0]) ||
        !fdt_reg(&tree, node, 1, &machine.gic[1]))
        return false;
    machine.gic_version = version;
    return true;
}

static void find_timer(void)
{
    fdt_node node = fdt_find_compatible(&tree, FDT_NONE, "arm,armv8-timer");
    machine.timer_line = line_of(node, 2); // after two physical channels
    if (!machine.timer_line)
        panic("device tree: no timer (arm,armv8-timer) with an interrupt");
    node = fdt_find_compatible(&tree, FDT_NONE, "arm,armv8-pmuv3");
    machine.pmu_line = line_of(node, 0);
}

static void find_firmware(void)
{
    fdt_node node = fdt_find_compatible(&tree, FDT_NONE, "arm,psci-1.0");
    if (!node)
        node = fdt_find_compatible(&tree, FDT_NONE, "arm,psci-0.2");
    machine.psci_method = fdt_string(&tree, node, "method");
}

static void read_chosen(void)
{
    fdt_node chosen = fdt_find(&tree, "/chosen");
    const char *args = fdt_string(&tree, chosen, "bootargs");
    machine.args = args ? args : "";
    uint64_t start, end;
    if (fdt_number(&tree, chosen, "linux,initrd-start", &start) &&
        fdt_number(&tree, chosen, "linux,initrd-end", &end) && start < end)
        machine.initrd = (struct fdt_range){start, end - start};
}

void machine_init(const void *blob)
{
    const char *error = fdt_open(&tree, blob, FDT_MAX_SIZE);
    if (error)
        panic("device tree: %s", error);
    machine.tree = blob;
    find_uart();
    find_timer();
    find_firmware();
    read_chosen();
    const char *model = fdt_string(&tree, fdt_root(&tree), "model");
    machine.model = model ? model : "unnamed";
    for (fdt_node n = fdt_root(&tree); n; n = fdt_next(&tree, n)) {
        const char *type = fdt_string(&tree, n, "device_type");
        if (type && strcmp(type, "memory") == 0 && fdt_is_enabled(&tree, n))
            add_ram(n);
        if (type && strcmp(type, "cpu") == 0)
            add_cpu(n);
    }
    if (!machine.ram_count || !machine.cpu_count)
        panic("device tree: no RAM, or no CPU");
    if (!find_gic("arm,gic-v3", 3) && !find_gic("arm,gic-400", 2))
        find_gic("arm,cortex-a15-gic", 2);
}
