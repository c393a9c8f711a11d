# SPDX-License-Identifier: MIT
"""What happened in a run, event by event: the kernel's trace ring, read from
the machine's memory after the run (see part2-ipc/trace.h).

The memory is a file of the host's. The kernel fills the ring and never looks
at it, and whoever prints something can't change it: this is how tests see a
run from outside.
"""
from __future__ import annotations

import enum
import os
import re
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import guest
from harness import Run

EVENT = struct.Struct("<QII8Q")  # struct trace_event
MEMORY = "128M"


class Kind(enum.IntEnum):
    """enum trace_kind."""
    ENTER = 1   # a thread enters the kernel: x is its call
    LEAVE = 2   # a thread goes on: x is what it gets
    APPEND = 3  # a thread is put into the run queue
    TAKE = 4    # a thread is taken out of it


@dataclass(frozen=True)
class Event:
    """struct trace_event."""
    time: int           # in ticks
    kind: Kind
    thread: int         # 0 is main, then as they were made
    x: tuple[int, ...]  # x0 to x7

    def __str__(self) -> str:
        words = " ".join(map(short, self.x))
        return f"{self.kind.name:<6} thread {self.thread}: {words}"


@dataclass(frozen=True)
class Log:
    """A run and its events."""
    run: Run
    events: list[Event]
    lost: int  # events that were written over by later ones


def short(word: int) -> str:
    """A register's value: small ones in decimal, errors as such."""
    if word >= 1 << 63:
        word -= 1 << 64
    return str(word) if abs(word) < 1 << 20 else hex(word)


def capacity(part: Path) -> int:
    """How many events the ring has room for."""
    found = re.search(r"TRACE_EVENTS = (\d+)", (part / "trace.h").read_text())
    assert found
    return int(found[1])


def read_events(memory: Path, part: Path) -> tuple[list[Event], int]:
    """The events in a file that was a machine's memory, and how many more
    there were before them."""
    room = capacity(part)
    with memory.open("rb") as file:
        file.seek(guest.symbols(guest.build_of(part))["trace_ring"]
                  - guest.RAM)
        count = int.from_bytes(file.read(8), "little")
        ring = file.read(EVENT.size * min(count, room))
    events = [Event(time, Kind(kind), thread, tuple(x)) for
              time, kind, thread, *x in EVENT.iter_unpack(ring)]
    first = count % room if count > room else 0  # the oldest
    return events[first:] + events[:first], count - len(events)


def traced(boot: Callable[..., Run], part: Path, demo: str, args: str = "",
           check: bool = False, **more: str) -> Log:
    """Boots a demo, by the fixture `boot`, and reads what happened; with the
    kernel's own checks after every call, if wanted."""
    folder = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="strata", dir=folder) as name:
        memory = Path(name) / "ram"
        run = boot(part, demo, f"trace=1 {'check=1 ' * check}{args}",
                   mem=MEMORY, **more, more=(
                       "-object", f"memory-backend-file,id=ram,size={MEMORY},"
                       f"mem-path={memory},share=on",
                       "-machine", "memory-backend=ram"))
        return Log(run, *read_events(memory, part))


def script(boot: Callable[..., Run], part: Path, program: str,
           servers: str = "-", replies: int = 1, check: bool = False) -> Log:
    """Boots threads that do what `program` says (see demos/script.c). Nothing
    may be lost of what happened."""
    log = traced(boot, part, "script", f"program={program} servers={servers} "
                 f"replies={replies}", check)
    assert not log.lost, f"the ring is too small: {log.lost} events were lost"
    return log
