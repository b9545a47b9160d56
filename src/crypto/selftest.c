/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/selftest.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/break.h"
#include "crypto/selftest_internal.h"

static const struct {
    const char *name;
    hsm_err (*run)(hsm_crypto *crypto, hsm_selftest test);
} tests[HSM_SELFTEST_COUNT] = {
    [HSM_SELFTEST_SHA256] = { "sha-256", hsm_selftest_symmetric },
    [HSM_SELFTEST_SHA384] = { "sha-384", hsm_selftest_symmetric },
    [HSM_SELFTEST_SHA512] = { "sha-512", hsm_selftest_symmetric },
    [HSM_SELFTEST_SHA3_256] = { "sha3-256", hsm_selftest_symmetric },
    [HSM_SELFTEST_HMAC_SHA256] = { "hmac-sha-256", hsm_selftest_symmetric },
    [HSM_SELFTEST_HMAC_SHA384] = { "hmac-sha-384", hsm_selftest_symmetric },
    [HSM_SELFTEST_HMAC_SHA512] = { "hmac-sha-512", hsm_selftest_symmetric },
    [HSM_SELFTEST_AES_GCM] = { "aes-256-gcm", hsm_selftest_symmetric },
    [HSM_SELFTEST_AES_CBC] = { "aes-256-cbc", hsm_selftest_symmetric },
    [HSM_SELFTEST_AES_CTR] = { "aes-256-ctr", hsm_selftest_symmetric },
    [HSM_SELFTEST_RSA_PKCS1] = { "rsa-2048-pkcs1", hsm_selftest_rsa_pkcs1 },
    [HSM_SELFTEST_ECDSA] = { "ecdsa-p-256", hsm_selftest_ecdsa },
    [HSM_SELFTEST_ML_DSA] = { "ml-dsa-44", hsm_selftest_ml_dsa },
    [HSM_SELFTEST_ML_KEM] = { "ml-kem-768", hsm_selftest_ml_kem },
    [HSM_SELFTEST_RNG_HEALTH] = { "rng-health", hsm_selftest_rng },
    [HSM_SELFTEST_HMAC_DRBG] = { "hmac-drbg", hsm_selftest_drbg },
    [HSM_SELFTEST_SHA1] = { "sha-1", hsm_selftest_symmetric },
    [HSM_SELFTEST_SHA224] = { "sha-224", hsm_selftest_symmetric },
    [HSM_SELFTEST_SHA512_224] = { "sha-512-224", hsm_selftest_symmetric },
    [HSM_SELFTEST_SHA512_256] = { "sha-512-256", hsm_selftest_symmetric },
    [HSM_SELFTEST_SHA3_224] = { "sha3-224", hsm_selftest_symmetric },
    [HSM_SELFTEST_SHA3_384] = { "sha3-384", hsm_selftest_symmetric },
    [HSM_SELFTEST_SHA3_512] = { "sha3-512", hsm_selftest_symmetric },
    [HSM_SELFTEST_HMAC_SHA1] = { "hmac-sha-1", hsm_selftest_symmetric },
    [HSM_SELFTEST_HMAC_SHA224] = { "hmac-sha-224", hsm_selftest_symmetric },
    [HSM_SELFTEST_HMAC_SHA512_224] = { "hmac-sha-512-224", hsm_selftest_symmetric },
    [HSM_SELFTEST_HMAC_SHA512_256] = { "hmac-sha-512-256", hsm_selftest_symmetric },
    [HSM_SELFTEST_HMAC_SHA3_224] = { "hmac-sha3-224", hsm_selftest_symmetric },
    [HSM_SELFTEST_HMAC_SHA3_256] = { "hmac-sha3-256", hsm_selftest_symmetric },
    [HSM_SELFTEST_HMAC_SHA3_384] = { "hmac-sha3-384", hsm_selftest_symmetric },
    [HSM_SELFTEST_HMAC_SHA3_512] = { "hmac-sha3-512", hsm_selftest_symmetric },
    [HSM_SELFTEST_AES_ECB] = { "aes-256-ecb", hsm_selftest_symmetric },
    [HSM_SELFTEST_AES_OFB] = { "aes-256-ofb", hsm_selftest_symmetric },
    [HSM_SELFTEST_AES_CFB1] = { "aes-128-cfb1", hsm_selftest_symmetric },
    [HSM_SELFTEST_AES_CFB8] = { "aes-128-cfb8", hsm_selftest_symmetric },
    [HSM_SELFTEST_AES_CFB128] = { "aes-128-cfb128", hsm_selftest_symmetric },
    [HSM_SELFTEST_AES_CTS] = { "aes-128-cts", hsm_selftest_symmetric },
    [HSM_SELFTEST_AES_XTS] = { "aes-128-xts", hsm_selftest_symmetric },
    [HSM_SELFTEST_AES_CCM] = { "aes-128-ccm", hsm_selftest_symmetric },
    [HSM_SELFTEST_AES_GMAC] = { "aes-128-gmac", hsm_selftest_symmetric },
    [HSM_SELFTEST_AES_CMAC] = { "aes-256-cmac", hsm_selftest_symmetric },
    [HSM_SELFTEST_AES_KW] = { "aes-256-kw", hsm_selftest_symmetric },
    [HSM_SELFTEST_AES_KWP] = { "aes-192-kwp", hsm_selftest_symmetric },
    [HSM_SELFTEST_DES3_CBC] = { "des3-cbc", hsm_selftest_symmetric },
    [HSM_SELFTEST_DES3_CMAC] = { "des3-cmac", hsm_selftest_symmetric },
    [HSM_SELFTEST_RSA_PSS] = { "rsa-2048-pss", hsm_selftest_rsa_pss },
    [HSM_SELFTEST_RSA_OAEP] = { "rsa-2048-oaep", hsm_selftest_rsa_oaep },
    [HSM_SELFTEST_EDDSA] = { "ed25519", hsm_selftest_eddsa },
    [HSM_SELFTEST_ECDH] = { "ecdh-p-256", hsm_selftest_ecdh },
    [HSM_SELFTEST_DH] = { "dh-2048", hsm_selftest_dh },
    [HSM_SELFTEST_SLH_DSA_SHA2] = { "slh-dsa-sha2-128f", hsm_selftest_slh_dsa },
    [HSM_SELFTEST_SLH_DSA_SHAKE] = { "slh-dsa-shake-128f", hsm_selftest_slh_dsa },
    [HSM_SELFTEST_PBKDF2] = { "pbkdf2", hsm_selftest_pbkdf2 },
    [HSM_SELFTEST_HKDF] = { "hkdf", hsm_selftest_kdf },
    [HSM_SELFTEST_KBKDF_COUNTER] = { "kbkdf-counter", hsm_selftest_kdf },
    [HSM_SELFTEST_KBKDF_FEEDBACK] = { "kbkdf-feedback", hsm_selftest_kdf },
    [HSM_SELFTEST_KBKDF_PIPELINE] = { "kbkdf-pipeline", hsm_selftest_kdf },
    [HSM_SELFTEST_TLS12_PRF] = { "tls12-prf", hsm_selftest_kdf },
};

/* Those without which nothing else can be believed, the store or the generator; quick. */
#define BASIC                                                                             \
    (hsm_selftest_bit(HSM_SELFTEST_SHA256) | hsm_selftest_bit(HSM_SELFTEST_HMAC_SHA256) | \
     hsm_selftest_bit(HSM_SELFTEST_AES_GCM) | hsm_selftest_bit(HSM_SELFTEST_RNG_HEALTH) | \
     hsm_selftest_bit(HSM_SELFTEST_HMAC_DRBG))
#define START (((hsm_selftest_set)1 << HSM_SELFTEST_START_COUNT) - 1)

const char *hsm_selftest_name(hsm_selftest test)
{
    return tests[test].name;
}

/* --- Running ------------------------------------------------------------------------------------- */

/* An error is a failure like a wrong answer, but for those that say nothing about the primitive. */
static hsm_err run_one(hsm_crypto *crypto, hsm_selftest test)
{
    const hsm_err err = tests[test].run(crypto, test);

    if (err == HSM_OK) {
        (void)atomic_fetch_or(&crypto->proved, hsm_selftest_bit(test));
        return HSM_OK;
    }
    if (err == HSM_E_NO_MEMORY || err == HSM_E_NO_LOCKED_MEMORY)
        return err;
    return hsm_crypto_fail(crypto, tests[test].name);
}

static hsm_err run_missing(hsm_crypto *crypto, hsm_selftest_set wanted)
{
    hsm_err err = HSM_OK;

    (void)pthread_mutex_lock(&crypto->selftest_lock);
    for (hsm_selftest test = 0; test < HSM_SELFTEST_COUNT && err == HSM_OK; test++) {
        if ((wanted & ~atomic_load(&crypto->proved) & hsm_selftest_bit(test)) != 0)
            err = run_one(crypto, test);
    }
    (void)pthread_mutex_unlock(&crypto->selftest_lock);
    return err;
}

hsm_err hsm_selftest_need(hsm_crypto *crypto, hsm_selftest_set wanted)
{
    HSM_CHECK(!hsm_crypto_has_failed(crypto), HSM_E_SELF_TEST);
    if ((wanted & ~atomic_load_explicit(&crypto->proved, memory_order_acquire)) == 0)
        return HSM_OK;
    return run_missing(crypto, wanted);
}

hsm_err hsm_selftest_start(hsm_crypto *crypto, bool is_proved)
{
    return hsm_selftest_need(crypto, is_proved ? BASIC : START);
}

hsm_err hsm_selftest_use(hsm_crypto *crypto, const hsm_mech *mech, hsm_hash hash)
{
    return hsm_selftest_need(crypto, hsm_selftest_of(mech, hash));
}

/* --- Known values -------------------------------------------------------------------------------- */

static uint8_t nibble(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

known known_of(const char *hex)
{
    known value;

    value.len = 0;
    for (; hex != NULL && hex[0] != '\0' && value.len < sizeof value.data; hex += 2)
        value.data[value.len++] = (uint8_t)(nibble(hex[0]) << 4 | nibble(hex[1]));
    return value;
}

hsm_err known_equals(hsm_selftest test, hsm_bytes got, const char *want_hex)
{
    known want = known_of(want_hex);

    if (hsm_break(tests[test].name))
        want.data[0] ^= 1;
    return hsm_bytes_equal(got, known_view(&want)) ? HSM_OK : HSM_E_SELF_TEST;
}

hsm_err known_digest(hsm_crypto *crypto, hsm_selftest test, hsm_bytes got,
                     const char *want_sha256_hex)
{
    uint8_t digest[HSM_SHA256_BYTES];

    HSM_TRY(hsm_crypto_sha256(crypto, got, digest));
    return known_equals(test, hsm_bytes_of(digest, sizeof digest), want_sha256_hex);
}

/* --- Operations ---------------------------------------------------------------------------------- */

hsm_err crypt_answer(hsm_crypto *crypto, const crypt_question *question, hsm_bytes in, hsm_out *out)
{
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;

    HSM_TRY(hsm_crypt_create(crypto, &crypt));
    HSM_TRY(hsm_crypt_begin_untested(crypt, question));
    return hsm_crypt_single(crypt, in, out);
}

static hsm_err verify(hsm_crypto *crypto, const crypt_question *question, hsm_bytes in,
                      hsm_bytes signature)
{
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;

    HSM_TRY(hsm_crypt_create(crypto, &crypt));
    HSM_TRY(hsm_crypt_begin_untested(crypt, question));
    return hsm_crypt_verify(crypt, in, signature);
}

hsm_err crypt_verifies(hsm_crypto *crypto, const crypt_question *question, hsm_bytes in,
                       hsm_bytes signature)
{
    HSM_TRY(verify(crypto, question, in, signature));

    uint8_t *changed = malloc(signature.len);
    HSM_CHECK(changed != NULL, HSM_E_NO_MEMORY);
    memcpy(changed, signature.data, signature.len);
    changed[signature.len / 2] ^= 0x10;
    const hsm_err err = verify(crypto, question, in, hsm_bytes_of(changed, signature.len));
    free(changed);
    HSM_CHECK(err != HSM_E_NO_MEMORY && err != HSM_E_NO_LOCKED_MEMORY, err);
    return err == HSM_E_SIGNATURE ? HSM_OK : HSM_E_SELF_TEST;
}
