/* What can be found of secrets: of keys of every kind while they are in use, and of PINs. Not in what a
 * core file takes along (looked up in the process itself, and in a core file where the system writes
 * one), not in the store's files, the audit log and what the module prints; and after C_Finalize
 * nowhere in memory at all. */
#include "support.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "abi/needles.h"

enum { VALUE_MAX = 256, OPEN_MAX_SESSIONS = 32 };

static needles all;

/* --- planting ----------------------------------------------------------------------------------- */

/* A value that nothing else has, written out plain only into `out`. */
static void plant(const char *label, unsigned salt, CK_BYTE out[NEEDLE_BYTES])
{
    for (unsigned i = 0; i < NEEDLE_BYTES; i++)
        out[i] = (CK_BYTE)('A' + (i * 7 + salt * 5 + i * i) % 26);
    needles_add(&all, label, out, NEEDLE_BYTES, false);
}

/* Reads a key's part, to be looked for from now on. */
static void plant_part(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type,
                       const char *label)
{
    CK_BYTE value[VALUE_MAX];
    const size_t len = get_attr(session, key, type, value, sizeof value);
    const bool is_number = type == CKA_PRIME_1 || type == CKA_PRIME_2 || type == CKA_EXPONENT_1 ||
                           type == CKA_PRIVATE_EXPONENT || strncmp(label, "P-256", 5) == 0;

    if (CHECK_THAT(len != SIZE_MAX && len >= NEEDLE_BYTES))
        needles_add(&all, label, value, len, is_number);
    explicit_bzero(value, sizeof value);
}

/* --- keys --------------------------------------------------------------------------------------- */

typedef struct kind {
    const char *label;
    CK_MECHANISM_TYPE make;
    CK_MECHANISM_TYPE sign; /* 0: it does not */
    CK_ULONG parameter_set;
    const char *curve; /* DER of CKA_EC_PARAMS, hexadecimal */
    CK_ATTRIBUTE_TYPE part;
    CK_ATTRIBUTE_TYPE second_part; /* 0: none */
} kind;

static const kind kinds[] = {
    { "RSA p", CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_SHA256_RSA_PKCS, 0, NULL, CKA_PRIME_1,
      CKA_EXPONENT_1 },
    { "RSA d", CKM_RSA_PKCS_KEY_PAIR_GEN, CKM_SHA256_RSA_PKCS_PSS, 0, NULL, CKA_PRIVATE_EXPONENT,
      CKA_PRIME_2 },
    { "P-256 d", CKM_EC_KEY_PAIR_GEN, CKM_ECDSA_SHA256, 0, "06082a8648ce3d030107", CKA_VALUE, 0 },
    { "Ed25519", CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA, 0, "06032b6570", CKA_VALUE, 0 },
    { "X25519", CKM_EC_MONTGOMERY_KEY_PAIR_GEN, 0, 0, "06032b656e", CKA_VALUE, 0 },
    { "ML-DSA seed", CKM_ML_DSA_KEY_PAIR_GEN, CKM_ML_DSA, CKP_ML_DSA_44, NULL, CKA_SEED, 0 },
    { "ML-KEM seed", CKM_ML_KEM_KEY_PAIR_GEN, 0, CKP_ML_KEM_512, NULL, CKA_SEED, 0 },
    { "SLH-DSA", CKM_SLH_DSA_KEY_PAIR_GEN, CKM_SLH_DSA, CKP_SLH_DSA_SHA2_128F, NULL, CKA_VALUE, 0 },
};

static pair make_pair(CK_SESSION_HANDLE session, const kind *of)
{
    static const CK_BYTE exponent[] = { 1, 0, 1 };
    CK_MECHANISM mechanism = { of->make, NULL, 0 };
    attrs pub = { .count = 0 }, priv = { .count = 0 };
    CK_BYTE curve[16];
    pair made = { CK_INVALID_HANDLE, CK_INVALID_HANDLE };

    if (of->make == CKM_RSA_PKCS_KEY_PAIR_GEN) {
        put_ulong(&pub, CKA_MODULUS_BITS, 2048);
        put_bytes(&pub, CKA_PUBLIC_EXPONENT, exponent, sizeof exponent);
    }
    if (of->curve != NULL)
        put_bytes(&pub, CKA_EC_PARAMS, curve, from_hex(of->curve, curve, sizeof curve));
    if (of->parameter_set != 0)
        put_ulong(&pub, CKA_PARAMETER_SET, of->parameter_set);
    put_bool(&pub, CKA_TOKEN, true);
    put_bool(&priv, CKA_TOKEN, true);
    put_bool(&priv, CKA_SENSITIVE, false);
    put_bool(&priv, CKA_EXTRACTABLE, true);
    if (of->sign != 0)
        put_bool(&priv, CKA_SIGN, true);
    else if (of->make == CKM_ML_KEM_KEY_PAIR_GEN)
        put_bool(&priv, CKA_DECAPSULATE, true);
    else
        put_bool(&priv, CKA_DERIVE, true);
    if (of->make == CKM_ML_KEM_KEY_PAIR_GEN)
        put_bool(&pub, CKA_ENCAPSULATE, true);
    CHECK_OK(p11->C_GenerateKeyPair(session, &mechanism, pub.at, pub.count, priv.at, priv.count,
                                    &made.public_key, &made.private_key));
    return made;
}

/* A session that keeps an operation open: what the operation knows stays in memory. */
static CK_SESSION_HANDLE one_more(const fixture *fix)
{
    return open_session(fix, true);
}

static void sign_and_stay(const fixture *fix, CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key)
{
    static CK_RSA_PKCS_PSS_PARAMS pss = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
    static CK_BYTE out[20000];
    const bool is_pss = type == CKM_SHA256_RSA_PKCS_PSS;
    CK_MECHANISM mechanism = { type, is_pss ? &pss : NULL, is_pss ? sizeof pss : 0 };
    const CK_SESSION_HANDLE session = one_more(fix);
    CK_BYTE data[32] = { 1 };
    CK_ULONG len = sizeof out;

    CHECK_OK(p11->C_SignInit(session, &mechanism, key));
    CHECK_OK(p11->C_Sign(session, data, sizeof data, out, &len));
    CHECK_OK(p11->C_SignInit(session, &mechanism, key));
}

static void put_secret_template(attrs *tmpl, CK_KEY_TYPE type)
{
    put_ulong(tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(tmpl, CKA_KEY_TYPE, type);
    put_bool(tmpl, CKA_SENSITIVE, false);
    put_bool(tmpl, CKA_EXTRACTABLE, true);
    put_ulong(tmpl, CKA_VALUE_LEN, NEEDLE_BYTES);
}

static void agree(const fixture *fix, const pair *keys)
{
    CK_BYTE point[80];
    const size_t len = get_attr(fix->session, keys->public_key, CKA_EC_POINT, point, sizeof point);
    CK_ECDH1_DERIVE_PARAMS params = { CKD_NULL, 0, NULL, len, point };
    CK_MECHANISM mechanism = { CKM_ECDH1_DERIVE, &params, sizeof params };
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_secret_template(&tmpl, CKK_GENERIC_SECRET);
    CHECK_OK(
        p11->C_DeriveKey(fix->session, &mechanism, keys->private_key, tmpl.at, tmpl.count, &made));
    plant_part(fix->session, made, CKA_VALUE, "agreed by X25519");
}

static void encapsulate(const fixture *fix, const pair *keys)
{
    CK_MECHANISM mechanism = { CKM_ML_KEM, NULL, 0 };
    CK_OBJECT_HANDLE sent = CK_INVALID_HANDLE, received = CK_INVALID_HANDLE;
    CK_BYTE ciphertext[2048];
    CK_ULONG len = sizeof ciphertext;
    attrs tmpl = { .count = 0 };

    put_secret_template(&tmpl, CKK_GENERIC_SECRET);
    CHECK_OK(p11_3->C_EncapsulateKey(fix->session, &mechanism, keys->public_key, tmpl.at,
                                     tmpl.count, ciphertext, &len, &sent));
    CHECK_OK(p11_3->C_DecapsulateKey(fix->session, &mechanism, keys->private_key, tmpl.at,
                                     tmpl.count, ciphertext, len, &received));
    plant_part(fix->session, received, CKA_VALUE, "sent by ML-KEM");
}

static void use_pairs(const fixture *fix)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        CASE(kinds[i].label);
        const pair keys = make_pair(fix->session, &kinds[i]);

        plant_part(fix->session, keys.private_key, kinds[i].part, kinds[i].label);
        if (kinds[i].second_part != 0)
            plant_part(fix->session, keys.private_key, kinds[i].second_part, "the same, another");
        if (kinds[i].sign != 0)
            sign_and_stay(fix, kinds[i].sign, keys.private_key);
        else if (kinds[i].make == CKM_ML_KEM_KEY_PAIR_GEN)
            encapsulate(fix, &keys);
        else
            agree(fix, &keys);
    }
}

/* --- secret keys and PINs ----------------------------------------------------------------------- */

static CK_OBJECT_HANDLE planted_key(const fixture *fix, CK_KEY_TYPE type, const char *label,
                                    unsigned salt)
{
    CK_BYTE value[NEEDLE_BYTES];
    CK_OBJECT_HANDLE stored = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    plant(label, salt, value);
    const CK_OBJECT_HANDLE key = import_secret(fix->session, type, value, sizeof value);
    explicit_bzero(value, sizeof value);
    put_bool(&tmpl, CKA_TOKEN, true);
    CHECK_OK(p11->C_CopyObject(fix->session, key, tmpl.at, tmpl.count, &stored));
    return stored;
}

static void encrypt_and_stay(const fixture *fix, CK_OBJECT_HANDLE key)
{
    CK_BYTE iv[16] = { 1 }, data[64] = { 2 }, out[96];
    CK_GCM_PARAMS gcm = { .pIv = iv, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128 };
    CK_MECHANISM mechanisms[] = { { CKM_AES_ECB, NULL, 0 },
                                  { CKM_AES_CBC_PAD, iv, 16 },
                                  { CKM_AES_CTR, NULL, 0 },
                                  { CKM_AES_GCM, &gcm, sizeof gcm } };
    CK_AES_CTR_PARAMS ctr = { 128, { 3 } };

    mechanisms[2].pParameter = &ctr;
    mechanisms[2].ulParameterLen = sizeof ctr;
    for (size_t i = 0; i < ARRAY_LEN(mechanisms); i++) {
        const CK_SESSION_HANDLE session = one_more(fix);
        CK_ULONG len = sizeof out;

        CHECK_OK(p11->C_EncryptInit(session, &mechanisms[i], key));
        CHECK_OK(p11->C_Encrypt(session, data, sizeof data, out, &len));
        CHECK_OK(p11->C_EncryptInit(session, &mechanisms[i], key));
        len = sizeof out;
        CHECK_OK(p11->C_EncryptUpdate(session, data, 48, out, &len));
        CHECK_OK(p11->C_DecryptInit(session, &mechanisms[i], key));
    }
}

static void wrap_and_derive(const fixture *fix, CK_OBJECT_HANDLE key, CK_OBJECT_HANDLE target)
{
    CK_MECHANISM kwp = { CKM_AES_KEY_WRAP_KWP, NULL, 0 };
    CK_BYTE wrapped[64], data[NEEDLE_BYTES] = { 7 };
    CK_ULONG len = sizeof wrapped;
    CK_KEY_DERIVATION_STRING_DATA params = { data, sizeof data };
    CK_MECHANISM by_data = { CKM_AES_ECB_ENCRYPT_DATA, &params, sizeof params };
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    attrs unwrapped = { .count = 0 }, derived = { .count = 0 };

    CHECK_OK(p11->C_WrapKey(fix->session, &kwp, key, target, wrapped, &len));
    put_ulong(&unwrapped, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&unwrapped, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    CHECK_OK(p11->C_UnwrapKey(fix->session, &kwp, key, wrapped, len, unwrapped.at, unwrapped.count,
                              &made));
    put_secret_template(&derived, CKK_GENERIC_SECRET);
    CHECK_OK(p11->C_DeriveKey(fix->session, &by_data, key, derived.at, derived.count, &made));
    plant_part(fix->session, made, CKA_VALUE, "derived by AES");
}

static CK_OBJECT_HANDLE wrapping_key(const fixture *fix)
{
    CK_MECHANISM mechanism = { CKM_AES_KEY_GEN, NULL, 0 };
    static const CK_ATTRIBUTE_TYPE yes[] = { CKA_TOKEN, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE,
                                             CKA_EXTRACTABLE };
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        put_bool(&tmpl, yes[i], true);
    put_bool(&tmpl, CKA_SENSITIVE, false);
    put_ulong(&tmpl, CKA_VALUE_LEN, 32);
    CHECK_OK(p11->C_GenerateKey(fix->session, &mechanism, tmpl.at, tmpl.count, &made));
    plant_part(fix->session, made, CKA_VALUE, "wrapping key");
    return made;
}

/* Ends with the user logged in, by a PIN that is a needle. */
static void change_pins(const fixture *fix)
{
    CK_BYTE user[NEEDLE_BYTES], so[NEEDLE_BYTES];

    plant("user PIN", 3, user);
    plant("SO PIN", 4, so);
    CHECK_OK(p11->C_SetPIN(fix->session, utf8(USER_PIN), strlen(USER_PIN), user, sizeof user));
    CHECK_OK(p11->C_Logout(fix->session));
    CHECK_OK(login(fix->session, CKU_SO, SO_PIN));
    CHECK_OK(p11->C_SetPIN(fix->session, utf8(SO_PIN), strlen(SO_PIN), so, sizeof so));
    CHECK_OK(p11->C_Logout(fix->session));
    CHECK_OK(p11->C_Login(fix->session, CKU_SO, so, sizeof so));
    CHECK_OK(p11->C_InitPIN(fix->session, user, sizeof user));
    CHECK_OK(p11->C_Logout(fix->session));
    CHECK_OK(p11->C_Login(fix->session, CKU_USER, user, sizeof user));
    explicit_bzero(user, sizeof user);
    explicit_bzero(so, sizeof so);
}

static void use_secrets(const fixture *fix)
{
    all.count = 0;
    CASE("PINs");
    change_pins(fix);
    CASE("secret keys");
    const CK_OBJECT_HANDLE aes = planted_key(fix, CKK_AES, "AES key", 0);
    const CK_OBJECT_HANDLE mac = planted_key(fix, CKK_GENERIC_SECRET, "HMAC key", 1);
    const CK_OBJECT_HANDLE cmac = planted_key(fix, CKK_AES, "CMAC key", 2);
    encrypt_and_stay(fix, aes);
    sign_and_stay(fix, CKM_SHA256_HMAC, mac);
    sign_and_stay(fix, CKM_AES_CMAC, cmac);
    wrap_and_derive(fix, wrapping_key(fix), mac);
    use_pairs(fix);
    CASE(NULL);
}

/* --- looking ------------------------------------------------------------------------------------ */

static void look_in_files(const fixture *fix)
{
    CASE("files");
    CHECK_EQ(needles_in_folder(&all, fix->dir), 0);
    needles_show(&all, "files");
    CASE(NULL);
}

static void nothing_is_dumped_nor_left(void)
{
    if (IS_SANITIZED)
        SKIP("a sanitizer has its own heap, which is dumped and keeps freed memory");
    if (!module_is_ours())
        SKIP("the promise is ours");
    FIXTURE(fix);

    use_secrets(&fix);
    CASE("in use, in what a core file takes along");
    CHECK_EQ(needles_in_memory(&all, true), 0);
    needles_show(&all, "dumped");
    CASE("in use, anywhere: the search finds what is there");
    CHECK_THAT(needles_in_memory(&all, false) > 0);
    CHECK_THAT(all.at[2].found > 0); /* the AES key */
    look_in_files(&fix);
    CHECK_OK(p11->C_Finalize(NULL));
    CASE("after C_Finalize, anywhere");
    CHECK_EQ(needles_in_memory(&all, false), 0);
    needles_show(&all, "left");
    look_in_files(&fix);
}

static CK_OBJECT_HANDLE planted_session_key(const fixture *fix, const char *label, unsigned salt)
{
    CK_BYTE value[NEEDLE_BYTES];

    plant(label, salt, value);
    const CK_OBJECT_HANDLE key = import_secret(fix->session, CKK_AES, value, sizeof value);
    explicit_bzero(value, sizeof value);
    return key;
}

/* Keys of a session that nothing was done with, whether they are sealed or lie in secret memory. */
static void session_keys_go_with_their_objects(void)
{
    enum { MANY = 600 };
    if (IS_SANITIZED)
        SKIP("a sanitizer has its own heap, which is dumped and keeps freed memory");
    if (!module_is_ours())
        SKIP("the promise is ours");
    FIXTURE(fix);

    all.count = 0;
    (void)planted_session_key(&fix, "stays", 11);
    const CK_OBJECT_HANDLE gone = planted_session_key(&fix, "is destroyed", 12);
    for (unsigned i = 0; i < MANY; i++)
        (void)generate_aes(fix.session, NEEDLE_BYTES, false, "one of many");
    (void)planted_session_key(&fix, "after many", 13);
    CASE("what a core file takes along");
    CHECK_EQ(needles_in_memory(&all, true), 0);
    needles_show(&all, "dumped");
    CASE("anywhere: the first two are there, the last one is sealed");
    (void)needles_in_memory(&all, false);
    CHECK_THAT(all.at[0].found == 1 && all.at[1].found == 1 && all.at[2].found == 0);
    CASE("after C_DestroyObject");
    CHECK_OK(p11->C_DestroyObject(fix.session, gone));
    (void)needles_in_memory(&all, false);
    CHECK_THAT(all.at[0].found == 1 && all.at[1].found == 0);
    CASE("after C_Logout");
    CHECK_OK(p11->C_Logout(fix.session));
    CHECK_EQ(needles_in_memory(&all, false), 0);
    needles_show(&all, "left");
}

/* What any core file of role_dump_core() has. */
static const uint8_t *fill_marker(void)
{
    static uint8_t marker[NEEDLE_BYTES];

    for (unsigned i = 0; i < sizeof marker; i++)
        marker[i] = (uint8_t)(i * i + 11 * i + 129);
    return marker;
}

/* Ends by the system's hand, with a core file in the fixture's directory if it writes one there. */
static int role_dump_core(const fixture *given)
{
    struct rlimit limit = { 0 };
    fixture fix = *given;

    if (p11->C_Initialize(NULL) != CKR_OK)
        return 1;
    fix.slot = first_slot();
    fix.session = open_session(&fix, true);
    if (login(fix.session, CKU_USER, USER_PIN) != CKR_OK)
        return 2;
    use_secrets(&fix);
    if (check_failures() > 0 || !write_file(&fix, "needles", &all, sizeof all))
        return 3;
    (void)getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_CORE, &limit) != 0 || chdir(fix.dir) != 0)
        return 4;
    (void)fill_marker();
    (void)signal(SIGABRT, SIG_DFL);
    abort();
}

static bool find_core(const fixture *fix, char *out_path, size_t room)
{
    DIR *folder = opendir(fix->dir);
    bool is_found = false;

    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        if (strncmp(entry->d_name, "core", 4) != 0)
            continue;
        (void)snprintf(out_path, room, "%s/%s", fix->dir, entry->d_name);
        is_found = true;
    }
    (void)closedir(folder);
    return is_found;
}

static void a_core_file_has_none(void)
{
    char path[400];

    if (IS_SANITIZED)
        SKIP("a sanitizer has its own heap");
    if (!module_is_ours())
        SKIP("the promise is ours");
    FIXTURE(fix);
    CHECK_OK(p11->C_Finalize(NULL));
    CHECK_EQ(in_new_process("dump core", &fix), -1);
    (void)snprintf(path, sizeof path, "%s/needles", fix.dir);
    FILE *file = fopen(path, "rb");
    REQUIRE_THAT(file != NULL);
    const size_t read = fread(&all, sizeof all, 1, file);
    (void)fclose(file);
    REQUIRE_THAT(read == 1);
    if (!find_core(&fix, path, sizeof path))
        SKIP("this system puts core files elsewhere");
    CHECK_EQ(needles_in_file(&all, path), 0);
    needles_show(&all, "core file");
    CASE("it is a core file of that process");
    all.count = 0;
    needles_add(&all, "marker", fill_marker(), NEEDLE_BYTES, false);
    CHECK_THAT(needles_in_file(&all, path) > 0);
}

static const process_role roles[] = { { "dump core", role_dump_core } };

static const check_test tests[] = {
    CHECK_TEST(nothing_is_dumped_nor_left),
    CHECK_TEST(session_keys_go_with_their_objects),
    CHECK_TEST(a_core_file_has_none),
};

int main(int argc, char **argv)
{
    return role_main(roles, ARRAY_LEN(roles), tests, ARRAY_LEN(tests), argc, argv);
}
