/* Who sees and who may change which object.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/internal.h"

bool hsm_core_sees_private(const hsm_core *core, const hsm_session *session)
{
    return hsm_token_login_state(core->slots[session->slot].token) == HSM_LOGIN_USER;
}

bool hsm_core_is_so(const hsm_core *core, const hsm_session *session)
{
    return hsm_token_login_state(core->slots[session->slot].token) == HSM_LOGIN_SO;
}

bool hsm_core_is_logged_in(const hsm_core *core, const hsm_session *session)
{
    return hsm_token_login_state(core->slots[session->slot].token) != HSM_LOGIN_NONE;
}

hsm_bytes hsm_core_serial(const hsm_core *core, uint32_t slot)
{
    return hsm_store_serial(core->store, slot);
}

/* Another process may have destroyed the object, or the user logged out meanwhile: for the caller
 * the handle is then as good as unknown. */
static hsm_err as_unknown(hsm_core *core, CK_OBJECT_HANDLE handle, hsm_err err)
{
    if (err == HSM_E_STORE_NOT_FOUND)
        hsm_handles_remove(core->handles, handle);
    if (err == HSM_E_STORE_NOT_FOUND || err == HSM_E_NOT_LOGGED_IN)
        return HSM_E_OBJECT_HANDLE;
    return err;
}

static hsm_err token_object(hsm_core *core, CK_OBJECT_HANDLE handle,
                            const hsm_handle_target *target, hsm_object **out_object)
{
    const hsm_err err = hsm_store_get(core->store, target->slot, target->id, out_object);

    return err == HSM_OK ? HSM_OK : as_unknown(core, handle, err);
}

hsm_err hsm_core_object(hsm_core *core, const hsm_session *session, CK_OBJECT_HANDLE handle,
                        hsm_object **out_object)
{
    hsm_handle_target target;

    HSM_TRY(hsm_handles_get(core->handles, handle, &target));
    HSM_AUTO(hsm_object_drop) hsm_object *held = target.object;
    HSM_CHECK(target.slot == session->slot, HSM_E_OBJECT_HANDLE);
    HSM_CHECK(!target.is_private || hsm_core_sees_private(core, session), HSM_E_OBJECT_HANDLE);
    if (target.is_token)
        return token_object(core, handle, &target, out_object);
    HSM_CHECK(atomic_load(&held->is_live), HSM_E_OBJECT_HANDLE);
    *out_object = HSM_MOVE(held);
    return HSM_OK;
}

hsm_err hsm_core_may_write(const hsm_core *core, const hsm_session *session, bool is_token,
                           bool is_private)
{
    HSM_CHECK(!is_token || session->is_rw, HSM_E_SESSION_READ_ONLY);
    HSM_CHECK(!is_private || hsm_core_sees_private(core, session), HSM_E_NOT_LOGGED_IN);
    return HSM_OK;
}
