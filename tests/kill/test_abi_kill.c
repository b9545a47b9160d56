/* Applications killed at random moments while they make, change and destroy token objects, and while
 * they give PINs: a fresh process finds everything that was acknowledged, nothing that was destroyed,
 * and every wrong PIN counted. CRATON_HSM_KILLS sets the number of kills (50; 1,000 with
 * CRATON_HSM_TEST_LONG=1). */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kill/abi_life.h"

#define WRITERS 2u
#define ACK_FD 9     /* where a role writes what it has done */
#define TRIES_MAX 3u /* of the fixtures' configuration */

static unsigned kills(void)
{
    const char *said = getenv("CRATON_HSM_KILLS");

    if (said != NULL)
        return (unsigned)strtoul(said, NULL, 10);
    return getenv("CRATON_HSM_TEST_LONG") != NULL ? 1000 : 50;
}

static unsigned below(unsigned bound)
{
    unsigned value = 0;

    return getrandom(&value, sizeof value, 0) == (ssize_t)sizeof value ? value % bound : 0;
}

static void pause_up_to(long max_us)
{
    const struct timespec pause = { .tv_nsec = (long)below((unsigned)max_us) * 1000 };

    (void)nanosleep(&pause, NULL); /* the moment of the kill, not an order of things */
}

/* --- processes ---------------------------------------------------------------------------------- */

typedef struct victim {
    pid_t pid;
    int in;
} victim;

/* Starts this program in a role that writes to ACK_FD; the number is its argument. */
static bool start(victim *made, const fixture *fix, const char *role, uint32_t number)
{
    int ends[2];
    char text[16];

    (void)snprintf(text, sizeof text, "%u", number);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    (void)fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(ends[1], ACK_FD);
        (void)setenv("KILL_NUMBER", text, 1);
        (void)execl("/proc/self/exe", "role", "--role", role, fix->dir, (char *)NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    *made = (victim){ .pid = pid, .in = ends[0] };
    return pid > 0;
}

static void kill_it(victim *it)
{
    CHECK_EQ(kill(it->pid, SIGKILL), 0);
}

static void bury(victim *it)
{
    int status = 0;

    CHECK_EQ(waitpid(it->pid, &status, 0), it->pid);
    if (!CHECK_THAT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)) /* not gone by itself */
        printf("# status 0x%x\n", (unsigned)status);
    (void)close(it->in);
}

static int open_token(CK_SESSION_HANDLE *out_session)
{
    if (p11->C_Initialize(NULL) != CKR_OK)
        return 11;
    if (p11->C_OpenSession(first_slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                           out_session) != CKR_OK)
        return 12;
    return 0;
}

static uint32_t own_number(void)
{
    const char *text = getenv("KILL_NUMBER");

    return text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 0;
}

/* --- objects ------------------------------------------------------------------------------------ */

static int role_live(const fixture *fix)
{
    CK_SESSION_HANDLE session;

    (void)fix;
    if (open_token(&session) != 0 || login(session, CKU_USER, USER_PIN) != CKR_OK)
        return 1;
    return life_live(session, own_number(), ACK_FD);
}

/* Hears what a life says; false at its end. */
static bool hear(const victim *from, life *about)
{
    life_ack ack;

    if (read(from->in, &ack, sizeof ack) != (ssize_t)sizeof ack)
        return false;
    CHECK_EQ(ack.step, about->done);
    if (ack.step % LIFE_CYCLE_STEPS == LIFE_SIGNING_STEP)
        (void)memcpy(about->signatures[ack.step / LIFE_CYCLE_STEPS], ack.signature,
                     sizeof ack.signature);
    about->done++;
    return true;
}

static life *load_lives(const fixture *fix, size_t *out_count)
{
    char path[128];
    struct stat info;
    life *lives = NULL;

    (void)snprintf(path, sizeof path, "%s/lives", fix->dir);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &info) == 0)
        lives = malloc((size_t)info.st_size + 1);
    const bool is_good =
        lives != NULL && read(fd, lives, (size_t)info.st_size) == (ssize_t)info.st_size;
    (void)close(fd);
    *out_count = is_good ? (size_t)info.st_size / sizeof *lives : 0;
    return lives;
}

/* Every object of the token but what the module itself adds. */
static size_t count_objects(CK_SESSION_HANDLE session)
{
    CK_OBJECT_HANDLE found[64];
    attrs tmpl = { .count = 0 };
    CK_ULONG count = 1;
    size_t total = 0;

    put_bool(&tmpl, CKA_TOKEN, true);
    CHECK_OK(p11->C_FindObjectsInit(session, tmpl.at, tmpl.count));
    while (CHECK_OK(p11->C_FindObjects(session, found, ARRAY_LEN(found), &count)) && count > 0) {
        for (CK_ULONG i = 0; i < count; i++) {
            CK_ULONG class = CKO_PROFILE;

            (void)get_attr(session, found[i], CKA_CLASS, &class, sizeof class);
            total += class != CKO_PROFILE && class != CKO_VALIDATION;
        }
    }
    CHECK_OK(p11->C_FindObjectsFinal(session));
    return total;
}

static int role_look(const fixture *fix)
{
    CK_SESSION_HANDLE session;
    size_t count = 0;
    life *lives = load_lives(fix, &count);

    if (open_token(&session) != 0 || login(session, CKU_USER, USER_PIN) != CKR_OK || count == 0)
        return 1;
    for (size_t i = 0; i < count; i++)
        life_check(session, &lives[i]);
    if (own_number() != 0) { /* all that ever lived */
        size_t least = 0;
        size_t most = 0;

        life_count(lives, count, &least, &most);
        const size_t there = count_objects(session);
        CHECK_THAT(there >= least && there <= most);
        printf("# %zu objects of %zu to %zu\n", there, least, most);
    }
    free(lives);
    CHECK_OK(p11->C_Finalize(NULL));
    (void)fflush(stdout);
    return check_failures() == 0 ? 0 : 3;
}

static int role_integrity(const fixture *fix)
{
    char path[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    bool is_good = false;

    (void)snprintf(path, sizeof path, "%s/store/store.db", fix->dir);
    if (sqlite3_initialize() == SQLITE_OK && sqlite3_open(path, &db) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        is_good = strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return is_good ? 0 : 1;
}

static void look_at(const fixture *fix, const life *lives, size_t count, bool is_all)
{
    (void)setenv("KILL_NUMBER", is_all ? "1" : "0", 1);
    REQUIRE_THAT(write_file(fix, "lives", lives, count * sizeof *lives));
    CHECK_EQ(in_new_process("look", fix), 0);
}

static bool one_round(const fixture *fix, unsigned round, life lives[static WRITERS])
{
    victim victims[WRITERS];

    for (unsigned i = 0; i < WRITERS; i++) {
        lives[i] = (life){ .number = round * WRITERS + i };
        if (!CHECK_THAT(start(&victims[i], fix, "live", lives[i].number)))
            return false;
    }
    if (round % 8 != 7) { /* else also while they start */
        for (unsigned acks = 1 + below(24); acks > 0; acks--)
            if (!CHECK_THAT(hear(&victims[round % WRITERS], &lives[round % WRITERS])))
                break;
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        pause_up_to(round % 8 != 7 ? 3000 : 60000);
        kill_it(&victims[i]);
        while (hear(&victims[i], &lives[i])) {
        }
        bury(&victims[i]);
    }
    return true;
}

static void killed_applications_lose_nothing(void)
{
    FIXTURE(fix);
    const unsigned rounds = (kills() + WRITERS - 1) / WRITERS;
    life *lives = calloc((size_t)rounds * WRITERS, sizeof *lives);
    uint64_t acknowledged = 0;

    REQUIRE_THAT(lives != NULL);
    CHECK_OK(p11->C_Finalize(NULL));
    for (unsigned round = 0; round < rounds; round++) {
        life *now = &lives[(size_t)round * WRITERS];

        if (!one_round(&fix, round, now))
            break;
        look_at(&fix, now, WRITERS, false);
        for (unsigned i = 0; i < WRITERS; i++)
            acknowledged += now[i].done;
    }
    look_at(&fix, lives, (size_t)rounds * WRITERS, true);
    CHECK_EQ(in_new_process("integrity", &fix), 0);
    printf("# %u kills, %llu steps acknowledged\n", rounds * WRITERS,
           (unsigned long long)acknowledged);
    free(lives);
}

/* --- PINs --------------------------------------------------------------------------------------- */

static const char *pin_of(uint32_t number)
{
    return number % 2 == 0 ? USER_PIN : OTHER_PIN;
}

/* Says what it is about to do in lower case, and that it was answered in upper case. */
static bool say(char what)
{
    return write(ACK_FD, &what, 1) == 1;
}

static int role_guess(const fixture *fix)
{
    CK_SESSION_HANDLE session;

    (void)fix;
    if (open_token(&session) != 0)
        return 1;
    for (unsigned i = 0; i < TRIES_MAX - 1; i++) {
        if (!say('g') || login(session, CKU_USER, "not-the-pin") != CKR_PIN_INCORRECT || !say('G'))
            return 2;
    }
    for (;;)
        (void)pause();
}

/* Changes the PIN to and fro. */
static int role_change(const fixture *fix)
{
    CK_SESSION_HANDLE session;
    uint32_t number = own_number();

    (void)fix;
    if (open_token(&session) != 0 || login(session, CKU_USER, pin_of(number)) != CKR_OK)
        return 1;
    for (;; number++) {
        const char *from = pin_of(number);
        const char *to = pin_of(number + 1);

        if (!say('c') ||
            p11->C_SetPIN(session, utf8(from), strlen(from), utf8(to), strlen(to)) != CKR_OK ||
            !say('C'))
            return 2;
    }
}

/* Tries used, as the flags tell; TRIES_MAX: locked. */
static unsigned tries_used(void)
{
    CK_TOKEN_INFO info = { .flags = 0 };

    CHECK_OK(p11->C_GetTokenInfo(first_slot(), &info));
    if ((info.flags & CKF_USER_PIN_LOCKED) != 0)
        return TRIES_MAX;
    if ((info.flags & CKF_USER_PIN_FINAL_TRY) != 0)
        return TRIES_MAX - 1;
    return (info.flags & CKF_USER_PIN_COUNT_LOW) != 0 ? 1 : 0;
}

/* The tries that the store has counted, as exit status 100 and up; then the right PIN is given, which
 * takes them back. */
static int role_count(const fixture *fix)
{
    CK_SESSION_HANDLE session;

    (void)fix;
    if (open_token(&session) != 0)
        return 1;
    const unsigned used = tries_used();
    if (login(session, CKU_USER, USER_PIN) != CKR_OK)
        return 2;
    if (tries_used() != 0)
        return 3;
    return 100 + (int)used;
}

/* What the victim said: how often each. */
typedef struct said {
    unsigned begun;
    unsigned answered;
} said;

static said hear_all(const victim *from)
{
    said all = { 0, 0 };
    char what;

    while (read(from->in, &what, 1) == 1) {
        all.begun += what >= 'a';
        all.answered += what < 'a';
    }
    return all;
}

static void killed_guesses_are_counted(void)
{
    FIXTURE(fix);
    unsigned in_flight = 0;

    if (!module_is_ours())
        SKIP("three tries are our configuration");
    CHECK_OK(p11->C_Finalize(NULL));
    for (unsigned i = 0; i < kills() / 4 + 1; i++) {
        victim guesser;

        REQUIRE_THAT(start(&guesser, &fix, "guess", 0));
        pause_up_to(250000);
        kill_it(&guesser);
        const said all = hear_all(&guesser);
        bury(&guesser);
        const int counted = in_new_process("count", &fix) - 100;
        if (!CHECK_THAT(counted >= (int)all.answered && counted <= (int)all.begun))
            printf("# %u answered, %u begun, %d counted\n", all.answered, all.begun, counted);
        in_flight += all.begun > all.answered;
    }
    printf("# %u of %u killed within a guess\n", in_flight, kills() / 4 + 1);
}

static bool is_pin(const char *pin)
{
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;

    CHECK_EQ(open_token(&session), 0);
    const CK_RV rv = login(session, CKU_USER, pin);
    CHECK_THAT(rv == CKR_OK || rv == CKR_PIN_INCORRECT);
    CHECK_OK(p11->C_Finalize(NULL));
    return rv == CKR_OK;
}

/* After a kill within a change exactly one of the two PINs is right, and what was stored is there. */
static void killed_changes_leave_one_pin(void)
{
    FIXTURE(fix);
    uint32_t number = 0;
    unsigned changes = 0;
    unsigned either = 0;

    (void)create_data(fix.session, true, true, "stays");
    CHECK_OK(p11->C_Finalize(NULL));
    for (unsigned i = 0; i < kills() / 4 + 1; i++) {
        victim changer;

        REQUIRE_THAT(start(&changer, &fix, "change", number));
        pause_up_to(400000);
        kill_it(&changer);
        const said all = hear_all(&changer);
        bury(&changer);
        number += all.answered;
        changes += all.answered;
        if (all.begun > all.answered && is_pin(pin_of(number + 1))) {
            number++;
            either++;
        } else {
            CHECK_THAT(is_pin(pin_of(number)));
        }
        CHECK_THAT(!is_pin(pin_of(number + 1)));
        CHECK_THAT(is_pin(pin_of(number)));
    }
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE found[2];
    REQUIRE_OK(open_token(&session));
    CHECK_OK(login(session, CKU_USER, pin_of(number)));
    CHECK_EQ(find_label(session, "stays", found, 2), 1);
    printf("# %u changes acknowledged, %u found done that were not\n", changes, either);
}

static const process_role roles[] = {
    { "live", role_live },   { "look", role_look },   { "integrity", role_integrity },
    { "guess", role_guess }, { "count", role_count }, { "change", role_change },
};
static const check_test tests[] = {
    CHECK_TEST(killed_applications_lose_nothing),
    CHECK_TEST(killed_guesses_are_counted),
    CHECK_TEST(killed_changes_leave_one_pin),
};

int main(int argc, char **argv)
{
    return role_main(roles, ARRAY_LEN(roles), tests, ARRAY_LEN(tests), argc, argv);
}
