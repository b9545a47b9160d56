/* What both forms share: the fields of an object, and which reader is meant.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/older_record.h"

#define NUMBER(key, place)                                           \
    {                                                                \
        .name = key, .kind = HSM_OLDER_KIND_NUMBER, .index = (place) \
    }
#define FLAG(key, place)                                           \
    {                                                              \
        .name = key, .kind = HSM_OLDER_KIND_FLAG, .index = (place) \
    }
#define BYTES(key, place)                                           \
    {                                                               \
        .name = key, .kind = HSM_OLDER_KIND_BYTES, .index = (place) \
    }
#define MAYBE_NUMBER(key, place)                                                          \
    {                                                                                     \
        .name = key, .kind = HSM_OLDER_KIND_NUMBER, .index = (place), .is_optional = true \
    }
#define MAYBE_BYTES(key, place)                                                          \
    {                                                                                    \
        .name = key, .kind = HSM_OLDER_KIND_BYTES, .index = (place), .is_optional = true \
    }
#define DATE(key, place)                                                                \
    {                                                                                   \
        .name = key, .kind = HSM_OLDER_KIND_DATE, .index = (place), .is_optional = true \
    }

const hsm_older_field hsm_older_fields[] = {
    NUMBER("handle", HSM_OLDER_HANDLE),
    { .name = "slot_id", .kind = HSM_OLDER_KIND_NUMBER, .index = HSM_OLDER_SLOT, .may_lack = true },
    NUMBER("class", HSM_OLDER_CLASS),
    MAYBE_NUMBER("key_type", HSM_OLDER_KEY_TYPE),
    BYTES("label", HSM_OLDER_LABEL),
    BYTES("id", HSM_OLDER_ID),
    FLAG("token_object", HSM_OLDER_TOKEN),
    FLAG("private", HSM_OLDER_PRIVATE),
    FLAG("sensitive", HSM_OLDER_SENSITIVE),
    FLAG("extractable", HSM_OLDER_EXTRACTABLE),
    FLAG("modifiable", HSM_OLDER_MODIFIABLE),
    FLAG("destroyable", HSM_OLDER_DESTROYABLE),
    { .name = "copyable",
      .kind = HSM_OLDER_KIND_FLAG,
      .index = HSM_OLDER_COPYABLE,
      .may_lack = true },
    FLAG("can_encrypt", HSM_OLDER_ENCRYPT),
    FLAG("can_decrypt", HSM_OLDER_DECRYPT),
    FLAG("can_sign", HSM_OLDER_SIGN),
    FLAG("can_verify", HSM_OLDER_VERIFY),
    FLAG("can_wrap", HSM_OLDER_WRAP),
    FLAG("can_unwrap", HSM_OLDER_UNWRAP),
    FLAG("can_derive", HSM_OLDER_DERIVE),
    MAYBE_BYTES("key_material", HSM_OLDER_KEY),
    MAYBE_BYTES("public_key_data", HSM_OLDER_PUBLIC),
    MAYBE_BYTES("modulus", HSM_OLDER_MODULUS),
    MAYBE_NUMBER("modulus_bits", HSM_OLDER_MODULUS_BITS),
    MAYBE_BYTES("public_exponent", HSM_OLDER_EXPONENT),
    MAYBE_BYTES("ec_params", HSM_OLDER_EC_PARAMS),
    MAYBE_BYTES("ec_point", HSM_OLDER_EC_POINT),
    MAYBE_NUMBER("value_len", HSM_OLDER_VALUE_LEN),
    { .name = "extra_attributes", .kind = HSM_OLDER_KIND_ATTRS },
    DATE("start_date", HSM_OLDER_START_DATE),
    DATE("end_date", HSM_OLDER_END_DATE),
    { .name = "lifecycle_state", .kind = HSM_OLDER_KIND_STATE, .may_lack = true },
    { .name = "creation_time",
      .kind = HSM_OLDER_KIND_NUMBER,
      .index = HSM_OLDER_CREATED,
      .may_lack = true },
};
const size_t hsm_older_field_count = HSM_ARRAY_LEN(hsm_older_fields);

hsm_err hsm_older_fail(hsm_older_reader *reader, const char *what)
{
    reader->fault = what;
    return HSM_E_DATA;
}

const hsm_older_attr *hsm_older_find(const hsm_older_object *object, uint64_t type)
{
    for (size_t i = 0; i < object->attr_count; i++) {
        if (object->attrs[i].type == type)
            return &object->attrs[i];
    }
    return NULL;
}

hsm_err hsm_older_add_attr(hsm_older_reader *reader, hsm_older_object *object,
                           const hsm_older_attr *attr)
{
    if (object->attr_count == HSM_OLDER_ATTRS_MAX)
        return hsm_older_fail(reader, "more attributes than an object has there");
    if (hsm_older_find(object, attr->type) != NULL)
        return hsm_older_fail(reader, "an attribute for the second time");
    object->attrs[object->attr_count++] = *attr;
    return HSM_OK;
}

hsm_err hsm_older_take(hsm_older_reader *reader, const hsm_older_form *form,
                       const hsm_older_field *field, hsm_older_object *object)
{
    switch (field->kind) {
    case HSM_OLDER_KIND_NUMBER:
        object->has_number[field->index] = true;
        return form->number(reader, &object->number[field->index]);
    case HSM_OLDER_KIND_FLAG:
        return form->flag(reader, &object->flag[field->index]);
    case HSM_OLDER_KIND_BYTES:
        return form->bytes(reader, &object->bytes[field->index]);
    case HSM_OLDER_KIND_DATE:
        return form->date(reader, &object->bytes[field->index]);
    case HSM_OLDER_KIND_ATTRS:
        return form->attrs(reader, object);
    case HSM_OLDER_KIND_STATE:
        return form->state(reader, &object->state);
    }
    return HSM_E_INTERNAL;
}

hsm_err hsm_older_begin(hsm_older_reader *reader, hsm_older_head *out_head)
{
    hsm_older_head head = { 0 };

    HSM_TRY(reader->format == 1 ? hsm_older_json_begin(reader, &head)
                                : hsm_older_binary_begin(reader, &head));
    if (head.objects > HSM_OLDER_OBJECTS_MAX) {
        (void)hsm_older_fail(reader, "more objects than the older system holds");
        return HSM_E_LIMIT;
    }
    reader->left = head.objects;
    *out_head = head;
    return HSM_OK;
}

hsm_err hsm_older_next(hsm_older_reader *reader, hsm_older_object *out_object)
{
    HSM_CHECK(reader->left > 0, HSM_E_ARG);
    *out_object = (hsm_older_object){
        .flag = { [HSM_OLDER_COPYABLE] = true }, /* where it lacks */
        .state = HSM_OLDER_ACTIVE,
    };
    HSM_TRY(reader->format == 1 ? hsm_older_json_next(reader, out_object)
                                : hsm_older_binary_next(reader, out_object));
    reader->left--;
    return HSM_OK;
}

hsm_err hsm_older_end(hsm_older_reader *reader)
{
    HSM_CHECK(reader->left == 0, HSM_E_ARG);
    return reader->format == 1 ? hsm_older_json_end(reader) : hsm_older_binary_end(reader);
}
