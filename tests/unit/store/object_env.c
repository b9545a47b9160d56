#include "unit/store/object_env.h"

#include "support/check.h"

const uint8_t env_serial[16] = "serial number 16";
static const uint8_t value16[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };
static const uint8_t p256[] = { 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
static const uint8_t x25519[] = { 0x06, 3, 0x2b, 0x65, 0x6e };

/* --- templates ---------------------------------------------------------------------------------- */

void env_bytes(env_template *t, CK_ATTRIBUTE_TYPE type, const void *data, size_t len)
{
    t->attrs[t->count++] = (hsm_attr){ .type = type, .value = hsm_bytes_of(data, len) };
}

void env_ulong(env_template *t, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
    CK_ULONG *place = &t->numbers[t->count];

    *place = value;
    env_bytes(t, type, place, sizeof *place);
}

void env_bool(env_template *t, CK_ATTRIBUTE_TYPE type, bool value)
{
    uint8_t *place = (uint8_t *)&t->numbers[t->count];

    *place = value ? CK_TRUE : CK_FALSE;
    env_bytes(t, type, place, 1);
}

void env_text(env_template *t, CK_ATTRIBUTE_TYPE type, const char *text)
{
    env_bytes(t, type, text, strlen(text));
}

void env_without(env_template *t, CK_ATTRIBUTE_TYPE type)
{
    size_t kept = 0;

    for (size_t i = 0; i < t->count; i++) {
        if (t->attrs[i].type != type)
            t->attrs[kept++] = t->attrs[i];
    }
    t->count = kept;
}

hsm_template env_view(const env_template *t)
{
    return (hsm_template){ .attrs = t->attrs, .count = t->count };
}

void env_kind(env_template *t, CK_OBJECT_CLASS object_class, CK_KEY_TYPE key_type)
{
    env_ulong(t, CKA_CLASS, object_class);
    env_ulong(t, CKA_KEY_TYPE, key_type);
}

static void fill_rsa(env_template *t, CK_OBJECT_CLASS object_class)
{
    env_kind(t, object_class, CKK_RSA);
    env_bytes(t, CKA_MODULUS, value16, sizeof value16);
    env_bytes(t, CKA_PUBLIC_EXPONENT, "\x01\x00\x01", 3);
    if (object_class == CKO_PRIVATE_KEY) {
        env_bytes(t, CKA_PRIVATE_EXPONENT, value16, sizeof value16);
        env_bytes(t, CKA_PRIME_1, "\xC1\x0B", 2);
        env_bytes(t, CKA_PRIME_2, "\xC5\x0C", 2);
    }
}

static void fill_domain(env_template *t, CK_KEY_TYPE key_type)
{
    env_kind(t, CKO_DOMAIN_PARAMETERS, key_type);
    env_bytes(t, CKA_PRIME, "\xF1\x0B", 2);
    env_bytes(t, CKA_BASE, "\x02", 1);
    if (key_type == CKK_DSA)
        env_bytes(t, CKA_SUBPRIME, "\x0D", 1);
}

static void fill_certificate(env_template *t)
{
    env_ulong(t, CKA_CLASS, CKO_CERTIFICATE);
    env_ulong(t, CKA_CERTIFICATE_TYPE, CKC_X_509);
    env_bytes(t, CKA_SUBJECT, "\x30\x00", 2);
    env_bytes(t, CKA_VALUE, "\x30\x03\x02\x01\x00", 5);
}

void env_fill(env_template *t, env_base base)
{
    t->count = 0;
    switch (base) {
    case ENV_DATA:
        env_ulong(t, CKA_CLASS, CKO_DATA);
        return;
    case ENV_CERTIFICATE:
        fill_certificate(t);
        return;
    case ENV_RSA_PUBLIC:
        fill_rsa(t, CKO_PUBLIC_KEY);
        return;
    case ENV_RSA_PRIVATE:
        fill_rsa(t, CKO_PRIVATE_KEY);
        return;
    case ENV_EC_PUBLIC:
        env_kind(t, CKO_PUBLIC_KEY, CKK_EC);
        env_bytes(t, CKA_EC_PARAMS, p256, sizeof p256);
        env_bytes(t, CKA_EC_POINT, value16, sizeof value16);
        return;
    case ENV_EC_PRIVATE:
        env_kind(t, CKO_PRIVATE_KEY, CKK_EC);
        env_bytes(t, CKA_EC_PARAMS, p256, sizeof p256);
        env_bytes(t, CKA_VALUE, value16, sizeof value16);
        return;
    case ENV_X25519_PRIVATE:
        env_kind(t, CKO_PRIVATE_KEY, CKK_EC_MONTGOMERY);
        env_bytes(t, CKA_EC_PARAMS, x25519, sizeof x25519);
        env_bytes(t, CKA_VALUE, value16, sizeof value16);
        return;
    case ENV_AES:
    case ENV_GENERIC:
        env_kind(t, CKO_SECRET_KEY, base == ENV_AES ? CKK_AES : CKK_GENERIC_SECRET);
        env_bytes(t, CKA_VALUE, value16, sizeof value16);
        return;
    case ENV_DSA_DOMAIN:
    case ENV_DH_DOMAIN:
        fill_domain(t, base == ENV_DSA_DOMAIN ? CKK_DSA : CKK_DH);
        return;
    case ENV_PROFILE:
        env_ulong(t, CKA_CLASS, CKO_PROFILE);
        env_ulong(t, CKA_PROFILE_ID, CKP_BASELINE_PROVIDER);
        return;
    case ENV_MECHANISM:
        env_ulong(t, CKA_CLASS, CKO_MECHANISM);
        env_ulong(t, CKA_MECHANISM_TYPE, CKM_SHA256);
        return;
    case ENV_BASE_COUNT:
        break;
    }
    CHECK_THAT(false);
}

/* --- drafts and objects ------------------------------------------------------------------------- */

hsm_draft *env_draft(env_base base)
{
    static const hsm_template none;
    const bool is_built_in = base == ENV_PROFILE || base == ENV_MECHANISM;
    env_template t = { .count = 0 };
    hsm_draft *draft = NULL;

    env_fill(&t, base);
    const hsm_template view = env_view(&t);
    CHECK_OK(hsm_draft_from_template(is_built_in ? HSM_ORIGIN_TOKEN : HSM_ORIGIN_CREATE, &view,
                                     &none, false, &draft));
    return draft;
}

hsm_bytes env_serial_bytes(void)
{
    return hsm_bytes_of(env_serial, sizeof env_serial);
}

hsm_crypto *env_crypto(void)
{
    static hsm_crypto *crypto;
    static const hsm_crypto_options options = { .backend = "openssl" };

    if (crypto == NULL)
        CHECK_OK(hsm_crypto_create(&options, &crypto));
    return crypto;
}

hsm_seal *env_seal(void)
{
    static const uint8_t key[HSM_AEAD_KEY_BYTES] = { 42 };
    hsm_seal *seal = NULL;

    CHECK_OK(hsm_seal_create(env_crypto(), hsm_bytes_of(key, sizeof key), &seal));
    return seal;
}

hsm_object *env_object(env_base base, hsm_seal *seal)
{
    const hsm_object_ident ident = {
        .id = 7, .version = 3, .slot = 1, .token_serial = env_serial_bytes()
    };
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = env_draft(base);
    hsm_object *object = NULL;

    CHECK_OK(hsm_draft_put_unique_id(draft, hsm_bytes_of_text("an id")));
    CHECK_OK(hsm_object_create(draft, &ident, seal, &object));
    return object;
}
