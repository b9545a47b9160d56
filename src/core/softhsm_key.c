/* A SoftHSM2 token's key: AES-256, encrypted under a key that is made of the user PIN by hashing it with a
 * salt and then its hash again, some 1500 to 1755 times.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/ct.h"
#include "core/softhsm.h"

#define SALT_BYTES 8u
#define ROUNDS_MIN 1500u /* and as many more as the salt's last byte says */
#define KEY_BYTES 32u

/* What the key has before it when it is decrypted, to tell a right PIN from a wrong one. */
static const uint8_t magic[3] = { 0x52, 0x4a, 0x52 };

_Static_assert(KEY_BYTES == HSM_SHA256_BYTES, "the key is a hash");
_Static_assert(HSM_SOFTHSM_PIN_BLOB_BYTES ==
                   SALT_BYTES + HSM_AES_CBC_BLOCK_BYTES + KEY_BYTES + HSM_AES_CBC_BLOCK_BYTES,
               "salt, vector, and the key with its magic and padding");

static hsm_err stretch(hsm_crypto *crypto, hsm_bytes salt, hsm_bytes pin, hsm_secret *out)
{
    HSM_AUTO(hsm_sha256_drop) hsm_sha256 *sha = NULL;
    const hsm_bytes first[] = { salt, pin };
    const hsm_bytes again = hsm_secret_view(out);
    const unsigned rounds = ROUNDS_MIN + salt.data[salt.len - 1];

    HSM_TRY(hsm_sha256_create(crypto, &sha));
    HSM_TRY(hsm_sha256_compute(sha, first, HSM_ARRAY_LEN(first), hsm_secret_data(out)));
    for (unsigned i = 1; i < rounds; i++)
        HSM_TRY(hsm_sha256_compute(sha, &again, 1, hsm_secret_data(out)));
    return HSM_OK;
}

hsm_err hsm_softhsm_unlock(hsm_crypto *crypto, hsm_softhsm_source *source, hsm_bytes pin)
{
    const hsm_bytes blob = hsm_bytes_of(source->pin_blob, sizeof source->pin_blob);
    HSM_AUTO(hsm_secret_drop) hsm_secret *wrapping = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *plain = NULL;
    HSM_AUTO(hsm_aes_cbc_drop) hsm_aes_cbc *cbc = NULL;
    size_t len = 0;

    HSM_CHECK(source->has_user_pin, HSM_E_USER_PIN_NOT_INITIALIZED);
    HSM_CHECK(pin.len > 0, HSM_E_PIN_INCORRECT);
    HSM_TRY(hsm_secret_create(KEY_BYTES, &wrapping));
    HSM_TRY(hsm_secret_create(blob.len, &plain));
    HSM_TRY(stretch(crypto, hsm_bytes_of(blob.data, SALT_BYTES), pin, wrapping));
    HSM_TRY(hsm_aes_cbc_create(crypto, hsm_secret_view(wrapping), &cbc));
    const hsm_err err =
        hsm_aes_cbc_open(cbc, hsm_bytes_of(blob.data + SALT_BYTES, blob.len - SALT_BYTES),
                         hsm_secret_data(plain), &len);
    HSM_CHECK(err != HSM_E_ENCRYPTED_DATA, HSM_E_PIN_INCORRECT);
    HSM_TRY(err);
    HSM_CHECK(len == sizeof magic + KEY_BYTES &&
                  hsm_ct_equal(hsm_bytes_of(hsm_secret_data(plain), sizeof magic),
                               hsm_bytes_of(magic, sizeof magic)),
              HSM_E_PIN_INCORRECT);
    return hsm_aes_cbc_create(
        crypto, hsm_bytes_of(hsm_secret_data(plain) + sizeof magic, KEY_BYTES), &source->key);
}
