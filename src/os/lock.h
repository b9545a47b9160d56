/* Locks between processes, on files. They belong to the open file (flock), so they end with the
 * last descriptor of it, also after kill -9; a forked child must close its copies (os/fork.h).
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_OS_LOCK_H
#define HSM_OS_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/scope.h"

typedef enum hsm_lock_kind {
    HSM_LOCK_SHARED,
    HSM_LOCK_EXCLUSIVE,
} hsm_lock_kind;

/* Opens, and makes with mode 0600, a lock file; close it with hsm_fd_drop().
 * errors  those of os/file.h; HSM_E_STORE_PERMISSION also if it is a link or not trusted */
HSM_MUST_USE hsm_err hsm_lock_open(const char *path, int *out_fd);

/* Takes the lock, waiting until deadline_ns of the monotonic clock (0: not at all).
 * errors  HSM_E_STORE_BUSY (others held it all the time), HSM_E_STORE_IO
 * thread  the threads of a process share one descriptor's lock: keep them apart by a mutex */
HSM_MUST_USE hsm_err hsm_lock_acquire(int fd, hsm_lock_kind kind, uint64_t deadline_ns);
void hsm_lock_release(int fd);

/* A fair exclusive lock of two files. A process waits for the second while it holds the first, so
 * who has just released it queues behind whoever waits. Fill with -1, -1 before open. */
typedef struct hsm_turnstile {
    int gate_fd;
    int main_fd;
    /* Optional, the owner's to set after open: a word that all processes share, nonzero while one of
     * them waits. While it is zero the gate is left out, which halves the cost. It is a hint: what
     * stands in it changes who is first, never that there is one at a time. */
    _Atomic(uint32_t) *queued;
} hsm_turnstile;

/* Opens both lock files; the turnstile is unchanged on failure. */
HSM_MUST_USE hsm_err hsm_turnstile_open(hsm_turnstile *turnstile, const char *gate_path,
                                        const char *main_path);
/* Closes both, which releases them. Safe in a forked child, and twice. */
void hsm_turnstile_close(hsm_turnstile *turnstile);
/* As hsm_lock_acquire(). */
HSM_MUST_USE hsm_err hsm_turnstile_enter(const hsm_turnstile *turnstile, uint64_t deadline_ns);
void hsm_turnstile_leave(const hsm_turnstile *turnstile);

#endif
