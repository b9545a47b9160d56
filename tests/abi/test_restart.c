/* What was stored is there after the library is closed, and in a new process. */
#include "support.h"

#define STEP(cond)                     \
    do {                               \
        if (!(cond))                   \
            return __LINE__ % 250 + 1; \
    } while (0)

static const CK_BYTE hash[32] = { 1, 2, 3 };

static int open_token(CK_SESSION_HANDLE *out_session)
{
    STEP(p11->C_Initialize(NULL) == CKR_OK);
    STEP(p11->C_OpenSession(first_slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                            out_session) == CKR_OK);
    return 0;
}

static CK_OBJECT_HANDLE find_one(CK_SESSION_HANDLE session, CK_ULONG class, const char *label)
{
    CK_OBJECT_HANDLE found[2];
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, class);
    put_text(&tmpl, CKA_LABEL, label);
    return find_all(session, &tmpl, found, 2) == 1 ? found[0] : CK_INVALID_HANDLE;
}

/* Checks what the parent stored: a key pair that signs, a secret key with its value, data. */
static int role_look(const fixture *fix)
{
    CK_SESSION_HANDLE session;
    CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
    CK_BYTE signature[64];
    CK_ULONG len = sizeof signature;
    CK_BYTE value[32];
    CK_TOKEN_INFO info;

    (void)fix;
    STEP(open_token(&session) == 0);
    STEP(p11->C_GetTokenInfo(first_slot(), &info) == CKR_OK);
    STEP(memcmp(info.label, TOKEN_LABEL, strlen(TOKEN_LABEL)) == 0);
    STEP(find_one(session, CKO_DATA, "public data") != CK_INVALID_HANDLE);
    STEP(find_one(session, CKO_DATA, "private data") == CK_INVALID_HANDLE);
    STEP(find_one(session, CKO_DATA, "session data") == CK_INVALID_HANDLE);
    STEP(find_one(session, CKO_PRIVATE_KEY, "pair") == CK_INVALID_HANDLE);
    STEP(login(session, CKU_USER, OTHER_PIN) == CKR_PIN_INCORRECT);
    STEP(login(session, CKU_USER, USER_PIN) == CKR_OK);
    STEP(find_one(session, CKO_DATA, "private data") != CK_INVALID_HANDLE);

    const CK_OBJECT_HANDLE priv = find_one(session, CKO_PRIVATE_KEY, "pair");
    const CK_OBJECT_HANDLE pub = find_one(session, CKO_PUBLIC_KEY, "pair");
    STEP(p11->C_SignInit(session, &ecdsa, priv) == CKR_OK);
    STEP(p11->C_Sign(session, (CK_BYTE *)(uintptr_t)hash, sizeof hash, signature, &len) == CKR_OK);
    STEP(p11->C_VerifyInit(session, &ecdsa, pub) == CKR_OK);
    STEP(p11->C_Verify(session, (CK_BYTE *)(uintptr_t)hash, sizeof hash, signature, len) == CKR_OK);
    const CK_OBJECT_HANDLE aes = find_one(session, CKO_SECRET_KEY, "aes");
    STEP(get_attr(session, aes, CKA_VALUE, value, sizeof value) == 32);
    STEP(p11->C_Finalize(NULL) == CKR_OK);
    return 0;
}

static void found_again_in_a_new_process(void)
{
    FIXTURE(fix);

    (void)generate_pair(fix.session, &p_256, true, "pair");
    (void)generate_aes(fix.session, 32, true, "aes");
    (void)create_data(fix.session, true, false, "public data");
    (void)create_data(fix.session, true, true, "private data");
    (void)create_data(fix.session, false, false, "session data");
    CHECK_EQ(in_new_process("look", &fix), 0); /* while this one is open */
    CHECK_OK(p11->C_Finalize(NULL));
    CHECK_EQ(in_new_process("look", &fix), 0);
}

static void values_survive_finalize(void)
{
    FIXTURE(fix);
    CK_BYTE before[32];
    CK_BYTE after[32];
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 32, true, "kept");

    CHECK_EQ(get_attr(fix.session, key, CKA_VALUE, before, sizeof before), 32);
    CHECK_OK(p11->C_Finalize(NULL));
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    REQUIRE_OK(open_token(&session));
    CHECK_OK(login(session, CKU_USER, USER_PIN));
    CHECK_EQ(get_attr(session, find_one(session, CKO_SECRET_KEY, "kept"), CKA_VALUE, after,
                      sizeof after),
             32);
    CHECK_BYTES(after, 32, before, 32);
}

static int role_wrong_pin(const fixture *fix)
{
    CK_SESSION_HANDLE session;

    (void)fix;
    STEP(open_token(&session) == 0);
    const CK_RV rv = login(session, CKU_USER, "wrong-pin-1");
    STEP(rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED);
    return 0; /* without finalising */
}

/* Trying in a new process each time is no way around the counter. */
static void wrong_pins_are_remembered(void)
{
    FIXTURE(fix);
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;

    if (!module_is_ours())
        SKIP("three tries are our configuration");
    CHECK_OK(p11->C_Finalize(NULL));
    for (int i = 0; i < 3; i++)
        CHECK_EQ(in_new_process("wrong pin", &fix), 0);
    REQUIRE_OK(open_token(&session));
    CHECK_EQ(login(session, CKU_USER, USER_PIN), CKR_PIN_LOCKED);
}

static const process_role roles[] = { { "look", role_look }, { "wrong pin", role_wrong_pin } };
static const check_test tests[] = {
    CHECK_TEST(found_again_in_a_new_process),
    CHECK_TEST(values_survive_finalize),
    CHECK_TEST(wrong_pins_are_remembered),
};

int main(int argc, char **argv)
{
    return role_main(roles, ARRAY_LEN(roles), tests, ARRAY_LEN(tests), argc, argv);
}
