/* Paths and directories.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "os/file.h"
#include "os/paths.h"

/* Not in linux/magic.h. */
#define MAGIC_CIFS 0xff534d42UL
#define MAGIC_SMB2 0xfe534d42UL
#define MAGIC_GFS2 0x01161970UL
#define MAGIC_OCFS2 0x7461636fUL
#define MAGIC_LUSTRE 0x0bd00bd0UL
#define MAGIC_GPFS 0x47504653UL

static const unsigned long network_magics[] = {
    NFS_SUPER_MAGIC, SMB_SUPER_MAGIC,  MAGIC_CIFS,   MAGIC_SMB2,       V9FS_MAGIC,
    AFS_SUPER_MAGIC, AFS_FS_MAGIC,     MAGIC_GFS2,   MAGIC_OCFS2,      CODA_SUPER_MAGIC,
    NCP_SUPER_MAGIC, CEPH_SUPER_MAGIC, MAGIC_LUSTRE, FUSE_SUPER_MAGIC, MAGIC_GPFS,
};

hsm_err hsm_path_check(const char *path)
{
    const size_t len = strnlen(path, PATH_MAX);

    HSM_CHECK(len > 0 && len < PATH_MAX, HSM_E_ARG);
    for (const char *part = path; part != NULL;) {
        const size_t part_len = strcspn(part, "/");

        HSM_CHECK(part_len != 2 || part[0] != '.' || part[1] != '.', HSM_E_ARG);
        part = part[part_len] == '/' ? part + part_len + 1 : NULL;
    }
    return HSM_OK;
}

/* Calls visit for each leading part of path ("/a", "/a/b", ...), the whole path last. */
static hsm_err for_each_prefix(const char *path, hsm_err (*visit)(const char *prefix))
{
    HSM_TRY(hsm_path_check(path));
    HSM_AUTO(hsm_path_drop) char *prefix = hsm_text_dup(path);
    HSM_CHECK(prefix != NULL, HSM_E_NO_MEMORY);

    for (size_t i = 1; prefix[i] != '\0'; i++) {
        if (prefix[i] != '/' || prefix[i - 1] == '/')
            continue;
        prefix[i] = '\0';
        HSM_TRY(visit(prefix));
        prefix[i] = '/';
    }
    return visit(prefix);
}

/* What does not exist is no link; a component after it is not there either. */
static hsm_err check_link(const char *prefix)
{
    struct stat info;

    if (lstat(prefix, &info) != 0)
        return errno == ENOENT ? HSM_OK : hsm_file_err(errno);
    return S_ISLNK(info.st_mode) ? HSM_E_STORE_PERMISSION : HSM_OK;
}

hsm_err hsm_path_check_links(const char *path)
{
    return for_each_prefix(path, check_link);
}

bool hsm_path_exists(const char *path)
{
    return faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0;
}

hsm_err hsm_path_is_network(const char *path, bool *out_is_network)
{
    struct statfs info;
    bool is_network = false;

    HSM_CHECK(statfs(path, &info) == 0, hsm_file_err(errno));
    for (size_t i = 0; i < HSM_ARRAY_LEN(network_magics); i++) /* f_type may be signed 32 bits */
        is_network = is_network || ((unsigned long)info.f_type & 0xffffffffUL) == network_magics[i];
    *out_is_network = is_network;
    return HSM_OK;
}

static hsm_err make_dir(const char *prefix)
{
    if (mkdir(prefix, 0700) == 0)
        return hsm_dir_sync_parent(prefix);
    const int mkdir_errno = errno;
    if (mkdir_errno == EEXIST || access(prefix, F_OK) == 0)
        return HSM_OK; /* a read-only file system answers EROFS for what exists, too */
    errno = mkdir_errno;
    return hsm_file_err(mkdir_errno);
}

static hsm_err open_dir(const char *path, int flags, int *out_fd)
{
    const int fd = hsm_fd_raise(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags));

    HSM_CHECK(fd >= 0, errno == ENOTDIR ? HSM_E_STORE_PERMISSION : hsm_file_err(errno));
    *out_fd = fd;
    return HSM_OK;
}

hsm_err hsm_dir_ensure(const char *path)
{
    HSM_AUTO(hsm_fd_drop) int fd = -1;

    HSM_TRY(hsm_path_check_links(path));
    HSM_TRY(for_each_prefix(path, make_dir));
    HSM_TRY(open_dir(path, O_NOFOLLOW, &fd));
    return hsm_file_check_fd(fd, HSM_FILE_TRUSTED);
}

hsm_err hsm_dir_sync(const char *path)
{
    HSM_AUTO(hsm_fd_drop) int fd = -1;

    HSM_TRY(open_dir(path, 0, &fd));
    /* Some file systems have nothing to do for a directory and say EINVAL. */
    HSM_CHECK(fsync(fd) == 0 || errno == EINVAL, hsm_file_err(errno));
    return HSM_OK;
}

hsm_err hsm_dir_sync_parent(const char *path)
{
    HSM_AUTO(hsm_path_drop) char *parent = hsm_text_dup(path);
    HSM_CHECK(parent != NULL, HSM_E_NO_MEMORY);
    size_t len = strlen(parent);

    while (len > 1 && parent[len - 1] == '/')
        len--;
    while (len > 0 && parent[len - 1] != '/')
        len--;
    if (len == 0)
        return hsm_dir_sync(".");
    parent[len] = '\0'; /* with its slash: right for "/" too */
    return hsm_dir_sync(parent);
}
