/* migrate softhsm2.
 * SPDX-License-Identifier: Apache-2.0 */
#include "admin/arrivals.h"
#include "admin/objects.h"

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
    hsm_admin_arrivals at = { 0 };
    const hsm_migrate_watch watch = hsm_admin_arrivals_watch(&at);
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
    hsm_admin_arrivals_begin(&at, admin, "objects", "SOFTHSM2 NAME");
    hsm_progress_begin(&at.bar, "migrating");
    const hsm_err err = hsm_core_migrate_softhsm(admin->core, objects.session, &request, &found);
    hsm_progress_end(&at.bar);
    hsm_admin_arrivals_end(&at);
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
