// SPDX-License-Identifier: MIT
// mmu.h - what is where in memory, for the CPU's caches.
#ifndef STRATA_MMU_H
#define STRATA_MMU_H

#include <stdint.h>

// Makes the identity map, by which every address means itself: all RAM of the
// machine is Normal memory and cacheable, its devices are Device memory, and
// nothing else is mapped. Then turns the MMU and the caches of this CPU on.
void mmu_init(void);

// Turns the MMU and the caches of the calling CPU on: it translates by `table`,
// of level 1, from now on. Touches no memory (boot.S).
void mmu_enable(const uint64_t *table);

#endif
