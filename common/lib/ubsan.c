// SPDX-License-Identifier: MIT
// ubsan.c - what the undefined-behavior sanitizer found.
//
// With -fsanitize-trap the compiler puts a check before each operation that may
// be undefined, and a BRK behind the check. The operand's upper byte is 'U',
// the lower one the kind (the order of LIST_SANITIZER_CHECKS in Clang's
// CodeGenFunction.h).
#include "ubsan.h"

#include <stddef.h>

static const char *const kinds[] = {
    [0] = "undefined behavior: addition overflows",
    [1] = "undefined behavior: unreachable code was reached",
    [3] = "undefined behavior: division by zero, or it overflows",
    [10] = "undefined behavior: value is none of its type",
    [12] = "undefined behavior: multiplication overflows",
    [13] = "undefined behavior: negation overflows",
    [18] = "undefined behavior: index out of bounds",
    [19] = "undefined behavior: pointer overflows",
    [20] = "undefined behavior: shift out of bounds",
    [21] = "undefined behavior: subtraction overflows",
    [22] = "undefined behavior: null or misaligned pointer",
};

const char *ubsan_kind(unsigned operand)
{
    unsigned kind = operand & 0xff;
    if (operand >> 8 != 'U' || kind >= sizeof(kinds) / sizeof(kinds[0]))
        return NULL;
    return kinds[kind] ? kinds[kind] : "undefined behavior";
}
