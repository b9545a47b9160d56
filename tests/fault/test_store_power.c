/* The store after a loss of power at any point: what was acknowledged is there, and at most the one
 * change that was under way besides. CRATON_HSM_TEST_LONG=1 cuts after every event, in several ways each. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "fault/power.h"
#include "store/store.h"
#include "support/check.h"
#include "unit/os/scratch.h"
#include "unit/store/store_env.h"

#define CHANGES 120u
#define LOG_PAGES 60u /* several checkpoints, with the log begun anew after them */

#define WAYS 8u /* what was not durable may have arrived in, for each event */

static const char *const recorded[] = { "store.db-wal", "store.db" };
static size_t acked_at[CHANGES + 1]; /* events when so many changes were acknowledged */

static hsm_err open_store(const char *directory, hsm_store **out_store)
{
    const hsm_store_options options = {
        .directory = directory,
        .crypto = env_crypto(),
        .slot_count = 1,
        .busy_ms = 5000,
        .cached_max = 16,
        .log_pages = LOG_PAGES,
    };

    HSM_TRY(hsm_store_open(&options, out_store));
    store_env_login(*out_store, 0);
    return HSM_OK;
}

/* --- what is done, and what must be there ------------------------------------------------------- */

/* The state after some changes: versions of the objects by number (0: none), and of the token. */
typedef struct model {
    uint64_t versions[CHANGES];
    uint64_t token;
} model;

typedef enum change_kind { INSERT, REPLACE, DESTROY, TOKEN } change_kind;

/* Change `i` of the run: what, and with which object. */
static change_kind change_of(uint32_t i, uint32_t *out_number)
{
    *out_number = i;
    if (i % 10 == 9)
        return TOKEN;
    if (i % 5 == 3) {
        *out_number = i - 2;
        return REPLACE;
    }
    if (i % 5 == 4) {
        *out_number = i - 3;
        return i >= 5 ? DESTROY : TOKEN;
    }
    return INSERT;
}

static void model_after(uint32_t changes, model *out)
{
    *out = (model){ .token = 1 };
    for (uint32_t i = 0; i < changes; i++) {
        uint32_t number = 0;
        switch (change_of(i, &number)) {
        case INSERT:
            out->versions[number] = 1;
            break;
        case REPLACE:
            out->versions[number]++;
            break;
        case DESTROY:
            out->versions[number] = 0;
            break;
        case TOKEN:
            out->token++;
            break;
        }
    }
}

static hsm_err object_of(hsm_store *store, uint32_t number, hsm_object **out_object)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf ids = { 0 };
    env_template t = { .count = 0 };
    uint64_t id = 0;

    env_bytes(&t, CKA_ID, &number, sizeof number);
    const hsm_template view = env_view(&t);
    HSM_TRY(hsm_store_find(store, 0, &view, &ids));
    HSM_CHECK(ids.len == sizeof id, HSM_E_STORE_NOT_FOUND);
    memcpy(&id, ids.data, sizeof id);
    return hsm_store_get(store, 0, id, out_object);
}

static hsm_err replace_object(hsm_store *store, uint32_t number)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *changed = NULL;
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;

    HSM_TRY(object_of(store, number, &object));
    HSM_TRY(hsm_object_to_draft(object, hsm_store_serial(store, 0), &draft));
    HSM_TRY(hsm_draft_put(draft, CKA_LABEL, hsm_bytes_of_text("replaced")));
    return hsm_store_replace(store, object, draft, &changed);
}

static hsm_err make_change(hsm_store *store, uint32_t i)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf record = { 0 };
    uint64_t version = 0;
    uint64_t id = 0;
    uint32_t number = 0;

    switch (change_of(i, &number)) {
    case INSERT:
        return store_env_try_insert(store, 0, number, number % 2 == 0, &id);
    case REPLACE:
        return replace_object(store, number);
    case DESTROY:
        HSM_TRY(object_of(store, number, &object));
        return hsm_store_delete(store, object);
    case TOKEN:
        HSM_TRY(hsm_store_token_read(store, 0, &record, &version));
        return hsm_store_token_write(store, 0, version, hsm_bytes_of_text("token"));
    }
    return HSM_E_INTERNAL;
}

/* Makes a store, then records all changes to it; in the middle it is closed and opened. */
static bool run_and_record(const char *directory)
{
    hsm_store *store = NULL;
    bool is_good = true;

    if (!CHECK_OK(open_store(directory, &store)))
        return false;
    is_good = CHECK_OK(hsm_store_token_write(store, 0, 0, hsm_bytes_of_text("token")));
    is_good = is_good && CHECK_THAT(power_record(directory, recorded, HSM_ARRAY_LEN(recorded)));
    for (uint32_t i = 0; i < CHANGES && is_good; i++) {
        is_good = CHECK_OK(make_change(store, i));
        acked_at[i + 1] = power_events();
        if (i == CHANGES / 2) {
            hsm_store_close(store);
            store = NULL;
            is_good = is_good && CHECK_OK(open_store(directory, &store));
        }
    }
    power_stop();
    hsm_store_close(store);
    return is_good;
}

/* --- looking at what is left -------------------------------------------------------------------- */

static bool is_intact(const char *directory)
{
    char path[PATH_MAX + 64];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    bool is_ok = false;

    (void)snprintf(path, sizeof path, "%s/store.db", directory);
    if (sqlite3_initialize() == SQLITE_OK && sqlite3_open(path, &db) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        is_ok = strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return is_ok;
}

static bool agrees(hsm_store *store, const model *want)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf record = { 0 };
    uint64_t version = 0;
    uint64_t count = 0;
    uint64_t wanted = 0;

    if (hsm_store_token_read(store, 0, &record, &version) != HSM_OK || version != want->token)
        return false;
    for (uint32_t number = 0; number < CHANGES; number++) {
        HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
        const hsm_err err = object_of(store, number, &object);
        if (want->versions[number] == 0
                ? err != HSM_E_STORE_NOT_FOUND
                : err != HSM_OK || object->version != want->versions[number] ||
                      !store_env_is_whole(store, object, number))
            return false;
        wanted += want->versions[number] != 0;
    }
    return hsm_store_count(store, 0, &count) == HSM_OK && count == wanted;
}

typedef struct cut {
    const char *directory;
    uint32_t acked;
} cut;

/* In a child: 0 if the store is as it must be after `acked` changes, and goes on working. */
static int look(void *arg)
{
    const cut *at = arg;
    hsm_store *store = NULL;
    model exactly;
    model one_more;
    uint64_t id = 0;

    model_after(at->acked, &exactly);
    model_after(at->acked < CHANGES ? at->acked + 1 : at->acked, &one_more);
    if (open_store(at->directory, &store) != HSM_OK)
        return 1;
    if (!agrees(store, &exactly) && !agrees(store, &one_more))
        return 2;
    if (store_env_try_insert(store, 0, 5000, true, &id) != HSM_OK)
        return 3;
    hsm_store_close(store);
    return is_intact(at->directory) ? 0 : 4;
}

static bool is_long(void)
{
    return getenv("CRATON_HSM_TEST_LONG") != NULL;
}

/* How many of `states` cuts leave something wrong behind. */
static unsigned count_bad(const char *original, unsigned states, power_lie lie)
{
    static const char *const others[] = { "store.db-shm", "store.changes", "store.gate",
                                          "store.lock" };
    const char *directory = scratch_path("after");
    unsigned bad = 0;

    (void)mkdir(directory, 0700);
    for (unsigned i = 0; i < states; i++) {
        char path[PATH_MAX + 64];
        const bool is_each = is_long() && lie == POWER_HONEST;
        const size_t event = (is_each ? i : (size_t)rand()) % (power_events() + 1);
        cut at = { .directory = directory, .acked = 0 };

        for (size_t k = 0; k < HSM_ARRAY_LEN(others); k++) {
            (void)snprintf(path, sizeof path, "%s/%s", directory, others[k]);
            (void)unlink(path);
        }
        while (at.acked < CHANGES && acked_at[at.acked + 1] <= event)
            at.acked++;
        if (!CHECK_THAT(power_cut(directory, event, (unsigned)rand(), lie)))
            return states;
        (void)snprintf(path, sizeof path, "%s/device.key", directory);
        (void)unlink(path);
        (void)snprintf(path, sizeof path, "cp %s/device.key %s/", original, directory);
        CHECK_EQ(system(path), 0);
        const int answer = in_child(look, &at);
        if (answer != 0 && lie == POWER_HONEST)
            printf("# cut after event %zu, %u acknowledged: %d\n", event, at.acked, answer);
        bad += answer != 0;
    }
    return bad;
}

static const char *recorded_store(void)
{
    static char directory[PATH_MAX + 32];

    if (directory[0] == '\0') {
        (void)snprintf(directory, sizeof directory, "%s/original", scratch());
        if (!run_and_record(directory))
            directory[0] = '\0';
    }
    return directory[0] != '\0' ? directory : NULL;
}

static void nothing_acknowledged_is_lost(void)
{
    const char *original = recorded_store();

    REQUIRE_THAT(original != NULL);
    const unsigned states = is_long() ? (unsigned)(power_events() + 1) * WAYS : 60;
    CHECK_EQ(count_bad(original, states, POWER_HONEST), 0);
    printf("# %u failures tried: cuts, after %zu events\n", states, power_events());
}

/* The same with a disk that lies must be found out, or this test shows nothing. */
static void a_lying_disk_is_found_out(void)
{
    const char *original = recorded_store();

    REQUIRE_THAT(original != NULL);
    CASE("the log is not synced (synchronous=NORMAL)");
    CHECK_THAT(count_bad(original, 30, POWER_FIRST_FILE_LIES) > 0);
    CASE("nothing is synced (synchronous=OFF)");
    CHECK_THAT(count_bad(original, 30, POWER_ALL_LIE) > 0);
}

static const check_test tests[] = {
    CHECK_TEST(nothing_acknowledged_is_lost),
    CHECK_TEST(a_lying_disk_is_found_out),
};
CHECK_MAIN(tests)
