/* SPDX-License-Identifier: Apache-2.0 */
#include "store/attr_internal.h"

/* Every object that is made or read comes by: what it has is looked up by place. */
static hsm_bytes value_of(const hsm_object *object, hsm_fact fact)
{
    const hsm_place_set place = object->layout->facts[fact];

    if ((object->present & place) == 0)
        return hsm_bytes_none();
    return hsm_object_at(object, hsm_place_first(place));
}

static CK_ULONG number(const hsm_object *object, hsm_fact fact, CK_ULONG fallback)
{
    const hsm_bytes bytes = value_of(object, fact);
    CK_ULONG value;

    if (bytes.len != sizeof value)
        return fallback;
    memcpy(&value, bytes.data, sizeof value);
    return value;
}

static hsm_op_set usages_of(const hsm_layout *layout, hsm_place_set truths)
{
    hsm_op_set ops = 0;

    for (hsm_place_set rest = truths & layout->usages; rest != 0; rest &= rest - 1)
        ops |= layout->allowed[hsm_place_first(rest)];
    return ops;
}

void hsm_facts_read(hsm_object *object)
{
    const hsm_place_set *places = object->layout->facts;
    const hsm_place_set truths = object->truths;

    object->object_class = number(object, HSM_FACT_CLASS, CK_UNAVAILABLE_INFORMATION);
    object->key_type = object->kind == HSM_KIND_DOMAIN
                           ? HSM_KEY_TYPE_NONE
                           : number(object, HSM_FACT_KEY_TYPE, HSM_KEY_TYPE_NONE);
    object->is_token = (truths & places[HSM_FACT_TOKEN]) != 0;
    object->is_private = (truths & places[HSM_FACT_PRIVATE]) != 0;
    /* Only keys that can be hidden have these, and only they have secret attributes. */
    object->is_sensitive = (truths & places[HSM_FACT_SENSITIVE]) != 0 ||
                           (object->present & ~truths & places[HSM_FACT_EXTRACTABLE]) != 0;
    object->always_authenticate = (truths & places[HSM_FACT_ALWAYS_AUTHENTICATE]) != 0;
    object->has_allowed_mechanisms = (object->present & places[HSM_FACT_ALLOWED_MECHANISMS]) != 0;
    object->has_life = value_of(object, HSM_FACT_START_DATE).len > 0 ||
                       value_of(object, HSM_FACT_END_DATE).len > 0 ||
                       value_of(object, HSM_FACT_KEY_STATE).len > 0;
    object->usages = usages_of(object->layout, truths);
}

CK_OBJECT_CLASS hsm_facts_class(const hsm_template *tmpl)
{
    return hsm_template_ulong(tmpl, CKA_CLASS, CK_UNAVAILABLE_INFORMATION);
}

/* Hexadecimal digits are text. */
hsm_err hsm_draft_put_unique_id(hsm_draft *draft, hsm_bytes text)
{
    const unsigned place = hsm_layout_find(hsm_draft_layout(draft), CKA_UNIQUE_ID);

    HSM_CHECK(place != HSM_PLACE_NONE, HSM_E_ATTRIBUTE_TYPE);
    return hsm_draft_put_at(draft, place, text);
}
