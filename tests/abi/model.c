#include "abi/model.h"

#define ONLY(code) ((answer){ (code), CKR_OK })
#define EITHER(code, other) ((answer){ (code), (other) })
#define FINE ONLY(CKR_OK)

unsigned model_number(const model *m)
{
    unsigned n = m->has_token;

    n = n * 2 + m->is_open[0];
    n = n * 2 + m->is_open[1];
    n = n * 3 + m->who;
    n = n * 4 + m->so_tries;
    n = n * 5 + m->user_tries;
    return n * 5 + m->key;
}

static unsigned take(unsigned *n, unsigned base)
{
    const unsigned digit = *n % base;

    *n /= base;
    return digit;
}

model model_of(unsigned n)
{
    model m = { .key = take(&n, 5) };

    m.user_tries = take(&n, 5);
    m.so_tries = take(&n, 4);
    m.who = take(&n, 3);
    m.is_open[1] = take(&n, 2) == 1;
    m.is_open[0] = take(&n, 2) == 1;
    m.has_token = n == 1;
    return m;
}

bool model_sees_key(const model *m)
{
    return m->key != NO_KEY && m->who == THE_USER;
}

/* --- sessions and logins ------------------------------------------------------------------------- */

static answer open_one(model *m, const action *a)
{
    if (!m->has_token)
        return ONLY(CKR_TOKEN_NOT_RECOGNIZED);
    if (!a->is_rw && m->who == THE_SO)
        return ONLY(CKR_SESSION_READ_WRITE_SO_EXISTS);
    m->is_open[a->is_rw] = true;
    return FINE;
}

static answer close_one(model *m, const action *a)
{
    m->is_open[a->is_rw] = false;
    if (!m->is_open[0] && !m->is_open[1])
        m->who = NOBODY;
    return FINE;
}

static answer close_all(model *m, const action *a)
{
    (void)a;
    m->is_open[0] = m->is_open[1] = false;
    m->who = NOBODY;
    return FINE;
}

/* One try of a PIN, which is right or wrong. */
static answer try_pin(unsigned *tries, unsigned pin)
{
    if (*tries == MODEL_NO_PIN)
        return ONLY(CKR_USER_PIN_NOT_INITIALIZED);
    if (*tries == MODEL_TRIES_MAX)
        return ONLY(CKR_PIN_LOCKED);
    if (pin == WRONG_PIN) {
        ++*tries;
        return ONLY(CKR_PIN_INCORRECT);
    }
    *tries = 0;
    return FINE;
}

static answer login_user(model *m, const action *a)
{
    if (m->who != NOBODY)
        return ONLY(m->who == THE_USER ? CKR_USER_ALREADY_LOGGED_IN
                                       : CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    const answer said = try_pin(&m->user_tries, a->argument);
    if (said.rv == CKR_OK)
        m->who = THE_USER;
    return said;
}

static answer login_so(model *m, const action *a)
{
    if (m->who == THE_SO)
        return ONLY(CKR_USER_ALREADY_LOGGED_IN);
    if (m->who == THE_USER)
        return m->is_open[0]
                   ? EITHER(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, CKR_SESSION_READ_ONLY_EXISTS)
                   : ONLY(CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    if (m->is_open[0])
        return ONLY(CKR_SESSION_READ_ONLY_EXISTS);
    const answer said = try_pin(&m->so_tries, a->argument);
    if (said.rv == CKR_OK)
        m->who = THE_SO;
    return said;
}

/* No operation of the model waits for a PIN. */
static answer login_context(model *m, const action *a)
{
    (void)m;
    (void)a;
    return ONLY(CKR_OPERATION_NOT_INITIALIZED);
}

static answer logout(model *m, const action *a)
{
    (void)a;
    if (m->who == NOBODY)
        return ONLY(CKR_USER_NOT_LOGGED_IN);
    m->who = NOBODY;
    return FINE;
}

static answer init_pin(model *m, const action *a)
{
    if (m->who != THE_SO)
        return ONLY(CKR_USER_NOT_LOGGED_IN);
    if (a->argument == SHORT_PIN)
        return ONLY(CKR_PIN_LEN_RANGE);
    m->user_tries = 0;
    return FINE;
}

static answer set_pin(model *m, const action *a)
{
    if (!a->is_rw)
        return ONLY(CKR_SESSION_READ_ONLY);
    if (a->argument == SHORT_PIN)
        return ONLY(CKR_PIN_LEN_RANGE);
    return try_pin(m->who == THE_SO ? &m->so_tries : &m->user_tries, a->argument);
}

static answer init_token(model *m, const action *a)
{
    if (m->is_open[0] || m->is_open[1])
        return ONLY(CKR_SESSION_EXISTS);
    if (m->has_token) {
        const answer said = try_pin(&m->so_tries, a->argument);
        if (said.rv != CKR_OK)
            return said;
    }
    *m = (model){ .has_token = true, .user_tries = MODEL_NO_PIN };
    return FINE;
}

static answer initialize(model *m, const action *a)
{
    return close_all(m, a);
}

static answer start_anew(model *m, const action *a)
{
    (void)a;
    *m = (model){ .has_token = false };
    return FINE;
}

/* --- objects ------------------------------------------------------------------------------------- */

static answer make_key(model *m, const action *a)
{
    if (!a->is_rw)
        return m->who == THE_USER ? ONLY(CKR_SESSION_READ_ONLY)
                                  : EITHER(CKR_SESSION_READ_ONLY, CKR_USER_NOT_LOGGED_IN);
    if (m->who != THE_USER)
        return ONLY(CKR_USER_NOT_LOGGED_IN);
    m->key = PRE_ACTIVATION + a->argument;
    return FINE;
}

static answer destroy_key(model *m, const action *a)
{
    if (!model_sees_key(m))
        return ONLY(CKR_OBJECT_HANDLE_INVALID);
    if (!a->is_rw)
        return ONLY(CKR_SESSION_READ_ONLY);
    m->key = NO_KEY;
    return FINE;
}

static answer set_state(model *m, const action *a)
{
    const unsigned wanted = PRE_ACTIVATION + a->argument;

    if (!model_sees_key(m))
        return ONLY(CKR_OBJECT_HANDLE_INVALID);
    if (!a->is_rw)
        return ONLY(CKR_SESSION_READ_ONLY);
    if (wanted < m->key)
        return ONLY(CKR_ATTRIBUTE_VALUE_INVALID);
    m->key = wanted;
    return FINE;
}

static CK_RV unknown_key(unsigned use)
{
    if (use == TO_WRAP)
        return CKR_WRAPPING_KEY_HANDLE_INVALID;
    return use == TO_UNWRAP ? CKR_UNWRAPPING_KEY_HANDLE_INVALID : CKR_KEY_HANDLE_INVALID;
}

/* SP 800-57 part 1, 7: keys protect while they are active, and process what was protected until
 * they are compromised. */
static answer use_key(model *m, const action *a)
{
    const bool is_processing =
        a->argument == TO_DECRYPT || a->argument == TO_VERIFY || a->argument == TO_UNWRAP;

    if (!model_sees_key(m))
        return ONLY(unknown_key(a->argument));
    if (m->key == ACTIVE || (m->key == DEACTIVATED && is_processing))
        return FINE;
    return ONLY(CKR_KEY_FUNCTION_NOT_PERMITTED);
}

static answer use_lost(model *m, const action *a)
{
    (void)m;
    (void)a;
    return ONLY(CKR_KEY_HANDLE_INVALID);
}

static answer make_data(model *m, const action *a)
{
    if (a->argument == TOKEN_PUBLIC && !a->is_rw)
        return ONLY(CKR_SESSION_READ_ONLY);
    if (a->argument == SESSION_PRIVATE && m->who != THE_USER)
        return ONLY(CKR_USER_NOT_LOGGED_IN);
    return FINE;
}

/* --- the verbs ------------------------------------------------------------------------------------ */

static const struct {
    answer (*act)(model *m, const action *a);
    unsigned arguments;
    bool needs_session;  /* by each of the two */
    bool is_of_sessions; /* opening: a kind, but no handle */
    unsigned cost;
} verbs[VERB_COUNT] = {
    [OPEN_SESSION] = { open_one, 1, false, true, 1 },
    [CLOSE_SESSION] = { close_one, 1, true, true, 1 },
    [CLOSE_ALL] = { close_all, 1, false, false, 1 },
    [LOGIN_USER] = { login_user, 2, true, true, 25 },
    [LOGIN_SO] = { login_so, 2, true, true, 25 },
    [LOGIN_CONTEXT] = { login_context, 1, true, true, 1 },
    [LOGOUT] = { logout, 1, true, true, 1 },
    [INIT_PIN] = { init_pin, 3, true, true, 25 },
    [SET_PIN] = { set_pin, 3, true, true, 40 },
    [INIT_TOKEN] = { init_token, 2, false, false, 40 },
    [MAKE_KEY] = { make_key, 2, true, true, 3 },
    [DESTROY_KEY] = { destroy_key, 1, true, true, 3 },
    [SET_STATE] = { set_state, 4, true, true, 3 },
    [USE_KEY] = { use_key, USE_COUNT, true, true, 1 },
    [USE_LOST_HANDLE] = { use_lost, 1, true, true, 1 },
    [MAKE_DATA] = { make_data, DATA_COUNT, true, true, 1 },
    [INITIALIZE] = { initialize, 1, false, false, 10 },
    [START_ANEW] = { start_anew, 1, false, false, 100 },
};

unsigned model_actions(action out[ACTIONS_MAX])
{
    unsigned count = 0;

    for (unsigned verb = 0; verb < VERB_COUNT; verb++) {
        for (unsigned i = 0; i < verbs[verb].arguments * (verbs[verb].is_of_sessions ? 2 : 1); i++)
            out[count++] = (action){
                .verb = (model_verb)verb,
                .needs_session = verbs[verb].needs_session,
                .is_rw = verbs[verb].is_of_sessions && i % 2 == 1,
                .argument = verbs[verb].is_of_sessions ? i / 2 : i,
                .cost = verbs[verb].cost,
            };
    }
    return count;
}

bool model_can_try(const model *m, const action *a)
{
    if (a->verb == MAKE_KEY && m->key != NO_KEY)
        return false;
    return a->verb != INIT_TOKEN || m->has_token || a->argument == RIGHT_PIN;
}

answer model_act(model *m, const action *a)
{
    if (a->needs_session && !m->is_open[a->is_rw])
        return ONLY(CKR_SESSION_HANDLE_INVALID);
    return verbs[a->verb].act(m, a);
}

/* --- what is seen --------------------------------------------------------------------------------- */

CK_STATE model_session_state(const model *m, bool is_rw)
{
    if (m->who == THE_SO)
        return CKS_RW_SO_FUNCTIONS;
    if (m->who == THE_USER)
        return is_rw ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
    return is_rw ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
}

static CK_FLAGS try_flags(unsigned tries, CK_FLAGS low, CK_FLAGS last, CK_FLAGS locked)
{
    return (tries > 0 ? low : 0) | (tries == MODEL_TRIES_MAX - 1 ? last : 0) |
           (tries == MODEL_TRIES_MAX ? locked : 0);
}

CK_FLAGS model_token_flags(const model *m)
{
    if (!m->has_token)
        return 0;
    const CK_FLAGS of_so =
        CKF_TOKEN_INITIALIZED |
        try_flags(m->so_tries, CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED);
    if (m->user_tries == MODEL_NO_PIN)
        return of_so;
    return of_so | CKF_USER_PIN_INITIALIZED |
           try_flags(m->user_tries, CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY,
                     CKF_USER_PIN_LOCKED);
}
