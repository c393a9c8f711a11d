#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Carries a change made in one part to all later parts.

Mend a bug in the part where its code first appears, then type

    python3 tools/carry.py part1

The change is what differs, in that part, between a revision (--since; if
nothing is said, the last commit) and the files as they are now. It is merged
into each later part, file by file: base is the old file of part 1, one side
is the new file of part 1, the other side is the later part's file as it lies
there, with whatever you have changed in it already. So nothing is ever lost,
and to carry a change twice does no harm.

Where the two sides change the same lines, both stay in the file between marks
of conflict, with the old lines between them:

    <<<<<<< part2-ipc/uart.c            what this part has
    ||||||| part1-boot/uart.c at HEAD   what part 1 had
    =======                             and what part 1 has now
    >>>>>>> part1-boot/uart.c

Make of them what is right, and take the marks out. A file that still has marks
is left alone. A file added (or deleted) in the part is added (or deleted) in
later parts too. A part's README.md is its own: it is carried only if named.

The exit status is 0 if all was carried, 1 if there is a conflict.
"""
from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import strata

MARK = re.compile(rb"^<{7} ", re.MULTILINE)
NOT_CARRIED = ("README.md",)


@dataclass(frozen=True)
class File:
    """A file's bytes, and whether it may be executed."""
    data: bytes
    executable: bool


@dataclass(frozen=True)
class Change:
    """A file of the changed part, before and now; None: there is none."""
    name: str                   # from the part's directory
    old: File | None
    new: File | None


@dataclass(frozen=True)
class Step:
    """What happens to one file of a later part."""
    path: Path
    what: str                   # as the table says it
    result: File | None         # what the file becomes; None: deleted
    writes: bool = True

    @property
    def is_conflict(self) -> bool:
        return self.what.startswith("CONFLICT")


# --- What has changed -------------------------------------------------


def git(root: Path, *words: str) -> bytes:
    """What a git command prints. It must not fail."""
    done = subprocess.run(["git", "-C", str(root), *words], check=False,
                          capture_output=True)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        strata.fail(f"git {words[0]}: {said[0] if said else 'failed'}")
    return done.stdout


def check_revision(root: Path, revision: str) -> None:
    """The revision is a commit, of a repository that we are in."""
    git(root, "rev-parse", "--git-dir")
    done = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--verify", "--quiet",
         "--end-of-options", revision + "^{commit}"],
        check=False, capture_output=True)
    if done.returncode:
        strata.fail(f"--since: there is no revision '{revision}'")


def read(path: Path) -> File | None:
    """A file as it lies there; None if there is no regular file."""
    if path.is_symlink() or not path.is_file():
        return None
    return File(path.read_bytes(), bool(path.stat().st_mode & 0o100))


def committed(root: Path, revision: str, part: str) -> dict[str, File]:
    """The files of a part in a revision, by name."""
    found = {}
    for line in git(root, "ls-tree", "-r", "-z", revision, "--",
                    f"{part}/").decode().split("\0")[:-1]:
        about, name = line.split("\t", 1)
        mode, _, blob = about.split()
        if mode in ("100644", "100755"):
            found[name.removeprefix(f"{part}/")] = File(
                git(root, "cat-file", "blob", blob), mode == "100755")
    return found


def present(root: Path, part: str) -> dict[str, File]:
    """The files of a part as they are now, without what git ignores."""
    listed = git(root, "ls-files", "-z", "--cached", "--others",
                 "--exclude-standard", "--", f"{part}/").decode().split("\0")
    found = {name: read(root / name) for name in listed[:-1]}
    return {name.removeprefix(f"{part}/"): file
            for name, file in found.items() if file}


def changes(root: Path, revision: str, part: str,
            wanted: list[str]) -> list[Change]:
    """The files that differ between then and now; only the wanted ones."""
    old, new = committed(root, revision, part), present(root, part)
    names = [name.removeprefix(f"{part}/") for name in wanted]
    for name in names:
        if name not in old and name not in new:
            strata.fail(f"{part} has no file '{name}', and had none")
    return [Change(name, old.get(name), new.get(name))
            for name in sorted({*old, *new})
            if old.get(name) != new.get(name)
            and (name in names or not names and name not in NOT_CARRIED)]


# --- Merging ----------------------------------------------------------


def merge_text(ours: bytes, base: bytes, theirs: bytes,
               labels: list[str]) -> bytes | None:
    """The merged text, with marks where it conflicts; None if it is no text.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, name) for name in ("ours", "base", "theirs")]
        for file, data in zip(files, (ours, base, theirs)):
            file.write_bytes(data)
        named = [word for label in labels for word in ("-L", label)]
        done = subprocess.run(
            ["git", "merge-file", "-p", "--diff3", *named, *map(str, files)],
            check=False, capture_output=True)
    # The status is the number of conflicts, 127 at most.
    return done.stdout if done.returncode <= 127 else None


def conflicts(data: bytes) -> str:
    """Where the marks of conflict are; "" if there are none."""
    lines = [str(data.count(b"\n", 0, mark.start()) + 1)
             for mark in MARK.finditer(data)]
    word = "line" if len(lines) == 1 else "lines"
    return f"CONFLICT at {word} {', '.join(lines)}" if lines else ""


def merge(part: str, revision: str, change: Change, path: Path,
          later: str) -> Step:
    """What a change that leaves a file in the part does to a later part."""
    ours, base, new = read(path), change.old, change.new
    assert new
    if ours is None and (path.is_symlink() or path.exists()):
        return Step(path, "CONFLICT: not a regular file here", None, False)
    if ours is None and base is None:
        return Step(path, "added", new)
    if ours is None:
        return Step(path, "CONFLICT: no such file here", None, False)
    if ours == new:
        return Step(path, "already there", ours, False)
    if marked := conflicts(ours.data):
        return Step(path, f"{marked}, from before", ours, False)
    labels = [f"{later}/{change.name}", f"{part}/{change.name} at {revision}",
              f"{part}/{change.name}"]
    data = merge_text(ours.data, base.data if base else b"", new.data, labels)
    if data is None:
        return Step(path, "CONFLICT: binary file, changed here too", ours,
                    False)
    mode_changed = base is None or base.executable != new.executable
    result = File(data, new.executable if mode_changed else ours.executable)
    if result == ours:
        return Step(path, "already there", ours, False)
    return Step(path, conflicts(data) or "merged", result)


def delete(change: Change, path: Path) -> Step:
    """What a file that was deleted in the part does to a later part."""
    ours = read(path)
    if ours is None:
        return Step(path, "already there", None, False)
    if change.old and ours.data == change.old.data:
        return Step(path, "deleted", None)
    return Step(path, "CONFLICT: deleted there, changed here", ours, False)


def plan(root: Path, part: str, revision: str,
         found: list[Change]) -> list[tuple[str, str, Step]]:
    """Part, file and step, for each later part and each changed file."""
    names = [p.name for p in strata.parts(root)]
    return [(later, change.name,
             merge(part, revision, change, root / later / change.name, later)
             if change.new else delete(change, root / later / change.name))
            for later in names[names.index(part) + 1:] for change in found]


# --- The program ------------------------------------------------------


def carry_out(step: Step) -> None:
    """Writes, or deletes, the file."""
    if step.result is None:
        step.path.unlink()
        return
    step.path.parent.mkdir(parents=True, exist_ok=True)
    step.path.write_bytes(step.result.data)
    mode = step.path.stat().st_mode
    may_read = (mode & 0o444) >> 2  # who may read it may execute it
    step.path.chmod(mode | may_read if step.result.executable
                    else mode & ~0o111)


def table(steps: list[tuple[str, str, Step]]) -> list[str]:
    """A line for each step."""
    widths = [max(len(row[i]) for row in steps) for i in (0, 1)]
    return [f"{later:{widths[0]}}  {name:{widths[1]}}  {step.what}"
            for later, name, step in steps]


def arguments() -> argparse.Namespace:
    parser = strata.Parser(
        prog="carry.py", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", help="the part that was changed: part1, or "
                        "part1-boot")
    parser.add_argument("files", nargs="*", metavar="FILE", help="carry only "
                        "these: uart.c, or part1-boot/uart.c")
    parser.add_argument("--since", default="HEAD", metavar="REV",
                        help="the change begins here (default: HEAD)")
    parser.add_argument("--dry-run", action="store_true",
                        help="say what would happen, and write nothing")
    parser.add_argument("--root", type=Path, default=strata.ROOT,
                        metavar="DIR", help="the repository (default: this)")
    return parser.parse_intermixed_args()


def main() -> int:
    args = arguments()
    part = strata.find_part(args.root, args.part).name
    check_revision(args.root, args.since)
    found = changes(args.root, args.since, part, args.files)
    if not found:
        print(f"{part}: nothing to carry has changed since {args.since}")
        return 0
    steps = plan(args.root, part, args.since, found)
    if not steps:
        print(f"{part} is the last part: there is none to carry to")
        return 0
    if not args.dry_run:
        for step in (step for _, _, step in steps if step.writes):
            carry_out(step)
    print("\n".join(table(steps)))
    if args.dry_run:
        print("(a dry run: nothing was written)")
    return 1 if any(step.is_conflict for _, _, step in steps) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, UnicodeDecodeError) as error:
        strata.fail(str(error))
