/* SQLite on the file system that keeps a log's writes, with a cache so small that a transaction's pages go
 * to the log and come back before it is over.
 * SPDX-License-Identifier: Apache-2.0 */
#include "store/driver_sqlite.h"
#include "support/check.h"
#include "unit/os/scratch.h"

#define ROWS 300

static void run(sqlite3 *db, const char *sql)
{
    char *why = NULL;

    if (!CHECK_EQ(sqlite3_exec(db, sql, NULL, NULL, &why), SQLITE_OK))
        printf("# %s: %s\n", sql, why);
    sqlite3_free(why);
}

static long long number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    long long value = -1;

    CHECK_EQ(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        value = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return value;
}

static sqlite3 *open_in(const char *path)
{
    sqlite3 *db = NULL;

    CHECK_OK(hsm_sqlite_start());
    CHECK_EQ(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, HSM_SQLITE_VFS),
             SQLITE_OK);
    run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = 10;"
            "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_spill = 1;");
    return db;
}

/* Row i holds a page's worth of the letter number i. */
static void fill(sqlite3 *db, int letter)
{
    char sql[256];

    for (int i = 0; i < ROWS; i++) {
        (void)snprintf(
            sql, sizeof sql,
            "INSERT OR REPLACE INTO t VALUES(%d, replace(hex(zeroblob(1500)), '0', '%c'))", i,
            'a' + (i + letter) % 26);
        run(db, sql);
        /* The row before the last: its page has just left the cache. */
        (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM t WHERE k = %d AND v GLOB '*%c*'",
                       i > 11 ? i - 11 : i, 'a' + ((i > 11 ? i - 11 : i) + letter) % 26);
        CHECK_EQ(number(db, sql), 1);
    }
}

static void check_whole(const char *path, long long rows)
{
    sqlite3 *other = open_in(path);

    CHECK_EQ(number(other, "SELECT count(*) FROM t"), rows);
    CHECK_EQ(number(other, "SELECT count(*) FROM pragma_integrity_check WHERE "
                           "integrity_check <> 'ok'"),
             0);
    CHECK_EQ(sqlite3_close(other), SQLITE_OK);
}

static void what_left_the_cache_is_read_again(void)
{
    const char *path = scratch_path("spilled");
    sqlite3 *db = open_in(path);

    run(db, "CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT); BEGIN IMMEDIATE");
    fill(db, 0);
    fill(db, 1); /* the same pages once more, over those in the log */
    check_whole(path, 0);
    run(db, "COMMIT");
    check_whole(path, ROWS);
    CHECK_EQ(number(db, "SELECT count(DISTINCT v) FROM t"), 26);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

static void what_is_rolled_back_leaves_nothing(void)
{
    const char *path = scratch_path("undone");
    sqlite3 *db = open_in(path);

    run(db, "CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES(0, 'first');"
            "BEGIN IMMEDIATE; SAVEPOINT s");
    fill(db, 0);
    run(db, "ROLLBACK TO s");
    CHECK_EQ(number(db, "SELECT count(*) FROM t"), 1);
    run(db, "INSERT INTO t VALUES(1000, 'second'); COMMIT");
    check_whole(path, 2);
    run(db, "BEGIN IMMEDIATE");
    fill(db, 0);
    run(db, "ROLLBACK; INSERT INTO t VALUES(1001, 'third')");
    check_whole(path, 3);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

static const check_test tests[] = {
    CHECK_TEST(what_left_the_cache_is_read_again),
    CHECK_TEST(what_is_rolled_back_leaves_nothing),
};
CHECK_MAIN(tests)
