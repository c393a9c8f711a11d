# SPDX-License-Identifier: MIT
"""The repository as it is for a reader who has come up to a part.

tools/tags.py copies the tree and takes the later parts away from the copy, so
that everything in it is true and works, word for word. By these rules:

names      A file or folder whose name has the number of a later part in it
           goes: part2-ipc/, tests/test_part2.py, book/part2a-threads.md,
           tests/mutants/part2-lost-wakeup.patch.
pages      A page of the book goes if its part goes (book/pages.toml says which
           that is), or if it is no part's page and shows code, a transcript or
           a figure of a part that goes. So does a picture that only such pages
           show. Lists of pages and links to the pages around are made anew.
links      A link to what went becomes plain text.
words      Names that stand in the prose, and that only later parts have, are
           added to book/words.txt.
README.md  A row of a part that went says "to come" where the number of lines
           was, and has no link. Between <!-- newest --> and <!-- /newest -->
           stands what the README of the newest part says under "Run it".
commands   `make part2` of a part that went becomes `make` of the newest one:
           in README.md, CONTRIBUTING.md and the pages that are no part's.

To take away two parts at once, or one and then the other, is the same. All
other tests know by themselves which parts there are (tests/conftest.py).
"""
from __future__ import annotations

import re
import shutil
from fnmatch import fnmatch
from pathlib import Path

import book as book_tool
import pages
import prose
import strata
import words

PART_NUMBER = re.compile(r"(?<![A-Za-z])part(\d+)")
PART_NAME = re.compile(r"part\d-[\w-]+")
# | 1 | [boot](part1-boot/README.md) | what it adds | 543 |
ROW = re.compile(r"^(\|[^|]*\| )\[([^\]]*)\]\((part\d-[\w-]+)/README\.md\)"
                 r"( \|.*\|)[^|]*\|$", re.MULTILINE)
COMMAND = re.compile(r"\bmake part(\d)")
TABLE = re.compile(r"^(?:\[\[page\]\]|\[(?!page\.)).*$", re.MULTILINE)
LATER = "# Names that later parts bring:"


class Wrong(Exception):
    """What can't be taken away, in one line."""


def number_of(part: str) -> int:
    return int(part.removeprefix("part").partition("-")[0])


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def edit(path: Path, change) -> None:
    """Writes what `change` makes of a file's text, if there is the file."""
    if path.is_file():
        text = path.read_text()
        if (changed := change(text)) != text:
            path.write_text(changed)


# --- Names ------------------------------------------------------------


def remove_by_name(root: Path, newest: int) -> None:
    """Files and folders with the number of a later part."""
    for path in sorted(root.rglob("*")):
        numbers = PART_NUMBER.findall(path.name)
        if any(int(n) > newest for n in numbers) and path.exists():
            remove(path)


# --- Pages ------------------------------------------------------------


def shown_parts(text: str) -> set[str]:
    """The parts that a page's blocks and figures are filled from."""
    infos = [block.info for block in prose.blocks(text.split("\n"))]
    found = [name for info in infos for name in
             re.findall(r"\b(?:file|run)=\"?(part\d-[\w-]+)", info)]
    for _, about, _ in prose.regions(text, "figure"):
        found += PART_NAME.findall(" ".join(about[:1]))
    return set(found)


def goes(root: Path, page: pages.Page) -> bool:
    """Is this a page that goes with the parts that went?"""
    path = root / "book" / page.file
    if page.part and not (root / page.part).is_dir() or not path.is_file():
        return True
    gone = sorted(p for p in shown_parts(path.read_text())
                  if not (root / p).is_dir())
    if gone and page.part:
        raise Wrong(f"book/{page.file} is a page of {page.part}, but shows "
                    f"{gone[0]}")
    return bool(gone)


def tables(text: str) -> list[str]:
    """pages.toml, in pieces: each begins with [[page]] or with [NAME]."""
    starts = [0, *(found.start() for found in TABLE.finditer(text)), len(text)]
    return [text[a:b] for a, b in zip(starts, starts[1:])]


def listed_without(text: str, gone: list[str]) -> str:
    """pages.toml without these pages. A chapter that such a page begins
    begins with the next page then."""
    kept, chapter = [], ""
    for piece in tables(text):
        if not piece.startswith("[[page]]"):
            kept.append(piece)
            continue
        begins = re.search(r"^chapter = .*\n", piece, re.MULTILINE)
        file = re.search(r'^file = "(.*)"', piece, re.MULTILINE)
        if begins:
            chapter = ""
        if file and file[1] in gone:
            chapter = begins[0] if begins else chapter
            continue
        kept.append(piece.replace("[[page]]\n", "[[page]]\n" + chapter, 1))
        chapter = ""
    return "".join(kept)


def still_means(root: Path, key: str) -> bool:
    """Is there still a function that this key of [excused] means?"""
    pattern, _, name = key.partition(": ")
    return any(name in path.read_text() for part in strata.parts(root)
               for path in pages.sources(part).values()
               if fnmatch(str(path.relative_to(root)), pattern))


def without_excuses(root: Path, text: str) -> str:
    """pages.toml without excuses for functions that went."""
    pieces = tables(text)
    for at, piece in enumerate(pieces):
        if piece.startswith("[excused]"):
            pieces[at] = re.sub(
                r'^"(.*?)" *=.*\n',
                lambda line: line[0] if still_means(root, line[1]) else "",
                piece, flags=re.MULTILINE)
    return "".join(pieces)


def pictures_of(files: list[Path], pictures: list[Path]) -> set[Path]:
    """The pictures that these files name."""
    text = "\n".join(file.read_text() for file in files)
    return {p for p in pictures if p.name in text}


def remove_pages(before: Path, root: Path) -> None:
    """The pages that go, or went by their names, and what only they show."""
    try:
        gone = [page.file for page in pages.load(root).pages
                if goes(root, page)]
    except (pages.Wrong, prose.Wrong) as wrong:
        raise Wrong(f"book: {wrong}") from None
    edit(root / pages.WHERE, lambda text: without_excuses(
        root, listed_without(text, gone)))
    pictures = list((root / "book" / "images").glob("*"))
    leaving = [path for name in gone
               if (path := before / "book" / name).is_file()]
    staying = [p for p in (root / "book").rglob("*") if p.name not in gone
               and p.suffix in (".md", ".py", ".css", ".html", ".toml")]
    lost = pictures_of(leaving, pictures) - pictures_of(staying, pictures)
    for path in [*(root / "book" / name for name in gone), *lost]:
        path.unlink(missing_ok=True)


def refill_pages(root: Path) -> None:
    """The lists of pages, and the links from a page to those around."""
    listed = pages.load(root)
    makers = {"pages": lambda _: book_tool.listed(listed),
              "navigation": lambda page: book_tool.navigation(listed, page)}
    for path in sorted((root / "book").glob("*.md")):
        for name, make in makers.items():
            text = path.read_text()
            for _, _, (start, end) in [*prose.regions(text, name)][::-1]:
                text = text[:start] + make(path.name) + text[end:]
            path.write_text(text)


# --- Links and words --------------------------------------------------


def unlink(before: Path, root: Path, page: Path) -> None:
    """Makes plain text of the links of a page that led somewhere before."""
    original = before / page.relative_to(root)
    text, known = page.read_text(), set()
    while lost := [m for m in prose.link_matches(text)
                   if m[1] not in known and words.dead(root, page, m[1])
                   and not words.dead(before, original, m[1])]:
        link = lost[-1]
        known |= {link[1]} if not link[0].startswith("[") else set()
        if link[1] in known or "](" not in link[0]:
            raise Wrong(f"{page.relative_to(root)}: a link to {link[1]} can't "
                        "be taken out: write it as [words](target)")
        begin = link.start() - (text[:link.start()].endswith("!"))
        label = text[link.start() + 1:text.rindex("](", 0, link.start(1))]
        text = text[:begin] + label + text[link.end():]
    page.write_text(text)


def names_in_prose(root: Path) -> list[str]:
    """The identifiers and file names in the book's code spans."""
    found = set()
    for path in sorted((root / "book").glob("*.md")):
        for _, span in prose.spans(path.read_text()):
            found |= {*words.identifiers(span), *(
                p.removeprefix("./") for p in words.PATH.findall(span))}
    return sorted(found)


def allow_later_names(before: Path, root: Path) -> None:
    """Notes in book/words.txt what the prose names, and only later parts
    have."""
    path = root / words.ALLOWED
    old = path.read_text() if path.is_file() else ""
    edit(path, lambda text: text.partition(LATER)[0])
    now, then = words.Words(root), words.Words(before)

    def knows(known: words.Words, name: str) -> bool:
        return known.has_name(name) or known.has_path(name)

    later = [f"{name}  in a later part\n" for name in names_in_prose(root)
             if knows(then, name) and not knows(now, name)]
    if later:
        text = old.partition(LATER)[0]
        path.write_text("".join([text, LATER, "\n", *later]))


# --- README.md --------------------------------------------------------


def section(text: str, heading: str) -> str:
    """What stands under a heading of a page."""
    lines = text.split("\n")
    starts = [n for n, line in enumerate(prose.prose(text))
              if line.startswith("## ")] + [len(lines)]
    for start, end in zip(starts, starts[1:]):
        if lines[start] == f"## {heading}":
            return "\n".join(lines[start + 1:end]).strip("\n")
    raise Wrong(f"has no section '{heading}'")


def has_commands(root: Path) -> list[Path]:
    """The files whose commands must work in every tree."""
    owned = {page.file for page in pages.load(root).pages if page.part} \
        if (root / pages.WHERE).is_file() else set()
    return [root / "CONTRIBUTING.md"] + sorted(
        p for p in (root / "book").glob("*.md") if p.name not in owned)


def commands(text: str, newest: int) -> str:
    """`make partN` of a part that isn't there becomes one that is."""
    return COMMAND.sub(lambda m: m[0] if int(m[1]) <= newest
                       else f"make part{newest}", text)


def readme(root: Path, text: str) -> str:
    """README.md as it must be for the newest part that is there."""
    part = strata.parts(root)[-1]
    text = commands(text, number_of(part.name))
    text = ROW.sub(lambda row: row[0] if (root / row[3]).is_dir() else
                   f"{row[1]}{row[2]}{row[4]} to come |", text)
    for _, _, (start, end) in [*prose.regions(text, "newest")][::-1]:
        try:
            own = section((part / "README.md").read_text(), "Run it")
        except Wrong as wrong:
            raise Wrong(f"{part.name}/README.md {wrong}") from None
        text = f"{text[:start]}\n\n{own}\n\n{text[end:]}"
    return text


# --- All of it --------------------------------------------------------


def cut(before: Path, to: Path, newest: str) -> None:
    """Copies a tree, and takes away the parts after `newest` from the copy.
    Raises Wrong."""
    shutil.copytree(before, to)
    number = number_of(newest)
    remove_by_name(to, number)
    has_pages = (to / pages.WHERE).is_file()
    if has_pages:
        remove_pages(before, to)
        refill_pages(to)
    edit(to / "README.md", lambda text: readme(to, text))
    for page in has_commands(to):
        edit(page, lambda text: commands(text, number))
    for page in prose.markdown_files(to):
        unlink(before, to, page)
    if has_pages:
        allow_later_names(before, to)
