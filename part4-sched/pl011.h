// SPDX-License-Identifier: MIT
// pl011.h - the registers of the PL011, as offsets from its base address, and
// their bits (Arm PrimeCell UART, DDI 0183, section 3.3).
#ifndef STRATA_PL011_H
#define STRATA_PL011_H

#include "bits.h"

#define UART_DR 0x000 // data: write to send, read to receive

// In UART_DR, with a character received: framing, parity or break error.
#define DR_ERRORS (7 << 8)

#define UART_FR 0x018  // flags
#define FR_BUSY BIT(3) // a character is being sent
#define FR_RXFE BIT(4) // the queue of characters received is empty
#define FR_TXFF BIT(5) // the queue of characters to send is full

#define UART_LCRH   0x02c    // line control
#define LCRH_FEN    BIT(4)   // the queues are in use
#define LCRH_WLEN_8 (3 << 5) // 8 data bits

#define UART_CR   0x030 // control
#define CR_UARTEN BIT(0)
#define CR_TXE    BIT(8)
#define CR_RXE    BIT(9)

#define UART_IMSC 0x038  // which interrupts are let through
#define IMSC_RX   BIT(4) // enough was received
#define IMSC_TX   BIT(5) // there is room to send
#define IMSC_RT   BIT(6) // something was received, and then nothing for a while
#define UART_ICR  0x044  // write 1 to clear an interrupt
#define ICR_ALL   0x7ff

#define UART_PERIPHID0  0xfe0 // the part number's lower byte
#define PERIPHID0_PL011 0x11
#define UART_PCELLID3   0xffc // the last of four bytes "this is a PrimeCell"
#define PCELLID3_VALUE  0xb1

#endif
