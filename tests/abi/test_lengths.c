/* The length rules of PKCS#11 v3.2, 5.2, for every function that has them: asking for the length and
 * too little room keep the operation, the result and any other error end it. And overlapping
 * buffers. */
#include "support.h"

enum { IN_LEN = 64 };

static CK_BYTE iv[16];
static CK_BYTE gcm_iv[12];
static CK_AES_CTR_PARAMS ctr = { .ulCounterBits = 128 };
static CK_GCM_PARAMS gcm = { gcm_iv, sizeof gcm_iv, 96, NULL, 0, 128 };

typedef enum use { ENCRYPT, DECRYPT, DIGEST, SIGN } use;
typedef enum key_choice { KEY_AES, KEY_HMAC, KEY_RSA, KEY_EC } key_choice;

static const struct {
    const char *label;
    use use;
    key_choice key;
    CK_MECHANISM mechanism;
    CK_ULONG in_len;
    CK_ULONG out_len;
    bool has_parts;
} cases[] = {
    { "encrypt ECB", ENCRYPT, KEY_AES, { CKM_AES_ECB, NULL, 0 }, IN_LEN, IN_LEN, true },
    { "encrypt CBC", ENCRYPT, KEY_AES, { CKM_AES_CBC, iv, 16 }, IN_LEN, IN_LEN, true },
    { "encrypt CBC-PAD", ENCRYPT, KEY_AES, { CKM_AES_CBC_PAD, iv, 16 }, 50, 64, true },
    { "encrypt CTR", ENCRYPT, KEY_AES, { CKM_AES_CTR, &ctr, sizeof ctr }, 50, 50, true },
    { "encrypt GCM", ENCRYPT, KEY_AES, { CKM_AES_GCM, &gcm, sizeof gcm }, 50, 66, true },
    { "encrypt RSA", ENCRYPT, KEY_RSA, { CKM_RSA_PKCS, NULL, 0 }, 50, 256, false },
    { "decrypt ECB", DECRYPT, KEY_AES, { CKM_AES_ECB, NULL, 0 }, IN_LEN, IN_LEN, true },
    { "decrypt CBC", DECRYPT, KEY_AES, { CKM_AES_CBC, iv, 16 }, IN_LEN, IN_LEN, true },
    { "decrypt CTR", DECRYPT, KEY_AES, { CKM_AES_CTR, &ctr, sizeof ctr }, 50, 50, true },
    { "digest", DIGEST, KEY_AES, { CKM_SHA256, NULL, 0 }, IN_LEN, 32, true },
    { "sign HMAC", SIGN, KEY_HMAC, { CKM_SHA256_HMAC, NULL, 0 }, IN_LEN, 32, true },
    { "sign CMAC", SIGN, KEY_AES, { CKM_AES_CMAC, NULL, 0 }, IN_LEN, 16, true },
    { "sign RSA", SIGN, KEY_RSA, { CKM_SHA256_RSA_PKCS, NULL, 0 }, IN_LEN, 256, true },
    { "sign ECDSA", SIGN, KEY_EC, { CKM_ECDSA, NULL, 0 }, 32, 64, false },
};

typedef struct keys {
    CK_OBJECT_HANDLE aes;
    CK_OBJECT_HANDLE hmac;
    pair rsa;
    pair ec;
} keys;

static void make_keys(const fixture *fix, keys *out)
{
    CK_BYTE value[32] = { 7 };

    out->aes = generate_aes(fix->session, 32, false, "aes");
    out->hmac = import_secret(fix->session, CKK_GENERIC_SECRET, value, sizeof value);
    out->rsa = generate_pair(fix->session, &rsa_2048, false, "rsa");
    out->ec = generate_pair(fix->session, &p_256, false, "ec");
}

static CK_OBJECT_HANDLE key_of(const keys *all, size_t i)
{
    switch (cases[i].key) {
    case KEY_HMAC:
        return all->hmac;
    case KEY_RSA:
        return cases[i].use == ENCRYPT ? all->rsa.public_key : all->rsa.private_key;
    case KEY_EC:
        return all->ec.private_key;
    case KEY_AES:
        break;
    }
    return all->aes;
}

static CK_RV open_case(CK_SESSION_HANDLE session, const keys *all, size_t i)
{
    CK_MECHANISM mechanism = cases[i].mechanism;

    switch (cases[i].use) {
    case ENCRYPT:
        return p11->C_EncryptInit(session, &mechanism, key_of(all, i));
    case DECRYPT:
        return p11->C_DecryptInit(session, &mechanism, key_of(all, i));
    case DIGEST:
        return p11->C_DigestInit(session, &mechanism);
    case SIGN:
        break;
    }
    return p11->C_SignInit(session, &mechanism, key_of(all, i));
}

static CK_RV whole(CK_SESSION_HANDLE session, size_t i, CK_BYTE *in, CK_BYTE *out, CK_ULONG *len)
{
    switch (cases[i].use) {
    case ENCRYPT:
        return p11->C_Encrypt(session, in, cases[i].in_len, out, len);
    case DECRYPT:
        return p11->C_Decrypt(session, in, cases[i].in_len, out, len);
    case DIGEST:
        return p11->C_Digest(session, in, cases[i].in_len, out, len);
    case SIGN:
        break;
    }
    return p11->C_Sign(session, in, cases[i].in_len, out, len);
}

static CK_RV finish(CK_SESSION_HANDLE session, size_t i, CK_BYTE *out, CK_ULONG *len)
{
    switch (cases[i].use) {
    case ENCRYPT:
        return p11->C_EncryptFinal(session, out, len);
    case DECRYPT:
        return p11->C_DecryptFinal(session, out, len);
    case DIGEST:
        return p11->C_DigestFinal(session, out, len);
    case SIGN:
        break;
    }
    return p11->C_SignFinal(session, out, len);
}

static void single_part(void)
{
    FIXTURE(fix);
    keys all;
    CK_BYTE in[IN_LEN] = { 1 };
    CK_BYTE out[512];

    make_keys(&fix, &all);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CK_ULONG len = 0;

        CASE(cases[i].label);
        if (!CHECK_OK(open_case(fix.session, &all, i)))
            continue;
        CHECK_OK(whole(fix.session, i, in, NULL, &len));
        CHECK_EQ(len, cases[i].out_len);
        len = 0;
        CHECK_EQ(whole(fix.session, i, in, out, &len), CKR_BUFFER_TOO_SMALL);
        CHECK_EQ(len, cases[i].out_len);
        len = cases[i].out_len - 1;
        memset(out, 0x5a, sizeof out);
        CHECK_EQ(whole(fix.session, i, in, out, &len), CKR_BUFFER_TOO_SMALL);
        CHECK_EQ(len, cases[i].out_len);
        CHECK_EQ(out[0], 0x5a); /* nothing was written */
        CHECK_OK(whole(fix.session, i, in, out, &len));
        CHECK_EQ(len, cases[i].out_len);
        CHECK_EQ(out[cases[i].out_len], 0x5a); /* nor beyond the end */
        CHECK_EQ(whole(fix.session, i, in, out, &len), CKR_OPERATION_NOT_INITIALIZED);
    }
}

static void an_error_ends_the_operation(void)
{
    FIXTURE(fix);
    keys all;
    CK_BYTE in[IN_LEN] = { 1 };
    CK_BYTE out[512];
    CK_ULONG len = sizeof out;

    make_keys(&fix, &all);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CASE(cases[i].label);
        CHECK_OK(open_case(fix.session, &all, i));
        CHECK_EQ(open_case(fix.session, &all, i), CKR_OPERATION_ACTIVE); /* this one does not */
        CHECK_EQ(whole(fix.session, i, in, out, NULL), CKR_ARGUMENTS_BAD);
        CHECK_EQ(whole(fix.session, i, in, out, &len), CKR_OPERATION_NOT_INITIALIZED);
        CHECK_OK(open_case(fix.session, &all, i));
        CHECK_EQ(whole(fix.session, i, NULL, out, &len), CKR_ARGUMENTS_BAD);
        CHECK_EQ(whole(fix.session, i, in, out, &len), CKR_OPERATION_NOT_INITIALIZED);
        CHECK_OK(open_case(fix.session, &all, i));
        CHECK_EQ(finish(fix.session, i, out, NULL), CKR_ARGUMENTS_BAD);
        CHECK_EQ(finish(fix.session, i, out, &len), CKR_OPERATION_NOT_INITIALIZED);
    }
}

static void final_of_digests_and_signatures(void)
{
    FIXTURE(fix);
    keys all;
    CK_BYTE in[IN_LEN] = { 1 };
    CK_BYTE out[512];

    make_keys(&fix, &all);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CK_ULONG len = 0;

        if (!cases[i].has_parts || cases[i].use == ENCRYPT || cases[i].use == DECRYPT)
            continue;
        CASE(cases[i].label);
        CHECK_OK(open_case(fix.session, &all, i));
        CHECK_OK(cases[i].use == DIGEST ? p11->C_DigestUpdate(fix.session, in, sizeof in)
                                        : p11->C_SignUpdate(fix.session, in, sizeof in));
        CHECK_OK(finish(fix.session, i, NULL, &len));
        CHECK_EQ(len, cases[i].out_len);
        len = cases[i].out_len - 1;
        CHECK_EQ(finish(fix.session, i, out, &len), CKR_BUFFER_TOO_SMALL);
        CHECK_EQ(len, cases[i].out_len);
        CHECK_OK(finish(fix.session, i, out, &len));
        CHECK_EQ(len, cases[i].out_len);
        CHECK_EQ(finish(fix.session, i, out, &len), CKR_OPERATION_NOT_INITIALIZED);
    }
}

static void parts_of_ciphers(void)
{
    FIXTURE(fix);
    keys all;
    CK_BYTE in[IN_LEN] = { 1 };
    CK_BYTE want[128];
    CK_BYTE out[128];

    make_keys(&fix, &all);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CK_ULONG want_len = sizeof want;
        CK_ULONG len = 0;

        if (!cases[i].has_parts || cases[i].use != ENCRYPT)
            continue;
        CASE(cases[i].label);
        CHECK_OK(open_case(fix.session, &all, i));
        CHECK_OK(whole(fix.session, i, in, want, &want_len));

        CHECK_OK(open_case(fix.session, &all, i));
        CHECK_OK(p11->C_EncryptUpdate(fix.session, in, cases[i].in_len, NULL, &len));
        CHECK_THAT(len >= cases[i].in_len / 16 * 16);
        len = 3;
        CHECK_EQ(p11->C_EncryptUpdate(fix.session, in, cases[i].in_len, out, &len),
                 CKR_BUFFER_TOO_SMALL);
        CHECK_THAT(len > 3 && len <= sizeof out);
        CHECK_OK(p11->C_EncryptUpdate(fix.session, in, cases[i].in_len, out, &len));
        CK_ULONG rest = 0;
        CHECK_OK(p11->C_EncryptFinal(fix.session, NULL, &rest));
        CHECK_EQ(len + rest, want_len);
        if (rest > 0) {
            CK_ULONG little = rest - 1;
            CHECK_EQ(p11->C_EncryptFinal(fix.session, out + len, &little), CKR_BUFFER_TOO_SMALL);
            CHECK_EQ(little, rest);
        }
        CHECK_OK(p11->C_EncryptFinal(fix.session, out + len, &rest));
        CHECK_BYTES(out, len + rest, want, want_len);
        CHECK_EQ(p11->C_EncryptFinal(fix.session, out, &rest), CKR_OPERATION_NOT_INITIALIZED);
    }
}

/* Input and output at a distance: in one part and in two, the second beginning with bytes left over. */
static void check_overlap(const fixture *fix, const keys *all, size_t i, ptrdiff_t distance)
{
    CK_BYTE want[256];
    CK_BYTE room[512];
    CK_BYTE *in = room + 128;
    CK_BYTE *out = room + 128 + distance;
    CK_ULONG want_len = sizeof want;
    CK_ULONG len = 128;
    CK_ULONG first = 128;
    CK_BYTE parts[256];

    for (size_t n = 0; n < cases[i].in_len; n++)
        in[n] = (CK_BYTE)(n * 3);
    CHECK_OK(open_case(fix->session, all, i));
    CHECK_OK(whole(fix->session, i, in, want, &want_len));
    CHECK_OK(open_case(fix->session, all, i));
    CHECK_OK(whole(fix->session, i, in, out, &len));
    CHECK_BYTES(out, len, want, want_len);

    for (size_t n = 0; n < cases[i].in_len; n++)
        room[128 + n] = (CK_BYTE)(n * 3);
    CHECK_OK(open_case(fix->session, all, i));
    if (cases[i].use == ENCRYPT)
        CHECK_OK(p11->C_EncryptUpdate(fix->session, in, 5, parts, &first));
    else
        CHECK_OK(p11->C_DecryptUpdate(fix->session, in, 5, parts, &first));
    len = 128;
    out = in + 5 + distance;
    if (cases[i].use == ENCRYPT)
        CHECK_OK(p11->C_EncryptUpdate(fix->session, in + 5, cases[i].in_len - 5, out, &len));
    else
        CHECK_OK(p11->C_DecryptUpdate(fix->session, in + 5, cases[i].in_len - 5, out, &len));
    memcpy(parts + first, out, len);
    first += len;
    len = sizeof parts - first;
    CHECK_OK(finish(fix->session, i, parts + first, &len));
    CHECK_BYTES(parts, first + len, want, want_len);
}

static void overlapping_buffers(void)
{
    static const ptrdiff_t distances[] = { 0, 1, -1, 15, 16, -16, 40 };
    FIXTURE(fix);
    keys all;

    if (!module_is_ours())
        SKIP("others promise only the same place");
    make_keys(&fix, &all);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (cases[i].key != KEY_AES || (cases[i].use != ENCRYPT && cases[i].use != DECRYPT))
            continue;
        CASE(cases[i].label);
        for (size_t j = 0; j < ARRAY_LEN(distances); j++)
            check_overlap(&fix, &all, i, distances[j]);
    }
}

static void wrapping(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_AES_KEY_WRAP, NULL, 0 };
    const CK_OBJECT_HANDLE kek = generate_aes(fix.session, 32, false, "kek");
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 16, false, "key");
    CK_BYTE out[64];
    CK_ULONG len = 0;

    CHECK_OK(p11->C_WrapKey(fix.session, &mechanism, kek, key, NULL, &len));
    CHECK_EQ(len, 24);
    len = 23;
    CHECK_EQ(p11->C_WrapKey(fix.session, &mechanism, kek, key, out, &len), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(len, 24);
    CHECK_OK(p11->C_WrapKey(fix.session, &mechanism, kek, key, out, &len));
    CHECK_EQ(len, 24);
}

static const check_test tests[] = {
    CHECK_TEST(single_part),
    CHECK_TEST(an_error_ends_the_operation),
    CHECK_TEST(final_of_digests_and_signatures),
    CHECK_TEST(parts_of_ciphers),
    CHECK_TEST(overlapping_buffers),
    CHECK_TEST(wrapping),
};
CHECK_MAIN(tests)
