// SPDX-License-Identifier: MIT
// fdt.c - reading a flattened device tree (Devicetree Specification v0.4,
// chapter 5).
//
// The blob is a header, a list of reserved memory (not read here), a block of
// structure and a block of strings. The structure is a row of tokens that nest
// like brackets: BEGIN_NODE, the node's properties, its children, END_NODE.
// Every number is big-endian and is read byte by byte, so no access is
// unaligned.
//
// Invariant: once fdt_open has accepted a blob, read_token can't fail where
// the structure begins, where a node begins, nor at the token after any other.
#include "fdt.h"
#include "string.h"

#define MAGIC UINT32_C(0xd00dfeed)

#define VERSION      17 // of the format, the one that we are written for
#define HEADER_CELLS 10
#define CELL         4  // bytes in a cell, and in a token
#define NAME_SIZE    32 // bytes of a property's name, with the NUL

// The kinds of token (section 5.4.1).
#define BEGIN_NODE 1
#define END_NODE   2
#define PROPERTY   3
#define NOP        4
#define END        9

// A token. Places are offsets from the start of the blob.
struct token {
    uint64_t at;
    uint64_t next; // where the next one is
    uint64_t kind;
    const char *name;     // of a node that begins, or of a property
    const uint8_t *value; // of a property
    uint64_t length;      // of the value, in bytes
};

// The number in `count` cells, 0 to 2. What is computed from numbers of one
// cell is computed in 64 bits, where their sums can't wrap around.
static uint64_t read_cells(const uint8_t *at, uint64_t count)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < count * CELL; i++)
        value = value << 8 | at[i];
    return value;
}

// Reads the token at `token->next`. Returns NULL, or what is wrong with it.
static const char *read_token(const struct fdt *fdt, struct token *token)
{
    uint64_t end = fdt->structure + fdt->structure_size;
    uint64_t body = token->next + CELL; // what belongs to the token
    uint64_t size = 0;                  // of the body, in bytes
    if (body > end)
        return "structure without an end";
    token->at = token->next;
    token->kind = read_cells(fdt->blob + token->at, 1);

    if (token->kind == BEGIN_NODE) {
        token->name = (const char *)fdt->blob + body;
        size = strnlen(token->name, end - body) + 1;
    } else if (token->kind == PROPERTY && body + 2 * CELL <= end) {
        token->value = fdt->blob + body + 2 * CELL;
        token->length = read_cells(fdt->blob + body, 1);
        size = 2 * CELL + token->length;
        uint64_t name = read_cells(fdt->blob + body + CELL, 1);
        if (name >= fdt->strings_size)
            return "property name outside the strings";
        token->name = (const char *)fdt->blob + fdt->strings + name;
    } else if (token->kind != END_NODE && token->kind != NOP &&
               token->kind != END) {
        return "unknown or incomplete token";
    }
    if (body + size > end)
        return "name or property too long";
    token->next = (body + size + CELL - 1) / CELL * CELL;
    return NULL;
}

// Reads and checks the header (section 5.2).
static const char *check_header(struct fdt *fdt, size_t limit)
{
    if (fdt->blob == NULL)
        return "there is none";
    if (limit < HEADER_CELLS * CELL)
        return "too short";
    uint64_t header[HEADER_CELLS];
    for (unsigned i = 0; i < HEADER_CELLS; i++)
        header[i] = read_cells(fdt->blob + i * CELL, 1);
    uint64_t magic = header[0];
    fdt->size = header[1];
    fdt->structure = header[2];
    fdt->strings = header[3];
    uint64_t version = header[5];
    uint64_t oldest_compatible = header[6];
    fdt->strings_size = header[8];
    fdt->structure_size = header[9];

    if (magic != MAGIC)
        return "bad magic number";
    if (version < VERSION || oldest_compatible > VERSION)
        return "unknown version";
    if (fdt->size < HEADER_CELLS * CELL || fdt->size > FDT_MAX_SIZE ||
        fdt->size > limit)
        return "bad total size";
    if (fdt->structure % CELL != 0 ||
        (uint64_t)fdt->structure + fdt->structure_size > fdt->size)
        return "bad structure block";
    // Whole cells only: so what fits into the block fits with its padding.
    fdt->structure_size -= fdt->structure_size % CELL;
    // The last byte is NUL: so a string that begins in the block ends in it.
    if ((uint64_t)fdt->strings + fdt->strings_size > fdt->size ||
        (fdt->strings_size > 0 &&
         fdt->blob[fdt->strings + fdt->strings_size - 1] != '\0'))
        return "bad strings block";
    return NULL;
}

// Walks through all tokens. This comes to an end whatever the blob is, because
// each token is at least a cell long.
static const char *check_structure(struct fdt *fdt)
{
    unsigned depth = 0;  // nodes that are open
    bool closed = false; // was a node closed since the last one was opened?
    struct token token = {.next = fdt->structure};

    do {
        const char *error = read_token(fdt, &token);
        if (error != NULL)
            return error;
        if (token.kind == PROPERTY && (depth == 0 || closed))
            return "property not at the beginning of a node";
        if (token.kind == BEGIN_NODE) {
            if (depth == 0 && (closed || token.name[0] != '\0'))
                return "second root node, or one with a name";
            if (depth++ == FDT_MAX_DEPTH)
                return "nodes nested too deeply";
            closed = false;
        } else if (token.kind == END_NODE) {
            if (depth-- == 0)
                return "end of a node that was not begun";
            closed = true;
        }
    } while (token.kind != END);

    fdt->structure_size = token.next - fdt->structure;
    return depth == 0 && closed ? NULL : "node without an end, or no node";
}

const char *fdt_open(struct fdt *fdt, const void *blob, size_t limit)
{
    fdt->blob = blob;
    const char *error = check_header(fdt, limit);
    return error != NULL ? error : check_structure(fdt);
}

fdt_node fdt_root(const struct fdt *fdt)
{
    return fdt_next(fdt, FDT_NONE);
}

fdt_node fdt_next(const struct fdt *fdt, fdt_node node)
{
    struct token token = {.next = node};
    if (node == FDT_NONE)
        token.next = fdt->structure;
    else
        read_token(fdt, &token);
    do {
        read_token(fdt, &token);
    } while (token.kind != BEGIN_NODE && token.kind != END);
    return token.kind == BEGIN_NODE ? token.at : FDT_NONE;
}

fdt_node fdt_parent(const struct fdt *fdt, fdt_node node)
{
    fdt_node open[FDT_MAX_DEPTH]; // the nodes that `token` is in
    unsigned depth = 0;
    struct token token = {.next = fdt->structure};

    while (token.next < node) {
        read_token(fdt, &token);
        if (token.kind == BEGIN_NODE)
            open[depth++] = token.at;
        else if (token.kind == END_NODE)
            depth--;
    }
    return depth > 0 ? open[depth - 1] : FDT_NONE;
}

const char *fdt_name(const struct fdt *fdt, fdt_node node)
{
    struct token token = {.next = node, .name = ""};
    if (node != FDT_NONE)
        read_token(fdt, &token);
    return token.name;
}

// The length of the name at the beginning of `path`. 0 if there is none.
static size_t name_length(const char *path)
{
    size_t length = 0;
    while (path[length] != '\0' && path[length] != '/' && path[length] != ':')
        length++;
    return length;
}

// The first child of `node` whose name is the `length` characters at `name`,
// or goes on after them with a unit address.
static fdt_node find_child(const struct fdt *fdt, fdt_node node,
                           const char *name, size_t length)
{
    struct token token = {.next = node};
    int depth = 0; // nodes that are open, from `node` on

    do {
        read_token(fdt, &token);
        if (token.kind == BEGIN_NODE && depth++ == 1 &&
            strncmp(token.name, name, length) == 0 &&
            (token.name[length] == '\0' || token.name[length] == '@'))
            return token.at;
        if (token.kind == END_NODE)
            depth--;
    } while (depth > 0);
    return FDT_NONE;
}

// Follows `path` downward from `node`.
static fdt_node find_from(const struct fdt *fdt, fdt_node node,
                          const char *path)
{
    while (node != FDT_NONE) {
        while (*path == '/')
            path++;
        size_t length = name_length(path);
        if (length == 0)
            break;
        node = find_child(fdt, node, path, length);
        path += length;
    }
    return node;
}

fdt_node fdt_find(const struct fdt *fdt, const char *path)
{
    fdt_node node = fdt_root(fdt);
    if (*path != '/') {
        char alias[NAME_SIZE] = "";
        size_t length = name_length(path);
        if (length >= sizeof(alias))
            return FDT_NONE;
        memcpy(alias, path, length);
        path += length;
        // The target is a path, never an alias: so there are no circles.
        const char *target =
            fdt_string(fdt, find_from(fdt, node, "aliases"), alias);
        if (target == NULL || *target != '/')
            return FDT_NONE;
        node = find_from(fdt, node, target);
    }
    return find_from(fdt, node, path);
}

fdt_node fdt_find_compatible(const struct fdt *fdt, fdt_node node,
                             const char *compatible)
{
    do {
        node = fdt_next(fdt, node);
    } while (node != FDT_NONE && !(fdt_is_compatible(fdt, node, compatible) &&
                                   fdt_is_enabled(fdt, node)));
    return node;
}

const uint8_t *fdt_property(const struct fdt *fdt, fdt_node node,
                            const char *name, uint32_t *length)
{
    struct token token = {.next = node};
    if (node == FDT_NONE)
        return NULL;
    read_token(fdt, &token);
    do {
        read_token(fdt, &token);
        if (token.kind == PROPERTY && strcmp(token.name, name) == 0) {
            *length = token.length;
            return token.value;
        }
    } while (token.kind == PROPERTY || token.kind == NOP);
    return NULL;
}

const char *fdt_string(const struct fdt *fdt, fdt_node node, const char *name)
{
    uint32_t length;
    const uint8_t *value = fdt_property(fdt, node, name, &length);
    if (value == NULL || length == 0 || value[length - 1] != '\0')
        return NULL;
    return (const char *)value;
}

bool fdt_number(const struct fdt *fdt, fdt_node node, const char *name,
                uint64_t *value)
{
    uint32_t length;
    const uint8_t *cells = fdt_property(fdt, node, name, &length);
    if (cells == NULL || (length != CELL && length != 2 * CELL))
        return false;
    *value = read_cells(cells, length / CELL);
    return true;
}

bool fdt_is_compatible(const struct fdt *fdt, fdt_node node,
                       const char *compatible)
{
    uint32_t length = 0;
    fdt_property(fdt, node, "compatible", &length);
    const char *strings = fdt_string(fdt, node, "compatible");
    if (strings == NULL)
        return false;
    for (size_t at = 0; at < length; at += strlen(strings + at) + 1) {
        if (strcmp(strings + at, compatible) == 0)
            return true;
    }
    return false;
}

bool fdt_is_enabled(const struct fdt *fdt, fdt_node node)
{
    uint32_t length;
    if (fdt_property(fdt, node, "status", &length) == NULL)
        return true;
    const char *status = fdt_string(fdt, node, "status");
    return status != NULL &&
           (strcmp(status, "okay") == 0 || strcmp(status, "ok") == 0);
}

// How the children of a node write addresses and sizes.
struct bus {
    uint64_t address_cells;
    uint64_t size_cells;
    uint64_t entry_size; // of an address with a size, in bytes
};

static bool read_bus(const struct fdt *fdt, fdt_node node, struct bus *bus)
{
    *bus = (struct bus){.address_cells = 2, .size_cells = 1};
    fdt_number(fdt, node, "#address-cells", &bus->address_cells);
    fdt_number(fdt, node, "#size-cells", &bus->size_cells);
    bus->entry_size = (bus->address_cells + bus->size_cells) * CELL;
    return node != FDT_NONE && bus->address_cells >= 1 &&
           bus->address_cells <= 2 && bus->size_cells <= 2;
}

unsigned fdt_reg_count(const struct fdt *fdt, fdt_node node)
{
    struct bus bus;
    uint32_t length = 0;
    fdt_property(fdt, node, "reg", &length);
    if (!read_bus(fdt, fdt_parent(fdt, node), &bus))
        return 0;
    return length / bus.entry_size;
}

// Entry `index` of "reg", as the bus that the node is on sees it.
static bool read_reg(const struct fdt *fdt, fdt_node node, unsigned index,
                     struct fdt_range *range)
{
    struct bus bus;
    uint32_t length;
    if (index >= fdt_reg_count(fdt, node))
        return false;
    read_bus(fdt, fdt_parent(fdt, node), &bus);
    const uint8_t *entry =
        fdt_property(fdt, node, "reg", &length) + index * bus.entry_size;
    range->address = read_cells(entry, bus.address_cells);
    range->size = read_cells(entry + bus.address_cells * CELL, bus.size_cells);
    return true;
}

// Translates a range on the bus that `node` provides into one on the bus that
// `node` is on. An entry of "ranges" is an address on the first, the same on
// the second, and a size; one entry must contain the whole range.
static bool translate(const struct fdt *fdt, fdt_node node,
                      struct fdt_range *range)
{
    struct bus below, above;
    uint32_t length;
    const uint8_t *entry = fdt_property(fdt, node, "ranges", &length);
    if (entry == NULL || !read_bus(fdt, node, &below) ||
        !read_bus(fdt, fdt_parent(fdt, node), &above))
        return false;
    if (length == 0)
        return true; // empty: addresses are the same on both

    uint64_t entry_size = below.entry_size + above.address_cells * CELL;
    for (uint64_t left = length / entry_size; left > 0; left--) {
        const uint8_t *target = entry + below.address_cells * CELL;
        const uint8_t *extent = target + above.address_cells * CELL;
        uint64_t start = read_cells(entry, below.address_cells);
        uint64_t size = read_cells(extent, below.size_cells);
        uint64_t offset = range->address - start;
        if (range->address >= start && offset < size &&
            range->size <= size - offset) {
            range->address = read_cells(target, above.address_cells) + offset;
            return range->address >= offset; // or else it wrapped around
        }
        entry += entry_size;
    }
    return false;
}

bool fdt_reg(const struct fdt *fdt, fdt_node node, unsigned index,
             struct fdt_range *range)
{
    struct fdt_range found;
    if (!read_reg(fdt, node, index, &found))
        return false;
    for (fdt_node bus = fdt_parent(fdt, node); bus != fdt_root(fdt);
         bus = fdt_parent(fdt, bus)) {
        if (!translate(fdt, bus, &found))
            return false;
    }
    if (found.size > UINT64_MAX - found.address)
        return false;
    *range = found;
    return true;
}
