/* Keys of vectors, as templates of C_CreateObject.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kat.h"

#include "pkcs11/pkcs11_craton.h"

#include <strings.h>

#define OID(...)    \
    {               \
        __VA_ARGS__ \
    }
static const uint8_t p_192[] = OID(6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 1);
static const uint8_t p_224[] = OID(6, 5, 0x2b, 0x81, 4, 0, 33);
static const uint8_t p_256_oid[] = OID(6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7);
static const uint8_t p_384_oid[] = OID(6, 5, 0x2b, 0x81, 4, 0, 34);
static const uint8_t p_521[] = OID(6, 5, 0x2b, 0x81, 4, 0, 35);
static const uint8_t p_256k1[] = OID(6, 5, 0x2b, 0x81, 4, 0, 10);
static const uint8_t brainpool_256[] = OID(6, 9, 0x2b, 0x24, 3, 3, 2, 8, 1, 1, 7);
static const uint8_t brainpool_384[] = OID(6, 9, 0x2b, 0x24, 3, 3, 2, 8, 1, 1, 11);
static const uint8_t brainpool_512[] = OID(6, 9, 0x2b, 0x24, 3, 3, 2, 8, 1, 1, 13);
static const uint8_t x_25519_oid[] = OID(6, 3, 0x2b, 0x65, 0x6e);
static const uint8_t x_448[] = OID(6, 3, 0x2b, 0x65, 0x6f);
static const uint8_t ed_25519_oid[] = OID(6, 3, 0x2b, 0x65, 0x70);
static const uint8_t ed_448[] = OID(6, 3, 0x2b, 0x65, 0x71);

#define CURVE(NAME, OTHER, THIRD, OID, BYTES, TYPE)              \
    {                                                            \
        { NAME, OTHER, THIRD }, { OID, sizeof OID }, BYTES, TYPE \
    }
static const struct {
    const char *names[3];
    span params;
    size_t bytes;
    CK_KEY_TYPE type;
} curves[] = {
    CURVE("P-192", "secp192r1", "", p_192, 24, CKK_EC),
    CURVE("P-224", "secp224r1", "", p_224, 28, CKK_EC),
    CURVE("P-256", "secp256r1", "prime256v1", p_256_oid, 32, CKK_EC),
    CURVE("P-384", "secp384r1", "", p_384_oid, 48, CKK_EC),
    CURVE("P-521", "secp521r1", "", p_521, 66, CKK_EC),
    CURVE("secp256k1", "", "", p_256k1, 32, CKK_EC),
    CURVE("brainpoolP256r1", "", "", brainpool_256, 32, CKK_EC),
    CURVE("brainpoolP384r1", "", "", brainpool_384, 48, CKK_EC),
    CURVE("brainpoolP512r1", "", "", brainpool_512, 64, CKK_EC),
    CURVE("X25519", "curve25519", "", x_25519_oid, 32, CKK_EC_MONTGOMERY),
    CURVE("X448", "curve448", "", x_448, 56, CKK_EC_MONTGOMERY),
    CURVE("Ed25519", "edwards25519", "", ed_25519_oid, 32, CKK_EC_EDWARDS),
    CURVE("Ed448", "edwards448", "", ed_448, 57, CKK_EC_EDWARDS),
};

/* The index of a curve, or the number of curves. */
static size_t curve_index(const char *name)
{
    size_t i = 0;

    for (; i < ARRAY_LEN(curves); i++)
        for (size_t n = 0; n < 3; n++)
            if (name[0] != '\0' && strcasecmp(curves[i].names[n], name) == 0)
                return i;
    return i;
}

span curve_params(const char *name)
{
    const size_t i = curve_index(name);

    return i < ARRAY_LEN(curves) ? curves[i].params : (span){ (const uint8_t *)"", 0 };
}

size_t curve_bytes(const char *name)
{
    const size_t i = curve_index(name);

    return i < ARRAY_LEN(curves) ? curves[i].bytes : 0;
}

CK_KEY_TYPE curve_key_type(const char *name)
{
    const size_t i = curve_index(name);

    return i < ARRAY_LEN(curves) ? curves[i].type : CKK_EC;
}

void key_secret(attrs *key, CK_KEY_TYPE type, span value)
{
    put_ulong(key, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(key, CKA_KEY_TYPE, type);
    put_bytes(key, CKA_VALUE, value.data, value.len);
    put_bool(key, CKA_SENSITIVE, false);
    put_bool(key, CKA_EXTRACTABLE, true);
    put_bool(key, CKA_ENCRYPT, true);
    put_bool(key, CKA_DECRYPT, true);
    put_bool(key, CKA_SIGN, true);
    put_bool(key, CKA_VERIFY, true);
    put_bool(key, CKA_WRAP, true);
    put_bool(key, CKA_UNWRAP, true);
    put_bool(key, CKA_DERIVE, true);
}

void key_ec_public(attrs *key, const kat_case *c, const char *curve, span point)
{
    const span params = curve_params(curve);
    const CK_KEY_TYPE type = curve_key_type(curve);
    const span encoded = type == CKK_EC ? der_octets(c->memory, point) : point;

    put_ulong(key, CKA_CLASS, CKO_PUBLIC_KEY);
    put_ulong(key, CKA_KEY_TYPE, type);
    put_bytes(key, CKA_EC_PARAMS, params.data, params.len);
    put_bytes(key, CKA_EC_POINT, encoded.data, encoded.len);
    put_bool(key, CKA_VERIFY, type != CKK_EC_MONTGOMERY);
}

void key_ec_private(attrs *key, const char *curve, span value)
{
    const span params = curve_params(curve);
    const CK_KEY_TYPE type = curve_key_type(curve);

    put_ulong(key, CKA_CLASS, CKO_PRIVATE_KEY);
    put_ulong(key, CKA_KEY_TYPE, type);
    put_bytes(key, CKA_EC_PARAMS, params.data, params.len);
    put_bytes(key, CKA_VALUE, value.data, value.len);
    put_bool(key, CKA_SIGN, type != CKK_EC_MONTGOMERY);
    put_bool(key, CKA_DERIVE, type != CKK_EC_EDWARDS);
}

void key_dh(attrs *key, CK_OBJECT_CLASS class, const kat_case *c, span value)
{
    const span prime = case_hex(c, "Prime");
    const span base = case_hex(c, "Base");
    const span subprime = case_hex(c, "Subprime");

    put_ulong(key, CKA_CLASS, class);
    put_ulong(key, CKA_KEY_TYPE, subprime.len > 0 ? CKK_X9_42_DH : CKK_DH);
    put_bytes(key, CKA_PRIME, prime.data, prime.len);
    put_bytes(key, CKA_BASE, base.data, base.len);
    if (subprime.len > 0)
        put_bytes(key, CKA_SUBPRIME, subprime.data, subprime.len);
    put_bytes(key, CKA_VALUE, value.data, value.len);
    if (class == CKO_PRIVATE_KEY) {
        put_bool(key, CKA_DERIVE, true);
        put_bool(key, CKA_DECAPSULATE, true);
    }
}

#define COMPOSITE(NAME, SET)                                  \
    {                                                         \
        NAME, CKK_CRATON_COMP_SIG, CKP_CRATON_COMP_SIG_##SET, \
    }
static const struct {
    const char *name;
    CK_KEY_TYPE type;
    CK_ULONG set;
} sets[] = {
    { "ML-DSA-44", CKK_ML_DSA, CKP_ML_DSA_44 },
    { "ML-DSA-65", CKK_ML_DSA, CKP_ML_DSA_65 },
    { "ML-DSA-87", CKK_ML_DSA, CKP_ML_DSA_87 },
    { "ML-KEM-512", CKK_ML_KEM, CKP_ML_KEM_512 },
    { "ML-KEM-768", CKK_ML_KEM, CKP_ML_KEM_768 },
    { "ML-KEM-1024", CKK_ML_KEM, CKP_ML_KEM_1024 },
    { "SLH-DSA-SHA2-128s", CKK_SLH_DSA, CKP_SLH_DSA_SHA2_128S },
    { "SLH-DSA-SHA2-128f", CKK_SLH_DSA, CKP_SLH_DSA_SHA2_128F },
    { "SLH-DSA-SHA2-192s", CKK_SLH_DSA, CKP_SLH_DSA_SHA2_192S },
    { "SLH-DSA-SHA2-192f", CKK_SLH_DSA, CKP_SLH_DSA_SHA2_192F },
    { "SLH-DSA-SHA2-256s", CKK_SLH_DSA, CKP_SLH_DSA_SHA2_256S },
    { "SLH-DSA-SHA2-256f", CKK_SLH_DSA, CKP_SLH_DSA_SHA2_256F },
    { "SLH-DSA-SHAKE-128s", CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_128S },
    { "SLH-DSA-SHAKE-128f", CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_128F },
    { "SLH-DSA-SHAKE-192s", CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_192S },
    { "SLH-DSA-SHAKE-192f", CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_192F },
    { "SLH-DSA-SHAKE-256s", CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_256S },
    { "SLH-DSA-SHAKE-256f", CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_256F },
    COMPOSITE("MLDSA44-Ed25519-SHA512", MLDSA44_ED25519_SHA512),
    COMPOSITE("MLDSA44-ECDSA-P256-SHA256", MLDSA44_ECDSA_P256_SHA256),
    COMPOSITE("MLDSA65-ECDSA-P256-SHA512", MLDSA65_ECDSA_P256_SHA512),
    COMPOSITE("MLDSA65-ECDSA-P384-SHA512", MLDSA65_ECDSA_P384_SHA512),
    COMPOSITE("MLDSA65-ECDSA-brainpoolP256r1-SHA512", MLDSA65_ECDSA_BRAINPOOLP256R1_SHA512),
    COMPOSITE("MLDSA65-Ed25519-SHA512", MLDSA65_ED25519_SHA512),
    COMPOSITE("MLDSA87-ECDSA-P384-SHA512", MLDSA87_ECDSA_P384_SHA512),
    COMPOSITE("MLDSA87-ECDSA-brainpoolP384r1-SHA512", MLDSA87_ECDSA_BRAINPOOLP384R1_SHA512),
    COMPOSITE("MLDSA87-ECDSA-P521-SHA512", MLDSA87_ECDSA_P521_SHA512),
};

static bool start_pqc(attrs *key, const char *name, CK_OBJECT_CLASS class)
{
    const bool is_private = class == CKO_PRIVATE_KEY;

    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        if (strcasecmp(sets[i].name, name) != 0)
            continue;
        put_ulong(key, CKA_CLASS, class);
        put_ulong(key, CKA_KEY_TYPE, sets[i].type);
        put_ulong(key, CKA_PARAMETER_SET, sets[i].set);
        if (sets[i].type == CKK_ML_KEM)
            put_bool(key, is_private ? CKA_DECAPSULATE : CKA_ENCAPSULATE, true);
        else
            put_bool(key, is_private ? CKA_SIGN : CKA_VERIFY, true);
        return true;
    }
    return false;
}

CK_MECHANISM_TYPE pqc_mechanism(const char *set)
{
    if (strncasecmp(set, "ML-KEM", 6) == 0)
        return CKM_ML_KEM;
    return strncasecmp(set, "ML-DSA", 6) == 0 ? CKM_ML_DSA : CKM_SLH_DSA;
}

bool key_pqc_public(attrs *key, const char *set, span value)
{
    if (!start_pqc(key, set, CKO_PUBLIC_KEY))
        return false;
    put_bytes(key, CKA_VALUE, value.data, value.len);
    return true;
}

bool key_pqc_private(attrs *key, const char *set, span value, span seed)
{
    if (!start_pqc(key, set, CKO_PRIVATE_KEY))
        return false;
    if (seed.len > 0)
        put_bytes(key, CKA_SEED, seed.data, seed.len);
    if (value.len > 0)
        put_bytes(key, CKA_VALUE, value.data, value.len);
    put_bool(key, CKA_SENSITIVE, false);
    put_bool(key, CKA_EXTRACTABLE, true);
    return true;
}

span key_attr(const attrs *key, CK_ATTRIBUTE_TYPE type)
{
    for (CK_ULONG i = 0; i < key->count; i++)
        if (key->at[i].type == type)
            return (span){ key->at[i].pValue, key->at[i].ulValueLen };
    return (span){ (const uint8_t *)"", 0 };
}

CK_KEY_TYPE key_type_of(const attrs *key)
{
    const span value = key_attr(key, CKA_KEY_TYPE);
    CK_KEY_TYPE type = CK_UNAVAILABLE_INFORMATION;

    if (value.len == sizeof type)
        memcpy(&type, value.data, sizeof type);
    return type;
}
