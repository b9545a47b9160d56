/* A session that asks once more for what it had last is answered by a shorter way (core/operations.c).
 * The world may have changed meanwhile: then the answer is that of a session that never asked. */
#include "support.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STATE (CKA_VENDOR_DEFINED | 0x43520002UL) /* docs/lifecycle.md */
enum { COMPROMISED = 4 };

#define KINDS_MAX 20u
#define SECS_PER_DAY 86400

/* --- the clock, as the module sees it ------------------------------------------------------------ */

static time_t shift_secs;

/* In the place of the C library's, for everybody in this process; its headers have names of their own for the
 * parameters. NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
#define IN_PLACE __attribute__((visibility("default")))

IN_PLACE int clock_gettime(clockid_t id, struct timespec *out)
{
    const int rc = (int)syscall(SYS_clock_gettime, id, out);

    if (rc == 0 && id == CLOCK_REALTIME)
        out->tv_sec += shift_secs;
    return rc;
}

IN_PLACE time_t time(time_t *out)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/* --- keys, and ways to use them ------------------------------------------------------------------- */

typedef struct keys {
    CK_OBJECT_HANDLE aes;
    CK_OBJECT_HANDLE rsa_private;
    CK_OBJECT_HANDLE rsa_public; /* the only one that is no private object */
} keys;

/* One way to use one key. */
typedef struct kind {
    const char *name;
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE_TYPE permission;
    bool is_of_old_data; /* a key that is deactivated still does it */
    CK_FLAGS flag;       /* that cancels it */
    CK_RV (*init)(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
    CK_MECHANISM mechanism;
} kind;

static CK_BYTE iv[16];
static CK_ULONG mac_len = 8;

static CK_RV digest_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    (void)key;
    return p11->C_DigestInit(session, mechanism);
}

/* With a parameter and without; each kind of operation that a session keeps for itself. */
static size_t kinds_of(const keys *k, kind out[KINDS_MAX])
{
    const CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 }, cbc = { CKM_AES_CBC, iv, sizeof iv };
    const CK_MECHANISM gcm = { CKM_AES_GCM, NULL, 0 }, cmac = { CKM_AES_CMAC, NULL, 0 };
    const CK_MECHANISM general = { CKM_AES_CMAC_GENERAL, &mac_len, sizeof mac_len };
    const CK_MECHANISM rsa = { CKM_RSA_PKCS, NULL, 0 }, sha256 = { CKM_SHA256, NULL, 0 };
    const CK_MECHANISM signs = { CKM_SHA256_RSA_PKCS, NULL, 0 };
    const CK_OBJECT_HANDLE aes = k->aes, priv = k->rsa_private, pub = k->rsa_public;
    const kind all[] = {
        { "ECB", aes, CKA_ENCRYPT, false, CKF_ENCRYPT, p11->C_EncryptInit, ecb },
        { "CBC", aes, CKA_ENCRYPT, false, CKF_ENCRYPT, p11->C_EncryptInit, cbc },
        { "ECB back", aes, CKA_DECRYPT, true, CKF_DECRYPT, p11->C_DecryptInit, ecb },
        { "CBC back", aes, CKA_DECRYPT, true, CKF_DECRYPT, p11->C_DecryptInit, cbc },
        { "CMAC", aes, CKA_SIGN, false, CKF_SIGN, p11->C_SignInit, cmac },
        { "short CMAC", aes, CKA_SIGN, false, CKF_SIGN, p11->C_SignInit, general },
        { "CMAC verified", aes, CKA_VERIFY, true, CKF_VERIFY, p11->C_VerifyInit, cmac },
        { "short CMAC verified", aes, CKA_VERIFY, true, CKF_VERIFY, p11->C_VerifyInit, general },
        { "GCM messages", aes, CKA_ENCRYPT, false, CKF_MESSAGE_ENCRYPT, p11_3->C_MessageEncryptInit,
          gcm },
        { "GCM messages back", aes, CKA_DECRYPT, true, CKF_MESSAGE_DECRYPT,
          p11_3->C_MessageDecryptInit, gcm },
        { "CMAC of messages", aes, CKA_SIGN, false, CKF_MESSAGE_SIGN, p11_3->C_MessageSignInit,
          cmac },
        { "CMAC of messages verified", aes, CKA_VERIFY, true, CKF_MESSAGE_VERIFY,
          p11_3->C_MessageVerifyInit, cmac },
        { "signature", priv, CKA_SIGN, false, CKF_SIGN, p11->C_SignInit, signs },
        { "signature verified", pub, CKA_VERIFY, true, CKF_VERIFY, p11->C_VerifyInit, signs },
        { "recovery", priv, CKA_SIGN_RECOVER, false, CKF_SIGN_RECOVER, p11->C_SignRecoverInit,
          rsa },
        { "recovery verified", pub, CKA_VERIFY_RECOVER, true, CKF_VERIFY_RECOVER,
          p11->C_VerifyRecoverInit, rsa },
        { "PKCS #1", pub, CKA_ENCRYPT, false, CKF_ENCRYPT, p11->C_EncryptInit, rsa },
        { "PKCS #1 back", priv, CKA_DECRYPT, true, CKF_DECRYPT, p11->C_DecryptInit, rsa },
        { "digest", CK_INVALID_HANDLE, 0, true, CKF_DIGEST, digest_init, sha256 },
    };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        out[i] = all[i];
    return ARRAY_LEN(all);
}

/* Begins the operation and leaves it: the answer to the beginning. */
static CK_RV ask(CK_SESSION_HANDLE session, const kind *k)
{
    CK_MECHANISM mechanism = k->mechanism;
    const CK_RV rv = k->init(session, &mechanism, k->key);

    if (rv == CKR_OK)
        CHECK_OK(p11_3->C_SessionCancel(session, k->flag));
    return rv;
}

/* --- a world: keys, and for each kind a session that had it last --------------------------------- */

typedef struct world {
    const fixture *fix;
    CK_SESSION_HANDLE owner; /* of the keys, where they are session objects */
    keys keys;
    size_t count;
    kind kinds[KINDS_MAX];
    CK_SESSION_HANDLE sessions[KINDS_MAX];
} world;

static keys make_keys(CK_SESSION_HANDLE session, bool are_token)
{
    const pair rsa = generate_pair(session, &rsa_2048, are_token, "repeated");

    return (keys){ .aes = generate_aes(session, 32, are_token, "repeated"),
                   .rsa_private = rsa.private_key,
                   .rsa_public = rsa.public_key };
}

/* Twice, so that the second has gone the shorter way, and so would the third. */
static void world_init(world *w, const fixture *fix, bool are_token)
{
    *w = (world){ .fix = fix, .owner = open_session(fix, true) };
    w->keys = make_keys(w->owner, are_token);
    w->count = kinds_of(&w->keys, w->kinds);
    for (size_t i = 0; i < w->count; i++) {
        CASE(w->kinds[i].name);
        w->sessions[i] = open_session(fix, true);
        CHECK_OK(ask(w->sessions[i], &w->kinds[i]));
        CHECK_OK(ask(w->sessions[i], &w->kinds[i]));
    }
}

static void world_clear(const world *w)
{
    for (size_t i = 0; i < w->count; i++)
        CHECK_OK(p11->C_CloseSession(w->sessions[i]));
}

typedef CK_RV (*expectation)(const world *w, const kind *k);

/* What each kind's own session says must be that, and what a new one says, too. */
static void check_all(const world *w, expectation want)
{
    for (size_t i = 0; i < w->count; i++) {
        const CK_SESSION_HANDLE fresh = open_session(w->fix, true);

        CASE(w->kinds[i].name);
        CHECK_EQ(ask(w->sessions[i], &w->kinds[i]), want(w, &w->kinds[i]));
        CHECK_EQ(ask(fresh, &w->kinds[i]), want(w, &w->kinds[i]));
        CHECK_OK(p11->C_CloseSession(fresh));
    }
}

static CK_RV all_is_well(const world *w, const kind *k)
{
    (void)w;
    (void)k;
    return CKR_OK;
}

/* Who has no key does not mind. */
static CK_RV no_permission(const world *w, const kind *k)
{
    (void)w;
    return k->key == CK_INVALID_HANDLE ? CKR_OK : CKR_KEY_FUNCTION_NOT_PERMITTED;
}

static CK_RV no_key(const world *w, const kind *k)
{
    (void)w;
    return k->key == CK_INVALID_HANDLE ? CKR_OK : CKR_KEY_HANDLE_INVALID;
}

static CK_RV no_private_key(const world *w, const kind *k)
{
    return k->key == w->keys.rsa_public ? CKR_OK : no_key(w, k);
}

static CK_RV old_data_only(const world *w, const kind *k)
{
    (void)w;
    return k->is_of_old_data ? CKR_OK : CKR_KEY_FUNCTION_NOT_PERMITTED;
}

/* --- what may happen to keys ------------------------------------------------------------------------ */

static void set_on_all(CK_SESSION_HANDLE session, const keys *k, attrs *tmpl)
{
    const CK_OBJECT_HANDLE all[] = { k->aes, k->rsa_private, k->rsa_public };

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        CHECK_OK(p11->C_SetAttributeValue(session, all[i], tmpl->at, tmpl->count));
}

static void permit(CK_SESSION_HANDLE session, const keys *k, bool is_permitted)
{
    kind kinds[KINDS_MAX];
    const size_t count = kinds_of(k, kinds);

    for (size_t i = 0; i < count; i++) {
        attrs tmpl = { .count = 0 };

        put_bool(&tmpl, kinds[i].permission, is_permitted);
        if (kinds[i].key != CK_INVALID_HANDLE)
            CHECK_OK(p11->C_SetAttributeValue(session, kinds[i].key, tmpl.at, tmpl.count));
    }
}

static void destroy(CK_SESSION_HANDLE session, const keys *k)
{
    CHECK_OK(p11->C_DestroyObject(session, k->aes));
    CHECK_OK(p11->C_DestroyObject(session, k->rsa_private));
    CHECK_OK(p11->C_DestroyObject(session, k->rsa_public));
}

static void permissions_are_asked_anew(void)
{
    FIXTURE(fix);
    for (int are_token = 0; are_token < 2; are_token++) {
        world w;

        world_init(&w, &fix, are_token != 0);
        permit(fix.session, &w.keys, false);
        check_all(&w, no_permission);
        permit(fix.session, &w.keys, true);
        check_all(&w, all_is_well);
        world_clear(&w);
    }
}

static void states_are_asked_anew(void)
{
    FIXTURE(fix);
    for (int are_token = 0; are_token < 2; are_token++) {
        attrs tmpl = { .count = 0 };
        world w;

        world_init(&w, &fix, are_token != 0);
        put_ulong(&tmpl, STATE, COMPROMISED);
        set_on_all(fix.session, &w.keys, &tmpl);
        check_all(&w, no_permission);
        world_clear(&w);
    }
}

/* Nothing is done to the keys: a day passes, after which they protect nothing new. */
static void days_pass(void)
{
    FIXTURE(fix);
    for (int are_token = 0; are_token < 2; are_token++) {
        attrs tmpl = { .count = 0 };
        char tomorrow[16] = "";
        const time_t then = time(NULL) + SECS_PER_DAY;
        struct tm day;
        world w;

        REQUIRE_THAT(gmtime_r(&then, &day) != NULL);
        REQUIRE_THAT(strftime(tomorrow, sizeof tomorrow, "%Y%m%d", &day) == 8);
        world_init(&w, &fix, are_token != 0);
        put_text(&tmpl, CKA_END_DATE, tomorrow);
        set_on_all(fix.session, &w.keys, &tmpl);
        check_all(&w, all_is_well);
        check_all(&w, all_is_well);
        shift_secs += 2 * SECS_PER_DAY;
        check_all(&w, old_data_only);
        world_clear(&w);
    }
}

static void keys_are_destroyed(void)
{
    FIXTURE(fix);
    for (int are_token = 0; are_token < 2; are_token++) {
        world w;

        world_init(&w, &fix, are_token != 0);
        destroy(fix.session, &w.keys);
        check_all(&w, no_key);
        world_clear(&w);
    }
}

static void keys_go_with_their_session(void)
{
    FIXTURE(fix);
    world w;

    world_init(&w, &fix, false);
    CHECK_OK(p11->C_CloseSession(w.owner));
    check_all(&w, no_key);
}

/* Private keys are out of view without the user, and the SO does not bring them back. */
static void users_come_and_go(void)
{
    FIXTURE(fix);
    world w;

    world_init(&w, &fix, true);
    CHECK_OK(p11->C_Logout(fix.session));
    check_all(&w, no_private_key);
    CHECK_OK(login(fix.session, CKU_SO, SO_PIN));
    check_all(&w, no_private_key);
    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_OK(login(fix.session, CKU_USER, USER_PIN));
    check_all(&w, no_private_key); /* their handles went with the login */
}

/* Parsed keys and keyed contexts are taken from sessions that rest; all is there again when asked for. */
static void idle_keys_come_back(void)
{
    fixture_settings = "key_cache_secs = 60\n"; /* goes on in [security] */
    FIXTURE(fix);
    fixture_settings = NULL;
    world w;

    world_init(&w, &fix, true);
    for (int i = 0; i < 3; i++) {
        CK_SESSION_INFO info;

        shift_secs += 61;
        CHECK_OK(p11->C_GetSessionInfo(fix.session, &info));
    }
    check_all(&w, all_is_well);
}

/* --- what another process may do ------------------------------------------------------------------- */

static CK_SESSION_HANDLE join_token(void)
{
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;

    CHECK_OK(p11->C_Initialize(NULL));
    CHECK_OK(p11->C_OpenSession(first_slot(), CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                                &session));
    CHECK_OK(login(session, CKU_USER, USER_PIN));
    return session;
}

static CK_OBJECT_HANDLE find_class(CK_SESSION_HANDLE session, CK_OBJECT_CLASS object_class)
{
    CK_OBJECT_HANDLE found[2] = { CK_INVALID_HANDLE };
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, object_class);
    put_text(&tmpl, CKA_LABEL, "repeated");
    CHECK_EQ(find_all(session, &tmpl, found, 2), 1);
    return found[0];
}

static keys find_keys(CK_SESSION_HANDLE session)
{
    return (keys){ .aes = find_class(session, CKO_SECRET_KEY),
                   .rsa_private = find_class(session, CKO_PRIVATE_KEY),
                   .rsa_public = find_class(session, CKO_PUBLIC_KEY) };
}

static int role_forbid(const fixture *fix)
{
    const CK_SESSION_HANDLE session = join_token();
    const keys k = find_keys(session);

    (void)fix;
    permit(session, &k, false);
    return check_failures() == 0 ? 0 : 1;
}

static int role_destroy(const fixture *fix)
{
    const CK_SESSION_HANDLE session = join_token();
    const keys k = find_keys(session);

    (void)fix;
    destroy(session, &k);
    return check_failures() == 0 ? 0 : 1;
}

static int role_init_token(const fixture *fix)
{
    CK_UTF8CHAR label[32];

    (void)fix;
    memset(label, ' ', sizeof label);
    CHECK_OK(p11->C_Initialize(NULL));
    CHECK_OK(p11->C_InitToken(first_slot(), utf8(SO_PIN), strlen(SO_PIN), label));
    return check_failures() == 0 ? 0 : 1;
}

static void other_processes_count(void)
{
    static const struct {
        const char *role;
        expectation want;
    } others[] = {
        { "forbid", no_permission },
        { "destroy", no_key },
        { "init token", no_key },
    };

    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        FIXTURE(fix);
        world w;

        world_init(&w, &fix, true);
        CASE(others[i].role);
        CHECK_EQ(in_new_process(others[i].role, &fix), 0);
        check_all(&w, others[i].want);
    }
}

/* --- the PIN, each time ------------------------------------------------------------------------------ */

static CK_OBJECT_HANDLE make_careful_key(CK_SESSION_HANDLE session)
{
    CK_MECHANISM mechanism = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_OBJECT_HANDLE made[2] = { CK_INVALID_HANDLE };
    attrs pub = { .count = 0 }, priv = { .count = 0 };

    put_bytes(&pub, CKA_EC_PARAMS, p_256.params, p_256.params_len);
    put_bool(&priv, CKA_SIGN, true);
    put_bool(&priv, CKA_PRIVATE, true);
    put_bool(&priv, CKA_ALWAYS_AUTHENTICATE, true);
    CHECK_OK(p11->C_GenerateKeyPair(session, &mechanism, pub.at, pub.count, priv.at, priv.count,
                                    &made[0], &made[1]));
    return made[1];
}

static CK_RV sign_digest(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, bool with_pin)
{
    CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
    CK_BYTE digest[32] = { 1 }, signature[64];
    CK_ULONG len = sizeof signature;

    CHECK_OK(p11->C_SignInit(session, &ecdsa, key));
    if (with_pin)
        CHECK_OK(login(session, CKU_CONTEXT_SPECIFIC, USER_PIN));
    return p11->C_Sign(session, digest, sizeof digest, signature, &len);
}

static void the_pin_is_asked_for_each_time(void)
{
    FIXTURE(fix);
    const CK_OBJECT_HANDLE careful = make_careful_key(fix.session);
    const pair usual = generate_pair(fix.session, &p_256, false, "usual");

    for (int i = 0; i < 3; i++) {
        CHECK_OK(sign_digest(fix.session, careful, true));
        CHECK_OK(sign_digest(fix.session, careful, true));
        CHECK_EQ(sign_digest(fix.session, careful, false), CKR_USER_NOT_LOGGED_IN);
        CHECK_EQ(sign_digest(fix.session, careful, false), CKR_USER_NOT_LOGGED_IN);
        CHECK_OK(sign_digest(fix.session, usual.private_key, false));
        CHECK_OK(sign_digest(fix.session, usual.private_key, false));
    }
}

static const process_role roles[] = {
    { "forbid", role_forbid },
    { "destroy", role_destroy },
    { "init token", role_init_token },
};
static const check_test tests[] = {
    CHECK_TEST(permissions_are_asked_anew),
    CHECK_TEST(states_are_asked_anew),
    CHECK_TEST(days_pass),
    CHECK_TEST(keys_are_destroyed),
    CHECK_TEST(keys_go_with_their_session),
    CHECK_TEST(users_come_and_go),
    CHECK_TEST(idle_keys_come_back),
    CHECK_TEST(other_processes_count),
    CHECK_TEST(the_pin_is_asked_for_each_time),
};

int main(int argc, char **argv)
{
    fixture_place = place_in_memory();
    return role_main(roles, ARRAY_LEN(roles), tests, ARRAY_LEN(tests), argc, argv);
}
