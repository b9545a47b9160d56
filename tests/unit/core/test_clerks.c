/* Who writes: the syncs of this program tell which thread they are in.
 * SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "config/config.h"
#include "core/core.h"
#include "core/remote.h"
#include "support/check.h"
#include "support/threads.h"
#include "unit/os/scratch.h"

#define NICE_MOST 19

static _Thread_local bool is_slow;

/* A file that changes are made durable in. */
static struct {
    const char *name;
    atomic_uint by_slow;
    atomic_uint by_others;
} files[] = { { .name = "/store.db-wal" }, { .name = "/audit.jsonl" } };

/* Stands before the C library's. */
int fdatasync(int fd)
{
    char link[64];
    char path[PATH_MAX] = "";

    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t len = readlink(link, path, sizeof path - 1);
    for (size_t i = 0; len > 0 && i < HSM_ARRAY_LEN(files); i++) {
        if (strstr(path, files[i].name) != NULL)
            (void)atomic_fetch_add(is_slow ? &files[i].by_slow : &files[i].by_others, 1);
    }
    return (int)syscall(SYS_fdatasync, fd);
}

/* A token, and a session in which nobody is logged in. */
typedef struct env {
    hsm_config *config;
    hsm_core *core;
    CK_SESSION_HANDLE session;
} env;

static void env_clear(env *e)
{
    hsm_core_close(e->core);
    hsm_config_destroy(e->config);
}

static hsm_err env_open(env *e, const char *name, bool has_clerks)
{
    const uint8_t label[32] = { 0 };
    char text[3 * PATH_MAX];

    (void)snprintf(text, sizeof text,
                   "[token]\nstorage_path = '%s/%s'\n[security]\npbkdf2_iterations = 100000\n"
                   "[audit]\nlog_path = '%s/%s/audit.jsonl'\n",
                   scratch(), name, scratch(), name);
    HSM_TRY(hsm_config_parse(hsm_bytes_of_text(text), "test", &e->config, NULL));
    HSM_TRY(hsm_core_open(e->config, &e->core));
    if (has_clerks)
        HSM_TRY(hsm_core_start_clerks(e->core));
    HSM_TRY(hsm_core_init_token(e->core, 0, hsm_bytes_of_text("so-pin-1"), label));
    return hsm_core_open_session(e->core, 0, CKF_SERIAL_SESSION | CKF_RW_SESSION, &e->session);
}

static hsm_err create_object(const env *e)
{
    static const CK_OBJECT_CLASS object_class = CKO_DATA;
    static const CK_BBOOL yes = CK_TRUE;
    static const CK_BBOOL no = CK_FALSE;
    const hsm_attr attrs[] = {
        { CKA_CLASS, hsm_bytes_of(&object_class, sizeof object_class) },
        { CKA_TOKEN, hsm_bytes_of(&yes, sizeof yes) },
        { CKA_PRIVATE, hsm_bytes_of(&no, sizeof no) },
    };
    const hsm_template tmpl = { .attrs = attrs, .count = HSM_ARRAY_LEN(attrs) };
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_OBJECT_HANDLE made = 0;

    HSM_TRY(hsm_core_session(e->core, e->session, &session));
    return hsm_core_create_object(e->core, session, &tmpl, &made);
}

static void *create_slowly(void *arg)
{
    is_slow = true;
    CHECK_EQ(setpriority(PRIO_PROCESS, (id_t)gettid(), NICE_MOST), 0);
    CHECK_OK(create_object(arg));
    return NULL;
}

/* In a thread as slow as those in which the daemon makes keys. */
static void create_in_slow_thread(env *e)
{
    pthread_t thread;

    for (size_t i = 0; i < HSM_ARRAY_LEN(files); i++) {
        atomic_store(&files[i].by_slow, 0);
        atomic_store(&files[i].by_others, 0);
    }
    REQUIRE_OK(pthread_create(&thread, NULL, create_slowly, e));
    (void)pthread_join(thread, NULL);
}

/* A library has no threads that nobody asked for. First, because an ended thread is listed for a moment. */
static void without_clerks_there_is_no_thread(void)
{
    HSM_AUTO(env_clear) env e = { 0 };
    const size_t before = count_threads();

    REQUIRE_OK(env_open(&e, "plain", false));
    CHECK_OK(create_object(&e));
    CHECK_EQ(count_threads(), before);
    create_in_slow_thread(&e);
    for (size_t i = 0; i < HSM_ARRAY_LEN(files); i++) {
        CASE(files[i].name);
        CHECK_THAT(atomic_load(&files[i].by_slow) > 0);
        CHECK_EQ(atomic_load(&files[i].by_others), 0);
    }
}

static void clerks_write_for_slow_threads(void)
{
    HSM_AUTO(env_clear) env e = { 0 };

    if (getpriority(PRIO_PROCESS, 0) == NICE_MOST)
        SKIP("this program's priority is the lowest there is");
    REQUIRE_OK(env_open(&e, "served", true));
    create_in_slow_thread(&e);
    for (size_t i = 0; i < HSM_ARRAY_LEN(files); i++) {
        CASE(files[i].name);
        CHECK_THAT(atomic_load(&files[i].by_others) > 0);
        CHECK_EQ(atomic_load(&files[i].by_slow), 0);
    }
}

static const check_test tests[] = {
    CHECK_TEST(without_clerks_there_is_no_thread),
    CHECK_TEST(clerks_write_for_slow_threads),
};
CHECK_MAIN(tests)
