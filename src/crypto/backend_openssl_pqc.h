/* What the post-quantum files of the OpenSSL backend share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_OPENSSL_PQC_H
#define HSM_CRYPTO_BACKEND_OPENSSL_PQC_H

#include "crypto/backend_openssl_pkey.h"
#include "crypto/pqc.h"

/* Reads the octet string `name` of a key ("pub", "priv", "seed"), exactly len bytes.
 * errors  HSM_E_CRYPTO (absent, or another length) */
HSM_MUST_USE hsm_err hsm_ossl_pqc_read(const EVP_PKEY *pkey, const char *name, uint8_t *out,
                                       size_t len);
/* The encoded public key: set->public_bytes bytes. */
HSM_MUST_USE hsm_err hsm_ossl_pqc_public(const hsm_key *key, uint8_t *out);
/* Whether a private key remembers the seed it was made from. */
bool hsm_ossl_pqc_has_seed(const EVP_PKEY *pkey, const hsm_pqc_set *set);

/* SubjectPublicKeyInfo and PrivateKeyInfo of RFC 9881 (ML-DSA), RFC 9909 (SLH-DSA) and RFC 9935
 * (ML-KEM). Of ML-DSA and ML-KEM keys the "both" form is written if the seed is known, else the
 * expanded key; all three forms are read. */
HSM_MUST_USE hsm_err hsm_ossl_pqc_spki(const hsm_key *key, hsm_buf *out_der);
HSM_MUST_USE hsm_err hsm_ossl_pqc_pkcs8_encode(const hsm_key *key, hsm_secret **out_der);
/* private_key: the content of PrivateKeyInfo's OCTET STRING; the parts borrow from it.
 * errors  HSM_E_WRAPPED_KEY */
/* Composite KEM (draft-ietf-lamps-pq-composite-kem, 4.2 and 4.3). */
HSM_MUST_USE hsm_err hsm_ossl_composite_encapsulate(const hsm_kem_use *use, uint8_t *ciphertext,
                                                    hsm_secret **out_value);
HSM_MUST_USE hsm_err hsm_ossl_composite_decapsulate(const hsm_kem_use *use, hsm_bytes ciphertext,
                                                    hsm_secret **out_value);
HSM_MUST_USE hsm_err hsm_ossl_pqc_read_private(const hsm_pqc_set *set, hsm_bytes private_key,
                                               hsm_key_parts *parts);

#endif
