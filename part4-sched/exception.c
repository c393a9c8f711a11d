// SPDX-License-Identifier: MIT
// exception.c - what an exception means, in words.
//
// The CPU says why it took an exception in ESR_EL1, the syndrome: a class (EC),
// and details whose layout depends on the class (Arm ARM, "ESR_EL1").

#include "exception.h"
#include "guard.h"
#include "panic.h"
#include "printf.h"
#include "registers.h"
#include "ubsan.h"

static const char *const class_names[64] = {
    [EC_UNKNOWN] = "undefined instruction",
    [EC_FP] = "floating-point instruction",
    [EC_ILLEGAL_STATE] = "illegal execution state",
    [EC_SVC] = "system call",
    [EC_INSTRUCTION_ABORT] = "instruction abort",
    [EC_PC_ALIGNMENT] = "misaligned program counter",
    [EC_DATA_ABORT] = "data abort",
    [EC_SP_ALIGNMENT] = "misaligned stack pointer",
    [EC_SERROR] = "SError",
    [EC_WATCHPOINT] = "watchpoint",
    [EC_BRK] = "breakpoint instruction",
};

static const char *const status_names[64] = {
    [STATUS_ADDRESS_SIZE] = "address size fault",
    [STATUS_TRANSLATION] = "translation fault",
    [STATUS_ACCESS_FLAG] = "access flag fault",
    [STATUS_PERMISSION] = "permission fault",
    [STATUS_EXTERNAL] = "external abort (nothing answers there)",
    [STATUS_WALK] = "external abort on a table walk",
    [STATUS_ALIGNMENT] = "alignment fault",
    [STATUS_TLB_CONFLICT] = "TLB conflict",
};

// The vector table's columns and rows (vectors.S).
static const char *const types[] = {"synchronous", "IRQ", "FIQ", "SError"};
static const char *const origins[] = {"EL1 on SP_EL0", "EL1 on SP_EL1",
                                      "EL0 in AArch64", "EL0 in AArch32"};

static const char *name_in(const char *const names[64], uint64_t value)
{
    return names[value] ? names[value] : "(reserved)";
}

// How many bytes the load or store at `pc` moves; 0 if that can't be told. The
// syndrome gives the size only to a hypervisor, so we read the instruction (Arm
// ARM, "A64 instruction set encoding", "Loads and Stores").
static unsigned access_size(uint64_t pc)
{
    extern const char image_start[], text_end[]; // from kernel.ld
    if (pc < (uintptr_t)image_start || pc >= (uintptr_t)text_end)
        return 0;
    uint32_t instruction = *(const uint32_t *)pc;
    unsigned size = instruction >> 30;
    if ((instruction & 0x3e000000) == 0x28000000) // a pair
        return size == 2 ? 16 : 8;
    if ((instruction & 0x3e000000) == 0x38000000) // a single register
        return 1u << size;
    return 0;
}

static void describe_access(const struct trap_frame *frame)
{
    unsigned size = access_size(frame->pc);
    printf(", %s", frame->esr & ESR_WNR ? "write" : "read");
    if (size)
        printf(" of %u bytes", size);
}

static void describe_abort(uint64_t esr)
{
    uint64_t status = ESR_STATUS(esr);
    if (!STATUS_HAS_LEVEL(status))
        printf(", %s", name_in(status_names, status));
    else
        printf(", %s, level %lu", name_in(status_names, status & ~UINT64_C(3)),
               status & 3);
}

void exception_describe(const struct trap_frame *frame)
{
    uint64_t esr = frame->esr;
    printf("exception: %s, from %s\n", types[frame->kind % 4],
           origins[frame->kind / 4]);
    if (frame->kind % 4 == 1 || frame->kind % 4 == 2)
        return; // an interrupt has no syndrome
    printf("class 0x%02lx %s", ESR_EC(esr), name_in(class_names, ESR_EC(esr)));
    if (ESR_EC(esr) == EC_DATA_ABORT || ESR_EC(esr) == EC_WATCHPOINT)
        describe_access(frame);
    if (ESR_EC(esr) == EC_DATA_ABORT || ESR_EC(esr) == EC_INSTRUCTION_ABORT)
        describe_abort(esr);
    if (ESR_EC(esr) == EC_BRK || ESR_EC(esr) == EC_SVC)
        printf(", operand %lu", ESR_IMMEDIATE(esr));
    printf(", %u-bit instruction\n", esr & ESR_IL ? 32 : 16);
}

// The reason in a few words, for the first line of the report.
static const char *reason(const struct trap_frame *frame)
{
    uint64_t esr = frame->esr;
    if (frame->kind % 4 != 0) // an interrupt, and nobody asked for one
        return types[frame->kind % 4];
    if (ESR_EC(esr) == EC_WATCHPOINT && guard_covers(frame->far))
        return "stack overflow";
    if (ESR_EC(esr) == EC_DATA_ABORT && ESR_STATUS(esr) == STATUS_ALIGNMENT)
        return "unaligned access";
    if (ESR_EC(esr) == EC_BRK && ubsan_kind(ESR_IMMEDIATE(esr)))
        return ubsan_kind(ESR_IMMEDIATE(esr));
    return name_in(class_names, ESR_EC(esr));
}

_Noreturn void exception(struct trap_frame *frame)
{
    panic_at(frame, reason(frame));
}
