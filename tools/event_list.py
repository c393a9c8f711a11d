# SPDX-License-Identifier: MIT
"""Lists of events on the book's pages, with remarks of the page's own.

The page says which events it shows, by their kinds and threads, and what it has
to say about each. Their times come from a run, and so do their numbers and
registers where they are shown:

      1339782 INTERRUPT thread 2      the alarm of the urgent thread
  39   1339809 APPEND    thread 2: 10 0 0 0 0 0 10 15

A line that is no event ends a stretch: what it stands for may be any number of
events. Of several places where a stretch fits, the one closest in time is meant.
"""
from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import qemu
import ring
import transcript
from ring import Event
from transcript import Boot, Wrong

SHOWN = re.compile(r"(?P<number> *\d+ )?(?P<time> *\d+) (?P<kind>[A-Z]+) +"
                   r"(?P<thread>thread \d+)(?P<x>:[ \w-]*)?")


def events(part: Path, boot: Boot) -> list[Event]:
    """What a run records. Raises Wrong."""
    try:
        command = transcript.command(
            part, replace(boot, args=f"trace=1 {boot.args}".strip()))
        with ring.memory_file(boot.machine().mem) as (memory, options):
            subprocess.run([*command, *options], stdin=subprocess.DEVNULL,
                           capture_output=True, timeout=transcript.LIMIT,
                           check=False)
            return ring.read_events(memory, part)[0]
    except subprocess.TimeoutExpired:
        raise Wrong(f"'{boot.words()}' did not end") from None
    except (OSError, qemu.Wrong) as wrong:
        raise Wrong(f"'{boot.words()}': {wrong}") from None


def name(event: Event) -> tuple[str, str]:
    return event.kind.name, f"thread {event.thread}"


def as_shown(line: str, number: int, event: Event) -> str:
    """The line, with what is true of this event."""
    old = SHOWN.match(line)
    assert old
    text = f"{event.time:{len(old['time'])}} {event}"
    if old["number"]:
        text = f"{number:{len(old['number']) - 1}} {text}"
    return (text if old["x"] else text.partition(":")[0]) + line[old.end():]


def renewed(body: list[str], recorded: list[Event]) -> list[str]:
    """The block as it is to be. Raises Wrong if the run has no such events."""
    names = [name(event) for event in recorded]
    out: list[str] = []
    begin = 0  # a stretch comes behind the one before
    for is_event, lines in groupby(body, lambda l: bool(SHOWN.match(l))):
        stretch = list(lines)
        if not is_event:
            out += stretch
            continue
        found = [m for m in map(SHOWN.match, stretch) if m]
        wanted = [(m["kind"], m["thread"]) for m in found]
        places = [n for n in range(begin, len(names) - len(wanted) + 1)
                  if names[n:n + len(wanted)] == wanted]
        if not places:
            raise Wrong(f"in the run nothing fits the {len(wanted)} events "
                        f"from '{stretch[0].strip()}' on")
        first = min(places, key=lambda n: abs(recorded[n].time
                                              - int(found[0]["time"])))
        out += [as_shown(line, n, recorded[n])
                for n, line in enumerate(stretch, first)]
        begin = first + len(wanted)
    return out
