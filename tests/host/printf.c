// SPDX-License-Identifier: MIT
// printf.c - random formats, printed by our printf and by the C library's.
#include "host.h"

static char console[512];
static size_t console_length;

void console_putc(char c)
{
    CHECK(console_length < sizeof(console), "too much output");
    console[console_length++] = c;
}

// A format with one conversion, and the arguments for its stars.
struct sample {
    char format[64];
    int stars;
    int star[2];
    char type;
    unsigned bits; // of the number
};

static void append(struct sample *sample, const char *text)
{
    CHECK(strlen(sample->format) + strlen(text) < sizeof(sample->format),
          "format too long");
    strcat(sample->format, text);
}

// A width: nothing, a number, or a star.
static void add_width(struct sample *sample)
{
    char text[16];
    int value = (int)pick(30);
    switch (pick(3)) {
    case 0:
        sample->star[sample->stars++] = value;
        append(sample, "*");
        break;
    case 1:
        snprintf(text, sizeof(text), "%d", value);
        append(sample, text);
        break;
    }
}

// Flags that C defines for the type.
static const char *flags_for(char type)
{
    return strchr("dux", type) ? "-0" : "-";
}

static void add_length(struct sample *sample)
{
    static const struct {
        const char *text;
        unsigned bits;
    } lengths[] = {{"", 32}, {"l", 64}, {"ll", 64}, {"z", 64}};
    unsigned i = pick(sizeof(lengths) / sizeof(lengths[0]));
    append(sample, lengths[i].text);
    sample->bits = lengths[i].bits;
}

static struct sample random_sample(void)
{
    static const char types[] = "duxcsp";
    struct sample sample = {.format = "<%", .type = types[pick(6)]};
    bool number = strchr("dux", sample.type) != NULL;
    const char *flags = flags_for(sample.type);

    for (unsigned i = pick(4); i > 0; i--)
        append(&sample, (char[]){flags[pick((unsigned)strlen(flags))], '\0'});
    add_width(&sample);
    if (number)
        add_length(&sample);
    append(&sample, (char[]){sample.type, '\0'});
    append(&sample, "> 100%%\n");
    return sample;
}

// A number of any size, with the borders of all sizes more often.
static uint64_t random_number(void)
{
    static const unsigned borders[] = {0, 7, 8, 15, 16, 31, 32, 63};
    uint64_t random_bits = (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^
                           (uint64_t)random();
    if (pick(3) == 0)
        return random_bits >> pick(64);
    return (UINT64_C(1) << borders[pick(8)]) - pick(3);
}

// Calls a function of snprintf's kind with the stars' arguments and `value`.
#define CALL(function, to, size, s, value)                      \
    ((s)->stars == 0 ? function(to, size, (s)->format, value)   \
     : (s)->stars == 1                                          \
         ? function(to, size, (s)->format, (s)->star[0], value) \
         : function(to, size, (s)->format, (s)->star[0], (s)->star[1], value))
#define ON_CONSOLE(to, size, format, ...) strata_printf(format, __VA_ARGS__)

// Both print the same into a string of any size, and on the console.
#define COMPARE(s, value)                                                  \
    do {                                                                   \
        char theirs[256];                                                  \
        int whole = CALL(snprintf, theirs, sizeof(theirs), s, value);      \
        size_t size = pick(3) == 0 ? pick(40) : 256;                       \
        char *ours = exactly(size);                                        \
        CHECK(CALL(strata_snprintf, ours, size, s, value) == whole,        \
              "'%s' should have length %d", (s)->format, whole);           \
        CALL(snprintf, theirs, size, s, value);                            \
        size_t stored = (size_t)whole < size ? (size_t)whole + 1 : size;   \
        CHECK(memcmp(ours, theirs, stored) == 0, "'%s': '%.*s', not '%s'", \
              (s)->format, (int)stored, ours, theirs);                     \
        free(ours);                                                        \
        console_length = 0;                                                \
        CALL(snprintf, theirs, sizeof(theirs), s, value);                  \
        CHECK(CALL(ON_CONSOLE, , , s, value) == whole &&                   \
                  console_length == (size_t)whole,                         \
              "'%s' on the console", (s)->format);                         \
        CHECK(memcmp(console, theirs, console_length) == 0,                \
              "'%s' on the console", (s)->format);                         \
    } while (0)

static void compare_random(void)
{
    static const char *const strings[] = {"", "a", "hello", "a longer string"};
    struct sample sample = random_sample();
    uint64_t number = random_number();

    const char *string = strings[pick(4)];
    void *pointer = (void *)(uintptr_t)(number | 1); // glibc has "(nil)"

    if (sample.type == 's')
        COMPARE(&sample, string);
    else if (sample.type == 'c')
        COMPARE(&sample, (int)(number & 127));
    else if (sample.type == 'p')
        COMPARE(&sample, pointer);
    else if (sample.bits == 64)
        COMPARE(&sample, number);
    else
        COMPARE(&sample, (unsigned)number);
}

// What is no conversion of ours is printed as it stands.
static void as_it_stands(void)
{
    static const char *const formats[] = {"%",    "a%",  "%y",      "%n|",
                                          "%-08", "%.3", "%+#5.2f", "%lq%",
                                          "%ll",  "% 3k"};
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        const char *volatile format = formats[i];
        char text[32];
        strata_snprintf(text, sizeof(text), format);
        CHECK(strcmp(text, formats[i]) == 0, "'%s'", text);
    }
}

static void several(void)
{
    char ours[128], theirs[128];
#define SEVERAL                                             \
    "%-8s|%5d|%06x|%c%%|%p|%s\n", "cpu", -42, 0xbeef, 'x', \
        (void *)0x40200000, "end"
    strata_snprintf(ours, sizeof(ours), SEVERAL);
    snprintf(theirs, sizeof(theirs), SEVERAL);
    CHECK(strcmp(ours, theirs) == 0, "%s%s", ours, theirs);
    CHECK(strata_snprintf(NULL, 0, "%s", "four") == 4, "no room at all");
}

int main(void)
{
    srandom(1);
    for (int i = 0; i < 40000; i++)
        compare_random();
    as_it_stands();
    several();
    return 0;
}
