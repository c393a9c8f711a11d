#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots a part stopped at its first instruction, under gdb.

What the kernel prints appears on this terminal, between gdb's own lines; it
gets no input. Quitting gdb ends QEMU.
"""
from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import qemu
import strata


def debug(part: Path) -> int:
    """Starts QEMU with its gdb stub on a socket, and gdb on the other end."""
    gdb = os.environ.get("GDB") or "gdb-multiarch"
    if not shutil.which(gdb):
        raise qemu.Wrong(f"{gdb} is not installed: apt-get install gdb-multiarch")
    command = qemu.choice(part)
    with tempfile.TemporaryDirectory() as folder:
        stub = f"{folder}/gdb"
        command += ["-serial", "stdio", "-S", "-chardev",
                    f"socket,path={stub},server=on,wait=off,id=gdb",
                    "-gdb", "chardev:gdb"]
        print(shlex.join(command), flush=True)
        # Ctrl-C is for gdb alone: it stops the kernel, and ends nothing.
        machine = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                   start_new_session=True)
        signal.signal(signal.SIGINT, lambda *_: None)
        for ended_by in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(ended_by, lambda *_: sys.exit(1))
        try:
            while not Path(stub).exists() and machine.poll() is None:
                time.sleep(0.01)
            if machine.returncode is not None:
                return machine.returncode  # QEMU has said why
            return subprocess.run(
                [gdb, "-q", "-x", str(strata.ROOT / "tools/gdb/strata_gdb.py"),
                 "-ex", f"target remote {stub}", "-ex", "tbreak *_start",
                 "-ex", "continue",
                 str(qemu.build(part) / "kernel.elf")],
                check=False).returncode
        finally:
            machine.terminate()
            machine.wait()


if __name__ == "__main__":
    sys.exit(qemu.program(__doc__, debug))
