/* A core whose token lives in memory, with the user logged in.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_CORE_BENCH_H
#define UNIT_CORE_BENCH_H

#include <string.h>

#include "config/config.h"
#include "core/core.h"
#include "core/process.h"

typedef struct bench {
    hsm_config *config;
    hsm_core *core;
    CK_SESSION_HANDLE session;
} bench;

static inline void bench_close(bench *on)
{
    hsm_core_close(on->core);
    hsm_config_destroy(on->config);
}

static inline hsm_err bench_open(bench *on)
{
    const hsm_bytes pin = hsm_bytes_of_text("a-long-pin-1");
    const CK_FLAGS flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    uint8_t label[32];

    memset(label, ' ', sizeof label);
    HSM_TRY(hsm_core_process_watch());
    HSM_TRY(hsm_config_parse(hsm_bytes_of_text("token.persist_objects = false\n"
                                               "token.storage_path = '/nowhere'\n"
                                               "security.pbkdf2_iterations = 100000\n"
                                               "audit.enabled = false\n"),
                             "test", &on->config, NULL));
    HSM_TRY(hsm_core_open(on->config, &on->core));
    HSM_TRY(hsm_core_init_token(on->core, 0, pin, label));
    HSM_TRY(hsm_core_open_session(on->core, 0, flags, &on->session));
    HSM_TRY(hsm_core_login(on->core, on->session, CKU_SO, pin));
    HSM_TRY(hsm_core_init_pin(on->core, on->session, pin));
    HSM_TRY(hsm_core_logout(on->core, on->session));
    return hsm_core_login(on->core, on->session, CKU_USER, pin);
}

#endif
