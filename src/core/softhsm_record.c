/* SPDX-License-Identifier: Apache-2.0 */
#include "core/softhsm_record.h"

#include "base/codec.h"

#define WORD_BYTES 8u
#define ATTR_HEAD_BYTES (3 * WORD_BYTES) /* type, kind, length */

/* A file, or a template in one, that is being read. */
typedef struct reading {
    hsm_reader reader;
    size_t base; /* where it begins in its file */
    size_t len;
    hsm_softhsm_fault *fault;
} reading;

static size_t offset_of(const reading *at)
{
    return at->base + at->len - at->reader.rest.len;
}

static hsm_err fail(const reading *at, size_t offset, const char *what)
{
    *at->fault = (hsm_softhsm_fault){ .offset = offset, .what = what };
    return HSM_E_DATA;
}

static hsm_err read_word(reading *at, uint64_t *out_word)
{
    if (at->reader.rest.len < WORD_BYTES)
        return fail(at, offset_of(at), "the file ends within a number");
    *out_word = hsm_read_u64(&at->reader);
    return HSM_OK;
}

/* count things of this size. */
static hsm_err read_span(reading *at, size_t size, hsm_bytes *out_bytes)
{
    const size_t offset = offset_of(at);
    uint64_t count = 0;

    HSM_TRY(read_word(at, &count));
    if (count > HSM_SOFTHSM_VALUE_MAX_BYTES / size)
        return fail(at, offset, "a length beyond every limit");
    if (at->reader.rest.len < count * size)
        return fail(at, offset, "a length beyond the end of the file");
    *out_bytes = hsm_read_raw(&at->reader, (size_t)count * size);
    return HSM_OK;
}

/* SoftHSM2 writes 0 and 255, and nothing else. */
static hsm_err read_bool(reading *at, uint64_t *out_number)
{
    if (at->reader.rest.len == 0)
        return fail(at, offset_of(at), "the file ends within an attribute");
    const uint8_t byte = hsm_read_u8(&at->reader);
    if (byte != 0 && byte != 0xff)
        return fail(at, offset_of(at) - 1, "neither true nor false");
    *out_number = byte != 0;
    return HSM_OK;
}

static hsm_err read_value(reading *at, uint64_t kind, hsm_softhsm_attr *attr)
{
    switch (kind) {
    case HSM_SOFTHSM_BOOL:
        return read_bool(at, &attr->number);
    case HSM_SOFTHSM_ULONG:
        return read_word(at, &attr->number);
    case HSM_SOFTHSM_BYTES:
    case HSM_SOFTHSM_TEMPLATE:
        return read_span(at, 1, &attr->bytes);
    case HSM_SOFTHSM_MECHANISMS:
        return read_span(at, WORD_BYTES, &attr->bytes);
    default:
        return fail(at, attr->offset + WORD_BYTES, "an attribute of a kind that SoftHSM2 has not");
    }
}

static hsm_err read_attr(reading *at, hsm_softhsm_record *record)
{
    hsm_softhsm_attr attr = { .offset = offset_of(at) };
    uint64_t kind = 0;

    if (record->count == HSM_SOFTHSM_ATTRS_MAX)
        return fail(at, attr.offset, "more attributes than an object has");
    HSM_TRY(read_word(at, &attr.type));
    HSM_TRY(read_word(at, &kind));
    if (hsm_softhsm_find(record, attr.type) != NULL)
        return fail(at, attr.offset, "an attribute for the second time");
    HSM_TRY(read_value(at, kind, &attr));
    attr.kind = (hsm_softhsm_kind)kind;
    record->attrs[record->count++] = attr;
    return HSM_OK;
}

static hsm_err read_attrs(reading *at, hsm_softhsm_record *record)
{
    while (at->reader.rest.len > 0)
        HSM_TRY(read_attr(at, record));
    return HSM_OK;
}

hsm_err hsm_softhsm_read(hsm_bytes content, hsm_softhsm_record *out_record,
                         hsm_softhsm_fault *out_fault)
{
    reading at = { .reader = hsm_reader_of(content), .len = content.len, .fault = out_fault };
    hsm_softhsm_record record = { .count = 0 };
    uint64_t generation = 0;

    if (content.len == 0)
        return fail(&at, 0, "an empty file");
    HSM_TRY(read_word(&at, &generation));
    HSM_TRY(read_attrs(&at, &record));
    *out_record = record;
    return HSM_OK;
}

hsm_err hsm_softhsm_read_template(const hsm_softhsm_attr *tmpl, hsm_softhsm_record *out_record,
                                  hsm_softhsm_fault *out_fault)
{
    reading at = { .reader = hsm_reader_of(tmpl->bytes),
                   .base = tmpl->offset + ATTR_HEAD_BYTES,
                   .len = tmpl->bytes.len,
                   .fault = out_fault };
    hsm_softhsm_record record = { .count = 0 };

    HSM_TRY(read_attrs(&at, &record));
    for (size_t i = 0; i < record.count; i++) {
        if (record.attrs[i].kind == HSM_SOFTHSM_TEMPLATE)
            return fail(&at, record.attrs[i].offset, "a template within a template");
    }
    *out_record = record;
    return HSM_OK;
}

const hsm_softhsm_attr *hsm_softhsm_find(const hsm_softhsm_record *record, uint64_t type)
{
    for (size_t i = 0; i < record->count; i++) {
        if (record->attrs[i].type == type)
            return &record->attrs[i];
    }
    return NULL;
}
