# SPDX-License-Identifier: MIT
"""What goes wrong is reported once, in true words, and ends the run."""
from __future__ import annotations

import json
import random
import re
import struct
from pathlib import Path
from typing import NamedTuple

import pytest

import guest
import harness
from harness import Run

HERE = Path(__file__).parent
CPUS = ("cortex-a53", "cortex-a72", "max")


class Frame(NamedTuple):
    """An entry of a backtrace."""
    number: int
    address: int
    name: str  # "" if there is none
    offset: int


def backtrace(run: Run) -> list[Frame]:
    """Of the CPU that reports. (Those of the others come after it.)"""
    report = re.split(r"^cpu \d+: ", run.output, maxsplit=1, flags=re.M)[0]
    return [Frame(int(number), int(address, 16), name, int(offset or "0", 16))
            for number, address, name, offset in re.findall(
                r"^  #(\d+) +0x([0-9a-f]{16})(?: (\w+)\+0x([0-9a-f]+))?$",
                report, re.M)]


def registers(run: Run) -> dict[str, int]:
    """The registers that a report shows."""
    return {name: int(value, 16) for name, value in re.findall(
        r"(x\d+|sp|pc|psr|esr|far) +0x([0-9a-f]{16})", run.output)}


def assert_reported(run: Run, reason: str) -> None:
    """The run was one report of this, and nothing else came after it."""
    assert run.value("panic") == reason
    assert run.output.count("panic:") == 1
    assert run.output.count("backtrace:") == 1
    assert run.output.count("strata part") == 1
    assert run.status == 1


# --- The crasher ---

class Crash(NamedTuple):
    """What the report of a crash says."""
    reason: str
    words: str  # how the line with the syndrome begins
    esr: int
    far: int | None


ABSENT = "external abort (nothing answers there), 32-bit instruction"
UNMAPPED = "translation fault, level {}, 32-bit instruction"
CRASHES = {
    "undefined": Crash("undefined instruction", "class 0x00 undefined "
                       "instruction, 32-bit instruction", 0x02000000, None),
    "nowhere": Crash("instruction abort", f"class 0x21 instruction abort, "
                     f"{ABSENT}", 0x86000010, 0xdead0000),
    "absent": Crash("data abort", f"class 0x25 data abort, read of 8 bytes, "
                    f"{ABSENT}", 0x96000010, 0x0bad0000),
    "unaligned": Crash("unaligned access", "class 0x25 data abort, read of 4 "
                       "bytes, alignment fault, 32-bit instruction",
                       0x96000021, None),
    "breakpoint": Crash("breakpoint instruction", "class 0x3c breakpoint "
                        "instruction, operand 7, 32-bit instruction",
                        0xf2000007, None),
    "overflow": Crash("stack overflow", "class 0x35 watchpoint, write of "
                      "{size} bytes, 32-bit instruction", 0xd6000062, None),
}
# From part 4 on there is a map, in which these two addresses are not: the first
# is in a GiB with nothing in it, the other in the devices' one.
MAPPED_CRASHES = {
    **CRASHES,
    "nowhere": Crash("instruction abort", f"class 0x21 instruction abort, "
                     f"{UNMAPPED.format(1)}", 0x86000005, 0xdead0000),
    "absent": Crash("data abort", f"class 0x25 data abort, read of 8 bytes, "
                    f"{UNMAPPED.format(2)}", 0x96000006, 0x0bad0000),
}


def has_map(part: Path) -> bool:
    return (part / "mmu.c").is_file()


def size_of_store(part: Path, address: int) -> int:
    """How many bytes the store at this address writes, by the disassembly.
    (Which of a function's stores first meets the guard depends on where its
    stack begins.)"""
    text = (harness.qemu.build(part) / "kernel.dis").read_text()
    found = re.search(rf"^{address:x}:\s+(stp|str|stur)\s+([wx])", text, re.M)
    assert found, f"there is no store at {address:x}"
    return {"w": 4, "x": 8}[found[2]] * (2 if found[1] == "stp" else 1)


@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("el", ["1", "2"])
@pytest.mark.parametrize("how", CRASHES)
def test_crash_is_reported(boot, part, how, el, cpu):
    """Each mistake is named, with its syndrome in words and numbers, and the
    function that made it; on all CPUs, entered at either level."""
    crash = (MAPPED_CRASHES if has_map(part) else CRASHES)[how]
    run = boot(part, "crasher", f"how={how}", el=el, cpu=cpu)
    assert_reported(run, crash.reason)
    found = registers(run)
    words = crash.words
    if how == "overflow":
        words = words.format(size=size_of_store(part, found["pc"]))
    assert words in run.lines()
    assert found["esr"] == crash.esr
    assert crash.far in (None, found["far"])
    assert len(found) == 31 + 5
    frames = backtrace(run)
    assert found["pc"] == frames[0].address
    names = [frame.name for frame in frames]
    if how == "nowhere":
        assert (names.pop(0), frames[0].address) == ("", crash.far)
    assert names[0] == how
    assert "crash" in names


@pytest.mark.parts(1, 1)
@pytest.mark.parametrize("how", CRASHES)
def test_whole_backtrace(boot, part, how):
    """The backtrace leads from the mistake to the kernel's first function, and
    counts a recursion's calls instead of printing them."""
    run = boot(part, "crasher", f"how={how}")
    # (An optimizer may put run() into its caller.)
    names = [frame.name for frame in backtrace(run) if frame.name != "run"]
    wanted = [how, "crash", "run_all", "demo_crasher", "demo_run",
              "kernel_main", "enter"]
    if how == "nowhere":
        wanted.insert(0, "")
    if how == "overflow":
        wanted.insert(0, how)
        repeated = re.search(r"\.\.\. and (\d+) times more", run.output)
        assert repeated and int(repeated[1]) > 100
    assert names == wanted


@pytest.mark.parts(1, 4)
def test_unaligned_address_is_true(boot, part):
    """The fault address of an unaligned access is the register's it used."""
    run = boot(part, "crasher", "how=unaligned")
    found = registers(run)
    assert found["far"] % 4 == 1
    assert found["far"] in [found[f"x{n}"] for n in range(31)]


@pytest.mark.parts(1, 1)
def test_crasher_without_a_mistake(boot, part):
    """A crash that there is not is answered with the list of those there
    are."""
    run = boot(part, "crasher", "how=gracefully")
    assert " ".join(CRASHES) in run.output
    assert run.result() == "the crasher came back"
    assert run.status == 0


# --- A kernel with a crasher of our own ---

@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("el", ["1", "2"])
def test_registers_are_true(crash, crasher, part, el):
    """A report shows every register as it was at the mistake."""
    run = crash(part, "how=registers", el=el)
    found = registers(run)
    for n in range(31):
        if n != 28:
            assert found[f"x{n}"] == (0xab00 + n) << 48 | 0x100 + n, f"x{n}"
    assert found["sp"] == found["x28"]
    assert found["pc"] == guest.symbols(crasher(part))["fill_registers_udf"]
    # Flags N and C, IRQ and FIQ masked, EL1 on SP_EL0.
    assert found["psr"] == 0xa0000000 | 0xc0 | 4
    # x29 is no frame record, so there is nothing to follow.
    assert len(backtrace(run)) == 1
    assert_reported(run, "undefined instruction")


ACCESSES = [("read", 1), ("read", 2), ("read", 4), ("read", 8), ("read", 8),
            ("read", 16), ("write", 1), ("write", 2), ("write", 4),
            ("write", 8), ("write", 8), ("write", 16)]


@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("number", range(len(ACCESSES)),
                         ids=[f"{n}-{a}{s}" for n, (a, s)
                              in enumerate(ACCESSES)])
def test_size_of_an_access(crash, part, number):
    """A data abort tells loads from stores, and how many bytes were meant."""
    run = crash(part, f"how=access number={number}")
    direction, size = ACCESSES[number]
    plural = "s?" if size == 1 else "s"
    fault = "translation fault" if has_map(part) else "external abort"
    assert re.search(f"^class 0x25 data abort, {direction} of {size} "
                     f"byte{plural}, {fault}", run.output, re.M)
    assert registers(run)["far"] & ~0xf == 0x0bad0000
    assert_reported(run, "data abort")


TYPES = ("synchronous", "IRQ", "FIQ", "SError")
ORIGINS = ("EL1 on SP_EL0", "EL1 on SP_EL1", "EL0 in AArch64",
           "EL0 in AArch32")


@pytest.mark.parts(1, 2)
@pytest.mark.parametrize("kind", range(16))
def test_vector(crash, part, kind):
    """Each of the 16 entries of the vector table reports which one it is, why,
    and the stack pointer that was in use."""
    run = crash(part, f"how=vector number={kind} esr={0xf2000bad}")
    sort, origin = TYPES[kind % 4], ORIGINS[kind // 4]
    assert f"exception: {sort}, from {origin}" in run.lines()
    reason = run.value("panic")
    assert reason == "breakpoint instruction" if kind % 4 == 0 \
        else sort in reason
    classes = [line for line in run.lines() if line.startswith("class ")]
    assert classes == ([] if sort in ("IRQ", "FIQ") else [  # have no syndrome
        "class 0x3c breakpoint instruction, operand 2989, 32-bit instruction"])
    found = registers(run)
    assert found["sp"] == found["x27" if kind // 4 == 1 else "x28"]
    assert found["x27"] != found["x28"]
    assert (found["pc"], found["psr"]) == (0x40000000, 0x600003c5)
    assert (found["esr"], found["far"]) == (0xf2000bad, 0x123456789abcdef0)
    assert_reported(run, reason)


# The words for what stands in the register, by the first part that has them:
# from part 3 on an exception return may go wrong, from part 4 on the MMU walks a
# table.
SYNDROMES = {
    0x07 << 26: {1: "floating-point instruction"},
    0x0e << 26: {1: "(reserved)", 3: "illegal execution state"},
    0x15 << 26 | 5: {1: "system call, operand 5"},
    0x22 << 26: {1: "misaligned program counter"},
    0x21 << 26 | 0x0f: {1: "instruction abort, (reserved), level 3",
                        4: "instruction abort, permission fault, level 3"},
    0x26 << 26: {1: "misaligned stack pointer"},
    0x2f << 26: {1: "SError"},
    0x3f << 26: {1: "(reserved)"},
}
ABORTS = {
    0x00: {1: "address size fault, level 0"},
    0x02: {1: "address size fault, level 2"},
    0x05: {1: "(reserved), level 1", 4: "translation fault, level 1"},
    0x0b: {1: "(reserved), level 3", 4: "access flag fault, level 3"},
    0x0d: {1: "(reserved), level 1", 4: "permission fault, level 1"},
    0x10: {1: "external abort (nothing answers there)"},
    0x17: {1: "(reserved)", 4: "external abort on a table walk, level 3"},
    0x21: {1: "alignment fault"},
    0x30: {1: "(reserved)", 4: "TLB conflict"},
}


def words_in(part: Path, words: dict[int, str]) -> str:
    number = harness.PARTS.index(part)
    return words[max(first for first in words if first <= number)]


@pytest.mark.parts(1)
@pytest.mark.parametrize("esr", SYNDROMES, ids=hex)
def test_syndrome_in_words(crash, part, esr):
    """Classes of exceptions that this kernel can't bring about for real are
    decoded too."""
    run = crash(part, f"how=vector number=0 esr={esr}")
    words = words_in(part, SYNDROMES[esr])
    assert f"class 0x{esr >> 26:02x} {words}, 16-bit instruction" in run.lines()
    assert run.status == 1


@pytest.mark.parts(1)
@pytest.mark.parametrize("status", ABORTS, ids=hex)
def test_fault_status_in_words(crash, part, status):
    """The fault status of a data abort is decoded, and its level."""
    run = crash(part, f"how=vector number=0 esr={0x96000040 | status}")
    line = next(x for x in run.lines() if x.startswith("class 0x25"))
    assert line == ("class 0x25 data abort, write, "
                    f"{words_in(part, ABORTS[status])}, 32-bit instruction")


# --- Backtraces ---

TREES = {"a": "alder", "b": "birch", "c": "cedar", "e": "elm", "f": "fir",
         "h": "hazel", "l": "larch", "m": "maple"}


def path(seed: int) -> str:
    """A random chain of 3 to 12 calls, none of which repeats the last one."""
    numbers = random.Random(seed)
    letters = ""
    for _ in range(numbers.randint(3, 12)):
        letters += numbers.choice([t for t in TREES if t != letters[-1:]])
    return letters


def symbolized(elf: Path, frames: list[Frame]) -> list[str]:
    """The functions of a backtrace's entries as llvm-symbolizer names them. Of
    functions inlined into each other that is the outermost one."""
    addresses = [hex(f.address - (f.number > 0)) for f in frames]
    text = guest.call(guest.tool("SYMBOLIZER"), "--inlines",
                      "--output-style=JSON", f"--obj={elf}", *addresses)
    entries = json.loads(text) if text.startswith("[") else \
        [json.loads(line) for line in text.splitlines()]
    return [entry["Symbol"][-1]["FunctionName"] for entry in entries]


@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("seed", range(8))
def test_backtrace_names_a_random_chain(crash, crasher, part, seed):
    """The names in a backtrace are those of the calls that were made, and
    those that llvm-symbolizer finds for the same addresses."""
    letters, end = path(seed), seed % 2
    run = crash(part, f"how=path path={letters}{end}")
    assert_reported(run, ("the end of the path",
                          "undefined instruction")[end])
    made = [TREES[letter] for letter in reversed(letters)]
    made += ["walk", "demo_crasher"]
    frames = backtrace(run)
    if end == 0:  # a panic's backtrace begins with panic() itself
        made.insert(0, "panic")
    assert [f.name for f in frames][:len(made)] == made[:16]
    build = crasher(part)
    assert symbolized(build / "kernel.elf", frames) == [f.name for f in frames]
    known = guest.symbols(build)
    assert all(known[f.name] + f.offset == f.address for f in frames)


# --- A panic in a panic ---

def assert_gave_up(run: Run) -> None:
    """A report that failed ended in one line that says so."""
    assert run.lines()[-1].startswith("panic: again")
    assert run.output.count("panic:") == 2
    assert run.status == 1


@pytest.mark.parts(1, 4)
def test_panic_whose_reason_can_not_be_read(crash, part):
    """A panic that faults while it prints its reason gives up."""
    assert_gave_up(crash(part, "how=nested"))


@pytest.mark.parts(1, 4)
def test_panic_with_a_spoiled_symbol_table(execute, part, tmp_path):
    """So does the report of an exception that faults in its backtrace."""
    known = guest.symbols(guest.build_of(part))
    at = known["symbols"]  # entries of two words: address, name
    data = guest.image(part)
    crash = struct.pack("<Q", known["crash"])
    while data[at - guest.KERNEL:][:8] != crash:
        at += 16
    image = guest.patched(part, tmp_path / "kernel.img",
                          (at + 8, 0x0bad0000, 8))
    command = harness.options(part, "crasher", "", harness.qemu.Machine(), True)
    command[command.index("-kernel") + 1] = str(image)
    run = execute([*command, "-serial", "stdio"])
    assert " undefined+0x" in run.output
    assert_gave_up(run)


# --- The guard of the stack ---

@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("how", ["wide", "hollow"])
def test_overflow_with_large_frames(crash, part, how, cpu):
    """A recursion whose frames are 500 bytes large can't step over the
    guard, even if it touches little of them."""
    run = crash(part, f"how={how}", cpu=cpu)
    assert_reported(run, "stack overflow")
    assert backtrace(run)[0].name == how


@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("el", ["1", "2"])
@pytest.mark.parametrize("cpu", CPUS)
def test_stack_used_up_to_the_guard(crash, part, cpu, el):
    """A stack may be used to the last byte above the guard."""
    run = crash(part, "how=reach number=0", cpu=cpu, el=el)
    assert "back from the brink" in run.lines()
    assert run.result() == "came back"
    assert run.status == 0


@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("el", ["1", "2"])
@pytest.mark.parametrize("cpu", CPUS)
def test_one_step_into_the_guard(crash, part, cpu, el):
    """One push more is a stack overflow."""
    run = crash(part, f"how=reach number={2**64 - 16}", cpu=cpu, el=el)
    assert_reported(run, "stack overflow")
    assert "back from the brink" not in run.output
