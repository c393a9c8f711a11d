# SPDX-License-Identifier: MIT
"""The kernel assumes nothing of the state that it is entered in: a loader
fills the registers with junk, and everything is right all the same. And each
instruction that sets a register is needed: without it, that shows."""
from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

import fdt
import guest
import harness
from harness import Run

HERE = Path(__file__).parent
LOADER = 0x43800000
CPUS = ("cortex-a53", "cortex-a72", "max")

# --- The junk ---
#
# Legal junk: bits that the architecture defines, with the one restriction that
# the boot protocol makes: the MMU of the level that we are entered at is off.

Junk = dict[str, int]

BREAKPOINTS, WATCHPOINTS = 6, 4  # of each of our CPUs
SCTLR_C, SCTLR_I, SCTLR_WXN, SCTLR_E0E, SCTLR_EE = (1 << n for n in
                                                   (2, 12, 19, 24, 25))
SCTLR_M = 1
SCTLR_RES1 = 0x30d00800  # at EL1; not strict: A and SA are 0
SCTLR_EL2_RES1 = 0x30c50830

DULL: Junk = {  # what has no effect on the kernel as long as its MMU is off
    "tcr_el1": 0x5_b5103510, "ttbr0_el1": 0x00ff_0000_dead_f000,
    "ttbr1_el1": 0x0001_0000_beef_0000, "mair_el1": 0xff44bb04ffeeccbb,
    "amair_el1": 0, "contextidr_el1": 0xdeadbeef, "tpidr_el0": 0xdead << 32,
    "tpidrro_el0": 0xbeef << 32, "tpidr_el1": 0xdeadbeef, "csselr_el1": 3,
    "elr_el1": 0xdead0000, "spsr_el1": 0x600003c5, "esr_el1": 0xf2000bad,
    "far_el1": 0xbad0bad0bad0bad0, "afsr0_el1": 0, "par_el1": 0xbad00,
    # Timers that are on and have fired, and counters that count.
    "cntp_cval_el0": 0, "cntp_ctl_el0": 1, "cntv_cval_el0": 0,
    "cntv_ctl_el0": 1, "pmcr_el0": 0x41, "pmcntenset_el0": 0x8000003f,
    "pmuserenr_el0": 0xf, "pmintenset_el1": 0x8000003f, "pmccntr_el0": 7,
}

EL1: Junk = {
    "sctlr_el1": SCTLR_RES1 | SCTLR_EE | SCTLR_E0E | SCTLR_WXN | SCTLR_I
    | SCTLR_C,
    "cpacr_el1": 0x10300000, "cntkctl_el1": 0x3ff, **DULL,
}

EL2: Junk = {
    "sctlr_el2": SCTLR_EL2_RES1 | SCTLR_EE | SCTLR_WXN | SCTLR_I | SCTLR_C
    | 0xa,
    "cptr_el2": 0xc01033ff | 1 << 10, "cnthctl_el2": 0xfc,
    "cntvoff_el2": 0x123456789, "hstr_el2": 0xbfef,
    "vttbr_el2": 0x00ff_0000_dead_f000, "vtcr_el2": 0x80023558,
    "vpidr_el2": 0x410fd0ff, "vmpidr_el2": 0x80000003, "mdcr_el2": 0xfe1,
    "tcr_el2": 0x80873519, "ttbr0_el2": 0xdeadf000, "mair_el2": 0xff44bb04,
    "elr_el2": 0xdead0000, "spsr_el2": 0x600001d3, "esr_el2": 0xf2000bad,
    "far_el2": 0xbad0bad0bad0bad0, "hpfar_el2": 0xbad0, "hacr_el2": 0,
    "tpidr_el2": 0xdeadbeef, "cnthp_cval_el2": 0, "cnthp_ctl_el2": 1,
}

# All traps, stage 2 translation on, virtual interrupts pending, EL1 AArch32.
HCR_V80 = 0x3_ffff_ffff & ~(1 << 31)
HCR_TGE, HCR_E2H = 1 << 27, 1 << 34
HCR_MAX = HCR_V80 | 1 << 35 | 1 << 36 | 1 << 37  # TLOR, TERR, TEA

MDE, KDE, TDCC, SINGLE_STEP = 1 << 15, 1 << 13, 1 << 12, 1


def debug_junk(build: Path, mdscr: int, locked: bool) -> Junk:
    """Breakpoints on functions of the kernel, watchpoints on all of RAM, each
    of them on, and whether the locks over them are closed."""
    known = guest.symbols(build)
    places = [known[name] for name in ("kernel_main", "uart_init", "printf",
                                       "fdt_open", "demo_run", "vectors")]
    junk: Junk = {}
    for n, place in enumerate(places[:BREAKPOINTS]):
        junk[f"dbgbvr{n}_el1"] = place
        junk[f"dbgbcr{n}_el1"] = 0xf << 5 | 3 << 1 | 1
    for n in range(WATCHPOINTS):
        junk[f"dbgwvr{n}_el1"] = guest.RAM
        junk[f"dbgwcr{n}_el1"] = 30 << 24 | 0xff << 5 | 3 << 3 | 3 << 1 | 1
    junk["mdscr_el1"] = mdscr
    junk["osdlr_el1"] = junk["oslar_el1"] = int(locked)
    return junk


class Entry(NamedTuple):
    """A way to enter the kernel."""
    machine: dict[str, str]
    junk: Junk
    hcr: int | None = None  # at EL2; written last
    mdscr: int = MDE | KDE | TDCC
    locked: bool = False    # the OS lock and the OS double lock
    daif: int = 0           # masked
    spsel: int = 0
    stack: int = 0x43c00000  # what both stack pointers hold


ENTRIES = {
    **{f"EL1-{cpu}": Entry({"el": "1", "cpu": cpu}, EL1) for cpu in CPUS},
    **{f"EL1-locked-{cpu}": Entry(
        {"el": "1", "cpu": cpu, "gic": "3"},
        {**EL1, "sctlr_el1": EL1["sctlr_el1"] & ~(SCTLR_EE | SCTLR_E0E)},
        mdscr=MDE | KDE | SINGLE_STEP, locked=True, daif=15, stack=0xdead0001)
       for cpu in CPUS},
    **{f"EL2-{cpu}": Entry({"el": "2", "cpu": cpu}, {**EL1, **EL2},
                           hcr=HCR_V80)
       for cpu in CPUS[:2]},
    **{f"EL2-locked-{cpu}": Entry(
        {"el": "2", "cpu": cpu, "gic": "3"},
        # EL1's MMU is on, with tables that there are not.
        {**EL1, **EL2, "sctlr_el1": EL1["sctlr_el1"] | SCTLR_M},
        hcr=HCR_V80 & ~HCR_TGE, mdscr=MDE | KDE | SINGLE_STEP, locked=True,
        daif=15, spsel=1, stack=0xdead0001)
       for cpu in CPUS[:2]},
    "EL2-max": Entry({"el": "2", "cpu": "max"}, {**EL1, **EL2}, hcr=HCR_MAX),
    "EL2-host-max": Entry({"el": "2", "cpu": "max"},
                          {**EL1, **EL2, "S3_4_C1_C2_2": 0x1f},
                          hcr=HCR_MAX | HCR_E2H),
    "EL2-E2H-max": Entry({"el": "2", "cpu": "max", "gic": "3"},
                         {**EL1, **EL2, "S3_4_C12_C9_5": 0,
                          "S3_4_C12_C11_0": 0x3c00,
                          "sctlr_el1": EL1["sctlr_el1"] | SCTLR_M},
                         hcr=(HCR_MAX | HCR_E2H) & ~HCR_TGE, daif=15, spsel=1,
                         stack=0xdead0001),
}


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """tree(bootargs, **machine): the blob of that machine's tree."""
    made: dict[tuple, fdt.Node] = {}

    def tree(bootargs: str, **machine: str) -> bytes:
        key = tuple(sorted(machine.items()))
        if key not in made:
            made[key] = guest.machine_tree(tmp_path_factory.mktemp("tree"),
                                           **machine)
        made[key].find("/chosen").set_strings("bootargs", bootargs)
        return fdt.build(made[key])
    return tree


@pytest.fixture(scope="module")
def loaders(tmp_path_factory):
    """loader(part, name, cpus, delay): an ELF file that enters the part so."""
    made: dict[tuple, Path] = {}

    def loader(part: Path, name: str, cpus: int, delay: int) -> Path:
        key = (part, name, cpus, delay)
        if key not in made:
            made[key] = assemble(part, ENTRIES[name], cpus, delay,
                                 tmp_path_factory.mktemp("loader"))
        return made[key]
    return loader


def assemble(part: Path, entry: Entry, cpus: int, delay: int,
             to: Path) -> Path:
    junk = {**entry.junk,
            **debug_junk(guest.build_of(part), entry.mdscr, entry.locked)}
    lines = [f"    set {name}, {value:#x}\n" for name, value in junk.items()]
    if entry.hcr is not None:
        lines.append(f"    set hcr_el2, {entry.hcr:#x}\n")
    (to / "junk.inc").write_text("".join(lines))
    return guest.assemble(HERE / "loader" / "junk.S", to, LOADER,
                          TREE=guest.TREE, CPUS=cpus, DELAY=delay,
                          DAIF=entry.daif, SPSEL=entry.spsel,
                          STACK=entry.stack)


@pytest.fixture
def enter(execute, trees, loaders, tmp_path):
    """enter(part, name, args, ...) -> Run: enters the kernel in this way, with
    junk in its memory too."""
    def enter(part: Path, name: str, args: str, image: Path | None = None,
              cpus: int = 1, delay: int = 0, exact: bool = True,
              limit: float = harness.LIMIT) -> Run:
        machine = {**ENTRIES[name].machine, "cpus": str(cpus)}
        blob = trees(args, **machine)
        image = guest.soiled(image or guest.build_of(part) / "kernel.img",
                             tmp_path / "soiled.img")
        command = guest.direct(image, loaders(part, name, cpus, delay),
                               blob, exact=exact, **machine)
        return execute(command, limit=limit, part=part)
    return enter


MIDR = {"cortex-a53": "cortex-a53 (MIDR 0x410fd034)",
        "cortex-a72": "cortex-a72 (MIDR 0x410fd083)",
        "max": "max (MIDR 0x000f0510)"}


def selftest_passed(run: Run, machine: dict[str, str]) -> bool:
    """Did the kernel see the machine as it is, and its self-test run to the
    end with nothing wrong?"""
    banner = {f"cpu: {MIDR[machine['cpu']]}", f"entered at: EL{machine['el']}",
              f"gic: v{machine.get('gic', '2')}",
              "ram: 128 MiB at 0x40000000"}
    plan = re.search(r"^1\.\.(\d+)$", run.output, re.M)
    passed = re.findall(r"^ok \d+ - ", run.output, re.M)
    return (banner <= set(run.lines()) and
            plan is not None and len(passed) == int(plan[1]) and
            "not ok" not in run.output and "panic" not in run.output and
            run.output.count("strata part") == 1 and run.status == 0)


def overflow_reported(run: Run) -> bool:
    """Was a stack overflow reported as that, and nothing else?"""
    return (re.findall("^panic: (.*)$", run.output, re.M) ==
            ["stack overflow"] and " crash+0x" in run.output and
            run.output.count("strata part") == 1 and run.status == 1)


@pytest.mark.parts(1)
@pytest.mark.parametrize("name", ENTRIES)
def test_junk_changes_nothing(enter, part, name):
    """Entered with junk in every register, the kernel reports the right
    machine and passes its tests of itself."""
    run = enter(part, name, "demo=selftest")
    assert selftest_passed(run, ENTRIES[name].machine)


@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("name", ENTRIES)
def test_junk_does_not_disturb_a_report(enter, part, name):
    """Entered so, a stack overflow is reported as what it is."""
    assert overflow_reported(enter(part, name, "demo=crasher how=overflow"))


@pytest.mark.parts(1, 3)
@pytest.mark.parametrize("exact", [True, False], ids=["exact", "concurrent"])
@pytest.mark.parametrize("delay", [0, 1000], ids=["at-once", "others-first"])
@pytest.mark.parametrize("name", ["EL1-cortex-a53", "EL2-cortex-a72",
                                  "EL2-E2H-max"])
def test_other_cpus_are_parked(enter, part, name, delay, exact):
    """When the loader sends all CPUs into the kernel, at the same time or the
    other ones first, the first one boots and the others are parked."""
    run = enter(part, name, "demo=selftest", cpus=4, delay=delay, exact=exact)
    assert run.value("cpus") == "4"
    assert selftest_passed(run, ENTRIES[name].machine)


@pytest.mark.parts(4)
@pytest.mark.parametrize("name", ["EL1-cortex-a53", "EL2-cortex-a72"])
def test_parked_cpus_can_not_be_started(enter, part, name):
    """Nor does it do harm where the firmware starts the others when it is asked
    to: it says that they are on already, and the first one goes on alone."""
    run = enter(part, name, "demo=selftest", cpus=4, delay=1000)
    assert re.findall(r"^cpu 0x(\d) does not start: PSCI error -4$",
                      run.output, re.M) == ["1", "2", "3"]
    assert selftest_passed(run, ENTRIES[name].machine)


@pytest.mark.parts(1, 3)
@pytest.mark.parametrize("name", ["EL1-cortex-a53", "EL2-cortex-a72"])
def test_cpus_that_are_not_parked_would_show(enter, part, tmp_path, name):
    """Without the branch that parks them another CPU boots: the test above
    can fail."""
    at, = (address for address, text in guest.instructions(part, "enter")
           if text.startswith("b.ne"))
    image = guest.patched(part, tmp_path / "kernel.img", (at, guest.NOP, 4))
    run = enter(part, name, "demo=selftest", image, cpus=4, delay=1000)
    assert "strata part" in run.output
    assert not selftest_passed(run, ENTRIES[name].machine)


# --- Each instruction is needed ---

SELFTEST, OVERFLOW = "demo=selftest", "demo=crasher how=overflow"

# Every MSR of boot.S: the function, the register and what is written there;
# and with which entry and in which demo its omission shows.
SHOWN = {
    "enter: spsel, #0": ("EL1-cortex-a53", SELFTEST),
    "enter: daifclr, #12": ("EL1-cortex-a53", SELFTEST),
    "cpu_setup: daifset, #15": ("EL1-cortex-a53", SELFTEST),
    "cpu_setup: spsel, #1": ("EL1-locked-cortex-a53", OVERFLOW),
    "cpu_setup: hcr_el2, x1": ("EL2-cortex-a53", SELFTEST),
    "cpu_setup: cptr_el2, x1": ("EL2-cortex-a53", SELFTEST),
    "cpu_setup: cnthctl_el2, x1": ("EL2-cortex-a72", SELFTEST),
    "cpu_setup: cntvoff_el2, xzr": ("EL2-max", SELFTEST),
    "cpu_setup: vpidr_el2, x1": ("EL2-cortex-a53", SELFTEST),
    "cpu_setup: vmpidr_el2, x1": ("EL2-cortex-a72", SELFTEST),
    "cpu_setup: mdcr_el2, x2": ("EL2-host-max", SELFTEST),
    "setup_el1: sctlr_el1, x1": ("EL1-locked-cortex-a53", SELFTEST),
    "setup_el1: cpacr_el1, xzr": ("EL2-cortex-a53", SELFTEST),
    "setup_el1: cntkctl_el1, xzr": ("EL2-cortex-a72", SELFTEST),
    "setup_el1: cntv_ctl_el0, xzr": ("EL2-max", SELFTEST),
    "setup_el1: vbar_el1, x1": ("EL2-cortex-a53", OVERFLOW),
    "setup_el1: osdlr_el1, xzr": ("EL1-locked-cortex-a53", OVERFLOW),
    "setup_el1: oslar_el1, xzr": ("EL2-locked-cortex-a72", SELFTEST),
    "setup_el1: dbgbcr_el1, xzr": ("EL1-cortex-a53", SELFTEST),
    "setup_el1: dbgwcr_el1, xzr": ("EL2-cortex-a53", SELFTEST),
    "setup_el1: mdscr_el1, x1": ("EL1-max", SELFTEST),
    "setup_el1: elr_el2, x30": ("EL2-cortex-a53", SELFTEST),
    "setup_el1: spsr_el2, x1": ("EL2-cortex-a53", SELFTEST),
}

# The same for what comes with part 4: the first CPU's name, and the map.
SHOWN_4 = {
    "enter: tpidr_el1, x1": ("EL1-cortex-a53", SELFTEST),
    "mmu_enable: tcr_el1, x1": ("EL2-cortex-a72", SELFTEST),
    "mmu_enable: ttbr0_el1, x0": ("EL1-max", SELFTEST),
    "mmu_enable: sctlr_el1, x1": ("EL2-cortex-a53", SELFTEST),
}

# Those whose omission shows on no machine of ours, and why.
NOT_SHOWN = {
    "park: daifset, #15": "no device raises an interrupt in this part",
    "park: cntv_ctl_el0, xzr": "a timer that fires leaves an interrupt "
    "pending, and it is masked",
    "cpu_setup: sctlr_el2, x1": "the kernel makes no access to memory at EL2 "
    "and never comes back there",
    "cpu_setup: hstr_el2, xzr": "it traps only AArch32 programs",
    "cpu_setup: vttbr_el2, xzr": "without stage 2 (HCR_EL2.VM) the VMID only "
    "tags entries of the TLB, and no other VMID is in use",
    "cpu_setup: icc_sre_el2, x1": "in QEMU the register is constant; nothing "
    "uses the GIC before part 3",
    "cpu_setup: ich_hcr_el2, xzr": "its traps and virtual interrupts concern "
    "the GIC, which nothing uses before part 3",
    "cpu_setup: s3_4_c1_c1_4, xzr": "HFGRTR_EL2: QEMU 7.2 has no FEAT_FGT",
    "cpu_setup: s3_4_c1_c1_5, xzr": "HFGWTR_EL2: the same",
    "cpu_setup: s3_4_c1_c1_6, xzr": "HFGITR_EL2: the same",
    "cpu_setup: s3_4_c3_c1_4, xzr": "HDFGRTR_EL2: the same",
    "cpu_setup: s3_4_c3_c1_5, xzr": "HDFGWTR_EL2: the same",
    "cpu_setup: s3_4_c1_c2_2, xzr": "HCRX_EL2: QEMU 7.2 implements none of "
    "its bits",
    "setup_el1: mdscr_el1, xzr": "PSTATE.D masks debug exceptions until the "
    "register gets its value; it guards against a debugger's step alone",
}
NOT_SHOWN_4 = {
    "mmu_enable: mair_el1, x1": "QEMU has no caches, and so no kinds of memory",
    "secondary: tpidr_el1, x19": "our loader lets only the first CPU begin; in "
    "test_smp.py no other one would come up without it",
    "secondary: daifclr, #4": "a thread that runs there brings its own masks, "
    "and no SError comes",
}


def msr_instructions(part: Path) -> dict[str, list[int]]:
    """The addresses of each MSR of boot.S, by names as in the tables above.
    The rows for the debug registers count as one each."""
    labels = ["enter", "park", "cpu_setup", "setup_el1"]
    labels += [label for label in ("secondary", "mmu_enable")
               if label in guest.symbols(guest.build_of(part))]
    found: dict[str, list[int]] = {}
    for label in labels:
        for address, text in guest.instructions(part, label):
            if text.startswith("msr "):
                name = re.sub(r"^(dbg[bw]cr)\d+", r"\1", text[4:].lower())
                found.setdefault(f"{label}: {name}", []).append(address)
    return found


@pytest.mark.parts(1)
def test_tables_name_every_msr(part):
    """Each MSR of boot.S is in one of the tables."""
    later = (part / "mmu.c").is_file()
    shown = {*SHOWN, *(SHOWN_4 if later else ())}
    not_shown = {*NOT_SHOWN, *(NOT_SHOWN_4 if later else ())}
    assert set(msr_instructions(part)) == shown | not_shown
    assert not shown & not_shown


@pytest.mark.parts(1, 4)
@pytest.mark.parametrize("name", SHOWN)
def test_omitted_msr_shows(enter, part, tmp_path, name):
    """Without this instruction the kernel is not right for some entry."""
    assert_needed(enter, part, tmp_path, name, *SHOWN[name])


@pytest.mark.parts(4, 4)
@pytest.mark.parametrize("name", SHOWN_4)
def test_omitted_msr_of_part_4_shows(enter, part, tmp_path, name):
    """The same for those that are new there."""
    assert_needed(enter, part, tmp_path, name, *SHOWN_4[name])


def assert_needed(enter, part: Path, tmp_path: Path, name: str, entry: str,
                  args: str) -> None:
    image = guest.patched(part, tmp_path / "kernel.img",
                          *((address, guest.NOP, 4) for address
                            in msr_instructions(part)[name]))
    run = enter(part, entry, args, image, limit=0.5)  # some of them hang
    if args == SELFTEST:
        assert not selftest_passed(run, ENTRIES[entry].machine)
    else:
        assert not overflow_reported(run)
