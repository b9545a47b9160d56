/* Keys and signatures against the openssl command, in both directions. */
#include "openssl_cross.h"

#include <stdio.h>

/* What an SPKI and a PKCS#8 say is the same on both sides, whoever made the key. */
static void keys_go_in_and_out(void)
{
    FIXTURE(fix);

    for (size_t i = 0; i < cross_kind_count; i++) {
        const cross_kind *kind = &cross_kinds[i];

        CASE(kind->label);
        const pair ours = cross_generate(&fix, kind);
        CHECK_THAT(cross_export(&fix, &ours, "ours"));
        CHECK_THAT(cross_openssl(&fix, "pkey -in ours.key -pubout -outform DER -out read.pub"));
        CHECK_THAT(cross_same(&fix, "ours.pub", "read.pub"));
        CHECK_THAT(cross_openssl(&fix, "pkey -in ours.key -check -noout"));
        CHECK_THAT(cross_genpkey(&fix, kind, "theirs"));
        const pair theirs = cross_import(&fix, kind, "theirs");
        CHECK_THAT(cross_export(&fix, &theirs, "back"));
        CHECK_THAT(cross_same(&fix, "theirs.pub", "back.pub"));
        CHECK_THAT(cross_openssl(&fix, "pkey -in back.key -outform DER -out read.key"));
        CHECK_THAT(cross_openssl(&fix, "pkey -in theirs.key -outform DER -out their.key"));
        CHECK_THAT(cross_same(&fix, "their.key", "read.key"));
    }
}

/* A private key as its seed alone, expanded alone, and both. */
static void forms_of_lattice_keys(void)
{
    static const char *const forms[] = { "seed-only", "priv-only", "seed-priv" };
    FIXTURE(fix);

    for (size_t i = 0; i < cross_kind_count; i++) {
        const cross_kind *kind = &cross_kinds[i];
        const char *family = kind->type == CKK_ML_KEM ? "ml-kem" : "ml-dsa";

        CASE(kind->label);
        for (size_t f = 0; kind->has_forms && f < ARRAY_LEN(forms); f++) {
            CHECK_THAT(cross_genpkey(&fix, kind, "theirs"));
            CHECK_THAT(cross_openssl(&fix,
                                     "pkey -in theirs.key -provparam %s.output_formats=%s "
                                     "-outform DER -out form.key",
                                     family, forms[f]));
            const pair keys = cross_import(&fix, kind, "form");
            CHECK_THAT(cross_export(&fix, &keys, "back"));
            CHECK_THAT(cross_same(&fix, "theirs.pub", "back.pub"));
            CHECK_THAT(cross_openssl(&fix, "pkey -in back.key -pubout -outform DER -out read.pub"));
            CHECK_THAT(cross_same(&fix, "theirs.pub", "read.pub"));
        }
    }
}

/* --- signatures --------------------------------------------------------------------------------- */

typedef struct sign_case {
    const char *kind;
    const char *label;
    CK_MECHANISM mechanism;
    const char *options; /* of pkeyutl */
    /* A hash variant: openssl is given the message representative, made with its own digest. */
    const char *digest;
    CK_BYTE oid; /* the last byte of the hash's, below 2.16.840.1.101.3.4.2 */
} sign_case;

#define CONTEXT "a context"
#define CONTEXT_OPTION "-pkeyopt 'context-string:" CONTEXT "'"
#define CONTEXT_LEN (sizeof CONTEXT - 1)

static CK_BYTE context[] = CONTEXT;
static CK_SIGN_ADDITIONAL_CONTEXT with_context = { CKH_HEDGE_PREFERRED, context, CONTEXT_LEN };
static CK_EDDSA_PARAMS ph = { CK_TRUE, 0, NULL };
static CK_EDDSA_PARAMS ph_context = { CK_TRUE, CONTEXT_LEN, context };
static CK_EDDSA_PARAMS pure = { CK_FALSE, 0, NULL };
static CK_EDDSA_PARAMS pure_context = { CK_FALSE, CONTEXT_LEN, context };
static CK_RSA_PKCS_PSS_PARAMS pss_sha256 = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
static CK_RSA_PKCS_PSS_PARAMS pss_mixed = { CKM_SHA512, CKG_MGF1_SHA3_384, 20 };
static CK_RSA_PKCS_PSS_PARAMS pss_sha3_224 = { CKM_SHA3_224, CKG_MGF1_SHA3_224, 28 };
static CK_RSA_PKCS_PSS_PARAMS pss_sha3_256 = { CKM_SHA3_256, CKG_MGF1_SHA3_256, 32 };
static CK_RSA_PKCS_PSS_PARAMS pss_sha3_384 = { CKM_SHA3_384, CKG_MGF1_SHA3_384, 0 };
static CK_RSA_PKCS_PSS_PARAMS pss_sha3_512 = { CKM_SHA3_512, CKG_MGF1_SHA256, 64 };

#define PSS(hash, mgf, salt)                                                   \
    "-digest " hash " -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_mgf1_md:" mgf \
    " -pkeyopt rsa_pss_saltlen:" salt
#define PURE(key, mech)                                                                 \
    { .kind = key, .label = key, .mechanism = { mech, NULL, 0 }, .options = "-rawin" }, \
    {                                                                                   \
        .kind = key, .label = key " with a context",                                    \
        .mechanism = { mech, &with_context, sizeof with_context },                      \
        .options = "-rawin " CONTEXT_OPTION                                             \
    }
#define HASHED(key, mech, dgst, last)                                                \
    {                                                                                \
        .kind = key, .label = key " of " dgst,                                       \
        .mechanism = { mech, &with_context, sizeof with_context },                   \
        .options = "-rawin -pkeyopt message-encoding:0", .digest = dgst, .oid = last \
    }
#define EVERY_HASH(key, family)                                                \
    HASHED(key, CKM_HASH_##family##_SHA224, "-sha224", 4),                     \
        HASHED(key, CKM_HASH_##family##_SHA256, "-sha256", 1),                 \
        HASHED(key, CKM_HASH_##family##_SHA384, "-sha384", 2),                 \
        HASHED(key, CKM_HASH_##family##_SHA512, "-sha512", 3),                 \
        HASHED(key, CKM_HASH_##family##_SHA3_224, "-sha3-224", 7),             \
        HASHED(key, CKM_HASH_##family##_SHA3_256, "-sha3-256", 8),             \
        HASHED(key, CKM_HASH_##family##_SHA3_384, "-sha3-384", 9),             \
        HASHED(key, CKM_HASH_##family##_SHA3_512, "-sha3-512", 10),            \
        HASHED(key, CKM_HASH_##family##_SHAKE128, "-shake128 -xoflen 32", 11), \
        HASHED(key, CKM_HASH_##family##_SHAKE256, "-shake256 -xoflen 64", 12)
#define PLAIN(key, what, mech, opts)                                                        \
    {                                                                                       \
        .kind = key, .label = key " " what, .mechanism = { mech, NULL, 0 }, .options = opts \
    }
#define WITH(key, what, mech, params, opts)                                                   \
    {                                                                                         \
        .kind = key, .label = key " " what, .mechanism = { mech, &(params), sizeof(params) }, \
        .options = opts                                                                       \
    }

static const sign_case classical[] = {
    PLAIN("RSA-2048", "SHA-256", CKM_SHA256_RSA_PKCS, "-digest sha256"),
    PLAIN("RSA-2048", "SHA-512", CKM_SHA512_RSA_PKCS, "-digest sha512"),
    PLAIN("RSA-2048", "SHA3-256", CKM_SHA3_256_RSA_PKCS, "-digest sha3-256"),
    WITH("RSA-2048", "PSS SHA-256", CKM_SHA256_RSA_PKCS_PSS, pss_sha256,
         PSS("sha256", "sha256", "32")),
    WITH("RSA-2048", "PSS, two hashes", CKM_SHA512_RSA_PKCS_PSS, pss_mixed,
         PSS("sha512", "sha3-384", "20")),
    WITH("RSA-2048", "PSS SHA3-224", CKM_SHA3_224_RSA_PKCS_PSS, pss_sha3_224,
         PSS("sha3-224", "sha3-224", "28")),
    WITH("RSA-2048", "PSS SHA3-256", CKM_SHA3_256_RSA_PKCS_PSS, pss_sha3_256,
         PSS("sha3-256", "sha3-256", "32")),
    WITH("RSA-2048", "PSS SHA3-384", CKM_SHA3_384_RSA_PKCS_PSS, pss_sha3_384,
         PSS("sha3-384", "sha3-384", "0")),
    WITH("RSA-2048", "PSS SHA3-512", CKM_SHA3_512_RSA_PKCS_PSS, pss_sha3_512,
         PSS("sha3-512", "sha256", "64")),
    PLAIN("P-224", "SHA-224", CKM_ECDSA_SHA224, "-digest sha224"),
    PLAIN("P-256", "SHA-256", CKM_ECDSA_SHA256, "-digest sha256"),
    PLAIN("P-256", "SHA3-256", CKM_ECDSA_SHA3_256, "-digest sha3-256"),
    PLAIN("P-384", "SHA-384", CKM_ECDSA_SHA384, "-digest sha384"),
    PLAIN("P-384", "SHA3-384", CKM_ECDSA_SHA3_384, "-digest sha3-384"),
    PLAIN("P-521", "SHA-512", CKM_ECDSA_SHA512, "-digest sha512"),
    PLAIN("P-521", "SHA3-512", CKM_ECDSA_SHA3_512, "-digest sha3-512"),
    PLAIN("secp256k1", "SHA-256", CKM_ECDSA_SHA256, "-digest sha256"),
    PLAIN("brainpoolP256r1", "SHA-256", CKM_ECDSA_SHA256, "-digest sha256"),
    PLAIN("brainpoolP384r1", "SHA-384", CKM_ECDSA_SHA384, "-digest sha384"),
    PLAIN("brainpoolP512r1", "SHA-512", CKM_ECDSA_SHA512, "-digest sha512"),
    PLAIN("Ed25519", "pure", CKM_EDDSA, "-rawin"),
    WITH("Ed25519", "with parameters", CKM_EDDSA, pure_context,
         "-rawin -pkeyopt instance:Ed25519ctx " CONTEXT_OPTION),
    WITH("Ed25519", "ph", CKM_EDDSA, ph, "-rawin -pkeyopt instance:Ed25519ph"),
    WITH("Ed25519", "ph with a context", CKM_EDDSA, ph_context,
         "-rawin -pkeyopt instance:Ed25519ph " CONTEXT_OPTION),
    WITH("Ed448", "pure", CKM_EDDSA, pure, "-rawin"),
    WITH("Ed448", "with a context", CKM_EDDSA, pure_context, "-rawin " CONTEXT_OPTION),
    WITH("Ed448", "ph", CKM_EDDSA, ph, "-rawin -pkeyopt instance:Ed448ph"),
    WITH("Ed448", "ph with a context", CKM_EDDSA, ph_context,
         "-rawin -pkeyopt instance:Ed448ph " CONTEXT_OPTION),
};

static const sign_case post_quantum[] = {
    PURE("ML-DSA-44", CKM_ML_DSA),
    PURE("ML-DSA-65", CKM_ML_DSA),
    PURE("ML-DSA-87", CKM_ML_DSA),
    EVERY_HASH("ML-DSA-44", ML_DSA),
    HASHED("ML-DSA-65", CKM_HASH_ML_DSA_SHA512, "-sha512", 3),
    HASHED("ML-DSA-87", CKM_HASH_ML_DSA_SHA512, "-sha512", 3),
    EVERY_HASH("SLH-DSA-SHA2-128f", SLH_DSA),
    HASHED("SLH-DSA-SHAKE-192f", CKM_HASH_SLH_DSA_SHAKE256, "-shake256 -xoflen 64", 12),
};

/* An ECDSA signature as X.509 has it, from the r and s of PKCS#11. */
static size_t der_of_numbers(const CK_BYTE *numbers, size_t number_len, CK_BYTE *der)
{
    CK_BYTE body[160];
    size_t at = 0;

    for (int i = 0; i < 2; i++) {
        const CK_BYTE *number = numbers + (size_t)i * number_len;
        size_t rest = number_len;

        for (; rest > 1 && *number == 0; rest--)
            number++;
        const bool has_zero = (*number & 0x80) != 0;
        body[at++] = 0x02;
        body[at++] = (CK_BYTE)(rest + has_zero);
        if (has_zero)
            body[at++] = 0;
        memcpy(body + at, number, rest);
        at += rest;
    }
    const size_t head = at < 128 ? 2 : 3;
    der[0] = 0x30;
    der[1] = 0x81;
    der[head - 1] = (CK_BYTE)at;
    memcpy(der + head, body, at);
    return head + at;
}

/* And back; 0 when it is none. */
static size_t numbers_of_der(const CK_BYTE *der, size_t der_len, size_t number_len, CK_BYTE *out)
{
    size_t at = der_len > 2 && der[1] == 0x81 ? 3 : 2;

    memset(out, 0, 2 * number_len);
    for (int i = 0; i < 2; i++) {
        size_t len = at + 2 <= der_len && der[at] == 0x02 ? der[at + 1] : 0;

        at += 2;
        if (len == 0 || at + len > der_len)
            return 0;
        for (; len > number_len; len--)
            at++;
        memcpy(out + (size_t)(i + 1) * number_len - len, der + at, len);
        at += len;
    }
    return 2 * number_len;
}

/* What openssl is asked to sign: the message, or 1, the context, the hash's OID and its digest (FIPS
 * 204, 5.4; FIPS 205, 10.2), which it takes as it is. */
static bool write_message(const fixture *fix, const sign_case *c)
{
    static const CK_BYTE oid[] = { 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02 };
    CK_BYTE text[128] = { 1, CONTEXT_LEN };
    size_t at = 2;

    if (!write_file(fix, "message", MESSAGE, MESSAGE_LEN) || c->digest == NULL)
        return c->digest == NULL;
    memcpy(text + at, CONTEXT, CONTEXT_LEN);
    at += CONTEXT_LEN;
    memcpy(text + at, oid, sizeof oid);
    at += sizeof oid;
    text[at++] = c->oid;
    if (!cross_openssl(fix, "dgst %s -binary -out digest message", c->digest))
        return false;
    return write_file(fix, "message", text, at + cross_read(fix, "digest", text + at, 64));
}

static CK_BYTE signature[CROSS_ROOM];

/* Ours signs with a key that openssl made, and openssl verifies; not when the signature is another. */
static void ours_signs(const fixture *fix, const sign_case *c, const cross_kind *kind)
{
    static const char verify[] =
        "pkeyutl -verify -pubin -inkey theirs.pub -in message -sigfile signature %s";
    CK_MECHANISM mechanism = c->mechanism;
    CK_BYTE der[160];
    CK_BYTE *out = signature;
    CK_ULONG len = sizeof signature;

    REQUIRE_THAT(cross_genpkey(fix, kind, "theirs"));
    const pair keys = cross_import(fix, kind, "theirs");
    CHECK_OK(p11->C_SignInit(fix->session, &mechanism, keys.private_key));
    CHECK_OK(p11->C_Sign(fix->session, utf8(MESSAGE), MESSAGE_LEN, signature, &len));
    REQUIRE_THAT(len > 0 && len <= sizeof signature);
    if (kind->number_len > 0) {
        len = der_of_numbers(signature, kind->number_len, der);
        out = der;
    }
    CHECK_THAT(write_message(fix, c) && write_file(fix, "signature", out, len));
    CHECK_THAT(cross_openssl(fix, verify, c->options));
    out[len - 1] ^= 1;
    CHECK_THAT(write_file(fix, "signature", out, len) && !cross_openssl(fix, verify, c->options));
}

/* openssl signs with a key that is from here, and ours verifies. */
static void theirs_signs(const fixture *fix, const sign_case *c, const cross_kind *kind)
{
    const pair keys = cross_generate(fix, kind);
    CK_MECHANISM mechanism = c->mechanism;
    CK_BYTE numbers[132];

    REQUIRE_THAT(cross_export(fix, &keys, "ours") && write_message(fix, c));
    REQUIRE_THAT(cross_openssl(fix, "pkeyutl -sign -inkey ours.key -in message -out signature %s",
                               c->options));
    size_t len = cross_read(fix, "signature", signature, sizeof signature);
    if (kind->number_len > 0) {
        len = numbers_of_der(signature, len, kind->number_len, numbers);
        memcpy(signature, numbers, len);
    }
    CHECK_OK(p11->C_VerifyInit(fix->session, &mechanism, keys.public_key));
    CHECK_OK(p11->C_Verify(fix->session, utf8(MESSAGE), MESSAGE_LEN, signature, len));
    signature[len / 2] ^= 1;
    CHECK_OK(p11->C_VerifyInit(fix->session, &mechanism, keys.public_key));
    CHECK_EQ(p11->C_Verify(fix->session, utf8(MESSAGE), MESSAGE_LEN, signature, len),
             CKR_SIGNATURE_INVALID);
}

static void check_cases(const fixture *fix, const sign_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const cross_kind *kind = cross_kind_of(cases[i].kind);

        CASE(cases[i].label);
        ours_signs(fix, &cases[i], kind);
        theirs_signs(fix, &cases[i], kind);
    }
}

static void classical_signatures(void)
{
    FIXTURE(fix);

    check_cases(&fix, classical, ARRAY_LEN(classical));
}

static void post_quantum_signatures(void)
{
    FIXTURE(fix);

    check_cases(&fix, post_quantum, ARRAY_LEN(post_quantum));
}

/* All twelve, with a context. */
static void hash_based_signatures(void)
{
    FIXTURE(fix);

    for (size_t i = 0; i < cross_kind_count; i++) {
        const cross_kind *kind = &cross_kinds[i];
        const sign_case c = { .kind = kind->label,
                              .label = kind->label,
                              .mechanism = { CKM_SLH_DSA, &with_context, sizeof with_context },
                              .options = "-rawin " CONTEXT_OPTION };

        if (kind->type == CKK_SLH_DSA)
            check_cases(&fix, &c, 1);
    }
}

static const check_test tests[] = {
    CHECK_TEST(keys_go_in_and_out),    CHECK_TEST(forms_of_lattice_keys),
    CHECK_TEST(classical_signatures),  CHECK_TEST(post_quantum_signatures),
    CHECK_TEST(hash_based_signatures),
};
CHECK_MAIN(tests)
