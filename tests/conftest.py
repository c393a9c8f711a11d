# SPDX-License-Identifier: MIT
"""Fixtures, and which tests run for which part.

A test that takes `part` and is marked `parts(N)` runs once for each part from N
on: what part N showed still holds in all later ones. `parts(0, 2)` is for parts
0 to 2 alone. A test that names a part itself is marked too; where that part isn't
there (in the tree of a chapter's tag), it is skipped. `--part=part1-boot` runs
only what concerns that part.
"""
from __future__ import annotations

import os
import io
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path

import pexpect
import pytest

import guest
import harness
from harness import Run, Session

import ring
from ring import Event


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--part", help="run only the tests of this part")
    parser.addoption("--share", type=Path, metavar="DIR",
                     help="run only what no other process has taken: who does "
                     "leaves a note in this folder")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "parts(first, last): for these parts; "
                            "without `last`, for all from the first on")
    config.addinivalue_line("markers", "long: takes long; .ci/run runs it")
    config.addinivalue_line("markers", "ordinary: about the build without SAN=1")
    chosen = config.getoption("--part")
    if chosen and chosen not in [p.name for p in harness.PARTS]:
        raise pytest.UsageError(f"there is no part '{chosen}'")


def parts_of(metafunc: pytest.Metafunc) -> list[Path]:
    """The parts that a test is for."""
    marker = metafunc.definition.get_closest_marker("parts")
    assert marker, f"{metafunc.function.__name__} does not say for which parts"
    first, last = (*marker.args, None)[:2]
    return harness.PARTS[first:None if last is None else last + 1]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "part" in metafunc.fixturenames:
        metafunc.parametrize("part", parts_of(metafunc), ids=lambda p: p.name)


@pytest.hookimpl(trylast=True)  # after -m and -k have taken out theirs
def pytest_collection_modifyitems(config: pytest.Config,
                                  items: list[pytest.Item]) -> None:
    for item in items:
        marker = item.get_closest_marker("parts")
        if marker and marker.args[0] >= len(harness.PARTS):
            item.add_marker(pytest.mark.skip(f"no part {marker.args[0]} here"))
        if os.environ.get("SAN") and item.get_closest_marker("ordinary"):
            item.add_marker(pytest.mark.skip("about the ordinary build"))
    chosen = config.getoption("--part")
    kept = [i for i in items if not chosen or f"[{chosen}" in i.name
            or f"-{chosen}" in i.name]
    config.hook.pytest_deselected(items=[i for i in items if i not in kept])
    size = Counter(unit(i) for i in kept)
    items[:] = sorted(kept, key=lambda i: (not is_long(i), -size[unit(i)]))


def is_long(item: pytest.Item) -> bool:
    return item.get_closest_marker("long") is not None


def unit(item: pytest.Item) -> str:
    """What is not split between two processes: a file, since its tests have
    fixtures in common. A long test is one by itself."""
    return item.nodeid if is_long(item) else str(item.path)


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """With --share: as pytest's own loop, but only over the units that no
    other process has taken when it is their turn."""
    notes = session.config.getoption("--share")
    if not notes or session.config.option.collectonly:
        return None  # pytest's own

    @cache
    def take(name: str) -> bool:
        try:
            (notes / sha256(name.encode()).hexdigest()).mkdir()
        except FileExistsError:
            return False
        return True

    mine = (item for item in session.items if take(unit(item)))
    item = next(mine, None)
    while item:
        following = next(mine, None)
        session.config.hook.pytest_runtest_protocol(item=item,
                                                    nextitem=following)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True


class Lab:
    """Remembers what a test booted, so that a failure can show it."""

    def __init__(self) -> None:
        self.runs: list[tuple[Run, Path | None]] = []
        self.sessions: list[tuple[Session, Path | None]] = []

    def reports(self) -> list[str]:
        late = [(s.run(), elf) for s, elf in self.sessions]
        return [harness.report(*what) for what in self.runs + late]


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    request.node.lab = made = Lab()
    yield made
    for session, _ in made.sessions:
        session.stop()


def elf_of(part: Path | None) -> Path | None:
    return harness.qemu.build(part) / "kernel.elf" if part else None


@pytest.fixture
def boot(lab: Lab) -> Callable[..., Run]:
    """boot(part, demo, args=..., typed=..., el="2", ...) -> Run

    Boots a part and waits for its end. Exact unless exact=False; the machine's
    options are those of qemu.Machine; `more` adds options of QEMU's.
    """
    def boot(part: Path, demo: str = "", args: str = "", typed: bytes = b"",
             exact: bool = True, limit: float = harness.LIMIT,
             more: tuple[str, ...] = (), **machine: str) -> Run:
        command = harness.options(part, demo, args,
                                  harness.qemu.Machine(**machine), exact)
        run = harness.execute([*command, "-serial", "stdio", *more], typed,
                              limit)
        lab.runs.append((run, elf_of(part)))
        return run
    return boot


@pytest.fixture
def execute(lab: Lab) -> Callable[..., Run]:
    """execute(command) -> Run: any QEMU command, shown if the test fails."""
    def execute(command: list[str], typed: bytes = b"",
                limit: float = harness.LIMIT, part: Path | None = None) -> Run:
        run = harness.execute(command, typed, limit)
        lab.runs.append((run, elf_of(part)))
        return run
    return execute


@pytest.fixture(scope="session")
def crasher(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """crasher(part, source): where the part is built with images/SOURCE in
    place of its own crasher."""
    built: dict[tuple[Path, str], Path] = {}

    def crasher(part: Path, source: str = "crasher.c") -> Path:
        if (part, source) not in built:
            text = (harness.ROOT / "tests" / "images" / source).read_text()
            built[part, source] = guest.rebuilt(
                part, tmp_path_factory.mktemp("crash"),
                {"demos/crasher.c": text})
        return built[part, source]
    return crasher


@pytest.fixture
def crash(crasher: Callable[..., Path],
          execute: Callable[..., Run]) -> Callable[..., Run]:
    """crash(part, args, source, ...) -> Run: boots that kernel."""
    def crash(part: Path, args: str, source: str = "crasher.c",
              **machine: str) -> Run:
        command = harness.options(part, "crasher", args,
                                  harness.qemu.Machine(**machine), exact=True)
        image = crasher(part, source) / "kernel.img"
        command[command.index("-kernel") + 1] = str(image)
        return execute([*command, "-serial", "stdio"])
    return crash


@pytest.fixture
def recorded(crasher: Callable[..., Path],
             execute: Callable[..., Run]
             ) -> Callable[..., tuple[Run, list[Event]]]:
    """recorded(part, args, source, ...) -> Run, events: boots that kernel, and
    reads what happened. None of it may be lost."""
    def recorded(part: Path, args: str, source: str = "crasher.c",
                 **machine: str) -> tuple[Run, list[Event]]:
        build = crasher(part, source)
        command = harness.options(
            part, "crasher", f"trace=1 {args}",
            harness.qemu.Machine(mem=ring.MEMORY, **machine), exact=True)
        command[command.index("-kernel") + 1] = str(build / "kernel.img")
        with ring.memory_file() as (memory, options):
            run = execute([*command, "-serial", "stdio", *options])
            events, lost = ring.read_events(memory, part, build)
        assert not lost, f"the ring is too small: {lost} events were lost"
        return run, events
    return recorded


@pytest.fixture
def talk(lab: Lab, tmp_path: Path) -> Callable[..., Session]:
    """talk(part, demo, ...) -> Session: boots a part, to type and to watch."""
    def talk(part: Path, demo: str = "", args: str = "", exact: bool = True,
             **machine: str) -> Session:
        path = tmp_path / f"monitor{len(lab.sessions)}"
        command = [*harness.options(part, demo, args,
                                    harness.qemu.Machine(**machine), exact),
                   "-serial", "mon:stdio",
                   "-qmp", f"unix:{path},server=on,wait=off"]
        child = pexpect.spawn(command[0], command[1:], timeout=harness.LIMIT,
                              encoding="utf-8", echo=False)
        child.logfile_read = io.StringIO()
        session = Session(command, child, path)
        lab.sessions.append((session, elf_of(part)))
        return session
    return talk


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item,
                              call: pytest.CallInfo) -> Iterator[None]:
    """A failure shows what ran: the log, and the command that repeats it."""
    result = (yield).get_result()
    made = getattr(item, "lab", None)
    if made and call.when == "call" and result.failed:
        for number, text in enumerate(made.reports(), 1):
            result.sections.append((f"boot {number}", text))
