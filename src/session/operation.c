/* SPDX-License-Identifier: Apache-2.0 */
#include "session/session.h"

#include <stdlib.h>

static hsm_err have_crypt(hsm_crypt **crypt, hsm_crypto *crypto)
{
    return *crypt != NULL ? HSM_OK : hsm_crypt_create(crypto, crypt);
}

hsm_err hsm_operation_prepare(hsm_operation *operation, hsm_crypto *crypto)
{
    return have_crypt(&operation->crypt, crypto);
}

hsm_err hsm_session_prepare_wrapping(hsm_session *session, hsm_crypto *crypto)
{
    return have_crypt(&session->wrapping, crypto);
}

/* Contexts keyed for earlier keys may still lie in crypt, whatever the last key was. */
static void forget(hsm_operation *operation)
{
    if (operation->crypt != NULL)
        hsm_crypt_forget(operation->crypt);
    hsm_object_release(operation->object);
    operation->object = NULL;
    operation->handle = HSM_HANDLE_NONE;
    operation->is_admitted = false;
    operation->must_forget = false;
}

void hsm_operation_end(hsm_operation *operation)
{
    if (operation->is_open && operation->crypt != NULL)
        hsm_crypt_end(operation->crypt);
    operation->is_open = false;
    operation->is_announced = false;
    if (operation->has_signature) {
        hsm_buf_clear(&operation->signature);
        operation->has_signature = false;
    }
    operation->needs_login = false;
    hsm_secret_destroy(operation->fed);
    operation->fed = NULL;
    operation->fed_len = 0;
    operation->is_unsaveable = false;
    if (operation->message != NULL) {
        hsm_buf_clear(&operation->message->spans);
        free(operation->message);
        operation->message = NULL;
    }
    if (operation->must_forget)
        forget(operation);
}

void hsm_operation_clear(hsm_operation *operation)
{
    operation->must_forget = true;
    hsm_operation_end(operation);
    hsm_crypt_destroy(operation->crypt);
    *operation = (hsm_operation){ 0 };
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
    if (session->wrapping != NULL)
        hsm_crypt_forget(session->wrapping);
}

void hsm_search_end(hsm_search *search)
{
    search->is_open = false;
    search->next = 0;
    hsm_buf_clear(&search->ids);
    hsm_template_owned_clear(&search->tmpl);
}
