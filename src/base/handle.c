/* SPDX-License-Identifier: Apache-2.0 */
#include "base/handle.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* A handle is generation << INDEX_BITS | (slot number + 1). The first one of a slot has generation
 * 0, so handles are small numbers until slots are reused. */
#ifndef INDEX_BITS /* the test of retired slots sets these two */
#if ULONG_MAX > 0xffffffffUL
#define INDEX_BITS 24
#else
#define INDEX_BITS 20
#endif
#define HANDLE_LAST (ULONG_MAX - 1) /* ULONG_MAX is CK_UNAVAILABLE_INFORMATION */
#endif
#define INDEX_MASK ((1UL << INDEX_BITS) - 1)
#define GENERATION_ONE (1UL << INDEX_BITS)
#define SLOTS_MAX ((size_t)INDEX_MASK)

#define CHUNK_SLOTS 1024u
#define NO_SLOT UINT32_MAX

/* item NULL: the slot is free and `handle` is the one it will give out next (or the last one, when
 * its generations are used up and it is retired). Readers use no lock; for them the order of the
 * stores matters: see hsm_handle_get(). */
typedef struct slot {
    atomic_ulong handle;
    _Atomic(void *) item;
} slot;

typedef struct chunk {
    slot slots[CHUNK_SLOTS];
    uint32_t next_free[CHUNK_SLOTS];
} chunk;

struct hsm_handle_table {
    pthread_mutex_t lock; /* writers */
    size_t items_max;
    size_t slots_max;   /* over items_max where slots retire within a process's life */
    size_t slots_used;  /* slots that were ever given out */
    uint32_t free_head; /* NO_SLOT: none */
    atomic_size_t items;
    _Atomic(chunk *) chunks[]; /* slots_max of them, made when first needed, never moved */
};

static size_t chunk_count(size_t slots)
{
    return (slots + CHUNK_SLOTS - 1) / CHUNK_SLOTS;
}

hsm_err hsm_handle_table_create(size_t max_items, hsm_handle_table **out_table)
{
    HSM_CHECK(max_items >= 1 && max_items <= SLOTS_MAX, HSM_E_ARG);

    /* With 40 bits of generation no slot retires; with 12 it does, and needs a successor. */
    const size_t slots_max = HANDLE_LAST > UINT32_MAX ? max_items : SLOTS_MAX;
    hsm_handle_table *table =
        calloc(1, sizeof *table + chunk_count(slots_max) * sizeof table->chunks[0]);
    HSM_CHECK(table != NULL, HSM_E_NO_MEMORY);
    if (pthread_mutex_init(&table->lock, NULL) != 0) {
        free(table);
        return HSM_E_NO_MEMORY;
    }
    table->items_max = max_items;
    table->slots_max = slots_max;
    table->free_head = NO_SLOT;
    *out_table = table;
    return HSM_OK;
}

void hsm_handle_table_destroy(hsm_handle_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < chunk_count(table->slots_max); i++)
        free(atomic_load_explicit(&table->chunks[i], memory_order_relaxed));
    (void)pthread_mutex_destroy(&table->lock);
    free(table);
}

static chunk *chunk_of(const hsm_handle_table *table, size_t index)
{
    return atomic_load_explicit(&table->chunks[index / CHUNK_SLOTS], memory_order_acquire);
}

/* A slot that was never used, with its chunk. */
static hsm_err take_new_slot(hsm_handle_table *table, uint32_t *out_index)
{
    const size_t index = table->slots_used;

    HSM_CHECK(index < table->slots_max, HSM_E_LIMIT);
    if (index % CHUNK_SLOTS == 0 && chunk_of(table, index) == NULL) {
        chunk *fresh = calloc(1, sizeof *fresh);

        HSM_CHECK(fresh != NULL, HSM_E_NO_MEMORY);
        for (size_t i = 0; i < CHUNK_SLOTS; i++)
            atomic_init(&fresh->slots[i].handle, (unsigned long)(index + i + 1));
        atomic_store_explicit(&table->chunks[index / CHUNK_SLOTS], fresh, memory_order_release);
    }
    table->slots_used = index + 1;
    *out_index = (uint32_t)index;
    return HSM_OK;
}

static hsm_err take_slot(hsm_handle_table *table, uint32_t *out_index)
{
    HSM_CHECK(atomic_load_explicit(&table->items, memory_order_relaxed) < table->items_max,
              HSM_E_LIMIT);
    if (table->free_head == NO_SLOT)
        return take_new_slot(table, out_index);

    const uint32_t index = table->free_head;
    table->free_head = chunk_of(table, index)->next_free[index % CHUNK_SLOTS];
    *out_index = index;
    return HSM_OK;
}

hsm_err hsm_handle_add_alone(hsm_handle_table *table, void *item, CK_ULONG *out_handle)
{
    uint32_t index = 0;

    HSM_CHECK(item != NULL, HSM_E_ARG);
    HSM_TRY(take_slot(table, &index));
    slot *place = &chunk_of(table, index)->slots[index % CHUNK_SLOTS];
    *out_handle = atomic_load_explicit(&place->handle, memory_order_relaxed);
    atomic_store_explicit(&place->item, item, memory_order_release);
    atomic_fetch_add_explicit(&table->items, 1, memory_order_relaxed);
    return HSM_OK;
}

hsm_err hsm_handle_add(hsm_handle_table *table, void *item, CK_ULONG *out_handle)
{
    (void)pthread_mutex_lock(&table->lock);
    const hsm_err err = hsm_handle_add_alone(table, item, out_handle);
    (void)pthread_mutex_unlock(&table->lock);
    return err;
}

/* The slot a handle names, or NULL if no handle ever had that index. */
static slot *slot_of(const hsm_handle_table *table, CK_ULONG handle)
{
    const size_t number = (size_t)(handle & INDEX_MASK);

    if (number == 0 || number > table->slots_max)
        return NULL;
    chunk *home = chunk_of(table, number - 1);
    return home == NULL ? NULL : &home->slots[(number - 1) % CHUNK_SLOTS];
}

void *hsm_handle_get(const hsm_handle_table *table, CK_ULONG handle)
{
    slot *place = slot_of(table, handle);

    if (place == NULL || atomic_load_explicit(&place->handle, memory_order_acquire) != handle)
        return NULL;
    /* Removal stores item NULL, then the next handle; the item after that comes last. So who reads
     * the later item here also reads the later handle below, and a handle that is not given out
     * yet finds NULL. */
    void *item = atomic_load_explicit(&place->item, memory_order_acquire);
    if (atomic_load_explicit(&place->handle, memory_order_relaxed) != handle)
        return NULL;
    return item;
}

/* Frees the slot of a live handle; nobody else changes the table. */
static void release_slot(hsm_handle_table *table, slot *place, CK_ULONG handle)
{
    const uint32_t index = (uint32_t)(handle & INDEX_MASK) - 1;

    atomic_store_explicit(&place->item, NULL, memory_order_release);
    atomic_fetch_sub_explicit(&table->items, 1, memory_order_relaxed);
    if (handle > HANDLE_LAST - GENERATION_ONE)
        return; /* the generations are used up: never give this slot out again */
    atomic_store_explicit(&place->handle, handle + GENERATION_ONE, memory_order_release);
    chunk_of(table, index)->next_free[index % CHUNK_SLOTS] = table->free_head;
    table->free_head = index;
}

void *hsm_handle_remove_alone(hsm_handle_table *table, CK_ULONG handle)
{
    void *item = hsm_handle_get(table, handle);

    if (item != NULL)
        release_slot(table, slot_of(table, handle), handle);
    return item;
}

void *hsm_handle_remove(hsm_handle_table *table, CK_ULONG handle)
{
    (void)pthread_mutex_lock(&table->lock);
    void *item = hsm_handle_remove_alone(table, handle);
    (void)pthread_mutex_unlock(&table->lock);
    return item;
}

size_t hsm_handle_count(const hsm_handle_table *table)
{
    return atomic_load_explicit(&table->items, memory_order_relaxed);
}

void hsm_handle_each(hsm_handle_table *table, bool (*visit)(CK_ULONG handle, void *item, void *arg),
                     void *arg)
{
    bool goes_on = true;

    (void)pthread_mutex_lock(&table->lock);
    for (size_t index = 0; index < table->slots_used && goes_on; index++) {
        slot *place = &chunk_of(table, index)->slots[index % CHUNK_SLOTS];
        void *item = atomic_load_explicit(&place->item, memory_order_relaxed);

        if (item != NULL)
            goes_on = visit(atomic_load_explicit(&place->handle, memory_order_relaxed), item, arg);
    }
    (void)pthread_mutex_unlock(&table->lock);
}
