/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "support/check.h"

/* Runs `body` in a child; its exit status, or 128 + the signal that ended it. */
static int in_child(int (*body)(void *arg), void *arg)
{
    int status = 0;

    fflush(stdout);
    const pid_t child = fork();
    if (child == 0)
        _exit(body(arg));
    if (child < 0 || waitpid(child, &status, 0) != child)
        return -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool is_all(const uint8_t *data, size_t len, uint8_t value)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] != value)
            return false;
    }
    return true;
}

static const size_t sizes[] = { 1,    16,   63,   64,   65,    128,   1000,  4096,
                                4097, 8192, 8193, 9000, 20000, 65536, 131072 };

static void every_size_is_zeroed_and_wiped(void)
{
    const hsm_secret_stats before = hsm_secret_statistics();

    for (size_t i = 0; i < HSM_ARRAY_LEN(sizes); i++) {
        hsm_secret *secret = NULL;

        REQUIRE_OK(hsm_secret_create(sizes[i], &secret));
        CHECK_EQ(hsm_secret_len(secret), sizes[i]);
        CHECK_EQ((uintptr_t)hsm_secret_data(secret) % 16, 0);
        CHECK_THAT(is_all(hsm_secret_data(secret), sizes[i], 0));
        memset(hsm_secret_data(secret), 0xa5, sizes[i]);
        CHECK_EQ(hsm_secret_view(secret).len, sizes[i]);
        CHECK_EQ(hsm_secret_statistics().bytes, before.bytes + sizes[i]);
        hsm_secret_destroy(secret);
        REQUIRE_OK(hsm_secret_create(sizes[i], &secret)); /* the same slot */
        CHECK_THAT(is_all(hsm_secret_data(secret), sizes[i], 0));
        hsm_secret_destroy(secret);
    }
    CHECK_EQ(hsm_secret_statistics().secrets, before.secrets);
    CHECK_EQ(hsm_secret_statistics().bytes, before.bytes);
}

/* A whole backup: larger than any key, and mapped for itself. */
static void a_large_one_has_a_mapping_of_its_own(void)
{
    const size_t len = HSM_SECRET_MAX_BYTES + 1;
    const hsm_secret_stats before = hsm_secret_statistics();
    hsm_secret *secret = NULL;

    REQUIRE_OK(hsm_secret_create_large(len, &secret));
    CHECK_EQ(hsm_secret_len(secret), len);
    CHECK_EQ(hsm_secret_data(secret)[0] | hsm_secret_data(secret)[len - 1], 0);
    CHECK_THAT(hsm_secret_statistics().arena_bytes >= before.arena_bytes + len);
    memset(hsm_secret_data(secret), 0xa5, len);
    hsm_secret_destroy(secret);
    CHECK_EQ(hsm_secret_statistics().arena_bytes, before.arena_bytes);
    secret = NULL;
    CHECK_ERR(hsm_secret_create_large(0, &secret), HSM_E_ARG);
    CHECK_ERR(hsm_secret_create_large(HSM_SECRET_LARGE_MAX_BYTES + 1, &secret), HSM_E_ARG);
    CHECK_ERR(hsm_secret_create_large(1, NULL), HSM_E_ARG);
    CHECK_THAT(secret == NULL);
}

static void bad_lengths_are_refused(void)
{
    hsm_secret *secret = NULL;

    CHECK_ERR(hsm_secret_create(0, &secret), HSM_E_ARG);
    CHECK_ERR(hsm_secret_create(HSM_SECRET_MAX_BYTES + 1, &secret), HSM_E_ARG);
    CHECK_ERR(hsm_secret_create(SIZE_MAX, &secret), HSM_E_ARG);
    CHECK_ERR(hsm_secret_create(1, NULL), HSM_E_ARG);
    CHECK_ERR(hsm_secret_dup(hsm_bytes_none(), &secret), HSM_E_ARG);
    CHECK_THAT(secret == NULL);
    hsm_secret_destroy(NULL);
    CHECK_EQ(hsm_secret_view(NULL).len, 0);
}

static void dup_and_shrink(void)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;

    REQUIRE_OK(hsm_secret_dup(hsm_bytes_of_text("0123456789"), &secret));
    CHECK_BYTES(hsm_secret_view(secret).data, 10, "0123456789", 10);
    hsm_secret_shrink(secret, 11);
    hsm_secret_shrink(secret, 0);
    CHECK_EQ(hsm_secret_len(secret), 10);
    const size_t room = hsm_secret_room(secret);
    CHECK_THAT(room >= 11 && hsm_secret_room(NULL) == 0);
    hsm_secret_shrink(secret, 4);
    CHECK_EQ(hsm_secret_room(secret), room);
    CHECK_BYTES(hsm_secret_view(secret).data, hsm_secret_len(secret), "0123", 4);
    if (!IS_SANITIZED) /* else it is poisoned */
        CHECK_THAT(is_all(hsm_secret_data(secret) + 4, 6, 0));
}

static void first_line_is_kept(void)
{
    static const struct {
        const char *text;
        size_t len;
        const char *line; /* NULL: there is none */
    } cases[] = {
        { "pin", 3, "pin" },       { "pin\n", 4, "pin" },      { "pin\r\nnote\n", 10, "pin" },
        { "pin\0rest", 8, "pin" }, { " pin \nx", 7, " pin " }, { "\n", 1, NULL },
        { "\r\npin", 5, NULL },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;

        CASE(cases[i].text);
        REQUIRE_OK(hsm_secret_dup(hsm_bytes_of(cases[i].text, cases[i].len), &secret));
        CHECK_ERR(hsm_secret_keep_line(secret), cases[i].line != NULL ? HSM_OK : HSM_E_DATA);
        if (cases[i].line != NULL)
            CHECK_BYTES(hsm_secret_view(secret).data, hsm_secret_len(secret), cases[i].line,
                        strlen(cases[i].line));
        else
            CHECK_EQ(hsm_secret_len(secret), cases[i].len);
    }
}

static void freed_memory_is_zero(void)
{
    if (IS_SANITIZED)
        SKIP("freed slots are poisoned here");
    hsm_secret *keeper = NULL;
    hsm_secret *secret = NULL;

    REQUIRE_OK(hsm_secret_create(48, &keeper)); /* holds the arena */
    REQUIRE_OK(hsm_secret_create(48, &secret));
    volatile uint8_t *data = hsm_secret_data(secret);
    memset(hsm_secret_data(secret), 0x77, 48);
    hsm_secret_destroy(secret);
    for (size_t i = 0; i < 48; i++)
        CHECK_EQ(data[i], 0);
    hsm_secret_destroy(keeper);
}

static void many_come_and_go(void)
{
    static hsm_secret *secrets[6000];
    const size_t mapped = hsm_secret_statistics().arena_bytes;

    for (unsigned i = 0; i < HSM_ARRAY_LEN(secrets); i++) {
        REQUIRE_OK(hsm_secret_create(100, &secrets[i]));
        memset(hsm_secret_data(secrets[i]), (int)(i % 255 + 1), 100);
    }
    for (unsigned i = 0; i < HSM_ARRAY_LEN(secrets); i += 2)
        hsm_secret_destroy(secrets[i]);
    for (unsigned i = 1; i < HSM_ARRAY_LEN(secrets); i += 2)
        CHECK_THAT(is_all(hsm_secret_data(secrets[i]), 100, (uint8_t)(i % 255 + 1)));
    for (unsigned i = 1; i < HSM_ARRAY_LEN(secrets); i += 2)
        hsm_secret_destroy(secrets[i]);
    CHECK_THAT(hsm_secret_statistics().arena_bytes <= mapped + 256u * 1024); /* one is kept */
}

static int write_past_end(void *arg)
{
    hsm_secret *secret = arg;

    ((volatile uint8_t *)hsm_secret_data(secret))[hsm_secret_len(secret)] = 1;
    return 0;
}

static int read_before_start(void *arg)
{
    const volatile uint8_t *data = hsm_secret_data(arg);

    for (size_t i = 0; i <= 128u * 1024; i++)
        (void)data[0 - i];
    return 0;
}

static void guards_stop_overruns(void)
{
    if (IS_SANITIZED)
        SKIP("the sanitizer reports it in its own way");
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;

    REQUIRE_OK(hsm_secret_create(65536, &secret));
    CHECK_EQ(in_child(write_past_end, secret), 128 + SIGSEGV);
    CHECK_EQ(in_child(read_before_start, secret), 128 + SIGSEGV);
}

static int look_after_fork(void *arg)
{
    hsm_secret *inherited = arg;
    hsm_secret *own = NULL;

    hsm_secret_after_fork();
    if (!is_all(hsm_secret_data(inherited), 32, 0))
        return 1;
    if (hsm_secret_statistics().secrets != 0)
        return 2;
    hsm_secret_destroy(inherited); /* does nothing */
    if (hsm_secret_create(32, &own) != HSM_OK)
        return 3;
    memset(hsm_secret_data(own), 1, 32);
    hsm_secret_destroy(own);
    return hsm_secret_statistics().secrets == 0 ? 0 : 4;
}

static void a_child_sees_zeros(void)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;

    REQUIRE_OK(hsm_secret_create(32, &secret));
    memset(hsm_secret_data(secret), 0x5a, 32);
    CHECK_EQ(in_child(look_after_fork, secret), 0);
    CHECK_THAT(is_all(hsm_secret_data(secret), 32, 0x5a));
}

/* No memory may be locked: once a warning that names the remedy, then business as usual, unless
 * locking is required. */
static int without_locked_memory(void *arg)
{
    const struct rlimit none = { 0, 0 };
    char text[2000] = "";
    int fd[2];
    hsm_secret *first = NULL;
    hsm_secret *second = NULL;

    (void)arg;
    hsm_secret_after_fork();
    hsm_log_configure((hsm_log_options){ HSM_LOG_STDERR, HSM_LOG_WARNING });
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (getuid() == 0 && setuid(65534) != 0))
        return 10;
    if (pipe2(fd, O_NONBLOCK) != 0 || dup2(fd[1], STDERR_FILENO) < 0)
        return 11;
    if (hsm_secret_create(32, &first) != HSM_OK || hsm_secret_create(5000, &second) != HSM_OK)
        return 12;
    const ssize_t len = read(fd[0], text, sizeof text - 1);
    const char *hint = len > 0 ? strstr(text, "ulimit -l 8192") : NULL;
    if (hint == NULL || strstr(hint + 1, "ulimit") != NULL)
        return 13;
    if (hsm_secret_statistics().unlocked_bytes == 0)
        return 14;
    hsm_secret_require_locked(true);
    if (hsm_secret_create(32, &first) != HSM_E_NO_LOCKED_MEMORY)
        return 15;
    if (hsm_secret_create(100000, &first) != HSM_E_NO_LOCKED_MEMORY)
        return 16;
    hsm_secret_require_locked(false);
    return hsm_secret_create(32, &first) == HSM_OK ? 0 : 17;
}

static void lock_limit(void)
{
    if (IS_SANITIZED)
        SKIP("sanitizers make mlock succeed always");
    if (hsm_secret_statistics().unlocked_bytes > 0)
        SKIP("the limit is so small here that the one warning is given already");
    CHECK_EQ(in_child(without_locked_memory, NULL), 0);
}

static void *work(void *arg)
{
    int *failures = arg;

    for (unsigned i = 0; i < 3000; i++) {
        const size_t len = sizes[i % HSM_ARRAY_LEN(sizes)] % 5000 + 1;
        hsm_secret *secret = NULL;

        if (hsm_secret_create(len, &secret) != HSM_OK) {
            (*failures)++;
            continue;
        }
        *failures += !is_all(hsm_secret_data(secret), len, 0);
        memset(hsm_secret_data(secret), 0xee, len);
        hsm_secret_destroy(secret);
    }
    return NULL;
}

static void threads_share_the_slab(void)
{
    pthread_t threads[4];
    int failures[4] = { 0 };

    for (size_t i = 0; i < 4; i++)
        REQUIRE_THAT(pthread_create(&threads[i], NULL, work, &failures[i]) == 0);
    for (size_t i = 0; i < 4; i++) {
        (void)pthread_join(threads[i], NULL);
        CHECK_EQ(failures[i], 0);
    }
    CHECK_EQ(hsm_secret_statistics().secrets, 0);
}

static const check_test tests[] = {
    CHECK_TEST(every_size_is_zeroed_and_wiped),
    CHECK_TEST(bad_lengths_are_refused),
    CHECK_TEST(a_large_one_has_a_mapping_of_its_own),
    CHECK_TEST(dup_and_shrink),
    CHECK_TEST(first_line_is_kept),
    CHECK_TEST(freed_memory_is_zero),
    CHECK_TEST(many_come_and_go),
    CHECK_TEST(guards_stop_overruns),
    CHECK_TEST(a_child_sees_zeros),
    CHECK_TEST(lock_limit),
    CHECK_TEST(threads_share_the_slab),
};
CHECK_MAIN(tests)
