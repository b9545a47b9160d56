/* Ciphers: published values, parts of any size, tampering, lengths, RSA by the openssl command. */
#include <stdio.h>

#include "support.h"

#define KEY_128 "2b7e151628aed2a6abf7158809cf4f3c"
#define BLOCKS "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
#define GCM_PLAIN                                                      \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" \
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define GCM_CIPHER                                                     \
    "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e" \
    "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"         \
    "5bc94fbc3221a5db94fae95ae7121a47"

static CK_BYTE cbc_iv[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };
static CK_AES_CTR_PARAMS ctr = { 128,
                                 { 0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
                                   0xfb, 0xfc, 0xfd, 0xfe, 0xff } };
static CK_BYTE gcm_iv[12] = {
    0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce, 0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88
};
static CK_BYTE gcm_aad[20] = { 0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed,
                               0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xab, 0xad, 0xda, 0xd2 };
static CK_GCM_PARAMS gcm = { gcm_iv, sizeof gcm_iv, 96, gcm_aad, sizeof gcm_aad, 128 };

static const struct {
    const char *label;
    const char *key;
    CK_MECHANISM mechanism;
    const char *plain;
    const char *cipher;
} cases[] = {
    /* FIPS 197, appendix C; SP 800-38A, appendix F; GCM specification, test case 4 */
    { "AES-128 ECB",
      "000102030405060708090a0b0c0d0e0f",
      { CKM_AES_ECB, NULL, 0 },
      "00112233445566778899aabbccddeeff",
      "69c4e0d86a7b0430d8cdb78070b4c55a" },
    { "AES-192 ECB",
      "000102030405060708090a0b0c0d0e0f1011121314151617",
      { CKM_AES_ECB, NULL, 0 },
      "00112233445566778899aabbccddeeff",
      "dda97ca4864cdfe06eaf70a0ec0d7191" },
    { "AES-256 ECB",
      "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
      { CKM_AES_ECB, NULL, 0 },
      "00112233445566778899aabbccddeeff",
      "8ea2b7ca516745bfeafc49904b496089" },
    { "AES-128 CBC",
      KEY_128,
      { CKM_AES_CBC, cbc_iv, sizeof cbc_iv },
      BLOCKS,
      "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2" },
    { "AES-128 CTR",
      KEY_128,
      { CKM_AES_CTR, &ctr, sizeof ctr },
      BLOCKS,
      "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff" },
    { "AES-128 GCM",
      "feffe9928665731c6d6a8f9467308308",
      { CKM_AES_GCM, &gcm, sizeof gcm },
      GCM_PLAIN,
      GCM_CIPHER },
};

/* One direction in parts of `step` bytes; the number of bytes that came out. */
static size_t in_parts(CK_SESSION_HANDLE session, bool encrypts, const CK_BYTE *in, size_t len,
                       size_t step, CK_BYTE *out, size_t room)
{
    size_t total = 0;
    CK_ULONG part = 0;

    for (size_t at = 0; at < len; at += step) {
        const size_t n = len - at < step ? len - at : step;
        CK_BYTE *from = (CK_BYTE *)(uintptr_t)in + at;

        part = room - total;
        CHECK_OK(encrypts ? p11->C_EncryptUpdate(session, from, n, out + total, &part)
                          : p11->C_DecryptUpdate(session, from, n, out + total, &part));
        total += part;
    }
    part = room - total;
    CHECK_OK(encrypts ? p11->C_EncryptFinal(session, out + total, &part)
                      : p11->C_DecryptFinal(session, out + total, &part));
    return total + part;
}

static void known_answers(void)
{
    static const size_t steps[] = { 1, 7, 16, 17, 100 };
    FIXTURE(fix);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CK_MECHANISM mechanism = cases[i].mechanism;
        CK_BYTE key_value[32];
        CK_BYTE plain[128];
        CK_BYTE cipher[128];
        CK_BYTE out[160];
        CK_ULONG len = sizeof out;
        const size_t key_len = from_hex(cases[i].key, key_value, sizeof key_value);
        const size_t plain_len = from_hex(cases[i].plain, plain, sizeof plain);
        const size_t cipher_len = from_hex(cases[i].cipher, cipher, sizeof cipher);
        const CK_OBJECT_HANDLE key = import_secret(fix.session, CKK_AES, key_value, key_len);

        CASE(cases[i].label);
        CHECK_OK(p11->C_EncryptInit(fix.session, &mechanism, key));
        CHECK_OK(p11->C_Encrypt(fix.session, plain, plain_len, out, &len));
        CHECK_BYTES(out, len, cipher, cipher_len);
        len = sizeof out;
        CHECK_OK(p11->C_DecryptInit(fix.session, &mechanism, key));
        CHECK_OK(p11->C_Decrypt(fix.session, cipher, cipher_len, out, &len));
        CHECK_BYTES(out, len, plain, plain_len);
        for (size_t j = 0; j < ARRAY_LEN(steps); j++) {
            CHECK_OK(p11->C_EncryptInit(fix.session, &mechanism, key));
            len = in_parts(fix.session, true, plain, plain_len, steps[j], out, sizeof out);
            CHECK_BYTES(out, len, cipher, cipher_len);
            CHECK_OK(p11->C_DecryptInit(fix.session, &mechanism, key));
            len = in_parts(fix.session, false, cipher, cipher_len, steps[j], out, sizeof out);
            CHECK_BYTES(out, len, plain, plain_len);
        }
    }
}

static void padding_at_every_length(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_AES_CBC_PAD, cbc_iv, sizeof cbc_iv };
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 32, false, "padded");
    CK_BYTE plain[48];
    CK_BYTE cipher[80];
    CK_BYTE back[80];

    memset(plain, 'p', sizeof plain);
    for (size_t n = 0; n <= sizeof plain; n++) {
        CK_ULONG len = sizeof cipher;
        CK_ULONG back_len = sizeof back;

        REQUIRE_OK(p11->C_EncryptInit(fix.session, &mechanism, key));
        CHECK_OK(p11->C_Encrypt(fix.session, plain, n, cipher, &len));
        CHECK_EQ(len, n / 16 * 16 + 16);
        REQUIRE_OK(p11->C_DecryptInit(fix.session, &mechanism, key));
        CHECK_OK(p11->C_Decrypt(fix.session, cipher, len, back, &back_len));
        CHECK_BYTES(back, back_len, plain, n);
        REQUIRE_OK(p11->C_DecryptInit(fix.session, &mechanism, key));
        back_len = in_parts(fix.session, false, cipher, len, 5, back, sizeof back);
        CHECK_BYTES(back, back_len, plain, n);
    }
}

static void tampered_data_is_refused(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_AES_GCM, &gcm, sizeof gcm };
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 16, false, "gcm");
    CK_BYTE plain[32] = "thirty-two bytes of clear text.";
    CK_BYTE cipher[48];
    CK_BYTE back[48];
    CK_BYTE untouched[48];
    CK_ULONG len = sizeof cipher;

    REQUIRE_OK(p11->C_EncryptInit(fix.session, &mechanism, key));
    REQUIRE_OK(p11->C_Encrypt(fix.session, plain, sizeof plain, cipher, &len));
    REQUIRE_THAT(len == 48);
    memset(untouched, 0xa5, sizeof untouched);
    for (size_t at = 0; at < len; at += 5) {
        CK_ULONG back_len = sizeof back;

        memset(back, 0xa5, sizeof back);
        cipher[at] ^= 1;
        REQUIRE_OK(p11->C_DecryptInit(fix.session, &mechanism, key));
        CHECK_EQ(p11->C_Decrypt(fix.session, cipher, len, back, &back_len),
                 CKR_ENCRYPTED_DATA_INVALID);
        /* Nothing of what was decrypted comes out. */
        CHECK_THAT(memcmp(back, plain, 16) != 0 && memcmp(back + 16, plain + 16, 8) != 0);
        CHECK_EQ(p11->C_Decrypt(fix.session, cipher, len, back, &back_len),
                 CKR_OPERATION_NOT_INITIALIZED);
        cipher[at] ^= 1;
    }
    CK_ULONG back_len = sizeof back;
    REQUIRE_OK(p11->C_DecryptInit(fix.session, &mechanism, key));
    const CK_RV short_rv = p11->C_Decrypt(fix.session, cipher, 15, back, &back_len);
    CHECK_THAT(short_rv == CKR_ENCRYPTED_DATA_LEN_RANGE || short_rv == CKR_ENCRYPTED_DATA_INVALID);
}

static void lengths_that_do_not_fit(void)
{
    FIXTURE(fix);
    CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 };
    CK_MECHANISM cbc = { CKM_AES_CBC, cbc_iv, sizeof cbc_iv };
    CK_MECHANISM pad = { CKM_AES_CBC_PAD, cbc_iv, sizeof cbc_iv };
    CK_MECHANISM *const blocks[] = { &ecb, &cbc };
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 16, false, "blocks");
    CK_BYTE data[64] = { 0 };
    CK_BYTE out[64];
    CK_ULONG len;

    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        len = sizeof out;
        REQUIRE_OK(p11->C_EncryptInit(fix.session, blocks[i], key));
        CHECK_EQ(p11->C_Encrypt(fix.session, data, 15, out, &len), CKR_DATA_LEN_RANGE);
        REQUIRE_OK(p11->C_DecryptInit(fix.session, blocks[i], key));
        CHECK_EQ(p11->C_Decrypt(fix.session, data, 17, out, &len), CKR_ENCRYPTED_DATA_LEN_RANGE);
        REQUIRE_OK(p11->C_EncryptInit(fix.session, blocks[i], key));
        CHECK_OK(p11->C_EncryptUpdate(fix.session, data, 17, out, &len));
        CHECK_EQ(len, 16);
        len = sizeof out;
        CHECK_EQ(p11->C_EncryptFinal(fix.session, out, &len), CKR_DATA_LEN_RANGE);
        CHECK_EQ(p11->C_EncryptFinal(fix.session, out, &len), CKR_OPERATION_NOT_INITIALIZED);
    }
    len = sizeof out;
    REQUIRE_OK(p11->C_DecryptInit(fix.session, &pad, key));
    CHECK_EQ(p11->C_Decrypt(fix.session, data, 17, out, &len), CKR_ENCRYPTED_DATA_LEN_RANGE);
}

static bool export_public(const fixture *fix, CK_OBJECT_HANDLE key)
{
    CK_BYTE info[1024];
    const size_t len = get_attr(fix->session, key, CKA_PUBLIC_KEY_INFO, info, sizeof info);

    return len != SIZE_MAX && write_file(fix, "key.der", info, len);
}

static size_t read_output(const fixture *fix, const char *name, CK_BYTE *data, size_t room)
{
    char path[192];

    (void)snprintf(path, sizeof path, "%s/%s", fix->dir, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return 0;
    const size_t len = fread(data, 1, room, file);
    (void)fclose(file);
    return len;
}

static CK_RSA_PKCS_OAEP_PARAMS oaep_sha256 = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED,
                                               NULL, 0 };

static const struct {
    const char *label;
    CK_MECHANISM mechanism;
    const char *openssl;
} rsa_cases[] = {
    { "PKCS#1", { CKM_RSA_PKCS, NULL, 0 }, "-pkeyopt rsa_padding_mode:pkcs1" },
    { "OAEP SHA-256",
      { CKM_RSA_PKCS_OAEP, &oaep_sha256, sizeof oaep_sha256 },
      "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256" },
};

static void rsa_decrypts_what_others_encrypt(void)
{
    FIXTURE(fix);
    CK_BYTE plain[] = "a message for the token";
    CK_BYTE cipher[256];
    CK_BYTE back[256];
    char command[512];

    if (!has_command("openssl") || !module_is_ours())
        SKIP("needs the openssl command and CKA_PUBLIC_KEY_INFO");
    const pair keys = generate_pair(fix.session, &rsa_2048, false, "rsa");
    REQUIRE_THAT(export_public(&fix, keys.public_key));
    REQUIRE_THAT(write_file(&fix, "plain", plain, sizeof plain));
    for (size_t i = 0; i < ARRAY_LEN(rsa_cases); i++) {
        CK_MECHANISM mechanism = rsa_cases[i].mechanism;
        CK_ULONG len = sizeof back;

        CASE(rsa_cases[i].label);
        (void)snprintf(command, sizeof command,
                       "openssl pkeyutl -encrypt -pubin -keyform DER -inkey key.der -in plain "
                       "-out cipher %s",
                       rsa_cases[i].openssl);
        REQUIRE_THAT(run_command(&fix, command));
        CHECK_EQ(read_output(&fix, "cipher", cipher, sizeof cipher), sizeof cipher);
        CHECK_OK(p11->C_DecryptInit(fix.session, &mechanism, keys.private_key));
        CHECK_OK(p11->C_Decrypt(fix.session, cipher, sizeof cipher, back, &len));
        CHECK_BYTES(back, len, plain, sizeof plain);

        len = sizeof cipher;
        CHECK_OK(p11->C_EncryptInit(fix.session, &mechanism, keys.public_key));
        CHECK_OK(p11->C_Encrypt(fix.session, plain, sizeof plain, cipher, &len));
        len = sizeof back;
        CHECK_OK(p11->C_DecryptInit(fix.session, &mechanism, keys.private_key));
        CHECK_OK(p11->C_Decrypt(fix.session, cipher, sizeof cipher, back, &len));
        CHECK_BYTES(back, len, plain, sizeof plain);
        CHECK_OK(p11->C_EncryptInit(fix.session, &mechanism, keys.public_key));
        len = sizeof back;
        CHECK_EQ(p11->C_Encrypt(fix.session, cipher, sizeof cipher, back, &len),
                 CKR_DATA_LEN_RANGE);
    }
}

/* Two operations on one part; the plaintext lies where the ciphertext goes. */
static void dual_functions(void)
{
    FIXTURE(fix);
    CK_MECHANISM cbc = { CKM_AES_CBC, cbc_iv, sizeof cbc_iv };
    CK_MECHANISM sha = { CKM_SHA256, NULL, 0 };
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 16, false, "dual");
    CK_BYTE plain[64];
    CK_BYTE data[64];
    CK_BYTE want[32];
    CK_BYTE digest[32];
    CK_ULONG len = sizeof want;

    if (!module_is_ours())
        SKIP("few modules have them");
    memset(plain, 'd', sizeof plain);
    memcpy(data, plain, sizeof data);
    REQUIRE_OK(p11->C_DigestInit(fix.session, &sha));
    REQUIRE_OK(p11->C_Digest(fix.session, plain, sizeof plain, want, &len));

    REQUIRE_OK(p11->C_EncryptInit(fix.session, &cbc, key));
    REQUIRE_OK(p11->C_DigestInit(fix.session, &sha));
    len = 0;
    CHECK_OK(p11->C_DigestEncryptUpdate(fix.session, data, sizeof data, NULL, &len));
    CHECK_EQ(len, sizeof data);
    len = sizeof data - 1;
    CHECK_EQ(p11->C_DigestEncryptUpdate(fix.session, data, sizeof data, data, &len),
             CKR_BUFFER_TOO_SMALL);
    len = sizeof data;
    CHECK_OK(p11->C_DigestEncryptUpdate(fix.session, data, sizeof data, data, &len));
    CHECK_EQ(len, sizeof data);
    CHECK_THAT(memcmp(data, plain, sizeof data) != 0);
    len = 0;
    CHECK_OK(p11->C_EncryptFinal(fix.session, digest, &len));
    len = sizeof digest;
    CHECK_OK(p11->C_DigestFinal(fix.session, digest, &len));
    CHECK_BYTES(digest, len, want, sizeof want);

    REQUIRE_OK(p11->C_DecryptInit(fix.session, &cbc, key));
    REQUIRE_OK(p11->C_DigestInit(fix.session, &sha));
    len = sizeof data;
    CHECK_OK(p11->C_DecryptDigestUpdate(fix.session, data, sizeof data, data, &len));
    CHECK_BYTES(data, len, plain, sizeof plain);
    len = sizeof digest;
    CHECK_OK(p11->C_DigestFinal(fix.session, digest, &len));
    CHECK_BYTES(digest, len, want, sizeof want);

    CASE("only one of the two is open");
    CHECK_EQ(p11->C_DecryptDigestUpdate(fix.session, data, sizeof data, data, &len),
             CKR_OPERATION_NOT_INITIALIZED);
}

static CK_RV import_des3(CK_SESSION_HANDLE session, const CK_BYTE value[24], CK_ULONG len,
                         CK_OBJECT_HANDLE *out_key)
{
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_DES3);
    put_bytes(&tmpl, CKA_VALUE, value, len);
    return p11->C_CreateObject(session, tmpl.at, tmpl.count, out_key);
}

/* SP 800-67, appendix B; the check value is from the openssl command. */
static const CK_BYTE des3_value[24] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                        0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01,
                                        0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23 };
static const CK_BYTE des3_check_value[3] = { 0x4e, 0xba, 0x73 };

static void triple_des_is_off(void)
{
    FIXTURE(fix);
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_MECHANISM_INFO info;

    CHECK_EQ(p11->C_GetMechanismInfo(fix.slot, CKM_DES3_CBC, &info), CKR_MECHANISM_INVALID);
    CHECK_THAT(import_des3(fix.session, des3_value, 24, &key) != CKR_OK);
}

static void triple_des_is_for_old_data(void)
{
    fixture_settings = "[algorithms]\nallow_3des_decrypt = true\n";
    FIXTURE(fix);
    fixture_settings = NULL;
    CK_BYTE iv[8] = { 0 };
    CK_MECHANISM cbc = { CKM_DES3_CBC, iv, sizeof iv };
    CK_MECHANISM ecb = { CKM_DES3_ECB, NULL, 0 };
    CK_MECHANISM cmac = { CKM_DES3_CMAC, NULL, 0 };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    CK_MECHANISM_INFO info;
    CK_BYTE bytes[24];

    CHECK_OK(p11->C_GetMechanismInfo(fix.slot, CKM_DES3_CBC, &info));
    CHECK_EQ(info.flags & (CKF_ENCRYPT | CKF_DECRYPT | CKF_WRAP | CKF_UNWRAP),
             CKF_DECRYPT | CKF_UNWRAP);
    REQUIRE_OK(import_des3(fix.session, des3_value, 24, &key));
    CHECK_EQ(get_attr(fix.session, key, CKA_CHECK_VALUE, bytes, sizeof bytes), 3);
    CHECK_BYTES(bytes, 3, des3_check_value, 3);
    CHECK_THAT(get_bool(fix.session, key, CKA_DECRYPT) && get_bool(fix.session, key, CKA_VERIFY));
    CHECK_THAT(!get_bool(fix.session, key, CKA_ENCRYPT) && !get_bool(fix.session, key, CKA_SIGN));
    CHECK_EQ(p11->C_EncryptInit(fix.session, &cbc, key), CKR_MECHANISM_INVALID);
    CHECK_EQ(p11->C_SignInit(fix.session, &cmac, key), CKR_MECHANISM_INVALID);
    CHECK_OK(p11->C_DecryptInit(fix.session, &cbc, key));
    cbc.ulParameterLen = 7;
    CHECK_EQ(p11->C_DecryptInit(fix.session, &cbc, key), CKR_OPERATION_ACTIVE);
    CHECK_OK(p11->C_DecryptInit(fix.session, NULL, key));
    CHECK_EQ(p11->C_DecryptInit(fix.session, &cbc, key), CKR_MECHANISM_PARAM_INVALID);

    CASE("lengths and parity");
    memcpy(bytes, des3_value, sizeof bytes);
    CHECK_THAT(import_des3(fix.session, bytes, 16, &key) != CKR_OK);
    bytes[23] ^= 1;
    CHECK_EQ(import_des3(fix.session, bytes, 24, &key), CKR_ATTRIBUTE_VALUE_INVALID);

    CASE("an old key comes out of an old wrapping");
    REQUIRE_OK(import_des3(fix.session, des3_value, 24, &key));
    static CK_BYTE wrapped[24] = { 0xa8, 0x26, 0xfd, 0x8c, 0xe5, 0x3b, 0x85, 0x5f,
                                   0xcc, 0xe2, 0x1c, 0x81, 0x12, 0x25, 0x6f, 0xe6,
                                   0x68, 0xd5, 0xc0, 0x5d, 0xd9, 0xb6, 0xb9, 0x00 };
    attrs tmpl = { .count = 0 };
    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    put_ulong(&tmpl, CKA_VALUE_LEN, 24);
    put_bool(&tmpl, CKA_SENSITIVE, false);
    put_bool(&tmpl, CKA_EXTRACTABLE, true);
    CHECK_OK(p11->C_UnwrapKey(fix.session, &ecb, key, wrapped, sizeof wrapped, tmpl.at, tmpl.count,
                              &key));
    CHECK_EQ(get_attr(fix.session, key, CKA_VALUE, bytes, sizeof bytes), 24);
    CHECK_BYTES(bytes, 24, (const CK_BYTE *)"The qufck brown fox jump", 24);
}

static const check_test tests[] = {
    CHECK_TEST(known_answers),
    CHECK_TEST(padding_at_every_length),
    CHECK_TEST(tampered_data_is_refused),
    CHECK_TEST(lengths_that_do_not_fit),
    CHECK_TEST(rsa_decrypts_what_others_encrypt),
    CHECK_TEST(dual_functions),
    CHECK_TEST(triple_des_is_off),
    CHECK_TEST(triple_des_is_for_old_data),
};
CHECK_MAIN(tests)
