/* PIN -> PBKDF2-HMAC-SHA256 (salt and iterations of the entry) -> HKDF-SHA256 (salted with a secret
 * of the device key, which the database alone does not have) -> verifier and wrapping key.
 * SPDX-License-Identifier: Apache-2.0 */
#include "token/internal.h"

#include "base/codec.h"
#include "base/ct.h"
#include "base/utf8.h"

#define STRETCHED_BYTES 32
#define DEVICE_SECRET_BYTES 32
#define DEVICE_SECRET_USE "token-pin"
#define DERIVED_BYTES (HSM_PIN_VERIFIER_BYTES + HSM_AEAD_KEY_BYTES)

static const char *const derive_info[HSM_USER_COUNT] = {
    [HSM_USER_SO] = "craton-hsm pin 1 so",
    [HSM_USER_USER] = "craton-hsm pin 1 user",
};

hsm_err hsm_pin_check_rules(const hsm_token *token, hsm_bytes pin)
{
    HSM_CHECK(pin.len >= token->options.pin_min_bytes && pin.len <= token->options.pin_max_bytes,
              HSM_E_PIN_LEN);
    HSM_CHECK(hsm_utf8_is_valid(pin), HSM_E_PIN_INVALID);
    return HSM_OK;
}

/* Verifier, then wrapping key. */
static hsm_err derive(hsm_token *token, hsm_user user, const hsm_pin_entry *entry, hsm_bytes pin,
                      hsm_secret **out_keys)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *device = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *stretched = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *keys = NULL;
    hsm_crypto *crypto = token->options.crypto;

    HSM_TRY(hsm_secret_create(DEVICE_SECRET_BYTES, &device));
    HSM_TRY(hsm_secret_create(STRETCHED_BYTES, &stretched));
    HSM_TRY(hsm_secret_create(DERIVED_BYTES, &keys));
    HSM_TRY(hsm_store_device_secret(token->options.store, DEVICE_SECRET_USE, device));
    HSM_TRY(hsm_crypto_pbkdf2(crypto, pin, hsm_bytes_of(entry->salt, sizeof entry->salt),
                              entry->iterations, stretched));
    HSM_TRY(hsm_crypto_hkdf(crypto, hsm_secret_view(stretched), hsm_secret_view(device),
                            hsm_bytes_of_text(derive_info[user]), keys));
    *out_keys = HSM_MOVE(keys);
    return HSM_OK;
}

static hsm_bytes verifier_of(const hsm_secret *keys)
{
    return hsm_bytes_of(hsm_secret_view(keys).data, HSM_PIN_VERIFIER_BYTES);
}

static hsm_bytes wrapping_key_of(const hsm_secret *keys)
{
    return hsm_bytes_of(hsm_secret_view(keys).data + HSM_PIN_VERIFIER_BYTES, HSM_AEAD_KEY_BYTES);
}

/* What a wrapped master key belongs to: this initialisation of the token, this user. */
typedef struct wrap_aad {
    uint8_t data[HSM_EPOCH_BYTES + 1];
} wrap_aad;

static hsm_bytes make_aad(const hsm_token_record *record, hsm_user user, wrap_aad *aad)
{
    memcpy(aad->data, record->epoch, HSM_EPOCH_BYTES);
    aad->data[HSM_EPOCH_BYTES] = (uint8_t)user;
    return hsm_bytes_of(aad->data, sizeof aad->data);
}

static hsm_err init_entry(hsm_token *token, hsm_pin_entry *entry)
{
    *entry = (hsm_pin_entry){ .iterations = token->options.iterations };
    return hsm_crypto_random(token->options.crypto, entry->salt, sizeof entry->salt);
}

hsm_err hsm_pin_set(hsm_token *token, hsm_token_record *record, hsm_user user, hsm_bytes pin,
                    hsm_bytes master_key)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *keys = NULL;
    HSM_AUTO(hsm_aead_drop) hsm_aead *aead = NULL;
    hsm_pin_entry entry;
    wrap_aad aad;

    HSM_CHECK(master_key.len == HSM_MASTER_KEY_BYTES, HSM_E_INTERNAL);
    HSM_TRY(init_entry(token, &entry));
    HSM_TRY(derive(token, user, &entry, pin, &keys));
    memcpy(entry.verifier, verifier_of(keys).data, sizeof entry.verifier);
    HSM_TRY(hsm_crypto_random(token->options.crypto, entry.nonce, sizeof entry.nonce));
    HSM_TRY(hsm_aead_create(token->options.crypto, wrapping_key_of(keys), &aead));
    HSM_TRY(hsm_aead_seal(aead, entry.nonce, make_aad(record, user, &aad), master_key,
                          entry.wrapped_key));
    entry.is_set = true;
    record->pin[user] = entry;
    return HSM_OK;
}

hsm_err hsm_pin_unset(hsm_token *token, hsm_token_record *record, hsm_user user)
{
    hsm_pin_entry entry;

    HSM_TRY(init_entry(token, &entry));
    HSM_TRY(hsm_crypto_random(token->options.crypto, entry.verifier, sizeof entry.verifier));
    record->pin[user] = entry;
    return HSM_OK;
}

void hsm_pin_try_clear(hsm_pin_try *given)
{
    hsm_secret_destroy(given->keys);
    given->keys = NULL;
}

static bool may_fit(hsm_bytes pin)
{
    return pin.len >= 1 && pin.len <= HSM_PIN_MAX_BYTES;
}

hsm_err hsm_pin_derive(hsm_token *token, const hsm_token_record *record, hsm_pin_try *given)
{
    const hsm_pin_entry *entry = &record->pin[given->user];
    /* A length no PIN can have costs the same work, on other bytes. */
    const hsm_bytes stand_in = hsm_bytes_of(entry->salt, sizeof entry->salt);

    hsm_pin_try_clear(given);
    return derive(token, given->user, entry, may_fit(given->pin) ? given->pin : stand_in,
                  &given->keys);
}

hsm_err hsm_pin_open(hsm_token *token, const hsm_token_record *record, const hsm_pin_try *given,
                     hsm_secret **out_master_key)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *master_key = NULL;
    HSM_AUTO(hsm_aead_drop) hsm_aead *aead = NULL;
    const hsm_pin_entry *entry = &record->pin[given->user];
    wrap_aad aad;

    const bool fits = hsm_ct_equal(verifier_of(given->keys),
                                   hsm_bytes_of(entry->verifier, sizeof entry->verifier));
    HSM_CHECK(fits && may_fit(given->pin), HSM_E_PIN_INCORRECT);

    HSM_TRY(hsm_secret_create(HSM_MASTER_KEY_BYTES, &master_key));
    HSM_TRY(hsm_aead_create(token->options.crypto, wrapping_key_of(given->keys), &aead));
    const hsm_err err = hsm_aead_open(aead, entry->nonce, make_aad(record, given->user, &aad),
                                      hsm_bytes_of(entry->wrapped_key, sizeof entry->wrapped_key),
                                      hsm_secret_data(master_key));
    HSM_CHECK(err != HSM_E_ENCRYPTED_DATA, HSM_E_STORE_CORRUPT);
    HSM_TRY(err);
    *out_master_key = HSM_MOVE(master_key);
    return HSM_OK;
}
