/* Recipients of backups: their keys.
 * SPDX-License-Identifier: Apache-2.0 */
#include "admin/cmd_backup.h"

#include <string.h>

#include "admin/cmd_key.h"
#include "os/file.h"
#include "os/paths.h"

#define KEY_FILE_MAX_BYTES 16384u

/* --- making keys --------------------------------------------------------------------------------- */

static hsm_err write_key(hsm_admin *admin, const char *option, hsm_bytes der, const char *what)
{
    const char *path = hsm_admin_text(admin, option);
    const mode_t mode = strcmp(option, "public-output") == 0 ? 0644 : 0600;
    HSM_AUTO(hsm_buf_clear) hsm_buf pem = { 0 };

    HSM_TRY(hsm_admin_put_pem(der, what, &pem));
    const hsm_err err = hsm_file_create(path, hsm_buf_view(&pem), mode);
    if (err == HSM_E_STORE_CONFLICT)
        return hsm_admin_fail(admin, err, "%s exists", path);
    return err == HSM_OK ? err : hsm_admin_fail(admin, err, "%s", path);
}

hsm_err hsm_admin_run_recipient(hsm_admin *admin)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *passphrase = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf private_der = { 0 };
    HSM_AUTO(hsm_buf_clear) hsm_buf public_der = { 0 };

    HSM_TRY(hsm_admin_open_core(admin));
    HSM_TRY(hsm_admin_get_secret(admin, HSM_ADMIN_NEW_PASSPHRASE, &passphrase));
    const hsm_err err = hsm_core_make_recipient(admin->core, hsm_secret_view(passphrase),
                                                &private_der, &public_der);
    if (err == HSM_E_PIN_LEN)
        return hsm_admin_weak_passphrase(admin);
    if (err == HSM_E_MECHANISM)
        return hsm_admin_fail(admin, err, "approved mode, or enable_pqc = false");
    HSM_TRY(err);
    HSM_TRY(write_key(admin, "output", hsm_buf_view(&private_der), "ENCRYPTED PRIVATE KEY"));
    HSM_TRY(write_key(admin, "public-output", hsm_buf_view(&public_der), "PUBLIC KEY"));
    hsm_admin_put_text(admin->report, "output", "Private key", hsm_admin_text(admin, "output"));
    hsm_admin_put_text(admin->report, "public_output", "Public key",
                       hsm_admin_text(admin, "public-output"));
    return HSM_OK;
}

const hsm_admin_option hsm_admin_recipient_options[] = {
    HSM_ADMIN_OPTION_NEW_FILE("output", "the private key to make, PEM"),
    HSM_ADMIN_OPTION_NEW_FILE("public-output", "the public key to make, PEM"),
    HSM_ADMIN_OPTIONS_SECRET("new-passphrase", "passphrase for the private key"),
    { .name = NULL },
};

/* --- using them ---------------------------------------------------------------------------------- */

void hsm_admin_recipients_clear(hsm_admin_recipients *recipients)
{
    for (size_t i = 0; i < recipients->count; i++)
        hsm_buf_clear(&recipients->files[i]);
    recipients->count = 0;
}

static hsm_err read_recipient(hsm_admin *admin, const char *path, hsm_buf *out_key)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf file = { 0 };

    hsm_err err = hsm_file_read(path, HSM_FILE_ANY, KEY_FILE_MAX_BYTES, &file);
    if (err != HSM_OK)
        return hsm_admin_fail(admin, err, "%s", path);
    err = hsm_core_read_recipient(admin->core, hsm_buf_view(&file), out_key);
    if (err == HSM_OK)
        return err;
    hsm_admin_hint(admin, "craton-hsm-admin backup recipient makes such keys");
    return hsm_admin_fail(admin, err, "%s: no public key of a recipient", path);
}

hsm_err hsm_admin_read_recipients(hsm_admin *admin, hsm_admin_recipients *out_recipients)
{
    const char *list = hsm_admin_text(admin, "recipient");
    HSM_AUTO(hsm_path_drop) char *copy = NULL;

    if (list == NULL)
        return HSM_OK;
    copy = hsm_text_dup(list);
    HSM_CHECK(copy != NULL, HSM_E_NO_MEMORY);
    for (char *rest = copy; rest != NULL;) {
        const char *path = strsep(&rest, ",");
        const size_t at = out_recipients->count;

        if (at == HSM_BACKUP_RECIPIENTS_MAX)
            return hsm_admin_fail(admin, HSM_E_LIMIT, "--recipient: at most %u",
                                  HSM_BACKUP_RECIPIENTS_MAX);
        HSM_TRY(read_recipient(admin, path, &out_recipients->files[at]));
        out_recipients->keys[at] = hsm_buf_view(&out_recipients->files[at]);
        out_recipients->count++;
    }
    return HSM_OK;
}

static hsm_err open_private(hsm_admin *admin, const char *path, hsm_secret **out_key)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *passphrase = NULL;
    HSM_AUTO(hsm_buf_clear) hsm_buf file = { 0 };

    hsm_err err = hsm_file_read(path, HSM_FILE_ANY, KEY_FILE_MAX_BYTES, &file);
    if (err != HSM_OK)
        return hsm_admin_fail(admin, err, "%s", path);
    HSM_TRY(hsm_admin_get_secret(admin, HSM_ADMIN_FILE_PASSPHRASE, &passphrase));
    err = hsm_core_open_recipient(admin->core, hsm_buf_view(&file), hsm_secret_view(passphrase),
                                  out_key);
    if (err == HSM_E_ENCRYPTED_DATA)
        return hsm_admin_fail(admin, err, "%s: wrong passphrase, or damaged", path);
    return err == HSM_OK ? err
                         : hsm_admin_fail(admin, err, "%s: no private key of a recipient", path);
}

hsm_err hsm_admin_get_backup_key(hsm_admin *admin, const hsm_backup_head *head,
                                 hsm_secret **out_secret)
{
    const char *path = hsm_admin_text(admin, "recipient-key");

    if (head->method != HSM_BACKUP_BY_RECIPIENTS)
        return hsm_admin_get_secret(admin, HSM_ADMIN_FILE_PASSPHRASE, out_secret);
    if (path == NULL) {
        hsm_admin_hint(admin, "give --recipient-key FILE and its passphrase");
        return hsm_admin_fail(admin, HSM_E_ARG, "%s was made for recipients",
                              hsm_admin_text(admin, "input"));
    }
    return open_private(admin, path, out_secret);
}
