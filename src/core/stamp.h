/* A note that a file passed the self-tests in this boot, for other processes of the same user.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_STAMP_H
#define HSM_CORE_STAMP_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/scope.h"

/* What the note says of a file: boot, device, inode, size, times of change. */
#define HSM_STAMP_ROOM 256u
typedef struct hsm_stamp {
    char text[HSM_STAMP_ROOM];
} hsm_stamp;

/* errors  HSM_E_STORE_... (the kernel does not tell which boot this is) */
HSM_MUST_USE hsm_err hsm_stamp_of(const struct stat *file, hsm_stamp *out_stamp);
/* Whether the note is there: in a folder and a file that belong to the effective user and to which
 * nobody else has any access. Whatever else is there counts as no note. */
bool hsm_stamp_is_there(const hsm_stamp *stamp);
/* Leaves it, in place of an older one; without a word where that is not possible. */
void hsm_stamp_leave(const hsm_stamp *stamp);

#endif
