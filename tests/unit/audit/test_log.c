/* The log itself: order, crashes, rotation, several writers.
 * SPDX-License-Identifier: Apache-2.0 */
#include "audit/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/file.h"
#include "support/check.h"
#include "unit/audit/audit_env.h"

static void check_whole(const audit_env *env, uint64_t entries)
{
    const hsm_audit_verdict verdict = env_verify(env, true);

    CHECK_STR(hsm_audit_fault_name(verdict.fault), "none");
    CHECK_EQ(verdict.entries, entries);
}

static void a_line_says_it_all(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf content = { 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf text = { 0 };
    const hsm_audit_event event = {
        .operation = HSM_AUDITED_WRAP_KEY,
        .result = HSM_E_KEY_UNEXTRACTABLE,
        .has_slot = true,
        .session = 5,
        .user = "so",
        .client = "CN=a\"b\\c\n\xc3\xa4\xf0\x9f\x94\x91\xff",
        .has_mechanism = true,
        .mechanism = 0x80000001,
        .key_bits = 128,
        .approved = HSM_AUDIT_APPROVED_NO,
        .object = { hsm_bytes_of_text("id1"), hsm_bytes_of_text("one") },
        .other = { hsm_bytes_of_text("id2"), hsm_bytes_of_text("two") },
        .amount = 9,
        .detail = "d",
    };
    static const char want[] =
        "\"operation\":\"wrap_key\",\"result\":\"CKR_KEY_UNEXTRACTABLE\",\"slot\":0,"
        "\"session_handle\":5,\"user\":\"so\",\"client\":\"CN=a\\\"b\\\\c\\u000a\\u00e4"
        "\\ud83d\\udd11\\ufffd\",\"mechanism\":\"CKM_0x0000000080000001\",\"key_length\":128,"
        "\"fips_approved\":false,\"key_id\":\"id1\",\"label\":\"one\",\"other_key_id\":\"id2\","
        "\"other_label\":\"two\",\"amount\":9,\"detail\":\"d\"";
    audit_env env;
    hsm_member member;
    hsm_line line;

    env_make(&env);
    hsm_audit_log *log = env_open(&env);
    REQUIRE_THAT(log != NULL);
    CHECK_OK(hsm_audit_append(log, &event));
    hsm_audit_close(log);
    env_read(&env, &content);
    REQUIRE_OK(hsm_line_parse(env_line(&content, 0), &line));
    CHECK_THAT(line.members.len > sizeof want - 1);
    CHECK_BYTES(line.members.data, sizeof want - 1, want, sizeof want - 1);
    REQUIRE_THAT(hsm_member_find(line.members, "client", &member));
    CHECK_OK(hsm_member_text(&member, &text));
    CHECK_BYTES(text.data, text.len, "CN=a\"b\\c\n\xc3\xa4\xf0\x9f\x94\x91\xef\xbf\xbd", 18);
    env_clear(&env);
}

/* The longest of everything, all of it escaped, is one bounded line. */
static void the_longest_event_fits(void)
{
    audit_env env;
    char client[257] = "";
    char label[1000];

    memset(client, 1, 256);
    memset(label, '\xff', sizeof label);
    const hsm_bytes all = hsm_bytes_of(label, sizeof label);
    const hsm_audit_event event = {
        .operation = HSM_AUDITED_SIGN,
        .client = client,
        .object = { all, all },
        .other = { all, all },
        .amount = UINT64_MAX,
        .session = UINT64_MAX,
        .detail = client,
    };
    env_make(&env);
    hsm_audit_log *log = env_open(&env);
    REQUIRE_THAT(log != NULL);
    CHECK_OK(hsm_audit_append(log, &event));
    hsm_audit_close(log);
    check_whole(&env, 1);
    env_clear(&env);
}

static void levels_select(void)
{
    audit_env env;
    const hsm_audit_event sign = { .operation = HSM_AUDITED_SIGN };
    const hsm_audit_event login = { .operation = HSM_AUDITED_LOGIN };
    const hsm_audit_event init = { .operation = HSM_AUDITED_INIT_TOKEN };

    env_make(&env);
    env.options.classes = HSM_AUDIT_CLASS_AUTH;
    hsm_audit_log *log = env_open(&env);
    REQUIRE_THAT(log != NULL);
    CHECK_THAT(!hsm_audit_wants(log, HSM_AUDITED_SIGN));
    CHECK_OK(hsm_audit_append(log, &sign));
    CHECK_OK(hsm_audit_append(log, &login));
    CHECK_OK(hsm_audit_append(log, &init));
    hsm_audit_close(log);
    check_whole(&env, 2);
    CHECK_EQ(env_count(&env, "sign"), 0);
    for (unsigned i = 0; i < HSM_AUDITED_COUNT; i++)
        CHECK_THAT(hsm_audited_get((hsm_audited)i)->name != NULL &&
                   hsm_audited_get((hsm_audited)i)->classes != 0);
    env_clear(&env);
}

static void goes_on_after_a_close(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf content = { 0 };
    audit_env env;

    env_make(&env);
    for (int i = 0; i < 5; i++)
        env_fill(&env, 100);
    check_whole(&env, 500);
    env_read(&env, &content);
    CHECK_EQ(content.data[content.len - 1], '\n'); /* no room is left behind */
    CHECK_EQ(env_count(&env, "recover"), 0);
    env_clear(&env);
}

static void checkpoints_come_by_themselves(void)
{
    audit_env env;

    env_make(&env);
    env.options.checkpoint_every = 10;
    env_fill(&env, 35);
    const hsm_audit_verdict verdict = env_verify(&env, true);
    CHECK_EQ(verdict.fault, HSM_AUDIT_FAULT_NONE);
    CHECK_EQ(verdict.checkpoints, 3);
    CHECK_EQ(verdict.proven, 33);
    env_clear(&env);
}

/* Where entries come quickly, signatures wait: for the time, or for the most entries that may. */
static void checkpoints_do_not_come_too_often(void)
{
    audit_env env;

    env_make(&env);
    env.options.checkpoint_every = 10;
    env.options.checkpoint_ms = UINT32_MAX;
    env.options.is_batch = true;
    env.options.batch_ms = 1000;
    hsm_audit_log *log = env_open(&env);
    REQUIRE_THAT(log != NULL);
    env_append(log, 10 + HSM_AUDIT_CHECKPOINT_MOST - 1);
    hsm_audit_verdict verdict = env_verify(&env, true);
    CHECK_EQ(verdict.checkpoints, 1);
    CHECK_EQ(verdict.proven, 11);
    env_append(log, 1);
    verdict = env_verify(&env, true);
    CHECK_STR(hsm_audit_fault_name(verdict.fault), "none");
    CHECK_EQ(verdict.checkpoints, 2);
    CHECK_EQ(verdict.proven, 11 + HSM_AUDIT_CHECKPOINT_MOST + 1);
    hsm_audit_close(log);
    env_clear(&env);
}

static void the_clock_may_go_back(void)
{
    char room[HSM_LINE_MAX_BYTES];
    const hsm_line_stamp late = { .now_ns = 1000 };
    const hsm_line_stamp early = { .now_ns = 500 };
    hsm_chain_state state = { 0 };
    hsm_chain chain;
    audit_env env;

    env_make(&env);
    REQUIRE_OK(hsm_chain_init(&chain, env.crypto, env.options.mac_key));
    for (int i = 0; i < 3; i++) {
        hsm_text text = hsm_text_of(room, sizeof room);

        CHECK_OK(hsm_line_append(&chain, &state, i == 0 ? &late : &early,
                                 hsm_bytes_of_text("\"operation\":\"sign\""), &text));
        CHECK_EQ(state.timestamp, 1000 + (uint64_t)i);
    }
    hsm_chain_clear(&chain);
    env_clear(&env);
}

/* --- rotation --------------------------------------------------------------------------------- */

static void rotates(void)
{
    audit_env env;
    char name[5000];

    env_make(&env);
    env.options.file_max_bytes = 65536;
    for (int i = 0; i < 4; i++)
        env_fill(&env, 100);
    hsm_audit_verdict verdict = env_verify(&env, true);
    CHECK_STR(hsm_audit_fault_name(verdict.fault), "none");
    CHECK_EQ(verdict.first_index, 0);
    CHECK_EQ(verdict.entries, 400 + verdict.checkpoints);
    CHECK_THAT(env_files(&env, "audit.jsonl.") >= 2 && env_files(&env, "audit.jsonl.") <= 5);

    CASE("the oldest goes, and the head knows");
    for (int i = 0; i < 10; i++)
        env_fill(&env, 100);
    verdict = env_verify(&env, true);
    CHECK_STR(hsm_audit_fault_name(verdict.fault), "none");
    CHECK_EQ(env_files(&env, "audit.jsonl."), 5);
    CHECK_THAT(verdict.first_index > 0);
    CHECK_EQ(env_verify_public(&env).fault, HSM_AUDIT_FAULT_NONE);

    CASE("a file taken from the end is missed");
    (void)snprintf(name, sizeof name, "%s.5", env.path);
    CHECK_OK(unlink(name));
    CHECK_EQ(env_verify(&env, true).fault, HSM_AUDIT_FAULT_START);
    CHECK_EQ(env_verify(&env, true).bad_index, verdict.first_index);
    env_clear(&env);
}

/* Every state that a death during the renaming can leave is carried on from. */
static void an_interrupted_rotation_goes_on(void)
{
    for (unsigned stop = 0; stop <= 3; stop++) {
        audit_env env;
        char from[5000];
        char to[5000];

        CASE(stop == 0 ? "nothing renamed" : stop == 1 ? "one" : stop == 2 ? "two" : "made");
        env_make(&env);
        env.options.file_max_bytes = 65536;
        while (env_files(&env, "audit.jsonl.1") == 0) /* LOG and LOG.1 */
            env_fill(&env, 20);
        env_fill(&env, 5);
        const uint64_t count = env_head(&env).chain.count;
        /* What rotate() does before it renames. */
        hsm_head head = env_head(&env);
        hsm_hmac *mac = NULL;
        hsm_head_page *page = NULL;
        char *path = NULL;
        REQUIRE_OK(hsm_head_path(env.crypto, env.directory, env.path, &path));
        REQUIRE_OK(hsm_hmac_create(env.crypto, env.options.mac_key, &mac));
        REQUIRE_OK(hsm_head_open(path, mac, true, &page));
        head.flags |= HSM_HEAD_ROTATING;
        CHECK_OK(hsm_head_write(page, &head));
        hsm_head_close(page);
        hsm_hmac_destroy(mac);
        free(path);
        for (unsigned i = 0; i < stop && i < 2; i++) {
            (void)snprintf(from, sizeof from, i == 0 ? "%s.1" : "%s", env.path);
            (void)snprintf(to, sizeof to, i == 0 ? "%s.2" : "%s.1", env.path);
            CHECK_OK(rename(from, to));
        }
        if (stop == 3)
            CHECK_OK(hsm_file_create(env.path, hsm_bytes_none(), 0600));
        env_fill(&env, 3);
        const hsm_audit_verdict verdict = env_verify(&env, true);
        CHECK_STR(hsm_audit_fault_name(verdict.fault), "none");
        CHECK_EQ(verdict.entries, count + 3);
        CHECK_EQ(env_files(&env, "audit.jsonl."), 2);
        env_clear(&env);
    }
}

/* --- crashes ---------------------------------------------------------------------------------- */

static void tear(const audit_env *env, const char *rest)
{
    const int fd = open(env->path, O_WRONLY | O_APPEND | O_CLOEXEC);

    CHECK_THAT(fd >= 0);
    CHECK_OK(hsm_file_write_all(fd, hsm_bytes_of_text(rest)));
    CHECK_OK(close(fd));
}

static void a_torn_line_is_set_aside(void)
{
    audit_env env;

    env_make(&env);
    env_fill(&env, 3);
    tear(&env, "{\"timestamp\":17,\"index\":3,\"operation\":\"si");
    env_fill(&env, 2);
    check_whole(&env, 6);
    CHECK_EQ(env_count(&env, "recover"), 1);
    CHECK_EQ(env_files(&env, ".torn."), 1);
    env_clear(&env);
}

/* Entries that their writer could not acknowledge any more are kept. */
static void whole_lines_after_the_head_are_adopted(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf head = { 0 };
    audit_env env;
    char path[5000];
    char *head_path = NULL;

    env_make(&env);
    env_fill(&env, 3);
    REQUIRE_OK(hsm_head_path(env.crypto, env.directory, env.path, &head_path));
    REQUIRE_OK(hsm_file_read(head_path, HSM_FILE_ANY, 4096, &head));
    env_fill(&env, 2);
    CHECK_OK(hsm_file_replace(head_path, hsm_buf_view(&head), 0600)); /* as before those two */
    env_fill(&env, 1);
    check_whole(&env, 6);
    CHECK_EQ(env_count(&env, "recover"), 0);

    CASE("without any head");
    CHECK_OK(unlink(head_path));
    env_fill(&env, 1);
    check_whole(&env, 8);
    CHECK_EQ(env_count(&env, "recover"), 1);
    (void)snprintf(path, sizeof path, "%s", head_path);
    free(head_path);
    env_clear(&env);
}

static void a_cut_log_stays_a_cut_log(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf content = { 0 };
    audit_env env;

    env_make(&env);
    env_fill(&env, 10);
    env_read(&env, &content);
    const hsm_bytes line = env_line(&content, 6);
    env_write(&env, hsm_bytes_of(content.data, (size_t)(line.data - content.data)));
    env_fill(&env, 5);
    const hsm_audit_verdict verdict = env_verify(&env, true);
    CHECK_STR(hsm_audit_fault_name(verdict.fault), "missing");
    CHECK_EQ(verdict.bad_index, 6);
    CHECK_EQ(env_count(&env, "recover"), 1);
    env_clear(&env);
}

static void a_removed_log_is_noticed_at_once(void)
{
    audit_env env;

    env_make(&env);
    hsm_audit_log *log = env_open(&env);
    REQUIRE_THAT(log != NULL);
    env_append(log, 5);
    CHECK_OK(unlink(env.path));
    env_append(log, 2);
    hsm_audit_close(log);
    CHECK_EQ(env_count(&env, "recover"), 1);
    CHECK_EQ(env_count(&env, "sign"), 2);
    CHECK_EQ(env_verify(&env, true).fault, HSM_AUDIT_FAULT_START);
    env_clear(&env);
}

/* --- several at once -------------------------------------------------------------------------- */

#define THREADS 8u
#define EACH 50u

static void *append_some(void *log)
{
    env_append(log, EACH);
    return NULL;
}

static void threads_share(void)
{
    pthread_t threads[THREADS];
    audit_env env;

    env_make(&env);
    hsm_audit_log *log = env_open(&env);
    REQUIRE_THAT(log != NULL);
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE_OK(pthread_create(&threads[i], NULL, append_some, log));
    for (size_t i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    hsm_audit_close(log);
    check_whole(&env, (uint64_t)THREADS * EACH);
    env_clear(&env);
}

static void processes_share(void)
{
    pid_t children[3];
    audit_env env;

    env_make(&env);
    env.options.log_path = env.path;
    env.options.state_directory = env.directory;
    env.options.file_max_bytes = 65536;
    env.options.checkpoint_every = 64;
    for (size_t i = 0; i < 3; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            env.options.is_batch = i == 2; /* one of them does not care for the disk */
            env.options.batch_ms = 5;
            env_fill(&env, 100);
            _exit(check_failures() > 0);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        int status = -1;

        (void)waitpid(children[i], &status, 0);
        CHECK_EQ(status, 0);
    }
    const hsm_audit_verdict verdict = env_verify(&env, true);
    CHECK_STR(hsm_audit_fault_name(verdict.fault), "none");
    CHECK_EQ(verdict.entries, 300 + verdict.checkpoints);
    env_clear(&env);
}

/* The child of a fork gives up the parent's log and opens its own. */
static void a_forked_child_opens_its_own(void)
{
    audit_env env;
    int status = -1;

    env_make(&env);
    hsm_audit_log *log = env_open(&env);
    REQUIRE_THAT(log != NULL);
    env_append(log, 2);
    const pid_t child = fork();
    if (child == 0) {
        hsm_audit_abandon(log);
        env_fill(&env, 3);
        _exit(check_failures() > 0);
    }
    env_append(log, 2);
    (void)waitpid(child, &status, 0);
    CHECK_EQ(status, 0);
    env_append(log, 2);
    hsm_audit_close(log);
    check_whole(&env, 9);
    env_clear(&env);
}

/* --- a disk that fails ------------------------------------------------------------------------ */

/* A file can't grow over this: EFBIG, as a full disk ENOSPC. */
static void limit_files(rlim_t bytes)
{
    const struct rlimit limit = { .rlim_cur = bytes, .rlim_max = RLIM_INFINITY };

    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK_OK(setrlimit(RLIMIT_FSIZE, &limit));
}

static void a_full_disk_refuses_and_goes_on(void)
{
    const hsm_audit_event event = { .operation = HSM_AUDITED_SIGN };
    unsigned written = 0;
    audit_env env;

    env_make(&env);
    hsm_audit_log *log = env_open(&env);
    REQUIRE_THAT(log != NULL);
    limit_files(20000);
    hsm_err err = HSM_OK;
    while (written < 1000 && (err = hsm_audit_append(log, &event)) == HSM_OK)
        written++;
    CHECK_ERR(err, HSM_E_AUDIT);
    CHECK_ERR(hsm_audit_append(log, &event), HSM_E_AUDIT);
    limit_files(RLIM_INFINITY);
    CHECK_OK(hsm_audit_append(log, &event));
    hsm_audit_close(log);
    check_whole(&env, written + 1);
    CHECK_EQ(env_count(&env, "recover"), 0);
    env_clear(&env);
}

static void lose(hsm_audit_log *log, unsigned count)
{
    const hsm_audit_event event = { .operation = HSM_AUDITED_SIGN };

    for (unsigned i = 0; i < count; i++)
        CHECK_OK(hsm_audit_append(log, &event));
    CHECK_EQ(hsm_audit_lost(log), count);
}

/* That line `index` tells of so many lost entries. */
static void check_tells_lost(const audit_env *env, unsigned index, uint64_t count)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf content = { 0 };
    hsm_member member;
    hsm_line line;
    uint64_t lost = 0;

    CHECK_EQ(env_count(env, "events_lost"), 1);
    env_read(env, &content);
    REQUIRE_OK(hsm_line_parse(env_line(&content, index), &line));
    REQUIRE_THAT(hsm_member_find(line.members, "amount", &member));
    CHECK_OK(hsm_member_u64(&member, &lost));
    CHECK_EQ(lost, count);
}

static void what_may_be_lost_is_counted(void)
{
    audit_env env;

    env_make(&env);
    env.options.may_lose = true;
    hsm_audit_log *log = env_open(&env);
    REQUIRE_THAT(log != NULL);
    env_append(log, 1);
    limit_files(10);
    lose(log, 7);
    limit_files(RLIM_INFINITY);
    env_append(log, 1);
    CHECK_EQ(hsm_audit_lost(log), 0);
    hsm_audit_close(log);
    check_whole(&env, 3);
    check_tells_lost(&env, 1, 7);
    env_clear(&env);
}

/* A process that adds one entry, or one that loses some: of a log that may not grow, or of one that could
 * not even be begun. */
static void run_well(audit_env *env)
{
    hsm_audit_log *log = env_open(env);

    REQUIRE_THAT(log != NULL);
    env_append(log, 1);
    hsm_audit_close(log);
}

static void run_losing(audit_env *env, bool has_log, unsigned count)
{
    if (has_log)
        limit_files(10);
    else
        CHECK_EQ(mkdir(env->path, 0700), 0); /* in the log's place */
    hsm_audit_log *log = env_open(env);
    REQUIRE_THAT(log != NULL);
    lose(log, count);
    hsm_audit_close(log);
    limit_files(RLIM_INFINITY);
    CHECK_EQ(has_log || rmdir(env->path) == 0, true);
}

static void a_number_of_lost_entries_outlives_its_process(void)
{
    for (unsigned before = 0; before < 2; before++) {
        audit_env env;

        CASE(before == 0 ? "there was no log" : "there was one");
        env_make(&env);
        env.options.may_lose = true;
        if (before > 0)
            run_well(&env);
        run_losing(&env, before > 0, 2);
        run_losing(&env, before > 0, 3);
        run_well(&env);
        run_well(&env); /* told once */
        check_tells_lost(&env, before, 5);
        check_whole(&env, before + 3);
        env_clear(&env);
    }
}

static void where_nothing_can_be_written(void)
{
    hsm_audit_log *log = NULL;
    audit_env env;

    env_make(&env);
    env.options.log_path = "/proc/nowhere/audit.jsonl";
    env.options.state_directory = env.directory;
    CHECK_ERR(hsm_audit_open(&env.options, &log), HSM_E_AUDIT);
    CHECK_THAT(log == NULL);
    CASE("counted instead");
    env.options.may_lose = true;
    REQUIRE_OK(hsm_audit_open(&env.options, &log));
    env_append(log, 4);
    CHECK_EQ(hsm_audit_lost(log), 4);
    hsm_audit_close(log);
    env_clear(&env);
}

static void options_are_checked(void)
{
    hsm_audit_log *log = NULL;
    audit_env env;

    env_make(&env);
    env.options.state_directory = env.directory;
    env.options.log_path = "relative";
    CHECK_ERR(hsm_audit_open(&env.options, &log), HSM_E_ARG);
    env.options.log_path = env.path;
    env.options.file_max_bytes = 65535;
    CHECK_ERR(hsm_audit_open(&env.options, &log), HSM_E_ARG);
    env.options.file_max_bytes = 0;
    env.options.mac_key.len = 31;
    CHECK_ERR(hsm_audit_open(&env.options, &log), HSM_E_ARG);
    hsm_audit_close(NULL);
    env_clear(&env);
}

static const check_test tests[] = {
    CHECK_TEST(a_line_says_it_all),
    CHECK_TEST(the_longest_event_fits),
    CHECK_TEST(levels_select),
    CHECK_TEST(goes_on_after_a_close),
    CHECK_TEST(checkpoints_come_by_themselves),
    CHECK_TEST(checkpoints_do_not_come_too_often),
    CHECK_TEST(the_clock_may_go_back),
    CHECK_TEST(rotates),
    CHECK_TEST(an_interrupted_rotation_goes_on),
    CHECK_TEST(a_torn_line_is_set_aside),
    CHECK_TEST(whole_lines_after_the_head_are_adopted),
    CHECK_TEST(a_cut_log_stays_a_cut_log),
    CHECK_TEST(a_removed_log_is_noticed_at_once),
    CHECK_TEST(threads_share),
    CHECK_TEST(processes_share),
    CHECK_TEST(a_forked_child_opens_its_own),
    CHECK_TEST(a_full_disk_refuses_and_goes_on),
    CHECK_TEST(what_may_be_lost_is_counted),
    CHECK_TEST(a_number_of_lost_entries_outlives_its_process),
    CHECK_TEST(where_nothing_can_be_written),
    CHECK_TEST(options_are_checked),
};
CHECK_MAIN(tests)
