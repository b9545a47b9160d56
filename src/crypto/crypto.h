/* The cryptographic service: one instance per core, with its private library context, and the few
 * primitives the store and the token stand on.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_CRYPTO_H
#define HSM_CRYPTO_CRYPTO_H

#include "base/bytes.h"
#include "base/scope.h"
#include "base/secret.h"

typedef struct hsm_crypto hsm_crypto;

/* Which rules hold; see docs/configure.md, [algorithms]. */
typedef struct hsm_crypto_options {
    const char *backend; /* "openssl" or "openssl-fips" */
    bool is_approved_only;
    bool may_use_pqc;
    bool may_use_weak_rsa; /* below 2048 bits */
    bool may_sign_sha1;
    bool may_decrypt_3des;       /* and unwrap, and verify: old data */
    bool is_ecdsa_deterministic; /* RFC 6979, where the mechanism names the hash */
} hsm_crypto_options;

/* Opens the backend: library context, fetched algorithms, random generator.
 * errors  HSM_E_CONFIG (no such backend, logged), HSM_E_CRYPTO, HSM_E_NO_MEMORY, HSM_E_RANDOM
 * thread  the result is shared by all threads */
HSM_MUST_USE hsm_err hsm_crypto_create(const hsm_crypto_options *options, hsm_crypto **out_crypto);
/* Everything made from it must be gone; NULL is allowed. */
void hsm_crypto_destroy(hsm_crypto *crypto);
HSM_DEFINE_DROP(hsm_crypto)

/* The error state: entered when a self-test or the entropy source fails, and left by no other way
 * than destroying the service. In it operations can't be begun, keys not made or used, and random
 * bytes not drawn: HSM_E_SELF_TEST.
 * thread  any; no lock, no system call */
bool hsm_crypto_has_failed(const hsm_crypto *crypto);
/* Enters it; logs what failed. Always HSM_E_SELF_TEST. */
hsm_err hsm_crypto_fail(hsm_crypto *crypto, const char *what);

const hsm_crypto_options *hsm_crypto_rules(const hsm_crypto *crypto);
/* The library behind it and its version; a constant. */
const char *hsm_crypto_version(const hsm_crypto *crypto);

/* Fills data with len random bytes from the DRBG (SP 800-90A). errors HSM_E_RANDOM */
HSM_MUST_USE hsm_err hsm_crypto_random(hsm_crypto *crypto, uint8_t *data, size_t len);
/* Mixes seed into the calling thread's DRBG as additional input. errors HSM_E_RANDOM */
HSM_MUST_USE hsm_err hsm_crypto_seed(hsm_crypto *crypto, hsm_bytes seed);

#define HSM_SHA256_BYTES 32
#define HSM_AEAD_KEY_BYTES 32
#define HSM_AEAD_NONCE_BYTES 12
#define HSM_AEAD_TAG_BYTES 16

HSM_MUST_USE hsm_err hsm_crypto_sha256(hsm_crypto *crypto, hsm_bytes data,
                                       uint8_t out[HSM_SHA256_BYTES]);
/* SHA-1 of data: key check values only (PKCS#11 v3.2, CKA_CHECK_VALUE). */
HSM_MUST_USE hsm_err hsm_crypto_sha1(hsm_crypto *crypto, hsm_bytes data, uint8_t out[20]);
/* HMAC-SHA256 (FIPS 198-1). */
HSM_MUST_USE hsm_err hsm_crypto_hmac(hsm_crypto *crypto, hsm_bytes key, hsm_bytes data,
                                     uint8_t out[HSM_SHA256_BYTES]);
/* A keyed HMAC-SHA256 context for many short messages under one key (the blind index).
 * thread  one at a time */
typedef struct hsm_hmac hsm_hmac;
HSM_MUST_USE hsm_err hsm_hmac_create(hsm_crypto *crypto, hsm_bytes key, hsm_hmac **out_hmac);
void hsm_hmac_destroy(hsm_hmac *hmac);
HSM_DEFINE_DROP(hsm_hmac)
/* A message in parts: begin, add ..., finish. */
HSM_MUST_USE hsm_err hsm_hmac_begin(hsm_hmac *hmac);
HSM_MUST_USE hsm_err hsm_hmac_add(hsm_hmac *hmac, hsm_bytes part);
HSM_MUST_USE hsm_err hsm_hmac_finish(hsm_hmac *hmac, uint8_t out[HSM_SHA256_BYTES]);
/* The same at once. */
HSM_MUST_USE hsm_err hsm_hmac_compute(hsm_hmac *hmac, const hsm_bytes *parts, size_t part_count,
                                      uint8_t out[HSM_SHA256_BYTES]);

/* A SHA-256 context for many short messages, without an allocation for each.
 * thread  one at a time */
typedef struct hsm_sha256 hsm_sha256;
HSM_MUST_USE hsm_err hsm_sha256_create(hsm_crypto *crypto, hsm_sha256 **out_sha);
void hsm_sha256_destroy(hsm_sha256 *sha);
HSM_DEFINE_DROP(hsm_sha256)
HSM_MUST_USE hsm_err hsm_sha256_compute(hsm_sha256 *sha, const hsm_bytes *parts, size_t part_count,
                                        uint8_t out[HSM_SHA256_BYTES]);

/* PBKDF2-HMAC-SHA256 (SP 800-132): out_len bytes from pin and salt. */
HSM_MUST_USE hsm_err hsm_crypto_pbkdf2(hsm_crypto *crypto, hsm_bytes pin, hsm_bytes salt,
                                       uint32_t iterations, hsm_secret *out);
/* HKDF-SHA256 (SP 800-56C): fills out; salt may be empty; info separates uses. */
HSM_MUST_USE hsm_err hsm_crypto_hkdf(hsm_crypto *crypto, hsm_bytes key, hsm_bytes salt,
                                     hsm_bytes info, hsm_secret *out);

/* AES-256-GCM with a 32-byte key. A context keyed once, for many records under one key.
 * thread  one at a time */
typedef struct hsm_aead hsm_aead;
HSM_MUST_USE hsm_err hsm_aead_create(hsm_crypto *crypto, hsm_bytes key, hsm_aead **out_aead);
void hsm_aead_destroy(hsm_aead *aead);
HSM_DEFINE_DROP(hsm_aead)
/* sealed has room for plain.len + HSM_AEAD_TAG_BYTES: ciphertext, then tag. */
HSM_MUST_USE hsm_err hsm_aead_seal(hsm_aead *aead, const uint8_t nonce[HSM_AEAD_NONCE_BYTES],
                                   hsm_bytes aad, hsm_bytes plain, uint8_t *sealed);
/* plain has room for sealed.len - HSM_AEAD_TAG_BYTES; wiped on error.
 * errors  HSM_E_ENCRYPTED_DATA (too short or the tag is wrong) */
HSM_MUST_USE hsm_err hsm_aead_open(hsm_aead *aead, const uint8_t nonce[HSM_AEAD_NONCE_BYTES],
                                   hsm_bytes aad, hsm_bytes sealed, uint8_t *plain);

/* AES-256-CBC with PKCS #7 padding, as another system's store has it: for reading only.
 * thread  one at a time */
typedef struct hsm_aes_cbc hsm_aes_cbc;
HSM_MUST_USE hsm_err hsm_aes_cbc_create(hsm_crypto *crypto, hsm_bytes key, hsm_aes_cbc **out_cbc);
void hsm_aes_cbc_destroy(hsm_aes_cbc *cbc);
HSM_DEFINE_DROP(hsm_aes_cbc)
#define HSM_AES_CBC_BLOCK_BYTES 16
/* in      sealed  the initialisation vector and the ciphertext
 * inout   plain   room for sealed.len - HSM_AES_CBC_BLOCK_BYTES; wiped on error
 * errors  HSM_E_ENCRYPTED_DATA (not so many blocks; the padding is wrong) */
HSM_MUST_USE hsm_err hsm_aes_cbc_open(hsm_aes_cbc *cbc, hsm_bytes sealed, uint8_t *plain,
                                      size_t *out_len);

#endif
