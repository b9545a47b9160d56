/* A small test frame. A test program is a table of functions; each prints one TAP line.
 *
 *     static void adds(void)
 *     {
 *         CASE("small numbers");
 *         CHECK_EQ(1 + 1, 2);
 *     }
 *
 *     static const check_test tests[] = { CHECK_TEST(adds) };
 *     CHECK_MAIN(tests)
 *
 * A CHECK_... that fails says where, in which CASE, and goes on; a REQUIRE_... also leaves the
 * function it stands in (which returns void). All may be used from several threads.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef SUPPORT_CHECK_H
#define SUPPORT_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A sanitizer has memory and an allocator of its own, with limits and locks that are not ours. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED 0
#endif

typedef struct check_test {
    const char *name;
    void (*run)(void);
} check_test;

/* A row of the table of tests. */
#define CHECK_TEST(function) \
    {                        \
#function, function  \
    }

/* main() of a test program. Arguments: the names of the tests to run; none: all; -l lists them.
 * Exit status 0 only if at least one test ran or was skipped, and none failed. */
#define CHECK_MAIN(table)                                                           \
    int main(int argc, char **argv)                                                 \
    {                                                                               \
        return check_main((table), sizeof(table) / sizeof((table)[0]), argc, argv); \
    }

/* Names the row or situation that the checks after it are about; NULL: none. Kept, not copied. */
#define CASE(label) check_case(label)

#define CHECK_THAT(cond) check_that((cond), #cond, __FILE__, __LINE__)

/* Two integers of any type, each at most 64 bits. */
#define CHECK_EQ(got, want) \
    check_eq((uint64_t)(got), (uint64_t)(want), #got, #want, __FILE__, __LINE__)

/* An error or return value against the wanted one. */
#define CHECK_ERR(expr, want) CHECK_EQ(expr, want)
#define CHECK_OK(expr) CHECK_EQ(expr, 0)

#define CHECK_STR(got, want) check_str((got), (want), #got, __FILE__, __LINE__)

/* len bytes at data equal want_len bytes at want. */
#define CHECK_BYTES(data, len, want, want_len) \
    check_bytes((data), (len), (want), (want_len), #data, __FILE__, __LINE__)

#define REQUIRE_THAT(cond)     \
    do {                       \
        if (!CHECK_THAT(cond)) \
            return;            \
    } while (0)

#define REQUIRE_OK(expr)     \
    do {                     \
        if (!CHECK_OK(expr)) \
            return;          \
    } while (0)

/* Leaves the test function: it can not run here. The reason is shown. */
#define SKIP(reason)        \
    do {                    \
        check_skip(reason); \
        return;             \
    } while (0)

/* The functions behind the macros; they return whether the check held. */
void check_case(const char *label);
void check_skip(const char *reason);
bool check_that(bool holds, const char *text, const char *file, int line);
bool check_eq(uint64_t got, uint64_t want, const char *got_text, const char *want_text,
              const char *file, int line);
bool check_str(const char *got, const char *want, const char *text, const char *file, int line);
bool check_bytes(const void *data, size_t len, const void *want, size_t want_len, const char *text,
                 const char *file, int line);
/* Ends the program, failed: a thread waits for what does not come, and nobody can free it. */
_Noreturn void check_give_up(const char *what, unsigned after_s);
/* Checks that failed since the test function began; in a process without one: since its start. */
unsigned check_failures(void);
int check_main(const check_test *tests, size_t count, int argc, char **argv);

#endif
