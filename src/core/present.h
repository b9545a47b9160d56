/* Which objects a token has already, for what comes without names that it knows: keys are the same when
 * their values are.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_PRESENT_H
#define HSM_CORE_PRESENT_H

#include "core/internal.h"

/* A print of each token object in view: HMAC under a key that is made for this and goes with it, so that
 * the prints tell nobody anything about a key. thread: one at a time */
typedef struct hsm_present hsm_present;
/* The user is logged in, else private objects are missing. errors those of hsm_store_each() */
HSM_MUST_USE hsm_err hsm_present_create(hsm_core *core, uint32_t slot, hsm_present **out_present);
void hsm_present_destroy(hsm_present *present);
HSM_DEFINE_DROP(hsm_present)

/* Whether the token has an object of the same class with the same key, certificate or data as a complete
 * draft; label and id may differ. Each of the token's objects answers for one draft.
 * errors  HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_present_take(hsm_present *present, const hsm_draft *draft, bool *out_is);

#endif
