/* SPDX-License-Identifier: Apache-2.0 */
#include "store/attr.h"

#include "store/attr_internal.h"

#define DATE_BYTES 8u
#define CHECK_VALUE_BYTES 3u
#define CRC64_BYTES 8u

/* --- look-up ------------------------------------------------------------------------------------ */

const hsm_attr_info *hsm_attr_find(CK_ATTRIBUTE_TYPE type, hsm_object_kind kind)
{
    const hsm_layout *layout = hsm_layout_of(kind);
    const unsigned place = hsm_layout_find(layout, type);

    return place == HSM_PLACE_NONE ? NULL : hsm_layout_row(layout, place);
}

/* --- kinds -------------------------------------------------------------------------------------- */

/* Which key types have the attributes of which kind; first those that are made most often. */
static const struct {
    CK_KEY_TYPE type;
    hsm_object_kind secret_key;
    hsm_object_kind public_key;
    hsm_object_kind private_key;
    hsm_object_kind domain;
} key_kinds[] = {
#define SECRET .secret_key = HSM_KIND_SECRET
#define PAIR(name) .public_key = HSM_KIND_##name##_PUBLIC, .private_key = HSM_KIND_##name##_PRIVATE
    { CKK_AES, SECRET },
    { CKK_GENERIC_SECRET, SECRET },
    { CKK_EC, PAIR(EC) },
    { CKK_RSA, PAIR(RSA) },
    { CKK_ML_KEM, .public_key = HSM_KIND_PQC_PUBLIC, .private_key = HSM_KIND_LATTICE_PRIVATE },
    { CKK_ML_DSA, .public_key = HSM_KIND_PQC_PUBLIC, .private_key = HSM_KIND_LATTICE_PRIVATE },
    { CKK_EC_EDWARDS, PAIR(EC) },
    { CKK_EC_MONTGOMERY, PAIR(EC) },
    { CKK_SHA_1_HMAC, SECRET },
    { CKK_SHA224_HMAC, SECRET },
    { CKK_SHA256_HMAC, SECRET },
    { CKK_SHA384_HMAC, SECRET },
    { CKK_SHA512_HMAC, SECRET },
    { CKK_SHA512_224_HMAC, SECRET },
    { CKK_SHA512_256_HMAC, SECRET },
    { CKK_SHA3_224_HMAC, SECRET },
    { CKK_SHA3_256_HMAC, SECRET },
    { CKK_SHA3_384_HMAC, SECRET },
    { CKK_SHA3_512_HMAC, SECRET },
    { CKK_AES_XTS, SECRET },
    { CKK_DES3, SECRET },
    { CKK_CHACHA20, SECRET },
    { CKK_HKDF, SECRET },
    { CKK_SLH_DSA, .public_key = HSM_KIND_PQC_PUBLIC, .private_key = HSM_KIND_SLH_PRIVATE },
    { CKK_CRATON_COMP_KEM, .public_key = HSM_KIND_PQC_PUBLIC, .private_key = HSM_KIND_SLH_PRIVATE },
    { CKK_CRATON_COMP_SIG, .public_key = HSM_KIND_PQC_PUBLIC, .private_key = HSM_KIND_SLH_PRIVATE },
    { CKK_DH, PAIR(DH), .domain = HSM_KIND_DOMAIN },
    { CKK_X9_42_DH, PAIR(DH), .domain = HSM_KIND_DOMAIN },
    { CKK_DSA, .domain = HSM_KIND_DOMAIN },
#undef SECRET
#undef PAIR
};

/* Classes without a type. */
static const struct {
    CK_OBJECT_CLASS object_class;
    hsm_object_kind kind;
} plain_kinds[] = {
    { CKO_DATA, HSM_KIND_DATA },
    { CKO_PROFILE, HSM_KIND_PROFILE },
    { CKO_MECHANISM, HSM_KIND_MECHANISM },
    { CKO_TRUST, HSM_KIND_TRUST },
    { CKO_VALIDATION, HSM_KIND_VALIDATION },
};

/* 0: no such key. */
static hsm_object_kind kind_of_key(CK_OBJECT_CLASS object_class, CK_KEY_TYPE type)
{
    size_t i = 0;

    while (i < HSM_ARRAY_LEN(key_kinds) && key_kinds[i].type != type)
        i++;
    if (i == HSM_ARRAY_LEN(key_kinds))
        return 0;
    switch (object_class) {
    case CKO_SECRET_KEY:
        return key_kinds[i].secret_key;
    case CKO_PUBLIC_KEY:
        return key_kinds[i].public_key;
    case CKO_PRIVATE_KEY:
        return key_kinds[i].private_key;
    case CKO_DOMAIN_PARAMETERS:
        return key_kinds[i].domain;
    default:
        return 0;
    }
}

hsm_err hsm_kind_of(CK_OBJECT_CLASS object_class, CK_ULONG type, hsm_object_kind *out_kind)
{
    hsm_object_kind kind = 0;

    if (object_class == CKO_CERTIFICATE && type == CKC_X_509)
        kind = HSM_KIND_CERTIFICATE;
    for (size_t i = 0; i < HSM_ARRAY_LEN(plain_kinds); i++) {
        if (plain_kinds[i].object_class == object_class)
            kind = plain_kinds[i].kind;
    }
    if (kind == 0)
        kind = kind_of_key(object_class, type);
    HSM_CHECK(kind != 0, HSM_E_ATTRIBUTE_VALUE);

    *out_kind = kind;
    return HSM_OK;
}

/* --- the form of values ------------------------------------------------------------------------- */

/* Length of the UTF-8 character that begins with `lead`; 0 if none does. `out_min` is the smallest
 * code point that needs this many bytes. */
static size_t utf8_len(uint8_t lead, uint32_t *out_point, uint32_t *out_min)
{
    if (lead < 0x80) {
        *out_point = lead;
        *out_min = 0;
        return 1;
    }
    if (lead >= 0xC0 && lead < 0xE0) {
        *out_point = lead & 0x1Fu;
        *out_min = 0x80;
        return 2;
    }
    if (lead >= 0xE0 && lead < 0xF0) {
        *out_point = lead & 0x0Fu;
        *out_min = 0x800;
        return 3;
    }
    if (lead >= 0xF0 && lead < 0xF8) {
        *out_point = lead & 0x07u;
        *out_min = 0x10000;
        return 4;
    }
    return 0;
}

static bool is_utf8(hsm_bytes text)
{
    for (size_t at = 0; at < text.len;) {
        uint32_t point = 0;
        uint32_t min = 0;
        const size_t len = utf8_len(text.data[at], &point, &min);

        if (len == 0 || len > text.len - at)
            return false;
        for (size_t i = 1; i < len; i++) {
            if ((text.data[at + i] & 0xC0u) != 0x80)
                return false;
            point = point << 6 | (text.data[at + i] & 0x3Fu);
        }
        if (point < min || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
            return false;
        at += len;
    }
    return true;
}

static bool is_date(hsm_bytes date)
{
    if (date.len == 0)
        return true;
    if (date.len != DATE_BYTES)
        return false;
    for (size_t i = 0; i < DATE_BYTES; i++) {
        if (date.data[i] < '0' || date.data[i] > '9')
            return false;
    }
    const int month = (date.data[4] - '0') * 10 + date.data[5] - '0';
    const int day = (date.data[6] - '0') * 10 + date.data[7] - '0';
    return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

static hsm_err check_form(hsm_attr_kind kind, hsm_bytes value)
{
    switch (kind) {
    case HSM_ATTR_BOOL:
        HSM_CHECK(value.len == sizeof(CK_BBOOL) && value.data[0] <= CK_TRUE, HSM_E_ATTRIBUTE_VALUE);
        return HSM_OK;
    case HSM_ATTR_ULONG:
        HSM_CHECK(value.len == sizeof(CK_ULONG), HSM_E_ATTRIBUTE_VALUE);
        return HSM_OK;
    case HSM_ATTR_MECHANISMS:
        HSM_CHECK(value.len % sizeof(CK_MECHANISM_TYPE) == 0, HSM_E_ATTRIBUTE_VALUE);
        return HSM_OK;
    case HSM_ATTR_TEXT:
        HSM_CHECK(is_utf8(value), HSM_E_ATTRIBUTE_VALUE);
        return HSM_OK;
    case HSM_ATTR_DATE:
        HSM_CHECK(is_date(value), HSM_E_ATTRIBUTE_VALUE);
        return HSM_OK;
    case HSM_ATTR_TEMPLATE:
        return hsm_template_check_encoded(value);
    case HSM_ATTR_BYTES:
    case HSM_ATTR_NUMBER:
        return HSM_OK;
    }
    return HSM_E_INTERNAL;
}

static hsm_err check_value(const hsm_attr_info *info, hsm_bytes value, size_t max_bytes)
{
    HSM_CHECK(value.len <= max_bytes, HSM_E_ATTRIBUTE_VALUE);
    HSM_CHECK(value.data != NULL || value.len == 0, HSM_E_ATTRIBUTE_VALUE);
    if (info->type == CKA_CHECK_VALUE)
        HSM_CHECK(value.len == 0 || value.len == CHECK_VALUE_BYTES, HSM_E_ATTRIBUTE_VALUE);
    if (info->type == CKA_PUBLIC_CRC64_VALUE)
        HSM_CHECK(value.len == CRC64_BYTES, HSM_E_ATTRIBUTE_VALUE);
    return check_form(info->kind, value);
}

hsm_err hsm_attr_check_row(const hsm_attr_info *info, hsm_bytes value)
{
    const bool is_data = (info->kinds & (HSM_KIND_DATA | HSM_KIND_CERTIFICATE)) != 0;

    return check_value(info, value,
                       info->type == CKA_VALUE && is_data ? HSM_ATTR_MAX_DATA_BYTES
                                                          : HSM_ATTR_MAX_BYTES);
}

hsm_err hsm_attr_check(const hsm_attr *attr)
{
    const hsm_attr_info *info = hsm_attr_any(attr->type);

    HSM_CHECK(info != NULL, HSM_E_ATTRIBUTE_TYPE);
    return check_value(info, attr->value,
                       attr->type == CKA_VALUE ? HSM_ATTR_MAX_DATA_BYTES : HSM_ATTR_MAX_BYTES);
}

hsm_bytes hsm_attr_trim(hsm_bytes value)
{
    while (value.len > 0 && value.data[0] == 0)
        value = hsm_bytes_of(value.data + 1, value.len - 1);
    return value;
}
