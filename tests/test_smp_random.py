# SPDX-License-Identifier: MIT
"""Random programs on all CPUs (images/smp_random.c): threads, pinned and free,
that call, answer late, pin and limit each other, and destroy what others use.

The kernel checks its invariants after each call and each interrupt: no thread
runs on two CPUs, none is ready and forgotten, no CPU sleeps while another one
has something that it could take over. All programs are such that they end.
"""
from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

import guest
import harness
from harness import Run

SOURCE = "smp_random.c"
# With SAN=1 the invariants take longer than a budget lasts, and no thread gets
# on.
CHECK = "" if os.environ.get("SAN") else "check=1 "
LIMIT = 10 * harness.LIMIT  # a busy host stops a CPU that has the lock
# The same on a host that is busy, where the clock goes on: less of it, and no
# thread gives the others up.
AT_THE_SAME_TIME = "clients=8 steps=10 patience=100000"


@pytest.fixture
def programs(crasher: Callable[..., Path],
             execute: Callable[..., Run]) -> Callable[..., None]:
    """programs(part, seeds, cpus, args, ...): runs those of `seeds` on so many
    CPUs, one number of `cpus` after the other. SEED in `args` stands for the
    seed."""
    def programs(part: Path, seeds: Iterable[int], cpus: str, args: str,
                 least: int = 30, exact: bool = True, **machine: str) -> None:
        image = crasher(part, SOURCE) / "kernel.img"

        def one(what: tuple[int, str]) -> None:
            seed, number = what
            command = harness.options(
                part, "crasher", f"seed={seed} " + args.replace("SEED",
                                                                 str(seed)),
                harness.qemu.Machine(cpus=number, **machine), exact)
            command[command.index("-kernel") + 1] = str(image)
            run = execute([*command, "-serial", "stdio"], limit=LIMIT)
            assert run.status == 0, (what, run.output[-2000:])
            found = re.fullmatch(r"(\d+) answers, \d+ errors, 0 wrong",
                                 run.result())
            assert found and int(found[1]) >= least, what
        guest.at_once(one, zip(seeds, itertools.cycle(cpus)))
    return programs


@pytest.mark.parts(4)
def test_random_programs(programs, part):
    """Eight, on 2, 3, 4 and 8 CPUs."""
    programs(part, range(8), "2348", CHECK)


@pytest.mark.ordinary
@pytest.mark.parts(4)
def test_under_torture(programs, part):
    """Four, interrupted at any instruction on every CPU. (With SAN=1 all time
    goes into the interrupts.)"""
    programs(part, range(20, 24), "2348", f"{CHECK}torture=SEED")


@pytest.mark.parts(4)
def test_at_the_same_time(programs, part):
    """Four, on CPUs that do run at the same time."""
    programs(part, range(40, 44), "24", f"{CHECK}{AT_THE_SAME_TIME}", 5,
             exact=False)


@pytest.mark.long
@pytest.mark.parts(4)
@pytest.mark.parametrize("first", range(100, 500, 100))
def test_many_random_programs(programs, part, first):
    programs(part, range(first, first + 50), "2348", CHECK)
    programs(part, range(first + 50, first + 100), "2348",
             f"{CHECK}torture=SEED")


@pytest.mark.long
@pytest.mark.parts(4)
@pytest.mark.parametrize("machine", [{"gic": "3"}, {"cpu": "cortex-a72"},
                                     {"cpu": "max", "gic": "3"}, {"el": "2"}],
                         ids=lambda m: "-".join(m.values()))
def test_on_other_machines(programs, part, machine):
    programs(part, range(500, 516), "2348", f"{CHECK}torture=SEED", **machine)


@pytest.mark.long
@pytest.mark.parts(4)
def test_many_at_the_same_time(programs, part):
    programs(part, range(600, 650), "2348", f"{CHECK}{AT_THE_SAME_TIME}", 5,
             exact=False)
    programs(part, range(650, 700), "2348", AT_THE_SAME_TIME, 5, exact=False)
