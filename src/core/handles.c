/* SPDX-License-Identifier: Apache-2.0 */
#include "core/handles.h"

#include <pthread.h>
#include <stdlib.h>

/* Entries come from blocks that are never moved, so that the handle table may point at them. */
#define BLOCK_ENTRIES 256u
#define BUCKETS_START 256u

typedef struct entry {
    hsm_handle_target target;
    CK_OBJECT_HANDLE handle; /* HSM_HANDLE_NONE: free */
    struct entry *next;      /* in its bucket, or in the free list */
} entry;

typedef struct block {
    struct block *next;
    entry entries[BLOCK_ENTRIES];
} block;

struct hsm_handles {
    pthread_mutex_t lock; /* of all that follows */
    hsm_handle_table *table;
    entry **buckets; /* by id */
    size_t bucket_count;
    size_t used;
    entry *free_entries;
    block *blocks;
};

/* Ids differ in their low bits (random) and their middle (time): one multiplication mixes both. */
static size_t bucket_of(const hsm_handles *handles, uint64_t id)
{
    const uint64_t mixed = id * UINT64_C(0x9e3779b97f4a7c15);

    return (size_t)(mixed >> 32) & (handles->bucket_count - 1);
}

hsm_err hsm_handles_create(hsm_handles **out_handles)
{
    HSM_AUTO(hsm_handles_drop) hsm_handles *handles = calloc(1, sizeof *handles);

    HSM_CHECK(handles != NULL, HSM_E_NO_MEMORY);
    if (pthread_mutex_init(&handles->lock, NULL) != 0) {
        free(HSM_MOVE(handles));
        return HSM_E_NO_MEMORY;
    }
    handles->buckets = calloc(BUCKETS_START, sizeof *handles->buckets);
    HSM_CHECK(handles->buckets != NULL, HSM_E_NO_MEMORY);
    handles->bucket_count = BUCKETS_START;
    HSM_TRY(hsm_handle_table_create(HSM_HANDLES_MAX, &handles->table));

    *out_handles = HSM_MOVE(handles);
    return HSM_OK;
}

void hsm_handles_destroy(hsm_handles *handles)
{
    if (handles == NULL)
        return;
    while (handles->blocks != NULL) {
        block *next = handles->blocks->next;

        for (size_t i = 0; i < BLOCK_ENTRIES; i++)
            hsm_object_release(handles->blocks->entries[i].target.object);
        free(handles->blocks);
        handles->blocks = next;
    }
    free(handles->buckets);
    hsm_handle_table_destroy(handles->table);
    (void)pthread_mutex_destroy(&handles->lock);
    free(handles);
}

static void unlock(hsm_handles **handles)
{
    (void)pthread_mutex_unlock(&(*handles)->lock);
}

#define LOCKED(handles)                               \
    HSM_AUTO(unlock) hsm_handles *locked = (handles); \
    (void)pthread_mutex_lock(&locked->lock)

static hsm_err refill(hsm_handles *handles)
{
    block *more = calloc(1, sizeof *more);

    HSM_CHECK(more != NULL, HSM_E_NO_MEMORY);
    more->next = handles->blocks;
    handles->blocks = more;
    for (size_t i = 0; i < BLOCK_ENTRIES; i++) {
        more->entries[i].next = handles->free_entries;
        handles->free_entries = &more->entries[i];
    }
    return HSM_OK;
}

/* Doubles the buckets. Without memory the old ones go on serving, only slower. */
static void grow(hsm_handles *handles)
{
    const size_t old_count = handles->bucket_count;
    entry **old = handles->buckets;
    entry **bigger = calloc(old_count * 2, sizeof *bigger);

    if (bigger == NULL)
        return;
    handles->buckets = bigger;
    handles->bucket_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            entry *moved = old[i];
            entry **bucket = &bigger[bucket_of(handles, moved->target.id)];

            old[i] = moved->next;
            moved->next = *bucket;
            *bucket = moved;
        }
    }
    free(old);
}

static entry *find(const hsm_handles *handles, uint64_t id)
{
    entry *found = handles->buckets[bucket_of(handles, id)];

    while (found != NULL && found->target.id != id)
        found = found->next;
    return found;
}

hsm_err hsm_handles_put(hsm_handles *handles, const hsm_handle_target *target,
                        CK_OBJECT_HANDLE *out_handle)
{
    LOCKED(handles);
    entry *taken = find(handles, target->id);

    if (taken != NULL) {
        *out_handle = taken->handle;
        return HSM_OK;
    }
    if (handles->free_entries == NULL)
        HSM_TRY(refill(handles));
    taken = handles->free_entries;
    HSM_TRY(hsm_handle_add_alone(handles->table, taken, &taken->handle));
    handles->free_entries = taken->next;
    taken->target = *target;
    if (target->object != NULL)
        (void)hsm_object_acquire(target->object);
    if (handles->used >= handles->bucket_count)
        grow(handles);
    handles->used++;

    entry **bucket = &handles->buckets[bucket_of(handles, target->id)];
    taken->next = *bucket;
    *bucket = taken;
    *out_handle = taken->handle;
    return HSM_OK;
}

hsm_err hsm_handles_get(hsm_handles *handles, CK_OBJECT_HANDLE handle,
                        hsm_handle_target *out_target)
{
    LOCKED(handles);
    const entry *found = hsm_handle_get(handles->table, handle);

    HSM_CHECK(found != NULL, HSM_E_OBJECT_HANDLE);
    *out_target = found->target;
    if (found->target.object != NULL)
        (void)hsm_object_acquire(found->target.object);
    return HSM_OK;
}

/* Takes an entry out of its bucket; `link` points at it there. */
static void take_out(hsm_handles *handles, entry **link)
{
    entry *gone = *link;

    *link = gone->next;
    (void)hsm_handle_remove_alone(handles->table, gone->handle);
    gone->handle = HSM_HANDLE_NONE;
    hsm_object_drop(&gone->target.object);
    gone->next = handles->free_entries;
    handles->free_entries = gone;
    handles->used--;
}

static void take_out_id(hsm_handles *handles, uint64_t id)
{
    entry **link = &handles->buckets[bucket_of(handles, id)];

    while (*link != NULL && (*link)->target.id != id)
        link = &(*link)->next;
    if (*link != NULL)
        take_out(handles, link);
}

void hsm_handles_remove(hsm_handles *handles, CK_OBJECT_HANDLE handle)
{
    LOCKED(handles);
    const entry *found = hsm_handle_get(handles->table, handle);

    if (found != NULL)
        take_out_id(handles, found->target.id);
}

hsm_err hsm_handles_find(hsm_handles *handles, uint64_t id, CK_OBJECT_HANDLE *out_handle)
{
    LOCKED(handles);
    const entry *found = find(handles, id);

    HSM_CHECK(found != NULL, HSM_E_OBJECT_HANDLE);
    *out_handle = found->handle;
    return HSM_OK;
}

void hsm_handles_renew(hsm_handles *handles, hsm_object *object)
{
    LOCKED(handles);
    entry *found = find(handles, object->id);

    if (found == NULL)
        return;
    hsm_object_release(found->target.object);
    found->target.object = hsm_object_acquire(object);
    found->target.is_private = object->is_private;
}

void hsm_handles_remove_if(hsm_handles *handles,
                           bool (*matches)(const hsm_handle_target *target, const void *arg),
                           const void *arg)
{
    LOCKED(handles);
    for (size_t i = 0; i < handles->bucket_count; i++) {
        entry **link = &handles->buckets[i];

        while (*link != NULL) {
            if (matches(&(*link)->target, arg))
                take_out(handles, link);
            else
                link = &(*link)->next;
        }
    }
}
