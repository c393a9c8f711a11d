// SPDX-License-Identifier: MIT
// fdt.h - reading a flattened device tree (Devicetree Specification v0.4,
// chapter 5).
//
// The blob comes from outside: nothing in it is believed before it is checked.
// fdt_open walks all of it once; after that every offset, name and length in
// it is known to be sound, and the other functions need no error handling of
// their own. The blob must stay as it is while it is in use.
#ifndef STRATA_FDT_H
#define STRATA_FDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FDT_MAX_SIZE  (2 << 20) // bytes; the Linux arm64 boot protocol's limit
#define FDT_MAX_DEPTH 16        // nested nodes, the root included

struct fdt {
    const uint8_t *blob;
    uint32_t size;           // of the whole blob, in bytes
    uint32_t structure;      // offset of the structure block
    uint32_t structure_size; // in bytes
    uint32_t strings;        // offset of the strings block
    uint32_t strings_size;   // in bytes
};

// A node: the offset of its FDT_BEGIN_NODE token from the start of the blob.
typedef uint32_t fdt_node;

// No such node. It may be given to the functions below: it has no name (""), no
// parent and no properties, and the node after it is the root.
#define FDT_NONE 0 // no such node

// A stretch of physical addresses.
struct fdt_range {
    uint64_t address;
    uint64_t size; // bytes
};

// Checks the tree at `blob`, of which at most `limit` bytes may be read, and
// sets up `fdt`. Returns NULL if it is well-formed, or else a short text that
// says what is wrong with it.
const char *fdt_open(struct fdt *fdt, const void *blob, size_t limit);

// The root node.
fdt_node fdt_root(const struct fdt *fdt);

// The node after `node` in the order of the blob, which is depth first, a
// parent before its children. FDT_NONE after the last.
fdt_node fdt_next(const struct fdt *fdt, fdt_node node);

// The node that `node` is a child of. FDT_NONE for the root. (The blob knows
// no way up: each call walks through the tree from its beginning.)
fdt_node fdt_parent(const struct fdt *fdt, fdt_node node);

// The node's name with its unit address ("memory@40000000"); "" for the root.
const char *fdt_name(const struct fdt *fdt, fdt_node node);

// The node at an absolute path, or at one that begins with an alias that
// /aliases gives; what comes after a ':' is ignored. A name in the path may
// leave out its unit address. FDT_NONE if there is none.
fdt_node fdt_find(const struct fdt *fdt, const char *path);

// The first node after `node` (FDT_NONE: of all) that is compatible with
// `compatible` and not disabled. FDT_NONE if there is none.
fdt_node fdt_find_compatible(const struct fdt *fdt, fdt_node node,
                             const char *compatible);

// The value of a property and its length in bytes; NULL if there is none.
const uint8_t *fdt_property(const struct fdt *fdt, fdt_node node,
                            const char *name, uint32_t *length);

// The value of a property as a string; NULL if there is none, or if it does
// not end with a NUL.
const char *fdt_string(const struct fdt *fdt, fdt_node node, const char *name);

// The value of a property that is a number of one or two cells. Returns false,
// and leaves `value` alone, if there is none of that size.
bool fdt_number(const struct fdt *fdt, fdt_node node, const char *name,
                uint64_t *value);

// Is `compatible` among the node's "compatible" strings?
bool fdt_is_compatible(const struct fdt *fdt, fdt_node node,
                       const char *compatible);

// Is the node in use? (No "status", or one of "okay" and "ok".)
bool fdt_is_enabled(const struct fdt *fdt, fdt_node node);

// The number of entries in the node's "reg".
unsigned fdt_reg_count(const struct fdt *fdt, fdt_node node);

// Entry `index` of the node's "reg", by the #address-cells and #size-cells of
// its parent (1 or 2, and 0 to 2; 2 and 1 if it names none), translated into
// an address as the CPU sees it by the "ranges" of every bus above it. Returns
// false if there is no such entry, if cells or ranges are not as described
// here, or if address + size does not fit in 64 bits.
bool fdt_reg(const struct fdt *fdt, fdt_node node, unsigned index,
             struct fdt_range *range);

#endif
