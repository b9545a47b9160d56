/* Whole small files, directories, and what may be believed about a path. Every descriptor is
 * close-on-exec.
 *
 * Errors of all functions here, besides those they name: HSM_E_STORE_NOT_FOUND (missing),
 * HSM_E_STORE_PERMISSION, HSM_E_STORE_FULL (no space or quota), HSM_E_STORE_READ_ONLY (the file
 * system), HSM_E_STORE_IO (any other), HSM_E_NO_MEMORY. errno tells more after them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_OS_FILE_H
#define HSM_OS_FILE_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/secret.h"

/* What a file must be to be used; or them together. */
typedef enum hsm_file_check {
    HSM_FILE_ANY = 0,
    HSM_FILE_TRUSTED = 1 << 0,    /* owned by root or the effective user, no writing by others */
    HSM_FILE_PRIVATE = 1 << 1,    /* the same, and no access by group and others at all */
    HSM_FILE_NO_SYMLINK = 1 << 2, /* no component of the path is a symbolic link */
} hsm_file_check;

#define HSM_FILE_WHY_BYTES 160

/* A descriptor, for HSM_AUTO(hsm_fd_drop): closes unless negative, and leaves -1. Keeps errno. */
void hsm_fd_drop(int *fd);

/* Moves a new descriptor out of 0, 1 and 2, and gives what it is then, close-on-exec: a host that has
 * closed a standard stream and prints all the same would write into the file. -1 stays; -1 and errno
 * on failure, with `fd` closed. Everything that opens a file goes through it. */
HSM_MUST_USE int hsm_fd_raise(int fd);
/* For programs: puts something into 0, 1 and 2 where they are closed, so that no file can take their
 * places; what is read from or written to them fails with EBADF, as before.
 * errors  HSM_E_STORE_IO */
HSM_MUST_USE hsm_err hsm_fd_fill_standard(void);

/* The error that stands for an errno value. */
hsm_err hsm_file_err(int errno_value);

/* --- paths -------------------------------------------------------------------------------- */

/* The form of a path: not empty, shorter than PATH_MAX, no component "..".
 * errors  HSM_E_ARG */
HSM_MUST_USE hsm_err hsm_path_check(const char *path);
/* Fails if an existing component is a symbolic link. Who may write to a component's directory can
 * change the answer later: open with O_NOFOLLOW as well.
 * errors  HSM_E_ARG (form), HSM_E_STORE_PERMISSION (a link) */
HSM_MUST_USE hsm_err hsm_path_check_links(const char *path);
/* Whether something is there that the effective user can see. */
bool hsm_path_exists(const char *path);
/* Whether path lies on a network or FUSE file system, where locks and shared memory between hosts
 * can't be relied on. */
HSM_MUST_USE hsm_err hsm_path_is_network(const char *path, bool *out_is_network);

/* --- directories -------------------------------------------------------------------------- */

/* Makes sure of a directory of ours: makes missing components with mode 0700, then checks that it
 * is a directory, HSM_FILE_TRUSTED, and that no component is a link.
 * errors  HSM_E_ARG (form), HSM_E_STORE_PERMISSION */
HSM_MUST_USE hsm_err hsm_dir_ensure(const char *path);
/* Makes earlier creations, renames and removals in a directory durable. */
HSM_MUST_USE hsm_err hsm_dir_sync(const char *path);
/* The same for the directory that holds `path`. */
HSM_MUST_USE hsm_err hsm_dir_sync_parent(const char *path);

/* --- files -------------------------------------------------------------------------------- */

/* Opens a regular file for reading.
 * errors  HSM_E_STORE_PERMISSION (a check failed, or it is no regular file) */
HSM_MUST_USE hsm_err hsm_file_open(const char *path, unsigned checks, int *out_fd);
/* Checks an open file's owner and mode. */
HSM_MUST_USE hsm_err hsm_file_check_fd(int fd, unsigned checks);
/* Appends what is left of an open file to `out`.
 * errors  HSM_E_LIMIT (more than max_len bytes) */
HSM_MUST_USE hsm_err hsm_file_read_fd(int fd, size_t max_len, hsm_buf *out);
/* Appends a whole file to `out`.
 * errors  HSM_E_LIMIT (more than max_len bytes), those of hsm_file_open() */
HSM_MUST_USE hsm_err hsm_file_read(const char *path, unsigned checks, size_t max_len, hsm_buf *out);
/* The same into secret memory; an empty file is HSM_E_DATA. max_len: 1 .. HSM_SECRET_MAX_BYTES. */
HSM_MUST_USE hsm_err hsm_file_read_secret(const char *path, unsigned checks, size_t max_len,
                                          hsm_secret **out_secret);
/* What kept a file from being read, for people: which the error alone does not say. Right after
 * hsm_file_open(), hsm_file_read() or hsm_file_read_secret() with these checks has failed; looks at the
 * file again, so it is a text and no judgement. room_len: at least 1; HSM_FILE_WHY_BYTES hold any text, and less cuts it. */
void hsm_file_why(const char *path, unsigned checks, hsm_err err, char *room, size_t room_len);
/* Writes all of `content` to a descriptor, at its position. */
HSM_MUST_USE hsm_err hsm_file_write_all(int fd, hsm_bytes content);
/* Whether the name is of something else than a file: a device, a pipe, a directory, a link. */
bool hsm_file_is_special(const char *path);
/* Makes a file hold `content`: after a crash it has the old or the new content, whole. Durable on
 * return. Into what is special (above) it is written as it is: a device stays one. */
HSM_MUST_USE hsm_err hsm_file_replace(const char *path, hsm_bytes content, mode_t mode);
/* The same for a file that must not exist yet; of several processes that try, one succeeds.
 * errors  HSM_E_STORE_CONFLICT (it exists) */
HSM_MUST_USE hsm_err hsm_file_create(const char *path, hsm_bytes content, mode_t mode);

#endif
