/* The threads behind asynchronous sessions: order, limits, and work that is dropped at any moment. */
#include "core/workers.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "support/check.h"

/* A place where work stops until it is let go. */
typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool is_open;
    unsigned arrived;
    unsigned dropped;
    unsigned ran;
} gate;

#define GATE                                                                 \
    {                                                                        \
        .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER \
    }

typedef struct item {
    hsm_work work;
    gate *at;
    bool saw_stop;
} item;

static void pass(hsm_work *work)
{
    item *of = (item *)(void *)work;
    gate *at = of->at;

    (void)pthread_mutex_lock(&at->lock);
    at->arrived++;
    (void)pthread_cond_broadcast(&at->moved);
    while (!at->is_open)
        (void)pthread_cond_wait(&at->moved, &at->lock);
    at->ran++;
    of->saw_stop = atomic_load(&work->stop);
    (void)pthread_mutex_unlock(&at->lock);
}

static void count_drop(hsm_work *work)
{
    item *of = (item *)(void *)work;
    gate *at = of->at;

    (void)pthread_mutex_lock(&at->lock);
    at->dropped++;
    (void)pthread_cond_broadcast(&at->moved);
    (void)pthread_mutex_unlock(&at->lock);
    free(of);
}

static item *make(gate *at)
{
    item *of = calloc(1, sizeof *of);

    if (of == NULL)
        abort();
    of->work.run = pass;
    of->work.drop = count_drop;
    of->at = at;
    return of;
}

static void open_gate(gate *at)
{
    (void)pthread_mutex_lock(&at->lock);
    at->is_open = true;
    (void)pthread_cond_broadcast(&at->moved);
    (void)pthread_mutex_unlock(&at->lock);
}

/* Waits until one of the counters is what it will be. */
static void wait_for(gate *at, const unsigned *counter, unsigned value)
{
    (void)pthread_mutex_lock(&at->lock);
    while (*counter < value)
        (void)pthread_cond_wait(&at->moved, &at->lock);
    (void)pthread_mutex_unlock(&at->lock);
}

static void wait_until_done(hsm_workers *workers, const item *of)
{
    while (!hsm_workers_have_done(workers, &of->work))
        (void)sched_yield();
}

static void work_is_done_and_taken(void)
{
    gate at = GATE;
    hsm_workers *workers = NULL;
    item *of = make(&at);

    REQUIRE_OK(hsm_workers_create(&workers));
    REQUIRE_OK(hsm_workers_add(workers, &of->work));
    wait_for(&at, &at.arrived, 1);
    CHECK_EQ(hsm_workers_have_done(workers, &of->work), false);
    open_gate(&at);
    wait_until_done(workers, of);
    CHECK_EQ(of->saw_stop, false);
    CHECK_EQ(at.dropped, 0);
    hsm_workers_drop(workers, &of->work);
    CHECK_EQ(at.dropped, 1);
    hsm_workers_destroy(workers);
    CHECK_EQ(at.dropped, 1);
}

static void running_work_is_dropped_when_it_ends(void)
{
    gate at = GATE;
    hsm_workers *workers = NULL;
    item *of = make(&at);

    REQUIRE_OK(hsm_workers_create(&workers));
    REQUIRE_OK(hsm_workers_add(workers, &of->work));
    wait_for(&at, &at.arrived, 1);
    hsm_workers_drop(workers, &of->work); /* does not wait */
    CHECK_EQ(atomic_load(&of->work.stop), true);
    open_gate(&at);
    wait_for(&at, &at.dropped, 1);
    hsm_workers_destroy(workers);
    CHECK_EQ(at.ran, 1);
}

/* Fills every thread, and drops what waits behind: last, middle and first. */
static void waiting_work_is_dropped_at_once(void)
{
    gate at = GATE;
    gate behind = GATE;
    hsm_workers *workers = NULL;
    item *running[HSM_WORKERS_MAX];
    item *waiting[5];

    REQUIRE_OK(hsm_workers_create(&workers));
    for (size_t i = 0; i < HSM_WORKERS_MAX; i++) {
        running[i] = make(&at);
        REQUIRE_OK(hsm_workers_add(workers, &running[i]->work));
    }
    wait_for(&at, &at.arrived, 1);
    for (size_t i = 0; i < 5; i++) {
        waiting[i] = make(&behind);
        REQUIRE_OK(hsm_workers_add(workers, &waiting[i]->work));
    }
    hsm_workers_drop(workers, &waiting[4]->work);
    hsm_workers_drop(workers, &waiting[2]->work);
    hsm_workers_drop(workers, &waiting[0]->work);
    CHECK_EQ(behind.dropped, 3);
    CHECK_EQ(behind.arrived, 0);
    open_gate(&behind);
    open_gate(&at);
    wait_until_done(workers, waiting[1]);
    wait_until_done(workers, waiting[3]);
    for (size_t i = 0; i < HSM_WORKERS_MAX; i++)
        hsm_workers_drop(workers, &running[i]->work);
    hsm_workers_drop(workers, &waiting[1]->work);
    hsm_workers_drop(workers, &waiting[3]->work);
    hsm_workers_destroy(workers);
    CHECK_EQ(at.dropped, HSM_WORKERS_MAX);
    CHECK_EQ(behind.dropped, 5);
}

static void there_is_a_limit(void)
{
    static item *items[HSM_WORKS_MAX];
    gate at = GATE;
    hsm_workers *workers = NULL;
    item *more = make(&at);

    REQUIRE_OK(hsm_workers_create(&workers));
    for (size_t i = 0; i < HSM_WORKS_MAX; i++) {
        items[i] = make(&at);
        REQUIRE_OK(hsm_workers_add(workers, &items[i]->work));
    }
    CHECK_ERR(hsm_workers_add(workers, &more->work), HSM_E_LIMIT);
    CHECK_EQ(at.dropped, 0); /* it is still ours */
    hsm_workers_drop(workers, &items[HSM_WORKS_MAX - 1]->work);
    CHECK_OK(hsm_workers_add(workers, &more->work));
    open_gate(&at);
    wait_until_done(workers, more);
    hsm_workers_drop(workers, &more->work);
    for (size_t i = 0; i + 1 < HSM_WORKS_MAX; i++)
        hsm_workers_drop(workers, &items[i]->work);
    hsm_workers_destroy(workers);
    CHECK_EQ(at.dropped, HSM_WORKS_MAX + 1);
}

static void the_end_waits_for_what_runs(void)
{
    gate at = GATE;
    hsm_workers *workers = NULL;

    REQUIRE_OK(hsm_workers_create(&workers));
    hsm_workers_destroy(workers); /* no thread was ever started */
    hsm_workers_destroy(NULL);
    REQUIRE_OK(hsm_workers_create(&workers));
    at.is_open = true;
    for (int i = 0; i < 50; i++) {
        item *of = make(&at);

        REQUIRE_OK(hsm_workers_add(workers, &of->work));
        hsm_workers_drop(workers, &of->work);
    }
    hsm_workers_destroy(workers);
    CHECK_EQ(at.dropped, 50);
}

static const check_test tests[] = {
    CHECK_TEST(work_is_done_and_taken),          CHECK_TEST(running_work_is_dropped_when_it_ends),
    CHECK_TEST(waiting_work_is_dropped_at_once), CHECK_TEST(there_is_a_limit),
    CHECK_TEST(the_end_waits_for_what_runs),
};

CHECK_MAIN(tests)
