# SPDX-License-Identifier: MIT
# What part 4 is linked from. The names without a folder lie in this
# directory, the others in demos/ and in common/lib/.
kernel-objects := boot.o backtrace.o exception.o guard.o machine.o main.o \
                  panic.o psci.o selftest.o uart.o vectors.o \
                  cap.o check.o deadlock.o endpoint.o gate.o sched.o \
                  selftest_ipc.o selftest_notify.o syscall.o thread.o trace.o \
                  gic.o irq.o timer.o notification.o torture.o \
                  schedcontext.o mmu.o smp.o
demo-objects   := demo.o crasher.o echo.o hog.o line.o meddler.o polite.o \
                  hanoi.o scribbler.o snoop.o tree.o \
                  bench.o calc.o forger.o glutton.o mailbox.o names.o \
                  philosophers.o pingpong.o pipeline.o script.o ways.o \
                  share.o \
                  alarm.o drivers.o latency.o race.o storm.o \
                  bully.o budget.o smp.o locks.o sync.o
common-objects := args.o fdt.o printf.o semihosting.o smccc.o \
                  string.o symbols.o tap.o ubsan.o
# The names of all functions, for the backtrace (tools/symbols.py makes it).
generated-objects := symbol-table.o
