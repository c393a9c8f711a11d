# SPDX-License-Identifier: MIT
"""Locks, and how to do without, as programs have them (demos/sync.h): no
addition is lost, whoever is preempted where, on however many CPUs; all have
their share; and of a mutex, a semaphore and a stack each what its header says.

Nothing here says how long anything takes by the clock on the wall. Where time is
asserted, it is virtual (-icount), and what computes gives way to the other CPUs
all the time (spin_hint): their instructions count, too.
"""
from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

import guest
import harness
from harness import Run

PROGRAM = "sync.c"  # stands in for demos/crasher.c; how= picks what it does
CPUS = ("1", "2", "4", "8")
WAYS = ("ticket", "mutex", "semaphore", "stack")
on_all = pytest.mark.parametrize("cpus", CPUS)

# Without -icount QEMU's threads, one a CPU, share the host's CPUs with all that
# runs there. A kernel whose lock is held by one of them that does not run just
# then gets on slowly: so few additions, and much patience.
REAL = {"exact": False, "limit": 150}


@dataclass
class Shares:
    """How many additions the threads made, and the CPUs."""
    least: int
    most: int
    cpu_least: int
    cpu_most: int


def shares(run: Run, way: str) -> Shares:
    found = re.fullmatch(r"by a thread (\d+) to (\d+), by a cpu (\d+) to (\d+)",
                         run.value(way))
    assert found, run.output
    return Shares(*map(int, found.groups()))


def assert_right(run: Run, additions: int, ways: tuple[str, ...] = WAYS) -> None:
    """Nothing was lost, and the shares can be."""
    assert run.status == 0
    assert run.result() \
        == f"{additions * len(ways)} additions, 0 lost; 0 nodes lost"
    cpus = int(run.value("cpus"))
    for way in ways:
        part = shares(run, way)
        assert part.least * 2 * cpus <= additions <= part.most * 2 * cpus
        assert part.cpu_least * cpus <= additions <= part.cpu_most * cpus
    if "stack" in ways:
        assert "of 32 nodes 0 lost; 0 times one was taken twice" in run.output


# --- The demo ---

@on_all
@pytest.mark.parts(4)
def test_nothing_is_lost(boot, part, cpus):
    """And nobody is left behind, though each is preempted inside, each time:
    who comes to a lock first is the first to have it. On a stack nobody waits
    for anybody; there each goes on until it yields, after every eighth."""
    run = boot(part, "locks", "additions=800 check=1", cpus=cpus)
    assert_right(run, 800)
    for way, apart in zip(WAYS, (1, 1, 1, 16)):
        found = shares(run, way)
        assert found.most - found.least <= apart, way
        assert found.cpu_most - found.cpu_least <= apart, way


def check_torture(boot, part: Path, cpus: str, seeds: range,
                  **machine: str) -> None:
    def one(seed: int) -> None:
        run = boot(part, "locks", f"additions=200 check=1 torture={seed}",
                   limit=60, cpus=cpus, **machine)
        assert_right(run, 200)
        for way in WAYS[:3]:  # fair, wherever the shots hit
            found = shares(run, way)
            assert found.most - found.least <= 0.1 * 200, way
    guest.at_once(one, seeds)


@on_all
@pytest.mark.ordinary
@pytest.mark.parts(4)
def test_nothing_is_lost_under_torture(boot, part, cpus):
    """With interrupts at random instructions, on all CPUs."""
    check_torture(boot, part, cpus, range(1, 3))


@pytest.mark.long
@on_all
@pytest.mark.parts(4)
def test_nothing_is_lost_under_more_torture(boot, part, cpus):
    check_torture(boot, part, cpus, range(100, 130))


@pytest.mark.long
@pytest.mark.parts(4)
@pytest.mark.parametrize("machine", [{"gic": "3"}, {"cpu": "cortex-a72"},
                                     {"cpu": "max", "gic": "3"}, {"el": "2"}],
                         ids=lambda m: "-".join(m.values()))
def test_nothing_is_lost_on_other_machines(boot, part, machine):
    check_torture(boot, part, "4", range(1, 6), **machine)


@pytest.mark.parametrize("cpus", [*CPUS[:3],
                                  pytest.param("8", marks=pytest.mark.long)])
@pytest.mark.parts(4)
def test_nothing_is_lost_at_the_same_time(boot, part, cpus):
    """Without -icount: CPUs really run at the same time."""
    assert_right(boot(part, "locks", "additions=16", cpus=cpus, **REAL), 16)


@pytest.mark.parts(4)
def test_stack_at_the_same_time(boot, part):
    """The kernel is called now and then only: here the CPUs do meet."""
    assert_right(boot(part, "locks", "how=stack additions=4000", cpus="2",
                      **REAL), 4000, ("stack",))


@pytest.mark.parts(4)
def test_no_such_way(boot, part):
    """What it may be is said in one line, and the status is 2."""
    run = boot(part, "locks", "how=hope")
    assert run.status == 2
    assert run.output.splitlines()[-1] \
        == f"how= is one of: all {' '.join(WAYS)} aba"


# --- Preempted with the lock ---

def looks(boot, part: Path, patience: int, additions: int) -> float:
    """How often a thread looks in vain, for an addition."""
    run = boot(part, "locks",
               f"how=ticket patience={patience} additions={additions}")
    assert_right(run, additions, ("ticket",))
    found = re.search(r"^  (\d+) looks in vain$", run.output, re.M)
    assert found
    return int(found[1]) / additions


@pytest.mark.ordinary
@pytest.mark.parts(4)
def test_waiter_yields_to_the_holder(boot, part):
    """One CPU, two threads: whoever waits looks in vain until it yields. If it
    never does, it looks until its slice is over."""
    assert looks(boot, part, 0, 200) <= 2
    assert 40 <= looks(boot, part, 50, 200) <= 53
    assert looks(boot, part, 10 ** 9, 4) > 100_000


# --- ABA ---

def nodes(run: Run) -> tuple[int, int]:
    """How many nodes were lost, and how many times one was taken twice."""
    assert run.status == 0
    found = re.search(r"^  of 32 nodes (\d+) lost; (\d+) times one was taken "
                      r"twice$", run.output, re.M)
    assert found, run.output
    return int(found[1]), int(found[2])


def check_aba(boot, part: Path, cpus: str, seeds: Iterable[int]) -> int:
    """With how many of the seeds nodes are lost or taken twice without tags;
    with tags they are with none."""
    def one(seed: int) -> bool:
        args = f"how=aba torture={seed}"
        fixed = boot(part, "locks", f"{args} fix=1", limit=60, cpus=cpus)
        assert_right(fixed, 2000, ("aba",))
        assert nodes(fixed) == (0, 0)
        return nodes(boot(part, "locks", args, limit=60, cpus=cpus)) != (0, 0)
    return sum(guest.at_once(one, seeds))


@on_all
@pytest.mark.ordinary
@pytest.mark.parts(4)
def test_aba(boot, part, cpus):
    """Not by each seed, but by one of these two on any number of CPUs."""
    assert check_aba(boot, part, cpus, (2, 9))


@pytest.mark.long
@on_all
@pytest.mark.parts(4)
def test_aba_with_more_seeds(boot, part, cpus):
    assert check_aba(boot, part, cpus, range(1, 31)) >= 3


@pytest.mark.ordinary
@pytest.mark.parts(4)
def test_aba_happens_again(boot, part):
    """The same seed, the same nodes: one can look for what went wrong."""
    first, again = (boot(part, "locks", "how=aba torture=2", cpus="4")
                    for _ in range(2))
    assert first.output == again.output and nodes(first) != (0, 0)


@pytest.mark.parts(4)
@pytest.mark.parametrize("args", ["", "tags=0"])
def test_stack_in_order(crash, part, args):
    """One thread's pushes and pops, against a list; tags come round, and do not
    spoil the node."""
    for seed in range(1, 4):
        run = crash(part, f"how=stack seed={seed} {args}", PROGRAM)
        found = re.fullmatch(r"(\d+) nodes taken, 0 wrong", run.result())
        assert found and int(found[1]) > 2000


# --- The mutex ---

def inversion(crash, part: Path, args: str, **machine: str) -> tuple[int, int]:
    """How often the urgent thread got inside, and how many microseconds it
    waited at most."""
    run = crash(part, f"how=inversion {args}", PROGRAM, **machine)
    assert run.status == 0
    found = re.fullmatch(r"(\d) of 6 times, waited (\d+) us at most",
                         run.result())
    assert found
    return int(found[1]), int(found[2])


@pytest.mark.ordinary
@pytest.mark.parts(4)
def test_mutex_lends(crash, part):
    """The urgent one waits for what is left of the millisecond of whoever is
    inside, and for its own; and not for the bully."""
    times, worst = inversion(crash, part, "with=mutex check=1")
    assert times == 6 and 1100 <= worst < 2100


@pytest.mark.ordinary
@pytest.mark.parts(4)
def test_mutex_lends_to_another_cpu(crash, part):
    """The urgent one is on CPU 1, and what was preempted inside on CPU 0 goes on
    there. (Two CPUs run, one at a time: all takes twice as long.)"""
    times, worst = inversion(crash, part, "with=mutex check=1 urgent=1",
                             cpus="2")
    assert times == 6 and 1100 <= worst < 4200


@pytest.mark.ordinary
@pytest.mark.parts(4)
@pytest.mark.parametrize("urgent", ["0", "1"])
def test_semaphore_does_not_lend(crash, part, urgent):
    """The same with a semaphore: the urgent one waits for the bully."""
    times, worst = inversion(crash, part, f"with=semaphore urgent={urgent}",
                             cpus="2")
    assert times == 6 and worst > 70_000


@pytest.mark.parts(4)
def test_ticket_waits_for_ever(crash, part):
    """The same with a ticket lock on one CPU: the urgent one yields again and
    again, and never to whoever is less urgent."""
    assert inversion(crash, part, "with=ticket after=60") == (0, 0)


@pytest.mark.parts(4)
def test_mutex_asked_for_inside(crash, part):
    """By the function that it runs: the kernel says what is wrong."""
    run = crash(part, "how=again", PROGRAM)
    assert run.value("deadlock") == "mutex waits for mutex"
    assert run.status == 1


@pytest.mark.parts(4)
@pytest.mark.parametrize("which, order", [("mutex", "2 5 4 3 1"),
                                          ("semaphore", "5 4 3 2 1"),
                                          ("ticket", "5 4 3 2 1")])
def test_order(crash, part, which, order):
    """5, 4, 3, 2 and 1 come while the lock is held; 2 is more urgent, which
    counts where the kernel keeps the line of senders."""
    run = crash(part, f"how=order with={which} check=1", PROGRAM)
    assert run.result() == f"order {order}"


# --- The semaphore ---

def assert_most(run: Run, cpus: str, count: int) -> None:
    found = re.fullmatch(r"(\d+) entries, at most (\d+) inside, count (\d+)",
                         run.result())
    assert found and run.status == 0
    assert tuple(map(int, found.groups())) \
        == (40 * int(cpus), min(count, 2 * int(cpus)), count)


@on_all
@pytest.mark.ordinary
@pytest.mark.parts(4)
def test_so_many_inside(crash, part, cpus):
    """Never more than it was made for, and sometimes as many."""
    def one(what: tuple[int, str]) -> None:
        count, args = what
        assert_most(crash(part, f"how=most count={count} check=1 {args}",
                          PROGRAM, cpus=cpus), cpus, count)
    guest.at_once(one, [(1, ""), (1, "torture=1"), (2, "torture=2"),
                        (3, ""), (3, "torture=3")])


@on_all
@pytest.mark.ordinary
@pytest.mark.parts(4)
def test_as_many_as_ups(crash, part, cpus):
    """Each up lets one in, who waits or who comes later, and no more."""
    def one(args: str) -> None:
        run = crash(part, f"how=ups check=1 {args}", PROGRAM, cpus=cpus)
        assert run.result() == (f"{2 * int(cpus)} passed, 0 times not as many "
                                "as ups, count 0")
    guest.at_once(one, ["", "before=1", "before=2", "torture=1",
                        "torture=2 before=1"])


@pytest.mark.parts(4)
def test_semaphore_at_the_same_time(crasher, execute, part):
    """Without -icount."""
    image = crasher(part, PROGRAM) / "kernel.img"
    for args in ("how=most count=2", "how=ups before=1"):
        command = harness.options(part, "crasher", args,
                                  harness.qemu.Machine(cpus="2"), exact=False)
        command[command.index("-kernel") + 1] = str(image)
        run = execute([*command, "-serial", "stdio"], limit=100)
        if "most" in args:
            found = re.fullmatch(r"80 entries, at most [12] inside, count 2",
                                 run.result())
            assert found and run.status == 0
        else:
            assert run.result() == ("4 passed, 0 times not as many as ups, "
                                    "count 0")
