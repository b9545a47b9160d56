#include "token/internal.h"

#include "support/check.h"

/* Where things lie, by the layout of token/internal.h, counted by hand. */
enum {
    AT_EPOCH = 2,
    AT_LABEL = 18,
    AT_SERIAL = 50,
    AT_SO = 66,
    AT_USER = 197,
    LEN = 328,
    IN_FLAGS = 0,
    IN_TRIES = 1,
    IN_ITERATIONS = 3,
    IN_SALT = 7,
    IN_VERIFIER = 39,
    IN_NONCE = 71,
    IN_WRAPPED = 83,
};

/* A record with every byte different from its neighbours' fields. */
static hsm_token_record sample(void)
{
    hsm_token_record record = { 0 };

    memset(record.epoch, 0xe0, sizeof record.epoch);
    memset(record.label, 'l', sizeof record.label);
    memset(record.serial, 's', sizeof record.serial);
    for (size_t user = 0; user < HSM_USER_COUNT; user++) {
        hsm_pin_entry *entry = &record.pin[user];
        const int mark = user == HSM_USER_SO ? 0x10 : 0x20;

        entry->is_set = user == HSM_USER_SO;
        entry->must_change = user == HSM_USER_USER;
        entry->is_locked = user == HSM_USER_USER;
        entry->tries_used = (uint16_t)(0x0102 + user);
        entry->iterations = 0x00010203 + (uint32_t)user;
        memset(entry->salt, mark + 1, sizeof entry->salt);
        memset(entry->verifier, mark + 2, sizeof entry->verifier);
        memset(entry->nonce, mark + 3, sizeof entry->nonce);
        memset(entry->wrapped_key, mark + 4, sizeof entry->wrapped_key);
    }
    return record;
}

static bool all(const uint8_t *data, size_t len, int byte)
{
    for (size_t i = 0; i < len; i++)
        if (data[i] != byte)
            return false;
    return true;
}

static void layout_is_as_documented(void)
{
    uint8_t bytes[HSM_TOKEN_RECORD_BYTES];
    const hsm_token_record record = sample();

    REQUIRE_THAT(sizeof bytes == LEN);
    REQUIRE_OK(hsm_token_record_encode(&record, bytes));
    CHECK_BYTES(bytes, 2, ((const uint8_t[]){ 0, 1 }), 2);
    CHECK_THAT(all(bytes + AT_EPOCH, 16, 0xe0));
    CHECK_THAT(all(bytes + AT_LABEL, 32, 'l'));
    CHECK_THAT(all(bytes + AT_SERIAL, 16, 's'));
    CHECK_BYTES(bytes + AT_SO, 7, ((const uint8_t[]){ 1, 1, 2, 0, 1, 2, 3 }), 7);
    CHECK_BYTES(bytes + AT_USER, 7, ((const uint8_t[]){ 6, 1, 3, 0, 1, 2, 4 }), 7);
    CHECK_THAT(all(bytes + AT_SO + IN_SALT, 32, 0x11));
    CHECK_THAT(all(bytes + AT_SO + IN_VERIFIER, 32, 0x12));
    CHECK_THAT(all(bytes + AT_SO + IN_NONCE, 12, 0x13));
    CHECK_THAT(all(bytes + AT_SO + IN_WRAPPED, 48, 0x14));
    CHECK_THAT(all(bytes + AT_USER + IN_WRAPPED, 48, 0x24));
}

static void comes_back_the_same(void)
{
    uint8_t bytes[HSM_TOKEN_RECORD_BYTES], again[HSM_TOKEN_RECORD_BYTES];
    const hsm_token_record record = sample();
    hsm_token_record back;

    REQUIRE_OK(hsm_token_record_encode(&record, bytes));
    REQUIRE_OK(hsm_token_record_decode(hsm_bytes_of(bytes, sizeof bytes), &back));
    CHECK_THAT(back.pin[HSM_USER_SO].is_set && !back.pin[HSM_USER_USER].is_set);
    CHECK_THAT(!back.pin[HSM_USER_SO].is_locked && back.pin[HSM_USER_USER].is_locked);
    CHECK_THAT(!back.pin[HSM_USER_SO].must_change && back.pin[HSM_USER_USER].must_change);
    CHECK_EQ(back.pin[HSM_USER_SO].tries_used, 0x0102);
    CHECK_EQ(back.pin[HSM_USER_USER].iterations, 0x00010204);
    REQUIRE_OK(hsm_token_record_encode(&back, again));
    CHECK_BYTES(again, sizeof again, bytes, sizeof bytes);
}

static void damaged_records_are_refused(void)
{
    static const struct {
        const char *label;
        size_t at;
        uint8_t byte[4];
        size_t len;
        hsm_err want;
    } rows[] = {
        { "format 0", 0, { 0, 0 }, 2, HSM_E_STORE_CORRUPT },
        { "the next format", 0, { 0, 2 }, 2, HSM_E_STORE_VERSION },
        { "a far format", 0, { 0xff, 0xff }, 2, HSM_E_STORE_VERSION },
        { "unknown SO flag", AT_SO + IN_FLAGS, { 0x08 }, 1, HSM_E_STORE_CORRUPT },
        { "unknown user flag", AT_USER + IN_FLAGS, { 0x80 }, 1, HSM_E_STORE_CORRUPT },
        { "no iterations", AT_SO + IN_ITERATIONS, { 0, 0, 0, 0 }, 4, HSM_E_STORE_CORRUPT },
        { "most iterations", AT_SO + IN_ITERATIONS, { 0, 0x98, 0x96, 0x80 }, 4, HSM_OK },
        { "one more", AT_USER + IN_ITERATIONS, { 0, 0x98, 0x96, 0x81 }, 4, HSM_E_STORE_CORRUPT },
    };
    const hsm_token_record record = sample();

    for (size_t i = 0; i < HSM_ARRAY_LEN(rows); i++) {
        uint8_t bytes[HSM_TOKEN_RECORD_BYTES];
        hsm_token_record back;

        CASE(rows[i].label);
        REQUIRE_OK(hsm_token_record_encode(&record, bytes));
        memcpy(bytes + rows[i].at, rows[i].byte, rows[i].len);
        CHECK_ERR(hsm_token_record_decode(hsm_bytes_of(bytes, sizeof bytes), &back), rows[i].want);
    }
}

static void wrong_lengths_are_refused(void)
{
    uint8_t bytes[HSM_TOKEN_RECORD_BYTES + 1] = { 0 };
    const hsm_token_record record = sample();
    hsm_token_record back = { 0 };

    REQUIRE_OK(hsm_token_record_encode(&record, bytes));
    for (size_t len = 0; len < HSM_TOKEN_RECORD_BYTES; len++)
        CHECK_ERR(hsm_token_record_decode(hsm_bytes_of(bytes, len), &back), HSM_E_STORE_CORRUPT);
    CHECK_ERR(hsm_token_record_decode(hsm_bytes_of(bytes, sizeof bytes), &back),
              HSM_E_STORE_CORRUPT);
    CHECK_THAT(
        all((const uint8_t *)&back.epoch, sizeof back.epoch, 0)); /* written on success only */
}

static const check_test tests[] = {
    CHECK_TEST(layout_is_as_documented),
    CHECK_TEST(comes_back_the_same),
    CHECK_TEST(damaged_records_are_refused),
    CHECK_TEST(wrong_lengths_are_refused),
};
CHECK_MAIN(tests)
