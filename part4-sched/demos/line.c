// SPDX-License-Identifier: MIT
// line.c - editing one line of input.
//
// A key that is no character, such as an arrow, arrives as an escape sequence:
// ESC, perhaps [ or O, perhaps parameters, and then a character from @ to ~.
#include "line.h"
#include <stdbool.h>

// The control characters that C has no name for.
enum {
    CTRL_C = 3,
    CTRL_D = 4,
    CTRL_U = 21,
    ESCAPE = 27,
    DELETE = 127,
};

void line_begin(struct line *line)
{
    line->text[0] = '\0';
    line->length = 0;
    line->escape = 0;
}

static void add(struct line *line, char c, void (*put)(char c))
{
    if (line->length == LINE_SIZE - 1) {
        put('\a');
        return;
    }
    line->text[line->length++] = c;
    line->text[line->length] = '\0';
    put(c);
}

static void take_back(struct line *line, void (*put)(char c))
{
    if (line->length == 0)
        return;
    line->text[--line->length] = '\0';
    put('\b');
    put(' ');
    put('\b');
}

// Takes the next character of an escape sequence.
static void follow(struct line *line, char c)
{
    bool goes_on = line->escape == 1 && (c == '[' || c == 'O');
    bool inside = goes_on || (c >= ' ' && c < '@');
    line->escape = inside ? line->escape + 1 : 0;
}

static enum line_event control(struct line *line, char c, void (*put)(char c))
{
    switch (c) {
    case CTRL_C:
        put('^');
        put('C');
        put('\n');
        return LINE_CANCEL;
    case CTRL_D:
        return line->length == 0 ? LINE_END : LINE_MORE;
    case '\n':
    case '\r':
        put('\n');
        return LINE_DONE;
    case '\b':
    case DELETE:
        take_back(line, put);
        return LINE_MORE;
    case CTRL_U:
        while (line->length > 0)
            take_back(line, put);
        return LINE_MORE;
    default:
        return LINE_MORE;
    }
}

enum line_event line_put(struct line *line, char c, void (*put)(char c))
{
    // A control character ends a sequence that is incomplete, so that a stray
    // ESC can't swallow Enter.
    if ((unsigned char)c < ' ' || c == DELETE) {
        line->escape = c == ESCAPE;
        return control(line, c, put);
    }
    if (line->escape > 0)
        follow(line, c);
    else if (c >= ' ' && c <= '~')
        add(line, c, put);
    return LINE_MORE;
}
