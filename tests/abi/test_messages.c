/* Message-based encryption: published values whole and in parts, tampering, states, parameters, and
 * initialisation vectors that are never made twice. */
#include "pkcs11/pkcs11_craton.h"
#include "support.h"

enum { ROOM = 160, TAG = 16 };

#define GCM_KEY "feffe9928665731c6d6a8f9467308308"
#define CCM_KEY "404142434445464748494a4b4c4d4e4f"

/* One published message; the parameter's fields follow from it. */
typedef struct message_case {
    const char *label;
    CK_MECHANISM_TYPE mechanism;
    CK_KEY_TYPE key_type;
    const char *key, *iv, *aad, *plain, *cipher, *tag;
} message_case;

static const message_case cases[] = {
    { "AES-GCM, test case 4", CKM_AES_GCM, CKK_AES, GCM_KEY, "cafebabefacedbaddecaf888",
      "feedfacedeadbeeffeedfacedeadbeefabaddad2",
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
      "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
      "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
      "5bc94fbc3221a5db94fae95ae7121a47" },
    { "AES-GCM, test case 1: no text", CKM_AES_GCM, CKK_AES, "00000000000000000000000000000000",
      "000000000000000000000000", "", "", "", "58e2fccefa7e3061367f1d57a4e7455a" },
    { "AES-CCM, SP 800-38C example 1", CKM_AES_CCM, CKK_AES, CCM_KEY, "10111213141516",
      "0001020304050607", "20212223", "7162015b", "4dac255d" },
    { "AES-CCM, SP 800-38C example 2", CKM_AES_CCM, CKK_AES, CCM_KEY, "1011121314151617",
      "000102030405060708090a0b0c0d0e0f", "202122232425262728292a2b2c2d2e2f",
      "d2a1f0e051ea5f62081a7792073d593d", "1fc64fbfaccd" },
    { "ChaCha20-Poly1305, RFC 8439 2.8.2", CKM_CHACHA20_POLY1305, CKK_CHACHA20,
      "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
      "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
      "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
      "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
      "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
      "637265656e20776f756c642062652069742e",
      "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
      "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
      "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
      "3ff4def08e4b7a9de576d26586cec64b6116",
      "1ae10b594f09e26a7e902ecbd0600691" },
};

/* A case's bytes, and its parameter in the mechanism's form. */
typedef struct message {
    CK_BYTE key[32], iv[16], aad[32], plain[ROOM], cipher[ROOM], want_tag[TAG], tag[TAG];
    size_t key_len, iv_len, aad_len, len, tag_len;
    union {
        CK_GCM_MESSAGE_PARAMS gcm;
        CK_CCM_MESSAGE_PARAMS ccm;
        CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS chacha;
    } param;
    CK_ULONG param_len;
    CK_OBJECT_HANDLE handle;
} message;

static void set_param(message *m, CK_MECHANISM_TYPE mechanism)
{
    if (mechanism == CKM_AES_GCM) {
        m->param.gcm =
            (CK_GCM_MESSAGE_PARAMS){ m->iv, m->iv_len, 0, CKG_NO_GENERATE, m->tag, m->tag_len * 8 };
        m->param_len = sizeof m->param.gcm;
    } else if (mechanism == CKM_AES_CCM) {
        m->param.ccm = (CK_CCM_MESSAGE_PARAMS){ m->len,          m->iv,  m->iv_len, 0,
                                                CKG_NO_GENERATE, m->tag, m->tag_len };
        m->param_len = sizeof m->param.ccm;
    } else {
        m->param.chacha = (CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS){ m->iv, 96, m->tag };
        m->param_len = sizeof m->param.chacha;
    }
}

static void load(message *m, const message_case *c, CK_SESSION_HANDLE session)
{
    memset(m, 0, sizeof *m);
    m->key_len = from_hex(c->key, m->key, sizeof m->key);
    m->iv_len = from_hex(c->iv, m->iv, sizeof m->iv);
    m->aad_len = from_hex(c->aad, m->aad, sizeof m->aad);
    m->len = from_hex(c->plain, m->plain, sizeof m->plain);
    (void)from_hex(c->cipher, m->cipher, sizeof m->cipher);
    m->tag_len = from_hex(c->tag, m->want_tag, sizeof m->want_tag);
    set_param(m, c->mechanism);
    m->handle = import_secret(session, c->key_type, m->key, m->key_len);
    CASE(c->label);
}

static CK_RV open_crypt(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE id, bool encrypts,
                        CK_OBJECT_HANDLE key)
{
    CK_MECHANISM mechanism = { id, NULL, 0 };

    return encrypts ? p11_3->C_MessageEncryptInit(session, &mechanism, key)
                    : p11_3->C_MessageDecryptInit(session, &mechanism, key);
}

static CK_RV crypt_whole(CK_SESSION_HANDLE session, message *m, bool encrypts, CK_BYTE *in,
                         CK_BYTE *out, CK_ULONG *len)
{
    return encrypts ? p11_3->C_EncryptMessage(session, &m->param, m->param_len, m->aad, m->aad_len,
                                              in, m->len, out, len)
                    : p11_3->C_DecryptMessage(session, &m->param, m->param_len, m->aad, m->aad_len,
                                              in, m->len, out, len);
}

static CK_RV next(CK_SESSION_HANDLE session, message *m, bool encrypts, const CK_BYTE *in,
                  CK_ULONG in_len, CK_BYTE *out, CK_ULONG *out_len, CK_FLAGS flags)
{
    CK_BYTE *from = (CK_BYTE *)(uintptr_t)in;

    return encrypts ? p11_3->C_EncryptMessageNext(session, &m->param, m->param_len, from, in_len,
                                                  out, out_len, flags)
                    : p11_3->C_DecryptMessageNext(session, &m->param, m->param_len, from, in_len,
                                                  out, out_len, flags);
}

/* All of a message in parts of `step` bytes, the last one with the end; what came out. */
static size_t crypt_parts(CK_SESSION_HANDLE session, message *m, bool encrypts, const CK_BYTE *in,
                          size_t step, CK_BYTE *out)
{
    size_t total = 0;
    size_t at = 0;

    CHECK_OK(
        encrypts
            ? p11_3->C_EncryptMessageBegin(session, &m->param, m->param_len, m->aad, m->aad_len)
            : p11_3->C_DecryptMessageBegin(session, &m->param, m->param_len, m->aad, m->aad_len));
    for (; at + step < m->len; at += step) {
        CK_ULONG part = ROOM - total;

        CHECK_OK(next(session, m, encrypts, in + at, step, out + total, &part, 0));
        total += part;
    }
    CK_ULONG part = ROOM - total;
    CHECK_OK(
        next(session, m, encrypts, in + at, m->len - at, out + total, &part, CKF_END_OF_MESSAGE));
    return total + part;
}

static void known_answers(void)
{
    static const size_t steps[] = { 1, 7, 16, 64, 4096 };
    FIXTURE(fix);
    message m;
    CK_BYTE out[ROOM];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CK_ULONG len = sizeof out;

        load(&m, &cases[i], fix.session);
        CHECK_OK(open_crypt(fix.session, cases[i].mechanism, true, m.handle));
        CHECK_OK(open_crypt(fix.session, cases[i].mechanism, false, m.handle));
        CHECK_OK(crypt_whole(fix.session, &m, true, m.plain, out, &len));
        CHECK_BYTES(out, len, m.cipher, m.len);
        CHECK_BYTES(m.tag, m.tag_len, m.want_tag, m.tag_len);
        len = sizeof out;
        CHECK_OK(crypt_whole(fix.session, &m, false, m.cipher, out, &len));
        CHECK_BYTES(out, len, m.plain, m.len);
        for (size_t j = 0; j < ARRAY_LEN(steps); j++) {
            memset(m.tag, 0, sizeof m.tag);
            len = crypt_parts(fix.session, &m, true, m.plain, steps[j], out);
            CHECK_BYTES(out, len, m.cipher, m.len);
            CHECK_BYTES(m.tag, m.tag_len, m.want_tag, m.tag_len);
            len = crypt_parts(fix.session, &m, false, m.cipher, steps[j], out);
            CHECK_BYTES(out, len, m.plain, m.len);
        }
        memcpy(out, m.plain, m.len); /* in place */
        len = sizeof out;
        CHECK_OK(crypt_whole(fix.session, &m, true, out, out, &len));
        CHECK_BYTES(out, len, m.cipher, m.len);
        CHECK_OK(p11_3->C_MessageEncryptFinal(fix.session));
        CHECK_OK(p11_3->C_MessageDecryptFinal(fix.session));
    }
}

static void lengths(void)
{
    FIXTURE(fix);
    message m;
    CK_BYTE out[ROOM];

    for (size_t i = 0; i < 3; i += 2) { /* GCM, CCM */
        CK_ULONG len = 0;

        load(&m, &cases[i], fix.session);
        CHECK_OK(open_crypt(fix.session, cases[i].mechanism, true, m.handle));
        CHECK_OK(crypt_whole(fix.session, &m, true, m.plain, NULL, &len));
        CHECK_EQ(len, m.len);
        len = m.len - 1;
        CHECK_EQ(crypt_whole(fix.session, &m, true, m.plain, out, &len), CKR_BUFFER_TOO_SMALL);
        CHECK_EQ(len, m.len);
        CHECK_OK(crypt_whole(fix.session, &m, true, m.plain, out, &len));

        /* The last part: neither a question nor a room too small takes it. */
        CHECK_OK(open_crypt(fix.session, cases[i].mechanism, false, m.handle));
        CHECK_OK(
            p11_3->C_DecryptMessageBegin(fix.session, &m.param, m.param_len, m.aad, m.aad_len));
        CHECK_OK(next(fix.session, &m, false, m.cipher, m.len, NULL, &len, CKF_END_OF_MESSAGE));
        CHECK_EQ(len, m.len);
        len = m.len - 1;
        CHECK_EQ(next(fix.session, &m, false, m.cipher, m.len, out, &len, CKF_END_OF_MESSAGE),
                 CKR_BUFFER_TOO_SMALL);
        CHECK_EQ(len, m.len);
        CHECK_OK(next(fix.session, &m, false, m.cipher, m.len, out, &len, CKF_END_OF_MESSAGE));
        CHECK_BYTES(out, len, m.plain, m.len);

        /* Where nothing comes out, no room is a room: the part is taken. */
        CHECK_OK(
            p11_3->C_DecryptMessageBegin(fix.session, &m.param, m.param_len, m.aad, m.aad_len));
        CHECK_OK(next(fix.session, &m, false, m.cipher, m.len, NULL, &len, 0));
        CHECK_EQ(len, 0);
        len = sizeof out;
        CHECK_OK(next(fix.session, &m, false, NULL, 0, out, &len, CKF_END_OF_MESSAGE));
        CHECK_BYTES(out, len, m.plain, m.len);
        CHECK_OK(p11_3->C_SessionCancel(fix.session, ~0UL));
    }
    load(&m, &cases[1], fix.session);
    CK_ULONG len = 0;
    CHECK_OK(open_crypt(fix.session, CKM_AES_GCM, true, m.handle));
    CHECK_OK(crypt_whole(fix.session, &m, true, NULL, NULL, &len));
    CHECK_BYTES(m.tag, m.tag_len, m.want_tag, m.tag_len);
}

static bool is_zero(const CK_BYTE *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (data[i] != 0)
            return false;
    }
    return true;
}

static void tampering(void)
{
    FIXTURE(fix);
    message m;
    CK_BYTE out[ROOM];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        load(&m, &cases[i], fix.session);
        CHECK_OK(open_crypt(fix.session, cases[i].mechanism, false, m.handle));
        memcpy(m.tag, m.want_tag, sizeof m.tag);
        CK_BYTE *spots[] = { m.tag, m.tag + m.tag_len - 1, m.iv, m.aad, m.cipher };
        const size_t spot_count = m.len == 0 ? 3 : 5;

        for (size_t j = 0; j < spot_count; j++) {
            CK_ULONG len = sizeof out;

            *spots[j] ^= 1;
            memset(out, 0, sizeof out);
            CHECK_EQ(crypt_whole(fix.session, &m, false, m.cipher, out, &len),
                     CKR_AEAD_DECRYPT_FAILED);
            CHECK_THAT(is_zero(out, sizeof out));
            CHECK_OK(
                p11_3->C_DecryptMessageBegin(fix.session, &m.param, m.param_len, m.aad, m.aad_len));
            CHECK_EQ(next(fix.session, &m, false, m.cipher, m.len, out, &len, CKF_END_OF_MESSAGE),
                     CKR_AEAD_DECRYPT_FAILED);
            CHECK_THAT(is_zero(out, sizeof out));
            *spots[j] ^= 1;
            CHECK_OK(crypt_whole(fix.session, &m, false, m.cipher, out, &len));
        }
        CHECK_OK(p11_3->C_MessageDecryptFinal(fix.session));
    }
}

static void states(void)
{
    FIXTURE(fix);
    message m;
    CK_BYTE out[ROOM];
    CK_ULONG len = sizeof out;

    load(&m, &cases[0], fix.session);
    CHECK_EQ(crypt_whole(fix.session, &m, true, m.plain, out, &len), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_EQ(p11_3->C_MessageEncryptFinal(fix.session), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_OK(open_crypt(fix.session, CKM_AES_GCM, true, m.handle));
    CHECK_EQ(open_crypt(fix.session, CKM_AES_GCM, true, m.handle), CKR_OPERATION_ACTIVE);
    CHECK_EQ(next(fix.session, &m, true, m.plain, 1, out, &len, 0), CKR_OPERATION_NOT_INITIALIZED);

    CHECK_OK(p11_3->C_EncryptMessageBegin(fix.session, &m.param, m.param_len, m.aad, m.aad_len));
    CHECK_EQ(p11_3->C_EncryptMessageBegin(fix.session, &m.param, m.param_len, NULL, 0),
             CKR_OPERATION_ACTIVE);
    CHECK_EQ(crypt_whole(fix.session, &m, true, m.plain, out, &len), CKR_OPERATION_ACTIVE);
    CHECK_EQ(p11_3->C_MessageEncryptFinal(fix.session), CKR_OPERATION_ACTIVE);
    len = 0;
    CHECK_EQ(next(fix.session, &m, true, m.plain, 1, out, &len, 0), CKR_BUFFER_TOO_SMALL);
    len = sizeof out;
    CHECK_OK(next(fix.session, &m, true, m.plain, m.len, out, &len, CKF_END_OF_MESSAGE));
    CHECK_BYTES(m.tag, TAG, m.want_tag, TAG);
    CHECK_EQ(next(fix.session, &m, true, m.plain, 1, out, &len, 0), CKR_OPERATION_NOT_INITIALIZED);

    /* An error ends the message, not the operation. */
    CHECK_OK(p11_3->C_EncryptMessageBegin(fix.session, &m.param, m.param_len, NULL, 0));
    CHECK_EQ(next(fix.session, &m, true, NULL, 1, out, &len, 0), CKR_ARGUMENTS_BAD);
    CHECK_OK(crypt_whole(fix.session, &m, true, m.plain, out, &len));

    /* Either kind of cancellation, also in the middle of a message. */
    CHECK_OK(p11_3->C_EncryptMessageBegin(fix.session, &m.param, m.param_len, NULL, 0));
    CHECK_OK(p11_3->C_MessageEncryptInit(fix.session, NULL, CK_INVALID_HANDLE));
    CHECK_EQ(p11_3->C_MessageEncryptFinal(fix.session), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_OK(open_crypt(fix.session, CKM_AES_GCM, true, m.handle));
    CHECK_OK(open_crypt(fix.session, CKM_AES_GCM, false, m.handle));
    CHECK_OK(p11_3->C_SessionCancel(fix.session, CKF_MESSAGE_ENCRYPT));
    CHECK_EQ(p11_3->C_MessageEncryptFinal(fix.session), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_OK(p11_3->C_MessageDecryptFinal(fix.session));

    /* The key is private: logging out ends it. */
    CHECK_OK(open_crypt(fix.session, CKM_AES_GCM, false, m.handle));
    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_EQ(p11_3->C_MessageDecryptFinal(fix.session), CKR_OPERATION_NOT_INITIALIZED);
}

static void admission(void)
{
    FIXTURE(fix);
    message m;
    CK_MECHANISM mechanism = { CKM_AES_GCM, &m.param, 0 };
    CK_MECHANISM_INFO info;
    attrs change = { .count = 0 };

    load(&m, &cases[0], fix.session);
    CHECK_EQ(open_crypt(fix.session, CKM_AES_CBC, true, m.handle), CKR_MECHANISM_INVALID);
    CHECK_EQ(open_crypt(fix.session, CKM_CHACHA20_POLY1305, true, m.handle),
             CKR_KEY_TYPE_INCONSISTENT);
    CHECK_EQ(open_crypt(fix.session, CKM_AES_GCM, true, 0), CKR_KEY_HANDLE_INVALID);
    mechanism.ulParameterLen = 1;
    CHECK_EQ(p11_3->C_MessageEncryptInit(fix.session, &mechanism, m.handle),
             CKR_MECHANISM_PARAM_INVALID);
    mechanism.ulParameterLen = sizeof m.param.gcm;
    CHECK_OK(p11_3->C_MessageEncryptInit(fix.session, &mechanism, m.handle));
    CHECK_OK(p11_3->C_MessageEncryptFinal(fix.session));

    put_bool(&change, CKA_ENCRYPT, false);
    CHECK_OK(p11->C_SetAttributeValue(fix.session, m.handle, change.at, change.count));
    CHECK_EQ(open_crypt(fix.session, CKM_AES_GCM, true, m.handle), CKR_KEY_FUNCTION_NOT_PERMITTED);
    CHECK_OK(open_crypt(fix.session, CKM_AES_GCM, false, m.handle));

    CHECK_OK(p11->C_GetMechanismInfo(fix.slot, CKM_AES_GCM, &info));
    CHECK_EQ(info.flags & (CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE),
             CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE);
    CHECK_EQ(info.flags & (CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY), 0);
    CHECK_OK(p11->C_GetMechanismInfo(fix.slot, CKM_AES_CBC, &info));
    CHECK_EQ(info.flags & (CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE), 0);
}

static void gcm_parameters(void)
{
    static const CK_ULONG iv_lens[] = { 0, 129, 1UL << 32, ~0UL };
    static const CK_ULONG tag_bits[] = { 0, 8, 31, 33, 95, 100, 136, ~0UL };
    FIXTURE(fix);
    message m;
    CK_BYTE out[ROOM];
    CK_ULONG len = sizeof out;
    const CK_RV bad = CKR_MECHANISM_PARAM_INVALID;

    load(&m, &cases[0], fix.session);
    CHECK_OK(open_crypt(fix.session, CKM_AES_GCM, true, m.handle));
    const CK_GCM_MESSAGE_PARAMS good = m.param.gcm;
    for (size_t i = 0; i < ARRAY_LEN(iv_lens); i++) {
        m.param.gcm.ulIvLen = iv_lens[i];
        CHECK_EQ(crypt_whole(fix.session, &m, true, m.plain, out, &len), bad);
    }
    m.param.gcm = good;
    for (size_t i = 0; i < ARRAY_LEN(tag_bits); i++) {
        m.param.gcm.ulTagBits = tag_bits[i];
        CHECK_EQ(crypt_whole(fix.session, &m, true, m.plain, out, &len), bad);
    }
    m.param.gcm = good;
    m.param.gcm.ulIvFixedBits = 97;
    CHECK_EQ(crypt_whole(fix.session, &m, true, m.plain, out, &len), bad);
    m.param.gcm = good;
    m.param.gcm.ivGenerator = CKG_GENERATE_COUNTER_XOR + 1;
    CHECK_EQ(crypt_whole(fix.session, &m, true, m.plain, out, &len), bad);
    m.param.gcm = good;
    m.param.gcm.pIv = NULL;
    CHECK_EQ(crypt_whole(fix.session, &m, true, m.plain, out, &len), bad);
    m.param.gcm = good;
    m.param.gcm.pTag = NULL;
    CHECK_EQ(crypt_whole(fix.session, &m, true, m.plain, out, &len), bad);
    m.param.gcm = good;
    m.param_len--;
    CHECK_EQ(crypt_whole(fix.session, &m, true, m.plain, out, &len), bad);
    m.param_len++;

    /* The tag's length is told twice; both times it is the same. */
    CHECK_OK(p11_3->C_EncryptMessageBegin(fix.session, &m.param, m.param_len, NULL, 0));
    m.param.gcm.ulTagBits = 96;
    CHECK_EQ(next(fix.session, &m, true, m.plain, 1, out, &len, CKF_END_OF_MESSAGE), bad);
    CHECK_OK(crypt_whole(fix.session, &m, true, m.plain, out, &len));
    CHECK_BYTES(m.tag, 12, m.want_tag, 12);
}

static void ccm_parameters(void)
{
    FIXTURE(fix);
    message m;
    CK_BYTE out[ROOM];
    CK_ULONG len = sizeof out;

    load(&m, &cases[2], fix.session);
    CHECK_OK(open_crypt(fix.session, CKM_AES_CCM, true, m.handle));
    const CK_CCM_MESSAGE_PARAMS good = m.param.ccm;
    m.param.ccm.ulNonceLen = 6;
    CHECK_EQ(crypt_whole(fix.session, &m, true, m.plain, out, &len), CKR_MECHANISM_PARAM_INVALID);
    m.param.ccm.ulNonceLen = 14;
    CHECK_EQ(crypt_whole(fix.session, &m, true, m.plain, out, &len), CKR_MECHANISM_PARAM_INVALID);
    m.param.ccm = good;
    m.param.ccm.ulMACLen = 5;
    CHECK_EQ(crypt_whole(fix.session, &m, true, m.plain, out, &len), CKR_MECHANISM_PARAM_INVALID);
    m.param.ccm.ulMACLen = 18;
    CHECK_EQ(crypt_whole(fix.session, &m, true, m.plain, out, &len), CKR_MECHANISM_PARAM_INVALID);
    m.param.ccm = good;
    m.param.ccm.ulDataLen = 5; /* another length than the text has */
    CHECK_EQ(crypt_whole(fix.session, &m, true, m.plain, out, &len), CKR_DATA_LEN_RANGE);
    m.param.ccm = good;
    CHECK_OK(crypt_whole(fix.session, &m, true, m.plain, out, &len));
    CHECK_BYTES(out, len, m.cipher, m.len);
}

static const check_test tests[] = {
    CHECK_TEST(known_answers),  CHECK_TEST(lengths),   CHECK_TEST(tampering),
    CHECK_TEST(states),         CHECK_TEST(admission), CHECK_TEST(gcm_parameters),
    CHECK_TEST(ccm_parameters),
};
CHECK_MAIN(tests)
