/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/token_key.h"

#include <stdlib.h>

#include "base/handle.h"
#include "base/log.h"
#include "config/key_uri.h"
#include "core/keyring.h"
#include "os/file.h"
#include "os/paths.h"

#define SETTING "daemon.tls_key"
#define CREDENTIAL "craton-hsm-pin"
/* Who the audit log says it was. */
#define CLIENT "cratond, its TLS key"
/* A PIN, and notes after its line. */
#define PIN_FILE_MAX_BYTES 4096u
#define HEXADECIMAL 16

struct token_key {
    hsm_core *core;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE handle;
    uint64_t id;
    hsm_buf spki;
};

static hsm_err refuse(const char *reason)
{
    hsm_log(HSM_LOG_ERROR, "%s: %s", SETTING, reason);
    return HSM_E_CONFIG;
}

/* --- which token --------------------------------------------------------------------------------- */

/* Texts of tokens are padded with blanks; nothing asked for fits all. */
static bool fits(const char *wanted, const CK_UTF8CHAR *text, size_t len)
{
    while (len > 0 && text[len - 1] == ' ')
        len--;
    return wanted[0] == '\0' || hsm_bytes_equal(hsm_bytes_of(text, len), hsm_bytes_of_text(wanted));
}

static hsm_err is_token(hsm_core *core, CK_SLOT_ID slot, const hsm_key_uri *uri, bool *out_is)
{
    CK_TOKEN_INFO info;

    *out_is = false;
    if (uri->has_slot && uri->slot != slot)
        return HSM_OK;
    HSM_TRY(hsm_core_token_info(core, slot, &info));
    *out_is = (info.flags & CKF_TOKEN_INITIALIZED) != 0 &&
              fits(uri->token, info.label, sizeof info.label) &&
              fits(uri->serial, info.serialNumber, sizeof info.serialNumber);
    return HSM_OK;
}

static hsm_err find_token(hsm_core *core, const hsm_key_uri *uri, CK_SLOT_ID *out_slot)
{
    unsigned count = 0;

    for (CK_SLOT_ID slot = 0; slot < hsm_core_slot_count(core); slot++) {
        bool is = false;

        HSM_TRY(is_token(core, slot, uri, &is));
        if (is)
            *out_slot = slot;
        count += is ? 1 : 0;
    }
    if (count == 0)
        return refuse("there is no token such as the URI names");
    return count == 1 ? HSM_OK
                      : refuse("several tokens are such as the URI names: add serial or slot-id");
}

/* --- the PIN ------------------------------------------------------------------------------------- */

static hsm_err refuse_pin_file(const char *path, hsm_file_check checks, hsm_err err)
{
    char why[HSM_FILE_WHY_BYTES] = "its first line is empty";

    if (err != HSM_E_DATA)
        hsm_file_why(path, (unsigned)checks, err, why, sizeof why);
    hsm_log(HSM_LOG_ERROR, "%s: the file with the PIN, %s, can't be read: %s", SETTING, path, why);
    return HSM_E_CONFIG;
}

static hsm_err read_pin_file(const char *path, hsm_file_check checks, hsm_secret **out_pin)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *pin = NULL;
    hsm_err err = hsm_file_read_secret(path, (unsigned)checks, PIN_FILE_MAX_BYTES, &pin);

    if (err == HSM_OK)
        err = hsm_secret_keep_line(pin);
    HSM_CHECK(err != HSM_E_NO_MEMORY, err);
    if (err != HSM_OK)
        return refuse_pin_file(path, checks, err);
    *out_pin = HSM_MOVE(pin);
    return HSM_OK;
}

static hsm_err read_pin(const hsm_key_uri *uri, hsm_secret **out_pin)
{
    HSM_AUTO(hsm_path_drop) char *credential = NULL;

    if (uri->pin_path[0] != '\0')
        return read_pin_file(uri->pin_path, HSM_FILE_PRIVATE, out_pin);
    HSM_TRY(hsm_path_credential(CREDENTIAL, &credential));
    if (credential == NULL)
        return refuse("no PIN for the token: add ?pin-source=file:/PATH to the URI, or give the "
                      "service the credential " CREDENTIAL);
    /* The service manager decides the mode; an access list shows as group bits. */
    return read_pin_file(credential, HSM_FILE_TRUSTED, out_pin);
}

static hsm_err log_in(token_key *key, CK_SLOT_ID slot, const hsm_secret *pin)
{
    hsm_err err =
        hsm_core_open_session_for(key->core, slot, CKF_SERIAL_SESSION, CLIENT, &key->session);

    if (err == HSM_OK)
        err = hsm_core_login(key->core, key->session, CKU_USER, hsm_secret_view(pin));
    if (err != HSM_OK)
        hsm_log(HSM_LOG_ERROR, "%s: can't log in to slot %lu: %s", SETTING, (unsigned long)slot,
                hsm_err_text(err));
    return err;
}

/* --- which key ----------------------------------------------------------------------------------- */

static hsm_err describe(const hsm_key_uri *uri, hsm_named *out_named)
{
    CK_OBJECT_CLASS object_class = 0;

    HSM_TRY(hsm_core_class_by_name("private", &object_class));
    HSM_TRY(hsm_named_put_ulong(out_named, "CLASS", object_class));
    HSM_TRY(hsm_named_put_bool(out_named, "TOKEN", true));
    if (uri->label[0] != '\0')
        HSM_TRY(hsm_named_put(out_named, "LABEL", hsm_bytes_of_text(uri->label)));
    if (uri->id_len > 0)
        HSM_TRY(hsm_named_put(out_named, "ID", hsm_bytes_of(uri->id, uri->id_len)));
    return HSM_OK;
}

static hsm_err find_key(token_key *key, hsm_session *session, const hsm_key_uri *uri)
{
    HSM_AUTO(hsm_named_clear) hsm_named named = { 0 };
    CK_OBJECT_HANDLE found[2];
    size_t count = 0;

    HSM_TRY(describe(uri, &named));
    const hsm_template tmpl = hsm_named_template(&named);
    HSM_TRY(hsm_core_find_init(key->core, session, &tmpl));
    const hsm_err err = hsm_core_find(key->core, session, found, HSM_ARRAY_LEN(found), &count);
    HSM_TRY(hsm_core_find_final(key->core, session));
    HSM_TRY(err);
    if (count == 0)
        return refuse("there is no private key such as the URI names");
    if (count > 1)
        return refuse("several private keys are such as the URI names: add object or id");
    key->handle = found[0];
    return HSM_OK;
}

static hsm_err read_key(token_key *key, const hsm_key_uri *uri)
{
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf id = { 0 };

    HSM_TRY(hsm_core_session(key->core, key->session, &session));
    HSM_TRY(find_key(key, session, uri));
    if (hsm_core_get_value(key->core, session, key->handle, "PUBLIC_KEY_INFO", &key->spki) !=
            HSM_OK ||
        key->spki.len == 0)
        return refuse("the private key does not know its public half");
    HSM_TRY(hsm_core_get_value(key->core, session, key->handle, "UNIQUE_ID", &id));
    HSM_TRY(hsm_buf_append(&id, hsm_bytes_of("", 1)));
    key->id = strtoull((const char *)id.data, NULL, HEXADECIMAL);
    return key->id != 0 ? HSM_OK : HSM_E_INTERNAL;
}

/* --- opening and using --------------------------------------------------------------------------- */

static void key_drop(token_key **key)
{
    token_key_close(*key);
}

hsm_err token_key_open(hsm_core *root, const char *uri, token_key **out_key)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *pin = NULL;
    HSM_AUTO(key_drop) token_key *key = calloc(1, sizeof *key);
    CK_SLOT_ID slot = 0;
    hsm_key_uri wanted;

    HSM_CHECK(key != NULL, HSM_E_NO_MEMORY);
    const char *reason = hsm_key_uri_read(uri, &wanted);
    if (reason != NULL)
        return refuse(reason);
    HSM_TRY(find_token(root, &wanted, &slot));
    HSM_TRY(read_pin(&wanted, &pin));
    HSM_TRY(hsm_core_share(root, &key->core));
    HSM_TRY(log_in(key, slot, pin));
    HSM_TRY(read_key(key, &wanted));
    *out_key = HSM_MOVE(key);
    return HSM_OK;
}

void token_key_close(token_key *key)
{
    if (key == NULL)
        return;
    if (key->session != HSM_HANDLE_NONE &&
        hsm_core_close_session(key->core, key->session) != HSM_OK)
        hsm_log(HSM_LOG_WARNING, "%s: its session did not end in order", SETTING);
    hsm_core_close(key->core);
    hsm_buf_clear(&key->spki);
    free(key);
}

hsm_bytes token_key_public(const token_key *key)
{
    return hsm_buf_view(&key->spki);
}

uint64_t token_key_id(const token_key *key)
{
    return key->id;
}

hsm_err token_key_sign(token_key *key, const hsm_sign_request *request, hsm_out *out)
{
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_sign_request own = *request;

    own.key = key->handle;
    HSM_TRY(hsm_core_session(key->core, key->session, &session));
    return hsm_core_sign_as(key->core, session, &own, out);
}
