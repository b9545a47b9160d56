/* Messages whose tag and initialisation vector are apart from their text (PKCS#11 v3.2, 5.9 and 5.11),
 * each in one call: the core's operation on messages begins and ends with it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cratond/convert.h"
#include "cratond/handlers.h"

#define AAD_MAX_BYTES ((size_t)1024 * 1024)
#define IV_MAX_BYTES 128u
#define IV_USUAL_BYTES 12u
#define TAG_MAX_BYTES 16u

/* A message about to be encrypted or decrypted. */
typedef struct message {
    CK_MECHANISM mechanism;
    CK_OBJECT_HANDLE key;
    hsm_message_part part; /* its parameter is the structure below */
    CK_GENERATOR_FUNCTION generator;
    uint64_t fixed_bits;
    size_t iv_len;
    size_t tag_len;
    uint8_t iv[IV_MAX_BYTES];
    uint8_t tag[TAG_MAX_BYTES];
    union {
        CK_GCM_MESSAGE_PARAMS gcm;
        CK_CCM_MESSAGE_PARAMS ccm;
        CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS chacha_poly;
    } params;
} message;

static hsm_err put_gcm(message *m)
{
    m->params.gcm = (CK_GCM_MESSAGE_PARAMS){
        .pIv = m->iv,
        .ulIvLen = m->iv_len,
        .ulIvFixedBits = m->fixed_bits,
        .ivGenerator = m->generator,
        .pTag = m->tag,
        .ulTagBits = 8 * m->tag_len,
    };
    m->part.param = hsm_bytes_of(&m->params, sizeof m->params.gcm);
    return HSM_OK;
}

static hsm_err put_ccm(message *m)
{
    m->params.ccm = (CK_CCM_MESSAGE_PARAMS){
        .ulDataLen = m->part.in.len,
        .pNonce = m->iv,
        .ulNonceLen = m->iv_len,
        .ulNonceFixedBits = m->fixed_bits,
        .nonceGenerator = m->generator,
        .pMAC = m->tag,
        .ulMACLen = m->tag_len,
    };
    m->part.param = hsm_bytes_of(&m->params, sizeof m->params.ccm);
    return HSM_OK;
}

/* It has one length of tags, and no way to say that the token makes the nonce. */
static hsm_err put_chacha_poly(message *m)
{
    HSM_CHECK(m->generator == CKG_NO_GENERATE && m->fixed_bits == 0, HSM_E_MECHANISM_PARAM);
    HSM_CHECK(m->tag_len == TAG_MAX_BYTES, HSM_E_MECHANISM_PARAM);
    m->params.chacha_poly = (CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS){
        .pNonce = m->iv,
        .ulNonceLen = 8 * m->iv_len,
        .pTag = m->tag,
    };
    m->part.param = hsm_bytes_of(&m->params, sizeof m->params.chacha_poly);
    return HSM_OK;
}

/* By the structure that the mechanism has where it is not used for messages. */
static const struct {
    hsm_param_form form;
    hsm_err (*put)(message *m);
} shapes[] = {
    { HSM_FORM_GCM, put_gcm },
    { HSM_FORM_CCM, put_ccm },
    { HSM_FORM_CHACHA_POLY, put_chacha_poly },
};

static hsm_err put_params(message *m)
{
    hsm_mechanism_facts facts;

    HSM_TRY(hsm_core_mechanism_facts(m->mechanism.mechanism, &facts));
    for (size_t i = 0; i < HSM_ARRAY_LEN(shapes); i++) {
        if (shapes[i].form == facts.form)
            return shapes[i].put(m);
    }
    return HSM_E_MECHANISM;
}

/* What both directions have. */
static hsm_err read_message(const CratonHsm__Mechanism *asked, ProtobufCBinaryData aad,
                            uint64_t key, message *out)
{
    HSM_CHECK(asked != NULL, HSM_E_ARG);
    HSM_CHECK(asked->parameter.len == 0 &&
                  asked->typed_case == CRATON_HSM__MECHANISM__TYPED__NOT_SET,
              HSM_E_MECHANISM_PARAM);
    HSM_CHECK(asked->mechanism_type <= (CK_ULONG)-1, HSM_E_MECHANISM);
    HSM_CHECK(aad.len <= AAD_MAX_BYTES, HSM_E_LIMIT);
    *out = (message){
        .mechanism = { (CK_MECHANISM_TYPE)asked->mechanism_type, NULL, 0 },
        .key = wire_handle(key),
        .part = { .aad = wire_bytes(aad) },
        .generator = CKG_NO_GENERATE,
    };
    return HSM_OK;
}

static hsm_err put_iv(ProtobufCBinaryData iv, message *out)
{
    HSM_CHECK(iv.len >= 1 && iv.len <= sizeof out->iv, HSM_E_MECHANISM_PARAM);
    memcpy(out->iv, iv.data, iv.len);
    out->iv_len = iv.len;
    return HSM_OK;
}

/* Who gives no vector gets one, and never one of zeros. */
static hsm_err choose_iv(const CratonHsm__MessageEncryptRequest *in, message *out)
{
    out->generator = in->iv_generator;
    out->fixed_bits = in->iv_fixed_bits;
    if (in->iv.len > 0) {
        HSM_CHECK(in->iv_length == 0 || in->iv_length == in->iv.len, HSM_E_MECHANISM_PARAM);
        return put_iv(in->iv, out);
    }
    HSM_CHECK(in->iv_length <= sizeof out->iv, HSM_E_MECHANISM_PARAM);
    out->iv_len = in->iv_length == 0 ? IV_USUAL_BYTES : in->iv_length;
    if (out->generator == CKG_NO_GENERATE)
        out->generator = CKG_GENERATE;
    return HSM_OK;
}

static hsm_err choose_tag(uint64_t bits, message *out)
{
    HSM_CHECK(bits % 8 == 0 && bits <= 8 * sizeof out->tag, HSM_E_MECHANISM_PARAM);
    out->tag_len = bits == 0 ? sizeof out->tag : bits / 8;
    return HSM_OK;
}

static hsm_err crypt(rpc_context *context, hsm_op op, message *m, ProtobufCBinaryData *out)
{
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    const size_t len = m->part.in.len;

    HSM_TRY(put_params(m));
    /* A place even for nothing: none at all would be a question for the length. */
    hsm_out room = hsm_out_of(arena_alloc(context->memory, len + 1), len);
    HSM_CHECK(room.data != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    HSM_TRY(wire_may_use(context, session, m->key));
    HSM_TRY(hsm_core_op_init(context->core, session, op, &m->mechanism, m->key));
    const hsm_err err = hsm_core_message_crypt(context->core, session, op, &m->part, &room);
    const hsm_err closed = hsm_core_message_final(context->core, session, op);
    HSM_TRY(err);
    HSM_TRY(closed);
    *out = (ProtobufCBinaryData){ .len = room.len, .data = room.data };
    return HSM_OK;
}

hsm_err rpc_message_encrypt(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__MessageEncryptRequest *in = request;
    CratonHsm__MessageEncryptResponse *out = response;
    message m;

    HSM_TRY(read_message(in->mechanism, in->aad, in->key_handle, &m));
    m.part.in = wire_bytes(in->data);
    HSM_TRY(choose_iv(in, &m));
    HSM_TRY(choose_tag(in->tag_bits, &m));
    HSM_TRY(crypt(context, HSM_OP_MESSAGE_ENCRYPT, &m, &out->encrypted_data));
    HSM_TRY(arena_put(context->memory, hsm_bytes_of(m.tag, m.tag_len), &out->tag));
    return arena_put(context->memory, hsm_bytes_of(m.iv, m.iv_len), &out->iv);
}

hsm_err rpc_message_decrypt(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__MessageDecryptRequest *in = request;
    CratonHsm__MessageDecryptResponse *out = response;
    message m;

    HSM_TRY(read_message(in->mechanism, in->aad, in->key_handle, &m));
    m.part.in = wire_bytes(in->encrypted_data);
    HSM_TRY(put_iv(in->iv, &m));
    /* Whoever made the message does not choose the length: the fewer bits, the easier to guess. */
    HSM_TRY(choose_tag(in->tag_bits, &m));
    HSM_CHECK(in->tag.len == m.tag_len, HSM_E_MECHANISM_PARAM);
    memcpy(m.tag, in->tag.data, m.tag_len);
    return crypt(context, HSM_OP_MESSAGE_DECRYPT, &m, &out->data);
}
