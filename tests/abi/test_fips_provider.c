/* crypto_backend = "openssl-fips" over the real provider, whose path is in CRATON_HSM_FIPS_MODULE:
 * each family of operations works, and what is not approved is refused. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FIPS "[algorithms]\ncrypto_backend = \"openssl-fips\"\n"
#define ROOM 20000

typedef struct algorithm {
    const char *label;
    CK_MECHANISM_TYPE gen;
    CK_MECHANISM_TYPE sign;
    const pair_kind *kind; /* RSA and curves */
    CK_ULONG set;          /* the others */
} algorithm;

static const algorithm algorithms[] = {
    { "RSA", 0, CKM_SHA256_RSA_PKCS, &rsa_2048, 0 },
    { "ECDSA", 0, CKM_ECDSA_SHA384, &p_384, 0 },
    { "Ed25519", 0, CKM_EDDSA, &ed_25519, 0 },
    { "ML-DSA", CKM_ML_DSA_KEY_PAIR_GEN, CKM_ML_DSA, NULL, CKP_ML_DSA_65 },
    { "SLH-DSA", CKM_SLH_DSA_KEY_PAIR_GEN, CKM_SLH_DSA, NULL, CKP_SLH_DSA_SHA2_128F },
};

static pair make_pair(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE gen, CK_ULONG set)
{
    CK_MECHANISM mechanism = { gen, NULL, 0 };
    pair keys = { CK_INVALID_HANDLE, CK_INVALID_HANDLE };
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_PARAMETER_SET, set);
    CHECK_OK(p11->C_GenerateKeyPair(session, &mechanism, tmpl.at, tmpl.count, NULL, 0,
                                    &keys.public_key, &keys.private_key));
    return keys;
}

static void signs(void)
{
    static CK_BYTE signature[ROOM];
    CK_BYTE text[100] = { 1 };

    fixture_settings = FIPS;
    FIXTURE(fix);
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        const algorithm *a = &algorithms[i];
        CK_MECHANISM mechanism = { a->sign, NULL, 0 };
        CK_ULONG len = sizeof signature;

        CASE(a->label);
        const pair keys = a->kind != NULL ? generate_pair(fix.session, a->kind, false, "signer")
                                          : make_pair(fix.session, a->gen, a->set);
        CHECK_OK(p11->C_SignInit(fix.session, &mechanism, keys.private_key));
        CHECK_OK(p11->C_Sign(fix.session, text, sizeof text, signature, &len));
        CHECK_OK(p11->C_VerifyInit(fix.session, &mechanism, keys.public_key));
        CHECK_OK(p11->C_Verify(fix.session, text, sizeof text, signature, len));
        text[99] ^= 1;
        CHECK_OK(p11->C_VerifyInit(fix.session, &mechanism, keys.public_key));
        CHECK_EQ(p11->C_Verify(fix.session, text, sizeof text, signature, len),
                 CKR_SIGNATURE_INVALID);
    }
}

/* FIPS 197, appendix C.3, and "abc" of FIPS 180-4: the provider computes what the standards say. */
static void known_answers(void)
{
    CK_BYTE key_value[32], plain[16], cipher[16], want[32], got[64];
    CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 }, sha = { CKM_SHA256, NULL, 0 };
    CK_ULONG len = sizeof got;

    fixture_settings = FIPS;
    FIXTURE(fix);
    for (size_t i = 0; i < 32; i++)
        key_value[i] = (CK_BYTE)i;
    (void)from_hex("00112233445566778899aabbccddeeff", plain, sizeof plain);
    (void)from_hex("8ea2b7ca516745bfeafc49904b496089", cipher, sizeof cipher);
    const CK_OBJECT_HANDLE key = import_secret(fix.session, CKK_AES, key_value, sizeof key_value);
    CHECK_OK(p11->C_EncryptInit(fix.session, &ecb, key));
    CHECK_OK(p11->C_Encrypt(fix.session, plain, sizeof plain, got, &len));
    CHECK_BYTES(got, len, cipher, sizeof cipher);

    (void)from_hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", want, 32);
    len = sizeof got;
    CHECK_OK(p11->C_DigestInit(fix.session, &sha));
    CHECK_OK(p11->C_Digest(fix.session, utf8("abc"), 3, got, &len));
    CHECK_BYTES(got, len, want, sizeof want);
}

static void wraps_agrees_and_encapsulates(void)
{
    static CK_BYTE room[ROOM];
    CK_MECHANISM kwp = { CKM_AES_KEY_WRAP_KWP, NULL, 0 }, kem = { CKM_ML_KEM, NULL, 0 };
    CK_OBJECT_HANDLE here = CK_INVALID_HANDLE, there = CK_INVALID_HANDLE;
    CK_ULONG len = sizeof room;
    CK_BYTE one[32], other[32];
    attrs tmpl = { .count = 0 };

    fixture_settings = FIPS;
    FIXTURE(fix);
    const CK_OBJECT_HANDLE kek = generate_aes(fix.session, 32, true, "kek");
    CHECK_OK(p11->C_WrapKey(fix.session, &kwp, kek, kek, room, &len));
    CHECK_EQ(len, 40);

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    put_bool(&tmpl, CKA_SENSITIVE, false);
    put_bool(&tmpl, CKA_EXTRACTABLE, true);
    const pair keys = make_pair(fix.session, CKM_ML_KEM_KEY_PAIR_GEN, CKP_ML_KEM_768);
    len = sizeof room;
    CHECK_OK(p11_3->C_EncapsulateKey(fix.session, &kem, keys.public_key, tmpl.at, tmpl.count, room,
                                     &len, &here));
    CHECK_OK(p11_3->C_DecapsulateKey(fix.session, &kem, keys.private_key, tmpl.at, tmpl.count, room,
                                     len, &there));
    CHECK_EQ(get_attr(fix.session, here, CKA_VALUE, one, sizeof one), 32);
    CHECK_EQ(get_attr(fix.session, there, CKA_VALUE, other, sizeof other), 32);
    CHECK_BYTES(one, 32, other, 32);

    const pair ec = generate_pair(fix.session, &p_256, false, "agrees");
    CK_BYTE point[80];
    const size_t point_len =
        get_attr(fix.session, ec.public_key, CKA_EC_POINT, point, sizeof point);
    CK_ECDH1_DERIVE_PARAMS params = { CKD_SHA256_KDF, 0, NULL, point_len, point };
    CK_MECHANISM ecdh = { CKM_ECDH1_DERIVE, &params, sizeof params };
    put_ulong(&tmpl, CKA_VALUE_LEN, 32);
    CHECK_OK(p11->C_DeriveKey(fix.session, &ecdh, ec.private_key, tmpl.at, tmpl.count, &here));
}

static void what_is_not_approved_is_refused(void)
{
    CK_MECHANISM chacha = { CKM_CHACHA20_KEY_GEN, NULL, 0 };
    CK_MECHANISM x = { CKM_EC_MONTGOMERY_KEY_PAIR_GEN, NULL, 0 };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE, other = CK_INVALID_HANDLE;
    CK_MECHANISM_INFO info;

    fixture_settings = FIPS;
    FIXTURE(fix);
    CHECK_EQ(p11->C_GenerateKey(fix.session, &chacha, NULL, 0, &key), CKR_MECHANISM_INVALID);
    CHECK_EQ(p11->C_GenerateKeyPair(fix.session, &x, NULL, 0, NULL, 0, &key, &other),
             CKR_MECHANISM_INVALID);
    CHECK_EQ(p11->C_GetMechanismInfo(fix.slot, CKM_RSA_X_509, &info), CKR_MECHANISM_INVALID);
}

/* Closed and opened again, also with the other backend between. */
static void changes_places(void)
{
    static const char *const settings[] = { FIPS, NULL, FIPS, NULL };
    CK_MECHANISM_INFO info;

    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        fixture_settings = settings[i];
        FIXTURE(fix);
        CHECK_EQ(p11->C_GetMechanismInfo(fix.slot, CKM_CHACHA20, &info),
                 settings[i] != NULL ? CKR_MECHANISM_INVALID : CKR_OK);
    }
}

/* One clear line, and no token. */
static void missing_or_damaged_provider_is_an_error(void)
{
    char path[128], line[600], text[4096] = "";
    const char *good = getenv("CRATON_HSM_FIPS_MODULE");

    REQUIRE_THAT(good != NULL);
    (void)snprintf(line, sizeof line, "%s", good);
    fixture_settings = FIPS;
    FIXTURE_PREPARED(fix);
    (void)snprintf(path, sizeof path, "%s/none.so", fix.dir);
    const int saved = dup(STDERR_FILENO);
    char log[128];
    (void)snprintf(log, sizeof log, "%s/stderr", fix.dir);
    (void)setenv("CRATON_HSM_LOG", "stderr:error", 1);
    REQUIRE_THAT(freopen(log, "w", stderr) != NULL);
    (void)setenv("CRATON_HSM_FIPS_MODULE", path, 1);
    const CK_RV rv = p11->C_Initialize(NULL);
    (void)fflush(stderr);
    (void)dup2(saved, STDERR_FILENO);
    (void)close(saved);
    (void)setenv("CRATON_HSM_FIPS_MODULE", line, 1);
    CHECK_EQ(rv, CKR_GENERAL_ERROR);

    FILE *file = fopen(log, "r");
    REQUIRE_THAT(file != NULL);
    CHECK_THAT(fread(text, 1, sizeof text - 1, file) > 0);
    (void)fclose(file);
    CHECK_THAT(strstr(text, "openssl-provider-fips") != NULL);
    CHECK_THAT(strstr(text, path) != NULL);

    CASE("a module that is cut short");
    char copy[1024];
    (void)snprintf(copy, sizeof copy, "head -c 100000 '%s' > cut.so", good);
    CHECK_THAT(run_command(&fix, copy));
    (void)snprintf(path, sizeof path, "%s/cut.so", fix.dir);
    (void)setenv("CRATON_HSM_FIPS_MODULE", path, 1);
    CHECK_EQ(p11->C_Initialize(NULL), CKR_GENERAL_ERROR);
    (void)setenv("CRATON_HSM_FIPS_MODULE", line, 1);
}

/* The missing one first: a provider once loaded is kept for the life of the process. */
static const check_test tests[] = {
    CHECK_TEST(missing_or_damaged_provider_is_an_error),
    CHECK_TEST(known_answers),
    CHECK_TEST(signs),
    CHECK_TEST(wraps_agrees_and_encapsulates),
    CHECK_TEST(what_is_not_approved_is_refused),
    CHECK_TEST(changes_places),
};
CHECK_MAIN(tests)
