/* Keys: secret keys here, key pairs by the backend's table for their type.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key.h"

#include <stdlib.h>

#include "base/ct.h"
#include "crypto/internal.h"
#include "crypto/selftest.h"

#define CHECK_VALUE_BYTES 3

/* The types of secret keys. */
static const struct {
    CK_KEY_TYPE type;
    bool is_aes; /* else any length */
} secret_types[] = {
    { CKK_AES, true },
    { CKK_AES_XTS, false },
    { CKK_DES3, false },
    { CKK_CHACHA20, false },
    { CKK_HKDF, false },
    { CKK_GENERIC_SECRET, false },
    { CKK_SHA_1_HMAC, false },
    { CKK_SHA224_HMAC, false },
    { CKK_SHA256_HMAC, false },
    { CKK_SHA384_HMAC, false },
    { CKK_SHA512_HMAC, false },
    { CKK_SHA512_224_HMAC, false },
    { CKK_SHA512_256_HMAC, false },
    { CKK_SHA3_224_HMAC, false },
    { CKK_SHA3_256_HMAC, false },
    { CKK_SHA3_384_HMAC, false },
    { CKK_SHA3_512_HMAC, false },
};

/* Types of one or two lengths only. */
static bool fits_type(CK_KEY_TYPE type, size_t len)
{
    if (type == CKK_CHACHA20)
        return len == 32;
    if (type == CKK_DES3)
        return len == 24;
    return type != CKK_AES_XTS || len == 32 || len == 64;
}

/* The two keys of XTS must differ (SP 800-38E; FIPS 140-3 IG C.I). */
static bool has_equal_halves(hsm_bytes value)
{
    const size_t half = value.len / 2;

    return hsm_ct_equal(hsm_bytes_of(value.data, half), hsm_bytes_of(value.data + half, half));
}

/* Odd parity in each byte (PKCS#11 v3.2, DES3 secret key objects). */
static bool has_parity(hsm_bytes value)
{
    unsigned wrong = 0;

    for (size_t i = 0; i < value.len; i++) {
        unsigned fold = value.data[i];

        fold ^= fold >> 4;
        fold ^= fold >> 2;
        fold ^= fold >> 1;
        wrong |= ~fold & 1u;
    }
    return wrong == 0;
}

/* errors  HSM_E_KEY_TYPE, HSM_E_KEY_SIZE */
static hsm_err check_secret(CK_KEY_TYPE type, size_t len)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(secret_types); i++) {
        if (secret_types[i].type != type)
            continue;
        const bool is_aes_len = len == 16 || len == 24 || len == 32;
        const bool fits = len >= 1 && len <= HSM_SECRET_KEY_MAX_BYTES && fits_type(type, len);

        return (secret_types[i].is_aes ? is_aes_len : fits) ? HSM_OK : HSM_E_KEY_SIZE;
    }
    return HSM_E_KEY_TYPE;
}

hsm_err hsm_key_check_secret(const hsm_crypto *crypto, const hsm_key_parts *parts)
{
    const hsm_bytes value = parts->part[HSM_PART_VALUE];

    HSM_CHECK(parts->key_class == CKO_SECRET_KEY, HSM_E_KEY_TYPE);
    HSM_CHECK(value.len > 0, HSM_E_TEMPLATE_INCOMPLETE);
    HSM_TRY(check_secret(parts->key_type, value.len));
    HSM_CHECK(parts->key_type != CKK_AES_XTS || !has_equal_halves(value), HSM_E_ATTRIBUTE_VALUE);
    HSM_CHECK(parts->key_type != CKK_DES3 || crypto->options.may_decrypt_3des, HSM_E_KEY_TYPE);
    HSM_CHECK(parts->key_type != CKK_DES3 || has_parity(value), HSM_E_ATTRIBUTE_VALUE);
    return HSM_OK;
}

static hsm_err create_secret(const hsm_key_parts *parts, hsm_key *key)
{
    const hsm_bytes value = parts->part[HSM_PART_VALUE];

    HSM_TRY(hsm_key_check_secret(key->crypto, parts));
    HSM_TRY(hsm_secret_dup(value, &key->value));
    key->bits = (uint32_t)value.len * 8;
    return HSM_OK;
}

static hsm_err create_by_type(hsm_crypto *crypto, const hsm_key_parts *parts, hsm_key *key)
{
    if (parts->key_class == CKO_SECRET_KEY)
        return create_secret(parts, key);

    const hsm_key_ops *ops = crypto->backend->key_ops(parts->key_type);
    HSM_CHECK(ops != NULL, HSM_E_KEY_TYPE);
    return ops->create(crypto, parts, key);
}

static hsm_key *new_key(hsm_crypto *crypto, CK_OBJECT_CLASS key_class, CK_KEY_TYPE key_type)
{
    hsm_key *key = calloc(1, sizeof *key);

    if (key == NULL)
        return NULL;
    key->crypto = crypto;
    key->key_class = key_class;
    key->key_type = key_type;
    key->serial = atomic_fetch_add_explicit(&crypto->last_serial, 1, memory_order_relaxed) + 1;
    return key;
}

hsm_err hsm_key_create(hsm_crypto *crypto, const hsm_key_parts *parts, hsm_key **out_key)
{
    HSM_AUTO(hsm_key_drop) hsm_key *key = new_key(crypto, parts->key_class, parts->key_type);

    HSM_CHECK(key != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(create_by_type(crypto, parts, key));
    *out_key = HSM_MOVE(key);
    return HSM_OK;
}

hsm_err hsm_key_adopt(hsm_crypto *crypto, CK_KEY_TYPE key_type, void *take_native,
                      hsm_key **out_key)
{
    hsm_key *key = new_key(crypto, CKO_PRIVATE_KEY, key_type);

    HSM_CHECK(key != NULL, HSM_E_NO_MEMORY);
    key->native = take_native;
    *out_key = key;
    return HSM_OK;
}

void hsm_key_destroy(hsm_key *key)
{
    if (key == NULL)
        return;
    if (key->native != NULL)
        key->crypto->backend->key_drop(key->native,
                                       atomic_load_explicit(&key->idle, memory_order_acquire));
    hsm_key_destroy(key->half[0]);
    hsm_key_destroy(key->half[1]);
    hsm_secret_destroy(key->value);
    free(key);
}

hsm_err hsm_key_check(hsm_key *key)
{
    const hsm_key_ops *ops = NULL;

    if (key->key_class == CKO_SECRET_KEY)
        return HSM_OK;
    ops = key->crypto->backend->key_ops(key->key_type);
    HSM_CHECK(ops != NULL, HSM_E_INTERNAL);
    return ops->check(key);
}

uint32_t hsm_key_bits(const hsm_key *key)
{
    return key->bits;
}

hsm_bytes hsm_key_value(const hsm_key *key)
{
    return hsm_secret_view(key->value);
}

CK_KEY_TYPE hsm_key_type(const hsm_key *key)
{
    return key->key_type;
}

void hsm_key_bundle_clear(hsm_key_bundle *bundle)
{
    hsm_secret_destroy(bundle->storage);
    hsm_key_destroy(bundle->key);
    *bundle = (hsm_key_bundle){ 0 };
}

/* Takes value on success. */
static void bundle_secret(hsm_key_bundle *out, CK_KEY_TYPE type, hsm_secret *take_value)
{
    *out = (hsm_key_bundle){
        .parts = { .key_class = CKO_SECRET_KEY, .key_type = type },
        .storage = take_value,
    };
    out->parts.part[HSM_PART_VALUE] = hsm_secret_view(take_value);
}

hsm_err hsm_key_complete(hsm_crypto *crypto, const hsm_key_parts *parts, hsm_key_bundle *out_bundle)
{
    hsm_secret *value = NULL;

    if (parts->key_class == CKO_SECRET_KEY) {
        HSM_CHECK(parts->part[HSM_PART_VALUE].len > 0, HSM_E_TEMPLATE_INCOMPLETE);
        HSM_TRY(hsm_secret_dup(parts->part[HSM_PART_VALUE], &value));
        bundle_secret(out_bundle, parts->key_type, value);
        return HSM_OK;
    }
    const hsm_key_ops *ops = crypto->backend->key_ops(parts->key_type);
    HSM_CHECK(ops != NULL, HSM_E_KEY_TYPE);
    return ops->complete(crypto, parts, out_bundle);
}

hsm_err hsm_key_spki(hsm_key *key, hsm_buf *out_der)
{
    HSM_CHECK(key->key_class != CKO_SECRET_KEY, HSM_E_KEY_TYPE);
    return key->crypto->backend->spki(key, out_der);
}

hsm_err hsm_key_pkcs8_encode(hsm_key *key, hsm_secret **out_der)
{
    HSM_CHECK(key->key_class == CKO_PRIVATE_KEY, HSM_E_KEY_TYPE);
    return key->crypto->backend->pkcs8_encode(key, out_der);
}

hsm_err hsm_key_pkcs8_decode(hsm_crypto *crypto, hsm_bytes der, CK_KEY_TYPE wanted,
                             hsm_key_bundle *out_bundle)
{
    return crypto->backend->pkcs8_decode(crypto, der, wanted, out_bundle);
}

static hsm_err generate_secret(hsm_crypto *crypto, const hsm_keygen *request,
                               hsm_key_bundle *out_bundle)
{
    const size_t len = request->bits / 8;
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;

    HSM_CHECK(request->bits > 0 && request->bits % 8 == 0, HSM_E_KEY_SIZE);
    HSM_TRY(check_secret(request->key_type, len));
    HSM_TRY(hsm_secret_create(len, &value));
    if (request->mech->alg == HSM_ALG_PBKDF2)
        HSM_TRY(crypto->backend->pbkdf2(crypto, request->params, value));
    else
        HSM_TRY(crypto->backend->random_secret(crypto, hsm_secret_data(value), len));
    bundle_secret(out_bundle, request->key_type, HSM_MOVE(value));
    return HSM_OK;
}

hsm_err hsm_keygen_run(hsm_crypto *crypto, const hsm_keygen *request, hsm_key_bundle *out_bundle)
{
    HSM_TRY(hsm_selftest_use(crypto, request->mech,
                             request->params != NULL ? request->params->hash : HSM_HASH_NONE));
    if ((request->mech->ops & HSM_OP_GENERATE) != 0)
        return generate_secret(crypto, request, out_bundle);

    const hsm_key_ops *ops = crypto->backend->key_ops(request->key_type);
    HSM_CHECK(ops != NULL, HSM_E_KEY_TYPE);
    const hsm_err err = ops->generate(crypto, request, out_bundle);
    return err == HSM_E_SELF_TEST ? hsm_crypto_fail(crypto, "a new key pair") : err;
}

hsm_err hsm_derive_run(hsm_crypto *crypto, const hsm_mech *mech, const hsm_mech_params *params,
                       hsm_key *base, size_t out_len, hsm_secret **out_value)
{
    HSM_TRY(hsm_selftest_use(crypto, mech, HSM_HASH_NONE));
    return crypto->backend->derive(crypto, mech, params, base, out_len, out_value);
}

hsm_err hsm_key_check_value(hsm_crypto *crypto, CK_KEY_TYPE key_type, hsm_bytes value,
                            uint8_t out[CHECK_VALUE_BYTES])
{
    static const uint8_t zeros[16];
    uint8_t result[20];

    if (key_type == CKK_AES || key_type == CKK_DES3)
        HSM_TRY(crypto->backend->cipher_block(
            crypto, key_type == CKK_AES ? HSM_ALG_AES_ECB : HSM_ALG_DES3_ECB, value, zeros,
            result));
    else
        HSM_TRY(hsm_crypto_sha1(crypto, value, result));
    memcpy(out, result, CHECK_VALUE_BYTES);
    return HSM_OK;
}
