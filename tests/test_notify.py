# SPDX-License-Identifier: MIT
"""Signals, alarms and drivers: nothing is lost, everybody wakes in time, and
an idle machine does nothing."""
from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

import guest
import harness
import ipc_trace
from harness import Run, Session
from ipc_model import Call
from ipc_trace import Kind
from test_exceptions import assert_reported, backtrace, registers
from test_preempt import both_gics, machines, said
from test_selftest import points

# images/notify.c stands in for demos/crasher.c; "how=" picks what it does.
PROGRAM = "notify.c"
SECOND = 62_500_000  # ticks
LONG = bool(os.environ.get("LONG"))
SEEDS = range(1, (100 if LONG else 40) + 1)


@pytest.fixture
def command(crasher) -> Callable[..., list[str]]:
    """command(part, args, ...): what boots the image."""
    def command(part: Path, args: str, **machine: str) -> list[str]:
        words = harness.options(part, "crasher", args,
                                harness.qemu.Machine(**machine), exact=True)
        image = crasher(part, PROGRAM) / "kernel.img"
        words[words.index("-kernel") + 1] = str(image)
        return words
    return command


@pytest.fixture
def talk_to(command, crasher, lab, tmp_path) -> Callable[..., Session]:
    """talk_to(part, args) -> Session: boots the image, to type."""
    def talk_to(part: Path, args: str, **machine: str) -> Session:
        path = tmp_path / "monitor"
        words = [*command(part, args, **machine), "-serial", "mon:stdio",
                 "-qmp", f"unix:{path},server=on,wait=off"]
        child = pexpect.spawn(words[0], words[1:], timeout=harness.LIMIT,
                              encoding="utf-8", echo=False)
        child.logfile_read = io.StringIO()
        session = Session(words, child, path)
        lab.sessions.append((session, crasher(part, PROGRAM) / "kernel.elf"))
        return session
    return talk_to


# --- The kernel's own tests, once more ---

@pytest.mark.parts(3)
@pytest.mark.parametrize("args", ["", "check=1", "torture=1", "torture=2"])
@both_gics
def test_selftest(boot, part, args, gic):
    """They hold with checks after every call, and under torture."""
    run = boot(part, "selftest", args, gic=gic)
    failed = [name for passed, name in points(run) if not passed]
    assert not failed, "failed: " + "; ".join(failed)
    assert len(points(run)) > 300
    assert run.status == 0


@pytest.mark.long
@pytest.mark.parts(3)
@pytest.mark.parametrize("seed", range(3, 11))
def test_selftest_under_torture(boot, part, seed):
    """With more seeds."""
    run = boot(part, "selftest", f"torture={seed}")
    failed = [name for passed, name in points(run) if not passed]
    assert not failed, "failed: " + "; ".join(failed)
    assert run.status == 0


# --- The demos, on every kind of machine ---

@pytest.mark.parts(3)
@machines
def test_alarm(boot, part, machine):
    """The sleepers wake in order, each to the millisecond."""
    run = boot(part, "alarm", **machine)
    order = sorted(range(8), key=lambda n: n * 5 % 8)
    assert said(run) == [
        *(f"sleeper {n}: {100 * at} ms" for at, n in enumerate(order, 1)),
        "result: 8 woke, 8 on time"]
    assert run.status == 0


LINES = ["one", "tpo\b\bwo", "never\x15three", "four", "five", "six", "seven"]
EDITED = ["one", "two", "three", "four", "five", "six", "seven"]


def type_lines(lines: list[str]) -> bytes:
    """These lines, and the end of input."""
    return guest.keys("".join(line + "\r" for line in lines) + "\x04")


def lines_got(run: Run) -> list[tuple[str, str]]:
    """Which client of the demo got what, in the order in which they say so."""
    return re.findall(r"(Ada|Edsger) got: (.*)$", run.output, re.M)


@pytest.mark.parts(3, 3)
@machines
def test_drivers(boot, part, machine):
    """Each line that is typed comes out whole and once, at the client whose
    turn it is."""
    run = boot(part, "drivers", typed=type_lines(LINES), **machine)
    got = lines_got(run)
    assert [line for _, line in got] == EDITED
    assert [who for who, _ in got] == [("Ada", "Edsger")[n % 2]
                                       for n in range(len(EDITED))]
    assert run.result() == f"{len(EDITED)} lines"
    assert run.status == 0


def in_order_for_each(got: list[tuple[str, str]], lines: list[str]) -> bool:
    """Did each client get its lines in the order in which they were typed?"""
    numbers = {who: [lines.index(line) for client, line in got if client == who]
               for who in ("Ada", "Edsger")}
    return all(mine == sorted(mine) for mine in numbers.values())


@pytest.mark.parts(4)
@machines
def test_drivers_on_contexts(boot, part, machine):
    """The lines go out in the order in which they were typed, each whole and
    once. But what takes turns is contexts: one client, and the driver on its
    context, are through with several lines while the other client, which has
    one too, waits for its slice."""
    log = ipc_trace.traced(boot, part, "drivers", typed=type_lines(LINES),
                           **machine)
    given = [b"".join(word.to_bytes(8, "little") for word in e.x[2:6])
             for e in log.events
             if e.kind == Kind.ENTER and e.x[7] == Call.REPLY and not e.x[1]]
    assert [line.rstrip(b"\0").decode() for line in given] == EDITED
    got = lines_got(log.run)
    assert sorted(line for _, line in got) == sorted(EDITED)
    assert in_order_for_each(got, EDITED)
    assert log.run.result() == f"{len(EDITED)} lines"
    assert log.run.status == 0


@pytest.mark.ordinary
@pytest.mark.parts(3)
@machines
def test_latency(boot, part, machine):
    """With nobody else the way to the driver is always the same."""
    run = boot(part, "latency", **machine)
    found = re.fullmatch(r"2000 interrupts; least (\d+), median (\d+), "
                         r"most (\d+) instructions", run.result())
    assert found, run.result()
    least, median, most = map(int, found.groups())
    assert 100 < least <= median <= most < 1000
    assert most - least <= 20
    assert run.status == 0


@pytest.mark.parts(3)
def test_latency_beside_hogs(boot, part):
    """There are no priorities: the driver waits for a slice of each hog."""
    run = boot(part, "latency", "samples=4 busy=2")
    found = re.search(r"median (\d+),", run.result())
    assert found
    assert 19_000_000 < int(found[1]) < 21_000_000
    assert run.status == 0


@pytest.mark.long
@pytest.mark.parts(3)
@both_gics
def test_storm(boot, part, gic):
    """Beside a device that never stops asking the others get their turns."""
    run = boot(part, "storm", gic=gic, limit=150)
    late = [int(us) for us in re.findall(r"^beat \d+, (\d+) us late$",
                                         run.output, re.M)]
    assert len(late) == 5
    assert max(late) <= 10_100  # a slice of the driver's
    assert run.result() == "5 beats beside thousands of interrupts"
    assert run.status == 0


# --- The race ---

def lost(run: Run) -> int:
    """How many updates were lost."""
    found = re.fullmatch(r"600000 updates made, (\d+) lost", run.result())
    assert found and run.status == 0
    return int(found[1])


@pytest.mark.parts(3)
@machines
def test_race(boot, part, machine):
    """Updates get lost on every machine."""
    assert lost(boot(part, "race", **machine)) > 0


@pytest.mark.long
@pytest.mark.parts(3)
def test_race_depends_on_the_seed(boot, part):
    """Unfixed, updates are lost in at least 95 % of the seeds, and how many
    depends on the seed."""
    found = guest.at_once(lambda seed: lost(boot(part, "race", f"seed={seed}")),
                          SEEDS)
    assert sum(n > 0 for n in found) >= 0.95 * len(found)
    assert len(set(found)) >= len(found) / 2


@pytest.mark.ordinary
@pytest.mark.long
@pytest.mark.parts(3)
@pytest.mark.parametrize("fix", ["mask", "server"])
def test_race_is_fixed(boot, part, fix):
    """Fixed, none is lost in any."""
    found = guest.at_once(
        lambda seed: lost(boot(part, "race", f"seed={seed} fix={fix}")), SEEDS)
    assert found == [0] * len(found)


@pytest.mark.parts(3)
@pytest.mark.parametrize("fix", ["mask", "server"])
def test_race_once_fixed(boot, part, fix):
    """So for one seed."""
    assert lost(boot(part, "race", f"fix={fix}")) == 0


# --- Idle ---

@pytest.mark.ordinary
@pytest.mark.parts(3)
@both_gics
def test_sleep_is_one_interrupt(recorded, part, gic):
    """A thread alone that sleeps for ten seconds is woken by one interrupt, in
    time, and the machine has executed next to nothing meanwhile."""
    run, events = recorded(part, "how=sleep ms=10000", PROGRAM, gic=gic)
    assert run.value("slept") == "10000 ms"
    assert int(run.value("late").split()[0]) < 200
    assert int(run.value("instructions")) < 5000
    assert sum(e.kind == Kind.INTERRUPT for e in events) == 1
    assert run.status == 0


@pytest.mark.ordinary
@pytest.mark.parts(3)
def test_sleeper_executes_nothing(command, execute, part):
    """Next to nothing, even in a short sleep."""
    run = execute([*command(part, "how=sleep ms=10"), "-serial", "stdio"])
    instructions = int(run.value("instructions"))
    assert instructions < 5000, "the CPU does not sleep"


@pytest.mark.parts(3)
def test_instructions_are_counted(command, execute, part):
    """The tests above can fail: one who looks at the clock again and again for
    a hundredth of the time executes a hundred million."""
    run = execute([*command(part, "how=look ms=100"), "-serial", "stdio"])
    assert int(run.value("instructions")) > 99_000_000


@pytest.mark.ordinary
@pytest.mark.parts(3)
def test_who_waits_for_keys(talk, part):
    """A part 2 that waits for keys looks for them all the time; the driver's
    clients leave the CPU at one instruction, asleep."""
    def waiting(kernel: Path, demo: str, text: str) -> Session:
        session = talk(kernel, demo)
        session.expect(text)
        return session
    session = waiting(part, "drivers", "its clients")
    def is_asleep() -> bool:
        places = {session.pc() for _ in range(12)}
        return (len(places) == 1 and
                harness.function_at(part, places.pop()) == "irq_idle")
    harness.settle(is_asleep)  # it may still be on its way there
    session = waiting(harness.PARTS[2], "echo", "> ")
    place = session.pc()
    harness.settle(lambda: session.pc() != place)


# --- Alarms ---

@pytest.mark.ordinary
@pytest.mark.parts(3)
def test_cost_of_alarms(command, execute, part):
    """A wake-up costs the same with 10 and with 1,000 alarms set. To set one
    costs a few instructions for each that is due before it."""
    run = execute([*command(part, "how=measure"), "-serial", "stdio"])
    found = re.findall(r"^(\d+) alarms: insertion (\d+), sleep and wake-up "
                       r"(\d+)$", run.output, re.M)
    counts, insertions, wakes = zip(*(map(int, row) for row in found))
    assert counts == (10, 100, 1000)
    assert len(set(wakes)) == 1 and wakes[0] < 1500
    each = (insertions[1] - insertions[0]) / 90
    assert 1 <= each <= 20
    assert (insertions[2] - insertions[1]) / 900 == pytest.approx(each, rel=.02)


@pytest.mark.ordinary
@pytest.mark.parts(3)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_thousand_alarms(command, execute, part, seed):
    """At any millisecond exactly those have come whose time has."""
    run = execute([*command(part, f"how=all seed={seed}"), "-serial", "stdio"])
    assert run.value("alarms") == "1000 came, 0 at the wrong time"


@pytest.mark.parts(3)
def test_alarms_at_one_time(recorded, part):
    """They wake in the order in which they were set, and one interrupt is
    enough for all."""
    run, events = recorded(part, "how=order", PROGRAM)
    assert re.findall(r"^woken: (\d)$", run.output, re.M) == list("3012")
    assert sum(e.kind == Kind.INTERRUPT for e in events) == 1, \
        "an interrupt for each alarm"


@pytest.mark.ordinary
@pytest.mark.parts(3)
@pytest.mark.parametrize("hog", [0, 1])
@both_gics
def test_alarms_of_one_who_computes(recorded, part, gic, hog):
    """Whoever sets an alarm and does not enter the kernel any more is
    interrupted in time, alone as well as within a slice; and not at all when
    the alarm was taken back."""
    run, events = recorded(part, f"how=set hog={hog}", PROGRAM, gic=gic)
    assert run.value("set") == "1", "the alarm has not come"
    assert run.value("taken back") == "ERROR_WOULD_BLOCK"
    setter = [e for e in events if e.thread == 1]
    came = [e.time - setter[0].time for e in setter
            if e.kind == Kind.INTERRUPT]
    assert len(came) == 1, "not one alarm, and nothing else"
    assert came[0] == pytest.approx(0.002 * SECOND, rel=.01)


@pytest.mark.parts(3)
def test_who_wakes_renews_no_slice(command, execute, part):
    """The slice of one who computes begins when the first sleeper wakes, at
    4 ms. Others that wake meanwhile do not make it longer."""
    run = execute([*command(part, "how=row"), "-serial", "stdio"])
    assert re.findall(r"^(\d+) ms: awake at (\d+) ms$", run.output, re.M) \
        == [("4", "14"), ("8", "14"), ("12", "14")]
    assert run.status == 0


@pytest.mark.ordinary
@pytest.mark.parts(3)
@machines
def test_backtrace_through_an_interrupt(command, execute, part, machine):
    """If the kernel falls while it serves an interrupt the report leads from
    there to the thread that was interrupted, and on to where that began."""
    run = execute([*command(part, "how=spoil", **machine), "-serial", "stdio"])
    assert_reported(run, "data abort")
    assert run.value("thread") == "spoiler"
    assert registers(run)["far"] & ~0xf == 0xdead0000
    names = [frame.name for frame in backtrace(run)]
    assert "timer_interrupt" in names
    # (Who calls nobody may have no frame, and so hide its caller.)
    assert [name for name in names[names.index("interrupted"):]
            if name != "spoil"] == ["interrupted", "compute_until",
                                    "thread_start"]


@pytest.mark.parts(3)
@pytest.mark.parametrize("seed", [1, 2])
def test_alarm_under_torture(boot, part, seed):
    """The CPU sleeps all the same."""
    assert boot(part, "alarm", f"torture={seed}").result() \
        == boot(part, "alarm").result()


# --- Lines ---

@pytest.mark.parts(3)
@pytest.mark.parametrize("torture", [0, 1])
@both_gics
def test_lines_that_can_be_bound(command, execute, part, gic, torture):
    """All that the GIC has, from the first to the last, and again when they
    are free; the cycle counter's too, but not while torture has it."""
    run = execute([*command(part, f"how=bind torture={torture}", gic=gic),
                   "-serial", "stdio"])
    refused = "ERROR_ARGUMENT, ERROR_ARGUMENT"
    assert run.value("first") == "OK, OK", "the first line"
    assert run.value("last") == "OK, OK", "the last line"
    assert run.value("behind the last") == refused, "there is no such line"
    assert run.value("cycle counter") == (refused if torture else "OK, OK"), \
        "the cycle counter's line"
    assert run.status == 0


# --- Deadlock, and what is none ---

@pytest.mark.parts(3)
@pytest.mark.parametrize("awaited", ["", "destroyed"])
def test_nothing_is_awaited(recorded, part, awaited):
    """Where no thread can run and nothing can come it is reported at once."""
    run, events = recorded(part, f"how=wait awaited={awaited}", PROGRAM)
    assert run.value("deadlock") == "no thread can run"
    assert re.search(r"^main +waiting +\d+ -", run.output, re.M)
    assert run.status == 1
    assert not any(e.kind == Kind.INTERRUPT for e in events)


@pytest.mark.parts(3)
def test_an_alarm_is_awaited(recorded, part):
    """While an alarm is set it is no deadlock; after it, it is."""
    run, events = recorded(part, "how=wait awaited=alarm", PROGRAM)
    assert run.value("deadlock") == "no thread can run"
    assert run.status == 1
    interrupts = [e for e in events if e.kind == Kind.INTERRUPT]
    assert len(interrupts) == 1, "reported before the alarm has come"
    assert interrupts[0].time - events[0].time > 0.99 * SECOND


@pytest.mark.parts(3)
def test_a_deadlock_after_days(command, execute, part):
    """The table says since when, also after a week. (Where nobody runs, the
    clock of an exact run is set to the next alarm.)"""
    run = execute([*command(part, "how=wait awaited=week"), "-serial", "stdio"])
    assert run.value("deadlock") == "no thread can run" and run.status == 1
    since, = re.findall(r"^main +waiting .* (\d+) us$", run.output, re.M)
    week = 7 * 24 * 3600 * 1_000_000
    assert week <= int(since) < week + 1_000_000


@pytest.mark.parts(3)
def test_a_cycle_is_reported_at_once(recorded, part):
    """A cycle is a deadlock, whatever alarm may come."""
    run, events = recorded(part, "how=wait awaited=cycle", PROGRAM)
    assert run.value("deadlock") == "lonely waits for lonely"
    assert run.status == 1
    assert events[-1].time - events[0].time < 0.01 * SECOND
    assert not any(e.kind == Kind.INTERRUPT for e in events)


@pytest.mark.parts(3)
@pytest.mark.parametrize("awaited", ["line", "serial"])
@both_gics
def test_an_interrupt_is_awaited(talk_to, part, awaited, gic):
    """Where a line is bound nobody knows what may come: the machine sleeps,
    and tells who waits when it is asked."""
    session = talk_to(part, f"how=wait awaited={awaited}", gic=gic)
    session.expect("demo: crasher")
    # Who has bound the serial line decides when it is heard again.
    for _ in range(1 if awaited == "serial" else 3):
        session.send("\x14")
        session.expect("main            waiting ")
    assert "deadlock" not in session.run().output


@pytest.mark.parts(3)
@both_gics
def test_ctrl_t_beside_a_hog(talk_to, part, gic):
    """One that never enters the kernel, and all others wait: the timer is off,
    and the key still is heard, again and again."""
    session = talk_to(part, "how=hog", gic=gic)
    session.expect("demo: crasher")
    for _ in range(3):
        session.send("\x14")
        session.expect("thread          is        cap waits for       since")
        session.expect("main            joining ")
        session.expect("hog             ready")


# --- Typing ---

def assert_typed(run: Run, text: str) -> None:
    """All that was typed came, each character once and in order."""
    typed, rest = run.value("typed"), iter(text)
    assert all(c in rest for c in typed), "a character took another's place"
    assert typed == text, "characters got lost"


@pytest.mark.parts(3)
@both_gics
@pytest.mark.parametrize("length", [1, 16, 17, 33, 100, 250])
def test_a_slow_driver_loses_nothing(command, execute, part, gic, length):
    """The UART keeps 16 characters and the kernel another 16; the line waits
    with the rest."""
    text = "".join(chr(33 + n * 7 % 90) for n in range(length))
    run = execute([*command(part, "how=slow", gic=gic), "-serial", "stdio"],
                  typed=guest.keys(f"{text}\r"))
    assert_typed(run, text)
    assert run.status == 0


@pytest.mark.parts(3)
@both_gics
@pytest.mark.parametrize("length", [1, 16, 17, 100])
def test_what_nobody_reads_stops_nobody(command, execute, part, gic, length):
    """A UART whose characters the kernel has no room for does not interrupt
    without end: who computes gets on, and nothing is lost."""
    text = "".join(chr(33 + n * 7 % 90) for n in range(length))
    run = execute([*command(part, "how=deaf", gic=gic), "-serial", "stdio"],
                  typed=guest.keys(f"{text}\r"))
    assert "listens" in run.lines(), "time ran out: nobody else runs"
    assert_typed(run, text)
    assert run.status == 0


@pytest.mark.parts(3)
def test_each_key_reaches_the_driver(talk_to, part):
    """Each key that is typed reaches the driver before the next one is, also
    where another thread enters the kernel all the time."""
    session = talk_to(part, "how=drive")
    session.expect("driver: ready")
    for key in "abcdefghijklmnopqrstuvwxy" * 4 + "z":
        session.send(key)
        session.expect(f"<{key}>")
    assert session.finish() == 0


MANY = [f"line {n} " + chr(97 + n % 26) * (n % 20) for n in range(200)]


@pytest.mark.parts(3)
def test_drivers_with_bursts(boot, part):
    """Hundreds of lines at once come out, each once and in order, at least for
    each client."""
    run = boot(part, "drivers", typed=type_lines(MANY))
    # An echo may tear a client's line apart on the screen; most are whole.
    got = [(who, line) for who, line in lines_got(run) if line in MANY]
    lines = [line for _, line in got]
    assert len(lines) >= 180
    assert len(set(lines)) == len(lines)
    if part == harness.PARTS[3]:
        assert lines == sorted(lines, key=MANY.index)
    assert in_order_for_each(got, MANY)
    assert run.result() == "200 lines"
