/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/attr_internal.h"

const hsm_attr *hsm_template_get(const hsm_template *tmpl, CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; i < tmpl->count; i++) {
        if (tmpl->attrs[i].type == type)
            return &tmpl->attrs[i];
    }
    return NULL;
}

bool hsm_template_bool(const hsm_template *tmpl, CK_ATTRIBUTE_TYPE type, bool fallback)
{
    const hsm_attr *attr = hsm_template_get(tmpl, type);

    if (attr == NULL || attr->value.len != sizeof(CK_BBOOL))
        return fallback;
    return attr->value.data[0] != CK_FALSE;
}

CK_ULONG hsm_template_ulong(const hsm_template *tmpl, CK_ATTRIBUTE_TYPE type, CK_ULONG fallback)
{
    const hsm_attr *attr = hsm_template_get(tmpl, type);
    CK_ULONG value;

    if (attr == NULL || attr->value.len != sizeof value)
        return fallback;
    memcpy(&value, attr->value.data, sizeof value); /* a caller's memory need not be aligned */
    return value;
}

/* --- the encoded form --------------------------------------------------------------------------- */

/* Whether the type holds a secret in any kind of key: nested templates are stored as public. */
static bool is_secret_type(CK_ATTRIBUTE_TYPE type)
{
    const hsm_attr_info *end = hsm_attr_rows + hsm_attr_row_count;

    for (const hsm_attr_info *info = hsm_attr_any(type); info != NULL && info < end; info++) {
        if (info->type != type)
            break;
        if ((info->flags & HSM_ATTR_SECRET) != 0)
            return true;
    }
    return false;
}

static hsm_err may_nest(CK_ATTRIBUTE_TYPE type)
{
    const hsm_attr_info *info = hsm_attr_any(type);

    HSM_CHECK(info != NULL, HSM_E_ATTRIBUTE_TYPE);
    HSM_CHECK(info->kind != HSM_ATTR_TEMPLATE, HSM_E_TEMPLATE_INCONSISTENT);
    HSM_CHECK(!is_secret_type(type), HSM_E_TEMPLATE_INCONSISTENT);
    return HSM_OK;
}

/* Sorts by type; at most HSM_TEMPLATE_MAX_ATTRS, so insertion is good enough. */
static hsm_err sort(const hsm_template *tmpl, hsm_attr *out_sorted)
{
    for (size_t i = 0; i < tmpl->count; i++) {
        size_t at = i;

        for (; at > 0 && out_sorted[at - 1].type >= tmpl->attrs[i].type; at--) {
            HSM_CHECK(out_sorted[at - 1].type != tmpl->attrs[i].type, HSM_E_TEMPLATE_INCONSISTENT);
            out_sorted[at] = out_sorted[at - 1];
        }
        out_sorted[at] = tmpl->attrs[i];
    }
    return HSM_OK;
}

static void write_template(hsm_writer *writer, const hsm_attr *attrs, size_t count)
{
    hsm_write_u16(writer, (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        hsm_attr attr = attrs[i];
        const hsm_attr_kind kind = hsm_attr_any(attr.type)->kind; /* checked by may_nest() */

        if (kind == HSM_ATTR_NUMBER)
            attr.value = hsm_attr_trim(attr.value);
        hsm_attr_write(writer, &attr, kind);
    }
}

hsm_err hsm_template_encode(const hsm_template *tmpl, hsm_buf *out_encoded)
{
    hsm_attr sorted[HSM_TEMPLATE_MAX_ATTRS];

    HSM_CHECK(tmpl->count <= HSM_TEMPLATE_MAX_ATTRS, HSM_E_ATTRIBUTE_VALUE);
    for (size_t i = 0; i < tmpl->count; i++) {
        HSM_TRY(may_nest(tmpl->attrs[i].type));
        HSM_TRY(hsm_attr_check(&tmpl->attrs[i]));
    }
    HSM_TRY(sort(tmpl, sorted));

    hsm_writer counter = hsm_writer_of(NULL, 0);
    write_template(&counter, sorted, tmpl->count);
    HSM_CHECK(counter.len <= HSM_ATTR_MAX_BYTES, HSM_E_ATTRIBUTE_VALUE);
    HSM_TRY(hsm_buf_reserve(out_encoded, counter.len));
    hsm_writer writer = hsm_writer_of(out_encoded->data + out_encoded->len, counter.len);
    write_template(&writer, sorted, tmpl->count);
    HSM_TRY(hsm_writer_end(&writer));
    out_encoded->len += writer.len;
    return HSM_OK;
}

/* Reads the next attribute of an encoded template and checks it. */
static hsm_err read_nested(hsm_reader *reader, hsm_writer *room, hsm_attr *out_attr)
{
    HSM_TRY(hsm_attr_read(reader, room, out_attr));
    HSM_TRY(may_nest(out_attr->type));
    const hsm_attr_kind kind = hsm_attr_any(out_attr->type)->kind;
    if (kind == HSM_ATTR_NUMBER)
        HSM_CHECK(hsm_attr_trim(out_attr->value).len == out_attr->value.len, HSM_E_ATTRIBUTE_VALUE);
    if (kind == HSM_ATTR_ULONG || kind == HSM_ATTR_MECHANISMS)
        return HSM_OK; /* hsm_attr_read() knew their form */
    return hsm_attr_check(out_attr);
}

/* Reads all; out_attrs NULL only checks. */
static hsm_err read_template(hsm_bytes encoded, hsm_writer *room, hsm_attr *out_attrs)
{
    hsm_reader reader = hsm_reader_of(encoded);
    const size_t count = hsm_read_u16(&reader);
    CK_ATTRIBUTE_TYPE last = 0;

    HSM_CHECK(encoded.len <= HSM_ATTR_MAX_BYTES && count <= HSM_TEMPLATE_MAX_ATTRS,
              HSM_E_ATTRIBUTE_VALUE);
    for (size_t i = 0; i < count; i++) {
        hsm_attr attr;

        HSM_TRY(read_nested(&reader, room, &attr));
        HSM_CHECK(i == 0 || attr.type > last, HSM_E_ATTRIBUTE_VALUE);
        last = attr.type;
        if (out_attrs != NULL)
            out_attrs[i] = attr;
    }
    return hsm_reader_end(&reader, HSM_E_ATTRIBUTE_VALUE);
}

hsm_err hsm_template_check_encoded(hsm_bytes encoded)
{
    return read_template(encoded, NULL, NULL);
}

hsm_err hsm_template_decode(hsm_bytes encoded, hsm_template_owned *out_template)
{
    hsm_reader reader = hsm_reader_of(encoded);
    const size_t count = hsm_read_u16(&reader);
    HSM_AUTO(hsm_template_owned_clear) hsm_template_owned owned = { 0 };

    HSM_TRY(hsm_template_check_encoded(encoded)); /* before anything is allocated by its word */
    owned.attrs = calloc(count == 0 ? 1 : count, sizeof *owned.attrs);
    HSM_CHECK(owned.attrs != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(hsm_buf_reserve(&owned.values, encoded.len)); /* never moves from here on */
    hsm_writer room = hsm_writer_of(owned.values.data, encoded.len);
    HSM_TRY(read_template(encoded, &room, owned.attrs));
    owned.count = count;
    owned.values.len = room.len;

    *out_template = owned;
    owned = (hsm_template_owned){ 0 };
    return HSM_OK;
}

void hsm_template_owned_clear(hsm_template_owned *tmpl)
{
    free(tmpl->attrs);
    hsm_buf_clear(&tmpl->values);
    *tmpl = (hsm_template_owned){ 0 };
}
