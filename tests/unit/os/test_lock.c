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
    atomic_int ready;
    hsm_latch_words words;
} arena;

static arena *shared_arena(void)
{
    void *map =
        mmap(NULL, sizeof(arena), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return map == MAP_FAILED ? NULL : map;
}

static void be_inside(arena *shared)
{
    if (atomic_fetch_add(&shared->inside, 1) != 0)
        atomic_fetch_add(&shared->overlaps, 1);
    if (atomic_fetch_add(&shared->entries, 1) % 16 == 0)
        (void)sched_yield(); /* others come while one is inside, also on one processor */
    atomic_fetch_sub(&shared->inside, 1);
}

#define CHILDREN 3

/* All begin at once. */
static void be_ready(arena *shared)
{
    (void)atomic_fetch_add(&shared->ready, 1);
    while (atomic_load(&shared->ready) < CHILDREN)
        (void)sched_yield();
}

static int enter_often(arena *shared, int rounds)
{
    hsm_turnstile turnstile = { .gate_fd = -1, .main_fd = -1 };

    if (hsm_turnstile_open(&turnstile, scratch_path("gate"), scratch_path("main")) != HSM_OK)
        return 1;
    be_ready(shared);
    for (int i = 0; i < rounds; i++) {
        if (hsm_turnstile_enter(&turnstile, hsm_clock_deadline_ns(20000)) != HSM_OK)
            return 2;
        be_inside(shared);
        hsm_turnstile_leave(&turnstile);
    }
    hsm_turnstile_close(&turnstile);
    return 0;
}

/* Opens the latch of a test's words; 0 when all is well. */
static int open_latch(hsm_latch *latch, arena *shared, const char *name)
{
    char gate[32];
    char owners[32];

    *latch = (hsm_latch){ .gate_fd = -1, .owners_fd = -1 };
    (void)snprintf(gate, sizeof gate, "%s.gate", name);
    (void)snprintf(owners, sizeof owners, "%s.owners", name);
    if (hsm_latch_open(latch, scratch_path(gate), scratch_path(owners)) != HSM_OK)
        return 1;
    return hsm_latch_join(latch, &shared->words, hsm_clock_deadline_ns(20000)) == HSM_OK ? 0 : 2;
}

static int latch_often(arena *shared, int rounds)
{
    hsm_latch latch;

    if (open_latch(&latch, shared, "often") != 0)
        return 1;
    be_ready(shared);
    for (int i = 0; i < rounds; i++) {
        if (hsm_latch_enter(&latch, 20000) != HSM_OK)
            return 2;
        be_inside(shared);
        hsm_latch_leave(&latch);
    }
    hsm_latch_close(&latch);
    return 0;
}

static void run_children(int (*work)(arena *shared, int rounds), int rounds)
{
    arena *shared = shared_arena();
    pid_t children[CHILDREN];

    REQUIRE_THAT(shared != NULL);
    (void)scratch();
    fflush(stdout);
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(work(shared, rounds));
        REQUIRE_THAT(children[i] > 0);
    }
    for (int i = 0; i < CHILDREN; i++) {
        int status = -1;

        CHECK_EQ(waitpid(children[i], &status, 0), children[i]);
        CHECK_EQ(status, 0);
    }
    CHECK_EQ(shared->overlaps, 0);
    CHECK_EQ(shared->entries, CHILDREN * rounds);
    CHECK_EQ(shared->words.owner, 0);
    CHECK_EQ(shared->words.queued, 0);
    (void)munmap(shared, sizeof *shared);
}

static void processes_take_turns(void)
{
    run_children(enter_often, 300);
}

static void processes_share_a_latch(void)
{
    run_children(latch_often, 10000);
}

/* The gate is left out while nobody waits, and only then. */
static void who_waits_is_before_who_comes(void)
{
    arena *shared = shared_arena();
    hsm_latch first;
    hsm_latch second;
    int gate = -1;

    REQUIRE_THAT(shared != NULL);
    REQUIRE_THAT(open_latch(&first, shared, "queue") == 0);
    REQUIRE_THAT(open_latch(&second, shared, "queue") == 0);
    CHECK_THAT(first.id != second.id);
    REQUIRE_OK(hsm_lock_open(scratch_path("queue.gate"), &gate));
    REQUIRE_OK(hsm_lock_acquire(gate, HSM_LOCK_EXCLUSIVE, 0));
    CHECK_OK(hsm_latch_enter(&first, 0));
    CASE("held: who comes waits at the gate");
    CHECK_ERR(hsm_latch_enter(&second, 0), HSM_E_STORE_BUSY);
    hsm_lock_release(gate);
    CHECK_ERR(hsm_latch_enter(&second, 0), HSM_E_STORE_BUSY);
    CHECK_EQ(shared->words.queued, 0);
    hsm_latch_leave(&first);
    CASE("somebody waits: who comes waits behind");
    shared->words.queued = 1;
    REQUIRE_OK(hsm_lock_acquire(gate, HSM_LOCK_EXCLUSIVE, 0));
    CHECK_ERR(hsm_latch_enter(&first, 0), HSM_E_STORE_BUSY);
    CASE("who waited has died");
    hsm_fd_drop(&gate);
    CHECK_OK(hsm_latch_enter(&first, 0));
    CHECK_EQ(shared->words.queued, 0);
    hsm_latch_leave(&first);
    CASE("held to the end of the patience");
    CHECK_OK(hsm_latch_enter(&first, 0));
    const uint64_t start = hsm_clock_monotonic_ns();
    CHECK_ERR(hsm_latch_enter(&second, 20), HSM_E_STORE_BUSY);
    CHECK_THAT(hsm_clock_monotonic_ns() - start >= 20 * HSM_NS_PER_MS);
    hsm_latch_leave(&first);
    hsm_latch_close(&first);
    hsm_latch_close(&second);
    hsm_latch_close(&second);
    CHECK_ERR(hsm_latch_enter(&second, 0), HSM_E_STORE_IO);
    (void)munmap(shared, sizeof *shared);
}

/* What an earlier boot, or a process long gone, left in the words. */
static void an_owner_of_old_is_dead(void)
{
    static const uint32_t owners[] = { 1, 2, 3, 65535, 65536, UINT32_MAX };
    arena *shared = shared_arena();

    REQUIRE_THAT(shared != NULL);
    for (size_t i = 0; i < HSM_ARRAY_LEN(owners); i++) {
        hsm_latch latch;
        hsm_latch other;

        shared->words.owner = owners[i];
        REQUIRE_THAT(open_latch(&latch, shared, "old") == 0);
        CHECK_THAT(latch.id != owners[i]);
        CHECK_OK(hsm_latch_enter(&latch, 0));
        REQUIRE_THAT(open_latch(&other, shared, "old") == 0);
        CHECK_ERR(hsm_latch_enter(&other, 0), HSM_E_STORE_BUSY);
        CASE("closing is dying");
        hsm_latch_close(&latch);
        CHECK_OK(hsm_latch_enter(&other, 0));
        hsm_latch_leave(&other);
        hsm_latch_close(&other);
    }
    (void)munmap(shared, sizeof *shared);
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

static int latch_for_ever(arena *shared)
{
    hsm_latch latch;

    if (open_latch(&latch, shared, "killed") != 0 || hsm_latch_enter(&latch, 0) != HSM_OK)
        return 1;
    atomic_store(&shared->inside, 1);
    for (;;)
        (void)pause();
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

/* A child that holds, once this returns. */
static pid_t start_holder(arena *shared, int (*hold)(arena *shared))
{
    (void)scratch();
    fflush(stdout);
    const pid_t child = fork();

    if (child == 0)
        _exit(hold(shared));
    while (child > 0 && atomic_load(&shared->inside) == 0 && waitpid(child, NULL, WNOHANG) == 0)
        (void)sched_yield();
    return child;
}

static void a_killed_holder_releases(void)
{
    arena *shared = shared_arena();
    hsm_turnstile turnstile = { .gate_fd = -1, .main_fd = -1 };

    REQUIRE_THAT(shared != NULL);
    const pid_t child = start_holder(shared, hold_for_ever);
    REQUIRE_THAT(child > 0);
    REQUIRE_OK(hsm_turnstile_open(&turnstile, scratch_path("g3"), scratch_path("m3")));
    CHECK_ERR(hsm_turnstile_enter(&turnstile, 0), HSM_E_STORE_BUSY);
    CHECK_EQ(kill(child, SIGKILL), 0);
    CHECK_OK(hsm_turnstile_enter(&turnstile, hsm_clock_deadline_ns(20000)));
    CHECK_EQ(waitpid(child, NULL, 0), child);
    hsm_turnstile_close(&turnstile);
    (void)munmap(shared, sizeof *shared);
}

static void a_killed_owner_is_followed(void)
{
    arena *shared = shared_arena();
    hsm_latch latch;

    REQUIRE_THAT(shared != NULL);
    const pid_t child = start_holder(shared, latch_for_ever);
    REQUIRE_THAT(child > 0);
    REQUIRE_THAT(open_latch(&latch, shared, "killed") == 0);
    CHECK_ERR(hsm_latch_enter(&latch, 0), HSM_E_STORE_BUSY);
    CHECK_EQ(kill(child, SIGKILL), 0);
    CHECK_OK(hsm_latch_enter(&latch, 20000));
    CHECK_EQ(shared->words.owner, latch.id);
    CHECK_EQ(waitpid(child, NULL, 0), child);
    hsm_latch_leave(&latch);
    hsm_latch_close(&latch);
    (void)munmap(shared, sizeof *shared);
}

static const check_test tests[] = {
    CHECK_TEST(excludes_another_open),          CHECK_TEST(bad_files_are_refused),
    CHECK_TEST(processes_take_turns),           CHECK_TEST(processes_share_a_latch),
    CHECK_TEST(who_waits_is_before_who_comes),  CHECK_TEST(an_owner_of_old_is_dead),
    CHECK_TEST(a_timeout_leaves_the_gate_open), CHECK_TEST(a_killed_holder_releases),
    CHECK_TEST(a_killed_owner_is_followed),
};
CHECK_MAIN(tests)
