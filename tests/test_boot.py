# SPDX-License-Identifier: MIT
"""Part 1 boots on every machine it is meant for, says what machine it is, and
ends with a status that tells how it went."""
from __future__ import annotations

import fcntl
import itertools
import os
import random
import re
import select
import subprocess
import time
from pathlib import Path

import pytest

import guest
import harness

HERE = Path(__file__).parent

# --- The boot matrix ---

AXES = {
    "cpus": ("1", "2", "4", "8"),
    "mem": ("64M", "128M", "1G", "8G"),
    "gic": ("2", "3"),
    "el": ("1", "2"),
    "cpu": ("cortex-a53", "cortex-a72", "max"),
}
MIDR = {"cortex-a53": ("cortex-a53", "0x410fd034"),
        "cortex-a72": ("cortex-a72", "0x410fd083"),
        "max": ("max", "0x000f0510")}
MIB = {"64M": 64, "128M": 128, "1G": 1024, "8G": 8192}

Pair = frozenset[tuple[str, str]]


def pairs_of(machine: dict[str, str]) -> set[Pair]:
    """Every two choices that a machine brings together."""
    return {frozenset(two)
            for two in itertools.combinations(machine.items(), 2)}


def pairwise(axes: dict[str, tuple[str, ...]]) -> list[dict[str, str]]:
    """Machines in which any two choices come together: greedily, the one that
    brings most new pairs first."""
    machines = [dict(zip(axes, values))
                for values in itertools.product(*axes.values())]
    missing = set().union(*map(pairs_of, machines))
    chosen = []
    while missing:
        best = max(machines, key=lambda m: len(pairs_of(m) & missing))
        missing -= pairs_of(best)
        chosen.append(best)
    return chosen


MATRIX = pairwise(AXES)
matrix = pytest.mark.parametrize("machine", MATRIX,
                                 ids=["-".join(m.values()) for m in MATRIX])


def test_matrix_has_every_pair():
    """Any two choices meet in some boot, in far fewer boots than there are
    machines."""
    met = set().union(*map(pairs_of, MATRIX))
    for (one, values), (other, more) in itertools.combinations(AXES.items(), 2):
        for value, another in itertools.product(values, more):
            assert frozenset({(one, value), (other, another)}) in met
    assert len(MATRIX) <= 20  # of 192


@pytest.mark.parts(0, 0)
@matrix
def test_part0_boots_on(boot, part, machine):
    """Part 0 runs to its end on the whole matrix."""
    run = boot(part, "polite", **machine)
    assert run.result() == "tick spoke 3 times, tock 3 times"
    assert run.status == 0


@pytest.mark.parts(1)
@matrix
def test_banner_on(boot, part, machine):
    """The banner names the very machine that was asked for."""
    run = boot(part, "polite", **machine)
    lines = run.lines()
    banner = lines[lines.index(f"strata {part.name}"):][:9]
    dtb = banner[7]
    assert banner == [
        f"strata {part.name}",
        "cpu: {} (MIDR {})".format(*MIDR[machine["cpu"]]),
        f"cpus: {machine['cpus']}",
        f"entered at: EL{machine['el']}",
        f"ram: {MIB[machine['mem']]} MiB at 0x40000000",
        f"gic: v{machine['gic']}",
        "timer: 62500000 Hz",
        dtb,
        "args: demo=polite",
    ]
    assert re.fullmatch("dtb: 0x4[0-9a-f]{7}, linux,dummy-virt", dtb)
    assert run.output.count("strata part") == 1
    assert run.result() == "tick spoke 3 times, tock 3 times"
    assert run.status == 0


@pytest.mark.parts(1)
@pytest.mark.parametrize("el", ["1", "2"])
def test_banner_with_concurrent_cpus(boot, part, el):
    """Without the exact clock, where CPUs run at once, it is the same."""
    run = boot(part, "polite", exact=False, cpus="4", el=el)
    assert run.value("cpus") == "4"
    assert run.status == 0


# --- How a run ends ---

@pytest.mark.parts(1)
def test_status_of_a_good_end(boot, part):
    """A demo that ends well ends QEMU with status 0."""
    assert boot(part, "polite").status == 0


@pytest.mark.parts(1, 4)
def test_status_of_a_panic(boot, part):
    """A panic ends QEMU with status 1."""
    run = boot(part, "crasher")
    assert run.value("panic") == "undefined instruction"
    assert run.status == 1


@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("demo", ["nonsense", "ech", "echoes", "ECHO"])
def test_status_of_an_unknown_demo(boot, part, demo):
    """An unknown demo prints the list of demos, and the status is 2."""
    run = boot(part, demo)
    at = run.lines().index(f"no demo '{demo}'; there are:")
    listed = [line.split()[0] for line in run.lines()[at + 1:]]
    assert listed == harness.qemu.demos(part)
    assert run.status == 2


@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("el", ["1", "2"])
@pytest.mark.parametrize("how", ["undefined", "overflow"])
def test_panic_without_semihosting(execute, part, el, how):
    """With nobody to take an exit status a panic is whole, comes once, and
    switches the machine off."""
    command = harness.options(part, "crasher", f"how={how}",
                              harness.qemu.Machine(el=el), exact=True)
    command[command.index("-semihosting-config") + 1] = "enable=off"
    run = execute([*command, "-serial", "stdio"], part=part)
    assert run.output.count("panic:") == 1
    assert run.output.count("backtrace:") == 1
    # The crasher runs on the only stack, or, where there are threads, on its own.
    outermost = "enter" if part == harness.PARTS[1] else "thread_start"
    assert re.search(rf"^  #\d+ +0x[0-9a-f]{{16}} {outermost}\+0x",
                     run.output, re.M)
    assert run.status == 0


# --- Semihosting stays shut ---

@pytest.fixture
def intruder(tmp_path):
    """An image that tries to create a file, remove one and run a command."""
    host = tmp_path / "host"
    host.mkdir()
    (host / "victim").write_text("still here")
    elf = guest.assemble(HERE / "images" / "semihost.S", tmp_path, guest.KERNEL,
                         CREATE=f'"{host}/created"', REMOVE=f'"{host}/victim"',
                         COMMAND=f'"touch {host}/ran"')
    return guest.flat(elf), host


def intrude(execute, image: Path, semihosting: list[str]) -> list[int]:
    """Boots the image with a part's options, and returns what it printed."""
    part = harness.PARTS[-1]
    command = harness.options(part, "", "", harness.qemu.Machine(), exact=True)
    command[command.index("-kernel") + 1] = str(image)
    at = command.index("-semihosting-config")
    command[at:at + 2] = semihosting
    run = execute([*command, "-serial", "stdio"])
    assert run.status == 0
    answers = re.findall("^[0-9a-f]{16}$", run.output, re.M)
    assert len(answers) == 3, "the guest did not get through all its calls"
    return [int(answer, 16) for answer in answers]


def test_guest_reaches_no_file_and_no_command(execute, intruder):
    """With the options that every run has, a guest can neither create nor
    remove a file of the host, nor run a command there."""
    image, host = intruder
    command = harness.options(harness.PARTS[-1], "", "", harness.qemu.Machine(),
                              exact=True)
    at = command.index("-semihosting-config")
    intrude(execute, image, command[at:at + 2])
    assert [f.name for f in host.iterdir()] == ["victim"]
    assert (host / "victim").read_text() == "still here"


def test_guest_would_reach_them_with_plain_semihosting(execute, intruder):
    """The same guest does it all where semihosting is simply on: so the test
    above can fail."""
    image, host = intruder
    opened, removed, ran = intrude(execute, image, ["-semihosting"])
    assert opened not in (0, 2**64 - 1, 2**32 - 1)
    assert removed == ran == 0
    assert sorted(f.name for f in host.iterdir()) == ["created", "ran"]


# --- What the loader hands over ---

@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("size", [1, 511, 70001])
def test_initrd_is_found(boot, part, tmp_path, size):
    """The initrd is where the tree says, byte for byte as long as the file."""
    file = tmp_path / "initrd"
    file.write_bytes(b"x" * size)
    run = boot(part, "selftest", more=("-initrd", str(file)))
    assert re.search(rf"^ok \d+ - the initrd has {size} bytes$", run.output,
                     re.M)
    assert run.status == 0


@pytest.mark.parts(1)
@pytest.mark.parametrize("words", [1, 40, 700])
def test_long_command_line(boot, part, words):
    """However long the command line is, all of it arrives, and its last word
    is looked at."""
    args = " ".join(f"word{n}=value{n}" for n in range(words)) + " seed=12345"
    run = boot(part, "snoop", args)
    assert run.value("args") == f"demo=snoop {args}"
    secret = 12345 * 6364136223846793005 % 2**64
    assert run.result().endswith(f"0x{secret:016x}")


@pytest.mark.parts(1, 4)
def test_last_word_counts(boot, part):
    """Of two words with one key the last one counts, so that a user can add to
    a line."""
    run = boot(part, "nonsense", "demo=polite")
    assert run.value("args") == "demo=nonsense demo=polite"
    assert run.result() == "tick spoke 3 times, tock 3 times"


# --- The serial line ---

def echoed(run: harness.Run) -> list[str]:
    """The lines that the echo demo said back: what is neither prompt nor the
    echo of the keys."""
    lines = run.lines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("> "))
    end = next(i for i, line in enumerate(lines) if line.startswith("result:"))
    return [line for line in lines[begin:end] if not line.startswith("> ")]


EDITING = {
    "plain": ("hello", "hello"),
    "blanks": ("  two  words ", "  two  words "),
    "backspace": ("helpx\b\blo", "hello"),
    "delete": ("hellp\x7fo", "hello"),
    "backspace at the beginning": ("\b\b\x7fhello", "hello"),
    "backspace over all and more": ("ab\b\b\b\bhello", "hello"),
    "Ctrl-U": ("never mind\x15hello", "hello"),
    "Ctrl-U on nothing": ("\x15hello", "hello"),
    "Ctrl-C": ("never mind\x03hello", "hello"),
    "Ctrl-D in a line": ("hel\x04lo", "hello"),
    "arrows": ("he\x1b[D\x1b[C\x1b[Al\x1b[B\x1bOAlo", "hello"),
    "function key": ("he\x1b[15~llo\x1b[3~", "hello"),
    "lone escape": ("hello\x1b", "hello"),
    "control characters": ("he\0l\x01l\x1fo", "hello"),
    "not ASCII": ("hellö", "hell"),
    "longest": ("x" * 127, "x" * 127),
    "too long": ("x" * 127 + "yyyy", "x" * 127),
    "too long, then taken back": ("x" * 130 + "\b\b\by", "x" * 124 + "y"),
}


@pytest.mark.parts(1, 4)
def test_line_editing(boot, part):
    """Every key that edits does what it should; Enter is CR or LF; Ctrl-D ends
    it all."""
    for enter in "\r\n":
        typed = "".join(keys + enter for keys, _ in EDITING.values()) + "\x04"
        run = boot(part, "echo", typed=guest.keys(typed))
        wanted = [line for _, line in EDITING.values()]
        assert dict(zip(EDITING, echoed(run))) == dict(zip(EDITING, wanted))
        assert run.result() == f"{len(wanted)} lines"
        assert run.status == 0


@pytest.mark.parts(1, 4)
def test_typing_is_seen(talk, part):
    """On a terminal each key shows at once: a character itself, Backspace as
    one blanked out, Ctrl-C as ^C, and what finds no room as the bell."""
    session = talk(part, "echo", exact=False)
    session.expect("\r\r\n> ")  # the terminal adds a "\r" of its own
    for key, shown in (("a", "a"), ("b", "b"), ("\x7f", "\b \b"),
                       ("\b", "\b \b"), ("c", "c"), ("\x03", "^C\r\r\n> "),
                       ("d\x1b[De", "de"), ("\x15", "\b \b\b \b"),
                       ("x" * 128, "x" * 127 + "\a"),
                       ("\r", "\r\r\n" + "x" * 127 + "\r\r\n> "),
                       ("\x04", "\r\r\nresult: 1 lines\r\r\n")):
        session.send(key)
        session.expect(shown)
        assert session.child.before == "", key
    assert session.finish() == 0


def burst(seed: int, lines: int) -> tuple[list[str], bytes]:
    """Lines of random length, and the keys that type them."""
    numbers = random.Random(seed)
    made = [f"{n}:" + "".join(chr(numbers.randrange(33, 127))
                              for _ in range(numbers.randrange(110)))
            for n in range(lines)]
    return made, guest.keys("\r".join([*made, "\x04"]))


@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("exact", [True, False], ids=["exact", "concurrent"])
def test_no_key_is_lost_in_a_burst(boot, part, exact):
    """Thousands of keys at once: the UART's queue of 16 is full all the time,
    and the line waits, as by hardware flow control."""
    lines, typed = burst(1, 150)
    assert len(typed) > 5000
    run = boot(part, "echo", typed=typed, exact=exact)
    assert echoed(run) == lines
    assert run.status == 0


@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("line", ["pipe", "pty"])
def test_nothing_is_lost_to_a_slow_reader(part, boot, line):
    """The other side reads a few bytes now and then: it gets all of them."""
    lines, typed = burst(2, 90)
    fast = boot(part, "echo", typed=typed)
    near, far = os.pipe() if line == "pipe" else os.openpty()
    if line == "pipe":
        fcntl.fcntl(near, fcntl.F_SETPIPE_SZ, 4096)
    with subprocess.Popen(fast.command, stdin=subprocess.PIPE, stdout=far,
                          stderr=subprocess.DEVNULL) as child:
        os.close(far)
        try:
            assert child.stdin
            child.stdin.write(typed)
            child.stdin.close()
            slow = read_slowly(near, random.Random(3))
            assert child.wait(harness.LIMIT) == 0
        finally:
            child.kill()
            os.close(near)
    assert len(slow) > 2 * 4096
    run = harness.Run(fast.command, re.sub("\r+\n", "\n", slow.decode()), 0)
    assert run.lines()[0] == f"strata {part.name}"
    assert echoed(run) == echoed(fast) == lines
    assert run.result() == "90 lines"


def read_slowly(file: int, numbers: random.Random) -> bytes:
    """All that comes out of a file, in sips, within the usual limit."""
    data, end = b"", time.monotonic() + harness.LIMIT
    while time.monotonic() < end:
        time.sleep(0.001)
        if not select.select([file], [], [], 1)[0]:
            continue
        try:
            sip = os.read(file, numbers.randrange(1, 64))
        except OSError:  # a pty whose other side is closed
            sip = b""
        if not sip:
            break
        data += sip
    return data
