# SPDX-License-Identifier: MIT
"""Reads book/pages.toml: the book's pages in order, and which of them owns
which function.

    [filled-with]                 # with other versions than these, numbers
    clang = "14"                  # in transcripts are not compared
    qemu = "7.2"

    [excused]                     # functions that no page owns
    "*/selftest.c" = "tests of the kernel, no lesson"
    "part1-boot/main.c: cpu_name" = "a table of names"

    [[page]]
    id = "1a"                     # what PAGE=1a means; may be left out
    file = "part1a-uart.md"
    title = "The UART and the image"
    chapter = "Part 1: boot"      # heads the list of pages, from here on
    part = "part1-boot"           # none: the page owns nothing
    [page.functions]              # by file, from the part's directory
    "boot.S" = ["_start", "enter"]
    "uart.c" = "*"                # all that no other page names
    [page.excused]                # owned by this page, but not shown on it
    "uart.c: uart_probe" = "part 2 shows it"

A function is one of C, or a routine or macro of assembly, in any .c, .h or .S
file of a part. Each that a part adds, or that is not what it was in the part
before, belongs to exactly one page of this part. A list may also name what is
no function (an enum, a macro), or a file that has none ("kernel.ld" = "*"): it
then decides in `make part1 diff PAGE=1a` whose hunks those lines are.
"""
from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import extract
import strata

SUFFIXES = (".c", ".h", ".S")
WHERE = "book/pages.toml"


class Wrong(Exception):
    """What is wrong in pages.toml, in one line."""


@dataclass
class Page:
    file: str
    title: str
    id: str = ""
    chapter: str = ""
    part: str = ""
    functions: dict[str, list[str]] = field(default_factory=dict)
    excused: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.id or self.file

    def lists(self, file: str, symbol: str) -> bool:
        return symbol in self.functions.get(file, [])


@dataclass
class Book:
    root: Path
    pages: list[Page]
    excused: dict[str, str]
    filled_with: dict[str, str]

    def of_part(self, part: str) -> list[Page]:
        return [page for page in self.pages if page.part == part]

    def owners(self, part: str, file: str, symbol: str) -> list[Page]:
        """The pages that a symbol is on: those that name it, or else those
        that have "*" for its file."""
        mine = self.of_part(part)
        return ([p for p in mine if p.lists(file, symbol)]
                or [p for p in mine if p.lists(file, "*")])

    def is_excused(self, part: str, file: str, symbol: str) -> bool:
        """Is it a function that no page needs to own?"""
        for key in self.excused:
            pattern, _, name = key.partition(": ")
            if fnmatch(f"{part}/{file}", pattern) and name in ("", symbol):
                return True
        return False


# --- Reading ----------------------------------------------------------


def strings(table: object, what: str) -> dict[str, str]:
    """A table of strings. Raises Wrong."""
    if not isinstance(table, dict) or not all(
            isinstance(v, str) and v.strip() for v in table.values()):
        raise Wrong(f"{what}: must be a table of texts, none of them empty")
    return table


def read_functions(table: object, what: str) -> dict[str, list[str]]:
    if not isinstance(table, dict):
        raise Wrong(f"{what}: must be a table of lists of names, or \"*\"")
    found = {file: [names] if isinstance(names, str) else names
             for file, names in table.items()}
    for file, names in found.items():
        if not isinstance(names, list) or not all(
                isinstance(n, str) for n in names):
            raise Wrong(f"{what}: {file}: must be a list of names, or \"*\"")
        if len(set(names)) != len(names):
            raise Wrong(f"{what}: {file}: a name is there twice")
    return found


def read_page(table: object, number: int) -> Page:
    what = f"page {number}"
    if not isinstance(table, dict):
        raise Wrong(f"{what}: write [[page]]")
    known = set(Page.__dataclass_fields__)
    for key in table:
        if key not in known:
            raise Wrong(f"{what}: no key '{key}'; there are: "
                        + ", ".join(sorted(known)))
    what = f"page {table.get('id') or table.get('file') or number}"
    texts = strings({k: v for k, v in table.items()
                     if k not in ("functions", "excused")}, what)
    for key in ("file", "title"):
        if key not in texts:
            raise Wrong(f"{what}: has no {key}")
    return Page(**texts,
                functions=read_functions(table.get("functions", {}), what),
                excused=strings(table.get("excused", {}), what))


def load(root: Path) -> Book:
    """The book's pages. Raises Wrong."""
    path = root / WHERE
    try:
        table = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise Wrong(f"{WHERE}: there is none") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Wrong(f"{WHERE}: {error}") from None
    try:
        for key in table:
            if key not in ("page", "excused", "filled-with"):
                raise Wrong(f"no table '{key}'; there are: [[page]], "
                            "[excused], [filled-with]")
        pages = [read_page(page, number)
                 for number, page in enumerate(table.get("page", []), 1)]
        for what in ("id", "file"):
            seen = [getattr(page, what) for page in pages
                    if getattr(page, what)]
            for value in seen:
                if seen.count(value) > 1:
                    raise Wrong(f"two pages have the {what} '{value}'")
        return Book(root, pages, strings(table.get("excused", {}), "[excused]"),
                    strings(table.get("filled-with", {}), "[filled-with]"))
    except Wrong as wrong:
        raise Wrong(f"{WHERE}: {wrong}") from None


# --- What a part adds or changes --------------------------------------


def sources(part: Path) -> dict[str, Path]:
    """The part's files that may hold functions, by path within the part."""
    return {str(p.relative_to(part)): p for p in sorted(part.rglob("*"))
            if p.suffix in SUFFIXES and p.is_file()}


def before(root: Path, part: str) -> Path | None:
    """The part before this one."""
    known = strata.parts(root)
    index = [p.name for p in known].index(part)
    return known[index - 1] if index else None


def function_texts(path: Path) -> dict[str, list[str]]:
    """The lines of each function, without the comment above it."""
    lines = path.read_text().split("\n")
    return {name: lines[item.start:item.end]
            for item in extract.items_of(path) for name in item.functions()}


def changed(root: Path, part: str) -> dict[str, list[str]]:
    """By file, the functions that a part adds or changes."""
    previous = before(root, part)
    found = {}
    for file, path in sources(root / part).items():
        old = previous / file if previous else None
        known = function_texts(old) if old and old.is_file() else {}
        found[file] = [name for name, text in function_texts(path).items()
                       if known.get(name) != text]
    return {file: names for file, names in found.items() if names}


# --- Is each function on exactly one page? ----------------------------


def check_lists(book: Book, page: Page) -> list[str]:
    """What a page lists, and isn't there."""
    known = [part.name for part in strata.parts(book.root)]
    what = f"{WHERE}: page {page.name}"
    if page.part and page.part not in known:
        return [f"{what}: there is no {page.part}; the parts are: "
                + " ".join(known)]
    if not page.part and (page.functions or page.excused):
        return [f"{what}: lists functions, but has no part"]
    found = []
    for file, names in page.functions.items():
        path = book.root / page.part / file
        if not path.is_file():
            found.append(f"{what}: there is no {page.part}/{file}: "
                         "correct its name in the page's functions")
            continue
        there = {n for item in extract.items_of(path) for n in item.names}
        found += [f"{what}: {page.part}/{file} has no '{name}': "
                  "correct its name in the page's functions"
                  for name in names if name != "*" and name not in there]
    for key in page.excused:
        file, _, name = key.partition(": ")
        path = book.root / page.part / file
        if not path.is_file() or name not in function_texts(path):
            found.append(f"{what}: excuses '{key}', which {page.part} does "
                         "not have (write \"FILE: FUNCTION\")")
    return found


def check_excuses(book: Book) -> list[str]:
    """Excuses for functions that aren't there."""
    there = [(f"{part.name}/{file}", name)
             for part in strata.parts(book.root)
             for file, path in sources(part).items()
             for name in function_texts(path)]
    found = []
    for key in book.excused:
        pattern, _, name = key.partition(": ")
        if not any(fnmatch(file, pattern) and name in ("", function)
                   for file, function in there):
            found.append(f"{WHERE}: [excused] '{key}': no function is meant: "
                         "correct it, or take it out")
    return found


def check_owners(book: Book) -> list[str]:
    """Functions that are on no page, or on two."""
    found = []
    for part in strata.parts(book.root):
        if not book.of_part(part.name):
            continue  # its chapter is not written yet
        for file, names in changed(book.root, part.name).items():
            for name in names:
                owners = [p.name for p in book.owners(part.name, file, name)]
                place = f"{WHERE}: {part.name}/{file}: {name}"
                if len(owners) > 1:
                    found.append(f"{place} is on the pages "
                                 f"{' and '.join(owners)}: leave it on one")
                elif not owners and not book.is_excused(part.name, file, name):
                    found.append(f"{place} is on no page: add it to the page "
                                 "that explains it, or to [excused]")
    return found


Shown = dict[Path, set[int]]  # the lines of each file that a page shows


def check_shown(book: Book, page: Page, shown: Shown) -> list[str]:
    """Functions that a page owns and doesn't show."""
    if not page.part or not (book.root / page.part).is_dir():
        return []
    found = []
    for file, names in changed(book.root, page.part).items():
        path = book.root / page.part / file
        lines = path.read_text().split("\n")
        for item in extract.items_of(path):
            for name in item.functions():
                if name not in names or f"{file}: {name}" in page.excused \
                        or book.owners(page.part, file, name) != [page]:
                    continue
                hidden = [n for n in range(item.start, item.end)
                          if lines[n].strip()
                          and n not in shown.get(path, set())]
                if hidden:
                    partly = len(hidden) < item.end - item.start
                    extent = f" from line {hidden[0] + 1} on" if partly else ""
                    found.append(
                        f"book/{page.file}: {page.part}/{file}: {name} is "
                        f"not shown{extent}: add a block "
                        f"'file={page.part}/{file} symbol={name}', or excuse "
                        f"it in {WHERE}")
    return found


def check_files(book: Book) -> list[str]:
    """Pages that are in the list and not there, or the other way round."""
    listed = {page.file for page in book.pages}
    there = {p.name for p in (book.root / "book").glob("*.md")}
    return ([f"{WHERE}: there is no book/{name}: write it, or take it out"
             for name in sorted(listed - there)]
            + [f"book/{name}: is not in {WHERE}: add a [[page]]"
               for name in sorted(there - listed - {"index.md"})])


def check(book: Book, shown: dict[str, Shown]) -> list[str]:
    """All of it; `shown` says what each page's blocks show."""
    found = check_files(book) + check_excuses(book)
    for page in book.pages:
        found += check_lists(book, page)
    found += check_owners(book)
    for page in book.pages:
        if page.file in shown:
            found += check_shown(book, page, shown[page.file])
    return found
