/* OpenSSL's HMAC_DRBG with SHA-256 (SP 800-90A Rev. 1, 10.1.2), over a source of entropy that is given:
 * our own (crypto/backend_openssl_seed.h), or, for known answers, OpenSSL's that gives what it is told.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_OPENSSL_DRBG_H
#define HSM_CRYPTO_BACKEND_OPENSSL_DRBG_H

#include <openssl/evp.h>

#include "base/bytes.h"
#include "base/scope.h"

/* Security strength, and the longest request (table 2: 2^19 bits). */
#define HSM_DRBG_STRENGTH_BITS 256u
#define HSM_DRBG_REQUEST_MAX_BYTES 65536u
/* Requests between two reseeds; table 2 allows 2^48. */
#define HSM_DRBG_REQUESTS_MAX 65536u

/* One of OpenSSL's random generators or sources, on a parent or none (NULL).
 * in      properties  what to fetch by; NULL: what the library context prefers
 * out     one reference, for EVP_RAND_CTX_free(); it holds its parent
 * errors  HSM_E_NO_MEMORY, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_drbg_fetch(OSSL_LIB_CTX *libctx, const char *name, const char *properties,
                                    EVP_RAND_CTX *parent, EVP_RAND_CTX **out_rand);

/* A generator that draws its seeds from source. Not instantiated. errors as above
 * thread  an instance: one at a time */
HSM_MUST_USE hsm_err hsm_drbg_create(OSSL_LIB_CTX *libctx, EVP_RAND_CTX *source,
                                     EVP_RAND_CTX **out_drbg);
/* 10.1.2.3. Also starts an instance that has a seed anew. errors HSM_E_NO_MEMORY, HSM_E_RANDOM */
HSM_MUST_USE hsm_err hsm_drbg_instantiate(EVP_RAND_CTX *drbg, hsm_bytes personal);
/* 10.1.2.4. errors HSM_E_NO_MEMORY, HSM_E_RANDOM */
HSM_MUST_USE hsm_err hsm_drbg_reseed(EVP_RAND_CTX *drbg, hsm_bytes additional);
/* 10.1.2.5; with a new seed before (prediction resistance, 9.3.1), or without, unless there were
 * HSM_DRBG_REQUESTS_MAX since the last. A longer request is several.
 * errors  HSM_E_NO_MEMORY, HSM_E_RANDOM; then out may hold anything */
HSM_MUST_USE hsm_err hsm_drbg_generate(EVP_RAND_CTX *drbg, bool wants_new_seed,
                                       hsm_bytes additional, uint8_t *out, size_t len);

/* OpenSSL's source for tests, which gives the same entropy and nonce at each draw.
 * errors  HSM_E_NO_MEMORY, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_drbg_known_source(OSSL_LIB_CTX *libctx, EVP_RAND_CTX **out_source);
/* What it gives from now on. Nothing of an empty value changes. */
HSM_MUST_USE hsm_err hsm_drbg_known_give(EVP_RAND_CTX *source, hsm_bytes entropy, hsm_bytes nonce);

/* for HSM_AUTO */
static inline void hsm_drbg_drop(EVP_RAND_CTX **rand)
{
    EVP_RAND_CTX_free(*rand);
}

#endif
