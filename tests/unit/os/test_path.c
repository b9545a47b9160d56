/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "os/file.h"
#include "os/paths.h"
#include "scratch.h"
#include "support/check.h"

static const struct {
    const char *path;
    hsm_err want;
} form_cases[] = {
    { "/a/b", HSM_OK },        { "a", HSM_OK },          { "/", HSM_OK },
    { "./a", HSM_OK },         { "/a/..b/c..", HSM_OK }, { "...", HSM_OK },
    { "", HSM_E_ARG },         { "..", HSM_E_ARG },      { "/..", HSM_E_ARG },
    { "/a/../b", HSM_E_ARG },  { "../a", HSM_E_ARG },    { "a/..", HSM_E_ARG },
    { "a//..//b", HSM_E_ARG },
};

static void form(void)
{
    static char longest[PATH_MAX + 1];

    for (size_t i = 0; i < HSM_ARRAY_LEN(form_cases); i++) {
        CASE(form_cases[i].path);
        CHECK_ERR(hsm_path_check(form_cases[i].path), form_cases[i].want);
    }
    memset(longest, 'x', PATH_MAX - 1);
    CHECK_OK(hsm_path_check(longest));
    longest[PATH_MAX - 1] = 'x';
    CHECK_ERR(hsm_path_check(longest), HSM_E_ARG);
}

static void links_are_found(void)
{
    REQUIRE_THAT(mkdir(scratch_path("real"), 0700) == 0);
    REQUIRE_THAT(mkdir(scratch_path("real/sub"), 0700) == 0);
    REQUIRE_THAT(symlink("real", scratch_path("link")) == 0);
    REQUIRE_THAT(symlink("nowhere", scratch_path("dangling")) == 0);

    CHECK_OK(hsm_path_check_links(scratch_path("real/sub")));
    CHECK_OK(hsm_path_check_links(scratch_path("real/sub/")));
    CHECK_OK(hsm_path_check_links(scratch_path("real/not/there")));
    CHECK_ERR(hsm_path_check_links(scratch_path("link")), HSM_E_STORE_PERMISSION);
    CHECK_ERR(hsm_path_check_links(scratch_path("link/sub")), HSM_E_STORE_PERMISSION);
    CHECK_ERR(hsm_path_check_links(scratch_path("link//sub/x")), HSM_E_STORE_PERMISSION);
    CHECK_ERR(hsm_path_check_links(scratch_path("dangling")), HSM_E_STORE_PERMISSION);
    CHECK_ERR(hsm_path_check_links(scratch_path("real/../link")), HSM_E_ARG);
}

static mode_t mode_of(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? info.st_mode & 07777 : 0;
}

static void dir_is_made_private(void)
{
    const mode_t mask = umask(0);

    CHECK_OK(hsm_dir_ensure(scratch_path("one/two/three")));
    (void)umask(mask);
    CHECK_EQ(mode_of(scratch_path("one")), 0700);
    CHECK_EQ(mode_of(scratch_path("one/two/three")), 0700);
    CHECK_OK(hsm_dir_ensure(scratch_path("one/two/three"))); /* again */
    CHECK_OK(hsm_dir_ensure(scratch_path("one/two/three///")));
}

static void dir_must_be_trusted(void)
{
    const int fd = open(scratch_path("file"), O_CREAT | O_WRONLY, 0600);

    REQUIRE_THAT(fd >= 0 && close(fd) == 0);
    REQUIRE_OK(hsm_dir_ensure(scratch_path("open")));
    REQUIRE_THAT(chmod(scratch_path("open"), 0755) == 0);
    CHECK_OK(hsm_dir_ensure(scratch_path("open")));
    REQUIRE_THAT(chmod(scratch_path("open"), 0775) == 0);
    CHECK_ERR(hsm_dir_ensure(scratch_path("open")), HSM_E_STORE_PERMISSION);
    REQUIRE_THAT(chmod(scratch_path("open"), 0702) == 0);
    CHECK_ERR(hsm_dir_ensure(scratch_path("open")), HSM_E_STORE_PERMISSION);
    CHECK_ERR(hsm_dir_ensure(scratch_path("file")), HSM_E_STORE_PERMISSION);
    CHECK_ERR(hsm_dir_ensure(scratch_path("file/sub")), HSM_E_STORE_NOT_FOUND);
    REQUIRE_THAT(symlink("open", scratch_path("alias")) == 0);
    CHECK_ERR(hsm_dir_ensure(scratch_path("alias/sub")), HSM_E_STORE_PERMISSION);
    if (geteuid() == 0) {
        REQUIRE_OK(hsm_dir_ensure(scratch_path("theirs")));
        REQUIRE_THAT(chown(scratch_path("theirs"), 12345, 12345) == 0);
        CHECK_ERR(hsm_dir_ensure(scratch_path("theirs")), HSM_E_STORE_PERMISSION);
    }
}

static void syncs(void)
{
    CHECK_OK(hsm_dir_sync(scratch()));
    CHECK_OK(hsm_dir_sync_parent(scratch_path("anything")));
    CHECK_OK(hsm_dir_sync_parent("relative"));
    CHECK_OK(hsm_dir_sync_parent("/tmp"));
    CHECK_ERR(hsm_dir_sync(scratch_path("missing")), HSM_E_STORE_NOT_FOUND);
    CHECK_ERR(hsm_dir_sync_parent(scratch_path("missing/x")), HSM_E_STORE_NOT_FOUND);
}

static void local_is_not_network(void)
{
    bool is_network = true;

    CHECK_OK(hsm_path_is_network("/proc", &is_network));
    CHECK_THAT(!is_network);
    CHECK_ERR(hsm_path_is_network(scratch_path("missing"), &is_network), HSM_E_STORE_NOT_FOUND);
}

static void absolute_and_resolved(void)
{
    char *path = NULL;
    static char longest[PATH_MAX];

    REQUIRE_THAT(chdir(scratch()) == 0);
    REQUIRE_OK(hsm_path_absolute("././a/b", &path));
    CHECK_STR(path, scratch_path("a/b"));
    hsm_path_drop(&path);
    REQUIRE_OK(hsm_path_absolute("/a/./b", &path));
    CHECK_STR(path, "/a/./b");
    hsm_path_drop(&path);
    memset(longest, 'x', sizeof longest - 1);
    CHECK_ERR(hsm_path_absolute(longest, &path), HSM_E_ARG);

    REQUIRE_OK(hsm_dir_ensure(scratch_path("home")));
    REQUIRE_THAT(symlink("home", scratch_path("shortcut")) == 0);
    REQUIRE_OK(hsm_path_resolve(scratch_path("shortcut//new/er"), &path));
    CHECK_STR(path, scratch_path("home/new/er"));
    hsm_path_drop(&path);
    REQUIRE_OK(hsm_path_resolve(scratch_path("shortcut"), &path));
    CHECK_STR(path, scratch_path("home"));
    hsm_path_drop(&path);
    REQUIRE_OK(hsm_path_resolve("/not/there", &path));
    CHECK_STR(path, "/not/there");
    hsm_path_drop(&path);
    CHECK_THAT(hsm_path_exists(scratch_path("home")));
    CHECK_THAT(!hsm_path_exists(scratch_path("homer")));
}

static void socket_place(void)
{
    char *path = NULL;

    REQUIRE_THAT(setenv("XDG_RUNTIME_DIR", "/run/user/7", 1) == 0);
    REQUIRE_OK(hsm_path_socket(&path));
    CHECK_STR(path, "/run/user/7/craton-hsm.sock");
    hsm_path_drop(&path);
    REQUIRE_THAT(unsetenv("XDG_RUNTIME_DIR") == 0);
    REQUIRE_OK(hsm_path_socket(&path));
    if (geteuid() == 0)
        CHECK_STR(path, "/run/craton-hsm.sock");
    else
        CHECK_THAT(path == NULL);
    hsm_path_drop(&path);
}

static void credential_place(void)
{
    char *path = NULL;

    REQUIRE_THAT(unsetenv("CREDENTIALS_DIRECTORY") == 0);
    REQUIRE_OK(hsm_path_credential("pin", &path));
    CHECK_THAT(path == NULL);
    REQUIRE_THAT(setenv("CREDENTIALS_DIRECTORY", scratch_path(""), 1) == 0);
    REQUIRE_OK(hsm_path_credential("no-such-pin", &path));
    CHECK_THAT(path == NULL);
    REQUIRE_OK(hsm_file_create(scratch_path("pin"), hsm_bytes_of_text("1234"), 0600));
    REQUIRE_OK(hsm_path_credential("pin", &path));
    CHECK_THAT(path != NULL && hsm_path_exists(path));
    hsm_path_drop(&path);
    REQUIRE_THAT(unsetenv("CREDENTIALS_DIRECTORY") == 0);
}

static const check_test tests[] = {
    CHECK_TEST(credential_place),     CHECK_TEST(form),
    CHECK_TEST(links_are_found),      CHECK_TEST(dir_is_made_private),
    CHECK_TEST(dir_must_be_trusted),  CHECK_TEST(syncs),
    CHECK_TEST(local_is_not_network), CHECK_TEST(absolute_and_resolved),
    CHECK_TEST(socket_place),
};
CHECK_MAIN(tests)
