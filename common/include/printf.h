// SPDX-License-Identifier: MIT
// printf.h - formatted output.
//
// Conversions: d u x c s p %. Flags: - and 0. A width of 0 or more, as a number
// or *. Lengths: l ll z. What is not in this list is printed as it stands, so
// that a mistake shows.
#ifndef STRATA_PRINTF_H
#define STRATA_PRINTF_H

#include <stdarg.h>
#include <stddef.h>

// Supplied by whoever links printf: prints one character on the console.
void console_putc(char c);

// Prints to the console. Returns the number of characters printed.
int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int vprintf(const char *format, va_list arguments)
    __attribute__((format(printf, 1, 0)));

// Writes at most `size` bytes to `to`, the closing NUL included (none if
// `size` is 0). Returns the length that the whole text has, without the NUL.
int snprintf(char *to, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
