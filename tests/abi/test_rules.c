/* Rules of PKCS#11 v3.2 on copying and changing objects (5.7.2, 5.7.5, the footnotes of 4.3), on
 * C_SessionCancel (5.6.9) and on two operations in one call (5.16). */
#include "support.h"

static const CK_BYTE value[16] = { 7 };

static CK_RV set_bool(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                      bool to)
{
    attrs tmpl = { .count = 0 };

    put_bool(&tmpl, type, to);
    return p11->C_SetAttributeValue(session, object, tmpl.at, tmpl.count);
}

static CK_RV copy_with(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                       bool to, CK_OBJECT_HANDLE *out_copy)
{
    attrs tmpl = { .count = 0 };

    put_bool(&tmpl, type, to);
    return p11->C_CopyObject(session, object, tmpl.at, tmpl.count, out_copy);
}

/* One way only: less can be revealed, never more; and the copy's history is the original's. */
static void copies_reveal_no_more(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    const CK_OBJECT_HANDLE open = import_secret(h, CKK_AES, value, sizeof value);
    CK_OBJECT_HANDLE sensitive = CK_INVALID_HANDLE, kept = CK_INVALID_HANDLE, none = 4711;
    CK_BYTE id[2][64];

    CHECK_OK(copy_with(h, open, CKA_SENSITIVE, true, &sensitive));
    CHECK_THAT(get_bool(h, sensitive, CKA_SENSITIVE));
    CHECK_THAT(!get_bool(h, sensitive, CKA_ALWAYS_SENSITIVE));
    CHECK_EQ(ask_attr(h, sensitive, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    CHECK_OK(copy_with(h, open, CKA_EXTRACTABLE, false, &kept));
    CHECK_THAT(!get_bool(h, kept, CKA_EXTRACTABLE));
    CHECK_THAT(!get_bool(h, kept, CKA_NEVER_EXTRACTABLE));
    CHECK_THAT(!get_bool(h, kept, CKA_LOCAL));

    CHECK_EQ(copy_with(h, sensitive, CKA_SENSITIVE, false, &none), CKR_ATTRIBUTE_READ_ONLY);
    CHECK_EQ(copy_with(h, kept, CKA_EXTRACTABLE, true, &none), CKR_ATTRIBUTE_READ_ONLY);
    CHECK_EQ(copy_with(h, kept, CKA_NEVER_EXTRACTABLE, true, &none), CKR_ATTRIBUTE_READ_ONLY);
    CHECK_EQ(copy_with(h, open, CKA_LOCAL, true, &none), CKR_ATTRIBUTE_READ_ONLY);
    CHECK_EQ(none, 4711); /* written on success only */

    const size_t id_len = get_attr(h, open, CKA_UNIQUE_ID, id[0], sizeof id[0]);
    REQUIRE_THAT(id_len >= 16 && id_len <= sizeof id[0]);
    CHECK_EQ(get_attr(h, kept, CKA_UNIQUE_ID, id[1], sizeof id[1]), id_len);
    CHECK_THAT(memcmp(id[0], id[1], id_len) != 0);
    attrs unique = { .count = 0 };
    put_bytes(&unique, CKA_UNIQUE_ID, id[0], id_len);
    CHECK_EQ(p11->C_CopyObject(h, open, unique.at, unique.count, &none), CKR_ATTRIBUTE_READ_ONLY);
    CHECK_EQ(p11->C_SetAttributeValue(h, open, unique.at, unique.count), CKR_ATTRIBUTE_READ_ONLY);
}

/* A generated key that was always sensitive and never extractable stays so in its copies. */
static void copies_keep_their_history(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE, copy = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_VALUE_LEN, 16);
    put_bool(&tmpl, CKA_SENSITIVE, true);
    put_bool(&tmpl, CKA_EXTRACTABLE, false);
    REQUIRE_OK(p11->C_GenerateKey(fix.session, &mechanism, tmpl.at, tmpl.count, &key));
    REQUIRE_OK(copy_with(fix.session, key, CKA_TOKEN, true, &copy));
    CHECK_THAT(get_bool(fix.session, copy, CKA_TOKEN));
    CHECK_THAT(get_bool(fix.session, copy, CKA_ALWAYS_SENSITIVE));
    CHECK_THAT(get_bool(fix.session, copy, CKA_NEVER_EXTRACTABLE));
    CHECK_OK(copy_with(fix.session, copy, CKA_TOKEN, false, &copy));
    CHECK_THAT(!get_bool(fix.session, copy, CKA_TOKEN));
}

/* Where a copy may live: token objects need a read-write session, private ones the user. */
static void copies_obey_the_session(void)
{
    FIXTURE(fix);
    const CK_OBJECT_HANDLE data = create_data(fix.session, false, false, "public");
    const CK_SESSION_HANDLE read_only = open_session(&fix, false);
    CK_OBJECT_HANDLE copy = CK_INVALID_HANDLE;

    CHECK_EQ(copy_with(read_only, data, CKA_TOKEN, true, &copy), CKR_SESSION_READ_ONLY);
    CHECK_OK(copy_with(read_only, data, CKA_TOKEN, false, &copy));
    CHECK_OK(copy_with(fix.session, data, CKA_PRIVATE, true, &copy));
    CHECK_THAT(get_bool(fix.session, copy, CKA_PRIVATE));
    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_EQ(ask_attr(fix.session, copy, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
    CHECK_EQ(copy_with(fix.session, data, CKA_PRIVATE, true, &copy), CKR_USER_NOT_LOGGED_IN);
    CHECK_OK(copy_with(fix.session, data, CKA_PRIVATE, false, &copy));
    CHECK_EQ(p11->C_CopyObject(fix.session, data, NULL, 0, NULL), CKR_ARGUMENTS_BAD);
    CHECK_EQ(p11->C_CopyObject(fix.session, data, NULL, 1, &copy), CKR_ARGUMENTS_BAD);
    CHECK_EQ(p11->C_CopyObject(fix.session, ~0UL, NULL, 0, &copy), CKR_OBJECT_HANDLE_INVALID);
}

/* Footnotes 11 and 12: once true, or once false, for good. */
static void attributes_that_go_one_way(void)
{
    static const struct {
        const char *label;
        CK_ATTRIBUTE_TYPE type;
        bool final;
    } cases[] = {
        { "sensitive", CKA_SENSITIVE, true },
        { "extractable", CKA_EXTRACTABLE, false },
        { "wrapped with trusted keys only", CKA_WRAP_WITH_TRUSTED, true },
    };
    FIXTURE(fix);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const CK_OBJECT_HANDLE key = import_secret(fix.session, CKK_AES, value, sizeof value);

        CASE(cases[i].label);
        CHECK_OK(set_bool(fix.session, key, cases[i].type, !cases[i].final)); /* as it is */
        CHECK_OK(set_bool(fix.session, key, cases[i].type, cases[i].final));
        CHECK_EQ(set_bool(fix.session, key, cases[i].type, !cases[i].final),
                 CKR_ATTRIBUTE_READ_ONLY);
        CHECK_EQ(get_bool(fix.session, key, cases[i].type), cases[i].final);
    }
}

/* Footnote 10: the SO says what is trusted, and the user can't take it for himself by a copy. */
static void only_the_so_trusts(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    CK_MECHANISM kw = { CKM_AES_KEY_WRAP, NULL, 0 };
    const CK_OBJECT_HANDLE key = import_secret(h, CKK_AES, value, sizeof value);
    CK_OBJECT_HANDLE wrapping = CK_INVALID_HANDLE, copy = CK_INVALID_HANDLE;
    CK_ULONG len = 0;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_AES);
    put_bytes(&tmpl, CKA_VALUE, value, sizeof value);
    put_bool(&tmpl, CKA_TOKEN, true);
    put_bool(&tmpl, CKA_PRIVATE, false);
    put_bool(&tmpl, CKA_WRAP, true);
    put_text(&tmpl, CKA_LABEL, "wrapping");
    REQUIRE_OK(p11->C_CreateObject(h, tmpl.at, tmpl.count, &wrapping));
    CHECK_OK(set_bool(h, key, CKA_WRAP_WITH_TRUSTED, true));
    CHECK_EQ(p11->C_WrapKey(h, &kw, wrapping, key, NULL, &len), CKR_KEY_NOT_WRAPPABLE);
    CHECK_EQ(copy_with(h, wrapping, CKA_TRUSTED, true, &copy), CKR_ATTRIBUTE_READ_ONLY);
    put_bool(&tmpl, CKA_TRUSTED, true);
    CHECK_EQ(p11->C_CreateObject(h, tmpl.at, tmpl.count, &copy), CKR_ATTRIBUTE_READ_ONLY);

    CHECK_OK(p11->C_Logout(h));
    CHECK_OK(login(h, CKU_SO, SO_PIN));
    CHECK_OK(set_bool(h, wrapping, CKA_TRUSTED, true));
    CHECK_OK(p11->C_Logout(h));
    CHECK_OK(login(h, CKU_USER, USER_PIN));
    CHECK_THAT(get_bool(h, wrapping, CKA_TRUSTED));
    const CK_OBJECT_HANDLE again = import_secret(h, CKK_AES, value, sizeof value);
    CHECK_OK(set_bool(h, again, CKA_WRAP_WITH_TRUSTED, true));
    CHECK_OK(p11->C_WrapKey(h, &kw, wrapping, again, NULL, &len));
}

/* --- C_SessionCancel --------------------------------------------------------------------------- */

typedef struct open_op {
    CK_FLAGS flag;
    CK_RV (*init)(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
} open_op;

static CK_RV digest_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM sha = { CKM_SHA256, NULL, 0 };

    (void)mechanism;
    (void)key;
    return p11->C_DigestInit(session, &sha);
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM mac = { CKM_AES_CMAC, NULL, 0 };

    (void)mechanism;
    return p11->C_SignInit(session, &mac, key);
}

static CK_RV verify_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM mac = { CKM_AES_CMAC, NULL, 0 };

    (void)mechanism;
    return p11->C_VerifyInit(session, &mac, key);
}

static CK_RV encrypt_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return p11->C_EncryptInit(session, mechanism, key);
}

static CK_RV decrypt_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return p11->C_DecryptInit(session, mechanism, key);
}

static CK_RV find_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    (void)mechanism;
    (void)key;
    return p11->C_FindObjectsInit(session, NULL, 0);
}

static const open_op ops[] = {
    { CKF_ENCRYPT, encrypt_init }, { CKF_DECRYPT, decrypt_init }, { CKF_DIGEST, digest_init },
    { CKF_SIGN, sign_init },       { CKF_VERIFY, verify_init },   { CKF_FIND_OBJECTS, find_init },
};

/* Every set of the six: those are gone, and only those. */
static void each_set_of_operations_is_cancelled(void)
{
    FIXTURE(fix);
    CK_BYTE iv[16] = { 0 };
    CK_MECHANISM cbc = { CKM_AES_CBC_PAD, iv, sizeof iv };
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 16, false, "key");

    REQUIRE_THAT(p11_3 != NULL);
    for (unsigned set = 0; set < 1u << ARRAY_LEN(ops); set++) {
        CK_FLAGS flags = 0;

        for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
            const CK_RV rv = ops[i].init(fix.session, &cbc, key);

            CHECK_THAT(rv == CKR_OK || rv == CKR_OPERATION_ACTIVE);
            flags |= (set >> i & 1u) != 0 ? ops[i].flag : 0;
        }
        CHECK_OK(p11_3->C_SessionCancel(fix.session, flags));
        for (size_t i = 0; i < ARRAY_LEN(ops); i++)
            CHECK_EQ(ops[i].init(fix.session, &cbc, key),
                     (set >> i & 1u) != 0 ? CKR_OK : CKR_OPERATION_ACTIVE);
    }
}

/* --- two operations in one call ---------------------------------------------------------------- */

/* Text is signed and encrypted, then decrypted and verified, part by part; one half cancelled leaves
 * the other. */
static void signing_and_encrypting(void)
{
    enum { LEN = 48, PART = 16 };
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    CK_BYTE iv[16] = { 0 };
    CK_MECHANISM cbc = { CKM_AES_CBC, iv, sizeof iv };
    CK_MECHANISM mac = { CKM_AES_CMAC, NULL, 0 };
    const CK_OBJECT_HANDLE key = generate_aes(h, 16, false, "key");
    CK_BYTE text[LEN], sealed[LEN], opened[LEN], tag[2][16];
    CK_ULONG len = 0, tag_len = 16;

    for (size_t i = 0; i < LEN; i++)
        text[i] = (CK_BYTE)i;
    CHECK_EQ(p11->C_SignEncryptUpdate(h, text, PART, sealed, &len), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_OK(p11->C_EncryptInit(h, &cbc, key));
    CHECK_OK(p11->C_SignInit(h, &mac, key));
    for (size_t at = 0; at < LEN; at += PART) {
        len = 0;
        CHECK_EQ(p11->C_SignEncryptUpdate(h, text + at, PART, sealed + at, &len),
                 CKR_BUFFER_TOO_SMALL); /* neither half has moved */
        CHECK_OK(p11->C_SignEncryptUpdate(h, text + at, PART, sealed + at, &len));
        CHECK_EQ(len, PART);
    }
    len = 0;
    CHECK_OK(p11->C_EncryptFinal(h, NULL, &len));
    CHECK_OK(p11->C_EncryptFinal(h, opened, &len));
    CHECK_OK(p11->C_SignFinal(h, tag[0], &tag_len));

    /* The same apart. */
    len = LEN;
    CHECK_OK(p11->C_SignInit(h, &mac, key));
    CHECK_OK(p11->C_Sign(h, text, LEN, tag[1], &tag_len));
    CHECK_BYTES(tag[0], 16, tag[1], 16);
    CHECK_OK(p11->C_EncryptInit(h, &cbc, key));
    CHECK_OK(p11->C_Encrypt(h, text, LEN, opened, &len));
    CHECK_BYTES(sealed, LEN, opened, LEN);

    CHECK_OK(p11->C_DecryptInit(h, &cbc, key));
    CHECK_OK(p11->C_VerifyInit(h, &mac, key));
    for (size_t at = 0; at < LEN; at += PART) {
        len = PART;
        CHECK_OK(p11->C_DecryptVerifyUpdate(h, sealed + at, PART, opened + at, &len));
        CHECK_EQ(len, PART);
    }
    CHECK_BYTES(opened, LEN, text, LEN);
    CHECK_OK(p11_3->C_SessionCancel(h, CKF_DECRYPT));
    CHECK_OK(p11->C_VerifyFinal(h, tag[0], 16));
    CHECK_EQ(p11->C_DecryptVerifyUpdate(h, sealed, PART, opened, &len),
             CKR_OPERATION_NOT_INITIALIZED);
}

/* --- C_SignRecover, C_VerifyRecover (5.13.5, 5.15.5) --------------------------------------------- */

static void recovery_keeps_the_length_rules(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    CK_MECHANISM pkcs = { CKM_RSA_PKCS, NULL, 0 };
    const pair keys = generate_pair(h, &rsa_2048, false, "recover");
    CK_BYTE signature[256], back[256], large[246] = { 1 };
    CK_ULONG len = 0;

    CHECK_OK(p11->C_SignRecoverInit(h, &pkcs, keys.private_key));
    CHECK_OK(p11->C_SignRecover(h, large, 20, NULL, &len));
    CHECK_EQ(len, 256);
    len = 255;
    CHECK_EQ(p11->C_SignRecover(h, large, 20, signature, &len), CKR_BUFFER_TOO_SMALL);
    CHECK_EQ(len, 256);
    CHECK_OK(p11->C_SignRecover(h, large, 20, signature, &len));
    CHECK_EQ(p11->C_SignRecover(h, large, 20, signature, &len), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_OK(p11->C_SignRecoverInit(h, &pkcs, keys.private_key));
    CHECK_EQ(p11->C_SignRecover(h, large, sizeof large, back, &len), CKR_DATA_LEN_RANGE);

    CHECK_OK(p11->C_VerifyRecoverInit(h, &pkcs, keys.public_key));
    len = 19;
    CHECK_EQ(p11->C_VerifyRecover(h, signature, 256, back, &len), CKR_BUFFER_TOO_SMALL);
    len = sizeof back;
    CHECK_OK(p11->C_VerifyRecover(h, signature, 256, back, &len));
    CHECK_BYTES(back, len, large, 20);
    CHECK_EQ(p11->C_VerifyRecover(h, signature, 256, back, &len), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_OK(p11->C_VerifyRecoverInit(h, &pkcs, keys.public_key));
    CHECK_EQ(p11->C_VerifyRecover(h, signature, 255, back, &len), CKR_SIGNATURE_LEN_RANGE);
    CHECK_OK(p11->C_VerifyRecoverInit(h, &pkcs, keys.public_key));
    CHECK_OK(p11->C_VerifyRecoverInit(h, NULL, 0));
    CHECK_EQ(p11->C_VerifyRecover(h, signature, 256, back, &len), CKR_OPERATION_NOT_INITIALIZED);
}

/* --- C_FindObjects ------------------------------------------------------------------------------- */

static bool is_found(CK_SESSION_HANDLE session, const CK_ATTRIBUTE *by, CK_OBJECT_HANDLE object)
{
    CK_OBJECT_HANDLE found[16];
    attrs tmpl = { .count = 0 };

    put_bytes(&tmpl, by->type, by->pValue, by->ulValueLen);
    const size_t count = find_all(session, &tmpl, found, ARRAY_LEN(found));
    for (size_t i = 0; i < count && i < ARRAY_LEN(found); i++) {
        if (found[i] == object)
            return true;
    }
    return false;
}

/* Whatever can be read of an object finds it; returns how many attributes that were. */
static size_t found_by_all_it_has(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    static CK_BYTE room[4096];
    size_t count = 0;

    for (CK_ATTRIBUTE_TYPE type = 0; type < 0x700; type++) {
        CK_ATTRIBUTE by = { type, room, sizeof room };

        if (p11->C_GetAttributeValue(session, object, &by, 1) != CKR_OK)
            continue;
        count++;
        if (!CHECK_THAT(is_found(session, &by, object)))
            CHECK_EQ(type, 0); /* says which */
    }
    return count;
}

static void objects_are_found_by_each_attribute(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;

    for (int is_token = 0; is_token < 2; is_token++) {
        const pair rsa = generate_pair(h, &rsa_2048, is_token != 0, "rsa");
        const pair ec = generate_pair(h, &p_256, is_token != 0, "ec");
        const CK_OBJECT_HANDLE aes = generate_aes(h, 32, is_token != 0, "aes");

        CASE(is_token != 0 ? "token objects" : "session objects");
        CHECK_THAT(found_by_all_it_has(h, rsa.public_key) > 15);
        CHECK_THAT(found_by_all_it_has(h, rsa.private_key) > 20);
        CHECK_THAT(found_by_all_it_has(h, ec.public_key) > 15);
        CHECK_THAT(found_by_all_it_has(h, ec.private_key) > 20);
        CHECK_THAT(found_by_all_it_has(h, aes) > 20);
        CHECK_THAT(found_by_all_it_has(h, create_data(h, is_token != 0, true, "data")) > 5);
    }
}

/* A guess at a value that can't be read is not confirmed. */
static void secrets_are_not_searched(void)
{
    FIXTURE(fix);
    const CK_OBJECT_HANDLE open = import_secret(fix.session, CKK_AES, value, sizeof value);
    CK_OBJECT_HANDLE hidden = CK_INVALID_HANDLE;
    CK_BYTE guess[sizeof value];
    CK_ATTRIBUTE by = { CKA_VALUE, guess, sizeof guess };

    memcpy(guess, value, sizeof value);
    CHECK_OK(copy_with(fix.session, open, CKA_SENSITIVE, true, &hidden));
    CHECK_THAT(is_found(fix.session, &by, open));
    CHECK_THAT(!is_found(fix.session, &by, hidden));
}

static CK_RV encrypt_block(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM mechanism = { type, NULL, 0 };
    CK_BYTE block[16] = { 7 };
    CK_ULONG len = sizeof block;
    const CK_RV rv = p11->C_EncryptInit(session, &mechanism, key);

    return rv != CKR_OK ? rv : p11->C_Encrypt(session, block, sizeof block, block, &len);
}

/* A session that uses the same key again asks again: what another session took from it counts. */
static void what_is_taken_from_a_key_counts(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE user = fix.session, other = open_session(&fix, true);

    for (int is_token = 0; is_token < 2; is_token++) {
        const CK_OBJECT_HANDLE key = generate_aes(user, 32, is_token != 0, "key");
        attrs ended = { .count = 0 };

        CASE(is_token != 0 ? "token object" : "session object");
        put_bytes(&ended, CKA_END_DATE, "20200101", 8);
        for (int i = 0; i < 2; i++)
            CHECK_OK(encrypt_block(user, CKM_AES_ECB, key));
        CHECK_EQ(encrypt_block(user, CKM_RSA_PKCS, key), CKR_KEY_TYPE_INCONSISTENT);
        CHECK_EQ(encrypt_block(user, CKM_SHA256, key), CKR_MECHANISM_INVALID);
        CHECK_OK(encrypt_block(user, CKM_AES_ECB, key));

        CHECK_OK(set_bool(other, key, CKA_ENCRYPT, false));
        CHECK_EQ(encrypt_block(user, CKM_AES_ECB, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
        CHECK_OK(set_bool(other, key, CKA_ENCRYPT, true));
        for (int i = 0; i < 2; i++)
            CHECK_OK(encrypt_block(user, CKM_AES_ECB, key));
        CHECK_OK(p11->C_SetAttributeValue(other, key, ended.at, ended.count));
        CHECK_EQ(encrypt_block(user, CKM_AES_ECB, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
        CHECK_OK(p11->C_DestroyObject(other, key));
        CHECK_EQ(encrypt_block(user, CKM_AES_ECB, key), CKR_KEY_HANDLE_INVALID);
    }
}

static const check_test tests[] = {
    CHECK_TEST(what_is_taken_from_a_key_counts),
    CHECK_TEST(recovery_keeps_the_length_rules),
    CHECK_TEST(objects_are_found_by_each_attribute),
    CHECK_TEST(secrets_are_not_searched),
    CHECK_TEST(only_the_so_trusts),
    CHECK_TEST(copies_reveal_no_more),
    CHECK_TEST(copies_keep_their_history),
    CHECK_TEST(copies_obey_the_session),
    CHECK_TEST(attributes_that_go_one_way),
    CHECK_TEST(signing_and_encrypting),
    CHECK_TEST(each_set_of_operations_is_cancelled),
};
CHECK_MAIN(tests)
