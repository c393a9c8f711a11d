// SPDX-License-Identifier: MIT
// mmio.h - reading and writing a device's registers.
#ifndef STRATA_MMIO_H
#define STRATA_MMIO_H

#include <stdint.h>

// One access of 32 bits, exactly as wide and as often as written here. The
// instruction is spelled out because a compiler may pick a load that also
// moves its base register, and a hypervisor that emulates a device is not told
// enough about that form to carry it out (Arm ARM, ESR_ELx.ISS, "ISV").
static inline uint32_t mmio_read32(uintptr_t address)
{
    uint32_t value;
    asm volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
    return value;
}

static inline void mmio_write32(uintptr_t address, uint32_t value)
{
    asm volatile("str %w0, [%1]" : : "r"(value), "r"(address) : "memory");
}

#endif
