/* token: initialise, show, destroy.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/tokens.h"
#include "base/handle.h"
#include "core/operator.h"

#define LABEL_BYTES 32u

/* --- showing ---------------------------------------------------------------------------------- */

static const hsm_admin_column token_columns[] = {
    { "slot", "SLOT" },
    { "initialized", "INITIALISED" },
    { "label", "LABEL" },
    { "serial", "SERIAL" },
    { "user_pin", "USER PIN" },
    { "user_tries_left", NULL },
    { "so_pin", "SO PIN" },
    { "so_tries_left", NULL },
    { "public_objects", "PUBLIC OBJECTS" },
};

static void put_pin(hsm_admin_report *report, bool is_set, uint32_t tries_left)
{
    hsm_admin_put_text(report, NULL, NULL,
                       !is_set           ? "not set"
                       : tries_left == 0 ? "locked"
                                         : "set");
    hsm_admin_put_number(report, NULL, NULL, tries_left);
}

static hsm_err put_token(hsm_admin *admin, uint32_t slot)
{
    hsm_admin_report *report = admin->report;
    hsm_pin_status pins;
    CK_TOKEN_INFO info;
    uint64_t objects = 0;

    HSM_TRY(hsm_core_token_info(admin->core, slot, &info));
    HSM_TRY(hsm_core_pin_status(admin->core, slot, &pins));
    if (pins.is_initialized)
        HSM_TRY(hsm_core_count_objects(admin->core, slot, &objects));
    hsm_admin_row(report);
    hsm_admin_put_number(report, NULL, NULL, slot);
    hsm_admin_put_bool(report, NULL, NULL, pins.is_initialized);
    hsm_admin_put_bytes(report, NULL, NULL, hsm_admin_unpad(info.label, sizeof info.label));
    hsm_admin_put_bytes(report, NULL, NULL,
                        hsm_admin_unpad(info.serialNumber, sizeof info.serialNumber));
    put_pin(report, pins.has_user_pin, pins.user_tries_left);
    put_pin(report, pins.is_initialized, pins.so_tries_left);
    hsm_admin_put_number(report, NULL, NULL, objects);
    return HSM_OK;
}

hsm_err hsm_admin_put_tokens(hsm_admin *admin)
{
    const uint32_t count = hsm_core_slot_count(admin->core);

    hsm_admin_table(admin->report, "tokens", token_columns, HSM_ARRAY_LEN(token_columns));
    for (uint32_t slot = 0; slot < count; slot++)
        HSM_TRY(put_token(admin, slot));
    hsm_admin_table_end(admin->report);
    return HSM_OK;
}

static hsm_err run_list(hsm_admin *admin)
{
    HSM_TRY(hsm_admin_open_core(admin));
    return hsm_admin_put_tokens(admin);
}

static hsm_err run_info(hsm_admin *admin)
{
    hsm_admin_report *report = admin->report;
    hsm_pin_status pins;
    CK_TOKEN_INFO info;
    CK_SLOT_ID slot = 0;
    uint64_t objects = 0;

    HSM_TRY(hsm_admin_slot(admin, &slot));
    HSM_TRY(hsm_core_token_info(admin->core, slot, &info));
    HSM_TRY(hsm_core_pin_status(admin->core, slot, &pins));
    hsm_admin_put_number(report, "slot", "Slot", slot);
    hsm_admin_put_bool(report, "initialized", "Initialised", pins.is_initialized);
    if (!pins.is_initialized) {
        hsm_admin_note(report, "Make a token: craton-hsm-admin token init --slot %lu --label NAME",
                       (unsigned long)slot);
        return HSM_OK;
    }
    HSM_TRY(hsm_core_count_objects(admin->core, slot, &objects));
    hsm_admin_put_bytes(report, "label", "Label", hsm_admin_unpad(info.label, sizeof info.label));
    hsm_admin_put_bytes(report, "serial", "Serial",
                        hsm_admin_unpad(info.serialNumber, sizeof info.serialNumber));
    hsm_admin_put_bool(report, "user_pin_set", "User PIN set", pins.has_user_pin);
    hsm_admin_put_bool(report, "user_pin_to_be_changed", "User PIN to be changed",
                       pins.must_change_user_pin);
    hsm_admin_put_number(report, "user_tries_left", "User tries left", pins.user_tries_left);
    hsm_admin_put_number(report, "so_tries_left", "SO tries left", pins.so_tries_left);
    hsm_admin_put_number(report, "public_objects", "Public objects", objects);
    return HSM_OK;
}

/* --- init ------------------------------------------------------------------------------------- */

/* The label as the standard has it: 32 bytes, blanks behind. */
static hsm_err read_label(hsm_admin *admin, uint8_t label[LABEL_BYTES])
{
    const char *text = hsm_admin_text(admin, "label");
    const size_t len = strlen(text);

    if (len == 0 || len > LABEL_BYTES)
        return hsm_admin_fail(admin, HSM_E_ARG, "--label: 1 to %u bytes", LABEL_BYTES);
    memset(label, ' ', LABEL_BYTES);
    memcpy(label, text, len);
    return HSM_OK;
}

/* Before objects are lost, the operator sees which. */
static hsm_err confirm_loss(hsm_admin *admin, CK_SLOT_ID slot, const char *verb)
{
    char question[256];
    char label[LABEL_BYTES + 1] = "";
    CK_TOKEN_INFO info;

    HSM_TRY(hsm_core_token_info(admin->core, slot, &info));
    const hsm_bytes text = hsm_admin_unpad(info.label, sizeof info.label);
    memcpy(label, text.data, text.len);
    for (size_t i = 0; i < text.len; i++) {
        if ((uint8_t)label[i] < 0x20 || label[i] == 0x7f)
            label[i] = '?'; /* a question must not steer the terminal */
    }
    (void)snprintf(question, sizeof question,
                   "%s slot %lu destroys the token \"%s\" with all its objects.", verb,
                   (unsigned long)slot, label);
    return hsm_admin_confirm(admin, question);
}

static hsm_err set_user_pin(hsm_admin *admin, CK_SLOT_ID slot, hsm_bytes so_pin)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *pin = NULL;
    CK_SESSION_HANDLE session = HSM_HANDLE_NONE;

    HSM_TRY(hsm_admin_get_secret(admin, HSM_ADMIN_FIRST_USER_PIN, &pin));
    HSM_TRY(
        hsm_core_open_session(admin->core, slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, &session));
    HSM_TRY(hsm_core_login(admin->core, session, CKU_SO, so_pin));
    HSM_TRY(hsm_admin_explain_pin(admin, HSM_ADMIN_FIRST_USER_PIN,
                                  hsm_core_init_pin(admin->core, session, hsm_secret_view(pin))));
    return hsm_core_close_session(admin->core, session);
}

static hsm_err run_init(hsm_admin *admin)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *so_pin = NULL;
    uint8_t label[LABEL_BYTES];
    hsm_pin_status pins;
    CK_SLOT_ID slot = 0;

    HSM_TRY(hsm_admin_slot(admin, &slot));
    HSM_TRY(read_label(admin, label));
    HSM_TRY(hsm_core_pin_status(admin->core, slot, &pins));
    if (pins.is_initialized)
        HSM_TRY(confirm_loss(admin, slot, "Initialising"));
    const hsm_admin_role role = pins.is_initialized ? HSM_ADMIN_SO_PIN : HSM_ADMIN_FIRST_SO_PIN;
    HSM_TRY(hsm_admin_get_secret(admin, role, &so_pin));
    HSM_TRY(hsm_admin_explain_pin(
        admin, role, hsm_core_init_token(admin->core, slot, hsm_secret_view(so_pin), label)));
    if (hsm_admin_has_secret(admin, HSM_ADMIN_FIRST_USER_PIN))
        HSM_TRY(set_user_pin(admin, slot, hsm_secret_view(so_pin)));
    else
        hsm_admin_note(admin->report, "Next, the user PIN: craton-hsm-admin pin reset --slot %lu",
                       (unsigned long)slot);
    return run_info(admin);
}

static hsm_err run_destroy(hsm_admin *admin)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *so_pin = NULL;
    hsm_pin_status pins;
    CK_SLOT_ID slot = 0;

    HSM_TRY(hsm_admin_slot(admin, &slot));
    HSM_TRY(hsm_core_pin_status(admin->core, slot, &pins));
    if (!pins.is_initialized)
        return hsm_admin_fail(admin, HSM_E_TOKEN_NOT_INITIALIZED, "slot %lu", (unsigned long)slot);
    HSM_TRY(confirm_loss(admin, slot, "Destroying"));
    if (!hsm_admin_is_given(admin, "without-so-pin"))
        HSM_TRY(hsm_admin_get_secret(admin, HSM_ADMIN_SO_PIN, &so_pin));
    HSM_TRY(
        hsm_admin_explain_pin(admin, HSM_ADMIN_SO_PIN,
                              hsm_core_destroy_token(admin->core, slot, hsm_secret_view(so_pin))));
    hsm_admin_put_number(admin->report, "slot", "Destroyed the token in slot", slot);
    return HSM_OK;
}

/* --- the table -------------------------------------------------------------------------------- */

static const hsm_admin_option list_options[] = { { .name = NULL } };

static const hsm_admin_option info_options[] = {
    HSM_ADMIN_OPTION_SLOT,
    { .name = NULL },
};

static const hsm_admin_option init_options[] = {
    { .name = "label",
      .value = "NAME",
      .help = "the token's label, up to 32 bytes",
      .kind = HSM_ADMIN_TEXT,
      .is_required = true },
    HSM_ADMIN_OPTION_SLOT,
    HSM_ADMIN_OPTIONS_SECRET("so-pin", "security officer PIN"),
    HSM_ADMIN_OPTIONS_SECRET("pin", "user PIN, to set it as well"),
    HSM_ADMIN_OPTION_YES,
    { .name = NULL },
};

static const hsm_admin_option destroy_options[] = {
    HSM_ADMIN_OPTION_SLOT,
    HSM_ADMIN_OPTIONS_SECRET("so-pin", "security officer PIN"),
    { .name = "without-so-pin",
      .help = "for a locked or lost one: who owns the files may",
      .kind = HSM_ADMIN_SWITCH },
    HSM_ADMIN_OPTION_YES,
    { .name = NULL },
};

static const hsm_admin_command token_commands[] = {
    {
        .name = "init",
        .summary = "make a token in a slot, or make it anew",
        .text = "A token that is there already is destroyed with all its objects, after a question "
                "and\nwith its security officer PIN.",
        .options = init_options,
        .run = run_init,
    },
    {
        .name = "info",
        .summary = "show one token",
        .options = info_options,
        .run = run_info,
    },
    {
        .name = "list",
        .summary = "show the token of every slot",
        .options = list_options,
        .run = run_list,
    },
    {
        .name = "destroy",
        .summary = "destroy a token with all its objects",
        .options = destroy_options,
        .run = run_destroy,
    },
};

const hsm_admin_group hsm_admin_token_group = {
    .name = "token",
    .summary = "initialise, show and destroy tokens",
    .commands = token_commands,
    .command_count = HSM_ARRAY_LEN(token_commands),
};
