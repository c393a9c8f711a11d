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

import itertools
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import qemu
import strata

SYS_CALL = 2        # in x7, see strata.h
WARM_UP = 20        # of its calls; the next one is looked at
READ_COUNTER = 0xd53b9d00  # mrs x0, pmccntr_el0; the register: bits 4 to 0
LIMIT = 30.0        # seconds for any answer
MOST = 5000         # instructions


class Stub:
    """QEMU's gdb stub: the GDB remote serial protocol, as far as we need it."""

    def __init__(self, path: str) -> None:
        self.link = socket.socket(socket.AF_UNIX)
        self.link.settimeout(LIMIT)
        self.link.connect(path)
        self.stream = self.link.makefile("rb")

    @classmethod
    def at(cls, path: str) -> Stub | None:
        """The stub that listens there; None if it does not listen yet."""
        try:
            return cls(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return None

    def ask(self, request: str) -> str:
        """Sends a packet; the packet that answers it."""
        checksum = sum(request.encode()) % 256
        self.link.sendall(f"${request}#{checksum:02x}".encode())
        while (byte := self.stream.read(1)) != b"$":
            if not byte:
                raise qemu.Wrong("QEMU ended before the call was over")
        answer = b"".join(iter(lambda: self.stream.read(1), b"#"))
        self.stream.read(2)  # the checksum
        self.link.sendall(b"+")
        return answer.decode()

    def number(self, register: int) -> int:
        """A register: x0 to x30, sp (31), pc (32)."""
        digits = self.ask("g")[16 * register:][:16]
        return int.from_bytes(bytes.fromhex(digits), "little")

    def memory(self, address: int, size: int) -> bytes:
        """What lies there; nothing, if nothing does."""
        answer = self.ask(f"m{address:x},{size:x}")
        return b"" if answer.startswith("E") else bytes.fromhex(answer)

    def run_to(self, address: int) -> None:
        """Goes on, at least one instruction, until this one is the next."""
        self.ask("s")
        self.ask(f"Z0,{address:x},4")
        self.ask("c")
        self.ask(f"z0,{address:x},4")


def symbols(part: Path) -> dict[str, int]:
    """The addresses of the kernel's symbols."""
    lines = (qemu.build(part) / "kernel.sym").read_text().splitlines()
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
    # The first figure that is printed is that of the empty message.
    while stub.memory(stub.number(0), 6) != b"bench:":
        stub.run_to(known["printf"])
    calls = 0
    while calls < WARM_UP:
        stub.run_to(known["gate"])
        calls += stub.number(7) == SYS_CALL
    stub.run_to(read)  # behind that call
    stub.run_to(read)  # before the next one
    order = sorted((address, name) for name, address in known.items())
    passed = []
    while len(passed) < MOST:
        stub.ask("s")
        pc = stub.number(32)
        if pc == read:
            break
        passed.append(next(n for a, n in reversed(order) if a <= pc))
    else:
        raise qemu.Wrong(f"no answer within {MOST} instructions")
    readings = int.from_bytes(stub.memory(known["overhead"], 8), "little")
    client = next(name for name in passed if name != "instructions")
    # The reading at the end counts too. What is left of a reading's cost are
    # instructions of the client, around the call of `instructions`.
    rest = readings - passed.count("instructions") - 1
    inside = [name for name in passed if name != "instructions"]
    return inside[rest:] if inside[:rest] == [client] * rest else inside


def trace(part: Path) -> list[tuple[str, int]]:
    """The functions in the order in which the call passes through them, each
    with the number of instructions. Raises qemu.Wrong."""
    if "bench" not in qemu.demos(part):
        raise qemu.Wrong(f"{part.name} has no demo 'bench'")
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
            end = time.monotonic() + LIMIT
            while not (stub := Stub.at(path)):
                if machine.poll() is not None or time.monotonic() > end:
                    raise qemu.Wrong("QEMU did not start")
                time.sleep(0.01)
            known = symbols(part)
            passed = walk(stub, known,
                          counter_read(part, known["instructions"]))
        except OSError as error:
            raise qemu.Wrong(f"no answer from QEMU: {error}") from error
        finally:
            machine.kill()
            machine.wait()
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
