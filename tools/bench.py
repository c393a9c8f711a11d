#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the instructions that the kernel's operations take.

Boots the demo "bench" of each part that has one, on a cortex-a53 with one CPU
and under -icount, where the counter is exact and the same run happens again to
the instruction. Shows the figures as tables, and writes them to
build/bench.json: a list of objects

    {"part": "part2-ipc", "key": "call_reply_4", "threads": 3,
     "instructions": 320, "min": 320, "max": 320, "n": 1000, "cpus": 1,
     "sel4": 456, "target": 330}

one for each key and number of threads; "instructions" is the mean, "sel4" and
"target" are null where there is no such figure. What is about alarms has
"alarms", the number of those that are set, instead of "threads"; what is about
a chain or a queue has "servers" or "senders".
"""
from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import qemu
import strata
import transcript

DEMO = "bench"


@dataclass(frozen=True)
class Operation:
    """What a key stands for, and the figures to hold it against, if any."""
    words: str
    sel4: int | None = None
    target: int | None = None
    of: str = "threads"  # what it is counted for several numbers of


# seL4 16.0.0-dev of August 2026 (AArch64 at EL1, machine virt, cortex-a53, one
# CPU, release, fast path on, GCC 12 -O2, threads without FPU), counted by us on
# the same QEMU 7.2 in the same way: all between two readings of the counter in
# the user program, less what a reading costs. `target` is the most that part 5
# may take, with address spaces, budgets and the lock for many CPUs.
OPERATIONS = {
    "call_reply_0": Operation("call, reply_recv: no words", 409, 330),
    "call_reply_4": Operation("call, reply_recv: four words", 456, 330),
    "send_waiting": Operation("send to a waiting receiver"),
    "call_empty": Operation("call on no capability: an error", 357, 160),
    "nbrecv_empty": Operation("nbrecv where nobody sends: an error"),
    "yield_alone": Operation("yield with no other thread ready", 307, 150),
    "yield_switch": Operation("yield to another thread, per switch", 273, 180),
    "null_syscall": Operation("poll where nothing is signaled: an error",
                              212, 100),
    "signal": Operation("signal, and nobody waits", 340, 110),
    "signal_waiting": Operation("signal that wakes a thread"),
    "ntfn_pingpong": Operation("two signals and two waits, there and back",
                               1902, 800),
    "irq_ack": Operation("end_interrupt: the driver is done", 375, 150),
    "interrupt": Operation("interrupt of a bound line, and back"),
    "irq_to_driver": Operation("interrupt, until its driver runs", 336, 280),
    "tick_switch": Operation("end of a slice, until another thread runs",
                             317, 260),
    "alarm_set": Operation("alarm, due after all others", of="alarms"),
    "alarm_wake": Operation("alarm that wakes a thread, and back", of="alarms"),
    "preempt_wake": Operation("signal, until the more urgent thread runs",
                              497, 260),
    "wake_block": Operation("the same, and back when it waits again"),
    "preempt_ready": Operation("preempt_wake while an equal is ready"),
    "wake_ready": Operation("wake_block while an equal is ready"),
    "signal_lower": Operation("signal that wakes a less urgent thread"),
    "irq_to_urgent_driver": Operation("interrupt, until its urgent driver runs",
                                      336, 280),
    "call_passive_0": Operation("call of a server without a context", 409, 330),
    "call_urgent_0": Operation("call of a more urgent server"),
    "call_low_0": Operation("call of a less urgent server"),
    "call_chain": Operation("call that goes through servers", of="servers"),
    "yield_ready": Operation("yield while less urgent threads are ready"),
    "queue_behind": Operation("send that passes less urgent senders by",
                              of="senders"),
    "destroy_bound": Operation("destroy, with every line bound to it"),
    "masked_mint": Operation("wait of an interrupt: mint, the table is full"),
    "masked_destroy": Operation("wait of an interrupt: destroy_bound"),
    "masked_exit": Operation("wait of an interrupt: threads end one by one"),
    "masked_longest": Operation("wait of an interrupt: the longest"),
}
NOTE = """\
seL4, target: what seL4 takes on the same QEMU, and the most that part 5 may
take. There a program runs at EL0, in an address space of its own; in parts 2
to 4 it shares both with the kernel, so theirs is not the same work. As long as
threads have no priorities, a driver waits for its turn: irq_to_driver then has
in it that the interrupted thread goes on until it waits."""


def known(key: str) -> Operation:
    """What we know of a key."""
    return OPERATIONS.get(key, Operation("-"))


class Wrong(Exception):
    """Why there are no figures, in one line."""


@dataclass(frozen=True)
class Figure:
    key: str
    threads: int  # how many there were in the system; or alarms (Operation.of)
    mean: int     # instructions
    min: int
    max: int
    count: int    # of measurements


# --- What the demo says -----------------------------------------------

LINE = re.compile(r"bench: +([a-z]\w*) +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)")


def figure_of(line: str) -> Figure:
    found = LINE.fullmatch(line.rstrip())
    if not found:
        raise Wrong(f"'{line.strip()}' is no figure "
                    "(bench: KEY THREADS MEAN MIN MAX COUNT)")
    figure = Figure(found[1], *(int(number) for number in found.groups()[1:]))
    if not (figure.min <= figure.mean <= figure.max and figure.count):
        raise Wrong(f"'{line.strip()}' can't be: MIN <= MEAN <= MAX, and "
                    "COUNT is not 0")
    return figure


def figures(lines: Iterable[str]) -> list[Figure]:
    """The figures in what the demo printed. Raises Wrong."""
    found: dict[tuple[str, int], Figure] = {}
    ended = False
    for line in lines:
        ended = ended or line.startswith("result:")
        if line.startswith("panic:"):
            raise Wrong(line.strip())
        if line.startswith("bench:"):
            figure = figure_of(line)
            place = (figure.key, figure.threads)
            if place in found:
                raise Wrong(f"{figure.key} is there twice for "
                            f"{figure.threads} {known(figure.key).of}")
            found[place] = figure
    if not ended:
        raise Wrong("the demo did not come to its end (no line 'result:')")
    if not found:
        raise Wrong("the demo printed no figure")
    return list(found.values())


def chosen(found: list[Figure], key: str, threads: str = "") -> Figure:
    """The figure of a key for so many threads; for the fewest, if it is not
    said for how many. Raises Wrong."""
    mine = sorted((f for f in found if f.key == key), key=lambda f: f.threads)
    if not mine:
        raise Wrong(f"the demo counts no '{key}'; it counts "
                    + ", ".join(dict.fromkeys(f.key for f in found)))
    for figure in mine:
        if threads in ("", str(figure.threads)):
            return figure
    raise Wrong(f"{key} is not counted for {threads} {known(key).of}, but for "
                + ", ".join(str(f.threads) for f in mine))


# --- Boots ------------------------------------------------------------


def parts(root: Path) -> list[Path]:
    """The parts that have the demo."""
    return [part for part in strata.parts(root)
            if (part / "demos" / f"{DEMO}.c").is_file()]


def measured(part: Path) -> list[Figure]:
    """The figures of a part, which is built. Raises Wrong."""
    command = transcript.command(part, transcript.Boot(part.name, DEMO))
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, text=True,
                              capture_output=True, errors="replace",
                              timeout=transcript.LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise Wrong(f"demo={DEMO} did not end in {transcript.LIMIT:g} "
                    "seconds") from None
    found = figures(done.stdout.splitlines()) if done.stdout else []
    if done.returncode or not found:
        said = (done.stderr.strip() or "nothing").splitlines()[-1]
        raise Wrong(f"demo={DEMO} ended with status {done.returncode}; "
                    f"QEMU says: {said}")
    return found


# --- What is shown and written ----------------------------------------


def aligned(rows: list[list[str]], left: int) -> list[str]:
    """The rows as lines: the first columns `left` to the left, others to the
    right, each as wide as it must be."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.ljust(width) if i < left else cell.rjust(width)
                      for i, (cell, width) in enumerate(zip(row, widths))
                      ).rstrip() for row in rows]


def operation_table(found: list[Figure]) -> list[str]:
    """Each key once, with the fewest threads that it was counted for."""
    rows = [["operation", "key", "mean", "min", "max", "n", "seL4", "target"]]
    for key in dict.fromkeys(f.key for f in found):
        figure, about = chosen(found, key), known(key)
        numbers = (figure.mean, figure.min, figure.max, figure.count,
                   about.sel4, about.target)
        rows.append([about.words, key, *("" if n is None else f"{n:,}"
                                         for n in numbers)])
    return aligned(rows, left=2)


def scaling_table(found: list[Figure], of: str) -> list[str]:
    """The means of the keys that were counted for several numbers of threads,
    or of something else."""
    means: dict[str, dict[int, int]] = {}
    for figure in found:
        if known(figure.key).of == of:
            means.setdefault(figure.key, {})[figure.threads] = figure.mean
    means = {key: mine for key, mine in means.items() if len(mine) > 1}
    numbers = sorted({n for mine in means.values() for n in mine})
    rows = [[of, *map(str, numbers)]]
    for key, mine in means.items():
        rows.append([key, *(f"{mine[n]:,}" if n in mine else ""
                            for n in numbers)])
    return aligned(rows, left=1) if means else []


def report(part: str, found: list[Figure]) -> str:
    lines = [f"{part}: instructions, exact (cortex-a53, one CPU)", "",
             *operation_table(found)]
    for of, more in (("threads", "threads and endpoints"),
                     ("alarms", "alarms that are set"),
                     ("servers", "servers, each calling the next"),
                     ("senders", "senders in the queue")):
        if scaling := scaling_table(found, of):
            lines += ["", f"mean, with more {more}", "", *scaling]
    return "\n".join(lines)


def objects(part: str, found: list[Figure]) -> list[dict[str, object]]:
    """What bench.json says of a part."""
    return [{"part": part, "key": f.key, known(f.key).of: f.threads,
             "instructions": f.mean, "min": f.min, "max": f.max,
             "n": f.count, "cpus": 1,
             "sel4": known(f.key).sel4, "target": known(f.key).target}
            for f in found]


def write(path: Path, rows: list[dict[str, object]]) -> None:
    """Writes it whole or not at all: under another name first."""
    text = ",\n".join("  " + json.dumps(row) for row in rows)
    new = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(exist_ok=True)
        new.write_text(f"[\n{text}\n]\n")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise Wrong(f"{path.name}: {error.strerror.lower()}") from None


# --- The program ------------------------------------------------------


def bench(root: Path) -> None:
    """Counts, shows and writes. Raises Wrong."""
    if not (todo := parts(root)):
        raise Wrong(f"no part here has demos/{DEMO}.c")
    rows, reports = [], []
    for part in todo:
        if not (qemu.build(part) / "kernel.img").is_file():
            raise Wrong(f"{part.name} is not built: make {part.name}")
        try:
            found = measured(part)
        except (Wrong, transcript.Wrong) as wrong:
            raise Wrong(f"{part.name}: {wrong}") from None
        reports.append(report(part.name, found))
        rows += objects(part.name, found)
    path = root / "build" / "bench.json"
    write(path, rows)
    print(*reports, NOTE, f"{os.path.relpath(path)} has it all.", sep="\n\n")


def main() -> int:
    parser = strata.Parser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=strata.ROOT,
                        metavar="DIR", help="the repository (default: this)")
    root = parser.parse_args().root.resolve()
    if os.environ.get("SAN"):
        strata.fail("SAN=1 builds kernels that do more than others do: "
                    "count without it")
    try:
        bench(root)
    except Wrong as wrong:
        strata.fail(str(wrong))
    return 0


if __name__ == "__main__":
    sys.exit(main())
