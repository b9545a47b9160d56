/* Token records: sealed under a key derived from the device key, readable before any login.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/codec.h"
#include "store/internal.h"

#define ENVELOPE_FORMAT 1u
#define AAD_BYTES 16u
/* Label, PIN verifiers and counters take a few hundred. */
#define RECORD_MAX_BYTES (64u * 1024u)

/* Associated data: "TOKN", u32 slot, u64 version. */
static hsm_bytes aad_of(uint32_t slot, uint64_t version, uint8_t room[AAD_BYTES])
{
    hsm_writer writer = hsm_writer_of(room, AAD_BYTES);

    hsm_write_raw(&writer, hsm_bytes_of_text("TOKN"));
    hsm_write_u32(&writer, slot);
    hsm_write_u64(&writer, version);
    return hsm_bytes_of(room, AAD_BYTES);
}

static void row_clear(hsm_token_row *row)
{
    hsm_buf_clear(&row->record);
}

hsm_err hsm_store_token_read(hsm_store *store, uint32_t slot, hsm_buf *out_record,
                             uint64_t *out_version)
{
    const hsm_storage *storage = &store->storage;
    HSM_AUTO(row_clear) hsm_token_row row = { 0 };
    uint8_t room[AAD_BYTES];

    HSM_CHECK(slot < store->slot_count, HSM_E_SLOT);
    HSM_TRY(storage->driver->token_read(storage->state, slot, &row));
    HSM_CHECK(row.record.len >= 1 && row.record.data[0] == ENVELOPE_FORMAT, HSM_E_STORE_CORRUPT);
    HSM_TRY(hsm_seal_open_public(store->token_seal, aad_of(slot, row.version, room),
                                 hsm_bytes_of(row.record.data + 1, row.record.len - 1),
                                 out_record));
    atomic_store(&store->slots[slot].epoch_read, row.epoch);
    *out_version = row.version;
    return HSM_OK;
}

static hsm_err write_token(hsm_store *store, uint32_t slot, uint64_t expected, hsm_bytes record,
                           bool is_reset)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf sealed = { 0 };
    static const uint8_t format = ENVELOPE_FORMAT;
    uint8_t room[AAD_BYTES];

    HSM_CHECK(slot < store->slot_count, HSM_E_SLOT);
    HSM_CHECK(record.len <= RECORD_MAX_BYTES, HSM_E_LIMIT);
    HSM_CHECK(!hsm_store_is_read_only(store), HSM_E_STORE_READ_ONLY);
    HSM_TRY(hsm_buf_append(&sealed, hsm_bytes_of(&format, 1)));
    HSM_TRY(hsm_seal_close(store->token_seal, aad_of(slot, expected + 1, room), record, &sealed));
    const hsm_batch_token token = {
        .expected = expected,
        .record = hsm_buf_view(&sealed),
        .is_reset = is_reset,
    };
    hsm_batch batch = { .slot = slot, .token = &token };
    return hsm_group_commit_write(store->group, &batch);
}

hsm_err hsm_store_token_write(hsm_store *store, uint32_t slot, uint64_t expected, hsm_bytes record)
{
    return write_token(store, slot, expected, record, false);
}

hsm_err hsm_store_token_reset(hsm_store *store, uint32_t slot, uint64_t expected, hsm_bytes record)
{
    const hsm_storage *storage = &store->storage;
    HSM_AUTO(row_clear) hsm_token_row row = { 0 };

    HSM_TRY(write_token(store, slot, expected, record, true));
    /* Nothing that was sealed for the old token is of use any more; the new epoch is known so that the
     * attach to come belongs to it. */
    hsm_slot_clear(store, slot);
    hsm_cache_purge(store->cache, slot, false);
    HSM_TRY(storage->driver->token_read(storage->state, slot, &row));
    atomic_store(&store->slots[slot].epoch_read, row.epoch);
    return HSM_OK;
}

hsm_err hsm_store_login_enter(hsm_store *store)
{
    HSM_CHECK(store->login_turn != NULL, HSM_E_STORE_READ_ONLY);
    return hsm_login_turn_take(store->login_turn);
}

void hsm_store_login_leave(hsm_store *store)
{
    hsm_login_turn_give(store->login_turn);
}
