// SPDX-License-Identifier: MIT
// selftest_notify.h - the self-test's part about signals.
#ifndef STRATA_SELFTEST_NOTIFY_H
#define STRATA_SELFTEST_NOTIFY_H

// Prints a test point for each thing that notifications, alarms and bound
// interrupts must do. The threads that it makes go on for ever.
void selftest_notify(void);

#endif
