/* One batch of changes within a transaction.
 * SPDX-License-Identifier: Apache-2.0 */
#include "store/driver_sqlite.h"

static void bind_number(sqlite3_stmt *stmt, int place, uint64_t value)
{
    (void)sqlite3_bind_int64(stmt, place, (int64_t)value);
}

/* Not NULL for an empty span: the columns refuse it. */
static void bind_bytes(sqlite3_stmt *stmt, int place, hsm_bytes value)
{
    const void *data = value.len > 0 ? (const void *)value.data : "";

    (void)sqlite3_bind_blob(stmt, place, data, (int)value.len, SQLITE_STATIC);
}

static hsm_err tag_change(hsm_conn *conn, hsm_sql which, uint32_t slot, const uint8_t *tag,
                          uint64_t id)
{
    HSM_AUTO(hsm_stmt_drop) sqlite3_stmt *stmt = NULL;

    HSM_TRY(hsm_conn_stmt(conn, which, &stmt));
    bind_number(stmt, 1, slot);
    bind_bytes(stmt, 2, hsm_bytes_of(tag, HSM_TAG_BYTES));
    bind_number(stmt, 3, id);
    return hsm_conn_finish(conn, stmt);
}

static bool has_tag(const hsm_tags *tags, const uint8_t *tag)
{
    for (size_t i = 0; i < tags->fine_count; i++) {
        if (hsm_bytes_equal(hsm_bytes_of(tags->fine[i].bytes, HSM_TAG_BYTES),
                            hsm_bytes_of(tag, HSM_TAG_BYTES)))
            return true;
    }
    return false;
}

/* The tags a record has now, as its row lists them. */
typedef struct old_tags {
    uint8_t bytes[HSM_TAGS_FINE_MAX * HSM_TAG_BYTES];
    size_t count;
} old_tags;

static hsm_err read_old(hsm_conn *conn, uint32_t slot, uint64_t id, uint64_t *out_version,
                        old_tags *out_old)
{
    HSM_AUTO(hsm_stmt_drop) sqlite3_stmt *stmt = NULL;

    HSM_TRY(hsm_conn_stmt(conn, HSM_SQL_READ_TAGS, &stmt));
    bind_number(stmt, 1, id);
    bind_number(stmt, 2, slot);
    const int rc = sqlite3_step(stmt);
    HSM_TRY(hsm_conn_err(conn, rc));
    HSM_CHECK(rc == SQLITE_ROW, HSM_E_STORE_NOT_FOUND);
    const void *bytes = sqlite3_column_blob(stmt, 1);
    const size_t len = bytes != NULL ? (size_t)sqlite3_column_bytes(stmt, 1) : 0;
    /* A damaged list must not make the record undeletable: what it does not name stays behind in
     * the index as an id without a record, which searches pass over. */
    out_old->count = len <= sizeof out_old->bytes ? len / HSM_TAG_BYTES : 0;
    if (out_old->count > 0)
        memcpy(out_old->bytes, bytes, out_old->count * HSM_TAG_BYTES);
    *out_version = (uint64_t)sqlite3_column_int64(stmt, 0);
    return HSM_OK;
}

static hsm_err drop_tags(hsm_conn *conn, uint32_t slot, uint64_t id, const old_tags *old,
                         const hsm_batch_put *keep)
{
    for (size_t i = 0; i < old->count; i++) {
        const uint8_t *tag = old->bytes + i * HSM_TAG_BYTES;
        if (keep == NULL || !has_tag(keep->tags, tag))
            HSM_TRY(tag_change(conn, HSM_SQL_TAG_DELETE, slot, tag, id));
    }
    return HSM_OK;
}

static hsm_bytes coarse_of(const hsm_tags *tags, size_t which)
{
    return tags->has_coarse[which] ? hsm_bytes_of(tags->coarse[which].bytes, HSM_TAG_BYTES)
                                   : hsm_bytes_none();
}

static hsm_err write_row(hsm_conn *conn, hsm_sql which, uint32_t slot, const hsm_batch_put *put)
{
    HSM_AUTO(hsm_stmt_drop) sqlite3_stmt *stmt = NULL;

    HSM_TRY(hsm_conn_stmt(conn, which, &stmt));
    bind_number(stmt, 1, put->id);
    bind_number(stmt, 2, slot);
    bind_number(stmt, 3, put->is_private);
    bind_number(stmt, 4, put->version);
    for (int i = 0; i < (int)HSM_TAGS_COARSE; i++)
        bind_bytes(stmt, 5 + i, coarse_of(put->tags, (size_t)i));
    bind_bytes(stmt, 7, hsm_bytes_of(put->tags->fine, put->tags->fine_count * HSM_TAG_BYTES));
    bind_bytes(stmt, 8, put->record);
    return hsm_conn_finish(conn, stmt);
}

static hsm_err apply_put(hsm_conn *conn, uint32_t slot, const hsm_batch_put *put)
{
    if (put->expected == 0) {
        HSM_TRY(write_row(conn, HSM_SQL_INSERT, slot, put));
    } else {
        old_tags old;
        uint64_t version = 0;
        HSM_TRY(read_old(conn, slot, put->id, &version, &old));
        HSM_CHECK(version == put->expected, HSM_E_STORE_CONFLICT);
        HSM_TRY(drop_tags(conn, slot, put->id, &old, put));
        HSM_TRY(write_row(conn, HSM_SQL_UPDATE, slot, put));
    }
    for (size_t i = 0; i < put->tags->fine_count; i++)
        HSM_TRY(tag_change(conn, HSM_SQL_TAG_INSERT, slot, put->tags->fine[i].bytes, put->id));
    return HSM_OK;
}

static hsm_err apply_delete(hsm_conn *conn, uint32_t slot, uint64_t id)
{
    HSM_AUTO(hsm_stmt_drop) sqlite3_stmt *stmt = NULL;
    old_tags old;
    uint64_t version = 0;

    HSM_TRY(read_old(conn, slot, id, &version, &old));
    HSM_TRY(drop_tags(conn, slot, id, &old, NULL));
    HSM_TRY(hsm_conn_stmt(conn, HSM_SQL_DELETE, &stmt));
    bind_number(stmt, 1, id);
    bind_number(stmt, 2, slot);
    return hsm_conn_finish(conn, stmt);
}

static hsm_err delete_slot(hsm_conn *conn, hsm_sql which, uint32_t slot)
{
    HSM_AUTO(hsm_stmt_drop) sqlite3_stmt *stmt = NULL;

    HSM_TRY(hsm_conn_stmt(conn, which, &stmt));
    bind_number(stmt, 1, slot);
    return hsm_conn_finish(conn, stmt);
}

/* Version and epoch of the slot's token record; zeros when there is none. */
static hsm_err token_now(hsm_conn *conn, uint32_t slot, uint64_t *out_version, uint64_t *out_epoch)
{
    HSM_AUTO(hsm_stmt_drop) sqlite3_stmt *stmt = NULL;

    HSM_TRY(hsm_conn_stmt(conn, HSM_SQL_TOKEN_READ, &stmt));
    bind_number(stmt, 1, slot);
    const int rc = sqlite3_step(stmt);
    HSM_TRY(hsm_conn_err(conn, rc));
    *out_version = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
    *out_epoch = rc == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(stmt, 1) : 0;
    return HSM_OK;
}

static hsm_err apply_token(hsm_conn *conn, uint32_t slot, const hsm_batch_token *token,
                           uint64_t version, uint64_t epoch)
{
    HSM_AUTO(hsm_stmt_drop) sqlite3_stmt *stmt = NULL;

    HSM_CHECK(version == token->expected, HSM_E_STORE_CONFLICT);
    if (token->is_reset) {
        HSM_TRY(delete_slot(conn, HSM_SQL_TAG_DELETE_SLOT, slot));
        HSM_TRY(delete_slot(conn, HSM_SQL_DELETE_SLOT, slot));
    }
    HSM_TRY(hsm_conn_stmt(conn, HSM_SQL_TOKEN_WRITE, &stmt));
    bind_number(stmt, 1, slot);
    bind_number(stmt, 2, version + 1);
    bind_number(stmt, 3, token->is_reset ? epoch + 1 : epoch);
    bind_bytes(stmt, 4, token->record);
    return hsm_conn_finish(conn, stmt);
}

hsm_err hsm_sqlite_apply(hsm_conn *conn, const hsm_batch *batch)
{
    uint64_t version = 0;
    uint64_t epoch = 0;

    HSM_TRY(token_now(conn, batch->slot, &version, &epoch));
    if (batch->put_count > 0 || batch->delete_count > 0)
        HSM_CHECK(epoch == batch->epoch, HSM_E_STORE_CONFLICT);
    if (batch->token != NULL)
        HSM_TRY(apply_token(conn, batch->slot, batch->token, version, epoch));
    for (size_t i = 0; i < batch->delete_count; i++)
        HSM_TRY(apply_delete(conn, batch->slot, batch->deletes[i]));
    for (size_t i = 0; i < batch->put_count; i++)
        HSM_TRY(apply_put(conn, batch->slot, &batch->puts[i]));
    return HSM_OK;
}

hsm_err hsm_sqlite_apply_alone(hsm_conn *conn, const hsm_batch *batch)
{
    HSM_TRY(hsm_conn_run(conn, HSM_SQL_SAVEPOINT));
    hsm_err err = hsm_sqlite_apply(conn, batch);
    if (err != HSM_OK) {
        const hsm_err undone = hsm_conn_run(conn, HSM_SQL_ROLLBACK_TO);
        (void)undone; /* fails only where the whole transaction is gone, which the caller sees */
    }
    const hsm_err released = hsm_conn_run(conn, HSM_SQL_RELEASE);
    return err != HSM_OK ? err : released;
}
