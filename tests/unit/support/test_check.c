/* The frame must not hide a failure: each test here runs a program of its own in a child process
 * and looks at what it printed and how it ended.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void passes(void)
{
    CHECK_EQ(2, 2);
    CHECK_STR("a", "a");
    CHECK_BYTES("abc", 3, "abc", 3);
}

static void fails_in_case(void)
{
    CASE("second row");
    CHECK_EQ(1, 2);
}

static void fails_bytes(void)
{
    CHECK_BYTES("abc", 3, "abd", 3);
    CHECK_BYTES("abc", 3, "abcd", 4);
    CHECK_BYTES(NULL, 1, "a", 1);
}

static void requires(void)
{
    REQUIRE_THAT(1 > 2);
    CHECK_THAT(false); /* not reached */
}

static void skips(void)
{
    SKIP("nothing here");
}

static void gives_up(void)
{
    CASE("third row");
    check_give_up("nobody came", 7);
}

/* Runs one inner test in a child; out_text gets what it printed. Returns its exit status. */
static int run_child(const check_test *test, size_t count, char *out_text, size_t room)
{
    int pipe_fd[2];
    size_t len = 0;
    int status = -1;

    if (pipe(pipe_fd) != 0)
        return -1;
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        char name[] = "inner";
        char *argv[] = { name, NULL };

        dup2(pipe_fd[1], STDOUT_FILENO);
        close(pipe_fd[0]);
        close(pipe_fd[1]);
        const int result = check_main(test, count, 1, argv);
        fflush(stdout);
        _exit(result);
    }
    close(pipe_fd[1]);
    for (ssize_t n = 1; n > 0 && len + 1 < room; len += n > 0 ? (size_t)n : 0)
        n = read(pipe_fd[0], out_text + len, room - len - 1);
    out_text[len] = '\0';
    close(pipe_fd[0]);
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

static const struct {
    const char *label;
    check_test test;
    int want_status;
    const char *want_text;
} frame_cases[] = {
    { "a pass", CHECK_TEST(passes), 0, "ok 1 - passes\n1..1\n" },
    { "a failure", CHECK_TEST(fails_in_case), 1, "not ok 1 - fails_in_case\n1..1\n" },
    { "the case is named", CHECK_TEST(fails_in_case), 1,
      "[second row] 1 is 1 (0x1), want 2, 2 (0x2)" },
    { "bytes differ", CHECK_TEST(fails_bytes), 1, "from byte 2 on: 63, want 64" },
    { "bytes are missing", CHECK_TEST(fails_bytes), 1,
      "3 bytes, want 4; from byte 3 on: , want 64" },
    { "bytes from nowhere", CHECK_TEST(fails_bytes), 1, "NULL with a length of 1" },
    { "a requirement ends it", CHECK_TEST(requires), 1, "not true: 1 > 2\nnot ok 1 - requires\n" },
    { "waiting has an end", CHECK_TEST(gives_up), 1,
      "Bail out! third row: nobody came within 7 s\n" },
    { "a skip", CHECK_TEST(skips), 0, "ok 1 - skips # SKIP nothing here\n1..1\n" },
};

static void frame_reports_cases(void)
{
    for (size_t i = 0; i < sizeof frame_cases / sizeof frame_cases[0]; i++) {
        char text[2048] = "";

        CASE(frame_cases[i].label);
        CHECK_EQ(run_child(&frame_cases[i].test, 1, text, sizeof text), frame_cases[i].want_status);
        if (!CHECK_THAT(strstr(text, frame_cases[i].want_text) != NULL))
            printf("# it printed: %s\n", text);
    }
}

static void frame_refuses_nothing(void)
{
    char text[256];

    CHECK_EQ(run_child(&frame_cases[0].test, 0, text, sizeof text), 1);
}

static const check_test tests[] = {
    CHECK_TEST(frame_reports_cases),
    CHECK_TEST(frame_refuses_nothing),
};
CHECK_MAIN(tests)
