/* Format 1 of the older system: JSON, as its one writer writes it. Less is read than JSON can say: no
 * fractions, exponents or signs, no escapes but those of quotes and backslashes, nothing that is not
 * expected where it stands, nothing within itself; so there is no depth to bound and no tree to keep.
 * Byte strings, keys among them, are lists of numbers; they become bytes in place.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/older_record.h"

#define PAYLOAD_VERSION 1u
#define DATE_BYTES 8u

/* --- tokens --------------------------------------------------------------------------------------- */

static void skip_space(hsm_older_reader *reader)
{
    while (reader->at < reader->len && memchr(" \t\n\r", reader->data[reader->at], 4) != NULL)
        reader->at++;
}

/* Takes a character, after blanks, if it is the next. */
static bool take_char(hsm_older_reader *reader, char c)
{
    skip_space(reader);
    if (reader->at >= reader->len || reader->data[reader->at] != (uint8_t)c)
        return false;
    reader->at++;
    return true;
}

static hsm_err expect(hsm_older_reader *reader, char c, const char *otherwise)
{
    return take_char(reader, c) ? HSM_OK : hsm_older_fail(reader, otherwise);
}

static bool take_word(hsm_older_reader *reader, const char *word)
{
    const size_t len = strlen(word);

    skip_space(reader);
    if (reader->len - reader->at < len ||
        !hsm_bytes_equal(hsm_bytes_of(reader->data + reader->at, len), hsm_bytes_of(word, len)))
        return false;
    reader->at += len;
    return true;
}

static bool has_digit(const hsm_older_reader *reader)
{
    return reader->at < reader->len && reader->data[reader->at] >= '0' &&
           reader->data[reader->at] <= '9';
}

/* A whole number up to max, without leading zeros. */
static hsm_err take_number(hsm_older_reader *reader, uint64_t max, uint64_t *out_number)
{
    uint64_t number = 0;

    skip_space(reader);
    if (!has_digit(reader))
        return hsm_older_fail(reader, "no whole number where one is expected");
    const bool is_zero = reader->data[reader->at] == '0';
    while (has_digit(reader)) {
        const uint64_t digit = (uint64_t)(reader->data[reader->at] - '0');

        if (digit > max || number > (max - digit) / 10)
            return hsm_older_fail(reader, "a number that is too large");
        number = number * 10 + digit;
        reader->at++;
        if (is_zero && has_digit(reader))
            return hsm_older_fail(reader, "a number that begins with 0");
    }
    *out_number = number;
    return HSM_OK;
}

static hsm_err take_text_char(hsm_older_reader *reader, uint8_t *out_char)
{
    const uint8_t c = reader->data[reader->at++];

    if (c < 0x20)
        return hsm_older_fail(reader, "a control character in a string");
    *out_char = c;
    if (c != '\\')
        return HSM_OK;
    if (reader->at == reader->len || memchr("\"\\", reader->data[reader->at], 2) == NULL)
        return hsm_older_fail(reader, "an escape that the older system does not write");
    *out_char = reader->data[reader->at++];
    return HSM_OK;
}

/* A string, without its quotes and escapes. */
static hsm_err take_text(hsm_older_reader *reader, hsm_bytes *out_text)
{
    HSM_TRY(expect(reader, '"', "no string where one is expected"));
    uint8_t *text = reader->data + reader->at;
    size_t len = 0;

    while (reader->at < reader->len && reader->data[reader->at] != '"') {
        uint8_t c = 0;

        HSM_TRY(take_text_char(reader, &c));
        if (len == HSM_OLDER_TEXT_MAX_BYTES)
            return hsm_older_fail(reader, "a string longer than any of the older system");
        text[len++] = c;
    }
    HSM_TRY(expect(reader, '"', "it ends in the middle of a string"));
    *out_text = hsm_bytes_of(text, len);
    return HSM_OK;
}

/* --- values --------------------------------------------------------------------------------------- */

/* A list of numbers up to 255. Each takes more room as text than as a byte: writing never gets ahead of
 * reading. */
static hsm_err take_bytes(hsm_older_reader *reader, hsm_bytes *out_bytes)
{
    HSM_TRY(expect(reader, '[', "no list of bytes where one is expected"));
    uint8_t *bytes = reader->data + reader->at;
    size_t len = 0;

    while (!take_char(reader, ']')) {
        uint64_t byte = 0;

        if (len > 0)
            HSM_TRY(expect(reader, ',', "no comma where one is expected"));
        HSM_TRY(take_number(reader, UINT8_MAX, &byte));
        if (len == HSM_OLDER_FIELD_MAX_BYTES)
            return hsm_older_fail(reader, "a field longer than any of the older system");
        bytes[len++] = (uint8_t)byte;
    }
    *out_bytes = hsm_bytes_of(bytes, len);
    return HSM_OK;
}

static hsm_err take_flag(hsm_older_reader *reader, bool *out_flag)
{
    *out_flag = take_word(reader, "true");
    return *out_flag || take_word(reader, "false")
               ? HSM_OK
               : hsm_older_fail(reader, "neither true nor false where one is expected");
}

static hsm_err take_date(hsm_older_reader *reader, hsm_bytes *out_date)
{
    HSM_TRY(take_bytes(reader, out_date));
    return out_date->len == DATE_BYTES ? HSM_OK
                                       : hsm_older_fail(reader, "a date that has not 8 bytes");
}

static hsm_err take_state(hsm_older_reader *reader, hsm_older_state *out_state)
{
    static const char *const names[HSM_OLDER_STATE_COUNT] = {
        [HSM_OLDER_PRE_ACTIVATION] = "PreActivation", [HSM_OLDER_ACTIVE] = "Active",
        [HSM_OLDER_DEACTIVATED] = "Deactivated",      [HSM_OLDER_COMPROMISED] = "Compromised",
        [HSM_OLDER_DESTROYED] = "Destroyed",
    };
    hsm_bytes text = hsm_bytes_none();

    HSM_TRY(take_text(reader, &text));
    for (size_t i = 0; i < HSM_ARRAY_LEN(names); i++) {
        if (hsm_bytes_equal(text, hsm_bytes_of_text(names[i]))) {
            *out_state = (hsm_older_state)i;
            return HSM_OK;
        }
    }
    return hsm_older_fail(reader, "a state that no key has there");
}

/* --- members -------------------------------------------------------------------------------------- */

/* The name of the next member of an object whose brace was taken; none: it ends. */
static hsm_err next_member(hsm_older_reader *reader, bool *is_first, hsm_bytes *out_name)
{
    if (take_char(reader, '}')) {
        *out_name = hsm_bytes_none();
        return HSM_OK;
    }
    if (!*is_first)
        HSM_TRY(expect(reader, ',', "no comma where one is expected"));
    *is_first = false;
    HSM_TRY(take_text(reader, out_name));
    return expect(reader, ':', "no colon where one is expected");
}

/* The number that a name is, as those of attributes are. */
static hsm_err name_number(hsm_older_reader *reader, hsm_bytes name, uint64_t *out_number)
{
    hsm_older_reader inner = { .data = reader->data + (name.data - reader->data), .len = name.len };

    const hsm_err err = take_number(&inner, UINT64_MAX, out_number);
    if (err != HSM_OK || inner.at != inner.len || name.data[0] == ' ')
        return hsm_older_fail(reader, "an attribute without a number");
    return HSM_OK;
}

static hsm_err take_attrs(hsm_older_reader *reader, hsm_older_object *object)
{
    hsm_bytes name = hsm_bytes_none();
    bool is_first = true;

    HSM_TRY(expect(reader, '{', "no attributes where they are expected"));
    for (;;) {
        hsm_older_attr attr = { 0 };

        HSM_TRY(next_member(reader, &is_first, &name));
        if (name.data == NULL)
            return HSM_OK;
        HSM_TRY(name_number(reader, name, &attr.type));
        HSM_TRY(take_bytes(reader, &attr.value));
        HSM_TRY(hsm_older_add_attr(reader, object, &attr));
    }
}

static hsm_err take_u64(hsm_older_reader *reader, uint64_t *out_number)
{
    return take_number(reader, UINT64_MAX, out_number);
}

static const hsm_older_form form = {
    .number = take_u64,
    .flag = take_flag,
    .bytes = take_bytes,
    .date = take_date,
    .attrs = take_attrs,
    .state = take_state,
};

static hsm_err take_field(hsm_older_reader *reader, const hsm_older_field *field,
                          hsm_older_object *object)
{
    if (field->is_optional && take_word(reader, "null"))
        return HSM_OK;
    return hsm_older_take(reader, &form, field, object);
}

static bool find_name(const hsm_older_field *fields, size_t count, hsm_bytes name,
                      size_t *out_index)
{
    for (size_t i = 0; i < count; i++) {
        if (hsm_bytes_equal(name, hsm_bytes_of_text(fields[i].name))) {
            *out_index = i;
            return true;
        }
    }
    return false;
}

/* Which of some fields a name is; each comes once. */
static hsm_err which_field(hsm_older_reader *reader, const hsm_older_field *fields, size_t count,
                           hsm_bytes name, uint64_t *seen, size_t *out_index)
{
    size_t index = 0;

    if (!find_name(fields, count, name, &index))
        return hsm_older_fail(reader, "a field that is not known");
    if ((*seen >> index & 1) != 0)
        return hsm_older_fail(reader, "a field for the second time");
    *seen |= UINT64_C(1) << index;
    *out_index = index;
    return HSM_OK;
}

static hsm_err check_all_seen(hsm_older_reader *reader, uint64_t seen)
{
    for (size_t i = 0; i < hsm_older_field_count; i++) {
        const hsm_older_field *field = &hsm_older_fields[i];

        if ((seen >> i & 1) == 0 && !field->is_optional && !field->may_lack)
            return hsm_older_fail(reader, "an object without all of its fields");
    }
    return HSM_OK;
}

hsm_err hsm_older_json_next(hsm_older_reader *reader, hsm_older_object *object)
{
    hsm_bytes name = hsm_bytes_none();
    uint64_t seen = 0;
    bool is_first = true;

    if (reader->has_begun)
        HSM_TRY(expect(reader, ',', "fewer objects than it says"));
    reader->has_begun = true;
    HSM_TRY(expect(reader, '{', "no object where one is expected"));
    for (;;) {
        size_t index = 0;

        HSM_TRY(next_member(reader, &is_first, &name));
        if (name.data == NULL)
            return check_all_seen(reader, seen);
        HSM_TRY(which_field(reader, hsm_older_fields, hsm_older_field_count, name, &seen, &index));
        HSM_TRY(take_field(reader, &hsm_older_fields[index], object));
    }
}

/* --- the head ------------------------------------------------------------------------------------- */

enum { VERSION, CREATED_TEXT, CREATED, BACKUP_ID, SERIAL, COUNT, OBJECTS, MEMBER_COUNT };
static const hsm_older_field members[MEMBER_COUNT] = {
    [VERSION] = { .name = "version" },       [CREATED_TEXT] = { .name = "created" },
    [CREATED] = { .name = "created_epoch" }, [BACKUP_ID] = { .name = "backup_id" },
    [SERIAL] = { .name = "token_serial" },   [COUNT] = { .name = "object_count" },
    [OBJECTS] = { .name = "objects" },
};

static hsm_err take_member(hsm_older_reader *reader, size_t index, hsm_older_head *head)
{
    uint64_t version = 0;
    hsm_bytes ignored = hsm_bytes_none();

    switch (index) {
    case VERSION:
        HSM_TRY(take_number(reader, UINT32_MAX, &version));
        return version == PAYLOAD_VERSION
                   ? HSM_OK
                   : hsm_older_fail(reader, "another version inside than outside");
    case CREATED_TEXT:
        return take_text(reader, &ignored);
    case CREATED:
        return take_number(reader, UINT64_MAX, &head->created);
    case BACKUP_ID:
        return take_text(reader, &head->id);
    case SERIAL:
        return take_text(reader, &head->serial);
    case COUNT:
        return take_number(reader, UINT64_MAX, &head->objects);
    default:
        return expect(reader, '[', "no list of objects where one is expected");
    }
}

/* Reads up to the first object: the list is the last member, behind all others. */
hsm_err hsm_older_json_begin(hsm_older_reader *reader, hsm_older_head *head)
{
    const uint64_t all = (UINT64_C(1) << MEMBER_COUNT) - 1;
    hsm_bytes name = hsm_bytes_none();
    uint64_t seen = 0;
    size_t index = 0;
    bool is_first = true;

    HSM_TRY(expect(reader, '{', "no JSON object"));
    while (index != OBJECTS) {
        HSM_TRY(next_member(reader, &is_first, &name));
        if (name.data == NULL)
            return hsm_older_fail(reader, "a backup without all of its fields");
        HSM_TRY(which_field(reader, members, MEMBER_COUNT, name, &seen, &index));
        HSM_TRY(take_member(reader, index, head));
    }
    return seen == all ? HSM_OK : hsm_older_fail(reader, "a backup without all of its fields");
}

hsm_err hsm_older_json_end(hsm_older_reader *reader)
{
    HSM_TRY(expect(reader, ']', "more objects than it says"));
    HSM_TRY(expect(reader, '}', "something after the list of objects"));
    skip_space(reader);
    return reader->at == reader->len ? HSM_OK : hsm_older_fail(reader, "something after its end");
}
