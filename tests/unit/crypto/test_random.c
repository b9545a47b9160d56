/* Random numbers: different every time, in every thread and in every process.
 * SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sym_support.h"

#define DRAW_BYTES 32

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
    CHECK_TEST(draws_differ),    CHECK_TEST(long_request),   CHECK_TEST(seeding),
    CHECK_TEST(children_differ), CHECK_TEST(threads_differ),
};
CHECK_MAIN(tests)
