/* SPDX-License-Identifier: Apache-2.0 */
#include "core/export.h"

#include "base/handle.h"
#include "core/audited.h"
#include "core/backup.h"
#include "crypto/export.h"

#define NAME_MAX_BYTES 256u

/* The key's PrivateKeyInfo, if it may leave. */
static hsm_err open_key(hsm_core *core, hsm_object *object, hsm_secret **out_pkcs8)
{
    hsm_key *key = NULL;

    HSM_CHECK(object->object_class == CKO_PRIVATE_KEY, HSM_E_KEY_TYPE);
    HSM_CHECK(!hsm_object_bool(object, CKA_SENSITIVE, true), HSM_E_ATTRIBUTE_SENSITIVE);
    HSM_CHECK(hsm_object_bool(object, CKA_EXTRACTABLE, false), HSM_E_KEY_UNEXTRACTABLE);
    HSM_TRY(hsm_core_key(core, object, &key));
    return hsm_key_pkcs8_encode(key, out_pkcs8);
}

/* A label as a C string; "" when it can't be one. */
static void name_of(const hsm_object *object, char out[NAME_MAX_BYTES])
{
    const hsm_bytes label = hsm_object_value(object, CKA_LABEL);

    out[0] = '\0';
    if (label.len == 0 || label.len >= NAME_MAX_BYTES)
        return;
    memcpy(out, label.data, label.len);
    out[label.len] = '\0';
}

static hsm_err export_pkcs12(hsm_core *core, hsm_session *session, const hsm_core_export *request,
                             hsm_object *object, hsm_bytes pkcs8, hsm_buf *out)
{
    HSM_AUTO(hsm_object_drop) hsm_object *certificate = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *passphrase = NULL;
    char name[NAME_MAX_BYTES];
    hsm_bytes value;

    HSM_TRY(hsm_core_object(core, session, request->certificate, &certificate));
    HSM_CHECK(certificate->object_class == CKO_CERTIFICATE &&
                  hsm_object_get(certificate, CKA_VALUE, &value),
              HSM_E_KEY_TYPE);
    HSM_TRY(hsm_secret_create(request->passphrase.len + 1, &passphrase));
    memcpy(hsm_secret_data(passphrase), request->passphrase.data, request->passphrase.len);
    name_of(object, name);
    const hsm_export_pkcs12_request given = {
        .pkcs8 = pkcs8,
        .certificate = value,
        .name = name[0] != '\0' ? name : NULL,
        .passphrase = (const char *)hsm_secret_data(passphrase),
    };
    return hsm_export_pkcs12(core->crypto, &given, out);
}

static hsm_err export_key(hsm_core *core, hsm_session *session, const hsm_core_export *request,
                          hsm_buf *out)
{
    HSM_AUTO(hsm_object_drop) hsm_object *object = NULL;
    HSM_AUTO(hsm_secret_drop) hsm_secret *pkcs8 = NULL;

    HSM_TRY(hsm_backup_check_passphrase(request->passphrase));
    HSM_CHECK(memchr(request->passphrase.data, 0, request->passphrase.len) == NULL, HSM_E_PIN_LEN);
    HSM_TRY(hsm_core_object(core, session, request->key, &object));
    HSM_TRY(open_key(core, object, &pkcs8));
    if (request->certificate != HSM_HANDLE_NONE)
        return export_pkcs12(core, session, request, object, hsm_secret_view(pkcs8), out);
    return hsm_export_pkcs8(core->crypto, hsm_secret_view(pkcs8), request->passphrase, out);
}

hsm_err hsm_core_export_key(hsm_core *core, hsm_session *session, const hsm_core_export *request,
                            hsm_buf *out_der)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf made = { 0 };
    hsm_audited_call call;

    if (!hsm_core_audits(core, HSM_AUDITED_GET_ATTRIBUTE))
        return export_key(core, session, request, out_der);
    hsm_audited_begin(&call, core, session, HSM_AUDITED_GET_ATTRIBUTE);
    hsm_audited_object(&call, request->key);
    call.event.detail = "export";
    HSM_TRY(hsm_audited_end(&call, export_key(core, session, request, &made)));
    return hsm_buf_append(out_der, hsm_buf_view(&made));
}
