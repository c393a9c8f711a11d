# SPDX-License-Identifier: MIT
"""Deliberate mistakes: each must turn a test red, for the right reason.

tests/mutants/NAME.patch is a mistake as a student would make it, in words of
its own before the patch:

    Mistake: x18 and x19 are saved in each other's place.
    Test: tests/test_exceptions.py::test_registers_are_true
    Says: x18

The patch is applied to a copy of the repository; there the test must fail, and
its report must contain what stands behind "Says:".
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import PARTS, ROOT, make

MUTANTS = sorted((ROOT / "tests" / "mutants").glob("*.patch"))
COPIED = ("common", "tools", "tests", "Makefile", "pytest.ini", "README.md",
          "LICENSE", *(p.name for p in PARTS), *(f"build/{p.name}" for p in PARTS))


def copy(root: Path, to: Path) -> Path:
    """A copy of the repository, with what was built of it."""
    for name in COPIED:
        if (root / name).is_dir():
            shutil.copytree(root / name, to / name,
                            ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(root / name, to / name)
    return to


def build(tree: Path, parts: list[str]) -> None:
    """A mistake may well make the compiler warn."""
    for part in parts:
        built = make(part, cwd=tree, WERROR="")
        assert built.returncode == 0, built.stderr


def header(patch: Path, key: str) -> str:
    """What the patch says about itself."""
    found = re.search(rf"^{key}: (.+)$", patch.read_text(), re.M)
    assert found, f"{patch.name} has no line '{key}:'"
    return found[1]


def touched(patch: Path) -> list[str]:
    """The parts to build after the patch: those it changes, or all of them if
    it changes what they are made of besides. The others are as they were
    copied."""
    folders = set(re.findall(r"^(?:---|\+\+\+) [ab]/([^/\n]+)",
                             patch.read_text(), re.M)) - {"tests"}
    parts = [part.name for part in PARTS]
    return sorted(folders) if folders <= set(parts) else parts


def words(name: str) -> str:
    """A test's name without the signs by which --part=part1-boot would take
    this test for one of the part's."""
    return re.sub(r"\W+", " ", name)


def run_test(tree: Path, name: str,
             limit: str = "20") -> subprocess.CompletedProcess[str]:
    """Runs a test of the copy. LIMIT is what a single boot may take."""
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-x", name],
                          cwd=tree, text=True, capture_output=True,
                          env={**os.environ, "LIMIT": limit, "WERROR": ""},
                          timeout=300, check=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which all parts are built as those with a mistake will be."""
    tree = copy(ROOT, tmp_path_factory.mktemp("whole"))
    build(tree, [part.name for part in PARTS])
    return tree


@pytest.mark.long
@pytest.mark.parametrize("name", sorted({header(p, "Test") for p in MUTANTS}),
                         ids=words)
def test_is_green_without_a_mistake(whole, name):
    """The tests that find the mistakes pass where there is none."""
    done = run_test(whole, name)
    assert done.returncode == 0, done.stdout


@pytest.mark.long
@pytest.mark.parametrize("patch", MUTANTS, ids=[p.stem for p in MUTANTS])
def test_mistake_is_found(whole, patch, tmp_path):
    """The mistake turns the test red, and the report says why."""
    tree = copy(whole, tmp_path / "tree")
    applied = subprocess.run(["git", "apply", str(patch)], cwd=tree, text=True,
                             capture_output=True, check=False)
    assert applied.returncode == 0, f"mend the patch:\n{applied.stderr}"
    build(tree, touched(patch))
    done = run_test(tree, header(patch, "Test"), limit="6")
    assert done.returncode == 1, done.stdout + done.stderr
    assert header(patch, "Says") in done.stdout, done.stdout
