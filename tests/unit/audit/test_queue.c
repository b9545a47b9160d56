/* Who waits for whom: the sync of this program goes through a gate that a test opens.
 * SPDX-License-Identifier: Apache-2.0 */
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "audit/internal.h"
#include "support/check.h"
#include "support/gate.h"
#include "unit/audit/audit_env.h"

#define NICE_MOST 19

static gate syncs = GATE_INIT;

/* Stands before the C library's. */
int fdatasync(int fd)
{
    gate_pass(&syncs);
    return (int)syscall(SYS_fdatasync, fd);
}

/* A thread with one event. */
typedef struct writer {
    hsm_audit_log *log;
    bool is_low;
    pid_t tid;
    pthread_t thread;
} writer;

static void check_leader(unsigned sync, const writer *of)
{
    const pid_t by = gate_wait(&syncs, sync);

    CHECK_EQ(by, of->tid); /* which is known by now */
}

static void wait_for_queue(hsm_audit_log *log, size_t count)
{
    while (hsm_combiner_waiting(&log->combiner) != count)
        (void)sched_yield();
}

static void *write_one(void *arg)
{
    writer *of = arg;

    of->tid = gettid();
    if (of->is_low)
        CHECK_EQ(setpriority(PRIO_PROCESS, (id_t)of->tid, getpriority(PRIO_PROCESS, 0) + 1), 0);
    env_append(of->log, 1);
    return NULL;
}

static void start(writer *of, hsm_audit_log *log, bool is_low)
{
    *of = (writer){ .log = log, .is_low = is_low };
    REQUIRE_OK(pthread_create(&of->thread, NULL, write_one, of));
}

/* The first is in its sync, the others have come since. */
static void all_wait(hsm_audit_log *log, writer *writers, size_t count)
{
    gate_shut(&syncs);
    start(&writers[0], log, false);
    check_leader(1, &writers[0]);
    for (size_t i = 1; i < count; i++) {
        start(&writers[i], log, writers[i].is_low);
        wait_for_queue(log, i);
    }
}

static void join_all(const writer *writers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)pthread_join(writers[i].thread, NULL);
}

static void nobody_waits_for_a_third_sync(void)
{
    writer writers[4] = { { 0 } };
    audit_env env;

    env_make(&env);
    hsm_audit_log *log = env_open(&env);
    REQUIRE_THAT(log != NULL);
    all_wait(log, writers, HSM_ARRAY_LEN(writers));
    gate_let_one(&syncs);
    check_leader(2, &writers[1]);                      /* who has waited longest */
    CHECK_EQ(hsm_combiner_waiting(&log->combiner), 0); /* that sync is everybody's */
    gate_let_one(&syncs);
    join_all(writers, HSM_ARRAY_LEN(writers));
    CHECK_EQ(syncs.come, 2);
    gate_open(&syncs);
    hsm_audit_close(log);
    CHECK_EQ(env_verify(&env, true).fault, HSM_AUDIT_FAULT_NONE);
    CHECK_EQ(env_count(&env, "sign"), HSM_ARRAY_LEN(writers));
    env_clear(&env);
}

/* A thread of low priority may not run for long: nobody's event is to depend on that. */
static void the_clerk_leads_for_low_priority(void)
{
    writer writers[3] = { { 0 }, { .is_low = true }, { 0 } };
    audit_env env;

    if (getpriority(PRIO_PROCESS, 0) == NICE_MOST)
        SKIP("this program's priority is the lowest there is");
    env_make(&env);
    hsm_audit_log *log = env_open(&env);
    REQUIRE_THAT(log != NULL);
    CHECK_OK(hsm_audit_start_clerk(log));
    all_wait(log, writers, HSM_ARRAY_LEN(writers));
    gate_let_one(&syncs);
    const pid_t clerk = gate_wait(&syncs, 2);
    for (size_t i = 0; i < HSM_ARRAY_LEN(writers); i++)
        CHECK_THAT(clerk != writers[i].tid);
    CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)clerk), getpriority(PRIO_PROCESS, 0));
    CHECK_EQ(hsm_combiner_waiting(&log->combiner), 0);
    gate_open(&syncs);
    join_all(writers, HSM_ARRAY_LEN(writers));
    hsm_audit_close(log);
    CHECK_EQ(env_verify(&env, true).fault, HSM_AUDIT_FAULT_NONE);
    CHECK_EQ(env_count(&env, "sign"), HSM_ARRAY_LEN(writers));
    env_clear(&env);
}

static const check_test tests[] = {
    CHECK_TEST(nobody_waits_for_a_third_sync),
    CHECK_TEST(the_clerk_leads_for_low_priority),
};
CHECK_MAIN(tests)
