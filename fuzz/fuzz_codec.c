/* The bounded reader: the input chooses what is read (its first byte how many of its bytes are
 * orders), and nothing read may lie outside it. What one reads, written again, is the same.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/codec.h"
#include "fuzz.h"

static void read_one(hsm_reader *reader, uint8_t order, hsm_bytes input)
{
    const hsm_bytes before = reader->rest;
    const bool was_failed = reader->is_failed;
    hsm_bytes got = hsm_bytes_none();
    uint8_t again[8];
    hsm_writer writer = hsm_writer_of(again, sizeof again);

    switch (order % 6) {
    case 0:
        hsm_write_u8(&writer, hsm_read_u8(reader));
        break;
    case 1:
        hsm_write_u16(&writer, hsm_read_u16(reader));
        break;
    case 2:
        hsm_write_u32(&writer, hsm_read_u32(reader));
        break;
    case 3:
        hsm_write_u64(&writer, hsm_read_u64(reader));
        break;
    case 4:
        got = hsm_read_raw(reader, order);
        break;
    default:
        got = hsm_read_bytes(reader, order);
        FUZZ_REQUIRE(got.len <= order);
        break;
    }
    FUZZ_REQUIRE(!was_failed || reader->is_failed);
    FUZZ_REQUIRE(reader->rest.len <= before.len);
    if (got.len > 0)
        FUZZ_REQUIRE(got.data >= input.data && got.data + got.len <= input.data + input.len);
    if (!reader->is_failed && writer.len > 0)
        FUZZ_REQUIRE(hsm_bytes_equal(hsm_bytes_of(again, writer.len),
                                     hsm_bytes_of(before.data, writer.len)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || data[0] > size - 1)
        return 0;
    const size_t orders = data[0];
    const hsm_bytes input = hsm_bytes_of(data + 1 + orders, size - 1 - orders);
    hsm_reader reader = hsm_reader_of(input);

    for (size_t i = 0; i < orders; i++)
        read_one(&reader, data[1 + i], input);
    FUZZ_REQUIRE((hsm_reader_end(&reader, HSM_E_STORE_CORRUPT) == HSM_OK) ==
                 (!reader.is_failed && reader.rest.len == 0));
    return 0;
}
