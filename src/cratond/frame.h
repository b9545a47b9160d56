/* gRPC's framing of messages in the body of a stream: a flag byte, four bytes of length, the message.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_FRAME_H
#define HSM_CRATOND_FRAME_H

#include "base/buf.h"

#define FRAME_PREFIX_BYTES 5u

typedef enum frame_result {
    FRAME_MORE,       /* the message is not complete */
    FRAME_COMPLETE,   /* reader->message holds it */
    FRAME_COMPRESSED, /* flag 1: no encoding is offered */
    FRAME_BAD_FLAG,
    FRAME_TOO_LARGE,
    FRAME_NO_MEMORY,
} frame_result;

/* Memory grows with the bytes that have come, never with the length that was announced. */
typedef struct frame_reader {
    size_t max_len;
    uint8_t prefix[FRAME_PREFIX_BYTES];
    size_t prefix_len;
    size_t want;
    hsm_buf message; /* HSM_BUF_WIPED at its start */
} frame_reader;

/* Takes bytes from the front of *data until a message is complete or an error is met. */
frame_result frame_read(frame_reader *reader, hsm_bytes *data);
/* After FRAME_COMPLETE: the next message. */
void frame_next(frame_reader *reader);
/* Whether the body may end here. */
bool frame_is_between(const frame_reader *reader);
/* Writes the prefix of a message of len bytes. */
void frame_prefix(size_t len, uint8_t out[FRAME_PREFIX_BYTES]);

#endif
