// SPDX-License-Identifier: MIT
// host.h - for tests that run on the host: our functions as strata_NAME beside
// the C library's, and how to complain.
#ifndef STRATA_TESTS_HOST_H
#define STRATA_TESTS_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rename.h"
#include "../../common/include/printf.h"
#include "../../common/include/string.h"
#undef printf
#undef vprintf
#undef snprintf
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef strnlen
#undef strcmp
#undef strncmp

// Ends the test with a message made by printf's rules, unless `condition`.
#define CHECK(condition, ...)                                               \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition); \
            fprintf(stderr, __VA_ARGS__);                                   \
            fprintf(stderr, "\n");                                          \
            exit(1);                                                        \
        }                                                                   \
    } while (0)

// A random number below `limit`. Seed it with srandom.
static inline unsigned pick(unsigned limit)
{
    return (unsigned)random() % limit;
}

// Memory of exactly that size: what comes after it is watched by ASan.
static inline void *exactly(size_t size)
{
    void *memory = malloc(size);
    CHECK(memory != NULL || size == 0, "no memory");
    return memory;
}

#endif
