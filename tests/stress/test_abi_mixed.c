/* Processes that do anything at once on one store, and threads that use one key while the library is
 * finalised under them; then a full check. CRATON_HSM_TEST_LONG=1 lets them run for a minute. */
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "abi/support.h"

enum { PROCESSES = 3, THREADS = 8, SHARED = 6 };

static unsigned below(unsigned bound)
{
    unsigned value = 0;

    return getrandom(&value, sizeof value, 0) == (ssize_t)sizeof value ? value % bound : 0;
}

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double run_s(void)
{
    return getenv("CRATON_HSM_TEST_LONG") != NULL ? 60 : 3;
}

/* --- processes ---------------------------------------------------------------------------------- */

typedef struct actor {
    CK_SESSION_HANDLE session;
    CK_SLOT_ID slot;
    pair keys;    /* that all share, destroyed by nobody */
    int ledger;   /* a file whose lock says whose turn it is */
    char own[32]; /* label of what only this process makes and destroys */
    unsigned own_count;
    unsigned done;
} actor;

/* Others may have taken the object away. */
static bool is_fair(CK_RV rv)
{
    return rv == CKR_OK || rv == CKR_OBJECT_HANDLE_INVALID || rv == CKR_KEY_HANDLE_INVALID;
}

static CK_RV create(actor *me, const char *label, CK_OBJECT_HANDLE *out)
{
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_DATA);
    put_bool(&tmpl, CKA_TOKEN, true);
    put_bool(&tmpl, CKA_PRIVATE, below(2) == 0);
    put_text(&tmpl, CKA_LABEL, label);
    put_text(&tmpl, CKA_VALUE, label);
    return p11->C_CreateObject(me->session, tmpl.at, tmpl.count, out);
}

static bool make_own(actor *me)
{
    CK_OBJECT_HANDLE object;

    me->own_count++;
    return create(me, me->own, &object) == CKR_OK;
}

static bool destroy_own(actor *me)
{
    CK_OBJECT_HANDLE found[1];

    if (me->own_count == 0)
        return true;
    me->own_count--;
    return find_label(me->session, me->own, found, 1) == 1 &&
           p11->C_DestroyObject(me->session, found[0]) == CKR_OK;
}

static bool count_own(actor *me)
{
    CK_OBJECT_HANDLE found[512];

    return find_label(me->session, me->own, found, ARRAY_LEN(found)) == me->own_count;
}

static bool fight_over_shared(actor *me)
{
    CK_OBJECT_HANDLE found[4];
    CK_OBJECT_HANDLE object;
    char label[32];

    (void)snprintf(label, sizeof label, "shared %u", below(SHARED));
    const size_t count = find_label(me->session, label, found, ARRAY_LEN(found));
    if (count == SIZE_MAX)
        return false;
    if (count == 0)
        return create(me, label, &object) == CKR_OK;
    return is_fair(p11->C_DestroyObject(me->session, found[0]));
}

static bool rename_shared(actor *me)
{
    CK_OBJECT_HANDLE found[1];
    attrs tmpl = { .count = 0 };
    char from[32];
    char to[32];

    (void)snprintf(from, sizeof from, "shared %u", below(SHARED));
    (void)snprintf(to, sizeof to, "shared %u", below(SHARED));
    if (find_label(me->session, from, found, 1) != 1)
        return true;
    put_text(&tmpl, CKA_LABEL, to);
    const CK_RV rv = p11->C_SetAttributeValue(me->session, found[0], tmpl.at, tmpl.count);
    /* Another process may have changed it in between. */
    return is_fair(rv) || rv == CKR_FUNCTION_FAILED;
}

/* CKA_ID of the public key counts how often it was set; the file has the same number. What another
 * process wrote last is what must be read here: no cache is stale. */
static bool is_as_written(actor *me, uint32_t written)
{
    uint32_t value = UINT32_MAX;

    if (get_attr(me->session, me->keys.public_key, CKA_ID, &value, sizeof value) == sizeof value &&
        value == written)
        return true;
    printf("# the ledger says %u, %u was written last\n", value, written);
    return false;
}

static bool add_to_ledger(actor *me)
{
    attrs tmpl = { .count = 0 };
    uint32_t count = 0;

    if (pread(me->ledger, &count, sizeof count, 0) != (ssize_t)sizeof count ||
        !is_as_written(me, count))
        return false;
    count++;
    put_bytes(&tmpl, CKA_ID, &count, sizeof count);
    return p11->C_SetAttributeValue(me->session, me->keys.public_key, tmpl.at, tmpl.count) ==
               CKR_OK &&
           pwrite(me->ledger, &count, sizeof count, 0) == (ssize_t)sizeof count;
}

static bool take_turn_on_ledger(actor *me)
{
    if (flock(me->ledger, LOCK_EX) != 0)
        return false;
    const bool is_good = add_to_ledger(me);
    return flock(me->ledger, LOCK_UN) == 0 && is_good;
}

static int open_ledger(const fixture *fix)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/ledger", fix->dir);
    return open(path, O_RDWR | O_CLOEXEC);
}

/* The key and the file beside it, both at zero. */
static void begin_ledger(const fixture *fix, CK_OBJECT_HANDLE public_key)
{
    const uint32_t count = 0;
    attrs tmpl = { .count = 0 };

    put_bytes(&tmpl, CKA_ID, &count, sizeof count);
    REQUIRE_OK(p11->C_SetAttributeValue(fix->session, public_key, tmpl.at, tmpl.count));
    REQUIRE_THAT(write_file(fix, "ledger", &count, sizeof count));
}

static bool sign(actor *me)
{
    CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
    CK_BYTE hash[32] = { 7 };
    CK_BYTE signature[64];
    CK_ULONG len = sizeof signature;

    return p11->C_SignInit(me->session, &ecdsa, me->keys.private_key) == CKR_OK &&
           p11->C_Sign(me->session, hash, sizeof hash, signature, &len) == CKR_OK &&
           p11->C_VerifyInit(me->session, &ecdsa, me->keys.public_key) == CKR_OK &&
           p11->C_Verify(me->session, hash, sizeof hash, signature, len) == CKR_OK;
}

static bool make_pair_and_use(actor *me)
{
    const pair keys = generate_pair(me->session, &p_256, true, "passing");
    actor own = *me;

    own.keys = keys;
    return sign(&own) && p11->C_DestroyObject(me->session, keys.public_key) == CKR_OK &&
           p11->C_DestroyObject(me->session, keys.private_key) == CKR_OK;
}

/* Handles of private objects end with the login. */
static bool find_pair(actor *me)
{
    CK_OBJECT_HANDLE found[2];

    if (find_label(me->session, "the pair", found, 2) != 2)
        return false;
    const bool is_first = ask_attr(me->session, found[0], CKA_SIGN) == CKR_OK;
    me->keys.private_key = found[is_first ? 0 : 1];
    me->keys.public_key = found[is_first ? 1 : 0];
    return true;
}

static bool log_in_again(actor *me)
{
    return below(8) != 0 || (p11->C_Logout(me->session) == CKR_OK &&
                             login(me->session, CKU_USER, USER_PIN) == CKR_OK && find_pair(me));
}

static bool look_around(actor *me)
{
    CK_OBJECT_HANDLE found[256];
    attrs tmpl = { .count = 0 };
    CK_TOKEN_INFO info;
    const size_t count = find_all(me->session, &tmpl, found, ARRAY_LEN(found));

    for (size_t i = 0; count != SIZE_MAX && i < count; i++) {
        if (!is_fair(ask_attr(me->session, found[i], CKA_CLASS)))
            return false;
    }
    return count != SIZE_MAX && p11->C_GetTokenInfo(me->slot, &info) == CKR_OK;
}

static const struct {
    const char *name;
    bool (*run)(actor *me);
} acts[] = {
    { "make own", make_own },
    { "make own", make_own },
    { "destroy own", destroy_own },
    { "count own", count_own },
    { "fight", fight_over_shared },
    { "rename", rename_shared },
    { "sign", sign },
    { "pair", make_pair_and_use },
    { "login", log_in_again },
    { "look", look_around },
    { "ledger", take_turn_on_ledger },
    { "ledger", take_turn_on_ledger },
};

static bool open_actor(actor *me)
{
    if (p11->C_Initialize(NULL) != CKR_OK)
        return false;
    me->slot = first_slot();
    return p11->C_OpenSession(me->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                              &me->session) == CKR_OK &&
           login(me->session, CKU_USER, USER_PIN) == CKR_OK && find_pair(me);
}

static int role_act(const fixture *fix)
{
    actor me = { .done = 0 };
    const double end = now_s() + run_s();

    (void)snprintf(me.own, sizeof me.own, "of %d", (int)getpid());
    me.ledger = open_ledger(fix);
    if (me.ledger < 0 || !open_actor(&me))
        return 1;
    for (; now_s() < end; me.done++) {
        const unsigned which = below(ARRAY_LEN(acts));

        if (!acts[which].run(&me)) {
            printf("# act %u: %s\n", me.done, acts[which].name);
            (void)fflush(stdout);
            return 2;
        }
        if (below(200) == 0) { /* at once again, without the courtesies */
            if (p11->C_Finalize(NULL) != CKR_OK || !open_actor(&me))
                return 3;
        }
    }
    while (me.own_count > 0) {
        if (!destroy_own(&me))
            return 4;
    }
    printf("# a process did %u things\n", me.done);
    (void)fflush(stdout);
    return check_failures() > 0 ? 5 : 0;
}

static int role_check(const fixture *fix)
{
    actor me = { .done = 0 };
    char path[128];
    CK_OBJECT_HANDLE found[512];
    attrs tmpl = { .count = 0 };
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;

    if (!open_actor(&me) || !sign(&me) || !look_around(&me))
        return 1;
    /* Nothing is left but the pair and what was shared. */
    put_bool(&tmpl, CKA_TOKEN, true);
    put_ulong(&tmpl, CKA_CLASS, CKO_DATA);
    const size_t data = find_all(me.session, &tmpl, found, ARRAY_LEN(found));
    size_t shared = 0;
    for (unsigned i = 0; i < SHARED; i++) {
        char label[32];

        (void)snprintf(label, sizeof label, "shared %u", i);
        shared += find_label(me.session, label, found, ARRAY_LEN(found));
    }
    if (data != shared || find_label(me.session, "passing", found, 2) != 0)
        return 2;
    if (p11->C_Finalize(NULL) != CKR_OK)
        return 3;
    (void)snprintf(path, sizeof path, "%s/store/store.db", fix->dir);
    if (sqlite3_initialize() != SQLITE_OK || sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW ||
        strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") != 0)
        return 4;
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return 0;
}

static void processes_do_anything(void)
{
    FIXTURE(fix);
    pid_t pids[PROCESSES];

    begin_ledger(&fix, generate_pair(fix.session, &p_256, true, "the pair").public_key);
    (void)fflush(stdout);
    for (size_t i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            (void)execl("/proc/self/exe", "role", "--role", "act", fix.dir, (char *)NULL);
            _exit(127);
        }
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        int status = -1;

        CHECK_EQ(waitpid(pids[i], &status, 0), pids[i]);
        CHECK_EQ(status, 0);
    }
    CHECK_OK(p11->C_Finalize(NULL));
    CHECK_EQ(in_new_process("check", &fix), 0);
}

/* --- threads ------------------------------------------------------------------------------------ */

typedef struct crowd {
    CK_SLOT_ID slot;
    atomic_bool is_over;
    atomic_ulong signatures;
    atomic_uint failures;
} crowd;

static bool is_of_the_end(CK_RV rv)
{
    return rv == CKR_OK || rv == CKR_CRYPTOKI_NOT_INITIALIZED || rv == CKR_SESSION_HANDLE_INVALID ||
           rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OPERATION_NOT_INITIALIZED ||
           rv == CKR_USER_NOT_LOGGED_IN;
}

/* One session of its own on the shared key, opened anew after each end. */
static void use_key(crowd *all)
{
    CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
    CK_BYTE hash[32] = { 3 };
    CK_BYTE signature[64];
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_ULONG count = 0;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_PRIVATE_KEY);
    CK_RV rv = p11->C_OpenSession(all->slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
    if (rv == CKR_OK)
        rv = p11->C_FindObjectsInit(session, tmpl.at, tmpl.count);
    if (rv == CKR_OK)
        rv = p11->C_FindObjects(session, &key, 1, &count);
    while (rv == CKR_OK && count == 1 && !atomic_load(&all->is_over)) {
        CK_ULONG len = sizeof signature;

        rv = p11->C_SignInit(session, &ecdsa, key);
        if (rv == CKR_OK)
            rv = p11->C_Sign(session, hash, sizeof hash, signature, &len);
        if (rv == CKR_OK)
            atomic_fetch_add(&all->signatures, 1);
    }
    if (!is_of_the_end(rv) && atomic_fetch_add(&all->failures, 1) == 0)
        printf("# 0x%lx\n", rv);
    (void)p11->C_CloseSession(session);
}

static void *use_key_until_over(void *arg)
{
    crowd *all = arg;

    while (!atomic_load(&all->is_over))
        use_key(all);
    return NULL;
}

static void threads_on_one_key_while_it_ends(void)
{
    FIXTURE(fix);
    crowd all = { .slot = fix.slot };
    pthread_t threads[THREADS];
    const int rounds = getenv("CRATON_HSM_TEST_LONG") != NULL ? 100 : 8;

    (void)generate_pair(fix.session, &p_256, true, "the pair");
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE_OK(pthread_create(&threads[i], NULL, use_key_until_over, &all));
    for (int i = 0; i < rounds; i++) {
        const unsigned long before = atomic_load(&all.signatures);

        while (atomic_load(&all.signatures) < before + 100 && atomic_load(&all.failures) == 0)
            (void)sched_yield();
        CHECK_OK(p11->C_Finalize(NULL));
        CHECK_OK(p11->C_Initialize(NULL));
        const CK_SESSION_HANDLE session = open_session(&fix, true);
        CHECK_OK(login(session, CKU_USER, USER_PIN));
    }
    atomic_store(&all.is_over, true);
    for (size_t i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    CHECK_EQ(atomic_load(&all.failures), 0);
    printf("# %lu signatures\n", atomic_load(&all.signatures));
}

static const process_role roles[] = { { "act", role_act }, { "check", role_check } };
static const check_test tests[] = {
    CHECK_TEST(processes_do_anything),
    CHECK_TEST(threads_on_one_key_while_it_ends),
};

int main(int argc, char **argv)
{
    return role_main(roles, ARRAY_LEN(roles), tests, ARRAY_LEN(tests), argc, argv);
}
