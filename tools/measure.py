# SPDX-License-Identifier: MIT
"""Measures the sources: code lines, kept lines, lengths of functions.

The words, as this program understands them:

code line      a line of a .c or .S file on which anything stands besides
               white space and comments; a lone brace counts, and so does
               a preprocessor directive, in C and in assembly alike.
kernel file    a .c or .S file that lies directly in a part's directory;
               check.c, torture.c and self-tests (*selftest*) are not
               counted: they test the kernel.  In
               common/ every .c, .S and .h file counts, in any directory.
kept line      a line of a part's .c, .S, .h and .ld files (main.c aside)
               that stands unchanged in the next part's file of that name.
function       in C, from the first line of its signature to the brace at
               column 0 that closes it, all lines between them included.
moved          a function that the next part has in another file, or in
               the same file but in another order.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from strata import ROOT, Parser, fail, parts

# The budgets (the design's sections on principles and layout).
CODE_LINES = {"part0": 120, "part1": 600, "part2": 1000, "part3": 1500,
              "part4": 2300, "part5": 5000, "common": 900}
UNCOUNTED = ("check.c", "torture.c")
KEPT = {"part5": 85}            # per cent of the lines, into this part
KEPT_OTHERWISE = 90
MEDIAN = 12                     # lines of the median function
SCREEN = 35                     # a function that fits on a screen ...
ON_SCREEN = 90                  # ... and the per cent of them that must
LONGEST = 60                    # lines of the longest function

# --- What stands in a source file -------------------------------------

# A string or character constant comes before the comments, so that a "//"
# inside one is no comment.
TOKEN = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
      | //(?:\\\n|[^\n])*
      | /\*.*?(?:\*/|\Z)""",
    re.DOTALL | re.VERBOSE)
ATTRIBUTE = re.compile(r"__attribute__\s*\(\(.*?\)\)", re.DOTALL)
CALLED = re.compile(r"(\w+)\s*\(")


def without_comments(text: str) -> list[str]:
    """The lines of C or assembly, each comment replaced by a blank."""
    def blank(token: re.Match[str]) -> str:
        return token["text"] or " " + "\n" * token[0].count("\n")
    return TOKEN.sub(blank, text).split("\n")


def code_lines(text: str) -> int:
    """How many lines are neither blank nor comment."""
    return sum(1 for line in without_comments(text) if line.strip())


@dataclass(frozen=True)
class Function:
    name: str
    line: int                   # where its signature begins, from 1
    lines: list[str]            # from the signature to the closing brace

    @property
    def body(self) -> list[str]:
        opening = next(i for i, s in enumerate(self.lines) if opens(s))
        return self.lines[opening:]


def opens(line: str) -> bool:
    """Does a function's body begin here?  By our style '{' stands alone."""
    return bool(re.match(r"\{\s*$|\w.*\)\s*\{\s*$", line))


def signature_start(code: list[str], opening: int) -> int:
    """The line on which the signature begins whose body opens here."""
    start = opening
    while start > 0 and not re.search(r"^\s*$|^#|[;}]\s*$", code[start - 1]):
        start -= 1
    return start


def functions(path: Path) -> list[Function]:
    """The functions that a C file defines, from top to bottom."""
    text = path.read_text()
    lines, code = text.split("\n"), without_comments(text)
    found = []
    for opening in (i for i, line in enumerate(code) if opens(line)):
        start = signature_start(code, opening)
        signature = ATTRIBUTE.sub("", " ".join(code[start:opening + 1]))
        name = CALLED.search(signature)
        if name is None:
            continue
        try:
            end = next(i for i in range(opening + 1, len(code))
                       if code[i].startswith("}"))
        except StopIteration:
            fail(f"{path}:{opening + 1}: no '}}' at column 0 ends {name[1]}")
        found.append(Function(name[1], start + 1, lines[start:end + 1]))
    return found


# --- One part ---------------------------------------------------------


def kernel_files(part: Path) -> list[Path]:
    """The files whose code lines count."""
    if part.name == "common":
        return sorted(p for p in part.rglob("*.[cSh]") if p.is_file())
    return sorted(p for p in part.glob("*.[cS]")
                  if p.name not in UNCOUNTED and "selftest" not in p.name)


def per_cent(share: int, whole: int) -> float:
    return 100 * share / whole if whole else 100.0


@dataclass(frozen=True)
class Size:
    """How large a part, or common/, is."""
    name: str
    budget: int | None
    files: dict[str, int]                       # code lines by file
    functions: list[tuple[str, Function]]       # with the file of each

    @property
    def code(self) -> int:
        return sum(self.files.values())

    @property
    def lengths(self) -> list[int]:
        return [len(f.lines) for _, f in self.functions]

    @property
    def median(self) -> float:
        return statistics.median(self.lengths or [0])

    @property
    def on_screen(self) -> float:
        fitting = sum(1 for n in self.lengths if n <= SCREEN)
        return per_cent(fitting, len(self.lengths))

    @property
    def longest(self) -> tuple[str, Function] | None:
        return max(self.functions, key=lambda f: len(f[1].lines), default=None)

    def broken(self) -> list[str]:
        """One line for each budget that this part breaks."""
        found = []
        if self.budget is not None and self.code > self.budget:
            found.append(f"{self.name}: {self.code} code lines, "
                         f"limit {self.budget}")
        if self.median > MEDIAN:
            found.append(f"{self.name}: the median function has "
                         f"{self.median:g} lines, limit {MEDIAN}")
        if self.on_screen < ON_SCREEN:
            found.append(f"{self.name}: {self.on_screen:.1f} % of the "
                         f"functions are within {SCREEN} lines, "
                         f"at least {ON_SCREEN} % must be")
        for file, function in self.functions:
            if len(function.lines) > LONGEST:
                found.append(f"{self.name}/{file}:{function.line}: "
                             f"{function.name} has {len(function.lines)} "
                             f"lines, limit {LONGEST}")
        return found


def measure_size(part: Path) -> Size:
    files = {str(p.relative_to(part)): p for p in kernel_files(part)}
    return Size(part.name, CODE_LINES.get(part.name.partition("-")[0]),
                {name: code_lines(p.read_text()) for name, p in files.items()},
                [(name, function) for name, p in files.items()
                 if p.suffix == ".c" for function in functions(p)])


# --- One part against the next ----------------------------------------


@dataclass(frozen=True)
class Step:
    """What the next part keeps of a part."""
    old: str
    new: str
    lines: int
    kept: int
    limit: int
    blank_hunks: list[str]      # hunks that change only white space
    moved: list[str]            # functions and files that are elsewhere

    @property
    def share(self) -> float:
        return per_cent(self.kept, self.lines)

    def broken(self) -> list[str]:
        found = []
        if self.share < self.limit:
            found.append(f"{self.new}: keeps {self.share:.1f} % of the lines "
                         f"of {self.old}, at least {self.limit} % must stand")
        return found + self.blank_hunks + self.moved


def compared_files(part: Path) -> dict[str, Path]:
    """The files that are held against the next part's, by name."""
    return {p.name: p for p in sorted(part.iterdir())
            if p.suffix in (".c", ".S", ".h", ".ld") and p.name != "main.c"}


def only_white_space(old: list[str], new: list[str]) -> bool:
    return "".join("".join(old).split()) == "".join("".join(new).split())


def moved_between_files(old: Path, new: Path) -> list[str]:
    """Functions that left their file and stand, unchanged, in another."""
    before = {p.name: functions(p) for p in sorted(old.glob("*.c"))}
    after = {p.name: functions(p) for p in sorted(new.glob("*.c"))}
    found = []
    for home, gone in ((home, f) for home, here in before.items()
                       for f in here):
        if gone.name in (f.name for f in after.get(home, [])):
            continue
        for away, there in after.items():
            known = [f.body for f in before.get(away, [])]
            if away != home and any(same_function(gone, f) for f in there
                                    if f.body not in known):
                found.append(f"{new.name}/{away}: {gone.name} moved here "
                             f"from {home}")
    return found


def same_function(a: Function, b: Function) -> bool:
    """The same body; a short one may be alike by chance, its name not."""
    return a.body == b.body and (a.name == b.name or len(a.body) > 4)


def moved_within(old: Path, new: Path) -> list[str]:
    """The first function that changed places with another in its file."""
    before = [f.name for f in functions(old)]
    after = [f.name for f in functions(new)]
    both = [name for name in before if name in after]
    for expected, name in zip(both, (n for n in after if n in before)):
        if expected != name:
            return [f"{new.parent.name}/{new.name}: {name} moved up, "
                    f"before {expected}"]
    return []


def measure_step(old_part: Path, new_part: Path) -> Step:
    old, new = compared_files(old_part), compared_files(new_part)
    lines = kept = 0
    blank_hunks, moved = [], moved_between_files(old_part, new_part)
    for name, path in old.items():
        before = path.read_text().splitlines()
        lines += len(before)
        if name not in new:
            moved.append(f"{new_part.name}: has no {name}; "
                         f"a file keeps its name in all later parts")
            continue
        after = new[name].read_text().splitlines()
        diff = SequenceMatcher(None, before, after, autojunk=False)
        for kind, i, i_end, j, j_end in diff.get_opcodes():
            if kind == "equal":
                kept += i_end - i
            elif only_white_space(before[i:i_end], after[j:j_end]):
                blank_hunks.append(f"{new_part.name}/{name}:{j + 1}: "
                                   f"only white space changed")
        if path.suffix == ".c":
            moved += moved_within(path, new[name])
    limit = KEPT.get(new_part.name.partition("-")[0], KEPT_OTHERWISE)
    return Step(old_part.name, new_part.name, lines, kept, limit,
                blank_hunks, moved)


# --- The whole repository ---------------------------------------------


@dataclass(frozen=True)
class Measures:
    sizes: list[Size]
    steps: list[Step]

    def broken(self) -> list[str]:
        return [line for what in (*self.sizes, *self.steps)
                for line in what.broken()]


def measure(root: Path) -> Measures:
    found = parts(root)
    if not found:
        fail(f"{root}: no part0-*, part1-* ... here")
    common = [root / "common"] if (root / "common").is_dir() else []
    return Measures([measure_size(part) for part in found + common],
                    [measure_step(a, b) for a, b in zip(found, found[1:])])


def size_table(sizes: list[Size]) -> list[str]:
    lines = [f"{'':16}{'code':>7}{'budget':>8}{'functions':>11}"
             f"{'median':>8}{f'within {SCREEN}':>11}{'longest':>9}"]
    for s in sizes:
        longest = s.longest
        budget = "-" if s.budget is None else str(s.budget)
        row = f"{s.name:16}{s.code:7}{budget:>8}{len(s.functions):11}"
        if longest is not None:
            row += (f"{s.median:8g}{s.on_screen:9.1f} %"
                    f"{len(longest[1].lines):9}  {longest[1].name}")
        lines.append(row)
    return lines


def step_table(steps: list[Step]) -> list[str]:
    lines = [f"{'into':16}{'lines before':>12}{'kept':>7}{'share':>10}"
             f"{'at least':>10}{'blank hunks':>13}{'moved':>7}"]
    for s in steps:
        lines.append(f"{s.new:16}{s.lines:12}{s.kept:7}{s.share:8.1f} %"
                     f"{s.limit:8} %{len(s.blank_hunks):13}{len(s.moved):7}")
    return lines


def as_text(found: Measures) -> str:
    lines = size_table(found.sizes)
    if found.steps:
        lines += [""] + step_table(found.steps)
    broken = found.broken()
    lines += ["", "broken budgets:" if broken else "All budgets are kept."]
    return "\n".join(lines + [f"  {line}" for line in broken])


def as_json(found: Measures) -> str:
    sizes = [{"name": s.name, "code_lines": s.code, "budget": s.budget,
              "files": s.files, "median_function": s.median,
              "within_screen_percent": round(s.on_screen, 1),
              "functions": [{"file": file, "line": f.line, "name": f.name,
                             "lines": len(f.lines)}
                            for file, f in s.functions]}
             for s in found.sizes]
    steps = [{"from": s.old, "to": s.new, "lines": s.lines, "kept": s.kept,
              "share_percent": round(s.share, 1), "limit_percent": s.limit,
              "blank_hunks": s.blank_hunks, "moved": s.moved}
             for s in found.steps]
    return json.dumps({"sizes": sizes, "steps": steps,
                       "broken": found.broken()}, indent=2)


# --- The README's table of parts --------------------------------------

# | 1 | [boot](part1-boot/README.md) | what it adds | 543 |
ROW = re.compile(r"^(\|.*\]\((part\d-[\w-]+)/README\.md\).*\|)"
                 r"\s*([\d,]*)\s*\|\s*$")


def check_readme(readme: Path, sizes: list[Size], fix: bool) -> list[str]:
    """One line for each wrong row; with fix, the right numbers go in."""
    if not readme.is_file():
        fail(f"{readme}: no such file")
    missing = {s.name: f"{s.code:,}" for s in sizes if s.name != "common"}
    right = dict(missing)
    wrong, lines = [], readme.read_text().split("\n")
    for i, line in enumerate(lines):
        row = ROW.match(line)
        if row is None:
            continue
        name, said = row[2], row[3]
        missing.pop(name, None)
        if name not in right:
            wrong.append(f"README.md:{i + 1}: there is no {name}")
        elif said.replace(",", "") != right[name].replace(",", ""):
            lines[i] = f"{row[1]} {right[name]} |"
            if not fix:
                wrong.append(f"README.md:{i + 1}: {name} has {right[name]} "
                             f"code lines, not {said or 'none'}")
    if fix:
        readme.write_text("\n".join(lines))
    return wrong + [f"README.md: the table has no row for {name}"
                    for name in missing]


# --- The program ------------------------------------------------------


def arguments() -> argparse.Namespace:
    parser = Parser(
        prog="measure", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true",
                        help="one line for each broken budget; exit status 1 "
                             "if there is one")
    parser.add_argument("--json", action="store_true",
                        help="every figure, as JSON")
    parser.add_argument("--readme", action="store_true",
                        help="check the code lines that README.md's table of "
                             "parts states; exit status 1 if one is wrong")
    parser.add_argument("--fix-readme", action="store_true",
                        help="write the right numbers into that table")
    parser.add_argument("--root", type=Path, default=ROOT, metavar="DIR",
                        help="the repository to measure (default: this one)")
    return parser.parse_args()


def main() -> int:
    args = arguments()
    found = measure(args.root)
    if args.json:
        print(as_json(found))
    broken = found.broken() if args.check else []
    if args.readme or args.fix_readme:
        broken += check_readme(args.root / "README.md", found.sizes,
                               fix=args.fix_readme)
    elif not (args.check or args.json):
        print(as_text(found))
    for line in broken:
        print(line, file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
