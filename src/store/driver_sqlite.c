/* The default storage: an embedded SQLite in write-ahead mode, several processes at once.
 * docs/store-format.md describes the files.
 * SPDX-License-Identifier: Apache-2.0 */
#include "store/driver_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/fork.h"
#include "os/paths.h"
#include "store/names.h"

/* Runs in every forked child, where only async-signal-safe calls are allowed. A child must not keep
 * the parent's locks alive. */
static void in_child(void *arg)
{
    hsm_sqlite *sqlite = arg;

    hsm_turnstile_close(&sqlite->turnstile);
    hsm_fd_drop(&sqlite->guard_fd);
    sqlite3_hsm_after_fork();
}

static void free_paths(hsm_sqlite *sqlite)
{
    free(sqlite->path);
    free(sqlite->wal_path);
    free(sqlite->gate_path);
    free(sqlite->main_path);
}

/* The connections are left alone: closing them would touch the parent's files. */
static void sqlite_abandon(void *state)
{
    hsm_sqlite *sqlite = state;

    hsm_fork_hook_remove(in_child, sqlite);
    hsm_turnstile_close(&sqlite->turnstile);
    hsm_fd_drop(&sqlite->guard_fd);
    free_paths(sqlite);
    free(sqlite);
}

static void sqlite_close(void *state)
{
    hsm_sqlite *sqlite = state;

    if (sqlite == NULL)
        return;
    hsm_sqlite_checkpoint_all(sqlite);
    hsm_conn_destroy(sqlite->writer);
    while (sqlite->idle != NULL) {
        hsm_conn *next = sqlite->idle->next;
        hsm_conn_destroy(sqlite->idle);
        sqlite->idle = next;
    }
    (void)pthread_mutex_destroy(&sqlite->pool_lock);
    (void)pthread_cond_destroy(&sqlite->pool_cond);
    (void)pthread_mutex_destroy(&sqlite->write_lock);
    sqlite_abandon(sqlite);
}

static void close_drop(hsm_sqlite **sqlite)
{
    sqlite_close(*sqlite);
}

static bool sqlite_is_read_only(const void *state)
{
    const hsm_sqlite *sqlite = state;

    return sqlite->is_read_only;
}

static const hsm_driver sqlite_driver = {
    .name = "sqlite",
    .close = sqlite_close,
    .abandon = sqlite_abandon,
    .is_read_only = sqlite_is_read_only,
    .commit = hsm_sqlite_commit,
    .maintain = hsm_sqlite_maintain,
    .settle = hsm_sqlite_settle,
    .read = hsm_sqlite_read,
    .head = hsm_sqlite_head,
    .find = hsm_sqlite_find,
    .each = hsm_sqlite_each,
    .count = hsm_sqlite_count,
    .token_read = hsm_sqlite_token_read,
    .space = hsm_sqlite_space,
};

static hsm_err make(const hsm_driver_sqlite_options *options, hsm_sqlite **out_sqlite)
{
    HSM_AUTO(close_drop) hsm_sqlite *sqlite = calloc(1, sizeof *sqlite);

    HSM_CHECK(sqlite != NULL, HSM_E_NO_MEMORY);
    (void)pthread_mutex_init(&sqlite->pool_lock, NULL);
    (void)pthread_cond_init(&sqlite->pool_cond, NULL);
    (void)pthread_mutex_init(&sqlite->write_lock, NULL);
    sqlite->turnstile = (hsm_turnstile){ .gate_fd = -1, .main_fd = -1 };
    sqlite->guard_fd = -1;
    sqlite->busy_ms = options->busy_ms;
    sqlite->change = options->change;
    sqlite->is_read_only = options->is_read_only;
    sqlite->tidy_pages = HSM_SQLITE_TIDY_PAGES;
    if (options->log_pages > 0 && options->log_pages < HSM_SQLITE_TIDY_PAGES)
        sqlite->tidy_pages = (int)options->log_pages;
    sqlite->wal_pages_try = sqlite->tidy_pages;
    HSM_TRY(hsm_path_join(options->directory, HSM_STORE_DATABASE, &sqlite->path));
    HSM_TRY(hsm_path_join(options->directory, HSM_STORE_DATABASE HSM_STORE_LOG_ENDING,
                          &sqlite->wal_path));
    HSM_TRY(hsm_path_join(options->directory, HSM_STORE_GATE, &sqlite->gate_path));
    HSM_TRY(hsm_path_join(options->directory, HSM_STORE_LOCK, &sqlite->main_path));
    *out_sqlite = HSM_MOVE(sqlite);
    return HSM_OK;
}

/* Without opening the file: a descriptor of our own would drop locks when closed. */
static hsm_err check_file(const hsm_sqlite *sqlite)
{
    struct stat info;

    HSM_CHECK(lstat(sqlite->path, &info) == 0, hsm_file_err(errno));
    const bool is_ours = S_ISREG(info.st_mode) && info.st_uid == geteuid() &&
                         (info.st_mode & (S_IRWXG | S_IRWXO)) == 0;
    if (!is_ours) {
        hsm_log(HSM_LOG_ERROR, "%s: must be a file of uid %lu with mode 0600", sqlite->path,
                (unsigned long)geteuid());
        return HSM_E_STORE_PERMISSION;
    }
    return HSM_OK;
}

/* Whether the write-ahead log holds anything. */
static bool has_log(const hsm_sqlite *sqlite)
{
    struct stat info;

    return stat(sqlite->wal_path, &info) == 0 && info.st_size > 0;
}

/* Looks at the file on the first reader. */
static hsm_err open_first(hsm_sqlite *sqlite, hsm_bytes identity)
{
    hsm_conn *conn = NULL;

    HSM_TRY(hsm_pool_get(sqlite, &conn));
    const hsm_err err = hsm_sqlite_check(sqlite, conn, identity);
    hsm_pool_put(sqlite, conn);
    return err;
}

/* A read-only directory without the shared index file: as long as the log is empty and nobody can
 * write, the database alone is the whole store. */
static hsm_err open_immutable(hsm_sqlite *sqlite, hsm_bytes identity)
{
    hsm_conn *stale = sqlite->idle;

    sqlite->idle = NULL;
    sqlite->reader_count = 0;
    hsm_conn_destroy(stale);
    sqlite->is_immutable = true;
    return open_first(sqlite, identity);
}

static hsm_err open_files(hsm_sqlite *sqlite, hsm_bytes identity)
{
    HSM_TRY(check_file(sqlite));
    if (!sqlite->is_read_only)
        HSM_TRY(hsm_turnstile_open(&sqlite->turnstile, sqlite->gate_path, sqlite->main_path));
    HSM_TRY(hsm_sqlite_guard(sqlite->gate_path, &sqlite->guard_fd));
    const hsm_err err = open_first(sqlite, identity);
    if (sqlite->is_read_only && (err == HSM_E_STORE_IO || err == HSM_E_STORE_READ_ONLY) &&
        !has_log(sqlite))
        return open_immutable(sqlite, identity);
    return err;
}

/* A database that was put back from a copy ends what a kill had left unfinished: else the mark would hide a
 * later loss (driver_sqlite_create.c). */
static hsm_err forget_unfinished(const char *directory)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;

    HSM_TRY(hsm_path_join(directory, HSM_STORE_NEW_DATABASE, &path));
    HSM_CHECK(unlink(path) == 0 || errno == ENOENT, hsm_file_err(errno));
    return HSM_OK;
}

hsm_err hsm_driver_sqlite_open(const hsm_driver_sqlite_options *options, hsm_storage *out_storage)
{
    HSM_AUTO(close_drop) hsm_sqlite *sqlite = NULL;

    HSM_TRY(hsm_sqlite_start());
    HSM_TRY(make(options, &sqlite));
    HSM_TRY(hsm_fork_setup());
    HSM_TRY(hsm_fork_hook_add(in_child, sqlite));
    const hsm_err err = open_files(sqlite, options->identity);
    if (err != HSM_OK) {
        hsm_log(HSM_LOG_ERROR, "%s: %s", sqlite->path, hsm_err_text(err));
        return err;
    }
    if (!sqlite->is_read_only) {
        HSM_TRY(forget_unfinished(options->directory));
        hsm_sqlite_settle(sqlite);
        HSM_TRY(hsm_dir_sync(options->directory));
    }
    *out_storage = (hsm_storage){ .driver = &sqlite_driver, .state = HSM_MOVE(sqlite) };
    return HSM_OK;
}
