/* Sessions, logins and PINs under audit (audited.h).
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/audited.h"
#include "core/remote.h"

hsm_err hsm_core_open_session_for(hsm_core *core, CK_SLOT_ID slot, CK_FLAGS flags,
                                  const char *client, CK_SESSION_HANDLE *out_handle)
{
    hsm_audited_call call;
    CK_SESSION_HANDLE handle = HSM_HANDLE_NONE;

    if (!hsm_core_audits(core, HSM_AUDITED_OPEN_SESSION))
        return hsm_core_do_open_session(core, slot, flags, client, out_handle);
    hsm_audited_begin_slot(&call, core, slot, HSM_AUDITED_OPEN_SESSION);
    const hsm_err done = hsm_core_do_open_session(core, slot, flags, client, &handle);
    call.event.session = handle;
    call.event.client = client;
    const hsm_err err = hsm_audited_end(&call, done);
    if (done == HSM_OK && err != HSM_OK)
        HSM_TRY(hsm_core_do_close_session(core, handle));
    HSM_TRY(err);
    *out_handle = handle;
    return HSM_OK;
}

hsm_err hsm_core_open_session(hsm_core *core, CK_SLOT_ID slot, CK_FLAGS flags,
                              CK_SESSION_HANDLE *out_handle)
{
    return hsm_core_open_session_for(core, slot, flags, NULL, out_handle);
}

hsm_err hsm_core_close_session(hsm_core *core, CK_SESSION_HANDLE handle)
{
    hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_CLOSE_SESSION))
        return hsm_core_do_close_session(core, handle);
    hsm_audited_begin_handle(&call, core, handle, HSM_AUDITED_CLOSE_SESSION);
    return hsm_audited_end(&call, hsm_core_do_close_session(core, handle));
}

hsm_err hsm_core_close_all_sessions(hsm_core *core, CK_SLOT_ID slot)
{
    hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_CLOSE_SESSION))
        return hsm_core_do_close_all_sessions(core, slot);
    hsm_audited_begin_slot(&call, core, slot, HSM_AUDITED_CLOSE_SESSION);
    call.event.detail = "all sessions of the slot";
    if (slot < core->slot_count)
        call.event.amount = hsm_session_count(core->sessions, (uint32_t)slot).sessions;
    return hsm_audited_end(&call, hsm_core_do_close_all_sessions(core, slot));
}

/* Gives a login back that no event tells of. */
static void undo_login(hsm_core *core, const hsm_audited_call *call, CK_USER_TYPE user)
{
    if (user == CKU_CONTEXT_SPECIFIC) {
        hsm_core_revoke_operations(core, call->event.session);
        return;
    }
    hsm_slot *slot = &core->slots[call->event.slot];
    (void)pthread_mutex_lock(&slot->login_lock);
    hsm_core_logout_slot(core, call->event.slot);
    (void)pthread_mutex_unlock(&slot->login_lock);
}

static const char *user_name(CK_USER_TYPE user)
{
    if (user == CKU_SO)
        return "so";
    return user == CKU_CONTEXT_SPECIFIC ? "context_specific" : "user";
}

hsm_err hsm_core_login(hsm_core *core, CK_SESSION_HANDLE handle, CK_USER_TYPE user, hsm_bytes pin)
{
    hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_LOGIN))
        return hsm_core_do_login(core, handle, user, pin);
    hsm_audited_begin_handle(&call, core, handle, HSM_AUDITED_LOGIN);
    call.event.user = user_name(user); /* who wants to be logged in */
    const hsm_err done = hsm_core_do_login(core, handle, user, pin);
    const hsm_err err = hsm_audited_end(&call, done);
    if (done == HSM_OK && err != HSM_OK)
        undo_login(core, &call, user);
    return err;
}

hsm_err hsm_core_logout(hsm_core *core, CK_SESSION_HANDLE handle)
{
    hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_LOGOUT))
        return hsm_core_do_logout(core, handle);
    hsm_audited_begin_handle(&call, core, handle, HSM_AUDITED_LOGOUT);
    return hsm_audited_end(&call, hsm_core_do_logout(core, handle));
}

hsm_err hsm_core_init_pin(hsm_core *core, CK_SESSION_HANDLE handle, hsm_bytes pin)
{
    hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_INIT_PIN))
        return hsm_core_do_init_pin(core, handle, pin);
    hsm_audited_begin_handle(&call, core, handle, HSM_AUDITED_INIT_PIN);
    hsm_err err = hsm_audited_announce(&call);
    if (err == HSM_OK)
        err = hsm_core_do_init_pin(core, handle, pin);
    return hsm_audited_end(&call, err);
}

hsm_err hsm_core_set_pin(hsm_core *core, CK_SESSION_HANDLE handle, hsm_bytes old_pin,
                         hsm_bytes new_pin)
{
    hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_SET_PIN))
        return hsm_core_do_set_pin(core, handle, old_pin, new_pin);
    hsm_audited_begin_handle(&call, core, handle, HSM_AUDITED_SET_PIN);
    hsm_err err = hsm_audited_announce(&call);
    if (err == HSM_OK)
        err = hsm_core_do_set_pin(core, handle, old_pin, new_pin);
    return hsm_audited_end(&call, err);
}

hsm_err hsm_core_init_token(hsm_core *core, CK_SLOT_ID slot, hsm_bytes so_pin,
                            const uint8_t label[HSM_TOKEN_LABEL_BYTES])
{
    hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_INIT_TOKEN))
        return hsm_core_do_init_token(core, slot, so_pin, label);
    hsm_audited_begin_slot(&call, core, slot, HSM_AUDITED_INIT_TOKEN);
    call.event.object.label = hsm_bytes_of(label, HSM_TOKEN_LABEL_BYTES);
    while (call.event.object.label.len > 0 && label[call.event.object.label.len - 1] == ' ')
        call.event.object.label.len--;
    hsm_err err = hsm_audited_announce(&call);
    if (err == HSM_OK)
        err = hsm_core_do_init_token(core, slot, so_pin, label);
    return hsm_audited_end(&call, err);
}

hsm_err hsm_core_refused(hsm_core *core, const char *client, const char *what)
{
    const hsm_audit_event event = {
        .operation = HSM_AUDITED_REFUSE,
        .result = HSM_E_ACTION_PROHIBITED,
        .client = client,
        .detail = what,
    };

    return core->audit == NULL ? HSM_OK : hsm_audit_append(core->audit, &event);
}
