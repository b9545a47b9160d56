/* What the commands about backups share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_ADMIN_CMD_BACKUP_H
#define HSM_ADMIN_CMD_BACKUP_H

#include "admin/admin.h"
#include "core/backup.h"

/* backup recipient (cmd_backup_recipient.c). */
extern const hsm_admin_option hsm_admin_recipient_options[];
HSM_MUST_USE hsm_err hsm_admin_run_recipient(hsm_admin *admin);

/* The public keys of --recipient. */
typedef struct hsm_admin_recipients {
    hsm_buf files[HSM_BACKUP_RECIPIENTS_MAX];
    hsm_bytes keys[HSM_BACKUP_RECIPIENTS_MAX]; /* borrowed from files */
    size_t count;
} hsm_admin_recipients;
void hsm_admin_recipients_clear(hsm_admin_recipients *recipients);
/* None without --recipient. errors HSM_E_DATA, HSM_E_KEY_TYPE, HSM_E_LIMIT, HSM_E_STORE_* */
HSM_MUST_USE hsm_err hsm_admin_read_recipients(hsm_admin *admin,
                                               hsm_admin_recipients *out_recipients);

/* What opens a backup with this head: its passphrase, or the private key of --recipient-key. */
HSM_MUST_USE hsm_err hsm_admin_get_backup_key(hsm_admin *admin, const hsm_backup_head *head,
                                              hsm_secret **out_secret);

#endif
