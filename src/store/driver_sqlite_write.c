/* Writing: one transaction for many batches, inside the turnstile of all processes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"
#include "os/clock.h"
#include "store/driver_sqlite.h"

static int note_pages(void *arg, sqlite3 *db, const char *name, int pages)
{
    hsm_sqlite *sqlite = arg;

    (void)db;
    (void)name;
    if (pages < sqlite->wal_pages)
        sqlite->log_bytes = 0; /* begun anew, and perhaps made shorter by another process before */
    sqlite->wal_pages = pages;
    return SQLITE_OK;
}

/* Expects the write lock. */
static hsm_err open_writer(hsm_sqlite *sqlite)
{
    if (sqlite->writer != NULL)
        return HSM_OK;
    HSM_AUTO(hsm_conn_drop) hsm_conn *conn = NULL;
    HSM_CHECK(!sqlite->is_read_only, HSM_E_STORE_READ_ONLY);
    HSM_TRY(hsm_conn_open(sqlite, &conn));
    /* The index's pages are hit at random; each that is not cached is read before it is written. */
    HSM_TRY(hsm_conn_exec(conn, "PRAGMA cache_size = -8000"));
    (void)sqlite3_wal_hook(conn->db, note_pages, sqlite);
    sqlite->writer = HSM_MOVE(conn);
    return HSM_OK;
}

static void answer_all(hsm_batch *const *batches, size_t count, hsm_err err)
{
    for (size_t i = 0; i < count; i++)
        batches[i]->err = err;
}

static bool is_in_transaction(const hsm_conn *conn)
{
    return sqlite3_get_autocommit(conn->db) == 0;
}

static hsm_err begin(hsm_conn *conn)
{
    HSM_TRY(hsm_conn_run(conn, HSM_SQL_BEGIN));
    hsm_sqlite_vfs_begin(conn);
    return HSM_OK;
}

typedef hsm_err apply_fn(hsm_conn *conn, const hsm_batch *batch);

/* Fills in the batches' answers and how many are good; plain hsm_sqlite_apply() ends with the first that is
 * not. A lost transaction (disk full, I/O error) is the answer of all. */
static hsm_err apply_all(hsm_conn *conn, hsm_batch *const *batches, size_t count, apply_fn *apply,
                         size_t *out_good)
{
    size_t good = 0;

    for (size_t i = 0; i < count && (good == i || apply == hsm_sqlite_apply_alone); i++) {
        batches[i]->err = apply(conn, batches[i]);
        if (!is_in_transaction(conn))
            return batches[i]->err != HSM_OK ? batches[i]->err : HSM_E_STORE_IO;
        good += batches[i]->err == HSM_OK;
    }
    *out_good = good;
    return HSM_OK;
}

/* Expects an open transaction. One batch of many that fails, which is rare, must leave the others alone:
 * all is begun again, each so that it can be undone by itself. */
static hsm_err apply_separately(hsm_conn *conn, hsm_batch *const *batches, size_t count,
                                size_t *out_good)
{
    HSM_TRY(hsm_conn_run(conn, HSM_SQL_ROLLBACK));
    HSM_TRY(begin(conn));
    return apply_all(conn, batches, count, hsm_sqlite_apply_alone, out_good);
}

/* Expects the turnstile and an open transaction; ends it. */
static hsm_err apply_and_commit(hsm_sqlite *sqlite, hsm_batch *const *batches, size_t count)
{
    hsm_conn *conn = sqlite->writer;
    size_t good = 0;

    hsm_sqlite_extend_log(sqlite);
    hsm_err err = apply_all(conn, batches, count, hsm_sqlite_apply, &good);
    if (err == HSM_OK && good < count && count > 1)
        err = apply_separately(conn, batches, count, &good);
    const bool is_any = good > 0;
    if (err == HSM_OK && is_any)
        err = hsm_conn_run(conn, HSM_SQL_COMMIT);
    if (is_in_transaction(conn)) {
        const hsm_err undone = hsm_conn_run(conn, HSM_SQL_ROLLBACK);
        err = err == HSM_OK && is_any ? undone : err;
    }
    sqlite->commits += err == HSM_OK && is_any;
    return err;
}

/* Expects the write lock and the turnstile. A writer that could not end its transaction would keep all
 * processes from writing. */
static void drop_stuck_writer(hsm_sqlite *sqlite)
{
    if (!is_in_transaction(sqlite->writer))
        return;
    hsm_conn_destroy(sqlite->writer);
    sqlite->writer = NULL;
}

/* Expects the write lock. One transaction; on failure none of the batches has happened, except those
 * that have an error of their own, which have not happened either way. */
static hsm_err commit_together(hsm_sqlite *sqlite, hsm_batch *const *batches, size_t count)
{
    HSM_TRY(open_writer(sqlite));
    HSM_TRY(hsm_turnstile_enter(&sqlite->turnstile, hsm_clock_deadline_ns(sqlite->busy_ms)));
    hsm_err err = begin(sqlite->writer);
    if (err == HSM_OK) {
        hsm_change_begin(sqlite->change);
        err = apply_and_commit(sqlite, batches, count);
        const uint64_t changes = hsm_change_end(sqlite->change);
        for (size_t i = 0; i < count; i++)
            batches[i]->changes = changes;
    }
    drop_stuck_writer(sqlite);
    hsm_turnstile_leave(&sqlite->turnstile);
    return err;
}

/* Expects the write lock. SQLite opens a file for reading only when it can't for writing, be it for want
 * of a descriptor, and keeps it so as long as a connection of this process has it open. */
static hsm_err commit_reopened(hsm_sqlite *sqlite, hsm_batch *const *batches, size_t count)
{
    hsm_err err = commit_together(sqlite, batches, count);

    if (err != HSM_E_STORE_READ_ONLY || sqlite->is_read_only)
        return err;
    hsm_conn_destroy(sqlite->writer);
    sqlite->writer = NULL;
    hsm_pool_forget(sqlite);
    err = commit_together(sqlite, batches, count);
    return err == HSM_E_STORE_READ_ONLY ? hsm_conn_why_read_only(sqlite) : err;
}

void hsm_sqlite_commit(void *state, hsm_batch *const *batches, size_t count)
{
    hsm_sqlite *sqlite = state;

    (void)pthread_mutex_lock(&sqlite->write_lock);
    const hsm_err err = commit_reopened(sqlite, batches, count);
    if (err != HSM_OK && count > 1 && err != HSM_E_STORE_BUSY) {
        /* One that is too large for the disk, say, must not take the others with it. */
        for (size_t i = 0; i < count; i++) {
            const hsm_err alone = commit_together(sqlite, &batches[i], 1);
            if (alone != HSM_OK)
                batches[i]->err = alone;
        }
    } else if (err != HSM_OK) {
        answer_all(batches, count, err);
    }
    (void)pthread_mutex_unlock(&sqlite->write_lock);
}

/* Expects the write lock. Inside the turnstile, so that no two processes do it at once. */
static void checkpoint(hsm_sqlite *sqlite, int mode, uint64_t deadline_ns)
{
    int pages = 0;
    int moved = 0;

    if (hsm_turnstile_enter(&sqlite->turnstile, deadline_ns) != HSM_OK)
        return;
    (void)sqlite3_busy_timeout(sqlite->writer->db, 0); /* a stuck reader is no reason to wait */
    const int rc = sqlite3_wal_checkpoint_v2(sqlite->writer->db, NULL, mode, &pages, &moved);
    (void)sqlite3_busy_timeout(sqlite->writer->db, (int)sqlite->busy_ms);
    hsm_turnstile_leave(&sqlite->turnstile);
    /* With a reader in the way the log goes on growing; the next try comes when it is worth it. */
    const bool is_done = rc == SQLITE_OK && pages == moved;
    sqlite->wal_pages_try = sqlite->tidy_pages + (is_done ? 0 : sqlite->wal_pages);
    if (rc != SQLITE_OK && (rc & 0xff) != SQLITE_BUSY)
        hsm_log(HSM_LOG_WARNING, "%s: checkpoint: %s", sqlite->path, sqlite3_errstr(rc));
}

void hsm_sqlite_maintain(void *state)
{
    hsm_sqlite *sqlite = state;

    (void)pthread_mutex_lock(&sqlite->write_lock);
    if (sqlite->wal_pages >= sqlite->wal_pages_try && sqlite->writer != NULL)
        checkpoint(sqlite, SQLITE_CHECKPOINT_PASSIVE, hsm_clock_deadline_ns(sqlite->busy_ms));
    (void)pthread_mutex_unlock(&sqlite->write_lock);
}

void hsm_sqlite_checkpoint_all(hsm_sqlite *sqlite)
{
    if (sqlite->commits > 0 && sqlite->writer != NULL)
        checkpoint(sqlite, SQLITE_CHECKPOINT_TRUNCATE, 0);
}

void hsm_sqlite_settle(void *state)
{
    hsm_sqlite *sqlite = state;

    if (sqlite->is_read_only || pthread_mutex_trylock(&sqlite->write_lock) != 0)
        return;
    if (hsm_turnstile_enter(&sqlite->turnstile, 0) == HSM_OK) {
        /* Who holds the turnstile knows that no writer is alive. */
        if (!hsm_change_is_settled(hsm_change_now(sqlite->change)))
            (void)hsm_change_end(sqlite->change);
        hsm_turnstile_leave(&sqlite->turnstile);
    }
    (void)pthread_mutex_unlock(&sqlite->write_lock);
}
