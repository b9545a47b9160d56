/* PINs, login, lockout, and keys that ask for the PIN each time. */
#include "support.h"

static CK_RV set_pin(CK_SESSION_HANDLE session, const char *old_pin, const char *new_pin)
{
    return p11->C_SetPIN(session, utf8(old_pin), strlen(old_pin), utf8(new_pin), strlen(new_pin));
}

static CK_RV init_pin(CK_SESSION_HANDLE session, const char *pin)
{
    return p11->C_InitPIN(session, utf8(pin), strlen(pin));
}

static CK_RV init_token(CK_SLOT_ID slot, const char *pin)
{
    CK_UTF8CHAR label[32];

    memset(label, ' ', sizeof label);
    return p11->C_InitToken(slot, utf8(pin), strlen(pin), label);
}

static CK_FLAGS token_flags(const fixture *fix)
{
    CK_TOKEN_INFO info = { 0 };

    CHECK_OK(p11->C_GetTokenInfo(fix->slot, &info));
    return info.flags;
}

static void login_states(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE ro = open_session(&fix, false);

    CHECK_EQ(login(fix.session, CKU_USER, USER_PIN), CKR_USER_ALREADY_LOGGED_IN);
    CHECK_EQ(login(ro, CKU_SO, SO_PIN), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_EQ(p11->C_Logout(fix.session), CKR_USER_NOT_LOGGED_IN);
    CHECK_EQ(login(fix.session, CKU_SO, SO_PIN), CKR_SESSION_READ_ONLY_EXISTS);
    CHECK_OK(p11->C_CloseSession(ro));
    CHECK_OK(login(fix.session, CKU_SO, SO_PIN));
    CHECK_EQ(login(fix.session, CKU_USER, USER_PIN), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    CHECK_EQ(login(fix.session, 7, USER_PIN), CKR_USER_TYPE_INVALID);
    CK_SESSION_HANDLE late;
    CHECK_EQ(p11->C_OpenSession(fix.slot, CKF_SERIAL_SESSION, NULL, NULL, &late),
             CKR_SESSION_READ_WRITE_SO_EXISTS);
}

static void login_arguments(void)
{
    FIXTURE(fix);

    CHECK_EQ(login(~0UL, CKU_USER, USER_PIN), CKR_SESSION_HANDLE_INVALID);
    CHECK_EQ(p11->C_Login(fix.session, CKU_USER, NULL, 4), CKR_ARGUMENTS_BAD);
    CHECK_EQ(login(fix.session, CKU_CONTEXT_SPECIFIC, USER_PIN), CKR_OPERATION_NOT_INITIALIZED);
    if (p11_3 == NULL)
        SKIP("C_LoginUser is new in 3.0");
    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_EQ(p11_3->C_LoginUser(fix.session, CKU_USER, utf8(USER_PIN), strlen(USER_PIN),
                                utf8("alice"), 5),
             CKR_ARGUMENTS_BAD);
    CHECK_OK(p11_3->C_LoginUser(fix.session, CKU_USER, utf8(USER_PIN), strlen(USER_PIN), NULL, 0));
}

static void user_pin_locks_and_the_so_unlocks(void)
{
    FIXTURE(fix);

    if (!module_is_ours())
        SKIP("three tries are our configuration");
    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_EQ(login(fix.session, CKU_USER, "wrong-pin-1"), CKR_PIN_INCORRECT);
    CHECK_EQ(token_flags(&fix) & (CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_LOCKED),
             CKF_USER_PIN_COUNT_LOW);
    CHECK_EQ(login(fix.session, CKU_USER, "wrong-pin-2"), CKR_PIN_INCORRECT);
    CHECK_THAT((token_flags(&fix) & CKF_USER_PIN_FINAL_TRY) != 0);
    const CK_RV third = login(fix.session, CKU_USER, "wrong-pin-3");
    CHECK_THAT(third == CKR_PIN_INCORRECT || third == CKR_PIN_LOCKED);
    CHECK_THAT((token_flags(&fix) & CKF_USER_PIN_LOCKED) != 0);
    CHECK_EQ(login(fix.session, CKU_USER, USER_PIN), CKR_PIN_LOCKED);
    CHECK_EQ(set_pin(fix.session, USER_PIN, OTHER_PIN), CKR_PIN_LOCKED);

    CHECK_OK(login(fix.session, CKU_SO, SO_PIN));
    CHECK_OK(init_pin(fix.session, OTHER_PIN));
    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_EQ(token_flags(&fix) & CKF_USER_PIN_LOCKED, 0);
    CHECK_OK(login(fix.session, CKU_USER, OTHER_PIN));
}

static void a_right_pin_resets_the_counter(void)
{
    FIXTURE(fix);

    CHECK_OK(p11->C_Logout(fix.session));
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(login(fix.session, CKU_USER, "wrong-pin-1"), CKR_PIN_INCORRECT);
        CHECK_EQ(login(fix.session, CKU_USER, "wrong-pin-2"), CKR_PIN_INCORRECT);
        CHECK_OK(login(fix.session, CKU_USER, USER_PIN));
        CHECK_OK(p11->C_Logout(fix.session));
    }
    CHECK_EQ(token_flags(&fix) &
                 (CKF_USER_PIN_LOCKED | CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY),
             0);
}

static void pins_change(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE ro = open_session(&fix, false);
    const CK_OBJECT_HANDLE secret = create_data(fix.session, true, true, "kept");
    CK_OBJECT_HANDLE found[2];

    CHECK_EQ(set_pin(ro, USER_PIN, OTHER_PIN), CKR_SESSION_READ_ONLY);
    CHECK_OK(p11->C_CloseSession(ro));
    CHECK_EQ(set_pin(fix.session, "wrong-pin-1", OTHER_PIN), CKR_PIN_INCORRECT);
    if (module_is_ours()) {
        CHECK_EQ(set_pin(fix.session, USER_PIN, "short"), CKR_PIN_LEN_RANGE);
        CHECK_EQ(set_pin(fix.session, USER_PIN, "not utf-8 \xff\xfe"), CKR_PIN_INVALID);
    }
    CHECK_OK(set_pin(fix.session, USER_PIN, OTHER_PIN));
    CHECK_OK(ask_attr(fix.session, secret, CKA_VALUE)); /* still logged in */
    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_EQ(login(fix.session, CKU_USER, USER_PIN), CKR_PIN_INCORRECT);
    CHECK_OK(set_pin(fix.session, OTHER_PIN, USER_PIN)); /* in a public session: the user's */
    CHECK_OK(login(fix.session, CKU_USER, USER_PIN));
    CHECK_EQ(find_label(fix.session, "kept", found, 2), 1);
    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_OK(login(fix.session, CKU_SO, SO_PIN));
    CHECK_OK(set_pin(fix.session, SO_PIN, OTHER_PIN));
    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_EQ(login(fix.session, CKU_SO, SO_PIN), CKR_PIN_INCORRECT);
    CHECK_OK(login(fix.session, CKU_SO, OTHER_PIN));
}

static void the_so_resets_without_losing_objects(void)
{
    FIXTURE(fix);
    CK_OBJECT_HANDLE found[2];

    (void)create_data(fix.session, true, true, "kept");
    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_EQ(init_pin(fix.session, OTHER_PIN), CKR_USER_NOT_LOGGED_IN);
    CHECK_OK(login(fix.session, CKU_SO, SO_PIN));
    CHECK_EQ(find_label(fix.session, "kept", found, 2), 0); /* the SO sees nothing private */
    CHECK_OK(init_pin(fix.session, OTHER_PIN));
    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_OK(login(fix.session, CKU_USER, OTHER_PIN));
    CHECK_EQ(find_label(fix.session, "kept", found, 2), 1);
}

static void init_token_rules(void)
{
    FIXTURE(fix);
    CK_OBJECT_HANDLE found[2];

    (void)create_data(fix.session, true, false, "gone");
    CHECK_EQ(init_token(fix.slot, SO_PIN), CKR_SESSION_EXISTS);
    CHECK_OK(p11->C_CloseAllSessions(fix.slot));
    CHECK_EQ(init_token(99, SO_PIN), CKR_SLOT_ID_INVALID);
    CHECK_EQ(init_token(fix.slot, "wrong-pin-1"), CKR_PIN_INCORRECT);
    CHECK_OK(init_token(fix.slot, SO_PIN));
    CHECK_EQ(token_flags(&fix) & CKF_USER_PIN_INITIALIZED, 0);

    const CK_SESSION_HANDLE session = open_session(&fix, true);
    CHECK_EQ(login(session, CKU_USER, USER_PIN), CKR_USER_PIN_NOT_INITIALIZED);
    CHECK_EQ(find_label(session, "gone", found, 2), 0);
    CHECK_OK(login(session, CKU_SO, SO_PIN));
}

static void slots_without_a_token_initialised(void)
{
    FIXTURE(fix);
    const CK_SLOT_ID other = fix.slot == 0 ? 1 : 0;
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO info;

    if (!module_is_ours())
        SKIP("slot numbers are ours");
    CHECK_OK(p11->C_GetTokenInfo(other, &info));
    CHECK_EQ(info.flags & CKF_TOKEN_INITIALIZED, 0);
    CHECK_EQ(p11->C_OpenSession(other, CKF_SERIAL_SESSION, NULL, NULL, &session),
             CKR_TOKEN_NOT_RECOGNIZED);
    CHECK_EQ(init_token(other, "short"), CKR_PIN_LEN_RANGE);
    CHECK_OK(init_token(other, SO_PIN));
    CHECK_OK(p11->C_OpenSession(other, CKF_SERIAL_SESSION, NULL, NULL, &session));
}

static void logout_takes_private_objects_away(void)
{
    FIXTURE(fix);
    const CK_OBJECT_HANDLE token_object = create_data(fix.session, true, true, "private token");
    const CK_OBJECT_HANDLE session_object = create_data(fix.session, false, true, "private");
    const CK_OBJECT_HANDLE public_object = create_data(fix.session, false, false, "public");
    CK_OBJECT_HANDLE found[2];

    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_EQ(ask_attr(fix.session, token_object, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
    CHECK_EQ(ask_attr(fix.session, session_object, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
    CHECK_OK(ask_attr(fix.session, public_object, CKA_LABEL));
    CHECK_EQ(find_label(fix.session, "private token", found, 2), 0);
    CHECK_OK(login(fix.session, CKU_USER, USER_PIN));
    /* The old handles stay invalid; the token object is found again, the session object is not. */
    CHECK_EQ(ask_attr(fix.session, token_object, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
    CHECK_EQ(find_label(fix.session, "private token", found, 2), 1);
    CHECK_EQ(find_label(fix.session, "private", found, 2), 0);
}

static void logout_ends_operations_on_private_keys(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_ECDSA, NULL, 0 };
    const pair keys = generate_pair(fix.session, &p_256, true, "pair");
    CK_BYTE hash[32] = { 1 };
    CK_BYTE signature[64];
    CK_ULONG len = sizeof signature;

    REQUIRE_OK(p11->C_SignInit(fix.session, &mechanism, keys.private_key));
    CHECK_OK(p11->C_Logout(fix.session));
    const CK_RV rv = p11->C_Sign(fix.session, hash, sizeof hash, signature, &len);
    CHECK_THAT(rv == CKR_OPERATION_NOT_INITIALIZED || rv == CKR_USER_NOT_LOGGED_IN);
}

static void a_key_that_asks_each_time(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_MECHANISM sign = { CKM_ECDSA, NULL, 0 };
    attrs pub = { .count = 0 };
    attrs priv = { .count = 0 };
    CK_OBJECT_HANDLE public_key;
    CK_OBJECT_HANDLE private_key;
    CK_BYTE hash[32] = { 1 };
    CK_BYTE signature[64];
    CK_ULONG len = sizeof signature;

    put_bytes(&pub, CKA_EC_PARAMS, p_256.params, p_256.params_len);
    put_bool(&priv, CKA_SIGN, true);
    put_bool(&priv, CKA_ALWAYS_AUTHENTICATE, true);
    put_bool(&priv, CKA_PRIVATE, true);
    REQUIRE_OK(p11->C_GenerateKeyPair(fix.session, &mechanism, pub.at, pub.count, priv.at,
                                      priv.count, &public_key, &private_key));

    CASE("without the PIN");
    REQUIRE_OK(p11->C_SignInit(fix.session, &sign, private_key));
    CHECK_EQ(p11->C_Sign(fix.session, hash, sizeof hash, signature, &len), CKR_USER_NOT_LOGGED_IN);
    CASE("with a wrong PIN");
    CHECK_OK(p11->C_SignInit(fix.session, &sign, private_key));
    CHECK_EQ(login(fix.session, CKU_CONTEXT_SPECIFIC, "wrong-pin-1"), CKR_PIN_INCORRECT);
    CASE("with the PIN");
    CHECK_OK(login(fix.session, CKU_CONTEXT_SPECIFIC, USER_PIN));
    CHECK_OK(p11->C_Sign(fix.session, hash, sizeof hash, signature, &len));
    CASE("for one operation only");
    CHECK_OK(p11->C_SignInit(fix.session, &sign, private_key));
    CHECK_EQ(p11->C_Sign(fix.session, hash, sizeof hash, signature, &len), CKR_USER_NOT_LOGGED_IN);
}

/* Unwrapping is a use of the key as decryption is; it is allowed while the PIN that was given for an
 * operation on the key holds. */
static void unwrapping_asks_too(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    CK_MECHANISM gen = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
    CK_MECHANISM pkcs = { CKM_RSA_PKCS, NULL, 0 };
    CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE, private_key = CK_INVALID_HANDLE, key = 4711;
    CK_BYTE wrapped[256];
    CK_ULONG len = sizeof wrapped;
    attrs pub = { .count = 0 }, priv = { .count = 0 }, tmpl = { .count = 0 };

    if (!module_is_ours())
        SKIP("others unwrap without the PIN");
    put_ulong(&pub, CKA_MODULUS_BITS, 2048);
    put_bool(&pub, CKA_WRAP, true);
    put_bool(&priv, CKA_UNWRAP, true);
    put_bool(&priv, CKA_DECRYPT, true);
    put_bool(&priv, CKA_ALWAYS_AUTHENTICATE, true);
    REQUIRE_OK(p11->C_GenerateKeyPair(h, &gen, pub.at, pub.count, priv.at, priv.count, &public_key,
                                      &private_key));
    REQUIRE_OK(p11->C_WrapKey(h, &pkcs, public_key,
                              import_secret(h, CKK_GENERIC_SECRET, "secret", 6), wrapped, &len));
    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    for (int is_given = 0; is_given < 2; is_given++) {
        CHECK_EQ(p11->C_UnwrapKey(h, &pkcs, private_key, wrapped, len, tmpl.at, tmpl.count, &key),
                 CKR_USER_NOT_LOGGED_IN);
        CHECK_OK(p11->C_DecryptInit(h, &pkcs, private_key));
        if (is_given != 0)
            CHECK_OK(login(h, CKU_CONTEXT_SPECIFIC, USER_PIN));
        CHECK_EQ(p11->C_UnwrapKey(h, &pkcs, private_key, wrapped, len, tmpl.at, tmpl.count, &key),
                 is_given != 0 ? CKR_OK : CKR_USER_NOT_LOGGED_IN);
        CHECK_OK(p11->C_DecryptInit(h, NULL, 0));
    }
    CHECK_EQ(p11->C_UnwrapKey(h, &pkcs, private_key, wrapped, len, tmpl.at, tmpl.count, &key),
             CKR_USER_NOT_LOGGED_IN);
}

static const check_test tests[] = {
    CHECK_TEST(unwrapping_asks_too),
    CHECK_TEST(login_states),
    CHECK_TEST(login_arguments),
    CHECK_TEST(user_pin_locks_and_the_so_unlocks),
    CHECK_TEST(a_right_pin_resets_the_counter),
    CHECK_TEST(pins_change),
    CHECK_TEST(the_so_resets_without_losing_objects),
    CHECK_TEST(init_token_rules),
    CHECK_TEST(slots_without_a_token_initialised),
    CHECK_TEST(logout_takes_private_objects_away),
    CHECK_TEST(logout_ends_operations_on_private_keys),
    CHECK_TEST(a_key_that_asks_each_time),
};
CHECK_MAIN(tests)
