/* What making a backup must know of restoring one.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_RESTORE_H
#define HSM_CORE_RESTORE_H

#include "core/internal.h"

/* Whether an object is the mark that a restore leaves: a data object of the application
 * HSM_RESTORE_APPLICATION whose label is the backup's id. It is part of the restore's commit. */
#define HSM_RESTORE_APPLICATION "craton-hsm restored backup"
bool hsm_core_is_restore_mark(const hsm_object *object);

#endif
