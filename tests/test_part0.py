# SPDX-License-Identifier: MIT
"""Part 0: what a machine without a kernel does, and what it fails to do."""
import pytest

from harness import function_at, settle


@pytest.mark.parts(0)
def test_polite_programs_share(boot, part):
    """Two polite programs take turns, and the machine switches itself off."""
    run = boot(part, "polite")
    said = [line for line in run.lines() if line.startswith(("tick", "tock"))]
    assert said == ["tick 1", "tock 1", "tick 2", "tock 2", "tick 3", "tock 3"]
    assert run.result() == "tick spoke 3 times, tock 3 times"
    assert run.status == 0


@pytest.mark.parts(0, 0)
def test_default_is_polite_and_names_the_villains(boot, part):
    """The default run tells how to let a villain loose."""
    run = boot(part)
    assert run.status == 0
    assert "demo: polite" in run.output
    assert "make part0 run DEMO=hog" in run.output
    for villain in ("crasher", "meddler", "scribbler", "snoop"):
        assert villain in run.output


@pytest.mark.parts(0, 2)
def test_hog_takes_the_machine(talk, part):
    """After the hog's first turn nothing else runs: the CPU stays in hog()."""
    session = talk(part, "hog")
    session.expect("tick 1\r")
    for _ in range(5):
        settle(lambda: function_at(part, session.pc()) == "hog")
    assert session.child.isalive()
    assert "tick 2" not in session.run().output


@pytest.mark.parts(0, 0)
@pytest.mark.parametrize("how", ["undefined", "nowhere", "absent", "overflow"])
def test_crasher_is_silent(talk, part, how):
    """A crash says nothing: the CPU is lost outside of the kernel's code."""
    session = talk(part, "crasher", f"how={how}")
    session.expect(f"now: {how}\r")
    settle(lambda: not function_at(part, session.pc()))
    assert session.child.isalive()
    assert session.run().output.rstrip("\r\n").endswith(f"now: {how}")


@pytest.mark.parts(0, 0)
def test_hopeless_demos_say_what_is_missing_first(talk, part):
    """What can't be said after the demo is said before it."""
    for demo, answer in (("hog", "Part 3"), ("crasher", "Part 1")):
        session = talk(part, demo)
        session.expect(answer)
        session.expect("leave QEMU with Ctrl-A X")


@pytest.mark.parts(0, 1)
def test_meddler_loses_updates(boot, part):
    """Half of the updates of two interleaved programs are lost."""
    run = boot(part, "meddler")
    assert run.result() == "2000 updates made, 1000 lost"
    assert run.status == 0


@pytest.mark.parts(0, 4)
def test_scribbler_spoils_everything(boot, part):
    """Neither the neighbor's memory nor the kernel's is safe."""
    run = boot(part, "scribbler")
    assert run.result() == "the diary is spoiled, the kernel is spoiled"
    assert "the diary now reads: scribble" in run.output


@pytest.mark.parts(0, 4)
@pytest.mark.parametrize("seed", [1, 2, 12345])
def test_snoop_reads_the_secret(boot, part, seed):
    """The snoop knows the secret, whichever it is."""
    run = boot(part, "snoop", f"seed={seed}")
    secret = seed * 6364136223846793005 % 2**64
    assert run.result() == f"the snoop has read 0x{secret:016x}"


@pytest.mark.parts(0, 0)
def test_unknown_demo_lists_them(boot, part):
    """The kernel answers an unknown name with those that there are."""
    run = boot(part, "nonsense")
    assert "no demo 'nonsense'; there are:" in run.output
    assert "  hog " in run.output
    assert run.status == 0  # part 0 has no other way to end


@pytest.mark.parts(0, 0)
def test_every_run_says_what_is_missing(boot, part):
    """Each run that ends names a question and the part that answers it."""
    for demo in ("polite", "meddler", "scribbler", "snoop"):
        run = boot(part, demo)
        assert "?" in run.value("missing") and "Part" in run.value("missing")
