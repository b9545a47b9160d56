/* SPDX-License-Identifier: Apache-2.0 */
#include "os/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

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

hsm_err hsm_turnstile_enter(const hsm_turnstile *turnstile, uint64_t deadline_ns)
{
    HSM_TRY(hsm_lock_acquire(turnstile->gate_fd, HSM_LOCK_EXCLUSIVE, deadline_ns));
    const hsm_err err = hsm_lock_acquire(turnstile->main_fd, HSM_LOCK_EXCLUSIVE, deadline_ns);
    hsm_lock_release(turnstile->gate_fd);
    return err;
}

void hsm_turnstile_leave(const hsm_turnstile *turnstile)
{
    hsm_lock_release(turnstile->main_fd);
}

/* --- in shared memory ------------------------------------------------------------------------- */

/* Latches of one owners' file at a time. */
#define LATCH_IDS_MAX 65535u

hsm_err hsm_latch_open(hsm_latch *latch, const char *gate_path, const char *owners_path)
{
    HSM_AUTO(hsm_fd_drop) int gate_fd = -1;
    HSM_AUTO(hsm_fd_drop) int owners_fd = -1;

    HSM_TRY(hsm_lock_open(gate_path, &gate_fd));
    HSM_TRY(hsm_lock_open(owners_path, &owners_fd));
    *latch = (hsm_latch){ .gate_fd = gate_fd, .owners_fd = owners_fd };
    gate_fd = -1;
    owners_fd = -1;
    return HSM_OK;
}

static struct flock byte_of(uint32_t id)
{
    return (struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = id, .l_len = 1 };
}

/* Expects the gate. An id that stands in the words belongs to somebody who died: taken, it would never be
 * known as dead. */
static hsm_err choose_id(hsm_latch *latch, const hsm_latch_words *words)
{
    for (uint32_t id = 1; id <= LATCH_IDS_MAX; id++) {
        struct flock byte = byte_of(id);

        if (id == atomic_load(&words->owner))
            continue;
        if (fcntl(latch->owners_fd, F_OFD_SETLK, &byte) == 0) {
            latch->id = id;
            return HSM_OK;
        }
        HSM_CHECK(errno == EAGAIN || errno == EACCES, HSM_E_STORE_IO);
    }
    return HSM_E_LIMIT;
}

hsm_err hsm_latch_join(hsm_latch *latch, hsm_latch_words *words, uint64_t deadline_ns)
{
    HSM_TRY(hsm_lock_acquire(latch->gate_fd, HSM_LOCK_EXCLUSIVE, deadline_ns));
    const hsm_err err = choose_id(latch, words);
    hsm_lock_release(latch->gate_fd);
    if (err == HSM_OK)
        latch->words = words;
    return err;
}

void hsm_latch_close(hsm_latch *latch)
{
    hsm_fd_drop(&latch->gate_fd);
    hsm_fd_drop(&latch->owners_fd);
    latch->words = NULL;
}

static bool take_from(const hsm_latch *latch, uint32_t owner)
{
    return atomic_compare_exchange_strong(&latch->words->owner, &owner, latch->id);
}

/* Whether nobody has that id. It can't be given out again meanwhile: that takes the gate. */
static bool is_dead(const hsm_latch *latch, uint32_t owner)
{
    struct flock byte = byte_of(owner);

    return owner > LATCH_IDS_MAX ||
           (fcntl(latch->owners_fd, F_OFD_GETLK, &byte) == 0 && byte.l_type == F_UNLCK);
}

/* Expects the gate. */
static hsm_err wait_for_owner(const hsm_latch *latch, uint64_t deadline_ns)
{
    for (unsigned tries = 0;; tries++) {
        const uint32_t owner = atomic_load(&latch->words->owner);

        if ((owner == 0 || is_dead(latch, owner)) && take_from(latch, owner))
            return HSM_OK;
        HSM_CHECK(hsm_clock_monotonic_ns() < deadline_ns, HSM_E_STORE_BUSY);
        pause_a_little(tries);
    }
}

/* Only who has the gate writes `queued`, so one left behind by a process that died is put right by the
 * next. */
static hsm_err wait_in_line(const hsm_latch *latch, uint64_t deadline_ns)
{
    HSM_TRY(hsm_lock_acquire(latch->gate_fd, HSM_LOCK_EXCLUSIVE, deadline_ns));
    atomic_store(&latch->words->queued, 1);
    const hsm_err err = wait_for_owner(latch, deadline_ns);
    atomic_store(&latch->words->queued, 0);
    hsm_lock_release(latch->gate_fd);
    return err;
}

hsm_err hsm_latch_enter(hsm_latch *latch, uint64_t busy_ms)
{
    HSM_CHECK(latch->words != NULL, HSM_E_STORE_IO);
    if (atomic_load(&latch->words->queued) == 0 && take_from(latch, 0))
        return HSM_OK;
    return wait_in_line(latch, busy_ms == 0 ? 0 : hsm_clock_deadline_ns(busy_ms));
}

void hsm_latch_leave(hsm_latch *latch)
{
    atomic_store_explicit(&latch->words->owner, 0, memory_order_release);
}
