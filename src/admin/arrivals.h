/* What becomes of the objects of another system: a table of them, and one of the changes to their
 * attributes, a row for each kind of change.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_ADMIN_ARRIVALS_H
#define HSM_ADMIN_ARRIVALS_H

#include "admin/admin.h"
#include "admin/terminal.h"
#include "core/migrate.h"

#define HSM_ADMIN_CHANGES_MAX 128u
#define HSM_ADMIN_CHANGE_ROOM 48u

/* `what` and `why` are constants. */
typedef struct hsm_admin_change {
    char attribute[HSM_ADMIN_CHANGE_ROOM];
    const char *what;
    const char *why;
    uint64_t objects;
} hsm_admin_change;

typedef struct hsm_admin_arrivals {
    hsm_admin *admin;
    hsm_progress bar;
    hsm_admin_column columns[7];
    hsm_admin_change changes[HSM_ADMIN_CHANGES_MAX];
    size_t change_count;
} hsm_admin_arrivals;

/* Begins the table of objects, under a name in JSON and with a title for their names there, and shows
 * progress. */
void hsm_admin_arrivals_begin(hsm_admin_arrivals *at, hsm_admin *admin, const char *key,
                              const char *name_title);
/* Who is told about objects, changes and progress; borrowed as long as `at`. */
hsm_migrate_watch hsm_admin_arrivals_watch(hsm_admin_arrivals *at);
/* Ends the table and puts that of the changes. */
void hsm_admin_arrivals_end(hsm_admin_arrivals *at);

#endif
