/* Which key protects what: derivation, and the two halves of a slot.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "store/internal.h"

#define INFO_MAX_BYTES 64

hsm_err hsm_store_derive(hsm_crypto *crypto, hsm_bytes key, hsm_bytes salt, const char *use,
                         hsm_secret *out)
{
    char info[INFO_MAX_BYTES];
    const int len = snprintf(info, sizeof info, "craton-hsm/1 %s", use);

    HSM_CHECK(len > 0 && (size_t)len < sizeof info, HSM_E_ARG);
    return hsm_crypto_hkdf(crypto, key, salt, hsm_bytes_of(info, (size_t)len), out);
}

void hsm_half_release(hsm_half *half)
{
    if (half == NULL || atomic_fetch_sub_explicit(&half->refs, 1, memory_order_acq_rel) != 1)
        return;
    hsm_seal_release(half->seal);
    hsm_index_destroy(half->index);
    free(half);
}

hsm_err hsm_half_create(hsm_crypto *crypto, hsm_bytes key, hsm_bytes salt, bool is_private,
                        hsm_half **out_half)
{
    HSM_AUTO(hsm_half_drop) hsm_half *half = calloc(1, sizeof *half);
    HSM_AUTO(hsm_secret_drop) hsm_secret *derived = NULL;

    HSM_CHECK(half != NULL, HSM_E_NO_MEMORY);
    atomic_init(&half->refs, 1);
    half->is_private = is_private;
    HSM_TRY(hsm_secret_create(HSM_AEAD_KEY_BYTES, &derived));
    HSM_TRY(hsm_store_derive(crypto, key, salt, is_private ? "private objects" : "public objects",
                             derived));
    HSM_TRY(hsm_seal_create(crypto, hsm_secret_view(derived), &half->seal));
    HSM_TRY(hsm_store_derive(crypto, key, salt, is_private ? "private index" : "public index",
                             derived));
    HSM_TRY(hsm_index_create(crypto, hsm_secret_view(derived), &half->index));
    *out_half = HSM_MOVE(half);
    return HSM_OK;
}

hsm_half *hsm_slot_half(hsm_slot *slot, bool is_private)
{
    (void)pthread_mutex_lock(&slot->lock);
    hsm_half *half = is_private ? slot->private_half : slot->public_half;
    if (half != NULL)
        (void)atomic_fetch_add_explicit(&half->refs, 1, memory_order_relaxed);
    (void)pthread_mutex_unlock(&slot->lock);
    return half;
}

/* Serial and slot number: two slots whose tokens are given the same serial still differ. */
static hsm_bytes salt_of(uint32_t slot, const uint8_t serial[HSM_SERIAL_BYTES],
                         uint8_t room[HSM_SERIAL_BYTES + 4])
{
    memcpy(room, serial, HSM_SERIAL_BYTES);
    for (size_t i = 0; i < 4; i++)
        room[HSM_SERIAL_BYTES + i] = (uint8_t)(slot >> (24 - 8 * i));
    return hsm_bytes_of(room, HSM_SERIAL_BYTES + 4);
}

/* Puts a half in, or takes one out (NULL); the old one and what was cached under it go. */
static void set_half(hsm_store *store, uint32_t number, bool is_private, hsm_half *half)
{
    hsm_slot *slot = &store->slots[number];
    hsm_half **place = is_private ? &slot->private_half : &slot->public_half;

    (void)pthread_mutex_lock(&slot->lock);
    hsm_half *old = *place;
    *place = half;
    if (is_private)
        atomic_store(&slot->is_unlocked, half != NULL);
    (void)atomic_fetch_add(&slot->cache_epoch, 1);
    (void)pthread_mutex_unlock(&slot->lock);
    hsm_half_release(old);
    if (old != NULL)
        hsm_cache_purge(store->cache, number, is_private);
}

void hsm_slot_clear(hsm_store *store, uint32_t slot)
{
    set_half(store, slot, true, NULL);
    set_half(store, slot, false, NULL);
}

static bool is_attached_to(hsm_slot *slot, const uint8_t serial[HSM_SERIAL_BYTES])
{
    (void)pthread_mutex_lock(&slot->lock);
    const bool is_same = slot->is_attached &&
                         atomic_load(&slot->epoch) == atomic_load(&slot->epoch_read) &&
                         hsm_bytes_equal(hsm_bytes_of(slot->serial, HSM_SERIAL_BYTES),
                                         hsm_bytes_of(serial, HSM_SERIAL_BYTES));
    (void)pthread_mutex_unlock(&slot->lock);
    return is_same;
}

hsm_err hsm_store_attach(hsm_store *store, uint32_t slot, const uint8_t serial[HSM_SERIAL_BYTES])
{
    uint8_t room[HSM_SERIAL_BYTES + 4];
    hsm_half *half = NULL;

    HSM_CHECK(slot < store->slot_count, HSM_E_SLOT);
    hsm_slot *own = &store->slots[slot];
    if (is_attached_to(own, serial))
        return HSM_OK;
    HSM_TRY(hsm_half_create(store->crypto, hsm_secret_view(store->device_key),
                            salt_of(slot, serial, room), false, &half));
    set_half(store, slot, true, NULL);
    (void)pthread_mutex_lock(&own->lock);
    memcpy(own->serial, serial, HSM_SERIAL_BYTES);
    atomic_store(&own->epoch, atomic_load(&own->epoch_read));
    own->is_attached = true;
    (void)pthread_mutex_unlock(&own->lock);
    set_half(store, slot, false, half);
    return HSM_OK;
}

hsm_err hsm_store_unlock(hsm_store *store, uint32_t slot, hsm_bytes master_key)
{
    uint8_t room[HSM_SERIAL_BYTES + 4];
    hsm_half *half = NULL;

    HSM_CHECK(slot < store->slot_count, HSM_E_SLOT);
    HSM_CHECK(store->slots[slot].is_attached, HSM_E_TOKEN_NOT_INITIALIZED);
    HSM_CHECK(master_key.len == HSM_AEAD_KEY_BYTES, HSM_E_ARG);
    HSM_TRY(hsm_half_create(store->crypto, master_key,
                            salt_of(slot, store->slots[slot].serial, room), true, &half));
    set_half(store, slot, true, half);
    return HSM_OK;
}

void hsm_store_lock(hsm_store *store, uint32_t slot)
{
    if (slot < store->slot_count)
        set_half(store, slot, true, NULL);
}

bool hsm_store_is_unlocked(const hsm_store *store, uint32_t slot)
{
    return slot < store->slot_count && atomic_load(&store->slots[slot].is_unlocked);
}

hsm_bytes hsm_store_serial(const hsm_store *store, uint32_t slot)
{
    if (slot >= store->slot_count)
        return hsm_bytes_none();
    return hsm_bytes_of(store->slots[slot].serial, HSM_SERIAL_BYTES);
}

hsm_err hsm_store_device_secret(hsm_store *store, const char *use, hsm_secret *out)
{
    return hsm_store_derive(store->crypto, hsm_secret_view(store->device_key), hsm_bytes_none(),
                            use, out);
}
