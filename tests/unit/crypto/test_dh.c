/* SPDX-License-Identifier: Apache-2.0 */
#include "asym_support.h"
#include "crypto/dh.h"
#include "crypto/kem.h"
#include "vectors_dh.h"

typedef struct group_numbers {
    blob prime, base, subprime;
} group_numbers;

static hsm_key_parts group_parts(CK_KEY_TYPE type, group_numbers *numbers)
{
    hsm_key_parts parts = { .key_class = CKO_PRIVATE_KEY, .key_type = type };
    const bool is_x942 = type == CKK_X9_42_DH;

    parts.part[HSM_PART_PRIME] =
        unhex(is_x942 ? rfc5114_224_prime : ffdhe2048_prime, &numbers->prime);
    parts.part[HSM_PART_BASE] = unhex(is_x942 ? rfc5114_224_base : "02", &numbers->base);
    if (is_x942)
        parts.part[HSM_PART_SUBPRIME] = unhex(rfc5114_224_subprime, &numbers->subprime);
    return parts;
}

static hsm_keygen group_request(CK_KEY_TYPE type, group_numbers *numbers)
{
    const hsm_key_parts parts = group_parts(type, numbers);

    return (hsm_keygen){
        .mech =
            hsm_mech_find(type == CKK_DH ? CKM_DH_PKCS_KEY_PAIR_GEN : CKM_X9_42_DH_KEY_PAIR_GEN),
        .key_type = type,
        .prime = parts.part[HSM_PART_PRIME],
        .base = parts.part[HSM_PART_BASE],
        .subprime = parts.part[HSM_PART_SUBPRIME],
    };
}

static const hsm_mech *derive_mech(CK_KEY_TYPE type)
{
    return hsm_mech_find(type == CKK_DH ? CKM_DH_PKCS_DERIVE : CKM_X9_42_DH_DERIVE);
}

static const CK_KEY_TYPE types[] = { CKK_DH, CKK_X9_42_DH };

static void pairs_agree_and_travel(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();

    for (size_t i = 0; i < HSM_ARRAY_LEN(types); i++) {
        HSM_AUTO(hsm_secret_drop) hsm_secret *one = NULL;
        HSM_AUTO(hsm_secret_drop) hsm_secret *other = NULL;
        HSM_AUTO(hsm_secret_drop) hsm_secret *der = NULL;
        HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle back = { 0 };
        group_numbers numbers;
        const hsm_keygen request = group_request(types[i], &numbers);
        pair a = { 0 };
        pair b = { 0 };

        CASE(i == 0 ? "DH" : "X9.42");
        REQUIRE_OK(hsm_keygen_run(crypto, &request, &a.bundle));
        REQUIRE_OK(hsm_keygen_run(crypto, &request, &b.bundle));
        REQUIRE_THAT(pair_parse(crypto, &a) && pair_parse(crypto, &b));
        CHECK_EQ(hsm_key_bits(a.private_key), 2048);
        CHECK_OK(hsm_key_check(a.public_key));
        const hsm_mech_params to_b = { .kdf = CKD_NULL,
                                       .public_data = b.bundle.parts.part[HSM_PART_PUBLIC] };
        const hsm_mech_params to_a = { .kdf = CKD_NULL,
                                       .public_data = a.bundle.parts.part[HSM_PART_PUBLIC] };
        CHECK_OK(hsm_derive_run(crypto, derive_mech(types[i]), &to_b, a.private_key, 0, &one));
        CHECK_OK(hsm_derive_run(crypto, derive_mech(types[i]), &to_a, b.bundle.key, 0, &other));
        CHECK_EQ(hsm_secret_view(one).len, 256);
        CHECK_BYTES(hsm_secret_view(one).data, hsm_secret_view(one).len,
                    hsm_secret_view(other).data, hsm_secret_view(other).len);

        CHECK_OK(hsm_key_pkcs8_encode(a.private_key, &der));
        CHECK_OK(hsm_key_pkcs8_decode(crypto, hsm_secret_view(der), types[i], &back));
        for (size_t k = 0; k < HSM_PART_COUNT; k++)
            CHECK_BYTES(back.parts.part[k].data, back.parts.part[k].len,
                        a.bundle.parts.part[k].data, a.bundle.parts.part[k].len);
        CHECK_ERR(hsm_key_pkcs8_decode(crypto, hsm_secret_view(der), types[1 - i], &back),
                  HSM_E_KEY_TYPE);
        pair_clear(&a);
        pair_clear(&b);
    }
}

/* The length of the private value: between the group's strength and its order. */
static void value_bits_have_limits(void)
{
    static const struct {
        uint32_t bits;
        hsm_err want;
    } cases[] = {
        { 223, HSM_E_ATTRIBUTE_VALUE },
        { 224, HSM_OK },
        { 2047, HSM_OK },
        { 2048, HSM_E_ATTRIBUTE_VALUE },
        { 8193, HSM_E_ATTRIBUTE_VALUE },
        { UINT32_MAX, HSM_E_ATTRIBUTE_VALUE },
    };
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();

    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle bundle = { 0 };
        group_numbers numbers;
        hsm_keygen request = group_request(CKK_DH, &numbers);

        request.value_bits = cases[i].bits;
        CHECK_ERR(hsm_keygen_run(crypto, &request, &bundle), cases[i].want);
        CHECK_THAT(bundle.parts.part[HSM_PART_VALUE].len <= (cases[i].bits + 7) / 8);
    }
}

static hsm_err make_key(hsm_crypto *crypto, const hsm_key_parts *parts, bool is_checked)
{
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;

    HSM_TRY(hsm_key_create(crypto, parts, &key));
    return is_checked ? hsm_key_check(key) : HSM_OK;
}

static void foreign_groups_are_refused(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    static const uint8_t too_long[HSM_DH_MAX_BYTES + 1] = { 1 };
    group_numbers numbers;
    const hsm_key_parts dh = group_parts(CKK_DH, &numbers);
    hsm_key_parts parts = dh;

    parts.part[HSM_PART_VALUE] = hsm_bytes_of("\x07", 1);
    CHECK_OK(make_key(crypto, &parts, true));

    CASE("another base, a prime that is none of ours, numbers too long or missing");
    parts.part[HSM_PART_BASE] = hsm_bytes_of("\x03", 1);
    CHECK_ERR(make_key(crypto, &parts, false), HSM_E_DOMAIN_PARAMS);
    parts.part[HSM_PART_BASE] = dh.part[HSM_PART_BASE];
    numbers.prime.data[100] ^= 2;
    CHECK_ERR(make_key(crypto, &parts, false), HSM_E_DOMAIN_PARAMS);
    parts.part[HSM_PART_PRIME] = hsm_bytes_of(too_long, sizeof too_long);
    CHECK_ERR(make_key(crypto, &parts, false), HSM_E_DOMAIN_PARAMS);
    parts.part[HSM_PART_PRIME] = hsm_bytes_of("\0", 1);
    CHECK_ERR(make_key(crypto, &parts, false), HSM_E_DOMAIN_PARAMS);
    parts.part[HSM_PART_PRIME] = hsm_bytes_none();
    CHECK_ERR(make_key(crypto, &parts, false), HSM_E_TEMPLATE_INCOMPLETE);

    CASE("X9.42 with another order, and without one");
    group_numbers x942;
    parts = group_parts(CKK_X9_42_DH, &x942);
    parts.part[HSM_PART_VALUE] = hsm_bytes_of("\x07", 1);
    CHECK_OK(make_key(crypto, &parts, true));
    x942.subprime.data[5] ^= 2;
    CHECK_ERR(make_key(crypto, &parts, false), HSM_E_DOMAIN_PARAMS);
    parts.part[HSM_PART_SUBPRIME] = hsm_bytes_none();
    CHECK_ERR(make_key(crypto, &parts, false), HSM_E_TEMPLATE_INCOMPLETE);

    CASE("1536 bits are too few");
    blob weak;
    parts = dh;
    parts.part[HSM_PART_VALUE] = hsm_bytes_of("\x07", 1);
    parts.part[HSM_PART_PRIME] = unhex(modp_1536_prime, &weak);
    CHECK_ERR(make_key(crypto, &parts, false), HSM_E_DOMAIN_PARAMS);
}

/* p - 1 for a byte of 0 .. 2 less at the end of an odd prime that ends in ff. */
static hsm_bytes less(const blob *prime, uint8_t by, blob *out)
{
    *out = *prime;
    out->data[out->len - 1] = (uint8_t)(out->data[out->len - 1] - by);
    return view(out);
}

static void keys_are_validated(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    group_numbers numbers;
    blob number;
    hsm_key_parts public = group_parts(CKK_DH, &numbers);
    hsm_key_parts private = public;

    CASE("private values: 1 to the order - 1, leading zeros allowed");
    private.part[HSM_PART_VALUE] = hsm_bytes_none();
    CHECK_ERR(make_key(crypto, &private, false), HSM_E_TEMPLATE_INCOMPLETE);
    private.part[HSM_PART_VALUE] = hsm_bytes_of("\0\0", 2);
    CHECK_ERR(make_key(crypto, &private, false), HSM_E_ATTRIBUTE_VALUE);
    private.part[HSM_PART_VALUE] = hsm_bytes_of("\0\1", 2);
    CHECK_OK(make_key(crypto, &private, false));
    private.part[HSM_PART_VALUE] = unhex(ffdhe2048_order, &number);
    CHECK_ERR(make_key(crypto, &private, false), HSM_E_ATTRIBUTE_VALUE);
    number.data[number.len - 1]--;
    CHECK_OK(make_key(crypto, &private, false));

    CASE("a public value that is another key's");
    private.part[HSM_PART_VALUE] = hsm_bytes_of("\2", 1);
    private.part[HSM_PART_PUBLIC] = hsm_bytes_of("\4", 1);
    CHECK_OK(make_key(crypto, &private, false));
    private.part[HSM_PART_PUBLIC] = hsm_bytes_of("\5", 1);
    CHECK_ERR(make_key(crypto, &private, false), HSM_E_ATTRIBUTE_VALUE);

    CASE("public values: 2 to p - 2, and in the group");
    public.key_class = CKO_PUBLIC_KEY;
    CHECK_ERR(make_key(crypto, &public, false), HSM_E_TEMPLATE_INCOMPLETE);
    public.part[HSM_PART_PUBLIC] = hsm_bytes_of("\0", 1);
    CHECK_ERR(make_key(crypto, &public, false), HSM_E_ATTRIBUTE_VALUE);
    public.part[HSM_PART_PUBLIC] = hsm_bytes_of("\1", 1);
    CHECK_ERR(make_key(crypto, &public, false), HSM_E_ATTRIBUTE_VALUE);
    public.part[HSM_PART_PUBLIC] = hsm_bytes_of("\2", 1);
    CHECK_OK(make_key(crypto, &public, true));
    public.part[HSM_PART_PUBLIC] = less(&numbers.prime, 1, &number);
    CHECK_ERR(make_key(crypto, &public, false), HSM_E_ATTRIBUTE_VALUE);
    /* p = 7 mod 8, so 2 is a square and -2 is none */
    public.part[HSM_PART_PUBLIC] = less(&numbers.prime, 2, &number);
    CHECK_OK(make_key(crypto, &public, false));
    CHECK_ERR(make_key(crypto, &public, true), HSM_E_ATTRIBUTE_VALUE);
}

static void peers_are_validated(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;
    group_numbers numbers;
    hsm_key_parts parts = group_parts(CKK_DH, &numbers);
    hsm_mech_params params = { .kdf = CKD_NULL };
    uint8_t too_long[257] = { 1 };
    blob number;

    parts.part[HSM_PART_VALUE] = hsm_bytes_of("\x07", 1);
    REQUIRE_OK(hsm_key_create(crypto, &parts, &key));
    const hsm_bytes bad[] = { hsm_bytes_none(),      hsm_bytes_of("\0", 1),
                              hsm_bytes_of("\1", 1), less(&numbers.prime, 2, &number),
                              view(&numbers.prime),  hsm_bytes_of(too_long, sizeof too_long) };
    for (size_t i = 0; i < HSM_ARRAY_LEN(bad); i++) {
        params.public_data = bad[i];
        CHECK_ERR(hsm_derive_run(crypto, derive_mech(CKK_DH), &params, key, 0, &value),
                  HSM_E_MECHANISM_PARAM);
    }
    CASE("2^7 is 128; more than the secret's length is not given");
    params.public_data = hsm_bytes_of("\2", 1);
    CHECK_ERR(hsm_derive_run(crypto, derive_mech(CKK_DH), &params, key, 257, &value),
              HSM_E_KEY_SIZE);
    CHECK_OK(hsm_derive_run(crypto, derive_mech(CKK_DH), &params, key, 1, &value));
    CHECK_EQ(hsm_secret_view(value).data[0], 128);
}

/* CKD_SHA1_KDF_CONCATENATE: SHA-1 of the secret, a counter and the other information. */
static void x942_has_a_kdf(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *value = NULL;
    group_numbers numbers;
    hsm_key_parts parts = group_parts(CKK_X9_42_DH, &numbers);
    blob x, y, want;

    parts.part[HSM_PART_VALUE] = unhex(rfc5114_224_x, &x);
    REQUIRE_OK(hsm_key_create(crypto, &parts, &key));
    const hsm_mech_params params = { .kdf = CKD_SHA1_KDF_CONCATENATE,
                                     .public_data = unhex(rfc5114_224_peer, &y),
                                     .shared_data = hsm_bytes_of_text("other") };
    unhex(rfc5114_224_kdf, &want);
    CHECK_OK(hsm_derive_run(crypto, derive_mech(CKK_X9_42_DH), &params, key, 32, &value));
    CHECK_BYTES(hsm_secret_view(value).data, 32, want.data, want.len);
}

static void every_group_makes_keys(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    size_t count = 0;
    const hsm_dh_group *groups = hsm_dh_group_table(&count);

    for (size_t i = 0; i < HSM_ARRAY_LEN(group_primes); i++) {
        HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle bundle = { 0 };
        blob prime;
        const hsm_keygen request = {
            .mech = hsm_mech_find(CKM_DH_PKCS_KEY_PAIR_GEN),
            .key_type = CKK_DH,
            .prime = unhex(group_primes[i].prime, &prime),
            .base = hsm_bytes_of("\2", 1),
        };

        CASE(group_primes[i].name);
        CHECK_OK(hsm_keygen_run(crypto, &request, &bundle));
        const hsm_dh_group *row = hsm_dh_group_find(group_primes[i].name, CKK_DH);
        REQUIRE_THAT(row != NULL && row >= groups && row < groups + count);
        CHECK_EQ(hsm_key_bits(bundle.key), row->bits);
        CHECK_OK(hsm_key_check(bundle.key));
        CHECK_THAT(bundle.parts.part[HSM_PART_VALUE].len * 8 >= row->private_min_bits - 64);
    }
    CHECK_THAT(hsm_dh_group_find("modp_1536", CKK_DH) == NULL);
    CHECK_THAT(hsm_dh_group_find("dh_2048_224", CKK_DH) == NULL);
}

static const check_test tests[] = {
    CHECK_TEST(pairs_agree_and_travel),     CHECK_TEST(value_bits_have_limits),
    CHECK_TEST(foreign_groups_are_refused), CHECK_TEST(keys_are_validated),
    CHECK_TEST(peers_are_validated),        CHECK_TEST(x942_has_a_kdf),
    CHECK_TEST(every_group_makes_keys),
};

CHECK_MAIN(tests)
