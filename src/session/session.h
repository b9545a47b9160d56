/* Sessions: the table of handles, one session's state and its open operations.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_SESSION_SESSION_H
#define HSM_SESSION_SESSION_H

#include <pthread.h>

#include "base/ck.h"
#include "base/handle.h"
#include "base/op.h"
#include "crypto/crypt.h"
#include "store/object.h"
#include "token/token.h"

/* Operations a session can have open at once, one of each. */
typedef enum hsm_op_slot {
    HSM_SLOT_ENCRYPT,
    HSM_SLOT_DECRYPT,
    HSM_SLOT_DIGEST,
    HSM_SLOT_SIGN,
    HSM_SLOT_SIGN_RECOVER,
    HSM_SLOT_VERIFY,
    HSM_SLOT_VERIFY_RECOVER,
    HSM_SLOT_MESSAGE_ENCRYPT,
    HSM_SLOT_MESSAGE_DECRYPT,
    HSM_SLOT_MESSAGE_SIGN,
    HSM_SLOT_MESSAGE_VERIFY,
    HSM_SLOT_COUNT,
} hsm_op_slot;

/* What an operation on messages keeps from one message to the next. */
typedef struct hsm_message {
    bool is_in_parts;       /* C_...MessageBegin was called, and its message goes on */
    uint32_t tag_bits;      /* of the message that goes on */
    hsm_mech_params params; /* sign, verify: of the mechanism */
    hsm_buf spans;          /* what params points into */
} hsm_message;

/* One operation. crypt and object stay after its end, to be used again by the next operation with
 * the same key; hsm_session_forget_keys() drops them. */
typedef struct hsm_operation {
    const hsm_mech *mech; /* of the last operation */
    bool is_admitted; /* it was opened with object: what neither changes need not be asked again */
    bool is_open;
    /* What the approved mode's rules, in force or not, say of it, or of the message that goes on, before
     * its data is known. Stays after the end: it is true of the next one, too, that is admitted at once. */
    bool is_approved;
    bool needs_login;   /* CKA_ALWAYS_AUTHENTICATE: until C_Login(context specific) */
    bool must_forget;   /* at its end: a logout came while it was open */
    hsm_crypt *crypt;   /* made on first use */
    hsm_object *object; /* the key, one reference; NULL for digests */
    bool is_announced;  /* an event says that parts of its text are handed out */
    bool has_signature; /* VERIFY: it was given at the start, in `signature` */
    hsm_buf signature;
    /* DIGEST, SIGN, VERIFY in parts: what went in, while it is little enough to be saved. */
    hsm_secret *fed; /* NULL while nothing did; longer than what is in it */
    size_t fed_len;
    bool is_unsaveable;
    uint32_t mac_len;        /* as the mechanism's parameter said; 0: it has none */
    hsm_message *message;    /* while an operation on messages is open; else NULL */
    CK_OBJECT_HANDLE handle; /* under which the caller knows it */
} hsm_operation;

/* An open search: candidates are verified as they are handed out. */
typedef struct hsm_search {
    bool is_open;
    hsm_buf ids; /* uint64_t each */
    size_t next;
    hsm_template_owned tmpl;
} hsm_search;

/* Session states (CKS_...), as an index. */
typedef enum hsm_session_state {
    HSM_STATE_RO_PUBLIC,
    HSM_STATE_RO_USER,
    HSM_STATE_RW_PUBLIC,
    HSM_STATE_RW_USER,
    HSM_STATE_RW_SO,
    HSM_STATE_COUNT,
} hsm_session_state;

typedef enum hsm_session_event {
    HSM_EVENT_LOGIN_USER,
    HSM_EVENT_LOGIN_SO,
    HSM_EVENT_LOGOUT,
    HSM_EVENT_COUNT,
} hsm_session_event;

/* The table (state, event) -> (state or error) of PKCS#11 v3.2, 5.6.
 * errors  HSM_E_ARG (no such state or event), HSM_E_ALREADY_LOGGED_IN, HSM_E_OTHER_USER_LOGGED_IN, HSM_E_NOT_LOGGED_IN,
 *         HSM_E_SESSION_READ_ONLY_EXISTS (SO login with a read-only session) */
HSM_MUST_USE hsm_err hsm_session_next_state(hsm_session_state state, hsm_session_event event,
                                            hsm_session_state *out_state);
/* The state a session is in by its token's login. A read-only session beside a logged in SO can't
 * be opened; asked for all the same, it is a public one. */
hsm_session_state hsm_session_state_of(bool is_rw, hsm_login login);

/* A call that threads of the core compute; what it is, only core knows (core/async.h). */
typedef struct hsm_pending {
    const struct hsm_job_kind *kind; /* NULL: none */
    struct hsm_job *job;             /* NULL: a logout ended it before its caller asked */
    uint8_t *room;                   /* the caller's, for the result */
} hsm_pending;

typedef struct hsm_session {
    pthread_mutex_t lock;
    CK_SESSION_HANDLE handle; /* HSM_HANDLE_NONE while the struct is in the pool */
    uint32_t slot;
    bool is_rw;
    bool is_async;           /* CKF_ASYNC_SESSION; set by core, as the next one is */
    hsm_pending pending;     /* nothing when the session is closed */
    CK_VOID_PTR application; /* of C_OpenSession: given back to Notify, never read */
    CK_NOTIFY notify;
    hsm_operation operation[HSM_SLOT_COUNT];
    hsm_crypt
        *wrapping; /* wraps and unwraps keys, each time whole; made on first use, keeps contexts */
    hsm_search search;
    char *client;                     /* who asks from afar, UTF-8; NULL: this process itself */
    struct hsm_audited_call *audited; /* the call under way, if it is audited; set by core */
    bool has_objects;                 /* session objects were made here; set by core */
    /* The indicator of the approved mode, in force or not: of the call under way, and of the last
     * operation that completed (PKCS#11 v3.2, 4.16). Kept by core/policy.c. */
    bool is_approved;
    bool last_was_approved;
    uint32_t turn;     /* of core/idle.c when it was last used */
    uint32_t position; /* the table's own: place in the slot's list, under its lock */
} hsm_session;

/* All sessions of the application, over all slots. */
typedef struct hsm_session_table hsm_session_table;

typedef struct hsm_session_limits {
    uint32_t slot_count;
    uint32_t sessions_max;    /* per slot */
    uint32_t rw_sessions_max; /* per slot */
} hsm_session_limits;

/* in      limits  slot_count 1 .. 256, sessions_max 1 .. 1,000,000, rw_sessions_max at most that
 * errors  HSM_E_ARG, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_session_table_create(const hsm_session_limits *limits,
                                              hsm_session_table **out_table);
/* Closes what is open and frees; NULL is allowed. */
void hsm_session_table_destroy(hsm_session_table *table);
HSM_DEFINE_DROP(hsm_session_table)

/* Opens a session. O(1), no slower with many open; no system call, and no allocation unless more
 * sessions are open than ever before. application and notify are NULL: the caller's to set.
 * in      is_so  the SO is logged in: a read-only session is HSM_E_SESSION_SO_EXISTS
 * errors  HSM_E_SLOT, HSM_E_SESSION_COUNT, HSM_E_SESSION_SO_EXISTS, HSM_E_NO_MEMORY
 * thread  takes the slot's list lock, then (not within it) the new session's lock */
HSM_MUST_USE hsm_err hsm_session_open(hsm_session_table *table, uint32_t slot, bool is_rw,
                                      bool is_so, CK_SESSION_HANDLE *out_handle);
/* Resolves and locks. No lock shared between sessions is taken.
 * errors  HSM_E_SESSION_HANDLE */
HSM_MUST_USE hsm_err hsm_session_get(hsm_session_table *table, CK_SESSION_HANDLE handle,
                                     hsm_session **out_session);
/* Names who the session is for, as events show it, until it closes. NULL: nobody but this process.
 * in      client  at most HSM_CLIENT_MAX_BYTES of UTF-8; copied
 * errors  HSM_E_ARG, HSM_E_NO_MEMORY
 * thread  the session's lock is held */
#define HSM_CLIENT_MAX_BYTES 256u
HSM_MUST_USE hsm_err hsm_session_set_client(hsm_session *session, const char *client);
/* Unlocks; for HSM_AUTO. */
void hsm_session_release(hsm_session **session);
/* Closes a session that the caller holds locked (and unlocks it): operations end, contexts are
 * wiped, the struct goes back to the pool. *session becomes NULL. */
void hsm_session_close(hsm_session_table *table, hsm_session **session);

/* Sessions of a slot. */
typedef struct hsm_session_counts {
    uint32_t sessions;
    uint32_t rw_sessions;
} hsm_session_counts;
/* Zeros for a slot that does not exist. */
hsm_session_counts hsm_session_count(hsm_session_table *table, uint32_t slot);
/* Calls visit for each session of the slot with its lock held; visit may close the session by
 * hsm_session_close(), or release it, which both leave *session NULL. A session open throughout is
 * visited, though perhaps twice while others close; one opened meanwhile may be missed.
 * thread  takes the slot's list lock only to step, never while visiting; the caller holds no
 *         session's lock */
void hsm_session_each(hsm_session_table *table, uint32_t slot,
                      void (*visit)(hsm_session **session, void *arg), void *arg);

/* The operation slot of an operation kind; HSM_SLOT_COUNT for a kind that has none. */
static inline hsm_op_slot hsm_op_slot_of(hsm_op op)
{
    /* Both enumerations have the same order, with other kinds in between. */
    enum { FIRST = (1u << (HSM_SLOT_VERIFY_RECOVER + 1)) - 1, SKIPPED = 8 };
    _Static_assert(
        HSM_OP_ENCRYPT == 1u << HSM_SLOT_ENCRYPT && HSM_OP_DECRYPT == 1u << HSM_SLOT_DECRYPT &&
            HSM_OP_DIGEST == 1u << HSM_SLOT_DIGEST && HSM_OP_SIGN == 1u << HSM_SLOT_SIGN &&
            HSM_OP_SIGN_RECOVER == 1u << HSM_SLOT_SIGN_RECOVER &&
            HSM_OP_VERIFY == 1u << HSM_SLOT_VERIFY &&
            HSM_OP_VERIFY_RECOVER == 1u << HSM_SLOT_VERIFY_RECOVER &&
            HSM_OP_MESSAGE_ENCRYPT == 1u << (HSM_SLOT_MESSAGE_ENCRYPT + SKIPPED) &&
            HSM_OP_MESSAGE_DECRYPT == 1u << (HSM_SLOT_MESSAGE_DECRYPT + SKIPPED) &&
            HSM_OP_MESSAGE_SIGN == 1u << (HSM_SLOT_MESSAGE_SIGN + SKIPPED) &&
            HSM_OP_MESSAGE_VERIFY == 1u << (HSM_SLOT_MESSAGE_VERIFY + SKIPPED),
        "the order of base/op.h");
    const unsigned slots =
        ((unsigned)op & FIRST) | ((unsigned)op & (unsigned)HSM_OPS_MESSAGE) >> SKIPPED;
    const int slot = __builtin_ctz(slots | 1u << HSM_SLOT_COUNT);

    return (hsm_op_slot)slot;
}
/* Makes sure operation->crypt exists. errors HSM_E_NO_MEMORY, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_operation_prepare(hsm_operation *operation, hsm_crypto *crypto);
/* Closes an operation, keeping context and key for reuse. */
void hsm_operation_end(hsm_operation *operation);
/* Closes it and frees all that it kept. */
void hsm_operation_clear(hsm_operation *operation);
/* Makes sure session->wrapping exists. errors HSM_E_NO_MEMORY, HSM_E_CRYPTO */
HSM_MUST_USE hsm_err hsm_session_prepare_wrapping(hsm_session *session, hsm_crypto *crypto);
/* Drops all keyed contexts and keys, and ends the operations open on them: with only_private
 * (logout) those on private objects; one open on a public object or none goes on, and its contexts
 * are dropped when it ends. thread: the session's lock is held */
void hsm_session_forget_keys(hsm_session *session, bool only_private);
/* Ends the search. */
void hsm_search_end(hsm_search *search);

#endif
