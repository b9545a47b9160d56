/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11_abi/abi.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "support/check.h"
#include "unit/os/scratch.h"

/* A token in memory, without a log: nothing but the library's own state is looked at. */
static void configure(void)
{
    const char *path = scratch_path("craton_hsm.toml");
    FILE *file = fopen(path, "w");

    REQUIRE_THAT(file != NULL);
    CHECK_THAT(fputs("[token]\npersist_objects = false\n[audit]\nenabled = false\n", file) >= 0);
    REQUIRE_THAT(fclose(file) == 0);
    REQUIRE_THAT(setenv("CRATON_HSM_CONFIG", path, 1) == 0);
}

static void *close_library(void *arg)
{
    *(hsm_err *)arg = abi_close();
    return NULL;
}

static void opens_and_closes(void)
{
    configure();
    CHECK_ERR(abi_close(), HSM_E_NOT_INITIALIZED);
    CHECK_THAT(abi_enter() == NULL);
    CHECK_EQ(abi_refused(), CKR_CRYPTOKI_NOT_INITIALIZED);
    REQUIRE_OK(abi_open(true));
    CHECK_ERR(abi_open(true), HSM_E_ALREADY_INITIALIZED);
    HSM_AUTO(abi_leave) hsm_core *core = abi_enter();
    CHECK_THAT(core != NULL);
    abi_leave(&core);
    core = NULL;
    CHECK_OK(abi_close());
    CHECK_THAT(abi_enter() == NULL);
}

/* The failure ends what goes on: nobody comes in, C_Finalize is needed and enough. */
static void a_failure_latches(void)
{
    configure();
    REQUIRE_OK(abi_open(true));
    hsm_core *core = abi_enter();
    REQUIRE_THAT(core != NULL);
    CHECK_EQ(abi_rv(HSM_E_SELF_TEST), CKR_GENERAL_ERROR);
    CHECK_THAT(abi_enter() == NULL);
    abi_leave(&core);
    CHECK_EQ(abi_refused(), CKR_GENERAL_ERROR);
    CHECK_EQ(abi_rv(HSM_E_ARG), CKR_GENERAL_ERROR);
    CHECK_ERR(abi_open(true), HSM_E_SELF_TEST);
    CHECK_OK(abi_close());
    CHECK_EQ(abi_refused(), CKR_CRYPTOKI_NOT_INITIALIZED);
    REQUIRE_OK(abi_open(true));
    CHECK_OK(abi_close());
}

/* A call that C_Finalize waits for meets the failure: both end, and the library can be opened again.
 * Where exactly the other thread is cannot be seen from here, so it is tried several times. */
static void a_failure_while_closing(void)
{
    enum { ROUNDS = 20, TURNS = 2000 };

    configure();
    (void)alarm(120); /* a deadlock is a failure, not a wait */
    for (int i = 0; i < ROUNDS; i++) {
        hsm_err closed = HSM_E_INTERNAL;
        pthread_t closer;

        REQUIRE_OK(abi_open(true));
        hsm_core *core = abi_enter();
        REQUIRE_THAT(core != NULL);
        REQUIRE_THAT(pthread_create(&closer, NULL, close_library, &closed) == 0);
        for (hsm_core *other = abi_enter(); other != NULL; other = abi_enter()) {
            abi_leave(&other);
            (void)sched_yield();
        }
        for (int turn = 0; turn < TURNS; turn++)
            (void)sched_yield();
        CHECK_EQ(abi_rv(HSM_E_INTERNAL), CKR_GENERAL_ERROR);
        abi_leave(&core);
        REQUIRE_THAT(pthread_join(closer, NULL) == 0);
        CHECK_OK(closed);
        CHECK_EQ(abi_refused(), CKR_CRYPTOKI_NOT_INITIALIZED);
    }
    (void)alarm(0);
}

static const check_test tests[] = {
    CHECK_TEST(opens_and_closes),
    CHECK_TEST(a_failure_latches),
    CHECK_TEST(a_failure_while_closing),
};
CHECK_MAIN(tests)
