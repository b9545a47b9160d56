/* What the files of the store share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_INTERNAL_H
#define HSM_STORE_INTERNAL_H

#include <pthread.h>

#include "store/cache.h"
#include "store/group_commit.h"
#include "store/index.h"
#include "store/login_turn.h"
#include "store/store.h"

#define HSM_STORE_SLOTS_MAX 256u
/* Objects in one commit: a key pair is two, a whole token is restored at once. */
#define HSM_STORE_INSERT_MAX (1u << 18)

/* The keys of one half of a slot: public objects (from the device key) or private ones (from the
 * object master key). Counted: whoever works with it keeps it across a logout. */
typedef struct hsm_half {
    atomic_uint refs;
    bool is_private;
    hsm_seal *seal;
    hsm_index *index;
} hsm_half;

typedef struct hsm_slot {
    pthread_mutex_t lock; /* guards what follows up to is_unlocked */
    bool is_attached;
    uint8_t serial[HSM_SERIAL_BYTES];
    hsm_half *public_half;
    hsm_half *private_half;       /* NULL: locked */
    _Atomic(uint64_t) epoch;      /* of the token that is attached */
    _Atomic(uint64_t) epoch_read; /* of the token record read last */
    atomic_bool is_unlocked;
    _Atomic(uint64_t) cache_epoch; /* moves when cached objects lose their ground */
} hsm_slot;

struct hsm_store {
    hsm_store *parent; /* NULL, or whose device key, storage and locks are used here too */
    hsm_crypto *crypto;
    char *directory; /* NULL: in memory */
    hsm_secret *device_key;
    hsm_seal *token_seal;
    hsm_change *change;
    hsm_storage storage;
    hsm_group_commit *group;
    hsm_cache *cache;
    hsm_login_turn *login_turn;
    _Atomic(uint64_t) last_id;
    atomic_uint odd_looks; /* at a counter that a dead writer may have left behind */
    uint32_t slot_count;
    hsm_slot slots[];
};

/* --- store_keys.c ------------------------------------------------------------------------------- */

/* len bytes derived from `key`: HKDF-SHA256 with salt, and info "craton-hsm/1 " use. */
HSM_MUST_USE hsm_err hsm_store_derive(hsm_crypto *crypto, hsm_bytes key, hsm_bytes salt,
                                      const char *use, hsm_secret *out);
HSM_MUST_USE hsm_err hsm_half_create(hsm_crypto *crypto, hsm_bytes key, hsm_bytes salt,
                                     bool is_private, hsm_half **out_half);
void hsm_half_release(hsm_half *half);
static inline void hsm_half_drop(hsm_half **half)
{
    hsm_half_release(*half);
    *half = NULL;
}
/* A reference to a half, or NULL (not attached, locked).
 * out_serial, out_epoch: may be NULL; of the slot at the same moment */
hsm_half *hsm_slot_half(hsm_slot *slot, bool is_private);
/* Forgets the keys and what was cached under them. */
void hsm_slot_clear(hsm_store *store, uint32_t slot);

/* --- store_record.c ----------------------------------------------------------------------------- */

/* An object on its way to the storage. */
typedef struct hsm_pending {
    hsm_object *object;
    hsm_buf record;
    hsm_tags tags;
} hsm_pending;
void hsm_pending_clear(hsm_pending *pending);

/* Makes the object and its sealed record. */
HSM_MUST_USE hsm_err hsm_pending_make(const hsm_half *half, const hsm_draft *draft,
                                      const hsm_object_ident *ident, hsm_pending *out_pending);
/* The object of a record. errors HSM_E_STORE_CORRUPT, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_record_decode(const hsm_half *half, hsm_bytes record,
                                       const hsm_object_ident *ident, hsm_object **out_object);

/* --- store_read.c ------------------------------------------------------------------------------- */

/* An answer of the storage was found at an unsettled counter: once in a while looks whether the
 * writer is dead. */
void hsm_store_note_unsettled(hsm_store *store);

#endif
