/* key export: a private key into a file that other software reads.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "admin/cmd_key.h"
#include "base/handle.h"
#include "core/backup.h"
#include "core/export.h"

static bool is_pkcs12(const hsm_admin *admin)
{
    const char *format = hsm_admin_text(admin, "format");

    return format != NULL && strcmp(format, "pkcs12") == 0;
}

/* The certificate of --certificate, or the one with the key's CKA_ID. */
static hsm_err find_certificate(hsm_admin *admin, const hsm_admin_objects *objects,
                                hsm_core_export *request)
{
    const char *handle = hsm_admin_text(admin, "certificate");
    HSM_AUTO(hsm_object_facts_clear) hsm_object_facts facts = { 0 };
    HSM_AUTO(hsm_named_clear) hsm_named named = { 0 };
    CK_OBJECT_CLASS object_class = 0;

    HSM_TRY(hsm_core_describe(admin->core, objects->session, request->key, &facts));
    HSM_TRY(hsm_core_class_by_name("certificate", &object_class));
    HSM_TRY(hsm_named_put_ulong(&named, "CLASS", object_class));
    HSM_TRY(hsm_named_put_bool(&named, "TOKEN", true));
    HSM_TRY(handle != NULL ? hsm_named_put_text(&named, "UNIQUE_ID", handle)
                           : hsm_named_put(&named, "ID", hsm_buf_view(&facts.id)));
    const hsm_err err = hsm_admin_find_one(admin, objects, &named, &request->certificate);
    if (err == HSM_OK)
        return err;
    hsm_admin_hint(admin, "name the certificate: --certificate HANDLE (craton-hsm-admin key list "
                          "--class certificate)");
    return hsm_admin_fail(admin, err,
                          err == HSM_E_ARG ? "several certificates fit"
                                           : "no certificate fits the key's ID");
}

static hsm_err explain(hsm_admin *admin, hsm_err err)
{
    switch ((int)err) {
    case HSM_E_ATTRIBUTE_SENSITIVE:
        hsm_admin_hint(admin,
                       "a sensitive key never leaves in clear; back the token up, or wrap the "
                       "key by PKCS#11 if it is extractable");
        return hsm_admin_fail(admin, err, "the key");
    case HSM_E_KEY_UNEXTRACTABLE:
        hsm_admin_hint(admin, "it was made not to leave: a backup of the token has it");
        return hsm_admin_fail(admin, err, "the key");
    case HSM_E_KEY_TYPE:
        return hsm_admin_fail(admin, err,
                              is_pkcs12(admin) ? "the certificate is not the key's, or PKCS#12 has "
                                                 "no such key"
                                               : "this kind of key has no PKCS#8 form");
    case HSM_E_PIN_LEN:
        return hsm_admin_weak_passphrase(admin);
    default:
        return err;
    }
}

/* PEM but for what is asked for otherwise; in a file of mode 0600. */
static hsm_err deliver(hsm_admin *admin, hsm_bytes der)
{
    HSM_TRY(is_pkcs12(admin) ? hsm_admin_write_output(admin, der, 0600)
                             : hsm_admin_write_der(admin, der, "ENCRYPTED PRIVATE KEY", 0600));
    hsm_admin_put_text(admin->report, "output", "Written", hsm_admin_text(admin, "output"));
    return HSM_OK;
}

hsm_err hsm_admin_run_export(hsm_admin *admin)
{
    HSM_AUTO(hsm_admin_objects_end) hsm_admin_objects objects = { 0 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *passphrase = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf der = { 0 };
    hsm_core_export request = { .key = HSM_HANDLE_NONE, .certificate = HSM_HANDLE_NONE };

    HSM_TRY(hsm_admin_objects_begin(admin, &objects));
    HSM_TRY(hsm_admin_select_class(admin, &objects, "private", &request.key));
    if (is_pkcs12(admin))
        HSM_TRY(find_certificate(admin, &objects, &request));
    HSM_TRY(hsm_admin_get_secret(admin, HSM_ADMIN_NEW_PASSPHRASE, &passphrase));
    request.passphrase = hsm_secret_view(passphrase);
    HSM_TRY(explain(admin, hsm_core_export_key(admin->core, objects.session, &request, &der)));
    return deliver(admin, hsm_buf_view(&der));
}

const hsm_admin_option hsm_admin_export_options[] = {
    HSM_ADMIN_OPTIONS_NAME,
    HSM_ADMIN_OPTION_NEW_FILE("output", "the file to make"),
    { .name = "format",
      .value = "FORM",
      .help = "PKCS#8 as pem or der, or pkcs12 with the certificate (pem)",
      .kind = HSM_ADMIN_CHOICE,
      .choices = "pem der pkcs12" },
    { .name = "certificate",
      .value = "H",
      .help = "for pkcs12: the certificate with this handle (the one of the key's CKA_ID)",
      .kind = HSM_ADMIN_TEXT },
    HSM_ADMIN_OPTION_FORCE,
    HSM_ADMIN_OPTIONS_SECRET("new-passphrase", "passphrase for the file"),
    HSM_ADMIN_OPTIONS_LOGIN,
    { .name = NULL },
};
