/* Where this code was loaded from, and which boot of the machine this is.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_OS_SELF_H
#define HSM_OS_SELF_H

#include "base/scope.h"

/* The absolute path of the file that this code was mapped from: the module, or the program it is
 * linked into; free() it.
 * errors  HSM_E_STORE_NOT_FOUND (the file was removed or replaced since, or nobody knows),
 *         HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_self_path(char **out_path);

/* A boot's identity: 36 characters and a NUL. */
#define HSM_BOOT_ID_ROOM 37u
/* errors  HSM_E_STORE_... (the kernel does not tell) */
HSM_MUST_USE hsm_err hsm_boot_id(char out_id[HSM_BOOT_ID_ROOM]);

#endif
