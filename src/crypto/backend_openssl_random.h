/* Random numbers of the OpenSSL backend: HMAC_DRBG with SHA-256 (SP 800-90A, 10.1.2), an instance
 * per thread and use, so that no lock is shared.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_OPENSSL_RANDOM_H
#define HSM_CRYPTO_BACKEND_OPENSSL_RANDOM_H

#include "crypto/backend_openssl.h"
#include "crypto/entropy.h"

/* Sets the library context's generator: before its first use. errors HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_ossl_random_open(hsm_ossl *ossl);
void hsm_ossl_random_close(hsm_ossl *ossl);
/* Begins anew, as hsm_random_state_open(): a library context that is used again. */
void hsm_ossl_random_start(hsm_ossl *ossl, hsm_entropy_source *source, void *arg);
/* Whether the entropy source failed since: nothing is given any more. */
bool hsm_ossl_random_has_failed(const hsm_ossl *ossl);
/* The flag behind it (hsm_crypto.source_failed). */
const atomic_bool *hsm_ossl_random_failure(const hsm_ossl *ossl);
/* Whether it gives random bytes. errors as below */
HSM_MUST_USE hsm_err hsm_ossl_random_check(hsm_ossl *ossl);

/* hsm_backend.random, random_secret, seed. errors HSM_E_SELF_TEST (the entropy source failed),
 * HSM_E_RANDOM (no memory for a generator) */
hsm_err hsm_ossl_random(hsm_crypto *crypto, uint8_t *data, size_t len);
hsm_err hsm_ossl_random_secret(hsm_crypto *crypto, uint8_t *data, size_t len);
hsm_err hsm_ossl_seed(hsm_crypto *crypto, hsm_bytes seed);
/* hsm_backend.drbg_answer */
hsm_err hsm_ossl_drbg_answer(hsm_crypto *crypto, const hsm_drbg_question *question, uint8_t *out,
                             size_t len);

#endif
