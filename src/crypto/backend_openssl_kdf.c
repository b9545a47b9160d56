/* Derivation of secret keys: HKDF, the TLS 1.2 PRF, hashes, encryption of data, and the simple ones.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_kdf.h"

#include <openssl/kdf.h>

#include "crypto/backend_openssl_params.h"
#include "crypto/backend_openssl_pkey.h"

static void kdf_drop(EVP_KDF_CTX **p)
{
    EVP_KDF_CTX_free(*p);
}

static void mac_drop(EVP_MAC_CTX **p)
{
    EVP_MAC_CTX_free(*p);
}

static void md_ctx_drop(EVP_MD_CTX **p)
{
    EVP_MD_CTX_free(*p);
}

static void md_drop(EVP_MD **p)
{
    EVP_MD_free(*p);
}

static void cipher_drop(EVP_CIPHER_CTX **p)
{
    EVP_CIPHER_CTX_free(*p);
}

/* OpenSSL's parameters point to memory that could be written to; they are not written to. */
static OSSL_PARAM hash_name(hsm_hash hash)
{
    return hsm_ossl_text(OSSL_KDF_PARAM_DIGEST, hsm_hash_get(hash)->name);
}

/* take_ctx NULL: there was no memory for it. */
static hsm_err run_kdf(EVP_KDF_CTX *take_ctx, const OSSL_PARAM *params, hsm_secret *out)
{
    HSM_AUTO(kdf_drop) EVP_KDF_CTX *ctx = take_ctx;

    HSM_CHECK(ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    return hsm_ossl_done(EVP_KDF_derive(ctx, hsm_secret_data(out), hsm_secret_len(out), params),
                         HSM_E_CRYPTO);
}

/* HKDF's pseudorandom key, for the moment between the two steps: as OpenSSL itself does, on the stack. */
typedef struct hkdf_prk {
    uint8_t bytes[HSM_HASH_MAX_BYTES];
    size_t len;
} hkdf_prk;

static void prk_clear(hkdf_prk *prk)
{
    explicit_bzero(prk->bytes, sizeof prk->bytes);
}

/* RFC 5869, 2.2: HMAC with the salt, or as many zeros as the hash has bytes, as its key. OpenSSL's KDF
 * does the same, but looks up algorithms by name to do it, which takes as long again. */
static hsm_err hkdf_extract(hsm_crypto *crypto, const hsm_kdf *kdf, hsm_bytes base, hkdf_prk *prk)
{
    static const uint8_t zeros[HSM_HASH_MAX_BYTES];
    const hsm_bytes given = kdf->has_salt_key ? kdf->values[0] : kdf->salt;
    const size_t hash_len = hsm_hash_get(kdf->hash)->len;
    const hsm_bytes salt = given.len > 0 ? given : hsm_bytes_of(zeros, hash_len);
    HSM_AUTO(mac_drop) EVP_MAC_CTX *mac = NULL;

    HSM_TRY(hsm_ossl_prf_open(crypto, kdf, salt, &mac));
    HSM_TRY(hsm_ossl_done(EVP_MAC_update(mac, base.data, base.len), HSM_E_CRYPTO));
    return hsm_ossl_done(EVP_MAC_final(mac, prk->bytes, &prk->len, sizeof prk->bytes),
                         HSM_E_CRYPTO);
}

/* RFC 5869, 2.3 */
static hsm_err hkdf_expand(hsm_crypto *crypto, const hsm_kdf *kdf, hsm_bytes prk, hsm_secret *out)
{
    const EVP_KDF_CTX *with_hash = hsm_ossl_of(crypto)->hkdf_with[kdf->hash];
    OSSL_PARAM params[3];
    size_t count = 0;

    HSM_CHECK(with_hash != NULL, HSM_E_MECHANISM_PARAM);
    params[count++] = hsm_ossl_octets(OSSL_KDF_PARAM_KEY, prk);
    if (kdf->info.len > 0)
        params[count++] = hsm_ossl_octets(OSSL_KDF_PARAM_INFO, kdf->info);
    params[count] = OSSL_PARAM_construct_end();
    return run_kdf(EVP_KDF_CTX_dup(with_hash), params, out);
}

/* An extracted key shorter than the hash is its beginning. */
static hsm_err run_hkdf(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf,
                        hsm_bytes base, hsm_secret *out)
{
    HSM_AUTO(prk_clear) hkdf_prk prk = { .len = 0 };

    (void)mech;
    if (!kdf->does_extract)
        return hkdf_expand(crypto, kdf, base, out);
    HSM_TRY(hkdf_extract(crypto, kdf, base, &prk));
    if (kdf->does_expand)
        return hkdf_expand(crypto, kdf, hsm_bytes_of(prk.bytes, prk.len), out);
    HSM_CHECK(hsm_secret_len(out) <= prk.len, HSM_E_INTERNAL);
    memcpy(hsm_secret_data(out), prk.bytes, hsm_secret_len(out));
    return HSM_OK;
}

/* RFC 5246, 5: label and seed are joined by the PRF. */
static hsm_err run_tls(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf, hsm_bytes base,
                       hsm_secret *out)
{
    const bool is_keys = mech->alg == HSM_ALG_TLS12_KEYS || mech->alg == HSM_ALG_TLS12_SAFE_KEYS;
    const hsm_bytes first = is_keys ? kdf->server_random : kdf->client_random;
    const hsm_bytes second = is_keys ? kdf->client_random : kdf->server_random;
    const uint8_t context_len[2] = { (uint8_t)(kdf->info.len >> 8), (uint8_t)kdf->info.len };
    const hsm_bytes seeds[] = {
        kdf->label,
        first,
        second,
        kdf->data,
        hsm_bytes_of(context_len, kdf->has_context ? sizeof context_len : 0),
        kdf->info,
    };
    OSSL_PARAM params[3 + HSM_ARRAY_LEN(seeds)];
    size_t count = 0;

    params[count++] = hash_name(kdf->hash);
    params[count++] = hsm_ossl_octets(OSSL_KDF_PARAM_SECRET, base);
    for (size_t i = 0; i < HSM_ARRAY_LEN(seeds); i++) {
        if (seeds[i].len > 0)
            params[count++] = hsm_ossl_octets(OSSL_KDF_PARAM_SEED, seeds[i]);
    }
    params[count] = OSSL_PARAM_construct_end();
    return run_kdf(EVP_KDF_CTX_new(hsm_ossl_of(crypto)->tls1_prf), params, out);
}

static hsm_err run_hash(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf,
                        hsm_bytes base, hsm_secret *out)
{
    const EVP_MD *md = hsm_ossl_of(crypto)->md[kdf->hash];
    uint8_t digest[HSM_HASH_MAX_BYTES];

    (void)mech;
    HSM_TRY(hsm_ossl_done(EVP_Digest(base.data, base.len, digest, NULL, md, NULL), HSM_E_CRYPTO));
    memcpy(hsm_secret_data(out), digest, hsm_secret_len(out));
    explicit_bzero(digest, sizeof digest);
    return HSM_OK;
}

static hsm_err run_shake(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf,
                         hsm_bytes base, hsm_secret *out)
{
    const char *name = mech->result_len == 32 ? "SHAKE-128" : "SHAKE-256";
    HSM_AUTO(md_drop) EVP_MD *md = EVP_MD_fetch(hsm_ossl_of(crypto)->libctx, name, NULL);
    HSM_AUTO(md_ctx_drop) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    (void)kdf;
    HSM_CHECK(md != NULL && ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(hsm_ossl_done(EVP_DigestInit_ex2(ctx, md, NULL), HSM_E_CRYPTO));
    HSM_TRY(hsm_ossl_done(EVP_DigestUpdate(ctx, base.data, base.len), HSM_E_CRYPTO));
    return hsm_ossl_done(EVP_DigestFinalXOF(ctx, hsm_secret_data(out), hsm_secret_len(out)),
                         HSM_E_CRYPTO);
}

static hsm_err run_encrypt(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf,
                           hsm_bytes base, hsm_secret *out)
{
    const hsm_alg alg = mech->alg == HSM_ALG_ENCRYPT_DATA_ECB ? HSM_ALG_AES_ECB : HSM_ALG_AES_CBC;
    HSM_AUTO(cipher_drop) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    HSM_AUTO(hsm_secret_drop) hsm_secret *sealed = NULL;
    int len = 0;

    HSM_CHECK(ctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_CHECK(base.len == 16 || base.len == 24 || base.len == 32, HSM_E_KEY_SIZE);
    const EVP_CIPHER *cipher = hsm_ossl_of(crypto)->aes[alg][hsm_aes_size((uint32_t)base.len * 8)];
    HSM_TRY(hsm_secret_create(kdf->data.len, &sealed));
    HSM_TRY(hsm_ossl_done(EVP_CipherInit_ex2(ctx, cipher, base.data, kdf->iv.data, 1, NULL),
                          HSM_E_CRYPTO));
    HSM_TRY(hsm_ossl_done(EVP_CIPHER_CTX_set_padding(ctx, 0), HSM_E_CRYPTO));
    HSM_TRY(hsm_ossl_done(
        EVP_CipherUpdate(ctx, hsm_secret_data(sealed), &len, kdf->data.data, (int)kdf->data.len),
        HSM_E_CRYPTO));
    memcpy(hsm_secret_data(out), hsm_secret_data(sealed), hsm_secret_len(out));
    return HSM_OK;
}

/* As much of `first`, then of `second`, as there is room for. */
static void join(hsm_bytes first, hsm_bytes second, hsm_secret *out)
{
    uint8_t *to = hsm_secret_data(out);
    const size_t len = hsm_secret_len(out);
    const size_t from_first = first.len < len ? first.len : len;

    memcpy(to, first.data, from_first);
    if (len > from_first)
        memcpy(to + from_first, second.data, len - from_first);
}

static hsm_err run_join(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf,
                        hsm_bytes base, hsm_secret *out)
{
    (void)crypto;
    if (mech->alg == HSM_ALG_CONCAT_BASE_KEY)
        join(base, kdf->values[0], out);
    else if (mech->alg == HSM_ALG_CONCAT_BASE_DATA)
        join(base, kdf->data, out);
    else
        join(kdf->data, base, out);
    return HSM_OK;
}

static hsm_err run_xor(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf, hsm_bytes base,
                       hsm_secret *out)
{
    uint8_t *to = hsm_secret_data(out);

    (void)crypto;
    (void)mech;
    for (size_t i = 0; i < hsm_secret_len(out); i++)
        to[i] = base.data[i] ^ kdf->data.data[i];
    return HSM_OK;
}

/* Bits from first_bit on, around the end if need be. */
static hsm_err run_extract(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf,
                           hsm_bytes base, hsm_secret *out)
{
    const unsigned shift = (unsigned)(kdf->first_bit % 8);
    uint8_t *to = hsm_secret_data(out);

    (void)crypto;
    (void)mech;
    HSM_CHECK(kdf->first_bit < base.len * 8, HSM_E_MECHANISM_PARAM);
    for (size_t i = 0; i < hsm_secret_len(out); i++) {
        const size_t at = (kdf->first_bit / 8 + i) % base.len;
        const unsigned pair =
            (unsigned)base.data[at] << 8 | (unsigned)base.data[(at + 1) % base.len];

        to[i] = (uint8_t)(pair >> (8 - shift));
    }
    return HSM_OK;
}

typedef hsm_err (*runner)(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf,
                          hsm_bytes base, hsm_secret *out);

static const runner runners[HSM_ALG_COUNT] = {
    [HSM_ALG_CONCAT_BASE_KEY] = run_join,      [HSM_ALG_CONCAT_BASE_DATA] = run_join,
    [HSM_ALG_CONCAT_DATA_BASE] = run_join,     [HSM_ALG_XOR_BASE_DATA] = run_xor,
    [HSM_ALG_EXTRACT] = run_extract,           [HSM_ALG_HASH_DERIVE] = run_hash,
    [HSM_ALG_SHAKE_DERIVE] = run_shake,        [HSM_ALG_ENCRYPT_DATA_ECB] = run_encrypt,
    [HSM_ALG_ENCRYPT_DATA_CBC] = run_encrypt,  [HSM_ALG_HKDF] = run_hkdf,
    [HSM_ALG_KBKDF_COUNTER] = hsm_ossl_kbkdf,  [HSM_ALG_KBKDF_FEEDBACK] = hsm_ossl_kbkdf,
    [HSM_ALG_KBKDF_PIPELINE] = hsm_ossl_kbkdf, [HSM_ALG_TLS12_MASTER] = run_tls,
    [HSM_ALG_TLS12_EXTENDED] = run_tls,        [HSM_ALG_TLS12_KEYS] = run_tls,
    [HSM_ALG_TLS12_SAFE_KEYS] = run_tls,       [HSM_ALG_TLS12_EXPORTER] = run_tls,
    [HSM_ALG_IKE_PRF] = hsm_ossl_ike,          [HSM_ALG_IKE1_PRF] = hsm_ossl_ike,
    [HSM_ALG_IKE1_EXTENDED] = hsm_ossl_ike,    [HSM_ALG_IKE2_PRF_PLUS] = hsm_ossl_ike,
};

hsm_err hsm_ossl_kdf(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf, hsm_bytes base,
                     hsm_secret *out)
{
    HSM_CHECK(runners[mech->alg] != NULL, HSM_E_MECHANISM);
    return runners[mech->alg](crypto, mech, kdf, base, out);
}
