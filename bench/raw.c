/* The yardstick: OpenSSL's own calls, contexts made once and used again.
 * SPDX-License-Identifier: Apache-2.0 */
#include "bench/raw.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/kdf.h>
#include <stdlib.h>

const uint8_t raw_data[4096];

static EVP_PKEY *make_key(OSSL_LIB_CTX *libctx, const bench_key_kind *kind)
{
    if (kind->algorithm == NULL)
        return NULL;
    if (kind->bits != 0)
        return EVP_PKEY_Q_keygen(libctx, NULL, "RSA", (size_t)kind->bits);
    if (kind->group != NULL)
        return EVP_PKEY_Q_keygen(libctx, NULL, "EC", kind->group);
    return EVP_PKEY_Q_keygen(libctx, NULL, kind->algorithm);
}

void *bench_raw_open(void)
{
    raw *state = calloc(1, sizeof *state);

    if (state == NULL)
        return NULL;
    state->libctx = OSSL_LIB_CTX_new();
    for (int key = 0; key < BENCH_KEY_COUNT; key++)
        state->key[key] = make_key(state->libctx, &bench_key_kinds[key]);
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

static bool one_digest(raw_loop *loop)
{
    uint8_t out[64];

    return EVP_DigestInit_ex2(loop->md_ctx, NULL, NULL) == 1 &&
           EVP_DigestUpdate(loop->md_ctx, raw_data, loop->row->data_bytes) == 1 &&
           EVP_DigestFinal_ex(loop->md_ctx, out, NULL) == 1;
}

static bool prepare_digest(raw_loop *loop)
{
    loop->md_ctx = EVP_MD_CTX_new();
    return EVP_DigestInit_ex2(loop->md_ctx, loop->md, NULL) == 1;
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

static bool prepare_pair(raw_loop *loop)
{
    loop->pkey = EVP_PKEY_CTX_new_from_name(loop->state->libctx, "EC", NULL);
    return EVP_PKEY_keygen_init(loop->pkey) == 1 &&
           EVP_PKEY_CTX_set_group_name(loop->pkey, "P-256") == 1;
}

static const struct {
    bool (*prepare)(raw_loop *loop);
    bool (*one)(raw_loop *loop);
} kinds[] = {
    [BENCH_SIGN] = { raw_prepare_signature, raw_sign },
    [BENCH_VERIFY] = { raw_prepare_signature, raw_verify },
    [BENCH_ENCRYPT] = { raw_prepare_encrypt, raw_encrypt },
    [BENCH_DECRYPT] = { raw_prepare_decrypt, raw_decrypt },
    [BENCH_MESSAGE] = { raw_prepare_encrypt, raw_encrypt },
    [BENCH_ENCAPSULATE] = { raw_prepare_encapsulate, raw_encapsulate },
    [BENCH_DECAPSULATE] = { raw_prepare_decapsulate, raw_decapsulate },
    [BENCH_DERIVE] = { raw_prepare_derive, raw_derive },
    [BENCH_WRAP] = { raw_prepare_wrap, raw_wrap },
    [BENCH_UNWRAP] = { raw_prepare_unwrap, raw_unwrap },
    [BENCH_DIGEST] = { prepare_digest, one_digest },
    [BENCH_GENERATE_PAIR] = { prepare_pair, one_pair },
    [BENCH_SESSION] = { NULL, NULL },
};

static bool one_of(void *arg)
{
    raw_loop *loop = arg;

    return kinds[loop->row->kind].one(loop);
}

double bench_raw_run(void *opened, const bench_row *row, double seconds)
{
    raw_loop loop = { .state = opened, .row = row };
    double rate = -1;

    loop.md = EVP_MD_fetch(loop.state->libctx, "SHA2-256", NULL);
    if (kinds[row->kind].prepare != NULL && kinds[row->kind].prepare(&loop))
        rate = bench_repeat(one_of, &loop, bench_cpu, seconds);
    EVP_PKEY_CTX_free(loop.pkey);
    EVP_MD_free(loop.md);
    EVP_MD_CTX_free(loop.md_ctx);
    EVP_CIPHER_CTX_free(loop.cipher);
    EVP_MAC_CTX_free(loop.mac);
    EVP_KDF_CTX_free(loop.kdf);
    return rate;
}
