/* Every reachable combination of open sessions, login, PIN states and key state, and in each of them
 * everything that can be done, against the model (model.h): the answer, and what is seen after it.
 *
 * The test walks: from where it is to the nearest thing not yet tried, through the model's own graph.
 * By default one of the two PINs is always as new or the other one is, and what costs a PIN's slow
 * derivation is tried without the key; CRATON_HSM_TEST_LONG=1 tries all. */
#include <stdio.h>
#include <stdlib.h>

#include "abi/model.h"
#include "support.h"

#define STATE (CKA_VENDOR_DEFINED | 0x43520002UL)
#define KEY_LABEL "the key"
#define SLOW_COST 25u /* and more: a PIN is derived */
#define COST_MAX 100u

static action actions[ACTIONS_MAX];
static unsigned action_count;
static bool is_long;

/* --- the world --------------------------------------------------------------------------------- */

typedef struct world {
    fixture fix;
    model now;
    CK_SESSION_HANDLE sessions[2]; /* also after they closed */
    CK_OBJECT_HANDLE key;          /* under the handle of this login */
    CK_OBJECT_HANDLE lost;         /* of an earlier login, or of a destroyed key */
    bool has_other_pin[2];         /* C_SetPIN changed it: the SO's, the user's */
} world;

static const char *const pins[2][2] = { { SO_PIN, "so-pin-other" }, { USER_PIN, OTHER_PIN } };

static CK_RV open_it(world *w, const action *a)
{
    const CK_FLAGS flags = CKF_SERIAL_SESSION | (a->is_rw ? CKF_RW_SESSION : 0);
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    const CK_RV rv = p11->C_OpenSession(w->fix.slot, flags, NULL, NULL, &session);

    if (rv != CKR_OK)
        CHECK_EQ(session, CK_INVALID_HANDLE);
    else if (w->now.is_open[a->is_rw]) /* one more, which the model leaves out */
        CHECK_OK(p11->C_CloseSession(session));
    else
        w->sessions[a->is_rw] = session;
    return rv;
}

static CK_RV close_it(world *w, const action *a)
{
    return p11->C_CloseSession(w->sessions[a->is_rw]);
}

static CK_RV close_all(world *w, const action *a)
{
    (void)a;
    return p11->C_CloseAllSessions(w->fix.slot);
}

static const char *pin_for(const world *w, bool is_user, unsigned kind)
{
    return kind == WRONG_PIN ? "wrong-pin" : pins[is_user][w->has_other_pin[is_user]];
}

static CK_RV log_in(world *w, const action *a)
{
    const bool is_user = a->verb == LOGIN_USER;

    return login(w->sessions[a->is_rw], is_user ? CKU_USER : CKU_SO,
                 pin_for(w, is_user, a->argument));
}

static CK_RV log_in_context(world *w, const action *a)
{
    return login(w->sessions[a->is_rw], CKU_CONTEXT_SPECIFIC, pin_for(w, true, RIGHT_PIN));
}

static CK_RV log_out(world *w, const action *a)
{
    return p11->C_Logout(w->sessions[a->is_rw]);
}

static CK_RV init_pin(world *w, const action *a)
{
    const char *pin = a->argument == SHORT_PIN ? "1" : USER_PIN;
    const CK_RV rv = p11->C_InitPIN(w->sessions[a->is_rw], utf8(pin), strlen(pin));

    if (rv == CKR_OK)
        w->has_other_pin[1] = false;
    return rv;
}

static CK_RV set_pin(world *w, const action *a)
{
    const bool is_user = w->now.who != THE_SO;
    const char *before = pin_for(w, is_user, a->argument);
    const char *after = a->argument == SHORT_PIN ? "1" : pins[is_user][!w->has_other_pin[is_user]];
    const CK_RV rv = p11->C_SetPIN(w->sessions[a->is_rw], utf8(before), strlen(before), utf8(after),
                                   strlen(after));

    if (rv == CKR_OK)
        w->has_other_pin[is_user] = !w->has_other_pin[is_user];
    return rv;
}

static CK_RV init_token(world *w, const action *a)
{
    const char *pin = w->now.has_token ? pin_for(w, false, a->argument) : SO_PIN;
    CK_UTF8CHAR label[32];

    memset(label, ' ', sizeof label);
    if (!w->now.has_token)
        w->has_other_pin[0] = false;
    return p11->C_InitToken(w->fix.slot, utf8(pin), strlen(pin), label);
}

static CK_RV make_key(world *w, const action *a)
{
    CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
    static const CK_ATTRIBUTE_TYPE yes[] = { CKA_TOKEN,  CKA_PRIVATE,    CKA_ENCRYPT, CKA_DECRYPT,
                                             CKA_SIGN,   CKA_VERIFY,     CKA_WRAP,    CKA_UNWRAP,
                                             CKA_DERIVE, CKA_EXTRACTABLE };
    attrs tmpl = { .count = 0 };

    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        put_bool(&tmpl, yes[i], true);
    put_ulong(&tmpl, CKA_VALUE_LEN, 32);
    put_text(&tmpl, CKA_LABEL, KEY_LABEL);
    put_ulong(&tmpl, STATE, PRE_ACTIVATION + a->argument);
    return p11->C_GenerateKey(w->sessions[a->is_rw], &mechanism, tmpl.at, tmpl.count, &w->key);
}

static CK_RV destroy_key(world *w, const action *a)
{
    return p11->C_DestroyObject(w->sessions[a->is_rw], w->key);
}

static CK_RV set_state(world *w, const action *a)
{
    CK_ULONG state = PRE_ACTIVATION + a->argument;
    CK_ATTRIBUTE attr = { STATE, &state, sizeof state };

    return p11->C_SetAttributeValue(w->sessions[a->is_rw], w->key, &attr, 1);
}

static CK_RV wrap_itself(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM kwp = { CKM_AES_KEY_WRAP_KWP, NULL, 0 };
    CK_BYTE room[64];
    CK_ULONG len = sizeof room;

    return p11->C_WrapKey(session, &kwp, key, key, room, &len);
}

/* What is unwrapped is bad, and that is found only after the key was accepted. */
static CK_RV unwrap_zeros(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM kwp = { CKM_AES_KEY_WRAP_KWP, NULL, 0 };
    CK_BYTE wrapped[24] = { 0 };
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_AES);
    const CK_RV rv =
        p11->C_UnwrapKey(session, &kwp, key, wrapped, sizeof wrapped, tmpl.at, tmpl.count, &made);
    return rv == CKR_WRAPPED_KEY_INVALID ? CKR_OK : rv;
}

static CK_RV derive(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_BYTE data[16] = { 1 };
    CK_KEY_DERIVATION_STRING_DATA params = { data, sizeof data };
    CK_MECHANISM mechanism = { CKM_AES_ECB_ENCRYPT_DATA, &params, sizeof params };
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    put_ulong(&tmpl, CKA_VALUE_LEN, 16);
    const CK_RV rv = p11->C_DeriveKey(session, &mechanism, key, tmpl.at, tmpl.count, &made);
    if (rv == CKR_OK)
        CHECK_OK(p11->C_DestroyObject(session, made));
    return rv;
}

/* Opens the operation, and lets go of it again. */
static CK_RV use(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, unsigned how)
{
    CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 };
    CK_MECHANISM cmac = { CKM_AES_CMAC, NULL, 0 };
    CK_RV rv = CKR_OK;

    if (how == TO_WRAP)
        return wrap_itself(session, key);
    if (how == TO_UNWRAP)
        return unwrap_zeros(session, key);
    if (how == TO_DERIVE)
        return derive(session, key);
    CK_RV(*const init[])
    (CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE) = {
        [TO_ENCRYPT] = p11->C_EncryptInit,
        [TO_DECRYPT] = p11->C_DecryptInit,
        [TO_SIGN] = p11->C_SignInit,
        [TO_VERIFY] = p11->C_VerifyInit,
    };
    rv = init[how](session, how == TO_SIGN || how == TO_VERIFY ? &cmac : &ecb, key);
    if (rv == CKR_OK)
        CHECK_OK(init[how](session, NULL, key));
    return rv;
}

static CK_RV use_key(world *w, const action *a)
{
    return use(w->sessions[a->is_rw], w->key, a->argument);
}

static CK_RV use_lost(world *w, const action *a)
{
    return use(w->sessions[a->is_rw], w->lost, TO_ENCRYPT);
}

static CK_RV make_data(world *w, const action *a)
{
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_DATA);
    put_bool(&tmpl, CKA_TOKEN, a->argument == TOKEN_PUBLIC);
    put_bool(&tmpl, CKA_PRIVATE, a->argument == SESSION_PRIVATE);
    const CK_RV rv = p11->C_CreateObject(w->sessions[a->is_rw], tmpl.at, tmpl.count, &made);
    if (rv == CKR_OK)
        CHECK_OK(p11->C_DestroyObject(w->sessions[a->is_rw], made));
    return rv;
}

static CK_RV initialize(world *w, const action *a)
{
    CK_RV rv = p11->C_Finalize(NULL);

    if (rv == CKR_OK && a->verb == START_ANEW && !CHECK_THAT(run_command(&w->fix, "rm -r store")))
        return CKR_GENERAL_ERROR;
    /* Handles are of one initialisation. */
    w->sessions[0] = w->sessions[1] = CK_INVALID_HANDLE;
    w->key = w->lost = CK_INVALID_HANDLE;
    return rv == CKR_OK ? p11->C_Initialize(NULL) : rv;
}

static CK_RV (*const runs[VERB_COUNT])(world *w, const action *a) = {
    [OPEN_SESSION] = open_it,  [CLOSE_SESSION] = close_it, [CLOSE_ALL] = close_all,
    [LOGIN_USER] = log_in,     [LOGIN_SO] = log_in,        [LOGIN_CONTEXT] = log_in_context,
    [LOGOUT] = log_out,        [INIT_PIN] = init_pin,      [SET_PIN] = set_pin,
    [INIT_TOKEN] = init_token, [MAKE_KEY] = make_key,      [DESTROY_KEY] = destroy_key,
    [SET_STATE] = set_state,   [USE_KEY] = use_key,        [USE_LOST_HANDLE] = use_lost,
    [MAKE_DATA] = make_data,   [INITIALIZE] = initialize,  [START_ANEW] = initialize,
};

static const char *const verb_names[VERB_COUNT] = {
    [OPEN_SESSION] = "open",     [CLOSE_SESSION] = "close",   [CLOSE_ALL] = "close all",
    [LOGIN_USER] = "login user", [LOGIN_SO] = "login SO",     [LOGIN_CONTEXT] = "login context",
    [LOGOUT] = "logout",         [INIT_PIN] = "init PIN",     [SET_PIN] = "set PIN",
    [INIT_TOKEN] = "init token", [MAKE_KEY] = "make key",     [DESTROY_KEY] = "destroy key",
    [SET_STATE] = "set state",   [USE_KEY] = "use key",       [USE_LOST_HANDLE] = "use lost handle",
    [MAKE_DATA] = "make data",   [INITIALIZE] = "initialize", [START_ANEW] = "start anew",
};

/* --- one step ---------------------------------------------------------------------------------- */

/* What the application sees is what the model says. */
static void look(world *w)
{
    const CK_FLAGS of_pins = CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED |
                             CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED |
                             CKF_SO_PIN_COUNT_LOW | CKF_SO_PIN_FINAL_TRY | CKF_SO_PIN_LOCKED;
    const model *m = &w->now;
    CK_TOKEN_INFO token;
    CK_OBJECT_HANDLE found = w->key;

    if (CHECK_OK(p11->C_GetTokenInfo(w->fix.slot, &token))) {
        CHECK_EQ(token.flags & of_pins, model_token_flags(m));
        CHECK_EQ(token.ulSessionCount, m->is_open[0] + m->is_open[1]);
        CHECK_EQ(token.ulRwSessionCount, m->is_open[1]);
    }
    for (int i = 0; i < 2; i++) {
        CK_SESSION_INFO info = { 0 };
        const CK_RV rv = p11->C_GetSessionInfo(w->sessions[i], &info);

        CHECK_EQ(rv, m->is_open[i] ? CKR_OK : CKR_SESSION_HANDLE_INVALID);
        if (rv == CKR_OK)
            CHECK_EQ(info.state, model_session_state(m, i == 1));
        if (rv == CKR_OK)
            CHECK_EQ(find_label(w->sessions[i], KEY_LABEL, &found, 1), model_sees_key(m));
    }
    if (model_sees_key(m) && found != w->key) {
        w->lost = w->key;
        w->key = found;
    }
}

static void describe(const model *m, const action *a, char *out, size_t room)
{
    (void)snprintf(
        out, room,
        "token %d, ro %d, rw %d, who %u, SO tries %u, user tries %u, key %u: %s %u by %s",
        m->has_token, m->is_open[0], m->is_open[1], m->who, m->so_tries, m->user_tries, m->key,
        verb_names[a->verb], a->argument, a->is_rw ? "rw" : "ro");
}

static bool step(world *w, const action *a)
{
    static char label[160];
    model after = w->now;
    const answer want = model_act(&after, a);

    describe(&w->now, a, label, sizeof label);
    CASE(label);
    const bool had_key = model_sees_key(&w->now);
    const CK_RV rv = runs[a->verb](w, a);
    if (want.or_rv == CKR_OK || rv != want.or_rv)
        CHECK_EQ(rv, want.rv);
    if (had_key && !model_sees_key(&after))
        w->lost = w->key;
    w->now = after;
    look(w);
    return check_failures() == 0;
}

/* --- the walk ---------------------------------------------------------------------------------- */

static short next_of[MODEL_COUNT][ACTIONS_MAX]; /* -1: not tried there */
static bool is_done[MODEL_COUNT][ACTIONS_MAX];

static bool is_in_scope(const model *m)
{
    return is_long || m->so_tries == 0 || m->user_tries == 0 || m->user_tries == MODEL_NO_PIN;
}

static bool is_wanted(const model *m, const action *a)
{
    if (a->verb == START_ANEW || !is_in_scope(m))
        return false;
    return is_long || a->cost < SLOW_COST || m->key == NO_KEY;
}

/* All models that can be reached, and where each action leads; the number of things to try. */
static unsigned explore(unsigned *out_states)
{
    static unsigned queue[MODEL_COUNT];
    static bool is_known[MODEL_COUNT];
    unsigned ends = 0;
    unsigned wanted = 0;

    queue[ends++] = model_number(&(model){ .has_token = false });
    is_known[queue[0]] = true;
    for (unsigned i = 0; i < ends; i++) {
        const model from = model_of(queue[i]);

        for (unsigned k = 0; k < action_count; k++) {
            model to = from;

            next_of[queue[i]][k] = -1;
            is_done[queue[i]][k] = true;
            if (!model_can_try(&from, &actions[k]))
                continue;
            (void)model_act(&to, &actions[k]);
            const unsigned number = model_number(&to);
            next_of[queue[i]][k] = (short)number;
            is_done[queue[i]][k] = !is_wanted(&from, &actions[k]);
            wanted += !is_done[queue[i]][k];
            if (!is_known[number]) {
                is_known[number] = true;
                queue[ends++] = number;
            }
        }
    }
    *out_states = ends;
    return wanted;
}

/* What is still to be tried here: first what stays here. action_count: nothing. */
static unsigned untried(unsigned at)
{
    unsigned leaving = action_count;

    for (unsigned k = 0; k < action_count; k++) {
        if (is_done[at][k])
            continue;
        if (next_of[at][k] == (short)at)
            return k;
        if (leaving == action_count)
            leaving = k;
    }
    return leaving;
}

/* The cheapest way from `at` to where something is untried, as the first action of it (Dijkstra's
 * algorithm, with a bucket for each cost). action_count: there is no such place. */
static unsigned first_step_to_work(unsigned at)
{
    enum { COST_LIMIT = 600 };
    static unsigned cost_to[MODEL_COUNT];
    static unsigned char first[MODEL_COUNT];
    static short bucket[COST_LIMIT][MODEL_COUNT];
    static unsigned filled[COST_LIMIT];

    memset(cost_to, 0xff, sizeof cost_to);
    memset(filled, 0, sizeof filled);
    cost_to[at] = 0;
    bucket[0][filled[0]++] = (short)at;
    for (unsigned cost = 0; cost < COST_LIMIT; cost++) {
        for (unsigned i = 0; i < filled[cost]; i++) {
            const unsigned here = (unsigned)bucket[cost][i];

            if (cost_to[here] != cost)
                continue;
            if (here != at && untried(here) < action_count)
                return first[here];
            for (unsigned k = 0; k < action_count; k++) {
                const unsigned sum = cost + actions[k].cost;

                if (next_of[here][k] < 0 || sum >= COST_LIMIT || sum >= cost_to[next_of[here][k]] ||
                    filled[sum] == MODEL_COUNT)
                    continue;
                cost_to[next_of[here][k]] = sum;
                first[next_of[here][k]] = here == at ? (unsigned char)k : first[here];
                bucket[sum][filled[sum]++] = next_of[here][k];
            }
        }
    }
    return action_count;
}

static void every_combination(void)
{
    unsigned states = 0;
    unsigned done = 0;
    unsigned walked = 0;
    world w = { .lost = CK_INVALID_HANDLE };

    if (!module_is_ours())
        SKIP("the model has our limits");
#ifdef __SANITIZE_THREAD__
    SKIP("one thread has no races, and takes ten minutes to look for them");
#endif
    is_long = getenv("CRATON_HSM_TEST_LONG") != NULL;
    fixture_place = place_in_memory();
    FIXTURE_PREPARED(fix);
    w.fix = fix;
    REQUIRE_OK(p11->C_Initialize(NULL));
    w.fix.slot = first_slot();
    action_count = model_actions(actions);
    const unsigned wanted = explore(&states);
    for (;;) {
        const unsigned at = model_number(&w.now);
        unsigned chosen = untried(at);

        if (chosen == action_count)
            chosen = first_step_to_work(at);
        if (chosen == action_count)
            break;
        done += !is_done[at][chosen];
        is_done[at][chosen] = true;
        walked++;
        REQUIRE_THAT(step(&w, &actions[chosen]));
    }
    printf("# %u states, %u of %u things tried in %u steps\n", states, done, wanted, walked);
    CHECK_EQ(done, wanted);
    CHECK_THAT(states > 500);
}

static const check_test tests[] = {
    CHECK_TEST(every_combination),
};
CHECK_MAIN(tests)
