/* SPDX-License-Identifier: Apache-2.0 */
#include "token/internal.h"

#include "base/codec.h"

#define FLAG_SET 1u
#define FLAG_LOCKED 2u
#define FLAG_MUST_CHANGE 4u
#define FLAGS_ALL (FLAG_SET | FLAG_LOCKED | FLAG_MUST_CHANGE)

static void write_entry(hsm_writer *writer, const hsm_pin_entry *entry)
{
    const unsigned flags = (entry->is_set ? FLAG_SET : 0) | (entry->is_locked ? FLAG_LOCKED : 0) |
                           (entry->must_change ? FLAG_MUST_CHANGE : 0);

    hsm_write_u8(writer, (uint8_t)flags);
    hsm_write_u16(writer, entry->tries_used);
    hsm_write_u32(writer, entry->iterations);
    hsm_write_raw(writer, hsm_bytes_of(entry->salt, sizeof entry->salt));
    hsm_write_raw(writer, hsm_bytes_of(entry->verifier, sizeof entry->verifier));
    hsm_write_raw(writer, hsm_bytes_of(entry->nonce, sizeof entry->nonce));
    hsm_write_raw(writer, hsm_bytes_of(entry->wrapped_key, sizeof entry->wrapped_key));
}

hsm_err hsm_token_record_encode(const hsm_token_record *record, uint8_t out[HSM_TOKEN_RECORD_BYTES])
{
    hsm_writer writer = hsm_writer_of(out, HSM_TOKEN_RECORD_BYTES);

    hsm_write_u16(&writer, HSM_TOKEN_RECORD_FORMAT);
    hsm_write_raw(&writer, hsm_bytes_of(record->epoch, sizeof record->epoch));
    hsm_write_raw(&writer, hsm_bytes_of(record->label, sizeof record->label));
    hsm_write_raw(&writer, hsm_bytes_of(record->serial, sizeof record->serial));
    for (size_t user = 0; user < HSM_USER_COUNT; user++)
        write_entry(&writer, &record->pin[user]);
    HSM_TRY(hsm_writer_end(&writer));
    return writer.len == HSM_TOKEN_RECORD_BYTES ? HSM_OK : HSM_E_INTERNAL;
}

static hsm_err read_entry(hsm_reader *reader, hsm_pin_entry *out_entry)
{
    const unsigned flags = hsm_read_u8(reader);

    HSM_CHECK((flags & ~FLAGS_ALL) == 0, HSM_E_STORE_CORRUPT);
    out_entry->is_set = (flags & FLAG_SET) != 0;
    out_entry->is_locked = (flags & FLAG_LOCKED) != 0;
    out_entry->must_change = (flags & FLAG_MUST_CHANGE) != 0;
    out_entry->tries_used = hsm_read_u16(reader);
    out_entry->iterations = hsm_read_u32(reader);
    HSM_CHECK(out_entry->iterations >= 1 && out_entry->iterations <= HSM_PIN_ITERATIONS_MAX,
              HSM_E_STORE_CORRUPT); /* a huge count would hang the host */
    hsm_read_copy(reader, out_entry->salt, sizeof out_entry->salt);
    hsm_read_copy(reader, out_entry->verifier, sizeof out_entry->verifier);
    hsm_read_copy(reader, out_entry->nonce, sizeof out_entry->nonce);
    hsm_read_copy(reader, out_entry->wrapped_key, sizeof out_entry->wrapped_key);
    return HSM_OK;
}

hsm_err hsm_token_record_decode(hsm_bytes encoded, hsm_token_record *out_record)
{
    hsm_reader reader = hsm_reader_of(encoded);
    hsm_token_record record = { 0 };
    const uint16_t format = hsm_read_u16(&reader);

    HSM_CHECK(!reader.is_failed && format != 0, HSM_E_STORE_CORRUPT);
    HSM_CHECK(format <= HSM_TOKEN_RECORD_FORMAT, HSM_E_STORE_VERSION);
    hsm_read_copy(&reader, record.epoch, sizeof record.epoch);
    hsm_read_copy(&reader, record.label, sizeof record.label);
    hsm_read_copy(&reader, record.serial, sizeof record.serial);
    for (size_t user = 0; user < HSM_USER_COUNT; user++)
        HSM_TRY(read_entry(&reader, &record.pin[user]));
    HSM_TRY(hsm_reader_end(&reader, HSM_E_STORE_CORRUPT));

    *out_record = record;
    return HSM_OK;
}
