/* key import: files of other software become objects.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "admin/cmd_key.h"
#include "core/import.h"
#include "os/file.h"

#define FILE_MAX_BYTES (HSM_SECRET_MAX_BYTES)

static hsm_err read_file(hsm_admin *admin, hsm_secret **out_content)
{
    const char *path = hsm_admin_text(admin, "file");
    const hsm_err err = hsm_file_read_secret(path, HSM_FILE_ANY, FILE_MAX_BYTES, out_content);

    return err == HSM_OK ? err : hsm_admin_fail(admin, err, "%s", path);
}

/* --type says what the file holds; without it, the file does. */
static hsm_err read_spec(hsm_admin *admin, hsm_key_spec *out_spec, bool *out_has)
{
    const char *type = hsm_admin_text(admin, "type");

    *out_has = type != NULL;
    if (type == NULL)
        return HSM_OK;
    const hsm_err err = hsm_core_key_spec(type, out_spec);
    return err == HSM_OK ? err : hsm_admin_fail(admin, err, "--type %s", type);
}

static hsm_err explain(hsm_admin *admin, hsm_err err)
{
    const char *path = hsm_admin_text(admin, "file");

    if (err == HSM_OK || admin->what[0] != '\0') /* the passphrase has been explained */
        return err;
    switch ((int)err) {
    case HSM_E_ENCRYPTED_DATA:
        return hsm_admin_fail(admin, err, "%s: wrong passphrase, or damaged", path);
    case HSM_E_NOT_SUPPORTED:
        hsm_admin_hint(admin, "openssl pkcs12 -legacy -in '%s' -out new.pem, and import new.pem",
                       path);
        return hsm_admin_fail(admin, err, "%s: encrypted by an algorithm that is not safe any more",
                              path);
    case HSM_E_DATA:
    case HSM_E_WRAPPED_KEY:
        hsm_admin_hint(admin,
                       "PEM, DER and PKCS#12 are read; a secret key is its bare bytes and needs "
                       "--type");
        break;
    case HSM_E_KEY_TYPE:
        hsm_admin_hint(admin, "leave --type away, or give the kind that the file holds");
        break;
    default:
        break;
    }
    return hsm_admin_fail(admin, err, "%s", path);
}

static hsm_err import_file(hsm_admin *admin, const hsm_admin_objects *objects,
                           hsm_core_import *request, CK_OBJECT_HANDLE *handles, size_t *out_count)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *passphrase = NULL;

    if (hsm_core_import_asks(admin->core, request)) {
        HSM_TRY(hsm_admin_get_secret(admin, HSM_ADMIN_FILE_PASSPHRASE, &passphrase));
        request->passphrase = hsm_secret_view(passphrase);
    }
    return hsm_core_import_file(admin->core, objects->session, request, handles, out_count);
}

hsm_err hsm_admin_run_import(hsm_admin *admin)
{
    HSM_AUTO(hsm_admin_objects_end) hsm_admin_objects objects = { 0 };
    HSM_AUTO(hsm_secret_drop) hsm_secret *content = NULL;
    HSM_AUTO(hsm_named_clear) hsm_named public_template = { 0 };
    HSM_AUTO(hsm_named_clear) hsm_named private_template = { 0 };
    hsm_named *const both[] = { &private_template, &public_template };
    CK_OBJECT_HANDLE handles[HSM_CORE_IMPORT_MAX];
    hsm_key_spec spec;
    bool has_spec = false;
    size_t count = 0;

    HSM_TRY(read_spec(admin, &spec, &has_spec));
    HSM_TRY(read_file(admin, &content));
    HSM_TRY(hsm_admin_objects_begin(admin, &objects));
    HSM_TRY(hsm_admin_put_identity(admin, &objects, both, 2));
    HSM_TRY(hsm_admin_put_protection(admin, &private_template));
    hsm_core_import request = {
        .content = content,
        .spec = has_spec ? &spec : NULL,
        .public_template = &public_template,
        .private_template = &private_template,
    };
    HSM_TRY(explain(admin, import_file(admin, &objects, &request, handles, &count)));
    hsm_admin_objects_table(admin);
    for (size_t i = 0; i < count; i++)
        HSM_TRY(hsm_admin_put_object(admin, &objects, handles[i]));
    hsm_admin_table_end(admin->report);
    return HSM_OK;
}

const hsm_admin_option hsm_admin_import_options[] = {
    { .name = "file",
      .value = "FILE",
      .help = "PEM, DER, PKCS#8, PKCS#12, a certificate; or a secret key's bytes",
      .kind = HSM_ADMIN_FILE,
      .is_required = true },
    HSM_ADMIN_OPTIONS_NEW_KEY,
    { .name = "type",
      .value = "TYPE",
      .help = "what the file must hold: RSA, EC ...; needed for AES and other secret keys",
      .kind = HSM_ADMIN_TEXT },
    { .name = "class",
      .value = "C",
      .help = "accepted for older scripts: the file says it",
      .kind = HSM_ADMIN_CHOICE,
      .choices = "private public secret certificate" },
    HSM_ADMIN_OPTIONS_SECRET("passphrase", "passphrase of the file"),
    HSM_ADMIN_OPTION_YES,
    HSM_ADMIN_OPTIONS_LOGIN,
    { .name = NULL },
};
