/* SPDX-License-Identifier: Apache-2.0 */
#include "store/attr_internal.h"

void hsm_part_write(hsm_writer *writer, const hsm_template *attrs)
{
    hsm_write_u8(writer, HSM_PART_FORMAT);
    hsm_write_u16(writer, (uint16_t)attrs->count);
    for (size_t i = 0; i < attrs->count; i++) {
        /* Attributes of objects are of the table. */
        const hsm_attr_kind kind = hsm_attr_any(attrs->attrs[i].type)->kind;

        hsm_attr_write(writer, &attrs->attrs[i], kind);
    }
}

hsm_err hsm_part_read(hsm_bytes part, hsm_writer *room, hsm_attr *out_attrs, size_t *out_count)
{
    hsm_reader reader = hsm_reader_of(part);
    const uint8_t format = hsm_read_u8(&reader);
    const size_t count = hsm_read_u16(&reader);

    HSM_CHECK(!reader.is_failed && format == HSM_PART_FORMAT, HSM_E_STORE_CORRUPT);
    HSM_CHECK(count <= HSM_OBJECT_ATTRS_MAX && part.len <= 2 * HSM_OBJECT_MAX_BYTES,
              HSM_E_STORE_CORRUPT);
    for (size_t i = 0; i < count; i++) {
        HSM_CHECK(hsm_attr_read(&reader, room, &out_attrs[i]) == HSM_OK, HSM_E_STORE_CORRUPT);
        HSM_CHECK(i == 0 || out_attrs[i].type > out_attrs[i - 1].type, HSM_E_STORE_CORRUPT);
    }
    HSM_TRY(hsm_reader_end(&reader, HSM_E_STORE_CORRUPT));

    *out_count = count;
    return HSM_OK;
}

hsm_err hsm_object_encode_public(const hsm_object *object, hsm_buf *out_encoded)
{
    HSM_UNINITIALIZED hsm_attr places[HSM_OBJECT_ATTRS_MAX]; /* hsm_object_attrs() fills it */
    const hsm_template attrs = { .attrs = places, .count = hsm_object_attrs(object, places) };
    hsm_writer counter = hsm_writer_of(NULL, 0);

    hsm_part_write(&counter, &attrs);
    HSM_TRY(hsm_buf_reserve(out_encoded, counter.len));
    hsm_writer writer = hsm_writer_of(out_encoded->data + out_encoded->len, counter.len);
    hsm_part_write(&writer, &attrs);
    HSM_TRY(hsm_writer_end(&writer));
    out_encoded->len += writer.len;
    return HSM_OK;
}

/* Every attribute is one that objects of the kind have, not a secret one, and in the only form it is
 * written in. */
static hsm_err check_public(const hsm_attr *attrs, size_t count, hsm_object_kind kind)
{
    for (size_t i = 0; i < count; i++) {
        const hsm_attr_info *info = hsm_attr_find(attrs[i].type, kind);

        HSM_CHECK(info != NULL && (info->flags & HSM_ATTR_SECRET) == 0, HSM_E_STORE_CORRUPT);
        HSM_CHECK(hsm_attr_check_row(info, attrs[i].value) == HSM_OK, HSM_E_STORE_CORRUPT);
        if (info->kind == HSM_ATTR_NUMBER)
            HSM_CHECK(hsm_attr_trim(attrs[i].value).len == attrs[i].value.len, HSM_E_STORE_CORRUPT);
    }
    return HSM_OK;
}

hsm_err hsm_object_decode(const hsm_object_ident *ident, hsm_bytes public_part,
                          hsm_bytes sealed_secret, hsm_seal *seal, hsm_object **out_object)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf natives = { 0 };
    hsm_attr attrs[HSM_OBJECT_ATTRS_MAX];
    hsm_template tmpl = { .attrs = attrs };
    hsm_object_kind kind = 0;
    const hsm_template none = { 0 };

    HSM_TRY(hsm_buf_reserve(&natives, public_part.len));
    hsm_writer room = hsm_writer_of(natives.data, natives.cap);
    HSM_TRY(hsm_part_read(public_part, &room, attrs, &tmpl.count));
    HSM_CHECK(hsm_rules_kind(&tmpl, &none, &kind) == HSM_OK, HSM_E_STORE_CORRUPT);
    HSM_TRY(check_public(attrs, tmpl.count, kind));
    HSM_TRY(hsm_object_build(ident, hsm_layout_of(kind), &tmpl, seal, &object));
    if (sealed_secret.len > 0)
        HSM_TRY(hsm_buf_append(&object->sealed, sealed_secret));

    *out_object = HSM_MOVE(object);
    return HSM_OK;
}
