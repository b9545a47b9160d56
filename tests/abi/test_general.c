/* Initialising, finalising, function lists and interfaces. */
#include <pthread.h>
#include <stdatomic.h>

#include "functions.h"
#include "support.h"

static void calls_before_initialize_are_refused(void)
{
    FIXTURE_PREPARED(fix);
    CK_INFO info;
    CK_ULONG count = 0;
    CK_FUNCTION_LIST *list = NULL;

    (void)fix;
    CHECK_EQ(p11->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK_EQ(p11->C_GetInfo(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK_EQ(p11->C_GetSlotList(CK_TRUE, NULL, &count), CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK_EQ(p11->C_CloseSession(1), CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK_EQ(p11->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK_OK(p11->C_GetFunctionList(&list));
    CHECK_THAT(list == p11);
}

static CK_RV create_mutex(CK_VOID_PTR_PTR mutex)
{
    *mutex = NULL;
    return CKR_OK;
}

static CK_RV use_mutex(CK_VOID_PTR mutex)
{
    (void)mutex;
    return CKR_OK;
}

static const struct {
    const char *label;
    int callbacks; /* how many of the four */
    CK_FLAGS flags;
    bool has_reserved;
    CK_RV want;
} init_cases[] = {
    { "no threads", 0, 0, false, CKR_OK },
    { "native locks", 0, CKF_OS_LOCKING_OK, false, CKR_OK },
    { "native locks or callbacks", 4, CKF_OS_LOCKING_OK, false, CKR_OK },
    { "no threads of the library's own", 0, CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS,
      false, CKR_OK },
    { "only callbacks", 4, 0, false, CKR_CANT_LOCK },
    { "one callback", 1, CKF_OS_LOCKING_OK, false, CKR_ARGUMENTS_BAD },
    { "two callbacks", 2, 0, false, CKR_ARGUMENTS_BAD },
    { "three callbacks", 3, 0, false, CKR_ARGUMENTS_BAD },
    { "pReserved", 0, CKF_OS_LOCKING_OK, true, CKR_ARGUMENTS_BAD },
};

static void initialize_arguments(void)
{
    FIXTURE_PREPARED(fix);

    for (size_t i = 0; i < ARRAY_LEN(init_cases); i++) {
        CK_C_INITIALIZE_ARGS args = {
            .CreateMutex = init_cases[i].callbacks > 0 ? create_mutex : NULL,
            .DestroyMutex = init_cases[i].callbacks > 1 ? use_mutex : NULL,
            .LockMutex = init_cases[i].callbacks > 2 ? use_mutex : NULL,
            .UnlockMutex = init_cases[i].callbacks > 3 ? use_mutex : NULL,
            .flags = init_cases[i].flags,
            .pReserved = init_cases[i].has_reserved ? &fix : NULL,
        };

        CASE(init_cases[i].label);
        CHECK_EQ(p11->C_Initialize(&args), init_cases[i].want);
        CHECK_EQ(p11->C_Finalize(NULL),
                 init_cases[i].want == CKR_OK ? CKR_OK : CKR_CRYPTOKI_NOT_INITIALIZED);
    }
}

static void initialize_is_not_counted(void)
{
    FIXTURE_PREPARED(fix);
    CK_INFO info;

    REQUIRE_OK(p11->C_Initialize(NULL));
    CHECK_EQ(p11->C_Initialize(NULL), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    CHECK_EQ(p11->C_Finalize(&fix), CKR_ARGUMENTS_BAD);
    CHECK_OK(p11->C_GetInfo(&info));
    CHECK_OK(p11->C_Finalize(NULL));
    CHECK_EQ(p11->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK_EQ(p11->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
    CHECK_OK(p11->C_Initialize(NULL));
    CHECK_OK(p11->C_GetInfo(&info));
}

enum { THREADS = 8, ROUNDS = 20 };

typedef struct race {
    pthread_barrier_t barrier;
    atomic_uint winners;
    atomic_uint losers;
    atomic_uint others;
} race;

static void *initialize_at_once(void *arg)
{
    race *shared = arg;
    CK_INFO info;

    (void)pthread_barrier_wait(&shared->barrier);
    const CK_RV rv = p11->C_Initialize(NULL);
    if (rv == CKR_OK)
        atomic_fetch_add(&shared->winners, 1);
    else if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED)
        atomic_fetch_add(&shared->losers, 1);
    /* Whoever got an answer finds an open library. */
    if (p11->C_GetInfo(&info) != CKR_OK)
        atomic_fetch_add(&shared->others, 1);
    return NULL;
}

static void one_of_many_threads_initializes(void)
{
    FIXTURE_PREPARED(fix);
    race shared = { .winners = 0 };
    pthread_t threads[THREADS];

    (void)fix;
    for (int round = 0; round < ROUNDS / 4; round++) {
        atomic_store(&shared.winners, 0);
        atomic_store(&shared.losers, 0);
        (void)pthread_barrier_init(&shared.barrier, NULL, THREADS);
        for (int i = 0; i < THREADS; i++)
            REQUIRE_OK(pthread_create(&threads[i], NULL, initialize_at_once, &shared));
        for (int i = 0; i < THREADS; i++)
            (void)pthread_join(threads[i], NULL);
        (void)pthread_barrier_destroy(&shared.barrier);
        CHECK_EQ(atomic_load(&shared.winners), 1);
        CHECK_EQ(atomic_load(&shared.losers), THREADS - 1);
        CHECK_EQ(atomic_load(&shared.others), 0);
        CHECK_OK(p11->C_Finalize(NULL));
    }
}

static void *open_and_close_library(void *arg)
{
    race *shared = arg;
    CK_INFO info;
    CK_ULONG count;

    (void)pthread_barrier_wait(&shared->barrier);
    for (int i = 0; i < ROUNDS; i++) {
        const CK_RV opened = p11->C_Initialize(NULL);
        const CK_RV used = p11->C_GetInfo(&info);
        const CK_RV listed = p11->C_GetSlotList(CK_TRUE, NULL, &count);
        const CK_RV closed = p11->C_Finalize(NULL);

        if ((opened != CKR_OK && opened != CKR_CRYPTOKI_ALREADY_INITIALIZED) ||
            (used != CKR_OK && used != CKR_CRYPTOKI_NOT_INITIALIZED) ||
            (listed != CKR_OK && listed != CKR_CRYPTOKI_NOT_INITIALIZED) ||
            (closed != CKR_OK && closed != CKR_CRYPTOKI_NOT_INITIALIZED))
            atomic_fetch_add(&shared->others, 1);
        if (opened == CKR_OK)
            atomic_fetch_add(&shared->winners, 1);
        if (closed == CKR_OK)
            atomic_fetch_add(&shared->losers, 1);
    }
    return NULL;
}

static void threads_open_and_close_in_any_order(void)
{
    FIXTURE_PREPARED(fix);
    race shared = { .winners = 0 };
    pthread_t threads[4];

    (void)fix;
    (void)pthread_barrier_init(&shared.barrier, NULL, ARRAY_LEN(threads));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        REQUIRE_OK(pthread_create(&threads[i], NULL, open_and_close_library, &shared));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_barrier_destroy(&shared.barrier);
    CHECK_EQ(atomic_load(&shared.others), 0);
    /* Every time it was opened it was closed. */
    CHECK_EQ(atomic_load(&shared.winners), atomic_load(&shared.losers));
}

/* A padded field of the standard against the text it must hold. */
static bool is_padded(const CK_UTF8CHAR *field, size_t size, const char *text)
{
    const size_t len = strlen(text);

    for (size_t i = 0; i < size; i++) {
        if (field[i] != (i < len ? (CK_UTF8CHAR)text[i] : ' '))
            return false;
    }
    return true;
}

static void info_names_the_library(void)
{
    FIXTURE_PREPARED(fix);
    CK_INFO info;

    (void)fix;
    REQUIRE_OK(p11->C_Initialize(NULL));
    CHECK_EQ(p11->C_GetInfo(NULL), CKR_ARGUMENTS_BAD);
    memset(&info, 0xff, sizeof info);
    REQUIRE_OK(p11->C_GetInfo(&info));
    CHECK_EQ(info.flags, 0);
    if (!module_is_ours())
        return;
    CHECK_EQ(info.cryptokiVersion.major, 3);
    CHECK_EQ(info.cryptokiVersion.minor, 2);
    CHECK_THAT(is_padded(info.manufacturerID, sizeof info.manufacturerID, "Craton"));
    CHECK_THAT(is_padded(info.libraryDescription, sizeof info.libraryDescription, "Craton HSM"));
}

#define FUNCTION_NAME(name, since, arguments) #name,
#define FUNCTION_IN_2_40(name, since, arguments) SINCE_##since(1, 0, 0)
#define SINCE_2_40(a, b, c) +(a)
#define SINCE_3_0(a, b, c) +(b)
#define SINCE_3_2(a, b, c) +(c)
#define FUNCTION_IN_3_0(name, since, arguments) SINCE_##since(1, 1, 0)

static const char *const names[] = { ABI_FUNCTIONS(FUNCTION_NAME) };

/* A list is a version and then one pointer for each function, in the standard's order. */
static void check_list(const void *list, size_t count)
{
    void *const *entries = (void *const *)list + 1; /* the version fills the first place */

    for (size_t i = 0; i < count; i++) {
        CASE(names[i]);
        CHECK_THAT(entries[i] != NULL);
        CHECK_THAT(entries[i] == module_symbol(names[i]));
    }
}

static void function_lists_are_complete(void)
{
    const size_t count_2_40 = 0 ABI_FUNCTIONS(FUNCTION_IN_2_40);
    const size_t count_3_0 = 0 ABI_FUNCTIONS(FUNCTION_IN_3_0);
    CK_VERSION version = { 3, 0 };
    CK_INTERFACE *interface = NULL;

    module_load();
    CHECK_EQ(count_2_40, 68);
    CHECK_EQ(count_3_0, 92);
    CHECK_EQ(ARRAY_LEN(names), 104);
    CHECK_EQ(sizeof(CK_FUNCTION_LIST_3_2), 105 * sizeof(void *));
    CHECK_EQ(p11->version.major, 2);
    check_list(p11, count_2_40);
    if (p11_3 == NULL)
        SKIP("the module has no 3.2 interface");
    check_list(p11_3, ARRAY_LEN(names));
    REQUIRE_OK(p11_3->C_GetInterface(NULL, &version, &interface, 0));
    check_list(interface->pFunctionList, count_3_0);
}

static void interface_list_follows_the_length_rules(void)
{
    CK_INTERFACE list[8];
    CK_ULONG count = 0;

    module_load();
    if (p11_3 == NULL)
        SKIP("the module has no 3.2 interface");
    CHECK_EQ(p11_3->C_GetInterfaceList(NULL, NULL), CKR_ARGUMENTS_BAD);
    CHECK_EQ(p11_3->C_GetInterfaceList(list, NULL), CKR_ARGUMENTS_BAD);
    CHECK_OK(p11_3->C_GetInterfaceList(NULL, &count));
    CHECK_EQ(count, 3);
    count = 2;
    CHECK_EQ(p11_3->C_GetInterfaceList(list, &count), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(count, 3);
    count = ARRAY_LEN(list);
    REQUIRE_OK(p11_3->C_GetInterfaceList(list, &count));
    REQUIRE_THAT(count == 3);
    for (CK_ULONG i = 0; i < count; i++) {
        CHECK_STR((const char *)list[i].pInterfaceName, "PKCS 11");
        CHECK_THAT(list[i].pFunctionList != NULL);
    }
}

static const struct {
    const char *label;
    const char *name;
    CK_VERSION version; /* 0.0: none */
    CK_FLAGS flags;
    CK_RV want;
} interface_cases[] = {
    { "the default", NULL, { 0, 0 }, 0, CKR_OK },
    { "by name", "PKCS 11", { 0, 0 }, 0, CKR_OK },
    { "2.40", "PKCS 11", { 2, 40 }, 0, CKR_OK },
    { "3.0", "PKCS 11", { 3, 0 }, 0, CKR_OK },
    { "3.2 without a name", NULL, { 3, 2 }, 0, CKR_OK },
    { "3.1 is no interface", "PKCS 11", { 3, 1 }, 0, CKR_ARGUMENTS_BAD },
    { "4.0", "PKCS 11", { 4, 0 }, 0, CKR_ARGUMENTS_BAD },
    { "somebody's", "Vendor Somebody", { 0, 0 }, 0, CKR_ARGUMENTS_BAD },
    { "a prefix", "PKCS", { 0, 0 }, 0, CKR_ARGUMENTS_BAD },
    { "an empty name", "", { 0, 0 }, 0, CKR_ARGUMENTS_BAD },
    { "fork safe", "PKCS 11", { 0, 0 }, CKF_INTERFACE_FORK_SAFE, CKR_ARGUMENTS_BAD },
};

static void interfaces_by_name_version_and_flags(void)
{
    module_load();
    if (p11_3 == NULL)
        SKIP("the module has no 3.2 interface");
    CHECK_EQ(p11_3->C_GetInterface(NULL, NULL, NULL, 0), CKR_ARGUMENTS_BAD);
    for (size_t i = 0; i < ARRAY_LEN(interface_cases); i++) {
        CK_UTF8CHAR *name = utf8(interface_cases[i].name);
        CK_VERSION version = interface_cases[i].version;
        CK_INTERFACE *interface = NULL;

        CASE(interface_cases[i].label);
        CHECK_EQ(p11_3->C_GetInterface(name, version.major == 0 ? NULL : &version, &interface,
                                       interface_cases[i].flags),
                 interface_cases[i].want);
        if (interface_cases[i].want != CKR_OK || interface == NULL)
            continue;
        const CK_VERSION *got = interface->pFunctionList;
        CHECK_EQ(got->major, version.major == 0 ? 3 : version.major);
        CHECK_EQ(got->minor, version.major == 0 ? 2 : version.minor);
    }
}

static const check_test tests[] = {
    CHECK_TEST(calls_before_initialize_are_refused),
    CHECK_TEST(initialize_arguments),
    CHECK_TEST(initialize_is_not_counted),
    CHECK_TEST(one_of_many_threads_initializes),
    CHECK_TEST(threads_open_and_close_in_any_order),
    CHECK_TEST(info_names_the_library),
    CHECK_TEST(function_lists_are_complete),
    CHECK_TEST(interface_list_follows_the_length_rules),
    CHECK_TEST(interfaces_by_name_version_and_flags),
};
CHECK_MAIN(tests)
