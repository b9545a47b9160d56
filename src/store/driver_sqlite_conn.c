/* Connections: settings, statements, and what SQLite's results mean.
 * SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/log.h"
#include "os/file.h"
#include "store/driver_sqlite.h"

/* ?1 slot, ?2 half, ?3 and ?4 coarse tags, ?5 and so on fine ones. */
#define LIST "SELECT id FROM object WHERE slot = ?1 AND private = ?2"
#define AND_TAG(parameter) \
    " AND EXISTS(SELECT 1 FROM tag WHERE slot = ?1 AND tag = " parameter " AND id = t.id)"
#define AND_COARSE                                     \
    " AND EXISTS(SELECT 1 FROM object WHERE id = t.id" \
    " AND (?3 IS NULL OR group1 = ?3) AND (?4 IS NULL OR group2 = ?4))"
#define FIND_1 "SELECT id FROM tag AS t WHERE slot = ?1 AND tag = ?5"
#define FIND_2 FIND_1 AND_TAG("?6")
#define FIND_3 FIND_2 AND_TAG("?7")
#define FIND_4 FIND_3 AND_TAG("?8")
#define FIND_5 FIND_4 AND_TAG("?9")

_Static_assert(HSM_TAGS_FINE_MAX == 5, "one text for each number of fine tags");
_Static_assert(HSM_TAGS_COARSE == 2, "one column for each coarse tag");

static const char *const texts[HSM_SQL_LIST_LENGTH] = {
    [HSM_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [HSM_SQL_BEGIN_READ] = "BEGIN",
    [HSM_SQL_COMMIT] = "COMMIT",
    [HSM_SQL_ROLLBACK] = "ROLLBACK",
    [HSM_SQL_SAVEPOINT] = "SAVEPOINT b",
    [HSM_SQL_RELEASE] = "RELEASE b",
    [HSM_SQL_ROLLBACK_TO] = "ROLLBACK TO b",
    [HSM_SQL_READ] = "SELECT version, private, record FROM object WHERE id = ?1 AND slot = ?2",
    [HSM_SQL_HEAD] = "SELECT version, private FROM object WHERE id = ?1 AND slot = ?2",
    [HSM_SQL_READ_TAGS] = "SELECT version, tags FROM object WHERE id = ?1 AND slot = ?2",
    [HSM_SQL_INSERT] =
        "INSERT INTO object(id, slot, private, version, group1, group2, tags, record)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [HSM_SQL_UPDATE] = "UPDATE object SET private = ?3, version = ?4, group1 = ?5, group2 = ?6,"
                       " tags = ?7, record = ?8 WHERE id = ?1 AND slot = ?2",
    [HSM_SQL_DELETE] = "DELETE FROM object WHERE id = ?1 AND slot = ?2",
    [HSM_SQL_DELETE_SLOT] = "DELETE FROM object WHERE slot = ?1",
    [HSM_SQL_TAG_INSERT] = "INSERT OR IGNORE INTO tag(slot, tag, id) VALUES(?1, ?2, ?3)",
    [HSM_SQL_TAG_DELETE] = "DELETE FROM tag WHERE slot = ?1 AND tag = ?2 AND id = ?3",
    [HSM_SQL_TAG_DELETE_SLOT] = "DELETE FROM tag WHERE slot = ?1",
    [HSM_SQL_LIST] = LIST,
    [HSM_SQL_LIST + 1] = LIST " AND group1 = ?3",
    [HSM_SQL_LIST + 2] = LIST " AND group2 = ?4",
    [HSM_SQL_LIST + 3] = LIST " AND group1 = ?3 AND group2 = ?4",
    [HSM_SQL_FIND] = FIND_1,
    [HSM_SQL_FIND + 1] = FIND_2,
    [HSM_SQL_FIND + 2] = FIND_3,
    [HSM_SQL_FIND + 3] = FIND_4,
    [HSM_SQL_FIND + 4] = FIND_5,
    [HSM_SQL_FIND_COARSE] = FIND_1 AND_COARSE,
    [HSM_SQL_FIND_COARSE + 1] = FIND_2 AND_COARSE,
    [HSM_SQL_FIND_COARSE + 2] = FIND_3 AND_COARSE,
    [HSM_SQL_FIND_COARSE + 3] = FIND_4 AND_COARSE,
    [HSM_SQL_FIND_COARSE + 4] = FIND_5 AND_COARSE,
    [HSM_SQL_EACH] = "SELECT version, private, record, id FROM object WHERE slot = ?1 ORDER BY id",
    [HSM_SQL_COUNT] = "SELECT count(*) FROM object WHERE slot = ?1 AND private <= ?2",
    [HSM_SQL_TOKEN_READ] = "SELECT version, epoch, record FROM token WHERE slot = ?1",
    [HSM_SQL_TOKEN_WRITE] = "INSERT OR REPLACE INTO token(slot, version, epoch, record)"
                            " VALUES(?1, ?2, ?3, ?4)",
};

/* For a whole connection. Readers and the writer have the same; what writes runs in the turnstile
 * only, so nothing may checkpoint by itself. */
static const char settings[] = "PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA cell_size_check = ON;"
                               "PRAGMA secure_delete = ON;"
                               "PRAGMA wal_autocheckpoint = 0;"
                               "PRAGMA journal_size_limit = 33554432;"
                               "PRAGMA cache_size = -2000;"
                               "PRAGMA mmap_size = 0;";
static const char settings_read_only[] = "PRAGMA trusted_schema = OFF;"
                                         "PRAGMA cell_size_check = ON;"
                                         "PRAGMA cache_size = -2000;"
                                         "PRAGMA mmap_size = 0;";

hsm_err hsm_conn_err(const hsm_conn *conn, int rc)
{
    const int cause = conn->db != NULL ? sqlite3_system_errno(conn->db) : 0;

    if (rc == SQLITE_IOERR_NOMEM)
        return HSM_E_NO_MEMORY;
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_DONE:
    case SQLITE_ROW:
        return HSM_OK;
    case SQLITE_FULL:
        return HSM_E_STORE_FULL;
    case SQLITE_READONLY:
        return HSM_E_STORE_READ_ONLY;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return HSM_E_STORE_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: /* our statements are right: the schema is not ours any more */
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
        return HSM_E_STORE_CORRUPT;
    case SQLITE_NOMEM:
        return HSM_E_NO_MEMORY;
    case SQLITE_CONSTRAINT:
        return HSM_E_STORE_CONFLICT;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return HSM_E_STORE_PERMISSION;
    default: /* SQLITE_IOERR, SQLITE_CANTOPEN, ... */
        return hsm_file_err(cause) == HSM_E_STORE_FULL ? HSM_E_STORE_FULL : HSM_E_STORE_IO;
    }
}

/* "file:" URI with the characters that mean something in one escaped; free() it. */
static char *uri_of(const hsm_sqlite *sqlite)
{
    const size_t len = strlen(sqlite->path);
    char *uri = malloc(len * 3 + sizeof "file:?immutable=1");
    size_t at = 0;

    if (uri == NULL)
        return NULL;
    for (const char *c = "file:"; *c != '\0'; c++)
        uri[at++] = *c;
    for (size_t i = 0; i < len; i++) {
        const unsigned char c = (unsigned char)sqlite->path[i];
        if (c != '?' && c != '#' && c != '%') {
            uri[at++] = (char)c;
            continue;
        }
        uri[at++] = '%';
        hsm_hex_encode(hsm_bytes_of(&c, 1), uri + at);
        at += 2;
    }
    for (const char *c = sqlite->is_immutable ? "?immutable=1" : ""; *c != '\0'; c++)
        uri[at++] = *c;
    uri[at] = '\0';
    return uri;
}

hsm_err hsm_conn_why_read_only(const hsm_sqlite *sqlite)
{
    const bool may_write = faccessat(AT_FDCWD, sqlite->path, W_OK, AT_EACCESS) == 0;

    return may_write ? HSM_E_STORE_IO : HSM_E_STORE_READ_ONLY;
}

static hsm_err open_file(const hsm_sqlite *sqlite, hsm_conn *conn)
{
    const int mode = sqlite->is_read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    char *uri = uri_of(sqlite);

    HSM_CHECK(uri != NULL, HSM_E_NO_MEMORY);
    const int rc =
        sqlite3_open_v2(uri, &conn->db,
                        mode | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
                            SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE,
                        HSM_SQLITE_VFS);
    free(uri);
    HSM_TRY(hsm_conn_err(conn, rc));
    /* SQLite falls back to reading when the file can't be opened for writing, whatever the reason was
     * and whether it passes. */
    HSM_CHECK(sqlite->is_read_only || sqlite3_db_readonly(conn->db, "main") == 0,
              hsm_conn_why_read_only(sqlite));
    return HSM_OK;
}

static hsm_err configure(const hsm_sqlite *sqlite, hsm_conn *conn)
{
    (void)sqlite3_busy_timeout(conn->db, (int)sqlite->busy_ms);
    (void)sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(conn->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    (void)sqlite3_db_config(conn->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_limit(conn->db, SQLITE_LIMIT_LENGTH, (int)(HSM_RECORD_MAX_BYTES + 65536));
    return hsm_conn_exec(conn, sqlite->is_read_only ? settings_read_only : settings);
}

hsm_err hsm_conn_open(const hsm_sqlite *sqlite, hsm_conn **out_conn)
{
    HSM_AUTO(hsm_conn_drop) hsm_conn *conn = calloc(1, sizeof *conn);

    HSM_CHECK(conn != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(open_file(sqlite, conn));
    HSM_TRY(configure(sqlite, conn));
    *out_conn = HSM_MOVE(conn);
    return HSM_OK;
}

void hsm_conn_destroy(hsm_conn *conn)
{
    if (conn == NULL)
        return;
    for (size_t i = 0; i < HSM_SQL_LIST_LENGTH; i++)
        (void)sqlite3_finalize(conn->stmts[i]);
    (void)sqlite3_close(conn->db);
    free(conn);
}

hsm_err hsm_conn_stmt(hsm_conn *conn, hsm_sql which, sqlite3_stmt **out_stmt)
{
    if (conn->stmts[which] == NULL) {
        const int rc = sqlite3_prepare_v3(conn->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                          &conn->stmts[which], NULL);
        HSM_TRY(hsm_conn_err(conn, rc));
    }
    *out_stmt = conn->stmts[which];
    return HSM_OK;
}

void hsm_stmt_drop(sqlite3_stmt **stmt)
{
    if (*stmt == NULL)
        return;
    (void)sqlite3_reset(*stmt);
    *stmt = NULL;
}

hsm_err hsm_conn_finish(hsm_conn *conn, sqlite3_stmt *stmt)
{
    return hsm_conn_err(conn, sqlite3_step(stmt));
}

hsm_err hsm_conn_run(hsm_conn *conn, hsm_sql which)
{
    HSM_AUTO(hsm_stmt_drop) sqlite3_stmt *stmt = NULL;

    HSM_TRY(hsm_conn_stmt(conn, which, &stmt));
    return hsm_conn_finish(conn, stmt);
}

hsm_err hsm_conn_exec(hsm_conn *conn, const char *sql)
{
    return hsm_conn_err(conn, sqlite3_exec(conn->db, sql, NULL, NULL, NULL));
}

static void finalize(sqlite3_stmt **stmt)
{
    (void)sqlite3_finalize(*stmt);
}

hsm_err hsm_conn_integer(hsm_conn *conn, const char *sql, int64_t *out_value)
{
    HSM_AUTO(finalize) sqlite3_stmt *stmt = NULL;

    HSM_TRY(hsm_conn_err(conn, sqlite3_prepare_v2(conn->db, sql, -1, &stmt, NULL)));
    const int rc = sqlite3_step(stmt);
    HSM_TRY(hsm_conn_err(conn, rc));
    HSM_CHECK(rc == SQLITE_ROW, HSM_E_STORE_CORRUPT);
    *out_value = sqlite3_column_int64(stmt, 0);
    return HSM_OK;
}
