# SPDX-License-Identifier: MIT
"""Builds the book as HTML: book/ goes to build/book-src, and from there, by
Sphinx, to build/book.

On the way the copy gets what is not typed anywhere: the list of contents, the
pages with the diffs between the parts, and a page for each file outside of
book/ that a page links to. Any warning of Sphinx's is an error.
"""
from __future__ import annotations

import os
import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path

import diff
import extract
import pages
import prose
import strata

MODULES = {"sphinx": "python3-sphinx", "myst_parser": "python3-myst-parser",
           "furo": "furo"}
LANGUAGES = {".c": "c", ".h": "c", ".S": "asm", ".ld": "ld", ".py": "python",
             ".mk": "make", ".sh": "sh", ".toml": "toml", ".md": "markdown"}


def lacks(python: str) -> list[str]:
    """The Debian packages of the modules that this Python doesn't have."""
    test = ("import importlib.util as u, sys; print(*[m for m in sys.argv[1:]"
            " if not u.find_spec(m)])")
    try:
        done = subprocess.run([python, "-c", test, *MODULES], text=True,
                              capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return list(MODULES.values())
    return [MODULES[name] for name in done.stdout.split()]


def find_python() -> str:
    """A Python that has Sphinx, MyST and the theme; or the end."""
    lacking = [(lacks(p), p) for p in dict.fromkeys(
        [sys.executable, "/usr/bin/python3"])]
    packages, python = min(lacking, key=lambda found: len(found[0]))
    if packages:
        strata.fail(f"not installed: {', '.join(packages)}; "
                    f"apt-get install {' '.join(packages)} installs it")
    return python


# --- Pages that nobody wrote ------------------------------------------


def fenced(language: str, lines: list[str]) -> list[str]:
    """A block with a fence that is longer than any in it."""
    longest = max((len(m[0]) for m in re.finditer("`{3,}", "\n".join(lines))),
                  default=2)
    fence = "`" * (longest + 1)
    return [fence + language, *lines, fence, ""]


def changes_page(old: Path, new: Path, root: Path) -> str:
    """The diff between two parts, file by file."""
    found = diff.files(old, new, diff.Owners(None, new.name))
    short = new.name.partition("-")[0]
    lines = [f"# What {new.name} changes", "",
             f"Against `{old.name}`, made from the sources; "
             f"`make {short} diff` shows the same.", "",
             "| file | | lines added | lines removed |", "|---|---|--:|--:|"]
    for file in found:
        lines.append(f"| [`{file.name}`](#{prose.slug(file.name)}) "
                     f"| {file.state} "
                     f"| {file.count('+')} | {file.count('-')} |")
    lines += [f"| {len(found)} files | | {sum(f.count('+') for f in found)} "
              f"| {sum(f.count('-') for f in found)} |", ""]
    for file in found:
        lines += [f"## {file.name}", "",
                  *fenced("diff", diff.file_diff(file, old.name, new.name))]
    return "\n".join(lines)


def contents(book: pages.Book, steps: list[str]) -> str:
    """The hidden list of contents that makes the sidebar."""
    chapters: list[tuple[str, list[str]]] = []
    for page in book.pages:
        if not chapters or (page.chapter and page.chapter != chapters[-1][0]):
            chapters.append((page.chapter, []))
        chapters[-1][1].append(page.file.removesuffix(".md"))
    if steps:
        chapters.append(("The diffs between the parts", steps))
    lines = [""]
    for caption, names in chapters:
        lines += ["```{toctree}", ":hidden:",
                  *([f":caption: \"{caption}\""] if caption else []), "",
                  *names, "```", ""]
    return "\n".join(lines)


# --- The copy ---------------------------------------------------------


class Copy:
    """build/book-src: pages, with the links that they need there."""

    def __init__(self, root: Path) -> None:
        self.root, self.target = root, root / "build" / "book-src"
        self.made: set[Path] = set()

    def begin(self) -> None:
        shutil.rmtree(self.target, ignore_errors=True)
        shutil.copytree(self.root / "book", self.target, ignore=shutil
                        .ignore_patterns("__pycache__", "*.toml", "*.txt"))

    def source_page(self, path: Path) -> str:
        """The page for a file (or directory) that is outside of book/; its
        name from the top of the copy."""
        if path.is_dir() and (path / "README.md").is_file():
            path = path / "README.md"
        inside = path.relative_to(self.root).as_posix()
        name = f"files/{inside.removesuffix('.md')}.md"
        if path in self.made:
            return name
        self.made.add(path)
        if path.is_dir():
            text = f"# {inside}\n\n" + "\n".join(
                f"- [{p.name}]({p.name})" for p in sorted(path.iterdir())
                if not p.name.startswith((".", "__"))) + "\n"
        elif path.suffix == ".md":
            text = path.read_text()
        else:
            language = LANGUAGES.get(extract.suffix_of(path), "text")
            text = f"# {inside}\n\n" + "\n".join(fenced(
                language, path.read_text(errors="replace").split("\n")))
        where = path if path.is_dir() else path.parent
        made = self.target / name
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text("---\norphan: true\n---\n\n"
                        + self.relinked(text, where, name))
        return name

    def relinked(self, text: str, where: Path, name: str) -> str:
        """A page's text, with links that fit its place in the copy."""
        for link in reversed(prose.link_matches(text)):
            file, sign, anchor = link[1].partition("#")
            if re.match(r"[a-z][a-z+.-]*:", file, re.IGNORECASE) or not file:
                continue
            path = (where / file).resolve()
            if not path.exists() or not path.is_relative_to(self.root):
                continue
            if path.is_relative_to(self.root / "book"):
                there = path.relative_to(self.root / "book").as_posix()
            else:
                there = self.source_page(path)
            fits = posixpath.relpath(there, posixpath.dirname(name) or ".")
            text = text[:link.start(1)] + fits + sign + anchor + \
                text[link.end(1):]
        return text

    def write_pages(self) -> None:
        for path in sorted((self.root / "book").glob("*.md")):
            text = path.read_text()
            # The theme has its own links to the pages around.
            text = re.sub(r"<!-- navigation -->.*?<!-- /navigation -->\n?", "",
                          text, flags=re.DOTALL)
            (self.target / path.name).write_text(
                self.relinked(text, path.parent, path.name))

    def add_changes(self) -> list[str]:
        """A page for each step; their names."""
        known = strata.parts(self.root)
        for old, new in zip(known, known[1:]):
            name = f"changes-{new.name.partition('-')[0]}"
            (self.target / f"{name}.md").write_text(
                changes_page(old, new, self.root))
        return [f"changes-{new.name.partition('-')[0]}" for new in known[1:]]


def prepare(root: Path, book: pages.Book) -> Path:
    """Makes the copy that Sphinx reads."""
    copy = Copy(root)
    copy.begin()
    copy.write_pages()
    steps = copy.add_changes()
    index = copy.target / "index.md"
    index.write_text(index.read_text() + contents(book, steps))
    return copy.target


def mended_script(text: str, module: str) -> str:
    """One script of the two; a page without headings doesn't stop it."""
    module = module.replace("if (useLastItem(last",
                            "if (last && useLastItem(last")
    return module + re.sub(r"^import .*\n", "", text)


def mended_sheet(text: str) -> str:
    """One style sheet, which is dark where the reader's system is."""
    if found := re.match(r"@import url\((/javascript/[\w./-]+)\);", text):
        other = Path("/usr/share" + found[1])
        text = (other.read_text() if other.is_file() else "") + \
            text[found.end():]
    dark = re.search(r'body\[data-theme="dark"\] (\{[^{}]*\})', text)
    if dark and "prefers-color-scheme" not in text:
        text += ("\n@media not print { @media (prefers-color-scheme: dark) {\n"
                 f'body:not([data-theme="light"]) {dark[1]} }} }}\n')
    return text


def mend_theme(static: Path) -> None:
    """Debian's furo (2022.12.07) is not put together as its authors do it: its
    script imports a module though it is loaded as no module, its style sheet
    wants another one from the root of the server, and has lost the colors for
    a dark screen. What comes whole is left as it is."""
    script = static / "scripts" / "furo.js"
    module = static / "scripts" / "gumshoe-patched.js"
    if module.is_file() and (text := script.read_text()).startswith("import "):
        script.write_text(mended_script(text, module.read_text()))
    sheet = static / "styles" / "furo.css"
    sheet.write_text(mended_sheet(sheet.read_text()))


def build(root: Path) -> int:
    """`make book`. The exit status."""
    python = find_python()
    try:
        book = pages.load(root)
        if not (root / "book" / "index.md").is_file():
            strata.fail("there is no book/index.md")
        source = prepare(root, book)
    except (pages.Wrong, prose.Wrong) as wrong:
        strata.fail(str(wrong))
    out = root / "build" / "book"
    # -n: a name that is not found is a warning; -W: a warning is an error.
    done = subprocess.run([python, "-m", "sphinx", "-b", "html", "-n", "-W",
                           "--keep-going", "-q", "-j", "auto",
                           "-d", str(root / "build" / "book-doctrees"),
                           str(source), str(out)], check=False,
                          env={**os.environ, "PYTHONHASHSEED": "0"})
    if done.returncode:
        strata.fail("Sphinx found mistakes (above)")
    mend_theme(out / "_static")
    print(f"The book: {os.path.relpath(out / 'index.html')}")
    return 0
