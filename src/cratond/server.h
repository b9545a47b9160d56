/* The daemon: opens everything, runs until it is told to stop, closes everything.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HSM_CRATOND_SERVER_H
#define HSM_CRATOND_SERVER_H

#include "config/config.h"

typedef struct server server;

/* Opens the store, reads the TLS files, binds the sockets. What is wrong is logged.
 * in      config  borrowed until the end
 * errors  HSM_E_CONFIG, HSM_E_ADDRESS, HSM_E_STORE_*, HSM_E_CRYPTO, HSM_E_NO_MEMORY */
HSM_MUST_USE hsm_err server_open(const hsm_config *config, server **out_server);
void server_close(server *of);
/* The same, but binds nothing and ends: another daemon may serve the addresses meanwhile. */
HSM_MUST_USE hsm_err server_check(const hsm_config *config);

/* Serves until SIGTERM or SIGINT, which must be blocked along with SIGHUP (reload) beforehand.
 * errors  HSM_E_SELF_TEST (the core's error state: it stopped by itself), HSM_E_INTERNAL */
HSM_MUST_USE hsm_err server_run(server *of);

#endif
