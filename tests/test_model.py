# SPDX-License-Identifier: MIT
"""Messages, held against a reference model: each log of events that the kernel
writes must be possible by ipc_model.py, which knows strata.h and not a line of
the kernel. And the model must be strict: a log that is a little wrong is not
possible.

Whole runs are judged, main's first call included.
"""
from __future__ import annotations

import os
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import guest
from conftest import Lab, elf_of
from harness import Run
from ipc_contexts import rule_of
from ipc_model import (CAPS, Call, Ending, Error, Fifo, Impossible, Script,
                       error_of, judge, name)
from ipc_scripts import Graph, random_script
from ipc_trace import Event, Kind, Log, script, traced

RECEIVES = (Call.CALL, Call.RECV, Call.NBRECV, Call.REPLY_RECV)


# --- What every run must hold to ---

@pytest.fixture
def accepted(boot: Callable[..., Run],
             lab: Lab) -> Callable[..., tuple[Log, Ending]]:
    """accepted(part, script, check): boots the script; its log is possible,
    and the kernel reports the end that the model sees."""
    def accepted(part: Path, which: Script,
                 check: bool = False) -> tuple[Log, Ending]:
        log = script(boot, part, which.program, which.servers, which.replies,
                     check, which.arguments())
        try:
            ending = judge(log.events, which, rule_of(part, which.lending))
        except Impossible as why:
            raise AssertionError(f"{which}: {why}") from None
        assert_reported(log.run, ending, which)
        # A failure shows the runs that went wrong, not hundreds of others.
        lab.runs.remove((log.run, elf_of(part)))
        return log, ending
    return accepted

# From the entry into the kernel to the reading of the clock: microseconds. (The
# build that checks for undefined behavior is slower.)
SHORT = 50 if "SAN" in os.environ else 5


def assert_reported(run: Run, ending: Ending, which: Script) -> None:
    """The kernel says of the run's end what the model says."""
    if not ending.deadlock:
        count = sum(map(len, which.actors()))
        assert run.result() == f"{count} operations done, 0 words spoiled", \
            which
        assert run.status == 0, which
        return
    assert run.value("deadlock") == ending.text(), which
    assert run.status == 1, which
    ticks = int(run.value("timer").split()[0])
    rows = table(run)
    assert [row[:4] for row in rows] == [
        (name(t.number), t.state.value,
         "" if t.state.value == "ready" else str(t.cap),
         "" if t.state.value == "ready" else
         name(t.target.number) if t.target else "-")
        for t in ending.threads], which
    for thread, row in zip(ending.threads, rows):
        if row[4]:  # when the wait began: in that very call
            assert 0 <= int(row[4]) - thread.since * 10**6 // ticks <= SHORT, which


def table(run: Run) -> list[tuple[str, ...]]:
    """The rows of the table of threads: name, state, capability, for whom it
    waits, since when; all but two are empty of a thread that is ready."""
    head = "thread          is        cap waits for       since\n"
    return re.findall(r"^(main|actor \d) +(\w+)(?: +(\d+) (main|actor \d|-) +"
                      r"(\d+) us)? *$", run.output.partition(head)[2], re.M)


def has_contexts(part: Path) -> bool:
    """From part 4 on contexts run, not threads."""
    return rule_of(part) is not Fifo


# --- The numbers ---

@pytest.mark.parts(2)
def test_numbers(part):
    """Calls and errors have the numbers of strata.h, and the table of
    capabilities is as large."""
    text = (part / "strata.h").read_text()
    results = re.findall(r"^    (OK|ERROR_\w+|SIGNALED) = (-?\d+),", text,
                         re.M)
    signals = "SYS_SIGNAL" in text  # from part 3 on
    assert {n.removeprefix("ERROR_"): int(v) for n, v in results} \
        == {error.name: int(error) for error in Error
            if signals or error is not Error.SIGNALED}
    calls = re.findall(r"^    SYS_(\w+),", text, re.M)
    contexts = "SYS_BIND_CONTEXT" in text  # from part 4 on
    last = Call.PIN_THREAD if contexts else Call.BIND_INTERRUPT if signals \
        else Call.DESTROY
    assert calls == [call.name for call in Call if call <= last]
    assert f"CAPS = {CAPS}," in (part / "cap.h").read_text()


# --- Short scripts, and all that happens ---

def told(events: list[Event]) -> Iterator[str]:
    """The log from the first join on, a line for each event."""
    start = next(n for n, e in enumerate(events)
                 if e.kind == Kind.ENTER and e.x[7] == Call.JOIN)
    calls: dict[int, Call] = {}
    for event in events[start:]:
        who = name(event.thread)
        match event.kind:
            case Kind.ENTER:
                calls[event.thread] = Call(event.x[7])
                yield f"{who}: {calls[event.thread].name.lower()}"
            case Kind.LEAVE if event.thread not in calls:
                yield f"{who} begins"
            case Kind.LEAVE:
                error = error_of(event)
                message = f", {event.x[1]}, badge {event.x[6]}" \
                    if error == Error.OK and calls[event.thread] in RECEIVES \
                    else ""
                yield f"{who} gets {error.name}{message}"
            case Kind.APPEND:
                yield f"  {who} -> run queue"
            case Kind.TAKE:
                yield f"  run queue -> {who}"
            case Kind.LEND:
                yield f"  {who} lends"


# What a script is about, the script, and its log, up to where it gets dull.
# A message is shown by its label: 1000 times the thread, plus the operation.
EXAMPLES = {
    "call to a waiting server: straight to it, past the run queue": (
        Script("r00,a0/c0"), """
        main: join
          run queue -> actor 0
        actor 0 begins
        actor 0: recv
          run queue -> actor 1
        actor 1 begins
        actor 1: call
        actor 0 gets OK, 1000, badge 2
        actor 0: reply
          actor 1 -> run queue
        actor 0 gets OK
        actor 0: exit
          main -> run queue
          run queue -> actor 1
        actor 1 gets OK, 1, badge 0
        actor 1: exit
          run queue -> main
        main gets OK
        main: join
        main gets OK
        """),
    "send to a waiting receiver: the sender goes on": (
        Script("r0-/s0"), """
        main: join
          run queue -> actor 0
        actor 0 begins
        actor 0: recv
          run queue -> actor 1
        actor 1 begins
        actor 1: send
          actor 0 -> run queue
        actor 1 gets OK
        actor 1: exit
          run queue -> actor 0
        actor 0 gets OK, 1000, badge 2
        """),
    "send where nobody receives yet: first come, first served": (
        Script("s0/s0/r0-,r0-"), """
        main: join
          run queue -> actor 0
        actor 0 begins
        actor 0: send
          run queue -> actor 1
        actor 1 begins
        actor 1: send
          run queue -> actor 2
        actor 2 begins
        actor 2: recv
          actor 0 -> run queue
        actor 2 gets OK, 0, badge 1
        actor 2: recv
          actor 1 -> run queue
        actor 2 gets OK, 1000, badge 2
        """),
    "reply_recv where the next caller waits already": (
        Script("c0,s0/c0/r00,w00,w00"), """
        main: join
          run queue -> actor 0
        actor 0 begins
        actor 0: call
          run queue -> actor 1
        actor 1 begins
        actor 1: call
          run queue -> actor 2
        actor 2 begins
        actor 2: recv
        actor 2 gets OK, 0, badge 1
        actor 2: reply_recv
          actor 0 -> run queue
        actor 2 gets OK, 1000, badge 2
        actor 2: reply_recv
        actor 1 gets OK, 2002, badge 0
        actor 1: exit
          run queue -> actor 0
        actor 0 gets OK, 2001, badge 0
        actor 0: send
          actor 2 -> run queue
        actor 0 gets OK
        """),
    "a server that ends, and one that forgets a caller": (
        Script("r00,r00/c0/c0"), """
        main: join
          run queue -> actor 0
        actor 0 begins
        actor 0: recv
          run queue -> actor 1
        actor 1 begins
        actor 1: call
        actor 0 gets OK, 1000, badge 2
        actor 0: recv
          actor 1 -> run queue
          run queue -> actor 2
        actor 2 begins
        actor 2: call
        actor 0 gets OK, 2000, badge 3
        actor 0: exit
          main -> run queue
          actor 2 -> run queue
          run queue -> actor 1
        actor 1 gets DROPPED
        actor 1: exit
          run queue -> main
        main gets OK
        main: join
        main gets OK
        main: join
          run queue -> actor 2
        actor 2 gets DROPPED
        """),
    "an endpoint is destroyed while two threads wait there": (
        Script("r0-/r0-/d0,r0-"), """
        main: join
          run queue -> actor 0
        actor 0 begins
        actor 0: recv
          run queue -> actor 1
        actor 1 begins
        actor 1: recv
          run queue -> actor 2
        actor 2 begins
        actor 2: destroy
          actor 0 -> run queue
          actor 1 -> run queue
        actor 2 gets OK
        actor 2: recv
        actor 2 gets CAP
        actor 2: exit
          run queue -> actor 0
        actor 0 gets DESTROYED
        """),
    "a deadlock: the call that closes the cycle is the last event": (
        Script("c1/c0", "01"), """
        main: join
          run queue -> actor 0
        actor 0 begins
        actor 0: call
          run queue -> actor 1
        actor 1 begins
        actor 1: call
        """),
}


# What of it is otherwise from part 4 on: the server runs on its caller's
# context, and is preempted when it has answered; one that answers on its own
# context goes by the queue; and who waits for a busy server runs it.
WITH_CONTEXTS = {
    "call to a waiting server: straight to it, past the run queue": """
        main: join
          run queue -> actor 0
        actor 0 begins
        actor 0: recv
          run queue -> actor 1
        actor 1 begins
        actor 1: call
          actor 1 lends
        actor 0 gets OK, 1000, badge 2
        actor 0: reply
          actor 1 -> run queue
          actor 0 -> run queue
          run queue -> actor 1
        actor 1 gets OK, 1, badge 0
        actor 1: exit
          run queue -> actor 0
        actor 0 gets OK
        actor 0: exit
          main -> run queue
          run queue -> main
        main gets OK
        """,
    "reply_recv where the next caller waits already": """
        main: join
          run queue -> actor 0
        actor 0 begins
        actor 0: call
          run queue -> actor 1
        actor 1 begins
        actor 1: call
          run queue -> actor 2
        actor 2 begins
        actor 2: recv
        actor 2 gets OK, 0, badge 1
        actor 2: reply_recv
          actor 0 -> run queue
        actor 2 gets OK, 1000, badge 2
        actor 2: reply_recv
          actor 1 -> run queue
          run queue -> actor 0
        actor 0 gets OK, 2001, badge 0
        actor 0: send
          actor 2 -> run queue
        actor 0 gets OK
        """,
    "a server that ends, and one that forgets a caller": """
        main: join
          run queue -> actor 0
        actor 0 begins
        actor 0: recv
          run queue -> actor 1
        actor 1 begins
        actor 1: call
          actor 1 lends
        actor 0 gets OK, 1000, badge 2
        actor 0: recv
          actor 1 -> run queue
          run queue -> actor 1
        actor 1 gets DROPPED
        actor 1: exit
          run queue -> actor 2
        actor 2 begins
        actor 2: call
          actor 2 lends
        actor 0 gets OK, 2000, badge 3
        actor 0: exit
          main -> run queue
          actor 2 -> run queue
          run queue -> actor 2
        actor 2 gets DROPPED
        """,
    "a deadlock: the call that closes the cycle is the last event": """
        main: join
          run queue -> actor 0
        actor 0 begins
        actor 0: call
          run queue -> actor 1
          actor 0 lends
        actor 1 begins
        actor 1: call
        """,
}


@pytest.mark.parts(2)
@pytest.mark.parametrize("about", EXAMPLES)
def test_example(accepted, part, about):
    """This is what happens, event by event."""
    which, wanted = EXAMPLES[about]
    if has_contexts(part):
        wanted = WITH_CONTEXTS.get(about, wanted)
    log, ending = accepted(part, which, check=True)
    lines = [line.removeprefix(" " * 8) for line in wanted.splitlines()
             if line.strip()]
    assert list(told(log.events))[:len(lines)] == lines
    assert ending.deadlock == ("deadlock" in about)


# --- Programs made by chance ---

# What a call can come to; the random programs meet all of it.
OUTCOMES = {
    Call.SEND: "OK CAP DESTROYED", Call.NBSEND: "OK CAP WOULD_BLOCK",
    Call.CALL: "OK CAP DESTROYED DROPPED",
    Call.RECV: "OK CAP DESTROYED DROPPED",
    Call.NBRECV: "OK CAP WOULD_BLOCK",
    Call.REPLY_RECV: "OK CAP DESTROYED DROPPED NO_CALLER",
    Call.MINT: "OK", Call.REPLY: "OK CAP NO_CALLER", Call.YIELD: "OK",
    Call.JOIN: "OK CAP", Call.CREATE_THREAD: "OK", Call.CREATE_ENDPOINT: "OK",
    Call.CREATE_REPLY: "OK", Call.DESTROY: "OK CAP",
}


def outcomes(events: list[Event]) -> Iterator[tuple[Call, str]]:
    """Each call that came back, and with which error."""
    calls: dict[int, Call] = {}
    for event in events:
        if event.kind == Kind.ENTER:
            calls[event.thread] = Call(event.x[7])
        elif event.kind == Kind.LEAVE and event.thread in calls:
            yield calls[event.thread], error_of(event).name


def run_seeds(accepted, part: Path, seeds: range) -> list[tuple[Log, Ending]]:
    """Random programs; every fourth with the kernel's own checks."""
    return guest.at_once(lambda seed: accepted(part, random_script(seed),
                                               check=seed % 4 == 0), seeds)


@pytest.mark.parts(2)
def test_random_programs(accepted, part):
    """The model accepts every log of 40 random programs, which among them
    meet every outcome of every call, and every way a run can end."""
    runs = run_seeds(accepted, part, range(40))
    seen = {pair for log, _ in runs for pair in outcomes(log.events)}
    wanted = {(call, error) for call, errors in OUTCOMES.items()
              for error in errors.split()}
    if has_contexts(part):  # each thread of a script is given one
        wanted |= {(Call.CREATE_CONTEXT, "OK"), (Call.BIND_CONTEXT, "OK")}
    assert seen == wanted
    assert {(end.deadlock, bool(end.cycle)) for _, end in runs} \
        == {(False, False), (True, False), (True, True)}


@pytest.mark.long
@pytest.mark.parts(2)
@pytest.mark.parametrize("first", range(1000, 1400, 50))
def test_more_random_programs(accepted, part, first):
    """The same, of 400 others."""
    run_seeds(accepted, part, range(first, first + 50))


@pytest.mark.parts(2)
@pytest.mark.parametrize("demo, args", [
    ("calc", ""), ("forger", ""), ("hanoi", "disks=3"), ("mailbox", ""),
    ("names", ""), ("philosophers", ""), ("philosophers", "fix=1"),
    ("pingpong", ""), ("pipeline", ""), ("polite", "")])
def test_demos(boot, part, demo, args):
    """So are the logs of the demos, as far as the ring holds them: the model
    needs no script to know what a call must do."""
    log = traced(boot, part, demo, args)
    assert not log.lost
    ending = judge(log.events, rule=rule_of(part))
    assert ending.deadlock == ("deadlock" in log.run.output)


# --- The model is strict ---

def looked_at(event: Event) -> tuple:
    """What the model looks at: no times, and of the run queue's events no
    registers."""
    registers = event.x if event.kind in (Kind.ENTER, Kind.LEAVE) else ()
    return event.kind, event.thread, registers


def with_changes(events: list[Event], *changes: tuple[int, Event]
                 ) -> list[Event]:
    """The log with other events at some places."""
    changed = list(events)
    for at, event in changes:
        changed[at] = replace(event, time=events[at].time)
    return changed


def exchanged(events: list[Event], a: int, b: int) -> list[Event] | None:
    """Two events in each other's place. None if that changes nothing."""
    if looked_at(events[a]) == looked_at(events[b]):
        return None
    return with_changes(events, (a, events[b]), (b, events[a]))


def next_of_its_kind(events: list[Event], at: int) -> int:
    """The next event of the same kind; itself if there is none."""
    return next((n for n in range(at + 1, len(events))
                 if events[n].kind == events[at].kind), at)


def without_call(events: list[Event], at: int) -> list[Event] | None:
    """Without a whole call, from ENTER to LEAVE, or up to the end."""
    if events[at].kind != Kind.ENTER:
        return None
    end = next((n for n in range(at, len(events))
                if events[n].kind == Kind.LEAVE), len(events))
    return events[:at] + events[end + 1:]


def other_thread(events: list[Event], at: int) -> list[Event]:
    """The event is told of the next thread."""
    count = 1 + max(e.thread for e in events)
    event = replace(events[at], thread=(events[at].thread + 1) % count)
    return with_changes(events, (at, event))


def other_result(events: list[Event], at: int) -> list[Event] | None:
    """A thread goes on with another error."""
    if events[at].kind != Kind.LEAVE:
        return None
    x0 = 0 if events[at].x[0] else 2**64 + Error.DROPPED
    return with_changes(events,
                        (at, replace(events[at], x=(x0, *events[at].x[1:]))))


# A change: the log, and a place in it, to another log, or None if this change
# can't be made there. The first three are the ones that must be found.
CHANGES: dict[str, Callable[[list[Event], int], list[Event] | None]] = {
    "dropped": lambda events, at: events[:at] + events[at + 1:],
    "doubled": lambda events, at: events[:at + 1] + events[at:],
    "swapped": lambda events, at: exchanged(
        events, at, min(at + 1, len(events) - 1)),
    "swapped with the next of its kind": lambda events, at: exchanged(
        events, at, next_of_its_kind(events, at)),
    "a whole call dropped": without_call,
    "another thread": other_thread,
    "another result": other_result,
}


def is_possible(part: Path, events: list[Event], which: Script | None,
                lending: bool = True) -> bool:
    try:
        judge(events, which, rule_of(part, lending))
    except Impossible:
        return False
    return True


@pytest.mark.parts(2)
def test_model_is_strict(accepted, part, record_property):
    """Of logs in which one event was dropped, doubled, or swapped with its
    neighbor the model rejects at least 95 %, even where it does not know the
    script; of logs that were changed in other ways at least 90 %. (What is
    left are changes that strata.h allows: two objects made at each other's
    address, two calls of a thread that come back with the same error.)

    The logs are those of 20 random programs, each with up to 20 changes of
    every sort. A swap that changes nothing that the model looks at (two equal
    events; times stay where they are) does not count. Without the script a log
    may end at any moment between two calls: so a change of its last event does
    not count there.
    """
    made: Counter[tuple[str, bool]] = Counter()
    found: Counter[tuple[str, bool]] = Counter()
    scripts = [random_script(seed) for seed in range(20)]
    runs = guest.at_once(lambda which: accepted(part, which), scripts)
    rng = random.Random(1)
    for which, (log, _) in zip(scripts, runs):
        for sort, change in CHANGES.items():
            for at in rng.sample(range(len(log.events)), 20):
                changed = change(log.events, at)
                for known in (True, False):
                    if changed and (known or at < len(log.events) - 1):
                        made[sort, known] += 1
                        found[sort, known] += not is_possible(
                            part, changed, which if known else None)
    for sort, known in made:
        figure = f"{found[sort, known]} of {made[sort, known]} rejected"
        title = f"{sort}{'' if known else ', script not known'}"
        record_property(title, figure)
        print(f"{title}: {figure}")
    first = list(CHANGES)[:3]
    assert sum(made[sort, True] for sort in first) >= 1000
    for sort, known in made:
        if known or sort in first:
            least = .95 if sort in first else .9
            assert found[sort, known] >= least * made[sort, known], sort


# --- Wait-for graphs ---

def check_graph(accepted, part: Path, seed: int) -> tuple[bool, bool]:
    """Boots the script of a wait-for graph; what the kernel reports is what
    the model says, and what the graph itself says: is there a cycle, and does
    anybody wait in the end?"""
    graph = Graph(seed)
    which = graph.script()
    log, ending = accepted(part, which, seed % 4 == 0)
    cycles = graph.cycles()
    if cycles:
        # The one of them that was closed first, from who closed it.
        members = [number - 1 for number in ending.cycle]
        least = members.index(min(members)) if members else 0
        assert tuple(members[least:] + members[:least]) in cycles, which
        return True, True
    wanted = [(state, None if target is None else f"actor {target}")
              for state, target in graph.table()]
    assert not ending.cycle
    assert ending.deadlock == (wanted[0][0] == "joining"), which
    if ending.deadlock:
        rows = [(state, None if other == "-" else other)
                for _, state, _, other, _ in table(log.run)]
        assert rows == wanted, which
    return False, ending.deadlock


def check_graphs(accepted, part: Path, seeds: range) -> None:
    """Checks graphs; among them are all sorts, of each an eighth at least."""
    seen = Counter(guest.at_once(
        lambda seed: check_graph(accepted, part, seed), seeds))
    for cycle, stuck in ((True, True), (False, True), (False, False)):
        assert seen[cycle, stuck] >= len(seeds) // 8


@pytest.mark.parts(2)
def test_wait_for_graphs(accepted, part):
    """The report of a deadlock, of 40 graphs made by chance: whether there is
    a cycle, its threads in order, and who waits how, for whom, since when."""
    check_graphs(accepted, part, range(40))


@pytest.mark.long
@pytest.mark.parts(2)
@pytest.mark.parametrize("first", range(40, 200, 40))
def test_more_wait_for_graphs(accepted, part, first):
    """The same, of 160 others."""
    check_graphs(accepted, part, range(first, first + 40))
