/* What commands stand on: configuration, core, sessions, and how errors are told.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>

#include "admin/admin.h"
#include "admin/terminal.h"
#include "base/handle.h"
#include "core/operator.h"

void hsm_admin_clear(hsm_admin *admin)
{
    hsm_core_close(admin->core);
    hsm_config_destroy(admin->config);
    hsm_admin_report_destroy(admin->report);
    *admin = (hsm_admin){ 0 };
}

/* --- errors ----------------------------------------------------------------------------------- */

hsm_err hsm_admin_fail(hsm_admin *admin, hsm_err err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(admin->what, sizeof admin->what, format, args);
    va_end(args);
    return err;
}

void hsm_admin_hint(hsm_admin *admin, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(admin->hint, sizeof admin->hint, format, args);
    va_end(args);
}

static void print_json_field(const char *key, const char *text)
{
    (void)printf(", \"%s\": ", key);
    hsm_admin_json_string(hsm_bytes_of_text(text), stdout);
}

static void tell_json(const hsm_admin *admin, hsm_err err, int status)
{
    char command[64] = "";

    if (admin->command != NULL)
        (void)snprintf(command, sizeof command, "%s%s%s", admin->group->name,
                       admin->command->name[0] != '\0' ? " " : "", admin->command->name);
    (void)printf("{\n  \"command\": \"%s\",\n  \"ok\": false,\n  \"error\": {\"name\": \"%s\"",
                 command, hsm_err_name(err));
    print_json_field("text", hsm_err_text(err));
    print_json_field("where", admin->what);
    print_json_field("hint", admin->hint);
    (void)printf(", \"exit\": %d}\n}\n", status);
    (void)fflush(stdout);
}

static void print_line(const char *prefix, const char *text)
{
    (void)fputs(prefix, stderr);
    hsm_admin_print_plain(hsm_bytes_of_text(text), stderr);
}

/* What to do when the store can't be worked with. */
static void hint_store(hsm_admin *admin, hsm_err err)
{
    const hsm_config *config = admin->config;

    switch ((int)err) {
    case HSM_E_STORE_PERMISSION:
        hsm_admin_hint(admin,
                       "run this as the owner of %s; craton-hsm-admin doctor names files whose "
                       "owner or mode is wrong",
                       config->token.storage_path);
        break;
    case HSM_E_STORE_BUSY:
        hsm_admin_hint(admin, "see who holds it: fuser -v %s/*", config->token.storage_path);
        break;
    case HSM_E_STORE_FULL:
        hsm_admin_hint(admin, "make room: df -h %s", config->token.storage_path);
        break;
    case HSM_E_STORE_CORRUPT:
        hsm_admin_hint(admin,
                       "put back from a copy what the line above names; or move %s away, make the "
                       "token anew and restore a backup",
                       config->token.storage_path);
        break;
    case HSM_E_STORE_LOST:
        hsm_admin_hint(admin,
                       "put store.db back from a copy, with its store.db-wal if there is one; or, "
                       "for a new and empty store, move %s away",
                       config->token.storage_path);
        break;
    case HSM_E_STORE_VERSION:
        hsm_admin_hint(admin, "use the version of Craton HSM that wrote it, or a later one");
        break;
    case HSM_E_AUDIT:
        hsm_admin_hint(admin,
                       "put right what the line above names: room, owner or mode of %s and its "
                       "directory",
                       config->audit.log_path != NULL ? config->audit.log_path : "the log");
        break;
    default:
        break;
    }
}

int hsm_admin_tell_error(hsm_admin *admin, hsm_err err)
{
    const int status = hsm_err_exit(err);

    if (admin->is_quiet_failure)
        return status;
    if (err == HSM_E_AUDIT && admin->hint[0] == '\0' && admin->config != NULL)
        hint_store(admin, err); /* any step of a command can meet it */
    if (admin->is_json)
        tell_json(admin, err, status);
    print_line("craton-hsm-admin: ", hsm_err_text(err));
    if (admin->what[0] != '\0')
        print_line(": ", admin->what);
    (void)fputc('\n', stderr);
    if (admin->hint[0] != '\0') {
        print_line("  try: ", admin->hint);
        (void)fputc('\n', stderr);
    }
    return status;
}

/* --- opening ---------------------------------------------------------------------------------- */

hsm_err hsm_admin_open_config(hsm_admin *admin)
{
    if (admin->config != NULL)
        return HSM_OK;
    const hsm_err err = admin->config_path != NULL
                            ? hsm_config_load_file(admin->config_path, &admin->config)
                            : hsm_config_load(&admin->config);
    if (err == HSM_OK)
        return HSM_OK;
    hsm_admin_hint(admin, "correct what the line above names; docs/configure.md lists every key");
    return hsm_admin_fail(admin, err, "%s",
                          admin->config_path != NULL ? admin->config_path : "the configuration");
}

hsm_err hsm_admin_open_core(hsm_admin *admin)
{
    if (admin->core != NULL)
        return HSM_OK;
    HSM_TRY(hsm_admin_open_config(admin));
    const hsm_err err = hsm_core_open(admin->config, &admin->core);
    if (err == HSM_OK)
        return HSM_OK;
    hint_store(admin, err);
    return hsm_admin_fail(admin, err, "%s",
                          admin->config->token.storage_path != NULL
                              ? admin->config->token.storage_path
                              : "objects are kept in memory");
}

hsm_err hsm_admin_slot(hsm_admin *admin, CK_SLOT_ID *out_slot)
{
    const hsm_admin_range range = { .min = 0, .max = UINT32_MAX };
    uint64_t slot = 0;

    HSM_TRY(hsm_admin_number(admin, "slot", range, &slot));
    HSM_TRY(hsm_admin_open_core(admin));
    const uint32_t count = hsm_core_slot_count(admin->core);
    if (slot >= count) {
        hsm_admin_hint(admin, "raise token.slot_count in the configuration");
        return hsm_admin_fail(admin, HSM_E_SLOT, "%llu (there are 0 to %u)",
                              (unsigned long long)slot, (unsigned)count - 1);
    }
    *out_slot = (CK_SLOT_ID)slot;
    return HSM_OK;
}

hsm_err hsm_admin_open_session(hsm_admin *admin, CK_SESSION_HANDLE *out_session)
{
    CK_SLOT_ID slot = 0;

    HSM_TRY(hsm_admin_slot(admin, &slot));
    const hsm_err err =
        hsm_core_open_session(admin->core, slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, out_session);
    if (err == HSM_OK)
        return HSM_OK;
    if (err == HSM_E_TOKEN_NOT_INITIALIZED)
        hsm_admin_hint(admin, "craton-hsm-admin token init --slot %lu --label NAME",
                       (unsigned long)slot);
    if (err == HSM_E_TOKEN_WRITE_PROTECTED)
        hsm_admin_hint(admin, "make the store writable: a login counts its try there");
    return hsm_admin_fail(admin, err, "slot %lu", (unsigned long)slot);
}

hsm_err hsm_admin_explain_pin(hsm_admin *admin, hsm_admin_role role, hsm_err err)
{
    hsm_pin_status pins = { 0 };
    CK_SLOT_ID slot = 0;

    if (err == HSM_OK || hsm_admin_slot(admin, &slot) != HSM_OK ||
        hsm_core_pin_status(admin->core, slot, &pins) != HSM_OK)
        return err;
    const bool is_so = role == HSM_ADMIN_SO_PIN || role == HSM_ADMIN_FIRST_SO_PIN;
    const uint32_t tries = is_so ? pins.so_tries_left : pins.user_tries_left;
    const char *unlock = is_so ? "nothing unlocks it; objects stay usable with the user PIN"
                               : "craton-hsm-admin pin reset (needs the security officer PIN)";
    switch ((int)err) {
    case HSM_E_PIN_INCORRECT:
        if (tries > 0)
            hsm_admin_hint(admin, "check the PIN; %u %s left before it is locked", (unsigned)tries,
                           tries == 1 ? "try is" : "tries are");
        else
            hsm_admin_hint(admin, "that was the last try: it is locked now; %s", unlock);
        break;
    case HSM_E_PIN_LOCKED:
        hsm_admin_hint(admin, "%s", unlock);
        break;
    case HSM_E_USER_PIN_NOT_INITIALIZED:
        hsm_admin_hint(admin, "craton-hsm-admin pin reset");
        break;
    case HSM_E_PIN_LEN:
        hsm_admin_hint(admin, "use %u to %u bytes", (unsigned)pins.pin_min_bytes,
                       (unsigned)pins.pin_max_bytes);
        break;
    default:
        break;
    }
    return hsm_admin_fail(admin, err, "%s, slot %lu", hsm_admin_role_name(role),
                          (unsigned long)slot);
}

hsm_err hsm_admin_login(hsm_admin *admin, hsm_admin_role role, CK_SESSION_HANDLE *out_session)
{
    const CK_USER_TYPE user = role == HSM_ADMIN_SO_PIN ? CKU_SO : CKU_USER;
    HSM_AUTO(hsm_secret_drop) hsm_secret *pin = NULL;
    CK_SESSION_HANDLE session = HSM_HANDLE_NONE;

    HSM_TRY(hsm_admin_open_session(admin, &session));
    HSM_TRY(hsm_admin_get_secret(admin, role, &pin));
    HSM_TRY(hsm_admin_explain_pin(
        admin, role, hsm_core_login(admin->core, session, user, hsm_secret_view(pin))));
    *out_session = session;
    return HSM_OK;
}

hsm_err hsm_admin_confirm(hsm_admin *admin, const char *question)
{
    if (hsm_admin_is_given(admin, "yes"))
        return HSM_OK;
    const hsm_err err = hsm_terminal_confirm(question);
    if (err == HSM_E_STORE_NOT_FOUND) {
        hsm_admin_hint(admin, "add --yes if you are sure");
        return hsm_admin_fail(admin, HSM_E_ARG, "no terminal to ask: %s", question);
    }
    return err;
}

hsm_bytes hsm_admin_unpad(const uint8_t *text, size_t len)
{
    while (len > 0 && text[len - 1] == ' ')
        len--;
    return hsm_bytes_of(text, len);
}

void hsm_admin_put_result(hsm_admin *admin, const char *key, hsm_bytes result)
{
    if (admin->is_json) {
        hsm_admin_put_bytes(admin->report, key, NULL, result);
        return;
    }
    admin->is_written = true;
    (void)fwrite(result.data, 1, result.len, stdout); /* main() looks whether it got there */
}
