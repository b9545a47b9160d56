/* The sidecar of a file, and the stamp that it was proved.
 * SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>

#include "core/core.h"
#include "core/integrity.h"
#include "core/stamp.h"
#include "os/self.h"
#include "support/check.h"
#include "unit/os/scratch.h"

static char folder[PATH_MAX + 8];

static const char *in_folder(const char *name)
{
    static char paths[4][PATH_MAX + 64];
    static unsigned next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "we");

    REQUIRE_THAT(file != NULL);
    CHECK_THAT(fputs(text, file) >= 0);
    CHECK_EQ(fclose(file), 0);
}

static void get(const char *name, char *out, size_t room)
{
    FILE *file = fopen(in_folder(name), "re");

    out[0] = '\0';
    REQUIRE_THAT(file != NULL);
    out[fread(out, 1, room - 1, file)] = '\0';
    CHECK_EQ(fclose(file), 0);
}

static void make_folder(void)
{
    (void)snprintf(folder, sizeof folder, "%s/XXXXXX", scratch());
    REQUIRE_THAT(mkdtemp(folder) != NULL);
}

/* By Python's hmac with the key of tools/integrity.py. */
#define OF_A_MODULE "8916aa97104bbf3d4dd11a69fd913c4dcd7b65f29e37ae1d5891c35ac251d82e\n"

static void sidecar(void)
{
    char text[80];

    make_folder();
    put("libm.so", "a module");
    CASE("none yet");
    CHECK_ERR(hsm_core_integrity_verify(in_folder("libm.so")), HSM_E_STORE_NOT_FOUND);
    CASE("made");
    CHECK_OK(hsm_core_integrity_update(in_folder("libm.so")));
    get("libm.hmac", text, sizeof text);
    CHECK_STR(text, OF_A_MODULE);
    CHECK_OK(hsm_core_integrity_verify(in_folder("libm.so")));
    CASE("another file");
    put("libm.so", "a modulf");
    CHECK_ERR(hsm_core_integrity_verify(in_folder("libm.so")), HSM_E_SELF_TEST);
    put("libm.so", "");
    CHECK_ERR(hsm_core_integrity_verify(in_folder("libm.so")), HSM_E_SELF_TEST);
    put("libm.so", "a module");
    CASE("another sidecar: cut, longer");
    CHECK_EQ(truncate(in_folder("libm.hmac"), 63), 0);
    CHECK_ERR(hsm_core_integrity_verify(in_folder("libm.so")), HSM_E_SELF_TEST);
    put("libm.hmac", OF_A_MODULE "\n");
    CHECK_ERR(hsm_core_integrity_verify(in_folder("libm.so")), HSM_E_LIMIT);
    CASE("no line's end");
    put("libm.hmac", OF_A_MODULE);
    CHECK_EQ(truncate(in_folder("libm.hmac"), 64), 0);
    CHECK_OK(hsm_core_integrity_verify(in_folder("libm.so")));
    CASE("of a program");
    put("prog", "a module");
    CHECK_OK(hsm_core_integrity_update(in_folder("prog")));
    get("prog.hmac", text, sizeof text);
    CHECK_STR(text, OF_A_MODULE);
    CASE("no file");
    CHECK_ERR(hsm_core_integrity_update(in_folder("none.so")), HSM_E_STORE_NOT_FOUND);
    CHECK_ERR(hsm_core_integrity_verify(in_folder("none.so")), HSM_E_STORE_NOT_FOUND);
}

static hsm_stamp stamp_of(const char *name)
{
    struct stat info;
    hsm_stamp stamp = { "" };

    CHECK_EQ(stat(in_folder(name), &info), 0);
    CHECK_OK(hsm_stamp_of(&info, &stamp));
    return stamp;
}

static void stamp(void)
{
    make_folder();
    REQUIRE_THAT(setenv("XDG_RUNTIME_DIR", folder, 1) == 0);
    put("libm.so", "a module");
    const hsm_stamp was = stamp_of("libm.so");
    CASE("none yet");
    CHECK_THAT(!hsm_stamp_is_there(&was));
    hsm_stamp_leave(&was);
    CHECK_THAT(hsm_stamp_is_there(&was));
    CASE("the file changed");
    put("libm.so", "a modulf");
    const hsm_stamp is = stamp_of("libm.so");
    CHECK_THAT(!hsm_stamp_is_there(&is));
    hsm_stamp_leave(&is);
    CHECK_THAT(hsm_stamp_is_there(&is) && !hsm_stamp_is_there(&was));
    CASE("another boot");
    hsm_stamp other = is;
    other.text[2] = other.text[2] == '0' ? '1' : '0';
    CHECK_THAT(!hsm_stamp_is_there(&other));
}

/* What somebody else could have written is no stamp. */
static void stamp_of_others(void)
{
    const char *file = NULL;

    make_folder();
    REQUIRE_THAT(setenv("XDG_RUNTIME_DIR", folder, 1) == 0);
    put("libm.so", "a module");
    const hsm_stamp is = stamp_of("libm.so");
    hsm_stamp_leave(&is);
    file = in_folder("craton-hsm/proved");
    CASE("modes");
    CHECK_EQ(chmod(file, 0620), 0);
    CHECK_THAT(!hsm_stamp_is_there(&is));
    CHECK_EQ(chmod(file, 0600), 0);
    CHECK_THAT(hsm_stamp_is_there(&is));
    CHECK_EQ(chmod(in_folder("craton-hsm"), 0770), 0);
    CHECK_THAT(!hsm_stamp_is_there(&is));
    CHECK_EQ(chmod(in_folder("craton-hsm"), 0700), 0);
    CASE("links");
    CHECK_EQ(rename(file, in_folder("elsewhere")), 0);
    CHECK_EQ(symlink("../elsewhere", file), 0);
    CHECK_THAT(!hsm_stamp_is_there(&is));
    hsm_stamp_leave(&is);
    CHECK_THAT(hsm_stamp_is_there(&is));
    CHECK_EQ(rename(in_folder("craton-hsm"), in_folder("moved")), 0);
    CHECK_EQ(symlink("moved", in_folder("craton-hsm")), 0);
    CHECK_THAT(!hsm_stamp_is_there(&is));
    CASE("another owner");
    if (geteuid() == 0) {
        CHECK_EQ(unlink(in_folder("craton-hsm")), 0);
        CHECK_EQ(rename(in_folder("moved"), in_folder("craton-hsm")), 0);
        CHECK_THAT(hsm_stamp_is_there(&is));
        CHECK_EQ(chown(in_folder("craton-hsm/proved"), 1, 1), 0);
        CHECK_THAT(!hsm_stamp_is_there(&is));
    }
}

static void own_path(void)
{
    char want[PATH_MAX];
    char *path = NULL;
    const ssize_t len = readlink("/proc/self/exe", want, sizeof want - 1);

    REQUIRE_THAT(len > 0);
    want[len] = '\0';
    CHECK_OK(hsm_self_path(&path));
    CHECK_STR(path, want);
    free(path);
}

/* This program has a sidecar: the build makes it. */
static void start(void)
{
    static const hsm_crypto_options options = { .backend = "openssl" };
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = NULL;

    make_folder();
    REQUIRE_THAT(setenv("XDG_RUNTIME_DIR", folder, 1) == 0);
    REQUIRE_OK(hsm_crypto_create(&options, &crypto));
    CASE("approved mode leaves no stamp");
    CHECK_OK(hsm_integrity_start(crypto, true));
    CHECK_THAT(access(in_folder("craton-hsm/proved"), F_OK) != 0);
    CASE("otherwise there is one");
    CHECK_OK(hsm_integrity_start(crypto, false));
    CHECK_EQ(access(in_folder("craton-hsm/proved"), F_OK), 0);
    CHECK_OK(hsm_integrity_start(crypto, false));
}

static const check_test tests[] = {
    CHECK_TEST(sidecar),  CHECK_TEST(stamp), CHECK_TEST(stamp_of_others),
    CHECK_TEST(own_path), CHECK_TEST(start),
};
CHECK_MAIN(tests)
