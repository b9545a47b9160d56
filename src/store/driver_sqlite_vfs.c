/* What a transaction adds to the write-ahead log, in one write.
 *
 * SQLite writes each frame's header and each page by themselves, a dozen system calls for one object. This
 * is its own file system with one difference: writes to a log that follow each other are kept until the
 * log is synced, read or measured. Nobody misses them: frames are shown to other connections after the
 * commit, and a commit syncs first (synchronous = FULL).
 *
 * A kept write may fail when the statement it belongs to is over. The log then refuses writes and syncs,
 * so that the transaction can't be committed, until the next one begins.
 * SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/op.h"
#include "store/driver_sqlite.h"

/* What SQLite's file system takes at once: of a length it looks at 17 bits. */
#define KEPT_MAX_BYTES 0x1ffffu

/* SQLite gives room for it and for the file behind it. */
typedef struct log_file {
    sqlite3_file base; /* first: what SQLite knows */
    sqlite3_file *real;
    uint8_t *kept; /* KEPT_MAX_BYTES, from the first write on */
    size_t kept_len;
    sqlite3_int64 kept_at; /* offset in the file */
    int failure;           /* of a kept write; SQLITE_OK: none */
} log_file;

static log_file *log_of(sqlite3_file *file)
{
    return (log_file *)(void *)file;
}

static int flush(log_file *log)
{
    if (log->kept_len == 0)
        return SQLITE_OK;
    const int rc =
        log->real->pMethods->xWrite(log->real, log->kept, (int)log->kept_len, log->kept_at);
    log->kept_len = 0;
    if (rc != SQLITE_OK)
        log->failure = rc;
    return rc;
}

/* --- a log's methods ---------------------------------------------------------------------------- */

static int log_close(sqlite3_file *file)
{
    log_file *log = log_of(file);

    free(log->kept); /* what is still kept was never committed */
    return log->real->pMethods->xClose(log->real);
}

static int log_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
    log_file *log = log_of(file);
    const int rc = flush(log);

    return rc != SQLITE_OK ? rc : log->real->pMethods->xRead(log->real, out, len, at);
}

/* So many bytes more may be kept. */
static size_t room(log_file *log)
{
    if (log->kept == NULL)
        log->kept = malloc(KEPT_MAX_BYTES);
    return log->kept != NULL ? KEPT_MAX_BYTES - log->kept_len : 0;
}

static int log_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
    log_file *log = log_of(file);
    const bool follows = at == log->kept_at + (sqlite3_int64)log->kept_len;

    if (!follows || (size_t)len > room(log))
        (void)flush(log);
    if (log->failure != SQLITE_OK)
        return log->failure;
    if ((size_t)len > room(log))
        return log->real->pMethods->xWrite(log->real, data, len, at);
    if (log->kept_len == 0)
        log->kept_at = at;
    memcpy(log->kept + log->kept_len, data, (size_t)len);
    log->kept_len += (size_t)len;
    return SQLITE_OK;
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 len)
{
    log_file *log = log_of(file);

    (void)flush(log);
    return log->failure != SQLITE_OK ? log->failure
                                     : log->real->pMethods->xTruncate(log->real, len);
}

static int log_sync(sqlite3_file *file, int flags)
{
    log_file *log = log_of(file);

    (void)flush(log);
    return log->failure != SQLITE_OK ? log->failure : log->real->pMethods->xSync(log->real, flags);
}

static int log_size(sqlite3_file *file, sqlite3_int64 *out_len)
{
    log_file *log = log_of(file);
    const int rc = flush(log);

    return rc != SQLITE_OK ? rc : log->real->pMethods->xFileSize(log->real, out_len);
}

static int log_lock(sqlite3_file *file, int lock)
{
    log_file *log = log_of(file);

    return log->real->pMethods->xLock(log->real, lock);
}

static int log_unlock(sqlite3_file *file, int lock)
{
    log_file *log = log_of(file);

    return log->real->pMethods->xUnlock(log->real, lock);
}

static int log_is_reserved(sqlite3_file *file, int *out_is_reserved)
{
    log_file *log = log_of(file);

    return log->real->pMethods->xCheckReservedLock(log->real, out_is_reserved);
}

static int log_control(sqlite3_file *file, int what, void *arg)
{
    log_file *log = log_of(file);

    return log->real->pMethods->xFileControl(log->real, what, arg);
}

static int log_sector_bytes(sqlite3_file *file)
{
    log_file *log = log_of(file);

    return log->real->pMethods->xSectorSize(log->real);
}

static int log_characteristics(sqlite3_file *file)
{
    log_file *log = log_of(file);

    return log->real->pMethods->xDeviceCharacteristics(log->real);
}

/* No shared memory and no mapping: those belong to the database's file. */
static const sqlite3_io_methods log_methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_is_reserved,
    .xFileControl = log_control,
    .xSectorSize = log_sector_bytes,
    .xDeviceCharacteristics = log_characteristics,
};

/* --- the file system ---------------------------------------------------------------------------- */

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *out_flags)
{
    sqlite3_vfs *below = vfs->pAppData;

    if ((flags & SQLITE_OPEN_WAL) == 0)
        return below->xOpen(below, name, file, flags, out_flags);
    log_file *log = log_of(file);
    *log = (log_file){ .real = (sqlite3_file *)(void *)(log + 1) };
    const int rc = below->xOpen(below, name, log->real, flags, out_flags);
    if (rc == SQLITE_OK)
        log->base.pMethods = &log_methods;
    return rc;
}

static sqlite3_vfs vfs;

static void make_vfs(void)
{
    sqlite3_vfs *below = sqlite3_vfs_find(NULL); /* there is one: SQLite is initialised */

    vfs = *below;
    vfs.szOsFile += (int)sizeof(log_file);
    vfs.pNext = NULL;
    vfs.zName = HSM_SQLITE_VFS;
    vfs.pAppData = below;
    vfs.xOpen = open_file;
    (void)sqlite3_vfs_register(&vfs, 0);
}

hsm_err hsm_sqlite_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    HSM_CHECK(sqlite3_initialize() == SQLITE_OK, HSM_E_NO_MEMORY);
    (void)pthread_once(&once, make_vfs);
    return HSM_OK;
}

void hsm_sqlite_vfs_begin(hsm_conn *conn)
{
    sqlite3_file *file = NULL;

    if (sqlite3_file_control(conn->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK ||
        file == NULL || file->pMethods != &log_methods)
        return;
    log_file *log = log_of(file);
    log->kept_len = 0;
    log->failure = SQLITE_OK;
}
