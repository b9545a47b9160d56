/* The n-th allocation, file, read, write or random number fails, for every n, in every step of a life:
 * nothing crashes or hangs, the answer is an error that fits, what was acknowledged stays, the same
 * call works afterwards, and nothing is leaked. With the audit log on, an acknowledged call has left
 * the entries that it leaves without a failure. Not every n by default: the first ones, then ever larger
 * strides; CRATON_HSM_TEST_LONG=1 tries all. Processes share the steps. CRATON_HSM_TEST_STEP names
 * the only step to be tried, CRATON_HSM_TEST_N is its first n. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fault/abi_steps.h"
#include "fault/audit_watch.h"
#include "fault/shares.h"

static fault_plan *plan;
static shares_note *note; /* of this process */

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

typedef struct outcome {
    bool was_hit; /* there were so many calls */
    bool has_failed;
} outcome;

static outcome try_one(const step *now, scene *s, size_t kind, long n)
{
    (void)snprintf(note->what, sizeof note->what, "%s, %s", now->name, kinds[kind].name);
    note->n = n;
    s->made[0] = s->made[1] = CK_INVALID_HANDLE;
    CHECK_OK(now->prepare(s));
    const CK_RV rv = run_armed(now, s, kind, n);
    const outcome found = { .was_hit = plan->calls >= n, .has_failed = rv != CKR_OK };
    if (rv == CKR_OK) {
        check_told(now, kind, n);
        const CK_RV undone = now->undo(s);
        if (!CHECK_OK(undone))
            complain(now, kind, n, "undo", undone);
    } else if (!CHECK_THAT(found.was_hit && is_fitting(now, kind, rv))) {
        complain(now, kind, n, "answer", rv);
    }
    const unsigned before = check_failures();
    recover(now, s, kind, rv != CKR_OK);
    if (check_failures() > before)
        complain(now, kind, n, "not as before after", rv);
    return found;
}

static bool is_long(void)
{
    return getenv("CRATON_HSM_TEST_LONG") != NULL;
}

/* A life of its own costs more than another try in a life: fewer, unless all are asked for. */
static long next(long n, bool is_lasting, bool is_rare)
{
    if (is_long())
        return n + 1;
    if (is_rare)
        return 2 * n + 1;
    return is_lasting ? n + 1 + n / 2 : n < 16 ? n + 1 : n + n / 6;
}

/* To look at one failure. */
static long first_n(void)
{
    const char *text = getenv("CRATON_HSM_TEST_N");

    return text != NULL ? strtol(text, NULL, 10) : 1;
}

/* --- leaks -------------------------------------------------------------------------------------- */

/* Looks after the first: a cache may have been filled meanwhile, a leak is there each time. */
#define AGAIN 4
#define FILES_MAX 256

static long open_files(void)
{
    long count = 0;

    for (int fd = 0; fd < FILES_MAX; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* Blocks and files that a whole life with one failure in it leaves behind. What is tested on first use
 * is so in each life. */
static long leaked_by(const step *now, scene *s, size_t kind, long n, outcome *out)
{
    const long before = plan->live_blocks + open_files();

    if (!now->is_closed) {
        CHECK_OK(scene_start(s));
        scene_find(s);
    }
    *out = try_one(now, s, kind, n);
    CHECK_OK(p11->C_Finalize(NULL));
    return plan->live_blocks + open_files() - before;
}

static outcome try_in_own_life(const step *now, scene *s, size_t kind, long n)
{
    outcome found = { .was_hit = false };
    long leaked = leaked_by(now, s, kind, n, &found);

    for (int again = 0; leaked > 0 && again < AGAIN; again++)
        leaked = leaked_by(now, s, kind, n, &found);
    if (!CHECK_THAT(leaked <= 0))
        complain(now, kind, n, "blocks or files are left:", (CK_RV)leaked);
    return found;
}

/* --- a step ------------------------------------------------------------------------------------- */

/* Rare ones are only a sample, unless all are asked for. */
static void try_all(const step *now, scene *s, bool is_own_life)
{
    const bool is_rare = is_own_life && !now->is_closed;
    unsigned failed = 0;
    long tried = 0;

    for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++) {
        const bool is_lasting = kinds[kind].fails_for > 1;
        bool is_on = is_long() || !is_rare || !is_lasting;

        for (long n = first_n(); is_on; n = next(n, is_lasting, is_rare)) {
            (void)alarm(60); /* a hang */
            const outcome found =
                is_own_life ? try_in_own_life(now, s, kind, n) : try_one(now, s, kind, n);
            failed |= found.has_failed ? kinds[kind].kind : 0;
            is_on = found.was_hit;
            tried++;
        }
    }
    if (!is_rare)
        CHECK_EQ(failed & now->needs, now->needs);
    note->tried += tried;
    printf("# %-16s %5ld failures%s\n", now->name, tried,
           is_own_life ? " in a life of their own" : "");
}

/* In a life that goes on, and in one of its own each. The steps that open the library have no other. */
static void run_step(const step *now, scene *s)
{
    CASE(now->name);
    learn_usual(now, s);
    if (!now->is_closed)
        try_all(now, s, false);
    CHECK_OK(p11->C_Finalize(NULL));
    (void)try_in_own_life(now, s, 0, 0); /* what is made once */
    try_all(now, s, true);
    CHECK_OK(scene_start(s));
    scene_find(s);
}

/* --- the test ----------------------------------------------------------------------------------- */

/* In a process with the shim. */
static int fail_everywhere(const fixture *fix)
{
    scene s = { .message = "what is signed and encrypted here" };
    fault_plan *(*control)(void) = NULL;

    *(void **)&control = dlsym(RTLD_DEFAULT, "fault_control");
    note = shares_note_in(fix->dir);
    if (control == NULL || note == NULL)
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
    for (int number = shares_next(); number >= 0; number = shares_next())
        run_step(&steps[number], &s);
    return check_failures() == 0 ? 0 : 3;
}

static int role_fail(const fixture *fix)
{
    return fail_everywhere(fix);
}

static int role_fail_audited(const fixture *fix)
{
    audit.is_on = true;
    audit_watch_open(&audit.watch, fix->dir);
    return fail_everywhere(fix);
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

/* A way of life. */
typedef struct way {
    const char *settings;
    const char *role;
    long *tried; /* by all processes */
} way;

static void survive_on(const way *chosen)
{
    const char *shim = getenv("FAULT_SHIM");

    REQUIRE_THAT(shim != NULL);
    fixture_settings = chosen->settings;
    fixture_place = place_in_memory();
    FIXTURE(fix);
    CHECK_OK(p11->C_Finalize(NULL));
    const shares_note *at = shares_note_in(fix.dir);
    REQUIRE_THAT(at != NULL);
    REQUIRE_OK(setenv("LD_PRELOAD", shim, 1));
    if (!CHECK_EQ(in_new_process(chosen->role, &fix), 0))
        printf("# the last one was %s, %ld\n", at->what, at->n);
    REQUIRE_OK(unsetenv("LD_PRELOAD"));
    (void)__atomic_add_fetch(chosen->tried, at->tried, __ATOMIC_RELAXED);
    CHECK_EQ(in_new_process("look", &fix), 0);
    if (strcmp(chosen->role, "fail") != 0)
        CHECK_THAT(run_command(&fix, "\"$CRATON_HSM_ADMIN\" audit verify-chain"));
}

static int survive_in_child(void *arg)
{
    survive_on(arg);
    return check_failures() == 0 ? 0 : 1;
}

/* The steps to be tried: all, or the one that was asked for. */
static void choose_steps(size_t *out_first, size_t *out_end)
{
    const char *only = getenv("CRATON_HSM_TEST_STEP");

    *out_first = 0;
    *out_end = step_count;
    if (only == NULL)
        return;
    while (*out_first < step_count && strcmp(only, steps[*out_first].name) != 0)
        (*out_first)++;
    *out_end = *out_first + 1;
    REQUIRE_THAT(*out_first < step_count);
}

static void survive(const char *settings, const char *role)
{
    long *tried =
        mmap(NULL, sizeof *tried, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    size_t first, end;

    REQUIRE_THAT(tried != MAP_FAILED);
    way chosen = { settings, role, tried };
    choose_steps(&first, &end);
    CHECK_EQ(shares_run(first, end, survive_in_child, &chosen), 0);
    CHECK_THAT(*tried > 0);
    printf("# %ld failures tried\n", *tried);
    (void)munmap(tried, sizeof *tried);
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
