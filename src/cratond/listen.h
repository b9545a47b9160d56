/* Where clients come in, and who may be let in there.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_LISTEN_H
#define HSM_CRATOND_LISTEN_H

#include "config/config.h"

#define LISTEN_MAX 8

typedef struct listener {
    int fd;
    bool is_unix;
} listener;

typedef struct listeners {
    listener list[LISTEN_MAX];
    size_t count;
    char *unix_path; /* to be removed at the end; NULL: none of ours */
} listeners;

/* Opens what the configuration says, or takes over what systemd has opened. Without TLS only a Unix
 * socket is served, which its owner alone can use. An address that other machines can reach needs
 * daemon.tls_client_ca, whatever else is set. Raises the limit of open files as far as allowed to what
 * daemon.max_connections needs; a warning says when that is not enough.
 * errors  HSM_E_CONFIG, HSM_E_ADDRESS (the reason is logged) */
HSM_MUST_USE hsm_err listen_open(const hsm_config *config, listeners *out_listeners);
/* Whether it could, but for what others do: opens nothing.
 * errors  HSM_E_CONFIG (logged) */
HSM_MUST_USE hsm_err listen_check(const hsm_config *config);
void listen_close(listeners *open);
/* A listening socket on "address:port" or "unix:/path"; loopback only unless `may_be_remote`.
 * errors  HSM_E_CONFIG, HSM_E_ADDRESS (logged) */
HSM_MUST_USE hsm_err listen_on(const char *where, bool may_be_remote, int *out_fd);

#endif
