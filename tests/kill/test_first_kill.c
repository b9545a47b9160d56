/* A process killed while it makes the first store of a directory, before each system call that changes
 * a file: the next one makes the store, and a database lost after that is still a loss. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/ptrace.h>

#include "support/check.h"
#include "unit/os/scratch.h"
#include "unit/store/store_env.h"

#define STEPS_MAX 2000u /* far more than there are */

/* What files see of a process: between two of these a kill changes nothing. */
static bool is_change(uint64_t number)
{
    static const long changes[] = {
        SYS_openat,    SYS_write,     SYS_pwrite64,  SYS_ftruncate, SYS_truncate,
        SYS_fsync,     SYS_fdatasync, SYS_fallocate, SYS_fchmod,    SYS_linkat,
        SYS_renameat2, SYS_unlinkat,  SYS_mkdirat,
#ifdef SYS_open /* older architectures have these too */
        SYS_open,      SYS_link,      SYS_rename,    SYS_unlink,    SYS_mkdir,
#endif
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(changes); i++) {
        if (number == (uint64_t)changes[i])
            return true;
    }
    return false;
}

/* Stops when the parent is ready, makes the store, ends without closing it. */
static void live(const char *directory)
{
    hsm_store *store = NULL;

    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(2);
    (void)raise(SIGSTOP);
    _exit(store_env_try(directory, &store) == HSM_OK ? 0 : 1);
}

/* Lets the child go on to its next system call's entry or exit; false at its end. */
static bool go_on(pid_t child, int *status)
{
    return ptrace(PTRACE_SYSCALL, child, NULL, NULL) == 0 && waitpid(child, status, 0) == child &&
           WIFSTOPPED(*status);
}

static bool is_at_change(pid_t child)
{
    struct ptrace_syscall_info info = { .op = PTRACE_SYSCALL_INFO_NONE };

    return ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) > 0 &&
           info.op == PTRACE_SYSCALL_INFO_ENTRY && is_change(info.entry.nr);
}

typedef enum end {
    END_KILLED,
    END_DONE, /* it made fewer steps */
    END_UNTRACED,
} end;

/* A child that is killed before its n-th step. */
static end kill_at(const char *directory, unsigned n)
{
    int status = 0;

    (void)fflush(stdout);
    const pid_t child = fork();
    if (child == 0)
        live(directory);
    CHECK_EQ(waitpid(child, &status, 0), child);
    if (!WIFSTOPPED(status))
        return END_UNTRACED;
    CHECK_EQ(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL), 0);
    for (unsigned steps = 0; go_on(child, &status);) {
        if (!is_at_change(child) || ++steps < n)
            continue;
        CHECK_EQ(kill(child, SIGKILL), 0);
        CHECK_EQ(waitpid(child, &status, 0), child);
        return END_KILLED;
    }
    CHECK_THAT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return END_DONE;
}

static const char *new_directory(unsigned n)
{
    static char path[PATH_MAX + 32];

    (void)snprintf(path, sizeof path, "%s/first%u", scratch(), n);
    return path;
}

/* Makes a store of what is there, puts a key into it, and finds it again. */
static void check_is_accepted(const char *directory)
{
    uint64_t id = 0;

    for (unsigned turn = 0; turn < 2; turn++) {
        HSM_AUTO(hsm_store_drop) hsm_store *store = store_env_open(directory);
        HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;

        if (store == NULL)
            return;
        if (turn == 0)
            CHECK_OK(store_env_try_insert(store, 0, 1, false, &id));
        if (CHECK_OK(hsm_store_get(store, 0, id, &object)))
            CHECK_THAT(store_env_is_whole(store, object, 1));
    }
}

static void check_a_loss_is_seen(const char *directory)
{
    char path[PATH_MAX + 64];
    hsm_store *store = NULL;

    (void)snprintf(path, sizeof path, "%s/store.db.new", directory);
    CHECK_THAT(access(path, F_OK) != 0);
    (void)snprintf(path, sizeof path, "%s/store.db", directory);
    CHECK_EQ(truncate(path, 0), 0);
    CHECK_ERR(store_env_try(directory, &store), HSM_E_STORE_LOST);
    hsm_store_close(store);
}

static void a_kill_at_any_step_leaves_what_can_be_begun_anew(void)
{
    unsigned n = 1;

    (void)env_crypto(); /* once, for all children */
    for (; n < STEPS_MAX; n++) {
        const char *directory = new_directory(n);
        char label[32];

        (void)snprintf(label, sizeof label, "step %u", n);
        CASE(label);
        const end how = kill_at(directory, n);
        if (how == END_UNTRACED)
            SKIP("processes can't be traced here");
        check_is_accepted(directory);
        check_a_loss_is_seen(directory);
        if (how == END_DONE)
            break;
    }
    CHECK_THAT(n > 20 && n < STEPS_MAX);
    printf("# killed before each of %u steps\n", n - 1);
}

static const check_test tests[] = {
    CHECK_TEST(a_kill_at_any_step_leaves_what_can_be_begun_anew),
};
CHECK_MAIN(tests)
