/* SPDX-License-Identifier: Apache-2.0 */
#include "store/attr_internal.h"

/* Usage attributes, ascending as an object's are, and the operations they allow. */
static const struct {
    CK_ATTRIBUTE_TYPE type;
    hsm_op_set ops;
} usages[] = {
    { CKA_ENCRYPT, HSM_OP_ENCRYPT | HSM_OP_MESSAGE_ENCRYPT },
    { CKA_DECRYPT, HSM_OP_DECRYPT | HSM_OP_MESSAGE_DECRYPT },
    { CKA_WRAP, HSM_OP_WRAP },
    { CKA_UNWRAP, HSM_OP_UNWRAP },
    { CKA_SIGN, HSM_OP_SIGN | HSM_OP_MESSAGE_SIGN },
    { CKA_SIGN_RECOVER, HSM_OP_SIGN_RECOVER },
    { CKA_VERIFY, HSM_OP_VERIFY | HSM_OP_MESSAGE_VERIFY },
    { CKA_VERIFY_RECOVER, HSM_OP_VERIFY_RECOVER },
    { CKA_DERIVE, HSM_OP_DERIVE },
    { CKA_ENCAPSULATE, HSM_OP_ENCAPSULATE },
    { CKA_DECAPSULATE, HSM_OP_DECAPSULATE },
};

static bool is_filled(const hsm_object *object, CK_ATTRIBUTE_TYPE type)
{
    const hsm_attr *attr = hsm_object_attr(object, type);

    return attr != NULL && attr->value.len > 0;
}

/* Every object that is made or read comes by: both lists are sorted, so one walk does. */
static hsm_op_set usages_of(const hsm_object *object)
{
    hsm_op_set ops = 0;
    size_t next = 0;

    for (size_t i = 0; i < object->attr_count; i++) {
        const hsm_attr *attr = &object->attrs[i];

        while (next < HSM_ARRAY_LEN(usages) && usages[next].type < attr->type)
            next++;
        if (next == HSM_ARRAY_LEN(usages))
            break;
        if (usages[next].type == attr->type && attr->value.len == sizeof(CK_BBOOL) &&
            attr->value.data[0] != CK_FALSE)
            ops |= usages[next].ops;
    }
    return ops;
}

void hsm_facts_read(hsm_object *object)
{
    object->object_class = hsm_object_ulong(object, CKA_CLASS, CK_UNAVAILABLE_INFORMATION);
    object->key_type = object->kind == HSM_KIND_DOMAIN
                           ? HSM_KEY_TYPE_NONE
                           : hsm_object_ulong(object, CKA_KEY_TYPE, HSM_KEY_TYPE_NONE);
    object->is_token = hsm_object_bool(object, CKA_TOKEN, false);
    object->is_private = hsm_object_bool(object, CKA_PRIVATE, false);
    /* Only keys that can be hidden have these, and only they have secret attributes. */
    object->is_sensitive = hsm_object_bool(object, CKA_SENSITIVE, false) ||
                           !hsm_object_bool(object, CKA_EXTRACTABLE, true);
    object->always_authenticate = hsm_object_bool(object, CKA_ALWAYS_AUTHENTICATE, false);
    object->has_allowed_mechanisms = hsm_object_attr(object, CKA_ALLOWED_MECHANISMS) != NULL;
    object->has_life = is_filled(object, CKA_START_DATE) || is_filled(object, CKA_END_DATE) ||
                       is_filled(object, CKA_CRATON_KEY_STATE);
    object->usages = usages_of(object);
}

CK_OBJECT_CLASS hsm_facts_class(const hsm_template *tmpl)
{
    return hsm_template_ulong(tmpl, CKA_CLASS, CK_UNAVAILABLE_INFORMATION);
}

hsm_err hsm_draft_put_unique_id(hsm_draft *draft, hsm_bytes text)
{
    return hsm_draft_put(draft, CKA_UNIQUE_ID, text);
}
