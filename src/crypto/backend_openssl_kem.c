/* Key encapsulation: ML-KEM (FIPS 203), RSASVE (SP 800-56B, 7.2.1) and ephemeral ECDH; which file
 * has the others.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_dh.h"
#include "crypto/backend_openssl_fresh.h"
#include "crypto/backend_openssl_pqc.h"
#include "crypto/kem.h"

#define ML_KEM_SECRET_BYTES 32u

/* Bytes of OpenSSL's own result. */
static size_t shared_len(const hsm_kem_use *use)
{
    return use->mech->alg == HSM_ALG_ML_KEM ? ML_KEM_SECRET_BYTES : (use->key->bits + 7) / 8;
}

/* ML-KEM's secret is taken whole; of RSASVE's the end, as with unwrapping by raw RSA. */
static hsm_err check_len(const hsm_kem_use *use)
{
    const bool is_whole = use->value_len == 0 || use->value_len == shared_len(use);

    HSM_CHECK(is_whole || (use->mech->alg == HSM_ALG_RSA_X509 && use->value_len < shared_len(use)),
              HSM_E_KEY_SIZE);
    return HSM_OK;
}

static hsm_err take(const hsm_kem_use *use, hsm_secret **whole, hsm_secret **out_value)
{
    const hsm_bytes bytes = hsm_secret_view(*whole);

    if (use->value_len == 0 || use->value_len == bytes.len) {
        *out_value = HSM_MOVE(*whole);
        return HSM_OK;
    }
    const size_t skipped = bytes.len - use->value_len;
    return hsm_secret_dup(hsm_bytes_of(bytes.data + skipped, use->value_len), out_value);
}

/* Making a context searches OpenSSL's tables by name, which takes a twentieth of ML-KEM's time. */
static bool keeps_ctx(const hsm_kem_use *use)
{
    return use->mech->alg == HSM_ALG_ML_KEM && use->params->randomness.len == 0;
}

static void give_ctx(const hsm_kem_use *use, EVP_PKEY_CTX **ctx)
{
    if (keeps_ctx(use))
        EVP_PKEY_CTX_free(atomic_exchange(&use->key->idle, HSM_MOVE(*ctx)));
}

static hsm_err open_ctx(const hsm_kem_use *use, EVP_PKEY_CTX **out_ctx)
{
    EVP_PKEY_CTX *kept = keeps_ctx(use) ? atomic_exchange(&use->key->idle, NULL) : NULL;
    if (kept != NULL) {
        *out_ctx = kept;
        return HSM_OK;
    }

    HSM_AUTO(hsm_ossl_pkey_ctx_drop)
    EVP_PKEY_CTX *ctx =
        EVP_PKEY_CTX_new_from_pkey(hsm_ossl_of(use->key->crypto)->libctx, use->key->native, NULL);
    HSM_CHECK(ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(hsm_ossl_done(use->key->key_class == CKO_PUBLIC_KEY
                              ? EVP_PKEY_encapsulate_init(ctx, NULL)
                              : EVP_PKEY_decapsulate_init(ctx, NULL),
                          HSM_E_CRYPTO));
    if (use->mech->alg == HSM_ALG_RSA_X509)
        HSM_TRY(hsm_ossl_done(EVP_PKEY_CTX_set_kem_op(ctx, "RSASVE"), HSM_E_CRYPTO));
    *out_ctx = HSM_MOVE(ctx);
    return HSM_OK;
}

static hsm_err set_randomness(const hsm_kem_use *use, EVP_PKEY_CTX *ctx)
{
    if (use->params->randomness.len == 0)
        return HSM_OK;

    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_KEM_PARAM_IKME,
                                          (void *)(uintptr_t)use->params->randomness.data,
                                          use->params->randomness.len),
        OSSL_PARAM_construct_end(),
    };
    return hsm_ossl_done(EVP_PKEY_CTX_set_params(ctx, params), HSM_E_CRYPTO);
}

/* OpenSSL 3.5 wipes a secret that it sends by ML-KEM nowhere in its frames; one that it receives it does. It
 * lies just beyond the two vectors of ML-KEM-1024, 4.3 KiB below our frame, and nothing writes below 6.5. */
#define FRAMES_BYTES ((size_t)8 * 1024)

static HSM_APART void wipe_frames(void)
{
    HSM_UNINITIALIZED uint8_t below[FRAMES_BYTES];

    explicit_bzero(below, sizeof below);
}

static hsm_err encapsulate(const hsm_kem_use *use, uint8_t *ciphertext, hsm_secret **out_value)
{
    HSM_AUTO(hsm_ossl_pkey_ctx_drop) EVP_PKEY_CTX *ctx = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *shared = NULL;
    size_t len = hsm_kem_ciphertext_len(use);
    size_t secret_len = shared_len(use);

    HSM_TRY(check_len(use));
    HSM_TRY(hsm_secret_create(secret_len, &shared));
    HSM_TRY(open_ctx(use, &ctx));
    HSM_TRY(set_randomness(use, ctx));
    HSM_AUTO(hsm_fresh_end) const hsm_fresh fresh = hsm_fresh_begin(true);
    const int done =
        EVP_PKEY_encapsulate(ctx, ciphertext, &len, hsm_secret_data(shared), &secret_len);
    wipe_frames();
    HSM_TRY(hsm_ossl_done(done, HSM_E_CRYPTO));
    HSM_CHECK(len == hsm_kem_ciphertext_len(use) && secret_len == hsm_secret_len(shared),
              HSM_E_CRYPTO);
    give_ctx(use, &ctx);
    return take(use, &shared, out_value);
}

static hsm_err decapsulate(const hsm_kem_use *use, hsm_bytes ciphertext, hsm_secret **out_value)
{
    HSM_AUTO(hsm_ossl_pkey_ctx_drop) EVP_PKEY_CTX *ctx = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *shared = NULL;
    size_t secret_len = shared_len(use);

    HSM_TRY(check_len(use));
    HSM_TRY(hsm_secret_create(secret_len, &shared));
    HSM_TRY(open_ctx(use, &ctx));
    HSM_TRY(hsm_ossl_done(EVP_PKEY_decapsulate(ctx, hsm_secret_data(shared), &secret_len,
                                               ciphertext.data, ciphertext.len),
                          HSM_E_WRAPPED_KEY));
    HSM_CHECK(secret_len == hsm_secret_len(shared), HSM_E_CRYPTO);
    give_ctx(use, &ctx);
    return take(use, &shared, out_value);
}

/* --- ECDH (PKCS#11 v3.2, 6.3: the mechanisms in C_EncapsulateKey) --------------------------------- */

hsm_err hsm_ossl_kem_agree(const hsm_kem_use *use, hsm_key *private_key, hsm_bytes public_data,
                           hsm_secret **out_value)
{
    hsm_mech_params params = *use->params;

    HSM_CHECK(params.public_data.len == 0, HSM_E_MECHANISM_PARAM);
    params.public_data = public_data;
    return hsm_ossl_derive(use->key->crypto, use->mech, &params, private_key, use->value_len,
                           out_value);
}

static hsm_err make_ephemeral(const hsm_kem_use *use, hsm_key **out_key)
{
    const hsm_curve *curve = use->key->curve;
    const hsm_keygen request = { .key_type = curve->key_type,
                                 .ec_params = hsm_bytes_of(curve->oid, curve->oid_len),
                                 .pair_test = HSM_PAIR_TEST_AGREEMENT };
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle bundle = { 0 };

    HSM_TRY(hsm_ossl_ec_key.generate(use->key->crypto, &request, &bundle));
    *out_key = HSM_MOVE(bundle.key);
    return HSM_OK;
}

static hsm_err encapsulate_ecdh(const hsm_kem_use *use, uint8_t *ciphertext, hsm_secret **out_value)
{
    const hsm_curve *curve = use->key->curve;
    HSM_AUTO(hsm_key_drop) hsm_key *ephemeral = NULL;

    HSM_CHECK(curve != NULL && curve->key_type != CKK_EC_EDWARDS, HSM_E_KEY_TYPE);
    HSM_TRY(make_ephemeral(use, &ephemeral));
    HSM_TRY(hsm_ossl_kem_agree(use, ephemeral, hsm_bytes_of(use->key->point, curve->point_bytes),
                               out_value));
    memcpy(ciphertext, ephemeral->point, curve->point_bytes);
    return HSM_OK;
}

/* The point comes as the ciphertext, so a bad one is not the parameter's fault. */
static hsm_err decapsulate_ecdh(const hsm_kem_use *use, hsm_bytes ciphertext,
                                hsm_secret **out_value)
{
    const hsm_curve *curve = use->key->curve;
    HSM_AUTO(hsm_ossl_pkey_drop) EVP_PKEY *peer = NULL;

    HSM_CHECK(curve != NULL && curve->key_type != CKK_EC_EDWARDS, HSM_E_KEY_TYPE);
    HSM_CHECK(curve->key_type != CKK_EC || ciphertext.data[0] == 0x04, HSM_E_WRAPPED_KEY);
    HSM_CHECK(use->params->public_data.len == 0, HSM_E_MECHANISM_PARAM);
    hsm_err err = hsm_ossl_ec_from_point(use->key->crypto, curve, ciphertext, &peer);
    HSM_CHECK(err != HSM_E_ATTRIBUTE_VALUE, HSM_E_WRAPPED_KEY);
    HSM_TRY(err);
    err = hsm_ossl_kem_agree(use, use->key, ciphertext, out_value);
    return err == HSM_E_MECHANISM_PARAM ? HSM_E_WRAPPED_KEY : err; /* a point of small order */
}

hsm_err hsm_ossl_encapsulate(const hsm_kem_use *use, uint8_t *ciphertext, hsm_secret **out_value)
{
    if (use->mech->alg == HSM_ALG_COMP_KEM)
        return hsm_ossl_composite_encapsulate(use, ciphertext, out_value);
    if (use->mech->alg == HSM_ALG_DH)
        return hsm_ossl_dh_encapsulate(use, ciphertext, out_value);
    return use->mech->alg == HSM_ALG_ECDH ? encapsulate_ecdh(use, ciphertext, out_value)
                                          : encapsulate(use, ciphertext, out_value);
}

hsm_err hsm_ossl_decapsulate(const hsm_kem_use *use, hsm_bytes ciphertext, hsm_secret **out_value)
{
    if (use->mech->alg == HSM_ALG_COMP_KEM)
        return hsm_ossl_composite_decapsulate(use, ciphertext, out_value);
    if (use->mech->alg == HSM_ALG_DH)
        return hsm_ossl_dh_decapsulate(use, ciphertext, out_value);
    return use->mech->alg == HSM_ALG_ECDH ? decapsulate_ecdh(use, ciphertext, out_value)
                                          : decapsulate(use, ciphertext, out_value);
}
