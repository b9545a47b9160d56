/* Objects <-> records: header, sealed attributes, sealed secret part (docs/store-format.md).
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/codec.h"
#include "store/internal.h"

#define RECORD_FORMAT 1u

void hsm_pending_clear(hsm_pending *pending)
{
    hsm_object_drop(&pending->object);
    hsm_buf_clear(&pending->record);
}

/* Appends format, u32 length and sealed attributes, u32 length and sealed secret part. */
static hsm_err write_record(const hsm_half *half, const hsm_object *object,
                            const hsm_object_ident *ident, hsm_buf *out_record)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf plain = { 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf sealed = { 0 };
    uint8_t aad[HSM_OBJECT_AAD_BYTES];

    HSM_TRY(hsm_object_encode_public(object, &plain));
    hsm_object_aad(ident, HSM_OBJECT_PART_PUBLIC, aad);
    HSM_TRY(
        hsm_seal_close(half->seal, hsm_bytes_of(aad, sizeof aad), hsm_buf_view(&plain), &sealed));
    const size_t len = 1 + 4 + sealed.len + 4 + object->sealed.len;
    HSM_CHECK(len <= HSM_RECORD_MAX_BYTES, HSM_E_LIMIT);
    HSM_TRY(hsm_buf_reserve(out_record, len));
    hsm_writer writer = hsm_writer_of(out_record->data + out_record->len, len);
    hsm_write_u8(&writer, RECORD_FORMAT);
    hsm_write_bytes(&writer, hsm_buf_view(&sealed));
    hsm_write_bytes(&writer, hsm_buf_view(&object->sealed));
    HSM_TRY(hsm_writer_end(&writer));
    out_record->len += len;
    return HSM_OK;
}

hsm_err hsm_pending_make(const hsm_half *half, const hsm_draft *draft,
                         const hsm_object_ident *ident, hsm_pending *out_pending)
{
    HSM_AUTO(hsm_pending_clear) hsm_pending pending = { 0 };

    HSM_TRY(hsm_object_create(draft, ident, half->seal, &pending.object));
    HSM_TRY(write_record(half, pending.object, ident, &pending.record));
    HSM_TRY(hsm_index_object(half->index, pending.object, &pending.tags));
    *out_pending = pending;
    pending = (hsm_pending){ 0 };
    return HSM_OK;
}

hsm_err hsm_record_decode(const hsm_half *half, hsm_bytes record, const hsm_object_ident *ident,
                          hsm_object **out_object)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf plain = { 0 };
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    hsm_reader reader = hsm_reader_of(record);
    uint8_t aad[HSM_OBJECT_AAD_BYTES];

    HSM_CHECK(hsm_read_u8(&reader) == RECORD_FORMAT, HSM_E_STORE_CORRUPT);
    const hsm_bytes attrs = hsm_read_bytes(&reader, HSM_RECORD_MAX_BYTES);
    const hsm_bytes secret = hsm_read_bytes(&reader, HSM_RECORD_MAX_BYTES);
    HSM_TRY(hsm_reader_end(&reader, HSM_E_STORE_CORRUPT));
    hsm_object_aad(ident, HSM_OBJECT_PART_PUBLIC, aad);
    HSM_TRY(hsm_seal_open_public(half->seal, hsm_bytes_of(aad, sizeof aad), attrs, &plain));
    HSM_TRY(hsm_object_decode(ident, hsm_buf_view(&plain), secret, half->seal, &object));
    /* What the row says must be what was sealed. */
    HSM_CHECK(object->is_private == half->is_private && object->is_token, HSM_E_STORE_CORRUPT);
    *out_object = HSM_MOVE(object);
    return HSM_OK;
}
