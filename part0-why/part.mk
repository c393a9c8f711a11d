# SPDX-License-Identifier: MIT
# What part 0 is linked from. The names without a folder lie in this
# directory, the others in demos/ and in common/lib/.
kernel-objects := boot.o main.o psci.o uart.o
demo-objects   := demo.o crasher.o hog.o meddler.o polite.o scribbler.o snoop.o
common-objects := args.o fdt.o printf.o smccc.o string.o
