/* Secrets that the module and the openssl command agree on, in both directions: encapsulation, key
 * agreement, RSA encryption. Diffie-Hellman of finite fields is in tests/abi/test_dh.c. */
#include "openssl_cross.h"

#include <stdio.h>

static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
static CK_KEY_TYPE generic = CKK_GENERIC_SECRET;
static CK_BBOOL yes = CK_TRUE;
static CK_BBOOL no = CK_FALSE;

/* A generic secret that can be read. */
static CK_ATTRIBUTE open_secret[] = {
    { CKA_CLASS, &secret_class, sizeof secret_class },
    { CKA_KEY_TYPE, &generic, sizeof generic },
    { CKA_SENSITIVE, &no, sizeof no },
    { CKA_EXTRACTABLE, &yes, sizeof yes },
};

/* The value of a key is what openssl wrote. */
static void check_secret(const fixture *fix, CK_OBJECT_HANDLE key, const char *file)
{
    CK_BYTE ours[128], theirs[128];
    const size_t len = get_attr(fix->session, key, CKA_VALUE, ours, sizeof ours);

    CHECK_THAT(len > 0 && len <= sizeof ours);
    CHECK_BYTES(theirs, cross_read(fix, file, theirs, sizeof theirs), ours, len);
}

/* Ours encapsulates to a key made by openssl, and openssl to a key made here. */
static void check_kem(const fixture *fix, const cross_kind *kind)
{
    CK_MECHANISM mechanism = { CKM_ML_KEM, NULL, 0 };
    CK_OBJECT_HANDLE secret = CK_INVALID_HANDLE;
    CK_BYTE ciphertext[2000];
    CK_ULONG len = sizeof ciphertext;

    REQUIRE_THAT(cross_genpkey(fix, kind, "theirs"));
    const pair theirs = cross_import(fix, kind, "theirs");
    CHECK_OK(p11_3->C_EncapsulateKey(fix->session, &mechanism, theirs.public_key, open_secret,
                                     ARRAY_LEN(open_secret), ciphertext, &len, &secret));
    CHECK_THAT(write_file(fix, "ciphertext", ciphertext, len));
    CHECK_THAT(
        cross_openssl(fix, "pkeyutl -decap -inkey theirs.key -in ciphertext -secret secret"));
    check_secret(fix, secret, "secret");

    const pair ours = cross_generate(fix, kind);
    REQUIRE_THAT(cross_export(fix, &ours, "ours"));
    CHECK_THAT(
        cross_openssl(fix, "pkeyutl -encap -pubin -inkey ours.pub -out ciphertext -secret secret"));
    len = cross_read(fix, "ciphertext", ciphertext, sizeof ciphertext);
    CHECK_OK(p11_3->C_DecapsulateKey(fix->session, &mechanism, ours.private_key, open_secret,
                                     ARRAY_LEN(open_secret), ciphertext, len, &secret));
    check_secret(fix, secret, "secret");

    /* Implicit rejection (FIPS 203, 6.3): both come to the same other secret. */
    ciphertext[len / 2] ^= 1;
    CHECK_THAT(write_file(fix, "ciphertext", ciphertext, len));
    CHECK_OK(p11_3->C_DecapsulateKey(fix->session, &mechanism, ours.private_key, open_secret,
                                     ARRAY_LEN(open_secret), ciphertext, len, &secret));
    CHECK_THAT(cross_openssl(fix, "pkeyutl -decap -inkey ours.key -in ciphertext -secret other"));
    CHECK_THAT(!cross_same(fix, "secret", "other"));
    check_secret(fix, secret, "other");
}

static void keys_are_encapsulated(void)
{
    FIXTURE(fix);

    REQUIRE_THAT(p11_3 != NULL);
    for (size_t i = 0; i < cross_kind_count; i++) {
        if (cross_kinds[i].type != CKK_ML_KEM)
            continue;
        CASE(cross_kinds[i].label);
        check_kem(&fix, &cross_kinds[i]);
    }
}

static void agree(const fixture *fix, CK_OBJECT_HANDLE private_key, CK_OBJECT_HANDLE peer)
{
    CK_BYTE point[160];
    CK_ECDH1_DERIVE_PARAMS params = { .kdf = CKD_NULL, .pPublicData = point };
    CK_MECHANISM mechanism = { CKM_ECDH1_DERIVE, &params, sizeof params };
    CK_OBJECT_HANDLE secret = CK_INVALID_HANDLE;

    params.ulPublicDataLen = get_attr(fix->session, peer, CKA_EC_POINT, point, sizeof point);
    CHECK_OK(p11->C_DeriveKey(fix->session, &mechanism, private_key, open_secret,
                              ARRAY_LEN(open_secret), &secret));
    check_secret(fix, secret, "secret");
}

/* With the private key that was made here, and with the one that openssl made. */
static void curves_agree(void)
{
    FIXTURE(fix);

    for (size_t i = 0; i < cross_kind_count; i++) {
        const cross_kind *kind = &cross_kinds[i];

        if (!kind->can_derive)
            continue;
        CASE(kind->label);
        const pair ours = cross_generate(&fix, kind);
        REQUIRE_THAT(cross_export(&fix, &ours, "ours") && cross_genpkey(&fix, kind, "theirs"));
        const pair theirs = cross_import(&fix, kind, "theirs");
        CHECK_THAT(
            cross_openssl(&fix, "pkeyutl -derive -inkey theirs.key -peerkey ours.pub -out secret"));
        agree(&fix, ours.private_key, theirs.public_key);
        CHECK_THAT(
            cross_openssl(&fix, "pkeyutl -derive -inkey ours.key -peerkey theirs.pub -out secret"));
        agree(&fix, theirs.private_key, ours.public_key);
    }
}

typedef struct rsa_case {
    const char *label;
    CK_MECHANISM mechanism;
    const char *options;
} rsa_case;

static CK_BYTE label[] = { 1, 2, 3, 0xff };
static CK_RSA_PKCS_OAEP_PARAMS oaep_sha1 = { CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL,
                                             0 };
static CK_RSA_PKCS_OAEP_PARAMS oaep_sha256 = { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED,
                                               label, sizeof label };
static CK_RSA_PKCS_OAEP_PARAMS oaep_sha3 = { CKM_SHA3_256, CKG_MGF1_SHA3_256, CKZ_DATA_SPECIFIED,
                                             NULL, 0 };
static CK_RSA_PKCS_OAEP_PARAMS oaep_mixed = { CKM_SHA3_512, CKG_MGF1_SHA384, CKZ_DATA_SPECIFIED,
                                              label, sizeof label };

#define OAEP(hash, mgf) \
    "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:" hash " -pkeyopt rsa_mgf1_md:" mgf
#define LABEL " -pkeyopt rsa_oaep_label:010203ff"

static const rsa_case rsa_cases[] = {
    { "PKCS#1 v1.5", { CKM_RSA_PKCS, NULL, 0 }, "" },
    { "SHA-1", { CKM_RSA_PKCS_OAEP, &oaep_sha1, sizeof oaep_sha1 }, OAEP("sha1", "sha1") },
    { "SHA-256, a label",
      { CKM_RSA_PKCS_OAEP, &oaep_sha256, sizeof oaep_sha256 },
      OAEP("sha256", "sha256") LABEL },
    { "SHA3-256",
      { CKM_RSA_PKCS_OAEP, &oaep_sha3, sizeof oaep_sha3 },
      OAEP("sha3-256", "sha3-256") },
    { "two hashes, a label",
      { CKM_RSA_PKCS_OAEP, &oaep_mixed, sizeof oaep_mixed },
      OAEP("sha3-512", "sha384") LABEL },
};

static void check_rsa(const fixture *fix, const rsa_case *c, const pair *ours, const pair *theirs)
{
    CK_MECHANISM mechanism = c->mechanism;
    CK_BYTE sealed[256];
    CK_BYTE opened[256];
    CK_ULONG len = sizeof sealed;

    CHECK_OK(p11->C_EncryptInit(fix->session, &mechanism, theirs->public_key));
    CHECK_OK(p11->C_Encrypt(fix->session, utf8(MESSAGE), MESSAGE_LEN, sealed, &len));
    CHECK_THAT(write_file(fix, "sealed", sealed, len));
    CHECK_THAT(cross_openssl(fix, "pkeyutl -decrypt -inkey theirs.key -in sealed -out opened %s",
                             c->options));
    CHECK_THAT(cross_same(fix, "message", "opened"));

    CHECK_THAT(cross_openssl(
        fix, "pkeyutl -encrypt -pubin -inkey ours.pub -in message -out sealed %s", c->options));
    const size_t sealed_len = cross_read(fix, "sealed", sealed, sizeof sealed);
    len = sizeof opened;
    CHECK_OK(p11->C_DecryptInit(fix->session, &mechanism, ours->private_key));
    CHECK_OK(p11->C_Decrypt(fix->session, sealed, sealed_len, opened, &len));
    CHECK_BYTES(opened, len, MESSAGE, MESSAGE_LEN);
}

static void rsa_encrypts(void)
{
    FIXTURE(fix);
    const cross_kind *kind = cross_kind_of("RSA-2048");
    const pair ours = cross_generate(&fix, kind);

    REQUIRE_THAT(cross_export(&fix, &ours, "ours") && cross_genpkey(&fix, kind, "theirs") &&
                 write_file(&fix, "message", MESSAGE, MESSAGE_LEN));
    const pair theirs = cross_import(&fix, kind, "theirs");
    for (size_t i = 0; i < ARRAY_LEN(rsa_cases); i++) {
        CASE(rsa_cases[i].label);
        check_rsa(&fix, &rsa_cases[i], &ours, &theirs);
    }
}

static const check_test tests[] = {
    CHECK_TEST(keys_are_encapsulated),
    CHECK_TEST(curves_agree),
    CHECK_TEST(rsa_encrypts),
};
CHECK_MAIN(tests)
