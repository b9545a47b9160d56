/* The primitives of the store and the token, secret keys and their check values.
 * SPDX-License-Identifier: Apache-2.0 */
#include "sym_support.h"

static void digests(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    const blob sha256 = unhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const blob sha1 = unhex("a9993e364706816aba3e25717850c26c9cd0d89d");
    uint8_t out[32];

    CHECK_OK(hsm_crypto_sha256(crypto, hsm_bytes_of_text("abc"), out));
    CHECK_BYTES(out, 32, sha256.data, sha256.len);
    CHECK_OK(hsm_crypto_sha1(crypto, hsm_bytes_of_text("abc"), out));
    CHECK_BYTES(out, 20, sha1.data, sha1.len);
}

/* RFC 4231, case 2 */
static void hmac(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    const blob want = unhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    const hsm_bytes parts[] = { hsm_bytes_of_text("what do ya want "), hsm_bytes_none(),
                                hsm_bytes_of_text("for nothing?") };
    hsm_hmac *keyed = NULL;
    uint8_t out[32];

    CHECK_OK(hsm_crypto_hmac(crypto, hsm_bytes_of_text("Jefe"),
                             hsm_bytes_of_text("what do ya want for nothing?"), out));
    CHECK_BYTES(out, 32, want.data, want.len);
    CHECK_ERR(hsm_hmac_create(crypto, hsm_bytes_none(), &keyed), HSM_E_KEY_SIZE);
    REQUIRE_OK(hsm_hmac_create(crypto, hsm_bytes_of_text("Jefe"), &keyed));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(hsm_hmac_compute(keyed, parts, HSM_ARRAY_LEN(parts), out));
        CHECK_BYTES(out, 32, want.data, want.len);
    }
    hsm_hmac_destroy(keyed);
}

/* RFC 7914, 11 */
static void pbkdf2(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    const blob want = unhex("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
                            "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783");
    HSM_AUTO(hsm_secret_drop) hsm_secret *out = NULL;

    REQUIRE_OK(hsm_secret_create(64, &out));
    CHECK_OK(
        hsm_crypto_pbkdf2(crypto, hsm_bytes_of_text("passwd"), hsm_bytes_of_text("salt"), 1, out));
    CHECK_BYTES(hsm_secret_data(out), 64, want.data, want.len);
    CHECK_OK(hsm_crypto_pbkdf2(crypto, hsm_bytes_none(), hsm_bytes_of_text("salt"), 1, out));
    CHECK_ERR(hsm_crypto_pbkdf2(crypto, hsm_bytes_none(), hsm_bytes_none(), 1, out), HSM_E_ARG);
    CHECK_ERR(hsm_crypto_pbkdf2(crypto, hsm_bytes_none(), hsm_bytes_of_text("salt"), 0, out),
              HSM_E_ARG);
}

/* RFC 5869, A.1 and A.3 */
static void hkdf(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    const blob key = unhex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");
    const blob salt = unhex("000102030405060708090a0b0c");
    const blob info = unhex("f0f1f2f3f4f5f6f7f8f9");
    const blob with = unhex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                            "34007208d5b887185865");
    const blob without = unhex("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
                               "9d201395faa4b61a96c8");
    HSM_AUTO(hsm_secret_drop) hsm_secret *out = NULL;

    REQUIRE_OK(hsm_secret_create(42, &out));
    CHECK_OK(hsm_crypto_hkdf(crypto, view(&key), view(&salt), view(&info), out));
    CHECK_BYTES(hsm_secret_data(out), 42, with.data, with.len);
    CHECK_OK(hsm_crypto_hkdf(crypto, view(&key), hsm_bytes_none(), hsm_bytes_none(), out));
    CHECK_BYTES(hsm_secret_data(out), 42, without.data, without.len);
}

/* GCM's test case 16 (McGrew and Viega, appendix B). */
static void aead(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    const blob key = unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    const blob nonce = unhex("cafebabefacedbaddecaf888");
    const blob aad = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    const blob plain = unhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c"
                             "0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
    const blob sealed = unhex("522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb0"
                              "8e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e17"
                              "68cddf8853bb2d551b");
    static const uint8_t zeros[BLOB_BYTES];
    hsm_aead *context = NULL;
    blob out;

    CHECK_ERR(hsm_aead_create(crypto, hsm_bytes_of(key.data, 16), &context), HSM_E_KEY_SIZE);
    REQUIRE_OK(hsm_aead_create(crypto, view(&key), &context));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(hsm_aead_seal(context, nonce.data, view(&aad), view(&plain), out.data));
        CHECK_BYTES(out.data, sealed.len, sealed.data, sealed.len);
        CHECK_OK(hsm_aead_open(context, nonce.data, view(&aad), view(&sealed), out.data));
        CHECK_BYTES(out.data, plain.len, plain.data, plain.len);
    }
    for (size_t i = 0; i < sealed.len; i++) {
        blob bad = sealed;

        bad.data[i] ^= 0x80;
        CHECK_ERR(hsm_aead_open(context, nonce.data, view(&aad), view(&bad), out.data),
                  HSM_E_ENCRYPTED_DATA);
        CHECK_BYTES(out.data, plain.len, zeros, plain.len);
    }
    CHECK_ERR(hsm_aead_open(context, nonce.data, hsm_bytes_none(), view(&sealed), out.data),
              HSM_E_ENCRYPTED_DATA);
    CHECK_ERR(
        hsm_aead_open(context, nonce.data, view(&aad), hsm_bytes_of(sealed.data, 15), out.data),
        HSM_E_ENCRYPTED_DATA);
    hsm_aead_destroy(context);
}

static const struct {
    const char *label;
    CK_KEY_TYPE type;
    size_t len;
    hsm_err want;
} secret_cases[] = {
    { "AES-128", CKK_AES, 16, HSM_OK },
    { "AES-192", CKK_AES, 24, HSM_OK },
    { "AES-256", CKK_AES, 32, HSM_OK },
    { "AES, 15 bytes", CKK_AES, 15, HSM_E_KEY_SIZE },
    { "AES, 33 bytes", CKK_AES, 33, HSM_E_KEY_SIZE },
    { "generic, 1 byte", CKK_GENERIC_SECRET, 1, HSM_OK },
    { "generic, the longest", CKK_GENERIC_SECRET, HSM_SECRET_KEY_MAX_BYTES, HSM_OK },
    { "generic, too long", CKK_GENERIC_SECRET, HSM_SECRET_KEY_MAX_BYTES + 1, HSM_E_KEY_SIZE },
    { "HMAC", CKK_SHA3_512_HMAC, 64, HSM_OK },
    { "not a secret key's type", CKK_RSA, 32, HSM_E_KEY_TYPE },
    { "nothing", CKK_AES, 0, HSM_E_TEMPLATE_INCOMPLETE },
};

static void secret_keys(void)
{
    static const uint8_t value[HSM_SECRET_KEY_MAX_BYTES + 1];
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();

    for (size_t i = 0; i < HSM_ARRAY_LEN(secret_cases); i++) {
        HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;
        hsm_key_parts parts = { .key_class = CKO_SECRET_KEY, .key_type = secret_cases[i].type };

        CASE(secret_cases[i].label);
        parts.part[HSM_PART_VALUE] = hsm_bytes_of(value, secret_cases[i].len);
        CHECK_ERR(hsm_key_create(crypto, &parts, &key), secret_cases[i].want);
        CHECK_ERR(hsm_key_check_secret(crypto, &parts), secret_cases[i].want);
        if (secret_cases[i].want != HSM_OK)
            continue;
        CHECK_EQ(hsm_key_bits(key), secret_cases[i].len * 8);
        CHECK_EQ(hsm_key_type(key), secret_cases[i].type);
        CHECK_OK(hsm_key_check(key));
    }
    CASE("not a secret key");
    hsm_key_parts other = { .key_class = CKO_PRIVATE_KEY, .key_type = CKK_AES };
    other.part[HSM_PART_VALUE] = hsm_bytes_of(value, 16);
    CHECK_ERR(hsm_key_check_secret(crypto, &other), HSM_E_KEY_TYPE);
}

static void generates_secret_keys(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    const hsm_mech *mech = hsm_mech_find(CKM_AES_KEY_GEN);
    const hsm_keygen wrong = { .mech = mech, .key_type = CKK_AES, .bits = 129 };
    const hsm_keygen none = { .mech = mech, .key_type = CKK_AES, .bits = 0 };
    hsm_key_bundle bundle;
    uint8_t seen[3][32];

    CHECK_ERR(hsm_keygen_run(crypto, &wrong, &bundle), HSM_E_KEY_SIZE);
    CHECK_ERR(hsm_keygen_run(crypto, &none, &bundle), HSM_E_KEY_SIZE);
    for (uint32_t i = 0; i < 3; i++) {
        const hsm_keygen request = { .mech = mech, .key_type = CKK_AES, .bits = 128 + 64 * i };

        REQUIRE_OK(hsm_keygen_run(crypto, &request, &bundle));
        const hsm_bytes value = bundle.parts.part[HSM_PART_VALUE];
        CHECK_EQ(bundle.parts.key_class, CKO_SECRET_KEY);
        CHECK_EQ(value.len, 16 + 8 * i);
        memcpy(seen[i], value.data, 16);
        hsm_key_bundle_clear(&bundle);
        CHECK_THAT(bundle.storage == NULL);
    }
    CHECK_THAT(memcmp(seen[0], seen[1], 16) != 0 && memcmp(seen[1], seen[2], 16) != 0);
}

/* AES: FIPS 197 in another implementation; the others: SHA-1("abc"). */
static void check_values(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    const blob aes = unhex("2b7e151628aed2a6abf7158809cf4f3c");
    const blob aes_want = unhex("7df76b"); /* openssl enc -aes-128-ecb of 16 zero bytes */
    const blob want = unhex("a9993e");
    uint8_t out[3];

    CHECK_OK(hsm_key_check_value(crypto, CKK_AES, view(&aes), out));
    CHECK_BYTES(out, 3, aes_want.data, 3);
    CHECK_OK(hsm_key_check_value(crypto, CKK_GENERIC_SECRET, hsm_bytes_of_text("abc"), out));
    CHECK_BYTES(out, 3, want.data, 3);
    CHECK_ERR(hsm_key_check_value(crypto, CKK_AES, hsm_bytes_of(aes.data, 15), out),
              HSM_E_KEY_SIZE);
}

static void unknown_backend(void)
{
    const hsm_crypto_options options = { .backend = "abacus" };
    hsm_crypto *crypto = NULL;

    CHECK_ERR(hsm_crypto_create(&options, &crypto), HSM_E_CONFIG);
    CHECK_THAT(crypto == NULL);
    hsm_crypto_destroy(NULL);
}

static void two_at_once(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *one = open_crypto();
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *two = open_crypto();
    uint8_t a[32];
    uint8_t b[32];

    CHECK_OK(hsm_crypto_sha256(one, hsm_bytes_none(), a));
    CHECK_OK(hsm_crypto_sha256(two, hsm_bytes_none(), b));
    CHECK_BYTES(a, 32, b, 32);
    CHECK_STR(hsm_crypto_rules(one)->backend, "openssl");
}

/* What `openssl enc -aes-256-cbc` makes of "six blocks". */
static void aes_cbc(void)
{
    HSM_AUTO(hsm_crypto_drop) hsm_crypto *crypto = open_crypto();
    const blob key = unhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    blob sealed = unhex("101112131415161718191a1b1c1d1e1f4c3c6b0c367724abd3d72daeab8c5764");
    HSM_AUTO(hsm_aes_cbc_drop) hsm_aes_cbc *cbc = NULL;
    hsm_aes_cbc *none = NULL;
    uint8_t plain[32] = { 0 };
    size_t len = 77;

    REQUIRE_OK(hsm_aes_cbc_create(crypto, view(&key), &cbc));
    for (int i = 0; i < 2; i++) {
        REQUIRE_OK(hsm_aes_cbc_open(cbc, view(&sealed), plain, &len));
        CHECK_BYTES(plain, len, "six blocks", 10);
    }
    CHECK_ERR(hsm_aes_cbc_open(cbc, hsm_bytes_of(sealed.data, 16), plain, &len),
              HSM_E_ENCRYPTED_DATA);
    CHECK_ERR(hsm_aes_cbc_open(cbc, hsm_bytes_of(sealed.data, 31), plain, &len),
              HSM_E_ENCRYPTED_DATA);
    sealed.data[15] ^= 1; /* turns the padding's last byte into 7 */
    memset(plain, 'x', sizeof plain);
    CHECK_ERR(hsm_aes_cbc_open(cbc, view(&sealed), plain, &len), HSM_E_ENCRYPTED_DATA);
    CHECK_EQ(plain[0], 0); /* wiped */
    CHECK_EQ(len, 10);
    CHECK_ERR(hsm_aes_cbc_create(crypto, hsm_bytes_of(key.data, 31), &none), HSM_E_KEY_SIZE);
    CHECK_THAT(none == NULL);
}

static const check_test tests[] = {
    CHECK_TEST(digests),
    CHECK_TEST(aes_cbc),
    CHECK_TEST(hmac),
    CHECK_TEST(pbkdf2),
    CHECK_TEST(hkdf),
    CHECK_TEST(aead),
    CHECK_TEST(secret_keys),
    CHECK_TEST(check_values),
    CHECK_TEST(two_at_once),
    CHECK_TEST(generates_secret_keys),
    CHECK_TEST(unknown_backend),
};
CHECK_MAIN(tests)
