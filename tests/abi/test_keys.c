/* Generating, wrapping, unwrapping and deriving keys. */
#include <stdio.h>

#include "support.h"

static CK_ULONG get_ulong(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type)
{
    CK_ULONG value = 0;

    CHECK_EQ(get_attr(session, key, type, &value, sizeof value), sizeof value);
    return value;
}

static void generated_secret_keys(void)
{
    static const CK_ULONG sizes[] = { 16, 24, 32 };
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
    CK_BYTE first[32];
    CK_BYTE second[32];

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        const CK_OBJECT_HANDLE key = generate_aes(fix.session, sizes[i], false, "aes");
        const CK_OBJECT_HANDLE other = generate_aes(fix.session, sizes[i], false, "aes");

        CHECK_EQ(get_ulong(fix.session, key, CKA_CLASS), CKO_SECRET_KEY);
        CHECK_EQ(get_ulong(fix.session, key, CKA_KEY_TYPE), CKK_AES);
        CHECK_EQ(get_ulong(fix.session, key, CKA_VALUE_LEN), sizes[i]);
        CHECK_EQ(get_ulong(fix.session, key, CKA_KEY_GEN_MECHANISM), CKM_AES_KEY_GEN);
        CHECK_THAT(get_bool(fix.session, key, CKA_LOCAL));
        CHECK_THAT(!get_bool(fix.session, key, CKA_ALWAYS_SENSITIVE));
        CHECK_THAT(!get_bool(fix.session, key, CKA_NEVER_EXTRACTABLE));
        CHECK_EQ(get_attr(fix.session, key, CKA_VALUE, first, sizeof first), sizes[i]);
        CHECK_EQ(get_attr(fix.session, other, CKA_VALUE, second, sizeof second), sizes[i]);
        CHECK_THAT(memcmp(first, second, sizes[i]) != 0);
    }
    for (CK_ULONG bad = 3; bad < 40; bad += 5) {
        CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
        attrs tmpl = { .count = 0 };

        put_ulong(&tmpl, CKA_VALUE_LEN, bad);
        const CK_RV rv = p11->C_GenerateKey(fix.session, &mechanism, tmpl.at, tmpl.count, &key);
        CHECK_THAT(rv == CKR_KEY_SIZE_RANGE || rv == CKR_ATTRIBUTE_VALUE_INVALID);
    }
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CHECK_EQ(p11->C_GenerateKey(fix.session, &mechanism, NULL, 0, &key), CKR_TEMPLATE_INCOMPLETE);
    CHECK_EQ(key, CK_INVALID_HANDLE);
}

static void generated_pairs(void)
{
    pair_kind extra_bits = p_256;
    const pair_kind *const kinds[] = {
        &rsa_2048, &p_256, &p_384, &ed_25519, &x_25519, &extra_bits
    };
    FIXTURE(fix);
    CK_BYTE first[1024];
    CK_BYTE second[1024];

    extra_bits.mechanism = CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const pair keys = generate_pair(fix.session, kinds[i], false, "pair");

        CHECK_EQ(get_ulong(fix.session, keys.public_key, CKA_CLASS), CKO_PUBLIC_KEY);
        CHECK_EQ(get_ulong(fix.session, keys.private_key, CKA_CLASS), CKO_PRIVATE_KEY);
        CHECK_EQ(get_ulong(fix.session, keys.private_key, CKA_KEY_TYPE),
                 get_ulong(fix.session, keys.public_key, CKA_KEY_TYPE));
        CHECK_THAT(get_bool(fix.session, keys.private_key, CKA_LOCAL));
        CHECK_THAT(get_bool(fix.session, keys.private_key, CKA_SENSITIVE));
        CHECK_THAT(get_bool(fix.session, keys.private_key, CKA_ALWAYS_SENSITIVE));
        CHECK_THAT(get_bool(fix.session, keys.private_key, CKA_PRIVATE));
        CHECK_EQ(get_ulong(fix.session, keys.private_key, CKA_KEY_GEN_MECHANISM),
                 kinds[i]->mechanism);
        CHECK_EQ(ask_attr(fix.session, keys.private_key,
                          kinds[i]->rsa_bits > 0 ? CKA_PRIVATE_EXPONENT : CKA_VALUE),
                 CKR_ATTRIBUTE_SENSITIVE);
        if (!module_is_ours())
            continue;
        const size_t len =
            get_attr(fix.session, keys.public_key, CKA_PUBLIC_KEY_INFO, first, sizeof first);
        CHECK_EQ(
            get_attr(fix.session, keys.private_key, CKA_PUBLIC_KEY_INFO, second, sizeof second),
            len);
        CHECK_THAT(len != SIZE_MAX && memcmp(first, second, len) == 0);
    }
}

static void generation_that_can_not_be(void)
{
    static const CK_BYTE unknown_curve[] = { 0x06, 0x03, 0x2b, 0x01, 0x02 };
    FIXTURE(fix);
    CK_MECHANISM ec = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_MECHANISM rsa = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
    CK_MECHANISM aes = { CKM_AES_KEY_GEN, NULL, 0 };
    CK_OBJECT_HANDLE a = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE b = CK_INVALID_HANDLE;
    attrs curve = { .count = 0 };
    attrs bits = { .count = 0 };
    attrs both = { .count = 0 };

    put_bytes(&curve, CKA_EC_PARAMS, unknown_curve, sizeof unknown_curve);
    const CK_RV rv =
        p11->C_GenerateKeyPair(fix.session, &ec, curve.at, curve.count, NULL, 0, &a, &b);
    CHECK_THAT(rv == CKR_CURVE_NOT_SUPPORTED || rv == CKR_DOMAIN_PARAMS_INVALID ||
               rv == CKR_ATTRIBUTE_VALUE_INVALID);
    CHECK_EQ(p11->C_GenerateKeyPair(fix.session, &ec, NULL, 0, NULL, 0, &a, &b),
             CKR_TEMPLATE_INCOMPLETE);
    put_ulong(&bits, CKA_MODULUS_BITS, 1024);
    const CK_RV weak =
        p11->C_GenerateKeyPair(fix.session, &rsa, bits.at, bits.count, NULL, 0, &a, &b);
    CHECK_THAT(weak == CKR_KEY_SIZE_RANGE || weak == CKR_ATTRIBUTE_VALUE_INVALID ||
               !module_is_ours());
    CHECK_EQ(p11->C_GenerateKeyPair(fix.session, &aes, NULL, 0, NULL, 0, &a, &b),
             CKR_MECHANISM_INVALID);
    CHECK_EQ(p11->C_GenerateKey(fix.session, &rsa, NULL, 0, &a), CKR_MECHANISM_INVALID);
    put_ulong(&both, CKA_VALUE_LEN, 16);
    put_ulong(&both, CKA_CLASS, CKO_PRIVATE_KEY);
    CHECK_EQ(p11->C_GenerateKey(fix.session, &aes, both.at, both.count, &a),
             CKR_TEMPLATE_INCONSISTENT);
}

/* RFC 3394, 4.1. */
static void wrapping_has_published_values(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP, NULL, 0 };
    CK_BYTE kek_value[16];
    CK_BYTE key_value[16];
    CK_BYTE want[24];
    CK_BYTE wrapped[64];
    CK_BYTE value[32];
    CK_ULONG len = sizeof wrapped;
    CK_OBJECT_HANDLE back = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    (void)from_hex("000102030405060708090a0b0c0d0e0f", kek_value, 16);
    (void)from_hex("00112233445566778899aabbccddeeff", key_value, 16);
    (void)from_hex("1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5", want, 24);
    const CK_OBJECT_HANDLE kek = import_secret(fix.session, CKK_AES, kek_value, 16);
    const CK_OBJECT_HANDLE key = import_secret(fix.session, CKK_AES, key_value, 16);
    CHECK_OK(p11->C_WrapKey(fix.session, &mechanism, kek, key, wrapped, &len));
    CHECK_BYTES(wrapped, len, want, sizeof want);

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_AES);
    put_bool(&tmpl, CKA_SENSITIVE, false);
    put_bool(&tmpl, CKA_EXTRACTABLE, true);
    REQUIRE_OK(p11->C_UnwrapKey(fix.session, &mechanism, kek, want, sizeof want, tmpl.at,
                                tmpl.count, &back));
    CHECK_EQ(get_attr(fix.session, back, CKA_VALUE, value, sizeof value), 16);
    CHECK_BYTES(value, 16, key_value, 16);
    CHECK_THAT(!get_bool(fix.session, back, CKA_LOCAL));
    CHECK_THAT(!get_bool(fix.session, back, CKA_ALWAYS_SENSITIVE));
    CHECK_THAT(!get_bool(fix.session, back, CKA_NEVER_EXTRACTABLE));

    want[3] ^= 1;
    CHECK_EQ(p11->C_UnwrapKey(fix.session, &mechanism, kek, want, sizeof want, tmpl.at, tmpl.count,
                              &back),
             CKR_WRAPPED_KEY_INVALID);
    const CK_RV rv =
        p11->C_UnwrapKey(fix.session, &mechanism, kek, want, 23, tmpl.at, tmpl.count, &back);
    CHECK_THAT(rv == CKR_WRAPPED_KEY_LEN_RANGE || rv == CKR_WRAPPED_KEY_INVALID);
}

static void private_keys_are_wrapped(void)
{
    FIXTURE(fix);
    static CK_BYTE iv[16];
    CK_MECHANISM wrap = { CKM_AES_CBC_PAD, iv, sizeof iv };
    CK_MECHANISM gen = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_MECHANISM sign = { CKM_ECDSA, NULL, 0 };
    const CK_OBJECT_HANDLE kek = generate_aes(fix.session, 32, false, "kek");
    CK_OBJECT_HANDLE pub_key = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE priv_key = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE back = CK_INVALID_HANDLE;
    attrs pub = { .count = 0 };
    attrs priv = { .count = 0 };
    attrs tmpl = { .count = 0 };
    CK_BYTE wrapped[512];
    CK_BYTE hash[32] = { 9 };
    CK_BYTE signature[64];
    CK_ULONG len = sizeof wrapped;
    CK_ULONG signature_len = sizeof signature;

    put_bytes(&pub, CKA_EC_PARAMS, p_256.params, p_256.params_len);
    put_bool(&pub, CKA_VERIFY, true);
    put_bool(&priv, CKA_EXTRACTABLE, true);
    put_bool(&priv, CKA_SIGN, true);
    REQUIRE_OK(p11->C_GenerateKeyPair(fix.session, &gen, pub.at, pub.count, priv.at, priv.count,
                                      &pub_key, &priv_key));
    REQUIRE_OK(p11->C_WrapKey(fix.session, &wrap, kek, priv_key, wrapped, &len));
    put_ulong(&tmpl, CKA_CLASS, CKO_PRIVATE_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_EC);
    put_bool(&tmpl, CKA_SIGN, true);
    REQUIRE_OK(p11->C_UnwrapKey(fix.session, &wrap, kek, wrapped, len, tmpl.at, tmpl.count, &back));
    CHECK_OK(p11->C_SignInit(fix.session, &sign, back));
    CHECK_OK(p11->C_Sign(fix.session, hash, sizeof hash, signature, &signature_len));
    CHECK_OK(p11->C_VerifyInit(fix.session, &sign, pub_key));
    CHECK_OK(p11->C_Verify(fix.session, hash, sizeof hash, signature, signature_len));
}

static void keys_that_may_not_be_wrapped(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP, NULL, 0 };
    CK_MECHANISM gen = { CKM_AES_KEY_GEN, NULL, 0 };
    const CK_OBJECT_HANDLE kek = generate_aes(fix.session, 32, false, "kek");
    const CK_OBJECT_HANDLE data = create_data(fix.session, false, false, "no key");
    CK_OBJECT_HANDLE kept = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE choosy = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };
    attrs trusted = { .count = 0 };
    CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE no_wrap = { CKA_WRAP, &no, sizeof no };
    CK_BYTE out[64];
    CK_ULONG len = sizeof out;

    put_ulong(&tmpl, CKA_VALUE_LEN, 16);
    put_bool(&tmpl, CKA_EXTRACTABLE, false);
    REQUIRE_OK(p11->C_GenerateKey(fix.session, &gen, tmpl.at, tmpl.count, &kept));
    CHECK_THAT(get_bool(fix.session, kept, CKA_NEVER_EXTRACTABLE));
    CHECK_EQ(p11->C_WrapKey(fix.session, &mechanism, kek, kept, out, &len), CKR_KEY_UNEXTRACTABLE);
    put_ulong(&trusted, CKA_VALUE_LEN, 16);
    put_bool(&trusted, CKA_EXTRACTABLE, true);
    put_bool(&trusted, CKA_WRAP_WITH_TRUSTED, true);
    REQUIRE_OK(p11->C_GenerateKey(fix.session, &gen, trusted.at, trusted.count, &choosy));
    CHECK_EQ(p11->C_WrapKey(fix.session, &mechanism, kek, choosy, out, &len),
             CKR_KEY_NOT_WRAPPABLE);
    CHECK_EQ(p11->C_WrapKey(fix.session, &mechanism, kek, data, out, &len), CKR_KEY_HANDLE_INVALID);
    CHECK_OK(p11->C_SetAttributeValue(fix.session, kek, &no_wrap, 1));
    CHECK_EQ(p11->C_WrapKey(fix.session, &mechanism, kek, kek, out, &len),
             CKR_KEY_FUNCTION_NOT_PERMITTED);
}

/* The public point of a key, without the DER around it. */
static size_t raw_point(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_BYTE *out, size_t room)
{
    CK_BYTE der[256];
    const size_t len = get_attr(session, key, CKA_EC_POINT, der, sizeof der);

    if (len == SIZE_MAX || len < 3)
        return 0;
    const size_t skip = der[0] == 0x04 && der[1] == len - 2 ? 2 : 0;
    if (len - skip > room)
        return 0;
    memcpy(out, der + skip, len - skip);
    return len - skip;
}

static CK_OBJECT_HANDLE derive(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_BYTE *point,
                               size_t point_len)
{
    CK_ECDH1_DERIVE_PARAMS params = { CKD_NULL, 0, NULL, point_len, point };
    CK_MECHANISM mechanism = { CKM_ECDH1_DERIVE, &params, sizeof params };
    CK_OBJECT_HANDLE secret = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    put_ulong(&tmpl, CKA_VALUE_LEN, 32);
    put_bool(&tmpl, CKA_SENSITIVE, false);
    put_bool(&tmpl, CKA_EXTRACTABLE, true);
    CHECK_OK(p11->C_DeriveKey(session, &mechanism, key, tmpl.at, tmpl.count, &secret));
    return secret;
}

static void both_sides_derive_the_same(void)
{
    const pair_kind *const kinds[] = { &p_256, &x_25519 };
    FIXTURE(fix);

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const pair alice = generate_pair(fix.session, kinds[i], false, "alice");
        const pair bob = generate_pair(fix.session, kinds[i], false, "bob");
        CK_BYTE a[128];
        CK_BYTE b[128];
        CK_BYTE first[32];
        CK_BYTE second[32];
        const size_t a_len = raw_point(fix.session, alice.public_key, a, sizeof a);
        const size_t b_len = raw_point(fix.session, bob.public_key, b, sizeof b);
        const CK_OBJECT_HANDLE here = derive(fix.session, alice.private_key, b, b_len);
        const CK_OBJECT_HANDLE there = derive(fix.session, bob.private_key, a, a_len);

        CHECK_EQ(get_attr(fix.session, here, CKA_VALUE, first, 32), 32);
        CHECK_EQ(get_attr(fix.session, there, CKA_VALUE, second, 32), 32);
        CHECK_BYTES(first, 32, second, 32);
    }
}

/* The other side is the openssl command. */
static void openssl_derives_the_same(void)
{
    static const struct {
        const pair_kind *kind;
        const char *options;
        size_t point_len;
    } sides[] = {
        { &p_256, "-algorithm EC -pkeyopt ec_paramgen_curve:P-256", 65 },
        { &x_25519, "-algorithm X25519", 32 },
    };
    FIXTURE(fix);
    CK_BYTE info[512];
    CK_BYTE want[64];
    CK_BYTE value[32];
    char command[512];
    char path[128];

    if (!has_command("openssl") || !module_is_ours())
        SKIP("needs the openssl command and CKA_PUBLIC_KEY_INFO");
    for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
        const pair keys = generate_pair(fix.session, sides[i].kind, false, "ours");
        size_t len = get_attr(fix.session, keys.public_key, CKA_PUBLIC_KEY_INFO, info, sizeof info);

        REQUIRE_THAT(len != SIZE_MAX && write_file(&fix, "ours.der", info, len));
        (void)snprintf(command, sizeof command,
                       "openssl genpkey %s -out theirs.pem && "
                       "openssl pkey -in theirs.pem -pubout -outform DER -out theirs.der && "
                       "openssl pkey -pubin -inform DER -in ours.der -out ours.pem && "
                       "openssl pkeyutl -derive -inkey theirs.pem -peerkey ours.pem -out secret",
                       sides[i].options);
        REQUIRE_THAT(run_command(&fix, command));
        (void)snprintf(path, sizeof path, "%s/theirs.der", fix.dir);
        FILE *file = fopen(path, "rb");
        REQUIRE_THAT(file != NULL);
        len = fread(info, 1, sizeof info, file);
        (void)fclose(file);
        (void)snprintf(path, sizeof path, "%s/secret", fix.dir);
        file = fopen(path, "rb");
        REQUIRE_THAT(file != NULL);
        CHECK_EQ(fread(want, 1, sizeof want, file), 32);
        (void)fclose(file);
        /* The point is the end of the public key's DER. */
        const CK_OBJECT_HANDLE secret = derive(fix.session, keys.private_key,
                                               info + len - sides[i].point_len, sides[i].point_len);
        CHECK_EQ(get_attr(fix.session, secret, CKA_VALUE, value, sizeof value), 32);
        CHECK_BYTES(value, sizeof value, want, 32);
    }
}

static void points_that_are_not_on_the_curve(void)
{
    FIXTURE(fix);
    CK_BYTE point[65] = { 0x04, 1, 2, 3 };
    CK_ECDH1_DERIVE_PARAMS params = { CKD_NULL, 0, NULL, sizeof point, point };
    CK_MECHANISM mechanism = { CKM_ECDH1_DERIVE, &params, sizeof params };
    const pair keys = generate_pair(fix.session, &p_256, false, "pair");
    CK_OBJECT_HANDLE secret = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    for (size_t len = 0; len <= sizeof point; len += 13) {
        params.ulPublicDataLen = len;
        const CK_RV rv = p11->C_DeriveKey(fix.session, &mechanism, keys.private_key, tmpl.at,
                                          tmpl.count, &secret);
        CHECK_THAT(rv == CKR_MECHANISM_PARAM_INVALID || rv == CKR_PUBLIC_KEY_INVALID ||
                   rv == CKR_DOMAIN_PARAMS_INVALID || !module_is_ours());
        CHECK_THAT(rv != CKR_OK);
    }
}

static void random_numbers(void)
{
    FIXTURE(fix);
    CK_BYTE first[256] = { 0 };
    CK_BYTE second[256] = { 0 };
    static CK_BYTE large[1 << 20];

    CHECK_OK(p11->C_GenerateRandom(fix.session, first, sizeof first));
    CHECK_OK(p11->C_GenerateRandom(fix.session, second, sizeof second));
    CHECK_THAT(memcmp(first, second, sizeof first) != 0);
    CHECK_OK(p11->C_GenerateRandom(fix.session, large, sizeof large));
    CHECK_THAT(memcmp(large, large + sizeof large / 2, 64) != 0);
    size_t zeros = 0;
    for (size_t i = 0; i < sizeof large; i++)
        zeros += large[i] == 0;
    CHECK_THAT(zeros > 3500 && zeros < 4700); /* 4096 expected, standard deviation 64 */
    CHECK_OK(p11->C_GenerateRandom(fix.session, first, 0));
    const CK_RV seeded = p11->C_SeedRandom(fix.session, first, sizeof first);
    CHECK_THAT(seeded == CKR_OK || seeded == CKR_RANDOM_SEED_NOT_SUPPORTED);
}

static const check_test tests[] = {
    CHECK_TEST(generated_secret_keys),
    CHECK_TEST(generated_pairs),
    CHECK_TEST(generation_that_can_not_be),
    CHECK_TEST(wrapping_has_published_values),
    CHECK_TEST(private_keys_are_wrapped),
    CHECK_TEST(keys_that_may_not_be_wrapped),
    CHECK_TEST(both_sides_derive_the_same),
    CHECK_TEST(openssl_derives_the_same),
    CHECK_TEST(points_that_are_not_on_the_curve),
    CHECK_TEST(random_numbers),
};
CHECK_MAIN(tests)
