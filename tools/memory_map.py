#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws where the pieces of a linked kernel lie in memory, as a picture (SVG).

memory_map.py part1          prints the picture
memory_map.py part1 --write  writes book/images/memory-map-part1.svg

The sections, and the symbols that mark their borders, come from the linked
kernel.elf, by llvm-readelf and llvm-nm. The picture has its own background, so
that it can be read on a light page and on a dark one.
"""
from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import strata

RAM = 0x40000000        # where RAM begins on QEMU's machine `virt`

# What a reader may want to know of a section.
ABOUT = {
    ".text": "code; the image header comes first",
    ".rodata": "constants and strings",
    ".data": "variables that begin with a value",
    ".symbols": "the names of functions, for the backtrace",
    ".bss": "variables that begin as zero",
    ".stack": "the stack that everything runs on (SP_EL0)",
    ".kernel_stack": "the stack of exceptions (SP_EL1)",
    ".thread_stacks": "the stacks of the demos' threads (SP_EL0)",
}
GUARD = "the guard: touched on a stack overflow"
IN_FILE, IN_MEMORY, FREE, WATCHED = "#cfe3f7", "#f6e3bd", "#eeeeea", "#f0b9ad"


@dataclass(frozen=True)
class Section:
    name: str
    start: int
    size: int
    in_file: bool       # or only memory that is asked for


@dataclass(frozen=True)
class Band:
    """One stripe of the picture."""
    label: str
    about: str
    color: str
    height: int
    address: int | None = None  # of its lower border
    size: int | None = None


class Missing(Exception):
    """A tool or the kernel is not there; the text is one line."""


def output(*command: str) -> str:
    if not shutil.which(command[0]):
        raise Missing(f"{command[0]} is not installed: "
                      "sh tools/setup.sh installs it")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Missing(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout


def sections(elf: Path) -> list[Section]:
    """The sections that take up memory, by address."""
    readelf = (os.environ.get("OBJDUMP") or "llvm-objdump").replace(
        "objdump", "readelf")
    table = output(readelf, "--sections", "--wide", str(elf))
    row = re.compile(r"\[ *\d+\] (\S+) +(\w+) +([0-9a-f]{16}) [0-9a-f]+ "
                     r"([0-9a-f]+) [0-9a-f]+ +(\w*) ")
    found = [Section(m[1], int(m[3], 16), int(m[4], 16), m[2] != "NOBITS")
             for m in row.finditer(table) if "A" in m[5] and int(m[4], 16)]
    return sorted(found, key=lambda s: s.start)


def symbols(elf: Path) -> dict[str, int]:
    table = output(os.environ.get("NM") or "llvm-nm", str(elf))
    return {name: int(address, 16) for address, name in
            re.findall(r"^([0-9a-f]+) \w (\S+)$", table, re.MULTILINE)}


def guard_size(part: Path) -> int:
    """How much of the stack's lower end is watched; 0: nothing."""
    header = part / "guard.h"
    found = re.search(r"GUARD_BITS\W+(\d+)",
                      header.read_text() if header.is_file() else "")
    return 1 << int(found[1]) if found else 0


def human(size: int) -> str:
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size} bytes"


def bands(part: Path, found: list[Section],
          names: dict[str, int]) -> list[Band]:
    """The stripes, from the lowest address up."""
    first = found[0].start
    out = [Band("nothing of ours", "devices, up to the beginning of RAM", FREE,
                30, 0),
           Band("free", "the kernel is loaded above this", FREE, 30, RAM,
                first - RAM)]
    guard = guard_size(part)
    for section in found:
        color = IN_FILE if section.in_file else IN_MEMORY
        size = section.size
        start = section.start
        if section.name == ".stack" and guard:
            out.append(Band("", GUARD, WATCHED, 24, start, guard))
            start, size = start + guard, size - guard
        out.append(Band(section.name, ABOUT.get(section.name, ""), color, 40,
                        start, size))
    end = names.get("image_end", found[-1].start + found[-1].size)
    return out + [Band("free", "the rest of RAM; the device tree is in it too",
                       FREE, 30, end)]


LEFT, WIDTH, RIGHT = 110, 150, 360  # the columns: addresses, boxes, words


def stripe(band: Band, top: int) -> list[str]:
    """One band: its box, the address below, and what is in it."""
    middle, bottom = top + band.height // 2 + 5, top + band.height
    lines = [f'<rect x="{LEFT}" y="{top}" width="{WIDTH}" '
             f'height="{band.height}" fill="{band.color}" stroke="#444"/>',
             f'<text x="{LEFT + WIDTH // 2}" y="{middle}" '
             f'text-anchor="middle" class="name">{escape(band.label)}</text>']
    if band.address is not None:
        lines.append(f'<text x="{LEFT - 8}" y="{bottom + 4}" '
                     f'text-anchor="end" class="address">'
                     f'0x{band.address:08x}</text>')
    size = f"{human(band.size)}: " if band.size else ""
    lines.append(f'<text x="{LEFT + WIDTH + 12}" y="{middle}">'
                 f'{escape(size + band.about)}</text>')
    return lines


def draw(part: Path, found: list[Section], names: dict[str, int]) -> str:
    """The picture; high addresses are at the top."""
    stack = bands(part, found, names)
    width = LEFT + WIDTH + 12 + RIGHT
    top = 66
    body: list[str] = []
    for band in reversed(stack):
        body += stripe(band, top)
        top += band.height
    legend = top + 34
    for x, color, text in ((LEFT, IN_FILE, "in kernel.img"),
                           (LEFT + 150, IN_MEMORY, "only memory, no bytes in "
                            "the file")):
        body += [f'<rect x="{x}" y="{legend - 12}" width="16" height="16" '
                 f'fill="{color}" stroke="#444"/>',
                 f'<text x="{x + 24}" y="{legend + 1}">{text}</text>']
    height = legend + 24
    title = f"The memory map of {part.name}"
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" role="img" '
        f'font-family="sans-serif" font-size="14" fill="#1c1c1c">',
        f'<title>{title}</title>',
        f'<desc>{escape("; ".join(describe(b) for b in reversed(stack)))}'
        '</desc>',
        '<style>.name{font-weight:bold}'
        '.address{font-family:monospace;font-size:13px}</style>',
        f'<rect width="{width}" height="{height}" rx="8" fill="#fdfdfb"/>',
        f'<text x="{LEFT}" y="28" font-size="17" font-weight="bold">'
        f'{title}</text>',
        f'<text x="{LEFT}" y="49">High addresses are at the top; '
        'heights are not to scale.</text>',
        *body, "</svg>", ""])


def describe(band: Band) -> str:
    """One band in words, for those who can't see the picture."""
    name = band.label or "guard"
    place = f" from 0x{band.address:08x}" if band.address is not None else ""
    return f"{name}{place}: {band.about}"


def memory_map(root: Path, part: Path) -> str:
    """The picture of a part that is built. Raises Missing."""
    elf = root / "build" / part.name / "kernel.elf"
    if not elf.is_file():
        raise Missing(f"{part.name} is not built: make {part.name}")
    return draw(part, sections(elf), symbols(elf))


def picture(root: Path, part: Path) -> Path:
    """Where the book has the picture of a part."""
    return root / "book" / "images" / \
        f"memory-map-{part.name.partition('-')[0]}.svg"


def without_numbers(text: str) -> str:
    return re.sub(r"0x[0-9a-f]+|[\d.]+ (bytes|KiB|MiB)", "N", text)


def is_stale(root: Path, part: Path, loose: bool = False) -> bool:
    """Does the book have a picture of this part that is not like it? With
    another compiler (`loose`), addresses and sizes may be others."""
    path = picture(root, part)
    if not path.is_file():
        return False
    old, new = path.read_text(), memory_map(root, part)
    if loose:
        old, new = without_numbers(old), without_numbers(new)
    return old != new


def main() -> int:
    parser = strata.Parser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", help="part1, or part1-boot")
    parser.add_argument("--write", action="store_true",
                        help="into book/images/, not on standard output")
    arguments = parser.parse_args()
    part = strata.find_part(strata.ROOT, arguments.part)
    try:
        text = memory_map(strata.ROOT, part)
    except Missing as missing:
        strata.fail(str(missing))
    if arguments.write:
        path = picture(strata.ROOT, part)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
