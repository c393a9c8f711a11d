// SPDX-License-Identifier: MIT
// printf.c - formatted output, on the console or into a string.
//
// A conversion is first read into a `struct spec` and then carried out. What
// it prints is a prefix (a sign or "0x") and a text; put_field pads the two to
// the width.
#include "printf.h"
#include "string.h"

#include <stdbool.h>
#include <stdint.h>

struct output {
    bool console;      // print on the console, or else to `text`
    char *text;        // where to print
    size_t size;       // of `text`, in bytes
    size_t length;     // characters printed so far, whether they fitted or not
    va_list arguments; // those that are still to be printed
};

// One conversion: %[flags][width][length]type
struct spec {
    bool left;    // flag -
    bool zeros;   // flag 0
    int width;    // 0 if there is none
    bool is_long; // the argument has 64 bits
};

static void put(struct output *out, char c)
{
    if (out->console)
        console_putc(c);
    else if (out->length + 1 < out->size)
        out->text[out->length] = c;
    out->length++;
}

static void put_repeated(struct output *out, char c, int count)
{
    while (count-- > 0)
        put(out, c);
}

static void put_field(struct output *out, const struct spec *spec,
                      const char *prefix, const char *text, size_t length)
{
    int padding = spec->width - (int)(strlen(prefix) + length);
    if (!spec->left && !spec->zeros)
        put_repeated(out, ' ', padding);
    while (*prefix != '\0')
        put(out, *prefix++);
    if (!spec->left && spec->zeros)
        put_repeated(out, '0', padding);
    while (length-- > 0)
        put(out, *text++);
    if (spec->left)
        put_repeated(out, ' ', padding);
}

static void put_number(struct output *out, const struct spec *spec,
                       const char *prefix, uint64_t value, unsigned base)
{
    char text[20]; // the most digits that 64 bits have: those in base 10
    size_t start = sizeof(text);
    do {
        text[--start] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value > 0);
    put_field(out, spec, prefix, text + start, sizeof(text) - start);
}

// Prints one conversion. Returns false if there is none of that type.
static bool put_conversion(struct output *out, const struct spec *spec,
                           char type)
{
    int64_t number;
    const char *text;
    char c;
    switch (type) {
    case 'd':
        number = spec->is_long ? va_arg(out->arguments, int64_t)
                               : va_arg(out->arguments, int);
        put_number(out, spec, number < 0 ? "-" : "",
                   number < 0 ? -(uint64_t)number : (uint64_t)number, 10);
        return true;
    case 'u':
    case 'x':
        put_number(out, spec, "",
                   spec->is_long ? va_arg(out->arguments, uint64_t)
                                 : va_arg(out->arguments, unsigned),
                   type == 'u' ? 10 : 16);
        return true;
    case 'p':
        put_number(out, spec, "0x", (uintptr_t)va_arg(out->arguments, void *),
                   16);
        return true;
    case 's':
        text = va_arg(out->arguments, const char *);
        put_field(out, spec, "", text, strlen(text));
        return true;
    case 'c':
        c = (char)va_arg(out->arguments, int);
        put_field(out, spec, "", &c, 1);
        return true;
    case '%':
        put(out, '%');
        return true;
    default:
        return false;
    }
}

// Reads a conversion up to its type; `at` is what comes after the %. Returns
// where the type is.
static const char *read_spec(struct output *out, const char *at,
                             struct spec *spec)
{
    *spec = (struct spec){0};
    for (; *at == '-' || *at == '0'; at++) {
        spec->left |= *at == '-';
        spec->zeros |= *at == '0';
    }
    if (*at == '*') {
        spec->width = va_arg(out->arguments, int);
        at++;
    }
    for (; *at >= '0' && *at <= '9'; at++)
        spec->width = spec->width * 10 + (*at - '0');
    for (; *at == 'l' || *at == 'z'; at++)
        spec->is_long = true;
    return at;
}

static int print(struct output *out, const char *format, va_list arguments)
{
    va_copy(out->arguments, arguments);
    while (*format != '\0') {
        const char *start = format++;
        if (*start == '%') {
            struct spec spec;
            format = read_spec(out, format, &spec);
            if (put_conversion(out, &spec, *format)) {
                format++;
                continue;
            }
        }
        while (start < format)
            put(out, *start++);
    }
    va_end(out->arguments);
    return (int)out->length;
}

int vprintf(const char *format, va_list arguments)
{
    struct output out = {.console = true};
    return print(&out, format, arguments);
}

int printf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vprintf(format, arguments);
    va_end(arguments);
    return length;
}

int snprintf(char *to, size_t size, const char *format, ...)
{
    struct output out = {.text = to, .size = size};
    va_list arguments;
    va_start(arguments, format);
    int length = print(&out, format, arguments);
    va_end(arguments);
    if (size > 0)
        to[out.length < size ? out.length : size - 1] = '\0';
    return length;
}
