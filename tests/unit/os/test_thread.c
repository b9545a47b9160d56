#include "os/thread.h"

#include <signal.h>

#include "support/check.h"

static void *note_mask(void *arg)
{
    sigset_t *mask = arg;

    (void)pthread_sigmask(SIG_SETMASK, NULL, mask);
    return mask;
}

static void threads_block_all_signals(void)
{
    static const int some[] = { SIGHUP, SIGINT, SIGTERM, SIGALRM, SIGCHLD, SIGPIPE, SIGUSR1 };
    sigset_t before;
    sigset_t after;
    sigset_t inside;
    pthread_t thread;

    REQUIRE_OK(pthread_sigmask(SIG_SETMASK, NULL, &before));
    REQUIRE_OK(hsm_thread_start(note_mask, &inside, &thread));
    REQUIRE_OK(pthread_join(thread, NULL));
    REQUIRE_OK(pthread_sigmask(SIG_SETMASK, NULL, &after));
    for (size_t i = 0; i < HSM_ARRAY_LEN(some); i++) {
        CHECK_EQ(sigismember(&inside, some[i]), 1);
        CHECK_EQ(sigismember(&after, some[i]), sigismember(&before, some[i]));
    }
}

static void there_is_a_processor(void)
{
    CHECK_THAT(hsm_processor_count() >= 1);
}

static const check_test tests[] = {
    CHECK_TEST(threads_block_all_signals),
    CHECK_TEST(there_is_a_processor),
};

CHECK_MAIN(tests)
