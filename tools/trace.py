#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots a demo, and draws who ran when: trace.svg, a picture, and trace.json,
in Chrome's trace format (ui.perfetto.dev opens it), both in build/PART.

The run is exact (-icount), so it is the same every time; of several CPUs, QEMU
then runs one at a time. The kernel keeps the latest events in a ring; they are
read from the machine's memory afterwards. A run that does not end is stopped
after ten seconds, or by Ctrl-C.
"""
from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from xml.sax.saxutils import unescape

import one_call
import qemu
import ring
import run
import strata
import timeline
import transcript
from timeline import Labels, Timeline
from transcript import Boot

LIMIT = 10.0                # seconds that a run may take; most take 0.5
# What QEMU warns of when a CPU sleeps and no timer is set: at the end, say.
NO_TIMERS = "icount sleep disabled and no active timers"
READ_TIME = 0xd53be040      # mrs x0, cntvct_el0; the register: bits 4 to 0

ONE_AT_A_TIME = """\
QEMU runs one CPU at a time here, until it waits or a timer is due, and the
others stand still: the order is right, how long one runs or idles is not. With
torture=1 in ARGS the turns are short."""

CHOICES = """The environment variables DEMO, CPUS, MEM, CPU, GIC, EL and ARGS
choose the run, as in `make part3 trace DEMO=hog GIC=3`. FROM and UNTIL, in
milliseconds of virtual time, choose what the picture and the table show."""


@dataclass(frozen=True)
class Wish:
    """What is to be drawn: a boot, and the time that is shown of it, in
    milliseconds as the user gave them."""
    boot: Boot
    since: str = ""
    until: str = ""

    def words(self) -> str:
        """What the reader types: make part3 trace DEMO=hog"""
        window = [f"{name}={value}" for name, value in
                  (("FROM", self.since), ("UNTIL", self.until)) if value]
        return " ".join([self.boot.words().replace(" run", " trace", 1),
                         *window])

    def window(self) -> tuple[float, float]:
        """The time that is shown. Raises qemu.Wrong."""
        for name, value in (("FROM", self.since), ("UNTIL", self.until)):
            if value and not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", value):
                raise qemu.Wrong(f"{name}={value}: must be a time in "
                                 "milliseconds, like 20 or 1.5")
        first, last = float(self.since or 0), float(self.until or "inf")
        if first >= last:
            raise qemu.Wrong(f"UNTIL={self.until}: must be later than FROM")
        return first, last


@dataclass(frozen=True)
class Traced:
    """A run that was watched."""
    line: Timeline      # all of it that is known
    labels: Labels
    lost: int           # events that were written over by later ones
    stopped: bool       # because time ran out


# --- The run ---


def clock(part: Path, stub: Path) -> int | None:
    """The time, in ticks, in a machine that goes on and on: its CPU is made to
    read its counter, over QEMU's gdb stub. None if it does not run (it waits
    for an interrupt, say: then time stands still, too)."""
    image = (qemu.build(part) / "kernel.img").read_bytes()
    known = ring.symbols(qemu.build(part))
    first = known["trace_record"] - known["image_start"]
    code = ((at, int.from_bytes(image[at:at + 4], "little"))
            for at in range(first, len(image), 4))
    at, word = next(c for c in code if c[1] & ~0x1f == READ_TIME)
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(2)
        try:
            link.connect(str(stub))
            gdb = one_call.Stub(link)
            gdb.receive()  # says that the machine has stopped
            place = (known["image_start"] + at).to_bytes(8, "little").hex()
            old, begin = gdb.ask("g"), 16 * one_call.PC
            gdb.ask(f"G{old[:begin]}{place}{old[begin + 16:]}")
            gdb.step()
            return gdb.number(word & 0x1f)
        except (OSError, qemu.Wrong):
            return None


@dataclass
class Played:
    """What there is of a run besides its events."""
    output: bytes = b""
    stopped: bool = False
    end: int | None = None  # in ticks; of a run that was stopped


def play(part: Path, command: list[str], folder: Path,
         put: Callable[[bytes], None] | None) -> Played:
    """Runs a QEMU command to its end, or for LIMIT seconds. With `put`, what
    the kernel prints goes there, and what is typed goes to it. (Not the end
    of input: a Ctrl-D would interrupt a demo that has asked for nothing.)"""
    played = Played()
    stub = folder / "gdb"
    command = [*command, "-chardev",
               f"socket,path={stub},server=on,wait=off,id=gdb",
               "-gdb", "chardev:gdb"]

    def hear(data: bytes) -> None:
        played.output += data
        if put:
            put(data)

    def stop(child: subprocess.Popen[bytes]) -> None:
        played.stopped = True
        played.end = clock(part, stub)
        child.terminate()  # QEMU gives the terminal back

    with subprocess.Popen(command, bufsize=0,
                          stdin=None if put else subprocess.DEVNULL,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as child:
        timer = threading.Timer(LIMIT, stop, [child])
        timer.start()
        assert child.stdout and child.stderr
        try:
            run.show(child.stdout.fileno(),
                     run.Symbolizer(qemu.build(part) / "kernel.elf"),
                     threading.Event(), hear)
        except BrokenPipeError:  # nobody reads on
            child.kill()
        child.wait()
        timer.cancel()
        timer.join()
        for line in child.stderr.read().decode(errors="replace").splitlines():
            if put and NO_TIMERS not in line:
                print(line, file=sys.stderr)
    return played


def calls(part: Path) -> list[str]:
    """The names of the kernel's calls, in the order of their numbers."""
    text = (part / "strata.h").read_text()
    return [name.lower() for name in
            re.findall(r"^    SYS_(\w+),", text, re.MULTILINE)]


def watched(part: Path, wish: Wish,
            put: Callable[[bytes], None] | None = None) -> Traced:
    """Boots and reads what happened. Raises qemu.Wrong."""
    ring.capacity(part)  # Is there one?
    boot = wish.boot
    try:
        command = transcript.command(
            part, replace(boot, args=f"trace=1 {boot.args}"))
    except transcript.Wrong as wrong:
        raise qemu.Wrong(str(wrong)) from None
    with ring.memory_file(boot.machine().mem) as (memory, options):
        played = play(part, [*command, *options], memory.parent, put)
        events, lost = ring.read_events(memory, part)
        names = ring.read_names(memory, part)
        cpus = ring.read_cpus(memory, part)
    found = re.search(rb"^timer: (\d+) Hz", played.output, re.MULTILINE)
    if not events or not found:
        raise qemu.Wrong(f"'{wish.words()}': nothing was recorded")
    return Traced(timeline.timeline(events, played.end, cpus, not lost),
                  Labels(wish.words(), int(found[1]), names, calls(part)),
                  lost, played.stopped)


def shown(traced: Traced, wish: Wish) -> Timeline:
    """What the picture and the table show. Raises qemu.Wrong."""
    line, second = traced.line, traced.labels.frequency
    first, last = (ms * second / 1e3 for ms in wish.window())
    part = line.between(max(line.start, round(first)),
                        round(min(line.end, last)))
    if part.start > part.end or not part.runs:
        raise qemu.Wrong(
            "nothing was recorded at that time: the events are from "
            f"{traced.labels.ms(line.start):.3f} to "
            f"{traced.labels.ms(line.end):.3f} ms")
    return part


# --- The pictures of the book ---


def wished_by(text: str) -> Wish | None:
    """What a picture was drawn for: its title is the command. None if it is
    another picture. Raises qemu.Wrong."""
    found = re.search(r"<title>make (\w+) trace( [^<]*)?</title>", text)
    if not found:
        return None
    command = unescape(found[2] or "")
    try:
        given = dict(word.split("=", 1) for word in shlex.split(command))
        named = {key.lower(): value for key, value in given.items()}
        window = named.pop("from", ""), named.pop("until", "")
        return Wish(Boot(found[1], **named), *window)
    except (TypeError, ValueError):
        raise qemu.Wrong(f"its title is no command:{command}") from None


def drawn(root: Path, wish: Wish) -> str:
    """The picture that is wished for, from a run. Raises qemu.Wrong."""
    part = next((p for p in strata.parts(root)
                 if wish.boot.run in (p.name, p.name.partition("-")[0])), None)
    if part is None:
        raise qemu.Wrong(f"there is no part '{wish.boot.run}'")
    traced = watched(part, wish)
    if traced.stopped and traced.labels.ms(traced.line.end) < wish.window()[1]:
        raise qemu.Wrong(f"'{wish.words()}' did not end in {LIMIT:g} seconds")
    return timeline.svg(shown(traced, wish), traced.labels)


def is_like(old: str, new: str, loose: bool) -> bool:
    """Are two pictures the same? With another compiler (`loose`), all times
    are a little different."""
    if loose:
        old, new = (re.sub(r"[\d.]+", "N", text) for text in (old, new))
    return old == new


# --- The command ---


def wish_of_environment(part: Path) -> Wish:
    """What the user chose: what is as usual anyhow need not be said."""
    given = {name: os.environ.get(name.upper(), "") for name in
             ("demo", "args", "cpus", "mem", "cpu", "gic", "el")}
    for name, usual in asdict(qemu.Machine()).items():
        if given[name] == usual:
            given[name] = ""
    return Wish(Boot(part.name, **given), os.environ.get("FROM", ""),
                os.environ.get("UNTIL", ""))


def trace(part: Path) -> int:
    """Boots, writes the two files and prints the table."""
    wish = wish_of_environment(part)
    wish.window()
    signal.signal(signal.SIGINT, lambda *_: None)  # is for QEMU alone
    traced = watched(part, wish, run.put)
    line = shown(traced, wish)
    build = qemu.build(part)
    (build / "trace.json").write_text(
        json.dumps(timeline.chrome(traced.line, traced.labels)) + "\n")
    (build / "trace.svg").write_text(timeline.svg(line, traced.labels))
    print()
    if traced.stopped:
        print(f"The run did not end: stopped after {LIMIT:g} seconds.")
    if traced.lost:
        print(f"The ring keeps {ring.capacity(part)} events: the first "
              f"{traced.lost} are lost.")
    print("\n".join(timeline.table(line, traced.labels)))
    if line.cpus > 1:
        print("\n".join(timeline.cpu_table(line, traced.labels)))
        print(ONE_AT_A_TIME)
    print(f"{traced.labels.ms(line.end - line.start):.3f} ms; "
          f"interrupts: {len(line.interrupts)}; "
          f"direct switches: {len(line.arrows)}")
    for name in ("trace.svg", "trace.json"):
        print(os.path.relpath(build / name))
    return 0


def main() -> int:
    part = strata.part_argument(__doc__ or "", CHOICES)
    try:
        return trace(part)
    except qemu.Wrong as wrong:
        strata.fail(str(wrong))


if __name__ == "__main__":
    sys.exit(main())
