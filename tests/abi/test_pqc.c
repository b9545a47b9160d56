/* ML-DSA, SLH-DSA and ML-KEM keys; signatures. Encapsulation is in test_kem.c. */
#include "pkcs11/pkcs11_craton.h"
#include "support.h"

static CK_ULONG get_ulong(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type)
{
    CK_ULONG value = 0;

    CHECK_EQ(get_attr(session, key, type, &value, sizeof value), sizeof value);
    return value;
}

typedef struct set_case {
    const char *label;
    CK_MECHANISM_TYPE key_gen;
    CK_MECHANISM_TYPE use;
    CK_KEY_TYPE key_type;
    CK_ULONG set;
    CK_ULONG public_len;
    CK_ULONG private_len;
    CK_ULONG seed_len;
    CK_ULONG result_len;
} set_case;

static const set_case ml_dsa_44 = {
    "ML-DSA-44", CKM_ML_DSA_KEY_PAIR_GEN, CKM_ML_DSA, CKK_ML_DSA, CKP_ML_DSA_44, 1312, 2560, 32,
    2420
};
static const set_case ml_dsa_87 = {
    "ML-DSA-87", CKM_ML_DSA_KEY_PAIR_GEN, CKM_ML_DSA, CKK_ML_DSA, CKP_ML_DSA_87, 2592, 4896, 32,
    4627
};
static const set_case slh_dsa = { "SLH-DSA-SHA2-128f",
                                  CKM_SLH_DSA_KEY_PAIR_GEN,
                                  CKM_SLH_DSA,
                                  CKK_SLH_DSA,
                                  CKP_SLH_DSA_SHA2_128F,
                                  32,
                                  64,
                                  0,
                                  17088 };
static const set_case ml_kem_768 = {
    "ML-KEM-768", CKM_ML_KEM_KEY_PAIR_GEN, CKM_ML_KEM, CKK_ML_KEM, CKP_ML_KEM_768, 1184, 2400, 64,
    1088
};

static pair generate_set(CK_SESSION_HANDLE session, const set_case *set, bool is_open)
{
    CK_MECHANISM mechanism = { set->key_gen, NULL, 0 };
    attrs public_tmpl = { .count = 0 };
    attrs private_tmpl = { .count = 0 };
    pair keys = { CK_INVALID_HANDLE, CK_INVALID_HANDLE };

    put_ulong(&public_tmpl, CKA_PARAMETER_SET, set->set);
    put_bool(&private_tmpl, CKA_SENSITIVE, !is_open);
    put_bool(&private_tmpl, CKA_EXTRACTABLE, is_open);
    CHECK_OK(p11->C_GenerateKeyPair(session, &mechanism, public_tmpl.at, public_tmpl.count,
                                    private_tmpl.at, private_tmpl.count, &keys.public_key,
                                    &keys.private_key));
    return keys;
}

static const set_case hybrid = { "X25519 and ML-KEM-768",
                                 CKM_CRATON_COMP_KEM_KEY_PAIR_GEN,
                                 CKM_CRATON_COMP_KEM,
                                 CKK_CRATON_COMP_KEM,
                                 CKP_CRATON_COMP_KEM_MLKEM768_X25519,
                                 1216,
                                 96,
                                 0,
                                 1120 };

static const set_case *const all_sets[] = { &ml_dsa_44, &ml_dsa_87, &slh_dsa, &ml_kem_768,
                                            &hybrid };

static void generated_pairs_have_the_attributes(void)
{
    FIXTURE(fix);
    CK_BYTE value[8192];
    CK_BYTE info[8192];

    for (size_t i = 0; i < ARRAY_LEN(all_sets); i++) {
        const set_case *set = all_sets[i];
        const bool is_kem = set->key_type == CKK_ML_KEM || set->key_type == CKK_CRATON_COMP_KEM;

        CASE(set->label);
        const pair keys = generate_set(fix.session, set, true);
        CHECK_EQ(get_ulong(fix.session, keys.public_key, CKA_KEY_TYPE), set->key_type);
        CHECK_EQ(get_ulong(fix.session, keys.public_key, CKA_PARAMETER_SET), set->set);
        CHECK_EQ(get_ulong(fix.session, keys.private_key, CKA_PARAMETER_SET), set->set);
        CHECK_EQ(get_attr(fix.session, keys.public_key, CKA_VALUE, value, sizeof value),
                 set->public_len);
        const size_t len =
            get_attr(fix.session, keys.public_key, CKA_PUBLIC_KEY_INFO, info, sizeof info);
        REQUIRE_THAT(len != SIZE_MAX && len > set->public_len);
        CHECK_BYTES(info + len - set->public_len, set->public_len, value, set->public_len);
        CHECK_EQ(get_attr(fix.session, keys.private_key, CKA_PUBLIC_KEY_INFO, value, sizeof value),
                 len);
        CHECK_BYTES(value, len, info, len);
        CHECK_EQ(get_attr(fix.session, keys.private_key, CKA_VALUE, value, sizeof value),
                 set->private_len);
        if (set->seed_len > 0)
            CHECK_EQ(get_attr(fix.session, keys.private_key, CKA_SEED, value, sizeof value),
                     set->seed_len);
        else
            CHECK_EQ(ask_attr(fix.session, keys.private_key, CKA_SEED), CKR_ATTRIBUTE_TYPE_INVALID);
        CHECK_EQ(get_bool(fix.session, keys.private_key, CKA_SIGN), !is_kem);
        CHECK_EQ(get_bool(fix.session, keys.public_key, CKA_VERIFY), !is_kem);
        CHECK_EQ(get_bool(fix.session, keys.public_key, CKA_ENCAPSULATE), is_kem);
        CHECK_EQ(get_bool(fix.session, keys.private_key, CKA_DECAPSULATE), is_kem);
        CHECK_EQ(get_ulong(fix.session, keys.private_key, CKA_KEY_GEN_MECHANISM), set->key_gen);
    }
}

static void secret_parts_stay_secret(void)
{
    FIXTURE(fix);

    for (size_t i = 0; i < ARRAY_LEN(all_sets); i++) {
        const pair keys = generate_set(fix.session, all_sets[i], false);

        CASE(all_sets[i]->label);
        CHECK_EQ(ask_attr(fix.session, keys.private_key, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
        if (all_sets[i]->seed_len > 0)
            CHECK_EQ(ask_attr(fix.session, keys.private_key, CKA_SEED), CKR_ATTRIBUTE_SENSITIVE);
    }
}

static void generation_that_can_not_be(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_ML_DSA_KEY_PAIR_GEN, NULL, 0 };
    CK_OBJECT_HANDLE a = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE b = CK_INVALID_HANDLE;
    attrs none = { .count = 0 };
    attrs unknown = { .count = 0 };

    CHECK_EQ(p11->C_GenerateKeyPair(fix.session, &mechanism, none.at, 0, none.at, 0, &a, &b),
             CKR_TEMPLATE_INCOMPLETE);
    put_ulong(&unknown, CKA_PARAMETER_SET, 4);
    CHECK_EQ(p11->C_GenerateKeyPair(fix.session, &mechanism, unknown.at, unknown.count, none.at, 0,
                                    &a, &b),
             CKR_PARAMETER_SET_NOT_SUPPORTED);
}

static CK_RV sign_with(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                       CK_BYTE *signature, CK_ULONG *len)
{
    CK_BYTE message[] = "message";
    const CK_RV rv = p11->C_SignInit(session, mechanism, key);

    return rv == CKR_OK ? p11->C_Sign(session, message, 7, signature, len) : rv;
}

static CK_RV verify_parts(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                          CK_BYTE *signature, CK_ULONG len)
{
    CK_BYTE message[] = "message";
    CK_RV rv = p11->C_VerifyInit(session, mechanism, key);

    if (rv == CKR_OK)
        rv = p11->C_VerifyUpdate(session, message, 3);
    if (rv == CKR_OK)
        rv = p11->C_VerifyUpdate(session, message + 3, 4);
    return rv == CKR_OK ? p11->C_VerifyFinal(session, signature, len) : rv;
}

static void signatures_with_contexts(void)
{
    const set_case *const sets[] = { &ml_dsa_44, &ml_dsa_87, &slh_dsa };
    FIXTURE(fix);
    CK_BYTE context[256] = "context";
    CK_SIGN_ADDITIONAL_CONTEXT fixed = { CKH_DETERMINISTIC_REQUIRED, context, 7 };
    CK_SIGN_ADDITIONAL_CONTEXT hedged = { CKH_HEDGE_REQUIRED, context, 7 };
    CK_SIGN_ADDITIONAL_CONTEXT wrong = { 3, context, 7 };
    CK_SIGN_ADDITIONAL_CONTEXT long_one = { CKH_HEDGE_PREFERRED, context, 256 };
    static CK_BYTE first[50000];
    static CK_BYTE second[50000];

    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        const pair keys = generate_set(fix.session, sets[i], false);
        CK_MECHANISM mechanism = { sets[i]->use, &fixed, sizeof fixed };
        CK_MECHANISM other = { sets[i]->use, NULL, 0 };
        CK_ULONG len = sizeof first;
        CK_ULONG second_len = sizeof second;

        CASE(sets[i]->label);
        REQUIRE_OK(sign_with(fix.session, &mechanism, keys.private_key, first, &len));
        CHECK_EQ(len, sets[i]->result_len);
        REQUIRE_OK(sign_with(fix.session, &mechanism, keys.private_key, second, &second_len));
        CHECK_BYTES(first, len, second, second_len);
        mechanism.pParameter = &hedged;
        REQUIRE_OK(sign_with(fix.session, &mechanism, keys.private_key, second, &second_len));
        CHECK_THAT(memcmp(first, second, len) != 0);
        CHECK_OK(verify_parts(fix.session, &mechanism, keys.public_key, first, len));
        CHECK_OK(verify_parts(fix.session, &mechanism, keys.public_key, second, len));
        CHECK_EQ(verify_parts(fix.session, &other, keys.public_key, first, len),
                 CKR_SIGNATURE_INVALID);
        CHECK_EQ(verify_parts(fix.session, &mechanism, keys.public_key, first, len - 1),
                 CKR_SIGNATURE_LEN_RANGE);
        mechanism.pParameter = &wrong;
        CHECK_EQ(p11->C_SignInit(fix.session, &mechanism, keys.private_key),
                 CKR_MECHANISM_PARAM_INVALID);
        CHECK_OK(verify_parts(fix.session, &mechanism, keys.public_key, first, len));
        mechanism.pParameter = &long_one;
        CHECK_EQ(p11->C_SignInit(fix.session, &mechanism, keys.private_key),
                 CKR_MECHANISM_PARAM_INVALID);
    }
}

static void prehashed_signatures(void)
{
    FIXTURE(fix);
    CK_HASH_SIGN_ADDITIONAL_CONTEXT param = { CKH_HEDGE_PREFERRED, NULL, 0, CKM_SHA256 };
    CK_MECHANISM given = { CKM_HASH_ML_DSA, &param, sizeof param };
    CK_MECHANISM hashing = { CKM_HASH_ML_DSA_SHA256, NULL, 0 };
    CK_MECHANISM sha256 = { CKM_SHA256, NULL, 0 };
    CK_MECHANISM no_param = { CKM_HASH_ML_DSA, NULL, 0 };
    const pair keys = generate_set(fix.session, &ml_dsa_44, false);
    CK_BYTE message[] = "message";
    CK_BYTE digest[32];
    CK_BYTE signature[3000];
    CK_ULONG digest_len = sizeof digest;
    CK_ULONG len = sizeof signature;

    REQUIRE_OK(p11->C_DigestInit(fix.session, &sha256));
    REQUIRE_OK(p11->C_Digest(fix.session, message, 7, digest, &digest_len));
    REQUIRE_OK(p11->C_SignInit(fix.session, &given, keys.private_key));
    REQUIRE_OK(p11->C_Sign(fix.session, digest, digest_len, signature, &len));
    CHECK_OK(verify_parts(fix.session, &hashing, keys.public_key, signature, len));
    REQUIRE_OK(p11->C_SignInit(fix.session, &given, keys.private_key));
    CHECK_EQ(p11->C_Sign(fix.session, digest, 31, signature, &len), CKR_DATA_LEN_RANGE);
    CHECK_EQ(p11->C_SignInit(fix.session, &no_param, keys.private_key),
             CKR_MECHANISM_PARAM_INVALID);
    param.hash = CKM_SHA_1;
    CHECK_EQ(p11->C_SignInit(fix.session, &given, keys.private_key), CKR_MECHANISM_PARAM_INVALID);
}

/* --- Import and export -------------------------------------------------------------------------- */

typedef struct exported {
    CK_BYTE public_value[2600];
    CK_BYTE value[5000];
    CK_BYTE seed[64];
    size_t public_len;
    size_t len;
    size_t seed_len;
} exported;

static CK_RV import(CK_SESSION_HANDLE session, const set_case *set, const exported *from,
                    bool with_value, bool with_seed, CK_OBJECT_HANDLE *out_key)
{
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_PRIVATE_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, set->key_type);
    put_ulong(&tmpl, CKA_PARAMETER_SET, set->set);
    put_bool(&tmpl, CKA_SENSITIVE, false);
    put_bool(&tmpl, CKA_EXTRACTABLE, true);
    if (with_value)
        put_bytes(&tmpl, CKA_VALUE, from->value, from->len);
    if (with_seed)
        put_bytes(&tmpl, CKA_SEED, from->seed, from->seed_len);
    return p11->C_CreateObject(session, tmpl.at, tmpl.count, out_key);
}

static void check_same_key(CK_SESSION_HANDLE session, const exported *want, CK_OBJECT_HANDLE key,
                           bool has_seed)
{
    CK_BYTE value[5000];

    CHECK_EQ(get_attr(session, key, CKA_VALUE, value, sizeof value), want->len);
    CHECK_BYTES(value, want->len, want->value, want->len);
    if (!has_seed)
        return;
    CHECK_EQ(get_attr(session, key, CKA_SEED, value, sizeof value), want->seed_len);
    CHECK_BYTES(value, want->seed_len, want->seed, want->seed_len);
}

static void export_pair(CK_SESSION_HANDLE session, const set_case *set, exported *out)
{
    const pair keys = generate_set(session, set, true);

    out->public_len =
        get_attr(session, keys.public_key, CKA_VALUE, out->public_value, sizeof out->public_value);
    out->len = get_attr(session, keys.private_key, CKA_VALUE, out->value, sizeof out->value);
    out->seed_len = set->seed_len == 0 ? 0
                                       : get_attr(session, keys.private_key, CKA_SEED, out->seed,
                                                  sizeof out->seed);
}

static void keys_come_in_every_form(void)
{
    FIXTURE(fix);

    for (size_t i = 0; i < ARRAY_LEN(all_sets); i++) {
        const set_case *set = all_sets[i];
        const bool has_seed = set->seed_len > 0;
        CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
        attrs public_tmpl = { .count = 0 };
        exported from;

        CASE(set->label);
        export_pair(fix.session, set, &from);
        REQUIRE_OK(import(fix.session, set, &from, true, has_seed, &key));
        check_same_key(fix.session, &from, key, has_seed);
        CHECK_THAT(!get_bool(fix.session, key, CKA_LOCAL));
        REQUIRE_OK(import(fix.session, set, &from, true, false, &key));
        check_same_key(fix.session, &from, key, false);
        CHECK_EQ(import(fix.session, set, &from, false, false, &key), CKR_TEMPLATE_INCOMPLETE);
        if (has_seed) {
            REQUIRE_OK(import(fix.session, set, &from, false, true, &key));
            check_same_key(fix.session, &from, key, true);
            from.seed[0] ^= 1;
            CHECK_EQ(import(fix.session, set, &from, true, true, &key),
                     CKR_ATTRIBUTE_VALUE_INVALID);
        } else {
            CHECK_EQ(import(fix.session, set, &from, true, true, &key), CKR_TEMPLATE_INCONSISTENT);
        }
        from.len--;
        CHECK_EQ(import(fix.session, set, &from, true, false, &key), CKR_ATTRIBUTE_VALUE_INVALID);

        put_ulong(&public_tmpl, CKA_CLASS, CKO_PUBLIC_KEY);
        put_ulong(&public_tmpl, CKA_KEY_TYPE, set->key_type);
        put_ulong(&public_tmpl, CKA_PARAMETER_SET, set->set);
        put_bytes(&public_tmpl, CKA_VALUE, from.public_value, from.public_len);
        CHECK_OK(p11->C_CreateObject(fix.session, public_tmpl.at, public_tmpl.count, &key));
    }
}

static void private_keys_are_wrapped_and_unwrapped(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP_KWP, NULL, 0 };
    const CK_OBJECT_HANDLE kek = generate_aes(fix.session, 32, false, "kek");
    CK_BYTE wrapped[8192];

    for (size_t i = 0; i < ARRAY_LEN(all_sets); i++) {
        const pair keys = generate_set(fix.session, all_sets[i], true);
        CK_OBJECT_HANDLE back = CK_INVALID_HANDLE;
        CK_ULONG len = sizeof wrapped;
        attrs tmpl = { .count = 0 };
        exported want;

        CASE(all_sets[i]->label);
        want.len =
            get_attr(fix.session, keys.private_key, CKA_VALUE, want.value, sizeof want.value);
        want.seed_len =
            all_sets[i]->seed_len == 0
                ? 0
                : get_attr(fix.session, keys.private_key, CKA_SEED, want.seed, sizeof want.seed);
        REQUIRE_OK(p11->C_WrapKey(fix.session, &mechanism, kek, keys.private_key, wrapped, &len));
        put_ulong(&tmpl, CKA_CLASS, CKO_PRIVATE_KEY);
        put_ulong(&tmpl, CKA_KEY_TYPE, all_sets[i]->key_type);
        put_bool(&tmpl, CKA_SENSITIVE, false);
        put_bool(&tmpl, CKA_EXTRACTABLE, true);
        REQUIRE_OK(p11->C_UnwrapKey(fix.session, &mechanism, kek, wrapped, len, tmpl.at, tmpl.count,
                                    &back));
        CHECK_EQ(get_ulong(fix.session, back, CKA_PARAMETER_SET), all_sets[i]->set);
        check_same_key(fix.session, &want, back, want.seed_len > 0);
    }
}

static void token_keys_survive(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_ML_DSA_KEY_PAIR_GEN, NULL, 0 };
    CK_MECHANISM signing = { CKM_ML_DSA, NULL, 0 };
    attrs tmpl = { .count = 0 };
    attrs private_tmpl = { .count = 0 };
    CK_OBJECT_HANDLE found[4];
    pair keys;
    CK_BYTE signature[3000];
    CK_ULONG len = sizeof signature;

    put_ulong(&tmpl, CKA_PARAMETER_SET, CKP_ML_DSA_44);
    put_bool(&tmpl, CKA_TOKEN, true);
    put_text(&tmpl, CKA_LABEL, "lattice");
    put_bool(&private_tmpl, CKA_TOKEN, true);
    put_text(&private_tmpl, CKA_LABEL, "lattice");
    REQUIRE_OK(p11->C_GenerateKeyPair(fix.session, &mechanism, tmpl.at, tmpl.count, private_tmpl.at,
                                      private_tmpl.count, &keys.public_key, &keys.private_key));
    REQUIRE_OK(sign_with(fix.session, &signing, keys.private_key, signature, &len));
    REQUIRE_OK(p11->C_Finalize(NULL));
    REQUIRE_OK(p11->C_Initialize(NULL));
    fix.session = open_session(&fix, true);
    REQUIRE_OK(login(fix.session, CKU_USER, USER_PIN));
    REQUIRE_THAT(find_label(fix.session, "lattice", found, 4) == 2);
    for (size_t i = 0; i < 2; i++) {
        if (get_ulong(fix.session, found[i], CKA_CLASS) == CKO_PUBLIC_KEY) {
            CHECK_OK(verify_parts(fix.session, &signing, found[i], signature, len));
        } else {
            CHECK_OK(sign_with(fix.session, &signing, found[i], signature, &len));
        }
    }
}

static void mechanisms_tell_their_sizes(void)
{
    FIXTURE(fix);
    CK_MECHANISM_INFO info;

    REQUIRE_OK(p11->C_GetMechanismInfo(fix.slot, CKM_ML_DSA, &info));
    CHECK_EQ(info.ulMinKeySize, 1312);
    CHECK_EQ(info.ulMaxKeySize, 2592);
    CHECK_EQ(info.flags & (CKF_SIGN | CKF_VERIFY), CKF_SIGN | CKF_VERIFY);
    REQUIRE_OK(p11->C_GetMechanismInfo(fix.slot, CKM_ML_KEM, &info));
    CHECK_EQ(info.ulMinKeySize, 800);
    CHECK_EQ(info.ulMaxKeySize, 1568);
    CHECK_EQ(info.flags & (CKF_ENCAPSULATE | CKF_DECAPSULATE), CKF_ENCAPSULATE | CKF_DECAPSULATE);
    REQUIRE_OK(p11->C_GetMechanismInfo(fix.slot, CKM_HASH_SLH_DSA_SHAKE256, &info));
    CHECK_EQ(info.ulMinKeySize, 32);
    CHECK_EQ(info.ulMaxKeySize, 64);
}

static const check_test tests[] = {
    CHECK_TEST(generated_pairs_have_the_attributes),
    CHECK_TEST(secret_parts_stay_secret),
    CHECK_TEST(generation_that_can_not_be),
    CHECK_TEST(signatures_with_contexts),
    CHECK_TEST(prehashed_signatures),
    CHECK_TEST(keys_come_in_every_form),
    CHECK_TEST(private_keys_are_wrapped_and_unwrapped),
    CHECK_TEST(token_keys_survive),
    CHECK_TEST(mechanisms_tell_their_sizes),
};
CHECK_MAIN(tests)
