/* Objects and their attributes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/remote.h"
#include "cratond/client.h"
#include "cratond/convert.h"
#include "cratond/handlers.h"

/* Handles in one answer, and attributes asked for in one request. */
#define FIND_MAX 100000u
#define FIND_STEP 256u
#define TYPES_MAX 256u

hsm_err rpc_create_object(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__CreateObjectRequest *in = request;
    CratonHsm__CreateObjectResponse *out = response;
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    hsm_template tmpl;

    HSM_TRY(wire_template_read(context, in->n_template_, in->template_, &tmpl));
    HSM_TRY(wire_may_make(context, &tmpl));
    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    HSM_TRY(hsm_core_create_object(context->core, session, &tmpl, &handle));
    out->object_handle = handle;
    return HSM_OK;
}

hsm_err rpc_copy_object(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__CopyObjectRequest *in = request;
    CratonHsm__CopyObjectResponse *out = response;
    const CK_OBJECT_HANDLE source = wire_handle(in->object_handle);
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    hsm_bytes label;
    hsm_template tmpl;

    HSM_TRY(wire_template_read(context, in->n_template_, in->template_, &tmpl));
    if (hsm_core_template_label(&tmpl, &label)) /* else it keeps that of the source */
        HSM_TRY(wire_may_make(context, &tmpl));
    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    HSM_TRY(wire_may_use(context, session, source));
    HSM_TRY(hsm_core_copy_object(context->core, session, source, &tmpl, &handle));
    out->new_object_handle = handle;
    return HSM_OK;
}

hsm_err rpc_destroy_object(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__DestroyObjectRequest *in = request;
    const CK_OBJECT_HANDLE handle = wire_handle(in->object_handle);
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;

    (void)response;
    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    HSM_TRY(wire_may_use(context, session, handle));
    return hsm_core_destroy_object(context->core, session, handle);
}

/* Appends those of `found` that the client may know of. */
static hsm_err keep(rpc_context *context, hsm_session *session, const CK_OBJECT_HANDLE *found,
                    size_t count, hsm_buf *out_handles)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t handle = found[i];
        const hsm_err err = wire_may_use(context, session, found[i]);

        if (err == HSM_E_OBJECT_HANDLE)
            continue;
        HSM_TRY(err);
        HSM_TRY(hsm_buf_append(out_handles, hsm_bytes_of(&handle, sizeof handle)));
    }
    return HSM_OK;
}

static hsm_err search(rpc_context *context, hsm_session *session, size_t max, hsm_buf *out_handles)
{
    CK_OBJECT_HANDLE found[FIND_STEP];
    size_t count = 1;

    while (count > 0 && out_handles->len / sizeof(uint64_t) < max) {
        const size_t left = max - out_handles->len / sizeof(uint64_t);

        HSM_TRY(hsm_core_find(context->core, session, found, left < FIND_STEP ? left : FIND_STEP,
                              &count));
        HSM_TRY(keep(context, session, found, count, out_handles));
    }
    return HSM_OK;
}

hsm_err rpc_find_objects(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__FindObjectsRequest *in = request;
    CratonHsm__FindObjectsResponse *out = response;
    const size_t max =
        in->max_count == 0 || in->max_count > FIND_MAX ? FIND_MAX : (size_t)in->max_count;
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf handles = { 0 };
    hsm_template tmpl;

    HSM_TRY(wire_template_read(context, in->n_template_, in->template_, &tmpl));
    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    HSM_TRY(hsm_core_find_init(context->core, session, &tmpl));
    const hsm_err err = search(context, session, max, &handles);
    HSM_TRY(hsm_core_find_final(context->core, session));
    HSM_TRY(err);
    out->object_handles = arena_alloc(context->memory, handles.len + 1);
    HSM_CHECK(out->object_handles != NULL, HSM_E_NO_MEMORY);
    if (handles.len > 0)
        memcpy(out->object_handles, handles.data, handles.len);
    out->n_object_handles = handles.len / sizeof(uint64_t);
    return HSM_OK;
}

static void close_view(hsm_attr_view **view)
{
    hsm_core_attributes_close(*view);
}

hsm_err rpc_get_attributes(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__GetAttributeValueRequest *in = request;
    CratonHsm__GetAttributeValueResponse *out = response;
    const CK_OBJECT_HANDLE handle = wire_handle(in->object_handle);
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    HSM_AUTO(close_view) hsm_attr_view *view = NULL;

    HSM_CHECK(in->n_attribute_types <= TYPES_MAX, HSM_E_ARG);
    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    HSM_TRY(wire_may_use(context, session, handle));
    HSM_TRY(hsm_core_attributes_open(context->core, session, handle, &view));
    out->attributes =
        arena_alloc(context->memory, (in->n_attribute_types + 1) * sizeof *out->attributes);
    HSM_CHECK(out->attributes != NULL, HSM_E_NO_MEMORY);
    for (size_t i = 0; i < in->n_attribute_types; i++) {
        const CK_ATTRIBUTE_TYPE type = (CK_ATTRIBUTE_TYPE)in->attribute_types[i];
        bool is_template = false;
        hsm_bytes value;
        const hsm_err err = hsm_core_attributes_get(view, type, &value, &is_template);

        if (err == HSM_E_ATTRIBUTE_TYPE || err == HSM_E_ATTRIBUTE_SENSITIVE)
            continue;
        HSM_TRY(err);
        HSM_TRY(wire_attribute_write(context, type, value, is_template,
                                     &out->attributes[out->n_attributes]));
        out->n_attributes++;
    }
    return HSM_OK;
}

hsm_err rpc_set_attributes(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__SetAttributeValueRequest *in = request;
    const CK_OBJECT_HANDLE handle = wire_handle(in->object_handle);
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    hsm_bytes label;
    hsm_template tmpl;

    (void)response;
    HSM_TRY(wire_template_read(context, in->n_template_, in->template_, &tmpl));
    if (hsm_core_template_label(&tmpl, &label))
        HSM_TRY(wire_may_make(context, &tmpl));
    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    HSM_TRY(wire_may_use(context, session, handle));
    return hsm_core_set_attributes(context->core, session, handle, &tmpl);
}
