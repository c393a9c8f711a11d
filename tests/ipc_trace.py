# SPDX-License-Identifier: MIT
"""Boots a demo, and reads what happened from the kernel's trace ring: see
tools/ring.py."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import Run
from ring import (MEMORY, Event, Kind, memory_file,  # noqa: F401
                  read_events, read_number, short)


@dataclass(frozen=True)
class Log:
    """A run and its events."""
    run: Run
    events: list[Event]
    lost: int  # events that were written over by later ones


def traced(boot: Callable[..., Run], part: Path, demo: str, args: str = "",
           check: bool = False, more: tuple[str, ...] = (),
           **machine: str) -> Log:
    """Boots a demo, by the fixture `boot`, and reads what happened; with the
    kernel's own checks after every call, if wanted; `more` are options of
    QEMU's."""
    with memory_file() as (memory, options):
        run = boot(part, demo, f"trace=1 {'check=1 ' * check}{args}",
                   mem=MEMORY, **machine, more=(*options, *more))
        return Log(run, *read_events(memory, part))


def script(boot: Callable[..., Run], part: Path, program: str,
           servers: str = "-", replies: int = 1, check: bool = False,
           args: str = "", **more: str) -> Log:
    """Boots threads that do what `program` says (see demos/script.c). Nothing
    may be lost of what happened."""
    log = traced(boot, part, "script", f"program={program} servers={servers} "
                 f"replies={replies}{' ' * bool(args)}{args}", check, **more)
    assert not log.lost, f"the ring is too small: {log.lost} events were lost"
    return log
