# SPDX-License-Identifier: MIT
"""What emulation can't show: the order in which CPUs see each other's stores.

The models in tests/litmus/ are made of the kernel's own code, by their names.
Relacy, a model checker for C++'s memory model, searches their runs; it is to
find nothing; and with an order or a barrier left out, what then goes wrong.
"""
from __future__ import annotations

import functools
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import guest
from harness import ROOT

import extract

MODELS = ROOT / "tests" / "litmus"
# What the models include that has no header of its own.
PIECES = {
    "uart_ring.h": [("uart.c", ["uart_getc", "has_room", "uart_poll"])],
    "sync_stack.h": [("demos/sync.h", ["NO_NODE", "struct stack"]),
                     ("demos/sync.c", ["TAG", "stack_init", "stack_push",
                                       "stack_pop"])],
}

pytestmark = [pytest.mark.parts(4), pytest.mark.ordinary]


def compiler(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([guest.tool("CC"), "-std=c++17", *map(str, words)],
                          text=True, capture_output=True, timeout=120,
                          check=False)


@pytest.fixture(scope="module", autouse=True)
def relacy() -> None:
    if compiler("-x", "c++", "-E", "-include", "relacy/relacy.hpp",
                os.devnull).returncode:
        pytest.skip("not installed: relacy-dev (sh tools/setup.sh --all)")


@pytest.fixture(scope="module")
def build(tmp_path_factory) -> Callable[[Path, str], Path]:
    """build(part, "lock") -> the program that searches"""
    @functools.cache
    def build(part: Path, model: str) -> Path:
        made = tmp_path_factory.mktemp(model)
        for name, cut in PIECES.items():
            (made / name).write_text("\n".join(
                line for file, symbols in cut for line in extract.text_of(
                    part / file, extract.chosen_lines(part / file, symbols))))
        done = compiler("-iquote", part, "-iquote", made, "-o", made / model,
                        MODELS / f"{model}.cpp", "-lstdc++")
        assert done.returncode == 0, done.stderr
        return made / model
    return build


def search(program: Path, *options: str) -> str:
    """What Relacy says."""
    done = subprocess.run([program, *options], text=True, timeout=120,
                          capture_output=True, check=False)
    assert done.stderr == "" and done.returncode in (0, 1), done.stderr
    assert (done.returncode == 0) == ("iterations: " in done.stdout)
    return done.stdout


@pytest.mark.parametrize("model, bound, runs", [
    ("mp", [], 30),
    ("lock", ["switches=3"], 100_000),
    ("ring", ["switches=5"], 10_000),
    ("stack", ["switches=5"], 10_000),
], ids=lambda v: v if isinstance(v, str) else "")
def test_nothing_goes_wrong(build, part: Path, model: str, bound: list[str],
                            runs: int) -> None:
    """In no run; and the search came to its end."""
    said = search(build(part, model), *bound)
    found = re.search(r"^iterations: (\d+)$", said, re.M)
    assert found and runs < int(found[1]) < 10_000_000, said


@pytest.mark.parametrize("model, mistake, finding", [
    ("mp", "no-acquire", "has_data || !has_flag"),
    ("mp", "no-release", "has_data || !has_flag"),
    ("lock", "no-acquire", "count == real_count"),
    ("lock", "no-release", "count == real_count"),
    ("lock", "no-barrier", "LIVELOCK"),  # it sleeps, and nobody wakes it
    ("ring", "no-acquire", "next == 'b' || next == -1"),
    ("ring", "no-release", "next == 'b' || next == -1"),
    ("ring", "no-barrier", r"*line == '\0' || mask"),
    ("stack", "no-acquire", "text[node] == real_text[node]"),
    ("stack", "no-release", "text[node] == real_text[node]"),
    ("stack", "no-tags", "!is_taken[node]"),  # the ABA problem
])
def test_a_mistake_is_found(build, part: Path, model: str, mistake: str,
                            finding: str) -> None:
    """For the right reason."""
    said = search(build(part, model), "switches=5", mistake).split("\n")
    assert said[1] in (f"USER ASSERT FAILED (assertion: {finding})",
                       f"{finding} ({finding.lower()})"), said


def test_the_models_read_the_code(build, part: Path, tmp_path: Path) -> None:
    """A DSB that is missing in spinlock.h itself is missed."""
    text = (part / "spinlock.h").read_text()
    assert text.count(r"dsb ishst\n\t") == 1
    for file, _ in (cut for cuts in PIECES.values() for cut in cuts):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text((part / file).read_text())
    (tmp_path / "spinlock.h").write_text(text.replace(r"dsb ishst\n\t", ""))
    assert "\nLIVELOCK" in search(build(tmp_path, "lock"), "switches=3")
