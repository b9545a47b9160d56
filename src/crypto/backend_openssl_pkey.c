/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_pkey.h"

#include <openssl/ecerr.h>
#include <openssl/err.h>
#include <stdatomic.h>
#include <stdlib.h>

/* More than there are curves. */
#define KEYGEN_SLOTS 16

/* What OpenSSL fetches by itself when a context is made. Held from the start: a first fetch without
 * memory would leave the library context without the algorithm for ever. The last two are what the
 * FIPS provider does not have as approved. */
static const char *const key_types[] = { "RSA", "EC",  "ED25519", "ED448",
                                         "DH",  "DHX", "X25519",  "X448" };
static const char *const signatures[] = { "RSA", "ECDSA" };
static const char *const exchanges[] = { "ECDH", "DH", "X25519", "X448" };

struct hsm_ossl_pkey {
    EVP_SIGNATURE *eddsa[HSM_EDDSA_COUNT];
    EVP_KEYMGMT *key_type[HSM_ARRAY_LEN(key_types)];
    EVP_SIGNATURE *signature[HSM_ARRAY_LEN(signatures)];
    EVP_KEYEXCH *exchange[HSM_ARRAY_LEN(exchanges)];
    EVP_ASYM_CIPHER *rsa_cipher;
    _Atomic(EVP_PKEY_CTX *) keygen[KEYGEN_SLOTS]; /* by row of the curve table; NULL: in use */
};

static const char *const eddsa_names[HSM_EDDSA_COUNT] = {
    [HSM_EDDSA_ED25519] = "ED25519",     [HSM_EDDSA_ED25519CTX] = "ED25519ctx",
    [HSM_EDDSA_ED25519PH] = "ED25519ph", [HSM_EDDSA_ED448] = "ED448",
    [HSM_EDDSA_ED448PH] = "ED448ph",
};

static bool fetch_held(const hsm_ossl *ossl, hsm_ossl_pkey *pkey)
{
    const size_t not_approved = ossl->is_fips ? 2 : 0;
    OSSL_LIB_CTX *libctx = ossl->libctx;
    bool is_done = true;

    for (size_t i = 0; i < HSM_ARRAY_LEN(key_types) - not_approved; i++) {
        pkey->key_type[i] = EVP_KEYMGMT_fetch(libctx, key_types[i], NULL);
        is_done = is_done && pkey->key_type[i] != NULL;
    }
    for (size_t i = 0; i < HSM_ARRAY_LEN(signatures); i++) {
        pkey->signature[i] = EVP_SIGNATURE_fetch(libctx, signatures[i], NULL);
        is_done = is_done && pkey->signature[i] != NULL;
    }
    for (size_t i = 0; i < HSM_ARRAY_LEN(exchanges) - not_approved; i++) {
        pkey->exchange[i] = EVP_KEYEXCH_fetch(libctx, exchanges[i], NULL);
        is_done = is_done && pkey->exchange[i] != NULL;
    }
    pkey->rsa_cipher = EVP_ASYM_CIPHER_fetch(libctx, "RSA", NULL);
    return is_done && pkey->rsa_cipher != NULL;
}

static void free_held(hsm_ossl_pkey *pkey)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(key_types); i++)
        EVP_KEYMGMT_free(pkey->key_type[i]);
    for (size_t i = 0; i < HSM_ARRAY_LEN(signatures); i++)
        EVP_SIGNATURE_free(pkey->signature[i]);
    for (size_t i = 0; i < HSM_ARRAY_LEN(exchanges); i++)
        EVP_KEYEXCH_free(pkey->exchange[i]);
    EVP_ASYM_CIPHER_free(pkey->rsa_cipher);
}

hsm_err hsm_ossl_pkey_open(hsm_ossl *ossl)
{
    ossl->pkey = calloc(1, sizeof *ossl->pkey);
    HSM_CHECK(ossl->pkey != NULL, HSM_E_NO_MEMORY);
    HSM_CHECK(fetch_held(ossl, ossl->pkey), hsm_ossl_cause(HSM_E_CRYPTO));
    for (int i = 0; i < HSM_EDDSA_COUNT; i++) {
        ossl->pkey->eddsa[i] = EVP_SIGNATURE_fetch(ossl->libctx, eddsa_names[i], NULL);
        HSM_CHECK(ossl->pkey->eddsa[i] != NULL || (ossl->is_fips && i == HSM_EDDSA_ED25519CTX),
                  hsm_ossl_cause(HSM_E_CRYPTO));
    }
    return HSM_OK;
}

void hsm_ossl_pkey_close(hsm_ossl *ossl)
{
    if (ossl->pkey == NULL)
        return;
    free_held(ossl->pkey);
    for (int i = 0; i < HSM_EDDSA_COUNT; i++)
        EVP_SIGNATURE_free(ossl->pkey->eddsa[i]);
    for (size_t i = 0; i < KEYGEN_SLOTS; i++)
        EVP_PKEY_CTX_free(atomic_load(&ossl->pkey->keygen[i]));
    free(ossl->pkey);
    ossl->pkey = NULL;
}

EVP_SIGNATURE *hsm_ossl_eddsa_signature(const hsm_crypto *crypto, hsm_eddsa_variant variant)
{
    return hsm_ossl_of(crypto)->pkey->eddsa[variant];
}

/* NULL for a row beyond the slots: it works, only slower. */
static _Atomic(EVP_PKEY_CTX *) *keygen_slot(const hsm_crypto *crypto, const hsm_curve *curve)
{
    size_t count = 0;
    const size_t row = (size_t)(curve - hsm_curve_table(&count));

    return row < KEYGEN_SLOTS ? &hsm_ossl_of(crypto)->pkey->keygen[row] : NULL;
}

/* Setting the group up costs half as much as making a key, so contexts are kept. */
EVP_PKEY_CTX *hsm_ossl_keygen_take(const hsm_crypto *crypto, const hsm_curve *curve)
{
    _Atomic(EVP_PKEY_CTX *) *slot = keygen_slot(crypto, curve);
    EVP_PKEY_CTX *kept = slot == NULL ? NULL : atomic_exchange(slot, NULL);
    if (kept != NULL)
        return kept;

    const bool is_ec = curve->key_type == CKK_EC;
    EVP_PKEY_CTX *ctx =
        EVP_PKEY_CTX_new_from_name(hsm_ossl_of(crypto)->libctx, is_ec ? "EC" : curve->name, NULL);
    if (ctx == NULL || EVP_PKEY_keygen_init(ctx) != 1 ||
        (is_ec && EVP_PKEY_CTX_set_group_name(ctx, curve->name) != 1)) {
        EVP_PKEY_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

void hsm_ossl_keygen_give(const hsm_crypto *crypto, const hsm_curve *curve, EVP_PKEY_CTX *ctx)
{
    _Atomic(EVP_PKEY_CTX *) *slot = keygen_slot(crypto, curve);

    EVP_PKEY_CTX_free(slot == NULL ? ctx : atomic_exchange(slot, ctx));
}

hsm_err hsm_ossl_cause_of(int lib, int reason, hsm_err meaning, hsm_err otherwise)
{
    hsm_err cause = otherwise;

    for (unsigned long e = ERR_get_error(); e != 0; e = ERR_get_error()) {
        if (ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE)
            cause = HSM_E_NO_MEMORY;
        else if (cause != otherwise)
            continue;
        else if (ERR_GET_LIB(e) == ERR_LIB_RAND ||
                 (ERR_GET_LIB(e) == ERR_LIB_EVP && ERR_GET_REASON(e) == EVP_R_GENERATE_ERROR) ||
                 (ERR_GET_LIB(e) == ERR_LIB_EC &&
                  ERR_GET_REASON(e) == EC_R_RANDOM_NUMBER_GENERATION_FAILED))
            cause = HSM_E_RANDOM;
        else if (ERR_GET_LIB(e) == lib && ERR_GET_REASON(e) == reason)
            cause = meaning;
    }
    return cause;
}

void hsm_ossl_native_number(uint8_t *dst, size_t dst_len, hsm_bytes number)
{
    const size_t pad = dst_len - number.len;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (size_t i = 0; i < number.len; i++)
        dst[i] = number.data[number.len - 1 - i];
    memset(dst + number.len, 0, pad);
#else
    memset(dst, 0, pad);
    if (number.len > 0)
        memcpy(dst + pad, number.data, number.len);
#endif
}

hsm_err hsm_ossl_pkey_from(const hsm_crypto *crypto, const char *type, int selection,
                           OSSL_PARAM *params, EVP_PKEY **out_pkey)
{
    HSM_AUTO(hsm_ossl_pkey_ctx_drop)
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(hsm_ossl_of(crypto)->libctx, type, NULL);
    HSM_CHECK(ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));

    EVP_PKEY *pkey = NULL;
    HSM_TRY(hsm_ossl_done(EVP_PKEY_fromdata_init(ctx), HSM_E_CRYPTO));
    if (EVP_PKEY_fromdata(ctx, &pkey, selection, params) != 1) {
        EVP_PKEY_free(pkey);
        return hsm_ossl_cause(HSM_E_ATTRIBUTE_VALUE);
    }

    *out_pkey = pkey;
    return HSM_OK;
}

static void reverse_if_little_endian(uint8_t *data, size_t len)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (size_t i = 0; i < len / 2; i++) {
        const uint8_t kept = data[i];
        data[i] = data[len - 1 - i];
        data[len - 1 - i] = kept;
    }
#else
    (void)data;
    (void)len;
#endif
}

hsm_err hsm_ossl_pkey_number(const EVP_PKEY *pkey, const char *name, uint8_t *out, size_t len)
{
    OSSL_PARAM params[] = { OSSL_PARAM_construct_BN(name, out, len), OSSL_PARAM_END };

    HSM_TRY(hsm_ossl_done(EVP_PKEY_get_params(pkey, params), HSM_E_CRYPTO));
    HSM_CHECK(OSSL_PARAM_modified(&params[0]) && params[0].return_size == len, HSM_E_CRYPTO);
    reverse_if_little_endian(out, len);
    return HSM_OK;
}

hsm_err hsm_ossl_pkey_point(const EVP_PKEY *pkey, const hsm_curve *curve,
                            uint8_t out[HSM_EC_POINT_MAX_BYTES])
{
    OSSL_PARAM params[] = { OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, out,
                                                              HSM_EC_POINT_MAX_BYTES),
                            OSSL_PARAM_END };

    HSM_TRY(hsm_ossl_done(EVP_PKEY_get_params(pkey, params), HSM_E_CRYPTO));
    HSM_CHECK(OSSL_PARAM_modified(&params[0]) && params[0].return_size == curve->point_bytes,
              HSM_E_CRYPTO);
    return HSM_OK;
}

hsm_err hsm_ossl_pkey_halves(const EVP_PKEY *pkey, const hsm_curve *curve, uint8_t *out_point,
                             uint8_t *out_value)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, out_point, curve->point_bytes),
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, out_value, curve->order_bytes),
        OSSL_PARAM_END,
    };

    HSM_TRY(hsm_ossl_done(EVP_PKEY_get_params(pkey, params), HSM_E_CRYPTO));
    HSM_CHECK(OSSL_PARAM_modified(&params[0]) && params[0].return_size == curve->point_bytes,
              HSM_E_CRYPTO);
    HSM_CHECK(OSSL_PARAM_modified(&params[1]) && params[1].return_size == curve->order_bytes,
              HSM_E_CRYPTO);
    reverse_if_little_endian(out_value, curve->order_bytes);
    return HSM_OK;
}

hsm_err hsm_ossl_packer_init(hsm_ossl_packer *packer, CK_OBJECT_CLASS key_class,
                             CK_KEY_TYPE key_type, size_t cap)
{
    *packer = (hsm_ossl_packer){ .parts = { .key_class = key_class, .key_type = key_type } };
    return hsm_secret_create(cap, &packer->storage);
}

void hsm_ossl_packer_clear(hsm_ossl_packer *packer)
{
    hsm_secret_destroy(packer->storage);
    packer->storage = NULL;
}

hsm_err hsm_ossl_packer_room(hsm_ossl_packer *packer, hsm_part part, size_t len, uint8_t **out_room)
{
    HSM_CHECK(len <= hsm_secret_len(packer->storage) - packer->used, HSM_E_INTERNAL);

    uint8_t *room = hsm_secret_data(packer->storage) + packer->used;
    packer->used += len;
    packer->parts.part[part] = hsm_bytes_of(room, len);
    *out_room = room;
    return HSM_OK;
}

hsm_err hsm_ossl_packer_put(hsm_ossl_packer *packer, hsm_part part, hsm_bytes value)
{
    uint8_t *room = NULL;

    if (value.len == 0)
        return HSM_OK;
    HSM_TRY(hsm_ossl_packer_room(packer, part, value.len, &room));
    memcpy(room, value.data, value.len);
    return HSM_OK;
}

void hsm_ossl_packer_finish(hsm_ossl_packer *packer, hsm_key_bundle *out)
{
    *out = (hsm_key_bundle){ .parts = packer->parts, .storage = packer->storage };
    packer->storage = NULL;
}
