/* A directory of a test's own, removed with what is in it at the end; and children.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_OS_SCRATCH_H
#define TEST_OS_SCRATCH_H

#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char scratch_dir[PATH_MAX];

static inline int scratch_remove_one(const char *path, const struct stat *info, int kind,
                                     struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline void scratch_remove(void)
{
    (void)nftw(scratch_dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Makes the directory at first use; its real path, so that no component is a link. */
static inline const char *scratch(void)
{
    if (scratch_dir[0] == '\0') {
        char made[] = "/tmp/hsm-test-XXXXXX";

        if (mkdtemp(made) == NULL || realpath(made, scratch_dir) == NULL)
            abort();
        (void)atexit(scratch_remove);
    }
    return scratch_dir;
}

/* scratch()/name, in one of a few buffers that take turns. */
static inline const char *scratch_path(const char *name)
{
    static char buffers[8][PATH_MAX + 300];
    static unsigned turn;
    char *buffer = buffers[turn++ % 8];

    (void)snprintf(buffer, sizeof buffers[0], "%s/%s", scratch(), name);
    return buffer;
}

static inline int child_status(pid_t child)
{
    int status = 0;

    if (child < 0 || waitpid(child, &status, 0) != child)
        return -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Runs body(arg) in a child; its exit status, or 128 + the signal that ended it. */
static inline int in_child(int (*body)(void *arg), void *arg)
{
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0)
        _exit(body(arg));
    return child_status(child);
}

/* The same in one that no fork handler runs in. */
static inline int in_bare_child(int (*body)(void *arg), void *arg)
{
    fflush(stdout);
    const pid_t child = (pid_t)syscall(SYS_clone, (unsigned long)SIGCHLD, 0, 0, 0, 0);
    if (child == 0)
        _exit(body(arg));
    return child_status(child);
}

#endif
