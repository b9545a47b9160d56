/* What the files about derivation share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_DERIVE_H
#define HSM_CORE_DERIVE_H

#include "core/internal.h"
#include "crypto/kdf.h"

/* A derivation under way. */
typedef struct hsm_derivation {
    const hsm_derive_request *request;
    const hsm_mech *mech; /* the row of its mechanism, which nothing has admitted yet */
    hsm_object *base;
} hsm_derivation;

/* What a derived object takes over. */
typedef struct hsm_derive_start {
    const hsm_object *base;
    const hsm_template *tmpl;     /* the caller's */
    const hsm_attr *forced;       /* agreed with, or given where the template is silent */
    size_t forced_count;          /* at most HSM_DERIVE_FORCED_MAX */
    CK_OBJECT_CLASS object_class; /* where neither template says: CKO_SECRET_KEY ... */
    CK_KEY_TYPE key_type;         /* HSM_KEY_TYPE_NONE: must be said */
} hsm_derive_start;
#define HSM_DERIVE_FORCED_MAX 8u

/* A draft from the caller's template, the base key's CKA_DERIVE_TEMPLATE and the rest of start, for
 * a session that may write it. errors HSM_E_TEMPLATE_..., HSM_E_ATTRIBUTE_..., HSM_E_NOT_LOGGED_IN,
 * HSM_E_SESSION_READ_ONLY */
HSM_MUST_USE hsm_err hsm_core_derive_draft(hsm_core *core, hsm_session *session,
                                           const hsm_derive_start *start, hsm_draft **out_draft);
/* Gives the draft of a secret key, which has its value, what follows from it. */
HSM_MUST_USE hsm_err hsm_core_derive_finish(hsm_core *core, hsm_draft *draft,
                                            const hsm_provenance *provenance);

/* Agreeing on a secret key, in three steps of which the second, hsm_derive_run(), takes long. */
typedef struct hsm_agreement {
    const hsm_mech *mech;
    hsm_mech_params params; /* borrowed from the caller, or from `kept` */
    hsm_buf kept;
    hsm_object *base; /* one reference */
    hsm_key *key;     /* of base */
    hsm_draft *draft;
    size_t value_len;
    hsm_secret *value; /* what was agreed on */
    bool is_approved;
    bool was_logged_in; /* somebody, when it began */
} hsm_agreement;
/* Wipes and frees. */
void hsm_agreement_clear(hsm_agreement *agreement);
/* Everything that can be refused before the other side's value is used; agreement has its reference to
 * the base already. */
HSM_MUST_USE hsm_err hsm_core_agreement_begin(hsm_core *core, hsm_session *session,
                                              const hsm_derivation *derivation,
                                              hsm_agreement *agreement);
/* Makes an object of the value, if the session may still. errors those of hsm_core_add() */
HSM_MUST_USE hsm_err hsm_core_agreement_end(hsm_core *core, hsm_session *session,
                                            hsm_agreement *agreement, CK_OBJECT_HANDLE *out_key);

/* Derivations that hsm_kdf_run() computes. */
HSM_MUST_USE hsm_err hsm_core_derive_secrets(hsm_core *core, hsm_session *session,
                                             const hsm_derivation *derivation,
                                             CK_OBJECT_HANDLE *out_key);
/* The public key of a private one. */
HSM_MUST_USE hsm_err hsm_core_derive_public(hsm_core *core, hsm_session *session,
                                            const hsm_derivation *derivation,
                                            CK_OBJECT_HANDLE *out_key);

#endif
