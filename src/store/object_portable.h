/* Objects between stores: all attributes as the two parts of a record, without the seals and ids of
 * the store they lie in (docs/backup-format.md).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_OBJECT_PORTABLE_H
#define HSM_STORE_OBJECT_PORTABLE_H

#include "store/store.h"

/* Appends the part that is not secret, and gives the secret one; NULL: there is none.
 * errors  HSM_E_STORE_CORRUPT, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_object_take_apart(const hsm_object *object, hsm_bytes token_serial,
                                           hsm_buf *out_public, hsm_secret **out_secret);
/* A complete draft of the two parts; secret_part may be empty. CKA_UNIQUE_ID is as it was, and replaced
 * when the draft is stored.
 * errors  HSM_E_STORE_CORRUPT (parts that no object has), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_draft_from_parts(hsm_bytes public_part, hsm_bytes secret_part,
                                          hsm_draft **out_draft);

/* Calls visit for each object of the slot that is in view, in order of creation, all as they were at one
 * moment; writers go on meanwhile. The object is lent.
 * errors  those of visit; HSM_E_STORE_* (CORRUPT: a record is damaged) */
typedef hsm_err (*hsm_object_visit)(void *arg, hsm_object *object);
HSM_MUST_USE hsm_err hsm_store_each(hsm_store *store, uint32_t slot, hsm_object_visit visit,
                                    void *arg);

#endif
