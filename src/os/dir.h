/* The names in a directory.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_OS_DIR_H
#define HSM_OS_DIR_H

#include <stddef.h>

#include "base/scope.h"

/* Names on the heap, in ascending order of their bytes. */
typedef struct hsm_dir_names {
    char **names;
    size_t count;
} hsm_dir_names;
void hsm_dir_names_clear(hsm_dir_names *names);

/* Lists a directory, without "." and "..".
 * in      max  at most so many names
 * errors  HSM_E_LIMIT (more than max), HSM_E_STORE_NOT_FOUND, HSM_E_STORE_PERMISSION,
 *         HSM_E_STORE_IO, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_dir_list(const char *path, size_t max, hsm_dir_names *out_names);

#endif
