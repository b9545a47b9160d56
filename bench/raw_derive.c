/* Key agreement, derivation and encapsulation by OpenSSL.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/core_names.h>
#include <openssl/kdf.h>

#include "bench/raw.h"

/* The peer's key comes as bytes every time, here as there. */
static bool agree(raw_loop *loop)
{
    EVP_PKEY *own = loop->state->key[loop->row->key];
    EVP_PKEY *peer = NULL;
    uint8_t secret[64];
    size_t len = sizeof secret;

    if (bench_key_kinds[loop->row->key].group == NULL)
        peer = EVP_PKEY_new_raw_public_key_ex(loop->state->libctx,
                                              bench_key_kinds[loop->row->key].algorithm, NULL,
                                              loop->point, loop->point_len);
    else if ((peer = EVP_PKEY_new()) != NULL && EVP_PKEY_copy_parameters(peer, own) == 1 &&
             EVP_PKEY_set1_encoded_public_key(peer, loop->point, loop->point_len) != 1) {
        EVP_PKEY_free(peer);
        return false;
    }
    const bool is_good = peer != NULL && EVP_PKEY_derive_init(loop->pkey) == 1 &&
                         EVP_PKEY_derive_set_peer(loop->pkey, peer) == 1 &&
                         EVP_PKEY_derive(loop->pkey, secret, &len) == 1;
    EVP_PKEY_free(peer);
    return is_good;
}

static bool prepare_agree(raw_loop *loop)
{
    EVP_PKEY *own = loop->state->key[loop->row->key];
    uint8_t *point = NULL;

    loop->pkey = EVP_PKEY_CTX_new_from_pkey(loop->state->libctx, own, NULL);
    loop->point_len = EVP_PKEY_get1_encoded_public_key(own, &point);
    for (size_t i = 0; i < loop->point_len && i < sizeof loop->point; i++)
        loop->point[i] = point[i];
    OPENSSL_free(point);
    return loop->point_len > 0;
}

static const char *kdf_of(CK_MECHANISM_TYPE mechanism)
{
    if (mechanism == CKM_HKDF_DERIVE)
        return "HKDF";
    return mechanism == CKM_SP800_108_COUNTER_KDF ? "KBKDF" : "PBKDF2";
}

static OSSL_PARAM octets(const char *name, size_t len)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)raw_data, len);
}

bool raw_prepare_derive(raw_loop *loop)
{
    EVP_KDF *kdf = NULL;

    if (loop->row->mechanism == CKM_ECDH1_DERIVE)
        return prepare_agree(loop);
    kdf = EVP_KDF_fetch(loop->state->libctx, kdf_of(loop->row->mechanism), NULL);
    loop->kdf = EVP_KDF_CTX_new(kdf);
    EVP_KDF_free(kdf);
    return loop->kdf != NULL;
}

bool raw_derive(raw_loop *loop)
{
    uint8_t out[BENCH_SECRET_BYTES];
    char digest[] = "SHA2-256";
    char mac[] = "HMAC";
    char mode[] = "counter";
    unsigned iterations = BENCH_PBKDF2_ITERATIONS;
    int no_zero = 0;
    OSSL_PARAM params[8];
    size_t count = 0;

    params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    switch (loop->row->mechanism) {
    case CKM_ECDH1_DERIVE:
        return agree(loop);
    case CKM_HKDF_DERIVE:
        params[count++] = octets(OSSL_KDF_PARAM_KEY, 32);
        params[count++] = octets(OSSL_KDF_PARAM_SALT, 32);
        params[count++] = octets(OSSL_KDF_PARAM_INFO, 16);
        break;
    case CKM_SP800_108_COUNTER_KDF:
        params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, mode, 0);
        params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MAC, mac, 0);
        params[count++] = octets(OSSL_KDF_PARAM_KEY, 32);
        params[count++] = octets(OSSL_KDF_PARAM_SALT, 16);
        params[count++] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_KBKDF_USE_L, &no_zero);
        params[count++] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_KBKDF_USE_SEPARATOR, &no_zero);
        break;
    default:
        params[count++] = octets(OSSL_KDF_PARAM_PASSWORD, 16);
        params[count++] = octets(OSSL_KDF_PARAM_SALT, 16);
        params[count++] = OSSL_PARAM_construct_uint(OSSL_KDF_PARAM_ITER, &iterations);
        break;
    }
    params[count] = OSSL_PARAM_construct_end();
    return EVP_KDF_derive(loop->kdf, out, sizeof out, params) == 1;
}

bool raw_encapsulate(raw_loop *loop)
{
    uint8_t secret[32];
    size_t len = sizeof secret;

    loop->result_len = sizeof loop->result;
    return EVP_PKEY_encapsulate(loop->pkey, loop->result, &loop->result_len, secret, &len) == 1;
}

bool raw_decapsulate(raw_loop *loop)
{
    uint8_t secret[32];
    size_t len = sizeof secret;

    return EVP_PKEY_decapsulate(loop->pkey, secret, &len, loop->result, loop->result_len) == 1;
}

bool raw_prepare_encapsulate(raw_loop *loop)
{
    loop->pkey =
        EVP_PKEY_CTX_new_from_pkey(loop->state->libctx, loop->state->key[loop->row->key], NULL);
    return EVP_PKEY_encapsulate_init(loop->pkey, NULL) == 1;
}

bool raw_prepare_decapsulate(raw_loop *loop)
{
    return raw_prepare_encapsulate(loop) && raw_encapsulate(loop) &&
           EVP_PKEY_decapsulate_init(loop->pkey, NULL) == 1;
}
