/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/backend_openssl_encode.h"

hsm_err hsm_ossl_put_der(hsm_ossl_encoder encode, const void *object, hsm_buf *out)
{
    const int len = encode(object, NULL);

    HSM_CHECK(len > 0, HSM_E_DATA);
    HSM_TRY(hsm_buf_reserve(out, (size_t)len));
    unsigned char *at = out->data + out->len;
    HSM_CHECK(encode(object, &at) == len, HSM_E_DATA);
    out->len += (size_t)len;
    return HSM_OK;
}

hsm_err hsm_ossl_put_info(const PKCS8_PRIV_KEY_INFO *info, hsm_secret **out_pkcs8)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *pkcs8 = NULL;
    const int len = i2d_PKCS8_PRIV_KEY_INFO(info, NULL);

    HSM_CHECK(len > 0 && (size_t)len <= HSM_SECRET_MAX_BYTES, HSM_E_DATA);
    HSM_TRY(hsm_secret_create((size_t)len, &pkcs8));
    unsigned char *at = hsm_secret_data(pkcs8);
    HSM_CHECK(i2d_PKCS8_PRIV_KEY_INFO(info, &at) == len, HSM_E_DATA);
    *out_pkcs8 = HSM_MOVE(pkcs8);
    return HSM_OK;
}
