/* Random numbers of the OpenSSL backend: HMAC_DRBG with SHA-256 (SP 800-90A, 10.1.2), an instance
 * per thread and use, so that no lock is shared.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_OPENSSL_RANDOM_H
#define HSM_CRYPTO_BACKEND_OPENSSL_RANDOM_H

#include "crypto/backend_openssl.h"

/* Sets the library context's generator: before its first use. errors HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_ossl_random_open(hsm_ossl *ossl);
void hsm_ossl_random_close(hsm_ossl *ossl);
/* Whether it gives random bytes. errors HSM_E_RANDOM */
HSM_MUST_USE hsm_err hsm_ossl_random_check(hsm_ossl *ossl);

/* hsm_backend.random, random_secret, seed. */
hsm_err hsm_ossl_random(hsm_crypto *crypto, uint8_t *data, size_t len);
hsm_err hsm_ossl_random_secret(hsm_crypto *crypto, uint8_t *data, size_t len);
hsm_err hsm_ossl_seed(hsm_crypto *crypto, hsm_bytes seed);

#endif
