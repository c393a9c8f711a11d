// SPDX-License-Identifier: MIT
// uart.h - the serial line.
#ifndef STRATA_UART_H
#define STRATA_UART_H

#include <stdbool.h>
#include <stdint.h>

// Makes the PL011 at address `base` ours: 8 data bits, no parity, one stop bit,
// at the speed that the firmware chose.
void uart_init(uintptr_t base);

// Is there a PL011 at address `base`?
bool uart_probe(uintptr_t base);

// If there is no UART yet, takes the one at the address where QEMU's `virt` has
// it, if one answers there: a report must come out even if the device tree is
// of no use.
void uart_fall_back(void);

// Sends one character; waits while the UART's queue is full.
void uart_putc(char c);

// The next character that came in, 0 to 255; -1 if there is none.
int uart_getc(void);

#endif
