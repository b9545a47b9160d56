/* The places where our files are looked for.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_OS_PATHS_H
#define HSM_OS_PATHS_H

#include "base/scope.h"

#define HSM_PATH_SYSTEM_CONFIG_DIR "/etc/craton-hsm"
#define HSM_PATH_SYSTEM_DATA_DIR "/var/lib/craton-hsm"

/* A path on the heap, for HSM_AUTO(hsm_path_drop). */
void hsm_path_drop(char **path);

/* dir + "/" + name, or dir alone if name is ""; free() it.
 * errors  HSM_E_ARG (longer than PATH_MAX), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_path_join(const char *dir, const char *name, char **out_path);

/* An absolute path for `path`, from the current directory if it is relative, with its links; free()
 * it.
 * errors  HSM_E_ARG (too long), HSM_E_STORE_NOT_FOUND (no current directory), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_path_absolute(const char *path, char **out_path);
/* The same place without a link in what exists of the path: for paths that nobody wrote down, such
 * as those below a home directory. path is absolute and has no "..".
 * errors  as above */
HSM_MUST_USE hsm_err hsm_path_resolve(const char *path, char **out_path);

/* $XDG_CONFIG_HOME/craton-hsm or ~/.config/craton-hsm; free() it. NULL (and HSM_OK) when there is
 * none: no home, or a set-id process.
 * errors  HSM_E_ARG (too long), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_path_user_config_dir(char **out_path);

/* The socket of the daemon: craton-hsm.sock in $XDG_RUNTIME_DIR, or for root in /run; free() it.
 * NULL (and HSM_OK) when there is no such directory.
 * errors  HSM_E_ARG (too long), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_path_socket(char **out_path);

/* A folder of this user for what another process may use again until the next boot:
 * $XDG_RUNTIME_DIR/craton-hsm, for root /run/craton-hsm, else $XDG_CACHE_HOME/craton-hsm or
 * ~/.cache/craton-hsm; free() it. NULL (and HSM_OK) when there is none: no home, or a set-id process.
 * errors  HSM_E_ARG (too long), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_path_runtime_dir(char **out_path);

/* The credential that systemd gave this service under a name: a file of $CREDENTIALS_DIRECTORY; free()
 * it. NULL (and HSM_OK) when there is none.
 * errors  HSM_E_ARG (too long), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_path_credential(const char *name, char **out_path);

/* Where tokens live by default: /var/lib/craton-hsm for root and set-id processes, else
 * $XDG_DATA_HOME/craton-hsm or ~/.local/share/craton-hsm; free() it.
 * errors  HSM_E_STORE_NOT_FOUND (no home known), HSM_E_ARG (too long), HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err hsm_path_data_dir(char **out_path);

#endif
