/* The store's own rules, on both storages. */
#include "store/store.h"

#include <pthread.h>
#include <stdio.h>

#include "support/check.h"
#include "unit/os/scratch.h"
#include "unit/store/store_env.h"

static const char *new_directory(void)
{
    static unsigned number;
    static char path[PATH_MAX + 32];

    (void)snprintf(path, sizeof path, "%s/store%u", scratch(), number++);
    return path;
}

/* Runs body on a fresh store of each kind, slot 0 unlocked. */
static void with_each(void (*body)(hsm_store *store))
{
    for (int i = 0; i < 2; i++) {
        CASE(i == 0 ? "memory" : "sqlite");
        HSM_AUTO(hsm_store_drop) hsm_store *store = store_env_open(i == 0 ? NULL : new_directory());
        REQUIRE_THAT(store != NULL);
        body(store);
    }
}

static size_t count_by_label(hsm_store *store, const char *label)
{
    env_template t = { .count = 0 };

    env_text(&t, CKA_LABEL, label);
    return store_env_find(store, &t);
}

static uint64_t count_all(hsm_store *store)
{
    uint64_t count = 0;

    CHECK_OK(hsm_store_count(store, 0, &count));
    return count;
}

/* --- insert, get, find -------------------------------------------------------------------------- */

static void body_insert(hsm_store *store)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = store_env_insert(store, "mine", 7, true);
    HSM_AUTO(hsm_object_drop) hsm_object *again = NULL;
    env_template t = { .count = 0 };

    REQUIRE_THAT(object != NULL);
    CHECK_EQ(object->version, 1);
    CHECK_THAT(object->is_token && object->is_private && object->slot == 0);
    CHECK_OK(hsm_store_check_current(store, object));
    CHECK_THAT(store_env_is_whole(store, object, 7));
    CHECK_OK(hsm_store_get(store, 0, object->id, &again));
    CHECK_THAT(again == object); /* from the cache */
    CHECK_EQ(count_by_label(store, "mine"), 1);
    CHECK_EQ(count_by_label(store, "Mine"), 0);
    hsm_bytes unique_id;
    REQUIRE_THAT(hsm_object_get(object, CKA_UNIQUE_ID, &unique_id));
    env_bytes(&t, CKA_UNIQUE_ID, unique_id.data, unique_id.len);
    CHECK_EQ(store_env_find(store, &t), 1);
    CHECK_EQ(count_all(store), 1);
}

static void what_is_inserted_is_found(void)
{
    with_each(body_insert);
}

static void body_order(hsm_store *store)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf ids = { 0 };
    static const hsm_template all;
    uint64_t made[12];
    uint64_t last = 0;

    for (uint32_t i = 0; i < 12; i++) {
        CHECK_OK(store_env_try_insert(store, 0, i, i % 3 == 0, &made[i]));
        CHECK_THAT(made[i] > last);
        last = made[i];
    }
    CHECK_OK(hsm_store_find(store, 0, &all, &ids));
    CHECK_BYTES(ids.data, ids.len, made, sizeof made);
}

static void objects_come_in_order_of_creation(void)
{
    with_each(body_order);
}

static void body_pair(hsm_store *store)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *first = store_env_draft("pair", 1, true);
    HSM_AUTO(hsm_draft_drop) hsm_draft *second = store_env_draft("pair", 1, false);
    hsm_draft *drafts[] = { first, second };
    hsm_object *objects[2] = { NULL, NULL };

    REQUIRE_OK(hsm_store_insert(store, 0, drafts, 2, objects));
    CHECK_THAT(objects[0]->is_private && !objects[1]->is_private);
    CHECK_EQ(count_by_label(store, "pair"), 2);
    hsm_object_release(objects[0]);
    hsm_object_release(objects[1]);
    CASE("half a pair is none");
    hsm_store_lock(store, 0);
    CHECK_ERR(hsm_store_insert(store, 0, drafts, 2, objects), HSM_E_NOT_LOGGED_IN);
    CHECK_EQ(count_all(store), 1);
}

static void a_pair_is_inserted_whole(void)
{
    with_each(body_pair);
}

static void body_slots(hsm_store *store)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    uint64_t id = 0;

    CHECK_ERR(store_env_try_insert(store, 1, 5, false, &id), HSM_E_TOKEN_NOT_INITIALIZED);
    CHECK_ERR(store_env_try_insert(store, 4, 5, false, &id), HSM_E_SLOT);
    store_env_login(store, 1);
    CHECK_OK(store_env_try_insert(store, 1, 5, true, &id));
    CHECK_EQ(count_by_label(store, "key 5"), 0);
    CHECK_ERR(hsm_store_get(store, 0, id, &object), HSM_E_STORE_NOT_FOUND);
    CHECK_OK(hsm_store_get(store, 1, id, &object));
    CHECK_EQ(object->slot, 1);
}

static void slots_are_apart(void)
{
    with_each(body_slots);
}

/* --- versions ----------------------------------------------------------------------------------- */

/* A draft of `object` with another label. */
static hsm_draft *relabelled(hsm_store *store, const hsm_object *object, const char *label)
{
    hsm_draft *draft = NULL;

    CHECK_OK(hsm_object_to_draft(object, hsm_store_serial(store, object->slot), &draft));
    CHECK_OK(hsm_draft_put(draft, CKA_LABEL, hsm_bytes_of_text(label)));
    return draft;
}

static void body_replace(hsm_store *store)
{
    HSM_AUTO(hsm_object_drop) hsm_object *old = store_env_insert(store, "old", 3, true);
    HSM_AUTO(hsm_object_drop) hsm_object *new = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *none = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *got = NULL;
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = relabelled(store, old, "new");

    REQUIRE_OK(hsm_store_replace(store, old, draft, &new));
    CHECK_EQ(new->version, 2);
    CHECK_EQ(new->id, old->id);
    CHECK_THAT(!atomic_load(&old->is_live));
    CHECK_ERR(hsm_store_check_current(store, old), HSM_E_STORE_CONFLICT);
    CHECK_OK(hsm_store_check_current(store, new));
    CHECK_THAT(store_env_is_whole(store, new, 3));
    CHECK_EQ(count_by_label(store, "old"), 0);
    CHECK_EQ(count_by_label(store, "new"), 1);
    CHECK_OK(hsm_store_get(store, 0, old->id, &got));
    CHECK_EQ(got->version, 2);
    CASE("who has the old version can't replace it");
    CHECK_ERR(hsm_store_replace(store, old, draft, &none), HSM_E_STORE_CONFLICT);
    CHECK_THAT(none == NULL);
    CASE("an old version stays readable for who holds it");
    CHECK_THAT(store_env_is_whole(store, old, 3));
}

static void a_change_makes_a_version(void)
{
    with_each(body_replace);
}

static void body_delete(hsm_store *store)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = store_env_insert(store, "doomed", 3, true);
    HSM_AUTO(hsm_object_drop) hsm_object *none = NULL;
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = relabelled(store, object, "new");

    REQUIRE_OK(hsm_store_delete(store, object));
    CHECK_ERR(hsm_store_check_current(store, object), HSM_E_STORE_NOT_FOUND);
    CHECK_ERR(hsm_store_get(store, 0, object->id, &none), HSM_E_STORE_NOT_FOUND);
    CHECK_ERR(hsm_store_delete(store, object), HSM_E_STORE_NOT_FOUND);
    CHECK_ERR(hsm_store_replace(store, object, draft, &none), HSM_E_STORE_NOT_FOUND);
    CHECK_THAT(none == NULL);
    CHECK_EQ(count_by_label(store, "doomed"), 0);
    CHECK_EQ(count_all(store), 0);
    CHECK_THAT(store_env_is_whole(store, object, 3)); /* an operation under way goes on */
}

static void what_is_destroyed_is_gone(void)
{
    with_each(body_delete);
}

/* --- locking ------------------------------------------------------------------------------------ */

static void body_lock(hsm_store *store)
{
    static const uint8_t wrong_key[32] = { 1 };
    HSM_AUTO(hsm_object_drop) hsm_object *secret = store_env_insert(store, "secret", 1, true);
    HSM_AUTO(hsm_object_drop) hsm_object *open = store_env_insert(store, "open", 2, false);
    HSM_AUTO(hsm_object_drop) hsm_object *none = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *got = NULL;
    uint64_t id = 0;

    REQUIRE_THAT(secret != NULL && open != NULL);
    CHECK_THAT(hsm_store_is_unlocked(store, 0));
    CHECK_EQ(count_all(store), 2);
    hsm_store_lock(store, 0);
    CHECK_THAT(!hsm_store_is_unlocked(store, 0));
    CHECK_EQ(count_all(store), 1);
    CHECK_ERR(hsm_store_get(store, 0, secret->id, &none), HSM_E_NOT_LOGGED_IN);
    CHECK_ERR(store_env_try_insert(store, 0, 9, true, &id), HSM_E_NOT_LOGGED_IN);
    CHECK_EQ(count_by_label(store, "secret"), 0);
    CHECK_EQ(count_by_label(store, "open"), 1);
    CHECK_OK(hsm_store_get(store, 0, open->id, &got));
    CHECK_THAT(store_env_is_whole(store, secret, 1)); /* held since before the logout */
    CASE("another master key opens nothing");
    CHECK_OK(hsm_store_unlock(store, 0, hsm_bytes_of(wrong_key, sizeof wrong_key)));
    CHECK_EQ(count_by_label(store, "secret"), 0);
    CHECK_ERR(hsm_store_get(store, 0, secret->id, &none), HSM_E_STORE_CORRUPT);
    store_env_login(store, 0);
    hsm_object_drop(&got);
    CHECK_OK(hsm_store_get(store, 0, secret->id, &got));
    CHECK_THAT(store_env_is_whole(store, got, 1));
}

static void a_logout_hides_private_objects(void)
{
    with_each(body_lock);
}

/* --- tokens ------------------------------------------------------------------------------------- */

static void body_token(hsm_store *store)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf record = { 0 };
    uint64_t version = 99;

    CHECK_ERR(hsm_store_token_read(store, 2, &record, &version), HSM_E_STORE_NOT_FOUND);
    CHECK_EQ(version, 99);
    CHECK_OK(hsm_store_token_write(store, 2, 0, hsm_bytes_of_text("first")));
    CHECK_ERR(hsm_store_token_write(store, 2, 0, hsm_bytes_of_text("lost")), HSM_E_STORE_CONFLICT);
    CHECK_OK(hsm_store_token_read(store, 2, &record, &version));
    CHECK_EQ(version, 1);
    CHECK_BYTES(record.data, record.len, "first", 5);
    CHECK_OK(hsm_store_token_write(store, 2, 1, hsm_bytes_of_text("second")));
    hsm_buf_reset(&record);
    CHECK_OK(hsm_store_token_read(store, 2, &record, &version));
    CHECK_EQ(version, 2);
    CHECK_BYTES(record.data, record.len, "second", 6);
    CHECK_ERR(hsm_store_token_write(store, 4, 0, hsm_bytes_none()), HSM_E_SLOT);
}

static void token_records_are_replaced_by_version(void)
{
    with_each(body_token);
}

static void body_reset(hsm_store *store)
{
    static const uint8_t serial[HSM_SERIAL_BYTES] = "the new serial n";
    static const uint8_t key[32] = { 77 };
    HSM_AUTO(hsm_object_drop) hsm_object *object = store_env_insert(store, "before", 1, true);
    HSM_AUTO(hsm_object_drop) hsm_object *none = NULL;
    uint64_t id = 0;

    REQUIRE_THAT(object != NULL);
    CHECK_OK(hsm_store_token_reset(store, 0, 0, hsm_bytes_of_text("token")));
    CHECK_THAT(!hsm_store_is_unlocked(store, 0));
    CHECK_ERR(hsm_store_get(store, 0, object->id, &none), HSM_E_STORE_NOT_FOUND);
    CHECK_ERR(hsm_store_check_current(store, object), HSM_E_STORE_NOT_FOUND);
    CHECK_EQ(count_all(store), 0);
    CHECK_OK(hsm_store_attach(store, 0, serial));
    CHECK_OK(hsm_store_unlock(store, 0, hsm_bytes_of(key, sizeof key)));
    CHECK_OK(store_env_try_insert(store, 0, 2, true, &id));
    CHECK_EQ(count_all(store), 1);
    CASE("attaching what is attached changes nothing");
    CHECK_OK(hsm_store_attach(store, 0, serial));
    CHECK_THAT(hsm_store_is_unlocked(store, 0));
}

static void a_reset_makes_a_new_token(void)
{
    with_each(body_reset);
}

static void body_device_secret(hsm_store *store)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *a = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *b = NULL;

    REQUIRE_OK(hsm_secret_create(32, &a));
    REQUIRE_OK(hsm_secret_create(32, &b));
    CHECK_OK(hsm_store_device_secret(store, "one use", a));
    CHECK_OK(hsm_store_device_secret(store, "one use", b));
    CHECK_THAT(hsm_bytes_equal(hsm_secret_view(a), hsm_secret_view(b)));
    CHECK_OK(hsm_store_device_secret(store, "another", b));
    CHECK_THAT(!hsm_bytes_equal(hsm_secret_view(a), hsm_secret_view(b)));
}

static void uses_of_the_device_key_are_apart(void)
{
    with_each(body_device_secret);
}

/* --- searches against doing it by hand ---------------------------------------------------------- */

static void body_find_all_ways(hsm_store *store)
{
    enum { OBJECTS = 24 };
    env_template t = { .count = 0 };
    uint64_t id = 0;

    for (uint32_t i = 0; i < OBJECTS; i++)
        CHECK_OK(store_env_try_insert(store, 0, i % 6, i % 2 == 0, &id));
    env_ulong(&t, CKA_CLASS, CKO_SECRET_KEY);
    CHECK_EQ(store_env_find(store, &t), OBJECTS);
    env_ulong(&t, CKA_KEY_TYPE, CKK_AES);
    CHECK_EQ(store_env_find(store, &t), OBJECTS);
    env_text(&t, CKA_LABEL, "key 4");
    CHECK_EQ(store_env_find(store, &t), OBJECTS / 6);
    env_bool(&t, CKA_PRIVATE, true);
    CHECK_EQ(store_env_find(store, &t), OBJECTS / 6);
    env_without(&t, CKA_LABEL);
    CHECK_EQ(store_env_find(store, &t), OBJECTS / 2);
    env_without(&t, CKA_KEY_TYPE);
    env_ulong(&t, CKA_KEY_TYPE, CKK_DES3);
    CHECK_EQ(store_env_find(store, &t), 0);
    t.count = 0;
    env_bool(&t, CKA_TOKEN, false);
    CHECK_EQ(store_env_find(store, &t), 0);
    t.count = 0;
    CHECK_EQ(store_env_find(store, &t), OBJECTS);
}

static void searches_use_what_the_template_says(void)
{
    with_each(body_find_all_ways);
}

/* --- the cache and what it must not do ---------------------------------------------------------- */

static void body_more_than_the_cache(hsm_store *store)
{
    enum { OBJECTS = 100 }; /* the cache holds 64 */
    static uint64_t ids[OBJECTS];

    for (uint32_t i = 0; i < OBJECTS; i++)
        CHECK_OK(store_env_try_insert(store, 0, i, true, &ids[i]));
    for (uint32_t i = 0; i < OBJECTS; i++) {
        HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
        if (CHECK_OK(hsm_store_get(store, 0, ids[i], &object)))
            CHECK_THAT(store_env_is_whole(store, object, i));
    }
}

static void more_objects_than_the_cache_holds(void)
{
    with_each(body_more_than_the_cache);
}

/* --- threads ------------------------------------------------------------------------------------ */

#define THREADS 4

typedef struct worker {
    pthread_t thread;
    hsm_store *store;
    uint32_t number;
    hsm_err err;
} worker;

/* Inserts, reads back, relabels and destroys its own objects. */
static hsm_err work(hsm_store *store, uint32_t number)
{
    for (uint32_t i = 0; i < 12; i++) {
        HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
        HSM_AUTO(hsm_object_drop) hsm_object *changed = NULL;
        HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
        const uint32_t key = number * 1000 + i;
        uint64_t id = 0;

        HSM_TRY(store_env_try_insert(store, 0, key, i % 2 == 0, &id));
        HSM_TRY(hsm_store_get(store, 0, id, &object));
        HSM_CHECK(store_env_is_whole(store, object, key), HSM_E_STORE_CORRUPT);
        HSM_TRY(hsm_object_to_draft(object, hsm_store_serial(store, 0), &draft));
        HSM_TRY(hsm_store_replace(store, object, draft, &changed));
        HSM_TRY(hsm_store_check_current(store, changed));
        if (i % 3 == 0)
            HSM_TRY(hsm_store_delete(store, changed));
    }
    return HSM_OK;
}

static void *run_worker(void *arg)
{
    worker *own = arg;

    own->err = work(own->store, own->number);
    return NULL;
}

static void body_threads(hsm_store *store)
{
    worker workers[THREADS];

    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i] = (worker){ .store = store, .number = i };
        CHECK_EQ(pthread_create(&workers[i].thread, NULL, run_worker, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        CHECK_EQ(pthread_join(workers[i].thread, NULL), 0);
        CHECK_OK(workers[i].err);
    }
    CHECK_EQ(count_all(store), THREADS * 8);
}

static void threads_work_at_once(void)
{
    with_each(body_threads);
}

static const check_test tests[] = {
    CHECK_TEST(what_is_inserted_is_found),
    CHECK_TEST(objects_come_in_order_of_creation),
    CHECK_TEST(a_pair_is_inserted_whole),
    CHECK_TEST(slots_are_apart),
    CHECK_TEST(a_change_makes_a_version),
    CHECK_TEST(what_is_destroyed_is_gone),
    CHECK_TEST(a_logout_hides_private_objects),
    CHECK_TEST(token_records_are_replaced_by_version),
    CHECK_TEST(a_reset_makes_a_new_token),
    CHECK_TEST(uses_of_the_device_key_are_apart),
    CHECK_TEST(searches_use_what_the_template_says),
    CHECK_TEST(more_objects_than_the_cache_holds),
    CHECK_TEST(threads_work_at_once),
};
CHECK_MAIN(tests)
