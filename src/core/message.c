/* Encrypting and decrypting many messages under one key (PKCS#11 v3.2, 5.9 and 5.11). Errors end the
 * message, never the operation, which is over with C_Message...Final or a cancellation.
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/audited.h"
#include "core/internal.h"
#include "crypto/approval.h"

/* Associated data of one message. */
#define AAD_MAX_BYTES ((size_t)64 * 1024 * 1024)

static void message_drop(hsm_message **message)
{
    if (*message != NULL)
        hsm_buf_clear(&(*message)->spans);
    free(*message);
    *message = NULL;
}

hsm_err hsm_core_message_open(hsm_operation *operation, const hsm_mech_params *params)
{
    HSM_AUTO(message_drop) hsm_message *message = calloc(1, sizeof *message);

    HSM_CHECK(message != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(hsm_mech_params_keep(params, &message->spans, &message->params));
    operation->message = HSM_MOVE(message);
    return HSM_OK;
}

hsm_err hsm_core_message_ready(hsm_session *session, hsm_op op, bool is_in_parts,
                               hsm_operation **out_operation)
{
    hsm_operation *operation = &session->operation[hsm_op_slot_of(op)];

    HSM_CHECK(operation->is_open, HSM_E_OPERATION);
    if (is_in_parts)
        HSM_CHECK(operation->message->is_in_parts, HSM_E_OPERATION);
    else
        HSM_CHECK(!operation->message->is_in_parts, HSM_E_OPERATION_ACTIVE);
    /* Each message is a use of the key (CKA_ALWAYS_AUTHENTICATE). */
    HSM_CHECK(!operation->needs_login, HSM_E_NOT_LOGGED_IN);
    session->is_approved = operation->is_approved;
    *out_operation = operation;
    return HSM_OK;
}

void hsm_core_message_end(hsm_session *session, hsm_operation *operation, hsm_err err)
{
    if (err == HSM_OK)
        hsm_core_completed(session, session->is_approved);
    hsm_crypt_end(operation->crypt);
    operation->message->is_in_parts = false;
    operation->needs_login = operation->object->always_authenticate;
}

/* One message: what its parameter says, and its initialisation vector. */
typedef struct opening {
    hsm_op op;
    hsm_session *session;
    hsm_message_params given;
    uint8_t iv[HSM_IV_MAX_BYTES];
} opening;

static bool is_encrypting(hsm_op op)
{
    return op == HSM_OP_MESSAGE_ENCRYPT;
}

/* Field by field: clearing room for the longest IV would cost more than the rest of a short message. */
static hsm_err read_opening(hsm_session *session, hsm_op op, hsm_bytes param, opening *out)
{
    const hsm_operation *operation = &session->operation[hsm_op_slot_of(op)];

    out->op = op;
    out->session = session;
    return hsm_message_params_read(operation->mech, is_encrypting(op), param, &out->given);
}

static hsm_err choose_iv(hsm_core *core, const hsm_operation *operation, hsm_key *key,
                         opening *open)
{
    const hsm_iv_use use = {
        .mech = operation->mech,
        .object = operation->object,
        .key = key,
        .given = &open->given,
    };

    if (is_encrypting(open->op))
        return hsm_core_make_iv(core, &use, open->iv);
    memcpy(open->iv, open->given.iv, open->given.iv_len);
    return HSM_OK;
}

static hsm_err start(hsm_core *core, hsm_operation *operation, hsm_bytes aad, opening *open)
{
    hsm_key *key = NULL;

    HSM_CHECK(aad.len <= AAD_MAX_BYTES, HSM_E_LIMIT);
    HSM_TRY(hsm_core_key(core, operation->object, &key));
    HSM_TRY(choose_iv(core, operation, key, open));
    const hsm_mech_params params = {
        .iv = hsm_bytes_of(open->iv, open->given.iv_len),
        .aad = aad,
        .tag_bits = open->given.tag_bits,
        .is_tag_apart = true,
        .is_iv_own = open->given.source != HSM_IV_GIVEN,
        .data_len = open->given.data_len,
    };
    const hsm_approval_case use = { operation->mech, open->op, key, &params };
    HSM_TRY(hsm_core_rule_use(core, open->session, &use));
    operation->is_approved = open->session->is_approved;
    return hsm_crypt_begin(operation->crypt,
                           is_encrypting(open->op) ? HSM_OP_ENCRYPT : HSM_OP_DECRYPT,
                           operation->mech, &params, key);
}

/* A step of the cipher where the caller asks for a length by giving no room. Where there is nothing
 * to come out, it does not ask: the tag, the verdict or the next part is what it wants. */
static hsm_err run(hsm_crypt *crypt, hsm_bytes in, hsm_out *out,
                   hsm_err (*step)(hsm_crypt *crypt, hsm_bytes in, hsm_out *out))
{
    uint8_t nowhere[1];
    hsm_out none = hsm_out_of(nowhere, 0);

    if (out->data != NULL)
        return step(crypt, in, out);
    HSM_TRY(step(crypt, in, out));
    return out->len > 0 ? HSM_OK : step(crypt, in, &none);
}

static bool was_asked(const hsm_out *out)
{
    return out->data == NULL && out->len > 0;
}

/* Whether the message is not over with this answer (PKCS#11 v3.2, 5.2). */
static bool goes_on(hsm_err err, const hsm_out *out)
{
    return err == HSM_E_BUFFER_TOO_SMALL || (err == HSM_OK && was_asked(out));
}

static hsm_err as_answered(hsm_op op, hsm_err err)
{
    return !is_encrypting(op) && err == HSM_E_ENCRYPTED_DATA ? HSM_E_AEAD : err;
}

static void give_tag(hsm_op op, const hsm_operation *operation, const hsm_message_params *given)
{
    const hsm_bytes tag = hsm_crypt_tag(operation->crypt);

    if (is_encrypting(op))
        memcpy(given->tag, tag.data, tag.len);
}

static void take_tag(hsm_op op, hsm_operation *operation, const hsm_message_params *given)
{
    if (!is_encrypting(op))
        hsm_crypt_put_tag(operation->crypt, hsm_bytes_of(given->tag, given->tag_bits / 8));
}

static hsm_err crypt_whole(hsm_core *core, hsm_session *session, hsm_op op,
                           const hsm_message_part *part, hsm_out *out)
{
    hsm_operation *operation = &session->operation[hsm_op_slot_of(op)];
    HSM_UNINITIALIZED opening open; /* read_opening() and choose_iv() fill it */

    HSM_TRY(read_opening(session, op, part->param, &open));
    HSM_CHECK(open.given.tag != NULL, HSM_E_MECHANISM_PARAM);
    out->len = part->in.len; /* the tag is apart: asked for before an IV is made */
    if (was_asked(out))
        return HSM_OK;
    HSM_CHECK(out->data == NULL || out->cap >= part->in.len, HSM_E_BUFFER_TOO_SMALL);
    HSM_TRY(start(core, operation, part->aad, &open));
    take_tag(op, operation, &open.given);
    HSM_TRY(run(operation->crypt, part->in, out, hsm_crypt_single));
    if (is_encrypting(op))
        memcpy(open.given.iv, open.iv, open.given.iv_len);
    give_tag(op, operation, &open.given);
    return HSM_OK;
}

hsm_err hsm_core_do_message_crypt(hsm_core *core, hsm_session *session, hsm_op op,
                                  const hsm_message_part *part, hsm_out *out)
{
    hsm_operation *operation = NULL;

    HSM_TRY(hsm_core_message_ready(session, op, false, &operation));
    const hsm_err err = crypt_whole(core, session, op, part, out);
    if (!goes_on(err, out))
        hsm_core_message_end(session, operation, err);
    return as_answered(op, err);
}

hsm_err hsm_core_do_message_crypt_begin(hsm_core *core, hsm_session *session, hsm_op op,
                                        const hsm_message_part *part)
{
    HSM_UNINITIALIZED opening open; /* read_opening() and choose_iv() fill it */
    hsm_operation *operation = NULL;

    HSM_TRY(hsm_core_message_ready(session, op, false, &operation));
    HSM_TRY(read_opening(session, op, part->param, &open));
    HSM_TRY(start(core, operation, part->aad, &open));
    if (is_encrypting(op))
        memcpy(open.given.iv, open.iv, open.given.iv_len);
    operation->message->tag_bits = open.given.tag_bits;
    operation->message->is_in_parts = true;
    return HSM_OK;
}

/* The tag comes with the last part's parameter. */
static hsm_err crypt_last(hsm_operation *operation, hsm_op op, const hsm_message_part *part,
                          hsm_out *out)
{
    hsm_message_params given;

    HSM_TRY(hsm_message_params_read(operation->mech, is_encrypting(op), part->param, &given));
    HSM_CHECK(given.tag != NULL && given.tag_bits == operation->message->tag_bits,
              HSM_E_MECHANISM_PARAM);
    take_tag(op, operation, &given);
    HSM_TRY(run(operation->crypt, part->in, out, hsm_crypt_last));
    if (!was_asked(out))
        give_tag(op, operation, &given);
    return HSM_OK;
}

hsm_err hsm_core_do_message_crypt_next(hsm_core *core, hsm_session *session, hsm_op op,
                                       const hsm_message_part *part, hsm_out *out)
{
    hsm_operation *operation = NULL;

    (void)core;
    HSM_TRY(hsm_core_message_ready(session, op, true, &operation));
    const hsm_err err = part->is_last ? crypt_last(operation, op, part, out)
                                      : run(operation->crypt, part->in, out, hsm_crypt_update);
    if (part->is_last ? !goes_on(err, out) : err != HSM_OK && err != HSM_E_BUFFER_TOO_SMALL)
        hsm_core_message_end(session, operation, err);
    return as_answered(op, err);
}

hsm_err hsm_core_message_final(hsm_core *core, hsm_session *session, hsm_op op)
{
    hsm_operation *operation = &session->operation[hsm_op_slot_of(op)];

    (void)core;
    HSM_CHECK(operation->is_open, HSM_E_OPERATION);
    HSM_CHECK(!operation->message->is_in_parts, HSM_E_OPERATION_ACTIVE);
    hsm_operation_end(operation);
    return HSM_OK;
}

hsm_err hsm_core_message_abort(hsm_session *session, hsm_op op, hsm_err err)
{
    hsm_operation *operation = &session->operation[hsm_op_slot_of(op)];

    HSM_CHECK(operation->is_open, HSM_E_OPERATION);
    if (operation->message->is_in_parts)
        hsm_core_message_end(session, operation, err);
    return err;
}
