/* Where the configuration comes from, and its last touches.
 * SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "config/internal.h"
#include "os/env.h"
#include "os/file.h"
#include "os/paths.h"

#define FILE_NAME "craton_hsm.toml"

void hsm_config_destroy(hsm_config *config)
{
    if (config == NULL)
        return;
    config_clear(config);
    free(config->source);
    free(config);
}

/* --- errors ------------------------------------------------------------------------------- */

/* A fault of a file as a whole, or of a value nobody wrote. */
static hsm_err refuse(hsm_config_error *error, const char *field, const char *reason)
{
    error->line = 0;
    error->column = 0;
    (void)snprintf(error->field, sizeof error->field, "%s", field);
    (void)snprintf(error->reason, sizeof error->reason, "%s", reason);
    return HSM_E_CONFIG;
}

static void log_error(const char *name, const hsm_config_error *error)
{
    const char *gap = error->field[0] != '\0' ? ": " : "";

    if (error->line > 0)
        hsm_log(HSM_LOG_ERROR, "configuration %s:%u:%u: %s%s%s", name, error->line, error->column,
                error->field, gap, error->reason);
    else
        hsm_log(HSM_LOG_ERROR, "configuration %s: %s%s%s", name, error->field, gap, error->reason);
}

/* --- what follows from other values ------------------------------------------------------- */

static hsm_err complete_storage_path(hsm_config *config, hsm_config_error *error)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;
    hsm_err err = HSM_OK;

    if (config->token.storage_path != NULL) {
        err = hsm_path_absolute(config->token.storage_path, &path);
    } else {
        HSM_AUTO(hsm_path_drop) char *usual = NULL;

        err = hsm_path_data_dir(&usual);
        if (err == HSM_E_STORE_NOT_FOUND && !config->token.persist_objects)
            return HSM_OK;
        if (err == HSM_OK)
            err = hsm_path_resolve(usual, &path); /* a home directory may well be a link */
    }
    if (err == HSM_E_NO_MEMORY)
        return err;
    if (err != HSM_OK)
        return refuse(error, "token.storage_path",
                      err == HSM_E_ARG ? "is too long" : "must be set: no home directory is known");
    if (config->token.persist_objects && strlen(path) > HSM_STORAGE_PATH_MAX_BYTES)
        return refuse(error, "token.storage_path",
                      "is too long: the store takes 480 bytes at most, as an absolute path");
    free(config->token.storage_path);
    config->token.storage_path = HSM_MOVE(path);
    return HSM_OK;
}

static hsm_err complete_log_path(hsm_config *config, hsm_config_error *error)
{
    const char *storage = config->token.storage_path;
    HSM_AUTO(hsm_path_drop) char *path = NULL;
    hsm_err err = HSM_OK;

    if (storage != NULL && config->audit.log_path[0] != '/')
        err = hsm_path_join(storage, config->audit.log_path, &path);
    else
        err = hsm_path_absolute(config->audit.log_path, &path);
    if (err == HSM_E_NO_MEMORY)
        return err;
    if (err != HSM_OK)
        return refuse(error, "audit.log_path", "can't be made an absolute path");
    free(config->audit.log_path);
    config->audit.log_path = HSM_MOVE(path);
    return HSM_OK;
}

static hsm_err complete(hsm_config *config, hsm_config_error *error)
{
    HSM_TRY(complete_storage_path(config, error));
    HSM_TRY(complete_log_path(config, error));
    if (config->daemon.bind_unix == NULL) {
        const hsm_err err = hsm_path_socket(&config->daemon.bind_unix);

        if (err == HSM_E_ARG)
            return refuse(error, "daemon.bind_unix", "$XDG_RUNTIME_DIR is too long");
        HSM_TRY(err);
    }
    return HSM_OK;
}

/* --- from text ---------------------------------------------------------------------------- */

static hsm_err read_text(hsm_bytes text, hsm_config *config, hsm_config_error *error)
{
    hsm_toml_node *root = NULL;
    hsm_toml_error toml_error = { 0 };
    hsm_err err = hsm_toml_parse(text, &root, &toml_error);

    if (err == HSM_E_CONFIG) {
        (void)refuse(error, toml_error.key, toml_error.reason);
        error->line = toml_error.line;
        error->column = toml_error.column;
    }
    HSM_TRY(err);
    err = config_apply(config, root, error);
    hsm_toml_destroy(root);
    return err;
}

static hsm_err create(hsm_config **out_config)
{
    HSM_AUTO(hsm_config_drop) hsm_config *config = calloc(1, sizeof *config);

    HSM_CHECK(config != NULL, HSM_E_NO_MEMORY);
    HSM_TRY(config_set_defaults(config));
    *out_config = HSM_MOVE(config);
    return HSM_OK;
}

/* text NULL: the defaults. */
static hsm_err make(const hsm_bytes *text, const char *name, hsm_config **out_config,
                    hsm_config_error *error)
{
    HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;

    HSM_TRY(create(&config));
    if (text != NULL) {
        config->source = hsm_text_dup(name);
        HSM_CHECK(config->source != NULL, HSM_E_NO_MEMORY);
        HSM_TRY(read_text(*text, config, error));
    }
    HSM_TRY(complete(config, error));
    *out_config = HSM_MOVE(config);
    return HSM_OK;
}

hsm_err hsm_config_parse(hsm_bytes text, const char *name, hsm_config **out_config,
                         hsm_config_error *out_error)
{
    hsm_config_error error = { 0 };
    const hsm_err err = make(&text, name, out_config, &error);

    if (err == HSM_E_CONFIG) {
        log_error(name, &error);
        if (out_error != NULL)
            *out_error = error;
    }
    return err;
}

hsm_err hsm_config_defaults(hsm_config **out_config)
{
    hsm_config_error error = { 0 };
    const hsm_err err = make(NULL, "(defaults)", out_config, &error);

    if (err == HSM_E_CONFIG)
        log_error("(defaults)", &error);
    return err;
}

/* --- from a file -------------------------------------------------------------------------- */

static hsm_err refuse_file(const char *path, hsm_err err, const char *reason)
{
    hsm_config_error error = { 0 };

    if (err == HSM_E_NO_MEMORY)
        return err;
    (void)refuse(&error, "", reason);
    log_error(path, &error);
    return HSM_E_CONFIG;
}

static hsm_err refuse_unread(const char *path, hsm_err err)
{
    char why[HSM_FILE_WHY_BYTES];
    char reason[sizeof "can't be read: " + HSM_FILE_WHY_BYTES];

    hsm_file_why(path, HSM_FILE_TRUSTED, err, why, sizeof why);
    (void)snprintf(reason, sizeof reason, "can't be read: %s", why);
    return refuse_file(path, err, reason);
}

hsm_err hsm_config_load_file(const char *path, hsm_config **out_config)
{
    HSM_AUTO(hsm_buf_clear) hsm_buf text = { 0 };
    const hsm_err err = hsm_file_read(path, HSM_FILE_TRUSTED, HSM_TOML_MAX_BYTES, &text);

    if (err == HSM_E_LIMIT)
        return refuse_file(path, err, "larger than 1 MiB");
    if (err != HSM_OK)
        return refuse_unread(path, err);
    return hsm_config_parse(hsm_buf_view(&text), path, out_config, NULL);
}

/* --- looking for it ----------------------------------------------------------------------- */

/* dir/craton_hsm.toml if it exists, else NULL. */
static hsm_err look_in(const char *dir, char **out_path)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;

    HSM_TRY(hsm_path_join(dir, FILE_NAME, &path));
    if (hsm_path_exists(path))
        *out_path = HSM_MOVE(path);
    return HSM_OK;
}

/* The first file of the look-up order; NULL if there is none. */
static hsm_err look_up(char **out_path)
{
    HSM_AUTO(hsm_path_drop) char *user_dir = NULL;
    HSM_AUTO(hsm_path_drop) char *path = NULL;

    HSM_TRY(hsm_path_user_config_dir(&user_dir)); /* NULL in a set-id process */
    if (user_dir != NULL)
        HSM_TRY(look_in(user_dir, &path));
    if (path == NULL)
        HSM_TRY(look_in(HSM_PATH_SYSTEM_CONFIG_DIR, &path));
    if (path == NULL && !hsm_env_is_setid())
        HSM_TRY(look_in(".", &path));
    *out_path = HSM_MOVE(path);
    return HSM_OK;
}

static hsm_err load_approved(hsm_config **out_config)
{
    HSM_AUTO(hsm_config_drop) hsm_config *config = NULL;

    hsm_log(HSM_LOG_WARNING,
            "CRATON_HSM_FIPS=1: no configuration file is read; fixed defaults with "
            "approved algorithms only are in force");
    HSM_TRY(hsm_config_defaults(&config));
    config->algorithms.fips_approved_only = true;
    *out_config = HSM_MOVE(config);
    return HSM_OK;
}

hsm_err hsm_config_load(hsm_config **out_config)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;
    const char *fips = hsm_env_get("CRATON_HSM_FIPS");
    const char *named = hsm_env_get("CRATON_HSM_CONFIG");

    if (fips != NULL && strcmp(fips, "1") == 0)
        return load_approved(out_config);
    if (named != NULL && !hsm_path_exists(named) && errno == ENOENT) {
        hsm_log(HSM_LOG_WARNING, "CRATON_HSM_CONFIG names %s, which does not exist: using defaults",
                named);
        return hsm_config_defaults(out_config);
    }
    if (named != NULL)
        return hsm_config_load_file(named, out_config);
    const hsm_err err = look_up(&path);
    if (err == HSM_E_ARG)
        return refuse_file("(look-up)", err, "the user's configuration directory is too long");
    HSM_TRY(err);
    return path != NULL ? hsm_config_load_file(path, out_config) : hsm_config_defaults(out_config);
}
