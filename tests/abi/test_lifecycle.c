/* The life of a key through the C ABI: what each state allows, and that nothing goes back. Expected
 * answers are those of docs/lifecycle.md. */
#include "support.h"

#include <stdio.h>

#define STATE (CKA_VENDOR_DEFINED | 0x43520002UL)
enum { PRE_ACTIVATION = 1, ACTIVE, DEACTIVATED, COMPROMISED };

#define LENIENT "allow_compromised_use = true\n" /* goes on in [security] */

static CK_ULONG state_of(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_ULONG state = 0;

    CHECK_EQ(get_attr(session, key, STATE, &state, sizeof state), sizeof state);
    return state;
}

static CK_RV set_state(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_ULONG state)
{
    CK_ATTRIBUTE attr = { STATE, &state, sizeof state };

    return p11->C_SetAttributeValue(session, key, &attr, 1);
}

static CK_RV set_date(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type,
                      const char *date)
{
    CK_ATTRIBUTE attr = { type, utf8(date), strlen(date) };

    return p11->C_SetAttributeValue(session, key, &attr, 1);
}

/* Keys for every operation: AES, RSA, a pair that derives. */
typedef struct keys {
    CK_OBJECT_HANDLE aes;
    CK_OBJECT_HANDLE target; /* to be wrapped; always active */
    pair rsa;
    pair ec;
} keys;

static keys make_keys(CK_SESSION_HANDLE session)
{
    const keys made = {
        .aes = generate_aes(session, 32, false, "aes"),
        .target = generate_aes(session, 16, false, "target"),
        .rsa = generate_pair(session, &rsa_2048, false, "rsa"),
        .ec = generate_pair(session, &p_256, false, "ec"),
    };

    return made;
}

static void set_all(CK_SESSION_HANDLE session, const keys *k, CK_ULONG state)
{
    const CK_OBJECT_HANDLE all[] = { k->aes, k->rsa.public_key, k->rsa.private_key,
                                     k->ec.public_key, k->ec.private_key };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        CHECK_OK(set_state(session, all[i], state));
}

typedef CK_RV (*use)(CK_SESSION_HANDLE session, const keys *k);

static CK_RV encrypt(CK_SESSION_HANDLE session, const keys *k)
{
    CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 };
    return p11->C_EncryptInit(session, &ecb, k->aes);
}

static CK_RV decrypt(CK_SESSION_HANDLE session, const keys *k)
{
    CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 };
    return p11->C_DecryptInit(session, &ecb, k->aes);
}

static CK_RV sign(CK_SESSION_HANDLE session, const keys *k)
{
    CK_MECHANISM mechanism = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    return p11->C_SignInit(session, &mechanism, k->rsa.private_key);
}

static CK_RV verify(CK_SESSION_HANDLE session, const keys *k)
{
    CK_MECHANISM mechanism = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    return p11->C_VerifyInit(session, &mechanism, k->rsa.public_key);
}

static CK_RV sign_recover(CK_SESSION_HANDLE session, const keys *k)
{
    CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
    return p11->C_SignRecoverInit(session, &mechanism, k->rsa.private_key);
}

static CK_RV verify_recover(CK_SESSION_HANDLE session, const keys *k)
{
    CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
    return p11->C_VerifyRecoverInit(session, &mechanism, k->rsa.public_key);
}

static CK_RV verify_signature(CK_SESSION_HANDLE session, const keys *k)
{
    CK_MECHANISM mechanism = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    CK_BYTE signature[256] = { 0 };
    return p11_3->C_VerifySignatureInit(session, &mechanism, k->rsa.public_key, signature, 256);
}

static CK_RV wrap(CK_SESSION_HANDLE session, const keys *k)
{
    CK_MECHANISM kwp = { CKM_AES_KEY_WRAP_KWP, NULL, 0 };
    CK_BYTE room[64];
    CK_ULONG len = sizeof room;
    return p11->C_WrapKey(session, &kwp, k->aes, k->target, room, &len);
}

/* What is unwrapped is bad, and that is found only after the key was accepted. */
static CK_RV unwrap(CK_SESSION_HANDLE session, const keys *k)
{
    CK_MECHANISM kwp = { CKM_AES_KEY_WRAP_KWP, NULL, 0 };
    CK_BYTE wrapped[24] = { 0 };
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_AES);
    const CK_RV rv = p11->C_UnwrapKey(session, &kwp, k->aes, wrapped, sizeof wrapped, tmpl.at,
                                      tmpl.count, &made);
    return rv == CKR_WRAPPED_KEY_INVALID ? CKR_OK : rv;
}

static CK_RV derive(CK_SESSION_HANDLE session, const keys *k)
{
    CK_BYTE point[80];
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };
    const size_t len = get_attr(session, k->ec.public_key, CKA_EC_POINT, point, sizeof point);
    CK_ECDH1_DERIVE_PARAMS params = { CKD_NULL, 0, NULL, len, point };
    CK_MECHANISM mechanism = { CKM_ECDH1_DERIVE, &params, sizeof params };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    return p11->C_DeriveKey(session, &mechanism, k->ec.private_key, tmpl.at, tmpl.count, &made);
}

/* The states in which it is allowed, as digits; C: 4 as well, where the configuration allows it. */
static const struct {
    const char *name;
    use enter;
    const char *states;
} uses[] = {
    { "encrypt", encrypt, "2" },
    { "decrypt", decrypt, "23C" },
    { "sign", sign, "2" },
    { "verify", verify, "23C" },
    { "sign recover", sign_recover, "2" },
    { "verify recover", verify_recover, "23C" },
    { "verify signature", verify_signature, "23C" },
    { "wrap", wrap, "2" },
    { "unwrap", unwrap, "23" },
    { "derive", derive, "2" },
};

static void enumerate(bool is_lenient)
{
    fixture_settings = is_lenient ? LENIENT : NULL;
    FIXTURE(fix);
    fixture_settings = NULL;
    const keys k = make_keys(fix.session);

    for (CK_ULONG state = ACTIVE; state <= COMPROMISED; state++) {
        set_all(fix.session, &k, state);
        for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
            const CK_SESSION_HANDLE session = open_session(&fix, true);
            const bool is_allowed =
                strchr(uses[i].states, '0' + (int)state) != NULL ||
                (state == COMPROMISED && is_lenient && strchr(uses[i].states, 'C') != NULL);

            CASE(uses[i].name);
            CHECK_EQ(uses[i].enter(session, &k),
                     is_allowed ? CKR_OK : CKR_KEY_FUNCTION_NOT_PERMITTED);
            CHECK_OK(p11->C_CloseSession(session));
        }
    }
}

static void every_state_strict(void)
{
    enumerate(false);
}

static void every_state_lenient(void)
{
    enumerate(true);
}

static CK_OBJECT_HANDLE made_in(CK_SESSION_HANDLE session, CK_ULONG state, bool is_modifiable)
{
    CK_MECHANISM gen = { CKM_AES_KEY_GEN, NULL, 0 };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_VALUE_LEN, 32);
    put_bool(&tmpl, CKA_TOKEN, true);
    put_bool(&tmpl, CKA_MODIFIABLE, is_modifiable);
    put_ulong(&tmpl, STATE, state);
    CHECK_OK(p11->C_GenerateKey(session, &gen, tmpl.at, tmpl.count, &key));
    return key;
}

static void nothing_goes_back(void)
{
    FIXTURE(fix);

    for (CK_ULONG from = PRE_ACTIVATION; from <= COMPROMISED; from++) {
        for (CK_ULONG to = 0; to <= COMPROMISED + 1; to++) {
            const CK_OBJECT_HANDLE key = made_in(fix.session, from, true);
            const bool is_forward = to >= from && to <= COMPROMISED;
            char name[32];

            (void)snprintf(name, sizeof name, "%lu to %lu", from, to);
            CASE(name);
            CHECK_EQ(set_state(fix.session, key, to),
                     is_forward ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID);
            CHECK_EQ(state_of(fix.session, key), is_forward ? to : from);
        }
    }
}

static void pre_activation_waits(void)
{
    FIXTURE(fix);
    CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 };
    const CK_OBJECT_HANDLE key = made_in(fix.session, PRE_ACTIVATION, false);

    CHECK_EQ(p11->C_EncryptInit(fix.session, &ecb, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    CHECK_EQ(p11->C_DecryptInit(fix.session, &ecb, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    CHECK_OK(set_state(fix.session, key, ACTIVE)); /* though nothing else may be changed */
    CHECK_EQ(set_date(fix.session, key, CKA_END_DATE, "20990101"), CKR_ACTION_PROHIBITED);
    CHECK_OK(p11->C_EncryptInit(fix.session, &ecb, key));
}

static void dates_do_not_take_back(void)
{
    FIXTURE(fix);
    CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 32, true, "dated");
    attrs tmpl = { .count = 0 };

    CHECK_EQ(state_of(fix.session, key), ACTIVE);
    CHECK_EQ(set_state(fix.session, key, PRE_ACTIVATION), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_EQ(set_date(fix.session, key, CKA_START_DATE, "20970101"), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_OK(set_date(fix.session, key, CKA_START_DATE, "20200101"));
    CHECK_OK(set_date(fix.session, key, CKA_END_DATE, "20991231"));
    CHECK_OK(set_date(fix.session, key, CKA_END_DATE, "20980101")); /* still active */
    CHECK_EQ(set_date(fix.session, key, CKA_START_DATE, "20970101"), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_OK(set_date(fix.session, key, CKA_END_DATE, "20200101"));
    CHECK_EQ(state_of(fix.session, key), DEACTIVATED);
    CHECK_EQ(set_date(fix.session, key, CKA_END_DATE, "20991231"), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_EQ(set_date(fix.session, key, CKA_END_DATE, ""), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_EQ(set_state(fix.session, key, ACTIVE), CKR_ATTRIBUTE_VALUE_INVALID);

    CASE("nor does a copy");
    put_text(&tmpl, CKA_END_DATE, "20991231");
    CHECK_EQ(p11->C_CopyObject(fix.session, key, tmpl.at, tmpl.count, &copy),
             CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_OK(set_state(fix.session, key, COMPROMISED));
    CHECK_OK(p11->C_CopyObject(fix.session, key, tmpl.at, 0, &copy));
    CHECK_EQ(state_of(fix.session, copy), COMPROMISED);
}

/* A process that starts anew finds the state where it was. */
static void states_are_durable(void)
{
    FIXTURE(fix);
    CK_OBJECT_HANDLE found[2];
    attrs tmpl = { .count = 0 };

    (void)made_in(fix.session, DEACTIVATED, true);
    CHECK_OK(p11->C_Finalize(NULL));
    CHECK_OK(p11->C_Initialize(NULL));
    const CK_SESSION_HANDLE session = open_session(&fix, true);
    CHECK_OK(login(session, CKU_USER, USER_PIN));
    put_ulong(&tmpl, STATE, DEACTIVATED);
    CHECK_EQ(find_all(session, &tmpl, found, 2), 1);
    CHECK_EQ(state_of(session, found[0]), DEACTIVATED);
}

static const check_test tests[] = {
    CHECK_TEST(every_state_strict),     CHECK_TEST(every_state_lenient),
    CHECK_TEST(nothing_goes_back),      CHECK_TEST(pre_activation_waits),
    CHECK_TEST(dates_do_not_take_back), CHECK_TEST(states_are_durable),
};
CHECK_MAIN(tests)
