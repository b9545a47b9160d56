/* SPDX-License-Identifier: Apache-2.0 */
#include "os/lock.h"

#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "os/clock.h"
#include "os/file.h"
#include "scratch.h"
#include "support/check.h"

static void excludes_another_open(void)
{
    HSM_AUTO(hsm_fd_drop) int first = -1;
    HSM_AUTO(hsm_fd_drop) int second = -1;
    const char *path = scratch_path("lock");
    struct stat info;

    REQUIRE_OK(hsm_lock_open(path, &first));
    REQUIRE_OK(hsm_lock_open(path, &second));
    REQUIRE_THAT(stat(path, &info) == 0);
    CHECK_EQ(info.st_mode & 07777, 0600);

    CHECK_OK(hsm_lock_acquire(first, HSM_LOCK_SHARED, 0));
    CHECK_OK(hsm_lock_acquire(second, HSM_LOCK_SHARED, 0));
    CHECK_ERR(hsm_lock_acquire(second, HSM_LOCK_EXCLUSIVE, 0), HSM_E_STORE_BUSY);
    hsm_lock_release(second);
    hsm_lock_release(first);
    CHECK_OK(hsm_lock_acquire(first, HSM_LOCK_EXCLUSIVE, 0));
    CHECK_ERR(hsm_lock_acquire(second, HSM_LOCK_SHARED, 0), HSM_E_STORE_BUSY);

    const uint64_t start = hsm_clock_monotonic_ns();
    CHECK_ERR(hsm_lock_acquire(second, HSM_LOCK_EXCLUSIVE, hsm_clock_deadline_ns(20)),
              HSM_E_STORE_BUSY);
    CHECK_THAT(hsm_clock_monotonic_ns() - start >= 20 * HSM_NS_PER_MS);
    hsm_lock_release(first);
    CHECK_OK(hsm_lock_acquire(second, HSM_LOCK_EXCLUSIVE, 0));
    CHECK_ERR(hsm_lock_acquire(-1, HSM_LOCK_SHARED, 0), HSM_E_STORE_IO);
}

static void bad_files_are_refused(void)
{
    int fd = -1;

    REQUIRE_OK(hsm_lock_open(scratch_path("open"), &fd));
    hsm_fd_drop(&fd);
    REQUIRE_THAT(chmod(scratch_path("open"), 0666) == 0);
    CHECK_ERR(hsm_lock_open(scratch_path("open"), &fd), HSM_E_STORE_PERMISSION);
    REQUIRE_THAT(symlink("open", scratch_path("link")) == 0);
    CHECK_ERR(hsm_lock_open(scratch_path("link"), &fd), HSM_E_STORE_PERMISSION);
    CHECK_EQ(fd, -1);
}

/* Shared by the processes of one test. */
typedef struct arena {
    atomic_int inside;
    atomic_int overlaps;
    atomic_int entries;
    atomic_int waiting;
    _Atomic(uint32_t) queued;
} arena;

static arena *shared_arena(void)
{
    void *map =
        mmap(NULL, sizeof(arena), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return map == MAP_FAILED ? NULL : map;
}

static int enter_often(arena *shared, int rounds, bool is_hinted)
{
    hsm_turnstile turnstile = { .gate_fd = -1, .main_fd = -1 };

    if (hsm_turnstile_open(&turnstile, scratch_path("gate"), scratch_path("main")) != HSM_OK)
        return 1;
    turnstile.queued = is_hinted ? &shared->queued : NULL;
    for (int i = 0; i < rounds; i++) {
        if (hsm_turnstile_enter(&turnstile, hsm_clock_deadline_ns(20000)) != HSM_OK)
            return 2;
        if (atomic_fetch_add(&shared->inside, 1) != 0)
            atomic_fetch_add(&shared->overlaps, 1);
        atomic_fetch_add(&shared->entries, 1);
        atomic_fetch_sub(&shared->inside, 1);
        hsm_turnstile_leave(&turnstile);
    }
    hsm_turnstile_close(&turnstile);
    return 0;
}

static void run_children(arena *shared, bool is_hinted)
{
    enum { CHILDREN = 3, ROUNDS = 300 };
    pid_t children[CHILDREN];

    (void)scratch();
    fflush(stdout);
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(enter_often(shared, ROUNDS, is_hinted));
        REQUIRE_THAT(children[i] > 0);
    }
    for (int i = 0; i < CHILDREN; i++) {
        int status = -1;

        CHECK_EQ(waitpid(children[i], &status, 0), children[i]);
        CHECK_EQ(status, 0);
    }
    CHECK_EQ(shared->overlaps, 0);
    CHECK_EQ(shared->entries, CHILDREN * ROUNDS);
}

static void processes_take_turns(void)
{
    for (int hinted = 0; hinted < 2; hinted++) {
        arena *shared = shared_arena();

        CASE(hinted == 0 ? "always by the gate" : "by the gate where one waits");
        REQUIRE_THAT(shared != NULL);
        run_children(shared, hinted == 1);
        CHECK_EQ(shared->queued, 0);
        (void)munmap(shared, sizeof *shared);
    }
}

/* The word is a hint: it decides about the gate, and not about the lock. */
static void the_gate_is_left_out_while_nobody_waits(void)
{
    _Atomic(uint32_t) queued = 0;
    hsm_turnstile first = { .gate_fd = -1, .main_fd = -1 };
    hsm_turnstile second = { .gate_fd = -1, .main_fd = -1 };
    int gate = -1;

    REQUIRE_OK(hsm_turnstile_open(&first, scratch_path("g4"), scratch_path("m4")));
    REQUIRE_OK(hsm_turnstile_open(&second, scratch_path("g4"), scratch_path("m4")));
    first.queued = &queued;
    second.queued = &queued;
    REQUIRE_OK(hsm_lock_open(scratch_path("g4"), &gate));
    REQUIRE_OK(hsm_lock_acquire(gate, HSM_LOCK_EXCLUSIVE, 0));
    CHECK_OK(hsm_turnstile_enter(&first, 0));
    CASE("held: who comes waits at the gate");
    CHECK_ERR(hsm_turnstile_enter(&second, 0), HSM_E_STORE_BUSY);
    hsm_lock_release(gate);
    CHECK_ERR(hsm_turnstile_enter(&second, 0), HSM_E_STORE_BUSY);
    CHECK_EQ(queued, 0);
    hsm_turnstile_leave(&first);
    CASE("somebody waits: who comes waits behind");
    queued = 1;
    REQUIRE_OK(hsm_lock_acquire(gate, HSM_LOCK_EXCLUSIVE, 0));
    CHECK_ERR(hsm_turnstile_enter(&first, 0), HSM_E_STORE_BUSY);
    CASE("who waited has died");
    hsm_fd_drop(&gate);
    CHECK_OK(hsm_turnstile_enter(&first, 0));
    CHECK_EQ(queued, 0);
    hsm_turnstile_close(&first);
    hsm_turnstile_close(&second);
}

static void a_timeout_leaves_the_gate_open(void)
{
    hsm_turnstile holder = { .gate_fd = -1, .main_fd = -1 };
    hsm_turnstile late = { .gate_fd = -1, .main_fd = -1 };
    hsm_turnstile other = { .gate_fd = -1, .main_fd = -1 };

    REQUIRE_OK(hsm_turnstile_open(&holder, scratch_path("g2"), scratch_path("m2")));
    REQUIRE_OK(hsm_turnstile_open(&late, scratch_path("g2"), scratch_path("m2")));
    REQUIRE_OK(hsm_turnstile_open(&other, scratch_path("g2"), scratch_path("m2")));
    CHECK_OK(hsm_turnstile_enter(&holder, 0));
    CHECK_ERR(hsm_turnstile_enter(&late, 0), HSM_E_STORE_BUSY);
    hsm_turnstile_leave(&holder);
    CHECK_OK(hsm_turnstile_enter(&other, 0));
    hsm_turnstile_close(&other); /* releases */
    CHECK_OK(hsm_turnstile_enter(&late, 0));
    hsm_turnstile_close(&late);
    hsm_turnstile_close(&late);
    hsm_turnstile_close(&holder);
}

static int hold_for_ever(arena *shared)
{
    hsm_turnstile turnstile = { .gate_fd = -1, .main_fd = -1 };

    if (hsm_turnstile_open(&turnstile, scratch_path("g3"), scratch_path("m3")) != HSM_OK ||
        hsm_turnstile_enter(&turnstile, 0) != HSM_OK)
        return 1;
    atomic_store(&shared->inside, 1);
    for (;;)
        (void)pause();
}

static void a_killed_holder_releases(void)
{
    arena *shared = shared_arena();
    hsm_turnstile turnstile = { .gate_fd = -1, .main_fd = -1 };

    REQUIRE_THAT(shared != NULL);
    (void)scratch();
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0)
        _exit(hold_for_ever(shared));
    REQUIRE_THAT(child > 0);
    while (atomic_load(&shared->inside) == 0 && waitpid(child, NULL, WNOHANG) == 0)
        (void)sched_yield();
    REQUIRE_OK(hsm_turnstile_open(&turnstile, scratch_path("g3"), scratch_path("m3")));
    CHECK_ERR(hsm_turnstile_enter(&turnstile, 0), HSM_E_STORE_BUSY);
    CHECK_EQ(kill(child, SIGKILL), 0);
    CHECK_OK(hsm_turnstile_enter(&turnstile, hsm_clock_deadline_ns(20000)));
    CHECK_EQ(waitpid(child, NULL, 0), child);
    hsm_turnstile_close(&turnstile);
    (void)munmap(shared, sizeof *shared);
}

static const check_test tests[] = {
    CHECK_TEST(excludes_another_open),          CHECK_TEST(bad_files_are_refused),
    CHECK_TEST(processes_take_turns),           CHECK_TEST(the_gate_is_left_out_while_nobody_waits),
    CHECK_TEST(a_timeout_leaves_the_gate_open), CHECK_TEST(a_killed_holder_releases),
};
CHECK_MAIN(tests)
