/* The tables, and whether a file is one of ours.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "store/driver_sqlite.h"

#define QUOTE(text) #text
#define TEXT_OF(macro) QUOTE(macro)

static const char schema[] =
    "CREATE TABLE identity(value BLOB NOT NULL) STRICT;"
    "CREATE TABLE token(slot INTEGER PRIMARY KEY, version INTEGER NOT NULL,"
    " epoch INTEGER NOT NULL, record BLOB NOT NULL) STRICT;"
    "CREATE TABLE object(id INTEGER PRIMARY KEY, slot INTEGER NOT NULL, private INTEGER NOT NULL,"
    " version INTEGER NOT NULL, group1 BLOB NOT NULL, group2 BLOB NOT NULL, tags BLOB NOT NULL,"
    " record BLOB NOT NULL) STRICT;"
    "CREATE INDEX object_group ON object(slot, private, group1, group2);"
    "CREATE TABLE tag(slot INTEGER NOT NULL, tag BLOB NOT NULL, id INTEGER NOT NULL,"
    " PRIMARY KEY(slot, tag, id)) STRICT, WITHOUT ROWID;"
    "PRAGMA application_id = " TEXT_OF(
        HSM_SQLITE_APPLICATION_ID) ";"
                                   "PRAGMA user_version = " TEXT_OF(HSM_SQLITE_FORMAT_VERSION) ";";

static void finalize(sqlite3_stmt **stmt)
{
    (void)sqlite3_finalize(*stmt);
}

static hsm_err write_identity(hsm_conn *conn, hsm_bytes identity)
{
    HSM_AUTO(finalize) sqlite3_stmt *stmt = NULL;
    static const char text[] = "INSERT INTO identity(value) VALUES(?1)";

    HSM_TRY(hsm_conn_err(conn, sqlite3_prepare_v2(conn->db, text, -1, &stmt, NULL)));
    (void)sqlite3_bind_blob(stmt, 1, identity.data, (int)identity.len, SQLITE_STATIC);
    return hsm_conn_finish(conn, stmt);
}

static hsm_err check_identity(hsm_sqlite *sqlite, hsm_conn *conn, hsm_bytes identity)
{
    HSM_AUTO(finalize) sqlite3_stmt *stmt = NULL;
    static const char text[] = "SELECT value FROM identity";

    HSM_TRY(hsm_conn_err(conn, sqlite3_prepare_v2(conn->db, text, -1, &stmt, NULL)));
    const int rc = sqlite3_step(stmt);
    HSM_TRY(hsm_conn_err(conn, rc));
    const void *value = rc == SQLITE_ROW ? sqlite3_column_blob(stmt, 0) : NULL;
    const size_t len = value != NULL ? (size_t)sqlite3_column_bytes(stmt, 0) : 0;
    if (!hsm_bytes_equal(hsm_bytes_of(value, len), identity)) {
        hsm_log(HSM_LOG_ERROR, "%s: made with another device key", sqlite->path);
        return HSM_E_STORE_CORRUPT;
    }
    return HSM_OK;
}

hsm_err hsm_sqlite_make_tables(hsm_conn *conn, hsm_bytes identity)
{
    HSM_TRY(hsm_conn_run(conn, HSM_SQL_BEGIN));
    hsm_err err = hsm_conn_exec(conn, schema);
    if (err == HSM_OK)
        err = write_identity(conn, identity);
    const hsm_err end = hsm_conn_run(conn, err == HSM_OK ? HSM_SQL_COMMIT : HSM_SQL_ROLLBACK);
    return err == HSM_OK ? end : err;
}

static hsm_err check_version(hsm_sqlite *sqlite, hsm_conn *conn)
{
    int64_t application = 0;
    int64_t version = 0;

    HSM_TRY(hsm_conn_integer(conn, "PRAGMA application_id", &application));
    HSM_TRY(hsm_conn_integer(conn, "PRAGMA user_version", &version));
    if (application != HSM_SQLITE_APPLICATION_ID || version < HSM_SQLITE_FORMAT_VERSION) {
        hsm_log(HSM_LOG_ERROR, "%s: not a store of this product", sqlite->path);
        return HSM_E_STORE_CORRUPT;
    }
    if (version > HSM_SQLITE_FORMAT_VERSION) {
        hsm_log(HSM_LOG_ERROR, "%s: format version %lld is newer than %d, which this version knows",
                sqlite->path, (long long)version, HSM_SQLITE_FORMAT_VERSION);
        return HSM_E_STORE_VERSION;
    }
    return HSM_OK;
}

hsm_err hsm_sqlite_check(hsm_sqlite *sqlite, hsm_conn *conn, hsm_bytes identity)
{
    HSM_TRY(check_version(sqlite, conn));
    return check_identity(sqlite, conn, identity);
}
