/* Derivation of secret keys from a secret key: what the mechanisms' parameters say, and the work.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_KDF_H
#define HSM_CRYPTO_KDF_H

#include "crypto/key.h"
#include "crypto/mech.h"

#define HSM_KDF_SEGMENTS_MAX 32u
#define HSM_KDF_HANDLES_MAX 8u
/* Keys made by one call: the one asked for and those named in the parameter. */
#define HSM_KDF_KEYS_MAX 16u

/* One piece of the input of a pseudo-random function (SP 800-108). */
typedef enum hsm_kdf_piece {
    HSM_KDF_ITERATION, /* counter mode: the counter; else K(i-1) or A(i) */
    HSM_KDF_COUNTER,
    HSM_KDF_LENGTH,
    HSM_KDF_BYTES,
    HSM_KDF_KEY, /* value of another key: index into handles */
} hsm_kdf_piece;

typedef struct hsm_kdf_segment {
    hsm_kdf_piece piece;
    hsm_bytes data; /* BYTES */
    size_t handle;  /* KEY */
    size_t width;   /* ITERATION in counter mode, COUNTER, LENGTH: bytes, 1 .. 8 */
    bool is_little_endian;
    bool counts_segments; /* LENGTH: of whole segments of PRF output, not of the keys */
} hsm_kdf_segment;

/* A derivation's parameter after its checks. Spans and pointers are borrowed from the caller's
 * memory for the one call. What a mechanism has no use for is zero, the segments excepted. */
typedef struct hsm_kdf {
    hsm_hash hash;
    bool is_cmac; /* SP 800-108, IKE: AES-CMAC instead of HMAC */
    bool does_extract;
    bool does_expand;
    bool has_salt_key; /* HKDF: the salt is the value of handles[0] */
    hsm_bytes salt;
    hsm_bytes info;   /* HKDF: info; TLS: context; IKE: the responder's nonce or cookie */
    bool has_context; /* TLS: info is given, though it may be empty */
    hsm_bytes iv;     /* feedback mode, CBC */
    hsm_bytes
        data; /* to concatenate, to XOR, to encrypt; TLS: session hash; IKE: nonce, cookie, seed */
    hsm_bytes label;
    size_t first_bit; /* extraction */
    size_t segment_count;
    CK_OBJECT_HANDLE handles[HSM_KDF_HANDLES_MAX];
    hsm_bytes values[HSM_KDF_HANDLES_MAX]; /* of the keys behind handles: the caller's to fill */
    size_t handle_count;
    hsm_bytes client_random;
    hsm_bytes server_random;
    bool is_data_key;  /* IKE: data and info together are the key, the base key is what is hashed */
    bool has_seed_key; /* IKE: values[0] comes before the data: g^xy, or of another seed */
    bool has_previous; /* IKEv1: values[1] comes before that: the key derived before */
    uint8_t key_number; /* IKEv1 */
    size_t mac_len;     /* TLS key material, bytes each */
    size_t key_len;
    size_t iv_len;
    void *out_version;     /* CK_VERSION, unaligned; NULL: not asked for */
    void *out_material;    /* CK_SSL3_KEY_MAT_OUT, unaligned */
    const void *more_keys; /* CK_DERIVED_KEY, unaligned */
    size_t more_count;
    size_t keys_len; /* SP 800-108: bytes of all keys; set by hsm_kdf_plan() */
    hsm_kdf_segment segments[HSM_KDF_SEGMENTS_MAX]; /* the last: written as far as counted */
} hsm_kdf;

/* Where one key lies in what is derived. */
typedef struct hsm_kdf_slice {
    size_t at;
    size_t len;
} hsm_kdf_slice;

/* Whether the mechanism derives secret keys by hsm_kdf_run(). */
bool hsm_kdf_is(const hsm_mech *mech);
/* Whether the derived key must be as sensitive and as unextractable as its base, because it shows
 * the base's value or part of it. */
bool hsm_kdf_shows_base(const hsm_mech *mech);

/* Reads and checks the parameter (hsm_mech_params.raw).
 * inout   kdf  2 KB and read in place: anything before, nothing to use after an error
 * errors  HSM_E_MECHANISM_PARAM */
HSM_MUST_USE hsm_err hsm_kdf_read(const hsm_mech *mech, hsm_bytes raw, hsm_kdf *kdf);

/* Lays out the keys. A length of 0 becomes what the mechanism gives by itself.
 * in      base_len  bytes of the base key
 * inout   slices    len given, at set
 * errors  HSM_E_TEMPLATE_INCOMPLETE (the mechanism gives no length by itself), HSM_E_KEY_SIZE (more
 *         than it can give), HSM_E_DATA_LEN (data to encrypt is too short) */
HSM_MUST_USE hsm_err hsm_kdf_plan(const hsm_mech *mech, hsm_kdf *kdf, size_t base_len,
                                  hsm_kdf_slice *slices, size_t count);

/* Derives all slices' bytes.
 * errors  HSM_E_KEY_TYPE (base is no secret key, or none for the PRF), HSM_E_CRYPTO,
 *         HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_kdf_run(hsm_crypto *crypto, const hsm_mech *mech, const hsm_kdf *kdf,
                                 hsm_key *base, size_t len, hsm_secret **out_value);

#endif
