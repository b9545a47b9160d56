/* RSA: signatures, encryption and message recovery (RFC 8017; X.509 raw).
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "crypto/backend_openssl_fresh.h"
#include "crypto/backend_openssl_params.h"
#include "crypto/backend_openssl_pkey.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

/* PKCS#1 v1.5: 00, type, 8 or more bytes of padding, 00 */
#define PKCS1_OVERHEAD_BYTES 11u
#define PARAM_COUNT_MAX 6

/* What a context was initialised with besides its key. */
typedef struct rsa_setup {
    hsm_hash hash; /* the mechanism's, or PSS's and OAEP's from the parameter */
    hsm_hash mgf_hash;
    uint32_t salt_len;
    hsm_bytes label;
} rsa_setup;

typedef struct rsa_state {
    hsm_ossl_signer signer;
    rsa_setup setup;
    hsm_buf label; /* OAEP: what setup.label points to */
} rsa_state;

static rsa_state *state_of(const hsm_crypt *crypt)
{
    return crypt->state[HSM_FAMILY_RSA];
}

static size_t modulus_len(const hsm_crypt *crypt)
{
    return (crypt->key->bits + 7) / 8;
}

static bool is_raw_block(const hsm_crypt *crypt)
{
    return crypt->mech->alg == HSM_ALG_RSA_X509;
}

static void rsa_drop(void *state)
{
    rsa_state *rsa = state;

    if (rsa == NULL)
        return;
    hsm_ossl_signer_clear(&rsa->signer);
    hsm_buf_clear(&rsa->label);
    free(rsa);
}

static void rsa_end(void *state)
{
    rsa_state *rsa = state;

    if (rsa != NULL)
        hsm_ossl_signer_end(&rsa->signer);
}

/* The setup this operation needs. */
static rsa_setup setup_of(const hsm_crypt *crypt)
{
    const hsm_mech_params *params = crypt->params;
    rsa_setup setup = { .hash = crypt->mech->hash };

    if (params == NULL)
        return setup;
    if (crypt->mech->alg == HSM_ALG_RSA_PSS || crypt->mech->alg == HSM_ALG_RSA_OAEP) {
        setup.hash = params->hash;
        setup.mgf_hash = params->mgf_hash;
        setup.salt_len = params->salt_len;
        setup.label = params->label;
    }
    return setup;
}

static bool same_setup(const rsa_setup *a, const rsa_setup *b)
{
    return a->hash == b->hash && a->mgf_hash == b->mgf_hash && a->salt_len == b->salt_len &&
           hsm_bytes_equal(a->label, b->label);
}

/* Room for padding: RFC 8017, 9.1.1 (emLen of PSS counts modulus bits - 1) and 7.1.1. */
static hsm_err check_setup(const hsm_crypt *crypt, const rsa_setup *setup)
{
    const hsm_hash_info *hash = hsm_hash_get(setup->hash);

    if (crypt->mech->alg == HSM_ALG_RSA_PSS) {
        const size_t em_len = (crypt->key->bits + 6) / 8;
        HSM_CHECK(hash != NULL && hsm_hash_get(setup->mgf_hash) != NULL, HSM_E_MECHANISM_PARAM);
        HSM_CHECK(setup->salt_len <= em_len && em_len - setup->salt_len >= hash->len + 2,
                  HSM_E_MECHANISM_PARAM);
        HSM_CHECK(crypt->mech->hash == HSM_HASH_NONE || crypt->mech->hash == setup->hash,
                  HSM_E_MECHANISM_PARAM);
    }
    if (crypt->mech->alg == HSM_ALG_RSA_OAEP) {
        HSM_CHECK(hash != NULL && hsm_hash_get(setup->mgf_hash) != NULL, HSM_E_MECHANISM_PARAM);
        HSM_CHECK(modulus_len(crypt) >= 2 * hash->len + 2, HSM_E_KEY_SIZE);
    }
    return HSM_OK;
}

/* OSSL_PARAM has no const; nothing is written through it here. */
/* Signature parameters; pad mode first, what depends on it after. */
static void fill_sign_params(const hsm_crypt *crypt, rsa_setup *setup, int *salt_len,
                             OSSL_PARAM params[PARAM_COUNT_MAX])
{
    size_t n = 0;

    if (crypt->mech->alg == HSM_ALG_RSA_PSS) {
        params[n++] = hsm_ossl_text(OSSL_SIGNATURE_PARAM_PAD_MODE, OSSL_PKEY_RSA_PAD_MODE_PSS);
        params[n++] = hsm_ossl_text(OSSL_SIGNATURE_PARAM_DIGEST, hsm_hash_get(setup->hash)->name);
        params[n++] =
            hsm_ossl_text(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, hsm_hash_get(setup->mgf_hash)->name);
        *salt_len = (int)setup->salt_len; /* bounded by check_setup() */
        params[n++] = OSSL_PARAM_construct_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, salt_len);
    } else {
        params[n++] = hsm_ossl_text(OSSL_SIGNATURE_PARAM_PAD_MODE,
                                    is_raw_block(crypt) ? OSSL_PKEY_RSA_PAD_MODE_NONE
                                                        : OSSL_PKEY_RSA_PAD_MODE_PKCSV15);
        if (setup->hash != HSM_HASH_NONE)
            params[n++] =
                hsm_ossl_text(OSSL_SIGNATURE_PARAM_DIGEST, hsm_hash_get(setup->hash)->name);
    }
    params[n] = OSSL_PARAM_construct_end();
}

static void fill_cipher_params(const hsm_crypt *crypt, const rsa_setup *setup,
                               OSSL_PARAM params[PARAM_COUNT_MAX])
{
    size_t n = 0;

    if (crypt->mech->alg == HSM_ALG_RSA_OAEP) {
        params[n++] = hsm_ossl_text(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, OSSL_PKEY_RSA_PAD_MODE_OAEP);
        params[n++] =
            hsm_ossl_text(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, hsm_hash_get(setup->hash)->name);
        params[n++] =
            hsm_ossl_text(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, hsm_hash_get(setup->mgf_hash)->name);
        if (setup->label.len > 0)
            params[n++] = OSSL_PARAM_construct_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL,
                                                            (void *)(uintptr_t)setup->label.data,
                                                            setup->label.len);
    } else {
        params[n++] = hsm_ossl_text(OSSL_ASYM_CIPHER_PARAM_PAD_MODE,
                                    is_raw_block(crypt) ? OSSL_PKEY_RSA_PAD_MODE_NONE
                                                        : OSSL_PKEY_RSA_PAD_MODE_PKCSV15);
    }
    params[n] = OSSL_PARAM_construct_end();
}

static int init_ctx(const hsm_crypt *crypt, EVP_PKEY_CTX *ctx, rsa_setup *setup)
{
    OSSL_PARAM params[PARAM_COUNT_MAX];
    int salt_len = 0;

    switch (crypt->op) {
    case HSM_OP_ENCRYPT:
    case HSM_OP_WRAP:
        fill_cipher_params(crypt, setup, params);
        return EVP_PKEY_encrypt_init_ex(ctx, params);
    case HSM_OP_DECRYPT:
    case HSM_OP_UNWRAP:
        fill_cipher_params(crypt, setup, params);
        return EVP_PKEY_decrypt_init_ex(ctx, params);
    case HSM_OP_VERIFY:
        fill_sign_params(crypt, setup, &salt_len, params);
        return EVP_PKEY_verify_init_ex(ctx, params);
    case HSM_OP_VERIFY_RECOVER:
        fill_sign_params(crypt, setup, &salt_len, params);
        return EVP_PKEY_verify_recover_init_ex(ctx, params);
    default: /* the kinds of signing */
        fill_sign_params(crypt, setup, &salt_len, params);
        return EVP_PKEY_sign_init_ex(ctx, params);
    }
}

/* Keeps the label, which is the caller's until now. */
static hsm_err keep_setup(rsa_state *rsa, const rsa_setup *setup)
{
    hsm_buf_reset(&rsa->label);
    rsa->setup = *setup;
    rsa->setup.label = hsm_bytes_none();
    if (setup->label.len > 0)
        HSM_TRY(hsm_buf_append(&rsa->label, setup->label));
    rsa->setup.label = hsm_buf_view(&rsa->label);
    return HSM_OK;
}

static hsm_err rsa_begin(hsm_crypt *crypt)
{
    if (state_of(crypt) == NULL)
        crypt->state[HSM_FAMILY_RSA] = calloc(1, sizeof(rsa_state));
    rsa_state *rsa = state_of(crypt);
    HSM_CHECK(rsa != NULL, HSM_E_NO_MEMORY);

    rsa_setup setup = setup_of(crypt);
    hsm_ossl_signer_end(&rsa->signer);
    if (hsm_ossl_signer_fits(&rsa->signer, crypt) && same_setup(&rsa->setup, &setup))
        return HSM_OK;

    HSM_TRY(check_setup(crypt, &setup));
    HSM_TRY(hsm_ossl_signer_renew(&rsa->signer, crypt));
    hsm_err err = hsm_ossl_done(init_ctx(crypt, rsa->signer.ctx, &setup), HSM_E_CRYPTO);
    if (err == HSM_OK)
        err = keep_setup(rsa, &setup);
    if (err != HSM_OK)
        hsm_ossl_signer_forget(&rsa->signer);
    return err;
}

static hsm_err rsa_update(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    (void)out; /* signatures give nothing before the end */
    HSM_CHECK(crypt->mech->hash != HSM_HASH_NONE, HSM_E_NOT_SUPPORTED);
    return hsm_ossl_signer_hash(&state_of(crypt)->signer, crypt, in);
}

/* Whether data of this length can be signed or encrypted at all. */
static hsm_err check_data_len(const hsm_crypt *crypt, size_t len)
{
    const size_t k = modulus_len(crypt);

    switch (crypt->mech->alg) {
    case HSM_ALG_RSA_PSS:
        HSM_CHECK(len == hsm_hash_get(state_of(crypt)->setup.hash)->len, HSM_E_DATA_LEN);
        return HSM_OK;
    case HSM_ALG_RSA_OAEP:
        HSM_CHECK(len <= k - 2 - 2 * (size_t)hsm_hash_get(state_of(crypt)->setup.hash)->len,
                  HSM_E_DATA_LEN);
        return HSM_OK;
    case HSM_ALG_RSA_X509:
        HSM_CHECK(len <= k, HSM_E_DATA_LEN);
        return HSM_OK;
    default:
        /* with a hash, the key sizes we take always have room for its DigestInfo */
        HSM_CHECK(len <= k - PKCS1_OVERHEAD_BYTES, HSM_E_DATA_LEN);
        return HSM_OK;
    }
}

/* A number of the modulus' length: X.509 raw takes shorter ones (PKCS#11 v3.2, 6.1.10). */
static hsm_bytes left_padded(const hsm_crypt *crypt, hsm_bytes in, uint8_t block[HSM_RSA_MAX_BYTES])
{
    const size_t k = modulus_len(crypt);

    if (!is_raw_block(crypt) || in.len >= k)
        return in;
    memset(block, 0, k - in.len);
    if (in.len > 0)
        memcpy(block + k - in.len, in.data, in.len);
    return hsm_bytes_of(block, k);
}

/* The one failure that is the caller's: a number not below the modulus. */
static hsm_err range_cause(void)
{
    return hsm_ossl_cause_of(ERR_LIB_RSA, RSA_R_DATA_TOO_LARGE_FOR_MODULUS, HSM_E_DATA,
                             HSM_E_CRYPTO);
}

static hsm_err sign_digest(hsm_crypt *crypt, hsm_bytes digest, hsm_out *out)
{
    EVP_PKEY_CTX *ctx = state_of(crypt)->signer.ctx;
    uint8_t block[HSM_RSA_MAX_BYTES];
    size_t len = modulus_len(crypt);

    HSM_TRY(check_data_len(crypt, digest.len));
    HSM_AUTO(hsm_fresh_end)
    const hsm_fresh fresh =
        hsm_fresh_begin(crypt->mech->alg == HSM_ALG_RSA_PSS && crypt->kept.salt_len > 0);
    const hsm_bytes data = left_padded(crypt, digest, block);
    if (EVP_PKEY_sign(ctx, out->data, &len, data.data, data.len) != 1)
        return range_cause();
    out->len = len;
    return HSM_OK;
}

/* Empty data: OpenSSL asks for a pointer. */
static hsm_bytes never_null(hsm_bytes data)
{
    static const uint8_t nothing[1];

    return data.len > 0 ? data : hsm_bytes_of(nothing, 0);
}

static hsm_err encrypt_block(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    EVP_PKEY_CTX *ctx = state_of(crypt)->signer.ctx;
    uint8_t block[HSM_RSA_MAX_BYTES];
    size_t len = modulus_len(crypt);

    HSM_TRY(check_data_len(crypt, in.len));
    HSM_AUTO(hsm_fresh_end) const hsm_fresh fresh = hsm_fresh_begin(true);
    const hsm_bytes data = never_null(left_padded(crypt, in, block));
    const int ret = EVP_PKEY_encrypt(ctx, out->data, &len, data.data, data.len);
    if (data.data == block)
        explicit_bzero(block, data.len); /* the caller's plaintext */
    if (ret != 1)
        return range_cause();
    out->len = len;
    return HSM_OK;
}

/* PKCS#1 v1.5 never fails on its padding: OpenSSL then gives random bytes (implicit rejection), so
 * there is no oracle. OAEP gives one error whatever the detail. */
static hsm_err decrypt_block(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    EVP_PKEY_CTX *ctx = state_of(crypt)->signer.ctx;
    size_t len = out->cap;

    HSM_CHECK(in.len == modulus_len(crypt), HSM_E_ENCRYPTED_DATA_LEN);
    if (EVP_PKEY_decrypt(ctx, out->data, &len, in.data, in.len) != 1)
        return hsm_ossl_cause(HSM_E_ENCRYPTED_DATA);
    out->len = len;
    return HSM_OK;
}

/* OpenSSL writes up to the modulus' length, which is more than the caller need have room for. */
static hsm_err recover(hsm_crypt *crypt, hsm_bytes signature, hsm_out *out)
{
    EVP_PKEY_CTX *ctx = state_of(crypt)->signer.ctx;
    uint8_t data[HSM_RSA_MAX_BYTES];
    size_t len = sizeof data;

    HSM_CHECK(signature.len == modulus_len(crypt), HSM_E_SIGNATURE_LEN);
    if (EVP_PKEY_verify_recover(ctx, data, &len, signature.data, signature.len) != 1)
        return hsm_ossl_cause(HSM_E_SIGNATURE);
    return hsm_out_put(out, hsm_bytes_of(data, len));
}

static hsm_err rsa_single(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    uint8_t room[HSM_HASH_MAX_BYTES];
    hsm_bytes digest;

    switch (crypt->op) {
    case HSM_OP_ENCRYPT:
    case HSM_OP_WRAP:
        return encrypt_block(crypt, in, out);
    case HSM_OP_DECRYPT:
    case HSM_OP_UNWRAP:
        return decrypt_block(crypt, in, out);
    case HSM_OP_VERIFY_RECOVER:
        return recover(crypt, in, out);
    default:
        HSM_TRY(hsm_ossl_signer_digest(&state_of(crypt)->signer, crypt, in, room, &digest));
        return sign_digest(crypt, never_null(digest), out);
    }
}

static hsm_err rsa_final(hsm_crypt *crypt, hsm_out *out)
{
    uint8_t room[HSM_HASH_MAX_BYTES];

    HSM_CHECK(crypt->mech->hash != HSM_HASH_NONE, HSM_E_NOT_SUPPORTED);
    HSM_TRY(hsm_ossl_signer_finish(&state_of(crypt)->signer, crypt, room));
    return sign_digest(crypt, hsm_bytes_of(room, hsm_hash_get(crypt->mech->hash)->len), out);
}

static hsm_err verify_digest(hsm_crypt *crypt, hsm_bytes digest, hsm_bytes signature)
{
    EVP_PKEY_CTX *ctx = state_of(crypt)->signer.ctx;
    uint8_t block[HSM_RSA_MAX_BYTES];

    HSM_TRY(check_data_len(crypt, digest.len));
    HSM_CHECK(signature.len == modulus_len(crypt), HSM_E_SIGNATURE_LEN);
    const hsm_bytes data = left_padded(crypt, digest, block);
    return hsm_ossl_done(EVP_PKEY_verify(ctx, signature.data, signature.len, data.data, data.len),
                         HSM_E_SIGNATURE);
}

static hsm_err rsa_verify(hsm_crypt *crypt, hsm_bytes in, hsm_bytes signature)
{
    uint8_t room[HSM_HASH_MAX_BYTES];
    hsm_bytes digest;

    HSM_TRY(hsm_ossl_signer_digest(&state_of(crypt)->signer, crypt, in, room, &digest));
    return verify_digest(crypt, never_null(digest), signature);
}

static hsm_err rsa_verify_final(hsm_crypt *crypt, hsm_bytes signature)
{
    uint8_t room[HSM_HASH_MAX_BYTES];

    HSM_CHECK(crypt->mech->hash != HSM_HASH_NONE, HSM_E_NOT_SUPPORTED);
    HSM_TRY(hsm_ossl_signer_finish(&state_of(crypt)->signer, crypt, room));
    return verify_digest(crypt, hsm_bytes_of(room, hsm_hash_get(crypt->mech->hash)->len),
                         signature);
}

/* Decryption: an upper bound, the same whatever the padding hides. */
static size_t rsa_result_len(const hsm_crypt *crypt, size_t in_len, bool is_last)
{
    (void)in_len;
    return is_last ? modulus_len(crypt) : 0;
}

const hsm_family hsm_ossl_rsa = {
    .drop = rsa_drop,
    .begin = rsa_begin,
    .end = rsa_end,
    .update = rsa_update,
    .final = rsa_final,
    .single = rsa_single,
    .verify = rsa_verify,
    .verify_final = rsa_verify_final,
    .result_len = rsa_result_len,
};
