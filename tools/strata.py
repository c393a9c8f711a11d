# SPDX-License-Identifier: MIT
"""What the tools share: where the parts are, and how a program gives up."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[1]


def fail(message: str) -> NoReturn:
    """Say in one line why the program can't go on, and end with status 2."""
    print(f"{Path(sys.argv[0]).stem}: {message}", file=sys.stderr)
    sys.exit(2)


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a wrong option in one line."""

    def error(self, message: str) -> NoReturn:
        fail(f"{message} (--help lists the options)")


def parts(root: Path = ROOT) -> list[Path]:
    """The directories of the parts, in order: part0-why, part1-boot, ..."""
    return sorted(p for p in root.glob("part[0-9]-*") if p.is_dir())


def find_part(root: Path, name: str) -> Path:
    """The directory of a part, named in short (part1) or in full."""
    for part in parts(root):
        if name in (part.name, part.name.partition("-")[0]):
            return part
    known = " ".join(part.name for part in parts(root)) or "none"
    fail(f"there is no part '{name}'; the parts are: {known}")


def part_argument(about: str, more: str) -> Path:
    """The part that is this program's one argument; explains it on --help."""
    parser = Parser(description=about, epilog=more,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", help="part1, or part1-boot")
    return find_part(ROOT, parser.parse_args().part)
