# SPDX-License-Identifier: MIT
"""tools/doctor.py finds what is missing, too old or broken, and says so.

It runs here with a PATH that holds nothing but fake tools.
"""

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCTOR = ROOT / "tools" / "doctor.py"

# What each healthy tool says when asked for its version.
HEALTHY = {
    "make": "GNU Make 4.3",
    "clang": "Debian clang version 14.0.6",
    "ld.lld": "Debian LLD 14.0.6 (compatible with GNU linkers)",
    "llvm-objcopy": "llvm-objcopy, compatible with GNU\n  version 14.0.6",
    "llvm-objdump": "LLVM\n  version 14.0.6",
    "llvm-nm": "llvm-nm, compatible with GNU nm\nLLVM version 14.0.6",
    "llvm-symbolizer": "llvm-symbolizer\nDebian LLVM version 14.0.6",
    "qemu-system-aarch64": "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg)",
    "git": "git version 2.39.5",
    "gdb-multiarch": "GNU gdb (Debian 13.1-3) 13.1",
    "chromium": "Chromium 140.0.7339.80 built on Debian",
    "spin": "Spin Version 6.5.2 -- 6 December 2019",
    "clang-format": "Debian clang-format version 14.0.6",
}

# A compiler whose output, for the host, is a program that ends with $ENDS.
COMPILER = """
case "$*" in *-o*) ;; *) echo "Debian clang version 14.0.6"; exit ;; esac
case "$*" in *fsanitize*) %s ;; esac
for last; do :; done
printf '#!/bin/sh\\nexit %%s\\n' "${ENDS:-0}" > "$last"
/bin/chmod +x "$last"
"""

# A Python that has every module but one.
PYTHON = """
case "$*" in
*{without}*) echo "ModuleNotFoundError: no such module" >&2; exit 1 ;;
*--version*) echo "Python 3.11.2" ;;
*"import pytest as m"*) echo 7.2.1 ;;
*"import pexpect as m"*) echo 4.8.0 ;;
*) echo 2099.1 ;;
esac
"""


class Tools:
    """A directory of fake tools, which is all of the PATH."""

    def __init__(self, directory: Path) -> None:
        self.bin = directory
        for name, says in HEALTHY.items():
            self.says(name, says)
        self.script("clang", COMPILER % ":")
        self.script("python3", PYTHON.format(without="nothing-at-all"))

    def script(self, name: str, text: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.bin / name).chmod(0o755)

    def says(self, name: str, text: str) -> None:
        self.script(name, f"/bin/cat <<'END'\n{text}\nEND")

    def remove(self, name: str) -> None:
        (self.bin / name).unlink()

    def doctor(self, *options: str, **variables: str
               ) -> subprocess.CompletedProcess[str]:
        variables.setdefault("PYTHON", "python3")
        return subprocess.run(
            [sys.executable, "-B", str(DOCTOR), *options],
            capture_output=True, text=True, timeout=30,
            env={"PATH": str(self.bin), **variables})


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    return Tools(tmp_path)


def row(run: subprocess.CompletedProcess[str], name: str) -> str:
    """The row of the table that is about one tool."""
    return next(line for line in run.stdout.splitlines()
                if line.strip().startswith(name))


def install(run: subprocess.CompletedProcess[str], which: str) -> list[str]:
    """The packages that the line for what is required (optional) names."""
    start = f"To install what is {which}: "
    line = next(line for line in run.stdout.splitlines()
                if line.startswith(start))
    assert "apt-get install" in line
    return line.partition("--no-install-recommends ")[2].split()


def test_all_well(tools: Tools) -> None:
    """With every tool there and new enough, all rows end in ok, exit 0."""
    run = tools.doctor()
    assert run.returncode == 0, run.stdout + run.stderr
    rows = run.stdout.partition("\n\n")[0].splitlines()[1:]
    assert len(rows) == 23 and all(line.endswith(" ok") for line in rows)
    assert "7.2.22" in row(run, "QEMU")
    assert "apt-get" not in run.stdout


@pytest.mark.parametrize("name, label, package", [
    ("make", "GNU Make", "make"),
    ("ld.lld", "lld", "lld"),
    ("llvm-objcopy", "llvm-objcopy", "llvm"),
    ("qemu-system-aarch64", "QEMU", "qemu-system-arm"),
    ("git", "git", "git"),
])
def test_missing(tools: Tools, name: str, label: str, package: str) -> None:
    """A tool that is missing is named, with the package that holds it."""
    tools.remove(name)
    run = tools.doctor()
    assert run.returncode == 1
    assert row(run, label).endswith("missing")
    assert install(run, "required") == [package]


@pytest.mark.parametrize("name, label, says, found", [
    ("qemu-system-aarch64", "QEMU", "QEMU emulator version 6.2.0", "6.2.0"),
    ("make", "GNU Make", "GNU Make 3.81", "3.81"),
    ("ld.lld", "lld", "LLD 9.0.1", "9.0.1"),
])
def test_too_old(tools: Tools, name: str, label: str, says: str,
                 found: str) -> None:
    """A tool that is too old is told apart by number, not by spelling."""
    tools.says(name, says)
    run = tools.doctor()
    assert run.returncode == 1
    assert found in row(run, label)
    assert row(run, label).endswith("too old")
    assert f"{label} is too old: {found} found" in run.stdout


@pytest.mark.parametrize("name, label, says", [
    ("qemu-system-aarch64", "QEMU", "QEMU emulator version 10.0.2"),
    ("make", "GNU Make", "GNU Make 4.10"),
])
def test_newer_is_fine(tools: Tools, name: str, label: str,
                       says: str) -> None:
    """10 is newer than 7.2, and 4.10 newer than 4.3."""
    tools.says(name, says)
    assert row(tools.doctor(), label).endswith("ok")


@pytest.mark.parametrize("script, why", [
    ("kill -SEGV $$", "died of signal 11"),
    ("echo 'cannot open shared object' >&2; exit 127",
     "exit status 127: cannot open shared object"),
    ("echo hello", "tells no version"),
])
def test_broken(tools: Tools, script: str, why: str) -> None:
    """A tool that crashes or tells no version is broken, and why is said."""
    tools.script("qemu-system-aarch64", script)
    run = tools.doctor()
    assert run.returncode == 1
    assert row(run, "QEMU").endswith("broken")
    assert why in run.stdout
    assert install(run, "required") == ["qemu-system-arm"]


def test_hanging(tools: Tools) -> None:
    """A tool that hangs is ended, its children too, and reported broken."""
    tools.script("qemu-system-aarch64", "/bin/sleep 60\necho too late")
    start = time.monotonic()
    run = tools.doctor("--timeout", "1")
    assert time.monotonic() - start < 10
    assert run.returncode == 1
    assert row(run, "QEMU").endswith("broken")
    assert "no answer within 1 s" in run.stdout


def test_no_sanitizer(tools: Tools) -> None:
    """A compiler that can't link with AddressSanitizer is found out."""
    tools.script("clang", COMPILER % "echo 'no libclang_rt' >&2; exit 1")
    run = tools.doctor()
    assert run.returncode == 1
    assert row(run, "host compiler").endswith("ok")
    assert row(run, "with sanitizers").endswith("broken")
    assert "no libclang_rt" in run.stdout
    assert install(run, "required") == ["libclang-rt-dev"]


def test_programs_are_run(tools: Tools) -> None:
    """A host program that compiles but does not run is found out."""
    run = tools.doctor(ENDS="9")
    assert run.returncode == 1
    assert row(run, "for AArch64").endswith("ok")
    assert row(run, "host compiler").endswith("broken")
    assert "exit status 9" in run.stdout


def test_python_without_pytest(tools: Tools) -> None:
    """A Python that lacks pytest is ok itself, but pytest is missing."""
    tools.script("python3", PYTHON.format(without="pytest"))
    run = tools.doctor()
    assert run.returncode == 1
    assert row(run, "Python").endswith("ok")
    assert row(run, "pytest").endswith("missing")
    assert install(run, "required") == ["python3-pytest"]


def test_optional_tools_may_be_missing(tools: Tools) -> None:
    """What only some need is named in a line of its own, exit 0."""
    tools.remove("gdb-multiarch")
    tools.remove("chromium")
    run = tools.doctor()
    assert run.returncode == 0
    assert "Everything that is required is here." in run.stdout
    assert install(run, "optional") == ["gdb-multiarch", "chromium"]


def test_a_header_may_be_missing(tools: Tools) -> None:
    """Relacy is a header: the compiler says whether it is there."""
    says = "fatal error: 'relacy/relacy.hpp' file not found"
    tools.script("clang", COMPILER.replace("*fsanitize*", "*relacy*")
                 % f'echo "{says}" >&2; exit 1')
    run = tools.doctor()
    assert run.returncode == 0
    assert row(run, "Relacy").endswith("missing")
    assert install(run, "optional") == ["relacy-dev"]


def test_names_from_the_environment(tools: Tools) -> None:
    """The Makefile's variables say which program stands for which tool."""
    tools.says("my-qemu", "QEMU emulator version 9.9.9")
    run = tools.doctor(QEMU="my-qemu", CC="no-such-cc", HOSTCC="clang")
    assert "9.9.9" in row(run, "QEMU")
    assert row(run, "clang").endswith("missing")
    assert row(run, "host compiler").endswith("ok")


def test_wrong_option(tools: Tools) -> None:
    """A wrong option is one line on stderr and exit status 2."""
    run = tools.doctor("--nonsense")
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1
