/* SPDX-License-Identifier: Apache-2.0 */
#include "os/fork.h"

#include <sys/syscall.h>

#include "base/secret.h"
#include "scratch.h"
#include "support/check.h"

static int sees_new_generation(void *arg)
{
    const uint64_t *parents = arg;
    const uint64_t mine = hsm_fork_generation();

    return mine != *parents && mine != 0 && mine == hsm_fork_generation() ? 0 : 1;
}

static int grandchild_differs_too(void *arg)
{
    uint64_t mine = hsm_fork_generation();

    return sees_new_generation(arg) + in_child(sees_new_generation, &mine);
}

static void every_process_has_its_number(void)
{
    REQUIRE_OK(hsm_fork_setup());
    uint64_t mine = hsm_fork_generation();

    CHECK_THAT(mine != 0);
    REQUIRE_OK(hsm_fork_setup());
    CHECK_EQ(hsm_fork_generation(), mine);
    CHECK_EQ(in_child(sees_new_generation, &mine), 0);
    CHECK_EQ(in_child(grandchild_differs_too, &mine), 0);
    CHECK_EQ(hsm_fork_generation(), mine);
}

/* No atfork handler runs in such a child; the kernel's wiping is what tells. */
static void bare_clone_is_noticed(void)
{
    REQUIRE_OK(hsm_fork_setup());
    uint64_t mine = hsm_fork_generation();
    CHECK_EQ(in_bare_child(sees_new_generation, &mine), 0);
}

/* Asked in a parent before and after, as what is remembered must not go along. */
static int knows_its_id(void *arg)
{
    (void)arg;
    const long real = syscall(SYS_getpid);

    return hsm_process_id() == real && hsm_process_id() == real && getpid() == real ? 0 : 1;
}

static int grandchild_knows_its_id(void *arg)
{
    return knows_its_id(arg) + in_child(knows_its_id, arg) + knows_its_id(arg);
}

static void process_id(void)
{
    CHECK_EQ(knows_its_id(NULL), 0); /* before anything is set up, if this test runs alone */
    REQUIRE_OK(hsm_fork_setup());
    CHECK_EQ(knows_its_id(NULL), 0);
    CHECK_EQ(in_child(knows_its_id, NULL), 0);
    CHECK_EQ(in_child(grandchild_knows_its_id, NULL), 0);
    CHECK_EQ(in_bare_child(knows_its_id, NULL), 0);
    CHECK_EQ(in_bare_child(grandchild_knows_its_id, NULL), 0);
    CHECK_EQ(knows_its_id(NULL), 0);
}

static int calls;

static void count_call(void *arg)
{
    calls += *(const int *)arg;
}

static int report_calls(void *arg)
{
    (void)arg;
    return calls;
}

static void hooks_run_in_the_child(void)
{
    int one = 1;
    int ten = 10;

    REQUIRE_OK(hsm_fork_setup());
    REQUIRE_OK(hsm_fork_hook_add(count_call, &one));
    REQUIRE_OK(hsm_fork_hook_add(count_call, &ten));
    CHECK_EQ(in_child(report_calls, NULL), 11);
    hsm_fork_hook_remove(count_call, &one);
    CHECK_EQ(in_child(report_calls, NULL), 10);
    hsm_fork_hook_remove(count_call, &one); /* not there: nothing */
    hsm_fork_hook_remove(count_call, &ten);
    CHECK_EQ(in_child(report_calls, NULL), 0);
    CHECK_EQ(calls, 0); /* never in the parent */
}

static void hooks_are_limited(void)
{
    static int args[HSM_FORK_HOOKS_MAX + 1];

    for (size_t i = 0; i < HSM_FORK_HOOKS_MAX; i++)
        CHECK_OK(hsm_fork_hook_add(count_call, &args[i]));
    CHECK_ERR(hsm_fork_hook_add(count_call, &args[HSM_FORK_HOOKS_MAX]), HSM_E_LIMIT);
    for (size_t i = 0; i < HSM_FORK_HOOKS_MAX; i++)
        hsm_fork_hook_remove(count_call, &args[i]);
    CHECK_OK(hsm_fork_hook_add(count_call, &args[0]));
    hsm_fork_hook_remove(count_call, &args[0]);
}

static int count_secrets(void *arg)
{
    (void)arg;
    return (int)hsm_secret_statistics().secrets;
}

static void secrets_are_forgotten(void)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;

    REQUIRE_OK(hsm_fork_setup());
    REQUIRE_OK(hsm_secret_create(32, &secret));
    CHECK_EQ(in_child(count_secrets, NULL), 0);
    CHECK_EQ(hsm_secret_statistics().secrets, 1);
}

static const check_test tests[] = {
    CHECK_TEST(every_process_has_its_number), CHECK_TEST(bare_clone_is_noticed),
    CHECK_TEST(hooks_run_in_the_child),       CHECK_TEST(hooks_are_limited),
    CHECK_TEST(secrets_are_forgotten),        CHECK_TEST(process_id),
};
CHECK_MAIN(tests)
