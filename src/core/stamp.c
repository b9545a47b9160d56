/* SPDX-License-Identifier: Apache-2.0 */
#include "core/stamp.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/file.h"
#include "os/paths.h"
#include "os/self.h"

#define NAME "proved"

static uint64_t ns_of(struct timespec time)
{
    return (uint64_t)time.tv_sec * HSM_NS_PER_SEC + (uint64_t)time.tv_nsec;
}

hsm_err hsm_stamp_of(const struct stat *file, hsm_stamp *out_stamp)
{
    char boot[HSM_BOOT_ID_ROOM];
    hsm_stamp stamp;

    HSM_TRY(hsm_boot_id(boot));
    const int len = snprintf(stamp.text, sizeof stamp.text,
                             "1 %s %" PRIuMAX " %" PRIuMAX " %jd %" PRIu64 " %" PRIu64 "\n", boot,
                             (uintmax_t)file->st_dev, (uintmax_t)file->st_ino,
                             (intmax_t)file->st_size, ns_of(file->st_mtim), ns_of(file->st_ctim));
    HSM_CHECK(len > 0 && (size_t)len < sizeof stamp.text, HSM_E_INTERNAL);
    *out_stamp = stamp;
    return HSM_OK;
}

/* Owned by us, and nobody else may look or write. Not by root: root's note is about root's checks. */
static bool is_ours_alone(int fd, mode_t kind)
{
    struct stat info;

    return fstat(fd, &info) == 0 && (info.st_mode & S_IFMT) == kind && info.st_uid == geteuid() &&
           (info.st_mode & 077) == 0;
}

/* The folder, or -1. */
static int open_folder(bool may_make)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;
    HSM_AUTO(hsm_fd_drop) int fd = -1;

    if (hsm_path_runtime_dir(&path) != HSM_OK || path == NULL)
        return -1;
    if (may_make)
        (void)mkdir(path, 0700); /* its parent is the user's, and is there or not */
    fd = hsm_fd_raise(open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (fd < 0 || !is_ours_alone(fd, S_IFDIR))
        return -1;
    const int folder = fd;
    fd = -1;
    return folder;
}

bool hsm_stamp_is_there(const hsm_stamp *stamp)
{
    HSM_AUTO(hsm_fd_drop) int folder = open_folder(false);
    HSM_AUTO(hsm_fd_drop) int fd = -1;
    HSM_AUTO(hsm_buf_clear) hsm_buf text = { 0 };

    if (folder < 0)
        return false;
    fd = hsm_fd_raise(openat(folder, NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (fd < 0 || !is_ours_alone(fd, S_IFREG) ||
        hsm_file_read_fd(fd, sizeof stamp->text, &text) != HSM_OK)
        return false;
    return hsm_bytes_equal(hsm_buf_view(&text), hsm_bytes_of_text(stamp->text));
}

/* A reader sees the old note or the new one. Nothing of it need survive a crash. */
void hsm_stamp_leave(const hsm_stamp *stamp)
{
    HSM_AUTO(hsm_fd_drop) int folder = open_folder(true);
    HSM_AUTO(hsm_fd_drop) int fd = -1;
    char name[64];

    if (folder < 0)
        return;
    (void)snprintf(name, sizeof name, NAME ".%ld", (long)getpid());
    (void)unlinkat(folder, name, 0);
    fd = hsm_fd_raise(
        openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (fd < 0)
        return;
    if (hsm_file_write_all(fd, hsm_bytes_of_text(stamp->text)) != HSM_OK ||
        renameat(folder, name, folder, NAME) != 0)
        (void)unlinkat(folder, name, 0);
}
