// SPDX-License-Identifier: MIT
// symbols.c - looks an address up in the symbol table that the build makes
// (tools/symbols.py) and links into the image.
#include "symbols.h"

#include <stddef.h>

struct symbol {
    uint64_t address;
    const char *name;
};

extern const struct symbol symbols[]; // sorted by address
extern const uint64_t symbol_count;
extern const char image_start[], text_end[]; // from kernel.ld

const char *symbol_name(uint64_t address, uint64_t *offset)
{
    const char *name = NULL;
    if (address < (uintptr_t)image_start || address >= (uintptr_t)text_end)
        return NULL;
    for (uint64_t i = 0; i < symbol_count && symbols[i].address <= address;
         i++) {
        name = symbols[i].name;
        *offset = address - symbols[i].address;
    }
    return name;
}
