/* Room in the write-ahead log ahead of need.
 *
 * A sync of a file that has grown also writes the file system's journal, twice the cost of one that
 * has not. So the log grows in a few large steps of zeros instead of with every commit; SQLite takes
 * what lies behind its last frame for rubbish, as it does with the rest of an older log.
 *
 * Nor may anybody ask for the file's times with every commit: the kernel gives a file whose times were
 * seen a new one at the next write, and where the file system has no journal, the sync then writes the
 * inode before it flushes, which doubles it. Hence the size is remembered.
 * SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "store/driver_sqlite.h"

/* A process that writes only a few times is done sooner without. */
#define COMMITS_MIN 4u
#define STEP_MIN_BYTES (128u * 1024u)
#define STEP_MAX_BYTES (1024u * 1024u)
/* Less than this behind the last frame: time for the next step. */
#define SPARE_BYTES (64u * 1024u)
#define HEADER_BYTES 32u
#define FRAME_BYTES (24u + 4096u)

static uint64_t log_bytes(uint64_t pages)
{
    return HEADER_BYTES + pages * FRAME_BYTES;
}

/* Whether a log of that size has no room for the next commits. */
static bool is_short(const hsm_sqlite *sqlite, uint64_t size)
{
    const uint64_t pages = (uint64_t)(sqlite->wal_pages > 0 ? sqlite->wal_pages : 0);

    return size <= log_bytes(pages) + SPARE_BYTES;
}

/* How many zeros a log of that size should get; 0: none. */
static uint64_t step_for(const hsm_sqlite *sqlite, uint64_t size)
{
    const uint64_t most = log_bytes((uint64_t)sqlite->tidy_pages);

    if (size >= most || !is_short(sqlite, size))
        return 0;
    const uint64_t step = size < STEP_MIN_BYTES   ? STEP_MIN_BYTES
                          : size > STEP_MAX_BYTES ? STEP_MAX_BYTES
                                                  : size;
    return step < most - size ? step : most - size;
}

void hsm_sqlite_extend_log(hsm_sqlite *sqlite)
{
    static const uint8_t zeros[64 * 1024];
    struct stat info;

    if (sqlite->commits < COMMITS_MIN || !is_short(sqlite, sqlite->log_bytes))
        return;
    if (stat(sqlite->wal_path, &info) != 0 || info.st_size < 0)
        return;
    sqlite->log_bytes = (uint64_t)info.st_size;
    uint64_t step = step_for(sqlite, sqlite->log_bytes);
    if (step == 0)
        return;
    /* SQLite locks the database and the index file, never the log: closing this harms no lock. */
    HSM_AUTO(hsm_fd_drop) int fd = open(sqlite->wal_path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    while (fd >= 0 && step > 0) {
        const ssize_t put =
            pwrite(fd, zeros, step < sizeof zeros ? step : sizeof zeros, (off_t)sqlite->log_bytes);
        if (put <= 0)
            return; /* no room: the commit will say so */
        sqlite->log_bytes += (uint64_t)put;
        step -= (uint64_t)put;
    }
}
