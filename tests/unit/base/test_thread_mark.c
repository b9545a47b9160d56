/* SPDX-License-Identifier: Apache-2.0 */
#include "base/thread_mark.h"

#include <pthread.h>

#include "support/check.h"

enum { THREADS = 8 };

static pthread_barrier_t all_live;

static void *look(void *arg)
{
    uint64_t *mark = arg;

    *mark = hsm_thread_mark();
    if (hsm_thread_mark() != *mark)
        *mark = 0;
    (void)pthread_barrier_wait(&all_live);
    return NULL;
}

static void live_threads_differ(void)
{
    pthread_t threads[THREADS];
    uint64_t marks[THREADS] = { 0 };

    REQUIRE_THAT(pthread_barrier_init(&all_live, NULL, THREADS) == 0);
    for (int i = 0; i < THREADS; i++)
        REQUIRE_THAT(pthread_create(&threads[i], NULL, look, &marks[i]) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK_THAT(marks[i] != 0);
        for (int k = 0; k < i; k++)
            CHECK_THAT(marks[i] / 64 != marks[k] / 64);
    }
    (void)pthread_barrier_destroy(&all_live);
}

static const check_test tests[] = { CHECK_TEST(live_threads_differ) };
CHECK_MAIN(tests)
