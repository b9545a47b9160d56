/* SPDX-License-Identifier: Apache-2.0 */
#include "base/handle.h"

#include <pthread.h>
#include <stdatomic.h>

#include "support/check.h"

static void resolves_until_removed(void)
{
    HSM_AUTO(hsm_handle_table_drop) hsm_handle_table *table = NULL;
    CK_ULONG first = 0;
    CK_ULONG second = 0;
    CK_ULONG third = 0;
    int a = 0;
    int b = 0;

    REQUIRE_OK(hsm_handle_table_create(10, &table));
    REQUIRE_OK(hsm_handle_add(table, &a, &first));
    REQUIRE_OK(hsm_handle_add(table, &b, &second));
    CHECK_THAT(first != HSM_HANDLE_NONE && second != HSM_HANDLE_NONE && first != second);
    CHECK_THAT(hsm_handle_get(table, first) == &a);
    CHECK_THAT(hsm_handle_get(table, second) == &b);
    CHECK_EQ(hsm_handle_count(table), 2);

    CHECK_THAT(hsm_handle_remove(table, first) == &a);
    CHECK_THAT(hsm_handle_get(table, first) == NULL);
    CHECK_THAT(hsm_handle_remove(table, first) == NULL);
    CHECK_EQ(hsm_handle_count(table), 1);

    REQUIRE_OK(hsm_handle_add(table, &b, &third)); /* the same slot, another generation */
    CHECK_THAT(third != first);
    CHECK_THAT(hsm_handle_get(table, first) == NULL);
    CHECK_THAT(hsm_handle_remove(table, first) == NULL);
    CHECK_THAT(hsm_handle_get(table, third) == &b);
}

static void unknown_handles_give_null(void)
{
    HSM_AUTO(hsm_handle_table_drop) hsm_handle_table *table = NULL;
    CK_ULONG handle = 0;
    int item = 0;

    REQUIRE_OK(hsm_handle_table_create(3, &table));
    REQUIRE_OK(hsm_handle_add(table, &item, &handle));
    for (unsigned bit = 0; bit < sizeof handle * 8; bit++) {
        CHECK_THAT(hsm_handle_get(table, handle ^ 1UL << bit) == NULL);
        CHECK_THAT(hsm_handle_remove(table, handle ^ 1UL << bit) == NULL);
    }
    CHECK_THAT(hsm_handle_get(table, HSM_HANDLE_NONE) == NULL);
    CHECK_THAT(hsm_handle_get(table, ~0UL) == NULL);
    CHECK_THAT(hsm_handle_get(table, handle) == &item);
}

static void limits_hold(void)
{
    HSM_AUTO(hsm_handle_table_drop) hsm_handle_table *table = NULL;
    CK_ULONG handles[3] = { 0 };
    CK_ULONG extra = 77;
    int item = 0;

    CHECK_ERR(hsm_handle_table_create(0, &table), HSM_E_ARG);
    CHECK_ERR(hsm_handle_table_create(16777216, &table), HSM_E_ARG);
    CHECK_THAT(table == NULL);
    REQUIRE_OK(hsm_handle_table_create(3, &table));
    CHECK_ERR(hsm_handle_add(table, NULL, &extra), HSM_E_ARG);
    for (size_t i = 0; i < 3; i++)
        REQUIRE_OK(hsm_handle_add(table, &item, &handles[i]));
    CHECK_ERR(hsm_handle_add(table, &item, &extra), HSM_E_LIMIT);
    CHECK_EQ(extra, 77);
    CHECK_THAT(hsm_handle_remove(table, handles[1]) == &item);
    CHECK_OK(hsm_handle_add(table, &item, &extra));
    hsm_handle_table_destroy(NULL);
}

static bool sum_until_three(CK_ULONG handle, void *item, void *arg)
{
    int *seen = arg;

    CHECK_THAT(handle != HSM_HANDLE_NONE && item != NULL);
    (*seen)++;
    return *seen < 3;
}

static bool count_all(CK_ULONG handle, void *item, void *arg)
{
    (void)handle;
    (void)item;
    (*(int *)arg)++;
    return true;
}

/* Both ways of writing work on one table, and answer alike. */
static void without_the_lock_it_is_the_same(void)
{
    HSM_AUTO(hsm_handle_table_drop) hsm_handle_table *table = NULL;
    CK_ULONG first = 0;
    CK_ULONG second = 0;
    CK_ULONG third = 77;
    int a = 0;
    int b = 0;

    REQUIRE_OK(hsm_handle_table_create(2, &table));
    CHECK_ERR(hsm_handle_add_alone(table, NULL, &third), HSM_E_ARG);
    REQUIRE_OK(hsm_handle_add_alone(table, &a, &first));
    REQUIRE_OK(hsm_handle_add(table, &b, &second));
    CHECK_ERR(hsm_handle_add_alone(table, &b, &third), HSM_E_LIMIT);
    CHECK_EQ(third, 77);
    CHECK_THAT(hsm_handle_get(table, first) == &a && hsm_handle_get(table, second) == &b);
    CHECK_THAT(hsm_handle_remove_alone(table, second) == &b);
    CHECK_THAT(hsm_handle_remove_alone(table, second) == NULL);
    CHECK_THAT(hsm_handle_remove(table, first) == &a);
    CHECK_THAT(hsm_handle_remove_alone(table, first) == NULL);
    CHECK_EQ(hsm_handle_count(table), 0);
}

static void many_and_each(void)
{
    static int items[5000];
    static CK_ULONG handles[5000];
    HSM_AUTO(hsm_handle_table_drop) hsm_handle_table *table = NULL;
    int seen = 0;

    REQUIRE_OK(hsm_handle_table_create(5000, &table));
    for (size_t i = 0; i < 5000; i++)
        REQUIRE_OK(hsm_handle_add(table, &items[i], &handles[i]));
    for (size_t i = 0; i < 5000; i += 2)
        CHECK_THAT(hsm_handle_remove(table, handles[i]) == &items[i]);
    for (size_t i = 0; i < 5000; i++)
        CHECK_THAT(hsm_handle_get(table, handles[i]) == (i % 2 == 0 ? NULL : &items[i]));
    hsm_handle_each(table, count_all, &seen);
    CHECK_EQ(seen, 2500);
    seen = 0;
    hsm_handle_each(table, sum_until_three, &seen);
    CHECK_EQ(seen, 3);
}

/* Threads share slots: a handle must give its own item or NULL, never another thread's. */
enum { THREADS = 4, ROUNDS = 20000 };

typedef struct racer {
    hsm_handle_table *table;
    _Atomic(CK_ULONG) *published; /* handles of all, for the others to try */
    size_t self;
    int failures;
} racer;

static int racer_items[THREADS];

static void *race(void *arg)
{
    racer *me = arg;

    for (int round = 0; round < ROUNDS; round++) {
        CK_ULONG handle = 0;

        if (hsm_handle_add(me->table, &racer_items[me->self], &handle) != HSM_OK)
            me->failures++;
        atomic_store(&me->published[me->self], handle);
        for (size_t other = 0; other < THREADS; other++) {
            const CK_ULONG theirs = atomic_load(&me->published[other]);
            const void *item = hsm_handle_get(me->table, theirs);

            me->failures += item != NULL && item != &racer_items[other];
            me->failures += other == me->self && item == NULL;
        }
        me->failures += hsm_handle_remove(me->table, handle) != &racer_items[me->self];
        me->failures += hsm_handle_get(me->table, handle) != NULL;
    }
    return NULL;
}

static void threads_never_mix_items(void)
{
    static _Atomic(CK_ULONG) published[THREADS];
    HSM_AUTO(hsm_handle_table_drop) hsm_handle_table *table = NULL;
    pthread_t threads[THREADS];
    racer racers[THREADS];

    REQUIRE_OK(hsm_handle_table_create(THREADS, &table));
    for (size_t i = 0; i < THREADS; i++) {
        racers[i] = (racer){ .table = table, .published = published, .self = i };
        REQUIRE_THAT(pthread_create(&threads[i], NULL, race, &racers[i]) == 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
        CHECK_EQ(racers[i].failures, 0);
    }
    CHECK_EQ(hsm_handle_count(table), 0);
}

static const check_test tests[] = {
    CHECK_TEST(resolves_until_removed),
    CHECK_TEST(unknown_handles_give_null),
    CHECK_TEST(limits_hold),
    CHECK_TEST(without_the_lock_it_is_the_same),
    CHECK_TEST(many_and_each),
    CHECK_TEST(threads_never_mix_items),
};
CHECK_MAIN(tests)
