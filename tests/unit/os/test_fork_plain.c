/* A kernel that does not wipe a page in a forked child (before Linux 4.14, and some emulations).
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "os/fork.h"
#include "scratch.h"
#include "support/check.h"

static int refused;

/* In place of the C library's. */
int madvise(void *address, size_t len, int advice)
{
    if (advice == MADV_WIPEONFORK) {
        refused++;
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_madvise, address, len, advice);
}

static int is_noticed(void *arg)
{
    const uint64_t *parents = arg;
    const uint64_t mine = hsm_fork_generation();

    return mine != *parents && mine == hsm_fork_generation() &&
                   hsm_process_id() == syscall(SYS_getpid)
               ? 0
               : 1;
}

static void a_child_is_noticed(void)
{
    REQUIRE_OK(hsm_fork_setup());
    REQUIRE_THAT(refused > 0);
    uint64_t mine = hsm_fork_generation();
    CHECK_EQ(hsm_process_id(), syscall(SYS_getpid));
    CHECK_EQ(in_child(is_noticed, &mine), 0);
    CHECK_EQ(in_bare_child(is_noticed, &mine), 0);
    CHECK_EQ(hsm_fork_generation(), mine);
}

static const check_test tests[] = { CHECK_TEST(a_child_is_noticed) };
CHECK_MAIN(tests)
