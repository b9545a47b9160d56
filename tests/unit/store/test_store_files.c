/* What lies in the store's directory: modes, owners, versions, the device key, read-only places. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/device_key.h"
#include "support/check.h"
#include "unit/os/scratch.h"
#include "unit/store/store_env.h"

#define NOBODY 65534

static const char *new_directory(void)
{
    static unsigned number;
    static char paths[8][PATH_MAX + 32];
    char *path = paths[number % 8];

    (void)snprintf(path, sizeof paths[0], "%s/store%u", scratch(), number++);
    return path;
}

static const char *in_directory(const char *directory, const char *name)
{
    static char paths[8][PATH_MAX + 300];
    static unsigned turn;
    char *path = paths[turn++ % 8];

    (void)snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

/* A closed store with one public object, number 1; its id. */
static uint64_t make_store(const char *directory)
{
    HSM_AUTO(hsm_store_drop) hsm_store *store = store_env_open(directory);
    uint64_t id = 0;

    if (store != NULL) {
        CHECK_OK(hsm_store_token_write(store, 0, 0, hsm_bytes_of_text("token")));
        CHECK_OK(store_env_try_insert(store, 0, 1, false, &id));
    }
    return id;
}

/* Opening must fail with this error. */
static void check_refused(const char *directory, hsm_err want)
{
    HSM_AUTO(hsm_store_drop) hsm_store *store = NULL;

    CHECK_ERR(store_env_try(directory, &store), want);
    CHECK_THAT(store == NULL);
}

/* The object of make_store() is there and whole. */
static void check_whole(hsm_store *store, uint64_t id)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;

    if (CHECK_OK(hsm_store_get(store, 0, id, &object)))
        CHECK_THAT(store_env_is_whole(store, object, 1));
}

static void check_opens(const char *directory, uint64_t id)
{
    HSM_AUTO(hsm_store_drop) hsm_store *store = store_env_open(directory);

    if (store != NULL)
        check_whole(store, id);
}

static void it_is_there_after_a_restart(void)
{
    const char *directory = new_directory();
    const uint64_t id = make_store(directory);

    check_opens(directory, id);
    check_opens(directory, id);
}

static void all_files_are_private(void)
{
    const char *directory = new_directory();
    HSM_AUTO(hsm_store_drop) hsm_store *store = NULL;
    struct stat info;
    size_t files = 0;
    const mode_t before = umask(0); /* the worst a host may set */

    store = store_env_open(directory);
    REQUIRE_THAT(store != NULL);
    uint64_t id = 0;
    CHECK_OK(store_env_try_insert(store, 0, 1, false, &id));
    (void)umask(before);
    CHECK_EQ(stat(directory, &info), 0);
    CHECK_EQ(info.st_mode & 0777, 0700);
    DIR *listing = opendir(directory);
    REQUIRE_THAT(listing != NULL);
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        if (entry->d_name[0] == '.')
            continue;
        CASE(entry->d_name);
        CHECK_EQ(stat(in_directory(directory, entry->d_name), &info), 0);
        CHECK_EQ(info.st_mode & 0777, 0600);
        files++;
    }
    (void)closedir(listing);
    CHECK_THAT(files >= 8); /* database, log, index, three locks, counter, key */
}

static void wrong_modes_and_links_are_refused(void)
{
    const char *directory = new_directory();
    const char *link = new_directory();
    const uint64_t id = make_store(directory);

    CASE("database readable by others");
    CHECK_EQ(chmod(in_directory(directory, "store.db"), 0644), 0);
    check_refused(directory, HSM_E_STORE_PERMISSION);
    CHECK_EQ(chmod(in_directory(directory, "store.db"), 0600), 0);
    CASE("device key readable by others");
    CHECK_EQ(chmod(in_directory(directory, "device.key"), 0640), 0);
    check_refused(directory, HSM_E_STORE_PERMISSION);
    CHECK_EQ(chmod(in_directory(directory, "device.key"), 0600), 0);
    CASE("directory writable by others");
    CHECK_EQ(chmod(directory, 0777), 0);
    check_refused(directory, HSM_E_STORE_PERMISSION);
    CHECK_EQ(chmod(directory, 0700), 0);
    CASE("a link to the directory");
    CHECK_EQ(symlink(directory, link), 0);
    check_refused(link, HSM_E_STORE_PERMISSION);
    CASE("the database is a link");
    CHECK_EQ(rename(in_directory(directory, "store.db"), in_directory(directory, "elsewhere")), 0);
    CHECK_EQ(symlink("elsewhere", in_directory(directory, "store.db")), 0);
    check_refused(directory, HSM_E_STORE_PERMISSION);
    CHECK_EQ(rename(in_directory(directory, "elsewhere"), in_directory(directory, "store.db")), 0);
    CASE("all is well again");
    check_opens(directory, id);
}

static void a_file_in_the_way_is_an_error(void)
{
    const char *path = new_directory();
    const int fd = open(path, O_CREAT | O_WRONLY, 0600);
    HSM_AUTO(hsm_store_drop) hsm_store *store = NULL;

    (void)close(fd);
    CHECK_THAT(store_env_try(path, &store) != HSM_OK);
    CHECK_THAT(store == NULL);
    CHECK_THAT(store_env_try("", &store) != HSM_OK);
    CHECK_THAT(store_env_try("/tmp/../tmp/x", &store) != HSM_OK);
}

static void it_is_open_once_in_a_process(void)
{
    const char *directory = new_directory();
    const uint64_t id = make_store(directory);
    HSM_AUTO(hsm_store_drop) hsm_store *store = store_env_open(directory);

    check_refused(directory, HSM_E_STORE_BUSY);
    check_whole(store, id);
    uint64_t other = 0;
    CHECK_OK(store_env_try_insert(store, 0, 2, false, &other));
}

/* What anybody on the machine could take first would keep the store from being opened. */
static void being_open_is_not_said_in_public(void)
{
    HSM_AUTO(hsm_store_drop) hsm_store *store = store_env_open(new_directory());
    FILE *sockets = fopen("/proc/net/unix", "r");
    char own[64]; /* of this process; others run too */
    char line[512];

    (void)snprintf(own, sizeof own, ":%lx:", (unsigned long)getpid());
    REQUIRE_THAT(store != NULL && sockets != NULL);
    while (fgets(line, sizeof line, sockets) != NULL)
        CHECK_THAT(strstr(line, "craton-hsm") == NULL || strstr(line, own) == NULL);
    (void)fclose(sockets);
}

/* --- versions ----------------------------------------------------------------------------------- */

static void run_sql(const char *directory, const char *sql)
{
    sqlite3 *db = NULL;

    CHECK_EQ(sqlite3_initialize(), SQLITE_OK);
    CHECK_EQ(sqlite3_open(in_directory(directory, "store.db"), &db), SQLITE_OK);
    CHECK_EQ(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

static void a_newer_version_is_refused(void)
{
    const char *directory = new_directory();
    const uint64_t id = make_store(directory);

    run_sql(directory, "PRAGMA user_version = 2");
    check_refused(directory, HSM_E_STORE_VERSION);
    run_sql(directory, "PRAGMA user_version = 1");
    check_opens(directory, id);
}

static void somebody_elses_database_is_refused(void)
{
    const char *directory = new_directory();

    (void)make_store(directory);
    run_sql(directory, "PRAGMA application_id = 1234");
    check_refused(directory, HSM_E_STORE_CORRUPT);
}

static void a_missing_table_is_an_error(void)
{
    const char *directory = new_directory();
    HSM_AUTO(hsm_store_drop) hsm_store *store = NULL;
    uint64_t id = make_store(directory);

    run_sql(directory, "DROP TABLE tag");
    store = store_env_open(directory);
    REQUIRE_THAT(store != NULL);
    check_whole(store, id);
    CHECK_ERR(store_env_try_insert(store, 0, 2, false, &id), HSM_E_STORE_CORRUPT);
}

/* --- the device key ----------------------------------------------------------------------------- */

static void write_key(const char *path, size_t len)
{
    static const uint8_t key[64] = { 1, 2, 3 };
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    CHECK_THAT(fd >= 0 && write(fd, key, len) == (ssize_t)len);
    (void)close(fd);
}

static void nothing_opens_without_its_device_key(void)
{
    const char *directory = new_directory();
    const char *key = in_directory(directory, "device.key");
    const char *kept = in_directory(directory, "kept.key");
    const uint64_t id = make_store(directory);

    CHECK_EQ(rename(key, kept), 0);
    CASE("missing: none is made for an old store");
    check_refused(directory, HSM_E_STORE_CORRUPT);
    CHECK_THAT(access(key, F_OK) != 0);
    CASE("another one");
    write_key(key, 32);
    check_refused(directory, HSM_E_STORE_CORRUPT);
    static const size_t lengths[] = { 0, 31, 33 };
    for (size_t i = 0; i < HSM_ARRAY_LEN(lengths); i++) {
        CASE("not 32 bytes");
        write_key(key, lengths[i]);
        check_refused(directory, HSM_E_STORE_CORRUPT);
    }
    CHECK_EQ(rename(kept, key), 0);
    CASE("the right one");
    check_opens(directory, id);
}

static void a_credential_replaces_the_file(void)
{
    const char *directory = new_directory();
    const char *credentials = new_directory();
    uint64_t id = 0;

    CHECK_EQ(mkdir(credentials, 0700), 0);
    write_key(in_directory(credentials, HSM_DEVICE_KEY_CREDENTIAL), 32);
    CHECK_EQ(setenv("CREDENTIALS_DIRECTORY", credentials, 1), 0);
    id = make_store(directory);
    CHECK_THAT(access(in_directory(directory, "device.key"), F_OK) != 0);
    check_opens(directory, id);
    CASE("gone");
    CHECK_EQ(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    check_refused(directory, HSM_E_STORE_CORRUPT);
    CASE("too short");
    CHECK_EQ(setenv("CREDENTIALS_DIRECTORY", credentials, 1), 0);
    write_key(in_directory(credentials, HSM_DEVICE_KEY_CREDENTIAL), 31);
    check_refused(directory, HSM_E_STORE_CORRUPT);
    CHECK_EQ(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

/* --- a database that is gone -------------------------------------------------------------------- */

static off_t size_of(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? info.st_size : -1;
}

/* A store's files, and what a loss leaves of them. */
static const char *const names[] = {
    "store.db",      "store.db-wal", "store.db-shm", "device.key",
    "store.changes", "store.login",  "store.gate",   "store.lock"
};
enum { DB = 1, WAL = 2, SHM = 4, KEY = 8, CHANGES = 16, LOGIN = 32, LOCKS = 64 | 128 };

static const struct {
    const char *label;
    unsigned left;
    bool is_emptied; /* store.db is there, with nothing in it */
} losses[] = {
    { "emptied", DB | WAL | SHM | KEY | CHANGES | LOGIN | LOCKS, true },
    { "emptied, everything else gone", DB, true },
    { "deleted", WAL | SHM | KEY | CHANGES | LOGIN | LOCKS, false },
    { "deleted with its log", KEY | CHANGES | LOGIN | LOCKS, false },
    { "only the log was put back", WAL, false },
    { "the device key is gone too", CHANGES | LOGIN | LOCKS, false },
    { "only the index", SHM | LOCKS, false },
    { "only the counter", CHANGES, false },
    { "only the lock of logins", LOGIN, false },
};

static void lose(const char *directory, size_t which)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(names); i++) {
        if ((losses[which].left >> i & 1u) == 0)
            CHECK_EQ(unlink(in_directory(directory, names[i])), 0);
    }
    if (losses[which].is_emptied)
        CHECK_EQ(truncate(in_directory(directory, "store.db"), 0), 0);
}

/* Refused, and nothing of what is left is touched: it may be all that there is. */
static void a_lost_database_is_no_new_store(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(losses); i++) {
        const char *directory = new_directory();

        CASE(losses[i].label);
        (void)make_store(directory);
        const off_t log_bytes = size_of(in_directory(directory, "store.db-wal"));
        CHECK_THAT(log_bytes >= 0);
        lose(directory, i);
        check_refused(directory, HSM_E_STORE_LOST);
        check_refused(directory, HSM_E_STORE_LOST);
        const bool has_log = (losses[i].left & WAL) != 0;
        CHECK_EQ(size_of(in_directory(directory, "store.db-wal")), has_log ? log_bytes : -1);
        CHECK_EQ(size_of(in_directory(directory, "store.db")), losses[i].is_emptied ? 0 : -1);
        CHECK_EQ(size_of(in_directory(directory, "store.db.new")), -1);
    }
}

static void a_copy_put_back_is_the_store_again(void)
{
    const char *directory = new_directory();
    const char *database = in_directory(directory, "store.db");
    const char *kept = in_directory(directory, "kept.db");
    const uint64_t id = make_store(directory);

    CHECK_EQ(rename(database, kept), 0);
    check_refused(directory, HSM_E_STORE_LOST);
    CHECK_EQ(rename(kept, database), 0);
    check_opens(directory, id);
}

static void lock_files_and_a_key_are_no_store(void)
{
    static const unsigned left[] = { LOCKS, KEY };

    for (size_t k = 0; k < HSM_ARRAY_LEN(left); k++) {
        const char *directory = new_directory();

        (void)make_store(directory);
        for (size_t i = 0; i < HSM_ARRAY_LEN(names); i++) {
            if ((left[k] >> i & 1) == 0)
                CHECK_EQ(unlink(in_directory(directory, names[i])), 0);
        }
        check_opens(directory, make_store(directory));
    }
}

/* The mark says that the store was never whole; a database beside it that it was put back. */
static void what_was_not_finished_is_begun_anew(void)
{
    const char *directory = new_directory();
    const char *mark = in_directory(directory, "store.db.new");

    CHECK_EQ(mkdir(directory, 0700), 0);
    write_key(mark, 13); /* half a database */
    write_key(in_directory(directory, "store.db.new-wal"), 7);
    write_key(in_directory(directory, "device.key"), 32);
    const uint64_t id = make_store(directory);
    check_opens(directory, id);
    CHECK_EQ(size_of(mark), -1);
    CHECK_EQ(size_of(in_directory(directory, "store.db.new-wal")), -1);
    CASE("a mark beside a database");
    write_key(mark, 0);
    check_opens(directory, id);
    CHECK_EQ(unlink(in_directory(directory, "store.db")), 0);
    check_refused(directory, HSM_E_STORE_LOST);
}

/* Somebody's empty database is not empty as a file. */
static void a_database_without_tables_is_no_store(void)
{
    const char *directory = new_directory();

    (void)make_store(directory);
    for (size_t i = 0; i < 3; i++)
        CHECK_EQ(unlink(in_directory(directory, names[i])), 0);
    run_sql(directory, "PRAGMA user_version = 0; VACUUM");
    CHECK_EQ(chmod(in_directory(directory, "store.db"), 0600), 0);
    CHECK_THAT(size_of(in_directory(directory, "store.db")) > 0);
    check_refused(directory, HSM_E_STORE_CORRUPT);
}

/* --- read-only places --------------------------------------------------------------------------- */

typedef struct ro_case {
    const char *directory;
    uint64_t id;
} ro_case;

/* In a child that is nobody in particular: 0 when all is as it should be, else a step's number. */
static int use_read_only(void *arg)
{
    const ro_case *on = arg;
    hsm_store *store = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf record = { 0 };
    uint64_t version = 0;
    uint64_t id = 0;
    env_template t = { .count = 0 };

    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
        return 1;
    if (store_env_try(on->directory, &store) != HSM_OK)
        return 2;
    store_env_login(store, 0);
    if (!hsm_store_is_read_only(store))
        return 3;
    if (hsm_store_token_read(store, 0, &record, &version) != HSM_OK || version != 1)
        return 4;
    if (hsm_store_get(store, 0, on->id, &object) != HSM_OK || !store_env_is_whole(store, object, 1))
        return 5;
    env_text(&t, CKA_LABEL, "key 1");
    if (store_env_find(store, &t) != 1 || hsm_store_check_current(store, object) != HSM_OK)
        return 6;
    if (store_env_try_insert(store, 0, 2, false, &id) != HSM_E_STORE_READ_ONLY ||
        hsm_store_delete(store, object) != HSM_E_STORE_READ_ONLY ||
        hsm_store_token_write(store, 0, 1,
                              record.data == NULL ? hsm_bytes_none() : hsm_buf_view(&record)) !=
            HSM_E_STORE_READ_ONLY)
        return 7;
    hsm_object_drop(&object);
    hsm_store_close(store);
    return 0;
}

/* Gives everything in a directory to NOBODY, if we may, and takes away writing. */
static void make_read_only(const char *directory, mode_t directory_mode, mode_t file_mode)
{
    DIR *listing = opendir(directory);

    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        if (entry->d_name[0] == '.')
            continue;
        CHECK_EQ(chmod(in_directory(directory, entry->d_name), file_mode), 0);
        if (geteuid() == 0)
            CHECK_EQ(chown(in_directory(directory, entry->d_name), NOBODY, NOBODY), 0);
    }
    (void)closedir(listing);
    if (geteuid() == 0)
        CHECK_EQ(chown(directory, NOBODY, NOBODY), 0);
    CHECK_EQ(chmod(directory, directory_mode), 0);
    CHECK_EQ(chmod(scratch(), 0755), 0);
}

static const struct {
    const char *label;
    mode_t directory_mode;
    mode_t file_mode;
    bool without_index; /* only the database and the key were copied there */
} read_only_cases[] = {
    { "the directory, files as they were", 0500, 0600, false },
    { "directory and files", 0500, 0400, false },
    { "files only", 0700, 0400, false },
    { "a copy of database and key", 0500, 0400, true },
};

static void a_read_only_store_can_be_read(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(read_only_cases); i++) {
        const char *directory = new_directory();
        ro_case on = { .directory = directory, .id = make_store(directory) };

        CASE(read_only_cases[i].label);
        if (read_only_cases[i].without_index) {
            static const char *const others[] = { "store.db-wal", "store.db-shm", "store.changes",
                                                  "store.gate", "store.lock" };
            for (size_t k = 0; k < HSM_ARRAY_LEN(others); k++)
                (void)unlink(in_directory(directory, others[k]));
        }
        make_read_only(directory, read_only_cases[i].directory_mode, read_only_cases[i].file_mode);
        CHECK_EQ(in_child(use_read_only, &on), 0);
        CHECK_EQ(chmod(directory, 0700), 0);
    }
}

static void a_store_is_not_made_where_nothing_can_be_written(void)
{
    CHECK_EQ(geteuid() == 0 ? 0 : mkdir(scratch_path("closed"), 0500), 0);
    if (geteuid() == 0)
        SKIP("root may write everywhere");
    HSM_AUTO(hsm_store_drop) hsm_store *store = NULL;
    CHECK_THAT(store_env_try(scratch_path("closed"), &store) != HSM_OK);
}

static const check_test tests[] = {
    CHECK_TEST(it_is_there_after_a_restart),
    CHECK_TEST(all_files_are_private),
    CHECK_TEST(wrong_modes_and_links_are_refused),
    CHECK_TEST(a_file_in_the_way_is_an_error),
    CHECK_TEST(it_is_open_once_in_a_process),
    CHECK_TEST(being_open_is_not_said_in_public),
    CHECK_TEST(a_newer_version_is_refused),
    CHECK_TEST(somebody_elses_database_is_refused),
    CHECK_TEST(a_missing_table_is_an_error),
    CHECK_TEST(nothing_opens_without_its_device_key),
    CHECK_TEST(a_credential_replaces_the_file),
    CHECK_TEST(a_lost_database_is_no_new_store),
    CHECK_TEST(a_copy_put_back_is_the_store_again),
    CHECK_TEST(lock_files_and_a_key_are_no_store),
    CHECK_TEST(what_was_not_finished_is_begun_anew),
    CHECK_TEST(a_database_without_tables_is_no_store),
    CHECK_TEST(a_read_only_store_can_be_read),
    CHECK_TEST(a_store_is_not_made_where_nothing_can_be_written),
};
CHECK_MAIN(tests)
