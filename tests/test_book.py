# SPDX-License-Identifier: MIT
"""The book's machinery: what it fills, and what it finds wrong.

Most tests work on a little book of two pages, about two little parts.
"""
from __future__ import annotations

import contextlib
import functools
import http.server
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import harness
from harness import ROOT

import book
import diff
import event_list
import extract
import html_book
import memory_map
import prose
import ring
import transcript
import words

UART0 = """\
// SPDX-License-Identifier: MIT
// uart.c - the serial line.

#include "uart.h"

static int base = 9;

void uart_putc(char c)
{
    base = c;
}
"""

UART1 = """\
// SPDX-License-Identifier: MIT
// uart.c - the serial line.

#include "uart.h"

static int base = 9;
static int level;

// Sets it up.
void uart_init(int at)
{
    base = at;
}

void uart_putc(char c)
{
    if (level)
        return;
    base = c;
}
"""

BOOT = """\
// boot.S - the beginning.

    .text
    .global _start
_start:
    b       enter

// void enter(void) - the way into C.
enter:
    bl      kernel_main
"""

DEMOS = """\
static const struct demo demos[] = {
    {"echo", demo_echo, "says what you type"},
    {"hog", demo_hog, "never ends"},
    {"bench", demo_bench, "counts"},
};
"""

# A QEMU that says what it was started with, and for a hog goes on for ever.
FAKE_QEMU = """\
#!/bin/sh
case "$*" in
*--version*) echo "QEMU emulator version 7.2.0"; exit;;
*demo=hog*) printf 'strata\\r\\ntick 1\\r\\n'; exec sleep 30;;
*demo=bench*)
    echo boot >> "$0.boots"
    printf 'bench: call 3 1320 1320 1320 10\\nbench: call 16 1400 1400 1400 10\\n'
    printf 'result: measured\\n';;
*demo=echo*) printf 'strata\\r\\n> '; read line; printf '%s\\r\\nend\\r\\n' "$line";;
*) printf 'strata\\r\\ncpu: one\\r\\nram: much\\r\\nbye\\r\\n';;
esac
"""

PAGES = """\
[[page]]
id = "0"
file = "zero.md"
title = "Nothing"
part = "part0-why"
[page.functions]
"uart.c" = "*"

[[page]]
id = "1a"
file = "one.md"
title = "The UART"
chapter = "Part 1"
part = "part1-boot"
[page.functions]
"uart.c" = ["uart_init"]
"boot.S" = "*"

[[page]]
id = "1b"
file = "two.md"
title = "More of it"
part = "part1-boot"
[page.functions]
"uart.c" = ["uart_putc", "level"]
"""

ZERO = """\
# Nothing

```c file=part0-why/uart.c symbol=uart_putc
```
"""

ONE = """\
# The UART

What `uart_init()` in `part1-boot/uart.c` does: see [the next page](two.md#more).

```c file=part1-boot/uart.c symbol=uart_init
```

```asm file=part1-boot/boot.S
```

```console run=part1-boot lines=2..3
```

<!-- navigation --><!-- /navigation -->
"""

TWO = """\
# More

1. In a list, <!-- figure part1-boot code-lines -->0<!-- /figure --> lines:

   ```c file=part1-boot/uart.c symbol=base,level,uart_putc
   ```
"""

INDEX = """\
# A book

<!-- pages --><!-- /pages -->
"""

FILES = {
    "part0-why/uart.c": UART0, "part0-why/uart.h": "void uart_putc(char c);\n",
    "part1-boot/uart.c": UART1, 
    "part1-boot/uart.h": "void uart_putc(char c);\nvoid uart_init(int at);\n",
    "part1-boot/boot.S": BOOT,
    "part1-boot/demos/demo.c": DEMOS, "book/pages.toml": PAGES,
    "book/zero.md": ZERO, "book/one.md": ONE, "book/two.md": TWO,
    "book/index.md": INDEX,
}


class Little:
    """A little repository with a book, filled."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name, text in FILES.items():
            self.write(name, text)
        assert self.fill() == []

    def fill(self) -> list[str]:
        """Fills the book, and doesn't say so."""
        with contextlib.redirect_stdout(io.StringIO()):
            return book.fill(self.root)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def change(self, name: str, old: str, new: str) -> None:
        assert old in self.read(name)
        self.write(name, self.read(name).replace(old, new))

    def check(self) -> list[str]:
        return book.check(self.root)


@pytest.fixture
def little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Little:
    fake = tmp_path / "qemu"
    fake.write_text(FAKE_QEMU)
    fake.chmod(0o755)
    monkeypatch.setenv("QEMU", str(fake))
    return Little(tmp_path / "repo")


# --- Filling ----------------------------------------------------------


def test_fill_writes_code_transcripts_and_regions(little: Little) -> None:
    """Everything is filled from its source, and then nothing is stale."""
    one = little.read("book/one.md")
    assert "symbol=uart_init\n// Sets it up.\nvoid uart_init(int at)\n{\n" in one
    assert f"boot.S\n{BOOT}```" in one
    assert "$ make part1 run\n...\ncpu: one\nram: much\n...\n```" in one
    assert "Before: [Nothing](zero.md) · [All pages](index.md) · " \
        "Next: [More of it](two.md)" in one
    two = little.read("book/two.md")
    assert "code-lines -->19<!--" in two
    assert "   static int base = 9;\n   static int level;\n\n   void uart_putc" \
        in two
    assert "**Part 1**\n\n- [1a. The UART](one.md)\n" in \
        little.read("book/index.md")
    assert little.check() == []


def test_fill_changes_nothing_when_nothing_is_stale(little: Little,
                                                    capsys) -> None:
    before = {p: p.read_bytes() for p in (little.root / "book").iterdir()}
    assert book.fill(little.root) == []
    assert capsys.readouterr().out == ""
    assert before == {p: p.read_bytes() for p in before}


def test_the_program_itself(little: Little) -> None:
    """`check` is silent with status 0, or says a line each with status 1."""
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, ROOT / "tools" / "book.py",
                               *words], text=True, capture_output=True,
                              check=False)
    good = run("check", "--root", str(little.root))
    assert (good.returncode, good.stdout, good.stderr) == (0, "", "")
    little.change("part1-boot/uart.c", "base = at;", "base = at + 1;")
    stale = run("check", "--root", str(little.root))
    assert stale.returncode == 1
    assert stale.stderr == ("book/one.md:5: part1-boot/uart.c: uart_init is "
                            "stale: run 'make fill'\n")
    lost = run("check", "--root", str(little.root / "nowhere"))
    assert lost.returncode == 2 and lost.stderr.count("\n") == 1
    wrong = run("tell")
    assert wrong.returncode == 2 and wrong.stderr.count("\n") == 1


# --- Each mistake is one line -----------------------------------------

MISTAKES = {
    "stale code": (
        ("part1-boot/uart.c", "base = at;", "base = at + 1;"),
        "book/one.md:5: part1-boot/uart.c: uart_init is stale: run 'make fill'"),
    "stale by its comment": (
        ("part1-boot/uart.c", "// Sets it up.", "// Begins."),
        "book/one.md:5: part1-boot/uart.c: uart_init is stale: run 'make fill'"),
    "typed over": (
        ("book/one.md", "ram: much", "ram: more"),
        "book/one.md:26: the transcript of 'make part1 run' is stale: "
        "run 'make fill'"),
    "stale figure": (
        ("book/two.md", "-->19<", "-->20<"),
        "book/two.md:3: the figure part1-boot code-lines is stale: "
        "run 'make fill'"),
    "unknown key of the bench": (
        ("book/two.md", "part1-boot code-lines", "part1-boot bench dance"),
        "book/two.md:3: part1-boot: the demo counts no 'dance'; it counts "
        "call: correct the figure"),
    "unknown number of threads": (
        ("book/two.md", "part1-boot code-lines", "part1-boot bench call 9"),
        "book/two.md:3: part1-boot: call is not counted for 9 threads, but "
        "for 3, 16: correct the figure"),
    "bench of no part": (
        ("book/two.md", "part1-boot code-lines", "part7-all bench call"),
        "book/two.md:3: there is no part 'part7-all': correct the figure"),
    "one call of no part": (
        ("book/two.md", "part1-boot code-lines", "part7-all call 3"),
        "book/two.md:3: there is no part 'part7-all': correct the figure"),
    "one call of a kernel that is not built": (
        ("book/two.md", "part1-boot code-lines", "part1-boot call 3"),
        "book/two.md:3: part1-boot: part1-boot is not built: make part1-boot"),
    "missing symbol": (
        ("book/two.md", "=base,level,", "=base,height,level,"),
        "book/two.md:5: part1-boot/uart.c: there is no 'height': correct the "
        "info string, then run 'make fill'"),
    "missing file": (
        ("book/zero.md", "# Nothing\n", "# Nothing\n"
         "```c file=part0-why/boot.c\n```\n"),
        "book/zero.md:2: there is no file part0-why/boot.c: correct the info "
        "string, then run 'make fill'"),
    "unknown option": (
        ("book/one.md", "lines=2..3", "line=2"),
        "book/one.md:26: a transcript has no option 'line'"),
    "unknown part": (
        ("book/one.md", "run=part1-boot", "run=part7-all"),
        "book/one.md:26: there is no part 'part7-all'"),
    "unknown demo": (
        ("book/one.md", "run=part1-boot", "run=part1-boot demo=dog"),
        "book/one.md:26: DEMO=dog: part1-boot has no such demo; it has echo, "
        "hog, bench"),
    "events of no part": (
        ("book/one.md", "console run=part1-boot lines=2..3",
         "text events=part7-all"),
        "book/one.md:26: there is no part 'part7-all'"),
    "events of a part that keeps no trace": (
        ("book/one.md", "console run=part1-boot lines=2..3",
         "text events=part1-boot"),
        "book/one.md:26: 'make part1 run': part1-boot keeps no trace"),
    "some lines of events": (
        ("book/one.md", "console run=", "text events="),
        "book/one.md:26: a list of events has no option 'lines'"),
    "nothing to show": (
        ("book/one.md", "lines=2..3", "grep=zebra"),
        "book/one.md:26: the transcript has no line that is to be shown"),
    "block never closed": (
        ("book/zero.md", "}\n```\n", "}\n"),
        "book/zero.md:3: this block is never closed"),
    "unknown name": (
        ("book/two.md", "In a list,", "In `struct uart_state`,"),
        "book/two.md:3: no source has the name 'uart_state': correct it, or "
        "allow it in book/words.txt"),
    "unknown function": (
        ("book/two.md", "In a list,", "By `start()`,"),
        "book/two.md:3: no source has the name 'start'"),
    "name in a comment only": (
        ("part0-why/uart.c", "    base = c;", "    base = c; // old_name"),
        "book/zero.md:3: part0-why/uart.c: uart_putc is stale"),
    "unknown file": (
        ("book/two.md", "In a list,", "In `uart.S`,"),
        "book/two.md:3: there is no file 'uart.S'"),
    "dead link": (
        ("book/one.md", "two.md#more", "three.md"),
        "book/one.md:3: the link 'three.md' is dead: there is no such file"),
    "dead anchor": (
        ("book/one.md", "two.md#more", "two.md#less"),
        "book/one.md:3: the link 'two.md#less' is dead: no heading there has "
        "the anchor 'less'"),
    "on two pages": (
        ("book/pages.toml", '["uart_init"]', '["uart_init", "uart_putc"]'),
        "book/pages.toml: part1-boot/uart.c: uart_putc is on the pages 1a and "
        "1b: leave it on one"),
    "on no page": (
        ("book/pages.toml", '"boot.S" = "*"', '"boot.S" = ["_start"]'),
        "book/pages.toml: part1-boot/boot.S: enter is on no page: add it to "
        "the page that explains it, or to [excused]"),
    "not shown": (
        ("book/one.md", "boot.S\n" + BOOT, "boot.S symbol=_start\n"
         + BOOT[BOOT.index("    .text"):BOOT.index("\n// void")]),
        "book/one.md: part1-boot/boot.S: enter is not shown: add a block "
        "'file=part1-boot/boot.S symbol=enter', or excuse it in "
        "book/pages.toml"),
    "page without a list": (
        ("book/pages.toml", PAGES, PAGES.replace("two.md", "three.md")),
        None),
    "list with a wrong file": (
        ("book/pages.toml", '"boot.S" = "*"', '"boot.S" = "*"\n"x.c" = "*"'),
        "book/pages.toml: page 1a: there is no part1-boot/x.c"),
    "list with a wrong name": (
        ("book/pages.toml", '"level"', '"height"'),
        "book/pages.toml: page 1b: part1-boot/uart.c has no 'height'"),
    "excuse for nothing": (
        ("book/pages.toml", "[[page]]\nid = \"0\"", "[excused]\n\"part9/x.c\" ="
         " \"why not\"\n[[page]]\nid = \"0\""),
        "book/pages.toml: [excused] 'part9/x.c': no function is meant"),
    "not TOML": (
        ("book/pages.toml", 'id = "0"', 'id = 0"'),
        None),
    "unknown key": (
        ("book/pages.toml", 'id = "0"', 'id = "0"\nnumber = "3"'),
        None),
}


@pytest.mark.parametrize("case", [c for c, (_, line) in MISTAKES.items() if line])
def test_a_mistake_is_one_line(little: Little, case: str) -> None:
    """Exactly one line, which begins with the place."""
    (name, old, new), expected = MISTAKES[case]
    little.change(name, old, new)
    found = little.check()
    assert len(found) == 1, found
    assert found[0].startswith(expected)
    assert "\n" not in found[0]


@pytest.mark.parametrize("case", ["not TOML", "unknown key"])
def test_a_broken_list_is_said_first(little: Little, case: str) -> None:
    """Without a list the rest of the book is checked all the same."""
    (name, old, new), _ = MISTAKES[case]
    little.change(name, old, new)
    found = little.check()
    assert found[0].startswith("book/pages.toml: ")
    assert all("\n" not in line for line in found)


def test_a_renamed_function(little: Little) -> None:
    """Wherever the old name stands, a line says so; and nothing else does."""
    little.change("part1-boot/uart.c", "uart_init", "uart_begin")
    little.change("part1-boot/uart.h", "uart_init", "uart_begin")
    assert [line.split(": correct")[0].split(": add")[0]
            for line in little.check()] == [
        "book/one.md:5: part1-boot/uart.c: there is no 'uart_init'",
        "book/pages.toml: page 1a: part1-boot/uart.c has no 'uart_init'",
        "book/pages.toml: part1-boot/uart.c: uart_begin is on no page",
        "book/one.md:3: no source has the name 'uart_init'",
    ]


def test_page_and_list_must_agree(little: Little) -> None:
    """A page that is not listed, a listed one that is not there."""
    (name, old, new), _ = MISTAKES["page without a list"]
    little.change(name, old, new)
    found = "\n".join(little.check())
    assert "book/pages.toml: there is no book/three.md: write it" in found
    assert "book/two.md: is not in book/pages.toml: add a [[page]]" in found


def test_a_function_may_be_shown_in_pieces(little: Little) -> None:
    """All its lines must stand on the page, in however many blocks."""
    little.change("book/two.md", ",uart_putc\n", ",uart_putc to=return\n   ```"
                  "\n\n   ```c file=part1-boot/uart.c symbol=uart_putc "
                  "from=\"base = c\" to=\"}\"\n")
    assert little.fill() == []
    assert little.check() == []
    little.change("book/two.md", 'to="}"', 'to="c;"')
    assert little.fill() == []
    assert [line.partition(": add")[0] for line in little.check()] == [
        "book/two.md: part1-boot/uart.c: uart_putc is not shown from line 20 "
        "on"]


def test_excuses(little: Little) -> None:
    """A function may be owned and not shown, or on no page, with a reason."""
    little.change("book/pages.toml", '"boot.S" = "*"',
                  '"boot.S" = ["_start"]')
    little.change("book/pages.toml", "[[page]]\nid = \"0\"", "[excused]\n"
                  "\"*/boot.S: enter\" = \"too short\"\n[[page]]\nid = \"0\"")
    assert little.check() == []
    little.change("part1-boot/uart.c", "static int level;", "static int level;"
                  "\n\nint uart_getc(void)\n{\n    return base;\n}")
    little.change("book/pages.toml", '"uart_putc"', '"uart_putc", "uart_getc"')
    assert little.fill() == []
    assert len(little.check()) == 1
    little.write("book/pages.toml", little.read("book/pages.toml")
                 + '[page.excused]\n"uart.c: uart_getc" = "later"\n')
    assert little.check() == []


def test_words_from_outside(little: Little) -> None:
    """words.txt allows a name, and must say why."""
    little.change("book/two.md", "In a list,", "In `mutex_lock()`,")
    little.write("book/words.txt", "# names\nmutex_lock  Linux's\n")
    assert little.check() == []
    little.write("book/words.txt", "mutex_lock\n")
    assert little.check() == ["book/words.txt:1: mutex_lock: say after the "
                              "name why it is allowed"]


@pytest.mark.parametrize("span", [
    "make part1 run DEMO=hog", "ESR", "x0", "*.c", "a->b", "0x0900_0000",
    "-Wmissing_x", "build/part1-boot/kernel.elf", "https://a.org/x_y.c",
    "uart.c", "./part1-boot/uart.c", "book/one.md", "<name>.c"])
def test_what_is_no_name(little: Little, span: str) -> None:
    """Commands, patterns, generated files: none of these is looked up."""
    assert words.Words(little.root).unknown(span) == []


def test_links_are_found_everywhere(little: Little) -> None:
    """In all Markdown files, pictures and references too, not in code."""
    little.write("part1-boot/README.md", textwrap.dedent("""\
        # Boot

        [a
        link](gone.md), `[code](gone)`, ![a picture](gone.svg)
        [![both](gone1.png)](gone2.md) <img src="gone3.png">

        ```
        [not](this.md)
        ```
        [ref]: gone4.md
        [web](https://example.org/x) [up](../book/one.md) [me](#boot)
        [out](../../x)
        """))
    places = [line.split(": ")[0] + " " + re.findall("'(.*?)'", line)[0]
              for line in little.check()]
    assert sorted(places) == sorted(
        f"part1-boot/README.md:{n} {name}" for n, name in (
            (4, "gone.md"), (4, "gone.svg"), (5, "gone1.png"), (5, "gone2.md"),
            (5, "gone3.png"), (10, "gone4.md"), (12, "../../x")))


# --- Transcripts ------------------------------------------------------


def test_input_and_hanging_demos(little: Little) -> None:
    """Lines are typed; a run that hangs is cut off where the page says."""
    part = little.root / "part1-boot"
    typed = transcript.transcript(part, transcript.Boot(
        "part1-boot", demo="echo", input=r"hello\n"))
    assert typed == ["$ make part1 run DEMO=echo", "strata", "> hello", "end"]
    hung = transcript.transcript(part, transcript.Boot(
        "part1-boot", demo="hog", args="a=1 b=2", until="tick"))
    assert hung == ['$ make part1 run DEMO=hog ARGS="a=1 b=2"', "strata",
                    "tick 1"]


LIST = """\
   90 TAKE      thread 2      its turn
...
  8    123 ENTER     thread 1: 5 5 5 5 5 5 5 5
  9    130 TAKE      thread 2: 7 -1
and so on
"""


def test_lists_of_events() -> None:
    """Times, numbers and registers come from the run, remarks from the page. Of
    two places the nearer one is meant, behind what was shown before."""
    kinds = [ring.Kind.TAKE, ring.Kind.ENTER, ring.Kind.TAKE] * 3
    run = [ring.Event(50 * n, kind, 1 if kind == ring.Kind.ENTER else 2, (n, n))
           for n, kind in enumerate(kinds, 1)]
    assert "\n".join(event_list.renewed(LIST.split("\n"), run)) == """\
   50 TAKE      thread 2      its turn
...
  1    100 ENTER     thread 1: 2 2
  2    150 TAKE      thread 2: 3 3
and so on
"""
    later = LIST.replace("   90", "  390").replace("...\n", "")
    assert event_list.renewed(later.split("\n"), run)[:2] == [
        "  350 TAKE      thread 2      its turn",
        "  7    400 ENTER     thread 1: 8 8"]
    with pytest.raises(transcript.Wrong, match="nothing fits the 2 events"):
        event_list.renewed(LIST.split("\n"), run[:2])


def test_a_run_that_never_ends(little: Little,
                               monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "LIMIT", 0.2)
    with pytest.raises(transcript.Wrong, match="did not end in 0.2 seconds"):
        transcript.transcript(little.root / "part1-boot",
                              transcript.Boot("part1-boot", demo="hog"))


def test_numbers_don_t_count_with_another_compiler(little: Little) -> None:
    """With other versions than the book's, addresses may differ."""
    little.change("book/one.md", "ram: much", "ram: much 12 at 0x80")
    little.change("part1-boot/demos/demo.c", "echo", "echo")
    body = ["ram: much 13 at 0x90"]
    assert book.masked(body) == book.masked(["ram: much 12 at 0x80"])
    assert book.masked(["#0 0x1 f+0x8 at a/b.c:3"]) == book.masked(
        ["#0 0x2 f+0xc"])
    assert book.masked(["one"]) != book.masked(["two"])
    assert book.other_versions({"clang": "1"})
    assert book.other_versions({"qemu": "1.0"})


BENCH = """
A call takes <!-- figure part1-boot bench call -->0<!-- /figure --> instructions,
<!-- figure part1-boot bench call 16 -->0<!-- /figure --> among 16 threads.
"""


def test_figures_of_the_bench(little: Little, tmp_path: Path) -> None:
    """They are filled from a boot, one for all of them; and then they are
    stale when the kernel counts something else."""
    boots = tmp_path / "qemu.boots"
    little.write("book/two.md", little.read("book/two.md") + BENCH)
    stale = [f"book/two.md:{line} is stale: run 'make fill'" for line in (
        "17: the figure part1-boot bench call",
        "18: the figure part1-boot bench call 16")]
    assert little.check() == stale
    assert boots.read_text() == "boot\n"
    assert little.fill() == []
    assert boots.read_text() == 2 * "boot\n"
    assert "bench call -->1,320<!--" in little.read("book/two.md")
    assert "bench call 16 -->1,400<!--" in little.read("book/two.md")
    assert little.check() == []
    qemu = tmp_path / "qemu"
    qemu.write_text(FAKE_QEMU.replace("3 1320 1320", "3 1319 1319"))
    assert little.check() == stale[:1]
    qemu.write_text(FAKE_QEMU.replace("result:", "panic:"))
    assert little.check() == [
        f"book/two.md:{line}: 'make part1 run DEMO=bench': panic: measured"
        for line in (17, 18)]


def test_figures_of_another_compiler_are_not_compared(little: Little) -> None:
    """But an unknown key is said all the same."""
    little.write("book/two.md", little.read("book/two.md") + BENCH)
    little.change("book/pages.toml", PAGES,
                  '[filled-with]\nqemu = "1.0"\n\n' + PAGES)
    assert little.check() == []
    little.change("book/two.md", "bench call 16", "bench dance")
    assert little.check() == [
        "book/two.md:18: part1-boot: the demo counts no 'dance'; it counts "
        "call: correct the figure"]


@pytest.mark.parametrize("raw, shown", [
    ("agaim\b \bn", "again"), ("a\x07b", "ab"), ("end  ", "end")])
def test_what_a_terminal_shows(raw: str, shown: str) -> None:
    assert transcript.readable(raw) == shown


@pytest.mark.parts(1)
def test_a_real_transcript_repeats(part: Path, monkeypatch) -> None:
    """The same boot gives the same text; places are told, no host's path."""
    monkeypatch.delenv("SAN", raising=False)
    boot = transcript.Boot(part.name, demo="crasher", args="how=undefined",
                           el="2", cpu="max")
    transcript.build(part)
    first = transcript.transcript(part, boot)
    assert first[0] == ("$ make " + part.name.partition("-")[0]
                        + ' run DEMO=crasher CPU=max EL=2 ARGS="how=undefined"')
    assert "panic: undefined instruction" in first
    assert any(re.search(r"undefined\+0x\w+ at part\S+/demos/crasher.c:\d+$",
                         line) for line in first)
    assert str(ROOT) not in "\n".join(first)
    assert first == transcript.transcript(part, boot)


# --- Taking Markdown apart --------------------------------------------


def test_prose_takes_pages_apart() -> None:
    text = textwrap.dedent("""\
        # A `title`, (with) marks_and *stars*
        ````c file=x "y=1 2"
        ```
        # no heading
        ````
        ## Twice
        ~~~
        `no span`
        ~~~
        ## Twice
        <!-- `not` this --> ``a ` b`` and `over
        the end`
        """)
    assert prose.anchors(text) == {"a-title-with-marks_and-stars", "twice",
                                   "twice-1"}
    assert list(prose.spans(text)) == [(1, "title"), (11, "a ` b"),
                                       (11, "over the end")]
    block = prose.blocks(text.split("\n"))[0]
    assert block.options() == {"file": "x", "y": "1 2"}
    assert block.body == ["```", "# no heading"]


# --- Finding symbols --------------------------------------------------

TRICKY = r'''// SPDX-License-Identifier: MIT
// tricky.c - everything at once.

#include "a.h"
#include <b.h>

#define ONE 1 // not { this
#define TWO 2

// The largest of two.
#define MAX(a, b)        \
    do {                 \
        if ((a) > (b)) { \
    } while (0)

enum { SOLE };

// Colors.
enum color {
    RED = BIT(1, 2), // after a comma, in a comment
    GREEN = sizeof(struct pair),
};

static enum { COLD, WARM } water, *wine;

static struct pair {
    int a;
    struct { int inner; } b;
} pairs[2] = {{1, {2}}, {3, {4}}};

struct pair;
typedef unsigned long word __attribute__((may_alias));
extern const char start[], end[];
static int (*handler)(void *argument);
static const char *const names[] = {
    "a }; b", // "quote
    "c\"{",   /* { */
};
static int first, second[3] = {1, 2},
           third; // a comment that
                  // goes on

// A prototype.
int both(int a) __attribute__((format(printf, 1, 2)));
_Static_assert(sizeof(word) == 8, "word");
_Static_assert(sizeof(int) == 4, "int; {");

/* A comment of
 * two lines. */
__attribute__((noinline)) static struct pair
both_of(const char *text, char c)
{
    if (c == '}' || c == '\'' || c == '"') {
        while (*text)
            text++; // }
    }
#define INNER(x) { x
    return (struct pair){.a = "}"[0]};
#undef INNER
}
// Directly behind.
int last(void) /* { */
{
    return 0;
}
'''


def text_of(path: Path, *symbols: str, **options: object) -> str:
    chosen = extract.chosen_lines(path, list(symbols), **options)
    return "\n".join(extract.text_of(path, chosen))


@pytest.fixture
def tricky(tmp_path: Path) -> Path:
    path = tmp_path / "tricky.c"
    path.write_text(TRICKY)
    return path


@pytest.mark.parametrize("symbol, first, last", [
    ("ONE", "#define ONE 1", "#define TWO 2"),
    ("TWO", "#define ONE 1", "#define TWO 2"),
    ("MAX", "// The largest", "    } while (0)"),
    ("SOLE", "enum { SOLE };", "enum { SOLE };"),
    ("color", "// Colors.", "};"), ("GREEN", "// Colors.", "};"),
    ("WARM", "static enum { COLD", "static enum { COLD"),
    ("wine", "static enum { COLD", "static enum { COLD"),
    ("pair", "static struct pair {", "} pairs[2]"),
    ("struct pair", "static struct pair {", "} pairs[2]"),
    ("pairs", "static struct pair {", "} pairs[2]"),
    ("word", "typedef unsigned", "typedef unsigned"),
    ("end", "extern const", "extern const"),
    ("handler", "static int (*handler)", "static int (*handler)"),
    ("names", "static const char *const names", "};"),
    ("third", "static int first", "                  // goes on"),
    ("second", "static int first", "                  // goes on"),
    ("both", "// A prototype.", "int both(int a)"),
    ("_Static_assert", "_Static_assert(sizeof(word)", "_Static_assert(sizeof(i"),
    ("#include", '#include "a.h"', "#include <b.h>"),
    ("both_of", "/* A comment of", "}"), ("last", "// Directly behind.", "}"),
])
def test_c_symbols(tricky: Path, symbol: str, first: str, last: str) -> None:
    """Each symbol is what stands there, to the byte."""
    found = text_of(tricky, symbol)
    assert found.split("\n")[0].startswith(first)
    assert found.split("\n")[-1].startswith(last)
    assert found in TRICKY


def test_c_symbols_end_where_they_end(tricky: Path) -> None:
    assert text_of(tricky, "both_of").endswith("#undef INNER\n}")
    assert "extern" not in text_of(tricky, "word")
    with pytest.raises(extract.Missing, match="there is no 'INNER'"):
        extract.find(tricky, "INNER")
    with pytest.raises(extract.Missing, match="there is no 'struct names'"):
        extract.find(tricky, "struct names")


def test_a_choice_of_lines(tricky: Path) -> None:
    """from=, to=, comment=no; several symbols in the order asked for."""
    assert text_of(tricky, "both_of", begin="while", end="text++") == \
        "        while (*text)\n            text++; // }"
    assert text_of(tricky, "last", comment=False).startswith("int last")
    assert text_of(tricky, "last", "SOLE").split("\n")[-2:] == \
        ["", "enum { SOLE };"]
    assert text_of(tricky, "handler", "end") == (
        "static int (*handler)(void *argument);\n\n"
        "extern const char start[], end[];")
    assert text_of(tricky) == TRICKY.rstrip("\n")
    with pytest.raises(extract.Missing, match="no line has 'zebra'"):
        text_of(tricky, "last", begin="zebra")


def test_every_source_of_the_repository_can_be_taken_apart() -> None:
    """Functions as `tools/measure.py` counts them are all found."""
    import measure
    for part in harness.PARTS:
        for path in [*part.glob("*.c"), *part.glob("demos/*.c")]:
            mine = [name for item in extract.items_of(path)
                    for name in item.functions()]
            assert mine == [f.name for f in measure.functions(path)], path


ASM = """\
// boot.S - the beginning.

#include "a.h"

// The header.
    .section .text.boot, "ax"
    .global _start
_start:
    b       enter // enter:
1:  b       1b

// enter(tree)
enter:
    nop

    // Inside: a place.
inner:
    nop
2:  nop

// push REG: two of them.
.macro push reg
local:
    str     \\reg, [sp]
.endm

    .text
    .balign 0x800
    .global vectors
vectors:
    push    x0
"""


@pytest.mark.parametrize("symbol, first, last", [
    ("_start", "// The header.", "1:  b       1b"),
    ("enter", "// enter(tree)", "2:  nop"), ("inner", "inner:", "2:  nop"),
    ("push", "// push REG", ".endm"),
    ("vectors", "    .text", "    push    x0")])
def test_assembly(tmp_path: Path, symbol: str, first: str, last: str) -> None:
    """A routine goes up to the next; a label within it is a place."""
    path = tmp_path / "boot.S"
    path.write_text(ASM)
    found = text_of(path, symbol)
    assert found.split("\n")[0].startswith(first)
    assert found.split("\n")[-1] == last
    assert found in ASM
    assert [n for i in extract.items_of(path) for n in i.functions()] == [
        "_start", "enter", "push", "vectors"]


def test_linker_scripts_makefiles_and_python(tmp_path: Path) -> None:
    ld = tmp_path / "kernel.ld"
    ld.write_text("SECTIONS\n{\n    /* The stack. */\n    .stack (NOLOAD) : "
                  "ALIGN(16) {\n        . += 16K;\n    }\n    end = .;\n}\n")
    assert text_of(ld, ".stack").split("\n")[0] == "    /* The stack. */"
    assert text_of(ld, ".stack").split("\n")[-1] == "    }"
    make = tmp_path / "Makefile"
    make.write_text("# What.\nobjects := a.o \\\n  b.o\n\nrun: x ## Runs\n"
                    "\t@echo $@\n\tb\nnext:\n")
    assert text_of(make, "objects") == "# What.\nobjects := a.o \\\n  b.o"
    assert text_of(make, "run") == "run: x ## Runs\n\t@echo $@\n\tb"
    python = tmp_path / "x.py"
    python.write_text("import os\n# Why.\nX = 1\n\n\n@cache\ndef f():\n"
                      "    return 1\n\n\nclass C:\n    pass\n")
    assert text_of(python, "X") == "# Why.\nX = 1"
    assert text_of(python, "f") == "@cache\ndef f():\n    return 1"


# --- The diff ---------------------------------------------------------


def report(little: Little, part: str, page: str = "") -> str:
    return "\n".join(diff.report(little.root, little.root / part, page)) + "\n"


def apply(patch: str, directory: Path) -> None:
    if not shutil.which("patch"):
        pytest.skip("patch is not installed")
    subprocess.run(["patch", "-s", "-p1", "-d", directory], input=patch,
                   text=True, check=True)


def same_tree(a: Path, b: Path) -> bool:
    return diff.contents(a) == diff.contents(b)


def test_diff_is_a_table_and_a_patch(little: Little, tmp_path: Path) -> None:
    out = report(little, "part1-boot")
    assert out.startswith("part0-why -> part1-boot\n  added   boot.S ")
    assert re.search(r"^  changed uart.c +\+9$", out, re.M)
    assert re.search(r"^  4 files, \+\d+ -0 lines$", out, re.M)
    shutil.copytree(little.root / "part0-why", tmp_path / "copy")
    apply(out, tmp_path / "copy")
    assert same_tree(tmp_path / "copy", little.root / "part1-boot")


def test_diff_of_the_first_part(little: Little) -> None:
    out = report(little, "part0-why").splitlines()
    assert out[0] == ("part0-why is the first part: there is none before it "
                      "to compare it with")
    assert [line.split()[:2] for line in out[1:-1]] == [["added", "uart.c"],
                                                        ["added", "uart.h"]]


def test_diff_of_a_page(little: Little, tmp_path: Path) -> None:
    """Only its functions; all pages, one after the other, are the part."""
    first = report(little, "part1-boot", "1a")
    second = report(little, "part1-boot", "1b")
    assert "page 1b: More of it" in second.splitlines()[0]
    assert "+void uart_init(int at)" in first and "+_start:" in first
    assert "+    if (level)" not in first and "level" not in first
    assert "+    if (level)" in second and "+static int level;" in second
    assert "+void uart_init" not in second and "boot.S" not in second
    assert "@@ uart_putc" in second
    shutil.copytree(little.root / "part0-why", tmp_path / "copy")
    apply(first, tmp_path / "copy")
    apply(second, tmp_path / "copy")
    assert same_tree(tmp_path / "copy", little.root / "part1-boot")


def test_diff_of_removed_and_odd_files(little: Little, tmp_path: Path) -> None:
    little.write("part0-why/gone.c", "int x;\n")
    little.write("part0-why/end.txt", "one\ntwo")
    little.write("part1-boot/end.txt", "one\ntwo\nthree")
    (little.root / "part1-boot" / "latin.txt").write_bytes(b"caf\xe9\n")
    (little.root / "part1-boot" / "data.bin").write_bytes(b"\0\1\2")
    (little.root / "part1-boot" / "broken.py").write_text("def (:\n")
    run = subprocess.run(
        [sys.executable, ROOT / "tools" / "diff.py", "part1", "--root",
         little.root], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    assert run.returncode == 0 and run.stderr == b""
    assert b"removed gone.c" in run.stdout and b"+++ /dev/null" in run.stdout
    assert b"+caf\xe9" in run.stdout and b"Binary file data.bin" in run.stdout
    assert b"\\ No newline at end of file" in run.stdout
    assert b"\033[" not in run.stdout


def test_diff_into_a_closed_pipe(little: Little) -> None:
    """`| head` ends it without a word."""
    little.write("part1-boot/long.txt", "line\n" * 100000)
    run = subprocess.run(
        f'"{sys.executable}" {ROOT}/tools/diff.py part1 --root {little.root}'
        " | head -1", shell=True, capture_output=True, text=True, check=False)
    assert run.stdout == "part0-why -> part1-boot\n" and run.stderr == ""


@pytest.mark.parametrize("name, page, said", [
    ("part1", "9z", "PAGE=9z: part1-boot has no such page; it has 1a, 1b"),
    ("part7", "", "there is no part 'part7'; the parts are: part0-why")])
def test_diff_says_what_is_wrong(little: Little, name: str, page: str,
                                 said: str) -> None:
    run = subprocess.run(
        [sys.executable, ROOT / "tools" / "diff.py", name, "--root",
         little.root], capture_output=True, text=True, check=False,
        env={**os.environ, "PAGE": page})
    assert run.returncode == 2 and said in run.stderr
    assert run.stderr.count("\n") == 1


def test_the_diffs_of_the_parts_are_patches(tmp_path: Path) -> None:
    """Applied to a part, its successor's diff makes the successor."""
    for old, new in zip(harness.PARTS, harness.PARTS[1:]):
        copy = tmp_path / new.name
        shutil.copytree(old, copy)
        apply("\n".join(diff.report(ROOT, new, "")) + "\n", copy)
        assert same_tree(copy, new)


# --- The picture ------------------------------------------------------


@pytest.mark.parts(1)
def test_the_memory_map(part: Path, tmp_path: Path) -> None:
    """Well-formed, the same each time, with each section of the kernel."""
    import xml.etree.ElementTree as tree
    transcript.build(part)
    text = memory_map.memory_map(ROOT, part)
    assert text == memory_map.memory_map(ROOT, part)
    picture = tree.fromstring(text)
    shown = "".join(picture.itertext())
    for name in (".text", ".rodata", ".bss", ".stack"):
        assert name in shown
    width = float(picture.get("width"))
    for element in picture.iter("{http://www.w3.org/2000/svg}text"):
        if element.get("text-anchor") is None:  # 7 pixels a letter
            assert float(element.get("x")) + 7 * len(element.text) < width


def test_a_stale_picture(little: Little, monkeypatch) -> None:
    monkeypatch.setattr(memory_map, "memory_map", lambda *_: "<new 0x1/>")
    little.write("book/images/memory-map-part1.svg", "<old 0x1/>")
    assert little.check() == ["book/images/memory-map-part1.svg: the memory "
                              "map is stale: run 'make fill'"]
    assert book.fill(little.root) == []
    assert little.check() == []


# --- The book of this repository --------------------------------------


@pytest.fixture
def whole() -> Path:
    if not (ROOT / "book" / "pages.toml").is_file():
        pytest.skip("book/pages.toml is not written yet")
    return ROOT


def test_no_line_begins_with_a_figure(whole: Path) -> None:
    """A comment at the beginning of a line ends the paragraph."""
    for page in (whole / "book").glob("*.md"):
        assert "\n<!-- figure" not in page.read_text(), page.name


def test_the_book_is_right(whole: Path) -> None:
    """Nothing in it is stale, missing, unknown or dead."""
    found = book.check(whole)
    assert not found, "\n".join(["", *found])


def test_the_pages_make_the_parts(whole: Path, tmp_path: Path) -> None:
    """The diffs of a part's pages, one after the other, are the part's."""
    import pages
    listed = pages.load(whole)
    for old, new in zip(harness.PARTS, harness.PARTS[1:]):
        mine = [page.id for page in listed.of_part(new.name)]
        copy = tmp_path / new.name
        shutil.copytree(old, copy)
        for name in mine:
            apply("\n".join(diff.report(whole, new, name)) + "\n", copy)
        assert not mine or same_tree(copy, new)


# --- HTML -------------------------------------------------------------

# Opens each page at two widths, and searches; what it finds is text at last.
LOOK = """\
<!doctype html><title>look</title>
<link rel="icon" href="_static/strata.svg"><body><pre id="result">waiting</pre><script>
const pages = %s, word = %s;
const sleep = ms => new Promise(done => setTimeout(done, ms));
async function open(url, width) {
  const frame = document.createElement("iframe");
  frame.width = width; frame.height = 800; frame.style.border = 0;
  document.body.append(frame);
  await new Promise(done => { frame.onload = done; frame.src = url; });
  return frame;
}
(async () => {
  const out = [];
  for (const width of [390, 1280]) for (const page of pages) {
    const frame = await open(page, width);
    const found = frame.contentDocument;
    if (!found.querySelector("h1")) out.push(page + ": no heading");
    if (found.documentElement.scrollWidth > width)
      out.push(page + ": wider than " + width);
    for (const picture of found.images)
      if (!picture.naturalWidth) out.push(page + ": no picture " + picture.src);
    const toggle = found.querySelector(".theme-toggle");
    const before = found.body.dataset.theme;
    if (toggle) toggle.click();
    if (found.body.dataset.theme == before) out.push(page + ": no dark mode");
    frame.remove();
  }
  const frame = await open("search.html?q=" + word, 1280);
  const hits = () => frame.contentDocument.querySelectorAll(
      "#search-results li").length;
  for (let i = 0; i < 100 && !hits(); i++) await sleep(50);
  if (!hits()) out.push("the search does not find " + word);
  document.getElementById("result").textContent =
      out.length ? out.join("\\n") : "all is well";
})();
</script>
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    missing: list[str] = []

    def log_message(self, *_: object) -> None:
        pass

    def send_error(self, code: int, *rest: object) -> None:
        Quiet.missing.append(f"{code} {self.path}")
        super().send_error(code, *rest)


@pytest.fixture
def sphinx() -> None:
    lacking = min((html_book.lacks(p) for p in (sys.executable,
                                                "/usr/bin/python3")), key=len)
    if lacking:
        pytest.skip(f"not installed: {' '.join(lacking)}")


@pytest.fixture
def browser(sphinx: None) -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("not installed: chromium")
    return found


@pytest.fixture
def serve() -> Iterator[Callable[[Path], str]]:
    """serve(directory) -> its address on this machine"""
    servers = []

    def serve(directory: Path) -> str:
        handler = functools.partial(Quiet, directory=str(directory))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"
    Quiet.missing.clear()
    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def look(browser: str, address: str, html: Path, word: str) -> str:
    """What is wrong with the pages as Chromium shows them."""
    listed = [str(p.relative_to(html)) for p in sorted(html.rglob("*.html"))
              if "_static" not in p.parts and p.name != "search.html"]
    (html / "look.html").write_text(LOOK % (json.dumps(listed),
                                            json.dumps(word)))
    with tempfile.TemporaryDirectory(prefix="strata-chromium-") as profile:
        done = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu",
             "--disable-quic", "--no-first-run", "--disable-sync",
             "--disable-background-networking", "--disable-component-update",
             f"--user-data-dir={profile}", "--enable-logging=stderr", "--v=0",
             "--window-size=1300,900", "--virtual-time-budget=120000",
             "--dump-dom", f"{address}/look.html"], text=True,
            capture_output=True, timeout=120, check=False)
    (html / "look.html").unlink()
    said = re.search(r'<pre id="result">(.*?)</pre>', done.stdout, re.DOTALL)
    # The theme says by itself which colors it changed to: no mistake.
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line
               and not re.search(r'"Changed to \w+ mode\."', line)]
    return "\n".join([said[1] if said else "nothing: " + done.stderr,
                      *console, *Quiet.missing])


def test_a_little_book_as_html(little: Little, browser: str, capsys,
                               serve: Callable[[Path], str]) -> None:
    """Pages, diffs and linked sources; search; light and dark; on a phone."""
    for name in ("conf.py", "_static"):
        source = ROOT / "book" / name
        (shutil.copytree if source.is_dir() else shutil.copy)(
            source, little.root / "book" / name)
    little.write("part1-boot/README.md", "# Boot\n\n[uart](uart.c), "
                 "[part 0](../part0-why/), [the page](../book/one.md)\n")
    little.change("book/two.md", "In a list,", "A [file](../part1-boot/uart.c) "
                  "of [part 1](../part1-boot/README.md), ")
    assert little.check() == []
    assert html_book.build(little.root) == 0
    assert "build/book/index.html" in capsys.readouterr().out
    html = little.root / "build" / "book"
    assert look(browser, serve(html), html, "uart_init") == "all is well"
    changes = (html / "changes-part1.html").read_text()
    assert "uart_init" in changes and "boot.S" in changes
    assert 'href="files/part1-boot/uart.c.html"' in (html / "two.html").read_text()
    one = (html / "one.html").read_text()
    assert "Before: " not in one  # the theme has such links itself
    for page in html.rglob("*.html"):
        assert not re.search(r"<(?:script|link|img)[^>]+(?:src|href)=\"(?:https?:)?//",
                             page.read_text()), page


def test_html_needs_what_it_needs(little: Little, monkeypatch, capsys) -> None:
    """Without Sphinx one line says what to install."""
    monkeypatch.setattr(html_book, "lacks", lambda _: ["python3-sphinx", "furo"])
    with pytest.raises(SystemExit) as ended:
        html_book.build(little.root)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "apt-get install python3-sphinx furo" in said
    assert said.count("\n") == 1


def test_a_warning_is_an_error(little: Little, sphinx: None, capfd) -> None:
    """A block in a language that no lexer knows does not go through."""
    shutil.copy(ROOT / "book" / "conf.py", little.root / "book")
    shutil.copytree(ROOT / "book" / "_static", little.root / "book" / "_static")
    little.write("book/zero.md", little.read("book/zero.md")
                 + "\n```klingon\nx\n```\n")
    with pytest.raises(SystemExit) as ended:
        html_book.build(little.root)
    assert ended.value.code == 2
    assert "klingon" in capfd.readouterr().err


def test_the_book_as_html(whole: Path, browser: str,
                          serve: Callable[[Path], str]) -> None:
    """The whole book, as Chromium shows it."""
    assert html_book.build(whole) == 0
    html = whole / "build" / "book"
    assert look(browser, serve(html), html, "uart_putc") == "all is well"
