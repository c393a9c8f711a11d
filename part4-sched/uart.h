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

// The next character that came in and that uart_poll has kept, 0 to 255; -1 if
// there is none.
int uart_getc(void);

// Was `key` typed? Takes it away. Other keys are kept for uart_getc; if 16 of
// them wait to be read, the answer is no until somebody reads them.
bool uart_poll(char key);

#endif
