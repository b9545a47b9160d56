#include "store/cache.h"

#include <pthread.h>

#include "support/check.h"
#include "unit/store/object_env.h"

/* An AES object with this id and version in slot 1. */
static hsm_object *make(uint64_t id, uint64_t version, bool is_private)
{
    const hsm_object_ident ident = {
        .id = id, .version = version, .slot = 1, .token_serial = env_serial_bytes()
    };
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(ENV_AES);
    hsm_object *object = NULL;

    CHECK_OK(hsm_draft_put_bool(draft, CKA_PRIVATE, is_private));
    CHECK_OK(hsm_draft_put_unique_id(draft, hsm_bytes_of_text("an id")));
    CHECK_OK(hsm_object_create(draft, &ident, seal, &object));
    return object;
}

static const _Atomic(uint64_t) epoch = 1;

/* Puts a new object in and gives it up. */
static void put(hsm_cache *cache, uint64_t id, uint64_t version, bool is_private)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = make(id, version, is_private);

    hsm_cache_put(cache, object, &epoch, 1);
}

/* The version cached under an id; 0: none. */
static uint64_t version_of(hsm_cache *cache, uint64_t id)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = hsm_cache_get(cache, id);

    return object != NULL ? object->version : 0;
}

static void what_is_put_in_comes_out(void)
{
    HSM_AUTO(hsm_cache_drop) hsm_cache *cache = NULL;

    REQUIRE_OK(hsm_cache_create(4, &cache));
    CHECK_EQ(version_of(cache, 1), 0);
    put(cache, 1, 1, false);
    put(cache, 2, 5, false);
    CHECK_EQ(version_of(cache, 1), 1);
    CHECK_EQ(version_of(cache, 2), 5);
    CASE("a newer version takes the place of an older one, not the other way round");
    put(cache, 1, 2, false);
    CHECK_EQ(version_of(cache, 1), 2);
    put(cache, 1, 1, false);
    CHECK_EQ(version_of(cache, 1), 2);
    hsm_cache_remove(cache, 1);
    hsm_cache_remove(cache, 77);
    CHECK_EQ(version_of(cache, 1), 0);
    CHECK_EQ(version_of(cache, 2), 5);
}

static void it_never_holds_more_than_its_bound(void)
{
    HSM_AUTO(hsm_cache_drop) hsm_cache *cache = NULL;
    size_t held = 0;

    REQUIRE_OK(hsm_cache_create(8, &cache));
    for (uint64_t id = 1; id <= 100; id++)
        put(cache, id, 1, false);
    for (uint64_t id = 1; id <= 100; id++)
        held += version_of(cache, id) != 0;
    CHECK_EQ(held, 8);
}

static void what_is_used_stays(void)
{
    HSM_AUTO(hsm_cache_drop) hsm_cache *cache = NULL;

    REQUIRE_OK(hsm_cache_create(4, &cache));
    put(cache, 1, 1, false);
    for (uint64_t id = 2; id <= 50; id++) {
        CHECK_EQ(version_of(cache, 1), 1);
        put(cache, id, 1, false);
    }
}

static void the_smallest_cache_works(void)
{
    HSM_AUTO(hsm_cache_drop) hsm_cache *cache = NULL;

    CHECK_ERR(hsm_cache_create(0, &cache), HSM_E_ARG);
    REQUIRE_OK(hsm_cache_create(1, &cache));
    put(cache, 1, 1, false);
    put(cache, 2, 1, false);
    CHECK_EQ(version_of(cache, 1), 0);
    CHECK_EQ(version_of(cache, 2), 1);
}

static void an_object_outlives_its_place(void)
{
    HSM_AUTO(hsm_cache_drop) hsm_cache *cache = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *held = NULL;

    REQUIRE_OK(hsm_cache_create(1, &cache));
    put(cache, 1, 1, false);
    held = hsm_cache_get(cache, 1);
    REQUIRE_THAT(held != NULL);
    CHECK_THAT(atomic_load(&held->is_live));
    put(cache, 2, 1, false);
    CHECK_THAT(atomic_load(&held->is_live)); /* only out of the cache */
    CHECK_EQ(held->id, 1);
    HSM_AUTO(hsm_object_drop) hsm_object *other = hsm_cache_get(cache, 2);
    hsm_cache_remove(cache, 2);
    CHECK_THAT(!atomic_load(&other->is_live));
}

static void a_purge_takes_what_it_should(void)
{
    HSM_AUTO(hsm_cache_drop) hsm_cache *cache = NULL;

    REQUIRE_OK(hsm_cache_create(300, &cache));
    for (uint64_t id = 1; id <= 200; id++)
        put(cache, id, 1, id % 2 == 0);
    hsm_cache_purge(cache, 0, false);
    CHECK_EQ(version_of(cache, 2), 1);
    hsm_cache_purge(cache, 1, true);
    for (uint64_t id = 1; id <= 200; id++)
        CHECK_EQ(version_of(cache, id), id % 2);
    hsm_cache_purge(cache, 1, false);
    for (uint64_t id = 1; id <= 200; id++)
        CHECK_EQ(version_of(cache, id), 0);
}

static void what_was_read_before_a_logout_stays_out(void)
{
    HSM_AUTO(hsm_cache_drop) hsm_cache *cache = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *object = make(1, 1, true);

    REQUIRE_OK(hsm_cache_create(4, &cache));
    hsm_cache_put(cache, object, &epoch, 0);
    CHECK_EQ(version_of(cache, 1), 0);
}

/* --- threads ------------------------------------------------------------------------------------ */

#define THREADS 4
#define IDS 32

static void *use_all_ways(void *arg)
{
    hsm_cache *cache = arg;

    for (unsigned i = 0; i < 3000; i++) {
        const uint64_t id = i * 7 % IDS + 1;
        HSM_AUTO(hsm_object_drop) hsm_object *object = hsm_cache_get(cache, id);
        if (object == NULL)
            put(cache, id, 1, id % 2 == 0);
        else if (object->id != id)
            return arg;
        if (i % 50 == 0)
            hsm_cache_remove(cache, id);
        if (i % 500 == 0)
            hsm_cache_purge(cache, 1, true);
    }
    return NULL;
}

static void threads_share_it(void)
{
    HSM_AUTO(hsm_cache_drop) hsm_cache *cache = NULL;
    pthread_t threads[THREADS];

    REQUIRE_OK(hsm_cache_create(IDS / 2, &cache));
    (void)env_crypto(); /* once, before there are threads */
    for (size_t i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, use_all_ways, cache), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *wrong = NULL;
        CHECK_EQ(pthread_join(threads[i], &wrong), 0);
        CHECK_THAT(wrong == NULL);
    }
}

static const check_test tests[] = {
    CHECK_TEST(what_is_put_in_comes_out),
    CHECK_TEST(it_never_holds_more_than_its_bound),
    CHECK_TEST(what_is_used_stays),
    CHECK_TEST(the_smallest_cache_works),
    CHECK_TEST(an_object_outlives_its_place),
    CHECK_TEST(a_purge_takes_what_it_should),
    CHECK_TEST(what_was_read_before_a_logout_stays_out),
    CHECK_TEST(threads_share_it),
};
CHECK_MAIN(tests)
