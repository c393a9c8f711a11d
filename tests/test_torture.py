# SPDX-License-Identifier: MIT
"""Torture: torture=SEED preempts after a number of instructions that the seed
decides, again and again. Nobody may notice: programs come to the results that
they come to without it, and each log is possible by the model (ipc_model.py).

Of part 2's demos these can't be compared, each for a reason of its own:

- bench, ways: they count instructions by the cycle counter, which torture takes
  away from programs. (So does share of part 3.)
- meddler, names, philosophers without fix=1: what they show depends on who runs
  when. (In names a client may ask for a name before its server has told it.)
- hog, crasher, echo, glutton, tree, ...: they end otherwise, or wait for input,
  or run in main alone, which keeps interrupts masked.
"""
from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import guest
import harness
from ipc_contexts import rule_of
from ipc_model import NOBODY, Impossible, Script, judge
from ipc_scripts import random_script, random_signals
from ipc_trace import Kind, Log, script, traced
from test_model import looked_at
from test_tree import loaders, original, start, tree  # noqa: F401

DEMOS = (("calc", ""), ("forger", ""), ("hanoi", ""), ("mailbox", ""),
         ("philosophers", "fix=1"), ("pingpong", ""),
         ("pipeline", ""), ("polite", ""))
COUNTING = {"bench", "ways"}  # of parts 0 to 2, by the cycle counter


def interrupts(log: Log) -> int:
    return sum(e.kind == Kind.INTERRUPT for e in log.events)


@pytest.mark.parts(2, 2)
def test_who_counts_instructions(part):
    """The demos that can't run under torture are those that are named here."""
    assert {path.stem for path in (part / "demos").glob("*.c")
            if "instructions()" in path.read_text()} == COUNTING
    assert not COUNTING & {demo for demo, _ in DEMOS}


# --- The same results ---

def check_demos(boot, part: Path, seeds: range, check: bool = False,
                **machine: str) -> int:
    """How often the demos were interrupted."""
    def result(run: harness.Run) -> str:
        # How many producers of `mailbox` had to wait depends on who ran when.
        return re.sub(r"up to \d+ waited", "", run.result())
    wanted = {demo: result(boot(part, demo, args, **machine))
              for demo, args in DEMOS}

    def one(what: tuple[str, str, int]) -> int:
        demo, args, seed = what
        log = traced(boot, part, demo, f"torture={seed} {args}", check,
                     **machine)
        assert log.run.status == 0, what
        assert result(log.run) == wanted[demo], what
        return interrupts(log)
    return sum(guest.at_once(one, [(*demo, seed) for demo in DEMOS
                                   for seed in seeds]))


@pytest.mark.parts(3)
def test_results_are_the_same(boot, part):
    """Part 2's demos, with 3 seeds."""
    shots = check_demos(boot, part, range(1, 4))
    assert shots >= 300, "too few shots"


@pytest.mark.long
@pytest.mark.parts(3)
@pytest.mark.parametrize("first", range(1, 301, 50))
def test_results_are_the_same_for_more_seeds(boot, part, first):
    """The same, with 300."""
    check_demos(boot, part, range(first, first + 50), check=first % 100 == 1)


@pytest.mark.long
@pytest.mark.parts(3)
@pytest.mark.parametrize("machine", [{"gic": "3"}, {"cpu": "cortex-a72"},
                                     {"cpu": "max", "gic": "3"}, {"el": "2"}],
                         ids=lambda m: "-".join(m.values()))
def test_results_are_the_same_on_other_machines(boot, part, machine):
    assert check_demos(boot, part, range(1, 6), **machine) >= 300


# --- Random programs, and the model ---

def assert_possible(part: Path, log: Log, which: Script, seed: int) -> None:
    """The log is possible, and what it ends with is what the kernel reports.
    (The operations are counted in a variable that all threads share, and so a
    count may be lost: see the demo race.)"""
    try:
        ending = judge(log.events, which, rule_of(part, which.lending))
    except Impossible as why:
        raise AssertionError(f"torture={seed} {which}: {why}") from None
    if ending.deadlock:
        assert log.run.value("deadlock") == ending.text(), (seed, which)
        assert log.run.status == 1, (seed, which)
        return
    assert log.run.status == 0, (seed, which)
    found = re.fullmatch(r"(\d+) operations done, 0 words spoiled",
                         log.run.result())
    assert found, (seed, which)
    assert int(found[1]) <= sum(map(len, which.actors())), (seed, which)


def tortured(boot, part: Path, which: Script, seed: int, check: bool,
             **machine: str) -> Log:
    return script(boot, part, which.program, which.servers, which.replies,
                  check, f"torture={seed} {which.arguments()}", **machine)


def check_scripts(boot, part: Path, seeds: range, **machine: str) -> None:
    def one(seed: int) -> int:
        which = random_signals(seed) if seed % 2 else random_script(seed)
        log = tortured(boot, part, which, seed + 1, check=True, **machine)
        assert_possible(part, log, which, seed + 1)
        return interrupts(log)
    assert sum(guest.at_once(one, seeds)) >= 2 * len(seeds)


@pytest.mark.ordinary  # the other one fills the ring too soon
@pytest.mark.parts(3)
def test_random_programs(boot, part):
    """The model accepts what a dozen random programs do under torture, and so
    do the kernel's own checks after every call and interrupt. Every other
    program has signals and alarms among its calls."""
    check_scripts(boot, part, range(12))


@pytest.mark.ordinary  # the other one fills the ring too soon
@pytest.mark.long
@pytest.mark.parts(3)
@pytest.mark.parametrize("first", range(100, 500, 50))
def test_more_random_programs(boot, part, first):
    """The same, of 400 others."""
    check_scripts(boot, part, range(first, first + 50))


@pytest.mark.ordinary  # the other one fills the ring too soon
@pytest.mark.long
@pytest.mark.parts(3)
@pytest.mark.parametrize("machine", [{"gic": "3"}, {"cpu": "cortex-a72"},
                                     {"cpu": "max", "gic": "3"}],
                         ids=lambda m: "-".join(m.values()))
def test_random_programs_on_other_machines(boot, part, machine):
    check_scripts(boot, part, range(12), **machine)


@pytest.mark.ordinary  # the other one fills the ring too soon
@pytest.mark.parts(3)
def test_signals_and_alarms(boot, part):
    """Without torture: the model accepts 12 random programs with signals and
    alarms; in some the CPU sleeps, and in some an alarm interrupts a thread."""
    def one(seed: int) -> set[bool]:
        which = random_signals(seed)
        log = script(boot, part, which.program, which.servers, which.replies,
                     seed % 4 == 0, which.arguments())
        assert_possible(part, log, which, 0)
        return {e.thread == NOBODY for e in log.events
                if e.kind == Kind.INTERRUPT}
    assert set.union(*guest.at_once(one, range(12))) == {True, False}


# --- The same seed, the same run ---

def seen(log: Log) -> list[tuple]:
    return [looked_at(event) for event in log.events]


@pytest.mark.ordinary  # the other one fills the ring too soon
@pytest.mark.parts(3)
def test_same_seed_same_log(boot, part):
    """Event by event, the times included; another seed, another log."""
    which = random_script(3)
    first, again, other = (tortured(boot, part, which, seed, check=True)
                           for seed in (7, 7, 8))
    assert first.events == again.events and interrupts(first)
    assert seen(first) != seen(other)


@pytest.mark.ordinary  # the other one fills the ring too soon
@pytest.mark.parts(3)
@pytest.mark.parametrize("value", ["0", "no"])
def test_no_torture(boot, part, value):
    """torture=0, or what is no number: all is as without."""
    without = traced(boot, part, "calc")
    log = traced(boot, part, "calc", f"torture={value}")
    assert seen(log) == seen(without) and not interrupts(log)
    assert log.run.output.partition("demo:")[2] \
        == without.run.output.partition("demo:")[2]


@pytest.mark.parts(3)
def test_without_performance_monitors(start, part, tree):  # noqa: F811
    """One line says so; and without torture nobody misses them."""
    tree.children.remove(tree.find("/pmu"))
    tree.find("/chosen").set_strings("bootargs", "demo=hanoi")
    assert start(part, tree).status == 0
    tree.find("/chosen").set_strings("bootargs", "demo=hanoi torture=1")
    run = start(part, tree)
    assert run.value("panic") \
        == "device tree: no performance monitors (arm,armv8-pmuv3)"
    assert run.status == 1


# --- Where the shots hit ---

# All operations, by all call sites. None waits, since no object is named.
ALL = "s-,S-,c-,r--,R--,a-,w--,y,j-,d-,x-,g-0,t-,p-,b-,l--,l-0,z-"


class Code:
    """A kernel's instructions, from its disassembly."""

    def __init__(self, build: Path) -> None:
        text = guest.call(guest.tool("OBJDUMP"), "--disassemble",
                          "--no-show-raw-insn", build / "kernel.elf")
        self.functions: dict[str, dict[int, str]] = {}
        for line in text.splitlines():
            if found := re.match(r"[0-9a-f]{16} <(\w+)>:$", line):
                current = self.functions.setdefault(found[1], {})
            elif found := re.match(r" *([0-9a-f]+):\s+(\S.*)$", line):
                current[int(found[1], 16)] = " ".join(found[2].split())

    def called(self, function: str) -> set[str]:
        """The functions that it calls, or jumps to."""
        names = {found[1] for text in self.functions[function].values()
                 if (found := re.match(r"bl? .*<(\w+)>$", text))}
        return names - {function}

    def reached(self, *roots: str) -> set[str]:
        """The functions that run when these do, the kernel's own behind the
        gate not among them, nor those that report the end of a run."""
        found: set[str] = set()
        left = list(roots)
        while left:
            name = left.pop()
            if name not in found and name not in ("gate", "panic"):
                found.add(name)
                left += self.called(name)
        return found

    def unmasked_gate(self) -> list[int]:
        """The gate's instructions up to the one that masks interrupts, and
        those behind the one that restores the masks. (An interrupt comes
        before the instruction that is told.)"""
        head = list(self.functions["gate"].items())
        first = next(n for n, (_, text) in enumerate(head)
                     if text.startswith("msr DAIFSet"))
        tail = list(self.functions["resume"].items())
        last = next(n for n, (_, text) in enumerate(tail)
                    if re.match(r"msr DAIF,", text))
        return [a for a, _ in head[:first + 1] + tail[last + 1:]]

    def stubs(self, function: str) -> set[int]:
        """The instructions around each "bl gate" of a function: from where
        something may jump to, or behind the last branch, up to the next
        branch."""
        code = self.functions[function]
        targets = {int(found[1], 16) for text in code.values()
                   if (found := re.match(r"\w[\w.]* .*?0x([0-9a-f]+) <", text))}
        addresses = list(code)
        around: set[int] = set()
        for at, address in enumerate(addresses):
            if not re.match(r"bl .*<gate>$", code[address]):
                continue
            first = at
            while addresses[first] not in targets and not re.match(
                    r"(b|bl|br|blr|ret|cbn?z|tbn?z|b\.\w+)( |$)",
                    code[addresses[first - 1]]):
                first -= 1
            # One behind it: where the thread goes on.
            around |= set(addresses[first:at + 2])
        return around


def shots(log: Path) -> list[int]:
    """The interrupted addresses, in what QEMU wrote by -d int."""
    found, irq = [], False
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("Taking exception"):
            irq = "[IRQ]" in line
        elif irq and "...with ELR" in line:
            found.append(int(line.split()[2], 16))
            irq = False
    return found


def shoot(build: Path, seeds: range, tmp_path: Path) -> Counter[int]:
    """How often each address was interrupted, in runs of ALL."""
    program = "/".join([",".join([ALL] * 2)] * 3)
    assert len(program) < 500

    def one(seed: int) -> Counter[int]:
        command = harness.options(
            harness.PARTS[3], "script", f"program={program} torture={seed}",
            harness.qemu.Machine(), exact=True)
        command[command.index("-kernel") + 1] = str(build / "kernel.img")
        log = tmp_path / f"{seed}.log"
        run = harness.execute([*command, "-serial", "stdio", "-d", "int", "-D",
                               str(log)])
        assert run.status == 0, harness.report(run, build / "kernel.elf")
        assert "0 words spoiled" in run.result()
        return Counter(shots(log))
    return sum(guest.at_once(one, seeds), Counter())


def check_shots(build: Path, seeds: range, tmp_path: Path,
                wanted: Callable[[Code], set[int]]) -> None:
    code = Code(build)
    hit = shoot(build, seeds, tmp_path)
    programs = code.reached("act", "thread_start", "exit")
    allowed = {a for name in programs for a in code.functions[name]}
    allowed |= set(code.unmasked_gate())
    # What programs run is not what the kernel does for them.
    assert not programs & {"syscall", "interrupt", "sched_next", "sched_append",
                           "thread_wake", "endpoint_send"}
    texts = {a: f"{name}: {text}" for name, lines in code.functions.items()
             for a, text in lines.items()}
    for address in sorted(wanted(code)):
        print(f"{hit[address]:6} {address:#x} {texts[address]}")
    assert not {texts[a] for a in hit if a not in allowed}, "masked, and hit"
    assert not {texts[a] for a in wanted(code) if not hit[a]}, "never hit"


@pytest.mark.ordinary  # the other one fills the ring too soon
@pytest.mark.parts(3)
def test_gate_is_hit_where_it_is_open(part, tmp_path):
    """Shots hit the gate's unmasked instructions, every one, and never a masked
    one; and no unmasked one reads or writes memory."""
    code = Code(guest.build_of(part))
    check_shots(guest.build_of(part), range(1, 13), tmp_path,
                lambda code: set(code.unmasked_gate()))
    texts = code.functions["gate"] | code.functions["resume"]
    assert not [texts[a] for a in code.unmasked_gate()
                if re.match(r"(ld|st)", texts[a])], "not masked"


@pytest.mark.ordinary  # the other one fills the ring too soon
@pytest.mark.long
@pytest.mark.parts(3)
def test_whole_path_is_hit(part, tmp_path):
    """The same, and every instruction of the call sites, with 500 seeds."""
    check_shots(guest.build_of(part), range(1, 501), tmp_path,
                lambda code: {*code.unmasked_gate(), *code.stubs("act")})
