/* The lanes of workers.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cratond/pool.h"

#include <poll.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "support/check.h"

/* A job that says when it runs, and waits until it may end. */
typedef struct task {
    pool_job job;
    sem_t runs;
    sem_t may_end;
    int done;
    int turn; /* which of all jobs it was */
} task;

static atomic_int turns;

static void run(void *owner)
{
    task *of = owner;

    of->turn = atomic_fetch_add(&turns, 1);
    (void)sem_post(&of->runs);
    (void)sem_wait(&of->may_end);
}

static void done(void *owner)
{
    task *of = owner;

    of->done++;
}

static void set_up(task *of, const void *client)
{
    *of = (task){ .job = { .run = run, .done = done, .owner = of, .client = client } };
    (void)sem_init(&of->runs, 0, 0);
    (void)sem_init(&of->may_end, 0, 0);
}

static bool is_running(task *of)
{
    return sem_trywait(&of->runs) == 0;
}

/* In the loop, until the job is done. */
static void collect(pool *workers, const task *of)
{
    while (of->done == 0) {
        struct pollfd event = { .fd = pool_event_fd(workers), .events = POLLIN };

        (void)poll(&event, 1, -1);
        (void)pool_collect(workers);
    }
}

static pool *open_pool(uint32_t fast, uint32_t slow, size_t waiting_max)
{
    const pool_options options = {
        .threads = { [POOL_FAST] = fast, [POOL_SLOW] = slow },
        .waiting_max = { [POOL_FAST] = waiting_max, [POOL_SLOW] = waiting_max },
    };
    pool *workers = NULL;

    CHECK_OK(pool_create(&options, &workers));
    return workers;
}

static void slow_work_is_not_in_the_way(void)
{
    pool *workers = open_pool(1, 2, 10);
    task slow[3];
    task quick;

    for (int i = 0; i < 3; i++) {
        set_up(&slow[i], NULL);
        CHECK_OK(pool_add(workers, POOL_SLOW, &slow[i].job));
    }
    set_up(&quick, NULL);
    CHECK_OK(pool_add(workers, POOL_FAST, &quick.job));
    (void)sem_wait(&quick.runs); /* or this test never ends */
    (void)sem_post(&quick.may_end);
    collect(workers, &quick);
    for (int i = 0; i < 3; i++)
        (void)sem_post(&slow[i].may_end);
    for (int i = 0; i < 3; i++)
        collect(workers, &slow[i]);
    pool_destroy(workers);
}

static void one_client_leaves_a_slow_thread_to_others(void)
{
    pool *workers = open_pool(1, 2, 10);
    static const char greedy[] = "greedy";
    static const char modest[] = "modest";
    task greedy_tasks[2];
    task other;

    for (int i = 0; i < 2; i++) {
        set_up(&greedy_tasks[i], greedy);
        CHECK_OK(pool_add(workers, POOL_SLOW, &greedy_tasks[i].job));
    }
    (void)sem_wait(&greedy_tasks[0].runs);
    set_up(&other, modest);
    CHECK_OK(pool_add(workers, POOL_SLOW, &other.job));
    (void)sem_wait(&other.runs); /* overtakes the second of the other client */
    CHECK_THAT(!is_running(&greedy_tasks[1]));
    (void)sem_post(&other.may_end);
    collect(workers, &other);
    (void)sem_post(&greedy_tasks[0].may_end);
    (void)sem_post(&greedy_tasks[1].may_end);
    collect(workers, &greedy_tasks[0]);
    collect(workers, &greedy_tasks[1]);
    pool_destroy(workers);
}

static void a_lane_has_a_limit(void)
{
    pool *workers = open_pool(1, 1, 2);
    task tasks[5];

    for (int i = 0; i < 5; i++)
        set_up(&tasks[i], NULL);
    CHECK_OK(pool_add(workers, POOL_FAST, &tasks[0].job));
    (void)sem_wait(&tasks[0].runs);
    CHECK_OK(pool_add(workers, POOL_FAST, &tasks[1].job));
    CHECK_OK(pool_add(workers, POOL_FAST, &tasks[2].job));
    CHECK_ERR(pool_add(workers, POOL_FAST, &tasks[3].job), HSM_E_LIMIT);
    CASE("what ends something is always taken");
    pool_add_end(workers, POOL_FAST, &tasks[4].job);
    for (int i = 0; i < 5; i++)
        (void)sem_post(&tasks[i].may_end);
    CASE("and closing runs what waits");
    pool_destroy(workers);
    CHECK_EQ(tasks[0].done + tasks[1].done + tasks[2].done + tasks[4].done, 4);
    CHECK_EQ(tasks[3].done, 0);
}

static bool is_told(const pool *workers)
{
    struct pollfd event = { .fd = pool_event_fd(workers), .events = POLLIN };

    return poll(&event, 1, 0) == 1;
}

static void answers_are_told_together_while_more_waits(void)
{
    enum { TASKS = 10 };
    pool *workers = open_pool(1, 1, TASKS);
    task tasks[TASKS];

    CHECK_EQ(pool_wait_ms(workers), -1);
    for (int i = 0; i < TASKS; i++) {
        set_up(&tasks[i], NULL);
        CHECK_OK(pool_add(workers, POOL_FAST, &tasks[i].job));
    }
    (void)sem_wait(&tasks[0].runs);
    CHECK_THAT(pool_wait_ms(workers) > 0);
    (void)sem_post(&tasks[0].may_end);
    (void)sem_wait(&tasks[1].runs); /* the first was handed back before */
    CHECK_THAT(!is_told(workers));
    CASE("who looks finds it");
    CHECK_EQ(pool_collect(workers), 1);
    CASE("so many are told");
    for (int i = 1; i <= 8; i++) {
        CHECK_THAT(!is_told(workers));
        (void)sem_post(&tasks[i].may_end);
        (void)sem_wait(&tasks[i + 1].runs);
    }
    CHECK_THAT(is_told(workers));
    CHECK_EQ(pool_collect(workers), 8);
    CASE("and the last");
    CHECK_EQ(pool_wait_ms(workers), -1);
    (void)sem_post(&tasks[9].may_end);
    collect(workers, &tasks[9]);
    pool_destroy(workers);
}

/* Half of them, so that the threads have the other half meanwhile; but no more than 32. */
static void of_many_half_are_told(void)
{
    static const struct {
        int tasks;
        int told_at;
    } rows[] = { { 42, 21 }, { 100, 32 } };

    for (size_t row = 0; row < HSM_ARRAY_LEN(rows); row++) {
        pool *workers = open_pool(1, 1, 100);
        task tasks[100];

        for (int i = 0; i < rows[row].tasks; i++) {
            set_up(&tasks[i], NULL);
            CHECK_OK(pool_add(workers, POOL_FAST, &tasks[i].job));
        }
        for (int i = 0; i <= rows[row].told_at; i++) {
            (void)sem_wait(&tasks[i].runs);
            CHECK_EQ(is_told(workers), i == rows[row].told_at);
            (void)sem_post(&tasks[i].may_end);
        }
        for (int i = rows[row].told_at + 1; i < rows[row].tasks; i++)
            (void)sem_post(&tasks[i].may_end);
        collect(workers, &tasks[rows[row].tasks - 1]);
        pool_destroy(workers);
    }
}

static void slow_work_is_told_at_once(void)
{
    pool *workers = open_pool(1, 1, 2);
    task tasks[2];

    for (int i = 0; i < 2; i++) {
        set_up(&tasks[i], NULL);
        CHECK_OK(pool_add(workers, POOL_SLOW, &tasks[i].job));
    }
    CHECK_EQ(pool_wait_ms(workers), -1);
    (void)sem_post(&tasks[0].may_end);
    collect(workers, &tasks[0]); /* or this test never ends */
    (void)sem_post(&tasks[1].may_end);
    collect(workers, &tasks[1]);
    pool_destroy(workers);
}

/* A job after whose end there is another. */
typedef struct chain {
    task first;
    task second;
    pool *workers;
} chain;

static void go_on(void *owner)
{
    chain *of = owner;

    of->first.done++;
    pool_add_end(of->workers, POOL_SLOW, &of->second.job);
}

static void run_chain(void *owner)
{
    chain *of = owner;

    (void)sem_post(&of->first.runs);
}

static void closing_runs_what_comes_of_the_last_jobs(void)
{
    chain of = { .workers = open_pool(1, 1, 2) };

    set_up(&of.first, NULL);
    set_up(&of.second, NULL);
    (void)sem_post(&of.second.may_end);
    of.first.job = (pool_job){ .run = run_chain, .done = go_on, .owner = &of };
    CHECK_OK(pool_add(of.workers, POOL_FAST, &of.first.job));
    (void)sem_wait(&of.first.runs);
    pool_destroy(of.workers);
    CHECK_EQ(of.first.done, 1);
    CHECK_EQ(of.second.done, 1);
}

static void without_threads_one_thread_does_all(void)
{
    static const pool_lane lanes[] = { POOL_SLOW, POOL_FAST, POOL_SLOW };
    pool *workers = open_pool(0, 0, 2);
    task tasks[3];

    CHECK_EQ(pool_run_waiting(workers), 0);
    for (int i = 0; i < 3; i++) {
        set_up(&tasks[i], NULL);
        (void)sem_post(&tasks[i].may_end);
        CHECK_OK(pool_add(workers, lanes[i], &tasks[i].job));
    }
    CHECK_THAT(!is_running(&tasks[1]));
    CHECK_EQ(pool_collect(workers), 0);
    CHECK_EQ(pool_run_waiting(workers), 3);
    CASE("the quick lane is first");
    CHECK_THAT(tasks[1].turn < tasks[0].turn && tasks[0].turn < tasks[2].turn);
    CASE("the loop hears of them as of a worker's");
    CHECK_THAT(is_told(workers));
    CHECK_EQ(tasks[0].done + tasks[1].done + tasks[2].done, 0);
    CHECK_EQ(pool_collect(workers), 3);
    CHECK_EQ(tasks[0].done + tasks[1].done + tasks[2].done, 3);
    pool_destroy(workers);
}

static void large_machines_have_threads_that_fit(void)
{
    static const uint32_t processors[] = { 1, 2, 64, 107, 128, 129, 4096, UINT32_MAX };

    CHECK_EQ(pool_threads(POOL_FAST, 0, 1), 4);
    CHECK_EQ(pool_threads(POOL_SLOW, 0, 1), 2);
    CHECK_EQ(pool_threads(POOL_FAST, 0, 8), 16);
    CHECK_EQ(pool_threads(POOL_SLOW, 0, 8), 8);
    CHECK_EQ(pool_threads(POOL_FAST, 3, 64), 3);
    CHECK_EQ(pool_threads(POOL_SLOW, 1, 64), 1);
    for (size_t i = 0; i < HSM_ARRAY_LEN(processors); i++) {
        pool_options options = { .waiting_max = { 1, 1 } };
        pool *workers = NULL;

        for (int k = 0; k < POOL_LANES; k++)
            options.threads[k] = pool_threads((pool_lane)k, 0, processors[i]);
        if (CHECK_OK(pool_create(&options, &workers)))
            pool_destroy(workers);
    }
}

static const check_test tests[] = {
    CHECK_TEST(large_machines_have_threads_that_fit),
    CHECK_TEST(slow_work_is_not_in_the_way),
    CHECK_TEST(one_client_leaves_a_slow_thread_to_others),
    CHECK_TEST(a_lane_has_a_limit),
    CHECK_TEST(answers_are_told_together_while_more_waits),
    CHECK_TEST(of_many_half_are_told),
    CHECK_TEST(slow_work_is_told_at_once),
    CHECK_TEST(closing_runs_what_comes_of_the_last_jobs),
    CHECK_TEST(without_threads_one_thread_does_all),
};
CHECK_MAIN(tests)
