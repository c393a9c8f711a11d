#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fills and checks the book: code and transcripts in it are never typed.

fill    writes into each block of book/*.md what its info string asks for
check   says in one line each what is stale, missing, unknown or dead
html    builds the book as HTML (what `make book` does)

A block is filled if its info string says where its text comes from.

Code, in any language that a page may want to call it:

    ```c file=part1-boot/uart.c symbol=uart_putc
    ```c file=part1-boot/uart.c symbol=uart_base,uart_putc
    ```c file=part1-boot/machine.h symbol="struct machine"
    ```asm file=part1-boot/boot.S symbol=enter from="adrp x1, bss" to="b 1b"
    ```ld file=part1-boot/kernel.ld
    ```make file=part1-boot/part.mk symbol=kernel-objects

  symbol=   function, structure, macro, label, ...: tools/extract.py says what
            belongs to it; several with commas; none: the whole file
  from= to= only from the first line that contains this text to the next one
            (or the same) that contains that text; one of them alone will do
  comment=no  without the comment above it

Transcripts of real boots, under -icount:

    ```console run=part1-boot demo=crasher args="how=undefined" el=2 cpu=max
    ```console run=part1-boot demo=echo input="hello\\nagain\\x7f\\n"
    ```console run=part1-boot demo=hog until="tick 1"

  demo= args= cpus= mem= cpu= gic= el=   as for `make part1 run`
  exact=1   where figures depend on it: the command shown has EXACT=1
  input=    what is typed (Ctrl-D comes by itself at the end)
  until=    stops behind the line that contains this text: for runs that hang
  from= to= as above; lines=3..7, counted from the kernel's first line;
  grep=     lines in which this regular expression is found. What is left out
            is marked by a line "..."

Lists of events, with remarks of the page's own (see tools/event_list.py):

    ```text events=part4-sched demo=bully args="lending=0"

  the other options are those of a transcript's boot

Text between two comments is filled too:

    <!-- figure part1-boot code-lines -->600<!-- /figure -->
            also: functions median longest budget kept; and code-lines of a
            file, part1-boot/boot.S
    <!-- figure part2-ipc bench call_reply_4 -->320<!-- /figure -->
            the mean that tools/bench.py would show, from a boot of its own; for
            the fewest threads, or for those of a fourth word:
    <!-- figure part2-ipc bench call_reply_4 64 -->320<!-- /figure -->
    <!-- figure part2-ipc call 3 -->35<!-- /figure -->
            the third step of tools/one_call.py, or the sum: `call all`
    <!-- pages --> ... <!-- /pages -->            the list of all pages
    <!-- navigation --> ... <!-- /navigation -->  links to the pages around

A picture book/images/memory-map-part1.svg is drawn by tools/memory_map.py, and
drawn again when it is stale; so is a picture whose title is a command, `make
part3 trace DEMO=hog`, by tools/trace.py. book/pages.toml (see tools/pages.py) says which
page owns which functions.
"""
from __future__ import annotations

import argparse
import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import bench
import event_list
import extract
import measure
import memory_map
import one_call
import pages
import prose
import qemu
import strata
import trace
import transcript
import words
from pages import Shown
from prose import Block, Wrong
from transcript import Boot

REFRESH = "run 'make fill'"
CODE_OPTIONS = ("file", "symbol", "from", "to", "comment")
SHOWN_OPTIONS = ("from", "to", "lines", "grep")


# --- Code -------------------------------------------------------------


def inside(root: Path, name: str) -> Path:
    """A file of the repository, by the name that a page gives it."""
    path = (root / name).resolve()
    if not path.is_relative_to(root.resolve()) or not path.is_file():
        raise Wrong(f"there is no file {name}: correct the info string, "
                    f"then {REFRESH}")
    return path


def code_lines(root: Path, options: dict[str, str]) -> tuple[Path, list[int]]:
    """The file and the lines of it that a code block shows."""
    for key in options:
        if key not in CODE_OPTIONS:
            raise Wrong(f"a code block has no option '{key}'; there are: "
                        + ", ".join(CODE_OPTIONS))
    if options.get("comment", "no") != "no":
        raise Wrong("comment= can only be 'no'")
    path = inside(root, options["file"])
    symbols = [s for s in options.get("symbol", "").split(",") if s]
    try:
        return path, extract.chosen_lines(
            path, symbols, options.get("from", ""), options.get("to", ""),
            "comment" not in options)
    except extract.Missing as missing:
        raise Wrong(f"{options['file']}: {missing}: correct the info string, "
                    f"then {REFRESH}") from None


# --- Transcripts ------------------------------------------------------


def boot_of(options: dict[str, str]) -> Boot:
    """What a transcript block wants to have booted."""
    for key in options:
        if key not in (*Boot.names(), *SHOWN_OPTIONS):
            raise Wrong(f"a transcript has no option '{key}'; there are: "
                        + ", ".join((*Boot.names(), *SHOWN_OPTIONS)))
    return Boot(**{k: v for k, v in options.items() if k in Boot.names()})


def kept(lines: list[str], options: dict[str, str]) -> list[int]:
    """Which of the kernel's lines a transcript shows."""
    numbers = list(range(len(lines)))
    if limits := options.get("lines"):
        found = re.fullmatch(r"(\d+)?\.\.(\d+)?", limits)
        if not found:
            raise Wrong(f"lines={limits}: write lines=3..7, 3.. or ..7")
        numbers = numbers[int(found[1] or 1) - 1:int(found[2] or len(lines))]
    numbers = extract.between(lines, numbers, options.get("from", ""),
                              options.get("to", ""))
    if pattern := options.get("grep"):
        numbers = [n for n in numbers if re.search(pattern, lines[n])]
    if not numbers:
        raise Wrong("the transcript has no line that is to be shown")
    return numbers


def abridged(text: list[str], options: dict[str, str]) -> list[str]:
    """A transcript as the block wants it, "..." where lines are left out."""
    command, lines = text[0], text[1:]
    if not any(key in options for key in SHOWN_OPTIONS):
        return text
    try:
        numbers = kept(lines, options)
    except extract.Missing as missing:
        raise Wrong(f"the transcript: {missing}") from None
    out, previous = [command], -1
    for number in numbers:
        out += ["..."] * (number != previous + 1) + [lines[number]]
        previous = number
    return out + ["..."] * (previous != len(lines) - 1)


class Boots:
    """The transcripts, each made once; parts are built first, once each."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.made: dict[Boot, list[str] | str] = {}
        self.built: dict[str, str] = {}

    def prepare(self, wanted: list[Boot]) -> None:
        """Runs several boots at a time."""
        todo = [b for b in dict.fromkeys(wanted) if b not in self.made]
        for boot in todo:
            self.build(boot.run)
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            self.made |= dict(zip(todo, pool.map(self.make, todo)))

    def build(self, part: str) -> None:
        if part in self.built or part not in [
                p.name for p in strata.parts(self.root)]:
            return
        try:
            transcript.build(self.root / part)
            self.built[part] = ""
        except transcript.Wrong as wrong:
            self.built[part] = str(wrong)

    def make(self, boot: Boot) -> list[str] | str:
        """The transcript, or why there is none."""
        if boot.run not in self.built:
            return f"there is no part '{boot.run}': correct run="
        try:
            if self.built[boot.run]:
                return self.built[boot.run]
            return transcript.transcript(self.root / boot.run, boot)
        except transcript.Wrong as wrong:
            return str(wrong)

    def get(self, boot: Boot) -> list[str]:
        self.prepare([boot])
        made = self.made[boot]
        if isinstance(made, str):
            raise Wrong(made)
        return made


def other_versions(filled_with: dict[str, str]) -> bool:
    """Are clang and QEMU others than those that the book was filled with?"""
    clang = subprocess.run([os.environ.get("CC") or "clang", "-dumpversion"],
                           capture_output=True, text=True, check=False).stdout
    try:
        said = subprocess.run([qemu.executable(), "--version"], text=True,
                              capture_output=True, check=False).stdout
    except qemu.Wrong:
        return False
    version = re.search(r"version (\d+\.\d+)", said)
    now = {"clang": clang.partition(".")[0],
           "qemu": version[1] if version else ""}
    return any(now.get(tool) != wanted for tool, wanted in filled_with.items())


def masked(lines: list[str]) -> list[str]:
    """Without numbers: what other compilers put at other addresses."""
    return [re.sub(r"0x[0-9a-f]+|\d+", "N", re.sub(r" at \S+:\d+$", "", line))
            for line in lines]


# --- Regions ----------------------------------------------------------


def figure(root: Path, about: list[str]) -> str:
    """A figure that tools/measure.py measures, by part (or file) and name."""
    if len(about) != 2:
        raise Wrong("write <!-- figure part1-boot code-lines -->")
    (what, name), (part, _, file) = about, about[0].partition("/")
    if part != "common" and part not in [p.name for p in strata.parts(root)]:
        raise Wrong(f"there is no part '{part}': correct the figure")
    size = measure.measure_size(root / part)
    if file and (name != "code-lines" or file not in size.files):
        raise Wrong(f"'{what} {name}' is no figure: a file has code-lines")
    values = {"code-lines": size.files.get(file, size.code),
              "functions": len(size.functions), "median": size.median,
              "longest": max(size.lengths, default=0),
              "budget": size.budget}
    if name == "kept" and (previous := pages.before(root, part)):
        return f"{measure.measure_step(previous, root / part).share:.1f}"
    if values.get(name) is None:
        raise Wrong(f"'{what} {name}' is no figure; there are: "
                    + ", ".join(values) + ", kept")
    return f"{values[name]:,g}" if name != "code-lines" else \
        f"{values[name]:,}"


def bench_boot(about: list[str]) -> Boot | None:
    """What to boot for a figure of `make bench`; None if it is another."""
    if about[1:2] != ["bench"] or len(about) not in (3, 4):
        return None
    return Boot(run=about[0], demo=bench.DEMO)


def bench_figure(boots: Boots, boot: Boot, about: list[str]) -> str:
    """How many instructions an operation takes, by key and threads."""
    if boot.run not in [p.name for p in strata.parts(boots.root)]:
        raise Wrong(f"there is no part '{boot.run}': correct the figure")
    try:
        found = bench.figures(boots.get(boot))
    except bench.Wrong as wrong:
        raise Wrong(f"'{boot.words()}': {wrong}") from None
    try:
        return f"{bench.chosen(found, *about[2:]).mean:,}"
    except bench.Wrong as wrong:
        raise Wrong(f"{boot.run}: {wrong}: correct the figure") from None


@functools.cache
def call_steps(part: Path) -> list[int]:
    """How many instructions each step of one call takes."""
    return [count for _, count in one_call.trace(part)]


def call_figure(root: Path, about: list[str]) -> str:
    """A step of one call, by its number, or all of them together."""
    part = next((p for p in strata.parts(root) if p.name == about[0]), None)
    if part is None:
        raise Wrong(f"there is no part '{about[0]}': correct the figure")
    try:
        steps = call_steps(part)
    except qemu.Wrong as wrong:
        raise Wrong(f"{about[0]}: {wrong}") from None
    if about[2:] == ["all"]:
        return f"{sum(steps):,}"
    if len(about) == 3 and about[2].isdecimal() and \
            1 <= int(about[2]) <= len(steps):
        return f"{steps[int(about[2]) - 1]:,}"
    raise Wrong(f"one call has the steps 1 to {len(steps)}, and 'all': "
                "correct the figure")


def is_measured(about: list[str]) -> bool:
    """Does the figure depend on the compiler?"""
    return about[1:2] in (["bench"], ["call"])


def listed(book: pages.Book) -> str:
    """The list of all pages, a heading for each chapter."""
    lines, chapter = [""], ""
    for page in book.pages:
        if page.chapter and page.chapter != chapter:
            chapter = page.chapter
            lines += ["", f"**{chapter}**", ""]
        number = f"{page.id}. " if page.part else ""
        lines.append(f"- [{number}{page.title}]({page.file})")
    return "\n".join(lines[1:] if lines[1:2] == [""] else lines) + "\n"


def navigation(book: pages.Book, file: str) -> str:
    """Links to the page before, the list of pages and the page behind."""
    files = [page.file for page in book.pages]
    if file not in files:
        raise Wrong(f"is not in {pages.WHERE}: add a [[page]]")
    index = files.index(file)
    out = []
    if index > 0:
        page = book.pages[index - 1]
        out.append(f"Before: [{page.title}]({page.file})")
    out.append("[All pages](index.md)")
    if index + 1 < len(files):
        page = book.pages[index + 1]
        out.append(f"Next: [{page.title}]({page.file})")
    return "\n" + " · ".join(out) + "\n"


# --- One page ---------------------------------------------------------


@dataclass(frozen=True)
class Stale:
    """A place of a page, and the text that belongs there."""
    line: int           # from 1
    what: str
    start: int          # where the old text begins and ends
    end: int
    text: str


class Filler:
    """Knows what belongs into each block and region of the book's pages."""

    def __init__(self, root: Path, book: pages.Book | None) -> None:
        self.root, self.book = root, book
        self.boots = Boots(root)
        self.loose = bool(book and book.filled_with
                          and other_versions(book.filled_with))
        self.shown: dict[str, Shown] = {}
        self.wrong: list[str] = []

    def files(self) -> list[Path]:
        """The pages, and the READMEs of the repository and of the parts."""
        readmes = [folder / "README.md"
                   for folder in (self.root, *strata.parts(self.root))]
        return (sorted((self.root / "book").glob("*.md"))
                + [readme for readme in readmes if readme.is_file()])

    def place(self, path: Path) -> str:
        return str(path.relative_to(self.root))

    def boot_all(self) -> None:
        """Makes the transcripts of all pages, several at a time."""
        wanted = []
        for path in self.files():
            try:
                for block in prose.blocks(path.read_text().split("\n")):
                    if " run=" in f" {block.info}":
                        wanted.append(boot_of(block.options()))
                for _, about, _ in prose.regions(path.read_text(), "figure"):
                    wanted += filter(None, [bench_boot(about)])
            except Wrong:
                pass  # said when the page itself is looked at
        self.boots.prepare(wanted)

    def wanted(self, page: str, block: Block) -> tuple[str, list[str]] | None:
        """What to call a block, and its text; None if it's not for us."""
        if not re.search(r"\s(file|run|events)=", block.info):
            return None
        options = block.options()
        if "file" in options:
            path, chosen = code_lines(self.root, options)
            self.shown[Path(page).name].setdefault(
                self.root / options["file"], set()).update(chosen)
            name = ": ".join(filter(None, [options["file"],
                                           options.get("symbol", "")]))
            return name, extract.text_of(path, chosen)
        if "events" in options:
            return self.wanted_events(options, block)
        if "run" not in options:
            raise Wrong("a block is filled by file=, run= or events=")
        boot = boot_of(options)
        text = abridged(self.boots.get(boot), options)
        if self.loose and masked(text) == masked(block.body):
            text = block.body
        return f"the transcript of '{boot.words()}'", text

    def wanted_events(self, options: dict[str, str],
                      block: Block) -> tuple[str, list[str]]:
        part = options.pop("events")
        for key in SHOWN_OPTIONS:
            if key in options:
                raise Wrong(f"a list of events has no option '{key}'")
        boot = boot_of(options | {"run": part})
        self.boots.get(boot)  # which builds it, and says what is wrong
        try:
            text = event_list.renewed(
                block.body, event_list.events(self.root / part, boot))
        except transcript.Wrong as wrong:
            raise Wrong(str(wrong)) from None
        return (f"the events of '{boot.words()}'",
                block.body if self.loose else text)

    def stale_blocks(self, page: str, text: str) -> Iterator[Stale]:
        lines = text.split("\n")
        starts = [0]
        for line in lines:
            starts.append(starts[-1] + len(line) + 1)
        for block in prose.blocks(lines):
            try:
                wanted = self.wanted(page, block)
            except Wrong as wrong:
                self.wrong.append(f"{page}:{block.start + 1}: {wrong}")
                continue
            if wanted and wanted[1] != block.body:
                body = "".join((block.indent + line if line else "") + "\n"
                               for line in wanted[1])
                yield Stale(block.start + 1, wanted[0],
                            starts[block.start + 1], starts[block.end], body)

    def figure(self, about: list[str]) -> str:
        if about[1:2] == ["call"]:
            return call_figure(self.root, about)
        boot = bench_boot(about)
        return (bench_figure(self.boots, boot, about) if boot
                else figure(self.root, about))

    def stale_regions(self, page: str, text: str) -> Iterator[Stale]:
        makers = {"figure": self.figure}
        if self.book:
            book = self.book
            makers["pages"] = lambda _: listed(book)
            makers["navigation"] = lambda _: navigation(book, Path(page).name)
        for name, make in makers.items():
            for line, about, (start, end) in prose.regions(text, name):
                try:
                    wanted = make(about)
                except Wrong as wrong:
                    self.wrong.append(f"{page}:{line}: {wrong}")
                    continue
                if self.loose and is_measured(about) and re.fullmatch(
                        r"\d[\d,]*", text[start:end]):
                    continue  # other compilers make other instructions
                if text[start:end] != wanted:
                    what = " ".join(["the", name, *about])
                    yield Stale(line, what, start, end, wanted)

    def stale(self, path: Path) -> list[Stale]:
        """What is stale on a page; what is wrong goes to self.wrong."""
        self.shown[path.name] = {}
        text, before = path.read_text(), len(self.wrong)
        try:
            return [*self.stale_blocks(self.place(path), text),
                    *self.stale_regions(self.place(path), text)]
        except Wrong as wrong:
            self.wrong.append(f"{self.place(path)}:{wrong}")
            return []
        finally:
            if len(self.wrong) > before:  # what it shows can't be told
                del self.shown[path.name]


def filled(text: str, stale: list[Stale]) -> str:
    """The page with the right texts in place."""
    for place in sorted(stale, key=lambda s: s.start, reverse=True):
        text = text[:place.start] + place.text + text[place.end:]
    return text


# --- The commands -----------------------------------------------------


def load(root: Path) -> tuple[pages.Book | None, list[str]]:
    """The book's list of pages, or what is wrong with it."""
    try:
        return pages.load(root), []
    except pages.Wrong as wrong:
        return None, [str(wrong)]


def fill(root: Path) -> list[str]:
    """Writes what is stale. Returns what can't be filled."""
    book, wrong = load(root)
    filler = Filler(root, book)
    filler.boot_all()
    for path in filler.files():
        if stale := filler.stale(path):
            path.write_text(filled(path.read_text(), stale))
            for place in sorted(stale, key=lambda s: s.line):
                print(f"{filler.place(path)}:{place.line}: "
                      f"filled {place.what}")
    return (wrong + filler.wrong
            + draw_pictures(root, filler.loose, write=True))


def draw_pictures(root: Path, loose: bool, write: bool) -> list[str]:
    """One line for each picture that isn't like the kernel it was drawn from
    (any more); with `write`, it is drawn again."""
    found = []
    for part in strata.parts(root):
        path = memory_map.picture(root, part)
        name = path.relative_to(root)
        if not path.is_file():
            continue
        try:
            transcript.build(part)
            if not memory_map.is_stale(root, part, loose):
                continue
            if write:
                path.write_text(memory_map.memory_map(root, part))
                print(f"{name}: drawn again")
            else:
                found.append(f"{name}: the memory map is stale: {REFRESH}")
        except (memory_map.Missing, transcript.Wrong) as wrong:
            found.append(f"{name}: {wrong}")
    return found + draw_timelines(root, loose, write)


def draw_timelines(root: Path, loose: bool, write: bool) -> list[str]:
    """The same for the pictures that `make part3 trace` has drawn."""
    found = []
    for path in sorted((root / "book" / "images").glob("*.svg")):
        name, old = path.relative_to(root), path.read_text()
        try:
            wish = trace.wished_by(old)
            if not wish:
                continue
            for part in strata.parts(root):
                if part.name.partition("-")[0] == wish.boot.run:
                    transcript.build(part)
            new = trace.drawn(root, wish)
        except (qemu.Wrong, transcript.Wrong) as wrong:
            found.append(f"{name}: {wrong}")
            continue
        if trace.is_like(old, new, loose):
            continue
        if write:
            path.write_text(new)
            print(f"{name}: drawn again")
        else:
            found.append(f"{name}: the timeline is stale: {REFRESH}")
    return found


def check(root: Path) -> list[str]:
    """One line for everything that is not as it should be."""
    book, wrong = load(root)
    filler = Filler(root, book)
    filler.boot_all()
    found = []
    for path in filler.files():
        found += [f"{filler.place(path)}:{s.line}: {s.what} is stale: "
                  f"{REFRESH}"
                  for s in sorted(filler.stale(path), key=lambda s: s.line)]
    found = wrong + filler.wrong + found
    if book:
        found += pages.check(book, filler.shown)
    try:
        known = words.Words(root)
        for path in filler.files():
            found += known.check(filler.place(path), path.read_text())
    except words.Wrong as error:
        found.append(str(error))
    except Wrong:
        pass  # a block that is never closed: it has been said
    found += words.check_links(root)
    found += draw_pictures(root, filler.loose, write=False)
    return list(dict.fromkeys(found))


def main() -> int:
    parser = strata.Parser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("fill", "check", "html"))
    parser.add_argument("--root", type=Path, default=strata.ROOT,
                        metavar="DIR", help="the repository (default: this)")
    arguments = parser.parse_args()
    os.environ.pop("SAN", None)  # the book shows what is normally built
    root = arguments.root.resolve()
    if not (root / "book").is_dir():
        strata.fail(f"there is no directory {arguments.root / 'book'}")
    if arguments.command == "html":
        import html_book
        return html_book.build(root)
    problems = (fill if arguments.command == "fill" else check)(root)
    for line in problems:
        print(line, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
