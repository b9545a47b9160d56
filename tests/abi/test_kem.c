/* C_EncapsulateKey and C_DecapsulateKey: ML-KEM, RSA, elliptic curves. */
#include "pkcs11/pkcs11_craton.h"
#include "support.h"

static pair generate_ml_kem(CK_SESSION_HANDLE session)
{
    CK_MECHANISM mechanism = { CKM_ML_KEM_KEY_PAIR_GEN, NULL, 0 };
    attrs public_tmpl = { .count = 0 };
    pair keys = { CK_INVALID_HANDLE, CK_INVALID_HANDLE };

    put_ulong(&public_tmpl, CKA_PARAMETER_SET, CKP_ML_KEM_768);
    CHECK_OK(p11->C_GenerateKeyPair(session, &mechanism, public_tmpl.at, public_tmpl.count, NULL, 0,
                                    &keys.public_key, &keys.private_key));
    return keys;
}

static void put_secret(attrs *tmpl, CK_KEY_TYPE type, CK_ULONG value_len)
{
    put_ulong(tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(tmpl, CKA_KEY_TYPE, type);
    put_bool(tmpl, CKA_SENSITIVE, false);
    if (value_len > 0)
        put_ulong(tmpl, CKA_VALUE_LEN, value_len);
}

/* Both ends make the same key, of this length. */
static void check_kem(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, const pair *keys,
                      attrs *tmpl, size_t want_len)
{
    CK_OBJECT_HANDLE sent = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE received = CK_INVALID_HANDLE;
    CK_BYTE ciphertext[4096];
    CK_BYTE a[512];
    CK_BYTE b[512];
    CK_ULONG len = 0;

    CHECK_OK(p11_3->C_EncapsulateKey(session, mechanism, keys->public_key, tmpl->at, tmpl->count,
                                     NULL, &len, &sent));
    CHECK_EQ(sent, CK_INVALID_HANDLE);
    CK_ULONG room = len - 1;
    CHECK_EQ(p11_3->C_EncapsulateKey(session, mechanism, keys->public_key, tmpl->at, tmpl->count,
                                     ciphertext, &room, &sent),
             CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(room, len);
    room = sizeof ciphertext;
    REQUIRE_OK(p11_3->C_EncapsulateKey(session, mechanism, keys->public_key, tmpl->at, tmpl->count,
                                       ciphertext, &room, &sent));
    CHECK_EQ(room, len);
    REQUIRE_OK(p11_3->C_DecapsulateKey(session, mechanism, keys->private_key, tmpl->at, tmpl->count,
                                       ciphertext, len, &received));
    CHECK_EQ(get_attr(session, sent, CKA_VALUE, a, sizeof a), want_len);
    CHECK_EQ(get_attr(session, received, CKA_VALUE, b, sizeof b), want_len);
    CHECK_BYTES(a, want_len, b, want_len);
    for (int i = 0; i < 2; i++) {
        const CK_OBJECT_HANDLE key = i == 0 ? sent : received;

        CHECK_THAT(get_bool(session, key, CKA_EXTRACTABLE));
        CHECK_THAT(!get_bool(session, key, CKA_LOCAL));
        CHECK_THAT(!get_bool(session, key, CKA_ALWAYS_SENSITIVE));
        CHECK_THAT(!get_bool(session, key, CKA_NEVER_EXTRACTABLE));
    }
    CHECK_EQ(p11_3->C_DecapsulateKey(session, mechanism, keys->private_key, tmpl->at, tmpl->count,
                                     ciphertext, len - 1, &received),
             CKR_WRAPPED_KEY_LEN_RANGE);
}

static void ml_kem_makes_keys(void)
{
    FIXTURE(fix);
    REQUIRE_THAT(p11_3 != NULL);
    CK_MECHANISM mechanism = { CKM_ML_KEM, NULL, 0 };
    const pair keys = generate_ml_kem(fix.session);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_BYTE ciphertext[1088];
    CK_ULONG len = sizeof ciphertext;
    attrs aes = { .count = 0 };
    attrs generic = { .count = 0 };
    attrs token = { .count = 0 };
    attrs too_short = { .count = 0 };

    put_secret(&aes, CKK_AES, 0);
    check_kem(fix.session, &mechanism, &keys, &aes, 32);
    put_secret(&generic, CKK_GENERIC_SECRET, 32);
    check_kem(fix.session, &mechanism, &keys, &generic, 32);
    put_secret(&token, CKK_AES, 32);
    put_bool(&token, CKA_TOKEN, true);
    check_kem(fix.session, &mechanism, &keys, &token, 32);

    put_secret(&too_short, CKK_AES, 16);
    CHECK_EQ(p11_3->C_EncapsulateKey(fix.session, &mechanism, keys.public_key, too_short.at,
                                     too_short.count, ciphertext, &len, &key),
             CKR_KEY_SIZE_RANGE);
    CHECK_EQ(p11_3->C_EncapsulateKey(fix.session, &mechanism, keys.private_key, aes.at, aes.count,
                                     ciphertext, &len, &key),
             CKR_KEY_HANDLE_INVALID);
    CHECK_EQ(p11_3->C_DecapsulateKey(fix.session, &mechanism, keys.public_key, aes.at, aes.count,
                                     ciphertext, len, &key),
             CKR_UNWRAPPING_KEY_HANDLE_INVALID);
    CHECK_EQ(p11_3->C_EncapsulateKey(fix.session, &mechanism, keys.public_key, aes.at, aes.count,
                                     ciphertext, &len, NULL),
             CKR_ARGUMENTS_BAD);
    CHECK_EQ(p11_3->C_EncapsulateKey(fix.session, &mechanism, keys.public_key, aes.at, aes.count,
                                     ciphertext, NULL, &key),
             CKR_ARGUMENTS_BAD);
    CHECK_EQ(key, CK_INVALID_HANDLE);
    CK_MECHANISM wrong = { CKM_ML_DSA, NULL, 0 };
    CHECK_EQ(p11_3->C_EncapsulateKey(fix.session, &wrong, keys.public_key, aes.at, aes.count,
                                     ciphertext, &len, &key),
             CKR_MECHANISM_INVALID);
}

static void usage_attributes_are_asked(void)
{
    FIXTURE(fix);
    REQUIRE_THAT(p11_3 != NULL);
    CK_MECHANISM mechanism = { CKM_ML_KEM, NULL, 0 };
    const pair keys = generate_ml_kem(fix.session);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_BYTE ciphertext[1088] = { 0 };
    CK_ULONG len = sizeof ciphertext;
    attrs aes = { .count = 0 };
    attrs no_sending = { .count = 0 };
    attrs no_receiving = { .count = 0 };

    put_secret(&aes, CKK_AES, 0);
    put_bool(&no_sending, CKA_ENCAPSULATE, false);
    put_bool(&no_receiving, CKA_DECAPSULATE, false);
    CHECK_OK(p11->C_SetAttributeValue(fix.session, keys.public_key, no_sending.at, 1));
    CHECK_OK(p11->C_SetAttributeValue(fix.session, keys.private_key, no_receiving.at, 1));
    CHECK_EQ(p11_3->C_EncapsulateKey(fix.session, &mechanism, keys.public_key, aes.at, aes.count,
                                     ciphertext, &len, &key),
             CKR_KEY_FUNCTION_NOT_PERMITTED);
    CHECK_EQ(p11_3->C_DecapsulateKey(fix.session, &mechanism, keys.private_key, aes.at, aes.count,
                                     ciphertext, len, &key),
             CKR_KEY_FUNCTION_NOT_PERMITTED);
}

static void templates_of_the_keys_hold(void)
{
    FIXTURE(fix);
    REQUIRE_THAT(p11_3 != NULL);
    CK_MECHANISM generation = { CKM_ML_KEM_KEY_PAIR_GEN, NULL, 0 };
    CK_MECHANISM mechanism = { CKM_ML_KEM, NULL, 0 };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_BYTE ciphertext[1088];
    CK_ULONG len = sizeof ciphertext;
    attrs sending = { .count = 0 };
    attrs receiving = { .count = 0 };
    attrs public_tmpl = { .count = 0 };
    attrs private_tmpl = { .count = 0 };
    attrs aes = { .count = 0 };
    attrs generic = { .count = 0 };
    attrs open_one = { .count = 0 };
    pair keys;

    put_ulong(&sending, CKA_KEY_TYPE, CKK_AES);
    put_bool(&receiving, CKA_EXTRACTABLE, false);
    put_ulong(&public_tmpl, CKA_PARAMETER_SET, CKP_ML_KEM_768);
    put_bytes(&public_tmpl, CKA_ENCAPSULATE_TEMPLATE, sending.at, sizeof sending.at[0]);
    put_bytes(&private_tmpl, CKA_DECAPSULATE_TEMPLATE, receiving.at, sizeof receiving.at[0]);
    REQUIRE_OK(p11->C_GenerateKeyPair(fix.session, &generation, public_tmpl.at, public_tmpl.count,
                                      private_tmpl.at, private_tmpl.count, &keys.public_key,
                                      &keys.private_key));
    put_secret(&generic, CKK_GENERIC_SECRET, 0);
    CHECK_EQ(p11_3->C_EncapsulateKey(fix.session, &mechanism, keys.public_key, generic.at,
                                     generic.count, ciphertext, &len, &key),
             CKR_KEY_HANDLE_INVALID);
    put_secret(&aes, CKK_AES, 0);
    REQUIRE_OK(p11_3->C_EncapsulateKey(fix.session, &mechanism, keys.public_key, aes.at, aes.count,
                                       ciphertext, &len, &key));
    CHECK_THAT(get_bool(fix.session, key, CKA_EXTRACTABLE));
    REQUIRE_OK(p11_3->C_DecapsulateKey(fix.session, &mechanism, keys.private_key, aes.at, aes.count,
                                       ciphertext, len, &key));
    CHECK_THAT(!get_bool(fix.session, key, CKA_EXTRACTABLE));
    put_secret(&open_one, CKK_AES, 0);
    put_bool(&open_one, CKA_EXTRACTABLE, true);
    CHECK_EQ(p11_3->C_DecapsulateKey(fix.session, &mechanism, keys.private_key, open_one.at,
                                     open_one.count, ciphertext, len, &key),
             CKR_TEMPLATE_INCONSISTENT);
}

/* The usages are off by default for keys that have older ones. */
static void allow_kem(CK_SESSION_HANDLE session, const pair *keys)
{
    attrs sending = { .count = 0 };
    attrs receiving = { .count = 0 };

    put_bool(&sending, CKA_ENCAPSULATE, true);
    put_bool(&receiving, CKA_DECAPSULATE, true);
    CHECK_OK(p11->C_SetAttributeValue(session, keys->public_key, sending.at, 1));
    CHECK_OK(p11->C_SetAttributeValue(session, keys->private_key, receiving.at, 1));
}

static void rsa_and_curves_make_keys(void)
{
    FIXTURE(fix);
    REQUIRE_THAT(p11_3 != NULL);
    CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0 };
    CK_ECDH1_DERIVE_PARAMS ecdh = { CKD_NULL, 0, NULL, 0, NULL };
    CK_MECHANISM by_oaep = { CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep };
    CK_MECHANISM by_pkcs = { CKM_RSA_PKCS, NULL, 0 };
    CK_MECHANISM by_ecdh = { CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh };
    const pair rsa = generate_pair(fix.session, &rsa_2048, false, "rsa");
    const pair ec = generate_pair(fix.session, &p_256, false, "ec");
    const pair x = generate_pair(fix.session, &x_25519, false, "x");
    attrs aes = { .count = 0 };

    put_secret(&aes, CKK_AES, 32);
    allow_kem(fix.session, &rsa);
    allow_kem(fix.session, &ec);
    allow_kem(fix.session, &x);
    check_kem(fix.session, &by_oaep, &rsa, &aes, 32);
    check_kem(fix.session, &by_pkcs, &rsa, &aes, 32);
    check_kem(fix.session, &by_ecdh, &ec, &aes, 32);
    check_kem(fix.session, &by_ecdh, &x, &aes, 32);
}

static void hybrids_make_keys(void)
{
    static const CK_ULONG sets[] = { CKP_CRATON_COMP_KEM_MLKEM768_X25519,
                                     CKP_CRATON_COMP_KEM_MLKEM768_ECDH_P256,
                                     CKP_CRATON_COMP_KEM_MLKEM1024_ECDH_P384 };
    FIXTURE(fix);
    REQUIRE_THAT(p11_3 != NULL);
    CK_MECHANISM generation = { CKM_CRATON_COMP_KEM_KEY_PAIR_GEN, NULL, 0 };
    CK_MECHANISM mechanism = { CKM_CRATON_COMP_KEM, NULL, 0 };
    attrs aes = { .count = 0 };

    put_secret(&aes, CKK_AES, 32);
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        attrs tmpl = { .count = 0 };
        pair keys;

        put_ulong(&tmpl, CKA_PARAMETER_SET, sets[i]);
        REQUIRE_OK(p11->C_GenerateKeyPair(fix.session, &generation, tmpl.at, tmpl.count, NULL, 0,
                                          &keys.public_key, &keys.private_key));
        check_kem(fix.session, &mechanism, &keys, &aes, 32);
    }
}

static const check_test tests[] = {
    CHECK_TEST(ml_kem_makes_keys),          CHECK_TEST(usage_attributes_are_asked),
    CHECK_TEST(templates_of_the_keys_hold), CHECK_TEST(rsa_and_curves_make_keys),
    CHECK_TEST(hybrids_make_keys),
};
CHECK_MAIN(tests)
