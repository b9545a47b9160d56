/* The change counter: a number shared by all processes on a store that moves with every commit, so
 * that "has anything changed?" costs a memory read.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_CHANGE_H
#define HSM_STORE_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scope.h"

/* Bytes of the file; the counter is its first 8, in the machine's order. */
#define HSM_CHANGE_FILE_BYTES 4096

typedef struct hsm_change hsm_change;

/* Opens, makes or repairs (too short) the file and maps it. path NULL: a counter of this process
 * alone. Where the file can be neither read nor made there is no counter: hsm_change_now() then
 * says "unsettled" for ever, which is slower and right.
 * errors  HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_change_open(const char *path, hsm_change **out_change);
/* NULL is allowed; fine in a forked child. */
void hsm_change_close(hsm_change *change);

/* The counter now. What was read from the store between two equal, settled values was current then,
 * and stays so while the value stays. thread: any, no system call */
uint64_t hsm_change_now(const hsm_change *change);
/* False for 0 (nothing known) and for odd values: a writer is at work, or died at it. */
static inline bool hsm_change_is_settled(uint64_t value)
{
    return value != 0 && (value & 1) == 0;
}

/* Around a commit, before anybody can see it and after everybody can; the caller holds the writers'
 * lock of all processes. end gives the settled value. */
void hsm_change_begin(hsm_change *change);
uint64_t hsm_change_end(hsm_change *change);

#endif
