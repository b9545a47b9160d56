/* Two operations in turn, each twice, so that the shorter way of the same operation again is taken and left
 * in every order: the answer, the result, the indicator of the approved mode and the entry of the audit
 * log are each time those of the operation asked for. What is approved is written out here by hand, from
 * docs/approved-mode.md. */
#include "support.h"

#include <stdio.h>

#define APPROVED "[algorithms]\nfips_approved_only = true\n"
#define LENIENT "[algorithms]\nallow_sha1_signing = true\n"
#define USES_MAX 48u
#define RESULT_MAX 512u

typedef enum act { SIGN, VERIFY, ENCRYPT, DECRYPT, DIGEST, SIGN_MESSAGE, ACT_COUNT } act;

/* Lengths of its data: of SHA-256, of SHA-1, of no hash at all, of a block of AES. */
#define LONG 32u
#define SHORT 20u
#define ODD 31u
#define BLOCK 16u

typedef struct result {
    CK_BYTE bytes[RESULT_MAX];
    CK_ULONG len;
} result;

typedef struct use {
    act does;
    CK_MECHANISM mechanism;
    const char *label; /* of the key */
    CK_OBJECT_HANDLE key;
    CK_OBJECT_HANDLE other; /* the same, or the other half */
    CK_ULONG data_len;
    bool is_approved;
    CK_RV answer;  /* out of approved mode */
    CK_RV refusal; /* what approved mode says, if it is not approved */
    result input;  /* VERIFY: the signature; DECRYPT: the ciphertext */
} use;

static CK_BYTE data[LONG] = { 1, 2, 3 };

/* --- the acts ------------------------------------------------------------------------------------- */

static CK_RV sign(CK_SESSION_HANDLE session, use *u, result *out)
{
    const CK_RV rv = p11->C_SignInit(session, &u->mechanism, u->key);

    return rv != CKR_OK ? rv : p11->C_Sign(session, data, u->data_len, out->bytes, &out->len);
}

static CK_RV verify(CK_SESSION_HANDLE session, use *u, result *out)
{
    const CK_RV rv = p11->C_VerifyInit(session, &u->mechanism, u->key);

    (void)out;
    return rv != CKR_OK ? rv
                        : p11->C_Verify(session, data, u->data_len, u->input.bytes, u->input.len);
}

static CK_RV encrypt(CK_SESSION_HANDLE session, use *u, result *out)
{
    const CK_RV rv = p11->C_EncryptInit(session, &u->mechanism, u->key);

    return rv != CKR_OK ? rv : p11->C_Encrypt(session, data, u->data_len, out->bytes, &out->len);
}

static CK_RV decrypt(CK_SESSION_HANDLE session, use *u, result *out)
{
    const CK_RV rv = p11->C_DecryptInit(session, &u->mechanism, u->key);

    return rv != CKR_OK
               ? rv
               : p11->C_Decrypt(session, u->input.bytes, u->input.len, out->bytes, &out->len);
}

static CK_RV digest(CK_SESSION_HANDLE session, use *u, result *out)
{
    const CK_RV rv = p11->C_DigestInit(session, &u->mechanism);

    return rv != CKR_OK ? rv : p11->C_Digest(session, data, u->data_len, out->bytes, &out->len);
}

static CK_RV sign_message(CK_SESSION_HANDLE session, use *u, result *out)
{
    CK_RV rv = p11_3->C_MessageSignInit(session, &u->mechanism, u->key);

    if (rv != CKR_OK)
        return rv;
    rv = p11_3->C_SignMessage(session, NULL, 0, data, u->data_len, out->bytes, &out->len);
    CHECK_OK(p11_3->C_MessageSignFinal(session));
    return rv;
}

static CK_RV (*const acts[ACT_COUNT])(CK_SESSION_HANDLE session, use *u, result *out) = {
    [SIGN] = sign,       [VERIFY] = verify, [ENCRYPT] = encrypt,
    [DECRYPT] = decrypt, [DIGEST] = digest, [SIGN_MESSAGE] = sign_message,
};

static const char *const names[ACT_COUNT] = {
    [SIGN] = "sign",       [VERIFY] = "verify", [ENCRYPT] = "encrypt",
    [DECRYPT] = "decrypt", [DIGEST] = "digest", [SIGN_MESSAGE] = "sign",
};

/* --- results, seen by a session of their own ------------------------------------------------------ */

static void check_signature(CK_SESSION_HANDLE session, use *u, result *got)
{
    CHECK_OK(p11->C_VerifyInit(session, &u->mechanism, u->other));
    CHECK_OK(p11->C_Verify(session, data, u->data_len, got->bytes, got->len));
}

static void check_ciphertext(CK_SESSION_HANDLE session, use *u, result *got)
{
    result back = { .len = RESULT_MAX };

    CHECK_OK(p11->C_DecryptInit(session, &u->mechanism, u->other));
    CHECK_OK(p11->C_Decrypt(session, got->bytes, got->len, back.bytes, &back.len));
    CHECK_BYTES(back.bytes, back.len, data, u->data_len);
}

static void check_digest(CK_SESSION_HANDLE session, use *u, result *got)
{
    result again = { .len = RESULT_MAX };

    CHECK_OK(digest(session, u, &again));
    CHECK_BYTES(got->bytes, got->len, again.bytes, again.len);
}

static void check_result(const fixture *fix, use *u, result *got)
{
    const CK_SESSION_HANDLE session = open_session(fix, true);

    if (u->does == SIGN || u->does == SIGN_MESSAGE)
        check_signature(session, u, got);
    else if (u->does == ENCRYPT)
        check_ciphertext(session, u, got);
    else if (u->does == DECRYPT)
        CHECK_BYTES(got->bytes, got->len, data, u->data_len);
    else if (u->does == DIGEST)
        check_digest(session, u, got);
    CHECK_OK(p11->C_CloseSession(session));
}

/* --- the audit log -------------------------------------------------------------------------------- */

/* Its last line; each call goes on where the last one stopped. */
typedef struct journal {
    char path[128];
    long at;
    char line[4096];
} journal;

static const char *last_entry(journal *of)
{
    char line[sizeof of->line];
    FILE *file = fopen(of->path, "r");

    if (!CHECK_THAT(file != NULL))
        return "";
    CHECK_OK(fseek(file, of->at, SEEK_SET));
    while (fgets(line, sizeof line, file) != NULL) {
        if (line[0] != '{' || strchr(line, '\n') == NULL)
            continue; /* room for more */
        memcpy(of->line, line, sizeof line);
        of->at = ftell(file);
    }
    (void)fclose(file);
    return of->line;
}

static void check_entry(journal *of, const use *u, CK_RV rv)
{
    const char *entry = last_entry(of);
    char want[64];

    (void)snprintf(want, sizeof want, "\"operation\":\"%s\"", names[u->does]);
    CHECK_THAT(strstr(entry, want) != NULL);
    CHECK_THAT((strstr(entry, "\"result\":\"success\"") != NULL) == (rv == CKR_OK));
    if (rv != CKR_OK)
        return;
    (void)snprintf(want, sizeof want, "\"fips_approved\":%s", u->is_approved ? "true" : "false");
    CHECK_THAT(strstr(entry, want) != NULL);
    (void)snprintf(want, sizeof want, "\"label\":\"%s\"", u->label);
    CHECK_THAT(u->does == DIGEST || strstr(entry, want) != NULL);
}

/* --- what there is to do --------------------------------------------------------------------------- */

typedef struct all_uses {
    size_t count;
    use at[USES_MAX];
} all_uses;

typedef struct keys {
    pair ec;
    pair rsa;
    CK_OBJECT_HANDLE aes;
    CK_OBJECT_HANDLE strong;
    CK_OBJECT_HANDLE weak;
    CK_OBJECT_HANDLE listed; /* for CKM_AES_ECB only */
    CK_OBJECT_HANDLE mute;   /* neither signs nor encrypts */
} keys;

static CK_OBJECT_HANDLE create_key(CK_SESSION_HANDLE session, CK_KEY_TYPE type, CK_ULONG len,
                                   const char *label, const attrs *more)
{
    static const CK_BYTE value[32] = { 7 };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, type);
    put_text(&tmpl, CKA_LABEL, label);
    put_bytes(&tmpl, CKA_VALUE, value, len);
    put_bool(&tmpl, CKA_VERIFY, true);
    put_bool(&tmpl, CKA_DECRYPT, true);
    for (CK_ULONG i = 0; i < more->count; i++)
        tmpl.at[tmpl.count++] = more->at[i];
    CHECK_OK(p11->C_CreateObject(session, tmpl.at, tmpl.count, &key));
    return key;
}

static keys make_keys(CK_SESSION_HANDLE session)
{
    static const CK_MECHANISM_TYPE ecb = CKM_AES_ECB;
    attrs all = { .count = 0 }, listed = { .count = 0 }, mute = { .count = 0 };

    put_bool(&all, CKA_SIGN, true);
    put_bool(&mute, CKA_SIGN, false);
    put_bool(&mute, CKA_ENCRYPT, false);
    put_bool(&listed, CKA_SIGN, true);
    put_bool(&listed, CKA_ENCRYPT, true);
    put_bytes(&listed, CKA_ALLOWED_MECHANISMS, &ecb, sizeof ecb);
    return (keys){
        .ec = generate_pair(session, &p_256, false, "ec"),
        .rsa = generate_pair(session, &rsa_2048, false, "rsa"),
        .aes = generate_aes(session, 32, false, "aes"),
        .strong = create_key(session, CKK_GENERIC_SECRET, 32, "strong", &all),
        .weak = create_key(session, CKK_GENERIC_SECRET, 3, "weak", &all),
        .listed = create_key(session, CKK_AES, 32, "listed", &listed),
        .mute = create_key(session, CKK_AES, 32, "mute", &mute),
    };
}

static CK_BYTE iv[16];
static CK_ULONG mac_8 = 8, mac_3 = 3;
static CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
static CK_RSA_PKCS_PSS_PARAMS pss_sha1 = { CKM_SHA_1, CKG_MGF1_SHA1, 20 };
static CK_RSA_PKCS_PSS_PARAMS pss_too_long = { CKM_SHA256, CKG_MGF1_SHA256, 300 };

#define PLAIN(id)     \
    {                 \
        (id), NULL, 0 \
    }
#define WITH(id, param)               \
    {                                 \
        (id), &(param), sizeof(param) \
    }
#define NOTHING  \
    {            \
        .len = 0 \
    }                                               /* as input, until there is some */
#define NOT(answer) true, (answer), CKR_OK, NOTHING /* approved or not: it is refused */
#define YES true, CKR_OK, CKR_OK, NOTHING
#define NO(refusal) false, CKR_OK, (refusal), NOTHING

static void add(all_uses *all, const use *some, size_t count)
{
    REQUIRE_THAT(all->count + count <= USES_MAX);
    memcpy(&all->at[all->count], some, count * sizeof *some);
    all->count += count;
}

static void add_signing(all_uses *all, const keys *k)
{
    const CK_OBJECT_HANDLE ec = k->ec.private_key, ec_pub = k->ec.public_key;
    const CK_OBJECT_HANDLE rsa = k->rsa.private_key, rsa_pub = k->rsa.public_key;
    const use some[] = {
        { SIGN, PLAIN(CKM_ECDSA), "ec", ec, ec_pub, LONG, YES },
        { SIGN, PLAIN(CKM_ECDSA), "ec", ec, ec_pub, SHORT, NO(CKR_DATA_LEN_RANGE) },
        { SIGN, PLAIN(CKM_ECDSA_SHA1), "ec", ec, ec_pub, LONG, NO(CKR_MECHANISM_INVALID) },
        { SIGN, PLAIN(CKM_ECDSA_SHA256), "ec", ec, ec_pub, LONG, YES },
        { SIGN, PLAIN(CKM_SHA256_HMAC), "strong", k->strong, k->strong, LONG, YES },
        { SIGN, PLAIN(CKM_SHA256_HMAC), "weak", k->weak, k->weak, LONG, NO(CKR_KEY_SIZE_RANGE) },
        { SIGN, PLAIN(CKM_AES_CMAC), "aes", k->aes, k->aes, LONG, YES },
        { SIGN, WITH(CKM_AES_CMAC_GENERAL, mac_8), "aes", k->aes, k->aes, LONG, YES },
        { SIGN, WITH(CKM_AES_CMAC_GENERAL, mac_3), "aes", k->aes, k->aes, LONG,
          NO(CKR_MECHANISM_PARAM_INVALID) },
        { SIGN, PLAIN(CKM_RSA_PKCS), "rsa", rsa, rsa_pub, LONG, NO(CKR_MECHANISM_INVALID) },
        { SIGN, WITH(CKM_RSA_PKCS_PSS, pss), "rsa", rsa, rsa_pub, LONG, YES },
        { SIGN, WITH(CKM_RSA_PKCS_PSS, pss_sha1), "rsa", rsa, rsa_pub, SHORT,
          NO(CKR_MECHANISM_PARAM_INVALID) },
        { SIGN_MESSAGE, PLAIN(CKM_ECDSA), "ec", ec, ec_pub, LONG, YES },
        { SIGN_MESSAGE, PLAIN(CKM_ECDSA), "ec", ec, ec_pub, SHORT, NO(CKR_DATA_LEN_RANGE) },
        { SIGN_MESSAGE, PLAIN(CKM_ECDSA_SHA1), "ec", ec, ec_pub, LONG, NO(CKR_MECHANISM_INVALID) },
        { SIGN_MESSAGE, PLAIN(CKM_AES_CMAC), "aes", k->aes, k->aes, LONG, YES },
    };

    add(all, some, ARRAY_LEN(some));
}

static void add_refused_signing(all_uses *all, const keys *k)
{
    const CK_OBJECT_HANDLE ec = k->ec.private_key, rsa = k->rsa.private_key;
    const use some[] = {
        { SIGN, WITH(CKM_ECDSA, mac_8), "ec", ec, 0, LONG, NOT(CKR_MECHANISM_PARAM_INVALID) },
        { SIGN, PLAIN(CKM_ECDSA), "aes", k->aes, 0, LONG, NOT(CKR_KEY_TYPE_INCONSISTENT) },
        { SIGN, PLAIN(CKM_ECDSA), "", 4711, 0, LONG, NOT(CKR_KEY_HANDLE_INVALID) },
        { SIGN, PLAIN(CKM_AES_CMAC), "mute", k->mute, 0, LONG,
          NOT(CKR_KEY_FUNCTION_NOT_PERMITTED) },
        { SIGN, PLAIN(CKM_AES_CMAC), "listed", k->listed, 0, LONG, NOT(CKR_MECHANISM_INVALID) },
        { SIGN, PLAIN(CKM_AES_CMAC_GENERAL), "aes", k->aes, 0, LONG,
          NOT(CKR_MECHANISM_PARAM_INVALID) },
        { SIGN, PLAIN(CKM_AES_CBC), "aes", k->aes, 0, LONG, NOT(CKR_MECHANISM_INVALID) },
        { SIGN, PLAIN(CKM_RSA_PKCS_PSS), "rsa", rsa, 0, LONG, NOT(CKR_MECHANISM_PARAM_INVALID) },
        { SIGN, WITH(CKM_RSA_PKCS_PSS, pss_too_long), "rsa", rsa, 0, LONG,
          NOT(CKR_MECHANISM_PARAM_INVALID) },
    };

    add(all, some, ARRAY_LEN(some));
}

static void add_others(all_uses *all, const keys *k)
{
    const CK_OBJECT_HANDLE ec = k->ec.private_key, ec_pub = k->ec.public_key;
    const CK_OBJECT_HANDLE rsa = k->rsa.private_key, rsa_pub = k->rsa.public_key;
    const use some[] = {
        { VERIFY, PLAIN(CKM_ECDSA), "ec", ec_pub, ec, LONG, YES },
        { VERIFY, PLAIN(CKM_ECDSA), "ec", ec_pub, ec, ODD, NO(CKR_DATA_LEN_RANGE) },
        { VERIFY, PLAIN(CKM_SHA256_HMAC), "strong", k->strong, k->strong, LONG, YES },
        { VERIFY, WITH(CKM_AES_CMAC_GENERAL, mac_8), "aes", k->aes, k->aes, LONG, YES },
        { ENCRYPT, PLAIN(CKM_AES_ECB), "aes", k->aes, k->aes, BLOCK, YES },
        { ENCRYPT, WITH(CKM_AES_CBC, iv), "aes", k->aes, k->aes, BLOCK, YES },
        { ENCRYPT, PLAIN(CKM_AES_ECB), "listed", k->listed, k->listed, BLOCK, YES },
        { ENCRYPT, PLAIN(CKM_RSA_PKCS), "rsa", rsa_pub, rsa, BLOCK, NO(CKR_MECHANISM_INVALID) },
        { ENCRYPT, WITH(CKM_AES_CBC, iv), "listed", k->listed, 0, BLOCK,
          NOT(CKR_MECHANISM_INVALID) },
        { ENCRYPT, PLAIN(CKM_AES_ECB), "mute", k->mute, 0, BLOCK,
          NOT(CKR_KEY_FUNCTION_NOT_PERMITTED) },
        { ENCRYPT, PLAIN(CKM_AES_CBC), "aes", k->aes, 0, BLOCK, NOT(CKR_MECHANISM_PARAM_INVALID) },
        { DECRYPT, PLAIN(CKM_AES_ECB), "aes", k->aes, k->aes, BLOCK, YES },
        { DECRYPT, WITH(CKM_AES_CBC, iv), "aes", k->aes, k->aes, BLOCK, YES },
        { DECRYPT, PLAIN(CKM_AES_ECB), "listed", k->listed, k->listed, BLOCK, YES },
        { DIGEST, PLAIN(CKM_SHA256), "", 0, 0, LONG, YES },
        { DIGEST, PLAIN(CKM_SHA_1), "", 0, 0, SHORT, YES },
        { DIGEST, WITH(CKM_SHA256, mac_8), "", 0, 0, LONG, NOT(CKR_MECHANISM_PARAM_INVALID) },
        { DIGEST, PLAIN(CKM_SHA256_HMAC), "", 0, 0, LONG, NOT(CKR_MECHANISM_INVALID) },
    };

    add(all, some, ARRAY_LEN(some));
}

/* What is verified or decrypted was made by a session that does nothing else. What approved mode does not
 * make, it does not look at either. */
static void make_inputs(const fixture *fix, all_uses *all, bool is_approved_only)
{
    for (size_t i = 0; i < all->count; i++) {
        use *u = &all->at[i];
        use maker = *u;
        result made = { .len = RESULT_MAX };
        const CK_SESSION_HANDLE session = open_session(fix, true);

        maker.key = u->other;
        if (u->does == VERIFY && !(is_approved_only && !u->is_approved))
            CHECK_OK(sign(session, &maker, &made));
        else if (u->does == DECRYPT)
            CHECK_OK(encrypt(session, &maker, &made));
        u->input = made;
        CHECK_OK(p11->C_CloseSession(session));
    }
}

/* --- in turn --------------------------------------------------------------------------------------- */

static CK_FLAGS last_flags(CK_SESSION_HANDLE session)
{
    CK_FLAGS flags = ~(CK_FLAGS)0;

    CHECK_OK(p11_3->C_GetSessionValidationFlags(session, CKS_LAST_VALIDATION_OK, &flags));
    return flags;
}

typedef struct stage {
    const fixture *fix;
    bool is_approved_only;
    journal log;
    all_uses uses;
} stage;

static void take_turn(stage *on, CK_SESSION_HANDLE session, use *u)
{
    const CK_FLAGS before = last_flags(session);
    const CK_RV want =
        on->is_approved_only && u->answer == CKR_OK && !u->is_approved ? u->refusal : u->answer;
    result got = { .len = RESULT_MAX };
    const CK_RV rv = acts[u->does](session, u, &got);

    CHECK_EQ(rv, want);
    check_entry(&on->log, u, rv);
    CHECK_EQ(last_flags(session), rv != CKR_OK ? before : u->is_approved ? 1 : 0);
    if (rv == CKR_OK)
        check_result(on->fix, u, &got);
}

static void take_turns(stage *on, use *one, use *other)
{
    const CK_SESSION_HANDLE session = open_session(on->fix, true);
    use *const order[] = { one, one, other, other, one, other, one };
    char name[128];

    (void)snprintf(name, sizeof name, "%s %#lx %s %lu, then %#lx %s %lu", names[one->does],
                   one->mechanism.mechanism, one->label, one->data_len, other->mechanism.mechanism,
                   other->label, other->data_len);
    CASE(name);
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        take_turn(on, session, order[i]);
    CHECK_OK(p11->C_CloseSession(session));
    CASE(NULL);
}

/* Acts of different kinds have nothing to do with each other, as far as the shorter way goes. */
static void all_in_turn(bool is_approved_only)
{
    static stage on;

    fixture_settings = is_approved_only ? APPROVED : LENIENT;
    FIXTURE(fix);
    fixture_settings = NULL;
    on = (stage){ .fix = &fix, .is_approved_only = is_approved_only };
    (void)snprintf(on.log.path, sizeof on.log.path, "%s/store/craton_hsm_audit.jsonl", fix.dir);
    const keys k = make_keys(fix.session);
    add_signing(&on.uses, &k);
    add_refused_signing(&on.uses, &k);
    add_others(&on.uses, &k);
    make_inputs(&fix, &on.uses, is_approved_only);
    for (size_t i = 0; i < on.uses.count; i++) {
        for (size_t j = 0; j < on.uses.count; j++) {
            if (on.uses.at[i].does == on.uses.at[j].does)
                take_turns(&on, &on.uses.at[i], &on.uses.at[j]);
        }
    }
}

static void in_every_order(void)
{
    all_in_turn(false);
}

static void in_every_order_approved(void)
{
    all_in_turn(true);
}

static CK_RV digest_whole(CK_SESSION_HANDLE session, result *out)
{
    static use plain = { DIGEST, PLAIN(CKM_SHA256), "", 0, 0, LONG, YES };

    return digest(session, &plain, out);
}

/* Two operations open at once: the end of each says what that one was. */
static void open_at_once(void)
{
    FIXTURE(fix);
    const CK_SESSION_HANDLE h = fix.session;
    const keys k = make_keys(h);
    CK_MECHANISM sha256 = PLAIN(CKM_SHA256), ecdsa = PLAIN(CKM_ECDSA);
    CK_MECHANISM hmac = PLAIN(CKM_SHA256_HMAC);

    for (int i = 0; i < 3; i++) {
        result got = { .len = RESULT_MAX };

        CASE("a digest while something else is signed in parts");
        CHECK_OK(p11->C_SignInit(h, &hmac, k.weak));
        CHECK_OK(p11->C_SignUpdate(h, data, LONG));
        CHECK_OK(digest_whole(h, &got));
        CHECK_EQ(last_flags(h), 1);
        CHECK_OK(p11->C_SignFinal(h, got.bytes, &got.len));
        CHECK_EQ(last_flags(h), 0);

        CASE("a digest while a message is signed in parts");
        CHECK_OK(p11_3->C_MessageSignInit(h, &hmac, k.weak));
        CHECK_OK(p11_3->C_SignMessageBegin(h, NULL, 0));
        got.len = RESULT_MAX;
        CHECK_OK(digest_whole(h, &got));
        CHECK_EQ(last_flags(h), 1);
        got.len = RESULT_MAX;
        CHECK_OK(p11_3->C_SignMessageNext(h, NULL, 0, data, LONG, got.bytes, &got.len));
        CHECK_EQ(last_flags(h), 0);
        CHECK_OK(p11_3->C_MessageSignFinal(h));

        CASE("a signature while something else is digested in parts");
        CHECK_OK(p11->C_DigestInit(h, &sha256));
        CHECK_OK(p11->C_DigestUpdate(h, data, LONG));
        got.len = RESULT_MAX;
        CHECK_OK(p11->C_SignInit(h, &ecdsa, k.ec.private_key));
        CHECK_OK(p11->C_Sign(h, data, SHORT, got.bytes, &got.len));
        CHECK_EQ(last_flags(h), 0);
        got.len = RESULT_MAX;
        CHECK_OK(p11->C_DigestFinal(h, got.bytes, &got.len));
        CHECK_EQ(last_flags(h), 1);

        CASE("too small a room, and then another length");
        CHECK_OK(p11->C_SignInit(h, &ecdsa, k.ec.private_key));
        got.len = 1;
        CHECK_EQ(p11->C_Sign(h, data, SHORT, got.bytes, &got.len), CKR_BUFFER_TOO_SMALL);
        CHECK_EQ(last_flags(h), 1);
        got.len = RESULT_MAX;
        CHECK_OK(p11->C_Sign(h, data, LONG, got.bytes, &got.len));
        CHECK_EQ(last_flags(h), 1);
    }
}

static const check_test tests[] = {
    CHECK_TEST(in_every_order),
    CHECK_TEST(in_every_order_approved),
    CHECK_TEST(open_at_once),
};

int main(int argc, char **argv)
{
    fixture_place = place_in_memory();
    return check_main(tests, ARRAY_LEN(tests), argc, argv);
}
