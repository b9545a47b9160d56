/* SPDX-License-Identifier: Apache-2.0 */
#include "base/codec.h"

static uint64_t read_be(hsm_reader *reader, size_t width)
{
    const hsm_bytes raw = hsm_read_raw(reader, width);
    uint64_t value = 0;

    for (size_t i = 0; i < raw.len; i++)
        value = value << 8 | raw.data[i];
    return value;
}

uint8_t hsm_read_u8(hsm_reader *reader)
{
    return (uint8_t)read_be(reader, 1);
}

uint16_t hsm_read_u16(hsm_reader *reader)
{
    return (uint16_t)read_be(reader, 2);
}

uint32_t hsm_read_u32(hsm_reader *reader)
{
    return (uint32_t)read_be(reader, 4);
}

uint64_t hsm_read_u64(hsm_reader *reader)
{
    return read_be(reader, 8);
}

hsm_bytes hsm_read_raw(hsm_reader *reader, size_t len)
{
    if (reader->is_failed || len > reader->rest.len) {
        reader->is_failed = true;
        return hsm_bytes_none();
    }
    if (len == 0)
        return hsm_bytes_of(reader->rest.data, 0);

    const hsm_bytes taken = hsm_bytes_of(reader->rest.data, len);
    reader->rest = hsm_bytes_of(reader->rest.data + len, reader->rest.len - len);
    return taken;
}

hsm_bytes hsm_read_bytes(hsm_reader *reader, size_t max_len)
{
    const uint32_t len = hsm_read_u32(reader);

    if (len > max_len)
        reader->is_failed = true;
    return hsm_read_raw(reader, len);
}

void hsm_read_copy(hsm_reader *reader, uint8_t *dst, size_t len)
{
    const hsm_bytes raw = hsm_read_raw(reader, len);

    if (len == 0)
        return;
    if (reader->is_failed)
        memset(dst, 0, len);
    else
        memcpy(dst, raw.data, len);
}

hsm_err hsm_reader_end(const hsm_reader *reader, hsm_err err)
{
    return reader->is_failed || reader->rest.len > 0 ? err : HSM_OK;
}

/* Counts len bytes; returns where they go, or NULL when they are only counted. */
static uint8_t *claim(hsm_writer *writer, size_t len)
{
    const size_t at = writer->len;

    if (len > SIZE_MAX - at) {
        writer->len = SIZE_MAX;
        writer->is_failed = true;
        return NULL;
    }
    writer->len = at + len;
    if (writer->data == NULL)
        return NULL;
    if (writer->is_failed || at > writer->cap || len > writer->cap - at) {
        writer->is_failed = true;
        return NULL;
    }
    return writer->data + at;
}

static void write_be(hsm_writer *writer, uint64_t value, size_t width)
{
    uint8_t *dst = claim(writer, width);

    if (dst == NULL)
        return;
    for (size_t i = 0; i < width; i++)
        dst[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
}

void hsm_write_u8(hsm_writer *writer, uint8_t value)
{
    write_be(writer, value, 1);
}

void hsm_write_u16(hsm_writer *writer, uint16_t value)
{
    write_be(writer, value, 2);
}

void hsm_write_u32(hsm_writer *writer, uint32_t value)
{
    write_be(writer, value, 4);
}

void hsm_write_u64(hsm_writer *writer, uint64_t value)
{
    write_be(writer, value, 8);
}

void hsm_write_raw(hsm_writer *writer, hsm_bytes value)
{
    uint8_t *dst = claim(writer, value.len);

    if (dst != NULL && value.len > 0)
        memcpy(dst, value.data, value.len);
}

void hsm_write_bytes(hsm_writer *writer, hsm_bytes value)
{
    if (value.len > UINT32_MAX)
        writer->is_failed = true;
    hsm_write_u32(writer, (uint32_t)value.len);
    hsm_write_raw(writer, value);
}

hsm_err hsm_writer_end(const hsm_writer *writer)
{
    return writer->is_failed ? HSM_E_BUFFER_TOO_SMALL : HSM_OK;
}
