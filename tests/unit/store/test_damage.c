/* Damaged files: every answer is an error or right, nothing crashes, what is healthy stays usable.
 * CRATON_HSM_TEST_LONG=1 tries far more places. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/store.h"
#include "support/check.h"
#include "unit/os/scratch.h"
#include "unit/store/store_env.h"

#define OBJECTS 20u
#define FILE_MAX_BYTES (4u << 20)

/* The undamaged store, in memory. */
typedef struct image {
    const char *name;
    uint8_t *data;
    size_t len;
} image;

static image images[] = {
    { .name = "store.db" },      { .name = "store.db-wal" }, { .name = "device.key" },
    { .name = "store.changes" }, { .name = "store.db" }, /* after a close: all in it, and the log empty */
};
enum { DATABASE, LOG, KEY, CHANGES, CLOSED, IMAGES };

static uint64_t ids[OBJECTS];

static const char *pristine(void)
{
    return scratch_path("pristine");
}

static unsigned trials(unsigned usual)
{
    return getenv("CRATON_HSM_TEST_LONG") != NULL ? usual * 20 : usual;
}

/* Half of the objects are in the database, half in its log only. */
static int make_half(void *arg)
{
    const bool is_first = arg == NULL;
    hsm_store *store = store_env_open(pristine());
    const int fd = open(scratch_path("ids"), O_WRONLY | O_CREAT | O_APPEND, 0600);

    if (store == NULL || fd < 0)
        return 1;
    if (is_first && hsm_store_token_write(store, 0, 0, hsm_bytes_of_text("token")) != HSM_OK)
        return 2;
    const uint32_t from = is_first ? 0 : OBJECTS / 2;
    for (uint32_t i = from; i < from + OBJECTS / 2; i++) {
        uint64_t id = 0;
        if (store_env_try_insert(store, 0, i, i % 2 == 0, &id) != HSM_OK ||
            write(fd, &id, sizeof id) != (ssize_t)sizeof id)
            return 3;
    }
    if (is_first)
        hsm_store_close(store); /* moves the log into the database */
    return 0;
}

/* Writes once more, and moves the log into the database at the close. */
static int close_well(void *arg)
{
    hsm_store *store = NULL;

    (void)arg;
    if (store_env_try(pristine(), &store) != HSM_OK)
        return 1;
    const hsm_err err = hsm_store_token_write(store, 0, 1, hsm_bytes_of_text("token"));
    hsm_store_close(store);
    return err != HSM_OK;
}

static bool load_image(image *file)
{
    char path[PATH_MAX + 64];

    (void)snprintf(path, sizeof path, "%s/%s", pristine(), file->name);
    const int fd = open(path, O_RDONLY);
    file->data = malloc(FILE_MAX_BYTES);
    const ssize_t len = fd >= 0 && file->data != NULL ? read(fd, file->data, FILE_MAX_BYTES) : -1;
    (void)close(fd);
    file->len = len > 0 ? (size_t)len : 0;
    return len > 0 && file->len < FILE_MAX_BYTES;
}

static bool prepare(void)
{
    static int is_second;
    bool is_good = true;

    if (images[DATABASE].data != NULL)
        return true;
    (void)scratch(); /* before there are children */
    is_good = CHECK_EQ(in_child(make_half, NULL), 0) && is_good;
    is_good = CHECK_EQ(in_child(make_half, &is_second), 0) && is_good;
    for (size_t i = 0; i < CLOSED; i++)
        is_good = CHECK_THAT(load_image(&images[i])) && is_good;
    is_good = CHECK_EQ(in_child(close_well, NULL), 0) && is_good;
    is_good = CHECK_THAT(load_image(&images[CLOSED])) && is_good;
    const int fd = open(scratch_path("ids"), O_RDONLY);
    is_good = CHECK_EQ(read(fd, ids, sizeof ids), (ssize_t)sizeof ids) && is_good;
    (void)close(fd);
    return is_good;
}

static bool write_image(const char *directory, const char *name, const uint8_t *data, size_t len)
{
    char path[PATH_MAX + 64];

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const bool is_good = fd >= 0 && write(fd, data, len) == (ssize_t)len;
    (void)close(fd);
    return is_good;
}

/* A store directory with one file other than it was. */
static bool lay_out(const char *directory, size_t damaged, const uint8_t *data, size_t len)
{
    static const char *const others[] = { "store.db-shm", "store.gate", "store.lock" };
    bool is_good = mkdir(directory, 0700) == 0 || access(directory, W_OK) == 0;

    for (size_t i = 0; i < HSM_ARRAY_LEN(others); i++) {
        char path[PATH_MAX + 64];
        (void)snprintf(path, sizeof path, "%s/%s", directory, others[i]);
        (void)unlink(path);
    }
    for (size_t i = 0; i < CLOSED; i++)
        is_good = write_image(directory, images[i].name, i == damaged ? data : images[i].data,
                              i == damaged ? len : images[i].len) &&
                  is_good;
    if (damaged == CLOSED)
        is_good = write_image(directory, images[DATABASE].name, data, len) &&
                  write_image(directory, images[LOG].name, data, 0) && is_good;
    return is_good;
}

/* --- what is asked of a damaged store ----------------------------------------------------------- */

enum { ALL_WHOLE = 0, SOME_LOST = 1, NOT_OPEN = 2, WRONG_DATA = 3 };

static bool token_is_wrong(hsm_store *store, size_t *lost)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf record = { 0 };
    uint64_t version = 0;

    if (hsm_store_token_read(store, 0, &record, &version) != HSM_OK) {
        (*lost)++;
        return false;
    }
    return !hsm_bytes_equal(hsm_buf_view(&record), hsm_bytes_of_text("token"));
}

static int use(hsm_store *store)
{
    static const hsm_template all;
    HSM_AUTO(hsm_buf_clear) hsm_buf found = { 0 };
    size_t lost = 0;
    uint64_t id = 0;

    store_env_login(store, 0);
    if (token_is_wrong(store, &lost))
        return WRONG_DATA;
    for (uint32_t i = 0; i < OBJECTS; i++) {
        HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
        if (hsm_store_get(store, 0, ids[i], &object) != HSM_OK) {
            lost++;
            continue;
        }
        if (!store_env_is_whole(store, object, i)) {
            hsm_object_secrets secrets = { 0 };
            /* A damaged secret part is an error when it is opened. */
            if (hsm_object_open_secrets(object, hsm_store_serial(store, 0), &secrets) == HSM_OK)
                return WRONG_DATA;
            lost++;
        }
    }
    if (hsm_store_find(store, 0, &all, &found) != HSM_OK || found.len / sizeof id != OBJECTS)
        lost++;
    if (store_env_try_insert(store, 0, 1000, true, &id) != HSM_OK)
        lost++;
    return lost == 0 ? ALL_WHOLE : SOME_LOST;
}

static int open_and_use(void *arg)
{
    hsm_store *store = NULL;

    if (store_env_try(arg, &store) != HSM_OK)
        return NOT_OPEN;
    const int answer = use(store);
    hsm_store_close(store);
    return answer;
}

/* Lays a store out with one file damaged, and uses it in a child, which must live. */
static int try_damage(size_t damaged, const uint8_t *data, size_t len)
{
    static char directory[PATH_MAX + 64];

    (void)snprintf(directory, sizeof directory, "%s/trial", scratch());
    if (!CHECK_THAT(lay_out(directory, damaged, data, len)))
        return WRONG_DATA;
    const int answer = in_child(open_and_use, directory);
    if (answer < ALL_WHOLE || answer >= WRONG_DATA)
        CHECK_EQ(answer, ALL_WHOLE);
    return answer;
}

/* --- the tests ---------------------------------------------------------------------------------- */

static void an_undamaged_copy_is_whole(void)
{
    REQUIRE_THAT(prepare());
    CHECK_EQ(try_damage(IMAGES, NULL, 0), ALL_WHOLE);
    CHECK_EQ(try_damage(CHANGES, (const uint8_t *)"", 0), ALL_WHOLE);
    CHECK_EQ(try_damage(CLOSED, images[CLOSED].data, images[CLOSED].len), ALL_WHOLE);
}

static void flip_bits_in(size_t which, unsigned count)
{
    image *file = &images[which];
    unsigned answers[4] = { 0 };

    CASE(file->name);
    for (unsigned i = 0; i < count; i++) {
        /* Spread evenly, and the first bytes, which say what it all is. */
        const size_t place = i < 40 ? i * 3 % file->len : (size_t)rand() % file->len;
        const uint8_t mask = (uint8_t)(1u << i % 8);
        file->data[place] ^= mask;
        answers[try_damage(which, file->data, file->len) & 3]++;
        file->data[place] ^= mask;
    }
    CHECK_EQ(answers[WRONG_DATA], 0);
    if (which == KEY) /* any other key is another key */
        CHECK_EQ(answers[NOT_OPEN], count);
    if (which == CHANGES)
        CHECK_EQ(answers[ALL_WHOLE], count);
    if (which == CLOSED)
        CHECK_THAT(answers[ALL_WHOLE] > 0 && answers[SOME_LOST] > 0 && answers[NOT_OPEN] > 0);
}

static void flipped_bits_are_noticed(void)
{
    REQUIRE_THAT(prepare());
    flip_bits_in(CLOSED, trials(120));
    flip_bits_in(DATABASE, trials(40));
    flip_bits_in(LOG, trials(60));
    flip_bits_in(KEY, trials(8));
    flip_bits_in(CHANGES, trials(8));
}

static void cut_at_many_places(size_t which, unsigned count)
{
    const image *file = &images[which];

    CASE(file->name);
    for (unsigned i = 0; i <= count; i++) {
        const size_t len = i % 4 == 3 ? (size_t)rand() % file->len : file->len * i / (count + 1);
        const int answer = try_damage(which, file->data, len);
        if (which == CHANGES)
            CHECK_EQ(answer, ALL_WHOLE);
        if (which == KEY)
            CHECK_EQ(answer, NOT_OPEN);
    }
}

static void cut_files_are_noticed(void)
{
    REQUIRE_THAT(prepare());
    cut_at_many_places(CLOSED, trials(30));
    cut_at_many_places(DATABASE, trials(20));
    cut_at_many_places(LOG, trials(40));
    cut_at_many_places(KEY, trials(4));
    cut_at_many_places(CHANGES, trials(4));
}

static void noise_is_not_believed(void)
{
    REQUIRE_THAT(prepare());
    uint8_t *noise = malloc(images[DATABASE].len);
    REQUIRE_THAT(noise != NULL);
    for (size_t i = 0; i < images[DATABASE].len; i++)
        noise[i] = (uint8_t)rand();
    CHECK_EQ(try_damage(DATABASE, noise, images[DATABASE].len), NOT_OPEN);
    CASE("behind a good header");
    memcpy(noise, images[DATABASE].data, 4096);
    CHECK_THAT(try_damage(DATABASE, noise, images[DATABASE].len) != WRONG_DATA);
    CASE("as log");
    CHECK_THAT(try_damage(LOG, noise,
                          images[LOG].len < images[DATABASE].len
                              ? images[LOG].len
                              : images[DATABASE].len) != WRONG_DATA);
    free(noise);
}

/* --- one bad record among good ones ------------------------------------------------------------- */

typedef struct row_change {
    const char *label;
    const char *sql; /* on the rows of objects 2 and 4: %lld */
} row_change;

static const row_change row_changes[] = {
    { "no record", "UPDATE object SET record = x'' WHERE id = %lld" },
    { "one byte more", "UPDATE object SET record = CAST(record || x'00' AS BLOB) WHERE id = %lld" },
    { "a format to come",
      "UPDATE object SET record = CAST(x'02' || substr(record, 2) AS BLOB) WHERE id = %lld" },
    { "another version", "UPDATE object SET version = 9 WHERE id = %lld" },
    { "the other half", "UPDATE object SET private = 1 - private WHERE id = %lld" },
    { "another object's record",
      "UPDATE object SET record = (SELECT record FROM object ORDER BY id LIMIT 1)"
      " WHERE id = %lld" },
    { "gone", "DELETE FROM object WHERE id = %lld" },
};

static void change_rows(const char *directory, const char *sql)
{
    char path[PATH_MAX + 64];
    char text[512];
    sqlite3 *db = NULL;

    (void)snprintf(path, sizeof path, "%s/store.db", directory);
    CHECK_EQ(sqlite3_initialize(), SQLITE_OK);
    CHECK_EQ(sqlite3_open(path, &db), SQLITE_OK);
    for (size_t i = 2; i <= 4; i += 2) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(text, sizeof text, sql, (long long)ids[i]);
#pragma GCC diagnostic pop
        CHECK_EQ(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    }
    CHECK_EQ(sqlite3_close(db), SQLITE_OK);
}

static void bad_records_leave_the_others_alone(void)
{
    REQUIRE_THAT(prepare());
    for (size_t k = 0; k < HSM_ARRAY_LEN(row_changes); k++) {
        const char *directory = scratch_path("rows");
        HSM_AUTO(hsm_store_drop) hsm_store *store = NULL;

        CASE(row_changes[k].label);
        REQUIRE_THAT(lay_out(directory, IMAGES, NULL, 0));
        change_rows(directory, row_changes[k].sql);
        store = store_env_open(directory);
        REQUIRE_THAT(store != NULL);
        for (uint32_t i = 0; i < OBJECTS; i++) {
            HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
            const hsm_err err = hsm_store_get(store, 0, ids[i], &object);
            if (i == 2 || i == 4)
                CHECK_THAT(err == HSM_E_STORE_CORRUPT || err == HSM_E_STORE_NOT_FOUND);
            else if (CHECK_OK(err))
                CHECK_THAT(store_env_is_whole(store, object, i));
        }
    }
}

static const check_test tests[] = {
    CHECK_TEST(an_undamaged_copy_is_whole),
    CHECK_TEST(flipped_bits_are_noticed),
    CHECK_TEST(cut_files_are_noticed),
    CHECK_TEST(noise_is_not_believed),
    CHECK_TEST(bad_records_leave_the_others_alone),
};
CHECK_MAIN(tests)
