/* Pairwise consistency of a new key pair: one half undoes what the other did (FIPS 140-3, 10.3.5).
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/break.h"
#include "base/ct.h"
#include "crypto/backend_openssl_pkey.h"

/* A fixed message, as long as a hash. */
static const uint8_t message[32] = { 'p', 'a', 'i', 'r' };

/* The name is that in CRATON_HSM_BREAK. */
typedef struct try_out {
    CK_KEY_TYPE key_type;
    const char *name;
    hsm_err (*run)(const hsm_crypto *crypto, EVP_PKEY_CTX *ctx, const struct try_out *how);
} try_out;

static void signature_drop(EVP_SIGNATURE **p)
{
    EVP_SIGNATURE_free(*p);
}

/* Of beginning an operation, which says nothing about the pair. It fails for want of memory, and
 * takes the error that says so out of OpenSSL's queue while it looks for other ways. */
static hsm_err begun(int ret)
{
    return hsm_ossl_done(ret, HSM_E_NO_MEMORY);
}

/* algorithm NULL: the key type's primitive, on a hash. */
static hsm_err sign_and_verify(EVP_PKEY_CTX *ctx, EVP_SIGNATURE *algorithm, uint8_t *room,
                               size_t len, const char *name)
{
    HSM_TRY(begun(algorithm != NULL ? EVP_PKEY_sign_message_init(ctx, algorithm, NULL)
                                    : EVP_PKEY_sign_init(ctx)));
    HSM_TRY(
        hsm_ossl_done(EVP_PKEY_sign(ctx, room, &len, message, sizeof message), HSM_E_SELF_TEST));
    if (hsm_break(name))
        room[len / 2] ^= 1;
    HSM_TRY(begun(algorithm != NULL ? EVP_PKEY_verify_message_init(ctx, algorithm, NULL)
                                    : EVP_PKEY_verify_init(ctx)));
    return hsm_ossl_done(EVP_PKEY_verify(ctx, room, len, message, sizeof message), HSM_E_SELF_TEST);
}

static hsm_err try_signature(const hsm_crypto *crypto, EVP_PKEY_CTX *ctx, const try_out *how)
{
    EVP_PKEY *pkey = EVP_PKEY_CTX_get0_pkey(ctx);
    const bool is_plain = how->key_type == CKK_RSA || how->key_type == CKK_EC;
    const size_t room_len = (size_t)EVP_PKEY_get_size(pkey);
    HSM_AUTO(signature_drop) EVP_SIGNATURE *algorithm = NULL;

    if (!is_plain) {
        algorithm =
            EVP_SIGNATURE_fetch(hsm_ossl_of(crypto)->libctx, EVP_PKEY_get0_type_name(pkey), NULL);
        HSM_CHECK(algorithm != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    }
    uint8_t *room = malloc(room_len);
    HSM_CHECK(room != NULL, HSM_E_NO_MEMORY);
    const hsm_err err = sign_and_verify(ctx, algorithm, room, room_len, how->name);
    free(room);
    return err;
}

/* ML-KEM: both ends have the same secret. */
static hsm_err try_encapsulation(const hsm_crypto *crypto, EVP_PKEY_CTX *ctx, const try_out *how)
{
    uint8_t ciphertext[HSM_PQC_RESULT_MAX_BYTES];
    HSM_AUTO(hsm_secret_drop) hsm_secret *sent = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *received = NULL;
    size_t ciphertext_len = sizeof ciphertext;
    size_t len = 32;

    (void)crypto;
    HSM_TRY(hsm_secret_create(len, &sent));
    HSM_TRY(hsm_secret_create(len, &received));
    HSM_TRY(begun(EVP_PKEY_encapsulate_init(ctx, NULL)));
    HSM_TRY(hsm_ossl_done(
        EVP_PKEY_encapsulate(ctx, ciphertext, &ciphertext_len, hsm_secret_data(sent), &len),
        HSM_E_SELF_TEST));
    if (hsm_break(how->name))
        ciphertext[0] ^= 1;
    HSM_TRY(begun(EVP_PKEY_decapsulate_init(ctx, NULL)));
    HSM_TRY(hsm_ossl_done(
        EVP_PKEY_decapsulate(ctx, hsm_secret_data(received), &len, ciphertext, ciphertext_len),
        HSM_E_SELF_TEST));
    HSM_CHECK(hsm_ct_equal(hsm_secret_view(sent), hsm_secret_view(received)), HSM_E_SELF_TEST);
    return HSM_OK;
}

/* The public half is computed from the private one once more (SP 800-56A rev. 3, 5.6.2.1.4). */
static hsm_err try_derivation(const hsm_crypto *crypto, EVP_PKEY_CTX *ctx, const try_out *how)
{
    (void)crypto;
    HSM_TRY(hsm_ossl_done(EVP_PKEY_pairwise_check(ctx), HSM_E_SELF_TEST));
    return hsm_break(how->name) ? HSM_E_SELF_TEST : HSM_OK;
}

static const try_out ways[] = {
    { CKK_RSA, "pair-rsa", try_signature },
    { CKK_EC, "pair-ec", try_signature },
    { CKK_EC_EDWARDS, "pair-edwards", try_signature },
    { CKK_EC_MONTGOMERY, "pair-montgomery", try_derivation },
    { CKK_DH, "pair-dh", try_derivation },
    { CKK_X9_42_DH, "pair-x9-42-dh", try_derivation },
    { CKK_ML_DSA, "pair-ml-dsa", try_signature },
    { CKK_ML_KEM, "pair-ml-kem", try_encapsulation },
    { CKK_SLH_DSA, "pair-slh-dsa", try_signature },
};

/* Signing with SLH-DSA takes up to a second, twenty times as long as making the pair. Its public half
 * is a hash tree's root, computed from the private one. */
static bool is_too_slow(const hsm_crypto *crypto, CK_KEY_TYPE key_type)
{
    return key_type == CKK_SLH_DSA && !crypto->options.is_approved_only;
}

hsm_err hsm_ossl_pair_check(const hsm_crypto *crypto, EVP_PKEY *pkey, CK_KEY_TYPE key_type,
                            bool is_for_agreement)
{
    HSM_AUTO(hsm_ossl_pkey_ctx_drop)
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(hsm_ossl_of(crypto)->libctx, pkey, NULL);
    HSM_CHECK(ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));

    for (size_t i = 0; i < HSM_ARRAY_LEN(ways); i++) {
        if (ways[i].key_type != key_type)
            continue;
        if (is_for_agreement || is_too_slow(crypto, key_type))
            return try_derivation(crypto, ctx, &ways[i]);
        return ways[i].run(crypto, ctx, &ways[i]);
    }
    return HSM_E_INTERNAL;
}
