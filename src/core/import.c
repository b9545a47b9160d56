/* SPDX-License-Identifier: Apache-2.0 */
#include "core/import.h"

#include "core/audited.h"
#include "crypto/import.h"

/* Drafts on their way. */
typedef struct cargo {
    hsm_draft *drafts[HSM_CORE_IMPORT_MAX];
    size_t count;
} cargo;

static void cargo_clear(cargo *load)
{
    for (size_t i = 0; i < load->count; i++)
        hsm_draft_destroy(load->drafts[i]);
}

/* An object of a class and type, by the rules for keys that come from elsewhere. */
static hsm_err start(const hsm_core *core, const hsm_session *session, const hsm_named *named,
                     const hsm_key_parts *parts, hsm_draft **out_draft)
{
    const hsm_attr implied[] = {
        { CKA_CLASS, hsm_bytes_of(&parts->key_class, sizeof parts->key_class) },
        { CKA_KEY_TYPE, hsm_bytes_of(&parts->key_type, sizeof parts->key_type) },
    };
    const hsm_template all = { implied, HSM_ARRAY_LEN(implied) };
    const hsm_template tmpl = hsm_named_template(named);

    return hsm_draft_from_template(HSM_ORIGIN_UNWRAP, &tmpl, &all, hsm_core_is_so(core, session),
                                   out_draft);
}

/* Adds a checked key. */
static hsm_err add_key(hsm_core *core, const hsm_session *session, const hsm_named *named,
                       const hsm_key_parts *parts, cargo *load)
{
    const hsm_provenance provenance = { .mechanism = CK_UNAVAILABLE_INFORMATION };
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;
    HSM_AUTO(hsm_key_drop) hsm_key *key = NULL;

    HSM_CHECK(load->count < HSM_CORE_IMPORT_MAX, HSM_E_LIMIT);
    HSM_TRY(hsm_key_create(core->crypto, parts, &key));
    HSM_TRY(hsm_key_check(key));
    HSM_TRY(start(core, session, named, parts, &draft));
    HSM_TRY(hsm_core_may_write(core, session, hsm_draft_bool(draft, CKA_TOKEN, false),
                               hsm_draft_bool(draft, CKA_PRIVATE, true)));
    HSM_TRY(hsm_core_put_parts(draft, parts));
    HSM_TRY(hsm_core_put_derived(core, draft, key));
    HSM_TRY(hsm_core_put_provenance(draft, &provenance));
    load->drafts[load->count++] = HSM_MOVE(draft);
    return HSM_OK;
}

static hsm_err add_private(hsm_core *core, const hsm_session *session,
                           const hsm_core_import *request, hsm_bytes pkcs8, cargo *load)
{
    const CK_KEY_TYPE wanted = request->spec != NULL ? request->spec->key_type : HSM_KEY_TYPE_NONE;
    HSM_AUTO(hsm_key_bundle_clear) hsm_key_bundle bundle = { 0 };

    HSM_TRY(hsm_key_pkcs8_decode(core->crypto, pkcs8, wanted, &bundle));
    hsm_key_parts public_parts = bundle.parts;
    public_parts.key_class = CKO_PUBLIC_KEY;
    HSM_TRY(add_key(core, session, request->private_template, &bundle.parts, load));
    return add_key(core, session, request->public_template, &public_parts, load);
}

static hsm_err add_public(hsm_core *core, const hsm_session *session,
                          const hsm_core_import *request, hsm_bytes spki, cargo *load)
{
    hsm_key_parts parts = { 0 };

    HSM_TRY(hsm_import_public(core->crypto, spki, &parts));
    HSM_CHECK(request->spec == NULL || request->spec->key_type == parts.key_type, HSM_E_KEY_TYPE);
    return add_key(core, session, request->public_template, &parts, load);
}

static hsm_err add_certificate(const hsm_core *core, const hsm_session *session,
                               const hsm_core_import *request, const hsm_import_item *item,
                               cargo *load)
{
    static const CK_OBJECT_CLASS object_class = CKO_CERTIFICATE;
    static const CK_CERTIFICATE_TYPE type = CKC_X_509;
    const hsm_attr implied[] = {
        { CKA_CLASS, hsm_bytes_of(&object_class, sizeof object_class) },
        { CKA_CERTIFICATE_TYPE, hsm_bytes_of(&type, sizeof type) },
        { CKA_VALUE, hsm_buf_view(&item->der) },
        { CKA_SUBJECT, hsm_buf_view(&item->subject) },
        { CKA_ISSUER, hsm_buf_view(&item->issuer) },
        { CKA_SERIAL_NUMBER, hsm_buf_view(&item->serial) },
    };
    const hsm_template all = { implied, HSM_ARRAY_LEN(implied) };
    const hsm_template tmpl = hsm_named_template(request->public_template);
    HSM_AUTO(hsm_draft_drop) hsm_draft *draft = NULL;

    HSM_CHECK(load->count < HSM_CORE_IMPORT_MAX, HSM_E_LIMIT);
    HSM_TRY(hsm_draft_from_template(HSM_ORIGIN_CREATE, &tmpl, &all, hsm_core_is_so(core, session),
                                    &draft));
    HSM_TRY(hsm_core_may_write(core, session, hsm_draft_bool(draft, CKA_TOKEN, false),
                               hsm_draft_bool(draft, CKA_PRIVATE, true)));
    load->drafts[load->count++] = HSM_MOVE(draft);
    return HSM_OK;
}

static hsm_err add_items(hsm_core *core, const hsm_session *session, const hsm_core_import *request,
                         cargo *load)
{
    HSM_AUTO(hsm_import_clear) hsm_import import = { 0 };

    HSM_TRY(hsm_import_read(core->crypto, hsm_secret_view(request->content), request->passphrase,
                            &import));
    for (size_t i = 0; i < import.count; i++) {
        const hsm_import_item *item = &import.items[i];

        switch (item->kind) {
        case HSM_IMPORT_PRIVATE:
            HSM_TRY(add_private(core, session, request, hsm_secret_view(item->pkcs8), load));
            break;
        case HSM_IMPORT_PUBLIC:
            HSM_TRY(add_public(core, session, request, hsm_buf_view(&item->der), load));
            break;
        case HSM_IMPORT_CERTIFICATE:
            HSM_TRY(add_certificate(core, session, request, item, load));
            break;
        }
    }
    return HSM_OK;
}

bool hsm_core_import_asks(hsm_core *core, const hsm_core_import *request)
{
    HSM_AUTO(hsm_import_clear) hsm_import import = { 0 };

    if (request->spec != NULL && !request->spec->is_pair)
        return false;
    const hsm_err err =
        hsm_import_read(core->crypto, hsm_secret_view(request->content), hsm_bytes_none(), &import);
    return err != HSM_OK && import.needs_passphrase;
}

static hsm_err add_secret(hsm_core *core, const hsm_session *session,
                          const hsm_core_import *request, cargo *load)
{
    const hsm_key_parts parts = {
        .key_class = CKO_SECRET_KEY,
        .key_type = request->spec->key_type,
        .part = { [HSM_PART_VALUE] = hsm_secret_view(request->content) },
    };

    return add_key(core, session, request->private_template, &parts, load);
}

static hsm_err import_file(hsm_core *core, hsm_session *session, const hsm_core_import *request,
                           CK_OBJECT_HANDLE out_handles[HSM_CORE_IMPORT_MAX], size_t *out_count)
{
    HSM_AUTO(cargo_clear) cargo load = { 0 };

    if (request->spec != NULL && !request->spec->is_pair)
        HSM_TRY(add_secret(core, session, request, &load));
    else
        HSM_TRY(add_items(core, session, request, &load));
    HSM_TRY(hsm_core_add(core, session, load.drafts, load.count, out_handles));
    *out_count = load.count;
    return HSM_OK;
}

hsm_err hsm_core_import_file(hsm_core *core, hsm_session *session, const hsm_core_import *request,
                             CK_OBJECT_HANDLE out_handles[HSM_CORE_IMPORT_MAX], size_t *out_count)
{
    hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_CREATE_OBJECT))
        return import_file(core, session, request, out_handles, out_count);
    hsm_audited_begin(&call, core, session, HSM_AUDITED_CREATE_OBJECT);
    call.event.detail = "import";
    return hsm_audited_end(&call, import_file(core, session, request, out_handles, out_count));
}
