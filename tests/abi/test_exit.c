/* Leaving the process in every way an application does. */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "async.h"

#define STEP(cond)                     \
    do {                               \
        if (!(cond))                   \
            return __LINE__ % 250 + 1; \
    } while (0)

/* Opens the fixture's token in this process and leaves an operation open. */
static int start(const fixture *fix, CK_SESSION_HANDLE *out_session)
{
    static CK_MECHANISM sha = { CKM_SHA256, NULL, 0 };
    CK_BYTE bytes[16];

    (void)fix;
    STEP(p11->C_Initialize(NULL) == CKR_OK);
    STEP(p11->C_OpenSession(first_slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                            out_session) == CKR_OK);
    STEP(login(*out_session, CKU_USER, USER_PIN) == CKR_OK);
    STEP(p11->C_GenerateRandom(*out_session, bytes, sizeof bytes) == CKR_OK);
    STEP(p11->C_DigestInit(*out_session, &sha) == CKR_OK);
    return 0;
}

static int role_no_finalize(const fixture *fix)
{
    CK_SESSION_HANDLE session;

    STEP(start(fix, &session) == 0);
    exit(0);
}

static void finalize_at_exit(void)
{
    if (p11->C_Finalize(NULL) != CKR_OK)
        _exit(99);
}

static int role_finalize_at_exit(const fixture *fix)
{
    CK_SESSION_HANDLE session;

    STEP(atexit(finalize_at_exit) == 0);
    STEP(start(fix, &session) == 0);
    exit(0);
}

static CK_SESSION_HANDLE late_session;

static void use_at_exit(void)
{
    CK_BYTE digest[32];
    CK_ULONG len = sizeof digest;

    if (p11->C_Digest(late_session, digest, 4, digest, &len) != CKR_OK ||
        p11->C_GenerateRandom(late_session, digest, sizeof digest) != CKR_OK)
        _exit(98);
}

static int role_use_at_exit(const fixture *fix)
{
    STEP(atexit(use_at_exit) == 0);
    STEP(start(fix, &late_session) == 0);
    exit(0);
}

static int role_dlclose(const fixture *fix)
{
    CK_SESSION_HANDLE session;

    STEP(start(fix, &session) == 0);
    STEP(dlclose(module_handle()) == 0);
    exit(0);
}

static int role_dlclose_finalized(const fixture *fix)
{
    CK_SESSION_HANDLE session;

    for (int i = 0; i < 3; i++) {
        STEP(start(fix, &session) == 0);
        STEP(p11->C_Finalize(NULL) == CKR_OK);
        STEP(dlclose(dlopen(getenv("CRATON_HSM_MODULE"), RTLD_NOW)) == 0);
    }
    STEP(dlclose(module_handle()) == 0);
    exit(0);
}

static atomic_uint rounds;
static CK_SLOT_ID busy_slot;

static void *digest_for_ever(void *arg)
{
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    CK_MECHANISM sha = { CKM_SHA256, NULL, 0 };
    CK_BYTE data[64] = { 0 };

    (void)arg;
    (void)p11->C_OpenSession(busy_slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
    for (;;) {
        CK_ULONG len = sizeof data;

        if (p11->C_DigestInit(session, &sha) != CKR_OK ||
            p11->C_Digest(session, data, sizeof data, data, &len) != CKR_OK)
            break;
        atomic_fetch_add(&rounds, 1);
    }
    return NULL;
}

static int start_threads(const fixture *fix)
{
    CK_SESSION_HANDLE session;
    pthread_t thread;

    STEP(start(fix, &session) == 0);
    busy_slot = first_slot();
    for (int i = 0; i < 3; i++) {
        STEP(pthread_create(&thread, NULL, digest_for_ever, NULL) == 0);
        STEP(pthread_detach(thread) == 0);
    }
    while (atomic_load(&rounds) < 100)
        (void)sched_yield();
    return 0;
}

static int role_exit_under_load(const fixture *fix)
{
    STEP(start_threads(fix) == 0);
    exit(0);
}

/* The threads' own destructors run after the library is closed and its handle is gone. */
static int role_dlclose_with_threads(const fixture *fix)
{
    STEP(start_threads(fix) == 0);
    STEP(p11->C_Finalize(NULL) == CKR_OK);
    STEP(dlclose(module_handle()) == 0);
    for (int i = 0; i < 100; i++)
        (void)sched_yield();
    exit(0);
}

/* Leaves calls with threads of the module: some computed, some waiting. */
static int start_calls(const fixture *fix)
{
    const pair_order order = { 3072, true, true, "never" };
    fixture here = *fix;
    CK_SESSION_HANDLE session;

    STEP(start(fix, &session) == 0);
    here.slot = first_slot();
    for (int i = 0; i < 20 && p11_3 != NULL && has_async_sessions(&here); i++)
        STEP(start_rsa(open_async(&here), &order) == CKR_PENDING);
    return 0;
}

static int role_exit_with_calls(const fixture *fix)
{
    STEP(start_calls(fix) == 0);
    exit(0);
}

static int role_dlclose_with_calls(const fixture *fix)
{
    STEP(start_calls(fix) == 0);
    STEP(dlclose(module_handle()) == 0);
    exit(0);
}

/* The host's own OpenSSL, if it is there: initialised before or after, cleaned up by its handler. */
static int with_host_openssl(const fixture *fix, bool is_first)
{
    CK_SESSION_HANDLE session;
    int (*init)(uint64_t, const void *) = NULL;
    int (*random_bytes)(unsigned char *, int) = NULL;
    unsigned char bytes[16];

    if (!is_first)
        STEP(start(fix, &session) == 0);
    void *host = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_GLOBAL);
    if (host != NULL) {
        *(void **)&init = dlsym(host, "OPENSSL_init_crypto");
        *(void **)&random_bytes = dlsym(host, "RAND_bytes");
        STEP(init != NULL && random_bytes != NULL);
        STEP(init(0, NULL) == 1 && random_bytes(bytes, sizeof bytes) == 1);
    }
    if (is_first)
        STEP(start(fix, &session) == 0);
    STEP(p11->C_GenerateRandom(session, bytes, sizeof bytes) == CKR_OK);
    exit(0);
}

static int role_openssl_first(const fixture *fix)
{
    return with_host_openssl(fix, true);
}

static int role_openssl_last(const fixture *fix)
{
    return with_host_openssl(fix, false);
}

static atomic_uint ticks;

static void on_tick(int number)
{
    (void)number;
    atomic_fetch_add(&ticks, 1);
}

/* Signals that interrupt system calls and computations change no answer. */
static int role_signals(const fixture *fix)
{
    CK_SESSION_HANDLE session;
    struct sigaction action = { .sa_handler = on_tick };
    const struct itimerval often = { { 0, 500 }, { 0, 500 } };
    CK_OBJECT_HANDLE found[64];
    CK_BYTE bytes[64];

    STEP(sigaction(SIGALRM, &action, NULL) == 0); /* without SA_RESTART */
    STEP(setitimer(ITIMER_REAL, &often, NULL) == 0);
    STEP(start(fix, &session) == 0);
    for (int i = 0; i < 30 || atomic_load(&ticks) < 20; i++) {
        if (i < 30)
            STEP(create_data(session, true, true, "under signals") != CK_INVALID_HANDLE);
        STEP(p11->C_GenerateRandom(session, bytes, sizeof bytes) == CKR_OK);
    }
    STEP(find_label(session, "under signals", found, 64) == 30);
    STEP(p11->C_Finalize(NULL) == CKR_OK);
    const struct itimerval never = { { 0, 0 }, { 0, 0 } };
    STEP(setitimer(ITIMER_REAL, &never, NULL) == 0);
    return 0;
}

/* The module leaves the host's signal handlers as they were. */
static int role_handlers(const fixture *fix)
{
    CK_SESSION_HANDLE session;
    struct sigaction before[32];
    struct sigaction after;

    for (int i = 1; i < 32; i++)
        STEP(i == SIGKILL || i == SIGSTOP || sigaction(i, NULL, &before[i]) == 0);
    STEP(start(fix, &session) == 0);
    for (int i = 1; i < 32; i++) {
        if (i == SIGKILL || i == SIGSTOP)
            continue;
        STEP(sigaction(i, NULL, &after) == 0);
        STEP(after.sa_handler == before[i].sa_handler);
    }
    return 0;
}

static const process_role roles[] = {
    { "exit without finalize", role_no_finalize },
    { "finalize at exit", role_finalize_at_exit },
    { "use at exit", role_use_at_exit },
    { "dlclose without finalize", role_dlclose },
    { "dlclose after finalize", role_dlclose_finalized },
    { "exit while threads are inside", role_exit_under_load },
    { "dlclose while threads live", role_dlclose_with_threads },
    { "exit with calls on their way", role_exit_with_calls },
    { "dlclose with calls on their way", role_dlclose_with_calls },
    { "host's OpenSSL first", role_openssl_first },
    { "host's OpenSSL last", role_openssl_last },
    { "signals", role_signals },
    { "signal handlers", role_handlers },
};

static void every_way_out(void)
{
    FIXTURE(fix);
    CK_BYTE bytes[16];

    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        CASE(roles[i].name);
        CHECK_EQ(in_new_process(roles[i].name, &fix), 0);
    }
    CASE("and the token is unharmed");
    CHECK_OK(p11->C_GenerateRandom(fix.session, bytes, sizeof bytes));
    CHECK_THAT(create_data(fix.session, true, true, "afterwards") != CK_INVALID_HANDLE);
}

static const check_test tests[] = { CHECK_TEST(every_way_out) };

int main(int argc, char **argv)
{
    return role_main(roles, ARRAY_LEN(roles), tests, ARRAY_LEN(tests), argc, argv);
}
