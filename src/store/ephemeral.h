/* Session objects: they live in the memory of this process, with the session that made them. Their
 * secret parts lie in secret memory as far as that is granted (HSM_EPHEMERAL_OPEN_MAX_BYTES): most are
 * used and gone before sealing them would have been worth it. Beyond that, and secret memory is scarce,
 * they are sealed under a key that only this process has.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_EPHEMERAL_H
#define HSM_STORE_EPHEMERAL_H

#include "crypto/crypto.h"
#include "store/object.h"

/* The session objects of all slots. Functions lock it themselves; the lock is never held while
 * something is encrypted, compared or freed. */
typedef struct hsm_ephemeral hsm_ephemeral;

/* Ids of session objects have the top bit, which the store's ids never have. */
#define HSM_EPHEMERAL_ID_BIT ((uint64_t)1 << 63)
/* The most session objects of one process. */
#define HSM_EPHEMERAL_MAX ((size_t)1000 * 1000)
/* The most secret memory of a process for those that are not sealed: 256 symmetric or elliptic curve
 * keys. */
#define HSM_EPHEMERAL_OPEN_MAX_BYTES ((size_t)16 * 1024)

/* in      parent  NULL, or those of the process's first application, which last longer: secret memory is
 *                 granted to both together
 * errors  HSM_E_ARG (slot_count 0), HSM_E_NO_MEMORY, HSM_E_RANDOM, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_ephemeral_create(hsm_crypto *crypto, uint32_t slot_count,
                                          hsm_ephemeral *parent, hsm_ephemeral **out_ephemeral);
/* Drops all objects; NULL is allowed. */
void hsm_ephemeral_destroy(hsm_ephemeral *ephemeral);
HSM_DEFINE_DROP(hsm_ephemeral)

/* Whose a new session object is. */
typedef struct hsm_ephemeral_owner {
    uint32_t slot;
    CK_SESSION_HANDLE session; /* it dies with this one */
    hsm_bytes token_serial;    /* 16 bytes, as for hsm_object_open_secrets() */
} hsm_ephemeral_owner;

/* Makes session objects of complete drafts, all or none; sets their CKA_UNIQUE_ID and may take their
 * secret attributes. out_objects: one reference each.
 * errors  HSM_E_SLOT, HSM_E_LIMIT, HSM_E_NO_MEMORY, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_ephemeral_add(hsm_ephemeral *ephemeral, const hsm_ephemeral_owner *owner,
                                       hsm_draft *const *drafts, size_t draft_count,
                                       hsm_object **out_objects);
/* Replaces `old` by a new version with the same id and session; may take the draft's secret attributes.
 * One reference.
 * errors  HSM_E_STORE_CONFLICT (changed meanwhile), HSM_E_STORE_NOT_FOUND (destroyed meanwhile),
 *         HSM_E_NO_MEMORY, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_ephemeral_replace(hsm_ephemeral *ephemeral, hsm_bytes token_serial,
                                           hsm_object *old, hsm_draft *draft,
                                           hsm_object **out_object);

/* What is removed is no longer live; whoever has a reference may finish with it.
 * errors  HSM_E_STORE_NOT_FOUND */
HSM_MUST_USE hsm_err hsm_ephemeral_remove(hsm_ephemeral *ephemeral, const hsm_object *object);
/* All objects of a session: it is closed. Takes no lock while there is no session object at all. */
void hsm_ephemeral_remove_session(hsm_ephemeral *ephemeral, CK_SESSION_HANDLE session);
/* The slot's private objects: its user logs out. */
void hsm_ephemeral_remove_private(hsm_ephemeral *ephemeral, uint32_t slot);
/* All objects of the slot: its last session is closed. */
void hsm_ephemeral_remove_slot(hsm_ephemeral *ephemeral, uint32_t slot);

/* A search among the session objects of a slot. */
typedef struct hsm_ephemeral_query {
    uint32_t slot;
    bool sees_private;
    hsm_bytes token_serial;
    const hsm_template *tmpl;
} hsm_ephemeral_query;

/* Appends to out_found (empty before) an hsm_object * with one reference for each match, in order of
 * creation; release with hsm_ephemeral_found_clear().
 * errors  HSM_E_NO_MEMORY, HSM_E_STORE_CORRUPT */
HSM_MUST_USE hsm_err hsm_ephemeral_find(hsm_ephemeral *ephemeral, const hsm_ephemeral_query *query,
                                        hsm_buf *out_found);
static inline size_t hsm_ephemeral_found_count(const hsm_buf *found)
{
    return found->len / sizeof(hsm_object *);
}
/* The object at an index, borrowed from `found`. */
hsm_object *hsm_ephemeral_found_at(const hsm_buf *found, size_t index);
void hsm_ephemeral_found_clear(hsm_buf *found);

/* Objects of the slot, without private ones unless `sees_private`. */
size_t hsm_ephemeral_count(hsm_ephemeral *ephemeral, uint32_t slot, bool sees_private);

#endif
