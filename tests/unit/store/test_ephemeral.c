#include "store/ephemeral.h"

#include <pthread.h>

#include "support/check.h"
#include "unit/store/object_env.h"

#define SLOTS 3u
#define THREADS 4
#define ROUNDS 200

static const hsm_template none;

static hsm_ephemeral *make(void)
{
    hsm_ephemeral *e = NULL;

    CHECK_OK(hsm_ephemeral_create(env_crypto(), SLOTS, NULL, &e));
    return e;
}

/* Adds one object of the base; a borrowed pointer, kept alive by the table. */
static hsm_object *add(hsm_ephemeral *e, uint32_t slot, CK_SESSION_HANDLE session, env_base base)
{
    const hsm_ephemeral_owner owner = { slot, session, env_serial_bytes() };
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(base);
    hsm_object *object = NULL;

    CHECK_OK(hsm_ephemeral_add(e, &owner, &draft, 1, &object));
    hsm_object_release(object);
    return object;
}

static size_t found(hsm_ephemeral *e, uint32_t slot, bool sees_private, const hsm_template *tmpl)
{
    const hsm_ephemeral_query query = { slot, sees_private, env_serial_bytes(), tmpl };
    HSM_AUTO(hsm_ephemeral_found_clear) hsm_buf list = { 0 };

    CHECK_OK(hsm_ephemeral_find(e, &query, &list));
    return hsm_ephemeral_found_count(&list);
}

static void objects_get_ids_of_their_own(void)
{
    HSM_AUTO(hsm_ephemeral_drop) hsm_ephemeral *e = make();
    const hsm_ephemeral_owner owner = { 1, 5, env_serial_bytes() };
    hsm_draft *drafts[] = { env_draft(ENV_EC_PUBLIC), env_draft(ENV_EC_PRIVATE) };
    hsm_object *objects[2] = { NULL, NULL };

    REQUIRE_OK(hsm_ephemeral_add(e, &owner, drafts, 2, objects));
    CHECK_THAT((objects[0]->id & HSM_EPHEMERAL_ID_BIT) != 0);
    CHECK_THAT((objects[1]->id & HSM_EPHEMERAL_ID_BIT) != 0);
    CHECK_THAT(objects[0]->id != objects[1]->id);
    CHECK_EQ(objects[1]->slot, 1);
    const hsm_bytes a = hsm_object_value(objects[0], CKA_UNIQUE_ID);
    const hsm_bytes b = hsm_object_value(objects[1], CKA_UNIQUE_ID);
    CHECK_EQ(a.len, 32);
    CHECK_THAT(!hsm_bytes_equal(a, b));
    HSM_AUTO(hsm_object_secrets_clear) hsm_object_secrets secrets = { 0 };
    CHECK_OK(hsm_object_open_secrets(objects[1], env_serial_bytes(), &secrets));
    CHECK_EQ(secrets.attr_count, 1);
    for (size_t i = 0; i < 2; i++) {
        hsm_object_release(objects[i]);
        hsm_draft_destroy(drafts[i]);
    }
}

static void all_or_none_are_added(void)
{
    HSM_AUTO(hsm_ephemeral_drop) hsm_ephemeral *e = make();
    const hsm_ephemeral_owner owner = { 0, 5, env_serial_bytes() };
    const hsm_ephemeral_owner nowhere = { SLOTS, 5, env_serial_bytes() };
    hsm_draft *drafts[] = { env_draft(ENV_AES), NULL };
    hsm_object *objects[2] = { NULL, NULL };

    REQUIRE_OK(hsm_draft_create(HSM_KIND_SECRET, &drafts[1])); /* has no class */
    CHECK_ERR(hsm_ephemeral_add(e, &owner, drafts, 2, objects), HSM_E_TEMPLATE_INCOMPLETE);
    CHECK_EQ(hsm_ephemeral_count(e, 0, true), 0);
    CHECK_ERR(hsm_ephemeral_add(e, &nowhere, drafts, 1, objects), HSM_E_SLOT);
    CHECK_ERR(hsm_ephemeral_add(e, &owner, drafts, HSM_EPHEMERAL_MAX + 1, objects), HSM_E_LIMIT);
    CHECK_THAT(objects[0] == NULL);
    hsm_draft_destroy(drafts[0]);
    hsm_draft_destroy(drafts[1]);
}

static void objects_die_with_their_session(void)
{
    HSM_AUTO(hsm_ephemeral_drop) hsm_ephemeral *e = make();

    for (CK_SESSION_HANDLE session = 1; session <= 300; session++) { /* the hash grows */
        (void)add(e, 0, session, ENV_DATA);
        (void)add(e, (uint32_t)(session % SLOTS), session, ENV_DATA);
    }
    HSM_AUTO(hsm_object_drop) hsm_object *kept = hsm_object_acquire(add(e, 2, 77, ENV_AES));
    CHECK_EQ(hsm_ephemeral_count(e, 0, true), 400);
    hsm_ephemeral_remove_session(e, 77);
    CHECK_EQ(hsm_ephemeral_count(e, 0, true), 399);
    CHECK_EQ(hsm_ephemeral_count(e, 77 % SLOTS, true), 99);
    CHECK_THAT(!atomic_load(&kept->is_live));
    CHECK_EQ(hsm_object_ulong(kept, CKA_KEY_TYPE, 0), CKK_AES);
    hsm_ephemeral_remove_session(e, 77);
    hsm_ephemeral_remove_session(e, 12345);
    for (CK_SESSION_HANDLE session = 1; session <= 300; session++)
        hsm_ephemeral_remove_session(e, session);
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        CHECK_EQ(hsm_ephemeral_count(e, slot, true), 0);
}

static size_t count_all(hsm_ephemeral *e)
{
    size_t count = 0;

    for (uint32_t slot = 0; slot < SLOTS; slot++)
        count += hsm_ephemeral_count(e, slot, true);
    return count;
}

/* Handles that fall into the same places of a hash table. */
static void sessions_do_not_share_a_fate(void)
{
    HSM_AUTO(hsm_ephemeral_drop) hsm_ephemeral *e = make();

    for (CK_SESSION_HANDLE i = 1; i <= 200; i++)
        (void)add(e, (uint32_t)(i % SLOTS), i * i * 977, ENV_DATA);
    for (CK_SESSION_HANDLE i = 1; i <= 200; i++) {
        hsm_ephemeral_remove_session(e, i * i * 977);
        CHECK_EQ(count_all(e), 200 - i);
    }
}

static void logout_removes_private_objects(void)
{
    HSM_AUTO(hsm_ephemeral_drop) hsm_ephemeral *e = make();

    (void)add(e, 0, 1, ENV_AES);
    (void)add(e, 0, 1, ENV_DATA);
    (void)add(e, 1, 2, ENV_AES);
    CHECK_EQ(hsm_ephemeral_count(e, 0, false), 1);
    CHECK_EQ(hsm_ephemeral_count(e, 0, true), 2);
    hsm_ephemeral_remove_private(e, 0);
    CHECK_EQ(hsm_ephemeral_count(e, 0, true), 1);
    CHECK_EQ(hsm_ephemeral_count(e, 1, true), 1);
    hsm_ephemeral_remove_slot(e, 0);
    CHECK_EQ(hsm_ephemeral_count(e, 0, true), 0);
    CHECK_EQ(hsm_ephemeral_count(e, SLOTS, true), 0);
    hsm_ephemeral_remove_slot(e, SLOTS);
}

static void one_object_is_removed_once(void)
{
    HSM_AUTO(hsm_ephemeral_drop) hsm_ephemeral *e = make();
    HSM_AUTO(hsm_object_drop) hsm_object *object = hsm_object_acquire(add(e, 0, 1, ENV_AES));

    (void)add(e, 0, 1, ENV_AES);
    CHECK_OK(hsm_ephemeral_remove(e, object));
    CHECK_THAT(!atomic_load(&object->is_live));
    CHECK_ERR(hsm_ephemeral_remove(e, object), HSM_E_STORE_NOT_FOUND);
    CHECK_EQ(hsm_ephemeral_count(e, 0, true), 1);
}

static void a_search_sees_its_slot_in_order(void)
{
    HSM_AUTO(hsm_ephemeral_drop) hsm_ephemeral *e = make();
    HSM_AUTO(hsm_ephemeral_found_clear) hsm_buf list = { 0 };
    env_template t = { .count = 0 };
    hsm_object *first = add(e, 0, 1, ENV_AES);
    hsm_object *second = add(e, 0, 1, ENV_GENERIC);

    (void)add(e, 0, 2, ENV_DATA);
    (void)add(e, 1, 3, ENV_AES);
    CHECK_EQ(found(e, 0, true, &none), 3);
    CHECK_EQ(found(e, 0, false, &none), 1);
    CHECK_EQ(found(e, SLOTS, true, &none), 0);
    env_ulong(&t, CKA_CLASS, CKO_SECRET_KEY);
    const hsm_template by_class = env_view(&t);
    const hsm_ephemeral_query query = { 0, true, env_serial_bytes(), &by_class };
    REQUIRE_OK(hsm_ephemeral_find(e, &query, &list));
    REQUIRE_THAT(hsm_ephemeral_found_count(&list) == 2);
    CHECK_THAT(hsm_ephemeral_found_at(&list, 0) == first);
    CHECK_THAT(hsm_ephemeral_found_at(&list, 1) == second);
    env_ulong(&t, CKA_KEY_TYPE, CKK_AES);
    const hsm_template by_type = env_view(&t);
    CHECK_EQ(found(e, 0, true, &by_type), 1);
}

static void a_change_makes_a_version(void)
{
    HSM_AUTO(hsm_ephemeral_drop) hsm_ephemeral *e = make();
    HSM_AUTO(hsm_object_drop) hsm_object *old = hsm_object_acquire(add(e, 0, 9, ENV_DATA));
    HSM_AUTO(hsm_object_drop) hsm_object *new = NULL;
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    hsm_object *refused = NULL;

    REQUIRE_OK(hsm_object_to_draft(old, env_serial_bytes(), &draft));
    REQUIRE_OK(hsm_draft_put_bool(draft, CKA_PRIVATE, true));
    REQUIRE_OK(hsm_ephemeral_replace(e, env_serial_bytes(), old, draft, &new));
    CHECK_THAT(new->id == old->id &&new->version == old->version + 1);
    CHECK_THAT(!atomic_load(&old->is_live) && atomic_load(&new->is_live));
    CHECK_EQ(hsm_ephemeral_count(e, 0, false), 0);
    CHECK_EQ(hsm_ephemeral_count(e, 0, true), 1);
    CHECK_ERR(hsm_ephemeral_replace(e, env_serial_bytes(), old, draft, &refused),
              HSM_E_STORE_CONFLICT);
    hsm_ephemeral_remove_session(e, 9);
    CHECK_EQ(hsm_ephemeral_count(e, 0, true), 0);
    CHECK_ERR(hsm_ephemeral_replace(e, env_serial_bytes(), new, draft, &refused),
              HSM_E_STORE_NOT_FOUND);
}

/* Of an ENV_AES; it can be read either way. */
static bool is_open(const hsm_object *object)
{
    HSM_AUTO(hsm_object_secrets_clear) hsm_object_secrets secrets = { 0 };
    env_template t = { .count = 0 };

    env_fill(&t, ENV_AES);
    const hsm_template view = env_view(&t);
    const hsm_bytes want = hsm_template_get(&view, CKA_VALUE)->value;
    CHECK_OK(hsm_object_open_secrets(object, env_serial_bytes(), &secrets));
    CHECK_EQ(secrets.attr_count, 1);
    CHECK_BYTES(secrets.attrs[0].value.data, secrets.attrs[0].value.len, want.data, want.len);
    CHECK_THAT((object->open != NULL) == (object->sealed.len == 0));
    return object->open != NULL;
}

/* As many as fit, and again one for each that went, whichever way it did. */
static void the_first_secrets_stay_open(void)
{
    HSM_AUTO(hsm_ephemeral_drop) hsm_ephemeral *e = make();
    HSM_AUTO(hsm_object_drop) hsm_object *changed = NULL;
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    hsm_object *first = add(e, 0, 1, ENV_AES);
    const size_t fit = HSM_EPHEMERAL_OPEN_MAX_BYTES / hsm_secret_room(first->open);

    for (size_t i = 1; i < fit; i++)
        CHECK_THAT(is_open(add(e, 0, 2, ENV_AES)));
    CHECK_THAT(is_open(first));
    CHECK_THAT(!is_open(add(e, 1, 3, ENV_AES)));
    CASE("one was destroyed");
    CHECK_OK(hsm_ephemeral_remove(e, first));
    first = add(e, 1, 3, ENV_AES);
    CHECK_THAT(is_open(first) && !is_open(add(e, 1, 3, ENV_AES)));
    CASE("one was changed while all was taken");
    REQUIRE_OK(hsm_object_to_draft(first, env_serial_bytes(), &draft));
    REQUIRE_OK(hsm_ephemeral_replace(e, env_serial_bytes(), first, draft, &changed));
    CHECK_THAT(!is_open(changed) && is_open(add(e, 1, 3, ENV_AES)));
    CASE("their session was closed");
    hsm_ephemeral_remove_session(e, 2);
    for (size_t i = 1; i < fit; i++)
        CHECK_THAT(is_open(add(e, 0, 4, ENV_AES)));
    CHECK_THAT(!is_open(add(e, 0, 4, ENV_AES)));
    CASE("another application of the process has no more");
    HSM_AUTO(hsm_ephemeral_drop) hsm_ephemeral *other = NULL;
    REQUIRE_OK(hsm_ephemeral_create(env_crypto(), SLOTS, e, &other));
    CHECK_THAT(!is_open(add(other, 0, 1, ENV_AES)));
    hsm_ephemeral_remove_session(e, 4);
    CHECK_THAT(is_open(add(other, 0, 1, ENV_AES)));
}

static void what_is_gone_takes_its_secret_along(void)
{
    const size_t before = hsm_secret_statistics().secrets;
    HSM_AUTO(hsm_ephemeral_drop) hsm_ephemeral *e = make();
    const size_t own = hsm_secret_statistics().secrets;

    hsm_object *object = hsm_object_acquire(add(e, 0, 1, ENV_AES));
    (void)add(e, 1, 1, ENV_EC_PRIVATE);
    CHECK_EQ(hsm_secret_statistics().secrets, own + 2);
    hsm_ephemeral_remove_private(e, 0);
    CHECK_THAT(is_open(object)); /* for whoever is in the middle of using it */
    hsm_object_release(object);
    CHECK_EQ(hsm_secret_statistics().secrets, own + 1);
    hsm_ephemeral_drop(&e);
    CHECK_EQ(hsm_secret_statistics().secrets, before);
}

static void *work(void *arg)
{
    hsm_ephemeral *e = arg;
    const CK_SESSION_HANDLE session = (CK_SESSION_HANDLE)(uintptr_t)&e;

    for (int i = 0; i < ROUNDS; i++) {
        (void)add(e, 0, session, ENV_DATA);
        (void)add(e, 0, session, ENV_EC_PRIVATE);
        CHECK_THAT(found(e, 0, true, &none) >= 1);
        if (i % 3 == 0)
            hsm_ephemeral_remove_session(e, session);
        if (i % 7 == 0)
            hsm_ephemeral_remove_private(e, 0);
    }
    hsm_ephemeral_remove_session(e, session);
    return NULL;
}

static void threads_do_not_disturb_each_other(void)
{
    HSM_AUTO(hsm_ephemeral_drop) hsm_ephemeral *e = make();
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        REQUIRE_THAT(pthread_create(&threads[i], NULL, work, e) == 0);
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    CHECK_EQ(hsm_ephemeral_count(e, 0, true), 0);
}

static void it_needs_a_slot(void)
{
    hsm_ephemeral *e = NULL;

    CHECK_ERR(hsm_ephemeral_create(env_crypto(), 0, NULL, &e), HSM_E_ARG);
    hsm_ephemeral_destroy(NULL);
}

static const check_test tests[] = {
    CHECK_TEST(objects_get_ids_of_their_own),      CHECK_TEST(all_or_none_are_added),
    CHECK_TEST(objects_die_with_their_session),    CHECK_TEST(sessions_do_not_share_a_fate),
    CHECK_TEST(logout_removes_private_objects),    CHECK_TEST(one_object_is_removed_once),
    CHECK_TEST(a_search_sees_its_slot_in_order),   CHECK_TEST(a_change_makes_a_version),
    CHECK_TEST(the_first_secrets_stay_open),       CHECK_TEST(what_is_gone_takes_its_secret_along),
    CHECK_TEST(threads_do_not_disturb_each_other), CHECK_TEST(it_needs_a_slot),
};
CHECK_MAIN(tests)
