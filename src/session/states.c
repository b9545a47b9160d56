/* SPDX-License-Identifier: Apache-2.0 */
#include "session/session.h"

typedef struct transition {
    hsm_err err;
    hsm_session_state next; /* when err is HSM_OK */
} transition;

#define TO(state)                 \
    {                             \
        HSM_OK, HSM_STATE_##state \
    }
#define REFUSED(cause)                 \
    {                                  \
        HSM_E_##cause, HSM_STATE_COUNT \
    }

/* PKCS#11 v3.2, 5.6 (C_Login, C_Logout). */
static const transition transitions[HSM_STATE_COUNT][HSM_EVENT_COUNT] = {
    [HSM_STATE_RO_PUBLIC] = {
        [HSM_EVENT_LOGIN_USER] = TO(RO_USER),
        [HSM_EVENT_LOGIN_SO] = REFUSED(SESSION_READ_ONLY_EXISTS),
        [HSM_EVENT_LOGOUT] = REFUSED(NOT_LOGGED_IN),
    },
    [HSM_STATE_RO_USER] = {
        [HSM_EVENT_LOGIN_USER] = REFUSED(ALREADY_LOGGED_IN),
        [HSM_EVENT_LOGIN_SO] = REFUSED(OTHER_USER_LOGGED_IN),
        [HSM_EVENT_LOGOUT] = TO(RO_PUBLIC),
    },
    [HSM_STATE_RW_PUBLIC] = {
        [HSM_EVENT_LOGIN_USER] = TO(RW_USER),
        [HSM_EVENT_LOGIN_SO] = TO(RW_SO),
        [HSM_EVENT_LOGOUT] = REFUSED(NOT_LOGGED_IN),
    },
    [HSM_STATE_RW_USER] = {
        [HSM_EVENT_LOGIN_USER] = REFUSED(ALREADY_LOGGED_IN),
        [HSM_EVENT_LOGIN_SO] = REFUSED(OTHER_USER_LOGGED_IN),
        [HSM_EVENT_LOGOUT] = TO(RW_PUBLIC),
    },
    [HSM_STATE_RW_SO] = {
        [HSM_EVENT_LOGIN_USER] = REFUSED(OTHER_USER_LOGGED_IN),
        [HSM_EVENT_LOGIN_SO] = REFUSED(ALREADY_LOGGED_IN),
        [HSM_EVENT_LOGOUT] = TO(RW_PUBLIC),
    },
};

static const hsm_session_state state_by_login[][2] = {
    [HSM_LOGIN_NONE] = { HSM_STATE_RO_PUBLIC, HSM_STATE_RW_PUBLIC },
    [HSM_LOGIN_USER] = { HSM_STATE_RO_USER, HSM_STATE_RW_USER },
    [HSM_LOGIN_SO] = { HSM_STATE_RO_PUBLIC, HSM_STATE_RW_SO },
};

hsm_err hsm_session_next_state(hsm_session_state state, hsm_session_event event,
                               hsm_session_state *out_state)
{
    HSM_CHECK((unsigned)state < HSM_STATE_COUNT && (unsigned)event < HSM_EVENT_COUNT, HSM_E_ARG);

    const transition *row = &transitions[state][event];
    HSM_TRY(row->err);
    *out_state = row->next;
    return HSM_OK;
}

hsm_session_state hsm_session_state_of(bool is_rw, hsm_login login)
{
    return state_by_login[login][is_rw ? 1 : 0];
}
