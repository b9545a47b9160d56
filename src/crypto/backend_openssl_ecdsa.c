/* ECDSA (FIPS 186-5, 6.4): signatures are r and s, big-endian, each as long as the order (PKCS#11
 * v3.2, 6.3.1), where OpenSSL has DER.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/core_names.h>
#include <stdlib.h>

#include "crypto/backend_openssl_pkey.h"
#include "crypto/der.h"

/* "a hash value, which should not be longer than 1024 bits" (PKCS#11 v3.2, CKM_ECDSA). What is
 * longer than the order is cut by OpenSSL as FIPS 186-5, 6.4.1 says. */
#define RAW_MAX_BYTES 128u
/* Two INTEGERs with a leading zero each, in a SEQUENCE. */
#define DER_MAX_BYTES (HSM_EC_SIGNATURE_MAX_BYTES + 2 + 3 * HSM_DER_HEADER_MAX_BYTES)

typedef struct ecdsa_state {
    hsm_ossl_signer signer;
} ecdsa_state;

static ecdsa_state *state_of(const hsm_crypt *crypt)
{
    return crypt->state[HSM_FAMILY_ECDSA];
}

static void ecdsa_drop(void *state)
{
    ecdsa_state *ecdsa = state;

    if (ecdsa == NULL)
        return;
    hsm_ossl_signer_clear(&ecdsa->signer);
    free(ecdsa);
}

static void ecdsa_end(void *state)
{
    ecdsa_state *ecdsa = state;

    if (ecdsa != NULL)
        hsm_ossl_signer_end(&ecdsa->signer);
}

/* RFC 6979: the nonce comes from key and hash. OpenSSL must know which hash that was. */
static int start_signing(const hsm_crypt *crypt, EVP_PKEY_CTX *ctx)
{
    unsigned nonce_type = 1;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_uint(OSSL_SIGNATURE_PARAM_NONCE_TYPE, &nonce_type),
        OSSL_PARAM_construct_end(),
    };
    const hsm_hash hash = crypt->mech->hash;
    const int ret = EVP_PKEY_sign_init(ctx);

    const bool is_wanted =
        crypt->params->is_deterministic || crypt->crypto->options.is_ecdsa_deterministic;

    if (ret != 1 || hash == HSM_HASH_NONE || !is_wanted)
        return ret;
    if (EVP_PKEY_CTX_set_signature_md(ctx, hsm_ossl_of(crypt->crypto)->md[hash]) != 1)
        return 0;
    return EVP_PKEY_CTX_set_params(ctx, params);
}

static hsm_err ecdsa_begin(hsm_crypt *crypt)
{
    if (state_of(crypt) == NULL)
        crypt->state[HSM_FAMILY_ECDSA] = calloc(1, sizeof(ecdsa_state));
    ecdsa_state *ecdsa = state_of(crypt);
    HSM_CHECK(ecdsa != NULL, HSM_E_NO_MEMORY);

    hsm_ossl_signer_end(&ecdsa->signer);
    if (hsm_ossl_signer_fits(&ecdsa->signer, crypt))
        return HSM_OK;

    HSM_TRY(hsm_ossl_signer_renew(&ecdsa->signer, crypt));
    const int ret = crypt->op == HSM_OP_SIGN ? start_signing(crypt, ecdsa->signer.ctx)
                                             : EVP_PKEY_verify_init(ecdsa->signer.ctx);
    if (ret != 1)
        hsm_ossl_signer_forget(&ecdsa->signer);
    return hsm_ossl_done(ret, HSM_E_CRYPTO);
}

static hsm_err ecdsa_update(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    (void)out; /* signatures give nothing before the end */
    HSM_CHECK(crypt->mech->hash != HSM_HASH_NONE, HSM_E_NOT_SUPPORTED);
    return hsm_ossl_signer_hash(&state_of(crypt)->signer, crypt, in);
}

/* An empty "hash" would sign zero, for which anybody can make signatures. */
static hsm_err check_digest(hsm_bytes digest)
{
    HSM_CHECK(digest.len > 0 && digest.len <= RAW_MAX_BYTES, HSM_E_DATA_LEN);
    return HSM_OK;
}

static void put_padded(uint8_t *dst, size_t dst_len, hsm_bytes number)
{
    memset(dst, 0, dst_len - number.len);
    memcpy(dst + dst_len - number.len, number.data, number.len);
}

static hsm_err raw_from_der(hsm_bytes der, size_t half, hsm_out *out)
{
    hsm_reader outer = hsm_reader_of(der);
    hsm_reader inner = hsm_reader_of(hsm_der_read(&outer, HSM_DER_SEQUENCE));
    const hsm_bytes r = hsm_der_read_uint(&inner);
    const hsm_bytes s = hsm_der_read_uint(&inner);

    HSM_TRY(hsm_reader_end(&outer, HSM_E_CRYPTO));
    HSM_TRY(hsm_reader_end(&inner, HSM_E_CRYPTO));
    HSM_CHECK(r.len > 0 && s.len > 0 && r.len <= half && s.len <= half, HSM_E_CRYPTO);
    put_padded(out->data, half, r);
    put_padded(out->data + half, half, s);
    out->len = 2 * half;
    return HSM_OK;
}

static hsm_err sign_digest(hsm_crypt *crypt, hsm_bytes digest, hsm_out *out)
{
    uint8_t der[DER_MAX_BYTES];
    size_t len = sizeof der;

    HSM_TRY(check_digest(digest));
    HSM_TRY(hsm_ossl_done(
        EVP_PKEY_sign(state_of(crypt)->signer.ctx, der, &len, digest.data, digest.len),
        HSM_E_CRYPTO));
    return raw_from_der(hsm_bytes_of(der, len), crypt->key->curve->order_bytes, out);
}

static hsm_err ecdsa_single(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    uint8_t room[HSM_HASH_MAX_BYTES];
    hsm_bytes digest;

    HSM_TRY(hsm_ossl_signer_digest(&state_of(crypt)->signer, crypt, in, room, &digest));
    return sign_digest(crypt, digest, out);
}

static hsm_err ecdsa_final(hsm_crypt *crypt, hsm_out *out)
{
    uint8_t room[HSM_HASH_MAX_BYTES];

    HSM_CHECK(crypt->mech->hash != HSM_HASH_NONE, HSM_E_NOT_SUPPORTED);
    HSM_TRY(hsm_ossl_signer_finish(&state_of(crypt)->signer, crypt, room));
    return sign_digest(crypt, hsm_bytes_of(room, hsm_hash_get(crypt->mech->hash)->len), out);
}

/* Zero and what is not below the order are refused by OpenSSL's verification (FIPS 186-5, 6.4.2). */
static hsm_err verify_digest(hsm_crypt *crypt, hsm_bytes digest, hsm_bytes signature)
{
    const size_t half = crypt->key->curve->order_bytes;
    uint8_t der[DER_MAX_BYTES];

    HSM_TRY(check_digest(digest));
    HSM_CHECK(signature.len == 2 * half, HSM_E_SIGNATURE_LEN);

    hsm_der_writer writer = hsm_der_writer_of(der, sizeof der);
    hsm_der_put_uint(&writer, hsm_bytes_of(signature.data + half, half));
    hsm_der_put_uint(&writer, hsm_bytes_of(signature.data, half));
    hsm_der_wrap(&writer, HSM_DER_SEQUENCE, 0);
    HSM_CHECK(!writer.is_failed, HSM_E_INTERNAL);

    const hsm_bytes encoded = hsm_der_view(&writer);
    return hsm_ossl_done(EVP_PKEY_verify(state_of(crypt)->signer.ctx, encoded.data, encoded.len,
                                         digest.data, digest.len),
                         HSM_E_SIGNATURE);
}

static hsm_err ecdsa_verify(hsm_crypt *crypt, hsm_bytes in, hsm_bytes signature)
{
    uint8_t room[HSM_HASH_MAX_BYTES];
    hsm_bytes digest;

    HSM_TRY(hsm_ossl_signer_digest(&state_of(crypt)->signer, crypt, in, room, &digest));
    return verify_digest(crypt, digest, signature);
}

static hsm_err ecdsa_verify_final(hsm_crypt *crypt, hsm_bytes signature)
{
    uint8_t room[HSM_HASH_MAX_BYTES];

    HSM_CHECK(crypt->mech->hash != HSM_HASH_NONE, HSM_E_NOT_SUPPORTED);
    HSM_TRY(hsm_ossl_signer_finish(&state_of(crypt)->signer, crypt, room));
    return verify_digest(crypt, hsm_bytes_of(room, hsm_hash_get(crypt->mech->hash)->len),
                         signature);
}

static size_t ecdsa_result_len(const hsm_crypt *crypt, size_t in_len, bool is_last)
{
    (void)in_len;
    return is_last ? 2 * (size_t)crypt->key->curve->order_bytes : 0;
}

const hsm_family hsm_ossl_ecdsa = {
    .drop = ecdsa_drop,
    .begin = ecdsa_begin,
    .end = ecdsa_end,
    .update = ecdsa_update,
    .final = ecdsa_final,
    .single = ecdsa_single,
    .verify = ecdsa_verify,
    .verify_final = ecdsa_verify_final,
    .result_len = ecdsa_result_len,
};
