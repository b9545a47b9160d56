/* Sentences of PKCS#11 v3.2 about RSA and elliptic curves (6.1, 6.3) that are easily passed over. */
#include "support.h"

static CK_RV rsa_pair(CK_SESSION_HANDLE session, const char *exponent, CK_OBJECT_HANDLE *keys)
{
    CK_MECHANISM gen = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
    CK_BYTE bytes[80];
    attrs pub = { .count = 0 }, priv = { .count = 0 };

    put_ulong(&pub, CKA_MODULUS_BITS, 2048);
    put_bool(&pub, CKA_ENCRYPT, true);
    put_bool(&priv, CKA_DECRYPT, true);
    put_bytes(&pub, CKA_PUBLIC_EXPONENT, bytes, from_hex(exponent, bytes, sizeof bytes));
    return p11->C_GenerateKeyPair(session, &gen, pub.at, pub.count, priv.at, priv.count, &keys[0],
                                  &keys[1]);
}

/* "CKR_TEMPLATE_INCONSISTENT shall be returned if the implementation cannot use the supplied exponent
 * value." */
static void exponents_that_can_not_be(void)
{
    static const char *const bad[] = { "01", "02", "04", "010000" };
    FIXTURE(fix);
    CK_OBJECT_HANDLE keys[2] = { 0, 0 };
    CK_BYTE got[8];

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CASE(bad[i]);
        CHECK_EQ(rsa_pair(fix.session, bad[i], keys), CKR_TEMPLATE_INCONSISTENT);
    }
    CHECK_OK(rsa_pair(fix.session, "010001", keys));
    CHECK_EQ(get_attr(fix.session, keys[1], CKA_PUBLIC_EXPONENT, got, sizeof got), 3);
}

/* "CKR_DATA_INVALID (if plaintext ... is numerically at least as large as the modulus)", and
 * CKR_ENCRYPTED_DATA_INVALID on the way back. */
static void numbers_above_the_modulus(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    CK_MECHANISM raw = { CKM_RSA_X_509, NULL, 0 };
    CK_OBJECT_HANDLE keys[2] = { 0, 0 };
    CK_BYTE large[256], out[256];
    CK_ULONG len = sizeof out;

    memset(large, 0xff, sizeof large);
    REQUIRE_OK(rsa_pair(h, "010001", keys));
    CHECK_OK(p11->C_EncryptInit(h, &raw, keys[0]));
    CHECK_EQ(p11->C_Encrypt(h, large, sizeof large, out, &len), CKR_DATA_INVALID);
    CHECK_OK(p11->C_DecryptInit(h, &raw, keys[1]));
    len = sizeof out;
    CHECK_EQ(p11->C_Decrypt(h, large, sizeof large, out, &len), CKR_ENCRYPTED_DATA_INVALID);
}

/* "The sLen field must be less than or equal to k*-2-hLen." */
static void salts_that_do_not_fit(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA256, CKG_MGF1_SHA256, 256 - 2 - 32 };
    CK_MECHANISM sign = { CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof pss };
    const pair keys = generate_pair(h, &rsa_2048, false, "rsa");
    CK_BYTE signature[256];
    CK_ULONG len = sizeof signature;

    CHECK_OK(p11->C_SignInit(h, &sign, keys.private_key));
    CHECK_OK(p11->C_Sign(h, utf8("text"), 4, signature, &len));
    CHECK_OK(p11->C_VerifyInit(h, &sign, keys.public_key));
    CHECK_OK(p11->C_Verify(h, utf8("text"), 4, signature, len));
    pss.sLen++;
    CHECK_EQ(p11->C_SignInit(h, &sign, keys.private_key), CKR_MECHANISM_PARAM_INVALID);
    CHECK_EQ(p11->C_VerifyInit(h, &sign, keys.public_key), CKR_MECHANISM_PARAM_INVALID);
    pss = (CK_RSA_PKCS_PSS_PARAMS){ CKM_SHA384, CKG_MGF1_SHA256, 32 };
    CHECK_EQ(p11->C_SignInit(h, &sign, keys.private_key), CKR_MECHANISM_PARAM_INVALID);
}

static CK_RV ec_pair(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type, const char *params,
                     pair *out)
{
    CK_MECHANISM gen = { type, NULL, 0 };
    CK_BYTE bytes[64];
    attrs pub = { .count = 0 }, priv = { .count = 0 };

    put_bytes(&pub, CKA_EC_PARAMS, bytes, from_hex(params, bytes, sizeof bytes));
    put_bool(&pub, CKA_VERIFY, true);
    put_bool(&priv, CKA_SIGN, true);
    return p11->C_GenerateKeyPair(session, &gen, pub.at, pub.count, priv.at, priv.count,
                                  &out->public_key, &out->private_key);
}

#define P_521 "06052b81040023"
#define P_192 "06082a8648ce3d030101"
#define ED_25519 "06032b6570"
#define X_25519 "06032b656e"

/* The error says what is wrong with a curve: not known here, or not well said. */
static void curves_that_can_not_be(void)
{
    static const struct {
        const char *label;
        CK_MECHANISM_TYPE gen;
        const char *params;
        CK_RV want;
    } cases[] = {
        { "P-192", CKM_EC_KEY_PAIR_GEN, P_192, CKR_CURVE_NOT_SUPPORTED },
        { "Ed25519 as another", CKM_EC_KEY_PAIR_GEN, ED_25519, CKR_CURVE_NOT_SUPPORTED },
        { "X25519 as another", CKM_EC_EDWARDS_KEY_PAIR_GEN, X_25519, CKR_CURVE_NOT_SUPPORTED },
        { "P-521 as another", CKM_EC_MONTGOMERY_KEY_PAIR_GEN, P_521, CKR_CURVE_NOT_SUPPORTED },
        { "cut off", CKM_EC_KEY_PAIR_GEN, "06052b8104", CKR_DOMAIN_PARAMS_INVALID },
        { "implicit", CKM_EC_KEY_PAIR_GEN, "0500", CKR_DOMAIN_PARAMS_INVALID },
        { "no DER", CKM_EC_KEY_PAIR_GEN, "ffff", CKR_DOMAIN_PARAMS_INVALID },
    };
    FIXTURE(fix);
    pair keys;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CASE(cases[i].label);
        CHECK_EQ(ec_pair(fix.session, cases[i].gen, cases[i].params, &keys), cases[i].want);
    }
}

static const check_test tests[] = {
    CHECK_TEST(exponents_that_can_not_be),
    CHECK_TEST(numbers_above_the_modulus),
    CHECK_TEST(salts_that_do_not_fit),
    CHECK_TEST(curves_that_can_not_be),
};
CHECK_MAIN(tests)
