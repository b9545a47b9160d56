/* Who waits for whom: writing and tidying go through gates that a test opens.
 * SPDX-License-Identifier: Apache-2.0 */
#include "os/combiner.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include "os/clock.h"
#include "support/check.h"
#include "support/gate.h"

#define NICE_MOST 19
#define WRITES_MAX 16u
#define COUNT_MAX 4u
#define BYTES_MAX 100u
#define ROUNDS 300u

/* A combiner, and what was done for it. */
typedef struct desk {
    hsm_combiner combiner;
    gate writing;
    gate tidying;
    bool is_inside;
    bool has_overlapped;
    size_t writes;
    size_t items;
    size_t tidied;
    size_t counts[WRITES_MAX]; /* items of each of the first writes */
} desk;

/* A thread with one item. */
typedef struct writer {
    desk *at;
    size_t bytes;
    bool is_low;
    pid_t tid;
    size_t written; /* as the n-th of all items; 0: not yet */
    pthread_t thread;
    bell has_answer; /* to all it submits */
} writer;

static void write_items(void *arg, void *const *items, size_t count)
{
    desk *at = arg;

    at->has_overlapped = at->has_overlapped || at->is_inside;
    at->is_inside = true;
    if (at->writes < WRITES_MAX)
        at->counts[at->writes] = count;
    at->writes++;
    gate_pass(&at->writing);
    for (size_t i = 0; i < count; i++) {
        writer *one = items[i];

        one->written = ++at->items;
    }
    at->is_inside = false;
}

static void tidy(void *arg)
{
    desk *at = arg;

    at->has_overlapped = at->has_overlapped || at->is_inside;
    at->tidied++;
    gate_pass(&at->tidying);
}

static void desk_init(desk *at, bool is_tidied)
{
    *at = (desk){ .writing = GATE_INIT, .tidying = GATE_INIT };
    hsm_combiner_init(&at->combiner, &(hsm_combiner_options){ .write = write_items,
                                                              .tidy = is_tidied ? tidy : NULL,
                                                              .arg = at,
                                                              .count_max = COUNT_MAX,
                                                              .bytes_max = BYTES_MAX,
                                                              .is_gathering = true });
}

static void desk_clear(desk *at)
{
    CHECK_EQ(hsm_combiner_waiting(&at->combiner), 0);
    CHECK_THAT(!at->has_overlapped);
    hsm_combiner_clear(&at->combiner);
}

static void *submit_one(void *arg)
{
    writer *own = arg;

    own->tid = gettid();
    if (own->is_low)
        CHECK_EQ(setpriority(PRIO_PROCESS, (id_t)own->tid, getpriority(PRIO_PROCESS, 0) + 1), 0);
    hsm_combiner_submit(&own->at->combiner, own, own->bytes);
    bell_ring(&own->has_answer);
    CHECK_THAT(own->written > 0);
    return NULL;
}

static void start(writer *own, desk *at)
{
    own->at = at;
    own->written = 0;
    own->has_answer = (bell)BELL_INIT;
    REQUIRE_OK(pthread_create(&own->thread, NULL, submit_one, own));
}

/* Whoever has no answer would never be joined. */
static void join(writer *writers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bell_wait(&writers[i].has_answer, "a writer has no answer");
        (void)pthread_join(writers[i].thread, NULL);
    }
}

static void check_leader(desk *at, unsigned write, const writer *own)
{
    const pid_t by = gate_wait(&at->writing, write);

    CHECK_EQ(by, own->tid); /* which is known by now */
}

/* One after the other, so that their order is known. */
static void queue_up(desk *at, writer *writers, size_t count)
{
    const size_t before = hsm_combiner_waiting(&at->combiner);

    for (size_t i = 0; i < count; i++) {
        const uint64_t end_ns = hsm_clock_deadline_ns(GATE_PATIENCE_S * UINT64_C(1000));

        start(&writers[i], at);
        while (hsm_combiner_waiting(&at->combiner) != before + i + 1) {
            if (hsm_clock_monotonic_ns() > end_ns)
                check_give_up("a writer does not wait", GATE_PATIENCE_S);
            (void)sched_yield();
        }
    }
}

/* The first is in its write, the others have come since. */
static void all_wait(desk *at, writer *writers, size_t count)
{
    gate_shut(&at->writing);
    start(&writers[0], at);
    check_leader(at, 1, &writers[0]);
    queue_up(at, &writers[1], count - 1);
}

static void who_is_alone_waits_for_nobody(void)
{
    desk at;
    writer own = { .at = &at };

    desk_init(&at, true);
    for (size_t i = 1; i <= 3; i++) {
        hsm_combiner_submit(&at.combiner, &own, 1);
        CHECK_EQ(own.written, i);
        CHECK_EQ(at.writes, i);
        CHECK_EQ(at.tidied, i);
    }
    desk_clear(&at);
}

static void who_waits_shares_the_next_write(void)
{
    writer writers[4] = { { 0 } };
    desk at;

    desk_init(&at, false);
    all_wait(&at, writers, HSM_ARRAY_LEN(writers));
    gate_let_one(&at.writing);
    check_leader(&at, 2, &writers[1]);               /* who has waited longest */
    CHECK_EQ(hsm_combiner_waiting(&at.combiner), 0); /* that write is everybody's */
    gate_open(&at.writing);
    join(writers, HSM_ARRAY_LEN(writers));
    CHECK_EQ(at.writes, 2);
    for (size_t i = 0; i < HSM_ARRAY_LEN(writers); i++)
        CHECK_EQ(writers[i].written, i + 1);
    desk_clear(&at);
}

/* What waits, and how many of it each write takes. */
static const struct {
    const char *label;
    size_t bytes[6]; /* 0: no more */
    size_t counts[3];
} limits[] = {
    { "as many as may be", { 1, 1, 1, 1 }, { 4 } },
    { "one more", { 1, 1, 1, 1, 1 }, { 4, 1 } },
    { "as many bytes as may be", { 50, 50 }, { 2 } },
    { "a byte more", { 50, 51 }, { 1, 1 } },
    { "too large, alone", { 10, 101, 10, 10 }, { 1, 1, 2 } },
};

static void a_write_has_limits(void)
{
    for (size_t row = 0; row < HSM_ARRAY_LEN(limits); row++) {
        writer writers[1 + HSM_ARRAY_LEN(limits[0].bytes)] = { { 0 } };
        size_t count = 1;
        desk at;

        CASE(limits[row].label);
        desk_init(&at, false);
        for (; count <= HSM_ARRAY_LEN(limits[row].bytes) && limits[row].bytes[count - 1] > 0;
             count++)
            writers[count].bytes = limits[row].bytes[count - 1];
        all_wait(&at, writers, count);
        gate_open(&at.writing);
        join(writers, count);
        CHECK_EQ(at.items, count);
        for (size_t i = 0; i < HSM_ARRAY_LEN(limits[row].counts); i++)
            CHECK_EQ(at.counts[1 + i], limits[row].counts[i]);
        desk_clear(&at);
    }
}

static void tidying_follows_the_answers(void)
{
    writer writers[4] = { { 0 } };
    desk at;

    desk_init(&at, true);
    all_wait(&at, writers, 3);
    gate_shut(&at.tidying);
    gate_let_one(&at.writing);
    CHECK_EQ(gate_wait(&at.tidying, 1), writers[0].tid);
    CHECK_EQ(hsm_combiner_waiting(&at.combiner), 2); /* nobody leads yet */
    gate_let_one(&at.tidying);
    check_leader(&at, 2, &writers[1]);
    gate_let_one(&at.writing);
    CHECK_EQ(gate_wait(&at.tidying, 2), writers[1].tid);
    join(&writers[2], 1);
    queue_up(&at, &writers[3], 1);
    CHECK_EQ(at.writes, 2);
    gate_open(&at.tidying);
    check_leader(&at, 3, &writers[3]);
    gate_open(&at.writing);
    join(writers, 2);
    join(&writers[3], 1);
    CHECK_EQ(at.tidied, 3);
    desk_clear(&at);
}

/* A thread of low priority may not run for long: nobody else is to depend on that. */
static void the_clerk_leads_for_low_priority(void)
{
    writer writers[3] = { { 0 }, { .is_low = true }, { 0 } };
    desk at;

    if (getpriority(PRIO_PROCESS, 0) == NICE_MOST)
        SKIP("this program's priority is the lowest there is");
    desk_init(&at, true);
    CHECK_OK(hsm_combiner_start_clerk(&at.combiner));
    CHECK_OK(hsm_combiner_start_clerk(&at.combiner)); /* one is enough */

    CASE("it is the first of those who wait");
    all_wait(&at, writers, HSM_ARRAY_LEN(writers));
    gate_let_one(&at.writing);
    const pid_t clerk = gate_wait(&at.writing, 2);
    for (size_t i = 0; i < HSM_ARRAY_LEN(writers); i++)
        CHECK_THAT(clerk != writers[i].tid);
    CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)clerk), getpriority(PRIO_PROCESS, 0));
    CHECK_EQ(hsm_combiner_waiting(&at.combiner), 0);
    gate_open(&at.writing);
    join(writers, HSM_ARRAY_LEN(writers));

    CASE("it is alone");
    gate_shut(&at.writing);
    start(&writers[1], &at);
    CHECK_EQ(gate_wait(&at.writing, 1), clerk);
    gate_open(&at.writing);
    join(&writers[1], 1);

    CASE("who is not low leads");
    gate_shut(&at.writing);
    start(&writers[0], &at);
    check_leader(&at, 1, &writers[0]);
    gate_open(&at.writing);
    join(writers, 1);
    desk_clear(&at);
}

static void without_a_clerk_everybody_leads(void)
{
    writer low = { .is_low = getpriority(PRIO_PROCESS, 0) < NICE_MOST };
    desk at;

    desk_init(&at, false);
    gate_shut(&at.writing);
    start(&low, &at);
    check_leader(&at, 1, &low);
    gate_open(&at.writing);
    join(&low, 1);
    desk_clear(&at);
}

static void *submit_many(void *arg)
{
    writer *own = arg;

    if (own->is_low)
        CHECK_EQ(setpriority(PRIO_PROCESS, (id_t)gettid(), getpriority(PRIO_PROCESS, 0) + 1), 0);
    for (size_t i = 0; i < ROUNDS; i++) {
        own->written = 0;
        hsm_combiner_submit(&own->at->combiner, own, own->bytes);
        CHECK_THAT(own->written > 0);
    }
    bell_ring(&own->has_answer);
    return NULL;
}

static void everybody_gets_an_answer(void)
{
    writer writers[8];
    desk at;

    desk_init(&at, true);
    CHECK_OK(hsm_combiner_start_clerk(&at.combiner));
    for (size_t i = 0; i < HSM_ARRAY_LEN(writers); i++) {
        writers[i] = (writer){ .at = &at,
                               .bytes = 15 * i,
                               .has_answer = BELL_INIT,
                               .is_low = i % 2 == 1 && getpriority(PRIO_PROCESS, 0) < NICE_MOST };
        CHECK_OK(pthread_create(&writers[i].thread, NULL, submit_many, &writers[i]));
    }
    join(writers, HSM_ARRAY_LEN(writers));
    CHECK_EQ(at.items, ROUNDS * HSM_ARRAY_LEN(writers));
    desk_clear(&at);
    CHECK_EQ(at.tidied, at.writes);
}

static const check_test tests[] = {
    CHECK_TEST(who_is_alone_waits_for_nobody),
    CHECK_TEST(who_waits_shares_the_next_write),
    CHECK_TEST(a_write_has_limits),
    CHECK_TEST(tidying_follows_the_answers),
    CHECK_TEST(the_clerk_leads_for_low_priority),
    CHECK_TEST(without_a_clerk_everybody_leads),
    CHECK_TEST(everybody_gets_an_answer),
};
CHECK_MAIN(tests)
