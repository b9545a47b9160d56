/* What the files of core share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_INTERNAL_H
#define HSM_CORE_INTERNAL_H

#include <pthread.h>

#include "config/config.h"
#include "core/core.h"
#include "core/handles.h"
#include "core/iv_ledger.h"
#include "crypto/crypt.h"
#include "crypto/crypto.h"
#include "session/session.h"
#include "store/ephemeral.h"
#include "store/store.h"
#include "token/token.h"

/* One slot: its token, and the lock under which logins, logouts and (re)initialisation of that
 * token happen one after the other. Taken before any session lock, never inside one. */
typedef struct hsm_slot {
    hsm_token *token;
    pthread_mutex_t login_lock;
} hsm_slot;

struct hsm_core {
    hsm_core *parent; /* NULL, or whose crypto this uses too, and of whose store it has a view */
    const hsm_config *config;
    hsm_config *own_config; /* NULL when the caller's is used */
    hsm_crypto *crypto;
    hsm_store *store;
    hsm_ephemeral *ephemeral; /* session objects */
    hsm_handles *handles;     /* object handles */
    hsm_session_table *sessions;
    hsm_iv_ledger *ivs;          /* initialisation vectors made here */
    struct hsm_workers *workers; /* NULL: no asynchronous sessions */
    hsm_slot *slots;
    uint32_t slot_count;
    struct hsm_audit_log *audit;     /* NULL: off */
    _Atomic uint32_t idle_turn;      /* counts the rounds of idle.c */
    _Atomic uint64_t idle_due_secs;  /* of the wall clock: when the next one is; 0: not set yet */
    _Atomic uint32_t latest_day;     /* YYYYMMDD that this process has seen (lifecycle.c) */
    _Atomic uint64_t day_checked_ns; /* monotonic time of the last look at the store's mark */
};

/* Whether there is such a slot, and the core is not in the error state.
 * errors  HSM_E_SELF_TEST, HSM_E_SLOT */
HSM_MUST_USE hsm_err hsm_core_check_slot(const hsm_core *core, CK_SLOT_ID slot);

/* --- Access (access.c) ------------------------------------------------------------------------ */

/* Whether private objects of the session's token are in view: the user is logged in. */
bool hsm_core_sees_private(const hsm_core *core, const hsm_session *session);

/* Whether the security officer is logged in to the session's token. */
bool hsm_core_is_so(const hsm_core *core, const hsm_session *session);

/* Whether anybody is. */
bool hsm_core_is_logged_in(const hsm_core *core, const hsm_session *session);

/* Resolves an object handle for a session: one reference; HSM_E_OBJECT_HANDLE when it is unknown,
 * of another slot, destroyed, or private and out of view. */
HSM_MUST_USE hsm_err hsm_core_object(hsm_core *core, const hsm_session *session,
                                     CK_OBJECT_HANDLE handle, hsm_object **out_object);

/* Whether the session may make, change or destroy an object of this kind.
 * errors  HSM_E_SESSION_READ_ONLY, HSM_E_NOT_LOGGED_IN, HSM_E_TOKEN_NOT_INITIALIZED */
HSM_MUST_USE hsm_err hsm_core_may_write(const hsm_core *core, const hsm_session *session,
                                        bool is_token, bool is_private);

/* The serial that is part of the associated data of an object's seal. */
hsm_bytes hsm_core_serial(const hsm_core *core, uint32_t slot);

/* --- Sessions (login.c) -------------------------------------------------------------------------- */

/* Logs the slot's user out: private objects leave the view, and operations on them end.
 * thread  the slot's login lock is held */
void hsm_core_logout_slot(hsm_core *core, uint32_t slot);

/* --- Objects (objects.c) ----------------------------------------------------------------------- */

/* The handle of an object: an old one or a new one. errors HSM_E_LIMIT, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_core_handle_of(hsm_core *core, hsm_object *object,
                                        CK_OBJECT_HANDLE *out_handle);

/* Stores complete drafts (token objects durably, all in one commit; session objects in memory) and
 * gives them handles; on an error none exists. */
#define HSM_CORE_ADD_MAX 16u /* drafts in one call */
HSM_MUST_USE hsm_err hsm_core_add(hsm_core *core, hsm_session *session, hsm_draft *const *drafts,
                                  size_t count, CK_OBJECT_HANDLE *out_handles);

/* Takes the key in a draft that a caller made apart, checks and completes it, and marks it as made
 * elsewhere; domain parameters get their lengths. Other objects: nothing.
 * errors  those of hsm_key_create() and hsm_key_check() */
HSM_MUST_USE hsm_err hsm_core_complete_foreign(hsm_core *core, hsm_draft *draft);

/* Puts the token's built-in objects in view, profiles and validation (profiles.c). */
HSM_MUST_USE hsm_err hsm_core_add_profiles(hsm_core *core, uint32_t slot);

/* --- Keys (key_parts.c) ------------------------------------------------------------------------ */

/* The parsed key of an object; made on first use and kept with the object (borrowed from it).
 * errors  HSM_E_KEY_TYPE (not a key), HSM_E_STORE_CORRUPT, HSM_E_NO_MEMORY, ... */
HSM_MUST_USE hsm_err hsm_core_key(hsm_core *core, hsm_object *object, hsm_key **out_key);
/* The parts of a draft, borrowed from it. */
HSM_MUST_USE hsm_err hsm_core_draft_parts(const hsm_draft *draft, hsm_key_parts *out_parts);
/* The parts of a private key's object, completed by the public ones. */
HSM_MUST_USE hsm_err hsm_core_whole_parts(hsm_core *core, const hsm_object *object,
                                          hsm_key_bundle *out_bundle);
/* Puts the parts that belong to the draft's kind as attributes; those a caller already gave are
 * kept. */
HSM_MUST_USE hsm_err hsm_core_put_parts(hsm_draft *draft, const hsm_key_parts *parts);
/* Puts what follows from the key itself: check value, public key info, value length.
 * in      known  the key pair parsed already (either half); NULL: it is parsed here, a secret key
 *                only checked */
HSM_MUST_USE hsm_err hsm_core_put_derived(hsm_core *core, hsm_draft *draft, hsm_key *known);
/* Keys that come in from elsewhere may leave again unless one of the templates says otherwise
 * (PKCS#11 v3.2, C_UnwrapKey, C_EncapsulateKey, C_DecapsulateKey).
 * inout   implied  what the token adds to tmpl; room for one more */
void hsm_core_imply_extractable(const hsm_template *tmpl, hsm_attr *implied, size_t *count);
/* What changes said of a private key's public half must be true (PKCS#11 v3.2, 4.9); nothing is no lie.
 * in      draft  with the changes
 * errors  HSM_E_ATTRIBUTE_VALUE */
HSM_MUST_USE hsm_err hsm_core_check_public_info(hsm_core *core, hsm_draft *draft,
                                                const hsm_template *changes);
/* The same for a secret key, which has its value by now: it is checked, but not parsed.
 * errors  those of hsm_key_create() */
HSM_MUST_USE hsm_err hsm_core_complete_secret(hsm_core *core, hsm_draft *draft);
/* Puts the lengths of a domain parameter object's numbers. */
HSM_MUST_USE hsm_err hsm_core_put_domain(hsm_draft *draft);
/* Puts where the key comes from: local, generation mechanism, always sensitive, never
 * extractable. */
typedef struct hsm_provenance {
    bool is_local;
    CK_MECHANISM_TYPE mechanism;  /* CK_UNAVAILABLE_INFORMATION unless generated */
    bool may_be_always_sensitive; /* else CKA_ALWAYS_SENSITIVE is false whatever the draft says */
    bool may_be_never_extractable;
    bool is_approved; /* it was made by an approved operation: CKA_OBJECT_VALIDATION_FLAGS */
} hsm_provenance;
HSM_MUST_USE hsm_err hsm_core_put_provenance(hsm_draft *draft, const hsm_provenance *provenance);

/* --- Messages (message.c, iv_ledger.c) ------------------------------------------------------------ */

/* Makes an operation on messages remember what its mechanism said. errors HSM_E_NO_MEMORY,
 * HSM_E_MECHANISM_PARAM */
HSM_MUST_USE hsm_err hsm_core_message_open(hsm_operation *operation, const hsm_mech_params *params);
/* The operation, open and authenticated, between two messages or in the middle of one.
 * errors  HSM_E_OPERATION, HSM_E_OPERATION_ACTIVE (a message goes on), HSM_E_NOT_LOGGED_IN */
HSM_MUST_USE hsm_err hsm_core_message_ready(hsm_session *session, hsm_op op, bool is_in_parts,
                                            hsm_operation **out_operation);
/* Ends a message, which completed if err says so; the operation waits for the next one. */
void hsm_core_message_end(hsm_session *session, hsm_operation *operation, hsm_err err);

/* A message about to be encrypted. */
typedef struct hsm_iv_use {
    const hsm_mech *mech;
    const hsm_object *object; /* the key ... */
    hsm_key *key;             /* ... parsed */
    const hsm_message_params *given;
} hsm_iv_use;
/* Makes the message's initialisation vector, or takes the caller's (iv.c). A new one counts as used
 * whatever becomes of the message.
 * errors  HSM_E_MECHANISM_PARAM (not so with this key), HSM_E_IV_SPENT, HSM_E_LIMIT, and those of
 *         hsm_store_replace() */
HSM_MUST_USE hsm_err hsm_core_make_iv(hsm_core *core, const hsm_iv_use *use,
                                      uint8_t iv[HSM_IV_MAX_BYTES]);
/* Notes in the draft of an object's copy that its value is somebody else's too, if it is a key. */
HSM_MUST_USE hsm_err hsm_core_iv_mark_copy(const hsm_object *object, hsm_draft *draft);

/* --- Saved states (state.c) ----------------------------------------------------------------------- */

/* Remembers what an operation was given, as long as it may be saved. */
void hsm_core_state_feed(hsm_operation *operation, hsm_bytes in);

/* --- Idle keys (idle.c) --------------------------------------------------------------------------- */

/* When security.key_cache_secs have passed since the last round: takes keyed contexts and parsed keys
 * from sessions and objects that nobody used since then. Called on the way into each call on a
 * session, because no thread of the core waits for that.
 * thread  no session's lock is held */
void hsm_core_wipe_idle(hsm_core *core);
/* The round itself, whatever the clock says. */
void hsm_core_idle_round(hsm_core *core);

/* --- Rules for using a key (policy.c) ------------------------------------------------------------ */

/* A key about to be used. */
typedef struct hsm_key_use {
    const CK_MECHANISM *mechanism;
    hsm_op op;
    hsm_object *object;       /* NULL for digests */
    const hsm_mech *admitted; /* the mechanism's row, if op and object passed with it before */
    const hsm_mech *found;    /* the row, if it was looked for already, or NULL */
    bool is_authenticated;    /* wrapping with a message's parameter, which is not read here */
    hsm_session *session;     /* whose is_approved says afterwards whether the use is approved */
} hsm_key_use;

/* Checks usage flag, mechanism row, key type, allowed mechanisms, dates and the rules in force, and
 * reads the parameter. out_key is NULL for digests.
 * errors  HSM_E_KEY_FUNCTION, HSM_E_MECHANISM, HSM_E_KEY_TYPE, HSM_E_KEY_SIZE,
 *         HSM_E_MECHANISM_PARAM, and those of hsm_core_key() */
HSM_MUST_USE hsm_err hsm_core_admit(hsm_core *core, const hsm_key_use *use,
                                    const hsm_mech **out_mech, hsm_mech_params *out_params,
                                    hsm_key **out_key);

/* What follows from a ruling of crypto/approval.h about the call under way: in approved mode the
 * ruling itself; else HSM_OK, and the session's indicator says that the call is not approved. */
HSM_MUST_USE hsm_err hsm_core_rule(const hsm_core *core, hsm_session *session, hsm_err ruling);
/* The same for a whole use, which begins the call's indicator anew. */
struct hsm_approval_case;
HSM_MUST_USE hsm_err hsm_core_rule_use(const hsm_core *core, hsm_session *session,
                                       const struct hsm_approval_case *use);
/* The same for what is signed or verified at once, which is known only after the operation's start; the
 * call's indicator says already what that was. */
HSM_MUST_USE hsm_err hsm_core_rule_data(const hsm_core *core, hsm_session *session,
                                        const hsm_mech *mech, hsm_op op, size_t data_len);
/* An operation of the session completed. */
void hsm_core_completed(hsm_session *session, bool is_approved);
/* Whether the object was made by an approved operation from keys that were, too. */
bool hsm_core_was_approved(const hsm_object *object);

#endif
