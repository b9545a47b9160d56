/* The log's file: room ahead, writing, rotation.
 *
 * Overwriting costs a sync half of what growing does, and a write three quarters, so room is made ahead of
 * what is written. It is filled with spaces: to whoever reads lines of JSON they are nothing.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "audit/internal.h"
#include "os/file.h"
#include "os/paths.h"

#define FILL_BYTES 4096u
/* Small enough to be in the processor's cache still when lines are written over it. */
#define ROOM_STEP_MAX_BYTES ((uint64_t)64 * 1024)
/* A process that writes a few entries makes no room. */
#define ROOM_FROM_BYTES 16384u
#define PIECES_MAX (ROOM_STEP_MAX_BYTES / FILL_BYTES)

static hsm_err look_at_length(hsm_log_file *file)
{
    struct stat info;

    HSM_CHECK(fstat(file->fd, &info) == 0, hsm_file_err(errno));
    HSM_CHECK(S_ISREG(info.st_mode), HSM_E_STORE_PERMISSION);
    file->room = (uint64_t)info.st_size;
    return HSM_OK;
}

/* Which file it is. */
typedef struct file_name {
    uint64_t inode;
    uint64_t device;
} file_name;

/* Not stat(): since Linux 6.13 the next write to a file whose times were looked at changes its inode, and
 * the sync after it takes half as long again. */
static hsm_err read_name(int directory_fd, const char *path, int flags, file_name *out_name)
{
    struct statx info;

    HSM_CHECK(statx(directory_fd, path, flags, STATX_INO, &info) == 0, hsm_file_err(errno));
    *out_name = (file_name){ .inode = info.stx_ino,
                             .device = (uint64_t)info.stx_dev_major << 32 | info.stx_dev_minor };
    return HSM_OK;
}

hsm_err hsm_log_file_open(hsm_log_file *file)
{
    file_name name = { 0 };
    HSM_AUTO(hsm_fd_drop)
    int fd = hsm_fd_raise(
        open(file->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600));

    HSM_CHECK(fd >= 0, hsm_file_err(errno));
    HSM_TRY(hsm_file_check_fd(fd, HSM_FILE_TRUSTED));
    HSM_TRY(read_name(fd, "", AT_EMPTY_PATH, &name));
    hsm_log_file_close(file);
    file->inode = name.inode;
    file->device = name.device;
    file->fd = fd;
    fd = -1;
    return look_at_length(file);
}

void hsm_log_file_close(hsm_log_file *file)
{
    hsm_fd_drop(&file->fd);
}

/* Fills from `offset` on, up to len bytes; a disk that is full only means less room. */
static void fill(hsm_log_file *file, uint64_t offset, size_t len)
{
    char spaces[FILL_BYTES];
    struct iovec pieces[PIECES_MAX];
    size_t count = 0;

    memset(spaces, ' ', sizeof spaces);
    for (; len > 0 && count < PIECES_MAX; count++) {
        const size_t step = len < sizeof spaces ? len : sizeof spaces;

        pieces[count] = (struct iovec){ .iov_base = spaces, .iov_len = step };
        len -= step;
    }
    const ssize_t put = pwritev(file->fd, pieces, (int)count, (off_t)offset);
    if (put > 0)
        file->room = offset + (uint64_t)put;
}

/* The more this process has written, the more it will. */
static void make_room(hsm_log_file *file, uint64_t end)
{
    if (end <= file->room || file->written < ROOM_FROM_BYTES)
        return;
    if (look_at_length(file) != HSM_OK ||
        end <= file->room) /* another process may have made some */
        return;
    const uint64_t wanted = file->written * 2;
    const uint64_t step = wanted < ROOM_STEP_MAX_BYTES ? wanted : ROOM_STEP_MAX_BYTES;
    const uint64_t border = (end + step) / FILL_BYTES * FILL_BYTES;
    fill(file, file->room, (size_t)(border - file->room));
}

hsm_err hsm_log_file_put(hsm_log_file *file, uint64_t offset, hsm_bytes bytes)
{
    size_t done = 0;

    make_room(file, offset + bytes.len);
    while (done < bytes.len) {
        const ssize_t put =
            pwrite(file->fd, bytes.data + done, bytes.len - done, (off_t)(offset + done));

        if (put < 0 && errno != EINTR)
            return hsm_file_err(errno);
        done += put > 0 ? (size_t)put : 0;
    }
    file->written += bytes.len;
    if (offset + bytes.len > file->room)
        file->room = offset + bytes.len;
    return HSM_OK;
}

hsm_err hsm_log_file_sync(hsm_log_file *file)
{
    HSM_CHECK(fdatasync(file->fd) == 0, hsm_file_err(errno));
    return HSM_OK;
}

bool hsm_log_file_is_in_place(const hsm_log_file *file)
{
    file_name named = { 0 };

    return read_name(AT_FDCWD, file->path, AT_SYMLINK_NOFOLLOW, &named) == HSM_OK &&
           named.inode == file->inode && named.device == file->device;
}

hsm_err hsm_log_file_trim(hsm_log_file *file, uint64_t length)
{
    HSM_CHECK(ftruncate(file->fd, (off_t)length) == 0, hsm_file_err(errno));
    file->room = length;
    return HSM_OK;
}

hsm_err hsm_log_file_get(const hsm_log_file *file, uint64_t offset, uint8_t *data, size_t cap,
                         size_t *out_len)
{
    size_t done = 0;

    while (done < cap) {
        const ssize_t got = pread(file->fd, data + done, cap - done, (off_t)(offset + done));

        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return hsm_file_err(errno);
        done += got > 0 ? (size_t)got : 0;
    }
    *out_len = done;
    return HSM_OK;
}

bool hsm_log_is_filling(hsm_bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        const uint8_t c = bytes.data[i];

        if (c != ' ' && c != '\n' && c != '\r' && c != '\t' && c != 0)
            return false;
    }
    return true;
}

/* --- rotation --------------------------------------------------------------------------------- */

hsm_err hsm_log_generation_path(const char *path, unsigned generation, char **out_path)
{
    const size_t room = strlen(path) + sizeof ".4294967295";
    char *name = malloc(room);

    HSM_CHECK(name != NULL, HSM_E_NO_MEMORY);
    if (generation == 0)
        memcpy(name, path, strlen(path) + 1);
    else
        (void)snprintf(name, room, "%s.%u", path, generation);
    *out_path = name;
    return HSM_OK;
}

static hsm_err exists(const char *path, unsigned generation, bool *out_exists)
{
    HSM_AUTO(hsm_path_drop) char *name = NULL;

    HSM_TRY(hsm_log_generation_path(path, generation, &name));
    *out_exists = hsm_path_exists(name);
    return HSM_OK;
}

static hsm_err move_up(const char *path, unsigned generation)
{
    HSM_AUTO(hsm_path_drop) char *from = NULL;
    HSM_AUTO(hsm_path_drop) char *to = NULL;

    HSM_TRY(hsm_log_generation_path(path, generation, &from));
    HSM_TRY(hsm_log_generation_path(path, generation + 1, &to));
    HSM_CHECK(rename(from, to) == 0, hsm_file_err(errno));
    return HSM_OK;
}

static bool is_empty_file(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && info.st_size == 0;
}

static hsm_err make_empty(const char *path)
{
    HSM_AUTO(hsm_fd_drop)
    int fd = hsm_fd_raise(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));

    HSM_CHECK(fd >= 0, hsm_file_err(errno));
    HSM_CHECK(fsync(fd) == 0, hsm_file_err(errno));
    return HSM_OK;
}

hsm_err hsm_log_rotate_files(const char *path)
{
    unsigned gap = 0;
    bool is_there = true;

    if (is_empty_file(path))
        return hsm_dir_sync_parent(path);
    /* The lowest number that is free takes what is below it; with none free the oldest goes. */
    for (; gap <= HSM_AUDIT_GENERATIONS; gap++) {
        HSM_TRY(exists(path, gap, &is_there));
        if (!is_there)
            break;
    }
    for (gap = gap > HSM_AUDIT_GENERATIONS ? HSM_AUDIT_GENERATIONS : gap; gap > 0; gap--)
        HSM_TRY(move_up(path, gap - 1));
    HSM_TRY(make_empty(path));
    return hsm_dir_sync_parent(path);
}
