/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"

static const struct {
    const char *text;
    hsm_log_sink sink;
    hsm_log_level level;
} parse_cases[] = {
    { "off", HSM_LOG_OFF, HSM_LOG_WARNING },
    { "stderr", HSM_LOG_STDERR, HSM_LOG_WARNING },
    { "syslog", HSM_LOG_SYSLOG, HSM_LOG_WARNING },
    { "stderr:error", HSM_LOG_STDERR, HSM_LOG_ERROR },
    { "stderr:warning", HSM_LOG_STDERR, HSM_LOG_WARNING },
    { "syslog:info", HSM_LOG_SYSLOG, HSM_LOG_INFO },
    { "stderr:debug", HSM_LOG_STDERR, HSM_LOG_DEBUG },
    { NULL, HSM_LOG_SYSLOG, HSM_LOG_DEBUG }, /* the fallback */
    { "", HSM_LOG_SYSLOG, HSM_LOG_DEBUG },
};

/* Standard error as it was, while a pipe stands in. */
static int saved_stderr;
static int pipe_fd[2];

static bool capture_begin(void)
{
    saved_stderr = dup(STDERR_FILENO);
    return saved_stderr >= 0 && pipe(pipe_fd) == 0 && dup2(pipe_fd[1], STDERR_FILENO) >= 0;
}

static size_t capture_end(char *out_text, size_t room)
{
    (void)dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(pipe_fd[1]);
    const ssize_t len = read(pipe_fd[0], out_text, room - 1);
    close(pipe_fd[0]);
    out_text[len > 0 ? len : 0] = '\0';
    return len > 0 ? (size_t)len : 0;
}

static void parses(void)
{
    const hsm_log_options fallback = { HSM_LOG_SYSLOG, HSM_LOG_DEBUG };

    for (size_t i = 0; i < HSM_ARRAY_LEN(parse_cases); i++) {
        const hsm_log_options got = hsm_log_parse(parse_cases[i].text, fallback);

        CASE(parse_cases[i].text);
        CHECK_EQ(got.sink, parse_cases[i].sink);
        CHECK_EQ(got.level, parse_cases[i].level);
    }
}

static void unknown_value_says_so(void)
{
    static const char *const unknown[] = { "file", "stderr:", "stderr:loud", "STDERR", ":debug" };
    const hsm_log_options fallback = { HSM_LOG_OFF, HSM_LOG_ERROR };
    char text[400];

    hsm_log_configure(fallback);
    for (size_t i = 0; i < HSM_ARRAY_LEN(unknown); i++) {
        CASE(unknown[i]);
        REQUIRE_THAT(capture_begin());
        const hsm_log_options got = hsm_log_parse(unknown[i], fallback);
        hsm_log(HSM_LOG_ERROR, "still off");
        capture_end(text, sizeof text);
        CHECK_EQ(got.sink, HSM_LOG_STDERR);
        CHECK_EQ(got.level, HSM_LOG_WARNING);
        CHECK_THAT(strstr(text, unknown[i]) != NULL);
        CHECK_THAT(strchr(text, '\n') == text + strlen(text) - 1);
    }
}

static void one_clean_line(void)
{
    char text[4096];
    char longer[3000];

    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    hsm_log_configure((hsm_log_options){ HSM_LOG_STDERR, HSM_LOG_INFO });
    REQUIRE_THAT(capture_begin());
    errno = ENOENT;
    hsm_log(HSM_LOG_INFO, "a %d\n\x1b[31m", 7);
    hsm_log(HSM_LOG_DEBUG, "not shown");
    const int errno_after = errno;
    size_t len = capture_end(text, sizeof text);
    CHECK_STR(text, "craton-hsm: info: a 7??[31m\n");
    CHECK_EQ(errno_after, ENOENT);

    REQUIRE_THAT(capture_begin());
    hsm_log(HSM_LOG_ERROR, "%s", longer);
    len = capture_end(text, sizeof text);
    CHECK_EQ(len, 1000);
    CHECK_EQ(text[999], '\n');
    CHECK_EQ(text[998], 'x');

    hsm_log_configure((hsm_log_options){ HSM_LOG_OFF, HSM_LOG_DEBUG });
    REQUIRE_THAT(capture_begin());
    hsm_log(HSM_LOG_ERROR, "nothing");
    CHECK_EQ(capture_end(text, sizeof text), 0);
}

static void json_is_one_object_a_line(void)
{
    const hsm_log_options options = { HSM_LOG_STDERR, HSM_LOG_INFO };
    char text[4096];

    hsm_log_configure(options);
    hsm_log_use_json(true);
    REQUIRE_THAT(capture_begin());
    hsm_log(HSM_LOG_INFO, "a \"quoted\" back\\slash and a\nnewline");
    hsm_log(HSM_LOG_WARNING, "no UTF-8: \xff");
    hsm_log(HSM_LOG_ERROR, "UTF-8: \xc3\xbc");
    capture_end(text, sizeof text);
    hsm_log_use_json(false);
    CHECK_THAT(strstr(text, "Z\",\"level\":\"info\",\"message\":"
                            "\"a \\\"quoted\\\" back\\\\slash and a?newline\"}\n") != NULL);
    CHECK_THAT(strstr(text, "\"warning\",\"message\":\"no UTF-8: ?\"}\n") != NULL);
    CHECK_THAT(strstr(text, "\"error\",\"message\":\"UTF-8: \xc3\xbc\"}\n") != NULL);
    CHECK_THAT(strncmp(text, "{\"time\":\"20", 11) == 0);
}

/* It is the host's process, and SIGPIPE would end it. */
static void who_has_gone_ends_nobody(void)
{
    int status = -1;
    const pid_t child = fork();

    if (child == 0) {
        sigset_t pending;
        const bool is_begun = capture_begin() && close(pipe_fd[0]) == 0;

        hsm_log_configure((hsm_log_options){ HSM_LOG_STDERR, HSM_LOG_INFO });
        errno = ENOENT;
        hsm_log(HSM_LOG_ERROR, "nobody reads this");
        const bool is_quiet =
            errno == ENOENT && sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 0;
        _exit(is_begun && is_quiet ? 0 : 1);
    }
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
}

static const check_test tests[] = {
    CHECK_TEST(json_is_one_object_a_line), CHECK_TEST(parses),
    CHECK_TEST(unknown_value_says_so),     CHECK_TEST(one_clean_line),
    CHECK_TEST(who_has_gone_ends_nobody),
};
CHECK_MAIN(tests)
