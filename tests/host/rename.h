// SPDX-License-Identifier: MIT
// rename.h - other names for our functions, so that they and the C library's
// can be in one program.
#define printf    strata_printf
#define vprintf   strata_vprintf
#define snprintf  strata_snprintf
#define memcpy    strata_memcpy
#define memmove   strata_memmove
#define memset    strata_memset
#define memcmp    strata_memcmp
#define strlen    strata_strlen
#define strnlen   strata_strnlen
#define strcmp    strata_strcmp
#define strncmp   strata_strncmp
