/* Authenticated encryption: AES-GCM and ChaCha20-Poly1305. The tag follows the cipher text, unless
 * the operation has it apart.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "crypto/backend_openssl_aes.h"
#include "crypto/backend_openssl_pkey.h"

#include <stdlib.h>

/* SP 800-38D, 5.2.1.1: 2^39 - 256 bits. */
#define GCM_TEXT_MAX_BYTES (((uint64_t)1 << 36) - 32)
/* RFC 8439, 2.8: 2^38 - 64 bytes, which is more. */
/* Room kept from one decryption in parts to the next. */
#define HELD_KEEP_BYTES ((size_t)64 * 1024)

typedef struct aead_state {
    hsm_ossl_aes aes;
    size_t iv_len;       /* the context is set to */
    uint64_t text_bytes; /* of this message so far */
    hsm_buf held;        /* decryption in parts: cipher text and tag, until all are there */
} aead_state;

static void drop(void *state)
{
    aead_state *aead = state;

    if (aead == NULL)
        return;
    hsm_ossl_aes_clear(&aead->aes);
    hsm_buf_clear(&aead->held);
    free(aead);
}

static hsm_err state_of(hsm_crypt *crypt, aead_state **out_state)
{
    aead_state *aead = crypt->state[HSM_FAMILY_AEAD];

    if (aead == NULL) {
        aead = calloc(1, sizeof *aead);
        HSM_CHECK(aead != NULL, HSM_E_NO_MEMORY);
        crypt->state[HSM_FAMILY_AEAD] = aead;
    }
    *out_state = aead;
    return HSM_OK;
}

static hsm_err set_iv_len(aead_state *aead, size_t len)
{
    if (aead->iv_len == len)
        return HSM_OK;
    aead->iv_len = 0;
    HSM_TRY(
        hsm_ossl_done(EVP_CIPHER_CTX_ctrl(aead->aes.ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)len, NULL),
                      HSM_E_MECHANISM_PARAM));
    aead->iv_len = len;
    return HSM_OK;
}

static hsm_err begin(hsm_crypt *crypt)
{
    const hsm_mech_params *params = crypt->params;
    aead_state *aead = NULL;
    bool is_new = false;
    size_t none = 0;

    HSM_TRY(state_of(crypt, &aead));
    HSM_TRY(hsm_ossl_aes_key(&aead->aes, crypt, &is_new));
    if (is_new)
        aead->iv_len = 0;
    HSM_TRY(set_iv_len(aead, params->iv.len));
    HSM_TRY(hsm_ossl_aes_start(&aead->aes, params->iv.data));
    aead->text_bytes = 0;
    if (params->aad.len == 0)
        return HSM_OK;
    return hsm_ossl_aes_feed(&aead->aes, params->aad, NULL, &none);
}

static void end(void *state)
{
    aead_state *aead = state;

    if (aead->held.cap > HELD_KEEP_BYTES)
        hsm_buf_clear(&aead->held);
    hsm_buf_reset(&aead->held);
}

static size_t tag_len(const hsm_crypt *crypt)
{
    return crypt->kept.tag_bits / 8;
}

/* How much of the tag is in the cipher text. */
static size_t joined_len(const hsm_crypt *crypt)
{
    return crypt->kept.is_tag_apart ? 0 : tag_len(crypt);
}

static hsm_err encrypt_part(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    aead_state *aead = crypt->state[HSM_FAMILY_AEAD];

    HSM_CHECK(in.len <= GCM_TEXT_MAX_BYTES - aead->text_bytes, HSM_E_DATA_LEN);
    aead->text_bytes += in.len;
    return hsm_ossl_aes_feed(&aead->aes, in, out->data, &out->len);
}

/* Appends the tag to what out has, or keeps it apart. */
static hsm_err put_tag(hsm_crypt *crypt, hsm_out *out)
{
    aead_state *aead = crypt->state[HSM_FAMILY_AEAD];
    uint8_t *tag = crypt->kept.is_tag_apart ? crypt->tag : out->data + out->len;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, tag_len(crypt)),
        OSSL_PARAM_construct_end(),
    };
    int none = 0;

    HSM_TRY(hsm_ossl_done(EVP_CipherFinal_ex(aead->aes.ctx, tag, &none), HSM_E_CRYPTO));
    HSM_TRY(hsm_ossl_done(EVP_CIPHER_CTX_get_params(aead->aes.ctx, params), HSM_E_CRYPTO));
    out->len += joined_len(crypt);
    return HSM_OK;
}

/* The plain text is in the caller's memory before the tag is checked; crypt.c wipes it on error. */
static hsm_err decrypt(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    aead_state *aead = crypt->state[HSM_FAMILY_AEAD];
    const size_t joined = joined_len(crypt);
    uint8_t tag[HSM_AES_BLOCK_BYTES];
    int none = 0;

    HSM_CHECK(in.len >= joined && in.len - joined <= GCM_TEXT_MAX_BYTES, HSM_E_ENCRYPTED_DATA_LEN);
    const hsm_bytes text = hsm_bytes_of(in.data, in.len - joined);
    memcpy(tag, joined == 0 ? crypt->tag : in.data + text.len, tag_len(crypt));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, tag_len(crypt)),
        OSSL_PARAM_construct_end(),
    };
    HSM_TRY(hsm_ossl_done(EVP_CIPHER_CTX_set_params(aead->aes.ctx, params), HSM_E_CRYPTO));
    HSM_TRY(hsm_ossl_aes_feed(&aead->aes, text, out->data, &out->len));
    return hsm_ossl_done(EVP_CipherFinal_ex(aead->aes.ctx, tag, &none), HSM_E_ENCRYPTED_DATA);
}

static hsm_err update(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    aead_state *aead = crypt->state[HSM_FAMILY_AEAD];

    if (hsm_op_encrypts(crypt->op))
        return encrypt_part(crypt, in, out);
    HSM_CHECK(in.len <= HSM_CRYPT_BUFFER_MAX_BYTES - aead->held.len, HSM_E_LIMIT);
    out->len = 0;
    return hsm_buf_append(&aead->held, in);
}

static hsm_err final(hsm_crypt *crypt, hsm_out *out)
{
    aead_state *aead = crypt->state[HSM_FAMILY_AEAD];

    out->len = 0;
    if (hsm_op_encrypts(crypt->op))
        return put_tag(crypt, out);
    return decrypt(crypt, hsm_buf_view(&aead->held), out);
}

static hsm_err single(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    if (!hsm_op_encrypts(crypt->op))
        return decrypt(crypt, in, out);
    HSM_TRY(encrypt_part(crypt, in, out));
    return put_tag(crypt, out);
}

static size_t result_len(const hsm_crypt *crypt, size_t in_len, bool is_last)
{
    const aead_state *aead = crypt->state[HSM_FAMILY_AEAD];

    if (hsm_op_encrypts(crypt->op))
        return is_last ? in_len + joined_len(crypt) : in_len;
    if (!is_last)
        return 0;
    const size_t total = aead->held.len + in_len;
    return total < joined_len(crypt) ? 0 : total - joined_len(crypt);
}

const hsm_family hsm_ossl_aead = {
    .drop = drop,
    .begin = begin,
    .end = end,
    .update = update,
    .final = final,
    .single = single,
    .result_len = result_len,
};
