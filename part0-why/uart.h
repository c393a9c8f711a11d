// SPDX-License-Identifier: MIT
// uart.h - the serial line.
#ifndef STRATA_UART_H
#define STRATA_UART_H

// Sends one character; waits while the UART's queue is full.
void uart_putc(char c);

#endif
