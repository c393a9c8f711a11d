# SPDX-License-Identifier: MIT
"""The timer takes the CPU away: who computes for ever can't keep it, whoever
was interrupted never notices, and no interrupt comes that nobody needs."""
from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import guest
import harness
import ipc_trace
from harness import Run
from ipc_trace import Event, Kind
from test_boot import pairwise
from test_exceptions import assert_reported, backtrace, registers
from test_tree import (assert_booted, assert_refused,  # noqa: F401
                       loaders, original, start, tree)

# images/preempt.c stands in for demos/crasher.c; "how=" picks what it does.
PROGRAM = "preempt.c"
GUARD_SIZE = 1024
STACK_SIZE = 8192

SLICE = 625000  # 10 ms in ticks of 62.5 MHz
NEAR = 100      # ticks; in an exact run each is 16 instructions

AXES = {
    "gic": ("2", "3"),
    "el": ("1", "2"),
    "cpu": ("cortex-a53", "cortex-a72", "max"),
    "cpus": ("1", "4"),
}
MATRIX = pairwise(AXES)
machines = pytest.mark.parametrize(
    "machine", MATRIX, ids=["-".join(m.values()) for m in MATRIX])
both_gics = pytest.mark.parametrize("gic", ["2", "3"])


@pytest.fixture
def traced_crash(crasher, execute) -> Callable:
    """traced_crash(part, args, ...) -> run, events, and a function that tells
    the value of a kernel's variable after the run."""
    def traced_crash(part: Path, args: str, **machine: str
                     ) -> tuple[Run, list[Event], dict[str, int]]:
        build = crasher(part, PROGRAM)
        command = harness.options(
            part, "crasher", f"trace=1 {args}",
            harness.qemu.Machine(mem=ipc_trace.MEMORY, **machine), exact=True)
        command[command.index("-kernel") + 1] = str(build / "kernel.img")
        with ipc_trace.memory_file() as (memory, options):
            run = execute([*command, "-serial", "stdio", *options])
            events, lost = ipc_trace.read_events(memory, part, build)
            assert not lost
            return run, events, {
                name: ipc_trace.read_number(memory, build, name)
                for name in ("unexpected_interrupts", "spurious_interrupts")}
    return traced_crash


def said(run: Run) -> list[str]:
    """What the program printed."""
    lines = run.lines()
    return lines[1 + next(n for n, line in enumerate(lines)
                          if line.startswith("demo:")):]


# --- The hog ---

TICKS = [f"tick {n}" for n in range(1, 6)]
BESIDE = "result: the clock ticked 5 times beside the hog"


@pytest.mark.parts(3)
@pytest.mark.parametrize("exact", [True, False], ids=["exact", "free"])
@machines
def test_hog_is_defeated(boot, part, machine, exact):
    """The clock gets its turns beside a program that never yields."""
    run = boot(part, "hog", exact=exact, **machine)
    assert run.value("gic") == f"v{machine['gic']}"
    assert said(run) == [*TICKS, BESIDE]
    assert run.status == 0


@pytest.mark.parts(3)
def test_it_is_the_same_hog(part):
    """Byte by byte the program that part 2 is helpless against
    (test_hog_takes_the_machine)."""
    helpless = harness.PARTS[2] / "demos" / "hog.c"
    assert (part / "demos" / "hog.c").read_bytes() == helpless.read_bytes()


@pytest.mark.parts(3)
@pytest.mark.parametrize("demo", ["hog", "share"])
def test_preemption_keeps_the_invariants(boot, part, demo):
    """With the kernel's own checks after every interrupt."""
    log = ipc_trace.traced(boot, part, demo, check=True)
    assert log.run.status == 0
    assert log.run.result()
    assert sum(e.kind == Kind.INTERRUPT for e in log.events) >= 4


# --- Slices ---

@pytest.mark.parts(3)
@machines
def test_three_programs_share(boot, part, machine):
    """Each gets a third, to the percent."""
    run = boot(part, "share", **machine)
    assert said(run) == ["Ada: 33 %", "Edsger: 33 %", "Per: 33 %",
                         "result: three programs shared the CPU"]
    assert run.status == 0


@pytest.mark.parts(3)
def test_share_without_exactness(boot, part):
    """Where time is that of the host all three come to their end too."""
    run = boot(part, "share", exact=False)
    assert run.result() == "three programs shared the CPU"
    assert run.status == 0


def slice_begins(part: Path, events: list[Event], taken: int) -> int:
    """When the slice began of the thread taken at events[taken]: in part 3 just
    before that is recorded; from part 4 on before it is recorded who was
    preempted. (In the build that checks more an event takes 300 ticks.)"""
    if part != harness.PARTS[3] and events[taken - 1].kind == Kind.APPEND:
        taken -= 1
    return events[taken].time


def switches(part: Path,
             events: list[Event]) -> list[tuple[int, Event, Event]]:
    """For each interrupt: when the interrupted thread's slice began, the
    interrupt, who was taken then. At each, the interrupted thread goes to the
    queue's end first."""
    found = []
    for at, event in enumerate(events):
        if event.kind == Kind.INTERRUPT:
            append, take = events[at + 1:at + 3]
            assert (append.kind, append.thread) == (Kind.APPEND, event.thread)
            assert take.kind == Kind.TAKE
            taken = next(n for n in reversed(range(at))
                         if events[n].kind == Kind.TAKE)
            assert events[taken].thread == event.thread
            found.append((slice_begins(part, events, taken), event, take))
    return found


@pytest.mark.parts(3)
@both_gics
def test_slices_are_ten_milliseconds(boot, part, gic):
    """Each slice is 10 ms, and the three take turns in order."""
    log = ipc_trace.traced(boot, part, "share", gic=gic)
    assert not log.lost
    found = switches(part, log.events)
    assert len(found) >= 10
    for begin, interrupt, take in found:
        assert abs(interrupt.time - begin - SLICE) < NEAR
        assert take.thread == interrupt.thread % 3 + 1, "out of turn"


@pytest.mark.parts(3)
def test_a_turn_that_is_given_back_is_not_charged(boot, part):
    """The clock yields after few instructions: the hog's slice that follows
    is a whole one all the same."""
    log = ipc_trace.traced(boot, part, "hog")
    found = switches(part, log.events)
    assert len(found) == 4
    for begin, interrupt, take in found:
        assert (interrupt.thread, take.thread) == (2, 1)
        assert abs(interrupt.time - begin - SLICE) < NEAR


@pytest.mark.parts(3)
@both_gics
def test_no_tick_for_a_thread_alone(traced_crash, part, gic):
    """Where nobody else is ready the timer is off, and no interrupt comes;
    with two threads it is on; and off again afterwards."""
    run, events, _ = traced_crash(part, "how=alone", gic=gic)
    assert said(run) == ["timer 0: 0", "timer 1: 1", "timer 2: 1",
                         "timer 3: 0", "result: done"]
    # Thread 1 ran alone, 2 and 3 together, 4 alone: each for 120 ms.
    counts = {n: sum(e.kind == Kind.INTERRUPT and e.thread == n
                     for e in events) for n in range(5)}
    assert counts[0] == counts[1] == counts[4] == 0
    assert counts[2] >= 5 and counts[3] >= 5
    assert run.status == 0


@pytest.mark.parts(3)
def test_trace_kinds(part):
    """What the tests call the events is what the kernel calls them."""
    text = (part / "trace.h").read_text()
    names = re.findall(r"^    TRACE_([A-Z]+)(?: = 1)?,", text, re.M)
    assert names == [kind.name for kind in Kind][:len(names)]
    assert "INTERRUPT" in names


# --- Short slices ---

SHORT = "5 / 10"  # microseconds: 500 instructions


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """hurried(part): where the part is built with slices of SHORT."""
    built: dict[Path, Path] = {}

    def hurried(part: Path) -> Path:
        if part not in built:
            text, changes = re.subn(r"(?m)^#define SLICE \d+$",
                                    f"#define SLICE {SHORT}",
                                    (part / "timer.h").read_text())
            assert changes == 1
            built[part] = guest.rebuilt(
                part, tmp_path_factory.mktemp("hurried"), {"timer.h": text})
        return built[part]
    return hurried


@pytest.mark.skipif(bool(os.environ.get("SAN")), reason="in the build that "
                    "checks more, a slice is over before a thread gets on")
@pytest.mark.parts(3)
@pytest.mark.parametrize("demo", ["hanoi", "calc", "names", "mailbox",
                                  "pipeline"])
def test_demos_with_short_slices(boot, execute, hurried, part, demo):
    """Part 2's demos are over before a slice of 10 ms is. With slices of 500 ns
    they are interrupted in many places, and their results are the same."""
    build = hurried(part)
    command = harness.options(part, demo, "trace=1",
                              harness.qemu.Machine(mem=ipc_trace.MEMORY), True)
    command[command.index("-kernel") + 1] = str(build / "kernel.img")
    with ipc_trace.memory_file() as (memory, options):
        run = execute([*command, "-serial", "stdio", *options])
        events, _ = ipc_trace.read_events(memory, part, build)
    assert run.result() == boot(part, demo).result()
    assert run.status == 0
    assert sum(e.kind == Kind.INTERRUPT for e in events) >= 3


# --- What was interrupted goes on as it was ---

@pytest.mark.parts(3)
@machines
def test_registers_survive(crash, part, machine):
    """x0 to x30, the stack pointer and the flags are, after each of many
    slices, what they were."""
    run = crash(part, "how=registers", PROGRAM, **machine)
    assert said(run) == [*(f"changed in thread {n}: 33, 33"
                           for n in range(3)), "result: done"]
    assert run.status == 0


@pytest.mark.parts(3)
def test_registers_test_is_interrupted(traced_crash, part):
    """The test above can fail: its threads are interrupted in all places."""
    _, events, _ = traced_crash(part, "how=registers")
    for thread in (1, 2, 3):
        assert sum(e.kind == Kind.INTERRUPT and e.thread == thread
                   for e in events) >= 5


@pytest.mark.parts(3)
@both_gics
def test_mask_is_a_thread_s_own(crash, part, gic):
    """Who masks interrupts is masked after a yield too, and keeps the CPU;
    the others are not masked."""
    run = crash(part, "how=mask", PROGRAM, gic=gic)
    assert said(run) == """\
at first: not masked
after daifset: masked
after a yield: masked
the other has run: 1
it ran in 50 ms masked: 0
after daifclr: not masked
it ran in 50 ms not masked: 1
after slices: not masked
in the other thread: not masked
main: masked
result: done""".splitlines()
    assert run.status == 0


@pytest.mark.parts(3)
@pytest.mark.parametrize("cpu", AXES["cpu"])
@pytest.mark.parametrize("who", ["first", "second", "third"])
def test_guard_moves_with_preemption(crash, part, who, cpu):
    """After slices to and fro, without any call, the guard is at the stack of
    the thread that runs."""
    run = crash(part, f"how=guard who={who}", PROGRAM, cpu=cpu)
    found = re.search(rf"^{who} stands at 0x(\w+)$", run.output, re.M)
    assert found, run.output
    assert_reported(run, "stack overflow")
    assert run.value("thread") == who
    bottom = int(found[1], 16) // STACK_SIZE * STACK_SIZE
    assert 0 <= registers(run)["far"] - bottom < GUARD_SIZE
    names = [frame.name for frame in backtrace(run)]
    assert names[0] == "overflow"
    assert names[-2:] == ["walk", "thread_start"]


# --- Interrupts that nobody expects ---

@pytest.mark.parts(3)
@both_gics
def test_unexpected_interrupt(traced_crash, part, gic):
    """A line that nobody serves is counted and masked: it comes once for each
    time that it is unmasked, and does no harm. So for a shared line, for one
    of the CPU's own, and for one whose level stays high."""
    run, events, counts = traced_crash(part, "how=unexpected", gic=gic)
    assert said(run) == """\
pending, masked: 0 unexpected, 0 spurious
unmasked: 1 unexpected, 0 spurious
raised again: 1 unexpected, 0 spurious
unmasked again: 2 unexpected, 0 spurious
pending, masked: 2 unexpected, 0 spurious
unmasked: 3 unexpected, 0 spurious
raised again: 3 unexpected, 0 spurious
unmasked again: 4 unexpected, 0 spurious
high level: 5 unexpected, 0 spurious
result: done""".splitlines()
    assert run.status == 0
    assert counts == {"unexpected_interrupts": 5, "spurious_interrupts": 0}
    assert sum(e.kind == Kind.INTERRUPT for e in events) == 5


@pytest.mark.parts(3)
@both_gics
def test_spurious_interrupt(traced_crash, part, gic):
    """An interrupt that is gone when the kernel looks is counted, and the
    thread goes on. QEMU never withdraws one in time, so the image takes the
    exception by hand, with nothing pending: what the kernel sees is the
    same."""
    run, events, counts = traced_crash(part, "how=spurious", gic=gic)
    assert said(run) == [*(f"by hand: 0 unexpected, {n} spurious"
                           for n in (1, 2, 3)),
                         "afterwards: not masked", "result: done"]
    assert run.status == 0
    assert counts == {"unexpected_interrupts": 0, "spurious_interrupts": 3}
    assert sum(e.kind == Kind.INTERRUPT for e in events) == 3


# --- The device tree ---

@pytest.mark.parts(3)
@pytest.mark.parametrize("gone", ["node", "compatible", "not known"])
def test_tree_without_a_gic(start, part, tree, gone):  # noqa: F811
    """Without an interrupt controller that it knows the kernel says so."""
    gic = tree.find("/intc")
    if gone == "node":
        tree.children.remove(gic)
    elif gone == "compatible":
        del gic.properties["compatible"]
    else:
        gic.set_strings("compatible", "arm,gic-v9")
    assert_refused(start(part, tree), "no interrupt controller that we know")


@pytest.mark.parts(3)
@pytest.mark.parametrize("damage", ["no node", "not compatible", "no lines",
                                    "two lines", "odd"])
def test_tree_without_a_timer(start, part, tree, damage):  # noqa: F811
    """Without the virtual timer's line, the third one, the kernel says so."""
    timer = tree.find("/timer")
    lines = timer.properties["interrupts"]
    if damage == "no node":
        tree.children.remove(timer)
    elif damage == "not compatible":
        timer.set_strings("compatible", "arm,armv7-timer-mem")
    elif damage == "no lines":
        del timer.properties["interrupts"]
    else:
        timer.properties["interrupts"] = lines[:24 if damage == "two lines"
                                               else 35]
    assert_refused(start(part, tree),
                   r"no timer \(arm,armv8-timer\) with an interrupt")


@pytest.mark.parts(3)
def test_tree_with_three_lines_for_the_timer(start, part, tree):  # noqa: F811
    """Nobody needs the line of the hypervisor's timer; and the hog is stopped
    by what the tree says."""
    timer = tree.find("/timer")
    timer.properties["interrupts"] = timer.properties["interrupts"][:36]
    assert_booted(start(part, tree))
    tree.find("/chosen").set_strings("bootargs", "demo=hog")
    assert said(start(part, tree))[-1] == BESIDE
