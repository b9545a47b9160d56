/* Known answers of digests, MACs and ciphers.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/selftest_internal.h"

/* Hexadecimal; NULL where the algorithm has none. */
typedef struct row {
    hsm_selftest test;
    hsm_alg alg;
    hsm_hash hash;
    CK_KEY_TYPE key_type;
    uint32_t tag_bits;
    uint32_t counter_bits;
    const char *key;
    const char *iv;
    const char *aad;
    const char *in;
    const char *out;
} row;

/* "abc", of the examples to FIPS 180-4 and FIPS 202 */
#define DIGEST(HASH, OUT)                                                            \
    {                                                                                \
        .test = HSM_SELFTEST_##HASH, .alg = HSM_ALG_DIGEST, .hash = HSM_HASH_##HASH, \
        .in = "616263", .out = OUT,                                                  \
    }
/* RFC 4231 and RFC 2202, test case 2; with SHA-3 and SHA-512/t the same by Python's hmac */
#define HMAC(HASH, OUT)                                                                 \
    {                                                                                   \
        .test = HSM_SELFTEST_HMAC_##HASH, .alg = HSM_ALG_HMAC, .hash = HSM_HASH_##HASH, \
        .key_type = CKK_GENERIC_SECRET, .key = "4a656665",                              \
        .in = "7768617420646f2079612077616e7420666f72206e6f7468696e673f", .out = OUT,   \
    }

static const row rows[] = {
    DIGEST(SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    DIGEST(SHA384,
           "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc23"
           "58baeca134c825a7"),
    DIGEST(SHA512,
           "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a8"
           "36ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"),
    DIGEST(SHA3_256, "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
    DIGEST(SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
    DIGEST(SHA224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
    DIGEST(SHA512_224, "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa"),
    DIGEST(SHA512_256, "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23"),
    DIGEST(SHA3_224, "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf"),
    DIGEST(SHA3_384,
           "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f5"
           "39f1edf228376d25"),
    DIGEST(SHA3_512,
           "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c9"
           "1a7ec57647e3934057340b4cf408d5a56592f8274eec53f0"),
    HMAC(SHA256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    HMAC(SHA384, "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c7"
                 "8b3239ecfab21649"),
    HMAC(SHA512, "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a"
                 "6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"),
    HMAC(SHA1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    HMAC(SHA224, "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"),
    HMAC(SHA512_224, "4a530b31a79ebcce36916546317c45f247d83241dfb818fd37254bde"),
    HMAC(SHA512_256, "6df7b24630d5ccb2ee335407081a87188c221489768fa2020513b2d593359456"),
    HMAC(SHA3_224, "7fdb8dd88bd2f60d1b798634ad386811c2cfc85bfaf5d52bbace5e66"),
    HMAC(SHA3_256, "c7d4072e788877ae3596bbb0da73b887c9171f93095b294ae857fbe2645e1ba5"),
    HMAC(SHA3_384,
         "f1101f8cbf9766fd6764d2ed61903f21ca9b18f57cf3e1a23ca13508a93243ce48c045dc007f26a2"
         "1b3f5e0e9df4c20a"),
    HMAC(SHA3_512,
         "5a4bfeab6166427c7a3647b747292b8384537cdb89afb3bf5665e4c5e709350b287baec921fd7ca0"
         "ee7a0c31d022a95e1fc92ba9d77df883960275beb4e62024"),
    {
        /* Wycheproof aes_gcm_test.json, case 100 */
        .test = HSM_SELFTEST_AES_GCM,
        .alg = HSM_ALG_AES_GCM,
        .key_type = CKK_AES,
        .tag_bits = 128,
        .key = "b279f57e19c8f53f2f963f5f2519fdb7c1779be2ca2b3ae8e1128b7d6c627fc4",
        .iv = "98bc2c7438d5cd7665d76f6e",
        .aad = "c0",
        .in = "fcc515b294408c8645c9183e3f4ecee5127846d1",
        .out = "eb5500e3825952866d911253f8de860c00831c81ecb660e1fb0541ec41e8d68a64141b3a",
    },
    {
        /* SP 800-38A, F.2.1 and F.2.5 */
        .test = HSM_SELFTEST_AES_CBC,
        .alg = HSM_ALG_AES_CBC,
        .key_type = CKK_AES,
        .key = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        .iv = "000102030405060708090a0b0c0d0e0f",
        .in = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411"
              "e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
        .out = "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacf"
               "a530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b",
    },
    {
        /* SP 800-38A, F.5.1 and F.5.5 */
        .test = HSM_SELFTEST_AES_CTR,
        .alg = HSM_ALG_AES_CTR,
        .key_type = CKK_AES,
        .counter_bits = 32,
        .key = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        .iv = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
        .in = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411"
              "e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
        .out = "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c52b0930daa23de94c"
               "e87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
    },
    {
        /* SP 800-38A, F.1.1 to F.1.5 */
        .test = HSM_SELFTEST_AES_ECB,
        .alg = HSM_ALG_AES_ECB,
        .key_type = CKK_AES,
        .key = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        .in = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411"
              "e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
        .out = "f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870b6ed21b99ca6f4f9"
               "f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7",
    },
    {
        /* SP 800-38A, F.4.1 and F.4.5 */
        .test = HSM_SELFTEST_AES_OFB,
        .alg = HSM_ALG_AES_OFB,
        .key_type = CKK_AES,
        .key = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        .iv = "000102030405060708090a0b0c0d0e0f",
        .in = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411"
              "e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
        .out = "dc7e84bfda79164b7ecd8486985d38604febdc6740d20b3ac88f6ad82a4fb08d71ab47a086e86eed"
               "f39d1c5bba97c4080126141d67f37be8538f5a8be740e484",
    },
    {
        /* SP 800-38A, F.3.1 (16 segments of one bit) */
        .test = HSM_SELFTEST_AES_CFB1,
        .alg = HSM_ALG_AES_CFB1,
        .key_type = CKK_AES,
        .key = "2b7e151628aed2a6abf7158809cf4f3c",
        .iv = "000102030405060708090a0b0c0d0e0f",
        .in = "6bc1",
        .out = "68b3",
    },
    {
        /* SP 800-38A, F.3.7 */
        .test = HSM_SELFTEST_AES_CFB8,
        .alg = HSM_ALG_AES_CFB8,
        .key_type = CKK_AES,
        .key = "2b7e151628aed2a6abf7158809cf4f3c",
        .iv = "000102030405060708090a0b0c0d0e0f",
        .in = "6bc1bee22e409f96e93d7e117393172aae2d",
        .out = "3b79424c9c0dd436bace9e0ed4586a4f32b9",
    },
    {
        /* SP 800-38A, F.3.13 */
        .test = HSM_SELFTEST_AES_CFB128,
        .alg = HSM_ALG_AES_CFB128,
        .key_type = CKK_AES,
        .key = "2b7e151628aed2a6abf7158809cf4f3c",
        .iv = "000102030405060708090a0b0c0d0e0f",
        .in = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411"
              "e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
        .out = "3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b26751f67a3cbb140"
               "b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6",
    },
    {
        /* RFC 3962, appendix B, put into the order of CBC-CS1 */
        .test = HSM_SELFTEST_AES_CTS,
        .alg = HSM_ALG_AES_CTS,
        .key_type = CKK_AES,
        .key = "636869636b656e207465726979616b69",
        .iv = "00000000000000000000000000000000",
        .in = "4920776f756c64206c696b652074686520",
        .out = "97c6353568f2bf8cb4d8a580362da7ff7f",
    },
    {
        /* Wycheproof aes_xts_test.json, case 10 */
        .test = HSM_SELFTEST_AES_XTS,
        .alg = HSM_ALG_AES_XTS,
        .key_type = CKK_AES_XTS,
        .key = "592cbbed28130580b80f2c48d14f1581a906389f21b1496972c4612a7a66d614",
        .iv = "05fd34efcf854c980000000000000000",
        .in = "4e5ecb227d0fa9dc74b478d6bbdc48d3ff1f6ce727104f5ce7",
        .out = "b1379bb848aafa899d28e58901d81b9b11bcabb7316b61cee2",
    },
    {
        /* SP 800-38C, C.1 to C.3 */
        .test = HSM_SELFTEST_AES_CCM,
        .alg = HSM_ALG_AES_CCM,
        .key_type = CKK_AES,
        .tag_bits = 32,
        .key = "404142434445464748494a4b4c4d4e4f",
        .iv = "10111213141516",
        .aad = "0001020304050607",
        .in = "20212223",
        .out = "7162015b4dac255d",
    },
    {
        /* Wycheproof aes_gmac_test.json, case 5 */
        .test = HSM_SELFTEST_AES_GMAC,
        .alg = HSM_ALG_AES_GMAC,
        .key_type = CKK_AES,
        .tag_bits = 128,
        .key = "8e2c0cc624728af2195d46775502ec13",
        .iv = "e8d43d5646bb7dde8a1e9374",
        .in = "f7efb072100cc6",
        .out = "2b4e06a558a40542c0fdc7149678c8b8",
    },
    {
        /* SP 800-38B, D.1 and D.3; RFC 4493 */
        .test = HSM_SELFTEST_AES_CMAC,
        .alg = HSM_ALG_CMAC,
        .key_type = CKK_AES,
        .key = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        .in = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411"
              "e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
        .out = "e1992190549f6ed5696a2c056c315410",
    },
    {
        /* RFC 3394, 4.1 and 4.6 */
        .test = HSM_SELFTEST_AES_KW,
        .alg = HSM_ALG_AES_KW,
        .key_type = CKK_AES,
        .key = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        .in = "00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
        .out = "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21",
    },
    {
        /* RFC 5649, 6 */
        .test = HSM_SELFTEST_AES_KWP,
        .alg = HSM_ALG_AES_KWP,
        .key_type = CKK_AES,
        .key = "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
        .in = "c37b7e6492584340bed12207808941155068f738",
        .out = "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
    },
    { /* OpenSSL, evpciph_des3_common.txt */
      .test = HSM_SELFTEST_DES3_CBC,
      .alg = HSM_ALG_DES3_CBC,
      .key_type = CKK_DES3,
      .key = "0123456789abcdeff1e0d3c2b5a49786fedcba9876543210",
      .iv = "fedcba9876543210",
      .in = "37363534333231204e6f77206973207468652074696d6520666f722000000000",
      .out = "3fe301c962ac01d02213763c1cbd4cdc799657c064ecf5d41c673812cfde9675" },
    { /* OpenSSL, evpmac_cmac_des.txt */
      .test = HSM_SELFTEST_DES3_CMAC,
      .alg = HSM_ALG_DES3_CMAC,
      .key_type = CKK_DES3,
      .key = "89bcd952a8c8ab371af48ac7d07085d5eff702e6d62cdc23",
      .in = "fa620c1bbe97319e9a0cf0492121f7a20eb08a6a709dcbd00aaf38e4f99e754e",
      .out = "8f49a1b7d6aa2258" },
};

static const row *find_row(hsm_selftest test)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(rows); i++) {
        if (rows[i].test == test)
            return &rows[i];
    }
    return NULL;
}

static hsm_err make_key(hsm_crypto *crypto, const row *r, hsm_key **out_key)
{
    const known value = known_of(r->key);
    hsm_key_parts parts = { .key_class = CKO_SECRET_KEY, .key_type = r->key_type };

    parts.part[HSM_PART_VALUE] = known_view(&value);
    return hsm_key_create(crypto, &parts, out_key);
}

static hsm_err compute(hsm_crypto *crypto, const crypt_question *question, hsm_bytes in, known *out)
{
    hsm_out room = hsm_out_of(out->data, sizeof out->data);

    HSM_TRY(crypt_answer(crypto, question, in, &room));
    out->len = room.len;
    return HSM_OK;
}

/* Forth gives the known answer; for a cipher, back gives the text. */
static hsm_err ask(hsm_crypto *crypto, const row *r, crypt_question *question, const known *in)
{
    const bool is_mac = r->alg == HSM_ALG_HMAC || r->alg == HSM_ALG_CMAC ||
                        r->alg == HSM_ALG_AES_GMAC || r->alg == HSM_ALG_DES3_CMAC;
    known got;

    question->op = r->key == NULL ? HSM_OP_DIGEST : is_mac ? HSM_OP_SIGN : HSM_OP_ENCRYPT;
    HSM_TRY(compute(crypto, question, known_view(in), &got));
    HSM_TRY(known_equals(r->test, known_view(&got), r->out));
    if (is_mac) {
        question->op = HSM_OP_VERIFY;
        return crypt_verifies(crypto, question, known_view(in), known_view(&got));
    }
    if (r->key == NULL)
        return HSM_OK;
    question->op = HSM_OP_DECRYPT;
    const known text = known_of(r->out);
    HSM_TRY(compute(crypto, question, known_view(&text), &got));
    return known_equals(r->test, known_view(&got), r->in);
}

hsm_err hsm_selftest_symmetric(hsm_crypto *crypto, hsm_selftest test)
{
    const row *r = find_row(test);
    HSM_CHECK(r != NULL, HSM_E_INTERNAL);
    const known iv = known_of(r->iv);
    const known aad = known_of(r->aad);
    const known in = known_of(r->in);
    const hsm_mech mech = { .alg = r->alg, .hash = r->hash, .is_multi_part = true };
    const hsm_mech_params params = {
        .iv = known_view(&iv),
        .aad = known_view(&aad),
        .tag_bits = r->tag_bits,
        .counter_bits = r->counter_bits,
        .data_len = in.len,
    };
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;

    if (r->key != NULL)
        HSM_TRY(make_key(crypto, r, &key));
    crypt_question question = { .mech = &mech, .params = &params, .key = key };
    return ask(crypto, r, &question, &in);
}
