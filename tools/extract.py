# SPDX-License-Identifier: MIT
"""Finds the text of a symbol in a source file, by name and not by line number.

What a symbol is, by the suffix of its file:

.c .h   a function; a struct, union or enum (by its tag, by one of its
        enumerators, or by a variable declared with it); a variable or an
        array; a prototype; a macro, with the #defines that stand directly
        above and below it; "#include" and "_Static_assert" mean all of them.
.S      a routine: a label with a .global or a comment at column 0 directly
        above it, up to the next routine or macro. Any other label that has a
        name is a place in its routine, and runs up to the next such label. A
        macro, from .macro to .endm. #defines as in C.
.ld     an output section, from its name to the brace that closes it.
.mk     a variable; a rule with its recipe; a `define`. (Makefile too.)
.py     a function, a class, or a variable of the module.

The comment that stands directly above comes along. Nothing is parsed that our
own style does not need, and the text is that of the file, to the byte.
"""
from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

# Where a name means several things, the first of these wins.
KINDS = ("function", "type", "variable", "macro", "place", "enumerator",
         "declaration")


class Missing(Exception):
    """There is no such symbol or line; the text says which."""


@dataclass(frozen=True)
class Item:
    """Lines of a file that belong together; numbers count from 0."""
    names: dict[str, str]  # each name, and which of KINDS it is
    first: int             # where the comment above it begins
    start: int             # where it begins itself
    end: int               # the line behind it

    def functions(self) -> list[str]:
        return [n for n, kind in self.names.items() if kind == "function"]


# --- Blanking out what is no code -------------------------------------

TEXT = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
TOKEN = re.compile(rf"(?P<text>{TEXT})|//(?:\\\n|[^\n])*|/\*.*?(?:\*/|\Z)",
                   re.DOTALL)


def blank(text: str) -> str:
    """As many blanks, and as many lines."""
    return re.sub(r"[^\n]", " ", text)


def without_comments(text: str, strings: bool = False) -> str:
    """The text, its comments (and strings) blanked: same lines and columns."""
    def replace(token: re.Match[str]) -> str:
        if token["text"] and strings:
            return token[0][0] + blank(token[0][1:-1]) + token[0][-1]
        return token["text"] or blank(token[0])
    return TOKEN.sub(replace, text)


def directives(code: list[str]) -> Iterator[tuple[int, int]]:
    """First line and line behind, of each directive of the preprocessor."""
    line = 0
    while line < len(code):
        start = line
        line += 1
        if code[start].lstrip().startswith("#"):
            while code[line - 1].rstrip().endswith("\\") and line < len(code):
                line += 1
            yield start, line


def comment_above(lines: list[str], code: list[str], line: int,
                  floor: int = 0) -> int:
    """The first line of the comment that ends directly above `line`; a
    comment that the file itself begins with belongs to nothing below it."""
    first = line
    while first > floor and lines[first - 1].strip() \
            and not code[first - 1].strip():
        first -= 1
    return line if first == 0 and "SPDX" in lines[0] else first


# --- C ----------------------------------------------------------------


def strip_attributes(text: str) -> str:
    """Without __attribute__((...)) and _Alignas(...), however nested."""
    while found := re.search(r"\b(__attribute__|_Alignas)\s*\(", text):
        depth, end = 1, found.end()
        while depth and end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        text = text[:found.start()] + " " + text[end:]
    return text


def top_level(code: str) -> Iterator[tuple[int, int]]:
    """Where each definition or declaration begins and ends."""
    start, depth, is_function = None, 0, False
    for place in re.finditer(r"\S", code):
        char = place[0]
        if start is None:
            start, is_function = place.start(), False
        if char == "{" and depth == 0:
            head = strip_attributes(code[start:place.start()])
            is_function = head.rstrip().endswith(")") and "=" not in head
        depth += {"{": 1, "(": 1, "[": 1}.get(char, 0)
        depth -= {"}": 1, ")": 1, "]": 1}.get(char, 0)
        if depth == 0 and (char == ";" or (char == "}" and is_function)):
            yield start, place.end()
            start = None


def declared(text: str) -> list[str]:
    """The names of the variables in "int a, *b[3] = {...}, (*c)(void);"."""
    while (flat := re.sub(r"\{[^{}]*\}|\[[^\[\]]*\]", "", text)) != text:
        text = flat
    names = re.findall(r"\(\s*\*\s*(?:const\s+)?(\w+)\s*\)\s*\(", text)
    if names:
        return names
    pieces = [re.search(r"(\w+)\s*(?:=.*)?;?\s*$", piece.strip(), re.DOTALL)
              for piece in text.split(",")]
    return [piece[1] for piece in pieces if piece]


def closing(text: str) -> int:
    """Where the brace stands that closes one opened before this text."""
    depth = 1
    for place in re.finditer(r"[{}]", text):
        depth += 1 if place[0] == "{" else -1
        if depth == 0:
            return place.start()
    return len(text)


def names_of(text: str) -> dict[str, str]:
    """What a definition or declaration at top level names."""
    text = strip_attributes(text)
    head, brace, rest = text.partition("{")
    body, tail = rest[:closing(rest)], rest[closing(rest) + 1:]
    if text.endswith("}"):
        called = re.search(r"(\w+)\s*\(", head)
        return {called[1]: "function"} if called else {}
    aggregate = re.search(r"\b(struct|union|enum)\s*(\w*)\s*$", head)
    if brace and aggregate:
        names = dict.fromkeys(declared(tail) if tail.strip(" ;\n") else [],
                              "variable")
        if aggregate[1] == "enum":
            flat = re.sub(r"\([^()]*\)", "", body)
            names |= dict.fromkeys(re.findall(r"(?:^|,)\s*(\w+)", flat),
                                   "enumerator")
        return names | ({aggregate[2]: "type"} if aggregate[2] else {})
    before = text.partition("=")[0]
    if text.startswith("typedef"):
        return dict.fromkeys(declared(text), "type")
    if re.search(r"\w\s*\((?!\s*\*)", before):
        return {re.search(r"(\w+)\s*\(", before)[1]: "declaration"}
    outside = text.startswith("extern") or re.fullmatch(
        r"(struct|union|enum)\s+\w+\s*;", text)
    return dict.fromkeys(declared(text),
                         "declaration" if outside else "variable")


def defines(lines: list[str], code: list[str],
            inside: set[int]) -> list[Item]:
    """Groups of #define lines (and of #include lines) at top level."""
    groups: list[Item] = []
    for start, end in directives(code):
        found = re.match(r"\s*#\s*(?:define\s+(\w+)|include\b)", code[start])
        if start in inside or not found:
            continue
        names = {found[1]: "macro"} if found[1] else {"#include": "macro"}
        last = groups[-1] if groups else None
        if last and last.end == start and \
                ("#include" in last.names) == ("#include" in names):
            groups[-1] = Item(last.names | names, last.first, last.start, end)
        else:
            first = comment_above(lines, code, start)
            groups.append(Item(names, first, start, end))
    return groups


def c_items(text: str) -> list[Item]:
    lines = text.split("\n")
    bare = without_comments(text, strings=True)
    code = bare.split("\n")
    plain = list(code)
    for start, end in directives(code):
        plain[start:end] = [blank(line) for line in code[start:end]]
    joined = "\n".join(plain)
    starts = [0] + [m.end() for m in re.finditer("\n", joined)]

    items, inside, floor = [], set(), 0
    for begin, stop in top_level(joined):
        start = bisect_right(starts, begin) - 1
        end = bisect_right(starts, stop - 1)
        # A comment at the end of the last line may go on below it, indented.
        while end < len(lines) and lines[end][:1] == " " \
                and not code[end].strip() and lines[end].strip():
            end += 1
        names = names_of(" ".join(joined[begin:stop].split()))
        items.append(Item(names, comment_above(lines, code, start, floor),
                          start, end))
        inside |= set(range(start, end))
        floor = end
    return sorted(items + defines(lines, code, inside), key=lambda i: i.start)


# --- Assembly ---------------------------------------------------------

LABEL = re.compile(r"([A-Za-z_.$][\w.$]*):")
PREPARES = re.compile(r"\s+\.(section|text|data|bss|global|globl|weak|hidden|"
                      r"type|balign|p2align|align)\b")


def asm_heads(lines: list[str],
              code: list[str]) -> Iterator[tuple[str, int, int, bool]]:
    """Name, first line, own line of each label, and whether it's a routine."""
    for line, text in enumerate(code):
        if not (label := LABEL.match(text)):
            continue
        first, known = line, False
        while first > 0 and lines[first - 1].strip():
            above, raw = code[first - 1], lines[first - 1]
            is_comment = not above.strip() and not raw.startswith((" ", "\t"))
            if not (is_comment or PREPARES.match(above)):
                break
            known |= is_comment or bool(re.match(
                rf"\s+\.(global|globl|weak)\s+{re.escape(label[1])}\s*$",
                above))
            first -= 1
        yield label[1], first if known else line, line, known


def asm_items(text: str) -> list[Item]:
    lines = text.split("\n")
    code = without_comments(text, strings=True).split("\n")
    heads = list(asm_heads(lines, code))
    inside = {i for start, end in directives(code) for i in range(start, end)}
    macros = []
    for line, body in enumerate(code):
        if found := re.match(r"\s*\.macro\s+(\w+)", body):
            end = next((i + 1 for i in range(line, len(code))
                        if re.match(r"\s*\.endm\b", code[i])), len(code))
            macros.append(Item({found[1]: "function"},
                               comment_above(lines, code, line), line, end))
    groups = defines(lines, code, set())
    borders = sorted([first for _, first, _, known in heads if known]
                     + [item.first for item in macros + groups] + [len(lines)])
    places = sorted([line for _, _, line, _ in heads] + borders)
    items = macros + groups
    for name, first, line, known in heads:
        if any(m.start <= line < m.end for m in macros) or line in inside:
            continue
        end = next(b for b in (borders if known else places) if b > line)
        while not lines[end - 1].strip():
            end -= 1
        items.append(Item({name: "function" if known else "place"}, first,
                          line, end))
    return sorted(items, key=lambda i: (i.start, -i.end))


# --- The smaller languages --------------------------------------------


def ld_items(text: str) -> list[Item]:
    lines = text.split("\n")
    code = without_comments(text).split("\n")
    items = []
    for line, body in enumerate(code):
        if found := re.match(r"\s*([./]\w[\w./]*)\s.*:.*\{\s*$", body):
            depth, end = 0, line
            while end < len(code):
                depth += code[end].count("{") - code[end].count("}")
                end += 1
                if depth == 0:
                    break
            items.append(Item({found[1]: "variable"},
                              comment_above(lines, code, line), line, end))
    return items


def make_items(text: str) -> list[Item]:
    lines = text.split("\n")
    code = ["" if line.startswith("#") else line for line in lines]
    items = []
    line = 0
    while line < len(lines):
        start, body = line, code[line]
        line += 1
        if found := re.match(r"define\s+(\S+)", body):
            while line < len(lines) and lines[line - 1] != "endef":
                line += 1
        elif found := re.match(r"([\w-]+)\s*(?:::?|\?|\+)?=", body):
            while lines[line - 1].endswith("\\") and line < len(lines):
                line += 1
        elif found := re.match(r"([^\s:#=]+)[^:=]*:(?!=)", body):
            while line < len(lines) and (lines[line].startswith("\t")
                                         or lines[line - 1].endswith("\\")):
                line += 1
        else:
            continue
        items.append(Item({found[1]: "variable"},
                          comment_above(lines, code, start), start, line))
    return items


def python_items(text: str) -> list[Item]:
    lines = text.split("\n")
    code = ["" if line.startswith("#") else line for line in lines]
    items = []
    for node in ast.parse(text).body:
        start = min([node.lineno] + [d.lineno for d in
                                     getattr(node, "decorator_list", [])]) - 1
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names = {node.name: "function"}
        else:
            names = {n.id: "variable" for n in ast.walk(node)
                     if isinstance(n, ast.Name)
                     and isinstance(n.ctx, ast.Store)}
        if names:
            items.append(Item(names, comment_above(lines, code, start), start,
                              node.end_lineno or start + 1))
    return items


READERS = {".c": c_items, ".h": c_items, ".S": asm_items, ".ld": ld_items,
           ".mk": make_items, ".py": python_items}


# --- What the other programs ask --------------------------------------


@lru_cache(maxsize=None)
def items(text: str, suffix: str) -> list[Item]:
    """Everything in a file of this suffix that has a name, from the top."""
    return READERS[suffix](text) if suffix in READERS else []


def suffix_of(path: Path) -> str:
    return ".mk" if path.name == "Makefile" else path.suffix


def items_of(path: Path) -> list[Item]:
    return items(path.read_text(), suffix_of(path))


def find(path: Path, symbol: str) -> list[Item]:
    """The items that a symbol names: more than one only if a name is defined
    again and again, as a macro is in the two branches of an #if."""
    name = symbol.split()[-1] if symbol.split() else symbol
    found = [(item.names[name], item) for item in items_of(path)
             if name in item.names]
    if symbol != name:  # "struct machine", where `machine` is a variable too
        found = [(kind, item) for kind, item in found if kind == "type"]
    if not found:
        raise Missing(f"there is no '{symbol}'")
    best = min(KINDS.index(kind) for kind, _ in found)
    return [item for kind, item in found if KINDS.index(kind) == best]


def between(lines: list[str], chosen: list[int], begin: str,
            end: str) -> list[int]:
    """Of the chosen lines those from the first that contains `begin` to the
    next one, it or later, that contains `end`; "" is no limit. Any white space
    is as good as any other."""
    def index(text: str, start: int) -> int:
        for i in range(start, len(chosen)):
            if " ".join(text.split()) in " ".join(lines[chosen[i]].split()):
                return i
        raise Missing(f"no line has '{text}'")
    first = index(begin, 0) if begin else 0
    last = index(end, first) if end else len(chosen) - 1
    return chosen[first:last + 1]


def chosen_lines(path: Path, symbols: list[str], begin: str = "",
                 end: str = "", comment: bool = True) -> list[int]:
    """The numbers, from 0, of the lines that these symbols stand on; all
    lines if there is no symbol. The symbols' order is kept."""
    lines = path.read_text().split("\n")
    chosen: list[int] = []
    for symbol in symbols:
        for item in find(path, symbol):
            start = item.first if comment else item.start
            chosen += [n for n in range(start, item.end) if n not in chosen]
    if not symbols:
        chosen = list(range(len(lines) - (lines[-1] == "")))
    return between(lines, chosen, begin, end)


def text_of(path: Path, chosen: list[int]) -> list[str]:
    """These lines; where some are left out between two, one is blank."""
    lines = path.read_text().split("\n")
    out: list[str] = []
    for previous, number in zip([None, *chosen], chosen):
        if previous is not None and number != previous + 1:
            # Blank lines that stand between neighbors stand here as well.
            gap = lines[previous + 1:number] if number > previous else ["."]
            out += gap if not any(map(str.strip, gap)) else [""]
        out.append(lines[number])
    return out
