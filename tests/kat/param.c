/* Mechanism parameters, and the hash functions that they and the mechanisms are named after.
 * SPDX-License-Identifier: Apache-2.0 */
#include "kat.h"

#include <ctype.h>

#define NO_MECHANISM CK_UNAVAILABLE_INFORMATION

#define HASH(NAME, LEN, D, SHORT, KDF, PRF)                                                     \
    {                                                                                           \
        NAME, LEN, CKM_##D, CKM_##D##_HMAC, CKM_##D##_HMAC_GENERAL, CKM_##SHORT##_RSA_PKCS,     \
            CKM_##SHORT##_RSA_PKCS_PSS, CKM_ECDSA_##SHORT, CKG_MGF1_##SHORT, CKD_##SHORT##_KDF, \
            CKD_##SHORT##_KDF_SP800, PRF                                                        \
    }
static const hash_row hashes[] = {
    HASH("sha1", 20, SHA_1, SHA1, SHA1, CKP_PKCS5_PBKD2_HMAC_SHA1),
    HASH("sha224", 28, SHA224, SHA224, SHA224, CKP_PKCS5_PBKD2_HMAC_SHA224),
    HASH("sha256", 32, SHA256, SHA256, SHA256, CKP_PKCS5_PBKD2_HMAC_SHA256),
    HASH("sha384", 48, SHA384, SHA384, SHA384, CKP_PKCS5_PBKD2_HMAC_SHA384),
    HASH("sha512", 64, SHA512, SHA512, SHA512, CKP_PKCS5_PBKD2_HMAC_SHA512),
    HASH("sha3224", 28, SHA3_224, SHA3_224, SHA3_224, 0),
    HASH("sha3256", 32, SHA3_256, SHA3_256, SHA3_256, 0),
    HASH("sha3384", 48, SHA3_384, SHA3_384, SHA3_384, 0),
    HASH("sha3512", 64, SHA3_512, SHA3_512, SHA3_512, 0),
    { "sha512224", 28, CKM_SHA512_224, CKM_SHA512_224_HMAC, CKM_SHA512_224_HMAC_GENERAL,
      NO_MECHANISM, NO_MECHANISM, NO_MECHANISM, 0, 0, 0, CKP_PKCS5_PBKD2_HMAC_SHA512_224 },
    { "sha512256", 32, CKM_SHA512_256, CKM_SHA512_256_HMAC, CKM_SHA512_256_HMAC_GENERAL,
      NO_MECHANISM, NO_MECHANISM, NO_MECHANISM, 0, 0, 0, CKP_PKCS5_PBKD2_HMAC_SHA512_256 },
};

const hash_row *hash_find(const char *name)
{
    char plain[24];
    size_t len = 0;

    for (; name != NULL && *name != '\0' && len + 1 < sizeof plain; name++)
        if (isalnum((unsigned char)*name))
            plain[len++] = (char)tolower((unsigned char)*name);
    plain[len] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
        if (strcmp(hashes[i].name, plain) == 0)
            return &hashes[i];
    return NULL;
}

void job_start(job *j, CK_MECHANISM_TYPE type)
{
    memset(j, 0, sizeof *j);
    j->mechanism.mechanism = type;
}

static void *bytes(span s)
{
    return (void *)(uintptr_t)s.data;
}

static void set(job *j, size_t len)
{
    j->mechanism.pParameter = &j->params;
    j->mechanism.ulParameterLen = len;
}

void param_iv(job *j, span iv)
{
    j->mechanism.pParameter = bytes(iv);
    j->mechanism.ulParameterLen = iv.len;
}

void param_gcm(job *j, span iv, span aad, size_t tag_len)
{
    j->params.gcm = (CK_GCM_PARAMS){ .pIv = bytes(iv),
                                     .ulIvLen = iv.len,
                                     .ulIvBits = iv.len * 8,
                                     .pAAD = bytes(aad),
                                     .ulAADLen = aad.len,
                                     .ulTagBits = tag_len * 8 };
    set(j, sizeof j->params.gcm);
}

void param_ccm(job *j, span nonce, span aad, size_t tag_len, size_t data_len)
{
    j->params.ccm = (CK_CCM_PARAMS){ .ulDataLen = data_len,
                                     .pNonce = bytes(nonce),
                                     .ulNonceLen = nonce.len,
                                     .pAAD = bytes(aad),
                                     .ulAADLen = aad.len,
                                     .ulMACLen = tag_len };
    set(j, sizeof j->params.ccm);
}

void param_chacha(job *j, span nonce, span aad)
{
    j->params.chacha = (CK_SALSA20_CHACHA20_POLY1305_PARAMS){
        .pNonce = bytes(nonce), .ulNonceLen = nonce.len, .pAAD = bytes(aad), .ulAADLen = aad.len
    };
    set(j, sizeof j->params.chacha);
}

void param_chacha_block(job *j, span counter, span nonce)
{
    j->params.chacha_block = (CK_CHACHA20_PARAMS){ .pBlockCounter = bytes(counter),
                                                   .blockCounterBits = counter.len * 8,
                                                   .pNonce = bytes(nonce),
                                                   .ulNonceBits = nonce.len * 8 };
    set(j, sizeof j->params.chacha_block);
}

void param_string(job *j, span data)
{
    j->params.string = (CK_KEY_DERIVATION_STRING_DATA){ bytes(data), data.len };
    set(j, sizeof j->params.string);
}

void param_ctr(job *j, span block, CK_ULONG bits)
{
    j->params.ctr.ulCounterBits = bits;
    memcpy(j->params.ctr.cb, block.data, block.len < 16 ? block.len : 16);
    set(j, sizeof j->params.ctr);
}

void param_mac_len(job *j, size_t len)
{
    j->params.mac_len = len;
    set(j, sizeof j->params.mac_len);
}

void param_oaep(job *j, const hash_row *hash, const hash_row *mgf, span label)
{
    j->params.oaep = (CK_RSA_PKCS_OAEP_PARAMS){ .hashAlg = hash->digest,
                                                .mgf = mgf->mgf,
                                                .source = CKZ_DATA_SPECIFIED,
                                                .pSourceData = label.len == 0 ? NULL : bytes(label),
                                                .ulSourceDataLen = label.len };
    set(j, sizeof j->params.oaep);
}

void param_pss(job *j, const hash_row *hash, const hash_row *mgf, CK_ULONG salt_len)
{
    j->params.pss = (CK_RSA_PKCS_PSS_PARAMS){ hash->digest, mgf->mgf, salt_len };
    set(j, sizeof j->params.pss);
}

void param_eddsa(job *j, bool is_prehash, span context)
{
    j->params.eddsa = (CK_EDDSA_PARAMS){ .phFlag = is_prehash ? CK_TRUE : CK_FALSE,
                                         .ulContextDataLen = context.len,
                                         .pContextData = bytes(context) };
    set(j, sizeof j->params.eddsa);
}

void param_ecdh(job *j, CK_ULONG kdf, span shared, span point)
{
    j->params.ecdh =
        (CK_ECDH1_DERIVE_PARAMS){ .kdf = kdf,
                                  .ulSharedDataLen = shared.len,
                                  .pSharedData = shared.len == 0 ? NULL : bytes(shared),
                                  .ulPublicDataLen = point.len,
                                  .pPublicData = bytes(point) };
    set(j, sizeof j->params.ecdh);
}

void param_dh(job *j, span public_value)
{
    j->mechanism.pParameter = public_value.len == 0 ? NULL : bytes(public_value);
    j->mechanism.ulParameterLen = public_value.len;
}

void param_x9_42(job *j, span public_value)
{
    j->params.x9_42 =
        (CK_X9_42_DH1_DERIVE_PARAMS){ .kdf = CKD_NULL,
                                      .ulPublicDataLen = public_value.len,
                                      .pPublicData =
                                          public_value.len == 0 ? NULL : bytes(public_value) };
    set(j, sizeof j->params.x9_42);
}

void param_context(job *j, span context, CK_ULONG hedge)
{
    j->params.context = (CK_SIGN_ADDITIONAL_CONTEXT){ .hedgeVariant = hedge,
                                                      .pContext = bytes(context),
                                                      .ulContextLen = context.len };
    set(j, sizeof j->params.context);
}

void param_hkdf(job *j, const hash_row *hash, bool extract, bool expand, span salt, span info)
{
    j->params.hkdf =
        (CK_HKDF_PARAMS){ .bExtract = extract ? CK_TRUE : CK_FALSE,
                          .bExpand = expand ? CK_TRUE : CK_FALSE,
                          .prfHashMechanism = hash->digest,
                          .ulSaltType = salt.len > 0 ? CKF_HKDF_SALT_DATA : CKF_HKDF_SALT_NULL,
                          .pSalt = salt.len > 0 ? bytes(salt) : NULL,
                          .ulSaltLen = salt.len,
                          .pInfo = info.len > 0 ? bytes(info) : NULL,
                          .ulInfoLen = info.len };
    set(j, sizeof j->params.hkdf);
}

void param_kbkdf(job *j, CK_MECHANISM_TYPE prf, CK_ULONG width_bits, span before, span after)
{
    CK_ULONG count = 0;

    j->counter = (CK_SP800_108_COUNTER_FORMAT){ CK_FALSE, width_bits };
    if (before.len > 0)
        j->data_params[count++] =
            (CK_PRF_DATA_PARAM){ CK_SP800_108_BYTE_ARRAY, bytes(before), before.len };
    j->data_params[count++] =
        (CK_PRF_DATA_PARAM){ CK_SP800_108_ITERATION_VARIABLE, &j->counter, sizeof j->counter };
    if (after.len > 0)
        j->data_params[count++] =
            (CK_PRF_DATA_PARAM){ CK_SP800_108_BYTE_ARRAY, bytes(after), after.len };
    j->params.kbkdf = (CK_SP800_108_KDF_PARAMS){ .prfType = prf,
                                                 .ulNumberOfDataParams = count,
                                                 .pDataParams = j->data_params };
    set(j, sizeof j->params.kbkdf);
}

void param_pbkdf2(job *j, const hash_row *hash, span password, span salt, CK_ULONG iterations)
{
    j->params.pbkdf2 = (CK_PKCS5_PBKD2_PARAMS2){ .saltSource = CKZ_SALT_SPECIFIED,
                                                 .pSaltSourceData = bytes(salt),
                                                 .ulSaltSourceDataLen = salt.len,
                                                 .iterations = iterations,
                                                 .prf = hash->pbkdf2,
                                                 .pPassword = bytes(password),
                                                 .ulPasswordLen = password.len };
    set(j, sizeof j->params.pbkdf2);
}

void param_tls_kdf(job *j, CK_MECHANISM_TYPE hash, span label, span first, span second)
{
    j->params.tls_kdf = (CK_TLS_KDF_PARAMS){ .prfMechanism = hash,
                                             .pLabel = bytes(label),
                                             .ulLabelLength = label.len,
                                             .RandomInfo = { .pClientRandom = bytes(first),
                                                             .ulClientRandomLen = first.len,
                                                             .pServerRandom = bytes(second),
                                                             .ulServerRandomLen = second.len } };
    set(j, sizeof j->params.tls_kdf);
}

void param_chained(job *j)
{
    CK_ULONG count = j->params.kbkdf.ulNumberOfDataParams;

    for (CK_ULONG i = count; i > 0; i--)
        j->data_params[i] = j->data_params[i - 1];
    for (CK_ULONG i = 1; i <= count; i++)
        if (j->data_params[i].type == CK_SP800_108_ITERATION_VARIABLE)
            j->data_params[i].type = CK_SP800_108_COUNTER;
    j->data_params[0] = (CK_PRF_DATA_PARAM){ CK_SP800_108_ITERATION_VARIABLE, NULL, 0 };
    j->params.kbkdf.ulNumberOfDataParams = count + 1;
}

void param_feedback(job *j, span iv)
{
    const CK_SP800_108_KDF_PARAMS base = j->params.kbkdf;

    j->params.feedback =
        (CK_SP800_108_FEEDBACK_KDF_PARAMS){ .prfType = base.prfType,
                                            .ulNumberOfDataParams = base.ulNumberOfDataParams,
                                            .pDataParams = base.pDataParams,
                                            .ulIVLen = iv.len,
                                            .pIV = iv.len > 0 ? bytes(iv) : NULL };
    set(j, sizeof j->params.feedback);
}

void param_cbc_data(job *j, span iv, span data)
{
    memcpy(j->params.cbc_data.iv, iv.data, iv.len < 16 ? iv.len : 16);
    j->params.cbc_data.pData = bytes(data);
    j->params.cbc_data.length = data.len;
    set(j, sizeof j->params.cbc_data);
}

void param_handle(job *j, CK_OBJECT_HANDLE handle)
{
    j->params.handle = handle;
    set(j, sizeof j->params.handle);
}

static CK_SSL3_RANDOM_DATA randoms_of(span client, span server)
{
    return (CK_SSL3_RANDOM_DATA){ .pClientRandom = bytes(client),
                                  .ulClientRandomLen = client.len,
                                  .pServerRandom = bytes(server),
                                  .ulServerRandomLen = server.len };
}

/* The version comes out of an RSA pre-master secret; one of Diffie-Hellman has none. */
static CK_VERSION *version_of(job *j)
{
    const CK_MECHANISM_TYPE type = j->mechanism.mechanism;
    const bool is_dh =
        type == CKM_TLS12_MASTER_KEY_DERIVE_DH || type == CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH;

    return is_dh ? NULL : &j->version;
}

void param_tls_master(job *j, const hash_row *hash, span client, span server)
{
    j->params.tls_master =
        (CK_TLS12_MASTER_KEY_DERIVE_PARAMS){ .RandomInfo = randoms_of(client, server),
                                             .pVersion = version_of(j),
                                             .prfHashMechanism = hash->digest };
    set(j, sizeof j->params.tls_master);
}

void param_tls_extended(job *j, const hash_row *hash, span session_hash)
{
    j->params.tls_extended =
        (CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS){ .prfHashMechanism = hash->digest,
                                                      .pSessionHash = bytes(session_hash),
                                                      .ulSessionHashLen = session_hash.len,
                                                      .pVersion = version_of(j) };
    set(j, sizeof j->params.tls_extended);
}

void param_tls_keys(job *j, const hash_row *hash, const span randoms[static 2],
                    const CK_ULONG bits[static 3])
{
    j->material.out.pIVClient = bits[2] > 0 ? j->material.client_iv : NULL;
    j->material.out.pIVServer = bits[2] > 0 ? j->material.server_iv : NULL;
    j->params.tls_keys =
        (CK_TLS12_KEY_MAT_PARAMS){ .ulMacSizeInBits = bits[0],
                                   .ulKeySizeInBits = bits[1],
                                   .ulIVSizeInBits = bits[2],
                                   .RandomInfo = randoms_of(randoms[0], randoms[1]),
                                   .pReturnedKeyMaterial = &j->material.out,
                                   .prfHashMechanism = hash->digest };
    set(j, sizeof j->params.tls_keys);
}

void param_hashed(job *j, CK_MECHANISM_TYPE hash, span context, CK_ULONG hedge)
{
    j->params.hash_context = (CK_HASH_SIGN_ADDITIONAL_CONTEXT){
        .hedgeVariant = hedge, .pContext = bytes(context), .ulContextLen = context.len, .hash = hash
    };
    set(j, sizeof j->params.hash_context);
}
