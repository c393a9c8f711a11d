# SPDX-License-Identifier: MIT
"""tools/setup.sh installs what is missing, once, and nothing else.

It runs here with a PATH of fakes: each notes its arguments in a log.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SETUP = ROOT / "tools" / "setup.sh"
PACKAGES = ("make clang lld llvm libc6-dev libclang-rt-dev qemu-system-arm "
            "python3 python3-pytest python3-pexpect git").split()
OPTIONAL = ("gdb-multiarch python3-sphinx python3-myst-parser furo chromium "
            "spin relacy-dev clang-format").split()

# $INSTALLED holds the packages that dpkg-query knows, $FAKE_ID who we are.
FAKES = {
    "apt-get": 'echo "apt-get $*" >> "$LOG"; exit "${APT_STATUS:-0}"',
    "sudo": 'echo "sudo $*" >> "$LOG"; exec "$@"',
    "id": 'echo "$FAKE_ID"',
    "make": 'echo "make $*" >> "$LOG"; echo "the table of make doctor"',
    "dpkg-query": """
        for package; do :; done
        case " $INSTALLED " in
        *" $package "*) printf installed ;;
        *" $package:removed "*) printf config-files ;;
        *) echo "no packages found matching $package" >&2; exit 1 ;;
        esac""",
}


class Machine:
    """A PATH with the fakes and the few real programs that a shell needs."""

    def __init__(self, directory: Path) -> None:
        self.bin = directory / "bin"
        self.bin.mkdir()
        self.log = directory / "log"
        for name, text in FAKES.items():
            (self.bin / name).write_text(f"#!/bin/sh\n{text}\n")
            (self.bin / name).chmod(0o755)
        for name in ("sh", "dirname", "cat", "env"):
            (self.bin / name).symlink_to(shutil.which(name))

    def without(self, name: str) -> "Machine":
        (self.bin / name).unlink()
        return self

    def setup(self, installed: list[str], user: int = 0, options: str = "",
              **variables: str) -> subprocess.CompletedProcess[str]:
        self.log.write_text("")
        return subprocess.run(
            ["sh", str(SETUP), *options.split()], capture_output=True, text=True, timeout=10,
            cwd=self.bin, env={"PATH": str(self.bin), "LOG": str(self.log),
                               "INSTALLED": " ".join(installed),
                               "FAKE_ID": str(user), **variables})

    def calls(self) -> list[str]:
        return self.log.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


DOCTOR = "make --no-print-directory doctor"
INSTALL = "apt-get -q -y install --no-install-recommends"


def test_nothing_missing_installs_nothing(machine: Machine) -> None:
    """With every package there, apt-get is not called, not even update."""
    run = machine.setup(PACKAGES)
    assert run.returncode == 0
    assert machine.calls() == [DOCTOR]
    assert "already" in run.stdout
    assert run.stdout.endswith("the table of make doctor\n")


def test_bare_system_installs_everything(machine: Machine) -> None:
    """A bare system gets all packages, in one call after one update."""
    run = machine.setup([])
    assert run.returncode == 0
    assert machine.calls() == [
        "apt-get -q update", f"{INSTALL} {' '.join(PACKAGES)}", DOCTOR]


def test_only_the_missing_are_installed(machine: Machine) -> None:
    """Exactly the packages that are not there are named to apt-get."""
    there = [p for p in PACKAGES if p not in ("lld", "git")]
    machine.setup(there)
    assert f"{INSTALL} lld git" in machine.calls()


def test_a_removed_package_is_missing(machine: Machine) -> None:
    """A package of which only the configuration is left counts as missing."""
    there = [p for p in PACKAGES if p != "lld"] + ["lld:removed"]
    machine.setup(there)
    assert f"{INSTALL} lld" in machine.calls()


def test_all_means_the_optional_too(machine: Machine) -> None:
    """--all adds what is optional; any other word is refused in one line."""
    machine.setup(PACKAGES, options="--all")
    assert f"{INSTALL} {' '.join(OPTIONAL)}" in machine.calls()
    run = machine.setup([], options="--everything")
    assert run.returncode == 2 and machine.calls() == []
    assert run.stderr == ("setup: '--everything' is no option; "
                          "there is only --all\n")


def test_sudo_for_who_is_not_root(machine: Machine) -> None:
    """A user who is not root installs through sudo, and asks no questions."""
    machine.setup([p for p in PACKAGES if p != "git"], user=1000)
    calls = machine.calls()
    assert calls[0] == "sudo apt-get -q update"
    assert f"sudo env DEBIAN_FRONTEND=noninteractive {INSTALL} git" in calls


def test_no_sudo_for_root(machine: Machine) -> None:
    """Root needs no sudo, and many a container has none."""
    assert machine.without("sudo").setup([]).returncode == 0


def test_not_root_and_no_sudo(machine: Machine) -> None:
    """Without the means to install, one line says what root should do."""
    run = machine.without("sudo").setup(PACKAGES[:-1], user=1000)
    assert run.returncode != 0
    assert len((run.stdout + run.stderr).splitlines()) == 1
    assert "apt-get install git" in run.stderr
    assert machine.calls() == []


def test_no_apt_get(machine: Machine) -> None:
    """A system that is not Debian's kin gets the list of what it needs."""
    run = machine.without("apt-get").setup([])
    assert run.returncode != 0
    for tool in ("Make", "clang", "lld", "QEMU", "pytest", "pexpect", "git"):
        assert tool in run.stderr
    assert run.stdout == "" and machine.calls() == []


def test_apt_get_fails(machine: Machine) -> None:
    """If apt-get fails, setup stops there and does not pretend."""
    run = machine.setup([], APT_STATUS="100")
    assert run.returncode != 0
    assert "setup: apt-get update failed" in run.stderr
    assert machine.calls() == ["apt-get -q update"]


def test_doctor_decides_the_exit_status(machine: Machine) -> None:
    """What make doctor finds wrong in the end, setup reports as well."""
    (machine.bin / "make").write_text("#!/bin/sh\nexit 2\n")
    assert machine.setup(PACKAGES).returncode == 2


def test_is_plain_sh() -> None:
    """The script is POSIX shell: dash parses it, shellcheck has no remark."""
    subprocess.run(["sh", "-n", SETUP], check=True)
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    subprocess.run(["shellcheck", SETUP], check=True)


@pytest.mark.parametrize("required, packages",
                         [(True, PACKAGES), (False, OPTIONAL)])
def test_the_packages_are_those_that_doctor_names(
        required: bool, packages: list[str]) -> None:
    """Setup installs every package that doctor asks for, and no other."""
    code = ("import doctor; print(*{p for t in doctor.all_tools(['python3'])"
            f" if t.required == {required} for p in t.packages.split()}})")
    run = subprocess.run([sys.executable, "-B", "-c", code],
                         capture_output=True, text=True, check=True,
                         cwd=ROOT / "tools")
    assert set(run.stdout.split()) == set(packages)
