# SPDX-License-Identifier: MIT
"""make partN SAN=1: what C leaves undefined is reported by its kind and place."""
from __future__ import annotations

import re

import pytest

import guest
import harness

SOURCE = harness.ROOT / "tests" / "images" / "undefined.c"
KINDS = {
    "addition": "addition overflows",
    "subtraction": "subtraction overflows",
    "multiplication": "multiplication overflows",
    "negation": "negation overflows",
    "division": "division by zero, or it overflows",
    "shift": "shift out of bounds",
    "bounds": "index out of bounds",
    "null": "null or misaligned pointer",
    "misaligned": "null or misaligned pointer",
    "truth": "value is none of its type",
    "unreachable": "unreachable code was reached",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """built(part): where the part is built with the mistakes and the checks."""
    known = {}

    def built(part):
        if part not in known:
            assert harness.make(part.name, SAN="1").returncode == 0
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("SAN", "1")
                known[part] = guest.rebuilt(
                    part, tmp_path_factory.mktemp("undefined"),
                    {"demos/crasher.c": SOURCE.read_text()})
        return known[part]
    return built


@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("how", KINDS)
def test_undefined_behavior_is_reported(built, execute, part, how):
    """The report names the kind, and its innermost frame the very line."""
    folder = built(part)
    command = harness.options(part, "crasher", f"how={how}",
                              harness.qemu.Machine(), exact=True)
    command[command.index("-kernel") + 1] = str(folder / "kernel.img")
    run = execute([*command, "-serial", "stdio"])
    assert run.value("panic") == f"undefined behavior: {KINDS[how]}"
    assert run.status == 1
    frame = re.search(r"^  #0 .*$", run.output, re.M)
    place = harness.run_tool.annotate(
        frame[0].encode(), harness.run_tool.Symbolizer(folder / "kernel.elf"))
    line = next(number for number, text
                in enumerate(SOURCE.read_text().splitlines(), 1)
                if text.endswith(f"// HERE {how}"))
    assert place.decode() == f" at {part.name}/demos/crasher.c:{line}"


@pytest.mark.parts(1, 4)
def test_without_checks_nothing_is_noticed(part, tmp_path, execute,
                                           monkeypatch):
    """The normal build goes on with whatever comes out: the checks matter."""
    monkeypatch.delenv("SAN", raising=False)
    folder = guest.rebuilt(part, tmp_path,
                           {"demos/crasher.c": SOURCE.read_text()})
    command = harness.options(part, "crasher", "how=addition",
                              harness.qemu.Machine(), exact=True)
    command[command.index("-kernel") + 1] = str(folder / "kernel.img")
    run = execute([*command, "-serial", "stdio"])
    assert run.result() == str(-2**31) and run.status == 0
