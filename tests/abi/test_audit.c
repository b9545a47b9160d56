/* What calls leave in the audit log, and what they do when it can't be written.
 * SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "abi/support.h"
#include "support/check.h"

static CK_OBJECT_HANDLE make_key(const fixture *fix, bool is_token, CK_RV *out_rv)
{
    CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL token = is_token ? CK_TRUE : CK_FALSE;
    CK_ULONG len = 32;
    char label[] = "audited key";
    CK_ATTRIBUTE attributes[] = {
        { CKA_TOKEN, &token, sizeof token },
        { CKA_VALUE_LEN, &len, sizeof len },
        { CKA_ENCRYPT, &yes, sizeof yes },
        { CKA_SENSITIVE, &yes, sizeof yes },
        { CKA_LABEL, label, 11 },
    };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

    *out_rv = p11->C_GenerateKey(fix->session, &mechanism, attributes, 5, &key);
    return key;
}

/* The size of an unwrapped key, and of the key that unwrapped it, which nobody had used before. */
static void check_size_of_unwrapped(const fixture *fix)
{
    CK_MECHANISM kw = { CKM_AES_KEY_WRAP, NULL, 0 };
    attrs tmpl = { .count = 0 };
    CK_OBJECT_HANDLE wrapping = CK_INVALID_HANDLE;
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    CK_BYTE wrapped[64];
    CK_ULONG len = sizeof wrapped;

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_AES);
    put_bytes(&tmpl, CKA_VALUE, "sixteen bytes ok", 16);
    put_bool(&tmpl, CKA_WRAP, true);
    put_bool(&tmpl, CKA_UNWRAP, true);
    put_bool(&tmpl, CKA_EXTRACTABLE, true);
    put_text(&tmpl, CKA_LABEL, "audited wrapping");
    REQUIRE_OK(p11->C_CreateObject(fix->session, tmpl.at, tmpl.count, &wrapping));
    REQUIRE_OK(p11->C_WrapKey(fix->session, &kw, wrapping, wrapping, wrapped, &len));
    tmpl.count = 0;
    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_AES);
    put_text(&tmpl, CKA_LABEL, "audited unwrapped");
    CHECK_OK(
        p11->C_UnwrapKey(fix->session, &kw, wrapping, wrapped, len, tmpl.at, tmpl.count, &made));
    CHECK_EQ(audit_lines_with(fix, "\"audited unwrapped\"", "\"key_length\":128"), 1);
    CHECK_OK(p11->C_DestroyObject(fix->session, made));
    CHECK_THAT(audit_lines_with(fix, "\"destroy_object\"", "\"key_length\":128") > 0);
}

/* Keys that were not generated here have a size too. */
static void check_sizes_of_others(const fixture *fix)
{
    const pair keys = generate_pair(fix->session, &p_384, false, "audited original");
    attrs secret = { .count = 0 };
    attrs label = { .count = 0 };
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;

    put_ulong(&secret, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&secret, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    put_bytes(&secret, CKA_VALUE, "twenty-four bytes of key", 24);
    put_text(&secret, CKA_LABEL, "audited import");
    CHECK_OK(p11->C_CreateObject(fix->session, secret.at, secret.count, &made));
    CHECK_EQ(audit_lines_with(fix, "\"audited import\"", "\"key_length\":192"), 1);
    put_text(&label, CKA_LABEL, "audited copy");
    CHECK_OK(p11->C_CopyObject(fix->session, keys.private_key, label.at, label.count, &made));
    CHECK_EQ(audit_lines_with(fix, "\"audited copy\"", "\"key_length\":384"), 1);
    check_size_of_unwrapped(fix);
}

static void calls_leave_events(void)
{
    FIXTURE(fix);
    CK_BYTE data[16] = "0123456789abcdef";
    CK_BYTE value[64];
    CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 };
    CK_ATTRIBUTE secret = { CKA_VALUE, value, sizeof value };
    CK_ULONG len = sizeof value;
    CK_RV rv = CKR_OK;
    const CK_OBJECT_HANDLE key = make_key(&fix, true, &rv);

    REQUIRE_THAT(rv == CKR_OK);
    CHECK_EQ(audit_lines_with(&fix, "\"generate_key\"", "\"phase\":\"begin\""), 1);
    CHECK_EQ(audit_lines_with(&fix, "\"generate_key\",\"result\":\"success\"", "\"audited key\""),
             1);
    CHECK_EQ(audit_lines_with(&fix, "\"generate_key\"", "\"key_length\":256"), 1);
    CHECK_EQ(audit_lines_with(&fix, "\"login\"", "\"result\":\"success\""), 2); /* SO, user */
    (void)generate_pair(fix.session, &p_384, true, "audited 384");
    (void)generate_pair(fix.session, &ed_25519, false, "audited 25519");
    (void)generate_pair(fix.session, &rsa_2048, true, "audited 2048");
    CHECK_EQ(audit_lines_with(&fix, "\"audited 384\"", "\"key_length\":384"), 1);
    CHECK_EQ(audit_lines_with(&fix, "\"audited 25519\"", "\"key_length\":255"), 1);
    CHECK_EQ(audit_lines_with(&fix, "\"audited 2048\"", "\"key_length\":2048"), 1);
    check_sizes_of_others(&fix);

    CHECK_OK(p11->C_EncryptInit(fix.session, &ecb, key));
    CHECK_OK(p11->C_Encrypt(fix.session, data, sizeof data, NULL, &len)); /* no event */
    CHECK_OK(p11->C_Encrypt(fix.session, data, sizeof data, value, &len));
    CHECK_EQ(audit_lines_with(&fix, "\"operation\":\"encrypt\"", "\"key_length\":256"), 1);
    CHECK_EQ(audit_lines_with(&fix, "\"mechanism\":\"CKM_AES_ECB\"", "\"key_id\":"), 1);

    CASE("in parts: before the first leaves, and at the end");
    CHECK_OK(p11->C_EncryptInit(fix.session, &ecb, key));
    len = sizeof value;
    CHECK_OK(p11->C_EncryptUpdate(fix.session, data, sizeof data, value, &len));
    len = sizeof value;
    CHECK_OK(p11->C_EncryptUpdate(fix.session, data, sizeof data, value, &len));
    len = sizeof value;
    CHECK_OK(p11->C_EncryptFinal(fix.session, value, &len));
    CHECK_EQ(audit_lines_with(&fix, "\"operation\":\"encrypt\"", "\"phase\":\"begin\""), 1);
    CHECK_EQ(audit_lines_with(&fix, "\"operation\":\"encrypt\"", "\"result\":\"success\""), 2);

    CASE("failures");
    CHECK_EQ(p11->C_SignInit(fix.session, &ecb, key), CKR_MECHANISM_INVALID);
    CHECK_EQ(audit_lines_with(&fix, "\"operation\":\"sign\"", "\"CKR_MECHANISM_INVALID\""), 1);
    CHECK_EQ(p11->C_GetAttributeValue(fix.session, key, &secret, 1), CKR_ATTRIBUTE_SENSITIVE);
    CHECK_EQ(audit_lines_with(&fix, "\"get_attribute\"", "\"CKR_ATTRIBUTE_SENSITIVE\""), 1);

    CASE("the rest");
    CHECK_OK(p11->C_GenerateRandom(fix.session, value, 33));
    CHECK_EQ(audit_lines_with(&fix, "\"generate_random\"", "\"amount\":33"), 1);
    CHECK_OK(p11->C_DestroyObject(fix.session, key));
    CHECK_EQ(audit_lines_with(&fix, "\"destroy_object\"", "\"audited key\""), 2);
    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_EQ(audit_lines_with(&fix, "\"logout\"", "success"), 1);
    CHECK_EQ(audit_lines_with(&fix, "12345", "pin"), 0);
}

static void limit_files(rlim_t bytes)
{
    const struct rlimit limit = { .rlim_cur = bytes, .rlim_max = RLIM_INFINITY };

    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK_OK(setrlimit(RLIMIT_FSIZE, &limit));
}

/* No file can grow: the log refuses, and with it every call that needs it. */
static void nothing_is_given_out_without_an_event(void)
{
    static const CK_BYTE zeros[64];
    FIXTURE(fix);
    CK_BYTE data[16] = "0123456789abcdef";
    CK_BYTE value[64] = { 0 };
    CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 };
    CK_ULONG len = sizeof value;
    CK_OBJECT_HANDLE other = CK_INVALID_HANDLE;
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    CK_SESSION_INFO info;
    CK_RV rv = CKR_OK;
    const CK_OBJECT_HANDLE key = make_key(&fix, true, &rv);

    REQUIRE_THAT(rv == CKR_OK);
    CHECK_OK(p11->C_EncryptInit(fix.session, &ecb, key));
    limit_files(1);
    CHECK_EQ(p11->C_Encrypt(fix.session, data, sizeof data, value, &len), CKR_DEVICE_ERROR);
    CHECK_BYTES(value, sizeof value, zeros, sizeof zeros);
    CHECK_OK(p11->C_EncryptInit(fix.session, &ecb, key)); /* the operation has ended */
    len = sizeof value;
    CHECK_EQ(p11->C_EncryptUpdate(fix.session, data, sizeof data, value, &len), CKR_DEVICE_ERROR);
    CHECK_BYTES(value, sizeof value, zeros, sizeof zeros);
    CHECK_EQ(p11->C_GenerateRandom(fix.session, value, 33), CKR_DEVICE_ERROR);
    CHECK_BYTES(value, sizeof value, zeros, sizeof zeros);
    CHECK_EQ(p11->C_DestroyObject(fix.session, key), CKR_DEVICE_ERROR);
    other = make_key(&fix, false, &rv);
    CHECK_EQ(rv, CKR_DEVICE_ERROR);
    CHECK_EQ(other, CK_INVALID_HANDLE);
    CHECK_EQ(p11->C_OpenSession(fix.slot, CKF_SERIAL_SESSION, NULL, NULL, &session),
             CKR_DEVICE_ERROR);
    CHECK_EQ(p11->C_Logout(fix.session), CKR_DEVICE_ERROR); /* but out is out */
    CHECK_OK(p11->C_GetSessionInfo(fix.session, &info));
    CHECK_EQ(info.state, CKS_RW_PUBLIC_SESSION);
    CHECK_EQ(login(fix.session, CKU_USER, USER_PIN), CKR_DEVICE_ERROR);
    CHECK_OK(p11->C_GetSessionInfo(fix.session, &info));
    CHECK_EQ(info.state, CKS_RW_PUBLIC_SESSION);
    limit_files(RLIM_INFINITY);

    CASE("and all goes on with room");
    CHECK_OK(login(fix.session, CKU_USER, USER_PIN));
    (void)make_key(&fix, true, &rv);
    CHECK_EQ(rv, CKR_OK);
}

static void lost_events_are_counted(void)
{
    fixture_settings = "[audit]\non_error = \"count\"\n";
    FIXTURE(fix);
    CK_BYTE value[8];

    limit_files(1);
    CHECK_OK(p11->C_GenerateRandom(fix.session, value, 8));
    CHECK_OK(p11->C_GenerateRandom(fix.session, value, 8));
    limit_files(RLIM_INFINITY);
    CHECK_OK(p11->C_GenerateRandom(fix.session, value, 8));
    CHECK_EQ(audit_lines_with(&fix, "\"events_lost\"", "\"amount\":2"), 1);
    fixture_settings = NULL;
}

static void levels_are_kept(void)
{
    fixture_settings = "[audit]\nlog_level = \"auth\"\n";
    FIXTURE(fix);
    CK_BYTE value[8];

    CHECK_OK(p11->C_GenerateRandom(fix.session, value, 8));
    CHECK_EQ(audit_lines_with(&fix, "generate_random", ""), 0);
    CHECK_EQ(audit_lines_with(&fix, "\"initialize\"", ""), 0);
    CHECK_THAT(audit_lines_with(&fix, "\"login\"", "success") > 0);
    fixture_settings = NULL;
}

/* Who can't write the log must not use the token, unless told to. */
static void a_read_only_place_is_refused(void)
{
    FIXTURE(fix);

    if (geteuid() == 0)
        SKIP("the owner of everything writes anywhere");
    CHECK_OK(p11->C_Finalize(NULL));
    CHECK_THAT(run_command(&fix, "chmod 500 store; chmod 400 store/*"));
    CHECK_EQ(p11->C_Initialize(NULL), CKR_DEVICE_ERROR);
    CHECK_THAT(run_command(&fix, "chmod 700 store; chmod 600 store/*"));
    CHECK_OK(p11->C_Initialize(NULL));
}

/* Where no store makes the directory, the log does. */
static void objects_in_memory_have_a_log(void)
{
    FIXTURE(fix);

    CHECK_OK(p11->C_Finalize(NULL));
    CHECK_THAT(run_command(&fix,
                           "rm -r store && sed -i 's/^\\[token\\]$/&\\npersist_objects = false/' "
                           "craton_hsm.toml && grep -q persist craton_hsm.toml"));
    CHECK_OK(p11->C_Initialize(NULL));
    CHECK_EQ(audit_lines_with(&fix, "\"initialize\"", "success"), 1);
}

static const check_test tests[] = {
    CHECK_TEST(calls_leave_events),           CHECK_TEST(nothing_is_given_out_without_an_event),
    CHECK_TEST(lost_events_are_counted),      CHECK_TEST(levels_are_kept),
    CHECK_TEST(a_read_only_place_is_refused), CHECK_TEST(objects_in_memory_have_a_log),
};
CHECK_MAIN(tests)
