/* With a driver that can be held up, so that who waits for whom is certain. */
#include "store/group_commit.h"

#include <pthread.h>
#include <sched.h>

#include "support/check.h"

#define WRITERS 40

/* A driver that writes nothing down. Commits wait while the gate is closed. */
typedef struct fake {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool is_open;
    bool is_inside; /* a commit is waiting at the gate */
    size_t commits;
    size_t batches;
    size_t largest;
    size_t maintained;
    bool has_overlapped;
} fake;

static void fake_commit(void *state, hsm_batch *const *batches, size_t count)
{
    fake *driver = state;

    (void)pthread_mutex_lock(&driver->lock);
    driver->has_overlapped = driver->has_overlapped || driver->is_inside;
    driver->is_inside = true;
    (void)pthread_cond_broadcast(&driver->changed);
    while (!driver->is_open)
        (void)pthread_cond_wait(&driver->changed, &driver->lock);
    driver->commits++;
    driver->batches += count;
    if (count > driver->largest)
        driver->largest = count;
    for (size_t i = 0; i < count; i++)
        /* Every third one is refused: its slot says so. */
        batches[i]->err = batches[i]->slot % 3 == 0 ? HSM_E_STORE_CONFLICT : HSM_OK;
    driver->is_inside = false;
    (void)pthread_mutex_unlock(&driver->lock);
}

static void fake_maintain(void *state)
{
    fake *driver = state;

    (void)pthread_mutex_lock(&driver->lock);
    driver->maintained++;
    (void)pthread_mutex_unlock(&driver->lock);
}

static const hsm_driver fake_driver = { .commit = fake_commit, .maintain = fake_maintain };

typedef struct writer {
    pthread_t thread;
    hsm_group_commit *group;
    hsm_batch batch;
    hsm_err err;
} writer;

static void *write_one(void *arg)
{
    writer *own = arg;

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

static void fake_init(fake *driver)
{
    *driver = (fake){ .is_open = true };
    (void)pthread_mutex_init(&driver->lock, NULL);
    (void)pthread_cond_init(&driver->changed, NULL);
}

static void one_writer_waits_for_nobody(void)
{
    HSM_AUTO(hsm_group_commit_drop) hsm_group_commit *group = NULL;
    fake driver;
    hsm_batch good = { .slot = 1 };
    hsm_batch bad = { .slot = 3 };

    fake_init(&driver);
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
    fake driver;
    static writer writers[WRITERS];

    fake_init(&driver);
    driver.is_open = false;
    REQUIRE_OK(hsm_group_commit_create(&(hsm_storage){ &fake_driver, &driver }, &group));
    start(&writers[0], group, 0);
    (void)pthread_mutex_lock(&driver.lock);
    while (!driver.is_inside)
        (void)pthread_cond_wait(&driver.changed, &driver.lock);
    (void)pthread_mutex_unlock(&driver.lock);
    for (uint32_t i = 1; i < WRITERS; i++)
        start(&writers[i], group, i);
    while (hsm_group_commit_waiting(group) < WRITERS - 1)
        (void)sched_yield();
    (void)pthread_mutex_lock(&driver.lock);
    driver.is_open = true;
    (void)pthread_cond_broadcast(&driver.changed);
    (void)pthread_mutex_unlock(&driver.lock);
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
    fake driver;
    writer writers[8];

    fake_init(&driver);
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

static const check_test tests[] = {
    CHECK_TEST(one_writer_waits_for_nobody),
    CHECK_TEST(who_waits_shares_the_next_commit),
    CHECK_TEST(everybody_gets_an_answer),
};
CHECK_MAIN(tests)
