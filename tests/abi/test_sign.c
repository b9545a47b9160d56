/* Signatures and MACs: published values, checks by the openssl command, refusals. */
#include <stdio.h>

#include "support.h"

static CK_BYTE message[] = "the message that is signed, long enough to be cut into parts";
#define MESSAGE_LEN (sizeof message - 1)

static CK_RV sign(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                  CK_BYTE *signature, CK_ULONG *len)
{
    const CK_RV rv = p11->C_SignInit(session, mechanism, key);

    return rv != CKR_OK ? rv : p11->C_Sign(session, message, MESSAGE_LEN, signature, len);
}

static CK_RV verify(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                    CK_BYTE *signature, CK_ULONG len)
{
    const CK_RV rv = p11->C_VerifyInit(session, mechanism, key);

    return rv != CKR_OK ? rv : p11->C_Verify(session, message, MESSAGE_LEN, signature, len);
}

static CK_RSA_PKCS_PSS_PARAMS pss_sha256 = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
static CK_RSA_PKCS_PSS_PARAMS pss_sha512 = { CKM_SHA512, CKG_MGF1_SHA512, 64 };

static const struct {
    const char *label;
    const pair_kind *kind;
    CK_MECHANISM mechanism;
    const char *openssl; /* options that make the openssl command check it, or NULL */
    bool has_parts;
} cases[] = {
    { "RSA SHA-256", &rsa_2048, { CKM_SHA256_RSA_PKCS, NULL, 0 }, "-rawin -digest sha256", true },
    { "RSA SHA-512", &rsa_2048, { CKM_SHA512_RSA_PKCS, NULL, 0 }, "-rawin -digest sha512", true },
    { "RSA PKCS#1, raw", &rsa_2048, { CKM_RSA_PKCS, NULL, 0 }, "", false },
    { "RSA-PSS SHA-256",
      &rsa_2048,
      { CKM_SHA256_RSA_PKCS_PSS, &pss_sha256, sizeof pss_sha256 },
      "-rawin -digest sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:32",
      true },
    { "RSA-PSS SHA-512",
      &rsa_2048,
      { CKM_SHA512_RSA_PKCS_PSS, &pss_sha512, sizeof pss_sha512 },
      "-rawin -digest sha512 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:64",
      true },
    { "ECDSA P-256 SHA-256", &p_256, { CKM_ECDSA_SHA256, NULL, 0 }, "-rawin -digest sha256", true },
    { "ECDSA P-384 SHA-384", &p_384, { CKM_ECDSA_SHA384, NULL, 0 }, "-rawin -digest sha384", true },
    { "Ed25519", &ed_25519, { CKM_EDDSA, NULL, 0 }, "-rawin", false },
};

/* r and s as ASN.1, which the openssl command wants. */
static size_t der_of_ecdsa(const CK_BYTE *raw, size_t len, CK_BYTE *der)
{
    size_t at = 2;

    for (size_t half = 0; half < 2; half++) {
        const CK_BYTE *number = raw + half * len / 2;
        size_t rest = len / 2;

        while (rest > 1 && *number == 0) {
            number++;
            rest--;
        }
        der[at++] = 0x02;
        der[at++] = (CK_BYTE)(rest + (*number >> 7));
        if (*number >> 7)
            der[at++] = 0;
        memcpy(der + at, number, rest);
        at += rest;
    }
    der[0] = 0x30;
    der[1] = (CK_BYTE)(at - 2); /* at most 104: one byte of length */
    return at;
}

static bool openssl_accepts(const fixture *fix, size_t i, CK_OBJECT_HANDLE public_key,
                            const CK_BYTE *signature, size_t len)
{
    CK_BYTE info[1024];
    CK_BYTE der[160];
    char command[512];
    const size_t info_len =
        get_attr(fix->session, public_key, CKA_PUBLIC_KEY_INFO, info, sizeof info);

    if (cases[i].kind == &p_256 || cases[i].kind == &p_384) {
        len = der_of_ecdsa(signature, len, der);
        signature = der;
    }
    (void)snprintf(command, sizeof command,
                   "openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -in message "
                   "-sigfile signature %s",
                   cases[i].openssl);
    return info_len != SIZE_MAX && write_file(fix, "key.der", info, info_len) &&
           write_file(fix, "message", message, MESSAGE_LEN) &&
           write_file(fix, "signature", signature, len) && run_command(fix, command);
}

static void check_parts(const fixture *fix, size_t i, const pair *keys)
{
    CK_MECHANISM mechanism = cases[i].mechanism;
    CK_BYTE signature[512];
    CK_ULONG len = sizeof signature;

    CHECK_OK(p11->C_SignInit(fix->session, &mechanism, keys->private_key));
    for (size_t at = 0; at < MESSAGE_LEN; at += 7)
        CHECK_OK(p11->C_SignUpdate(fix->session, message + at,
                                   MESSAGE_LEN - at < 7 ? MESSAGE_LEN - at : 7));
    CHECK_OK(p11->C_SignFinal(fix->session, signature, &len));
    CHECK_OK(verify(fix->session, &mechanism, keys->public_key, signature, len));
    CHECK_OK(p11->C_VerifyInit(fix->session, &mechanism, keys->public_key));
    CHECK_OK(p11->C_VerifyUpdate(fix->session, message, 20));
    CHECK_OK(p11->C_VerifyUpdate(fix->session, message + 20, MESSAGE_LEN - 20));
    CHECK_OK(p11->C_VerifyFinal(fix->session, signature, len));
}

static void signatures_verify_here_and_elsewhere(void)
{
    FIXTURE(fix);
    const bool has_openssl = has_command("openssl") && module_is_ours();

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CK_MECHANISM mechanism = cases[i].mechanism;
        CK_BYTE signature[512];
        CK_ULONG len = sizeof signature;

        CASE(cases[i].label);
        const pair keys = generate_pair(fix.session, cases[i].kind, false, cases[i].label);
        if (!CHECK_OK(sign(fix.session, &mechanism, keys.private_key, signature, &len)))
            continue;
        CHECK_OK(verify(fix.session, &mechanism, keys.public_key, signature, len));
        if (has_openssl)
            CHECK_THAT(openssl_accepts(&fix, i, keys.public_key, signature, len));
        signature[len - 1] ^= 1;
        CHECK_EQ(verify(fix.session, &mechanism, keys.public_key, signature, len),
                 CKR_SIGNATURE_INVALID);
        CHECK_EQ(verify(fix.session, &mechanism, keys.public_key, signature, len - 1),
                 CKR_SIGNATURE_LEN_RANGE);
        CHECK_EQ(verify(fix.session, &mechanism, keys.public_key, signature, 0),
                 CKR_SIGNATURE_LEN_RANGE);
        if (cases[i].has_parts)
            check_parts(&fix, i, &keys);
    }
}

static const struct {
    const char *label;
    CK_MECHANISM_TYPE mechanism;
    CK_KEY_TYPE key_type;
    const char *key;
    const char *data;
    const char *mac;
} mac_cases[] = {
    /* RFC 4231, test case 1; RFC 2202, test case 1; SP 800-38B, D.1 examples 1 and 2 */
    { "HMAC-SHA256", CKM_SHA256_HMAC, CKK_GENERIC_SECRET,
      "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
    { "HMAC-SHA384", CKM_SHA384_HMAC, CKK_GENERIC_SECRET,
      "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
      "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
      "faea9ea9076ede7f4af152e8b2fa9cb6" },
    { "HMAC-SHA512", CKM_SHA512_HMAC, CKK_GENERIC_SECRET,
      "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
      "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
      "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854" },
    { "HMAC-SHA1", CKM_SHA_1_HMAC, CKK_GENERIC_SECRET, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
      "4869205468657265", "b617318655057264e28bc0b6fb378c8ef146be00" },
    { "CMAC, empty", CKM_AES_CMAC, CKK_AES, "2b7e151628aed2a6abf7158809cf4f3c", "",
      "bb1d6929e95937287fa37d129b756746" },
    { "CMAC, one block", CKM_AES_CMAC, CKK_AES, "2b7e151628aed2a6abf7158809cf4f3c",
      "6bc1bee22e409f96e93d7e117393172a", "070a16b46b4d4144f79bdd9dd04a287c" },
};

static void macs_have_published_values(void)
{
    FIXTURE(fix);

    for (size_t i = 0; i < ARRAY_LEN(mac_cases); i++) {
        CK_MECHANISM mechanism = { mac_cases[i].mechanism, NULL, 0 };
        CK_BYTE key_value[64];
        CK_BYTE data[64];
        CK_BYTE want[64];
        CK_BYTE mac[64];
        CK_ULONG len = sizeof mac;
        const size_t key_len = from_hex(mac_cases[i].key, key_value, sizeof key_value);
        const size_t data_len = from_hex(mac_cases[i].data, data, sizeof data);
        const size_t want_len = from_hex(mac_cases[i].mac, want, sizeof want);

        CASE(mac_cases[i].label);
        const CK_OBJECT_HANDLE key =
            import_secret(fix.session, mac_cases[i].key_type, key_value, key_len);
        CHECK_OK(p11->C_SignInit(fix.session, &mechanism, key));
        CHECK_OK(p11->C_Sign(fix.session, data, data_len, mac, &len));
        CHECK_BYTES(mac, len, want, want_len);
        CHECK_OK(p11->C_VerifyInit(fix.session, &mechanism, key));
        CHECK_OK(p11->C_Verify(fix.session, data, data_len, want, want_len));
        want[0] ^= 0x80;
        CHECK_OK(p11->C_VerifyInit(fix.session, &mechanism, key));
        CHECK_EQ(p11->C_Verify(fix.session, data, data_len, want, want_len), CKR_SIGNATURE_INVALID);
        CHECK_OK(p11->C_VerifyInit(fix.session, &mechanism, key));
        CHECK_EQ(p11->C_Verify(fix.session, data, data_len, want, want_len - 1),
                 CKR_SIGNATURE_LEN_RANGE);
    }
}

/* RFC 8032, 7.1, test 2. */
static void ed25519_has_published_values(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_EDDSA, NULL, 0 };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };
    CK_BYTE seed[32];
    CK_BYTE want[64];
    CK_BYTE data[1] = { 0x72 };
    CK_BYTE signature[64];
    CK_ULONG len = sizeof signature;

    (void)from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", seed,
                   sizeof seed);
    (void)from_hex("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                   "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
                   want, sizeof want);
    put_ulong(&tmpl, CKA_CLASS, CKO_PRIVATE_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_EC_EDWARDS);
    put_bytes(&tmpl, CKA_EC_PARAMS, ed_25519.params, ed_25519.params_len);
    put_bytes(&tmpl, CKA_VALUE, seed, sizeof seed);
    put_bool(&tmpl, CKA_SIGN, true);
    REQUIRE_OK(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &key));
    CHECK_OK(p11->C_SignInit(fix.session, &mechanism, key));
    CHECK_OK(p11->C_Sign(fix.session, data, sizeof data, signature, &len));
    CHECK_BYTES(signature, len, want, sizeof want);
}

/* RFC 6979, A.2.5: P-256, SHA-256, "sample". */
static void ecdsa_accepts_published_values(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_ECDSA_SHA256, NULL, 0 };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };
    CK_BYTE point[67] = { 0x04, 0x41, 0x04 };
    CK_BYTE signature[64];

    (void)from_hex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                   "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
                   point + 3, 64);
    (void)from_hex("efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                   "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
                   signature, sizeof signature);
    put_ulong(&tmpl, CKA_CLASS, CKO_PUBLIC_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_EC);
    put_bytes(&tmpl, CKA_EC_PARAMS, p_256.params, p_256.params_len);
    put_bytes(&tmpl, CKA_EC_POINT, point, sizeof point);
    put_bool(&tmpl, CKA_VERIFY, true);
    REQUIRE_OK(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &key));
    CHECK_OK(p11->C_VerifyInit(fix.session, &mechanism, key));
    CHECK_OK(p11->C_Verify(fix.session, utf8("sample"), 6, signature, sizeof signature));
    CHECK_OK(p11->C_VerifyInit(fix.session, &mechanism, key));
    CHECK_EQ(p11->C_Verify(fix.session, utf8("simple"), 6, signature, sizeof signature),
             CKR_SIGNATURE_INVALID);
}

static void recovery_gives_the_data_back(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_RSA_PKCS, NULL, 0 };
    CK_BYTE signature[256];
    CK_BYTE data[256];
    CK_ULONG len = sizeof signature;
    CK_ULONG data_len = sizeof data;

    if (!module_is_ours())
        SKIP("not every module recovers");
    const pair keys = generate_pair(fix.session, &rsa_2048, false, "recover");
    REQUIRE_OK(p11->C_SignRecoverInit(fix.session, &mechanism, keys.private_key));
    REQUIRE_OK(p11->C_SignRecover(fix.session, message, 20, signature, &len));
    REQUIRE_OK(p11->C_VerifyRecoverInit(fix.session, &mechanism, keys.public_key));
    CHECK_OK(p11->C_VerifyRecover(fix.session, signature, len, data, &data_len));
    CHECK_BYTES(data, data_len, message, 20);
    signature[5] ^= 1;
    REQUIRE_OK(p11->C_VerifyRecoverInit(fix.session, &mechanism, keys.public_key));
    CHECK_EQ(p11->C_VerifyRecover(fix.session, signature, len, data, &data_len),
             CKR_SIGNATURE_INVALID);
}

static void wrong_keys_and_uses(void)
{
    FIXTURE(fix);
    CK_MECHANISM rsa = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
    CK_MECHANISM hmac = { CKM_SHA256_HMAC, NULL, 0 };
    CK_MECHANISM aes = { CKM_AES_ECB, NULL, 0 };
    CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE no_sign = { CKA_SIGN, &no, sizeof no };
    const pair ec = generate_pair(fix.session, &p_256, false, "ec");
    const CK_OBJECT_HANDLE data = create_data(fix.session, false, false, "no key");

    CHECK_EQ(p11->C_SignInit(fix.session, &rsa, ec.private_key), CKR_KEY_TYPE_INCONSISTENT);
    CHECK_EQ(p11->C_SignInit(fix.session, &hmac, ec.private_key), CKR_KEY_TYPE_INCONSISTENT);
    CHECK_EQ(p11->C_SignInit(fix.session, &aes, ec.private_key), CKR_MECHANISM_INVALID);
    CHECK_EQ(p11->C_SignInit(fix.session, &ecdsa, data), CKR_KEY_HANDLE_INVALID);
    const CK_RV with_public = p11->C_SignInit(fix.session, &ecdsa, ec.public_key);
    CHECK_THAT(with_public == CKR_KEY_FUNCTION_NOT_PERMITTED ||
               with_public == CKR_KEY_TYPE_INCONSISTENT);
    CHECK_OK(p11->C_SetAttributeValue(fix.session, ec.private_key, &no_sign, 1));
    CHECK_EQ(p11->C_SignInit(fix.session, &ecdsa, ec.private_key), CKR_KEY_FUNCTION_NOT_PERMITTED);
}

/* The signature comes first; whole, in parts, wrong, cancelled, and not mixed with the other way. */
static void signature_first(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_ECDSA_SHA256, NULL, 0 };
    CK_BYTE signature[64];
    CK_ULONG len = sizeof signature;
    const CK_SESSION_HANDLE h = fix.session;

    if (p11_3 == NULL)
        SKIP("no 3.2 functions");
    const pair keys = generate_pair(h, &p_256, false, "pair");
    CHECK_EQ(sign(h, &mechanism, keys.private_key, signature, &len), CKR_OK);
    CHECK_EQ(p11_3->C_VerifySignatureInit(h, &mechanism, keys.public_key, signature, len), CKR_OK);
    CHECK_EQ(p11_3->C_VerifySignatureInit(h, &mechanism, keys.public_key, signature, len),
             CKR_OPERATION_ACTIVE);
    CHECK_EQ(p11_3->C_VerifySignature(h, message, MESSAGE_LEN), CKR_OK);
    CHECK_EQ(p11_3->C_VerifySignature(h, message, MESSAGE_LEN), CKR_OPERATION_NOT_INITIALIZED);

    CASE("in parts");
    CHECK_EQ(p11_3->C_VerifySignatureInit(h, &mechanism, keys.public_key, signature, len), CKR_OK);
    CHECK_EQ(p11_3->C_VerifySignatureUpdate(h, message, 10), CKR_OK);
    CHECK_EQ(p11_3->C_VerifySignatureUpdate(h, message + 10, MESSAGE_LEN - 10), CKR_OK);
    CHECK_EQ(p11_3->C_VerifySignatureFinal(h), CKR_OK);
    CHECK_EQ(p11_3->C_VerifySignatureFinal(h), CKR_OPERATION_NOT_INITIALIZED);

    CASE("another message, a short signature");
    CHECK_EQ(p11_3->C_VerifySignatureInit(h, &mechanism, keys.public_key, signature, len), CKR_OK);
    CHECK_EQ(p11_3->C_VerifySignature(h, message, MESSAGE_LEN - 1), CKR_SIGNATURE_INVALID);
    CHECK_EQ(p11_3->C_VerifySignatureInit(h, &mechanism, keys.public_key, signature, 63), CKR_OK);
    CHECK_EQ(p11_3->C_VerifySignature(h, message, MESSAGE_LEN), CKR_SIGNATURE_LEN_RANGE);

    CASE("cancelled, and left open when the session closes");
    CHECK_EQ(p11_3->C_VerifySignatureInit(h, &mechanism, keys.public_key, signature, len), CKR_OK);
    CHECK_EQ(p11_3->C_VerifySignatureInit(h, NULL, 0, NULL, 0), CKR_OK);
    CHECK_EQ(p11_3->C_VerifySignatureFinal(h), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_EQ(p11->C_VerifyInit(h, &mechanism, keys.public_key), CKR_OK);
    CHECK_EQ(p11_3->C_VerifySignature(h, message, MESSAGE_LEN), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_EQ(p11->C_Verify(h, message, MESSAGE_LEN, signature, len), CKR_OK);
    CHECK_EQ(p11_3->C_VerifySignatureInit(h, &mechanism, keys.public_key, signature, len), CKR_OK);
    CHECK_EQ(p11->C_Verify(h, message, MESSAGE_LEN, signature, len), CKR_OPERATION_NOT_INITIALIZED);
}

static const check_test tests[] = {
    CHECK_TEST(signature_first),
    CHECK_TEST(signatures_verify_here_and_elsewhere),
    CHECK_TEST(macs_have_published_values),
    CHECK_TEST(ed25519_has_published_values),
    CHECK_TEST(ecdsa_accepts_published_values),
    CHECK_TEST(recovery_gives_the_data_back),
    CHECK_TEST(wrong_keys_and_uses),
};
CHECK_MAIN(tests)
