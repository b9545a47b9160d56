/* SPDX-License-Identifier: Apache-2.0 */
#include "token/token.h"

#include <stdlib.h>

#include "base/hex.h"
#include "base/log.h"
#include "store/change.h"
#include "token/internal.h"

/* Each failure of a write means that another process's write went through. */
#define UPDATE_TRIES_MAX 256

static bool is_serial(const char *serial)
{
    const size_t len = strnlen(serial, HSM_SERIAL_BYTES + 1);

    for (size_t i = 0; i < len; i++)
        if (serial[i] < 0x20 || serial[i] > 0x7e)
            return false;
    return len >= 1 && len <= HSM_SERIAL_BYTES;
}

static hsm_err check_options(const hsm_token_options *options)
{
    HSM_CHECK(options->store != NULL && options->crypto != NULL, HSM_E_ARG);
    HSM_CHECK(options->pin_min_bytes >= 1 && options->pin_min_bytes <= options->pin_max_bytes &&
                  options->pin_max_bytes <= HSM_PIN_MAX_BYTES,
              HSM_E_ARG);
    HSM_CHECK(options->tries_max >= 1 && options->tries_max <= UINT16_MAX, HSM_E_ARG);
    HSM_CHECK(options->iterations >= 1 && options->iterations <= HSM_PIN_ITERATIONS_MAX, HSM_E_ARG);
    HSM_CHECK(options->serial == NULL || is_serial(options->serial), HSM_E_ARG);
    return HSM_OK;
}

hsm_err hsm_token_open(const hsm_token_options *options, hsm_token **out_token)
{
    HSM_TRY(check_options(options));

    hsm_token *made = calloc(1, sizeof *made);
    HSM_CHECK(made != NULL, HSM_E_NO_MEMORY);
    if (pthread_mutex_init(&made->lock, NULL) != 0) {
        free(made);
        return HSM_E_NO_MEMORY;
    }
    HSM_AUTO(hsm_token_drop) hsm_token *token = made;
    token->options = *options;
    if (options->serial != NULL) {
        memcpy(token->serial, options->serial, strlen(options->serial));
        token->options.serial = token->serial;
    }
    HSM_TRY(hsm_token_load(token));
    *out_token = HSM_MOVE(token);
    return HSM_OK;
}

void hsm_token_close(hsm_token *token)
{
    if (token == NULL)
        return;
    hsm_token_forget_login(token);
    (void)pthread_mutex_destroy(&token->lock);
    free(token);
}

void hsm_token_forget_login(hsm_token *token)
{
    if (atomic_exchange(&token->login, (int)HSM_LOGIN_NONE) == (int)HSM_LOGIN_NONE)
        return;
    hsm_store_lock(token->options.store, token->options.slot);
    hsm_secret_destroy(token->so_master_key);
    token->so_master_key = NULL;
}

/* --- The record ------------------------------------------------------------------------------ */

/* Makes a record the one this token works with. */
static hsm_err adopt(hsm_token *token, const hsm_token_record *record)
{
    if (!token->is_initialized || !hsm_token_same_epoch(&token->record, record)) {
        hsm_token_forget_login(token);
        HSM_TRY(hsm_store_attach(token->options.store, token->options.slot, record->serial));
    }
    token->record = *record;
    token->is_initialized = true;
    return HSM_OK;
}

hsm_err hsm_token_load(hsm_token *token)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf encoded = { 0 };
    hsm_token_record record;
    uint64_t version = 0;
    const uint64_t changes = hsm_store_changes(token->options.store);

    const hsm_err err =
        hsm_store_token_read(token->options.store, token->options.slot, &encoded, &version);
    if (err == HSM_E_STORE_NOT_FOUND || (err == HSM_OK && encoded.len == 0)) {
        /* never made, or removed: by hsm_token_remove(), which leaves an empty record so that versions
         * go on, or by the owner of the files */
        hsm_token_forget_login(token);
        token->is_initialized = false;
    } else {
        HSM_TRY(err);
        HSM_TRY(hsm_token_record_decode(hsm_buf_view(&encoded), &record));
        HSM_TRY(adopt(token, &record));
    }
    token->version = version;
    atomic_store(&token->seen_changes, changes);
    return HSM_OK;
}

hsm_err hsm_token_refresh(hsm_token *token)
{
    const uint64_t changes = hsm_store_changes(token->options.store);

    if (hsm_change_is_settled(changes) && changes == atomic_load(&token->seen_changes))
        return HSM_OK;

    HSM_AUTO(hsm_token_leave) hsm_token *held = hsm_token_enter(token);
    return hsm_token_load(held);
}

hsm_err hsm_token_update(hsm_token *token, hsm_token_change change, void *arg)
{
    for (int i = 0; i < UPDATE_TRIES_MAX; i++) {
        uint8_t encoded[HSM_TOKEN_RECORD_BYTES];

        HSM_TRY(hsm_token_load(token));
        HSM_CHECK(token->is_initialized, HSM_E_TOKEN_NOT_INITIALIZED);
        hsm_token_record record = token->record;
        if (!change(&record, arg))
            return HSM_OK;
        HSM_TRY(hsm_token_record_encode(&record, encoded));
        const hsm_err err =
            hsm_store_token_write(token->options.store, token->options.slot, token->version,
                                  hsm_bytes_of(encoded, sizeof encoded));
        if (err == HSM_E_STORE_CONFLICT)
            continue;
        HSM_TRY(err);
        token->record = record;
        return HSM_OK;
    }
    hsm_log(HSM_LOG_ERROR, "slot %u: the token record is written too often by other processes",
            (unsigned)token->options.slot);
    return HSM_E_STORE_CONFLICT;
}

hsm_err hsm_token_check_initialized(hsm_token *token)
{
    HSM_TRY(hsm_token_refresh(token));
    HSM_CHECK(atomic_load(&token->is_initialized), HSM_E_TOKEN_NOT_INITIALIZED);
    return HSM_OK;
}

/* --- Information ----------------------------------------------------------------------------- */

static uint32_t tries_left(const hsm_token *token, hsm_user user)
{
    const hsm_pin_entry *entry = &token->record.pin[user];

    if (entry->is_locked || entry->tries_used >= token->options.tries_max)
        return 0;
    return token->options.tries_max - entry->tries_used;
}

hsm_err hsm_token_get_info(hsm_token *token, hsm_token_info *out_info)
{
    HSM_AUTO(hsm_token_leave) hsm_token *held = hsm_token_enter(token);

    HSM_TRY(hsm_token_load(held));
    hsm_token_info info = {
        .is_initialized = held->is_initialized,
        .user_tries_left = held->options.tries_max,
        .so_tries_left = held->options.tries_max,
        .tries_max = held->options.tries_max,
        .pin_min_bytes = held->options.pin_min_bytes,
        .pin_max_bytes = held->options.pin_max_bytes,
    };
    memset(info.label, ' ', sizeof info.label);
    memset(info.serial, ' ', sizeof info.serial);
    if (held->is_initialized) {
        info.has_user_pin = held->record.pin[HSM_USER_USER].is_set;
        info.must_change_user_pin = held->record.pin[HSM_USER_USER].must_change;
        info.user_tries_left = tries_left(held, HSM_USER_USER);
        info.so_tries_left = tries_left(held, HSM_USER_SO);
        memcpy(info.label, held->record.label, sizeof info.label);
        memcpy(info.serial, held->record.serial, sizeof info.serial);
    }
    *out_info = info;
    return HSM_OK;
}

/* --- Initialisation -------------------------------------------------------------------------- */

/* The configured serial, or 64 random bits in hexadecimal. */
static hsm_err make_serial(hsm_token *token, uint8_t out_serial[HSM_SERIAL_BYTES])
{
    uint8_t random[HSM_SERIAL_BYTES / 2];

    if (token->options.serial != NULL) {
        memset(out_serial, ' ', HSM_SERIAL_BYTES);
        memcpy(out_serial, token->serial, strlen(token->serial));
        return HSM_OK;
    }
    HSM_TRY(hsm_crypto_random(token->options.crypto, random, sizeof random));
    hsm_hex_encode(hsm_bytes_of(random, sizeof random), (char *)out_serial);
    return HSM_OK;
}

static hsm_err make_record(hsm_token *token, hsm_bytes so_pin, const uint8_t *label,
                           hsm_token_record *out_record)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *master_key = NULL;
    hsm_token_record record = { 0 };

    HSM_TRY(hsm_crypto_random(token->options.crypto, record.epoch, sizeof record.epoch));
    memcpy(record.label, label, sizeof record.label);
    HSM_TRY(make_serial(token, record.serial));
    HSM_TRY(hsm_secret_create(HSM_MASTER_KEY_BYTES, &master_key));
    HSM_TRY(hsm_crypto_random(token->options.crypto, hsm_secret_data(master_key),
                              HSM_MASTER_KEY_BYTES));
    HSM_TRY(hsm_pin_set(token, &record, HSM_USER_SO, so_pin, hsm_secret_view(master_key)));
    HSM_TRY(hsm_pin_unset(token, &record, HSM_USER_USER));
    *out_record = record;
    return HSM_OK;
}

/* Writes the new token over the one the SO PIN was proved for, or where there was none. Tries that
 * others had counted meanwhile do not matter; another token or another SO PIN does. */
static hsm_err reset(hsm_token *token, hsm_bytes encoded)
{
    const bool was_initialized = token->is_initialized;
    const hsm_token_record before = token->record;

    for (int i = 0; i < UPDATE_TRIES_MAX; i++) {
        HSM_TRY(hsm_token_load(token));
        HSM_CHECK(token->is_initialized == was_initialized, HSM_E_STORE_CONFLICT);
        HSM_CHECK(!was_initialized || hsm_token_same_pin(&token->record, &before, HSM_USER_SO),
                  HSM_E_STORE_CONFLICT);
        const hsm_err err = hsm_store_token_reset(token->options.store, token->options.slot,
                                                  token->version, encoded);
        if (err != HSM_E_STORE_CONFLICT)
            return err;
    }
    return HSM_E_STORE_CONFLICT;
}

hsm_err hsm_token_init(hsm_token *token, hsm_bytes so_pin,
                       const uint8_t label[HSM_TOKEN_LABEL_BYTES])
{
    HSM_AUTO(hsm_token_leave) hsm_token *held = hsm_token_enter(token);
    HSM_AUTO(hsm_secret_drop) hsm_secret *old_master_key = NULL;
    uint8_t encoded[HSM_TOKEN_RECORD_BYTES];
    hsm_token_record record;

    HSM_TRY(hsm_token_load(held));
    /* The present PIN may be older than today's rules, so they are for a first one only. */
    if (held->is_initialized)
        HSM_TRY(hsm_token_verify(held, HSM_USER_SO, so_pin, &old_master_key));
    else
        HSM_TRY(hsm_pin_check_rules(held, so_pin));
    HSM_TRY(make_record(held, so_pin, label, &record));
    HSM_TRY(hsm_token_record_encode(&record, encoded));
    HSM_TRY(reset(held, hsm_bytes_of(encoded, sizeof encoded)));
    /* Done for good. If there is no memory to go on with, whoever comes next reads it again. */
    const hsm_err err = adopt(held, &record);
    if (err != HSM_OK)
        hsm_log(HSM_LOG_WARNING, "slot %u: the new token is not in use yet: %s",
                (unsigned)held->options.slot, hsm_err_text(err));
    return HSM_OK;
}

hsm_err hsm_token_remove(hsm_token *token, hsm_bytes so_pin)
{
    HSM_AUTO(hsm_token_leave) hsm_token *held = hsm_token_enter(token);
    HSM_AUTO(hsm_secret_drop) hsm_secret *master_key = NULL;

    HSM_TRY(hsm_token_load(held));
    HSM_CHECK(held->is_initialized, HSM_E_TOKEN_NOT_INITIALIZED);
    if (so_pin.data != NULL)
        HSM_TRY(hsm_token_verify(held, HSM_USER_SO, so_pin, &master_key));
    HSM_TRY(reset(held, hsm_bytes_none()));
    return hsm_token_load(held);
}
