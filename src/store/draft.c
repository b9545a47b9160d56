/* A draft has one place for each attribute of its kind, so that the attributes come out sorted by
 * type.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/attr_internal.h"

#define OPEN_FIRST_BYTES 384u  /* enough for most keys */
#define SECRET_FIRST_BYTES 64u /* a symmetric or elliptic curve key */
/* So that the encoded secret part still fits in an hsm_secret. */
#define SECRET_MAX_BYTES (HSM_SECRET_MAX_BYTES - 1024)

struct hsm_draft {
    const hsm_layout *layout;
    hsm_place_set present;
    hsm_place_set truths; /* places whose value is CK_TRUE */
    uint8_t *open;        /* values that are not secret: `first`, or memory of its own */
    size_t open_len;
    size_t open_room;
    hsm_secret *secret;
    size_t secret_len; /* used of it */
    /* Where each place has its room: in `secret` if the row has HSM_ATTR_SECRET, else in `open`. A place
     * that is not present may have room already. */
    hsm_extent extents[HSM_OBJECT_ATTRS_MAX];
    uint8_t first[OPEN_FIRST_BYTES];
};
_Static_assert(HSM_LAYOUT_FIRST_MAX_BYTES <= OPEN_FIRST_BYTES, "a draft begins in its own memory");

/* Most of it is written before it is read. */
hsm_err hsm_draft_create(hsm_object_kind kind, hsm_draft **out_draft)
{
    const hsm_layout *layout = hsm_layout_of(kind);
    hsm_draft *draft = malloc(sizeof *draft);

    HSM_CHECK(draft != NULL, HSM_E_NO_MEMORY);
    draft->layout = layout;
    draft->present = 0;
    draft->truths = 0;
    draft->open = draft->first;
    draft->open_len = layout->first_len;
    draft->open_room = sizeof draft->first;
    draft->secret = NULL;
    draft->secret_len = 0;
    memcpy(draft->extents, layout->first_extents, layout->count * sizeof(hsm_extent));
    memcpy(draft->first, layout->first_bytes, layout->first_len);

    *out_draft = draft;
    return HSM_OK;
}

static void free_open(hsm_draft *draft)
{
    if (draft->open != draft->first)
        free(draft->open);
}

void hsm_draft_destroy(hsm_draft *draft)
{
    if (draft == NULL)
        return;
    free_open(draft);
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

hsm_place_set hsm_draft_truths(const hsm_draft *draft)
{
    return draft->truths;
}

/* --- put ---------------------------------------------------------------------------------------- */

/* More room; `value`, which may lie in what is there, comes last. */
static hsm_err grow_open(hsm_draft *draft, hsm_bytes value)
{
    const size_t len = draft->open_len + value.len;
    size_t room = draft->open_room;

    HSM_CHECK(value.len <= HSM_OBJECT_MAX_BYTES - draft->open_len, HSM_E_LIMIT);
    while (room < len)
        room *= 2; /* bounded as len is: can't wrap */
    uint8_t *open = malloc(room);
    HSM_CHECK(open != NULL, HSM_E_NO_MEMORY);
    memcpy(open, draft->open, draft->open_len);
    memcpy(open + draft->open_len, value.data, value.len);
    free_open(draft);
    draft->open = open;
    draft->open_room = room;
    return HSM_OK;
}

static hsm_err append_open(hsm_draft *draft, hsm_bytes value, size_t *out_at)
{
    if (value.len > draft->open_room - draft->open_len)
        HSM_TRY(grow_open(draft, value));
    else if (value.len > 0)
        memcpy(draft->open + draft->open_len, value.data, value.len);
    *out_at = draft->open_len;
    draft->open_len += value.len;
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

/* Where a place has its room. */
static uint8_t *room_of(const hsm_draft *draft, unsigned place)
{
    return (is_secret(draft, place) ? hsm_secret_data(draft->secret) : draft->open) +
           draft->extents[place].at;
}

/* Booleans and numbers are never secret, and have their room from the beginning. */
static void set_bool(hsm_draft *draft, unsigned place, bool value)
{
    const hsm_place_set bit = hsm_place_bit(place);

    draft->open[draft->extents[place].at] = value ? CK_TRUE : CK_FALSE;
    draft->present |= bit;
    draft->truths = value ? draft->truths | bit : draft->truths & ~bit;
}

static void set_ulong(hsm_draft *draft, unsigned place, const void *native)
{
    memcpy(draft->open + draft->extents[place].at, native, sizeof(CK_ULONG));
    draft->present |= hsm_place_bit(place);
}

static hsm_err put_bytes(hsm_draft *draft, unsigned place, hsm_bytes value)
{
    size_t at = draft->extents[place].at;

    if (value.len > draft->extents[place].len) {
        HSM_TRY(is_secret(draft, place) ? append_secret(draft, value, &at)
                                        : append_open(draft, value, &at));
    } else if (value.len > 0) {
        memmove(room_of(draft, place), value.data, value.len); /* may be a part of itself */
    }
    /* bounded by HSM_OBJECT_MAX_BYTES */
    draft->extents[place] = (hsm_extent){ .at = (uint32_t)at, .len = (uint32_t)value.len };
    draft->present |= hsm_place_bit(place);
    return HSM_OK;
}

hsm_err hsm_draft_put_at(hsm_draft *draft, unsigned place, hsm_bytes value)
{
    switch (hsm_layout_row(draft->layout, place)->kind) {
    case HSM_ATTR_BOOL:
        set_bool(draft, place, value.data[0] != CK_FALSE);
        return HSM_OK;
    case HSM_ATTR_ULONG:
        set_ulong(draft, place, value.data);
        return HSM_OK;
    case HSM_ATTR_NUMBER:
        return put_bytes(draft, place, hsm_attr_trim(value));
    case HSM_ATTR_BYTES:
    case HSM_ATTR_TEXT:
    case HSM_ATTR_DATE:
    case HSM_ATTR_MECHANISMS:
    case HSM_ATTR_TEMPLATE:
        return put_bytes(draft, place, value);
    }
    return HSM_E_INTERNAL;
}

void hsm_draft_put_defaults(hsm_draft *draft, hsm_place_set places)
{
    draft->present |= places;
    draft->truths |= places & draft->layout->granted;
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

/* The place of an attribute whose values have a form. */
static hsm_err place_of_kind(const hsm_draft *draft, CK_ATTRIBUTE_TYPE type, hsm_attr_kind kind,
                             unsigned *out_place)
{
    const unsigned place = hsm_layout_find(draft->layout, type);

    HSM_CHECK(place != HSM_PLACE_NONE, HSM_E_ATTRIBUTE_TYPE);
    HSM_CHECK(hsm_layout_row(draft->layout, place)->kind == kind, HSM_E_ATTRIBUTE_VALUE);
    *out_place = place;
    return HSM_OK;
}

hsm_err hsm_draft_put_bool(hsm_draft *draft, CK_ATTRIBUTE_TYPE type, bool value)
{
    unsigned place = 0;

    HSM_TRY(place_of_kind(draft, type, HSM_ATTR_BOOL, &place));
    set_bool(draft, place, value);
    return HSM_OK;
}

hsm_err hsm_draft_put_ulong(hsm_draft *draft, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
    unsigned place = 0;

    HSM_TRY(place_of_kind(draft, type, HSM_ATTR_ULONG, &place));
    set_ulong(draft, place, &value);
    return HSM_OK;
}

/* --- get ---------------------------------------------------------------------------------------- */

hsm_bytes hsm_draft_at(const hsm_draft *draft, unsigned place)
{
    if ((draft->present & hsm_place_bit(place)) == 0 || draft->extents[place].len == 0)
        return hsm_bytes_none();
    return hsm_bytes_of(room_of(draft, place), draft->extents[place].len);
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
    const unsigned place = hsm_layout_find(draft->layout, type);

    if (place == HSM_PLACE_NONE ||
        (draft->present & draft->layout->bools & hsm_place_bit(place)) == 0)
        return fallback;
    return (draft->truths & hsm_place_bit(place)) != 0;
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
    return hsm_bytes_of(draft->open, draft->open_len);
}

const hsm_extent *hsm_draft_extents(const hsm_draft *draft)
{
    return draft->extents;
}

size_t hsm_draft_secret_room(const hsm_draft *draft)
{
    return hsm_secret_room(draft->secret);
}

hsm_secret *hsm_draft_take_secrets(hsm_draft *draft)
{
    const hsm_place_set secrets = hsm_layout_with(draft->layout, HSM_ATTR_SECRET);

    for (hsm_place_set rest = secrets & draft->present; rest != 0; rest &= rest - 1)
        draft->extents[hsm_place_first(rest)] = (hsm_extent){ 0 };
    draft->present &= ~secrets;
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
