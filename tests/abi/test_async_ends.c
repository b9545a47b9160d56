/* Asynchronous calls that do not come to their end: cancelled, closed, logged out, finalised, forked. And
 * the threads that compute them. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "async.h"

/* More calls than a machine of the usual size computes at once, so that some of them wait. */
enum { MANY = 24 };

/* Without any of the module's. */
static size_t own_threads;

static const pair_order session_pair = { 2048, false, true, "unfinished" };
static const pair_order token_pair = { 2048, true, true, "unfinished" };

static size_t count_unfinished(CK_SESSION_HANDLE session)
{
    CK_OBJECT_HANDLE found[8];

    return find_label(session, "unfinished", found, ARRAY_LEN(found));
}

/* Sessions with a call on its way each. */
static void start_many(const fixture *fix, const pair_order *order, CK_SESSION_HANDLE *sessions)
{
    for (size_t i = 0; i < MANY; i++) {
        sessions[i] = open_async(fix);
        CHECK_EQ(start_rsa(sessions[i], order), CKR_PENDING);
    }
}

static void cancelled_calls_are_gone(void)
{
    FIXTURE(fix);
    CK_BYTE signature[256];
    CK_ASYNC_DATA data;

    REQUIRE_ASYNC(&fix);
    const CK_SESSION_HANDLE session = open_async(&fix);
    const pair keys = generate_pair(fix.session, &rsa_2048, false, "rsa");
    REQUIRE_THAT(start_signature(session, CKM_RSA_PKCS, keys.private_key, signature, 256) ==
                 CKR_PENDING);
    CHECK_OK(p11_3->C_SessionCancel(session, CKF_DECRYPT | CKF_GENERATE_KEY_PAIR)); /* not this */
    CHECK_OK(await(session, "C_Sign", &data));

    REQUIRE_THAT(start_signature(session, CKM_RSA_PKCS, keys.private_key, signature, 256) ==
                 CKR_PENDING);
    CHECK_OK(p11_3->C_SessionCancel(session, CKF_SIGN));
    CHECK_EQ(ask(session, "C_Sign", &data), CKR_OPERATION_NOT_INITIALIZED);
    REQUIRE_THAT(start_signature(session, CKM_RSA_PKCS, keys.private_key, signature, 256) ==
                 CKR_PENDING);
    CHECK_OK(p11->C_SignInit(session, NULL, 0)); /* the other way to cancel */
    CHECK_EQ(ask(session, "C_Sign", &data), CKR_OPERATION_NOT_INITIALIZED);
    REQUIRE_THAT(start_rsa(session, &token_pair) == CKR_PENDING);
    CHECK_OK(p11_3->C_SessionCancel(session, CKF_GENERATE_KEY_PAIR));
    CHECK_EQ(ask(session, "C_GenerateKeyPair", &data), CKR_OPERATION_NOT_INITIALIZED);
    /* The session goes on. */
    REQUIRE_THAT(start_signature(session, CKM_RSA_PKCS, keys.private_key, signature, 256) ==
                 CKR_PENDING);
    CHECK_OK(await(session, "C_Sign", &data));
    CHECK_OK(verify_signature(session, CKM_RSA_PKCS, keys.public_key, signature, 256));
    CHECK_EQ(count_unfinished(fix.session), 0);
}

static void closed_sessions_leave_nothing(void)
{
    FIXTURE(fix);
    CK_SESSION_HANDLE sessions[MANY];
    CK_ASYNC_DATA data;

    REQUIRE_ASYNC(&fix);
    start_many(&fix, &token_pair, sessions);
    for (size_t i = 0; i < MANY; i++)
        CHECK_OK(p11->C_CloseSession(sessions[i]));
    CHECK_EQ(ask(sessions[0], "C_GenerateKeyPair", &data), CKR_SESSION_HANDLE_INVALID);
    CHECK_EQ(count_unfinished(fix.session), 0);
    /* Nor does a new session in an old one's place inherit anything. */
    const CK_SESSION_HANDLE next = open_async(&fix);
    CHECK_EQ(ask(next, "C_GenerateKeyPair", &data), CKR_OPERATION_NOT_INITIALIZED);
    REQUIRE_THAT(start_rsa(next, &session_pair) == CKR_PENDING);
    CHECK_OK(await(next, "C_GenerateKeyPair", &data));
    CHECK_EQ(count_unfinished(fix.session), 2);

    start_many(&fix, &token_pair, sessions);
    CHECK_OK(p11->C_CloseAllSessions(fix.slot));
    const CK_SESSION_HANDLE session = open_session(&fix, true);
    CHECK_OK(login(session, CKU_USER, USER_PIN));
    CHECK_EQ(count_unfinished(session), 0);
}

static void finalising_leaves_nothing(void)
{
    FIXTURE(fix);
    CK_SESSION_HANDLE sessions[MANY];
    CK_ASYNC_DATA data;

    REQUIRE_ASYNC(&fix);
    start_many(&fix, &token_pair, sessions);
    CHECK_OK(await(sessions[0], "C_GenerateKeyPair", &data));
    CHECK_OK(p11->C_Finalize(NULL));
    CHECK_THAT(threads_fall_to(own_threads));
    CHECK_EQ(p11_3->C_AsyncComplete(sessions[1], utf8("C_GenerateKeyPair"), &data),
             CKR_CRYPTOKI_NOT_INITIALIZED);
    REQUIRE_OK(p11->C_Initialize(NULL));
    const CK_SESSION_HANDLE session = open_async(&fix);
    CHECK_OK(login(session, CKU_USER, USER_PIN));
    CHECK_EQ(count_unfinished(session), 2); /* of the call that was completed */
    REQUIRE_THAT(start_rsa(session, &session_pair) == CKR_PENDING);
    CHECK_OK(await(session, "C_GenerateKeyPair", &data));
}

/* --- logins ---------------------------------------------------------------------------------------- */

static void a_logout_ends_what_was_begun_logged_in(void)
{
    FIXTURE(fix);
    CK_BYTE signature[256];
    CK_ASYNC_DATA data;

    REQUIRE_ASYNC(&fix);
    const CK_SESSION_HANDLE signs = open_async(&fix);
    const CK_SESSION_HANDLE makes = open_async(&fix);
    const pair keys = generate_pair(fix.session, &rsa_2048, false, "rsa");
    memset(signature, 0x5a, sizeof signature);
    REQUIRE_THAT(start_signature(signs, CKM_RSA_PKCS, keys.private_key, signature, 256) ==
                 CKR_PENDING);
    REQUIRE_THAT(start_rsa(makes, &token_pair) == CKR_PENDING);
    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_EQ(ask(signs, "C_Sign", &data), CKR_USER_NOT_LOGGED_IN);
    CHECK_EQ(data.pValue == signature, true);
    CHECK_EQ(data.ulValue, 0);
    CHECK_EQ(signature[0], 0x5a);
    CHECK_EQ(ask(signs, "C_Sign", &data), CKR_OPERATION_NOT_INITIALIZED);
    /* Logging in again brings nothing back. */
    CHECK_OK(login(fix.session, CKU_USER, USER_PIN));
    CHECK_EQ(ask(makes, "C_GenerateKeyPair", &data), CKR_USER_NOT_LOGGED_IN);
    CHECK_EQ(count_unfinished(fix.session), 0);
}

static void a_new_call_may_follow_a_logout(void)
{
    FIXTURE(fix);
    CK_ASYNC_DATA data;

    REQUIRE_ASYNC(&fix);
    const CK_SESSION_HANDLE session = open_async(&fix);
    REQUIRE_THAT(start_rsa(session, &session_pair) == CKR_PENDING);
    CHECK_OK(p11->C_Logout(session));
    CHECK_OK(login(session, CKU_USER, USER_PIN));
    REQUIRE_THAT(start_rsa(session, &session_pair) == CKR_PENDING); /* nobody asked for the first */
    CHECK_OK(await(session, "C_GenerateKeyPair", &data));
    CHECK_EQ(count_unfinished(session), 2);
}

static void what_needs_no_login_survives_them(void)
{
    static const pair_order open_pair = { 2048, false, false, "unfinished" };
    FIXTURE(fix);
    CK_ASYNC_DATA data;

    REQUIRE_ASYNC(&fix);
    CHECK_OK(p11->C_Logout(fix.session));
    const CK_SESSION_HANDLE session = open_async(&fix);
    REQUIRE_THAT(start_rsa(session, &open_pair) == CKR_PENDING);
    CHECK_OK(login(session, CKU_USER, USER_PIN));
    CHECK_OK(p11->C_Logout(session));
    CHECK_OK(await(session, "C_GenerateKeyPair", &data));
    CHECK_EQ(get_bool(session, data.hAdditionalObject, CKA_PRIVATE), false);
}

static void destroyed_keys_finish_what_they_began(void)
{
    FIXTURE(fix);
    CK_BYTE signature[256];
    CK_ASYNC_DATA data;

    REQUIRE_ASYNC(&fix);
    const CK_SESSION_HANDLE session = open_async(&fix);
    const pair keys = generate_pair(fix.session, &rsa_2048, true, "rsa");
    REQUIRE_THAT(start_signature(session, CKM_RSA_PKCS, keys.private_key, signature, 256) ==
                 CKR_PENDING);
    CHECK_OK(p11->C_DestroyObject(fix.session, keys.private_key));
    CHECK_OK(await(session, "C_Sign", &data));
    CHECK_OK(verify_signature(fix.session, CKM_RSA_PKCS, keys.public_key, signature, 256));
}

/* --- threads and processes ------------------------------------------------------------------------- */

static void threads_are_started_when_they_are_needed(void)
{
    FIXTURE(fix);
    CK_BYTE signature[256];
    CK_ASYNC_DATA data;

    REQUIRE_ASYNC(&fix);
    REQUIRE_THAT(threads_fall_to(own_threads)); /* those of the test before */
    const CK_SESSION_HANDLE session = open_async(&fix);
    const pair keys = generate_pair(fix.session, &rsa_2048, false, "rsa");
    CHECK_OK(start_signature(fix.session, CKM_RSA_PKCS, keys.private_key, signature, 256));
    CHECK_EQ(count_threads(), own_threads);
    for (int i = 0; i < 3; i++) {
        REQUIRE_THAT(start_signature(session, CKM_RSA_PKCS, keys.private_key, signature, 256) ==
                     CKR_PENDING);
        CHECK_OK(await(session, "C_Sign", &data));
    }
    CHECK_THAT(count_threads() > own_threads);
    CHECK_OK(p11->C_Finalize(NULL));
    CHECK_THAT(threads_fall_to(own_threads));
    REQUIRE_OK(p11->C_Initialize(NULL));
}

static void an_application_may_forbid_threads(void)
{
    FIXTURE_PREPARED(fix);
    CK_C_INITIALIZE_ARGS args = { .flags = CKF_LIBRARY_CANT_CREATE_OS_THREADS | CKF_OS_LOCKING_OK };
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    CK_UTF8CHAR label[32];

    if (p11_3 == NULL || !module_is_ours())
        SKIP("the answers of other modules differ");
    REQUIRE_OK(p11->C_Initialize(&args));
    fix.slot = first_slot();
    memset(label, ' ', sizeof label);
    REQUIRE_OK(p11->C_InitToken(fix.slot, utf8(SO_PIN), strlen(SO_PIN), label));
    CHECK_EQ(has_async_sessions(&fix), false);
    CHECK_EQ(
        p11->C_OpenSession(fix.slot, CKF_SERIAL_SESSION | CKF_ASYNC_SESSION, NULL, NULL, &session),
        CKR_SESSION_ASYNC_NOT_SUPPORTED);
    CHECK_EQ(session, CK_INVALID_HANDLE);
    CHECK_THAT(open_session(&fix, false) != CK_INVALID_HANDLE);
}

static int forked_child(void *arg)
{
    const fixture *fix = arg;
    CK_ASYNC_DATA data = { 0 };

    if (p11_3->C_AsyncComplete(1, utf8("C_GenerateKeyPair"), &data) != CKR_CRYPTOKI_NOT_INITIALIZED)
        return 1;
    if (p11->C_Initialize(NULL) != CKR_OK)
        return 2;
    const CK_SESSION_HANDLE session = open_async(fix);
    if (login(session, CKU_USER, USER_PIN) != CKR_OK)
        return 3;
    if (start_rsa(session, &session_pair) != CKR_PENDING)
        return 4;
    if (await(session, "C_GenerateKeyPair", &data) != CKR_OK)
        return 5;
    if (start_rsa(session, &session_pair) != CKR_PENDING)
        return 6;
    return p11->C_Finalize(NULL) == CKR_OK ? 0 : 7;
}

static void a_fork_takes_no_calls_with_it(void)
{
    FIXTURE(fix);
    CK_SESSION_HANDLE sessions[MANY];
    CK_ASYNC_DATA data;

    if (IS_SANITIZED)
        SKIP("a sanitizer's allocator may be locked at the fork");
    REQUIRE_ASYNC(&fix);
    start_many(&fix, &session_pair, sessions);
    CHECK_EQ(in_child(forked_child, &fix), 0);
    for (size_t i = 0; i < MANY; i++)
        CHECK_OK(await(sessions[i], "C_GenerateKeyPair", &data));
}

/* --- many at once ---------------------------------------------------------------------------------- */

enum { THREADS = 4, ROUNDS = 12 };

typedef struct crowd {
    const fixture *fix;
    pair keys;
    atomic_uint good;
} crowd;

/* Signs, and leaves every third call where it is. */
static void *sign_and_leave(void *arg)
{
    crowd *of = arg;
    CK_BYTE signature[256];
    CK_ASYNC_DATA data;

    for (int i = 0; i < ROUNDS; i++) {
        const CK_SESSION_HANDLE session = open_async(of->fix);

        if (start_signature(session, CKM_SHA256_RSA_PKCS, of->keys.private_key, signature, 256) !=
            CKR_PENDING)
            return NULL;
        if (i % 3 != 2 && (await(session, "C_Sign", &data) != CKR_OK ||
                           verify_signature(session, CKM_SHA256_RSA_PKCS, of->keys.public_key,
                                            signature, 256) != CKR_OK))
            return NULL;
        if (p11->C_CloseSession(session) != CKR_OK)
            return NULL;
    }
    atomic_fetch_add(&of->good, 1);
    return NULL;
}

static void many_callers_at_once(void)
{
    FIXTURE(fix);
    pthread_t threads[THREADS];
    crowd of = { .fix = &fix };

    REQUIRE_ASYNC(&fix);
    of.keys = generate_pair(fix.session, &rsa_2048, false, "rsa");
    for (size_t i = 0; i < THREADS; i++)
        REQUIRE_OK(pthread_create(&threads[i], NULL, sign_and_leave, &of));
    for (size_t i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    CHECK_EQ(atomic_load(&of.good), THREADS);
}

static void two_sessions_do_not_mix(void)
{
    FIXTURE(fix);
    CK_BYTE first[256];
    CK_BYTE second[256];
    CK_ASYNC_DATA data;

    REQUIRE_ASYNC(&fix);
    const CK_SESSION_HANDLE one = open_async(&fix);
    const CK_SESSION_HANDLE two = open_async(&fix);
    const pair a = generate_pair(fix.session, &rsa_2048, false, "a");
    const pair b = generate_pair(fix.session, &rsa_2048, false, "b");
    REQUIRE_THAT(start_signature(one, CKM_RSA_PKCS, a.private_key, first, 256) == CKR_PENDING);
    REQUIRE_THAT(start_signature(two, CKM_RSA_PKCS, b.private_key, second, 256) == CKR_PENDING);
    CHECK_OK(await(two, "C_Sign", &data));
    CHECK_EQ(data.pValue == second, true);
    CHECK_OK(await(one, "C_Sign", &data));
    CHECK_EQ(data.pValue == first, true);
    CHECK_OK(verify_signature(one, CKM_RSA_PKCS, a.public_key, first, 256));
    CHECK_OK(verify_signature(one, CKM_RSA_PKCS, b.public_key, second, 256));
}

/* --- the audit log --------------------------------------------------------------------------------- */

static void events_tell_how_it_ended(void)
{
    FIXTURE(fix);
    CK_BYTE signature[256];
    CK_ASYNC_DATA data;

    REQUIRE_ASYNC(&fix);
    if (!module_is_ours())
        SKIP("the log of ours");
    const CK_SESSION_HANDLE session = open_async(&fix);
    REQUIRE_THAT(start_rsa(session, &token_pair) == CKR_PENDING);
    CHECK_EQ(audit_lines_with(&fix, "\"generate_key_pair\"", ""),
             0); /* nothing has come of it yet */
    REQUIRE_OK(await(session, "C_GenerateKeyPair", &data));
    CHECK_EQ(audit_lines_with(&fix, "\"generate_key_pair\"", "\"success\""), 1);
    CHECK_EQ(audit_lines_with(&fix, "\"generate_key_pair\"", "\"unfinished\""),
             2); /* begun, and done */
    const CK_OBJECT_HANDLE key = data.hAdditionalObject;
    REQUIRE_THAT(start_signature(session, CKM_RSA_PKCS, key, signature, 256) == CKR_PENDING);
    CHECK_OK(await(session, "C_Sign", &data));
    CHECK_EQ(audit_lines_with(&fix, "\"sign\"", "\"success\""), 1);
    CHECK_EQ(audit_lines_with(&fix, "\"sign\"", "\"unfinished\""), 1); /* with its key */
    REQUIRE_THAT(start_signature(session, CKM_RSA_PKCS, key, signature, 256) == CKR_PENDING);
    CHECK_OK(p11->C_CloseSession(session));
    CHECK_EQ(audit_lines_with(&fix, "\"sign\"", "\"success\""), 1);
    CHECK_EQ(audit_lines_with(&fix, "\"sign\"", "\"CKR_FUNCTION_CANCELED\""), 1);
}

static const check_test tests[] = {
    CHECK_TEST(cancelled_calls_are_gone),
    CHECK_TEST(closed_sessions_leave_nothing),
    CHECK_TEST(finalising_leaves_nothing),
    CHECK_TEST(a_logout_ends_what_was_begun_logged_in),
    CHECK_TEST(a_new_call_may_follow_a_logout),
    CHECK_TEST(what_needs_no_login_survives_them),
    CHECK_TEST(destroyed_keys_finish_what_they_began),
    CHECK_TEST(threads_are_started_when_they_are_needed),
    CHECK_TEST(an_application_may_forbid_threads),
    CHECK_TEST(a_fork_takes_no_calls_with_it),
    CHECK_TEST(many_callers_at_once),
    CHECK_TEST(two_sessions_do_not_mix),
    CHECK_TEST(events_tell_how_it_ended),
};

static void *stand_by(void *barrier)
{
    (void)pthread_barrier_wait(barrier);
    return NULL;
}

/* Counted beside one thread that is there for certain: a sanitizer starts its own with the first. */
static size_t count_own_threads(void)
{
    pthread_barrier_t barrier;
    pthread_t thread;

    if (pthread_barrier_init(&barrier, NULL, 2) != 0 ||
        pthread_create(&thread, NULL, stand_by, &barrier) != 0)
        return 0;
    const size_t count = count_threads() - 1;
    (void)pthread_barrier_wait(&barrier);
    (void)pthread_join(thread, NULL);
    (void)pthread_barrier_destroy(&barrier);
    return count;
}

int main(int argc, char **argv)
{
    own_threads = count_own_threads();
    return check_main(tests, ARRAY_LEN(tests), argc, argv);
}
