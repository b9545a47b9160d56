/* The first database of a store: whole, or not there.
 *
 * It is written under another name, which an empty file takes before anything else of the store is
 * made, and gets its own name when it is complete. So a store that has anything but no database was
 * either killed while it was being made, and then has that file, or has lost its database.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/fork.h"
#include "os/paths.h"
#include "store/driver_sqlite.h"
#include "store/names.h"

struct hsm_birth {
    char *directory;
    char *final_path;
    hsm_turnstile turnstile; /* held */
    hsm_sqlite file;         /* of the unfinished database: only what a connection needs */
};

/* As for a store that is open: a child must not keep the lock alive. */
static void in_child(void *arg)
{
    hsm_birth *birth = arg;

    hsm_turnstile_close(&birth->turnstile);
    sqlite3_hsm_after_fork();
}

void hsm_birth_destroy(hsm_birth *birth)
{
    if (birth == NULL)
        return;
    hsm_fork_hook_remove(in_child, birth);
    hsm_turnstile_close(&birth->turnstile);
    free(birth->directory);
    free(birth->final_path);
    free(birth->file.path);
    free(birth);
}

static hsm_err make(const char *directory, uint32_t busy_ms, hsm_birth **out_birth)
{
    HSM_AUTO(hsm_birth_drop) hsm_birth *birth = calloc(1, sizeof *birth);

    HSM_CHECK(birth != NULL, HSM_E_NO_MEMORY);
    birth->turnstile = (hsm_turnstile){ .gate_fd = -1, .main_fd = -1 };
    birth->file.busy_ms = busy_ms;
    birth->directory = hsm_text_dup(directory);
    HSM_CHECK(birth->directory != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(hsm_path_join(directory, HSM_STORE_DATABASE, &birth->final_path));
    HSM_TRY(hsm_path_join(directory, HSM_STORE_NEW_DATABASE, &birth->file.path));
    HSM_TRY(hsm_fork_setup());
    HSM_TRY(hsm_fork_hook_add(in_child, birth));
    *out_birth = HSM_MOVE(birth);
    return HSM_OK;
}

static hsm_err take_turn(hsm_birth *birth)
{
    HSM_AUTO(hsm_path_drop) char *gate = NULL;
    HSM_AUTO(hsm_path_drop) char *lock = NULL;

    HSM_TRY(hsm_path_join(birth->directory, HSM_STORE_GATE, &gate));
    HSM_TRY(hsm_path_join(birth->directory, HSM_STORE_LOCK, &lock));
    HSM_TRY(hsm_turnstile_open(&birth->turnstile, gate, lock));
    return hsm_turnstile_enter(&birth->turnstile, hsm_clock_deadline_ns(birth->file.busy_ms));
}

/* What only a store that was once whole leaves behind. The lock files are older than the mark, and a device
 * key alone may be that of an audit log, or have been put there for the store to come. */
static const char *const signs[] = {
    HSM_STORE_DATABASE, /* empty */
    HSM_STORE_DATABASE HSM_STORE_LOG_ENDING,
    HSM_STORE_DATABASE HSM_STORE_INDEX_ENDING,
    HSM_STORE_CHANGES,
    HSM_STORE_LOGIN,
    HSM_STORE_DAY,
};

/* A new database in the place of a lost one would look like a token that nobody has used yet. */
static hsm_err check_nothing_is_lost(const hsm_birth *birth)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(signs); i++) {
        HSM_AUTO(hsm_path_drop) char *path = NULL;

        HSM_TRY(hsm_path_join(birth->directory, signs[i], &path));
        if (!hsm_path_exists(path))
            continue;
        hsm_log(HSM_LOG_ERROR,
                "%s: %s, though %s shows that a store was here: put it and its -wal back from a "
                "copy; or, for a new and empty store, move %s away",
                birth->final_path, i == 0 ? "empty" : "missing", signs[i], birth->directory);
        return HSM_E_STORE_LOST;
    }
    return HSM_OK;
}

static hsm_err set_mark(const hsm_birth *birth)
{
    if (hsm_path_exists(birth->file.path))
        return HSM_OK; /* of somebody who was killed */
    HSM_TRY(check_nothing_is_lost(birth));
    const hsm_err err = hsm_file_create(birth->file.path, hsm_bytes_none(), 0600);
    if (err != HSM_OK)
        hsm_log(HSM_LOG_ERROR, "%s: %s", birth->file.path, hsm_err_text(err));
    return err;
}

hsm_err hsm_driver_sqlite_begin(const char *directory, uint32_t busy_ms, hsm_birth **out_birth)
{
    HSM_AUTO(hsm_birth_drop) hsm_birth *birth = NULL;
    struct stat info;

    HSM_TRY(hsm_sqlite_start());
    HSM_TRY(make(directory, busy_ms, &birth));
    HSM_TRY(take_turn(birth));
    if (stat(birth->final_path, &info) == 0 && info.st_size > 0) {
        *out_birth = NULL;
        return HSM_OK;
    }
    HSM_TRY(set_mark(birth));
    *out_birth = HSM_MOVE(birth);
    return HSM_OK;
}

static hsm_err remove_companion(const hsm_birth *birth, const char *ending)
{
    char path[PATH_MAX];
    const int len = snprintf(path, sizeof path, "%s%s", birth->file.path, ending);

    HSM_CHECK(len > 0 && (size_t)len < sizeof path, HSM_E_LIMIT);
    HSM_CHECK(unlink(path) == 0 || errno == ENOENT, hsm_file_err(errno));
    return HSM_OK;
}

static hsm_err remove_companions(const hsm_birth *birth)
{
    HSM_TRY(remove_companion(birth, HSM_STORE_LOG_ENDING));
    return remove_companion(birth, HSM_STORE_INDEX_ENDING);
}

/* Everything is moved from the log into the file, which is all that is kept. */
static hsm_err fill(const hsm_birth *birth, hsm_bytes identity)
{
    HSM_AUTO(hsm_conn_drop) hsm_conn *conn = NULL;
    int64_t is_busy = 1;

    HSM_TRY(hsm_conn_open(&birth->file, &conn));
    HSM_TRY(hsm_sqlite_make_tables(conn, identity));
    HSM_TRY(hsm_conn_integer(conn, "PRAGMA wal_checkpoint(TRUNCATE)", &is_busy));
    HSM_CHECK(is_busy == 0, HSM_E_STORE_BUSY);
    return HSM_OK;
}

static hsm_err finish(const hsm_birth *birth, hsm_bytes identity)
{
    HSM_TRY(remove_companions(birth)); /* first, or they would be taken for this file's */
    HSM_CHECK(truncate(birth->file.path, 0) == 0, hsm_file_err(errno));
    HSM_TRY(fill(birth, identity));
    HSM_TRY(remove_companions(birth));
    HSM_CHECK(rename(birth->file.path, birth->final_path) == 0, hsm_file_err(errno));
    return hsm_dir_sync(birth->directory);
}

hsm_err hsm_driver_sqlite_finish(hsm_birth *birth, hsm_bytes identity)
{
    const hsm_err err = finish(birth, identity);

    if (err != HSM_OK)
        hsm_log(HSM_LOG_ERROR, "%s: %s", birth->file.path, hsm_err_text(err));
    return err;
}
