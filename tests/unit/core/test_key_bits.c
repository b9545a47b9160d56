/* The length of every kind of key, from its attributes: what the standards say, and what a parsed key
 * says of itself.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/key_bits.h"

#include "base/hex.h"
#include "core/internal.h"
#include "core/keyring.h"
#include "support/check.h"
#include "unit/core/bench.h"
#include "unit/crypto/vectors_dh.h"

/* The bits of the object behind a handle; asked of the parsed key too if it is one. */
static uint32_t bits_of(const bench *on, CK_OBJECT_HANDLE handle)
{
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    hsm_key *key = NULL;

    if (!CHECK_OK(hsm_core_session(on->core, on->session, &session)) ||
        !CHECK_OK(hsm_core_object(on->core, session, handle, &object)))
        return UINT32_MAX;
    const uint32_t bits = hsm_core_key_bits(object);
    if (object->key_type != HSM_KEY_TYPE_NONE && CHECK_OK(hsm_core_key(on->core, object, &key)))
        CHECK_EQ(hsm_key_bits(key), bits);
    return bits;
}

static hsm_err make(const bench *on, const char *kind, CK_OBJECT_HANDLE out_handles[2],
                    size_t *out_count)
{
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    HSM_AUTO(hsm_named_clear) hsm_named public_named = { 0 };
    HSM_AUTO(hsm_named_clear) hsm_named private_named = { 0 };
    hsm_key_spec spec;
    const hsm_make_request request = { &spec, &public_named, &private_named };

    HSM_TRY(hsm_core_key_spec(kind, &spec));
    HSM_TRY(hsm_core_session(on->core, on->session, &session));
    return hsm_core_make_key(on->core, session, &request, out_handles, out_count);
}

static const struct {
    const char *kind;
    uint32_t bits;
} cases[] = {
    { "RSA-2048", 2048 },
    /* FIPS 197; PKCS#11 v3.2: CKA_VALUE_LEN in bytes. */
    { "AES-128", 128 },
    { "AES-192", 192 },
    { "AES-256", 256 },
    { "GENERIC-168", 168 },
    { "CHACHA20", 256 },
    { "SHA512-HMAC-8", 8 },
    /* Fields: SP 800-186, RFC 5639, SEC 2, RFC 7748. */
    { "P-256", 256 },
    { "P-384", 384 },
    { "P-521", 521 },
    { "secp256k1", 256 },
    { "brainpoolP256r1", 256 },
    { "brainpoolP384r1", 384 },
    { "brainpoolP512r1", 512 },
    { "Ed25519", 255 },
    { "Ed448", 448 },
    { "X25519", 255 },
    { "X448", 448 },
    /* Encoded public keys: FIPS 203, table 3; FIPS 204, table 2; FIPS 205, table 2. */
    { "ML-KEM-512", 8 * 800 },
    { "ML-KEM-768", 8 * 1184 },
    { "ML-KEM-1024", 8 * 1568 },
    { "ML-DSA-44", 8 * 1312 },
    { "ML-DSA-65", 8 * 1952 },
    { "ML-DSA-87", 8 * 2592 },
    { "SLH-DSA-SHA2-128f", 8 * 32 },
    { "SLH-DSA-SHAKE-192f", 8 * 48 },
    { "SLH-DSA-SHA2-256f", 8 * 64 },
};

static void every_kind_has_the_standards_length(void)
{
    HSM_AUTO(bench_close) bench on = { 0 };

    REQUIRE_OK(bench_open(&on));
    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        CK_OBJECT_HANDLE keys[2] = { 0 };
        size_t count = 0;

        CASE(cases[i].kind);
        if (!CHECK_OK(make(&on, cases[i].kind, keys, &count)))
            continue;
        for (size_t k = 0; k < count; k++)
            CHECK_EQ(bits_of(&on, keys[k]), cases[i].bits);
    }
}

/* Composite keys, whose lengths no standard has fixed yet, and all that will be added: as the key says. */
static void check_kind(void *arg, const char *name)
{
    const bench *on = arg;
    CK_OBJECT_HANDLE keys[2] = { 0 };
    size_t count = 0;

    CASE(name);
    if (!CHECK_OK(make(on, name, keys, &count)))
        return;
    for (size_t k = 0; k < count; k++)
        CHECK_THAT(bits_of(on, keys[k]) > 0);
}

static void both_ways_agree(void)
{
    HSM_AUTO(bench_close) bench on = { 0 };

    REQUIRE_OK(bench_open(&on));
    hsm_core_each_key_name(check_kind, &on);
}

static hsm_bytes prime_of_2048_bits(uint8_t prime[static 256])
{
    for (size_t i = 0; i < 256; i++) {
        const int high = hsm_hex_digit(ffdhe2048_prime[2 * i]);

        prime[i] = (uint8_t)(high << 4 | hsm_hex_digit(ffdhe2048_prime[2 * i + 1]));
    }
    return hsm_bytes_of(prime, 256);
}

static void a_dh_key_is_as_long_as_its_prime(void)
{
    HSM_AUTO(bench_close) bench on = { 0 };
    CK_OBJECT_HANDLE keys[2] = { 0 };
    uint8_t prime[256];

    REQUIRE_OK(bench_open(&on));
    {
        HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
        HSM_AUTO(hsm_named_clear) hsm_named named = { 0 };
        const CK_MECHANISM mechanism = { .mechanism = CKM_DH_PKCS_KEY_PAIR_GEN };
        const hsm_template none = { NULL, 0 };

        CHECK_OK(hsm_named_put(&named, "PRIME", prime_of_2048_bits(prime)));
        CHECK_OK(hsm_named_put(&named, "BASE", hsm_bytes_of("\x02", 1)));
        const hsm_template domain = hsm_named_template(&named);
        const hsm_pair_request request = { &mechanism, &domain, &none };
        REQUIRE_OK(hsm_core_session(on.core, on.session, &session));
        REQUIRE_OK(hsm_core_generate_pair(on.core, session, &request, &keys[0], &keys[1]));
    }
    CHECK_EQ(bits_of(&on, keys[0]), 2048);
    CHECK_EQ(bits_of(&on, keys[1]), 2048);
}

static CK_OBJECT_HANDLE import(const bench *on, const hsm_named *named)
{
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    const hsm_template tmpl = hsm_named_template(named);
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;

    CHECK_OK(hsm_core_session(on->core, on->session, &session));
    CHECK_OK(hsm_core_create_object(on->core, session, &tmpl, &handle));
    return handle;
}

/* The modulus of a key behind a handle, with zeros before it. */
static hsm_bytes modulus_of(const bench *on, CK_OBJECT_HANDLE handle, uint8_t out[static 258])
{
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;

    CHECK_OK(hsm_core_session(on->core, on->session, &session));
    CHECK_OK(hsm_core_object(on->core, session, handle, &object));
    const hsm_bytes modulus =
        object == NULL ? hsm_bytes_none() : hsm_object_value(object, CKA_MODULUS);
    if (!CHECK_EQ(modulus.len, 256))
        return hsm_bytes_none();
    memset(out, 0, 2);
    memcpy(out + 2, modulus.data, 256);
    return hsm_bytes_of(out, 258);
}

static void zeros_before_a_modulus_do_not_count(void)
{
    HSM_AUTO(bench_close) bench on = { 0 };
    HSM_AUTO(hsm_named_clear) hsm_named named = { 0 };
    CK_OBJECT_HANDLE keys[2] = { 0 };
    uint8_t modulus[258];
    size_t count = 0;

    REQUIRE_OK(bench_open(&on));
    REQUIRE_OK(make(&on, "RSA-2048", keys, &count));
    CHECK_OK(hsm_named_put_ulong(&named, "CLASS", CKO_PUBLIC_KEY));
    CHECK_OK(hsm_named_put_ulong(&named, "KEY_TYPE", CKK_RSA));
    CHECK_OK(hsm_named_put(&named, "MODULUS", modulus_of(&on, keys[0], modulus)));
    CHECK_OK(hsm_named_put(&named, "PUBLIC_EXPONENT", hsm_bytes_of("\x01\x00\x01", 3)));
    CHECK_EQ(bits_of(&on, import(&on, &named)), 2048);
}

static void what_is_no_key_has_no_length(void)
{
    HSM_AUTO(bench_close) bench on = { 0 };
    HSM_AUTO(hsm_named_clear) hsm_named named = { 0 };

    REQUIRE_OK(bench_open(&on));
    CHECK_OK(hsm_named_put_ulong(&named, "CLASS", CKO_DATA));
    CHECK_OK(hsm_named_put(&named, "VALUE", hsm_bytes_of_text("no key")));
    CHECK_EQ(bits_of(&on, import(&on, &named)), 0);
}

static const check_test tests[] = {
    CHECK_TEST(every_kind_has_the_standards_length),
    CHECK_TEST(both_ways_agree),
    CHECK_TEST(a_dh_key_is_as_long_as_its_prime),
    CHECK_TEST(zeros_before_a_modulus_do_not_count),
    CHECK_TEST(what_is_no_key_has_no_length),
};
CHECK_MAIN(tests)
