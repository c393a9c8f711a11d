// SPDX-License-Identifier: MIT
// uart.c - the serial line: a PL011 (Arm PrimeCell UART, DDI 0183).

#include "uart.h"
#include "mmio.h"
#include "pl011.h"
#include "printf.h"
#include "registers.h"
#include "smp.h"

// Where QEMU's `virt` has it: for a report that has no other way out.
#define FALLBACK_UART 0x09000000

static uintptr_t uart_base; // 0: there is none

// What was typed besides the key that uart_poll waits for: a ring. One CPU may
// put in while another takes out: a character is there before `typed_in` says
// so, and taken before `typed_out` does.
static char typed[16];
static unsigned typed_in, typed_out;

static struct spinlock uart_lock; // one CPU at a time sends

// The order is that of DDI 0183, section 3.3.8 (off, queues emptied by setting
// FEN to 0, set up, on), except that we wait before we switch it off: BUSY
// stays set as long as the queue holds something, and a UART that is off sends
// nothing.
void uart_init(uintptr_t base)
{
    uart_base = base;
    while ((mmio_read32(uart_base + UART_CR) & CR_UARTEN) &&
           (mmio_read32(uart_base + UART_FR) & FR_BUSY))
        asm volatile("yield");
    mmio_write32(uart_base + UART_CR, 0);
    mmio_write32(uart_base + UART_LCRH, 0);
    mmio_write32(uart_base + UART_IMSC, IMSC_RX | IMSC_RT);
    mmio_write32(uart_base + UART_ICR, ICR_ALL);
    mmio_write32(uart_base + UART_LCRH, LCRH_WLEN_8 | LCRH_FEN);
    mmio_write32(uart_base + UART_CR, CR_UARTEN | CR_TXE | CR_RXE);
}

bool uart_probe(uintptr_t base)
{
    return (mmio_read32(base + UART_PERIPHID0) & 0xff) == PERIPHID0_PL011 &&
           (mmio_read32(base + UART_PCELLID3) & 0xff) == PCELLID3_VALUE;
}

void uart_fall_back(void)
{
    if (!uart_base && uart_probe(FALLBACK_UART))
        uart_init(FALLBACK_UART);
}

// Neither another CPU nor an interrupt comes in between.
void uart_putc(char c)
{
    uint64_t masks = sysreg_read(daif);
    asm volatile("msr daifset, %0" : : "i"(DAIF_I) : "memory");
    if (!smp_is_alone())
        spin_lock(&uart_lock);
    while (mmio_read32(uart_base + UART_FR) & FR_TXFF)
        asm volatile("yield");
    mmio_write32(uart_base + UART_DR, (uint8_t)c);
    if (!smp_is_alone())
        spin_unlock(&uart_lock);
    asm volatile("msr daif, %0" : : "r"(masks) : "memory");
}

static int receive_character(void)
{
    if (mmio_read32(uart_base + UART_FR) & FR_RXFE)
        return -1;
    uint32_t data = mmio_read32(uart_base + UART_DR);
    return data & DR_ERRORS ? -1 : (uint8_t)data; // an error was only noise
}

int uart_getc(void)
{
    if (typed_out == __atomic_load_n(&typed_in, __ATOMIC_ACQUIRE))
        return -1;
    char c = typed[typed_out % sizeof(typed)];
    __atomic_store_n(&typed_out, typed_out + 1, __ATOMIC_RELEASE);
    // That there is room is seen before the UART may interrupt: uart_poll looks
    // in the opposite order.
    asm volatile("dmb sy" : : : "memory");
    mmio_write32(uart_base + UART_IMSC, IMSC_RX | IMSC_RT);
    return c;
}

static bool has_room(void)
{
    return typed_in - __atomic_load_n(&typed_out, __ATOMIC_ACQUIRE) <
           sizeof(typed);
}

bool uart_poll(char key)
{
    while (has_room()) {
        int c = receive_character();
        if (c < 0 || c == key)
            return c == key;
        typed[typed_in % sizeof(typed)] = (char)c;
        __atomic_store_n(&typed_in, typed_in + 1, __ATOMIC_RELEASE);
    }
    mmio_write32(uart_base + UART_IMSC, 0); // until there is room:
    asm volatile("dmb sy" : : : "memory");
    if (has_room()) // since just now
        mmio_write32(uart_base + UART_IMSC, IMSC_RX | IMSC_RT);
    return false;
}

// printf's output. A terminal wants a carriage return before each line feed.
// As long as there is no UART, nothing is printed.
void console_putc(char c)
{
    if (!uart_base)
        return;
    if (c == '\n')
        uart_putc('\r');
    uart_putc(c);
    // A line is out before we go on: nothing that ends the run cuts it off.
    while (c == '\n' && (mmio_read32(uart_base + UART_FR) & FR_BUSY))
        asm volatile("yield");
}
