/* Who waits for whom: the sync of this program goes through a gate that a test opens.
 * SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "audit/internal.h"
#include "support/check.h"
#include "unit/audit/audit_env.h"

#define SYNCS_MAX 16u
#define NICE_MOST 19

static struct {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool is_shut;
    unsigned begun; /* syncs since it was shut */
    unsigned let;   /* of them */
    pid_t by[SYNCS_MAX];
} gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER };

/* Stands before the C library's. */
int fdatasync(int fd)
{
    (void)pthread_mutex_lock(&gate.lock);
    if (gate.is_shut && gate.begun < SYNCS_MAX) {
        const unsigned own = gate.begun++;

        gate.by[own] = gettid();
        (void)pthread_cond_broadcast(&gate.moved);
        while (gate.is_shut && gate.let <= own)
            (void)pthread_cond_wait(&gate.moved, &gate.lock);
    }
    (void)pthread_mutex_unlock(&gate.lock);
    return (int)syscall(SYS_fdatasync, fd);
}

static void shut(void)
{
    (void)pthread_mutex_lock(&gate.lock);
    gate.is_shut = true;
    gate.begun = 0;
    gate.let = 0;
    (void)pthread_mutex_unlock(&gate.lock);
}

static void let_one(void)
{
    (void)pthread_mutex_lock(&gate.lock);
    gate.let++;
    (void)pthread_cond_broadcast(&gate.moved);
    (void)pthread_mutex_unlock(&gate.lock);
}

static void open_for_all(void)
{
    (void)pthread_mutex_lock(&gate.lock);
    gate.is_shut = false;
    (void)pthread_cond_broadcast(&gate.moved);
    (void)pthread_mutex_unlock(&gate.lock);
}

static pid_t wait_for_sync(unsigned number)
{
    (void)pthread_mutex_lock(&gate.lock);
    while (gate.begun < number)
        (void)pthread_cond_wait(&gate.moved, &gate.lock);
    const pid_t by = gate.by[number - 1];
    (void)pthread_mutex_unlock(&gate.lock);
    return by;
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
    const pid_t by = wait_for_sync(sync);

    CHECK_EQ(by, of->tid); /* which is known by now */
}

static size_t waiting(hsm_audit_log *log)
{
    (void)pthread_mutex_lock(&log->mutex);
    const size_t count = log->waiting;
    (void)pthread_mutex_unlock(&log->mutex);
    return count;
}

static void wait_for_queue(hsm_audit_log *log, size_t count)
{
    while (waiting(log) != count)
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
    shut();
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
    let_one();
    check_leader(2, &writers[1]); /* who has waited longest */
    CHECK_EQ(waiting(log), 0);    /* that sync is everybody's */
    let_one();
    join_all(writers, HSM_ARRAY_LEN(writers));
    CHECK_EQ(gate.begun, 2);
    open_for_all();
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
    CHECK_OK(hsm_audit_start_clerk(log)); /* one is enough */

    CASE("it is the first of those who wait");
    all_wait(log, writers, HSM_ARRAY_LEN(writers));
    let_one();
    const pid_t clerk = wait_for_sync(2);
    for (size_t i = 0; i < HSM_ARRAY_LEN(writers); i++)
        CHECK_THAT(clerk != writers[i].tid);
    CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)clerk), getpriority(PRIO_PROCESS, 0));
    CHECK_EQ(waiting(log), 0);
    let_one();
    join_all(writers, HSM_ARRAY_LEN(writers));

    CASE("it is alone");
    shut();
    start(&writers[1], log, true);
    CHECK_EQ(wait_for_sync(1), clerk);
    open_for_all();
    join_all(&writers[1], 1);

    CASE("who is not low leads");
    shut();
    start(&writers[0], log, false);
    check_leader(1, &writers[0]);
    open_for_all();
    join_all(writers, 1);
    hsm_audit_close(log);
    CHECK_EQ(env_verify(&env, true).fault, HSM_AUDIT_FAULT_NONE);
    CHECK_EQ(env_count(&env, "sign"), HSM_ARRAY_LEN(writers) + 2);
    env_clear(&env);
}

static void without_a_clerk_everybody_leads(void)
{
    writer low = { 0 };
    audit_env env;

    env_make(&env);
    hsm_audit_log *log = env_open(&env);
    REQUIRE_THAT(log != NULL);
    shut();
    start(&low, log, true);
    check_leader(1, &low);
    open_for_all();
    join_all(&low, 1);
    hsm_audit_close(log);
    env_clear(&env);
}

static const check_test tests[] = {
    CHECK_TEST(nobody_waits_for_a_third_sync),
    CHECK_TEST(the_clerk_leads_for_low_priority),
    CHECK_TEST(without_a_clerk_everybody_leads),
};
CHECK_MAIN(tests)
