/* One call under audit, from its beginning to its event.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/audited.h"

#include "base/log.h"
#include "core/key_bits.h"

static const char *login_name(const hsm_core *core, uint32_t slot)
{
    static const char *const names[] = {
        [HSM_LOGIN_NONE] = "none",
        [HSM_LOGIN_USER] = "user",
        [HSM_LOGIN_SO] = "so",
    };

    return names[hsm_token_login_state(core->slots[slot].token)];
}

static void begin(hsm_audited_call *call, hsm_core *core, hsm_audited operation)
{
    call->core = core;
    call->session = NULL;
    call->event = (hsm_audit_event){ .operation = operation };
    call->object = NULL;
    call->other = NULL;
    call->made_count = 0;
}

static void set_slot(hsm_audited_call *call, uint32_t slot)
{
    call->event.has_slot = true;
    call->event.slot = slot;
    call->event.user = login_name(call->core, slot);
}

void hsm_audited_begin(hsm_audited_call *call, hsm_core *core, hsm_session *session,
                       hsm_audited operation)
{
    begin(call, core, operation);
    set_slot(call, session->slot);
    call->event.session = session->handle;
    call->event.client = session->client;
    call->session = session;
    session->audited = call;
}

void hsm_audited_begin_handle(hsm_audited_call *call, hsm_core *core, CK_SESSION_HANDLE handle,
                              hsm_audited operation)
{
    HSM_AUTO(hsm_session_release) hsm_session *session = NULL;

    begin(call, core, operation);
    call->event.session = handle;
    if (hsm_session_get(core->sessions, handle, &session) != HSM_OK)
        return;
    set_slot(call, session->slot);
    if (session->client != NULL) { /* it may be gone when the event is written */
        memcpy(call->client, session->client, strlen(session->client) + 1);
        call->event.client = call->client;
    }
}

void hsm_audited_begin_slot(hsm_audited_call *call, hsm_core *core, CK_SLOT_ID slot,
                            hsm_audited operation)
{
    begin(call, core, operation);
    if (slot < core->slot_count)
        set_slot(call, (uint32_t)slot);
}

/* --- what is used ------------------------------------------------------------------------------- */

void hsm_audited_row(hsm_audited_call *call, const hsm_mech *mech)
{
    if (mech == NULL)
        return;
    call->event.has_mechanism = true;
    call->event.mechanism = mech->id;
    call->event.mechanism_name = mech->name;
    call->event.approved =
        mech->approval == HSM_NOT_APPROVED ? HSM_AUDIT_APPROVED_NO : HSM_AUDIT_APPROVED_YES;
}

void hsm_audited_mechanism(hsm_audited_call *call, const CK_MECHANISM *mechanism)
{
    if (mechanism == NULL)
        return;
    hsm_audited_row(call, hsm_mech_find(mechanism->mechanism));
    call->event.has_mechanism = true;
    call->event.mechanism = mechanism->mechanism;
}

static hsm_audit_object identity_of(const hsm_object *object)
{
    return (hsm_audit_object){ hsm_object_value(object, CKA_UNIQUE_ID),
                               hsm_object_value(object, CKA_LABEL) };
}

void hsm_audited_use(hsm_audited_call *call, hsm_object *object)
{
    if (object == NULL)
        return;
    hsm_object_release(call->object);
    call->object = hsm_object_acquire(object);
    call->event.object = identity_of(object);
    call->event.key_bits = hsm_core_key_bits(object);
}

void hsm_audited_object(hsm_audited_call *call, CK_OBJECT_HANDLE handle)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;

    if (hsm_core_object(call->core, call->session, handle, &object) == HSM_OK)
        hsm_audited_use(call, object);
}

void hsm_audited_from(hsm_audited_call *call, hsm_object *other)
{
    hsm_object_release(call->other);
    call->other = hsm_object_acquire(other);
    call->event.other = identity_of(other);
}

void hsm_audited_other(hsm_audited_call *call, CK_OBJECT_HANDLE handle)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;

    if (hsm_core_object(call->core, call->session, handle, &object) == HSM_OK)
        hsm_audited_from(call, object);
}

/* --- lasting effects ---------------------------------------------------------------------------- */

hsm_err hsm_audited_announce(hsm_audited_call *call)
{
    call->event.is_begin = true;
    const hsm_err err = hsm_audit_append(call->core->audit, &call->event);
    call->event.is_begin = false;
    return err;
}

hsm_err hsm_audited_announce_add(const hsm_session *session, const hsm_draft *draft)
{
    hsm_audited_call *call = session->audited;
    hsm_bytes label;

    if (call == NULL)
        return HSM_OK;
    const hsm_audit_object before = call->event.object;
    if (call->object == NULL && hsm_draft_get(draft, CKA_LABEL, &label))
        call->event.object.label = label;
    const hsm_err err = hsm_audited_announce(call);
    call->event.object = before;
    return err;
}

void hsm_audited_made(const hsm_session *session, const CK_OBJECT_HANDLE *handles, size_t count)
{
    hsm_audited_call *call = session->audited;

    for (size_t i = 0; call != NULL && i < count && call->made_count < HSM_CORE_ADD_MAX; i++)
        call->made[call->made_count++] = handles[i];
}

/* --- the end ------------------------------------------------------------------------------------ */

/* What was made is the event's object: of a pair the private key, with the public one beside it. */
static void tell_made(hsm_audited_call *call)
{
    if (call->made_count == 0)
        return;
    if (call->made_count > 1 && call->other == NULL)
        hsm_audited_other(call, call->made[0]);
    hsm_audited_object(call, call->made[call->made_count - 1]);
}

/* What the rules say of the operation as a whole, once it is complete; the row's own word before. */
static void tell_approved(hsm_audited_call *call)
{
    if (call->session == NULL || call->event.approved == HSM_AUDIT_APPROVED_UNKNOWN)
        return;
    call->event.approved =
        call->session->last_was_approved ? HSM_AUDIT_APPROVED_YES : HSM_AUDIT_APPROVED_NO;
}

static void take_back_made(hsm_audited_call *call)
{
    for (size_t i = 0; i < call->made_count; i++) {
        const hsm_err err = hsm_core_take_back(call->core, call->session, call->made[i]);

        if (err != HSM_OK)
            hsm_log(HSM_LOG_ERROR, "an object without a whole audit entry stays: %s",
                    hsm_err_text(err));
    }
}

static void let_go(hsm_audited_call *call)
{
    if (call->session != NULL)
        call->session->audited = NULL;
    hsm_object_release(call->object);
    hsm_object_release(call->other);
}

hsm_err hsm_audited_end(hsm_audited_call *call, hsm_err result)
{
    /* Refused for want of the log: it can't be told there. */
    hsm_err err = result == HSM_E_AUDIT ? HSM_E_AUDIT : HSM_OK;

    if (err == HSM_OK && result != HSM_E_PENDING) {
        if (result == HSM_OK) {
            tell_made(call);
            tell_approved(call);
        }
        call->event.result = result;
        err = hsm_audit_append(call->core->audit, &call->event);
        if (err != HSM_OK && result == HSM_OK)
            take_back_made(call);
    }
    let_go(call);
    return err == HSM_OK ? result : HSM_E_AUDIT;
}

hsm_err hsm_audited_end_out(hsm_audited_call *call, hsm_err result, hsm_out *out)
{
    if (result == HSM_E_BUFFER_TOO_SMALL || (result == HSM_OK && out->data == NULL)) {
        let_go(call);
        return result;
    }
    const hsm_err err = hsm_audited_end(call, result);
    if (err != HSM_OK && result == HSM_OK) {
        explicit_bzero(out->data, out->len <= out->cap ? out->len : out->cap);
        out->len = 0;
    }
    return err;
}
