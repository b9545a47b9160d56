/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/der.h"

static hsm_bytes fail(hsm_reader *reader)
{
    reader->is_failed = true;
    reader->rest = hsm_bytes_none();
    return hsm_bytes_none();
}

/* X.690, 10.1: the definite form in the fewest bytes. */
static size_t read_len(hsm_reader *reader)
{
    const uint8_t first = hsm_read_u8(reader);
    if (first < 0x80)
        return first;

    const unsigned count = first & 0x7fu;
    size_t len = 0;
    if (count == 0 || count > 3) {
        (void)fail(reader);
        return 0;
    }
    for (unsigned i = 0; i < count; i++)
        len = len << 8 | hsm_read_u8(reader);
    if (len < 0x80 || len >> (8 * (count - 1)) == 0)
        (void)fail(reader);
    return len;
}

hsm_bytes hsm_der_read(hsm_reader *reader, uint8_t tag)
{
    if (reader->is_failed || hsm_read_u8(reader) != tag)
        return fail(reader);

    const size_t len = read_len(reader);
    return reader->is_failed ? hsm_bytes_none() : hsm_read_raw(reader, len);
}

hsm_bytes hsm_der_read_whole(hsm_reader *reader, uint8_t tag)
{
    const uint8_t *begin = reader->rest.data;
    const size_t before = reader->rest.len;

    (void)hsm_der_read(reader, tag);
    if (reader->is_failed)
        return hsm_bytes_none();
    return hsm_bytes_of(begin, before - reader->rest.len);
}

bool hsm_der_next_is(const hsm_reader *reader, uint8_t tag)
{
    return !reader->is_failed && reader->rest.len > 0 && reader->rest.data[0] == tag;
}

hsm_bytes hsm_der_read_uint(hsm_reader *reader)
{
    hsm_bytes number = hsm_der_read(reader, HSM_DER_INTEGER);

    if (reader->is_failed || number.len == 0 || (number.data[0] & 0x80) != 0)
        return fail(reader);
    if (number.data[0] != 0)
        return number;
    if (number.len > 1 && (number.data[1] & 0x80) == 0) /* a zero byte that is not needed */
        return fail(reader);
    return hsm_bytes_of(number.data + 1, number.len - 1);
}

hsm_bytes hsm_der_read_bits(hsm_reader *reader)
{
    const hsm_bytes bits = hsm_der_read(reader, HSM_DER_BIT_STRING);

    if (reader->is_failed || bits.len == 0 || bits.data[0] != 0)
        return fail(reader);
    return hsm_bytes_of(bits.data + 1, bits.len - 1);
}

void hsm_der_put(hsm_der_writer *writer, hsm_bytes bytes)
{
    if (writer->is_failed || bytes.len > writer->start) {
        writer->is_failed = true;
        return;
    }
    if (bytes.len == 0)
        return;
    writer->start -= bytes.len;
    memcpy(writer->room + writer->start, bytes.data, bytes.len);
}

static void put_u8(hsm_der_writer *writer, uint8_t value)
{
    hsm_der_put(writer, hsm_bytes_of(&value, 1));
}

void hsm_der_put_uint(hsm_der_writer *writer, hsm_bytes number)
{
    const size_t mark = hsm_der_written(writer);

    while (number.len > 0 && number.data[0] == 0) {
        number.data++;
        number.len--;
    }
    hsm_der_put(writer, number);
    if (number.len == 0 || (number.data[0] & 0x80) != 0)
        put_u8(writer, 0);
    hsm_der_wrap(writer, HSM_DER_INTEGER, mark);
}

void hsm_der_wrap(hsm_der_writer *writer, uint8_t tag, size_t mark)
{
    const size_t len = hsm_der_written(writer) - mark;

    if (len < 0x80) {
        put_u8(writer, (uint8_t)len);
    } else {
        uint8_t count = 0;
        for (size_t rest = len; rest > 0; rest >>= 8, count++)
            put_u8(writer, (uint8_t)(rest & 0xff));
        put_u8(writer, (uint8_t)(0x80 | count));
    }
    put_u8(writer, tag);
}

void hsm_der_wrap_bits(hsm_der_writer *writer, size_t mark)
{
    put_u8(writer, 0); /* no unused bits */
    hsm_der_wrap(writer, HSM_DER_BIT_STRING, mark);
}

hsm_err hsm_der_end_private_info(hsm_der_writer *writer, hsm_secret *room)
{
    static const uint8_t version_1[] = { HSM_DER_INTEGER, 0x01, 0x00 };

    hsm_der_put(writer, hsm_bytes_of(version_1, sizeof version_1));
    hsm_der_wrap(writer, HSM_DER_SEQUENCE, 0);
    HSM_CHECK(!writer->is_failed, HSM_E_INTERNAL);
    const hsm_bytes der = hsm_der_view(writer);
    memmove(hsm_secret_data(room), der.data, der.len);
    hsm_secret_shrink(room, der.len);
    return HSM_OK;
}
