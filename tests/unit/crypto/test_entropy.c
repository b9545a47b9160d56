/* Health tests of the entropy source, each at its cut-off and one below, and what a failure does.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_random.h"
#include "crypto/entropy.h"
#include "sym_support.h"

/* A source that is fine for good_bytes, then does what the test wants. */
typedef struct faulty {
    size_t given;
    size_t good_bytes;
    size_t run;    /* the same value so often in a row, then others */
    size_t period; /* every so many bytes the same value; 0: never */
    bool is_dead;
} faulty;

/* Values that differ from their neighbours, each of the 128 equally often; bit 7 stays free. */
static uint8_t ordinary(size_t at)
{
    return (uint8_t)(at * 37 % 128);
}

static hsm_err give(void *arg, uint8_t *out, size_t len)
{
    faulty *self = arg;

    for (size_t i = 0; i < len; i++, self->given++) {
        const bool is_late = self->given >= self->good_bytes;
        const size_t at = self->given - self->good_bytes;

        if (is_late && self->is_dead)
            return HSM_E_RANDOM;
        out[i] = ordinary(self->given);
        if (is_late && (at < self->run || (self->period > 0 && at % self->period == 0)))
            out[i] = 0x80;
    }
    return HSM_OK;
}

/* Draws total bytes. */
static hsm_err draw(hsm_entropy *entropy, size_t total)
{
    uint8_t out[HSM_ENTROPY_DRAW_MAX_BYTES];

    for (size_t at = 0; at < total; at += sizeof out)
        HSM_TRY(hsm_entropy_draw(entropy, out, total - at < sizeof out ? total - at : sizeof out));
    return HSM_OK;
}

/* A start-up and all the draws from a source. */
static hsm_err draw_from(faulty source, size_t total)
{
    hsm_entropy entropy;

    hsm_entropy_init(&entropy, give, &source);
    return draw(&entropy, total);
}

static void repetition(void)
{
    CASE("at the start");
    CHECK_OK(draw_from((faulty){ .run = HSM_ENTROPY_REPEATS_MAX - 1 }, 64));
    CHECK_ERR(draw_from((faulty){ .run = HSM_ENTROPY_REPEATS_MAX }, 64), HSM_E_SELF_TEST);
    CASE("later, over two draws");
    CHECK_OK(draw_from((faulty){ .good_bytes = HSM_ENTROPY_START_UP + 256 - 5,
                                 .run = HSM_ENTROPY_REPEATS_MAX - 1 },
                       512));
    CHECK_ERR(draw_from((faulty){ .good_bytes = HSM_ENTROPY_START_UP + 256 - 5,
                                  .run = HSM_ENTROPY_REPEATS_MAX },
                        512),
              HSM_E_SELF_TEST);
}

/* A window holds 512 / period of the value that opens it; one every 7 is 74, one every 6 is 86. */
static void proportion(void)
{
    CASE("at the start");
    CHECK_OK(draw_from((faulty){ .period = 7 }, 64));
    CHECK_ERR(draw_from((faulty){ .period = 6 }, 64), HSM_E_SELF_TEST);
    CASE("in a later window");
    CHECK_OK(draw_from((faulty){ .good_bytes = HSM_ENTROPY_START_UP, .period = 7 }, 4096));
    CHECK_ERR(draw_from((faulty){ .good_bytes = HSM_ENTROPY_START_UP, .period = 6 }, 4096),
              HSM_E_SELF_TEST);
    CASE("exactly at the cut-off");
    hsm_entropy entropy;
    faulty source = { .good_bytes = 0 };
    hsm_entropy_init(&entropy, give, &source);
    CHECK_OK(draw(&entropy, 0));
    CHECK_OK(hsm_entropy_draw(&entropy, NULL, 0));
    entropy.first = 0x80;
    entropy.seen = 1;
    entropy.matches = HSM_ENTROPY_MATCHES_MAX - 2;
    source = (faulty){ .run = 1 };
    CHECK_OK(draw(&entropy, 32));
    source = (faulty){ .run = 1 };
    CHECK_ERR(draw(&entropy, 32), HSM_E_SELF_TEST);
}

static void failure_lasts(void)
{
    faulty source = { .good_bytes = HSM_ENTROPY_START_UP + 32, .is_dead = true };
    uint8_t out[32] = { 0 };
    static const uint8_t zero[32];
    hsm_entropy entropy;

    hsm_entropy_init(&entropy, give, &source);
    CHECK_OK(hsm_entropy_draw(&entropy, out, sizeof out));
    CHECK_THAT(memcmp(out, zero, sizeof out) != 0);
    CHECK_ERR(hsm_entropy_draw(&entropy, out, sizeof out), HSM_E_SELF_TEST);
    CHECK_BYTES(out, sizeof out, zero, sizeof zero);
    source.is_dead = false;
    out[0] = 1;
    CHECK_ERR(hsm_entropy_draw(&entropy, out, sizeof out), HSM_E_SELF_TEST);
    CHECK_BYTES(out, sizeof out, zero, sizeof zero);
    CASE("until it is begun anew");
    hsm_entropy_init(&entropy, give, &source);
    CHECK_OK(hsm_entropy_draw(&entropy, out, sizeof out));
}

static void start_up_is_not_used(void)
{
    faulty source = { .given = 0 };
    uint8_t out[HSM_ENTROPY_DRAW_MAX_BYTES + 1];
    hsm_entropy entropy;

    hsm_entropy_init(&entropy, give, &source);
    CHECK_ERR(hsm_entropy_draw(&entropy, out, sizeof out), HSM_E_ARG);
    CHECK_EQ(source.given, 0);
    CHECK_OK(hsm_entropy_draw(&entropy, out, sizeof out - 1));
    CHECK_EQ(source.given, HSM_ENTROPY_START_UP + HSM_ENTROPY_DRAW_MAX_BYTES);
    CHECK_EQ(out[0], ordinary(HSM_ENTROPY_START_UP));
}

/* Every instance and every use of the service stops, and a new opening is a new beginning. */
static void service_stops(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    faulty source = { .good_bytes = HSM_ENTROPY_START_UP + 4096, .run = 64 };
    uint8_t out[32];

    CHECK_OK(hsm_crypto_random(crypto, out, sizeof out));
    hsm_ossl_random_start(hsm_ossl_of(crypto), give, &source);
    for (int i = 0; i < 8; i++)
        CHECK_OK(hsm_crypto_random(crypto, out, sizeof out));
    CHECK_THAT(!hsm_ossl_random_has_failed(hsm_ossl_of(crypto)));
    hsm_err err = HSM_OK;
    for (int i = 0; i < 100 && err == HSM_OK; i++)
        err = hsm_crypto_random(crypto, out, sizeof out);
    CHECK_ERR(err, HSM_E_SELF_TEST);
    CASE("the source is fine again, and another instance is asked");
    CHECK_THAT(hsm_ossl_random_has_failed(hsm_ossl_of(crypto)));
    CHECK_ERR(hsm_crypto_random(crypto, out, sizeof out), HSM_E_SELF_TEST);
    CHECK_ERR(hsm_ossl_random_secret(crypto, out, sizeof out), HSM_E_SELF_TEST);
    CHECK_ERR(hsm_crypto_seed(crypto, hsm_bytes_of(out, 1)), HSM_E_SELF_TEST);
    CASE("opened again");
    hsm_ossl_random_start(hsm_ossl_of(crypto), NULL, NULL);
    CHECK_THAT(!hsm_ossl_random_has_failed(hsm_ossl_of(crypto)));
    CHECK_OK(hsm_crypto_random(crypto, out, sizeof out));
    CHECK_OK(hsm_ossl_random_secret(crypto, out, sizeof out));
}

/* A copy of this machine has the same generator but another entropy: with all else equal, the same
 * state gives other numbers as soon as the source does. */
static hsm_err count_up(void *arg, uint8_t *out, size_t len)
{
    uint64_t *next = arg;

    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)((*next)++ * 37 % 251);
    return HSM_OK;
}

static void every_request_is_seeded(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    uint64_t at = 0;
    uint64_t before = 0;
    uint8_t out[16];

    hsm_ossl_random_start(hsm_ossl_of(crypto), count_up, &at);
    CHECK_OK(hsm_crypto_random(crypto, out, sizeof out));
    CHECK_OK(hsm_ossl_random_secret(crypto, out, sizeof out));
    CASE("random bytes");
    before = at;
    CHECK_OK(hsm_crypto_random(crypto, out, sizeof out));
    CHECK_EQ(at - before, HSM_ENTROPY_BYTES(256));
    CASE("keys");
    before = at;
    CHECK_OK(hsm_ossl_random_secret(crypto, out, sizeof out));
    CHECK_EQ(at - before, HSM_ENTROPY_BYTES(256));
    hsm_ossl_random_start(hsm_ossl_of(crypto), NULL, NULL);
}

static const check_test tests[] = {
    CHECK_TEST(repetition),    CHECK_TEST(proportion),
    CHECK_TEST(failure_lasts), CHECK_TEST(start_up_is_not_used),
    CHECK_TEST(service_stops), CHECK_TEST(every_request_is_seeded),
};
CHECK_MAIN(tests)
