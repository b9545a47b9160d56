/* What making a backup, and reading those of the older system, must know of restoring one.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_RESTORE_H
#define HSM_CORE_RESTORE_H

#include "core/internal.h"

/* Whether an object is the mark that a restore leaves: a data object of the application
 * HSM_RESTORE_APPLICATION whose label is the backup's id. It is part of the restore's commit. */
#define HSM_RESTORE_APPLICATION "craton-hsm restored backup"
bool hsm_core_is_restore_mark(const hsm_object *object);

/* What is to be added, with its name in an older backup. */
#define HSM_HARVEST_NAME_MAX 64u
typedef struct hsm_harvest {
    hsm_draft **drafts;
    char (*names)[HSM_HARVEST_NAME_MAX];
    size_t count;
    size_t cap;
} hsm_harvest;
void hsm_harvest_clear(hsm_harvest *all);
/* Takes *draft. in name may be NULL. errors HSM_E_LIMIT, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_harvest_keep(hsm_harvest *all, hsm_draft **draft, const char *name);

#endif
