/* The test frame.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/check.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Of the test function that runs now. A label belongs to its thread, the rest to all of them. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned failures;
static const char *skip_reason;
static _Thread_local const char *case_label;

/* More would bury the first, which is the one to read. */
enum { FAILURES_SHOWN_MAX = 20 };

void check_case(const char *label)
{
    case_label = label;
}

unsigned check_failures(void)
{
    pthread_mutex_lock(&lock);
    const unsigned count = failures;
    pthread_mutex_unlock(&lock);
    return count;
}

void check_skip(const char *reason)
{
    pthread_mutex_lock(&lock);
    skip_reason = reason;
    pthread_mutex_unlock(&lock);
}

__attribute__((format(printf, 3, 4))) static void fail(const char *file, int line,
                                                       const char *format, ...)
{
    va_list args;

    pthread_mutex_lock(&lock);
    if (++failures <= FAILURES_SHOWN_MAX) {
        printf("# %s:%d: ", file, line);
        if (case_label != NULL)
            printf("[%s] ", case_label);
        va_start(args, format);
        vprintf(format, args);
        va_end(args);
        putchar('\n');
    }
    pthread_mutex_unlock(&lock);
}

void check_give_up(const char *what, unsigned after_s)
{
    printf("Bail out! %s%s%s within %u s\n", case_label != NULL ? case_label : "",
           case_label != NULL ? ": " : "", what, after_s);
    (void)fflush(stdout);
    _exit(1);
}

bool check_that(bool holds, const char *text, const char *file, int line)
{
    if (!holds)
        fail(file, line, "not true: %s", text);
    return holds;
}

bool check_eq(uint64_t got, uint64_t want, const char *got_text, const char *want_text,
              const char *file, int line)
{
    if (got != want)
        fail(file, line, "%s is %" PRIu64 " (0x%" PRIx64 "), want %s, %" PRIu64 " (0x%" PRIx64 ")",
             got_text, got, got, want_text, want, want);
    return got == want;
}

bool check_str(const char *got, const char *want, const char *text, const char *file, int line)
{
    const bool same = got == want || (got != NULL && want != NULL && strcmp(got, want) == 0);

    if (!same)
        fail(file, line, "%s is \"%s\", want \"%s\"", text, got != NULL ? got : "(null)",
             want != NULL ? want : "(null)");
    return same;
}

/* The hexadecimal of the bytes from `at` on, as many as fit. */
static const char *hex_from(const uint8_t *data, size_t len, size_t at, char room[static 36])
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;

    for (; at < len && n + 2 < 33; at++) {
        room[n++] = digits[data[at] >> 4];
        room[n++] = digits[data[at] & 15];
    }
    room[n] = '\0';
    return room;
}

bool check_bytes(const void *data, size_t len, const void *want, size_t want_len, const char *text,
                 const char *file, int line)
{
    const uint8_t *a = data;
    const uint8_t *b = want;
    const size_t shorter = len < want_len ? len : want_len;
    char got_hex[36];
    char want_hex[36];
    size_t i = 0;

    if ((a == NULL && len > 0) || (b == NULL && want_len > 0)) {
        fail(file, line, "%s: NULL with a length of %zu, want %zu bytes", text, len, want_len);
        return false;
    }
    while (i < shorter && a[i] == b[i])
        i++;
    if (i == len && i == want_len)
        return true;
    fail(file, line, "%s: %zu bytes, want %zu; from byte %zu on: %s, want %s", text, len, want_len,
         i, hex_from(a, len, i, got_hex), hex_from(b, want_len, i, want_hex));
    return false;
}

static bool is_chosen(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc < 2;
}

/* Runs one test, prints its line, and returns whether it did not fail. */
static bool run_one(const check_test *test, size_t number)
{
    failures = 0;
    skip_reason = NULL;
    case_label = NULL;
    test->run();

    if (failures > FAILURES_SHOWN_MAX)
        printf("# and %u more\n", failures - FAILURES_SHOWN_MAX);
    if (failures > 0)
        printf("not ok %zu - %s\n", number, test->name);
    else if (skip_reason != NULL)
        printf("ok %zu - %s # SKIP %s\n", number, test->name, skip_reason);
    else
        printf("ok %zu - %s\n", number, test->name);
    return failures == 0;
}

int check_main(const check_test *tests, size_t count, int argc, char **argv)
{
    size_t ran = 0;
    size_t failed = 0;

    /* Line by line: what was shown before a crash must not be lost with the process. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 2 && strcmp(argv[1], "-l") == 0) {
        for (size_t i = 0; i < count; i++)
            puts(tests[i].name);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_chosen(tests[i].name, argc, argv))
            continue;
        failed += !run_one(&tests[i], ++ran);
    }
    printf("1..%zu\n", ran);
    if (ran == 0)
        puts("# no such test");
    return ran == 0 || failed > 0;
}
