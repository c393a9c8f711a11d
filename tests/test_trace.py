# SPDX-License-Identifier: MIT
"""`make part3 trace`: who ran when, from the events of a run."""
from __future__ import annotations

import itertools
import json
import re
import shutil
import xml.etree.ElementTree as tree
from pathlib import Path

import pytest

import harness
import ipc_trace
import ring
import timeline
import trace
from harness import ROOT, make
from ring import NOBODY, Event, Kind
from test_make import complaint
from timeline import Labels, Span, Timeline
from transcript import Boot

SVG = "{http://www.w3.org/2000/svg}"
MHZ = 62_500_000
CALL = timeline.SYS_CALL

LABELS = Labels("make part3 trace", MHZ, {0: "main", 1: "<&>"},
                ["send", "nbsend", "call"])


def events(text: str) -> list[Event]:
    """Events from "time KIND thread", with commas; "-" is nobody. A fourth word
    is the CPU. What enters does so with a call, or, as the kind SEND, with a
    send."""
    out = []
    for words in text.split(","):
        time, kind, who, *cpu = words.split()
        thread = NOBODY if who == "-" else int(who)
        call = 0 if kind == "SEND" else CALL
        out.append(Event(int(time), Kind[kind.replace("SEND", "ENTER")],
                         thread, (0,) * 7 + (call,), *map(int, cpu)))
    return out


def follow(text: str, end: int | None = None, cpus: int = 1,
           whole: bool = True) -> timeline.Timeline:
    return timeline.timeline(events(text), end, cpus, whole)


# --- From events to a timeline ---

SLICES = """0 ENTER 0, 5 APPEND 1, 7 LEAVE 0, 20 INTERRUPT 0, 21 APPEND 0,
    22 TAKE 1, 50 INTERRUPT 1, 51 APPEND 1, 52 TAKE 0, 60 ENTER 0, 61 LEAVE 0"""


def test_slices():
    """A thread runs from where it is taken to where another one is, and waits
    from where it is appended to where it is taken."""
    line = follow(SLICES)
    assert line.runs == [Span(0, 0, 22), Span(1, 22, 52), Span(0, 52, 61)]
    assert sorted(line.waits, key=lambda s: s.start) == [
        Span(1, 5, 22), Span(0, 21, 52), Span(1, 51, 61)]
    assert line.interrupts == [(20, 0, 0), (50, 1, 0)]
    assert not line.arrows


def test_an_interrupt_that_changes_nothing():
    """A thread that goes on after an interrupt has one slice, not two."""
    line = follow("0 ENTER 0, 9 LEAVE 0, 20 INTERRUPT 0, 30 ENTER 0,"
                  "31 LEAVE 0")
    assert line.runs == [Span(0, 0, 31)]
    assert line.interrupts == [(20, 0, 0)]


def test_a_direct_switch():
    """Who goes on, though nobody took it out of the run queue, was called."""
    line = follow("0 ENTER 1, 4 LEAVE 2, 20 ENTER 2, 25 LEAVE 1, 30 ENTER 1,"
                  "31 APPEND 2, 35 LEAVE 1")
    assert line.runs == [Span(1, 0, 4), Span(2, 4, 25), Span(1, 25, 35)]
    assert line.arrows == [timeline.Arrow(0, 1, 4, 2, CALL),
                           timeline.Arrow(20, 2, 25, 1, CALL)]


def test_nobody():
    """The CPU idles from the last event before until a thread is taken; an
    interrupt that wakes nobody does not end it."""
    line = follow("0 ENTER 0, 90 INTERRUPT -, 180 INTERRUPT -, 181 APPEND 0,"
                  "182 TAKE 0, 185 LEAVE 0, 200 ENTER 0")
    assert line.runs == [Span(0, 0, 0), Span(NOBODY, 0, 182),
                         Span(0, 182, 200)]
    assert line.interrupts == [(90, NOBODY, 0), (180, NOBODY, 0)]
    assert not line.arrows
    assert LABELS.name(NOBODY) == "idle"


def test_nobody_is_taken():
    """From part 4 on the kernel says when the CPU begins to idle."""
    line = follow("0 ENTER 0, 40 TAKE -, 90 INTERRUPT -, 180 INTERRUPT -,"
                  "181 APPEND 0, 182 TAKE 0, 185 LEAVE 0, 200 ENTER 0")
    assert line.runs == [Span(0, 0, 40), Span(NOBODY, 40, 182),
                         Span(0, 182, 200)]
    assert line.waits == [Span(0, 181, 182)]


def test_lending():
    """A thread runs on the context of the one that the kernel names after it
    was taken, or before it goes on; on its own, if none is named."""
    line = follow("0 ENTER 3, 4 LEND 3, 5 LEAVE 1, 20 ENTER 1, 21 LEAVE 3,"
                  "30 ENTER 3, 31 APPEND 2, 34 TAKE 2, 35 LEND 3, 36 LEAVE 2,"
                  "40 ENTER 2, 44 LEAVE 2, 48 APPEND 0, 50 TAKE 0, 60 LEAVE 0")
    assert line.runs == [Span(3, 0, 5), Span(1, 5, 21, 3), Span(3, 21, 34),
                         Span(2, 34, 50, 3), Span(0, 50, 60)]
    assert line.lends() == [Span(3, 5, 21), Span(3, 34, 50)]
    assert line.arrows == [timeline.Arrow(0, 3, 5, 1, CALL),
                           timeline.Arrow(20, 1, 21, 3, CALL)]
    assert line.between(10, 40).runs == [
        Span(1, 10, 21, 3), Span(3, 21, 34), Span(2, 34, 40, 3)]
    assert line.between(10, 15).threads() == [1, 3]


def test_another_context():
    """A thread that is taken while it runs goes on on another context: it
    waited for nobody, and nobody was switched to."""
    line = follow("0 TAKE 1, 1 LEND 3, 2 LEAVE 1, 10 INTERRUPT 1, 11 TAKE 1,"
                  "12 LEND 2, 20 INTERRUPT 1, 21 TAKE 1, 30 ENTER 1")
    assert line.runs == [Span(1, 0, 11, 3), Span(1, 11, 21, 2),
                         Span(1, 21, 30)]
    assert line.waits == [Span(1, 0, 0)]  # before the first TAKE
    rows = [row.split() for row in timeline.table(line, LABELS)[1:]]
    assert [row[-3] for row in rows] == ["0", "0", "0"]


def test_a_thread_that_is_alone():
    """One that yields to itself runs on: that is one slice."""
    line = follow("0 ENTER 0, 1 APPEND 0, 2 TAKE 0, 3 LEAVE 0, 9 ENTER 0")
    assert line.runs == [Span(0, 0, 9)]


def test_a_loan_that_came_to_nothing():
    """The server is preempted before the call is over."""
    line = follow("0 ENTER 3, 1 LEND 3, 2 APPEND 1, 3 TAKE 2, 4 LEAVE 2,"
                  "9 ENTER 2, 10 TAKE 1, 11 LEAVE 1, 12 ENTER 1")
    assert line.runs == [Span(3, 0, 3), Span(2, 3, 10), Span(1, 10, 12)]
    assert not line.arrows


def test_a_reply_is_awaited():
    """From the call until the caller is ready, or goes on; not if the call
    failed."""
    line = follow("0 ENTER 0, 5 TAKE 1, 6 LEAVE 1, 30 SEND 1, 34 LEAVE 0,"
                  "40 ENTER 0, 41 LEAVE 0, 50 ENTER 0, 51 APPEND 0, 52 TAKE 1,"
                  "60 ENTER 1, 61 TAKE 0, 62 LEAVE 0, 70 INTERRUPT 0,"
                  "71 APPEND 1, 72 TAKE 1, 80 ENTER 1")
    assert line.awaits == [Span(0, 0, 34), Span(1, 60, 71)]
    line = follow("0 ENTER 0, 5 TAKE 1, 6 LEAVE 1", end=50)
    assert line.awaits == [Span(0, 0, 50)]
    part = line.between(20, 30)
    assert part.awaits == [Span(0, 20, 30)] and part.threads() == [0, 1]


# 1 is interrupted at its budget's end and waits for the next; 0 runs, and then
# answers it, which changes nothing for 1.
BUDGET = """0 TAKE 1, 5 LEAVE 1, 40 INTERRUPT 1, 41 EXHAUST 1, 42 APPEND 1,
    43 TAKE 0, 44 LEAVE 0, 80 INTERRUPT 0, 81 REFILL 1, 82 APPEND 0, 85 TAKE 1,
    90 ENTER 1"""


def test_a_budget():
    """It is used up from EXHAUST to REFILL. In between its thread can't run:
    what it waits for then is not that others let it run."""
    line = follow(BUDGET)
    assert line.runs == [Span(1, 0, 43), Span(0, 43, 85), Span(1, 85, 90)]
    assert line.spent == [Span(1, 41, 81)]
    assert line.waits == [Span(1, 0, 0), Span(0, 0, 43), Span(1, 81, 85),
                          Span(0, 82, 90)]
    assert line.without(1) == pytest.approx(40 / 90) and not line.without(0)
    part = line.between(60, 70)
    assert part.spent == [Span(1, 60, 70)] and part.threads() == [0, 1]
    assert follow(BUDGET.partition(", 80")[0], end=70).spent == [
        Span(1, 41, 70)]


def test_a_budget_that_ends_in_a_server():
    """The payer's budget is used up, and the server goes on on another's."""
    line = follow("0 ENTER 3, 1 LEND 3, 2 LEAVE 1, 20 INTERRUPT 1,"
                  "21 EXHAUST 3, 22 TAKE 1, 23 LEND 2, 30 ENTER 1, 31 APPEND 3,"
                  "32 LEAVE 1, 50 INTERRUPT 1, 51 REFILL 3, 52 APPEND 1,"
                  "53 TAKE 3, 60 ENTER 3")
    assert line.spent == [Span(3, 21, 51)]
    assert line.awaits == [Span(3, 0, 31)]
    assert [w for w in line.waits if w.thread == 3] == [Span(3, 51, 53)]


def test_a_new_limit():
    """A context that gets a new budget before the old one is back runs at
    once; no REFILL tells that."""
    line = follow(BUDGET.replace("81 REFILL 1, ", "").replace(
        "90 ENTER 1", "90 ENTER 1, 91 EXHAUST 1, 92 TAKE 0, 99 ENTER 0"))
    assert line.spent == [Span(1, 41, 85), Span(1, 91, 99)]


def test_outside():
    """What of a span no hole of its thread covers; a moment is something."""
    spans = [Span(1, 0, 10), Span(2, 0, 10), Span(1, 20, 20)]
    assert timeline.outside(spans, []) == spans
    assert timeline.outside(spans, [Span(1, 3, 5), Span(1, 9, 12)]) == [
        Span(1, 0, 3), Span(1, 5, 9), Span(2, 0, 10), Span(1, 20, 20)]
    assert timeline.outside(spans, [Span(1, 0, 30)]) == [Span(2, 0, 10)]


@pytest.mark.parametrize("first, runs", [
    ("5 ENTER 1", [Span(1, 5, 9), Span(0, 9, 10)]),
    ("5 INTERRUPT 1", [Span(1, 5, 9), Span(0, 9, 10)]),
    ("5 APPEND 1", [Span(0, 9, 10)]),
    ("5 TAKE 1", [Span(1, 5, 9), Span(0, 9, 10)]),
    ("5 LEAVE 1", [Span(1, 5, 9), Span(0, 9, 10)]),
    ("5 INTERRUPT -", [Span(NOBODY, 5, 9), Span(0, 9, 10)]),
    ("5 TAKE -", [Span(NOBODY, 5, 9), Span(0, 9, 10)]),
    ("5 LEND 2", [Span(0, 9, 10)]),
    ("5 EXHAUST 1", [Span(0, 9, 10)]),
    ("5 REFILL 1", [Span(0, 9, 10)]),
    ("5 LEND 2, 6 LEAVE 1", [Span(1, 6, 9, 2), Span(0, 9, 10)]),
    ("5 LEND 2, 6 ENTER 1", [Span(1, 5, 9, 2), Span(0, 9, 10)]),
])
def test_it_may_begin_anywhere(first, runs):
    """The oldest events may be lost: the first tells who ran, if it can."""
    line = follow(first + ", 9 TAKE 0, 10 LEAVE 0")
    assert line.runs == runs
    known = sum(s.end - s.start for s in runs) / (line.end - line.start)
    assert sum(map(line.share, line.threads())) == pytest.approx(known)
    assert sum(map(line.paid, line.threads())) == pytest.approx(known)


def test_the_end():
    """A run that was stopped ends later than its last event."""
    line = follow("0 ENTER 0, 3 APPEND 1, 5 LEAVE 0", end=1000)
    assert line.runs == [Span(0, 0, 1000)]
    assert line.waits == [Span(1, 3, 1000)]


def test_a_part_of_the_time():
    line = follow(SLICES).between(40, 52)
    assert line.runs == [Span(1, 40, 52)]
    assert line.waits == [Span(0, 40, 52), Span(1, 51, 52)]
    assert line.interrupts == [(50, 1, 0)]


# --- Several CPUs ---

# 0 makes 1, which CPU 1 takes over. 1 is preempted there, and goes on on CPU 0,
# which had nothing to do.
TWO = """0 ENTER 0, 4 APPEND 1, 5 LEAVE 0, 10 INTERRUPT - 1, 12 TAKE 1 1,
    20 ENTER 0, 21 TAKE -, 30 INTERRUPT 1 1, 31 APPEND 1 1, 32 TAKE 2 1,
    35 INTERRUPT -, 36 TAKE 1, 37 LEAVE 1, 40 ENTER 2 1, 41 TAKE - 1,
    60 ENTER 1, 70 LEAVE 1"""


def test_two_cpus():
    """Each has a thread of its own, and idles by itself. Who is taken by the
    one waits no more, wherever it became ready."""
    line = follow(TWO, cpus=2)
    assert line.runs == [
        Span(0, 0, 21), Span(NOBODY, 21, 36), Span(1, 36, 70),
        *(Span(*s, cpu=1) for s in ((NOBODY, 0, 12), (1, 12, 32), (2, 32, 41),
                                    (NOBODY, 41, 70)))]
    assert line.waits == [Span(1, 4, 12), Span(2, 0, 32), Span(1, 31, 36)]
    assert line.interrupts == [(10, NOBODY, 1), (30, 1, 1), (35, NOBODY, 0)]
    assert not line.arrows
    assert sum(map(line.share, line.threads())) == pytest.approx(1)
    assert line.share(1) == pytest.approx((20 + 34) / 140)
    assert line.share(NOBODY) == pytest.approx((15 + 41) / 140)
    assert [line.idle(n) for n in (0, 1)] == [15 / 70, 41 / 70]
    assert [line.moves(t) for t in (0, 1, 2)] == [0, 1, 0]
    assert [(s.thread, s.cpu) for s in line.switches()] == [
        (NOBODY, 0), (1, 0), (1, 1), (2, 1), (NOBODY, 1)]
    part = line.between(33, 38)
    assert part.runs == [Span(NOBODY, 33, 36), Span(1, 36, 38),
                         Span(2, 33, 38, cpu=1)]
    assert part.share(2) == pytest.approx(1 / 2)


def test_the_beginning_of_two_cpus():
    """At the very beginning all others idle. Where it is lost, the first event
    of a CPU tells who has run there; of one without any nothing is known."""
    text = "0 ENTER 0, 9 INTERRUPT 1 1, 10 LEAVE 0"
    line = follow(text, cpus=3, whole=False)
    assert line.runs == [Span(0, 0, 10), Span(1, 0, 10, cpu=1)]
    idle = follow("0 ENTER 0, 9 INTERRUPT - 1, 10 LEAVE 0", cpus=3)
    assert idle.runs == [Span(0, 0, 10), Span(NOBODY, 0, 10, cpu=1),
                         Span(NOBODY, 0, 10, cpu=2)]


def test_calls_on_two_cpus():
    """Two direct switches, one behind the other's ENTER; each loan is its CPU's
    own; an answer ends a wait that began on the other CPU."""
    line = follow("0 ENTER 3, 1 LEND 3, 2 LEAVE 1, 3 INTERRUPT - 1, 4 TAKE 4 1,"
                  "10 ENTER 4 1, 11 LEND 4 1, 12 LEAVE 2 1, 20 SEND 1,"
                  "21 TAKE -, 30 SEND 2 1, 31 APPEND 3 1, 32 LEAVE 2 1,"
                  "40 SEND 2 1, 41 LEAVE 4 1, 45 INTERRUPT 4 1, 46 APPEND 4 1,"
                  "47 TAKE 3 1, 48 INTERRUPT -, 49 TAKE 4, 60 ENTER 4",
                  cpus=2)
    assert [s for s in line.runs if s.lender is not None] == [
        Span(1, 2, 21, 3, 0), Span(2, 12, 41, 4, 1)]
    assert [(a.caller, a.callee) for a in line.arrows] == [
        (3, 1), (4, 2), (2, 4)]
    assert line.awaits == [Span(3, 0, 31), Span(4, 10, 41)]
    assert [line.moves(t) for t in (3, 4)] == [1, 1]
    assert "For 40.0 % of the time, another ran" in timeline.described(
        line, LABELS)


def test_a_lender_is_of_the_cpu():
    """A LEND behind a TAKE is about that one, though the other CPU was in
    between; and what it took before does not count."""
    line = follow("0 ENTER 0, 1 TAKE -, 2 INTERRUPT - 1, 3 TAKE 1 1,"
                  "4 INTERRUPT -, 5 TAKE 2, 6 LEND 3 1, 7 ENTER 2, 8 ENTER 1 1",
                  cpus=2)
    assert [s for s in line.runs if s.lender is not None] == [
        Span(1, 3, 8, 3, 1)]


def test_a_call_that_goes_on_at_the_end():
    """A thread that runs awaits nothing, on whichever CPU it does."""
    line = follow("0 ENTER 0, 1 INTERRUPT - 1, 2 TAKE 1 1, 3 ENTER 1 1",
                  cpus=2)
    assert not line.awaits


def test_a_budget_on_two_cpus():
    """It is the thread's: used up on one CPU, back on the other."""
    line = follow("0 ENTER 0, 1 INTERRUPT - 1, 2 TAKE 1 1, 10 INTERRUPT 1 1,"
                  "11 EXHAUST 1 1, 12 APPEND 1 1, 13 TAKE - 1, 50 ENTER 0,"
                  "51 REFILL 1, 52 LEAVE 0, 60 INTERRUPT - 1, 61 TAKE 1 1,"
                  "70 ENTER 1 1", cpus=2)
    assert line.spent == [Span(1, 11, 51)]
    assert line.without(1) == pytest.approx(40 / 70)
    assert [w for w in line.waits if w.thread == 1][-1] == Span(1, 51, 61)


def test_two_cpus_in_chrome_s_format():
    """First a track for each CPU, with who ran; then one for each thread, with
    where. An interrupt of nobody is the CPU's."""
    found = check_chrome(json.dumps(timeline.chrome(follow(TWO, cpus=2),
                                                    LABELS)))
    names = {e["tid"]: e["args"]["name"] for e in found
             if e["name"] == "thread_name"}
    assert names == {1: "cpu 0", 2: "cpu 1", 3: "main", 4: "<&>", 5: "thread 2"}
    slices = [(e["tid"], e["name"], round(e["ts"] * 62.5), e["args"]["cpu"])
              for e in found if e["ph"] == "X"]
    assert slices == [
        (1, "main", 0, 0), (1, "idle", 21, 0), (1, "<&>", 36, 0),
        (2, "idle", 0, 1), (2, "<&>", 12, 1), (2, "thread 2", 32, 1),
        (2, "idle", 41, 1), (3, "runs", 0, 0), (4, "runs", 36, 0),
        (4, "runs", 12, 1), (5, "runs", 32, 1)]
    assert [e["tid"] for e in found if e["ph"] == "i"] == [2, 4, 1]


def test_the_picture_of_two_cpus():
    """Instead of a row for who idles one for each CPU. A run has its CPU's
    color and, where there is room, its number; and there, who it is."""
    text = timeline.svg(follow(TWO, cpus=2), LABELS)
    picture = tree.fromstring(text)
    shown = [e.text for e in picture.iter(f"{SVG}text")]
    bold = [e.text for e in picture.iter(f"{SVG}text")
            if e.get("font-weight")]
    assert bold == ["main", "<&>", "thread 2", "cpu 0", "cpu 1"]
    assert {word: shown.count(word) for word in (
        "0", "1", "main", "<&>", "thread 2", "idle", "runs, by CPU")} == {
        "0": 2, "1": 2, "main": 2, "<&>": 3, "thread 2": 1,  # too narrow
        "idle": 3 + 1, "runs, by CPU": 1}
    drawn = [b for b in boxes(text) if b[0] != timeline.AWAITS
             and b[2] < timeline.TOP + 5 * timeline.ROW]
    rows: dict[float, set[str]] = {}
    for color, _, top, _ in drawn:
        rows.setdefault((top - timeline.TOP) // timeline.ROW, set()).add(color)
    first, second = timeline.CPUS[:2]
    assert rows == {0: {first}, 1: {first, second, timeline.WAITS},
                    2: {second, timeline.WAITS}, 3: {first, timeline.IDLES},
                    4: {second, timeline.IDLES}}
    marks = re.findall(rf'd="M[\d.]+ (\d+)v\d+" '
                       rf'stroke="{timeline.INTERRUPT}"', text)
    assert [(int(y) - timeline.TOP) // timeline.ROW for y in marks[:-1]] == [
        1, 3, 4, 4]
    assert "Of the time of 2 CPUs ran: main 15.0 %" in text
    for element in picture.iter(f"{SVG}text"):
        right = float(element.get("x")) + 6.4 * len(element.text)
        assert right < timeline.WIDTH or element.get("text-anchor")
    assert len(set(timeline.CPUS)) == ring.MOST_CPUS


def test_the_tables_of_two_cpus():
    line = follow(TWO, cpus=2)
    head, *rows = timeline.table(line, LABELS)
    assert head.split("  ")[-3:] == ["switched to", "moved", "longest wait"]
    assert [row.split()[-7:] for row in rows[1:3]] == [
        ["<&>", "38.6", "%", "2", "1", "0.000", "ms"],
        ["2", "6.4", "%", "1", "0", "0.001", "ms"]]
    assert rows[3].split() == ["idle", "40.0", "%", "2"]
    assert all(len(row) == len(head) for row in rows[:3])
    assert [row.split() for row in timeline.cpu_table(line, LABELS)] == [
        ["cpu", "idle", "switches"], ["cpu", "0", "21.4", "%", "2"],
        ["cpu", "1", "58.6", "%", "3"]]


# --- From the ring to events ---


def ring_file(folder: Path, count: int, records: list[tuple[int, ...]]) -> Path:
    """A part of 4 events with a machine's memory: the ring at its start, the
    list of threads behind it."""
    (folder / "trace.h").write_text("    TRACE_EVENTS = 4, // in the ring\n")
    at = ring.RAM + 1024
    (folder / "kernel.sym").write_text(
        f"{ring.RAM:016x} B trace_ring\n{at:016x} B threads\n")
    data = bytearray(2048)
    data[:8] = count.to_bytes(8, "little")
    for n, record in enumerate(records):
        ring.EVENT.pack_into(data, 8 + n * ring.EVENT.size, *record)
    for n, name in enumerate([b"main", b"a\x1b[1m\xff", b"p" * 16]):
        here, behind = at + 64 * (n + 1), at + 64 * (n + 2) if n < 2 else at
        ring.NAMED.pack_into(data, here - ring.RAM, behind, 0, n, name)
    data[1024:1032] = (at + 64).to_bytes(8, "little")
    memory = folder / "ram"
    memory.write_bytes(data)
    return memory


def record(time: int, kind: int = 1) -> tuple[int, ...]:
    return time, kind, 5, 7, *range(8)


def test_a_ring(tmp_path):
    memory = ring_file(tmp_path, 3, [record(n) for n in range(4)])
    found, lost = ring.read_events(memory, tmp_path, tmp_path)
    assert [e.time for e in found] == [0, 1, 2] and lost == 0
    assert found[0] == Event(0, Kind.ENTER, 7, tuple(range(8)), 5)


def test_a_wrapped_ring(tmp_path):
    """The oldest event comes first, wherever it lies."""
    memory = ring_file(tmp_path, 10, [record(n) for n in (8, 9, 6, 7)])
    found, lost = ring.read_events(memory, tmp_path, tmp_path)
    assert [e.time for e in found] == [6, 7, 8, 9] and lost == 6


@pytest.mark.parametrize("kind, cpu", [(0, 0), (9, 0), (2**16 - 1, 7), (1, 8)])
def test_an_unknown_kind(tmp_path, kind, cpu):
    memory = ring_file(tmp_path, 1, [(0, kind, cpu, *range(9))])
    with pytest.raises(harness.qemu.Wrong,
                       match=f"an event of kind {kind} on CPU {cpu}, which"):
        ring.read_events(memory, tmp_path, tmp_path)


def test_names(tmp_path, monkeypatch):
    """Nothing that a terminal would obey; a list that leads nowhere ends."""
    monkeypatch.setattr(ring.qemu, "build", lambda part: part)
    memory = ring_file(tmp_path, 0, [])
    assert ring.read_names(memory, tmp_path) == {
        0: "main", 1: "a?[1m\N{REPLACEMENT CHARACTER}", 2: "p" * 16}
    data = bytearray(memory.read_bytes())
    data[1024 + 64:1024 + 72] = (8).to_bytes(8, "little")
    memory.write_bytes(data)
    assert ring.read_names(memory, tmp_path) == {0: "main"}


@pytest.mark.parts(2)
def test_the_kernel_is_as_the_tool_thinks(part):
    """The kinds, and what lies behind a thread's node in the list of all."""
    kinds = re.findall(r"^    TRACE_([A-Z]+)(?: = 1)?,",
                       (part / "trace.h").read_text(), re.MULTILINE)
    assert kinds == [kind.name for kind in Kind][:len(kinds)]
    assert len(kinds) == {"part2-ipc": 4, "part3-preempt": 5}.get(
        part.name, len(Kind))
    fields = re.findall(r"^    [^/*\n]*?\b(\w+)(?:\[\w+\])?;",
                        (part / "thread.h").read_text(), re.MULTILINE)
    begin = fields.index("all")
    assert fields[begin:begin + 3] == ["all", "number", "name"]
    assert "THREAD_NAME = 16," in (part / "thread.h").read_text()
    assert trace.calls(part)[CALL] == "call"
    if "cpu_count" in ring.symbols(harness.qemu.build(part)):
        assert f"MACHINE_CPUS = {ring.MOST_CPUS}," in (
            part / "machine.h").read_text()


# --- What is made of a timeline ---


def check_chrome(text: str) -> list[dict]:
    """A schema of Chrome's format, as far as we use it; the events."""
    data = json.loads(text)
    assert set(data) == {"displayTimeUnit", "traceEvents"}
    assert data["displayTimeUnit"] in ("ns", "ms")
    needs = {"M": {"args"}, "X": {"ts", "dur"}, "i": {"ts", "s"},
             "b": {"ts", "id", "cat"}, "e": {"ts", "id", "cat"},
             "s": {"ts", "id", "cat"}, "f": {"ts", "id", "cat", "bp"}}
    slices, named = [], set()
    cpus = [e for e in data["traceEvents"] if e["name"] == "thread_name"
            and re.fullmatch(r"cpu \d", e["args"]["name"])]
    for event in data["traceEvents"]:
        lent = {"args"} & set(event) if event["ph"] == "X" else set()
        assert set(event) == ({"ph", "pid", "tid", "name"} | lent |
                              needs[event["ph"]])
        assert isinstance(event["pid"], int) and isinstance(event["tid"], int)
        assert isinstance(event["name"], str) and event["name"]
        for key in {"ts", "dur"} & set(event):
            assert isinstance(event[key], (int, float)) and event[key] >= 0
        if event["name"] == "thread_name":
            named.add(event["tid"])
            assert event["args"]["name"]
        if event["ph"] == "X":
            slices.append(event)
            args = set(event.get("args", ()))
            assert args - {"lender"} == ({"cpu"} if cpus else set())
            assert not lent or args
        if event["ph"] == "i":
            assert event["s"] == "t"
    assert {e["tid"] for e in data["traceEvents"] if e["ph"] != "M"} <= named
    names = {e["args"]["name"] for e in data["traceEvents"]
             if e["name"] == "thread_name"}
    assert {s["args"]["lender"] for s in slices
            if "lender" in s.get("args", ())} <= names
    # Both ends of an arrow lie in a slice of their tracks.
    ends: dict[int, list[dict]] = {}
    for event in data["traceEvents"]:
        if event["ph"] in "sf":
            ends.setdefault(event["id"], []).append(event)
            assert any(s["tid"] == event["tid"] and s["ts"] <= event["ts"]
                       <= round(s["ts"] + s["dur"], 3) for s in slices), event
    for first, last in ends.values():
        assert (first["ph"], last["ph"], last["bp"]) == ("s", "f", "e")
        assert first["ts"] <= last["ts"] and first["name"] == last["name"]
    # What begins ends, once, under the same name.
    stretches: dict[tuple[str, int], list[dict]] = {}
    for event in data["traceEvents"]:
        if event["ph"] in "be":
            stretches.setdefault((event["cat"], event["id"]), []).append(event)
    for first, last in stretches.values():
        assert (first["ph"], last["ph"]) == ("b", "e")
        assert first["ts"] <= last["ts"]
        assert (first["name"], first["tid"]) == (last["name"], last["tid"])
    # On one CPU one thread runs at a time, and a thread on one CPU.
    for tid in named if cpus else [None]:
        mine = [s for s in slices if tid in (None, s["tid"])]
        for one, next_one in itertools.pairwise(
                sorted(mine, key=lambda s: (s["ts"], s["dur"]))):
            assert round(one["ts"] + one["dur"], 3) <= next_one["ts"]
    # What a CPU's track has is in the threads', too, but for who idles.
    tracks = {e["tid"] for e in cpus}
    times = [[(s["ts"], s["dur"], s["args"]["cpu"]) for s in slices
              if (s["tid"] in tracks) == own and s["name"] != "idle"]
             for own in ((True, False) if cpus else ())]
    assert not cpus or sorted(times[0]) == sorted(times[1])
    return data["traceEvents"]


def test_chrome_s_format():
    """Times in microseconds, a track for each thread, arrows between them."""
    line = follow("0 ENTER 0, 125 LEAVE 1, 250 INTERRUPT 1, 500 ENTER 1,"
                  "1000 INTERRUPT -, 1001 APPEND 0, 1005 TAKE 0, 1010 LEAVE 0")
    found = check_chrome(json.dumps(timeline.chrome(line, LABELS)))
    names = {e["tid"]: e["args"]["name"] for e in found
             if e["name"] == "thread_name"}
    assert names == {1: "main", 2: "<&>", 3: "idle"}
    assert [(e["name"], e["tid"], e["ts"], e["dur"])
            for e in found if e["ph"] == "X"] == [
        ("runs", 1, 0, 2), ("runs", 2, 2, 6), ("idle", 3, 8, 8.08),
        ("runs", 1, 16.08, 0.08)]
    assert [(e["tid"], e["ts"]) for e in found if e["ph"] == "i"] == [
        (2, 4), (3, 16)]
    assert [(e["ph"], e["tid"], e["ts"], e["name"]) for e in found
            if e["ph"] in "sf"] == [("s", 1, 0, "call"), ("f", 2, 2, "call")]


def test_who_lends_in_chrome_s_format():
    """The slice of who runs names the lender."""
    line = follow("0 ENTER 0, 4 LEND 0, 5 LEAVE 1, 20 ENTER 1, 21 LEAVE 0,"
                  "30 ENTER 0")
    found = check_chrome(json.dumps(timeline.chrome(line, LABELS)))
    assert [(e["tid"], e.get("args")) for e in found if e["ph"] == "X"] == [
        (1, None), (2, {"lender": "main"}), (1, None)]
    assert [(e["ph"], e["tid"]) for e in found if e["ph"] in "sf"] == [
        ("s", 1), ("f", 2), ("s", 2), ("f", 1)]


def test_budgets_in_chrome_s_format():
    """A stretch of its own, as it may begin while the thread runs."""
    found = check_chrome(json.dumps(timeline.chrome(follow(BUDGET), LABELS)))
    assert [(e["ph"], e["tid"], e["ts"], e["name"]) for e in found
            if e["ph"] in "be"] == [("b", 2, .656, "<&>: budget used up"),
                                    ("e", 2, 1.296, "<&>: budget used up")]


def boxes(text: str) -> list[tuple[str, float, float, float]]:
    """Color, left, top and width of a picture's boxes, but the background."""
    found = [(r.get("fill"), *(float(r.get(k)) for k in ("x", "y", "width")))
             for r in tree.fromstring(text).iter(f"{SVG}rect")
             if r.get("rx") is None]
    return found


def test_the_picture():
    """Well-formed, everything inside, a row for each thread, and the boxes as
    long as the slices."""
    line = follow("0 ENTER 0, 5 APPEND 1, 100 INTERRUPT 0, 101 APPEND 0,"
                  "102 TAKE 1, 300 SEND 1, 500 INTERRUPT -, 501 APPEND 1,"
                  "502 TAKE 1, 1000 ENTER 1")
    text = timeline.svg(line, LABELS)
    picture = tree.fromstring(text)
    width, height = (float(picture.get(k)) for k in ("width", "height"))
    assert picture.findtext(f"{SVG}title") == "make part3 trace"
    for element in picture.iter(f"{SVG}text"):
        x, half = float(element.get("x")), 3.2 * len(element.text)
        start = x - half if element.get("text-anchor") == "middle" else x
        assert 0 <= start and start + 2 * half <= width
        assert 0 < float(element.get("y")) < height
    shown = [e.text for e in picture.iter(f"{SVG}text")]
    for word in ("main", "<&>", "idle", "ms", "runs", "interrupt"):
        assert word in shown
    legend = height - 30
    drawn = [b for b in boxes(text) if b[2] < legend]
    runs = [b for b in drawn if b[0] == timeline.RUNS]
    idle = [b for b in drawn if b[0] == timeline.IDLES]
    scale = (idle[0][3]) / 202
    assert [round(w / scale) for _, _, _, w in runs] == [102, 198, 498]
    assert len({top for _, _, top, _ in (*runs, *idle)}) == 3
    for _, x, _, w in drawn:
        assert 0 < x and x + w <= width - timeline.MARGIN + timeline.THIN
    marks = re.findall(rf'<path d="M([\d.]+) (\d+)v\d+" '
                       rf'stroke="{timeline.INTERRUPT}"', text)
    assert len(marks) == 3  # and the one of the legend among them


def test_the_picture_of_a_call():
    """In the caller's row a line until it is answered, and a box while another
    runs on its context. The legend has them if the picture has."""
    calls = "0 ENTER 0, 100 TAKE 1,{} 101 LEAVE 1, 300 SEND 1, 400 LEAVE 0,"
    rest = "500 ENTER 0"
    lent = timeline.svg(follow(calls.format("100 LEND 0,") + rest), LABELS)
    kept = timeline.svg(follow(calls.format("") + rest), LABELS)
    none = timeline.svg(follow("0 SEND 0, 100 TAKE 1, 500 SEND 1"), LABELS)

    def drawn(text: str, color: str) -> list[tuple[float, float]]:
        """Middle and width, without the legend's."""
        picture = tree.fromstring(text)
        return [(float(r.get("y")) + float(r.get("height")) / 2,
                 float(r.get("width"))) for r in picture.iter(f"{SVG}rect")
                if r.get("fill") == color][:-1]

    (row, whole), = drawn(lent, timeline.AWAITS)
    assert drawn(kept, timeline.AWAITS) == [(row, whole)]
    (other, part), = drawn(lent, timeline.LENDS)
    assert other == row == timeline.TOP + timeline.ROW / 2
    assert part == pytest.approx(whole * 300 / 400, abs=0.2)
    assert "awaits" in lent and "lends" in lent
    assert "awaits" in kept and "lends" not in kept
    assert "awaits" not in none and "lends" not in none
    for text in (lent, kept):
        picture = tree.fromstring(text)
        for element in picture.iter(f"{SVG}text"):
            assert float(element.get("y")) < float(picture.get("height"))
            right = float(element.get("x")) + 6.4 * len(element.text)
            assert right < timeline.WIDTH or element.get("text-anchor")
    said = tree.fromstring(lent).findtext(f"{SVG}desc")
    assert said.endswith("For 60.0 % of the time, another ran on the context "
                         "of main. Longest wait for a reply: main, 0.0 ms.")


def test_the_picture_of_a_budget():
    """In the thread's row, and in the legend, if there is any."""
    text = timeline.svg(follow(BUDGET), LABELS)
    (_, x, top, width), key = [b for b in boxes(text)
                               if b[0] == timeline.SPENT]
    assert top == timeline.TOP + timeline.ROW + timeline.ROW / 2 - 3
    runs = [b for b in boxes(text) if b[0] == timeline.RUNS and b[2] < 100]
    assert width / sum(b[3] for b in runs) == pytest.approx(40 / 90, abs=.01)
    picture = tree.fromstring(text)
    assert key[2] < float(picture.get("height")) - 10
    assert "its budget is used up" in text
    assert picture.findtext(f"{SVG}desc").endswith(
        " Without budget: <&> 44.4 %.")
    assert "budget" not in timeline.svg(follow(SLICES), LABELS)


def test_a_picture_of_one_moment():
    """Even if no time passed; and with many slices in a pixel only one box."""
    tree.fromstring(timeline.svg(follow("7 ENTER 0"), LABELS))
    text = "0 ENTER 0," + ",".join(
        f"{n} TAKE {n % 2}" for n in range(1, 3000)) + ", 9000000 ENTER 1"
    assert len(boxes(timeline.svg(follow(text), LABELS))) < 20


@pytest.mark.parametrize("span, step", [
    (120, 20), (40, 5), (0.03, 0.005), (8, 1), (8.1, 2), (1e-6, 2e-7)])
def test_ticks(span, step):
    assert timeline.tick_step(span) == pytest.approx(step)
    assert span / timeline.tick_step(span) <= 8


def test_the_table():
    """Shares add up to 100.0 %, and the longest wait is the longest."""
    line = follow("0 ENTER 0, 1 APPEND 1, 10000 TAKE 1, 20000 APPEND 2,"
                  "20000 TAKE 2, 20001 APPEND 1, 30000 APPEND 2, 30000 TAKE 1,"
                  "30000 TAKE 2, 30000 ENTER 2")
    assert [p for _, p in timeline.percents(line)] == [
        "33.4 %", "33.3 %", "33.3 %"]
    rows = [row.split() for row in timeline.table(line, LABELS)[1:]]
    assert rows == [["main", "33.4", "%", "0", "0.000", "ms"],
                    ["<&>", "33.3", "%", "2", "0.160", "ms"],
                    ["thread", "2", "33.3", "%", "2", "0.000", "ms"]]


def test_the_table_of_who_paid():
    """What a server runs on its client's context, the client pays for. The
    column is there only if that tells more than the shares."""
    lent = "0 ENTER 0, 300 TAKE 1,{} 900 TAKE -, 1000 INTERRUPT -"
    line = follow(lent.format("300 LEND 0,"))
    head, *rows = timeline.table(line, LABELS)
    assert head.split("  ")[-3:] == ["paid for", "switched to", "longest wait"]
    assert [row.split()[1:6] for row in rows] == [
        ["30.0", "%", "90.0", "%", "0"], ["60.0", "%", "0.0", "%", "1"],
        ["10.0", "%", "1"]]
    assert len(rows[0]) == len(rows[1]) == len(head)
    plain = timeline.table(follow(lent.format("")), LABELS)
    assert "paid" not in plain[0] and plain[2].split()[1:4] == [
        "60.0", "%", "1"]
    assert rows[2].index("1", 20) - plain[3].index("1", 20) == len("  paid for")


def test_the_table_of_budgets():
    """For how much of the time the budget was used up, if any was; and the
    longest wait is one with a budget."""
    head, *rows = timeline.table(follow(BUDGET), Labels(
        "", 1000, {0: "main", 1: "<&>"}, []))
    assert head.split("  ")[-3:] == ["no budget", "switched to",
                                     "longest wait"]
    assert [row.split()[1:] for row in rows] == [
        ["46.7", "%", "0.0", "%", "1", "43.000", "ms"],
        ["53.3", "%", "44.4", "%", "1", "4.000", "ms"]]
    assert all(len(row) == len(head) for row in rows)
    assert "budget" not in timeline.table(follow(SLICES), LABELS)[0]


# --- Real runs ---


def shares(printed: str) -> dict[str, float]:
    return {m[1].strip(): float(m[2]) for m in
            re.finditer(r"^(\w[\w ]*?) +([\d.]+) % +\d+", printed, re.M)}


def traced(part: Path, **choice: str) -> tuple[str, list[dict], str]:
    """What `make partN trace` printed, the JSON's events, and the picture."""
    for name in ("trace.json", "trace.svg"):
        (harness.qemu.build(part) / name).unlink(missing_ok=True)
    done = make(part.name, "trace", **choice)
    assert done.returncode == 0, done.stderr
    build = harness.qemu.build(part)
    return (done.stdout, check_chrome((build / "trace.json").read_text()),
            (build / "trace.svg").read_text())


@pytest.mark.ordinary
@pytest.mark.parts(2)
def test_pingpong(part):
    """Each round trip is two direct switches, by call and by reply."""
    printed, found, picture = traced(part, DEMO="pingpong")
    assert "result: 3 after 3 round trips" in printed
    assert sum(shares(printed).values()) == pytest.approx(100)
    assert set(shares(printed)) == {"main", "ping", "pong"}
    assert "direct switches: 6" in printed
    names = {e["tid"]: e["args"]["name"] for e in found
             if e["name"] == "thread_name"}
    calls = [(names[e["tid"]], e["name"]) for e in found if e["ph"] == "s"]
    assert calls == [("ping", "call"), ("pong", "reply_recv")] * 3
    for name in names.values():
        assert f">{name}</text>" in picture


@pytest.mark.ordinary
@pytest.mark.parts(3)
@pytest.mark.parametrize("machine", [
    {}, {"GIC": "3", "EL": "2", "CPU": "max"}], ids=["usual", "v3-EL2-max"])
def test_share(part, machine):
    """A third each, in slices of 10 ms that end with an interrupt."""
    printed, found, picture = traced(part, DEMO="share", **machine)
    got = shares(printed)
    assert sum(got.values()) == pytest.approx(100)
    for name in ("Ada", "Edsger", "Per"):
        assert abs(got[name] - 33.3) <= 0.2
    assert "interrupts: 11;" in printed
    names = {e["tid"]: e["args"]["name"] for e in found
             if e["name"] == "thread_name"}
    long = [e for e in found if e["ph"] == "X" and e["dur"] > 100]
    assert [names[e["tid"]] for e in long] == ["Ada", "Edsger", "Per"] * 4
    assert all(abs(e["dur"] - 10000) < 20 for e in long)
    marks = [e for e in found if e["ph"] == "i"]
    assert [m["tid"] for m in marks] == [e["tid"] for e in long[:-1]]
    wide = [b for b in boxes(picture) if b[0] == timeline.RUNS and b[3] > 20]
    assert len(wide) == 12
    title = tree.fromstring(picture).findtext(f"{SVG}title")
    assert title == " ".join(
        [f"make {part.name.partition('-')[0]} trace DEMO=share",
         *(f"{n}={machine[n]}" for n in ("CPU", "GIC", "EL") if n in machine)])


@pytest.mark.ordinary
@pytest.mark.parts(3)
def test_hog(part):
    """The same each time; the clock has nearly nothing, and needs no more."""
    printed, _, picture = traced(part, DEMO="hog")
    again, _, same = traced(part, DEMO="hog")
    assert (printed, picture) == (again, same)
    got = shares(printed)
    assert sum(got.values()) == pytest.approx(100)
    assert got["hog"] > 99.8
    assert re.search(r"^clock .*% +5 +10\.\d+ ms$", printed, re.MULTILINE)
    assert "interrupts: 4;" in printed


@pytest.mark.parts(2)
@pytest.mark.parametrize("demo", ["calc", "mailbox", "pipeline"])
def test_who_enters_is_who_runs(boot, part, demo):
    """What each event says about who runs is what the timeline says; on one
    CPU one thread runs at any time."""
    log = ipc_trace.traced(boot, part, demo)
    assert not log.lost
    line = timeline.timeline(log.events)
    for last, span in itertools.pairwise(line.runs):
        assert last.end == span.start
        assert (last.thread, last.lender) != (span.thread, span.lender)
    inside = (Kind.ENTER, Kind.LEAVE, Kind.INTERRUPT)
    for event in (e for e in log.events if e.kind in inside):
        assert any(s.thread == event.thread and s.start <= event.time <= s.end
                   for s in line.runs), event
    lends = [e for e in log.events if e.kind == Kind.LEND]
    assert len(line.lends()) == len(lends)
    if demo == "calc":  # who lends waits for the reply
        for span in line.lends():
            assert any(a.thread == span.thread and
                       a.start <= span.start <= a.end for a in line.awaits)
        assert bool(lends) == (part.name >= "part4")


@pytest.mark.ordinary
@pytest.mark.parts(4)
@pytest.mark.parametrize("demo, args, cpus", [
    ("smp", "", 4), ("philosophers", "cpus=4 fix=1", 4),
    ("philosophers", "cpus=2 fix=1 torture=5", 2)],
    ids=["smp", "philosophers", "torture"])
def test_who_runs_on_several_cpus(boot, part, demo, args, cpus):
    """A CPU has somebody at any time, or idles; nobody is on two at once; and
    what an event says of its CPU is what the timeline says."""
    log = ipc_trace.traced(boot, part, demo, args, cpus=str(cpus))
    assert not log.lost
    line = timeline.timeline(log.events, cpus=cpus)
    assert {s.cpu for s in line.runs if s.thread != NOBODY} == set(range(cpus))
    for last, span in itertools.pairwise(line.runs):
        if last.cpu == span.cpu:
            assert last.end == span.start
        else:
            assert (last.end, span.start) == (line.end, line.start)
    for thread in set(line.threads()) - {NOBODY}:
        runs = sorted((s for s in line.runs if s.thread == thread),
                      key=lambda s: (s.start, s.end))
        assert all(one.end <= other.start
                   for one, other in itertools.pairwise(runs))
    inside = (Kind.ENTER, Kind.LEAVE, Kind.INTERRUPT)
    for event in (e for e in log.events if e.kind in inside):
        assert any((s.thread, s.cpu) == (event.thread, event.cpu) and
                   s.start <= event.time <= s.end for s in line.runs), event
    lends = [e for e in log.events if e.kind == Kind.LEND]
    assert len(line.lends()) <= len(lends) and bool(lends) == (demo != "smp")


@pytest.mark.ordinary
@pytest.mark.parts(4)
@pytest.mark.parametrize("cpus", [2, 4])
def test_smp(part, cpus):
    """All CPUs work, none idles for long; each worker has its sixteenth, of all
    CPUs' time that was not idle."""
    printed, found, picture = traced(part, DEMO="smp", CPUS=str(cpus))
    assert "result: 400 pieces of work, 0 wrong" in printed
    rows = re.findall(r"^worker +([\d.]+) % +\d+ +\d+ +[\d.]+ ms$", printed,
                      re.MULTILINE)
    assert len(rows) == 16
    (idle,) = re.findall(r"^idle +([\d.]+) % +\d+$", printed, re.MULTILINE)
    assert sum(map(float, rows)) + float(idle) == pytest.approx(100, abs=.5)
    each = re.findall(r"^cpu (\d) +([\d.]+) % +[1-9]\d*$", printed,
                      re.MULTILINE)
    assert [number for number, _ in each] == [str(n) for n in range(cpus)]
    assert sum(float(part) for _, part in each) / cpus == pytest.approx(
        float(idle), abs=.1)
    assert all(float(part) < 50 for _, part in each)
    assert "QEMU runs one CPU at a time here" in printed
    tracks = [e["args"]["name"] for e in found if e["name"] == "thread_name"]
    assert tracks == [f"cpu {n}" for n in range(cpus)] + [
        "main"] + ["worker"] * 16
    colors = {b[0] for b in boxes(picture)}
    assert colors & set(timeline.CPUS) == set(timeline.CPUS[:cpus])


@pytest.mark.ordinary
@pytest.mark.parts(4)
def test_philosophers_on_four_cpus(part):
    """A server moves to its clients, and back."""
    printed, found, _ = traced(part, DEMO="philosophers",
                               ARGS="cpus=4 fix=1", CPUS="4")
    assert "result: 15 meals" in printed
    moved = re.findall(r"^philosopher \d .*% +\d+ +(\d+) +[\d.]+ ms$", printed,
                       re.MULTILINE)
    assert len(moved) == 5 and sum(map(int, moved)) > 5
    where = {(e["tid"], e["args"]["cpu"]) for e in found
             if e["ph"] == "X" and e["name"] == "runs"}
    assert len(where) > 6
    assert any(e["ph"] == "s" and e["name"] == "call" for e in found)


@pytest.mark.ordinary
@pytest.mark.parts(4)
def test_a_cpu_that_never_works(part):
    """It has no events, and idles all the time. On one CPU nothing is said of
    CPUs."""
    printed, found, _ = traced(part, DEMO="hog", CPUS="2")
    assert re.search(r"^hog +(49\.9|50\.0) % +4 +0 +", printed, re.MULTILINE)
    assert re.search(r"^cpu 1 +100\.0 % +0$", printed, re.MULTILINE)
    (idle,) = [e for e in found if e["ph"] == "X" and e["tid"] == 2]
    assert idle["name"] == "idle" and idle["dur"] > 40_000
    printed, found, picture = traced(part, DEMO="hog")
    for text in (printed.partition("result")[2], json.dumps(found), picture):
        assert not re.search("cpu|moved", text, re.IGNORECASE)


@pytest.mark.ordinary
@pytest.mark.parts(4)
def test_lending_in_bully(part):
    """The server runs at once, and the urgent client pays for it."""
    printed, found, picture = traced(part, DEMO="bully", UNTIL="100")
    assert re.search(r"^server +4\.\d % +0\.0 % +4 ", printed, re.MULTILINE)
    assert re.search(r"^urgent +0\.0 % +4\.\d % +9 ", printed, re.MULTILINE)
    assert re.search(r"^bully +(8\d\.\d) % +\1 % +5 +1\.0\d\d ms$", printed,
                     re.MULTILINE)
    assert "direct switches: 7" in printed
    names = {e["tid"]: e["args"]["name"] for e in found
             if e["name"] == "thread_name"}
    first = [e for e in found if e.get("ts", 1e9) < 100_000]
    served = [e for e in first if "args" in e]
    assert [names[e["tid"]] for e in served] == ["server"] * 4
    for e in served:
        assert e["args"] == {"lender": "urgent"}
        assert 1000 <= e["dur"] < 1005
    assert [e["name"] for e in first if e["ph"] == "s"] == [
        "reply_recv", *["call", "reply_recv"] * 3]
    waits = [b for b in boxes(picture) if b[0] == timeline.AWAITS]
    lends = [b for b in boxes(picture) if b[0] == timeline.LENDS]
    assert len(waits) == len(lends) == 5  # the legend's among them


@pytest.mark.ordinary
@pytest.mark.parts(4)
def test_inversion_in_bully(part):
    """Without lending the urgent client waits until the bully is done, and
    nobody pays for another."""
    printed, found, picture = traced(part, DEMO="bully", ARGS="lending=0",
                                     UNTIL="100")
    assert "paid for" not in printed and "lends" not in picture
    assert not any("args" in e for e in found if e["ph"] == "X")
    longest = max(b[3] for b in boxes(picture) if b[0] == timeline.AWAITS)
    runs = max(b[3] for b in boxes(picture) if b[0] == timeline.RUNS)
    assert longest / runs == pytest.approx(71 / 70, abs=0.005)
    said = tree.fromstring(picture).findtext(f"{SVG}desc")
    assert said.endswith("Longest wait for a reply: urgent, 71.0 ms.")


@pytest.mark.ordinary
@pytest.mark.parts(4)
def test_budget(part):
    """Each has its part of each period, and none for the rest; and while it has
    some, nobody keeps it waiting but the kernel."""
    printed, found, picture = traced(part, DEMO="budget")
    for name, percent in (("Ada", 10), ("Edsger", 20), ("Grace", 30)):
        share, without, wait = re.search(
            rf"^{name} +([\d.]+) % +([\d.]+) % +51 +([\d.]+) ms$", printed,
            re.MULTILINE).groups()
        assert abs(float(share) - percent) < .5
        assert abs(float(without) - (100 - percent)) < 1
        assert float(wait) < .01
        spent = [e for e in found if e["name"] == f"{name}: budget used up"]
        assert len(spent) == 2 * 50
        for first, last in zip(spent[::2], spent[1::2]):
            assert last["ts"] - first["ts"] == pytest.approx(
                100 * (100 - percent), abs=5)
    assert re.search(r"^hog +39\.\d % +0\.0 % ", printed, re.MULTILINE)
    assert sum(b[0] == timeline.SPENT for b in boxes(picture)) == 3 * 50 + 1


@pytest.mark.ordinary
@pytest.mark.parts(3)
def test_a_window(part):
    """FROM and UNTIL choose what the picture and the table show."""
    printed, found, _ = traced(part, DEMO="hog", FROM="5", UNTIL="25")
    assert "20.000 ms; interrupts: 2;" in printed
    assert sum(e["ph"] == "i" for e in found) == 4  # the JSON has them all


@pytest.mark.ordinary
@pytest.mark.parts(3)
def test_idle_and_wrapped(part):
    """While all sleep, nobody runs; lost events are counted, not guessed."""
    printed, found, _ = traced(part, DEMO="alarm")
    assert re.search(r"^idle +(99\.\d|100\.0) % +8$", printed, re.M)
    assert any(e["name"] == "idle" and e["ph"] == "X" for e in found)
    printed, found, _ = traced(part, DEMO="latency")
    assert re.search(r"^The ring keeps 4096 events: the first \d+ are lost\.$",
                     printed, re.MULTILINE)
    assert sum(shares(printed).values()) == pytest.approx(100)


@pytest.mark.ordinary
@pytest.mark.parts(2, 2)
def test_a_run_that_does_not_end(part, monkeypatch):
    """It is stopped; the machine's own counter says how far it came."""
    monkeypatch.setattr(trace, "LIMIT", 2.0)
    found = trace.watched(part, trace.Wish(Boot(part.name, demo="hog")))
    assert found.stopped
    last = found.line.runs[-1]
    assert found.labels.name(last.thread) == "hog"
    assert 20 < found.labels.ms(last.end - last.start) < 100_000


@pytest.mark.ordinary
@pytest.mark.parts(3, 3)
def test_a_run_that_waits(part, monkeypatch):
    """Its CPU sleeps, for good, in WFI: time stands still, and the last event
    is the end."""
    monkeypatch.setattr(trace, "LIMIT", 2.0)
    wish = trace.Wish(Boot(part.name, demo="drivers"))
    found = trace.watched(part, wish)
    assert found.stopped
    with pytest.raises(harness.qemu.Wrong, match="did not end in 2 seconds"):
        trace.drawn(ROOT, wish)
    assert found.labels.ms(found.line.end - found.line.start) < 1


# --- Wrong inputs ---


@pytest.mark.ordinary
@pytest.mark.parametrize("words, variables, says", [
    (["trace"], {}, "which part? For example: make part"),
    (["part0", "trace"], {}, "part0-why keeps no trace"),
    (["part1", "trace"], {"DEMO": "hog"}, "part1-boot keeps no trace"),
    (["part9", "trace"], {}, '"part9" is no part and no command'),
    (["part2", "trace"], {"DEMO": "x"}, "part2-ipc has no such demo"),
    (["part2", "trace"], {"FROM": "-1"}, "FROM=-1: must be a time"),
    (["part2", "trace"], {"UNTIL": "soon"}, "UNTIL=soon: must be a time"),
    (["part2", "trace"], {"FROM": "7", "UNTIL": "7"},
     "must be later than FROM"),
    (["part2", "trace"], {"DEMO": "pingpong", "FROM": "5000"},
     "nothing was recorded at that time: the events are from "),
    (["part2", "trace"], {"MEM": "12"}, "MEM=12: must be 64M to 8G"),
    (["part2", "trace"], {"DEMO": "pingpong", "ARGS": "caf\u00e9"},
     "ARGS: must be one line of ASCII"),
], ids=lambda v: "-".join(v) if isinstance(v, list) else None)
@pytest.mark.parts(2)
def test_a_wrong_wish_gets_one_line(words, variables, says):
    assert says in complaint(make(*words, **variables))


# --- The pictures of the book ---


@pytest.mark.ordinary
def test_a_picture_says_what_it_shows():
    """The title is the command, and leads back to the wish."""
    for wish in (trace.Wish(Boot("part3", demo="hog")),
                 trace.Wish(Boot("part3", demo="x", args="a=1 b=<2>", el="2"),
                            "1", "2.5")):
        title = timeline.escape(wish.words())
        assert trace.wished_by(f"<svg>\n<title>{title}</title>") == wish
    assert trace.wished_by("<title>The superloop</title>") is None
    for words in ("HOG", "HOG=1", "DEMO='"):
        with pytest.raises(harness.qemu.Wrong, match="is no command"):
            trace.wished_by(f"<title>make part3 trace {words}</title>")


@pytest.mark.ordinary
def test_other_compilers():
    """They make other times, and the same picture but for that."""
    assert trace.is_like('<a x="1.5"/>', '<a x="22"/>', loose=True)
    assert not trace.is_like('<a x="1.5"/>', '<a x="22"/>', loose=False)
    assert not trace.is_like('<a x="1"/>', '<a x="1"/><b/>', loose=True)


@pytest.mark.ordinary
@pytest.mark.parts(3)
def test_a_stale_picture_is_found(tmp_path):
    """The book's check names it, and `make fill` draws it again."""
    import book
    picture = tmp_path / "book/images/part3a-timeline.svg"
    picture.parent.mkdir(parents=True)
    shutil.copy(ROOT / "book/images/part3a-timeline.svg", picture)
    for part in harness.PARTS:
        (tmp_path / part.name).symlink_to(part)
        (tmp_path / "build").mkdir(exist_ok=True)
        (tmp_path / "build" / part.name).symlink_to(harness.qemu.build(part))
    right = picture.read_text()
    picture.write_text(right.replace("<rect x=", "<rect  x=", 1))
    said = ["book/images/part3a-timeline.svg: the timeline is stale: "
            "run 'make fill'"]
    assert book.draw_timelines(tmp_path, loose=False, write=False) == said
    assert book.draw_timelines(tmp_path, loose=False, write=True) == []
    assert picture.read_text() == right
    picture.write_text(right.replace("DEMO=share", "DEMO=nothing"))
    (wrong,) = book.draw_timelines(tmp_path, loose=False, write=False)
    assert "part3a-timeline.svg: DEMO=nothing: part3-preempt has" in wrong
