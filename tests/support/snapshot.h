/* What a snapshot of a virtual machine that is resumed twice makes of a process: copies with the same
 * memory. Nothing in it may tell them apart, so this takes away what would tell a forked child: the
 * pages that the kernel wipes in it, the fork handlers, and the process id. Only the kernel's own
 * answers differ, its random bytes above all. Those of its code in the process (src/os/random_vdso.c) do so here
 * because it wipes that memory, and in a copied machine because it is told of the copy and takes a new seed.
 * For one file of a program: it defines functions of the C library.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_SNAPSHOT_H
#define SUPPORT_SNAPSHOT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Also a library that is loaded must find them. */
#pragma GCC visibility push(default)

int madvise(void *address, size_t len, int advice)
{
    return advice == MADV_WIPEONFORK ? 0 : (int)syscall(SYS_madvise, address, len, advice);
}

pid_t getpid(void)
{
    static pid_t first;

    if (first == 0)
        first = (pid_t)syscall(SYS_getpid);
    return first;
}

#pragma GCC visibility pop

/* Resumes this process once more, with body(arg), and waits for its end; whether that was _exit(0).
 * body's changes stay in the copy, but for those to shared memory. */
static inline bool snapshot_resume(void (*body)(void *arg), void *arg)
{
    int status = -1;

    (void)getpid();
    fflush(stdout);
    const pid_t copy = (pid_t)syscall(SYS_clone, (unsigned long)SIGCHLD, 0, 0, 0, 0);
    if (copy == 0) {
        body(arg);
        _exit(0);
    }
    return copy > 0 && waitpid(copy, &status, 0) == copy && status == 0;
}

/* Memory that all copies share; NULL: none. */
static inline void *snapshot_shared(size_t len)
{
    void *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return map == MAP_FAILED ? NULL : map;
}

#endif
