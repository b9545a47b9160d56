/* backup, backup verify, restore.
 * SPDX-License-Identifier: Apache-2.0 */
#include "admin/cmd_backup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "admin/arrivals.h"
#include "admin/objects.h"
#include "base/handle.h"
#include "core/backup.h"
#include "core/operator.h"
#include "os/file.h"

/* --- what a backup says of itself -------------------------------------------------------------- */

static void put_head(hsm_admin_report *report, const hsm_backup_head *head)
{
    hsm_admin_put_number(report, "format", "Format", head->format);
    hsm_admin_put_bool(report, "older_system", head->is_older ? "Of the older system" : NULL,
                       head->is_older);
    if (head->method == HSM_BACKUP_BY_RECIPIENTS)
        hsm_admin_put_number(report, "recipients", "Recipients", head->iterations);
    hsm_admin_put_hex(report, "backup_id", "Backup", hsm_bytes_of(head->id, sizeof head->id));
    hsm_admin_put_time(report, "created", "Created", head->created_ns);
    if (head->is_older) /* such a backup does not say it */
        hsm_admin_put_text(report, "token_label", NULL, NULL);
    else
        hsm_admin_put_bytes(report, "token_label", "Token", hsm_admin_unpad(head->label, 32));
    hsm_admin_put_bytes(report, "token_serial", "Serial", hsm_admin_unpad(head->serial, 16));
}

/* How much of a token it is. */
static void put_objects(hsm_admin_report *report, const hsm_backup_head *head, const char *title,
                        uint64_t objects, uint64_t token_objects)
{
    hsm_admin_put_number(report, "objects", title, objects);
    hsm_admin_put_bool(report, "selected", head->is_selected ? "Selected" : NULL,
                       head->is_selected);
    hsm_admin_put_number(report, "token_objects", head->is_selected ? "Token had" : NULL,
                         token_objects);
    if (head->is_selected)
        hsm_admin_note(report,
                       "%" PRIu64 " of %" PRIu64 " objects, selected: no backup of the whole token",
                       objects, token_objects);
}

/* The older system writes what the process that makes the backup has loaded. */
static void note_empty(hsm_admin_report *report, const hsm_backup_head *head, uint64_t objects)
{
    if (head->is_older && objects == 0)
        hsm_admin_note(report, "There is no object in it: the older system had loaded none when it "
                               "made this backup");
}

/* A file with a backup in it. */
static hsm_err read_backup(hsm_admin *admin, hsm_buf *out_backup, hsm_backup_head *out_head)
{
    const char *path = hsm_admin_text(admin, "input");

    hsm_err err = hsm_file_read(path, HSM_FILE_ANY, HSM_BUF_MAX_BYTES, out_backup);
    if (err == HSM_OK)
        err = hsm_backup_read_head(hsm_buf_view(out_backup), out_head);
    if (err == HSM_OK)
        return err;
    return hsm_admin_fail(admin, err, "%s%s", path, err == HSM_E_DATA ? ": no backup" : "");
}

/* where: what is wrong within a backup of the older system, or empty. */
static hsm_err explain(hsm_admin *admin, const hsm_backup_head *head, const char *where,
                       hsm_err err)
{
    const char *path = hsm_admin_text(admin, "input");

    if (where[0] != '\0')
        return hsm_admin_fail(admin, err, "%s: format %" PRIu32 " of the older system: %s", path,
                              head->format, where);
    if (err != HSM_E_ENCRYPTED_DATA)
        return err;
    if (head->is_older)
        hsm_admin_hint(admin, "if that system was configured with other pbkdf2_iterations than "
                              "600000, add --iterations N");
    return hsm_admin_fail(admin, err, "%s: wrong passphrase or %s, or the file is damaged", path,
                          head->is_older ? "iterations" : "key");
}

/* What opens the backup, as its head asks for it: in `secret`, from where *out_key borrows. */
static hsm_err get_key(hsm_admin *admin, const hsm_backup_head *head, hsm_secret **out_secret,
                       hsm_backup_key *out_key)
{
    const hsm_admin_range range = { .min = 1, .max = HSM_BACKUP_ITERATIONS_MAX };
    const bool is_private = head->method == HSM_BACKUP_BY_RECIPIENTS;
    uint64_t iterations = 0;

    HSM_TRY(hsm_admin_number(admin, "iterations", range, &iterations));
    if (iterations != 0 && !head->is_older)
        return hsm_admin_fail(admin, HSM_E_ARG,
                              "--iterations is for backups of the older system: this one says how "
                              "it was made");
    HSM_TRY(hsm_admin_get_backup_key(admin, head, out_secret));
    *out_key = (hsm_backup_key){
        .passphrase = is_private ? hsm_bytes_none() : hsm_secret_view(*out_secret),
        .private_key = is_private ? hsm_secret_view(*out_secret) : hsm_bytes_none(),
        .iterations = (uint32_t)iterations,
    };
    return HSM_OK;
}

static void step(void *arg, uint64_t done, uint64_t total)
{
    hsm_progress_step(arg, done, total);
}

static hsm_err verify_shown(hsm_admin *admin, hsm_verify_request *request,
                            hsm_backup_verdict *out_verdict)
{
    hsm_progress bar;
    const hsm_migrate_watch watch = { .progress = step, .arg = &bar };

    request->watch = &watch;
    hsm_progress_begin(&bar, "verifying");
    const hsm_err err = hsm_core_verify_backup(admin->core, request, out_verdict);
    hsm_progress_end(&bar);
    request->watch = NULL;
    return err;
}

/* --- backup ------------------------------------------------------------------------------------ */

typedef struct shown_progress {
    hsm_progress bar;
    uint64_t total;
} shown_progress;

static void show_progress(void *arg, uint64_t done)
{
    shown_progress *shown = arg;

    hsm_progress_step(&shown->bar, done, shown->total);
}

/* The choice that no object fits, as it was given. */
static hsm_err explain_unmet(hsm_admin *admin, const hsm_admin_choices *choices, size_t unmet)
{
    const char *handles = hsm_admin_text(admin, "handle");

    hsm_admin_hint(admin, "craton-hsm-admin key list");
    if (choices->count < 2)
        return hsm_admin_fail(admin, HSM_E_OBJECT_HANDLE, "no object fits the options");
    for (; unmet > 0; unmet--)
        handles += strcspn(handles, ",") + 1;
    return hsm_admin_fail(admin, HSM_E_OBJECT_HANDLE, "--handle %.*s: no object fits the options",
                          (int)strcspn(handles, ","), handles);
}

static hsm_err make_backup(hsm_admin *admin, const hsm_admin_objects *objects,
                           hsm_backup_request *request, hsm_buf *out_backup,
                           hsm_backup_made *out_made)
{
    shown_progress shown = { 0 };
    const hsm_backup_watch watch = { show_progress, &shown };
    CK_SLOT_ID slot = 0;

    HSM_TRY(hsm_admin_slot(admin, &slot));
    HSM_TRY(hsm_core_count_objects(admin->core, slot, &shown.total));
    request->watch = &watch;
    hsm_progress_begin(&shown.bar, "backing up");
    const hsm_err err =
        hsm_core_backup(admin->core, objects->session, request, out_backup, out_made);
    hsm_progress_end(&shown.bar);
    request->watch = NULL;
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

/* Read again before it counts as made; a recipient's can't be read here. */
static hsm_err check_made(hsm_admin *admin, const hsm_backup_request *request, hsm_bytes backup,
                          hsm_backup_head *out_head)
{
    hsm_verify_request again = { .backup = backup,
                                 .key = { .passphrase = request->lock.passphrase } };
    hsm_backup_verdict verdict;

    if (request->lock.recipient_count == 0)
        HSM_TRY(verify_shown(admin, &again, &verdict));
    return hsm_backup_read_head(backup, out_head);
}

static hsm_err write_backup(hsm_admin *admin, const hsm_backup_head *head, hsm_bytes backup,
                            const hsm_backup_made *made)
{
    HSM_TRY(hsm_admin_write_output(admin, backup, 0600));
    put_head(admin->report, head);
    put_objects(admin->report, head, "Objects", made->objects, made->token_objects);
    hsm_admin_put_size(admin->report, "bytes", "Size", backup.len);
    hsm_admin_put_text(admin->report, "output", "Written", hsm_admin_text(admin, "output"));
    return HSM_OK;
}

static hsm_err get_selection(hsm_admin *admin, hsm_admin_choices *choices,
                             hsm_backup_selection *out_selection)
{
    const bool with_related = hsm_admin_is_given(admin, "with-related");

    HSM_TRY(hsm_admin_get_choices(admin, HSM_BACKUP_CHOICES_MAX, choices));
    if (with_related && choices->count == 0)
        return hsm_admin_fail(admin, HSM_E_ARG,
                              "--with-related: of what? (--label, --id, --handle ...)");
    *out_selection = (hsm_backup_selection){
        .choices = choices->templates,
        .choice_count = choices->count,
        .with_related = with_related,
    };
    return HSM_OK;
}

static hsm_err run_backup(hsm_admin *admin)
{
    HSM_AUTO(hsm_admin_objects_end) hsm_admin_objects objects = { 0 };
    HSM_AUTO(hsm_admin_recipients_clear) hsm_admin_recipients recipients = { 0 };
    HSM_AUTO(hsm_admin_choices_clear) hsm_admin_choices choices = { 0 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *passphrase = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf backup = { 0 };
    hsm_backup_request request = { .watch = NULL };
    hsm_backup_head head = { 0 };
    hsm_backup_made made = { 0 };

    HSM_TRY(get_selection(admin, &choices, &request.selection));
    HSM_TRY(hsm_admin_objects_begin(admin, &objects));
    HSM_TRY(hsm_admin_read_recipients(admin, &recipients));
    HSM_TRY(get_new_passphrase(admin, &recipients, &passphrase));
    request.lock = (hsm_backup_lock){
        .passphrase = hsm_secret_view(passphrase),
        .recipients = recipients.keys,
        .recipient_count = recipients.count,
    };
    const hsm_err err = make_backup(admin, &objects, &request, &backup, &made);
    if (err == HSM_E_OBJECT_HANDLE)
        return explain_unmet(admin, &choices, made.unmet);
    HSM_TRY(err);
    HSM_TRY(check_made(admin, &request, hsm_buf_view(&backup), &head));
    return write_backup(admin, &head, hsm_buf_view(&backup), &made);
}

static hsm_err run_verify(hsm_admin *admin)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf backup = { 0 };
    hsm_backup_head head = { 0 };
    hsm_verify_request request = { .watch = NULL };
    hsm_backup_verdict verdict;

    HSM_TRY(hsm_admin_open_core(admin));
    HSM_TRY(read_backup(admin, &backup, &head));
    HSM_TRY(get_key(admin, &head, &secret, &request.key));
    request.backup = hsm_buf_view(&backup);
    const hsm_err err = verify_shown(admin, &request, &verdict);
    HSM_TRY(explain(admin, &head, verdict.where, err));
    put_head(admin->report, &verdict.head);
    put_objects(admin->report, &verdict.head, "Objects", verdict.objects, verdict.token_objects);
    hsm_admin_put_verdict(admin->report, "verdict", "Whole and authentic", HSM_ADMIN_OK);
    note_empty(admin->report, &verdict.head, verdict.objects);
    return HSM_OK;
}

/* --- restore ----------------------------------------------------------------------------------- */

static void note_changed(hsm_admin_report *out, uint64_t changed)
{
    if (changed > 0)
        hsm_admin_note(out,
                       "%" PRIu64 " of the objects here differ from the backup's and stay as they "
                       "are; to get one of the backup, delete it first",
                       changed);
}

static void put_report(hsm_admin_report *out, const hsm_restore_report *found, bool is_dry)
{
    put_objects(out, &found->head, "Objects in it", found->objects, found->token_objects);
    hsm_admin_put_number(out, "present", "Already here", found->present);
    hsm_admin_put_number(out, "changed", found->changed > 0 ? "Changed since" : NULL,
                         found->changed);
    hsm_admin_put_number(out, "added", is_dry ? "Would be added" : "Added", found->added);
    hsm_admin_put_number(out, "unsupported", found->head.is_older ? "Left out" : NULL,
                         found->unsupported);
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

static hsm_err explain_restore(hsm_admin *admin, const hsm_backup_head *head,
                               const hsm_restore_report *found, hsm_err err)
{
    char reasons[REASONS_ROOM] = "";

    if (err != HSM_E_ACTION_PROHIBITED)
        return explain(admin, head, found->where, err);
    hsm_admin_hint(admin, "if it is meant so, add%s%s%s",
                   found->is_other_token ? " --other-token" : "",
                   found->is_restored_before ? " --again" : "", found->is_old ? " --old" : "");
    add_reason(reasons, found->is_other_token, "of another token");
    add_reason(reasons, found->is_restored_before, "restored already");
    add_reason(reasons, found->is_old, "older than 30 days");
    return hsm_admin_fail(admin, err, "the backup is %s", reasons);
}

static hsm_err restore_counted(hsm_admin *admin, hsm_session *session,
                               const hsm_restore_request *request, hsm_restore_report *found)
{
    hsm_progress bar;
    const hsm_migrate_watch watch = { .progress = step, .arg = &bar };
    hsm_restore_request counted = *request;

    counted.watch = &watch;
    hsm_progress_begin(&bar, "restoring");
    const hsm_err err = hsm_core_restore(admin->core, session, &counted, found);
    hsm_progress_end(&bar);
    return err;
}

/* Objects of the older system are shown one by one: they change on their way. */
static hsm_err restore_shown(hsm_admin *admin, hsm_session *session,
                             const hsm_restore_request *request, hsm_restore_report *found)
{
    hsm_admin_arrivals at = { 0 };
    const hsm_migrate_watch watch = hsm_admin_arrivals_watch(&at);
    hsm_restore_request shown = *request;

    shown.watch = &watch;
    hsm_admin_arrivals_begin(&at, admin, "arrivals", "OLDER NAME");
    hsm_progress_begin(&at.bar, "restoring");
    const hsm_err err = hsm_core_restore(admin->core, session, &shown, found);
    hsm_progress_end(&at.bar);
    hsm_admin_arrivals_end(&at);
    return err;
}

static hsm_err run_restore(hsm_admin *admin)
{
    HSM_AUTO(hsm_admin_objects_end) hsm_admin_objects objects = { 0 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf backup = { 0 };
    hsm_restore_report found = { 0 };
    hsm_backup_head head = { 0 };
    hsm_restore_request request = {
        .is_dry = hsm_admin_is_given(admin, "dry-run"),
        .may_other_token = hsm_admin_is_given(admin, "other-token"),
        .may_again = hsm_admin_is_given(admin, "again"),
        .may_old = hsm_admin_is_given(admin, "old"),
    };

    HSM_TRY(read_backup(admin, &backup, &head));
    HSM_TRY(hsm_admin_objects_begin(admin, &objects));
    HSM_TRY(get_key(admin, &head, &secret, &request.key));
    request.backup = hsm_buf_view(&backup);
    const hsm_err err = head.is_older ? restore_shown(admin, objects.session, &request, &found)
                                      : restore_counted(admin, objects.session, &request, &found);
    HSM_TRY(explain_restore(admin, &head, &found, err));
    put_head(admin->report, &found.head);
    put_report(admin->report, &found, request.is_dry);
    note_empty(admin->report, &found.head, found.objects);
    note_changed(admin->report, found.changed);
    return HSM_OK;
}

/* --- the table --------------------------------------------------------------------------------- */

static const hsm_admin_option backup_options[] = {
    HSM_ADMIN_OPTION_NEW_FILE("output", "the file to make"),
    HSM_ADMIN_OPTION_FORCE,
    HSM_ADMIN_OPTION_HANDLES,
    HSM_ADMIN_OPTIONS_LABEL_ID,
    HSM_ADMIN_OPTION_CLASS,
    HSM_ADMIN_OPTION_FAMILY,
    { .name = "with-related",
      .help = "also the other half and certificates, by CKA_ID, of each pair's half or certificate",
      .kind = HSM_ADMIN_SWITCH },
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

#define OPTION_ITERATIONS                                                           \
    {                                                                               \
        .name = "iterations", .value = "N",                                         \
        .help = "PBKDF2 iterations of a backup of the older system, if not 600000", \
        .kind = HSM_ADMIN_NUMBER,                                                   \
    }

static const hsm_admin_option verify_options[] = {
    OPTION_INPUT,
    OPTION_RECIPIENT_KEY,
    OPTION_ITERATIONS,
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
    OPTION_ITERATIONS,
    HSM_ADMIN_OPTIONS_SECRET("passphrase", "passphrase of the backup, or of the private key"),
    HSM_ADMIN_OPTIONS_LOGIN,
    { .name = NULL },
};

static const hsm_admin_command backup_commands[] = {
    {
        .name = "",
        .summary = "write all or selected objects of a token into an encrypted file",
        .text =
            "The file shows the token as it is at one moment, while applications go on working. "
            "Keys\nthat are not extractable are in it: guard the file and its passphrase as the "
            "token.\n\nWith --handle, --label, --id, --class or --type only the objects that fit "
            "all of them are in it,\nand the file says that it is not the whole token.",
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
        .text =
            "Objects that are still there stay as they are. The others come back all together "
            "or not at\nall, so an interrupted restore is simply run again. Nothing else of the "
            "token changes.\n\n"
            "Backups of the older system (in Rust) are read too; what this token can't have is "
            "named and\nleft out.",
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
