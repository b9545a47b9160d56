/* Each self-test is shown to fail: in a build with -Dbreak=true, CRATON_HSM_BREAK makes one thing
 * wrong, and that must be noticed. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "abi/support.h"
#include "crypto/internal.h"
#include "crypto/selftest.h"

enum { NOTICED = 0, UNNOTICED = 1, NOT_OVER = 2, NOT_EVERYWHERE = 3, UNKNOWN = 4 };

/* --- the error state, through the module -------------------------------------------------------- */

static bool all_refused(void)
{
    CK_INFO info;
    CK_ULONG count = 0;
    CK_SESSION_HANDLE session = 0;
    CK_BYTE byte;

    return p11->C_GetInfo(&info) == CKR_GENERAL_ERROR &&
           p11->C_GetSlotList(CK_FALSE, NULL, &count) == CKR_GENERAL_ERROR &&
           p11->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &session) == CKR_GENERAL_ERROR &&
           p11->C_CloseSession(1) == CKR_GENERAL_ERROR &&
           p11->C_GenerateRandom(1, &byte, 1) == CKR_GENERAL_ERROR &&
           p11->C_Sign(1, &byte, 1, NULL, &count) == CKR_GENERAL_ERROR &&
           p11->C_Initialize(NULL) == CKR_GENERAL_ERROR;
}

static CK_RV digest_sha1(void)
{
    CK_MECHANISM sha1 = { CKM_SHA_1, NULL, 0 };
    CK_SESSION_HANDLE session = 0;
    const CK_RV rv = p11->C_OpenSession(first_slot(), CKF_SERIAL_SESSION, NULL, NULL, &session);

    return rv != CKR_OK ? rv : p11->C_DigestInit(session, &sha1);
}

/* Refuses everything, and all is well again after the next C_Initialize. */
static int judge(CK_RV rv)
{
    if (rv != CKR_GENERAL_ERROR)
        return UNNOTICED;
    if (!all_refused())
        return NOT_EVERYWHERE;
    (void)unsetenv("CRATON_HSM_BREAK");
    if (p11->C_Finalize(NULL) != CKR_OK || p11->C_Initialize(NULL) != CKR_OK ||
        digest_sha1() != CKR_OK || p11->C_Finalize(NULL) != CKR_OK)
        return NOT_OVER;
    return NOTICED;
}

static int role_start(const fixture *fix)
{
    (void)fix;
    return judge(p11->C_Initialize(NULL));
}

static int role_digest(const fixture *fix)
{
    (void)fix;
    if (p11->C_Initialize(NULL) != CKR_OK)
        return UNKNOWN;
    return judge(digest_sha1());
}

static CK_SESSION_HANDLE logged_in(void)
{
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;

    if (p11->C_Initialize(NULL) != CKR_OK ||
        p11->C_OpenSession(first_slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                           &session) != CKR_OK ||
        login(session, CKU_USER, USER_PIN) != CKR_OK)
        return CK_INVALID_HANDLE;
    return session;
}

static CK_RV make_ec(CK_SESSION_HANDLE session, bool is_token, CK_OBJECT_HANDLE *out_private)
{
    CK_MECHANISM mech = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    attrs public_key = { .count = 0 };
    attrs private_key = { .count = 0 };
    CK_OBJECT_HANDLE made = 0;

    put_bytes(&public_key, CKA_EC_PARAMS, p_256.params, p_256.params_len);
    put_bool(&public_key, CKA_TOKEN, is_token);
    put_bool(&private_key, CKA_TOKEN, is_token);
    put_bool(&private_key, CKA_SIGN, true);
    return p11->C_GenerateKeyPair(session, &mech, public_key.at, public_key.count, private_key.at,
                                  private_key.count, &made, out_private);
}

static int role_token_pair(const fixture *fix)
{
    const CK_SESSION_HANDLE session = logged_in();
    CK_OBJECT_HANDLE key = 0;

    (void)fix;
    return session == CK_INVALID_HANDLE ? UNKNOWN : judge(make_ec(session, true, &key));
}

/* The pair is made, and the private half refused before it signs. */
static int role_session_pair(const fixture *fix)
{
    CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
    const CK_SESSION_HANDLE session = logged_in();
    CK_OBJECT_HANDLE key = 0;

    (void)fix;
    if (session == CK_INVALID_HANDLE || make_ec(session, false, &key) != CKR_OK)
        return UNKNOWN;
    return judge(p11->C_SignInit(session, &ecdsa, key));
}

/* --- below the module: whatever has no shorter way -------------------------------------------------- */

static hsm_crypto *open_crypto(void)
{
    const hsm_crypto_options options = { .backend = "openssl", .may_decrypt_3des = true };
    hsm_crypto *crypto = NULL;

    return hsm_crypto_create(&options, &crypto) == HSM_OK ? crypto : NULL;
}

static int judge_crypto(hsm_crypto *crypto, hsm_err err)
{
    uint8_t byte;
    int result = UNNOTICED;

    if (err == HSM_E_SELF_TEST)
        result =
            hsm_crypto_has_failed(crypto) && hsm_crypto_random(crypto, &byte, 1) == HSM_E_SELF_TEST
                ? NOTICED
                : NOT_EVERYWHERE;
    hsm_crypto_destroy(crypto);
    return result;
}

static const hsm_mech *user_of(hsm_selftest test)
{
    size_t count = 0;
    const hsm_mech *rows = hsm_mech_table(&count);

    for (size_t i = 0; i < count; i++) {
        if ((hsm_selftest_of(&rows[i], HSM_HASH_NONE) & hsm_selftest_bit(test)) != 0)
            return &rows[i];
    }
    return NULL;
}

/* The first use of a mechanism that stands on it. */
static int role_use(const fixture *fix)
{
    const char *name = getenv("CRATON_HSM_BREAK");
    hsm_crypto *crypto = open_crypto();
    hsm_selftest test = 0;

    (void)fix;
    while (test < HSM_SELFTEST_COUNT && strcmp(hsm_selftest_name(test), name) != 0)
        test++;
    if (crypto == NULL || test == HSM_SELFTEST_COUNT || user_of(test) == NULL)
        return UNKNOWN;
    return judge_crypto(crypto, hsm_selftest_use(crypto, user_of(test), HSM_HASH_NONE));
}

static const uint8_t oid_ed25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 };
static const uint8_t oid_x25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x6e };

static const struct {
    const char *name;
    CK_MECHANISM_TYPE mechanism;
    uint32_t bits;
    CK_ULONG set;
    hsm_bytes params;
} pairs[] = {
    { "pair-rsa", CKM_RSA_PKCS_KEY_PAIR_GEN, 2048, 0, { NULL, 0 } },
    { "pair-edwards", CKM_EC_EDWARDS_KEY_PAIR_GEN, 0, 0, { oid_ed25519, sizeof oid_ed25519 } },
    { "pair-montgomery", CKM_EC_MONTGOMERY_KEY_PAIR_GEN, 0, 0, { oid_x25519, sizeof oid_x25519 } },
    { "pair-ml-dsa", CKM_ML_DSA_KEY_PAIR_GEN, 0, CKP_ML_DSA_44, { NULL, 0 } },
    { "pair-ml-kem", CKM_ML_KEM_KEY_PAIR_GEN, 0, CKP_ML_KEM_512, { NULL, 0 } },
    { "pair-slh-dsa", CKM_SLH_DSA_KEY_PAIR_GEN, 0, CKP_SLH_DSA_SHA2_128F, { NULL, 0 } },
};

static int role_pair(const fixture *fix)
{
    const char *name = getenv("CRATON_HSM_BREAK");
    hsm_crypto *crypto = open_crypto();
    hsm_key_bundle bundle = { 0 };

    (void)fix;
    for (size_t i = 0; crypto != NULL && i < ARRAY_LEN(pairs); i++) {
        if (strcmp(pairs[i].name, name) != 0)
            continue;
        const hsm_mech *mech = hsm_mech_find(pairs[i].mechanism);
        const hsm_keygen request = { .mech = mech,
                                     .key_type = mech->key_type,
                                     .bits = pairs[i].bits,
                                     .parameter_set = pairs[i].set,
                                     .ec_params = pairs[i].params };

        return judge_crypto(crypto, hsm_keygen_run(crypto, &request, &bundle));
    }
    return UNKNOWN;
}

static const process_role roles[] = {
    { "start", role_start },
    { "digest", role_digest },
    { "use", role_use },
    { "pair", role_pair },
    { "token-pair", role_token_pair },
    { "session-pair", role_session_pair },
};

/* --- the tests -------------------------------------------------------------------------------------- */

static unsigned tried;

/* What the role says of a break, in a process that finds no stamp. */
static int with_break(const fixture *fix, const char *name, const char *role)
{
    char run[128];

    (void)snprintf(run, sizeof run, "%s/run-%u", fix->dir, tried++);
    if (mkdir(run, 0700) != 0 || setenv("XDG_RUNTIME_DIR", run, 1) != 0 ||
        setenv("CRATON_HSM_BREAK", name, 1) != 0)
        return UNKNOWN;
    const int result = in_new_process(role, fix);
    (void)unsetenv("CRATON_HSM_BREAK");
    printf("# %-22s %-13s %s\n", name, role, result == NOTICED ? "noticed" : "UNNOTICED");
    return result;
}

/* Without a break nothing is noticed: the test of the test. */
static void nothing_is_broken(void)
{
    FIXTURE(fix);
    CHECK_OK(p11->C_Finalize(NULL));

    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        CASE(roles[i].name);
        if (strcmp(roles[i].name, "use") != 0 && strcmp(roles[i].name, "pair") != 0)
            CHECK_EQ(with_break(&fix, "nothing", roles[i].name), UNNOTICED);
    }
}

static void known_answers(void)
{
    FIXTURE(fix);
    CHECK_OK(p11->C_Finalize(NULL));

    for (hsm_selftest test = 0; test < HSM_SELFTEST_COUNT; test++) {
        CASE(hsm_selftest_name(test));
        if (test < HSM_SELFTEST_START_COUNT)
            CHECK_EQ(with_break(&fix, hsm_selftest_name(test), "start"), NOTICED);
        CHECK_EQ(with_break(&fix, hsm_selftest_name(test), "use"), NOTICED);
    }
    CHECK_EQ(with_break(&fix, "sha-1", "digest"), NOTICED);
}

static void integrity_entropy_and_drbg(void)
{
    static const char *const names[] = { "integrity", "entropy-repetition", "entropy-proportion",
                                         "entropy-source", "drbg" };
    FIXTURE(fix);
    CHECK_OK(p11->C_Finalize(NULL));

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CASE(names[i]);
        CHECK_EQ(with_break(&fix, names[i], "start"), NOTICED);
    }
}

static void new_pairs(void)
{
    FIXTURE(fix);
    CHECK_OK(p11->C_Finalize(NULL));

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        CASE(pairs[i].name);
        CHECK_EQ(with_break(&fix, pairs[i].name, "pair"), NOTICED);
    }
    CASE("pair-ec");
    CHECK_EQ(with_break(&fix, "pair-ec", "token-pair"), NOTICED);
    CASE("pair-ec-session");
    CHECK_EQ(with_break(&fix, "pair-ec-session", "session-pair"), NOTICED);
}

static const check_test tests[] = {
    CHECK_TEST(nothing_is_broken),
    CHECK_TEST(known_answers),
    CHECK_TEST(integrity_entropy_and_drbg),
    CHECK_TEST(new_pairs),
};

int main(int argc, char **argv)
{
    return role_main(roles, ARRAY_LEN(roles), tests, ARRAY_LEN(tests), argc, argv);
}
