# SPDX-License-Identifier: MIT
"""What happened in a run, event by event: the kernel's trace ring, read from
the machine's memory after the run (see part2-ipc/trace.h).

The memory is a file of the host's. The kernel fills the ring and never looks
at it, and whoever prints something can't change it: this is how tools and tests
see a run from outside.
"""
from __future__ import annotations

import contextlib
import enum
import os
import re
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import qemu

EVENT = struct.Struct("<QHHI8Q")  # struct trace_event
NAMED = struct.Struct("<QQI16s")  # struct thread, from `all` on: the node, the
                                  # thread's number, its name
NOBODY = 2**32 - 1                # TRACE_NOBODY
RAM = 0x40000000                  # where it begins
MEMORY = "128M"
MOST_THREADS = 4096               # that are looked for
MOST_CPUS = 8                     # MACHINE_CPUS


class Kind(enum.IntEnum):
    """enum trace_kind."""
    ENTER = 1      # a thread enters the kernel: x is its call
    LEAVE = 2      # a thread goes on: x is what it gets
    APPEND = 3     # a thread is ready: parts 2 and 3 put it into the run queue
    TAKE = 4       # a thread is picked to run; or NOBODY (from part 4 on)
    INTERRUPT = 5  # a thread is interrupted, or NOBODY (from part 3 on)
    LEND = 6       # the thread on whose context the next one runs (from
                   # part 4 on)
    EXHAUST = 7    # the budget of a thread's context is used up (from part 4
                   # on)
    REFILL = 8     # some of it is back (from part 4 on)


@dataclass(frozen=True)
class Event:
    """struct trace_event."""
    time: int           # in ticks
    kind: Kind
    thread: int         # 0 is main, then as they were made; or NOBODY
    x: tuple[int, ...]  # x0 to x7
    cpu: int = 0        # on which CPU (before part 4 there is one)

    def __str__(self) -> str:
        words = " ".join(map(short, self.x))
        return f"{self.kind.name:<9} thread {self.thread}: {words}"


def short(word: int) -> str:
    """A register's value: small ones in decimal, errors as such."""
    if word >= 1 << 63:
        word -= 1 << 64
    return str(word) if abs(word) < 1 << 20 else hex(word)


def symbols(build: Path) -> dict[str, int]:
    """The addresses of the symbols of what was built in this folder."""
    lines = (build / "kernel.sym").read_text().splitlines()
    return {line.split()[2]: int(line.split()[0], 16) for line in lines}


def capacity(part: Path) -> int:
    """How many events the ring has room for. Raises qemu.Wrong."""
    header = part / "trace.h"
    if not header.is_file():
        raise qemu.Wrong(f"{part.name} keeps no trace; the parts from 2 on do")
    found = re.search(r"TRACE_EVENTS = (\d+)", header.read_text())
    assert found
    return int(found[1])


def event(fields: tuple[int, ...]) -> Event:
    """An event, from the numbers of its structure. Raises qemu.Wrong."""
    time, kind, cpu, thread, *x = fields
    if kind not in iter(Kind) or cpu >= MOST_CPUS:
        raise qemu.Wrong(f"the trace has an event of kind {kind} on CPU {cpu}, "
                         "which is none: was the ring written over?")
    return Event(time, Kind(kind), thread, tuple(x), cpu)


def read_events(memory: Path, part: Path,
                build: Path | None = None) -> tuple[list[Event], int]:
    """The events in a file that was a machine's memory, and how many more
    there were before them. `build` is where the part was built, if elsewhere
    than usual."""
    room = capacity(part)
    known = symbols(build or qemu.build(part))
    with memory.open("rb") as file:
        file.seek(known["trace_ring"] - RAM)
        count = int.from_bytes(file.read(8), "little")
        ring = file.read(EVENT.size * min(count, room))
    events = list(map(event, EVENT.iter_unpack(ring)))
    first = count % room if count > room else 0  # the oldest
    return events[first:] + events[:first], count - len(events)


def read_names(memory: Path, part: Path) -> dict[int, str]:
    """The threads' names, by their numbers, from the list of all threads in
    such a file."""
    head = symbols(qemu.build(part))["threads"]
    names: dict[int, str] = {}
    with memory.open("rb") as file:
        size, at = memory.stat().st_size, head
        while len(names) < MOST_THREADS:
            file.seek(at - RAM)
            at = int.from_bytes(file.read(8), "little")  # the next node
            if at == head or not RAM <= at <= RAM + size - NAMED.size:
                break
            file.seek(at - RAM)
            _, _, number, name = NAMED.unpack(file.read(NAMED.size))
            text = name.partition(b"\0")[0].decode("ascii", "replace")
            names[number] = "".join(c if c.isprintable() else "?" for c in text)
    return names


def read_number(memory: Path, build: Path, name: str) -> int:
    """The value of a kernel's variable of 64 bits, in such a file."""
    with memory.open("rb") as file:
        file.seek(symbols(build)[name] - RAM)
        return int.from_bytes(file.read(8), "little")


def read_cpus(memory: Path, part: Path) -> int:
    """How many CPUs the kernel uses. (Before part 4 it does not count them.)"""
    build = qemu.build(part)
    if "cpu_count" not in symbols(build):
        return 1
    return read_number(memory, build, "cpu_count") % 2**32


@contextlib.contextmanager
def memory_file(size: str = MEMORY) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """A file to be a machine's memory, and QEMU's options for it."""
    folder = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="strata", dir=folder) as name:
        memory = Path(name) / "ram"
        yield memory, ("-object", f"memory-backend-file,id=ram,size={size},"
                       f"mem-path={memory},share=on",
                       "-machine", "memory-backend=ram")
