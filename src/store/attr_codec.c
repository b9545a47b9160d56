/* SPDX-License-Identifier: Apache-2.0 */
#include "store/attr_internal.h"

#define WIDE_BYTES 8u

/* CK_UNAVAILABLE_INFORMATION, all ones on every machine. */
#define WIDE_UNAVAILABLE UINT64_MAX

static void write_ulong(hsm_writer *writer, const uint8_t *native)
{
    CK_ULONG value;

    memcpy(&value, native, sizeof value);
    hsm_write_u64(writer, value == CK_UNAVAILABLE_INFORMATION ? WIDE_UNAVAILABLE : value);
}

void hsm_attr_write(hsm_writer *writer, const hsm_attr *attr, hsm_attr_kind kind)
{
    const bool is_wide = kind == HSM_ATTR_ULONG || kind == HSM_ATTR_MECHANISMS;
    const size_t count = is_wide ? attr->value.len / sizeof(CK_ULONG) : 0;

    hsm_write_u64(writer, attr->type);
    if (!is_wide) {
        hsm_write_bytes(writer, attr->value);
        return;
    }
    hsm_write_u32(writer, (uint32_t)(count * WIDE_BYTES)); /* at most 128 KiB: values are checked */
    for (size_t i = 0; i < count; i++)
        write_ulong(writer, attr->value.data + i * sizeof(CK_ULONG));
}

/* u64 -> CK_ULONG; where that has 32 bits, larger values do not exist. */
static bool narrow(uint64_t wide, CK_ULONG *out)
{
    if (wide == WIDE_UNAVAILABLE) {
        *out = CK_UNAVAILABLE_INFORMATION;
        return true;
    }
    if (wide >= CK_UNAVAILABLE_INFORMATION)
        return false;
    *out = (CK_ULONG)wide;
    return true;
}

static hsm_err read_ulongs(hsm_bytes wide, hsm_writer *room, hsm_bytes *out_value)
{
    hsm_reader reader = hsm_reader_of(wide);
    const size_t start = room == NULL ? 0 : room->len;

    HSM_CHECK(wide.len % WIDE_BYTES == 0, HSM_E_ATTRIBUTE_VALUE);
    for (size_t i = 0; i < wide.len / WIDE_BYTES; i++) {
        CK_ULONG value = 0;

        HSM_CHECK(narrow(hsm_read_u64(&reader), &value), HSM_E_ATTRIBUTE_VALUE);
        if (room != NULL)
            hsm_write_raw(room, hsm_bytes_of(&value, sizeof value));
    }
    *out_value = hsm_bytes_none();
    if (room == NULL || wide.len == 0)
        return HSM_OK;
    HSM_CHECK(!room->is_failed, HSM_E_ATTRIBUTE_VALUE);
    *out_value = hsm_bytes_of(room->data + start, room->len - start);
    return HSM_OK;
}

hsm_err hsm_attr_read(hsm_reader *reader, hsm_writer *room, hsm_attr *out_attr)
{
    const uint64_t wide_type = hsm_read_u64(reader);
    const hsm_bytes value = hsm_read_bytes(reader, HSM_ATTR_MAX_DATA_BYTES);
    hsm_attr attr = { .type = 0, .value = value };

    HSM_CHECK(!reader->is_failed, HSM_E_ATTRIBUTE_VALUE);
    HSM_CHECK(narrow(wide_type, &attr.type), HSM_E_ATTRIBUTE_TYPE);
    const hsm_attr_info *info = hsm_attr_any(attr.type);
    HSM_CHECK(info != NULL, HSM_E_ATTRIBUTE_TYPE);
    if (info->kind == HSM_ATTR_ULONG)
        HSM_CHECK(value.len == WIDE_BYTES, HSM_E_ATTRIBUTE_VALUE);
    if (info->kind == HSM_ATTR_ULONG || info->kind == HSM_ATTR_MECHANISMS)
        HSM_TRY(read_ulongs(value, room, &attr.value));

    *out_attr = attr;
    return HSM_OK;
}
