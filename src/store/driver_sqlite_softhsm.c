/* The database of a SoftHSM2 token: a table for each kind of value. Numbers within a value are in the
 * order of the machine that wrote them, which is taken to be of this one's.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "store/attr.h"
#include "store/driver_sqlite.h"
#include "store/softhsm_db.h"

#define BUSY_MS 10000

#define LIST_IDS "SELECT id FROM object WHERE id <> 1 ORDER BY id"
/* UNION, not UNION ALL: SoftHSM2 stores some attributes once more whenever it reads them. */
#define LIST_ATTRIBUTES                                                        \
    "SELECT 1, type, value FROM attribute_boolean WHERE object_id = ?1 UNION " \
    "SELECT 2, type, value FROM attribute_integer WHERE object_id = ?1 UNION " \
    "SELECT 3, type, value FROM attribute_binary WHERE object_id = ?1 UNION "  \
    "SELECT 4, type, value FROM attribute_array WHERE object_id = ?1 ORDER BY type"

/* Kinds as the file store numbers them. */
enum { KIND_BOOL = 1, KIND_ULONG = 2, KIND_BYTES = 3, KIND_TEMPLATE = 4, KIND_MECHANISMS = 5 };

struct hsm_softhsm_db {
    hsm_conn conn;
    sqlite3_stmt *attributes;
    int64_t *ids;
    size_t count;
};

void hsm_softhsm_db_close(hsm_softhsm_db *db)
{
    if (db == NULL)
        return;
    (void)sqlite3_finalize(db->attributes);
    (void)sqlite3_close(db->conn.db);
    free(db->ids);
    free(db);
}

static hsm_err add_id(hsm_softhsm_db *db, size_t *cap, int64_t id)
{
    if (db->count == *cap) {
        const size_t larger = *cap == 0 ? 64 : *cap * 2;
        int64_t *moved = realloc(db->ids, larger * sizeof *moved);
        HSM_CHECK(moved != NULL, HSM_E_NO_MEMORY);
        db->ids = moved;
        *cap = larger;
    }
    db->ids[db->count++] = id;
    return HSM_OK;
}

static void finalize(sqlite3_stmt **stmt)
{
    (void)sqlite3_finalize(*stmt);
}

static hsm_err list_ids(hsm_softhsm_db *db, size_t max)
{
    HSM_AUTO(finalize) sqlite3_stmt *stmt = NULL;
    size_t cap = 0;
    int rc = sqlite3_prepare_v2(db->conn.db, LIST_IDS, -1, &stmt, NULL);

    HSM_TRY(hsm_conn_err(&db->conn, rc));
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        HSM_CHECK(db->count < max, HSM_E_LIMIT);
        HSM_TRY(add_id(db, &cap, sqlite3_column_int64(stmt, 0)));
    }
    return hsm_conn_err(&db->conn, rc);
}

hsm_err hsm_softhsm_db_open(const char *path, size_t max, hsm_softhsm_db **out_db)
{
    HSM_AUTO(hsm_softhsm_db_drop) hsm_softhsm_db *db = calloc(1, sizeof *db);

    HSM_CHECK(db != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(hsm_conn_err(&db->conn,
                         sqlite3_open_v2(path, &db->conn.db,
                                         SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX |
                                             SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
                                         NULL)));
    (void)sqlite3_busy_timeout(db->conn.db, BUSY_MS);
    (void)sqlite3_db_config(db->conn.db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db->conn.db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_limit(db->conn.db, SQLITE_LIMIT_LENGTH, 2 * (int)HSM_ATTR_MAX_DATA_BYTES);
    HSM_TRY(hsm_conn_exec(&db->conn, "BEGIN"));
    HSM_TRY(list_ids(db, max));
    HSM_TRY(hsm_conn_err(
        &db->conn, sqlite3_prepare_v2(db->conn.db, LIST_ATTRIBUTES, -1, &db->attributes, NULL)));
    *out_db = HSM_MOVE(db);
    return HSM_OK;
}

const int64_t *hsm_softhsm_db_ids(const hsm_softhsm_db *db, size_t *out_count)
{
    *out_count = db->count;
    return db->ids;
}

/* --- values ----------------------------------------------------------------------------------- */

/* The next `size` bytes as a number of this machine. */
static uint64_t native(hsm_reader *reader, size_t size)
{
    const hsm_bytes bytes = hsm_read_raw(reader, size);
    uint64_t wide = 0;
    uint32_t narrow = 0;

    if (bytes.len == sizeof wide) {
        memcpy(&wide, bytes.data, sizeof wide);
        return wide;
    }
    if (bytes.len == sizeof narrow)
        memcpy(&narrow, bytes.data, sizeof narrow);
    return narrow;
}

static void put_sized(hsm_writer *writer, hsm_bytes bytes)
{
    hsm_write_u64(writer, bytes.len);
    hsm_write_raw(writer, bytes);
}

static hsm_err put_mechanisms(hsm_writer *writer, hsm_bytes value)
{
    hsm_reader reader = hsm_reader_of(value);

    hsm_write_u64(writer, value.len / sizeof(uint64_t));
    while (reader.rest.len >= sizeof(uint64_t))
        hsm_write_u64(writer, native(&reader, sizeof(uint64_t)));
    return hsm_reader_end(&reader, HSM_E_STORE_CORRUPT);
}

static hsm_err put_nested(hsm_writer *writer, hsm_reader *reader)
{
    hsm_write_u64(writer, native(reader, sizeof(uint64_t)));
    const uint64_t kind = native(reader, sizeof(uint32_t));
    hsm_write_u64(writer, kind);
    switch (kind) {
    case KIND_BOOL:
        hsm_write_u8(writer, hsm_read_u8(reader) != 0 ? 0xff : 0);
        break;
    case KIND_ULONG:
        hsm_write_u64(writer, native(reader, sizeof(uint64_t)));
        break;
    case KIND_BYTES:
    case KIND_MECHANISMS: {
        const uint64_t len = native(reader, sizeof(uint64_t));
        HSM_CHECK(!reader->is_failed && len <= reader->rest.len, HSM_E_STORE_CORRUPT);
        const hsm_bytes value = hsm_read_raw(reader, (size_t)len);
        if (kind == KIND_MECHANISMS)
            return put_mechanisms(writer, value);
        put_sized(writer, value);
        break;
    }
    default:
        return HSM_E_STORE_CORRUPT;
    }
    return reader->is_failed ? HSM_E_STORE_CORRUPT : HSM_OK;
}

static hsm_err put_template(hsm_writer *writer, hsm_bytes value)
{
    hsm_writer counter = hsm_writer_of(NULL, 0);
    hsm_reader reader = hsm_reader_of(value);

    while (reader.rest.len > 0)
        HSM_TRY(put_nested(&counter, &reader));
    hsm_write_u64(writer, counter.len);
    reader = hsm_reader_of(value);
    while (reader.rest.len > 0)
        HSM_TRY(put_nested(writer, &reader));
    return HSM_OK;
}

/* A set of mechanisms lies among the byte strings: only its type tells. */
static bool is_mechanisms(uint64_t type)
{
    const hsm_attr_info *info = hsm_attr_any((CK_ATTRIBUTE_TYPE)type);

    return info != NULL && info->kind == HSM_ATTR_MECHANISMS;
}

static hsm_err put_row(hsm_writer *writer, sqlite3_stmt *row)
{
    const uint64_t type = (uint64_t)sqlite3_column_int64(row, 1);
    const int stored = sqlite3_column_type(row, 2);
    int kind = sqlite3_column_int(row, 0);

    if (kind == KIND_BYTES && is_mechanisms(type))
        kind = KIND_MECHANISMS;
    hsm_write_u64(writer, type);
    hsm_write_u64(writer, (uint64_t)kind);
    if (kind == KIND_BOOL || kind == KIND_ULONG) {
        HSM_CHECK(stored == SQLITE_INTEGER, HSM_E_STORE_CORRUPT);
        const uint64_t number = (uint64_t)sqlite3_column_int64(row, 2);
        if (kind == KIND_ULONG)
            hsm_write_u64(writer, number);
        else
            hsm_write_u8(writer, number != 0 ? 0xff : 0);
        return HSM_OK;
    }
    HSM_CHECK(stored == SQLITE_BLOB || stored == SQLITE_NULL, HSM_E_STORE_CORRUPT);
    const void *data = sqlite3_column_blob(row, 2);
    const hsm_bytes value =
        hsm_bytes_of(data, data == NULL ? 0 : (size_t)sqlite3_column_bytes(row, 2));
    if (kind == KIND_MECHANISMS)
        return put_mechanisms(writer, value);
    if (kind == KIND_TEMPLATE)
        return put_template(writer, value);
    put_sized(writer, value);
    return HSM_OK;
}

hsm_err hsm_softhsm_db_read(hsm_softhsm_db *db, int64_t id, hsm_writer *writer)
{
    HSM_AUTO(hsm_stmt_drop) sqlite3_stmt *stmt = db->attributes;
    bool is_first = true;
    int rc = sqlite3_bind_int64(stmt, 1, id);

    HSM_TRY(hsm_conn_err(&db->conn, rc));
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (is_first)
            hsm_write_u64(writer, 0); /* the generation */
        is_first = false;
        HSM_TRY(put_row(writer, stmt));
    }
    return hsm_conn_err(&db->conn, rc);
}
