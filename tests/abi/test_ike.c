/* IKE's derivations: what a template and a parameter must say; the values are in
 * tests/kat/vectors/ike.txt. */
#include "support.h"

static CK_BYTE ni[8] = { 1 };
static CK_BYTE nr[8] = { 2 };
static CK_BYTE base_value[32] = { 3 };

static CK_OBJECT_HANDLE import_base(CK_SESSION_HANDLE session, CK_KEY_TYPE type, size_t len)
{
    attrs tmpl = { .count = 0 };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, type);
    put_bytes(&tmpl, CKA_VALUE, base_value, len);
    put_bool(&tmpl, CKA_DERIVE, true);
    put_bool(&tmpl, CKA_SENSITIVE, false);
    put_bool(&tmpl, CKA_EXTRACTABLE, true);
    CHECK_OK(p11->C_CreateObject(session, tmpl.at, tmpl.count, &key));
    return key;
}

/* What is in a template beside readability. 0: not said. */
typedef struct wish {
    CK_KEY_TYPE type;
    CK_ULONG len;
    bool is_hidden;
} wish;

static CK_RV derive(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE base,
                    const wish *wanted, CK_OBJECT_HANDLE *out_key)
{
    attrs tmpl = { .count = 0 };

    put_bool(&tmpl, CKA_SENSITIVE, wanted->is_hidden);
    put_bool(&tmpl, CKA_EXTRACTABLE, !wanted->is_hidden);
    if (wanted->type != 0)
        put_ulong(&tmpl, CKA_KEY_TYPE, wanted->type);
    if (wanted->len != 0)
        put_ulong(&tmpl, CKA_VALUE_LEN, wanted->len);
    return p11->C_DeriveKey(session, mechanism, base, tmpl.at, tmpl.count, out_key);
}

static CK_ULONG type_of(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_ULONG type = 0;

    CHECK_EQ(get_attr(session, key, CKA_KEY_TYPE, &type, sizeof type), sizeof type);
    return type;
}

static const wish nothing = { 0, 0, false };

static void prf_has_one_length(void)
{
    FIXTURE(fix);
    CK_IKE_PRF_DERIVE_PARAMS ike = { CKM_SHA256_HMAC, CK_TRUE, CK_FALSE, ni, 8, nr, 8, 0 };
    CK_MECHANISM mechanism = { CKM_IKE_PRF_DERIVE, &ike, sizeof ike };
    const CK_OBJECT_HANDLE base = import_base(fix.session, CKK_GENERIC_SECRET, 32);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_BYTE value[64];

    CHECK_OK(derive(fix.session, &mechanism, base, &nothing, &key));
    CHECK_EQ(type_of(fix.session, key), CKK_GENERIC_SECRET);
    CHECK_EQ(get_attr(fix.session, key, CKA_VALUE, value, sizeof value), 32);
    CHECK_EQ(derive(fix.session, &mechanism, base, &(wish){ 0, 31, false }, &key),
             CKR_KEY_SIZE_RANGE);
    CHECK_EQ(derive(fix.session, &mechanism, base, &(wish){ 0, 33, false }, &key),
             CKR_KEY_SIZE_RANGE);

    CASE("both at once; no nonces; what is no PRF; a key that is none");
    ike.bRekey = CK_TRUE;
    ike.hNewKey = base;
    CHECK_EQ(derive(fix.session, &mechanism, base, &nothing, &key), CKR_ARGUMENTS_BAD);
    ike.bDataAsKey = CK_FALSE;
    CHECK_OK(derive(fix.session, &mechanism, base, &nothing, &key));
    ike.hNewKey = 12345;
    CHECK_EQ(derive(fix.session, &mechanism, base, &nothing, &key), CKR_KEY_HANDLE_INVALID);
    ike.bRekey = CK_FALSE;
    ike.ulNiLen = ike.ulNrLen = 0;
    CHECK_EQ(derive(fix.session, &mechanism, base, &nothing, &key), CKR_MECHANISM_PARAM_INVALID);
    ike.ulNiLen = 8;
    ike.pNi = NULL;
    CHECK_EQ(derive(fix.session, &mechanism, base, &nothing, &key), CKR_MECHANISM_PARAM_INVALID);
    ike.pNi = ni;
    ike.prfMechanism = CKM_SHA256;
    CHECK_EQ(derive(fix.session, &mechanism, base, &nothing, &key), CKR_MECHANISM_PARAM_INVALID);
    mechanism.ulParameterLen--;
    CHECK_EQ(derive(fix.session, &mechanism, base, &nothing, &key), CKR_MECHANISM_PARAM_INVALID);
}

static void cmac_is_a_prf(void)
{
    FIXTURE(fix);
    CK_IKE_PRF_DERIVE_PARAMS ike = { CKM_AES_CMAC, CK_TRUE, CK_FALSE, ni, 8, nr, 8, 0 };
    CK_MECHANISM mechanism = { CKM_IKE_PRF_DERIVE, &ike, sizeof ike };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    const CK_OBJECT_HANDLE secret = import_base(fix.session, CKK_GENERIC_SECRET, 20);
    const CK_OBJECT_HANDLE aes = import_base(fix.session, CKK_AES, 16);

    /* the nonces are its key, so they have the length of one */
    CHECK_OK(derive(fix.session, &mechanism, secret, &nothing, &key));
    CHECK_EQ(type_of(fix.session, key), CKK_AES);
    ike.ulNiLen = 7;
    CHECK_EQ(derive(fix.session, &mechanism, secret, &nothing, &key), CKR_KEY_SIZE_RANGE);
    ike.bDataAsKey = CK_FALSE;
    CHECK_OK(derive(fix.session, &mechanism, aes, &nothing, &key));
    CHECK_EQ(derive(fix.session, &mechanism, secret, &nothing, &key), CKR_KEY_TYPE_INCONSISTENT);
}

static void ike1_needs_a_type(void)
{
    FIXTURE(fix);
    const CK_OBJECT_HANDLE base = import_base(fix.session, CKK_GENERIC_SECRET, 20);
    CK_IKE1_PRF_DERIVE_PARAMS ike = {
        CKM_SHA_1_HMAC, CK_FALSE, base, CK_INVALID_HANDLE, ni, 8, nr, 8, 0
    };
    CK_MECHANISM mechanism = { CKM_IKE1_PRF_DERIVE, &ike, sizeof ike };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_BYTE value[64];

    CHECK_EQ(derive(fix.session, &mechanism, base, &nothing, &key), CKR_TEMPLATE_INCOMPLETE);
    CHECK_OK(derive(fix.session, &mechanism, base, &(wish){ CKK_SHA_1_HMAC, 0, false }, &key));
    CHECK_EQ(get_attr(fix.session, key, CKA_VALUE, value, sizeof value), 20);
    CHECK_OK(derive(fix.session, &mechanism, base, &(wish){ CKK_AES, 16, false }, &key));
    CHECK_EQ(derive(fix.session, &mechanism, base, &(wish){ CKK_GENERIC_SECRET, 21, false }, &key),
             CKR_KEY_SIZE_RANGE);
    ike.bHasPrevKey = CK_TRUE;
    CHECK_EQ(derive(fix.session, &mechanism, base, &(wish){ CKK_AES, 16, false }, &key),
             CKR_KEY_HANDLE_INVALID);
    ike.hPrevKey = base;
    CHECK_OK(derive(fix.session, &mechanism, base, &(wish){ CKK_AES, 16, false }, &key));
}

static void those_that_stretch_need_a_length(void)
{
    FIXTURE(fix);
    const CK_OBJECT_HANDLE base = import_base(fix.session, CKK_GENERIC_SECRET, 20);
    CK_IKE2_PRF_PLUS_DERIVE_PARAMS plus = { CKM_SHA_1_HMAC, CK_FALSE, 0, ni, 8 };
    CK_IKE1_EXTENDED_DERIVE_PARAMS extended = { CKM_SHA_1_HMAC, CK_FALSE, 0, NULL, 0 };
    CK_MECHANISM mechanisms[] = { { CKM_IKE2_PRF_PLUS_DERIVE, &plus, sizeof plus },
                                  { CKM_IKE1_EXTENDED_DERIVE, &extended, sizeof extended } };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
        CHECK_EQ(derive(fix.session, &mechanisms[i], base, &nothing, &key),
                 CKR_TEMPLATE_INCOMPLETE);
        CHECK_OK(derive(fix.session, &mechanisms[i], base, &(wish){ 0, 5100, false }, &key));
        CHECK_EQ(type_of(fix.session, key), CKK_GENERIC_SECRET);
        CHECK_EQ(derive(fix.session, &mechanisms[i], base, &(wish){ 0, 5101, false }, &key),
                 CKR_KEY_SIZE_RANGE);
    }
    plus.ulSeedDataLen = 0;
    CHECK_EQ(derive(fix.session, &mechanisms[0], base, &(wish){ 0, 20, false }, &key),
             CKR_MECHANISM_PARAM_INVALID);

    CASE("a cut of the base key is as secret as the base key");
    attrs tmpl = { .count = 0 };
    CK_OBJECT_HANDLE hidden = CK_INVALID_HANDLE;
    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    put_bytes(&tmpl, CKA_VALUE, base_value, 8);
    put_bool(&tmpl, CKA_DERIVE, true);
    put_bool(&tmpl, CKA_SENSITIVE, true);
    put_bool(&tmpl, CKA_EXTRACTABLE, false);
    REQUIRE_OK(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &hidden));
    CHECK_EQ(derive(fix.session, &mechanisms[1], hidden, &(wish){ 0, 8, false }, &key),
             CKR_TEMPLATE_INCONSISTENT);
    CHECK_OK(derive(fix.session, &mechanisms[1], hidden, &(wish){ 0, 8, true }, &key));
    /* nothing to cut more from, and too short to stretch */
    CHECK_EQ(derive(fix.session, &mechanisms[1], hidden, &(wish){ 0, 9, true }, &key),
             CKR_KEY_SIZE_RANGE);
}

static const check_test tests[] = {
    CHECK_TEST(prf_has_one_length),
    CHECK_TEST(cmac_is_a_prf),
    CHECK_TEST(ike1_needs_a_type),
    CHECK_TEST(those_that_stretch_need_a_length),
};
CHECK_MAIN(tests)
