/* SPDX-License-Identifier: Apache-2.0 */
#include "core/request.h"

#include "core/keyring.h"
#include "crypto/request.h"

static hsm_err sign(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE key,
                    const hsm_request_scheme *scheme, hsm_bytes info, hsm_buf *out_signature)
{
    const CK_MECHANISM mechanism = { .mechanism = scheme->mech->id };

    HSM_TRY(hsm_buf_reserve(out_signature, HSM_SIGNATURE_MAX_BYTES));
    hsm_out room = { .data = out_signature->data, .cap = HSM_SIGNATURE_MAX_BYTES };
    HSM_TRY(hsm_core_op_init(core, session, HSM_OP_SIGN, &mechanism, key));
    HSM_TRY(hsm_core_op_single(core, session, HSM_OP_SIGN, info, &room));
    out_signature->len = room.len;
    return HSM_OK;
}

hsm_err hsm_core_make_request(hsm_core *core, hsm_session *session, const hsm_core_request *request,
                              hsm_buf *out_der)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf spki = { 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf info = { 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf signature = { 0 };
    hsm_request_scheme scheme;

    HSM_TRY(hsm_core_get_value(core, session, request->key, "PUBLIC_KEY_INFO", &spki));
    HSM_TRY(hsm_request_scheme_of(hsm_buf_view(&spki), &scheme));
    const hsm_request_content content = { .spki = hsm_buf_view(&spki),
                                          .subject = request->subject,
                                          .alt_names = request->alt_names };
    HSM_TRY(hsm_request_info(&content, &info));
    HSM_TRY(sign(core, session, request->key, &scheme, hsm_buf_view(&info), &signature));
    return hsm_request_finish(&scheme, hsm_buf_view(&info), hsm_buf_view(&signature), out_der);
}
