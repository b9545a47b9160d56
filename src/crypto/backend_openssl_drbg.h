/* HMAC_DRBG with SHA-256 (SP 800-90A Rev. 1, 10.1.2), as an algorithm: entropy is given to it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_OPENSSL_DRBG_H
#define HSM_CRYPTO_BACKEND_OPENSSL_DRBG_H

#include "crypto/backend_openssl.h"
#include "crypto/entropy.h"

/* Security strength of 256 bits: bytes that carry as much entropy, and half as much for the nonce. */
#define HSM_DRBG_STRENGTH_BITS 256u
#define HSM_DRBG_ENTROPY_BYTES HSM_ENTROPY_BYTES(HSM_DRBG_STRENGTH_BITS)
#define HSM_DRBG_NONCE_BYTES HSM_ENTROPY_BYTES(HSM_DRBG_STRENGTH_BITS / 2)
/* The longest request (table 2: 2^19 bits). */
#define HSM_DRBG_REQUEST_MAX_BYTES 65536u
/* Requests between two reseeds; table 2 allows 2^48. */
#define HSM_DRBG_REQUESTS_MAX 65536u

/* One instance. The key lives in the HMAC context only. Fill with zeros before init.
 * thread  one at a time */
typedef struct hsm_drbg {
    EVP_MAC_CTX *hmac; /* keyed with K */
    hsm_secret *value; /* V; NULL: not instantiated */
    uint32_t requests; /* since the last seed */
} hsm_drbg;

/* Fetches what it computes with. errors HSM_E_NO_MEMORY, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_drbg_init(hsm_drbg *drbg, OSSL_LIB_CTX *libctx);
void hsm_drbg_clear(hsm_drbg *drbg);
/* Forgets the seed. */
void hsm_drbg_uninstantiate(hsm_drbg *drbg);

/* 10.1.2.3. Also starts an instance that has a seed anew. errors HSM_E_NO_MEMORY, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_drbg_instantiate(hsm_drbg *drbg, hsm_bytes entropy, hsm_bytes nonce,
                                          hsm_bytes personal);
/* 10.1.2.4. errors HSM_E_RANDOM (not instantiated), HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_drbg_reseed(hsm_drbg *drbg, hsm_bytes entropy, hsm_bytes additional);
/* 10.1.2.5. in len 0 .. HSM_DRBG_REQUEST_MAX_BYTES
 * errors  HSM_E_RANDOM (not instantiated, or the request is too long), HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_drbg_generate(hsm_drbg *drbg, hsm_bytes additional, uint8_t *out,
                                       size_t len);

#endif
