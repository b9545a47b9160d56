/* What the files of the self-tests share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_SELFTEST_INTERNAL_H
#define HSM_CRYPTO_SELFTEST_INTERNAL_H

#include "crypto/crypt.h"
#include "crypto/internal.h"
#include "crypto/selftest.h"

/* The longest known value: an RSA-2048 private key as PKCS #8. */
#define KNOWN_MAX_BYTES 1280u

/* A value of the tables, read. */
typedef struct known {
    uint8_t data[KNOWN_MAX_BYTES];
    size_t len;
} known;

/* Reads hexadecimal text; NULL is empty. */
known known_of(const char *hex);
static inline hsm_bytes known_view(const known *value)
{
    return hsm_bytes_of(value->data, value->len);
}

/* Whether `got` is the known answer of the test; HSM_E_SELF_TEST if not. The one place where a build
 * that is to be broken makes an answer wrong. */
HSM_MUST_USE hsm_err known_equals(hsm_selftest test, hsm_bytes got, const char *want_hex);
/* The same by SHA-256, for answers that are long. */
HSM_MUST_USE hsm_err known_digest(hsm_crypto *crypto, hsm_selftest test, hsm_bytes got,
                                  const char *want_sha256_hex);

/* One use of hsm_crypt_begin() for a test: without the question for tests. */
typedef struct crypt_question {
    hsm_op op;
    const hsm_mech *mech;
    const hsm_mech_params *params;
    hsm_key *key;
} crypt_question;
HSM_MUST_USE hsm_err hsm_crypt_begin_untested(hsm_crypt *crypt, const crypt_question *question);

/* A whole message; gives the result. */
HSM_MUST_USE hsm_err crypt_answer(hsm_crypto *crypto, const crypt_question *question, hsm_bytes in,
                                  hsm_out *out);
/* Whether `signature` is right, and is not when a bit of it changes. */
HSM_MUST_USE hsm_err crypt_verifies(hsm_crypto *crypto, const crypt_question *question,
                                    hsm_bytes in, hsm_bytes signature);

/* The tests, by file. */
hsm_err hsm_selftest_symmetric(hsm_crypto *crypto, hsm_selftest test);
hsm_err hsm_selftest_rsa_pkcs1(hsm_crypto *crypto, hsm_selftest test);
hsm_err hsm_selftest_rsa_pss(hsm_crypto *crypto, hsm_selftest test);
hsm_err hsm_selftest_ecdsa(hsm_crypto *crypto, hsm_selftest test);
hsm_err hsm_selftest_eddsa(hsm_crypto *crypto, hsm_selftest test);
hsm_err hsm_selftest_ml_dsa(hsm_crypto *crypto, hsm_selftest test);
hsm_err hsm_selftest_slh_dsa(hsm_crypto *crypto, hsm_selftest test);
hsm_err hsm_selftest_rsa_oaep(hsm_crypto *crypto, hsm_selftest test);
hsm_err hsm_selftest_ecdh(hsm_crypto *crypto, hsm_selftest test);
hsm_err hsm_selftest_dh(hsm_crypto *crypto, hsm_selftest test);
hsm_err hsm_selftest_ml_kem(hsm_crypto *crypto, hsm_selftest test);
hsm_err hsm_selftest_pbkdf2(hsm_crypto *crypto, hsm_selftest test);
hsm_err hsm_selftest_kdf(hsm_crypto *crypto, hsm_selftest test);
hsm_err hsm_selftest_rng(hsm_crypto *crypto, hsm_selftest test);
hsm_err hsm_selftest_drbg(hsm_crypto *crypto, hsm_selftest test);

#endif
