# SPDX-License-Identifier: MIT
"""tools/carry.py brings a change into the later parts, and loses nothing.

Each test works on a little repository of three parts, each a bit longer than
the one before.
"""
from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from unittest import mock

import pytest

from harness import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import carry  # noqa: E402

PARTS = ("part0-why", "part1-boot", "part2-ipc")
UART = "".join(f"int line_{n};\n" for n in range(20))
FIXED = UART.replace("line_3;", "line_3 = 1;")


def clean_env(home: Path) -> dict[str, str]:
    """An environment in which git has no settings but those it gets here."""
    return {**{k: v for k, v in os.environ.items() if not k.startswith("GIT_")},
            "HOME": str(home), "XDG_CONFIG_HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
            "GIT_COMMITTER_NAME": "C", "GIT_COMMITTER_EMAIL": "c@example.org"}


class Ran(NamedTuple):
    """What a program said, and its exit status."""
    status: int
    out: str
    err: str


def call(main: Callable[[], int], env: dict[str, str], *words: object) -> Ran:
    """Runs a program's main() with these words, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (mock.patch.dict(os.environ, env, clear=True),
          mock.patch.object(sys, "argv", [str(word) for word in words]),
          contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)):
        try:
            status = main()
        except SystemExit as end:
            status = int(end.code or 0)
    return Ran(status, out.getvalue(), err.getvalue())


class Repo:
    """Three parts; part 2's uart.c has a line more, at the end."""

    def __init__(self, root: Path, env: dict[str, str]) -> None:
        self.root, self.env = root, env
        for part in PARTS:
            self.write(f"{part}/uart.c", UART)
            self.write(f"{part}/demos/hog.c", "void hog(void);\n")
            self.write(f"{part}/README.md", f"# {part}\n")
        self.write("part2-ipc/uart.c", UART + "int more;\n")
        self.git("init", "-q")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "all")

    def git(self, *words: str) -> str:
        return subprocess.run(["git", *words], cwd=self.root, env=self.env,
                              check=True, capture_output=True, text=True).stdout

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def files(self) -> dict[str, tuple[bytes, int]]:
        """All files but git's own, with their contents and modes."""
        return {str(p): (p.read_bytes(), p.stat().st_mode)
                for p in self.root.rglob("*")
                if p.is_file() and ".git" not in p.parts}

    def run(self, *words: str) -> Ran:
        return call(carry.main, self.env, "carry.py", "--root", self.root,
                    *words)

    def carry(self, *words: str, status: int = 0) -> list[list[str]]:
        """The table: part, file, what happened."""
        ran = self.run(*words)
        assert (ran.status, ran.err) == (status, ""), ran
        return [line.split(maxsplit=2) for line in ran.out.splitlines()]


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    (tmp_path / "home").mkdir()
    return Repo(tmp_path / "repo", clean_env(tmp_path / "home"))


def test_clean_merge(repo: Repo) -> None:
    """The change arrives in all later parts, and their own lines stay."""
    repo.write("part0-why/uart.c", FIXED)
    assert repo.carry("part0") == [["part1-boot", "uart.c", "merged"],
                                   ["part2-ipc", "uart.c", "merged"]]
    assert repo.read("part1-boot/uart.c") == FIXED
    assert repo.read("part2-ipc/uart.c") == FIXED + "int more;\n"


def test_twice_does_no_harm(repo: Repo) -> None:
    """What is there already stays as it is."""
    repo.write("part0-why/uart.c", FIXED)
    repo.carry("part0-why")
    before = repo.files()
    assert repo.carry("part0-why") == [
        ["part1-boot", "uart.c", "already there"],
        ["part2-ipc", "uart.c", "already there"]]
    assert repo.files() == before


def test_earlier_parts_stay(repo: Repo) -> None:
    """A change of part 1 goes to part 2 only."""
    repo.write("part1-boot/uart.c", FIXED)
    assert repo.carry("part1") == [["part2-ipc", "uart.c", "merged"]]
    assert repo.read("part0-why/uart.c") == UART


def test_conflict(repo: Repo) -> None:
    """Both sides and the old text are kept between marks that name the parts;
    everything else is carried all the same."""
    theirs = UART.replace("line_3;", "line_3 = 2;").replace("0;", "0 = 7;")
    repo.write("part2-ipc/uart.c", theirs)
    repo.write("part0-why/uart.c", FIXED)
    repo.write("part0-why/demos/hog.c", "void hog(int);\n")
    assert repo.carry("part0", status=1) == [
        ["part1-boot", "demos/hog.c", "merged"],
        ["part1-boot", "uart.c", "merged"],
        ["part2-ipc", "demos/hog.c", "merged"],
        ["part2-ipc", "uart.c", "CONFLICT at line 4"]]
    marked = repo.read("part2-ipc/uart.c")
    assert marked == theirs.replace("int line_3 = 2;\n", """\
<<<<<<< part2-ipc/uart.c
int line_3 = 2;
||||||| part0-why/uart.c at HEAD
int line_3;
=======
int line_3 = 1;
>>>>>>> part0-why/uart.c
""")
    # Marks that are there are left alone until somebody has looked at them.
    assert repo.carry("part0", "uart.c", status=1)[1][2] == \
        "CONFLICT at line 4, from before"
    assert repo.read("part2-ipc/uart.c") == marked


def test_uncommitted_changes_are_kept(repo: Repo) -> None:
    """What a later part has, committed or not, is one side of the merge."""
    repo.write("part0-why/uart.c", FIXED)
    repo.write("part1-boot/uart.c", UART + "int mine;\n")
    repo.write("part2-ipc/uart.c", FIXED + "int by_hand;\n")
    assert repo.carry("part0") == [["part1-boot", "uart.c", "merged"],
                                   ["part2-ipc", "uart.c", "already there"]]
    assert repo.read("part1-boot/uart.c") == FIXED + "int mine;\n"
    assert repo.read("part2-ipc/uart.c") == FIXED + "int by_hand;\n"


def test_added_file(repo: Repo) -> None:
    """A new file is added, unless another one is there."""
    new = repo.write("part0-why/demos/new.sh", "true\n")
    new.chmod(0o755)
    repo.write("part2-ipc/demos/new.sh", "false\n")
    assert repo.carry("part0", status=1) == [
        ["part1-boot", "demos/new.sh", "added"],
        ["part2-ipc", "demos/new.sh", "CONFLICT at line 1"]]
    added = repo.root / "part1-boot/demos/new.sh"
    assert added.read_text() == "true\n" and added.stat().st_mode & 0o111
    both = repo.read("part2-ipc/demos/new.sh")
    assert "true\n" in both and "false\n" in both


def test_deleted_file(repo: Repo) -> None:
    """A file is deleted where it is as it was, else it stays."""
    (repo.root / "part0-why/uart.c").unlink()
    assert repo.carry("part0", status=1) == [
        ["part1-boot", "uart.c", "deleted"],
        ["part2-ipc", "uart.c", "CONFLICT: deleted there, changed here"]]
    assert not (repo.root / "part1-boot/uart.c").exists()
    assert repo.read("part2-ipc/uart.c") == UART + "int more;\n"
    assert repo.carry("part0", status=1)[0][2] == "already there"


def test_file_that_a_later_part_lacks(repo: Repo) -> None:
    """There is nothing to merge into: that is said, and nothing is made."""
    (repo.root / "part1-boot/uart.c").unlink()
    repo.write("part0-why/uart.c", FIXED)
    assert repo.carry("part0", status=1)[0] == [
        "part1-boot", "uart.c", "CONFLICT: no such file here"]
    assert not (repo.root / "part1-boot/uart.c").exists()


def test_mode_and_binary(repo: Repo) -> None:
    """A changed mode is carried; bytes that are no text are not merged."""
    (repo.root / "part0-why/uart.c").chmod(0o755)
    assert [row[2] for row in repo.carry("part0")] == ["merged", "merged"]
    assert (repo.root / "part2-ipc/uart.c").stat().st_mode & 0o111
    for number, part in enumerate(PARTS):
        (repo.root / part / "uart.c").write_bytes(bytes([0, number]))
    assert repo.carry("part0", status=1)[1][2] == \
        "CONFLICT: binary file, changed here too"
    assert (repo.root / "part2-ipc/uart.c").read_bytes() == b"\0\2"


def test_since_and_files(repo: Repo) -> None:
    """--since reaches back over commits; a README is carried if named."""
    for name in ("uart.c", "README.md", "demos/hog.c"):
        repo.write(f"part0-why/{name}", "//\n" + repo.read(f"part0-why/{name}"))
    repo.git("commit", "-q", "-a", "-m", "more")
    assert repo.carry("part0")[0][:3] == ["part0-why:", "nothing",
                                          "to carry has changed since HEAD"]
    assert {row[1] for row in repo.carry("part0", "--since", "HEAD~",
                                         "--dry-run")[:-1]} \
        == {"uart.c", "demos/hog.c"}
    assert {row[1] for row in repo.carry(
        "part0", "--since", "HEAD~", "demos/hog.c")} == {"demos/hog.c"}
    assert {row[1] for row in repo.carry(
        "part0", "--since", "HEAD~", "part0-why/README.md", status=1)} \
        == {"README.md"}


def test_dry_run_writes_nothing(repo: Repo) -> None:
    """It says what the run without it then does."""
    repo.write("part0-why/uart.c", FIXED.replace("19;", "19 = 5;"))
    repo.write("part0-why/new.c", "int new;\n")
    (repo.root / "part0-why/demos/hog.c").unlink()
    before = repo.files()
    said = repo.carry("part0", "--dry-run", status=1)
    assert repo.files() == before
    assert said[-1] == ["(a", "dry", "run: nothing was written)"]
    assert repo.carry("part0", status=1) == said[:-1]
    assert {row[2] for row in said[:-1]} == {
        "merged", "added", "deleted", "CONFLICT at line 20"}


@pytest.mark.parametrize("words, says", [
    (["part7"], "there is no part 'part7'; the parts are: part0-why"),
    (["part0", "--since", "nonsense"], "there is no revision 'nonsense'"),
    (["part0", "--since", "--all"], "--since"),
    (["part0", "none.c"], "part0-why has no file 'none.c', and had none"),
    ([], "the following arguments are required: part"),
    (["part0", "--root", "/nonexistent"], "there is no part 'part0'"),
])
def test_wrong_words(repo: Repo, words: list[str], says: str) -> None:
    """What can't be done is one line on stderr and exit status 2."""
    ran = repo.run(*words)
    assert (ran.status, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1 and says in ran.err


def test_nothing_to_do(repo: Repo) -> None:
    """The last part has nobody to carry to, and that is no mistake."""
    repo.write("part2-ipc/uart.c", FIXED)
    assert "is the last part" in repo.run("part2").out


def test_as_a_program(repo: Repo) -> None:
    """It runs by itself too, and explains itself."""
    done = subprocess.run([sys.executable, "-B", carry.__file__, "--help"],
                          env=repo.env, capture_output=True, text=True)
    assert done.returncode == 0 and "--dry-run" in done.stdout
