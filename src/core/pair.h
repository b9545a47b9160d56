/* Making a key pair in three steps, of which the second takes long.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_PAIR_H
#define HSM_CORE_PAIR_H

#include "core/internal.h"

typedef struct hsm_pair_work {
    const hsm_mech *mech;
    hsm_draft *drafts[2]; /* public, private */
    hsm_keygen keygen;    /* borrows from the drafts */
    bool is_approved;
    bool was_logged_in;    /* somebody, when it began */
    hsm_key_bundle bundle; /* what hsm_keygen_run() made */
} hsm_pair_work;
/* Wipes and frees. */
void hsm_pair_work_clear(hsm_pair_work *work);

/* Everything that can be refused: the mechanism, both templates, what the session may make.
 * inout  work  empty before */
HSM_MUST_USE hsm_err hsm_core_pair_begin(hsm_core *core, hsm_session *session,
                                         const hsm_pair_request *request, hsm_pair_work *work);
/* Makes objects of the bundle, if the session may still. errors those of hsm_core_add() */
HSM_MUST_USE hsm_err hsm_core_pair_end(hsm_core *core, hsm_session *session, hsm_pair_work *work,
                                       CK_OBJECT_HANDLE *out_public, CK_OBJECT_HANDLE *out_private);

#endif
