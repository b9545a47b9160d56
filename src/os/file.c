/* SPDX-License-Identifier: Apache-2.0 */
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/paths.h"
#include "os/random.h"

#define TEMPORARY_TRIES 8 /* names of 64 random bits: a second one is never needed */
#define READ_STEP_BYTES 65536u

void hsm_fd_drop(int *fd)
{
    const int errno_before = errno;

    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
    errno = errno_before;
}

int hsm_fd_raise(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO)
        return fd;
    const int raised = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    hsm_fd_drop(&fd);
    return raised;
}

hsm_err hsm_fd_fill_standard(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) != -1)
            continue;
        /* The lowest free one is taken, which is this one. */
        HSM_CHECK(open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) == fd,
                  HSM_E_STORE_IO);
    }
    return HSM_OK;
}

hsm_err hsm_file_err(int errno_value)
{
    switch (errno_value) {
    case 0:
        return HSM_OK;
    case ENOENT:
    case ENOTDIR:
        return HSM_E_STORE_NOT_FOUND;
    case EACCES:
    case EPERM:
    case ELOOP: /* a link where O_NOFOLLOW forbids it */
        return HSM_E_STORE_PERMISSION;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return HSM_E_STORE_FULL;
    case EROFS:
        return HSM_E_STORE_READ_ONLY;
    case EEXIST:
        return HSM_E_STORE_CONFLICT;
    case ENOMEM:
        return HSM_E_NO_MEMORY;
    default:
        return HSM_E_STORE_IO;
    }
}

static bool is_ours(const struct stat *info)
{
    return info->st_uid == 0 || info->st_uid == geteuid();
}

static bool passes(const struct stat *info, unsigned checks)
{
    mode_t forbidden = 0;

    if ((checks & HSM_FILE_TRUSTED) != 0)
        forbidden = S_IWGRP | S_IWOTH;
    if ((checks & HSM_FILE_PRIVATE) != 0)
        forbidden = S_IRWXG | S_IRWXO;
    return forbidden == 0 || (is_ours(info) && (info->st_mode & forbidden) == 0);
}

hsm_err hsm_file_check_fd(int fd, unsigned checks)
{
    struct stat info;

    HSM_CHECK(fstat(fd, &info) == 0, hsm_file_err(errno));
    return passes(&info, checks) ? HSM_OK : HSM_E_STORE_PERMISSION;
}

hsm_err hsm_file_open(const char *path, unsigned checks, int *out_fd)
{
    const bool may_link = (checks & HSM_FILE_NO_SYMLINK) == 0;
    struct stat info;

    if (!may_link)
        HSM_TRY(hsm_path_check_links(path));
    /* Not blocking: a FIFO under that name must not stop us before we have seen that it is one. */
    HSM_AUTO(hsm_fd_drop)
    int fd = hsm_fd_raise(
        open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (may_link ? 0 : O_NOFOLLOW)));
    HSM_CHECK(fd >= 0, hsm_file_err(errno));
    HSM_CHECK(fstat(fd, &info) == 0, hsm_file_err(errno));
    HSM_CHECK(S_ISREG(info.st_mode), HSM_E_STORE_PERMISSION);
    HSM_TRY(hsm_file_check_fd(fd, checks));
    *out_fd = fd;
    fd = -1;
    return HSM_OK;
}

/* Up to cap bytes; less only at the end of the file. */
static hsm_err read_some(int fd, uint8_t *data, size_t cap, size_t *out_len)
{
    size_t done = 0;

    while (done < cap) {
        const ssize_t got = read(fd, data + done, cap - done);

        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return hsm_file_err(errno);
        done += got > 0 ? (size_t)got : 0;
    }
    *out_len = done;
    return HSM_OK;
}

hsm_err hsm_file_read_fd(int fd, size_t max_len, hsm_buf *out)
{
    size_t total = 0;
    size_t got = READ_STEP_BYTES;

    while (got == READ_STEP_BYTES) {
        HSM_TRY(hsm_buf_reserve(out, READ_STEP_BYTES));
        HSM_TRY(read_some(fd, out->data + out->len, READ_STEP_BYTES, &got));
        HSM_CHECK(got <= max_len - total, HSM_E_LIMIT);
        total += got;
        out->len += got;
    }
    return HSM_OK;
}

hsm_err hsm_file_read(const char *path, unsigned checks, size_t max_len, hsm_buf *out)
{
    HSM_AUTO(hsm_fd_drop) int fd = -1;

    HSM_TRY(hsm_file_open(path, checks, &fd));
    return hsm_file_read_fd(fd, max_len, out);
}

hsm_err hsm_file_read_secret(const char *path, unsigned checks, size_t max_len,
                             hsm_secret **out_secret)
{
    HSM_AUTO(hsm_fd_drop) int fd = -1;
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;
    uint8_t more = 0;
    size_t len = 0;
    size_t extra = 0;

    HSM_TRY(hsm_file_open(path, checks, &fd));
    HSM_TRY(hsm_secret_create(max_len, &secret));
    HSM_TRY(read_some(fd, hsm_secret_data(secret), max_len, &len));
    HSM_TRY(read_some(fd, &more, 1, &extra));
    explicit_bzero(&more, sizeof more);
    HSM_CHECK(extra == 0, HSM_E_LIMIT);
    HSM_CHECK(len > 0, HSM_E_DATA);
    hsm_secret_shrink(secret, len);
    *out_secret = HSM_MOVE(secret);
    return HSM_OK;
}

/* --- what was wrong ----------------------------------------------------------------------- */

/* Text of an errno value as a part of a sentence. */
static void why_errno(int errno_value, char *room, size_t room_len)
{
    if (errno_value == EACCES) {
        (void)snprintf(room, room_len, "permission denied for uid %lu", (unsigned long)geteuid());
        return;
    }
    (void)snprintf(room, room_len, "%s", strerror(errno_value));
    if (room[0] >= 'A' && room[0] <= 'Z' && room[1] >= 'a')
        room[0] = (char)(room[0] - 'A' + 'a');
}

/* By the system, and errno says why. */
static bool is_refused(const char *path, struct stat *info)
{
    return stat(path, info) != 0 || (S_ISREG(info->st_mode) && eaccess(path, R_OK) != 0);
}

static void why_mode(const struct stat *info, unsigned checks, char *room, size_t room_len)
{
    const bool is_private = (checks & HSM_FILE_PRIVATE) != 0;

    if (!is_ours(info))
        (void)snprintf(
            room, room_len,
            "it belongs to uid %lu, and must belong to root or to this program's user, uid %lu",
            (unsigned long)info->st_uid, (unsigned long)geteuid());
    else
        (void)snprintf(room, room_len, "its mode is %04o: %s (chmod %s)",
                       (unsigned)info->st_mode & 07777U,
                       is_private ? "only its owner may have access" : "others may write to it",
                       is_private ? "600" : "go-w");
}

void hsm_file_why(const char *path, unsigned checks, hsm_err err, char *room, size_t room_len)
{
    struct stat info;

    if (err == HSM_E_LIMIT)
        (void)snprintf(room, room_len, "it is too large for what it should be");
    else if (err == HSM_E_DATA)
        (void)snprintf(room, room_len, "it is empty");
    else if (is_refused(path, &info))
        why_errno(errno, room, room_len);
    else if (!S_ISREG(info.st_mode))
        why_errno(S_ISDIR(info.st_mode) ? EISDIR : EINVAL, room, room_len);
    else if (!passes(&info, checks))
        why_mode(&info, checks, room, room_len);
    else
        (void)snprintf(room, room_len, "%s", hsm_err_text(err));
}

hsm_err hsm_file_write_all(int fd, hsm_bytes content)
{
    size_t done = 0;

    while (done < content.len) {
        const ssize_t put = write(fd, content.data + done, content.len - done);

        if (put < 0 && errno != EINTR)
            return hsm_file_err(errno);
        done += put > 0 ? (size_t)put : 0;
    }
    return HSM_OK;
}

/* --- atomic replacement ------------------------------------------------------------------- */

/* path with a random suffix; free() it. */
static hsm_err temporary_name(const char *path, char **out_name)
{
    uint64_t number = 0;
    const size_t room = strlen(path) + sizeof ".0123456789abcdef.tmp";

    HSM_TRY(hsm_os_random((uint8_t *)&number, sizeof number));
    char *name = malloc(room);
    HSM_CHECK(name != NULL, HSM_E_NO_MEMORY);
    (void)snprintf(name, room, "%s.%016llx.tmp", path, (unsigned long long)number);
    *out_name = name;
    return HSM_OK;
}

/* Opens a new file beside path; its name is out_name. */
static hsm_err open_temporary(const char *path, mode_t mode, char **out_name, int *out_fd)
{
    for (int i = 0; i < TEMPORARY_TRIES; i++) {
        HSM_AUTO(hsm_path_drop) char *name = NULL;

        HSM_TRY(temporary_name(path, &name));
        const int fd =
            hsm_fd_raise(open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
        if (fd >= 0) {
            *out_fd = fd;
            *out_name = HSM_MOVE(name);
            return HSM_OK;
        }
        HSM_CHECK(errno == EEXIST, hsm_file_err(errno));
    }
    return HSM_E_STORE_IO;
}

static hsm_err fill_and_sync(int fd, hsm_bytes content, mode_t mode)
{
    HSM_TRY(hsm_file_write_all(fd, content));
    HSM_CHECK(fchmod(fd, mode) == 0, hsm_file_err(errno)); /* whatever the umask is */
    HSM_CHECK(fsync(fd) == 0, hsm_file_err(errno));
    return HSM_OK;
}

/* Gives the temporary file its name; link() because it never replaces. */
static hsm_err publish(const char *temporary, const char *path, bool may_replace)
{
    if (may_replace) {
        HSM_CHECK(rename(temporary, path) == 0, hsm_file_err(errno));
        return HSM_OK;
    }
    HSM_CHECK(link(temporary, path) == 0, hsm_file_err(errno));
    (void)unlink(temporary);
    return HSM_OK;
}

static hsm_err put_file(const char *path, hsm_bytes content, mode_t mode, bool may_replace)
{
    HSM_AUTO(hsm_path_drop) char *temporary = NULL;
    HSM_AUTO(hsm_fd_drop) int fd = -1;

    HSM_TRY(open_temporary(path, mode, &temporary, &fd));
    HSM_CHECK(temporary != NULL, HSM_E_INTERNAL); /* for analyzers that don't know HSM_AUTO */
    hsm_err err = fill_and_sync(fd, content, mode);
    if (err == HSM_OK)
        err = publish(temporary, path, may_replace);
    if (err != HSM_OK) {
        const int errno_before = errno;

        (void)unlink(temporary);
        errno = errno_before;
        return err;
    }
    return hsm_dir_sync_parent(path);
}

bool hsm_file_is_special(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0 && !S_ISREG(info.st_mode);
}

/* A new file in the place of a device would be the end of the device. */
static hsm_err write_through(const char *path, hsm_bytes content)
{
    HSM_AUTO(hsm_fd_drop)
    int fd = hsm_fd_raise(open(path, O_WRONLY | O_TRUNC | O_NOCTTY | O_CLOEXEC));

    HSM_CHECK(fd >= 0, hsm_file_err(errno));
    HSM_TRY(hsm_file_write_all(fd, content));
    /* What can't be synced, such as a pipe, says so with EINVAL. */
    HSM_CHECK(fsync(fd) == 0 || errno == EINVAL || errno == EROFS, hsm_file_err(errno));
    return HSM_OK;
}

hsm_err hsm_file_replace(const char *path, hsm_bytes content, mode_t mode)
{
    if (hsm_file_is_special(path))
        return write_through(path, content);
    return put_file(path, content, mode, true);
}

hsm_err hsm_file_create(const char *path, hsm_bytes content, mode_t mode)
{
    return put_file(path, content, mode, false);
}
