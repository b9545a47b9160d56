/* Opening and closing the OpenSSL backend: a library context of our own, and everything that
 * operations need fetched once.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/provider.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "crypto/backend_openssl_fips.h"
#include "crypto/backend_openssl_kdf.h"
#include "crypto/backend_openssl_params.h"
#include "crypto/backend_openssl_pkey.h"
#include "crypto/backend_openssl_random.h"
#include "crypto/composite_sign.h"
#include "crypto/hybrid_wrap.h"
#include "os/fork.h"

/* What closed backends leave for the next open. A library context must not be freed while a thread
 * lives that used it: when that thread ends, OpenSSL's own handler for the context's random
 * generators runs in it, and reads the context. So contexts go with the process only. */
static _Atomic(hsm_ossl *) parked;

static const struct {
    hsm_alg alg;
    const char *name[HSM_AES_SIZES];
} aes_names[] = {
    { HSM_ALG_AES_ECB, { "AES-128-ECB", "AES-192-ECB", "AES-256-ECB" } },
    { HSM_ALG_AES_CBC, { "AES-128-CBC", "AES-192-CBC", "AES-256-CBC" } },
    { HSM_ALG_AES_CBC_PAD, { "AES-128-CBC", "AES-192-CBC", "AES-256-CBC" } },
    { HSM_ALG_AES_CTR, { "AES-128-CTR", "AES-192-CTR", "AES-256-CTR" } },
    { HSM_ALG_AES_GCM, { "AES-128-GCM", "AES-192-GCM", "AES-256-GCM" } },
    { HSM_ALG_AES_KW, { "AES-128-WRAP", "AES-192-WRAP", "AES-256-WRAP" } },
    { HSM_ALG_AES_KWP, { "AES-128-WRAP-PAD", "AES-192-WRAP-PAD", "AES-256-WRAP-PAD" } },
    { HSM_ALG_AES_KW_PKCS7, { "AES-128-WRAP", "AES-192-WRAP", "AES-256-WRAP" } },
    { HSM_ALG_AES_CTS, { "AES-128-CBC-CTS", "AES-192-CBC-CTS", "AES-256-CBC-CTS" } },
    { HSM_ALG_AES_XTS, { "AES-128-XTS", NULL, "AES-256-XTS" } },
    { HSM_ALG_AES_OFB, { "AES-128-OFB", "AES-192-OFB", "AES-256-OFB" } },
    { HSM_ALG_AES_CFB1, { "AES-128-CFB1", "AES-192-CFB1", "AES-256-CFB1" } },
    { HSM_ALG_AES_CFB8, { "AES-128-CFB8", "AES-192-CFB8", "AES-256-CFB8" } },
    { HSM_ALG_AES_CFB128, { "AES-128-CFB", "AES-192-CFB", "AES-256-CFB" } },
    { HSM_ALG_AES_CCM, { "AES-128-CCM", "AES-192-CCM", "AES-256-CCM" } },
    { HSM_ALG_AES_GMAC, { "AES-128-GCM", "AES-192-GCM", "AES-256-GCM" } },
    { HSM_ALG_CHACHA20, { NULL, NULL, "ChaCha20" } },
    { HSM_ALG_CHACHA20_POLY1305, { NULL, NULL, "ChaCha20-Poly1305" } },
    /* keys of 192 bits, as AES-192's */
    { HSM_ALG_DES3_ECB, { NULL, "DES-EDE3-ECB", NULL } },
    { HSM_ALG_DES3_CBC, { NULL, "DES-EDE3-CBC", NULL } },
    { HSM_ALG_DES3_CBC_PAD, { NULL, "DES-EDE3-CBC", NULL } },
};

static hsm_err fetch_hashes(hsm_ossl *ossl)
{
    for (hsm_hash hash = HSM_HASH_NONE + 1; hash < HSM_HASH_COUNT; hash++) {
        ossl->md[hash] = EVP_MD_fetch(ossl->libctx, hsm_hash_get(hash)->name, NULL);
        HSM_CHECK(ossl->md[hash] != NULL, hsm_ossl_cause(HSM_E_CRYPTO));
    }
    return HSM_OK;
}

static hsm_err fetch_ciphers(hsm_ossl *ossl)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(aes_names); i++) {
        for (int size = 0; size < HSM_AES_SIZES; size++) {
            if (aes_names[i].name[size] == NULL)
                continue;
            EVP_CIPHER *cipher = EVP_CIPHER_fetch(ossl->libctx, aes_names[i].name[size], NULL);
            /* The FIPS provider has no ChaCha20, and the rules in force no way to it. */
            HSM_CHECK(cipher != NULL || ossl->is_fips, hsm_ossl_cause(HSM_E_CRYPTO));
            ossl->aes[aes_names[i].alg][size] = cipher;
        }
    }
    return HSM_OK;
}

static hsm_err fetch_others(hsm_ossl *ossl)
{
    ossl->hmac = EVP_MAC_fetch(ossl->libctx, "HMAC", NULL);
    ossl->cmac = EVP_MAC_fetch(ossl->libctx, "CMAC", NULL);
    ossl->hkdf = EVP_KDF_fetch(ossl->libctx, "HKDF", NULL);
    ossl->pbkdf2 = EVP_KDF_fetch(ossl->libctx, "PBKDF2", NULL);
    ossl->x963 = EVP_KDF_fetch(ossl->libctx, "X963KDF", NULL);
    ossl->sskdf = EVP_KDF_fetch(ossl->libctx, "SSKDF", NULL);
    ossl->tls1_prf = EVP_KDF_fetch(ossl->libctx, "TLS1-PRF", NULL);
    HSM_CHECK(ossl->hmac != NULL && ossl->cmac != NULL && ossl->hkdf != NULL &&
                  ossl->pbkdf2 != NULL && ossl->x963 != NULL && ossl->sskdf != NULL &&
                  ossl->tls1_prf != NULL,
              hsm_ossl_cause(HSM_E_CRYPTO));
    return HSM_OK;
}

static hsm_err prepare_hash(hsm_ossl *ossl, hsm_hash hash)
{
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    const OSSL_PARAM params[] = {
        hsm_ossl_text(OSSL_ALG_PARAM_DIGEST, hsm_hash_get(hash)->name),
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode), /* HMAC takes what it knows */
        OSSL_PARAM_construct_end(),
    };

    ossl->hmac_with[hash] = EVP_MAC_CTX_new(ossl->hmac);
    ossl->hkdf_with[hash] = EVP_KDF_CTX_new(ossl->hkdf);
    HSM_CHECK(ossl->hmac_with[hash] != NULL && ossl->hkdf_with[hash] != NULL,
              hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(hsm_ossl_done(EVP_MAC_CTX_set_params(ossl->hmac_with[hash], params), HSM_E_CRYPTO));
    return hsm_ossl_done(EVP_KDF_CTX_set_params(ossl->hkdf_with[hash], params), HSM_E_CRYPTO);
}

static hsm_err prepare_hashes(hsm_ossl *ossl)
{
    for (hsm_hash hash = HSM_HASH_NONE + 1; hash < HSM_HASH_COUNT; hash++) {
        if (!hsm_hash_is_xof(hash))
            HSM_TRY(prepare_hash(ossl, hash));
    }
    return HSM_OK;
}

/* The default provider, and no configuration file of the host's OpenSSL; no exit handler, because
 * the host may call us after its own have run. */
static hsm_err open_library(hsm_ossl *ossl)
{
    /* Its error texts now: loaded with the first error, when there is no memory, they would wait for
     * themselves. */
    HSM_CHECK(OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT |
                                      OPENSSL_INIT_LOAD_CRYPTO_STRINGS,
                                  NULL) == 1,
              HSM_E_CRYPTO);
    ossl->libctx = OSSL_LIB_CTX_new();
    HSM_CHECK(ossl->libctx != NULL, hsm_ossl_cause(HSM_E_NO_MEMORY));
    HSM_TRY(hsm_ossl_random_open(ossl)); /* before anything asks for a random byte */
    if (ossl->is_fips)
        return hsm_ossl_fips_load(ossl->libctx, &ossl->provider, &ossl->base_provider);
    ossl->provider = OSSL_PROVIDER_load(ossl->libctx, "default");
    HSM_CHECK(ossl->provider != NULL, hsm_ossl_cause(HSM_E_CRYPTO));
    return HSM_OK;
}

static hsm_err open_new(hsm_ossl *ossl)
{
    HSM_TRY(open_library(ossl));
    HSM_TRY(fetch_hashes(ossl));
    HSM_TRY(fetch_ciphers(ossl));
    HSM_TRY(fetch_others(ossl));
    HSM_TRY(prepare_hashes(ossl));
    HSM_TRY(hsm_ossl_random_check(ossl));
    HSM_TRY(hsm_ossl_pkey_open(ossl));
    ossl->generation = hsm_fork_generation();
    return HSM_OK;
}

static void park(hsm_ossl *ossl)
{
    ossl->next = atomic_load(&parked);
    while (!atomic_compare_exchange_weak(&parked, &ossl->next, ossl)) {
    }
}

/* A parked one of the kind, or NULL. Those a parent process left are passed over: a thread that is not in this
 * process may have held their locks. */
static hsm_ossl *unpark(bool is_fips)
{
    hsm_ossl *list = atomic_exchange(&parked, NULL);
    hsm_ossl *found = NULL;

    while (list != NULL) {
        hsm_ossl *next = list->next;

        if (found == NULL && list->is_fips == is_fips && list->generation == hsm_fork_generation())
            found = list;
        else
            park(list);
        list = next;
    }
    return found;
}

static hsm_err open_native(hsm_crypto *crypto, bool is_fips)
{
    hsm_ossl *ossl = unpark(is_fips);

    crypto->native = ossl;
    if (ossl != NULL) {
        hsm_ossl_random_start(ossl, NULL, NULL);
        return HSM_OK;
    }
    /* Before anything allocates, and before there is anything that close would clean up. */
    HSM_TRY(hsm_ossl_memory_protect());
    ossl = calloc(1, sizeof *ossl);
    HSM_CHECK(ossl != NULL, HSM_E_NO_MEMORY);
    ossl->is_fips = is_fips;
    crypto->native = ossl;
    return open_new(ossl);
}

static hsm_err open_kind(hsm_crypto *crypto, bool is_fips)
{
    HSM_TRY(open_native(crypto, is_fips));
    crypto->source_failed = hsm_ossl_random_failure(hsm_ossl_of(crypto));
    return HSM_OK;
}

static hsm_err open_default(hsm_crypto *crypto)
{
    return open_kind(crypto, false);
}

/* What the provider refuses is refused before, by the same rules and with clearer errors. */
static hsm_err open_fips(hsm_crypto *crypto)
{
    crypto->options.is_approved_only = true;
    return open_kind(crypto, true);
}

/* Of an open that failed: no other thread has seen it. */
static void free_native(hsm_ossl *ossl)
{
    hsm_ossl_pkey_close(ossl);
    for (int hash = 0; hash < HSM_HASH_COUNT; hash++) {
        EVP_MD_free(ossl->md[hash]);
        EVP_MAC_CTX_free(ossl->hmac_with[hash]);
        EVP_KDF_CTX_free(ossl->hkdf_with[hash]);
    }
    for (int alg = 0; alg < HSM_ALG_COUNT; alg++) {
        for (int size = 0; size < HSM_AES_SIZES; size++)
            EVP_CIPHER_free(ossl->aes[alg][size]);
    }
    EVP_MAC_free(ossl->hmac);
    EVP_MAC_free(ossl->cmac);
    EVP_KDF_free(ossl->hkdf);
    EVP_KDF_free(ossl->pbkdf2);
    EVP_KDF_free(ossl->x963);
    EVP_KDF_free(ossl->sskdf);
    EVP_KDF_free(ossl->tls1_prf);
    if (ossl->provider != NULL)
        (void)OSSL_PROVIDER_unload(ossl->provider);
    if (ossl->base_provider != NULL)
        (void)OSSL_PROVIDER_unload(ossl->base_provider);
    hsm_ossl_random_close(ossl);
    OSSL_LIB_CTX_free(ossl->libctx);
    free(ossl);
}

static void close_backend(hsm_crypto *crypto)
{
    hsm_ossl *ossl = crypto->native;

    if (ossl == NULL)
        return;
    crypto->native = NULL;
    if (ossl->generation != 0)
        park(ossl);
    else
        free_native(ossl);
    ERR_clear_error();
}

const hsm_key_ops *hsm_ossl_key_ops(CK_KEY_TYPE key_type)
{
    static const struct {
        CK_KEY_TYPE key_type;
        const hsm_key_ops *ops;
    } types[] = {
        { CKK_RSA, &hsm_ossl_rsa_key },
        { CKK_EC, &hsm_ossl_ec_key },
        { CKK_EC_EDWARDS, &hsm_ossl_ec_key },
        { CKK_EC_MONTGOMERY, &hsm_ossl_ec_key },
        { CKK_ML_DSA, &hsm_ossl_pqc_key },
        { CKK_ML_KEM, &hsm_ossl_pqc_key },
        { CKK_SLH_DSA, &hsm_ossl_pqc_key },
        { CKK_CRATON_COMP_KEM, &hsm_ossl_composite_key },
        { CKK_CRATON_COMP_SIG, &hsm_ossl_composite_key },
        { CKK_DH, &hsm_ossl_dh_key },
        { CKK_X9_42_DH, &hsm_ossl_dh_key },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(types); i++) {
        if (types[i].key_type == key_type)
            return types[i].ops;
    }
    return NULL;
}

static void drop_key(void *native, void *idle)
{
    EVP_PKEY_CTX_free(idle);
    EVP_PKEY_free(native);
}

static const char *version(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}

/* The same functions over either provider. */
#define SHARED_FUNCTIONS \
    .version = version, \
    .close = close_backend, \
    .random = hsm_ossl_random, \
    .random_secret = hsm_ossl_random_secret, \
    .seed = hsm_ossl_seed, \
    .drbg_answer = hsm_ossl_drbg_answer, \
    .family = { \
        [HSM_FAMILY_DIGEST] = &hsm_ossl_digest, \
        [HSM_FAMILY_HMAC] = &hsm_ossl_hmac, \
        [HSM_FAMILY_CMAC] = &hsm_ossl_cmac, \
        [HSM_FAMILY_CIPHER] = &hsm_ossl_cipher, \
        [HSM_FAMILY_AEAD] = &hsm_ossl_aead, \
        [HSM_FAMILY_KEYWRAP] = &hsm_ossl_keywrap, \
        [HSM_FAMILY_WHOLE] = &hsm_ossl_whole, \
        [HSM_FAMILY_GMAC] = &hsm_ossl_gmac, \
        [HSM_FAMILY_HYBRID] = &hsm_hybrid_wrap, \
        [HSM_FAMILY_RSA] = &hsm_ossl_rsa, \
        [HSM_FAMILY_ECDSA] = &hsm_ossl_ecdsa, \
        [HSM_FAMILY_EDDSA] = &hsm_ossl_eddsa, \
        [HSM_FAMILY_PQC_SIGN] = &hsm_ossl_pqc_sign, \
        [HSM_FAMILY_COMPOSITE] = &hsm_composite_sign, \
    }, \
    .key_ops = hsm_ossl_key_ops, \
    .derive = hsm_ossl_derive, \
    .kdf = hsm_ossl_kdf, \
    .pbkdf2 = hsm_ossl_pbkdf2, \
    .encapsulate = hsm_ossl_encapsulate, \
    .decapsulate = hsm_ossl_decapsulate, \
    .spki = hsm_ossl_spki, \
    .pkcs8_encode = hsm_ossl_pkcs8_encode, \
    .import_read = hsm_ossl_import_read, \
    .spki_decode = hsm_ossl_spki_decode, \
    .pkcs8_decode = hsm_ossl_pkcs8_decode, \
    .cipher_block = hsm_ossl_cipher_block, \
    .key_drop = drop_key

const hsm_backend hsm_backend_openssl = {
    .name = "openssl",
    .open = open_default,
    SHARED_FUNCTIONS,
};

const hsm_backend hsm_backend_openssl_fips = {
    .name = "openssl-fips",
    .lacks_rfc6979 = true,
    .open = open_fips,
    SHARED_FUNCTIONS,
};
