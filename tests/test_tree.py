# SPDX-License-Identifier: MIT
"""What the machine is stands in the device tree, and nowhere else: part 1
follows any legal tree, and refuses a damaged one in words.

The trees here are QEMU's own, transformed; a loader of the tests hands them
over."""
from __future__ import annotations

import copy
import random
import re
import struct
from pathlib import Path

import pytest

import fdt
import guest
import harness
from fdt import Node
from harness import Run

HERE = Path(__file__).parent
LOADER = 0x43800000
UART = 0x09000000
NOWHERE = 0x0bad0000  # no device and no RAM
MIB = 1 << 20


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """QEMU's tree; of its nodes those that part 1 has a use for, and some."""
    tree = guest.machine_tree(tmp_path_factory.mktemp("tree"), "demo=polite")
    # Buses with ranges of their own would have to follow each change of the
    # root's cells, and nothing looks at them.
    tree.children = [node for node in tree.children
                     if not node.name.startswith(("pcie", "platform"))]
    return tree


@pytest.fixture
def tree(original):
    """A copy to change."""
    return copy.deepcopy(original)


@pytest.fixture(scope="module")
def loaders(tmp_path_factory):
    """loader(x0): the ELF file that enters the kernel with this x0."""
    made: dict[int, Path] = {}

    def loader(x0: int) -> Path:
        if x0 not in made:
            made[x0] = guest.assemble(HERE / "loader" / "plain.S",
                                      tmp_path_factory.mktemp("loader"),
                                      LOADER, TREE=x0)
        return made[x0]
    return loader


@pytest.fixture
def start(execute, loaders):
    """start(part, tree, ...) -> Run: boots with this tree, or with these bytes
    as one; until it has said `until`, if that is given. `more` are options of
    guest.direct."""
    def start(part: Path, tree: Node | bytes, x0: int = guest.TREE,
              typed: bytes = b"", until: str = "", **more) -> Run:
        blob = fdt.build(tree) if isinstance(tree, Node) else tree
        command = guest.direct(guest.build_of(part) / "kernel.img",
                               loaders(x0), blob, **more)
        if until:
            return guest.watch(command, until)
        return execute(command, typed, part=part)
    return start


def assert_booted(run: Run, **values: str) -> None:
    """The kernel came up with these values in its banner, and ran a demo."""
    usual = {"cpus": "1", "ram": "128 MiB at 0x40000000", "gic": "v2",
             "args": "demo=polite", "dtb": f"{guest.TREE:#x}, linux,dummy-virt"}
    for key, value in {**usual, **values}.items():
        assert run.value(key) == value
    assert run.result() == "tick spoke 3 times, tock 3 times"
    assert run.status == 0


def assert_refused(run: Run, reason: str) -> None:
    """The kernel said this of the tree, once, and ended."""
    assert re.search(f"^panic: device tree: {reason}$", run.output, re.M)
    assert run.output.count("panic:") == 1
    assert "exception:" not in run.output
    assert run.status == 1


# --- Legal trees ---

@pytest.mark.parts(1)
def test_tree_of_a_loader(start, part, tree):
    """The loader and a tree taken apart and built anew: it boots."""
    assert_booted(start(part, tree))


def reorder(node: Node, change) -> None:
    """Changes the order of nodes and of properties, on all levels."""
    for each in node.walk():
        change(each.children)
        properties = list(each.properties.items())
        change(properties)
        each.properties = dict(properties)


@pytest.mark.parts(1)
@pytest.mark.parametrize("seed", ["reversed", 1, 2, 3, 4, 5])
def test_any_order(start, part, tree, seed):
    """Nodes and properties come in any order."""
    numbers = random.Random(seed)
    reorder(tree, list.reverse if seed == "reversed" else numbers.shuffle)
    assert_booted(start(part, tree))


def recell(tree: Node, address: int, size: int) -> None:
    """Rewrites the root's cells, which were 2 and 2, and its children's
    "reg"."""
    tree.set_cells("#address-cells", address).set_cells("#size-cells", size)
    for node in tree.children:
        if "reg" in node.properties:
            numbers = node.numbers("reg", 2)
            node.properties["reg"] = b"".join(
                n.to_bytes(4 * (size if i % 2 else address), "big")
                for i, n in enumerate(numbers))


@pytest.mark.parts(1)
@pytest.mark.parametrize("cells", [(1, 1), (2, 1), (1, 2), (2, 2)], ids=str)
def test_any_cells(start, part, tree, cells):
    """Addresses and sizes have one or two cells."""
    recell(tree, *cells)
    assert_booted(start(part, tree))


def move(tree: Node, names: tuple[str, ...], bus: Node, start: int) -> None:
    """Moves children of the root to a bus of one cell each, whose address 0
    is `start`."""
    for node in [n for n in tree.children if n.name.startswith(names)]:
        tree.children.remove(node)
        numbers = node.numbers("reg", 2)
        node.set_cells("reg", *(n if i % 2 else n - start
                                for i, n in enumerate(numbers)))
        node.children.clear()
        bus.children.append(node)


@pytest.mark.parts(1)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_devices_on_a_bus(start, part, tree, depth):
    """UART and GIC are on a bus, or on a bus on a bus, with addresses of its
    own."""
    above, base, step = tree, 0x08000000, 0x100000
    for level in range(depth):
        bus = above.add(f"soc{level}")
        bus.set_cells("#address-cells", 1).set_cells("#size-cells", 1)
        where = [base] if level else [0, base]
        size = [0x02000000] if level else [0, 0x02000000]
        bus.set_cells("ranges", step * level, *where,
                      *(size[-1:]))
        above, base = bus, step * level
    offset = 0x08000000 - base
    move(tree, ("pl011", "intc"), above, offset)
    tree.find("/chosen").set_strings("stdout-path", "/" + "/".join(
        [f"soc{level}" for level in range(depth)] + ["pl011@9000000"]))
    assert_booted(start(part, tree))


BANKS = {
    "two": [(0x40000000, 64), (0x44000000, 64)],
    "two with a hole": [(0x40000000, 64), (0x47000000, 16)],
    "three": [(0x40000000, 32), (0x42000000, 32), (0x46000000, 32)],
    "kernel in the last": [(0x80000000, 512), (0x40000000, 128)],
    "above 4 GiB": [(0x40000000, 128), (0x100000000, 1024)],
    "eight": [(0x40000000 + 0x1000000 * n, 8) for n in range(8)],
}


def ram_line(banks: list[tuple[int, int]]) -> str:
    return " + ".join(f"{mib} MiB at {start:#x}" for start, mib in banks)


@pytest.mark.parts(1)
@pytest.mark.parametrize("nodes", ["one-node", "several-nodes"])
@pytest.mark.parametrize("banks", BANKS)
def test_banks_of_ram(start, part, tree, banks, nodes):
    """RAM comes in several banks, of one node or of several."""
    tree.children.remove(tree.find("/memory"))
    groups = [BANKS[banks]] if nodes == "one-node" else \
        [[bank] for bank in BANKS[banks]]
    for group in groups:
        memory = tree.add(f"memory@{group[0][0]:x}")
        memory.set_strings("device_type", "memory")
        memory.set_numbers("reg", 2, *(n for at, mib in group
                                       for n in (at, mib * MIB)))
    assert_booted(start(part, tree), ram=ram_line(BANKS[banks]))


@pytest.mark.parts(1)
def test_more_banks_than_there_is_room_for(start, part, tree):
    """Of more than eight banks the first eight are used."""
    banks = [(0x40000000 + 0x800000 * n, 8) for n in range(12)]
    tree.find("/memory").set_numbers("reg", 2, *(
        n for at, mib in banks for n in (at, mib * MIB)))
    assert_booted(start(part, tree), ram=ram_line(banks[:8]))


@pytest.mark.parts(1)
def test_ram_that_is_switched_off(start, part, tree):
    """A node of RAM that is disabled counts as little as an empty bank."""
    secret = tree.add("memory@80000000").set_strings("device_type", "memory")
    secret.set_numbers("reg", 2, 0x80000000, MIB).set_strings("status",
                                                              "disabled")
    tree.children.insert(0, tree.children.pop())
    memory = tree.find("/memory@40000000")
    memory.properties["reg"] = bytes(16) + memory.properties["reg"]
    assert_booted(start(part, tree))


# --- Which UART ---

def decoy(tree: Node) -> Node:
    """A UART before the true one, at an address where nothing answers."""
    node = tree.add(f"pl011@{NOWHERE:x}")
    node.set_strings("compatible", "arm,pl011", "arm,primecell")
    node.set_numbers("reg", 2, NOWHERE, 0x1000)
    tree.children.insert(0, tree.children.pop())
    return node


@pytest.mark.parts(1)
@pytest.mark.parametrize("stdout", [True, False])
@pytest.mark.parametrize("status", ["disabled", "fail", "reserved", ""])
def test_disabled_uart_is_left_alone(start, part, tree, status, stdout):
    """A UART whose status is not "okay" is not used, even if it is the first
    one."""
    decoy(tree).set_strings("status", status)
    if not stdout:
        del tree.find("/chosen").properties["stdout-path"]
    assert_booted(start(part, tree))


@pytest.mark.parts(1)
@pytest.mark.parametrize("path", ["/pl011@9000000", "/pl011@9000000:115200",
                                  "serial0", "serial0:115200n8"])
def test_stdout_path_chooses(start, part, tree, path):
    """Of two UARTs the one that stdout-path names is used, given by its path
    or by an alias, with options or without."""
    decoy(tree)
    tree.add("aliases").set_strings("serial0", "/pl011@9000000")
    tree.find("/chosen").set_strings("stdout-path", path)
    assert_booted(start(part, tree))


@pytest.mark.parts(1)
def test_decoy_would_show(start, part, tree):
    """A kernel that uses the decoy does not boot: so the tests above can fail.
    It says why where a UART usually is."""
    decoy(tree)
    tree.find("/chosen").set_strings("stdout-path", f"/pl011@{NOWHERE:x}")
    run = start(part, tree)
    assert run.value("panic") == "data abort"
    assert f"far {NOWHERE:#018x}"[:-3] in run.output
    assert run.output.count("panic:") == 1
    assert run.status == 1


@pytest.mark.parts(1)
@pytest.mark.parametrize("path", ["/nothing", "serial9", "", ":", "/cpus",
                                  "/" * 300, "x" * 300, None])
def test_stdout_path_to_nowhere(start, part, tree, path):
    """If stdout-path leads to no UART the first one is used."""
    if path is None:
        tree.find("/chosen").properties["stdout-path"] = b"no end"
    else:
        tree.find("/chosen").set_strings("stdout-path", path)
    assert_booted(start(part, tree))


@pytest.mark.parts(1)
@pytest.mark.parametrize("damage", ["no node", "no reg", "short reg",
                                    "wrong cells", "not compatible",
                                    "not mapped", "wraps around",
                                    "RAM"])
def test_tree_without_a_sound_uart(start, part, tree, damage):
    """Without a UART that has an address the kernel looks where one usually
    is, and says there what is missing."""
    uart = tree.find("/pl011")
    if damage == "no node":
        tree.children.remove(uart)
    elif damage == "no reg":
        del uart.properties["reg"]
    elif damage == "short reg":
        uart.properties["reg"] = uart.properties["reg"][:12]
    elif damage == "wrong cells":
        tree.set_cells("#address-cells", 3)
    elif damage == "not compatible":
        uart.set_strings("compatible", "arm,pl011x", "arm,sbsa-uart")
    elif damage == "not mapped":  # a bus without "ranges"
        tree.children.remove(uart)
        bus = tree.add("soc")
        bus.set_cells("#address-cells", 2).set_cells("#size-cells", 2)
        bus.children.append(uart)
    elif damage == "wraps around":
        uart.set_numbers("reg", 2, 2**64 - 0x1000, 0x2000)
    elif damage == "RAM":
        uart.set_numbers("reg", 2, guest.TREE, 0x1000)
    assert_refused(start(part, tree), "no UART .*")


# --- Trees that lack something ---

@pytest.mark.parts(1)
@pytest.mark.parametrize("path", ["/memory", "/cpus"])
def test_tree_without(start, part, tree, path):
    """Without RAM or CPUs the kernel can't go on, and says so."""
    tree.children.remove(tree.find(path))
    assert_refused(start(part, tree), "no RAM, or no CPU")


@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("missing", ["chosen", "bootargs"])
def test_tree_without_a_command_line(start, part, tree, missing):
    """Without a command line the default demo runs."""
    chosen = tree.find("/chosen")
    if missing == "chosen":
        tree.children.remove(chosen)
    else:
        del chosen.properties["bootargs"]
    run = start(part, tree, typed=guest.keys("hello\r\x04"))
    assert run.value("args") == ""
    assert run.result() == "1 lines"
    assert run.status == 0


@pytest.mark.parts(1, 2)
def test_tree_without_a_gic(start, part, tree):
    """Part 1 has no use for the interrupt controller: it does without."""
    tree.children.remove(tree.find("/intc"))
    assert_booted(start(part, tree), gic="none")


@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("missing", ["psci", "method"])
def test_tree_without_firmware(start, part, tree, missing):
    """Without firmware nobody can switch the machine off: that is said. A
    panic ends the run all the same."""
    psci = tree.find("/psci")
    if missing == "psci":
        tree.children.remove(psci)
    else:
        psci.set_strings("method", "letter")
    said = "no firmware that switches it off"
    run = start(part, tree, until=said)
    assert run.result() == "tick spoke 3 times, tock 3 times"
    assert said in run.output
    tree.find("/chosen").set_strings("bootargs", "demo=crasher")
    run = start(part, tree)
    assert run.value("panic") == "undefined instruction"
    assert run.status == 1


@pytest.mark.parts(1)
def test_sixteen_cpus(start, part, tree):
    """Of more than eight CPUs the first eight are used."""
    cpus = tree.find("/cpus")
    first = cpus.find("/cpu@0")
    for n in range(1, 16):
        cpu = copy.deepcopy(first)
        cpu.name = f"cpu@{n:x}"
        cpu.set_cells("reg", n)
        cpus.children.append(cpu)
    assert_booted(start(part, tree), cpus="8")


@pytest.mark.parts(1)
def test_wide_cpu_numbers(start, part, tree):
    """The number of a CPU may have two cells."""
    cpus = tree.find("/cpus").set_cells("#address-cells", 2)
    cpus.find("/cpu@0").set_cells("reg", 0, 0)
    assert_booted(start(part, tree))


@pytest.mark.parts(1, 4)
def test_initrd_in_a_tree(start, part, tree):
    """The initrd's limits may have one cell or two."""
    chosen = tree.find("/chosen").set_strings("bootargs", "demo=selftest")
    for cells in (1, 2):
        chosen.set_numbers("linux,initrd-start", cells, guest.TREE)
        chosen.set_numbers("linux,initrd-end", cells, guest.TREE + 12345)
        run = start(part, tree)
        assert " - the initrd has 12345 bytes" in run.output
        assert run.status == 0


# --- Damaged trees ---

def header(blob: bytes, field: int, value: int) -> bytes:
    """The blob with another number in a field of its header."""
    data = bytearray(blob)
    struct.pack_into(">I", data, 4 * field, value)
    return bytes(data)


MAGIC, TOTAL, STRUCTURE, STRINGS, _, VERSION, LAST, _, STRINGS_SIZE, \
    STRUCTURE_SIZE = range(10)
WRONG_HEADERS = {
    "magic": (MAGIC, 0xedfe0dd0, "bad magic number"),
    "old version": (VERSION, 15, "unknown version"),
    "new version": (LAST, 18, "unknown version"),
    "no size": (TOTAL, 0, "bad total size"),
    "size of the header": (TOTAL, 39, "bad total size"),
    "huge size": (TOTAL, 0xffffffff, "bad total size"),
    "over the limit": (TOTAL, (2 << 20) + 1, "bad total size"),
    "structure outside": (STRUCTURE, 0xfffffff0, "bad structure block"),
    "structure odd": (STRUCTURE, 57, "bad structure block"),
    "structure too large": (STRUCTURE_SIZE, 0x7fffffff, "bad structure block"),
    "structure empty": (STRUCTURE_SIZE, 0, "structure without an end"),
    "strings outside": (STRINGS, 0xffffffff, "bad strings block"),
    "strings too large": (STRINGS_SIZE, 0xffffffff, "bad strings block"),
    "strings empty": (STRINGS_SIZE, 0, "property name outside the strings"),
}


@pytest.mark.parts(1)
@pytest.mark.parametrize("wrong", WRONG_HEADERS)
def test_wrong_header(start, part, tree, wrong):
    """A number in the header that can't be is refused, by its name."""
    field, value, reason = WRONG_HEADERS[wrong]
    blob = header(fdt.build(tree), field, value)
    assert_refused(start(part, blob), reason)


@pytest.mark.parts(1)
@pytest.mark.parametrize("eighths", range(8))
def test_truncated_tree(start, part, tree, eighths):
    """A tree whose end is missing is refused, wherever it ends."""
    blob = fdt.build(tree)
    blob = blob[:len(blob) * eighths // 8]
    assert_refused(start(part, blob + bytes(4 * MIB)), ".*")


@pytest.mark.parts(1)
@pytest.mark.parametrize("x0", [guest.TREE + 1, guest.TREE + 0x100000,
                                0x40300000], ids=hex)
def test_no_tree_at_the_address(start, part, tree, x0):
    """Where there is memory but no tree, that is said."""
    assert_refused(start(part, tree, x0=x0), "bad magic number")


@pytest.mark.parts(1)
def test_no_tree(start, part, tree):
    """A loader that has no tree passes 0."""
    assert_refused(start(part, tree, x0=0), "there is none")


@pytest.mark.parts(1)
@pytest.mark.parametrize("x0", [NOWHERE, 0x80000000, 0xfffffffffff0, 2**63],
                         ids=hex)
def test_no_memory_at_the_address(start, part, tree, x0):
    """Where there is not even memory, there is a report too, and an end."""
    run = start(part, tree, x0=x0)
    assert run.value("panic") == "data abort"
    assert " machine_init+0x" in run.output
    assert run.status == 1


def assert_boots_or_says_why(run: Run) -> None:
    """No hang, no exception in the reader, no silence."""
    assert run.status in (0, 1, 2)
    assert "exception:" not in run.output
    refused = re.findall("^panic: device tree: .+$", run.output, re.M)
    assert run.output.count("panic:") == len(refused) <= 1
    assert refused or run.value("dtb").startswith(f"{guest.TREE:#x}, ")


def damaged(blob: bytes, seed: int) -> bytes:
    """The blob with a few random bytes changed."""
    numbers, data = random.Random(seed), bytearray(blob)
    for _ in range(numbers.choice([1, 2, 4, 16])):
        data[numbers.randrange(len(data))] = numbers.randrange(256)
    return bytes(data)


def perverted(tree: Node, seed: int) -> Node:
    """The tree with a few properties of random bytes. The UART and the
    firmware stay what they are."""
    numbers, tree = random.Random(seed), copy.deepcopy(tree)
    nodes = [node for node in tree.walk() if node.properties and
             not node.name.startswith(("pl011", "psci"))]
    for _ in range(4):
        node = numbers.choice(nodes)
        name = numbers.choice(list(node.properties))
        size = numbers.choice([0, 1, 3, 4, 7, 8, 16, 60])
        node.properties[name] = numbers.randbytes(size)
    return tree


@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("change", [damaged, perverted])
def test_random_damage(start, part, tree, change):
    """Whatever bytes of a tree are damaged, and whatever its values are: the
    kernel boots, or says why it doesn't."""
    what = fdt.build(tree) if change is damaged else tree
    end = guest.keys("\x04")  # if the demo is one that waits for input
    for run in guest.at_once(
            lambda seed: start(part, change(what, seed), typed=end), range(30)):
        assert_boots_or_says_why(run)


# --- Another board ---

def versal() -> Node:
    """A tree for QEMU's xlnx-versal-virt: a PL011 elsewhere, GICv3."""
    tree = Node()
    tree.set_cells("#address-cells", 2).set_cells("#size-cells", 2)
    tree.set_strings("model", "another board")
    tree.add("chosen").set_strings("bootargs", "demo=selftest")
    tree.add("memory@0").set_strings("device_type", "memory").set_numbers(
        "reg", 2, 0, 0x80000000)
    cpus = tree.add("cpus").set_cells("#address-cells", 1)
    cpus.set_cells("#size-cells", 0)
    for n in range(2):
        cpus.add(f"cpu@{n}").set_strings("device_type", "cpu").set_cells(
            "reg", n)
    bus = tree.add("axi").set_cells("#address-cells", 1)
    bus.set_cells("#size-cells", 1).set_cells("ranges", 0xf0000000, 0,
                                              0xf0000000, 0x10000000)
    uart = bus.add("serial@ff000000").set_cells("reg", 0xff000000, 0x1000)
    uart.set_strings("compatible", "arm,pl011", "arm,sbsa-uart")
    gic = bus.add("interrupt-controller@f9000000")
    gic.set_strings("compatible", "arm,gic-v3")
    gic.set_cells("reg", 0xf9000000, 0x80000, 0xf9080000, 0x80000)
    timer = tree.add("timer").set_strings("compatible", "arm,armv8-timer")
    timer.set_cells("interrupts", *(cell for line in (13, 14, 11, 10)
                                    for cell in (1, line, 4)))
    return tree


@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("demo, status", [("crasher", 1), ("nonsense", 2)])
def test_another_board(start, part, demo, status):
    """On a board whose UART and RAM are elsewhere the same image runs."""
    tree = versal()
    tree.find("/chosen").set_strings("bootargs", f"demo={demo}")
    run = start(part, tree, board=("-machine", "xlnx-versal-virt", "-m", "2G",
                                   "-smp", "4"))
    assert run.value("cpu") == "cortex-a72 (MIDR 0x410fd083)"
    assert run.value("cpus") == "2"
    assert run.value("entered at") == "EL2"
    assert run.value("ram") == "2048 MiB at 0x0"
    assert run.value("gic") == "v3"
    assert run.value("dtb") == f"{guest.TREE:#x}, another board"
    assert run.status == status
