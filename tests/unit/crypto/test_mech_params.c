/* Mechanism parameters: each limit and one beyond, every pointer missing, every address.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mech.h"
#include "support/check.h"

#define BIG_BYTES ((size_t)64 * 1024 * 1024 + 1)

static uint8_t bytes[8192];
static uint8_t big[1]; /* its length is a claim: nothing here reads it */

static hsm_err read_param(CK_MECHANISM_TYPE id, const void *data, size_t len, hsm_mech_params *out)
{
    const CK_MECHANISM mechanism = { id, (void *)(uintptr_t)data, len };

    return hsm_mech_params_read(hsm_mech_find(id), &mechanism, out);
}

/* A length no structure has, a missing pointer, and nothing at all. */
static void wrong_lengths(void)
{
    static const struct {
        const char *label;
        CK_MECHANISM_TYPE id;
        bool may_be_absent;
    } cases[] = {
        { "none", CKM_SHA256, true },           { "iv", CKM_AES_CBC, false },
        { "counter", CKM_AES_CTR, false },      { "gcm", CKM_AES_GCM, false },
        { "key wrap", CKM_AES_KEY_WRAP, true }, { "mac", CKM_SHA256_HMAC_GENERAL, false },
        { "pss", CKM_RSA_PKCS_PSS, false },     { "oaep", CKM_RSA_PKCS_OAEP, false },
        { "eddsa", CKM_EDDSA, true },           { "ecdh", CKM_ECDH1_DERIVE, false },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        hsm_mech_params params;

        CASE(cases[i].label);
        CHECK_ERR(read_param(cases[i].id, bytes, 3, &params), HSM_E_MECHANISM_PARAM);
        CHECK_ERR(read_param(cases[i].id, bytes, 17, &params), HSM_E_MECHANISM_PARAM);
        CHECK_ERR(read_param(cases[i].id, bytes, 4096, &params), HSM_E_MECHANISM_PARAM);
        CHECK_ERR(read_param(cases[i].id, NULL, 16, &params), HSM_E_MECHANISM_PARAM);
        CHECK_ERR(read_param(cases[i].id, NULL, SIZE_MAX, &params), HSM_E_MECHANISM_PARAM);
        CHECK_ERR(read_param(cases[i].id, NULL, 0, &params),
                  cases[i].may_be_absent ? HSM_OK : HSM_E_MECHANISM_PARAM);
    }
}

static void failure_writes_nothing(void)
{
    hsm_mech_params params = { .tag_bits = 77 };

    CHECK_ERR(read_param(CKM_SHA256, bytes, 1, &params), HSM_E_MECHANISM_PARAM);
    CHECK_EQ(params.tag_bits, 77);
}

static const struct {
    const char *label;
    CK_GCM_PARAMS gcm;
    hsm_err want;
} gcm_cases[] = {
    { "usual", { bytes, 12, 96, NULL, 0, 128 }, HSM_OK },
    { "ulIvBits is not looked at", { bytes, 12, 7, NULL, 0, 128 }, HSM_OK },
    { "longest IV", { bytes, 128, 0, NULL, 0, 128 }, HSM_OK },
    { "IV too long", { bytes, 129, 0, NULL, 0, 128 }, HSM_E_MECHANISM_PARAM },
    { "no IV", { bytes, 0, 0, NULL, 0, 128 }, HSM_E_MECHANISM_PARAM },
    { "IV missing", { NULL, 12, 96, NULL, 0, 128 }, HSM_E_MECHANISM_PARAM },
    { "IV length absurd", { bytes, ~0UL, 0, NULL, 0, 128 }, HSM_E_MECHANISM_PARAM },
    { "longest AAD", { bytes, 12, 96, big, BIG_BYTES - 1, 128 }, HSM_OK },
    { "AAD too long", { bytes, 12, 96, big, BIG_BYTES, 128 }, HSM_E_MECHANISM_PARAM },
    { "AAD missing", { bytes, 12, 96, NULL, 1, 128 }, HSM_E_MECHANISM_PARAM },
    { "AAD length absurd", { bytes, 12, 96, big, ~0UL, 128 }, HSM_E_MECHANISM_PARAM },
    { "shortest tag", { bytes, 12, 96, NULL, 0, 32 }, HSM_OK },
    { "tag too short", { bytes, 12, 96, NULL, 0, 24 }, HSM_E_MECHANISM_PARAM },
    { "tag of 0", { bytes, 12, 96, NULL, 0, 0 }, HSM_E_MECHANISM_PARAM },
    { "tag of 40", { bytes, 12, 96, NULL, 0, 40 }, HSM_E_MECHANISM_PARAM },
    { "tag of 64", { bytes, 12, 96, NULL, 0, 64 }, HSM_OK },
    { "tag of 96", { bytes, 12, 96, NULL, 0, 96 }, HSM_OK },
    { "tag of 97", { bytes, 12, 96, NULL, 0, 97 }, HSM_E_MECHANISM_PARAM },
    { "tag too long", { bytes, 12, 96, NULL, 0, 136 }, HSM_E_MECHANISM_PARAM },
};

static void gcm(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(gcm_cases); i++) {
        const CK_GCM_PARAMS *g = &gcm_cases[i].gcm;
        const CK_GCM_WRAP_PARAMS wrap = {
            g->pIv, g->ulIvLen, 0, CKG_NO_GENERATE, g->pAAD, g->ulAADLen, g->ulTagBits,
        };
        /* The layout without ulIvBits. */
        uint8_t old[sizeof *g - sizeof(CK_ULONG)];
        const size_t before = offsetof(CK_GCM_PARAMS, ulIvBits);
        hsm_mech_params params;

        memcpy(old, g, before);
        memcpy(old + before, (const uint8_t *)g + before + sizeof(CK_ULONG), sizeof old - before);
        CASE(gcm_cases[i].label);
        CHECK_ERR(read_param(CKM_AES_GCM, old, sizeof old, &params), gcm_cases[i].want);
        CHECK_ERR(read_param(CKM_AES_GCM, &wrap, sizeof wrap, &params), gcm_cases[i].want);
        CHECK_ERR(read_param(CKM_AES_GCM, g, sizeof *g, &params), gcm_cases[i].want);
        if (gcm_cases[i].want != HSM_OK)
            continue;
        CHECK_EQ(params.tag_bits, g->ulTagBits);
        CHECK_EQ(params.iv.len, g->ulIvLen);
        CHECK_THAT(params.iv.data == g->pIv);
        CHECK_EQ(params.aad.len, g->ulAADLen);
    }
}

/* Whether the token makes it: asked where wrapping begins. */
static void wrap_tells_who_makes_the_iv(void)
{
    CK_GCM_WRAP_PARAMS gcm = { bytes, 12, 0, CKG_GENERATE, NULL, 0, 128 };
    CK_CCM_WRAP_PARAMS ccm = { 0, bytes, 12, 0, CKG_GENERATE_RANDOM, NULL, 0, 16 };
    hsm_mech_params params;

    CHECK_OK(read_param(CKM_AES_GCM, &gcm, sizeof gcm, &params));
    CHECK_THAT(params.leaves_iv);
    CHECK_OK(read_param(CKM_AES_CCM, &ccm, sizeof ccm, &params));
    CHECK_THAT(params.leaves_iv);
    gcm.ivGenerator = CKG_NO_GENERATE;
    ccm.nonceGenerator = CKG_NO_GENERATE;
    CHECK_OK(read_param(CKM_AES_GCM, &gcm, sizeof gcm, &params));
    CHECK_THAT(!params.leaves_iv);
    CHECK_OK(read_param(CKM_AES_CCM, &ccm, sizeof ccm, &params));
    CHECK_THAT(!params.leaves_iv);
}

static void counter(void)
{
    static const struct {
        CK_ULONG bits;
        hsm_err want;
    } cases[] = { { 0, HSM_E_MECHANISM_PARAM },
                  { 1, HSM_OK },
                  { 32, HSM_OK },
                  { 128, HSM_OK },
                  { 129, HSM_E_MECHANISM_PARAM },
                  { ~0UL, HSM_E_MECHANISM_PARAM } };

    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        CK_AES_CTR_PARAMS ctr = { .ulCounterBits = cases[i].bits, .cb = { 1, 2, 3 } };
        hsm_mech_params params;

        CHECK_ERR(read_param(CKM_AES_CTR, &ctr, sizeof ctr, &params), cases[i].want);
        if (cases[i].want != HSM_OK)
            continue;
        CHECK_EQ(params.counter_bits, cases[i].bits);
        CHECK_BYTES(params.iv.data, params.iv.len, ctr.cb, 16);
    }
}

static void initial_values(void)
{
    static const struct {
        const char *label;
        CK_MECHANISM_TYPE id;
        size_t len;
        hsm_err want;
    } cases[] = {
        { "CBC", CKM_AES_CBC, 16, HSM_OK },
        { "CBC short", CKM_AES_CBC_PAD, 15, HSM_E_MECHANISM_PARAM },
        { "KW", CKM_AES_KEY_WRAP, 8, HSM_OK },
        { "KW as KWP", CKM_AES_KEY_WRAP, 4, HSM_E_MECHANISM_PARAM },
        { "KWP", CKM_AES_KEY_WRAP_KWP, 4, HSM_OK },
        { "KWP as KW", CKM_AES_KEY_WRAP_KWP, 8, HSM_E_MECHANISM_PARAM },
        { "PAD", CKM_AES_KEY_WRAP_PAD, 4, HSM_OK },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        hsm_mech_params params;

        CASE(cases[i].label);
        CHECK_ERR(read_param(cases[i].id, bytes, cases[i].len, &params), cases[i].want);
        if (cases[i].want == HSM_OK)
            CHECK_EQ(params.iv.len, cases[i].len);
    }
}

static void mac_lengths(void)
{
    static const struct {
        CK_MECHANISM_TYPE id;
        CK_ULONG max_len;
    } cases[] = { { CKM_SHA_1_HMAC_GENERAL, 20 },    { CKM_SHA256_HMAC_GENERAL, 32 },
                  { CKM_SHA512_HMAC_GENERAL, 64 },   { CKM_SHA512_224_HMAC_GENERAL, 28 },
                  { CKM_SHA3_384_HMAC_GENERAL, 48 }, { CKM_AES_CMAC_GENERAL, 16 } };

    for (size_t i = 0; i < HSM_ARRAY_LEN(cases); i++) {
        const CK_ULONG tried[] = { 0, 1, cases[i].max_len, cases[i].max_len + 1, ~0UL };
        const bool fits[] = { false, true, true, false, false };
        hsm_mech_params params;

        for (size_t k = 0; k < HSM_ARRAY_LEN(tried); k++)
            CHECK_ERR(read_param(cases[i].id, &tried[k], sizeof tried[k], &params),
                      fits[k] ? HSM_OK : HSM_E_MECHANISM_PARAM);
    }
}

static const struct {
    const char *label;
    CK_MECHANISM_TYPE id;
    CK_RSA_PKCS_PSS_PARAMS pss;
    hsm_err want;
} pss_cases[] = {
    { "usual", CKM_RSA_PKCS_PSS, { CKM_SHA256, CKG_MGF1_SHA256, 32 }, HSM_OK },
    { "two hashes", CKM_SHA512_RSA_PKCS_PSS, { CKM_SHA512, CKG_MGF1_SHA1, 0 }, HSM_OK },
    { "not the row's hash",
      CKM_SHA512_RSA_PKCS_PSS,
      { CKM_SHA256, CKG_MGF1_SHA256, 32 },
      HSM_E_MECHANISM_PARAM },
    { "no hash", CKM_RSA_PKCS_PSS, { 0, CKG_MGF1_SHA256, 32 }, HSM_E_MECHANISM_PARAM },
    { "an HMAC is no hash",
      CKM_RSA_PKCS_PSS,
      { CKM_SHA256_HMAC, CKG_MGF1_SHA256, 32 },
      HSM_E_MECHANISM_PARAM },
    { "no MGF", CKM_RSA_PKCS_PSS, { CKM_SHA256, 0, 32 }, HSM_E_MECHANISM_PARAM },
    { "MGF unknown", CKM_RSA_PKCS_PSS, { CKM_SHA256, ~0UL, 32 }, HSM_E_MECHANISM_PARAM },
    { "longest salt", CKM_RSA_PKCS_PSS, { CKM_SHA256, CKG_MGF1_SHA256, 2048 }, HSM_OK },
    { "salt too long",
      CKM_RSA_PKCS_PSS,
      { CKM_SHA256, CKG_MGF1_SHA256, 2049 },
      HSM_E_MECHANISM_PARAM },
};

static void pss(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(pss_cases); i++) {
        hsm_mech_params params;

        CASE(pss_cases[i].label);
        CHECK_ERR(read_param(pss_cases[i].id, &pss_cases[i].pss, sizeof pss_cases[i].pss, &params),
                  pss_cases[i].want);
        if (pss_cases[i].want != HSM_OK)
            continue;
        CHECK_EQ(hsm_hash_get(params.hash)->digest_mech, pss_cases[i].pss.hashAlg);
        CHECK_EQ(hsm_hash_get(params.mgf_hash)->mgf, pss_cases[i].pss.mgf);
        CHECK_EQ(params.salt_len, pss_cases[i].pss.sLen);
    }
}

static const struct {
    const char *label;
    CK_RSA_PKCS_OAEP_PARAMS oaep;
    hsm_err want;
} oaep_cases[] = {
    { "usual", { CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0 }, HSM_OK },
    { "no source, no label", { CKM_SHA256, CKG_MGF1_SHA256, 0, NULL, 0 }, HSM_OK },
    { "no source, a label", { CKM_SHA256, CKG_MGF1_SHA256, 0, bytes, 1 }, HSM_E_MECHANISM_PARAM },
    { "unknown source", { CKM_SHA256, CKG_MGF1_SHA256, 2, NULL, 0 }, HSM_E_MECHANISM_PARAM },
    { "longest label", { CKM_SHA256, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, bytes, 4096 }, HSM_OK },
    { "label too long",
      { CKM_SHA256, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, bytes, 4097 },
      HSM_E_MECHANISM_PARAM },
    { "label missing",
      { CKM_SHA256, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 1 },
      HSM_E_MECHANISM_PARAM },
    { "unknown hash",
      { CKM_MD5, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0 },
      HSM_E_MECHANISM_PARAM },
};

static void oaep(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(oaep_cases); i++) {
        hsm_mech_params params;

        CASE(oaep_cases[i].label);
        CHECK_ERR(
            read_param(CKM_RSA_PKCS_OAEP, &oaep_cases[i].oaep, sizeof oaep_cases[i].oaep, &params),
            oaep_cases[i].want);
        if (oaep_cases[i].want == HSM_OK)
            CHECK_EQ(params.label.len, oaep_cases[i].oaep.ulSourceDataLen);
    }
}

static const struct {
    const char *label;
    CK_EDDSA_PARAMS eddsa;
    hsm_err want;
} eddsa_cases[] = {
    { "no context", { CK_FALSE, 0, NULL }, HSM_OK },
    { "prehash", { CK_TRUE, 0, NULL }, HSM_OK },
    { "longest context", { CK_FALSE, 255, bytes }, HSM_OK },
    { "context too long", { CK_FALSE, 256, bytes }, HSM_E_MECHANISM_PARAM },
    { "context missing", { CK_FALSE, 1, NULL }, HSM_E_MECHANISM_PARAM },
    { "neither true nor false", { 2, 0, NULL }, HSM_E_MECHANISM_PARAM },
};

static void eddsa(void)
{
    hsm_mech_params params;

    for (size_t i = 0; i < HSM_ARRAY_LEN(eddsa_cases); i++) {
        CASE(eddsa_cases[i].label);
        CHECK_ERR(
            read_param(CKM_EDDSA, &eddsa_cases[i].eddsa, sizeof eddsa_cases[i].eddsa, &params),
            eddsa_cases[i].want);
        if (eddsa_cases[i].want != HSM_OK)
            continue;
        CHECK_THAT(params.has_context);
        CHECK_EQ(params.is_prehash, eddsa_cases[i].eddsa.phFlag);
        CHECK_EQ(params.context.len, eddsa_cases[i].eddsa.ulContextDataLen);
    }
    CHECK_OK(read_param(CKM_EDDSA, NULL, 0, &params));
    CHECK_THAT(!params.has_context);
}

static const struct {
    const char *label;
    CK_ECDH1_DERIVE_PARAMS ecdh;
    hsm_err want;
} ecdh_cases[] = {
    { "no KDF", { CKD_NULL, 0, NULL, 65, bytes }, HSM_OK },
    { "no KDF, shared data", { CKD_NULL, 1, bytes, 65, bytes }, HSM_E_MECHANISM_PARAM },
    { "KDF and shared data", { CKD_SHA256_KDF, 16, bytes, 65, bytes }, HSM_OK },
    { "longest shared data", { CKD_SHA256_KDF, 4096, bytes, 65, bytes }, HSM_OK },
    { "shared data too long", { CKD_SHA256_KDF, 4097, bytes, 65, bytes }, HSM_E_MECHANISM_PARAM },
    { "shared data missing", { CKD_SHA1_KDF, 1, NULL, 65, bytes }, HSM_E_MECHANISM_PARAM },
    { "unknown KDF", { 0, 0, NULL, 65, bytes }, HSM_E_MECHANISM_PARAM },
    { "no KDF of ours", { CKD_CPDIVERSIFY_KDF, 0, NULL, 65, bytes }, HSM_E_MECHANISM_PARAM },
    { "KDF absurd", { ~0UL, 0, NULL, 65, bytes }, HSM_E_MECHANISM_PARAM },
    { "no point, as for encapsulation", { CKD_NULL, 0, NULL, 0, NULL }, HSM_OK },
    { "point missing", { CKD_NULL, 0, NULL, 65, NULL }, HSM_E_MECHANISM_PARAM },
    { "longest point", { CKD_NULL, 0, NULL, 256, bytes }, HSM_OK },
    { "point too long", { CKD_NULL, 0, NULL, 257, bytes }, HSM_E_MECHANISM_PARAM },
};

static void ecdh(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(ecdh_cases); i++) {
        hsm_mech_params params;

        CASE(ecdh_cases[i].label);
        CHECK_ERR(
            read_param(CKM_ECDH1_DERIVE, &ecdh_cases[i].ecdh, sizeof ecdh_cases[i].ecdh, &params),
            ecdh_cases[i].want);
        if (ecdh_cases[i].want != HSM_OK)
            continue;
        CHECK_EQ(params.kdf, ecdh_cases[i].ecdh.kdf);
        CHECK_EQ(params.public_data.len, ecdh_cases[i].ecdh.ulPublicDataLen);
        CHECK_EQ(params.shared_data.len, ecdh_cases[i].ecdh.ulSharedDataLen);
    }
}

/* Neither the mechanism nor its parameter need be aligned: UBSan watches. */
static void any_address(void)
{
    uint8_t mechanism_at[sizeof(CK_MECHANISM) + 1];
    uint8_t gcm_at[sizeof(CK_GCM_PARAMS) + 1];
    const CK_GCM_PARAMS g = { bytes, 12, 96, NULL, 0, 128 };
    const CK_MECHANISM m = { CKM_AES_GCM, gcm_at + 1, sizeof g };
    const void *odd = mechanism_at + 1;
    const CK_MECHANISM *given = NULL;
    hsm_mech_params params;

    memcpy(gcm_at + 1, &g, sizeof g);
    memcpy(mechanism_at + 1, &m, sizeof m);
    memcpy(&given, &odd, sizeof given);
    CHECK_OK(hsm_mech_params_read(hsm_mech_find(CKM_AES_GCM), given, &params));
    CHECK_EQ(params.iv.len, 12);
}

static const check_test tests[] = {
    CHECK_TEST(wrong_lengths), CHECK_TEST(failure_writes_nothing),
    CHECK_TEST(gcm),           CHECK_TEST(wrap_tells_who_makes_the_iv),
    CHECK_TEST(counter),       CHECK_TEST(initial_values),
    CHECK_TEST(mac_lengths),   CHECK_TEST(pss),
    CHECK_TEST(oaep),          CHECK_TEST(eddsa),
    CHECK_TEST(ecdh),          CHECK_TEST(any_address),
};
CHECK_MAIN(tests)
