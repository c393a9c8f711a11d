#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs pytest in as many processes as there are CPUs.

Each takes what no other has taken yet (`--share`, in conftest.py). The report
of the first is shown as it comes, those of the others when they are done, and
last a line with the sum. All arguments go to pytest. The exit status is 0 if
all went well, else that of the first process for which it did not.
"""
from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from tempfile import TemporaryDirectory

NO_TESTS = 5  # pytest's exit status for a process without tests


def run(is_shown: bool, notes: str, words: list[str]) -> tuple[int, str]:
    """One process: its exit status, and what it printed."""
    command = [sys.executable, "-m", "pytest", "-q",
               "-oconsole_output_style=count", f"--share={notes}", *words]
    printed = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT) as child:
        assert child.stdout
        for line in child.stdout:
            printed.append(line)
            if is_shown:
                print(line, end="", flush=True)
    return child.returncode, "".join(printed)


def main() -> int:
    count = max(1, min(os.cpu_count() or 1, 4))
    with TemporaryDirectory() as notes, ThreadPoolExecutor(count) as pool:
        done = list(pool.map(lambda n: run(n == 0, notes, sys.argv[1:]),
                             range(count)))
    counts: Counter[str] = Counter()
    for n, (_, printed) in enumerate(done):
        if n > 0:
            print(printed, end="")
        last = printed.rstrip().rpartition("\n")[2]
        for count, what in re.findall(r"(\d+) (passed|failed|skipped|error)",
                                      last):
            counts[what] += int(count)
    print(f"{counts['passed']} passed, {counts['failed'] + counts['error']} "
          f"failed, {counts['skipped']} skipped")
    if not counts["passed"] and not counts["failed"] and not counts["error"]:
        return NO_TESTS
    return next((status for status, _ in done if status not in (0, NO_TESTS)),
                0)


if __name__ == "__main__":
    sys.exit(main())
