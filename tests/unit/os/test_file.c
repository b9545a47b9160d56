/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "os/file.h"
#include "scratch.h"
#include "support/check.h"

static void put(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");

    REQUIRE_THAT(file != NULL);
    CHECK_THAT(fputs(text, file) >= 0);
    REQUIRE_THAT(fclose(file) == 0 && chmod(path, mode) == 0);
}

static void reads_to_the_limit(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf buf = { 0 };
    static char big[200001];

    put(scratch_path("ten"), "0123456789", 0600);
    REQUIRE_OK(hsm_file_read(scratch_path("ten"), HSM_FILE_ANY, 10, &buf));
    CHECK_BYTES(buf.data, buf.len, "0123456789", 10);
    REQUIRE_OK(hsm_file_read(scratch_path("ten"), HSM_FILE_ANY, 10, &buf)); /* appends */
    CHECK_EQ(buf.len, 20);
    CHECK_ERR(hsm_file_read(scratch_path("ten"), HSM_FILE_ANY, 9, &buf), HSM_E_LIMIT);
    CHECK_EQ(buf.len, 20);

    hsm_buf_reset(&buf);
    memset(big, 'b', sizeof big - 1);
    put(scratch_path("big"), big, 0600);
    REQUIRE_OK(hsm_file_read(scratch_path("big"), HSM_FILE_ANY, 200000, &buf));
    CHECK_BYTES(buf.data, buf.len, big, 200000);
    hsm_buf_reset(&buf);
    CHECK_ERR(hsm_file_read(scratch_path("big"), HSM_FILE_ANY, 199999, &buf), HSM_E_LIMIT);
    put(scratch_path("empty"), "", 0600);
    hsm_buf_reset(&buf);
    CHECK_OK(hsm_file_read(scratch_path("empty"), HSM_FILE_ANY, 0, &buf));
    CHECK_EQ(buf.len, 0);
}

static void reads_secrets(void)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;

    put(scratch_path("key"), "k3y", 0600);
    put(scratch_path("nokey"), "", 0600);
    REQUIRE_OK(hsm_file_read_secret(scratch_path("key"), HSM_FILE_PRIVATE, 32, &secret));
    CHECK_BYTES(hsm_secret_data(secret), hsm_secret_len(secret), "k3y", 3);
    hsm_secret_drop(&secret);
    CHECK_ERR(hsm_file_read_secret(scratch_path("key"), HSM_FILE_PRIVATE, 2, &secret), HSM_E_LIMIT);
    CHECK_ERR(hsm_file_read_secret(scratch_path("nokey"), HSM_FILE_PRIVATE, 2, &secret),
              HSM_E_DATA);
    REQUIRE_OK(hsm_file_read_secret(scratch_path("key"), HSM_FILE_PRIVATE, 3, &secret));
}

static const struct {
    const char *label;
    mode_t mode;
    unsigned checks;
    hsm_err want;
} mode_cases[] = {
    { "anything goes", 0666, HSM_FILE_ANY, HSM_OK },
    { "readable by all is trusted", 0644, HSM_FILE_TRUSTED, HSM_OK },
    { "writable by the group is not", 0660, HSM_FILE_TRUSTED, HSM_E_STORE_PERMISSION },
    { "writable by others is not", 0602, HSM_FILE_TRUSTED, HSM_E_STORE_PERMISSION },
    { "0600 is private", 0600, HSM_FILE_PRIVATE, HSM_OK },
    { "0400 is private", 0400, HSM_FILE_PRIVATE, HSM_OK },
    { "readable by the group is not", 0640, HSM_FILE_PRIVATE, HSM_E_STORE_PERMISSION },
    { "executable by others is not", 0601, HSM_FILE_PRIVATE, HSM_E_STORE_PERMISSION },
};

static void checks_mode_and_kind(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf buf = { 0 };
    const char *path = scratch_path("mode");

    for (size_t i = 0; i < HSM_ARRAY_LEN(mode_cases); i++) {
        put(path, "x", 0600);
        REQUIRE_THAT(chmod(path, mode_cases[i].mode) == 0);
        CASE(mode_cases[i].label);
        CHECK_ERR(hsm_file_read(path, mode_cases[i].checks, 10, &buf), mode_cases[i].want);
        REQUIRE_THAT(unlink(path) == 0);
    }
    CASE("kinds");
    CHECK_ERR(hsm_file_read(path, 0, 10, &buf), HSM_E_STORE_NOT_FOUND);
    CHECK_ERR(hsm_file_read(scratch(), 0, 10, &buf), HSM_E_STORE_PERMISSION);
    REQUIRE_THAT(mkfifo(scratch_path("fifo"), 0600) == 0);
    CHECK_ERR(hsm_file_read(scratch_path("fifo"), 0, 10, &buf), HSM_E_STORE_PERMISSION);
    put(path, "x", 0600);
    REQUIRE_THAT(symlink("mode", scratch_path("lnk")) == 0);
    CHECK_OK(hsm_file_read(scratch_path("lnk"), HSM_FILE_TRUSTED, 10, &buf));
    CHECK_ERR(hsm_file_read(scratch_path("lnk"), HSM_FILE_NO_SYMLINK, 10, &buf),
              HSM_E_STORE_PERMISSION);
    if (geteuid() == 0) {
        REQUIRE_THAT(chown(path, 12345, 12345) == 0);
        CHECK_OK(hsm_file_read(path, HSM_FILE_ANY, 10, &buf));
        CHECK_ERR(hsm_file_read(path, HSM_FILE_TRUSTED, 10, &buf), HSM_E_STORE_PERMISSION);
    }
}

/* What is said of a failed read with these checks. */
static const char *why(const char *path, unsigned checks)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf buf = { 0 };
    static char text[HSM_FILE_WHY_BYTES];
    const hsm_err err = hsm_file_read(path, checks, 3, &buf);

    CHECK_THAT(err != HSM_OK);
    hsm_file_why(path, checks, err, text, sizeof text);
    return text;
}

static void says_why_it_is_not_read(void)
{
    const char *path = scratch_path("why");
    char small[4] = "abc";

    CHECK_STR(why(path, 0), "no such file or directory");
    CHECK_STR(why(scratch(), 0), "is a directory");
    put(path, "four", 0600);
    CHECK_STR(why(path, 0), "it is too large for what it should be");
    put(path, "x", 0640);
    CHECK_STR(why(path, HSM_FILE_PRIVATE),
              "its mode is 0640: only its owner may have access (chmod 600)");
    put(path, "x", 0622);
    CHECK_STR(why(path, HSM_FILE_TRUSTED), "its mode is 0622: others may write to it (chmod go-w)");
    hsm_file_why(path, 0, HSM_E_DATA, small, sizeof small);
    CHECK_STR(small, "it ");
    hsm_file_why(path, 0, HSM_E_STORE_IO, small, 1);
    CHECK_STR(small, "");
    put(path, "x", 0600);
    if (geteuid() == 0) {
        REQUIRE_THAT(chown(path, 12345, 12345) == 0);
        CHECK_STR(why(path, HSM_FILE_TRUSTED), "it belongs to uid 12345, and must belong to root "
                                               "or to this program's user, uid 0");
        REQUIRE_THAT(chmod(scratch(), 0755) == 0 && seteuid(54321) == 0);
        CHECK_STR(why(path, 0), "permission denied for uid 54321");
        REQUIRE_THAT(seteuid(0) == 0);
    }
    REQUIRE_THAT(unlink(path) == 0);
}

static void descriptors_are_close_on_exec(void)
{
    int fd = -1;

    put(scratch_path("cloexec"), "x", 0600);
    REQUIRE_OK(hsm_file_open(scratch_path("cloexec"), 0, &fd));
    CHECK_THAT((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    hsm_fd_drop(&fd);
    CHECK_EQ(fd, -1);
    hsm_fd_drop(&fd);
}

static size_t files_in_scratch(void)
{
    size_t count = 0;
    DIR *dir = opendir(scratch());

    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        count++;
    (void)closedir(dir);
    return count;
}

static void replaces_whole_files(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf buf = { 0 };
    const char *path = scratch_path("replaced");
    struct stat info;

    const mode_t mask = umask(0077);
    CHECK_OK(hsm_file_replace(path, hsm_bytes_of_text("old"), 0640));
    (void)umask(mask);
    REQUIRE_THAT(stat(path, &info) == 0);
    CHECK_EQ(info.st_mode & 07777, 0640);
    CHECK_OK(hsm_file_replace(path, hsm_bytes_of_text("new one"), 0600));
    CHECK_OK(hsm_file_read(path, HSM_FILE_PRIVATE, 100, &buf));
    CHECK_BYTES(buf.data, buf.len, "new one", 7);
    CHECK_OK(hsm_file_replace(path, hsm_bytes_none(), 0600));
    CHECK_ERR(hsm_file_replace(scratch_path("no/dir"), hsm_bytes_none(), 0600),
              HSM_E_STORE_NOT_FOUND);
}

/* What would be the end of /dev/null. */
static void a_device_stays_one(void)
{
    const char *fifo = scratch_path("pipe");
    struct stat info;
    char got[8] = { 0 };

    CASE("a pipe");
    REQUIRE_THAT(mkfifo(fifo, 0600) == 0);
    HSM_AUTO(hsm_fd_drop) int reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    REQUIRE_THAT(reader >= 0 && hsm_file_is_special(fifo));
    CHECK_OK(hsm_file_replace(fifo, hsm_bytes_of_text("text"), 0600));
    CHECK_EQ(read(reader, got, sizeof got), 4);
    CHECK_THAT(strcmp(got, "text") == 0);
    CHECK_THAT(lstat(fifo, &info) == 0 && S_ISFIFO(info.st_mode));

    CASE("a link");
    const char *file = scratch_path("aim");
    put(file, "longer than before", 0600);
    REQUIRE_THAT(symlink("aim", scratch_path("link")) == 0);
    CHECK_OK(hsm_file_replace(scratch_path("link"), hsm_bytes_of_text("new"), 0600));
    CHECK_THAT(lstat(scratch_path("link"), &info) == 0 && S_ISLNK(info.st_mode));
    CHECK_THAT(stat(file, &info) == 0 && info.st_size == 3);

    CASE("a directory");
    REQUIRE_THAT(mkdir(scratch_path("folder"), 0700) == 0);
    CHECK_ERR(hsm_file_replace(scratch_path("folder"), hsm_bytes_of_text("x"), 0600),
              HSM_E_STORE_IO);
    CHECK_THAT(!hsm_file_is_special(file) && !hsm_file_is_special(scratch_path("nothing")));
}

static void creates_once(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf buf = { 0 };
    const char *path = scratch_path("created");

    CHECK_OK(hsm_file_create(path, hsm_bytes_of_text("first"), 0600));
    const size_t files = files_in_scratch();
    CHECK_ERR(hsm_file_create(path, hsm_bytes_of_text("second"), 0600), HSM_E_STORE_CONFLICT);
    CHECK_EQ(files_in_scratch(), files); /* no temporary file is left */
    CHECK_OK(hsm_file_read(path, 0, 100, &buf));
    CHECK_BYTES(buf.data, buf.len, "first", 5);
}

static int replace_beyond_limit(void *arg)
{
    static uint8_t much[10000];
    const struct rlimit limit = { 4096, 4096 };

    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
        return 1;
    return hsm_file_replace(arg, hsm_bytes_of(much, sizeof much), 0600) == HSM_E_STORE_FULL ? 0 : 2;
}

static void a_failed_write_changes_nothing(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf buf = { 0 };
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s", scratch_path("kept"));
    REQUIRE_OK(hsm_file_replace(path, hsm_bytes_of_text("kept"), 0600));
    const size_t files = files_in_scratch();
    CHECK_EQ(in_child(replace_beyond_limit, path), 0);
    CHECK_EQ(files_in_scratch(), files);
    CHECK_OK(hsm_file_read(path, 0, 100, &buf));
    CHECK_BYTES(buf.data, buf.len, "kept", 4);
}

static void errno_translates(void)
{
    CHECK_ERR(hsm_file_err(0), HSM_OK);
    CHECK_ERR(hsm_file_err(ENOENT), HSM_E_STORE_NOT_FOUND);
    CHECK_ERR(hsm_file_err(EACCES), HSM_E_STORE_PERMISSION);
    CHECK_ERR(hsm_file_err(ENOSPC), HSM_E_STORE_FULL);
    CHECK_ERR(hsm_file_err(EDQUOT), HSM_E_STORE_FULL);
    CHECK_ERR(hsm_file_err(EROFS), HSM_E_STORE_READ_ONLY);
    CHECK_ERR(hsm_file_err(EIO), HSM_E_STORE_IO);
}

/* --- standard streams ------------------------------------------------------------------------- */

static int open_without_streams(void *arg)
{
    int fd = -1;

    for (int i = 0; i <= STDERR_FILENO; i++)
        (void)close(i);
    if (hsm_file_open(arg, 0, &fd) != HSM_OK || fd <= STDERR_FILENO)
        return 1;
    if ((fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)
        return 2;
    for (int i = 0; i <= STDERR_FILENO; i++) {
        if (fcntl(i, F_GETFD) != -1)
            return 3;
    }
    return hsm_fd_raise(-1) == -1 && errno == EBADF ? 0 : 4;
}

static int fill_streams(void *arg)
{
    char byte = 0;

    (void)arg;
    (void)close(STDIN_FILENO);
    (void)close(STDERR_FILENO);
    if (hsm_fd_fill_standard() != HSM_OK)
        return 1;
    if (write(STDERR_FILENO, &byte, 1) != -1 || errno != EBADF)
        return 2;
    if (read(STDIN_FILENO, &byte, 1) != -1 || errno != EBADF)
        return 3;
    return fcntl(STDOUT_FILENO, F_GETFL) != -1 ? 0 : 4;
}

static void no_file_becomes_a_standard_stream(void)
{
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s", scratch_path("stream"));
    REQUIRE_OK(hsm_file_replace(path, hsm_bytes_of_text("content"), 0600));
    CHECK_EQ(in_child(open_without_streams, path), 0);
    CHECK_EQ(in_child(fill_streams, NULL), 0);
}

static const check_test tests[] = {
    CHECK_TEST(reads_to_the_limit),
    CHECK_TEST(reads_secrets),
    CHECK_TEST(checks_mode_and_kind),
    CHECK_TEST(says_why_it_is_not_read),
    CHECK_TEST(descriptors_are_close_on_exec),
    CHECK_TEST(replaces_whole_files),
    CHECK_TEST(a_device_stays_one),
    CHECK_TEST(creates_once),
    CHECK_TEST(a_failed_write_changes_nothing),
    CHECK_TEST(errno_translates),
    CHECK_TEST(no_file_becomes_a_standard_stream),
};
CHECK_MAIN(tests)
