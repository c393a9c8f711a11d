# SPDX-License-Identifier: MIT
"""What happened in a run, event by event: the kernel's trace ring, read from
the machine's memory after the run (see part2-ipc/trace.h).

The memory is a file of the host's. The kernel fills the ring and never looks
at it, and whoever prints something can't change it: this is how tests see a
run from outside.
"""
from __future__ import annotations

import contextlib
import enum
import os
import re
import struct
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import guest
from harness import Run

EVENT = struct.Struct("<QII8Q")  # struct trace_event
MEMORY = "128M"


class Kind(enum.IntEnum):
    """enum trace_kind."""
    ENTER = 1      # a thread enters the kernel: x is its call
    LEAVE = 2      # a thread goes on: x is what it gets
    APPEND = 3     # a thread is put into the run queue
    TAKE = 4       # a thread is taken out of it
    INTERRUPT = 5  # a thread is interrupted (from part 3 on)


@dataclass(frozen=True)
class Event:
    """struct trace_event."""
    time: int           # in ticks
    kind: Kind
    thread: int         # 0 is main, then as they were made
    x: tuple[int, ...]  # x0 to x7

    def __str__(self) -> str:
        words = " ".join(map(short, self.x))
        return f"{self.kind.name:<9} thread {self.thread}: {words}"


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


def read_events(memory: Path, part: Path,
                build: Path | None = None) -> tuple[list[Event], int]:
    """The events in a file that was a machine's memory, and how many more
    there were before them. `build` is where the part was built, if elsewhere
    than usual."""
    room = capacity(part)
    known = guest.symbols(build or guest.build_of(part))
    with memory.open("rb") as file:
        file.seek(known["trace_ring"] - guest.RAM)
        count = int.from_bytes(file.read(8), "little")
        ring = file.read(EVENT.size * min(count, room))
    events = [Event(time, Kind(kind), thread, tuple(x)) for
              time, kind, thread, *x in EVENT.iter_unpack(ring)]
    first = count % room if count > room else 0  # the oldest
    return events[first:] + events[:first], count - len(events)


def read_number(memory: Path, build: Path, name: str) -> int:
    """The value of a kernel's variable of 64 bits, in such a file."""
    with memory.open("rb") as file:
        file.seek(guest.symbols(build)[name] - guest.RAM)
        return int.from_bytes(file.read(8), "little")


@contextlib.contextmanager
def memory_file() -> Iterator[tuple[Path, tuple[str, ...]]]:
    """A file to be a machine's memory, of MEMORY, and QEMU's options for it."""
    folder = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="strata", dir=folder) as name:
        memory = Path(name) / "ram"
        yield memory, ("-object", f"memory-backend-file,id=ram,size={MEMORY},"
                       f"mem-path={memory},share=on",
                       "-machine", "memory-backend=ram")


def traced(boot: Callable[..., Run], part: Path, demo: str, args: str = "",
           check: bool = False, **more: str) -> Log:
    """Boots a demo, by the fixture `boot`, and reads what happened; with the
    kernel's own checks after every call, if wanted."""
    with memory_file() as (memory, options):
        run = boot(part, demo, f"trace=1 {'check=1 ' * check}{args}",
                   mem=MEMORY, **more, more=options)
        return Log(run, *read_events(memory, part))


def script(boot: Callable[..., Run], part: Path, program: str,
           servers: str = "-", replies: int = 1, check: bool = False) -> Log:
    """Boots threads that do what `program` says (see demos/script.c). Nothing
    may be lost of what happened."""
    log = traced(boot, part, "script", f"program={program} servers={servers} "
                 f"replies={replies}", check)
    assert not log.lost, f"the ring is too small: {log.lost} events were lost"
    return log
