/* Digests: published values, in one and in several parts. */
#include "support.h"

static const struct {
    const char *label;
    CK_MECHANISM_TYPE mechanism;
    const char *text;
    const char *digest;
} cases[] = {
    /* FIPS 180-4 and FIPS 202 examples */
    { "SHA-1", CKM_SHA_1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
    { "SHA-224", CKM_SHA224, "abc", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7" },
    { "SHA-256", CKM_SHA256, "abc",
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    { "SHA-256, empty", CKM_SHA256, "",
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
    { "SHA-256, two blocks", CKM_SHA256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
    { "SHA-384", CKM_SHA384, "abc",
      "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
      "8086072ba1e7cc2358baeca134c825a7" },
    { "SHA-512", CKM_SHA512, "abc",
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
    { "SHA3-224", CKM_SHA3_224, "abc", "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf" },
    { "SHA3-256", CKM_SHA3_256, "abc",
      "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532" },
    { "SHA3-384", CKM_SHA3_384, "abc",
      "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b2"
      "98d88cea927ac7f539f1edf228376d25" },
    { "SHA3-512", CKM_SHA3_512, "abc",
      "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e"
      "10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0" },
};

static void known_answers(void)
{
    FIXTURE(fix);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CK_MECHANISM mechanism = { cases[i].mechanism, NULL, 0 };
        CK_BYTE want[64];
        CK_BYTE got[64];
        const size_t want_len = from_hex(cases[i].digest, want, sizeof want);
        CK_ULONG len = sizeof got;
        CK_BYTE *text = (CK_BYTE *)(uintptr_t)cases[i].text;
        const size_t text_len = strlen(cases[i].text);

        CASE(cases[i].label);
        if (p11->C_DigestInit(fix.session, &mechanism) == CKR_MECHANISM_INVALID &&
            !module_is_ours())
            continue;
        CHECK_OK(p11->C_Digest(fix.session, text, text_len, got, &len));
        CHECK_BYTES(got, len, want, want_len);

        CHECK_OK(p11->C_DigestInit(fix.session, &mechanism));
        for (size_t at = 0; at < text_len; at++)
            CHECK_OK(p11->C_DigestUpdate(fix.session, text + at, 1));
        len = sizeof got;
        CHECK_OK(p11->C_DigestFinal(fix.session, got, &len));
        CHECK_BYTES(got, len, want, want_len);
    }
}

/* FIPS 180-2, appendix B.3: a million letters a. */
static void a_million_letters(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_SHA256, NULL, 0 };
    CK_BYTE part[1000];
    CK_BYTE want[32];
    CK_BYTE got[32];
    CK_ULONG len = sizeof got;

    memset(part, 'a', sizeof part);
    REQUIRE_OK(p11->C_DigestInit(fix.session, &mechanism));
    for (int i = 0; i < 1000; i++)
        CHECK_OK(p11->C_DigestUpdate(fix.session, part, sizeof part));
    CHECK_OK(p11->C_DigestFinal(fix.session, got, &len));
    CHECK_EQ(from_hex("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0", want,
                      sizeof want),
             sizeof want);
    CHECK_BYTES(got, len, want, sizeof want);
}

static void parts_and_whole_do_not_mix(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_SHA256, NULL, 0 };
    CK_BYTE data[3] = { 'a', 'b', 'c' };
    CK_BYTE digest[32];
    CK_ULONG len = sizeof digest;

    REQUIRE_OK(p11->C_DigestInit(fix.session, &mechanism));
    CHECK_OK(p11->C_DigestUpdate(fix.session, data, sizeof data));
    CHECK_THAT(p11->C_Digest(fix.session, data, sizeof data, digest, &len) != CKR_OK);
    CHECK_EQ(p11->C_DigestFinal(fix.session, digest, &len), CKR_OPERATION_NOT_INITIALIZED);
}

static void keys_are_digested(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_SHA256, NULL, 0 };
    CK_BYTE want[32];
    CK_BYTE digest[32];
    CK_ULONG len = sizeof digest;
    const CK_OBJECT_HANDLE key = import_secret(fix.session, CKK_GENERIC_SECRET, "abc", 3);
    const pair keys = generate_pair(fix.session, &p_256, false, "pair");

    REQUIRE_OK(p11->C_DigestInit(fix.session, &mechanism));
    CHECK_OK(p11->C_DigestKey(fix.session, key));
    CHECK_OK(p11->C_DigestFinal(fix.session, digest, &len));
    (void)from_hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", want, 32);
    CHECK_BYTES(digest, len, want, sizeof want);
    CHECK_OK(p11->C_DigestInit(fix.session, &mechanism));
    CHECK_EQ(p11->C_DigestKey(fix.session, keys.private_key), CKR_KEY_INDIGESTIBLE);
    CHECK_EQ(p11->C_DigestKey(fix.session, key), CKR_OPERATION_NOT_INITIALIZED);
}

static void check_again(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE id, const char *want_hex)
{
    CK_MECHANISM mechanism = { id, NULL, 0 };
    CK_BYTE data[3] = { 'a', 'b', 'c' }, want[64], digest[64];
    CK_ULONG len = sizeof digest;
    const size_t want_len = from_hex(want_hex, want, sizeof want);

    CHECK_OK(p11->C_DigestInit(session, &mechanism));
    CHECK_OK(p11->C_Digest(session, data, sizeof data, digest, &len));
    CHECK_BYTES(digest, len, want, want_len);
}

/* A mechanism that the session had last is opened by a shorter way: each start must still be its own. */
static void what_was_last_is_asked_for_again(void)
{
    FIXTURE(fix);
    const char *const sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const char *const sha224 = "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7";
    CK_BYTE byte = 'x', digest[64];
    CK_ULONG len = sizeof digest;
    CK_MECHANISM plain = { CKM_SHA256, NULL, 0 }, more = { CKM_SHA256, &byte, 1 };
    CK_MECHANISM mac = { CKM_SHA256_HMAC, NULL, 0 };

    check_again(fix.session, CKM_SHA256, sha256);
    check_again(fix.session, CKM_SHA256, sha256);
    check_again(fix.session, CKM_SHA224, sha224);
    check_again(fix.session, CKM_SHA256, sha256);

    CASE("refused in between");
    CHECK_EQ(p11->C_DigestInit(fix.session, &more), CKR_MECHANISM_PARAM_INVALID);
    check_again(fix.session, CKM_SHA256, sha256);
    CHECK_EQ(p11->C_DigestInit(fix.session, &mac), CKR_MECHANISM_INVALID);
    check_again(fix.session, CKM_SHA256, sha256);

    CASE("begun and left");
    CHECK_OK(p11->C_DigestInit(fix.session, &plain));
    CHECK_EQ(p11->C_DigestInit(fix.session, &plain), CKR_OPERATION_ACTIVE);
    CHECK_OK(p11->C_DigestUpdate(fix.session, &byte, 1));
    CHECK_OK(p11_3->C_SessionCancel(fix.session, CKF_DIGEST));
    check_again(fix.session, CKM_SHA256, sha256);

    CASE("no longer open");
    CHECK_EQ(p11->C_Digest(fix.session, &byte, 1, digest, &len), CKR_OPERATION_NOT_INITIALIZED);
}

static const check_test tests[] = {
    CHECK_TEST(known_answers),
    CHECK_TEST(a_million_letters),
    CHECK_TEST(parts_and_whole_do_not_mix),
    CHECK_TEST(keys_are_digested),
    CHECK_TEST(what_was_last_is_asked_for_again),
};
CHECK_MAIN(tests)
