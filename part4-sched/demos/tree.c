// SPDX-License-Identifier: MIT
// tree.c - the device tree, a line for each node: its name, where it is, and
// which drivers it is made for.

#include "demo.h"

static unsigned depth_of(const struct fdt *tree, fdt_node node)
{
    unsigned depth = 0;
    while ((node = fdt_parent(tree, node)))
        depth++;
    return depth;
}

void demo_tree(void)
{
    struct fdt tree;
    open_device_tree(&tree);
    unsigned nodes = 0;
    for (fdt_node n = fdt_root(&tree); n; n = fdt_next(&tree, n)) {
        const char *name = fdt_name(&tree, n);
        const char *compatible = fdt_string(&tree, n, "compatible");
        struct fdt_range range;
        printf("%*s%s", 2 * (int)depth_of(&tree, n), "", *name ? name : "/");
        if (fdt_reg(&tree, n, 0, &range) && range.size)
            printf(" at 0x%lx, 0x%lx bytes", range.address, range.size);
        printf("%s%s\n", compatible ? ": " : "", compatible ? compatible : "");
        nodes++;
    }
    printf("result: %u nodes\n", nodes);
}
