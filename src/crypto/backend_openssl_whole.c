/* Modes that need the whole message at once: CBC with ciphertext stealing, XTS, CCM. Parts are
 * gathered until the end.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "crypto/backend_openssl_aes.h"
#include "crypto/backend_openssl_pkey.h"

#include <stdlib.h>

#define BLOCK HSM_AES_BLOCK_BYTES
#define TEXT_MAX_BYTES ((size_t)1 << 30) /* OpenSSL counts in int */
/* SP 800-38E: 2^20 blocks in a data unit. */
#define XTS_MAX_BYTES ((size_t)16 * 1024 * 1024)

typedef struct whole_state {
    hsm_ossl_aes aes;
    hsm_buf held; /* the parts so far: wiped, they may be plain text */
    hsm_buf aad;  /* CCM */
} whole_state;

static void drop(void *state)
{
    whole_state *whole = state;

    if (whole == NULL)
        return;
    hsm_ossl_aes_clear(&whole->aes);
    hsm_buf_clear(&whole->held);
    hsm_buf_clear(&whole->aad);
    free(whole);
}

static bool is_ccm(const hsm_crypt *crypt)
{
    return crypt->mech->alg == HSM_ALG_AES_CCM;
}

static hsm_err begin(hsm_crypt *crypt)
{
    whole_state *whole = crypt->state[HSM_FAMILY_WHOLE];
    bool is_new = false;

    if (whole == NULL) {
        whole = calloc(1, sizeof *whole);
        HSM_CHECK(whole != NULL, HSM_E_NO_MEMORY);
        whole->held = HSM_BUF_WIPED;
        crypt->state[HSM_FAMILY_WHOLE] = whole;
    }
    hsm_buf_reset(&whole->aad);
    if (crypt->params->aad.len > 0)
        HSM_TRY(hsm_buf_append(&whole->aad, crypt->params->aad));
    return hsm_ossl_aes_key(&whole->aes, crypt, &is_new);
}

static void end(void *state)
{
    whole_state *whole = state;

    hsm_buf_clear(&whole->held);
}

static size_t tag_len(const hsm_crypt *crypt)
{
    return is_ccm(crypt) ? crypt->kept.tag_bits / 8 : 0;
}

/* How much of the tag is in the cipher text. */
static size_t joined_len(const hsm_crypt *crypt)
{
    return crypt->kept.is_tag_apart ? 0 : tag_len(crypt);
}

static hsm_err crypt_all(whole_state *whole, hsm_bytes in, uint8_t *out, size_t *out_len,
                         hsm_err otherwise)
{
    static const uint8_t empty[1];
    int len = 0;

    HSM_TRY(hsm_ossl_done(
        EVP_CipherUpdate(whole->aes.ctx, out, &len, in.len == 0 ? empty : in.data, (int)in.len),
        otherwise));
    *out_len = (size_t)len;
    return HSM_OK;
}

static hsm_err run_stealing(const hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    whole_state *whole = crypt->state[HSM_FAMILY_WHOLE];
    const size_t max_len = crypt->mech->alg == HSM_ALG_AES_XTS ? XTS_MAX_BYTES : TEXT_MAX_BYTES;
    const bool encrypts = hsm_op_encrypts(crypt->op);

    HSM_CHECK(in.len >= BLOCK && in.len <= max_len,
              encrypts ? HSM_E_DATA_LEN : HSM_E_ENCRYPTED_DATA_LEN);
    HSM_TRY(hsm_ossl_aes_start(&whole->aes, crypt->kept.iv));
    return crypt_all(whole, in, out->data, &out->len, HSM_E_CRYPTO);
}

/* Sets lengths, nonce and associated data, in the order OpenSSL asks for. tag NULL: encryption. */
static hsm_err start_ccm(const hsm_crypt *crypt, whole_state *whole, size_t text_len, uint8_t *tag)
{
    EVP_CIPHER_CTX *ctx = whole->aes.ctx;
    const int nonce_len = (int)crypt->kept.iv_len;
    size_t none = 0;
    int len = 0;

    HSM_TRY(hsm_ossl_done(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, nonce_len, NULL),
                          HSM_E_MECHANISM_PARAM));
    HSM_TRY(hsm_ossl_done(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)tag_len(crypt), tag),
                          HSM_E_CRYPTO));
    /* The lengths go into the first block, which is made when a key is set. */
    HSM_TRY(hsm_ossl_done(EVP_CipherInit_ex2(ctx, NULL, hsm_secret_view(crypt->key->value).data,
                                             crypt->kept.iv, whole->aes.is_encrypting, NULL),
                          HSM_E_CRYPTO));
    HSM_TRY(hsm_ossl_done(EVP_CipherUpdate(ctx, NULL, &len, NULL, (int)text_len), HSM_E_DATA_LEN));
    if (whole->aad.len == 0)
        return HSM_OK;
    return hsm_ossl_aes_feed(&whole->aes, hsm_buf_view(&whole->aad), NULL, &none);
}

/* SP 800-38C, A.1: the length is written in the bytes that the nonce leaves. A length that was
 * announced must be kept; wrapping has none to announce. */
static bool is_ccm_len(const hsm_crypt *crypt, size_t text_len)
{
    const size_t len_bytes = BLOCK - 1 - crypt->kept.iv_len;
    const bool is_said = (crypt->op & (HSM_OP_ENCRYPT | HSM_OP_DECRYPT)) != 0;
    const uint64_t said = crypt->kept.data_len;

    if (text_len > TEXT_MAX_BYTES || (len_bytes < 8 && (uint64_t)text_len >> (8 * len_bytes) != 0))
        return false;
    return !is_said || said == text_len ||
           (crypt->op == HSM_OP_DECRYPT && said == text_len + joined_len(crypt));
}

static hsm_err seal_ccm(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    whole_state *whole = crypt->state[HSM_FAMILY_WHOLE];
    uint8_t none[1] = { 0 };

    HSM_CHECK(is_ccm_len(crypt, in.len), HSM_E_DATA_LEN);
    HSM_TRY(start_ccm(crypt, whole, in.len, NULL));
    HSM_TRY(crypt_all(whole, in, out->data == NULL ? none : out->data, &out->len, HSM_E_CRYPTO));
    uint8_t *tag = crypt->kept.is_tag_apart ? crypt->tag : out->data + out->len;
    HSM_TRY(hsm_ossl_done(
        EVP_CIPHER_CTX_ctrl(whole->aes.ctx, EVP_CTRL_AEAD_GET_TAG, (int)tag_len(crypt), tag),
        HSM_E_CRYPTO));
    out->len += joined_len(crypt);
    return HSM_OK;
}

static hsm_err open_ccm(const hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    whole_state *whole = crypt->state[HSM_FAMILY_WHOLE];
    uint8_t tag[BLOCK];
    uint8_t none[1];

    const size_t joined = joined_len(crypt);
    HSM_CHECK(in.len >= joined && is_ccm_len(crypt, in.len - joined), HSM_E_ENCRYPTED_DATA_LEN);
    const hsm_bytes text = hsm_bytes_of(in.data, in.len - joined);
    memcpy(tag, joined == 0 ? crypt->tag : in.data + text.len, tag_len(crypt));
    HSM_TRY(start_ccm(crypt, whole, text.len, tag));
    return crypt_all(whole, text, out->data == NULL ? none : out->data, &out->len,
                     HSM_E_ENCRYPTED_DATA);
}

static hsm_err single(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    if (!is_ccm(crypt))
        return run_stealing(crypt, in, out);
    return hsm_op_encrypts(crypt->op) ? seal_ccm(crypt, in, out) : open_ccm(crypt, in, out);
}

static hsm_err update(hsm_crypt *crypt, hsm_bytes in, hsm_out *out)
{
    whole_state *whole = crypt->state[HSM_FAMILY_WHOLE];

    HSM_CHECK(in.len <= HSM_CRYPT_BUFFER_MAX_BYTES - whole->held.len, HSM_E_LIMIT);
    out->len = 0;
    return hsm_buf_append(&whole->held, in);
}

static hsm_err final(hsm_crypt *crypt, hsm_out *out)
{
    const whole_state *whole = crypt->state[HSM_FAMILY_WHOLE];

    return single(crypt, hsm_buf_view(&whole->held), out);
}

static size_t result_len(const hsm_crypt *crypt, size_t in_len, bool is_last)
{
    const whole_state *whole = crypt->state[HSM_FAMILY_WHOLE];
    const size_t total = whole->held.len + in_len;

    if (!is_last)
        return 0;
    if (hsm_op_encrypts(crypt->op))
        return total + joined_len(crypt);
    return total < joined_len(crypt) ? 0 : total - joined_len(crypt);
}

const hsm_family hsm_ossl_whole = {
    .drop = drop,
    .begin = begin,
    .end = end,
    .update = update,
    .final = final,
    .single = single,
    .result_len = result_len,
};
