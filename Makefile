# SPDX-License-Identifier: MIT
# Strata's Makefile: what you type goes here; how a kernel is built stands in
# common/mk/kernel.mk.
#
# A command is one or two words, a part and a verb: `make part1 run`. To make,
# both are targets ("goals"), made one after the other; so each verb below asks
# which part was named beside it.

# The tools. Each can be set on the command line: make CC=clang-15.
CC         := clang
LD         := ld.lld
OBJCOPY    := llvm-objcopy
OBJDUMP    := llvm-objdump
NM         := llvm-nm
SYMBOLIZER := llvm-symbolizer
QEMU       := qemu-system-aarch64
GDB        := gdb-multiarch
# The first Python that has what the tests need; else the first there is.
has-test-modules := import importlib.util as u; \
    raise SystemExit(not (u.find_spec("pytest") and u.find_spec("pexpect")))
PYTHON     := $(shell for p in python3 /usr/bin/python3; do \
                  $$p -c '$(has-test-modules)' 2>/dev/null && echo $$p && exit; \
              done; command -v python3 || echo python3)

# What a run may choose, with the values it has if nothing is said.
DEMO :=
CPUS := 1
MEM  := 128M
CPU  := cortex-a53
GIC  := 2
EL   := 1
ARGS :=
# 1: an instruction takes a nanosecond, and the same run comes out the same.
EXACT :=
PAGE :=
# The time that `trace` shows, in milliseconds.
FROM  :=
UNTIL :=
# Words in the names of the tests to run (TEST="overflow and EL1"); none: all.
TEST :=
# 1: build with a check before whatever C leaves undefined (build/PART-san/).
SAN  :=

# All of these reach the programs below through the environment, so that no
# shell can trip over a blank in ARGS.
export CC LD OBJCOPY OBJDUMP NM SYMBOLIZER QEMU GDB PYTHON
export DEMO CPUS MEM CPU GIC EL ARGS EXACT PAGE SAN FROM UNTIL

PARTS := $(sort $(wildcard part[0-9]-*))

# --- What was asked for ---

part-verbs := run test debug diff trace
verbs      := $(part-verbs) help doctor measure clean book fill tags bench
short      := $(foreach p,$(PARTS),$(firstword $(subst -, ,$p)))
unknown    := $(filter-out $(PARTS) $(short) $(verbs),$(MAKECMDGOALS))
ifneq ($(unknown),)
$(error "$(firstword $(unknown))" is no part and no command; \
the parts are: $(PARTS); the commands: $(verbs))
endif

named := $(filter $(PARTS) $(short),$(MAKECMDGOALS))
part  := $(firstword $(foreach n,$(named),$(filter $n $n-%,$(PARTS))))
asked := $(filter $(part-verbs),$(MAKECMDGOALS))
ifneq ($(word 2,$(named)),)
ifneq ($(asked),)
$(error name one part: make $(firstword $(named)) $(firstword $(asked)))
endif
endif
ifeq ($(part),)
ifneq ($(filter-out test,$(asked)),)
$(error which part? For example: make $(lastword $(short)) $(firstword $(asked)))
endif
endif

# --- Readers' commands ---

.PHONY: help $(PARTS) $(short) $(verbs)

help: ## this list
	@echo "Strata: a microkernel in six parts. Here are: $(PARTS)"
	@echo "make PART          builds it, for example: make $(lastword $(short))"
	@sed -n 's/^\([a-z]*\):.*## *\([A-Z].*\)$$/make PART \1\t\2/p' Makefile | expand -t 19
	@sed -n 's/^\([a-z]*\):.*## *\([a-z].*\)$$/make \1\t\2/p' Makefile | expand -t 19

# A short name stands for the long one: part1 for part1-boot.
$(foreach p,$(PARTS),$(eval $(firstword $(subst -, ,$p)): $p))

$(PARTS):
	@$(MAKE) --no-print-directory -f common/mk/kernel.mk PART=$@

run: $(part) ## Boots it; choose with DEMO= CPUS= MEM= CPU= GIC= EL= ARGS= EXACT=
	@$(PYTHON) tools/run.py $(part)

debug: $(part) ## Boots it stopped, under gdb
	@$(PYTHON) tools/debug.py $(part)

diff: ## Shows what it changes against the part before
	@$(PYTHON) tools/diff.py $(part)

trace: $(part) ## Draws who ran when, in build/PART/trace.svg; choose as for run, and FROM= UNTIL= (ms)
	@$(PYTHON) tools/trace.py $(part)

# Of the parts that have something to count.
bench: $(patsubst %/demos/bench.c,%,$(wildcard part[0-9]-*/demos/bench.c)) ## counts what the kernel's operations take, to the instruction
	@$(PYTHON) tools/bench.py

book: ## the book as HTML, in build/book
	@$(PYTHON) tools/book.py html

tags: ## a tag for each part: git checkout part0-why (FORCE=1 moves them)
	@$(PYTHON) tools/tags.py $(if $(FORCE),--force)

doctor: ## what is installed, what is missing, and how to get it
	@$(PYTHON) tools/doctor.py

# --- Contributors' commands ---

test: $(PARTS) ## Tests it (TEST=word: some of it); "make test" tests everything
	@$(PYTHON) -c '$(has-test-modules)' 2>/dev/null || { \
	    echo "make test: no Python here has pytest and pexpect: sh tools/setup.sh" >&2; \
	    exit 2; }
	@# Some tests look at the ordinary build, too. Made here, so that no two
	@# processes make it at once.
	$(if $(SAN),@$(MAKE) --no-print-directory SAN= $(PARTS))
	@$(PYTHON) tests/parallel.py $(if $(part),--part=$(part)) \
	    $(if $(LONG),,-m "not long") $(if $(TEST),-k "$(TEST)") tests

fill: ## writes code, transcripts and figures into the pages of the book
	@$(PYTHON) tools/book.py fill

measure: ## sizes, kept lines and function lengths, against the budgets
	@$(PYTHON) tools/measure.py

clean: ## removes build/ (and nothing else)
	rm -rf build
