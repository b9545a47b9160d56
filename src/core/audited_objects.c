/* Objects and keys under audit (audited.h).
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/audited.h"

hsm_err hsm_core_create_object(hsm_core *core, hsm_session *session, const hsm_template *tmpl,
                               CK_OBJECT_HANDLE *out_handle)
{
    HSM_UNINITIALIZED hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_CREATE_OBJECT))
        return hsm_core_do_create_object(core, session, tmpl, out_handle);
    hsm_audited_begin(&call, core, session, HSM_AUDITED_CREATE_OBJECT);
    return hsm_audited_end(&call, hsm_core_do_create_object(core, session, tmpl, out_handle));
}

hsm_err hsm_core_copy_object(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE source,
                             const hsm_template *changes, CK_OBJECT_HANDLE *out_handle)
{
    HSM_UNINITIALIZED hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_COPY_OBJECT))
        return hsm_core_do_copy_object(core, session, source, changes, out_handle);
    hsm_audited_begin(&call, core, session, HSM_AUDITED_COPY_OBJECT);
    hsm_audited_other(&call, source);
    return hsm_audited_end(&call,
                           hsm_core_do_copy_object(core, session, source, changes, out_handle));
}

hsm_err hsm_core_destroy_object(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE handle)
{
    HSM_UNINITIALIZED hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_DESTROY_OBJECT))
        return hsm_core_do_destroy_object(core, session, handle);
    hsm_audited_begin(&call, core, session, HSM_AUDITED_DESTROY_OBJECT);
    hsm_audited_object(&call, handle);
    hsm_err err = hsm_audited_announce(&call);
    if (err == HSM_OK)
        err = hsm_core_do_destroy_object(core, session, handle);
    return hsm_audited_end(&call, err);
}

hsm_err hsm_core_set_attributes(hsm_core *core, hsm_session *session, CK_OBJECT_HANDLE handle,
                                const hsm_template *changes)
{
    HSM_UNINITIALIZED hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_SET_ATTRIBUTE))
        return hsm_core_do_set_attributes(core, session, handle, changes);
    hsm_audited_begin(&call, core, session, HSM_AUDITED_SET_ATTRIBUTE);
    hsm_audited_object(&call, handle);
    hsm_err err = hsm_audited_announce(&call);
    if (err == HSM_OK)
        err = hsm_core_do_set_attributes(core, session, handle, changes);
    return hsm_audited_end(&call, err);
}

hsm_err hsm_core_find_init(hsm_core *core, hsm_session *session, const hsm_template *tmpl)
{
    HSM_UNINITIALIZED hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_FIND_OBJECTS))
        return hsm_core_do_find_init(core, session, tmpl);
    hsm_audited_begin(&call, core, session, HSM_AUDITED_FIND_OBJECTS);
    const hsm_err done = hsm_core_do_find_init(core, session, tmpl);
    const hsm_err err = hsm_audited_end(&call, done);
    if (done == HSM_OK && err != HSM_OK)
        hsm_search_end(&session->search);
    return err;
}

hsm_err hsm_core_generate_key(hsm_core *core, hsm_session *session, const CK_MECHANISM *mechanism,
                              const hsm_template *tmpl, CK_OBJECT_HANDLE *out_key)
{
    HSM_UNINITIALIZED hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_GENERATE_KEY))
        return hsm_core_do_generate_key(core, session, mechanism, tmpl, out_key);
    hsm_audited_begin(&call, core, session, HSM_AUDITED_GENERATE_KEY);
    hsm_audited_mechanism(&call, mechanism);
    return hsm_audited_end(&call,
                           hsm_core_do_generate_key(core, session, mechanism, tmpl, out_key));
}

hsm_err hsm_core_generate_pair(hsm_core *core, hsm_session *session,
                               const hsm_pair_request *request, CK_OBJECT_HANDLE *out_public,
                               CK_OBJECT_HANDLE *out_private)
{
    HSM_UNINITIALIZED hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_GENERATE_KEY_PAIR))
        return hsm_core_do_generate_pair(core, session, request, out_public, out_private);
    hsm_audited_begin(&call, core, session, HSM_AUDITED_GENERATE_KEY_PAIR);
    hsm_audited_mechanism(&call, request->mechanism);
    return hsm_audited_end(
        &call, hsm_core_do_generate_pair(core, session, request, out_public, out_private));
}

hsm_err hsm_core_wrap_key(hsm_core *core, hsm_session *session, const hsm_wrap_request *request,
                          hsm_out *wrapped)
{
    HSM_UNINITIALIZED hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_WRAP_KEY))
        return hsm_core_do_wrap_key(core, session, request, wrapped);
    hsm_audited_begin(&call, core, session, HSM_AUDITED_WRAP_KEY);
    hsm_audited_mechanism(&call, request->mechanism);
    hsm_audited_object(&call, request->key);
    hsm_audited_other(&call, request->wrapping_key);
    return hsm_audited_end_out(&call, hsm_core_do_wrap_key(core, session, request, wrapped),
                               wrapped);
}

hsm_err hsm_core_unwrap_key(hsm_core *core, hsm_session *session, const hsm_unwrap_request *request,
                            CK_OBJECT_HANDLE *out_key)
{
    HSM_UNINITIALIZED hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_UNWRAP_KEY))
        return hsm_core_do_unwrap_key(core, session, request, out_key);
    hsm_audited_begin(&call, core, session, HSM_AUDITED_UNWRAP_KEY);
    hsm_audited_mechanism(&call, request->mechanism);
    hsm_audited_other(&call, request->unwrapping_key);
    return hsm_audited_end(&call, hsm_core_do_unwrap_key(core, session, request, out_key));
}

hsm_err hsm_core_derive_key(hsm_core *core, hsm_session *session, const hsm_derive_request *request,
                            CK_OBJECT_HANDLE *out_key)
{
    HSM_UNINITIALIZED hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_DERIVE_KEY))
        return hsm_core_do_derive_key(core, session, request, out_key);
    hsm_audited_begin(&call, core, session, HSM_AUDITED_DERIVE_KEY);
    hsm_audited_mechanism(&call, request->mechanism);
    hsm_audited_other(&call, request->base_key);
    return hsm_audited_end(&call, hsm_core_do_derive_key(core, session, request, out_key));
}

hsm_err hsm_core_encapsulate_key(hsm_core *core, hsm_session *session,
                                 const hsm_kem_request *request, hsm_out *ciphertext,
                                 CK_OBJECT_HANDLE *out_key)
{
    HSM_UNINITIALIZED hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_ENCAPSULATE))
        return hsm_core_do_encapsulate_key(core, session, request, ciphertext, out_key);
    hsm_audited_begin(&call, core, session, HSM_AUDITED_ENCAPSULATE);
    hsm_audited_mechanism(&call, request->mechanism);
    hsm_audited_other(&call, request->key);
    return hsm_audited_end_out(
        &call, hsm_core_do_encapsulate_key(core, session, request, ciphertext, out_key),
        ciphertext);
}

hsm_err hsm_core_decapsulate_key(hsm_core *core, hsm_session *session,
                                 const hsm_kem_request *request, hsm_bytes ciphertext,
                                 CK_OBJECT_HANDLE *out_key)
{
    HSM_UNINITIALIZED hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_DECAPSULATE))
        return hsm_core_do_decapsulate_key(core, session, request, ciphertext, out_key);
    hsm_audited_begin(&call, core, session, HSM_AUDITED_DECAPSULATE);
    hsm_audited_mechanism(&call, request->mechanism);
    hsm_audited_other(&call, request->key);
    return hsm_audited_end(
        &call, hsm_core_do_decapsulate_key(core, session, request, ciphertext, out_key));
}
