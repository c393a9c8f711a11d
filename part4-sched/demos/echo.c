// SPDX-License-Identifier: MIT
// echo.c - says what you type, until there is no more.

#include "demo.h"

void demo_echo(void)
{
    char line[128];
    unsigned lines = 0;
    printf("Type a line, and it comes back. Backspace works; Ctrl-C gives a "
           "line up,\nCtrl-D switches the machine off.\n");
    while (read_line("> ", line, sizeof(line))) {
        printf("%s\n", line);
        lines++;
    }
    printf("result: %u lines\n", lines);
}
