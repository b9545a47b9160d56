/* Signatures named as protocols do, against the mechanisms that they must be.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/sign_as.h"

#include "core/keyring.h"
#include "support/check.h"
#include "unit/core/bench.h"

/* out_handles: public and private key. */
static hsm_err make_pair(const bench *on, const char *kind, CK_OBJECT_HANDLE out_handles[2])
{
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    HSM_AUTO(hsm_named_clear) hsm_named public_named = { 0 };
    HSM_AUTO(hsm_named_clear) hsm_named private_named = { 0 };
    hsm_key_spec spec;
    const hsm_make_request request = { &spec, &public_named, &private_named };
    size_t count = 0;

    HSM_TRY(hsm_core_key_spec(kind, &spec));
    HSM_TRY(hsm_named_put_bool(&public_named, "VERIFY", true));
    HSM_TRY(hsm_named_put_bool(&private_named, "SIGN", true));
    HSM_TRY(hsm_core_session(on->core, on->session, &session));
    return hsm_core_make_key(on->core, session, &request, out_handles, &count);
}

static const CK_RSA_PKCS_PSS_PARAMS pss_256 = { CKM_SHA256, CKG_MGF1_SHA256, 32 };
static const CK_RSA_PKCS_PSS_PARAMS pss_384 = { CKM_SHA384, CKG_MGF1_SHA384, 48 };
static const CK_RSA_PKCS_PSS_PARAMS pss_512 = { CKM_SHA512, CKG_MGF1_SHA512, 64 };

/* pss NULL: the mechanism has no parameter. */
static const struct {
    const char *key;
    hsm_sign_kind kind;
    uint32_t hash_bits;
    CK_MECHANISM_TYPE mechanism;
    const CK_RSA_PKCS_PSS_PARAMS *pss;
} cases[] = {
    { "RSA-2048", HSM_SIGN_RSA_PKCS1, 256, CKM_SHA256_RSA_PKCS, NULL },
    { "RSA-2048", HSM_SIGN_RSA_PKCS1, 384, CKM_SHA384_RSA_PKCS, NULL },
    { "RSA-2048", HSM_SIGN_RSA_PKCS1, 512, CKM_SHA512_RSA_PKCS, NULL },
    { "RSA-2048", HSM_SIGN_RSA_PSS, 256, CKM_SHA256_RSA_PKCS_PSS, &pss_256 },
    { "RSA-2048", HSM_SIGN_RSA_PSS, 384, CKM_SHA384_RSA_PKCS_PSS, &pss_384 },
    { "RSA-2048", HSM_SIGN_RSA_PSS, 512, CKM_SHA512_RSA_PKCS_PSS, &pss_512 },
    { "P-256", HSM_SIGN_ECDSA, 256, CKM_ECDSA_SHA256, NULL },
    { "P-384", HSM_SIGN_ECDSA, 384, CKM_ECDSA_SHA384, NULL },
    { "P-521", HSM_SIGN_ECDSA, 512, CKM_ECDSA_SHA512, NULL },
    { "Ed25519", HSM_SIGN_EDDSA, 0, CKM_EDDSA, NULL },
    { "ML-DSA-44", HSM_SIGN_ML_DSA, 0, CKM_ML_DSA, NULL },
};

static hsm_err verify(const bench *on, size_t row, CK_OBJECT_HANDLE key, hsm_bytes signature)
{
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_RSA_PKCS_PSS_PARAMS pss = cases[row].pss != NULL ? *cases[row].pss : pss_256;
    const CK_MECHANISM mechanism = { cases[row].mechanism, cases[row].pss != NULL ? &pss : NULL,
                                     cases[row].pss != NULL ? sizeof pss : 0 };

    HSM_TRY(hsm_core_session(on->core, on->session, &session));
    HSM_TRY(hsm_core_op_init(on->core, session, HSM_OP_VERIFY, &mechanism, key));
    return hsm_core_verify(on->core, session, hsm_bytes_of_text("a message"), signature);
}

static hsm_err sign(const bench *on, const hsm_sign_request *request, hsm_out *out)
{
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;

    HSM_TRY(hsm_core_session(on->core, on->session, &session));
    return hsm_core_sign_as(on->core, session, request, out);
}

static void signatures_are_the_mechanisms(void)
{
    HSM_AUTO(bench_close) bench on = { 0 };
    CK_OBJECT_HANDLE keys[2] = { 0 };
    const char *made = "";
    uint8_t signature[8192];

    REQUIRE_OK(bench_open(&on));
    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        hsm_out out = { .data = signature, .cap = sizeof signature };

        CASE(cases[i].key);
        if (strcmp(made, cases[i].key) != 0)
            REQUIRE_OK(make_pair(&on, cases[i].key, keys));
        made = cases[i].key;
        const hsm_sign_request request = { keys[1], cases[i].kind, cases[i].hash_bits,
                                           hsm_bytes_of_text("a message") };
        REQUIRE_OK(sign(&on, &request, &out));
        CHECK_OK(verify(&on, i, keys[0], hsm_bytes_of(signature, out.len)));
    }
}

static void what_does_not_go_together(void)
{
    static const struct {
        hsm_sign_kind kind;
        uint32_t hash_bits;
        hsm_err want;
    } wrong[] = {
        { HSM_SIGN_ECDSA, 0, HSM_E_MECHANISM },   { HSM_SIGN_ECDSA, 255, HSM_E_MECHANISM },
        { HSM_SIGN_EDDSA, 256, HSM_E_MECHANISM }, { HSM_SIGN_ML_DSA, 256, HSM_E_MECHANISM },
        { HSM_SIGN_RSA_PSS, 0, HSM_E_MECHANISM }, { HSM_SIGN_RSA_PSS, 256, HSM_E_KEY_TYPE },
        { HSM_SIGN_EDDSA, 0, HSM_E_KEY_TYPE },
    };
    HSM_AUTO(bench_close) bench on = { 0 };
    CK_OBJECT_HANDLE keys[2] = { 0 };
    uint8_t signature[8192];

    REQUIRE_OK(bench_open(&on));
    REQUIRE_OK(make_pair(&on, "P-256", keys));
    for (size_t i = 0; i < HSM_ARRAY_LEN(wrong); i++) {
        hsm_out out = { .data = signature, .cap = sizeof signature };
        const hsm_sign_request request = { keys[1], wrong[i].kind, wrong[i].hash_bits,
                                           hsm_bytes_of_text("x") };

        CHECK_ERR(sign(&on, &request, &out), wrong[i].want);
    }
    const hsm_sign_request by_public = { keys[0], HSM_SIGN_ECDSA, 256, hsm_bytes_of_text("x") };
    hsm_out out = { .data = signature, .cap = sizeof signature };
    CHECK_THAT(sign(&on, &by_public, &out) != HSM_OK);
}

static const check_test tests[] = {
    CHECK_TEST(signatures_are_the_mechanisms),
    CHECK_TEST(what_does_not_go_together),
};
CHECK_MAIN(tests)
