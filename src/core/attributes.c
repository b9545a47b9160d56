/* Reading attributes.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/audited.h"
#include "core/internal.h"
#include "core/lifecycle.h"

struct hsm_attr_view {
    hsm_core *core;
    hsm_session *session;
    hsm_object *object;
    bool is_audited; /* that a secret attribute was asked for */
    hsm_object_secrets secrets;
    bool has_secrets; /* opened on the first question for a secret attribute */
    hsm_bytes serial;
    CK_ULONG state;                             /* of a key, as it is now */
    uint8_t check_value[HSM_CHECK_VALUE_BYTES]; /* where the object owes it */
};

hsm_err hsm_core_attributes_open(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE handle,
                                 hsm_attr_view **out_view)
{
    hsm_attr_view *view = calloc(1, sizeof *view);
    hsm_err err = HSM_E_NO_MEMORY;

    if (view != NULL)
        err = hsm_core_object(core, session, handle, &view->object);
    if (err != HSM_OK) {
        free(view);
        return err;
    }
    view->core = core;
    view->session = session;
    view->serial = hsm_core_serial(core, session->slot);
    view->state = hsm_core_key_state(core, view->object);
    *out_view = view;
    return HSM_OK;
}

void hsm_core_attributes_close(hsm_attr_view *view)
{
    if (view == NULL)
        return;
    hsm_object_secrets_clear(&view->secrets);
    hsm_object_release(view->object);
    free(view);
}

/* One event for all secret attributes of one call, given or refused; what is public anyway leaves none. */
static hsm_err audit_secret(hsm_attr_view *view)
{
    const hsm_err result = view->object->is_sensitive ? HSM_E_ATTRIBUTE_SENSITIVE : HSM_OK;
    hsm_audited_call call;

    if (view->is_audited || !hsm_core_audits(view->core, HSM_AUDITED_GET_ATTRIBUTE))
        return HSM_OK;
    hsm_audited_begin(&call, view->core, view->session, HSM_AUDITED_GET_ATTRIBUTE);
    hsm_audited_use(&call, view->object);
    HSM_CHECK(hsm_audited_end(&call, result) == result, HSM_E_AUDIT);
    view->is_audited = true;
    return HSM_OK;
}

static hsm_err secret_value(hsm_attr_view *view, CK_ATTRIBUTE_TYPE type, hsm_bytes *out_value)
{
    HSM_CHECK(!view->object->is_sensitive, HSM_E_ATTRIBUTE_SENSITIVE);
    if (!view->has_secrets) {
        HSM_TRY(hsm_object_open_secrets(view->object, view->serial, &view->secrets));
        view->has_secrets = true;
    }
    for (size_t i = 0; i < view->secrets.attr_count; i++) {
        if (view->secrets.attrs[i].type == type) {
            *out_value = view->secrets.attrs[i].value;
            return HSM_OK;
        }
    }
    return HSM_E_ATTRIBUTE_TYPE;
}

hsm_err hsm_core_attributes_get(hsm_attr_view *view, CK_ATTRIBUTE_TYPE type, hsm_bytes *out_value,
                                bool *out_is_template)
{
    const hsm_attr_info *info = hsm_attr_find(type, view->object->kind);

    HSM_CHECK(info != NULL, HSM_E_ATTRIBUTE_TYPE);
    *out_is_template = info->kind == HSM_ATTR_TEMPLATE;
    if ((info->flags & HSM_ATTR_SECRET) != 0) {
        HSM_TRY(audit_secret(view));
        return secret_value(view, type, out_value);
    }
    if (type == CKA_CRATON_KEY_STATE) {
        *out_value = hsm_bytes_of(&view->state, sizeof view->state);
        return HSM_OK;
    }
    if (hsm_object_owes(view->object, type)) {
        HSM_TRY(hsm_object_check_value(view->object, view->serial, view->check_value));
        *out_value = hsm_bytes_of(view->check_value, sizeof view->check_value);
        return HSM_OK;
    }
    HSM_CHECK(hsm_object_get(view->object, type, out_value), HSM_E_ATTRIBUTE_TYPE);
    return HSM_OK;
}

bool hsm_core_attr_is_template(CK_ATTRIBUTE_TYPE type)
{
    const hsm_attr_info *info = hsm_attr_any(type);

    return info != NULL && info->kind == HSM_ATTR_TEMPLATE;
}

hsm_err hsm_core_template_encode(const hsm_template *tmpl, hsm_buf *out_encoded)
{
    return hsm_template_encode(tmpl, out_encoded);
}

hsm_err hsm_core_template_decode(hsm_bytes encoded, hsm_template_owned *out_template)
{
    return hsm_template_decode(encoded, out_template);
}

void hsm_core_template_clear(hsm_template_owned *tmpl)
{
    hsm_template_owned_clear(tmpl);
}
