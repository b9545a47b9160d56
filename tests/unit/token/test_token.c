#include "unit/token/token_env.h"

#include "support/check.h"

static void options_are_checked(void)
{
    env e;

    if (env_open(&e, NULL)) {
        const hsm_token_options good = env_options(&e);
        const struct {
            const char *label;
            hsm_token_options options;
            hsm_err want;
        } rows[] = {
#define WITH(field, value)          \
    __extension__({                 \
        hsm_token_options o = good; \
        o.field = (value);          \
        o;                          \
    })
            { "as they are", good, HSM_OK },
            { "no store", WITH(store, NULL), HSM_E_ARG },
            { "no crypto", WITH(crypto, NULL), HSM_E_ARG },
            { "shortest PIN 0", WITH(pin_min_bytes, 0), HSM_E_ARG },
            { "shortest over longest", WITH(pin_min_bytes, 65), HSM_E_ARG },
            { "shortest is longest", WITH(pin_min_bytes, 64), HSM_OK },
            { "longest 256", WITH(pin_max_bytes, 256), HSM_OK },
            { "longest 257", WITH(pin_max_bytes, 257), HSM_E_ARG },
            { "no try", WITH(tries_max, 0), HSM_E_ARG },
            { "too many tries", WITH(tries_max, 65536), HSM_E_ARG },
            { "no iteration", WITH(iterations, 0), HSM_E_ARG },
            { "10 million iterations", WITH(iterations, 10000000), HSM_OK },
            { "one more", WITH(iterations, 10000001), HSM_E_ARG },
            { "empty serial", WITH(serial, ""), HSM_E_ARG },
            { "16 characters", WITH(serial, "0123456789abcdef"), HSM_OK },
            { "17 characters", WITH(serial, "0123456789abcdefg"), HSM_E_ARG },
            { "not printable", WITH(serial, "12\n"), HSM_E_ARG },
            { "not ASCII", WITH(serial, "12\xc3\xbc"), HSM_E_ARG },
#undef WITH
        };

        for (size_t i = 0; i < HSM_ARRAY_LEN(rows); i++) {
            HSM_AUTO(hsm_token_drop) hsm_token *token = NULL;

            CASE(rows[i].label);
            CHECK_ERR(hsm_token_open(&rows[i].options, &token), rows[i].want);
            CHECK_THAT((token != NULL) == (rows[i].want == HSM_OK));
        }
        hsm_token_close(NULL);
    }
    env_close(&e);
}

static void before_initialisation(void)
{
    env e;
    static const uint8_t blanks[] = "                                ";

    if (env_open(&e, NULL)) {
        const hsm_token_info info = env_info(e.token);

        CHECK_THAT(!info.is_initialized && !info.has_user_pin && !info.must_change_user_pin);
        CHECK_BYTES(info.label, sizeof info.label, blanks, 32);
        CHECK_BYTES(info.serial, sizeof info.serial, blanks, 16);
        CHECK_EQ(info.tries_max, ENV_TRIES_MAX);
        CHECK_EQ(info.pin_min_bytes, 4);
        CHECK_EQ(info.pin_max_bytes, 64);
        CHECK_EQ(hsm_token_login_state(e.token), HSM_LOGIN_NONE);
        CHECK_ERR(hsm_token_login(e.token, HSM_USER_SO, env_pin("1234")),
                  HSM_E_TOKEN_NOT_INITIALIZED);
        CHECK_ERR(hsm_token_login(e.token, HSM_USER_USER, env_pin("1234")),
                  HSM_E_TOKEN_NOT_INITIALIZED);
        CHECK_ERR(hsm_token_set_pin(e.token, HSM_USER_USER, env_pin("1234"), env_pin("12345")),
                  HSM_E_TOKEN_NOT_INITIALIZED);
        CHECK_ERR(hsm_token_check_pin(e.token, env_pin("1234")), HSM_E_NOT_LOGGED_IN);
        CHECK_ERR(hsm_token_init_pin(e.token, env_pin("1234")), HSM_E_NOT_LOGGED_IN);
        CHECK_ERR(hsm_token_logout(e.token), HSM_E_NOT_LOGGED_IN);

        CASE("rules for the first SO PIN");
        CHECK_ERR(hsm_token_init(e.token, env_pin("123"), env_label), HSM_E_PIN_LEN);
        CHECK_ERR(hsm_token_init(e.token, env_pin("123\xff"), env_label), HSM_E_PIN_INVALID);
        CHECK_THAT(!env_info(e.token).is_initialized);
    }
    env_close(&e);
}

static void after_initialisation(void)
{
    env e;

    if (env_open(&e, NULL) && CHECK_OK(hsm_token_init(e.token, env_pin("1234"), env_label))) {
        hsm_token_info info = env_info(e.token);

        CHECK_THAT(info.is_initialized && !info.has_user_pin && !info.must_change_user_pin);
        CHECK_BYTES(info.label, sizeof info.label, env_label, sizeof env_label);
        for (size_t i = 0; i < sizeof info.serial; i++)
            CHECK_THAT(strchr("0123456789abcdef", info.serial[i]) != NULL);
        CHECK_BYTES(hsm_store_serial(e.store, 0).data, hsm_store_serial(e.store, 0).len,
                    info.serial, sizeof info.serial);
        CHECK_EQ(info.user_tries_left, ENV_TRIES_MAX);
        CHECK_EQ(info.so_tries_left, ENV_TRIES_MAX);

        CASE("the user PIN is the SO's to set");
        CHECK_ERR(hsm_token_login(e.token, HSM_USER_USER, env_pin("1234")),
                  HSM_E_USER_PIN_NOT_INITIALIZED);
        CHECK_ERR(hsm_token_set_pin(e.token, HSM_USER_USER, env_pin("1234"), env_pin("5678")),
                  HSM_E_USER_PIN_NOT_INITIALIZED);
        CHECK_EQ(env_info(e.token).user_tries_left, ENV_TRIES_MAX);
        CHECK_OK(hsm_token_login(e.token, HSM_USER_SO, env_pin("1234")));
        CHECK_OK(hsm_token_init_pin(e.token, env_pin("5678")));
        info = env_info(e.token);
        CHECK_THAT(info.has_user_pin && info.must_change_user_pin);

        CASE("opened again");
        env_make_other(&e);
        info = env_info(e.other);
        CHECK_THAT(info.is_initialized && info.has_user_pin);
        CHECK_BYTES(info.label, sizeof info.label, env_label, sizeof env_label);
    }
    env_close(&e);
}

static void initialised_again(void)
{
    env e;
    uint8_t old_key[HSM_MASTER_KEY_BYTES];

    if (env_open_ready(&e, NULL)) {
        CHECK_OK(hsm_token_login(e.token, HSM_USER_USER, env_pin(ENV_USER_PIN)));
        memcpy(old_key, env_master_key().data, sizeof old_key);
        CHECK_OK(hsm_token_logout(e.token));
        const hsm_token_info before = env_info(e.token);

        CASE("only by the present SO PIN, and a try counts");
        CHECK_ERR(hsm_token_init(e.token, env_pin("another"), env_label), HSM_E_PIN_INCORRECT);
        CHECK_ERR(hsm_token_init(e.token, env_pin("1"), env_label), HSM_E_PIN_INCORRECT);
        CHECK_EQ(env_info(e.token).so_tries_left, ENV_TRIES_MAX - 2);
        CHECK_THAT(env_info(e.token).has_user_pin);
        CHECK_OK(hsm_token_init(e.token, env_pin(ENV_SO_PIN), env_label));

        CASE("a new token: serial, no user PIN, all tries, the same SO PIN, another master key");
        const hsm_token_info info = env_info(e.token);
        CHECK_THAT(!hsm_bytes_equal(hsm_bytes_of(info.serial, sizeof info.serial),
                                    hsm_bytes_of(before.serial, sizeof before.serial)));
        CHECK_THAT(!info.has_user_pin);
        CHECK_EQ(info.so_tries_left, ENV_TRIES_MAX);
        CHECK_ERR(hsm_token_login(e.token, HSM_USER_USER, env_pin(ENV_USER_PIN)),
                  HSM_E_USER_PIN_NOT_INITIALIZED);
        CHECK_OK(hsm_token_login(e.token, HSM_USER_SO, env_pin(ENV_SO_PIN)));
        CHECK_OK(hsm_token_init_pin(e.token, env_pin(ENV_USER_PIN)));
        CHECK_OK(hsm_token_logout(e.token));
        CHECK_OK(hsm_token_login(e.token, HSM_USER_USER, env_pin(ENV_USER_PIN)));
        CHECK_THAT(!hsm_bytes_equal(env_master_key(), hsm_bytes_of(old_key, sizeof old_key)));

        CASE("who was logged in is not any more");
        CHECK_OK(hsm_token_init(e.token, env_pin(ENV_SO_PIN), env_label));
        CHECK_EQ(hsm_token_login_state(e.token), HSM_LOGIN_NONE);
        CHECK_THAT(!hsm_store_is_unlocked(e.store, 0));
    }
    env_close(&e);
}

static void notices_that_another_initialised(void)
{
    env e;

    if (env_open(&e, NULL)) {
        env_make_other(&e);
        CHECK_ERR(hsm_token_check_initialized(e.token), HSM_E_TOKEN_NOT_INITIALIZED);
        CHECK_OK(hsm_token_init(e.other, env_pin("1234"), env_label));
        env_fail(ENV_READ, 1, 1, HSM_E_STORE_IO);
        CHECK_ERR(hsm_token_check_initialized(e.token), HSM_E_STORE_IO);
        CHECK_OK(hsm_token_check_initialized(e.token));
        env_calm();
        CHECK_OK(hsm_token_check_initialized(e.token));
        CHECK_EQ(env_calls(ENV_READ), 0);
    }
    env_close(&e);
}

static void configured_serial(void)
{
    env e;

    if (env_open(&e, NULL)) {
        char serial[] = "CH-42";
        hsm_token_options options = env_options(&e);

        options.serial = serial;
        CHECK_OK(hsm_token_open(&options, &e.other));
        memcpy(serial, "xxxxx", 5); /* was copied */
        CHECK_OK(hsm_token_init(e.other, env_pin("1234"), env_label));
        CHECK_BYTES(env_info(e.other).serial, 16, "CH-42           ", 16);
        CHECK_OK(hsm_token_init(e.other, env_pin("1234"), env_label));
        CHECK_BYTES(env_info(e.other).serial, 16, "CH-42           ", 16);
    }
    env_close(&e);
}

static void store_errors_pass_through(void)
{
    static const hsm_err causes[] = { HSM_E_STORE_IO,   HSM_E_STORE_CORRUPT,   HSM_E_STORE_FULL,
                                      HSM_E_STORE_BUSY, HSM_E_STORE_READ_ONLY, HSM_E_NO_MEMORY };
    env e;

    if (env_open(&e, NULL)) {
        for (size_t i = 0; i < HSM_ARRAY_LEN(causes); i++) {
            hsm_token_info info;
            hsm_token *token = NULL;
            const hsm_token_options options = env_options(&e);

            CASE(hsm_err_name(causes[i]));
            env_fail(ENV_READ, 1, 1, causes[i]);
            CHECK_ERR(hsm_token_get_info(e.token, &info), causes[i]);
            env_fail(ENV_READ, 1, 1, causes[i]);
            CHECK_ERR(hsm_token_open(&options, &token), causes[i]);
            CHECK_THAT(token == NULL);
            env_fail(ENV_READ, 1, 1, causes[i]);
            CHECK_ERR(hsm_token_init(e.token, env_pin("1234"), env_label), causes[i]);
            env_fail(ENV_RESET, 1, 1, causes[i]);
            CHECK_ERR(hsm_token_init(e.token, env_pin("1234"), env_label), causes[i]);
            CHECK_THAT(!env_info(e.token).is_initialized);
        }
        CASE("another slot's or a damaged record");
        CHECK_OK(hsm_store_token_write(e.store, 0, 0, hsm_bytes_of("\0\1junk", 6)));
        hsm_token_info info;
        CHECK_ERR(hsm_token_get_info(e.token, &info), HSM_E_STORE_CORRUPT);
        CHECK_ERR(hsm_token_login(e.token, HSM_USER_SO, env_pin("1234")), HSM_E_STORE_CORRUPT);
        CHECK_ERR(hsm_token_init(e.token, env_pin("1234"), env_label), HSM_E_STORE_CORRUPT);
    }
    env_close(&e);
}

/* Whatever fails on the way to a new token, there is none, and all goes well the next time. */
static void initialisation_fails_clean(void)
{
    static const env_point points[] = { ENV_RANDOM, ENV_SECRET, ENV_DEVICE, ENV_PBKDF2 };
    env e;

    for (size_t i = 0; i < HSM_ARRAY_LEN(points); i++) {
        hsm_err err = HSM_E_NO_MEMORY;

        if (env_open(&e, NULL)) {
            for (int nth = 1; nth < 100 && err != HSM_OK; nth++) {
                CHECK_THAT(!env_info(e.token).is_initialized);
                env_calm();
                env_fail(points[i], nth, 1, HSM_E_NO_MEMORY);
                err = hsm_token_init(e.token, env_pin("1234"), env_label);
                CHECK_THAT(err == HSM_OK || err == HSM_E_NO_MEMORY);
            }
            CHECK_THAT(env_info(e.token).is_initialized);
        }
        env_close(&e);
    }
}

static void init_races(void)
{
    env e;

    if (env_open_ready(&e, NULL)) {
        CASE("the record changes all the time");
        env_fail(ENV_RESET, 1, 20, HSM_E_STORE_CONFLICT);
        CHECK_OK(hsm_token_init(e.token, env_pin(ENV_SO_PIN), env_label));
        env_fail(ENV_RESET, 1, ENV_FOREVER, HSM_E_STORE_CONFLICT);
        CHECK_ERR(hsm_token_init(e.token, env_pin(ENV_SO_PIN), env_label), HSM_E_STORE_CONFLICT);

        CASE("durable, but not to be worked with at once: the next call tries again");
        env_calm();
        env_fail(ENV_ATTACH, 1, 1, HSM_E_NO_MEMORY);
        CHECK_OK(hsm_token_init(e.token, env_pin(ENV_SO_PIN), env_label));
        env_calm();
        CHECK_OK(hsm_token_check_initialized(e.token));
        CHECK_EQ(env_calls(ENV_ATTACH), 1);
        CHECK_OK(hsm_token_login(e.token, HSM_USER_SO, env_pin(ENV_SO_PIN)));
    }
    env_close(&e);
}

typedef struct rival {
    hsm_token *token;
    hsm_err err;
} rival;

static void rival_initialises(void *arg)
{
    rival *r = arg;

    r->err = hsm_token_init(r->token, env_pin(ENV_SO_PIN), env_label);
}

static void rival_changes_so_pin(void *arg)
{
    rival *r = arg;

    r->err = hsm_token_set_pin(r->token, HSM_USER_SO, env_pin(ENV_SO_PIN), env_pin("changed"));
}

static void rival_tries_user_pin(void *arg)
{
    rival *r = arg;

    r->err = hsm_token_login(r->token, HSM_USER_USER, env_pin("wrong"));
}

static void init_beside_another_process(void)
{
    env e;

    if (env_open(&e, NULL)) {
        env_make_other(&e);
        rival r = { .token = e.other, .err = HSM_E_INTERNAL };

        CASE("both initialise a new token: one does");
        env_before(ENV_RESET, 1, rival_initialises, &r);
        CHECK_ERR(hsm_token_init(e.token, env_pin("another"), env_label), HSM_E_STORE_CONFLICT);
        CHECK_OK(r.err);
        CHECK_OK(hsm_token_login(e.token, HSM_USER_SO, env_pin(ENV_SO_PIN)));
        CHECK_OK(hsm_token_init_pin(e.token, env_pin(ENV_USER_PIN)));
        CHECK_OK(hsm_token_logout(e.token));

        CASE("a try of another user's PIN does not stop it");
        env_before(ENV_RESET, 1, rival_tries_user_pin, &r);
        CHECK_OK(hsm_token_init(e.token, env_pin(ENV_SO_PIN), env_label));
        CHECK_ERR(r.err, HSM_E_PIN_INCORRECT);

        CASE("the SO PIN is changed in between");
        env_before(ENV_RESET, 1, rival_changes_so_pin, &r);
        CHECK_ERR(hsm_token_init(e.token, env_pin(ENV_SO_PIN), env_label), HSM_E_STORE_CONFLICT);
        CHECK_OK(r.err);
        CHECK_OK(hsm_token_login(e.token, HSM_USER_SO, env_pin("changed")));
    }
    env_close(&e);
}

static void another_process_initialises(void)
{
    env e;

    if (env_open_ready(&e, NULL)) {
        env_make_other(&e);
        CHECK_OK(hsm_token_login(e.token, HSM_USER_USER, env_pin(ENV_USER_PIN)));
        CHECK_OK(hsm_token_refresh(e.token));
        CHECK_EQ(hsm_token_login_state(e.token), HSM_LOGIN_USER);

        CASE("a PIN change logs nobody out");
        CHECK_OK(hsm_token_set_pin(e.other, HSM_USER_USER, env_pin(ENV_USER_PIN), env_pin("5678")));
        CHECK_OK(hsm_token_refresh(e.token));
        CHECK_EQ(hsm_token_login_state(e.token), HSM_LOGIN_USER);
        CHECK_THAT(hsm_store_is_unlocked(e.store, 0));

        CASE("nothing is read while nothing changes");
        env_calm();
        CHECK_OK(hsm_token_refresh(e.token));
        CHECK_EQ(env_calls(ENV_READ), 0);

        CASE("a new token does, and its serial is the store's");
        CHECK_OK(hsm_token_init(e.other, env_pin(ENV_SO_PIN), env_label));
        env_calm();
        CHECK_OK(hsm_token_refresh(e.token));
        CHECK_EQ(env_calls(ENV_ATTACH), 1);
        CHECK_EQ(hsm_token_login_state(e.token), HSM_LOGIN_NONE);
        CHECK_THAT(!hsm_store_is_unlocked(e.store, 0));
        CHECK_BYTES(hsm_store_serial(e.store, 0).data, HSM_SERIAL_BYTES, env_info(e.other).serial,
                    HSM_SERIAL_BYTES);

        CASE("the SO too, by whatever call comes first");
        CHECK_OK(hsm_token_login(e.token, HSM_USER_SO, env_pin(ENV_SO_PIN)));
        CHECK_OK(hsm_token_init(e.other, env_pin(ENV_SO_PIN), env_label));
        CHECK_ERR(hsm_token_init_pin(e.token, env_pin("5678")), HSM_E_NOT_LOGGED_IN);
        CHECK_EQ(hsm_token_login_state(e.token), HSM_LOGIN_NONE);
        CHECK_THAT(!env_info(e.token).has_user_pin);

        CASE("the owner removed the record");
        CHECK_OK(hsm_token_login(e.token, HSM_USER_SO, env_pin(ENV_SO_PIN)));
        env_fail(ENV_READ, 1, 1, HSM_E_STORE_NOT_FOUND);
        CHECK_THAT(!env_info(e.token).is_initialized);
        CHECK_EQ(hsm_token_login_state(e.token), HSM_LOGIN_NONE);

        CASE("the new serial can't be attached: tried again, never worked on with the old one");
        CHECK_OK(hsm_token_init(e.other, env_pin(ENV_SO_PIN), env_label));
        env_fail(ENV_ATTACH, 1, 1, HSM_E_NO_MEMORY);
        CHECK_ERR(hsm_token_refresh(e.token), HSM_E_NO_MEMORY);
        env_calm();
        CHECK_OK(hsm_token_refresh(e.token));
        CHECK_EQ(env_calls(ENV_ATTACH), 1);
    }
    env_close(&e);
}

static const check_test tests[] = {
    CHECK_TEST(options_are_checked),
    CHECK_TEST(before_initialisation),
    CHECK_TEST(after_initialisation),
    CHECK_TEST(initialised_again),
    CHECK_TEST(notices_that_another_initialised),
    CHECK_TEST(configured_serial),
    CHECK_TEST(store_errors_pass_through),
    CHECK_TEST(initialisation_fails_clean),
    CHECK_TEST(init_races),
    CHECK_TEST(init_beside_another_process),
    CHECK_TEST(another_process_initialises),
};
CHECK_MAIN(tests)
