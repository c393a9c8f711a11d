// SPDX-License-Identifier: MIT
// line.h - editing one line of input, character by character, from wherever
// the characters come.
#ifndef STRATA_LINE_H
#define STRATA_LINE_H

enum {
    LINE_SIZE = 128, // bytes, the closing NUL included
};

enum line_event {
    LINE_MORE,   // the line goes on
    LINE_DONE,   // Enter: `text` holds the line, without the line end
    LINE_CANCEL, // Ctrl-C: the line was given up
    LINE_END,    // Ctrl-D on an empty line: there is no more input
};

struct line {
    char text[LINE_SIZE]; // always ends with NUL
    unsigned length;      // bytes in `text`, without the NUL
    unsigned escape;      // characters of an escape sequence so far
};

// Begins an empty line.
void line_begin(struct line *line);

// Takes the next character that was typed. Printable ASCII is added and
// echoed; Backspace and Delete take the last one back, Ctrl-U all of them;
// the escape sequences of arrow and function keys are swallowed; a full line
// answers with the bell (BEL). CR and LF each end a line (so type one of the
// two) and are echoed as LF; Ctrl-C is echoed as "^C" and LF. The echo goes
// out through `put`. After any event but LINE_MORE call line_begin.
enum line_event line_put(struct line *line, char c, void (*put)(char c));

#endif
