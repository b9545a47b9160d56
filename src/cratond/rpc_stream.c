/* The same operations on data of any size, part by part, in a session of their own.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cratond/client.h"
#include "cratond/convert.h"
#include "cratond/handlers.h"
#include "cratond/output.h"

/* What a part's result can be longer than the part: blocks that were held back, a tag. */
#define PART_EXTRA_BYTES ((size_t)4096)

/* From one part to the next. */
typedef struct stream_state {
    CK_SESSION_HANDLE session;
    hsm_op op;
    hsm_buf signature; /* empty: none came yet */
} stream_state;

uint64_t rpc_stream_session(const void *request)
{
    const CratonHsm__StreamRequest *in = request;

    return in->start != NULL ? in->start->session_handle : 0;
}

void rpc_stream_end(rpc_context *context)
{
    stream_state *state = context->stream;

    if (state == NULL)
        return;
    context->stream = NULL;
    if (state->session != CK_INVALID_HANDLE &&
        hsm_core_close_session(context->core, state->session) != HSM_OK)
        state->session = CK_INVALID_HANDLE; /* it is closed all the same */
    hsm_buf_clear(&state->signature);
    free(state);
}

static hsm_err begin(rpc_context *context, hsm_op op, const CratonHsm__StreamRequest *in)
{
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    wire_mechanism mechanism;

    HSM_CHECK(in != NULL && in->start != NULL, HSM_E_OPERATION);
    HSM_TRY(wire_mechanism_read(in->start->mechanism, &mechanism));
    stream_state *state = calloc(1, sizeof *state);
    HSM_CHECK(state != NULL, HSM_E_NO_MEMORY);
    context->stream = state; /* rpc_stream_end() is called from now on, whatever happens */
    state->op = op;
    HSM_TRY(hsm_core_open_session_for(context->core, context->slot, CKF_SERIAL_SESSION,
                                      context->client->name, &state->session));
    HSM_TRY(hsm_core_session(context->core, state->session, &session));
    const CK_OBJECT_HANDLE key = wire_handle(in->start->key_handle);
    if (op != HSM_OP_DIGEST)
        HSM_TRY(wire_may_use(context, session, key));
    return hsm_core_op_init(context->core, session, op, &mechanism.view, key);
}

static hsm_err keep_signature(stream_state *state, hsm_bytes signature)
{
    if (signature.len == 0)
        return HSM_OK;
    HSM_CHECK(state->signature.len == 0, HSM_E_ARG);
    HSM_CHECK(signature.len <= HSM_SIGNATURE_MAX_BYTES, HSM_E_SIGNATURE_LEN);
    return hsm_buf_append(&state->signature, signature);
}

/* A part of an operation, or its end. */
typedef struct part_step {
    output_call call;
    hsm_op op;
    hsm_bytes in;
    bool is_last;
} part_step;

static hsm_err run_part(void *arg, hsm_out *room)
{
    const part_step *of = arg;
    rpc_context *context = of->call.context;

    if (of->is_last)
        return hsm_core_op_final(context->core, of->call.session, of->op, room);
    return hsm_core_op_update(context->core, of->call.session, of->op, of->in, room);
}

/* Digests, signatures: parts have no result, the end has. out NULL: a verification, whose end is not
 * run here. */
static hsm_err absorb(rpc_context *context, const CratonHsm__StreamRequest *in,
                      ProtobufCBinaryData *out)
{
    stream_state *state = context->stream;
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;

    HSM_TRY(hsm_core_session(context->core, state->session, &session));
    if (in != NULL) {
        HSM_TRY(keep_signature(state, wire_bytes(in->signature)));
        if (in->data.len == 0)
            return HSM_OK;
        return hsm_core_op_update(context->core, session, state->op, wire_bytes(in->data), NULL);
    }
    context->has_response = true;
    if (out == NULL)
        return hsm_core_verify_final(context->core, session, hsm_buf_view(&state->signature));
    part_step of = { .call = { .context = context, .session = session },
                     .op = state->op,
                     .is_last = true };
    return output_take(&of, run_part, OUTPUT_FIRST_BYTES, out);
}

static hsm_err transform(rpc_context *context, const CratonHsm__StreamRequest *in,
                         ProtobufCBinaryData *out)
{
    stream_state *state = context->stream;
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    part_step of = { .call = { .context = context }, .op = state->op, .is_last = in == NULL };

    HSM_TRY(hsm_core_session(context->core, state->session, &session));
    of.call.session = session;
    if (in != NULL)
        of.in = wire_bytes(in->data);
    if (in != NULL && of.in.len == 0)
        return HSM_OK;
    HSM_TRY(output_take(&of, run_part, of.in.len + PART_EXTRA_BYTES, out));
    context->has_response = out->len > 0;
    return HSM_OK;
}

static hsm_err begin_once(rpc_context *context, hsm_op op, const CratonHsm__StreamRequest *in)
{
    if (context->stream == NULL)
        return begin(context, op, in);
    return in != NULL && in->start != NULL ? HSM_E_OPERATION_ACTIVE : HSM_OK;
}

hsm_err rpc_sign_stream(rpc_context *context, const void *request, void *response)
{
    CratonHsm__SignResponse *out = response;

    HSM_TRY(begin_once(context, HSM_OP_SIGN, request));
    return absorb(context, request, &out->signature);
}

hsm_err rpc_digest_stream(rpc_context *context, const void *request, void *response)
{
    CratonHsm__DigestResponse *out = response;

    HSM_TRY(begin_once(context, HSM_OP_DIGEST, request));
    return absorb(context, request, &out->digest);
}

hsm_err rpc_verify_stream(rpc_context *context, const void *request, void *response)
{
    CratonHsm__VerifyResponse *out = response;

    HSM_TRY(begin_once(context, HSM_OP_VERIFY, request));
    const hsm_err err = absorb(context, request, NULL);
    out->valid = err == HSM_OK;
    return err == HSM_E_SIGNATURE || err == HSM_E_SIGNATURE_LEN ? HSM_OK : err;
}

hsm_err rpc_encrypt_stream(rpc_context *context, const void *request, void *response)
{
    CratonHsm__StreamResponse *out = response;

    HSM_TRY(begin_once(context, HSM_OP_ENCRYPT, request));
    return transform(context, request, &out->data);
}

hsm_err rpc_decrypt_stream(rpc_context *context, const void *request, void *response)
{
    CratonHsm__StreamResponse *out = response;

    HSM_TRY(begin_once(context, HSM_OP_DECRYPT, request));
    return transform(context, request, &out->data);
}
