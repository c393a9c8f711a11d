// SPDX-License-Identifier: MIT
// line.c - scripts of keys: the text, the echo and the event that follow.
#include "host.h"
#include "../../part1-boot/demos/line.h"

#define RUBOUT "\b \b"

static char echo[1024];
static size_t echo_length;

static void put(char c)
{
    CHECK(echo_length < sizeof(echo) - 1, "too much echo");
    echo[echo_length++] = c;
    echo[echo_length] = '\0';
}

// Types `keys` of which only the last may cause an event.
static void type(const char *keys, enum line_event event, const char *text,
                 const char *echoed)
{
    struct line line;
    enum line_event last = LINE_MORE;

    echo_length = 0;
    echo[0] = '\0';
    line_begin(&line);
    for (const char *key = keys; *key != '\0'; key++) {
        CHECK(last == LINE_MORE, "'%s' ends early", keys);
        last = line_put(&line, *key, put);
        CHECK(line.length < LINE_SIZE && strlen(line.text) == line.length,
              "'%s': the text does not end where it should", keys);
    }
    CHECK(last == event, "'%s': event %d", keys, last);
    CHECK(strcmp(line.text, text) == 0, "'%s': text '%s'", keys, line.text);
    CHECK(strcmp(echo, echoed) == 0, "'%s': echo '%s'", keys, echo);
}

// A line takes LINE_SIZE - 1 characters, and answers with BEL to the next.
static void full(void)
{
    char keys[LINE_SIZE + 2], text[LINE_SIZE], echoed[LINE_SIZE + 8];
    memset(keys, 'x', LINE_SIZE);
    strcpy(keys + LINE_SIZE, "\r");
    memset(text, 'x', LINE_SIZE - 1);
    text[LINE_SIZE - 1] = '\0';
    snprintf(echoed, sizeof(echoed), "%s\a\n", text);
    type(keys, LINE_DONE, text, echoed);
}

// Whatever is typed, the text stays a string of printable characters.
static void anything(void)
{
    struct line line;
    line_begin(&line);
    for (int i = 0; i < 100000; i++) {
        echo_length = 0;
        char key = (char)pick(pick(2) == 0 ? 256 : 128);
        if (line_put(&line, key, put) != LINE_MORE && pick(2) == 0)
            line_begin(&line);
        CHECK(line.length < LINE_SIZE, "length %u", line.length);
        CHECK(strlen(line.text) == line.length, "no NUL at the end");
        for (unsigned j = 0; j < line.length; j++)
            CHECK(line.text[j] >= ' ' && line.text[j] <= '~', "%d", i);
    }
}

int main(void)
{
    srandom(1);
    type("ab c~\r", LINE_DONE, "ab c~", "ab c~\n");
    type("ab\n", LINE_DONE, "ab", "ab\n");
    type("\r", LINE_DONE, "", "\n");
    type("ab\bc\177d\r", LINE_DONE, "ad", "ab" RUBOUT "c" RUBOUT "d\n");
    type("\b\177x\r", LINE_DONE, "x", "x\n");
    type("abc\025d\r", LINE_DONE, "d", "abc" RUBOUT RUBOUT RUBOUT "d\n");
    type("\025\r", LINE_DONE, "", "\n");
    type("ab\003", LINE_CANCEL, "ab", "ab^C\n");
    type("\004", LINE_END, "", "");
    type("a\004b\r", LINE_DONE, "ab", "ab\n");
    type("a\b\004", LINE_END, "", "a" RUBOUT);
    type("a\033[Ab\r", LINE_DONE, "ab", "ab\n");         // up
    type("a\033[3~b\r", LINE_DONE, "ab", "ab\n");        // Delete
    type("a\033[1;5Db\r", LINE_DONE, "ab", "ab\n");      // Ctrl-left
    type("a\033OPb\r", LINE_DONE, "ab", "ab\n");         // F1
    type("a\033[15~\033[Bb\r", LINE_DONE, "ab", "ab\n"); // F5, down
    type("a\033xb\r", LINE_DONE, "ab", "ab\n");          // Alt-x
    type("a\033\r", LINE_DONE, "a", "a\n");
    type("a\033[\003", LINE_CANCEL, "a", "a^C\n");
    type("a\033\033[Ab\r", LINE_DONE, "ab", "ab\n");
    type("a\tb\001c\xc3\xa9"
         "d\r",
         LINE_DONE, "abcd", "abcd\n");
    full();
    anything();
    return 0;
}
