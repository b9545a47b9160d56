/* Initialisation vectors made by the token: never the same twice under one key, whatever handle,
 * session, copy or process it is used through; limits. */
#include "pkcs11/pkcs11_craton.h"
#include "support.h"

enum { IV = 12, TAG = 16 };

/* What a message is made with; out: the vector. */
typedef struct wanted {
    CK_GENERATOR_FUNCTION generator;
    CK_ULONG iv_len;
    CK_ULONG fixed_bits;
    CK_BYTE iv[16];
} wanted;

static CK_RV encrypt_open(CK_SESSION_HANDLE session, wanted *w)
{
    CK_BYTE tag[TAG];
    CK_BYTE text[4] = "text";
    CK_ULONG len = sizeof text;
    CK_GCM_MESSAGE_PARAMS gcm = { w->iv, w->iv_len, w->fixed_bits, w->generator, tag, TAG * 8 };

    return p11_3->C_EncryptMessage(session, &gcm, sizeof gcm, NULL, 0, text, sizeof text, text,
                                   &len);
}

static CK_RV encrypt(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, wanted *w)
{
    CK_MECHANISM mechanism = { CKM_AES_GCM, NULL, 0 };

    CHECK_OK(p11_3->C_MessageEncryptInit(session, &mechanism, key));
    const CK_RV rv = encrypt_open(session, w);
    CHECK_OK(p11_3->C_MessageEncryptFinal(session));
    return rv;
}

/* The counter in an IV's last bytes. */
static uint64_t number_of(const wanted *w)
{
    uint64_t number = 0;

    for (CK_ULONG i = w->iv_len - 8; i < w->iv_len; i++)
        number = number << 8 | w->iv[i];
    return number;
}

static CK_OBJECT_HANDLE copy_of(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, bool is_token)
{
    CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;
    attrs changes = { .count = 0 };

    put_bool(&changes, CKA_TOKEN, is_token);
    CHECK_OK(p11->C_CopyObject(session, key, changes.at, changes.count, &copy));
    return copy;
}

static void counter_counts(void)
{
    FIXTURE(fix);
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 32, false, "counted");
    const CK_OBJECT_HANDLE other = generate_aes(fix.session, 32, false, "other");
    const CK_OBJECT_HANDLE copy = copy_of(fix.session, key, false);
    const CK_SESSION_HANDLE second = open_session(&fix, true);
    wanted w = { CKG_GENERATE_COUNTER, IV, 32, { 0xaa, 0xbb, 0xcc, 0xdd } };
    static const CK_BYTE first[IV] = { 0xaa, 0xbb, 0xcc, 0xdd };

    CHECK_OK(encrypt(fix.session, key, &w));
    CHECK_BYTES(w.iv, IV, first, IV); /* the standard: from zero */
    CHECK_OK(encrypt(fix.session, key, &w));
    CHECK_EQ(number_of(&w), 1);
    CHECK_OK(encrypt(second, key, &w)); /* in another session */
    CHECK_EQ(number_of(&w), 2);
    CHECK_OK(encrypt(fix.session, copy, &w)); /* of another object with the same value */
    CHECK_EQ(number_of(&w), 3);
    memset(w.iv, 0x11, 4); /* and beside other fixed bits */
    CHECK_OK(encrypt(fix.session, key, &w));
    CHECK_EQ(number_of(&w), 4);
    CHECK_EQ(w.iv[3], 0x11);
    CHECK_OK(encrypt(fix.session, other, &w));
    CHECK_EQ(number_of(&w), 0);

    /* Other places for the counter could give an IV a second time. */
    w.fixed_bits = 40;
    CHECK_EQ(encrypt(fix.session, key, &w), CKR_MECHANISM_PARAM_INVALID);
    w.fixed_bits = 32;
    w.iv_len = 13;
    CHECK_EQ(encrypt(fix.session, key, &w), CKR_MECHANISM_PARAM_INVALID);
    w.iv_len = IV;
    w.generator = CKG_GENERATE_COUNTER_XOR;
    CHECK_EQ(encrypt(fix.session, key, &w), CKR_MECHANISM_PARAM_INVALID);
    w.generator = CKG_GENERATE; /* with 64 free bits, this counts too */
    CHECK_OK(encrypt(fix.session, key, &w));
    CHECK_EQ(number_of(&w), 5);
}

/* A question for the length uses nothing up. */
static void asking_is_free(void)
{
    FIXTURE(fix);
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 32, false, "asked");
    wanted w = { CKG_GENERATE_COUNTER, IV, 0, { 0 } };
    CK_MECHANISM mechanism = { CKM_AES_GCM, NULL, 0 };
    CK_BYTE tag[TAG];
    CK_BYTE text[4] = "text";
    CK_ULONG len = 0;
    CK_GCM_MESSAGE_PARAMS gcm = { w.iv, IV, 0, CKG_GENERATE_COUNTER, tag, TAG * 8 };

    CHECK_OK(p11_3->C_MessageEncryptInit(fix.session, &mechanism, key));
    CHECK_OK(p11_3->C_EncryptMessage(fix.session, &gcm, sizeof gcm, NULL, 0, text, 4, NULL, &len));
    len = 1;
    CHECK_EQ(p11_3->C_EncryptMessage(fix.session, &gcm, sizeof gcm, NULL, 0, text, 4, text, &len),
             CKR_BUFFER_TOO_SMALL);
    CHECK_OK(encrypt_open(fix.session, &w));
    CHECK_EQ(number_of(&w), 0);
    memset(w.iv, 0xff, sizeof w.iv);
    CHECK_OK(p11_3->C_EncryptMessageBegin(fix.session, &gcm, sizeof gcm, NULL, 0));
    CHECK_EQ(number_of(&w), 1); /* told at the beginning */
    CHECK_OK(p11_3->C_SessionCancel(fix.session, CKF_MESSAGE_ENCRYPT));
    CHECK_OK(encrypt(fix.session, key, &w)); /* and spent though the message never ended */
    CHECK_EQ(number_of(&w), 2);
}

static void counter_ends(void)
{
    FIXTURE(fix);
    const CK_OBJECT_HANDLE keys[] = { generate_aes(fix.session, 32, false, "session"),
                                      generate_aes(fix.session, 32, true, "token") };
    CK_MECHANISM mechanism = { CKM_AES_GCM, NULL, 0 };

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        wanted w = { CKG_GENERATE_COUNTER, IV, 88, { 0 } }; /* 256 numbers */

        CHECK_OK(p11_3->C_MessageEncryptInit(fix.session, &mechanism, keys[i]));
        for (int j = 0; j < 256; j++) {
            CHECK_OK(encrypt_open(fix.session, &w));
            CHECK_EQ(w.iv[IV - 1], j);
        }
        CHECK_EQ(encrypt_open(fix.session, &w), CKR_TOKEN_RESOURCE_EXCEEDED);
        CHECK_EQ(encrypt_open(fix.session, &w), CKR_TOKEN_RESOURCE_EXCEEDED);
        CHECK_OK(p11_3->C_MessageEncryptFinal(fix.session));
    }
}

static void xor_counter(void)
{
    FIXTURE(fix);
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 32, false, "xor");
    const CK_OBJECT_HANDLE token_key = generate_aes(fix.session, 32, true, "token xor");
    static const CK_BYTE base[IV] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0xf0 };

    for (int i = 0; i < 20; i++) {
        wanted w = { CKG_GENERATE_COUNTER_XOR, IV, 32, { 0 } };

        memcpy(w.iv, base, IV);
        CHECK_OK(encrypt(fix.session, key, &w));
        CHECK_BYTES(w.iv, IV - 1, base, IV - 1);
        CHECK_EQ(w.iv[IV - 1], 0xf0 ^ i);
    }
    wanted w = { CKG_GENERATE_COUNTER_XOR, IV, 32, { 0 } }; /* another base */
    CHECK_EQ(encrypt(fix.session, key, &w), CKR_MECHANISM_PARAM_INVALID);
    CHECK_EQ(encrypt(fix.session, token_key, &w), CKR_MECHANISM_PARAM_INVALID);
}

static void random_vectors(void)
{
    static const CK_GENERATOR_FUNCTION generators[] = { CKG_GENERATE_RANDOM, CKG_GENERATE };
    FIXTURE(fix);
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 32, false, "random");
    CK_BYTE seen[64][16];
    size_t count = 0;

    for (size_t i = 0; i < 64; i++) {
        wanted w = { generators[i % 2], 16, 30, { 0xff, 0xff, 0xff, 0xff } };

        CHECK_OK(encrypt(fix.session, key, &w));
        CHECK_EQ(w.iv[0] & w.iv[1] & w.iv[2], 0xff);
        CHECK_EQ(w.iv[3] & 0xfc, 0xfc);
        for (size_t j = 0; j < count; j++)
            CHECK_THAT(memcmp(seen[j], w.iv, 16) != 0);
        memcpy(seen[count++], w.iv, 16);
    }
    /* SP 800-38D, 8.2.2: 96 random bits at least. */
    wanted w = { CKG_GENERATE_RANDOM, IV, 1, { 0 } };
    CHECK_EQ(encrypt(fix.session, key, &w), CKR_MECHANISM_PARAM_INVALID);
    w.fixed_bits = 0;
    CHECK_OK(encrypt(fix.session, key, &w));
}

static void copies_of_token_keys(void)
{
    FIXTURE(fix);
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 32, true, "original");
    const CK_OBJECT_HANDLE copies[] = {
        copy_of(fix.session, key, true),
        copy_of(fix.session, key, false),
        copy_of(fix.session, copy_of(fix.session, key, false), false),
        copy_of(fix.session, generate_aes(fix.session, 32, false, "session"), true),
    };
    wanted w = { CKG_GENERATE_COUNTER, IV, 32, { 0 } };
    wanted r = { CKG_GENERATE, IV, 0, { 0 } };

    CHECK_OK(encrypt(fix.session, key, &w));
    for (size_t i = 0; i < ARRAY_LEN(copies); i++) {
        CHECK_EQ(encrypt(fix.session, copies[i], &w), CKR_MECHANISM_PARAM_INVALID);
        CHECK_OK(encrypt(fix.session, copies[i], &r));
    }
    CHECK_OK(encrypt(fix.session, key, &w));
    CHECK_THAT(number_of(&w) > 0); /* the copies' uses are counted with it */
    CHECK_OK(ask_attr(fix.session, key, CKA_CRATON_IV_USES));
}

/* One number by a key of the token, in a library opened for it. */
static uint64_t number_after_restart(const fixture *fix, const char *label)
{
    wanted w = { CKG_GENERATE_COUNTER, IV, 32, { 0 } };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

    CHECK_OK(p11->C_Finalize(NULL));
    CHECK_OK(p11->C_Initialize(NULL));
    const CK_SESSION_HANDLE session = open_session(fix, true);
    CHECK_OK(login(session, CKU_USER, USER_PIN));
    CHECK_EQ(find_label(session, label, &key, 1), 1);
    CHECK_OK(encrypt(session, key, &w));
    return number_of(&w);
}

static int role_encrypt(const fixture *fix)
{
    wanted w = { CKG_GENERATE_COUNTER, IV, 32, { 0 } };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

    if (p11->C_Initialize(NULL) != CKR_OK)
        return 1;
    const CK_SESSION_HANDLE session = open_session(fix, false); /* read-only will do */
    if (login(session, CKU_USER, USER_PIN) != CKR_OK || find_label(session, "kept", &key, 1) != 1 ||
        encrypt(session, key, &w) != CKR_OK)
        return 2;
    /* The parent has used 300 numbers. */
    return number_of(&w) >= 300 && p11->C_Finalize(NULL) == CKR_OK ? 0 : 3;
}

static void numbers_outlive_processes(void)
{
    FIXTURE(fix);
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 32, true, "kept");
    wanted w = { CKG_GENERATE_COUNTER, IV, 32, { 0 } };
    CK_MECHANISM mechanism = { CKM_AES_GCM, NULL, 0 };

    CHECK_OK(p11_3->C_MessageEncryptInit(fix.session, &mechanism, key));
    for (uint64_t i = 0; i < 300; i++) {
        CHECK_OK(encrypt_open(fix.session, &w));
        CHECK_EQ(number_of(&w), i);
    }
    const uint64_t last = number_of(&w);
    CHECK_EQ(in_new_process("encrypt", &fix), 0); /* while this one is open */
    CHECK_OK(encrypt_open(fix.session, &w));
    CHECK_EQ(number_of(&w), last + 1);
    const uint64_t second = number_after_restart(&fix, "kept");
    CHECK_THAT(second > last + 1);
    CHECK_THAT(number_after_restart(&fix, "kept") > second);
}

static const process_role roles[] = { { "encrypt", role_encrypt } };

static const check_test tests[] = {
    CHECK_TEST(counter_counts),
    CHECK_TEST(asking_is_free),
    CHECK_TEST(counter_ends),
    CHECK_TEST(xor_counter),
    CHECK_TEST(random_vectors),
    CHECK_TEST(copies_of_token_keys),
    CHECK_TEST(numbers_outlive_processes),
};

int main(int argc, char **argv)
{
    return role_main(roles, ARRAY_LEN(roles), tests, ARRAY_LEN(tests), argc, argv);
}
