#include "unit/token/token_env.h"

#include "base/ct.h"
#include "support/check.h"

#define TEXT(s)                             \
    {                                       \
        (const uint8_t *)(s), sizeof(s) - 1 \
    }

static void rules_for_new_pins(void)
{
    static const struct {
        const char *label;
        hsm_bytes pin;
        hsm_err want;
    } rows[] = {
        { "shortest", TEXT("1234"), HSM_OK },
        { "too short", TEXT("123"), HSM_E_PIN_LEN },
        { "empty", TEXT(""), HSM_E_PIN_LEN },
        { "bytes count, not characters", TEXT("\xc3\xbc\xc3\xbc"), HSM_OK },
        { "longest", TEXT("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
          HSM_OK },
        { "too long", TEXT("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefg"),
          HSM_E_PIN_LEN },
        { "U+0000", TEXT("123\0"), HSM_OK },
        { "U+0080, the first of 2 bytes", TEXT("12\xc2\x80"), HSM_OK },
        { "U+07FF", TEXT("12\xdf\xbf"), HSM_OK },
        { "U+0800, the first of 3 bytes", TEXT("1\xe0\xa0\x80"), HSM_OK },
        { "U+D7FF, before the surrogates", TEXT("1\xed\x9f\xbf"), HSM_OK },
        { "U+E000, after them", TEXT("1\xee\x80\x80"), HSM_OK },
        { "U+FFFF", TEXT("1\xef\xbf\xbf"), HSM_OK },
        { "U+10000, the first of 4 bytes", TEXT("\xf0\x90\x80\x80"), HSM_OK },
        { "U+10FFFF, the last", TEXT("\xf4\x8f\xbf\xbf"), HSM_OK },
        { "U+110000", TEXT("\xf4\x90\x80\x80"), HSM_E_PIN_INVALID },
        { "first byte 0xf5", TEXT("\xf5\x80\x80\x80"), HSM_E_PIN_INVALID },
        { "first byte 0xff", TEXT("123\xff"), HSM_E_PIN_INVALID },
        { "a lone continuation", TEXT("123\x80"), HSM_E_PIN_INVALID },
        { "overlong in 2 bytes", TEXT("12\xc0\xaf"), HSM_E_PIN_INVALID },
        { "overlong in 2 bytes, 0xc1", TEXT("12\xc1\xbf"), HSM_E_PIN_INVALID },
        { "overlong in 3 bytes", TEXT("1\xe0\x9f\xbf"), HSM_E_PIN_INVALID },
        { "overlong in 4 bytes", TEXT("\xf0\x8f\xbf\xbf"), HSM_E_PIN_INVALID },
        { "the first surrogate", TEXT("1\xed\xa0\x80"), HSM_E_PIN_INVALID },
        { "cut after 1 of 2", TEXT("123\xc3"), HSM_E_PIN_INVALID },
        { "cut after 3 of 4", TEXT("1\xf0\x9f\x94"), HSM_E_PIN_INVALID },
        { "a second byte that is a letter", TEXT("12\xc3z"), HSM_E_PIN_INVALID },
        { "a third byte that is a letter", TEXT("1\xe2\x82z"), HSM_E_PIN_INVALID },
        { "bad in the middle",
          TEXT("12\xff"
               "34"),
          HSM_E_PIN_INVALID },
    };
    const hsm_token token = { .options = { .pin_min_bytes = 4, .pin_max_bytes = 64 } };

    for (size_t i = 0; i < HSM_ARRAY_LEN(rows); i++) {
        CASE(rows[i].label);
        CHECK_ERR(hsm_pin_check_rules(&token, rows[i].pin), rows[i].want);
    }
}

/* Computed with Python's hashlib, hmac and cryptography (AESGCM), not with this code: PIN below,
 * salt 00 01 .. 1f, 1000 iterations, device secret 32 times d5, epoch 10 .. 1f, nonce 30 .. 3b,
 * master key a0 .. bf; HKDF of RFC 5869 in steps. */
#define VECTOR_PIN \
    "pr\xc3\xbc"   \
    "fung \xf0\x9f\x94\x91"
static const struct {
    uint8_t verifier[HSM_PIN_VERIFIER_BYTES];
    uint8_t wrapped[HSM_MASTER_KEY_BYTES + HSM_AEAD_TAG_BYTES];
} vectors[HSM_USER_COUNT] = {
    [HSM_USER_SO] = {
        { 0x8b, 0x73, 0x51, 0x56, 0x2f, 0xf6, 0x22, 0x71, 0x70, 0xd1, 0x34, 0x8f, 0x4f, 0xef, 0x46,
          0x87, 0x64, 0xd9, 0x8d, 0x7a, 0x8e, 0xef, 0x0c, 0x9d, 0xe1, 0xdb, 0x7f, 0x7b, 0x5a, 0x4d,
          0x2b, 0x39 },
        { 0x1b, 0x96, 0x4b, 0x37, 0x92, 0x84, 0x0b, 0xa0, 0xc4, 0x0c, 0xfa, 0xad, 0x06, 0x77, 0xb1,
          0xe8, 0xf2, 0xca, 0x12, 0x4d, 0x29, 0x55, 0xc6, 0x0f, 0xfb, 0x28, 0x6f, 0xf8, 0xd1, 0x8b,
          0x4c, 0xa1, 0x7a, 0xd1, 0x5b, 0x90, 0xb9, 0x13, 0x92, 0xae, 0xfd, 0x1b, 0x7a, 0x27, 0x18,
          0x28, 0xd0, 0x04 },
    },
    [HSM_USER_USER] = {
        { 0x9e, 0x59, 0x89, 0x66, 0x77, 0xf0, 0x5d, 0x7c, 0x05, 0x3d, 0x1a, 0xe0, 0x3e, 0xb7, 0x28,
          0xb1, 0x2b, 0x91, 0x0f, 0xd4, 0xb8, 0x28, 0x11, 0x74, 0x76, 0xae, 0xc5, 0xc4, 0xfd, 0x37,
          0xd1, 0x1c },
        { 0x39, 0xaf, 0xee, 0x16, 0xd9, 0xb0, 0x3a, 0x1d, 0x3c, 0xbb, 0xf6, 0xbf, 0x78, 0x58, 0x48,
          0xe4, 0x06, 0x58, 0xb8, 0xc1, 0xdb, 0x8b, 0x7b, 0xe7, 0x03, 0x09, 0xd7, 0x10, 0x56, 0xb6,
          0x60, 0x21, 0x27, 0x2c, 0x1e, 0xff, 0xe2, 0x0c, 0xd1, 0xbf, 0x73, 0xd5, 0x3a, 0xc5, 0x11,
          0xa8, 0x81, 0x3b },
    },
};

static void count_up(uint8_t *data, size_t len, unsigned first)
{
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(first + i);
}

static hsm_token_record vector_record(void)
{
    hsm_token_record record = { 0 };

    count_up(record.epoch, sizeof record.epoch, 0x10);
    for (size_t user = 0; user < HSM_USER_COUNT; user++) {
        hsm_pin_entry *entry = &record.pin[user];

        entry->is_set = true;
        entry->iterations = 1000;
        count_up(entry->salt, sizeof entry->salt, 0);
        count_up(entry->nonce, sizeof entry->nonce, 0x30);
        memcpy(entry->verifier, vectors[user].verifier, sizeof entry->verifier);
        memcpy(entry->wrapped_key, vectors[user].wrapped, sizeof entry->wrapped_key);
    }
    return record;
}

static void opens_what_another_implementation_made(void)
{
    env e;
    const hsm_token_record record = vector_record();
    uint8_t want[HSM_MASTER_KEY_BYTES];

    count_up(want, sizeof want, 0xa0);
    if (env_open(&e, NULL)) {
        env_fix_device_secret(0xd5);
        for (unsigned user = 0; user < HSM_USER_COUNT; user++) {
            HSM_AUTO(hsm_secret_drop) hsm_secret *key = NULL;

            CASE(user == HSM_USER_SO ? "SO" : "user");
            if (CHECK_OK(env_pin_open(e.token, &record, (hsm_user)user, env_pin(VECTOR_PIN), &key)))
                CHECK_BYTES(hsm_secret_data(key), hsm_secret_len(key), want, sizeof want);
        }
    }
    env_close(&e);
}

static void opens_only_what_belongs_together(void)
{
    env e;

    if (env_open(&e, NULL)) {
        HSM_AUTO(hsm_secret_drop) hsm_secret *key = NULL;
        const hsm_bytes pin = env_pin(VECTOR_PIN);
        hsm_token_record record = vector_record();

        env_fix_device_secret(0xd5);
        CASE("another PIN");
        CHECK_ERR(env_pin_open(e.token, &record, HSM_USER_USER, env_pin("wrong"), &key),
                  HSM_E_PIN_INCORRECT);
        CASE("another device");
        env_fix_device_secret(0xd6);
        CHECK_ERR(env_pin_open(e.token, &record, HSM_USER_USER, pin, &key), HSM_E_PIN_INCORRECT);
        env_fix_device_secret(0xd5);
        CASE("each bit of the verifier counts");
        for (size_t i = 0; i < HSM_PIN_VERIFIER_BYTES; i += 31) {
            record.pin[HSM_USER_USER].verifier[i] ^= 0x80;
            CHECK_ERR(env_pin_open(e.token, &record, HSM_USER_USER, pin, &key),
                      HSM_E_PIN_INCORRECT);
            record.pin[HSM_USER_USER].verifier[i] ^= 0x80;
        }
        CASE("the user's entry in the SO's place");
        record.pin[HSM_USER_SO] = record.pin[HSM_USER_USER];
        CHECK_ERR(env_pin_open(e.token, &record, HSM_USER_SO, pin, &key), HSM_E_PIN_INCORRECT);
        CASE("a wrapped key of another initialisation");
        record.epoch[0] ^= 1;
        CHECK_ERR(env_pin_open(e.token, &record, HSM_USER_USER, pin, &key), HSM_E_STORE_CORRUPT);
        record.epoch[0] ^= 1;
        CASE("a damaged wrapped key");
        record.pin[HSM_USER_USER].wrapped_key[47] ^= 1;
        CHECK_ERR(env_pin_open(e.token, &record, HSM_USER_USER, pin, &key), HSM_E_STORE_CORRUPT);
        CHECK_THAT(key == NULL);
    }
    env_close(&e);
}

static void every_entry_is_its_own(void)
{
    env e;

    if (env_open(&e, NULL)) {
        HSM_AUTO(hsm_secret_drop) hsm_secret *key = NULL;
        hsm_token_record a = { 0 }, b = { 0 };
        uint8_t master[HSM_MASTER_KEY_BYTES];

        count_up(master, sizeof master, 1);
        const hsm_bytes master_key = hsm_bytes_of(master, sizeof master);
        CHECK_OK(hsm_pin_set(e.token, &a, HSM_USER_SO, env_pin("1234"), master_key));
        CHECK_OK(hsm_pin_set(e.token, &b, HSM_USER_SO, env_pin("1234"), master_key));
        CHECK_THAT(!hsm_token_same_pin(&a, &b, HSM_USER_SO));
        CHECK_THAT(!hsm_ct_equal(hsm_bytes_of(a.pin[0].verifier, HSM_PIN_VERIFIER_BYTES),
                                 hsm_bytes_of(b.pin[0].verifier, HSM_PIN_VERIFIER_BYTES)));
        CHECK_EQ(a.pin[0].iterations, ENV_ITERATIONS);
        CHECK_THAT(a.pin[0].is_set && !a.pin[0].is_locked && !a.pin[0].must_change);
        if (CHECK_OK(env_pin_open(e.token, &a, HSM_USER_SO, env_pin("1234"), &key)))
            CHECK_BYTES(hsm_secret_data(key), hsm_secret_len(key), master, sizeof master);

        CASE("a master key of the wrong size is our own mistake");
        CHECK_ERR(hsm_pin_set(e.token, &a, HSM_USER_SO, env_pin("1234"),
                              hsm_bytes_of(master, sizeof master - 1)),
                  HSM_E_INTERNAL);

        CASE("no PIN opens an entry that is not set");
        CHECK_OK(hsm_pin_unset(e.token, &b, HSM_USER_USER));
        CHECK_THAT(!b.pin[HSM_USER_USER].is_set);
        CHECK_EQ(b.pin[HSM_USER_USER].iterations, ENV_ITERATIONS);
        hsm_secret_drop(&key);
        CHECK_ERR(env_pin_open(e.token, &b, HSM_USER_USER, env_pin("1234"), &key),
                  HSM_E_PIN_INCORRECT);
    }
    env_close(&e);
}

static const check_test tests[] = {
    CHECK_TEST(rules_for_new_pins),
    CHECK_TEST(opens_what_another_implementation_made),
    CHECK_TEST(opens_only_what_belongs_together),
    CHECK_TEST(every_entry_is_its_own),
};
CHECK_MAIN(tests)
