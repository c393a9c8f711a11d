# SPDX-License-Identifier: MIT
"""Takes Markdown apart, as far as the book's tools need it.

A page is lines: those of fenced blocks, and the prose between them. From the
prose come code spans, links, headings and regions, which are text between
<!-- NAME ... --> and <!-- /NAME --> that a tool fills.
"""
from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})\s*([^`]*)$")
# A code span may go over the end of a line, not over a blank line.
SPAN = re.compile(r"(?<!`)(`+)(?!`)((?:(?!\n\s*\n).)+?)(?<!`)\1(?!`)",
                  re.DOTALL)
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*<?([^()\s<>]+)>?"
                  r"(?:\s+\"[^\"]*\")?\s*\)")
# A picture within a link's text: [![what it shows](picture)](target)
PICTURE = re.compile(r"\[!\[[^\[\]]*\]\(([^()\s]+)\)")
REFERENCE = re.compile(r"^ {0,3}\[[^\]\n]+\]:\s*<?(\S+?)>?\s*$", re.MULTILINE)
HTML_LINK = re.compile(r"<(?:a|img|source)\b[^>]*?"
                       r"\b(?:href|src|srcset)=\"([^\"]+)\"")


class Wrong(Exception):
    """What is wrong in a page, in one line."""


@dataclass(frozen=True)
class Block:
    """A fenced block; lines count from 0."""
    start: int          # the fence that opens it
    end: int            # the fence that closes it
    info: str           # what stands behind the opening fence
    indent: str         # what stands before it, in a list for example
    body: list[str]     # without the indent

    @property
    def language(self) -> str:
        return self.info.split()[0] if self.info else ""

    def options(self) -> dict[str, str]:
        """key=value, behind the language. Raises Wrong."""
        try:
            words = shlex.split(self.info)[1:]
        except ValueError as error:
            raise Wrong(f"the info string: {error}") from None
        pairs = [word.partition("=") for word in words]
        for key, sign, _ in pairs:
            if not sign:
                raise Wrong(f"'{key}' in the info string is no key=value")
        return {key: value for key, _, value in pairs}


def blocks(lines: list[str]) -> list[Block]:
    """The fenced blocks of a page. Raises Wrong if one is never closed."""
    found, line = [], 0
    while line < len(lines):
        opening = FENCE.match(lines[line])
        start = line
        line += 1
        if not opening:
            continue
        indent, fence, info = opening.groups()
        closing = re.compile(rf"\s*{re.escape(fence[0])}{{{len(fence)},}}\s*$")
        while line < len(lines) and not closing.match(lines[line]):
            line += 1
        if line == len(lines):
            raise Wrong(f"{start + 1}: this block is never closed")
        body = [text.removeprefix(indent) for text in lines[start + 1:line]]
        found.append(Block(start, line, info.strip(), indent, body))
        line += 1
    return found


def spaces(text: str) -> str:
    """As many blanks, and as many lines."""
    return re.sub(r"[^\n]", " ", text)


def masked(text: str) -> str:
    """The page, blanks in place of fenced blocks and HTML comments."""
    lines = text.split("\n")
    for block in blocks(lines):
        for number in range(block.start, block.end + 1):
            lines[number] = spaces(lines[number])
    return COMMENT.sub(lambda c: spaces(c[0]), "\n".join(lines))


def prose(text: str) -> list[str]:
    """The page's lines; fenced blocks and HTML comments are blank."""
    return masked(text).split("\n")


def line_of(text: str, position: int) -> int:
    """The line, from 1, that a position in the text is on."""
    return text.count("\n", 0, position) + 1


def spans(text: str) -> Iterator[tuple[int, str]]:
    """Line (from 1) and text of each `code span`."""
    text = masked(text)
    for span in SPAN.finditer(text):
        yield line_of(text, span.start()), " ".join(span[2].split())


def without_spans(text: str) -> str:
    """The prose, with as many x in place of each code span."""
    return SPAN.sub(lambda s: re.sub(r"[^\n]", "x", s[0]), masked(text))


def link_matches(text: str) -> list[re.Match[str]]:
    """Each link and picture, in order; group 1 is where its target stands."""
    text = without_spans(text)
    return sorted((link for pattern in (LINK, PICTURE, REFERENCE, HTML_LINK)
                   for link in pattern.finditer(text)),
                  key=lambda link: link.start(1))


def links(text: str) -> Iterator[tuple[int, str]]:
    """Line (from 1) and target of each link and picture."""
    for link in link_matches(text):
        yield line_of(text, link.start(1)), link[1]


def slug(heading: str) -> str:
    """The anchor that a code-hosting site makes of a heading."""
    heading = LINK.sub(lambda m: m[0][1:m[0].index("](")], heading)
    heading = re.sub(r"[`*]|<[^>]*>", "", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")


def headings(text: str) -> list[tuple[int, str]]:
    """Depth and text of each heading ("## Title")."""
    found = [re.match(r" {0,3}(#{1,6})\s+(.*?)\s*#*\s*$", line)
             for line in prose(text)]
    return [(len(h[1]), h[2]) for h in found if h]


def anchors(text: str) -> set[str]:
    """All anchors that a link may name: headings, and <a id="...">."""
    found: set[str] = set(
        re.findall(r"<\w+[^>]*\b(?:id|name)=\"([^\"]+)\"", masked(text)))
    seen: dict[str, int] = {}
    for _, title in headings(text):
        name = slug(title)
        count = seen.get(name, 0)
        seen[name] = count + 1
        found.add(f"{name}-{count}" if count else name)
    return found


def regions(text: str, name: str) -> Iterator[tuple[int, list[str],
                                                    tuple[int, int]]]:
    """Each <!-- NAME words -->text<!-- /NAME --> outside fenced blocks: its
    line from 1, its words, and where the text begins and ends."""
    lines = text.split("\n")
    for block in blocks(lines):
        for number in range(block.start, block.end + 1):
            lines[number] = spaces(lines[number])
    for found in re.finditer(
            rf"<!-- {name}((?: [^\s>]+)*) -->(.*?)<!-- /{name} -->",
            "\n".join(lines), re.DOTALL):
        yield (text[:found.start()].count("\n") + 1, found[1].split(),
               (found.start(2), found.end(2)))


def markdown_files(root: Path) -> list[Path]:
    """Every Markdown file of the repository, in order."""
    skipped = {"build", "labs", "node_modules"}
    return sorted(p for p in root.rglob("*.md")
                  if not any(part in skipped or part.startswith(".")
                             for part in p.relative_to(root).parts))
