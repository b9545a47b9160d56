/* Structures shared inside crypto/ only.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_INTERNAL_H
#define HSM_CRYPTO_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "crypto/backend.h"
#include "crypto/dh.h"
#include "crypto/pqc.h"

struct hsm_crypto {
    hsm_crypto_options options;
    const hsm_backend *backend;
    void *native;                 /* the backend's own: library context, fetched algorithms */
    _Atomic uint64_t last_serial; /* of a key */
    atomic_bool has_failed;       /* a self-test did */
    /* The backend sets it in open(): its entropy source failed, for good. */
    const atomic_bool *source_failed;
    _Atomic uint64_t proved;       /* self-tests that passed: hsm_selftest_set */
    pthread_mutex_t selftest_lock; /* one runs at a time; no other lock is taken inside */
};

/* The halves of a composite key. */
enum { HSM_COMPOSITE_LATTICE, HSM_COMPOSITE_CURVE };

/* The longest public point: P-521, uncompressed. */
#define HSM_EC_POINT_MAX_BYTES 133u

struct hsm_key {
    hsm_crypto *crypto;
    uint64_t serial; /* unique in the process, never used again */
    CK_OBJECT_CLASS key_class;
    CK_KEY_TYPE key_type;
    uint32_t bits;
    const hsm_curve *curve;                /* EC, Edwards, Montgomery */
    uint8_t point[HSM_EC_POINT_MAX_BYTES]; /* with a curve: the raw public point, point_bytes */
    const hsm_pqc_set *set;                /* ML-DSA, ML-KEM, SLH-DSA, composite */
    const hsm_dh_group *group;             /* DH, X9.42 */
    struct hsm_key *half[2];               /* composite: by HSM_COMPOSITE_...; native is NULL */
    hsm_secret *value; /* secret keys: the bytes; composite private keys: all of it */
    void *native;      /* asymmetric keys: the backend's (EVP_PKEY) */
    /* A context that the backend keeps between calls (EVP_PKEY_CTX); a call takes it out. */
    _Atomic(void *) idle;
};

/* Parameters an operation keeps after begin. */
typedef struct hsm_crypt_kept {
    uint32_t tag_bits;
    bool is_tag_apart;
    uint32_t counter_bits;
    uint64_t data_len;
    uint32_t mac_len; /* of the MAC or digest */
    uint32_t salt_len;
    uint32_t aes_bits;
    hsm_hash hash;
    hsm_hash mgf_hash;
    size_t iv_len;
    uint8_t iv[256];
} hsm_crypt_kept;

/* The longest result of final() that may turn out shorter than result_len: a padded last block. */
#define HSM_CRYPT_LATE_MAX_BYTES 16

struct hsm_crypt {
    hsm_crypto *crypto;
    const hsm_mech *mech; /* NULL: no operation is open */
    const hsm_family *family;
    hsm_family_id family_id;
    hsm_op op;
    bool has_parts;
    hsm_key *key;
    const hsm_mech *proved; /* its self-tests passed; those of another hash than the row's aside */
    hsm_crypt_kept kept;
    const hsm_mech_params *params; /* only during begin */
    void *state[HSM_FAMILY_COUNT]; /* reusable contexts, made on first use */
    /* What final() gave to a caller whose room was too small, for the next call. */
    bool has_late;
    size_t late_len;
    uint8_t late[HSM_CRYPT_LATE_MAX_BYTES];
    uint8_t tag[HSM_CRYPT_TAG_MAX_BYTES]; /* where kept.is_tag_apart */
};

/* A private key around what a backend made (native, taken on success); bits and curve are the
 * caller's to set. errors HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_key_adopt(hsm_crypto *crypto, CK_KEY_TYPE key_type, void *take_native,
                                   hsm_key **out_key);

/* The family that computes an algorithm; HSM_FAMILY_COUNT: none (key generation, derivation). */
hsm_family_id hsm_alg_family(hsm_alg alg);

/* Whether an operation turns plain into cipher text, not back. */
static inline bool hsm_op_encrypts(hsm_op op)
{
    return (op & (HSM_OP_ENCRYPT | HSM_OP_WRAP)) != 0;
}

#endif
