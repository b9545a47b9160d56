/* Parameters of key derivation: one reader per algorithm. The caller's structures may lie at any
 * address, so they are copied before they are looked at.
 * SPDX-License-Identifier: Apache-2.0 */
#include "crypto/kdf.h"

#define DATA_MAX_BYTES ((size_t)64 * 1024)
#define INFO_MAX_BYTES ((size_t)16 * 1024)
#define RANDOM_MAX_BYTES 1024u
#define TLS_PART_MAX_BITS 2048u
#define BLOCK 16u

typedef hsm_err (*reader)(hsm_bytes raw, hsm_kdf *out);

static hsm_err copy_struct(hsm_bytes raw, void *dst, size_t size)
{
    HSM_CHECK(raw.len == size, HSM_E_MECHANISM_PARAM);
    memcpy(dst, raw.data, size);
    return HSM_OK;
}

static hsm_err nested(const void *data, CK_ULONG len, size_t max_len, hsm_bytes *out)
{
    HSM_CHECK(len <= max_len && (data != NULL || len == 0), HSM_E_MECHANISM_PARAM);
    *out = hsm_bytes_of(data, len);
    return HSM_OK;
}

static hsm_err find_hash(CK_MECHANISM_TYPE id, hsm_hash *out_hash)
{
    HSM_CHECK(id != CK_UNAVAILABLE_INFORMATION, HSM_E_MECHANISM_PARAM); /* some have none */
    for (hsm_hash hash = HSM_HASH_NONE + 1; hash < HSM_HASH_COUNT; hash++) {
        if (hsm_hash_get(hash)->digest_mech == id) {
            *out_hash = hash;
            return HSM_OK;
        }
    }
    return HSM_E_MECHANISM_PARAM;
}

static hsm_err read_none(hsm_bytes raw, hsm_kdf *out)
{
    (void)out;
    HSM_CHECK(raw.len == 0, HSM_E_MECHANISM_PARAM);
    return HSM_OK;
}

static hsm_err read_string(hsm_bytes raw, hsm_kdf *out)
{
    CK_KEY_DERIVATION_STRING_DATA string;

    HSM_TRY(copy_struct(raw, &string, sizeof string));
    HSM_CHECK(string.ulLen >= 1, HSM_E_MECHANISM_PARAM);
    return nested(string.pData, string.ulLen, DATA_MAX_BYTES, &out->data);
}

static hsm_err read_other_key(hsm_bytes raw, hsm_kdf *out)
{
    out->handle_count = 1;
    return copy_struct(raw, &out->handles[0], sizeof out->handles[0]);
}

static hsm_err read_first_bit(hsm_bytes raw, hsm_kdf *out)
{
    CK_EXTRACT_PARAMS bit;

    HSM_TRY(copy_struct(raw, &bit, sizeof bit));
    out->first_bit = bit;
    return HSM_OK;
}

static hsm_err read_ecb(hsm_bytes raw, hsm_kdf *out)
{
    HSM_TRY(read_string(raw, out));
    HSM_CHECK(out->data.len % BLOCK == 0, HSM_E_MECHANISM_PARAM);
    return HSM_OK;
}

static hsm_err read_cbc(hsm_bytes raw, hsm_kdf *out)
{
    CK_AES_CBC_ENCRYPT_DATA_PARAMS cbc;

    HSM_TRY(copy_struct(raw, &cbc, sizeof cbc));
    HSM_CHECK(cbc.length >= BLOCK && cbc.length % BLOCK == 0, HSM_E_MECHANISM_PARAM);
    out->iv = hsm_bytes_of(raw.data + offsetof(CK_AES_CBC_ENCRYPT_DATA_PARAMS, iv), BLOCK);
    return nested(cbc.pData, cbc.length, DATA_MAX_BYTES, &out->data);
}

static hsm_err read_hkdf_salt(const CK_HKDF_PARAMS *hkdf, hsm_kdf *out)
{
    if (!out->does_extract || hkdf->ulSaltType == CKF_HKDF_SALT_NULL)
        return HSM_OK;
    if (hkdf->ulSaltType == CKF_HKDF_SALT_DATA)
        return nested(hkdf->pSalt, hkdf->ulSaltLen, INFO_MAX_BYTES, &out->salt);
    HSM_CHECK(hkdf->ulSaltType == CKF_HKDF_SALT_KEY, HSM_E_MECHANISM_PARAM);
    out->has_salt_key = true;
    out->handles[0] = hkdf->hSaltKey;
    out->handle_count = 1;
    return HSM_OK;
}

static hsm_err read_hkdf(hsm_bytes raw, hsm_kdf *out)
{
    CK_HKDF_PARAMS hkdf;

    HSM_TRY(copy_struct(raw, &hkdf, sizeof hkdf));
    out->does_extract = hkdf.bExtract != CK_FALSE;
    out->does_expand = hkdf.bExpand != CK_FALSE;
    HSM_CHECK(out->does_extract || out->does_expand, HSM_E_MECHANISM_PARAM);
    HSM_TRY(find_hash(hkdf.prfHashMechanism, &out->hash));
    HSM_TRY(read_hkdf_salt(&hkdf, out));
    return out->does_expand ? nested(hkdf.pInfo, hkdf.ulInfoLen, INFO_MAX_BYTES, &out->info)
                            : HSM_OK;
}

/* The hash of a PRF named by its HMAC mechanism. */
static hsm_err find_prf(CK_MECHANISM_TYPE id, hsm_kdf *out)
{
    const hsm_mech *mech = hsm_mech_find(id);

    HSM_CHECK(mech != NULL && mech->params == HSM_PARAM_NONE, HSM_E_MECHANISM_PARAM);
    HSM_CHECK(mech->alg == HSM_ALG_HMAC || mech->alg == HSM_ALG_CMAC, HSM_E_MECHANISM_PARAM);
    out->is_cmac = mech->alg == HSM_ALG_CMAC;
    out->hash = mech->hash;
    return HSM_OK;
}

static hsm_err read_width(CK_ULONG bits, CK_ULONG max_bits, hsm_kdf_segment *out)
{
    HSM_CHECK(bits >= 8 && bits <= max_bits && bits % 8 == 0, HSM_E_MECHANISM_PARAM);
    out->width = bits / 8;
    return HSM_OK;
}

static hsm_err read_counter(const CK_PRF_DATA_PARAM *param, hsm_kdf_segment *out)
{
    CK_SP800_108_COUNTER_FORMAT format;

    HSM_CHECK(param->pValue != NULL, HSM_E_MECHANISM_PARAM);
    HSM_TRY(copy_struct(hsm_bytes_of(param->pValue, param->ulValueLen), &format, sizeof format));
    out->is_little_endian = format.bLittleEndian != CK_FALSE;
    return read_width(format.ulWidthInBits, 32, out);
}

static hsm_err read_length(const CK_PRF_DATA_PARAM *param, hsm_kdf_segment *out)
{
    CK_SP800_108_DKM_LENGTH_FORMAT format;

    HSM_CHECK(param->pValue != NULL, HSM_E_MECHANISM_PARAM);
    HSM_TRY(copy_struct(hsm_bytes_of(param->pValue, param->ulValueLen), &format, sizeof format));
    HSM_CHECK(format.dkmLengthMethod == CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS ||
                  format.dkmLengthMethod == CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS,
              HSM_E_MECHANISM_PARAM);
    out->counts_segments = format.dkmLengthMethod == CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS;
    out->is_little_endian = format.bLittleEndian != CK_FALSE;
    return read_width(format.ulWidthInBits, 64, out);
}

static hsm_err read_key_piece(const CK_PRF_DATA_PARAM *param, hsm_kdf *kdf, hsm_kdf_segment *out)
{
    HSM_CHECK(param->pValue != NULL && kdf->handle_count < HSM_KDF_HANDLES_MAX,
              HSM_E_MECHANISM_PARAM);
    out->handle = kdf->handle_count;
    HSM_TRY(copy_struct(hsm_bytes_of(param->pValue, param->ulValueLen),
                        &kdf->handles[kdf->handle_count], sizeof kdf->handles[0]));
    kdf->handle_count++;
    return HSM_OK;
}

static hsm_err read_segment(const CK_PRF_DATA_PARAM *param, bool is_counter_mode, hsm_kdf *kdf)
{
    hsm_kdf_segment *out = &kdf->segments[kdf->segment_count++];

    *out = (hsm_kdf_segment){ 0 };
    switch (param->type) {
    case CK_SP800_108_ITERATION_VARIABLE:
        out->piece = HSM_KDF_ITERATION;
        if (is_counter_mode)
            return read_counter(param, out);
        HSM_CHECK(param->pValue == NULL && param->ulValueLen == 0, HSM_E_MECHANISM_PARAM);
        return HSM_OK;
    case CK_SP800_108_COUNTER:
        HSM_CHECK(!is_counter_mode, HSM_E_MECHANISM_PARAM);
        out->piece = HSM_KDF_COUNTER;
        return read_counter(param, out);
    case CK_SP800_108_DKM_LENGTH:
        out->piece = HSM_KDF_LENGTH;
        return read_length(param, out);
    case CK_SP800_108_BYTE_ARRAY:
        out->piece = HSM_KDF_BYTES;
        HSM_CHECK(param->ulValueLen > 0, HSM_E_MECHANISM_PARAM);
        return nested(param->pValue, param->ulValueLen, DATA_MAX_BYTES, &out->data);
    case CK_SP800_108_KEY_HANDLE:
        out->piece = HSM_KDF_KEY;
        return read_key_piece(param, kdf, out);
    default:
        return HSM_E_MECHANISM_PARAM;
    }
}

static size_t count_pieces(const hsm_kdf *kdf, hsm_kdf_piece piece)
{
    size_t count = 0;

    for (size_t i = 0; i < kdf->segment_count; i++)
        count += kdf->segments[i].piece == piece;
    return count;
}

static hsm_err read_segments(const CK_SP800_108_KDF_PARAMS *params, bool is_counter_mode,
                             hsm_kdf *out)
{
    const uint8_t *from = (const uint8_t *)params->pDataParams;

    HSM_TRY(find_prf(params->prfType, out));
    HSM_CHECK(from != NULL && params->ulNumberOfDataParams <= HSM_KDF_SEGMENTS_MAX,
              HSM_E_MECHANISM_PARAM);
    for (size_t i = 0; i < params->ulNumberOfDataParams; i++) {
        CK_PRF_DATA_PARAM param;

        memcpy(&param, from + i * sizeof param, sizeof param);
        HSM_TRY(read_segment(&param, is_counter_mode, out));
    }
    HSM_CHECK(count_pieces(out, HSM_KDF_ITERATION) == 1 &&
                  count_pieces(out, HSM_KDF_COUNTER) <= 1 && count_pieces(out, HSM_KDF_LENGTH) <= 1,
              HSM_E_MECHANISM_PARAM);
    HSM_CHECK(params->ulAdditionalDerivedKeys < HSM_KDF_KEYS_MAX &&
                  (params->ulAdditionalDerivedKeys == 0) ==
                      (params->pAdditionalDerivedKeys == NULL),
              HSM_E_MECHANISM_PARAM);
    out->more_keys = params->pAdditionalDerivedKeys;
    out->more_count = params->ulAdditionalDerivedKeys;
    return HSM_OK;
}

static hsm_err read_kbkdf_counter(hsm_bytes raw, hsm_kdf *out)
{
    CK_SP800_108_KDF_PARAMS params;

    HSM_TRY(copy_struct(raw, &params, sizeof params));
    return read_segments(&params, true, out);
}

static hsm_err read_kbkdf_pipeline(hsm_bytes raw, hsm_kdf *out)
{
    CK_SP800_108_KDF_PARAMS params;

    HSM_TRY(copy_struct(raw, &params, sizeof params));
    return read_segments(&params, false, out);
}

static hsm_err read_kbkdf_feedback(hsm_bytes raw, hsm_kdf *out)
{
    CK_SP800_108_FEEDBACK_KDF_PARAMS params;

    HSM_TRY(copy_struct(raw, &params, sizeof params));
    HSM_TRY(nested(params.pIV, params.ulIVLen, INFO_MAX_BYTES, &out->iv));
    const CK_SP800_108_KDF_PARAMS common = {
        .prfType = params.prfType,
        .ulNumberOfDataParams = params.ulNumberOfDataParams,
        .pDataParams = params.pDataParams,
        .ulAdditionalDerivedKeys = params.ulAdditionalDerivedKeys,
        .pAdditionalDerivedKeys = params.pAdditionalDerivedKeys,
    };
    return read_segments(&common, false, out);
}

static hsm_err read_randoms(const CK_SSL3_RANDOM_DATA *random, hsm_kdf *out)
{
    HSM_TRY(nested(random->pClientRandom, random->ulClientRandomLen, RANDOM_MAX_BYTES,
                   &out->client_random));
    return nested(random->pServerRandom, random->ulServerRandomLen, RANDOM_MAX_BYTES,
                  &out->server_random);
}

static hsm_err read_tls_master(hsm_bytes raw, hsm_kdf *out)
{
    CK_TLS12_MASTER_KEY_DERIVE_PARAMS master;

    HSM_TRY(copy_struct(raw, &master, sizeof master));
    HSM_TRY(find_hash(master.prfHashMechanism, &out->hash));
    out->label = hsm_bytes_of_text("master secret");
    out->out_version = master.pVersion;
    return read_randoms(&master.RandomInfo, out);
}

static hsm_err read_tls_extended(hsm_bytes raw, hsm_kdf *out)
{
    CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS master;

    HSM_TRY(copy_struct(raw, &master, sizeof master));
    HSM_TRY(find_hash(master.prfHashMechanism, &out->hash));
    HSM_CHECK(master.ulSessionHashLen >= 1, HSM_E_MECHANISM_PARAM);
    out->label = hsm_bytes_of_text("extended master secret");
    out->out_version = master.pVersion;
    return nested(master.pSessionHash, master.ulSessionHashLen, RANDOM_MAX_BYTES, &out->data);
}

/* Lengths in bits that are whole bytes. */
static hsm_err read_part_len(CK_ULONG bits, size_t *out_len)
{
    HSM_CHECK(bits <= TLS_PART_MAX_BITS && bits % 8 == 0, HSM_E_MECHANISM_PARAM);
    *out_len = bits / 8;
    return HSM_OK;
}

static hsm_err read_tls_keys(hsm_bytes raw, hsm_kdf *out)
{
    CK_TLS12_KEY_MAT_PARAMS keys;

    HSM_TRY(copy_struct(raw, &keys, sizeof keys));
    HSM_CHECK(keys.bIsExport == CK_FALSE && keys.pReturnedKeyMaterial != NULL,
              HSM_E_MECHANISM_PARAM);
    HSM_TRY(find_hash(keys.prfHashMechanism, &out->hash));
    HSM_TRY(read_part_len(keys.ulMacSizeInBits, &out->mac_len));
    HSM_TRY(read_part_len(keys.ulKeySizeInBits, &out->key_len));
    HSM_TRY(read_part_len(keys.ulIVSizeInBits, &out->iv_len));
    HSM_CHECK(out->mac_len + out->key_len > 0, HSM_E_MECHANISM_PARAM);
    out->label = hsm_bytes_of_text("key expansion");
    out->out_material = keys.pReturnedKeyMaterial;
    return read_randoms(&keys.RandomInfo, out);
}

/* The same without IVs: whatever length is given for them counts as none. */
static hsm_err read_tls_safe_keys(hsm_bytes raw, hsm_kdf *out)
{
    CK_TLS12_KEY_MAT_PARAMS keys;

    HSM_TRY(copy_struct(raw, &keys, sizeof keys));
    keys.ulIVSizeInBits = 0;
    HSM_TRY(read_tls_keys(hsm_bytes_of(&keys, sizeof keys), out));
    return HSM_OK;
}

/* RFC 5705 */
static hsm_err read_tls_exporter(hsm_bytes raw, hsm_kdf *out)
{
    CK_TLS_KDF_PARAMS tls;

    HSM_TRY(copy_struct(raw, &tls, sizeof tls));
    HSM_TRY(find_hash(tls.prfMechanism, &out->hash));
    HSM_CHECK(tls.ulContextDataLength <= UINT16_MAX, HSM_E_MECHANISM_PARAM);
    HSM_TRY(nested(tls.pLabel, tls.ulLabelLength, INFO_MAX_BYTES, &out->label));
    HSM_TRY(nested(tls.pContextData, tls.ulContextDataLength, INFO_MAX_BYTES, &out->info));
    out->has_context = tls.pContextData != NULL;
    return read_randoms(&tls.RandomInfo, out);
}

/* The first key that a parameter names, which is seed material. */
static void add_seed_key(CK_OBJECT_HANDLE handle, hsm_kdf *out)
{
    out->has_seed_key = true;
    out->handles[0] = handle;
    out->handle_count = 1;
}

static hsm_err read_ike_prf(hsm_bytes raw, hsm_kdf *out)
{
    CK_IKE_PRF_DERIVE_PARAMS ike;

    HSM_TRY(copy_struct(raw, &ike, sizeof ike));
    HSM_CHECK(ike.bDataAsKey == CK_FALSE || ike.bRekey == CK_FALSE, HSM_E_ARG);
    HSM_TRY(find_prf(ike.prfMechanism, out));
    HSM_TRY(nested(ike.pNi, ike.ulNiLen, INFO_MAX_BYTES, &out->data));
    HSM_TRY(nested(ike.pNr, ike.ulNrLen, INFO_MAX_BYTES, &out->info));
    HSM_CHECK(out->data.len + out->info.len > 0, HSM_E_MECHANISM_PARAM);
    out->is_data_key = ike.bDataAsKey != CK_FALSE;
    if (ike.bRekey != CK_FALSE)
        add_seed_key(ike.hNewKey, out);
    return HSM_OK;
}

static hsm_err read_ike1_prf(hsm_bytes raw, hsm_kdf *out)
{
    CK_IKE1_PRF_DERIVE_PARAMS ike;

    HSM_TRY(copy_struct(raw, &ike, sizeof ike));
    HSM_TRY(find_prf(ike.prfMechanism, out));
    HSM_TRY(nested(ike.pCKYi, ike.ulCKYiLen, INFO_MAX_BYTES, &out->data));
    HSM_TRY(nested(ike.pCKYr, ike.ulCKYrLen, INFO_MAX_BYTES, &out->info));
    add_seed_key(ike.hKeygxy, out);
    out->key_number = ike.keyNumber;
    out->has_previous = ike.bHasPrevKey != CK_FALSE;
    if (out->has_previous)
        out->handles[out->handle_count++] = ike.hPrevKey;
    return HSM_OK;
}

static hsm_err read_ike1_extended(hsm_bytes raw, hsm_kdf *out)
{
    CK_IKE1_EXTENDED_DERIVE_PARAMS ike;

    HSM_TRY(copy_struct(raw, &ike, sizeof ike));
    HSM_TRY(find_prf(ike.prfMechanism, out));
    if (ike.bHasKeygxy != CK_FALSE)
        add_seed_key(ike.hKeygxy, out);
    return nested(ike.pExtraData, ike.ulExtraDataLen, INFO_MAX_BYTES, &out->data);
}

static hsm_err read_ike2_prf_plus(hsm_bytes raw, hsm_kdf *out)
{
    CK_IKE2_PRF_PLUS_DERIVE_PARAMS ike;

    HSM_TRY(copy_struct(raw, &ike, sizeof ike));
    HSM_TRY(find_prf(ike.prfMechanism, out));
    if (ike.bHasSeedKey != CK_FALSE)
        add_seed_key(ike.hSeedKey, out);
    HSM_CHECK(out->has_seed_key || ike.ulSeedDataLen > 0, HSM_E_MECHANISM_PARAM);
    return nested(ike.pSeedData, ike.ulSeedDataLen, INFO_MAX_BYTES, &out->data);
}

static const reader readers[HSM_ALG_COUNT] = {
    [HSM_ALG_CONCAT_BASE_KEY] = read_other_key,
    [HSM_ALG_CONCAT_BASE_DATA] = read_string,
    [HSM_ALG_CONCAT_DATA_BASE] = read_string,
    [HSM_ALG_XOR_BASE_DATA] = read_string,
    [HSM_ALG_EXTRACT] = read_first_bit,
    [HSM_ALG_HASH_DERIVE] = read_none,
    [HSM_ALG_SHAKE_DERIVE] = read_none,
    [HSM_ALG_ENCRYPT_DATA_ECB] = read_ecb,
    [HSM_ALG_ENCRYPT_DATA_CBC] = read_cbc,
    [HSM_ALG_HKDF] = read_hkdf,
    [HSM_ALG_KBKDF_COUNTER] = read_kbkdf_counter,
    [HSM_ALG_KBKDF_FEEDBACK] = read_kbkdf_feedback,
    [HSM_ALG_KBKDF_PIPELINE] = read_kbkdf_pipeline,
    [HSM_ALG_TLS12_MASTER] = read_tls_master,
    [HSM_ALG_TLS12_EXTENDED] = read_tls_extended,
    [HSM_ALG_TLS12_KEYS] = read_tls_keys,
    [HSM_ALG_TLS12_SAFE_KEYS] = read_tls_safe_keys,
    [HSM_ALG_TLS12_EXPORTER] = read_tls_exporter,
    [HSM_ALG_IKE_PRF] = read_ike_prf,
    [HSM_ALG_IKE1_PRF] = read_ike1_prf,
    [HSM_ALG_IKE1_EXTENDED] = read_ike1_extended,
    [HSM_ALG_IKE2_PRF_PLUS] = read_ike2_prf_plus,
};

bool hsm_kdf_is(const hsm_mech *mech)
{
    return readers[mech->alg] != NULL;
}

hsm_err hsm_kdf_read(const hsm_mech *mech, hsm_bytes raw, hsm_kdf *kdf)
{
    HSM_CHECK(hsm_kdf_is(mech), HSM_E_MECHANISM);
    memset(kdf, 0, offsetof(hsm_kdf, segments)); /* which are most of it */
    kdf->hash = mech->hash;
    HSM_TRY(readers[mech->alg](raw, kdf));
    /* Only the client's own premaster carries a version (PKCS#11 v3.2, ..._DERIVE_DH). */
    HSM_CHECK(mech->key_min_bits == mech->key_max_bits || kdf->out_version == NULL,
              HSM_E_MECHANISM_PARAM);
    return HSM_OK;
}
