# SPDX-License-Identifier: MIT
"""Flattened device trees: taking them apart and putting them together.

    tree = fdt.parse(Path("virt.dtb").read_bytes())
    tree.find("/memory").set_cells("reg", 0, 0x40000000, 0, 0x4000000)
    Path("small.dtb").write_bytes(fdt.build(tree))

This is written apart from common/lib/fdt.c, so that each can check the other.
"""
from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

MAGIC = 0xD00DFEED
BEGIN_NODE, END_NODE, PROPERTY, NOP, END = 1, 2, 3, 4, 9


def cells(*values: int) -> bytes:
    """Numbers of 32 bits each, big-endian."""
    return struct.pack(f">{len(values)}I", *values)


@dataclass
class Node:
    """A node. Its properties are bytes; the helpers below write and read
    them as what they mean."""
    name: str = ""
    properties: dict[str, bytes] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)

    def add(self, name: str, **properties: bytes) -> Node:
        """A new last child, with properties whose names are identifiers."""
        child = Node(name, dict(properties))
        self.children.append(child)
        return child

    def find(self, path: str) -> Node:
        """The node at a path below this one. A name may leave out its unit
        address. KeyError if there is none."""
        node = self
        for name in path.strip("/").split("/") if path.strip("/") else []:
            for child in node.children:
                if name in (child.name, child.name.split("@")[0]):
                    node = child
                    break
            else:
                raise KeyError(path)
        return node

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in the order of the blob."""
        yield self
        for child in self.children:
            yield from child.walk()

    def set_strings(self, name: str, *strings: str) -> Node:
        self.properties[name] = b"".join(s.encode() + b"\0" for s in strings)
        return self

    def set_cells(self, name: str, *values: int) -> Node:
        """Numbers of one cell each."""
        self.properties[name] = cells(*values)
        return self

    def set_numbers(self, name: str, count: int, *values: int) -> Node:
        """Numbers of `count` cells each."""
        self.properties[name] = b"".join(v.to_bytes(4 * count, "big")
                                         for v in values)
        return self

    def strings(self, name: str) -> list[str]:
        return self.properties[name].decode().rstrip("\0").split("\0")

    def numbers(self, name: str, count: int = 1) -> list[int]:
        """The property as numbers of `count` cells each."""
        value, step = self.properties[name], 4 * count
        return [int.from_bytes(value[i:i + step], "big")
                for i in range(0, len(value), step)]


def _aligned(data: bytes, size: int = 4) -> bytes:
    return data + bytes(-len(data) % size)


def build(tree: Node, *, reservations: list[tuple[int, int]] | None = None,
          version: int = 17, boot_cpu: int = 0) -> bytes:
    """The blob of a tree. `reservations` are (address, size)."""
    strings = bytearray()
    offsets: dict[str, int] = {}

    def offset_of(name: str) -> int:
        if name not in offsets:
            offsets[name] = len(strings)
            strings.extend(name.encode() + b"\0")
        return offsets[name]

    def tokens(node: Node) -> bytes:
        out = cells(BEGIN_NODE) + _aligned(node.name.encode() + b"\0")
        for name, value in node.properties.items():
            out += cells(PROPERTY, len(value), offset_of(name))
            out += _aligned(value)
        out += b"".join(tokens(child) for child in node.children)
        return out + cells(END_NODE)

    return assemble(tokens(tree) + cells(END), bytes(strings),
                    reservations=reservations, version=version,
                    boot_cpu=boot_cpu)


def assemble(structure: bytes, strings: bytes, *,
             reservations: list[tuple[int, int]] | None = None,
             version: int = 17, boot_cpu: int = 0,
             structure_last: bool = False) -> bytes:
    """The blob of a structure and a strings block, whatever is in them."""
    header_size = 40 if version >= 17 else 36
    reserved_at = header_size + -header_size % 8
    blocks = b"".join(struct.pack(">QQ", *entry)
                      for entry in [*(reservations or []), (0, 0)])
    if structure_last:
        strings_at = reserved_at + len(blocks)
        blocks += _aligned(strings)
        structure_at = reserved_at + len(blocks)
        blocks += structure
    else:
        structure_at = reserved_at + len(blocks)
        blocks += structure
        strings_at = reserved_at + len(blocks)
        blocks += strings
    header = [MAGIC, reserved_at + len(blocks), structure_at, strings_at,
              reserved_at, version, 16, boot_cpu, len(strings)]
    if version >= 17:
        header.append(len(structure))
    return _aligned(cells(*header), 8) + blocks


def parse(blob: bytes) -> Node:
    """The tree in a blob. ValueError if there is none."""
    def cell(at: int) -> int:
        return struct.unpack_from(">I", blob, at)[0]

    def text(at: int) -> str:
        return blob[at:blob.index(b"\0", at)].decode()

    if cell(0) != MAGIC:
        raise ValueError("bad magic number")
    at, strings = cell(8), cell(12)
    above = Node()  # what the root is put into
    path = [above]
    while (kind := cell(at)) != END:
        at += 4
        if kind == BEGIN_NODE:
            node = Node(text(at))
            path[-1].children.append(node)
            path.append(node)
            at += len(node.name) + 1
        elif kind == PROPERTY:
            length, name = cell(at), text(strings + cell(at + 4))
            path[-1].properties[name] = blob[at + 8:at + 8 + length]
            at += 8 + length
        elif kind == END_NODE:
            path.pop()
        elif kind != NOP:
            raise ValueError(f"unknown token {kind}")
        at += -at % 4
    if path != [above] or len(above.children) != 1:
        raise ValueError("not exactly one root")
    return above.children[0]


def reserved(blob: bytes) -> list[tuple[int, int]]:
    """The memory reservations of a blob, as (address, size)."""
    at = struct.unpack_from(">I", blob, 16)[0]
    entries = []
    while (entry := struct.unpack_from(">QQ", blob, at)) != (0, 0):
        entries.append(entry)
        at += 16
    return entries
