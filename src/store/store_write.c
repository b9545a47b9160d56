/* Inserting, replacing and destroying objects.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "os/clock.h"
#include "store/attr_index.h"
#include "store/internal.h"

/* Ids: milliseconds since 1970 (42 bits, until 2109), then random bits, so that they come in the order
 * of creation and two processes hardly ever make the same. */
#define ID_RANDOM_BITS 20u
#define ID_MS_MASK ((UINT64_C(1) << 42) - 1)
/* Ids that another process has taken, in a row. */
#define INSERT_TRIES 4

static hsm_err next_id(hsm_store *store, uint64_t *out_id)
{
    uint32_t random = 0;
    uint64_t last = atomic_load(&store->last_id);
    uint64_t id = 0;

    HSM_TRY(hsm_crypto_random(store->crypto, (uint8_t *)&random, sizeof random));
    random &= (1u << ID_RANDOM_BITS) - 1;
    const uint64_t ms = hsm_clock_wall_ns() / HSM_NS_PER_MS & ID_MS_MASK;
    do { /* always upwards, also within a millisecond or when the clock steps back */
        id = ms << ID_RANDOM_BITS | random;
        if (id <= last)
            id = last + 1 + (random & 0xff);
    } while (!atomic_compare_exchange_weak(&store->last_id, &last, id));
    HSM_CHECK(id >= 1 && id <= HSM_STORE_ID_MAX, HSM_E_LIMIT);
    *out_id = id;
    return HSM_OK;
}

/* The half that a draft's object belongs to; one reference. */
static hsm_err half_for(hsm_store *store, uint32_t slot, const hsm_draft *draft,
                        hsm_half **out_half)
{
    const bool is_private = hsm_draft_is_private(draft);
    hsm_half *half = hsm_slot_half(&store->slots[slot], is_private);

    HSM_CHECK(half != NULL, is_private ? HSM_E_NOT_LOGGED_IN : HSM_E_TOKEN_NOT_INITIALIZED);
    *out_half = half;
    return HSM_OK;
}

static hsm_err prepare(hsm_store *store, uint32_t slot, const hsm_draft *draft, uint64_t id,
                       uint64_t version, hsm_pending *out_pending)
{
    HSM_AUTO(hsm_half_drop) hsm_half *half = NULL;
    const hsm_object_ident ident = {
        .id = id,
        .version = version,
        .slot = slot,
        .token_serial = hsm_store_serial(store, slot),
    };

    HSM_TRY(half_for(store, slot, draft, &half));
    return hsm_pending_make(half, draft, &ident, out_pending);
}

static hsm_batch_put put_of(const hsm_pending *pending, uint64_t expected)
{
    return (hsm_batch_put){
        .id = pending->object->id,
        .expected = expected,
        .version = pending->object->version,
        .is_private = pending->object->is_private,
        .record = hsm_buf_view(&pending->record),
        .tags = &pending->tags,
    };
}

/* The object as it was committed: current, and in the cache. */
static void publish(hsm_store *store, hsm_object *object, uint64_t changes, uint64_t cache_epoch)
{
    const uint64_t seen = hsm_change_is_settled(changes) ? changes : 0;

    atomic_store_explicit(&object->seen_changes, seen, memory_order_release);
    hsm_cache_put(store->cache, object, &store->slots[object->slot].cache_epoch, cache_epoch);
}

/* --- insert ------------------------------------------------------------------------------------- */

/* Several objects on their way. */
typedef struct shipment {
    hsm_pending *items;
    hsm_batch_put *puts;
    size_t count;
} shipment;

static void shipment_clear(shipment *cargo)
{
    for (size_t i = 0; i < cargo->count; i++)
        hsm_pending_clear(&cargo->items[i]);
    free(cargo->items);
    free(cargo->puts);
}

static hsm_err load_shipment(hsm_store *store, uint32_t slot, hsm_draft *const *drafts,
                             size_t draft_count, shipment *cargo)
{
    for (size_t i = 0; i < draft_count; i++) {
        uint64_t id = 0;
        HSM_TRY(next_id(store, &id));
        HSM_TRY(hsm_draft_put_store_id(drafts[i], id));
        HSM_TRY(prepare(store, slot, drafts[i], id, 1, &cargo->items[i]));
        cargo->count++;
        cargo->puts[i] = put_of(&cargo->items[i], 0);
    }
    return HSM_OK;
}

static hsm_err insert_once(hsm_store *store, uint32_t slot, hsm_draft *const *drafts,
                           size_t draft_count, hsm_object **out_objects)
{
    HSM_AUTO(shipment_clear)
    shipment cargo = {
        .items = calloc(draft_count, sizeof *cargo.items),
        .puts = calloc(draft_count, sizeof *cargo.puts),
    };
    hsm_slot *own = &store->slots[slot];

    HSM_CHECK(cargo.items != NULL && cargo.puts != NULL, HSM_E_NO_MEMORY);
    const uint64_t cache_epoch = atomic_load(&own->cache_epoch);
    hsm_batch batch = { .slot = slot, .epoch = atomic_load(&own->epoch) };
    HSM_TRY(load_shipment(store, slot, drafts, draft_count, &cargo));
    batch.puts = cargo.puts;
    batch.put_count = cargo.count;
    HSM_TRY(hsm_group_commit_write(store->group, &batch));
    for (size_t i = 0; i < draft_count; i++) {
        publish(store, cargo.items[i].object, batch.changes, cache_epoch);
        out_objects[i] = HSM_MOVE(cargo.items[i].object);
    }
    return HSM_OK;
}

hsm_err hsm_store_insert(hsm_store *store, uint32_t slot, hsm_draft *const *drafts,
                         size_t draft_count, hsm_object **out_objects)
{
    hsm_err err = HSM_E_STORE_CONFLICT;

    HSM_CHECK(slot < store->slot_count, HSM_E_SLOT);
    HSM_CHECK(draft_count >= 1 && draft_count <= HSM_STORE_INSERT_MAX, HSM_E_ARG);
    HSM_CHECK(!hsm_store_is_read_only(store), HSM_E_STORE_READ_ONLY);
    for (int i = 0; i < INSERT_TRIES && err == HSM_E_STORE_CONFLICT; i++)
        err = insert_once(store, slot, drafts, draft_count, out_objects);
    return err;
}

/* --- replace and delete ------------------------------------------------------------------------- */

/* After a write that found another version, or none, what we have is not current. */
static void forget_if_stale(hsm_store *store, hsm_object *object, hsm_err err)
{
    if (err != HSM_E_STORE_CONFLICT && err != HSM_E_STORE_NOT_FOUND)
        return;
    atomic_store(&object->is_live, false);
    hsm_cache_remove(store->cache, object->id);
}

hsm_err hsm_store_replace(hsm_store *store, hsm_object *old, hsm_draft *draft,
                          hsm_object **out_object)
{
    HSM_AUTO(hsm_pending_clear) hsm_pending pending = { 0 };
    hsm_slot *own = &store->slots[old->slot];
    const uint64_t cache_epoch = atomic_load(&own->cache_epoch);
    hsm_batch batch = { .slot = old->slot, .epoch = atomic_load(&own->epoch), .put_count = 1 };

    HSM_CHECK(!hsm_store_is_read_only(store), HSM_E_STORE_READ_ONLY);
    HSM_TRY(prepare(store, old->slot, draft, old->id, old->version + 1, &pending));
    const hsm_batch_put put = put_of(&pending, old->version);
    batch.puts = &put;
    const hsm_err err = hsm_group_commit_write(store->group, &batch);
    forget_if_stale(store, old, err);
    HSM_TRY(err);
    atomic_store(&old->is_live, false);
    publish(store, pending.object, batch.changes, cache_epoch);
    *out_object = HSM_MOVE(pending.object);
    return HSM_OK;
}

hsm_err hsm_store_delete(hsm_store *store, hsm_object *object)
{
    const hsm_slot *own = &store->slots[object->slot];
    hsm_batch batch = {
        .slot = object->slot,
        .epoch = atomic_load(&own->epoch),
        .deletes = &object->id,
        .delete_count = 1,
    };

    HSM_CHECK(!hsm_store_is_read_only(store), HSM_E_STORE_READ_ONLY);
    hsm_err err = hsm_group_commit_write(store->group, &batch);
    if (err == HSM_E_STORE_CONFLICT) /* the slot was reset, and the object went with the rest */
        err = HSM_E_STORE_NOT_FOUND;
    forget_if_stale(store, object, err);
    HSM_TRY(err);
    atomic_store(&object->is_live, false);
    hsm_cache_remove(store->cache, object->id);
    return HSM_OK;
}
