/* SPDX-License-Identifier: Apache-2.0 */
#include "cratond/convert_kdf.h"

/* A key that the parameter names; where to find its handle, if that is asked for. */
static hsm_err add_key(wire_mechanism *out, uint64_t handle, CK_OBJECT_HANDLE **out_place)
{
    HSM_CHECK(out->named_count < WIRE_NAMED_KEYS_MAX, HSM_E_MECHANISM_PARAM);
    out->named[out->named_count] = wire_handle(handle);
    if (out_place != NULL)
        *out_place = &out->named[out->named_count];
    out->named_count++;
    return HSM_OK;
}

hsm_err wire_read_hkdf(const CratonHsm__Mechanism *from, wire_mechanism *out)
{
    CK_HKDF_PARAMS *hkdf = &out->params.hkdf;

    hkdf->bExtract = from->hkdf->extract ? CK_TRUE : CK_FALSE;
    hkdf->bExpand = from->hkdf->expand ? CK_TRUE : CK_FALSE;
    hkdf->prfHashMechanism = from->hkdf->hash_mechanism;
    hkdf->ulSaltType = from->hkdf->salt_type;
    WIRE_PUT(from->hkdf->salt, hkdf->pSalt, hkdf->ulSaltLen);
    hkdf->hSaltKey = from->hkdf->salt_key_handle;
    WIRE_PUT(from->hkdf->info, hkdf->pInfo, hkdf->ulInfoLen);
    return hkdf->hSaltKey == CK_INVALID_HANDLE ? HSM_OK : add_key(out, hkdf->hSaltKey, NULL);
}

/* --- SP 800-108 ------------------------------------------------------------------------------------ */

static void put_value(CK_PRF_DATA_PARAM *piece, CK_PRF_DATA_TYPE type, void *value, size_t len)
{
    *piece = (CK_PRF_DATA_PARAM){ .type = type, .pValue = value, .ulValueLen = len };
}

/* One that says nothing is none: so the iteration stands outside of counter mode. */
static void put_counter(const CratonHsm__KbkdfCounter *from, CK_PRF_DATA_TYPE type,
                        CK_SP800_108_COUNTER_FORMAT *format, CK_PRF_DATA_PARAM *piece)
{
    *format = (CK_SP800_108_COUNTER_FORMAT){
        .bLittleEndian = from->little_endian ? CK_TRUE : CK_FALSE,
        .ulWidthInBits = from->width_bits,
    };
    if (from->little_endian || from->width_bits != 0)
        put_value(piece, type, format, sizeof *format);
    else
        put_value(piece, type, NULL, 0);
}

static void put_length(const CratonHsm__KbkdfLength *from, CK_SP800_108_DKM_LENGTH_FORMAT *format,
                       CK_PRF_DATA_PARAM *piece)
{
    *format = (CK_SP800_108_DKM_LENGTH_FORMAT){
        .dkmLengthMethod = from->method,
        .bLittleEndian = from->little_endian ? CK_TRUE : CK_FALSE,
        .ulWidthInBits = from->width_bits,
    };
    put_value(piece, CK_SP800_108_DKM_LENGTH, format, sizeof *format);
}

static hsm_err read_piece(const CratonHsm__KbkdfPiece *from, size_t at, wire_mechanism *out)
{
    CK_PRF_DATA_PARAM *piece = &out->room.kbkdf.pieces[at];
    CK_OBJECT_HANDLE *key = NULL;

    switch (from->piece_case) {
    case CRATON_HSM__KBKDF_PIECE__PIECE_ITERATION:
        put_counter(from->iteration, CK_SP800_108_ITERATION_VARIABLE,
                    &out->room.kbkdf.formats[at].counter, piece);
        return HSM_OK;
    case CRATON_HSM__KBKDF_PIECE__PIECE_COUNTER:
        put_counter(from->counter, CK_SP800_108_COUNTER, &out->room.kbkdf.formats[at].counter,
                    piece);
        return HSM_OK;
    case CRATON_HSM__KBKDF_PIECE__PIECE_LENGTH:
        put_length(from->length, &out->room.kbkdf.formats[at].length, piece);
        return HSM_OK;
    case CRATON_HSM__KBKDF_PIECE__PIECE_DATA:
        put_value(piece, CK_SP800_108_BYTE_ARRAY, from->data.data, from->data.len);
        return HSM_OK;
    case CRATON_HSM__KBKDF_PIECE__PIECE_KEY_HANDLE:
        HSM_TRY(add_key(out, from->key_handle, &key));
        put_value(piece, CK_SP800_108_KEY_HANDLE, key, sizeof *key);
        return HSM_OK;
    default:
        return HSM_E_MECHANISM_PARAM;
    }
}

static hsm_err read_pieces(const CratonHsm__KbkdfParams *from, wire_mechanism *out)
{
    HSM_CHECK(from->n_pieces <= WIRE_PIECES_MAX, HSM_E_MECHANISM_PARAM);
    for (size_t i = 0; i < from->n_pieces; i++)
        HSM_TRY(read_piece(from->pieces[i], i, out));
    return HSM_OK;
}

/* For the call: pointers to values that are only read. */
static hsm_err put_template(rpc_context *context, const hsm_template *from, CK_DERIVED_KEY *out)
{
    CK_ATTRIBUTE *attrs = arena_alloc(context->memory, (from->count + 1) * sizeof *attrs);

    HSM_CHECK(attrs != NULL, HSM_E_NO_MEMORY);
    for (size_t i = 0; i < from->count; i++) {
        const hsm_attr *attr = &from->attrs[i];

        attrs[i] = (CK_ATTRIBUTE){ .type = attr->type,
                                   .pValue = (void *)(uintptr_t)attr->value.data,
                                   .ulValueLen = attr->value.len };
    }
    out->pTemplate = attrs;
    out->ulAttributeCount = from->count;
    return HSM_OK;
}

static hsm_err read_more_key(rpc_context *context, const CratonHsm__KbkdfKey *from, size_t at,
                             wire_mechanism *out)
{
    CK_DERIVED_KEY *key = &out->room.kbkdf.more_keys[at];
    hsm_template tmpl;

    HSM_TRY(wire_template_read(context, from->n_template_, from->template_, &tmpl));
    HSM_TRY(wire_may_make(context, &tmpl));
    HSM_TRY(put_template(context, &tmpl, key));
    out->room.kbkdf.more_handles[at] = CK_INVALID_HANDLE;
    key->phKey = &out->room.kbkdf.more_handles[at];
    return HSM_OK;
}

hsm_err wire_more_keys_read(rpc_context *context, const CratonHsm__Mechanism *from,
                            wire_mechanism *out)
{
    const bool is_feedback = out->form == HSM_FORM_KBKDF_FEEDBACK;

    if (out->form != HSM_FORM_KBKDF && !is_feedback)
        return HSM_OK;
    out->room.kbkdf.more_count = 0;
    if (from->typed_case != CRATON_HSM__MECHANISM__TYPED_KBKDF)
        return HSM_OK;
    const CratonHsm__KbkdfParams *kbkdf = from->kbkdf;
    HSM_CHECK(kbkdf->n_more_keys <= WIRE_MORE_KEYS_MAX, HSM_E_MECHANISM_PARAM);
    for (size_t i = 0; i < kbkdf->n_more_keys; i++)
        HSM_TRY(read_more_key(context, kbkdf->more_keys[i], i, out));
    out->room.kbkdf.more_count = kbkdf->n_more_keys;
    if (kbkdf->n_more_keys == 0)
        return HSM_OK;
    if (is_feedback) {
        out->params.feedback.ulAdditionalDerivedKeys = kbkdf->n_more_keys;
        out->params.feedback.pAdditionalDerivedKeys = out->room.kbkdf.more_keys;
    } else {
        out->params.kbkdf.ulAdditionalDerivedKeys = kbkdf->n_more_keys;
        out->params.kbkdf.pAdditionalDerivedKeys = out->room.kbkdf.more_keys;
    }
    return HSM_OK;
}

hsm_err wire_read_kbkdf(const CratonHsm__Mechanism *from, wire_mechanism *out)
{
    HSM_CHECK(from->kbkdf->iv.len == 0, HSM_E_MECHANISM_PARAM);
    HSM_TRY(read_pieces(from->kbkdf, out));
    out->params.kbkdf = (CK_SP800_108_KDF_PARAMS){
        .prfType = from->kbkdf->prf,
        .ulNumberOfDataParams = from->kbkdf->n_pieces,
        .pDataParams = out->room.kbkdf.pieces,
    };
    return HSM_OK;
}

hsm_err wire_read_feedback(const CratonHsm__Mechanism *from, wire_mechanism *out)
{
    HSM_TRY(read_pieces(from->kbkdf, out));
    out->params.feedback = (CK_SP800_108_FEEDBACK_KDF_PARAMS){
        .prfType = from->kbkdf->prf,
        .ulNumberOfDataParams = from->kbkdf->n_pieces,
        .pDataParams = out->room.kbkdf.pieces,
    };
    WIRE_PUT(from->kbkdf->iv, out->params.feedback.pIV, out->params.feedback.ulIVLen);
    return HSM_OK;
}

/* --- TLS 1.2 --------------------------------------------------------------------------------------- */

static CK_SSL3_RANDOM_DATA randoms(ProtobufCBinaryData client, ProtobufCBinaryData server)
{
    return (CK_SSL3_RANDOM_DATA){
        .pClientRandom = client.data,
        .ulClientRandomLen = client.len,
        .pServerRandom = server.data,
        .ulServerRandomLen = server.len,
    };
}

static CK_VERSION *version_room(const CratonHsm__Tls12MasterParams *from, wire_mechanism *out)
{
    out->room.tls.version = (CK_VERSION){ 0 };
    return from->give_version ? &out->room.tls.version : NULL;
}

hsm_err wire_read_tls_master(const CratonHsm__Mechanism *from, wire_mechanism *out)
{
    const CratonHsm__Tls12MasterParams *master = from->tls12_master;

    HSM_CHECK(master->session_hash.len == 0, HSM_E_MECHANISM_PARAM);
    out->params.tls_master = (CK_TLS12_MASTER_KEY_DERIVE_PARAMS){
        .RandomInfo = randoms(master->client_random, master->server_random),
        .pVersion = version_room(master, out),
        .prfHashMechanism = master->hash_mechanism,
    };
    return HSM_OK;
}

hsm_err wire_read_tls_extended(const CratonHsm__Mechanism *from, wire_mechanism *out)
{
    const CratonHsm__Tls12MasterParams *master = from->tls12_master;

    HSM_CHECK(master->client_random.len == 0 && master->server_random.len == 0,
              HSM_E_MECHANISM_PARAM);
    out->params.tls_extended = (CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS){
        .prfHashMechanism = master->hash_mechanism,
        .pSessionHash = master->session_hash.data,
        .ulSessionHashLen = master->session_hash.len,
        .pVersion = version_room(master, out),
    };
    return HSM_OK;
}

hsm_err wire_read_tls_keys(const CratonHsm__Mechanism *from, wire_mechanism *out)
{
    const CratonHsm__Tls12KeysParams *keys = from->tls12_keys;

    HSM_CHECK(keys->iv_bits <= 8 * WIRE_TLS_IV_MAX_BYTES, HSM_E_MECHANISM_PARAM);
    memset(&out->room.tls, 0, sizeof out->room.tls);
    out->room.tls.iv_len = out->form == HSM_FORM_TLS12_SAFE ? 0 : keys->iv_bits / 8;
    out->room.tls.keys.pIVClient = out->room.tls.client_iv;
    out->room.tls.keys.pIVServer = out->room.tls.server_iv;
    out->params.tls_keys = (CK_TLS12_KEY_MAT_PARAMS){
        .ulMacSizeInBits = keys->mac_bits,
        .ulKeySizeInBits = keys->key_bits,
        .ulIVSizeInBits = keys->iv_bits,
        .bIsExport = CK_FALSE,
        .RandomInfo = randoms(keys->client_random, keys->server_random),
        .pReturnedKeyMaterial = &out->room.tls.keys,
        .prfHashMechanism = keys->hash_mechanism,
    };
    return HSM_OK;
}

/* A context of no bytes is another one than none (RFC 5705, 4). */
hsm_err wire_read_tls_exporter(const CratonHsm__Mechanism *from, wire_mechanism *out)
{
    const CratonHsm__TlsExporterParams *exporter = from->tls_exporter;
    CK_TLS_KDF_PARAMS *params = &out->params.tls_exporter;

    params->prfMechanism = exporter->hash_mechanism;
    WIRE_PUT(exporter->label, params->pLabel, params->ulLabelLength);
    params->RandomInfo = randoms(exporter->client_random, exporter->server_random);
    WIRE_PUT(exporter->context, params->pContextData, params->ulContextDataLength);
    if (exporter->has_context && exporter->context.len == 0)
        params->pContextData = (CK_BYTE *)params; /* somewhere; nothing is read there */
    return HSM_OK;
}

/* --- IKE ------------------------------------------------------------------------------------------- */

/* A key that may be missing. */
static hsm_err put_key(uint64_t handle, CK_OBJECT_HANDLE *key, CK_BBOOL *has, wire_mechanism *out)
{
    *has = handle != 0 ? CK_TRUE : CK_FALSE;
    *key = wire_handle(handle);
    return handle != 0 ? add_key(out, handle, NULL) : HSM_OK;
}

hsm_err wire_read_ike_prf(const CratonHsm__Mechanism *from, wire_mechanism *out)
{
    CK_IKE_PRF_DERIVE_PARAMS *ike = &out->params.ike_prf;

    ike->prfMechanism = from->ike_prf->prf;
    ike->bDataAsKey = from->ike_prf->data_as_key ? CK_TRUE : CK_FALSE;
    WIRE_PUT(from->ike_prf->initiator_nonce, ike->pNi, ike->ulNiLen);
    WIRE_PUT(from->ike_prf->responder_nonce, ike->pNr, ike->ulNrLen);
    return put_key(from->ike_prf->new_key_handle, &ike->hNewKey, &ike->bRekey, out);
}

hsm_err wire_read_ike2_prf_plus(const CratonHsm__Mechanism *from, wire_mechanism *out)
{
    CK_IKE2_PRF_PLUS_DERIVE_PARAMS *ike = &out->params.ike2_prf_plus;

    ike->prfMechanism = from->ike2_prf_plus->prf;
    WIRE_PUT(from->ike2_prf_plus->seed_data, ike->pSeedData, ike->ulSeedDataLen);
    return put_key(from->ike2_prf_plus->seed_key_handle, &ike->hSeedKey, &ike->bHasSeedKey, out);
}

hsm_err wire_read_ike1_prf(const CratonHsm__Mechanism *from, wire_mechanism *out)
{
    CK_IKE1_PRF_DERIVE_PARAMS *ike = &out->params.ike1_prf;

    HSM_CHECK(from->ike1_prf->key_number <= UINT8_MAX, HSM_E_MECHANISM_PARAM);
    ike->prfMechanism = from->ike1_prf->prf;
    ike->keyNumber = (CK_BYTE)from->ike1_prf->key_number;
    WIRE_PUT(from->ike1_prf->initiator_cookie, ike->pCKYi, ike->ulCKYiLen);
    WIRE_PUT(from->ike1_prf->responder_cookie, ike->pCKYr, ike->ulCKYrLen);
    ike->hKeygxy = wire_handle(from->ike1_prf->shared_key_handle);
    HSM_TRY(add_key(out, from->ike1_prf->shared_key_handle, NULL));
    return put_key(from->ike1_prf->previous_key_handle, &ike->hPrevKey, &ike->bHasPrevKey, out);
}

hsm_err wire_read_ike1_extended(const CratonHsm__Mechanism *from, wire_mechanism *out)
{
    CK_IKE1_EXTENDED_DERIVE_PARAMS *ike = &out->params.ike1_extended;

    ike->prfMechanism = from->ike1_extended->prf;
    WIRE_PUT(from->ike1_extended->extra_data, ike->pExtraData, ike->ulExtraDataLen);
    return put_key(from->ike1_extended->shared_key_handle, &ike->hKeygxy, &ike->bHasKeygxy, out);
}

/* --- what comes back ------------------------------------------------------------------------------- */

static hsm_err write_keys(rpc_context *context, const wire_mechanism *mechanism,
                          CratonHsm__DeriveKeyResponse *out)
{
    const CK_SSL3_KEY_MAT_OUT *from = &mechanism->room.tls.keys;
    const size_t iv_len = mechanism->room.tls.iv_len;
    CratonHsm__Tls12Keys *keys = arena_alloc(context->memory, sizeof *keys);

    HSM_CHECK(keys != NULL, HSM_E_NO_MEMORY);
    craton_hsm__tls12_keys__init(keys);
    out->tls12_keys = keys; /* it hangs on the response from now on, whole or not */
    keys->client_mac_key_handle = from->hClientMacSecret;
    keys->server_mac_key_handle = from->hServerMacSecret;
    keys->client_key_handle = from->hClientKey;
    keys->server_key_handle = from->hServerKey;
    HSM_TRY(arena_put(context->memory, hsm_bytes_of(mechanism->room.tls.client_iv, iv_len),
                      &keys->client_iv));
    return arena_put(context->memory, hsm_bytes_of(mechanism->room.tls.server_iv, iv_len),
                     &keys->server_iv);
}

static hsm_err write_more_keys(rpc_context *context, const wire_mechanism *mechanism,
                               CratonHsm__DeriveKeyResponse *out)
{
    const size_t count = mechanism->room.kbkdf.more_count;

    out->more_key_handles =
        arena_alloc(context->memory, (count + 1) * sizeof *out->more_key_handles);
    HSM_CHECK(out->more_key_handles != NULL, HSM_E_NO_MEMORY);
    for (size_t i = 0; i < count; i++)
        out->more_key_handles[i] = mechanism->room.kbkdf.more_handles[i];
    out->n_more_key_handles = count;
    return HSM_OK;
}

hsm_err wire_derived_write(rpc_context *context, const wire_mechanism *mechanism,
                           CratonHsm__DeriveKeyResponse *out)
{
    const CK_VERSION *version = NULL;

    if (mechanism->form == HSM_FORM_TLS12_KEYS || mechanism->form == HSM_FORM_TLS12_SAFE)
        return write_keys(context, mechanism, out);
    if (mechanism->form == HSM_FORM_KBKDF || mechanism->form == HSM_FORM_KBKDF_FEEDBACK)
        return write_more_keys(context, mechanism, out);
    if (mechanism->form == HSM_FORM_TLS12_MASTER)
        version = mechanism->params.tls_master.pVersion;
    if (mechanism->form == HSM_FORM_TLS12_EXTENDED)
        version = mechanism->params.tls_extended.pVersion;
    if (version != NULL)
        out->premaster_version = (uint64_t)version->major << 8 | version->minor;
    return HSM_OK;
}
