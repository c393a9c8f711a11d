# SPDX-License-Identifier: MIT
"""common/ on the host: against the C library, against models, and with bad
input, all under the address and undefined-behavior sanitizers.

The programs in tests/host/ are linked with common/lib/, whose functions are
called strata_NAME there (tests/host/rename.h).
"""
from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import fdt
from fdt import Node, cells

ROOT = Path(__file__).resolve().parents[1]
HOST = ROOT / "tests" / "host"
LIB = ROOT / "common" / "lib"
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
CLANG = ["clang", "-std=gnu17", "-O1", "-gline-tables-only", "-Wall",
         "-Wextra", "-Werror", "-Wno-ignored-attributes", *SANITIZE]
OURS = ["-ffreestanding", f"-I{ROOT}/common/include",
        f"-I{ROOT}/part1-boot/demos",
        "-include", str(HOST / "rename.h")]
# Line editing came to part 1 with its input.
OTHERS = [*ROOT.glob("part1-boot/demos/line.c")]
COMPARE = ["string", "printf", "list", "args", *(p.stem for p in OTHERS)]
PROGRAMS = [*COMPARE, "tap", "fdt"]


def run(command: list[str | Path], given: bytes = b"",
        ) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(command, input=given, capture_output=True,
                          timeout=60, check=False)


def compile_one(source: Path, to: Path, *flags: str) -> Path:
    done = run([*CLANG, *flags, "-c", source, "-o", to])
    assert done.returncode == 0, done.stderr.decode()
    return to


def link(to: Path, *objects: Path) -> Path:
    done = run(["clang", "-fuse-ld=lld", *SANITIZE, *objects, "-o", to])
    assert done.returncode == 0, done.stderr.decode()
    return to


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the test programs, their objects (NAME.o), and all of
    common/lib/ (common.a), of which a program takes what it needs."""
    folder = tmp_path_factory.mktemp("common")
    archive = folder / "common.a"
    with ThreadPoolExecutor(2) as pool:
        ours = pool.map(lambda source: compile_one(
            source, folder / f"{source.stem}.lib.o", *OURS),
            [*LIB.glob("*.c"), *OTHERS])
        theirs = pool.map(lambda name: compile_one(
            HOST / f"{name}.c", folder / f"{name}.o", "-Wno-format"), PROGRAMS)
        assert run(["ar", "rcs", archive, *ours]).returncode == 0
        list(pool.map(lambda test: link(test.with_suffix(""), test, archive),
                      theirs))
    return folder


@pytest.mark.parametrize("name", COMPARE)
def test_program(built: Path, name: str) -> None:
    """A program that compares with the C library or a model finds nothing."""
    done = run([built / name])
    assert done.returncode == 0, done.stderr.decode()


def test_tap(built: Path) -> None:
    """The report is TAP 14, counts from 1 each time, and can fail."""
    done = run([built / "tap"])
    assert done.stdout.decode().splitlines() == [
        "TAP version 14", "ok 1 - one and 1", "1", "1..1", "1",
        "TAP version 14", "not ok 1 - wrong", "0", "ok 2 - right", "1..2", "0",
        "TAP version 14", "1..0", "0"]


# --- Device trees ---


def sample() -> Node:
    """A small tree with everything in it that the reader knows about."""
    root = Node().set_strings("model", "sample").set_cells("#address-cells", 2)
    root.set_cells("#size-cells", 2).set_strings("compatible", "a", "b")
    root.add("aliases").set_strings("serial0", "/soc/uart@1000") \
        .set_strings("itself", "itself").set_strings("loop", "pool") \
        .set_strings("pool", "loop").set_strings("bus", "/soc") \
        .properties["open"] = b"/soc"
    root.add("chosen").set_strings("stdout-path", "serial0:115200n8") \
        .set_strings("bootargs", "demo=hog").set_cells("small", 7) \
        .set_cells("large", 1, 2).set_cells("three", 1, 2, 3)
    root.add("memory@40000000").set_strings("device_type", "memory") \
        .set_numbers("reg", 2, 0x40000000, 0x4000000, 1 << 32, 1 << 31)
    cpus = root.add("cpus").set_cells("#address-cells", 1)
    cpus.set_cells("#size-cells", 0)
    for number in range(2):
        cpus.add(f"cpu@{number}").set_cells("reg", number)
    soc = root.add("soc", ranges=b"").set_cells("#address-cells", 1)
    soc.set_cells("#size-cells", 1).set_cells(
        "ranges", 0, 1, 0, 0x2000, 0x8000, 2, 0x8000, 0x1000)
    soc.add("uart@1000") \
        .set_strings("compatible", "arm,pl011", "arm,primecell") \
        .set_cells("reg", 0x1000, 0x1000, 0x1800, 0x1000)
    soc.add("uart@8000").set_strings("compatible", "arm,pl011") \
        .set_strings("status", "disabled").set_cells("reg", 0x8000, 0x1000)
    inner = soc.add("bus@8000", ranges=cells(0, 0x8000, 0x800))
    inner.set_cells("#address-cells", 1).set_cells("#size-cells", 1)
    inner.add("timer").set_strings("status", "okay") \
        .set_cells("reg", 0x10, 0x20, 0x7f0, 0x20)
    return root


class Reader:
    """Asks common/lib/fdt.c about a tree."""

    def __init__(self, program: Path, folder: Path, blob: bytes) -> None:
        self.program = program
        self.file = folder / "tree.dtb"
        self.file.write_bytes(blob)

    def ask(self, *questions: str) -> list[str]:
        done = run([self.program, self.file], "\n".join(questions).encode())
        assert done.returncode == 0, done.stderr.decode()
        return [line.strip() for line in done.stdout.decode().splitlines()]

    def __call__(self, question: str) -> str:
        [answer] = self.ask(question)
        return answer


@pytest.fixture
def reader(built: Path, tmp_path: Path) -> Callable[..., Reader]:
    return lambda tree, **how: Reader(built / "fdt", tmp_path,
                                      fdt.build(tree, **how))


def paths(node: Node, above: str = "") -> Iterator[tuple[str, Node]]:
    """All nodes with their absolute paths, in the order of the blob."""
    path = f"{above}/{node.name}" if node.name else ""
    yield path or "/", node
    for child in node.children:
        yield from paths(child, path)


def check_all(ask: Reader, tree: Node) -> None:
    """The reader sees each node, its parent and each property."""
    questions, answers = [], []
    nodes = list(paths(tree))
    following = [path for path, _ in nodes[1:]] + ["none"]
    for (path, node), after in zip(nodes, following):
        above = path.rpartition("/")[0] or "/"
        questions += [f"find {path}", f"next {path}", f"parent {path}"]
        answers += [path, after, above if path != "/" else "none"]
        for name, value in node.properties.items():
            questions.append(f"property {path} {name}")
            answers.append(value.hex())
    assert ask.ask(*questions) == answers


def test_good_tree(reader: Callable[..., Reader]) -> None:
    """Everything that was built into a tree is found in it."""
    ask = reader(sample(), reservations=[(1 << 40, 4096)])
    check_all(ask, sample())


def test_find(reader: Callable[..., Reader]) -> None:
    """Paths with and without unit address, and aliases; circles end."""
    ask = reader(sample())
    wanted = {
        "/": "/", "//": "/", "/soc": "/soc", "/soc/": "/soc", "/so": "none",
        "/socs": "none", "/memory": "/memory@40000000",
        "/memory@4": "none", "/memory@40000000": "/memory@40000000",
        "/cpus/cpu": "/cpus/cpu@0", "/cpus/cpu@1": "/cpus/cpu@1",
        "/cpu@1": "none", "/soc/bus/timer": "/soc/bus@8000/timer",
        "/timer": "none", "/soc:9600/uart": "/soc", "/chosen/small": "none",
        "serial0": "/soc/uart@1000", "serial0:115200n8": "/soc/uart@1000",
        "bus/uart@8000": "/soc/uart@8000", "serial": "none", "itself": "none",
        "loop": "none", "open": "none", "soc": "none",
        "a-name-that-is-far-too-long-to-be-an-alias": "none",
    }
    assert ask.ask(*(f"find {path}" for path in wanted)) == [*wanted.values()]


def test_values(reader: Callable[..., Reader]) -> None:
    """Strings, numbers, compatibility and status are told apart."""
    wanted = {
        "string /chosen bootargs": "demo=hog", "string /chosen none": "none",
        "string /aliases open": "none", "string /none bootargs": "none",
        "number /chosen small": "0x7", "number /chosen large": "0x100000002",
        "number /chosen three": "none", "number /chosen none": "none",
        "is / a": "yes", "is / b": "yes", "is / ab": "no", "is /chosen a": "no",
        "is /soc/uart@1000 arm,primecell": "yes",
        "is /soc/uart@1000 arm": "no",
        "enabled /soc/uart@1000": "yes", "enabled /soc/uart@8000": "no",
        "enabled /soc/bus/timer": "yes",
        "compatible / arm,pl011": "/soc/uart@1000",
        "compatible /soc/uart@1000 arm,pl011": "none",
        "compatible none b": "/", "property /soc/uart@1000 regs": "none",
    }
    assert reader(sample()).ask(*wanted) == [*wanted.values()]


def test_reg(reader: Callable[..., Reader]) -> None:
    """Entries are counted, translated bus by bus, and refused beyond one."""
    wanted = {
        "reg /memory": "0x40000000+0x4000000 0x100000000+0x80000000",
        "reg /cpus/cpu@1": "-", "number /cpus/cpu@1 reg": "0x1",
        "reg /soc/uart@1000": "0x100001000+0x1000 -",
        "reg /soc/uart@8000": "0x200008000+0x1000",
        "reg /soc/bus/timer": "0x200008010+0x20 -",
        "reg /chosen": "", "reg /": "",
    }
    assert reader(sample()).ask(*wanted) == [*wanted.values()]


def on_a_bus(reg: bytes, *, address_cells: bytes = cells(2),
             size_cells: bytes = cells(2), ranges: bytes = b"") -> Node:
    """A device on a bus below the root, which has 2 cells for each."""
    root = Node().set_cells("#address-cells", 2).set_cells("#size-cells", 2)
    bus = root.add("bus", ranges=ranges)
    bus.properties["#address-cells"] = address_cells
    bus.properties["#size-cells"] = size_cells
    bus.add("device", reg=reg)
    return root


def quads(*values: int) -> bytes:
    return struct.pack(f">{len(values)}Q", *values)


TOP = 1 << 64
REGS = {
    "identity": (on_a_bus(quads(0x1000, 0x10)), "0x1000+0x10"),
    "to the last byte but one": (on_a_bus(quads(TOP - 16, 15)),
                                 f"{TOP - 16:#x}+0xf"),
    "end at 2^64": (on_a_bus(quads(TOP - 16, 16)), "-"),
    "wraps": (on_a_bus(quads(TOP - 16, 32)), "-"),
    "shorter than an entry": (on_a_bus(cells(1, 2, 3)), ""),
    "one entry and a half": (on_a_bus(cells(0, 1, 0, 2, 0, 3)), "0x1+0x2"),
    "empty": (on_a_bus(b""), ""),
    "0 address cells": (on_a_bus(quads(1, 1), address_cells=cells(0)), ""),
    "3 address cells": (on_a_bus(quads(1, 1), address_cells=cells(3)), ""),
    "7 size cells": (on_a_bus(quads(1, 1), size_cells=cells(7)), ""),
    "2^30 address cells": (on_a_bus(quads(1, 1),
                                    address_cells=cells(1 << 30)), ""),
    "2^32-1 size cells": (on_a_bus(quads(1, 1),
                                   size_cells=cells(0xffffffff)), ""),
    "in the window": (on_a_bus(quads(0x10, 0x10),
                               ranges=quads(0, 0x5000, 0x20)), "0x5010+0x10"),
    "over the window's end": (on_a_bus(quads(0x11, 0x10),
                                       ranges=quads(0, 0x5000, 0x20)), "-"),
    "before the window": (on_a_bus(quads(0xf, 0x10),
                                   ranges=quads(0x10, 0x5000, 0x20)), "-"),
    "huge window": (on_a_bus(quads(0xf, 1),
                             ranges=quads(0x10, 0, TOP - 1)), "-"),
    "size wraps in it": (on_a_bus(quads(0x10, TOP - 1),
                                  ranges=quads(0, 0x5000, 0x20)), "-"),
    "window wraps above": (on_a_bus(quads(0x20, 8),
                                    ranges=quads(0, TOP - 0x10, 0x40)), "-"),
    "end wraps above": (on_a_bus(quads(8, 16),
                                 ranges=quads(0, TOP - 0x10, 0x40)), "-"),
    "window without size": (on_a_bus(quads(0, 0),
                                     ranges=quads(0, 0x5000, 0)), "-"),
    "half a window": (on_a_bus(quads(0, 1), ranges=quads(0, 0)), "-"),
    "in the second window": (
        on_a_bus(quads(0x100, 4), ranges=quads(0, 1, 2, 0x100, 0x7000, 8)),
        "0x7000+0x4"),
}


@pytest.mark.parametrize("case", REGS)
def test_reg_border(reader: Callable[..., Reader], case: str) -> None:
    """Odd cells, and ranges that wrap or do not fit, are refused."""
    tree, wanted = REGS[case]
    assert reader(tree)("reg /bus/device") == wanted


def test_no_ranges(reader: Callable[..., Reader]) -> None:
    """A bus without "ranges" lets nothing be seen from above."""
    tree = on_a_bus(quads(1, 1))
    del tree.find("/bus").properties["ranges"]
    assert reader(tree)("reg /bus/device") == "-"


def test_default_cells(reader: Callable[..., Reader]) -> None:
    """Without #address-cells and #size-cells there are 2 and 1."""
    root = Node()
    root.add("device", reg=cells(1, 2, 3))
    assert reader(root)("reg /device") == "0x100000002+0x3"


# --- Python's own reader and writer ---


@pytest.mark.parametrize("version", [16, 17])
def test_round_trip(version: int) -> None:
    """What is built can be parsed, and is the same."""
    reservations = [(0x1000, 0x2000), (1 << 40, 1)]
    blob = fdt.build(sample(), version=version, reservations=reservations,
                     boot_cpu=3)
    assert fdt.parse(blob) == sample()
    assert fdt.reserved(blob) == reservations
    assert fdt.build(fdt.parse(blob), version=version,
                     reservations=reservations, boot_cpu=3) == blob


@pytest.mark.parametrize("machine", ["virt", "virt,gic-version=3",
                                     "virt,virtualization=on,secure=on"])
def test_real_tree(built: Path, tmp_path: Path, qemu_tree: Callable[..., bytes],
                   machine: str) -> None:
    """QEMU's own tree is read the same by both readers, and rebuilt."""
    blob = qemu_tree(machine)
    tree = fdt.parse(blob)
    rebuilt = fdt.build(tree, reservations=fdt.reserved(blob))
    assert fdt.parse(rebuilt) == tree
    for version in (blob, rebuilt):
        ask = Reader(built / "fdt", tmp_path, version)
        check_all(ask, tree)
        assert ask("compatible / arm,pl011") == "/pl011@9000000"
        assert ask("reg /pl011@9000000") == "0x9000000+0x1000"
        assert ask("reg /memory") == "0x40000000+0x8000000"


@pytest.fixture
def qemu_tree(tmp_path: Path) -> Callable[..., bytes]:
    """The tree of one of QEMU's machines."""
    def dump(machine: str) -> bytes:
        file = tmp_path / "qemu.dtb"
        try:
            done = run(["qemu-system-aarch64", "-M",
                        f"{machine},dumpdtb={file}", "-smp", "2",
                        "-nodefaults", "-display", "none"])
        except FileNotFoundError:
            pytest.skip("no qemu-system-aarch64")
        assert done.returncode == 0, done.stderr.decode()
        return file.read_bytes()
    return dump


# --- Damaged trees ---


def token_node(name: bytes, inside: bytes = b"") -> bytes:
    name += b"\0" * (4 - len(name) % 4)
    return cells(fdt.BEGIN_NODE) + name + inside + cells(fdt.END_NODE)


def token_property(offset: int, value: bytes, length: int | None = None,
                   ) -> bytes:
    length = len(value) if length is None else length
    return cells(fdt.PROPERTY, length, offset) + value + bytes(-len(value) % 4)


def nested(depth: int) -> bytes:
    inside = b""
    for _ in range(depth - 1):
        inside = token_node(b"n", inside)
    return token_node(b"", inside)


def header(blob: bytes, **fields: int) -> bytes:
    """A blob with some fields of its header changed."""
    names = ["magic", "size", "structure", "strings", "reserved", "version",
             "compatible", "boot", "strings_size", "structure_size"]
    changed = bytearray(blob)
    for name, value in fields.items():
        changed[4 * names.index(name):][:4] = b""
        struct.pack_into(">I", changed, 4 * names.index(name), value)
    return bytes(changed)


STRINGS = b"reg\0"
GOOD = fdt.assemble(token_node(b"", token_property(0, b"1234")) + cells(9),
                    STRINGS)
END_OF_TREE = cells(fdt.END)


def tree_of(*structure: bytes) -> bytes:
    """A blob that ends with the structure: who reads on leaves the blob."""
    return fdt.assemble(b"".join(structure), STRINGS, structure_last=True)


NASTY: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "too short"),
    "half a header": (GOOD[:36], "too short"),
    "magic": (header(GOOD, magic=0xEDFE0DD0), "bad magic number"),
    "version 16": (header(GOOD, version=16), "unknown version"),
    "version 0": (header(GOOD, version=0), "unknown version"),
    "for readers of 18": (header(GOOD, version=18, compatible=18),
                          "unknown version"),
    "version 18": (header(GOOD, version=18), "ok"),
    "more than there is": (header(GOOD, size=len(GOOD) + 1), "bad total size"),
    "last byte missing": (GOOD[:-1], "bad total size"),
    "more than allowed": (header(GOOD + bytes(3 << 20), size=(2 << 20) + 1),
                          "bad total size"),
    "as much as allowed": (header(GOOD + bytes(2 << 20), size=2 << 20), "ok"),
    "size 0": (header(GOOD, size=0), "bad total size"),
    "size of header": (header(GOOD, size=40), "bad structure block"),
    "more behind it": (GOOD + bytes(5), "ok"),
    "structure at 2": (header(GOOD, structure=58), "bad structure block"),
    "structure beyond": (header(GOOD, structure=len(GOOD)),
                         "bad structure block"),
    "structure wraps": (header(GOOD, structure=0xFFFFFFF0,
                               structure_size=0x20), "bad structure block"),
    "structure huge": (header(GOOD, structure_size=0xFFFFFFFC),
                       "bad structure block"),
    "structure empty": (header(GOOD, structure_size=0),
                        "structure without an end"),
    "structure in header": (header(GOOD, structure=0),
                            "unknown or incomplete token"),
    "structure at the end": (header(GOOD, structure=len(GOOD),
                                    structure_size=0),
                             "structure without an end"),
    "strings beyond": (header(GOOD, strings=len(GOOD)), "bad strings block"),
    "strings wrap": (header(GOOD, strings=0xFFFFFFFE, strings_size=6),
                     "bad strings block"),
    "strings huge": (header(GOOD, strings_size=0xFFFFFFFF),
                     "bad strings block"),
    "strings open": (GOOD[:-1] + b"x", "bad strings block"),
    "strings open at the end": (
        header(GOOD[:-1], size=len(GOOD) - 1, strings_size=3),
        "bad strings block"),
    "strings short": (header(GOOD, strings_size=3), "bad strings block"),
    "strings empty": (header(GOOD, strings_size=0),
                      "property name outside the strings"),
    "no strings, no properties": (
        fdt.assemble(token_node(b"") + END_OF_TREE, b""), "ok"),
    "no END": (tree_of(token_node(b"")), "structure without an end"),
    "no root": (tree_of(END_OF_TREE), "node without an end, or no node"),
    "only NOPs": (tree_of(cells(4, 4, 4)), "structure without an end"),
    "NOPs everywhere": (
        tree_of(cells(4), token_node(b"", cells(4) + token_property(0, b"")
                                     + cells(4) + token_node(b"a", cells(4))
                                     + cells(4)), cells(4, 9)), "ok"),
    "two roots": (tree_of(token_node(b""), token_node(b""), END_OF_TREE),
                  "second root node, or one with a name"),
    "root with name": (tree_of(token_node(b"r"), END_OF_TREE),
                       "second root node, or one with a name"),
    "not closed": (tree_of(cells(1, 0, 9)), "node without an end, or no node"),
    "closed twice": (tree_of(token_node(b""), cells(2, 9)),
                     "end of a node that was not begun"),
    "closed first": (tree_of(cells(2), token_node(b""), END_OF_TREE),
                     "end of a node that was not begun"),
    "name open": (tree_of(token_node(b""), cells(1) + b"abcd"),
                  "name or property too long"),
    "name missing": (tree_of(token_node(b""), cells(1)),
                     "name or property too long"),
    "property first": (tree_of(token_property(0, b""), token_node(b""),
                               END_OF_TREE),
                       "property not at the beginning of a node"),
    "property after child": (
        tree_of(token_node(b"", token_node(b"a") + token_property(0, b"")),
                END_OF_TREE), "property not at the beginning of a node"),
    "property cut off": (tree_of(cells(1, 0, 3, 0)),
                         "unknown or incomplete token"),
    "property beyond": (tree_of(cells(1, 0), token_property(0, b"abcd", 5)),
                        "name or property too long"),
    "property to the end": (tree_of(cells(1, 0), token_property(0, b"abcd")),
                            "structure without an end"),
    "property huge": (tree_of(token_node(b"", token_property(
        0, b"abcd", 0xFFFFFFFF)), END_OF_TREE), "name or property too long"),
    "property wraps": (tree_of(token_node(b"", token_property(
        0, b"abcd", 0xFFFFFFF4)), END_OF_TREE), "name or property too long"),
    "name beyond": (tree_of(token_node(b"", token_property(4, b"")),
                            END_OF_TREE), "property name outside the strings"),
    "name far beyond": (tree_of(token_node(b"", token_property(
        0xFFFFFFFF, b"")), END_OF_TREE), "property name outside the strings"),
    "token 0": (tree_of(cells(0)), "unknown or incomplete token"),
    "token 5": (tree_of(token_node(b"", cells(5)), END_OF_TREE),
                "unknown or incomplete token"),
    "depth 16": (tree_of(nested(16), END_OF_TREE), "ok"),
    "depth 17": (tree_of(nested(17), END_OF_TREE), "nodes nested too deeply"),
    "depth 40": (tree_of(nested(40), END_OF_TREE), "nodes nested too deeply"),
    "depth bomb": (tree_of(cells(1, 0) * 100_000), "nodes nested too deeply"),
    "wide": (tree_of(token_node(b"", token_node(b"") * 500), END_OF_TREE),
             "ok"),
}


def abuse(program: Path, blobs: list[bytes]) -> subprocess.CompletedProcess:
    return run([program],
               b"".join(struct.pack("=I", len(b)) + b for b in blobs))


def test_nasty_trees(built: Path) -> None:
    """Trees that were made to be nasty get the error that fits, or none."""
    done = abuse(built / "fdt", [blob for blob, _ in NASTY.values()])
    assert done.returncode == 0, done.stderr.decode()
    answers = dict(zip(NASTY, done.stdout.decode().splitlines()))
    assert answers == {name: error for name, (_, error) in NASTY.items()}


def nasty_values(chance: random.Random, size: int) -> int:
    """A number that has gone wrong."""
    return chance.choice([
        0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 40, size - 4, size - 1, size, size + 1,
        1 << 31, (1 << 32) - 4, (1 << 32) - 1, chance.randrange(size),
        chance.randrange(1 << 32)])


def damaged(blob: bytes, chance: random.Random) -> bytes:
    """The tree with one to three things wrong."""
    out = bytearray(blob)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(out))
        what = chance.randrange(6)
        if what == 0:
            out[at] ^= 1 << chance.randrange(8)
        elif what == 1:
            out[at] = chance.randrange(256)
        elif what == 2:
            del out[max(at, 1):]
        elif what == 3 and len(out) >= 40:
            struct.pack_into(">I", out, 4 * chance.randrange(10),
                             nasty_values(chance, len(out)))
        elif len(out) >= 8:
            struct.pack_into(">I", out, at % (len(out) - 4) // 4 * 4,
                             nasty_values(chance, len(out)))
    return bytes(out)


def corpus(size: int) -> list[bytes]:
    """Damaged trees, the same each time."""
    chance = random.Random(1)
    good = [fdt.build(sample(),
                      reservations=[(1 << 30, 1 << 12)] * count)
            for count in (0, 1)]
    good += [fdt.build(tree) for tree, _ in REGS.values()]
    return [damaged(chance.choice(good), chance) for _ in range(size)]


def test_damaged_trees(built: Path) -> None:
    """Nothing that is read from thousands of damaged trees is outside them."""
    blobs = corpus(4000)
    done = abuse(built / "fdt", blobs)
    assert done.returncode == 0, done.stderr.decode()
    answers = done.stdout.decode().splitlines()
    assert len(answers) == len(blobs)
    accepted = answers.count("ok")
    assert 200 < accepted < len(blobs) - 200, "not a good mixture"
    assert len(set(answers)) > 12, "hardly any check was reached"


# --- Can these tests fail? ---

# Slips of the pen: a module of common/lib/, a text in it, what stands there
# instead, and the words by which the slip must be noticed: a sanitizer's, or
# those of a comparison in tests/host/NAME.c.
MEMORY = "ERROR: AddressSanitizer"
SLIPS = {
    "memmove forward": ("string", "from < size) {", "from < 0) {", "string.c:"),
    "strnlen reads on": ("string", "length < limit && s[length]",
                         "s[length]", "string.c:"),
    "printf overruns": ("printf", "out->length + 1 < out->size",
                        "out->length <= out->size", MEMORY),
    "printf's zeros": ("printf", "!spec->left && spec->zeros",
                       "spec->zeros", "printf.c:"),
    "args overruns": ("args", "length < size - 1", "length < size", MEMORY),
    "numbers wrap": ("args", "number > (UINT64_MAX - digit) / 10",
                     "false", "args.c:"),
    "line overruns": ("line", "line->length == LINE_SIZE - 1",
                      "line->length == LINE_SIZE", "out of bounds"),
    "fdt: limit": ("fdt", "limit < HEADER_CELLS * CELL", "false", MEMORY),
    "fdt: total size": ("fdt", "||\n        fdt->size > limit", "", MEMORY),
    "fdt: structure": ("fdt", "(uint64_t)fdt->structure + "
                       "fdt->structure_size > fdt->size", "false", MEMORY),
    "fdt: strings": ("fdt", "(uint64_t)fdt->strings + "
                     "fdt->strings_size > fdt->size", "false", MEMORY),
    "fdt: last string": ("fdt", "fdt->blob[fdt->strings + "
                         "fdt->strings_size - 1] != '\\0'", "false", MEMORY),
    "fdt: token": ("fdt", "if (body > end)", "if (false)", MEMORY),
    "fdt: property": ("fdt", "body + 2 * CELL <= end", "true", MEMORY),
    "fdt: name": ("fdt", "name >= fdt->strings_size", "false", MEMORY),
    "fdt: end of token": ("fdt", "body + size > end", "false",
                          "other answers"),
    "fdt: depth": ("fdt", "depth++ == FDT_MAX_DEPTH",
                   "depth++ == UINT32_MAX", "out of bounds"),
    "fdt: index": ("fdt", "index >= fdt_reg_count(fdt, node)",
                   "index == UINT32_MAX", "fdt.c:"),
    "fdt: unterminated": ("fdt", "value[length - 1] != '\\0'", "false",
                          "fdt.c:"),
    "fdt: empty string": ("fdt", "length == 0 || ", "", MEMORY),
    "fdt: wraps": ("fdt", "found.size > UINT64_MAX - found.address", "false",
                   "it wraps"),
}
SLIPS = {name: slip for name, slip in SLIPS.items() if slip[0] in PROGRAMS}


def noticed(built: Path, folder: Path, slip: str) -> str:
    """What the program that tests a module says if the slip is made."""
    module, old, new, _ = SLIPS[slip]
    [home] = [path for path in [*LIB.glob("*.c"), *OTHERS]
              if path.stem == module]
    text = home.read_text()
    assert text.count(old) == 1, f"'{old}' is {text.count(old)} times there"
    folder.mkdir()
    source = folder / f"{module}.c"
    source.write_text(text.replace(old, new))
    changed = compile_one(source, folder / "changed.o", "-Wno-error", *OURS)
    # The changed object comes before the archive, and so in place of its own.
    program = link(folder / module, built / f"{module}.o", changed,
                   built / "common.a")
    trees = [blob for blob, _ in NASTY.values()] + corpus(1000)
    trees += [fdt.build(tree) for tree, _ in REGS.values()]
    done = abuse(program, trees) if module == "fdt" else run([program])
    if module == "fdt" and done.returncode == 0:
        wanted = [error for _, error in NASTY.values()]
        answers = done.stdout.decode().splitlines()[:len(NASTY)]
        return "nothing" if answers == wanted else "other answers"
    return done.stderr.decode(errors="replace")


@pytest.fixture(scope="module")
def reports(built: Path) -> dict[str, str]:
    """What was noticed of each slip. (Made two at a time, to save time.)"""
    with ThreadPoolExecutor(2) as pool:
        found = pool.map(lambda slip: noticed(
            built, built / slip.replace(" ", "-"), slip), SLIPS)
        return dict(zip(SLIPS, found))


@pytest.mark.parametrize("slip", SLIPS)
def test_slip_is_noticed(reports: dict[str, str], slip: str) -> None:
    """With a check taken out or a slip made, the test of the module fails."""
    assert SLIPS[slip][-1] in reports[slip]
