# SPDX-License-Identifier: MIT
"""Boots kernels and watches what they do.

Every QEMU that is started here has a time limit and is reaped. By default a
run is exact: `-icount` makes one instruction one nanosecond of virtual time,
so the same run happens again to the instruction, however busy the host is.
"""
from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pexpect

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import qemu  # noqa: E402
import run as run_tool  # noqa: E402
import strata  # noqa: E402

PARTS = strata.parts(ROOT)
# Seconds of real time that a run may take. (Most take 0.1.)
LIMIT = float(os.environ.get("LIMIT") or (60 if os.environ.get("SAN") else 20))


@dataclass
class Run:
    """What a boot left behind."""
    command: list[str]
    output: str         # on the serial line
    status: int | None  # None: the time limit ended it
    errors: str = ""    # what QEMU itself said

    def lines(self) -> list[str]:
        return self.output.splitlines()

    def value(self, key: str) -> str:
        """The value of the banner's line "key: value"."""
        found = re.search(rf"^{re.escape(key)}: ?(.*)$", self.output, re.M)
        assert found, f"no line '{key}:' in\n{self.output}"
        return found[1]

    def result(self) -> str:
        """What the demo's line "result: ..." says."""
        return self.value("result")


def explain(run: Run) -> str:
    """What usually lies behind a run that went wrong, in one line."""
    if "panic:" in run.output:
        return "the kernel panicked: " + run.value("panic")
    if run.output.count("strata part") > 1:
        return "the kernel started twice: something jumped to its beginning"
    if "strata part" not in run.output:
        return "no first line: the kernel did not get as far as its banner"
    if run.status is None:
        return "time ran out: the kernel hangs, or waits for input"
    return f"the run ended with status {run.status}"


def report(run: Run, elf: Path | None) -> str:
    """The serial log with places in its backtrace, and how to repeat it."""
    lines = []
    symbolizer = run_tool.Symbolizer(elf) if elf else None
    for line in run.lines():
        extra = b""
        if symbolizer:
            extra = run_tool.annotate(line.encode(), symbolizer)
        lines.append(line + extra.decode())
    return "\n".join([explain(run), "", "to repeat it:",
                      "  " + shlex.join(run.command), "", *lines,
                      *run.errors.splitlines()])


def options(part: Path, demo: str, args: str, machine: qemu.Machine,
            exact: bool) -> list[str]:
    """The whole command but for where the serial line goes."""
    machine.check()
    line = qemu.append(part, "", args)
    line = " ".join(filter(None, [f"demo={demo}" if demo else "", line]))
    return [qemu.executable(), *qemu.kernel(part, machine, line),
            *(qemu.EXACT if exact else [])]


def execute(command: list[str], typed: bytes = b"", limit: float = LIMIT) -> Run:
    """Runs a QEMU command whose serial line is `-serial stdio`."""
    try:
        done = subprocess.run(command, input=typed, timeout=limit, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        status, raw, errors = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired as late:
        status, raw, errors = None, late.stdout or b"", late.stderr or b""
    text = raw.decode(errors="replace").replace("\r\n", "\n")
    return Run(command, text, status, errors.decode(errors="replace"))


@dataclass
class Session:
    """A kernel that runs on, for tests that talk with it."""
    command: list[str]
    child: pexpect.spawn
    monitor_path: Path

    def expect(self, text: str) -> None:
        """Waits for these very characters; a line ends with "\\r"."""
        self.child.expect_exact(text)

    def send(self, keys: str) -> None:
        self.child.send(keys)

    def finish(self) -> int | None:
        """Waits for the end; the exit status."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        return self.child.exitstatus

    def monitor(self, command: str) -> str:
        """What QEMU's monitor answers to a command."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(LIMIT)
            link.connect(str(self.monitor_path))
            stream = link.makefile("rw")
            stream.readline()  # the greeting
            for request in ({"execute": "qmp_capabilities"},
                            {"execute": "human-monitor-command",
                             "arguments": {"command-line": command}}):
                stream.write(json.dumps(request) + "\n")
                stream.flush()
                while "return" not in (answer := json.loads(stream.readline())):
                    assert "error" not in answer, answer
        return answer["return"]

    def pc(self) -> int:
        """Where the first CPU is now."""
        found = re.search(r"PC=([0-9a-f]{16})", self.monitor("info registers"))
        assert found
        return int(found[1], 16)

    def run(self) -> Run:
        """What there is so far, as a Run that has no status yet."""
        logged = self.child.logfile_read.getvalue()
        return Run(self.command, re.sub("\r+\n", "\n", logged), None)

    def stop(self) -> None:
        self.child.close(force=True)


def function_at(part: Path, address: int) -> str:
    """The function that an address of a part's kernel lies in; "" if none."""
    symbols = (qemu.build(part) / "kernel.sym").read_text()
    name = ""
    for line in symbols.splitlines():
        start, kind, symbol = line.split(" ", 2)
        if int(start, 16) > address:
            break
        if not symbol.startswith("$"):
            name = symbol if kind in "tT" else ""
    return name


def make(*words: str, cwd: Path = ROOT,
         **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs make with these words; variables go on its command line."""
    env = {k: v for k, v in os.environ.items()
           if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "DEMO", "ARGS",
                        "CPUS", "MEM", "CPU", "GIC", "EL", "EXACT", "PAGE")}
    env.pop("MAKEOVERRIDES", None)
    return subprocess.run(
        ["make", *words, *(f"{k}={v}" for k, v in variables.items())],
        cwd=cwd, env=env, text=True, capture_output=True, timeout=120,
        stdin=subprocess.DEVNULL, check=False)


def settle(check, limit: float = LIMIT):
    """Calls `check` until what it returns is true, and returns that."""
    end = time.monotonic() + limit
    while not (found := check()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)
    return found
