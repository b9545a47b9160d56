#include <stdlib.h>

#include "base/codec.h"
#include "support/check.h"
#include "unit/store/object_env.h"

static const hsm_object_ident ident = { .id = 7, .version = 3, .slot = 1 };

/* An object of the base with nested templates, dates and mechanisms where it can have them. */
static hsm_object *rich_object(env_base base, hsm_seal *seal)
{
    static const CK_MECHANISM_TYPE mechanisms[] = { CKM_AES_GCM, CKM_AES_CBC };
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(base);
    HSM_AUTO(hsm_buf_clear) hsm_buf nested = { 0 };
    hsm_object_ident own = ident;
    env_template t = { .count = 0 };
    hsm_object *object = NULL;

    env_kind(&t, CKO_SECRET_KEY, CKK_AES);
    env_bool(&t, CKA_EXTRACTABLE, false);
    const hsm_template view = env_view(&t);
    CHECK_OK(hsm_template_encode(&view, &nested));
    if (hsm_attr_find(CKA_WRAP_TEMPLATE, hsm_draft_kind(draft)) != NULL)
        CHECK_OK(hsm_draft_put(draft, CKA_WRAP_TEMPLATE, hsm_buf_view(&nested)));
    if (hsm_attr_find(CKA_ALLOWED_MECHANISMS, hsm_draft_kind(draft)) != NULL) {
        CHECK_OK(hsm_draft_put(draft, CKA_ALLOWED_MECHANISMS,
                               hsm_bytes_of(mechanisms, sizeof mechanisms)));
        CHECK_OK(hsm_draft_put(draft, CKA_START_DATE, hsm_bytes_of("20300131", 8)));
    }
    CHECK_OK(hsm_draft_put(draft, CKA_LABEL, hsm_bytes_of_text("k\xC3\xB6y")));
    own.token_serial = env_serial_bytes();
    CHECK_OK(hsm_object_create(draft, &own, seal, &object));
    return object;
}

static hsm_err decode(hsm_bytes encoded, hsm_bytes sealed, hsm_seal *seal, hsm_object **out)
{
    return hsm_object_decode(&ident, encoded, sealed, seal, out);
}

static void check_same(const hsm_object *got, const hsm_object *want)
{
    CHECK_THAT(got->id == want->id && got->version == want->version && got->slot == want->slot);
    CHECK_EQ(got->kind, want->kind);
    CHECK_EQ(got->usages, want->usages);
    hsm_attr a[HSM_OBJECT_ATTRS_MAX];
    hsm_attr b[HSM_OBJECT_ATTRS_MAX];
    const size_t count = hsm_object_attrs(want, b);
    REQUIRE_THAT(hsm_object_attrs(got, a) == count);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(a[i].type, b[i].type);
        CHECK_BYTES(a[i].value.data, a[i].value.len, b[i].value.data, b[i].value.len);
        CHECK_EQ(hsm_object_bool(got, a[i].type, false), hsm_object_bool(want, a[i].type, false));
    }
    CHECK_BYTES(got->sealed.data, got->sealed.len, want->sealed.data, want->sealed.len);
}

static void every_kind_comes_back(void)
{
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();

    for (env_base base = 0; base < ENV_BASE_COUNT; base++) {
        HSM_AUTO(hsm_object_drop) hsm_object *object = rich_object(base, seal);
        HSM_AUTO(hsm_object_drop) hsm_object *again = NULL;
        HSM_AUTO(hsm_buf_clear) hsm_buf encoded = { 0 };
        HSM_AUTO(hsm_object_secrets_clear) hsm_object_secrets secrets = { 0 };

        REQUIRE_OK(hsm_object_encode_public(object, &encoded));
        REQUIRE_OK(decode(hsm_buf_view(&encoded), hsm_buf_view(&object->sealed), seal, &again));
        check_same(again, object);
        CHECK_OK(hsm_object_open_secrets(again, env_serial_bytes(), &secrets));
    }
}

/* The format on disk, byte by byte; written by hand. */
static void encoding_is_as_documented(void)
{
    static const uint8_t want[] = {
        1, 0, 10,                                                           /* format, attributes */
        0, 0, 0,  0, 0, 0, 0, 0,    0, 0, 0, 8, 0,   0,   0, 0, 0, 0, 0, 0, /* class: data */
        0, 0, 0,  0, 0, 0, 0, 1,    0, 0, 0, 1, 0,                          /* token */
        0, 0, 0,  0, 0, 0, 0, 2,    0, 0, 0, 1, 0,                          /* private */
        0, 0, 0,  0, 0, 0, 0, 3,    0, 0, 0, 2, 'h', 'i',                   /* label */
        0, 0, 0,  0, 0, 0, 0, 0x10, 0, 0, 0, 0,                             /* application */
        0, 0, 0,  0, 0, 0, 0, 0x11, 0, 0, 0, 0,                             /* value */
        0, 0, 0,  0, 0, 0, 0, 0x12, 0, 0, 0, 0,                             /* object id */
        0, 0, 0,  0, 0, 0, 1, 0x70, 0, 0, 0, 1, 1,                          /* modifiable */
        0, 0, 0,  0, 0, 0, 1, 0x71, 0, 0, 0, 1, 1,                          /* copyable */
        0, 0, 0,  0, 0, 0, 1, 0x72, 0, 0, 0, 1, 1,                          /* destroyable */
    };
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(ENV_DATA);
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf encoded = { 0 };

    CHECK_OK(hsm_draft_put(draft, CKA_LABEL, hsm_bytes_of("hi", 2)));
    REQUIRE_OK(hsm_object_create(draft, &ident, seal, &object));
    REQUIRE_OK(hsm_object_encode_public(object, &encoded));
    CHECK_BYTES(encoded.data, encoded.len, want, sizeof want);
}

static void every_truncation_is_an_error(void)
{
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();

    for (env_base base = 0; base < ENV_BASE_COUNT; base++) {
        HSM_AUTO(hsm_object_drop) hsm_object *object = rich_object(base, seal);
        HSM_AUTO(hsm_buf_clear) hsm_buf encoded = { 0 };

        REQUIRE_OK(hsm_object_encode_public(object, &encoded));
        for (size_t len = 0; len < encoded.len; len++) {
            uint8_t *exact = malloc(len + 1); /* a read past the end is seen by the sanitizer */
            hsm_object *again = NULL;

            REQUIRE_THAT(exact != NULL);
            memcpy(exact, encoded.data, len);
            CHECK_ERR(decode(hsm_bytes_of(exact, len), hsm_bytes_none(), seal, &again),
                      HSM_E_STORE_CORRUPT);
            free(exact);
        }
        REQUIRE_OK(hsm_buf_append(&encoded, hsm_bytes_of("", 1)));
        hsm_object *longer = NULL;
        CHECK_ERR(decode(hsm_buf_view(&encoded), hsm_bytes_none(), seal, &longer),
                  HSM_E_STORE_CORRUPT);
    }
}

/* What is accepted is encoded to the very same bytes: nothing is guessed, lost or made up. */
static void every_bit_flip_is_an_error_or_canonical(void)
{
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    size_t accepted = 0;

    for (env_base base = 0; base < ENV_BASE_COUNT; base++) {
        HSM_AUTO(hsm_object_drop) hsm_object *object = rich_object(base, seal);
        HSM_AUTO(hsm_buf_clear) hsm_buf encoded = { 0 };

        REQUIRE_OK(hsm_object_encode_public(object, &encoded));
        for (size_t bit = 0; bit < 8 * encoded.len; bit++) {
            HSM_AUTO(hsm_object_drop) hsm_object *again = NULL;
            HSM_AUTO(hsm_buf_clear) hsm_buf back = { 0 };

            encoded.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            const hsm_err err = decode(hsm_buf_view(&encoded), hsm_bytes_none(), seal, &again);
            if (err == HSM_OK) {
                accepted++;
                CHECK_OK(hsm_object_encode_public(again, &back));
                CHECK_BYTES(back.data, back.len, encoded.data, encoded.len);
            } else {
                CHECK_ERR(err, HSM_E_STORE_CORRUPT);
            }
            encoded.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    CHECK_THAT(accepted > 0); /* a letter of a label */
}

/* --- encodings that nobody writes --------------------------------------------------------------- */

typedef struct crafted {
    uint8_t data[512];
    hsm_writer writer;
} crafted;

static void craft(crafted *c, uint16_t count)
{
    c->writer = hsm_writer_of(c->data, sizeof c->data);
    hsm_write_u8(&c->writer, 1);
    hsm_write_u16(&c->writer, count);
}

static void craft_number(crafted *c, uint64_t type, uint64_t value)
{
    hsm_write_u64(&c->writer, type);
    hsm_write_u32(&c->writer, 8);
    hsm_write_u64(&c->writer, value);
}

static void craft_bytes(crafted *c, uint64_t type, const void *data, size_t len)
{
    hsm_write_u64(&c->writer, type);
    hsm_write_bytes(&c->writer, hsm_bytes_of(data, len));
}

static void check_refused(const crafted *c)
{
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    hsm_object *object = NULL;

    CHECK_ERR(decode(hsm_bytes_of(c->data, c->writer.len), hsm_bytes_none(), seal, &object),
              HSM_E_STORE_CORRUPT);
}

static void crafted_parts_are_refused(void)
{
    crafted c;

    CASE("no class");
    craft(&c, 1);
    craft_bytes(&c, CKA_LABEL, "x", 1);
    check_refused(&c);

    CASE("unknown class");
    craft(&c, 1);
    craft_number(&c, CKA_CLASS, 77);
    check_refused(&c);

    CASE("a secret in the public part");
    craft(&c, 3);
    craft_number(&c, CKA_CLASS, CKO_SECRET_KEY);
    craft_bytes(&c, CKA_VALUE, "0123456789abcdef", 16);
    craft_number(&c, CKA_KEY_TYPE, CKK_AES);
    check_refused(&c);

    CASE("not sorted");
    craft(&c, 2);
    craft_bytes(&c, CKA_LABEL, "x", 1);
    craft_number(&c, CKA_CLASS, CKO_DATA);
    check_refused(&c);

    CASE("twice");
    craft(&c, 2);
    craft_number(&c, CKA_CLASS, CKO_DATA);
    craft_number(&c, CKA_CLASS, CKO_DATA);
    check_refused(&c);

    CASE("a number with leading zeros");
    craft(&c, 3);
    craft_number(&c, CKA_CLASS, CKO_PUBLIC_KEY);
    craft_number(&c, CKA_KEY_TYPE, CKK_RSA);
    craft_bytes(&c, CKA_MODULUS, "\0\1", 2);
    check_refused(&c);

    CASE("a length beyond the end");
    craft(&c, 1);
    hsm_write_u64(&c.writer, CKA_LABEL);
    hsm_write_u32(&c.writer, UINT32_MAX);
    check_refused(&c);

    CASE("more attributes than there are rows");
    craft(&c, UINT16_MAX);
    check_refused(&c);
}

static const check_test tests[] = {
    CHECK_TEST(every_kind_comes_back),        CHECK_TEST(encoding_is_as_documented),
    CHECK_TEST(every_truncation_is_an_error), CHECK_TEST(every_bit_flip_is_an_error_or_canonical),
    CHECK_TEST(crafted_parts_are_refused),
};
CHECK_MAIN(tests)
