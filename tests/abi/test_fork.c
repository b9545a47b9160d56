/* fork with and without exec, vfork and posix_spawn, with the library open. */
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "functions.h"
#include "support.h"

/* A child tells the line of what was wrong; 0 is right. */
#define STEP(cond)                     \
    do {                               \
        if (!(cond))                   \
            return __LINE__ % 250 + 1; \
    } while (0)

static int refused_child(void *arg)
{
    const fixture *fix = arg;
    CK_INFO info;
    CK_ULONG count;
    CK_SESSION_INFO session;
    CK_BYTE bytes[16];
    CK_FUNCTION_LIST *list;
    CK_MECHANISM sha = { CKM_SHA256, NULL, 0 };

    STEP(p11->C_GetInfo(&info) == CKR_CRYPTOKI_NOT_INITIALIZED);
    STEP(p11->C_GetSlotList(CK_TRUE, NULL, &count) == CKR_CRYPTOKI_NOT_INITIALIZED);
    STEP(p11->C_GetSessionInfo(fix->session, &session) == CKR_CRYPTOKI_NOT_INITIALIZED);
    STEP(p11->C_GenerateRandom(fix->session, bytes, 16) == CKR_CRYPTOKI_NOT_INITIALIZED);
    STEP(p11->C_DigestInit(fix->session, &sha) == CKR_CRYPTOKI_NOT_INITIALIZED);
    STEP(p11->C_CloseSession(fix->session) == CKR_CRYPTOKI_NOT_INITIALIZED);
    STEP(p11->C_Finalize(NULL) == CKR_CRYPTOKI_NOT_INITIALIZED);
    STEP(p11->C_GetFunctionList(&list) == CKR_OK && list == p11);
    return 0;
}

static void check_parent_unharmed(const fixture *fix)
{
    CK_BYTE bytes[16];
    CK_OBJECT_HANDLE found[4];
    CK_SESSION_INFO info = { 0 };

    CHECK_OK(p11->C_GetSessionInfo(fix->session, &info));
    CHECK_EQ(info.state, CKS_RW_USER_FUNCTIONS);
    CHECK_OK(p11->C_GenerateRandom(fix->session, bytes, sizeof bytes));
    (void)create_data(fix->session, true, true, "after the fork");
    CHECK_THAT(find_label(fix->session, "after the fork", found, 4) >= 1);
}

static void a_child_is_refused(void)
{
    FIXTURE(fix);

    CHECK_EQ(in_child(refused_child, &fix), 0);
    check_parent_unharmed(&fix);
}

/* Uses everything again in a child: new sessions, stored keys, keys of its own. */
static int reopened_child(void *arg)
{
    const fixture *fix = arg;
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE found[4];
    CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
    CK_BYTE hash[32] = { 3 };
    CK_BYTE signature[64];
    CK_ULONG len = sizeof signature;
    attrs tmpl = { .count = 0 };

    STEP(p11->C_Initialize(NULL) == CKR_OK);
    STEP(p11->C_Initialize(NULL) == CKR_CRYPTOKI_ALREADY_INITIALIZED);
    STEP(p11->C_OpenSession(fix->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session) ==
         CKR_OK);
    STEP(login(session, CKU_USER, USER_PIN) == CKR_OK);
    put_text(&tmpl, CKA_LABEL, "signing key");
    put_ulong(&tmpl, CKA_CLASS, CKO_PRIVATE_KEY);
    STEP(find_all(session, &tmpl, found, 4) == 1);
    STEP(p11->C_SignInit(session, &ecdsa, found[0]) == CKR_OK);
    STEP(p11->C_Sign(session, hash, sizeof hash, signature, &len) == CKR_OK);
    STEP(create_data(session, true, true, "of the child") != CK_INVALID_HANDLE);
    STEP(p11->C_Finalize(NULL) == CKR_OK);
    STEP(p11->C_Finalize(NULL) == CKR_CRYPTOKI_NOT_INITIALIZED);
    return 0;
}

static void a_child_initialises_again(void)
{
    FIXTURE(fix);
    CK_OBJECT_HANDLE found[4];

    (void)generate_pair(fix.session, &p_256, true, "signing key");
    for (int i = 0; i < 3; i++)
        CHECK_EQ(in_child(reopened_child, &fix), 0);
    check_parent_unharmed(&fix);
    CHECK_EQ(find_label(fix.session, "of the child", found, 4), 3);
}

static int grandchild(void *arg)
{
    STEP(refused_child(arg) == 0);
    STEP(p11->C_Initialize(NULL) == CKR_OK);
    STEP(in_child(refused_child, arg) == 0);
    STEP(in_child(reopened_child, arg) == 0);
    STEP(p11->C_Finalize(NULL) == CKR_OK);
    return 0;
}

static void children_of_children(void)
{
    FIXTURE(fix);

    (void)generate_pair(fix.session, &p_256, true, "signing key");
    CHECK_EQ(in_child(grandchild, &fix), 0);
    check_parent_unharmed(&fix);
}

enum { CHILDREN = 4, RANDOM_LEN = 32 };

typedef struct shared_random {
    const fixture *fix;
    CK_BYTE (*bytes)[RANDOM_LEN]; /* shared memory: one row a process */
    int own;
} shared_random;

static int random_child(void *arg)
{
    const shared_random *shared = arg;
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;

    STEP(p11->C_Initialize(NULL) == CKR_OK);
    STEP(p11->C_OpenSession(shared->fix->slot, CKF_SERIAL_SESSION, NULL, NULL, &session) == CKR_OK);
    STEP(p11->C_GenerateRandom(session, shared->bytes[shared->own], RANDOM_LEN) == CKR_OK);
    return 0; /* and exits without C_Finalize */
}

static void no_two_processes_share_random_numbers(void)
{
    FIXTURE(fix);
    CK_BYTE first[RANDOM_LEN];
    CK_BYTE(*bytes)
    [RANDOM_LEN] = mmap(NULL, (CHILDREN + 1) * RANDOM_LEN, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared_random shared = { &fix, bytes, 0 };

    REQUIRE_THAT(bytes != MAP_FAILED);
    CHECK_OK(p11->C_GenerateRandom(fix.session, first, sizeof first));
    for (shared.own = 0; shared.own < CHILDREN; shared.own++)
        CHECK_EQ(in_child(random_child, &shared), 0);
    CHECK_OK(p11->C_GenerateRandom(fix.session, bytes[CHILDREN], RANDOM_LEN));
    for (int i = 0; i <= CHILDREN; i++) {
        for (int j = 0; j < i; j++)
            CHECK_THAT(memcmp(bytes[i], bytes[j], RANDOM_LEN) != 0);
    }
    (void)munmap(bytes, (CHILDREN + 1) * RANDOM_LEN);
}

typedef struct busy {
    const fixture *fix;
    atomic_bool is_over;
    atomic_uint calls;
} busy;

static void *keep_busy(void *arg)
{
    busy *shared = arg;
    const CK_SESSION_HANDLE session = open_session(shared->fix, true);
    CK_MECHANISM sha = { CKM_SHA256, NULL, 0 };
    CK_BYTE data[64] = { 0 };
    CK_BYTE digest[32];

    while (!atomic_load(&shared->is_over)) {
        CK_ULONG len = sizeof digest;

        if (p11->C_DigestInit(session, &sha) == CKR_OK)
            (void)p11->C_Digest(session, data, sizeof data, digest, &len);
        (void)p11->C_GenerateRandom(session, data, sizeof data);
        CK_SESSION_HANDLE other;
        if (p11->C_OpenSession(shared->fix->slot, CKF_SERIAL_SESSION, NULL, NULL, &other) == CKR_OK)
            (void)p11->C_CloseSession(other);
        atomic_fetch_add(&shared->calls, 1);
    }
    return NULL;
}

/* The forking thread is the only one that the child inherits; the others may be anywhere. */
static void forks_while_other_threads_are_inside(void)
{
    FIXTURE(fix);
    busy shared = { .fix = &fix };
    pthread_t threads[3];

    if (IS_SANITIZED)
        SKIP("the sanitizer's allocator does not survive it");
    (void)generate_pair(fix.session, &p_256, true, "signing key");
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        REQUIRE_OK(pthread_create(&threads[i], NULL, keep_busy, &shared));
    while (atomic_load(&shared.calls) < 10)
        (void)sched_yield();
    for (int i = 0; i < 5; i++) {
        CHECK_EQ(in_child(refused_child, &fix), 0);
        CHECK_EQ(in_child(reopened_child, &fix), 0);
    }
    atomic_store(&shared.is_over, true);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        (void)pthread_join(threads[i], NULL);
    check_parent_unharmed(&fix);
}

static atomic_uint winners;

static void *initialise_thread(void *arg)
{
    const CK_RV rv = p11->C_Initialize(NULL);

    (void)arg;
    if (rv == CKR_OK)
        atomic_fetch_add(&winners, 1);
    return (void *)(uintptr_t)(rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED);
}

static int threads_of_a_child(void *arg)
{
    pthread_t threads[4];
    void *is_good = NULL;

    (void)arg;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        STEP(pthread_create(&threads[i], NULL, initialise_thread, NULL) == 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        STEP(pthread_join(threads[i], &is_good) == 0);
        STEP(is_good != NULL);
    }
    STEP(atomic_load(&winners) == 1);
    STEP(p11->C_Finalize(NULL) == CKR_OK);
    return 0;
}

static void threads_of_a_child_initialise_at_once(void)
{
    FIXTURE(fix);

    CHECK_EQ(in_child(threads_of_a_child, &fix), 0);
    check_parent_unharmed(&fix);
}

static int role_find(const fixture *fix)
{
    fixture own = *fix;

    STEP(p11->C_Initialize(NULL) == CKR_OK);
    own.slot = first_slot();
    return reopened_child(&own) == 0 ? 1 : 0; /* it must say: already initialised */
}

static int role_reopen(const fixture *fix)
{
    fixture own = *fix;

    STEP(p11->C_Initialize(NULL) == CKR_OK);
    own.slot = first_slot();
    STEP(p11->C_Finalize(NULL) == CKR_OK);
    return reopened_child(&own);
}

static void exec_starts_afresh(void)
{
    FIXTURE(fix);

    (void)generate_pair(fix.session, &p_256, true, "signing key");
    CHECK_EQ(in_new_process("find", &fix), 0);
    CHECK_EQ(in_new_process("reopen", &fix), 0);
    check_parent_unharmed(&fix);
}

static void vfork_and_spawn_leave_the_parent_alone(void)
{
    FIXTURE(fix);
    char *const argv[] = { (char *)(uintptr_t) "true", NULL };
    pid_t pid = -1;
    int status = -1;

    REQUIRE_OK(posix_spawnp(&pid, "true", NULL, NULL, argv, environ));
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK_EQ(status, 0);
    check_parent_unharmed(&fix);
    CHECK_EQ(system("true"), 0);
    check_parent_unharmed(&fix);
    FILE *pipe = popen("true", "r");
    REQUIRE_THAT(pipe != NULL);
    CHECK_EQ(pclose(pipe), 0);
    check_parent_unharmed(&fix);
}

static const process_role roles[] = { { "find", role_find }, { "reopen", role_reopen } };
static const check_test tests[] = {
    CHECK_TEST(a_child_is_refused),
    CHECK_TEST(a_child_initialises_again),
    CHECK_TEST(children_of_children),
    CHECK_TEST(no_two_processes_share_random_numbers),
    CHECK_TEST(forks_while_other_threads_are_inside),
    CHECK_TEST(threads_of_a_child_initialise_at_once),
    CHECK_TEST(exec_starts_afresh),
    CHECK_TEST(vfork_and_spawn_leave_the_parent_alone),
};

int main(int argc, char **argv)
{
    return role_main(roles, ARRAY_LEN(roles), tests, ARRAY_LEN(tests), argc, argv);
}
