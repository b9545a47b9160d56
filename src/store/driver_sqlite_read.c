/* Reading: each call takes a reader from the pool and sees one state of the store.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "os/file.h"
#include "store/driver_sqlite.h"

static hsm_err bind_id(hsm_conn *conn, hsm_sql which, uint32_t slot, uint64_t id,
                       sqlite3_stmt **out_stmt)
{
    HSM_CHECK(id >= 1 && id <= HSM_STORE_ID_MAX, HSM_E_STORE_NOT_FOUND);
    HSM_TRY(hsm_conn_stmt(conn, which, out_stmt));
    (void)sqlite3_bind_int64(*out_stmt, 1, (int64_t)id);
    (void)sqlite3_bind_int64(*out_stmt, 2, (int64_t)slot);
    return HSM_OK;
}

static hsm_err step_row(hsm_conn *conn, sqlite3_stmt *stmt)
{
    const int rc = sqlite3_step(stmt);

    HSM_TRY(hsm_conn_err(conn, rc));
    return rc == SQLITE_ROW ? HSM_OK : HSM_E_STORE_NOT_FOUND;
}

static hsm_err column_bytes(sqlite3_stmt *stmt, int column, hsm_buf *out)
{
    const void *data = sqlite3_column_blob(stmt, column);
    const int len = sqlite3_column_bytes(stmt, column);

    HSM_CHECK(len >= 0 && (size_t)len <= HSM_RECORD_MAX_BYTES, HSM_E_STORE_CORRUPT);
    if (data == NULL) /* empty, or no memory for it: neither is a record */
        return HSM_E_STORE_CORRUPT;
    return hsm_buf_append(out, hsm_bytes_of(data, (size_t)len));
}

static hsm_record_head column_head(sqlite3_stmt *stmt)
{
    return (hsm_record_head){
        .version = (uint64_t)sqlite3_column_int64(stmt, 0),
        .is_private = sqlite3_column_int64(stmt, 1) != 0,
    };
}

static hsm_err read_record(hsm_conn *conn, uint32_t slot, uint64_t id, hsm_record_head *out_head,
                           hsm_buf *out_record)
{
    HSM_AUTO(hsm_stmt_drop) sqlite3_stmt *stmt = NULL;

    HSM_TRY(bind_id(conn, out_record != NULL ? HSM_SQL_READ : HSM_SQL_HEAD, slot, id, &stmt));
    HSM_TRY(step_row(conn, stmt));
    if (out_record != NULL)
        HSM_TRY(column_bytes(stmt, 2, out_record));
    *out_head = column_head(stmt);
    return HSM_OK;
}

hsm_err hsm_sqlite_read(void *state, uint32_t slot, uint64_t id, hsm_record_head *out_head,
                        hsm_buf *out_record)
{
    hsm_conn *conn = NULL;

    HSM_TRY(hsm_pool_get(state, &conn));
    const hsm_err err = read_record(conn, slot, id, out_head, out_record);
    hsm_pool_put(state, conn);
    return err;
}

hsm_err hsm_sqlite_head(void *state, uint32_t slot, uint64_t id, hsm_record_head *out_head)
{
    return hsm_sqlite_read(state, slot, id, out_head, NULL);
}

static hsm_err collect(hsm_conn *conn, sqlite3_stmt *stmt, hsm_buf *out_ids)
{
    int rc = sqlite3_step(stmt);

    for (; rc == SQLITE_ROW; rc = sqlite3_step(stmt)) {
        const uint64_t id = (uint64_t)sqlite3_column_int64(stmt, 0);
        HSM_TRY(hsm_buf_append(out_ids, hsm_bytes_of(&id, sizeof id)));
    }
    return hsm_conn_err(conn, rc);
}

static hsm_sql statement_for(const hsm_tags *tags)
{
    const unsigned coarse = (tags->has_coarse[0] ? 1u : 0) | (tags->has_coarse[1] ? 2u : 0);

    if (tags->fine_count == 0)
        return HSM_SQL_LIST + coarse;
    return (coarse != 0 ? HSM_SQL_FIND_COARSE : HSM_SQL_FIND) + (hsm_sql)tags->fine_count - 1;
}

/* Parameters that a text does not have are out of its range, and ignored. */
static void bind_query(sqlite3_stmt *stmt, uint32_t slot, const hsm_query *query)
{
    const hsm_tags *tags = &query->tags;

    (void)sqlite3_bind_int64(stmt, 1, (int64_t)slot);
    (void)sqlite3_bind_int64(stmt, 2, query->is_private);
    for (size_t i = 0; i < HSM_TAGS_COARSE; i++) {
        if (tags->has_coarse[i])
            (void)sqlite3_bind_blob(stmt, (int)i + 3, tags->coarse[i].bytes, HSM_TAG_BYTES,
                                    SQLITE_STATIC);
        else
            (void)sqlite3_bind_null(stmt, (int)i + 3);
    }
    for (size_t i = 0; i < tags->fine_count; i++)
        (void)sqlite3_bind_blob(stmt, (int)i + 5, tags->fine[i].bytes, HSM_TAG_BYTES,
                                SQLITE_STATIC);
}

static hsm_err run_query(hsm_conn *conn, uint32_t slot, const hsm_query *query, hsm_buf *out_ids)
{
    HSM_AUTO(hsm_stmt_drop) sqlite3_stmt *stmt = NULL;

    HSM_CHECK(query->tags.fine_count <= HSM_TAGS_FINE_MAX, HSM_E_ARG);
    HSM_TRY(hsm_conn_stmt(conn, statement_for(&query->tags), &stmt));
    bind_query(stmt, slot, query);
    return collect(conn, stmt, out_ids);
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = 0;
    uint64_t right = 0;

    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return left < right ? -1 : left > right;
}

static hsm_err run_queries(hsm_conn *conn, uint32_t slot, const hsm_query *queries,
                           size_t query_count, hsm_buf *out_ids)
{
    const size_t before = out_ids->len;

    for (size_t i = 0; i < query_count; i++)
        HSM_TRY(run_query(conn, slot, &queries[i], out_ids));
    if (out_ids->len > before)
        qsort(out_ids->data + before, (out_ids->len - before) / sizeof(uint64_t), sizeof(uint64_t),
              compare_ids);
    return HSM_OK;
}

/* Several statements need a transaction to see the same state. */
static hsm_err find_in_one_state(hsm_conn *conn, uint32_t slot, const hsm_query *queries,
                                 size_t query_count, hsm_buf *out_ids)
{
    if (query_count == 1)
        return run_queries(conn, slot, queries, query_count, out_ids);
    HSM_TRY(hsm_conn_run(conn, HSM_SQL_BEGIN_READ));
    const hsm_err err = run_queries(conn, slot, queries, query_count, out_ids);
    const hsm_err end = hsm_conn_run(conn, HSM_SQL_COMMIT);
    return err != HSM_OK ? err : end;
}

hsm_err hsm_sqlite_find(void *state, uint32_t slot, const hsm_query *queries, size_t query_count,
                        hsm_buf *out_ids)
{
    const size_t before = out_ids->len;
    hsm_conn *conn = NULL;

    HSM_TRY(hsm_pool_get(state, &conn));
    const hsm_err err = find_in_one_state(conn, slot, queries, query_count, out_ids);
    hsm_pool_put(state, conn);
    if (err != HSM_OK)
        out_ids->len = before;
    return err;
}

static hsm_err visit_row(sqlite3_stmt *stmt, hsm_record_visit visit, void *arg)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf record = { 0 };
    const hsm_record_head head = column_head(stmt);

    HSM_TRY(column_bytes(stmt, 2, &record));
    return visit(arg, (uint64_t)sqlite3_column_int64(stmt, 3), &head, hsm_buf_view(&record));
}

/* One statement, so one state of the store: writers go on in the log. */
static hsm_err visit_rows(hsm_conn *conn, uint32_t slot, hsm_record_visit visit, void *arg)
{
    HSM_AUTO(hsm_stmt_drop) sqlite3_stmt *stmt = NULL;

    HSM_TRY(hsm_conn_stmt(conn, HSM_SQL_EACH, &stmt));
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)slot);
    int rc = sqlite3_step(stmt);
    for (; rc == SQLITE_ROW; rc = sqlite3_step(stmt))
        HSM_TRY(visit_row(stmt, visit, arg));
    return hsm_conn_err(conn, rc);
}

hsm_err hsm_sqlite_each(void *state, uint32_t slot, hsm_record_visit visit, void *arg)
{
    hsm_conn *conn = NULL;

    HSM_TRY(hsm_pool_get(state, &conn));
    const hsm_err err = visit_rows(conn, slot, visit, arg);
    hsm_pool_put(state, conn);
    return err;
}

static hsm_err count_objects(hsm_conn *conn, uint32_t slot, bool with_private, uint64_t *out_count)
{
    HSM_AUTO(hsm_stmt_drop) sqlite3_stmt *stmt = NULL;

    HSM_TRY(hsm_conn_stmt(conn, HSM_SQL_COUNT, &stmt));
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)slot);
    (void)sqlite3_bind_int64(stmt, 2, with_private);
    HSM_TRY(step_row(conn, stmt));
    *out_count = (uint64_t)sqlite3_column_int64(stmt, 0);
    return HSM_OK;
}

hsm_err hsm_sqlite_count(void *state, uint32_t slot, bool with_private, uint64_t *out_count)
{
    hsm_conn *conn = NULL;

    HSM_TRY(hsm_pool_get(state, &conn));
    const hsm_err err = count_objects(conn, slot, with_private, out_count);
    hsm_pool_put(state, conn);
    return err;
}

static hsm_err read_token(hsm_conn *conn, uint32_t slot, hsm_token_row *out_row)
{
    HSM_AUTO(hsm_stmt_drop) sqlite3_stmt *stmt = NULL;

    HSM_TRY(hsm_conn_stmt(conn, HSM_SQL_TOKEN_READ, &stmt));
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)slot);
    HSM_TRY(step_row(conn, stmt));
    HSM_TRY(column_bytes(stmt, 2, &out_row->record));
    out_row->version = (uint64_t)sqlite3_column_int64(stmt, 0);
    out_row->epoch = (uint64_t)sqlite3_column_int64(stmt, 1);
    return HSM_OK;
}

hsm_err hsm_sqlite_token_read(void *state, uint32_t slot, hsm_token_row *out_row)
{
    hsm_conn *conn = NULL;

    HSM_TRY(hsm_pool_get(state, &conn));
    const hsm_err err = read_token(conn, slot, out_row);
    hsm_pool_put(state, conn);
    return err;
}

hsm_err hsm_sqlite_space(void *state, uint64_t *out_used, uint64_t *out_free)
{
    const hsm_sqlite *sqlite = state;
    struct stat database;
    struct stat log = { 0 };
    struct statvfs system;

    HSM_CHECK(stat(sqlite->path, &database) == 0, HSM_E_STORE_IO);
    if (stat(sqlite->wal_path, &log) != 0)
        log.st_size = 0;
    HSM_CHECK(statvfs(sqlite->path, &system) == 0, HSM_E_STORE_IO);
    *out_used = (uint64_t)database.st_size + (uint64_t)log.st_size;
    *out_free = (uint64_t)system.f_bavail * system.f_frsize;
    return HSM_OK;
}
