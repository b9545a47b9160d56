/* The n-th write or sync of the store fails, for every n: the error is the right one, what was
 * acknowledged stays, and the store goes on when the disk does. CRATON_HSM_TEST_LONG=1 leaves out none. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fault/disk.h"
#include "store/names.h"
#include "store/store.h"
#include "support/check.h"
#include "unit/os/scratch.h"
#include "unit/store/store_env.h"

/* --- one run ------------------------------------------------------------------------------------ */

#define KEYS 24u

static hsm_err open_store(const char *directory, hsm_store **out_store, uint32_t log_pages)
{
    const hsm_store_options options = {
        .directory = directory,
        .crypto = env_crypto(),
        .slot_count = 1,
        .busy_ms = 1000,
        .cached_max = 16,
        .log_pages = log_pages,
    };

    HSM_TRY(hsm_store_open(&options, out_store));
    store_env_login(*out_store, 0);
    return HSM_OK;
}

/* Inserts KEYS keys; which of them were acknowledged. The last error. */
static hsm_err insert_all(hsm_store *store, uint64_t ids[KEYS])
{
    hsm_err last = HSM_OK;

    for (uint32_t i = 0; i < KEYS; i++) {
        ids[i] = 0;
        const hsm_err err = store_env_try_insert(store, 0, i, i % 2 == 0, &ids[i]);
        if (err != HSM_OK)
            last = err;
    }
    return last;
}

/* What was acknowledged is there and whole; what was refused is not there at all. */
static void check_kept(hsm_store *store, const uint64_t ids[KEYS])
{
    uint64_t count = 0;
    uint64_t wanted = 0;

    for (uint32_t i = 0; i < KEYS; i++) {
        HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
        if (ids[i] == 0)
            continue;
        wanted++;
        if (CHECK_OK(hsm_store_get(store, 0, ids[i], &object)))
            CHECK_THAT(store_env_is_whole(store, object, i));
    }
    CHECK_OK(hsm_store_count(store, 0, &count));
    CHECK_EQ(count, wanted);
}

/* Runs with the failure at call n; false when there were not so many calls. */
static bool run_with_failure(const char *directory, long n, hsm_err want)
{
    HSM_AUTO(hsm_store_drop) hsm_store *store = NULL;
    uint64_t ids[KEYS];
    uint64_t id = 0;

    disk_reset();
    if (!CHECK_OK(open_store(directory, &store, 20)))
        return false;
    disk.calls = 0;
    disk.fails_at = n;
    const hsm_err err = insert_all(store, ids);
    const bool was_hit = disk.calls >= n;
    disk_reset();
    /* A failure at housekeeping is nobody's answer. */
    CHECK_THAT(err == want || err == HSM_OK);
    check_kept(store, ids);
    CHECK_OK(store_env_try_insert(store, 0, 100, true, &id));
    hsm_store_close(store);
    store = NULL;
    if (CHECK_OK(open_store(directory, &store, 20))) {
        HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
        if (CHECK_OK(hsm_store_get(store, 0, id, &object)))
            CHECK_THAT(store_env_is_whole(store, object, 100));
        for (uint32_t i = 0; i < KEYS; i++) {
            HSM_AUTO(hsm_object_drop) hsm_object *kept = NULL;
            if (ids[i] != 0 && CHECK_OK(hsm_store_get(store, 0, ids[i], &kept)))
                CHECK_THAT(store_env_is_whole(store, kept, i));
        }
    }
    return was_hit;
}

static const struct {
    const char *label;
    int error;
    bool is_short;
    long fails_for;
    hsm_err want;
} failures[] = {
    { "one write has no room", ENOSPC, false, 1, HSM_E_STORE_FULL },
    { "the disk stays full", ENOSPC, true, 1000000, HSM_E_STORE_FULL },
    { "the quota is used up", EDQUOT, false, 1, HSM_E_STORE_FULL },
    { "one write is half done", EIO, true, 1, HSM_E_STORE_IO },
    { "the disk is gone", EIO, false, 1000000, HSM_E_STORE_IO },
};

static void every_failure_is_survived(void)
{
    const long stride = getenv("CRATON_HSM_TEST_LONG") != NULL ? 1 : 5;
    long tried = 0;

    for (size_t i = 0; i < HSM_ARRAY_LEN(failures); i++) {
        long n = 1;
        bool was_hit = true;

        CASE(failures[i].label);
        disk.error = failures[i].error;
        disk.is_short = failures[i].is_short;
        disk.fails_for = failures[i].fails_for;
        for (; was_hit && n < 1000; n += n < 40 ? 1 : stride) {
            char name[64];
            (void)snprintf(name, sizeof name, "f%zu-%ld", i, n);
            was_hit = run_with_failure(scratch_path(name), n, failures[i].want);
            tried++;
        }
        CHECK_THAT(n > 50 && !was_hit); /* it did fail, often, and came to the end */
    }
    printf("# %ld failures tried\n", tried);
}

/* The store can't even be made; later it can. */
static void a_store_is_made_when_there_is_room(void)
{
    HSM_AUTO(hsm_store_drop) hsm_store *store = NULL;
    const char *directory = scratch_path("made");
    bool was_hit = true;

    for (long n = 1; was_hit; n++) {
        disk_reset();
        disk.error = ENOSPC;
        disk.fails_at = n;
        disk.fails_for = 1000000;
        const hsm_err err = open_store(directory, &store, 20);
        was_hit = disk.calls >= n;
        disk_reset();
        CHECK_THAT(err == HSM_E_STORE_FULL || !was_hit);
        CHECK_THAT((err == HSM_OK) == (store != NULL));
        if (err != HSM_OK)
            was_hit = true;
        hsm_store_drop(&store);
        REQUIRE_THAT(n < 200);
    }
    REQUIRE_OK(open_store(directory, &store, 20));
}

static off_t log_bytes(const char *directory)
{
    char path[PATH_MAX + 64];
    struct stat info = { .st_size = -1 };

    (void)snprintf(path, sizeof path, "%s/" HSM_STORE_DATABASE HSM_STORE_LOG_ENDING, directory);
    CHECK_EQ(stat(path, &info), 0);
    return info.st_size;
}

/* Nor does it make the log longer, or ask for the log's times: the next sync would write the inode too. */
static void a_commit_is_one_write_and_one_sync(void)
{
    HSM_AUTO(hsm_store_drop) hsm_store *store = NULL;
    const char *directory = scratch_path("one");
    uint64_t id = 0;

    disk_reset();
    REQUIRE_OK(open_store(directory, &store, 2000));
    for (uint32_t i = 0; i < 40; i++) /* the log gets room ahead */
        REQUIRE_OK(store_env_try_insert(store, 0, i, true, &id));
    const off_t bytes = log_bytes(directory);
    for (uint32_t i = 40; i < 44; i++) {
        disk_reset();
        REQUIRE_OK(store_env_try_insert(store, 0, i, true, &id));
        CHECK_EQ(disk.calls, 2);
        CHECK_EQ(disk.looks, 0);
    }
    CHECK_EQ(log_bytes(directory), bytes);
}

static const check_test tests[] = {
    CHECK_TEST(a_commit_is_one_write_and_one_sync),
    CHECK_TEST(every_failure_is_survived),
    CHECK_TEST(a_store_is_made_when_there_is_room),
};
CHECK_MAIN(tests)
