/* SPDX-License-Identifier: Apache-2.0 */
#include "session/session.h"

hsm_op_slot hsm_op_slot_of(hsm_op op)
{
    switch (op) {
    case HSM_OP_ENCRYPT:
        return HSM_SLOT_ENCRYPT;
    case HSM_OP_DECRYPT:
        return HSM_SLOT_DECRYPT;
    case HSM_OP_DIGEST:
        return HSM_SLOT_DIGEST;
    case HSM_OP_SIGN:
        return HSM_SLOT_SIGN;
    case HSM_OP_SIGN_RECOVER:
        return HSM_SLOT_SIGN_RECOVER;
    case HSM_OP_VERIFY:
        return HSM_SLOT_VERIFY;
    case HSM_OP_VERIFY_RECOVER:
        return HSM_SLOT_VERIFY_RECOVER;
    case HSM_OP_FIND:
    case HSM_OP_GENERATE:
    case HSM_OP_GENERATE_PAIR:
    case HSM_OP_WRAP:
    case HSM_OP_UNWRAP:
    case HSM_OP_DERIVE:
    case HSM_OP_ENCAPSULATE:
    case HSM_OP_DECAPSULATE:
    case HSM_OP_MESSAGE_ENCRYPT:
    case HSM_OP_MESSAGE_DECRYPT:
    case HSM_OP_MESSAGE_SIGN:
    case HSM_OP_MESSAGE_VERIFY:
        break;
    }
    return HSM_SLOT_COUNT;
}

hsm_err hsm_operation_prepare(hsm_operation *operation, hsm_crypto *crypto)
{
    if (operation->crypt != NULL)
        return HSM_OK;
    return hsm_crypt_create(crypto, &operation->crypt);
}

/* Contexts keyed for earlier keys may still lie in crypt, whatever the last key was. */
static void forget(hsm_operation *operation)
{
    if (operation->crypt != NULL)
        hsm_crypt_forget(operation->crypt);
    hsm_object_release(operation->object);
    operation->object = NULL;
    operation->handle = HSM_HANDLE_NONE;
    operation->must_forget = false;
}

void hsm_operation_end(hsm_operation *operation)
{
    if (operation->is_open && operation->crypt != NULL)
        hsm_crypt_end(operation->crypt);
    operation->is_open = false;
    if (operation->has_signature) {
        hsm_buf_clear(&operation->signature);
        operation->has_signature = false;
    }
    operation->needs_login = false;
    if (operation->must_forget)
        forget(operation);
}

void hsm_session_forget_keys(hsm_session *session, bool only_private)
{
    for (size_t i = 0; i < HSM_SLOT_COUNT; i++) {
        hsm_operation *operation = &session->operation[i];
        const bool is_private = operation->object != NULL && operation->object->is_private;

        if (operation->crypt == NULL && operation->object == NULL && !operation->is_open)
            continue;
        operation->must_forget = true;
        if (!operation->is_open || !only_private || is_private)
            hsm_operation_end(operation);
    }
}

void hsm_search_end(hsm_search *search)
{
    search->is_open = false;
    search->next = 0;
    hsm_buf_clear(&search->ids);
    hsm_template_owned_clear(&search->tmpl);
}
