/* Sessions: opening, closing, states, slots, cancelling. */
#include "support.h"

static CK_STATE state_of(CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info = { .state = ~0UL };

    CHECK_OK(p11->C_GetSessionInfo(session, &info));
    return info.state;
}

static void slots_and_token_info(void)
{
    FIXTURE(fix);
    CK_SLOT_ID slots[8];
    CK_ULONG count = 0;
    CK_SLOT_INFO slot;
    CK_TOKEN_INFO token;

    CHECK_OK(p11->C_GetSlotList(CK_TRUE, NULL, &count));
    CHECK_EQ(count, 2);
    count = 1;
    CHECK_EQ(p11->C_GetSlotList(CK_FALSE, slots, &count), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(count, 2);
    CHECK_OK(p11->C_GetSlotInfo(fix.slot, &slot));
    CHECK_EQ(slot.flags & CKF_TOKEN_PRESENT, CKF_TOKEN_PRESENT);
    CHECK_EQ(p11->C_GetSlotInfo(~0UL, &slot), CKR_SLOT_ID_INVALID);
    REQUIRE_OK(p11->C_GetTokenInfo(fix.slot, &token));
    CHECK_THAT((token.flags & CKF_TOKEN_INITIALIZED) != 0);
    CHECK_THAT((token.flags & CKF_USER_PIN_INITIALIZED) != 0);
    CHECK_THAT((token.flags & CKF_LOGIN_REQUIRED) != 0);
    CHECK_THAT((token.flags & CKF_RNG) != 0);
    CHECK_THAT(memcmp(token.label, TOKEN_LABEL "                  ", 32) == 0);
}

static void mechanisms_are_listed_and_described(void)
{
    FIXTURE(fix);
    CK_MECHANISM_TYPE list[512];
    CK_ULONG count = 0;
    CK_ULONG told = 0;
    CK_MECHANISM_INFO info;

    REQUIRE_OK(p11->C_GetMechanismList(fix.slot, NULL, &count));
    CHECK_THAT(count > 20 && count < ARRAY_LEN(list));
    told = count - 1;
    CHECK_EQ(p11->C_GetMechanismList(fix.slot, list, &told), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(told, count);
    told = ARRAY_LEN(list);
    REQUIRE_OK(p11->C_GetMechanismList(fix.slot, list, &told));
    CHECK_EQ(told, count);
    for (CK_ULONG i = 0; i < told; i++) {
        CHECK_OK(p11->C_GetMechanismInfo(fix.slot, list[i], &info));
        CHECK_THAT(info.ulMinKeySize <= info.ulMaxKeySize);
        for (CK_ULONG j = 0; j < i; j++)
            CHECK_THAT(list[i] != list[j]);
    }
    CHECK_EQ(p11->C_GetMechanismInfo(fix.slot, 0x7fffffffUL, &info), CKR_MECHANISM_INVALID);
    REQUIRE_OK(p11->C_GetMechanismInfo(fix.slot, CKM_AES_ECB, &info));
    CHECK_EQ(info.ulMinKeySize, 16); /* AES sizes are in bytes */
    CHECK_EQ(info.ulMaxKeySize, 32);
    REQUIRE_OK(p11->C_GetMechanismInfo(fix.slot, CKM_RSA_PKCS, &info));
    CHECK_EQ(info.ulMinKeySize % 512, 0); /* RSA sizes in bits */
    CHECK_THAT((info.flags & (CKF_SIGN | CKF_VERIFY)) == (CKF_SIGN | CKF_VERIFY));
}

static void open_session_arguments(void)
{
    FIXTURE(fix);
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;

    CHECK_EQ(p11->C_OpenSession(fix.slot, 0, NULL, NULL, &session),
             CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    CHECK_EQ(p11->C_OpenSession(fix.slot, CKF_RW_SESSION, NULL, NULL, &session),
             CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    CHECK_EQ(p11->C_OpenSession(99, CKF_SERIAL_SESSION, NULL, NULL, &session), CKR_SLOT_ID_INVALID);
    CHECK_EQ(p11->C_OpenSession(fix.slot, CKF_SERIAL_SESSION, NULL, NULL, NULL), CKR_ARGUMENTS_BAD);
    if (module_is_ours())
        CHECK_EQ(p11->C_OpenSession(fix.slot, CKF_ASYNC_SESSION, NULL, NULL, &session),
                 CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    CHECK_EQ(session, CK_INVALID_HANDLE);
}

static void states_follow_the_login(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE ro = open_session(&fix, false);

    CHECK_EQ(state_of(fix.session), CKS_RW_USER_FUNCTIONS);
    CHECK_EQ(state_of(ro), CKS_RO_USER_FUNCTIONS);
    CHECK_OK(p11->C_Logout(ro)); /* all sessions share the login */
    CHECK_EQ(state_of(fix.session), CKS_RW_PUBLIC_SESSION);
    CHECK_EQ(state_of(ro), CKS_RO_PUBLIC_SESSION);
    CHECK_OK(p11->C_CloseSession(ro));
    CHECK_OK(login(fix.session, CKU_SO, SO_PIN));
    CHECK_EQ(state_of(fix.session), CKS_RW_SO_FUNCTIONS);
}

static void session_info(void)
{
    FIXTURE(fix);
    CK_SESSION_INFO info = { 0 };

    REQUIRE_OK(p11->C_GetSessionInfo(fix.session, &info));
    CHECK_EQ(info.slotID, fix.slot);
    CHECK_EQ(info.flags, CKF_SERIAL_SESSION | CKF_RW_SESSION);
    CHECK_EQ(info.ulDeviceError, 0);
    CHECK_EQ(p11->C_GetSessionInfo(fix.session, NULL), CKR_ARGUMENTS_BAD);
}

static void stale_handles_stay_invalid(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE first = open_session(&fix, true);
    CK_SESSION_INFO info;

    CHECK_OK(p11->C_CloseSession(first));
    CHECK_EQ(p11->C_CloseSession(first), CKR_SESSION_HANDLE_INVALID);
    for (int i = 0; i < 100; i++) {
        const CK_SESSION_HANDLE next = open_session(&fix, true);

        CHECK_THAT(next != first && next != CK_INVALID_HANDLE);
        CHECK_EQ(p11->C_GetSessionInfo(first, &info), CKR_SESSION_HANDLE_INVALID);
        CHECK_OK(p11->C_CloseSession(next));
    }
    CHECK_EQ(p11->C_GetSessionInfo(CK_INVALID_HANDLE, &info), CKR_SESSION_HANDLE_INVALID);
    CHECK_EQ(p11->C_GetSessionInfo(~0UL, &info), CKR_SESSION_HANDLE_INVALID);
}

static void session_objects_die_with_their_session(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE other = open_session(&fix, true);
    const CK_OBJECT_HANDLE object = create_data(other, false, false, "short lived");
    CK_OBJECT_HANDLE found[4];

    CHECK_OK(ask_attr(fix.session, object, CKA_LABEL)); /* seen by all sessions */
    CHECK_EQ(find_label(fix.session, "short lived", found, 4), 1);
    CHECK_OK(p11->C_CloseSession(other));
    CHECK_EQ(ask_attr(fix.session, object, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
    CHECK_EQ(find_label(fix.session, "short lived", found, 4), 0);
}

static void closing_the_last_session_logs_out(void)
{
    FIXTURE(fix);
    const CK_OBJECT_HANDLE secret = create_data(fix.session, true, true, "private");
    CK_SESSION_HANDLE session;

    CHECK_OK(p11->C_CloseSession(fix.session));
    session = open_session(&fix, true);
    CHECK_EQ(state_of(session), CKS_RW_PUBLIC_SESSION);
    CHECK_EQ(ask_attr(session, secret, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
}

static void close_all_sessions_is_per_slot(void)
{
    FIXTURE(fix);
    CK_SESSION_HANDLE sessions[5];
    CK_SESSION_INFO info;

    for (size_t i = 0; i < ARRAY_LEN(sessions); i++)
        sessions[i] = open_session(&fix, i % 2 == 0);
    CHECK_EQ(p11->C_CloseAllSessions(99), CKR_SLOT_ID_INVALID);
    CHECK_OK(p11->C_CloseAllSessions(fix.slot == 0 ? 1 : 0));
    CHECK_OK(p11->C_GetSessionInfo(sessions[0], &info));
    CHECK_OK(p11->C_CloseAllSessions(fix.slot));
    for (size_t i = 0; i < ARRAY_LEN(sessions); i++)
        CHECK_EQ(p11->C_GetSessionInfo(sessions[i], &info), CKR_SESSION_HANDLE_INVALID);
    CHECK_OK(p11->C_CloseAllSessions(fix.slot)); /* none is left */
}

/* The fixture's configuration: 300 sessions, 200 of them read-write. */
static void session_limits(void)
{
    FIXTURE(fix);
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO token;
    CK_RV rv = CKR_OK;
    int opened = 1; /* the fixture's own */

    if (!module_is_ours())
        SKIP("the limits are our configuration");
    while (opened < 400) {
        rv =
            p11->C_OpenSession(fix.slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
        if (rv != CKR_OK)
            break;
        opened++;
    }
    CHECK_EQ(rv, CKR_SESSION_COUNT);
    CHECK_EQ(opened, 200);
    while (opened < 400 && rv != CKR_OK) {
        rv = p11->C_OpenSession(fix.slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
        if (rv != CKR_OK)
            break;
        opened++;
        rv = CKR_SESSION_COUNT;
    }
    CHECK_EQ(opened, 300);
    REQUIRE_OK(p11->C_GetTokenInfo(fix.slot, &token));
    CHECK_EQ(token.ulSessionCount, 300);
    CHECK_EQ(token.ulRwSessionCount, 200);
    CHECK_EQ(token.ulMaxSessionCount, 300);
    CHECK_EQ(token.ulMaxRwSessionCount, 200);
}

static void cancel_ends_what_it_names(void)
{
    FIXTURE(fix);
    CK_MECHANISM sha = { CKM_SHA256, NULL, 0 };
    CK_BYTE data[4] = { 0 };
    CK_OBJECT_HANDLE found[1];
    CK_ULONG count;

    if (p11_3 == NULL)
        SKIP("the module has no 3.2 interface");
    REQUIRE_OK(p11->C_DigestInit(fix.session, &sha));
    REQUIRE_OK(p11->C_FindObjectsInit(fix.session, NULL, 0));
    CHECK_OK(p11_3->C_SessionCancel(fix.session, 0));
    CHECK_OK(p11_3->C_SessionCancel(fix.session, CKF_ENCRYPT | CKF_SIGN)); /* none is open */
    CHECK_OK(p11->C_DigestUpdate(fix.session, data, sizeof data));
    CHECK_OK(p11_3->C_SessionCancel(fix.session, CKF_DIGEST));
    CHECK_EQ(p11->C_DigestUpdate(fix.session, data, sizeof data), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_OK(p11->C_FindObjects(fix.session, found, 1, &count));
    CHECK_OK(p11_3->C_SessionCancel(fix.session, CKF_FIND_OBJECTS));
    CHECK_EQ(p11->C_FindObjects(fix.session, found, 1, &count), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_EQ(p11_3->C_SessionCancel(~0UL, CKF_DIGEST), CKR_SESSION_HANDLE_INVALID);
}

static void init_without_mechanism_cancels(void)
{
    FIXTURE(fix);
    CK_MECHANISM sha = { CKM_SHA256, NULL, 0 };
    CK_BYTE data[4] = { 0 };

    if (!module_is_ours())
        SKIP("new in 3.0");
    REQUIRE_OK(p11->C_DigestInit(fix.session, &sha));
    CHECK_EQ(p11->C_DigestInit(fix.session, &sha), CKR_OPERATION_ACTIVE);
    CHECK_OK(p11->C_DigestInit(fix.session, NULL));
    CHECK_EQ(p11->C_DigestUpdate(fix.session, data, sizeof data), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_OK(p11->C_DigestInit(fix.session, NULL)); /* nothing to cancel */
}

static void legacy_and_unserved_functions(void)
{
    FIXTURE(fix);
    CK_SLOT_ID slot;
    CK_ULONG len = 16;
    CK_BYTE state[16];

    CHECK_EQ(p11->C_GetFunctionStatus(fix.session), CKR_FUNCTION_NOT_PARALLEL);
    CHECK_EQ(p11->C_CancelFunction(fix.session), CKR_FUNCTION_NOT_PARALLEL);
    if (!module_is_ours())
        SKIP("others differ in the rest");
    CHECK_EQ(p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL), CKR_NO_EVENT);
    CHECK_EQ(p11->C_GetOperationState(fix.session, state, &len), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_EQ(p11->C_SetOperationState(fix.session, state, len, 0, 0), CKR_SAVED_STATE_INVALID);
}

static const check_test tests[] = {
    CHECK_TEST(slots_and_token_info),
    CHECK_TEST(mechanisms_are_listed_and_described),
    CHECK_TEST(open_session_arguments),
    CHECK_TEST(states_follow_the_login),
    CHECK_TEST(session_info),
    CHECK_TEST(stale_handles_stay_invalid),
    CHECK_TEST(session_objects_die_with_their_session),
    CHECK_TEST(closing_the_last_session_logs_out),
    CHECK_TEST(close_all_sessions_is_per_slot),
    CHECK_TEST(session_limits),
    CHECK_TEST(cancel_ends_what_it_names),
    CHECK_TEST(init_without_mechanism_cancels),
    CHECK_TEST(legacy_and_unserved_functions),
};
CHECK_MAIN(tests)
