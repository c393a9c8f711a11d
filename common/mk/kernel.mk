# SPDX-License-Identifier: MIT
# Builds the kernel of one part: make -f common/mk/kernel.mk PART=part1-boot
#
# Everything that is made lies in build/PART/:
#   kernel.elf   the linked kernel with all symbols: for gdb and objdump
#   kernel.img   the bytes that are loaded: for QEMU
#   kernel.dis   the disassembly, with the source between the instructions
#   kernel.sym   the symbols, sorted by address
# and build/compile_commands.json tells editors how each file is compiled.

# With SAN=1 the same in build/PART-san/, with a check for undefined behavior
# before each operation that may have it.

BUILD := build/$(PART)$(if $(SAN),-san)

# The part says what it is linked from: kernel-objects, demo-objects,
# common-objects and, where a symbol table is linked in, generated-objects.
include $(PART)/part.mk

objects := $(addprefix $(BUILD)/,$(kernel-objects)) \
           $(addprefix $(BUILD)/demos/,$(demo-objects)) \
           $(addprefix $(BUILD)/common/,$(common-objects))

# --- Is the compiler there, and not too old? ---

oldest-clang := 14
clang-major  := $(firstword $(subst ., ,$(shell $(CC) -dumpversion 2>/dev/null)))
ifeq ($(clang-major),)
$(error no C compiler: "$(CC)" does not run; sh tools/setup.sh installs it)
endif
ifeq ($(shell test $(clang-major) -ge $(oldest-clang) && echo fine),)
$(error $(CC) is version $(clang-major); $(oldest-clang) is the oldest that works)
endif
missing := $(foreach tool,$(LD) $(OBJCOPY) $(OBJDUMP) $(NM) $(PYTHON),\
             $(if $(shell command -v $(tool)),,$(tool)))
ifneq ($(strip $(missing)),)
$(error not installed: $(strip $(missing)); sh tools/setup.sh installs it)
endif

# --- How files are compiled ---

# For the machine: no floating-point registers (the kernel must not change a
# program's), no unaligned accesses (they fault as long as the MMU is off).
machine  := --target=aarch64-none-elf -mgeneral-regs-only -mstrict-align
# For the backtrace: each function keeps a frame pointer and is really called.
frames   := -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer \
            -fno-optimize-sibling-calls
# The same bytes in whatever directory this is built.
same     := -ffile-prefix-map=$(CURDIR)=. -fdebug-compilation-dir=.
# A demo is called only from demos/demo.c, which declares it itself.
warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wframe-larger-than=$(if $(SAN),2048,512) \
            $(if $(WERROR),-Werror)
# The checks trap (to the exception report). Not optimized, since an optimizer
# lets all checks of a kind in a function share one trap, and loses the line.
# (The frames are larger then, and may reach over the guard of the stack.)
optimize := $(if $(SAN),-O0 -fsanitize=undefined -fsanitize-trap=all,-O2)
includes := -Icommon/include -I$(PART)

ASFLAGS  := $(machine) $(same) $(includes) -g
CFLAGS   := $(machine) $(frames) $(same) $(warnings) $(includes) \
            -std=gnu17 -ffreestanding -fno-common $(optimize) -g
LDFLAGS  := -T $(PART)/kernel.ld -z norelro --build-id=none --fatal-warnings

.PHONY: all
all: $(BUILD)/kernel.img $(BUILD)/kernel.dis $(BUILD)/kernel.sym \
     build/compile_commands.json
	@:
.DELETE_ON_ERROR:

# Objects depend on the flags that they were made with, and the kernel on the
# list of its objects: this file changes only when one of these does.
settings := $(CC) $(clang-major) $(filter-out $(same),$(CFLAGS)) / \
            $(LD) $(LDFLAGS) / $(objects)
ifneq ($(file <$(BUILD)/settings),$(settings))
$(shell mkdir -p $(BUILD)/demos $(BUILD)/common)
$(file >$(BUILD)/settings,$(settings))
endif

# -MMD writes beside each object which headers it read (a .d file), -MJ the
# object's line of compile_commands.json.
compile = $(CC) $(1) -MMD -MP -MJ $@.json -c $< -o $@
link    = $(LD) $(LDFLAGS) $(filter %.o,$^) -o $@

# make V=1 shows the commands themselves.
quiet := $(if $(V),,@)

$(BUILD)/demos/%.o: CFLAGS += -Wno-missing-prototypes
$(BUILD)/%.o: $(PART)/%.c $(BUILD)/settings
	@echo "  CC $@"
	$(quiet)$(call compile,$(CFLAGS))
$(BUILD)/%.o: $(PART)/%.S $(BUILD)/settings
	@echo "  AS $@"
	$(quiet)$(call compile,$(ASFLAGS))
$(BUILD)/common/%.o: common/lib/%.c $(BUILD)/settings
	@echo "  CC $@"
	$(quiet)$(call compile,$(CFLAGS))
$(BUILD)/common/%.o: common/lib/%.S $(BUILD)/settings
	@echo "  AS $@"
	$(quiet)$(call compile,$(ASFLAGS))

# --- How the kernel is linked ---

# A kernel that prints the names of functions carries a symbol table. It is
# linked twice: once with an empty table, to learn where every function lies,
# and again with the table made from that. The table comes behind the code, so
# no function moves.
ifneq ($(generated-objects),)
$(BUILD)/no-symbols.S: tools/symbols.py
	$(quiet)$(PYTHON) tools/symbols.py < /dev/null > $@
$(BUILD)/symbol-table.S: $(BUILD)/first.elf tools/symbols.py
	$(quiet)$(NM) --numeric-sort $< | $(PYTHON) tools/symbols.py > $@
$(BUILD)/symbol-table.o $(BUILD)/no-symbols.o: %.o: %.S
	$(quiet)$(CC) $(ASFLAGS) -c $< -o $@
$(BUILD)/first.elf: $(objects) $(BUILD)/no-symbols.o $(PART)/kernel.ld
	@echo "  LD $@"
	$(quiet)$(link)
endif

$(BUILD)/kernel.elf: $(objects) $(addprefix $(BUILD)/,$(generated-objects)) \
                     $(PART)/kernel.ld
	@echo "  LD $@"
	$(quiet)$(link)
$(BUILD)/kernel.img: $(BUILD)/kernel.elf
	$(quiet)$(OBJCOPY) -O binary $< $@
$(BUILD)/kernel.dis: $(BUILD)/kernel.elf
	$(quiet)$(OBJDUMP) --disassemble --source --no-show-raw-insn $< > $@
$(BUILD)/kernel.sym: $(BUILD)/kernel.elf
	$(quiet)$(NM) --numeric-sort $< > $@
build/compile_commands.json: $(BUILD)/kernel.elf
	@{ echo '['; \
	   for o in build/*/*.o build/*/*/*.o; do cat $$o.json 2>/dev/null; done | \
	   sed '$$ s/,$$//'; echo ']'; } > $@.$(PART) && mv $@.$(PART) $@

-include $(objects:.o=.d)
