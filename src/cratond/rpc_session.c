/* Sessions, logins and PINs.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cratond/convert.h"
#include "cratond/handlers.h"
#include "cratond/internal.h"
#include "os/clock.h"

#define LABEL_BYTES 32

static int64_t clock_ms(void)
{
    return (int64_t)(hsm_clock_monotonic_ns() / HSM_NS_PER_MS);
}

hsm_err rpc_open_session(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__OpenSessionRequest *in = request;
    CratonHsm__OpenSessionResponse *out = response;
    const CK_FLAGS flags = CKF_SERIAL_SESSION | (in->read_write ? CKF_RW_SESSION : 0);

    HSM_TRY(wire_may_slot(context, in->slot_id));
    HSM_TRY(hsm_core_open_session_for(context->core, (CK_SLOT_ID)in->slot_id, flags,
                                      context->client->name, &context->session));
    context->slot = (uint32_t)in->slot_id;
    context->is_rw = in->read_write;
    out->session_handle = context->wire_handle;
    return HSM_OK;
}

hsm_err rpc_close_session(rpc_context *context, const void *request, void *response)
{
    (void)request;
    (void)response;
    return hsm_core_close_session(context->core, context->session);
}

/* Each PIN that a client gives is counted by the token, and by us, for this client. */
static hsm_err tried(rpc_context *context, uint32_t slot, hsm_err outcome)
{
    client_tried(context->client, slot, outcome, clock_ms());
    return outcome;
}

static hsm_err may_try(const rpc_context *context, uint32_t slot)
{
    return client_must_wait(context->client, slot, clock_ms()) ? HSM_E_LOGIN_COOLDOWN : HSM_OK;
}

hsm_err rpc_login(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__LoginRequest *in = request;

    (void)response;
    HSM_CHECK(in->user_type <= CKU_CONTEXT_SPECIFIC, HSM_E_USER_TYPE);
    /* Whoever administers tokens does not use keys, and the other way round. */
    if (in->user_type != CKU_CONTEXT_SPECIFIC && context->client->rule != NULL &&
        client_is_operator(context->client) != (in->user_type == CKU_SO))
        return wire_refuse(context, "Login as a user not of its role");
    HSM_TRY(may_try(context, context->slot));
    return tried(context, context->slot,
                 hsm_core_login(context->core, context->session, (CK_USER_TYPE)in->user_type,
                                wire_bytes(in->pin)));
}

hsm_err rpc_logout(rpc_context *context, const void *request, void *response)
{
    (void)request;
    (void)response;
    return hsm_core_logout(context->core, context->session);
}

hsm_err rpc_init_token(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__InitTokenRequest *in = request;
    const size_t len = strlen(in->label);
    uint8_t label[LABEL_BYTES];

    (void)response;
    HSM_TRY(wire_may_slot(context, in->slot_id));
    HSM_CHECK(in->slot_id < hsm_core_slot_count(context->core), HSM_E_SLOT);
    HSM_CHECK(len <= sizeof label, HSM_E_ARG);
    /* The core sees this client's sessions only. */
    HSM_CHECK(atomic_load(&context->server->slot_sessions[in->slot_id]) == 0, HSM_E_SESSION_EXISTS);
    HSM_TRY(may_try(context, (uint32_t)in->slot_id));
    memset(label, ' ', sizeof label);
    memcpy(label, in->label, len);
    return tried(
        context, (uint32_t)in->slot_id,
        hsm_core_init_token(context->core, (CK_SLOT_ID)in->slot_id, wire_bytes(in->so_pin), label));
}

hsm_err rpc_init_pin(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__InitPINRequest *in = request;

    (void)response;
    return hsm_core_init_pin(context->core, context->session, wire_bytes(in->pin));
}

hsm_err rpc_set_pin(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__SetPINRequest *in = request;

    (void)response;
    HSM_TRY(may_try(context, context->slot));
    return tried(context, context->slot,
                 hsm_core_set_pin(context->core, context->session, wire_bytes(in->old_pin),
                                  wire_bytes(in->new_pin)));
}
