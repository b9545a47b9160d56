/* THE mechanism table: one row per mechanism, read by everything that asks what can be done.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_MECH_H
#define HSM_CRYPTO_MECH_H

#include "base/bytes.h"
#include "base/ck.h"
#include "base/op.h"
#include "base/scope.h"

typedef enum hsm_hash {
    HSM_HASH_NONE,
    HSM_HASH_SHA1,
    HSM_HASH_SHA224,
    HSM_HASH_SHA256,
    HSM_HASH_SHA384,
    HSM_HASH_SHA512,
    HSM_HASH_SHA512_224,
    HSM_HASH_SHA512_256,
    HSM_HASH_SHA3_224,
    HSM_HASH_SHA3_256,
    HSM_HASH_SHA3_384,
    HSM_HASH_SHA3_512,
    HSM_HASH_SHAKE128, /* 256 bits of output; only inside HashML-DSA and HashSLH-DSA */
    HSM_HASH_SHAKE256, /* 512 bits of output; the same */
    HSM_HASH_COUNT,
} hsm_hash;

/* One row of the hash table: OpenSSL name, sizes, the standard's numbers for hash and MGF. */
typedef struct hsm_hash_info {
    const char *name; /* "SHA2-256" */
    uint32_t len;     /* bytes of the digest */
    uint32_t block_len;
    CK_MECHANISM_TYPE digest_mech; /* CKM_SHA256, in OAEP and PSS parameters; or none */
    CK_ULONG mgf;                  /* CKG_MGF1_SHA256 */
    CK_ULONG kdf;                  /* CKD_SHA256_KDF, X9.63 */
    CK_ULONG kdf_sp800;            /* CKD_SHA256_KDF_SP800, SP 800-56C one-step */
} hsm_hash_info;
const hsm_hash_info *hsm_hash_get(hsm_hash hash); /* NULL for HSM_HASH_NONE */
/* Whether the output's length must be asked for: SHAKE. */
static inline bool hsm_hash_is_xof(hsm_hash hash)
{
    return hash == HSM_HASH_SHAKE128 || hash == HSM_HASH_SHAKE256;
}

/* What computes it. One value is one code path of a backend; rows differ in hash and parameters. */
typedef enum hsm_alg {
    HSM_ALG_DIGEST,
    HSM_ALG_HMAC,
    HSM_ALG_CMAC,
    HSM_ALG_AES_ECB,
    HSM_ALG_AES_CBC,
    HSM_ALG_AES_CBC_PAD,
    HSM_ALG_AES_CTR,
    HSM_ALG_AES_GCM,
    HSM_ALG_AES_KW,
    HSM_ALG_AES_KWP,
    HSM_ALG_AES_KW_PKCS7,
    HSM_ALG_AES_CTS,
    HSM_ALG_AES_XTS,
    HSM_ALG_AES_OFB,
    HSM_ALG_AES_CFB1,
    HSM_ALG_AES_CFB8,
    HSM_ALG_AES_CFB128,
    HSM_ALG_AES_CCM,
    HSM_ALG_AES_GMAC,
    HSM_ALG_CHACHA20,
    HSM_ALG_CHACHA20_POLY1305,
    HSM_ALG_DES3_ECB,
    HSM_ALG_DES3_CBC,
    HSM_ALG_DES3_CBC_PAD,
    HSM_ALG_DES3_CMAC,
    HSM_ALG_RSA_PKCS,
    HSM_ALG_RSA_PSS,
    HSM_ALG_RSA_OAEP,
    HSM_ALG_RSA_X509,
    HSM_ALG_ECDSA,
    HSM_ALG_EDDSA,
    HSM_ALG_ECDH,
    HSM_ALG_DH,
    HSM_ALG_CONCAT_BASE_KEY, /* key derivation (kdf.h) */
    HSM_ALG_CONCAT_BASE_DATA,
    HSM_ALG_CONCAT_DATA_BASE,
    HSM_ALG_XOR_BASE_DATA,
    HSM_ALG_EXTRACT,
    HSM_ALG_HASH_DERIVE,
    HSM_ALG_SHAKE_DERIVE,
    HSM_ALG_ENCRYPT_DATA_ECB,
    HSM_ALG_ENCRYPT_DATA_CBC,
    HSM_ALG_HKDF,
    HSM_ALG_KBKDF_COUNTER,
    HSM_ALG_KBKDF_FEEDBACK,
    HSM_ALG_KBKDF_PIPELINE,
    HSM_ALG_TLS12_MASTER,
    HSM_ALG_TLS12_EXTENDED,
    HSM_ALG_TLS12_KEYS,
    HSM_ALG_TLS12_SAFE_KEYS,
    HSM_ALG_TLS12_EXPORTER,
    HSM_ALG_IKE_PRF,
    HSM_ALG_IKE1_PRF,
    HSM_ALG_IKE1_EXTENDED,
    HSM_ALG_IKE2_PRF_PLUS,
    HSM_ALG_PUBLIC_FROM_PRIVATE,
    HSM_ALG_PBKDF2,
    HSM_ALG_RSA_AES_WRAP,
    HSM_ALG_ECDH_AES_WRAP,
    HSM_ALG_ML_DSA,
    HSM_ALG_SLH_DSA,
    HSM_ALG_ML_KEM,
    HSM_ALG_COMP_KEM,
    HSM_ALG_COMP_SIG,
    HSM_ALG_KEYGEN_EXTRA_BITS, /* EC key pairs by FIPS 186-5, A.2.1 */
    HSM_ALG_KEYGEN,            /* key and key pair generation: the key type decides */
    HSM_ALG_COUNT,
} hsm_alg;

/* The shape of the mechanism's parameter; mech_params.c has one reader per value. */
typedef enum hsm_param_shape {
    HSM_PARAM_NONE,    /* must be absent (NULL, 0) */
    HSM_PARAM_IV16,    /* 16 bytes of IV */
    HSM_PARAM_IV8,     /* 8 bytes of IV */
    HSM_PARAM_CTR,     /* CK_AES_CTR_PARAMS */
    HSM_PARAM_GCM,     /* CK_GCM_PARAMS, also the older layout without ulIvBits */
    HSM_PARAM_KW_IV,   /* absent, or the 8-byte (KWP: 4-byte) initial value */
    HSM_PARAM_MAC_LEN, /* CK_MAC_GENERAL_PARAMS */
    HSM_PARAM_PSS,     /* CK_RSA_PKCS_PSS_PARAMS */
    HSM_PARAM_OAEP,    /* CK_RSA_PKCS_OAEP_PARAMS */
    HSM_PARAM_EDDSA,   /* absent, or CK_EDDSA_PARAMS */
    HSM_PARAM_ECDH1,   /* CK_ECDH1_DERIVE_PARAMS */
    HSM_PARAM_DH,      /* the other side's public value; absent for encapsulation */
    HSM_PARAM_X9_42,   /* CK_X9_42_DH1_DERIVE_PARAMS */

    HSM_PARAM_CCM,               /* CK_CCM_PARAMS or CK_CCM_WRAP_PARAMS */
    HSM_PARAM_CHACHA20,          /* CK_CHACHA20_PARAMS */
    HSM_PARAM_CHACHA20_POLY1305, /* CK_SALSA20_CHACHA20_POLY1305_PARAMS */
    HSM_PARAM_KDF,               /* of a derivation: hsm_kdf_read() looks at it */
    HSM_PARAM_PBKDF2,            /* CK_PKCS5_PBKD2_PARAMS2 */
    HSM_PARAM_RSA_AES_WRAP,      /* CK_RSA_AES_KEY_WRAP_PARAMS */
    HSM_PARAM_ECDH_AES_WRAP,     /* CK_ECDH_AES_KEY_WRAP_PARAMS */
    HSM_PARAM_SIGN_CONTEXT,      /* absent, or CK_SIGN_ADDITIONAL_CONTEXT */
    HSM_PARAM_HASH_SIGN_CONTEXT, /* CK_HASH_SIGN_ADDITIONAL_CONTEXT */
} hsm_param_shape;

typedef enum hsm_approval {
    HSM_NOT_APPROVED,
    HSM_APPROVED,
    HSM_APPROVED_DATA,   /* a mode without authentication: wraps no keys (SP 800-38F, 3.1) */
    HSM_APPROVED_LEGACY, /* verify, decrypt, unwrap only */
} hsm_approval;

/* The longest secret key: what one attribute holds. */
#define HSM_SECRET_KEY_MAX_BYTES (64u * 1024u)

/* Any key type (digests, generic MACs). */
#define HSM_KEY_TYPE_NONE CK_UNAVAILABLE_INFORMATION

typedef struct hsm_mech {
    CK_MECHANISM_TYPE id;
    const char *name;   /* as the standard writes it, without CKM_ */
    const char *source; /* the documents that define it */
    hsm_op_set ops;
    CK_KEY_TYPE key_type;     /* of the key used, or made; HSM_KEY_TYPE_NONE */
    CK_KEY_TYPE key_type_alt; /* a second key type that fits (HMAC: generic secrets), or NONE */
    uint32_t key_min_bits;
    uint32_t key_max_bits;
    bool is_size_in_bytes; /* how C_GetMechanismInfo counts */
    uint32_t told_bytes; /* what it says of both sizes where the standard sets that; 0: the range */
    bool is_multi_part;
    hsm_alg alg;
    hsm_hash hash;
    hsm_param_shape params;
    hsm_approval approval;
    uint32_t result_len;  /* bytes, where the algorithm leaves it open (SHAKE) */
    bool makes_data;      /* a derivation whose result is a data object */
    CK_FLAGS extra_flags; /* CKF_EC_... of C_GetMechanismInfo */
} hsm_mech;

/* The table, ordered by id. */
const hsm_mech *hsm_mech_table(size_t *out_count);
/* The row of id, or NULL. O(log n) or better, no allocation, no lock. */
const hsm_mech *hsm_mech_find(CK_MECHANISM_TYPE id);
/* The first row of an algorithm that has one: for mechanisms made of others. */
const hsm_mech *hsm_mech_by_alg(hsm_alg alg);
/* The same with this hash. */
const hsm_mech *hsm_mech_by_hash(hsm_alg alg, hsm_hash hash);

struct hsm_crypto;
/* Whether the rules in force (approved mode, PQC off, SHA-1 signing) leave the row usable for `op`
 * under some condition (approval.h has the conditions). errors HSM_E_MECHANISM */
HSM_MUST_USE hsm_err hsm_mech_allow(const struct hsm_crypto *crypto, const hsm_mech *mech,
                                    hsm_op op);

/* Finds the row and checks that it offers op, fits the key type and size (HSM_KEY_TYPE_NONE and 0:
 * there is no key), in this order.
 * errors  HSM_E_MECHANISM, HSM_E_KEY_TYPE, HSM_E_KEY_SIZE */
HSM_MUST_USE hsm_err hsm_mech_admit(CK_MECHANISM_TYPE id, hsm_op op, CK_KEY_TYPE key_type,
                                    uint32_t key_bits, const hsm_mech **out_mech);

/* The same for a row that was found already. errors HSM_E_MECHANISM, HSM_E_KEY_TYPE, HSM_E_KEY_SIZE */
HSM_MUST_USE hsm_err hsm_mech_fit(const hsm_mech *mech, hsm_op op, CK_KEY_TYPE key_type,
                                  uint32_t key_bits);

/* The smallest key under the rules in force, for C_GetMechanismInfo: RSA rows start at 1024 bits,
 * which only [algorithms] allow_weak_rsa makes usable. */
uint32_t hsm_mech_key_min_bits(const struct hsm_crypto *crypto, const hsm_mech *mech);

/* A mechanism's parameter after its checks. Spans are borrowed from the caller's memory for the
 * one call; an operation copies what it keeps. Unused fields are zero. */
typedef struct hsm_mech_params {
    hsm_bytes iv;
    hsm_bytes aad;
    bool is_iv_own;        /* GCM, GMAC: the token made the iv (SP 800-38D, 8.2) */
    uint32_t tag_bits;     /* GCM, CCM, ChaCha20-Poly1305: 32 .. 128 */
    bool leaves_iv;        /* wrapping: the token makes the IV: hsm_wrap_iv_read() */
    bool is_tag_apart;     /* the tag is not in the cipher text: hsm_crypt_tag() */
    uint32_t counter_bits; /* CTR: 1 .. 128; ChaCha20: 32 or 64 */
    uint64_t data_len;     /* CCM: bytes of the text as announced */
    uint32_t mac_len;      /* general MACs: bytes wanted */
    hsm_hash hash;         /* PSS, OAEP, HashML-DSA, HashSLH-DSA; else the row's */
    hsm_hash mgf_hash;
    uint32_t salt_len; /* PSS, bytes */
    hsm_bytes label;   /* OAEP */
    bool is_prehash;   /* EdDSA ph */
    bool has_context;  /* EdDSA: parameter given, so Ed25519ctx or ph */
    hsm_bytes context;
    CK_ULONG kdf; /* ECDH, DH: CKD_... */
    hsm_bytes shared_data;
    hsm_bytes public_data; /* empty for encapsulation */
    bool is_deterministic; /* ECDSA: as RFC 6979 whatever the rules in force; for known answers */
    hsm_bytes randomness;  /* ML-KEM: m of FIPS 203, for known answers; empty: fresh */
    CK_ULONG hedge;        /* ML-DSA, SLH-DSA: CKH_..., as given (context above) */
    uint32_t aes_bits;     /* of the temporary key under an asymmetric one */
    hsm_bytes raw;         /* derivation: the parameter itself */
    hsm_bytes password;    /* PBKDF2; the salt is iv */
    uint32_t iterations;   /* PBKDF2 */
} hsm_mech_params;

/* Reads and checks the parameter of `mechanism` by the row's shape. Unaligned pointers are fine.
 * errors  HSM_E_MECHANISM_PARAM */
HSM_MUST_USE hsm_err hsm_mech_params_read(const hsm_mech *mech, const CK_MECHANISM *mechanism,
                                          hsm_mech_params *out_params);

#endif
