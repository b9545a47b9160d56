/* Keys as the cryptography sees them: named parts in, a parsed key out. Knows no objects.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_KEY_H
#define HSM_CRYPTO_KEY_H

#include <stdatomic.h>

#include "base/buf.h"
#include "crypto/crypto.h"
#include "crypto/mech.h"

/* The parts of a key. Numbers are unsigned big-endian. */
typedef enum hsm_part {
    HSM_PART_VALUE,  /* secret key; EC, Ed, X private value */
    HSM_PART_PARAMS, /* EC: CKA_EC_PARAMS, DER (OID) or curve name (PrintableString) */
    HSM_PART_POINT,  /* EC, Ed, X public: the raw point, no DER around it */
    HSM_PART_MODULUS,
    HSM_PART_PUBLIC_EXPONENT,
    HSM_PART_PRIVATE_EXPONENT,
    HSM_PART_PRIME_1,
    HSM_PART_PRIME_2,
    HSM_PART_EXPONENT_1,
    HSM_PART_EXPONENT_2,
    HSM_PART_COEFFICIENT,
    HSM_PART_PARAMETER_SET, /* ML-DSA, ML-KEM, SLH-DSA: a CK_ULONG, as CKA_PARAMETER_SET */
    HSM_PART_PUBLIC,        /* their public key, also beside a private one */
    HSM_PART_SEED,          /* ML-DSA, ML-KEM: what the private key is expanded from */
    HSM_PART_PRIME, /* DH, X9.42: domain parameters; the public value is PUBLIC, the private VALUE */
    HSM_PART_BASE,
    HSM_PART_SUBPRIME, /* X9.42 only */
    HSM_PART_COUNT,
} hsm_part;

typedef struct hsm_key_parts {
    CK_OBJECT_CLASS key_class; /* CKO_PUBLIC_KEY, CKO_PRIVATE_KEY, CKO_SECRET_KEY */
    CK_KEY_TYPE key_type;
    hsm_bytes part[HSM_PART_COUNT]; /* empty where the key has none; borrowed */
} hsm_key_parts;

/* A parsed key, ready to be used by any number of threads at once; immutable. */
typedef struct hsm_key hsm_key;

/* Parts that own their bytes. */
typedef struct hsm_key_bundle {
    hsm_key_parts parts;
    hsm_secret *storage; /* what parts point into */
    hsm_key *key;        /* the same key parsed, where making it gave that too; else NULL */
} hsm_key_bundle;
void hsm_key_bundle_clear(hsm_key_bundle *bundle);

/**
 * Parses parts into a key. RSA private keys may lack the CRT parts.
 *
 * errors  HSM_E_KEY_TYPE (unknown type), HSM_E_TEMPLATE_INCOMPLETE (a needed part is missing),
 *         HSM_E_ATTRIBUTE_VALUE (a part is not valid: point not on the curve, even modulus ...),
 *         HSM_E_CURVE, HSM_E_DOMAIN_PARAMS (also: a group that is not in dh.h), HSM_E_PARAMETER_SET,
 *         HSM_E_KEY_SIZE, HSM_E_NO_MEMORY
 */
HSM_MUST_USE hsm_err hsm_key_create(hsm_crypto *crypto, const hsm_key_parts *parts,
                                    hsm_key **out_key);
/* Whether hsm_key_create() would make a secret key of the parts, without making it. errors as there */
HSM_MUST_USE hsm_err hsm_key_check_secret(const hsm_crypto *crypto, const hsm_key_parts *parts);
void hsm_key_destroy(hsm_key *key);
HSM_DEFINE_DROP(hsm_key)

/* Thorough check of a foreign key: the parts fit together (primes times each other, public part
 * belongs to the private one). Slow for RSA. errors HSM_E_ATTRIBUTE_VALUE */
HSM_MUST_USE hsm_err hsm_key_check(hsm_key *key);

/* Size in the sense of the mechanism table: modulus, field or value bits. */
uint32_t hsm_key_bits(const hsm_key *key);
/* The value of a secret key, borrowed from it; empty for others. */
hsm_bytes hsm_key_value(const hsm_key *key);
CK_KEY_TYPE hsm_key_type(const hsm_key *key);

/* Completes a private key's parts: CRT parts of an RSA key that has n, e, d; the public point or
 * the public exponent where it can be computed. Parts that are there are copied unchanged. */
HSM_MUST_USE hsm_err hsm_key_complete(hsm_crypto *crypto, const hsm_key_parts *parts,
                                      hsm_key_bundle *out_bundle);

/* The SubjectPublicKeyInfo (DER) of a public or private key, for CKA_PUBLIC_KEY_INFO. */
HSM_MUST_USE hsm_err hsm_key_spki(hsm_key *key, hsm_buf *out_der);
/* PKCS#8 PrivateKeyInfo (RFC 5958) of a private key, and the way back. */
HSM_MUST_USE hsm_err hsm_key_pkcs8_encode(hsm_key *key, hsm_secret **out_der);
/* errors  HSM_E_WRAPPED_KEY (not a PrivateKeyInfo), HSM_E_KEY_TYPE (another type than wanted) */
HSM_MUST_USE hsm_err hsm_key_pkcs8_decode(hsm_crypto *crypto, hsm_bytes der, CK_KEY_TYPE wanted,
                                          hsm_key_bundle *out_bundle);

/* The curve behind CKA_EC_PARAMS. */
typedef struct hsm_curve {
    const char *name;     /* OpenSSL's: "P-256", "secp256k1", "ED25519" */
    const char *alias;    /* name allowed in CKA_EC_PARAMS as PrintableString: "secp256r1" */
    CK_KEY_TYPE key_type; /* CKK_EC, CKK_EC_EDWARDS, CKK_EC_MONTGOMERY */
    uint32_t bits;        /* field size */
    uint32_t order_bytes; /* r and s are this long each, and so is the private value */
    uint32_t point_bytes; /* uncompressed, or the raw public key */
    uint8_t oid_len;
    uint8_t oid[16]; /* DER OID with tag and length */
} hsm_curve;
/* All rows; a row's address is its identity. */
const hsm_curve *hsm_curve_table(size_t *out_count);
/* key_type HSM_KEY_TYPE_NONE: any.
 * errors  HSM_E_DOMAIN_PARAMS (not an OID or name), HSM_E_CURVE (not one of ours) */
HSM_MUST_USE hsm_err hsm_curve_find(hsm_bytes ec_params, CK_KEY_TYPE key_type,
                                    const hsm_curve **out_curve);
/* Takes CKA_EC_POINT as clients give it, a DER OCTET STRING or BIT STRING or raw, and gives the raw
 * point, borrowed from the input. EC: uncompressed only. Whether it lies on the curve is not checked.
 * errors  HSM_E_ATTRIBUTE_VALUE (neither form, or not the curve's length) */
HSM_MUST_USE hsm_err hsm_curve_point_raw(const hsm_curve *curve, hsm_bytes ec_point,
                                         hsm_bytes *out_raw);

/* When a new pair is tried out: one half must undo what the other did. */
typedef enum hsm_pair_test {
    HSM_PAIR_TEST_NOW,       /* before it is given */
    HSM_PAIR_TEST_ON_USE,    /* EC outside approved mode: not here. The caller compares the halves
                                whenever it parses the private one to use it */
    HSM_PAIR_TEST_AGREEMENT, /* now, for a pair that only agrees: derived once more */
} hsm_pair_test;

/* What to make. */
typedef struct hsm_keygen {
    const hsm_mech *mech;
    CK_KEY_TYPE key_type;
    uint32_t bits;             /* RSA modulus bits; secret keys: bits of the value */
    hsm_bytes public_exponent; /* RSA; empty means 65537 */
    hsm_bytes ec_params;
    const hsm_mech_params *params; /* of the mechanism; NULL: it has none */
    CK_ULONG parameter_set;        /* ML-DSA, ML-KEM, SLH-DSA */
    hsm_bytes prime;               /* DH, X9.42 */
    hsm_bytes base;
    hsm_bytes subprime;  /* X9.42 */
    uint32_t value_bits; /* DH: length of the private value; 0: by the group's strength */
    hsm_pair_test pair_test;
    const atomic_bool *stop; /* true, at any time: the key is not wanted any more; NULL: it is */
} hsm_keygen;

/* Makes a key: a secret key's VALUE, or all parts of a pair (private bundle with public parts in
 * it). errors  HSM_E_KEY_SIZE, HSM_E_CURVE, HSM_E_DOMAIN_PARAMS, HSM_E_TEMPLATE_INCONSISTENT (bad
 * public exponent), HSM_E_ATTRIBUTE_VALUE (bad value_bits), HSM_E_PARAMETER_SET, HSM_E_RANDOM,
 * HSM_E_SELF_TEST (the pair does not fit together), HSM_E_OPERATION_CANCELLED (stop; only where making
 * a key takes seconds: RSA) */
HSM_MUST_USE hsm_err hsm_keygen_run(hsm_crypto *crypto, const hsm_keygen *request,
                                    hsm_key_bundle *out_bundle);

/* Derives shared bytes: ECDH1, DH, X9.42. out_len 0 means all that the mechanism gives (the field's size
 * without KDF). errors HSM_E_MECHANISM_PARAM (public data), HSM_E_KEY_SIZE (more than it gives) */
HSM_MUST_USE hsm_err hsm_derive_run(hsm_crypto *crypto, const hsm_mech *mech,
                                    const hsm_mech_params *params, hsm_key *base, size_t out_len,
                                    hsm_secret **out_value);

/* The first 3 bytes that identify a secret key: AES, DES3: ECB of a zero block; others: SHA-1 of the
 * value (PKCS#11 v3.2, CKA_CHECK_VALUE). */
HSM_MUST_USE hsm_err hsm_key_check_value(hsm_crypto *crypto, CK_KEY_TYPE key_type, hsm_bytes value,
                                         uint8_t out[3]);

#endif
