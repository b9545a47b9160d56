/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/kem.h"

#include "crypto/crypt.h"
#include "crypto/internal.h"
#include "crypto/selftest.h"

/* RSA with a padding: the secret is chosen here and encrypted. */
static bool is_transport(const hsm_mech *mech)
{
    return mech->alg == HSM_ALG_RSA_PKCS || mech->alg == HSM_ALG_RSA_OAEP;
}

size_t hsm_kem_ciphertext_len(const hsm_kem_use *use)
{
    if (use->key->set != NULL)
        return use->key->set->result_bytes;
    if (use->key->curve != NULL)
        return use->key->curve->point_bytes;
    return (use->key->bits + 7) / 8;
}

static hsm_err transport(const hsm_kem_use *use, uint8_t *ciphertext, hsm_secret **out_value)
{
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;
    hsm_crypto *crypto = use->key->crypto;

    HSM_CHECK(use->value_len > 0, HSM_E_TEMPLATE_INCOMPLETE);
    HSM_TRY(hsm_secret_create(use->value_len, &value));
    HSM_TRY(crypto->backend->random_secret(crypto, hsm_secret_data(value), use->value_len));
    HSM_TRY(hsm_crypt_create(crypto, &crypt));
    HSM_TRY(hsm_crypt_begin(crypt, HSM_OP_WRAP, use->mech, use->params, use->key));
    hsm_out out = hsm_out_of(ciphertext, hsm_kem_ciphertext_len(use));
    const hsm_err err = hsm_crypt_single(crypt, hsm_secret_view(value), &out);
    HSM_CHECK(err != HSM_E_DATA_LEN, HSM_E_KEY_SIZE);
    HSM_TRY(err);

    *out_value = HSM_MOVE(value);
    return HSM_OK;
}

/* Every failure after the parameter looks alike: no oracle for the padding. */
static hsm_err open_transported(const hsm_kem_use *use, hsm_bytes ciphertext,
                                hsm_secret **out_value)
{
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;

    HSM_TRY(hsm_crypt_create(use->key->crypto, &crypt));
    HSM_TRY(hsm_crypt_begin(crypt, HSM_OP_UNWRAP, use->mech, use->params, use->key));
    HSM_TRY(hsm_secret_create(ciphertext.len, &value));
    hsm_out out = hsm_out_of(hsm_secret_data(value), ciphertext.len);
    const hsm_err err = hsm_crypt_single(crypt, ciphertext, &out);
    HSM_CHECK(err == HSM_OK && out.len > 0 && use->value_len <= out.len, HSM_E_WRAPPED_KEY);
    hsm_secret_shrink(value, use->value_len == 0 ? out.len : use->value_len);

    *out_value = HSM_MOVE(value);
    return HSM_OK;
}

hsm_err hsm_kem_encapsulate(const hsm_kem_use *use, uint8_t *ciphertext, hsm_secret **out_value)
{
    HSM_CHECK(hsm_kem_ciphertext_len(use) <= HSM_KEM_CIPHERTEXT_MAX_BYTES, HSM_E_KEY_SIZE);
    HSM_CHECK(use->value_len <= HSM_SECRET_MAX_BYTES, HSM_E_KEY_SIZE);
    HSM_TRY(hsm_selftest_use(use->key->crypto, use->mech, HSM_HASH_NONE));
    if (is_transport(use->mech))
        return transport(use, ciphertext, out_value);
    return use->key->crypto->backend->encapsulate(use, ciphertext, out_value);
}

hsm_err hsm_kem_decapsulate(const hsm_kem_use *use, hsm_bytes ciphertext, hsm_secret **out_value)
{
    HSM_CHECK(ciphertext.len == hsm_kem_ciphertext_len(use), HSM_E_WRAPPED_KEY_LEN);
    HSM_CHECK(use->value_len <= HSM_SECRET_MAX_BYTES, HSM_E_KEY_SIZE);
    HSM_TRY(hsm_selftest_use(use->key->crypto, use->mech, HSM_HASH_NONE));
    if (is_transport(use->mech))
        return open_transported(use, ciphertext, out_value);
    return use->key->crypto->backend->decapsulate(use, ciphertext, out_value);
}
