/* gRPC's framing: the first byte says in what pieces the rest comes, and whatever the pieces are, the
 * messages are the same and never longer than the limit.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cratond/frame.h"
#include "fuzz.h"

#define LIMIT 4096u

/* Adds up what was read, so that two ways of cutting can be compared. */
typedef struct seen {
    unsigned messages;
    uint64_t sum;
    frame_result last;
} seen;

static seen read_all(hsm_bytes input, size_t piece)
{
    frame_reader reader = { .max_len = LIMIT, .message = HSM_BUF_WIPED };
    seen of = { .last = FRAME_MORE };

    while (input.len > 0 && (of.last == FRAME_MORE || of.last == FRAME_COMPLETE)) {
        const size_t len = input.len < piece ? input.len : piece;
        hsm_bytes part = hsm_bytes_of(input.data, len);

        of.last = frame_read(&reader, &part);
        input = hsm_bytes_of(part.data, input.len - (len - part.len));
        FUZZ_REQUIRE(reader.message.len <= LIMIT);
        if (of.last != FRAME_COMPLETE)
            continue;
        of.messages++;
        for (size_t i = 0; i < reader.message.len; i++)
            of.sum = of.sum * 31 + reader.message.data[i] + 1;
        frame_next(&reader);
    }
    hsm_buf_clear(&reader.message);
    return of;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const hsm_bytes input = hsm_bytes_of(data + 1, size - 1);
    const seen whole = read_all(input, size);
    const seen pieces = read_all(input, (size_t)data[0] + 1);

    FUZZ_REQUIRE(whole.messages == pieces.messages && whole.sum == pieces.sum);
    return 0;
}
