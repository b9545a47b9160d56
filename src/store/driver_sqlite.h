/* What the files of the SQLite driver share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_STORE_DRIVER_SQLITE_H
#define HSM_STORE_DRIVER_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "os/lock.h"
#include "store/driver.h"

/* "CHSM" in the file's header says whose it is; docs/store-format.md. */
#define HSM_SQLITE_APPLICATION_ID 0x4348534d
#define HSM_SQLITE_FORMAT_VERSION 1
#define HSM_SQLITE_IDENTITY_BYTES 16

/* Prepared statements; driver_sqlite_conn.c has the text of each. */
typedef enum hsm_sql {
    HSM_SQL_BEGIN,
    HSM_SQL_BEGIN_READ,
    HSM_SQL_COMMIT,
    HSM_SQL_ROLLBACK,
    HSM_SQL_SAVEPOINT,
    HSM_SQL_RELEASE,
    HSM_SQL_ROLLBACK_TO,
    HSM_SQL_READ,
    HSM_SQL_HEAD,
    HSM_SQL_READ_TAGS,
    HSM_SQL_INSERT,
    HSM_SQL_UPDATE,
    HSM_SQL_DELETE,
    HSM_SQL_DELETE_SLOT,
    HSM_SQL_TAG_INSERT,
    HSM_SQL_TAG_DELETE,
    HSM_SQL_TAG_DELETE_SLOT,
    /* By coarse tags: none, the first, the second, both. */
    HSM_SQL_LIST,
    HSM_SQL_LIST_LAST = HSM_SQL_LIST + 3,
    /* By 1 .. HSM_TAGS_FINE_MAX fine tags; the same and coarse ones. */
    HSM_SQL_FIND,
    HSM_SQL_FIND_COARSE = HSM_SQL_FIND + HSM_TAGS_FINE_MAX,
    HSM_SQL_FIND_LAST = HSM_SQL_FIND_COARSE + HSM_TAGS_FINE_MAX - 1,
    HSM_SQL_EACH,
    HSM_SQL_COUNT,
    HSM_SQL_TOKEN_READ,
    HSM_SQL_TOKEN_WRITE,
    HSM_SQL_LIST_LENGTH,
} hsm_sql;

/* Part of our build of SQLite (tools/deps/sqlite.sh): forgets what a child inherited. */
void sqlite3_hsm_after_fork(void);

/* SQLite's name of the file system that stores are opened with. */
#define HSM_SQLITE_VFS "craton-hsm"

/* One connection, used by one thread at a time. */
typedef struct hsm_conn {
    sqlite3 *db;
    sqlite3_stmt *stmts[HSM_SQL_LIST_LENGTH]; /* prepared when first used */
    struct hsm_conn *next;                    /* in the pool */
} hsm_conn;

#define HSM_SQLITE_READERS_MAX 8
/* Pages in the write-ahead log that are worth moving into the database: 16 MiB. Recovery after a
 * crash reads as much, some ten milliseconds; a checkpoint costs several syncs. */
#define HSM_SQLITE_TIDY_PAGES 4000

typedef struct hsm_sqlite {
    char *path;
    char *wal_path;
    char *gate_path;
    char *main_path;
    uint32_t busy_ms;
    bool is_read_only;
    bool is_immutable; /* read-only and nobody else can write either */
    hsm_change *change;
    pthread_mutex_t pool_lock;
    pthread_cond_t pool_cond;
    hsm_conn *idle;             /* readers */
    size_t reader_count;        /* idle and in use */
    pthread_mutex_t write_lock; /* the writer and the turnstile */
    hsm_conn *writer;           /* opened at the first write */
    hsm_turnstile turnstile;
    int tidy_pages;     /* as many in the log start a checkpoint */
    int wal_pages;      /* in the write-ahead log after the last commit */
    int wal_pages_try;  /* tidy up when there are so many */
    uint64_t log_bytes; /* the log's size when last looked at; 0: look again */
    uint64_t commits;   /* of this process */
    int guard_fd;       /* keeps a second copy out of this process; -1: none */
} hsm_sqlite;

/* --- driver_sqlite_conn.c ---------------------------------------------------------------------- */

/* The error that stands for the connection's last one. */
hsm_err hsm_conn_err(const hsm_conn *conn, int rc);
/* What it means that SQLite finds a file of a store read-only that was writable when it was opened:
 * HSM_E_STORE_READ_ONLY if it no longer is, else HSM_E_STORE_IO. */
hsm_err hsm_conn_why_read_only(const hsm_sqlite *sqlite);
/* Opens the store's file on a connection with all settings.
 * errors  as hsm_conn_err() */
HSM_MUST_USE hsm_err hsm_conn_open(const hsm_sqlite *sqlite, hsm_conn **out_conn);
void hsm_conn_destroy(hsm_conn *conn);
HSM_DEFINE_DROP(hsm_conn)
/* A statement ready to be bound; hsm_stmt_drop() resets it. */
HSM_MUST_USE hsm_err hsm_conn_stmt(hsm_conn *conn, hsm_sql which, sqlite3_stmt **out_stmt);
void hsm_stmt_drop(sqlite3_stmt **stmt);
/* Runs a statement that has no parameters and gives no row. */
HSM_MUST_USE hsm_err hsm_conn_run(hsm_conn *conn, hsm_sql which);
/* Steps a bound statement that gives no row. */
HSM_MUST_USE hsm_err hsm_conn_finish(hsm_conn *conn, sqlite3_stmt *stmt);
/* Runs SQL text, for settings and the schema. */
HSM_MUST_USE hsm_err hsm_conn_exec(hsm_conn *conn, const char *sql);
/* The one integer that a query gives. */
HSM_MUST_USE hsm_err hsm_conn_integer(hsm_conn *conn, const char *sql, int64_t *out_value);

/* --- driver_sqlite_schema.c --------------------------------------------------------------------- */

/* Makes the tables in an empty file. */
HSM_MUST_USE hsm_err hsm_sqlite_make_tables(hsm_conn *conn, hsm_bytes identity);
/* Checks that the file is ours.
 * errors  HSM_E_STORE_VERSION, HSM_E_STORE_CORRUPT, ... */
HSM_MUST_USE hsm_err hsm_sqlite_check(hsm_sqlite *sqlite, hsm_conn *conn, hsm_bytes identity);

/* --- driver_sqlite_pool.c ----------------------------------------------------------------------- */

/* A reader; waits for one when all are in use. Give it back with hsm_pool_put(). */
HSM_MUST_USE hsm_err hsm_pool_get(hsm_sqlite *sqlite, hsm_conn **out_conn);
void hsm_pool_put(hsm_sqlite *sqlite, hsm_conn *conn);
/* Closes the readers that nobody uses. */
void hsm_pool_forget(hsm_sqlite *sqlite);

/* --- driver_sqlite_read.c ----------------------------------------------------------------------- */

hsm_err hsm_sqlite_read(void *state, uint32_t slot, uint64_t id, hsm_record_head *out_head,
                        hsm_buf *out_record);
hsm_err hsm_sqlite_head(void *state, uint32_t slot, uint64_t id, hsm_record_head *out_head);
hsm_err hsm_sqlite_find(void *state, uint32_t slot, const hsm_query *queries, size_t query_count,
                        hsm_buf *out_ids);
hsm_err hsm_sqlite_each(void *state, uint32_t slot, hsm_record_visit visit, void *arg);
hsm_err hsm_sqlite_count(void *state, uint32_t slot, bool with_private, uint64_t *out_count);
hsm_err hsm_sqlite_token_read(void *state, uint32_t slot, hsm_token_row *out_row);
hsm_err hsm_sqlite_space(void *state, uint64_t *out_used, uint64_t *out_free);

/* --- driver_sqlite_write.c ---------------------------------------------------------------------- */

void hsm_sqlite_commit(void *state, hsm_batch *const *batches, size_t count);
void hsm_sqlite_maintain(void *state);
void hsm_sqlite_settle(void *state);
/* At close: puts what the write-ahead log holds into the database if nobody else is at it. */
void hsm_sqlite_checkpoint_all(hsm_sqlite *sqlite);

/* --- driver_sqlite_log.c ------------------------------------------------------------------------ */

/* Makes room in the log for commits to come. Inside a write transaction, so that nobody else appends;
 * does what it can. */
void hsm_sqlite_extend_log(hsm_sqlite *sqlite);

/* --- driver_sqlite_batch.c ---------------------------------------------------------------------- */

/* One batch within the open transaction. On failure some of it may have happened: the transaction is to
 * be rolled back. */
HSM_MUST_USE hsm_err hsm_sqlite_apply(hsm_conn *conn, const hsm_batch *batch);
/* The same; on failure nothing of it is left, and the transaction may go on. Dearer: SQLite copies each
 * page that is changed. */
HSM_MUST_USE hsm_err hsm_sqlite_apply_alone(hsm_conn *conn, const hsm_batch *batch);

/* --- driver_sqlite_vfs.c ------------------------------------------------------------------------ */

/* Initialises SQLite and makes HSM_SQLITE_VFS known to it; any number of times, before the first connection.
 * errors  HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_sqlite_start(void);
/* A write transaction has begun: whatever the one before left in the log's buffer is void. */
void hsm_sqlite_vfs_begin(hsm_conn *conn);

/* --- driver_sqlite_guard.c ---------------------------------------------------------------------- */

/* Claims the store for one copy of this library in this process, until the descriptor is closed: two
 * copies of SQLite would drop each other's locks. -1 where the gate can't be opened for writing.
 * errors  HSM_E_STORE_BUSY, those of os/file.h */
HSM_MUST_USE hsm_err hsm_sqlite_guard(const char *gate_path, int *out_fd);

#endif
