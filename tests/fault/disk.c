/* SPDX-License-Identifier: Apache-2.0 */
#include "fault/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

fault_disk disk;

void disk_reset(void)
{
    disk.calls = 0;
    disk.looks = 0;
    disk.fails_at = 0;
}

bool disk_fails_now(void)
{
    disk.calls++;
    if (disk.fails_at == 0 || disk.calls < disk.fails_at ||
        disk.calls >= disk.fails_at + disk.fails_for)
        return false;
    errno = disk.error;
    return true;
}

/* The C library's functions, for the whole program. */
ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
    if (disk_fails_now()) {
        if (disk.is_short && len > 1)
            (void)syscall(SYS_pwrite64, fd, data, len / 2, offset);
        errno = disk.error;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, data, len, offset);
}

int ftruncate64(int fd, off64_t len)
{
    return disk_fails_now() ? -1 : (int)syscall(SYS_ftruncate, fd, len);
}

int fdatasync(int fd)
{
    (void)fd;
    return disk_fails_now() ? -1 : 0;
}

int fsync(int fd)
{
    return fdatasync(fd);
}

int stat64(const char *path, struct stat64 *out_info)
{
    disk.looks++;
    return fstatat64(AT_FDCWD, path, out_info, 0);
}

int fstat64(int fd, struct stat64 *out_info)
{
    disk.looks++;
    return fstatat64(fd, "", out_info, AT_EMPTY_PATH);
}
