/* Making, wrapping, unwrapping, deriving and encapsulating keys.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cratond/client.h"
#include "cratond/convert_kdf.h"
#include "cratond/handlers.h"
#include "cratond/output.h"

hsm_err rpc_generate_key(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__GenerateKeyRequest *in = request;
    CratonHsm__GenerateKeyResponse *out = response;
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    wire_mechanism mechanism;
    hsm_template tmpl;

    HSM_TRY(wire_mechanism_read(in->mechanism, &mechanism));
    HSM_TRY(wire_template_read(context, in->n_template_, in->template_, &tmpl));
    HSM_TRY(wire_may_make(context, &tmpl));
    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    HSM_TRY(hsm_core_generate_key(context->core, session, &mechanism.view, &tmpl, &key));
    out->key_handle = key;
    return HSM_OK;
}

hsm_err rpc_generate_pair(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__GenerateKeyPairRequest *in = request;
    CratonHsm__GenerateKeyPairResponse *out = response;
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
    wire_mechanism mechanism;
    hsm_template public_template;
    hsm_template private_template;

    HSM_TRY(wire_mechanism_read(in->mechanism, &mechanism));
    HSM_TRY(
        wire_template_read(context, in->n_public_template, in->public_template, &public_template));
    HSM_TRY(wire_template_read(context, in->n_private_template, in->private_template,
                               &private_template));
    HSM_TRY(wire_may_make(context, &public_template));
    HSM_TRY(wire_may_make(context, &private_template));
    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    const hsm_pair_request pair = { &mechanism.view, &public_template, &private_template };
    HSM_TRY(hsm_core_generate_pair(context->core, session, &pair, &public_key, &private_key));
    out->public_key_handle = public_key;
    out->private_key_handle = private_key;
    return HSM_OK;
}

/* What wraps, and what it is about. */
static hsm_err wrap_step(void *arg, hsm_out *room)
{
    const output_call *of = arg;

    return hsm_core_wrap_key(of->context->core, of->session, of->request, room);
}

hsm_err rpc_wrap_key(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__WrapKeyRequest *in = request;
    CratonHsm__WrapKeyResponse *out = response;
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    wire_mechanism mechanism;

    HSM_TRY(wire_mechanism_read(in->mechanism, &mechanism));
    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    const hsm_wrap_request wrap = {
        .mechanism = &mechanism.view,
        .wrapping_key = wire_handle(in->wrapping_key_handle),
        .key = wire_handle(in->key_handle),
    };
    HSM_TRY(wire_may_use(context, session, wrap.wrapping_key));
    HSM_TRY(wire_may_use(context, session, wrap.key));
    output_call of = { .context = context, .session = session, .request = &wrap };
    return output_take(&of, wrap_step, OUTPUT_FIRST_BYTES, &out->wrapped_key);
}

hsm_err rpc_unwrap_key(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__UnwrapKeyRequest *in = request;
    CratonHsm__UnwrapKeyResponse *out = response;
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    wire_mechanism mechanism;
    hsm_template tmpl;

    HSM_TRY(wire_mechanism_read(in->mechanism, &mechanism));
    HSM_TRY(wire_template_read(context, in->n_template_, in->template_, &tmpl));
    HSM_TRY(wire_may_make(context, &tmpl));
    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    const hsm_unwrap_request unwrap = {
        .mechanism = &mechanism.view,
        .unwrapping_key = wire_handle(in->unwrapping_key_handle),
        .wrapped = wire_bytes(in->wrapped_key),
        .tmpl = &tmpl,
    };
    HSM_TRY(wire_may_use(context, session, unwrap.unwrapping_key));
    HSM_TRY(hsm_core_unwrap_key(context->core, session, &unwrap, &key));
    out->key_handle = key;
    return HSM_OK;
}

hsm_err rpc_derive_key(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__DeriveKeyRequest *in = request;
    CratonHsm__DeriveKeyResponse *out = response;
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    wire_mechanism mechanism;
    hsm_template tmpl;

    HSM_TRY(wire_mechanism_read(in->mechanism, &mechanism));
    HSM_TRY(wire_template_read(context, in->n_template_, in->template_, &tmpl));
    HSM_TRY(wire_may_make(context, &tmpl));
    HSM_TRY(wire_more_keys_read(context, in->mechanism, &mechanism));
    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    const hsm_derive_request derive = {
        .mechanism = &mechanism.view,
        .base_key = wire_handle(in->base_key_handle),
        .tmpl = &tmpl,
    };
    HSM_TRY(wire_may_use(context, session, derive.base_key));
    HSM_TRY(wire_may_use_parameter(context, session, &mechanism));
    HSM_TRY(hsm_core_derive_key(context->core, session, &derive, &key));
    out->key_handle = key;
    return wire_derived_write(context, &mechanism, out);
}

/* The key that the step made last. */
typedef struct kem_step {
    output_call call;
    CK_OBJECT_HANDLE key;
} kem_step;

static hsm_err encapsulate_step(void *arg, hsm_out *room)
{
    kem_step *of = arg;

    return hsm_core_encapsulate_key(of->call.context->core, of->call.session, of->call.request,
                                    room, &of->key);
}

hsm_err rpc_encapsulate(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__EncapsulateKeyRequest *in = request;
    CratonHsm__EncapsulateKeyResponse *out = response;
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    wire_mechanism mechanism;
    hsm_template tmpl;

    HSM_TRY(wire_mechanism_read(in->mechanism, &mechanism));
    HSM_TRY(wire_template_read(context, in->n_template_, in->template_, &tmpl));
    HSM_TRY(wire_may_make(context, &tmpl));
    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    const hsm_kem_request kem = {
        .mechanism = &mechanism.view,
        .key = wire_handle(in->public_key_handle),
        .tmpl = &tmpl,
    };
    HSM_TRY(wire_may_use(context, session, kem.key));
    kem_step of = { .call = { .context = context, .session = session, .request = &kem } };
    HSM_TRY(output_take(&of, encapsulate_step, OUTPUT_FIRST_BYTES, &out->ciphertext));
    out->key_handle = of.key;
    return HSM_OK;
}

hsm_err rpc_decapsulate(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__DecapsulateKeyRequest *in = request;
    CratonHsm__DecapsulateKeyResponse *out = response;
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    wire_mechanism mechanism;
    hsm_template tmpl;

    HSM_TRY(wire_mechanism_read(in->mechanism, &mechanism));
    HSM_TRY(wire_template_read(context, in->n_template_, in->template_, &tmpl));
    HSM_TRY(wire_may_make(context, &tmpl));
    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    const hsm_kem_request kem = {
        .mechanism = &mechanism.view,
        .key = wire_handle(in->private_key_handle),
        .tmpl = &tmpl,
    };
    HSM_TRY(wire_may_use(context, session, kem.key));
    HSM_TRY(
        hsm_core_decapsulate_key(context->core, session, &kem, wire_bytes(in->ciphertext), &key));
    out->key_handle = key;
    return HSM_OK;
}
