#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the chapter tags, or verifies those there are.

The tag part2-ipc is the repository as it was if nobody had gone on after part
2: `git checkout part2-ipc`, and all that lies there is what you have read
about. The tags are a chain, one commit a part, made from the last commit
(HEAD): tools/upto.py says what is taken away for each. Nothing goes into them
but HEAD's files, so in every clone they have the same hashes.

Without options: tags that are missing are made, the others are verified. A
tag that is not as it should be is never moved without --force. The exit status
is 1 if one is not as it should be.
"""
from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import strata
import upto

# Who makes the commits, and when: nothing that differs between two clones.
# The day of the month is the part's number, and one.
WHO = "Strata <strata@example.org>"
FIRST = 946_684_800             # 2000-01-01, in seconds since 1970
DAY = 86_400


@dataclass(frozen=True)
class Git:
    """The repository, and the index that trees are written from."""
    root: Path
    index: Path

    def run(self, *words: str, data: bytes = b"") -> bytes:
        """What a git command prints. It must not fail."""
        done = self.attempt(*words, data=data)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            strata.fail(f"git {words[0]}: {said[0] if said else 'failed'}")
        return done.stdout

    def line(self, *words: str, data: bytes = b"") -> str:
        return self.run(*words, data=data).decode().strip()

    def attempt(self, *words: str,
                data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["git", "-C", str(self.root), *words], input=data, check=False,
            capture_output=True,
            env={**os.environ, "GIT_INDEX_FILE": str(self.index)})

    def find(self, name: str) -> str:
        """The hash of what a name stands for; "" if there is none."""
        done = self.attempt("rev-parse", "--verify", "--quiet", name)
        return done.stdout.decode().strip()


@dataclass(frozen=True)
class Tag:
    """A tag as it should be."""
    name: str
    commit: str
    tree: str


# --- From commit to files, and back -----------------------------------


def write_files(git: Git, to: Path) -> None:
    """Writes HEAD's files, byte for byte, into an empty folder."""
    listed = git.run("ls-tree", "-r", "-z", "HEAD").decode()
    entries = [line.split("\t", 1) for line in listed.split("\0")[:-1]]
    blobs = "".join(about.split()[2] + "\n" for about, _ in entries)
    data = git.run("cat-file", "--batch", data=blobs.encode())
    at = 0
    for about, name in entries:
        if not about.startswith("100"):
            strata.fail(f"{name}: neither links nor submodules can be tagged")
        begin = data.index(b"\n", at) + 1
        size = int(data[at:begin].split()[2])
        path = to / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data[begin:begin + size])
        path.chmod(0o755 if about.startswith("100755") else 0o644)
        at = begin + size + 1


def record(git: Git, files: Path) -> str:
    """Puts all files of a folder into the repository; the hash of the tree."""
    paths = sorted(p for p in files.rglob("*") if p.is_file())
    hashes = git.run("hash-object", "-w", "--no-filters", "--stdin-paths",
                     data="".join(f"{p}\n" for p in paths).encode())
    lines = []
    for path, blob in zip(paths, hashes.decode().split()):
        mode = "100755" if path.stat().st_mode & 0o100 else "100644"
        lines.append(f"{mode} {blob}\t{path.relative_to(files)}\0")
    git.run("read-tree", "--empty")
    git.run("update-index", "-z", "--index-info", data="".join(lines).encode())
    return git.line("write-tree")


def commit(git: Git, tree: str, parent: str, number: int, title: str) -> str:
    """Puts a commit into the repository: it is a text, and this is all of it.
    """
    when = f"{FIRST + number * DAY} +0000"
    lines = [f"tree {tree}", *([f"parent {parent}"] if parent else []),
             f"author {WHO} {when}", f"committer {WHO} {when}", "", title, ""]
    return git.line("hash-object", "-t", "commit", "-w", "--stdin",
                    data="\n".join(lines).encode())


def title(part: Path) -> str:
    """The heading of a part's README: "Part 1: boot"."""
    readme = part / "README.md"
    first = readme.read_text().split("\n")[0] if readme.is_file() else ""
    return first.removeprefix("# ").strip() or part.name


# --- The chain --------------------------------------------------------


def trees(git: Git, folder: Path) -> list[tuple[str, str, str]]:
    """Name, title and tree of each tag: from HEAD the last part is taken
    away, then the part before it, and so on down to part 0."""
    here = folder / "head"
    here.mkdir()
    write_files(git, here)
    names = [p.name for p in strata.parts(here)]
    if not names:
        strata.fail("HEAD has no part0-*, part1-* ...")
    found = []
    for name in reversed(names):
        try:
            upto.cut(here, folder / name, name)
        except upto.Wrong as wrong:
            strata.fail(f"{name}: {wrong}")
        found.append((name, title(folder / name / name),
                      record(git, folder / name)))
        shutil.rmtree(here)
        here = folder / name
    return found[::-1]


def chain(git: Git) -> list[Tag]:
    """All tags as they should be. Their objects are in the repository."""
    found: list[Tag] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, words, tree) in enumerate(trees(git, Path(folder))):
            parent = found[-1].commit if found else ""
            found.append(Tag(name, commit(git, tree, parent, number, words),
                             tree))
    return found


def difference(git: Git, tag: Tag) -> str:
    """In a few words, what is wrong with a tag; "" if nothing is."""
    there = git.find(f"refs/tags/{tag.name}")
    if there in ("", tag.commit):
        return "" if there else "is not there"
    tree = git.find(f"{there}^{{tree}}")
    if not tree:
        return "is no commit"
    if tree == tag.tree:
        return "has the right files in another commit"
    files = git.run("diff-tree", "-r", "-z", "--name-only", tree,
                    tag.tree).decode().split("\0")[:-1]
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"has other files than it should: {files[0]}{more}"


def make_or_verify(git: Git, tags: list[Tag], make: bool,
                   force: bool) -> list[str]:
    """Prints a line for each tag; returns those for what is wrong."""
    wrong = {tag: why for tag in tags if (why := difference(git, tag))}
    moved = [tag for tag in wrong if git.find(f"refs/tags/{tag.name}")]
    if (moved and not force) or not make:
        for tag in (tag for tag in tags if tag not in wrong):
            print(f"{tag.name}: as it should be ({tag.commit[:12]})")
        command = "make tags FORCE=1" if moved else "make tags"
        return [f"{tag.name}: {why}: {command} "
                f"{'moves' if tag in moved else 'makes'} it"
                for tag, why in wrong.items()]
    for tag in tags:
        if tag not in wrong:
            print(f"{tag.name}: as it should be ({tag.commit[:12]})")
            continue
        git.run("update-ref", f"refs/tags/{tag.name}", tag.commit)
        print(f"{tag.name}: {'moved' if tag in moved else 'made'} "
              f"({tag.commit[:12]})")
    return []


# --- The program ------------------------------------------------------


def arguments() -> argparse.Namespace:
    parser = strata.Parser(
        prog="tags.py", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--verify", action="store_true",
                      help="make no tag: one that is missing is wrong too")
    what.add_argument("--force", action="store_true",
                      help="move tags that are not as they should be")
    what.add_argument("--readme", action="store_true",
                      help="make no tag, but write README.md as tools/upto.py "
                      "wants it for the newest part")
    parser.add_argument("--root", type=Path, default=strata.ROOT,
                        metavar="DIR", help="the repository (default: this)")
    return parser.parse_args()


def check_clean(root: Path) -> None:
    """Tags are made from what is committed; say so if that isn't all."""
    done = subprocess.run(
        ["git", "-C", str(root), "status", "--porcelain",
         "--untracked-files=no"], capture_output=True, text=True, check=False)
    if done.returncode:
        strata.fail(f"{root}: no git repository")
    if done.stdout:
        strata.fail("tags are made from the last commit, but there are changes"
                    f" since ({done.stdout.splitlines()[0][3:]}, ...): commit"
                    " or stash them first")


def write_readme(root: Path) -> None:
    """Brings README.md up to the newest part."""
    if not strata.parts(root) or not (root / "README.md").is_file():
        strata.fail(f"{root}: no README.md or no part0-*, part1-* ... here")
    try:
        upto.edit(root / "README.md", lambda text: upto.readme(root, text))
    except upto.Wrong as wrong:
        strata.fail(str(wrong))


def main() -> int:
    args = arguments()
    if args.readme:
        write_readme(args.root)
        return 0
    check_clean(args.root)
    with tempfile.TemporaryDirectory() as folder:
        git = Git(args.root, Path(folder, "index"))
        if not git.find("HEAD"):
            strata.fail("there is no commit yet to make tags from")
        wrong = make_or_verify(git, chain(git), not args.verify, args.force)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
