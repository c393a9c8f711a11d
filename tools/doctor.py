# SPDX-License-Identifier: MIT
"""Looks for every tool that Strata uses, and says how to get what is missing.

A tool is looked for under the name that the Makefile uses: the environment
variables CC, LD, OBJCOPY, OBJDUMP, NM, SYMBOLIZER, QEMU, GDB, HOSTCC and
PYTHON, where they are set, replace the usual names.  The Python must have
pytest and pexpect: if PYTHON is not set, the first of python3 on the PATH and
/usr/bin/python3 that has them is taken.

The exit status is 0 if all that is required is there, and 1 otherwise.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from strata import Parser

PYTHONS = [["python3"], ["/usr/bin/python3"]]
EMPTY_PROGRAM = "int main(void)\n{\n    return 0;\n}\n"

# What a tool is asked for.
VERSION = "version"             # its version, by the options given
MODULE = "module"               # a Python module: its version
COMPILE = "compile"             # to compile the empty program, with options
RUN = "run"                     # the same, and then to run it

# --- The tools --------------------------------------------------------


@dataclass(frozen=True)
class Tool:
    name: str                   # what the table calls it
    command: list[str]          # the program
    oldest: str                 # the oldest version known to work, or "any"
    needed_for: str
    packages: str               # the Debian packages that hold it
    asked: str = VERSION
    options: str = "--version"  # for a module: its name
    required: bool = True


def named(variable: str, usual: str) -> list[str]:
    """The command that a variable of the Makefile names."""
    return shlex.split(os.environ.get(variable) or usual)


def all_tools(python: list[str]) -> list[Tool]:
    """Every tool, in the order in which a reader comes to need it."""
    cc = named("CC", "clang")
    hostcc = named("HOSTCC", shlex.join(cc))
    required = [
        Tool("GNU Make", ["make"], "4.3", "build", "make"),
        Tool("clang", cc, "14", "build", "clang"),
        Tool("  for AArch64", cc, "any", "build", "clang",
             COMPILE, "--target=aarch64-none-elf -ffreestanding -c"),
        Tool("lld", named("LD", "ld.lld"), "14", "build", "lld"),
        Tool("llvm-objcopy", named("OBJCOPY", "llvm-objcopy"), "14",
             "build", "llvm"),
        Tool("llvm-objdump", named("OBJDUMP", "llvm-objdump"), "14",
             "build", "llvm"),
        Tool("llvm-nm", named("NM", "llvm-nm"), "14", "build", "llvm"),
        Tool("llvm-symbolizer", named("SYMBOLIZER", "llvm-symbolizer"), "14",
             "run", "llvm"),
        Tool("QEMU", named("QEMU", "qemu-system-aarch64"), "7.2",
             "run", "qemu-system-arm"),
        Tool("Python", python, "3.11", "build", "python3"),
        Tool("pytest", python, "7.2", "test", "python3-pytest",
             MODULE, "pytest"),
        Tool("pexpect", python, "4.8", "test", "python3-pexpect",
             MODULE, "pexpect"),
        Tool("host compiler", hostcc, "any", "test", "clang libc6-dev",
             RUN, ""),
        Tool("  with sanitizers", hostcc, "any", "test", "libclang-rt-dev",
             RUN, "-fsanitize=address,undefined"),
        Tool("git", ["git"], "any", "test", "git"),
    ]
    optional = [
        Tool("gdb", named("GDB", "gdb-multiarch"), "13", "debug",
             "gdb-multiarch"),
        Tool("Sphinx", python, "5.3", "book", "python3-sphinx",
             MODULE, "sphinx"),
        Tool("MyST", python, "0.18", "book", "python3-myst-parser",
             MODULE, "myst_parser"),
        Tool("furo", python, "2022.12", "book", "furo", MODULE, "furo"),
        Tool("Chromium", ["chromium"], "any", "test the book", "chromium"),
        Tool("Spin", ["spin"], "6.5", "check the model", "spin", VERSION, "-V"),
        Tool("Relacy", cc, "any", "check the lock", "relacy-dev", COMPILE,
             "-x c++ -std=c++17 -E -include relacy/relacy.hpp"),
        Tool("clang-format", ["clang-format"], "14", "contribute",
             "clang-format"),
    ]
    return required + [Tool(**{**vars(tool), "required": False})
                       for tool in optional]


def find_python(limit: float) -> list[str]:
    """The Python that the Makefile takes: one that has pytest, if any."""
    if os.environ.get("PYTHON"):
        return named("PYTHON", "")
    for python in PYTHONS:
        try:
            ask([*python, "-c", "import pytest, pexpect"], limit)
            return python
        except (Missing, Broken):
            pass
    return PYTHONS[0]


# --- Asking one of them -----------------------------------------------


class Missing(Exception):
    """The tool is not installed."""


class Broken(Exception):
    """The tool is there, but does not do its work; the text says how."""


def ask(command: list[str], limit: float, text: str = "") -> str:
    """What a program prints; it may take so many seconds and no longer."""
    if shutil.which(command[0]) is None:
        raise Missing
    try:
        # A session of its own, so that its children can be ended with it.
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, errors="replace",
            start_new_session=True)
    except OSError as error:
        raise Broken(error.strerror.lower()) from None
    try:
        output, errors = process.communicate(text, timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise Broken(f"no answer within {limit:g} s") from None
    if re.search("ModuleNotFoundError|file not found", errors):
        raise Missing
    if process.returncode < 0:
        raise Broken(f"it died of signal {-process.returncode}")
    if process.returncode > 0:
        reason = (errors.strip() or "it printed no error").splitlines()[0]
        raise Broken(f"exit status {process.returncode}: {reason}")
    return output


def version_in(output: str) -> str:
    """The first thing that looks like a version number."""
    found = re.search(r"\d+(\.\d+)+", output)
    if found is None:
        raise Broken("it tells no version")
    return found[0]


def older(version: str, oldest: str) -> bool:
    def numbers(text: str) -> list[int]:
        return [int(number) for number in text.split(".")]
    return oldest != "any" and numbers(version) < numbers(oldest)


def compile_empty_program(tool: Tool, limit: float) -> None:
    """Have the compiler do what the table says that it can."""
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / "empty"
        ask([*tool.command, "-x", "c", *shlex.split(tool.options),
             "-", "-o", str(program)], limit, EMPTY_PROGRAM)
        if tool.asked == RUN:
            ask([str(program)], limit)


@dataclass(frozen=True)
class Finding:
    tool: Tool
    version: str                # "-" if there is none to tell
    status: str                 # "ok", "missing", "too old" or "broken"
    why: str = ""               # what there is to say about that

    @property
    def ok(self) -> bool:
        return self.status == "ok"


def examine(tool: Tool, limit: float) -> Finding:
    try:
        if tool.asked in (COMPILE, RUN):
            compile_empty_program(tool, limit)
            return Finding(tool, "works", "ok")
        if tool.asked == MODULE:
            code = f"import {tool.options} as m; print(m.__version__)"
            version = version_in(ask([*tool.command, "-c", code], limit))
        else:
            version = version_in(ask([*tool.command, tool.options], limit))
    except Missing:
        return Finding(tool, "-", "missing")
    except Broken as why:
        return Finding(tool, "-", "broken", str(why))
    if older(version, tool.oldest):
        return Finding(tool, version, "too old",
                       f"{version} found, {tool.oldest} needed")
    return Finding(tool, version, "ok")


# --- The table --------------------------------------------------------


def table(findings: list[Finding]) -> str:
    rows = [("tool", "found", "oldest", "needed to", "", "status")]
    for f in findings:
        needed = "required" if f.tool.required else "optional"
        rows.append((f.tool.name, f.version, f.tool.oldest,
                     f.tool.needed_for, needed, f.status))
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width
                               in zip(row, widths)).rstrip() for row in rows)


def install_line(findings: list[Finding]) -> str:
    """The command that installs what these tools lack."""
    packages = dict.fromkeys(package for f in findings
                             for package in f.tool.packages.split())
    sudo = "" if os.geteuid() == 0 else "sudo "
    return (f"{sudo}apt-get install --no-install-recommends "
            + " ".join(packages))


def advice(findings: list[Finding]) -> list[str]:
    """What to do about everything that is not ok."""
    required = [f for f in findings if not f.ok and f.tool.required]
    optional = [f for f in findings if not f.ok and not f.tool.required]
    lines = [f"{f.tool.name.strip()} is {f.status}: {f.why} "
             f"({' '.join([*f.tool.command, f.tool.options]).strip()})"
             for f in findings if f.why]
    if required:
        lines.append(f"To install what is required: {install_line(required)}")
    else:
        lines.append("Everything that is required is here.")
    if optional:
        lines.append(f"To install what is optional: {install_line(optional)}")
    return lines


def arguments() -> argparse.Namespace:
    parser = Parser(
        prog="doctor", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--timeout", type=float, default=20, metavar="SECONDS",
                        help="how long a tool may take to answer "
                             "(default: %(default)s)")
    return parser.parse_args()


def main() -> int:
    limit = arguments().timeout
    tools = all_tools(find_python(limit))
    with ThreadPoolExecutor() as pool:
        findings = list(pool.map(lambda tool: examine(tool, limit), tools))
    print(table(findings), "", *advice(findings), sep="\n")
    return 0 if all(f.ok for f in findings if f.tool.required) else 1


if __name__ == "__main__":
    sys.exit(main())
