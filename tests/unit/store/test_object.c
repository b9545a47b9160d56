#include "support/check.h"
#include "unit/store/object_env.h"

static const uint8_t value16[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static void attributes_are_found(void)
{
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_object_drop) hsm_object *object = env_object(ENV_RSA_PRIVATE, seal);

    REQUIRE_THAT(object != NULL);
    hsm_attr attrs[HSM_OBJECT_ATTRS_MAX];
    const size_t count = hsm_object_attrs(object, attrs);
    hsm_bytes value;
    CHECK_THAT(count > 0);
    for (size_t i = 0; i < count; i++) {
        REQUIRE_THAT(hsm_object_get(object, attrs[i].type, &value));
        CHECK_THAT(value.data == attrs[i].value.data && value.len == attrs[i].value.len);
        CHECK_THAT(i == 0 || attrs[i].type > attrs[i - 1].type);
    }
    REQUIRE_THAT(hsm_object_get(object, CKA_MODULUS, &value));
    CHECK_BYTES(value.data, value.len, value16, sizeof value16);
    CHECK_EQ(hsm_object_value(object, CKA_MODULUS).len, sizeof value16);
    CHECK_THAT(!hsm_object_get(object, CKA_PRIVATE_EXPONENT, &value)); /* secret */
    CHECK_THAT(!hsm_object_get(object, CKA_VALUE_LEN, &value));
    CHECK_EQ(hsm_object_value(object, CKA_VALUE_LEN).len, 0);
    CHECK_EQ(hsm_object_ulong(object, CKA_KEY_TYPE, 99), CKK_RSA);
    CHECK_EQ(hsm_object_ulong(object, CKA_VALUE_LEN, 99), 99);
    CHECK_THAT(hsm_object_bool(object, CKA_SIGN, false));
    CHECK_THAT(hsm_object_bool(object, CKA_ENCRYPT, true));
}

static const struct {
    const char *label;
    env_base base;
    hsm_object_kind kind;
    CK_KEY_TYPE key_type;
    hsm_op_set usages;
    bool is_private;
    bool is_sensitive;
} fact_cases[] = {
    { "data", ENV_DATA, HSM_KIND_DATA, HSM_KEY_TYPE_NONE, 0, false, false },
    { "certificate", ENV_CERTIFICATE, HSM_KIND_CERTIFICATE, HSM_KEY_TYPE_NONE, 0, false, false },
    { "EC private", ENV_EC_PRIVATE, HSM_KIND_EC_PRIVATE, CKK_EC, HSM_OP_SIGN | HSM_OP_MESSAGE_SIGN,
      true, true },
    { "EC public", ENV_EC_PUBLIC, HSM_KIND_EC_PUBLIC, CKK_EC, HSM_OP_VERIFY | HSM_OP_MESSAGE_VERIFY,
      false, false },
    { "AES", ENV_AES, HSM_KIND_SECRET, CKK_AES,
      HSM_OP_ENCRYPT | HSM_OP_DECRYPT | HSM_OP_SIGN | HSM_OP_VERIFY | HSM_OP_WRAP | HSM_OP_UNWRAP |
          HSM_OP_MESSAGE_ENCRYPT | HSM_OP_MESSAGE_DECRYPT | HSM_OP_MESSAGE_SIGN |
          HSM_OP_MESSAGE_VERIFY,
      true, true },
    { "RSA private", ENV_RSA_PRIVATE, HSM_KIND_RSA_PRIVATE, CKK_RSA,
      HSM_OP_DECRYPT | HSM_OP_MESSAGE_DECRYPT | HSM_OP_SIGN | HSM_OP_MESSAGE_SIGN |
          HSM_OP_SIGN_RECOVER | HSM_OP_UNWRAP,
      true, true },
    { "domain", ENV_DSA_DOMAIN, HSM_KIND_DOMAIN, HSM_KEY_TYPE_NONE, 0, false, false },
};

static void facts_follow_from_attributes(void)
{
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();

    for (size_t i = 0; i < HSM_ARRAY_LEN(fact_cases); i++) {
        HSM_AUTO(hsm_object_drop) hsm_object *object = env_object(fact_cases[i].base, seal);

        CASE(fact_cases[i].label);
        REQUIRE_THAT(object != NULL);
        CHECK_EQ(object->kind, fact_cases[i].kind);
        CHECK_EQ(object->key_type, fact_cases[i].key_type);
        CHECK_EQ(object->usages, fact_cases[i].usages);
        CHECK_EQ(object->is_private, fact_cases[i].is_private);
        CHECK_EQ(object->is_sensitive, fact_cases[i].is_sensitive);
        CHECK_THAT(!object->is_token && !object->has_allowed_mechanisms && !object->has_life &&
                   !object->always_authenticate);
        CHECK_THAT(object->id == 7 && object->version == 3 && object->slot == 1);
        CHECK_THAT(atomic_load(&object->is_live) && atomic_load(&object->key) == NULL);
    }
}

static void facts_see_what_is_set(void)
{
    const hsm_object_ident ident = { 1, 1, 0, env_serial_bytes() };
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(ENV_RSA_PRIVATE);
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;

    CHECK_OK(hsm_draft_put_bool(draft, CKA_TOKEN, true));
    CHECK_OK(hsm_draft_put_bool(draft, CKA_PRIVATE, false));
    CHECK_OK(hsm_draft_put_bool(draft, CKA_SENSITIVE, false));
    CHECK_OK(hsm_draft_put_bool(draft, CKA_EXTRACTABLE, true));
    CHECK_OK(hsm_draft_put_bool(draft, CKA_ALWAYS_AUTHENTICATE, true));
    CHECK_OK(hsm_draft_put(draft, CKA_END_DATE, hsm_bytes_of("20300101", 8)));
    CHECK_OK(hsm_draft_put(draft, CKA_ALLOWED_MECHANISMS, hsm_bytes_none()));
    REQUIRE_OK(hsm_object_create(draft, &ident, seal, &object));
    CHECK_THAT(object->is_token && !object->is_private && !object->is_sensitive);
    CHECK_THAT(object->always_authenticate && object->has_life && object->has_allowed_mechanisms);
}

static void an_unfinished_draft_is_refused(void)
{
    const hsm_object_ident ident = { 1, 1, 0, env_serial_bytes() };
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    hsm_object *object = NULL;

    REQUIRE_OK(hsm_draft_create(HSM_KIND_SECRET, &draft));
    CHECK_ERR(hsm_object_create(draft, &ident, seal, &object), HSM_E_TEMPLATE_INCOMPLETE);
}

static void secrets_open_for_their_object_only(void)
{
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_object_drop) hsm_object *object = env_object(ENV_RSA_PRIVATE, seal);
    HSM_AUTO(hsm_object_secrets_clear) hsm_object_secrets secrets = { 0 };
    hsm_object_secrets refused = { 0 };

    REQUIRE_OK(hsm_object_open_secrets(object, env_serial_bytes(), &secrets));
    REQUIRE_THAT(secrets.attr_count == 3);
    CHECK_EQ(secrets.attrs[0].type, CKA_PRIVATE_EXPONENT);
    CHECK_BYTES(secrets.attrs[0].value.data, secrets.attrs[0].value.len, value16, sizeof value16);
    CHECK_EQ(secrets.attrs[2].type, CKA_PRIME_2);

    CASE("another token");
    CHECK_ERR(hsm_object_open_secrets(object, hsm_bytes_of("another serial..", 16), &refused),
              HSM_E_STORE_CORRUPT);
    CASE("another version");
    object->version++;
    CHECK_ERR(hsm_object_open_secrets(object, env_serial_bytes(), &refused), HSM_E_STORE_CORRUPT);
    object->version--;
    CASE("another id");
    object->id++;
    CHECK_ERR(hsm_object_open_secrets(object, env_serial_bytes(), &refused), HSM_E_STORE_CORRUPT);
    object->id--;
    CASE("another slot");
    object->slot++;
    CHECK_ERR(hsm_object_open_secrets(object, env_serial_bytes(), &refused), HSM_E_STORE_CORRUPT);
    object->slot--;
    CASE("a damaged byte");
    object->sealed.data[object->sealed.len / 2] ^= 1;
    CHECK_ERR(hsm_object_open_secrets(object, env_serial_bytes(), &refused), HSM_E_STORE_CORRUPT);
    CHECK_EQ(refused.attr_count, 0);
}

static void an_object_without_secrets_opens_empty(void)
{
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_object_drop) hsm_object *object = env_object(ENV_DATA, seal);
    HSM_AUTO(hsm_object_secrets_clear) hsm_object_secrets secrets = { .attr_count = 5 };

    CHECK_EQ(object->sealed.len, 0);
    CHECK_OK(hsm_object_open_secrets(object, env_serial_bytes(), &secrets));
    CHECK_THAT(secrets.attr_count == 0 && secrets.plain == NULL);
}

/* The secret is nowhere in the object's memory in the clear. */
static void secrets_are_sealed_in_memory(void)
{
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_object_drop) hsm_object *object = env_object(ENV_EC_PRIVATE, seal);

    CHECK_THAT(object->sealed.len > sizeof value16 + HSM_SEAL_OVERHEAD_BYTES);
    CHECK_THAT(memmem(object->sealed.data, object->sealed.len, value16, sizeof value16) == NULL);
    hsm_attr attrs[HSM_OBJECT_ATTRS_MAX];
    const size_t count = hsm_object_attrs(object, attrs);
    for (size_t i = 0; i < count; i++) {
        const hsm_bytes value = attrs[i].value;

        CHECK_THAT(value.len == 0 ||
                   memmem(value.data, value.len, value16, sizeof value16) == NULL);
    }
}

static size_t bytes_of(const hsm_draft *draft)
{
    size_t rows;
    const hsm_attr_info *table = hsm_attr_table(&rows);
    size_t bytes = 0;

    for (size_t i = 0; i < rows; i++) {
        hsm_bytes value;

        if ((table[i].kinds & hsm_draft_kind(draft)) != 0 &&
            hsm_draft_get(draft, table[i].type, &value))
            bytes += value.len;
    }
    return bytes;
}

static void a_taken_draft_gives_its_secrets_away(void)
{
    const hsm_object_ident ident = { 1, 1, 0, env_serial_bytes() };
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(ENV_RSA_PRIVATE);
    HSM_AUTO(hsm_draft_drop) hsm_draft *again = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    HSM_AUTO(hsm_object_secrets_clear) hsm_object_secrets secrets = { 0 };
    const size_t room = hsm_draft_secret_room(draft);
    hsm_bytes value;

    REQUIRE_OK(hsm_object_take(draft, &ident, seal, &object));
    CHECK_THAT(hsm_draft_secret_room(draft) == 0 &&
               !hsm_draft_get(draft, CKA_PRIVATE_EXPONENT, &value));
    CHECK_THAT(hsm_draft_get(draft, CKA_MODULUS, &value));
    CHECK_EQ(hsm_secret_room(object->open), room);
    CHECK_THAT(object->sealed.len == 0 && !hsm_object_get(object, CKA_PRIVATE_EXPONENT, &value));

    REQUIRE_OK(hsm_object_open_secrets(object, env_serial_bytes(), &secrets));
    REQUIRE_THAT(secrets.attr_count == 3 && secrets.plain == NULL);
    CHECK_EQ(secrets.attrs[0].type, CKA_PRIVATE_EXPONENT);
    CHECK_BYTES(secrets.attrs[0].value.data, secrets.attrs[0].value.len, value16, sizeof value16);
    CHECK_EQ(secrets.attrs[2].type, CKA_PRIME_2);
    REQUIRE_OK(hsm_object_to_draft(object, env_serial_bytes(), &again));
    CHECK_THAT(hsm_draft_get(again, CKA_PRIME_1, &value) && value.len > 0);
    CHECK_EQ(hsm_object_bytes(object), bytes_of(again));

    CASE("one without a class");
    hsm_object *refused = NULL;
    HSM_AUTO(hsm_draft_drop) hsm_draft *unnamed = NULL;
    REQUIRE_OK(hsm_draft_create(HSM_KIND_SECRET, &unnamed));
    REQUIRE_OK(hsm_draft_put(unnamed, CKA_VALUE, hsm_bytes_of(value16, sizeof value16)));
    CHECK_ERR(hsm_object_take(unnamed, &ident, seal, &refused), HSM_E_TEMPLATE_INCOMPLETE);
    CHECK_THAT(hsm_draft_secret_room(unnamed) > 0);
}

static void a_draft_of_an_object_is_whole(void)
{
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();

    for (env_base base = 0; base < ENV_BASE_COUNT; base++) {
        HSM_AUTO(hsm_object_drop) hsm_object *object = env_object(base, seal);
        HSM_AUTO(hsm_draft_drop) hsm_draft *want = env_draft(base);
        HSM_AUTO(hsm_draft_drop) hsm_draft *got = NULL;
        size_t rows;
        const hsm_attr_info *table = hsm_attr_table(&rows);

        REQUIRE_OK(hsm_object_to_draft(object, env_serial_bytes(), &got));
        REQUIRE_OK(hsm_draft_put_unique_id(want, hsm_bytes_of_text("an id")));
        for (size_t row = 0; row < rows; row++) {
            hsm_bytes a = hsm_bytes_none();
            hsm_bytes b = hsm_bytes_none();

            CASE(table[row].name);
            if (hsm_object_owes(object, table[row].type))
                continue; /* worked out, see below */
            CHECK_EQ(hsm_draft_get(want, table[row].type, &a),
                     hsm_draft_get(got, table[row].type, &b));
            CHECK_BYTES(b.data, b.len, a.data, a.len);
        }
    }
}

static void references_keep_an_object(void)
{
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    hsm_object *object = env_object(ENV_AES, seal);
    hsm_object *other = hsm_object_acquire(object);

    hsm_object_release(object);
    CHECK_EQ(hsm_object_ulong(other, CKA_KEY_TYPE, 0), CKK_AES);
    hsm_seal_drop(&seal); /* the object keeps its own */
    HSM_AUTO(hsm_object_secrets_clear) hsm_object_secrets secrets = { 0 };
    CHECK_OK(hsm_object_open_secrets(other, env_serial_bytes(), &secrets));
    hsm_object_release(other);
    hsm_object_release(NULL);
}

/* --- matching ----------------------------------------------------------------------------------- */

static bool matches(const hsm_object *object, const env_template *t)
{
    const hsm_template view = env_view(t);
    bool result = false;

    CHECK_OK(hsm_object_matches(object, env_serial_bytes(), &view, &result));
    return result;
}

static bool matches_bytes(const hsm_object *object, CK_ATTRIBUTE_TYPE type, const void *data,
                          size_t len)
{
    env_template t = { .count = 0 };

    env_bytes(&t, type, data, len);
    return matches(object, &t);
}

static void a_search_matches_exactly(void)
{
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_object_drop) hsm_object *object = env_object(ENV_RSA_PUBLIC, seal);
    env_template t = { .count = 0 };

    CHECK_THAT(matches(object, &t)); /* an empty template matches all */
    env_kind(&t, CKO_PUBLIC_KEY, CKK_RSA);
    env_bool(&t, CKA_TOKEN, false);
    CHECK_THAT(matches(object, &t));
    env_text(&t, CKA_LABEL, "another");
    CHECK_THAT(!matches(object, &t));

    CHECK_THAT(matches_bytes(object, CKA_LABEL, "", 0));
    CHECK_THAT(matches_bytes(object, CKA_PUBLIC_EXPONENT, "\0\0\1\0\1", 5));
    CHECK_THAT(!matches_bytes(object, CKA_PUBLIC_EXPONENT, "\1\0", 2));
    CHECK_THAT(!matches_bytes(object, CKA_VALUE_LEN, "", 0));    /* not of this kind */
    CHECK_THAT(!matches_bytes(object, CKA_MODULUS_BITS, "", 0)); /* absent */
    CHECK_THAT(!matches_bytes(object, CKA_TOKEN, "\0\0", 2));    /* malformed */
    CHECK_THAT(!matches_bytes(object, CKA_VENDOR_DEFINED | 1, "", 0));
}

static void a_search_is_no_oracle(void)
{
    const hsm_object_ident ident = { 1, 1, 0, env_serial_bytes() };
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_object_drop) hsm_object *hidden = env_object(ENV_GENERIC, seal);
    HSM_AUTO(hsm_object_drop) hsm_object *open = NULL;
    HSM_AUTO(hsm_object_drop) hsm_object *sensitive = NULL;
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(ENV_GENERIC);

    CHECK_THAT(!matches_bytes(hidden, CKA_VALUE, value16, sizeof value16)); /* not extractable */
    CHECK_OK(hsm_draft_put_bool(draft, CKA_EXTRACTABLE, true));
    REQUIRE_OK(hsm_object_create(draft, &ident, seal, &open));
    CHECK_THAT(matches_bytes(open, CKA_VALUE, value16, sizeof value16));
    CHECK_THAT(!matches_bytes(open, CKA_VALUE, value16, sizeof value16 - 1));
    CHECK_OK(hsm_draft_put_bool(draft, CKA_SENSITIVE, true));
    REQUIRE_OK(hsm_object_create(draft, &ident, seal, &sensitive));
    CHECK_THAT(!matches_bytes(sensitive, CKA_VALUE, value16, sizeof value16));
}

/* The first bytes of SHA-1 of the value, by another implementation. */
static void a_check_value_is_worked_out_when_asked_for(void)
{
    static const uint8_t want[HSM_CHECK_VALUE_BYTES] = { 0x2c, 0xc4, 0x29 };
    const hsm_object_ident ident = { 1, 1, 0, env_serial_bytes() };
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_object_drop) hsm_object *owing = env_object(ENV_GENERIC, seal);
    HSM_AUTO(hsm_object_drop) hsm_object *rsa = env_object(ENV_RSA_PUBLIC, seal);
    HSM_AUTO(hsm_object_drop) hsm_object *without = NULL;
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    uint8_t bytes[HSM_CHECK_VALUE_BYTES] = { 0 };
    hsm_bytes kept = hsm_bytes_none();

    CHECK_THAT(hsm_object_owes(owing, CKA_CHECK_VALUE));
    CHECK_THAT(!hsm_object_owes(rsa, CKA_CHECK_VALUE));
    CHECK_OK(hsm_object_check_value(owing, env_serial_bytes(), bytes));
    CHECK_BYTES(bytes, sizeof bytes, want, sizeof want);
    CHECK_ERR(hsm_object_check_value(owing, hsm_bytes_of("another", 7), bytes),
              HSM_E_STORE_CORRUPT);
    CHECK_THAT(owing->is_sensitive); /* it tells nothing of the value */
    CHECK_THAT(matches_bytes(owing, CKA_CHECK_VALUE, want, sizeof want));
    CHECK_THAT(!matches_bytes(owing, CKA_CHECK_VALUE, want, 2));
    CHECK_THAT(!matches_bytes(owing, CKA_CHECK_VALUE, "no!", 3));
    CHECK_THAT(!matches_bytes(rsa, CKA_CHECK_VALUE, want, sizeof want));

    CASE("a draft has it, and one that was taken away is not owed");
    REQUIRE_OK(hsm_object_to_draft(owing, env_serial_bytes(), &draft));
    CHECK_THAT(hsm_draft_get(draft, CKA_CHECK_VALUE, &kept));
    CHECK_BYTES(kept.data, kept.len, want, sizeof want);
    CHECK_OK(hsm_draft_put(draft, CKA_CHECK_VALUE, hsm_bytes_none()));
    REQUIRE_OK(hsm_object_create(draft, &ident, seal, &without));
    CHECK_THAT(!hsm_object_owes(without, CKA_CHECK_VALUE));
    CHECK_THAT(matches_bytes(without, CKA_CHECK_VALUE, "", 0));
    CHECK_THAT(!matches_bytes(without, CKA_CHECK_VALUE, want, sizeof want));
}

static void associated_data_is_as_documented(void)
{
    static const uint8_t want[HSM_OBJECT_AAD_BYTES] = {
        's', 'e', 'r', 'i', 'a', 'l', ' ', 'n', 'u', 'm', 'b', 'e', 'r', ' ',
        '1', '6', 0,   0,   0,   1,   0,   0,   0,   0,   0,   0,   0,   7,
        0,   0,   0,   0,   0,   0,   0,   3,   'S', 'E', 'C', 'R',
    };
    const hsm_object_ident ident = { 7, 3, 1, env_serial_bytes() };
    uint8_t aad[HSM_OBJECT_AAD_BYTES];

    hsm_object_aad(&ident, HSM_OBJECT_PART_SECRET, aad);
    CHECK_BYTES(aad, sizeof aad, want, sizeof want);
}

static const check_test tests[] = {
    CHECK_TEST(attributes_are_found),
    CHECK_TEST(facts_follow_from_attributes),
    CHECK_TEST(facts_see_what_is_set),
    CHECK_TEST(an_unfinished_draft_is_refused),
    CHECK_TEST(secrets_open_for_their_object_only),
    CHECK_TEST(an_object_without_secrets_opens_empty),
    CHECK_TEST(a_taken_draft_gives_its_secrets_away),
    CHECK_TEST(secrets_are_sealed_in_memory),
    CHECK_TEST(a_draft_of_an_object_is_whole),
    CHECK_TEST(references_keep_an_object),
    CHECK_TEST(a_search_matches_exactly),
    CHECK_TEST(a_search_is_no_oracle),
    CHECK_TEST(a_check_value_is_worked_out_when_asked_for),
    CHECK_TEST(associated_data_is_as_documented),
};
CHECK_MAIN(tests)
