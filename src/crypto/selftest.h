/* Known answers: each primitive computes what a publication says it must, before it is used for the
 * first time. docs/self-tests.md lists them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_SELFTEST_H
#define HSM_CRYPTO_SELFTEST_H

#include "crypto/crypto.h"
#include "crypto/mech.h"

/* The first 16 are those of the start; the others run on first use. */
typedef enum hsm_selftest {
    HSM_SELFTEST_SHA256,
    HSM_SELFTEST_SHA384,
    HSM_SELFTEST_SHA512,
    HSM_SELFTEST_SHA3_256,
    HSM_SELFTEST_HMAC_SHA256,
    HSM_SELFTEST_HMAC_SHA384,
    HSM_SELFTEST_HMAC_SHA512,
    HSM_SELFTEST_AES_GCM,
    HSM_SELFTEST_AES_CBC,
    HSM_SELFTEST_AES_CTR,
    HSM_SELFTEST_RSA_PKCS1,
    HSM_SELFTEST_ECDSA,
    HSM_SELFTEST_ML_DSA,
    HSM_SELFTEST_ML_KEM,
    HSM_SELFTEST_RNG_HEALTH,
    HSM_SELFTEST_HMAC_DRBG,
    HSM_SELFTEST_SHA1,
    HSM_SELFTEST_SHA224,
    HSM_SELFTEST_SHA512_224,
    HSM_SELFTEST_SHA512_256,
    HSM_SELFTEST_SHA3_224,
    HSM_SELFTEST_SHA3_384,
    HSM_SELFTEST_SHA3_512,
    HSM_SELFTEST_HMAC_SHA1,
    HSM_SELFTEST_HMAC_SHA224,
    HSM_SELFTEST_HMAC_SHA512_224,
    HSM_SELFTEST_HMAC_SHA512_256,
    HSM_SELFTEST_HMAC_SHA3_224,
    HSM_SELFTEST_HMAC_SHA3_256,
    HSM_SELFTEST_HMAC_SHA3_384,
    HSM_SELFTEST_HMAC_SHA3_512,
    HSM_SELFTEST_AES_ECB,
    HSM_SELFTEST_AES_OFB,
    HSM_SELFTEST_AES_CFB1,
    HSM_SELFTEST_AES_CFB8,
    HSM_SELFTEST_AES_CFB128,
    HSM_SELFTEST_AES_CTS,
    HSM_SELFTEST_AES_XTS,
    HSM_SELFTEST_AES_CCM,
    HSM_SELFTEST_AES_GMAC,
    HSM_SELFTEST_AES_CMAC,
    HSM_SELFTEST_AES_KW,
    HSM_SELFTEST_AES_KWP,
    HSM_SELFTEST_DES3_CBC,
    HSM_SELFTEST_DES3_CMAC,
    HSM_SELFTEST_RSA_PSS,
    HSM_SELFTEST_RSA_OAEP,
    HSM_SELFTEST_EDDSA,
    HSM_SELFTEST_ECDH,
    HSM_SELFTEST_DH,
    HSM_SELFTEST_SLH_DSA_SHA2,
    HSM_SELFTEST_SLH_DSA_SHAKE,
    HSM_SELFTEST_PBKDF2,
    HSM_SELFTEST_HKDF,
    HSM_SELFTEST_KBKDF_COUNTER,
    HSM_SELFTEST_KBKDF_FEEDBACK,
    HSM_SELFTEST_KBKDF_PIPELINE,
    HSM_SELFTEST_TLS12_PRF,
    HSM_SELFTEST_COUNT,
} hsm_selftest;

#define HSM_SELFTEST_START_COUNT 16u

/* A set of self-tests, a bit each. */
typedef uint64_t hsm_selftest_set;
_Static_assert(HSM_SELFTEST_COUNT <= 64, "hsm_selftest_set has a bit for each");

static inline hsm_selftest_set hsm_selftest_bit(hsm_selftest test)
{
    return (hsm_selftest_set)1 << test;
}

/* As in docs/self-tests.md, and as CRATON_HSM_BREAK takes it: "ml-dsa-44". */
const char *hsm_selftest_name(hsm_selftest test);

/* What a mechanism stands on; none for one that computes nothing that is approved by itself. hash:
 * one that its parameter names, or HSM_HASH_NONE. */
hsm_selftest_set hsm_selftest_of(const hsm_mech *mech, hsm_hash hash);

/**
 * Runs the self-tests of the start.
 *
 * in      is_proved  another process of this boot passed them with the same code: only those that
 *                    the store and the random generator stand on run now, the rest on first use
 * errors  HSM_E_SELF_TEST (the error state), HSM_E_NO_MEMORY, HSM_E_NO_LOCKED_MEMORY
 */
HSM_MUST_USE hsm_err hsm_selftest_start(hsm_crypto *crypto, bool is_proved);

/* Runs those of a set that did not run yet in this service. No lock and no system call when there
 * are none.
 * errors  HSM_E_SELF_TEST (one failed, or the error state), HSM_E_NO_MEMORY,
 *         HSM_E_NO_LOCKED_MEMORY
 * thread  any; one runs a test, others that need one meanwhile wait */
HSM_MUST_USE hsm_err hsm_selftest_need(hsm_crypto *crypto, hsm_selftest_set tests);
/* The same for what a mechanism stands on. */
HSM_MUST_USE hsm_err hsm_selftest_use(hsm_crypto *crypto, const hsm_mech *mech, hsm_hash hash);

#endif
