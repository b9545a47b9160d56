/* Parameters of key derivation: each field at its limits and one beyond, each structure a byte too short and
 * too long.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "crypto/kdf.h"
#include "support/check.h"

static uint8_t bytes[70000];

static hsm_err read_of(CK_MECHANISM_TYPE id, const void *param, size_t len)
{
    const hsm_mech *mech = hsm_mech_find(id);
    hsm_kdf kdf;

    if (!CHECK_THAT(mech != NULL))
        return HSM_E_MECHANISM;
    return hsm_kdf_read(mech, hsm_bytes_of(param, len), &kdf);
}

/* --- good ones, to be made wrong in one place ---------------------------------------------------- */

static CK_KEY_DERIVATION_STRING_DATA good_string(void)
{
    return (CK_KEY_DERIVATION_STRING_DATA){ .pData = bytes, .ulLen = 32 };
}

static CK_AES_CBC_ENCRYPT_DATA_PARAMS good_cbc(void)
{
    return (CK_AES_CBC_ENCRYPT_DATA_PARAMS){ .pData = bytes, .length = 32 };
}

static CK_HKDF_PARAMS good_hkdf(void)
{
    return (CK_HKDF_PARAMS){ .bExtract = CK_TRUE,
                             .bExpand = CK_TRUE,
                             .prfHashMechanism = CKM_SHA256,
                             .ulSaltType = CKF_HKDF_SALT_DATA,
                             .pSalt = bytes,
                             .ulSaltLen = 16,
                             .pInfo = bytes,
                             .ulInfoLen = 16 };
}

static CK_SSL3_RANDOM_DATA good_randoms(void)
{
    return (CK_SSL3_RANDOM_DATA){ .pClientRandom = bytes,
                                  .ulClientRandomLen = 32,
                                  .pServerRandom = bytes,
                                  .ulServerRandomLen = 32 };
}

static CK_TLS12_MASTER_KEY_DERIVE_PARAMS good_master(void)
{
    return (CK_TLS12_MASTER_KEY_DERIVE_PARAMS){ .RandomInfo = good_randoms(),
                                                .prfHashMechanism = CKM_SHA256 };
}

static CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS good_extended(void)
{
    return (CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS){ .prfHashMechanism = CKM_SHA256,
                                                         .pSessionHash = bytes,
                                                         .ulSessionHashLen = 32 };
}

static CK_TLS12_KEY_MAT_PARAMS good_key_mat(void)
{
    static CK_SSL3_KEY_MAT_OUT material;

    return (CK_TLS12_KEY_MAT_PARAMS){ .ulMacSizeInBits = 256,
                                      .ulKeySizeInBits = 128,
                                      .ulIVSizeInBits = 128,
                                      .RandomInfo = good_randoms(),
                                      .pReturnedKeyMaterial = &material,
                                      .prfHashMechanism = CKM_SHA256 };
}

static CK_TLS_KDF_PARAMS good_exporter(void)
{
    return (CK_TLS_KDF_PARAMS){ .prfMechanism = CKM_SHA256,
                                .pLabel = bytes,
                                .ulLabelLength = 8,
                                .RandomInfo = good_randoms() };
}

static CK_IKE_PRF_DERIVE_PARAMS good_ike(void)
{
    return (CK_IKE_PRF_DERIVE_PARAMS){
        .prfMechanism = CKM_SHA256_HMAC, .pNi = bytes, .ulNiLen = 16, .pNr = bytes, .ulNrLen = 16
    };
}

static CK_IKE1_PRF_DERIVE_PARAMS good_ike1(void)
{
    return (CK_IKE1_PRF_DERIVE_PARAMS){ .prfMechanism = CKM_SHA256_HMAC,
                                        .pCKYi = bytes,
                                        .ulCKYiLen = 8,
                                        .pCKYr = bytes,
                                        .ulCKYrLen = 8 };
}

static CK_IKE1_EXTENDED_DERIVE_PARAMS good_ike1_extended(void)
{
    return (CK_IKE1_EXTENDED_DERIVE_PARAMS){ .prfMechanism = CKM_SHA256_HMAC,
                                             .pExtraData = bytes,
                                             .ulExtraDataLen = 4 };
}

static CK_IKE2_PRF_PLUS_DERIVE_PARAMS good_ike2(void)
{
    return (CK_IKE2_PRF_PLUS_DERIVE_PARAMS){ .prfMechanism = CKM_SHA256_HMAC,
                                             .pSeedData = bytes,
                                             .ulSeedDataLen = 16 };
}

/* --- whole structures ---------------------------------------------------------------------------- */

static void check_lengths(CK_MECHANISM_TYPE id, const void *param, size_t len)
{
    uint8_t room[512] = { 0 };

    if (!CHECK_THAT(len < sizeof room))
        return;
    memcpy(room, param, len);
    CHECK_OK(read_of(id, room, len));
    CHECK_ERR(read_of(id, room, len - 1), HSM_E_MECHANISM_PARAM);
    CHECK_ERR(read_of(id, room, len + 1), HSM_E_MECHANISM_PARAM);
    CHECK_ERR(read_of(id, NULL, 0), HSM_E_MECHANISM_PARAM);
}

#define LENGTHS(id, value)                         \
    do {                                           \
        __typeof__(value) param = (value);         \
        CASE(#id);                                 \
        check_lengths((id), &param, sizeof param); \
    } while (0)

static void a_structure_has_one_length(void)
{
    LENGTHS(CKM_CONCATENATE_BASE_AND_KEY, (CK_OBJECT_HANDLE)1);
    LENGTHS(CKM_CONCATENATE_BASE_AND_DATA, good_string());
    LENGTHS(CKM_CONCATENATE_DATA_AND_BASE, good_string());
    LENGTHS(CKM_XOR_BASE_AND_DATA, good_string());
    LENGTHS(CKM_EXTRACT_KEY_FROM_KEY, (CK_EXTRACT_PARAMS)8);
    LENGTHS(CKM_AES_ECB_ENCRYPT_DATA, good_string());
    LENGTHS(CKM_AES_CBC_ENCRYPT_DATA, good_cbc());
    LENGTHS(CKM_HKDF_DERIVE, good_hkdf());
    LENGTHS(CKM_TLS12_MASTER_KEY_DERIVE_DH, good_master());
    LENGTHS(CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH, good_extended());
    LENGTHS(CKM_TLS12_KEY_AND_MAC_DERIVE, good_key_mat());
    LENGTHS(CKM_TLS12_KEY_SAFE_DERIVE, good_key_mat());
    LENGTHS(CKM_TLS12_KDF, good_exporter());
    LENGTHS(CKM_IKE_PRF_DERIVE, good_ike());
    LENGTHS(CKM_IKE1_PRF_DERIVE, good_ike1());
    LENGTHS(CKM_IKE1_EXTENDED_DERIVE, good_ike1_extended());
    LENGTHS(CKM_IKE2_PRF_PLUS_DERIVE, good_ike2());
    CASE("none at all");
    CHECK_OK(read_of(CKM_SHA256_KEY_DERIVATION, NULL, 0));
    CHECK_ERR(read_of(CKM_SHA256_KEY_DERIVATION, bytes, 1), HSM_E_MECHANISM_PARAM);
    CASE("no derivation");
    CHECK_ERR(read_of(CKM_SHA256, NULL, 0), HSM_E_MECHANISM);
}

/* --- fields --------------------------------------------------------------------------------------- */

/* A structure with one field as given. */
#define FIELD(label, id, good, field, value, want)              \
    do {                                                        \
        __typeof__(good) param = (good);                        \
        CASE(label);                                            \
        param.field = (value);                                  \
        CHECK_ERR(read_of((id), &param, sizeof param), (want)); \
    } while (0)
#define BAD(label, id, good, field, value) \
    FIELD(label, id, good, field, value, HSM_E_MECHANISM_PARAM)
#define GOOD(label, id, good, field, value) FIELD(label, id, good, field, value, HSM_OK)

static void data_to_work_on(void)
{
    BAD("no data", CKM_CONCATENATE_BASE_AND_DATA, good_string(), pData, NULL);
    BAD("no length", CKM_CONCATENATE_BASE_AND_DATA, good_string(), ulLen, 0);
    GOOD("64 KiB", CKM_CONCATENATE_BASE_AND_DATA, good_string(), ulLen, 65536);
    BAD("one more", CKM_CONCATENATE_BASE_AND_DATA, good_string(), ulLen, 65537);
    BAD("no whole block, ECB", CKM_AES_ECB_ENCRYPT_DATA, good_string(), ulLen, 17);
    BAD("no whole block, CBC", CKM_AES_CBC_ENCRYPT_DATA, good_cbc(), length, 17);
    BAD("no block", CKM_AES_CBC_ENCRYPT_DATA, good_cbc(), length, 0);
    BAD("no data for CBC", CKM_AES_CBC_ENCRYPT_DATA, good_cbc(), pData, NULL);
}

static void hkdf(void)
{
    const CK_MECHANISM_TYPE id = CKM_HKDF_DERIVE;
    CK_HKDF_PARAMS none = good_hkdf();

    BAD("no hash", id, good_hkdf(), prfHashMechanism, CKM_SHA256_HMAC);
    BAD("a hash without a number", id, good_hkdf(), prfHashMechanism, CK_UNAVAILABLE_INFORMATION);
    BAD("another kind of salt", id, good_hkdf(), ulSaltType, 3);
    GOOD("no salt", id, good_hkdf(), ulSaltType, CKF_HKDF_SALT_NULL);
    GOOD("a key as salt", id, good_hkdf(), ulSaltType, CKF_HKDF_SALT_KEY);
    BAD("a salt without bytes", id, good_hkdf(), pSalt, NULL);
    BAD("a salt over 16 KiB", id, good_hkdf(), ulSaltLen, 16385);
    BAD("info without bytes", id, good_hkdf(), pInfo, NULL);
    GOOD("info of 16 KiB", id, good_hkdf(), ulInfoLen, 16384);
    BAD("one more", id, good_hkdf(), ulInfoLen, 16385);
    CASE("neither step");
    none.bExtract = none.bExpand = CK_FALSE;
    CHECK_ERR(read_of(id, &none, sizeof none), HSM_E_MECHANISM_PARAM);
}

static void tls(void)
{
    static CK_VERSION version;

    BAD("another hash, master", CKM_TLS12_MASTER_KEY_DERIVE_DH, good_master(), prfHashMechanism,
        CKM_AES_CBC);
    BAD("no client random", CKM_TLS12_MASTER_KEY_DERIVE_DH, good_master(), RandomInfo.pClientRandom,
        NULL);
    BAD("a long server random", CKM_TLS12_MASTER_KEY_DERIVE_DH, good_master(),
        RandomInfo.ulServerRandomLen, 1025);
    BAD("a version where there is none", CKM_TLS12_MASTER_KEY_DERIVE_DH, good_master(), pVersion,
        &version);
    BAD("another hash, extended", CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH, good_extended(),
        prfHashMechanism, CKM_AES_CBC);
    BAD("no session hash", CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH, good_extended(),
        ulSessionHashLen, 0);
    BAD("another hash, keys", CKM_TLS12_KEY_AND_MAC_DERIVE, good_key_mat(), prfHashMechanism,
        CKM_AES_CBC);
    BAD("for export", CKM_TLS12_KEY_AND_MAC_DERIVE, good_key_mat(), bIsExport, CK_TRUE);
    BAD("no room", CKM_TLS12_KEY_AND_MAC_DERIVE, good_key_mat(), pReturnedKeyMaterial, NULL);
    BAD("bits that are no bytes, MAC", CKM_TLS12_KEY_AND_MAC_DERIVE, good_key_mat(),
        ulMacSizeInBits, 4);
    BAD("bits that are no bytes, key", CKM_TLS12_KEY_AND_MAC_DERIVE, good_key_mat(),
        ulKeySizeInBits, 12);
    BAD("more than 2048 bits", CKM_TLS12_KEY_AND_MAC_DERIVE, good_key_mat(), ulIVSizeInBits, 2056);
    BAD("the same, safe", CKM_TLS12_KEY_SAFE_DERIVE, good_key_mat(), ulKeySizeInBits, 2056);
    GOOD("a vector that is not made", CKM_TLS12_KEY_SAFE_DERIVE, good_key_mat(), ulIVSizeInBits, 3);
    BAD("another hash, exporter", CKM_TLS12_KDF, good_exporter(), prfMechanism, CKM_SHA256_HMAC);
    BAD("no label", CKM_TLS12_KDF, good_exporter(), pLabel, NULL);
    BAD("context without bytes", CKM_TLS12_KDF, good_exporter(), ulContextDataLength, 5);
    BAD("context over 2^16", CKM_TLS12_KDF, good_exporter(), ulContextDataLength, 65536);
}

static void ike(void)
{
    CK_IKE_PRF_DERIVE_PARAMS both = good_ike();
    CK_IKE_PRF_DERIVE_PARAMS none = good_ike();

    BAD("no PRF", CKM_IKE_PRF_DERIVE, good_ike(), prfMechanism, CKM_SHA256);
    BAD("an unknown PRF", CKM_IKE_PRF_DERIVE, good_ike(), prfMechanism, 0x7fffffffUL);
    BAD("a PRF with a parameter", CKM_IKE_PRF_DERIVE, good_ike(), prfMechanism,
        CKM_SHA256_HMAC_GENERAL);
    BAD("no first nonce", CKM_IKE_PRF_DERIVE, good_ike(), pNi, NULL);
    BAD("no second nonce", CKM_IKE_PRF_DERIVE, good_ike(), pNr, NULL);
    CASE("no bytes at all");
    none.ulNiLen = none.ulNrLen = 0;
    CHECK_ERR(read_of(CKM_IKE_PRF_DERIVE, &none, sizeof none), HSM_E_MECHANISM_PARAM);
    CASE("both ways at once");
    both.bDataAsKey = both.bRekey = CK_TRUE;
    CHECK_ERR(read_of(CKM_IKE_PRF_DERIVE, &both, sizeof both), HSM_E_ARG);
    BAD("no PRF, IKEv1", CKM_IKE1_PRF_DERIVE, good_ike1(), prfMechanism, CKM_SHA256);
    BAD("no first cookie", CKM_IKE1_PRF_DERIVE, good_ike1(), pCKYi, NULL);
    BAD("no second cookie", CKM_IKE1_PRF_DERIVE, good_ike1(), pCKYr, NULL);
    BAD("no PRF, extended", CKM_IKE1_EXTENDED_DERIVE, good_ike1_extended(), prfMechanism, 0);
    BAD("no extra bytes", CKM_IKE1_EXTENDED_DERIVE, good_ike1_extended(), pExtraData, NULL);
    BAD("no PRF, IKEv2", CKM_IKE2_PRF_PLUS_DERIVE, good_ike2(), prfMechanism, 0);
    BAD("no seed", CKM_IKE2_PRF_PLUS_DERIVE, good_ike2(), ulSeedDataLen, 0);
}

/* --- SP 800-108 ----------------------------------------------------------------------------------- */

static CK_SP800_108_COUNTER_FORMAT counter_16 = { CK_FALSE, 16 };
static CK_SP800_108_COUNTER_FORMAT counter_0 = { CK_FALSE, 0 };
static CK_SP800_108_COUNTER_FORMAT counter_12 = { CK_FALSE, 12 };
static CK_SP800_108_COUNTER_FORMAT counter_40 = { CK_FALSE, 40 };
static CK_SP800_108_DKM_LENGTH_FORMAT length_64 = { CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS, CK_FALSE,
                                                    64 };
static CK_SP800_108_DKM_LENGTH_FORMAT length_72 = { CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS, CK_FALSE,
                                                    72 };
static CK_SP800_108_DKM_LENGTH_FORMAT length_of_else = { 3, CK_FALSE, 64 };
static CK_OBJECT_HANDLE handle = 5;

#define COUNTER(format)                                            \
    {                                                              \
        CK_SP800_108_ITERATION_VARIABLE, &(format), sizeof(format) \
    }
#define LENGTH(format)                                     \
    {                                                      \
        CK_SP800_108_DKM_LENGTH, &(format), sizeof(format) \
    }
#define ITERATION                                \
    {                                            \
        CK_SP800_108_ITERATION_VARIABLE, NULL, 0 \
    }

static const struct {
    const char *label;
    CK_MECHANISM_TYPE id;
    CK_PRF_DATA_PARAM pieces[4];
    CK_ULONG count;
    hsm_err want;
} kbkdf[] = {
    { "a counter", CKM_SP800_108_COUNTER_KDF, { COUNTER(counter_16) }, 1, HSM_OK },
    { "a counter without bits",
      CKM_SP800_108_COUNTER_KDF,
      { COUNTER(counter_0) },
      1,
      HSM_E_MECHANISM_PARAM },
    { "a counter of 12 bits",
      CKM_SP800_108_COUNTER_KDF,
      { COUNTER(counter_12) },
      1,
      HSM_E_MECHANISM_PARAM },
    { "a counter of 40 bits",
      CKM_SP800_108_COUNTER_KDF,
      { COUNTER(counter_40) },
      1,
      HSM_E_MECHANISM_PARAM },
    { "a counter without a format",
      CKM_SP800_108_COUNTER_KDF,
      { ITERATION },
      1,
      HSM_E_MECHANISM_PARAM },
    { "a format that is short",
      CKM_SP800_108_COUNTER_KDF,
      { { CK_SP800_108_ITERATION_VARIABLE, &counter_16, sizeof counter_16 - 1 } },
      1,
      HSM_E_MECHANISM_PARAM },
    { "no piece", CKM_SP800_108_COUNTER_KDF, { ITERATION }, 0, HSM_E_MECHANISM_PARAM },
    { "two counters",
      CKM_SP800_108_COUNTER_KDF,
      { COUNTER(counter_16), COUNTER(counter_16) },
      2,
      HSM_E_MECHANISM_PARAM },
    { "a second counter, of the other modes",
      CKM_SP800_108_COUNTER_KDF,
      { COUNTER(counter_16), { CK_SP800_108_COUNTER, &counter_16, sizeof counter_16 } },
      2,
      HSM_E_MECHANISM_PARAM },
    { "a length",
      CKM_SP800_108_COUNTER_KDF,
      { COUNTER(counter_16), LENGTH(length_64) },
      2,
      HSM_OK },
    { "two lengths",
      CKM_SP800_108_COUNTER_KDF,
      { COUNTER(counter_16), LENGTH(length_64), LENGTH(length_64) },
      3,
      HSM_E_MECHANISM_PARAM },
    { "a length of 72 bits",
      CKM_SP800_108_COUNTER_KDF,
      { COUNTER(counter_16), LENGTH(length_72) },
      2,
      HSM_E_MECHANISM_PARAM },
    { "a length of something else",
      CKM_SP800_108_COUNTER_KDF,
      { COUNTER(counter_16), LENGTH(length_of_else) },
      2,
      HSM_E_MECHANISM_PARAM },
    { "a length without a format",
      CKM_SP800_108_COUNTER_KDF,
      { COUNTER(counter_16), { CK_SP800_108_DKM_LENGTH, NULL, 0 } },
      2,
      HSM_E_MECHANISM_PARAM },
    { "bytes",
      CKM_SP800_108_COUNTER_KDF,
      { COUNTER(counter_16), { CK_SP800_108_BYTE_ARRAY, bytes, 16 } },
      2,
      HSM_OK },
    { "no bytes",
      CKM_SP800_108_COUNTER_KDF,
      { COUNTER(counter_16), { CK_SP800_108_BYTE_ARRAY, bytes, 0 } },
      2,
      HSM_E_MECHANISM_PARAM },
    { "bytes nowhere",
      CKM_SP800_108_COUNTER_KDF,
      { COUNTER(counter_16), { CK_SP800_108_BYTE_ARRAY, NULL, 4 } },
      2,
      HSM_E_MECHANISM_PARAM },
    { "a key",
      CKM_SP800_108_COUNTER_KDF,
      { COUNTER(counter_16), { CK_SP800_108_KEY_HANDLE, &handle, sizeof handle } },
      2,
      HSM_OK },
    { "a key nowhere",
      CKM_SP800_108_COUNTER_KDF,
      { COUNTER(counter_16), { CK_SP800_108_KEY_HANDLE, NULL, sizeof handle } },
      2,
      HSM_E_MECHANISM_PARAM },
    { "half a handle",
      CKM_SP800_108_COUNTER_KDF,
      { COUNTER(counter_16), { CK_SP800_108_KEY_HANDLE, &handle, sizeof handle / 2 } },
      2,
      HSM_E_MECHANISM_PARAM },
    { "another piece",
      CKM_SP800_108_COUNTER_KDF,
      { COUNTER(counter_16), { 99, bytes, 4 } },
      2,
      HSM_E_MECHANISM_PARAM },
    { "the pipeline's iteration", CKM_SP800_108_DOUBLE_PIPELINE_KDF, { ITERATION }, 1, HSM_OK },
    { "with a format",
      CKM_SP800_108_DOUBLE_PIPELINE_KDF,
      { COUNTER(counter_16) },
      1,
      HSM_E_MECHANISM_PARAM },
    { "and a counter",
      CKM_SP800_108_DOUBLE_PIPELINE_KDF,
      { ITERATION, { CK_SP800_108_COUNTER, &counter_16, sizeof counter_16 } },
      2,
      HSM_OK },
    { "two of them",
      CKM_SP800_108_DOUBLE_PIPELINE_KDF,
      { ITERATION,
        { CK_SP800_108_COUNTER, &counter_16, sizeof counter_16 },
        { CK_SP800_108_COUNTER, &counter_16, sizeof counter_16 } },
      3,
      HSM_E_MECHANISM_PARAM },
};

static void pieces_of_sp800_108(void)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(kbkdf); i++) {
        CK_PRF_DATA_PARAM pieces[4];
        CK_SP800_108_KDF_PARAMS params = { .prfType = CKM_SHA256_HMAC,
                                           .ulNumberOfDataParams = kbkdf[i].count,
                                           .pDataParams = pieces };

        memcpy(pieces, kbkdf[i].pieces, sizeof pieces);
        CASE(kbkdf[i].label);
        CHECK_ERR(read_of(kbkdf[i].id, &params, sizeof params), kbkdf[i].want);
    }
}

static CK_PRF_DATA_PARAM the_counter[] = { COUNTER(counter_16) };
static CK_PRF_DATA_PARAM the_iteration[] = { ITERATION };

static CK_SP800_108_KDF_PARAMS good_counter(void)
{
    return (CK_SP800_108_KDF_PARAMS){ .prfType = CKM_SHA256_HMAC,
                                      .ulNumberOfDataParams = 1,
                                      .pDataParams = the_counter };
}

static CK_SP800_108_FEEDBACK_KDF_PARAMS good_feedback(void)
{
    return (CK_SP800_108_FEEDBACK_KDF_PARAMS){ .prfType = CKM_SHA256_HMAC,
                                               .ulNumberOfDataParams = 1,
                                               .pDataParams = the_iteration,
                                               .pIV = bytes,
                                               .ulIVLen = 16 };
}

static void sp800_108(void)
{
    static CK_DERIVED_KEY key;

    LENGTHS(CKM_SP800_108_COUNTER_KDF, good_counter());
    LENGTHS(CKM_SP800_108_FEEDBACK_KDF, good_feedback());
    GOOD("CMAC", CKM_SP800_108_COUNTER_KDF, good_counter(), prfType, CKM_AES_CMAC);
    BAD("no PRF", CKM_SP800_108_COUNTER_KDF, good_counter(), prfType, CKM_SHA256);
    BAD("pieces nowhere", CKM_SP800_108_COUNTER_KDF, good_counter(), pDataParams, NULL);
    BAD("more than 32 pieces", CKM_SP800_108_COUNTER_KDF, good_counter(), ulNumberOfDataParams, 33);
    BAD("more keys nowhere", CKM_SP800_108_COUNTER_KDF, good_counter(), ulAdditionalDerivedKeys, 1);
    BAD("no more keys somewhere", CKM_SP800_108_COUNTER_KDF, good_counter(), pAdditionalDerivedKeys,
        &key);
    BAD("more than 15 more keys", CKM_SP800_108_COUNTER_KDF, good_counter(),
        ulAdditionalDerivedKeys, 16);
    BAD("a vector nowhere", CKM_SP800_108_FEEDBACK_KDF, good_feedback(), pIV, NULL);
    BAD("a vector over 16 KiB", CKM_SP800_108_FEEDBACK_KDF, good_feedback(), ulIVLen, 16385);
}

static const check_test tests[] = {
    CHECK_TEST(a_structure_has_one_length),
    CHECK_TEST(data_to_work_on),
    CHECK_TEST(hkdf),
    CHECK_TEST(tls),
    CHECK_TEST(ike),
    CHECK_TEST(pieces_of_sp800_108),
    CHECK_TEST(sp800_108),
};
CHECK_MAIN(tests)
