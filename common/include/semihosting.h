// SPDX-License-Identifier: MIT
// semihosting.h - a request to the debugger, or to QEMU in its place.
#ifndef STRATA_SEMIHOSTING_H
#define STRATA_SEMIHOSTING_H

// Ends the run; `status` (0 to 255) becomes QEMU's exit status. Where nobody
// answers such requests the instruction for it is undefined.
void semihosting_exit(unsigned status);

#endif
