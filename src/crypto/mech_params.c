/* Mechanism parameters: one reader per shape. The caller's structures may lie at any address, so
 * they are copied before they are looked at.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mech.h"

#define GCM_IV_MAX_BYTES 128u /* the backend's; SP 800-38D allows more, nobody uses it */
#define AAD_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define OAEP_LABEL_MAX_BYTES 4096u
#define PSS_SALT_MAX_BYTES 2048u     /* the longest modulus */
#define EDDSA_CONTEXT_MAX_BYTES 255u /* RFC 8032, 5.1 */
#define SIGN_CONTEXT_MAX_BYTES 255u  /* FIPS 204, 5.2; FIPS 205, 10.2 */
#define ECDH_SHARED_MAX_BYTES 4096u
#define ECDH_PUBLIC_MAX_BYTES 256u /* a point, raw or in DER */
#define DH_PUBLIC_MAX_BYTES 1024u  /* as long as the longest prime */
#define AES_BLOCK_BYTES 16u
#define DES_BLOCK_BYTES 8u
#define PASSWORD_MAX_BYTES 4096u /* and of the salt */
#define PBKDF2_ITERATIONS_MAX 100000000u
#define KW_IV_BYTES 8u
#define KWP_IV_BYTES 4u

/* CK_GCM_PARAMS as it was before ulIvBits came in (PKCS#11 v2.30 and many clients since). */
typedef struct gcm_params_short {
    CK_BYTE *pIv;
    CK_ULONG ulIvLen;
    CK_BYTE *pAAD;
    CK_ULONG ulAADLen;
    CK_ULONG ulTagBits;
} gcm_params_short;

typedef hsm_err (*reader)(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out);

static hsm_err copy_struct(hsm_bytes param, void *dst, size_t size)
{
    HSM_CHECK(param.len == size, HSM_E_MECHANISM_PARAM);
    memcpy(dst, param.data, size);
    return HSM_OK;
}

/* A span that the parameter points to. */
static hsm_err nested(const void *data, CK_ULONG len, size_t max_len, hsm_bytes *out)
{
    HSM_CHECK(len <= max_len && (data != NULL || len == 0), HSM_E_MECHANISM_PARAM);
    *out = hsm_bytes_of(data, len);
    return HSM_OK;
}

static hsm_err find_hash(CK_MECHANISM_TYPE id, hsm_hash *out_hash)
{
    HSM_CHECK(id != CK_UNAVAILABLE_INFORMATION, HSM_E_MECHANISM_PARAM);
    for (hsm_hash hash = HSM_HASH_NONE + 1; hash < HSM_HASH_COUNT; hash++) {
        if (hsm_hash_get(hash)->digest_mech == id) {
            *out_hash = hash;
            return HSM_OK;
        }
    }
    return HSM_E_MECHANISM_PARAM;
}

static hsm_err find_mgf(CK_ULONG id, hsm_hash *out_hash)
{
    HSM_CHECK(id != CK_UNAVAILABLE_INFORMATION, HSM_E_MECHANISM_PARAM);
    for (hsm_hash hash = HSM_HASH_NONE + 1; hash < HSM_HASH_COUNT; hash++) {
        if (hsm_hash_get(hash)->mgf == id) {
            *out_hash = hash;
            return HSM_OK;
        }
    }
    return HSM_E_MECHANISM_PARAM;
}

static hsm_err read_none(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    (void)mech;
    (void)out;
    HSM_CHECK(param.len == 0, HSM_E_MECHANISM_PARAM);
    return HSM_OK;
}

static hsm_err read_iv16(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    (void)mech;
    HSM_CHECK(param.len == AES_BLOCK_BYTES, HSM_E_MECHANISM_PARAM);
    out->iv = param;
    return HSM_OK;
}

static hsm_err read_iv8(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    (void)mech;
    HSM_CHECK(param.len == DES_BLOCK_BYTES, HSM_E_MECHANISM_PARAM);
    out->iv = param;
    return HSM_OK;
}

static hsm_err read_ctr(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    CK_AES_CTR_PARAMS ctr;

    (void)mech;
    HSM_TRY(copy_struct(param, &ctr, sizeof ctr));
    HSM_CHECK(ctr.ulCounterBits >= 1 && ctr.ulCounterBits <= 128, HSM_E_MECHANISM_PARAM);
    out->counter_bits = (uint32_t)ctr.ulCounterBits;
    out->iv = hsm_bytes_of(param.data + offsetof(CK_AES_CTR_PARAMS, cb), sizeof ctr.cb);
    return HSM_OK;
}

/* The lengths of SP 800-38D, 5.2.1.2. */
static bool is_gcm_tag(CK_ULONG bits)
{
    return bits == 32 || bits == 64 || (bits >= 96 && bits <= 128 && bits % 8 == 0);
}

static hsm_err read_gcm_long(hsm_bytes param, gcm_params_short *out)
{
    CK_GCM_PARAMS gcm;

    HSM_TRY(copy_struct(param, &gcm, sizeof gcm));
    /* ulIvBits says again what ulIvLen says; clients leave it 0 or put bytes in it. */
    *out = (gcm_params_short){ gcm.pIv, gcm.ulIvLen, gcm.pAAD, gcm.ulAADLen, gcm.ulTagBits };
    return HSM_OK;
}

/* The form for wrapping (PKCS#11 v3.2), where the IV may be left to the token. */
static hsm_err read_gcm_wrap(hsm_bytes param, gcm_params_short *out, bool *out_leaves_iv)
{
    CK_GCM_WRAP_PARAMS gcm;

    HSM_TRY(copy_struct(param, &gcm, sizeof gcm));
    *out_leaves_iv = gcm.ivGenerator != CKG_NO_GENERATE;
    *out = (gcm_params_short){ gcm.pIv, gcm.ulIvLen, gcm.pAAD, gcm.ulAADLen, gcm.ulTagBits };
    return HSM_OK;
}

static hsm_err read_gcm_layout(hsm_bytes param, gcm_params_short *out, bool *out_leaves_iv)
{
    if (param.len == sizeof *out)
        return copy_struct(param, out, sizeof *out);
    if (param.len == sizeof(CK_GCM_WRAP_PARAMS))
        return read_gcm_wrap(param, out, out_leaves_iv);
    return read_gcm_long(param, out);
}

static hsm_err read_gcm(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    gcm_params_short gcm;

    (void)mech;
    HSM_TRY(read_gcm_layout(param, &gcm, &out->leaves_iv));
    HSM_CHECK(gcm.ulIvLen >= 1 && is_gcm_tag(gcm.ulTagBits), HSM_E_MECHANISM_PARAM);
    HSM_TRY(nested(gcm.pIv, gcm.ulIvLen, GCM_IV_MAX_BYTES, &out->iv));
    HSM_TRY(nested(gcm.pAAD, gcm.ulAADLen, AAD_MAX_BYTES, &out->aad));
    out->tag_bits = (uint32_t)gcm.ulTagBits;
    return HSM_OK;
}

/* The form for wrapping, where the nonce may be left to the token. */
static hsm_err read_ccm_layout(hsm_bytes param, CK_CCM_PARAMS *out, bool *out_leaves_iv)
{
    CK_CCM_WRAP_PARAMS wrap;

    if (param.len == sizeof *out)
        return copy_struct(param, out, sizeof *out);
    HSM_TRY(copy_struct(param, &wrap, sizeof wrap));
    *out_leaves_iv = wrap.nonceGenerator != CKG_NO_GENERATE;
    *out = (CK_CCM_PARAMS){ wrap.ulDataLen, wrap.pNonce,   wrap.ulNonceLen,
                            wrap.pAAD,      wrap.ulAADLen, wrap.ulMACLen };
    return HSM_OK;
}

/* The lengths of SP 800-38C, A.1. */
static hsm_err read_ccm(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    CK_CCM_PARAMS ccm;

    (void)mech;
    HSM_TRY(read_ccm_layout(param, &ccm, &out->leaves_iv));
    HSM_CHECK(ccm.ulNonceLen >= 7 && ccm.ulMACLen >= 4 && ccm.ulMACLen <= AES_BLOCK_BYTES &&
                  ccm.ulMACLen % 2 == 0,
              HSM_E_MECHANISM_PARAM);
    HSM_TRY(nested(ccm.pNonce, ccm.ulNonceLen, 13, &out->iv));
    HSM_TRY(nested(ccm.pAAD, ccm.ulAADLen, AAD_MAX_BYTES, &out->aad));
    out->tag_bits = (uint32_t)ccm.ulMACLen * 8;
    out->data_len = ccm.ulDataLen;
    return HSM_OK;
}

/* Counter and nonce lie side by side in the cipher's state, 128 bits together (RFC 8439, 2.3; the
 * original has 64 of each). The nonce is given as iv, the counter as context. */
static hsm_err read_chacha20(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    CK_CHACHA20_PARAMS chacha;

    (void)mech;
    HSM_TRY(copy_struct(param, &chacha, sizeof chacha));
    HSM_CHECK((chacha.blockCounterBits == 32 && chacha.ulNonceBits == 96) ||
                  (chacha.blockCounterBits == 64 && chacha.ulNonceBits == 64),
              HSM_E_MECHANISM_PARAM);
    HSM_TRY(nested(chacha.pBlockCounter, chacha.blockCounterBits / 8, 8, &out->context));
    HSM_TRY(nested(chacha.pNonce, chacha.ulNonceBits / 8, 12, &out->iv));
    out->counter_bits = (uint32_t)chacha.blockCounterBits;
    return HSM_OK;
}

/* The nonce's length is in bits; clients that write 12 mean bytes, and there are no other 12. */
static hsm_err read_chacha20_poly1305(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    CK_SALSA20_CHACHA20_POLY1305_PARAMS chacha;

    (void)mech;
    HSM_TRY(copy_struct(param, &chacha, sizeof chacha));
    HSM_CHECK(chacha.ulNonceLen == 96 || chacha.ulNonceLen == 12, HSM_E_MECHANISM_PARAM);
    HSM_TRY(nested(chacha.pNonce, 12, 12, &out->iv));
    HSM_TRY(nested(chacha.pAAD, chacha.ulAADLen, AAD_MAX_BYTES, &out->aad));
    out->tag_bits = 128;
    return HSM_OK;
}

static hsm_err read_kw_iv(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    const size_t len = mech->alg == HSM_ALG_AES_KWP ? KWP_IV_BYTES : KW_IV_BYTES;

    HSM_CHECK(param.len == 0 || param.len == len, HSM_E_MECHANISM_PARAM);
    out->iv = param;
    return HSM_OK;
}

static hsm_err read_mac_len(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    const hsm_hash_info *hash = hsm_hash_get(mech->hash);
    const size_t block_len = mech->alg == HSM_ALG_DES3_CMAC ? DES_BLOCK_BYTES : AES_BLOCK_BYTES;
    const size_t max_len = hash == NULL ? block_len : hash->len;
    CK_MAC_GENERAL_PARAMS len;

    HSM_TRY(copy_struct(param, &len, sizeof len));
    HSM_CHECK(len >= 1 && len <= max_len, HSM_E_MECHANISM_PARAM);
    out->mac_len = (uint32_t)len;
    return HSM_OK;
}

static hsm_err read_pss(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    CK_RSA_PKCS_PSS_PARAMS pss;

    HSM_TRY(copy_struct(param, &pss, sizeof pss));
    HSM_TRY(find_hash(pss.hashAlg, &out->hash));
    HSM_TRY(find_mgf(pss.mgf, &out->mgf_hash));
    HSM_CHECK(mech->hash == HSM_HASH_NONE || mech->hash == out->hash, HSM_E_MECHANISM_PARAM);
    HSM_CHECK(pss.sLen <= PSS_SALT_MAX_BYTES, HSM_E_MECHANISM_PARAM);
    out->salt_len = (uint32_t)pss.sLen;
    return HSM_OK;
}

static hsm_err read_oaep(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    CK_RSA_PKCS_OAEP_PARAMS oaep;

    (void)mech;
    HSM_TRY(copy_struct(param, &oaep, sizeof oaep));
    HSM_TRY(find_hash(oaep.hashAlg, &out->hash));
    HSM_TRY(find_mgf(oaep.mgf, &out->mgf_hash));
    /* 0 is no value of the standard, but what clients write who have no label. */
    HSM_CHECK(oaep.source == CKZ_DATA_SPECIFIED || (oaep.source == 0 && oaep.ulSourceDataLen == 0),
              HSM_E_MECHANISM_PARAM);
    return nested(oaep.pSourceData, oaep.ulSourceDataLen, OAEP_LABEL_MAX_BYTES, &out->label);
}

static hsm_err read_eddsa(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    CK_EDDSA_PARAMS eddsa;

    (void)mech;
    if (param.len == 0)
        return HSM_OK;
    HSM_TRY(copy_struct(param, &eddsa, sizeof eddsa));
    HSM_CHECK(eddsa.phFlag == CK_TRUE || eddsa.phFlag == CK_FALSE, HSM_E_MECHANISM_PARAM);
    HSM_TRY(
        nested(eddsa.pContextData, eddsa.ulContextDataLen, EDDSA_CONTEXT_MAX_BYTES, &out->context));
    out->has_context = true;
    out->is_prehash = eddsa.phFlag == CK_TRUE;
    return HSM_OK;
}

static bool is_kdf(CK_ULONG id)
{
    if (id == CKD_NULL)
        return true;
    for (hsm_hash hash = HSM_HASH_NONE + 1; hash < HSM_HASH_COUNT; hash++) {
        const hsm_hash_info *info = hsm_hash_get(hash);

        if (info->kdf == id || info->kdf_sp800 == id)
            return id != CK_UNAVAILABLE_INFORMATION;
    }
    return false;
}

static hsm_err read_ecdh1(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    CK_ECDH1_DERIVE_PARAMS ecdh;

    (void)mech;
    HSM_TRY(copy_struct(param, &ecdh, sizeof ecdh));
    HSM_CHECK(is_kdf(ecdh.kdf), HSM_E_MECHANISM_PARAM);
    HSM_CHECK(ecdh.kdf != CKD_NULL || ecdh.ulSharedDataLen == 0, HSM_E_MECHANISM_PARAM);
    HSM_TRY(
        nested(ecdh.pSharedData, ecdh.ulSharedDataLen, ECDH_SHARED_MAX_BYTES, &out->shared_data));
    HSM_TRY(
        nested(ecdh.pPublicData, ecdh.ulPublicDataLen, ECDH_PUBLIC_MAX_BYTES, &out->public_data));
    out->kdf = ecdh.kdf;
    return HSM_OK;
}

static hsm_err read_dh(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    (void)mech;
    HSM_CHECK(param.len <= DH_PUBLIC_MAX_BYTES, HSM_E_MECHANISM_PARAM);
    out->kdf = CKD_NULL;
    out->public_data = param;
    return HSM_OK;
}

/* CKD_SHA1_KDF_ASN1 is not offered: it counts inside a structure that the caller encoded. */
static hsm_err read_x9_42(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    CK_X9_42_DH1_DERIVE_PARAMS dh;

    (void)mech;
    HSM_TRY(copy_struct(param, &dh, sizeof dh));
    HSM_CHECK(dh.kdf == CKD_SHA1_KDF_CONCATENATE || (dh.kdf == CKD_NULL && dh.ulOtherInfoLen == 0),
              HSM_E_MECHANISM_PARAM);
    HSM_TRY(nested(dh.pOtherInfo, dh.ulOtherInfoLen, ECDH_SHARED_MAX_BYTES, &out->shared_data));
    HSM_TRY(nested(dh.pPublicData, dh.ulPublicDataLen, DH_PUBLIC_MAX_BYTES, &out->public_data));
    out->kdf = dh.kdf;
    return HSM_OK;
}

static hsm_err read_aes_bits(CK_ULONG bits, hsm_mech_params *out)
{
    HSM_CHECK(bits == 128 || bits == 192 || bits == 256, HSM_E_MECHANISM_PARAM);
    out->aes_bits = (uint32_t)bits;
    return HSM_OK;
}

static hsm_err read_rsa_aes_wrap(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    CK_RSA_AES_KEY_WRAP_PARAMS wrap;

    HSM_TRY(copy_struct(param, &wrap, sizeof wrap));
    HSM_CHECK(wrap.pOAEPParams != NULL, HSM_E_MECHANISM_PARAM);
    HSM_TRY(read_aes_bits(wrap.ulAESKeyBits, out));
    return read_oaep(mech, hsm_bytes_of(wrap.pOAEPParams, sizeof(CK_RSA_PKCS_OAEP_PARAMS)), out);
}

static hsm_err read_ecdh_aes_wrap(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    CK_ECDH_AES_KEY_WRAP_PARAMS wrap;

    (void)mech;
    HSM_TRY(copy_struct(param, &wrap, sizeof wrap));
    HSM_CHECK(is_kdf(wrap.kdf) && (wrap.kdf != CKD_NULL || wrap.ulSharedDataLen == 0),
              HSM_E_MECHANISM_PARAM);
    HSM_TRY(
        nested(wrap.pSharedData, wrap.ulSharedDataLen, ECDH_SHARED_MAX_BYTES, &out->shared_data));
    out->kdf = wrap.kdf;
    return read_aes_bits(wrap.ulAESKeyBits, out);
}

/* Read where the derivation runs (mech_kdf.c). */
static hsm_err read_kdf(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    (void)mech;
    out->raw = param;
    return HSM_OK;
}

static hsm_err find_pbkdf2_hash(CK_ULONG prf, hsm_hash *out_hash)
{
    static const struct {
        CK_ULONG prf;
        hsm_hash hash;
    } prfs[] = {
        { CKP_PKCS5_PBKD2_HMAC_SHA1, HSM_HASH_SHA1 },
        { CKP_PKCS5_PBKD2_HMAC_SHA224, HSM_HASH_SHA224 },
        { CKP_PKCS5_PBKD2_HMAC_SHA256, HSM_HASH_SHA256 },
        { CKP_PKCS5_PBKD2_HMAC_SHA384, HSM_HASH_SHA384 },
        { CKP_PKCS5_PBKD2_HMAC_SHA512, HSM_HASH_SHA512 },
        { CKP_PKCS5_PBKD2_HMAC_SHA512_224, HSM_HASH_SHA512_224 },
        { CKP_PKCS5_PBKD2_HMAC_SHA512_256, HSM_HASH_SHA512_256 },
    };

    for (size_t i = 0; i < HSM_ARRAY_LEN(prfs); i++) {
        if (prfs[i].prf == prf) {
            *out_hash = prfs[i].hash;
            return HSM_OK;
        }
    }
    return HSM_E_MECHANISM_PARAM;
}

static hsm_err read_pbkdf2(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    CK_PKCS5_PBKD2_PARAMS2 pbkdf2;

    (void)mech;
    HSM_TRY(copy_struct(param, &pbkdf2, sizeof pbkdf2));
    HSM_CHECK(pbkdf2.saltSource == CKZ_SALT_SPECIFIED && pbkdf2.ulSaltSourceDataLen >= 1 &&
                  pbkdf2.iterations >= 1 && pbkdf2.iterations <= PBKDF2_ITERATIONS_MAX &&
                  pbkdf2.pPrfData == NULL && pbkdf2.ulPrfDataLen == 0,
              HSM_E_MECHANISM_PARAM);
    HSM_TRY(find_pbkdf2_hash(pbkdf2.prf, &out->hash));
    HSM_TRY(
        nested(pbkdf2.pSaltSourceData, pbkdf2.ulSaltSourceDataLen, PASSWORD_MAX_BYTES, &out->iv));
    HSM_TRY(nested(pbkdf2.pPassword, pbkdf2.ulPasswordLen, PASSWORD_MAX_BYTES, &out->password));
    out->iterations = (uint32_t)pbkdf2.iterations;
    return HSM_OK;
}

static hsm_err read_sign_context(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    CK_SIGN_ADDITIONAL_CONTEXT sign;

    (void)mech;
    if (param.len == 0)
        return HSM_OK;
    HSM_TRY(copy_struct(param, &sign, sizeof sign));
    out->hedge = sign.hedgeVariant;
    return nested(sign.pContext, sign.ulContextLen, SIGN_CONTEXT_MAX_BYTES, &out->context);
}

/* The standard has no mechanism that is SHAKE as a digest; key derivation's number names it. */
static hsm_err find_prehash(CK_MECHANISM_TYPE id, hsm_hash *out_hash)
{
    if (id == CKM_SHAKE_128_KEY_DERIVATION || id == CKM_SHAKE_256_KEY_DERIVATION) {
        *out_hash = id == CKM_SHAKE_128_KEY_DERIVATION ? HSM_HASH_SHAKE128 : HSM_HASH_SHAKE256;
        return HSM_OK;
    }
    HSM_TRY(find_hash(id, out_hash));
    /* weaker than any parameter set: FIPS 204, 5.4 */
    HSM_CHECK(*out_hash != HSM_HASH_SHA1, HSM_E_MECHANISM_PARAM);
    return HSM_OK;
}

static hsm_err read_hash_sign_context(const hsm_mech *mech, hsm_bytes param, hsm_mech_params *out)
{
    CK_HASH_SIGN_ADDITIONAL_CONTEXT sign;

    (void)mech;
    HSM_TRY(copy_struct(param, &sign, sizeof sign));
    HSM_TRY(find_prehash(sign.hash, &out->hash));
    out->hedge = sign.hedgeVariant;
    return nested(sign.pContext, sign.ulContextLen, SIGN_CONTEXT_MAX_BYTES, &out->context);
}

static const reader readers[] = {
    [HSM_PARAM_NONE] = read_none,
    [HSM_PARAM_IV16] = read_iv16,
    [HSM_PARAM_IV8] = read_iv8,
    [HSM_PARAM_CTR] = read_ctr,
    [HSM_PARAM_GCM] = read_gcm,
    [HSM_PARAM_KW_IV] = read_kw_iv,
    [HSM_PARAM_MAC_LEN] = read_mac_len,
    [HSM_PARAM_PSS] = read_pss,
    [HSM_PARAM_OAEP] = read_oaep,
    [HSM_PARAM_RSA_AES_WRAP] = read_rsa_aes_wrap,
    [HSM_PARAM_ECDH_AES_WRAP] = read_ecdh_aes_wrap,
    [HSM_PARAM_KDF] = read_kdf,
    [HSM_PARAM_PBKDF2] = read_pbkdf2,
    [HSM_PARAM_CCM] = read_ccm,
    [HSM_PARAM_CHACHA20] = read_chacha20,
    [HSM_PARAM_CHACHA20_POLY1305] = read_chacha20_poly1305,
    [HSM_PARAM_EDDSA] = read_eddsa,
    [HSM_PARAM_ECDH1] = read_ecdh1,
    [HSM_PARAM_DH] = read_dh,
    [HSM_PARAM_X9_42] = read_x9_42,
    [HSM_PARAM_SIGN_CONTEXT] = read_sign_context,
    [HSM_PARAM_HASH_SIGN_CONTEXT] = read_hash_sign_context,
};

/* Field by field, as the pointer may be unaligned: the whole struct copied would have to be stored
 * before a part of it can be read again. */
static hsm_bytes param_of(const CK_MECHANISM *mechanism)
{
    const uint8_t *from = (const void *)mechanism;
    const void *data = NULL;
    CK_ULONG len = 0;

    memcpy(&data, from + offsetof(CK_MECHANISM, pParameter), sizeof data);
    memcpy(&len, from + offsetof(CK_MECHANISM, ulParameterLen), sizeof len);
    return hsm_bytes_of(data, len);
}

hsm_err hsm_mech_params_read(const hsm_mech *mech, const CK_MECHANISM *mechanism,
                             hsm_mech_params *out_params)
{
    const hsm_bytes param = param_of(mechanism);

    HSM_CHECK(param.data != NULL || param.len == 0, HSM_E_MECHANISM_PARAM);

    if (mech->params == HSM_PARAM_NONE && param.len == 0) { /* most often, and it is quick */
        *out_params = (hsm_mech_params){ .hash = mech->hash };
        return HSM_OK;
    }
    hsm_mech_params params = { .hash = mech->hash };
    HSM_TRY(readers[mech->params](mech, param, &params));
    *out_params = params;
    return HSM_OK;
}
