/* The life of a key (SP 800-57 part 1, 7): its states, what each allows, and how they follow from
 * dates and from what was set by hand. docs/lifecycle.md is about this for users.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_LIFECYCLE_H
#define HSM_CORE_LIFECYCLE_H

#include "base/op.h"
#include "base/scope.h"
#include "store/object.h"

struct hsm_core;

/* In the order in which a key may go through them; destroyed is the fifth: then there is no object.
 * The numbers are those of CKA_CRATON_KEY_STATE. */
typedef enum hsm_key_state {
    HSM_KEY_BY_DATES = 0, /* of the attribute only: nobody has set it by hand */
    HSM_KEY_PRE_ACTIVATION = 1,
    HSM_KEY_ACTIVE = 2,
    HSM_KEY_DEACTIVATED = 3,
    HSM_KEY_COMPROMISED = 4,
} hsm_key_state;

/* What decides. Days are numbers YYYYMMDD; 0: none. */
typedef struct hsm_key_life {
    CK_ULONG by_hand; /* hsm_key_state */
    uint32_t start;   /* first day of use */
    uint32_t end;     /* last day of use */
} hsm_key_life;

/* The state on a day. What was set by hand holds, but a key is deactivated after its end date, and an
 * active one that nobody set waits for its start date. */
hsm_key_state hsm_key_state_on(const hsm_key_life *life, uint32_t today);
/* THE table (state, operation) -> allowed. may_use_compromised: security.allow_compromised_use */
bool hsm_key_state_allows(hsm_key_state state, hsm_op op, bool may_use_compromised);

/* The state of an object now. */
hsm_key_state hsm_core_key_state(struct hsm_core *core, const hsm_object *object);
/* errors  HSM_E_KEY_FUNCTION (not in this state) */
HSM_MUST_USE hsm_err hsm_core_check_life(struct hsm_core *core, const hsm_object *object,
                                         hsm_op op);
/* Whether a changed draft or a copy leaves the key where it is or further on: no state is left
 * backwards, neither by hand nor by other dates. `before` NULL: a new key.
 * errors  HSM_E_ATTRIBUTE_VALUE (backwards, or no state) */
HSM_MUST_USE hsm_err hsm_core_check_forward(struct hsm_core *core, const hsm_object *before,
                                            const hsm_draft *after);
/* Today, as a number; never earlier than a day that this store has seen before. */
uint32_t hsm_core_today(struct hsm_core *core);

#endif
