/* SPDX-License-Identifier: Apache-2.0 */
#include "asym_support.h"
#include "crypto/backend_openssl_pkey.h"

/* Private values and their points: RFC 6979, A.2; RFC 8032, 7.1 and 7.4; RFC 7748, 6. */
static const struct {
    const char *curve;
    const char *value;
    const char *point;
} known_pairs[] = {
    { "P-224", "f220266e1105bfe3083e03ec7a3a654651f45e37167e88600bf257c1",
      "0400cf08da5ad719e42707fa431292dea11244d64fc51610d94b130d6c"
      "eeab6f3debe455e3dbf85416f7030cbd94f34f2d6f232c69f3c1385a" },
    { "P-256", "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
      "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
      "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299" },
    { "P-384",
      "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d8"
      "96d5724e4c70a825f872c9ea60d2edf5",
      "04ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64"
      "def8f0ea9055866064a254515480bc13"
      "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1"
      "288b231c3ae0d4fe7344fd2533264720" },
    { "ED25519", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a" },
    { "ED448",
      "6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3"
      "528c8a3fcc2f044e39a3fc5b94492f8f032e7549a20098f95b",
      "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778"
      "edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180" },
};

static void known_points_are_computed(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();

    for (size_t i = 0; i < HSM_ARRAY_LEN(known_pairs); i++) {
        blob value, point;
        hsm_key_bundle got = { 0 };
        hsm_key *key = NULL;
        hsm_key_parts parts = curve_parts(CKO_PRIVATE_KEY, curve_named(known_pairs[i].curve),
                                          unhex(known_pairs[i].value, &value), hsm_bytes_none());

        CASE(known_pairs[i].curve);
        REQUIRE_OK(hsm_key_complete(crypto, &parts, &got));
        const hsm_bytes computed = got.parts.part[HSM_PART_POINT];
        if (known_pairs[i].point != NULL) {
            unhex(known_pairs[i].point, &point);
            CHECK_BYTES(computed.data, computed.len, point.data, point.len);
        }
        CHECK_THAT(hsm_bytes_equal(got.parts.part[HSM_PART_VALUE], view(&value)));
        REQUIRE_OK(hsm_key_create(crypto, &got.parts, &key));
        CHECK_OK(hsm_key_check(key));
        hsm_key_destroy(key);
        hsm_key_bundle_clear(&got);
    }
}

static void generated_pairs_fit(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    size_t count = 0;
    const hsm_curve *curve = hsm_curve_table(&count);

    for (size_t i = 0; i < count; i++) {
        hsm_key_bundle again = { 0 };
        pair p, other;

        CASE(curve[i].name);
        REQUIRE_THAT(pair_on_curve(crypto, &curve[i], &p));
        REQUIRE_THAT(pair_on_curve(crypto, &curve[i], &other));
        CHECK_EQ(hsm_key_bits(p.private_key), curve[i].bits);
        CHECK_EQ(hsm_key_type(p.public_key), curve[i].key_type);
        CHECK_EQ(p.bundle.parts.part[HSM_PART_VALUE].len, curve[i].order_bytes);
        CHECK_EQ(p.bundle.parts.part[HSM_PART_POINT].len, curve[i].point_bytes);
        CHECK_THAT(!hsm_bytes_equal(p.bundle.parts.part[HSM_PART_VALUE],
                                    other.bundle.parts.part[HSM_PART_VALUE]));
        CHECK_OK(hsm_key_check(p.private_key));
        CHECK_OK(hsm_key_check(p.public_key));
        CHECK_OK(hsm_ossl_pair_check(crypto, p.private_key->native, curve[i].key_type, false));

        hsm_key_parts alone = p.bundle.parts;
        alone.part[HSM_PART_POINT] = hsm_bytes_none();
        REQUIRE_OK(hsm_key_complete(crypto, &alone, &again));
        CHECK_THAT(
            hsm_bytes_equal(again.parts.part[HSM_PART_POINT], p.bundle.parts.part[HSM_PART_POINT]));
        hsm_key_bundle_clear(&again);
        pair_clear(&p);
        pair_clear(&other);
    }
}

/* FIPS 186-5, A.2.1, on the curves that the mechanism is for; the values fill their whole range. */
static void extra_bits_make_pairs(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    size_t count = 0;
    const hsm_curve *curve = hsm_curve_table(&count);

    for (size_t i = 0; i < count; i++) {
        const hsm_keygen request = { .mech = hsm_mech_find(CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS),
                                     .key_type = CKK_EC,
                                     .ec_params = hsm_bytes_of(curve[i].oid, curve[i].oid_len) };
        uint8_t any_bit[HSM_EC_POINT_MAX_BYTES] = { 0 };

        if (curve[i].key_type != CKK_EC)
            continue;
        CASE(curve[i].name);
        for (int k = 0; k < 64; k++) {
            pair p = { 0 };

            REQUIRE_OK(hsm_keygen_run(crypto, &request, &p.bundle));
            REQUIRE_THAT(pair_parse(crypto, &p));
            if (k == 0)
                CHECK_OK(hsm_ossl_pair_check(crypto, p.bundle.key->native, CKK_EC, false));
            CHECK_EQ(p.bundle.parts.part[HSM_PART_VALUE].len, curve[i].order_bytes);
            for (size_t at = 0; at < curve[i].order_bytes; at++)
                any_bit[at] |= p.bundle.parts.part[HSM_PART_VALUE].data[at];
            pair_clear(&p);
        }
        /* every bit below the order's length was set once in 64: one in 2^55 fails by chance */
        CHECK_EQ(any_bit[0], curve[i].bits % 8 == 1 ? 1 : 0xff);
        CHECK_EQ(any_bit[1], 0xff);
        CHECK_EQ(any_bit[curve[i].order_bytes - 1], 0xff);
    }
}

/* Approved mode makes keys too, with its pair check. */
static void approved_mode_generates(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = NULL;
    const hsm_crypto_options options = { .backend = "openssl", .is_approved_only = true };
    size_t count = 0;
    const hsm_curve *curve = hsm_curve_table(&count);

    if (hsm_crypto_create(&options, &crypto) != HSM_OK)
        SKIP("approved mode needs more locked memory than there is");
    for (size_t i = 0; i < count; i++) {
        pair p;

        CASE(curve[i].name);
        if (pair_on_curve(crypto, &curve[i], &p))
            pair_clear(&p);
    }
}

static void halves_of_two_pairs_are_refused(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    size_t count = 0;
    const hsm_curve *curve = hsm_curve_table(&count);

    for (size_t i = 0; i < count; i++) {
        hsm_key *key = NULL;
        pair p, other;

        CASE(curve[i].name);
        REQUIRE_THAT(pair_on_curve(crypto, &curve[i], &p));
        REQUIRE_THAT(pair_on_curve(crypto, &curve[i], &other));
        hsm_key_parts mixed = p.bundle.parts;
        mixed.part[HSM_PART_POINT] = other.bundle.parts.part[HSM_PART_POINT];
        CHECK_ERR(hsm_key_create(crypto, &mixed, &key), HSM_E_ATTRIBUTE_VALUE);
        pair_clear(&p);
        pair_clear(&other);
    }
}

static const struct {
    const char *label;
    const char *curve;
    const char *value;
    hsm_err want;
} value_cases[] = {
    { "P-256: 1", "P-256", "01", HSM_OK },
    { "P-256: 0", "P-256", "00", HSM_E_ATTRIBUTE_VALUE },
    { "P-256: nothing", "P-256", "", HSM_E_TEMPLATE_INCOMPLETE },
    { "P-256: order - 1", "P-256",
      "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550", HSM_OK },
    { "P-256: the order", "P-256",
      "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", HSM_E_ATTRIBUTE_VALUE },
    { "P-256: leading zeros", "P-256",
      "0000ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550", HSM_OK },
    { "P-256: 33 bytes", "P-256",
      "01ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550", HSM_E_ATTRIBUTE_VALUE },
    { "Ed25519: 31 bytes", "ED25519",
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f", HSM_E_ATTRIBUTE_VALUE },
    { "Ed25519: 33 bytes", "ED25519",
      "009d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", HSM_E_ATTRIBUTE_VALUE },
    { "X25519: 31 bytes", "X25519",
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f", HSM_E_ATTRIBUTE_VALUE },
};

static void private_values_at_their_limits(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();

    for (size_t i = 0; i < HSM_ARRAY_LEN(value_cases); i++) {
        hsm_key *key = NULL;
        blob value;
        const hsm_key_parts parts =
            curve_parts(CKO_PRIVATE_KEY, curve_named(value_cases[i].curve),
                        unhex(value_cases[i].value, &value), hsm_bytes_none());

        CASE(value_cases[i].label);
        CHECK_ERR(hsm_key_create(crypto, &parts, &key), value_cases[i].want);
        hsm_key_destroy(key);
    }
}

static void bad_public_points_are_refused(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    size_t count = 0;
    const hsm_curve *curve = hsm_curve_table(&count);

    for (size_t i = 0; i < count; i++) {
        hsm_key_parts parts;
        hsm_key *key = NULL;
        blob point;
        pair p;

        CASE(curve[i].name);
        REQUIRE_THAT(pair_on_curve(crypto, &curve[i], &p));
        const hsm_bytes good = p.bundle.parts.part[HSM_PART_POINT];
        memcpy(point.data, good.data, good.len);
        point.len = good.len - 1;
        parts = curve_parts(CKO_PUBLIC_KEY, &curve[i], hsm_bytes_none(), view(&point));
        CHECK_ERR(hsm_key_create(crypto, &parts, &key), HSM_E_ATTRIBUTE_VALUE);
        parts.part[HSM_PART_POINT] = hsm_bytes_none();
        CHECK_ERR(hsm_key_create(crypto, &parts, &key), HSM_E_TEMPLATE_INCOMPLETE);
        if (curve[i].key_type == CKK_EC) {
            point.len = good.len;
            point.data[good.len - 1] ^= 1; /* the other y would be p - y */
            parts.part[HSM_PART_POINT] = view(&point);
            CHECK_ERR(hsm_key_create(crypto, &parts, &key), HSM_E_ATTRIBUTE_VALUE);
            memset(point.data + 1, 0xff, good.len - 1); /* coordinates over the field */
            CHECK_ERR(hsm_key_create(crypto, &parts, &key), HSM_E_ATTRIBUTE_VALUE);
            memset(point.data, 0, good.len);
            CHECK_ERR(hsm_key_create(crypto, &parts, &key), HSM_E_ATTRIBUTE_VALUE);
            parts.part[HSM_PART_POINT] = hsm_bytes_of("\0", 1); /* infinity */
            CHECK_ERR(hsm_key_create(crypto, &parts, &key), HSM_E_ATTRIBUTE_VALUE);
        }
        CHECK_THAT(key == NULL);
        pair_clear(&p);
    }
}

/* The y below 60 that have an x, and an end mark; computed with Python's integers from RFC 8032, 5.1.3 and 5.2.3. */
static const uint8_t y_25519[] = {
    0,  1,  3,  4,  5,  6,  9,  10, 14, 15, 16, 18, 19, 21, 23, 24, 25, 26, 27, 28,
    29, 30, 32, 33, 35, 37, 39, 40, 42, 43, 44, 48, 51, 52, 54, 55, 56, 57, 58, 255,
};
static const uint8_t y_448[] = {
    0,  1,  3,  4,  5,  7,  8,  9,  12, 13, 19, 21, 24, 25, 26, 27, 29,
    31, 33, 35, 36, 37, 38, 39, 40, 42, 44, 45, 50, 51, 53, 55, 57, 255,
};

static hsm_err create_public(hsm_crypto *crypto, const hsm_curve *curve, const uint8_t *point)
{
    hsm_key *key = NULL;
    const hsm_key_parts parts = curve_parts(CKO_PUBLIC_KEY, curve, hsm_bytes_none(),
                                            hsm_bytes_of(point, curve->point_bytes));
    const hsm_err err = hsm_key_create(crypto, &parts, &key);

    CHECK_THAT((key != NULL) == (err == HSM_OK));
    hsm_key_destroy(key);
    return err;
}

static void check_small_y(hsm_crypto *crypto, const hsm_curve *curve, const uint8_t *good)
{
    for (uint8_t y = 0; y < 60; y++) {
        uint8_t point[57] = { y };
        const bool has_x = *good == y;

        good += has_x ? 1 : 0;
        CHECK_ERR(create_public(crypto, curve, point), has_x ? HSM_OK : HSM_E_ATTRIBUTE_VALUE);
        point[curve->point_bytes - 1] |= 0x80; /* the other x; for y = 1 there is none */
        CHECK_ERR(create_public(crypto, curve, point),
                  has_x && y != 1 ? HSM_OK : HSM_E_ATTRIBUTE_VALUE);
    }
}

static void edwards_points_must_decode(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    uint8_t over[57];

    CASE("edwards25519");
    check_small_y(crypto, curve_named("ED25519"), y_25519);
    CASE("edwards448");
    check_small_y(crypto, curve_named("ED448"), y_448);
    CASE("y is not below the field's prime");
    memset(over, 0xff, sizeof over);
    CHECK_ERR(create_public(crypto, curve_named("ED25519"), over), HSM_E_ATTRIBUTE_VALUE);
    CHECK_ERR(create_public(crypto, curve_named("ED448"), over), HSM_E_ATTRIBUTE_VALUE);
}

static void bad_curves_are_refused(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    hsm_key_bundle bundle = { 0 };
    hsm_keygen request = { .mech = keygen_mech(CKK_EC), .key_type = CKK_EC };
    hsm_key *key = NULL;
    hsm_key_parts parts = { .key_class = CKO_PUBLIC_KEY, .key_type = CKK_EC };

    CHECK_ERR(hsm_keygen_run(crypto, &request, &bundle), HSM_E_DOMAIN_PARAMS);
    request.ec_params = hsm_bytes_of(curve_named("ED25519")->oid, 5);
    CHECK_ERR(hsm_keygen_run(crypto, &request, &bundle), HSM_E_CURVE);
    CHECK_ERR(hsm_key_create(crypto, &parts, &key), HSM_E_TEMPLATE_INCOMPLETE);
    parts.part[HSM_PART_PARAMS] = hsm_bytes_of("\5\0", 2);
    CHECK_ERR(hsm_key_create(crypto, &parts, &key), HSM_E_DOMAIN_PARAMS);
    parts.part[HSM_PART_PARAMS] = request.ec_params;
    CHECK_ERR(hsm_key_create(crypto, &parts, &key), HSM_E_CURVE);
    parts.key_type = CKK_DSA;
    CHECK_ERR(hsm_key_create(crypto, &parts, &key), HSM_E_KEY_TYPE);
}

/* The pair check of generation, given halves of two keys. */
static void pair_check_finds_a_foreign_half(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_ossl_pkey_drop) EVP_PKEY *mixed = NULL;
    char group[] = "P-256";
    uint8_t native[32];
    uint8_t point[65];
    pair p, other;

    REQUIRE_THAT(pair_on_curve(crypto, curve_named("P-256"), &p));
    REQUIRE_THAT(pair_on_curve(crypto, curve_named("P-256"), &other));
    hsm_ossl_native_number(native, sizeof native, p.bundle.parts.part[HSM_PART_VALUE]);
    memcpy(point, other.bundle.parts.part[HSM_PART_POINT].data, sizeof point);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, native, sizeof native),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_END,
    };
    REQUIRE_OK(hsm_ossl_pkey_from(crypto, "EC", EVP_PKEY_KEYPAIR, params, &mixed));
    CHECK_ERR(hsm_ossl_pair_check(crypto, mixed, CKK_EC, false), HSM_E_SELF_TEST);
    pair_clear(&p);
    pair_clear(&other);
}

static const check_test tests[] = {
    CHECK_TEST(known_points_are_computed),       CHECK_TEST(generated_pairs_fit),
    CHECK_TEST(approved_mode_generates),         CHECK_TEST(halves_of_two_pairs_are_refused),
    CHECK_TEST(private_values_at_their_limits),  CHECK_TEST(bad_public_points_are_refused),
    CHECK_TEST(edwards_points_must_decode),      CHECK_TEST(bad_curves_are_refused),
    CHECK_TEST(pair_check_finds_a_foreign_half), CHECK_TEST(extra_bits_make_pairs),
};

CHECK_MAIN(tests)
