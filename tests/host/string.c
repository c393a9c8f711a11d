// SPDX-License-Identifier: MIT
// string.c - memory and string functions against the C library's, for all
// alignments, small sizes and overlaps. Buffers end where the data ends, and
// the sanitizers watch for accesses outside and for unaligned words.
#include "host.h"

enum { ALIGNMENTS = 9, SIZES = 36, ROOM = 96 };

static void fill(uint8_t *at, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)random();
}

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

static void copy(size_t to, size_t from, size_t size)
{
    uint8_t *source = exactly(from + size);
    uint8_t *ours = exactly(to + size);
    uint8_t *theirs = exactly(to + size);

    fill(source, from + size);
    fill(ours, to + size);
    memcpy(theirs, ours, to + size);
    memcpy(theirs + to, source + from, size);
    CHECK(strata_memcpy(ours + to, source + from, size) == ours + to, "result");
    CHECK(memcmp(ours, theirs, to + size) == 0, "to %zu from %zu size %zu", to,
          from, size);
    free(source);
    free(ours);
    free(theirs);
}

static void move(size_t to, size_t from, size_t size)
{
    size_t whole = (to > from ? to : from) + size;
    uint8_t *ours = exactly(whole);
    uint8_t *theirs = exactly(whole);

    fill(ours, whole);
    memcpy(theirs, ours, whole);
    memmove(theirs + to, theirs + from, size);
    CHECK(strata_memmove(ours + to, ours + from, size) == ours + to, "result");
    CHECK(memcmp(ours, theirs, whole) == 0, "to %zu from %zu size %zu", to,
          from, size);
    free(ours);
    free(theirs);
}

static void set(size_t to, size_t size)
{
    uint8_t *ours = exactly(to + size);
    uint8_t *theirs = exactly(to + size);
    int byte = (int)random(); // only its lowest 8 bits count

    fill(ours, to + size);
    memcpy(theirs, ours, to + size);
    memset(theirs + to, byte, size);
    CHECK(strata_memset(ours + to, byte, size) == ours + to, "result");
    CHECK(memcmp(ours, theirs, to + size) == 0, "to %zu size %zu", to, size);
    free(ours);
    free(theirs);
}

static void compare(size_t size)
{
    uint8_t *a = exactly(size);
    uint8_t *b = exactly(size);

    fill(a, size);
    memcpy(b, a, size);
    CHECK(strata_memcmp(a, b, size) == 0, "size %zu", size);
    for (size_t i = 0; i < size; i++) {
        b[i] ^= (uint8_t)(1 + pick(255));
        CHECK(sign(strata_memcmp(a, b, size)) == sign(memcmp(a, b, size)),
              "size %zu, differs at %zu", size, i);
        b[i] = a[i];
    }
    free(a);
    free(b);
}

// A random string over few letters, some of them above 127, in exactly as much
// memory as it takes.
static char *random_string(size_t length)
{
    char *s = exactly(length + 1);
    for (size_t i = 0; i < length; i++)
        s[i] = "ab\xff"[pick(3)];
    s[length] = '\0';
    return s;
}

static void strings(void)
{
    char *a = random_string(pick(12));
    char *b = pick(4) == 0 ? strdup(a) : random_string(pick(12));
    size_t limit = pick(14);

    CHECK(strata_strlen(a) == strlen(a), "%s", a);
    CHECK(strata_strnlen(a, limit) == strnlen(a, limit), "%s %zu", a, limit);
    CHECK(sign(strata_strcmp(a, b)) == sign(strcmp(a, b)), "%s %s", a, b);
    CHECK(sign(strata_strncmp(a, b, limit)) == sign(strncmp(a, b, limit)),
          "%s %s %zu", a, b, limit);
    free(a);
    free(b);
}

// With a limit, a string need not end with NUL.
static void unterminated(void)
{
    char *a = exactly(5);
    char *b = exactly(5);
    memcpy(a, "hello", 5);
    memcpy(b, "hello", 5);
    CHECK(strata_strnlen(a, 5) == 5, "read on");
    CHECK(strata_strncmp(a, b, 5) == 0, "read on");
    free(a);
    free(b);
}

int main(void)
{
    srandom(1);
    for (size_t size = 0; size < SIZES; size++) {
        compare(size);
        for (size_t to = 0; to < ALIGNMENTS; to++) {
            set(to, size);
            for (size_t from = 0; from < ALIGNMENTS; from++) {
                copy(to, from, size);
                move(to, from, size);
            }
        }
    }
    for (size_t to = 0; to < ROOM; to += 8)
        move(to, ROOM / 2, ROOM); // large distances, words allowed
    for (int i = 0; i < 20000; i++)
        strings();
    unterminated();
    return 0;
}
