/* Writers killed at random moments: nothing acknowledged is lost, nothing is half done, and the next
 * process goes on at once. CRATON_HSM_KILLS sets the number of kills (30; 9,000 with
 * CRATON_HSM_TEST_LONG=1). */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>

#include "os/clock.h"
#include "store/store.h"
#include "support/check.h"
#include "unit/os/scratch.h"
#include "unit/store/store_env.h"

#define WRITERS 2
#define KEYS_PER_LIFE 100000u /* more than anybody lives to make */
/* Who outlives many others has more. */
#define VICTIMS_FIRST 3000000000u
#define SURVIVOR_FIRST 3500000000u
#define SURVIVOR_KEYS 700000000u
#define LOG_PAGES 200u /* so that checkpoints are hit as well */

static hsm_err open_store(hsm_store **out_store)
{
    const hsm_store_options options = {
        .directory = scratch_path("killed"),
        .crypto = env_crypto(),
        .slot_count = 1,
        .busy_ms = 10000,
        .cached_max = 256,
        .log_pages = LOG_PAGES,
    };

    HSM_TRY(hsm_store_open(&options, out_store));
    store_env_login(*out_store, 0);
    return HSM_OK;
}

static unsigned kills(void)
{
    const char *said = getenv("CRATON_HSM_KILLS");

    if (said != NULL)
        return (unsigned)strtoul(said, NULL, 10);
    return getenv("CRATON_HSM_TEST_LONG") != NULL ? 9000 : 30;
}

static unsigned below(unsigned bound)
{
    unsigned value = 0;

    return getrandom(&value, sizeof value, 0) == (ssize_t)sizeof value ? value % bound : 0;
}

/* --- a writer's life ---------------------------------------------------------------------------- */

/* Step s of a life inserts key s, and every third step also has destroyed key s - 1 before it. Each
 * step is told to the parent when it is done. */
static hsm_err step(hsm_store *store, uint32_t first, uint32_t s, uint64_t *last_id)
{
    uint64_t id = 0;

    if (s % 3 == 2) {
        HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
        HSM_TRY(hsm_store_get(store, 0, *last_id, &object));
        HSM_TRY(hsm_store_delete(store, object));
    }
    HSM_TRY(store_env_try_insert(store, 0, first + s, s % 2 == 0, &id));
    *last_id = id;
    return HSM_OK;
}

static void live(uint32_t first, uint32_t keys, int out)
{
    hsm_store *store = NULL;
    uint64_t last_id = 0;

    if (open_store(&store) != HSM_OK)
        _exit(1);
    for (uint32_t s = 0; s < keys; s++) {
        if (step(store, first, s, &last_id) != HSM_OK)
            _exit(2);
        if (write(out, &s, sizeof s) != (ssize_t)sizeof s)
            _exit(3);
    }
    _exit(4);
}

typedef struct writer {
    pid_t pid;
    int in;
    uint32_t first; /* number of its first key */
    uint32_t done;  /* steps acknowledged */
} writer;

static bool give_birth(writer *made, uint32_t first, uint32_t keys)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    (void)fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        live(first, keys, ends[1]);
    }
    (void)close(ends[1]);
    *made = (writer){ .pid = pid, .in = ends[0], .first = first };
    return pid > 0;
}

/* Hears one acknowledgement; false at the end of the life. */
static bool hear(writer *from)
{
    uint32_t s = 0;

    if (read(from->in, &s, sizeof s) != (ssize_t)sizeof s)
        return false;
    CHECK_EQ(s, from->done);
    from->done = s + 1;
    return true;
}

static void kill_it(writer *victim)
{
    int status = 0;

    CHECK_EQ(kill(victim->pid, SIGKILL), 0);
    while (hear(victim)) {
    }
    CHECK_EQ(waitpid(victim->pid, &status, 0), victim->pid);
    CHECK_THAT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL); /* not gone by itself */
    (void)close(victim->in);
}

/* --- what is left ------------------------------------------------------------------------------- */

/* 1: there and whole; 0: not there; -1: neither. */
static int is_there(hsm_store *store, uint32_t number)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf ids = { 0 };
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    env_template t = { .count = 0 };
    uint64_t id = 0;

    env_bytes(&t, CKA_ID, &number, sizeof number);
    const hsm_template view = env_view(&t);
    if (hsm_store_find(store, 0, &view, &ids) != HSM_OK)
        return -1;
    if (ids.len == 0)
        return 0;
    memcpy(&id, ids.data, sizeof id);
    if (ids.len != sizeof id || hsm_store_get(store, 0, id, &object) != HSM_OK)
        return -1;
    return store_env_is_whole(store, object, number) ? 1 : -1;
}

/* Every step acknowledged is there; the one after it may be, in part: its two changes are two. */
static void check_life(hsm_store *store, const writer *dead)
{
    const uint32_t done = dead->done;

    for (uint32_t s = 0; s < done; s++) {
        const bool is_destroyed = s % 3 == 1 && s + 1 < done;
        const bool may_be_either = s % 3 == 1 && s + 1 == done;
        const int there = is_there(store, dead->first + s);
        if (may_be_either ? there < 0 : there != (is_destroyed ? 0 : 1)) {
            (void)printf("# key %u of %u: %d\n", s, done, there);
            CHECK_THAT(false);
        }
    }
    CHECK_THAT(is_there(store, dead->first + done) >= 0);
    CHECK_EQ(is_there(store, dead->first + done + 1), 0);
}

static int check_lives(void *arg)
{
    const writer *dead = arg;
    hsm_store *store = NULL;

    if (!CHECK_OK(open_store(&store)))
        return 1;
    for (size_t i = 0; i < WRITERS; i++)
        check_life(store, &dead[i]);
    hsm_store_close(store);
    return 0;
}

static void check_integrity(void)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;

    CHECK_EQ(sqlite3_initialize(), SQLITE_OK);
    CHECK_EQ(sqlite3_open(scratch_path("killed/store.db"), &db), SQLITE_OK);
    CHECK_EQ(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL), SQLITE_OK);
    CHECK_EQ(sqlite3_step(stmt), SQLITE_ROW);
    CHECK_STR((const char *)sqlite3_column_text(stmt, 0), "ok");
    (void)sqlite3_finalize(stmt);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

/* --- the tests ---------------------------------------------------------------------------------- */

static void pause_randomly(void)
{
    const struct timespec pause = { .tv_nsec = (long)below(1500000) };

    (void)nanosleep(&pause, NULL); /* the moment of the kill, not an order of things */
}

static void killed_writers_lose_nothing(void)
{
    const unsigned rounds = kills() / WRITERS + 1;
    uint64_t acknowledged = 0;
    uint32_t next = 0;

    (void)scratch();
    for (unsigned round = 0; round < rounds; round++) {
        writer writers[WRITERS];
        for (size_t i = 0; i < WRITERS; i++, next += KEYS_PER_LIFE)
            REQUIRE_THAT(give_birth(&writers[i], next, KEYS_PER_LIFE));
        for (unsigned acks = 1 + below(20); acks > 0; acks--)
            REQUIRE_THAT(hear(&writers[round % WRITERS]));
        for (size_t i = 0; i < WRITERS; i++) {
            pause_randomly();
            kill_it(&writers[i]);
            acknowledged += writers[i].done;
        }
        REQUIRE_THAT(check_lives(writers) == 0);
    }
    check_integrity();
    printf("# %u kills, %llu changes acknowledged\n", rounds * WRITERS,
           (unsigned long long)acknowledged);
}

/* While others live on: they must not be held up by what the dead one left. */
static void a_survivor_goes_on(void)
{
    writer victim;
    writer survivor;

    (void)scratch();
    REQUIRE_THAT(give_birth(&victim, VICTIMS_FIRST, KEYS_PER_LIFE) &&
                 give_birth(&survivor, SURVIVOR_FIRST, SURVIVOR_KEYS));
    REQUIRE_THAT(hear(&victim) && hear(&survivor));
    for (unsigned i = 0; i < kills() / 6 + 1; i++) {
        pause_randomly();
        kill_it(&victim);
        const uint64_t before = hsm_clock_monotonic_ns();
        int told = 0; /* bytes that it had written by now */
        CHECK_EQ(ioctl(survivor.in, FIONREAD, &told), 0);
        const uint32_t seen = survivor.done + (uint32_t)told / (uint32_t)sizeof(uint32_t);
        while (survivor.done < seen + 16)
            REQUIRE_THAT(hear(&survivor));
        CHECK_THAT(hsm_clock_monotonic_ns() - before < 9 * HSM_NS_PER_SEC);
        REQUIRE_THAT(give_birth(&victim, VICTIMS_FIRST + (i + 1) * KEYS_PER_LIFE, KEYS_PER_LIFE));
        REQUIRE_THAT(hear(&victim));
    }
    writer last[WRITERS] = { victim, survivor };
    for (size_t i = 0; i < WRITERS; i++)
        kill_it(&last[i]);
    CHECK_EQ(check_lives(last), 0);
    check_integrity();
}

static const check_test tests[] = {
    CHECK_TEST(killed_writers_lose_nothing),
    CHECK_TEST(a_survivor_goes_on),
};
CHECK_MAIN(tests)
