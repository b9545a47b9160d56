/* Parameter sets of the lattice and hash based algorithms: ML-DSA (FIPS 204), ML-KEM (FIPS 203) and
 * SLH-DSA (FIPS 205).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_PQC_H
#define HSM_CRYPTO_PQC_H

#include "base/bytes.h"
#include "base/ck.h"
#include "base/scope.h"
#include "crypto/mech.h"

/* The longest of each over all sets. */
#define HSM_PQC_PUBLIC_MAX_BYTES 2725u  /* ML-DSA-87 with P-521 */
#define HSM_PQC_PRIVATE_MAX_BYTES 4896u /* ML-DSA-87 */
#define HSM_PQC_SEED_MAX_BYTES 64u      /* ML-KEM */
#define HSM_PQC_RESULT_MAX_BYTES 49856u /* SLH-DSA-...-256f */

#define HSM_PQC_OID_BYTES 11u

/* The halves of a composite key (draft-ietf-lamps-pq-composite-kem, -composite-sigs). */
typedef struct hsm_composite {
    CK_KEY_TYPE lattice_type; /* CKK_ML_KEM, CKK_ML_DSA */
    CK_ULONG lattice_set;     /* as in CKA_PARAMETER_SET */
    CK_KEY_TYPE curve_type;   /* CKK_EC; CKK_EC_MONTGOMERY or CKK_EC_EDWARDS */
    const char *curve;        /* its name as in CKA_EC_PARAMS (hsm_curve.alias) */
    const char *label;        /* goes into the secret, or what is signed */
    hsm_hash hash;            /* signatures: of the message */
    hsm_hash curve_hash;      /* ECDSA: of what is signed */
} hsm_composite;

/* One row: everything that is fixed by the set. Lengths in bytes. */
typedef struct hsm_pqc_set {
    const char *name; /* the standards', and OpenSSL's: "ML-DSA-65" */
    CK_KEY_TYPE key_type;
    CK_ULONG id;                    /* as in CKA_PARAMETER_SET; counted per key type */
    uint32_t public_bytes;          /* encoded public key, encapsulation key */
    uint32_t private_bytes;         /* expanded private key, decapsulation key */
    uint32_t seed_bytes;            /* 0: the key has no seed apart from its value (SLH-DSA) */
    uint32_t result_bytes;          /* signature (composites: the longest), or the ciphertext */
    uint32_t strength;              /* bits: that of the AES key its category is measured by */
    const hsm_composite *composite; /* NULL: one algorithm */
    uint8_t oid_len;
    uint8_t oid[HSM_PQC_OID_BYTES]; /* DER with tag and length; RFC 9881, RFC 9909, RFC 9935 */
} hsm_pqc_set;

/* All rows; a row's address is its identity. */
const hsm_pqc_set *hsm_pqc_table(size_t *out_count);
/* errors  HSM_E_PARAMETER_SET (the key type has no such set) */
HSM_MUST_USE hsm_err hsm_pqc_find(CK_KEY_TYPE key_type, CK_ULONG id, const hsm_pqc_set **out_set);
/* By the whole DER of an OID, or NULL. */
const hsm_pqc_set *hsm_pqc_find_oid(hsm_bytes oid);
/* Whether keys of the type are named by one of the rows. */
bool hsm_pqc_is_type(CK_KEY_TYPE key_type);

#endif
