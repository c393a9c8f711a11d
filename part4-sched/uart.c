// SPDX-License-Identifier: MIT
// uart.c - the serial line: a PL011 (Arm PrimeCell UART, DDI 0183).

#include "uart.h"
#include "mmio.h"
#include "pl011.h"
#include "printf.h"

// Where QEMU's `virt` has it: for a report that has no other way out.
#define FALLBACK_UART 0x09000000

static uintptr_t uart_base; // 0: there is none

// What was typed besides the key that uart_poll waits for: a ring.
static char typed[16];
static unsigned typed_in, typed_out;

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

void uart_putc(char c)
{
    while (mmio_read32(uart_base + UART_FR) & FR_TXFF)
        asm volatile("yield");
    mmio_write32(uart_base + UART_DR, (uint8_t)c);
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
    if (typed_out == typed_in)
        return -1;
    mmio_write32(uart_base + UART_IMSC, IMSC_RX | IMSC_RT); // there is room
    return typed[typed_out++ % sizeof(typed)];
}

bool uart_poll(char key)
{
    while (typed_in - typed_out < sizeof(typed)) {
        int c = receive_character();
        if (c < 0 || c == key)
            return c == key;
        typed[typed_in++ % sizeof(typed)] = (char)c;
    }
    mmio_write32(uart_base + UART_IMSC, 0); // until there is room
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
