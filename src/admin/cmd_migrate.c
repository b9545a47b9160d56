/* migrate softhsm2.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "admin/admin.h"
#include "admin/objects.h"
#include "admin/terminal.h"
#include "core/migrate.h"

/* --- what was changed: one row for each kind of change --------------------------------------------- */

#define CHANGES_MAX 128u
#define ATTRIBUTE_ROOM 48u

/* `what` and `why` are constants. */
typedef struct change {
    char attribute[ATTRIBUTE_ROOM];
    const char *what;
    const char *why;
    uint64_t objects;
} change;

typedef struct watching {
    hsm_admin *admin;
    hsm_progress bar;
    change changes[CHANGES_MAX];
    size_t count;
} watching;

static void count_change(void *arg, const hsm_migrate_change *one)
{
    watching *at = arg;

    for (size_t i = 0; i < at->count; i++) {
        if (at->changes[i].what == one->what &&
            strcmp(at->changes[i].attribute, one->attribute) == 0) {
            at->changes[i].objects++;
            return;
        }
    }
    if (at->count == CHANGES_MAX)
        return;
    change *fresh = &at->changes[at->count++];
    (void)snprintf(fresh->attribute, sizeof fresh->attribute, "%s", one->attribute);
    fresh->what = one->what;
    fresh->why = one->why;
    fresh->objects = 1;
}

static const hsm_admin_column change_columns[] = {
    { "attribute", "ATTRIBUTE" },
    { "objects", "OBJECTS" },
    { "what", "CHANGE" },
    { "why", "WHY" },
};

static void put_changes(const watching *at)
{
    hsm_admin_report *report = at->admin->report;

    hsm_admin_table(report, "changes", change_columns, HSM_ARRAY_LEN(change_columns));
    for (size_t i = 0; i < at->count; i++) {
        hsm_admin_row(report);
        hsm_admin_put_text(report, NULL, NULL, at->changes[i].attribute);
        hsm_admin_put_number(report, NULL, NULL, at->changes[i].objects);
        hsm_admin_put_text(report, NULL, NULL, at->changes[i].what);
        hsm_admin_put_text(report, NULL, NULL, at->changes[i].why);
    }
    hsm_admin_table_end(report);
}

/* --- objects --------------------------------------------------------------------------------------- */

static const hsm_admin_column object_columns[] = {
    { "name", "SOFTHSM2 NAME" }, { "class", "CLASS" },   { "label", "LABEL" }, { "id", "ID" },
    { "result", "RESULT" },      { "handle", "HANDLE" }, { "why", NULL },
};

static const char *result_name(const hsm_migrate_object *object)
{
    switch (object->result) {
    case HSM_MIGRATE_ADDED:
        return object->unique_id != NULL ? "added" : "to be added";
    case HSM_MIGRATE_UNSUPPORTED:
        return "unsupported";
    }
    return NULL;
}

static void put_object(void *arg, const hsm_migrate_object *object)
{
    const watching *at = arg;
    hsm_admin_report *report = at->admin->report;

    hsm_admin_row(report);
    hsm_admin_put_text(report, NULL, NULL, object->name);
    hsm_admin_put_text(report, NULL, NULL, object->class_name);
    hsm_admin_put_bytes(report, NULL, NULL, object->label);
    hsm_admin_put_hex(report, NULL, NULL, object->id);
    hsm_admin_put_text(report, NULL, NULL, result_name(object));
    hsm_admin_put_text(report, NULL, NULL, object->unique_id);
    hsm_admin_put_text(report, NULL, NULL, object->why);
    if (object->why != NULL)
        hsm_admin_note(report, "Unsupported: %s: %s", object->name, object->why);
}

static void show_progress(void *arg, uint64_t done, uint64_t total)
{
    watching *at = arg;

    hsm_progress_step(&at->bar, done, total);
}

/* --- the command ----------------------------------------------------------------------------------- */

static void put_summary(hsm_admin *admin, const hsm_migrate_report *found, bool is_dry)
{
    hsm_admin_report *report = admin->report;

    hsm_admin_put_bytes(report, "source_label", "From token",
                        hsm_admin_unpad(found->label, sizeof found->label));
    hsm_admin_put_bytes(report, "source_serial", "Serial",
                        hsm_admin_unpad(found->serial, sizeof found->serial));
    hsm_admin_put_text(report, "source_store", "Store", found->is_database ? "database" : "files");
    hsm_admin_put_number(report, "found", "Objects in it", found->objects);
    hsm_admin_put_number(report, "present", "Migrated before", found->present);
    hsm_admin_put_number(report, "added", is_dry ? "Would be added" : "Added", found->added);
    hsm_admin_put_number(report, "unsupported", "Unsupported", found->unsupported);
    hsm_admin_put_bool(report, "dry_run", NULL, is_dry);
}

static hsm_err explain(hsm_admin *admin, const hsm_migrate_report *found, hsm_err err)
{
    const char *directory = admin->operand;

    switch ((int)err) {
    case HSM_OK:
        return err;
    case HSM_E_NOT_SUPPORTED: /* the report says which objects */
        hsm_admin_note(admin->report,
                       "Nothing was migrated. To leave the unsupported objects behind, "
                       "add --skip-unsupported");
        admin->is_quiet_failure = true;
        return err;
    case HSM_E_PIN_INCORRECT:
        hsm_admin_hint(admin, "check the PIN; SoftHSM2 counts no tries");
        return hsm_admin_fail(admin, err, "user PIN of the SoftHSM2 token in %s", directory);
    case HSM_E_USER_PIN_NOT_INITIALIZED:
        hsm_admin_hint(admin, "a SoftHSM2 token without a user PIN has no keys to migrate");
        return hsm_admin_fail(admin, err, "the SoftHSM2 token in %s", directory);
    default:
        return hsm_admin_fail(admin, err, "%s", found->where[0] != '\0' ? found->where : directory);
    }
}

static hsm_err run_softhsm2(hsm_admin *admin)
{
    HSM_AUTO(hsm_admin_objects_end) hsm_admin_objects objects = { 0 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *pin = NULL;
    watching at = { .admin = admin };
    const hsm_migrate_watch watch = { put_object, count_change, show_progress, &at };
    hsm_migrate_request request = {
        .directory = admin->operand,
        .is_dry = hsm_admin_is_given(admin, "dry-run"),
        .may_skip = hsm_admin_is_given(admin, "skip-unsupported"),
        .watch = &watch,
    };
    hsm_migrate_report found = { 0 };

    HSM_TRY(hsm_admin_objects_begin(admin, &objects));
    HSM_TRY(hsm_admin_get_secret(admin, HSM_ADMIN_OTHER_TOKEN_PIN, &pin));
    request.pin = hsm_secret_view(pin);
    hsm_admin_table(admin->report, "objects", object_columns, HSM_ARRAY_LEN(object_columns));
    hsm_progress_begin(&at.bar, "migrating");
    const hsm_err err = hsm_core_migrate_softhsm(admin->core, objects.session, &request, &found);
    hsm_progress_end(&at.bar);
    hsm_admin_table_end(admin->report);
    put_changes(&at);
    put_summary(admin, &found, request.is_dry);
    return explain(admin, &found, err);
}

static const hsm_admin_option softhsm2_options[] = {
    { .name = "dry-run",
      .help = "read and check everything, and change nothing",
      .kind = HSM_ADMIN_SWITCH },
    { .name = "skip-unsupported",
      .help = "leave behind what this token can't have",
      .kind = HSM_ADMIN_SWITCH },
    HSM_ADMIN_OPTIONS_SECRET("source-pin", "user PIN of the SoftHSM2 token"),
    HSM_ADMIN_OPTIONS_LOGIN,
    { .name = NULL },
};

static const hsm_admin_command migrate_commands[] = {
    {
        .name = "softhsm2",
        .operand = "DIR",
        .summary = "put the objects of a SoftHSM2 token into the token",
        .text =
            "DIR is the directory of one SoftHSM2 token, or one with a single token in it. "
            "Everything is\nread and checked first; then all objects are added, or none. What an "
            "earlier run brought is\nleft alone. Stop what uses the SoftHSM2 token before.",
        .options = softhsm2_options,
        .run = run_softhsm2,
    },
};

const hsm_admin_group hsm_admin_migrate_group = {
    .name = "migrate",
    .summary = "bring objects over from other software",
    .commands = migrate_commands,
    .command_count = HSM_ARRAY_LEN(migrate_commands),
};
