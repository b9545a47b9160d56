/* Several threads at once: mixed operations, one key, one session, and C_Finalize under load. */
#include <pthread.h>
#include <stdatomic.h>

#include "support.h"

enum { THREADS = 6, ROUNDS = 40 };

typedef struct crowd {
    const fixture *fix;
    CK_OBJECT_HANDLE aes;
    pair keys;
    pthread_barrier_t barrier;
    atomic_uint failures;
    atomic_ulong answers;
    atomic_bool is_over;
    CK_SESSION_HANDLE shared_session;
} crowd;

static void note(crowd *shared, bool is_good)
{
    if (!is_good)
        atomic_fetch_add(&shared->failures, 1);
}

static void run_crowd(crowd *shared, void *(*body)(void *arg))
{
    pthread_t threads[THREADS];

    (void)pthread_barrier_init(&shared->barrier, NULL, THREADS);
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE_OK(pthread_create(&threads[i], NULL, body, shared));
    for (size_t i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    (void)pthread_barrier_destroy(&shared->barrier);
    CHECK_EQ(atomic_load(&shared->failures), 0);
}

static bool sign_and_verify(CK_SESSION_HANDLE session, const pair *keys)
{
    CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
    CK_BYTE hash[32] = { 4 };
    CK_BYTE signature[64];
    CK_ULONG len = sizeof signature;

    return p11->C_SignInit(session, &mechanism, keys->private_key) == CKR_OK &&
           p11->C_Sign(session, hash, sizeof hash, signature, &len) == CKR_OK &&
           p11->C_VerifyInit(session, &mechanism, keys->public_key) == CKR_OK &&
           p11->C_Verify(session, hash, sizeof hash, signature, len) == CKR_OK;
}

static bool encrypt_and_decrypt(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_BYTE iv[16] = { 8 };
    CK_MECHANISM mechanism = { CKM_AES_CBC_PAD, iv, sizeof iv };
    CK_BYTE data[100];
    CK_BYTE cipher[128];
    CK_BYTE back[128];
    CK_ULONG len = sizeof cipher;
    CK_ULONG back_len = sizeof back;

    memset(data, 'd', sizeof data);
    return p11->C_EncryptInit(session, &mechanism, key) == CKR_OK &&
           p11->C_Encrypt(session, data, sizeof data, cipher, &len) == CKR_OK &&
           p11->C_DecryptInit(session, &mechanism, key) == CKR_OK &&
           p11->C_Decrypt(session, cipher, len, back, &back_len) == CKR_OK &&
           back_len == sizeof data && memcmp(back, data, sizeof data) == 0;
}

static bool create_find_destroy(CK_SESSION_HANDLE session, bool is_token)
{
    CK_OBJECT_HANDLE found[256];
    CK_OBJECT_HANDLE object = create_data(session, is_token, true, "crowded");
    const size_t count = find_label(session, "crowded", found, ARRAY_LEN(found));
    bool is_there = false;

    for (size_t i = 0; count != SIZE_MAX && i < count; i++)
        is_there |= found[i] == object;
    return is_there && p11->C_DestroyObject(session, object) == CKR_OK;
}

static void *mixed_work(void *arg)
{
    crowd *shared = arg;

    (void)pthread_barrier_wait(&shared->barrier);
    for (int i = 0; i < ROUNDS; i++) {
        CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
        CK_BYTE bytes[33];

        note(shared, p11->C_OpenSession(shared->fix->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION,
                                        NULL, NULL, &session) == CKR_OK);
        note(shared, sign_and_verify(session, &shared->keys));
        note(shared, encrypt_and_decrypt(session, shared->aes));
        note(shared, create_find_destroy(session, i % 8 == 0));
        note(shared, p11->C_GenerateRandom(session, bytes, sizeof bytes) == CKR_OK);
        note(shared, p11->C_CloseSession(session) == CKR_OK);
    }
    return NULL;
}

static void mixed_operations(void)
{
    FIXTURE(fix);
    crowd shared = { .fix = &fix };

    shared.aes = generate_aes(fix.session, 32, true, "shared");
    shared.keys = generate_pair(fix.session, &p_256, true, "shared");
    run_crowd(&shared, mixed_work);
}

/* One session for all threads: answers may be errors of state, but nothing worse. */
static void *fight_over_a_session(void *arg)
{
    crowd *shared = arg;
    const CK_SESSION_HANDLE session = shared->shared_session;
    CK_MECHANISM sha = { CKM_SHA256, NULL, 0 };
    CK_BYTE data[64] = { 0 };
    CK_BYTE digest[32];

    (void)pthread_barrier_wait(&shared->barrier);
    for (int i = 0; i < 10 * ROUNDS; i++) {
        CK_ULONG len = sizeof digest;
        const CK_RV opened = p11->C_DigestInit(session, &sha);
        const CK_RV fed = p11->C_DigestUpdate(session, data, sizeof data);
        const CK_RV ended = p11->C_DigestFinal(session, digest, &len);

        note(shared, opened == CKR_OK || opened == CKR_OPERATION_ACTIVE);
        note(shared, fed == CKR_OK || fed == CKR_OPERATION_NOT_INITIALIZED);
        note(shared, ended == CKR_OK || ended == CKR_OPERATION_NOT_INITIALIZED);
    }
    return NULL;
}

static void one_session_for_all(void)
{
    FIXTURE(fix);
    crowd shared = { .fix = &fix, .shared_session = fix.session };

    run_crowd(&shared, fight_over_a_session);
}

/* Keys, objects and sessions are taken away while others use them. */
static void *take_away(void *arg)
{
    crowd *shared = arg;
    CK_MECHANISM mechanism = { CKM_AES_ECB, NULL, 0 };
    CK_BYTE data[16] = { 0 };

    (void)pthread_barrier_wait(&shared->barrier);
    for (int i = 0; i < ROUNDS; i++) {
        const CK_SESSION_HANDLE session = open_session(shared->fix, true);
        const CK_OBJECT_HANDLE key = generate_aes(session, 16, i % 8 == 0, "passing");
        CK_OBJECT_HANDLE found[256];
        CK_ULONG len = sizeof data;
        const size_t count = find_label(session, "passing", found, ARRAY_LEN(found));

        for (size_t j = 0; count != SIZE_MAX && j < count; j++) {
            const CK_RV rv = p11->C_EncryptInit(session, &mechanism, found[j]);

            note(shared, rv == CKR_OK || rv == CKR_KEY_HANDLE_INVALID);
            if (rv != CKR_OK)
                continue;
            /* A key destroyed meanwhile stays valid for the operation that has it. */
            note(shared, p11->C_Encrypt(session, data, sizeof data, data, &len) == CKR_OK);
        }
        const CK_RV gone = p11->C_DestroyObject(session, key);
        note(shared, gone == CKR_OK);
        note(shared, p11->C_CloseSession(session) == CKR_OK);
    }
    return NULL;
}

static void objects_that_others_destroy(void)
{
    FIXTURE(fix);
    crowd shared = { .fix = &fix };

    run_crowd(&shared, take_away);
}

static void *log_in_and_out(void *arg)
{
    crowd *shared = arg;
    const CK_SESSION_HANDLE session = open_session(shared->fix, true);

    (void)pthread_barrier_wait(&shared->barrier);
    for (int i = 0; i < 4; i++) {
        const CK_RV in = login(session, CKU_USER, USER_PIN);
        const CK_RV used = p11->C_FindObjectsInit(session, NULL, 0);
        const CK_RV out = p11->C_Logout(session);

        note(shared, in == CKR_OK || in == CKR_USER_ALREADY_LOGGED_IN);
        note(shared, used == CKR_OK);
        note(shared, out == CKR_OK || out == CKR_USER_NOT_LOGGED_IN);
        const CK_RV ended = p11->C_FindObjectsFinal(session);
        note(shared, ended == CKR_OK || ended == CKR_OPERATION_NOT_INITIALIZED);
    }
    return NULL;
}

static void logins_at_once(void)
{
    FIXTURE(fix);
    crowd shared = { .fix = &fix };

    run_crowd(&shared, log_in_and_out);
}

static bool is_closed_or_good(CK_RV rv)
{
    return rv == CKR_OK || rv == CKR_CRYPTOKI_NOT_INITIALIZED || rv == CKR_SESSION_HANDLE_INVALID ||
           rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OPERATION_NOT_INITIALIZED ||
           rv == CKR_OPERATION_ACTIVE;
}

static void *work_until_over(void *arg)
{
    crowd *shared = arg;
    CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
    CK_BYTE hash[32] = { 4 };
    CK_BYTE signature[64];

    while (!atomic_load(&shared->is_over)) {
        CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
        CK_ULONG len = sizeof signature;

        note(shared, is_closed_or_good(p11->C_OpenSession(shared->fix->slot, CKF_SERIAL_SESSION,
                                                          NULL, NULL, &session)));
        note(shared,
             is_closed_or_good(p11->C_SignInit(session, &mechanism, shared->keys.private_key)));
        note(shared, is_closed_or_good(p11->C_Sign(session, hash, sizeof hash, signature, &len)));
        note(shared, is_closed_or_good(p11->C_GenerateRandom(session, hash, sizeof hash)));
        note(shared, is_closed_or_good(p11->C_CloseSession(session)));
        atomic_fetch_add(&shared->answers, 1);
    }
    return NULL;
}

static void finalize_under_load(void)
{
    FIXTURE(fix);
    crowd shared = { .fix = &fix };
    pthread_t threads[THREADS];
    CK_INFO info;

    for (size_t i = 0; i < THREADS; i++)
        REQUIRE_OK(pthread_create(&threads[i], NULL, work_until_over, &shared));
    for (int i = 0; i < 10; i++) {
        const unsigned long before = atomic_load(&shared.answers);

        while (atomic_load(&shared.answers) < before + 50)
            (void)sched_yield();
        CHECK_OK(p11->C_Finalize(NULL));
        CHECK_EQ(p11->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
        CHECK_OK(p11->C_Initialize(NULL));
    }
    atomic_store(&shared.is_over, true);
    for (size_t i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    CHECK_EQ(atomic_load(&shared.failures), 0);
}

static const check_test tests[] = {
    CHECK_TEST(mixed_operations),
    CHECK_TEST(one_session_for_all),
    CHECK_TEST(objects_that_others_destroy),
    CHECK_TEST(logins_at_once),
    CHECK_TEST(finalize_under_load),
};
CHECK_MAIN(tests)
