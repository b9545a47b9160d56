/* SPDX-License-Identifier: Apache-2.0 */
#include "core/iv_ledger.h"

#include <pthread.h>

#include "support/check.h"

static const hsm_iv_shape counter = { .source = HSM_IV_COUNTER, .iv_len = 12, .fixed_bits = 32 };
static const hsm_iv_shape at_random = { .source = HSM_IV_RANDOM, .iv_len = 12 };

static hsm_iv_print key_number(uint32_t number, bool is_token)
{
    hsm_iv_print print = { .is_token = is_token };

    memcpy(print.bytes, &number, sizeof number);
    return print;
}

static hsm_iv_ledger *make_ledger(hsm_crypto **out_crypto)
{
    const hsm_crypto_options options = { .backend = "openssl" };
    hsm_iv_ledger *ledger = NULL;

    CHECK_OK(hsm_crypto_create(&options, out_crypto));
    CHECK_OK(hsm_iv_ledger_create(*out_crypto, &ledger));
    return ledger;
}

#define LEDGER(name)                                     \
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = NULL; \
    HSM_AUTO(hsm_iv_ledger_drop) hsm_iv_ledger *name = make_ledger(&crypto)

static void session_keys_have_all_numbers(void)
{
    LEDGER(ledger);
    bool is_empty = true;
    uint64_t number = 7;

    for (uint32_t key = 0; key < 1000; key++) {
        const hsm_iv_print print = key_number(key, false);

        REQUIRE_OK(hsm_iv_take(ledger, &print, &counter, &number, &is_empty));
        CHECK_THAT(!is_empty);
        CHECK_EQ(number, 0);
    }
    for (uint32_t key = 0; key < 1000; key++) { /* still known after the table has grown */
        const hsm_iv_print print = key_number(key, false);

        REQUIRE_OK(hsm_iv_take(ledger, &print, &at_random, &number, &is_empty));
        CHECK_EQ(number, 1);
    }
}

static void token_keys_have_what_they_are_given(void)
{
    LEDGER(ledger);
    const hsm_iv_print print = key_number(5, true);
    bool is_empty = false;
    uint64_t number = 0;

    REQUIRE_OK(hsm_iv_take(ledger, &print, &counter, &number, &is_empty));
    CHECK_THAT(is_empty);
    CHECK_EQ(number, HSM_IV_STEP_MIN);
    hsm_iv_give(ledger, &print, (hsm_iv_range){ 100, 102 });
    hsm_iv_give(ledger, &print, (hsm_iv_range){ 500, 502 }); /* too late: let go */
    for (uint64_t want = 100; want < 102; want++) {
        REQUIRE_OK(hsm_iv_take(ledger, &print, &counter, &number, &is_empty));
        CHECK_THAT(!is_empty);
        CHECK_EQ(number, want);
    }
    REQUIRE_OK(hsm_iv_take(ledger, &print, &counter, &number, &is_empty));
    CHECK_THAT(is_empty);
    CHECK_EQ(number, 2 * HSM_IV_STEP_MIN);
    for (int i = 0; i < 40; i++) {
        hsm_iv_give(ledger, &print, (hsm_iv_range){ 1, 2 });
        REQUIRE_OK(hsm_iv_take(ledger, &print, &counter, &number, &is_empty));
        REQUIRE_OK(hsm_iv_take(ledger, &print, &counter, &number, &is_empty));
    }
    CHECK_EQ(number, HSM_IV_STEP_MAX);
    /* The same value as a key of this process is another entry. */
    const hsm_iv_print session = key_number(5, false);
    REQUIRE_OK(hsm_iv_take(ledger, &session, &counter, &number, &is_empty));
    CHECK_THAT(!is_empty);
    CHECK_EQ(number, 0);
}

static void shapes_stay(void)
{
    LEDGER(ledger);
    const hsm_iv_print print = key_number(1, false);
    hsm_iv_shape other = counter;
    bool is_empty = false;
    uint64_t number = 0;

    CHECK_OK(hsm_iv_take(ledger, &print, &at_random, &number, &is_empty));
    CHECK_OK(hsm_iv_take(ledger, &print, &counter, &number, &is_empty));
    other.iv_len = 13;
    CHECK_ERR(hsm_iv_take(ledger, &print, &other, &number, &is_empty), HSM_E_MECHANISM_PARAM);
    other = counter;
    other.fixed_bits = 31;
    CHECK_ERR(hsm_iv_take(ledger, &print, &other, &number, &is_empty), HSM_E_MECHANISM_PARAM);
    other = counter;
    other.source = HSM_IV_COUNTER_XOR;
    CHECK_ERR(hsm_iv_take(ledger, &print, &other, &number, &is_empty), HSM_E_MECHANISM_PARAM);
    other = counter;
    other.base[15] = 1;
    CHECK_ERR(hsm_iv_take(ledger, &print, &other, &number, &is_empty), HSM_E_MECHANISM_PARAM);
    CHECK_OK(hsm_iv_take(ledger, &print, &at_random, &number, &is_empty));
    CHECK_EQ(number, 2);
}

static void prints_tell_values(void)
{
    LEDGER(ledger);
    hsm_iv_print a;
    hsm_iv_print b;
    hsm_iv_print again;

    CHECK_OK(hsm_iv_print_of(ledger, hsm_bytes_of_text("value a"), true, &a));
    CHECK_OK(hsm_iv_print_of(ledger, hsm_bytes_of_text("value b"), true, &b));
    CHECK_OK(hsm_iv_print_of(ledger, hsm_bytes_of_text("value a"), true, &again));
    CHECK_BYTES(a.bytes, sizeof a.bytes, again.bytes, sizeof again.bytes);
    CHECK_THAT(memcmp(a.bytes, b.bytes, sizeof a.bytes) != 0);
}

enum { THREADS = 4, EACH = 5000 };
static hsm_iv_ledger *shared;
static unsigned char seen[THREADS * EACH];

static void *take_many(void *arg)
{
    const hsm_iv_print print = key_number(9, false);
    bool is_empty = false;
    uint64_t number = 0;

    (void)arg;
    for (int i = 0; i < EACH; i++) {
        if (hsm_iv_take(shared, &print, &counter, &number, &is_empty) == HSM_OK &&
            number < sizeof seen)
            seen[number]++;
    }
    return NULL;
}

static void threads_share(void)
{
    LEDGER(ledger);
    pthread_t threads[THREADS];

    shared = ledger;
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < THREADS; i++)
        REQUIRE_THAT(pthread_create(&threads[i], NULL, take_many, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    for (size_t i = 0; i < sizeof seen; i++)
        CHECK_EQ(seen[i], 1);
}

static const check_test tests[] = {
    CHECK_TEST(session_keys_have_all_numbers),
    CHECK_TEST(token_keys_have_what_they_are_given),
    CHECK_TEST(shapes_stay),
    CHECK_TEST(prints_tell_values),
    CHECK_TEST(threads_share),
};
CHECK_MAIN(tests)
