/* Logging in and out, PINs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/async.h"
#include "core/audited.h"
#include "core/internal.h"

static void release_login(pthread_mutex_t **lock)
{
    (void)pthread_mutex_unlock(*lock);
}

/* What a login function needs to know of its session, which is not held while a PIN is checked. */
typedef struct session_facts {
    uint32_t slot;
    bool is_rw;
    bool waits_for_login; /* an operation with CKA_ALWAYS_AUTHENTICATE is open */
} session_facts;

static hsm_err facts_of(hsm_core *core, CK_SESSION_HANDLE handle, session_facts *out_facts)
{
    HSM_AUTO(hsm_session_release) hsm_session *session = NULL;

    HSM_TRY(hsm_core_session(core, handle, &session));
    *out_facts = (session_facts){ .slot = session->slot, .is_rw = session->is_rw };
    for (size_t i = 0; i < HSM_SLOT_COUNT; i++) {
        const hsm_operation *operation = &session->operation[i];

        out_facts->waits_for_login |= operation->is_open && operation->needs_login;
    }
    return HSM_OK;
}

/* After the right PIN: the operations that waited for it go on. */
static hsm_err grant_operations(hsm_core *core, CK_SESSION_HANDLE handle)
{
    HSM_AUTO(hsm_session_release) hsm_session *session = NULL;

    HSM_TRY(hsm_core_session(core, handle, &session));
    for (size_t i = 0; i < HSM_SLOT_COUNT; i++)
        session->operation[i].needs_login = false;
    return HSM_OK;
}

void hsm_core_revoke_operations(hsm_core *core, CK_SESSION_HANDLE handle)
{
    HSM_AUTO(hsm_session_release) hsm_session *session = NULL;

    if (hsm_session_get(core->sessions, handle, &session) != HSM_OK)
        return;
    for (size_t i = 0; i < HSM_SLOT_COUNT; i++) {
        hsm_operation *operation = &session->operation[i];

        operation->needs_login = operation->is_open && operation->object != NULL &&
                                 operation->object->always_authenticate;
    }
}

/* Who can't prove any more to be the user is not taken for him either (PKCS#11 v3.2, 4.9). */
static void logout_locked(hsm_core *core, uint32_t slot)
{
    HSM_AUTO(release_login) pthread_mutex_t *lock = &core->slots[slot].login_lock;

    (void)pthread_mutex_lock(lock);
    hsm_core_logout_slot(core, slot);
}

static hsm_err login_for_operation(hsm_core *core, CK_SESSION_HANDLE handle, hsm_bytes pin)
{
    session_facts facts;

    HSM_TRY(facts_of(core, handle, &facts));
    HSM_CHECK(facts.waits_for_login, HSM_E_OPERATION);
    const hsm_err err = hsm_token_check_pin(core->slots[facts.slot].token, pin);
    if (err == HSM_E_PIN_LOCKED)
        logout_locked(core, facts.slot);
    HSM_TRY(err);
    return grant_operations(core, handle);
}

static bool has_read_only(hsm_core *core, uint32_t slot)
{
    const hsm_session_counts counts = hsm_session_count(core->sessions, slot);

    return counts.sessions > counts.rw_sessions;
}

/* Whether the state machine of sessions admits the login, before any PIN is looked at. */
static hsm_err may_login(hsm_core *core, const session_facts *facts, hsm_session_event event)
{
    const hsm_login login = hsm_token_login_state(core->slots[facts->slot].token);
    hsm_session_state next;

    HSM_TRY(hsm_session_next_state(hsm_session_state_of(facts->is_rw, login), event, &next));
    HSM_CHECK(event != HSM_EVENT_LOGIN_SO || !has_read_only(core, facts->slot),
              HSM_E_SESSION_READ_ONLY_EXISTS);
    return HSM_OK;
}

hsm_err hsm_core_do_login(hsm_core *core, CK_SESSION_HANDLE handle, CK_USER_TYPE user,
                          hsm_bytes pin)
{
    session_facts facts;

    if (user == CKU_CONTEXT_SPECIFIC)
        return login_for_operation(core, handle, pin);
    HSM_CHECK(user == CKU_SO || user == CKU_USER, HSM_E_USER_TYPE);
    HSM_TRY(facts_of(core, handle, &facts));

    hsm_slot *slot = &core->slots[facts.slot];
    HSM_AUTO(release_login) pthread_mutex_t *lock = &slot->login_lock;
    (void)pthread_mutex_lock(lock);
    HSM_TRY(may_login(core, &facts, user == CKU_SO ? HSM_EVENT_LOGIN_SO : HSM_EVENT_LOGIN_USER));
    HSM_TRY(hsm_token_login(slot->token, user == CKU_SO ? HSM_USER_SO : HSM_USER_USER, pin));
    /* A read-only session may have been opened while the PIN was checked. */
    if (user == CKU_SO && has_read_only(core, facts.slot)) {
        hsm_core_logout_slot(core, facts.slot);
        return HSM_E_SESSION_READ_ONLY_EXISTS;
    }
    return HSM_OK;
}

static void forget_private(hsm_session **session, void *arg)
{
    hsm_core_logout_job(arg, *session);
    hsm_session_forget_keys(*session, true);
    hsm_search_end(&(*session)->search);
}

static bool is_private_of(const hsm_handle_target *target, const void *arg)
{
    return target->is_private && target->slot == *(const uint32_t *)arg;
}

void hsm_core_logout_slot(hsm_core *core, uint32_t slot)
{
    /* First nobody new sees private objects, then what is open on them ends. */
    if (hsm_token_logout(core->slots[slot].token) != HSM_OK)
        return;
    hsm_session_each(core->sessions, slot, forget_private, core);
    hsm_ephemeral_remove_private(core->ephemeral, slot);
    hsm_handles_remove_if(core->handles, is_private_of, &slot);
}

hsm_err hsm_core_do_logout(hsm_core *core, CK_SESSION_HANDLE handle)
{
    session_facts facts;

    HSM_TRY(facts_of(core, handle, &facts));
    hsm_slot *slot = &core->slots[facts.slot];
    HSM_AUTO(release_login) pthread_mutex_t *lock = &slot->login_lock;
    (void)pthread_mutex_lock(lock);
    HSM_CHECK(hsm_token_login_state(slot->token) != HSM_LOGIN_NONE, HSM_E_NOT_LOGGED_IN);
    hsm_core_logout_slot(core, facts.slot);
    return HSM_OK;
}

hsm_err hsm_core_do_init_pin(hsm_core *core, CK_SESSION_HANDLE handle, hsm_bytes pin)
{
    session_facts facts;

    HSM_TRY(facts_of(core, handle, &facts));
    hsm_slot *slot = &core->slots[facts.slot];
    HSM_AUTO(release_login) pthread_mutex_t *lock = &slot->login_lock;
    (void)pthread_mutex_lock(lock);
    HSM_CHECK(hsm_token_login_state(slot->token) == HSM_LOGIN_SO, HSM_E_NOT_LOGGED_IN);
    return hsm_token_init_pin(slot->token, pin);
}

hsm_err hsm_core_do_set_pin(hsm_core *core, CK_SESSION_HANDLE handle, hsm_bytes old_pin,
                            hsm_bytes new_pin)
{
    session_facts facts;

    HSM_TRY(facts_of(core, handle, &facts));
    HSM_CHECK(facts.is_rw, HSM_E_SESSION_READ_ONLY);
    hsm_slot *slot = &core->slots[facts.slot];
    HSM_AUTO(release_login) pthread_mutex_t *lock = &slot->login_lock;
    (void)pthread_mutex_lock(lock);
    const bool is_so = hsm_token_login_state(slot->token) == HSM_LOGIN_SO;
    return hsm_token_set_pin(slot->token, is_so ? HSM_USER_SO : HSM_USER_USER, old_pin, new_pin);
}
