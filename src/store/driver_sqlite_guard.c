/* One copy of this library per process and store.
 *
 * Closing any descriptor of a file drops the process's POSIX locks on it, so a second copy of SQLite on
 * the same file (the module loaded twice under two names) would let writers in. A lock that belongs to
 * an open file is seen by every copy, and only who may open the store's files can take it.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "os/file.h"
#include "store/driver_sqlite.h"

/* The kernel's largest process id, in bits. */
#define PID_BITS 22

/* The byte that stands for this process. Containers may share the files and not the process ids. */
static off_t place_of_process(void)
{
    struct stat info;
    const off_t name_space =
        stat("/proc/self/ns/pid", &info) == 0 ? (off_t)(info.st_ino & UINT32_MAX) : 0;

    return name_space << PID_BITS | (off_t)getpid();
}

static bool may_not_write(hsm_err err)
{
    return err == HSM_E_STORE_PERMISSION || err == HSM_E_STORE_READ_ONLY ||
           err == HSM_E_STORE_NOT_FOUND;
}

hsm_err hsm_sqlite_guard(const char *gate_path, int *out_fd)
{
    HSM_AUTO(hsm_fd_drop)
    int fd = hsm_fd_raise(open(gate_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW));
    struct flock byte = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = place_of_process(), .l_len = 1
    };

    *out_fd = -1;
    if (fd < 0 && may_not_write(hsm_file_err(errno)))
        return HSM_OK; /* no other copy may write either */
    HSM_CHECK(fd >= 0, hsm_file_err(errno));
    if (fcntl(fd, F_OFD_SETLK, &byte) != 0) {
        HSM_CHECK(errno == EAGAIN || errno == EACCES, hsm_file_err(errno));
        hsm_log(HSM_LOG_ERROR,
                "%s: the store is already open in this process, perhaps by another copy of this "
                "library; it can be open once",
                gate_path);
        return HSM_E_STORE_BUSY;
    }
    *out_fd = fd;
    fd = -1;
    return HSM_OK;
}
