/* The little DER (X.690) that keys need: a strict bounded reader and a writer that works backwards.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRYPTO_DER_H
#define HSM_CRYPTO_DER_H

#include "base/bytes.h"
#include "base/codec.h"
#include "base/secret.h"

enum {
    HSM_DER_INTEGER = 0x02,
    HSM_DER_BIT_STRING = 0x03,
    HSM_DER_OCTET_STRING = 0x04,
    HSM_DER_NULL = 0x05,
    HSM_DER_OID = 0x06,
    HSM_DER_UTF8_STRING = 0x0c,
    HSM_DER_PRINTABLE_STRING = 0x13,
    HSM_DER_IA5_STRING = 0x16,
    HSM_DER_SEQUENCE = 0x30,
    HSM_DER_SET = 0x31,
    HSM_DER_CONTEXT_0 = 0xa0,           /* [0], constructed */
    HSM_DER_CONTEXT_0_PRIMITIVE = 0x80, /* [0] IMPLICIT of a primitive type */
    HSM_DER_CONTEXT_1 = 0xa1,           /* [1], constructed */
    HSM_DER_CONTEXT_1_PRIMITIVE = 0x81, /* [1] IMPLICIT of a primitive type */
};

/* Tag and length of one element take at most this many bytes (lengths below 16 MiB). */
#define HSM_DER_HEADER_MAX_BYTES 5

/* The content of the next element, which must have this tag and a minimal definite length; borrowed.
 * Fails by the reader's rules (base/codec.h): an empty span, reported by hsm_reader_end(). */
hsm_bytes hsm_der_read(hsm_reader *reader, uint8_t tag);
/* The same element with its tag and length. */
hsm_bytes hsm_der_read_whole(hsm_reader *reader, uint8_t tag);
/* Whether the next element has this tag; false at the end. */
bool hsm_der_next_is(const hsm_reader *reader, uint8_t tag);
/* An INTEGER, minimal and not negative, without a leading zero byte; zero is an empty span. */
hsm_bytes hsm_der_read_uint(hsm_reader *reader);
/* A BIT STRING of whole bytes. */
hsm_bytes hsm_der_read_bits(hsm_reader *reader);

/* Writes from the end of the room towards its start, so that a length is known when it is written.
 * The first overflow sticks. */
typedef struct hsm_der_writer {
    uint8_t *room;
    size_t start; /* what is written lies in room[start .. cap) */
    size_t cap;
    bool is_failed;
} hsm_der_writer;

static inline hsm_der_writer hsm_der_writer_of(void *room, size_t cap)
{
    return (hsm_der_writer){ .room = room, .start = cap, .cap = cap, .is_failed = false };
}
/* Bytes written so far: a mark for hsm_der_wrap(). */
static inline size_t hsm_der_written(const hsm_der_writer *writer)
{
    return writer->cap - writer->start;
}
static inline hsm_bytes hsm_der_view(const hsm_der_writer *writer)
{
    return hsm_bytes_of(writer->room + writer->start, hsm_der_written(writer));
}
/* Puts bytes before what is written. */
void hsm_der_put(hsm_der_writer *writer, hsm_bytes bytes);
/* Puts an INTEGER; number is unsigned big-endian, leading zeros allowed. */
void hsm_der_put_uint(hsm_der_writer *writer, hsm_bytes number);
/* Puts tag and length before everything written since `mark`. */
void hsm_der_wrap(hsm_der_writer *writer, uint8_t tag, size_t mark);
/* Ends a PrivateKeyInfo of version 1 (RFC 5958, 2) whose algorithm and key are written, and cuts
 * `room`, which the writer writes into, to it. errors HSM_E_INTERNAL (the room was too small) */
HSM_MUST_USE hsm_err hsm_der_end_private_info(hsm_der_writer *writer, hsm_secret *room);
/* Makes what was written since `mark` the content of a BIT STRING. */
void hsm_der_wrap_bits(hsm_der_writer *writer, size_t mark);

#endif
