/* Random numbers: different every time, in every thread and in every process.
 * SPDX-License-Identifier: Apache-2.0 */
#include <openssl/rand.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/backend_openssl.h"
#include "sym_support.h"

#define DRAW_BYTES 32
#define NONCES 45 /* some of those that were made at once are left */

/* As OpenSSL draws for the nonce of a signature: without a new seed. */
static bool draw_nonce(hsm_crypto *crypto, uint8_t out[DRAW_BYTES])
{
    return RAND_priv_bytes_ex(hsm_ossl_of(crypto)->libctx, out, DRAW_BYTES, 0) == 1;
}

static bool are_distinct(uint8_t draws[][DRAW_BYTES], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (memcmp(draws[i], draws[k], DRAW_BYTES) == 0)
                return false;
        }
    }
    return true;
}

static void draws_differ(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    uint8_t a[DRAW_BYTES] = { 0 };
    uint8_t b[DRAW_BYTES] = { 0 };

    CHECK_OK(hsm_crypto_random(crypto, a, sizeof a));
    CHECK_OK(hsm_crypto_random(crypto, b, sizeof b));
    CHECK_THAT(memcmp(a, b, sizeof a) != 0);
    CHECK_OK(hsm_crypto_random(crypto, a, 0));
}

/* All of a long request is filled, not only its first chunk. */
static void long_request(void)
{
    static uint8_t data[200000];
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    size_t bits = 0;

    CHECK_OK(hsm_crypto_random(crypto, data, sizeof data));
    for (size_t at = 0; at + DRAW_BYTES < sizeof data; at += DRAW_BYTES)
        CHECK_THAT(memcmp(data + at, data + at + DRAW_BYTES, DRAW_BYTES) != 0);
    for (size_t i = 0; i < sizeof data; i++)
        bits += (size_t)__builtin_popcount(data[i]);
    /* Half of 1,600,000 bits, give or take eight standard deviations (632 each). */
    CHECK_THAT(bits > 800000 - 5060 && bits < 800000 + 5060);
}

static void seeding(void)
{
    static const uint8_t seed[200000] = { 1 };
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    uint8_t a[DRAW_BYTES];
    uint8_t b[DRAW_BYTES];

    CHECK_OK(hsm_crypto_seed(crypto, hsm_bytes_none()));
    CHECK_OK(hsm_crypto_seed(crypto, hsm_bytes_of(seed, 1)));
    CHECK_OK(hsm_crypto_random(crypto, a, sizeof a));
    CHECK_OK(hsm_crypto_seed(crypto, hsm_bytes_of(seed, sizeof seed)));
    CHECK_OK(hsm_crypto_random(crypto, b, sizeof b));
    CHECK_THAT(memcmp(a, b, sizeof a) != 0);
}

/* A child that goes on using the parent's service, which the module never does, still draws other
 * numbers than its parent and its sister. */
static void children_differ(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    uint8_t draws[3][DRAW_BYTES];
    uint8_t warm_up;

    CHECK_OK(hsm_crypto_random(crypto, &warm_up, 1));
    for (int i = 0; i < 2; i++) {
        int ends[2];

        REQUIRE_THAT(pipe(ends) == 0);
        const pid_t child = fork();
        REQUIRE_THAT(child >= 0);
        if (child == 0) {
            uint8_t draw[DRAW_BYTES];
            const bool is_done = hsm_crypto_random(crypto, draw, sizeof draw) == HSM_OK &&
                                 write(ends[1], draw, sizeof draw) == (ssize_t)sizeof draw;

            _exit(is_done ? 0 : 1);
        }
        int status = -1;
        CHECK_EQ(read(ends[0], draws[i], DRAW_BYTES), DRAW_BYTES);
        CHECK_EQ(waitpid(child, &status, 0), child);
        CHECK_EQ(status, 0);
        (void)close(ends[0]);
        (void)close(ends[1]);
    }
    CHECK_OK(hsm_crypto_random(crypto, draws[2], DRAW_BYTES));
    CHECK_THAT(memcmp(draws[0], draws[1], DRAW_BYTES) != 0);
    CHECK_THAT(memcmp(draws[0], draws[2], DRAW_BYTES) != 0);
    CHECK_THAT(memcmp(draws[1], draws[2], DRAW_BYTES) != 0);
}

/* Many nonces are made at once: no two are the same, also not those of a child that was forked with
 * some of them made. */
static void nonces_differ(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    static uint8_t draws[3 * NONCES][DRAW_BYTES];
    int ends[2];

    for (size_t i = 0; i < NONCES; i++)
        CHECK_THAT(draw_nonce(crypto, draws[i]));
    REQUIRE_THAT(pipe(ends) == 0);
    const pid_t child = fork();
    REQUIRE_THAT(child >= 0);
    if (child == 0) {
        bool is_done = true;

        for (size_t i = 0; i < NONCES; i++)
            is_done = is_done && draw_nonce(crypto, draws[i]);
        is_done =
            is_done && write(ends[1], draws, NONCES * DRAW_BYTES) == (ssize_t)(NONCES * DRAW_BYTES);
        _exit(is_done ? 0 : 1);
    }
    int status = -1;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    for (size_t i = NONCES; i < 2 * NONCES; i++)
        CHECK_EQ(read(ends[0], draws[i], DRAW_BYTES), DRAW_BYTES);
    (void)close(ends[0]);
    (void)close(ends[1]);
    for (size_t i = 2 * NONCES; i < 3 * NONCES; i++)
        CHECK_THAT(draw_nonce(crypto, draws[i]));
    CHECK_THAT(are_distinct(draws, 3 * NONCES));
}

typedef struct draw_task {
    hsm_crypto *crypto;
    uint8_t draw[DRAW_BYTES];
    hsm_err err;
} draw_task;

static void *draw_in_thread(void *arg)
{
    draw_task *task = arg;

    task->err = hsm_crypto_random(task->crypto, task->draw, DRAW_BYTES);
    return NULL;
}

static void threads_differ(void)
{
    enum { THREADS = 8 };
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    draw_task tasks[THREADS];
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        tasks[i] = (draw_task){ .crypto = crypto, .err = HSM_E_RANDOM };
        REQUIRE_THAT(pthread_create(&threads[i], NULL, draw_in_thread, &tasks[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK_OK(tasks[i].err);
        for (int k = 0; k < i; k++)
            CHECK_THAT(memcmp(tasks[i].draw, tasks[k].draw, DRAW_BYTES) != 0);
    }
}

static const check_test tests[] = {
    CHECK_TEST(draws_differ),  CHECK_TEST(long_request),    CHECK_TEST(seeding),
    CHECK_TEST(nonces_differ), CHECK_TEST(children_differ), CHECK_TEST(threads_differ),
};
CHECK_MAIN(tests)
