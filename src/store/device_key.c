/* SPDX-License-Identifier: Apache-2.0 */
#include "store/device_key.h"

#include <stdio.h>

#include "base/log.h"
#include "os/env.h"
#include "os/file.h"
#include "os/paths.h"
#include "store/internal.h"
#include "store/names.h"

static hsm_err complain(const char *path, unsigned checks, hsm_err err)
{
    char why[HSM_FILE_WHY_BYTES] = "missing, and the store can't be read without it";
    const bool is_wrong = err == HSM_E_DATA || err == HSM_E_LIMIT;

    if (is_wrong)
        (void)snprintf(why, sizeof why, "must have %d bytes", HSM_DEVICE_KEY_BYTES);
    else if (err != HSM_E_STORE_NOT_FOUND)
        hsm_file_why(path, checks, err, why, sizeof why);
    hsm_log(HSM_LOG_ERROR, "%s: device key: %s", path, why);
    return is_wrong ? HSM_E_STORE_CORRUPT : err;
}

static hsm_err read_key(const char *path, unsigned checks, hsm_secret **out_key)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *key = NULL;

    HSM_TRY(hsm_file_read_secret(path, checks, HSM_DEVICE_KEY_BYTES, &key));
    HSM_CHECK(hsm_secret_len(key) == HSM_DEVICE_KEY_BYTES, HSM_E_DATA);
    *out_key = HSM_MOVE(key);
    return HSM_OK;
}

static hsm_err make_key(hsm_crypto *crypto, const char *path)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *key = NULL;

    HSM_TRY(hsm_secret_create(HSM_DEVICE_KEY_BYTES, &key));
    HSM_TRY(hsm_crypto_random(crypto, hsm_secret_data(key), HSM_DEVICE_KEY_BYTES));
    const hsm_err err = hsm_file_create(path, hsm_secret_view(key), 0600);
    return err == HSM_E_STORE_CONFLICT ? HSM_OK : err; /* another process was first */
}

static hsm_err load_credential(const char *directory, hsm_secret **out_key)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;

    HSM_TRY(hsm_path_join(directory, HSM_DEVICE_KEY_CREDENTIAL, &path));
    /* The service manager decides the mode; an access list shows as group bits. */
    const hsm_err err = read_key(path, HSM_FILE_TRUSTED, out_key);
    return err == HSM_OK || err == HSM_E_STORE_NOT_FOUND ? err
                                                         : complain(path, HSM_FILE_TRUSTED, err);
}

static hsm_err load_file(hsm_crypto *crypto, const char *directory, bool may_create,
                         hsm_secret **out_key)
{
    const unsigned checks = HSM_FILE_PRIVATE | HSM_FILE_NO_SYMLINK;
    HSM_AUTO(hsm_path_drop) char *path = NULL;

    HSM_TRY(hsm_path_join(directory, HSM_STORE_DEVICE_KEY, &path));
    hsm_err err = read_key(path, checks, out_key);
    if (err == HSM_E_STORE_NOT_FOUND && may_create) {
        err = make_key(crypto, path);
        if (err == HSM_OK)
            err = read_key(path, checks, out_key);
    }
    return err == HSM_OK ? err : complain(path, checks, err);
}

hsm_err hsm_device_key_load(hsm_crypto *crypto, const char *directory, bool may_create,
                            hsm_secret **out_key)
{
    const char *credentials = hsm_env_get("CREDENTIALS_DIRECTORY");
    hsm_err err = HSM_E_STORE_NOT_FOUND;

    if (credentials != NULL)
        err = load_credential(credentials, out_key);
    return err == HSM_E_STORE_NOT_FOUND ? load_file(crypto, directory, may_create, out_key) : err;
}

hsm_err hsm_device_secret_load(hsm_crypto *crypto, const hsm_device_place *place, const char *use,
                               hsm_secret *out)
{
    HSM_AUTO(hsm_secret_drop) hsm_secret *key = NULL;

    HSM_TRY(hsm_device_key_load(crypto, place->directory, place->may_create, &key));
    return hsm_store_derive(crypto, hsm_secret_view(key), hsm_bytes_none(), use, out);
}
