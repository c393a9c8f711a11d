// SPDX-License-Identifier: MIT
// args.c - looking up words "key=value" on the kernel command line.
#include "args.h"
#include "string.h"

static bool ends_word(char c)
{
    return c == ' ' || c == '\t' || c == '\0';
}

// The value in the last word "key=value", up to the next blank. NULL if there
// is no such word.
static const char *find_value(const char *args, const char *key)
{
    const char *value = NULL;
    size_t length = strlen(key);

    for (const char *at = args; *at != '\0'; at++) {
        bool begins_word = at == args || ends_word(at[-1]);
        if (begins_word && strncmp(at, key, length) == 0 && at[length] == '=')
            value = at + length + 1;
    }
    return value;
}

bool args_string(const char *args, const char *key, char *value, size_t size)
{
    const char *found = find_value(args, key);
    if (found == NULL)
        return false;

    size_t length = 0;
    for (; length < size - 1 && !ends_word(found[length]); length++)
        value[length] = found[length];
    value[length] = '\0';
    return true;
}

bool args_number(const char *args, const char *key, uint64_t *value)
{
    const char *at = find_value(args, key);
    if (at == NULL)
        return false;

    uint64_t number = 0;
    do {
        unsigned digit = (unsigned)(*at++ - '0');
        if (digit > 9 || number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    } while (!ends_word(*at));
    *value = number;
    return true;
}
