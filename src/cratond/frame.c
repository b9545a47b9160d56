/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/frame.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static frame_result read_prefix(frame_reader *reader, hsm_bytes *data)
{
    const size_t take = smaller(data->len, FRAME_PREFIX_BYTES - reader->prefix_len);

    memcpy(reader->prefix + reader->prefix_len, data->data, take);
    reader->prefix_len += take;
    *data = hsm_bytes_of(data->data + take, data->len - take);
    if (reader->prefix_len < FRAME_PREFIX_BYTES)
        return FRAME_MORE;
    const uint8_t *len = reader->prefix + 1;
    reader->want = (size_t)len[0] << 24 | (size_t)len[1] << 16 | (size_t)len[2] << 8 | len[3];
    if (reader->prefix[0] != 0)
        return reader->prefix[0] == 1 ? FRAME_COMPRESSED : FRAME_BAD_FLAG;
    return reader->want > reader->max_len ? FRAME_TOO_LARGE : FRAME_COMPLETE;
}

frame_result frame_read(frame_reader *reader, hsm_bytes *data)
{
    if (reader->prefix_len < FRAME_PREFIX_BYTES) {
        if (data->len == 0)
            return FRAME_MORE;
        const frame_result result = read_prefix(reader, data);
        if (result != FRAME_COMPLETE)
            return result;
    }
    const size_t take = smaller(data->len, reader->want - reader->message.len);
    if (hsm_buf_append(&reader->message, hsm_bytes_of(data->data, take)) != HSM_OK)
        return FRAME_NO_MEMORY;
    *data = hsm_bytes_of(data->data + take, data->len - take);
    return reader->message.len == reader->want ? FRAME_COMPLETE : FRAME_MORE;
}

void frame_next(frame_reader *reader)
{
    hsm_buf_clear(&reader->message);
    reader->prefix_len = 0;
    reader->want = 0;
}

bool frame_is_between(const frame_reader *reader)
{
    return reader->prefix_len == 0;
}

void frame_prefix(size_t len, uint8_t out[FRAME_PREFIX_BYTES])
{
    out[0] = 0;
    for (unsigned i = 0; i < 4; i++)
        out[1 + i] = (uint8_t)(len >> (24 - 8 * i));
}
