// SPDX-License-Identifier: MIT
// selftest_ipc.h - the self-test's part about messages.
#ifndef STRATA_SELFTEST_IPC_H
#define STRATA_SELFTEST_IPC_H

// Prints a test point for each thing that calls on endpoints and reply objects
// must do. The threads that it makes go on for ever.
void selftest_ipc(void);

#endif
