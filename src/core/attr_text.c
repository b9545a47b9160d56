/* Attributes by name, and values as text.
 * SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "core/internal.h"
#include "core/keyring.h"

#define PREFIX "CKA_"
#define PREFIX_LEN 4u

static char plain(char c)
{
    return c == '-' ? '_' : (char)toupper((unsigned char)c);
}

static bool is_named(const char *full, const char *name)
{
    size_t i = 0;

    for (; name[i] != '\0' && full[i] == plain(name[i]); i++) {
    }
    return name[i] == '\0' && full[i] == '\0';
}

static const hsm_attr_info *find_name(const char *name)
{
    size_t count = 0;
    const hsm_attr_info *rows = hsm_attr_table(&count);

    for (size_t i = 0; i < count; i++) {
        if (is_named(rows[i].name, name) || is_named(rows[i].name + PREFIX_LEN, name))
            return &rows[i];
    }
    return NULL;
}

void hsm_named_clear(hsm_named *named)
{
    for (size_t i = 0; i < named->count; i++)
        free(named->values[i]);
    named->count = 0;
}

hsm_template hsm_named_template(const hsm_named *named)
{
    return (hsm_template){ .attrs = named->attrs, .count = named->count };
}

static hsm_err put(hsm_named *named, CK_ATTRIBUTE_TYPE type, hsm_bytes value)
{
    HSM_CHECK(named->count < HSM_NAMED_MAX && value.len <= HSM_ATTR_MAX_DATA_BYTES, HSM_E_LIMIT);
    const size_t at = named->count;
    named->values[at] = malloc(value.len + 1);
    HSM_CHECK(named->values[at] != NULL, HSM_E_NO_MEMORY);
    if (value.len > 0)
        memcpy(named->values[at], value.data, value.len);
    named->attrs[at] = (hsm_attr){ type, hsm_bytes_of(named->values[at], value.len) };
    named->count++;
    return HSM_OK;
}

hsm_err hsm_named_put(hsm_named *named, const char *name, hsm_bytes value)
{
    const hsm_attr_info *row = find_name(name);

    HSM_CHECK(row != NULL, HSM_E_ATTRIBUTE_TYPE);
    return put(named, row->type, value);
}

hsm_err hsm_named_put_bool(hsm_named *named, const char *name, bool value)
{
    const CK_BBOOL byte = value ? CK_TRUE : CK_FALSE;

    return hsm_named_put(named, name, hsm_bytes_of(&byte, sizeof byte));
}

hsm_err hsm_named_put_default(hsm_named *named, const char *name, bool value)
{
    const hsm_template tmpl = hsm_named_template(named);
    const hsm_attr_info *row = find_name(name);

    HSM_CHECK(row != NULL, HSM_E_ATTRIBUTE_TYPE);
    return hsm_template_get(&tmpl, row->type) != NULL ? HSM_OK
                                                      : hsm_named_put_bool(named, name, value);
}

hsm_err hsm_named_put_ulong(hsm_named *named, const char *name, CK_ULONG value)
{
    return hsm_named_put(named, name, hsm_bytes_of(&value, sizeof value));
}

/* --- text to value ---------------------------------------------------------------------------- */

static hsm_err put_bool(hsm_named *named, CK_ATTRIBUTE_TYPE type, const char *text)
{
    static const char *const words[2][3] = { { "no", "false", "0" }, { "yes", "true", "1" } };

    for (size_t i = 0; i < 6; i++) {
        const CK_BBOOL value = i < 3 ? CK_FALSE : CK_TRUE;
        if (strcmp(text, words[i / 3][i % 3]) == 0)
            return put(named, type, hsm_bytes_of(&value, sizeof value));
    }
    return HSM_E_ATTRIBUTE_VALUE;
}

static hsm_err put_ulong(hsm_named *named, CK_ATTRIBUTE_TYPE type, const char *text)
{
    CK_ULONG value = 0;

    HSM_CHECK(text[0] != '\0', HSM_E_ATTRIBUTE_VALUE);
    for (const char *at = text; *at != '\0'; at++) {
        HSM_CHECK(*at >= '0' && *at <= '9', HSM_E_ATTRIBUTE_VALUE);
        const CK_ULONG digit = (CK_ULONG)(*at - '0');
        HSM_CHECK(value <= ((CK_ULONG)-1 - digit) / 10, HSM_E_ATTRIBUTE_VALUE);
        value = value * 10 + digit;
    }
    return put(named, type, hsm_bytes_of(&value, sizeof value));
}

static hsm_err put_hex(hsm_named *named, CK_ATTRIBUTE_TYPE type, const char *text)
{
    uint8_t bytes[256];
    const size_t len = strlen(text);

    HSM_CHECK(len % 2 == 0 && len / 2 <= sizeof bytes, HSM_E_ATTRIBUTE_VALUE);
    for (size_t i = 0; i < len / 2; i++) {
        const int high = hsm_hex_digit(text[2 * i]);
        const int low = hsm_hex_digit(text[2 * i + 1]);
        HSM_CHECK(high >= 0 && low >= 0, HSM_E_ATTRIBUTE_VALUE);
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return put(named, type, hsm_bytes_of(bytes, len / 2));
}

/* YYYY-MM-DD to the eight digits of a CK_DATE; "" to none. */
static hsm_err put_date(hsm_named *named, CK_ATTRIBUTE_TYPE type, const char *text)
{
    char digits[9] = "";
    size_t len = 0;

    for (size_t i = 0; text[i] != '\0'; i++) {
        if (text[i] == '-' && (i == 4 || i == 7))
            continue;
        HSM_CHECK(len < 8 && text[i] >= '0' && text[i] <= '9', HSM_E_ATTRIBUTE_VALUE);
        digits[len++] = text[i];
    }
    HSM_CHECK(len == 0 || len == 8, HSM_E_ATTRIBUTE_VALUE);
    return put(named, type, hsm_bytes_of(digits, len));
}

hsm_err hsm_named_put_text(hsm_named *named, const char *name, const char *text)
{
    const hsm_attr_info *row = find_name(name);

    HSM_CHECK(row != NULL, HSM_E_ATTRIBUTE_TYPE);
    switch (row->kind) {
    case HSM_ATTR_BOOL:
        return put_bool(named, row->type, text);
    case HSM_ATTR_ULONG:
        return put_ulong(named, row->type, text);
    case HSM_ATTR_TEXT:
        return put(named, row->type, hsm_bytes_of_text(text));
    case HSM_ATTR_DATE:
        return put_date(named, row->type, text);
    case HSM_ATTR_BYTES:
    case HSM_ATTR_NUMBER:
        return put_hex(named, row->type, text);
    case HSM_ATTR_MECHANISMS:
    case HSM_ATTR_TEMPLATE:
        break; /* have no text of one line */
    }
    return HSM_E_ATTRIBUTE_VALUE;
}

/* --- value to text ---------------------------------------------------------------------------- */

static hsm_err add_text(hsm_buf *out, const char *text)
{
    return hsm_buf_append(out, hsm_bytes_of_text(text));
}

static hsm_err add_hex(hsm_buf *out, hsm_bytes value)
{
    char digits[3];

    for (size_t i = 0; i < value.len; i++) {
        (void)snprintf(digits, sizeof digits, "%02x", value.data[i]);
        HSM_TRY(add_text(out, digits));
    }
    return HSM_OK;
}

static hsm_err add_ulong(hsm_buf *out, hsm_bytes value)
{
    char text[32];
    CK_ULONG number = 0;

    HSM_CHECK(value.len == sizeof number, HSM_E_STORE_CORRUPT);
    memcpy(&number, value.data, sizeof number);
    if (number == CK_UNAVAILABLE_INFORMATION)
        return add_text(out, "none");
    (void)snprintf(text, sizeof text, "%lu", (unsigned long)number);
    return add_text(out, text);
}

static hsm_err add_mechanisms(hsm_buf *out, hsm_bytes value)
{
    for (size_t at = 0; at + sizeof(CK_MECHANISM_TYPE) <= value.len;
         at += sizeof(CK_MECHANISM_TYPE)) {
        CK_MECHANISM_TYPE id;
        memcpy(&id, value.data + at, sizeof id);
        const hsm_mech *mech = hsm_mech_find(id);
        HSM_TRY(add_text(out, at > 0 ? " " : ""));
        HSM_TRY(add_text(out, mech != NULL ? mech->name : "unknown"));
    }
    return HSM_OK;
}

static hsm_err add_value(hsm_buf *out, const hsm_attr_info *row, hsm_bytes value)
{
    switch (row->kind) {
    case HSM_ATTR_BOOL:
        return add_text(out, value.len == 1 && value.data[0] != CK_FALSE ? "yes" : "no");
    case HSM_ATTR_ULONG:
        return add_ulong(out, value);
    case HSM_ATTR_TEXT:
    case HSM_ATTR_DATE:
        return hsm_buf_append(out, value);
    case HSM_ATTR_MECHANISMS:
        return add_mechanisms(out, value);
    case HSM_ATTR_BYTES:
    case HSM_ATTR_NUMBER:
    case HSM_ATTR_TEMPLATE:
        return add_hex(out, value);
    }
    return HSM_E_INTERNAL;
}

hsm_err hsm_core_each_attribute(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE handle,
                                hsm_attr_visit visit, void *arg)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf text = { 0 };
    hsm_attr attrs[HSM_OBJECT_ATTRS_MAX];

    HSM_TRY(hsm_core_object(core, session, handle, &object));
    const size_t count = hsm_object_attrs(object, attrs);
    for (size_t i = 0; i < count; i++) {
        const hsm_attr_info *row = hsm_attr_find(attrs[i].type, object->kind);
        if (row == NULL)
            continue;
        hsm_buf_reset(&text);
        HSM_TRY(add_value(&text, row, attrs[i].value));
        HSM_TRY(hsm_buf_append(&text, hsm_bytes_of("", 1)));
        HSM_TRY(visit(arg, row->name, (const char *)text.data));
    }
    return HSM_OK;
}

static void close_view(hsm_attr_view **view)
{
    hsm_core_attributes_close(*view);
}

hsm_err hsm_core_get_value(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE handle,
                           const char *name, hsm_buf *out)
{
    const hsm_attr_info *row = find_name(name);
    HSM_AUTO(close_view) hsm_attr_view *view = NULL;
    hsm_bytes value;
    bool is_template = false;

    HSM_CHECK(row != NULL, HSM_E_ATTRIBUTE_TYPE);
    HSM_TRY(hsm_core_attributes_open(core, session, handle, &view));
    HSM_TRY(hsm_core_attributes_get(view, row->type, &value, &is_template));
    HSM_CHECK(value.len > 0, HSM_E_ATTRIBUTE_TYPE);
    return hsm_buf_append(out, value);
}
