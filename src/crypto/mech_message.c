/* The caller's structures may lie at any address, so they are copied before they are looked at.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mech_message.h"

#define CCM_NONCE_MIN_BYTES 7u
#define CCM_NONCE_MAX_BYTES 13u
#define CCM_TAG_MAX_BYTES 16u
#define CHACHA20_NONCE_BYTES 12u

/* Where an IV comes from, and which of its bits stay. */
static hsm_err read_source(CK_GENERATOR_FUNCTION id, CK_ULONG fixed_bits,
                           hsm_message_params *params)
{
    static const struct {
        CK_GENERATOR_FUNCTION id;
        hsm_iv_source source;
    } sources[] = {
        { CKG_NO_GENERATE, HSM_IV_GIVEN },
        { CKG_GENERATE, HSM_IV_ANY },
        { CKG_GENERATE_COUNTER, HSM_IV_COUNTER },
        { CKG_GENERATE_RANDOM, HSM_IV_RANDOM },
        { CKG_GENERATE_COUNTER_XOR, HSM_IV_COUNTER_XOR },
    };

    HSM_CHECK(fixed_bits <= params->iv_len * 8, HSM_E_MECHANISM_PARAM);
    params->fixed_bits = (uint32_t)fixed_bits;
    for (size_t i = 0; i < HSM_ARRAY_LEN(sources); i++) {
        if (sources[i].id == id) {
            params->source = sources[i].source;
            return HSM_OK;
        }
    }
    return HSM_E_MECHANISM_PARAM;
}

/* The lengths of SP 800-38D, 5.2.1.2. */
static bool is_gcm_tag(CK_ULONG bits)
{
    return bits == 32 || bits == 64 || (bits >= 96 && bits <= 128 && bits % 8 == 0);
}

static hsm_err read_gcm(const void *param, bool may_make, hsm_message_params *out)
{
    CK_GCM_MESSAGE_PARAMS gcm;

    memcpy(&gcm, param, sizeof gcm);
    HSM_CHECK(gcm.ulIvLen >= 1 && gcm.ulIvLen <= HSM_IV_MAX_BYTES && is_gcm_tag(gcm.ulTagBits),
              HSM_E_MECHANISM_PARAM);
    *out = (hsm_message_params){
        .iv = gcm.pIv,
        .iv_len = gcm.ulIvLen,
        .source = HSM_IV_GIVEN,
        .tag = gcm.pTag,
        .tag_bits = (uint32_t)gcm.ulTagBits,
    };
    return may_make ? read_source(gcm.ivGenerator, gcm.ulIvFixedBits, out) : HSM_OK;
}

/* The lengths of SP 800-38C, A.1. */
static hsm_err read_ccm(const void *param, bool may_make, hsm_message_params *out)
{
    CK_CCM_MESSAGE_PARAMS ccm;

    memcpy(&ccm, param, sizeof ccm);
    HSM_CHECK(ccm.ulNonceLen >= CCM_NONCE_MIN_BYTES && ccm.ulNonceLen <= CCM_NONCE_MAX_BYTES,
              HSM_E_MECHANISM_PARAM);
    HSM_CHECK(ccm.ulMACLen >= 4 && ccm.ulMACLen <= CCM_TAG_MAX_BYTES && ccm.ulMACLen % 2 == 0,
              HSM_E_MECHANISM_PARAM);
    *out = (hsm_message_params){
        .iv = ccm.pNonce,
        .iv_len = ccm.ulNonceLen,
        .source = HSM_IV_GIVEN,
        .tag = ccm.pMAC,
        .tag_bits = (uint32_t)ccm.ulMACLen * 8,
        .data_len = ccm.ulDataLen,
    };
    return may_make ? read_source(ccm.nonceGenerator, ccm.ulNonceFixedBits, out) : HSM_OK;
}

/* The nonce is always the caller's. Its length is in bits; clients that write 12 mean bytes, and
 * there are no other 12. */
static hsm_err read_chacha20_poly1305(const void *param, bool may_make, hsm_message_params *out)
{
    CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS chacha;

    (void)may_make;
    memcpy(&chacha, param, sizeof chacha);
    HSM_CHECK(chacha.ulNonceLen == 8 * CHACHA20_NONCE_BYTES ||
                  chacha.ulNonceLen == CHACHA20_NONCE_BYTES,
              HSM_E_MECHANISM_PARAM);
    *out = (hsm_message_params){
        .iv = chacha.pNonce,
        .iv_len = CHACHA20_NONCE_BYTES,
        .source = HSM_IV_GIVEN,
        .tag = chacha.pTag,
        .tag_bits = 128,
    };
    return HSM_OK;
}

static const struct shape {
    hsm_alg alg;
    size_t size;
    hsm_err (*read)(const void *param, bool may_make, hsm_message_params *out);
} shapes[] = {
    { HSM_ALG_AES_GCM, sizeof(CK_GCM_MESSAGE_PARAMS), read_gcm },
    { HSM_ALG_AES_CCM, sizeof(CK_CCM_MESSAGE_PARAMS), read_ccm },
    { HSM_ALG_CHACHA20_POLY1305, sizeof(CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS),
      read_chacha20_poly1305 },
};

static const struct shape *shape_of(const hsm_mech *mech)
{
    for (size_t i = 0; i < HSM_ARRAY_LEN(shapes); i++) {
        if (shapes[i].alg == mech->alg)
            return &shapes[i];
    }
    return NULL;
}

hsm_err hsm_message_params_read(const hsm_mech *mech, bool may_make, hsm_bytes param,
                                hsm_message_params *out_params)
{
    const struct shape *shape = shape_of(mech);
    hsm_message_params params = { 0 };

    HSM_CHECK(shape != NULL && param.len == shape->size, HSM_E_MECHANISM_PARAM);
    HSM_TRY(shape->read(param.data, may_make, &params));
    HSM_CHECK(params.iv != NULL, HSM_E_MECHANISM_PARAM);
    *out_params = params;
    return HSM_OK;
}

hsm_err hsm_wrap_iv_read(const hsm_mech *mech, hsm_bytes param, hsm_message_params *out_params)
{
    CK_GCM_WRAP_PARAMS gcm;
    CK_CCM_WRAP_PARAMS ccm;

    if (mech->alg == HSM_ALG_AES_GCM && param.len == sizeof gcm) {
        memcpy(&gcm, param.data, sizeof gcm);
        const CK_GCM_MESSAGE_PARAMS same = { gcm.pIv,         gcm.ulIvLen, gcm.ulIvFixedBits,
                                             gcm.ivGenerator, NULL,        gcm.ulTagBits };
        return read_gcm(&same, true, out_params);
    }
    HSM_CHECK(mech->alg == HSM_ALG_AES_CCM && param.len == sizeof ccm, HSM_E_MECHANISM_PARAM);
    memcpy(&ccm, param.data, sizeof ccm);
    const CK_CCM_MESSAGE_PARAMS same = {
        0, ccm.pNonce, ccm.ulNonceLen, ccm.ulNonceFixedBits, ccm.nonceGenerator, NULL, ccm.ulMACLen
    };
    return read_ccm(&same, true, out_params);
}

hsm_err hsm_message_params_check(const hsm_mech *mech, const CK_MECHANISM *mechanism)
{
    const struct shape *shape = shape_of(mech);
    CK_MECHANISM given;

    memcpy(&given, (const void *)mechanism, sizeof given);
    HSM_CHECK(shape != NULL, HSM_E_MECHANISM);
    HSM_CHECK(given.ulParameterLen == 0 ||
                  (given.pParameter != NULL && given.ulParameterLen == shape->size),
              HSM_E_MECHANISM_PARAM);
    return HSM_OK;
}

hsm_err hsm_mech_params_keep(const hsm_mech_params *params, hsm_buf *storage,
                             hsm_mech_params *out_params)
{
    hsm_mech_params kept = *params;
    hsm_bytes *spans[] = { &kept.iv,          &kept.aad,         &kept.label, &kept.context,
                           &kept.shared_data, &kept.public_data, &kept.raw,   &kept.password };
    size_t total = 0;

    for (size_t i = 0; i < HSM_ARRAY_LEN(spans); i++)
        total += spans[i]->len; /* each was checked against a limit of its own */
    HSM_TRY(hsm_buf_reserve(storage, total));
    for (size_t i = 0; i < HSM_ARRAY_LEN(spans); i++) {
        const hsm_bytes given = *spans[i];

        *spans[i] = hsm_bytes_none();
        if (given.len == 0)
            continue;
        HSM_TRY(hsm_buf_append(storage, given)); /* room is there, so nothing moves */
        *spans[i] = hsm_bytes_of(storage->data + storage->len - given.len, given.len);
    }
    *out_params = kept;
    return HSM_OK;
}
