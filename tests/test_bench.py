# SPDX-License-Identifier: MIT
"""make bench: the figures are exact and repeatable, a count from outside agrees
with them, and whatever is no figure is refused."""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import guest
import harness
from harness import PARTS, ROOT

import bench
import book
import one_call

# What the sanitized build takes is no figure.
pytestmark = pytest.mark.ordinary

# What each part counts besides what the one before does.
KEYS = {2: {"call_reply_0", "call_reply_4", "send_waiting", "call_empty",
            "nbrecv_empty", "yield_alone", "yield_switch"},
        3: {"null_syscall", "signal", "signal_waiting", "ntfn_pingpong",
            "irq_ack", "interrupt", "irq_to_driver", "tick_switch",
            "alarm_set", "alarm_wake", "destroy_bound",
            "masked_mint", "masked_destroy", "masked_exit", "masked_longest"},
        4: {"preempt_wake", "wake_block", "preempt_ready", "wake_ready",
            "signal_lower", "irq_to_urgent_driver", "call_passive_0",
            "call_urgent_0", "call_low_0", "call_chain", "yield_ready",
            "queue_behind"}}
SCALED = ("call_reply_0", "call_reply_4", "send_waiting", "call_empty",
          "nbrecv_empty", "yield_alone")
NOT_EXACT = {"yield_switch", "tick_switch"}  # as the table shows
SELDOM = {"tick_switch": 200, "destroy_bound": 20, "masked_destroy": 50,
          "masked_exit": 70}  # others: a thousand times at least
FIELDS = {"part": str, "key": str, "instructions": int, "min": int, "max": int,
          "n": int, "cpus": int, "sel4": (int, type(None)), "target": (int, type(None))}


def run_bench(root: Path, **variables: str
              ) -> subprocess.CompletedProcess[str]:
    """Runs the program on a repository."""
    env = {k: v for k, v in os.environ.items() if k != "SAN"} | variables
    return subprocess.run(
        [sys.executable, ROOT / "tools" / "bench.py", "--root", root],
        text=True, capture_output=True, timeout=60, check=False, env=env)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that says why there are no figures."""
    assert done.returncode == 2 and done.stdout == "", done.stdout
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


# --- The figures of the kernels ---------------------------------------


@pytest.fixture(scope="module")
def counted() -> Callable[[Path], list[bench.Figure]]:
    """counted(part): its figures, from one boot for all tests."""
    known: dict[Path, list[bench.Figure]] = {}

    def counted(part: Path) -> list[bench.Figure]:
        if part not in known:
            known[part] = bench.measured(part)
        return known[part]
    return counted


@pytest.mark.parts(2)
def test_what_is_counted(counted, part: Path) -> None:
    """Each operation is counted, and often."""
    found = counted(part)
    wanted = set().union(*(keys for n, keys in KEYS.items()
                           if n <= PARTS.index(part)))
    assert {f.key for f in found} == wanted <= set(bench.OPERATIONS)
    assert all(f.count >= SELDOM.get(f.key, 1000) for f in found)


@pytest.mark.parts(2)
def test_each_time_the_same(counted, part: Path) -> None:
    """An operation takes as many instructions each time that it is done."""
    for figure in counted(part):
        if figure.key not in NOT_EXACT:
            assert figure.min == figure.mean == figure.max, figure


@pytest.mark.parts(2)
def test_cost_does_not_grow(counted, part: Path) -> None:
    """With 3, 16 and 64 threads, nearly all at endpoints of their own, it is
    the same; from part 4 on with 1,000, too."""
    found = counted(part)
    counts = [3, 16, 64] if PARTS.index(part) < 4 else [4, 16, 64, 1000]
    for key in SCALED:
        means = {f.threads: f.mean for f in found if f.key == key}
        assert [n for n in means if n > 2] == counts
        assert len(set(means.values())) == 1, f"{key}: {means}"


def figure(found: list[bench.Figure], key: str) -> bench.Figure:
    """The one of a key that is counted once."""
    mine = [f for f in found if f.key == key]
    assert len(mine) == 1, mine
    return mine[0]


@pytest.mark.parts(3)
def test_alarms(counted, part: Path) -> None:
    """An alarm's place is searched from the front. A wake-up takes the first,
    and costs the same however many there are."""
    found = counted(part)
    times = {key: {f.threads: f.mean for f in found if f.key == key}
             for key in ("alarm_set", "alarm_wake")}
    assert list(times["alarm_wake"]) == list(times["alarm_set"]) == [
        10, 100, 400]
    assert len(set(times["alarm_wake"].values())) == 1, times
    few, more, most = times["alarm_set"].values()
    each = (most - more) // 300
    assert (most, more - few) == (more + 300 * each, 90 * each) and each < 10


@pytest.mark.parts(3)
def test_preemption(counted, part: Path) -> None:
    """It is known to one turn around the loop that was preempted, and takes
    longer than an interrupt that preempts nobody."""
    found = counted(part)
    switch = figure(found, "tick_switch")
    assert switch.max - switch.min <= 2 * 16
    assert figure(found, "interrupt").max < switch.min


@pytest.mark.parts(3)
def test_a_driver_waits_for_its_turn(counted, part: Path) -> None:
    """Until it runs the interrupt is served, and the thread that was
    interrupted waits."""
    found = counted(part)
    assert figure(found, "irq_to_driver").min > (
        figure(found, "interrupt").max + figure(found, "null_syscall").max)


@pytest.mark.parts(3)
def test_how_long_interrupts_are_masked(counted, part: Path) -> None:
    """The longest call is as long as the counter says, less the instructions
    around it: before it masks interrupts, and behind the place where the kernel
    looks whether one waits. No other call that is counted takes longer."""
    found = counted(part)
    waits = {f.key: f.max for f in found if f.key.startswith("masked_")}
    longest = waits.pop("masked_longest")
    assert longest == max(waits.values()) == waits["masked_destroy"]
    assert all(f.max <= longest for f in found if f.key != "destroy_bound")
    assert 0 < figure(found, "destroy_bound").max - longest < 100
    assert all(wait > figure(found, "interrupt").max
               for wait in waits.values())


def means(found: list[bench.Figure], key: str) -> dict[int, int]:
    """The figures of a key, by what they were counted for."""
    return {f.threads: f.mean for f in found if f.key == key}


@pytest.mark.parts(4)
@pytest.mark.parametrize("keys, few", [
    (["preempt_wake"], 2), (["wake_block"], 2), (["preempt_ready"], 14),
    (["wake_ready"], 14), (["signal_lower"], 13), (["yield_switch"], 6),
    (["yield_alone", "yield_ready"], 2)],
    ids=lambda value: value[0] if isinstance(value, list) else "")
def test_a_thousand_cost_no_more(counted, part: Path, keys: list[str],
                                 few: int) -> None:
    """To pick, to wake and to block is as much work with 1,000 threads as with
    dozens and with a few (with 2, where no more are needed), be they blocked
    (preempt_wake, wake_block, yield_alone), or be half of them ready at lower
    priorities, and the others at the same one."""
    found = counted(part)
    mine = {(key, n): mean for key in keys
            for n, mean in means(found, key).items()}
    counts = {n for _, n in mine}
    assert min(counts) == few and max(counts) == 1000
    assert counts & {63, 64}
    assert len(set(mine.values())) == 1, mine


@pytest.mark.parts(4)
def test_an_urgent_driver_does_not_wait(counted, part: Path) -> None:
    """It runs instead of whom the interrupt has interrupted."""
    found = counted(part)
    assert (figure(found, "interrupt").max
            < figure(found, "irq_to_urgent_driver").min
            < 0.7 * figure(found, "irq_to_driver").min)


@pytest.mark.parts(4)
def test_calls_lend(counted, part: Path) -> None:
    """A server runs on its caller's context, whether it has one or not. One of
    its own that is more urgent has to be picked."""
    found = counted(part)
    passive, low, urgent = (figure(found, key).mean for key in (
        "call_passive_0", "call_low_0", "call_urgent_0"))
    assert passive <= low < passive + 16 and urgent > 1.5 * passive


@pytest.mark.parts(4)
def test_a_chain_is_walked(counted, part: Path) -> None:
    """Each server more costs a call and its answer, and a few instructions for
    every link that there is already."""
    times = means(counted(part), "call_chain")
    assert list(times) == [1, 2, 4, 8]
    one = figure(counted(part), "call_low_0").mean
    assert abs(times[1] - one) < 16
    each = [(times[2 * n] - times[n]) / n for n in (1, 2, 4)]
    assert one < each[0] < each[1] < each[2] < 1.5 * one


@pytest.mark.parts(4)
def test_a_place_in_the_queue(counted, part: Path) -> None:
    """It is searched from the end: a few instructions for each that is less
    urgent."""
    times = means(counted(part), "queue_behind")
    assert list(times) == [0, 16, 32]
    assert times[32] - times[16] == times[16] - times[0]
    each, rest = divmod(times[32] - times[0], 32)
    assert rest == 0 and 0 < each < 10


@pytest.mark.parts(2)
def test_the_same_again(counted, part: Path) -> None:
    """Another boot gives the same figures, all of them."""
    assert bench.measured(part) == counted(part)


@pytest.mark.parts(2)
def test_make_bench(counted) -> None:
    """The tables and build/bench.json say what the kernels counted."""
    done = harness.make("bench")
    assert done.returncode == 0, done.stderr
    rows = json.loads((ROOT / "build" / "bench.json").read_text())
    for row in rows:
        of = {"alarm_set": "alarms", "alarm_wake": "alarms",
              "call_chain": "servers", "queue_behind": "senders"}.get(
                  row["key"], "threads")
        assert row.keys() == FIELDS.keys() | {of}
        assert isinstance(row[of], int)
        assert all(isinstance(row[k], kind) for k, kind in FIELDS.items())
        assert row["cpus"] == 1
    assert [(r["part"], r["key"], r[bench.known(r["key"]).of],
             r["instructions"], r["min"], r["max"], r["n"]) for r in rows] == [
        (part.name, f.key, f.threads, f.mean, f.min, f.max, f.count)
        for part in bench.parts(ROOT) for f in counted(part)]
    trip = next(r for r in rows if r["key"] == "call_reply_4")
    assert (trip["sel4"], trip["target"]) == (456, 330)
    own = next(r for r in rows if r["key"] == "send_waiting")
    assert (own["sel4"], own["target"]) == (None, None)
    trip_row = re.search(r"^call, .* call_reply_4 +(.*)$", done.stdout, re.M)
    assert trip_row and trip_row[1].replace(",", "").split() == [
        str(trip[k]) for k in ("instructions", "min", "max", "n", "sel4",
                               "target")]
    scaling = re.search(r"^threads +3 +16 +64\n.*?^call_reply_4 +(.*?)$",
                        done.stdout, re.M | re.S)
    assert scaling and scaling[1].split() == 3 * [str(trip["instructions"])]


def test_it_is_in_the_list_of_commands() -> None:
    assert re.search("^make bench +counts what the kernel's operations take, "
                     "to the instruction$", harness.make().stdout, re.M)


# --- Counted from outside ---------------------------------------------


def steps_to(machine: one_call.Stub, address: int) -> int:
    """Goes there step by step; how many instructions that takes."""
    steps = 1
    while machine.step() != address:
        steps += 1
        assert steps < 10000, "it does not come by"
    return steps


def count_from_outside(part: Path, printed_before: int) -> int:
    """One operation is executed step by step, each instruction counted, from
    one reading of the counter to the next, less as many as lie between two
    readings of nothing. It is the one that is measured when so many figures
    have been printed."""
    places = guest.symbols(guest.build_of(part))
    readings = [address for address, text
                in guest.instructions(part, "instructions")
                if re.fullmatch(r"mrs x\d+, PMCCNTR_EL0", text, re.I)]
    assert len(readings) == 1
    with one_call.booted(part) as machine:
        machine.run_to(places["demo_bench"])
        for _ in range(3):  # the first one also sets the counter up
            machine.run_to(readings[0])
        nothing = steps_to(machine, readings[0])
        for _ in range(printed_before):
            machine.run_to(places["printf"])
        for _ in range(2 * 12 + 1):  # past the warm-up
            machine.run_to(readings[0])
        return steps_to(machine, readings[0]) - nothing


def agrees(found: list[bench.Figure], part: Path, key: str) -> bool:
    """Is it what the counter gave?"""
    wanted = next(f for f in found if f.key == key)
    # Each is printed when it is done.
    return count_from_outside(part, found.index(wanted)) == wanted.mean


@pytest.mark.parts(2)
@pytest.mark.parametrize("key", ["call_reply_4", "send_waiting", "call_empty"])
def test_a_count_from_outside_agrees(counted, part: Path, key: str) -> None:
    """A call's figure is the number of instructions that it executes."""
    assert agrees(counted(part), part, key)


@pytest.mark.parts(3)
@pytest.mark.parametrize("key", ["null_syscall", "signal", "signal_waiting",
                                 "ntfn_pingpong", "irq_ack"])
def test_signals_counted_from_outside(counted, part: Path, key: str) -> None:
    """So it is with signals."""
    assert agrees(counted(part), part, key)


@pytest.mark.parts(2)
def test_one_call_all_the_way(counted, part: Path) -> None:
    """The steps of one call are those that it takes through the kernel's
    files, and their sum is what the counter says."""
    steps = one_call.trace(part)
    client, server = steps[0][0], "echo"
    assert client == steps[-1][0] and "bench" in client
    out = "resume" if "resume" in guest.symbols(guest.build_of(part)) else "gate"
    assert [name for name, _ in steps if name in ("gate", out, server)] == [
        "gate", out, server, "gate", out]
    assert {"syscall", "endpoint_send", "endpoint_reply"} < {
        name for name, _ in steps}
    assert sum(count for _, count in steps) == next(
        f.mean for f in counted(part) if f.key == "call_reply_4")


@pytest.mark.parametrize("step", ["0", "99", "x", ""])
def test_a_step_that_one_call_does_not_have(step: str,
                                            monkeypatch: pytest.MonkeyPatch
                                            ) -> None:
    """The book says which steps there are."""
    part = PARTS[0].name
    monkeypatch.setattr(book, "call_steps", lambda part: [7, 11])
    assert book.call_figure(ROOT, [part, "call", "2"]) == "11"
    assert book.call_figure(ROOT, [part, "call", "all"]) == "18"
    with pytest.raises(book.Wrong, match="has the steps 1 to 2, and 'all'"):
        book.call_figure(ROOT, [part, "call", step])


def test_one_call_needs_a_bench() -> None:
    """A part without the demo is refused in one line."""
    done = subprocess.run([sys.executable, ROOT / "tools" / "one_call.py",
                           PARTS[0].name], text=True, capture_output=True,
                          timeout=60, check=False)
    assert f"{PARTS[0].name} has no demo 'bench'" in refused(done)


# --- What is no figure ------------------------------------------------

GOOD = """\
strata part2-ipc
demo: bench - what the kernel's calls cost
bench: call_reply_4      3   320   320   320  1000
bench: odd               3   7     5     9       3
bench: call_reply_4     16  1321  1320  1322  1000
result: measured
"""


class Fake:
    """A repository of one part, and a QEMU that prints what it is told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.json = root / "build" / "bench.json"
        for name, text in {
                "part2-ipc/demos/bench.c": "",
                "part2-ipc/demos/demo.c": '    {"bench", demo_bench, ""},\n',
                "build/part2-ipc/kernel.img": "", "qemu": "#!/bin/sh\n"
                "case $* in *--version*) echo QEMU version 7.2.0; exit;; esac\n"
                f"cat {root}/says\nexit $(cat {root}/status)\n"}.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (root / "qemu").chmod(0o755)

    def run(self, says: str, status: int = 0
            ) -> subprocess.CompletedProcess[str]:
        (self.root / "says").write_text(says)
        (self.root / "status").write_text(str(status))
        return run_bench(self.root, QEMU=str(self.root / "qemu"))


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


def test_tables_and_json_of_a_good_run(fake: Fake) -> None:
    """Also a key that no table knows, and figures of four digits."""
    done = fake.run(GOOD)
    assert done.returncode == 0, done.stderr
    assert [(r["key"], r["threads"], r["instructions"], r["sel4"])
            for r in json.loads(fake.json.read_text())] == [
        ("call_reply_4", 3, 320, 456), ("odd", 3, 7, None),
        ("call_reply_4", 16, 1321, 456)]
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "- odd 7 5 9 3" in lines
    assert lines[lines.index("threads 3 16") + 1] == "call_reply_4 320 1,321"
    assert lines.count("call, reply_recv: four words call_reply_4 320 320 320 "
                       "1,000 456 330") == 1


@pytest.mark.parametrize("old, new, status, says", [
    ("result: measured\n", "", 0, "did not come to its end"),
    ("result:", "panic: no thread can run\nresult:", 1, "panic: no thread can"),
    ("16  1321", " 3  1321", 0, "call_reply_4 is there twice for 3 threads"),
    ("320   320   320", "320   three 320", 0, "is no figure"),
    ("7     5     9       3", "7     5     9", 0, "is no figure"),
    ("7     5     9", "7     8     9", 0, "can't be: MIN <= MEAN <= MAX"),
    ("9       3", "9       0", 0, "COUNT is not 0"),
    ("measured", "measured", 1, "ended with status 1"),
    (GOOD, "strata\nresult: measured\n", 0, "printed no figure"),
    (GOOD, "", 0, "ended with status 0; QEMU says: nothing"),
], ids=lambda v: v[:20] if isinstance(v, str) else "")
def test_what_is_no_figure_is_refused(fake: Fake, old: str, new: str,
                                      status: int, says: str) -> None:
    """One line, status 2, and bench.json is as it was."""
    assert old in GOOD
    fake.json.write_text("as it was")
    said = refused(fake.run(GOOD.replace(old, new), status))
    assert said.startswith("bench: part2-ipc: ") and says in said
    assert fake.json.read_text() == "as it was"
    assert [p.name for p in fake.json.parent.iterdir()
            if p.is_file()] == ["bench.json"]


@pytest.mark.parts(2)
def test_a_kernel_that_prints_nonsense(part: Path, tmp_path: Path) -> None:
    """A real kernel whose demo does not keep to the form."""
    guest.rebuilt(part, tmp_path, {"demos/bench.c": """\
#include "demo.h"
void demo_bench(void)
{
    printf("bench: fast 1 very %lu\\n", instructions() / 1000);
    printf("result: measured\\n");
}
"""})
    said = refused(run_bench(tmp_path))
    assert f"{part.name}: 'bench: fast 1 very 0' is no figure" in said


def test_what_it_needs(fake: Fake, tmp_path: Path) -> None:
    """A kernel that is built, the demo, and figures that compare."""
    (fake.root / "build/part2-ipc/kernel.img").unlink()
    assert "part2-ipc is not built: make part2-ipc" in refused(fake.run(GOOD))
    (fake.root / "part2-ipc/demos/bench.c").unlink()
    assert "no part here has demos/bench.c" in refused(fake.run(GOOD))
    assert "SAN=1 builds kernels that do more" in refused(
        run_bench(ROOT, SAN="1"))
    assert "no part here" in refused(run_bench(tmp_path / "nowhere"))


def test_a_json_that_can_not_be_written(fake: Fake) -> None:
    fake.json.mkdir()
    assert "bench.json: is a directory" in refused(fake.run(GOOD))
    assert not fake.json.with_name("bench.json.new").exists()


def test_a_wrong_option_is_one_line() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "bench.py", "--fast"], text=True,
        capture_output=True, timeout=20, check=False)
    assert "unrecognized arguments: --fast" in refused(done)
