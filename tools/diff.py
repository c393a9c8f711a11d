#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shows what a part changes against the part before: the lesson, as a diff.

First a table of the files, then the diff, in the form that patch(1) takes.
With PAGE=1b in the environment only what this page of the book explains, on
top of what the pages before it have: the diffs of all pages, applied one after
the other, make the new part out of the old one.

Which page a changed line belongs to: the page that owns the function that the
line is in, with the comment above it (book/pages.toml). All other lines of a
file (its first comment, the #includes, an enum that no page lists) go with the
first page that lists anything of this file; a header that no page lists goes
with the .c or .S file of its name; and what is left, with the last page of the
part. A README.md is no part of the lesson and is not shown. The files come in
the order of book/pages.toml.
"""
from __future__ import annotations

import argparse
import os
import re
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import extract
import pages
import strata

CONTEXT = 3     # unchanged lines shown around a change
COLORS = {"+": "32", "-": "31", "@": "36"}


# --- Which lines stay the same ----------------------------------------


def longest_rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest run of pairs, sorted by the first, whose second rises."""
    tails: list[int] = []
    last: list[int] = []
    before: list[int | None] = []
    for index, (_, value) in enumerate(pairs):
        place = bisect_left(tails, value)
        before.append(last[place - 1] if place else None)
        tails[place:place + 1] = [value]
        last[place:place + 1] = [index]
    out, at = [], last[-1] if last else None
    while at is not None:
        out.append(pairs[at])
        at = before[at]
    return out[::-1]


def same_lines(old: list[str], new: list[str]) -> list[tuple[int, int]]:
    """Pairs of lines that stay ("patience": lines that are unique in both
    files lead, so that a brace of one function is never held for another's)."""
    front = 0
    while front < min(len(old), len(new)) and old[front] == new[front]:
        front += 1
    back = 0
    while back < min(len(old), len(new)) - front \
            and old[-1 - back] == new[-1 - back]:
        back += 1
    ends = ([(i, i) for i in range(front)],
            [(len(old) - i, len(new) - i) for i in range(back, 0, -1)])
    a, b = old[front:len(old) - back], new[front:len(new) - back]
    once = {line for line, n in Counter(a).items() if n == 1} & \
        {line for line, n in Counter(b).items() if n == 1}
    leading = longest_rising([(i, b.index(line)) for i, line in enumerate(a)
                              if line in once])
    if leading:
        middle = []
        for (i, j), (i_end, j_end) in zip([(-1, -1), *leading],
                                          [*leading, (len(a), len(b))]):
            middle += [(x + i + 1, y + j + 1) for x, y in
                       same_lines(a[i + 1:i_end], b[j + 1:j_end])]
            middle += [(i_end, j_end)] if i_end < len(a) else []
    else:
        middle = [(m.a + k, m.b + k) for m in
                  SequenceMatcher(None, a, b, autojunk=False)
                  .get_matching_blocks() for k in range(m.size)]
    return ends[0] + [(i + front, j + front) for i, j in middle] + ends[1]


# --- One file ---------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A line of a diff."""
    sign: str           # " ", "-" or "+"
    text: str
    page: int           # which page of the part it belongs to, from 0
    place: str = ""     # the function it is in


@dataclass(frozen=True)
class File:
    """A file, before and after."""
    name: str
    old: bytes | None
    new: bytes | None
    lines: list[Line]

    @property
    def state(self) -> str:
        if self.old is None:
            return "added"
        return "removed" if self.new is None else "changed"

    def count(self, sign: str) -> int:
        return sum(1 for line in self.lines if line.sign == sign)


def is_binary(data: bytes | None) -> bool:
    return data is not None and b"\0" in data


def text_lines(data: bytes | None) -> list[str]:
    """The lines, each with its end; what is no UTF-8 survives."""
    text = (data or b"").decode("utf-8", "surrogateescape")
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def places(data: bytes | None, name: str) -> dict[int, extract.Item]:
    """What each line of a file belongs to, as far as it has a name."""
    if data is None or is_binary(data):
        return {}
    try:
        found = extract.items(data.decode("utf-8", "surrogateescape"),
                              extract.suffix_of(Path(name)))
    except SyntaxError:
        return {}
    return {number: item for item in found if "place" not in
            item.names.values() for number in range(item.first, item.end)}


class Owners:
    """Which page of a part the lines of its files belong to."""

    def __init__(self, book: pages.Book | None, part: str) -> None:
        self.book, self.part = book, part
        self.mine = book.of_part(part) if book else []

    def of_file(self, name: str) -> int:
        stem = re.sub(r"\.h$", "", name)
        for wanted in (name, f"{stem}.c", f"{stem}.S"):
            for number, page in enumerate(self.mine):
                if wanted in page.functions:
                    return number
        return max(len(self.mine) - 1, 0)

    def reading_order(self, name: str) -> tuple[int, int, str]:
        """Sorts files as book/pages.toml lists them; the others come last."""
        listed = [file for page in self.mine for file in page.functions]
        stem = re.sub(r"\.h$", "", name)
        for wanted in (name, f"{stem}.c", f"{stem}.S"):
            if wanted in listed:
                return listed.index(wanted), name.count("/"), name
        return len(listed), name.count("/"), name

    def of_item(self, name: str, item: extract.Item | None) -> int:
        if self.book and item:
            for symbol in item.names:
                for page in self.mine:
                    if page.lists(name, symbol):
                        return self.mine.index(page)
            if item.functions():
                for page in self.mine:
                    if page.lists(name, "*"):
                        return self.mine.index(page)
        return self.of_file(name)

    def of_lines(self, name: str, data: bytes | None) -> list[tuple[int, str]]:
        """Page and function of each line; a blank line belongs to what is
        above it."""
        known, out = places(data, name), []
        for number, text in enumerate(text_lines(data)):
            item = known.get(number)
            if item is None and not text.strip() and out:
                out.append(out[-1])
                continue
            label = next((n for n, kind in item.names.items()
                          if kind != "macro"), "") if item else ""
            out.append((self.of_item(name, item), label))
        return out


def compare(name: str, old: bytes | None, new: bytes | None,
            owners: Owners) -> list[Line]:
    """The whole file as lines that stay, go or come."""
    if is_binary(old) or is_binary(new):
        return []
    a, b = text_lines(old), text_lines(new)
    a_owner, b_owner = owners.of_lines(name, old), owners.of_lines(name, new)
    out: list[Line] = []
    i = j = 0
    for i_same, j_same in [*same_lines(a, b), (len(a), len(b))]:
        out += [Line("-", a[n], *a_owner[n]) for n in range(i, i_same)]
        out += [Line("+", b[n], *b_owner[n]) for n in range(j, j_same)]
        if j_same < len(b):
            out.append(Line(" ", b[j_same], *b_owner[j_same]))
        i, j = i_same + 1, j_same + 1
    return out


def contents(part: Path | None) -> dict[str, bytes]:
    if part is None:
        return {}
    return {str(p.relative_to(part)): p.read_bytes()
            for p in sorted(part.rglob("*"))
            if p.is_file() and p.suffix != ".md"
            and "__pycache__" not in p.parts}


def files(old: Path | None, new: Path, owners: Owners) -> list[File]:
    """The files that differ between two parts."""
    a, b = contents(old), contents(new)
    return [File(name, a.get(name), b.get(name),
                 compare(name, a.get(name), b.get(name), owners))
            for name in sorted({*a, *b}, key=owners.reading_order)
            if a.get(name) != b.get(name)]


def only_page(file: File, page: int) -> File:
    """What this page changes, on top of what the pages before it do."""
    out = []
    for line in file.lines:
        if line.page == page or line.sign == " ":
            out.append(line)
        elif (line.sign == "+") == (line.page < page):
            out.append(Line(" ", line.text, line.page, line.place))
    # A file that comes (or goes) with an earlier or later page is there both
    # before and after this one.
    exists = any(line.sign != "+" for line in out)
    stays = any(line.sign != "-" for line in out)
    return File(file.name, file.old if file.old is not None or not exists
                else b"", file.new if file.new is not None or not stays
                else b"", out)


# --- How it is shown --------------------------------------------------


def hunks(lines: list[Line]) -> Iterator[list[str]]:
    """The changes with some lines around them, as diff -u shows them."""
    marked = [n for n, line in enumerate(lines) if line.sign != " "]
    groups: list[list[int]] = []
    for number in marked:
        if groups and number - groups[-1][1] <= 2 * CONTEXT + 1:
            groups[-1][1] = number
        else:
            groups.append([number, number])
    for first, last in groups:
        start = max(0, first - CONTEXT)
        shown = lines[start:last + CONTEXT + 1]
        extents = []
        for gone in ("+", "-"):
            count = sum(1 for line in shown if line.sign != gone)
            above = sum(1 for line in lines[:start] if line.sign != gone)
            extents.append(f"{above + (count > 0)},{count}")
        place = lines[first].place
        yield [f"@@ -{extents[0]} +{extents[1]} @@ {place}".rstrip(),
               *(text for line in shown for text in printed(line))]


def printed(line: Line) -> list[str]:
    if line.text.endswith("\n"):
        return [line.sign + line.text[:-1]]
    return [line.sign + line.text, "\\ No newline at end of file"]


def file_diff(file: File, old: str, new: str) -> list[str]:
    """One file's diff; nothing if there is nothing to show."""
    name = file.name
    if is_binary(file.old) or is_binary(file.new):
        return [f"Binary file {name}: {file.state}"]
    body = [line for hunk in hunks(file.lines) for line in hunk]
    if not body:
        return []
    # What came with an earlier page of this part is not in the part before.
    before = "/dev/null" if file.old is None else \
        f"{old if file.old else new}/{name}"
    after = "/dev/null" if file.new is None else f"{new}/{name}"
    return [f"--- {before}", f"+++ {after}", *body]


def table(found: list[File]) -> list[str]:
    """A line for each file, and one for all of them."""
    width = max((len(f.name) for f in found), default=0)
    lines = []
    for file in found:
        plus, minus = file.count("+"), file.count("-")
        counts = (f"{f'+{plus}' if plus else '':>6}"
                  f"{f'-{minus}' if minus else '':>6}")
        lines.append(f"  {file.state:8}{file.name:{width}}{counts}".rstrip())
    plus = sum(f.count("+") for f in found)
    minus = sum(f.count("-") for f in found)
    number = "1 file" if len(found) == 1 else f"{len(found)} files"
    return lines + [f"  {number}, +{plus} -{minus} lines"]


def colored(line: str) -> str:
    if line.startswith(("--- ", "+++ ")):
        return f"\033[1m{line}\033[0m"
    color = COLORS.get(line[:1])
    return f"\033[{color}m{line}\033[0m" if color else line


def page_number(book: pages.Book, part: str, wanted: str) -> int:
    """Which page of its part PAGE= means, from 0."""
    ids = [page.id for page in book.of_part(part)]
    if wanted not in ids:
        known = ", ".join(filter(None, ids)) or "none yet"
        strata.fail(f"PAGE={wanted}: {part} has no such page; it has {known}")
    return ids.index(wanted)


def report(root: Path, part: Path, wanted: str) -> list[str]:
    """Everything that is to be printed."""
    previous = pages.before(root, part.name)
    book = None
    if wanted:
        try:
            book = pages.load(root)
        except pages.Wrong as wrong:
            strata.fail(f"PAGE={wanted}: {wrong}")
        number = page_number(book, part.name, wanted)
    found = files(previous, part, Owners(book, part.name))
    title = f"{previous.name if previous else 'nothing'} -> {part.name}"
    if book:
        found = [f for f in (only_page(file, number) for file in found)
                 if f.count("+") or f.count("-")]
        title += f", page {wanted}: {book.of_part(part.name)[number].title}"
    if not previous and not book:
        return [f"{part.name} is the first part: there is none before it to "
                "compare it with", *table(found)]
    old = previous.name if previous else "nothing"
    return [title, *table(found), "",
            *(line for file in found
              for line in file_diff(file, old, part.name))]


def main() -> int:
    parser = strata.Parser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", help="part1, or part1-boot")
    parser.add_argument("--root", type=Path, default=strata.ROOT,
                        metavar="DIR", help="the repository (default: this)")
    arguments = parser.parse_args()
    part = strata.find_part(arguments.root, arguments.part)
    lines = report(arguments.root, part, os.environ.get("PAGE", ""))
    paint = colored if sys.stdout.isatty() else str
    try:
        sys.stdout.reconfigure(errors="surrogateescape")
        for line in lines:
            print(paint(line))
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads on, as in `make part1 diff | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
