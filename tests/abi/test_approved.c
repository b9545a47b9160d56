/* Approved mode at every entry, and the indicator. What is refused is written out here by hand, from
 * docs/approved-mode.md; the module's own table decides, so the two must agree. */
#include "support.h"

#include <stdio.h>

#define ALL_FLAGS (~(CK_FLAGS)0)
#define NEW_RSA (CKF_ENCRYPT | CKF_SIGN | CKF_SIGN_RECOVER | CKF_WRAP | CKF_ENCAPSULATE)
#define MECHANISMS_MAX 512
#define APPROVED "[algorithms]\nfips_approved_only = true\nallow_weak_rsa = true\n"

static const struct {
    CK_MECHANISM_TYPE id;
    CK_FLAGS refused;
} refusals[] = {
    { CKM_RSA_PKCS, NEW_RSA },
    { CKM_RSA_X_509, ALL_FLAGS },
    { CKM_SHA1_RSA_PKCS, CKF_SIGN },
    { CKM_SHA1_RSA_PKCS_PSS, CKF_SIGN },
    { CKM_ECDSA_SHA1, CKF_SIGN },
    { CKM_EC_MONTGOMERY_KEY_PAIR_GEN, ALL_FLAGS },
    { CKM_X9_42_DH_KEY_PAIR_GEN, ALL_FLAGS },
    { CKM_X9_42_DH_DERIVE, ALL_FLAGS },
    { CKM_AES_ECB, CKF_WRAP },
    { CKM_AES_CBC, CKF_WRAP },
    { CKM_AES_CBC_PAD, CKF_WRAP },
    { CKM_AES_CTR, CKF_WRAP },
    { CKM_AES_CTS, CKF_WRAP },
    { CKM_AES_OFB, CKF_WRAP },
    { CKM_AES_CFB1, CKF_WRAP },
    { CKM_AES_CFB8, CKF_WRAP },
    { CKM_AES_CFB128, CKF_WRAP },
    { CKM_AES_ECB_ENCRYPT_DATA, ALL_FLAGS },
    { CKM_AES_CBC_ENCRYPT_DATA, ALL_FLAGS },
    { CKM_CHACHA20_KEY_GEN, ALL_FLAGS },
    { CKM_CHACHA20, ALL_FLAGS },
    { CKM_CHACHA20_POLY1305, ALL_FLAGS },
    { CKM_CONCATENATE_BASE_AND_KEY, ALL_FLAGS },
    { CKM_CONCATENATE_BASE_AND_DATA, ALL_FLAGS },
    { CKM_CONCATENATE_DATA_AND_BASE, ALL_FLAGS },
    { CKM_XOR_BASE_AND_DATA, ALL_FLAGS },
    { CKM_EXTRACT_KEY_FROM_KEY, ALL_FLAGS },
    { CKM_SHA1_KEY_DERIVATION, ALL_FLAGS },
    { CKM_SHA224_KEY_DERIVATION, ALL_FLAGS },
    { CKM_SHA256_KEY_DERIVATION, ALL_FLAGS },
    { CKM_SHA384_KEY_DERIVATION, ALL_FLAGS },
    { CKM_SHA512_KEY_DERIVATION, ALL_FLAGS },
    { CKM_SHA512_224_KEY_DERIVATION, ALL_FLAGS },
    { CKM_SHA512_256_KEY_DERIVATION, ALL_FLAGS },
    { CKM_SHA3_224_KEY_DERIVATION, ALL_FLAGS },
    { CKM_SHA3_256_KEY_DERIVATION, ALL_FLAGS },
    { CKM_SHA3_384_KEY_DERIVATION, ALL_FLAGS },
    { CKM_SHA3_512_KEY_DERIVATION, ALL_FLAGS },
    { CKM_SHAKE_128_KEY_DERIVATION, ALL_FLAGS },
    { CKM_SHAKE_256_KEY_DERIVATION, ALL_FLAGS },
    { CKM_TLS12_MASTER_KEY_DERIVE, ALL_FLAGS },
    { CKM_TLS12_MASTER_KEY_DERIVE_DH, ALL_FLAGS },
    { CKM_VENDOR_DEFINED | 0x43520001UL, ALL_FLAGS }, /* the composite KEM */
    { CKM_VENDOR_DEFINED | 0x43520002UL, ALL_FLAGS },
    { CKM_VENDOR_DEFINED | 0x43520003UL, ALL_FLAGS }, /* composite signatures */
    { CKM_VENDOR_DEFINED | 0x43520004UL, ALL_FLAGS },
    { CKM_VENDOR_DEFINED | 0x43520005UL, ALL_FLAGS },
};

static CK_FLAGS refused_of(CK_MECHANISM_TYPE id)
{
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        if (refusals[i].id == id)
            return refusals[i].refused;
    }
    return 0;
}

/* One way into the token that takes a mechanism. */
typedef struct way {
    CK_FLAGS flag;
    CK_RV (*enter)(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
} way;

static CK_RV enter_encrypt(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return p11->C_EncryptInit(session, mechanism, key);
}

static CK_RV enter_decrypt(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return p11->C_DecryptInit(session, mechanism, key);
}

static CK_RV enter_digest(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    (void)key;
    return p11->C_DigestInit(session, mechanism);
}

static CK_RV enter_sign(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return p11->C_SignInit(session, mechanism, key);
}

static CK_RV enter_recover(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return p11->C_SignRecoverInit(session, mechanism, key);
}

static CK_RV enter_verify(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return p11->C_VerifyInit(session, mechanism, key);
}

static CK_RV enter_verify_signature(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                                    CK_OBJECT_HANDLE key)
{
    CK_BYTE signature[1] = { 0 };

    return p11_3->C_VerifySignatureInit(session, mechanism, key, signature, sizeof signature);
}

static CK_RV enter_generate(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                            CK_OBJECT_HANDLE key)
{
    return p11->C_GenerateKey(session, mechanism, NULL, 0, &key);
}

static CK_RV enter_pair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_OBJECT_HANDLE other = CK_INVALID_HANDLE;

    return p11->C_GenerateKeyPair(session, mechanism, NULL, 0, NULL, 0, &key, &other);
}

static CK_RV enter_wrap(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_BYTE room[512];
    CK_ULONG len = sizeof room;

    return p11->C_WrapKey(session, mechanism, key, key, room, &len);
}

static CK_RV enter_unwrap(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_BYTE wrapped[64] = { 0 };
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;

    return p11->C_UnwrapKey(session, mechanism, key, wrapped, sizeof wrapped, NULL, 0, &made);
}

static CK_RV enter_derive(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    return p11->C_DeriveKey(session, mechanism, key, tmpl.at, tmpl.count, &made);
}

/* By a public key and by a private one: the class is asked first. */
static CK_OBJECT_HANDLE kem_public, kem_private;

static CK_RV enter_encapsulate(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                               CK_OBJECT_HANDLE key)
{
    CK_BYTE room[2048];
    CK_ULONG len = sizeof room;
    attrs tmpl = { .count = 0 };

    return p11_3->C_EncapsulateKey(session, mechanism, kem_public, tmpl.at, 0, room, &len, &key);
}

static CK_RV enter_decapsulate(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                               CK_OBJECT_HANDLE key)
{
    CK_BYTE ciphertext[64] = { 0 };
    attrs tmpl = { .count = 0 };

    return p11_3->C_DecapsulateKey(session, mechanism, kem_private, tmpl.at, 0, ciphertext,
                                   sizeof ciphertext, &key);
}

static const way ways[] = {
    { CKF_ENCRYPT, enter_encrypt },         { CKF_DECRYPT, enter_decrypt },
    { CKF_DIGEST, enter_digest },           { CKF_SIGN, enter_sign },
    { CKF_SIGN_RECOVER, enter_recover },    { CKF_VERIFY, enter_verify },
    { CKF_VERIFY, enter_verify_signature }, { CKF_GENERATE, enter_generate },
    { CKF_GENERATE_KEY_PAIR, enter_pair },  { CKF_WRAP, enter_wrap },
    { CKF_UNWRAP, enter_unwrap },           { CKF_DERIVE, enter_derive },
    { CKF_ENCAPSULATE, enter_encapsulate }, { CKF_DECAPSULATE, enter_decapsulate },
};
#define WAY_FLAGS                                                                        \
    (CKF_ENCRYPT | CKF_DECRYPT | CKF_DIGEST | CKF_SIGN | CKF_SIGN_RECOVER | CKF_VERIFY | \
     CKF_VERIFY_RECOVER | CKF_GENERATE | CKF_GENERATE_KEY_PAIR | CKF_WRAP | CKF_UNWRAP | \
     CKF_DERIVE | CKF_ENCAPSULATE | CKF_DECAPSULATE)

typedef struct listing {
    CK_MECHANISM_TYPE ids[MECHANISMS_MAX];
    CK_FLAGS flags[MECHANISMS_MAX];
    CK_ULONG count;
} listing;

static void list_all(const fixture *fix, listing *out)
{
    out->count = MECHANISMS_MAX;
    CHECK_OK(p11->C_GetMechanismList(fix->slot, out->ids, &out->count));
    for (CK_ULONG i = 0; i < out->count; i++) {
        CK_MECHANISM_INFO info = { 0, 0, 0 };

        CHECK_OK(p11->C_GetMechanismInfo(fix->slot, out->ids[i], &info));
        out->flags[i] = info.flags & WAY_FLAGS;
    }
}

static CK_FLAGS flags_in(const listing *list, CK_MECHANISM_TYPE id)
{
    for (CK_ULONG i = 0; i < list->count; i++) {
        if (list->ids[i] == id)
            return list->flags[i];
    }
    return 0;
}

/* Every way that takes the mechanism by its flags is tried; those that are refused must say so, and
 * no other may say that the mechanism is unknown. */
static void try_ways(const fixture *fix, CK_MECHANISM_TYPE id, CK_FLAGS all, CK_OBJECT_HANDLE key)
{
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        CK_MECHANISM mechanism = { id, NULL, 0 };
        const CK_SESSION_HANDLE session = open_session(fix, true);

        if ((all & ways[i].flag) != 0) {
            const CK_RV rv = ways[i].enter(session, &mechanism, key);
            CHECK_EQ(rv == CKR_MECHANISM_INVALID, (refused_of(id) & ways[i].flag) != 0);
        }
        CHECK_OK(p11->C_CloseSession(session));
    }
}

static void every_entry_keeps_the_rules(void)
{
    static listing all, left;
    fixture_settings = NULL;
    {
        FIXTURE(fix);
        list_all(&fix, &all);
    }
    fixture_settings = APPROVED;
    FIXTURE(fix);
    fixture_settings = NULL;
    list_all(&fix, &left);

    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 32, false, "any");
    const pair ec = generate_pair(fix.session, &p_256, false, "any pair");
    kem_public = ec.public_key;
    kem_private = ec.private_key;
    for (CK_ULONG i = 0; i < all.count; i++) {
        char name[32];

        (void)snprintf(name, sizeof name, "mechanism %#lx", all.ids[i]);
        CASE(name);
        CHECK_EQ(flags_in(&left, all.ids[i]), all.flags[i] & ~refused_of(all.ids[i]));
        try_ways(&fix, all.ids[i], all.flags[i], key);
    }
    CHECK_THAT(all.count > 150);
}

/* --- conditions, in approved mode ------------------------------------------------------------- */

static CK_RV wrap_with(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE id, CK_OBJECT_HANDLE under,
                       CK_OBJECT_HANDLE key)
{
    CK_MECHANISM mechanism = { id, NULL, 0 };
    CK_BYTE room[8192];
    CK_ULONG len = sizeof room;

    return p11->C_WrapKey(session, &mechanism, under, key, room, &len);
}

static void no_key_leaves_under_a_weaker_one(void)
{
    fixture_settings = APPROVED;
    FIXTURE(fix);
    fixture_settings = NULL;
    const CK_OBJECT_HANDLE weak = generate_aes(fix.session, 16, false, "weak");
    const CK_OBJECT_HANDLE strong = generate_aes(fix.session, 32, false, "strong");

    CHECK_EQ(wrap_with(fix.session, CKM_AES_KEY_WRAP, weak, strong), CKR_WRAPPING_KEY_SIZE_RANGE);
    CHECK_EQ(wrap_with(fix.session, CKM_AES_KEY_WRAP, strong, weak), CKR_OK);
    CHECK_EQ(wrap_with(fix.session, CKM_AES_KEY_WRAP, strong, strong), CKR_OK);
}

static void callers_gcm_ivs_only_decrypt(void)
{
    fixture_settings = APPROVED;
    FIXTURE(fix);
    fixture_settings = NULL;
    CK_BYTE iv[12] = { 0 };
    CK_GCM_PARAMS gcm = { iv, sizeof iv, 96, NULL, 0, 128 };
    CK_MECHANISM mechanism = { CKM_AES_GCM, &gcm, sizeof gcm };
    CK_MECHANISM gmac = { CKM_AES_GMAC, &gcm, sizeof gcm };
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 32, false, "key");

    CHECK_EQ(p11->C_EncryptInit(fix.session, &mechanism, key), CKR_MECHANISM_PARAM_INVALID);
    CHECK_EQ(p11->C_SignInit(fix.session, &gmac, key), CKR_MECHANISM_PARAM_INVALID);
    CHECK_OK(p11->C_DecryptInit(fix.session, &mechanism, key));
    CHECK_OK(p11->C_VerifyInit(fix.session, &gmac, key));
}

/* The message functions are the way to encrypt: there the token makes the IV. */
static void messages_have_ivs_of_the_token(void)
{
    fixture_settings = APPROVED;
    FIXTURE(fix);
    fixture_settings = NULL;
    CK_BYTE iv[12] = { 0 }, tag[16], text[20] = { 1 }, secret[20], back[20];
    CK_GCM_MESSAGE_PARAMS gcm = { iv, sizeof iv, 0, CKG_NO_GENERATE, tag, 128 };
    CK_MECHANISM mechanism = { CKM_AES_GCM, &gcm, sizeof gcm };
    CK_ULONG len = sizeof secret, back_len = sizeof back;
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 32, false, "key");

    CHECK_OK(p11_3->C_MessageEncryptInit(fix.session, &mechanism, key));
    CHECK_EQ(p11_3->C_EncryptMessage(fix.session, &gcm, sizeof gcm, NULL, 0, text, sizeof text,
                                     secret, &len),
             CKR_MECHANISM_PARAM_INVALID);
    gcm.ivGenerator = CKG_GENERATE_RANDOM;
    len = sizeof secret;
    CHECK_OK(p11_3->C_EncryptMessage(fix.session, &gcm, sizeof gcm, NULL, 0, text, sizeof text,
                                     secret, &len));
    CHECK_OK(p11_3->C_MessageEncryptFinal(fix.session));
    gcm.ivGenerator = CKG_NO_GENERATE;
    CHECK_OK(p11_3->C_MessageDecryptInit(fix.session, &mechanism, key));
    CHECK_OK(p11_3->C_DecryptMessage(fix.session, &gcm, sizeof gcm, NULL, 0, secret, len, back,
                                     &back_len));
    CHECK_BYTES(back, back_len, text, sizeof text);
    CHECK_OK(p11_3->C_MessageDecryptFinal(fix.session));
}

static void wrapping_has_ivs_of_the_token(void)
{
    fixture_settings = APPROVED;
    FIXTURE(fix);
    fixture_settings = NULL;
    CK_BYTE iv[12] = { 0 }, tag[16], room[64];
    CK_GCM_WRAP_PARAMS plain = { iv, sizeof iv, 0, CKG_NO_GENERATE, NULL, 0, 128 };
    CK_GCM_MESSAGE_PARAMS apart = { iv, sizeof iv, 0, CKG_NO_GENERATE, tag, 128 };
    CK_MECHANISM wrap = { CKM_AES_GCM, &plain, sizeof plain };
    CK_MECHANISM authenticated = { CKM_AES_GCM, &apart, sizeof apart };
    const CK_OBJECT_HANDLE key = generate_aes(fix.session, 32, true, "key");
    const CK_ULONG generators[] = { CKG_NO_GENERATE, CKG_GENERATE_RANDOM };

    for (size_t i = 0; i < ARRAY_LEN(generators); i++) {
        const CK_RV want = i == 0 ? CKR_MECHANISM_PARAM_INVALID : CKR_OK;
        CK_ULONG len = sizeof room;

        CASE(i == 0 ? "the caller's" : "the token's");
        plain.ivGenerator = generators[i];
        apart.ivGenerator = generators[i];
        CHECK_EQ(p11->C_WrapKey(fix.session, &wrap, key, key, room, &len), want);
        len = sizeof room;
        CHECK_EQ(p11_3->C_WrapKeyAuthenticated(fix.session, &authenticated, key, key, NULL, 0, room,
                                               &len),
                 want);
    }
}

static CK_RV generate_ec(CK_SESSION_HANDLE session, const void *params, size_t len)
{
    CK_MECHANISM mechanism = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
    CK_OBJECT_HANDLE keys[2];
    attrs tmpl = { .count = 0 };

    put_bytes(&tmpl, CKA_EC_PARAMS, params, len);
    return p11->C_GenerateKeyPair(session, &mechanism, tmpl.at, tmpl.count, NULL, 0, &keys[0],
                                  &keys[1]);
}

static CK_RV generate_rsa(CK_SESSION_HANDLE session, CK_ULONG bits)
{
    CK_MECHANISM mechanism = { CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0 };
    CK_OBJECT_HANDLE keys[2];
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_MODULUS_BITS, bits);
    return p11->C_GenerateKeyPair(session, &mechanism, tmpl.at, tmpl.count, NULL, 0, &keys[0],
                                  &keys[1]);
}

static CK_RV generate_secret(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE id, CK_ULONG bytes)
{
    CK_MECHANISM mechanism = { id, NULL, 0 };
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
    attrs tmpl = { .count = 0 };

    put_ulong(&tmpl, CKA_VALUE_LEN, bytes);
    return p11->C_GenerateKey(session, &mechanism, tmpl.at, tmpl.count, &key);
}

static void weak_keys_are_not_made(void)
{
    static const CK_BYTE secp256k1[] = { 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a };

    fixture_settings = APPROVED;
    FIXTURE(fix);
    fixture_settings = NULL;
    CHECK_EQ(generate_ec(fix.session, secp256k1, sizeof secp256k1), CKR_CURVE_NOT_SUPPORTED);
    CHECK_OK(generate_ec(fix.session, p_256.params, p_256.params_len));
    CHECK_EQ(generate_rsa(fix.session, 1024), CKR_KEY_SIZE_RANGE);
    CHECK_EQ(generate_secret(fix.session, CKM_GENERIC_SECRET_KEY_GEN, 13), CKR_KEY_SIZE_RANGE);
    CHECK_OK(generate_secret(fix.session, CKM_GENERIC_SECRET_KEY_GEN, 14));
    CHECK_EQ(generate_secret(fix.session, CKM_SHA256_KEY_GEN, 13), CKR_KEY_SIZE_RANGE);
}

static void digests_have_the_length_of_a_hash(void)
{
    fixture_settings = APPROVED;
    FIXTURE(fix);
    fixture_settings = NULL;
    CK_MECHANISM ecdsa = { CKM_ECDSA, NULL, 0 };
    CK_BYTE digest[64] = { 1 };
    CK_BYTE signature[64];
    CK_ULONG len = sizeof signature;
    const pair keys = generate_pair(fix.session, &p_256, false, "signer");

    CHECK_OK(p11->C_SignInit(fix.session, &ecdsa, keys.private_key));
    CHECK_EQ(p11->C_Sign(fix.session, digest, 20, signature, &len), CKR_DATA_LEN_RANGE);
    CHECK_OK(p11->C_SignInit(fix.session, &ecdsa, keys.private_key));
    CHECK_OK(p11->C_Sign(fix.session, digest, 32, signature, &len));
    CHECK_OK(p11->C_VerifyInit(fix.session, &ecdsa, keys.public_key));
    CHECK_OK(p11->C_Verify(fix.session, digest, 32, signature, len));
    CHECK_OK(p11->C_VerifyInit(fix.session, &ecdsa, keys.public_key));
    CHECK_EQ(p11->C_Verify(fix.session, digest, 31, signature, len), CKR_DATA_LEN_RANGE);
}

static void short_mac_keys_only_verify(void)
{
    fixture_settings = APPROVED;
    FIXTURE(fix);
    fixture_settings = NULL;
    CK_MECHANISM hmac = { CKM_SHA256_HMAC, NULL, 0 };
    CK_BYTE value[14] = { 7 };
    const CK_OBJECT_HANDLE short_key = import_secret(fix.session, CKK_GENERIC_SECRET, value, 13);
    const CK_OBJECT_HANDLE key = import_secret(fix.session, CKK_GENERIC_SECRET, value, 14);

    CHECK_EQ(p11->C_SignInit(fix.session, &hmac, short_key), CKR_KEY_SIZE_RANGE);
    CHECK_OK(p11->C_VerifyInit(fix.session, &hmac, short_key));
    CHECK_OK(p11->C_SignInit(fix.session, &hmac, key));
}

/* --- the indicator, out of approved mode -------------------------------------------------------- */

static CK_FLAGS last_flags(CK_SESSION_HANDLE session)
{
    CK_FLAGS flags = ~(CK_FLAGS)0;

    CHECK_OK(p11_3->C_GetSessionValidationFlags(session, CKS_LAST_VALIDATION_OK, &flags));
    return flags;
}

static CK_ULONG key_flags(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_ULONG flags = ~(CK_ULONG)0;

    CHECK_EQ(get_attr(session, key, CKA_OBJECT_VALIDATION_FLAGS, &flags, sizeof flags),
             sizeof flags);
    return flags;
}

static void indicator_of_sessions(void)
{
    FIXTURE(fix);
    CK_MECHANISM sha1_sign = { CKM_ECDSA_SHA1, NULL, 0 }, sign = { CKM_ECDSA_SHA256, NULL, 0 };
    CK_MECHANISM mac = { CKM_SHA256_HMAC, NULL, 0 };
    CK_BYTE data[32] = { 1 }, signature[64];
    CK_ULONG len = sizeof signature;
    const CK_SESSION_HANDLE other = open_session(&fix, true);

    CHECK_EQ(last_flags(other), 0);
    const pair keys = generate_pair(fix.session, &p_256, false, "signer");
    CHECK_EQ(last_flags(fix.session), 1);
    CHECK_EQ(last_flags(other), 0);

    CHECK_OK(p11->C_VerifyInit(fix.session, &sha1_sign, keys.public_key));
    CHECK_EQ(p11->C_Verify(fix.session, data, 3, signature, 64), CKR_SIGNATURE_INVALID);
    CHECK_EQ(last_flags(fix.session), 1); /* what failed says nothing */

    CK_MECHANISM raw = { CKM_ECDSA, NULL, 0 };
    CHECK_OK(p11->C_SignInit(fix.session, &raw, keys.private_key));
    CHECK_EQ(last_flags(fix.session), 1); /* not yet completed */
    CHECK_OK(p11->C_Sign(fix.session, data, 20, signature, &len));
    CHECK_EQ(last_flags(fix.session), 0);

    CASE("the same mechanism again, and data of a hash's length");
    len = sizeof signature;
    CHECK_OK(p11->C_SignInit(fix.session, &raw, keys.private_key));
    CHECK_OK(p11->C_Sign(fix.session, data, 32, signature, &len));
    CHECK_EQ(last_flags(fix.session), 1);
    const CK_OBJECT_HANDLE weak = import_secret(fix.session, CKK_GENERIC_SECRET, "abc", 3);
    for (int i = 0; i < 2; i++) {
        len = sizeof signature;
        CHECK_OK(p11->C_SignInit(fix.session, &mac, weak));
        CHECK_OK(p11->C_Sign(fix.session, data, 20, signature, &len));
        CHECK_EQ(last_flags(fix.session), 0);
    }

    CASE("in parts");
    CHECK_OK(p11->C_SignInit(fix.session, &sign, keys.private_key));
    CHECK_OK(p11->C_SignUpdate(fix.session, data, 5));
    len = sizeof signature;
    CHECK_OK(p11->C_SignFinal(fix.session, signature, &len));
    CHECK_EQ(last_flags(fix.session), 1);
}

static void indicator_of_keys(void)
{
    FIXTURE(fix);
    CK_BYTE value[32] = { 3 };
    CK_OBJECT_HANDLE derived = CK_INVALID_HANDLE, copy = CK_INVALID_HANDLE;
    CK_MECHANISM hash = { CKM_SHA256_KEY_DERIVATION, NULL, 0 };
    attrs tmpl = { .count = 0 };

    const CK_OBJECT_HANDLE made = generate_aes(fix.session, 32, true, "made");
    const CK_OBJECT_HANDLE brought = import_secret(fix.session, CKK_AES, value, sizeof value);
    const pair x = generate_pair(fix.session, &x_25519, false, "x");
    CHECK_EQ(key_flags(fix.session, made), 1);
    CHECK_EQ(key_flags(fix.session, brought), 0);
    CHECK_EQ(key_flags(fix.session, x.private_key), 0);
    CHECK_EQ(last_flags(fix.session), 0);

    CHECK_OK(p11->C_CopyObject(fix.session, made, tmpl.at, 0, &copy));
    CHECK_EQ(key_flags(fix.session, copy), 1);

    put_bool(&tmpl, CKA_DERIVE, true);
    CHECK_OK(p11->C_SetAttributeValue(fix.session, made, tmpl.at, tmpl.count));
    CHECK_EQ(key_flags(fix.session, made), 1);
    put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
    put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    CHECK_OK(p11->C_DeriveKey(fix.session, &hash, made, tmpl.at, tmpl.count, &derived));
    CHECK_EQ(key_flags(fix.session, derived), 0);
    CHECK_EQ(last_flags(fix.session), 0);
}

/* A derivation that is approved, from a key that came in as a plain value. */
static void indicator_of_chains(void)
{
    FIXTURE(fix);
    CK_HKDF_PARAMS hkdf = { .bExtract = CK_TRUE,
                            .bExpand = CK_TRUE,
                            .prfHashMechanism = CKM_SHA256,
                            .ulSaltType = CKF_HKDF_SALT_NULL };
    CK_MECHANISM mechanism = { CKM_HKDF_DERIVE, &hkdf, sizeof hkdf };
    const bool bring[] = { false, true };

    for (size_t i = 0; i < ARRAY_LEN(bring); i++) {
        CK_OBJECT_HANDLE base = CK_INVALID_HANDLE, derived = CK_INVALID_HANDLE;
        CK_MECHANISM gen = { CKM_GENERIC_SECRET_KEY_GEN, NULL, 0 };
        CK_BYTE value[32] = { 3 };
        attrs tmpl = { .count = 0 };

        CASE(bring[i] ? "brought in" : "generated");
        put_ulong(&tmpl, CKA_CLASS, CKO_SECRET_KEY);
        put_ulong(&tmpl, CKA_KEY_TYPE, CKK_GENERIC_SECRET);
        put_bool(&tmpl, CKA_DERIVE, true);
        if (bring[i]) {
            put_bytes(&tmpl, CKA_VALUE, value, sizeof value);
            CHECK_OK(p11->C_CreateObject(fix.session, tmpl.at, tmpl.count, &base));
            tmpl.count--;
        }
        put_ulong(&tmpl, CKA_VALUE_LEN, 32);
        if (!bring[i])
            CHECK_OK(p11->C_GenerateKey(fix.session, &gen, tmpl.at, tmpl.count, &base));
        CHECK_OK(p11->C_DeriveKey(fix.session, &mechanism, base, tmpl.at, tmpl.count, &derived));
        CHECK_EQ(last_flags(fix.session), 1);
        CHECK_EQ(key_flags(fix.session, derived), bring[i] ? 0 : 1);
    }
}

static const check_test tests[] = {
    CHECK_TEST(every_entry_keeps_the_rules),
    CHECK_TEST(no_key_leaves_under_a_weaker_one),
    CHECK_TEST(callers_gcm_ivs_only_decrypt),
    CHECK_TEST(messages_have_ivs_of_the_token),
    CHECK_TEST(wrapping_has_ivs_of_the_token),
    CHECK_TEST(weak_keys_are_not_made),
    CHECK_TEST(digests_have_the_length_of_a_hash),
    CHECK_TEST(short_mac_keys_only_verify),
    CHECK_TEST(indicator_of_sessions),
    CHECK_TEST(indicator_of_keys),
    CHECK_TEST(indicator_of_chains),
};
CHECK_MAIN(tests)
