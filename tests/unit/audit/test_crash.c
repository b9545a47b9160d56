/* Ends that come at any byte and any moment.
 * SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"
#include "support/check.h"
#include "unit/audit/audit_env.h"

#define KEPT 3u  /* entries that the head knows */
#define AFTER 2u /* that were being written when the power went */

/* The log as it is after a loss of power that left `len` bytes of it, with a head from before the last
 * entries; then it is opened and goes on. */
static void cut_at(const audit_env *env, const hsm_buf *content, const hsm_buf *head, size_t len)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf now = { 0 };
    char *head_path = NULL;
    size_t whole = 0;

    env_write(env, hsm_bytes_of(content->data, len));
    REQUIRE_OK(hsm_head_path(env->crypto, env->directory, env->path, &head_path));
    CHECK_OK(hsm_file_replace(head_path, hsm_buf_view(head), 0600));
    free(head_path);
    env_fill(env, 1);
    const hsm_audit_verdict verdict = env_verify(env, true);
    CHECK_STR(hsm_audit_fault_name(verdict.fault), "none");
    for (size_t i = 0; i < len; i++)
        whole += content->data[i] == '\n';
    const bool is_torn = len > 0 && content->data[len - 1] != '\n';
    CHECK_EQ(verdict.entries, whole + 1 + (is_torn ? 1 : 0));
    env_read(env, &now); /* what was whole is as it was */
    const hsm_bytes last = env_line(content, (unsigned)whole - 1);
    const size_t kept = (size_t)(last.data - content->data) + last.len;
    CHECK_BYTES(now.data, kept, content->data, kept);
}

/* CRATON_HSM_TEST_LONG=1 tries every byte. */
static size_t step(void)
{
    return getenv("CRATON_HSM_TEST_LONG") != NULL ? 1 : 5;
}

/* Beside the end of a line. */
static bool is_border(const hsm_buf *content, size_t len)
{
    return content->data[len - 1] == '\n' || (len < content->len && content->data[len] == '\n');
}

static void power_may_go_at_any_byte(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf content = { 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf head = { 0 };
    char *head_path = NULL;
    audit_env env;

    env_make(&env);
    env_fill(&env, KEPT);
    REQUIRE_OK(hsm_head_path(env.crypto, env.directory, env.path, &head_path));
    REQUIRE_OK(hsm_file_read(head_path, HSM_FILE_ANY, 4096, &head));
    free(head_path);
    env_fill(&env, AFTER);
    env_read(&env, &content);
    const hsm_bytes line = env_line(&content, KEPT);
    for (size_t len = (size_t)(line.data - content.data); len <= content.len; len++) {
        if (len % step() == 0 || is_border(&content, len))
            cut_at(&env, &content, &head, len);
    }
    env_clear(&env);
}

/* --- writers, killed ---------------------------------------------------------------------------- */

/* Writes, and says each time that it was told so, until it is killed. */
static pid_t start_writer(const audit_env *env, int told_fd)
{
    const pid_t child = fork();

    if (child != 0)
        return child;
    hsm_audit_log *log = NULL;
    const hsm_audit_event event = { .operation = HSM_AUDITED_SIGN };
    if (hsm_audit_open(&env->options, &log) != HSM_OK)
        _exit(1);
    while (hsm_audit_append(log, &event) == HSM_OK && write(told_fd, "x", 1) == 1)
        ;
    _exit(2);
}

/* How often they said so, `max` times at most. */
static unsigned count_told(int fd, unsigned max)
{
    unsigned told = 0;
    char byte;

    while (told < max && read(fd, &byte, 1) == 1)
        told++;
    return told;
}

static void kill_writer(pid_t child)
{
    int status = 0;

    CHECK_OK(kill(child, SIGKILL));
    (void)waitpid(child, &status, 0);
    CHECK_THAT(WIFSIGNALED(status));
}

/* One is killed at any moment. */
static unsigned kill_one(const audit_env *env, unsigned us)
{
    int pipes[2];

    CHECK_OK(pipe2(pipes, O_CLOEXEC));
    const pid_t child = start_writer(env, pipes[1]);
    (void)close(pipes[1]);
    (void)usleep(us); /* any moment will do */
    kill_writer(child);
    const unsigned told = count_told(pipes[0], UINT_MAX);
    (void)close(pipes[0]);
    return told;
}

/* One of two is killed after some entries, the other goes on and is killed too. */
static unsigned kill_both(const audit_env *env, unsigned after)
{
    unsigned told = 0;
    int pipes[2];

    CHECK_OK(pipe2(pipes, O_CLOEXEC));
    const pid_t children[2] = { start_writer(env, pipes[1]), start_writer(env, pipes[1]) };
    (void)close(pipes[1]);
    for (size_t i = 0; i < 2; i++) {
        told += count_told(pipes[0], after);
        kill_writer(children[i]);
    }
    told += count_told(pipes[0], UINT_MAX);
    (void)close(pipes[0]);
    return told;
}

/* mode 0: sync; 1: batch */
static void make_log(audit_env *env, int mode)
{
    CASE(mode == 0 ? "sync" : "batch");
    env_make(env);
    env->options.log_path = env->path;
    env->options.state_directory = env->directory;
    env->options.is_batch = mode == 1;
    env->options.batch_ms = 5;
}

static void one_writer_may_be_killed(void)
{
    for (int mode = 0; mode < 2; mode++) {
        unsigned told = 0;
        audit_env env;

        make_log(&env, mode);
        env.options.file_max_bytes = 200000;
        env.options.checkpoint_every = 50;
        for (unsigned i = 0; i < 25; i++)
            told += kill_one(&env, 3000 + i * 997 % 20000);
        env_fill(&env, 1);
        const hsm_audit_verdict verdict = env_verify(&env, true);
        CHECK_STR(hsm_audit_fault_name(verdict.fault), "none");
        CHECK_THAT(verdict.first_index > 0 || env_count(&env, "sign") >= told + 1);
        CHECK_THAT(verdict.first_index + verdict.entries >= told + 1);
        env_clear(&env);
    }
}

static void two_writers_may_be_killed(void)
{
    for (int mode = 0; mode < 2; mode++) {
        unsigned told = 0;
        audit_env env;

        make_log(&env, mode);
        for (unsigned i = 0; i < 12; i++)
            told += kill_both(&env, 1 + i * 5 % 23);
        env_fill(&env, 1);
        const hsm_audit_verdict verdict = env_verify(&env, true);
        CHECK_STR(hsm_audit_fault_name(verdict.fault), "none");
        CHECK_THAT(env_count(&env, "sign") >= told + 1);
        env_clear(&env);
    }
}

static const check_test tests[] = {
    CHECK_TEST(power_may_go_at_any_byte),
    CHECK_TEST(one_writer_may_be_killed),
    CHECK_TEST(two_writers_may_be_killed),
};
CHECK_MAIN(tests)
