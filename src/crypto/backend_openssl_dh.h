/* Diffie-Hellman over a prime field: what its files share and the rest of the backend calls.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_BACKEND_OPENSSL_DH_H
#define HSM_CRYPTO_BACKEND_OPENSSL_DH_H

#include "crypto/backend_openssl_pkey.h"
#include "crypto/kem.h"

static inline bool hsm_dh_is_type(CK_KEY_TYPE key_type)
{
    return key_type == CKK_DH || key_type == CKK_X9_42_DH;
}

/* Bytes of the prime, and so of a public value and of a shared secret. */
static inline size_t hsm_dh_bytes(const hsm_key *key)
{
    return (key->bits + 7) / 8;
}

/* The public value, hsm_dh_bytes() long. */
HSM_MUST_USE hsm_err hsm_ossl_dh_public(const hsm_key *key, uint8_t *out);

/* Whether the public half of pkey lies in the group: 2 <= y <= p - 2 and y^q = 1 (SP 800-56A rev. 3,
 * 5.6.2.3.1). errors HSM_E_ATTRIBUTE_VALUE, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_ossl_dh_check_public(const hsm_crypto *crypto, EVP_PKEY *pkey,
                                              const hsm_dh_group *group);

/* The shared secret with a foreign public value, which is checked as above: hsm_dh_bytes() long.
 * errors  HSM_E_MECHANISM_PARAM (not a value of the group), HSM_E_NO_MEMORY, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_ossl_dh_agree(const hsm_key *base, hsm_bytes public_value,
                                       hsm_secret **out_shared);

/* One side of an ephemeral key agreement, by the KEM's mechanism (backend_openssl_kem.c). */
HSM_MUST_USE hsm_err hsm_ossl_kem_agree(const hsm_kem_use *use, hsm_key *private_key,
                                        hsm_bytes public_data, hsm_secret **out_value);
/* Ephemeral key agreement as a KEM (kem.h); the ciphertext is the fresh public value. */
HSM_MUST_USE hsm_err hsm_ossl_dh_encapsulate(const hsm_kem_use *use, uint8_t *ciphertext,
                                             hsm_secret **out_value);
HSM_MUST_USE hsm_err hsm_ossl_dh_decapsulate(const hsm_kem_use *use, hsm_bytes ciphertext,
                                             hsm_secret **out_value);

/* DER as hsm_ossl_spki() and its kin. read_algorithm takes the rest of the AlgorithmIdentifier and
 * puts the domain parameters into parts; HSM_E_KEY_TYPE: another OID. */
HSM_MUST_USE hsm_err hsm_ossl_dh_spki(const hsm_key *key, hsm_buf *out_der);
HSM_MUST_USE hsm_err hsm_ossl_dh_pkcs8_encode(const hsm_key *key, hsm_secret **out_der);
HSM_MUST_USE hsm_err hsm_ossl_dh_read_algorithm(hsm_bytes oid, hsm_bytes rest,
                                                hsm_key_parts *parts);
HSM_MUST_USE hsm_err hsm_ossl_dh_read_private(hsm_bytes private_key, hsm_key_parts *parts);

#endif
