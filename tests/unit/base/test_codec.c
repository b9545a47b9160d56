/* SPDX-License-Identifier: Apache-2.0 */
#include "base/codec.h"

#include "support/check.h"

/* The format by hand: u8 1, u16 0x0203, u32, u64, 2 raw bytes, length-prefixed "abc". */
static const uint8_t wire[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
                                0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0xfe,
                                0xff, 0x00, 0x00, 0x00, 0x03, 'a',  'b',  'c' };

static void write_all(hsm_writer *writer)
{
    hsm_write_u8(writer, 0x01);
    hsm_write_u16(writer, 0x0203);
    hsm_write_u32(writer, 0x04050607);
    hsm_write_u64(writer, 0x08090a0b0c0d0e0fULL);
    hsm_write_raw(writer, hsm_bytes_of("\xfe\xff", 2));
    hsm_write_bytes(writer, hsm_bytes_of_text("abc"));
}

static void writes_big_endian(void)
{
    uint8_t room[sizeof wire];
    hsm_writer count = hsm_writer_of(NULL, 0);
    hsm_writer writer = hsm_writer_of(room, sizeof room);

    write_all(&count);
    CHECK_OK(hsm_writer_end(&count));
    CHECK_EQ(count.len, sizeof wire);
    write_all(&writer);
    CHECK_OK(hsm_writer_end(&writer));
    CHECK_BYTES(room, writer.len, wire, sizeof wire);
}

static void writer_stops_at_its_end(void)
{
    for (size_t cap = 0; cap < sizeof wire; cap++) {
        uint8_t room[sizeof wire + 1];
        memset(room, 0x55, sizeof room);
        hsm_writer writer = hsm_writer_of(room, cap);

        write_all(&writer);
        CHECK_ERR(hsm_writer_end(&writer), HSM_E_BUFFER_TOO_SMALL);
        CHECK_EQ(writer.len, sizeof wire);
        for (size_t i = cap; i < sizeof room; i++)
            CHECK_EQ(room[i], 0x55);
    }
}

static void writer_length_can_not_wrap(void)
{
    hsm_writer writer = hsm_writer_of(NULL, 0);

    hsm_write_u8(&writer, 1);
    hsm_write_raw(&writer, hsm_bytes_of(wire, SIZE_MAX));
    CHECK_ERR(hsm_writer_end(&writer), HSM_E_BUFFER_TOO_SMALL);
    CHECK_EQ(writer.len, SIZE_MAX);
}

static void reads_back(void)
{
    hsm_reader reader = hsm_reader_of(hsm_bytes_of(wire, sizeof wire));
    uint8_t raw[2];

    CHECK_EQ(hsm_read_u8(&reader), 0x01);
    CHECK_EQ(hsm_read_u16(&reader), 0x0203);
    CHECK_EQ(hsm_read_u32(&reader), 0x04050607);
    CHECK_EQ(hsm_read_u64(&reader), 0x08090a0b0c0d0e0fULL);
    hsm_read_copy(&reader, raw, 2);
    CHECK_BYTES(raw, 2, "\xfe\xff", 2);
    CHECK_ERR(hsm_reader_end(&reader, HSM_E_DATA), HSM_E_DATA); /* something is left */
    const hsm_bytes text = hsm_read_bytes(&reader, 3);
    CHECK_BYTES(text.data, text.len, "abc", 3);
    CHECK_OK(hsm_reader_end(&reader, HSM_E_DATA));
}

static void reader_stops_at_every_cut(void)
{
    for (size_t len = 0; len < sizeof wire; len++) {
        uint8_t raw[2];
        hsm_reader reader = hsm_reader_of(hsm_bytes_of(wire, len));

        (void)hsm_read_u8(&reader);
        (void)hsm_read_u16(&reader);
        (void)hsm_read_u32(&reader);
        (void)hsm_read_u64(&reader);
        hsm_read_copy(&reader, raw, 2);
        CHECK_EQ(hsm_read_bytes(&reader, 3).len, 0);
        CHECK_ERR(hsm_reader_end(&reader, HSM_E_STORE_CORRUPT), HSM_E_STORE_CORRUPT);
    }
}

static void failure_sticks(void)
{
    hsm_reader reader = hsm_reader_of(hsm_bytes_of(wire, 3));
    uint8_t raw[2] = { 7, 7 };

    CHECK_EQ(hsm_read_u32(&reader), 0);
    CHECK_EQ(hsm_read_u8(&reader), 0); /* although 3 bytes are there */
    hsm_read_copy(&reader, raw, 2);
    CHECK_BYTES(raw, 2, "\0\0", 2);
    CHECK_ERR(hsm_reader_end(&reader, HSM_E_DATA), HSM_E_DATA);
}

static void long_prefix_is_refused(void)
{
    const uint8_t four[] = { 0, 0, 0, 4, 'a', 'b', 'c', 'd' };
    const uint8_t huge[] = { 0xff, 0xff, 0xff, 0xff, 'a' };
    hsm_reader over = hsm_reader_of(hsm_bytes_of(four, sizeof four));
    hsm_reader beyond = hsm_reader_of(hsm_bytes_of(huge, sizeof huge));

    CHECK_EQ(hsm_read_bytes(&over, 3).len, 0);
    CHECK_ERR(hsm_reader_end(&over, HSM_E_DATA), HSM_E_DATA);
    CHECK_EQ(hsm_read_bytes(&beyond, SIZE_MAX).len, 0);
    CHECK_ERR(hsm_reader_end(&beyond, HSM_E_DATA), HSM_E_DATA);
}

static const check_test tests[] = {
    CHECK_TEST(writes_big_endian),          CHECK_TEST(writer_stops_at_its_end),
    CHECK_TEST(writer_length_can_not_wrap), CHECK_TEST(reads_back),
    CHECK_TEST(reader_stops_at_every_cut),  CHECK_TEST(failure_sticks),
    CHECK_TEST(long_prefix_is_refused),
};
CHECK_MAIN(tests)
