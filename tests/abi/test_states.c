/* Saved states: going on in another session, refusal of what was changed or is another's. */
#include <stdio.h>

#include "support.h"

enum { ROOM = 8192, LIMIT = 4096 };

static CK_BYTE text[LIMIT + 1];

static CK_RV save(CK_SESSION_HANDLE session, CK_BYTE *state, CK_ULONG *len)
{
    *len = ROOM;
    return p11->C_GetOperationState(session, state, len);
}

static void digest_goes_on(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_SHA256, NULL, 0 };
    CK_SESSION_HANDLE other = open_session(&fix, true);
    CK_BYTE state[ROOM], hash[32], want[32];
    CK_ULONG len, asked = 0, hash_len = 32;

    /* FIPS 180: "abc" */
    (void)from_hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", want, 32);
    CHECK_OK(p11->C_DigestInit(fix.session, &mechanism));
    CHECK_OK(p11->C_DigestUpdate(fix.session, utf8("a"), 1));
    CHECK_OK(p11->C_GetOperationState(fix.session, NULL, &asked));
    len = asked - 1;
    CHECK_EQ(p11->C_GetOperationState(fix.session, state, &len), CKR_BUFFER_TOO_SMALL);
    CHECK_OK(save(fix.session, state, &len));
    CHECK_EQ(len, asked);
    CHECK_OK(p11->C_DigestUpdate(fix.session, utf8("x"), 1)); /* has no part in it */
    for (int i = 0; i < 2; i++) {
        const CK_SESSION_HANDLE session = i == 0 ? other : fix.session;

        CHECK_OK(p11->C_SetOperationState(session, state, len, 0, 0));
        CHECK_OK(p11->C_DigestUpdate(session, utf8("bc"), 2));
        CHECK_OK(p11->C_DigestFinal(session, hash, &hash_len));
        CHECK_BYTES(hash, 32, want, 32);
    }
}

static void mac_needs_its_key(void)
{
    static CK_MAC_GENERAL_PARAMS mac_len = 7;
    FIXTURE(fix);
    const CK_OBJECT_HANDLE key = import_secret(fix.session, CKK_GENERIC_SECRET, "Jefe", 4);
    const CK_OBJECT_HANDLE same = import_secret(fix.session, CKK_GENERIC_SECRET, "Jefe", 4);
    const CK_OBJECT_HANDLE other = import_secret(fix.session, CKK_GENERIC_SECRET, "Jefa", 4);
    CK_MECHANISM mechanisms[] = { { CKM_SHA256_HMAC, NULL, 0 },
                                  { CKM_SHA256_HMAC_GENERAL, &mac_len, sizeof mac_len } };
    CK_BYTE state[ROOM], mac[32], want[32];
    CK_ULONG len;

    /* RFC 4231, test case 2 */
    (void)from_hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", want, 32);
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
        CK_ULONG out_len = sizeof mac;

        CHECK_OK(p11->C_SignInit(fix.session, &mechanisms[i], key));
        CHECK_OK(p11->C_SignUpdate(fix.session, utf8("what do ya want "), 16));
        CHECK_OK(save(fix.session, state, &len));
        CHECK_EQ(p11->C_SetOperationState(fix.session, state, len, 0, 0), CKR_KEY_NEEDED);
        CHECK_EQ(p11->C_SetOperationState(fix.session, state, len, key, key), CKR_KEY_NOT_NEEDED);
        CHECK_EQ(p11->C_SetOperationState(fix.session, state, len, 0, other), CKR_KEY_CHANGED);
        CHECK_EQ(p11->C_SetOperationState(fix.session, state, len, 0, ~0UL),
                 CKR_KEY_HANDLE_INVALID);
        CHECK_OK(p11->C_SetOperationState(fix.session, state, len, 0, same));
        CHECK_OK(p11->C_SignUpdate(fix.session, utf8("for nothing?"), 12));
        CHECK_OK(p11->C_SignFinal(fix.session, mac, &out_len));
        CHECK_BYTES(mac, out_len, want, i == 0 ? 32 : 7);
    }
}

static void changed_states_are_refused(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_SHA512, NULL, 0 };
    CK_SESSION_HANDLE read_only = open_session(&fix, false);
    CK_BYTE state[ROOM];
    CK_ULONG len;

    CHECK_OK(p11->C_DigestInit(fix.session, &mechanism));
    CHECK_OK(p11->C_DigestUpdate(fix.session, text, 20));
    CHECK_OK(save(fix.session, state, &len));
    for (CK_ULONG i = 0; i < len; i++) {
        state[i] ^= 0x10;
        CHECK_EQ(p11->C_SetOperationState(fix.session, state, len, 0, 0), CKR_SAVED_STATE_INVALID);
        state[i] ^= 0x10;
    }
    for (CK_ULONG shorter = 0; shorter < len; shorter += 9)
        CHECK_EQ(p11->C_SetOperationState(fix.session, state, shorter, 0, 0),
                 CKR_SAVED_STATE_INVALID);
    CHECK_EQ(p11->C_SetOperationState(fix.session, state, ROOM, 0, 0), CKR_SAVED_STATE_INVALID);
    CASE("of another kind of session");
    CHECK_EQ(p11->C_SetOperationState(read_only, state, len, 0, 0), CKR_SAVED_STATE_INVALID);
    CHECK_OK(p11->C_DigestUpdate(fix.session, text, 1)); /* none of that ended what was open */
    CASE("with a key where none is needed");
    CHECK_EQ(p11->C_SetOperationState(fix.session, state, len, 0, 1), CKR_KEY_NOT_NEEDED);
}

static void what_can_not_be_saved(void)
{
    FIXTURE(fix);
    CK_MECHANISM sha = { CKM_SHA256, NULL, 0 };
    CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 };
    CK_MECHANISM ecdsa = { CKM_ECDSA_SHA256, NULL, 0 };
    const CK_OBJECT_HANDLE aes = generate_aes(fix.session, 16, false, "aes");
    const pair ec = generate_pair(fix.session, &p_256, false, "ec");
    CK_BYTE state[ROOM];
    CK_ULONG len;

    CHECK_EQ(save(fix.session, state, &len), CKR_OPERATION_NOT_INITIALIZED);
    CHECK_OK(p11->C_DigestInit(fix.session, &sha));
    CHECK_OK(p11->C_DigestUpdate(fix.session, text, LIMIT));
    CHECK_OK(save(fix.session, state, &len));
    CHECK_OK(p11->C_DigestUpdate(fix.session, text, 1));
    CHECK_EQ(save(fix.session, state, &len), CKR_STATE_UNSAVEABLE);
    CHECK_OK(p11->C_DigestInit(fix.session, NULL));
    CHECK_OK(p11->C_DigestInit(fix.session, &sha));
    CHECK_OK(p11->C_DigestKey(fix.session, aes));
    CHECK_EQ(save(fix.session, state, &len), CKR_STATE_UNSAVEABLE);
    CHECK_OK(p11->C_DigestInit(fix.session, NULL));
    CHECK_OK(p11->C_DigestInit(fix.session, &sha));
    CHECK_OK(p11->C_EncryptInit(fix.session, &ecb, aes));
    CHECK_EQ(save(fix.session, state, &len), CKR_STATE_UNSAVEABLE);
    CHECK_OK(p11->C_DigestInit(fix.session, NULL));
    CHECK_EQ(save(fix.session, state, &len), CKR_STATE_UNSAVEABLE);
    CHECK_OK(p11->C_EncryptInit(fix.session, NULL, 0));
    CHECK_OK(p11->C_SignInit(fix.session, &ecdsa, ec.private_key));
    CHECK_EQ(save(fix.session, state, &len), CKR_STATE_UNSAVEABLE);
}

static int role_go_on(const fixture *fix)
{
    CK_BYTE state[ROOM], hash[32], want[32];
    CK_ULONG hash_len = 32;
    char path[128];

    (void)snprintf(path, sizeof path, "%s/state", fix->dir);
    FILE *file = fopen(path, "rb");
    if (file == NULL || p11->C_Initialize(NULL) != CKR_OK)
        return 1;
    const size_t len = fread(state, 1, sizeof state, file);
    (void)fclose(file);
    (void)from_hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", want, 32);
    const CK_SESSION_HANDLE session = open_session(fix, true);
    if (p11->C_SetOperationState(session, state, len, 0, 0) != CKR_SAVED_STATE_INVALID)
        return 2; /* not logged in: another kind of session */
    if (login(session, CKU_USER, USER_PIN) != CKR_OK ||
        p11->C_SetOperationState(session, state, len, 0, 0) != CKR_OK ||
        p11->C_DigestUpdate(session, utf8("c"), 1) != CKR_OK ||
        p11->C_DigestFinal(session, hash, &hash_len) != CKR_OK)
        return 3;
    return memcmp(hash, want, 32) == 0 && p11->C_Finalize(NULL) == CKR_OK ? 0 : 4;
}

static void another_process_goes_on(void)
{
    FIXTURE(fix);
    CK_MECHANISM mechanism = { CKM_SHA256, NULL, 0 };
    CK_BYTE state[ROOM];
    CK_ULONG len;

    CHECK_OK(p11->C_DigestInit(fix.session, &mechanism));
    CHECK_OK(p11->C_DigestUpdate(fix.session, utf8("ab"), 2));
    CHECK_OK(save(fix.session, state, &len));
    REQUIRE_THAT(write_file(&fix, "state", state, len));
    CHECK_EQ(in_new_process("go on", &fix), 0);
}

static const process_role roles[] = { { "go on", role_go_on } };

static const check_test tests[] = {
    CHECK_TEST(digest_goes_on),
    CHECK_TEST(mac_needs_its_key),
    CHECK_TEST(changed_states_are_refused),
    CHECK_TEST(what_can_not_be_saved),
    CHECK_TEST(another_process_goes_on),
};

int main(int argc, char **argv)
{
    return role_main(roles, ARRAY_LEN(roles), tests, ARRAY_LEN(tests), argc, argv);
}
