/* Signatures and MACs by OpenSSL.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/rsa.h>

#include "bench/raw.h"

static bool is_rsa(const bench_row *row)
{
    return bench_key_kinds[row->key].bits != 0;
}

static bool is_message(const bench_row *row)
{
    return bench_key_kinds[row->key].use == BENCH_USE_SIGN_MESSAGE;
}

bool raw_sign(raw_loop *loop)
{
    const bench_row *row = loop->row;
    uint8_t digest[32];

    loop->result_len = sizeof loop->result; /* in: room, out: length, which varies */
    if (loop->mac != NULL)
        return EVP_MAC_init(loop->mac, NULL, 0, NULL) == 1 &&
               EVP_MAC_update(loop->mac, raw_data, row->data_bytes) == 1 &&
               EVP_MAC_final(loop->mac, loop->result, &loop->result_len, loop->result_len) == 1;
    if (!is_rsa(row))
        return EVP_PKEY_sign(loop->pkey, loop->result, &loop->result_len, raw_data,
                             row->data_bytes) == 1;
    return EVP_Digest(raw_data, row->data_bytes, digest, NULL, loop->md, NULL) == 1 &&
           EVP_PKEY_sign(loop->pkey, loop->result, &loop->result_len, digest, sizeof digest) == 1;
}

bool raw_verify(raw_loop *loop)
{
    const bench_row *row = loop->row;
    uint8_t digest[32];

    if (!is_rsa(row))
        return EVP_PKEY_verify(loop->pkey, loop->result, loop->result_len, raw_data,
                               row->data_bytes) == 1;
    return EVP_Digest(raw_data, row->data_bytes, digest, NULL, loop->md, NULL) == 1 &&
           EVP_PKEY_verify(loop->pkey, loop->result, loop->result_len, digest, sizeof digest) == 1;
}

static bool set_padding(raw_loop *loop)
{
    const bool is_pss = loop->row->mechanism == CKM_SHA256_RSA_PKCS_PSS;

    if (!is_rsa(loop->row))
        return true;
    return EVP_PKEY_CTX_set_rsa_padding(loop->pkey,
                                        is_pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1 &&
           EVP_PKEY_CTX_set_signature_md(loop->pkey, loop->md) == 1 &&
           (!is_pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(loop->pkey, 32) == 1);
}

static bool start(raw_loop *loop, bool is_verify)
{
    EVP_SIGNATURE *scheme = NULL;
    bool is_good = false;

    if (is_message(loop->row)) {
        scheme = EVP_SIGNATURE_fetch(loop->state->libctx, bench_key_kinds[loop->row->key].algorithm,
                                     NULL);
        is_good = is_verify ? EVP_PKEY_verify_message_init(loop->pkey, scheme, NULL) == 1
                            : EVP_PKEY_sign_message_init(loop->pkey, scheme, NULL) == 1;
        EVP_SIGNATURE_free(scheme);
        return is_good;
    }
    is_good =
        is_verify ? EVP_PKEY_verify_init(loop->pkey) == 1 : EVP_PKEY_sign_init(loop->pkey) == 1;
    return is_good && set_padding(loop);
}

static bool prepare_mac(raw_loop *loop)
{
    EVP_MAC *hmac = EVP_MAC_fetch(loop->state->libctx, "HMAC", NULL);
    char name[] = "SHA2-256";
    const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string("digest", name, 0),
                                  OSSL_PARAM_construct_end() };

    loop->mac = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);
    return EVP_MAC_init(loop->mac, raw_data, BENCH_SECRET_BYTES, params) == 1;
}

bool raw_prepare_signature(raw_loop *loop)
{
    if (loop->row->key == BENCH_KEY_HMAC)
        return prepare_mac(loop);
    loop->pkey =
        EVP_PKEY_CTX_new_from_pkey(loop->state->libctx, loop->state->key[loop->row->key], NULL);
    return start(loop, false) && raw_sign(loop) &&
           (loop->row->kind == BENCH_SIGN || start(loop, true));
}
