# SPDX-License-Identifier: MIT
"""The commands that a reader types: what they build, and what they refuse."""
from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from harness import PARTS, ROOT, make, qemu

FOLDERS = ("common", "tools", *(p.name for p in PARTS))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the parts and of what was built of them, to change it."""
    for name in (*FOLDERS, *(f"build/{p.name}" for p in PARTS)):
        shutil.copytree(ROOT / name, tmp_path / name,
                        ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Makefile", tmp_path)
    return tmp_path


def complaint(done) -> str:
    """The one line that a failed command says, without make's own last words
    about which rule it was."""
    assert done.returncode != 0, done.stdout
    lines = [line for line in done.stderr.splitlines()
             if not (line.startswith("make") and "Error" in line)]
    assert len(lines) == 1, done.stderr
    return lines[0]


def script(path: Path, body: str) -> str:
    path.write_text("#!/bin/sh\n" + body + "\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_make_alone_lists_the_commands():
    """Readers' commands come first, each with a line of help."""
    listed = make().stdout
    for verb in ("run", "debug", "diff", "test"):
        assert f"make PART {verb} " in listed
    for verb in ("doctor", "measure", "clean", "help"):
        assert f"make {verb} " in listed
    assert listed.index("make PART run") < listed.index("make measure")


@pytest.mark.parametrize("words, variables, says", [
    (["part9", "run"], {}, '"part9" is no part and no command'),
    (["part1", "runn"], {}, '"runn" is no part and no command'),
    (["run"], {}, "which part?"),
    (["part0", "part1", "run"], {}, "name one part"),
    (["part1", "run"], {"DEMO": "nonsense"}, "part1-boot has no such demo"),
    (["part1", "run"], {"CPUS": "0"}, "CPUS=0: must be 1 to 8"),
    (["part1", "run"], {"CPUS": "many"}, "CPUS=many: must be 1 to 8"),
    (["part1", "run"], {"MEM": "12"}, "MEM=12: must be 64M to 8G"),
    (["part1", "run"], {"MEM": "9G"}, "MEM=9G: must be 64M to 8G"),
    (["part1", "run"], {"CPU": "z80"}, "CPU=z80: must be one of cortex-a53"),
    (["part1", "run"], {"GIC": "4"}, "GIC=4: must be one of 2, 3"),
    (["part1", "run"], {"EL": "3"}, "EL=3: must be one of 1, 2"),
    (["part1", "run"], {"EXACT": "yes"}, "EXACT=yes: must be 1, or nothing"),
    (["part1", "run"], {"ARGS": "caf\u00e9=1"}, "ARGS: must be one line of ASCII"),
    (["part1", "run"], {"QEMU": "no-qemu"}, "no-qemu is not installed"),
    (["part1", "debug"], {"GDB": "no-gdb"}, "no-gdb is not installed"),
    (["part1"], {"CC": "no-cc"}, 'no C compiler: "no-cc" does not run'),
    (["part1"], {"OBJCOPY": "no-copy"}, "not installed: no-copy"),
], ids=lambda v: "-".join(v) if isinstance(v, list) else None)
@pytest.mark.parts(1)
def test_a_wrong_command_gets_one_line(words, variables, says):
    """What is wrong is said in one line, and the exit status is not zero."""
    assert says in complaint(make(*words, **variables))


@pytest.mark.parts(1)
def test_old_tools_are_named_with_their_version(tmp_path):
    """A compiler or a QEMU that is too old is refused, not tried."""
    old = script(tmp_path / "clang", "echo 9.0.1")
    assert "is version 9; 14 is the oldest" in complaint(make("part1", CC=old))
    old = script(tmp_path / "qemu", "echo QEMU emulator version 5.2.0")
    said = complaint(make("part1", "run", QEMU=old))
    assert "is version 5.2; 7.2 is the oldest that works" in said


@pytest.mark.parts(1)
def test_a_missing_python_is_said():
    """Without a Python the build says so."""
    said = complaint(make("part1", PYTHON="no-python"))
    assert "not installed: no-python" in said


@pytest.mark.parts(1)
def test_short_and_long_names_are_the_same():
    """part1 and part1-boot both work, with and without a verb."""
    for name in ("part1", "part1-boot"):
        assert make(name).returncode == 0
        assert "result: " in make(name, "run", DEMO="polite").stdout


@pytest.mark.parts(1)
def test_run_shows_its_command_and_passes_everything_on():
    """The QEMU command comes first; ARGS keeps its blanks; options arrive."""
    done = make("part1", "run", DEMO="snoop", ARGS="seed=7 rounds=3", EL="2",
                CPU="max", GIC="3", CPUS="8", MEM="8G")
    assert done.returncode == 0
    assert done.stdout.startswith("qemu-system-aarch64 -machine virt")
    for line in ("args: demo=snoop seed=7 rounds=3", "entered at: EL2",
                 "cpus: 8", "ram: 8192 MiB at 0x40000000", "gic: v3"):
        assert line in done.stdout.splitlines()


@pytest.mark.parts(2, 2)
def test_an_exact_run_comes_out_the_same():
    """With EXACT=1 the same run shows the same counts, to the instruction."""
    first, second = (make("part2", "run", DEMO="ways", EXACT="1").stdout
                     for _ in range(2))
    assert "-icount shift=0,sleep=off" in first
    assert "result: all three sums are right" in first
    assert first == second


@pytest.mark.parts(0, 0)
def test_input_that_nobody_reads_does_no_harm(part, tmp_path):
    """The end of our input may come when the machine is already off."""
    deaf = script(tmp_path / "qemu", """
        [ "$1" = --version ] && echo QEMU emulator version 7.2.0 && exit
        exec <&-
        echo the kernel speaks
        sleep 0.2""")
    done = make(part.name, "run", QEMU=deaf)
    assert done.stdout.endswith("the kernel speaks\n")
    assert done.returncode == 0, done.stderr


@pytest.mark.parts(1)
def test_a_panic_shows_file_and_line_and_fails():
    """run.py adds the place to each frame, and make reports the failure."""
    done = make("part1", "run", DEMO="crasher")
    assert done.returncode != 0
    source = (ROOT / "part1-boot/demos/crasher.c").read_text().splitlines()
    line = next(n for n, text in enumerate(source, 1) if "udf #0" in text)
    assert f"undefined+0x8 at part1-boot/demos/crasher.c:{line}" in done.stdout


@pytest.mark.parametrize("name", [p.name for p in PARTS])
def test_every_build_writes_its_files(name):
    """Kernel, image, disassembly, symbols, and the editors' database."""
    assert make(name).returncode == 0
    build = ROOT / "build" / name
    assert (build / "kernel.img").read_bytes()[56:60] == b"ARM\x64"
    assert "<kernel_main>:" in (build / "kernel.dis").read_text()
    assert " T kernel_main\n" in (build / "kernel.sym").read_text()
    entries = json.loads((ROOT / "build/compile_commands.json").read_text())
    named = {entry["file"] for entry in entries}
    objects = [p.relative_to(build) for p in build.rglob("*.o")]
    sources = {str(p.relative_to(ROOT)) for p in (ROOT / name).rglob("*.c")}
    assert objects and sources <= named


def modified(tree: Path, name: str) -> dict[str, int]:
    build = tree / "build" / name
    return {str(p.relative_to(build)): p.stat().st_mtime_ns
            for p in build.rglob("*") if p.suffix in (".o", ".elf", ".img")}


@pytest.mark.parts(1)
def test_builds_are_incremental(tree):
    """A second make does nothing; a header, a flag or the list of objects
    rebuilds what depends on it, and nothing else."""
    part = PARTS[1].name
    assert make("-j2", part, cwd=tree).returncode == 0  # whatever is missing
    first = modified(tree, part)
    assert make(part, cwd=tree).returncode == 0
    assert modified(tree, part) == first

    os.utime(tree / part / "guard.h")
    assert make(part, cwd=tree).returncode == 0
    second = modified(tree, part)
    changed = {name for name in first if second[name] != first[name]}
    assert {"guard.o", "exception.o", "main.o", "kernel.elf"} <= changed
    assert "uart.o" not in changed and "common/fdt.o" not in changed

    makefile = tree / part / "part.mk"
    makefile.write_text(makefile.read_text().replace(" snoop.o", ""))
    table = tree / part / "demos/demo.c"
    table.write_text("".join(line for line in table.open()
                             if "demo_snoop" not in line))
    assert make(part, cwd=tree).returncode == 0
    symbols = (tree / "build" / part / "kernel.sym").read_text()
    assert "demo_snoop" not in symbols and "demo_hog" in symbols


def test_builds_are_reproducible(tree):
    """Built from nothing in another directory, the bytes are the same."""
    shutil.rmtree(tree / "build")
    for part in PARTS:
        assert make(part.name, "-j2", cwd=tree).returncode == 0
        for file in ("kernel.elf", "kernel.img", "kernel.dis"):
            name = f"build/{part.name}/{file}"
            assert (tree / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.parts(1)
def test_a_compile_error_fails_the_build(tree):
    """A mistake in a source file ends make with a non-zero status."""
    source = tree / "part1-boot/guard.c"
    source.write_text(source.read_text() + "int mistake(void) { return x; }\n")
    done = make("part1", cwd=tree)
    assert done.returncode != 0 and "guard.c" in done.stderr
    # What it left behind does not spoil what editors read.
    os.utime(tree / "part0-why/main.c")
    assert make("part0", cwd=tree).returncode == 0
    entries = json.loads((tree / "build/compile_commands.json").read_text())
    assert "part0-why/main.c" in [entry["file"] for entry in entries]


@pytest.mark.parts(1)
def test_warnings_are_errors_only_where_asked(tree):
    """A new warning does not stop a reader; with WERROR=1 it stops CI."""
    source = tree / "part1-boot/guard.c"
    source.write_text(source.read_text()
                      + "void guard_spare(void);\nvoid guard_spare(void)\n"
                      "{\n    int unused;\n}\n")
    assert make("part1", cwd=tree, WERROR="").returncode == 0
    done = make("part1", cwd=tree, WERROR="1")
    assert done.returncode != 0 and "unused" in done.stderr


def test_clean_keeps_labs(tree):
    """make clean removes build/ and nothing else."""
    (tree / "labs/lab1").mkdir(parents=True)
    assert make("clean", cwd=tree).returncode == 0
    assert not (tree / "build").exists()
    assert (tree / "labs/lab1").is_dir()


@pytest.mark.skipif(not shutil.which("gdb-multiarch"),
                    reason="gdb-multiarch is not installed")
@pytest.mark.parts(1)
def test_debug_stops_at_the_first_instruction():
    """gdb comes up with symbols, Strata's commands, and the CPU at _start."""
    done = subprocess.run(
        ["make", "part1", "debug", "DEMO=crasher"], cwd=ROOT, text=True,
        capture_output=True, timeout=60, check=False,
        input="print $pc\nbreak panic_at\ncontinue\nbacktrace\n"
              "strata syndrome\nstrata syndrome 0x96000021\n"
              "print machine.ram_count\nstrata machine\n")
    assert done.returncode == 0, done.stderr
    for text in ("$1 = (void (*)()) 0x40200000", "in exception", "undefined instruction",
                 "class 0x25 data abort", "$2 = 1", "gic_version = 2"):
        assert text in done.stdout, done.stdout


@pytest.mark.parts(0, 0)
@pytest.mark.skipif(not shutil.which("gdb-multiarch"),
                    reason="gdb-multiarch is not installed")
@pytest.mark.parametrize("typed", ["continue\nquit\n", "quit\n", "continue\n",
                                   ""])
def test_gdb_can_be_left(part, typed):
    """By quit or by the end of input, whether the machine runs or is off."""
    done = subprocess.run(
        ["make", part.name, "debug", "DEMO=polite"], cwd=ROOT, text=True,
        capture_output=True, timeout=60, check=False, input=typed)
    assert done.returncode == 0, done.stderr
    assert ("result: tick" in done.stdout) == ("continue" in typed)
    assert "not being run" not in done.stdout + done.stderr


def demo_files(part: Path) -> list[Path]:
    """The sources of a part's demos. (The self-test is the kernel's own.)"""
    files = [part / "demos" / f"{name}.c" for name in qemu.demos(part)]
    return [path for path in files if path.exists()]


@pytest.mark.parts(0)
def test_demos_include_only_what_they_may(part):
    """Demos see demo.h, strata.h, the line editor's line.h and the locks of
    sync.h, and nothing of the kernel."""
    assert demo_files(part)
    for path in demo_files(part):
        included = re.findall(r"^#include (.*)$", path.read_text(), re.M)
        assert set(included) <= {'"demo.h"', '"strata.h"', '"line.h"',
                                 '"sync.h"'}, path


# The demos whose source may differ from one part to the next. At most five.
CHANGED_DEMOS = {"bench", "meddler", "philosophers", "race", "script"}


def test_demos_stay_as_they_are():
    """A demo is the same, byte for byte, in every later part."""
    assert len(CHANGED_DEMOS) <= 5
    for before, after in zip(PARTS, PARTS[1:]):
        for path in demo_files(before):
            if path.stem not in CHANGED_DEMOS:
                later = after / "demos" / path.name
                assert later.exists(), (f"{later} is gone: a demo stays in "
                                        "all later parts")
                assert later.read_bytes() == path.read_bytes(), (
                    f"{later} is not what it was in {before.name}: "
                    "see tools/carry.py")


@pytest.mark.skipif(not shutil.which("clang-format"),
                    reason="clang-format is not installed")
def test_sources_are_formatted():
    """clang-format would change nothing."""
    files = [str(path) for folder in ("common", *(p.name for p in PARTS))
             for path in sorted((ROOT / folder).rglob("*.[ch]"))]
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *files],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:2000]
