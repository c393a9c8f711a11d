# SPDX-License-Identifier: MIT
"""The QEMU command line for a part, checked before QEMU sees it."""
from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import strata

OLDEST = (7, 2)
CPUS = ("cortex-a53", "cortex-a72", "max")
SMALLEST_MIB, LARGEST_MIB = 64, 8192


class Wrong(Exception):
    """A wrong choice; its text is one line for the user."""


@dataclass(frozen=True)
class Machine:
    """What a run may choose, each as the word that the user gave."""
    cpus: str = "1"
    mem: str = "128M"
    cpu: str = "cortex-a53"
    gic: str = "2"
    el: str = "1"

    def check(self) -> None:
        """Raises Wrong, with the reason, unless all choices are possible."""
        if not re.fullmatch(r"[1-8]", self.cpus):
            raise Wrong(f"CPUS={self.cpus}: must be 1 to 8")
        size = re.fullmatch(r"(\d{1,6})([MG])", self.mem)
        mib = int(size[1]) * (1024 if size[2] == "G" else 1) if size else 0
        if not SMALLEST_MIB <= mib <= LARGEST_MIB:
            raise Wrong(f"MEM={self.mem}: must be 64M to 8G, "
                        "in whole M or G (128M, 2G)")
        for name, value, choices in (("CPU", self.cpu, CPUS),
                                     ("GIC", self.gic, ("2", "3")),
                                     ("EL", self.el, ("1", "2"))):
            if value not in choices:
                raise Wrong(f"{name}={value}: must be one of "
                            + ", ".join(choices))

    def arguments(self) -> list[str]:
        """QEMU's options for this machine."""
        virt = f"virt,gic-version={self.gic}"
        if self.el == "2":
            virt += ",virtualization=on"
        return ["-machine", virt, "-cpu", self.cpu, "-smp", self.cpus,
                "-m", self.mem]


# No devices but the machine's own, no window. Semihosting is for the exit
# status alone: with target=gdb, and no gdb, QEMU does nothing else for a guest.
ALWAYS = ["-nodefaults", "-display", "none",
          "-semihosting-config", "enable=on,target=gdb"]

# One instruction takes one nanosecond of virtual time, and idle time none: the
# same run again, to the instruction.
EXACT = ["-icount", "shift=0,sleep=off"]


def executable() -> str:
    """QEMU's name. Raises Wrong if it is missing or too old."""
    return checked(os.environ.get("QEMU") or "qemu-system-aarch64")


@functools.cache
def checked(name: str) -> str:
    """The name, if a QEMU of this name is there and not too old."""
    if not shutil.which(name):
        raise Wrong(f"{name} is not installed: sh tools/setup.sh installs it")
    text = subprocess.run([name, "--version"], capture_output=True, text=True,
                          timeout=20, check=False).stdout
    found = re.search(r"version (\d+)\.(\d+)", text)
    if not found:
        raise Wrong(f"{name} does not say which version it is")
    if (int(found[1]), int(found[2])) < OLDEST:
        raise Wrong(f"{name} is version {found[1]}.{found[2]}; "
                    f"{OLDEST[0]}.{OLDEST[1]} is the oldest that works")
    return name


def demos(part: Path) -> list[str]:
    """The names of the part's demos."""
    table = (part / "demos" / "demo.c").read_text()
    return re.findall(r'^    \{"(\w+)", demo_', table, re.MULTILINE)


def append(part: Path, demo: str, args: str) -> str:
    """The kernel command line. Raises Wrong if there is no such demo."""
    if demo and demo not in demos(part):
        raise Wrong(f"DEMO={demo}: {part.name} has no such demo; it has "
                    + ", ".join(demos(part)))
    if "\n" in args or not args.isascii():
        raise Wrong("ARGS: must be one line of ASCII")
    return " ".join(([f"demo={demo}"] if demo else []) + args.split())


def build(part: Path) -> Path:
    """Where a part's kernel is built; with SAN=1 in the environment the one
    that checks for undefined behavior."""
    return part.parent / "build" / (part.name
                                    + ("-san" if os.environ.get("SAN") else ""))


def kernel(part: Path, machine: Machine, line: str) -> list[str]:
    """The options that boot a part's kernel with this command line."""
    image = build(part) / "kernel.img"
    words = [*machine.arguments(), *ALWAYS,
             "-kernel", os.path.relpath(image)]
    return words + (["-append", line] if line else [])


CHOICES = """The environment variables DEMO, CPUS, MEM, CPU, GIC, EL, ARGS and
EXACT choose the run, as in `make part1 run DEMO=crasher EL=2`."""


def choice(part: Path) -> list[str]:
    """The command for what the environment chooses. Raises Wrong."""
    env = os.environ
    machine = Machine(**{name: env[name.upper()]
                         for name in ("cpus", "mem", "cpu", "gic", "el")
                         if env.get(name.upper())})
    machine.check()
    line = append(part, env.get("DEMO", ""), env.get("ARGS", ""))
    exact = env.get("EXACT", "")
    if exact not in ("", "1"):
        raise Wrong(f"EXACT={exact}: must be 1, or nothing")
    return [executable(), *kernel(part, machine, line),
            *(EXACT if exact else [])]


def program(about: str | None, start: Callable[[Path], int]) -> int:
    """A program that does something with the part that is its argument: its
    exit status. What is Wrong is said in one line."""
    part = strata.part_argument(about or "", CHOICES)
    try:
        return start(part)
    except Wrong as wrong:
        strata.fail(str(wrong))
