/* backup, backup verify, restore.
 * SPDX-License-Identifier: Apache-2.0 */
#include "admin/cmd_backup.h"

#include <inttypes.h>
#include <stdio.h>

#include "admin/admin.h"
#include "admin/objects.h"
#include "admin/terminal.h"
#include "base/handle.h"
#include "core/backup.h"
#include "core/operator.h"
#include "os/file.h"

/* --- what a backup says of itself -------------------------------------------------------------- */

static void put_head(hsm_admin_report *report, const hsm_backup_head *head)
{
    hsm_admin_put_number(report, "format", "Format", head->format);
    if (head->method == HSM_BACKUP_BY_RECIPIENTS)
        hsm_admin_put_number(report, "recipients", "Recipients", head->iterations);
    hsm_admin_put_hex(report, "backup_id", "Backup", hsm_bytes_of(head->id, sizeof head->id));
    hsm_admin_put_time(report, "created", "Created", head->created_ns);
    hsm_admin_put_bytes(report, "token_label", "Token", hsm_admin_unpad(head->label, 32));
    hsm_admin_put_bytes(report, "token_serial", "Serial", hsm_admin_unpad(head->serial, 16));
}

/* A file with a backup in it. */
static hsm_err read_backup(hsm_admin *admin, hsm_buf *out_backup, hsm_backup_head *out_head)
{
    const char *path = hsm_admin_text(admin, "input");

    hsm_err err = hsm_file_read(path, HSM_FILE_ANY, HSM_BUF_MAX_BYTES, out_backup);
    if (err == HSM_OK)
        err = hsm_backup_read_head(hsm_buf_view(out_backup), out_head);
    if (err == HSM_OK && out_head->format == 1) {
        hsm_admin_hint(admin, "its contents are not described anywhere: make the backup again with "
                              "this system, or wrap the keys over");
        err = HSM_E_NOT_SUPPORTED;
    }
    if (err == HSM_OK)
        return err;
    return hsm_admin_fail(admin, err, "%s%s", path,
                          err == HSM_E_DATA            ? ": no backup"
                          : err == HSM_E_NOT_SUPPORTED ? ": format 1, of the older system"
                                                       : "");
}

static hsm_err explain(hsm_admin *admin, hsm_err err)
{
    if (err == HSM_E_ENCRYPTED_DATA)
        return hsm_admin_fail(admin, err, "%s: wrong passphrase or key, or the file is damaged",
                              hsm_admin_text(admin, "input"));
    return err;
}

/* What was got, as what the head asks for. */
static hsm_backup_key key_of(const hsm_backup_head *head, const hsm_secret *secret)
{
    const bool is_private = head->method == HSM_BACKUP_BY_RECIPIENTS;

    return (hsm_backup_key){
        .passphrase = is_private ? hsm_bytes_none() : hsm_secret_view(secret),
        .private_key = is_private ? hsm_secret_view(secret) : hsm_bytes_none(),
    };
}

/* --- backup ------------------------------------------------------------------------------------ */

typedef struct shown_progress {
    hsm_progress bar;
    uint64_t total;
    uint64_t done;
} shown_progress;

static void show_progress(void *arg, uint64_t done)
{
    shown_progress *shown = arg;

    shown->done = done;
    hsm_progress_step(&shown->bar, done, shown->total);
}

static hsm_err make_backup(hsm_admin *admin, const hsm_admin_objects *objects,
                           const hsm_backup_lock *lock, hsm_buf *out_backup, uint64_t *out_count)
{
    shown_progress shown = { 0 };
    const hsm_backup_watch watch = { show_progress, &shown };
    CK_SLOT_ID slot = 0;

    HSM_TRY(hsm_admin_slot(admin, &slot));
    HSM_TRY(hsm_core_count_objects(admin->core, slot, &shown.total));
    hsm_progress_begin(&shown.bar, "backing up");
    const hsm_err err = hsm_core_backup(admin->core, objects->session, lock, &watch, out_backup);
    hsm_progress_end(&shown.bar);
    *out_count = shown.done;
    return err;
}

/* None where recipients open the backup. */
static hsm_err get_new_passphrase(hsm_admin *admin, const hsm_admin_recipients *recipients,
                                  hsm_secret **out_passphrase)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *passphrase = NULL;

    if (recipients->count > 0)
        return HSM_OK;
    HSM_TRY(hsm_admin_get_secret(admin, HSM_ADMIN_NEW_PASSPHRASE, &passphrase));
    if (hsm_backup_check_passphrase(hsm_secret_view(passphrase)) != HSM_OK)
        return hsm_admin_weak_passphrase(admin);
    *out_passphrase = HSM_MOVE(passphrase);
    return HSM_OK;
}

static hsm_err run_backup(hsm_admin *admin)
{
    HSM_AUTO(hsm_admin_objects_end) hsm_admin_objects objects = { 0 };
    HSM_AUTO(hsm_admin_recipients_clear) hsm_admin_recipients recipients = { 0 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *passphrase = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf backup = { 0 };
    hsm_backup_head head = { 0 };
    uint64_t count = 0;

    HSM_TRY(hsm_admin_objects_begin(admin, &objects));
    HSM_TRY(hsm_admin_read_recipients(admin, &recipients));
    HSM_TRY(get_new_passphrase(admin, &recipients, &passphrase));
    const hsm_backup_lock lock = {
        .passphrase = hsm_secret_view(passphrase),
        .recipients = recipients.keys,
        .recipient_count = recipients.count,
    };
    HSM_TRY(make_backup(admin, &objects, &lock, &backup, &count));
    /* Read again before it counts as made; a recipient's can't be read here. */
    const hsm_backup_key key = { .passphrase = lock.passphrase };
    if (recipients.count == 0)
        HSM_TRY(hsm_core_verify_backup(admin->core, hsm_buf_view(&backup), &key, &count));
    HSM_TRY(hsm_backup_read_head(hsm_buf_view(&backup), &head));
    HSM_TRY(hsm_admin_write_output(admin, hsm_buf_view(&backup), 0600));
    put_head(admin->report, &head);
    hsm_admin_put_number(admin->report, "objects", "Objects", count);
    hsm_admin_put_size(admin->report, "bytes", "Size", backup.len);
    hsm_admin_put_text(admin->report, "output", "Written", hsm_admin_text(admin, "output"));
    return HSM_OK;
}

static hsm_err run_verify(hsm_admin *admin)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf backup = { 0 };
    hsm_backup_head head = { 0 };
    uint64_t count = 0;

    HSM_TRY(hsm_admin_open_core(admin));
    HSM_TRY(read_backup(admin, &backup, &head));
    HSM_TRY(hsm_admin_get_backup_key(admin, &head, &secret));
    const hsm_backup_key key = key_of(&head, secret);
    HSM_TRY(
        explain(admin, hsm_core_verify_backup(admin->core, hsm_buf_view(&backup), &key, &count)));
    put_head(admin->report, &head);
    hsm_admin_put_number(admin->report, "objects", "Objects", count);
    hsm_admin_put_verdict(admin->report, "verdict", "Whole and authentic", HSM_ADMIN_OK);
    return HSM_OK;
}

/* --- restore ----------------------------------------------------------------------------------- */

static void put_report(hsm_admin_report *out, const hsm_restore_report *found, bool is_dry)
{
    hsm_admin_put_number(out, "objects", "Objects in it", found->objects);
    hsm_admin_put_number(out, "present", "Already here", found->present);
    hsm_admin_put_number(out, "added", is_dry ? "Would be added" : "Added", found->added);
    hsm_admin_put_bool(out, "other_token", "Of another token", found->is_other_token);
    hsm_admin_put_bool(out, "restored_before", "Restored before", found->is_restored_before);
    hsm_admin_put_bool(out, "old", "Older than 30 days", found->is_old);
    hsm_admin_put_bool(out, "dry_run", NULL, is_dry);
}

#define REASONS_ROOM 96u

static void add_reason(char list[REASONS_ROOM], bool applies, const char *reason)
{
    const size_t len = strlen(list);

    if (applies)
        (void)snprintf(list + len, REASONS_ROOM - len, "%s%s", len > 0 ? ", " : "", reason);
}

static hsm_err explain_restore(hsm_admin *admin, const hsm_restore_report *found, hsm_err err)
{
    char reasons[REASONS_ROOM] = "";

    if (err != HSM_E_ACTION_PROHIBITED)
        return explain(admin, err);
    hsm_admin_hint(admin, "if it is meant so, add%s%s%s",
                   found->is_other_token ? " --other-token" : "",
                   found->is_restored_before ? " --again" : "", found->is_old ? " --old" : "");
    add_reason(reasons, found->is_other_token, "of another token");
    add_reason(reasons, found->is_restored_before, "restored already");
    add_reason(reasons, found->is_old, "older than 30 days");
    return hsm_admin_fail(admin, err, "the backup is %s", reasons);
}

static hsm_err run_restore(hsm_admin *admin)
{
    HSM_AUTO(hsm_admin_objects_end) hsm_admin_objects objects = { 0 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf backup = { 0 };
    hsm_restore_report found = { 0 };
    hsm_backup_head head = { 0 };

    HSM_TRY(read_backup(admin, &backup, &head));
    HSM_TRY(hsm_admin_objects_begin(admin, &objects));
    HSM_TRY(hsm_admin_get_backup_key(admin, &head, &secret));
    const hsm_restore_request request = {
        .backup = hsm_buf_view(&backup),
        .key = key_of(&head, secret),
        .is_dry = hsm_admin_is_given(admin, "dry-run"),
        .may_other_token = hsm_admin_is_given(admin, "other-token"),
        .may_again = hsm_admin_is_given(admin, "again"),
        .may_old = hsm_admin_is_given(admin, "old"),
    };
    HSM_TRY(explain_restore(admin, &found,
                            hsm_core_restore(admin->core, objects.session, &request, &found)));
    put_head(admin->report, &head);
    put_report(admin->report, &found, request.is_dry);
    return HSM_OK;
}

/* --- the table --------------------------------------------------------------------------------- */

static const hsm_admin_option backup_options[] = {
    HSM_ADMIN_OPTION_NEW_FILE("output", "the file to make"),
    HSM_ADMIN_OPTION_FORCE,
    { .name = "recipient",
      .value = "FILES",
      .help =
          "public keys of backup recipient, with commas: their private keys open it, no passphrase",
      .kind = HSM_ADMIN_FILE },
    HSM_ADMIN_OPTIONS_SECRET("new-passphrase", "passphrase for the backup"),
    HSM_ADMIN_OPTIONS_LOGIN,
    { .name = NULL },
};

#define OPTION_INPUT                                                                    \
    {                                                                                   \
        .name = "input", .value = "FILE", .help = "the backup", .kind = HSM_ADMIN_FILE, \
        .is_required = true,                                                            \
    }

#define OPTION_RECIPIENT_KEY                                                             \
    {                                                                                    \
        .name = "recipient-key", .value = "FILE",                                        \
        .help = "private key of a recipient, for a backup that was made for recipients", \
        .kind = HSM_ADMIN_FILE,                                                          \
    }

static const hsm_admin_option verify_options[] = {
    OPTION_INPUT,
    OPTION_RECIPIENT_KEY,
    HSM_ADMIN_OPTIONS_SECRET("passphrase", "passphrase of the backup, or of the private key"),
    { .name = NULL },
};

static const hsm_admin_option restore_options[] = {
    OPTION_INPUT,
    { .name = "dry-run",
      .help = "say what would change, and change nothing",
      .kind = HSM_ADMIN_SWITCH },
    { .name = "other-token", .help = "allow a backup of another token", .kind = HSM_ADMIN_SWITCH },
    { .name = "again",
      .help = "allow a backup that was restored before",
      .kind = HSM_ADMIN_SWITCH },
    { .name = "old", .help = "allow a backup older than 30 days", .kind = HSM_ADMIN_SWITCH },
    OPTION_RECIPIENT_KEY,
    HSM_ADMIN_OPTIONS_SECRET("passphrase", "passphrase of the backup, or of the private key"),
    HSM_ADMIN_OPTIONS_LOGIN,
    { .name = NULL },
};

static const hsm_admin_command backup_commands[] = {
    {
        .name = "",
        .summary = "write all objects of a token into an encrypted file",
        .text =
            "The file shows the token as it is at one moment, while applications go on working. "
            "Keys\nthat are not extractable are in it: guard the file and its passphrase as the "
            "token.",
        .options = backup_options,
        .run = run_backup,
    },
    {
        .name = "verify",
        .summary = "check that a backup is whole and can be opened",
        .options = verify_options,
        .run = run_verify,
    },
    {
        .name = "recipient",
        .summary = "make the keys of somebody who may open backups",
        .text =
            "The public key goes to where backups are made (backup --recipient); the private "
            "key, under a\npassphrase, stays with the recipient. Both are ML-KEM-768 with X25519.",
        .options = hsm_admin_recipient_options,
        .run = hsm_admin_run_recipient,
    },
};

const hsm_admin_group hsm_admin_backup_group = {
    .name = "backup",
    .summary = "make and check backups",
    .commands = backup_commands,
    .command_count = HSM_ARRAY_LEN(backup_commands),
};

static const hsm_admin_command restore_commands[] = {
    {
        .name = "",
        .summary = "put the objects of a backup into the token",
        .text = "Objects that are still there stay as they are. The others come back all together "
                "or not at\nall, so an interrupted restore is simply run again.",
        .options = restore_options,
        .run = run_restore,
    },
};

const hsm_admin_group hsm_admin_restore_group = {
    .name = "restore",
    .summary = "put the objects of a backup into the token",
    .commands = restore_commands,
    .command_count = HSM_ARRAY_LEN(restore_commands),
};
