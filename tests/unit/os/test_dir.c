#include "os/dir.h"

#include "os/file.h"
#include "scratch.h"
#include "support/check.h"

static void make(const char *directory, const char *name)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    CHECK_OK(hsm_file_create(path, hsm_bytes_of_text("x"), 0600));
}

static void names_come_in_order(void)
{
    const char *directory = scratch_path("three");
    HSM_AUTO(hsm_dir_names_clear) hsm_dir_names names = { 0 };
    HSM_AUTO(hsm_dir_names_clear) hsm_dir_names fewer = { 0 };

    REQUIRE_THAT(mkdir(directory, 0700) == 0);
    make(directory, "b");
    make(directory, ".hidden");
    make(directory, "a");
    REQUIRE_OK(hsm_dir_list(directory, 3, &names));
    REQUIRE_THAT(names.count == 3);
    CHECK_STR(names.names[0], ".hidden");
    CHECK_STR(names.names[1], "a");
    CHECK_STR(names.names[2], "b");
    CHECK_ERR(hsm_dir_list(directory, 2, &fewer), HSM_E_LIMIT);
    CHECK_EQ(fewer.count, 0);
}

static void many_names_are_listed(void)
{
    const char *directory = scratch_path("many");
    HSM_AUTO(hsm_dir_names_clear) hsm_dir_names names = { 0 };

    REQUIRE_THAT(mkdir(directory, 0700) == 0);
    for (int i = 0; i < 130; i++) { /* more than the first room, and than the second */
        char name[16];

        (void)snprintf(name, sizeof name, "%03d", i);
        make(directory, name);
    }
    REQUIRE_OK(hsm_dir_list(directory, 1000, &names));
    REQUIRE_THAT(names.count == 130);
    CHECK_STR(names.names[0], "000");
    CHECK_STR(names.names[129], "129");
}

static void what_is_no_directory_is_told(void)
{
    HSM_AUTO(hsm_dir_names_clear) hsm_dir_names names = { 0 };
    const char *empty = scratch_path("empty");

    CHECK_ERR(hsm_dir_list(scratch_path("nowhere"), 1, &names), HSM_E_STORE_NOT_FOUND);
    make(scratch(), "file");
    CHECK_ERR(hsm_dir_list(scratch_path("file"), 1, &names), HSM_E_STORE_NOT_FOUND);
    REQUIRE_THAT(mkdir(empty, 0700) == 0);
    CHECK_OK(hsm_dir_list(empty, 0, &names));
    CHECK_EQ(names.count, 0);
}

static const check_test tests[] = {
    CHECK_TEST(names_come_in_order),
    CHECK_TEST(many_names_are_listed),
    CHECK_TEST(what_is_no_directory_is_told),
};
CHECK_MAIN(tests)
