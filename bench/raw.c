/* The yardstick: OpenSSL's own calls, contexts made once and used again.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "bench/rows.h"

typedef struct raw {
    OSSL_LIB_CTX *libctx;
    EVP_PKEY *key[BENCH_KEY_COUNT];
} raw;

static EVP_PKEY *make_key(OSSL_LIB_CTX *libctx, bench_key key)
{
    switch (key) {
    case BENCH_KEY_RSA_2048:
        return EVP_PKEY_Q_keygen(libctx, NULL, "RSA", (size_t)2048);
    case BENCH_KEY_RSA_3072:
        return EVP_PKEY_Q_keygen(libctx, NULL, "RSA", (size_t)3072);
    case BENCH_KEY_RSA_4096:
        return EVP_PKEY_Q_keygen(libctx, NULL, "RSA", (size_t)4096);
    case BENCH_KEY_P256:
        return EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-256");
    case BENCH_KEY_P384:
        return EVP_PKEY_Q_keygen(libctx, NULL, "EC", "P-384");
    case BENCH_KEY_ED25519:
        return EVP_PKEY_Q_keygen(libctx, NULL, "ED25519");
    case BENCH_KEY_NONE:
    case BENCH_KEY_AES_256:
    case BENCH_KEY_HMAC:
    case BENCH_KEY_COUNT:
        break;
    }
    return NULL;
}

void *bench_raw_open(void)
{
    raw *state = calloc(1, sizeof *state);

    if (state == NULL)
        return NULL;
    state->libctx = OSSL_LIB_CTX_new();
    for (int key = 0; key < BENCH_KEY_COUNT; key++)
        state->key[key] = make_key(state->libctx, (bench_key)key);
    return state;
}

void bench_raw_close(void *opened)
{
    raw *state = opened;

    for (int key = 0; key < BENCH_KEY_COUNT; key++)
        EVP_PKEY_free(state->key[key]);
    OSSL_LIB_CTX_free(state->libctx);
    free(state);
}

static const uint8_t data[4096];

/* One operation, repeated; false stops with "not supported". */
typedef struct raw_loop {
    const bench_row *row;
    EVP_PKEY_CTX *pkey;
    EVP_MD *md;
    EVP_MD_CTX *md_ctx;
    EVP_CIPHER_CTX *cipher;
    EVP_MAC_CTX *mac;
    uint8_t signature[1024];
    size_t signature_len;
} raw_loop;

static bool is_rsa(const bench_row *row)
{
    return row->mechanism == CKM_SHA256_RSA_PKCS;
}

static bool one_sign(raw_loop *loop)
{
    const bench_row *row = loop->row;
    uint8_t digest[32];
    size_t len = sizeof loop->signature;

    if (loop->mac != NULL)
        return EVP_MAC_init(loop->mac, NULL, 0, NULL) == 1 &&
               EVP_MAC_update(loop->mac, data, row->data_bytes) == 1 &&
               EVP_MAC_final(loop->mac, loop->signature, &len, len) == 1;
    loop->signature_len = sizeof loop->signature; /* in: room, out: length, which varies */
    if (!is_rsa(row))
        return EVP_PKEY_sign(loop->pkey, loop->signature, &loop->signature_len, data,
                             row->data_bytes) == 1;
    return EVP_Digest(data, row->data_bytes, digest, NULL, loop->md, NULL) == 1 &&
           EVP_PKEY_sign(loop->pkey, loop->signature, &len, digest, sizeof digest) == 1;
}

static bool one_verify(raw_loop *loop)
{
    const bench_row *row = loop->row;
    uint8_t digest[32];

    if (!is_rsa(row))
        return EVP_PKEY_verify(loop->pkey, loop->signature, loop->signature_len, data,
                               row->data_bytes) == 1;
    return EVP_Digest(data, row->data_bytes, digest, NULL, loop->md, NULL) == 1 &&
           EVP_PKEY_verify(loop->pkey, loop->signature, loop->signature_len, digest,
                           sizeof digest) == 1;
}

static bool one_encrypt(raw_loop *loop)
{
    uint8_t out[4096];
    uint8_t tag[16];
    int len = 0;

    return EVP_EncryptInit_ex2(loop->cipher, NULL, NULL, data, NULL) == 1 &&
           EVP_EncryptUpdate(loop->cipher, out, &len, data, (int)loop->row->data_bytes) == 1 &&
           EVP_EncryptFinal_ex(loop->cipher, out + len, &len) == 1 &&
           EVP_CIPHER_CTX_ctrl(loop->cipher, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1;
}

static bool one_digest(raw_loop *loop)
{
    uint8_t out[64];

    return EVP_DigestInit_ex2(loop->md_ctx, NULL, NULL) == 1 &&
           EVP_DigestUpdate(loop->md_ctx, data, loop->row->data_bytes) == 1 &&
           EVP_DigestFinal_ex(loop->md_ctx, out, NULL) == 1;
}

static bool one_pair(raw_loop *loop)
{
    EVP_PKEY *made = NULL;
    uint8_t point[65];
    size_t len = 0;
    /* With the public key read out, which OpenSSL leaves undone until it is asked for: a key pair
     * whose public half nobody can see is of no use, and C_GenerateKeyPair must give it. */
    const bool is_good = EVP_PKEY_generate(loop->pkey, &made) == 1 &&
                         EVP_PKEY_get_octet_string_param(made, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                         sizeof point, &len) == 1;

    EVP_PKEY_free(made);
    return is_good;
}

static bool prepare_ed25519(raw *state, raw_loop *loop)
{
    EVP_SIGNATURE *scheme = EVP_SIGNATURE_fetch(state->libctx, "ED25519", NULL);
    bool is_good = EVP_PKEY_sign_message_init(loop->pkey, scheme, NULL) == 1;

    loop->signature_len = sizeof loop->signature;
    is_good = is_good && EVP_PKEY_sign(loop->pkey, loop->signature, &loop->signature_len, data,
                                       loop->row->data_bytes) == 1;
    if (loop->row->kind == BENCH_VERIFY)
        is_good = is_good && EVP_PKEY_verify_message_init(loop->pkey, scheme, NULL) == 1;
    EVP_SIGNATURE_free(scheme);
    return is_good;
}

static bool prepare_signature(raw *state, raw_loop *loop)
{
    loop->pkey = EVP_PKEY_CTX_new_from_pkey(state->libctx, state->key[loop->row->key], NULL);
    if (loop->row->key == BENCH_KEY_ED25519)
        return prepare_ed25519(state, loop);

    bool is_good = EVP_PKEY_sign_init(loop->pkey) == 1;
    if (is_rsa(loop->row))
        is_good = is_good && EVP_PKEY_CTX_set_rsa_padding(loop->pkey, RSA_PKCS1_PADDING) == 1 &&
                  EVP_PKEY_CTX_set_signature_md(loop->pkey, loop->md) == 1;
    loop->signature_len = sizeof loop->signature;
    if (loop->row->kind == BENCH_SIGN)
        return is_good;
    if (is_rsa(loop->row)) {
        uint8_t digest[32];

        is_good = is_good &&
                  EVP_Digest(data, loop->row->data_bytes, digest, NULL, loop->md, NULL) == 1 &&
                  EVP_PKEY_sign(loop->pkey, loop->signature, &loop->signature_len, digest, 32) == 1;
    } else {
        is_good = is_good && one_sign(loop);
    }
    is_good = is_good && EVP_PKEY_verify_init(loop->pkey) == 1;
    if (is_rsa(loop->row))
        is_good = is_good && EVP_PKEY_CTX_set_rsa_padding(loop->pkey, RSA_PKCS1_PADDING) == 1 &&
                  EVP_PKEY_CTX_set_signature_md(loop->pkey, loop->md) == 1;
    return is_good;
}

static bool prepare_mac(raw *state, raw_loop *loop)
{
    EVP_MAC *hmac = EVP_MAC_fetch(state->libctx, "HMAC", NULL);
    char name[] = "SHA2-256";
    const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string("digest", name, 0),
                                  OSSL_PARAM_construct_end() };

    loop->mac = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);
    return EVP_MAC_init(loop->mac, data, 32, params) == 1;
}

static bool prepare(raw *state, raw_loop *loop)
{
    EVP_CIPHER *gcm = NULL;
    bool is_good = false;

    loop->md = EVP_MD_fetch(state->libctx, "SHA2-256", NULL);
    switch (loop->row->kind) {
    case BENCH_SIGN:
    case BENCH_VERIFY:
        return loop->row->key == BENCH_KEY_HMAC ? prepare_mac(state, loop)
                                                : prepare_signature(state, loop);
    case BENCH_ENCRYPT:
        gcm = EVP_CIPHER_fetch(state->libctx, "AES-256-GCM", NULL);
        loop->cipher = EVP_CIPHER_CTX_new();
        is_good = EVP_EncryptInit_ex2(loop->cipher, gcm, data, data, NULL) == 1;
        EVP_CIPHER_free(gcm);
        return is_good;
    case BENCH_DIGEST:
        loop->md_ctx = EVP_MD_CTX_new();
        return EVP_DigestInit_ex2(loop->md_ctx, loop->md, NULL) == 1;
    case BENCH_GENERATE_PAIR:
        loop->pkey = EVP_PKEY_CTX_new_from_name(state->libctx, "EC", NULL);
        return EVP_PKEY_keygen_init(loop->pkey) == 1 &&
               EVP_PKEY_CTX_set_group_name(loop->pkey, "P-256") == 1;
    case BENCH_SESSION:
        break;
    }
    return false;
}

static bool one_of(void *arg)
{
    static bool (*const one[])(raw_loop * loop) = {
        [BENCH_SIGN] = one_sign,          [BENCH_VERIFY] = one_verify,
        [BENCH_ENCRYPT] = one_encrypt,    [BENCH_DIGEST] = one_digest,
        [BENCH_GENERATE_PAIR] = one_pair,
    };
    raw_loop *loop = arg;

    return one[loop->row->kind](loop);
}

double bench_raw_run(void *opened, const bench_row *row, double seconds)
{
    raw_loop loop = { .row = row };
    double rate = -1;

    if (prepare(opened, &loop))
        rate = bench_repeat(one_of, &loop, bench_cpu, seconds);
    EVP_PKEY_CTX_free(loop.pkey);
    EVP_MD_free(loop.md);
    EVP_MD_CTX_free(loop.md_ctx);
    EVP_CIPHER_CTX_free(loop.cipher);
    EVP_MAC_CTX_free(loop.mac);
    return rate;
}
