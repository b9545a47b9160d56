#include "unit/token/token_env.h"

#include "support/check.h"

/* Linked with --wrap: calls to these, from any archive, come here first. */
#define WRAPPED(result, name, ...)     \
    result __real_##name(__VA_ARGS__); \
    result __wrap_##name(__VA_ARGS__);

WRAPPED(hsm_err, hsm_store_token_read, hsm_store *store, uint32_t slot, hsm_buf *out_record,
        uint64_t *out_version)
WRAPPED(hsm_err, hsm_store_token_write, hsm_store *store, uint32_t slot, uint64_t expected,
        hsm_bytes record)
WRAPPED(hsm_err, hsm_store_token_reset, hsm_store *store, uint32_t slot, uint64_t expected,
        hsm_bytes record)
WRAPPED(hsm_err, hsm_store_attach, hsm_store *store, uint32_t slot,
        const uint8_t serial[HSM_SERIAL_BYTES])
WRAPPED(hsm_err, hsm_store_unlock, hsm_store *store, uint32_t slot, hsm_bytes master_key)
WRAPPED(hsm_err, hsm_store_device_secret, hsm_store *store, const char *use, hsm_secret *out)
WRAPPED(hsm_err, hsm_crypto_pbkdf2, hsm_crypto *crypto, hsm_bytes pin, hsm_bytes salt,
        uint32_t iterations, hsm_secret *out)
WRAPPED(bool, hsm_ct_equal, hsm_bytes a, hsm_bytes b)
WRAPPED(hsm_err, hsm_crypto_random, hsm_crypto *crypto, uint8_t *data, size_t len)
WRAPPED(hsm_err, hsm_secret_create, size_t len, hsm_secret **out_secret)

const uint8_t env_label[HSM_TOKEN_LABEL_BYTES] = "a label of exactly 32 characters";

static struct {
    atomic_int calls;
    atomic_int fail_first, fail_last; /* numbers of calls */
    hsm_err err;
    atomic_int hook_call; /* 0: no hook */
    void (*hook)(void *arg);
    void *arg;
} points[ENV_POINT_COUNT];
static _Atomic(uint64_t) iterations_sum;
static uint8_t master_key[HSM_MASTER_KEY_BYTES];
static int device_byte = -1;
static int random_byte = -1;

void env_calm(void)
{
    for (size_t i = 0; i < ENV_POINT_COUNT; i++) {
        points[i].calls = 0;
        points[i].fail_first = points[i].fail_last = 0;
        points[i].hook_call = 0;
    }
    iterations_sum = 0;
    device_byte = -1;
    random_byte = -1;
}

int env_calls(env_point point)
{
    return points[point].calls;
}

uint64_t env_iterations(void)
{
    return iterations_sum;
}

void env_fail(env_point point, int first, int count, hsm_err err)
{
    points[point].err = err;
    points[point].fail_last = points[point].calls + first + count - 1;
    points[point].fail_first = points[point].calls + first;
}

void env_before(env_point point, int call, void (*hook)(void *arg), void *arg)
{
    points[point].hook = hook;
    points[point].arg = arg;
    points[point].hook_call = points[point].calls + call;
}

hsm_bytes env_master_key(void)
{
    return hsm_bytes_of(master_key, sizeof master_key);
}

void env_fix_device_secret(uint8_t byte)
{
    device_byte = byte;
}

void env_fix_random(uint8_t byte)
{
    random_byte = byte;
}

static hsm_err pass(env_point point)
{
    const int call = atomic_fetch_add(&points[point].calls, 1) + 1;

    if (call == points[point].hook_call) {
        points[point].hook_call = 0;
        points[point].hook(points[point].arg);
    }
    return call >= points[point].fail_first && call <= points[point].fail_last ? points[point].err
                                                                               : HSM_OK;
}

hsm_err __wrap_hsm_store_token_read(hsm_store *store, uint32_t slot, hsm_buf *out_record,
                                    uint64_t *out_version)
{
    HSM_TRY(pass(ENV_READ));
    return __real_hsm_store_token_read(store, slot, out_record, out_version);
}

hsm_err __wrap_hsm_store_token_write(hsm_store *store, uint32_t slot, uint64_t expected,
                                     hsm_bytes record)
{
    HSM_TRY(pass(ENV_WRITE));
    return __real_hsm_store_token_write(store, slot, expected, record);
}

hsm_err __wrap_hsm_store_token_reset(hsm_store *store, uint32_t slot, uint64_t expected,
                                     hsm_bytes record)
{
    HSM_TRY(pass(ENV_RESET));
    return __real_hsm_store_token_reset(store, slot, expected, record);
}

hsm_err __wrap_hsm_store_attach(hsm_store *store, uint32_t slot,
                                const uint8_t serial[HSM_SERIAL_BYTES])
{
    HSM_TRY(pass(ENV_ATTACH));
    return __real_hsm_store_attach(store, slot, serial);
}

hsm_err __wrap_hsm_store_unlock(hsm_store *store, uint32_t slot, hsm_bytes key)
{
    HSM_TRY(pass(ENV_UNLOCK));
    if (CHECK_EQ(key.len, sizeof master_key))
        memcpy(master_key, key.data, sizeof master_key);
    return __real_hsm_store_unlock(store, slot, key);
}

hsm_err __wrap_hsm_store_device_secret(hsm_store *store, const char *use, hsm_secret *out)
{
    HSM_TRY(pass(ENV_DEVICE));
    if (device_byte < 0)
        return __real_hsm_store_device_secret(store, use, out);
    memset(hsm_secret_data(out), device_byte, hsm_secret_len(out));
    return HSM_OK;
}

hsm_err __wrap_hsm_crypto_pbkdf2(hsm_crypto *crypto, hsm_bytes pin, hsm_bytes salt,
                                 uint32_t iterations, hsm_secret *out)
{
    atomic_fetch_add(&iterations_sum, iterations);
    HSM_TRY(pass(ENV_PBKDF2));
    return __real_hsm_crypto_pbkdf2(crypto, pin, salt, iterations, out);
}

bool __wrap_hsm_ct_equal(hsm_bytes a, hsm_bytes b)
{
    const hsm_err ignored = pass(ENV_COMPARE);

    return __real_hsm_ct_equal(a, b) && ignored == HSM_OK;
}

hsm_err __wrap_hsm_crypto_random(hsm_crypto *crypto, uint8_t *data, size_t len)
{
    HSM_TRY(pass(ENV_RANDOM));
    if (random_byte >= 0) {
        memset(data, random_byte, len);
        return HSM_OK;
    }
    return __real_hsm_crypto_random(crypto, data, len);
}

hsm_err __wrap_hsm_secret_create(size_t len, hsm_secret **out_secret)
{
    HSM_TRY(pass(ENV_SECRET));
    return __real_hsm_secret_create(len, out_secret);
}

/* --- The environment --------------------------------------------------------------------------- */

hsm_token_options env_options(const env *e)
{
    return (hsm_token_options){ .store = e->store,
                                .crypto = e->crypto,
                                .slot = 0,
                                .pin_min_bytes = 4,
                                .pin_max_bytes = 64,
                                .tries_max = ENV_TRIES_MAX,
                                .iterations = ENV_ITERATIONS };
}

/* A backend that is closed keeps its random generators for the next one: they are no leak. */
static void warm_up(const hsm_crypto_options *options)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = NULL;
    uint8_t byte;

    REQUIRE_OK(hsm_crypto_create(options, &crypto));
    REQUIRE_OK(hsm_crypto_random(crypto, &byte, 1));
    env_calm();
}

bool env_open(env *e, const char *directory)
{
    const hsm_crypto_options crypto_options = { .backend = "openssl", .may_use_pqc = true };

    *e = (env){ 0 };
    env_calm();
    warm_up(&crypto_options);
    e->secrets_before = hsm_secret_statistics().secrets;
    if (!CHECK_OK(hsm_crypto_create(&crypto_options, &e->crypto)))
        return false;
    const hsm_store_options store_options = { .directory = directory,
                                              .crypto = e->crypto,
                                              .slot_count = 2,
                                              .busy_ms = 10000,
                                              .cached_max = 16 };
    if (!CHECK_OK(hsm_store_open(&store_options, &e->store)))
        return false;
    const hsm_token_options options = env_options(e);
    return CHECK_OK(hsm_token_open(&options, &e->token));
}

bool env_open_ready(env *e, const char *directory)
{
    return env_open(e, directory) && env_make_ready(e->token);
}

void env_make_other(env *e)
{
    const hsm_token_options options = env_options(e);

    CHECK_OK(hsm_token_open(&options, &e->other));
}

void env_close(env *e)
{
    env_calm();
    hsm_token_close(e->other);
    hsm_token_close(e->token);
    hsm_store_close(e->store);
    hsm_crypto_destroy(e->crypto);
    CHECK_EQ(hsm_secret_statistics().secrets, e->secrets_before);
    *e = (env){ 0 };
}

bool env_make_ready(hsm_token *token)
{
    const bool is_ready = CHECK_OK(hsm_token_init(token, env_pin(ENV_SO_PIN), env_label)) &&
                          CHECK_OK(hsm_token_login(token, HSM_USER_SO, env_pin(ENV_SO_PIN))) &&
                          CHECK_OK(hsm_token_init_pin(token, env_pin(ENV_USER_PIN))) &&
                          CHECK_OK(hsm_token_logout(token));

    env_calm();
    return is_ready;
}

hsm_bytes env_pin(const char *text)
{
    return hsm_bytes_of_text(text);
}

hsm_token_info env_info(hsm_token *token)
{
    hsm_token_info info = { 0 };

    CHECK_OK(hsm_token_get_info(token, &info));
    return info;
}

hsm_err env_pin_open(hsm_token *token, const hsm_token_record *record, hsm_user user, hsm_bytes pin,
                     hsm_secret **out_master_key)
{
    HSM_AUTO(hsm_pin_try_clear) hsm_pin_try given = { .user = user, .pin = pin };

    HSM_TRY(hsm_pin_derive(token, record, &given));
    return hsm_pin_open(token, record, &given, out_master_key);
}
