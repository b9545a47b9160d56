/* Known answers of signatures. Where a signature is random by nature, its variant that is not gives
 * the published one: RFC 6979 for ECDSA, no salt for PSS, no hedge for ML-DSA and SLH-DSA.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "crypto/selftest_internal.h"
#include "crypto/selftest_vectors.h"

#define SIGNATURE_MAX_BYTES 20000u /* SLH-DSA-...-128f: 17088 */

typedef struct signing {
    hsm_selftest test;
    hsm_mech mech;
    hsm_mech_params params;
    hsm_key *private_key;
    hsm_key *public_key;
    const char *message;
    const char *signature;        /* or */
    const char *signature_sha256; /* where it is long */
} signing;

static hsm_err compare(hsm_crypto *crypto, const signing *s, hsm_bytes got)
{
    if (s->signature != NULL)
        return known_equals(s->test, got, s->signature);
    return known_digest(crypto, s->test, got, s->signature_sha256);
}

/* What is signed is the published signature, so verifying it is verifying that one. */
static hsm_err sign_in(hsm_crypto *crypto, const signing *s, uint8_t *room)
{
    const known message = known_of(s->message);
    const crypt_question sign = { HSM_OP_SIGN, &s->mech, &s->params, s->private_key };
    const crypt_question verify = { HSM_OP_VERIFY, &s->mech, &s->params, s->public_key };
    hsm_out out = hsm_out_of(room, SIGNATURE_MAX_BYTES);

    HSM_TRY(crypt_answer(crypto, &sign, known_view(&message), &out));
    HSM_TRY(compare(crypto, s, hsm_bytes_of(room, out.len)));
    return crypt_verifies(crypto, &verify, known_view(&message), hsm_bytes_of(room, out.len));
}

static hsm_err try_signing(hsm_crypto *crypto, const signing *s)
{
    uint8_t *room = malloc(SIGNATURE_MAX_BYTES);

    HSM_CHECK(room != NULL, HSM_E_NO_MEMORY);
    const hsm_err err = sign_in(crypto, s, room);
    free(room);
    return err;
}

static void bundle_drop(hsm_key_bundle *bundle)
{
    hsm_key_bundle_clear(bundle);
}

/* The halves of a pair from its private parts. */
static hsm_err open_pair(hsm_crypto *crypto, const hsm_key_parts *parts, signing *s)
{
    HSM_AUTO(bundle_drop) hsm_key_bundle whole = { 0 };

    HSM_TRY(hsm_key_create(crypto, parts, &s->private_key));
    HSM_TRY(hsm_key_complete(crypto, parts, &whole));
    hsm_key_parts public_parts = whole.parts;
    public_parts.key_class = CKO_PUBLIC_KEY;
    public_parts.part[HSM_PART_VALUE] = hsm_bytes_none();
    public_parts.part[HSM_PART_SEED] = hsm_bytes_none();
    return hsm_key_create(crypto, &public_parts, &s->public_key);
}

static void signing_clear(signing *s)
{
    hsm_key_destroy(s->private_key);
    hsm_key_destroy(s->public_key);
}

/* --- RSA ------------------------------------------------------------------------------------------ */

static hsm_err open_rsa(hsm_crypto *crypto, signing *s)
{
    const known der = known_of(rsa_private);
    HSM_AUTO(bundle_drop) hsm_key_bundle bundle = { 0 };

    HSM_TRY(hsm_key_pkcs8_decode(crypto, known_view(&der), CKK_RSA, &bundle));
    hsm_key_parts public_parts = { .key_class = CKO_PUBLIC_KEY, .key_type = CKK_RSA };
    public_parts.part[HSM_PART_MODULUS] = bundle.parts.part[HSM_PART_MODULUS];
    public_parts.part[HSM_PART_PUBLIC_EXPONENT] = bundle.parts.part[HSM_PART_PUBLIC_EXPONENT];
    HSM_TRY(hsm_key_create(crypto, &bundle.parts, &s->private_key));
    return hsm_key_create(crypto, &public_parts, &s->public_key);
}

hsm_err hsm_selftest_rsa_pkcs1(hsm_crypto *crypto, hsm_selftest test)
{
    HSM_AUTO(signing_clear)
    signing s = {
        .test = test,
        .mech = { .alg = HSM_ALG_RSA_PKCS, .hash = HSM_HASH_SHA256, .is_multi_part = true },
        .message = rsa_message,
        .signature = rsa_signature,
    };

    HSM_TRY(open_rsa(crypto, &s));
    return try_signing(crypto, &s);
}

/* Made without a salt; and one with a salt of 32 bytes, as everybody uses, is verified. */
hsm_err hsm_selftest_rsa_pss(hsm_crypto *crypto, hsm_selftest test)
{
    HSM_AUTO(signing_clear)
    signing s = {
        .test = test,
        .mech = { .alg = HSM_ALG_RSA_PSS, .hash = HSM_HASH_SHA256, .is_multi_part = true },
        .params = { .hash = HSM_HASH_SHA256, .mgf_hash = HSM_HASH_SHA256 },
        .message = "616263",
        .signature = pss_exact_signature,
    };

    HSM_TRY(open_rsa(crypto, &s));
    HSM_TRY(try_signing(crypto, &s));
    s.params.salt_len = 32;
    const crypt_question question = { HSM_OP_VERIFY, &s.mech, &s.params, s.public_key };
    const known message = known_of(pss_message);
    const known signature = known_of(pss_signature);
    return crypt_verifies(crypto, &question, known_view(&message), known_view(&signature));
}

/* --- Elliptic curves ------------------------------------------------------------------------------ */

static hsm_err open_ec(hsm_crypto *crypto, CK_KEY_TYPE key_type, hsm_bytes curve, const char *value,
                       signing *s)
{
    const known number = known_of(value);
    hsm_key_parts parts = { .key_class = CKO_PRIVATE_KEY, .key_type = key_type };

    parts.part[HSM_PART_PARAMS] = curve;
    parts.part[HSM_PART_VALUE] = known_view(&number);
    return open_pair(crypto, &parts, s);
}

/* RFC 6979, A.2.5: P-256, SHA-256, "sample" */
hsm_err hsm_selftest_ecdsa(hsm_crypto *crypto, hsm_selftest test)
{
    static const uint8_t p_256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
    HSM_AUTO(signing_clear)
    signing s = {
        .test = test,
        .mech = { .alg = HSM_ALG_ECDSA, .hash = HSM_HASH_SHA256, .is_multi_part = true },
        .params = { .is_deterministic = true },
        .message = "73616d706c65",
        .signature = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                     "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
    };

    HSM_TRY(open_ec(crypto, CKK_EC, hsm_bytes_of(p_256, sizeof p_256),
                    "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721", &s));
    if (!crypto->backend->lacks_rfc6979)
        return try_signing(crypto, &s);
    /* The provider proved its signing itself when it was loaded. */
    const crypt_question question = { HSM_OP_VERIFY, &s.mech, &s.params, s.public_key };
    const known text = known_of(s.message);
    const known signature = known_of(s.signature);
    return crypt_verifies(crypto, &question, known_view(&text), known_view(&signature));
}

/* RFC 8032, 7.1, test 2 */
hsm_err hsm_selftest_eddsa(hsm_crypto *crypto, hsm_selftest test)
{
    static const uint8_t ed25519[] = { 0x06, 0x03, 0x2b, 0x65, 0x70 };
    HSM_AUTO(signing_clear)
    signing s = {
        .test = test,
        .mech = { .alg = HSM_ALG_EDDSA, .is_multi_part = true },
        .message = "72",
        .signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                     "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    };

    HSM_TRY(open_ec(crypto, CKK_EC_EDWARDS, hsm_bytes_of(ed25519, sizeof ed25519),
                    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", &s));
    return try_signing(crypto, &s);
}

/* --- Lattices and hashes -------------------------------------------------------------------------- */

/* A private key in one part: the seed, or for SLH-DSA the value. */
static hsm_err open_pqc(hsm_crypto *crypto, CK_KEY_TYPE key_type, CK_ULONG set, hsm_part part,
                        hsm_bytes value, signing *s)
{
    hsm_key_parts parts = { .key_class = CKO_PRIVATE_KEY, .key_type = key_type };

    parts.part[HSM_PART_PARAMETER_SET] = hsm_bytes_of(&set, sizeof set);
    parts.part[part] = value;
    return open_pair(crypto, &parts, s);
}

hsm_err hsm_selftest_ml_dsa(hsm_crypto *crypto, hsm_selftest test)
{
    const known seed = known_of(ml_dsa_seed);
    const known context = known_of(ml_dsa_context);
    HSM_AUTO(bundle_drop) hsm_key_bundle whole = { 0 };
    HSM_AUTO(signing_clear)
    signing s = {
        .test = test,
        .mech = { .alg = HSM_ALG_ML_DSA, .is_multi_part = true },
        .params = { .context = known_view(&context), .hedge = CKH_DETERMINISTIC_REQUIRED },
        .message = ml_dsa_message,
        .signature_sha256 = ml_dsa_signature_sha256,
    };
    const CK_ULONG set = CKP_ML_DSA_44;
    hsm_key_parts parts = { .key_class = CKO_PRIVATE_KEY, .key_type = CKK_ML_DSA };

    parts.part[HSM_PART_PARAMETER_SET] = hsm_bytes_of(&set, sizeof set);
    parts.part[HSM_PART_SEED] = known_view(&seed);
    HSM_TRY(hsm_key_complete(crypto, &parts, &whole));
    HSM_TRY(known_digest(crypto, test, whole.parts.part[HSM_PART_PUBLIC], ml_dsa_public_sha256));
    HSM_TRY(open_pqc(crypto, CKK_ML_DSA, set, HSM_PART_SEED, known_view(&seed), &s));
    return try_signing(crypto, &s);
}

hsm_err hsm_selftest_slh_dsa(hsm_crypto *crypto, hsm_selftest test)
{
    const bool is_sha2 = test == HSM_SELFTEST_SLH_DSA_SHA2;
    const known value = known_of(is_sha2 ? slh_dsa_sha2_private : slh_dsa_shake_private);
    const known context = known_of(is_sha2 ? slh_dsa_sha2_context : slh_dsa_shake_context);
    HSM_AUTO(signing_clear)
    signing s = {
        .test = test,
        .mech = { .alg = HSM_ALG_SLH_DSA, .is_multi_part = true },
        .params = { .context = known_view(&context), .hedge = CKH_DETERMINISTIC_REQUIRED },
        .message = is_sha2 ? slh_dsa_sha2_message : slh_dsa_shake_message,
        .signature_sha256 =
            is_sha2 ? slh_dsa_sha2_signature_sha256 : slh_dsa_shake_signature_sha256,
    };

    HSM_TRY(open_pqc(crypto, CKK_SLH_DSA, is_sha2 ? CKP_SLH_DSA_SHA2_128F : CKP_SLH_DSA_SHAKE_128F,
                     HSM_PART_VALUE, known_view(&value), &s));
    return try_signing(crypto, &s);
}
