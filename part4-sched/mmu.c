// SPDX-License-Identifier: MIT
// mmu.c - the identity map: every address means itself, and the CPU knows what
// is there.
//
// Without a map all data accesses are to Device memory: no cache helps, and
// nobody promises that exclusive loads and stores work there, of which all
// atomic operations are made (Arm ARM, "Synchronization and semaphores"). The
// map says what is RAM. It says so of RAM alone: in Normal memory the CPU may
// read whatever it likes, ahead of time, and a device must not be read by
// chance.

#include "mmu.h"
#include "bits.h"
#include "machine.h"
#include "registers.h"
#include "sysreg.h"

#define BLOCK (UINT64_C(2) << 20)
#define END   (UINT64_C(1) << 39) // of the addresses that level 1 has room for

enum {
    ENTRIES = 512,
    TABLES = 16, // of level 2, for a GiB each; RAM beyond that stays unmapped
};

typedef uint64_t table_t[ENTRIES] __attribute__((aligned(4096)));

table_t mmu_table;
static table_t level2[TABLES];

// Level 1 has an entry for each GiB of 512, level 2 one for each block in it.
static void map_block(uint64_t address, uint64_t attributes)
{
    static unsigned used;
    uint64_t *entry = &mmu_table[FIELD(address, 38, 30)];
    if (!*entry && used == TABLES)
        return;
    if (!*entry)
        *entry = (uintptr_t)level2[used++] | ENTRY_TABLE;
    uint64_t *table = (uint64_t *)(*entry & ~UINT64_C(4095));
    table[FIELD(address, 29, 21)] = address | attributes;
}

static void map(uint64_t start, uint64_t end, uint64_t attributes)
{
    for (uint64_t address = start; address < end && address < END;
         address += BLOCK)
        map_block(address, attributes);
}

// All blocks that a device touches.
static void map_device(uint64_t address, uint64_t size)
{
    map(address & ~(BLOCK - 1), address + size, ENTRY_DEVICE);
}

// All blocks that are RAM and nothing else.
static void map_ram(uint64_t address, uint64_t size)
{
    map((address + BLOCK - 1) & ~(BLOCK - 1), (address + size) & ~(BLOCK - 1),
        ENTRY_NORMAL);
}

// What we wrote until now went to memory directly. Where a cache holds what was
// there before, that must not come back: its lines are dropped, one by one (Arm
// ARM, "Data cache maintenance instructions").
static void drop_cached(uintptr_t start, uintptr_t end)
{
    uintptr_t line = UINT64_C(4) << FIELD(sysreg_read(ctr_el0), 19, 16);
    // To the guard of the stack, on the way, this is a store (Arm ARM, "DC
    // IVAC"): the watchpoint is masked.
    asm volatile("msr daifset, %0" : : "i"(DAIF_D) : "memory");
    asm volatile("dsb sy" : : : "memory"); // all that we wrote is there
    for (uintptr_t at = start & ~(line - 1); at < end; at += line)
        asm volatile("dc ivac, %0" : : "r"(at) : "memory");
    asm volatile("dsb sy" : : : "memory"); // all lines are gone
    asm volatile("msr daifclr, %0" : : "i"(DAIF_D) : "memory");
}

void mmu_init(void)
{
    extern const char image_start[], text_end[], image_end[]; // from kernel.ld
    const uint32_t *tree = machine.tree;
    map_device(machine.uart, 1);
    for (unsigned i = 0; i < 2; i++)
        map_device(machine.gic[i].address, machine.gic[i].size);
    // Where we run there is RAM, and where the tree is, which begins with a
    // magic number and its size: these we must have first of all.
    map((uintptr_t)image_start, (uintptr_t)image_end, ENTRY_NORMAL);
    map((uintptr_t)tree & ~(BLOCK - 1),
        (uintptr_t)tree + __builtin_bswap32(tree[1]), ENTRY_NORMAL);
    for (unsigned i = 0; i < machine.ram_count; i++)
        map_ram(machine.ram[i].address, machine.ram[i].size);
    drop_cached((uintptr_t)text_end, (uintptr_t)image_end);
    mmu_enable(mmu_table);
}
