// SPDX-License-Identifier: MIT
// smccc.S - calls to the firmware, by the SMC Calling Convention (DEN 0028).
//
// It was made to fit C: the function's number is the first argument, the result
// is where C expects it, and what the firmware may change (x0 to x17) C expects
// no function to preserve. One instruction is all that is left to do.

    .text
// int64_t smccc_hvc(uint32_t function, uint64_t a, uint64_t b, uint64_t c)
    .global smccc_hvc
smccc_hvc:
    hvc     #0
    ret

// int64_t smccc_smc(uint32_t function, uint64_t a, uint64_t b, uint64_t c)
    .global smccc_smc
smccc_smc:
    smc     #0
    ret
