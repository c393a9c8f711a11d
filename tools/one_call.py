#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One call, all the way: every instruction between a client's call and its
answer, by the function that it belongs to.

Boots the part's demo `bench` stopped, lets it run to a call of four words, and
goes on instruction by instruction, over QEMU's gdb stub, from one reading of
the counter to the next. So the total is counted by hand, as it were, and is the
figure call_reply_4 of `make bench`, which the counter itself has measured.
"""
from __future__ import annotations

import contextlib
import itertools
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import qemu
import strata

SYS_CALL = 2        # in x7, see strata.h
WARM_UP = 20        # of its calls; the next one is looked at
READ_COUNTER = 0xd53b9d00  # mrs x0, pmccntr_el0; the register: bits 4 to 0
LIMIT = 30.0        # seconds for any answer
MOST = 5000         # instructions
PC = 32             # in gdb's numbering of the registers


class Stub:
    """QEMU's gdb stub: the GDB remote serial protocol, as far as we need it."""

    def __init__(self, link: socket.socket) -> None:
        self.link, self.stream = link, link.makefile("rb")

    def ask(self, request: str) -> str:
        """Sends a packet; the packet that answers it."""
        checksum = sum(request.encode()) % 256
        self.link.sendall(f"${request}#{checksum:02x}".encode())
        return self.receive()

    def receive(self) -> str:
        """The next packet that comes."""
        while (byte := self.stream.read(1)) != b"$":
            if not byte:
                raise qemu.Wrong("QEMU ended before it was expected to")
        answer = b"".join(iter(lambda: self.stream.read(1), b"#"))
        self.stream.read(2)  # the checksum
        self.link.sendall(b"+")
        return answer.decode()

    def number(self, register: int) -> int:
        """A register: x0 to x30, sp (31), PC."""
        digits = self.ask("g")[16 * register:][:16]
        return int.from_bytes(bytes.fromhex(digits), "little")

    def memory(self, address: int, size: int) -> bytes:
        """What lies there; nothing, if nothing does."""
        answer = self.ask(f"m{address:x},{size:x}")
        return b"" if answer.startswith("E") else bytes.fromhex(answer)

    def step(self) -> int:
        """Executes one instruction; where the next one is."""
        self.ask("s")
        return self.number(PC)

    def run_to(self, address: int) -> None:
        """Goes on, at least one instruction, until this one is the next."""
        self.step()
        self.ask(f"Z0,{address:x},4")
        self.ask("c")
        self.ask(f"z0,{address:x},4")
        if self.number(PC) != address:
            raise qemu.Wrong("the kernel does not come by where it should")


@contextlib.contextmanager
def booted(part: Path) -> Iterator[Stub]:
    """The part's demo `bench`, exact, before its first instruction."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/gdb"
        command = [qemu.executable(),
                   *qemu.kernel(part, qemu.Machine(), "demo=bench"),
                   *qemu.EXACT, "-serial", "null", "-S", "-chardev",
                   f"socket,path={path},server=on,wait=off,id=gdb",
                   "-gdb", "chardev:gdb"]
        machine = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(LIMIT)
                end = time.monotonic() + LIMIT
                while link.connect_ex(path):  # it does not listen yet
                    if machine.poll() is not None or time.monotonic() > end:
                        raise qemu.Wrong("QEMU did not start")
                    time.sleep(0.01)
                yield Stub(link)
        except OSError as error:
            raise qemu.Wrong(f"no answer from QEMU: {error}") from error
        finally:
            machine.kill()
            machine.wait()


def symbols(part: Path) -> dict[str, int]:
    """The addresses of the kernel's symbols."""
    file = qemu.build(part) / "kernel.sym"
    if not file.exists():
        raise qemu.Wrong(f"{part.name} is not built: make {part.name}")
    lines = file.read_text().splitlines()
    found = (re.fullmatch(r"([0-9a-f]+) \w (\w+)", line) for line in lines)
    return {s[2]: int(s[1], 16) for s in found if s}


def counter_read(part: Path, begin: int) -> int:
    """The instruction that reads the counter, in the function at `begin`."""
    code = (qemu.build(part) / "kernel.img").read_bytes()
    load = symbols(part)["image_start"]
    for at in range(begin - load, len(code), 4):
        if int.from_bytes(code[at:at + 4], "little") & ~0x1f == READ_COUNTER:
            return load + at
    raise qemu.Wrong("the counter is read nowhere")


def walk(stub: Stub, known: dict[str, int], read: int) -> list[str]:
    """The function of each instruction between two readings of the counter,
    what the readings themselves take left out."""
    # The figure that is printed before is that of the empty message.
    while (stub.memory(stub.number(0), 6) != b"bench:"
           or stub.memory(stub.number(1), 12) != b"call_reply_0"):
        stub.run_to(known["printf"])
    calls = 0
    while calls < WARM_UP:
        stub.run_to(known["gate"])
        calls += stub.number(7) == SYS_CALL
    stub.run_to(read)  # behind that call
    stub.run_to(read)  # before the next one
    order = sorted((address, name) for name, address in known.items())
    passed = []
    while (pc := stub.step()) != read:
        passed.append(next(n for a, n in reversed(order) if a <= pc))
        if len(passed) > MOST:
            raise qemu.Wrong(f"no answer within {MOST} instructions")
    # The readings themselves take all of `instructions` that is here, what the
    # client does with the first one, and its call for the second.
    readings = int.from_bytes(stub.memory(known["overhead"], 8), "little")
    inside = [name for name in passed if name != "instructions"]
    first = readings - (len(passed) - len(inside)) - 1 - 1
    if first < 0 or set(inside[:first + 1]) != {inside[-1]}:
        raise qemu.Wrong("the readings of the counter can't be told apart from "
                         "the call")
    return inside[first:-1]


def trace(part: Path) -> list[tuple[str, int]]:
    """The functions in the order in which the call passes through them, each
    with the number of instructions. Raises qemu.Wrong."""
    if "bench" not in qemu.demos(part):
        raise qemu.Wrong(f"{part.name} has no demo 'bench'")
    known = symbols(part)
    with booted(part) as stub:
        passed = walk(stub, known, counter_read(part, known["instructions"]))
    return [(name, len(list(group)))
            for name, group in itertools.groupby(passed)]


def table(part: Path) -> str:
    """The call as a table in Markdown."""
    steps = trace(part)
    lines = ["| | function | instructions |", "|---:|---|---:|"]
    lines += [f"| {n} | `{name}` | {count} |"
              for n, (name, count) in enumerate(steps, 1)]
    lines.append(f"| | **together** | **{sum(c for _, c in steps)}** |")
    return "\n".join(lines)


def show(part: Path) -> int:
    """Prints the table."""
    print(table(part))
    return 0


if __name__ == "__main__":
    sys.exit(qemu.program(__doc__, show))
