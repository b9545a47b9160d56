/* Getting, checking and finding objects.
 * SPDX-License-Identifier: Apache-2.0 */
#include "store/attr_index.h"
#include "store/internal.h"

/* How many looks at an unsettled counter it takes to suspect that its writer is dead. */
#define ODD_LOOKS 64u

void hsm_store_note_unsettled(hsm_store *store)
{
    const hsm_driver *driver = store->storage.driver;

    if (atomic_fetch_add_explicit(&store->odd_looks, 1, memory_order_relaxed) % ODD_LOOKS ==
            ODD_LOOKS - 1 &&
        driver->settle != NULL)
        driver->settle(store->storage.state);
}

/* What was read between two looks at the counter was current at `before` if nothing moved. */
static uint64_t seen_between(hsm_store *store, uint64_t before)
{
    const uint64_t now = hsm_change_now(store->change);

    if (!hsm_change_is_settled(before))
        hsm_store_note_unsettled(store);
    return hsm_change_is_settled(before) && now == before ? before : 0;
}

static bool is_known_current(const hsm_store *store, const hsm_object *object)
{
    const uint64_t seen = atomic_load_explicit(&object->seen_changes, memory_order_acquire);

    return seen != 0 && seen == hsm_change_now(store->change) &&
           atomic_load_explicit(&object->is_live, memory_order_acquire);
}

/* One look at the file. */
static hsm_err look(hsm_store *store, hsm_object *object)
{
    const hsm_storage *storage = &store->storage;
    const uint64_t before = hsm_change_now(store->change);
    hsm_record_head head = { 0 };

    const hsm_err err = storage->driver->head(storage->state, object->slot, object->id, &head);
    if (err == HSM_E_STORE_NOT_FOUND || (err == HSM_OK && head.version != object->version))
        atomic_store(&object->is_live, false);
    HSM_TRY(err);
    HSM_CHECK(head.version == object->version, HSM_E_STORE_CONFLICT);
    atomic_store_explicit(&object->seen_changes, seen_between(store, before), memory_order_release);
    return HSM_OK;
}

hsm_err hsm_store_check_current(hsm_store *store, hsm_object *object)
{
    return is_known_current(store, object) ? HSM_OK : look(store, object);
}

/* Reads and decodes the record, and caches the object. */
static hsm_err load(hsm_store *store, uint32_t slot, uint64_t id, hsm_object **out_object)
{
    const hsm_storage *storage = &store->storage;
    hsm_slot *own = &store->slots[slot];
    HSM_AUTO(hsm_buf_clear) hsm_buf record = { 0 };
    HSM_AUTO(hsm_half_drop) hsm_half *half = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    hsm_record_head head = { 0 };

    const uint64_t cache_epoch = atomic_load(&own->cache_epoch);
    const uint64_t before = hsm_change_now(store->change);
    HSM_TRY(storage->driver->read(storage->state, slot, id, &head, &record));
    const uint64_t seen = seen_between(store, before);
    half = hsm_slot_half(own, head.is_private);
    HSM_CHECK(half != NULL, head.is_private ? HSM_E_NOT_LOGGED_IN : HSM_E_TOKEN_NOT_INITIALIZED);
    const hsm_object_ident ident = { .id = id,
                                     .version = head.version,
                                     .slot = slot,
                                     .token_serial = hsm_bytes_of(own->serial, HSM_SERIAL_BYTES) };
    HSM_TRY(hsm_record_decode(half, hsm_buf_view(&record), &ident, &object));
    atomic_store_explicit(&object->seen_changes, seen, memory_order_release);
    hsm_cache_put(store->cache, object, &own->cache_epoch, cache_epoch);
    *out_object = HSM_MOVE(object);
    return HSM_OK;
}

/* The cached object if it is the current version; NULL and HSM_OK when the file must be read. */
static hsm_err get_cached(hsm_store *store, uint32_t slot, uint64_t id, hsm_object **out_object)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = hsm_cache_get(store->cache, id);

    if (object == NULL)
        return HSM_OK;
    HSM_CHECK(object->slot == slot, HSM_E_STORE_NOT_FOUND);
    HSM_CHECK(!object->is_private || hsm_store_is_unlocked(store, slot), HSM_E_NOT_LOGGED_IN);
    const hsm_err err = hsm_store_check_current(store, object);
    if (err == HSM_E_STORE_NOT_FOUND || err == HSM_E_STORE_CONFLICT)
        hsm_cache_remove(store->cache, id);
    if (err == HSM_E_STORE_CONFLICT)
        return HSM_OK;
    HSM_TRY(err);
    *out_object = HSM_MOVE(object);
    return HSM_OK;
}

hsm_err hsm_store_get(hsm_store *store, uint32_t slot, uint64_t id, hsm_object **out_object)
{
    hsm_object *object = NULL;

    HSM_CHECK(slot < store->slot_count, HSM_E_SLOT);
    HSM_TRY(get_cached(store, slot, id, &object));
    if (object == NULL)
        HSM_TRY(load(store, slot, id, &object));
    *out_object = object;
    return HSM_OK;
}

/* --- searches ----------------------------------------------------------------------------------- */

/* Adds a query for one half, if it is open. */
static hsm_err add_query(hsm_slot *slot, const hsm_template *tmpl, bool is_private,
                         hsm_query *queries, size_t *count)
{
    HSM_AUTO(hsm_half_drop) hsm_half *half = hsm_slot_half(slot, is_private);

    if (half == NULL)
        return HSM_OK;
    queries[*count].is_private = is_private;
    HSM_TRY(hsm_index_template(half->index, tmpl, &queries[*count].tags));
    (*count)++;
    return HSM_OK;
}

/* CKA_UNIQUE_ID is the id in another form. */
static hsm_err find_id(hsm_store *store, uint32_t slot, const hsm_search_scope *scope,
                       hsm_buf *out_ids)
{
    const hsm_storage *storage = &store->storage;
    hsm_record_head head = { 0 };

    const hsm_err err = storage->driver->head(storage->state, slot, scope->id, &head);
    if (err == HSM_E_STORE_NOT_FOUND)
        return HSM_OK;
    HSM_TRY(err);
    if (head.is_private ? !scope->may_private || !hsm_store_is_unlocked(store, slot)
                        : !scope->may_public)
        return HSM_OK;
    return hsm_buf_append(out_ids, hsm_bytes_of(&scope->id, sizeof scope->id));
}

hsm_err hsm_store_find(hsm_store *store, uint32_t slot, const hsm_template *tmpl, hsm_buf *out_ids)
{
    const hsm_search_scope scope = hsm_template_scope(tmpl);
    const hsm_storage *storage = &store->storage;
    hsm_query queries[2];
    size_t count = 0;

    HSM_CHECK(slot < store->slot_count, HSM_E_SLOT);
    hsm_slot *own = &store->slots[slot];
    if (scope.is_hopeless)
        return HSM_OK;
    if (scope.has_id)
        return find_id(store, slot, &scope, out_ids);
    if (scope.may_public)
        HSM_TRY(add_query(own, tmpl, false, queries, &count));
    if (scope.may_private)
        HSM_TRY(add_query(own, tmpl, true, queries, &count));
    if (count == 0)
        return HSM_OK;
    return storage->driver->find(storage->state, slot, queries, count, out_ids);
}

hsm_err hsm_store_count(hsm_store *store, uint32_t slot, uint64_t *out_count)
{
    const hsm_storage *storage = &store->storage;

    HSM_CHECK(slot < store->slot_count, HSM_E_SLOT);
    return storage->driver->count(storage->state, slot, hsm_store_is_unlocked(store, slot),
                                  out_count);
}

void hsm_store_age(hsm_store *store)
{
    hsm_cache_age(store->cache);
}
