/* Backups of the older system: opening one, and what becomes of its objects (docs/backup-format.md).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_OLDER_H
#define HSM_CORE_OLDER_H

#include "core/backup.h"
#include "core/internal.h"
#include "core/older_record.h"
#include "core/restore.h"

/* A backup, decrypted, on its way through. */
typedef struct hsm_older_source {
    hsm_secret *content;
    hsm_older_reader reader;
} hsm_older_source;
void hsm_older_source_clear(hsm_older_source *source);

/* Decrypts a backup and reads its head into *head, where hsm_backup_read_head() left its format: id, time
 * and serial, and the iterations that were right. The label is blank.
 * errors  HSM_E_ENCRYPTED_DATA (wrong passphrase or iterations, or damaged), HSM_E_DATA (with out_where),
 *         HSM_E_LIMIT, HSM_E_ARG (more than HSM_BACKUP_ITERATIONS_MAX), HSM_E_NO_LOCKED_MEMORY,
 *         HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_older_open(hsm_crypto *crypto, hsm_bytes backup, const hsm_backup_key *key,
                                    hsm_backup_head *head, hsm_older_source *out_source,
                                    char out_where[HSM_BACKUP_WHERE_MAX]);
/* Reads all objects and counts them. errors HSM_E_DATA (with out_where) */
HSM_MUST_USE hsm_err hsm_older_count(hsm_older_source *source, uint64_t *out_objects,
                                     char out_where[HSM_BACKUP_WHERE_MAX]);

/* Makes drafts of all objects that the token can have and has not, and reports about the others.
 * errors  HSM_E_DATA (with report->where), those of drafts and of the store */
HSM_MUST_USE hsm_err hsm_older_gather(hsm_core *core, uint32_t slot, hsm_older_source *source,
                                      const hsm_migrate_watch *watch, hsm_harvest *all,
                                      hsm_restore_report *report);

/* --- one object (older_object.c) --- */

/* An object to be made. */
typedef struct hsm_older_wish {
    const hsm_older_object *from;
    const char *name;               /* "object 7" */
    const hsm_migrate_watch *watch; /* gets the changes; NULL: nobody */
} hsm_older_wish;
/* Makes a complete draft, checked as a key that is imported.
 * out     out_draft  NULL: this token can't have it, and *out_why, a constant, says why
 * errors  HSM_E_NO_MEMORY, HSM_E_CRYPTO, ... */
HSM_MUST_USE hsm_err hsm_older_make(hsm_core *core, const hsm_older_wish *wish,
                                    hsm_draft **out_draft, const char **out_why);

#endif
