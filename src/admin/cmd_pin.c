/* pin: change, reset, status.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "admin/admin.h"
#include "base/handle.h"
#include "core/operator.h"

static bool is_so(const hsm_admin *admin)
{
    const char *type = hsm_admin_text(admin, "user-type");

    return type != NULL && strcmp(type, "SO") == 0;
}

/* C_SetPIN changes the PIN of who is logged in, and the user's when nobody is. */
static hsm_err change(hsm_admin *admin, CK_SESSION_HANDLE session, hsm_admin_role old_role,
                      hsm_admin_role new_role)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *old_pin = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *new_pin = NULL;

    HSM_TRY(hsm_admin_get_secret(admin, old_role, &old_pin));
    if (old_role == HSM_ADMIN_SO_PIN)
        HSM_TRY(hsm_admin_explain_pin(
            admin, old_role,
            hsm_core_login(admin->core, session, CKU_SO, hsm_secret_view(old_pin))));
    HSM_TRY(hsm_admin_get_secret(admin, new_role, &new_pin));
    return hsm_admin_explain_pin(
        admin, old_role,
        hsm_core_set_pin(admin->core, session, hsm_secret_view(old_pin), hsm_secret_view(new_pin)));
}

static hsm_err run_change(hsm_admin *admin)
{
    const bool of_so = is_so(admin);
    CK_SESSION_HANDLE session = HSM_HANDLE_NONE;

    HSM_TRY(hsm_admin_open_session(admin, &session));
    HSM_TRY(change(admin, session, of_so ? HSM_ADMIN_SO_PIN : HSM_ADMIN_USER_PIN,
                   of_so ? HSM_ADMIN_NEW_SO_PIN : HSM_ADMIN_NEW_USER_PIN));
    hsm_admin_put_text(admin->report, "changed", "Changed",
                       of_so ? "security officer PIN" : "user PIN");
    return HSM_OK;
}

static hsm_err run_reset(hsm_admin *admin)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *pin = NULL;
    CK_SESSION_HANDLE session = HSM_HANDLE_NONE;

    HSM_TRY(hsm_admin_login(admin, HSM_ADMIN_SO_PIN, &session));
    HSM_TRY(hsm_admin_get_secret(admin, HSM_ADMIN_NEW_USER_PIN, &pin));
    HSM_TRY(hsm_admin_explain_pin(admin, HSM_ADMIN_NEW_USER_PIN,
                                  hsm_core_init_pin(admin->core, session, hsm_secret_view(pin))));
    hsm_admin_put_text(admin->report, "changed", "Changed", "user PIN");
    hsm_admin_note(admin->report, "Who uses it should change it: craton-hsm-admin pin change");
    return HSM_OK;
}

static const hsm_admin_column pin_columns[] = {
    { "user", "PIN" },
    { "state", "STATE" },
    { "tries_left", "TRIES LEFT" },
    { "tries_max", "OF" },
    { "to_be_changed", "TO BE CHANGED" },
};

/* One PIN as a row. */
typedef struct pin_row {
    const char *user;
    bool is_set;
    bool must_change;
    uint32_t left;
    uint32_t max;
} pin_row;

static void put_row(hsm_admin_report *report, const pin_row *row)
{
    hsm_admin_row(report);
    hsm_admin_put_text(report, NULL, NULL, row->user);
    hsm_admin_put_text(report, NULL, NULL,
                       !row->is_set     ? "not set"
                       : row->left == 0 ? "locked"
                                        : "set");
    hsm_admin_put_number(report, NULL, NULL, row->left);
    hsm_admin_put_number(report, NULL, NULL, row->max);
    hsm_admin_put_bool(report, NULL, NULL, row->must_change);
}

static hsm_err run_status(hsm_admin *admin)
{
    hsm_pin_status pins;
    CK_SLOT_ID slot = 0;

    HSM_TRY(hsm_admin_slot(admin, &slot));
    HSM_TRY(hsm_core_pin_status(admin->core, slot, &pins));
    if (!pins.is_initialized) {
        hsm_admin_hint(admin, "craton-hsm-admin token init --slot %lu --label NAME",
                       (unsigned long)slot);
        return hsm_admin_fail(admin, HSM_E_TOKEN_NOT_INITIALIZED, "slot %lu", (unsigned long)slot);
    }
    const pin_row user = { "user", pins.has_user_pin, pins.must_change_user_pin,
                           pins.user_tries_left, pins.tries_max };
    const pin_row so = { "security officer", true, false, pins.so_tries_left, pins.tries_max };
    hsm_admin_table(admin->report, "pins", pin_columns, HSM_ARRAY_LEN(pin_columns));
    put_row(admin->report, &user);
    put_row(admin->report, &so);
    hsm_admin_table_end(admin->report);
    hsm_admin_put_number(admin->report, "pin_min_bytes", "Shortest", pins.pin_min_bytes);
    hsm_admin_put_number(admin->report, "pin_max_bytes", "Longest", pins.pin_max_bytes);
    return HSM_OK;
}

static const hsm_admin_option change_options[] = {
    { .name = "user-type",
      .value = "WHO",
      .help = "whose PIN",
      .kind = HSM_ADMIN_CHOICE,
      .choices = "USER SO" },
    HSM_ADMIN_OPTION_SLOT,
    HSM_ADMIN_OPTIONS_SECRET("pin", "present user PIN"),
    HSM_ADMIN_OPTIONS_SECRET("new-pin", "new user PIN"),
    HSM_ADMIN_OPTIONS_SECRET("so-pin", "present security officer PIN"),
    HSM_ADMIN_OPTIONS_SECRET("new-so-pin", "new security officer PIN"),
    { .name = NULL },
};

static const hsm_admin_option reset_options[] = {
    HSM_ADMIN_OPTION_SLOT,
    HSM_ADMIN_OPTIONS_SECRET("so-pin", "security officer PIN"),
    HSM_ADMIN_OPTIONS_SECRET("new-pin", "new user PIN"),
    { .name = NULL },
};

static const hsm_admin_option status_options[] = {
    HSM_ADMIN_OPTION_SLOT,
    { .name = NULL },
};

static const hsm_admin_command pin_commands[] = {
    {
        .name = "change",
        .summary = "change a PIN by the present one",
        .options = change_options,
        .run = run_change,
    },
    {
        .name = "reset",
        .summary = "set or unlock the user PIN by the security officer PIN",
        .text = "Objects stay as they are.",
        .options = reset_options,
        .run = run_reset,
    },
    {
        .name = "status",
        .summary = "show which PINs are set, and the tries left",
        .options = status_options,
        .run = run_status,
    },
};

const hsm_admin_group hsm_admin_pin_group = {
    .name = "pin",
    .summary = "change, reset and show PINs",
    .commands = pin_commands,
    .command_count = HSM_ARRAY_LEN(pin_commands),
};
