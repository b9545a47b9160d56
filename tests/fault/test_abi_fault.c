/* The n-th allocation, file, read, write or random number fails, for every n, in every step of a life:
 * nothing crashes or hangs, the answer is an error that fits, what was acknowledged stays, the same
 * call works afterwards, and nothing is leaked. With the audit log on, an acknowledged call has left
 * the entries that it leaves without a failure. Not every n by default: the first ones, then ever larger
 * strides; CRATON_HSM_TEST_LONG=1 tries all. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fault/abi_steps.h"
#include "fault/audit_watch.h"

static fault_plan *plan;

/* The audit log, where it is on. */
static struct {
    bool is_on;
    audit_watch watch;
    char usual[WATCH_TEXT_BYTES]; /* of the present step, when nothing fails */
    char last[WATCH_TEXT_BYTES];  /* of the last run */
} audit;

/* --- a failure ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    unsigned kind;
    long fails_for;
} kinds[] = {
    { "one allocation", FAULT_MEMORY, 1 },   { "all allocations", FAULT_MEMORY, 1000000 },
    { "one file", FAULT_FILES, 1 },          { "one read", FAULT_READS, 1 },
    { "all reads", FAULT_READS, 1000000 },   { "one write", FAULT_WRITES, 1 },
    { "all writes", FAULT_WRITES, 1000000 }, { "random", FAULT_RANDOM, 1 },
    { "no random", FAULT_RANDOM, 1000000 },
};

/* Errors that tell the truth about a machine in trouble. */
static bool is_fitting(const step *now, size_t kind, CK_RV rv)
{
    /* a configuration that can't be read; an entropy source that failed: the error state */
    if ((now->is_closed || kinds[kind].kind == FAULT_RANDOM) && rv == CKR_GENERAL_ERROR)
        return true;
    return rv == CKR_HOST_MEMORY || rv == CKR_DEVICE_MEMORY || rv == CKR_DEVICE_ERROR ||
           rv == CKR_FUNCTION_FAILED;
}

static void complain(const step *now, size_t kind, long n, const char *what, CK_RV rv)
{
    printf("# %s, %s, %ld: %s 0x%lx\n", now->name, kinds[kind].name, n, what, rv);
}

/* A failed sync of the log stops it for good: only then, and only until the library is opened anew. */
static bool is_log_stopped(const scene *s)
{
    CK_BYTE byte;

    return audit.is_on && p11->C_GenerateRandom(s->session, &byte, 1) == CKR_DEVICE_ERROR &&
           CHECK_THAT(plan->failed_syncs > 0);
}

static void reopen_if_needed(const step *now, scene *s)
{
    CK_SESSION_INFO info;

    if (now->is_closed || p11->C_GetSessionInfo(s->session, &info) != CKR_OK || is_log_stopped(s)) {
        (void)p11->C_Finalize(NULL);
        CHECK_OK(scene_start(s));
    } else if (info.state != CKS_RW_USER_FUNCTIONS) {
        (void)p11->C_Logout(s->session);
        CHECK_OK(scene_log_in(s));
    }
}

/* What was made when its result could not be written is taken back; where that fails too, it stays. A
 * PIN that was changed then stays changed. The log has the begin. */
static void mend_untold(scene *s, size_t kind)
{
    if (audit.is_on && kinds[kind].fails_for > 1 && scene_sweep(s) > 0)
        CHECK_THAT(strchr(audit.last, '+') != NULL);
    if (s->had_other_pin)
        CHECK_THAT(strstr(audit.last, "set_pin+") != NULL);
    s->had_other_pin = false;
}

/* Makes the library usable again where the step left it closed or logged out, and looks whether all
 * is there. */
static void recover(const step *now, scene *s, size_t kind, bool has_failed)
{
    reopen_if_needed(now, s);
    if (has_failed) {
        CHECK_OK(now->mend(s));
        mend_untold(s, kind);
    }
    scene_find(s);
    if (!CHECK_EQ(scene_count(s), s->objects))
        s->objects = scene_count(s);
}

static CK_RV run_armed(const step *now, scene *s, size_t kind, long n)
{
    plan->kinds = kinds[kind].kind;
    plan->fails_at = n;
    plan->fails_for = kinds[kind].fails_for;
    plan->calls = 0;
    plan->failed_syncs = 0;
    if (audit.is_on)
        audit_watch_take(&audit.watch, audit.last);
    plan->is_armed = true;
    const CK_RV rv = now->run(s);
    plan->is_armed = false;
    if (audit.is_on)
        audit_watch_take(&audit.watch, audit.last);
    return rv;
}

/* What a step leaves in the log when nothing fails. */
static void learn_usual(const step *now, scene *s)
{
    if (!audit.is_on)
        return;
    if (now->is_closed)
        CHECK_OK(p11->C_Finalize(NULL));
    s->made[0] = s->made[1] = CK_INVALID_HANDLE;
    CHECK_OK(now->prepare(s));
    CHECK_OK(run_armed(now, s, 0, 0));
    memcpy(audit.usual, audit.last, sizeof audit.usual);
    CHECK_OK(now->undo(s));
    recover(now, s, 0, false);
}

/* C_Finalize alone succeeds without its entry: what it does can't be taken back. */
static void check_told(const step *now, size_t kind, long n)
{
    if (!audit.is_on || (strcmp(audit.usual, "finalize:success ") == 0 && audit.last[0] == '\0'))
        return;
    if (!CHECK_STR(audit.last, audit.usual))
        complain(now, kind, n, "not in the log", CKR_OK);
}

/* False when there were not so many calls. */
static bool try_one(const step *now, scene *s, size_t kind, long n, bool *out_has_failed)
{
    if (now->is_closed)
        CHECK_OK(p11->C_Finalize(NULL));
    s->made[0] = s->made[1] = CK_INVALID_HANDLE;
    CHECK_OK(now->prepare(s));
    const CK_RV rv = run_armed(now, s, kind, n);
    const bool was_hit = plan->calls >= n;
    if (rv == CKR_OK)
        check_told(now, kind, n);
    if (rv == CKR_OK) {
        const CK_RV undone = now->undo(s);
        if (!CHECK_OK(undone))
            complain(now, kind, n, "undo", undone);
    } else {
        *out_has_failed = true;
        if (!CHECK_THAT(was_hit && is_fitting(now, kind, rv)))
            complain(now, kind, n, "answer", rv);
    }
    const unsigned before = check_failures();
    recover(now, s, kind, rv != CKR_OK);
    if (check_failures() > before)
        complain(now, kind, n, "not as before after", rv);
    return was_hit;
}

static long next(long n, bool is_lasting)
{
    if (getenv("CRATON_HSM_TEST_LONG") != NULL)
        return n + 1;
    return is_lasting ? n + 1 + n / 2 : n < 16 ? n + 1 : n + n / 6;
}

/* To look at one failure. */
static long first_n(void)
{
    const char *text = getenv("CRATON_HSM_TEST_N");

    return text != NULL ? strtol(text, NULL, 10) : 1;
}

static void run_step(const step *now, scene *s)
{
    unsigned failed = 0;
    long tried = 0;

    CASE(now->name);
    learn_usual(now, s);
    for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++) {
        bool was_hit = true;
        bool has_failed = false;

        for (long n = first_n(); was_hit; n = next(n, kinds[kind].fails_for > 1)) {
            (void)alarm(60); /* a hang */
            was_hit = try_one(now, s, kind, n, &has_failed);
            tried++;
        }
        failed |= has_failed ? kinds[kind].kind : 0;
    }
    CHECK_EQ(failed & now->needs, now->needs);
    printf("# %-16s %5ld failures\n", now->name, tried);
}

/* --- leaks -------------------------------------------------------------------------------------- */

/* Looks after the first: a cache may have been filled meanwhile, a leak is there each time. */
#define AGAIN 4

/* Blocks that a whole life leaves behind; also with failures in it. */
static long leaked_by(scene *s, const step *now, size_t kind, long n)
{
    const long before = plan->live_blocks;

    if (scene_start(s) == CKR_OK) {
        scene_find(s);
        s->made[0] = s->made[1] = CK_INVALID_HANDLE;
        if (now->prepare(s) == CKR_OK && run_armed(now, s, kind, n) == CKR_OK)
            (void)now->undo(s);
    }
    (void)p11->C_Finalize(NULL);
    return plan->live_blocks - before;
}

static long leaked_by_start(scene *s, size_t kind, long n)
{
    const long before = plan->live_blocks;

    (void)run_armed(&steps[0], s, kind, n);
    (void)p11->C_Finalize(NULL);
    return plan->live_blocks - before;
}

static void check_leaks_of_start(scene *s)
{
    CASE("initialize");
    for (long n = 1; n < 3000; n = next(n, false)) {
        (void)alarm(60);
        long leaked = leaked_by_start(s, 0, n);
        for (int again = 0; leaked > 0 && again < AGAIN; again++)
            leaked = leaked_by_start(s, 0, n);
        if (!CHECK_THAT(leaked <= 0))
            printf("# initialize, allocation %ld: %ld blocks are left\n", n, leaked);
    }
}

static void check_leaks(scene *s)
{
    CHECK_OK(p11->C_Finalize(NULL));
    check_leaks_of_start(s);
    for (size_t i = 2; i < step_count; i++) {
        const step *now = &steps[i];
        const long offsets[] = { 1, 3, 7, 20 };

        if (now->has_pins)
            continue;
        CASE(now->name);
        (void)leaked_by(s, now, 0, 0); /* what is made once */
        for (size_t k = 0; k < ARRAY_LEN(offsets); k++) {
            (void)alarm(60);
            long leaked = leaked_by(s, now, 0, offsets[k]);
            for (int again = 0; leaked > 0 && again < AGAIN; again++)
                leaked = leaked_by(s, now, 0, offsets[k]);
            if (!CHECK_THAT(leaked <= 0))
                printf("# %s, allocation %ld: %ld blocks are left\n", now->name, offsets[k],
                       leaked);
        }
    }
}

/* --- the test ----------------------------------------------------------------------------------- */

/* In a process with the shim. */
static int fail_everywhere(void)
{
    scene s = { .message = "what is signed and encrypted here" };
    fault_plan *(*control)(void) = NULL;
    const char *only = getenv("CRATON_HSM_TEST_STEP");

    *(void **)&control = dlsym(RTLD_DEFAULT, "fault_control");
    if (control == NULL)
        return 1;
    plan = control();
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    if (p11->C_Initialize(NULL) != CKR_OK)
        return 2;
    s.slot = first_slot();
    (void)p11->C_Finalize(NULL);
    if (scene_start(&s) != CKR_OK)
        return 2;
    scene_make(&s);
    for (size_t i = 0; i < step_count; i++) {
        if (only == NULL || strcmp(only, steps[i].name) == 0)
            run_step(&steps[i], &s);
    }
    check_leaks(&s);
    return check_failures() == 0 ? 0 : 3;
}

static int role_fail(const fixture *fix)
{
    (void)fix;
    return fail_everywhere();
}

static int role_fail_audited(const fixture *fix)
{
    audit.is_on = true;
    audit_watch_open(&audit.watch, fix->dir);
    return fail_everywhere();
}

static int role_look(const fixture *fix)
{
    scene s = { .message = "what is signed and encrypted here" };

    (void)fix;
    if (p11->C_Initialize(NULL) != CKR_OK)
        return 1;
    s.slot = first_slot();
    (void)p11->C_Finalize(NULL);
    if (scene_start(&s) != CKR_OK)
        return 2;
    scene_find(&s);
    CHECK_OK(scene_sign_rsa(&s));
    CHECK_OK(scene_verify_rsa(&s));
    CHECK_OK(scene_sign_ec(&s));
    CHECK_OK(scene_verify_ec(&s));
    CHECK_OK(scene_encrypt(&s));
    CHECK_OK(scene_decrypt(&s));
    return check_failures() == 0 ? 0 : 3;
}

static void survive(const char *settings, const char *role)
{
    const char *shim = getenv("FAULT_SHIM");

    REQUIRE_THAT(shim != NULL);
    fixture_settings = settings;
    FIXTURE(fix);
    CHECK_OK(p11->C_Finalize(NULL));
    REQUIRE_OK(setenv("LD_PRELOAD", shim, 1));
    CHECK_EQ(in_new_process(role, &fix), 0);
    REQUIRE_OK(unsetenv("LD_PRELOAD"));
    CHECK_EQ(in_new_process("look", &fix), 0);
    if (strcmp(role, "fail") != 0)
        CHECK_THAT(run_command(&fix, "\"$CRATON_HSM_ADMIN\" audit verify-chain"));
}

static void every_failure_is_survived(void)
{
    if (IS_SANITIZED)
        SKIP("a sanitizer has an allocator of its own");
    survive("[audit]\nenabled = false\n", "fail");
}

static void also_with_a_log_that_is_synced(void)
{
    if (IS_SANITIZED)
        SKIP("a sanitizer has an allocator of its own");
    survive("[audit]\ndurability = \"sync\"\n", "fail audited");
}

/* So short an interval lets a sync be due with some of the calls, and not with others. */
static void also_with_a_log_in_batches(void)
{
    if (IS_SANITIZED)
        SKIP("a sanitizer has an allocator of its own");
    survive("[audit]\ndurability = \"batch\"\nbatch_ms = 2\n", "fail audited");
}

static const process_role roles[] = {
    { "fail", role_fail },
    { "fail audited", role_fail_audited },
    { "look", role_look },
};
static const check_test tests[] = {
    CHECK_TEST(every_failure_is_survived),
    CHECK_TEST(also_with_a_log_that_is_synced),
    CHECK_TEST(also_with_a_log_in_batches),
};

int main(int argc, char **argv)
{
    return role_main(roles, ARRAY_LEN(roles), tests, ARRAY_LEN(tests), argc, argv);
}
