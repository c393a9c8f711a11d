# SPDX-License-Identifier: MIT
"""tools/tags.py makes the same tags everywhere, and notices every difference.

The tests work on a little repository of three parts with a book; the long ones
on this one.
"""
from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import harness
from harness import PARTS, ROOT
from test_carry import Ran, call, clean_env

sys.path.insert(0, str(ROOT / "tools"))
import tags  # noqa: E402
import upto  # noqa: E402

NAMES = ("part0-why", "part1-boot", "part2-ipc")
README = """# Strata

    make part2 run

<!-- newest -->

```sh
make part2 run DEMO=dog
```

<!-- /newest -->

| part | name | what | lines |
|---|---|---|---|
| 0 | [why](part0-why/README.md) | nothing | 1 |
| 1 | [boot](part1-boot/README.md) | a [start](part1-boot/boot.c) | 2 |
| 2 | [ipc](part2-ipc/README.md) | messages | 3 |
| 3 | preempt | time | to come |

`make part0 diff` stays as it is.
"""
PAGES = """# The pages.
[filled-with]
clang = "14"

[excused]
"*/selftest.c" = "tests"
"part2-ipc/ipc.c: send" = "too short"

[[page]]
file = "first.md"
title = "First"
chapter = "Before"
"""
PAGE = """
[[page]]
id = "{n}a"
file = "{file}"
title = "Part {n}"
chapter = "Part {n}"
part = "{part}"
[page.functions]
"main.c" = "*"
"""
LAST = """
[[page]]
file = "debug.md"
title = "Debugging"
chapter = "Beside"

[[page]]
file = "words.md"
title = "Words"
"""
FRAME = "\n<!-- navigation --><!-- /navigation -->\n"
FIRST = """# First

See [part two](two.md#two), its [*code*](../part2-ipc/ipc.c), ![a
picture](images/part2.svg) and [part 0](../part0-why/main.c). `send_it()` and
`ipc.c` and `main_loop()`. `make part2 run` and `make part0 run`.
"""
DEBUG = "# Debugging\n\n![x](images/only.svg)\n\n```c file=part1-boot/boot.c\n```\n"


class Repo:
    """Three parts and their book, committed."""

    def __init__(self, root: Path, env: dict[str, str]) -> None:
        self.root, self.env = root, env

    def fill(self) -> "Repo":
        for n, part in enumerate(NAMES):
            self.write(f"{part}/main.c", "void main_loop(void);\n")
            self.write(f"{part}/README.md", f"# Part {n}: {part[6:]}\n\n## Run"
                       f" it\n\n```sh\nmake part{n} run DEMO=dog\n```\n\n## R\n")
        self.write("part1-boot/boot.c", "int boot;\n")
        self.write("part2-ipc/ipc.c", "void send_it(void);\n")
        self.write("part2-ipc/selftest.c", "void test(void);\n")
        self.write("tests/test_part2.py", "pass\n")
        self.write("tests/mutants/part1-x.patch", "x\n")
        self.write("tools/run.sh", "true\n").chmod(0o755)
        self.write("README.md", README)
        self.write("book/pages.toml", PAGES + "".join(
            PAGE.format(n=n, part=part, file=f"{word}.md")
            for n, (part, word) in enumerate(zip(NAMES, ("no", "one", "two"))))
            + LAST)
        for page, text in {"first": FIRST, "no": "# No\n", "one": "# One\n",
                           "two": "# Two\n", "debug": DEBUG,
                           "words": "# Words\n"}.items():
            self.write(f"book/{page}.md", text + FRAME)
        self.write("book/index.md", "# Index\n<!-- pages --><!-- /pages -->\n")
        for picture in ("part2", "only", "nobodys"):
            self.write(f"book/images/{picture}.svg", "<svg/>\n")
        upto.refill_pages(self.root)
        self.git("init", "-q")
        return self.commit()

    def git(self, *words: str, **env: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=self.root, env={**self.env, **env}, text=True,
            check=True, capture_output=True).stdout.strip()

    def commit(self) -> "Repo":
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "all")
        return self

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def show(self, tag: str, name: str) -> str:
        return self.git("show", f"refs/tags/{tag}:{name}")

    def files(self, tag: str) -> list[str]:
        return self.git("ls-tree", "-r", "--name-only",
                        f"refs/tags/{tag}").splitlines()

    def hashes(self) -> dict[str, str]:
        lines = self.git("for-each-ref", "--format=%(refname:short) "
                         "%(objectname)", "refs/tags").splitlines()
        return dict(line.split() for line in lines)


def run(repo: Repo, *words: str) -> Ran:
    """Runs tags.py on a repository."""
    return call(tags.main, repo.env, "tags.py", "--root", repo.root, *words)


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    (tmp_path / "home").mkdir()
    return Repo(tmp_path / "repo", clean_env(tmp_path / "home")).fill()


def test_chain(repo: Repo) -> None:
    """A commit a part, each the child of the one before, with a fixed author
    and date; the last one is HEAD's tree."""
    assert run(repo).status == 0
    assert list(repo.hashes()) == list(NAMES)
    log = repo.git("log", "--format=%D|%s|%an <%ae>|%aI|%cI", "part2-ipc", "--")
    who = "Strata <strata@example.org>"
    assert log.replace("+00:00", "Z").splitlines() == [
        f"tag: part{n}-{word}|Part {n}: {word}|{who}|{day}|{day}"
        for n, word, day in ((2, "ipc", "2000-01-03T00:00:00Z"),
                             (1, "boot", "2000-01-02T00:00:00Z"),
                             (0, "why", "2000-01-01T00:00:00Z"))]
    assert repo.git("rev-parse", "refs/tags/part2-ipc^{tree}") == \
        repo.git("rev-parse", "HEAD^{tree}")
    repo.git("fsck", "--strict")


def test_contents(repo: Repo) -> None:
    """Later parts, and what belongs to them, are not there."""
    run(repo)
    gone = {"part2-ipc/main.c", "part2-ipc/ipc.c", "part2-ipc/README.md",
            "part2-ipc/selftest.c", "tests/test_part2.py", "book/two.md",
            "book/images/part2.svg"}
    new = {"book/words.txt"}
    assert set(repo.files("part1-boot")) == {
        *repo.files("part2-ipc")} - gone | new
    gone = {"part1-boot/main.c", "part1-boot/boot.c", "part1-boot/README.md",
            "tests/mutants/part1-x.patch", "book/one.md", "book/debug.md",
            "book/images/only.svg"}
    assert set(repo.files("part0-why")) == {*repo.files("part1-boot")} - gone
    assert repo.git("ls-tree", "refs/tags/part0-why",
                    "tools/run.sh").startswith("100755")


def test_picture_of_a_page_with_a_number(repo: Repo) -> None:
    """A page that goes by its name takes along the pictures that only it
    shows."""
    listed = (repo.root / "book/pages.toml").read_text()
    entry = PAGE.format(n=2, part=NAMES[2], file="part2-more.md")
    repo.write("book/pages.toml", listed + re.sub(
        "chapter = .*\n", "", entry.replace("2a", "2b")))
    repo.write("book/part2-more.md", "# More\n\n![x](images/more.svg)\n" + FRAME)
    repo.write("book/images/more.svg", "<svg/>\n")
    upto.refill_pages(repo.root)
    repo.commit()
    run(repo)
    assert "book/images/more.svg" in repo.files("part2-ipc")
    assert "book/images/more.svg" not in repo.files("part1-boot")


def test_readme(repo: Repo) -> None:
    """The README names the newest part that is there, and no later one."""
    run(repo)
    assert repo.show("part2-ipc", "README.md") + "\n" == README
    assert repo.show("part1-boot", "README.md") + "\n" == README.replace(
        "make part2", "make part1").replace(
        "[ipc](part2-ipc/README.md) | messages | 3 ",
        "ipc | messages | to come ")
    first = repo.show("part0-why", "README.md")
    assert "| 1 | boot | a start | to come |" in first
    assert "make part0 run DEMO=dog" in first and "make part1" not in first


def test_readme_is_brought_up(repo: Repo) -> None:
    """--readme writes the README for the newest part, and makes no tag."""
    repo.write("README.md", README.replace("DEMO=dog", "").replace("part2 run",
                                                                  "part7 run"))
    assert run(repo, "--readme") == (0, "", "")
    assert (repo.root / "README.md").read_text() == README
    repo.write("part2-ipc/README.md", "# Part 2\n")
    ran = run(repo, "--readme")
    assert (ran.status, ran.err) == (2, "tags: part2-ipc/README.md has no "
                                     "section 'Run it'\n")
    assert repo.hashes() == {}


def test_book(repo: Repo) -> None:
    """The book goes up to the part: pages, lists, links and names."""
    run(repo)
    listed = repo.show("part0-why", "book/pages.toml")
    assert re.findall(r'^file = "(.*)"', listed, re.M) == ["first.md", "no.md",
                                                          "words.md"]
    assert listed.endswith('[[page]]\nchapter = "Beside"\nfile = "words.md"\n'
                           'title = "Words"')
    assert "selftest" not in listed and "send" not in listed
    assert "selftest" in repo.show("part2-ipc", "book/pages.toml")
    assert "one.md" not in repo.show("part0-why", "book/index.md")
    assert "Next: [Words](words.md)" in repo.show("part0-why", "book/no.md")
    assert "Next: [Debugging]" in repo.show("part1-boot", "book/one.md")
    assert "See part two, its *code*, a\npicture and [part 0](../part0-why" in \
        repo.show("part1-boot", "book/first.md")
    assert "`make part1 run` and `make part0 run`" in \
        repo.show("part1-boot", "book/first.md")
    assert repo.show("part0-why", "book/words.txt").splitlines() == [
        upto.LATER, "ipc.c  in a later part", "send_it  in a later part"]


@pytest.mark.parametrize("name", NAMES[:2])
def test_made_again_from_a_tag(repo: Repo, name: str) -> None:
    """From a tag's own tree the same tags come out: who has checked one out
    can verify it and those before."""
    run(repo)
    repo.git("checkout", "-q", name)
    done = run(repo, "--verify")
    assert (done.status, done.err) == (0, "")
    assert len(done.out.splitlines()) == 1 + NAMES.index(name)


def test_same_hashes_everywhere(repo: Repo, tmp_path: Path) -> None:
    """Neither place, time, user nor settings change a hash."""
    run(repo)
    (tmp_path / "another").mkdir()
    other = Repo(tmp_path / "another/place", {
        **clean_env(tmp_path / "another"), "TZ": "Asia/Tokyo", "LC_ALL": "C",
        "GIT_AUTHOR_NAME": "B", "GIT_COMMITTER_DATE": "2031-01-01T00:00:00"})
    repo.git("clone", "-q", "--no-tags", ".", str(other.root))
    other.git("config", "core.autocrlf", "true")
    other.git("config", "i18n.commitEncoding", "ISO-8859-1")
    other.git("config", "commit.gpgSign", "true")
    other.git("config", "user.name", "Another")
    old = os.umask(0o077)
    try:
        assert run(other).status == 0
    finally:
        os.umask(old)
    assert other.hashes() == repo.hashes()


def test_verify(repo: Repo) -> None:
    """Missing, moved and tampered tags are told apart, and left alone."""
    assert run(repo, "--verify").err.splitlines() == [
        f"{name}: is not there: make tags makes it" for name in NAMES]
    assert repo.hashes() == {}
    run(repo)
    right = repo.hashes()
    done = run(repo)
    assert (done.status, done.err) == (0, "")
    assert done.out.count("as it should be") == 3

    repo.git("tag", "-f", "part0-why", "part1-boot^{commit}")
    blob = repo.git("hash-object", "-w", "README.md")
    repo.git("tag", "-f", "part1-boot", blob)
    tree = repo.git("rev-parse", "refs/tags/part2-ipc^{tree}")
    repo.git("tag", "-f", "part2-ipc", repo.git("commit-tree", "-m", "", tree))
    wrong = repo.hashes()
    for words in ([], ["--verify"]):
        done = run(repo, *words)
        assert (done.status, done.out) == (1, "")
        assert done.err.splitlines() == [
            "part0-why: has other files than it should: README.md and 12 more"
            ": make tags FORCE=1 moves it",
            "part1-boot: is no commit: make tags FORCE=1 moves it",
            "part2-ipc: has the right files in another commit: make tags "
            "FORCE=1 moves it"]
        assert repo.hashes() == wrong
    assert run(repo, "--force").out.count("moved") == 3
    assert repo.hashes() == right


def test_tags_follow_the_tree(repo: Repo) -> None:
    """A change in part 1 leaves the tag before it as it is."""
    run(repo)
    before = repo.hashes()
    repo.write("part1-boot/boot.c", "int boot = 1;\n")
    done = run(repo)
    assert done.status == 2 and len(done.err.splitlines()) == 1
    assert "changes since (part1-boot/boot.c, ...): commit" in done.err
    repo.commit()
    done = run(repo)
    assert done.status == 1 and done.out.startswith("part0-why: as it should")
    assert "part1-boot: has other files than it should: part1-boot/boot.c: " \
        in done.err
    assert repo.hashes() == before
    assert run(repo, "--force").status == 0
    after = repo.hashes()
    assert [after[n] == before[n] for n in NAMES] == [True, False, False]


def test_page_that_shows_a_later_part(repo: Repo) -> None:
    """A page can't show what its readers don't have yet."""
    repo.write("book/no.md", DEBUG)
    repo.commit()
    done = run(repo)
    assert done.status == 2
    assert done.err == ("tags: part0-why: book/no.md is a page of part0-why, "
                        "but shows part1-boot\n")


@pytest.mark.parametrize("words, says", [
    (["--verify", "--force"], "not allowed with"),
    (["--nonsense"], "unrecognized arguments"),
    (["--root", "/"], "/: no git repository"),
    (["--root", "/", "--readme"], "/: no README.md"),
])
def test_wrong_words(repo: Repo, words: list[str], says: str) -> None:
    """What can't be done is one line on stderr and exit status 2."""
    done = run(repo, *words)
    assert (done.status, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1 and says in done.err


# --- This repository ---


def test_readme_is_that_of_the_newest_part() -> None:
    """README.md is what the rule makes of it, so that it is right in every
    tag. (If it isn't: python3 tools/tags.py --readme)"""
    text = (ROOT / "README.md").read_text()
    assert upto.readme(ROOT, text) == text


def clone(to: Path) -> Repo:
    """A clone of this repository, as it is now, committed or not."""
    repo = Repo(to / "clone", clean_env(to))
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others",
         "--exclude-standard"], cwd=ROOT, check=True, capture_output=True)
    for name in listed.stdout.decode().split("\0")[:-1]:
        if (ROOT / name).is_file():
            path = repo.write(name, "")
            path.write_bytes((ROOT / name).read_bytes())
            path.chmod((ROOT / name).stat().st_mode)
    repo.git("init", "-q")
    return repo.commit()


def assert_green(tree: Path, *words: str) -> None:
    """`make WORDS` there, without the long tests (this is one of them)."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    done = subprocess.run(["make", *words, "LONG="], cwd=tree, env=env,
                          text=True, capture_output=True, timeout=1200,
                          stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr


@pytest.mark.skipif(not (ROOT / ".git").exists(),
                    reason="not a git repository")
@pytest.mark.ordinary
@pytest.mark.long
@pytest.mark.parametrize("name", [p.name for p in PARTS])
def test_tag_builds_and_passes_its_tests(name: str, tmp_path: Path) -> None:
    """In a tag's tree the newest part runs, its tests pass and so do those that
    are about no part, and the same tag comes out again. The last tag's tree is
    that of HEAD."""
    repo = clone(tmp_path)
    done = harness.make("tags", cwd=repo.root)
    assert done.returncode == 0, done.stderr
    whole = repo.git("rev-parse", "HEAD^{tree}")
    repo.git("checkout", "-q", name)
    there = [part.name for part in harness.strata.parts(repo.root)]
    assert there == [p.name for p in PARTS if p.name <= name]
    done = harness.make(name, "run", DEMO="polite", cwd=repo.root)
    assert done.returncode == 0 and "result: " in done.stdout, done.stderr
    if name == PARTS[-1].name:
        assert repo.git("rev-parse", "HEAD^{tree}") == whole
    else:
        assert_green(repo.root, name, "test")
        assert_green(repo.root, "test", "TEST=" + " and ".join(
            f"not {part}" for part in there))
    assert harness.make("tags", cwd=repo.root).returncode == 0
