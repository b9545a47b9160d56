/* The core: owns crypto, store, tokens and sessions and the rules between them. The front doors
 * (PKCS#11 ABI, daemon, admin) translate to these calls and back, nothing else.
 *
 * Functions that take a session get it locked from hsm_core_session(). Unless said otherwise they
 * follow PKCS#11 v3.2 to the letter: an error ends the operation, except HSM_E_BUFFER_TOO_SMALL and
 * a query for the length.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CORE_CORE_H
#define HSM_CORE_CORE_H

#include "base/bytes.h"
#include "base/ck.h"
#include "base/op.h"
#include "base/scope.h"
#include "base/template.h"

typedef struct hsm_core hsm_core;
typedef struct hsm_session hsm_session;
struct hsm_config;

#define HSM_LIBRARY_VERSION_MAJOR 0
#define HSM_LIBRARY_VERSION_MINOR 1
#define HSM_MANUFACTURER "Craton"

/* --- Life (general.c) ------------------------------------------------------------------------ */

/* Opens everything by the configuration (borrowed until close; NULL: found by the look-up order).
 * errors  HSM_E_CONFIG, HSM_E_STORE_*, HSM_E_CRYPTO, HSM_E_SELF_TEST, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_core_open(const struct hsm_config *config, hsm_core **out_core);
/* A second application beside the first, in the same process and on the same store: sessions, object
 * handles, session objects and logins are its own. A login in one opens nothing in the other; what
 * one commits the other sees as if they were two processes. The parent, which is no second
 * application itself, is closed last.
 * errors  HSM_E_ARG, HSM_E_STORE_*, HSM_E_CRYPTO, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_core_share(hsm_core *parent, hsm_core **out_core);
/* Closes everything; nobody is inside any more. NULL is allowed. */
void hsm_core_close(hsm_core *core);
/* Whether a self-test or the entropy source failed since open: the error state, which only closing
 * ends. Every function that takes a slot or resolves a session answers HSM_E_SELF_TEST then, and
 * nothing more is signed, decrypted, made or drawn. A front door that sees it lets nobody in any
 * more, waits until those inside have left, and closes the core, which wipes every key.
 * thread  any; no lock, no system call */
bool hsm_core_has_failed(const hsm_core *core);
/* In a forked child: forgets the parent's core without touching its files, locks or memory. */
void hsm_core_abandon(hsm_core *core);
/* Writes the sidecar of an installed file, the module or a program: its HMAC-SHA256 as a line of
 * hexadecimal digits in libcraton_hsm.hmac beside libcraton_hsm.so, in NAME.hmac beside another
 * NAME. No core need be open.
 * errors  HSM_E_STORE_... (reading or writing), HSM_E_CRYPTO, HSM_E_SELF_TEST, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_core_integrity_update(const char *path);
/* Compares the sidecar with the file, as opening a core does with the file it was loaded from.
 * errors  HSM_E_SELF_TEST (they do not fit), HSM_E_STORE_NOT_FOUND (no sidecar, or no file), others as
 *         above */
HSM_MUST_USE hsm_err hsm_core_integrity_verify(const char *path);

HSM_MUST_USE hsm_err hsm_core_random(hsm_core *core, hsm_session *session, uint8_t *data,
                                     size_t len);
HSM_MUST_USE hsm_err hsm_core_seed(hsm_core *core, hsm_session *session, hsm_bytes seed);

/* --- Slots and tokens (slots.c) -------------------------------------------------------------- */

uint32_t hsm_core_slot_count(const hsm_core *core);
/* Whether the slot's token is initialised (a token is always present).
 * errors  HSM_E_SLOT */
HSM_MUST_USE hsm_err hsm_core_slot_info(hsm_core *core, CK_SLOT_ID slot, CK_SLOT_INFO *out_info);
HSM_MUST_USE hsm_err hsm_core_token_info(hsm_core *core, CK_SLOT_ID slot, CK_TOKEN_INFO *out_info);
/* out_ids may be NULL to count; *count: room, then number. errors HSM_E_SLOT, BUFFER_TOO_SMALL */
HSM_MUST_USE hsm_err hsm_core_mechanism_list(hsm_core *core, CK_SLOT_ID slot,
                                             CK_MECHANISM_TYPE *out_ids, size_t *count);
HSM_MUST_USE hsm_err hsm_core_mechanism_info(hsm_core *core, CK_SLOT_ID slot, CK_MECHANISM_TYPE id,
                                             CK_MECHANISM_INFO *out_info);
/* errors  HSM_E_SESSION_EXISTS and those of hsm_token_init() */
HSM_MUST_USE hsm_err hsm_core_init_token(hsm_core *core, CK_SLOT_ID slot, hsm_bytes so_pin,
                                         const uint8_t label[32]);

/* --- Sessions and login (sessions.c, login.c) ------------------------------------------------- */

/* flags: CKF_SERIAL_SESSION and, optionally, CKF_RW_SESSION and CKF_ASYNC_SESSION. This token never
 * calls back, so there is no notification to keep.
 * errors  HSM_E_SLOT, HSM_E_SESSION_PARALLEL, HSM_E_SESSION_ASYNC, HSM_E_TOKEN_NOT_INITIALIZED,
 *         HSM_E_SESSION_COUNT, HSM_E_SESSION_SO_EXISTS */
HSM_MUST_USE hsm_err hsm_core_open_session(hsm_core *core, CK_SLOT_ID slot, CK_FLAGS flags,
                                           CK_SESSION_HANDLE *out_handle);
/* The same for somebody who is not this process: `client` says who in every event of the session.
 * in      client  at most 256 bytes of UTF-8, copied; NULL: as hsm_core_open_session()
 * errors  those above; HSM_E_ARG (client too long or not UTF-8; no session is open) */
HSM_MUST_USE hsm_err hsm_core_open_session_for(hsm_core *core, CK_SLOT_ID slot, CK_FLAGS flags,
                                               const char *client, CK_SESSION_HANDLE *out_handle);
HSM_MUST_USE hsm_err hsm_core_close_session(hsm_core *core, CK_SESSION_HANDLE handle);
HSM_MUST_USE hsm_err hsm_core_close_all_sessions(hsm_core *core, CK_SLOT_ID slot);
/* Resolves and locks a session; release with hsm_core_release() (HSM_AUTO).
 * errors  HSM_E_SESSION_HANDLE */
HSM_MUST_USE hsm_err hsm_core_session(hsm_core *core, CK_SESSION_HANDLE handle,
                                      hsm_session **out_session);
/* The same for a call that by nature follows another at once, such as C_Sign after C_SignInit: it
 * leaves the look at the clock for keys that nobody uses to that other call. */
HSM_MUST_USE hsm_err hsm_core_session_go_on(hsm_core *core, CK_SESSION_HANDLE handle,
                                            hsm_session **out_session);
void hsm_core_release(hsm_session **session);
HSM_MUST_USE hsm_err hsm_core_session_info(hsm_core *core, hsm_session *session,
                                           CK_SESSION_INFO *out_info);
/* What CKS_LAST_VALIDATION_OK asks for: CKF_CRATON_APPROVED when the session's last operation that
 * completed was an approved one (policy.c, crypto/approval.h), whether approved mode is on or not. */
CK_FLAGS hsm_core_validation_flags(const hsm_session *session);
/* Cancels the open operations named by CKF_... flags (C_SessionCancel). errors HSM_E_ARG (a flag
 * that names no operation) */
HSM_MUST_USE hsm_err hsm_core_session_cancel(hsm_core *core, hsm_session *session, CK_FLAGS flags);

/* --- Asynchronous sessions (async.c) ------------------------------------------------------------- */

/* Lets sessions be opened with CKF_ASYNC_SESSION, for which the core starts threads when the first of
 * their calls takes long. Such calls (core/async.h says which) answer HSM_E_PENDING, and leave their
 * results for hsm_core_async_complete(). errors HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_core_allow_async(hsm_core *core);

/* How a call ended. */
typedef struct hsm_async_result {
    bool has_ended;          /* with the error given; the rest is set */
    uint8_t *room;           /* that was given to the call, or NULL */
    size_t len;              /* bytes put there */
    CK_OBJECT_HANDLE object; /* what was made, the public key of a pair */
    CK_OBJECT_HANDLE other;  /* the private key of a pair */
} hsm_async_result;
/**
 * Ends a call that answered HSM_E_PENDING (C_AsyncComplete), if it is done.
 *
 * in      function  its name, as "C_Sign"
 * inout   result    empty before; NULL is HSM_E_ARG, and the call waits on
 * errors  HSM_E_OPERATION  no such call is on its way in this session
 *         HSM_E_PENDING    it is not done
 *         HSM_E_NOT_LOGGED_IN  it was begun under a login that has ended
 *         and those of the function
 */
HSM_MUST_USE hsm_err hsm_core_async_complete(hsm_core *core, hsm_session *session,
                                             const char *function, hsm_async_result *result);
/* What C_AsyncGetID answers: no call outlives its session here.
 * errors  HSM_E_OPERATION (no such call), HSM_E_STATE_UNSAVEABLE */
HSM_MUST_USE hsm_err hsm_core_async_id(const hsm_session *session, const char *function);

/* user: CKU_SO, CKU_USER, CKU_CONTEXT_SPECIFIC. The session is resolved by handle and not held
 * while the PIN is checked.
 * errors  those of hsm_token_login(), HSM_E_USER_TYPE, HSM_E_OPERATION (context specific and no
 *         operation waits for it), HSM_E_SESSION_READ_ONLY_EXISTS */
HSM_MUST_USE hsm_err hsm_core_login(hsm_core *core, CK_SESSION_HANDLE handle, CK_USER_TYPE user,
                                    hsm_bytes pin);
HSM_MUST_USE hsm_err hsm_core_logout(hsm_core *core, CK_SESSION_HANDLE handle);
HSM_MUST_USE hsm_err hsm_core_init_pin(hsm_core *core, CK_SESSION_HANDLE handle, hsm_bytes pin);
HSM_MUST_USE hsm_err hsm_core_set_pin(hsm_core *core, CK_SESSION_HANDLE handle, hsm_bytes old_pin,
                                      hsm_bytes new_pin);

/* --- Templates as the front doors bring them --------------------------------------------------- */

/* Whether attribute values of this type are nested templates. */
bool hsm_core_attr_is_template(CK_ATTRIBUTE_TYPE type);
/* Nested templates to and from their encoded form; as in store/attr.h. */
HSM_MUST_USE hsm_err hsm_core_template_encode(const hsm_template *tmpl, hsm_buf *out_encoded);
HSM_MUST_USE hsm_err hsm_core_template_decode(hsm_bytes encoded, hsm_template_owned *out_template);
void hsm_core_template_clear(hsm_template_owned *tmpl);

/* --- Objects (objects.c, attributes.c, find.c) -------------------------------------------------- */

HSM_MUST_USE hsm_err hsm_core_create_object(hsm_core *core, hsm_session *session,
                                            const hsm_template *tmpl, CK_OBJECT_HANDLE *out_handle);
HSM_MUST_USE hsm_err hsm_core_copy_object(hsm_core *core, hsm_session *session,
                                          CK_OBJECT_HANDLE source, const hsm_template *changes,
                                          CK_OBJECT_HANDLE *out_handle);
HSM_MUST_USE hsm_err hsm_core_destroy_object(hsm_core *core, hsm_session *session,
                                             CK_OBJECT_HANDLE handle);
HSM_MUST_USE hsm_err hsm_core_object_size(hsm_core *core, hsm_session *session,
                                          CK_OBJECT_HANDLE handle, CK_ULONG *out_size);
HSM_MUST_USE hsm_err hsm_core_set_attributes(hsm_core *core, hsm_session *session,
                                             CK_OBJECT_HANDLE handle, const hsm_template *changes);

/* An object's attributes opened for one C_GetAttributeValue. */
typedef struct hsm_attr_view hsm_attr_view;
HSM_MUST_USE hsm_err hsm_core_attributes_open(hsm_core *core, hsm_session *session,
                                              CK_OBJECT_HANDLE handle, hsm_attr_view **out_view);
/* A value, borrowed until close. out_is_template: it is a nested template in encoded form.
 * errors  HSM_E_ATTRIBUTE_TYPE, HSM_E_ATTRIBUTE_SENSITIVE */
HSM_MUST_USE hsm_err hsm_core_attributes_get(hsm_attr_view *view, CK_ATTRIBUTE_TYPE type,
                                             hsm_bytes *out_value, bool *out_is_template);
void hsm_core_attributes_close(hsm_attr_view *view);

HSM_MUST_USE hsm_err hsm_core_find_init(hsm_core *core, hsm_session *session,
                                        const hsm_template *tmpl);
/* Up to handles_max handles; *out_count 0 at the end. errors HSM_E_OPERATION */
HSM_MUST_USE hsm_err hsm_core_find(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE *handles,
                                   size_t handles_max, size_t *out_count);
HSM_MUST_USE hsm_err hsm_core_find_final(hsm_core *core, hsm_session *session);

/* --- Operations (operations.c): op is ENCRYPT, DECRYPT, DIGEST, SIGN, SIGN_RECOVER, VERIFY or
 *     VERIFY_RECOVER --------------------------------------------------------------------------- */

/* Opens an operation. key HSM_HANDLE_NONE for digests. mechanism NULL cancels an open operation
 * (PKCS#11 v3.0, 5.1.2 ff). errors  HSM_E_OPERATION_ACTIVE, HSM_E_KEY_HANDLE, HSM_E_MECHANISM...,
 *         HSM_E_KEY_FUNCTION, HSM_E_KEY_TYPE, HSM_E_KEY_SIZE, HSM_E_NOT_LOGGED_IN */
HSM_MUST_USE hsm_err hsm_core_op_init(hsm_core *core, hsm_session *session, hsm_op op,
                                      const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
/* Whole message: encrypt, decrypt, digest, sign, sign recover, verify recover (in: signature). */
HSM_MUST_USE hsm_err hsm_core_op_single(hsm_core *core, hsm_session *session, hsm_op op,
                                        hsm_bytes in, hsm_out *out);
/* out NULL for digest, sign and verify. */
HSM_MUST_USE hsm_err hsm_core_op_update(hsm_core *core, hsm_session *session, hsm_op op,
                                        hsm_bytes in, hsm_out *out);
HSM_MUST_USE hsm_err hsm_core_op_final(hsm_core *core, hsm_session *session, hsm_op op,
                                       hsm_out *out);
HSM_MUST_USE hsm_err hsm_core_verify(hsm_core *core, hsm_session *session, hsm_bytes data,
                                     hsm_bytes signature);
HSM_MUST_USE hsm_err hsm_core_verify_final(hsm_core *core, hsm_session *session,
                                           hsm_bytes signature);
/* The same where the signature comes first (C_VerifySignatureInit ...): an operation in the place of
 * HSM_OP_VERIFY, ended only by the calls of this group. errors as above */
#define HSM_SIGNATURE_MAX_BYTES ((size_t)64 * 1024)
HSM_MUST_USE hsm_err hsm_core_verify_signature_init(hsm_core *core, hsm_session *session,
                                                    const CK_MECHANISM *mechanism,
                                                    CK_OBJECT_HANDLE key, hsm_bytes signature);
HSM_MUST_USE hsm_err hsm_core_verify_signature(hsm_core *core, hsm_session *session,
                                               hsm_bytes data);
HSM_MUST_USE hsm_err hsm_core_verify_signature_update(hsm_core *core, hsm_session *session,
                                                      hsm_bytes part);
HSM_MUST_USE hsm_err hsm_core_verify_signature_final(hsm_core *core, hsm_session *session);
/* As hsm_core_abort(), for these. */
hsm_err hsm_core_verify_signature_abort(hsm_session *session, hsm_err err);
/* C_DigestKey. errors HSM_E_KEY_INDIGESTIBLE, HSM_E_KEY_HANDLE, HSM_E_OPERATION */
HSM_MUST_USE hsm_err hsm_core_digest_key(hsm_core *core, hsm_session *session,
                                         CK_OBJECT_HANDLE key);
/* Ends the open operation because a front door found an argument bad; returns err, or
 * HSM_E_OPERATION if none is open. */
hsm_err hsm_core_abort(hsm_session *session, hsm_op op, hsm_err err);

/* --- Messages (message.c, message_sign.c): op is MESSAGE_ENCRYPT, MESSAGE_DECRYPT, MESSAGE_SIGN or
 *     MESSAGE_VERIFY; opened, and cancelled, by hsm_core_op_init() ------------------------------- */

/* A message, or a part of one. An error ends the message, not the operation. */
typedef struct hsm_message_part {
    hsm_bytes param; /* CK_..._MESSAGE_PARAMS; signatures: empty, or the mechanism's own */
    hsm_bytes aad;   /* encrypt, decrypt: with the beginning */
    hsm_bytes in;
    bool is_last;
} hsm_message_part;

/* Whole messages. errors HSM_E_MECHANISM_PARAM, HSM_E_AEAD (decrypt), HSM_E_IV_SPENT (encrypt),
 *         HSM_E_OPERATION_ACTIVE (a message in parts goes on), those of hsm_core_op_single() */
HSM_MUST_USE hsm_err hsm_core_message_crypt(hsm_core *core, hsm_session *session, hsm_op op,
                                            const hsm_message_part *part, hsm_out *out);
HSM_MUST_USE hsm_err hsm_core_message_sign(hsm_core *core, hsm_session *session,
                                           const hsm_message_part *part, hsm_out *out);
HSM_MUST_USE hsm_err hsm_core_message_verify(hsm_core *core, hsm_session *session,
                                             const hsm_message_part *part, hsm_bytes signature);
/* Messages in parts. out, signature: used with the last part of a signature. errors as above,
 *         HSM_E_OPERATION (no message was begun), HSM_E_NOT_SUPPORTED (not in parts) */
HSM_MUST_USE hsm_err hsm_core_message_crypt_begin(hsm_core *core, hsm_session *session, hsm_op op,
                                                  const hsm_message_part *part);
HSM_MUST_USE hsm_err hsm_core_message_crypt_next(hsm_core *core, hsm_session *session, hsm_op op,
                                                 const hsm_message_part *part, hsm_out *out);
HSM_MUST_USE hsm_err hsm_core_message_sign_begin(hsm_core *core, hsm_session *session, hsm_op op,
                                                 const hsm_message_part *part);
HSM_MUST_USE hsm_err hsm_core_message_sign_next(hsm_core *core, hsm_session *session,
                                                const hsm_message_part *part, hsm_out *out);
HSM_MUST_USE hsm_err hsm_core_message_verify_next(hsm_core *core, hsm_session *session,
                                                  const hsm_message_part *part,
                                                  hsm_bytes signature);
/* Ends the operation. errors HSM_E_OPERATION, HSM_E_OPERATION_ACTIVE (a message goes on) */
HSM_MUST_USE hsm_err hsm_core_message_final(hsm_core *core, hsm_session *session, hsm_op op);
/* As hsm_core_abort(): the message ends that goes on, if any. */
hsm_err hsm_core_message_abort(hsm_session *session, hsm_op op, hsm_err err);

/* --- Saved states (state.c) ----------------------------------------------------------------------- */

/* The state of a digest, HMAC or CMAC in parts: what went in so far, HSM_STATE_FED_MAX_BYTES at most,
 * sealed for this token and this kind of session. A state may be restored more than once, also by
 * another process.
 * errors  HSM_E_OPERATION (nothing is open that could be saved), HSM_E_STATE_UNSAVEABLE (another kind
 *         of operation, several at once, or too much went in), HSM_E_BUFFER_TOO_SMALL */
#define HSM_STATE_FED_MAX_BYTES ((size_t)4096)
HSM_MUST_USE hsm_err hsm_core_get_state(hsm_core *core, hsm_session *session, hsm_out *out);
/* What is open is cancelled once the state was found good.
 * errors  HSM_E_SAVED_STATE, HSM_E_KEY_NEEDED, HSM_E_KEY_NOT_NEEDED, HSM_E_KEY_CHANGED, and those of
 *         hsm_core_op_init() */
HSM_MUST_USE hsm_err hsm_core_set_state(hsm_core *core, hsm_session *session, hsm_bytes state,
                                        CK_OBJECT_HANDLE encryption_key,
                                        CK_OBJECT_HANDLE authentication_key);

/* --- Keys (keys.c, wrap.c, derive.c) ------------------------------------------------------------ */

HSM_MUST_USE hsm_err hsm_core_generate_key(hsm_core *core, hsm_session *session,
                                           const CK_MECHANISM *mechanism, const hsm_template *tmpl,
                                           CK_OBJECT_HANDLE *out_key);
typedef struct hsm_pair_request {
    const CK_MECHANISM *mechanism;
    const hsm_template *public_template;
    const hsm_template *private_template;
} hsm_pair_request;
HSM_MUST_USE hsm_err hsm_core_generate_pair(hsm_core *core, hsm_session *session,
                                            const hsm_pair_request *request,
                                            CK_OBJECT_HANDLE *out_public,
                                            CK_OBJECT_HANDLE *out_private);
typedef struct hsm_wrap_request {
    const CK_MECHANISM *mechanism;
    CK_OBJECT_HANDLE wrapping_key;
    CK_OBJECT_HANDLE key;
    bool is_authenticated; /* C_WrapKeyAuthenticated: the mechanism has a message's parameter */
    hsm_bytes aad;         /* only then */
} hsm_wrap_request;
HSM_MUST_USE hsm_err hsm_core_wrap_key(hsm_core *core, hsm_session *session,
                                       const hsm_wrap_request *request, hsm_out *wrapped);
typedef struct hsm_unwrap_request {
    const CK_MECHANISM *mechanism;
    CK_OBJECT_HANDLE unwrapping_key;
    hsm_bytes wrapped;
    const hsm_template *tmpl;
    bool is_authenticated; /* C_UnwrapKeyAuthenticated */
    hsm_bytes aad;
} hsm_unwrap_request;
HSM_MUST_USE hsm_err hsm_core_unwrap_key(hsm_core *core, hsm_session *session,
                                         const hsm_unwrap_request *request,
                                         CK_OBJECT_HANDLE *out_key);
typedef struct hsm_derive_request {
    const CK_MECHANISM *mechanism;
    CK_OBJECT_HANDLE base_key;
    const hsm_template *tmpl;
    bool has_no_handle; /* the caller gave no place for it: for mechanisms that return all of
                           theirs in the parameter */
} hsm_derive_request;
HSM_MUST_USE hsm_err hsm_core_derive_key(hsm_core *core, hsm_session *session,
                                         const hsm_derive_request *request,
                                         CK_OBJECT_HANDLE *out_key);

/* --- Encapsulation (encapsulate.c) --------------------------------------------------------------- */

typedef struct hsm_kem_request {
    const CK_MECHANISM *mechanism;
    CK_OBJECT_HANDLE key; /* public to encapsulate, private to decapsulate */
    const hsm_template *tmpl;
} hsm_kem_request;
/* Makes a secret key object and the ciphertext that carries it (PKCS#11 v3.2, 5.18.8). With
 * ciphertext->data NULL, or too small a room, only ciphertext->len is set and no key is made.
 * errors  HSM_E_BUFFER_TOO_SMALL, HSM_E_KEY_HANDLE, HSM_E_KEY_SIZE, those of using a key and of
 *         templates */
HSM_MUST_USE hsm_err hsm_core_encapsulate_key(hsm_core *core, hsm_session *session,
                                              const hsm_kem_request *request, hsm_out *ciphertext,
                                              CK_OBJECT_HANDLE *out_key);
/* errors  HSM_E_UNWRAPPING_KEY_..., HSM_E_WRAPPED_KEY, HSM_E_WRAPPED_KEY_LEN, those of templates */
HSM_MUST_USE hsm_err hsm_core_decapsulate_key(hsm_core *core, hsm_session *session,
                                              const hsm_kem_request *request, hsm_bytes ciphertext,
                                              CK_OBJECT_HANDLE *out_key);

#endif
