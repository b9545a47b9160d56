/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/pqc.h"

/* joint-iso-itu-t(2) country(16) us(840) organization(1) gov(101) csor(3) nistAlgorithm(4), then 3
 * for signatures or 4 for KEMs, then the set. */
#define OID(arc, number)                                                      \
    {                                                                         \
        0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, (arc), (number) \
    }

/* FIPS 204, table 2 */
#define ML_DSA(set, number, bits, public_len, private_len, signature_len)                          \
    {                                                                                              \
        .name = "ML-DSA-" #set, .key_type = CKK_ML_DSA, .id = CKP_ML_DSA_##set,                    \
        .public_bytes = (public_len), .private_bytes = (private_len), .seed_bytes = 32,            \
        .result_bytes = (signature_len), .strength = (bits), .oid_len = 11, .oid = OID(3, number), \
    }
/* FIPS 203, table 3; the seed is d, then z */
#define ML_KEM(set, number, bits, public_len, private_len, ciphertext_len)              \
    {                                                                                   \
        .name = "ML-KEM-" #set, .key_type = CKK_ML_KEM, .id = CKP_ML_KEM_##set,         \
        .public_bytes = (public_len), .private_bytes = (private_len), .seed_bytes = 64, \
        .result_bytes = (ciphertext_len), .strength = (bits), .oid_len = 11,            \
        .oid = OID(4, number),                                                          \
    }
/* FIPS 205, table 2; n is the security parameter in bytes */
#define SLH_DSA(text, set, number, n, signature_len)                                        \
    {                                                                                       \
        .name = "SLH-DSA-" text, .key_type = CKK_SLH_DSA, .id = CKP_SLH_DSA_##set,          \
        .public_bytes = 2 * (n), .private_bytes = 4 * (n), .result_bytes = (signature_len), \
        .strength = 8 * (n), .oid_len = 11, .oid = OID(3, number),                          \
    }

/* draft-ietf-lamps-pq-composite-kem, 6: id-MLKEM768-X25519-SHA3-256 and the two with ECDH. Private
 * keys are the seed and the other half's key: 32 bytes, or an ECPrivateKey with the curve's name. */
#define COMPOSITE_KEM(lattice, type, name, text)                                    \
    {                                                                               \
        .lattice_type = CKK_ML_KEM, .lattice_set = (lattice), .curve_type = (type), \
        .curve = (name), .label = (text),                                           \
    }
static const hsm_composite mlkem768_x25519 =
    COMPOSITE_KEM(CKP_ML_KEM_768, CKK_EC_MONTGOMERY, "curve25519", "\\.//^\\");
static const hsm_composite mlkem768_p256 =
    COMPOSITE_KEM(CKP_ML_KEM_768, CKK_EC, "secp256r1", "MLKEM768-P256");
static const hsm_composite mlkem1024_p384 =
    COMPOSITE_KEM(CKP_ML_KEM_1024, CKK_EC, "secp384r1", "MLKEM1024-P384");
#define COMPOSITE(text, set, half, bits, public_len, private_len, ciphertext_len, number)          \
    {                                                                                              \
        .name = text, .key_type = CKK_CRATON_COMP_KEM, .id = CKP_CRATON_COMP_KEM_##set,            \
        .public_bytes = (public_len), .private_bytes = (private_len),                              \
        .result_bytes = (ciphertext_len), .strength = (bits), .composite = &(half), .oid_len = 10, \
        .oid = { 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x06, (number) },                 \
    }

/* draft-ietf-lamps-pq-composite-sigs, 7: those with a curve. Signatures with ECDSA are DER and so
 * of no fixed length. */
#define COMPOSITE_SIG(text, set, bits, public_len, private_len, signature_len, number, ...) \
    {                                                                                       \
        .name = text, .key_type = CKK_CRATON_COMP_SIG, .id = CKP_CRATON_COMP_SIG_##set,     \
        .public_bytes = (public_len), .private_bytes = (private_len),                       \
        .result_bytes = (signature_len), .strength = (bits),                                \
        .composite = &(const hsm_composite){ CKK_ML_DSA, __VA_ARGS__ }, .oid_len = 10,      \
        .oid = { 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x06, (number) },          \
    }

static const hsm_pqc_set sets[] = {
    ML_DSA(44, 17, 128, 1312, 2560, 2420),
    ML_DSA(65, 18, 192, 1952, 4032, 3309),
    ML_DSA(87, 19, 256, 2592, 4896, 4627),
    ML_KEM(512, 1, 128, 800, 1632, 768),
    ML_KEM(768, 2, 192, 1184, 2400, 1088),
    ML_KEM(1024, 3, 256, 1568, 3168, 1568),
    SLH_DSA("SHA2-128s", SHA2_128S, 20, 16, 7856),
    SLH_DSA("SHA2-128f", SHA2_128F, 21, 16, 17088),
    SLH_DSA("SHA2-192s", SHA2_192S, 22, 24, 16224),
    SLH_DSA("SHA2-192f", SHA2_192F, 23, 24, 35664),
    SLH_DSA("SHA2-256s", SHA2_256S, 24, 32, 29792),
    SLH_DSA("SHA2-256f", SHA2_256F, 25, 32, 49856),
    SLH_DSA("SHAKE-128s", SHAKE_128S, 26, 16, 7856),
    SLH_DSA("SHAKE-128f", SHAKE_128F, 27, 16, 17088),
    SLH_DSA("SHAKE-192s", SHAKE_192S, 28, 24, 16224),
    SLH_DSA("SHAKE-192f", SHAKE_192F, 29, 24, 35664),
    SLH_DSA("SHAKE-256s", SHAKE_256S, 30, 32, 29792),
    SLH_DSA("SHAKE-256f", SHAKE_256F, 31, 32, 49856),
    COMPOSITE("MLKEM768-X25519-SHA3-256", MLKEM768_X25519, mlkem768_x25519, 192, 1184 + 32, 64 + 32,
              1088 + 32, 58),
    COMPOSITE("MLKEM768-ECDH-P256-SHA3-256", MLKEM768_ECDH_P256, mlkem768_p256, 192, 1184 + 65,
              64 + 51, 1088 + 65, 59),
    COMPOSITE("MLKEM1024-ECDH-P384-SHA3-256", MLKEM1024_ECDH_P384, mlkem1024_p384, 256, 1568 + 97,
              64 + 64, 1568 + 97, 63),
    COMPOSITE_SIG("MLDSA44-Ed25519-SHA512", MLDSA44_ED25519_SHA512, 128, 1344, 64, 2484, 39,
                  CKP_ML_DSA_44, CKK_EC_EDWARDS, "edwards25519", "COMPSIG-MLDSA44-Ed25519-SHA512",
                  HSM_HASH_SHA512, HSM_HASH_NONE),
    COMPOSITE_SIG("MLDSA44-ECDSA-P256-SHA256", MLDSA44_ECDSA_P256_SHA256, 128, 1377, 83, 2492, 40,
                  CKP_ML_DSA_44, CKK_EC, "secp256r1", "COMPSIG-MLDSA44-ECDSA-P256-SHA256",
                  HSM_HASH_SHA256, HSM_HASH_SHA256),
    COMPOSITE_SIG("MLDSA65-ECDSA-P256-SHA512", MLDSA65_ECDSA_P256_SHA512, 192, 2017, 83, 3381, 45,
                  CKP_ML_DSA_65, CKK_EC, "secp256r1", "COMPSIG-MLDSA65-ECDSA-P256-SHA512",
                  HSM_HASH_SHA512, HSM_HASH_SHA256),
    COMPOSITE_SIG("MLDSA65-ECDSA-P384-SHA512", MLDSA65_ECDSA_P384_SHA512, 192, 2049, 96, 3413, 46,
                  CKP_ML_DSA_65, CKK_EC, "secp384r1", "COMPSIG-MLDSA65-ECDSA-P384-SHA512",
                  HSM_HASH_SHA512, HSM_HASH_SHA384),
    COMPOSITE_SIG("MLDSA65-ECDSA-brainpoolP256r1-SHA512", MLDSA65_ECDSA_BRAINPOOLP256R1_SHA512, 192,
                  2017, 84, 3381, 47, CKP_ML_DSA_65, CKK_EC, "brainpoolP256r1",
                  "COMPSIG-MLDSA65-ECDSA-BP256-SHA512", HSM_HASH_SHA512, HSM_HASH_SHA256),
    COMPOSITE_SIG("MLDSA65-Ed25519-SHA512", MLDSA65_ED25519_SHA512, 192, 1984, 64, 3373, 48,
                  CKP_ML_DSA_65, CKK_EC_EDWARDS, "edwards25519", "COMPSIG-MLDSA65-Ed25519-SHA512",
                  HSM_HASH_SHA512, HSM_HASH_NONE),
    COMPOSITE_SIG("MLDSA87-ECDSA-P384-SHA512", MLDSA87_ECDSA_P384_SHA512, 256, 2689, 96, 4731, 49,
                  CKP_ML_DSA_87, CKK_EC, "secp384r1", "COMPSIG-MLDSA87-ECDSA-P384-SHA512",
                  HSM_HASH_SHA512, HSM_HASH_SHA384),
    COMPOSITE_SIG("MLDSA87-ECDSA-brainpoolP384r1-SHA512", MLDSA87_ECDSA_BRAINPOOLP384R1_SHA512, 256,
                  2689, 100, 4731, 50, CKP_ML_DSA_87, CKK_EC, "brainpoolP384r1",
                  "COMPSIG-MLDSA87-ECDSA-BP384-SHA512", HSM_HASH_SHA512, HSM_HASH_SHA384),
    COMPOSITE_SIG("MLDSA87-ECDSA-P521-SHA512", MLDSA87_ECDSA_P521_SHA512, 256, 2725, 114, 4766, 54,
                  CKP_ML_DSA_87, CKK_EC, "secp521r1", "COMPSIG-MLDSA87-ECDSA-P521-SHA512",
                  HSM_HASH_SHA512, HSM_HASH_SHA512),
};

const hsm_pqc_set *hsm_pqc_table(size_t *out_count)
{
    *out_count = HSM_ARRAY_LEN(sets);
    return sets;
}

hsm_err hsm_pqc_find(CK_KEY_TYPE key_type, CK_ULONG id, const hsm_pqc_set **out_set)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(sets); i++) {
        if (sets[i].key_type == key_type && sets[i].id == id) {
            *out_set = &sets[i];
            return HSM_OK;
        }
    }
    return HSM_E_PARAMETER_SET;
}

const hsm_pqc_set *hsm_pqc_find_oid(hsm_bytes oid)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(sets); i++) {
        if (hsm_bytes_equal(hsm_bytes_of(sets[i].oid, sets[i].oid_len), oid))
            return &sets[i];
    }
    return NULL;
}

bool hsm_pqc_is_type(CK_KEY_TYPE key_type)
{
    return key_type == CKK_ML_DSA || key_type == CKK_ML_KEM || key_type == CKK_SLH_DSA ||
           key_type == CKK_CRATON_COMP_KEM || key_type == CKK_CRATON_COMP_SIG;
}
