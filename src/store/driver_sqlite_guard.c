/* One copy of this library per process and store.
 *
 * Closing any descriptor of a file drops the process's locks on it, so a second copy of SQLite on the
 * same file (the module loaded twice under two names) would let writers in. A socket in the abstract
 * namespace is seen by every copy and vanishes with the process.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "os/file.h"
#include "store/driver_sqlite.h"

/* Containers may share the sockets' namespace and not the one of process ids. */
static unsigned long long pid_namespace(void)
{
    struct stat info;

    return stat("/proc/self/ns/pid", &info) == 0 ? (unsigned long long)info.st_ino : 0;
}

static socklen_t name_of(const struct stat *file, struct sockaddr_un *out_address)
{
    *out_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    const int len =
        snprintf(out_address->sun_path + 1, sizeof out_address->sun_path - 1,
                 "craton-hsm-store:%llx:%lx:%llx:%llx", pid_namespace(), (unsigned long)getpid(),
                 (unsigned long long)file->st_dev, (unsigned long long)file->st_ino);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

hsm_err hsm_sqlite_guard(const char *path, int *out_fd)
{
    struct sockaddr_un address;
    struct stat file;

    HSM_CHECK(stat(path, &file) == 0, hsm_file_err(errno));
    HSM_AUTO(hsm_fd_drop) int fd = hsm_fd_raise(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (fd < 0) { /* a sandbox without sockets */
        hsm_log(HSM_LOG_DEBUG, "%s: no guard against a second copy of this library", path);
        *out_fd = -1;
        return HSM_OK;
    }
    const socklen_t len = name_of(&file, &address);
    if (bind(fd, (const struct sockaddr *)&address, len) != 0 && errno == EADDRINUSE) {
        hsm_log(HSM_LOG_ERROR,
                "%s: already open in this process, perhaps by another copy of this "
                "library; it can be open once",
                path);
        return HSM_E_STORE_BUSY;
    }
    *out_fd = fd;
    fd = -1;
    return HSM_OK;
}
