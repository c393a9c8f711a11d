# SPDX-License-Identifier: MIT
"""The model of the rendezvous, book/models/rendezvous.pml, as Spin checks it:
what holds does hold, deliberate mistakes are found, and the page book/spin.md
shows what Spin says."""
from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import guest
import harness
from harness import ROOT

import extract
import prose

MODEL = ROOT / "book" / "models" / "rendezvous.pml"
PAGE = ROOT / "book" / "spin.md"
# A search for failed assertions and deadlock, the shortest way there first; and
# one for runs in which a call never comes back.
SAFE = ["-DBFS", "-DSAFETY", "-DNOCLAIM"]
LIVE: list[str] = []


@pytest.fixture(autouse=True)
def spin() -> None:
    if not shutil.which("spin"):
        pytest.skip("not installed: spin (sh tools/setup.sh --all)")


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., str]:
    """check(SAFE or LIVE, "MISTAKE") -> what the verifier says"""
    def check(flags: list[str], *mistakes: str) -> str:
        compiler = guest.tool("CC")
        for command in (
                ["spin", f"-P{compiler} -E -x c", *(f"-D{m}" for m in mistakes),
                 "-a", str(MODEL)],
                [compiler, "-w", *flags, "-o", "pan", "pan.c"]):
            done = subprocess.run(command, cwd=tmp_path, text=True, timeout=30,
                                  capture_output=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
        return subprocess.run(
            ["./pan", *([] if flags else ["-a"])], cwd=tmp_path,
            text=True, capture_output=True, timeout=30, check=True).stdout
    return check


def errors(said: str) -> int:
    """How many errors the verifier counts."""
    found = re.search(r"errors: (\d+)", said)
    assert found, said
    assert "max search depth too small" not in said
    return int(found[1])


def test_no_assertion_fails_and_nothing_hangs(check) -> None:
    """No message is lost or doubled, each caller gets its answer, and there is
    no deadlock: in every state that can be reached."""
    said = check(SAFE)
    assert errors(said) == 0 and "Search not completed" not in said
    assert re.search(r"assertion violations\t\+", said)
    assert re.search(r"invalid end states\t\+", said)


def test_every_call_comes_back(check) -> None:
    """In every run, fair or not; and no line of the model is dead."""
    said = check(LIVE)
    assert errors(said) == 0 and "Search not completed" not in said
    assert "never claim         \t+ (answered)" in said
    assert "cycles \t+ (fairness disabled)" in said
    unreached = re.findall(r"^\t\S+, state \d+, \"(.*)\"$", said, re.M)
    assert set(unreached) == {"-end-"}  # of threads that never end


@pytest.mark.parametrize("flags, mistake, finding", [
    (SAFE, "NOT_UNLINKED", "pan:1: assertion violated .*from.*message"),
    (SAFE, "NOT_CLEARED", "pan:1: assertion violated .*error.*forgotten"),
    (LIVE, "NOT_WOKEN", "pan:1: acceptance cycle"),
], ids=lambda v: v if isinstance(v, str) and v.isupper() else "")
def test_a_mistake_is_found(check, flags: list[str], mistake: str,
                            finding: str) -> None:
    """For the right reason."""
    said = check(flags, mistake)
    assert errors(said) == 1
    assert re.search(finding, said)


def test_only_the_formula_finds_who_is_not_woken(check) -> None:
    """No assertion fails while the others go on: there is no deadlock."""
    assert errors(check(SAFE, "NOT_WOKEN")) == 0


@pytest.mark.parts(2)
def test_the_model_has_the_names_of_the_kernel() -> None:
    """Its functions are the kernel's, by name."""
    part = harness.PARTS[2]
    names = {name for file in ("endpoint.c", "sched.c", "thread.c")
             for item in extract.items_of(part / file)
             for name in item.functions()}
    kernel = MODEL.read_text().partition("/* --- The programs")[0]
    mine = set(re.findall(r"^inline (\w+)\(", kernel, re.M))
    ours = {"wake": "thread_wake", "make_ready": "sched_append"}
    assert len(mine) == 6
    assert {ours.get(name, name) for name in mine} <= names


def commands() -> list[tuple[str, list[str]]]:
    """The commands of the page's transcripts, and the lines shown for each."""
    found: list[tuple[str, list[str]]] = []
    for block in prose.blocks(PAGE.read_text().split("\n")):
        if block.language != "console":
            continue
        for line in block.body:
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.strip() != "...":
                found[-1][1].append(line)
    return found


@pytest.mark.parts(2)  # the page is there if part 2 is
def test_the_page_shows_what_spin_says(tmp_path: Path) -> None:
    """The commands are run as they stand there, one after the other, and what
    is shown of their output is in it, in this order."""
    version = subprocess.run(["spin", "-V"], text=True, capture_output=True,
                             check=True).stdout
    if "Version 6.5.2" not in version:
        pytest.skip(f"the page shows Spin 6.5.2; here is {version.strip()}")
    shutil.copytree(MODEL.parent, tmp_path / "book" / "models")
    script = "".join(f"echo '@@@'\n{command}\n" for command, _ in commands())
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=60, check=False)
    outputs = done.stdout.split("@@@\n")[1:]
    assert len(outputs) == len(commands()) >= 6
    for (command, shown), output in zip(commands(), outputs):
        said = [line.rstrip() for line in output.expandtabs().split("\n")]
        for line in shown:
            assert line.rstrip() in said, f"$ {command}\n{line}\n--\n{output}"
            del said[:said.index(line.rstrip()) + 1]
    assert sum(len(shown) for _, shown in commands()) > 12
