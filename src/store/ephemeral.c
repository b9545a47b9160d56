/* Each object has an entry in three places: the list of its slot (order of creation, for searches)
 * and two hash tables, by id and by session, so that closing one of many sessions looks at its own
 * objects only.
 * SPDX-License-Identifier: Apache-2.0 */
#include "store/ephemeral.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hex.h"
#include "store/attr_internal.h"

#define BUCKETS_FIRST 64u
#define NONCE_BYTES 8u
#define NONCE_CHARS (2 * NONCE_BYTES)
#define UNIQUE_ID_CHARS (2 * sizeof(uint64_t) + NONCE_CHARS)

typedef struct entry entry;
struct entry {
    hsm_ephemeral *home;
    hsm_object *object;
    CK_SESSION_HANDLE session;
    entry *slot_prev;
    entry *slot_next; /* after removal: the next of those removed */
    entry *id_next;
    entry *session_next;
};

typedef struct slot_list {
    entry *first;
    entry *last;
    size_t public_count;
    size_t private_count;
} slot_list;

struct hsm_ephemeral {
    hsm_seal *seal;
    char nonce[NONCE_CHARS]; /* tells this process's unique ids from another's */
    atomic_uint_least64_t last_id;
    atomic_size_t count;
    atomic_size_t own_open_bytes;
    atomic_size_t *open_bytes; /* secret memory of objects; the parent's, if there is one */
    uint32_t slot_count;
    pthread_mutex_t lock; /* of all that follows */
    size_t bucket_count;  /* a power of two */
    entry **by_id;
    entry **by_session;
    slot_list slots[];
};

/* --- entries ------------------------------------------------------------------------------------ */

/* Of an object that nobody finds here any more. Its secret memory counts no longer, though whoever has
 * a reference still keeps it for the operation that is open. */
static void let_go(hsm_ephemeral *e, hsm_object *object)
{
    if (object == NULL)
        return;
    atomic_fetch_sub_explicit(e->open_bytes, hsm_secret_room(object->open), memory_order_relaxed);
    hsm_object_release(object);
}

static void release_all(entry *first)
{
    while (first != NULL) {
        entry *next = first->slot_next;

        let_go(first->home, first->object);
        free(first);
        first = next;
    }
}

static void release_batch(entry **first)
{
    release_all(*first);
    *first = NULL;
}

static size_t bucket_of(const hsm_ephemeral *e, uint64_t key)
{
    return (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & (e->bucket_count - 1);
}

static void hash(hsm_ephemeral *e, entry *item)
{
    entry **id_head = &e->by_id[bucket_of(e, item->object->id)];
    entry **session_head = &e->by_session[bucket_of(e, item->session)];

    item->id_next = *id_head;
    *id_head = item;
    item->session_next = *session_head;
    *session_head = item;
}

static void unhash(hsm_ephemeral *e, const entry *item)
{
    entry **at = &e->by_id[bucket_of(e, item->object->id)];

    while (*at != item)
        at = &(*at)->id_next;
    *at = item->id_next;
    at = &e->by_session[bucket_of(e, item->session)];
    while (*at != item)
        at = &(*at)->session_next;
    *at = item->session_next;
}

static size_t *counter_of(hsm_ephemeral *e, const hsm_object *object)
{
    slot_list *slot = &e->slots[object->slot];

    return object->is_private ? &slot->private_count : &slot->public_count;
}

static void link_entry(hsm_ephemeral *e, entry *item)
{
    slot_list *slot = &e->slots[item->object->slot];

    item->slot_prev = slot->last;
    item->slot_next = NULL;
    *(slot->last == NULL ? &slot->first : &slot->last->slot_next) = item;
    slot->last = item;
    (*counter_of(e, item->object))++;
    hash(e, item);
    atomic_fetch_add_explicit(&e->count, 1, memory_order_relaxed);
}

/* Takes an entry out and puts it in front of `removed`, to be released without the lock. */
static void unlink_entry(hsm_ephemeral *e, entry *item, entry **removed)
{
    slot_list *slot = &e->slots[item->object->slot];

    unhash(e, item);
    *(item->slot_prev == NULL ? &slot->first : &item->slot_prev->slot_next) = item->slot_next;
    *(item->slot_next == NULL ? &slot->last : &item->slot_next->slot_prev) = item->slot_prev;
    (*counter_of(e, item->object))--;
    atomic_fetch_sub_explicit(&e->count, 1, memory_order_relaxed);
    atomic_store_explicit(&item->object->is_live, false, memory_order_release);
    item->slot_next = *removed;
    *removed = item;
}

static entry *entry_of(const hsm_ephemeral *e, uint64_t id)
{
    entry *item = e->by_id[bucket_of(e, id)];

    while (item != NULL && item->object->id != id)
        item = item->id_next;
    return item;
}

/* Doubles the hash tables when they are full; keeps them when there is no memory, which only makes
 * them slower. */
static void grow(hsm_ephemeral *e, size_t more)
{
    const size_t wanted = atomic_load_explicit(&e->count, memory_order_relaxed) + more;
    size_t buckets = e->bucket_count;

    while (buckets < wanted)
        buckets *= 2;
    if (buckets == e->bucket_count)
        return;
    entry **by_id = calloc(buckets, sizeof(entry *));
    entry **by_session = calloc(buckets, sizeof(entry *));
    if (by_id == NULL || by_session == NULL) {
        free(by_id);
        free(by_session);
        return;
    }
    free(e->by_id);
    free(e->by_session);
    e->by_id = by_id;
    e->by_session = by_session;
    e->bucket_count = buckets;
    for (uint32_t i = 0; i < e->slot_count; i++) {
        for (entry *item = e->slots[i].first; item != NULL; item = item->slot_next)
            hash(e, item);
    }
}

/* --- life --------------------------------------------------------------------------------------- */

static hsm_err make_keys(hsm_ephemeral *e, hsm_crypto *crypto)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *key = NULL;
    uint8_t nonce[NONCE_BYTES];

    HSM_TRY(hsm_secret_create(HSM_AEAD_KEY_BYTES, &key));
    HSM_TRY(hsm_crypto_random(crypto, hsm_secret_data(key), HSM_AEAD_KEY_BYTES));
    HSM_TRY(hsm_crypto_random(crypto, nonce, sizeof nonce));
    hsm_hex_encode(hsm_bytes_of(nonce, sizeof nonce), e->nonce);
    return hsm_seal_create_counting(crypto, hsm_secret_view(key), &e->seal);
}

hsm_err hsm_ephemeral_create(hsm_crypto *crypto, uint32_t slot_count, hsm_ephemeral *parent,
                             hsm_ephemeral **out_ephemeral)
{
    HSM_CHECK(slot_count > 0 && slot_count <= UINT16_MAX, HSM_E_ARG);
    hsm_ephemeral *made = calloc(1, sizeof *made + slot_count * sizeof(slot_list));
    HSM_CHECK(made != NULL, HSM_E_NO_MEMORY);
    if (pthread_mutex_init(&made->lock, NULL) != 0) {
        free(made);
        return HSM_E_NO_MEMORY;
    }

    HSM_AUTO(hsm_ephemeral_drop) hsm_ephemeral *e = made;
    e->slot_count = slot_count;
    e->open_bytes = parent != NULL ? parent->open_bytes : &e->own_open_bytes;
    e->bucket_count = BUCKETS_FIRST;
    e->by_id = calloc(BUCKETS_FIRST, sizeof(entry *));
    e->by_session = calloc(BUCKETS_FIRST, sizeof(entry *));
    HSM_CHECK(e->by_id != NULL && e->by_session != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(make_keys(e, crypto));

    *out_ephemeral = HSM_MOVE(e);
    return HSM_OK;
}

void hsm_ephemeral_destroy(hsm_ephemeral *ephemeral)
{
    if (ephemeral == NULL)
        return;
    for (uint32_t i = 0; i < ephemeral->slot_count; i++) {
        if (ephemeral->slots[i].first != NULL)
            hsm_ephemeral_remove_slot(ephemeral, i);
    }
    hsm_seal_release(ephemeral->seal);
    free(ephemeral->by_id);
    free(ephemeral->by_session);
    (void)pthread_mutex_destroy(&ephemeral->lock);
    free(ephemeral);
}

/* --- add and replace ---------------------------------------------------------------------------- */

static hsm_err put_unique_id(const hsm_ephemeral *e, uint64_t id, hsm_draft *draft)
{
    uint8_t id_bytes[sizeof id];
    char text[UNIQUE_ID_CHARS];
    hsm_writer writer = hsm_writer_of(id_bytes, sizeof id_bytes);

    hsm_write_u64(&writer, id);
    hsm_hex_encode(hsm_bytes_of(id_bytes, sizeof id_bytes), text);
    memcpy(text + 2 * sizeof id_bytes, e->nonce, sizeof e->nonce);
    return hsm_draft_put_unique_id(draft, hsm_bytes_of(text, sizeof text));
}

/* Leaves the secret attributes open where there is room for it. */
static hsm_err make_object(hsm_ephemeral *e, hsm_draft *draft, const hsm_object_ident *ident,
                           hsm_object **out_object)
{
    const size_t bytes = hsm_draft_secret_room(draft);
    const size_t others = atomic_fetch_add_explicit(e->open_bytes, bytes, memory_order_relaxed);
    const bool may_be_open = others + bytes <= HSM_EPHEMERAL_OPEN_MAX_BYTES;
    const hsm_err err = may_be_open ? hsm_object_take(draft, ident, e->seal, out_object)
                                    : hsm_object_create(draft, ident, e->seal, out_object);

    if (!may_be_open || err != HSM_OK)
        atomic_fetch_sub_explicit(e->open_bytes, bytes, memory_order_relaxed);
    return err;
}

static hsm_err make_entry(hsm_ephemeral *e, const hsm_ephemeral_owner *owner, hsm_draft *draft,
                          entry **out_entry)
{
    const hsm_object_ident ident = {
        .id = HSM_EPHEMERAL_ID_BIT |
              (atomic_fetch_add_explicit(&e->last_id, 1, memory_order_relaxed) + 1),
        .version = 1,
        .slot = owner->slot,
        .token_serial = owner->token_serial,
    };
    HSM_AUTO(release_batch) entry *item = malloc(sizeof *item);

    HSM_CHECK(item != NULL, HSM_E_NO_MEMORY);
    *item = (entry){ .home = e, .session = owner->session };
    HSM_TRY(put_unique_id(e, ident.id, draft));
    HSM_TRY(make_object(e, draft, &ident, &item->object));

    *out_entry = HSM_MOVE(item);
    return HSM_OK;
}

hsm_err hsm_ephemeral_add(hsm_ephemeral *ephemeral, const hsm_ephemeral_owner *owner,
                          hsm_draft *const *drafts, size_t draft_count, hsm_object **out_objects)
{
    HSM_AUTO(release_batch) entry *batch = NULL;
    entry **tail = &batch;

    HSM_CHECK(owner->slot < ephemeral->slot_count, HSM_E_SLOT);
    HSM_CHECK(draft_count <= HSM_EPHEMERAL_MAX &&
                  atomic_load_explicit(&ephemeral->count, memory_order_relaxed) <=
                      HSM_EPHEMERAL_MAX - draft_count,
              HSM_E_LIMIT);
    for (size_t i = 0; i < draft_count; i++) {
        HSM_TRY(make_entry(ephemeral, owner, drafts[i], tail));
        tail = &(*tail)->slot_next;
    }

    (void)pthread_mutex_lock(&ephemeral->lock);
    grow(ephemeral, draft_count);
    for (size_t i = 0; i < draft_count; i++) {
        entry *item = batch;

        batch = item->slot_next;
        out_objects[i] = hsm_object_acquire(item->object);
        link_entry(ephemeral, item);
    }
    (void)pthread_mutex_unlock(&ephemeral->lock);
    return HSM_OK;
}

/* Puts `made` in the place of `old`; gives back the reference the entry had. */
static hsm_err swap(hsm_ephemeral *e, const hsm_object *old, hsm_object *made,
                    hsm_object **out_gone)
{
    entry *item = entry_of(e, old->id);

    HSM_CHECK(item != NULL, HSM_E_STORE_NOT_FOUND);
    HSM_CHECK(item->object == old, HSM_E_STORE_CONFLICT);
    (*counter_of(e, old))--;
    (*counter_of(e, made))++;
    atomic_store_explicit(&item->object->is_live, false, memory_order_release);
    *out_gone = item->object;
    item->object = hsm_object_acquire(made);
    return HSM_OK;
}

hsm_err hsm_ephemeral_replace(hsm_ephemeral *ephemeral, hsm_bytes token_serial, hsm_object *old,
                              hsm_draft *draft, hsm_object **out_object)
{
    const hsm_object_ident ident = {
        .id = old->id, .version = old->version + 1, .slot = old->slot, .token_serial = token_serial
    };
    hsm_object *made = NULL;
    hsm_object *gone = NULL;

    HSM_TRY(make_object(ephemeral, draft, &ident, &made));
    (void)pthread_mutex_lock(&ephemeral->lock);
    const hsm_err err = swap(ephemeral, old, made, &gone);
    (void)pthread_mutex_unlock(&ephemeral->lock);
    let_go(ephemeral, err == HSM_OK ? gone : made);
    HSM_TRY(err);

    *out_object = made;
    return HSM_OK;
}

/* --- remove ------------------------------------------------------------------------------------- */

static bool is_empty(const hsm_ephemeral *e)
{
    return atomic_load_explicit(&e->count, memory_order_relaxed) == 0;
}

hsm_err hsm_ephemeral_remove(hsm_ephemeral *ephemeral, const hsm_object *object)
{
    HSM_AUTO(release_batch) entry *removed = NULL;

    (void)pthread_mutex_lock(&ephemeral->lock);
    entry *item = entry_of(ephemeral, object->id);
    if (item != NULL)
        unlink_entry(ephemeral, item, &removed);
    (void)pthread_mutex_unlock(&ephemeral->lock);
    return removed == NULL ? HSM_E_STORE_NOT_FOUND : HSM_OK;
}

void hsm_ephemeral_remove_session(hsm_ephemeral *ephemeral, CK_SESSION_HANDLE session)
{
    HSM_AUTO(release_batch) entry *removed = NULL;

    if (is_empty(ephemeral))
        return;
    (void)pthread_mutex_lock(&ephemeral->lock);
    entry *item = ephemeral->by_session[bucket_of(ephemeral, session)];
    while (item != NULL) {
        entry *next = item->session_next;

        if (item->session == session)
            unlink_entry(ephemeral, item, &removed);
        item = next;
    }
    (void)pthread_mutex_unlock(&ephemeral->lock);
}

static void remove_from_slot(hsm_ephemeral *e, uint32_t slot, bool is_private_only)
{
    HSM_AUTO(release_batch) entry *removed = NULL;

    if (slot >= e->slot_count || is_empty(e))
        return;
    (void)pthread_mutex_lock(&e->lock);
    entry *item = e->slots[slot].first;
    while (item != NULL) {
        entry *next = item->slot_next;

        if (!is_private_only || item->object->is_private)
            unlink_entry(e, item, &removed);
        item = next;
    }
    (void)pthread_mutex_unlock(&e->lock);
}

void hsm_ephemeral_remove_private(hsm_ephemeral *ephemeral, uint32_t slot)
{
    remove_from_slot(ephemeral, slot, true);
}

void hsm_ephemeral_remove_slot(hsm_ephemeral *ephemeral, uint32_t slot)
{
    remove_from_slot(ephemeral, slot, false);
}

/* --- find --------------------------------------------------------------------------------------- */

/* The buffer as what it holds; it comes from malloc(), so it is aligned. */
static hsm_object **objects_in(const hsm_buf *list)
{
    return (hsm_object **)(void *)list->data;
}

hsm_object *hsm_ephemeral_found_at(const hsm_buf *found, size_t index)
{
    return objects_in(found)[index];
}

void hsm_ephemeral_found_clear(hsm_buf *found)
{
    for (size_t i = 0; i < hsm_ephemeral_found_count(found); i++)
        hsm_object_release(hsm_ephemeral_found_at(found, i));
    hsm_buf_clear(found);
}

static void append(hsm_buf *list, hsm_object *object)
{
    objects_in(list)[hsm_ephemeral_found_count(list)] = object; /* the room was reserved */
    list->len += sizeof(hsm_object *);
}

/* References to what may match, so that the comparison needs no lock. */
static hsm_err snapshot(hsm_ephemeral *e, const hsm_ephemeral_query *query, hsm_buf *out_list)
{
    const CK_OBJECT_CLASS wanted = hsm_facts_class(query->tmpl);
    const slot_list *slot = &e->slots[query->slot];

    HSM_TRY(hsm_buf_reserve(out_list,
                            (slot->public_count + slot->private_count) * sizeof(hsm_object *)));
    for (const entry *item = slot->first; item != NULL; item = item->slot_next) {
        if (item->object->is_private && !query->sees_private)
            continue;
        if (wanted == CK_UNAVAILABLE_INFORMATION || item->object->object_class == wanted)
            append(out_list, hsm_object_acquire(item->object));
    }
    return HSM_OK;
}

hsm_err hsm_ephemeral_find(hsm_ephemeral *ephemeral, const hsm_ephemeral_query *query,
                           hsm_buf *out_found)
{
    HSM_AUTO(hsm_ephemeral_found_clear) hsm_buf list = { 0 };
    HSM_AUTO(hsm_ephemeral_found_clear) hsm_buf found = { 0 };

    if (query->slot >= ephemeral->slot_count || is_empty(ephemeral))
        return HSM_OK;
    (void)pthread_mutex_lock(&ephemeral->lock);
    const hsm_err err = snapshot(ephemeral, query, &list);
    (void)pthread_mutex_unlock(&ephemeral->lock);
    HSM_TRY(err);

    HSM_TRY(hsm_buf_reserve(&found, list.len));
    for (size_t i = 0; i < hsm_ephemeral_found_count(&list); i++) {
        hsm_object *object = hsm_ephemeral_found_at(&list, i);
        bool matches = false;

        HSM_TRY(hsm_object_matches(object, query->token_serial, query->tmpl, &matches));
        if (matches)
            append(&found, hsm_object_acquire(object));
    }

    hsm_ephemeral_found_clear(out_found);
    *out_found = found;
    found = (hsm_buf){ 0 };
    return HSM_OK;
}

size_t hsm_ephemeral_count(hsm_ephemeral *ephemeral, uint32_t slot, bool sees_private)
{
    if (slot >= ephemeral->slot_count || is_empty(ephemeral))
        return 0;
    (void)pthread_mutex_lock(&ephemeral->lock);
    const size_t count = ephemeral->slots[slot].public_count +
                         (sees_private ? ephemeral->slots[slot].private_count : 0);
    (void)pthread_mutex_unlock(&ephemeral->lock);
    return count;
}
