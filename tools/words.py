# SPDX-License-Identifier: MIT
"""Finds names in the prose that the sources don't have, and dead links.

In a `code span` each word is held against the sources that
  has an underscore, or ends in "()":  an identifier of some source file (what
      stands in a comment doesn't count), or a word of book/words.txt;
  looks like a path, with a slash and a suffix, or a suffix of our own files:
      a file of the repository, or the end of its path (demos/hog.c, uart.c).
Names of system registers are the same in capitals and in small letters.

book/words.txt: a name a line, then blanks and the reason; # begins a comment.
"""
from __future__ import annotations

import io
import re
import tokenize
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

import extract
import prose

IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
OWN_SUFFIXES = r"\.(?:c|h|S|ld|mk|py|md|sh|toml)"
# A path: words, dots and slashes; what is written with * or <> is a pattern.
PATH = re.compile(rf"(?<![\w./*<>$:@~-])(?:[\w.-]+/)+[\w.-]*\w\.\w+(?![\w/*<>])"
                  rf"|(?<![\w./*<>$:@~-])[\w-]+{OWN_SUFFIXES}(?![\w/*<>.(])")
ALLOWED = "book/words.txt"
# What a build or a student's work makes, and what's no file of ours.
NOT_OURS = ("build/", "labs/", "http")
PLACES = ("common", "tools", "tests", ".ci", ".github")


class Wrong(Exception):
    """What is wrong in words.txt, in one line."""


def skipped(path: Path, root: Path) -> bool:
    inside = path.relative_to(root).parts
    return inside[0] in ("build", "labs", ".git") or "__pycache__" in inside


def files(root: Path) -> list[Path]:
    return [p for p in sorted(root.rglob("*"))
            if not skipped(p, root) and p.is_file()]


def python_names(text: str) -> set[str]:
    """Names, without what stands in strings and comments."""
    try:
        return {t.string for t in tokenize.generate_tokens(
            io.StringIO(text).readline) if t.type == tokenize.NAME}
    except (tokenize.TokenError, SyntaxError):
        return set(IDENTIFIER.findall(text))


@lru_cache(maxsize=None)
def names_in(text: str, suffix: str) -> frozenset[str]:
    if suffix in (".c", ".h", ".S", ".ld"):
        return frozenset(IDENTIFIER.findall(extract.without_comments(text)))
    if suffix == ".py":
        return frozenset(python_names(text))
    return frozenset(IDENTIFIER.findall(re.sub(r"(?m)^\s*#.*$", "", text)))


def vocabulary(root: Path) -> set[str]:
    """Every identifier of the sources."""
    found: set[str] = set()
    for path in files(root):
        top = path.relative_to(root).parts[0]
        is_source = path.suffix in (".c", ".h", ".S", ".ld", ".py", ".mk",
                                    ".sh", ".yml") or path.name == "Makefile" \
            or path.parent.name == ".ci"
        if is_source and (top in PLACES or top.startswith("part")
                          or top == "Makefile"):
            found |= names_in(path.read_text(errors="replace"), path.suffix)
    return found


def allowed(root: Path) -> dict[str, str]:
    """The names from outside, and the reason for each. Raises Wrong."""
    path = root / ALLOWED
    found: dict[str, str] = {}
    for number, line in enumerate(
            path.read_text().split("\n") if path.is_file() else [], 1):
        word, _, reason = line.partition("#")[0].strip().partition(" ")
        if word and not reason.strip():
            raise Wrong(f"{ALLOWED}:{number}: {word}: say after the name "
                        "why it is allowed")
        if word in found:
            raise Wrong(f"{ALLOWED}:{number}: {word} is there twice")
        if word:
            found[word] = reason.strip()
    return found


def identifiers(span: str) -> list[str]:
    """The words of a code span that must be identifiers of ours."""
    span = PATH.sub(" ", span)
    span = re.sub(r"https?:\S+|--?[\w-]+", " ", span)
    return [m[1] for m in re.finditer(r"(?<![\w.-])([A-Za-z_]\w*)(\(\))?", span)
            if m[2] or "_" in m[1].strip("_")]


def is_register(word: str) -> bool:
    return bool(re.search(r"_el[0-3x]$", word, re.IGNORECASE))


class Words:
    """What may be named: made once, asked for each span."""

    def __init__(self, root: Path) -> None:
        self.known = vocabulary(root)
        self.registers = {w.lower() for w in self.known if is_register(w)}
        self.allowed = allowed(root)
        self.paths = ["/" + str(p.relative_to(root)) for p in files(root)]

    def has_name(self, word: str) -> bool:
        return (word in self.known or word in self.allowed
                or is_register(word) and word.lower() in self.registers)

    def has_path(self, path: str) -> bool:
        return (path in self.allowed or path.startswith(NOT_OURS)
                or any(p.endswith("/" + path) for p in self.paths))

    def unknown(self, span: str) -> list[str]:
        """What to say about the words of a span that are unknown."""
        if span in self.allowed:
            return []
        names = [w for w in identifiers(span) if not self.has_name(w)]
        paths = [p for p in PATH.findall(span)
                 if not self.has_path(p.removeprefix("./"))]
        return ([f"no source has the name '{w}'" for w in dict.fromkeys(names)]
                + [f"there is no file '{p}'" for p in dict.fromkeys(paths)])

    def check(self, where: str, text: str) -> list[str]:
        """The unknown words of a page."""
        return [f"{where}:{number}: {what}: correct it, or allow it in "
                f"{ALLOWED}"
                for number, span in prose.spans(text)
                for what in self.unknown(span)]


# --- Links ------------------------------------------------------------


def dead(root: Path, page: Path, target: str) -> str:
    """What is wrong with a link of this page; "" if nothing is."""
    if re.match(r"[a-z][a-z+.-]*:", target, re.IGNORECASE):
        return ""  # leads out of the repository
    name, _, anchor = unquote(target).partition("#")
    path = (page.parent / name).resolve() if name else page
    if not path.is_relative_to(root.resolve()):
        return f"the link '{target}' leads out of the repository"
    if not path.exists():
        return f"the link '{target}' is dead: there is no such file"
    if not anchor:
        return ""
    if path.suffix != ".md":
        return f"the link '{target}': only a page's headings have anchors"
    if anchor not in prose.anchors(path.read_text()):
        return (f"the link '{target}' is dead: no heading there has "
                f"the anchor '{anchor}'")
    return ""


def check_links(root: Path) -> list[str]:
    """The dead links of all Markdown files."""
    found = []
    for page in prose.markdown_files(root):
        where = page.relative_to(root)
        try:
            targets = list(prose.links(page.read_text()))
        except prose.Wrong as wrong:
            found.append(f"{where}:{wrong}")
            continue
        for number, target in targets:
            if why := dead(root, page, target):
                found.append(f"{where}:{number}: {why}: correct it")
    return found
