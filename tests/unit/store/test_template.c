#include "support/check.h"
#include "unit/store/object_env.h"

/* A template with every kind of value. */
static void fill(env_template *t)
{
    static CK_MECHANISM_TYPE mechanisms[2];

    mechanisms[0] = CKM_AES_GCM;
    mechanisms[1] = CK_UNAVAILABLE_INFORMATION;
    env_bytes(t, CKA_ALLOWED_MECHANISMS, mechanisms, sizeof mechanisms);
    env_text(t, CKA_LABEL, "wrapped");
    env_bool(t, CKA_TOKEN, true);
    env_ulong(t, CKA_CLASS, CKO_SECRET_KEY);
    env_bytes(t, CKA_MODULUS, "\x00\x00\x05", 3);
    env_text(t, CKA_START_DATE, "20300101");
}

static void numbers_are_read(void)
{
    env_template t = { .count = 0 };

    fill(&t);
    env_bytes(&t, CKA_ID, "x", 1);
    const hsm_template view = env_view(&t);
    CHECK_THAT(hsm_template_bool(&view, CKA_TOKEN, false));
    CHECK_THAT(hsm_template_bool(&view, CKA_PRIVATE, true));
    CHECK_EQ(hsm_template_ulong(&view, CKA_CLASS, 99), CKO_SECRET_KEY);
    CHECK_EQ(hsm_template_ulong(&view, CKA_KEY_TYPE, 99), 99);
    CHECK_EQ(hsm_template_ulong(&view, CKA_ID, 99), 99);
    CHECK_THAT(hsm_template_get(&view, CKA_ID) == &t.attrs[t.count - 1]);
    CHECK_THAT(hsm_template_get(&view, CKA_SUBJECT) == NULL);
}

static void encoding_is_as_documented(void)
{
    static const uint8_t want[] = {
        0, 3,                                                          /* three attributes */
        0, 0, 0, 0, 0, 0, 0, 0,    0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 4, /* class: secret key */
        0, 0, 0, 0, 0, 0, 0, 1,    0, 0, 0, 1, 1,                      /* token: true */
        0, 0, 0, 0, 0, 0, 1, 0x20, 0, 0, 0, 1, 5,                      /* modulus: 5 */
    };
    HSM_AUTO(hsm_buf_clear) hsm_buf encoded = { 0 };
    env_template t = { .count = 0 };

    fill(&t);
    env_without(&t, CKA_ALLOWED_MECHANISMS);
    env_without(&t, CKA_LABEL);
    env_without(&t, CKA_START_DATE);
    const hsm_template view = env_view(&t);
    REQUIRE_OK(hsm_template_encode(&view, &encoded));
    CHECK_BYTES(encoded.data, encoded.len, want, sizeof want);
}

static void decoding_gives_the_same_sorted(void)
{
    static const CK_ATTRIBUTE_TYPE order[] = {
        CKA_CLASS, CKA_TOKEN, CKA_LABEL, CKA_START_DATE, CKA_MODULUS, CKA_ALLOWED_MECHANISMS
    };
    HSM_AUTO(hsm_buf_clear) hsm_buf encoded = { 0 };
    HSM_AUTO(hsm_template_owned_clear) hsm_template_owned owned = { 0 };
    env_template t = { .count = 0 };

    fill(&t);
    const hsm_template view = env_view(&t);
    REQUIRE_OK(hsm_template_encode(&view, &encoded));
    REQUIRE_OK(hsm_template_decode(hsm_buf_view(&encoded), &owned));
    REQUIRE_THAT(owned.count == HSM_ARRAY_LEN(order));
    for (size_t i = 0; i < owned.count; i++) {
        hsm_bytes want = hsm_template_get(&view, order[i])->value;

        if (order[i] == CKA_MODULUS)
            want = hsm_bytes_of(want.data + 2, 1); /* leading zeros are dropped */
        CHECK_EQ(owned.attrs[i].type, order[i]);
        CHECK_BYTES(owned.attrs[i].value.data, owned.attrs[i].value.len, want.data, want.len);
    }
}

static void an_empty_template_is_one(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf encoded = { 0 };
    HSM_AUTO(hsm_template_owned_clear) hsm_template_owned owned = { .count = 9 };
    const hsm_template none = { 0 };

    REQUIRE_OK(hsm_template_encode(&none, &encoded));
    CHECK_EQ(encoded.len, 2);
    REQUIRE_OK(hsm_template_decode(hsm_buf_view(&encoded), &owned));
    CHECK_EQ(owned.count, 0);
}

static void what_may_not_nest_is_refused(void)
{
    static const struct {
        const char *label;
        CK_ATTRIBUTE_TYPE type;
        hsm_err want;
    } cases[] = {
        { "unknown type", CKA_VENDOR_DEFINED | 5, HSM_E_ATTRIBUTE_TYPE },
        { "a template", CKA_UNWRAP_TEMPLATE, HSM_E_TEMPLATE_INCONSISTENT },
        { "a secret", CKA_PRIVATE_EXPONENT, HSM_E_TEMPLATE_INCONSISTENT },
        { "what is secret in keys", CKA_VALUE, HSM_E_TEMPLATE_INCONSISTENT },
        { "the same type again", CKA_LABEL, HSM_E_TEMPLATE_INCONSISTENT },
        { "a value of a wrong form", CKA_PRIVATE, HSM_E_ATTRIBUTE_VALUE },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        HSM_AUTO(hsm_buf_clear) hsm_buf encoded = { 0 };
        env_template t = { .count = 0 };

        CASE(cases[i].label);
        fill(&t);
        env_bytes(&t, cases[i].type, "\0\0", 2);
        const hsm_template view = env_view(&t);
        CHECK_ERR(hsm_template_encode(&view, &encoded), cases[i].want);
        CHECK_EQ(encoded.len, 0);
    }
}

/* Each bit of an encoding flipped, and each length cut: an error, or another canonical encoding. */
static void damage_is_an_error_or_canonical(void)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf encoded = { 0 };
    env_template t = { .count = 0 };

    fill(&t);
    const hsm_template view = env_view(&t);
    REQUIRE_OK(hsm_template_encode(&view, &encoded));
    for (size_t len = 0; len < encoded.len; len++) {
        hsm_template_owned owned = { 0 };

        CHECK_ERR(hsm_template_decode(hsm_bytes_of(encoded.data, len), &owned),
                  HSM_E_ATTRIBUTE_VALUE);
    }
    for (size_t bit = 0; bit < 8 * encoded.len; bit++) {
        HSM_AUTO(hsm_template_owned_clear) hsm_template_owned owned = { 0 };
        HSM_AUTO(hsm_buf_clear) hsm_buf again = { 0 };

        encoded.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (hsm_template_decode(hsm_buf_view(&encoded), &owned) == HSM_OK) {
            const hsm_template decoded = { owned.attrs, owned.count };

            CHECK_OK(hsm_template_encode(&decoded, &again));
            CHECK_BYTES(again.data, again.len, encoded.data, encoded.len);
        }
        encoded.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static void too_many_attributes_are_refused(void)
{
    static const uint8_t head[] = { 0, HSM_TEMPLATE_MAX_ATTRS + 1 };
    hsm_template_owned owned = { 0 };

    CHECK_ERR(hsm_template_decode(hsm_bytes_of(head, sizeof head), &owned), HSM_E_ATTRIBUTE_VALUE);
}

static const check_test tests[] = {
    CHECK_TEST(numbers_are_read),
    CHECK_TEST(encoding_is_as_documented),
    CHECK_TEST(decoding_gives_the_same_sorted),
    CHECK_TEST(an_empty_template_is_one),
    CHECK_TEST(what_may_not_nest_is_refused),
    CHECK_TEST(damage_is_an_error_or_canonical),
    CHECK_TEST(too_many_attributes_are_refused),
};
CHECK_MAIN(tests)
