/* ML-DSA, ML-KEM and SLH-DSA keys: generation, import in each form, DER.
 * SPDX-License-Identifier: Apache-2.0 */
#include "pqc_support.h"
#include "vectors_pqc.h"

/* Making, and thus checking, a small-signature key takes a tenth of a second each. */
static bool is_slow(const hsm_pqc_set *set)
{
    return set->key_type == CKK_SLH_DSA && set->name[strlen(set->name) - 1] == 's';
}

static void seeds_have_published_keys(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);

    for (size_t i = 0; i < HSM_ARRAY_LEN(keygen_vectors); i++) {
        const hsm_pqc_set *set = set_named(keygen_vectors[i].set);
        HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle bundle = { 0 };
        blob seed;

        CASE(set->name);
        const hsm_key_parts parts = seed_parts(set, unhex(keygen_vectors[i].seed, &seed));
        REQUIRE_OK(hsm_key_complete(crypto, &parts, &bundle));
        check_sha256(crypto, bundle.parts.part[HSM_PART_PUBLIC], keygen_vectors[i].public_sha256);
        check_sha256(crypto, bundle.parts.part[HSM_PART_VALUE], keygen_vectors[i].private_sha256);
        CHECK_THAT(hsm_bytes_equal(bundle.parts.part[HSM_PART_SEED], view(&seed)));
    }
}

static hsm_err create(hsm_crypto *crypto, const hsm_key_parts *parts)
{
    hsm_key *key = NULL;
    hsm_err err = hsm_key_create(crypto, parts, &key);

    if (err == HSM_OK)
        err = hsm_key_check(key);
    hsm_key_destroy(key);
    return err;
}

/* The parts with one byte of `part` changed, or the part cut by one byte. */
static hsm_err create_wrong(hsm_crypto *crypto, const hsm_key_parts *parts, hsm_part part,
                            bool is_cut)
{
    uint8_t copy[HSM_PQC_PRIVATE_MAX_BYTES];
    hsm_key_parts wrong = *parts;
    const size_t len = wrong.part[part].len;

    memcpy(copy, wrong.part[part].data, len);
    copy[0] ^= 1;
    wrong.part[part] = hsm_bytes_of(is_cut ? wrong.part[part].data : copy, is_cut ? len - 1 : len);
    return create(crypto, &wrong);
}

static void check_private_forms(hsm_crypto *crypto, const hsm_pqc_set *set,
                                const hsm_key_parts *whole)
{
    hsm_key_parts parts = *whole;

    CHECK_OK(create(crypto, &parts));
    for (hsm_part part = HSM_PART_VALUE; part < HSM_PART_COUNT; part++) {
        if (whole->part[part].len == 0 || part == HSM_PART_PARAMETER_SET)
            continue;
        CHECK_ERR(create_wrong(crypto, whole, part, false), HSM_E_ATTRIBUTE_VALUE);
        CHECK_ERR(create_wrong(crypto, whole, part, true), HSM_E_ATTRIBUTE_VALUE);
    }
    parts.part[HSM_PART_PUBLIC] = hsm_bytes_none();
    parts.part[HSM_PART_SEED] = hsm_bytes_none();
    CHECK_OK(create(crypto, &parts)); /* expanded */
    parts.part[HSM_PART_VALUE] = hsm_bytes_none();
    CHECK_ERR(create(crypto, &parts), HSM_E_TEMPLATE_INCOMPLETE);
    parts.part[HSM_PART_SEED] = whole->part[HSM_PART_SEED];
    CHECK_ERR(create(crypto, &parts),
              set->seed_bytes > 0 ? HSM_OK : HSM_E_TEMPLATE_INCOMPLETE); /* seed */
}

static void check_public_forms(hsm_crypto *crypto, const hsm_key_parts *whole)
{
    hsm_key_parts parts = *whole;
    CK_ULONG id = 99;

    parts.key_class = CKO_PUBLIC_KEY;
    parts.part[HSM_PART_VALUE] = hsm_bytes_none();
    parts.part[HSM_PART_SEED] = hsm_bytes_none();
    CHECK_OK(create(crypto, &parts));
    CHECK_ERR(create_wrong(crypto, &parts, HSM_PART_PUBLIC, true), HSM_E_ATTRIBUTE_VALUE);
    CHECK_ERR(create_wrong(crypto, &parts, HSM_PART_PARAMETER_SET, true), HSM_E_ATTRIBUTE_VALUE);
    parts.part[HSM_PART_PARAMETER_SET] = hsm_bytes_of(&id, sizeof id);
    CHECK_ERR(create(crypto, &parts), HSM_E_PARAMETER_SET);
    parts.part[HSM_PART_PARAMETER_SET] = hsm_bytes_none();
    CHECK_ERR(create(crypto, &parts), HSM_E_TEMPLATE_INCOMPLETE);
    parts = *whole;
    parts.key_class = CKO_PUBLIC_KEY;
    parts.part[HSM_PART_PUBLIC] = hsm_bytes_none();
    CHECK_ERR(create(crypto, &parts), HSM_E_TEMPLATE_INCOMPLETE);
}

static void generated_keys_come_in_every_form(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);
    size_t count = 0;
    const hsm_pqc_set *sets = hsm_pqc_table(&count);

    CHECK_EQ(count, 30);
    for (size_t i = 0; i < count; i++) {
        HSM_AUTO(pair_clear) pair p = { 0 };

        if (is_slow(&sets[i]))
            continue;
        CASE(sets[i].name);
        REQUIRE_THAT(pair_of_set(crypto, &sets[i], &p));
        CHECK_EQ(p.bundle.parts.part[HSM_PART_PUBLIC].len, sets[i].public_bytes);
        CHECK_EQ(p.bundle.parts.part[HSM_PART_VALUE].len, sets[i].private_bytes);
        CHECK_EQ(p.bundle.parts.part[HSM_PART_SEED].len, sets[i].seed_bytes);
        CHECK_EQ(hsm_key_bits(p.private_key), sets[i].public_bytes * 8);
        check_private_forms(crypto, &sets[i], &p.bundle.parts);
        check_public_forms(crypto, &p.bundle.parts);
    }
}

static void slow_sets_and_approved_mode(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(true);
    static const char *const names[] = { "SLH-DSA-SHA2-128s", "ML-DSA-44", "ML-KEM-1024" };

    for (size_t i = 0; i < HSM_ARRAY_LEN(names); i++) {
        HSM_AUTO(pair_clear) pair p = { 0 };

        CASE(names[i]);
        CHECK_THAT(pair_of_set(crypto, set_named(names[i]), &p));
    }
    const hsm_keygen unknown = { .mech = hsm_mech_find(CKM_ML_DSA_KEY_PAIR_GEN),
                                 .key_type = CKK_ML_DSA,
                                 .parameter_set = 4 };
    hsm_key_bundle none = { 0 };
    CHECK_ERR(hsm_keygen_run(crypto, &unknown, &none), HSM_E_PARAMETER_SET);
}

/* PrivateKeyInfo and back, with the seed and without. */
static void check_pkcs8(hsm_crypto *crypto, const hsm_key_parts *parts)
{
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *der = NULL;
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle back = { 0 };
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle other = { 0 };

    REQUIRE_OK(hsm_key_create(crypto, parts, &key));
    REQUIRE_OK(hsm_key_pkcs8_encode(key, &der));
    REQUIRE_OK(hsm_key_pkcs8_decode(crypto, hsm_secret_view(der), parts->key_type, &back));
    for (hsm_part part = HSM_PART_VALUE; part < HSM_PART_COUNT; part++) {
        if (part != HSM_PART_PUBLIC)
            CHECK_THAT(hsm_bytes_equal(back.parts.part[part], parts->part[part]));
    }
    CHECK_ERR(hsm_key_pkcs8_decode(crypto, hsm_secret_view(der), CKK_RSA, &other), HSM_E_KEY_TYPE);
    /* every shorter input is refused */
    for (size_t len = 0; len < hsm_secret_len(der); len += len < 100 ? 1 : 61)
        CHECK_ERR(hsm_key_pkcs8_decode(crypto, hsm_bytes_of(hsm_secret_data(der), len),
                                       parts->key_type, &other),
                  HSM_E_WRAPPED_KEY);
    /* the last byte belongs to the expanded key */
    hsm_secret_data(der)[hsm_secret_len(der) - 1] ^= 1;
    if (parts->part[HSM_PART_SEED].len > 0)
        CHECK_ERR(hsm_key_pkcs8_decode(crypto, hsm_secret_view(der), parts->key_type, &other),
                  HSM_E_WRAPPED_KEY);
}

static void private_key_info_and_back(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);
    static const char *const names[] = { "ML-DSA-44",   "ML-DSA-87",         "ML-KEM-512",
                                         "ML-KEM-1024", "SLH-DSA-SHA2-128f", "SLH-DSA-SHAKE-256f" };

    for (size_t i = 0; i < HSM_ARRAY_LEN(names); i++) {
        HSM_AUTO(pair_clear) pair p = { 0 };

        CASE(names[i]);
        REQUIRE_THAT(pair_of_set(crypto, set_named(names[i]), &p));
        check_pkcs8(crypto, &p.bundle.parts);
        hsm_key_parts parts = p.bundle.parts;
        parts.part[HSM_PART_SEED] = hsm_bytes_none();
        check_pkcs8(crypto, &parts);
    }
}

/* Wycheproof, mldsa_44_sign_seed_test: the seed-only PrivateKeyInfo of RFC 9881, C.1. */
static void seed_only_private_key_info(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle bundle = { 0 };
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle whole = { 0 };
    blob der;
    blob seed;

    (void)unhex("3034020100300b060960864801650304031104228020"
                "2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a",
                &der);
    const hsm_key_parts parts = seed_parts(
        set_named("ML-DSA-44"),
        unhex("2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a2a", &seed));
    REQUIRE_OK(hsm_key_pkcs8_decode(crypto, view(&der), CKK_ML_DSA, &bundle));
    REQUIRE_OK(hsm_key_complete(crypto, &parts, &whole));
    CHECK_THAT(
        hsm_bytes_equal(bundle.parts.part[HSM_PART_VALUE], whole.parts.part[HSM_PART_VALUE]));
}

/* The frames are those of RFC 9881, RFC 9909 and RFC 9935: OID alone, key as BIT STRING. */
static void public_key_info(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_pqc(false);
    static const struct {
        const char *set;
        const char *frame;
    } cases[] = {
        { "ML-DSA-44", "30820532300b0609608648016503040311038205210"
                       "0" },
        { "ML-KEM-768", "308204b2300b0609608648016503040402038204a1"
                        "00" },
        { "SLH-DSA-SHA2-128f", "3030300b060960864801650304031503210"
                               "0" },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        HSM_AUTO(pair_clear) pair p = { 0 };
        HSM_AUTO(hsm_buf_clear) hsm_buf from_public = { 0 };
        HSM_AUTO(hsm_buf_clear) hsm_buf from_private = { 0 };
        blob frame;

        CASE(cases[i].set);
        REQUIRE_THAT(pair_of_set(crypto, set_named(cases[i].set), &p));
        REQUIRE_OK(hsm_key_spki(p.public_key, &from_public));
        REQUIRE_OK(hsm_key_spki(p.private_key, &from_private));
        CHECK_THAT(hsm_bytes_equal(hsm_buf_view(&from_public), hsm_buf_view(&from_private)));
        (void)unhex(cases[i].frame, &frame);
        const hsm_bytes key = p.bundle.parts.part[HSM_PART_PUBLIC];
        REQUIRE_THAT(from_public.len == frame.len + key.len);
        CHECK_BYTES(from_public.data, frame.len, frame.data, frame.len);
        CHECK_BYTES(from_public.data + frame.len, key.len, key.data, key.len);
    }
}

static const check_test tests[] = {
    CHECK_TEST(seeds_have_published_keys),   CHECK_TEST(generated_keys_come_in_every_form),
    CHECK_TEST(slow_sets_and_approved_mode), CHECK_TEST(private_key_info_and_back),
    CHECK_TEST(seed_only_private_key_info),  CHECK_TEST(public_key_info),
};
CHECK_MAIN(tests)
