#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns the output of nm into the symbol table that is linked into a kernel.

Reads `nm --numeric-sort` on standard input and writes assembly: for each
function its address and its name, sorted by address.
"""
import re
import sys

# Functions only: names in code ("t", "T"), no assembler-local labels.
LINE = re.compile(r"([0-9a-f]+) [tTwW] ([A-Za-z_][\w.]*)$")


def table(lines: list[str]) -> str:
    """The assembly text of the table for these lines of nm."""
    symbols = [m.groups() for m in map(LINE.match, lines) if m]
    out = ["    .section .symbols, \"a\"", "    .balign 8"]
    out += ["    .global symbol_count", "symbol_count:"]
    out += [f"    .quad {len(symbols)}"]
    out += ["    .global symbols", "symbols: // struct symbol: address, name"]
    for number, (address, _) in enumerate(symbols):
        out.append(f"    .quad 0x{address}, .Lname{number}")
    for number, (_, name) in enumerate(symbols):
        out.append(f".Lname{number}: .asciz \"{name}\"")
    return "\n".join(out) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table(sys.stdin.read().splitlines()))
