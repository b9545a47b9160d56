/* Decoded objects by id, a bounded number of them. A hit takes one lock that threads hardly ever
 * share; the object that was not used for longest makes room (second chance).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_CACHE_H
#define HSM_STORE_CACHE_H

#include "store/object.h"

typedef struct hsm_cache hsm_cache;

/* in  objects_max  1 or more */
HSM_MUST_USE hsm_err hsm_cache_create(size_t objects_max, hsm_cache **out_cache);
/* Releases what is in it; NULL is allowed. */
void hsm_cache_destroy(hsm_cache *cache);
HSM_DEFINE_DROP(hsm_cache)

/* One reference to the object, or NULL. */
hsm_object *hsm_cache_get(hsm_cache *cache, uint64_t id);
/* Puts an object in (it takes a reference of its own), in the place of another version of it. Does
 * nothing when *epoch is not `expected` any more: what the object was read under is over. */
void hsm_cache_put(hsm_cache *cache, hsm_object *object, const _Atomic(uint64_t) *epoch,
                   uint64_t expected);
/* Takes an id out and marks the object as not live. */
void hsm_cache_remove(hsm_cache *cache, uint64_t id);
/* Takes out what was not asked for since the last hsm_cache_age(); it stays live for those who have
 * it. */
void hsm_cache_age(hsm_cache *cache);
/* Takes a slot's objects out, or only its private ones. */
void hsm_cache_purge(hsm_cache *cache, uint32_t slot, bool only_private);

#endif
