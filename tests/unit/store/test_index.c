#include "store/index.h"

#include "store/attr_index.h"
#include "support/check.h"
#include "unit/store/object_env.h"

static void index_open(hsm_index **out_index)
{
    uint8_t key[32];

    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    CHECK_OK(hsm_index_create(env_crypto(), hsm_bytes_of(key, sizeof key), out_index));
}

static const CK_ULONG secret_key = CKO_SECRET_KEY;
static const CK_ULONG aes = CKK_AES;

/* Made with Python: hmac.new(bytes(range(32)), type.to_bytes(8, "big") + value, "sha256"). */
static const struct {
    const char *label;
    CK_ATTRIBUTE_TYPE type;
    const void *value;
    size_t len;
    uint8_t want[HSM_TAG_BYTES];
} tag_cases[] = {
    { "a label",
      CKA_LABEL,
      "label",
      5,
      { 0x20, 0x42, 0x71, 0xb4, 0x95, 0x23, 0xa8, 0xcb, 0xbe, 0xac, 0x18, 0xdd, 0x9e, 0xc0, 0xfd,
        0xc9 } },
    { "an empty id",
      CKA_ID,
      "",
      0,
      { 0xc8, 0x2d, 0xcd, 0x39, 0x22, 0xda, 0x95, 0x61, 0xa1, 0xa4, 0x56, 0x09, 0xa7, 0xe3, 0xeb,
        0x3d } },
    { "a class is a number of 8 bytes",
      CKA_CLASS,
      &secret_key,
      sizeof secret_key,
      { 0x6a, 0xce, 0x82, 0x01, 0xea, 0xbf, 0xdf, 0x18, 0x1b, 0xe8, 0xf6, 0xf7, 0x2d, 0xea, 0xe6,
        0x55 } },
    { "a key type too",
      CKA_KEY_TYPE,
      &aes,
      sizeof aes,
      { 0x63, 0xda, 0xda, 0x59, 0x6e, 0xda, 0xab, 0xa4, 0xcf, 0x0d, 0xc4, 0x03, 0x1e, 0x8b, 0xd9,
        0xd8 } },
    { "a number has no leading zeros",
      CKA_MODULUS,
      "\0\0\1\2",
      4,
      { 0x9f, 0x11, 0x84, 0x0d, 0x7f, 0x01, 0x92, 0xf7, 0x34, 0xe0, 0x25, 0x74, 0xa1, 0x9e, 0xb6,
        0xb6 } },
};

static void tags_are_hashes_of_type_and_value(void)
{
    HSM_AUTO(hsm_index_drop) hsm_index *index = NULL;

    index_open(&index);
    for (size_t i = 0; i < HSM_ARRAY_LEN(tag_cases); i++) {
        const hsm_attr attr = { tag_cases[i].type,
                                hsm_bytes_of(tag_cases[i].value, tag_cases[i].len) };
        hsm_tag tag = { { 0 } };

        CASE(tag_cases[i].label);
        CHECK_OK(hsm_index_tag(index, &attr, &tag));
        CHECK_BYTES(tag.bytes, HSM_TAG_BYTES, tag_cases[i].want, HSM_TAG_BYTES);
    }
}

static bool is_same(const hsm_tag *a, const hsm_tag *b)
{
    return hsm_bytes_equal(hsm_bytes_of(a->bytes, HSM_TAG_BYTES),
                           hsm_bytes_of(b->bytes, HSM_TAG_BYTES));
}

/* Every indexed attribute of the table but the two that need no tag, and nothing else. */
static void the_order_covers_the_table(void)
{
    size_t rows = 0;
    const hsm_attr_info *table = hsm_attr_table(&rows);

    for (size_t i = 0; i < rows; i++) {
        bool is_tagged = false;

        CASE(table[i].name);
        for (size_t k = 0; k < HSM_TAGS_FINE_MAX; k++)
            is_tagged = is_tagged || hsm_attr_index_fine[k] == table[i].type;
        for (size_t k = 0; k < HSM_TAGS_COARSE; k++)
            is_tagged = is_tagged || hsm_attr_index_coarse[k] == table[i].type;
        const bool needs_tag = (table[i].flags & HSM_ATTR_INDEXED) != 0 &&
                               table[i].type != CKA_UNIQUE_ID && table[i].type != CKA_TOKEN;
        CHECK_EQ(is_tagged, needs_tag);
    }
}

static void an_object_and_its_template_have_the_same_tags(void)
{
    HSM_AUTO(hsm_index_drop) hsm_index *index = NULL;
    HSM_AUTO(hsm_seal_drop) hsm_seal *seal = env_seal();
    HSM_AUTO(hsm_object_drop) hsm_object *object = env_object(ENV_CERTIFICATE, seal);
    env_template t = { .count = 0 };
    hsm_tags from_object;
    hsm_tags from_template;

    index_open(&index);
    REQUIRE_THAT(object != NULL);
    env_ulong(&t, CKA_CLASS, CKO_CERTIFICATE);
    env_bytes(&t, CKA_SUBJECT, "\x30\x00", 2);
    env_bytes(&t, CKA_VALUE, "not indexed", 11);
    const hsm_template view = env_view(&t);
    CHECK_OK(hsm_index_object(index, object, &from_object));
    CHECK_OK(hsm_index_template(index, &view, &from_template));
    CHECK_EQ(from_template.fine_count, 1);
    CHECK_THAT(from_template.has_coarse[0] && !from_template.has_coarse[1]);
    CHECK_THAT(from_object.has_coarse[0] && !from_object.has_coarse[1]); /* has no key type */
    CHECK_THAT(is_same(&from_object.coarse[0], &from_template.coarse[0]));
    bool has_subject = false;
    for (size_t i = 0; i < from_object.fine_count; i++)
        has_subject = has_subject || is_same(&from_object.fine[i], &from_template.fine[0]);
    CHECK_THAT(has_subject);
}

/* --- where a template lets us look -------------------------------------------------------------- */

static hsm_search_scope scope_of_unique_id(const char *text)
{
    env_template t = { .count = 0 };

    env_text(&t, CKA_UNIQUE_ID, text);
    const hsm_template view = env_view(&t);
    return hsm_template_scope(&view);
}

static const struct {
    const char *text;
    uint64_t id; /* 0: hopeless */
} unique_ids[] = {
    { "0000000000000001", 1 },
    { "3fffffffffffffff", HSM_STORE_ID_MAX },
    { "0123456789abcdef", 0x0123456789abcdef },
    { "4000000000000000", 0 },
    { "0000000000000000", 0 },
    { "000000000000001", 0 },
    { "00000000000000001", 0 },
    { "000000000000000A", 0 },
    { "000000000000000g", 0 },
    { "", 0 },
};

static void unique_ids_are_ids(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(unique_ids); i++) {
        const hsm_search_scope scope = scope_of_unique_id(unique_ids[i].text);

        CASE(unique_ids[i].text);
        CHECK_THAT(scope.has_id);
        CHECK_EQ(scope.is_hopeless, unique_ids[i].id == 0);
        if (unique_ids[i].id != 0)
            CHECK_EQ(scope.id, unique_ids[i].id);
    }
}

static void an_id_becomes_text(void)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(ENV_AES);
    hsm_bytes text = hsm_bytes_none();

    REQUIRE_OK(hsm_draft_put_store_id(draft, 0x0123456789abcdef));
    CHECK_THAT(hsm_draft_get(draft, CKA_UNIQUE_ID, &text));
    CHECK_BYTES(text.data, text.len, "0123456789abcdef", 16);
}

static void token_and_private_narrow_the_search(void)
{
    env_template t = { .count = 0 };
    hsm_template view = env_view(&t);

    CASE("nothing said");
    hsm_search_scope scope = hsm_template_scope(&view);
    CHECK_THAT(!scope.is_hopeless && scope.may_public && scope.may_private && !scope.has_id);
    CASE("CKA_PRIVATE true");
    env_bool(&t, CKA_PRIVATE, true);
    view = env_view(&t);
    scope = hsm_template_scope(&view);
    CHECK_THAT(!scope.may_public && scope.may_private);
    CASE("CKA_PRIVATE false");
    t.count = 0;
    env_bool(&t, CKA_PRIVATE, false);
    scope = hsm_template_scope(&view);
    CHECK_THAT(scope.may_public && !scope.may_private);
    CASE("CKA_TOKEN true");
    t.count = 0;
    env_bool(&t, CKA_TOKEN, true);
    scope = hsm_template_scope(&view);
    CHECK_THAT(!scope.is_hopeless && scope.may_public && scope.may_private);
    CASE("CKA_TOKEN false");
    t.count = 0;
    env_bool(&t, CKA_TOKEN, false);
    scope = hsm_template_scope(&view);
    CHECK_THAT(scope.is_hopeless);
}

static const check_test tests[] = {
    CHECK_TEST(tags_are_hashes_of_type_and_value),
    CHECK_TEST(the_order_covers_the_table),
    CHECK_TEST(an_object_and_its_template_have_the_same_tags),
    CHECK_TEST(unique_ids_are_ids),
    CHECK_TEST(an_id_becomes_text),
    CHECK_TEST(token_and_private_narrow_the_search),
};
CHECK_MAIN(tests)
