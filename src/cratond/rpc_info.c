/* Calls that tell about the daemon, its slots and mechanisms.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/operator.h"
#include "core/remote.h"
#include "cratond/convert.h"
#include "cratond/handlers.h"
#include "cratond/internal.h"
#include "os/clock.h"

#define MS_PER_SEC 1000
#define MECHANISMS_MAX 1024u

static char *text_of(rpc_context *context, const char *text)
{
    return arena_text(context->memory, hsm_bytes_of_text(text));
}

/* A blank-padded field without its blanks. */
static char *field_text(rpc_context *context, const CK_UTF8CHAR *field, size_t len)
{
    while (len > 0 && field[len - 1] == ' ')
        len--;
    return arena_text(context->memory, hsm_bytes_of(field, len));
}

/* Objects that anybody may see, over all slots. */
static hsm_err count_objects(hsm_core *core, uint64_t *out_total)
{
    uint64_t total = 0;

    for (uint32_t slot = 0; slot < hsm_core_slot_count(core); slot++) {
        uint64_t count = 0;

        HSM_TRY(hsm_core_count_objects(core, slot, &count));
        total += count;
    }
    *out_total = total;
    return HSM_OK;
}

hsm_err rpc_daemon_health(rpc_context *context, const void *request, void *response)
{
    const server *of = context->server;
    CratonHsm__HealthCheckResponse *out = response;
    const int64_t now_ms = (int64_t)(hsm_clock_monotonic_ns() / HSM_NS_PER_MS);
    char version[32];

    (void)request;
    (void)snprintf(version, sizeof version, "%d.%d", HSM_LIBRARY_VERSION_MAJOR,
                   HSM_LIBRARY_VERSION_MINOR);
    out->version = text_of(context, version);
    out->crypto_backend = text_of(context, of->config->algorithms.crypto_backend);
    HSM_CHECK(out->version != NULL && out->crypto_backend != NULL, HSM_E_NO_MEMORY);
    out->uptime_secs = (uint64_t)((now_ms - of->started_ms) / MS_PER_SEC);
    out->active_sessions = atomic_load(&of->sessions_open);
    out->fips_mode = of->config->algorithms.fips_approved_only;
    HSM_TRY(count_objects(context->core, &out->total_objects));
    out->healthy = true;
    return HSM_OK;
}

static hsm_err put_slot(rpc_context *context, uint32_t slot, CratonHsm__Slot **out_slot)
{
    CK_TOKEN_INFO info;
    CratonHsm__Slot *made = arena_alloc(context->memory, sizeof *made);

    HSM_CHECK(made != NULL, HSM_E_NO_MEMORY);
    craton_hsm__slot__init(made);
    HSM_TRY(hsm_core_token_info(context->core, slot, &info));
    made->slot_id = slot;
    made->initialized = (info.flags & CKF_TOKEN_INITIALIZED) != 0;
    made->user_pin_initialized = (info.flags & CKF_USER_PIN_INITIALIZED) != 0;
    made->token_label = field_text(context, info.label, sizeof info.label);
    made->serial_number = field_text(context, info.serialNumber, sizeof info.serialNumber);
    HSM_CHECK(made->token_label != NULL && made->serial_number != NULL, HSM_E_NO_MEMORY);
    *out_slot = made;
    return HSM_OK;
}

hsm_err rpc_list_slots(rpc_context *context, const void *request, void *response)
{
    CratonHsm__ListSlotsResponse *out = response;
    const uint32_t count = hsm_core_slot_count(context->core);

    (void)request;
    out->slots = arena_alloc(context->memory, count * sizeof *out->slots);
    HSM_CHECK(out->slots != NULL, HSM_E_NO_MEMORY);
    for (uint32_t slot = 0; slot < count; slot++) {
        if (!client_may_slot(context->client, slot))
            continue;
        HSM_TRY(put_slot(context, slot, &out->slots[out->n_slots]));
        out->n_slots++;
    }
    return HSM_OK;
}

hsm_err rpc_mechanism_list(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__GetMechanismListRequest *in = request;
    CratonHsm__GetMechanismListResponse *out = response;
    size_t count = 0;

    HSM_TRY(wire_may_slot(context, in->slot_id));
    HSM_TRY(hsm_core_mechanism_list(context->core, (CK_SLOT_ID)in->slot_id, NULL, &count));
    HSM_CHECK(count <= MECHANISMS_MAX, HSM_E_LIMIT);
    CK_MECHANISM_TYPE *ids = arena_alloc(context->memory, (count + 1) * sizeof *ids);
    out->mechanism_types = arena_alloc(context->memory, (count + 1) * sizeof *out->mechanism_types);
    HSM_CHECK(ids != NULL && out->mechanism_types != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(hsm_core_mechanism_list(context->core, (CK_SLOT_ID)in->slot_id, ids, &count));
    for (size_t i = 0; i < count; i++) {
        hsm_mechanism_facts facts;

        if (hsm_core_mechanism_facts(ids[i], &facts) == HSM_OK && facts.form != HSM_FORM_UNSERVED)
            out->mechanism_types[out->n_mechanism_types++] = ids[i];
    }
    return HSM_OK;
}

hsm_err rpc_mechanism_info(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__GetMechanismInfoRequest *in = request;
    CratonHsm__GetMechanismInfoResponse *out = response;
    CK_MECHANISM_INFO info;

    HSM_TRY(wire_may_slot(context, in->slot_id));
    HSM_CHECK(in->mechanism_type <= (CK_ULONG)-1, HSM_E_MECHANISM);
    HSM_TRY(hsm_core_mechanism_info(context->core, (CK_SLOT_ID)in->slot_id,
                                    (CK_MECHANISM_TYPE)in->mechanism_type, &info));
    out->min_key_size = info.ulMinKeySize;
    out->max_key_size = info.ulMaxKeySize;
    out->flags = info.flags;
    return HSM_OK;
}

/* Who is logged in, in this client's application: it takes a session of its own to see. */
static hsm_err login_state(rpc_context *context, CK_SLOT_ID slot, const char **out_state)
{
    CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
    CK_SESSION_INFO info = { .state = CKS_RO_PUBLIC_SESSION };
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;

    *out_state = "public";
    /* A token that is not initialised has no sessions; read-write, because of an SO. */
    const CK_FLAGS flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    if (hsm_core_open_session(context->core, slot, flags, &handle) != HSM_OK)
        return HSM_OK;
    hsm_err err = hsm_core_session(context->core, handle, &session);
    if (err == HSM_OK)
        err = hsm_core_session_info(context->core, session, &info);
    hsm_core_release(&session);
    session = NULL;
    HSM_TRY(hsm_core_close_session(context->core, handle));
    HSM_TRY(err);
    if (info.state == CKS_RW_USER_FUNCTIONS)
        *out_state = "user";
    if (info.state == CKS_RW_SO_FUNCTIONS)
        *out_state = "so";
    return HSM_OK;
}

hsm_err rpc_token_info(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__GetTokenInfoRequest *in = request;
    CratonHsm__GetTokenInfoResponse *out = response;
    const server *of = context->server;
    const char *state = NULL;
    CK_TOKEN_INFO info;

    HSM_TRY(wire_may_slot(context, in->slot_id));
    HSM_TRY(hsm_core_token_info(context->core, (CK_SLOT_ID)in->slot_id, &info));
    HSM_TRY(login_state(context, (CK_SLOT_ID)in->slot_id, &state));
    out->label = field_text(context, info.label, sizeof info.label);
    out->login_state = text_of(context, state);
    HSM_CHECK(out->label != NULL && out->login_state != NULL, HSM_E_NO_MEMORY);
    out->initialized = (info.flags & CKF_TOKEN_INITIALIZED) != 0;
    out->user_pin_initialized = (info.flags & CKF_USER_PIN_INITIALIZED) != 0;
    out->session_count = atomic_load(&of->slot_sessions[in->slot_id]);
    out->rw_session_count = atomic_load(&of->slot_rw_sessions[in->slot_id]);
    out->max_sessions = info.ulMaxSessionCount;
    out->max_rw_sessions = info.ulMaxRwSessionCount;
    return HSM_OK;
}

hsm_err rpc_random(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__GenerateRandomRequest *in = request;
    CratonHsm__GenerateRandomResponse *out = response;
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;

    HSM_CHECK(in->length <= context->server->config->daemon.max_random_length, HSM_E_DATA_LEN);
    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    if (in->length == 0)
        return HSM_OK;
    out->random_data.data = arena_alloc(context->memory, (size_t)in->length);
    HSM_CHECK(out->random_data.data != NULL, HSM_E_NO_MEMORY);
    out->random_data.len = (size_t)in->length;
    return hsm_core_random(context->core, session, out->random_data.data, out->random_data.len);
}
