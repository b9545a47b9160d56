/* What is destroyed is in no file any more once the store was closed: not its sealed record either. */
#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "support/check.h"
#include "unit/os/scratch.h"
#include "unit/store/store_env.h"

#define NEEDLE_AT 24 /* behind a record's first bytes, which are alike in all of them */
#define NEEDLE_BYTES 32

typedef struct needle {
    uint8_t bytes[NEEDLE_BYTES];
} needle;

/* A part of an object's sealed record, as the closed database has it. */
static needle take_needle(const char *directory, uint64_t id)
{
    char path[PATH_MAX + 64];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    needle found = { { 0 } };

    (void)snprintf(path, sizeof path, "%s/store.db", directory);
    CHECK_EQ(sqlite3_initialize(), SQLITE_OK);
    CHECK_EQ(sqlite3_open(path, &db), SQLITE_OK);
    CHECK_EQ(sqlite3_prepare_v2(db, "SELECT record FROM object WHERE id = ?1", -1, &stmt, NULL),
             SQLITE_OK);
    CHECK_EQ(sqlite3_bind_int64(stmt, 1, (sqlite3_int64)id), SQLITE_OK);
    if (CHECK_EQ(sqlite3_step(stmt), SQLITE_ROW) &&
        CHECK_THAT(sqlite3_column_bytes(stmt, 0) >= NEEDLE_AT + NEEDLE_BYTES))
        memcpy(found.bytes, (const uint8_t *)sqlite3_column_blob(stmt, 0) + NEEDLE_AT,
               NEEDLE_BYTES);
    (void)sqlite3_finalize(stmt);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
    return found;
}

static bool file_has(const char *path, const needle *wanted)
{
    struct stat info;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (!CHECK_EQ(fstat(fd, &info), 0))
        return false;
    uint8_t *content = malloc((size_t)info.st_size + 1);
    if (!CHECK_THAT(content != NULL))
        return false;
    CHECK_EQ(read(fd, content, (size_t)info.st_size), info.st_size);
    const bool has = memmem(content, (size_t)info.st_size, wanted->bytes, NEEDLE_BYTES) != NULL;
    free(content);
    (void)close(fd);
    return has;
}

/* In how many files of the directory. */
static unsigned count_in(const char *directory, const needle *wanted)
{
    char path[PATH_MAX + 300];
    unsigned count = 0;
    DIR *listing = opendir(directory);

    if (!CHECK_THAT(listing != NULL))
        return 0;
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        (void)snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        count += entry->d_name[0] != '.' && file_has(path, wanted);
    }
    (void)closedir(listing);
    return count;
}

/* A closed store of three objects; their needles. */
static void make_store(const char *directory, uint64_t ids[3], needle needles[3])
{
    hsm_store *store = store_env_open(directory);

    if (store == NULL)
        return;
    for (uint32_t i = 0; i < 3; i++)
        CHECK_OK(store_env_try_insert(store, 0, i, i % 2 == 0, &ids[i]));
    hsm_store_close(store);
    for (size_t i = 0; i < 3; i++) {
        needles[i] = take_needle(directory, ids[i]);
        CHECK_EQ(count_in(directory, &needles[i]), 1); /* the search does find */
    }
}

static void a_destroyed_object_is_in_no_file(void)
{
    const char *directory = scratch_path("destroyed");
    uint64_t ids[3] = { 0 };
    needle needles[3] = { 0 };

    make_store(directory, ids, needles);
    hsm_store *store = store_env_open(directory);
    REQUIRE_THAT(store != NULL);
    for (size_t i = 0; i < 2; i++) {
        HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
        if (CHECK_OK(hsm_store_get(store, 0, ids[i], &object)))
            CHECK_OK(hsm_store_delete(store, object));
    }
    hsm_store_close(store);
    CHECK_EQ(count_in(directory, &needles[0]), 0);
    CHECK_EQ(count_in(directory, &needles[1]), 0);
    CHECK_EQ(count_in(directory, &needles[2]), 1);
}

typedef struct look {
    const char *directory;
    uint64_t id;
    needle found;
} look;

/* In a child: to open the database once more would take this process's locks away. */
static int take_in_child(void *arg)
{
    look *at = arg;

    at->found = take_needle(at->directory, at->id);
    return check_failures() == 0 ? 0 : 1;
}

/* One that was made and destroyed in one life was in the log only. */
static void nor_is_one_that_never_was_in_the_database(void)
{
    const char *directory = scratch_path("brief");
    look *at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    REQUIRE_THAT(at != MAP_FAILED);
    at->directory = directory;
    hsm_store *store = store_env_open(directory);
    REQUIRE_THAT(store != NULL);
    CHECK_OK(store_env_try_insert(store, 0, 1, true, &at->id));
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    REQUIRE_OK(hsm_store_get(store, 0, at->id, &object));
    CHECK_EQ(in_child(take_in_child, at), 0);
    const needle wanted = at->found;
    (void)munmap(at, sizeof *at);
    CHECK_EQ(count_in(directory, &wanted), 1);
    CHECK_OK(hsm_store_delete(store, object));
    hsm_object_drop(&object);
    hsm_store_close(store);
    CHECK_EQ(count_in(directory, &wanted), 0);
}

static void a_new_token_takes_all_of_the_old_ones(void)
{
    const char *directory = scratch_path("reset");
    uint64_t ids[3] = { 0 };
    needle needles[3] = { 0 };

    make_store(directory, ids, needles);
    hsm_store *store = store_env_open(directory);
    REQUIRE_THAT(store != NULL);
    CHECK_OK(hsm_store_token_reset(store, 0, 0, hsm_bytes_of_text("a new token")));
    hsm_store_close(store);
    for (size_t i = 0; i < 3; i++)
        CHECK_EQ(count_in(directory, &needles[i]), 0);
}

static const check_test tests[] = {
    CHECK_TEST(a_destroyed_object_is_in_no_file),
    CHECK_TEST(nor_is_one_that_never_was_in_the_database),
    CHECK_TEST(a_new_token_takes_all_of_the_old_ones),
};
CHECK_MAIN(tests)
