/* SPDX-License-Identifier: Apache-2.0 */
#include "os/paths.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "os/env.h"
#include "os/file.h"

void hsm_path_drop(char **path)
{
    free(*path);
    *path = NULL;
}

hsm_err hsm_path_join(const char *dir, const char *name, char **out_path)
{
    const size_t dir_len = strlen(dir);
    const size_t name_len = strlen(name);

    HSM_CHECK(dir_len < PATH_MAX && name_len < PATH_MAX && dir_len + name_len + 2 <= PATH_MAX,
              HSM_E_ARG);
    const size_t gap = name_len == 0 || (dir_len > 0 && dir[dir_len - 1] == '/') ? 0 : 1;
    char *path = malloc(dir_len + gap + name_len + 1);
    HSM_CHECK(path != NULL, HSM_E_NO_MEMORY);
    memcpy(path, dir, dir_len);
    if (gap == 1)
        path[dir_len] = '/';
    memcpy(path + dir_len + gap, name, name_len + 1);
    *out_path = path;
    return HSM_OK;
}

hsm_err hsm_path_absolute(const char *path, char **out_path)
{
    char here[PATH_MAX];

    while (path[0] == '.' && path[1] == '/')
        path += 2;
    if (path[0] == '/')
        return hsm_path_join(path, "", out_path);
    HSM_CHECK(getcwd(here, sizeof here) != NULL && here[0] == '/', HSM_E_STORE_NOT_FOUND);
    return hsm_path_join(here, path, out_path);
}

hsm_err hsm_path_resolve(const char *path, char **out_path)
{
    char real[PATH_MAX];
    HSM_AUTO(hsm_path_drop) char *head = hsm_text_dup(path);
    HSM_CHECK(head != NULL, HSM_E_NO_MEMORY);
    size_t len = strlen(head);

    /* Shortens the head to what exists. */
    while (len > 1 && realpath(head, real) == NULL) {
        while (len > 1 && head[len - 1] != '/')
            len--;
        while (len > 1 && head[len - 1] == '/')
            len--;
        head[len] = '\0';
    }
    HSM_CHECK(realpath(head, real) != NULL, HSM_E_STORE_NOT_FOUND);
    const char *rest = path + len;
    while (*rest == '/')
        rest++;
    return hsm_path_join(real, rest, out_path);
}

/* $variable/craton-hsm, or ~/below_home/craton-hsm, or NULL without a home. Relative values are to
 * be ignored (XDG Base Directory Specification). */
static hsm_err user_dir(const char *variable, const char *below_home, char **out_path)
{
    const char *base = hsm_env_get(variable);
    if (base != NULL && base[0] == '/')
        return hsm_path_join(base, "craton-hsm", out_path);

    const char *home = hsm_env_get("HOME");
    if (home == NULL || home[0] != '/') {
        *out_path = NULL;
        return HSM_OK;
    }
    HSM_AUTO(hsm_path_drop) char *parent = NULL;
    HSM_TRY(hsm_path_join(home, below_home, &parent));
    return hsm_path_join(parent, "craton-hsm", out_path);
}

hsm_err hsm_path_user_config_dir(char **out_path)
{
    return user_dir("XDG_CONFIG_HOME", ".config", out_path);
}

hsm_err hsm_path_credential(const char *name, char **out_path)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;
    const char *directory = hsm_env_get("CREDENTIALS_DIRECTORY");

    if (directory != NULL)
        HSM_TRY(hsm_path_join(directory, name, &path));
    *out_path = path != NULL && hsm_path_exists(path) ? HSM_MOVE(path) : NULL;
    return HSM_OK;
}

hsm_err hsm_path_data_dir(char **out_path)
{
    HSM_AUTO(hsm_path_drop) char *path = NULL;

    if (geteuid() == 0 || hsm_env_is_setid())
        return hsm_path_join(HSM_PATH_SYSTEM_DATA_DIR, "", out_path);
    HSM_TRY(user_dir("XDG_DATA_HOME", ".local/share", &path));
    HSM_CHECK(path != NULL, HSM_E_STORE_NOT_FOUND);
    *out_path = HSM_MOVE(path);
    return HSM_OK;
}

hsm_err hsm_path_runtime_dir(char **out_path)
{
    const char *dir = hsm_env_get("XDG_RUNTIME_DIR");

    if (dir != NULL && dir[0] == '/')
        return hsm_path_join(dir, "craton-hsm", out_path);
    if (geteuid() == 0 && !hsm_env_is_setid())
        return hsm_path_join("/run", "craton-hsm", out_path);
    return user_dir("XDG_CACHE_HOME", ".cache", out_path);
}

hsm_err hsm_path_socket(char **out_path)
{
    const char *dir = hsm_env_get("XDG_RUNTIME_DIR");

    if (dir != NULL && dir[0] == '/')
        return hsm_path_join(dir, "craton-hsm.sock", out_path);
    if (geteuid() == 0)
        return hsm_path_join("/run", "craton-hsm.sock", out_path);
    *out_path = NULL;
    return HSM_OK;
}
