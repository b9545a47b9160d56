/* The n-th open, write, rename or sync of the audit log fails, for every n, over a rotation: what was
 * acknowledged stays, the chain stays whole, and the log goes on when the disk does.
 * SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "fault/disk.h"
#include "support/check.h"
#include "unit/audit/audit_env.h"

/* --- more that fails with the disk ------------------------------------------------------------- */

int rename(const char *from, const char *to)
{
    return disk_fails_now() ? -1 : (int)syscall(SYS_rename, from, to);
}

int open64(const char *path, int flags, ...)
{
    va_list rest;

    va_start(rest, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if ((flags & O_CREAT) != 0 && disk_fails_now())
        return -1;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

/* --- one run ------------------------------------------------------------------------------------ */

#define EVENTS 34u /* of 2 KiB and more: a file of 64 KiB is rotated once */

/* Appends all; how many were acknowledged. */
static unsigned append_all(hsm_audit_log *log)
{
    char client[257] = "";
    unsigned acked = 0;

    memset(client, 1, 256);
    for (unsigned i = 0; i < EVENTS; i++) {
        const hsm_audit_event event = { .operation = HSM_AUDITED_SIGN, .client = client };
        const hsm_err err = hsm_audit_append(log, &event);

        CHECK_THAT(err == HSM_OK || err == HSM_E_AUDIT);
        acked += err == HSM_OK;
    }
    return acked;
}

/* The sum of what entries "events_lost" tell of. */
static uint64_t told_lost(const audit_env *env)
{
    HSM_AUTO(hsm_audit_reader_drop) hsm_audit_reader *reader = NULL;
    hsm_bytes text = hsm_bytes_none();
    hsm_audit_place place;
    bool is_whole = true;
    uint64_t sum = 0;

    if (!CHECK_OK(hsm_audit_reader_open(env->path, false, &reader)))
        return 0;
    while (hsm_audit_reader_next(reader, &text, &place, &is_whole) == HSM_OK) {
        hsm_member member;
        uint64_t amount = 0;
        hsm_line line;

        if (hsm_line_parse(text, &line) == HSM_OK &&
            hsm_member_find(line.members, "operation", &member) &&
            hsm_bytes_equal(member.value, hsm_bytes_of_text("events_lost")) &&
            hsm_member_find(line.members, "amount", &member) &&
            CHECK_OK(hsm_member_u64(&member, &amount)))
            sum += amount;
    }
    return sum;
}

/* What must be there afterwards, and that it goes on. untold: events that were lost and that no entry
 * tells of yet */
static void check_kept(const audit_env *env, unsigned acked, uint64_t untold)
{
    env_fill(env, 1);
    const hsm_audit_verdict verdict = env_verify(env, true);
    const unsigned signs = env_count(env, "sign");

    if (!CHECK_STR(hsm_audit_fault_name(verdict.fault), "none"))
        printf("# call %ld: entry %llu\n", disk.fails_at, (unsigned long long)verdict.bad_index);
    /* One that was refused, or counted as lost, may be there all the same. */
    CHECK_THAT(signs + told_lost(env) + untold >= acked + 1);
    CHECK_THAT(signs <= EVENTS + 1);
}

/* With the failure at call n; false when there were not so many calls. */
static bool run_with_failure(long n, bool may_lose)
{
    hsm_audit_log *log = NULL;
    unsigned acked = 0;
    uint64_t lost = 0;
    audit_env env;

    env_make(&env);
    env.options.log_path = env.path;
    env.options.state_directory = env.directory;
    env.options.file_max_bytes = 65536;
    env.options.may_lose = may_lose;
    disk_reset();
    disk.fails_at = n;
    const hsm_err err = hsm_audit_open(&env.options, &log);
    CHECK_THAT(err == HSM_OK || (err == HSM_E_AUDIT && !may_lose));
    if (log != NULL) {
        acked = append_all(log);
        lost = hsm_audit_lost(log);
        hsm_audit_close(log);
    }
    const bool was_hit = disk.calls >= n;
    disk_reset();
    CHECK_THAT(!may_lose || acked == EVENTS); /* nothing is refused */
    env.options.may_lose = false;
    if (was_hit || n == 1)
        check_kept(&env, acked, lost);
    env_clear(&env);
    return was_hit;
}

static const struct {
    const char *label;
    int error;
    bool is_short;
    long fails_for;
} failures[] = {
    { "one call has no room", ENOSPC, false, 1 },
    { "one write is half done", EIO, true, 1 },
    { "the disk stays full", ENOSPC, true, 1000000 },
    { "the disk is gone", EIO, false, 1000000 },
};

static void run_all(bool may_lose)
{
    long tried = 0;

    for (size_t i = 0; i < HSM_ARRAY_LEN(failures); i++) {
        bool was_hit = true;
        long n = 1;

        CASE(failures[i].label);
        disk.error = failures[i].error;
        disk.is_short = failures[i].is_short;
        disk.fails_for = failures[i].fails_for;
        for (; was_hit && n < 1000; n++, tried++)
            was_hit = run_with_failure(n, may_lose);
        CHECK_THAT(n > 50 && !was_hit); /* it did fail, often, and came to the end */
    }
    printf("# %ld failures tried\n", tried);
}

static void what_is_refused_harms_nothing(void)
{
    run_all(false);
}

static void what_may_be_lost_harms_nothing(void)
{
    run_all(true);
}

static const check_test tests[] = {
    CHECK_TEST(what_is_refused_harms_nothing),
    CHECK_TEST(what_may_be_lost_harms_nothing),
};
CHECK_MAIN(tests)
