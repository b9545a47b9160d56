/* Diffie-Hellman: key pairs and domain parameters as objects, derivation, encapsulation, wrapping, and the
 * openssl command on the other side. */
#include <stdio.h>

#include "../unit/crypto/vectors_dh.h"
#include "support.h"

enum { PRIME_BYTES = 256, DER_BYTES_MAX = 4096 };

static uint8_t dh_prime[PRIME_BYTES];
static uint8_t x942_prime[PRIME_BYTES];
static uint8_t x942_base[PRIME_BYTES];
static uint8_t x942_subprime[28];

static void read_groups(void)
{
    CHECK_EQ(from_hex(ffdhe2048_prime, dh_prime, sizeof dh_prime), PRIME_BYTES);
    CHECK_EQ(from_hex(rfc5114_224_prime, x942_prime, sizeof x942_prime), PRIME_BYTES);
    CHECK_EQ(from_hex(rfc5114_224_base, x942_base, sizeof x942_base), PRIME_BYTES);
    CHECK_EQ(from_hex(rfc5114_224_subprime, x942_subprime, sizeof x942_subprime), 28);
}

static void put_group(attrs *tmpl, CK_KEY_TYPE type)
{
    if (type == CKK_DH) {
        put_bytes(tmpl, CKA_PRIME, dh_prime, sizeof dh_prime);
        put_bytes(tmpl, CKA_BASE, "\2", 1);
        return;
    }
    put_bytes(tmpl, CKA_PRIME, x942_prime, sizeof x942_prime);
    put_bytes(tmpl, CKA_BASE, x942_base, sizeof x942_base);
    put_bytes(tmpl, CKA_SUBPRIME, x942_subprime, sizeof x942_subprime);
}

static CK_RV generate(CK_SESSION_HANDLE session, CK_KEY_TYPE type, CK_ULONG value_bits, pair *keys)
{
    CK_MECHANISM mechanism = { type == CKK_DH ? CKM_DH_PKCS_KEY_PAIR_GEN
                                              : CKM_X9_42_DH_KEY_PAIR_GEN,
                               NULL, 0 };
    attrs pub = { .count = 0 };
    attrs priv = { .count = 0 };

    put_group(&pub, type);
    put_bool(&pub, CKA_ENCAPSULATE, true);
    put_bool(&priv, CKA_DERIVE, true);
    put_bool(&priv, CKA_DECAPSULATE, true);
    put_bool(&priv, CKA_EXTRACTABLE, true);
    put_bool(&priv, CKA_SENSITIVE, false);
    if (value_bits > 0)
        put_ulong(&priv, CKA_VALUE_BITS, value_bits);
    return p11->C_GenerateKeyPair(session, &mechanism, pub.at, pub.count, priv.at, priv.count,
                                  &keys->public_key, &keys->private_key);
}

static void put_readable(attrs *tmpl, CK_KEY_TYPE type, CK_ULONG len)
{
    put_ulong(tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(tmpl, CKA_KEY_TYPE, type);
    put_bool(tmpl, CKA_SENSITIVE, false);
    put_bool(tmpl, CKA_EXTRACTABLE, true);
    if (len > 0)
        put_ulong(tmpl, CKA_VALUE_LEN, len);
}

/* The whole shared secret. */
static size_t derive(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM *mechanism,
                     uint8_t out[static PRIME_BYTES])
{
    CK_OBJECT_HANDLE secret = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_readable(&tmpl, CKK_GENERIC_SECRET, 0);
    if (!CHECK_OK(p11->C_DeriveKey(session, mechanism, key, tmpl.at, tmpl.count, &secret)))
        return 0;
    return get_attr(session, secret, CKA_VALUE, out, PRIME_BYTES);
}

static const struct {
    const char *name;
    CK_KEY_TYPE type;
    const char *genpkey;
} kinds[] = {
    { "DH", CKK_DH, "-algorithm DH -pkeyopt group:ffdhe2048" },
    { "X9.42", CKK_X9_42_DH, "-algorithm DHX -pkeyopt group:dh_2048_224" },
};

static void pairs_have_their_attributes(void)
{
    FIXTURE(fix);
    uint8_t value[PRIME_BYTES];
    CK_ULONG bits = 0;

    read_groups();
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const bool is_dh = kinds[i].type == CKK_DH;
        const size_t longest = is_dh ? 32 : 28; /* the order has 28 bytes */
        pair keys;

        CASE(kinds[i].name);
        REQUIRE_OK(generate(fix.session, kinds[i].type, is_dh ? 256 : 0, &keys));
        const CK_OBJECT_HANDLE both[] = { keys.public_key, keys.private_key };
        for (size_t k = 0; k < 2; k++) {
            CHECK_EQ(get_attr(fix.session, both[k], CKA_PRIME, value, sizeof value), PRIME_BYTES);
            CHECK_BYTES(value, PRIME_BYTES, is_dh ? dh_prime : x942_prime, PRIME_BYTES);
            CHECK_EQ(get_attr(fix.session, both[k], CKA_BASE, value, sizeof value),
                     is_dh ? 1 : PRIME_BYTES);
            CHECK_THAT(get_bool(fix.session, both[k], CKA_LOCAL));
        }
        const size_t len = get_attr(fix.session, keys.private_key, CKA_VALUE, value, sizeof value);
        CHECK_THAT(len <= longest && len > longest - 4);
        CHECK_EQ(ask_attr(fix.session, keys.private_key, CKA_VALUE_BITS),
                 is_dh ? CKR_OK : CKR_ATTRIBUTE_TYPE_INVALID);
        if (is_dh) {
            CHECK_EQ(get_attr(fix.session, keys.private_key, CKA_VALUE_BITS, &bits, sizeof bits),
                     sizeof bits);
            CHECK_EQ(bits, 256);
        }
    }
    pair keys;
    CHECK_EQ(generate(fix.session, CKK_DH, 223, &keys), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_EQ(generate(fix.session, CKK_DH, (CK_ULONG)1 << 40, &keys), CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_EQ(generate(fix.session, CKK_X9_42_DH, 224, &keys), CKR_TEMPLATE_INCONSISTENT);
    dh_prime[7] ^= 1;
    CHECK_EQ(generate(fix.session, CKK_DH, 0, &keys), CKR_DOMAIN_PARAMS_INVALID);
}

static void two_pairs_agree(void)
{
    FIXTURE(fix);
    CK_X9_42_DH1_DERIVE_PARAMS rooms[2];

    read_groups();
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        uint8_t public_value[2][PRIME_BYTES];
        uint8_t secret[2][PRIME_BYTES];
        size_t public_len[2];
        pair keys[2];

        CASE(kinds[i].name);
        for (size_t k = 0; k < 2; k++) {
            REQUIRE_OK(generate(fix.session, kinds[i].type, 0, &keys[k]));
            public_len[k] =
                get_attr(fix.session, keys[k].public_key, CKA_VALUE, public_value[k], PRIME_BYTES);
        }
        for (size_t k = 0; k < 2; k++) {
            CK_MECHANISM mechanism =
                dh_agreement(kinds[i].type, public_value[1 - k], public_len[1 - k], &rooms[k]);
            CHECK_EQ(derive(fix.session, keys[k].private_key, &mechanism, secret[k]), PRIME_BYTES);
        }
        CHECK_BYTES(secret[0], PRIME_BYTES, secret[1], PRIME_BYTES);

        CASE("shorter keys are the secret's end; a derivation needs the other's value");
        CK_MECHANISM mechanism =
            dh_agreement(kinds[i].type, public_value[1], public_len[1], &rooms[0]);
        CK_OBJECT_HANDLE aes = CK_INVALID_HANDLE;
        attrs tmpl = { .count = 0 };
        uint8_t value[32];
        put_readable(&tmpl, CKK_AES, 32);
        CHECK_OK(p11->C_DeriveKey(fix.session, &mechanism, keys[0].private_key, tmpl.at, tmpl.count,
                                  &aes));
        CHECK_EQ(get_attr(fix.session, aes, CKA_VALUE, value, sizeof value), 32);
        CHECK_BYTES(value, 32, secret[0] + PRIME_BYTES - 32, 32);
        mechanism = dh_agreement(kinds[i].type, NULL, 0, &rooms[0]);
        CHECK_EQ(p11->C_DeriveKey(fix.session, &mechanism, keys[0].private_key, tmpl.at, tmpl.count,
                                  &aes),
                 CKR_MECHANISM_PARAM_INVALID);
    }
}

static void keys_are_encapsulated(void)
{
    FIXTURE(fix);
    CK_X9_42_DH1_DERIVE_PARAMS room;

    REQUIRE_THAT(p11_3 != NULL);
    read_groups();
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        CK_MECHANISM mechanism = dh_agreement(kinds[i].type, NULL, 0, &room);
        CK_OBJECT_HANDLE sent = CK_INVALID_HANDLE;
        CK_OBJECT_HANDLE received = CK_INVALID_HANDLE;
        CK_BYTE ciphertext[PRIME_BYTES];
        CK_ULONG len = 0;
        attrs tmpl = { .count = 0 };
        uint8_t a[32], b[32];
        pair keys;

        CASE(kinds[i].name);
        REQUIRE_OK(generate(fix.session, kinds[i].type, 0, &keys));
        put_readable(&tmpl, CKK_AES, 32);
        CHECK_OK(p11_3->C_EncapsulateKey(fix.session, &mechanism, keys.public_key, tmpl.at,
                                         tmpl.count, NULL, &len, &sent));
        CHECK_EQ(len, PRIME_BYTES);
        CHECK_OK(p11_3->C_EncapsulateKey(fix.session, &mechanism, keys.public_key, tmpl.at,
                                         tmpl.count, ciphertext, &len, &sent));
        CHECK_OK(p11_3->C_DecapsulateKey(fix.session, &mechanism, keys.private_key, tmpl.at,
                                         tmpl.count, ciphertext, len, &received));
        CHECK_EQ(get_attr(fix.session, sent, CKA_VALUE, a, sizeof a), 32);
        CHECK_EQ(get_attr(fix.session, received, CKA_VALUE, b, sizeof b), 32);
        CHECK_BYTES(a, 32, b, 32);
        memset(ciphertext, 0, sizeof ciphertext);
        CHECK_EQ(p11_3->C_DecapsulateKey(fix.session, &mechanism, keys.private_key, tmpl.at,
                                         tmpl.count, ciphertext, len, &received),
                 CKR_WRAPPED_KEY_INVALID);
        CHECK_EQ(p11_3->C_DecapsulateKey(fix.session, &mechanism, keys.private_key, tmpl.at,
                                         tmpl.count, ciphertext, len - 1, &received),
                 CKR_WRAPPED_KEY_LEN_RANGE);
    }
}

static void domain_parameters_are_objects(void)
{
    FIXTURE(fix);
    CK_ULONG bits = 0;

    read_groups();
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        CK_OBJECT_HANDLE domain = CK_INVALID_HANDLE;
        attrs tmpl = { .count = 0 };

        CASE(kinds[i].name);
        put_ulong(&tmpl, CKA_CLASS, CKO_DOMAIN_PARAMETERS);
        put_ulong(&tmpl, CKA_KEY_TYPE, kinds[i].type);
        put_group(&tmpl, kinds[i].type);
        REQUIRE_OK(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &domain));
        CHECK_EQ(get_attr(fix.session, domain, CKA_PRIME_BITS, &bits, sizeof bits), sizeof bits);
        CHECK_EQ(bits, 2048);
        if (kinds[i].type == CKK_X9_42_DH) {
            CHECK_EQ(get_attr(fix.session, domain, CKA_SUBPRIME_BITS, &bits, sizeof bits),
                     sizeof bits);
            CHECK_EQ(bits, 224);
        }
        put_ulong(&tmpl, CKA_PRIME_BITS, 2048);
        CHECK_EQ(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &domain),
                 CKR_ATTRIBUTE_READ_ONLY);
    }
}

/* --- the openssl command ------------------------------------------------------------------------ */

static size_t read_file(const fixture *fix, const char *name, uint8_t *out, size_t room)
{
    char path[192];

    (void)snprintf(path, sizeof path, "%s/%s", fix->dir, name);
    FILE *file = fopen(path, "rb");
    if (!CHECK_THAT(file != NULL))
        return 0;
    const size_t len = fread(out, 1, room, file);
    (void)fclose(file);
    return len;
}

/* A private key as PKCS#8 in the clear, out of the token and into it, by way of AES-CBC-PAD. */
static size_t take_out(const fixture *fix, CK_OBJECT_HANDLE key, uint8_t *out)
{
    static CK_BYTE iv[16];
    CK_MECHANISM mechanism = { CKM_AES_CBC_PAD, iv, sizeof iv };
    const CK_OBJECT_HANDLE kek = generate_aes(fix->session, 32, false, "kek");
    uint8_t wrapped[DER_BYTES_MAX];
    CK_ULONG wrapped_len = sizeof wrapped;
    CK_ULONG len = DER_BYTES_MAX;

    CHECK_OK(p11->C_WrapKey(fix->session, &mechanism, kek, key, wrapped, &wrapped_len));
    CHECK_OK(p11->C_DecryptInit(fix->session, &mechanism, kek));
    CHECK_OK(p11->C_Decrypt(fix->session, wrapped, wrapped_len, out, &len));
    return len;
}

static CK_OBJECT_HANDLE take_in(const fixture *fix, uint8_t *der, size_t der_len, CK_KEY_TYPE type)
{
    static CK_BYTE iv[16];
    CK_MECHANISM mechanism = { CKM_AES_CBC_PAD, iv, sizeof iv };
    const CK_OBJECT_HANDLE kek = generate_aes(fix->session, 32, false, "kek");
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    uint8_t wrapped[DER_BYTES_MAX];
    CK_ULONG len = sizeof wrapped;
    attrs tmpl = { .count = 0 };

    CHECK_OK(p11->C_EncryptInit(fix->session, &mechanism, kek));
    CHECK_OK(p11->C_Encrypt(fix->session, der, der_len, wrapped, &len));
    put_ulong(&tmpl, CKA_CLASS, CKO_PRIVATE_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, type);
    put_bool(&tmpl, CKA_DERIVE, true);
    put_bool(&tmpl, CKA_EXTRACTABLE, true);
    put_bool(&tmpl, CKA_SENSITIVE, false);
    CHECK_OK(
        p11->C_UnwrapKey(fix->session, &mechanism, kek, wrapped, len, tmpl.at, tmpl.count, &key));
    return key;
}

/* The public value is the INTEGER that ends a SubjectPublicKeyInfo: a byte more than the prime, or
 * some fewer. Left padded to the prime's length. */
static void read_public_value(const uint8_t *spki, size_t len, uint8_t out[PRIME_BYTES])
{
    memset(out, 0, PRIME_BYTES);
    for (size_t at = len - PRIME_BYTES - 5; at + 4 < len; at++) {
        const uint8_t *value = spki + at + 4;
        size_t value_len = (size_t)spki[at + 2] << 8 | spki[at + 3];

        if (spki[at] != 0x02 || spki[at + 1] != 0x82 || at + 4 + value_len != len)
            continue;
        if (value_len > PRIME_BYTES) { /* the sign */
            value++;
            value_len--;
        }
        memcpy(out + PRIME_BYTES - value_len, value, value_len);
        return;
    }
    CASE("an INTEGER ends it");
    CHECK_THAT(false);
}

/* Theirs and ours derive the same; then each derives with the other's private key. */
static void openssl_derives_the_same(void)
{
    FIXTURE(fix);
    CK_X9_42_DH1_DERIVE_PARAMS room;

    if (!has_command("openssl") || !module_is_ours())
        SKIP("needs the openssl command and CKA_PUBLIC_KEY_INFO");
    read_groups();
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        uint8_t der[DER_BYTES_MAX], secret[PRIME_BYTES], theirs[PRIME_BYTES], peer[PRIME_BYTES];
        char command[512];
        pair keys;

        CASE(kinds[i].name);
        REQUIRE_OK(generate(fix.session, kinds[i].type, 0, &keys));
        size_t len = get_attr(fix.session, keys.public_key, CKA_PUBLIC_KEY_INFO, der, sizeof der);
        REQUIRE_THAT(len != SIZE_MAX && write_file(&fix, "ours.pub", der, len));
        len = take_out(&fix, keys.private_key, der);
        REQUIRE_THAT(write_file(&fix, "ours.key", der, len));
        (void)snprintf(command, sizeof command,
                       "openssl genpkey %s -outform DER -out theirs.key && "
                       "openssl pkey -in theirs.key -inform DER -pubout -outform DER "
                       "-out theirs.pub && "
                       "openssl pkeyutl -derive -inkey theirs.key -keyform DER "
                       "-peerkey ours.pub -peerform DER -out secret && "
                       "openssl pkey -in ours.key -inform DER -noout -check && "
                       "openssl pkeyutl -derive -inkey ours.key -keyform DER "
                       "-peerkey theirs.pub -peerform DER -out secret2 && cmp secret secret2",
                       kinds[i].genpkey);
        REQUIRE_THAT(run_command(&fix, command));
        len = read_file(&fix, "secret", theirs, sizeof theirs); /* without leading zeros */
        memset(secret, 0, sizeof secret);
        memcpy(secret + PRIME_BYTES - len, theirs, len);

        len = read_file(&fix, "theirs.pub", der, sizeof der);
        read_public_value(der, len, peer);
        CK_MECHANISM mechanism = dh_agreement(kinds[i].type, peer, PRIME_BYTES, &room);
        CHECK_EQ(derive(fix.session, keys.private_key, &mechanism, theirs), PRIME_BYTES);
        CHECK_BYTES(theirs, PRIME_BYTES, secret, PRIME_BYTES);

        len = read_file(&fix, "theirs.key", der, sizeof der);
        const CK_OBJECT_HANDLE foreign = take_in(&fix, der, len, kinds[i].type);
        len = get_attr(fix.session, keys.public_key, CKA_VALUE, peer, sizeof peer);
        mechanism = dh_agreement(kinds[i].type, peer, len, &room);
        CHECK_EQ(derive(fix.session, foreign, &mechanism, theirs), PRIME_BYTES);
        CHECK_BYTES(theirs, PRIME_BYTES, secret, PRIME_BYTES);
    }
}

/* From the private key alone: the same public value as the pair's. */
static void public_keys_come_from_private_ones(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_PUB_KEY_FROM_PRIV_KEY, NULL, 0 };

    read_groups();
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        CK_OBJECT_HANDLE derived = CK_INVALID_HANDLE;
        uint8_t a[PRIME_BYTES], b[PRIME_BYTES];
        pair keys;

        CASE(kinds[i].name);
        REQUIRE_OK(generate(fix.session, kinds[i].type, 0, &keys));
        REQUIRE_OK(p11->C_DeriveKey(fix.session, &mechanism, keys.private_key, NULL, 0, &derived));
        const size_t len = get_attr(fix.session, keys.public_key, CKA_VALUE, a, sizeof a);
        CHECK_EQ(get_attr(fix.session, derived, CKA_VALUE, b, sizeof b), len);
        CHECK_BYTES(a, len, b, len);
    }
}

static const check_test tests[] = {
    CHECK_TEST(pairs_have_their_attributes), CHECK_TEST(two_pairs_agree),
    CHECK_TEST(keys_are_encapsulated),       CHECK_TEST(domain_parameters_are_objects),
    CHECK_TEST(openssl_derives_the_same),    CHECK_TEST(public_keys_come_from_private_ones),
};
CHECK_MAIN(tests)
