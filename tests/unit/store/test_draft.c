#include "support/check.h"
#include "unit/store/object_env.h"

static const hsm_template none;
static const uint8_t big[HSM_ATTR_MAX_DATA_BYTES];

/* --- put and get -------------------------------------------------------------------------------- */

static void values_are_kept(void)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    hsm_bytes value;

    REQUIRE_OK(hsm_draft_create(HSM_KIND_RSA_PRIVATE, &draft));
    CHECK_EQ(hsm_draft_kind(draft), HSM_KIND_RSA_PRIVATE);
    CHECK_OK(hsm_draft_put(draft, CKA_PRIVATE_EXPONENT, hsm_bytes_of("\0\0\1\2", 4)));
    CHECK_OK(hsm_draft_put(draft, CKA_PRIME_1, hsm_bytes_of(big, 300)));
    CHECK_OK(hsm_draft_put(draft, CKA_PRIME_2, hsm_bytes_of("\7", 1)));
    CHECK_OK(hsm_draft_put(draft, CKA_LABEL, hsm_bytes_of("long", 4)));
    CHECK_OK(hsm_draft_put(draft, CKA_LABEL, hsm_bytes_of("longer than before", 18)));
    CHECK_OK(hsm_draft_put_bool(draft, CKA_SIGN, true));
    CHECK_OK(hsm_draft_put_bool(draft, CKA_UNWRAP, true));
    CHECK_OK(hsm_draft_put_bool(draft, CKA_UNWRAP, false));
    CHECK_ERR(hsm_draft_put_bool(draft, CKA_KEY_TYPE, true), HSM_E_ATTRIBUTE_VALUE);
    CHECK_ERR(hsm_draft_put_ulong(draft, CKA_SIGN, 1), HSM_E_ATTRIBUTE_VALUE);
    CHECK_ERR(hsm_draft_put_ulong(draft, CKA_VALUE_LEN, 1), HSM_E_ATTRIBUTE_TYPE);
    CHECK_OK(hsm_draft_put_ulong(draft, CKA_KEY_GEN_MECHANISM, 77));
    CHECK_OK(hsm_draft_put(draft, CKA_ID, hsm_bytes_none()));

    REQUIRE_THAT(hsm_draft_get(draft, CKA_PRIVATE_EXPONENT, &value));
    CHECK_BYTES(value.data, value.len, "\1\2", 2);
    REQUIRE_THAT(hsm_draft_get(draft, CKA_PRIME_1, &value));
    CHECK_EQ(value.len, 0); /* zero, without leading zeros */
    REQUIRE_THAT(hsm_draft_get(draft, CKA_PRIME_2, &value));
    CHECK_BYTES(value.data, value.len, "\7", 1);
    REQUIRE_THAT(hsm_draft_get(draft, CKA_LABEL, &value));
    CHECK_BYTES(value.data, value.len, "longer than before", 18);
    CHECK_THAT(hsm_draft_bool(draft, CKA_SIGN, false));
    CHECK_THAT(!hsm_draft_bool(draft, CKA_UNWRAP, true));
    CHECK_THAT(hsm_draft_bool(draft, CKA_DECRYPT, true));
    CHECK_EQ(hsm_draft_ulong(draft, CKA_KEY_GEN_MECHANISM, 0), 77);
    CHECK_EQ(hsm_draft_ulong(draft, CKA_KEY_TYPE, 5), 5);
    CHECK_THAT(hsm_draft_get(draft, CKA_ID, &value) && value.len == 0);
    CHECK_THAT(!hsm_draft_get(draft, CKA_SUBJECT, &value));
}

/* Core takes a point out of its DER wrapping with a span into the draft itself. */
static void a_part_of_itself_can_be_put(void)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(ENV_EC_PUBLIC);
    uint8_t id[600];
    hsm_bytes value;

    memset(id, 'x', sizeof id);
    CHECK_OK(hsm_draft_put(draft, CKA_EC_POINT, hsm_bytes_of("\x04\x03pqr", 5)));
    REQUIRE_THAT(hsm_draft_get(draft, CKA_EC_POINT, &value));
    CHECK_OK(hsm_draft_put(draft, CKA_EC_POINT, hsm_bytes_of(value.data + 2, 3)));
    REQUIRE_THAT(hsm_draft_get(draft, CKA_EC_POINT, &value));
    CHECK_BYTES(value.data, value.len, "pqr", 3);

    CHECK_OK(hsm_draft_put(draft, CKA_ID, hsm_bytes_of(id, sizeof id)));
    REQUIRE_THAT(hsm_draft_get(draft, CKA_ID, &value));
    CHECK_OK(hsm_draft_put(draft, CKA_SUBJECT, value)); /* the buffer moves while growing */
    REQUIRE_THAT(hsm_draft_get(draft, CKA_SUBJECT, &value));
    CHECK_BYTES(value.data, value.len, id, sizeof id);
    /* What was there moved with it. */
    CHECK_EQ(hsm_draft_ulong(draft, CKA_CLASS, 0), CKO_PUBLIC_KEY);
    CHECK_EQ(hsm_draft_ulong(draft, CKA_KEY_TYPE, 0), CKK_EC);
    REQUIRE_THAT(hsm_draft_get(draft, CKA_EC_POINT, &value));
    CHECK_BYTES(value.data, value.len, "pqr", 3);
    CHECK_OK(hsm_draft_put_bool(draft, CKA_TOKEN, true));
    CHECK_THAT(hsm_draft_get(draft, CKA_TOKEN, &value) && value.data[0] == CK_TRUE);
}

static const struct {
    const char *label;
    hsm_object_kind kind;
    size_t len;
    bool has_secrets; /* another one was put before */
    hsm_err want;
    bool is_taken;
} take_cases[] = {
    { "a secret key", HSM_KIND_SECRET, 32, false, HSM_OK, true },
    { "the longest", HSM_KIND_SECRET, HSM_ATTR_MAX_BYTES, false, HSM_OK, true },
    { "longer", HSM_KIND_SECRET, HSM_ATTR_MAX_BYTES + 1, false, HSM_E_ATTRIBUTE_VALUE, false },
    { "a second secret", HSM_KIND_LATTICE_PRIVATE, 64, true, HSM_OK, false },
    { "what is no secret", HSM_KIND_DATA, 32, false, HSM_OK, false },
    { "no such attribute", HSM_KIND_RSA_PRIVATE, 32, false, HSM_E_ATTRIBUTE_TYPE, false },
};

static void a_value_is_taken_or_copied(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(take_cases); i++) {
        HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
        HSM_AUTO(hsm_secret_drop) hsm_secret *secret = NULL;
        hsm_bytes value = hsm_bytes_none();

        CASE(take_cases[i].label);
        REQUIRE_OK(hsm_secret_create(take_cases[i].len, &secret));
        memset(hsm_secret_data(secret), 'v', take_cases[i].len);
        REQUIRE_OK(hsm_draft_create(take_cases[i].kind, &draft));
        if (take_cases[i].has_secrets)
            REQUIRE_OK(hsm_draft_put(draft, CKA_SEED, hsm_bytes_of("seed", 4)));
        CHECK_ERR(hsm_draft_take(draft, CKA_VALUE, &secret), take_cases[i].want);
        CHECK_EQ(secret == NULL, take_cases[i].is_taken);
        CHECK_EQ(hsm_draft_get(draft, CKA_VALUE, &value), take_cases[i].want == HSM_OK);
        if (take_cases[i].want != HSM_OK)
            continue;
        CHECK_THAT(value.len == take_cases[i].len && value.data[value.len - 1] == 'v');
        CASE("and can be followed by others");
        CHECK_OK(hsm_draft_put(draft, CKA_VALUE, hsm_bytes_of("shorter", 7)));
        REQUIRE_THAT(hsm_draft_get(draft, CKA_VALUE, &value));
        CHECK_BYTES(value.data, value.len, "shorter", 7);
        if (take_cases[i].has_secrets) {
            REQUIRE_THAT(hsm_draft_get(draft, CKA_SEED, &value));
            CHECK_BYTES(value.data, value.len, "seed", 4);
        }
    }
}

static void wrong_values_are_refused(void)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(ENV_AES);
    HSM_AUTO(hsm_draft_drop) hsm_draft *data = env_draft(ENV_DATA);
    hsm_bytes value;

    CHECK_ERR(hsm_draft_put(draft, CKA_MODULUS, hsm_bytes_of("1", 1)), HSM_E_ATTRIBUTE_TYPE);
    CHECK_ERR(hsm_draft_put(draft, CKA_SIGN, hsm_bytes_of("12", 2)), HSM_E_ATTRIBUTE_VALUE);
    CHECK_ERR(hsm_draft_put_ulong(draft, CKA_SIGN, 1), HSM_E_ATTRIBUTE_VALUE);
    /* A key's value has the common limit, data may be larger. */
    CHECK_ERR(hsm_draft_put(draft, CKA_VALUE, hsm_bytes_of(big, HSM_ATTR_MAX_BYTES + 1)),
              HSM_E_ATTRIBUTE_VALUE);
    CHECK_OK(hsm_draft_put(draft, CKA_VALUE, hsm_bytes_of(big, HSM_ATTR_MAX_BYTES)));
    CHECK_OK(hsm_draft_put(data, CKA_VALUE, hsm_bytes_of(big, sizeof big)));
    REQUIRE_THAT(hsm_draft_get(data, CKA_VALUE, &value));
    CHECK_EQ(value.len, sizeof big);
}

static void an_object_has_a_limit(void)
{
    static uint8_t some[HSM_ATTR_MAX_BYTES];
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(ENV_RSA_PRIVATE);

    memset(some, 1, sizeof some);
    CHECK_OK(hsm_draft_put(draft, CKA_PRIME_1, hsm_bytes_of(some, sizeof some)));
    CHECK_ERR(hsm_draft_put(draft, CKA_PRIME_2, hsm_bytes_of(some, sizeof some)), HSM_E_LIMIT);
}

/* --- rules of creation -------------------------------------------------------------------------- */

typedef enum edit {
    AS_IT_IS,
    WITHOUT,
    WITH_TRUE,
    WITH_FALSE,
    WITH_NUMBER, /* 1 */
    WITH_BYTES,  /* "abc" */
    WITH_EMPTY,
} edit;

typedef struct rule_case {
    const char *label;
    hsm_origin origin;
    env_base base;
    edit edit;
    CK_ATTRIBUTE_TYPE type;
    bool is_so;
    hsm_err want;
} rule_case;

#define CREATE HSM_ORIGIN_CREATE
#define GENERATE HSM_ORIGIN_GENERATE
#define UNWRAP HSM_ORIGIN_UNWRAP
#define DERIVE HSM_ORIGIN_DERIVE

static const rule_case rules[] = {
    { "unknown type", CREATE, ENV_AES, WITH_BYTES, CKA_VENDOR_DEFINED | 1, false,
      HSM_E_ATTRIBUTE_TYPE },
    { "another class's attribute", CREATE, ENV_AES, WITH_BYTES, CKA_MODULUS, false,
      HSM_E_TEMPLATE_INCONSISTENT },
    { "a value of a wrong form", CREATE, ENV_AES, WITH_BYTES, CKA_SIGN, false,
      HSM_E_ATTRIBUTE_VALUE },
    { "an attribute twice", CREATE, ENV_AES, WITH_NUMBER, CKA_CLASS, false,
      HSM_E_TEMPLATE_INCONSISTENT },
    { "no class", CREATE, ENV_AES, WITHOUT, CKA_CLASS, false, HSM_E_TEMPLATE_INCOMPLETE },
    { "no key type", CREATE, ENV_AES, WITHOUT, CKA_KEY_TYPE, false, HSM_E_TEMPLATE_INCOMPLETE },
    { "no certificate type", CREATE, ENV_CERTIFICATE, WITHOUT, CKA_CERTIFICATE_TYPE, false,
      HSM_E_TEMPLATE_INCOMPLETE },
    { "no value", CREATE, ENV_AES, WITHOUT, CKA_VALUE, false, HSM_E_TEMPLATE_INCOMPLETE },
    { "no modulus", CREATE, ENV_RSA_PUBLIC, WITHOUT, CKA_MODULUS, false,
      HSM_E_TEMPLATE_INCOMPLETE },
    { "no private exponent", CREATE, ENV_RSA_PRIVATE, WITHOUT, CKA_PRIVATE_EXPONENT, false,
      HSM_E_TEMPLATE_INCOMPLETE },
    { "no primes", CREATE, ENV_RSA_PRIVATE, WITHOUT, CKA_PRIME_1, false, HSM_OK },
    { "no point", CREATE, ENV_EC_PUBLIC, WITHOUT, CKA_EC_POINT, false, HSM_E_TEMPLATE_INCOMPLETE },
    { "no curve", CREATE, ENV_EC_PRIVATE, WITHOUT, CKA_EC_PARAMS, false,
      HSM_E_TEMPLATE_INCOMPLETE },
    { "a point with a private key", CREATE, ENV_EC_PRIVATE, WITH_BYTES, CKA_EC_POINT, false,
      HSM_OK },
    { "no subject", CREATE, ENV_CERTIFICATE, WITHOUT, CKA_SUBJECT, false,
      HSM_E_TEMPLATE_INCOMPLETE },
    { "DSA without subprime", CREATE, ENV_DSA_DOMAIN, WITHOUT, CKA_SUBPRIME, false,
      HSM_E_TEMPLATE_INCOMPLETE },
    { "DH with subprime", CREATE, ENV_DH_DOMAIN, WITH_BYTES, CKA_SUBPRIME, false,
      HSM_E_TEMPLATE_INCONSISTENT },
    { "length at creation", CREATE, ENV_AES, WITH_NUMBER, CKA_VALUE_LEN, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "modulus bits at creation", CREATE, ENV_RSA_PUBLIC, WITH_NUMBER, CKA_MODULUS_BITS, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "local", CREATE, ENV_AES, WITH_TRUE, CKA_LOCAL, false, HSM_E_ATTRIBUTE_READ_ONLY },
    { "always sensitive", CREATE, ENV_RSA_PRIVATE, WITH_TRUE, CKA_ALWAYS_SENSITIVE, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "never extractable", CREATE, ENV_AES, WITH_TRUE, CKA_NEVER_EXTRACTABLE, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "unique id", CREATE, ENV_DATA, WITH_BYTES, CKA_UNIQUE_ID, false, HSM_E_ATTRIBUTE_READ_ONLY },
    { "unique id when generated", GENERATE, ENV_AES, WITH_BYTES, CKA_UNIQUE_ID, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "unique id when derived", DERIVE, ENV_AES, WITH_BYTES, CKA_UNIQUE_ID, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "trusted by a user", CREATE, ENV_CERTIFICATE, WITH_TRUE, CKA_TRUSTED, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "not trusted by a user", CREATE, ENV_CERTIFICATE, WITH_FALSE, CKA_TRUSTED, false, HSM_OK },
    { "trusted by the SO", CREATE, ENV_CERTIFICATE, WITH_TRUE, CKA_TRUSTED, true, HSM_OK },
    { "an empty certificate", CREATE, ENV_CERTIFICATE, WITH_EMPTY, CKA_VALUE, false,
      HSM_E_TEMPLATE_INCONSISTENT },
    { "a URL without hashes", CREATE, ENV_CERTIFICATE, WITH_BYTES, CKA_URL, false,
      HSM_E_TEMPLATE_INCONSISTENT },
    { "category 1", CREATE, ENV_CERTIFICATE, WITH_NUMBER, CKA_CERTIFICATE_CATEGORY, false, HSM_OK },
    { "an empty key", CREATE, ENV_GENERIC, WITH_EMPTY, CKA_VALUE, false, HSM_E_ATTRIBUTE_VALUE },
    { "an empty modulus", CREATE, ENV_RSA_PUBLIC, WITH_EMPTY, CKA_MODULUS, false,
      HSM_E_ATTRIBUTE_VALUE },
    { "authenticate a private key", CREATE, ENV_RSA_PRIVATE, WITH_TRUE, CKA_ALWAYS_AUTHENTICATE,
      false, HSM_OK },
    { "a profile", CREATE, ENV_PROFILE, AS_IT_IS, 0, false, HSM_E_ATTRIBUTE_VALUE },
    { "a mechanism", CREATE, ENV_MECHANISM, AS_IT_IS, 0, false, HSM_E_ATTRIBUTE_VALUE },
    { "the token's own profile", HSM_ORIGIN_TOKEN, ENV_PROFILE, AS_IT_IS, 0, false, HSM_OK },
    { "the token's own unique id", HSM_ORIGIN_TOKEN, ENV_PROFILE, WITH_BYTES, CKA_UNIQUE_ID, false,
      HSM_OK },

    { "value when generated", GENERATE, ENV_AES, AS_IT_IS, 0, false, HSM_E_ATTRIBUTE_READ_ONLY },
    { "no length when generated", GENERATE, ENV_AES, WITHOUT, CKA_VALUE, false,
      HSM_E_TEMPLATE_INCOMPLETE },
    { "modulus when generated", GENERATE, ENV_RSA_PUBLIC, AS_IT_IS, 0, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "no modulus bits", GENERATE, ENV_RSA_PUBLIC, WITHOUT, CKA_MODULUS, false,
      HSM_E_TEMPLATE_INCOMPLETE },
    { "a pair's public half", GENERATE, ENV_EC_PUBLIC, WITHOUT, CKA_EC_POINT, false, HSM_OK },
    { "a curve in the private template", GENERATE, ENV_EC_PRIVATE, WITHOUT, CKA_VALUE, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "value when unwrapped", UNWRAP, ENV_AES, AS_IT_IS, 0, false, HSM_E_ATTRIBUTE_READ_ONLY },
    { "unwrapped", UNWRAP, ENV_AES, WITHOUT, CKA_VALUE, false, HSM_OK },
    { "value when derived", DERIVE, ENV_GENERIC, AS_IT_IS, 0, false, HSM_E_ATTRIBUTE_READ_ONLY },
    { "derived", DERIVE, ENV_GENERIC, WITHOUT, CKA_VALUE, false, HSM_OK },
};

static void apply_edit(env_template *t, edit how, CK_ATTRIBUTE_TYPE type)
{
    if (how == WITH_EMPTY)
        env_without(t, type);
    switch (how) {
    case AS_IT_IS:
        break;
    case WITHOUT:
        env_without(t, type);
        break;
    case WITH_TRUE:
    case WITH_FALSE:
        env_bool(t, type, how == WITH_TRUE);
        break;
    case WITH_NUMBER:
        env_ulong(t, type, 1);
        break;
    case WITH_BYTES:
        env_text(t, type, "abc");
        break;
    case WITH_EMPTY:
        env_bytes(t, type, NULL, 0);
        break;
    }
}

static void rules_of_creation_hold(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(rules); i++) {
        HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
        env_template t = { .count = 0 };

        CASE(rules[i].label);
        env_fill(&t, rules[i].base);
        apply_edit(&t, rules[i].edit, rules[i].type);
        const hsm_template view = env_view(&t);
        CHECK_ERR(hsm_draft_from_template(rules[i].origin, &view, &none, rules[i].is_so, &draft),
                  rules[i].want);
        CHECK_EQ(draft != NULL, rules[i].want == HSM_OK);
    }
}

/* What C_CreateObject needs is exactly what each base has. */
static void each_base_is_complete(void)
{
    for (env_base base = 0; base < ENV_BASE_COUNT; base++) {
        HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(base);

        CHECK_THAT(draft != NULL);
    }
}

static void authenticating_keys_are_private(void)
{
    hsm_draft *draft = NULL;
    env_template t = { .count = 0 };

    env_fill(&t, ENV_RSA_PRIVATE);
    env_bool(&t, CKA_ALWAYS_AUTHENTICATE, true);
    env_bool(&t, CKA_PRIVATE, false);
    const hsm_template view = env_view(&t);
    CHECK_ERR(hsm_draft_from_template(CREATE, &view, &none, false, &draft),
              HSM_E_TEMPLATE_INCONSISTENT);
}

static void a_url_replaces_a_certificate(void)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    env_template t = { .count = 0 };

    env_fill(&t, ENV_CERTIFICATE);
    env_without(&t, CKA_VALUE);
    env_bytes(&t, CKA_VALUE, NULL, 0);
    env_text(&t, CKA_URL, "https://example.org/a.der");
    env_text(&t, CKA_HASH_OF_SUBJECT_PUBLIC_KEY, "12345678901234567890");
    env_text(&t, CKA_HASH_OF_ISSUER_PUBLIC_KEY, "12345678901234567890");
    const hsm_template view = env_view(&t);
    CHECK_OK(hsm_draft_from_template(CREATE, &view, &none, false, &draft));
}

static void a_mechanism_may_be_repeated_not_contradicted(void)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    env_template implied = { .count = 0 };
    env_template t = { .count = 0 };
    hsm_draft *refused = NULL;

    env_kind(&implied, CKO_SECRET_KEY, CKK_AES);
    env_ulong(&t, CKA_VALUE_LEN, 16);
    const hsm_template given = env_view(&implied);
    hsm_template view = env_view(&t);
    CHECK_OK(hsm_draft_from_template(GENERATE, &view, &given, false, &draft));
    CHECK_EQ(hsm_draft_ulong(draft, CKA_KEY_TYPE, 0), CKK_AES);
    hsm_draft_drop(&draft);

    CASE("repeated");
    env_kind(&t, CKO_SECRET_KEY, CKK_AES);
    view = env_view(&t);
    CHECK_OK(hsm_draft_from_template(GENERATE, &view, &given, false, &draft));

    CASE("contradicted");
    env_without(&t, CKA_KEY_TYPE);
    env_ulong(&t, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    view = env_view(&t);
    CHECK_ERR(hsm_draft_from_template(GENERATE, &view, &given, false, &refused),
              HSM_E_TEMPLATE_INCONSISTENT);

    CASE("another implied attribute contradicted");
    env_without(&t, CKA_KEY_TYPE);
    env_ulong(&implied, CKA_VALUE_LEN, 32);
    const hsm_template more = env_view(&implied);
    view = env_view(&t);
    CHECK_ERR(hsm_draft_from_template(GENERATE, &view, &more, false, &refused),
              HSM_E_TEMPLATE_INCONSISTENT);
}

static void too_many_attributes_are_refused(void)
{
    hsm_attr attrs[HSM_TEMPLATE_MAX_ATTRS + 1];
    const hsm_template view = { attrs, HSM_ARRAY_LEN(attrs) };
    hsm_draft *draft = NULL;

    for (size_t i = 0; i < HSM_ARRAY_LEN(attrs); i++)
        attrs[i] = (hsm_attr){ CKA_ID, hsm_bytes_none() };
    CHECK_ERR(hsm_draft_from_template(CREATE, &view, &none, false, &draft), HSM_E_ARG);
}

/* --- defaults ----------------------------------------------------------------------------------- */

static const struct {
    const char *label;
    env_base base;
    CK_ATTRIBUTE_TYPE type;
    bool want;
} bool_defaults[] = {
    { "objects are session objects", ENV_AES, CKA_TOKEN, false },
    { "private keys are private", ENV_EC_PRIVATE, CKA_PRIVATE, true },
    { "secret keys are private", ENV_AES, CKA_PRIVATE, true },
    { "public keys are public", ENV_RSA_PUBLIC, CKA_PRIVATE, false },
    { "certificates are public", ENV_CERTIFICATE, CKA_PRIVATE, false },
    { "data is public", ENV_DATA, CKA_PRIVATE, false },
    { "modifiable", ENV_DATA, CKA_MODIFIABLE, true },
    { "copyable", ENV_AES, CKA_COPYABLE, true },
    { "destroyable", ENV_CERTIFICATE, CKA_DESTROYABLE, true },
    { "not trusted", ENV_CERTIFICATE, CKA_TRUSTED, false },
    { "private keys are sensitive", ENV_RSA_PRIVATE, CKA_SENSITIVE, true },
    { "secret keys are not, says the standard", ENV_AES, CKA_SENSITIVE, false },
    { "private keys stay", ENV_RSA_PRIVATE, CKA_EXTRACTABLE, false },
    { "secret keys stay", ENV_AES, CKA_EXTRACTABLE, false },
    { "deriving is asked for", ENV_EC_PRIVATE, CKA_DERIVE, false },
    { "RSA signs", ENV_RSA_PRIVATE, CKA_SIGN, true },
    { "RSA decrypts", ENV_RSA_PRIVATE, CKA_DECRYPT, true },
    { "RSA unwraps", ENV_RSA_PRIVATE, CKA_UNWRAP, true },
    { "RSA wraps", ENV_RSA_PUBLIC, CKA_WRAP, true },
    { "EC signs", ENV_EC_PRIVATE, CKA_SIGN, true },
    { "EC does not decrypt", ENV_EC_PRIVATE, CKA_DECRYPT, false },
    { "EC verifies", ENV_EC_PUBLIC, CKA_VERIFY, true },
    { "X25519 does not sign", ENV_X25519_PRIVATE, CKA_SIGN, false },
    { "AES encrypts", ENV_AES, CKA_ENCRYPT, true },
    { "AES wraps", ENV_AES, CKA_WRAP, true },
    { "AES signs", ENV_AES, CKA_SIGN, true },
    { "generic secrets sign", ENV_GENERIC, CKA_SIGN, true },
    { "generic secrets do not encrypt", ENV_GENERIC, CKA_ENCRYPT, false },
    { "no PIN for each use", ENV_RSA_PRIVATE, CKA_ALWAYS_AUTHENTICATE, false },
    { "any key may wrap it", ENV_AES, CKA_WRAP_WITH_TRUSTED, false },
    { "not made here", ENV_AES, CKA_LOCAL, false },
};

static void defaults_are_filled_in(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(bool_defaults); i++) {
        HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(bool_defaults[i].base);
        hsm_bytes value = hsm_bytes_none();

        CASE(bool_defaults[i].label);
        CHECK_THAT(hsm_draft_get(draft, bool_defaults[i].type, &value));
        CHECK_BYTES(value.data, value.len, bool_defaults[i].want ? "\1" : "\0", 1);
    }
    CASE("bytes and numbers");
    HSM_AUTO(hsm_draft_drop) hsm_draft *key = env_draft(ENV_RSA_PRIVATE);
    hsm_bytes value;
    CHECK_THAT(hsm_draft_get(key, CKA_LABEL, &value) && value.len == 0);
    CHECK_THAT(hsm_draft_get(key, CKA_START_DATE, &value) && value.len == 0);
    CHECK_EQ(hsm_draft_ulong(key, CKA_KEY_GEN_MECHANISM, 0), CK_UNAVAILABLE_INFORMATION);
    CHECK_THAT(!hsm_draft_get(key, CKA_ALLOWED_MECHANISMS, &value));
    CHECK_THAT(!hsm_draft_get(key, CKA_UNIQUE_ID, &value));
}

static bool derived_is_extractable(edit how)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    env_template t = { .count = 0 };

    env_kind(&t, CKO_SECRET_KEY, CKK_GENERIC_SECRET);
    apply_edit(&t, how, CKA_TOKEN);
    const hsm_template view = env_view(&t);
    CHECK_OK(hsm_draft_from_template(DERIVE, &view, &none, false, &draft));
    return hsm_draft_bool(draft, CKA_EXTRACTABLE, false);
}

static void derived_session_keys_are_extractable(void)
{
    CHECK_THAT(derived_is_extractable(AS_IT_IS));
    CHECK_THAT(!derived_is_extractable(WITH_TRUE));
}

/* --- rules of change ---------------------------------------------------------------------------- */

static const rule_case changes[] = {
    { "label", CREATE, ENV_AES, WITH_BYTES, CKA_LABEL, false, HSM_OK },
    { "id", CREATE, ENV_RSA_PUBLIC, WITH_BYTES, CKA_ID, false, HSM_OK },
    { "a certificate's id", CREATE, ENV_CERTIFICATE, WITH_BYTES, CKA_ID, false, HSM_OK },
    { "a certificate's issuer", CREATE, ENV_CERTIFICATE, WITH_BYTES, CKA_ISSUER, false, HSM_OK },
    { "a certificate's subject", CREATE, ENV_CERTIFICATE, WITH_BYTES, CKA_SUBJECT, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "a certificate's value", CREATE, ENV_CERTIFICATE, WITH_BYTES, CKA_VALUE, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "a key's value", CREATE, ENV_AES, WITH_BYTES, CKA_VALUE, false, HSM_E_ATTRIBUTE_READ_ONLY },
    { "class", CREATE, ENV_AES, WITH_NUMBER, CKA_CLASS, false, HSM_E_ATTRIBUTE_READ_ONLY },
    { "token", CREATE, ENV_AES, WITH_TRUE, CKA_TOKEN, false, HSM_E_ATTRIBUTE_READ_ONLY },
    { "token, of a copy", HSM_ORIGIN_COPY, ENV_AES, WITH_TRUE, CKA_TOKEN, false, HSM_OK },
    { "private", CREATE, ENV_DATA, WITH_TRUE, CKA_PRIVATE, false, HSM_E_ATTRIBUTE_READ_ONLY },
    { "a private copy", HSM_ORIGIN_COPY, ENV_DATA, WITH_TRUE, CKA_PRIVATE, false, HSM_OK },
    { "a public copy of a private object", HSM_ORIGIN_COPY, ENV_AES, WITH_FALSE, CKA_PRIVATE, false,
      HSM_E_TEMPLATE_INCONSISTENT },
    { "modifiable, of a copy", HSM_ORIGIN_COPY, ENV_AES, WITH_FALSE, CKA_MODIFIABLE, false,
      HSM_OK },
    { "destroyable, of a copy", HSM_ORIGIN_COPY, ENV_AES, WITH_FALSE, CKA_DESTROYABLE, false,
      HSM_OK },
    { "destroyable", CREATE, ENV_AES, WITH_FALSE, CKA_DESTROYABLE, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "no longer copyable", CREATE, ENV_AES, WITH_FALSE, CKA_COPYABLE, false, HSM_OK },
    { "becomes sensitive", CREATE, ENV_AES, WITH_TRUE, CKA_SENSITIVE, false, HSM_OK },
    { "stays not sensitive", CREATE, ENV_AES, WITH_FALSE, CKA_SENSITIVE, false, HSM_OK },
    { "no longer sensitive", CREATE, ENV_RSA_PRIVATE, WITH_FALSE, CKA_SENSITIVE, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "a copy no longer sensitive", HSM_ORIGIN_COPY, ENV_RSA_PRIVATE, WITH_FALSE, CKA_SENSITIVE,
      false, HSM_E_ATTRIBUTE_READ_ONLY },
    { "becomes extractable", CREATE, ENV_AES, WITH_TRUE, CKA_EXTRACTABLE, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "wrap with trusted", CREATE, ENV_AES, WITH_TRUE, CKA_WRAP_WITH_TRUSTED, false, HSM_OK },
    { "always sensitive", CREATE, ENV_AES, WITH_TRUE, CKA_ALWAYS_SENSITIVE, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "local, of a copy", HSM_ORIGIN_COPY, ENV_AES, WITH_FALSE, CKA_LOCAL, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "unique id", HSM_ORIGIN_COPY, ENV_AES, WITH_BYTES, CKA_UNIQUE_ID, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "usage", CREATE, ENV_AES, WITH_FALSE, CKA_SIGN, false, HSM_OK },
    { "trusted by a user", CREATE, ENV_AES, WITH_TRUE, CKA_TRUSTED, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "trusted by the SO", CREATE, ENV_AES, WITH_TRUE, CKA_TRUSTED, true, HSM_OK },
    { "PIN for each use", CREATE, ENV_RSA_PRIVATE, WITH_TRUE, CKA_ALWAYS_AUTHENTICATE, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "mechanisms", CREATE, ENV_AES, WITH_EMPTY, CKA_ALLOWED_MECHANISMS, false,
      HSM_E_ATTRIBUTE_READ_ONLY },
    { "check value chosen", CREATE, ENV_AES, WITH_BYTES, CKA_CHECK_VALUE, false,
      HSM_E_ATTRIBUTE_VALUE },
    { "check value removed", CREATE, ENV_AES, WITH_EMPTY, CKA_CHECK_VALUE, false, HSM_OK },
    { "public key info of a private key", CREATE, ENV_EC_PRIVATE, WITH_BYTES, CKA_PUBLIC_KEY_INFO,
      false, HSM_OK },
    { "public key info of a public key", CREATE, ENV_EC_PUBLIC, WITH_BYTES, CKA_PUBLIC_KEY_INFO,
      false, HSM_E_ATTRIBUTE_READ_ONLY },
    { "unknown", CREATE, ENV_AES, WITH_BYTES, CKA_VENDOR_DEFINED | 1, false, HSM_E_ATTRIBUTE_TYPE },
    { "another class's", CREATE, ENV_AES, WITH_BYTES, CKA_SUBJECT, false,
      HSM_E_TEMPLATE_INCONSISTENT },
    { "a wrong form", CREATE, ENV_AES, WITH_BYTES, CKA_SIGN, false, HSM_E_ATTRIBUTE_VALUE },
};

static void rules_of_change_hold(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(changes); i++) {
        HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(changes[i].base);
        env_template t = { .count = 0 };
        hsm_bytes value = hsm_bytes_none();

        CASE(changes[i].label);
        apply_edit(&t, changes[i].edit, changes[i].type);
        const hsm_template view = env_view(&t);
        CHECK_ERR(hsm_draft_change(draft, changes[i].origin, &view, changes[i].is_so),
                  changes[i].want);
        if (changes[i].want == HSM_OK) {
            CHECK_THAT(hsm_draft_get(draft, changes[i].type, &value));
            CHECK_BYTES(value.data, value.len, t.attrs[0].value.data, t.attrs[0].value.len);
        }
    }
}

static hsm_err change_bool(hsm_draft *draft, hsm_origin origin, CK_ATTRIBUTE_TYPE type, bool value,
                           bool is_so)
{
    env_template t = { .count = 0 };

    env_bool(&t, type, value);
    const hsm_template view = env_view(&t);
    return hsm_draft_change(draft, origin, &view, is_so);
}

static void one_way_attributes_go_one_way(void)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(ENV_AES);

    CHECK_OK(change_bool(draft, CREATE, CKA_COPYABLE, false, false));
    CHECK_OK(change_bool(draft, CREATE, CKA_COPYABLE, false, false));
    CHECK_ERR(change_bool(draft, CREATE, CKA_COPYABLE, true, false), HSM_E_ATTRIBUTE_READ_ONLY);
    CHECK_OK(change_bool(draft, CREATE, CKA_WRAP_WITH_TRUSTED, true, false));
    CHECK_ERR(change_bool(draft, CREATE, CKA_WRAP_WITH_TRUSTED, false, true),
              HSM_E_ATTRIBUTE_READ_ONLY);
}

static void trusted_certificates_do_not_change(void)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(ENV_CERTIFICATE);
    env_template t = { .count = 0 };

    CHECK_OK(change_bool(draft, CREATE, CKA_TRUSTED, true, true));
    env_text(&t, CKA_LABEL, "mine");
    const hsm_template view = env_view(&t);
    CHECK_ERR(hsm_draft_change(draft, CREATE, &view, false), HSM_E_ATTRIBUTE_READ_ONLY);
    CHECK_OK(hsm_draft_change(draft, CREATE, &view, true));
    CHECK_OK(change_bool(draft, CREATE, CKA_TRUSTED, false, true));
}

static void a_copy_may_name_what_it_keeps(void)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(ENV_EC_PRIVATE);
    env_template t = { .count = 0 };

    env_fill(&t, ENV_EC_PRIVATE);
    const hsm_template view = env_view(&t);
    CHECK_OK(hsm_draft_change(draft, HSM_ORIGIN_COPY, &view, false));
}

static void a_change_does_not_contradict_itself(void)
{
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(ENV_DATA);
    env_template t = { .count = 0 };

    env_text(&t, CKA_LABEL, "a");
    env_text(&t, CKA_LABEL, "a");
    const hsm_template same = env_view(&t);
    CHECK_OK(hsm_draft_change(draft, CREATE, &same, false));
    env_text(&t, CKA_LABEL, "b");
    const hsm_template view = env_view(&t);
    CHECK_ERR(hsm_draft_change(draft, CREATE, &view, false), HSM_E_TEMPLATE_INCONSISTENT);
}

static const check_test tests[] = {
    CHECK_TEST(values_are_kept),
    CHECK_TEST(a_part_of_itself_can_be_put),
    CHECK_TEST(a_value_is_taken_or_copied),
    CHECK_TEST(wrong_values_are_refused),
    CHECK_TEST(an_object_has_a_limit),
    CHECK_TEST(rules_of_creation_hold),
    CHECK_TEST(each_base_is_complete),
    CHECK_TEST(authenticating_keys_are_private),
    CHECK_TEST(a_url_replaces_a_certificate),
    CHECK_TEST(a_mechanism_may_be_repeated_not_contradicted),
    CHECK_TEST(too_many_attributes_are_refused),
    CHECK_TEST(defaults_are_filled_in),
    CHECK_TEST(derived_session_keys_are_extractable),
    CHECK_TEST(rules_of_change_hold),
    CHECK_TEST(one_way_attributes_go_one_way),
    CHECK_TEST(trusted_certificates_do_not_change),
    CHECK_TEST(a_copy_may_name_what_it_keeps),
    CHECK_TEST(a_change_does_not_contradict_itself),
};
CHECK_MAIN(tests)
