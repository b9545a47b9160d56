/* A draft has one place for each attribute of its kind, so that the attributes come out sorted by
 * type.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/attr_internal.h"

#define OPEN_FIRST_BYTES 512u  /* enough for most keys */
#define SECRET_FIRST_BYTES 64u /* a symmetric or elliptic curve key */
/* So that the encoded secret part still fits in an hsm_secret. */
#define SECRET_MAX_BYTES (HSM_SECRET_MAX_BYTES - 1024)

struct hsm_draft {
    const hsm_layout *layout;
    hsm_place_set present;
    hsm_buf open;
    hsm_secret *secret;
    size_t secret_len;                        /* used of it */
    hsm_extent extents[HSM_OBJECT_ATTRS_MAX]; /* of present places: in `secret` where the row has
                                                 HSM_ATTR_SECRET, else in `open` */
};

hsm_err hsm_draft_create(hsm_object_kind kind, hsm_draft **out_draft)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = malloc(sizeof *draft);

    HSM_CHECK(draft != NULL, HSM_E_NO_MEMORY);
    draft->layout = hsm_layout_of(kind);
    draft->present = 0;
    draft->open = (hsm_buf){ 0 };
    draft->secret = NULL;
    draft->secret_len = 0;
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
    return draft->layout->kind;
}

const hsm_layout *hsm_draft_layout(const hsm_draft *draft)
{
    return draft->layout;
}

hsm_place_set hsm_draft_present(const hsm_draft *draft)
{
    return draft->present;
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

static bool is_secret(const hsm_draft *draft, unsigned place)
{
    return (hsm_layout_with(draft->layout, HSM_ATTR_SECRET) & hsm_place_bit(place)) != 0;
}

/* Where a place's value is now; NULL when there is none or it is empty. */
static uint8_t *value_of(const hsm_draft *draft, unsigned place)
{
    if ((draft->present & hsm_place_bit(place)) == 0 || draft->extents[place].len == 0)
        return NULL;
    return (is_secret(draft, place) ? hsm_secret_data(draft->secret) : draft->open.data) +
           draft->extents[place].at;
}

hsm_err hsm_draft_put_at(hsm_draft *draft, unsigned place, hsm_bytes value)
{
    uint8_t *old = value_of(draft, place);
    size_t at = 0;

    if (hsm_layout_row(draft->layout, place)->kind == HSM_ATTR_NUMBER)
        value = hsm_attr_trim(value);
    if (old != NULL && value.len <= draft->extents[place].len) {
        at = draft->extents[place].at;
        if (value.len > 0)
            memmove(old, value.data, value.len); /* may be a part of itself */
    } else if (is_secret(draft, place)) {
        HSM_TRY(append_secret(draft, value, &at));
    } else {
        HSM_TRY(append_open(draft, value, &at));
    }
    /* bounded by HSM_OBJECT_MAX_BYTES */
    draft->extents[place] = (hsm_extent){ .at = (uint32_t)at, .len = (uint32_t)value.len };
    draft->present |= hsm_place_bit(place);
    return HSM_OK;
}

hsm_err hsm_draft_put_defaults(hsm_draft *draft, hsm_place_set places)
{
    const hsm_layout *layout = draft->layout;
    size_t start = 0;

    HSM_TRY(append_open(draft, hsm_bytes_of(layout->default_bytes, layout->default_len), &start));
    for (hsm_place_set rest = places; rest != 0; rest &= rest - 1) {
        const unsigned place = hsm_place_first(rest);

        draft->extents[place] = layout->defaults[place];
        draft->extents[place].at += (uint32_t)start;
    }
    draft->present |= places;
    return HSM_OK;
}

hsm_err hsm_draft_put(hsm_draft *draft, CK_ATTRIBUTE_TYPE type, hsm_bytes value)
{
    const unsigned place = hsm_layout_find(draft->layout, type);

    HSM_CHECK(place != HSM_PLACE_NONE, HSM_E_ATTRIBUTE_TYPE);
    HSM_TRY(hsm_attr_check_row(hsm_layout_row(draft->layout, place), value));
    return hsm_draft_put_at(draft, place, value);
}

hsm_err hsm_draft_take(hsm_draft *draft, CK_ATTRIBUTE_TYPE type, hsm_secret **value)
{
    const hsm_bytes bytes = hsm_secret_view(*value);
    const unsigned place = hsm_layout_find(draft->layout, type);

    if (place == HSM_PLACE_NONE || !is_secret(draft, place) || draft->secret != NULL ||
        hsm_layout_row(draft->layout, place)->kind != HSM_ATTR_BYTES)
        return hsm_draft_put(draft, type, bytes);
    HSM_TRY(hsm_attr_check_row(hsm_layout_row(draft->layout, place), bytes));
    draft->secret = HSM_MOVE(*value);
    draft->secret_len = bytes.len;
    draft->extents[place] = (hsm_extent){ .at = 0, .len = (uint32_t)bytes.len };
    draft->present |= hsm_place_bit(place);
    return HSM_OK;
}

/* A value whose form is that of a kind of row. */
static hsm_err put_native(hsm_draft *draft, CK_ATTRIBUTE_TYPE type, hsm_attr_kind kind,
                          hsm_bytes value)
{
    const unsigned place = hsm_layout_find(draft->layout, type);

    HSM_CHECK(place != HSM_PLACE_NONE, HSM_E_ATTRIBUTE_TYPE);
    HSM_CHECK(hsm_layout_row(draft->layout, place)->kind == kind, HSM_E_ATTRIBUTE_VALUE);
    return hsm_draft_put_at(draft, place, value);
}

hsm_err hsm_draft_put_bool(hsm_draft *draft, CK_ATTRIBUTE_TYPE type, bool value)
{
    const CK_BBOOL native = value ? CK_TRUE : CK_FALSE;

    return put_native(draft, type, HSM_ATTR_BOOL, hsm_bytes_of(&native, sizeof native));
}

hsm_err hsm_draft_put_ulong(hsm_draft *draft, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
    return put_native(draft, type, HSM_ATTR_ULONG, hsm_bytes_of(&value, sizeof value));
}

/* --- get ---------------------------------------------------------------------------------------- */

hsm_bytes hsm_draft_at(const hsm_draft *draft, unsigned place)
{
    const uint8_t *data = value_of(draft, place);

    return data == NULL ? hsm_bytes_none() : hsm_bytes_of(data, draft->extents[place].len);
}

bool hsm_draft_get(const hsm_draft *draft, CK_ATTRIBUTE_TYPE type, hsm_bytes *out_value)
{
    const unsigned place = hsm_layout_find(draft->layout, type);

    if (place == HSM_PLACE_NONE || (draft->present & hsm_place_bit(place)) == 0)
        return false;
    *out_value = hsm_draft_at(draft, place);
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

hsm_bytes hsm_draft_open(const hsm_draft *draft)
{
    return hsm_buf_view(&draft->open);
}

hsm_extent hsm_draft_extent(const hsm_draft *draft, unsigned place)
{
    return draft->extents[place];
}

size_t hsm_draft_secret_room(const hsm_draft *draft)
{
    return hsm_secret_room(draft->secret);
}

hsm_secret *hsm_draft_take_secrets(hsm_draft *draft)
{
    draft->present &= ~hsm_layout_with(draft->layout, HSM_ATTR_SECRET);
    draft->secret_len = 0;
    return HSM_MOVE(draft->secret);
}

size_t hsm_draft_secrets(const hsm_draft *draft, hsm_attr *out_attrs)
{
    size_t count = 0;

    for (hsm_place_set rest = draft->present & hsm_layout_with(draft->layout, HSM_ATTR_SECRET);
         rest != 0; rest &= rest - 1) {
        const unsigned place = hsm_place_first(rest);

        out_attrs[count++] =
            (hsm_attr){ hsm_layout_row(draft->layout, place)->type, hsm_draft_at(draft, place) };
    }
    return count;
}
