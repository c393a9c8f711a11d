#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots a part in QEMU, with its serial line on this terminal.

What the kernel prints goes through this program, which adds file and line to
the frames of a backtrace. When input comes from a file or a pipe, its end
reaches the kernel as Ctrl-D. The exit status is QEMU's.
"""
from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import qemu

FRAME = re.compile(rb"  #(\d+) +0x([0-9a-f]{16})\b.*")
CTRL_D = b"\x04"


class Symbolizer:
    """Finds file and line of an address, by llvm-symbolizer if it is there."""

    def __init__(self, elf: Path) -> None:
        self.command = [os.environ.get("SYMBOLIZER") or "llvm-symbolizer",
                        "--relativenames", "--no-inlines",
                        "--output-style=GNU", f"--obj={elf}"]

    def place(self, address: int) -> str:
        """The place as "file:line", or "" if it is not known."""
        try:
            out = subprocess.run([*self.command, hex(address)], text=True,
                                 capture_output=True, timeout=10, check=True)
        except (OSError, subprocess.SubprocessError):
            return ""
        lines = out.stdout.split("\n")
        place = lines[1].split(" ")[0] if len(lines) > 1 else ""
        return "" if "?" in place else place.removeprefix("./")


def annotate(line: bytes, symbolizer: Symbolizer) -> bytes:
    """What to add at the end of a line: the place, if it shows a frame."""
    frame = FRAME.fullmatch(line)
    if not frame:
        return b""
    # All frames but the innermost are return addresses: the call is before.
    address = int(frame[2], 16) - (frame[1] != b"0")
    place = symbolizer.place(address)
    return f" at {place}".encode() if place else b""


def put(data: bytes) -> None:
    """Writes to standard output."""
    os.write(1, data)


def show(output: int, symbolizer: Symbolizer, speaks: threading.Event,
         put: Callable[[bytes], None] = put) -> None:
    """Copies the serial line to standard output, or elsewhere, as it comes."""
    line = b""
    while data := os.read(output, 4096):
        speaks.set()
        # The kernel ends each line with "\r\n": what is to be added to a line
        # goes before the "\r".
        for piece in re.split(rb"(\r)", data):
            if piece == b"\r":
                piece, line = annotate(line, symbolizer) + piece, b""
            else:
                line = (line + piece).rpartition(b"\n")[2]
            put(piece)


def feed(process: subprocess.Popen[bytes], speaks: threading.Event) -> None:
    """Copies standard input to QEMU, then sends Ctrl-D. Waits for the kernel's
    first words: what is typed before it has set up its UART is lost."""
    assert process.stdin
    speaks.wait()
    try:
        while data := os.read(0, 4096):
            process.stdin.write(data)
        process.stdin.write(CTRL_D)
    except (BrokenPipeError, ValueError):
        pass  # the machine is off, and our end of the pipe may be closed


def boot(part: Path) -> int:
    """Runs QEMU for this part with the choices of the environment."""
    command = [*qemu.choice(part), "-serial", "mon:stdio"]
    print(shlex.join(command), flush=True)
    terminal = os.isatty(0)
    # Unbuffered, so that nothing is left to be written once QEMU has ended.
    with subprocess.Popen(command, bufsize=0, stdout=subprocess.PIPE,
                          stdin=None if terminal else subprocess.PIPE) as child:
        speaks = threading.Event()
        if not terminal:
            threading.Thread(target=feed, args=(child, speaks),
                             daemon=True).start()
        assert child.stdout
        elf = qemu.build(part) / "kernel.elf"
        try:
            show(child.stdout.fileno(), Symbolizer(elf), speaks)
        except BrokenPipeError:  # nobody reads on, as in `make part1 run | head`
            child.terminate()
        return child.wait()


if __name__ == "__main__":
    sys.exit(qemu.program(__doc__, boot))
