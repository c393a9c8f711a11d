// SPDX-License-Identifier: MIT
// fdt.c - the device-tree reader, driven from a test.
//
//   fdt FILE    answers questions about a tree; one a line on standard input
//   fdt         reads trees, each after its size (32 bits), from standard
//               input; opens each, and lets every function loose on what was
//               accepted. Prints "ok" or the error for each.
#include "host.h"
#include "../../common/include/fdt.h"

static volatile uint8_t sink;

// Reads all of it, so that the sanitizers see it.
static void touch(const void *at, size_t size)
{
    const uint8_t *bytes = at;
    for (size_t i = 0; i < size; i++)
        sink ^= bytes[i];
}

// --- Every function on every node ---

static const char *const names[] = {"reg",
                                    "ranges",
                                    "#address-cells",
                                    "#size-cells",
                                    "compatible",
                                    "model",
                                    "status",
                                    "stdout-path",
                                    "bootargs",
                                    "serial0",
                                    "a",
                                    "not there?",
                                    ""};
enum { NAMES = sizeof(names) / sizeof(names[0]) };

static void abuse_properties(const struct fdt *fdt, fdt_node node)
{
    for (unsigned i = 0; i < NAMES; i++) {
        uint32_t length;
        uint64_t number;
        const uint8_t *value = fdt_property(fdt, node, names[i], &length);
        const char *string = fdt_string(fdt, node, names[i]);
        if (value != NULL) {
            CHECK(value >= fdt->blob && value + length <= fdt->blob + fdt->size,
                  "%s is outside", names[i]);
            touch(value, length);
        }
        if (string != NULL)
            CHECK(strlen(string) < length, "%s has no end", names[i]);
        if (fdt_number(fdt, node, names[i], &number))
            CHECK(length == 4 || length == 8, "%s is no number", names[i]);
    }
}

static void abuse_reg(const struct fdt *fdt, fdt_node node)
{
    unsigned count = fdt_reg_count(fdt, node);
    unsigned some = count < 5 ? count : 5;
    const unsigned indices[] = {0, 1, some, count - 1, count, UINT32_MAX};
    struct fdt_range range;

    for (unsigned i = 0; i < sizeof(indices) / sizeof(indices[0]); i++) {
        bool is_there = indices[i] < count;
        if (fdt_reg(fdt, node, indices[i], &range)) {
            CHECK(is_there, "entry %u of %u", indices[i], count);
            CHECK(range.address + range.size >= range.address, "it wraps");
        }
    }
}

// The absolute path of a node.
static const char *path_of(const struct fdt *fdt, fdt_node node)
{
    static char path[1 << 16];
    char *at = path + sizeof(path) - 1;
    for (; node != fdt_root(fdt); node = fdt_parent(fdt, node)) {
        const char *name = fdt_name(fdt, node);
        size_t length = strlen(name);
        CHECK((size_t)(at - path) > length + 1, "path too long");
        at -= length;
        memcpy(at, name, length);
        *--at = '/';
    }
    return *at == '\0' ? "/" : at;
}

static void abuse(const struct fdt *fdt)
{
    static const char *const compatible[] = {"arm,pl011", "", "a"};
    fdt_node before = FDT_NONE;

    for (fdt_node n = fdt_root(fdt); n != FDT_NONE; n = fdt_next(fdt, n)) {
        CHECK(n > before && n < fdt->size, "node %u after %u", n, before);
        CHECK(fdt_parent(fdt, n) < n, "parent of %u", n);
        before = n;
        abuse_properties(fdt, n);
        abuse_reg(fdt, n);
        fdt_is_enabled(fdt, n);
        fdt_find(fdt, path_of(fdt, n));
        fdt_find(fdt, fdt_name(fdt, n)); // as if it were an alias
        for (unsigned i = 0; i < 3; i++)
            fdt_is_compatible(fdt, n, compatible[i]);
    }
    for (unsigned i = 0; i < 3; i++)
        fdt_find_compatible(fdt, FDT_NONE, compatible[i]);
    for (unsigned i = 0; i < NAMES; i++)
        fdt_find(fdt, names[i]);
    fdt_node chosen = fdt_find(fdt, "/chosen");
    const char *path = fdt_string(fdt, chosen, "stdout-path");
    if (path != NULL)
        fdt_find(fdt, path);
    abuse_properties(fdt, FDT_NONE);
    abuse_reg(fdt, FDT_NONE);
    CHECK(fdt_parent(fdt, FDT_NONE) == FDT_NONE, "parent of none");
    CHECK(*fdt_name(fdt, FDT_NONE) == '\0', "name of none");
}

// One tree from standard input, in exactly as much memory as it takes.
static bool abuse_next(void)
{
    uint32_t size;
    if (fread(&size, sizeof(size), 1, stdin) != 1)
        return false;
    uint8_t *blob = exactly(size);
    CHECK(fread(blob, 1, size, stdin) == size, "a tree is cut off");

    struct fdt fdt;
    const char *error = fdt_open(&fdt, blob, size);
    if (error == NULL)
        abuse(&fdt);
    puts(error != NULL ? error : "ok");
    free(blob);
    return true;
}

// --- Questions ---

static void print_node(const struct fdt *fdt, fdt_node node)
{
    puts(node == FDT_NONE ? "none" : path_of(fdt, node));
}

static void print_reg(const struct fdt *fdt, fdt_node node)
{
    unsigned count = fdt_reg_count(fdt, node);
    for (unsigned i = 0; i < count; i++) {
        struct fdt_range range;
        if (fdt_reg(fdt, node, i, &range))
            printf("%#llx+%#llx ", (unsigned long long)range.address,
                   (unsigned long long)range.size);
        else
            printf("- ");
    }
    printf("\n");
}

static void print_property(const struct fdt *fdt, fdt_node node,
                           const char *name)
{
    uint32_t length;
    const uint8_t *value = fdt_property(fdt, node, name, &length);
    if (value == NULL)
        printf("none");
    for (uint32_t i = 0; value != NULL && i < length; i++)
        printf("%02x", value[i]);
    printf("\n");
}

static void answer(const struct fdt *fdt, const char *what, const char *path,
                   const char *name)
{
    fdt_node node = fdt_find(fdt, path);
    uint64_t number;

    if (strcmp(what, "find") == 0) {
        print_node(fdt, node);
    } else if (strcmp(what, "next") == 0) {
        print_node(fdt, fdt_next(fdt, node));
    } else if (strcmp(what, "parent") == 0) {
        print_node(fdt, fdt_parent(fdt, node));
    } else if (strcmp(what, "compatible") == 0) { // from `path` on
        print_node(fdt, fdt_find_compatible(fdt, node, name));
    } else if (strcmp(what, "property") == 0) {
        print_property(fdt, node, name);
    } else if (strcmp(what, "string") == 0) {
        const char *string = fdt_string(fdt, node, name);
        puts(string != NULL ? string : "none");
    } else if (strcmp(what, "number") == 0) {
        if (fdt_number(fdt, node, name, &number))
            printf("%#llx\n", (unsigned long long)number);
        else
            puts("none");
    } else if (strcmp(what, "is") == 0) {
        puts(fdt_is_compatible(fdt, node, name) ? "yes" : "no");
    } else if (strcmp(what, "enabled") == 0) {
        puts(fdt_is_enabled(fdt, node) ? "yes" : "no");
    } else if (strcmp(what, "reg") == 0) {
        print_reg(fdt, node);
    } else {
        CHECK(false, "what is '%s'?", what);
    }
}

static void answer_all(const char *file)
{
    char what[16], path[256], name[64], line[512];
    FILE *in = fopen(file, "rb");
    CHECK(in != NULL, "%s", file);
    fseek(in, 0, SEEK_END);
    size_t size = (size_t)ftell(in);
    rewind(in);
    uint8_t *blob = exactly(size);
    CHECK(fread(blob, 1, size, in) == size, "%s", file);
    fclose(in);

    struct fdt fdt;
    const char *error = fdt_open(&fdt, blob, size);
    CHECK(error == NULL, "%s", error);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        what[0] = path[0] = name[0] = '\0';
        sscanf(line, "%15s %255s %63s", what, path, name);
        answer(&fdt, what, path, name);
    }
    free(blob);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        answer_all(argv[1]);
    } else {
        while (abuse_next())
            ;
    }
    return 0;
}
