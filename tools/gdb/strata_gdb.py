# SPDX-License-Identifier: MIT
"""Strata's commands for gdb; `make part1 debug` loads them.

  strata end         ends the machine, if it still runs (so does quitting)
  strata machine     what the device tree said (from part 1 on)
  strata syndrome    ESR_EL1 taken apart; or a value: strata syndrome 0x96000010
"""
import gdb

CLASSES = {
    0x00: "undefined instruction", 0x07: "floating-point instruction",
    0x0e: "illegal execution state",
    0x15: "system call", 0x18: "trapped system register access",
    0x20: "instruction abort from EL0", 0x21: "instruction abort",
    0x22: "misaligned program counter", 0x24: "data abort from EL0",
    0x25: "data abort", 0x26: "misaligned stack pointer", 0x2f: "SError",
    0x35: "watchpoint", 0x3c: "breakpoint instruction",
}


class Strata(gdb.Command):
    """Strata's own commands: end, machine, syndrome."""

    def __init__(self):
        super().__init__("strata", gdb.COMMAND_USER, prefix=True)


class End(gdb.Command):
    """Ends the machine, if it still runs."""

    def __init__(self):
        super().__init__("strata end", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        try:
            gdb.execute("kill")
        except gdb.error:
            pass  # it has switched itself off


class Machine(gdb.Command):
    """Prints what the device tree said about the machine."""

    def __init__(self):
        super().__init__("strata machine", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        gdb.execute("print -pretty on -repeats 3 -- machine")


class Syndrome(gdb.Command):
    """Takes an exception syndrome apart: strata syndrome [VALUE]."""

    def __init__(self):
        super().__init__("strata syndrome", gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        esr = int(gdb.parse_and_eval(argument or "$ESR_EL1"))
        kind = esr >> 26 & 0x3f
        gdb.write(f"ESR 0x{esr:08x}: class 0x{kind:02x} "
                  f"{CLASSES.get(kind, 'see the Arm ARM')}, "
                  f"{32 if esr >> 25 & 1 else 16}-bit instruction, "
                  f"ISS 0x{esr & 0x1ffffff:x}\n")


Strata()
End()
Machine()
Syndrome()
# Without this, quitting lets the kernel run on for a moment.
gdb.execute("define hook-quit\nstrata end\nend")
gdb.execute("set confirm off")
gdb.execute("set pagination off")
