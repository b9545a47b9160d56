/* SPDX-License-Identifier: Apache-2.0 */
#include "store/cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/thread_mark.h"

/* A reader locks one stripe, the one of its thread; a writer all of them. */
#define STRIPES 16u
#define CACHE_LINE_BYTES 64
/* Objects that are released outside the locks at a time. */
#define VICTIMS 64u
#define NONE UINT32_MAX

typedef struct stripe {
    _Alignas(CACHE_LINE_BYTES) pthread_mutex_t lock;
} stripe;

typedef struct entry {
    hsm_object *object;  /* NULL: free */
    uint32_t next;       /* in the bucket or the list of free ones */
    atomic_bool is_used; /* since the hand passed */
} entry;

struct hsm_cache {
    stripe stripes[STRIPES];
    uint32_t entry_count;
    uint32_t bucket_mask;
    uint32_t free;
    uint32_t hand;
    uint32_t *buckets;
    entry *entries;
};

static uint64_t mix(uint64_t value)
{
    value *= UINT64_C(0x9e3779b97f4a7c15);
    return value ^ value >> 29;
}

static stripe *own_stripe(hsm_cache *cache)
{
    return &cache->stripes[(mix(hsm_thread_mark()) >> 32) % STRIPES];
}

static void lock_all(hsm_cache *cache)
{
    for (size_t i = 0; i < STRIPES; i++)
        (void)pthread_mutex_lock(&cache->stripes[i].lock);
}

static void unlock_all(hsm_cache *cache)
{
    for (size_t i = STRIPES; i > 0; i--)
        (void)pthread_mutex_unlock(&cache->stripes[i - 1].lock);
}

hsm_err hsm_cache_create(size_t objects_max, hsm_cache **out_cache)
{
    HSM_CHECK(objects_max >= 1 && objects_max <= 1u << 24, HSM_E_ARG);

    hsm_cache *cache = aligned_alloc(CACHE_LINE_BYTES, sizeof *cache);
    HSM_CHECK(cache != NULL, HSM_E_NO_MEMORY);
    *cache = (hsm_cache){ .entry_count = (uint32_t)objects_max, .bucket_mask = 1 };
    for (size_t i = 0; i < STRIPES; i++)
        (void)pthread_mutex_init(&cache->stripes[i].lock, NULL);
    while (cache->bucket_mask < objects_max)
        cache->bucket_mask = cache->bucket_mask << 1 | 1;
    cache->buckets = malloc(((size_t)cache->bucket_mask + 1) * sizeof *cache->buckets);
    cache->entries = calloc(objects_max, sizeof *cache->entries);
    if (cache->buckets == NULL || cache->entries == NULL) {
        hsm_cache_destroy(cache);
        return HSM_E_NO_MEMORY;
    }
    for (size_t i = 0; i <= cache->bucket_mask; i++)
        cache->buckets[i] = NONE;
    for (uint32_t i = 0; i < cache->entry_count; i++)
        cache->entries[i].next = i + 1 < cache->entry_count ? i + 1 : NONE;
    *out_cache = cache;
    return HSM_OK;
}

void hsm_cache_destroy(hsm_cache *cache)
{
    if (cache == NULL)
        return;
    for (uint32_t i = 0; cache->entries != NULL && i < cache->entry_count; i++)
        hsm_object_release(cache->entries[i].object);
    for (size_t i = 0; i < STRIPES; i++)
        (void)pthread_mutex_destroy(&cache->stripes[i].lock);
    free(cache->buckets);
    free(cache->entries);
    free(cache);
}

static uint32_t *bucket_of(const hsm_cache *cache, uint64_t id)
{
    return &cache->buckets[mix(id) >> 20 & cache->bucket_mask];
}

/* Expects a stripe. What points to the id's entry, or the end of its bucket. */
static uint32_t *find(const hsm_cache *cache, uint64_t id)
{
    uint32_t *at = bucket_of(cache, id);

    while (*at != NONE && cache->entries[*at].object->id != id)
        at = &cache->entries[*at].next;
    return at;
}

hsm_object *hsm_cache_get(hsm_cache *cache, uint64_t id)
{
    stripe *own = own_stripe(cache);
    hsm_object *object = NULL;

    (void)pthread_mutex_lock(&own->lock);
    const uint32_t place = *find(cache, id);
    if (place != NONE) {
        entry *hit = &cache->entries[place];
        object = hsm_object_acquire(hit->object);
        if (!atomic_load_explicit(&hit->is_used, memory_order_relaxed))
            atomic_store_explicit(&hit->is_used, true, memory_order_relaxed);
    }
    (void)pthread_mutex_unlock(&own->lock);
    return object;
}

/* Expects all stripes. Unlinks the entry at `at` and hands its reference over. */
static hsm_object *unlink_entry(hsm_cache *cache, uint32_t *at)
{
    const uint32_t place = *at;
    entry *gone = &cache->entries[place];

    *at = gone->next;
    gone->next = cache->free;
    cache->free = place;
    return HSM_MOVE(gone->object);
}

/* Expects all stripes and no free entry. Goes round until one was not used since the last time. */
static hsm_object *evict(hsm_cache *cache)
{
    for (;;) {
        entry *candidate = &cache->entries[cache->hand];
        cache->hand = (cache->hand + 1) % cache->entry_count;
        if (!atomic_exchange_explicit(&candidate->is_used, false, memory_order_relaxed))
            return unlink_entry(cache, find(cache, candidate->object->id));
    }
}

/* Expects all stripes. The object that had to go, or NULL. */
static hsm_object *put(hsm_cache *cache, hsm_object *object)
{
    uint32_t *at = find(cache, object->id);
    hsm_object *gone = NULL;

    if (*at != NONE) {
        entry *same = &cache->entries[*at];
        /* A slow reader must not put an old version over a newer one. */
        if (same->object->version > object->version)
            return NULL;
        gone = same->object;
        same->object = hsm_object_acquire(object);
        return gone;
    }
    if (cache->free == NONE)
        gone = evict(cache);
    const uint32_t place = cache->free;
    entry *made = &cache->entries[place];
    uint32_t *bucket = bucket_of(cache, object->id);
    cache->free = made->next;
    made->object = hsm_object_acquire(object);
    made->next = *bucket;
    atomic_store_explicit(&made->is_used, false, memory_order_relaxed);
    *bucket = place;
    return gone;
}

void hsm_cache_put(hsm_cache *cache, hsm_object *object, const _Atomic(uint64_t) *epoch,
                   uint64_t expected)
{
    hsm_object *gone = NULL;

    lock_all(cache);
    if (atomic_load(epoch) == expected)
        gone = put(cache, object);
    unlock_all(cache);
    hsm_object_release(gone);
}

void hsm_cache_remove(hsm_cache *cache, uint64_t id)
{
    hsm_object *gone = NULL;

    lock_all(cache);
    uint32_t *at = find(cache, id);
    if (*at != NONE)
        gone = unlink_entry(cache, at);
    unlock_all(cache);
    if (gone != NULL)
        atomic_store(&gone->is_live, false);
    hsm_object_release(gone);
}

static bool is_to_go(const hsm_object *object, uint32_t slot, bool only_private)
{
    return object != NULL && object->slot == slot && (object->is_private || !only_private);
}

static bool has_aged(entry *one)
{
    return one->object != NULL &&
           !atomic_exchange_explicit(&one->is_used, false, memory_order_relaxed);
}

/* What purge_some() takes out. */
typedef struct selection {
    bool is_by_age; /* else by the others */
    uint32_t slot;
    bool only_private;
} selection;

static bool is_selected(entry *one, const selection *what)
{
    return what->is_by_age ? has_aged(one) : is_to_go(one->object, what->slot, what->only_private);
}

/* Takes out up to VICTIMS objects from `from` on; where to go on. */
static uint32_t purge_some(hsm_cache *cache, uint32_t from, const selection *what)
{
    hsm_object *victims[VICTIMS];
    size_t count = 0;
    uint32_t i = from;

    lock_all(cache);
    for (; i < cache->entry_count && count < VICTIMS; i++) {
        entry *one = &cache->entries[i];
        if (is_selected(one, what))
            victims[count++] = unlink_entry(cache, find(cache, one->object->id));
    }
    unlock_all(cache);
    for (size_t k = 0; k < count; k++)
        hsm_object_release(victims[k]);
    return i;
}

static void purge(hsm_cache *cache, const selection *what)
{
    uint32_t next = 0;

    while (next < cache->entry_count)
        next = purge_some(cache, next, what);
}

void hsm_cache_purge(hsm_cache *cache, uint32_t slot, bool only_private)
{
    const selection what = { .slot = slot, .only_private = only_private };

    purge(cache, &what);
}

void hsm_cache_age(hsm_cache *cache)
{
    const selection what = { .is_by_age = true };

    purge(cache, &what);
}
