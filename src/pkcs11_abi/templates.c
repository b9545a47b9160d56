/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11_abi/templates.h"

#include <stdlib.h>

#include "pkcs11_abi/args.h"

/* The i-th CK_ATTRIBUTE of an array that may lie anywhere. */
static CK_ATTRIBUTE attribute_at(const void *attributes, size_t i)
{
    CK_ATTRIBUTE attribute;

    (void)memcpy(&attribute, (const uint8_t *)attributes + i * sizeof attribute, sizeof attribute);
    return attribute;
}

static void attribute_store(void *attributes, size_t i, const CK_ATTRIBUTE *attribute)
{
    (void)memcpy((uint8_t *)attributes + i * sizeof *attribute, attribute, sizeof *attribute);
}

static hsm_err check_array(const void *attributes, CK_ULONG count)
{
    HSM_CHECK(attributes != NULL || count == 0, HSM_E_ARG);
    HSM_CHECK(count <= HSM_TEMPLATE_MAX_ATTRS, HSM_E_ARG);
    return HSM_OK;
}

/* A nested template: no deeper, so its own values are plain. */
static hsm_err encode_nested(hsm_bytes array, hsm_buf *out_encoded)
{
    hsm_attr attrs[HSM_TEMPLATE_MAX_ATTRS];
    const size_t count = array.len / sizeof(CK_ATTRIBUTE);

    HSM_CHECK(array.len % sizeof(CK_ATTRIBUTE) == 0 && count <= HSM_TEMPLATE_MAX_ATTRS,
              HSM_E_ATTRIBUTE_VALUE);
    for (size_t i = 0; i < count; i++) {
        const CK_ATTRIBUTE attribute = attribute_at(array.data, i);

        HSM_CHECK(!hsm_core_attr_is_template(attribute.type), HSM_E_ATTRIBUTE_VALUE);
        attrs[i].type = attribute.type;
        HSM_CHECK(abi_in(attribute.pValue, attribute.ulValueLen, &attrs[i].value),
                  HSM_E_ATTRIBUTE_VALUE);
    }
    const hsm_template tmpl = { .attrs = attrs, .count = count };
    return hsm_core_template_encode(&tmpl, out_encoded);
}

static hsm_err read_attribute(const CK_ATTRIBUTE *attribute, abi_template *tmpl, hsm_attr *out_attr)
{
    hsm_bytes value;

    HSM_CHECK(abi_in(attribute->pValue, attribute->ulValueLen, &value), HSM_E_ATTRIBUTE_VALUE);
    if (hsm_core_attr_is_template(attribute->type)) {
        HSM_CHECK(tmpl->nested_count < ABI_TEMPLATE_NESTED_MAX, HSM_E_TEMPLATE_INCONSISTENT);
        hsm_buf *encoded = &tmpl->nested[tmpl->nested_count];

        *encoded = (hsm_buf){ 0 };
        tmpl->nested_count++;
        HSM_TRY(encode_nested(value, encoded));
        value = hsm_buf_view(encoded);
    }
    *out_attr = (hsm_attr){ .type = attribute->type, .value = value };
    return HSM_OK;
}

hsm_err abi_template_read(const void *attributes, CK_ULONG count, abi_template *tmpl)
{
    hsm_attr *attrs = tmpl->inline_attrs;

    HSM_TRY(check_array(attributes, count));
    if (count > ABI_TEMPLATE_INLINE_ATTRS) {
        attrs = tmpl->heap_attrs = calloc(count, sizeof *attrs);
        HSM_CHECK(attrs != NULL, HSM_E_NO_MEMORY);
    }
    for (size_t i = 0; i < count; i++) {
        const CK_ATTRIBUTE attribute = attribute_at(attributes, i);

        HSM_TRY(read_attribute(&attribute, tmpl, &attrs[i]));
    }
    tmpl->view = (hsm_template){ .attrs = attrs, .count = count };
    return HSM_OK;
}

hsm_err abi_making_read(const void *mechanism, CK_MECHANISM *out_mechanism, const void *attributes,
                        CK_ULONG count, abi_template *tmpl)
{
    HSM_TRY(abi_mechanism(mechanism, out_mechanism));
    return abi_template_read(attributes, count, tmpl);
}

void abi_template_clear(abi_template *tmpl)
{
    for (size_t i = 0; i < tmpl->nested_count; i++)
        hsm_buf_clear(&tmpl->nested[i]);
    tmpl->nested_count = 0;
    free(tmpl->heap_attrs);
    tmpl->heap_attrs = NULL;
}

/* One value to one attribute: cases 3 to 5 of PKCS#11 v3.2, C_GetAttributeValue. */
static hsm_err fill_plain(CK_ATTRIBUTE *attribute, hsm_bytes value)
{
    if (attribute->pValue != NULL && attribute->ulValueLen < value.len) {
        attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return HSM_E_BUFFER_TOO_SMALL;
    }
    if (attribute->pValue != NULL && value.len > 0)
        (void)memcpy(attribute->pValue, value.data, value.len);
    attribute->ulValueLen = value.len;
    return HSM_OK;
}

/* A nested template to the caller's array: the types are told, the caller's own are ignored. */
static hsm_err fill_array(CK_ATTRIBUTE *attribute, const hsm_template_owned *nested)
{
    const size_t len = nested->count * sizeof(CK_ATTRIBUTE);
    hsm_err result = HSM_OK;

    if (attribute->pValue != NULL && attribute->ulValueLen < len) {
        attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return HSM_E_BUFFER_TOO_SMALL;
    }
    attribute->ulValueLen = len;
    for (size_t i = 0; attribute->pValue != NULL && i < nested->count; i++) {
        CK_ATTRIBUTE element = attribute_at(attribute->pValue, i);

        element.type = nested->attrs[i].type;
        if (fill_plain(&element, nested->attrs[i].value) != HSM_OK)
            result = HSM_E_BUFFER_TOO_SMALL;
        attribute_store(attribute->pValue, i, &element);
    }
    return result;
}

static hsm_err fill_template(CK_ATTRIBUTE *attribute, hsm_bytes encoded)
{
    HSM_AUTO(hsm_core_template_clear) hsm_template_owned nested = { 0 };

    HSM_TRY(hsm_core_template_decode(encoded, &nested));
    return fill_array(attribute, &nested);
}

static hsm_err fill_one(hsm_attr_view *view, CK_ATTRIBUTE *attribute)
{
    hsm_bytes value;
    bool is_template = false;
    const hsm_err err = hsm_core_attributes_get(view, attribute->type, &value, &is_template);

    if (err != HSM_OK) {
        attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return err;
    }
    return is_template ? fill_template(attribute, value) : fill_plain(attribute, value);
}

hsm_err abi_attributes_fill(hsm_attr_view *view, void *attributes, CK_ULONG count)
{
    hsm_err result = HSM_OK;

    HSM_TRY(check_array(attributes, count));
    for (size_t i = 0; i < count; i++) {
        CK_ATTRIBUTE attribute = attribute_at(attributes, i);
        const hsm_err err = fill_one(view, &attribute);

        attribute_store(attributes, i, &attribute);
        if (err != HSM_OK && err != HSM_E_ATTRIBUTE_SENSITIVE && err != HSM_E_ATTRIBUTE_TYPE &&
            err != HSM_E_BUFFER_TOO_SMALL)
            return err;
        if (result == HSM_OK)
            result = err;
    }
    return result;
}
