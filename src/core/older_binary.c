/* Format 2 of the older system: little-endian numbers, byte strings after their length (4 bytes), and a
 * byte before what may be none. An object begins with four letters and a version.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/older_record.h"

#define PAYLOAD_VERSION 2u
#define OBJECT_VERSION 1u
static const uint8_t object_magic[4] = { 'R', 'H', 'S', 'O' };
#define DATE_BYTES 8u

/* The next len bytes; NULL with the fault noted when there are not so many. */
static const uint8_t *take(hsm_older_reader *reader, size_t len)
{
    if (len > reader->len - reader->at) {
        (void)hsm_older_fail(reader, "it ends in the middle of a field");
        return NULL;
    }
    const uint8_t *taken = reader->data + reader->at;
    reader->at += len;
    return taken;
}

static hsm_err take_number(hsm_older_reader *reader, size_t width, uint64_t *out_number)
{
    const uint8_t *bytes = take(reader, width);
    uint64_t number = 0;

    HSM_CHECK(bytes != NULL, HSM_E_DATA);
    for (size_t i = width; i > 0; i--)
        number = number << 8 | bytes[i - 1];
    *out_number = number;
    return HSM_OK;
}

static hsm_err take_bytes(hsm_older_reader *reader, size_t max, hsm_bytes *out_bytes)
{
    uint64_t len = 0;

    HSM_TRY(take_number(reader, 4, &len));
    if (len > max)
        return hsm_older_fail(reader, "a field longer than any of the older system");
    const uint8_t *bytes = take(reader, (size_t)len);
    HSM_CHECK(bytes != NULL, HSM_E_DATA);
    *out_bytes = hsm_bytes_of(bytes, (size_t)len);
    return HSM_OK;
}

/* A byte that is 0 or 1. */
static hsm_err take_bool(hsm_older_reader *reader, bool *out_value)
{
    uint64_t byte = 0;

    HSM_TRY(take_number(reader, 1, &byte));
    if (byte > 1)
        return hsm_older_fail(reader, "a byte that is neither 0 nor 1");
    *out_value = byte == 1;
    return HSM_OK;
}

static hsm_err take_date(hsm_older_reader *reader, hsm_bytes *out_date)
{
    const uint8_t *bytes = take(reader, DATE_BYTES);

    HSM_CHECK(bytes != NULL, HSM_E_DATA);
    *out_date = hsm_bytes_of(bytes, DATE_BYTES);
    return HSM_OK;
}

static hsm_err take_attrs(hsm_older_reader *reader, hsm_older_object *object)
{
    uint64_t count = 0;

    HSM_TRY(take_number(reader, 4, &count));
    if (count > HSM_OLDER_ATTRS_MAX)
        return hsm_older_fail(reader, "more attributes than an object has there");
    for (uint64_t i = 0; i < count; i++) {
        hsm_older_attr attr = { 0 };

        HSM_TRY(take_number(reader, 8, &attr.type));
        HSM_TRY(take_bytes(reader, HSM_OLDER_FIELD_MAX_BYTES, &attr.value));
        HSM_TRY(hsm_older_add_attr(reader, object, &attr));
    }
    return HSM_OK;
}

static hsm_err take_state(hsm_older_reader *reader, hsm_older_state *out_state)
{
    uint64_t byte = 0;

    HSM_TRY(take_number(reader, 1, &byte));
    if (byte >= HSM_OLDER_STATE_COUNT)
        return hsm_older_fail(reader, "a state that no key has there");
    *out_state = (hsm_older_state)byte;
    return HSM_OK;
}

static hsm_err take_u64(hsm_older_reader *reader, uint64_t *out_number)
{
    return take_number(reader, 8, out_number);
}

static hsm_err take_value(hsm_older_reader *reader, hsm_bytes *out_bytes)
{
    return take_bytes(reader, HSM_OLDER_FIELD_MAX_BYTES, out_bytes);
}

static const hsm_older_form form = {
    .number = take_u64,
    .flag = take_bool,
    .bytes = take_value,
    .date = take_date,
    .attrs = take_attrs,
    .state = take_state,
};

static hsm_err take_field(hsm_older_reader *reader, const hsm_older_field *field,
                          hsm_older_object *object)
{
    bool is_there = true;

    if (field->is_optional)
        HSM_TRY(take_bool(reader, &is_there));
    if (!is_there)
        return HSM_OK;
    return hsm_older_take(reader, &form, field, object);
}

static hsm_err take_object(hsm_older_reader *reader, hsm_older_object *object)
{
    const uint8_t *start = take(reader, sizeof object_magic + 1);

    HSM_CHECK(start != NULL, HSM_E_DATA);
    if (!hsm_bytes_equal(hsm_bytes_of(start, sizeof object_magic),
                         hsm_bytes_of(object_magic, sizeof object_magic)) ||
        start[sizeof object_magic] != OBJECT_VERSION)
        return hsm_older_fail(reader, "no object of a version that is known");
    for (size_t i = 0; i < hsm_older_field_count; i++)
        HSM_TRY(take_field(reader, &hsm_older_fields[i], object));
    return HSM_OK;
}

/* An object may not look beyond its own end. */
hsm_err hsm_older_binary_next(hsm_older_reader *reader, hsm_older_object *object)
{
    const size_t whole = reader->len;
    hsm_bytes content = hsm_bytes_none();

    HSM_TRY(take_bytes(reader, HSM_OLDER_OBJECT_MAX_BYTES, &content));
    reader->len = reader->at;
    reader->at -= content.len;
    hsm_err err = take_object(reader, object);
    if (err == HSM_OK && reader->at != reader->len)
        err = hsm_older_fail(reader, "something after the last field of an object");
    reader->len = whole;
    return err;
}

hsm_err hsm_older_binary_begin(hsm_older_reader *reader, hsm_older_head *head)
{
    uint64_t version = 0;
    hsm_bytes created = hsm_bytes_none();

    HSM_TRY(take_number(reader, 4, &version));
    if (version != PAYLOAD_VERSION)
        return hsm_older_fail(reader, "another version inside than outside");
    HSM_TRY(take_bytes(reader, HSM_OLDER_TEXT_MAX_BYTES, &created));
    HSM_TRY(take_number(reader, 8, &head->created));
    HSM_TRY(take_bytes(reader, HSM_OLDER_TEXT_MAX_BYTES, &head->id));
    HSM_TRY(take_bytes(reader, HSM_OLDER_TEXT_MAX_BYTES, &head->serial));
    return take_number(reader, 4, &head->objects);
}

hsm_err hsm_older_binary_end(hsm_older_reader *reader)
{
    return reader->at == reader->len ? HSM_OK
                                     : hsm_older_fail(reader, "something after the last object");
}
