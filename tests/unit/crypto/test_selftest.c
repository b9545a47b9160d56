/* Self-tests: each passes, each is named by what stands on it, and a failure is for good.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/selftest.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "crypto/internal.h"
#include "crypto/key.h"
#include "sym_support.h"

/* With every primitive allowed. */
static hsm_crypto *open_for_all(void)
{
    const hsm_crypto_options options = { .backend = "openssl", .may_decrypt_3des = true };
    hsm_crypto *crypto = NULL;

    CHECK_OK(hsm_crypto_create(&options, &crypto));
    return crypto;
}

static void each_passes(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_for_all();

    for (hsm_selftest test = 0; test < HSM_SELFTEST_COUNT; test++) {
        struct timespec before;
        struct timespec after;

        CASE(hsm_selftest_name(test));
        CHECK_EQ(crypto->proved & hsm_selftest_bit(test), 0);
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
        CHECK_OK(hsm_selftest_need(crypto, hsm_selftest_bit(test)));
        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
        CHECK_EQ(crypto->proved, (hsm_selftest_bit(test) << 1) - 1);
        printf("# %-20s %6ld us\n", hsm_selftest_name(test),
               (after.tv_sec - before.tv_sec) * 1000000 + (after.tv_nsec - before.tv_nsec) / 1000);
    }
}

static void names_differ(void)
{
    for (hsm_selftest a = 0; a < HSM_SELFTEST_COUNT; a++) {
        REQUIRE_THAT(hsm_selftest_name(a) != NULL);
        for (hsm_selftest b = 0; b < a; b++)
            CHECK_THAT(strcmp(hsm_selftest_name(a), hsm_selftest_name(b)) != 0);
    }
}

/* What an approved mechanism is made of that has no known answer: nothing. */
static void each_approved_row_names_tests(void)
{
    size_t count = 0;
    const hsm_mech *rows = hsm_mech_table(&count);

    for (size_t i = 0; i < count; i++) {
        CASE(rows[i].name);
        if (rows[i].approval != HSM_NOT_APPROVED && rows[i].alg != HSM_ALG_PUBLIC_FROM_PRIVATE)
            CHECK_THAT(hsm_selftest_of(&rows[i], HSM_HASH_NONE) != 0 ||
                       rows[i].params == HSM_PARAM_KDF);
    }
}

static void each_test_is_named_by_a_row(void)
{
    size_t count = 0;
    const hsm_mech *rows = hsm_mech_table(&count);
    hsm_selftest_set named = 0;

    for (size_t i = 0; i < count; i++)
        named |= hsm_selftest_of(&rows[i], HSM_HASH_NONE);
    for (hsm_selftest test = 0; test < HSM_SELFTEST_COUNT; test++) {
        CASE(hsm_selftest_name(test));
        CHECK_THAT((named & hsm_selftest_bit(test)) != 0);
    }
}

static void start(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *whole = open_for_all();
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *proved = open_for_all();

    CHECK_OK(hsm_selftest_start(whole, false));
    CHECK_EQ(whole->proved, 0xffff);
    CHECK_OK(hsm_selftest_start(proved, true));
    CHECK_THAT((proved->proved & hsm_selftest_bit(HSM_SELFTEST_HMAC_DRBG)) != 0);
    CHECK_THAT((proved->proved & hsm_selftest_bit(HSM_SELFTEST_RSA_PKCS1)) == 0);
}

/* First use runs what is missing, and nothing else. */
static void first_use(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_for_all();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    const hsm_mech_params params = { .tag_bits = 0 };

    CHECK_OK(hsm_crypt_create(crypto, &crypt));
    CHECK_OK(hsm_crypt_begin(crypt, HSM_OP_DIGEST, hsm_mech_find(CKM_SHA3_384), &params, NULL));
    CHECK_EQ(crypto->proved, hsm_selftest_bit(HSM_SELFTEST_SHA3_384));
}

static void failure_is_for_good(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_for_all();
    HSM_AUTO(hsm_crypt_drop) hsm_crypt *crypt = NULL;
    const hsm_mech_params params = { .tag_bits = 0 };
    const hsm_keygen request = { .mech = hsm_mech_find(CKM_AES_KEY_GEN),
                                 .key_type = CKK_AES,
                                 .bits = 256 };
    hsm_key_bundle bundle = { 0 };
    uint8_t byte;

    CHECK_OK(hsm_selftest_start(crypto, false));
    CHECK_OK(hsm_crypt_create(crypto, &crypt));
    CHECK_THAT(!hsm_crypto_has_failed(crypto));
    CHECK_ERR(hsm_crypto_fail(crypto, "this test's wish"), HSM_E_SELF_TEST);
    CHECK_THAT(hsm_crypto_has_failed(crypto));
    CHECK_ERR(hsm_crypt_begin(crypt, HSM_OP_DIGEST, hsm_mech_find(CKM_SHA256), &params, NULL),
              HSM_E_SELF_TEST);
    CHECK_ERR(hsm_keygen_run(crypto, &request, &bundle), HSM_E_SELF_TEST);
    CHECK_ERR(hsm_crypto_random(crypto, &byte, 1), HSM_E_SELF_TEST);
    CHECK_ERR(hsm_crypto_seed(crypto, hsm_bytes_of(&byte, 1)), HSM_E_SELF_TEST);
    CHECK_ERR(hsm_selftest_start(crypto, true), HSM_E_SELF_TEST);
}

static void *use_sha1(void *arg)
{
    hsm_crypto *crypto = arg;

    return (void *)(uintptr_t)hsm_selftest_use(crypto, hsm_mech_find(CKM_SHA_1), HSM_HASH_NONE);
}

static void threads_at_once(void)
{
    enum { THREADS = 8 };
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_for_all();
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        REQUIRE_THAT(pthread_create(&threads[i], NULL, use_sha1, crypto) == 0);
    for (int i = 0; i < THREADS; i++) {
        void *err = NULL;

        CHECK_EQ(pthread_join(threads[i], &err), 0);
        CHECK_EQ((uintptr_t)err, HSM_OK);
    }
}

static const check_test tests[] = {
    CHECK_TEST(each_passes),
    CHECK_TEST(names_differ),
    CHECK_TEST(start),
    CHECK_TEST(first_use),
    CHECK_TEST(failure_is_for_good),
    CHECK_TEST(each_approved_row_names_tests),
    CHECK_TEST(threads_at_once),
    CHECK_TEST(each_test_is_named_by_a_row),
};
CHECK_MAIN(tests)
