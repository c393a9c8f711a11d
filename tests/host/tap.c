// SPDX-License-Identifier: MIT
// tap.c - prints three reports: one that passes, one that fails, one without
// a test point; and what tap_end says to each.
#include "host.h"
#include "../../common/include/tap.h"

void console_putc(char c)
{
    putchar(c);
}

int main(void)
{
    tap_begin();
    printf("%d\n", tap_point(true, "one and %d", 1));
    printf("%d\n", tap_end());

    tap_begin();
    printf("%d\n", tap_point(false, "%s", "wrong"));
    tap_point(true, "right");
    printf("%d\n", tap_end());

    tap_begin();
    printf("%d\n", tap_end());
    return 0;
}
