#include "store/change.h"

#include <fcntl.h>

#include "support/check.h"
#include "unit/os/scratch.h"

static void change_drop(hsm_change **change)
{
    hsm_change_close(*change);
}

static long size_of(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? (long)info.st_size : -1;
}

/* Makes a file of these bytes. */
static void write_file(const char *path, const void *data, size_t len)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    CHECK_THAT(fd >= 0 && write(fd, data, len) == (ssize_t)len);
    (void)close(fd);
}

static void a_commit_moves_it(void)
{
    HSM_AUTO(change_drop) hsm_change *change = NULL;

    REQUIRE_OK(hsm_change_open(NULL, &change));
    const uint64_t before = hsm_change_now(change);
    CHECK_THAT(hsm_change_is_settled(before));
    hsm_change_begin(change);
    CHECK_THAT(!hsm_change_is_settled(hsm_change_now(change)));
    const uint64_t after = hsm_change_end(change);
    CHECK_EQ(after, hsm_change_now(change));
    CHECK_THAT(hsm_change_is_settled(after));
    CHECK_THAT(after != before);
}

static void nothing_known_is_not_settled(void)
{
    CHECK_THAT(!hsm_change_is_settled(0));
    CHECK_THAT(!hsm_change_is_settled(1));
    CHECK_THAT(hsm_change_is_settled(2));
}

static void two_maps_of_a_file_are_one(void)
{
    const char *path = scratch_path("two");
    HSM_AUTO(change_drop) hsm_change *a = NULL;
    HSM_AUTO(change_drop) hsm_change *b = NULL;

    REQUIRE_OK(hsm_change_open(path, &a));
    REQUIRE_OK(hsm_change_open(path, &b));
    CHECK_EQ(size_of(path), HSM_CHANGE_FILE_BYTES);
    CHECK_EQ(hsm_change_now(a), hsm_change_now(b));
    hsm_change_begin(a);
    CHECK_THAT(!hsm_change_is_settled(hsm_change_now(b)));
    const uint64_t after = hsm_change_end(a);
    CHECK_EQ(hsm_change_now(b), after);
}

static void a_dead_writers_change_ends_at_the_next(void)
{
    const char *path = scratch_path("dead");
    HSM_AUTO(change_drop) hsm_change *a = NULL;
    HSM_AUTO(change_drop) hsm_change *b = NULL;

    REQUIRE_OK(hsm_change_open(path, &a));
    hsm_change_begin(a); /* and dies */
    const uint64_t left = hsm_change_now(a);
    REQUIRE_OK(hsm_change_open(path, &b));
    CHECK_THAT(!hsm_change_is_settled(hsm_change_now(b)));
    hsm_change_begin(b);
    CHECK_THAT(!hsm_change_is_settled(hsm_change_now(b)));
    CHECK_THAT(hsm_change_now(b) != left);
    CHECK_THAT(hsm_change_is_settled(hsm_change_end(b)));
    CHECK_THAT(hsm_change_now(b) > left);
}

static void any_file_is_made_usable(void)
{
    static const uint8_t bytes[HSM_CHANGE_FILE_BYTES + 100] = { 0xff, 0xff, 0xff, 0xff,
                                                                0xff, 0xff, 0xff, 0xff };
    static const struct {
        const char *label;
        size_t len;
    } cases[] = {
        { "empty", 0 },
        { "three bytes", 3 },
        { "one byte short", HSM_CHANGE_FILE_BYTES - 1 },
        { "too long", sizeof bytes },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        HSM_AUTO(change_drop) hsm_change *change = NULL;
        const char *path = scratch_path("odd");

        CASE(cases[i].label);
        write_file(path, bytes, cases[i].len);
        REQUIRE_OK(hsm_change_open(path, &change));
        CHECK_THAT(size_of(path) >= HSM_CHANGE_FILE_BYTES);
        const uint64_t before = hsm_change_now(change);
        hsm_change_begin(change);
        CHECK_THAT(!hsm_change_is_settled(hsm_change_now(change)));
        const uint64_t after = hsm_change_end(change);
        CHECK_THAT(hsm_change_is_settled(after) && after != before);
    }
}

static void without_a_file_nothing_is_settled(void)
{
    HSM_AUTO(change_drop) hsm_change *change = NULL;

    REQUIRE_OK(hsm_change_open(scratch_path("no/such/directory"), &change));
    CHECK_THAT(!hsm_change_is_settled(hsm_change_now(change)));
    hsm_change_begin(change);
    CHECK_THAT(!hsm_change_is_settled(hsm_change_end(change)));
    CHECK_THAT(!hsm_change_is_settled(hsm_change_now(change)));
}

static void others_may_not_write_it(void)
{
    const char *path = scratch_path("open to all");
    HSM_AUTO(change_drop) hsm_change *change = NULL;

    write_file(path, "", 0);
    CHECK_EQ(chmod(path, 0666), 0);
    REQUIRE_OK(hsm_change_open(path, &change));
    CHECK_THAT(!hsm_change_is_settled(hsm_change_now(change)));
}

static const check_test tests[] = {
    CHECK_TEST(a_commit_moves_it),          CHECK_TEST(nothing_known_is_not_settled),
    CHECK_TEST(two_maps_of_a_file_are_one), CHECK_TEST(a_dead_writers_change_ends_at_the_next),
    CHECK_TEST(any_file_is_made_usable),    CHECK_TEST(without_a_file_nothing_is_settled),
    CHECK_TEST(others_may_not_write_it),
};
CHECK_MAIN(tests)
