/* Composite signatures through the C ABI; the published ones are in tests/kat/vectors/composite.txt. */
#include "pkcs11/pkcs11_craton.h"
#include "support.h"

enum { SIGNATURE_MAX = 4766, PUBLIC_MAX = 2725 };

static const struct {
    const char *name;
    CK_ULONG set;
    CK_ULONG public_len;
    CK_ULONG private_len;
    CK_ULONG lattice_len; /* of ML-DSA's signature */
    CK_ULONG longest;     /* of the whole */
    CK_ULONG hash_len;
} sets[] = {
    { "MLDSA44-Ed25519", CKP_CRATON_COMP_SIG_MLDSA44_ED25519_SHA512, 1344, 64, 2420, 2484, 64 },
    { "MLDSA44-P256", CKP_CRATON_COMP_SIG_MLDSA44_ECDSA_P256_SHA256, 1377, 83, 2420, 2492, 32 },
    { "MLDSA65-P256", CKP_CRATON_COMP_SIG_MLDSA65_ECDSA_P256_SHA512, 2017, 83, 3309, 3381, 64 },
    { "MLDSA65-P384", CKP_CRATON_COMP_SIG_MLDSA65_ECDSA_P384_SHA512, 2049, 96, 3309, 3413, 64 },
    { "MLDSA65-BP256", CKP_CRATON_COMP_SIG_MLDSA65_ECDSA_BRAINPOOLP256R1_SHA512, 2017, 84, 3309,
      3381, 64 },
    { "MLDSA65-Ed25519", CKP_CRATON_COMP_SIG_MLDSA65_ED25519_SHA512, 1984, 64, 3309, 3373, 64 },
    { "MLDSA87-P384", CKP_CRATON_COMP_SIG_MLDSA87_ECDSA_P384_SHA512, 2689, 96, 4627, 4731, 64 },
    { "MLDSA87-BP384", CKP_CRATON_COMP_SIG_MLDSA87_ECDSA_BRAINPOOLP384R1_SHA512, 2689, 100, 4627,
      4731, 64 },
    { "MLDSA87-P521", CKP_CRATON_COMP_SIG_MLDSA87_ECDSA_P521_SHA512, 2725, 114, 4627, 4766, 64 },
};
enum { P256 = 2 };

static CK_RV generate(CK_SESSION_HANDLE session, CK_ULONG set, pair *keys)
{
    CK_MECHANISM mechanism = { CKM_CRATON_COMP_SIG_KEY_PAIR_GEN, NULL, 0 };
    attrs pub = { .count = 0 };
    attrs priv = { .count = 0 };

    put_ulong(&pub, CKA_PARAMETER_SET, set);
    put_bool(&priv, CKA_SENSITIVE, false);
    put_bool(&priv, CKA_EXTRACTABLE, true);
    return p11->C_GenerateKeyPair(session, &mechanism, pub.at, pub.count, priv.at, priv.count,
                                  &keys->public_key, &keys->private_key);
}

static CK_BYTE message[1000] = "what is signed";
static CK_BYTE signature[SIGNATURE_MAX];

static CK_ULONG sign(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                     CK_ULONG len)
{
    CK_ULONG signature_len = sizeof signature;

    CHECK_OK(p11->C_SignInit(session, mechanism, key));
    return CHECK_OK(p11->C_Sign(session, message, len, signature, &signature_len)) ? signature_len
                                                                                   : 0;
}

static CK_RV verify(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                    CK_ULONG len, CK_ULONG signature_len)
{
    CHECK_OK(p11->C_VerifyInit(session, mechanism, key));
    return p11->C_Verify(session, message, len, signature, signature_len);
}

static void every_set_signs_and_verifies(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_CRATON_COMP_SIG, NULL, 0 };
    CK_BYTE value[PUBLIC_MAX];

    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        pair keys;

        CASE(sets[i].name);
        REQUIRE_OK(generate(fix.session, sets[i].set, &keys));
        CHECK_EQ(get_attr(fix.session, keys.public_key, CKA_VALUE, value, sizeof value),
                 sets[i].public_len);
        CHECK_EQ(get_attr(fix.session, keys.private_key, CKA_VALUE, value, sizeof value),
                 sets[i].private_len);
        const CK_ULONG len = sign(fix.session, &mechanism, keys.private_key, sizeof message);
        CHECK_THAT(len > sets[i].lattice_len && len <= sets[i].longest);
        CHECK_OK(verify(fix.session, &mechanism, keys.public_key, sizeof message, len));
        CHECK_EQ(verify(fix.session, &mechanism, keys.public_key, sizeof message - 1, len),
                 CKR_SIGNATURE_INVALID);
        /* either half alone must not do */
        signature[7] ^= 1;
        CHECK_EQ(verify(fix.session, &mechanism, keys.public_key, sizeof message, len),
                 CKR_SIGNATURE_INVALID);
        signature[7] ^= 1;
        signature[len - 1] ^= 1;
        CHECK_EQ(verify(fix.session, &mechanism, keys.public_key, sizeof message, len),
                 CKR_SIGNATURE_INVALID);
        signature[len - 1] ^= 1;
        CHECK_EQ(
            verify(fix.session, &mechanism, keys.public_key, sizeof message, sets[i].lattice_len),
            CKR_SIGNATURE_LEN_RANGE);
        CHECK_EQ(verify(fix.session, &mechanism, keys.public_key, sizeof message,
                        sets[i].lattice_len + 1),
                 CKR_SIGNATURE_INVALID);
        CHECK_EQ(
            verify(fix.session, &mechanism, keys.public_key, sizeof message, sets[i].longest + 1),
            CKR_SIGNATURE_LEN_RANGE);
    }
    pair keys;
    CHECK_EQ(generate(fix.session, CKP_CRATON_COMP_KEM_MLKEM768_X25519, &keys),
             CKR_PARAMETER_SET_NOT_SUPPORTED);
}

/* Parts, and no part at all, are the same message. */
static void parts_are_the_message(void)
{
    static const CK_ULONG lens[] = { 0, 1, 999 };
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_CRATON_COMP_SIG, NULL, 0 };
    pair keys;

    REQUIRE_OK(generate(fix.session, sets[P256].set, &keys));
    for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
        CK_ULONG len = sizeof signature;

        CHECK_OK(p11->C_SignInit(fix.session, &mechanism, keys.private_key));
        if (lens[i] > 0)
            CHECK_OK(p11->C_SignUpdate(fix.session, message, 1));
        if (lens[i] > 1)
            CHECK_OK(p11->C_SignUpdate(fix.session, message + 1, lens[i] - 1));
        CK_ULONG asked = 0;
        CHECK_OK(p11->C_SignFinal(fix.session, NULL, &asked));
        CHECK_EQ(asked, sets[P256].longest);
        CHECK_OK(p11->C_SignFinal(fix.session, signature, &len));
        CHECK_OK(verify(fix.session, &mechanism, keys.public_key, lens[i], len));
        CHECK_OK(p11->C_VerifyInit(fix.session, &mechanism, keys.public_key));
        CHECK_OK(p11->C_VerifyUpdate(fix.session, message, lens[i]));
        CHECK_OK(p11->C_VerifyFinal(fix.session, signature, len));
    }
}

/* The hash may be computed elsewhere: a signature by one mechanism is the other's. */
static void hash_from_outside(void)
{
    FIXTURE(fix);
    CK_MECHANISM whole = { CKM_CRATON_COMP_SIG, NULL, 0 };
    CK_MECHANISM hashed = { CKM_CRATON_COMP_SIG_EXTERNAL_HASH, NULL, 0 };
    CK_MECHANISM sha512 = { CKM_SHA512, NULL, 0 };
    CK_BYTE digest[65];
    CK_ULONG digest_len = sizeof digest;
    pair keys;

    REQUIRE_OK(generate(fix.session, sets[P256].set, &keys));
    CK_ULONG len = sign(fix.session, &whole, keys.private_key, 100);
    CHECK_OK(p11->C_DigestInit(fix.session, &sha512));
    CHECK_OK(p11->C_Digest(fix.session, message, 100, digest, &digest_len));
    CHECK_OK(p11->C_VerifyInit(fix.session, &hashed, keys.public_key));
    CHECK_OK(p11->C_Verify(fix.session, digest, 64, signature, len));
    CHECK_OK(p11->C_SignInit(fix.session, &hashed, keys.private_key));
    len = sizeof signature;
    CHECK_OK(p11->C_Sign(fix.session, digest, 64, signature, &len));
    CHECK_OK(verify(fix.session, &whole, keys.public_key, 100, len));
    for (CK_ULONG bad = 63; bad <= 65; bad += 2) {
        len = sizeof signature;
        CHECK_OK(p11->C_SignInit(fix.session, &hashed, keys.private_key));
        CHECK_EQ(p11->C_Sign(fix.session, digest, bad, signature, &len), CKR_DATA_LEN_RANGE);
    }
    CHECK_OK(p11->C_SignInit(fix.session, &hashed, keys.private_key));
    CHECK_THAT(p11->C_SignUpdate(fix.session, digest, 64) != CKR_OK);
}

static void contexts_have_a_limit(void)
{
    FIXTURE(fix);
    static CK_BYTE context[256];
    CK_SIGN_ADDITIONAL_CONTEXT param = { CKH_HEDGE_PREFERRED, context, 255 };
    CK_MECHANISM mechanism = { CKM_CRATON_COMP_SIG, &param, sizeof param };
    pair keys;

    REQUIRE_OK(generate(fix.session, sets[P256].set, &keys));
    const CK_ULONG len = sign(fix.session, &mechanism, keys.private_key, 10);
    CHECK_OK(verify(fix.session, &mechanism, keys.public_key, 10, len));
    context[254] = 1;
    CHECK_EQ(verify(fix.session, &mechanism, keys.public_key, 10, len), CKR_SIGNATURE_INVALID);
    param.ulContextLen = 256;
    CHECK_EQ(p11->C_SignInit(fix.session, &mechanism, keys.private_key),
             CKR_MECHANISM_PARAM_INVALID);
    param.ulContextLen = 0;
    param.hedgeVariant = 77;
    CHECK_EQ(p11->C_SignInit(fix.session, &mechanism, keys.private_key),
             CKR_MECHANISM_PARAM_INVALID);
}

/* Wrapped, unwrapped, and its public half taken from it: it is still the same key. */
static void keys_travel(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_CRATON_COMP_SIG, NULL, 0 };
    CK_MECHANISM kwp = { CKM_AES_KEY_WRAP_KWP, NULL, 0 };
    CK_MECHANISM derive = { CKM_PUB_KEY_FROM_PRIV_KEY, NULL, 0 };
    const CK_OBJECT_HANDLE kek = generate_aes(fix.session, 32, false, "kek");
    CK_OBJECT_HANDLE back = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE derived = CK_INVALID_HANDLE;

    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        CK_BYTE wrapped[512];
        CK_ULONG wrapped_len = sizeof wrapped;
        attrs tmpl = { .count = 0 };
        pair keys;

        CASE(sets[i].name);
        REQUIRE_OK(generate(fix.session, sets[i].set, &keys));
        REQUIRE_OK(p11->C_WrapKey(fix.session, &kwp, kek, keys.private_key, wrapped, &wrapped_len));
        put_ulong(&tmpl, CKA_CLASS, CKO_PRIVATE_KEY);
        put_ulong(&tmpl, CKA_KEY_TYPE, CKK_CRATON_COMP_SIG);
        REQUIRE_OK(p11->C_UnwrapKey(fix.session, &kwp, kek, wrapped, wrapped_len, tmpl.at,
                                    tmpl.count, &back));
        REQUIRE_OK(p11->C_DeriveKey(fix.session, &derive, back, NULL, 0, &derived));
        const CK_ULONG len = sign(fix.session, &mechanism, back, 10);
        CHECK_OK(verify(fix.session, &mechanism, keys.public_key, 10, len));
        CHECK_OK(verify(fix.session, &mechanism, derived, 10, len));
    }
}

static const check_test tests[] = {
    CHECK_TEST(every_set_signs_and_verifies),
    CHECK_TEST(parts_are_the_message),
    CHECK_TEST(hash_from_outside),
    CHECK_TEST(contexts_have_a_limit),
    CHECK_TEST(keys_travel),
};
CHECK_MAIN(tests)
