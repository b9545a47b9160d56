/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "os/clock.h"
#include "os/env.h"
#include "os/paths.h"
#include "os/random.h"
#include "scratch.h"
#include "support/check.h"

static void clocks_run(void)
{
    const uint64_t wall = hsm_clock_wall_ns();
    uint64_t before = hsm_clock_monotonic_ns();

    CHECK_THAT(wall / HSM_NS_PER_SEC - (uint64_t)time(NULL) + 2 <= 4);
    for (int i = 0; i < 1000; i++) {
        const uint64_t now = hsm_clock_monotonic_ns();

        CHECK_THAT(now >= before);
        before = now;
    }
    CHECK_THAT(hsm_clock_deadline_ns(1000) - before >= HSM_NS_PER_SEC);
    CHECK_THAT(hsm_clock_deadline_ns(1000) - before < 60 * HSM_NS_PER_SEC);
    CHECK_EQ(hsm_clock_deadline_ns(UINT64_MAX), UINT64_MAX);
}

static void random_fills_all(void)
{
    uint8_t a[1000] = { 0 };
    uint8_t b[1000] = { 0 };
    size_t zeros = 0;

    REQUIRE_OK(hsm_os_random(a, sizeof a));
    REQUIRE_OK(hsm_os_random(b, sizeof b));
    REQUIRE_OK(hsm_os_random(NULL, 0));
    for (size_t i = 0; i + 4 <= sizeof a; i += 4) {
        zeros += a[i] == 0 && a[i + 1] == 0 && a[i + 2] == 0 && a[i + 3] == 0;
        CHECK_THAT(a[i] != b[i] || a[i + 1] != b[i + 1] || a[i + 2] != b[i + 2] ||
                   a[i + 3] != b[i + 3]); /* each by chance once in 2^32 */
    }
    CHECK_EQ(zeros, 0);
}

static void env_reads(void)
{
    REQUIRE_THAT(setenv("HSM_TEST_VALUE", "x", 1) == 0);
    CHECK_STR(hsm_env_get("HSM_TEST_VALUE"), "x");
    REQUIRE_THAT(setenv("HSM_TEST_VALUE", "", 1) == 0);
    CHECK_THAT(hsm_env_get("HSM_TEST_VALUE") == NULL);
    REQUIRE_THAT(unsetenv("HSM_TEST_VALUE") == 0);
    CHECK_THAT(hsm_env_get("HSM_TEST_VALUE") == NULL);
    CHECK_THAT(!hsm_env_is_setid());
}

static int setid_sees_nothing(void *arg)
{
    HSM_AUTO(hsm_path_drop) char *config_dir = NULL;
    HSM_AUTO(hsm_path_drop) char *data_dir = NULL;

    (void)arg;
    if (seteuid(65534) != 0 || !hsm_env_is_setid() || hsm_env_get("HOME") != NULL)
        return 1;
    if (hsm_path_user_config_dir(&config_dir) != HSM_OK || config_dir != NULL)
        return 2;
    if (hsm_path_data_dir(&data_dir) != HSM_OK || strcmp(data_dir, "/var/lib/craton-hsm") != 0)
        return 3;
    return 0;
}

static void setid_process_trusts_nothing(void)
{
    if (geteuid() != 0)
        SKIP("needs root to change the effective user");
    REQUIRE_THAT(setenv("HOME", "/home/x", 1) == 0);
    CHECK_EQ(in_child(setid_sees_nothing, NULL), 0);
}

static const struct {
    const char *label;
    const char *xdg;
    const char *home;
    const char *want_config;
    const char *want_data; /* of a user who is not root */
} place_cases[] = {
    { "XDG first", "/x", "/home/u", "/x/craton-hsm", "/x/craton-hsm" },
    { "home", NULL, "/home/u", "/home/u/.config/craton-hsm", "/home/u/.local/share/craton-hsm" },
    { "relative XDG is ignored", "x", "/h/", "/h/.config/craton-hsm",
      "/h/.local/share/craton-hsm" },
    { "no home", NULL, NULL, NULL, NULL },
    { "relative home", NULL, "u", NULL, NULL },
};

static void set_or_clear(const char *name, const char *value)
{
    if (value == NULL)
        (void)unsetenv(name);
    else
        (void)setenv(name, value, 1);
}

static int places_of_a_user(void *arg)
{
    (void)arg;
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
        return 100;
    for (size_t i = 0; i < HSM_ARRAY_LEN(place_cases); i++) {
        HSM_AUTO(hsm_path_drop) char *config_dir = NULL;
        HSM_AUTO(hsm_path_drop) char *data_dir = NULL;
        const char *want_config = place_cases[i].want_config;
        const char *want_data = place_cases[i].want_data;

        set_or_clear("XDG_CONFIG_HOME", place_cases[i].xdg);
        set_or_clear("XDG_DATA_HOME", place_cases[i].xdg);
        set_or_clear("HOME", place_cases[i].home);
        if (hsm_path_user_config_dir(&config_dir) != HSM_OK)
            return 1 + (int)i * 4;
        if ((config_dir == NULL) != (want_config == NULL) ||
            (config_dir != NULL && strcmp(config_dir, want_config) != 0))
            return 2 + (int)i * 4;
        if (hsm_path_data_dir(&data_dir) != (want_data == NULL ? HSM_E_STORE_NOT_FOUND : HSM_OK))
            return 3 + (int)i * 4;
        if (data_dir != NULL && strcmp(data_dir, want_data) != 0)
            return 4 + (int)i * 4;
    }
    return 0;
}

static void places(void)
{
    HSM_AUTO(hsm_path_drop) char *data_dir = NULL;

    CHECK_EQ(in_child(places_of_a_user, NULL), 0);
    if (geteuid() == 0) {
        CHECK_OK(hsm_path_data_dir(&data_dir));
        CHECK_STR(data_dir, "/var/lib/craton-hsm");
    }
}

static void joins(void)
{
    static char longest[5000];
    char *path = NULL;

    REQUIRE_OK(hsm_path_join("/a", "b", &path));
    CHECK_STR(path, "/a/b");
    hsm_path_drop(&path);
    REQUIRE_OK(hsm_path_join("/", "b", &path));
    CHECK_STR(path, "/b");
    hsm_path_drop(&path);
    memset(longest, 'x', sizeof longest - 1);
    CHECK_ERR(hsm_path_join("/", longest, &path), HSM_E_ARG);
    CHECK_THAT(path == NULL);
}

static const check_test tests[] = {
    CHECK_TEST(clocks_run), CHECK_TEST(random_fills_all),
    CHECK_TEST(env_reads),  CHECK_TEST(setid_process_trusts_nothing),
    CHECK_TEST(places),     CHECK_TEST(joins),
};
CHECK_MAIN(tests)
