// SPDX-License-Identifier: MIT
// ubsan.h - what the undefined-behavior sanitizer found (a build with SAN=1).
#ifndef STRATA_UBSAN_H
#define STRATA_UBSAN_H

// The kind of undefined behavior that a BRK instruction with this operand (16
// bits) reports; NULL if it is none of the sanitizer's.
const char *ubsan_kind(unsigned operand);

#endif
