/* Describing and finding objects.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/keyring.h"

#include <stdio.h>

#include "core/internal.h"
#include "core/key_names.h"
#include "store/attr_index.h"

static const struct {
    CK_OBJECT_CLASS object_class;
    const char *name;
} classes[] = {
    { CKO_PRIVATE_KEY, "private" }, { CKO_PUBLIC_KEY, "public" },
    { CKO_SECRET_KEY, "secret" },   { CKO_CERTIFICATE, "certificate" },
    { CKO_DATA, "data" },           { CKO_DOMAIN_PARAMETERS, "parameters" },
    { CKO_PROFILE, "profile" },     { CKO_MECHANISM, "mechanism" },
};

const char *hsm_class_name(CK_OBJECT_CLASS object_class)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(classes); i++) {
        if (classes[i].object_class == object_class)
            return classes[i].name;
    }
    return "other";
}

hsm_err hsm_core_class_by_name(const char *name, CK_OBJECT_CLASS *out_class)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(classes); i++) {
        if (strcmp(classes[i].name, name) == 0) {
            *out_class = classes[i].object_class;
            return HSM_OK;
        }
    }
    return HSM_E_ATTRIBUTE_VALUE;
}

void hsm_object_facts_clear(hsm_object_facts *facts)
{
    hsm_buf_clear(&facts->label);
    hsm_buf_clear(&facts->id);
}

static hsm_err copy(const hsm_object *object, CK_ATTRIBUTE_TYPE type, hsm_buf *out)
{
    return hsm_buf_append(out, hsm_object_value(object, type));
}

static void copy_unique_id(const hsm_object *object, char out[HSM_UNIQUE_ID_CHARS + 1])
{
    const hsm_bytes id = hsm_object_value(object, CKA_UNIQUE_ID);

    if (id.len > 0 && id.len <= HSM_UNIQUE_ID_CHARS)
        memcpy(out, id.data, id.len);
}

hsm_err hsm_core_describe(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE handle,
                          hsm_object_facts *out_facts)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    HSM_AUTO(hsm_object_facts_clear) hsm_object_facts facts = { 0 };

    HSM_TRY(hsm_core_object(core, session, handle, &object));
    facts.object_class = object->object_class;
    facts.class_name = hsm_class_name(object->object_class);
    hsm_key_name(object, facts.type, sizeof facts.type);
    copy_unique_id(object, facts.unique_id);
    HSM_TRY(copy(object, CKA_LABEL, &facts.label));
    HSM_TRY(copy(object, CKA_ID, &facts.id));
    facts.is_private = object->is_private;
    facts.is_sensitive = hsm_object_bool(object, CKA_SENSITIVE, false);
    facts.is_extractable = hsm_object_bool(object, CKA_EXTRACTABLE, false);
    facts.is_local = hsm_object_bool(object, CKA_LOCAL, false);
    *out_facts = facts;
    facts = (hsm_object_facts){ 0 };
    return HSM_OK;
}

/* What a text names as a unique id. */
static hsm_search_scope scope_of(const char *unique_id)
{
    const hsm_attr attr = { CKA_UNIQUE_ID, hsm_bytes_of_text(unique_id) };
    const hsm_template tmpl = { &attr, 1 };

    return hsm_template_scope(&tmpl);
}

bool hsm_core_is_unique_id(const char *text)
{
    return !scope_of(text).is_hopeless;
}

hsm_err hsm_core_find_after(hsm_core *core, hsm_session *session, const char *unique_id)
{
    hsm_search *search = &session->search;
    const hsm_search_scope scope = scope_of(unique_id);

    (void)core;
    HSM_CHECK(search->is_open, HSM_E_OPERATION);
    HSM_CHECK(scope.has_id && !scope.is_hopeless, HSM_E_ARG);
    for (; (search->next + 1) * sizeof(uint64_t) <= search->ids.len; search->next++) {
        uint64_t id;
        memcpy(&id, search->ids.data + search->next * sizeof id, sizeof id);
        if (id > scope.id)
            break;
    }
    return HSM_OK;
}
