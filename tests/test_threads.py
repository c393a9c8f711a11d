# SPDX-License-Identifier: MIT
"""Threads: they take turns, keep what is theirs, wait for others, and end."""
from __future__ import annotations

import re

import pytest

from test_exceptions import assert_reported, backtrace, registers

# images/threads.c stands in for demos/crasher.c; "how=" picks what it does.
PROGRAM = "threads.c"
GUARD_SIZE = 1024


def solution(count: int, start: int, end: int) -> list[tuple[int, int, int]]:
    """The moves (disk, from, to) that carry so many disks over."""
    if count == 0:
        return []
    other = 3 - start - end
    return [*solution(count - 1, start, other), (count, start, end),
            *solution(count - 1, other, end)]


@pytest.mark.parts(2)
@pytest.mark.parametrize("disks", [1, 3, 5])
def test_hanoi(boot, part, disks):
    """Three threads, each deep in a recursion, move in turns, and each makes
    the moves that it would make alone."""
    run = boot(part, "hanoi", f"disks={disks}")
    moves = re.findall(r"^(\w+): disk (\d+) from (\d) to (\d)$", run.output,
                       re.M)
    solvers = ("Ada", "Edsger", "Per")
    for number, (name, *_) in enumerate(moves):
        assert name == solvers[number % 3], f"{name} moved out of turn"
    wanted = solution(disks, 0, 2)
    for solver in solvers:
        made = [tuple(map(int, move)) for name, *move in moves
                if name == solver]
        assert made == wanted, f"{solver} lost the way"
        pegs = [list(range(disks, 0, -1)), [], []]
        for disk, start, end in made:
            assert pegs[start].pop() == disk
            assert all(disk < under for under in pegs[end])
            pegs[end].append(disk)
        assert pegs == [[], [], list(range(disks, 0, -1))]
    assert run.result() == f"{3 * len(wanted)} moves, 0 against the rules"
    assert run.status == 0


@pytest.mark.parts(2)
@pytest.mark.parametrize("disks", ["0", "9", str(2**32 + 2)])
def test_hanoi_refuses(boot, part, disks):
    """What does not fit on a peg is refused in one line."""
    run = boot(part, "hanoi", f"disks={disks}")
    assert run.lines()[-1] == "disks= must be 1 to 8"


@pytest.mark.parts(2)
def test_polite_threads_alternate(boot, part):
    """Programs that work in turns are threads that yield."""
    run = boot(part, "polite")
    said = [line for line in run.lines() if re.match(r"t[io]ck \d", line)]
    assert said == ["tick 1", "tock 1", "tick 2", "tock 2", "tick 3", "tock 3"]
    assert run.result() == "tick spoke 3 times, tock 3 times"
    assert run.status == 0


CHECKS = """
register changed in main
register changed in a thread
register changed in a thread
register changed in a thread
call 1000
call 2^32
call 2^64 - 1
create
join
ran
state
join of 2^60 + a good one
join of 0
join of 255
join of 512
join of 2^40
stack on 16
stack on 512
too small
no size
crooked size
none of them ran
cap untouched
name of 15
name of 16
turns of the target
joiners back too early
joiners back
joiners with OK
join of an ended thread
join of an ended joiner
turns of others meanwhile
turns of others at a yield
join of the bystander
full
threads made
last capability
full again
join of the last
all ran
"""


@pytest.mark.parts(2)
@pytest.mark.parametrize("el", ["1", "2"])
def test_calls(crash, part, el):
    """Every call does what strata.h promises, and refuses what it must; no
    register of a thread is lost meanwhile."""
    run = crash(part, "how=checks", PROGRAM, el=el)
    lines = run.lines()
    first = next(n for n, x in enumerate(lines) if x.startswith("demo:")) + 1
    assert lines[first:] == [*(f"{check}: ok" for check
                               in CHECKS.strip().splitlines()),
                             "result: done"]
    assert run.status == 0


# --- Ends that are not happy ---

@pytest.mark.parts(2)
def test_overflow_names_the_thread(boot, part):
    """The report of a stack overflow says whose stack it was."""
    run = boot(part, "crasher", "how=overflow")
    assert_reported(run, "stack overflow")
    assert run.value("thread") == "crasher"


@pytest.mark.parts(2)
@pytest.mark.parametrize("cpu", ["cortex-a53", "cortex-a72", "max"])
@pytest.mark.parametrize("who", ["main", "first", "second"])
def test_guard_moves(crash, part, who, cpu):
    """After switches to and fro, the guard is at the stack of the thread that
    runs."""
    run = crash(part, f"how={who}", PROGRAM, cpu=cpu)
    found = re.search(rf"^{who} from 0x(\w+)$", run.output, re.M)
    assert found, run.output
    assert_reported(run, "stack overflow")
    assert run.value("thread") == who
    far, bottom = registers(run)["far"], int(found[1], 16)
    assert 0 <= far - bottom < GUARD_SIZE, f"not in the guard of {who}"
    assert backtrace(run)[0].name == "overflow"


@pytest.mark.parts(2)
def test_join_of_oneself(crash, part):
    """Who waits for its own end, waits for ever: the smallest deadlock."""
    run = crash(part, "how=lonely", PROGRAM)
    assert run.value("deadlock") == "lonely waits for lonely"
    assert run.status == 1


@pytest.mark.parts(2)
@pytest.mark.parametrize("how", ["undefined", "nowhere", "overflow"])
def test_backtrace_ends_where_the_thread_began(boot, part, how):
    """A report's backtrace leads to the first function of the thread."""
    run = boot(part, "crasher", f"how={how}")
    assert run.value("thread") == "crasher"
    names = [frame.name for frame in backtrace(run)]
    assert "crash" in names
    assert names[-2:] == ["run_program", "thread_start"]
