/* With a driver that can be held up, so that who waits for whom is certain. */
#include "store/group_commit.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/check.h"
#include "support/gate.h"

#define WRITERS 40
#define NICE_MOST 19

/* A driver that writes nothing down. Commits go through a gate. */
typedef struct fake {
    gate commit;
    bool is_inside;
    size_t commits;
    size_t batches;
    size_t largest;
    size_t maintained;
    bool has_overlapped;
} fake;

static void fake_commit(void *state, hsm_batch *const *batches, size_t count)
{
    fake *driver = state;

    driver->has_overlapped = driver->has_overlapped || driver->is_inside;
    driver->is_inside = true;
    gate_pass(&driver->commit);
    driver->commits++;
    driver->batches += count;
    if (count > driver->largest)
        driver->largest = count;
    for (size_t i = 0; i < count; i++)
        /* Every third one is refused: its slot says so. */
        batches[i]->err = batches[i]->slot % 3 == 0 ? HSM_E_STORE_CONFLICT : HSM_OK;
    driver->is_inside = false;
}

static void fake_maintain(void *state)
{
    fake *driver = state;

    driver->has_overlapped = driver->has_overlapped || driver->is_inside;
    driver->maintained++;
}

static const hsm_driver fake_driver = { .commit = fake_commit, .maintain = fake_maintain };

typedef struct writer {
    pthread_t thread;
    pid_t tid;
    bool is_low;
    hsm_group_commit *group;
    hsm_batch batch;
    hsm_err err;
} writer;

static void *write_one(void *arg)
{
    writer *own = arg;

    own->tid = gettid();
    if (own->is_low)
        CHECK_EQ(setpriority(PRIO_PROCESS, (id_t)own->tid, NICE_MOST), 0);
    own->err = hsm_group_commit_write(own->group, &own->batch);
    return NULL;
}

static void start(writer *own, hsm_group_commit *group, uint32_t number)
{
    own->group = group;
    own->batch = (hsm_batch){ .slot = number };
    own->err = HSM_E_INTERNAL;
    CHECK_EQ(pthread_create(&own->thread, NULL, write_one, own), 0);
}

static void finish(writer *own)
{
    CHECK_EQ(pthread_join(own->thread, NULL), 0);
    CHECK_ERR(own->err, own->batch.slot % 3 == 0 ? HSM_E_STORE_CONFLICT : HSM_OK);
    CHECK_ERR(own->batch.err, own->err);
}

static void one_writer_waits_for_nobody(void)
{
    HSM_AUTO(hsm_group_commit_drop) hsm_group_commit *group = NULL;
    fake driver = { .commit = GATE_INIT };
    hsm_batch good = { .slot = 1 };
    hsm_batch bad = { .slot = 3 };

    REQUIRE_OK(hsm_group_commit_create(&(hsm_storage){ &fake_driver, &driver }, &group));
    CHECK_OK(hsm_group_commit_write(group, &good));
    CHECK_ERR(hsm_group_commit_write(group, &bad), HSM_E_STORE_CONFLICT);
    CHECK_EQ(driver.commits, 2);
    CHECK_EQ(driver.maintained, 2);
}

/* The first writer is held in its commit until the queue has all the others. */
static void who_waits_shares_the_next_commit(void)
{
    HSM_AUTO(hsm_group_commit_drop) hsm_group_commit *group = NULL;
    fake driver = { .commit = GATE_INIT };
    static writer writers[WRITERS];

    gate_shut(&driver.commit);
    REQUIRE_OK(hsm_group_commit_create(&(hsm_storage){ &fake_driver, &driver }, &group));
    start(&writers[0], group, 0);
    (void)gate_wait(&driver.commit, 1);
    for (uint32_t i = 1; i < WRITERS; i++)
        start(&writers[i], group, i);
    while (hsm_group_commit_waiting(group) < WRITERS - 1)
        (void)sched_yield();
    gate_open(&driver.commit);
    for (size_t i = 0; i < WRITERS; i++)
        finish(&writers[i]);
    CHECK_EQ(driver.batches, WRITERS);
    CHECK_EQ(driver.commits, 2);
    CHECK_EQ(driver.largest, WRITERS - 1);
    CHECK_THAT(!driver.has_overlapped);
}

static void *write_many(void *arg)
{
    writer *own = arg;
    size_t wrong = 0;

    for (uint32_t i = 0; i < 300; i++) {
        hsm_batch batch = { .slot = i };
        const hsm_err err = hsm_group_commit_write(own->group, &batch);
        wrong += err != (i % 3 == 0 ? HSM_E_STORE_CONFLICT : HSM_OK);
    }
    own->err = wrong == 0 ? HSM_OK : HSM_E_INTERNAL;
    return NULL;
}

static void everybody_gets_an_answer(void)
{
    HSM_AUTO(hsm_group_commit_drop) hsm_group_commit *group = NULL;
    fake driver = { .commit = GATE_INIT };
    writer writers[8];

    REQUIRE_OK(hsm_group_commit_create(&(hsm_storage){ &fake_driver, &driver }, &group));
    for (size_t i = 0; i < HSM_ARRAY_LEN(writers); i++) {
        writers[i] = (writer){ .group = group };
        CHECK_EQ(pthread_create(&writers[i].thread, NULL, write_many, &writers[i]), 0);
    }
    for (size_t i = 0; i < HSM_ARRAY_LEN(writers); i++) {
        CHECK_EQ(pthread_join(writers[i].thread, NULL), 0);
        CHECK_OK(writers[i].err);
    }
    CHECK_EQ(driver.batches, 300 * HSM_ARRAY_LEN(writers));
    CHECK_THAT(!driver.has_overlapped);
    CHECK_EQ(hsm_group_commit_waiting(group), 0);
}

/* The daemon makes keys in threads that run only when no other wants to: such a one, once it led, would
 * keep everybody waiting. */
static void a_slow_thread_holds_up_nobody(void)
{
    HSM_AUTO(hsm_group_commit_drop) hsm_group_commit *group = NULL;
    fake driver = { .commit = GATE_INIT };
    writer writers[3] = { { 0 }, { .is_low = true }, { 0 } };

    if (getpriority(PRIO_PROCESS, 0) == NICE_MOST)
        SKIP("this program's priority is the lowest there is");
    REQUIRE_OK(hsm_group_commit_create(&(hsm_storage){ &fake_driver, &driver }, &group));
    CHECK_OK(hsm_group_commit_start_clerk(group));
    gate_shut(&driver.commit);
    start(&writers[0], group, 0);
    (void)gate_wait(&driver.commit, 1);
    for (uint32_t i = 1; i < HSM_ARRAY_LEN(writers); i++) {
        start(&writers[i], group, i);
        while (hsm_group_commit_waiting(group) < i)
            (void)sched_yield();
    }
    gate_let_one(&driver.commit);
    const pid_t leader = gate_wait(&driver.commit, 2);
    CHECK_THAT(leader != writers[1].tid); /* which has waited longest */
    CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)leader), getpriority(PRIO_PROCESS, 0));
    gate_open(&driver.commit);
    for (size_t i = 0; i < HSM_ARRAY_LEN(writers); i++)
        finish(&writers[i]);
    CHECK_EQ(driver.commits, 2);
}

static const check_test tests[] = {
    CHECK_TEST(one_writer_waits_for_nobody),
    CHECK_TEST(who_waits_shares_the_next_commit),
    CHECK_TEST(a_slow_thread_holds_up_nobody),
    CHECK_TEST(everybody_gets_an_answer),
};
CHECK_MAIN(tests)
