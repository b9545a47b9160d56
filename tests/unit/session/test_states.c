#include "session/session.h"

#include "support/check.h"

/* The model: what a state means, and the standard's rules in words. */
typedef struct meaning {
    bool is_rw;
    hsm_login who;
} meaning;

static const struct {
    hsm_session_state state;
    meaning means;
} meanings[] = {
    { HSM_STATE_RO_PUBLIC, { false, HSM_LOGIN_NONE } },
    { HSM_STATE_RO_USER, { false, HSM_LOGIN_USER } },
    { HSM_STATE_RW_PUBLIC, { true, HSM_LOGIN_NONE } },
    { HSM_STATE_RW_USER, { true, HSM_LOGIN_USER } },
    { HSM_STATE_RW_SO, { true, HSM_LOGIN_SO } },
};

static hsm_err model(meaning now, hsm_session_event event, meaning *out_next)
{
    *out_next = now;
    if (event == HSM_EVENT_LOGOUT) {
        out_next->who = HSM_LOGIN_NONE;
        return now.who == HSM_LOGIN_NONE ? HSM_E_NOT_LOGGED_IN : HSM_OK;
    }
    out_next->who = event == HSM_EVENT_LOGIN_SO ? HSM_LOGIN_SO : HSM_LOGIN_USER;
    if (now.who == out_next->who)
        return HSM_E_ALREADY_LOGGED_IN;
    if (now.who != HSM_LOGIN_NONE)
        return HSM_E_OTHER_USER_LOGGED_IN;
    if (out_next->who == HSM_LOGIN_SO && !now.is_rw)
        return HSM_E_SESSION_READ_ONLY_EXISTS;
    return HSM_OK;
}

static void table_agrees_with_model(void)
{
    CHECK_EQ(HSM_ARRAY_LEN(meanings), HSM_STATE_COUNT);
    for (size_t i = 0; i < HSM_ARRAY_LEN(meanings); i++) {
        for (unsigned event = 0; event < HSM_EVENT_COUNT; event++) {
            hsm_session_state next = HSM_STATE_COUNT;
            meaning want;
            const hsm_err want_err = model(meanings[i].means, (hsm_session_event)event, &want);

            CHECK_ERR(hsm_session_next_state(meanings[i].state, (hsm_session_event)event, &next),
                      want_err);
            if (want_err == HSM_OK)
                CHECK_EQ(next, hsm_session_state_of(want.is_rw, want.who));
            else
                CHECK_EQ(next, HSM_STATE_COUNT); /* untouched */
        }
    }
}

static void state_by_login(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(meanings); i++)
        CHECK_EQ(hsm_session_state_of(meanings[i].means.is_rw, meanings[i].means.who),
                 meanings[i].state);

    CASE("a read-only session of the SO can't be; it may do least");
    CHECK_EQ(hsm_session_state_of(false, HSM_LOGIN_SO), HSM_STATE_RO_PUBLIC);
}

static void unknown_numbers(void)
{
    hsm_session_state next = HSM_STATE_COUNT;

    CHECK_ERR(hsm_session_next_state(HSM_STATE_COUNT, HSM_EVENT_LOGOUT, &next), HSM_E_ARG);
    CHECK_ERR(hsm_session_next_state(HSM_STATE_RW_SO, HSM_EVENT_COUNT, &next), HSM_E_ARG);
    CHECK_EQ(next, HSM_STATE_COUNT);
}

static const check_test tests[] = {
    CHECK_TEST(table_agrees_with_model),
    CHECK_TEST(state_by_login),
    CHECK_TEST(unknown_numbers),
};
CHECK_MAIN(tests)
