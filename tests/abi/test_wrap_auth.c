/* C_WrapKeyAuthenticated and C_UnwrapKeyAuthenticated: a published value, tags and vectors beside the
 * wrapped key, refusals; and vectors made by C_WrapKey. Every class of key: test_wrap_walk.c. */
#include "support.h"

enum { LEN = 60, TAG = 16 };

static CK_BYTE iv[12];
static CK_BYTE tag[TAG];
static CK_BYTE aad[20];
static CK_GCM_MESSAGE_PARAMS gcm = { iv, sizeof iv, 0, CKG_NO_GENERATE, tag, TAG * 8 };
static CK_MECHANISM mechanism = { CKM_AES_GCM, &gcm, sizeof gcm };

/* The GCM specification's test case 4: key, target and what comes of them. */
typedef struct published {
    CK_OBJECT_HANDLE wrapping, target;
    CK_BYTE value[LEN], cipher[LEN], tag[TAG];
} published;

static void load(published *p, CK_SESSION_HANDLE session)
{
    CK_BYTE key[16];

    gcm = (CK_GCM_MESSAGE_PARAMS){ iv, sizeof iv, 0, CKG_NO_GENERATE, tag, TAG * 8 };
    (void)from_hex("feffe9928665731c6d6a8f9467308308", key, sizeof key);
    (void)from_hex("cafebabefacedbaddecaf888", iv, sizeof iv);
    (void)from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2", aad, sizeof aad);
    (void)from_hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                   "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
                   p->value, sizeof p->value);
    (void)from_hex("42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
                   "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
                   p->cipher, sizeof p->cipher);
    (void)from_hex("5bc94fbc3221a5db94fae95ae7121a47", p->tag, sizeof p->tag);
    p->wrapping = import_secret(session, CKK_AES, key, sizeof key);
    p->target = import_secret(session, CKK_GENERIC_SECRET, p->value, LEN);
}

static CK_RV wrap(CK_SESSION_HANDLE session, const published *p, CK_BYTE *out, CK_ULONG *len)
{
    return p11_3->C_WrapKeyAuthenticated(session, &mechanism, p->wrapping, p->target, aad,
                                         sizeof aad, out, len);
}

static CK_RV unwrap(CK_SESSION_HANDLE session, const published *p, CK_BYTE *in, CK_ULONG len,
                    CK_OBJECT_HANDLE *out)
{
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    put_bool(&tmpl, CKA_SENSITIVE, false);
    put_bool(&tmpl, CKA_EXTRACTABLE, true);
    return p11_3->C_UnwrapKeyAuthenticated(session, &mechanism, p->wrapping, in, len, tmpl.at,
                                           tmpl.count, aad, sizeof aad, out);
}

static void published_value(void)
{
    FIXTURE(fix);
    published p;
    CK_BYTE out[LEN];
    CK_BYTE value[LEN];
    CK_ULONG len = sizeof out;
    CK_OBJECT_HANDLE back = CK_INVALID_HANDLE;

    load(&p, fix.session);
    CHECK_OK(wrap(fix.session, &p, out, &len));
    CHECK_BYTES(out, len, p.cipher, LEN);
    CHECK_BYTES(tag, TAG, p.tag, TAG);
    gcm.ivGenerator = CKG_GENERATE; /* ignored on the way back */
    gcm.ulIvFixedBits = 7;
    CHECK_OK(unwrap(fix.session, &p, out, len, &back));
    CHECK_EQ(get_attr(fix.session, back, CKA_VALUE, value, sizeof value), LEN);
    CHECK_BYTES(value, LEN, p.value, LEN);
}

static void everything_is_authenticated(void)
{
    FIXTURE(fix);
    published p;
    CK_OBJECT_HANDLE back = CK_INVALID_HANDLE;

    load(&p, fix.session);
    memcpy(tag, p.tag, TAG);
    CK_BYTE *spots[] = { tag, tag + TAG - 1, aad, aad + sizeof aad - 1, iv, p.cipher };
    for (size_t i = 0; i < ARRAY_LEN(spots); i++) {
        *spots[i] ^= 1;
        CHECK_EQ(unwrap(fix.session, &p, p.cipher, LEN, &back), CKR_WRAPPED_KEY_INVALID);
        *spots[i] ^= 1;
    }
    CHECK_EQ(unwrap(fix.session, &p, p.cipher, LEN - 1, &back), CKR_WRAPPED_KEY_INVALID);
    CHECK_OK(unwrap(fix.session, &p, p.cipher, LEN, &back));
}

static void refusals(void)
{
    FIXTURE(fix);
    published p;
    CK_BYTE out[LEN];
    CK_ULONG len = sizeof out;
    CK_OBJECT_HANDLE back = CK_INVALID_HANDLE;
    attrs change = { .count = 0 };

    load(&p, fix.session);
    mechanism.mechanism = CKM_AES_CBC; /* has no tag */
    CHECK_EQ(wrap(fix.session, &p, out, &len), CKR_MECHANISM_INVALID);
    CHECK_EQ(unwrap(fix.session, &p, p.cipher, LEN, &back), CKR_MECHANISM_INVALID);
    mechanism.mechanism = CKM_CHACHA20_POLY1305;
    CHECK_EQ(wrap(fix.session, &p, out, &len), CKR_WRAPPING_KEY_TYPE_INCONSISTENT);
    CHECK_EQ(unwrap(fix.session, &p, p.cipher, LEN, &back), CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT);
    mechanism.mechanism = CKM_AES_GCM;
    gcm.pTag = NULL;
    CHECK_EQ(wrap(fix.session, &p, out, &len), CKR_MECHANISM_PARAM_INVALID);
    CHECK_EQ(unwrap(fix.session, &p, p.cipher, LEN, &back), CKR_MECHANISM_PARAM_INVALID);
    gcm.pTag = tag;
    mechanism.ulParameterLen = sizeof(CK_GCM_PARAMS) - 1;
    CHECK_EQ(wrap(fix.session, &p, out, &len), CKR_MECHANISM_PARAM_INVALID);
    mechanism.ulParameterLen = sizeof gcm;

    put_bool(&change, CKA_WRAP, false);
    CHECK_OK(p11->C_SetAttributeValue(fix.session, p.wrapping, change.at, change.count));
    CHECK_EQ(wrap(fix.session, &p, out, &len), CKR_KEY_FUNCTION_NOT_PERMITTED);
    change.count = 0;
    put_bool(&change, CKA_WRAP, true);
    CHECK_OK(p11->C_SetAttributeValue(fix.session, p.wrapping, change.at, change.count));
    change.count = 0;
    put_bool(&change, CKA_EXTRACTABLE, false);
    CHECK_OK(p11->C_SetAttributeValue(fix.session, p.target, change.at, change.count));
    CHECK_EQ(wrap(fix.session, &p, out, &len), CKR_KEY_UNEXTRACTABLE);
}

/* The vector is the token's; asking for the length uses none up. */
static void made_vectors(void)
{
    FIXTURE(fix);
    published p;
    CK_BYTE out[LEN];
    CK_ULONG len = 0;
    CK_OBJECT_HANDLE back = CK_INVALID_HANDLE;

    load(&p, fix.session);
    gcm.ivGenerator = CKG_GENERATE_COUNTER;
    gcm.ulIvFixedBits = 32;
    CHECK_OK(wrap(fix.session, &p, NULL, &len));
    CHECK_EQ(len, LEN);
    len = LEN - 1;
    CHECK_EQ(wrap(fix.session, &p, out, &len), CKR_BUFFER_TOO_SMALL);
    for (CK_BYTE i = 0; i < 3; i++) {
        static const CK_BYTE start[11] = { 0xca, 0xfe, 0xba, 0xbe };

        len = sizeof out;
        CHECK_OK(wrap(fix.session, &p, out, &len));
        CHECK_BYTES(iv, 11, start, 11);
        CHECK_EQ(iv[11], i);
        CHECK_OK(unwrap(fix.session, &p, out, len, &back));
    }
}

/* C_WrapKey with the parameter that leaves the vector to the token. */
static void made_by_wrap_key(void)
{
    FIXTURE(fix);
    published p;
    CK_BYTE out[LEN + TAG];
    CK_ULONG len = 0;
    CK_OBJECT_HANDLE back = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    load(&p, fix.session);
    CK_GCM_WRAP_PARAMS gcm_wrap = { iv, 12, 0, CKG_GENERATE, aad, sizeof aad, 128 };
    CK_CCM_WRAP_PARAMS ccm_wrap = { 0, iv, 12, 0, CKG_GENERATE, aad, sizeof aad, 16 };
    CK_MECHANISM forms[] = { { CKM_AES_GCM, &gcm_wrap, sizeof gcm_wrap },
                             { CKM_AES_CCM, &ccm_wrap, sizeof ccm_wrap } };
    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        CK_BYTE before[12];

        memcpy(before, iv, sizeof before);
        CHECK_OK(p11->C_WrapKey(fix.session, &forms[i], p.wrapping, p.target, NULL, &len));
        CHECK_EQ(len, LEN + TAG);
        CHECK_BYTES(iv, 12, before, 12);
        CHECK_OK(p11->C_WrapKey(fix.session, &forms[i], p.wrapping, p.target, out, &len));
        CHECK_THAT(memcmp(iv, before, 12) != 0);
        CHECK_OK(p11->C_UnwrapKey(fix.session, &forms[i], p.wrapping, out, len, tmpl.at, tmpl.count,
                                  &back));
        out[0] ^= 1;
        CHECK_EQ(p11->C_UnwrapKey(fix.session, &forms[i], p.wrapping, out, len, tmpl.at, tmpl.count,
                                  &back),
                 CKR_WRAPPED_KEY_INVALID);
        /* An encryption has no such thing. */
        CHECK_EQ(p11->C_EncryptInit(fix.session, &forms[i], p.wrapping),
                 CKR_MECHANISM_PARAM_INVALID);
    }
}

static const check_test tests[] = {
    CHECK_TEST(published_value),  CHECK_TEST(everything_is_authenticated),
    CHECK_TEST(refusals),         CHECK_TEST(made_vectors),
    CHECK_TEST(made_by_wrap_key),
};
CHECK_MAIN(tests)
