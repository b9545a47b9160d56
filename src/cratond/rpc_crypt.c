/* Signing, verifying, encrypting, decrypting and hashing of one message.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/remote.h"
#include "cratond/client.h"
#include "cratond/convert.h"
#include "cratond/handlers.h"
#include "cratond/internal.h"
#include "cratond/output.h"
#include "os/clock.h"

/* One whole operation. */
typedef struct crypt_step {
    output_call call;
    hsm_op op;
    hsm_bytes in;
} crypt_step;

static hsm_err single_step(void *arg, hsm_out *room)
{
    const crypt_step *of = arg;

    return hsm_core_op_single(of->call.context->core, of->call.session, of->op, of->in, room);
}

/* Opens the operation in a session that is locked. */
static hsm_err init(rpc_context *context, hsm_session *session, hsm_op op,
                    const CratonHsm__Mechanism *from, uint64_t key)
{
    wire_mechanism mechanism;

    HSM_TRY(wire_mechanism_read(from, &mechanism));
    if (op != HSM_OP_DIGEST)
        HSM_TRY(wire_may_use(context, session, wire_handle(key)));
    return hsm_core_op_init(context->core, session, op, &mechanism.view, wire_handle(key));
}

static hsm_err run(rpc_context *context, hsm_session *session, hsm_op op, hsm_bytes in,
                   ProtobufCBinaryData *out)
{
    crypt_step of = {
        .call = { .context = context, .session = session },
        .op = op,
        .in = in,
    };
    /* Ciphers add little to their input; the others make their result from nothing. */
    const bool is_cipher = op == HSM_OP_ENCRYPT || op == HSM_OP_DECRYPT;

    return output_take(&of, single_step, OUTPUT_FIRST_BYTES + (is_cipher ? in.len : 0), out);
}

hsm_err rpc_sign(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__SignRequest *in = request;
    CratonHsm__SignResponse *out = response;
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;

    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    HSM_TRY(init(context, session, HSM_OP_SIGN, in->mechanism, in->key_handle));
    return run(context, session, HSM_OP_SIGN, wire_bytes(in->data), &out->signature);
}

/* A signature that does not fit is an answer, not an error. */
static hsm_err judge(hsm_err err, protobuf_c_boolean *out_valid)
{
    *out_valid = err == HSM_OK;
    return err == HSM_E_SIGNATURE || err == HSM_E_SIGNATURE_LEN ? HSM_OK : err;
}

hsm_err rpc_verify(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__VerifyRequest *in = request;
    CratonHsm__VerifyResponse *out = response;
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;

    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    HSM_TRY(init(context, session, HSM_OP_VERIFY, in->mechanism, in->key_handle));
    return judge(
        hsm_core_verify(context->core, session, wire_bytes(in->data), wire_bytes(in->signature)),
        &out->valid);
}

hsm_err rpc_encrypt(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__EncryptRequest *in = request;
    CratonHsm__EncryptResponse *out = response;
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;

    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    HSM_TRY(init(context, session, HSM_OP_ENCRYPT, in->mechanism, in->key_handle));
    return run(context, session, HSM_OP_ENCRYPT, wire_bytes(in->data), &out->encrypted_data);
}

hsm_err rpc_decrypt(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__DecryptRequest *in = request;
    CratonHsm__DecryptResponse *out = response;
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;

    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    HSM_TRY(init(context, session, HSM_OP_DECRYPT, in->mechanism, in->key_handle));
    return run(context, session, HSM_OP_DECRYPT, wire_bytes(in->encrypted_data), &out->data);
}

hsm_err rpc_digest(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__DigestRequest *in = request;
    CratonHsm__DigestResponse *out = response;
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;

    HSM_CHECK(in->data.len <= context->server->config->daemon.max_digest_length, HSM_E_DATA_LEN);
    HSM_TRY(hsm_core_session(context->core, context->session, &session));
    HSM_TRY(init(context, session, HSM_OP_DIGEST, in->mechanism, CK_INVALID_HANDLE));
    return run(context, session, HSM_OP_DIGEST, wire_bytes(in->data), &out->digest);
}

/* --- in one round trip ------------------------------------------------------------------------------ */

/* Logs in for this call, unless the client is logged in already. */
static hsm_err login_with(rpc_context *context, CK_SESSION_HANDLE handle, uint32_t slot,
                          hsm_bytes pin)
{
    const int64_t now_ms = (int64_t)(hsm_clock_monotonic_ns() / HSM_NS_PER_MS);

    if (pin.len == 0)
        return HSM_OK;
    HSM_CHECK(!client_must_wait(context->client, slot, now_ms), HSM_E_LOGIN_COOLDOWN);
    const hsm_err err = hsm_core_login(context->core, handle, CKU_USER, pin);
    client_tried(context->client, slot, err, now_ms);
    return err == HSM_E_ALREADY_LOGGED_IN ? HSM_OK : err;
}

static hsm_err find_and_sign(rpc_context *context, CK_SESSION_HANDLE handle,
                             const CratonHsm__SignWithRequest *in, ProtobufCBinaryData *out)
{
    HSM_AUTO(hsm_core_release) hsm_session *session = NULL;
    CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

    HSM_TRY(login_with(context, handle, (uint32_t)in->slot_id, wire_bytes(in->pin)));
    HSM_TRY(hsm_core_session(context->core, handle, &session));
    HSM_TRY(hsm_core_find_signer(context->core, session, hsm_bytes_of_text(in->key_label),
                                 wire_bytes(in->key_id), &key));
    HSM_TRY(init(context, session, HSM_OP_SIGN, in->mechanism, key));
    return run(context, session, HSM_OP_SIGN, wire_bytes(in->data), out);
}

hsm_err rpc_sign_with(rpc_context *context, const void *request, void *response)
{
    const CratonHsm__SignWithRequest *in = request;
    CratonHsm__SignWithResponse *out = response;
    CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;

    HSM_TRY(wire_may_slot(context, in->slot_id));
    HSM_TRY(hsm_core_open_session_for(context->core, (CK_SLOT_ID)in->slot_id, CKF_SERIAL_SESSION,
                                      context->client->name, &handle));
    const hsm_err err = find_and_sign(context, handle, in, &out->signature);
    const hsm_err closed = hsm_core_close_session(context->core, handle);
    return err != HSM_OK ? err : closed;
}
