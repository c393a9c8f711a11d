// SPDX-License-Identifier: MIT
// args.h - the kernel command line: words "key=value", separated by blanks.
#ifndef STRATA_ARGS_H
#define STRATA_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Copies the value of the last word "key=value" of `args` to `value`, which
// has room for `size` bytes (1 or more) with the closing NUL; a longer value
// is cut. Returns false, and leaves `value` alone, if there is no such word.
bool args_string(const char *args, const char *key, char *value, size_t size);

// The same for a decimal number. Returns false, and leaves `value` alone, if
// there is no such word, if it is not all digits, or if it does not fit in 64
// bits.
bool args_number(const char *args, const char *key, uint64_t *value);

#endif
