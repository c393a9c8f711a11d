# SPDX-License-Identifier: MIT
"""Each point of a kernel's own tests (`demo=selftest`, TAP) is a test here."""
import re

import pytest

import harness

MACHINES = [{"el": "1", "cpu": "cortex-a53"}, {"el": "2", "cpu": "max"}]


def tap(part, machine):
    """The whole report of one boot."""
    command = harness.options(part, "selftest", "",
                              harness.qemu.Machine(**machine), True)
    return harness.execute([*command, "-serial", "stdio",
                            "-initrd", str(harness.ROOT / "LICENSE")])


def points(run):
    """What the report says about each point: a list of (passed, name)."""
    return [(ok == "ok", name) for ok, name in
            re.findall(r"^(ok|not ok) \d+ - (.*)$", run.output, re.M)]


def pytest_generate_tests(metafunc):
    """Boots each kernel once, when the tests are collected."""
    if "point" not in metafunc.fixturenames:
        return
    items = []
    for part in harness.PARTS[1:]:
        for machine in MACHINES:
            run = tap(part, machine)
            name = f"{part.name}-EL{machine['el']}"
            items += [pytest.param(run, at, id=f"{name}-{text}")
                      for at, (_, text) in enumerate(points(run))]
    metafunc.parametrize("run, point", items)


def test_point(run, point):
    """The kernel says that this point holds."""
    passed, name = points(run)[point]
    assert passed, harness.report(run, None)
    if "# SKIP" in name:
        pytest.skip(name.partition("# SKIP ")[2])


@pytest.mark.parts(1)
@pytest.mark.parametrize("machine", MACHINES, ids=lambda m: "EL" + m["el"])
def test_report_is_whole(part, machine):
    """The report is TAP 14, its plan counts every point, and status is 0."""
    run = tap(part, machine)
    lines = run.lines()
    assert "TAP version 14" in lines
    assert len(points(run)) > 20
    assert lines[-1] == f"1..{len(points(run))}"
    assert run.status == 0, harness.report(run, None)
