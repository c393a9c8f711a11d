// SPDX-License-Identifier: MIT
// bits.h - bits and bit fields, for C and for assembly alike.
#ifndef STRATA_BITS_H
#define STRATA_BITS_H

#ifdef __ASSEMBLER__
#define BIT(n) (1 << (n))
#else

#include <stdint.h>

// Bit n (0 to 63) alone.
#define BIT(n) (UINT64_C(1) << (n))

// The field that reaches from bit `high` down to bit `low` of `value`, both
// included, moved down to bit 0. At most 63 bits wide.
#define FIELD(value, high, low) \
    (((uint64_t)(value) >> (low)) & (BIT((high) - (low) + 1) - 1))

#endif
#endif
