// SPDX-License-Identifier: MIT
// uart.c - the serial line: a PL011 (Arm PrimeCell UART, DDI 0183).

#include "uart.h"
#include "mmio.h"
#include "pl011.h"
#include "printf.h"

static uintptr_t uart_base = 0x09000000; // where QEMU's `virt` has it

void uart_putc(char c)
{
    while (mmio_read32(uart_base + UART_FR) & FR_TXFF)
        asm volatile("yield");
    mmio_write32(uart_base + UART_DR, (uint8_t)c);
}

// printf's output. A terminal wants a carriage return before each line feed.
void console_putc(char c)
{
    if (c == '\n')
        uart_putc('\r');
    uart_putc(c);
    // A line is out before we go on: nothing that ends the run cuts it off.
    while (c == '\n' && (mmio_read32(uart_base + UART_FR) & FR_BUSY))
        asm volatile("yield");
}
