/* A draft has one place for each row of the attribute table, so that a look-up is an index and the
 * attributes come out sorted by type.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/attr_internal.h"

#define OPEN_FIRST_BYTES 512u  /* enough for most keys */
#define SECRET_FIRST_BYTES 64u /* a symmetric or elliptic curve key */
/* So that the encoded secret part still fits in an hsm_secret. */
#define SECRET_MAX_BYTES (HSM_SECRET_MAX_BYTES - 1024)

struct hsm_draft {
    hsm_object_kind kind;
    hsm_row_set present;
    struct {
        uint32_t at; /* in `open` or, for rows with HSM_ATTR_SECRET, in `secret` */
        uint32_t len;
    } places[HSM_ATTR_ROWS_MAX];
    hsm_buf open;
    hsm_secret *secret;
    size_t secret_len; /* used of it */
};

hsm_err hsm_draft_create(hsm_object_kind kind, hsm_draft **out_draft)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = calloc(1, sizeof *draft);

    HSM_CHECK(draft != NULL, HSM_E_NO_MEMORY);
    draft->kind = kind;
    HSM_TRY(hsm_buf_reserve(&draft->open, OPEN_FIRST_BYTES));

    *out_draft = HSM_MOVE(draft);
    return HSM_OK;
}

void hsm_draft_destroy(hsm_draft *draft)
{
    if (draft == NULL)
        return;
    hsm_buf_clear(&draft->open);
    hsm_secret_destroy(draft->secret);
    free(draft);
}

hsm_object_kind hsm_draft_kind(const hsm_draft *draft)
{
    return draft->kind;
}

/* --- put ---------------------------------------------------------------------------------------- */

static hsm_err append_open(hsm_draft *draft, hsm_bytes value, size_t *out_at)
{
    const bool is_own = hsm_bytes_overlap(value, hsm_buf_view(&draft->open));
    const size_t own_at = is_own ? (size_t)(value.data - draft->open.data) : 0;

    HSM_CHECK(value.len <= HSM_OBJECT_MAX_BYTES - draft->open.len, HSM_E_LIMIT);
    HSM_TRY(hsm_buf_reserve(&draft->open, value.len));
    if (value.len > 0) {
        const uint8_t *from = is_own ? draft->open.data + own_at : value.data;

        memcpy(draft->open.data + draft->open.len, from, value.len);
    }
    *out_at = draft->open.len;
    draft->open.len += value.len;
    return HSM_OK;
}

static hsm_err append_secret(hsm_draft *draft, hsm_bytes value, size_t *out_at)
{
    const size_t used = draft->secret_len;
    const size_t room = draft->secret == NULL ? 0 : hsm_secret_len(draft->secret);

    HSM_CHECK(value.len <= SECRET_MAX_BYTES - used, HSM_E_LIMIT);
    if (value.len > room - used) {
        HSM_AUTO(hsm_secret_drop) hsm_secret *larger = NULL;
        size_t larger_len = room < SECRET_FIRST_BYTES ? SECRET_FIRST_BYTES : 2 * room;

        if (larger_len < used + value.len)
            larger_len = used + value.len;
        if (larger_len > SECRET_MAX_BYTES)
            larger_len = SECRET_MAX_BYTES;
        HSM_TRY(hsm_secret_create(larger_len, &larger));
        if (used > 0)
            memcpy(hsm_secret_data(larger), hsm_secret_data(draft->secret), used);
        memcpy(hsm_secret_data(larger) + used, value.data, value.len);
        hsm_secret_destroy(draft->secret); /* only now: value may lie in it */
        draft->secret = HSM_MOVE(larger);
    } else if (value.len > 0) {
        memcpy(hsm_secret_data(draft->secret) + used, value.data, value.len);
    }
    *out_at = used;
    draft->secret_len += value.len;
    return HSM_OK;
}

/* Where a row's value is now; NULL when there is none or it is empty. */
static uint8_t *place_of(const hsm_draft *draft, size_t row, bool is_secret)
{
    if (!hsm_row_set_has(&draft->present, row) || draft->places[row].len == 0)
        return NULL;
    return (is_secret ? hsm_secret_data(draft->secret) : draft->open.data) + draft->places[row].at;
}

hsm_err hsm_draft_put_row(hsm_draft *draft, size_t row, hsm_bytes value)
{
    const bool is_secret = (hsm_attr_rows[row].flags & HSM_ATTR_SECRET) != 0;
    uint8_t *old = place_of(draft, row, is_secret);
    size_t at = 0;

    if (hsm_attr_rows[row].kind == HSM_ATTR_NUMBER)
        value = hsm_attr_trim(value);
    if (old != NULL && value.len <= draft->places[row].len) {
        at = draft->places[row].at;
        if (value.len > 0)
            memmove(old, value.data, value.len); /* may be a part of itself */
    } else if (is_secret) {
        HSM_TRY(append_secret(draft, value, &at));
    } else {
        HSM_TRY(append_open(draft, value, &at));
    }
    draft->places[row].at = (uint32_t)at; /* bounded by HSM_OBJECT_MAX_BYTES */
    draft->places[row].len = (uint32_t)value.len;
    hsm_row_set_add(&draft->present, row);
    return HSM_OK;
}

hsm_err hsm_draft_put(hsm_draft *draft, CK_ATTRIBUTE_TYPE type, hsm_bytes value)
{
    const hsm_attr_info *info = hsm_attr_find(type, draft->kind);

    HSM_CHECK(info != NULL, HSM_E_ATTRIBUTE_TYPE);
    HSM_TRY(hsm_attr_check_row(info, value));
    return hsm_draft_put_row(draft, hsm_attr_row(info), value);
}

hsm_err hsm_draft_put_bool(hsm_draft *draft, CK_ATTRIBUTE_TYPE type, bool value)
{
    const CK_BBOOL native = value ? CK_TRUE : CK_FALSE;

    return hsm_draft_put(draft, type, hsm_bytes_of(&native, sizeof native));
}

hsm_err hsm_draft_put_ulong(hsm_draft *draft, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
    return hsm_draft_put(draft, type, hsm_bytes_of(&value, sizeof value));
}

/* --- get ---------------------------------------------------------------------------------------- */

bool hsm_draft_has_row(const hsm_draft *draft, size_t row)
{
    return hsm_row_set_has(&draft->present, row);
}

hsm_bytes hsm_draft_row(const hsm_draft *draft, size_t row)
{
    const bool is_secret = (hsm_attr_rows[row].flags & HSM_ATTR_SECRET) != 0;
    const uint8_t *data = place_of(draft, row, is_secret);

    return data == NULL ? hsm_bytes_none() : hsm_bytes_of(data, draft->places[row].len);
}

bool hsm_draft_get(const hsm_draft *draft, CK_ATTRIBUTE_TYPE type, hsm_bytes *out_value)
{
    const hsm_attr_info *info = hsm_attr_find(type, draft->kind);

    if (info == NULL || !hsm_draft_has_row(draft, hsm_attr_row(info)))
        return false;
    *out_value = hsm_draft_row(draft, hsm_attr_row(info));
    return true;
}

bool hsm_draft_bool(const hsm_draft *draft, CK_ATTRIBUTE_TYPE type, bool fallback)
{
    hsm_bytes value;

    if (!hsm_draft_get(draft, type, &value) || value.len != sizeof(CK_BBOOL))
        return fallback;
    return value.data[0] != CK_FALSE;
}

CK_ULONG hsm_draft_ulong(const hsm_draft *draft, CK_ATTRIBUTE_TYPE type, CK_ULONG fallback)
{
    hsm_bytes value;
    CK_ULONG native;

    if (!hsm_draft_get(draft, type, &value) || value.len != sizeof native)
        return fallback;
    memcpy(&native, value.data, sizeof native);
    return native;
}

void hsm_draft_list(const hsm_draft *draft, hsm_draft_lists *out_lists)
{
    out_lists->open_count = 0;
    out_lists->secret_count = 0;
    for (size_t word = 0; word < HSM_ARRAY_LEN(draft->present.bits); word++) {
        for (uint64_t rest = draft->present.bits[word]; rest != 0; rest &= rest - 1) {
            const size_t row = word * 64 + (size_t)__builtin_ctzll(rest);
            const hsm_attr attr = { hsm_attr_rows[row].type, hsm_draft_row(draft, row) };

            if ((hsm_attr_rows[row].flags & HSM_ATTR_SECRET) != 0)
                out_lists->secret[out_lists->secret_count++] = attr;
            else
                out_lists->open[out_lists->open_count++] = attr;
        }
    }
}
