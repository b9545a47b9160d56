/* The n-th allocation, file, read, write or random number fails, for every n, in every step of a life:
 * nothing crashes or hangs, the answer is an error that fits, what was acknowledged stays, the same
 * call works afterwards, and nothing is leaked. Not every n by default: the first ones, then ever
 * larger strides; CRATON_HSM_TEST_LONG=1 tries all. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fault/abi_steps.h"

static fault_plan *plan;

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

/* Makes the library usable again where the step left it closed or logged out, and looks whether all
 * is there. */
static void recover(const step *now, scene *s, bool has_failed)
{
    CK_SESSION_INFO info;

    if (now->is_closed || p11->C_GetSessionInfo(s->session, &info) != CKR_OK) {
        (void)p11->C_Finalize(NULL);
        CHECK_OK(scene_start(s));
    } else if (info.state != CKS_RW_USER_FUNCTIONS) {
        (void)p11->C_Logout(s->session);
        CHECK_OK(login(s->session, CKU_USER, USER_PIN));
    }
    if (has_failed)
        CHECK_OK(now->mend(s));
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
    plan->is_armed = true;
    const CK_RV rv = now->run(s);
    plan->is_armed = false;
    return rv;
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
    recover(now, s, rv != CKR_OK);
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
        long leaked = leaked_by_start(s, 0, n);
        if (leaked > 0) /* again: a cache may have been filled */
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
            if (leaked > 0) /* again: a cache may have been filled */
                leaked = leaked_by(s, now, 0, offsets[k]);
            if (!CHECK_THAT(leaked <= 0))
                printf("# %s, allocation %ld: %ld blocks are left\n", now->name, offsets[k],
                       leaked);
        }
    }
}

/* --- the test ----------------------------------------------------------------------------------- */

/* In a process with the shim. */
static int role_fail(const fixture *fix)
{
    scene s = { .message = "what is signed and encrypted here" };
    fault_plan *(*control)(void) = NULL;
    const char *only = getenv("CRATON_HSM_TEST_STEP");

    (void)fix;
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

static void every_failure_is_survived(void)
{
    const char *shim = getenv("FAULT_SHIM");

    if (IS_SANITIZED)
        SKIP("a sanitizer has an allocator of its own");
    REQUIRE_THAT(shim != NULL);
    FIXTURE(fix);
    CHECK_OK(p11->C_Finalize(NULL));
    REQUIRE_OK(setenv("LD_PRELOAD", shim, 1));
    CHECK_EQ(in_new_process("fail", &fix), 0);
    REQUIRE_OK(unsetenv("LD_PRELOAD"));
    CHECK_EQ(in_new_process("look", &fix), 0);
}

static const process_role roles[] = { { "fail", role_fail }, { "look", role_look } };
static const check_test tests[] = { CHECK_TEST(every_failure_is_survived) };

int main(int argc, char **argv)
{
    /* These are about the store; the audit log stops for good at a failed sync. */
    fixture_settings = "[audit]\nenabled = false\n";
    return role_main(roles, ARRAY_LEN(roles), tests, ARRAY_LEN(tests), argc, argv);
}
