# SPDX-License-Identifier: MIT
"""Things to boot besides a part as it is: small images made of assembly, a
part's image with a few bytes changed or a file replaced, and the machine
without QEMU's own loader."""
from __future__ import annotations

import functools
import hashlib
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fdt
import harness
from harness import ROOT
from ring import RAM, symbols  # noqa: F401

KERNEL = 0x40200000  # where a part's image lies
TREE = 0x43000000    # where `direct` puts the device tree
NOP = 0xd503201f

TOOLS = {"CC": "clang", "LD": "ld.lld", "OBJCOPY": "llvm-objcopy",
         "OBJDUMP": "llvm-objdump", "NM": "llvm-nm",
         "SYMBOLIZER": "llvm-symbolizer"}


def tool(name: str) -> str:
    """The program that the Makefile calls by this variable."""
    return os.environ.get(name) or TOOLS[name]


executable = functools.cache(harness.qemu.executable)


def call(*words: str | Path) -> str:
    """Runs a program of the host; what it prints."""
    done = subprocess.run([str(w) for w in words], capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# --- A part as it was built ---

def build_of(part: Path) -> Path:
    return harness.qemu.build(part)


def image(part: Path) -> bytes:
    return (build_of(part) / "kernel.img").read_bytes()


def patched(part: Path, to: Path, *changes: tuple[int, int, int]) -> Path:
    """The part's image, in the file `to`, with changes in it.

    A change is an address, a number, and how many bytes of it to write there.
    """
    data = bytearray(image(part))
    for address, value, size in changes:
        at = address - KERNEL
        assert 0 <= at <= len(data) - size, "outside of the file"
        data[at:at + size] = value.to_bytes(size, "little")
    to.write_bytes(data)
    return to


def soiled(file: Path, to: Path) -> Path:
    """The image with junk behind it, in all the memory that its header asks
    for: where its zero-initialized variables and its stacks will be."""
    data = file.read_bytes()
    size = int.from_bytes(data[16:24], "little")
    to.write_bytes(data + b"\xa5" * (size - len(data)))
    return to


def instructions(part: Path, function: str) -> list[tuple[int, str]]:
    """Address and text of the instructions from one symbol up to the next."""
    known = symbols(build_of(part))
    start = known[function]
    end = min(address for name, address in known.items()
              if address > start and "$" not in name)
    text = call(tool("OBJDUMP"), "--disassemble", "--no-show-raw-insn",
                f"--start-address={start}", f"--stop-address={end}",
                build_of(part) / "kernel.elf")
    found = []
    for line in text.splitlines():
        address, colon, instruction = line.strip().partition(":")
        if colon and instruction.strip():
            try:
                found.append((int(address, 16),
                              " ".join(instruction.split())))
            except ValueError:
                pass  # a heading
    return found


def rebuilt(part: Path, to: Path, files: dict[str, str]) -> Path:
    """A copy of the part in the folder `to`, built anew with some files of
    the part replaced by these texts. The folder that it was built in."""
    build = str(build_of(part).relative_to(ROOT))
    for name in ("common", part.name, build):
        shutil.copytree(ROOT / name, to / name)
    (to / "tools").mkdir()
    shutil.copy2(ROOT / "tools" / "symbols.py", to / "tools")
    for name, text in files.items():
        (to / part.name / name).write_text(text)
    variables = {name: tool(name) for name in TOOLS if name != "SYMBOLIZER"}
    done = harness.make(f"{build}/kernel.img", f"{build}/kernel.sym",
                        "-f", "common/mk/kernel.mk", cwd=to, PART=part.name,
                        PYTHON=sys.executable, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    return to / build


# --- Images of our own ---

def assemble(source: Path, to: Path, address: int,
             **defines: int | str) -> Path:
    """An ELF file, in the folder `to`, of an assembly file for `address`. In
    it `kernel` is the address of the kernel."""
    done = to / f"{source.stem}.elf"
    flags = [f"-D{name}={value}" for name, value in defines.items()]
    call(tool("CC"), "--target=aarch64-none-elf", "-march=armv8-a", *flags,
         f"-I{to}", "-c", source, "-o", done.with_suffix(".o"))
    call(tool("LD"), f"-Ttext={address:#x}", "--entry=_start",
         f"--defsym=kernel={KERNEL:#x}", done.with_suffix(".o"), "-o", done)
    return done


def flat(elf: Path) -> Path:
    """The bytes of an ELF file, as they lie in memory."""
    call(tool("OBJCOPY"), "-O", "binary", elf, elf.with_suffix(".img"))
    return elf.with_suffix(".img")


# --- The machine, by itself ---

def machine_tree(to: Path, bootargs: str = "", *more: str,
                 **machine: str) -> fdt.Node:
    """The tree that QEMU makes for a machine with part 1's kernel."""
    chosen = harness.qemu.Machine(**machine)
    words = chosen.arguments()
    words[1] += f",dumpdtb={to / 'machine.dtb'}"
    # A kernel must be named, or else the tree says nothing of it.
    call(executable(), *words, *harness.qemu.ALWAYS, *more,
         "-kernel", build_of(harness.PARTS[1]) / "kernel.img",
         "-append", bootargs)
    tree = fdt.parse((to / "machine.dtb").read_bytes())
    for node in tree.walk():  # the same tree every time
        for name in ("kaslr-seed", "rng-seed"):
            if name in node.properties:
                node.properties[name] = bytes(len(node.properties[name]))
    return tree


def load(file: Path, address: int) -> list[str]:
    """Options that put a file's bytes into memory."""
    return ["-device", f"loader,file={file},addr={address:#x},force-raw=on"]


def start(elf: Path, cpu: int = 0) -> list[str]:
    """Options that load an ELF file and let a CPU begin there."""
    return ["-device", f"loader,file={elf},cpu-num={cpu}"]


def direct(kernel: Path, loader: Path, blob: bytes | None, *more: str,
           exact: bool = True, board: tuple[str, ...] = (),
           **machine: str) -> list[str]:
    """The command that boots an image by a loader of ours, with this tree.

    `board` replaces the options that name the machine.
    """
    words = board or harness.qemu.Machine(**machine).arguments()
    command = [executable(), *words, *harness.qemu.ALWAYS,
               *(harness.qemu.EXACT if exact else []), "-serial", "stdio",
               *load(kernel, KERNEL), *start(loader), *more]
    if blob is not None:
        name = hashlib.sha256(blob).hexdigest()[:16]
        file = loader.with_name(f"{name}.dtb")
        file.write_bytes(blob)
        command += load(file, TREE)
    return command



def keys(text: str) -> bytes:
    """Keys that are typed from the start. What comes before the kernel has
    switched the UART on may be lost, so a few that do nothing go first."""
    return ("\x15" * 4 + text).encode()  # Ctrl-U on an empty line


def watch(command: list[str], text: str) -> harness.Run:
    """Runs a QEMU command until it has printed this text, or ended."""
    output, end = b"", time.monotonic() + harness.LIMIT
    with subprocess.Popen(command, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as child:
        assert child.stdout
        while text.encode() not in output and time.monotonic() < end:
            if select.select([child.stdout], [], [], 1)[0]:
                if not (data := os.read(child.stdout.fileno(), 4096)):
                    break
                output += data
        child.kill()
    return harness.Run(command, output.decode().replace("\r\n", "\n"), None)


def at_once(boot: Callable, items: Iterable) -> list:
    """What `boot` returns for each of the items. Two of them run at a time: for
    tests of many boots."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(boot, items))
