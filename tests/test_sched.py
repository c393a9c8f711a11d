# SPDX-License-Identifier: MIT
"""The most urgent thread runs, equals take turns, and whoever is waited for
runs at the priority of those who wait: no longer than they do."""
from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import Run
from ipc_trace import Event, Kind
from ring import NOBODY
from test_preempt import SLICE, both_gics, machines

# images/sched.c stands in for demos/crasher.c; "how=" picks what it does.
PROGRAM = "sched.c"
checked = pytest.mark.parametrize("check", [0, 1], ids=["", "check"])


@pytest.fixture
def notes(crash) -> Callable[..., list[str]]:
    """notes(part, args, ...): what the image's threads have noted, in order."""
    def notes(part: Path, args: str, **machine: str) -> list[str]:
        run = crash(part, args, PROGRAM, **machine)
        assert run.result() == "done", "it has not come to its end"
        assert run.status == 0
        return run.value("notes").split(", ")[:-1]
    return notes


def encoded(priorities: list[int]) -> str:
    """As the image reads them."""
    return "".join(chr(ord("0") + p) for p in priorities)


def in_order(priorities: list[int]) -> list[str]:
    """The numbers of threads of these priorities: the most urgent first, among
    equals first come, first served. (sorted keeps the order of equals.)"""
    return [str(n) for n in sorted(range(len(priorities)),
                                   key=lambda n: -priorities[n])]


# --- Priorities ---

@pytest.mark.parts(4)
@pytest.mark.parametrize("seed", [1, 2, 3])
@checked
def test_highest_first(notes, part, seed, check):
    """Threads of all priorities, and some of the same, run from the highest
    down, and equals as they came, in whatever order they were made."""
    chance = random.Random(seed)
    priorities = [*range(63), *(chance.randrange(63) for _ in range(7))]
    chance.shuffle(priorities)
    got = notes(part, f"how=order prios={encoded(priorities)} check={check}")
    assert got == ["made", *in_order(priorities)]


@pytest.mark.parts(4)
def test_highest_priority_is_one(notes, part):
    """63, the maker's own, is a priority like the others."""
    got = notes(part, f"how=order prios={encoded([63, 0, 62, 63])}")
    assert got == ["made", "0", "3", "2", "1"]


WAYS = ["signal", "destroy", "alarm", "bind", "send", "nbsend", "reply"]


@pytest.mark.parts(4)
@pytest.mark.parametrize("by", WAYS)
def test_more_urgent_preempts(notes, part, by):
    """Whoever wakes a more urgent thread stops at once, by whatever it was
    woken; and then goes on before its equals, in whose time it is."""
    assert notes(part, f"how=wake by={by} than=21 check=1") == \
        ["before", "woken", "after", "equal"]


@pytest.mark.parts(4)
@pytest.mark.parametrize("than", [19, 20])
@pytest.mark.parametrize("by", WAYS)
def test_others_do_not_preempt(notes, part, by, than):
    """Neither a less urgent thread preempts nor one that is as urgent."""
    if (by, than) == ("reply", 20):
        than = 18  # the client's context, an equal, is the one that ran
    assert notes(part, f"how=wake by={by} than={than} check=1") == \
        ["before", "after", "equal", "woken"]


@pytest.mark.parts(4)
def test_yield_is_for_equals(notes, part):
    """They take turns. Nobody else gets one, and who is alone goes on."""
    assert notes(part, "how=yield check=1") == [
        "D1", "D2", "D3", "A1", "B1", "A2", "B2", "A3", "B3", "C1", "C2", "C3"]


# --- Slices ---

def interrupts(events: list[Event]) -> list[Event]:
    """Of those who compute. (Idle, nobody is interrupted.)"""
    return [e for e in events
            if e.kind == Kind.INTERRUPT and e.thread != NOBODY]


@pytest.mark.parts(4)
@both_gics
def test_alone_needs_no_slice(recorded, part, gic):
    """A thread alone at its priority is not interrupted, though a less urgent
    one is ready all the time."""
    run, events = recorded(part, "how=slices equals=1", PROGRAM, gic=gic)
    assert run.value("notes") == "a, less, "
    assert interrupts(events) == []


@pytest.mark.parts(4)
@both_gics
def test_equals_share_by_slices(recorded, part, gic):
    """Three equals take turns of 10 ms, each a whole one; the last of them is
    not interrupted any more."""
    run, events = recorded(part, "how=slices equals=3", PROGRAM, gic=gic)
    # a has 35 ms to do, b and c 25: a b c a b c a b. c. a a.
    assert run.value("notes") == "b, c, a, less, "
    ends = interrupts(events)
    assert [e.thread for e in ends] == [1, 2, 3, 1, 2, 3, 1]
    turns = [e for e in events if e.kind == Kind.TAKE]
    begins = [max(t.time for t in turns
                  if t.thread == e.thread and t.time <= e.time) for e in ends]
    assert [e.time - b for e, b in zip(ends, begins)] == \
        pytest.approx([SLICE] * 7, rel=.01)


@pytest.mark.parts(4)
@checked
def test_preemption_renews_no_slice(notes, part, check):
    """A more urgent thread interrupts them every millisecond, and nevertheless
    each of two equals gets its turn: b, with less to do, ends before a."""
    assert notes(part, f"how=slices equals=2 urgent=1 check={check}") == [
        "urgent", "b", "a", "less"]


# --- Waiting queues ---

@pytest.mark.ordinary
@pytest.mark.parts(4)
@pytest.mark.parametrize("what, take", [
    ("send", "recv"), ("send", "nbrecv"), ("call", "recv"),
    ("call", "reply_recv"), ("wait", "signal"), ("join", "end")])
def test_most_urgent_is_taken_first(notes, part, what, take):
    """Out of a waiting queue, and equals as they came."""
    chance = random.Random(6)
    priorities = [chance.choice([10, 12, 20, 30]) for _ in range(16)]
    assert priorities != sorted(priorities, reverse=True)
    assert notes(part, f"how=queue what={what} take={take} "
                 f"prios={encoded(priorities)} check=1") == in_order(priorities)


@pytest.mark.parts(4)
def test_queue_by_what_it_runs_on(notes, part):
    """A server of priority 5 that sends for its client of 40 goes before a
    sender of 30: what counts is the context that it runs on."""
    assert notes(part, "how=lent check=1") == ["2", "1"]


# --- Lending: how long the urgent one waits ---

BUSY = 200   # microseconds that a server works for a request
SLACK = 100  # for the kernel, and for who looks at the clock now and then
BYSTANDER = 2000  # what each of those from priority 10 to 49 computes


def waits(run: Run) -> dict[str, tuple[int, int]]:
    """Of each client: how many servers have worked for it, and how many
    microseconds it has waited."""
    assert run.result() == "done" and run.status == 0
    return {who: (int(servers), int(us)) for who, servers, us in re.findall(
        r"^(other|urgent): OK, (\d) servers, (\d+) us$", run.output, re.M)}


def chains(most: int) -> list[tuple[int, int, int, int]]:
    """Lengths, where the other client enters (in `most` places), its priority,
    and how much later the urgent one comes."""
    chance = random.Random(4)
    return [(length, enters, chance.choice([30, 50]),
             chance.choice([100, 150 + BUSY * (length - enters)]))
            for length in range(1, 9)
            for enters in chance.sample(range(1, length + 1),
                                        min(most, length))]


def bound(length: int, enters: int) -> int:
    """Microseconds that the urgent client waits at most: each server works
    once for it, and those where the other client was before, for that one."""
    return (length + (length - enters + 1)) * BUSY + SLACK


def assert_bounded(crash: Callable[..., Run], part: Path, length: int,
                   enters: int, other: int, delay: int, passive: int) -> None:
    got = waits(crash(part, f"how=chain length={length} enters={enters} "
                      f"other={other} delay={delay} passive={passive}",
                      PROGRAM))
    assert got["urgent"][0] == length
    assert got["other"][0] == length - enters + 1
    assert got["urgent"][1] <= bound(length, enters), "waits for bystanders"
    assert got["urgent"][1] >= length * BUSY
    # The other one lends its own priority, and no more: those above compute
    # first. They are not asked twice.
    above = max(0, 49 - other)
    assert above * BYSTANDER <= got["other"][1] \
        <= above * BYSTANDER + 2 * bound(length, enters)


@pytest.mark.ordinary
@pytest.mark.parts(4)
@pytest.mark.parametrize("length, enters, other, delay", chains(1))
def test_wait_is_bounded(crash, part, length, enters, other, delay):
    """By what the servers do themselves, along a chain of any length with two
    branches, however many threads in between compute. All servers are passive,
    where the length is even."""
    assert_bounded(crash, part, length, enters, other, delay, 1 - length % 2)


@pytest.mark.long
@pytest.mark.parts(4)
@pytest.mark.parametrize("passive", [0, 1], ids=["active", "passive"])
@pytest.mark.parametrize("length, enters, other, delay", chains(8))
def test_wait_at_all_branches(crash, part, length, enters, other, delay,
                              passive):
    """The same, wherever the other client enters."""
    assert_bounded(crash, part, length, enters, other, delay, passive)


@pytest.mark.parts(4)
@pytest.mark.parametrize("length, enters, other, delay", chains(1)[::2])
def test_wait_without_lending(crash, part, length, enters, other, delay):
    """The test above can fail: without lending the urgent client waits for all
    bystanders."""
    got = waits(crash(part, f"how=chain length={length} enters={enters} "
                      f"other={other} delay={delay} lending=0", PROGRAM))
    assert got["urgent"][0] == length
    assert got["urgent"][1] > bound(length, enters)
    assert got["urgent"][1] > 39 * BYSTANDER


@pytest.mark.parts(4)
@pytest.mark.parametrize("length", [1, 4, 8])
def test_chains_keep_the_invariants(crash, part, length):
    """With the kernel's own checks after every call and interrupt, which take
    no longer than the urgent client can wait."""
    got = waits(crash(part, f"how=chain length={length} enters={length} "
                      "delay=100 check=1", PROGRAM))
    assert (got["urgent"][0], got["other"][0]) == (length, 1)


# --- Lending: at which priority who runs ---

@pytest.mark.ordinary
@pytest.mark.parts(4)
def test_helping_is_transitive(notes, part):
    """The urgent client (40) calls the first server (10), and that one the
    second (5), which is still busy for another client (20): it runs at 40 from
    then on, and still does after it has answered the other one."""
    assert notes(part, "how=climb check=1") == [
        "second 20", "first 40", "second 40", "second 40", "second 40",
        "other OK 20", "second 40", "first 40", "urgent OK 40", "first 10",
        "second 5"]


ENDS = {
    "reply": "OK", "reply_recv": "OK", "dropped": "ERROR_DROPPED",
    "destroyed": "ERROR_DROPPED", "taken": "ERROR_DROPPED",
    "ended": "ERROR_DROPPED"}


@pytest.mark.parts(4)
@pytest.mark.parametrize("by", ENDS)
@checked
def test_lending_ends(notes, part, by, check):
    """The server (10) runs at the priority of its client (30), also after it
    has slept, until that waits no longer; then the client runs by itself, and
    the server at its own priority."""
    end = [] if by == "ended" else ["server 10"]
    assert notes(part, f"how=end by={by} check={check}") == [
        "server 30", "server 30", f"client {ENDS[by]} 30", *end]


@pytest.mark.parts(4)
@pytest.mark.parametrize("by", ["reply", "destroyed"])
def test_lending_ends_at_once(notes, part, by):
    """So also if the server has not slept meanwhile, and its own context was
    not needed since its client came."""
    assert notes(part, f"how=end by={by} nap=0") == [
        "server 30", "server 30", f"client {ENDS[by]} 30", "server 10"]


@pytest.mark.parts(4)
@pytest.mark.parametrize("by", ["endpoint", "elsewhere"])
@checked
def test_helping_ends(notes, part, by, check):
    """A client that was not received yet helps the server, until the endpoint
    is destroyed, by the server or by another one."""
    assert notes(part, f"how=end by={by} check={check}") == [
        "server 30", "client ERROR_DESTROYED 30", "server 10"]


@pytest.mark.parts(4)
def test_no_answer_no_lending(notes, part):
    """A server without a reply object works for nobody."""
    assert notes(part, "how=end by=none check=1") == [
        "client ERROR_DROPPED 30", "server 10"]


@pytest.mark.parts(4)
@checked
def test_deferred_client_is_blocked(notes, part, check):
    """The server has received from another client (20), and works for that one
    at its priority, and then at its own, before it answers the first."""
    assert notes(part, f"how=end by=deferred check={check}") == [
        "server 30", "server 30", "server 20", "server 20", "second OK 20",
        "server 10", "client OK 30", "server 10"]


@pytest.mark.parts(4)
def test_more_urgent_server(notes, part):
    """It keeps its own priority, and its client waits until it is done."""
    assert notes(part, "how=end by=reply own=35") == [
        "server 35", "server 35", "server 35", "client OK 30"]


@pytest.mark.parts(4)
def test_who_is_not_named_is_not_helped(notes, part):
    """Where the endpoint names no server, a client helps from when its message
    is received."""
    assert notes(part, "how=nameless check=1") == [
        "server 10", "server 30", "client OK 30", "server 10"]


@pytest.mark.parts(4)
def test_passive_server(notes, part):
    """It runs on its client's context and never otherwise: not when it gets a
    signal, and not after its answer. (`late` was as passive, and is given a
    context of its own.)"""
    assert notes(part, "how=passive check=1") == [
        "signals", "late", "calls", "signaled", "serves at 30",
        "serves at 30", "client OK 30"]


# --- Bad calls ---

@pytest.mark.parts(4)
def test_bad_calls(crash, part):
    """Each gives its error, and changes nothing."""
    run = crash(part, "how=bad check=1", PROGRAM)
    points = re.findall(r"^(.*): (ok|not ok)(.*)$", run.output, re.M)
    failed = [f"{name}{got}" for name, is_ok, got in points if is_ok != "ok"]
    assert not failed, "failed: " + "; ".join(failed)
    assert len(points) == int(run.value("points")) >= 60
    assert run.result() == "done" and run.status == 0


# --- The bully ---

def worst(run: Run) -> int:
    """The urgent client's longest wait in microseconds."""
    assert run.status == 0
    found = re.fullmatch(r"the urgent client waited (\d+) us at most",
                         run.result())
    assert found
    return int(found[1])


@pytest.mark.ordinary
@pytest.mark.parts(4)
@pytest.mark.parametrize("gic, el", [("2", "1"), ("3", "2")])
def test_bully_loses(boot, part, gic, el):
    """The urgent client waits for the server's millisecond, and for nobody
    else."""
    assert 1000 <= worst(boot(part, "bully", "check=1", gic=gic, el=el)) < 1100


@pytest.mark.parts(4)
def test_bully_wins_without_lending(boot, part):
    """It waits for the bully, almost all that this one computes."""
    assert worst(boot(part, "bully", "lending=0 check=1")) > 80_000


@pytest.mark.long
@pytest.mark.parts(4)
@machines
def test_bully_everywhere(boot, part, machine):
    """On every kind of machine."""
    assert 1000 <= worst(boot(part, "bully", "check=1", **machine)) < 1100
    assert worst(boot(part, "bully", "lending=0 check=1", **machine)) > 80_000


# --- What it costs ---

COSTS = {"below": 3, "same": 3, "blocked": 4}


@pytest.mark.ordinary
@pytest.mark.parts(4)
@pytest.mark.parametrize("by", COSTS)
def test_cost_does_not_grow(crash, part, by):
    """Picking, waking and blocking take the same number of instructions with 2
    and with 1,000 other threads, be they ready and less urgent (below), as
    urgent (same), or more urgent and blocked, all in one waiting queue."""
    def costs(count: int) -> dict[str, int]:
        run = crash(part, f"how=cost by={by} count={count}", PROGRAM)
        assert run.result() == "done" and run.status == 0
        return {name: int(n) for name, n in re.findall(
            r"^(waking .*|blocking .*|call .*|yields): (\d+)$", run.output,
            re.M)}
    few, many = costs(2), costs(1000)
    if by == "same":  # each of them yields once, and we do
        each, rest = divmod(many.pop("yields") - few.pop("yields"), 998)
        assert rest == 0 and 100 < each < 500, \
            "a yield costs more where there are more"
    assert few == many
    assert len(few) == COSTS[by]
    assert all(100 < n < 1000 for n in few.values())
