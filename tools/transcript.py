# SPDX-License-Identifier: MIT
"""Boots a part for a page of the book, and gives what the reader would see.

The run is exact (`-icount`), so it happens again to the letter. A transcript
begins with the command that makes it; QEMU's own command line, which `make
partN run` prints next, is left out.
"""
from __future__ import annotations

import contextlib
import os
import re
import select
import subprocess
import time
from dataclasses import dataclass, fields
from pathlib import Path

import qemu
import run as run_tool

LIMIT = 60.0  # seconds that a run may take; most take 0.1
CTRL_D = b"\x04"


class Wrong(Exception):
    """Why there is no transcript, in one line."""


@dataclass(frozen=True)
class Boot:
    """What a transcript is made of; the options of a ```console block."""
    run: str
    demo: str = ""
    args: str = ""
    cpus: str = ""
    mem: str = ""
    cpu: str = ""
    gic: str = ""
    el: str = ""
    exact: str = ""  # 1: the reader is told to type EXACT=1
    input: str = ""  # what is typed, with \n and \x7f
    until: str = ""  # stop behind the line that contains this

    @classmethod
    def names(cls) -> list[str]:
        return [f.name for f in fields(cls)]

    def machine(self) -> qemu.Machine:
        given = {name: getattr(self, name)
                 for name in ("cpus", "mem", "cpu", "gic", "el")}
        return qemu.Machine(**{k: v for k, v in given.items() if v})

    def typed(self) -> bytes:
        """The keys; what is typed ends with Ctrl-D, as a file's end does."""
        if not self.input:
            return b""
        keys = self.input.encode().decode("unicode_escape").encode("latin-1")
        return keys if self.until else keys.removesuffix(CTRL_D) + CTRL_D

    def words(self) -> str:
        """What the reader types: make part1 run DEMO=hog CPUS=4"""
        short = self.run.partition("-")[0]
        chosen = [(n.upper(), getattr(self, n)) for n in
                  ("demo", "cpus", "mem", "cpu", "gic", "el", "args",
                   "exact")]
        quoted = [f'{name}="{value}"' if re.search(r"[^\w.,-]", value)
                  else f"{name}={value}" for name, value in chosen if value]
        return " ".join(["make", short, "run", *quoted])


def listen(child: subprocess.Popen[bytes], boot: Boot) -> bytes:
    """Everything up to the end, or to the line that `until` names."""
    assert child.stdin and child.stdout
    typed, log = boot.typed(), b""
    wanted = boot.until.encode()
    end = time.monotonic() + LIMIT
    while True:
        ready, _, _ = select.select([child.stdout], [], [],
                                    max(0.0, end - time.monotonic()))
        if not ready:
            last = log.decode(errors="replace").split("\n")[-1].strip()
            raise Wrong(f"'{boot.words()}' did not "
                        + (f"say '{boot.until}'" if wanted else "end")
                        + f" in {LIMIT:g} seconds; the last line: '{last}'"
                        + ("" if wanted else " (until= stops a run)"))
        data = os.read(child.stdout.fileno(), 4096)
        log += data
        # Whoever speaks has set up the UART: what is typed now is not lost.
        if typed and log:
            with contextlib.suppress(BrokenPipeError):  # it is off already
                child.stdin.write(typed)
            typed = b""
        if wanted and (found := log.find(wanted)) >= 0:
            behind = log.find(b"\n", found)
            if behind >= 0:
                return log[:behind]
        if not data:
            if wanted:
                raise Wrong(f"'{boot.words()}' ended without "
                            f"saying '{boot.until}'")
            return log


def command(part: Path, boot: Boot) -> list[str]:
    """The whole QEMU command."""
    try:
        machine = boot.machine()
        machine.check()
        line = qemu.append(part, boot.demo, boot.args)
        name = qemu.executable()
    except qemu.Wrong as wrong:
        raise Wrong(str(wrong)) from None
    return [name, *qemu.kernel(part, machine, line), *qemu.EXACT,
            "-serial", "stdio"]


def transcript(part: Path, boot: Boot) -> list[str]:
    """The command and the lines that the kernel prints. Raises Wrong."""
    with subprocess.Popen(command(part, boot), bufsize=0,
                          stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as child:
        try:
            log = listen(child, boot)
        finally:
            child.kill()
        assert child.stderr
        said = child.stderr.read().decode(errors="replace").strip()
    if not log:
        raise Wrong(f"'{boot.words()}' printed nothing; QEMU says: '{said}'")
    text = log.replace(b"\r\n", b"\n").replace(b"\r", b"").rstrip(b"\n")
    symbolizer = run_tool.Symbolizer(
        part.parent / "build" / part.name / "kernel.elf")
    lines = [line + run_tool.annotate(line, symbolizer)
             for line in text.split(b"\n")]
    return [f"$ {boot.words()}",
            *(readable(line.decode(errors="replace")) for line in lines)]


def readable(line: str) -> str:
    """What a terminal would show: a Backspace takes a character back, and a
    bell or another control character is not seen. No blanks at the end."""
    while (erased := re.sub(r"[^\x08]\x08", "", line, count=1)) != line:
        line = erased
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", line).rstrip()


def build(part: Path) -> None:
    """Runs make for the part, if its repository has a Makefile."""
    root = part.parent
    if not (root / "Makefile").is_file():
        return
    kept = {k: v for k, v in os.environ.items()
            if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES",
                         "SAN")}
    done = subprocess.run(["make", "--no-print-directory", part.name],
                          cwd=root, env=kept, text=True, capture_output=True,
                          check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().split("\n")[0]
        raise Wrong(f"make {part.name} failed: {said}")

