/* SPDX-License-Identifier: Apache-2.0 */
#include "asym_support.h"
#include "crypto/backend_openssl_pkey.h"
#include "vectors_rsa.h"

#define ALL ((1u << HSM_PART_COUNT) - 1)
#define BIT(part) (1u << (part))
#define CRT                                                                     \
    (BIT(HSM_PART_PRIME_1) | BIT(HSM_PART_PRIME_2) | BIT(HSM_PART_EXPONENT_1) | \
     BIT(HSM_PART_EXPONENT_2) | BIT(HSM_PART_COEFFICIENT))

static hsm_key_parts only(const hsm_key_parts *parts, unsigned mask)
{
    hsm_key_parts some = *parts;

    for (int i = 0; i < HSM_PART_COUNT; i++) {
        if ((mask & BIT(i)) == 0)
            some.part[i] = hsm_bytes_none();
    }
    return some;
}

static bool same_parts(const hsm_key_parts *a, const hsm_key_parts *b)
{
    for (int i = 0; i < HSM_PART_COUNT; i++) {
        if (!hsm_bytes_equal(a->part[i], b->part[i]))
            return false;
    }
    return true;
}

/* The same key, p and q perhaps the other way round. */
static void check_same_key(hsm_crypto *crypto, const hsm_key_parts *want, const hsm_key_parts *got)
{
    hsm_key *key = NULL;

    CHECK_BYTES(got->part[HSM_PART_PUBLIC_EXPONENT].data, got->part[HSM_PART_PUBLIC_EXPONENT].len,
                want->part[HSM_PART_PUBLIC_EXPONENT].data,
                want->part[HSM_PART_PUBLIC_EXPONENT].len);
    CHECK_THAT(hsm_bytes_equal(got->part[HSM_PART_PRIME_1], want->part[HSM_PART_PRIME_1]) ||
               hsm_bytes_equal(got->part[HSM_PART_PRIME_1], want->part[HSM_PART_PRIME_2]));
    for (int i = HSM_PART_MODULUS; i <= HSM_PART_COEFFICIENT; i++)
        CHECK_THAT(got->part[i].len > 0 && got->part[i].data[0] != 0);
    REQUIRE_OK(hsm_key_create(crypto, got, &key));
    CHECK_OK(hsm_key_check(key));
    hsm_key_destroy(key);
}

static void generated_keys_are_whole(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    static const uint8_t exponents[][5] = {
        { 0 },
        { 1, 0x03 },
        { 3, 0x01, 0x00, 0x01 },
        { 4, 0x00, 0x01, 0x00, 0x01 },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(exponents); i++) {
        const hsm_keygen request = {
            .mech = hsm_mech_find(CKM_RSA_PKCS_KEY_PAIR_GEN),
            .key_type = CKK_RSA,
            .bits = 1024,
            .public_exponent = hsm_bytes_of(exponents[i] + 1, exponents[i][0]),
        };
        pair p = { 0 };

        REQUIRE_OK(hsm_keygen_run(crypto, &request, &p.bundle));
        REQUIRE_THAT(pair_parse(crypto, &p));
        CHECK_EQ(hsm_key_bits(p.private_key), 1024);
        CHECK_EQ(hsm_key_bits(p.public_key), 1024);
        CHECK_OK(hsm_key_check(p.private_key));
        CHECK_OK(hsm_key_check(p.public_key));
        check_same_key(crypto, &p.bundle.parts, &p.bundle.parts);
        const hsm_bytes e = p.bundle.parts.part[HSM_PART_PUBLIC_EXPONENT];
        CHECK_EQ(e.len, i == 1 ? 1 : 3);
        pair_clear(&p);
    }
}

static const struct {
    const char *label;
    uint32_t bits;
    const char *exponent;
    hsm_err want;
} keygen_cases[] = {
    { "1016 bits", 1016, "", HSM_E_KEY_SIZE },
    { "16392 bits", 16392, "", HSM_E_KEY_SIZE },
    { "no bits", 0, "", HSM_E_KEY_SIZE },
    { "most bits there are", UINT32_MAX, "", HSM_E_KEY_SIZE },
    { "bits that are not bytes", 1025, "", HSM_E_KEY_SIZE },
    { "even exponent", 1024, "010000", HSM_E_TEMPLATE_INCONSISTENT },
    { "exponent 1", 1024, "01", HSM_E_TEMPLATE_INCONSISTENT },
    { "exponent 0", 1024, "0000", HSM_E_TEMPLATE_INCONSISTENT },
    { "exponent of 257 bits", 1024,
      "010000000000000000000000000000000000000000000000000000000000000001",
      HSM_E_TEMPLATE_INCONSISTENT },
    { "exponent of 65 bits for a large key", 4096, "010000000000000001",
      HSM_E_TEMPLATE_INCONSISTENT },
};

static void bad_requests_are_refused(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();

    for (size_t i = 0; i < HSM_ARRAY_LEN(keygen_cases); i++) {
        hsm_key_bundle bundle = { 0 };
        blob exponent;
        const hsm_keygen request = {
            .mech = hsm_mech_find(CKM_RSA_PKCS_KEY_PAIR_GEN),
            .key_type = CKK_RSA,
            .bits = keygen_cases[i].bits,
            .public_exponent = unhex(keygen_cases[i].exponent, &exponent),
        };

        CASE(keygen_cases[i].label);
        CHECK_ERR(hsm_keygen_run(crypto, &request, &bundle), keygen_cases[i].want);
        CHECK_THAT(bundle.storage == NULL);
    }
}

static void a_key_that_is_not_wanted_any_more(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle bundle = { 0 };
    atomic_bool stop = true;
    const hsm_keygen request = {
        .mech = hsm_mech_find(CKM_RSA_PKCS_KEY_PAIR_GEN),
        .key_type = CKK_RSA,
        .bits = 4096,
        .stop = &stop,
    };
    hsm_keygen wanted = request;

    CHECK_ERR(hsm_keygen_run(crypto, &request, &bundle), HSM_E_OPERATION_CANCELLED);
    CHECK_THAT(bundle.storage == NULL);
    atomic_store(&stop, false);
    wanted.bits = 1024;
    CHECK_OK(hsm_keygen_run(crypto, &wanted, &bundle));
}

static void weak_keys_only_where_allowed(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *lax = open_crypto();
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *strict = NULL;
    const hsm_crypto_options options = { .backend = "openssl" };
    hsm_key_bundle bundle = { 0 };
    hsm_key *key = NULL;
    pair p;

    REQUIRE_OK(hsm_crypto_create(&options, &strict));
    REQUIRE_THAT(pair_rsa(lax, 1024, &p));
    CHECK_ERR(hsm_key_create(strict, &p.bundle.parts, &key), HSM_E_KEY_SIZE);
    const hsm_keygen request = { .mech = hsm_mech_find(CKM_RSA_PKCS_KEY_PAIR_GEN),
                                 .key_type = CKK_RSA,
                                 .bits = 1024 };
    CHECK_ERR(hsm_keygen_run(strict, &request, &bundle), HSM_E_KEY_SIZE);
    pair_clear(&p);
    REQUIRE_THAT(pair_rsa(strict, 2048, &p));
    pair_clear(&p);
}

static const struct {
    const char *label;
    unsigned given;
} complete_cases[] = {
    { "n, e, d", ALL & ~CRT },
    { "n, d", ALL & ~CRT & ~BIT(HSM_PART_PUBLIC_EXPONENT) },
    { "n, e, d, p", (ALL & ~CRT) | BIT(HSM_PART_PRIME_1) },
    { "n, e, d, q", (ALL & ~CRT) | BIT(HSM_PART_PRIME_2) },
    { "n, d, q", ((ALL & ~CRT) | BIT(HSM_PART_PRIME_2)) & ~BIT(HSM_PART_PUBLIC_EXPONENT) },
    { "n, e, d, p, q", (ALL & ~CRT) | BIT(HSM_PART_PRIME_1) | BIT(HSM_PART_PRIME_2) },
    { "all but e", ALL & ~BIT(HSM_PART_PUBLIC_EXPONENT) },
    { "all but the coefficient", ALL & ~BIT(HSM_PART_COEFFICIENT) },
    { "all but dp", ALL & ~BIT(HSM_PART_EXPONENT_1) },
    { "all", ALL },
};

static void missing_parts_are_found(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    pair p;

    REQUIRE_OK(hsm_crypt_create(crypto, &crypt));
    REQUIRE_THAT(pair_rsa(crypto, 1024, &p));
    for (size_t i = 0; i < HSM_ARRAY_LEN(complete_cases); i++) {
        const hsm_key_parts some = only(&p.bundle.parts, complete_cases[i].given);
        hsm_key_bundle got = { 0 };
        hsm_key *key = NULL;
        blob signature;

        CASE(complete_cases[i].label);
        REQUIRE_OK(hsm_key_complete(crypto, &some, &got));
        check_same_key(crypto, &p.bundle.parts, &got.parts);
        hsm_key_bundle_clear(&got);

        REQUIRE_OK(hsm_key_create(crypto, &some, &key));
        CHECK_EQ(hsm_key_bits(key), 1024);
        CHECK_OK(
            whole(crypt, HSM_OP_SIGN, CKM_RSA_PKCS, NULL, key, hsm_bytes_of("x", 1), &signature));
        CHECK_OK(verify_whole(crypt, CKM_RSA_PKCS, NULL, p.public_key, hsm_bytes_of("x", 1),
                              view(&signature)));
        hsm_key_destroy(key);
    }
    pair_clear(&p);
}

/* A published key with all its parts: what is computed from n, e and d is what was published. */
static void published_parts_are_computed(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    hsm_key_parts whole_key = { .key_class = CKO_PRIVATE_KEY, .key_type = CKK_RSA };
    hsm_key_bundle got = { 0 };
    blob b[8];

    whole_key.part[HSM_PART_MODULUS] = unhex(rsa_key_oaep.n, &b[0]);
    whole_key.part[HSM_PART_PUBLIC_EXPONENT] = unhex(rsa_key_oaep.e, &b[1]);
    whole_key.part[HSM_PART_PRIVATE_EXPONENT] = unhex(rsa_key_oaep.d, &b[2]);
    whole_key.part[HSM_PART_PRIME_1] = unhex(rsa_key_oaep.p, &b[3]);
    whole_key.part[HSM_PART_PRIME_2] = unhex(rsa_key_oaep.q, &b[4]);
    whole_key.part[HSM_PART_EXPONENT_1] = unhex(rsa_key_oaep.dp, &b[5]);
    whole_key.part[HSM_PART_EXPONENT_2] = unhex(rsa_key_oaep.dq, &b[6]);
    whole_key.part[HSM_PART_COEFFICIENT] = unhex(rsa_key_oaep.qi, &b[7]);
    const hsm_key_parts some = only(&whole_key, (ALL & ~CRT) | BIT(HSM_PART_PRIME_1));
    REQUIRE_OK(hsm_key_complete(crypto, &some, &got));
    CHECK_THAT(same_parts(&got.parts, &whole_key));
    hsm_key_bundle_clear(&got);
}

/* A published key (the primes are not in the file): what is computed must satisfy OpenSSL's check. */
static void published_key_is_completed(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    hsm_key_parts parts = { .key_class = CKO_PRIVATE_KEY, .key_type = CKK_RSA };
    hsm_key_bundle got = { 0 };
    hsm_key *key = NULL;
    blob n, d;

    parts.part[HSM_PART_MODULUS] = unhex(rsa_key_a.n, &n);
    parts.part[HSM_PART_PRIVATE_EXPONENT] = unhex(rsa_key_a.d, &d);
    REQUIRE_OK(hsm_key_complete(crypto, &parts, &got));
    CHECK_BYTES(got.parts.part[HSM_PART_PUBLIC_EXPONENT].data,
                got.parts.part[HSM_PART_PUBLIC_EXPONENT].len, "\1\0\1", 3);
    REQUIRE_OK(hsm_key_create(crypto, &got.parts, &key));
    CHECK_OK(hsm_key_check(key));
    hsm_key_destroy(key);
    hsm_key_bundle_clear(&got);
}

static const struct {
    const char *label;
    hsm_part part;
    size_t byte; /* from the end */
    uint8_t flip;
    hsm_err create;
    hsm_err check; /* when it was created */
} damage_cases[] = {
    { "even modulus", HSM_PART_MODULUS, 0, 0x01, HSM_E_ATTRIBUTE_VALUE, HSM_OK },
    { "another modulus", HSM_PART_MODULUS, 3, 0x10, HSM_E_ATTRIBUTE_VALUE, HSM_OK },
    { "even public exponent", HSM_PART_PUBLIC_EXPONENT, 0, 0x01, HSM_E_ATTRIBUTE_VALUE, HSM_OK },
    { "another public exponent", HSM_PART_PUBLIC_EXPONENT, 1, 0x10, HSM_OK, HSM_E_ATTRIBUTE_VALUE },
    { "another private exponent", HSM_PART_PRIVATE_EXPONENT, 5, 0x02, HSM_OK,
      HSM_E_ATTRIBUTE_VALUE },
    { "another prime 1", HSM_PART_PRIME_1, 5, 0x02, HSM_E_ATTRIBUTE_VALUE, HSM_OK },
    { "another prime 2", HSM_PART_PRIME_2, 5, 0x02, HSM_E_ATTRIBUTE_VALUE, HSM_OK },
    { "another exponent 1", HSM_PART_EXPONENT_1, 5, 0x02, HSM_OK, HSM_E_ATTRIBUTE_VALUE },
    { "another exponent 2", HSM_PART_EXPONENT_2, 5, 0x02, HSM_OK, HSM_E_ATTRIBUTE_VALUE },
    { "another coefficient", HSM_PART_COEFFICIENT, 5, 0x02, HSM_OK, HSM_E_ATTRIBUTE_VALUE },
};

static void damaged_keys_are_refused(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    pair p;

    REQUIRE_THAT(pair_rsa(crypto, 1024, &p));
    for (size_t i = 0; i < HSM_ARRAY_LEN(damage_cases); i++) {
        hsm_key_parts parts = p.bundle.parts;
        hsm_bytes *part = &parts.part[damage_cases[i].part];
        hsm_key *key = NULL;
        blob changed = { .len = part->len };

        CASE(damage_cases[i].label);
        memcpy(changed.data, part->data, part->len);
        changed.data[changed.len - 1 - damage_cases[i].byte] ^= damage_cases[i].flip;
        *part = view(&changed);
        CHECK_ERR(hsm_key_create(crypto, &parts, &key), damage_cases[i].create);
        if (key != NULL)
            CHECK_ERR(hsm_key_check(key), damage_cases[i].check);
        hsm_key_destroy(key);
    }
    pair_clear(&p);
}

/* Numbers that do not belong together, where something must be computed from them. */
static void completion_of_nonsense_is_refused(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    hsm_key_bundle got = { 0 };
    pair p, other;

    REQUIRE_THAT(pair_rsa(crypto, 1024, &p));
    REQUIRE_THAT(pair_rsa(crypto, 1024, &other));
    hsm_key_parts parts = only(&p.bundle.parts, ALL & ~CRT);

    CASE("d of another key");
    parts.part[HSM_PART_PRIVATE_EXPONENT] = other.bundle.parts.part[HSM_PART_PRIVATE_EXPONENT];
    CHECK_ERR(hsm_key_complete(crypto, &parts, &got), HSM_E_ATTRIBUTE_VALUE);
    CASE("and no e to tell by");
    parts.part[HSM_PART_PUBLIC_EXPONENT] = hsm_bytes_none();
    CHECK_ERR(hsm_key_complete(crypto, &parts, &got), HSM_E_TEMPLATE_INCOMPLETE);
    CASE("p of another key");
    parts = only(&p.bundle.parts, ALL & ~CRT);
    parts.part[HSM_PART_PRIME_1] = other.bundle.parts.part[HSM_PART_PRIME_1];
    CHECK_ERR(hsm_key_complete(crypto, &parts, &got), HSM_E_ATTRIBUTE_VALUE);
    CASE("p = 1");
    parts.part[HSM_PART_PRIME_1] = hsm_bytes_of("\1", 1);
    CHECK_ERR(hsm_key_complete(crypto, &parts, &got), HSM_E_ATTRIBUTE_VALUE);
    CASE("p = n");
    parts.part[HSM_PART_PRIME_1] = parts.part[HSM_PART_MODULUS];
    CHECK_ERR(hsm_key_complete(crypto, &parts, &got), HSM_E_ATTRIBUTE_VALUE);
    CASE("d = 1, e = 3");
    parts = only(&p.bundle.parts, ALL & ~CRT);
    parts.part[HSM_PART_PRIVATE_EXPONENT] = hsm_bytes_of("\1", 1);
    parts.part[HSM_PART_PUBLIC_EXPONENT] = hsm_bytes_of("\3", 1);
    CHECK_ERR(hsm_key_complete(crypto, &parts, &got), HSM_E_ATTRIBUTE_VALUE);
    CHECK_THAT(got.storage == NULL);
    pair_clear(&p);
    pair_clear(&other);
}

/* A key of three primes, from `openssl genpkey -pkeyopt rsa_keygen_primes:3`. */
static const char three_primes_n[] =
    "c48a3e5b2f61c1ae0e9758870d71305cb5747720cf874024c9da06f73bd13c92c7de3fd69e4413d75171"
    "c12d83254ff07edd155c8d1a477f3c9b9a9add1a18b088c15fc69c3ff799b93b133716dbfeb2674fd686"
    "8e020dab3f7d2a612d2f665c719b8f2b7337a873a0fd63b0824632ebcb62752bba74d2442b69436bbddd"
    "e751";
static const char three_primes_d[] =
    "0b0626113f4b206dfeeb864facf5585d1ae0797e21a5d87737cb3ef0c72e2953a25a590254c644c6a30e"
    "d976dbbcb0c16aabc8471bbb8e10d91c59e4653bad94c03b9daee6ef2212ae2521d565a61cd0d74a8e8f"
    "8592617e5b40f2ddac6d90914eb3b3b6294f3b52118b6db1fa1d71289584638dc738828fe421fd9203a5"
    "7381";

static void three_primes_are_refused(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    hsm_key_parts parts = { .key_class = CKO_PRIVATE_KEY, .key_type = CKK_RSA };
    hsm_key_bundle got = { 0 };
    blob n, d;

    parts.part[HSM_PART_MODULUS] = unhex(three_primes_n, &n);
    parts.part[HSM_PART_PRIVATE_EXPONENT] = unhex(three_primes_d, &d);
    CHECK_ERR(hsm_key_complete(crypto, &parts, &got), HSM_E_ATTRIBUTE_VALUE);
    CHECK_THAT(got.storage == NULL);
}

static void needed_parts_and_sizes(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    uint8_t *long_number = malloc(HSM_RSA_MAX_BYTES + 2);
    hsm_key *key = NULL;
    pair p;

    REQUIRE_THAT(long_number != NULL);
    memset(long_number, 0xff, HSM_RSA_MAX_BYTES + 2);
    REQUIRE_THAT(pair_rsa(crypto, 1024, &p));
    hsm_key_parts parts = only(&p.bundle.parts, ALL & ~BIT(HSM_PART_MODULUS));
    CASE("no modulus");
    CHECK_ERR(hsm_key_create(crypto, &parts, &key), HSM_E_TEMPLATE_INCOMPLETE);
    CASE("no private exponent");
    parts = only(&p.bundle.parts, ALL & ~BIT(HSM_PART_PRIVATE_EXPONENT));
    CHECK_ERR(hsm_key_create(crypto, &parts, &key), HSM_E_TEMPLATE_INCOMPLETE);
    CASE("public key without exponent");
    parts = only(&p.bundle.parts, BIT(HSM_PART_MODULUS));
    parts.key_class = CKO_PUBLIC_KEY;
    CHECK_ERR(hsm_key_create(crypto, &parts, &key), HSM_E_TEMPLATE_INCOMPLETE);

    CASE("16384 bits are the most");
    parts = only(&p.bundle.parts, BIT(HSM_PART_PUBLIC_EXPONENT));
    parts.key_class = CKO_PUBLIC_KEY;
    parts.part[HSM_PART_MODULUS] = hsm_bytes_of(long_number, HSM_RSA_MAX_BYTES);
    CHECK_OK(hsm_key_create(crypto, &parts, &key));
    hsm_key_destroy(key);
    key = NULL;
    parts.part[HSM_PART_MODULUS] = hsm_bytes_of(long_number, HSM_RSA_MAX_BYTES + 1);
    CHECK_ERR(hsm_key_create(crypto, &parts, &key), HSM_E_KEY_SIZE);
    parts.part[HSM_PART_MODULUS] = hsm_bytes_of(long_number, HSM_RSA_MAX_BYTES + 2);
    CHECK_ERR(hsm_key_create(crypto, &parts, &key), HSM_E_KEY_SIZE);

    CASE("1023 bits are too few");
    long_number[0] = 0x7f;
    parts.part[HSM_PART_MODULUS] = hsm_bytes_of(long_number, 128);
    CHECK_ERR(hsm_key_create(crypto, &parts, &key), HSM_E_KEY_SIZE);

    CASE("leading zeros are taken and kept");
    blob padded = { .len = 129 };
    hsm_key_bundle got = { 0 };
    memcpy(padded.data + 1, p.bundle.parts.part[HSM_PART_MODULUS].data, 128);
    padded.data[0] = 0;
    parts = p.bundle.parts;
    parts.part[HSM_PART_MODULUS] = view(&padded);
    CHECK_OK(hsm_key_create(crypto, &parts, &key));
    CHECK_EQ(hsm_key_bits(key), 1024);
    CHECK_OK(hsm_key_complete(crypto, &parts, &got));
    CHECK_THAT(same_parts(&got.parts, &parts));
    hsm_key_bundle_clear(&got);
    hsm_key_destroy(key);
    pair_clear(&p);
    free(long_number);
}

/* The pair check of generation, given halves of two keys. */
static void pair_check_finds_a_foreign_half(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    pair p, other;
    hsm_key *key = NULL;

    REQUIRE_THAT(pair_rsa(crypto, 1024, &p));
    REQUIRE_THAT(pair_rsa(crypto, 1024, &other));
    CHECK_OK(hsm_ossl_pair_check(crypto, p.private_key->native, CKK_RSA, false));
    hsm_key_parts mixed = p.bundle.parts;
    mixed.part[HSM_PART_PUBLIC_EXPONENT] = hsm_bytes_of("\3", 1);
    REQUIRE_OK(hsm_key_create(crypto, &mixed, &key));
    CHECK_ERR(hsm_ossl_pair_check(crypto, key->native, CKK_RSA, false), HSM_E_SELF_TEST);
    hsm_key_destroy(key);
    pair_clear(&p);
    pair_clear(&other);
}

static const check_test tests[] = {
    CHECK_TEST(a_key_that_is_not_wanted_any_more),
    CHECK_TEST(generated_keys_are_whole),
    CHECK_TEST(bad_requests_are_refused),
    CHECK_TEST(weak_keys_only_where_allowed),
    CHECK_TEST(missing_parts_are_found),
    CHECK_TEST(published_parts_are_computed),
    CHECK_TEST(published_key_is_completed),
    CHECK_TEST(damaged_keys_are_refused),
    CHECK_TEST(completion_of_nonsense_is_refused),
    CHECK_TEST(three_primes_are_refused),
    CHECK_TEST(needed_parts_and_sizes),
    CHECK_TEST(pair_check_finds_a_foreign_half),
};

CHECK_MAIN(tests)
