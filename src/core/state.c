/* Saving an operation and going on with it later (PKCS#11 v3.2, C_GetOperationState).
 *
 * OpenSSL gives no running state of a hash away, so the state is what went in, up to a limit. It is
 * sealed under a key of the device, with the token's serial, the slot and the session's state as
 * associated data: a state that was changed, or is another token's, does not open.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/codec.h"
#include "base/ct.h"
#include "core/internal.h"

#define SEAL_KEY_BYTES 32u
#define FORMAT 1u
#define HEAD_BYTES (4u + 4u + 8u + 4u + HSM_SHA256_BYTES + 4u)
#define STATE_MAX_BYTES \
    (HSM_AEAD_NONCE_BYTES + HEAD_BYTES + HSM_STATE_FED_MAX_BYTES + HSM_AEAD_TAG_BYTES)

/* What a saved state says. */
typedef struct saved {
    hsm_op op;
    CK_MECHANISM_TYPE mechanism;
    uint32_t mac_len;
    uint8_t key_print[HSM_SHA256_BYTES]; /* zeros for digests */
    hsm_bytes fed;
} saved;

static bool is_saveable(const hsm_mech *mech)
{
    return mech->alg == HSM_ALG_DIGEST || mech->alg == HSM_ALG_HMAC || mech->alg == HSM_ALG_CMAC;
}

/* Grows with what comes: locked memory is little, and few operations are ever saved. */
static hsm_err make_room(hsm_operation *operation, size_t len)
{
    enum { FED_FIRST_BYTES = 256 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *larger = NULL;
    size_t room = operation->fed == NULL ? 0 : hsm_secret_len(operation->fed);

    if (len <= room)
        return HSM_OK;
    for (room = FED_FIRST_BYTES; room < len;)
        room *= 2;
    HSM_TRY(hsm_secret_create(room, &larger));
    if (operation->fed_len > 0)
        memcpy(hsm_secret_data(larger), hsm_secret_data(operation->fed), operation->fed_len);
    hsm_secret_destroy(operation->fed);
    operation->fed = HSM_MOVE(larger);
    return HSM_OK;
}

void hsm_core_state_feed(hsm_operation *operation, hsm_bytes in)
{
    if (operation->is_unsaveable || !is_saveable(operation->mech))
        return;
    if (in.len > HSM_STATE_FED_MAX_BYTES - operation->fed_len ||
        make_room(operation, operation->fed_len + in.len) != HSM_OK) {
        operation->is_unsaveable = true;
        return;
    }
    if (in.len > 0)
        memcpy(hsm_secret_data(operation->fed) + operation->fed_len, in.data, in.len);
    operation->fed_len += in.len;
}

/* The key under which states are sealed, and the associated data. */
typedef struct sealing {
    hsm_secret *key;
    hsm_aead *aead;
    uint8_t aad[64];
    size_t aad_len;
} sealing;

static void sealing_clear(sealing *with)
{
    hsm_aead_destroy(with->aead);
    hsm_secret_destroy(with->key);
}

static hsm_err open_sealing(hsm_core *core, const hsm_session *session, sealing *out)
{
    const hsm_login login = hsm_token_login_state(core->slots[session->slot].token);
    hsm_writer writer = hsm_writer_of(out->aad, sizeof out->aad);

    hsm_write_raw(&writer, hsm_bytes_of_text("craton-hsm state"));
    hsm_write_raw(&writer, hsm_core_serial(core, session->slot));
    hsm_write_u32(&writer, session->slot);
    hsm_write_u8(&writer, (uint8_t)hsm_session_state_of(session->is_rw, login));
    HSM_TRY(hsm_writer_end(&writer));
    out->aad_len = writer.len;
    HSM_TRY(hsm_secret_create(SEAL_KEY_BYTES, &out->key));
    HSM_TRY(hsm_store_device_secret(core->store, "operation state", out->key));
    return hsm_aead_create(core->crypto, hsm_secret_view(out->key), &out->aead);
}

/* Tells one key from another without telling what it is. */
static hsm_err print_key(hsm_core *core, const sealing *with, hsm_object *object,
                         uint8_t out[HSM_SHA256_BYTES])
{
    hsm_key *key = NULL;

    memset(out, 0, HSM_SHA256_BYTES);
    if (object == NULL)
        return HSM_OK;
    HSM_TRY(hsm_core_key(core, object, &key));
    return hsm_crypto_hmac(core->crypto, hsm_secret_view(with->key), hsm_key_value(key), out);
}

/* The one operation that is open, if it can be saved. */
static hsm_err find_operation(hsm_session *session, hsm_op *out_op)
{
    static const hsm_op kinds[] = { HSM_OP_ENCRYPT, HSM_OP_DECRYPT, HSM_OP_DIGEST, HSM_OP_SIGN,
                                    HSM_OP_VERIFY };
    const hsm_op_set saveable = HSM_OP_DIGEST | HSM_OP_SIGN | HSM_OP_VERIFY;
    hsm_op_set open = 0;

    for (size_t i = 0; i < HSM_ARRAY_LEN(kinds); i++) {
        if (session->operation[hsm_op_slot_of(kinds[i])].is_open)
            open |= kinds[i];
    }
    HSM_CHECK(open != 0, HSM_E_OPERATION);
    HSM_CHECK((open & (open - 1)) == 0 && (open & saveable) != 0, HSM_E_STATE_UNSAVEABLE);
    const hsm_operation *operation = &session->operation[hsm_op_slot_of((hsm_op)open)];
    HSM_CHECK(is_saveable(operation->mech) && !operation->is_unsaveable &&
                  !operation->has_signature && !operation->needs_login,
              HSM_E_STATE_UNSAVEABLE);
    *out_op = (hsm_op)open;
    return HSM_OK;
}

static hsm_bytes fed_of(const hsm_operation *operation)
{
    const hsm_bytes room = hsm_secret_view(operation->fed);

    return hsm_bytes_of(room.data, operation->fed_len);
}

static hsm_err write_state(const hsm_operation *operation, hsm_op op, const uint8_t *key_print,
                           hsm_secret *plain)
{
    hsm_writer writer = hsm_writer_of(hsm_secret_data(plain), hsm_secret_len(plain));

    hsm_write_u32(&writer, FORMAT);
    hsm_write_u32(&writer, op);
    hsm_write_u64(&writer, operation->mech->id);
    hsm_write_u32(&writer, operation->mac_len);
    hsm_write_raw(&writer, hsm_bytes_of(key_print, HSM_SHA256_BYTES));
    hsm_write_bytes(&writer, fed_of(operation));
    return hsm_writer_end(&writer);
}

hsm_err hsm_core_get_state(hsm_core *core, hsm_session *session, hsm_out *out)
{
    HSM_AUTO(sealing_clear) sealing with = { 0 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *plain = NULL;
    uint8_t key_print[HSM_SHA256_BYTES];
    hsm_op op = HSM_OP_DIGEST;

    HSM_TRY(find_operation(session, &op));
    const hsm_operation *operation = &session->operation[hsm_op_slot_of(op)];
    const size_t plain_len = HEAD_BYTES + operation->fed_len;
    out->len = HSM_AEAD_NONCE_BYTES + plain_len + HSM_AEAD_TAG_BYTES;
    if (out->data == NULL)
        return HSM_OK;
    HSM_CHECK(out->cap >= out->len, HSM_E_BUFFER_TOO_SMALL);

    HSM_TRY(open_sealing(core, session, &with));
    HSM_TRY(print_key(core, &with, op == HSM_OP_DIGEST ? NULL : operation->object, key_print));
    HSM_TRY(hsm_secret_create(plain_len, &plain));
    HSM_TRY(write_state(operation, op, key_print, plain));
    HSM_TRY(hsm_crypto_random(core->crypto, out->data, HSM_AEAD_NONCE_BYTES));
    return hsm_aead_seal(with.aead, out->data, hsm_bytes_of(with.aad, with.aad_len),
                         hsm_secret_view(plain), out->data + HSM_AEAD_NONCE_BYTES);
}

static hsm_err read_state(hsm_bytes plain, saved *out)
{
    hsm_reader reader = hsm_reader_of(plain);

    HSM_CHECK(hsm_read_u32(&reader) == FORMAT, HSM_E_SAVED_STATE);
    out->op = (hsm_op)hsm_read_u32(&reader);
    out->mechanism = (CK_MECHANISM_TYPE)hsm_read_u64(&reader);
    out->mac_len = hsm_read_u32(&reader);
    hsm_read_copy(&reader, out->key_print, sizeof out->key_print);
    out->fed = hsm_read_bytes(&reader, HSM_STATE_FED_MAX_BYTES);
    return hsm_reader_end(&reader, HSM_E_SAVED_STATE);
}

static hsm_err open_state(const sealing *with, hsm_bytes state, hsm_secret **out_plain)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *plain = NULL;
    const size_t around = HSM_AEAD_NONCE_BYTES + HSM_AEAD_TAG_BYTES;

    HSM_CHECK(state.len >= around + HEAD_BYTES && state.len <= STATE_MAX_BYTES, HSM_E_SAVED_STATE);
    const hsm_bytes sealed =
        hsm_bytes_of(state.data + HSM_AEAD_NONCE_BYTES, state.len - HSM_AEAD_NONCE_BYTES);
    HSM_TRY(hsm_secret_create(state.len - around, &plain));
    const hsm_err err =
        hsm_aead_open(with->aead, state.data, hsm_bytes_of(with->aad, with->aad_len), sealed,
                      hsm_secret_data(plain));
    HSM_CHECK(err == HSM_OK, HSM_E_SAVED_STATE);
    *out_plain = HSM_MOVE(plain);
    return HSM_OK;
}

static hsm_err check_key(hsm_core *core, const hsm_session *session, const sealing *with,
                         const saved *state, CK_OBJECT_HANDLE handle)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    uint8_t print[HSM_SHA256_BYTES];

    if (state->op == HSM_OP_DIGEST) {
        HSM_CHECK(handle == HSM_HANDLE_NONE, HSM_E_KEY_NOT_NEEDED);
        return HSM_OK;
    }
    HSM_CHECK(handle != HSM_HANDLE_NONE, HSM_E_KEY_NEEDED);
    HSM_CHECK(hsm_core_object(core, session, handle, &object) == HSM_OK, HSM_E_KEY_HANDLE);
    HSM_CHECK(object->object_class == CKO_SECRET_KEY, HSM_E_KEY_CHANGED);
    HSM_TRY(print_key(core, with, object, print));
    HSM_CHECK(hsm_ct_equal(hsm_bytes_of(print, sizeof print),
                           hsm_bytes_of(state->key_print, sizeof state->key_print)),
              HSM_E_KEY_CHANGED);
    return HSM_OK;
}

/* Opens the operation again and gives it what it had. */
static hsm_err resume(hsm_core *core, hsm_session *session, const saved *state,
                      CK_OBJECT_HANDLE key)
{
    CK_MAC_GENERAL_PARAMS mac_len = state->mac_len;
    const CK_MECHANISM mechanism = {
        .mechanism = state->mechanism,
        .pParameter = mac_len == 0 ? NULL : &mac_len,
        .ulParameterLen = mac_len == 0 ? 0 : sizeof mac_len,
    };

    for (size_t i = 0; i < HSM_SLOT_COUNT; i++)
        hsm_operation_end(&session->operation[i]);
    hsm_search_end(&session->search);
    HSM_TRY(hsm_core_op_init(core, session, state->op, &mechanism, key));
    return hsm_core_op_update(core, session, state->op, state->fed, NULL);
}

hsm_err hsm_core_set_state(hsm_core *core, hsm_session *session, hsm_bytes state,
                           CK_OBJECT_HANDLE encryption_key, CK_OBJECT_HANDLE authentication_key)
{
    HSM_AUTO(sealing_clear) sealing with = { 0 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *plain = NULL;
    saved read;

    HSM_TRY(open_sealing(core, session, &with));
    HSM_TRY(open_state(&with, state, &plain));
    HSM_TRY(read_state(hsm_secret_view(plain), &read));
    HSM_CHECK(encryption_key == HSM_HANDLE_NONE, HSM_E_KEY_NOT_NEEDED);
    HSM_TRY(check_key(core, session, &with, &read, authentication_key));
    return resume(core, session, &read, authentication_key);
}
