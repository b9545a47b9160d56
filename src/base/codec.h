/* Bounded reader and writer for our own binary formats: big-endian integers, length-prefixed bytes.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_BASE_CODEC_H
#define HSM_BASE_CODEC_H

#include "base/bytes.h"
#include "base/scope.h"

/* Reads from a span, never past its end. The first failure sticks: later reads give zeros or empty
 * spans, and hsm_reader_end() reports it, so a caller may check once at the end. */
typedef struct hsm_reader {
    hsm_bytes rest;
    bool is_failed;
} hsm_reader;

static inline hsm_reader hsm_reader_of(hsm_bytes input)
{
    return (hsm_reader){ .rest = input, .is_failed = false };
}

uint8_t hsm_read_u8(hsm_reader *reader);
uint16_t hsm_read_u16(hsm_reader *reader);
uint32_t hsm_read_u32(hsm_reader *reader);
uint64_t hsm_read_u64(hsm_reader *reader);
/* The next len bytes, borrowed from the input. */
hsm_bytes hsm_read_raw(hsm_reader *reader, size_t len);
/* A u32 length and that many bytes; fails when the length is over max_len. */
hsm_bytes hsm_read_bytes(hsm_reader *reader, size_t max_len);
/* Copies the next len bytes to dst; dst is zeroed on failure. */
void hsm_read_copy(hsm_reader *reader, uint8_t *dst, size_t len);
/* HSM_OK when nothing failed and nothing is left over, else `err`. */
HSM_MUST_USE hsm_err hsm_reader_end(const hsm_reader *reader, hsm_err err);

/* Writes into a span. room.data NULL only counts. The first overflow sticks; len goes on counting,
 * so a first pass with no room gives the size needed. */
typedef struct hsm_writer {
    uint8_t *data;
    size_t cap;
    size_t len;
    bool is_failed;
} hsm_writer;

static inline hsm_writer hsm_writer_of(void *data, size_t cap)
{
    return (hsm_writer){ .data = data, .cap = cap, .len = 0, .is_failed = false };
}

void hsm_write_u8(hsm_writer *writer, uint8_t value);
void hsm_write_u16(hsm_writer *writer, uint16_t value);
void hsm_write_u32(hsm_writer *writer, uint32_t value);
void hsm_write_u64(hsm_writer *writer, uint64_t value);
void hsm_write_raw(hsm_writer *writer, hsm_bytes value);
/* A u32 length and the bytes. */
void hsm_write_bytes(hsm_writer *writer, hsm_bytes value);
/* HSM_OK when everything fitted, else HSM_E_BUFFER_TOO_SMALL. */
HSM_MUST_USE hsm_err hsm_writer_end(const hsm_writer *writer);

#endif
