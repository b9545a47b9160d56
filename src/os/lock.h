/* Locks between processes. They belong to an open file, so they end with the last descriptor of it, also
 * after kill -9; a forked child must close its copies (os/fork.h).
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
} hsm_turnstile;

/* Opens both lock files; the turnstile is unchanged on failure. */
HSM_MUST_USE hsm_err hsm_turnstile_open(hsm_turnstile *turnstile, const char *gate_path,
                                        const char *main_path);
/* Closes both, which releases them. Safe in a forked child, and twice. */
void hsm_turnstile_close(hsm_turnstile *turnstile);
/* As hsm_lock_acquire(). */
HSM_MUST_USE hsm_err hsm_turnstile_enter(const hsm_turnstile *turnstile, uint64_t deadline_ns);
void hsm_turnstile_leave(const hsm_turnstile *turnstile);

/* What the processes that use one latch share, all zeros at first. Everything here is believed: keep it
 * where nobody else may write. */
typedef struct hsm_latch_words {
    _Atomic(uint32_t) owner;  /* the id of who holds it; 0: nobody */
    _Atomic(uint32_t) queued; /* nonzero: somebody waits, so who comes waits behind */
} hsm_latch_words;

/* A fair exclusive lock in shared memory, for what is locked so often that a system call would be felt:
 * while nobody else wants it, entering and leaving are one instruction each. The words may outlive
 * everything, also the machine's boot: as long as an open latch lives, it keeps the byte of the owners'
 * file locked whose number is its id, so whoever waits knows when the owner has died, and takes over.
 * Fill with -1, -1 before open. */
typedef struct hsm_latch {
    int gate_fd;   /* a lock file: who waits or joins is alone here */
    int owners_fd; /* the owners' file */
    uint32_t id;
    hsm_latch_words *words; /* borrowed; NULL until joined */
} hsm_latch;

/* Opens both files (made with mode 0600); the latch is unchanged on failure. The owners' file goes with
 * the words: latches of other words need another one. Its content does not matter.
 * errors  as hsm_lock_open() */
HSM_MUST_USE hsm_err hsm_latch_open(hsm_latch *latch, const char *gate_path,
                                    const char *owners_path);
/* Chooses an id for words that stay mapped until close.
 * errors  HSM_E_STORE_BUSY (the gate was held all the time), HSM_E_STORE_IO, HSM_E_LIMIT (too many) */
HSM_MUST_USE hsm_err hsm_latch_join(hsm_latch *latch, hsm_latch_words *words, uint64_t deadline_ns);
/* Closes; who still holds it is as good as dead. Safe in a forked child, and twice. */
void hsm_latch_close(hsm_latch *latch);
/* Enters, waiting busy_ms at most (0: not at all).
 * errors  HSM_E_STORE_BUSY (others held it all the time), HSM_E_STORE_IO
 * thread  the threads of a process share one latch: keep them apart by a mutex */
HSM_MUST_USE hsm_err hsm_latch_enter(hsm_latch *latch, uint64_t busy_ms);
void hsm_latch_leave(hsm_latch *latch);

#endif
