/* SPDX-License-Identifier: Apache-2.0 */
#include "os/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <time.h>

#include "os/clock.h"
#include "os/file.h"

/* Waiting is by trying again, because flock() has no timeout and a library may not use signals. The
 * pauses grow from a fraction of a disk's sync to a millisecond. */
#define YIELDS 4u
#define PAUSE_FIRST_NS 20000u
#define PAUSE_MAX_NS 1000000u

hsm_err hsm_lock_open(const char *path, int *out_fd)
{
    HSM_AUTO(hsm_fd_drop)
    int fd = hsm_fd_raise(open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));

    HSM_CHECK(fd >= 0, hsm_file_err(errno));
    HSM_TRY(hsm_file_check_fd(fd, HSM_FILE_TRUSTED));
    *out_fd = fd;
    fd = -1;
    return HSM_OK;
}

static void pause_a_little(unsigned tries)
{
    if (tries < YIELDS) {
        (void)sched_yield();
        return;
    }
    const unsigned doublings = tries - YIELDS < 6 ? tries - YIELDS : 6;
    const unsigned long ns = (unsigned long)PAUSE_FIRST_NS << doublings;
    const struct timespec pause = { .tv_nsec = (long)(ns < PAUSE_MAX_NS ? ns : PAUSE_MAX_NS) };
    (void)nanosleep(&pause, NULL);
}

hsm_err hsm_lock_acquire(int fd, hsm_lock_kind kind, uint64_t deadline_ns)
{
    const int operation = (kind == HSM_LOCK_SHARED ? LOCK_SH : LOCK_EX) | LOCK_NB;

    for (unsigned tries = 0; flock(fd, operation) != 0; tries++) {
        HSM_CHECK(errno == EWOULDBLOCK || errno == EINTR, HSM_E_STORE_IO);
        HSM_CHECK(hsm_clock_monotonic_ns() < deadline_ns, HSM_E_STORE_BUSY);
        pause_a_little(tries);
    }
    return HSM_OK;
}

void hsm_lock_release(int fd)
{
    (void)flock(fd, LOCK_UN);
}

hsm_err hsm_turnstile_open(hsm_turnstile *turnstile, const char *gate_path, const char *main_path)
{
    HSM_AUTO(hsm_fd_drop) int gate_fd = -1;
    HSM_AUTO(hsm_fd_drop) int main_fd = -1;

    HSM_TRY(hsm_lock_open(gate_path, &gate_fd));
    HSM_TRY(hsm_lock_open(main_path, &main_fd));
    *turnstile = (hsm_turnstile){ .gate_fd = gate_fd, .main_fd = main_fd };
    gate_fd = -1;
    main_fd = -1;
    return HSM_OK;
}

void hsm_turnstile_close(hsm_turnstile *turnstile)
{
    hsm_fd_drop(&turnstile->gate_fd);
    hsm_fd_drop(&turnstile->main_fd);
}

/* Expects the gate: only its holder writes the word, so one left behind by a process that died is
 * put right by the next. */
static void tell_queued(const hsm_turnstile *turnstile, bool is_queued)
{
    if (turnstile->queued != NULL)
        atomic_store(turnstile->queued, is_queued ? 1u : 0u);
}

hsm_err hsm_turnstile_enter(const hsm_turnstile *turnstile, uint64_t deadline_ns)
{
    if (turnstile->queued != NULL && atomic_load(turnstile->queued) == 0 &&
        flock(turnstile->main_fd, LOCK_EX | LOCK_NB) == 0)
        return HSM_OK;
    HSM_TRY(hsm_lock_acquire(turnstile->gate_fd, HSM_LOCK_EXCLUSIVE, deadline_ns));
    tell_queued(turnstile, true);
    const hsm_err err = hsm_lock_acquire(turnstile->main_fd, HSM_LOCK_EXCLUSIVE, deadline_ns);
    tell_queued(turnstile, false);
    hsm_lock_release(turnstile->gate_fd);
    return err;
}

void hsm_turnstile_leave(const hsm_turnstile *turnstile)
{
    hsm_lock_release(turnstile->main_fd);
}
