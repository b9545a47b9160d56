/* ECDH (SP 800-56A rev. 3, 5.7.1.2; RFC 7748, 6), and what key agreements do with the shared secret:
 * the KDFs of X9.63 and of SP 800-56C (one step).
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/kdf.h>

#include "base/ct.h"
#include "crypto/backend_openssl_dh.h"
#include "crypto/backend_openssl_pkey.h"

static void kdf_ctx_drop(EVP_KDF_CTX **p)
{
    EVP_KDF_CTX_free(*p);
}

/* Which function of OpenSSL a CKD_... is. X9.42 and X9.63 concatenate alike: the secret, a counter,
 * the other information; SP 800-56C puts the counter first. */
typedef struct kdf_choice {
    const EVP_KDF *kdf; /* NULL: none */
    const hsm_hash_info *hash;
} kdf_choice;

static hsm_err choose_kdf(const hsm_crypto *crypto, CK_ULONG id, kdf_choice *out)
{
    const hsm_ossl *ossl = hsm_ossl_of(crypto);

    *out = (kdf_choice){ 0 };
    if (id == CKD_NULL)
        return HSM_OK;
    if (id == CKD_SHA1_KDF_CONCATENATE) {
        *out = (kdf_choice){ ossl->x963, hsm_hash_get(HSM_HASH_SHA1) };
        return HSM_OK;
    }
    HSM_CHECK(id != CK_UNAVAILABLE_INFORMATION, HSM_E_MECHANISM_PARAM); /* some hashes have none */
    for (hsm_hash hash = HSM_HASH_NONE + 1; hash < HSM_HASH_COUNT; hash++) {
        const hsm_hash_info *info = hsm_hash_get(hash);

        if (info->kdf == id || info->kdf_sp800 == id) {
            *out = (kdf_choice){ info->kdf == id ? ossl->x963 : ossl->sskdf, info };
            return HSM_OK;
        }
    }
    return HSM_E_MECHANISM_PARAM;
}

/* The other side's public key, checked. Whatever is wrong with it is the parameter's fault. */
static hsm_err read_peer(const hsm_key *base, hsm_bytes public_data, EVP_PKEY **out_peer)
{
    hsm_bytes raw;
    hsm_err err = hsm_curve_point_raw(base->curve, public_data, &raw);

    if (err == HSM_OK)
        err = hsm_ossl_ec_from_point(base->crypto, base->curve, raw, out_peer);
    return err == HSM_E_ATTRIBUTE_VALUE ? HSM_E_MECHANISM_PARAM : err;
}

/* The x coordinate, or X25519's and X448's result: as long as the field. All zeros from X25519 or X448
 * come from a point of small order and say nothing (RFC 7748, 6.1); as an x coordinate zero is a
 * point like any other. */
static hsm_err agree(const hsm_key *base, EVP_PKEY *peer, hsm_secret **out_shared)
{
    static const uint8_t zeros[HSM_EC_VALUE_MAX_BYTES];
    HSM_AUTO(hsm_secret_drop) hsm_secret *shared = NULL;
    size_t len = (base->curve->bits + 7) / 8;

    HSM_AUTO(hsm_ossl_pkey_ctx_drop)
    EVP_PKEY_CTX *ctx =
        EVP_PKEY_CTX_new_from_pkey(hsm_ossl_of(base->crypto)->libctx, base->native, NULL);
    HSM_CHECK(ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(hsm_secret_create(len, &shared));
    HSM_TRY(hsm_ossl_done(EVP_PKEY_derive_init(ctx), HSM_E_CRYPTO));
    HSM_TRY(hsm_ossl_done(EVP_PKEY_derive_set_peer_ex(ctx, peer, 0), HSM_E_MECHANISM_PARAM));
    HSM_TRY(
        hsm_ossl_done(EVP_PKEY_derive(ctx, hsm_secret_data(shared), &len), HSM_E_MECHANISM_PARAM));
    HSM_CHECK(len == hsm_secret_len(shared), HSM_E_CRYPTO);
    HSM_CHECK(base->curve->key_type != CKK_EC_MONTGOMERY ||
                  !hsm_ct_equal(hsm_secret_view(shared), hsm_bytes_of(zeros, len)),
              HSM_E_MECHANISM_PARAM);

    *out_shared = HSM_MOVE(shared);
    return HSM_OK;
}

/* CKD_NULL: "the truncation removes bytes from the leading end" (PKCS#11 v3.2, 6.3.19). */
static hsm_err take_end(hsm_bytes shared, size_t out_len, hsm_secret **out_value)
{
    const size_t len = out_len == 0 ? shared.len : out_len;

    HSM_CHECK(len <= shared.len, HSM_E_KEY_SIZE);
    return hsm_secret_dup(hsm_bytes_of(shared.data + shared.len - len, len), out_value);
}

static hsm_err expand(const kdf_choice *choice, hsm_bytes shared, hsm_bytes info, hsm_secret *out)
{
    OSSL_PARAM params[4] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                         (char *)(uintptr_t)choice->hash->name, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, (void *)(uintptr_t)shared.data,
                                          shared.len),
        OSSL_PARAM_END,
        OSSL_PARAM_END,
    };
    if (info.len > 0)
        params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO,
                                                      (void *)(uintptr_t)info.data, info.len);

    HSM_AUTO(kdf_ctx_drop) EVP_KDF_CTX *kdf = EVP_KDF_CTX_new((EVP_KDF *)(uintptr_t)choice->kdf);
    HSM_CHECK(kdf != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    return hsm_ossl_done(EVP_KDF_derive(kdf, hsm_secret_data(out), hsm_secret_len(out), params),
                         HSM_E_CRYPTO);
}

/* All our curves have cofactor 1 (X25519 and X448 clear theirs), so the cofactor variants of the
 * mechanism are the same computation. */
static hsm_err agree_ecdh(const hsm_key *base, hsm_bytes public_data, hsm_secret **out_shared)
{
    HSM_AUTO(hsm_ossl_pkey_drop) EVP_PKEY *peer = NULL;

    HSM_CHECK(base->curve != NULL && base->curve->key_type != CKK_EC_EDWARDS, HSM_E_KEY_TYPE);
    HSM_TRY(read_peer(base, public_data, &peer));
    return agree(base, peer, out_shared);
}

hsm_err hsm_ossl_derive(hsm_crypto *crypto, const hsm_mech *mech, const hsm_mech_params *params,
                        hsm_key *base, size_t out_len, hsm_secret **out_value)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *shared = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;
    kdf_choice choice;

    HSM_CHECK(mech->alg == HSM_ALG_ECDH || mech->alg == HSM_ALG_DH, HSM_E_MECHANISM);
    HSM_TRY(choose_kdf(crypto, params->kdf, &choice));
    HSM_CHECK(choice.kdf != NULL || params->shared_data.len == 0, HSM_E_MECHANISM_PARAM);
    HSM_CHECK(out_len <= HSM_SECRET_MAX_BYTES, HSM_E_KEY_SIZE);

    HSM_TRY(mech->alg == HSM_ALG_ECDH ? agree_ecdh(base, params->public_data, &shared)
                                      : hsm_ossl_dh_agree(base, params->public_data, &shared));
    if (choice.kdf == NULL)
        return take_end(hsm_secret_view(shared), out_len, out_value);

    HSM_TRY(hsm_secret_create(out_len == 0 ? choice.hash->len : out_len, &value));
    HSM_TRY(expand(&choice, hsm_secret_view(shared), params->shared_data, value));
    *out_value = HSM_MOVE(value);
    return HSM_OK;
}
