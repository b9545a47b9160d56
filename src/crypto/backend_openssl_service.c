/* The primitives that the store and the token stand on.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/kdf.h>
#include <stdlib.h>

#include "crypto/backend_openssl_aes.h"
#include "crypto/backend_openssl_params.h"
#include "crypto/backend_openssl_pkey.h"
#include "crypto/selftest.h"

#define LEN_MAX_BYTES ((size_t)1 << 30) /* OpenSSL counts in int */
#define HMAC_KEY_MAX_BYTES HSM_SECRET_MAX_BYTES

static void kdf_ctx_drop(EVP_KDF_CTX **ctx)
{
    EVP_KDF_CTX_free(*ctx);
}

static void cipher_ctx_drop(EVP_CIPHER_CTX **ctx)
{
    EVP_CIPHER_CTX_free(*ctx);
}

static hsm_err digest(hsm_crypto *crypto, hsm_hash hash, hsm_bytes data, uint8_t *out)
{
    return hsm_ossl_done(
        EVP_Digest(data.data, data.len, out, NULL, hsm_ossl_of(crypto)->md[hash], NULL),
        HSM_E_CRYPTO);
}

hsm_err hsm_crypto_sha256(hsm_crypto *crypto, hsm_bytes data, uint8_t out[HSM_SHA256_BYTES])
{
    return digest(crypto, HSM_HASH_SHA256, data, out);
}

hsm_err hsm_crypto_sha1(hsm_crypto *crypto, hsm_bytes data, uint8_t out[20])
{
    return digest(crypto, HSM_HASH_SHA1, data, out);
}

hsm_err hsm_ossl_cipher_block(hsm_crypto *crypto, hsm_alg alg, hsm_bytes key, const uint8_t in[16],
                              uint8_t out[16])
{
    HSM_AUTO(cipher_ctx_drop) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len = 0;

    HSM_CHECK(ctx != NULL, HSM_E_NO_MEMORY);
    HSM_CHECK(key.len == 16 || key.len == 24 || key.len == 32, HSM_E_KEY_SIZE);
    const EVP_CIPHER *ecb = hsm_ossl_of(crypto)->aes[alg][hsm_aes_size((uint32_t)key.len * 8)];
    HSM_CHECK(ecb != NULL, HSM_E_KEY_SIZE);
    HSM_TRY(hsm_ossl_done(EVP_CipherInit_ex2(ctx, ecb, key.data, NULL, 1, NULL), HSM_E_CRYPTO));
    return hsm_ossl_done(EVP_CipherUpdate(ctx, out, &len, in, EVP_CIPHER_get_block_size(ecb)),
                         HSM_E_CRYPTO);
}

/* OpenSSL's parameters point to memory that could be written to; they are not written to. */
struct hsm_hmac {
    EVP_MAC_CTX *ctx;
    bool is_fresh; /* nothing was added since the key was set */
};

hsm_err hsm_hmac_create(hsm_crypto *crypto, hsm_bytes key, hsm_hmac **out_hmac)
{
    const OSSL_PARAM params[] = { hsm_ossl_text(OSSL_MAC_PARAM_DIGEST, "SHA2-256"),
                                  OSSL_PARAM_construct_end() };
    HSM_AUTO(hsm_hmac_drop) hsm_hmac *hmac = NULL;

    HSM_CHECK(key.len >= 1 && key.len <= HMAC_KEY_MAX_BYTES, HSM_E_KEY_SIZE);
    hmac = calloc(1, sizeof *hmac);
    HSM_CHECK(hmac != NULL, HSM_E_NO_MEMORY);
    hmac->ctx = EVP_MAC_CTX_new(hsm_ossl_of(crypto)->hmac);
    HSM_CHECK(hmac->ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(hsm_ossl_done(EVP_MAC_init(hmac->ctx, key.data, key.len, params), HSM_E_CRYPTO));
    hmac->is_fresh = true;
    *out_hmac = HSM_MOVE(hmac);
    return HSM_OK;
}

void hsm_hmac_destroy(hsm_hmac *hmac)
{
    if (hmac == NULL)
        return;
    EVP_MAC_CTX_free(hmac->ctx);
    free(hmac);
}

hsm_err hsm_hmac_begin(hsm_hmac *hmac)
{
    if (!hmac->is_fresh)
        HSM_TRY(hsm_ossl_done(EVP_MAC_init(hmac->ctx, NULL, 0, NULL), HSM_E_CRYPTO));
    hmac->is_fresh = false;
    return HSM_OK;
}

hsm_err hsm_hmac_add(hsm_hmac *hmac, hsm_bytes part)
{
    return hsm_ossl_done(EVP_MAC_update(hmac->ctx, part.data, part.len), HSM_E_CRYPTO);
}

hsm_err hsm_hmac_finish(hsm_hmac *hmac, uint8_t out[HSM_SHA256_BYTES])
{
    size_t len = 0;

    return hsm_ossl_done(EVP_MAC_final(hmac->ctx, out, &len, HSM_SHA256_BYTES), HSM_E_CRYPTO);
}

hsm_err hsm_hmac_compute(hsm_hmac *hmac, const hsm_bytes *parts, size_t part_count,
                         uint8_t out[HSM_SHA256_BYTES])
{
    HSM_TRY(hsm_hmac_begin(hmac));
    for (size_t i = 0; i < part_count; i++)
        HSM_TRY(hsm_hmac_add(hmac, parts[i]));
    return hsm_hmac_finish(hmac, out);
}

hsm_err hsm_crypto_hmac(hsm_crypto *crypto, hsm_bytes key, hsm_bytes data,
                        uint8_t out[HSM_SHA256_BYTES])
{
    HSM_AUTO(hsm_hmac_drop) hsm_hmac *hmac = NULL;

    HSM_TRY(hsm_hmac_create(crypto, key, &hmac));
    return hsm_hmac_compute(hmac, &data, 1, out);
}

struct hsm_sha256 {
    EVP_MD_CTX *ctx;
    const EVP_MD *md;
};

hsm_err hsm_sha256_create(hsm_crypto *crypto, hsm_sha256 **out_sha)
{
    HSM_AUTO(hsm_sha256_drop) hsm_sha256 *sha = calloc(1, sizeof *sha);

    HSM_CHECK(sha != NULL, HSM_E_NO_MEMORY);
    sha->ctx = EVP_MD_CTX_new();
    HSM_CHECK(sha->ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    sha->md = hsm_ossl_of(crypto)->md[HSM_HASH_SHA256];
    HSM_TRY(hsm_ossl_done(EVP_DigestInit_ex2(sha->ctx, sha->md, NULL), HSM_E_CRYPTO));
    *out_sha = HSM_MOVE(sha);
    return HSM_OK;
}

void hsm_sha256_destroy(hsm_sha256 *sha)
{
    if (sha == NULL)
        return;
    EVP_MD_CTX_free(sha->ctx);
    free(sha);
}

hsm_err hsm_sha256_compute(hsm_sha256 *sha, const hsm_bytes *parts, size_t part_count,
                           uint8_t out[HSM_SHA256_BYTES])
{
    HSM_TRY(hsm_ossl_done(EVP_DigestInit_ex2(sha->ctx, sha->md, NULL), HSM_E_CRYPTO));
    for (size_t i = 0; i < part_count; i++)
        HSM_TRY(
            hsm_ossl_done(EVP_DigestUpdate(sha->ctx, parts[i].data, parts[i].len), HSM_E_CRYPTO));
    return hsm_ossl_done(EVP_DigestFinal_ex(sha->ctx, out, NULL), HSM_E_CRYPTO);
}

static hsm_err run_kdf(EVP_KDF *kdf, const OSSL_PARAM *params, hsm_secret *out)
{
    HSM_AUTO(kdf_ctx_drop) EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

    HSM_CHECK(ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    return hsm_ossl_done(EVP_KDF_derive(ctx, hsm_secret_data(out), hsm_secret_len(out), params),
                         HSM_E_CRYPTO);
}

hsm_err hsm_crypto_pbkdf2(hsm_crypto *crypto, hsm_bytes pin, hsm_bytes salt, uint32_t iterations,
                          hsm_secret *out)
{
    /* An empty PIN is one like any other: the work must not tell whether there is a PIN. */
    static const uint8_t empty[1];
    const hsm_bytes password = pin.data == NULL ? hsm_bytes_of(empty, 0) : pin;
    unsigned count = iterations;
    const OSSL_PARAM params[] = {
        hsm_ossl_text(OSSL_KDF_PARAM_DIGEST, "SHA2-256"),
        hsm_ossl_octets(OSSL_KDF_PARAM_PASSWORD, password),
        hsm_ossl_octets(OSSL_KDF_PARAM_SALT, salt),
        OSSL_PARAM_construct_uint(OSSL_KDF_PARAM_ITER, &count),
        OSSL_PARAM_construct_end(),
    };

    HSM_CHECK(iterations >= 1 && salt.len >= 1, HSM_E_ARG);
    HSM_TRY(hsm_selftest_need(crypto, hsm_selftest_bit(HSM_SELFTEST_PBKDF2)));
    return run_kdf(hsm_ossl_of(crypto)->pbkdf2, params, out);
}

hsm_err hsm_ossl_pbkdf2(hsm_crypto *crypto, const hsm_mech_params *given, hsm_secret *out)
{
    static const uint8_t empty[1];
    unsigned count = given->iterations;
    const OSSL_PARAM params[] = {
        hsm_ossl_text(OSSL_KDF_PARAM_DIGEST, hsm_hash_get(given->hash)->name),
        hsm_ossl_octets(OSSL_KDF_PARAM_PASSWORD,
                        given->password.len == 0 ? hsm_bytes_of(empty, 0) : given->password),
        hsm_ossl_octets(OSSL_KDF_PARAM_SALT, given->iv),
        OSSL_PARAM_construct_uint(OSSL_KDF_PARAM_ITER, &count),
        OSSL_PARAM_construct_end(),
    };

    return run_kdf(hsm_ossl_of(crypto)->pbkdf2, params, out);
}

hsm_err hsm_crypto_hkdf(hsm_crypto *crypto, hsm_bytes key, hsm_bytes salt, hsm_bytes info,
                        hsm_secret *out)
{
    OSSL_PARAM params[5];
    size_t count = 0;

    HSM_CHECK(key.len >= 1 && hsm_secret_len(out) <= 255 * HSM_SHA256_BYTES, HSM_E_ARG);
    HSM_TRY(hsm_selftest_need(crypto, hsm_selftest_bit(HSM_SELFTEST_HKDF)));
    params[count++] = hsm_ossl_text(OSSL_KDF_PARAM_DIGEST, "SHA2-256");
    params[count++] = hsm_ossl_octets(OSSL_KDF_PARAM_KEY, key);
    if (salt.len > 0)
        params[count++] = hsm_ossl_octets(OSSL_KDF_PARAM_SALT, salt);
    if (info.len > 0)
        params[count++] = hsm_ossl_octets(OSSL_KDF_PARAM_INFO, info);
    params[count] = OSSL_PARAM_construct_end();
    return run_kdf(hsm_ossl_of(crypto)->hkdf, params, out);
}

struct hsm_aead {
    hsm_ossl_aes aes;
    const EVP_CIPHER *cipher;
};

hsm_err hsm_aead_create(hsm_crypto *crypto, hsm_bytes key, hsm_aead **out_aead)
{
    HSM_AUTO(hsm_aead_drop) hsm_aead *aead = NULL;

    HSM_CHECK(key.len == HSM_AEAD_KEY_BYTES, HSM_E_KEY_SIZE);
    aead = calloc(1, sizeof *aead);
    HSM_CHECK(aead != NULL, HSM_E_NO_MEMORY);
    aead->cipher = hsm_ossl_of(crypto)->aes[HSM_ALG_AES_GCM][HSM_AES_256];
    aead->aes.ctx = EVP_CIPHER_CTX_new();
    HSM_CHECK(aead->aes.ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(hsm_ossl_done(EVP_CipherInit_ex2(aead->aes.ctx, aead->cipher, key.data, NULL, 1, NULL),
                          HSM_E_CRYPTO));
    *out_aead = HSM_MOVE(aead);
    return HSM_OK;
}

void hsm_aead_destroy(hsm_aead *aead)
{
    if (aead == NULL)
        return;
    hsm_ossl_aes_clear(&aead->aes);
    free(aead);
}

static hsm_err start(hsm_aead *aead, bool is_sealing, const uint8_t *nonce, hsm_bytes aad)
{
    size_t none = 0;

    aead->aes.is_encrypting = is_sealing;
    HSM_TRY(hsm_ossl_aes_start(&aead->aes, nonce));
    return aad.len == 0 ? HSM_OK : hsm_ossl_aes_feed(&aead->aes, aad, NULL, &none);
}

static hsm_err seal(hsm_aead *aead, hsm_bytes plain, uint8_t *sealed)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, sealed + plain.len,
                                          HSM_AEAD_TAG_BYTES),
        OSSL_PARAM_construct_end(),
    };
    size_t written = 0;
    int none = 0;

    HSM_TRY(hsm_ossl_aes_feed(&aead->aes, plain, sealed, &written));
    HSM_TRY(
        hsm_ossl_done(EVP_CipherFinal_ex(aead->aes.ctx, sealed + plain.len, &none), HSM_E_CRYPTO));
    return hsm_ossl_done(EVP_CIPHER_CTX_get_params(aead->aes.ctx, params), HSM_E_CRYPTO);
}

hsm_err hsm_aead_seal(hsm_aead *aead, const uint8_t nonce[HSM_AEAD_NONCE_BYTES], hsm_bytes aad,
                      hsm_bytes plain, uint8_t *sealed)
{
    HSM_CHECK(plain.len <= LEN_MAX_BYTES, HSM_E_LIMIT);
    HSM_TRY(start(aead, true, nonce, aad));
    return seal(aead, plain, sealed);
}

static hsm_err open_sealed(hsm_aead *aead, hsm_bytes text_part, const uint8_t *tag, uint8_t *plain)
{
    OSSL_PARAM params[] = {
        hsm_ossl_octets(OSSL_CIPHER_PARAM_AEAD_TAG, hsm_bytes_of(tag, HSM_AEAD_TAG_BYTES)),
        OSSL_PARAM_construct_end(),
    };
    uint8_t rest[HSM_AES_BLOCK_BYTES];
    size_t written = 0;
    int none = 0;

    HSM_TRY(hsm_ossl_done(EVP_CIPHER_CTX_set_params(aead->aes.ctx, params), HSM_E_CRYPTO));
    HSM_TRY(hsm_ossl_aes_feed(&aead->aes, text_part, plain, &written));
    return hsm_ossl_done(EVP_CipherFinal_ex(aead->aes.ctx, rest, &none), HSM_E_ENCRYPTED_DATA);
}

hsm_err hsm_aead_open(hsm_aead *aead, const uint8_t nonce[HSM_AEAD_NONCE_BYTES], hsm_bytes aad,
                      hsm_bytes sealed, uint8_t *plain)
{
    HSM_CHECK(sealed.len >= HSM_AEAD_TAG_BYTES && sealed.len <= LEN_MAX_BYTES,
              HSM_E_ENCRYPTED_DATA);
    const size_t len = sealed.len - HSM_AEAD_TAG_BYTES;

    HSM_TRY(start(aead, false, nonce, aad));
    const hsm_err err = open_sealed(aead, hsm_bytes_of(sealed.data, len), sealed.data + len, plain);
    if (err != HSM_OK && len > 0)
        explicit_bzero(plain, len);
    return err;
}

struct hsm_aes_cbc {
    EVP_CIPHER_CTX *ctx;
};

hsm_err hsm_aes_cbc_create(hsm_crypto *crypto, hsm_bytes key, hsm_aes_cbc **out_cbc)
{
    HSM_AUTO(hsm_aes_cbc_drop) hsm_aes_cbc *cbc = NULL;

    HSM_CHECK(key.len == 32, HSM_E_KEY_SIZE);
    HSM_TRY(hsm_selftest_need(crypto, hsm_selftest_bit(HSM_SELFTEST_AES_CBC)));
    cbc = calloc(1, sizeof *cbc);
    HSM_CHECK(cbc != NULL, HSM_E_NO_MEMORY);
    cbc->ctx = EVP_CIPHER_CTX_new();
    HSM_CHECK(cbc->ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(hsm_ossl_done(
        EVP_CipherInit_ex2(cbc->ctx, hsm_ossl_of(crypto)->aes[HSM_ALG_AES_CBC_PAD][HSM_AES_256],
                           key.data, NULL, 0, NULL),
        HSM_E_CRYPTO));
    *out_cbc = HSM_MOVE(cbc);
    return HSM_OK;
}

void hsm_aes_cbc_destroy(hsm_aes_cbc *cbc)
{
    if (cbc == NULL)
        return;
    EVP_CIPHER_CTX_free(cbc->ctx);
    free(cbc);
}

hsm_err hsm_aes_cbc_open(hsm_aes_cbc *cbc, hsm_bytes sealed, uint8_t *plain, size_t *out_len)
{
    int written = 0;
    int rest = 0;

    HSM_CHECK(sealed.len >= 2 * (size_t)HSM_AES_CBC_BLOCK_BYTES &&
                  sealed.len % HSM_AES_CBC_BLOCK_BYTES == 0 && sealed.len <= LEN_MAX_BYTES,
              HSM_E_ENCRYPTED_DATA);
    const size_t len = sealed.len - HSM_AES_CBC_BLOCK_BYTES;

    HSM_TRY(hsm_ossl_done(EVP_CipherInit_ex2(cbc->ctx, NULL, NULL, sealed.data, 0, NULL),
                          HSM_E_CRYPTO));
    HSM_TRY(hsm_ossl_done(EVP_CipherUpdate(cbc->ctx, plain, &written,
                                           sealed.data + HSM_AES_CBC_BLOCK_BYTES, (int)len),
                          HSM_E_CRYPTO));
    const hsm_err err =
        hsm_ossl_done(EVP_CipherFinal_ex(cbc->ctx, plain + written, &rest), HSM_E_ENCRYPTED_DATA);
    if (err != HSM_OK) {
        explicit_bzero(plain, len);
        return err;
    }
    *out_len = (size_t)written + (size_t)rest;
    return HSM_OK;
}
