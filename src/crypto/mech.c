/* The mechanism table and the questions asked of it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mech.h"

#include "crypto/approval.h"
#include "crypto/internal.h"
#include "crypto/mech_des.h"
#include "crypto/mech_dh.h"
#include "crypto/mech_pqc.h"

#define EN_DE_CRYPT (HSM_OP_ENCRYPT | HSM_OP_DECRYPT)
#define AEAD (EN_DE_CRYPT | HSM_OP_MESSAGE_ENCRYPT | HSM_OP_MESSAGE_DECRYPT)
#define SIGN_VERIFY (HSM_OP_SIGN | HSM_OP_VERIFY | HSM_OP_MESSAGE_SIGN | HSM_OP_MESSAGE_VERIFY)
#define RECOVER (HSM_OP_SIGN_RECOVER | HSM_OP_VERIFY_RECOVER)
#define UN_WRAP (HSM_OP_WRAP | HSM_OP_UNWRAP)
#define KEM (HSM_OP_ENCAPSULATE | HSM_OP_DECAPSULATE)

#define EC_FLAGS (CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_CURVENAME | CKF_EC_UNCOMPRESS)
#define ECX_FLAGS (CKF_EC_F_P | CKF_EC_NAMEDCURVE | CKF_EC_CURVENAME)

/* The parts of rows that many rows share. */
#define ID(NAME) .id = CKM_##NAME, .name = #NAME
/* Down to 1024: whether less than 2048 is taken is decided when the key is parsed. */
#define RSA_KEY                                                                   \
    .key_type = CKK_RSA, .key_type_alt = HSM_KEY_TYPE_NONE, .key_min_bits = 1024, \
    .key_max_bits = 16384
#define EC_KEY                                                                  \
    .key_type = CKK_EC, .key_type_alt = HSM_KEY_TYPE_NONE, .key_min_bits = 224, \
    .key_max_bits = 521, .extra_flags = EC_FLAGS
#define AES_KEY                                                                  \
    .key_type = CKK_AES, .key_type_alt = HSM_KEY_TYPE_NONE, .key_min_bits = 128, \
    .key_max_bits = 256, .is_size_in_bytes = true
#define SECRET_SIZE .key_min_bits = 8, .key_max_bits = HSM_SECRET_KEY_MAX_BYTES * 8

/* The rows of one hash. The hash functions' own names differ in detail: SHA_1, SHA1. */
#define DIGEST_ROW(NAME, HASH, SOURCE)                                                             \
    {                                                                                              \
        ID(NAME), .source = SOURCE, .ops = HSM_OP_DIGEST, .key_type = HSM_KEY_TYPE_NONE,           \
                  .key_type_alt = HSM_KEY_TYPE_NONE, .is_multi_part = true, .alg = HSM_ALG_DIGEST, \
                  .hash = HSM_HASH_##HASH, .params = HSM_PARAM_NONE, .approval = HSM_APPROVED,     \
    }
#define HMAC_ROW(NAME, HASH, KEY, PARAMS)                                                          \
    {                                                                                              \
        ID(NAME), .source = "FIPS 198-1; PKCS#11 v3.2, HMAC", .ops = SIGN_VERIFY,                  \
                  .key_type = CKK_GENERIC_SECRET, .key_type_alt = CKK_##KEY, SECRET_SIZE,          \
                  .is_size_in_bytes = true, .is_multi_part = true, .alg = HSM_ALG_HMAC,            \
                  .hash = HSM_HASH_##HASH, .params = HSM_PARAM_##PARAMS, .approval = HSM_APPROVED, \
    }
#define HMAC_KEY_GEN_ROW(NAME, KEY)                                                          \
    {                                                                                        \
        ID(NAME), .source = "SP 800-133; PKCS#11 v3.2, HMAC", .ops = HSM_OP_GENERATE,        \
                  .key_type = CKK_##KEY, .key_type_alt = HSM_KEY_TYPE_NONE, SECRET_SIZE,     \
                  .is_size_in_bytes = true, .alg = HSM_ALG_KEYGEN, .params = HSM_PARAM_NONE, \
                  .approval = HSM_APPROVED,                                                  \
    }
#define HASH_ROWS(NAME, HASH, SOURCE)                                               \
    DIGEST_ROW(NAME, HASH, SOURCE), HMAC_ROW(NAME##_HMAC, HASH, NAME##_HMAC, NONE), \
        HMAC_ROW(NAME##_HMAC_GENERAL, HASH, NAME##_HMAC, MAC_LEN)
#define SHA2_SOURCE "FIPS 180-4; PKCS#11 v3.2, Digests"
#define SHA3_SOURCE "FIPS 202; PKCS#11 v3.2, Digests"

#define RSA_HASHED_ROW(NAME, HASH, APPROVAL)                                                   \
    {                                                                                          \
        ID(NAME), .source = "RFC 8017, 8.2; FIPS 186-5, 5.4; PKCS#11 v3.2, 6.1",               \
                  .ops = SIGN_VERIFY, RSA_KEY, .is_multi_part = true, .alg = HSM_ALG_RSA_PKCS, \
                  .hash = HSM_HASH_##HASH, .params = HSM_PARAM_NONE, .approval = APPROVAL,     \
    }
#define PSS_ROW(NAME, HASH, IS_MULTI_PART, APPROVAL)                                        \
    {                                                                                       \
        ID(NAME), .source = "RFC 8017, 8.1; FIPS 186-5, 5.4; PKCS#11 v3.2, 6.1",            \
                  .ops = SIGN_VERIFY, RSA_KEY, .is_multi_part = IS_MULTI_PART,              \
                  .alg = HSM_ALG_RSA_PSS, .hash = HSM_HASH_##HASH, .params = HSM_PARAM_PSS, \
                  .approval = APPROVAL,                                                     \
    }
#define EC_KEY_GEN_ROW(NAME, ALG, SOURCE)                                                      \
    {                                                                                          \
        ID(NAME), .source = SOURCE "; PKCS#11 v3.2, 6.3", .ops = HSM_OP_GENERATE_PAIR, EC_KEY, \
                  .alg = HSM_ALG_##ALG, .params = HSM_PARAM_NONE, .approval = HSM_APPROVED,    \
    }
#define ECDSA_ROW(NAME, HASH, IS_MULTI_PART, APPROVAL)                                           \
    {                                                                                            \
        ID(NAME), .source = "FIPS 186-5, 6.4; PKCS#11 v3.2, 6.3", .ops = SIGN_VERIFY, EC_KEY,    \
                  .is_multi_part = IS_MULTI_PART, .alg = HSM_ALG_ECDSA, .hash = HSM_HASH_##HASH, \
                  .params = HSM_PARAM_NONE, .approval = APPROVAL,                                \
    }
#define ECDH_ROW(NAME)                                                                             \
    {                                                                                              \
        ID(NAME), .source = "SP 800-56A; RFC 7748; PKCS#11 v3.2, 6.3", .ops = HSM_OP_DERIVE | KEM, \
                  .key_type = CKK_EC, .key_type_alt = CKK_EC_MONTGOMERY, .key_min_bits = 224,      \
                  .key_max_bits = 521, .alg = HSM_ALG_ECDH, .params = HSM_PARAM_ECDH1,             \
                  .approval = HSM_APPROVED, .extra_flags = EC_FLAGS,                               \
    }
#define ECDH_WRAP_ROW(NAME, KEY, ALT, MIN_BITS, MAX_BITS, FLAGS)                        \
    {                                                                                   \
        ID(NAME), .source = "SP 800-56A; RFC 5649; PKCS#11 v3.2, 6.3", .ops = UN_WRAP,  \
                  .key_type = CKK_##KEY, .key_type_alt = ALT, .key_min_bits = MIN_BITS, \
                  .key_max_bits = MAX_BITS, .alg = HSM_ALG_ECDH_AES_WRAP,               \
                  .params = HSM_PARAM_ECDH_AES_WRAP, .approval = HSM_APPROVED,          \
                  .extra_flags = FLAGS,                                                 \
    }
#define AES_ROW(NAME, ALG, PARAMS, IS_MULTI_PART, SOURCE, APPROVAL)        \
    {                                                                      \
        ID(NAME), .source = SOURCE, .ops = EN_DE_CRYPT | UN_WRAP, AES_KEY, \
                  .is_multi_part = IS_MULTI_PART, .alg = HSM_ALG_##ALG,    \
                  .params = HSM_PARAM_##PARAMS, .approval = APPROVAL,      \
    }
#define AES_CIPHER_ROW(NAME, ALG, PARAMS, IS_MULTI_PART, SOURCE) \
    AES_ROW(NAME, ALG, PARAMS, IS_MULTI_PART, SOURCE, HSM_APPROVED_DATA)
#define AES_AUTH_ROW(NAME, ALG, PARAMS, IS_MULTI_PART, SOURCE) \
    AES_ROW(NAME, ALG, PARAMS, IS_MULTI_PART, SOURCE, HSM_APPROVED)
/* Authenticated encryption, also of messages. */
#define AES_AEAD_ROW(MODE, SOURCE)                                                               \
    {                                                                                            \
        ID(AES_##MODE), .source = SOURCE, .ops = AEAD | UN_WRAP, AES_KEY, .is_multi_part = true, \
                        .alg = HSM_ALG_AES_##MODE, .params = HSM_PARAM_##MODE,                   \
                        .approval = HSM_APPROVED,                                                \
    }
#define XTS_KEY                                                                      \
    .key_type = CKK_AES_XTS, .key_type_alt = HSM_KEY_TYPE_NONE, .key_min_bits = 256, \
    .key_max_bits = 512, .is_size_in_bytes = true
#define CHACHA20_SIZE                                                                 \
    .key_type = CKK_CHACHA20, .key_type_alt = HSM_KEY_TYPE_NONE, .key_min_bits = 256, \
    .key_max_bits = 256
#define CHACHA20_KEY CHACHA20_SIZE, .is_size_in_bytes = true
#define SECRET_KEY_GEN_ROW(NAME, KEY, SOURCE, APPROVAL)                                 \
    {                                                                                   \
        ID(NAME), .source = SOURCE, .ops = HSM_OP_GENERATE, KEY, .alg = HSM_ALG_KEYGEN, \
                  .params = HSM_PARAM_NONE, .approval = APPROVAL,                       \
    }
#define CMAC_ROW(NAME, PARAMS)                                                                 \
    {                                                                                          \
        ID(NAME), .source = "SP 800-38B; PKCS#11 v3.2, AES CMAC", .ops = SIGN_VERIFY, AES_KEY, \
                  .is_multi_part = true, .alg = HSM_ALG_CMAC, .params = HSM_PARAM_##PARAMS,    \
                  .approval = HSM_APPROVED,                                                    \
    }

#define DERIVE_ROW(NAME, ALG, HASH, SOURCE, APPROVAL)                                       \
    {                                                                                       \
        ID(NAME), .source = SOURCE, .ops = HSM_OP_DERIVE, .key_type = HSM_KEY_TYPE_NONE,    \
                  .key_type_alt = HSM_KEY_TYPE_NONE, SECRET_SIZE, .is_size_in_bytes = true, \
                  .alg = HSM_ALG_##ALG, .hash = HSM_HASH_##HASH, .params = HSM_PARAM_KDF,   \
                  .approval = APPROVAL,                                                     \
    }
/* Sizes in bits, as the section says. */
#define KBKDF_ROW(NAME, ALG)                                                                   \
    {                                                                                          \
        ID(NAME), .source = KBKDF_SOURCE, .ops = HSM_OP_DERIVE, .key_type = HSM_KEY_TYPE_NONE, \
                  .key_type_alt = HSM_KEY_TYPE_NONE, SECRET_SIZE, .alg = HSM_ALG_##ALG,        \
                  .params = HSM_PARAM_KDF, .approval = HSM_APPROVED,                           \
    }
#define HASH_DERIVE_ROW(NAME, HASH) \
    DERIVE_ROW(NAME##_KEY_DERIVATION, HASH_DERIVE, HASH, HASH_DERIVE_SOURCE, HSM_NOT_APPROVED)
#define HASH_DERIVE_SOURCE "FIPS 180-4; FIPS 202; PKCS#11 v3.2, Hash-based key derivations"
#define SIMPLE_SOURCE "PKCS#11 v3.2, Miscellaneous simple key derivation mechanisms"
#define TLS_SOURCE "RFC 5246; RFC 5705; RFC 7627; PKCS#11 v3.2, TLS 1.2"
#define IKE_SOURCE "SP 800-135; PKCS#11 v3.2, IKE"
#define KBKDF_SOURCE "SP 800-108; PKCS#11 v3.2, SP800-108 key derivation"
#define TLS_MASTER_ROW(NAME, ALG, MIN_BITS, MAX_BITS) \
    TLS_ROW(NAME, ALG, MIN_BITS, MAX_BITS, HSM_APPROVED)
/* Without the session's hash a master secret is open to the triple handshake attack: not approved
 * any more (FIPS 140-3 IG D.Q). */
#define TLS_OLD_ROW(NAME, ALG, MIN_BITS, MAX_BITS) \
    TLS_ROW(NAME, ALG, MIN_BITS, MAX_BITS, HSM_NOT_APPROVED)
#define TLS_ROW(NAME, ALG, MIN_BITS, MAX_BITS, APPROVAL)                                      \
    {                                                                                         \
        ID(NAME), .source = TLS_SOURCE, .ops = HSM_OP_DERIVE, .key_type = CKK_GENERIC_SECRET, \
                  .key_type_alt = HSM_KEY_TYPE_NONE, .key_min_bits = MIN_BITS,                \
                  .key_max_bits = MAX_BITS, .is_size_in_bytes = true, .alg = HSM_ALG_##ALG,   \
                  .params = HSM_PARAM_KDF, .approval = APPROVAL,                              \
    }
#define SHAKE_DERIVE_ROW(NAME, LEN)                                                               \
    {                                                                                             \
        ID(NAME), .source = HASH_DERIVE_SOURCE, .ops = HSM_OP_DERIVE,                             \
                  .key_type = HSM_KEY_TYPE_NONE, .key_type_alt = HSM_KEY_TYPE_NONE, SECRET_SIZE,  \
                  .is_size_in_bytes = true, .alg = HSM_ALG_SHAKE_DERIVE, .params = HSM_PARAM_KDF, \
                  .result_len = LEN, .approval = HSM_NOT_APPROVED,                                \
    }
#define ENCRYPT_DATA_ROW(NAME, ALG)                                                             \
    {                                                                                           \
        ID(NAME), .source = "PKCS#11 v3.2, Key derivation by data encryption",                  \
                  .ops = HSM_OP_DERIVE, AES_KEY, .alg = HSM_ALG_##ALG, .params = HSM_PARAM_KDF, \
                  .approval = HSM_NOT_APPROVED,                                                 \
    }
#define HKDF_ROW(NAME, MAKES_DATA)                                                               \
    {                                                                                            \
        ID(NAME), .source = "RFC 5869; SP 800-56C; PKCS#11 v3.2, HKDF", .ops = HSM_OP_DERIVE,    \
                  .key_type = HSM_KEY_TYPE_NONE, .key_type_alt = HSM_KEY_TYPE_NONE, SECRET_SIZE, \
                  .is_size_in_bytes = true, .alg = HSM_ALG_HKDF, .params = HSM_PARAM_KDF,        \
                  .makes_data = MAKES_DATA, .approval = HSM_APPROVED,                            \
    }

static const hsm_mech mechs[] = {
    {
        ID(RSA_PKCS_KEY_PAIR_GEN),
        .source = "FIPS 186-5, A.1; PKCS#11 v3.2, 6.1",
        .ops = HSM_OP_GENERATE_PAIR,
        RSA_KEY,
        .alg = HSM_ALG_KEYGEN,
        .params = HSM_PARAM_NONE,
        .approval = HSM_APPROVED,
    },
    {
        ID(RSA_PKCS),
        .source = "RFC 8017, 7.2 and 8.2; PKCS#11 v3.2, 6.1",
        .ops = EN_DE_CRYPT | SIGN_VERIFY | RECOVER | UN_WRAP | KEM,
        RSA_KEY,
        .alg = HSM_ALG_RSA_PKCS,
        .params = HSM_PARAM_NONE,
        .approval = HSM_APPROVED_LEGACY,
    },
    {
        ID(RSA_X_509),
        .source = "RFC 8017, 5; SP 800-56B, 7.2.1; PKCS#11 v3.2, 6.1",
        .ops = EN_DE_CRYPT | SIGN_VERIFY | RECOVER | UN_WRAP | KEM,
        RSA_KEY,
        .alg = HSM_ALG_RSA_X509,
        .params = HSM_PARAM_NONE,
        .approval = HSM_NOT_APPROVED,
    },
    RSA_HASHED_ROW(SHA1_RSA_PKCS, SHA1, HSM_APPROVED_LEGACY),
    {
        ID(RSA_PKCS_OAEP),
        .source = "RFC 8017, 7.1; SP 800-56B; PKCS#11 v3.2, 6.1",
        .ops = EN_DE_CRYPT | UN_WRAP | KEM,
        RSA_KEY,
        .alg = HSM_ALG_RSA_OAEP,
        .params = HSM_PARAM_OAEP,
        .approval = HSM_APPROVED,
    },
    PSS_ROW(RSA_PKCS_PSS, NONE, false, HSM_APPROVED),
    PSS_ROW(SHA1_RSA_PKCS_PSS, SHA1, true, HSM_APPROVED_LEGACY),
    ML_KEM_KEY_PAIR_GEN_ROW,
    ML_KEM_ROW,
    ML_DSA_ROWS,
    DH_ROWS,
    HASH_ML_DSA_ROWS,
    SLH_DSA_ROWS,
    X9_42_ROWS,
    HASH_SLH_DSA_ROWS,
    RSA_HASHED_ROW(SHA256_RSA_PKCS, SHA256, HSM_APPROVED),
    RSA_HASHED_ROW(SHA384_RSA_PKCS, SHA384, HSM_APPROVED),
    RSA_HASHED_ROW(SHA512_RSA_PKCS, SHA512, HSM_APPROVED),
    PSS_ROW(SHA256_RSA_PKCS_PSS, SHA256, true, HSM_APPROVED),
    PSS_ROW(SHA384_RSA_PKCS_PSS, SHA384, true, HSM_APPROVED),
    PSS_ROW(SHA512_RSA_PKCS_PSS, SHA512, true, HSM_APPROVED),
    RSA_HASHED_ROW(SHA224_RSA_PKCS, SHA224, HSM_APPROVED),
    PSS_ROW(SHA224_RSA_PKCS_PSS, SHA224, true, HSM_APPROVED),
    HASH_ROWS(SHA512_224, SHA512_224, SHA2_SOURCE),
    HASH_DERIVE_ROW(SHA512_224, SHA512_224),
    HASH_ROWS(SHA512_256, SHA512_256, SHA2_SOURCE),
    HASH_DERIVE_ROW(SHA512_256, SHA512_256),
    TLS_MASTER_ROW(TLS12_EXTENDED_MASTER_KEY_DERIVE, TLS12_EXTENDED, 384, 384),
    TLS_MASTER_ROW(TLS12_EXTENDED_MASTER_KEY_DERIVE_DH, TLS12_EXTENDED, 8, 16384),
    RSA_HASHED_ROW(SHA3_256_RSA_PKCS, SHA3_256, HSM_APPROVED),
    RSA_HASHED_ROW(SHA3_384_RSA_PKCS, SHA3_384, HSM_APPROVED),
    RSA_HASHED_ROW(SHA3_512_RSA_PKCS, SHA3_512, HSM_APPROVED),
    PSS_ROW(SHA3_256_RSA_PKCS_PSS, SHA3_256, true, HSM_APPROVED),
    PSS_ROW(SHA3_384_RSA_PKCS_PSS, SHA3_384, true, HSM_APPROVED),
    PSS_ROW(SHA3_512_RSA_PKCS_PSS, SHA3_512, true, HSM_APPROVED),
    RSA_HASHED_ROW(SHA3_224_RSA_PKCS, SHA3_224, HSM_APPROVED),
    PSS_ROW(SHA3_224_RSA_PKCS_PSS, SHA3_224, true, HSM_APPROVED),
    DES3_ROWS,
    HASH_ROWS(SHA_1, SHA1, SHA2_SOURCE),
    HASH_ROWS(SHA256, SHA256, SHA2_SOURCE),
    HASH_ROWS(SHA224, SHA224, SHA2_SOURCE),
    HASH_ROWS(SHA384, SHA384, SHA2_SOURCE),
    HASH_ROWS(SHA512, SHA512, SHA2_SOURCE),
    HASH_ROWS(SHA3_256, SHA3_256, SHA3_SOURCE),
    HMAC_KEY_GEN_ROW(SHA3_256_KEY_GEN, SHA3_256_HMAC),
    HASH_ROWS(SHA3_224, SHA3_224, SHA3_SOURCE),
    HMAC_KEY_GEN_ROW(SHA3_224_KEY_GEN, SHA3_224_HMAC),
    HASH_ROWS(SHA3_384, SHA3_384, SHA3_SOURCE),
    HMAC_KEY_GEN_ROW(SHA3_384_KEY_GEN, SHA3_384_HMAC),
    HASH_ROWS(SHA3_512, SHA3_512, SHA3_SOURCE),
    HMAC_KEY_GEN_ROW(SHA3_512_KEY_GEN, SHA3_512_HMAC),
    {
        ID(GENERIC_SECRET_KEY_GEN),
        .source = "SP 800-133; PKCS#11 v3.2, Generic secret key",
        .ops = HSM_OP_GENERATE,
        .key_type = CKK_GENERIC_SECRET,
        .key_type_alt = HSM_KEY_TYPE_NONE,
        SECRET_SIZE,
        .alg = HSM_ALG_KEYGEN,
        .params = HSM_PARAM_NONE,
        .approval = HSM_APPROVED,
    },
    DERIVE_ROW(CONCATENATE_BASE_AND_KEY, CONCAT_BASE_KEY, NONE, SIMPLE_SOURCE, HSM_NOT_APPROVED),
    DERIVE_ROW(CONCATENATE_BASE_AND_DATA, CONCAT_BASE_DATA, NONE, SIMPLE_SOURCE, HSM_NOT_APPROVED),
    DERIVE_ROW(CONCATENATE_DATA_AND_BASE, CONCAT_DATA_BASE, NONE, SIMPLE_SOURCE, HSM_NOT_APPROVED),
    DERIVE_ROW(XOR_BASE_AND_DATA, XOR_BASE_DATA, NONE, SIMPLE_SOURCE, HSM_NOT_APPROVED),
    DERIVE_ROW(EXTRACT_KEY_FROM_KEY, EXTRACT, NONE, SIMPLE_SOURCE, HSM_NOT_APPROVED),
    HASH_DERIVE_ROW(SHA1, SHA1),
    HASH_DERIVE_ROW(SHA256, SHA256),
    HASH_DERIVE_ROW(SHA384, SHA384),
    HASH_DERIVE_ROW(SHA512, SHA512),
    HASH_DERIVE_ROW(SHA224, SHA224),
    HASH_DERIVE_ROW(SHA3_256, SHA3_256),
    HASH_DERIVE_ROW(SHA3_224, SHA3_224),
    HASH_DERIVE_ROW(SHA3_384, SHA3_384),
    HASH_DERIVE_ROW(SHA3_512, SHA3_512),
    SHAKE_DERIVE_ROW(SHAKE_128_KEY_DERIVATION, 32),
    SHAKE_DERIVE_ROW(SHAKE_256_KEY_DERIVATION, 64),
    KBKDF_ROW(SP800_108_COUNTER_KDF, KBKDF_COUNTER),
    KBKDF_ROW(SP800_108_FEEDBACK_KDF, KBKDF_FEEDBACK),
    KBKDF_ROW(SP800_108_DOUBLE_PIPELINE_KDF, KBKDF_PIPELINE),
    {
        ID(PKCS5_PBKD2),
        .source = "RFC 8018, 5.2; SP 800-132; PKCS#11 v3.2, Password-based encryption",
        .ops = HSM_OP_GENERATE,
        .key_type = HSM_KEY_TYPE_NONE,
        .key_type_alt = HSM_KEY_TYPE_NONE,
        SECRET_SIZE,
        .is_size_in_bytes = true,
        .alg = HSM_ALG_PBKDF2,
        .params = HSM_PARAM_PBKDF2,
        .approval = HSM_APPROVED,
    },
    TLS_MASTER_ROW(TLS12_KDF, TLS12_EXPORTER, 8, 16384),
    TLS_OLD_ROW(TLS12_MASTER_KEY_DERIVE, TLS12_MASTER, 384, 384),
    TLS_MASTER_ROW(TLS12_KEY_AND_MAC_DERIVE, TLS12_KEYS, 384, 384),
    {
        ID(TLS12_MASTER_KEY_DERIVE_DH),
        .source = TLS_SOURCE,
        .ops = HSM_OP_DERIVE,
        .key_type = CKK_GENERIC_SECRET,
        .key_type_alt = HSM_KEY_TYPE_NONE,
        .key_min_bits = 8, /* of the shared secret; the standard speaks of the master secret */
        .key_max_bits = 16384,
        .is_size_in_bytes = true,
        .told_bytes = 48,
        .alg = HSM_ALG_TLS12_MASTER,
        .params = HSM_PARAM_KDF,
        .approval = HSM_NOT_APPROVED,
    },
    TLS_MASTER_ROW(TLS12_KEY_SAFE_DERIVE, TLS12_SAFE_KEYS, 384, 384),
    TLS_MASTER_ROW(TLS_KDF, TLS12_EXPORTER, 8, 16384),
    EC_KEY_GEN_ROW(EC_KEY_PAIR_GEN, KEYGEN, "FIPS 186-5, A.2.2"),
    ECDSA_ROW(ECDSA, NONE, false, HSM_APPROVED),
    ECDSA_ROW(ECDSA_SHA1, SHA1, true, HSM_APPROVED_LEGACY),
    ECDSA_ROW(ECDSA_SHA224, SHA224, true, HSM_APPROVED),
    ECDSA_ROW(ECDSA_SHA256, SHA256, true, HSM_APPROVED),
    ECDSA_ROW(ECDSA_SHA384, SHA384, true, HSM_APPROVED),
    ECDSA_ROW(ECDSA_SHA512, SHA512, true, HSM_APPROVED),
    ECDSA_ROW(ECDSA_SHA3_224, SHA3_224, true, HSM_APPROVED),
    ECDSA_ROW(ECDSA_SHA3_256, SHA3_256, true, HSM_APPROVED),
    ECDSA_ROW(ECDSA_SHA3_384, SHA3_384, true, HSM_APPROVED),
    ECDSA_ROW(ECDSA_SHA3_512, SHA3_512, true, HSM_APPROVED),
    ECDH_ROW(ECDH1_DERIVE),
    ECDH_ROW(ECDH1_COFACTOR_DERIVE),
    ECDH_WRAP_ROW(ECDH_AES_KEY_WRAP, EC, CKK_EC_MONTGOMERY, 224, 521, EC_FLAGS),
    {
        ID(RSA_AES_KEY_WRAP),
        .source = "RFC 8017, 7.1; RFC 5649; PKCS#11 v3.2, 6.1",
        .ops = UN_WRAP,
        RSA_KEY,
        .alg = HSM_ALG_RSA_AES_WRAP,
        .params = HSM_PARAM_RSA_AES_WRAP,
        .approval = HSM_APPROVED,
    },
    {
        ID(EC_EDWARDS_KEY_PAIR_GEN),
        .source = "RFC 8032; FIPS 186-5, A.2; PKCS#11 v3.2, 6.3",
        .ops = HSM_OP_GENERATE_PAIR,
        .key_type = CKK_EC_EDWARDS,
        .key_type_alt = HSM_KEY_TYPE_NONE,
        .key_min_bits = 255,
        .key_max_bits = 448,
        .alg = HSM_ALG_KEYGEN,
        .params = HSM_PARAM_NONE,
        .approval = HSM_APPROVED,
        .extra_flags = ECX_FLAGS,
    },
    {
        ID(EC_MONTGOMERY_KEY_PAIR_GEN),
        .source = "RFC 7748; PKCS#11 v3.2, 6.3",
        .ops = HSM_OP_GENERATE_PAIR,
        .key_type = CKK_EC_MONTGOMERY,
        .key_type_alt = HSM_KEY_TYPE_NONE,
        .key_min_bits = 255,
        .key_max_bits = 448,
        .alg = HSM_ALG_KEYGEN,
        .params = HSM_PARAM_NONE,
        .approval = HSM_NOT_APPROVED,
        .extra_flags = ECX_FLAGS,
    },
    {
        ID(EDDSA),
        .source = "RFC 8032; FIPS 186-5, 7; PKCS#11 v3.2, 6.3",
        .ops = SIGN_VERIFY,
        .key_type = CKK_EC_EDWARDS,
        .key_type_alt = HSM_KEY_TYPE_NONE,
        .key_min_bits = 255,
        .key_max_bits = 448,
        .is_multi_part = true,
        .alg = HSM_ALG_EDDSA,
        .params = HSM_PARAM_EDDSA,
        .approval = HSM_APPROVED,
        .extra_flags = ECX_FLAGS,
    },
    {
        ID(AES_XTS),
        .source = "SP 800-38E; IEEE 1619; PKCS#11 v3.2, AES XTS",
        .ops = EN_DE_CRYPT, /* for storage only (SP 800-38E): it wraps no keys */
        XTS_KEY,
        .is_multi_part = true,
        .alg = HSM_ALG_AES_XTS,
        .params = HSM_PARAM_IV16,
        .approval = HSM_APPROVED,
    },
    SECRET_KEY_GEN_ROW(AES_XTS_KEY_GEN, XTS_KEY, "SP 800-38E; PKCS#11 v3.2, AES XTS", HSM_APPROVED),
    {
        ID(AES_KEY_GEN),
        .source = "FIPS 197; SP 800-133; PKCS#11 v3.2, AES",
        .ops = HSM_OP_GENERATE,
        AES_KEY,
        .alg = HSM_ALG_KEYGEN,
        .params = HSM_PARAM_NONE,
        .approval = HSM_APPROVED,
    },
    AES_CIPHER_ROW(AES_ECB, AES_ECB, NONE, true, "SP 800-38A, 6.1; PKCS#11 v3.2, AES"),
    AES_CIPHER_ROW(AES_CBC, AES_CBC, IV16, true, "SP 800-38A, 6.2; PKCS#11 v3.2, AES"),
    AES_CIPHER_ROW(AES_CBC_PAD, AES_CBC_PAD, IV16, true,
                   "SP 800-38A, 6.2; RFC 5652, 6.3; PKCS#11 v3.2, AES"),
    AES_CIPHER_ROW(AES_CTR, AES_CTR, CTR, true, "SP 800-38A, 6.5; PKCS#11 v3.2, AES with counter"),
    AES_AEAD_ROW(GCM, "SP 800-38D; PKCS#11 v3.2, Additional AES mechanisms"),
    AES_AEAD_ROW(CCM, "SP 800-38C; PKCS#11 v3.2, Additional AES mechanisms"),
    AES_CIPHER_ROW(AES_CTS, AES_CTS, IV16, true,
                   "SP 800-38A addendum, CBC-CS1; PKCS#11 v3.2, AES CBC with ciphertext stealing"),
    CMAC_ROW(AES_CMAC, NONE),
    CMAC_ROW(AES_CMAC_GENERAL, MAC_LEN),
    {
        ID(AES_GMAC),
        .source = "SP 800-38D; PKCS#11 v3.2, Additional AES mechanisms",
        /* Not of messages: the IV would be the same for all of them. */
        .ops = HSM_OP_SIGN | HSM_OP_VERIFY,
        AES_KEY,
        .is_multi_part = true,
        .alg = HSM_ALG_AES_GMAC,
        .params = HSM_PARAM_GCM,
        .approval = HSM_APPROVED,
    },
    ENCRYPT_DATA_ROW(AES_ECB_ENCRYPT_DATA, ENCRYPT_DATA_ECB),
    ENCRYPT_DATA_ROW(AES_CBC_ENCRYPT_DATA, ENCRYPT_DATA_CBC),
    SECRET_KEY_GEN_ROW(CHACHA20_KEY_GEN, CHACHA20_KEY, "RFC 8439; PKCS#11 v3.2, ChaCha20",
                       HSM_NOT_APPROVED),
    {
        ID(CHACHA20),
        .source = "RFC 8439, 2.4; PKCS#11 v3.2, ChaCha20",
        .ops = EN_DE_CRYPT | UN_WRAP,
        CHACHA20_SIZE, /* in bits, unlike the others with this key */
        .is_multi_part = true,
        .alg = HSM_ALG_CHACHA20,
        .params = HSM_PARAM_CHACHA20,
        .approval = HSM_NOT_APPROVED,
    },
    EC_KEY_GEN_ROW(EC_KEY_PAIR_GEN_W_EXTRA_BITS, KEYGEN_EXTRA_BITS, "FIPS 186-5, A.2.1"),
    AES_CIPHER_ROW(AES_OFB, AES_OFB, IV16, true, "SP 800-38A, 6.4; PKCS#11 v3.2, AES"),
    AES_CIPHER_ROW(AES_CFB8, AES_CFB8, IV16, true, "SP 800-38A, 6.3; PKCS#11 v3.2, AES"),
    AES_CIPHER_ROW(AES_CFB128, AES_CFB128, IV16, true, "SP 800-38A, 6.3; PKCS#11 v3.2, AES"),
    AES_CIPHER_ROW(AES_CFB1, AES_CFB1, IV16, true, "SP 800-38A, 6.3; PKCS#11 v3.2, AES"),
    AES_AUTH_ROW(AES_KEY_WRAP, AES_KW, KW_IV, false,
                 "SP 800-38F, 6.2; RFC 3394; PKCS#11 v3.2, AES key wrap"),
    /* Deprecated because its older descriptions allowed two paddings; RFC 5649 is the one that
     * other tokens give under this number. */
    AES_AUTH_ROW(AES_KEY_WRAP_PAD, AES_KWP, KW_IV, false,
                 "SP 800-38F, 6.3; RFC 5649; PKCS#11 v3.2, AES key wrap"),
    AES_AUTH_ROW(AES_KEY_WRAP_KWP, AES_KWP, KW_IV, false,
                 "SP 800-38F, 6.3; RFC 5649; PKCS#11 v3.2, AES key wrap"),
    AES_AUTH_ROW(AES_KEY_WRAP_PKCS7, AES_KW_PKCS7, KW_IV, false,
                 "SP 800-38F, 6.2; RFC 5652, 6.3; PKCS#11 v3.2, AES key wrap"),
    HMAC_KEY_GEN_ROW(SHA_1_KEY_GEN, SHA_1_HMAC),
    HMAC_KEY_GEN_ROW(SHA224_KEY_GEN, SHA224_HMAC),
    HMAC_KEY_GEN_ROW(SHA256_KEY_GEN, SHA256_HMAC),
    HMAC_KEY_GEN_ROW(SHA384_KEY_GEN, SHA384_HMAC),
    HMAC_KEY_GEN_ROW(SHA512_KEY_GEN, SHA512_HMAC),
    HMAC_KEY_GEN_ROW(SHA512_224_KEY_GEN, SHA512_224_HMAC),
    HMAC_KEY_GEN_ROW(SHA512_256_KEY_GEN, SHA512_256_HMAC),
    {
        ID(CHACHA20_POLY1305),
        .source = "RFC 8439, 2.8; PKCS#11 v3.2, ChaCha20/Poly1305",
        .ops = AEAD | UN_WRAP,
        CHACHA20_KEY,
        .is_multi_part = true,
        .alg = HSM_ALG_CHACHA20_POLY1305,
        .params = HSM_PARAM_CHACHA20_POLY1305,
        .approval = HSM_NOT_APPROVED,
    },
    HKDF_ROW(HKDF_DERIVE, false),
    HKDF_ROW(HKDF_DATA, true),
    HMAC_KEY_GEN_ROW(HKDF_KEY_GEN, HKDF),
    DERIVE_ROW(IKE2_PRF_PLUS_DERIVE, IKE2_PRF_PLUS, NONE, "RFC 7296, 2.13; " IKE_SOURCE,
               HSM_APPROVED),
    DERIVE_ROW(IKE_PRF_DERIVE, IKE_PRF, NONE, "RFC 7296, 2.14; RFC 2409, 5; " IKE_SOURCE,
               HSM_APPROVED),
    DERIVE_ROW(IKE1_PRF_DERIVE, IKE1_PRF, NONE, "RFC 2409, 5; " IKE_SOURCE, HSM_APPROVED),
    DERIVE_ROW(IKE1_EXTENDED_DERIVE, IKE1_EXTENDED, NONE, "RFC 2409, 5.5 and B; " IKE_SOURCE,
               HSM_APPROVED),
    ECDH_WRAP_ROW(ECDH_X_AES_KEY_WRAP, EC_MONTGOMERY, HSM_KEY_TYPE_NONE, 255, 448, ECX_FLAGS),
    ECDH_WRAP_ROW(ECDH_COF_AES_KEY_WRAP, EC, HSM_KEY_TYPE_NONE, 224, 521, EC_FLAGS),
    {
        ID(PUB_KEY_FROM_PRIV_KEY),
        .source = SIMPLE_SOURCE,
        .ops = HSM_OP_DERIVE,
        .key_type = HSM_KEY_TYPE_NONE,
        .key_type_alt = HSM_KEY_TYPE_NONE,
        .key_min_bits = 128,
        .key_max_bits = 16384,
        .alg = HSM_ALG_PUBLIC_FROM_PRIVATE,
        .params = HSM_PARAM_NONE,
        .approval = HSM_APPROVED,
    },
    COMP_KEM_ROWS,
    COMP_SIG_ROWS,
};

const hsm_mech *hsm_mech_table(size_t *out_count)
{
    *out_count = HSM_ARRAY_LEN(mechs);
    return mechs;
}

/* Halves the range without a branch on the comparison, which the processor could not predict. */
const hsm_mech *hsm_mech_find(CK_MECHANISM_TYPE id)
{
    const hsm_mech *low = mechs;

    for (size_t left = HSM_ARRAY_LEN(mechs); left > 1;) {
        const size_t half = left / 2;

        low += low[half].id <= id ? half : 0;
        left -= half;
    }
    return low->id == id ? low : NULL;
}

const hsm_mech *hsm_mech_by_alg(hsm_alg alg)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(mechs); i++) {
        if (mechs[i].alg == alg)
            return &mechs[i];
    }
    return NULL;
}

const hsm_mech *hsm_mech_by_hash(hsm_alg alg, hsm_hash hash)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(mechs); i++) {
        if (mechs[i].alg == alg && mechs[i].hash == hash)
            return &mechs[i];
    }
    return NULL;
}

uint32_t hsm_mech_key_min_bits(const struct hsm_crypto *crypto, const hsm_mech *mech)
{
    const uint32_t rsa_min = 2048;

    if (mech->key_type == CKK_RSA && !crypto->options.may_use_weak_rsa)
        return rsa_min;
    return mech->key_min_bits;
}

static bool is_sha1_signing(const hsm_mech *mech, hsm_op op)
{
    return (op & (HSM_OP_SIGN | HSM_OP_MESSAGE_SIGN)) != 0 && mech->hash == HSM_HASH_SHA1 &&
           mech->alg != HSM_ALG_HMAC;
}

hsm_err hsm_mech_allow(const struct hsm_crypto *crypto, const hsm_mech *mech, hsm_op op)
{
    HSM_CHECK(crypto->options.may_use_pqc || !hsm_pqc_is_type(mech->key_type), HSM_E_MECHANISM);
    HSM_CHECK(crypto->options.may_decrypt_3des || mech->key_type != CKK_DES3, HSM_E_MECHANISM);
    HSM_CHECK(crypto->options.may_sign_sha1 || !is_sha1_signing(mech, op), HSM_E_MECHANISM);
    return crypto->options.is_approved_only ? hsm_approval_of_row(mech, op) : HSM_OK;
}

hsm_err hsm_mech_fit(const hsm_mech *mech, hsm_op op, CK_KEY_TYPE key_type, uint32_t key_bits)
{
    HSM_CHECK((mech->ops & op) != 0, HSM_E_MECHANISM);
    if (key_type != HSM_KEY_TYPE_NONE && mech->key_type != HSM_KEY_TYPE_NONE)
        HSM_CHECK(key_type == mech->key_type || key_type == mech->key_type_alt, HSM_E_KEY_TYPE);
    if (key_bits != 0 && mech->key_max_bits != 0)
        HSM_CHECK(key_bits >= mech->key_min_bits && key_bits <= mech->key_max_bits, HSM_E_KEY_SIZE);
    return HSM_OK;
}

hsm_err hsm_mech_admit(CK_MECHANISM_TYPE id, hsm_op op, CK_KEY_TYPE key_type, uint32_t key_bits,
                       const hsm_mech **out_mech)
{
    const hsm_mech *mech = hsm_mech_find(id);

    HSM_CHECK(mech != NULL, HSM_E_MECHANISM);
    HSM_TRY(hsm_mech_fit(mech, op, key_type, key_bits));
    *out_mech = mech;
    return HSM_OK;
}
