// SPDX-License-Identifier: MIT
// args.c - looking up words on command lines, good and bad.
#include "host.h"
#include "../../common/include/args.h"

static void string_is(const char *args, const char *key, const char *wanted)
{
    char value[8] = "before";
    char *exact = strcpy(exactly(strlen(args) + 1), args);
    bool found = args_string(exact, key, value, sizeof(value));

    CHECK(found == (wanted != NULL), "'%s' in '%s'", key, args);
    CHECK(strcmp(value, found ? wanted : "before") == 0, "'%s' in '%s' is '%s'",
          key, args, value);
    free(exact);
}

static void number_is(const char *text, uint64_t wanted)
{
    uint64_t value = 0;
    char args[64];
    snprintf(args, sizeof(args), "a=1 n=%s z=2", text);
    CHECK(args_number(args, "n", &value), "'%s' was refused", args);
    CHECK(value == wanted, "'%s' is %llu", args, (unsigned long long)value);
}

static void no_number(const char *args)
{
    uint64_t value = 77;
    CHECK(!args_number(args, "n", &value), "'%s' was accepted", args);
    CHECK(value == 77, "'%s' changed the value", args);
}

static void strings(void)
{
    string_is("demo=hog seed=1", "demo", "hog");
    string_is("demo=hog seed=1", "seed", "1");
    string_is("  demo=hog\tseed=1 ", "demo", "hog");
    string_is("demo=a demo=b", "demo", "b");
    string_is("demo=a demo=", "demo", "");
    string_is("demo=a=b", "demo", "a=b");
    string_is("mydemo=hog", "demo", NULL);
    string_is("x=demo=hog", "demo", NULL);
    string_is("demos=hog", "demo", NULL);
    string_is("demo", "demo", NULL);
    string_is("demo =hog", "demo", NULL);
    string_is("dem", "demo", NULL);
    string_is("", "demo", NULL);
    string_is(" ", "demo", NULL);
    string_is("demo=1234567", "demo", "1234567");
    string_is("demo=12345678", "demo", "1234567"); // cut to fit
}

// The smallest room is that for the NUL.
static void smallest(void)
{
    char *value = exactly(1);
    CHECK(args_string("demo=hog", "demo", value, 1), "not found");
    CHECK(value[0] == '\0', "no NUL");
    free(value);
}

int main(void)
{
    strings();
    smallest();
    number_is("0", 0);
    number_is("007", 7);
    number_is("42", 42);
    number_is("18446744073709551615", UINT64_MAX);
    no_number("n=");
    no_number("n= 1");
    no_number("n=0x");
    no_number("n=0x z=1");
    no_number("n=1a");
    no_number("n=0xg");
    no_number("n=-1");
    no_number("n=+1");
    no_number("n=1 n=x"); // the last one counts
    no_number("n=18446744073709551616");
    no_number("n=99999999999999999999");
    no_number("m=1");
    return 0;
}
