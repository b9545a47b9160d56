/* Wrapping under a key that RSA or ECDH carries: taken apart again by the mechanisms it is made of. */
#include "support.h"

#define ROOM 8192

static const CK_BYTE target_value[21] = "a target of 20 bytes";

static CK_OBJECT_HANDLE target_key(CK_SESSION_HANDLE session)
{
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    put_bytes(&tmpl, CKA_VALUE, target_value, 20);
    put_bool(&tmpl, CKA_EXTRACTABLE, true);
    CHECK_EQ(p11->C_CreateObject(session, tmpl.at, tmpl.count, &key), CKR_OK);
    return key;
}

static void open_secret(attrs *tmpl, CK_KEY_TYPE type)
{
    tmpl->count = 0;
    put_ulong(tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(tmpl, CKA_KEY_TYPE, type);
    put_bool(tmpl, CKA_SENSITIVE, false);
    put_bool(tmpl, CKA_EXTRACTABLE, true);
}

static void check_target(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_BYTE value[64];
    const size_t len = get_attr(session, key, CKA_VALUE, value, sizeof value);

    if (CHECK_THAT(len != SIZE_MAX))
        CHECK_BYTES(value, len, target_value, 20);
}

/* There and back, with the length asked for first, and every byte of the result changed once. */
static CK_ULONG there_and_back(const fixture *fix, CK_MECHANISM *mechanism, const pair *keys,
                               CK_BYTE *wrapped)
{
    CK_OBJECT_HANDLE back = CK_INVALID_HANDLE;
    CK_ULONG asked = 0;
    CK_ULONG len = ROOM;
    attrs tmpl;

    const CK_OBJECT_HANDLE target = target_key(fix->session);
    CHECK_EQ(p11->C_WrapKey(fix->session, mechanism, keys->public_key, target, NULL, &asked),
             CKR_OK);
    CHECK_EQ(p11->C_WrapKey(fix->session, mechanism, keys->public_key, target, wrapped, &len),
             CKR_OK);
    CHECK_EQ(len, asked);
    open_secret(&tmpl, CKK_GENERIC_SECRET);
    CHECK_EQ(p11->C_UnwrapKey(fix->session, mechanism, keys->private_key, wrapped, len, tmpl.at,
                              tmpl.count, &back),
             CKR_OK);
    check_target(fix->session, back);
    for (CK_ULONG i = 0; i < len; i += 7) {
        wrapped[i] ^= 0x20;
        const CK_RV rv = p11->C_UnwrapKey(fix->session, mechanism, keys->private_key, wrapped, len,
                                          tmpl.at, tmpl.count, &back);
        CHECK_EQ(rv, CKR_WRAPPED_KEY_INVALID);
        wrapped[i] ^= 0x20;
    }
    for (CK_ULONG shorter = 1; shorter < len; shorter += 13)
        CHECK_EQ(p11->C_UnwrapKey(fix->session, mechanism, keys->private_key, wrapped, shorter,
                                  tmpl.at, tmpl.count, &back),
                 CKR_WRAPPED_KEY_INVALID);
    return len;
}

/* Unwraps the part after the head with an AES key given by value. */
static void check_tail(const fixture *fix, const CK_BYTE *aes, CK_ULONG aes_len, CK_BYTE *tail,
                       CK_ULONG tail_len)
{
    CK_MECHANISM kwp = { CKM_AES_KEY_WRAP_KWP, NULL, 0 };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    attrs tmpl;

    open_secret(&tmpl, CKK_GENERIC_SECRET);
    const CK_OBJECT_HANDLE kek = import_secret(fix->session, CKK_AES, aes, aes_len);
    CHECK_EQ(p11->C_UnwrapKey(fix->session, &kwp, kek, tail, tail_len, tmpl.at, tmpl.count, &key),
             CKR_OK);
    check_target(fix->session, key);
}

static void rsa_aes(void)
{
    FIXTURE(fix);
    static CK_BYTE wrapped[ROOM];
    CK_RSA_PKCS_OAEP_PARAMS oaep = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0 };
    CK_RSA_AES_KEY_WRAP_PARAMS params = { 256, &oaep };
    CK_MECHANISM mechanism = { CKM_RSA_AES_KEY_WRAP, &params, sizeof params };
    CK_MECHANISM inner = { CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep };
    CK_BYTE aes[256];
    CK_ULONG aes_len = sizeof aes;

    const pair keys = generate_pair(fix.session, &rsa_2048, false, "carrier");
    const CK_ULONG len = there_and_back(&fix, &mechanism, &keys, wrapped);
    CHECK_EQ(len, 256 + 24 + 8);
    CHECK_EQ(p11->C_DecryptInit(fix.session, &inner, keys.private_key), CKR_OK);
    CHECK_EQ(p11->C_Decrypt(fix.session, wrapped, 256, aes, &aes_len), CKR_OK);
    CHECK_EQ(aes_len, 32);
    check_tail(&fix, aes, aes_len, wrapped + 256, len - 256);

    CASE("no other size of AES, no missing parameter");
    CK_ULONG room = ROOM;
    const CK_OBJECT_HANDLE target = target_key(fix.session);
    params.ulAESKeyBits = 64;
    CHECK_EQ(p11->C_WrapKey(fix.session, &mechanism, keys.public_key, target, wrapped, &room),
             CKR_MECHANISM_PARAM_INVALID);
    params = (CK_RSA_AES_KEY_WRAP_PARAMS){ 128, NULL };
    CHECK_EQ(p11->C_WrapKey(fix.session, &mechanism, keys.public_key, target, wrapped, &room),
             CKR_MECHANISM_PARAM_INVALID);
}

/* A pair that may wrap, which elliptic curve keys do not by themselves. */
static pair ec_pair(CK_SESSION_HANDLE session, const pair_kind *kind)
{
    CK_MECHANISM mechanism = { kind->mechanism, NULL, 0 };
    pair made = { CK_INVALID_HANDLE, CK_INVALID_HANDLE };
    attrs public_tmpl = { .count = 0 };
    attrs private_tmpl = { .count = 0 };

    put_bytes(&public_tmpl, CKA_EC_PARAMS, kind->params, kind->params_len);
    put_bool(&public_tmpl, CKA_WRAP, true);
    put_bool(&private_tmpl, CKA_UNWRAP, true);
    put_bool(&private_tmpl, CKA_DERIVE, true);
    CHECK_EQ(p11->C_GenerateKeyPair(session, &mechanism, public_tmpl.at, public_tmpl.count,
                                    private_tmpl.at, private_tmpl.count, &made.public_key,
                                    &made.private_key),
             CKR_OK);
    return made;
}

static void ecdh_aes(void)
{
    static const struct {
        const pair_kind *kind;
        CK_MECHANISM_TYPE mechanism;
        CK_ULONG point_len;
    } cases[] = {
        { &p_256, CKM_ECDH_AES_KEY_WRAP, 65 },
        { &p_384, CKM_ECDH_COF_AES_KEY_WRAP, 97 },
        { &x_25519, CKM_ECDH_X_AES_KEY_WRAP, 32 },
    };
    FIXTURE(fix);
    static CK_BYTE wrapped[ROOM];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CK_ECDH_AES_KEY_WRAP_PARAMS params = { 256, CKD_SHA256_KDF, 6, utf8("shared") };
        CK_MECHANISM mechanism = { cases[i].mechanism, &params, sizeof params };
        CK_ECDH1_DERIVE_PARAMS ecdh = { CKD_SHA256_KDF, 6, utf8("shared"), cases[i].point_len,
                                        wrapped };
        CK_MECHANISM derive = { CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh };
        CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
        CK_BYTE aes[32];
        attrs tmpl;

        CASE(i == 0 ? "P-256" : i == 1 ? "P-384" : "X25519");
        const pair keys = ec_pair(fix.session, cases[i].kind);
        const CK_ULONG len = there_and_back(&fix, &mechanism, &keys, wrapped);
        CHECK_EQ(len, cases[i].point_len + 24 + 8);
        open_secret(&tmpl, CKK_AES);
        put_ulong(&tmpl, CKA_VALUE_LEN, 32);
        CHECK_EQ(
            p11->C_DeriveKey(fix.session, &derive, keys.private_key, tmpl.at, tmpl.count, &key),
            CKR_OK);
        CHECK_EQ(get_attr(fix.session, key, CKA_VALUE, aes, sizeof aes), 32);
        check_tail(&fix, aes, 32, wrapped + cases[i].point_len, len - cases[i].point_len);
    }
}

static const check_test tests[] = {
    CHECK_TEST(rsa_aes),
    CHECK_TEST(ecdh_aes),
};
CHECK_MAIN(tests)
