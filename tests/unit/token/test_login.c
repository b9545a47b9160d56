#include "unit/token/token_env.h"

#include <pthread.h>

#include "support/check.h"

static hsm_err login(env *e, hsm_user user, const char *pin)
{
    return hsm_token_login(e->token, user, env_pin(pin));
}

static const char *pin_of(hsm_user user)
{
    return user == HSM_USER_SO ? ENV_SO_PIN : ENV_USER_PIN;
}

static uint32_t tries_left(env *e, hsm_user user)
{
    const hsm_token_info info = env_info(e->token);

    return user == HSM_USER_SO ? info.so_tries_left : info.user_tries_left;
}

static void in_and_out(void)
{
    env e;

    if (env_open_ready(&e, NULL)) {
        CASE("user");
        CHECK_ERR(hsm_token_logout(e.token), HSM_E_NOT_LOGGED_IN);
        CHECK_OK(login(&e, HSM_USER_USER, ENV_USER_PIN));
        CHECK_EQ(hsm_token_login_state(e.token), HSM_LOGIN_USER);
        CHECK_THAT(hsm_store_is_unlocked(e.store, 0));
        CHECK_ERR(login(&e, HSM_USER_USER, "wrong"), HSM_E_ALREADY_LOGGED_IN);
        CHECK_ERR(login(&e, HSM_USER_SO, ENV_SO_PIN), HSM_E_OTHER_USER_LOGGED_IN);
        CHECK_ERR(hsm_token_init_pin(e.token, env_pin("5678")), HSM_E_NOT_LOGGED_IN);
        CHECK_OK(hsm_token_logout(e.token));
        CHECK_EQ(hsm_token_login_state(e.token), HSM_LOGIN_NONE);
        CHECK_THAT(!hsm_store_is_unlocked(e.store, 0));

        CASE("SO: sees no private objects");
        CHECK_OK(login(&e, HSM_USER_SO, ENV_SO_PIN));
        CHECK_EQ(hsm_token_login_state(e.token), HSM_LOGIN_SO);
        CHECK_THAT(!hsm_store_is_unlocked(e.store, 0));
        CHECK_ERR(login(&e, HSM_USER_SO, ENV_SO_PIN), HSM_E_ALREADY_LOGGED_IN);
        CHECK_ERR(login(&e, HSM_USER_USER, ENV_USER_PIN), HSM_E_OTHER_USER_LOGGED_IN);
        CHECK_OK(hsm_token_logout(e.token));
        CHECK_ERR(hsm_token_logout(e.token), HSM_E_NOT_LOGGED_IN);

        CASE("the state is no try");
        CHECK_EQ(tries_left(&e, HSM_USER_USER), ENV_TRIES_MAX);
        CHECK_EQ(tries_left(&e, HSM_USER_SO), ENV_TRIES_MAX);

        CASE("closing logs out");
        CHECK_OK(login(&e, HSM_USER_USER, ENV_USER_PIN));
        hsm_token_drop(&e.token);
        CHECK_THAT(!hsm_store_is_unlocked(e.store, 0));
    }
    env_close(&e);
}

static void wrong_pins_lock(void)
{
    env e;

    if (env_open_ready(&e, NULL)) {
        for (unsigned u = 0; u < HSM_USER_COUNT; u++) {
            const hsm_user user = (hsm_user)u;

            CASE(user == HSM_USER_SO ? "SO" : "user");
            for (uint32_t left = ENV_TRIES_MAX; left > 1; left--) {
                CHECK_EQ(tries_left(&e, user), left);
                CHECK_ERR(login(&e, user, "wrong"), HSM_E_PIN_INCORRECT);
            }
            CASE("right at the last try: all tries are back");
            CHECK_OK(login(&e, user, pin_of(user)));
            CHECK_OK(hsm_token_logout(e.token));
            CHECK_EQ(tries_left(&e, user), ENV_TRIES_MAX);

            CASE("one more wrong: locked, also for the right one");
            for (uint32_t i = 0; i < ENV_TRIES_MAX; i++)
                CHECK_ERR(login(&e, user, "wrong"), HSM_E_PIN_INCORRECT);
            CHECK_EQ(tries_left(&e, user), 0);
            CHECK_ERR(login(&e, user, "wrong"), HSM_E_PIN_LOCKED);
            CHECK_ERR(login(&e, user, pin_of(user)), HSM_E_PIN_LOCKED);
            CHECK_ERR(hsm_token_set_pin(e.token, user, env_pin(pin_of(user)), env_pin("5678")),
                      HSM_E_PIN_LOCKED);
            CHECK_EQ(hsm_token_login_state(e.token), HSM_LOGIN_NONE);
        }
        CASE("a locked SO PIN is final");
        CHECK_ERR(hsm_token_init(e.token, env_pin(ENV_SO_PIN), env_label), HSM_E_PIN_LOCKED);
        CASE("and stays so when the configuration allows more tries");
        hsm_token_options options = env_options(&e);
        options.tries_max = 100;
        if (CHECK_OK(hsm_token_open(&options, &e.other))) {
            CHECK_ERR(hsm_token_login(e.other, HSM_USER_SO, env_pin(ENV_SO_PIN)), HSM_E_PIN_LOCKED);
            CHECK_EQ(env_info(e.other).so_tries_left, 0);
        }
    }
    env_close(&e);
}

static void so_unlocks_user(void)
{
    env e;
    uint8_t key[HSM_MASTER_KEY_BYTES];

    if (env_open_ready(&e, NULL)) {
        CHECK_OK(login(&e, HSM_USER_USER, ENV_USER_PIN));
        memcpy(key, env_master_key().data, sizeof key);
        CHECK_OK(hsm_token_logout(e.token));
        for (uint32_t i = 0; i < ENV_TRIES_MAX; i++)
            CHECK_ERR(login(&e, HSM_USER_USER, "wrong"), HSM_E_PIN_INCORRECT);
        CHECK_OK(login(&e, HSM_USER_SO, ENV_SO_PIN));
        CHECK_ERR(hsm_token_init_pin(e.token, env_pin("123")), HSM_E_PIN_LEN);
        CHECK_ERR(hsm_token_init_pin(e.token, env_pin("123\xff")), HSM_E_PIN_INVALID);
        CHECK_OK(hsm_token_init_pin(e.token, env_pin("5678")));
        CHECK_OK(hsm_token_logout(e.token));
        CHECK_THAT(env_info(e.token).must_change_user_pin);
        CHECK_EQ(tries_left(&e, HSM_USER_USER), ENV_TRIES_MAX);
        CHECK_ERR(login(&e, HSM_USER_USER, ENV_USER_PIN), HSM_E_PIN_INCORRECT);

        CASE("the objects are still the user's");
        CHECK_OK(login(&e, HSM_USER_USER, "5678"));
        CHECK_BYTES(env_master_key().data, env_master_key().len, key, sizeof key);
    }
    env_close(&e);
}

static void pin_changes(void)
{
    env e;
    uint8_t key[HSM_MASTER_KEY_BYTES];

    if (env_open_ready(&e, NULL)) {
        CHECK_OK(login(&e, HSM_USER_USER, ENV_USER_PIN));
        memcpy(key, env_master_key().data, sizeof key);

        CASE("rules first: no try is counted for a new PIN that can't be");
        CHECK_ERR(hsm_token_set_pin(e.token, HSM_USER_USER, env_pin("wrong"), env_pin("123")),
                  HSM_E_PIN_LEN);
        CHECK_ERR(hsm_token_set_pin(e.token, HSM_USER_USER, env_pin("wrong"), env_pin("123\x80")),
                  HSM_E_PIN_INVALID);
        CHECK_EQ(tries_left(&e, HSM_USER_USER), ENV_TRIES_MAX);
        CASE("by the present PIN only");
        CHECK_ERR(hsm_token_set_pin(e.token, HSM_USER_USER, env_pin("wrong"), env_pin("5678")),
                  HSM_E_PIN_INCORRECT);
        CHECK_EQ(tries_left(&e, HSM_USER_USER), ENV_TRIES_MAX - 1);
        CHECK_OK(hsm_token_set_pin(e.token, HSM_USER_USER, env_pin(ENV_USER_PIN), env_pin("5678")));
        CHECK_EQ(tries_left(&e, HSM_USER_USER), ENV_TRIES_MAX);
        CHECK_THAT(!env_info(e.token).must_change_user_pin);
        CHECK_EQ(hsm_token_login_state(e.token), HSM_LOGIN_USER);

        CASE("nobody logged in");
        CHECK_OK(hsm_token_logout(e.token));
        CHECK_ERR(login(&e, HSM_USER_USER, ENV_USER_PIN), HSM_E_PIN_INCORRECT);
        CHECK_OK(hsm_token_set_pin(e.token, HSM_USER_USER, env_pin("5678"), env_pin("4321")));
        CHECK_OK(login(&e, HSM_USER_USER, "4321"));
        CHECK_BYTES(env_master_key().data, env_master_key().len, key, sizeof key);
        CHECK_OK(hsm_token_logout(e.token));

        CASE("the SO's own");
        CHECK_OK(login(&e, HSM_USER_SO, ENV_SO_PIN));
        CHECK_OK(hsm_token_set_pin(e.token, HSM_USER_SO, env_pin(ENV_SO_PIN), env_pin("9999")));
        CHECK_OK(hsm_token_init_pin(e.token, env_pin("5678")));
        CHECK_OK(hsm_token_logout(e.token));
        CHECK_ERR(login(&e, HSM_USER_SO, ENV_SO_PIN), HSM_E_PIN_INCORRECT);
        CHECK_OK(login(&e, HSM_USER_SO, "9999"));
        CHECK_OK(hsm_token_logout(e.token));
        CHECK_OK(login(&e, HSM_USER_USER, "5678"));
        CHECK_BYTES(env_master_key().data, env_master_key().len, key, sizeof key);
    }
    env_close(&e);
}

static void context_specific(void)
{
    env e;

    if (env_open_ready(&e, NULL)) {
        CHECK_ERR(hsm_token_check_pin(e.token, env_pin(ENV_USER_PIN)), HSM_E_NOT_LOGGED_IN);
        for (unsigned u = 0; u < HSM_USER_COUNT; u++) {
            const hsm_user user = (hsm_user)u;

            CASE(user == HSM_USER_SO ? "SO" : "user");
            CHECK_OK(login(&e, user, pin_of(user)));
            const hsm_login state = hsm_token_login_state(e.token);
            CHECK_OK(hsm_token_check_pin(e.token, env_pin(pin_of(user))));
            CHECK_ERR(
                hsm_token_check_pin(
                    e.token, env_pin(pin_of(user == HSM_USER_SO ? HSM_USER_USER : HSM_USER_SO))),
                HSM_E_PIN_INCORRECT);
            CHECK_EQ(tries_left(&e, user), ENV_TRIES_MAX - 1);
            CHECK_OK(hsm_token_check_pin(e.token, env_pin(pin_of(user))));
            CHECK_EQ(tries_left(&e, user), ENV_TRIES_MAX);
            for (uint32_t i = 0; i < ENV_TRIES_MAX; i++)
                CHECK_ERR(hsm_token_check_pin(e.token, env_pin("wrong")), HSM_E_PIN_INCORRECT);
            CHECK_ERR(hsm_token_check_pin(e.token, env_pin(pin_of(user))), HSM_E_PIN_LOCKED);
            CHECK_EQ(hsm_token_login_state(e.token), state);
            CHECK_OK(hsm_token_logout(e.token));
        }
    }
    env_close(&e);
}

/* --- The same work whatever the reason --------------------------------------------------------- */

static void check_work(env *e, const char *label, hsm_user user, hsm_bytes pin, hsm_err want)
{
    CASE(label);
    env_calm();
    CHECK_ERR(hsm_token_login(e->token, user, pin), want);
    CHECK_EQ(env_calls(ENV_PBKDF2), 1);
    CHECK_EQ(env_iterations(), ENV_ITERATIONS);
    CHECK_EQ(env_calls(ENV_DEVICE), 1);
    if (want == HSM_OK)
        CHECK_OK(hsm_token_logout(e->token));
}

static void same_work_for_every_answer(void)
{
    env e;
    static char longest[HSM_PIN_MAX_BYTES + 1];

    memset(longest, 'x', sizeof longest);
    if (env_open(&e, NULL) && CHECK_OK(hsm_token_init(e.token, env_pin(ENV_SO_PIN), env_label))) {
        const hsm_user user = HSM_USER_USER;

        check_work(&e, "not set", user, env_pin("1234"), HSM_E_USER_PIN_NOT_INITIALIZED);
        CHECK_OK(login(&e, HSM_USER_SO, ENV_SO_PIN));
        CHECK_OK(hsm_token_init_pin(e.token, env_pin(ENV_USER_PIN)));
        CHECK_OK(hsm_token_logout(e.token));
        check_work(&e, "right", user, env_pin(ENV_USER_PIN), HSM_OK);
        check_work(&e, "wrong", user, env_pin("wrong"), HSM_E_PIN_INCORRECT);
        check_work(&e, "empty", user, hsm_bytes_none(), HSM_E_PIN_INCORRECT);
        check_work(&e, "not UTF-8", user, env_pin("\xff\xff\xff\xff"), HSM_E_PIN_INCORRECT);
        check_work(&e, "256 bytes", user, hsm_bytes_of(longest, 256), HSM_E_PIN_INCORRECT);
        check_work(&e, "257 bytes", user, hsm_bytes_of(longest, 257), HSM_E_PIN_INCORRECT);
        check_work(&e, "wrong and locked", user, env_pin("wrong"), HSM_E_PIN_LOCKED);
        check_work(&e, "right and locked", user, env_pin(ENV_USER_PIN), HSM_E_PIN_LOCKED);
        check_work(&e, "wrong SO PIN", HSM_USER_SO, env_pin("wrong"), HSM_E_PIN_INCORRECT);
        check_work(&e, "SO PIN", HSM_USER_SO, env_pin(ENV_SO_PIN), HSM_OK);
    }
    env_close(&e);
}

/* What is derived in place of a PIN of impossible length is the salt: where that is the PIN, the
 * impossible one must still be wrong. */
static void stand_in_is_no_pin(void)
{
    env e;

    if (env_open_ready(&e, NULL)) {
        HSM_AUTO(hsm_secret_drop) hsm_secret *opened = NULL;
        hsm_token_record record = e.token->record;
        const uint8_t key[HSM_MASTER_KEY_BYTES] = { 0 };
        uint8_t pin[HSM_PIN_SALT_BYTES];

        memset(pin, 'p', sizeof pin);
        env_fix_random('p');
        CHECK_OK(hsm_pin_set(e.token, &record, HSM_USER_USER, hsm_bytes_of(pin, sizeof pin),
                             hsm_bytes_of(key, sizeof key)));
        CHECK_BYTES(record.pin[HSM_USER_USER].salt, HSM_PIN_SALT_BYTES, pin, sizeof pin);
        CHECK_ERR(env_pin_open(e.token, &record, HSM_USER_USER, hsm_bytes_none(), &opened),
                  HSM_E_PIN_INCORRECT);
        CHECK_OK(
            env_pin_open(e.token, &record, HSM_USER_USER, hsm_bytes_of(pin, sizeof pin), &opened));
    }
    env_close(&e);
}

/* --- The count comes first ---------------------------------------------------------------------- */

static void check_counted(void *arg)
{
    env *e = arg;

    CHECK_EQ(env_info(e->other).user_tries_left, ENV_TRIES_MAX - 1);
}

static void counted_before_the_pin_is_looked_at(void)
{
    env e;

    if (env_open_ready(&e, NULL)) {
        env_make_other(&e);
        CASE("right, with no wrong one before");
        env_before(ENV_COMPARE, 1, check_counted, &e);
        CHECK_OK(login(&e, HSM_USER_USER, ENV_USER_PIN));
        CHECK_EQ(env_calls(ENV_WRITE), 2);
        CHECK_EQ(tries_left(&e, HSM_USER_USER), ENV_TRIES_MAX);
        CHECK_OK(hsm_token_logout(e.token));

        CASE("wrong");
        env_calm();
        env_before(ENV_COMPARE, 1, check_counted, &e);
        CHECK_ERR(login(&e, HSM_USER_USER, "wrong"), HSM_E_PIN_INCORRECT);
        CHECK_EQ(env_calls(ENV_WRITE), 1);
    }
    env_close(&e);
}

static void no_count_no_answer(void)
{
    static const hsm_err causes[] = { HSM_E_STORE_READ_ONLY, HSM_E_STORE_FULL, HSM_E_STORE_IO,
                                      HSM_E_STORE_BUSY };
    env e;

    if (env_open_ready(&e, NULL)) {
        for (size_t i = 0; i < HSM_ARRAY_LEN(causes); i++) {
            CASE(hsm_err_name(causes[i]));
            env_calm();
            env_fail(ENV_WRITE, 1, 1, causes[i]);
            CHECK_ERR(login(&e, HSM_USER_USER, ENV_USER_PIN), causes[i]);
            CHECK_EQ(env_calls(ENV_COMPARE), 0);
            CHECK_EQ(hsm_token_login_state(e.token), HSM_LOGIN_NONE);
            CHECK_EQ(tries_left(&e, HSM_USER_USER), ENV_TRIES_MAX);
            env_fail(ENV_WRITE, 1, 1, causes[i]);
            CHECK_ERR(
                hsm_token_set_pin(e.token, HSM_USER_USER, env_pin(ENV_USER_PIN), env_pin("5678")),
                causes[i]);

            CASE("the count can't be taken back: not logged in, and it stays");
            env_fail(ENV_WRITE, 2, 1, causes[i]);
            CHECK_ERR(login(&e, HSM_USER_USER, ENV_USER_PIN), causes[i]);
            CHECK_EQ(hsm_token_login_state(e.token), HSM_LOGIN_NONE);
            CHECK_THAT(!hsm_store_is_unlocked(e.store, 0));
            CHECK_EQ(tries_left(&e, HSM_USER_USER), ENV_TRIES_MAX - 1);
            CHECK_OK(login(&e, HSM_USER_USER, ENV_USER_PIN));
            CHECK_OK(hsm_token_logout(e.token));
        }
    }
    env_close(&e);
}

/* Whatever fails on the way, nobody is logged in, and the next login goes well. */
static void login_fails_clean(void)
{
    static const env_point points[] = { ENV_READ,   ENV_WRITE,  ENV_UNLOCK,
                                        ENV_DEVICE, ENV_PBKDF2, ENV_SECRET };
    env e;

    if (env_open_ready(&e, NULL)) {
        for (size_t i = 0; i < HSM_ARRAY_LEN(points); i++) {
            hsm_err err = HSM_E_CRYPTO;

            for (int nth = 1; nth < 50 && err != HSM_OK; nth++) {
                env_calm();
                env_fail(points[i], nth, 1, HSM_E_NO_MEMORY);
                err = login(&e, HSM_USER_USER, ENV_USER_PIN);
                CHECK_THAT(err == HSM_OK || err == HSM_E_NO_MEMORY);
                CHECK_EQ(hsm_token_login_state(e.token),
                         err == HSM_OK ? HSM_LOGIN_USER : HSM_LOGIN_NONE);
                CHECK_THAT(hsm_store_is_unlocked(e.store, 0) == (err == HSM_OK));
                env_calm();
                if (err != HSM_OK)
                    CHECK_OK(login(&e, HSM_USER_USER, ENV_USER_PIN));
                CHECK_OK(hsm_token_logout(e.token));
            }
            CHECK_OK(err);
        }
    }
    env_close(&e);
}

/* --- Other processes ------------------------------------------------------------------------------ */

static void conflicts_are_retried(void)
{
    env e;

    if (env_open_ready(&e, NULL)) {
        CASE("some");
        env_fail(ENV_WRITE, 1, 100, HSM_E_STORE_CONFLICT);
        CHECK_OK(login(&e, HSM_USER_USER, ENV_USER_PIN));
        CHECK_EQ(env_calls(ENV_PBKDF2), 1);
        CHECK_OK(hsm_token_logout(e.token));

        CASE("no end of them");
        env_calm();
        env_fail(ENV_WRITE, 1, ENV_FOREVER, HSM_E_STORE_CONFLICT);
        CHECK_ERR(login(&e, HSM_USER_USER, ENV_USER_PIN), HSM_E_STORE_CONFLICT);
        CHECK_THAT(env_calls(ENV_WRITE) <= 2000);
        CHECK_EQ(env_calls(ENV_COMPARE), 0);
    }
    env_close(&e);
}

static void rival_guesses(void *arg)
{
    env *e = arg;

    CHECK_ERR(hsm_token_login(e->other, HSM_USER_USER, env_pin("wrong")), HSM_E_PIN_INCORRECT);
}

static void rival_changes_pin(void *arg)
{
    env *e = arg;

    CHECK_OK(hsm_token_set_pin(e->other, HSM_USER_USER, env_pin(ENV_USER_PIN), env_pin("5678")));
    CHECK_ERR(hsm_token_login(e->other, HSM_USER_USER, env_pin("wrong")), HSM_E_PIN_INCORRECT);
}

static void rival_initialises(void *arg)
{
    env *e = arg;

    CHECK_OK(hsm_token_init(e->other, env_pin(ENV_SO_PIN), env_label));
}

static void another_process_in_between(void)
{
    env e;

    if (env_open_ready(&e, NULL)) {
        env_make_other(&e);
        CASE("guesses, before our count: both are counted");
        env_before(ENV_PBKDF2, 1, rival_guesses, &e);
        CHECK_ERR(login(&e, HSM_USER_USER, "wrong"), HSM_E_PIN_INCORRECT);
        CHECK_EQ(tries_left(&e, HSM_USER_USER), ENV_TRIES_MAX - 2);
        CASE("guesses while we derive: the right PIN sets the counter back for all");
        env_before(ENV_PBKDF2, 1, rival_guesses, &e);
        CHECK_OK(login(&e, HSM_USER_USER, ENV_USER_PIN));
        CHECK_EQ(tries_left(&e, HSM_USER_USER), ENV_TRIES_MAX);
        CHECK_OK(hsm_token_logout(e.token));
        CASE("changes the PIN while we derive: ours is judged, and counted, against the new one");
        env_calm();
        env_before(ENV_PBKDF2, 1, rival_changes_pin, &e);
        CHECK_ERR(login(&e, HSM_USER_USER, ENV_USER_PIN), HSM_E_PIN_INCORRECT);
        CHECK_EQ(tries_left(&e, HSM_USER_USER), ENV_TRIES_MAX - 2); /* the rival guessed too */

        CASE("changes the PIN while we change it: the first change stays");
        CHECK_OK(hsm_token_set_pin(e.token, HSM_USER_USER, env_pin("5678"), env_pin(ENV_USER_PIN)));
        env_calm();
        env_before(ENV_WRITE, 3, rival_changes_pin, &e);
        CHECK_ERR(hsm_token_set_pin(e.token, HSM_USER_USER, env_pin(ENV_USER_PIN), env_pin("4321")),
                  HSM_E_STORE_CONFLICT);
        CHECK_OK(login(&e, HSM_USER_USER, "5678"));
        CHECK_OK(hsm_token_logout(e.token));

        CASE("guesses while the SO sets the PIN: the new one has all its tries");
        CHECK_OK(login(&e, HSM_USER_SO, ENV_SO_PIN));
        env_calm();
        env_before(ENV_WRITE, 1, rival_guesses, &e);
        CHECK_OK(hsm_token_init_pin(e.token, env_pin(ENV_USER_PIN)));
        CHECK_EQ(tries_left(&e, HSM_USER_USER), ENV_TRIES_MAX);

        CASE("initialises while the SO sets the PIN: not set in the new token");
        env_calm();
        env_before(ENV_WRITE, 1, rival_initialises, &e);
        CHECK_ERR(hsm_token_init_pin(e.token, env_pin(ENV_USER_PIN)), HSM_E_STORE_CONFLICT);
        CHECK_EQ(hsm_token_login_state(e.token), HSM_LOGIN_NONE);
        CHECK_THAT(!env_info(e.token).has_user_pin);

        CASE("initialises while we derive: not logged in to the new token with the old key");
        CHECK_OK(login(&e, HSM_USER_SO, ENV_SO_PIN));
        CHECK_OK(hsm_token_init_pin(e.token, env_pin(ENV_USER_PIN)));
        CHECK_OK(hsm_token_logout(e.token));
        env_calm();
        env_before(ENV_PBKDF2, 1, rival_initialises, &e);
        CHECK_ERR(login(&e, HSM_USER_USER, ENV_USER_PIN), HSM_E_USER_PIN_NOT_INITIALIZED);
        CHECK_EQ(hsm_token_login_state(e.token), HSM_LOGIN_NONE);
        CHECK_THAT(!hsm_store_is_unlocked(e.store, 0));
    }
    env_close(&e);
}

/* --- Threads ---------------------------------------------------------------------------------------- */

static void *come_and_go(void *arg)
{
    hsm_token *token = arg;

    for (int i = 0; i < 25; i++) {
        const hsm_err err = hsm_token_login(token, HSM_USER_USER, env_pin(ENV_USER_PIN));

        CHECK_THAT(err == HSM_OK || err == HSM_E_ALREADY_LOGGED_IN);
        (void)hsm_token_login_state(token);
        CHECK_OK(hsm_token_refresh(token));
        const hsm_err checked = hsm_token_check_pin(token, env_pin(ENV_USER_PIN));
        CHECK_THAT(checked == HSM_OK || checked == HSM_E_NOT_LOGGED_IN);
        CHECK_THAT(env_info(token).is_initialized);
        const hsm_err out = hsm_token_logout(token);
        CHECK_THAT(out == HSM_OK || out == HSM_E_NOT_LOGGED_IN);
    }
    return NULL;
}

static void threads(void)
{
    env e;
    pthread_t crowd[4];

    if (env_open_ready(&e, NULL)) {
        for (size_t i = 0; i < HSM_ARRAY_LEN(crowd); i++)
            REQUIRE_OK(pthread_create(&crowd[i], NULL, come_and_go, e.token));
        for (size_t i = 0; i < HSM_ARRAY_LEN(crowd); i++)
            (void)pthread_join(crowd[i], NULL);
        CHECK_EQ(hsm_token_login_state(e.token), HSM_LOGIN_NONE);
        CHECK_EQ(tries_left(&e, HSM_USER_USER), ENV_TRIES_MAX);
    }
    env_close(&e);
}

static const check_test tests[] = {
    CHECK_TEST(in_and_out),
    CHECK_TEST(wrong_pins_lock),
    CHECK_TEST(so_unlocks_user),
    CHECK_TEST(pin_changes),
    CHECK_TEST(context_specific),
    CHECK_TEST(same_work_for_every_answer),
    CHECK_TEST(stand_in_is_no_pin),
    CHECK_TEST(counted_before_the_pin_is_looked_at),
    CHECK_TEST(no_count_no_answer),
    CHECK_TEST(login_fails_clean),
    CHECK_TEST(conflicts_are_retried),
    CHECK_TEST(another_process_in_between),
    CHECK_TEST(threads),
};
CHECK_MAIN(tests)
