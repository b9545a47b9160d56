/* The front of an operation: its state, and the length rules that all mechanisms share.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypt.h"

#include <stdlib.h>

#include "crypto/internal.h"
#include "crypto/selftest_internal.h"

/* No input is longer, so that adding a block or a tag can't overflow. */
#define INPUT_MAX_BYTES (SIZE_MAX / 2)

/* What belongs to an algorithm whatever the backend. */
static const struct {
    hsm_family_id family;
    bool may_shrink; /* the way back gives less than result_len: padding is taken off */
} algs[HSM_ALG_COUNT] = {
    [HSM_ALG_DIGEST] = { HSM_FAMILY_DIGEST, false },
    [HSM_ALG_HMAC] = { HSM_FAMILY_HMAC, false },
    [HSM_ALG_CMAC] = { HSM_FAMILY_CMAC, false },
    [HSM_ALG_AES_ECB] = { HSM_FAMILY_CIPHER, false },
    [HSM_ALG_AES_CBC] = { HSM_FAMILY_CIPHER, false },
    [HSM_ALG_AES_CBC_PAD] = { HSM_FAMILY_CIPHER, true },
    [HSM_ALG_AES_CTR] = { HSM_FAMILY_CIPHER, false },
    [HSM_ALG_AES_GCM] = { HSM_FAMILY_AEAD, false },
    [HSM_ALG_AES_KW] = { HSM_FAMILY_KEYWRAP, false },
    [HSM_ALG_AES_KWP] = { HSM_FAMILY_KEYWRAP, true },
    [HSM_ALG_AES_KW_PKCS7] = { HSM_FAMILY_KEYWRAP, true },
    [HSM_ALG_AES_CTS] = { HSM_FAMILY_WHOLE, false },
    [HSM_ALG_AES_XTS] = { HSM_FAMILY_WHOLE, false },
    [HSM_ALG_AES_OFB] = { HSM_FAMILY_CIPHER, false },
    [HSM_ALG_AES_CFB1] = { HSM_FAMILY_CIPHER, false },
    [HSM_ALG_AES_CFB8] = { HSM_FAMILY_CIPHER, false },
    [HSM_ALG_AES_CFB128] = { HSM_FAMILY_CIPHER, false },
    [HSM_ALG_AES_CCM] = { HSM_FAMILY_WHOLE, false },
    [HSM_ALG_AES_GMAC] = { HSM_FAMILY_GMAC, false },
    [HSM_ALG_CHACHA20] = { HSM_FAMILY_CIPHER, false },
    [HSM_ALG_CHACHA20_POLY1305] = { HSM_FAMILY_AEAD, false },
    [HSM_ALG_DES3_ECB] = { HSM_FAMILY_CIPHER, false },
    [HSM_ALG_DES3_CBC] = { HSM_FAMILY_CIPHER, false },
    [HSM_ALG_DES3_CBC_PAD] = { HSM_FAMILY_CIPHER, true },
    [HSM_ALG_DES3_CMAC] = { HSM_FAMILY_CMAC, false },
    [HSM_ALG_RSA_PKCS] = { HSM_FAMILY_RSA, true },
    [HSM_ALG_RSA_PSS] = { HSM_FAMILY_RSA, false },
    [HSM_ALG_RSA_OAEP] = { HSM_FAMILY_RSA, true },
    [HSM_ALG_RSA_X509] = { HSM_FAMILY_RSA, false },
    [HSM_ALG_ECDSA] = { HSM_FAMILY_ECDSA, false },
    [HSM_ALG_EDDSA] = { HSM_FAMILY_EDDSA, false },
    [HSM_ALG_ECDH] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_DH] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_CONCAT_BASE_KEY] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_CONCAT_BASE_DATA] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_CONCAT_DATA_BASE] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_XOR_BASE_DATA] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_EXTRACT] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_HASH_DERIVE] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_SHAKE_DERIVE] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_ENCRYPT_DATA_ECB] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_ENCRYPT_DATA_CBC] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_HKDF] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_KBKDF_COUNTER] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_KBKDF_FEEDBACK] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_KBKDF_PIPELINE] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_TLS12_MASTER] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_TLS12_EXTENDED] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_TLS12_KEYS] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_TLS12_SAFE_KEYS] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_TLS12_EXPORTER] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_IKE_PRF] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_IKE1_PRF] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_IKE1_EXTENDED] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_IKE2_PRF_PLUS] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_PUBLIC_FROM_PRIVATE] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_PBKDF2] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_RSA_AES_WRAP] = { HSM_FAMILY_HYBRID, true },
    [HSM_ALG_ECDH_AES_WRAP] = { HSM_FAMILY_HYBRID, true },
    [HSM_ALG_ML_DSA] = { HSM_FAMILY_PQC_SIGN, false },
    [HSM_ALG_SLH_DSA] = { HSM_FAMILY_PQC_SIGN, false },
    [HSM_ALG_ML_KEM] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_COMP_KEM] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_COMP_SIG] = { HSM_FAMILY_COMPOSITE, false },
    [HSM_ALG_KEYGEN_EXTRA_BITS] = { HSM_FAMILY_COUNT, false },
    [HSM_ALG_KEYGEN] = { HSM_FAMILY_COUNT, false },
};

hsm_family_id hsm_alg_family(hsm_alg alg)
{
    return algs[alg].family;
}

hsm_err hsm_crypt_create(hsm_crypto *crypto, hsm_crypt **out_crypt)
{
    hsm_crypt *crypt = calloc(1, sizeof *crypt);

    HSM_CHECK(crypt != NULL, HSM_E_NO_MEMORY);
    crypt->crypto = crypto;
    *out_crypt = crypt;
    return HSM_OK;
}

void hsm_crypt_destroy(hsm_crypt *crypt)
{
    if (crypt == NULL)
        return;
    hsm_crypt_forget(crypt);
    free(crypt);
}

/* What an operation needs after begin. Field by field: clearing room for the longest IV would cost
 * more than a short digest. */
static hsm_err keep_params(hsm_crypt *crypt, const hsm_mech_params *params)
{
    hsm_crypt_kept *kept = &crypt->kept;

    HSM_CHECK(params->iv.len <= sizeof kept->iv, HSM_E_MECHANISM_PARAM);
    kept->tag_bits = params->tag_bits;
    kept->is_tag_apart = params->is_tag_apart;
    kept->counter_bits = params->counter_bits;
    kept->data_len = params->data_len;
    kept->mac_len = params->mac_len;
    kept->salt_len = params->salt_len;
    kept->aes_bits = params->aes_bits;
    kept->hash = params->hash;
    kept->mgf_hash = params->mgf_hash;
    kept->iv_len = params->iv.len;
    if (params->iv.len > 0)
        memcpy(kept->iv, params->iv.data, params->iv.len);
    return HSM_OK;
}

/* A hash that comes with the parameters is under the same rule as one that the row names. */
static bool is_sha1_signature(const hsm_crypt *crypt)
{
    return crypt->op == HSM_OP_SIGN && crypt->mech->alg == HSM_ALG_RSA_PSS &&
           crypt->kept.hash == HSM_HASH_SHA1;
}

static hsm_err begin_family(hsm_crypt *crypt, const hsm_mech_params *params)
{
    crypt->params = params;
    const hsm_err err = crypt->family->begin(crypt);
    crypt->params = NULL;
    return err;
}

static hsm_err begin(hsm_crypt *crypt, const hsm_mech_params *params)
{
    crypt->family_id = algs[crypt->mech->alg].family;
    HSM_CHECK(crypt->family_id < HSM_FAMILY_COUNT, HSM_E_MECHANISM);
    HSM_CHECK((crypt->key == NULL) == (crypt->op == HSM_OP_DIGEST), HSM_E_INTERNAL);
    crypt->family = crypt->crypto->backend->family[crypt->family_id];
    HSM_CHECK(crypt->family != NULL, HSM_E_MECHANISM);
    HSM_TRY(keep_params(crypt, params));
    HSM_CHECK(crypt->crypto->options.may_sign_sha1 || !is_sha1_signature(crypt),
              HSM_E_MECHANISM_PARAM);

    return begin_family(crypt, params);
}

static inline hsm_err start(hsm_crypt *crypt, const crypt_question *question)
{
    hsm_crypt_end(crypt);
    crypt->op = question->op;
    crypt->mech = question->mech;
    crypt->key = question->key;
    crypt->family = NULL;
    const hsm_err err = begin(crypt, question->params);
    if (err != HSM_OK)
        hsm_crypt_end(crypt);
    return err;
}

hsm_err hsm_crypt_begin_untested(hsm_crypt *crypt, const crypt_question *question)
{
    return start(crypt, question);
}

hsm_err hsm_crypt_begin(hsm_crypt *crypt, hsm_op op, const hsm_mech *mech,
                        const hsm_mech_params *params, hsm_key *key)
{
    const crypt_question question = { op, mech, params, key };

    HSM_CHECK(!hsm_crypto_has_failed(crypt->crypto), HSM_E_SELF_TEST);
    if (crypt->proved != mech || params->hash != mech->hash) {
        HSM_TRY(hsm_selftest_use(crypt->crypto, mech, params->hash));
        crypt->proved = mech; /* what passed once is never taken back, except by failing for good */
    }
    return start(crypt, &question);
}

hsm_err hsm_crypt_begin_again(hsm_crypt *crypt, const hsm_mech *mech, hsm_key *key)
{
    static const hsm_mech_params none = { 0 };

    HSM_CHECK(!hsm_crypto_has_failed(crypt->crypto), HSM_E_SELF_TEST);
    hsm_crypt_end(crypt);
    crypt->mech = mech;
    crypt->key = key;
    const hsm_err err = begin_family(crypt, &none);
    if (err != HSM_OK)
        hsm_crypt_end(crypt);
    return err;
}

/* One step that gives a result: family->single, update, final, or the last two at once. */
typedef enum step { STEP_SINGLE, STEP_UPDATE, STEP_FINAL, STEP_LAST } step;

static HSM_APART hsm_err run_last(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    const hsm_op_set giving = HSM_OP_ENCRYPT | HSM_OP_DECRYPT;
    const bool gives = (crypt->op & giving) != 0;

    out->len = 0;
    HSM_TRY(crypt->family->update(crypt, in, gives ? out : NULL));
    hsm_out rest = hsm_out_of(out->data + out->len, out->cap - out->len);
    HSM_TRY(crypt->family->final(crypt, &rest));
    out->len += rest.len;
    return HSM_OK;
}

static hsm_err run(hsm_crypt *crypt, step what, hsm_bytes in, hsm_out *out)
{
    switch (what) {
    case STEP_SINGLE:
        return crypt->family->single(crypt, in, out);
    case STEP_UPDATE:
        return crypt->family->update(crypt, in, out);
    case STEP_FINAL:
        return crypt->family->final(crypt, out);
    case STEP_LAST:
        return run_last(crypt, in, out);
    }
    return HSM_E_INTERNAL;
}

static bool may_shrink(const hsm_crypt *crypt, step what)
{
    const hsm_op_set shrinking = HSM_OP_DECRYPT | HSM_OP_UNWRAP | HSM_OP_VERIFY_RECOVER;

    return what != STEP_UPDATE && (crypt->op & shrinking) != 0 && algs[crypt->mech->alg].may_shrink;
}

/* The result is longer than the caller's room. A whole message will be given again; the end of one
 * in parts can't be computed twice and is kept. */
static hsm_err keep_late(hsm_crypt *crypt, step what, const hsm_out *result, hsm_out *out)
{
    out->len = result->len;
    if (what == STEP_FINAL) {
        HSM_CHECK(result->len <= sizeof crypt->late, HSM_E_INTERNAL);
        memcpy(crypt->late, result->data, result->len);
        crypt->late_len = result->len;
        crypt->has_late = true;
    }
    return HSM_E_BUFFER_TOO_SMALL;
}

static hsm_err give_late(hsm_crypt *crypt, hsm_out *out)
{
    HSM_TRY(hsm_out_put(out, hsm_bytes_of(crypt->late, crypt->late_len)));
    return HSM_OK;
}

static hsm_err hand_over(hsm_crypt *crypt, step what, const hsm_out *result, hsm_out *out)
{
    if (result->len > out->cap)
        return keep_late(crypt, what, result, out);
    if (result->len > 0)
        memcpy(out->data, result->data, result->len);
    out->len = result->len;
    return HSM_OK;
}

/* Through room of our own: where the caller's may suffice though it is below the bound, and where
 * the result would overwrite input that is still to be read. */
static HSM_APART hsm_err run_aside(hsm_crypt *crypt, step what, hsm_bytes in, size_t bound,
                                   hsm_out *out)
{
    uint8_t *room = malloc(bound);

    HSM_CHECK(room != NULL, HSM_E_NO_MEMORY);
    hsm_out result = hsm_out_of(room, bound);
    hsm_err err = run(crypt, what, in, &result);
    if (err == HSM_OK)
        err = hand_over(crypt, what, &result, out);
    explicit_bzero(room, bound);
    free(room);
    return err;
}

/* In place is fine from the first byte on; with an earlier part still held back, or at another
 * distance, the result would run into the input. */
static bool is_in_the_way(const hsm_crypt *crypt, hsm_bytes in, const hsm_out *out, size_t bound)
{
    const uintptr_t from = (uintptr_t)in.data;
    const uintptr_t to = (uintptr_t)out->data;

    if (from == to && !crypt->has_parts)
        return false;
    return from <= to ? to - from < in.len : from - to < bound;
}

/* The length rules of PKCS#11 v3.2, 5.2. */
static hsm_err produce(hsm_crypt *crypt, step what, hsm_bytes in, hsm_out *out)
{
    HSM_CHECK(in.len <= INPUT_MAX_BYTES, HSM_E_DATA_LEN);
    const size_t bound = crypt->family->result_len(crypt, in.len, what != STEP_UPDATE);
    const bool is_short = out->data != NULL && out->cap < bound;

    if (out->data == NULL || (is_short && !may_shrink(crypt, what))) {
        out->len = bound;
        return is_short ? HSM_E_BUFFER_TOO_SMALL : HSM_OK;
    }
    if (is_short || is_in_the_way(crypt, in, out, bound))
        return run_aside(crypt, what, in, bound, out);

    const hsm_err err = run(crypt, what, in, out);
    if (err != HSM_OK) {
        explicit_bzero(out->data, bound);
        out->len = 0;
    }
    return err;
}

hsm_err hsm_crypt_single(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    HSM_CHECK(crypt->mech != NULL && !crypt->has_parts, HSM_E_OPERATION);
    HSM_CHECK(crypt->family->single != NULL, HSM_E_NOT_SUPPORTED);
    return produce(crypt, STEP_SINGLE, in, out);
}

static bool takes_parts(const hsm_crypt *crypt)
{
    return crypt->mech->is_multi_part && crypt->family->update != NULL;
}

hsm_err hsm_crypt_update(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    HSM_CHECK(crypt->mech != NULL && !crypt->has_late, HSM_E_OPERATION);
    HSM_CHECK(takes_parts(crypt), HSM_E_NOT_SUPPORTED);
    const hsm_err err =
        out == NULL ? crypt->family->update(crypt, in, NULL) : produce(crypt, STEP_UPDATE, in, out);
    if (err != HSM_E_BUFFER_TOO_SMALL && (out == NULL || out->data != NULL))
        crypt->has_parts = true;
    return err;
}

hsm_err hsm_crypt_last(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    HSM_CHECK(crypt->mech != NULL && !crypt->has_late, HSM_E_OPERATION);
    HSM_CHECK(takes_parts(crypt) && crypt->family->final != NULL, HSM_E_NOT_SUPPORTED);
    return produce(crypt, STEP_LAST, in, out);
}

hsm_err hsm_crypt_final(hsm_crypt *crypt, hsm_out *out)
{
    HSM_CHECK(crypt->mech != NULL, HSM_E_OPERATION);
    HSM_CHECK(takes_parts(crypt) && crypt->family->final != NULL, HSM_E_NOT_SUPPORTED);
    if (crypt->has_late)
        return give_late(crypt, out);
    return produce(crypt, STEP_FINAL, hsm_bytes_none(), out);
}

hsm_err hsm_crypt_verify(hsm_crypt *crypt, hsm_bytes in, hsm_bytes signature)
{
    HSM_CHECK(crypt->mech != NULL && !crypt->has_parts, HSM_E_OPERATION);
    HSM_CHECK(crypt->family->verify != NULL, HSM_E_NOT_SUPPORTED);
    return crypt->family->verify(crypt, in, signature);
}

hsm_err hsm_crypt_verify_final(hsm_crypt *crypt, hsm_bytes signature)
{
    HSM_CHECK(crypt->mech != NULL, HSM_E_OPERATION);
    HSM_CHECK(takes_parts(crypt) && crypt->family->verify_final != NULL, HSM_E_NOT_SUPPORTED);
    return crypt->family->verify_final(crypt, signature);
}

hsm_bytes hsm_crypt_tag(const hsm_crypt *crypt)
{
    return hsm_bytes_of(crypt->tag, crypt->kept.tag_bits / 8);
}

void hsm_crypt_put_tag(hsm_crypt *crypt, hsm_bytes tag)
{
    if (tag.len > 0 && tag.len <= sizeof crypt->tag)
        memcpy(crypt->tag, tag.data, tag.len);
}

bool hsm_crypt_has_parts(const hsm_crypt *crypt)
{
    return crypt->has_parts;
}

void hsm_crypt_end(hsm_crypt *crypt)
{
    if (crypt->mech == NULL)
        return;
    if (crypt->family != NULL && crypt->family->end != NULL &&
        crypt->state[crypt->family_id] != NULL)
        crypt->family->end(crypt->state[crypt->family_id]);
    if (crypt->has_late)
        explicit_bzero(crypt->late, sizeof crypt->late);
    crypt->has_late = false;
    crypt->has_parts = false;
    crypt->mech = NULL;
    crypt->key = NULL;
}

void hsm_crypt_forget(hsm_crypt *crypt)
{
    hsm_crypt_end(crypt);
    for (int id = 0; id < HSM_FAMILY_COUNT; id++) {
        if (crypt->state[id] != NULL)
            crypt->crypto->backend->family[id]->drop(crypt->state[id]);
        crypt->state[id] = NULL;
    }
}
