// SPDX-License-Identifier: MIT
// pl011.h - the registers of the PL011, as offsets from its base address, and
// their bits (Arm PrimeCell UART, DDI 0183, section 3.3).
#ifndef STRATA_PL011_H
#define STRATA_PL011_H

#include "bits.h"

#define UART_DR 0x000 // data: write to send, read to receive

#define UART_FR 0x018  // flags
#define FR_BUSY BIT(3) // a character is being sent
#define FR_TXFF BIT(5) // the queue of characters to send is full

#endif
