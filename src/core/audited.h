/* How the core's calls are audited: what each file of core uses, and nobody else.
 *
 * A call that takes part is a small function around the one that does the work:
 *
 *     hsm_err hsm_core_find_init(core, session, tmpl)
 *     {
 *         if (!hsm_core_audits(core, HSM_AUDITED_FIND_OBJECTS))
 *             return hsm_core_do_find_init(core, session, tmpl);
 *         hsm_audited_call call;
 *         hsm_audited_begin(&call, core, session, HSM_AUDITED_FIND_OBJECTS);
 *         const hsm_err err = hsm_audited_end(&call, hsm_core_do_find_init(core, session, tmpl));
 *         ... take the effect back if err is HSM_E_AUDIT ...
 *     }
 *
 * The order, by the kind of effect (docs/audit-format.md): what only gives something out is done, written,
 * given out; what lasts is written as begun, done, written; what takes rights away is done, written.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_AUDITED_H
#define HSM_CORE_AUDITED_H

#include "audit/log.h"
#include "core/internal.h"

/* Whether such calls leave events: one memory read when the log is off. */
static inline bool hsm_core_audits(const hsm_core *core, hsm_audited operation)
{
    return core->audit != NULL && hsm_audit_wants(core->audit, operation);
}

/* A call under way. */
typedef struct hsm_audited_call {
    hsm_core *core;
    hsm_session *session; /* NULL: none is held */
    hsm_audit_event event;
    hsm_object *object; /* references, behind event.object and event.other */
    hsm_object *other;
    CK_OBJECT_HANDLE made[HSM_CORE_ADD_MAX]; /* by hsm_core_add(), to be taken back */
    size_t made_count;
    char client[HSM_CLIENT_MAX_BYTES + 1]; /* where no session is held */
} hsm_audited_call;

/* Begins for a session that the caller holds. */
void hsm_audited_begin(hsm_audited_call *call, hsm_core *core, hsm_session *session,
                       hsm_audited operation);
/* The same where the session is known by its handle only, and may be unknown. */
void hsm_audited_begin_handle(hsm_audited_call *call, hsm_core *core, CK_SESSION_HANDLE handle,
                              hsm_audited operation);
/* The same for what has no session, only a slot. */
void hsm_audited_begin_slot(hsm_audited_call *call, hsm_core *core, CK_SLOT_ID slot,
                            hsm_audited operation);
/* What is used: the mechanism as the caller named it (NULL: none), and objects. Unknown handles leave
 * no trace but the error. */
void hsm_audited_mechanism(hsm_audited_call *call, const CK_MECHANISM *mechanism);
void hsm_audited_row(hsm_audited_call *call, const hsm_mech *mech);
void hsm_audited_object(hsm_audited_call *call, CK_OBJECT_HANDLE handle);
void hsm_audited_other(hsm_audited_call *call, CK_OBJECT_HANDLE handle);
void hsm_audited_use(hsm_audited_call *call, hsm_object *object);
void hsm_audited_from(hsm_audited_call *call, hsm_object *other);

/* The event that an operation's calls leave. */
hsm_audited hsm_audited_of(hsm_op op);
/* Begins for an operation of the session, with its mechanism and key if it is open. */
void hsm_audited_begin_open(hsm_audited_call *call, hsm_core *core, hsm_session *session,
                            hsm_op op);

/* Writes that a lasting effect is about to be. errors HSM_E_AUDIT (it must not be) */
HSM_MUST_USE hsm_err hsm_audited_announce(hsm_audited_call *call);
/* For hsm_core_add(): the same where a call is being audited, and what it made. */
HSM_MUST_USE hsm_err hsm_audited_announce_add(const hsm_session *session, const hsm_draft *draft);
void hsm_audited_made(const hsm_session *session, const CK_OBJECT_HANDLE *handles, size_t count);

/* Writes the result and lets go of everything; objects that were made are destroyed if it can't be
 * written. HSM_E_PENDING is no result yet. Gives the call's error: result, or HSM_E_AUDIT. */
hsm_err hsm_audited_end(hsm_audited_call *call, hsm_err result);
/* The same for a call that gives bytes out, which are wiped if it can't be written. A question for the
 * length, or a buffer too small, is no event. */
hsm_err hsm_audited_end_out(hsm_audited_call *call, hsm_err result, hsm_out *out);

/* The same for a call that ends nothing: going well, it leaves no event. */
hsm_err hsm_audited_pass(hsm_audited_call *call, hsm_err err);

/* --- the log as part of the core (audit_open.c) -------------------------------------------------- */

/* Opens the log as configured and writes that the core is open. errors HSM_E_AUDIT */
HSM_MUST_USE hsm_err hsm_core_audit_start(hsm_core *core);
/* Writes that it closes, and closes the log. */
void hsm_core_audit_stop(hsm_core *core);

/* --- what is done, behind the audited calls of core.h -------------------------------------------- */

HSM_MUST_USE hsm_err hsm_core_do_open_session(hsm_core *core, CK_SLOT_ID slot_id, CK_FLAGS flags,
                                              const char *client, CK_SESSION_HANDLE *out_handle);
HSM_MUST_USE hsm_err hsm_core_do_close_session(hsm_core *core, CK_SESSION_HANDLE handle);
HSM_MUST_USE hsm_err hsm_core_do_close_all_sessions(hsm_core *core, CK_SLOT_ID slot);
HSM_MUST_USE hsm_err hsm_core_do_login(hsm_core *core, CK_SESSION_HANDLE handle, CK_USER_TYPE user,
                                       hsm_bytes pin);
HSM_MUST_USE hsm_err hsm_core_do_logout(hsm_core *core, CK_SESSION_HANDLE handle);
HSM_MUST_USE hsm_err hsm_core_do_init_pin(hsm_core *core, CK_SESSION_HANDLE handle, hsm_bytes pin);
HSM_MUST_USE hsm_err hsm_core_do_set_pin(hsm_core *core, CK_SESSION_HANDLE handle,
                                         hsm_bytes old_pin, hsm_bytes new_pin);
HSM_MUST_USE hsm_err hsm_core_do_init_token(hsm_core *core, CK_SLOT_ID slot, hsm_bytes so_pin,
                                            const uint8_t label[HSM_TOKEN_LABEL_BYTES]);
/* Undoes a context-specific login: operations on keys that ask for one wait for it again. */
void hsm_core_revoke_operations(hsm_core *core, CK_SESSION_HANDLE handle);

HSM_MUST_USE hsm_err hsm_core_do_create_object(hsm_core *core, hsm_session *session,
                                               const hsm_template *tmpl,
                                               CK_OBJECT_HANDLE *out_handle);
HSM_MUST_USE hsm_err hsm_core_do_copy_object(hsm_core *core, hsm_session *session,
                                             CK_OBJECT_HANDLE source, const hsm_template *changes,
                                             CK_OBJECT_HANDLE *out_handle);
HSM_MUST_USE hsm_err hsm_core_do_destroy_object(hsm_core *core, hsm_session *session,
                                                CK_OBJECT_HANDLE handle);
/* Destroys whatever CKA_DESTROYABLE says: to take back what was made a moment ago. */
HSM_MUST_USE hsm_err hsm_core_take_back(hsm_core *core, hsm_session *session,
                                        CK_OBJECT_HANDLE handle);
HSM_MUST_USE hsm_err hsm_core_do_set_attributes(hsm_core *core, hsm_session *session,
                                                CK_OBJECT_HANDLE handle,
                                                const hsm_template *changes);
HSM_MUST_USE hsm_err hsm_core_do_find_init(hsm_core *core, hsm_session *session,
                                           const hsm_template *tmpl);

HSM_MUST_USE hsm_err hsm_core_do_op_init(hsm_core *core, hsm_session *session, hsm_op op,
                                         const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
HSM_MUST_USE hsm_err hsm_core_do_op_single(hsm_core *core, hsm_session *session, hsm_op op,
                                           hsm_bytes in, hsm_out *out);
HSM_MUST_USE hsm_err hsm_core_do_op_update(hsm_core *core, hsm_session *session, hsm_op op,
                                           hsm_bytes in, hsm_out *out);
HSM_MUST_USE hsm_err hsm_core_do_op_final(hsm_core *core, hsm_session *session, hsm_op op,
                                          hsm_out *out);
HSM_MUST_USE hsm_err hsm_core_do_verify(hsm_core *core, hsm_session *session, hsm_bytes data,
                                        hsm_bytes signature);
HSM_MUST_USE hsm_err hsm_core_do_verify_final(hsm_core *core, hsm_session *session,
                                              hsm_bytes signature);
HSM_MUST_USE hsm_err hsm_core_do_digest_key(hsm_core *core, hsm_session *session,
                                            CK_OBJECT_HANDLE key);

HSM_MUST_USE hsm_err hsm_core_do_message_crypt(hsm_core *core, hsm_session *session, hsm_op op,
                                               const hsm_message_part *part, hsm_out *out);
HSM_MUST_USE hsm_err hsm_core_do_message_crypt_begin(hsm_core *core, hsm_session *session,
                                                     hsm_op op, const hsm_message_part *part);
HSM_MUST_USE hsm_err hsm_core_do_message_crypt_next(hsm_core *core, hsm_session *session, hsm_op op,
                                                    const hsm_message_part *part, hsm_out *out);
HSM_MUST_USE hsm_err hsm_core_do_message_sign(hsm_core *core, hsm_session *session,
                                              const hsm_message_part *part, hsm_out *out);
HSM_MUST_USE hsm_err hsm_core_do_message_verify(hsm_core *core, hsm_session *session,
                                                const hsm_message_part *part, hsm_bytes signature);
HSM_MUST_USE hsm_err hsm_core_do_message_sign_next(hsm_core *core, hsm_session *session,
                                                   const hsm_message_part *part, hsm_out *out);
HSM_MUST_USE hsm_err hsm_core_do_message_verify_next(hsm_core *core, hsm_session *session,
                                                     const hsm_message_part *part,
                                                     hsm_bytes signature);

HSM_MUST_USE hsm_err hsm_core_do_generate_key(hsm_core *core, hsm_session *session,
                                              const CK_MECHANISM *mechanism,
                                              const hsm_template *tmpl, CK_OBJECT_HANDLE *out_key);
HSM_MUST_USE hsm_err hsm_core_do_generate_pair(hsm_core *core, hsm_session *session,
                                               const hsm_pair_request *request,
                                               CK_OBJECT_HANDLE *out_public,
                                               CK_OBJECT_HANDLE *out_private);
HSM_MUST_USE hsm_err hsm_core_do_wrap_key(hsm_core *core, hsm_session *session,
                                          const hsm_wrap_request *request, hsm_out *wrapped);
HSM_MUST_USE hsm_err hsm_core_do_unwrap_key(hsm_core *core, hsm_session *session,
                                            const hsm_unwrap_request *request,
                                            CK_OBJECT_HANDLE *out_key);
HSM_MUST_USE hsm_err hsm_core_do_derive_key(hsm_core *core, hsm_session *session,
                                            const hsm_derive_request *request,
                                            CK_OBJECT_HANDLE *out_key);
HSM_MUST_USE hsm_err hsm_core_do_encapsulate_key(hsm_core *core, hsm_session *session,
                                                 const hsm_kem_request *request,
                                                 hsm_out *ciphertext, CK_OBJECT_HANDLE *out_key);
HSM_MUST_USE hsm_err hsm_core_do_decapsulate_key(hsm_core *core, hsm_session *session,
                                                 const hsm_kem_request *request,
                                                 hsm_bytes ciphertext, CK_OBJECT_HANDLE *out_key);

#endif
