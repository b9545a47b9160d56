/* EdDSA (RFC 8032): Ed25519, Ed25519ctx, Ed25519ph, Ed448 and Ed448ph. The message is needed twice,
 * so parts are collected.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "crypto/backend_openssl_pkey.h"

#define CONTEXT_MAX_BYTES 255u /* RFC 8032, 5.1 */
#define ED25519_BITS 255u
/* A larger buffer is not kept between operations. */
#define KEPT_MAX_BYTES 4096u

typedef struct eddsa_state {
    hsm_ossl_signer signer;
    hsm_eddsa_variant variant;
    uint8_t context[CONTEXT_MAX_BYTES];
    size_t context_len;
    hsm_buf message; /* the parts so far */
} eddsa_state;

static eddsa_state *state_of(const hsm_crypt *crypt)
{
    return crypt->state[HSM_FAMILY_EDDSA];
}

static void forget_message(eddsa_state *eddsa)
{
    if (eddsa->message.len > 0)
        explicit_bzero(eddsa->message.data, eddsa->message.len);
    hsm_buf_reset(&eddsa->message);
    if (eddsa->message.cap > KEPT_MAX_BYTES)
        hsm_buf_clear(&eddsa->message);
}

static void eddsa_drop(void *state)
{
    eddsa_state *eddsa = state;

    if (eddsa == NULL)
        return;
    hsm_ossl_signer_clear(&eddsa->signer);
    forget_message(eddsa);
    hsm_buf_clear(&eddsa->message);
    free(eddsa);
}

static void eddsa_end(void *state)
{
    if (state != NULL)
        forget_message(state);
}

/* PKCS#11 v3.2, 6.3.15: the parameter and its content choose the scheme of RFC 8032. */
static hsm_eddsa_variant variant_of(const hsm_crypt *crypt)
{
    const hsm_mech_params *params = crypt->params;
    const bool is_prehash = params != NULL && params->is_prehash;

    if (crypt->key->bits != ED25519_BITS)
        return is_prehash ? HSM_EDDSA_ED448PH : HSM_EDDSA_ED448;
    if (is_prehash)
        return HSM_EDDSA_ED25519PH;
    return params != NULL && params->has_context ? HSM_EDDSA_ED25519CTX : HSM_EDDSA_ED25519;
}

static hsm_err init_ctx(const hsm_crypt *crypt, eddsa_state *eddsa)
{
    EVP_SIGNATURE *algorithm = hsm_ossl_eddsa_signature(crypt->crypto, eddsa->variant);
    OSSL_PARAM params[2] = { OSSL_PARAM_END, OSSL_PARAM_END };

    if (eddsa->variant != HSM_EDDSA_ED25519)
        params[0] = OSSL_PARAM_construct_octet_string(OSSL_SIGNATURE_PARAM_CONTEXT_STRING,
                                                      eddsa->context, eddsa->context_len);
    return hsm_ossl_done(crypt->op == HSM_OP_SIGN
                             ? EVP_PKEY_sign_message_init(eddsa->signer.ctx, algorithm, params)
                             : EVP_PKEY_verify_message_init(eddsa->signer.ctx, algorithm, params),
                         HSM_E_CRYPTO);
}

static hsm_err eddsa_begin(hsm_crypt *crypt)
{
    if (state_of(crypt) == NULL)
        crypt->state[HSM_FAMILY_EDDSA] = calloc(1, sizeof(eddsa_state));
    eddsa_state *eddsa = state_of(crypt);
    HSM_CHECK(eddsa != NULL, HSM_E_NO_MEMORY);

    const hsm_eddsa_variant variant = variant_of(crypt);
    const hsm_bytes context = crypt->params != NULL ? crypt->params->context : hsm_bytes_none();
    HSM_CHECK(context.len <= CONTEXT_MAX_BYTES, HSM_E_MECHANISM_PARAM);
    forget_message(eddsa);
    if (hsm_ossl_signer_fits(&eddsa->signer, crypt) && eddsa->variant == variant &&
        hsm_bytes_equal(hsm_bytes_of(eddsa->context, eddsa->context_len), context))
        return HSM_OK;

    HSM_TRY(hsm_ossl_signer_renew(&eddsa->signer, crypt));
    eddsa->variant = variant;
    eddsa->context_len = context.len;
    if (context.len > 0)
        memcpy(eddsa->context, context.data, context.len);
    const hsm_err err = init_ctx(crypt, eddsa);
    if (err != HSM_OK)
        hsm_ossl_signer_forget(&eddsa->signer);
    return err;
}

static hsm_err eddsa_update(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    hsm_buf *message = &state_of(crypt)->message;

    (void)out; /* signatures give nothing before the end */
    HSM_CHECK(in.len <= HSM_CRYPT_BUFFER_MAX_BYTES - message->len, HSM_E_LIMIT);
    return hsm_buf_append(message, in);
}

/* By way of a local buffer, because the message may lie where the signature goes and OpenSSL reads it
 * after writing R. */
static hsm_err eddsa_single(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    uint8_t signature[HSM_EC_SIGNATURE_MAX_BYTES];
    size_t len = sizeof signature;

    HSM_TRY(
        hsm_ossl_done(EVP_PKEY_sign(state_of(crypt)->signer.ctx, signature, &len, in.data, in.len),
                      HSM_E_CRYPTO));
    return hsm_out_put(out, hsm_bytes_of(signature, len));
}

static hsm_err eddsa_final(hsm_crypt *crypt, hsm_out *out)
{
    return eddsa_single(crypt, hsm_buf_view(&state_of(crypt)->message), out);
}

static hsm_err eddsa_verify(hsm_crypt *crypt, hsm_bytes in, hsm_bytes signature)
{
    HSM_CHECK(signature.len == 2 * (size_t)crypt->key->curve->order_bytes, HSM_E_SIGNATURE_LEN);
    return hsm_ossl_done(EVP_PKEY_verify(state_of(crypt)->signer.ctx, signature.data, signature.len,
                                         in.data, in.len),
                         HSM_E_SIGNATURE);
}

static hsm_err eddsa_verify_final(hsm_crypt *crypt, hsm_bytes signature)
{
    return eddsa_verify(crypt, hsm_buf_view(&state_of(crypt)->message), signature);
}

static size_t eddsa_result_len(const hsm_crypt *crypt, size_t in_len, bool is_last)
{
    (void)in_len;
    return is_last ? 2 * (size_t)crypt->key->curve->order_bytes : 0;
}

const hsm_family hsm_ossl_eddsa = {
    .drop = eddsa_drop,
    .begin = eddsa_begin,
    .end = eddsa_end,
    .update = eddsa_update,
    .final = eddsa_final,
    .single = eddsa_single,
    .verify = eddsa_verify,
    .verify_final = eddsa_verify_final,
    .result_len = eddsa_result_len,
};
