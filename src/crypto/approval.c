/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/approval.h"

#include "crypto/internal.h"

#define STRENGTH_MAX_BITS 256u
#define MAC_MIN_BYTES 4u      /* SP 800-107, 5.3.3 */
#define CCM_TAG_MIN_BITS 64u  /* SP 800-38C, B.2 */
#define GCM_TAG_MIN_BITS 96u  /* SP 800-38D, 5.2.1.2; shorter ones: appendix C */
#define SALT_MIN_BYTES 16u    /* SP 800-132, 5.1 */
#define ITERATIONS_MIN 1000u  /* SP 800-132, 5.2 */
#define PASSWORD_MIN_BYTES 8u /* FIPS 140-3 IG D.N asks for an argued minimum */
#define RSA_MIN_BITS 2048u    /* FIPS 186-5, 5.1; SP 800-56B, 6.2 */
#define CURVE_MIN_BITS 256u

/* Operations that look at what exists already (SP 800-131A, 1.2.1: legacy use). */
static const hsm_op_set of_old_data = HSM_OP_VERIFY | HSM_OP_VERIFY_RECOVER | HSM_OP_DECRYPT |
                                      HSM_OP_UNWRAP | HSM_OP_DECAPSULATE | HSM_OP_MESSAGE_DECRYPT |
                                      HSM_OP_MESSAGE_VERIFY;
static const hsm_op_set of_signatures =
    HSM_OP_VERIFY | HSM_OP_VERIFY_RECOVER | HSM_OP_MESSAGE_VERIFY;

static bool is_old_data(hsm_op op)
{
    return (op & of_old_data) != 0;
}

/* --- strength --------------------------------------------------------------------------------- */

static uint32_t modulus_strength(uint32_t bits)
{
    static const struct {
        uint32_t bits;
        uint32_t strength;
    } rows[] = { { 15360, 256 }, { 7680, 192 }, { 3072, 128 }, { 2048, 112 }, { 1024, 80 } };

    for (size_t i = 0; i < HSM_ARRAY_LEN(rows); i++) {
        if (bits >= rows[i].bits)
            return rows[i].strength;
    }
    return 0;
}

static uint32_t at_most(uint32_t bits)
{
    return bits < STRENGTH_MAX_BITS ? bits : STRENGTH_MAX_BITS;
}

uint32_t hsm_key_strength(const hsm_key *key)
{
    if (key->set != NULL)
        return key->set->strength;
    if (key->curve != NULL)
        return at_most((key->curve->bits + 1) / 2);
    if (key->key_class != CKO_SECRET_KEY)
        return modulus_strength(key->bits); /* RSA, or Diffie-Hellman over a prime field */
    return at_most(key->key_type == CKK_AES_XTS ? key->bits / 2 : key->bits);
}

/* --- conditions on a use, by algorithm --------------------------------------------------------- */

static hsm_err any_use(const hsm_approval_case *use)
{
    (void)use;
    return HSM_OK;
}

static hsm_err enough_strength(const hsm_approval_case *use)
{
    HSM_CHECK(use->key == NULL || hsm_key_strength(use->key) >= HSM_APPROVED_MIN_STRENGTH_BITS,
              HSM_E_KEY_SIZE);
    return HSM_OK;
}

/* Short keys are left to verify what they once made (SP 800-131A, 10). */
static hsm_err mac_use(const hsm_approval_case *use)
{
    if (is_old_data(use->op))
        return HSM_OK;
    HSM_CHECK(use->params == NULL || use->params->mac_len == 0 ||
                  use->params->mac_len >= MAC_MIN_BYTES,
              HSM_E_MECHANISM_PARAM);
    return enough_strength(use);
}

/* FIPS 140-3 IG C.H: the module makes the IV of what it encrypts. A caller's may repeat. */
static hsm_err gcm_use(const hsm_approval_case *use)
{
    if (is_old_data(use->op) || use->params == NULL)
        return HSM_OK;
    HSM_CHECK((use->params->is_iv_own || use->params->leaves_iv) &&
                  use->params->tag_bits >= GCM_TAG_MIN_BITS,
              HSM_E_MECHANISM_PARAM);
    return HSM_OK;
}

static hsm_err ccm_use(const hsm_approval_case *use)
{
    HSM_CHECK(is_old_data(use->op) || use->params == NULL ||
                  use->params->tag_bits >= CCM_TAG_MIN_BITS,
              HSM_E_MECHANISM_PARAM);
    return HSM_OK;
}

/* The initial values are part of KW and KWP (SP 800-38F, 6.2 and 6.3). */
static hsm_err key_wrap_use(const hsm_approval_case *use)
{
    static const uint8_t kw[] = { 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6, 0xa6 };
    static const uint8_t kwp[] = { 0xa6, 0x59, 0x59, 0xa6 };
    const hsm_bytes usual = use->mech->alg == HSM_ALG_AES_KWP ? hsm_bytes_of(kwp, sizeof kwp)
                                                              : hsm_bytes_of(kw, sizeof kw);

    HSM_CHECK(use->params == NULL || use->params->iv.len == 0 ||
                  hsm_bytes_equal(use->params->iv, usual),
              HSM_E_MECHANISM_PARAM);
    return HSM_OK;
}

/* 1024 bits and more still verify (SP 800-131A, 3); nothing else is done below 2048. */
static hsm_err rsa_use(const hsm_approval_case *use)
{
    if (use->key == NULL || (use->op & of_signatures) != 0)
        return HSM_OK;
    HSM_CHECK(use->key->bits >= RSA_MIN_BITS && use->key->bits % 2 == 0, HSM_E_KEY_SIZE);
    return HSM_OK;
}

/* FIPS 186-5, 5.4: the salt is no longer than the hash; SHA-1 verifies only. */
static hsm_err pss_use(const hsm_approval_case *use)
{
    const hsm_mech_params *params = use->params;

    HSM_TRY(rsa_use(use));
    if (params == NULL)
        return HSM_OK;
    HSM_CHECK(params->salt_len <= hsm_hash_get(params->hash)->len, HSM_E_MECHANISM_PARAM);
    HSM_CHECK(is_old_data(use->op) ||
                  (params->hash != HSM_HASH_SHA1 && params->mgf_hash != HSM_HASH_SHA1),
              HSM_E_MECHANISM_PARAM);
    return HSM_OK;
}

/* SP 800-186, 3.2.1: the curves over prime fields that are approved for ECDSA and ECDH. */
static bool is_nist_curve(const hsm_curve *curve)
{
    return curve != NULL && curve->key_type == CKK_EC && curve->name[0] == 'P' &&
           curve->name[1] == '-';
}

/* P-224 has 112 bits, which end with the year 2030 (SP 800-57 part 1 rev. 5, table 4): what it signed
 * is verified, and nothing new begins with it. */
static bool is_for_new_data(const hsm_curve *curve)
{
    return is_nist_curve(curve) && curve->bits >= CURVE_MIN_BITS;
}

static hsm_err curve_use(const hsm_approval_case *use)
{
    if (use->key == NULL)
        return HSM_OK;
    HSM_CHECK(is_nist_curve(use->key->curve), HSM_E_KEY_TYPE);
    HSM_CHECK((use->op & of_signatures) != 0 || is_for_new_data(use->key->curve), HSM_E_KEY_SIZE);
    return HSM_OK;
}

/* FIPS 186-5, 7.8: Ed25519ctx of RFC 8032 is not among the variants. */
static hsm_err eddsa_use(const hsm_approval_case *use)
{
    const bool is_ed25519 =
        use->key != NULL && use->key->curve != NULL && use->key->curve->bits == 255;

    HSM_CHECK(use->params == NULL || !is_ed25519 || !use->params->has_context ||
                  use->params->is_prehash,
              HSM_E_MECHANISM_PARAM);
    return HSM_OK;
}

/* FIPS 204, 5.4, and FIPS 205, 10.2: a hash is as strong against collisions as its key. */
static hsm_err pqc_sign_use(const hsm_approval_case *use)
{
    const hsm_hash hash = use->params != NULL && use->params->hash != HSM_HASH_NONE
                              ? use->params->hash
                              : use->mech->hash;

    if (use->key == NULL || hash == HSM_HASH_NONE || is_old_data(use->op))
        return HSM_OK;
    HSM_CHECK(hsm_hash_get(hash)->len * 8 >= 2 * hsm_key_strength(use->key), HSM_E_MECHANISM_PARAM);
    return HSM_OK;
}

static hsm_err pbkdf2_use(const hsm_approval_case *use)
{
    const hsm_mech_params *params = use->params;

    HSM_CHECK(params == NULL ||
                  (params->iv.len >= SALT_MIN_BYTES && params->iterations >= ITERATIONS_MIN &&
                   params->password.len >= PASSWORD_MIN_BYTES),
              HSM_E_MECHANISM_PARAM);
    return HSM_OK;
}

typedef struct condition {
    hsm_err (*check)(const hsm_approval_case *use); /* NULL: the algorithm is not approved */
    const char *text;                               /* NULL: no condition */
} condition;

#define KEY_TEXT "keys of 112 bits and more"
#define RSA_TEXT "2048 bits and more, an even number"
#define CURVE_TEXT "P-256, P-384 and P-521"
#define KDF_TEXT KEY_TEXT ", of the base and of each result"
#define NO_WRAP_TEXT "wraps no keys (SP 800-38F, 3.1); unwraps old ones"

static const condition conditions[HSM_ALG_COUNT] = {
    [HSM_ALG_DIGEST] = { any_use, "SHA-1 for everything but signatures" },
    [HSM_ALG_HMAC] = { mac_use, KEY_TEXT " (shorter ones verify), MACs of 4 bytes and more" },
    [HSM_ALG_CMAC] = { mac_use, "MACs of 4 bytes and more" },
    [HSM_ALG_AES_ECB] = { any_use, NO_WRAP_TEXT },
    [HSM_ALG_AES_CBC] = { any_use, NO_WRAP_TEXT },
    [HSM_ALG_AES_CBC_PAD] = { any_use, NO_WRAP_TEXT },
    [HSM_ALG_AES_CTR] = { any_use, NO_WRAP_TEXT "; the caller sees to counters that never repeat" },
    [HSM_ALG_AES_GCM] = { gcm_use, "encryption and wrapping only with an IV that the token makes "
                                   "(FIPS 140-3 IG C.H) and a tag of 96 bits and more" },
    [HSM_ALG_AES_KW] = { key_wrap_use, "the standard's initial value" },
    [HSM_ALG_AES_KWP] = { key_wrap_use, "the standard's initial value" },
    [HSM_ALG_AES_KW_PKCS7] = { key_wrap_use, "the standard's initial value" },
    [HSM_ALG_AES_CTS] = { any_use, NO_WRAP_TEXT },
    [HSM_ALG_AES_XTS] = { any_use, "two halves that differ, for storage only" },
    [HSM_ALG_AES_OFB] = { any_use, NO_WRAP_TEXT },
    [HSM_ALG_AES_CFB1] = { any_use, NO_WRAP_TEXT },
    [HSM_ALG_AES_CFB8] = { any_use, NO_WRAP_TEXT },
    [HSM_ALG_AES_CFB128] = { any_use, NO_WRAP_TEXT },
    [HSM_ALG_AES_CCM] = { ccm_use, "a tag of 64 bits and more where it encrypts" },
    [HSM_ALG_AES_GMAC] = { gcm_use, "signing only with an IV that the token makes" },
    [HSM_ALG_RSA_PKCS] = { rsa_use, RSA_TEXT "; signatures are verified from 1024 bits" },
    [HSM_ALG_RSA_PSS] = { pss_use, RSA_TEXT "; signatures are verified from 1024 bits; a salt no "
                                            "longer than the hash; SHA-1 only verifies" },
    [HSM_ALG_RSA_OAEP] = { rsa_use, RSA_TEXT "; to carry keys" },
    [HSM_ALG_ECDSA] = { curve_use, CURVE_TEXT
                        "; P-224 verified only; without a hash of its own only digests of 28, 32, "
                        "48 or 64 bytes (20 bytes: verified only)" },
    [HSM_ALG_EDDSA] = { eddsa_use, "Ed25519, Ed25519ph, Ed448, Ed448ph; not Ed25519ctx" },
    [HSM_ALG_ECDH] = { curve_use, CURVE_TEXT },
    [HSM_ALG_DH] = { enough_strength, "the safe-prime groups of RFC 3526 and RFC 7919" },
    [HSM_ALG_HKDF] = { enough_strength, KDF_TEXT },
    [HSM_ALG_KBKDF_COUNTER] = { enough_strength, KDF_TEXT },
    [HSM_ALG_KBKDF_FEEDBACK] = { enough_strength, KDF_TEXT },
    [HSM_ALG_KBKDF_PIPELINE] = { enough_strength, KDF_TEXT },
    [HSM_ALG_TLS12_EXTENDED] = { enough_strength, "SHA-256, SHA-384 or SHA-512" },
    [HSM_ALG_TLS12_KEYS] = { enough_strength, "SHA-256, SHA-384 or SHA-512" },
    [HSM_ALG_TLS12_SAFE_KEYS] = { enough_strength, "SHA-256, SHA-384 or SHA-512" },
    [HSM_ALG_TLS12_EXPORTER] = { enough_strength, "SHA-256, SHA-384 or SHA-512; " KDF_TEXT },
    [HSM_ALG_IKE_PRF] = { enough_strength, KDF_TEXT },
    [HSM_ALG_IKE1_PRF] = { enough_strength, KDF_TEXT },
    [HSM_ALG_IKE1_EXTENDED] = { enough_strength, KDF_TEXT },
    [HSM_ALG_IKE2_PRF_PLUS] = { enough_strength, KDF_TEXT },
    [HSM_ALG_PUBLIC_FROM_PRIVATE] = { any_use, NULL },
    [HSM_ALG_PBKDF2] = { pbkdf2_use,
                         "a salt of 16 bytes, 1000 iterations, a password of 8 bytes and "
                         "a key of 112 bits at least; for keys that protect storage" },
    [HSM_ALG_RSA_AES_WRAP] = { rsa_use, RSA_TEXT },
    [HSM_ALG_ECDH_AES_WRAP] = { curve_use, CURVE_TEXT },
    [HSM_ALG_ML_DSA] = { pqc_sign_use, "HashML-DSA: a digest of twice the key's strength" },
    [HSM_ALG_SLH_DSA] = { pqc_sign_use, "HashSLH-DSA: a digest of twice the key's strength" },
    [HSM_ALG_ML_KEM] = { any_use, NULL },
    [HSM_ALG_DES3_ECB] = { any_use, "three keys (SP 800-131A, 2)" },
    [HSM_ALG_DES3_CBC] = { any_use, "three keys (SP 800-131A, 2)" },
    [HSM_ALG_DES3_CBC_PAD] = { any_use, "three keys (SP 800-131A, 2)" },
    [HSM_ALG_DES3_CMAC] = { any_use, "three keys (SP 800-131A, 2)" },
    [HSM_ALG_KEYGEN_EXTRA_BITS] = { any_use, CURVE_TEXT },
    [HSM_ALG_KEYGEN] = { any_use, "RSA: 2048 bits and more, an exponent of 65537 to 2^256; EC: "
                                  "P-256, P-384, P-521; secret keys: 112 bits and more" },
};

const char *hsm_approval_text(hsm_alg alg)
{
    return conditions[alg].text;
}

/* --- questions --------------------------------------------------------------------------------- */

hsm_err hsm_approval_of_row(const hsm_mech *mech, hsm_op op)
{
    HSM_CHECK(conditions[mech->alg].check != NULL, HSM_E_MECHANISM);
    switch (mech->approval) {
    case HSM_APPROVED:
        return HSM_OK;
    case HSM_APPROVED_DATA:
        return op == HSM_OP_WRAP ? HSM_E_MECHANISM : HSM_OK;
    case HSM_APPROVED_LEGACY:
        return is_old_data(op) ? HSM_OK : HSM_E_MECHANISM;
    case HSM_NOT_APPROVED:
        return HSM_E_MECHANISM;
    }
    return HSM_E_MECHANISM;
}

hsm_err hsm_approval_of_use(const hsm_approval_case *use)
{
    HSM_TRY(hsm_approval_of_row(use->mech, use->op));
    return conditions[use->mech->alg].check(use);
}

hsm_err hsm_approval_of_data(const hsm_mech *mech, hsm_op op, size_t data_len)
{
    if (mech->alg != HSM_ALG_ECDSA || mech->hash != HSM_HASH_NONE)
        return HSM_OK;
    HSM_CHECK(data_len == 28 || data_len == 32 || data_len == 48 || data_len == 64 ||
                  (data_len == 20 && is_old_data(op)),
              HSM_E_DATA_LEN);
    return HSM_OK;
}

/* FIPS 186-5, A.1.1: odd, over 2^16 and under 2^256. */
static bool is_approved_exponent(hsm_bytes exponent)
{
    const uint8_t *at = exponent.data;
    size_t len = exponent.len;

    while (len > 0 && *at == 0) {
        at++;
        len--;
    }
    return len >= 3 && len <= 32 && (at[len - 1] & 1) == 1 && (len > 3 || at[0] >= 1);
}

hsm_err hsm_approval_of_generation(const hsm_keygen *request)
{
    const hsm_curve *curve = NULL;

    if ((request->mech->ops & HSM_OP_GENERATE) != 0) {
        HSM_CHECK(request->bits >= HSM_APPROVED_MIN_STRENGTH_BITS, HSM_E_KEY_SIZE);
        return HSM_OK;
    }
    if (request->key_type == CKK_RSA) {
        HSM_CHECK(request->bits >= RSA_MIN_BITS && request->bits % 2 == 0, HSM_E_KEY_SIZE);
        HSM_CHECK(request->public_exponent.len == 0 ||
                      is_approved_exponent(request->public_exponent),
                  HSM_E_TEMPLATE_INCONSISTENT);
    } else if (request->key_type == CKK_EC) {
        HSM_TRY(hsm_curve_find(request->ec_params, CKK_EC, &curve));
        HSM_CHECK(is_for_new_data(curve), HSM_E_CURVE);
    }
    return HSM_OK;
}

/* SP 800-135, 4.2.2 */
static bool is_tls(hsm_alg alg)
{
    return alg == HSM_ALG_TLS12_EXTENDED || alg == HSM_ALG_TLS12_KEYS ||
           alg == HSM_ALG_TLS12_SAFE_KEYS || alg == HSM_ALG_TLS12_EXPORTER;
}

hsm_err hsm_approval_of_derivation(const hsm_mech *mech, const hsm_kdf *kdf,
                                   const hsm_kdf_slice *slices, size_t count)
{
    HSM_CHECK(!is_tls(mech->alg) || kdf->hash == HSM_HASH_SHA256 || kdf->hash == HSM_HASH_SHA384 ||
                  kdf->hash == HSM_HASH_SHA512,
              HSM_E_MECHANISM_PARAM);
    for (size_t i = 0; i < count; i++)
        HSM_CHECK(mech->makes_data || slices[i].len * 8 >= HSM_APPROVED_MIN_STRENGTH_BITS,
                  HSM_E_KEY_SIZE);
    return HSM_OK;
}

hsm_err hsm_approval_of_wrapping(const hsm_approval_case *use, const hsm_key *wrapped)
{
    const hsm_alg alg = use->mech->alg;
    uint32_t strength = hsm_key_strength(use->key);

    if (alg == HSM_ALG_RSA_AES_WRAP || alg == HSM_ALG_ECDH_AES_WRAP)
        strength = strength < use->params->aes_bits ? strength : use->params->aes_bits;
    HSM_CHECK(strength >= hsm_key_strength(wrapped), HSM_E_WRAPPING_KEY_SIZE);
    return HSM_OK;
}
